// Text forms of the plain types, and the dispatch to numeric, datetime, array and jsonb: see
// text.h.
#include "src/types/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/types/array.h"
#include "src/types/datetime.h"
#include "src/types/interval.h"
#include "src/types/jsonb.h"
#include "src/types/numeric.h"
#include "src/types/text_scalar.h"
#include "src/types/uuid.h"

namespace qw {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

Error bad_syntax(std::string_view type_name, std::string_view text) {
  return invalid_text_representation(
      fmt::format("invalid input syntax for type {}: \"{}\"", type_name, text));
}

Error out_of_range(std::string_view type_name, std::string_view text) {
  return numeric_value_out_of_range(
      fmt::format("value \"{}\" is out of range for type {}", text, type_name));
}

template <typename T>
Result<T> parse_integer(std::string_view type_name, std::string_view text) {
  std::string_view digits = trimmed(text);
  const bool plus = !digits.empty() && digits.front() == '+';
  if (plus) digits.remove_prefix(1);
  T value = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, status] = std::from_chars(digits.data(), end, value);
  // "+-1" is no number. Digits that overflow are out of range whatever follows them.
  if (status == std::errc::result_out_of_range && !(plus && digits.front() == '-')) {
    return fail(out_of_range(type_name, text));
  }
  if (at != end || digits.empty() || (plus && digits.front() == '-') ||
      status == std::errc::invalid_argument) {
    return fail(bad_syntax(type_name, text));
  }
  return value;
}

// oid, xid, cid: PostgreSQL's strtoul() takes a sign and wraps 32-bit negatives.
Result<uint32_t> parse_oid(std::string_view type_name, std::string_view text) {
  const auto value = parse_integer<int64_t>(type_name, text);
  if (!value) {
    if (value.error().code() == SqlState("22003")) return fail(out_of_range(type_name, text));
    return fail(bad_syntax(type_name, text));
  }
  if (*value > int64_t{UINT32_MAX} || *value < int64_t{INT32_MIN}) {
    return fail(out_of_range(type_name, text));
  }
  return static_cast<uint32_t>(*value);
}

template <typename T>
Result<T> parse_float(std::string_view type_name, std::string_view text) {
  std::string_view body = trimmed(text);
  const bool plus = !body.empty() && body.front() == '+';
  if (plus) body.remove_prefix(1);
  if (body.empty() || (plus && body.front() == '-')) return fail(bad_syntax(type_name, text));
  const char* end = body.data() + body.size();
  T value = 0;
  auto [at, status] = std::from_chars(body.data(), end, value);
  const size_t sign = body.front() == '-' ? 1 : 0;
  if (body.size() > sign + 2 && body[sign] == '0' && (body[sign + 1] | 0x20) == 'x') {
    const std::string copy(body);
    char* stop = nullptr;
    value = static_cast<T>(std::strtod(copy.c_str(), &stop));
    at = body.data() + (stop - copy.c_str());
    status = std::isinf(value) ? std::errc::result_out_of_range : std::errc{};
  }
  if (status == std::errc::invalid_argument || at != end) return fail(bad_syntax(type_name, text));
  if (status == std::errc::result_out_of_range) {
    return fail(numeric_value_out_of_range(
        fmt::format("\"{}\" is out of range for type {}", trimmed(text), type_name)));
  }
  return value;
}

