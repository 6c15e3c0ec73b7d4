// Interval and time with time zone: the 16-byte values that are not a single integer.
//
// Same fields in the same order as PostgreSQL, so the binary form is a byte swap per field. Months,
// days and microseconds are independent; only comparison folds them (1 month = 30 days, 1 day = 24
// hours), which is why equal intervals may print differently and keys hold the folded form.
// Plain values. Tests: tests/unit/types/interval_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace qw {

struct Interval {
  int64_t us = 0;
  int32_t days = 0;
  int32_t months = 0;

  // Identity of the fields, not SQL equality (see compare()).
  bool operator==(const Interval&) const = default;
};
static_assert(sizeof(Interval) == 16);

struct TimeTz {
  int64_t us = 0;    // local time of day
  int32_t zone = 0;  // seconds west of Greenwich, as PostgreSQL keeps it
  int32_t padding = 0;

  bool operator==(const TimeTz&) const = default;
};
static_assert(sizeof(TimeTz) == 16);

namespace interval {

inline constexpr int64_t kUsPerSecond = 1'000'000;
inline constexpr int64_t kUsPerMinute = 60 * kUsPerSecond;
inline constexpr int64_t kUsPerHour = 60 * kUsPerMinute;
inline constexpr int64_t kUsPerDay = 24 * kUsPerHour;

// The length that comparison uses, in microseconds.
inline Int128 span_us(const Interval& value) {
  const int64_t days = int64_t{value.months} * 30 + value.days;
  return Int128{days} * kUsPerDay + value.us;
}
inline int compare(const Interval& a, const Interval& b) {
  const Int128 x = span_us(a), y = span_us(b);
  return x < y ? -1 : (x > y ? 1 : 0);
}
// One representative per class of equal intervals, a function of span_us() alone: as many months as
// fit, then days, then microseconds, all of one sign.
inline Interval canonical(const Interval& value) {
  const Int128 span = span_us(value);
  const auto days = static_cast<int64_t>(span / kUsPerDay);
  const auto months = std::clamp<int64_t>(days / 30, INT32_MIN, INT32_MAX);
  const auto left = std::clamp<int64_t>(days - months * 30, INT32_MIN, INT32_MAX);
  return {static_cast<int64_t>(span - Int128{months * 30 + left} * kUsPerDay),
          static_cast<int32_t>(left), static_cast<int32_t>(months)};
}

// All fail with 22008 "interval out of range".
Result<Interval> add(const Interval& a, const Interval& b);
Result<Interval> subtract(const Interval& a, const Interval& b);
Result<Interval> negate(const Interval& a);
Result<Interval> multiply(const Interval& a, double factor);
Result<Interval> divide(const Interval& a, double divisor);  // 22012 for 0
Result<Interval> justify_hours(const Interval& a);
Result<Interval> justify_days(const Interval& a);
Result<Interval> justify_interval(const Interval& a);
Result<Interval> make(int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours,
                      int32_t minutes, double seconds);
// Applies interval(p) and field restrictions ("interval day to second(2)").
Result<Interval> apply_typmod(const Interval& a, int32_t typmod);

}  // namespace interval

namespace timetz {
// By the instant in UTC, then by zone.
inline int compare(const TimeTz& a, const TimeTz& b) {
  const int64_t x = a.us + int64_t{a.zone} * 1'000'000, y = b.us + int64_t{b.zone} * 1'000'000;
  if (x != y) return x < y ? -1 : 1;
  return a.zone < b.zone ? -1 : (a.zone > b.zone ? 1 : 0);
}
}  // namespace timetz

}  // namespace qw
