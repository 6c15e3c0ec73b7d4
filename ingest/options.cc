// OptionReader: see options.h.
#include "ingest/options.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "src/types/datum.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

constexpr int64_t kUnixToPostgresUs = 946'684'800'000'000;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

template <typename T>
bool parse_number(std::string_view text, T& out) {
  text = trimmed(text);
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && end == text.data() + text.size();
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& letter : out) {
    letter = static_cast<char>(std::tolower(static_cast<unsigned char>(letter)));
  }
  return out;
}

struct DurationUnit {
  std::string_view name;
  int64_t us;
};
constexpr std::array kDurationUnits = {
    DurationUnit{"us", 1},
    DurationUnit{"microsecond", 1},
    DurationUnit{"ms", 1000},
    DurationUnit{"millisecond", 1000},
    DurationUnit{"s", 1'000'000},
    DurationUnit{"sec", 1'000'000},
    DurationUnit{"second", 1'000'000},
    DurationUnit{"m", 60'000'000},
    DurationUnit{"min", 60'000'000},
    DurationUnit{"minute", 60'000'000},
    DurationUnit{"h", 3'600'000'000},
    DurationUnit{"hour", 3'600'000'000},
    DurationUnit{"d", 86'400'000'000},
    DurationUnit{"day", 86'400'000'000},
};

// Pairs of a number and a unit: "1 minute 30 s", "500ms".
std::optional<int64_t> parse_duration_us(std::string_view text) {
  double total = 0;
  text = trimmed(text);
  if (text.empty()) return std::nullopt;
  while (!text.empty()) {
    double number = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (code != std::errc()) return std::nullopt;
    text = trimmed(text.substr(static_cast<size_t>(end - text.data())));
    size_t letters = 0;
    while (letters < text.size() && std::isalpha(static_cast<unsigned char>(text[letters])) != 0) {
      letters++;
    }
    std::string unit = lower(text.substr(0, letters));
    if (unit.size() > 3 && unit.back() == 's') unit.pop_back();  // seconds, mins
    const auto found = std::find_if(kDurationUnits.begin(), kDurationUnits.end(),
                                    [&](const DurationUnit& each) { return each.name == unit; });
    if (found == kDurationUnits.end()) return std::nullopt;
    total += number * static_cast<double>(found->us);
    text = trimmed(text.substr(letters));
  }
  if (!(total >= 0 && total < 1e18)) return std::nullopt;
  return static_cast<int64_t>(total);
}

}  // namespace

std::string sql_option(std::string_view name) {
  std::string out(name);
  for (char& letter : out) {
    letter =
        letter == '_' ? ' ' : static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
  }
  return out;
}

std::string scrub(std::string text, const std::set<std::string>& secrets) {
  // Longest first, so that a secret that contains another leaves nothing behind.
  std::vector<std::string> ordered(secrets.begin(), secrets.end());
  std::sort(ordered.begin(), ordered.end(),
            [](const std::string& a, const std::string& b) { return a.size() > b.size(); });
  for (const std::string& secret : ordered) {
    if (secret.empty()) continue;
    for (size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

Error scrub(Error error, const std::set<std::string>& secrets) {
  if (secrets.empty()) return error;
  return Error(error.code(), scrub(error.message(), secrets))
      .with_detail(scrub(error.detail(), secrets))
      .with_hint(scrub(error.hint(), secrets));
}

const std::string* OptionReader::find(std::string_view name) {
  known_.emplace_back(name);
  const auto found = options_.find(name);
  return found == options_.end() ? nullptr : &found->second;
}

void OptionReader::bad(std::string_view name, std::string_view value, std::string_view why) {
  if (error_) return;
  error_ = invalid_parameter_value(fmt::format("invalid value for {} option {}: \"{}\"", what_,
                                               sql_option(name), value))
               .with_detail(std::string(why));
}

std::string OptionReader::text(std::string_view name, std::string_view otherwise) {
  const std::string* value = find(name);
  return value == nullptr ? std::string(otherwise) : *value;
}

std::string OptionReader::required_text(std::string_view name) {
  const std::string* value = find(name);
  if (value != nullptr && !value->empty()) return *value;
  if (!error_) {
    error_ = invalid_parameter_value(fmt::format("{} needs option {}", what_, sql_option(name)));
  }
  return "";
}

int64_t OptionReader::integer(std::string_view name, int64_t otherwise, int64_t low, int64_t high) {
  const std::string* value = find(name);
  if (value == nullptr) return otherwise;
  int64_t number = 0;
  if (!parse_number(*value, number) || number < low || number > high) {
    bad(name, *value, fmt::format("It must be a whole number between {} and {}.", low, high));
    return otherwise;
  }
  return number;
}

double OptionReader::number(std::string_view name, double otherwise, double low, double high) {
  const std::string* value = find(name);
  if (value == nullptr) return otherwise;
  double number = 0;
  if (!parse_number(*value, number) || !std::isfinite(number) || number < low || number > high) {
    bad(name, *value, fmt::format("It must be a number between {} and {}.", low, high));
    return otherwise;
  }
  return number;
}

bool OptionReader::boolean(std::string_view name, bool otherwise) {
  const std::string* value = find(name);
  if (value == nullptr) return otherwise;
  const std::string word = lower(trimmed(*value));
  if (word == "true" || word == "on" || word == "yes" || word == "1" || word.empty()) return true;
  if (word == "false" || word == "off" || word == "no" || word == "0") return false;
  bad(name, *value, "It must be true or false.");
  return otherwise;
}

int64_t OptionReader::duration_us(std::string_view name, int64_t otherwise) {
  const std::string* value = find(name);
  if (value == nullptr) return otherwise;
  const std::optional<int64_t> us = parse_duration_us(*value);
  if (us && *us > 0) return *us;
  bad(name, *value, "It must be a positive duration, such as '500 ms', '1 s' or '5 minutes'.");
  return otherwise;
}

std::optional<int64_t> OptionReader::timestamp_us(std::string_view name) {
  const std::string* value = find(name);
  if (value == nullptr) return std::nullopt;
  int64_t unix_ms = 0;
  if (parse_number(*value, unix_ms)) return unix_ms * 1000 - kUnixToPostgresUs;
  const Result<Datum> parsed = from_text(TypeId::timestamptz, *value);
  if (!parsed) {
    bad(name, *value, "It must be a timestamp, or milliseconds since 1970 as a number.");
    return std::nullopt;
  }
  return parsed->get<int64_t>();
}

std::vector<int64_t> OptionReader::integers(std::string_view name) {
  const std::string* value = find(name);
  std::vector<int64_t> out;
  if (value == nullptr) return out;
  std::string_view rest = *value;
  while (true) {
    const size_t comma = rest.find(',');
    int64_t number = 0;
    if (!parse_number(rest.substr(0, comma), number)) {
      bad(name, *value, "It must be a list of whole numbers, such as (0, 10, 20).");
      return {};
    }
    out.push_back(number);
    if (comma == std::string_view::npos) return out;
    rest.remove_prefix(comma + 1);
  }
}

std::string OptionReader::one_of(std::string_view name, std::string_view otherwise,
                                 const std::vector<std::string_view>& allowed) {
  const std::string* value = find(name);
  if (value == nullptr) return std::string(otherwise);
  const std::string word = lower(trimmed(*value));
  if (std::find(allowed.begin(), allowed.end(), word) != allowed.end()) return word;
  bad(name, *value, fmt::format("It must be one of {}.", fmt::join(allowed, ", ")));
  return std::string(otherwise);
}

Result<void> OptionReader::finish() {
  // A misspelt name explains why another one is missing.
  for (const auto& [name, value] : options_) {
    if (std::find(known_.begin(), known_.end(), name) != known_.end()) continue;
    std::vector<std::string> known;
    for (const std::string& each : known_) known.push_back(sql_option(each));
    return fail(
        invalid_parameter_value(fmt::format("unknown {} option: {}", what_, sql_option(name)))
            .with_hint(fmt::format("Known options: {}.", fmt::join(known, ", "))));
  }
  if (error_) return fail(*error_);
  return {};
}

}  // namespace qw::ingest