Result<bool> parse_boolean(std::string_view text) {
  const std::string_view body = trimmed(text);
  std::array<char, 8> lower{};
  if (body.size() < lower.size()) {
    std::transform(body.begin(), body.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    const std::string_view word(lower.data(), body.size());
    const auto prefix = [&](std::string_view full, size_t at_least) {
      return word.size() >= at_least && full.starts_with(word);
    };
    if (prefix("true", 1) || prefix("yes", 1) || word == "on" || word == "1") return true;
    if (prefix("false", 1) || prefix("no", 1) || prefix("off", 2) || word == "0") return false;
  }
  return fail(bad_syntax("boolean", text));
}

Result<std::string_view> apply_length(Type type, std::string_view text, Arena& arena) {
  if (type.typmod < 4) return text;
  const auto limit = static_cast<size_t>(typmod_length(type.typmod));
  const size_t length = utf8_length(text);
  const bool padded = type.id == TypeId::bpchar;
  if (length > limit) {
    const size_t keep = utf8_offset(text, limit);
    if (text.find_first_not_of(' ', keep) != std::string_view::npos) {
      return fail(string_data_right_truncation(fmt::format(
          "value too long for type {}({})", padded ? "character" : "character varying", limit)));
    }
    return text.substr(0, keep);
  }
  if (!padded || length == limit) return text;
  const size_t bytes = text.size() + (limit - length);
  char* out = static_cast<char*>(arena.allocate(bytes, 1));
  std::memcpy(out, text.data(), text.size());
  std::memset(out + text.size(), ' ', limit - length);
  return std::string_view(out, bytes);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string_view> parse_bytea_hex(std::string_view text, Arena& arena) {
  char* out = static_cast<char*>(arena.allocate(text.size() / 2 + 1, 1));
  size_t size = 0;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      ++i;
      continue;
    }
    for (size_t k = 0; k < 2; ++k) {
      if (i + k == text.size()) {
        return fail(invalid_parameter_value("invalid hexadecimal data: odd number of digits"));
      }
      if (hex_digit(text[i + k]) < 0) {
        const size_t bytes = utf8_offset(text.substr(i + k), 1);
        return fail(invalid_parameter_value(
            fmt::format("invalid hexadecimal digit: \"{}\"", text.substr(i + k, bytes))));
      }
    }
    out[size++] = static_cast<char>(hex_digit(text[i]) * 16 + hex_digit(text[i + 1]));
    i += 2;
  }
  return std::string_view(out, size);
}

Result<std::string_view> parse_bytea(std::string_view text, Arena& arena) {
  if (text.starts_with("\\x")) return parse_bytea_hex(text.substr(2), arena);
  if (text.find('\\') == std::string_view::npos) return text;
  char* out = static_cast<char*>(arena.allocate(text.size(), 1));
  size_t size = 0;
  const auto octal = [&](size_t at, char limit) {
    return at < text.size() && text[at] >= '0' && text[at] <= limit;
  };
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out[size++] = text[i++];
    } else if (i + 1 < text.size() && text[i + 1] == '\\') {
      out[size++] = '\\';
      i += 2;
    } else if (octal(i + 1, '3') && octal(i + 2, '7') && octal(i + 3, '7')) {
      out[size++] = static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                      (text[i + 3] - '0'));
      i += 4;
    } else {
      return fail(invalid_text_representation("invalid input syntax for type bytea"));
    }
  }
  return std::string_view(out, size);
}

char parse_char(std::string_view text) {
  const auto octal = [&](size_t at, char limit) { return text[at] >= '0' && text[at] <= limit; };
  if (text.size() == 4 && text[0] == '\\' && octal(1, '3') && octal(2, '7') && octal(3, '7')) {
    return static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
  }
  return text.empty() ? '\0' : text[0];
}

Result<int64_t> parse_lsn(std::string_view text) {
  const size_t slash = text.find('/');
  const auto half = [&](std::string_view part, uint32_t& out) {
    const auto [at, status] = std::from_chars(part.data(), part.data() + part.size(), out, 16);
    return !part.empty() && part.size() <= 8 && status == std::errc{} &&
           at == part.data() + part.size();
  };
  uint32_t high = 0, low = 0;
  if (slash == std::string_view::npos || !half(text.substr(0, slash), high) ||
      !half(text.substr(slash + 1), low)) {
    return fail(bad_syntax("pg_lsn", text));
  }
  return static_cast<int64_t>((uint64_t{high} << 32) | low);
}

Result<int64_t> parse_tid(std::string_view text) {
  uint32_t block = 0;
  uint16_t offset = 0;
  const size_t comma = text.find(',');
  if (text.size() >= 5 && text.front() == '(' && text.back() == ')' &&
      comma != std::string_view::npos) {
    const auto a = std::from_chars(text.data() + 1, text.data() + comma, block);
    const auto b = std::from_chars(text.data() + comma + 1, text.data() + text.size() - 1, offset);
    if (a.ec == std::errc{} && a.ptr == text.data() + comma && b.ec == std::errc{} &&
        b.ptr == text.data() + text.size() - 1) {
      return (int64_t{block} << 16) | offset;
    }
  }
  return fail(bad_syntax("tid", text));
}

// reg* types by number; names need a catalogue, which the SQL layer has.
Result<uint32_t> parse_reg(Type type, std::string_view text) {
  if (text == "-") return uint32_t{0};
  if (!text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos) {
    return parse_oid("oid", text);
  }
  if (type.id == TypeId::regtype) {
    if (const auto found = Type::from_name(text)) return found->oid();
    return fail(undefined_object(fmt::format("type \"{}\" does not exist", text)));
  }
  if (type.id == TypeId::regclass) {
    return fail(undefined_table(fmt::format("relation \"{}\" does not exist", text)));
  }
  return fail(
      undefined_object(fmt::format("{} \"{}\" does not exist", type.type_name().substr(3), text)));
}

