// JsonDecoder: see json_decoder.h. The only file that sees simdjson.
#include "ingest/json/json_decoder.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>
#include <simdjson.h>

#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/types/array.h"
#include "src/types/jsonb.h"
#include "src/types/numeric.h"
#include "src/types/str.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

namespace ondemand = simdjson::ondemand;

constexpr int64_t kUnixToPostgresUs = 946'684'800'000'000;
constexpr uint32_t kOrderMax = 1024;  // members of a message whose order is remembered
constexpr int32_t kUnknownMember = -1;
constexpr size_t kErrorValueBytesMax = 100;
// Decimals of that many digits go through 64 bits, the others through the input function.
constexpr uint32_t kFastDigitsMax = 18;
constexpr auto kPowersOfTen = [] {
  std::array<int64_t, kFastDigitsMax + 1> powers{1};
  for (size_t n = 1; n < powers.size(); n++) powers[n] = powers[n - 1] * 10;
  return powers;
}();

// How a column takes its values.
enum class Target : uint8_t {
  boolean,
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  plain_text,  // text without a length
  timestamp,   // timestamp and timestamptz
  json,        // keeps the text
  jsonb,
  array,
  other,  // through the text input function
};

struct TypeTarget {
  TypeId id;
  Target target;
};
constexpr std::array kTypeTargets = {
    TypeTarget{TypeId::boolean, Target::boolean},
    TypeTarget{TypeId::int2, Target::int2},
    TypeTarget{TypeId::int4, Target::int4},
    TypeTarget{TypeId::int8, Target::int8},
    TypeTarget{TypeId::float4, Target::float4},
    TypeTarget{TypeId::float8, Target::float8},
    TypeTarget{TypeId::numeric, Target::numeric},
    TypeTarget{TypeId::text, Target::plain_text},
    TypeTarget{TypeId::varchar, Target::plain_text},
    TypeTarget{TypeId::timestamp, Target::timestamp},
    TypeTarget{TypeId::timestamptz, Target::timestamp},
    TypeTarget{TypeId::json, Target::json},
    TypeTarget{TypeId::jsonb, Target::jsonb},
    TypeTarget{TypeId::array, Target::array},
};

Target target_of(const Type& type) {
  if (type.id == TypeId::varchar && type.typmod >= 0)
    return Target::other;  // has a length to check
  for (const TypeTarget& each : kTypeTargets) {
    if (each.id == type.id) return each.target;
  }
  return Target::other;
}

bool is_space(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r';
}

std::string_view trim_end(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

enum class NumberForm : uint8_t { none, integer, decimal };

// JSON's number grammar, which is stricter than SQL's.
NumberForm number_form(std::string_view token) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t from = at;
    while (at < token.size() && is_digit(token[at])) at++;
    return at - from;
  };
  if (at < token.size() && token[at] == '-') at++;
  const size_t whole_at = at;
  const size_t whole = digits();
  if (whole == 0 || (whole > 1 && token[whole_at] == '0')) return NumberForm::none;
  NumberForm form = NumberForm::integer;
  if (at < token.size() && token[at] == '.') {
    at++;
    if (digits() == 0) return NumberForm::none;
    form = NumberForm::decimal;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    at++;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) at++;
    if (digits() == 0) return NumberForm::none;
    form = NumberForm::decimal;
  }
  return at == token.size() ? form : NumberForm::none;
}

int64_t unix_scale(UnixUnit unit) {
  switch (unit) {
    case UnixUnit::seconds:
      return 1'000'000;
    case UnixUnit::milliseconds:
      return 1000;
    case UnixUnit::microseconds:
      return 1;
  }
  return 1;
}

std::string shortened(std::string_view text) {
  if (text.size() <= kErrorValueBytesMax) return std::string(text);
  size_t end = kErrorValueBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) end--;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace

