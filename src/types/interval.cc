// Interval arithmetic: see interval.h.
#include "src/types/interval.h"

#include <cmath>
#include <limits>

#include "src/base/assert.h"

namespace qw::interval {
namespace {

constexpr int32_t kDaysPerMonth = 30;

Error out_of_range() { return datetime_field_overflow("interval out of range"); }

// Fractions of months and days are rounded to the microsecond where they cascade downwards.
double settle(double value) { return std::rint(value * 1e6) / 1e6; }

bool fits_int32(double value) {
  return value >= std::numeric_limits<int32_t>::min() &&
         value < -static_cast<double>(std::numeric_limits<int32_t>::min());
}
bool fits_int64(double value) {
  return value >= static_cast<double>(std::numeric_limits<int64_t>::min()) &&
         value < -static_cast<double>(std::numeric_limits<int64_t>::min());
}

// Months, days and seconds scaled on their own; what is fractional moves to the next lower unit.
Result<Interval> cascade(double months, double days, double us) {
  if (!fits_int32(months) || !fits_int32(days)) return fail(out_of_range());
  Interval out;
  out.months = static_cast<int32_t>(months);
  out.days = static_cast<int32_t>(days);
  const double month_days = settle((months - out.months) * kDaysPerMonth);
  double seconds = settle((days - out.days + month_days - std::trunc(month_days)) * 86400);
  int64_t whole_days = out.days;
  if (std::fabs(seconds) >= 86400) {
    const auto carried = static_cast<int32_t>(seconds / 86400);
    whole_days += carried;
    seconds -= static_cast<double>(carried) * 86400;
  }
  whole_days += static_cast<int32_t>(month_days);
  const double total = std::rint(us + seconds * 1e6);
  if (!fits_int64(total) || !fits_int32(static_cast<double>(whole_days))) {
    return fail(out_of_range());
  }
  out.days = static_cast<int32_t>(whole_days);
  out.us = static_cast<int64_t>(total);
  return out;
}

}  // namespace

Result<Interval> add(const Interval& a, const Interval& b) {
  Interval out;
  if (__builtin_add_overflow(a.months, b.months, &out.months) ||
      __builtin_add_overflow(a.days, b.days, &out.days) ||
      __builtin_add_overflow(a.us, b.us, &out.us)) {
    return fail(out_of_range());
  }
  return out;
}

Result<Interval> subtract(const Interval& a, const Interval& b) {
  Interval out;
  if (__builtin_sub_overflow(a.months, b.months, &out.months) ||
      __builtin_sub_overflow(a.days, b.days, &out.days) ||
      __builtin_sub_overflow(a.us, b.us, &out.us)) {
    return fail(out_of_range());
  }
  return out;
}

Result<Interval> negate(const Interval& a) { return subtract(Interval{}, a); }

Result<Interval> multiply(const Interval& a, double factor) {
  return cascade(a.months * factor, a.days * factor, static_cast<double>(a.us) * factor);
}

Result<Interval> divide(const Interval& a, double divisor) {
  if (divisor == 0) return fail(division_by_zero("division by zero"));
  return cascade(a.months / divisor, a.days / divisor, static_cast<double>(a.us) / divisor);
}

Result<Interval> justify_hours(const Interval& a) {
  int64_t days = a.us / kUsPerDay + a.days;
  int64_t us = a.us % kUsPerDay;
  if (days > 0 && us < 0) {
    us += kUsPerDay;
    --days;
  } else if (days < 0 && us > 0) {
    us -= kUsPerDay;
    ++days;
  }
  if (days != static_cast<int32_t>(days)) return fail(out_of_range());
  return Interval{us, static_cast<int32_t>(days), a.months};
}

Result<Interval> justify_days(const Interval& a) {
  int64_t months = int64_t{a.months} + a.days / kDaysPerMonth;
  int32_t days = a.days % kDaysPerMonth;
  if (months > 0 && days < 0) {
    days += kDaysPerMonth;
    --months;
  } else if (months < 0 && days > 0) {
    days -= kDaysPerMonth;
    ++months;
  }
  if (months != static_cast<int32_t>(months)) return fail(out_of_range());
  return Interval{a.us, days, static_cast<int32_t>(months)};
}

Result<Interval> justify_interval(const Interval& a) {
  int64_t us = a.us % kUsPerDay;
  int64_t days = a.us / kUsPerDay + a.days;
  int64_t months = a.months + days / kDaysPerMonth;
  days %= kDaysPerMonth;
  if (months > 0 && (days < 0 || (days == 0 && us < 0))) {
    days += kDaysPerMonth;
    --months;
  } else if (months < 0 && (days > 0 || (days == 0 && us > 0))) {
    days -= kDaysPerMonth;
    ++months;
  }
  if (days > 0 && us < 0) {
    us += kUsPerDay;
    --days;
  } else if (days < 0 && us > 0) {
    us -= kUsPerDay;
    ++days;
  }
  if (months != static_cast<int32_t>(months)) return fail(out_of_range());
  return Interval{us, static_cast<int32_t>(days), static_cast<int32_t>(months)};
}

Result<Interval> make(int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours,
                      int32_t minutes, double seconds) {
  if (!std::isfinite(seconds)) return fail(out_of_range());
  const int64_t all_months = int64_t{years} * 12 + months;
  const int64_t all_days = int64_t{weeks} * 7 + days;
  const double second_us = std::rint(seconds * 1e6);
  if (all_months != static_cast<int32_t>(all_months) ||
      all_days != static_cast<int32_t>(all_days) || !fits_int64(second_us)) {
    return fail(out_of_range());
  }
  Interval out{0, static_cast<int32_t>(all_days), static_cast<int32_t>(all_months)};
  const int64_t clock = hours * kUsPerHour + minutes * kUsPerMinute;
  if (__builtin_add_overflow(clock, static_cast<int64_t>(second_us), &out.us)) {
    return fail(out_of_range());
  }
  return out;
}

Result<Interval> apply_typmod(const Interval& a, int32_t typmod) {
  if (typmod < 0) return a;
  constexpr int32_t month = 1 << 1, year = 1 << 2, day = 1 << 3, hour = 1 << 10, minute = 1 << 11;
  constexpr int32_t second = 1 << 12, all = 0x7fff;
  const int32_t range = (typmod >> 16) & all, precision = typmod & 0xffff;
  Interval out = a;
  if (range != all) {
    if ((range & ~(year | month)) == 0) {
      if (range == year) out.months = out.months / 12 * 12;
      out.days = 0;
      out.us = 0;
    } else if (range == day) {
      out.us = 0;
    } else if ((range & (minute | second)) == 0 && (range & hour) != 0) {
      out.us = out.us / kUsPerHour * kUsPerHour;
    } else if ((range & second) == 0) {
      out.us = out.us / kUsPerMinute * kUsPerMinute;
    }
  }
  if (precision < 6) {
    int64_t unit = 1;
    for (int32_t i = precision; i < 6; ++i) unit *= 10;
    const int64_t half = out.us >= 0 ? unit / 2 : -(unit / 2);
    int64_t sum = 0;
    if (__builtin_add_overflow(out.us, half, &sum)) return fail(out_of_range());
    out.us = sum / unit * unit;
  }
  return out;
}

}  // namespace qw::interval
