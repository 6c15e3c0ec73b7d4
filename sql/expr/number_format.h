// NumberFormat: the template of to_char() and to_number() for numbers, parsed once per call site.
// Immutable after parse(). Tests: tests/unit/sql_expr/cases/number_text.tsv.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace qw::sql {

struct NumberFormat {
  enum class Key : uint8_t {
    literal,  // `text`
    comma,
    group,  // G
    point,  // . and D
    zero,
    nine,
    currency,  // L
    minus,     // MI
    plus,      // PL
    sign,      // SG
    roman,     // RN
    ordinal,   // TH
    nothing,   // takes part in the layout only: S, PR, V, FM, EEEE, B, C, SP
  };
  struct Item {
    Key key = Key::literal;
    bool lower = false;  // rn, th
    std::string text;
  };
  enum class Anchor : uint8_t { none, before, after };

  std::string source;
  std::vector<Item> items;
  int32_t whole = 0, fraction = 0, shift = 0;  // digits before and after the point; V
  int32_t zero_begin = 0, zero_end = 0;
  int32_t anchor_at = 0;  // digits before an S that stands in front
  Anchor anchor = Anchor::none;
  bool has_point = false, has_zero = false, fill = false, brackets = false, multiplies = false,
       scientific = false, roman = false, minus = false, plus = false, blank = false;

  static Result<NumberFormat> parse(std::string_view source);
  bool anchored() const { return anchor != Anchor::none; }

 private:
  Result<void> add(Item item, std::string_view keyword);
  Result<void> add_digit(Key key);
  Result<void> add_sign(std::string_view keyword);
};

// The digits to print: absolute value, "123.45", "####.##" when they do not fit, or a Roman number.
struct NumberDigits {
  std::string text;
  bool negative = false;
  int32_t blanks = 0;  // positions before the first digit
};
// `digits` in the shape of the format.
std::string print_number(const NumberFormat& format, const NumberDigits& digits);
// What a number read by the format says: sign, digits, point. `fraction` = digits read after it.
std::string read_number(const NumberFormat& format, std::string_view input, int32_t& fraction);

// I .. MMMCMXCIX, or 15 '#'.
std::string roman_number(int64_t value);
// "st", "nd", "rd", "th"
std::string_view ordinal_suffix(std::string_view digits);

}  // namespace qw::sql