class JsonDecoder::Impl {
 public:
  Impl(std::vector<JsonField> fields, JsonOptions options)
      : fields_(std::move(fields)), options_(options) {
    QW_ASSERT(!fields_.empty());
    QW_ASSERT(!options_.whole || fields_.size() == 1);
    for (uint32_t index = 0; index < fields_.size(); index++) {
      targets_.push_back(target_of(fields_[index].type));
      by_name_.emplace(fields_[index].name, static_cast<int32_t>(index));
    }
  }

  bool decode(std::string_view json, TableWriter& writer, uint32_t row) {
    writer_ = &writer;
    row_ = row;
    // The parser reads beyond the end of a document.
    if (padded_.size() < json.size() + simdjson::SIMDJSON_PADDING) {
      padded_.resize(2 * json.size() + simdjson::SIMDJSON_PADDING);
    }
    std::memcpy(padded_.data(), json.data(), json.size());
    std::memset(padded_.data() + json.size(), 0, simdjson::SIMDJSON_PADDING);
    if (options_.whole) return decode_whole(json);
    ondemand::document document;
    const simdjson::error_code code =
        parser_.iterate(padded_.data(), json.size(), padded_.size()).get(document);
    if (code != simdjson::SUCCESS) return syntax(code);
    ondemand::json_type kind{};
    if (const auto bad = document.type().get(kind); bad != simdjson::SUCCESS) return syntax(bad);
    if (kind != ondemand::json_type::object) {
      if (!options_.scalar || fields_.size() != 1) {
        error_ = "a JSON object is needed";
        return false;
      }
      return decode_whole(json);
    }
    ondemand::object object;
    if (const auto bad = document.get_object().get(object); bad != simdjson::SUCCESS) {
      return syntax(bad);
    }
    if (!members(object)) return false;
    const char* rest = nullptr;
    if (document.current_location().get(rest) == simdjson::SUCCESS) {
      error_ = "invalid JSON: something follows the object";
      return false;
    }
    return check_nulls();
  }

  const std::string& error() const { return error_; }

 private:
  struct Member {
    std::string name;  // as it stands after its opening quote, with the closing one
    int32_t field = kUnknownMember;
  };

  bool syntax(simdjson::error_code code) {
    error_ = fmt::format("invalid JSON: {}", simdjson::error_message(code));
    return false;
  }

  bool members(ondemand::object& object) {
    size_t position = 0;
    for (auto member : object) {
      ondemand::raw_json_string raw;
      if (const auto bad = member.key().get(raw); bad != simdjson::SUCCESS) return syntax(bad);
      int32_t field = kUnknownMember;
      const Member* expected = position < order_.size() ? &order_[position] : nullptr;
      if (expected != nullptr && is_member(raw.raw(), *expected)) {
        field = expected->field;
      } else if (!find_member(member, raw.raw(), position, field)) {
        return false;
      }
      position++;
      if (field == kUnknownMember || !fields_[static_cast<size_t>(field)].needed) continue;
      ondemand::value value;
      if (const auto bad = member.value().get(value); bad != simdjson::SUCCESS) return syntax(bad);
      if (!decode_value(value, static_cast<size_t>(field))) return false;
    }
    return true;
  }

  bool is_member(const char* raw, const Member& expected) const {
    const size_t size = expected.name.size();
    return raw + size <= padded_.data() + padded_.size() &&
           std::memcmp(raw, expected.name.data(), size) == 0;
  }

  template <typename MemberResult>
  bool find_member(MemberResult& member, const char* raw, size_t position, int32_t& field) {
    size_t size = 0;
    while (raw[size] != '"' && raw[size] != '\\') size++;
    std::string_view name(raw, size);
    const bool escaped = raw[size] == '\\';
    if (escaped) {
      if (const auto bad = member.unescaped_key().get(name); bad != simdjson::SUCCESS) {
        return syntax(bad);
      }
    }
    const auto found = by_name_.find(name);
    field = found == by_name_.end() ? kUnknownMember : found->second;
    if (!escaped && position < kOrderMax) {
      if (order_.size() <= position) order_.resize(position + 1);
      order_[position] = {std::string(name) + '"', field};
    }
    return true;
  }

