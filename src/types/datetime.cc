// Calendar and arithmetic of dates and timestamps: see datetime.h.
#include "src/types/datetime.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/types/time_zone.h"

namespace qw::datetime {
namespace {

constexpr int64_t kUsPerSecond = interval::kUsPerSecond;

int64_t floor_div(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return a % b < 0 ? quotient - 1 : quotient;
}

bool leap(int32_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

Error timestamp_out_of_range() { return datetime_field_overflow("timestamp out of range"); }
Error date_out_of_range() { return datetime_field_overflow("date out of range"); }

Result<int64_t> checked_timestamp(Int128 ts) {
  if (!timestamp_valid(ts)) return fail(timestamp_out_of_range());
  return static_cast<int64_t>(ts);
}

// Moves a local time by months and days, keeping the time of day.
Result<int64_t> shift_calendar(int64_t local, int32_t months, int32_t days) {
  int64_t day = floor_div(local, kUsPerDay);
  const int64_t time = local - day * kUsPerDay;
  if (months != 0) {
    const Civil civil = civil_of_timestamp(local);
    const int64_t month = int64_t{civil.month} - 1 + months;
    const int64_t year = civil.year + floor_div(month, 12);
    if (year < -4800 || year > 300'000) return fail(timestamp_out_of_range());
    const auto y = static_cast<int32_t>(year);
    const auto m = static_cast<int32_t>(month - floor_div(month, 12) * 12) + 1;
    day = days_of(y, m, std::min(civil.day, days_in_month(y, m)));
  }
  return checked_timestamp(Int128{day + days} * kUsPerDay + time);
}

}  // namespace

int32_t days_in_month(int32_t year, int32_t month) {
  constexpr int32_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && leap(year) ? 29 : days[month - 1];
}

// Years start in March here, so that the leap day is a year's last and month lengths follow one
// line.
int32_t days_of(int32_t year, int32_t month, int32_t day) {
  const int64_t shifted = int64_t{year} - (month <= 2 ? 1 : 0);
  const int64_t era = floor_div(shifted, 400);
  const int64_t year_of_era = shifted - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  constexpr int64_t epoch = 730425;  // 2000-01-01, counted from 0000-03-01
  return static_cast<int32_t>(era * 146097 + day_of_era - epoch);
}

Civil civil_of_date(int32_t date) {
  const int64_t days = int64_t{date} + 730425;
  const int64_t era = floor_div(days, 146097);
  const int64_t day_of_era = days - era * 146097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const int64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t month = (5 * day_of_year + 2) / 153;  // 0 = March
  Civil out;
  out.day = static_cast<int32_t>(day_of_year - (153 * month + 2) / 5 + 1);
  out.month = static_cast<int32_t>(month < 10 ? month + 3 : month - 9);
  out.year = static_cast<int32_t>(year_of_era + era * 400 + (out.month <= 2 ? 1 : 0));
  return out;
}

Civil civil_of_timestamp(int64_t local_us) {
  const int64_t day = floor_div(local_us, kUsPerDay);
  int64_t time = local_us - day * kUsPerDay;
  Civil out = civil_of_date(static_cast<int32_t>(day));
  out.hour = static_cast<int32_t>(time / interval::kUsPerHour);
  time %= interval::kUsPerHour;
  out.minute = static_cast<int32_t>(time / interval::kUsPerMinute);
  time %= interval::kUsPerMinute;
  out.second = static_cast<int32_t>(time / kUsPerSecond);
  out.us = static_cast<int32_t>(time % kUsPerSecond);
  return out;
}

int32_t day_of_week(int32_t date) {
  // 2000-01-01 was a Saturday.
  const int64_t day = (int64_t{date} + 6) % 7;
  return static_cast<int32_t>(day < 0 ? day + 7 : day);
}

int32_t iso_week_start(int32_t iso_year_number, int32_t week) {
  const int32_t fourth = days_of(iso_year_number, 1, 4);  // always in week 1
  const int32_t monday = fourth - (day_of_week(fourth) + 6) % 7;
  return monday + (week - 1) * 7;
}

int32_t iso_year(int32_t year, int32_t month, int32_t day) {
  const int32_t date = days_of(year, month, day);
  if (date >= iso_week_start(year + 1, 1)) return year + 1;
  return date < iso_week_start(year, 1) ? year - 1 : year;
}

int32_t iso_week(int32_t year, int32_t month, int32_t day) {
  const int32_t start = iso_week_start(iso_year(year, month, day), 1);
  return (days_of(year, month, day) - start) / 7 + 1;
}

Result<int64_t> timestamp_from_date(int32_t date) {
  if (date == kDateInfinity) return kTimestampInfinity;
  if (date == kDateMinusInfinity) return kTimestampMinusInfinity;
  const Int128 ts = Int128{date} * kUsPerDay;
  if (!timestamp_valid(ts)) {
    return fail(datetime_field_overflow("date out of range for timestamp"));
  }
  return static_cast<int64_t>(ts);
}

int32_t date_from_timestamp(int64_t ts) {
  if (ts == kTimestampInfinity) return kDateInfinity;
  if (ts == kTimestampMinusInfinity) return kDateMinusInfinity;
  return static_cast<int32_t>(floor_div(ts, kUsPerDay));
}

Result<int64_t> timestamptz_from_timestamp(int64_t local_us, const TimeZone& zone) {
  if (!timestamp_finite(local_us)) return local_us;
  return checked_timestamp(Int128{local_us} -
                           Int128{zone.offset_of_local(local_us)} * kUsPerSecond);
}

Result<int64_t> timestamp_from_timestamptz(int64_t utc_us, const TimeZone& zone) {
  if (!timestamp_finite(utc_us)) return utc_us;
  return checked_timestamp(Int128{utc_us} + Int128{zone.at(utc_us).offset_seconds} * kUsPerSecond);
}

int64_t time_from_timestamp(int64_t ts) { return ts - floor_div(ts, kUsPerDay) * kUsPerDay; }

int64_t round_time(int64_t us, int32_t precision) {
  if (precision < 0 || precision >= 6) return us;
  int64_t unit = 1;
  for (int32_t i = precision; i < 6; ++i) unit *= 10;
  return us >= 0 ? (us + unit / 2) / unit * unit : -((-us + unit / 2) / unit * unit);
}

Result<int64_t> round_timestamp(int64_t ts, int32_t precision) {
  if (!timestamp_finite(ts) || precision < 0 || precision >= 6) return ts;
  return checked_timestamp(Int128{round_time(ts, precision)});
}

Result<int64_t> add(int64_t ts, const Interval& by) {
  if (!timestamp_finite(ts)) return ts;
  if (by.months != 0 || by.days != 0) {
    QW_ASSIGN_OR_RETURN(ts, shift_calendar(ts, by.months, 0));
    QW_ASSIGN_OR_RETURN(ts, shift_calendar(ts, 0, by.days));
  }
  return checked_timestamp(Int128{ts} + by.us);
}

Result<int64_t> add(int64_t ts, const Interval& by, const TimeZone& zone) {
  if (!timestamp_finite(ts)) return ts;
  const auto shift = [&](int32_t months, int32_t days) -> Result<int64_t> {
    QW_ASSIGN_OR_RETURN(const int64_t local, timestamp_from_timestamptz(ts, zone));
    QW_ASSIGN_OR_RETURN(const int64_t moved, shift_calendar(local, months, days));
    return timestamptz_from_timestamp(moved, zone);
  };
  // Each step goes through the zone on its own, as months and days do in PostgreSQL.
  if (by.months != 0) {
    QW_ASSIGN_OR_RETURN(ts, shift(by.months, 0));
  }
  if (by.days != 0) {
    QW_ASSIGN_OR_RETURN(ts, shift(0, by.days));
  }
  return checked_timestamp(Int128{ts} + by.us);
}

Result<int32_t> add_days(int32_t date, int32_t days) {
  if (!date_finite(date)) return date;
  const int64_t sum = int64_t{date} + days;
  if (!date_valid(sum)) return fail(date_out_of_range());
  return static_cast<int32_t>(sum);
}

Result<int32_t> date_difference(int32_t a, int32_t b) {
  if (!date_finite(a) || !date_finite(b)) {
    return fail(datetime_field_overflow("cannot subtract infinite dates"));
  }
  return a - b;
}

Result<Interval> difference(int64_t a, int64_t b) {
  if (!timestamp_finite(a) || !timestamp_finite(b)) {
    return fail(datetime_field_overflow("cannot subtract infinite timestamps"));
  }
  int64_t us = 0;
  if (__builtin_sub_overflow(a, b, &us)) {
    return fail(datetime_field_overflow("interval out of range"));
  }
  return Interval{us % kUsPerDay, static_cast<int32_t>(us / kUsPerDay), 0};
}

// Borrowing goes upwards field by field; a borrowed month has the length of the month before the
// later time's, which is why the order of the two matters.
Result<Interval> age(int64_t a, int64_t b) {
  if (!timestamp_finite(a) || !timestamp_finite(b)) return fail(timestamp_out_of_range());
  const Civil x = civil_of_timestamp(a), y = civil_of_timestamp(b);
  const bool negative = a < b;
  const int64_t sign = negative ? -1 : 1;
  int64_t us = sign * (time_from_timestamp(a) - time_from_timestamp(b));
  int64_t days = sign * (int64_t{x.day} - y.day);
  int64_t months = sign * ((int64_t{x.year} - y.year) * 12 + x.month - y.month);
  if (us < 0) {
    us += kUsPerDay;
    --days;
  }
  while (days < 0) {
    days += negative ? days_in_month(x.year, x.month) : days_in_month(y.year, y.month);
    --months;
  }
  return Interval{sign * us, static_cast<int32_t>(sign * days),
                  static_cast<int32_t>(sign * months)};
}

Result<Interval> age(int64_t a, int64_t b, const TimeZone& zone) {
  QW_ASSIGN_OR_RETURN(const int64_t x, timestamp_from_timestamptz(a, zone));
  QW_ASSIGN_OR_RETURN(const int64_t y, timestamp_from_timestamptz(b, zone));
  return age(x, y);
}

int64_t time_add(int64_t us, const Interval& by) {
  const int64_t sum = (us + by.us % kUsPerDay) % kUsPerDay;
  return sum < 0 ? sum + kUsPerDay : sum;
}

Result<int32_t> make_date(int32_t year, int32_t month, int32_t day) {
  const bool valid_year = year != 0;
  const int32_t astronomical = year < 0 ? year + 1 : year;
  if (!valid_year || month < 1 || month > 12 || day < 1 || astronomical > 5'900'000 ||
      astronomical < -5000 || day > days_in_month(astronomical, month)) {
    return fail(datetime_field_overflow(
        fmt::format("date field value out of range: {}-{:02}-{:02}", year, month, day)));
  }
  const int32_t date = days_of(astronomical, month, day);
  if (!date_valid(date)) {
    return fail(datetime_field_overflow(
        fmt::format("date out of range: {}-{:02}-{:02}", year, month, day)));
  }
  return date;
}

Result<int64_t> make_time(int32_t hour, int32_t minute, double second) {
  const double us = std::rint(second * 1e6);
  const bool fields =
      hour >= 0 && hour <= 24 && minute >= 0 && minute < 60 && second >= 0 && second <= 60;
  const int64_t total = fields ? hour * interval::kUsPerHour + minute * interval::kUsPerMinute +
                                     static_cast<int64_t>(us)
                               : -1;
  if (total < 0 || total > kUsPerDay) {
    return fail(datetime_field_overflow(
        fmt::format("time field value out of range: {}:{:02}:{}", hour, minute,
                    std::isfinite(second) ? fmt::format("{:02g}", second)
                    : std::isnan(second)  ? "NaN"
                                          : (second < 0 ? "-Infinity" : "Infinity"))));
  }
  return total;
}

Result<int64_t> make_timestamp(int32_t year, int32_t month, int32_t day, int32_t hour,
                               int32_t minute, double second) {
  QW_ASSIGN_OR_RETURN(const int32_t date, make_date(year, month, day));
  QW_ASSIGN_OR_RETURN(const int64_t time, make_time(hour, minute, second));
  const Int128 ts = Int128{date} * kUsPerDay + time;
  if (!timestamp_valid(ts)) {
    return fail(
        datetime_field_overflow(fmt::format("timestamp out of range: {}-{:02}-{:02} {}:{:02}:{}",
                                            year, month, day, hour, minute, second)));
  }
  return static_cast<int64_t>(ts);
}

Result<int64_t> timestamptz_from_unix(double seconds) {
  if (std::isnan(seconds)) {
    return fail(datetime_field_overflow("timestamp cannot be NaN"));
  }
  if (std::isinf(seconds)) return seconds > 0 ? kTimestampInfinity : kTimestampMinusInfinity;
  constexpr double epoch = double{kUnixEpochDays} * 86400;
  const double us = std::rint((seconds - epoch) * 1e6);
  if (!(us >= static_cast<double>(kTimestampMin) && us < static_cast<double>(kTimestampEnd))) {
    return fail(datetime_field_overflow(fmt::format("timestamp out of range: \"{}\"", seconds)));
  }
  return static_cast<int64_t>(us);
}

Result<int64_t> bin(const Interval& stride, int64_t ts, int64_t origin) {
  if (!timestamp_finite(ts)) return ts;
  if (!timestamp_finite(origin)) {
    return fail(datetime_field_overflow("origin out of range"));
  }
  if (stride.months != 0) {
    return fail(feature_not_supported(
        "timestamps cannot be binned into intervals containing months or years"));
  }
  const Int128 step = Int128{stride.days} * kUsPerDay + stride.us;
  if (step <= 0) return fail(datetime_field_overflow("stride must be greater than zero"));
  const Int128 distance = Int128{ts} - origin;
  Int128 into = distance % step;
  if (into < 0) into += step;
  return checked_timestamp(Int128{ts} - into);
}

}  // namespace qw::datetime
