// Numeric text, binary, packed and key forms: see numeric.h.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/types/numeric.h"
#include "src/types/numeric_big.h"

namespace qw::numeric {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
         });
}

Error bad_syntax(std::string_view text) {
  return invalid_text_representation(
      fmt::format("invalid input syntax for type numeric: \"{}\"", text));
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool parse_special(std::string_view text, Numeric& out) {
  if (equals_ignoring_case(text, "nan")) {
    out = Numeric::nan();
    return true;
  }
  const bool negative = !text.empty() && text.front() == '-';
  if (negative || (!text.empty() && text.front() == '+')) text.remove_prefix(1);
  if (!equals_ignoring_case(text, "infinity") && !equals_ignoring_case(text, "inf")) return false;
  out = negative ? Numeric::minus_infinity() : Numeric::infinity();
  return true;
}

// Digits as written, without the point.
struct Literal {
  bool negative = false;
  std::string_view before, after;  // around the point
  int64_t exponent = 0;
};

Result<Literal> scan(std::string_view text, std::string_view original) {
  Literal out;
  size_t i = 0;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) out.negative = text[i++] == '-';
  const auto digits = [&] {
    const size_t begin = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return text.substr(begin, i - begin);
  };
  out.before = digits();
  if (i < text.size() && text[i] == '.') {
    ++i;
    out.after = digits();
  }
  if (out.before.empty() && out.after.empty()) return fail(bad_syntax(original));
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    const bool down = i < text.size() && text[i] == '-';
    if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
    const std::string_view exponent = digits();
    if (exponent.empty()) return fail(bad_syntax(original));
    for (const char c : exponent) {
      out.exponent = std::min<int64_t>(out.exponent * 10 + (c - '0'), INT32_MAX);
    }
    if (down) out.exponent = -out.exponent;
  }
  if (i != text.size()) return fail(bad_syntax(original));
  constexpr int64_t exponent_max = INT32_MAX / 2;
  if (out.exponent >= exponent_max || out.exponent <= -exponent_max) return fail(overflow());
  return out;
}

void append_unsigned(Int128 value, std::string& out) {
  std::array<char, 40> digits;  // NOLINT: filled from the back
  size_t at = digits.size();
  auto rest = static_cast<UInt128>(value);
  constexpr uint64_t chunk = 10'000'000'000'000'000'000U;
  while (rest > UINT64_MAX) {
    auto low = static_cast<uint64_t>(rest % chunk);
    rest /= chunk;
    for (int i = 0; i < 19; ++i, low /= 10) digits[--at] = static_cast<char>('0' + low % 10);
  }
  auto low = static_cast<uint64_t>(rest);
  do {
    digits[--at] = static_cast<char>('0' + low % 10);
    low /= 10;
  } while (low != 0);
  out.append(digits.data() + at, digits.size() - at);
}

// Decimal digits of the magnitude, without sign or point.
std::string magnitude_digits(Numeric a) {
  std::string out;
  if (a.is_narrow()) {
    append_unsigned(a.mantissa() < 0 ? -a.mantissa() : a.mantissa(), out);
    return out;
  }
  Big value(a);
  mpz_abs(value.get(), value.get());
  out.resize(mpz_sizeinbase(value.get(), 10) + 2);
  mpz_get_str(out.data(), 10, value.get());
  out.resize(std::strlen(out.c_str()));
  return out;
}

}  // namespace

Result<Numeric> parse(std::string_view text, Arena& arena) {
  const std::string_view original = text;
  text = trimmed(text);
  if (text.empty()) return fail(bad_syntax(original));
  Numeric special;
  if (!is_digit(text.back()) && parse_special(text, special)) return special;
  QW_ASSIGN_OR_RETURN(const Literal literal, scan(text, original));
  const int64_t shown = static_cast<int64_t>(literal.after.size()) - literal.exponent;
  const int64_t scale = std::max<int64_t>(shown, 0);
  const size_t count = literal.before.size() + literal.after.size();
  if (count <= 33 && shown >= 0 && shown <= Numeric::kScaleMax) {
    Int128 mantissa = 0;
    if (count <= 18) {
      int64_t small = 0;
      for (const char c : literal.before) small = small * 10 + (c - '0');
      for (const char c : literal.after) small = small * 10 + (c - '0');
      mantissa = small;
    } else {
      for (const char c : literal.before) mantissa = mantissa * 10 + (c - '0');
      for (const char c : literal.after) mantissa = mantissa * 10 + (c - '0');
    }
    return Numeric::narrow(literal.negative ? -mantissa : mantissa, static_cast<uint32_t>(scale));
  }
  std::string digits(literal.before);
  digits += literal.after;
  const size_t leading_zeros = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, leading_zeros);
  if (scale > Numeric::kScaleMax) return fail(overflow());
  if (digits.empty()) return Numeric::narrow(0, static_cast<uint32_t>(scale));
  constexpr int64_t integer_digits_max = 131072;
  if (static_cast<int64_t>(digits.size()) - shown > integer_digits_max) return fail(overflow());
  if (shown < 0) digits.append(static_cast<size_t>(-shown), '0');
  Big value;
  mpz_set_str(value.get(), digits.c_str(), 10);
  if (literal.negative) mpz_neg(value.get(), value.get());
  return make(value, static_cast<uint32_t>(scale), arena);
}

