// TimeZone over the system's tz database (through absl) and fixed offsets: see time_zone.h.
#include "src/types/time_zone.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

#include <absl/time/time.h>
#include <fmt/format.h>

#include "src/base/hash.h"

namespace qw {
namespace {

constexpr int64_t kUsPerSecond = 1'000'000;
constexpr int64_t kUnixSeconds = int64_t{10957} * 86400;

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

int64_t floor_seconds(int64_t us) {
  const int64_t seconds = us / kUsPerSecond;
  return us % kUsPerSecond < 0 ? seconds - 1 : seconds;
}

class FixedZone final : public TimeZone {
 public:
  FixedZone(int32_t east_seconds, std::string name, std::string abbreviation)
      : name_(std::move(name)), abbreviation_(std::move(abbreviation)), offset_(east_seconds) {}
  std::string_view name() const override { return name_; }
  Local at(int64_t /*utc_us*/) const override { return {offset_, false, abbreviation_}; }
  int32_t offset_of_local(int64_t /*local_us*/) const override { return offset_; }
  bool is_fixed() const override { return true; }

 private:
  std::string name_, abbreviation_;
  int32_t offset_;
};

class NamedZone final : public TimeZone {
 public:
  NamedZone(absl::TimeZone zone, std::string name) : zone_(zone), name_(std::move(name)) {}
  std::string_view name() const override { return name_; }

  Local at(int64_t utc_us) const override {
    const auto info = zone_.At(absl::FromUnixSeconds(floor_seconds(utc_us) + kUnixSeconds));
    // The library's abbreviations live as long as the zone.
    return {info.offset, info.is_dst, info.zone_abbr};
  }