  bool check_nulls() {
    for (const JsonField& field : fields_) {
      if (field.not_null && writer_->column(field.column).is_null(row_)) {
        error_ =
            fmt::format("member \"{}\" is missing or null, but its column is NOT NULL", field.name);
        return false;
      }
    }
    return true;
  }

  // The document is one value for the one field.
  bool decode_whole(std::string_view json) {
    std::string_view text = trim_end(std::string_view(padded_.data(), json.size()));
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    if (text.empty()) {
      error_ = "invalid JSON: the message is empty";
      return false;
    }
    if (text == "null") {
      writer_->set_null(fields_[0].column, row_);
      return check_nulls();
    }
    if (const auto valid = jsonb::validate_json(text); !valid) {
      return invalid(0, valid.error());
    }
    if (targets_[0] == Target::json || targets_[0] == Target::jsonb || text[0] == '{' ||
        text[0] == '[') {
      return container(0, text);
    }
    if (text[0] != '"') return scalar(0, text) && check_nulls();
    if (text.find('\\') == std::string_view::npos)
      return string(0, text.substr(1, text.size() - 2));
    const Result<std::string> document = jsonb::parse(text);
    if (!document) return invalid(0, document.error());
    const std::string_view plain = JsonView(*document).string();
    return is_text(0, plain) && string(0, plain);
  }

  bool decode_value(ondemand::value& value, size_t index) {
    const std::string_view token = trim_end(value.raw_json_token());
    if (token.empty()) return syntax(simdjson::TAPE_ERROR);
    const Target target = targets_[index];
    if (token[0] == '"') {
      if (target == Target::json || target == Target::jsonb) return container(index, token);
      const size_t size = token.size();
      if (size >= 2 && token[size - 1] == '"' && std::memchr(token.data(), '\\', size) == nullptr)
          [[likely]] {
        return string(index, token.substr(1, size - 2));
      }
      std::string_view plain;
      if (const auto bad = value.get_string().get(plain); bad != simdjson::SUCCESS) {
        return syntax(bad);
      }
      return is_text(index, plain) && string(index, plain);
    }
    if (token[0] == '{') {
      ondemand::object object;
      std::string_view text;
      if (const auto bad = value.get_object().get(object); bad != simdjson::SUCCESS) {
        return syntax(bad);
      }
      if (const auto bad = object.raw_json().get(text); bad != simdjson::SUCCESS) {
        return syntax(bad);
      }
      return container(index, trim_end(text));
    }
    if (token[0] == '[') {
      ondemand::array array;
      std::string_view text;
      if (const auto bad = value.get_array().get(array); bad != simdjson::SUCCESS) {
        return syntax(bad);
      }
      if (const auto bad = array.raw_json().get(text); bad != simdjson::SUCCESS) {
        return syntax(bad);
      }
      return container(index, trim_end(text));
    }
    return scalar(index, token);
  }

  // An escape may have made a character that JSON itself refuses to hold.
  bool is_text(size_t index, std::string_view text) {
    if (std::memchr(text.data(), '\0', text.size()) == nullptr) return true;
    error_ =
        fmt::format("member \"{}\": text cannot hold the character U+0000", fields_[index].name);
    return false;
  }

  // Text of a JSON string, without quotes and escapes.
  bool string(size_t index, std::string_view text) {
    const JsonField& field = fields_[index];
    switch (targets_[index]) {
      case Target::plain_text:
        writer_->set(field.column, row_, Str::copy(text, writer_->arena()));
        return true;
      case Target::json:
      case Target::jsonb:
        scratch_.clear();
        jsonb::append_json_string(text, scratch_);
        return input(index, scratch_);
      case Target::boolean:
      case Target::int2:
      case Target::int4:
      case Target::int8:
      case Target::float4:
      case Target::float8:
      case Target::numeric:
      case Target::timestamp:
      case Target::array:
      case Target::other:
        return input(index, text);
    }
    return false;
  }