// "1 2 3" of int2vector and oidvector, kept as an array with lower bound 0.
Result<std::string_view> parse_integer_list(TypeId element, std::string_view text, Arena& arena) {
  std::vector<Datum> values;
  std::string_view rest = trimmed(text);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    QW_ASSIGN_OR_RETURN(Datum value, from_text(element, rest.substr(0, end)));
    values.push_back(std::move(value));
    rest = trimmed(rest.substr(end));
  }
  Str made = array::make_empty(element, arena);
  if (!values.empty()) {
    const auto count = static_cast<uint32_t>(values.size());
    Vector column = Vector::flat(element, count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      std::memcpy(static_cast<char*>(column.data) + size_t{i} * Type(element).bytes(),
                  values[i].fixed_bytes(), Type(element).bytes());
    }
    const ArrayDimension dimension{static_cast<int32_t>(count), 0};
    made = array::make(column, 0, count, {&dimension, 1}, arena);
  }
  return std::string_view(arena.copy(made.view()), made.size());
}

// Parses a value of a string-layout type; the result borrows from `text` or `arena`.
Result<std::string_view> parse_string(Type type, std::string_view text, const TextStyle& style,
                                      Arena& arena) {
  switch (type.id) {
    case TypeId::varchar:
    case TypeId::bpchar:
      return apply_length(type, text, arena);
    case TypeId::bytea:
      return parse_bytea(text, arena);
    case TypeId::name:
      return text.substr(0, utf8_clip(text, limits::kNameBytesMax));
    case TypeId::json:
      QW_TRY(jsonb::validate_json(text));
      return text;
    case TypeId::jsonb: {
      QW_ASSIGN_OR_RETURN(const std::string parsed, jsonb::parse(text));
      return std::string_view(arena.copy(parsed), parsed.size());
    }
    case TypeId::array:
      return array::parse(type, text, style, arena);
    case TypeId::int2vector:
      return parse_integer_list(TypeId::int2, text, arena);
    case TypeId::oidvector:
      return parse_integer_list(TypeId::oid, text, arena);
    case TypeId::record:
      return fail(feature_not_supported("input of anonymous composite types is not implemented"));
    case TypeId::pg_node_tree:
      return fail(feature_not_supported("cannot accept a value of type pg_node_tree"));
    // NOLINTNEXTLINE: the other types of this layout are their text.
    default:
      return text;
  }
}

template <typename T>
Result<void> put(void* out, Result<T> value) {
  QW_TRY(value);
  store<T>(out, *value);
  return {};
}

// Parses one value into `out`, type.bytes() long.
Result<void> parse_cell(Type type, std::string_view text, const TextStyle& style, Arena& arena,
                        void* out) {
  if (type.physical() == Physical::string) {
    QW_ASSIGN_OR_RETURN(const std::string_view value, parse_string(type, text, style, arena));
    if (value.size() > limits::kValueBytesMax) {
      return fail(program_limit_exceeded("value is too large"));
    }
    store<Str>(out, Str::copy(value, arena));
    return {};
  }
  switch (type.id) {
    case TypeId::boolean:
      return put<bool>(out, parse_boolean(text));
    case TypeId::int2:
      return put(out, parse_integer<int16_t>("smallint", text));
    case TypeId::int4:
      return put(out, parse_integer<int32_t>("integer", text));
    case TypeId::int8:
      return put(out, parse_integer<int64_t>("bigint", text));
    case TypeId::oid:
      return put(out, parse_oid("oid", text));
    case TypeId::xid:
      return put(out, parse_oid("xid", text));
    case TypeId::cid:
      return put(out, parse_oid("cid", text));
    case TypeId::float4:
      return put(out, parse_float<float>("real", text));
    case TypeId::float8:
      return put(out, parse_float<double>("double precision", text));
    case TypeId::numeric: {
      QW_ASSIGN_OR_RETURN(const Numeric value, numeric::parse(text, arena));
      return put(out, numeric::apply_typmod(value, type.typmod, arena));
    }
    case TypeId::char_:
      store<char>(out, parse_char(text));
      return {};
    case TypeId::date:
      return put(out, datetime::parse_date(text, style));
    case TypeId::time:
      return put(out, datetime::parse_time(text, style, type.typmod));
    case TypeId::timetz:
      return put(out, datetime::parse_timetz(text, style, type.typmod));
    case TypeId::timestamp:
      return put(out, datetime::parse_timestamp(text, style, type.typmod));
    case TypeId::timestamptz:
      return put(out, datetime::parse_timestamptz(text, style, type.typmod));
    case TypeId::interval:
      return put(out, datetime::parse_interval(text, style, type.typmod));
    case TypeId::uuid: {
      const auto value = Uuid::parse(text);
      if (!value) return fail(bad_syntax("uuid", text));
      store<Uuid>(out, *value);
      return {};
    }
    case TypeId::tid:
      return put(out, parse_tid(text));
    case TypeId::pg_lsn:
      return put(out, parse_lsn(text));
    // NOLINTNEXTLINE: reg* types, and pseudo types that no value has.
    default:
      break;
  }
  if (type.physical() == Physical::u32) return put(out, parse_reg(type, text));
  return fail(
      feature_not_supported(fmt::format("cannot accept a value of type {}", type.sql_name())));
}