void append_text(Numeric a, std::string& out) {
  if (a.is_special()) {
    out += a.is_nan() ? "NaN" : (a.mantissa() > 0 ? "Infinity" : "-Infinity");
    return;
  }
  if (a.sign() < 0) out += '-';
  const size_t begin = out.size();
  if (a.is_narrow()) {
    append_unsigned(a.mantissa() < 0 ? -a.mantissa() : a.mantissa(), out);
  } else {
    out += magnitude_digits(a);
  }
  const uint32_t scale = a.scale();
  if (scale == 0) return;
  const size_t count = out.size() - begin;
  if (count <= scale) out.insert(begin, scale + 1 - count, '0');
  out.insert(out.size() - scale, 1, '.');
}

void append_binary(Numeric a, std::string& out) {
  if (a.is_special()) {
    const uint16_t sign = a.is_nan() ? 0xC000 : (a.mantissa() > 0 ? 0xD000 : 0xF000);
    append_be<uint16_t>(out, 0);
    append_be<uint16_t>(out, 0);
    append_be<uint16_t>(out, sign);
    // PostgreSQL sends the header bits of an infinity as its scale.
    append_be<uint16_t>(out, a.is_nan() ? 0 : 0x20);
    return;
  }
  // Groups of four digits, aligned to the point.
  std::string digits = a.sign() == 0 ? std::string() : magnitude_digits(a);
  const uint32_t scale = a.scale();
  int32_t weight = 0;
  if (!digits.empty()) {
    if (scale % 4 != 0) digits.append(4 - scale % 4, '0');
    digits.insert(0, (4 - digits.size() % 4) % 4, '0');
    weight = static_cast<int32_t>(digits.size() / 4) - 1 - static_cast<int32_t>((scale + 3) / 4);
    while (digits.starts_with("0000")) {
      digits.erase(0, 4);
      --weight;
    }
    while (digits.ends_with("0000")) digits.resize(digits.size() - 4);
  }
  append_be<uint16_t>(out, static_cast<uint16_t>(digits.size() / 4));
  append_be<int16_t>(out, static_cast<int16_t>(weight));
  append_be<uint16_t>(out, a.sign() < 0 ? 0x4000 : 0);
  append_be<uint16_t>(out, static_cast<uint16_t>(scale));
  for (size_t i = 0; i < digits.size(); i += 4) {
    int value = 0;
    for (size_t k = 0; k < 4; ++k) value = value * 10 + (digits[i + k] - '0');
    append_be<uint16_t>(out, static_cast<uint16_t>(value));
  }
}

Result<Numeric> from_binary(std::string_view bytes, Arena& arena) {
  ByteReader reader(bytes);
  const auto count = reader.read_be<uint16_t>();
  const auto weight = reader.read_be<int16_t>();
  const auto sign = reader.read_be<uint16_t>();
  const auto scale = reader.read_be<uint16_t>();
  if (!scale) return fail(protocol_violation("insufficient data left in message"));
  if (*sign != 0 && *sign != 0x4000 && *sign != 0xC000 && *sign != 0xD000 && *sign != 0xF000) {
    return fail(invalid_binary_representation("invalid sign in external \"numeric\" value"));
  }
  if ((*scale & ~Numeric::kScaleMax) != 0) {
    return fail(invalid_binary_representation("invalid scale in external \"numeric\" value"));
  }
  std::string digits;
  for (uint16_t i = 0; i < *count; ++i) {
    const auto group = reader.read_be<int16_t>();
    if (!group) return fail(protocol_violation("insufficient data left in message"));
    if (*group < 0 || *group > 9999) {
      return fail(invalid_binary_representation("invalid digit in external \"numeric\" value"));
    }
    fmt::format_to(std::back_inserter(digits), "{:04}", *group);
  }
  if (!reader.done()) {
    return fail(invalid_binary_representation("incorrect binary data format"));
  }
  if (*sign == 0xC000) return Numeric::nan();
  if (*sign == 0xD000) return Numeric::infinity();
  if (*sign == 0xF000) return Numeric::minus_infinity();
  // The digits stand for 0.dddd * 10000^(weight + 1); cut or extend them to the display scale.
  const int64_t wanted = (int64_t{*weight} + 1) * 4 + *scale;
  if (wanted <= 0) return Numeric::narrow(0, *scale);
  digits.resize(static_cast<size_t>(wanted), '0');
  Big value;
  mpz_set_str(value.get(), digits.c_str(), 10);
  if (*sign == 0x4000) mpz_neg(value.get(), value.get());
  return make(value, *scale, arena);
}