  int32_t offset_of_local(int64_t local_us) const override {
    // The offsets a day before and after enclose the one in force; where both explain the local
    // time (an overlap) or neither does (a gap), PostgreSQL takes the standard one, which is the
    // earlier offset in a gap and the later one in an overlap: see below.
    constexpr int64_t day_us = 86400 * kUsPerSecond;
    const int32_t before = at(local_us - day_us).offset_seconds;
    const int32_t after = at(local_us + day_us).offset_seconds;
    if (before == after && at(local_us - before * kUsPerSecond).offset_seconds == before) {
      return before;
    }
    const int64_t seconds = floor_seconds(local_us) + kUnixSeconds;
    const auto civil = absl::ToCivilSecond(absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
    const absl::TimeZone::TimeInfo info = zone_.At(civil);
    // unique: pre = post. Overlap: the second reading. Gap: the offset before the jump.
    const absl::Time instant =
        info.kind == absl::TimeZone::TimeInfo::REPEATED ? info.post : info.pre;
    return static_cast<int32_t>(seconds - absl::ToUnixSeconds(instant));
  }
  bool is_fixed() const override { return false; }

 private:
  absl::TimeZone zone_;
  std::string name_;
};

struct Known {
  std::string_view text;
  int32_t offset;
  bool dst;
};
constexpr int32_t hours(int32_t h, int32_t m = 0) { return h * 3600 + (h < 0 ? -m : m) * 60; }
// The abbreviations of PostgreSQL's "Default" set that have one fixed offset.
constexpr std::array<Known, 62> kAbbreviations = {{
    {"acdt", hours(10, 30), true},
    {"acst", hours(9, 30), false},
    {"adt", hours(-3), true},
    {"aedt", hours(11), true},
    {"aest", hours(10), false},
    {"akdt", hours(-8), true},
    {"akst", hours(-9), false},
    {"ast", hours(-4), false},
    {"awst", hours(8), false},
    {"bdst", hours(2), true},
    {"bst", hours(1), true},
    {"cadt", hours(10, 30), true},
    {"cast", hours(9, 30), false},
    {"cct", hours(8), false},
    {"cdt", hours(-5), true},
    {"cest", hours(2), true},
    {"cet", hours(1), false},
    {"cetdst", hours(2), true},
    {"cst", hours(-6), false},
    {"edt", hours(-4), true},
    {"eat", hours(3), false},
    {"eest", hours(3), true},
    {"eet", hours(2), false},
    {"eetdst", hours(3), true},
    {"est", hours(-5), false},
    {"fet", hours(3), false},
    {"gmt", 0, false},
    {"hst", hours(-10), false},
    {"idt", hours(3), true},
    {"ist", hours(2), false},
    {"jst", hours(9), false},
    {"kdt", hours(10), true},
    {"kst", hours(9), false},
    {"mdt", hours(-6), true},
    {"mest", hours(2), true},
    {"mesz", hours(2), true},
    {"met", hours(1), false},
    {"metdst", hours(2), true},
    {"mez", hours(1), false},
    {"msd", hours(4), true},
    {"msk", hours(3), false},
    {"mst", hours(-7), false},
    {"ndt", hours(-2, 30), true},
    {"nst", hours(-3, 30), false},
    {"nzdt", hours(13), true},
    {"nzst", hours(12), false},
    {"nzt", hours(12), false},
    {"pdt", hours(-7), true},
    {"pht", hours(8), false},
    {"pkt", hours(5), false},
    {"pst", hours(-8), false},
    {"sadt", hours(10, 30), true},
    {"sast", hours(2), false},
    {"sgt", hours(8), false},
    {"uct", 0, false},
    {"ut", 0, false},
    {"utc", 0, false},
    {"wat", hours(1), false},
    {"west", hours(1), true},
    {"wet", 0, false},
    {"wetdst", hours(1), true},
    {"z", 0, false},
}};

// "<+02>-02": how PostgreSQL names a zone given as a number of hours.
std::string offset_name(int32_t east, bool posix_sign) {
  const int32_t shown = posix_sign ? -east : east;
  const int32_t size = std::abs(shown);
  std::string out = fmt::format("{}{:02}", shown < 0 ? '-' : '+', size / 3600);
  if (size % 3600 != 0) out += fmt::format(":{:02}", size / 60 % 60);
  if (size % 60 != 0) out += fmt::format(":{:02}", size % 60);
  return out;
}

std::shared_ptr<const TimeZone> by_hours(int32_t east) {
  const std::string abbreviation = offset_name(east, false);
  return std::make_shared<FixedZone>(
      east, fmt::format("<{}>{}", abbreviation, offset_name(east, true)), abbreviation);
}

// A number of hours ("-3.5") or "+hh:mm[:ss]", east of Greenwich.
std::optional<int32_t> parse_hours(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  if (text.find(':') != std::string_view::npos) {
    int32_t total = 0, unit = 3600;
    while (!text.empty() && unit >= 1) {
      int32_t part = 0;
      const auto [at, status] = std::from_chars(text.data(), text.data() + text.size(), part);
      if (status != std::errc{}) return std::nullopt;
      total += part * unit;
      unit /= 60;
      text.remove_prefix(static_cast<size_t>(at - text.data()));
      if (!text.empty() && text.front() == ':') text.remove_prefix(1);
    }
    if (!text.empty()) return std::nullopt;
    return negative ? -total : total;
  }
  double value = 0;
  const auto [at, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc{} || at != text.data() + text.size()) return std::nullopt;
  const double seconds = std::rint(value * 3600);
  return static_cast<int32_t>(negative ? -seconds : seconds);
}

// POSIX "ABC+3" or "<+02>-02": letters and an offset west of Greenwich.
std::shared_ptr<const TimeZone> parse_posix(std::string_view text) {
  size_t at = 0;
  std::string_view abbreviation;
  if (!text.empty() && text.front() == '<') {
    const size_t close = text.find('>');
    if (close == std::string_view::npos) return nullptr;
    abbreviation = text.substr(1, close - 1);
    at = close + 1;
  } else {
    while (at < text.size() && ((text[at] | 0x20) >= 'a' && (text[at] | 0x20) <= 'z')) ++at;
    abbreviation = text.substr(0, at);
  }
  if (abbreviation.size() < 3 || at == text.size()) return nullptr;
  const auto west = parse_hours(text.substr(at));
  if (!west || std::abs(*west) > 167 * 3600) return nullptr;
  std::string upper(abbreviation);
  for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return std::make_shared<FixedZone>(-*west, std::string(text), upper);
}

// Zone names by their lower-case spelling, read once from the system's database.
const std::unordered_map<std::string, std::string, StringHash, StringEqual>& zone_names() {
  static const auto* names = [] {
    auto* out = new std::unordered_map<std::string, std::string, StringHash, StringEqual>();
    const std::filesystem::path root = "/usr/share/zoneinfo";
    std::error_code error;
    auto it = std::filesystem::recursive_directory_iterator(root, error);
    for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
      const std::string name = it->path().lexically_relative(root).string();
      if (it->is_directory(error)) {
        if (name == "posix" || name == "right") it.disable_recursion_pending();
        continue;
      }
      if (name.find('.') == std::string::npos) out->emplace(lower_case(name), name);
    }
    return out;
  }();
  return *names;
}

std::shared_ptr<const TimeZone> load(std::string_view name) {
  const std::string lower = lower_case(name);
  if (lower == "utc" || lower == "gmt" || lower == "uct" || lower == "zulu") {
    std::string upper = lower == "zulu" ? "Zulu" : lower;
    if (lower != "zulu") {
      for (char& c : upper) c = static_cast<char>(c - 32);
    }
    return std::make_shared<FixedZone>(0, upper, lower == "gmt" ? "GMT" : "UTC");
  }
  if (const auto known = zone_names().find(lower); known != zone_names().end()) {
    absl::TimeZone zone;
    if (absl::LoadTimeZone(known->second, &zone)) {
      return std::make_shared<NamedZone>(zone, known->second);
    }
  }
  if (const auto east = parse_hours(name)) {
    if (std::abs(*east) <= 167 * 3600) return by_hours(*east);
    return nullptr;
  }
  return parse_posix(name);
}

}  // namespace

TimeZone::~TimeZone() = default;

Result<std::shared_ptr<const TimeZone>> TimeZone::find(std::string_view name) {
  static std::mutex mutex;
  static auto* cache = new std::unordered_map<std::string, std::shared_ptr<const TimeZone>,
                                              StringHash, StringEqual>();
  const std::lock_guard lock(mutex);
  if (const auto known = cache->find(name); known != cache->end()) return known->second;
  auto zone = load(name);
  if (zone == nullptr) {
    return fail(invalid_parameter_value(fmt::format("time zone \"{}\" not recognized", name)));
  }
  constexpr size_t cached_max = 2000;
  if (cache->size() < cached_max) cache->emplace(name, zone);
  return zone;
}

std::shared_ptr<const TimeZone> TimeZone::fixed(int32_t east_seconds, std::string name) {
  return std::make_shared<FixedZone>(east_seconds, std::move(name),
                                     offset_name(east_seconds, false));
}

const TimeZone& TimeZone::utc() {
  static const FixedZone zone(0, "UTC", "UTC");
  return zone;
}

std::optional<TimeZone::Abbreviation> TimeZone::abbreviation(std::string_view text) {
  const std::string lower = lower_case(text);
  for (const Known& known : kAbbreviations) {
    if (known.text == lower) return Abbreviation{known.offset, known.dst};
  }
  return std::nullopt;
}

}  // namespace qw
