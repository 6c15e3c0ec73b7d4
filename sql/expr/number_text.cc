// to_char() of numbers and to_number(). The template's rules are in number_format.h; here a value
// of each type becomes the digits that the template has room for.
// Tests: tests/unit/sql_expr/cases/number_text.tsv.
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <string>

#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/expr/number_format.h"

namespace qw::sql {
namespace {

using View = std::string_view;

const NumberFormat* format_of(View source, Row& row) {
  struct Cache {
    bool known = false;
    NumberFormat format;
  };
  Cache& cache = row.cache<Cache>();
  if (cache.known && cache.format.source == source) return &cache.format;
  auto parsed = NumberFormat::parse(source);
  if (!parsed) {
    row.fail(std::move(parsed).error());
    return nullptr;
  }
  cache.format = std::move(*parsed);
  cache.known = true;
  return &cache.format;
}

// "-12.50" to sign and digits that fill `whole` positions, or '#' when they do not fit.
NumberDigits laid_out(View text, int32_t whole, int32_t fraction) {
  NumberDigits digits;
  digits.negative = !text.empty() && text[0] == '-';
  if (digits.negative || (!text.empty() && text[0] == '+')) text.remove_prefix(1);
  const size_t point = text.find('.');
  const auto before = static_cast<int32_t>(point == View::npos ? text.size() : point);
  if (before > whole) {
    digits.text = std::string(static_cast<size_t>(whole + fraction + 1), '#');
    digits.text[static_cast<size_t>(whole)] = '.';
    return digits;
  }
  digits.blanks = whole - before;
  digits.text = text;
  return digits;
}

Str printed(const NumberFormat& format, const NumberDigits& digits, Row& row) {
  return row.text(print_number(format, digits));
}
Str roman(const NumberFormat& format, int64_t value, Row& row) {
  NumberDigits digits;
  digits.text = roman_number(value);
  return printed(format, digits, row);
}
// "+1.50e+05" as it stands, a blank for the plus.
Str scientific(std::string text, Row& row) {
  if (text[0] == '+') text[0] = ' ';
  return row.text(text);
}
Str scientific_overflow(const NumberFormat& format, Row& row) {
  std::string text(static_cast<size_t>(format.whole + format.fraction + 6), '#');
  text[0] = ' ';
  text[static_cast<size_t>(format.whole) + 1] = '.';
  return row.text(text);
}

template <typename T>
Str integer_text(T value, View source, Row& row) {
  if (source.empty()) return Str();
  const NumberFormat* format = format_of(source, row);
  if (format == nullptr) return Str();
  if (format->roman) return roman(*format, value, row);
  if (format->scientific) {
    if constexpr (sizeof(T) == 4) {
      char buffer[64];
      std::snprintf(buffer, sizeof(buffer), "%+.*e", format->fraction, static_cast<double>(value));
      return scientific(buffer, row);
    }
  }
  T scaled = value;
  int32_t whole = format->whole;
  if (format->multiplies) {
    for (int32_t i = 0; i < format->shift; ++i) {
      if (__builtin_mul_overflow(scaled, T{10}, &scaled)) {
        return row.fail(numeric_value_out_of_range(sizeof(T) == 4 ? "integer out of range"
                                                                  : "bigint out of range"));
      }
    }
    whole += format->shift;
  }
  std::string text = fmt::format("{}", scaled);
  if (format->fraction > 0) {
    text += "." + std::string(static_cast<size_t>(format->fraction), '0');
  }
  NumberFormat wider = *format;
  wider.whole = whole;
  return printed(wider, laid_out(text, whole, format->fraction), row);
}

// Digits from the first that is not zero, and the power of ten of that one.
struct Significant {
  std::string digits;
  int32_t exponent = 0;
};
Significant significant_of(Numeric value) {
  std::string text;
  numeric::append_text(value, text);
  Significant out;
  int32_t whole = 0, zeros = 0;
  bool point = false;
  for (const char c : text) {
    if (c == '.') point = true;
    if (c < '0' || c > '9') continue;
    if (out.digits.empty() && c == '0') {
      zeros += point ? 1 : 0;
      continue;
    }
    whole += point ? 0 : 1;
    out.digits.push_back(c);
  }
  if (!out.digits.empty()) out.exponent = whole > 0 ? whole - 1 : -zeros - 1;
  return out;
}

// As d.ddde+xx, rounded half away from zero.
std::string numeric_scientific(Numeric value, int32_t fraction, Arena& arena) {
  const int32_t exponent = significant_of(value).exponent;
  const auto rounded = numeric::round(numeric::abs(value), fraction - exponent, arena);
  Significant shown = rounded ? significant_of(*rounded) : Significant();
  // 9.999 rounds to 10.00 with the exponent it had, as PostgreSQL prints it.
  const size_t whole = !shown.digits.empty() && shown.exponent > exponent ? 2 : 1;
  shown.digits.resize(static_cast<size_t>(fraction) + whole, '0');
  std::string out = value.sign() < 0 ? "-" : " ";
  out += shown.digits.substr(0, whole);
  if (fraction > 0) out += "." + shown.digits.substr(whole);
  return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
}

Str numeric_text(Numeric value, View source, Row& row) {
  if (source.empty()) return Str();
  const NumberFormat* format = format_of(source, row);
  if (format == nullptr) return Str();
  Arena& arena = row.arena();
  if (format->roman) {
    const auto rounded = numeric::to_int4(value);
    if (!rounded) return row.fail(rounded.error());
    return roman(*format, *rounded, row);
  }
  if (format->scientific) {
    if (value.is_special()) return scientific_overflow(*format, row);
    return scientific(numeric_scientific(value, format->fraction, arena), row);
  }
  NumberFormat wider = *format;
  if (format->multiplies) {
    for (int32_t i = 0; i < format->shift; ++i) {
      auto scaled = numeric::mul(value, Numeric::of(10), arena);
      if (!scaled) return row.fail(std::move(scaled).error());
      value = *scaled;
    }
    wider.whole += format->shift;
  }
  auto rounded = numeric::round(value, format->fraction, arena);
  if (!rounded) return row.fail(std::move(rounded).error());
  std::string text;
  numeric::append_text(*rounded, text);
  return printed(wider, laid_out(text, wider.whole, format->fraction), row);
}
Str int8_text(int64_t value, View source, Row& row) {
  if (!source.empty()) {
    const NumberFormat* format = format_of(source, row);
    if (format == nullptr) return Str();
    if (format->roman && (value > INT32_MAX || value < INT32_MIN)) {
      return row.fail(numeric_value_out_of_range("integer out of range"));
    }
    if (format->scientific) return numeric_text(Numeric::of(value), source, row);
  }
  return integer_text<int64_t>(value, source, row);
}

// Digits beyond what the type holds are not shown.
template <typename T>
Str float_text(T value, View source, Row& row) {
  constexpr int kDigits = sizeof(T) == 4 ? FLT_DIG : DBL_DIG;
  if (source.empty()) return Str();
  const NumberFormat* format = format_of(source, row);
  if (format == nullptr) return Str();
  if (format->roman) {
    const double whole = std::rint(static_cast<double>(value));
    return roman(*format, std::fabs(whole) < 1e9 ? static_cast<int64_t>(whole) : 0, row);
  }
  const bool finite = std::isfinite(value);
  if (format->scientific) {
    if (!finite) return scientific_overflow(*format, row);
    return scientific(fmt::format("{:+.{}e}", static_cast<double>(value), format->fraction), row);
  }
  NumberFormat wider = *format;
  double scaled = static_cast<double>(value);
  if (format->multiplies) {
    scaled = static_cast<double>(static_cast<T>(scaled * std::pow(10.0, format->shift)));
    wider.whole += format->shift;
  }
  std::string text;
  if (finite) {
    const auto before = static_cast<int>(fmt::format("{:.0f}", std::fabs(scaled)).size());
    if (before >= kDigits) {
      wider.fraction = 0;
    } else if (before + wider.fraction > kDigits) {
      wider.fraction = kDigits - before;
    }
    text = fmt::format("{:.{}f}", scaled, wider.fraction);
  } else {
    text = std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
    if (static_cast<int>(text.size()) + wider.fraction > kDigits) {
      wider.fraction = std::max(0, kDigits - static_cast<int>(text.size()));
    }
  }
  return printed(wider, laid_out(text, wider.whole, wider.fraction), row);
}

std::optional<Numeric> to_number(View text, View source, Row& row) {
  if (source.empty()) return std::nullopt;
  const NumberFormat* format = format_of(source, row);
  if (format == nullptr) return Numeric();
  if (format->roman)
    return row.fail(feature_not_supported("\"RN\" not supported for input")), Numeric();
  if (format->scientific) {
    return row.fail(feature_not_supported("\"EEEE\" not supported for input")), Numeric();
  }
  int32_t fraction = 0;
  const std::string number = read_number(*format, text, fraction);
  auto value = numeric::parse(number, row.arena());
  if (!value) return row.fail(std::move(value).error()), Numeric();
  auto fitted = numeric::apply_typmod(
      *value, numeric_typmod(format->whole + format->shift + fraction, fraction), row.arena());
  if (!fitted) return row.fail(std::move(fitted).error()), Numeric();
  if (!format->multiplies) return *fitted;
  auto scale = numeric::power(Numeric::of(10), Numeric::of(-format->shift), row.arena());
  if (!scale) return row.fail(std::move(scale).error()), Numeric();
  auto scaled = numeric::mul(*fitted, *scale, row.arena());
  if (!scaled) return row.fail(std::move(scaled).error()), Numeric();
  return *scaled;
}

}  // namespace

void declare_number_text(Declarations& d) {
  d.add(1772, "to_char(numeric,text) text stable", each<numeric_text>());
  d.add(1773, "to_char(int4,text) text stable", each<integer_text<int32_t>>());
  d.add(1774, "to_char(int8,text) text stable", each<int8_text>());
  d.add(1775, "to_char(float4,text) text stable", each<float_text<float>>());
  d.add(1776, "to_char(float8,text) text stable", each<float_text<double>>());
  d.add(1777, "to_number(text,text) numeric stable", each<to_number>());
}

}  // namespace qw::sql