  template <typename T>
  bool integer(size_t index, std::string_view token) {
    T number = 0;
    const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), number);
    if (code == std::errc() && end == token.data() + token.size()) [[likely]] {
      writer_->set(fields_[index].column, row_, number);
      return true;
    }
    return input(index, token);  // for the input function's message
  }

  // A number that fits its column as it is written; rounding and overflow are for the input
  // function.
  bool decimal(size_t index, std::string_view token) {
    const JsonField& field = fields_[index];
    const bool negative = token[0] == '-';
    int64_t mantissa = 0;
    uint32_t digits = 0, scale = 0;
    bool behind_point = false;
    for (const char letter : token.substr(negative ? 1 : 0)) {
      if (letter == '.') {
        behind_point = true;
        continue;
      }
      if (!is_digit(letter) || ++digits > kFastDigitsMax) return input(index, token);
      mantissa = mantissa * 10 + (letter - '0');
      scale += behind_point ? 1 : 0;
    }
    if (const int32_t typmod = field.type.typmod; typmod >= 0) {
      const int32_t precision = numeric_precision(typmod), wanted = numeric_scale(typmod);
      if (wanted < static_cast<int32_t>(scale)) return input(index, token);
      const uint32_t more = static_cast<uint32_t>(wanted) - scale;
      if (digits + more > std::min<uint32_t>(kFastDigitsMax, static_cast<uint32_t>(precision))) {
        return input(index, token);
      }
      mantissa *= kPowersOfTen[more];
      scale = static_cast<uint32_t>(wanted);
    }
    writer_->set(field.column, row_, Numeric::narrow(negative ? -mantissa : mantissa, scale));
    return true;
  }

  // true, false, null or a number.
  bool scalar(size_t index, std::string_view token) {
    const JsonField& field = fields_[index];
    if (token == "null") {
      writer_->set_null(field.column, row_);  // a duplicate member may have set it
      return true;
    }
    const bool word = token == "true" || token == "false";
    const NumberForm form = word ? NumberForm::none : number_form(token);
    if (!word && form == NumberForm::none) {
      error_ =
          fmt::format("invalid JSON: member \"{}\" has the value {}", field.name, shortened(token));
      return false;
    }
    switch (targets_[index]) {
      case Target::int2:
        return integer<int16_t>(index, token);
      case Target::int4:
        return integer<int32_t>(index, token);
      case Target::int8:
        return integer<int64_t>(index, token);
      case Target::boolean:
        if (!word) break;
        writer_->set(field.column, row_, token == "true");
        return true;
      case Target::float8: {
        double number = 0;
        const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), number);
        if (word || code != std::errc()) break;
        writer_->set(field.column, row_, number);
        return true;
      }
      case Target::numeric:
        if (!word) return decimal(index, token);
        break;
      case Target::plain_text:
        writer_->set(field.column, row_, Str::copy(token, writer_->arena()));
        return true;
      case Target::timestamp:
        if (!word) return unix_time(index, token, form);
        break;
      case Target::float4:
      case Target::json:
      case Target::jsonb:
      case Target::array:
      case Target::other:
        break;
    }
    return input(index, token);
  }

  bool unix_time(size_t index, std::string_view token, NumberForm form) {
    const JsonField& field = fields_[index];
    const int64_t scale = unix_scale(options_.unix_unit);
    int64_t us = 0;
    bool fits = false;
    if (form == NumberForm::integer) {
      int64_t number = 0;
      const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), number);
      fits = code == std::errc() && !__builtin_mul_overflow(number, scale, &us);
    } else {
      double number = 0;
      const auto [end, code] = std::from_chars(token.data(), token.data() + token.size(), number);
      number = std::round(number * static_cast<double>(scale));
      fits = code == std::errc() && std::abs(number) < 9e18;
      if (fits) us = static_cast<int64_t>(number);
    }
    // PostgreSQL's range: 4713 BC to 294276 AD.
    constexpr int64_t kLowest = -211'813'488'000'000'000, kEnd = 9'223'371'331'200'000'000;
    fits =
        fits && !__builtin_sub_overflow(us, kUnixToPostgresUs, &us) && us >= kLowest && us < kEnd;
    if (!fits) {
      error_ = fmt::format("member \"{}\": timestamp out of range: {}", field.name, token);
      return false;
    }
    writer_->set(field.column, row_, us);
    return true;
  }

  // JSON text of an object, an array, or of anything bound for json and jsonb.
  bool container(size_t index, std::string_view text) {
    const JsonField& field = fields_[index];
    switch (targets_[index]) {
      case Target::plain_text:
        if (const auto valid = jsonb::validate_json(text); !valid)
          return invalid(index, valid.error());
        writer_->set(field.column, row_, Str::copy(text, writer_->arena()));
        return true;
      case Target::array:
        if (text[0] != '[') break;
        scratch_.clear();
        if (!array_text(index, text)) return false;
        return input(index, scratch_);
      case Target::json:
      case Target::jsonb:
      case Target::boolean:
      case Target::int2:
      case Target::int4:
      case Target::int8:
      case Target::float4:
      case Target::float8:
      case Target::numeric:
      case Target::timestamp:
      case Target::other:
        break;
    }
    return input(index, text);
  }

  // Appends the SQL array literal of a JSON array to scratch_. Goes through a jsonb document:
  // arrays are rare, and the document is checked as a whole.
  bool array_text(size_t index, std::string_view text) {
    const Result<std::string> document = jsonb::parse(text);
    if (!document) return invalid(index, document.error());
    return array_literal(index, JsonView(*document), 1);
  }

  bool array_literal(size_t index, const JsonView& view, uint32_t depth) {
    if (depth > limits::kArrayDimensionsMax) {
      error_ = fmt::format("member \"{}\": arrays have at most {} dimensions", fields_[index].name,
                           limits::kArrayDimensionsMax);
      return false;
    }
    scratch_ += '{';
    const bool json_elements =
        fields_[index].type.element == TypeId::json || fields_[index].type.element == TypeId::jsonb;
    std::string text;
    for (uint32_t element = 0; element < view.size(); element++) {
      if (element > 0) scratch_ += ',';
      const JsonView value = view.element(element);
      if (value.kind() == JsonKind::null) {
        scratch_ += "NULL";
      } else if (value.is_array() && !json_elements) {
        if (!array_literal(index, value, depth + 1)) return false;
      } else {
        text.clear();
        if (json_elements) {
          jsonb::append_text(value, text);
        } else {
          jsonb::append_unquoted(value, text);
        }
        array::append_quoted(text, ',', scratch_);
      }
    }
    scratch_ += '}';
    return true;
  }

  bool input(size_t index, std::string_view text) {
    const JsonField& field = fields_[index];
    const Result<void> parsed =
        parse_text_into(writer_->column(field.column), row_, text, style_, writer_->arena());
    if (!parsed) return invalid(index, parsed.error());
    writer_->set_valid(field.column, row_);
    return true;
  }

  bool invalid(size_t index, const Error& error) {
    error_ = fmt::format("member \"{}\": {}", fields_[index].name, shortened(error.message()));
    if (!error.detail().empty()) error_ += fmt::format(" ({})", shortened(error.detail()));
    return false;
  }

  const std::vector<JsonField> fields_;
  const JsonOptions options_;
  const TextStyle style_;
  std::vector<Target> targets_;
  std::unordered_map<std::string, int32_t, StringHash, StringEqual> by_name_;
  std::vector<Member> order_;
  ondemand::parser parser_;
  std::string padded_, scratch_, error_;
  TableWriter* writer_ = nullptr;
  uint32_t row_ = 0;
};

JsonDecoder::JsonDecoder(std::vector<JsonField> fields, JsonOptions options)
    : impl_(std::make_unique<Impl>(std::move(fields), options)) {}
JsonDecoder::JsonDecoder(JsonDecoder&&) noexcept = default;
JsonDecoder& JsonDecoder::operator=(JsonDecoder&&) noexcept = default;
JsonDecoder::~JsonDecoder() = default;

bool JsonDecoder::decode(std::string_view json, TableWriter& writer, uint32_t row) {
  return impl_->decode(json, writer, row);
}

const std::string& JsonDecoder::error() const { return impl_->error(); }

}  // namespace qw::ingest