void append_bytea(std::string_view bytes, bool hex, std::string& out) {
  if (hex) {
    constexpr std::string_view digits = "0123456789abcdef";
    const size_t at = out.size();
    out.resize(at + 2 + bytes.size() * 2);
    char* to = out.data() + at;
    *to++ = '\\';
    *to++ = 'x';
    for (const char c : bytes) {
      *to++ = digits[static_cast<unsigned char>(c) >> 4];
      *to++ = digits[static_cast<unsigned char>(c) & 15];
    }
    return;
  }
  for (const char c : bytes) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c < 0x20 || c > 0x7e) {
      const auto byte = static_cast<unsigned char>(c);
      out += '\\';
      out += static_cast<char>('0' + (byte >> 6));
      out += static_cast<char>('0' + ((byte >> 3) & 7));
      out += static_cast<char>('0' + (byte & 7));
    } else {
      out += c;
    }
  }
}

template <typename T>
void append_integer(T value, std::string& out) {
  std::array<char, 24> digits;  // NOLINT
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), static_cast<size_t>(end.ptr - digits.data()));
}

template <typename T>
void append_float(T value, int32_t extra_digits, std::string& out) {
  if (std::isnan(value)) {
    out += "NaN";
    return;
  }
  if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
    return;
  }
  constexpr int exact_digits = std::numeric_limits<T>::digits10;  // 15 and 6
  std::array<char, 64> text;                                      // NOLINT
  char* const begin = text.data();
  char* const limit = begin + text.size();
  if (extra_digits <= 0) {
    const int precision = std::max(exact_digits + extra_digits, 1);
    const auto end = std::to_chars(begin, limit, value, std::chars_format::general, precision);
    out.append(begin, static_cast<size_t>(end.ptr - begin));
    return;
  }
  // Shortest digits; PostgreSQL uses an exponent outside 1e-4 .. 1e15 (1e6 for real).
  const auto end = std::to_chars(begin, limit, value, std::chars_format::scientific);
  const std::string_view scientific(begin, static_cast<size_t>(end.ptr - begin));
  const size_t mark = scientific.find('e');
  const bool down = scientific[mark + 1] == '-';
  int exponent = 0;
  std::from_chars(begin + mark + 2, end.ptr, exponent);
  if (down) exponent = -exponent;
  if (exponent < -4 || exponent >= exact_digits) {
    out += scientific;
    return;
  }
  const auto fixed = std::to_chars(begin, limit, value, std::chars_format::fixed);
  out.append(begin, static_cast<size_t>(fixed.ptr - begin));
}

void append_char(char value, std::string& out) {
  const auto byte = static_cast<unsigned char>(value);
  if (byte == 0) return;
  if (byte < 0x80) {
    out += value;
    return;
  }
  fmt::format_to(std::back_inserter(out), "\\{:03o}", byte);
}

void append_integer_list(std::string_view bytes, std::string& out) {
  const ArrayView view(bytes);
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (i != 0) out += ' ';
    if (view.element_type() == TypeId::int2) {
      append_integer(view.fixed<int16_t>(i), out);
    } else {
      append_integer(view.fixed<uint32_t>(i), out);
    }
  }
}

void append_string(Type type, std::string_view bytes, const TextStyle& style, std::string& out) {
  if (type.id == TypeId::bytea) return append_bytea(bytes, style.bytea_hex, out);
  if (type.id == TypeId::jsonb) return jsonb::append_text(bytes, out);
  if (type.id == TypeId::array) return array::append_text(bytes, style, out);
  if (type.id == TypeId::record) return record::append_text(bytes, style, out);
  if (type.id == TypeId::int2vector || type.id == TypeId::oidvector) {
    return append_integer_list(bytes, out);
  }
  out += bytes;
}

