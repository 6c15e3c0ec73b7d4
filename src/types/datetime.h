// Dates and times: fields, arithmetic and units over PostgreSQL's integers.
//
// A date is days, a timestamp microseconds since 2000-01-01; the extreme integers are the
// infinities. The calendar is the proleptic Gregorian one; year 0 is 1 BC. Text forms are in
// text.h, whose parsers and printers live in datetime_parse.cc and datetime_print.cc. Errors are
// PostgreSQL's: 22008 "timestamp out of range", "date out of range"; 22023 for unknown units.
// Pure functions; any thread. Tests: tests/unit/types/datetime_test.cc.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/interval.h"
#include "src/types/numeric.h"
#include "src/types/text.h"

namespace qw::datetime {

inline constexpr int32_t kDateInfinity = std::numeric_limits<int32_t>::max();
inline constexpr int32_t kDateMinusInfinity = std::numeric_limits<int32_t>::min();
inline constexpr int64_t kTimestampInfinity = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kTimestampMinusInfinity = std::numeric_limits<int64_t>::min();
inline constexpr int64_t kUsPerDay = interval::kUsPerDay;
// 4714-11-24 BC to 5874897-12-31 (dates), to 294276-12-31 (timestamps).
inline constexpr int32_t kDateMin = -2451545, kDateMax = 2145031948;
inline constexpr int64_t kTimestampMin = -211813488000000000, kTimestampEnd = 9223371331200000000;
// Days from 1970-01-01 to 2000-01-01.
inline constexpr int32_t kUnixEpochDays = 10957;

inline bool date_finite(int32_t date) {
  return date != kDateInfinity && date != kDateMinusInfinity;
}
inline bool timestamp_finite(int64_t ts) {
  return ts != kTimestampInfinity && ts != kTimestampMinusInfinity;
}
inline bool date_valid(int64_t date) { return date >= kDateMin && date <= kDateMax; }
inline bool timestamp_valid(Int128 ts) { return ts >= kTimestampMin && ts < kTimestampEnd; }

struct Civil {
  int32_t year = 2000;  // astronomical: 0 = 1 BC
  int32_t month = 1, day = 1;
  int32_t hour = 0, minute = 0, second = 0;
  int32_t us = 0;
};

// Days since 2000-01-01; month 1..12; day may lie outside the month.
int32_t days_of(int32_t year, int32_t month, int32_t day);
Civil civil_of_date(int32_t date);
Civil civil_of_timestamp(int64_t local_us);  // finite
int32_t days_in_month(int32_t year, int32_t month);
int32_t iso_week(int32_t year, int32_t month, int32_t day);
int32_t iso_year(int32_t year, int32_t month, int32_t day);
int32_t iso_week_start(int32_t iso_year, int32_t week);  // date of its Monday
int32_t day_of_week(int32_t date);                       // 0 = Sunday

// Conversions between the types.
Result<int64_t> timestamp_from_date(int32_t date);
int32_t date_from_timestamp(int64_t ts);  // infinities kept
Result<int64_t> timestamptz_from_timestamp(int64_t local_us, const TimeZone& zone);
Result<int64_t> timestamp_from_timestamptz(int64_t utc_us, const TimeZone& zone);
int64_t time_from_timestamp(int64_t ts);  // finite
Result<int64_t> round_timestamp(int64_t ts, int32_t precision);
int64_t round_time(int64_t us, int32_t precision);

// date_trunc() and friends name their unit once per batch.
enum class Unit : uint8_t {
  microsecond,
  millisecond,
  second,
  minute,
  hour,
  day,
  week,
  month,
  quarter,
  year,
  decade,
  century,
  millennium,
  dow,
  isodow,
  doy,
  isoyear,
  julian,
  epoch,
  timezone,
  timezone_hour,
  timezone_minute,
};
// 22023 `unit "x" not recognized for type ...`; `type` names it in the message.
Result<Unit> unit_from_name(std::string_view name, Type type);

Result<int64_t> trunc_timestamp(Unit unit, int64_t ts);
Result<int64_t> trunc_timestamptz(Unit unit, int64_t ts, const TimeZone& zone);
Result<Interval> trunc_interval(Unit unit, const Interval& value);
// extract(): numeric, false = NULL (a unit an infinite value has no answer for).
Result<bool> extract_timestamp(Unit unit, int64_t ts, Arena& arena, Numeric& out);
Result<bool> extract_timestamptz(Unit unit, int64_t ts, const TimeZone& zone, Arena& arena,
                                 Numeric& out);
Result<bool> extract_date(Unit unit, int32_t date, Arena& arena, Numeric& out);
Result<bool> extract_time(Unit unit, int64_t us, Arena& arena, Numeric& out);
Result<bool> extract_timetz(Unit unit, const TimeTz& value, Arena& arena, Numeric& out);
Result<bool> extract_interval(Unit unit, const Interval& value, Arena& arena, Numeric& out);
// For timestamps; also right for timestamptz.
Result<int64_t> bin(const Interval& stride, int64_t ts, int64_t origin);

Result<int64_t> add(int64_t ts, const Interval& by);                        // timestamp
Result<int64_t> add(int64_t ts, const Interval& by, const TimeZone& zone);  // timestamptz
Result<int32_t> add_days(int32_t date, int32_t days);
Result<int32_t> date_difference(int32_t a, int32_t b);
Result<Interval> difference(int64_t a, int64_t b);  // a - b: days and time, no months
Result<Interval> age(int64_t a, int64_t b);         // symbolic years, months, days
Result<Interval> age(int64_t a, int64_t b, const TimeZone& zone);
int64_t time_add(int64_t us, const Interval& by);                     // wraps around midnight
Result<int32_t> make_date(int32_t year, int32_t month, int32_t day);  // negative years are BC
Result<int64_t> make_time(int32_t hour, int32_t minute, double second);
Result<int64_t> make_timestamp(int32_t year, int32_t month, int32_t day, int32_t hour,
                               int32_t minute, double second);
Result<int64_t> timestamptz_from_unix(double seconds);

// Text in and out, per type (text.h dispatches here).
Result<int32_t> parse_date(std::string_view text, const TextStyle& style);
Result<int64_t> parse_time(std::string_view text, const TextStyle& style, int32_t typmod);
Result<TimeTz> parse_timetz(std::string_view text, const TextStyle& style, int32_t typmod);
Result<int64_t> parse_timestamp(std::string_view text, const TextStyle& style, int32_t typmod);
Result<int64_t> parse_timestamptz(std::string_view text, const TextStyle& style, int32_t typmod);
Result<Interval> parse_interval(std::string_view text, const TextStyle& style, int32_t typmod);
void append_date(int32_t date, const TextStyle& style, std::string& out);
void append_time(int64_t us, std::string& out);
void append_timetz(const TimeTz& value, std::string& out);
void append_timestamp(int64_t ts, const TextStyle& style, std::string& out);
void append_timestamptz(int64_t ts, const TextStyle& style, std::string& out);
void append_interval(const Interval& value, const TextStyle& style, std::string& out);

}  // namespace qw::datetime