Result<Numeric> from_float8(double value, Arena& arena) {
  if (std::isnan(value)) return Numeric::nan();
  if (std::isinf(value)) return value > 0 ? Numeric::infinity() : Numeric::minus_infinity();
  std::array<char, 48> text;  // NOLINT
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 15);
  return parse({text.data(), static_cast<size_t>(end.ptr - text.data())}, arena);
}

Result<Numeric> from_float4(float value, Arena& arena) {
  if (std::isnan(value)) return Numeric::nan();
  if (std::isinf(value)) return value > 0 ? Numeric::infinity() : Numeric::minus_infinity();
  std::array<char, 48> text;  // NOLINT
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::general, 6);
  return parse({text.data(), static_cast<size_t>(end.ptr - text.data())}, arena);
}

namespace {

template <typename T>
Result<T> to_float(Numeric a, std::string_view type_name) {
  if (a.is_special()) {
    if (a.is_nan()) return std::numeric_limits<T>::quiet_NaN();
    return a.mantissa() > 0 ? std::numeric_limits<T>::infinity()
                            : -std::numeric_limits<T>::infinity();
  }
  std::string text;
  append_text(a, text);
  T value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status == std::errc::result_out_of_range) {
    return fail(numeric_value_out_of_range(
        fmt::format("\"{}\" is out of range for type {}", text, type_name)));
  }
  return value;
}

}  // namespace

Result<double> to_float8(Numeric a) {
  // Both exact, so one division rounds correctly.
  if (a.is_narrow() && a.scale() <= 22 && is_int64(a.mantissa())) {
    constexpr int64_t exact = int64_t{1} << 53;
    const auto mantissa = static_cast<int64_t>(a.mantissa());
    if (mantissa >= -exact && mantissa <= exact) {
      static constexpr std::array<double, 23> powers = {
          1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
          1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
      return static_cast<double>(mantissa) / powers[a.scale()];
    }
  }
  return to_float<double>(a, "double precision");
}

Result<float> to_float4(Numeric a) { return to_float<float>(a, "real"); }

void append_packed(Numeric a, std::string& out) {
  append<uint16_t>(out, a.header());
  if (a.is_wide()) {
    out += a.wide_negative() ? '\1' : '\0';
    out += a.limbs();
    return;
  }
  const Int128 mantissa = a.mantissa();
  if (mantissa == 0) return;
  uint32_t bytes = 1;
  while ((mantissa >> (8 * bytes - 1)) != 0 && (mantissa >> (8 * bytes - 1)) != -1) ++bytes;
  std::array<char, 16> raw;  // NOLINT
  std::memcpy(raw.data(), &mantissa, 16);
  out.append(raw.data(), bytes);
}

Numeric from_packed(std::string_view bytes) {
  QW_ASSERT(bytes.size() >= 2);
  const auto header = load<uint16_t>(bytes.data());
  bytes.remove_prefix(2);
  if ((header & Numeric::kFormMask) == Numeric::kWide) {
    return Numeric::wide(bytes[0] != 0, header & Numeric::kScaleMax, bytes.substr(1));
  }
  QW_ASSERT(bytes.size() <= 14);
  Int128 mantissa = !bytes.empty() && static_cast<signed char>(bytes.back()) < 0 ? -1 : 0;
  std::memcpy(&mantissa, bytes.data(), bytes.size());
  return Numeric::from_raw((mantissa << 16) | Int128{header});
}

// Layout: one class byte, then for non-zero finite numbers three bytes of biased exponent and pairs
// of digits (value + 1), ended by 0; a negative number inverts everything after the class byte.
void append_key(Numeric a, std::string& out) {
  enum : char { minus_infinity = 1, negative, zero, positive, infinity, not_a_number };
  if (a.is_special()) {
    out += a.is_nan() ? not_a_number : (a.mantissa() > 0 ? infinity : minus_infinity);
    return;
  }
  if (a.sign() == 0) {
    out += zero;
    return;
  }
  std::string digits = magnitude_digits(a);
  constexpr int32_t bias = 0x20000;
  const auto exponent = static_cast<uint32_t>(static_cast<int32_t>(digits.size()) -
                                              static_cast<int32_t>(a.scale()) + bias);
  while (digits.back() == '0') digits.pop_back();
  if (digits.size() % 2 != 0) digits += '0';
  out += a.sign() < 0 ? negative : positive;
  const size_t begin = out.size();
  out += static_cast<char>(exponent >> 16);
  out += static_cast<char>(exponent >> 8);
  out += static_cast<char>(exponent);
  for (size_t i = 0; i < digits.size(); i += 2) {
    out += static_cast<char>((digits[i] - '0') * 10 + (digits[i + 1] - '0') + 1);
  }
  out += '\0';
  if (a.sign() > 0) return;
  for (size_t i = begin; i < out.size(); ++i) out[i] = static_cast<char>(~out[i]);
}

}  // namespace qw::numeric