void append_oid_like(Type type, uint32_t value, std::string& out) {
  const bool plain = type.id == TypeId::oid || type.id == TypeId::xid || type.id == TypeId::cid;
  if (!plain && value == 0) {
    out += '-';
    return;
  }
  if (type.id == TypeId::regtype) {
    if (const auto known = Type::from_oid(value)) {
      out += known->sql_name();
      return;
    }
  }
  append_integer(value, out);
}

void append_i64(Type type, int64_t value, const TextStyle& style, std::string& out) {
  if (type.id == TypeId::time) return datetime::append_time(value, out);
  if (type.id == TypeId::timestamp) return datetime::append_timestamp(value, style, out);
  if (type.id == TypeId::timestamptz) return datetime::append_timestamptz(value, style, out);
  const auto bits = static_cast<uint64_t>(value);
  if (type.id == TypeId::pg_lsn) {
    fmt::format_to(std::back_inserter(out), "{:X}/{:X}", bits >> 32, bits & 0xffffffffU);
    return;
  }
  if (type.id == TypeId::tid) {
    fmt::format_to(std::back_inserter(out), "({},{})", bits >> 16, bits & 0xffffU);
    return;
  }
  append_integer(value, out);
}

}  // namespace

void append_text(const Vector& vector, uint32_t row, const TextStyle& style, std::string& out) {
  const Type type = vector.type;
  switch (type.physical()) {
    case Physical::b1:
      out += vector.at<bool>(row) ? 't' : 'f';
      return;
    case Physical::i1:
      return append_char(vector.at<char>(row), out);
    case Physical::i16:
      return append_integer(vector.at<int16_t>(row), out);
    case Physical::i32:
      if (type.id == TypeId::date)
        return datetime::append_date(vector.at<int32_t>(row), style, out);
      return append_integer(vector.at<int32_t>(row), out);
    case Physical::i64:
      return append_i64(type, vector.at<int64_t>(row), style, out);
    case Physical::u32:
      return append_oid_like(type, vector.at<uint32_t>(row), out);
    case Physical::f32:
      return append_float(vector.at<float>(row), style.extra_float_digits, out);
    case Physical::f64:
      return append_float(vector.at<double>(row), style.extra_float_digits, out);
    case Physical::wide16:
      if (type.id == TypeId::uuid) return vector.at<Uuid>(row).append_text(out);
      if (type.id == TypeId::timetz) return datetime::append_timetz(vector.at<TimeTz>(row), out);
      return datetime::append_interval(vector.at<Interval>(row), style, out);
    case Physical::numeric:
      return numeric::append_text(vector.at<Numeric>(row), out);
    case Physical::string:
      return append_string(type, vector.at<Str>(row).view(), style, out);
    case Physical::none:
      return;
  }
}

std::string to_text(const Datum& value, const TextStyle& style) {
  QW_ASSERT(!value.is_null());
  std::string out;
  if (value.type().physical() == Physical::string) {
    append_string(value.type(), value.bytes(), style, out);
    return out;
  }
  Arena arena;
  append_text(value.to_vector(arena), 0, style, out);
  return out;
}

Result<Datum> from_text(Type type, std::string_view text, const TextStyle& style) {
  Arena arena;
  Vector one = Vector::flat(type, 1, arena);
  QW_TRY(parse_cell(type, text, style, arena, one.data));
  return Datum::from(one, 0);
}

Result<void> parse_text_into(Vector& vector, uint32_t row, std::string_view text,
                             const TextStyle& style, Arena& arena) {
  QW_ASSERT(vector.form == Form::flat);
  return parse_cell(vector.type, text, style, arena,
                    static_cast<char*>(vector.data) + size_t{row} * vector.type.bytes());
}

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() > 2 && text.front() == '{' && text.back() == '}') {
    text = text.substr(1, text.size() - 2);
  }
  Uuid out;
  size_t at = 0;
  for (size_t i = 0; i < out.bytes.size(); ++i) {
    if (at + 2 > text.size()) return std::nullopt;
    const int high = hex_digit(text[at]), low = hex_digit(text[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.bytes[i] = static_cast<unsigned char>(high * 16 + low);
    at += 2;
    if (i % 2 == 1 && i != 15 && at < text.size() && text[at] == '-') ++at;
  }
  if (at != text.size()) return std::nullopt;
  return out;
}

void Uuid::append_text(std::string& out) const {
  constexpr std::string_view digits = "0123456789abcdef";
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
}

}  // namespace qw
