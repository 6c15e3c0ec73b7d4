// Text form of values: PostgreSQL's input and output functions, to the character.
//
// Output follows the session settings in TextStyle; input errors carry PostgreSQL's SQLSTATE and
// text (22P02 "invalid input syntax for type integer: \"x\"", 22003, 22007, 22008). Columnar entry
// points for loops, Datum ones for constants. Pure functions; any thread. Tests:
// tests/unit/types/text_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/datum.h"
#include "src/types/type.h"
#include "src/types/vector.h"

namespace qw {

class TimeZone;  // src/types/time_zone.h

enum class DateStyle : uint8_t { iso, sql, postgres, german };
enum class DateOrder : uint8_t { mdy, dmy, ymd };
enum class IntervalStyle : uint8_t { postgres, postgres_verbose, sql_standard, iso_8601 };

struct TextStyle {
  DateStyle date_style = DateStyle::iso;
  DateOrder date_order = DateOrder::mdy;
  IntervalStyle interval_style = IntervalStyle::postgres;
  int32_t extra_float_digits = 1;
  bool bytea_hex = true;
  std::shared_ptr<const TimeZone> zone;  // nullptr = UTC
  int64_t now_us = 0;                    // what 'now' and 'today' mean on input
};

// Appends the text of row `row`, which is not NULL.
void append_text(const Vector& vector, uint32_t row, const TextStyle& style, std::string& out);
std::string to_text(const Datum& value, const TextStyle& style = {});

// Parses one value; `type.typmod` is applied as for a column (varchar(n) too long: 22001; numeric
// rounds, overflows with 22003).
Result<Datum> from_text(Type type, std::string_view text, const TextStyle& style = {});

// Parses into row `row` of a flat vector, bytes into `arena`. For loops: no allocation but the
// arena's.
Result<void> parse_text_into(Vector& vector, uint32_t row, std::string_view text,
                             const TextStyle& style, Arena& arena);

}  // namespace qw
