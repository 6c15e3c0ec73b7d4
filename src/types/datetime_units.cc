// Units of dates and times: date_trunc() and extract(). See datetime.h.
#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/types/datetime.h"
#include "src/types/time_zone.h"

namespace qw::datetime {
namespace {

struct Name {
  std::string_view text;
  Unit unit;
};
// PostgreSQL compares the first ten letters of a word, so the long ones are cut here.
constexpr std::array<Name, 73> kNames = {{
    {"c", Unit::century},
    {"cent", Unit::century},
    {"centuries", Unit::century},
    {"century", Unit::century},
    {"d", Unit::day},
    {"day", Unit::day},
    {"days", Unit::day},
    {"dec", Unit::decade},
    {"decade", Unit::decade},
    {"decades", Unit::decade},
    {"decs", Unit::decade},
    {"dow", Unit::dow},
    {"doy", Unit::doy},
    {"epoch", Unit::epoch},
    {"h", Unit::hour},
    {"hour", Unit::hour},
    {"hours", Unit::hour},
    {"hr", Unit::hour},
    {"hrs", Unit::hour},
    {"isodow", Unit::isodow},
    {"isoyear", Unit::isoyear},
    {"j", Unit::julian},
    {"jd", Unit::julian},
    {"julian", Unit::julian},
    {"m", Unit::minute},
    {"microsecon", Unit::microsecond},
    {"mil", Unit::millennium},
    {"millennia", Unit::millennium},
    {"millennium", Unit::millennium},
    {"millisecon", Unit::millisecond},
    {"mils", Unit::millennium},
    {"min", Unit::minute},
    {"mins", Unit::minute},
    {"minute", Unit::minute},
    {"minutes", Unit::minute},
    {"mon", Unit::month},
    {"mons", Unit::month},
    {"month", Unit::month},
    {"months", Unit::month},
    {"ms", Unit::millisecond},
    {"msec", Unit::millisecond},
    {"mseconds", Unit::millisecond},
    {"msecs", Unit::millisecond},
    {"qtr", Unit::quarter},
    {"quarter", Unit::quarter},
    {"quarters", Unit::quarter},
    {"s", Unit::second},
    {"sec", Unit::second},
    {"second", Unit::second},
    {"seconds", Unit::second},
    {"secs", Unit::second},
    {"timezone", Unit::timezone},
    {"timezone_h", Unit::timezone_hour},
    {"timezone_m", Unit::timezone_minute},
    {"us", Unit::microsecond},
    {"usec", Unit::microsecond},
    {"usecond", Unit::microsecond},
    {"useconds", Unit::microsecond},
    {"usecs", Unit::microsecond},
    {"w", Unit::week},
    {"week", Unit::week},
    {"weeks", Unit::week},
    {"y", Unit::year},
    {"year", Unit::year},
    {"years", Unit::year},
    {"yr", Unit::year},
    {"yrs", Unit::year},
    {"msecond", Unit::millisecond},
    {"millenniums", Unit::millennium},
    {"millisecond", Unit::millisecond},
    {"microsecond", Unit::microsecond},
    {"timezone_hour", Unit::timezone_hour},
    {"timezone_minute", Unit::timezone_minute},
}};

std::string_view unit_name(Unit unit) {
  constexpr std::array<std::string_view, 22> names = {
      "microseconds",  "milliseconds",   "second",     "minute",  "hour",
      "day",           "week",           "month",      "quarter", "year",
      "decade",        "century",        "millennium", "dow",     "isodow",
      "doy",           "isoyear",        "julian",     "epoch",   "timezone",
      "timezone_hour", "timezone_minute"};
  return names[static_cast<size_t>(unit)];
}

Error unsupported(Unit unit, TypeId type) {
  return feature_not_supported(fmt::format("unit \"{}\" not supported for type {}", unit_name(unit),
                                           type_info(type).sql_name));
}

// date_trunc() knows the units of extract() that are no spans only by their absence.
Error not_a_span(Unit unit, TypeId type) {
  const bool only_extracted = unit == Unit::dow || unit == Unit::isodow || unit == Unit::doy ||
                              unit == Unit::isoyear || unit == Unit::julian || unit == Unit::epoch;
  if (!only_extracted) return unsupported(unit, type);
  return invalid_parameter_value(fmt::format("unit \"{}\" not recognized for type {}",
                                             unit_name(unit), type_info(type).sql_name));
}

// Years since which the unit's current span runs; PostgreSQL counts centuries from year 1.
int32_t floor_year(int32_t year, int32_t span) {
  if (year > 0) return (year - 1) / span * span + 1;
  return -((span - 1 - (year - 1)) / span * span) + 1;
}

int64_t truncate_time(int64_t ts, int64_t step) {
  const int64_t rest = ts % step;
  return rest < 0 ? ts - rest - step : ts - rest;
}

// Local midnight at which the unit's span begins. False: the unit has no such thing.
bool trunc_days(Unit unit, const Civil& civil, int32_t& date) {
  const int32_t year = civil.year;
  switch (unit) {
    case Unit::day:
      date = days_of(year, civil.month, civil.day);
      return true;
    case Unit::week: {
      const int32_t day = days_of(year, civil.month, civil.day);
      date = day - (day_of_week(day) + 6) % 7;
      return true;
    }
    case Unit::month:
      date = days_of(year, civil.month, 1);
      return true;
    case Unit::quarter:
      date = days_of(year, (civil.month - 1) / 3 * 3 + 1, 1);
      return true;
    case Unit::year:
      date = days_of(year, 1, 1);
      return true;
    case Unit::decade:
      date = days_of(year >= 0 ? year / 10 * 10 : -((9 - year) / 10) * 10, 1, 1);
      return true;
    case Unit::century:
      date = days_of(floor_year(year, 100), 1, 1);
      return true;
    case Unit::millennium:
      date = days_of(floor_year(year, 1000), 1, 1);
      return true;
    case Unit::microsecond:
    case Unit::millisecond:
    case Unit::second:
    case Unit::minute:
    case Unit::hour:
    case Unit::dow:
    case Unit::isodow:
    case Unit::doy:
    case Unit::isoyear:
    case Unit::julian:
    case Unit::epoch:
    case Unit::timezone:
    case Unit::timezone_hour:
    case Unit::timezone_minute:
      return false;
  }
  return false;
}

int64_t step_of(Unit unit) {
  if (unit == Unit::microsecond) return 1;
  if (unit == Unit::millisecond) return 1000;
  if (unit == Unit::second) return interval::kUsPerSecond;
  if (unit == Unit::minute) return interval::kUsPerMinute;
  return unit == Unit::hour ? interval::kUsPerHour : 0;
}

Result<int64_t> trunc_local(Unit unit, int64_t ts, TypeId type) {
  if (const int64_t step = step_of(unit); step != 0) return truncate_time(ts, step);
  int32_t date = 0;
  if (!trunc_days(unit, civil_of_timestamp(ts), date)) return fail(not_a_span(unit, type));
  const int64_t out = int64_t{date} * kUsPerDay;
  if (!timestamp_valid(out)) return fail(datetime_field_overflow("timestamp out of range"));
  return out;
}

Numeric whole(int64_t value) { return Numeric::of(value); }
// value / 10^scale
Numeric decimal(Int128 value, uint32_t scale, Arena& arena) {
  return numeric::from_int128(value, scale, arena);
}

int32_t century_of(int32_t year, int32_t span) {
  return year > 0 ? (year + span - 1) / span : -((span - 1 - (year - 1)) / span);
}
int32_t decade_of(int32_t year) { return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10); }

// Units of the calendar day. False: not one of them.
bool extract_days(Unit unit, const Civil& civil, Numeric& out) {
  const int32_t year = civil.year, date = days_of(year, civil.month, civil.day);
  switch (unit) {
    case Unit::day:
      out = whole(civil.day);
      return true;
    case Unit::week:
      out = whole(iso_week(year, civil.month, civil.day));
      return true;
    case Unit::month:
      out = whole(civil.month);
      return true;
    case Unit::quarter:
      out = whole((civil.month - 1) / 3 + 1);
      return true;
    case Unit::year:
      out = whole(year > 0 ? year : year - 1);
      return true;  // no year zero
    case Unit::decade:
      out = whole(decade_of(year));
      return true;
    case Unit::century:
      out = whole(century_of(year, 100));
      return true;
    case Unit::millennium:
      out = whole(century_of(year, 1000));
      return true;
    case Unit::dow:
      out = whole(day_of_week(date));
      return true;
    case Unit::isodow:
      out = whole((day_of_week(date) + 6) % 7 + 1);
      return true;
    case Unit::doy:
      out = whole(date - days_of(year, 1, 1) + 1);
      return true;
    case Unit::isoyear: {
      const int32_t iso = iso_year(year, civil.month, civil.day);
      out = whole(iso > 0 ? iso : iso - 1);
      return true;
    }
    case Unit::julian:
      out = whole(int64_t{date} + 2451545);
      return true;
    case Unit::microsecond:
    case Unit::millisecond:
    case Unit::second:
    case Unit::minute:
    case Unit::hour:
    case Unit::epoch:
    case Unit::timezone:
    case Unit::timezone_hour:
    case Unit::timezone_minute:
      return false;
  }
  return false;
}

// Units of the time of day (or of an interval's time part, which may be negative).
bool extract_clock(Unit unit, int64_t us, Arena& arena, Numeric& out) {
  const int64_t in_minute = us % interval::kUsPerMinute;
  if (unit == Unit::microsecond) {
    out = whole(in_minute);
  } else if (unit == Unit::millisecond) {
    out = decimal(in_minute, 3, arena);
  } else if (unit == Unit::second) {
    out = decimal(in_minute, 6, arena);
  } else if (unit == Unit::minute) {
    out = whole(us / interval::kUsPerMinute % 60);
  } else if (unit == Unit::hour) {
    out = whole(us / interval::kUsPerHour);
  } else {
    return false;
  }
  return true;
}

// An infinite value has an answer where the unit grows without bound, and none where it cycles.
Result<bool> extract_infinite(Unit unit, bool positive, TypeId type, Numeric& out) {
  const bool date_only = type == TypeId::date;
  switch (unit) {
    case Unit::year:
    case Unit::decade:
    case Unit::century:
    case Unit::millennium:
    case Unit::isoyear:
    case Unit::julian:
    case Unit::epoch:
      out = positive ? Numeric::infinity() : Numeric::minus_infinity();
      return true;
    case Unit::day:
    case Unit::week:
    case Unit::month:
    case Unit::quarter:
    case Unit::dow:
    case Unit::isodow:
    case Unit::doy:
      return false;
    case Unit::microsecond:
    case Unit::millisecond:
    case Unit::second:
    case Unit::minute:
    case Unit::hour:
      if (date_only) return fail(unsupported(unit, type));
      return false;
    case Unit::timezone:
    case Unit::timezone_hour:
    case Unit::timezone_minute:
      // Only "timezone" itself, and only of an infinite timestamp, is NULL without a zone.
      if (type == TypeId::timestamptz) return false;
      if (type == TypeId::timestamp && unit == Unit::timezone) return false;
      return fail(unsupported(unit, type));
  }
  return false;
}

Result<bool> extract_local(Unit unit, int64_t local, TypeId type, Arena& arena, Numeric& out) {
  const Civil civil = civil_of_timestamp(local);
  const int64_t time = time_from_timestamp(local);
  if (extract_clock(unit, time, arena, out)) return true;
  if (unit == Unit::julian) {
    const int64_t day = int64_t{days_of(civil.year, civil.month, civil.day)} + 2451545;
    QW_ASSIGN_OR_RETURN(const Numeric part, numeric::div(whole(time), whole(kUsPerDay), arena));
    QW_ASSIGN_OR_RETURN(out, numeric::add(whole(day), part, arena));
    return true;
  }
  if (extract_days(unit, civil, out)) return true;
  return fail(unsupported(unit, type));
}

Numeric epoch_of(int64_t ts, Arena& arena) {
  return decimal(Int128{ts} + Int128{kUnixEpochDays} * kUsPerDay, 6, arena);
}

// The three timezone units, of an offset in seconds east.
bool extract_zone(Unit unit, int32_t offset, Numeric& out) {
  if (unit == Unit::timezone) {
    out = whole(offset);
  } else if (unit == Unit::timezone_hour) {
    out = whole(offset / 3600);
  } else if (unit == Unit::timezone_minute) {
    out = whole(offset / 60 % 60);
  } else {
    return false;
  }
  return true;
}

}  // namespace

Result<Unit> unit_from_name(std::string_view name, Type type) {
  std::string lower(name);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  const std::string_view cut = std::string_view(lower).substr(0, 10);
  for (const Name& known : kNames) {
    if (known.text.substr(0, 10) == cut) return known.unit;
  }
  return fail(invalid_parameter_value(
      fmt::format("unit \"{}\" not recognized for type {}", lower, type.sql_name())));
}

Result<int64_t> trunc_timestamp(Unit unit, int64_t ts) {
  if (!timestamp_finite(ts)) return ts;
  return trunc_local(unit, ts, TypeId::timestamp);
}

Result<int64_t> trunc_timestamptz(Unit unit, int64_t ts, const TimeZone& zone) {
  if (!timestamp_finite(ts)) return ts;
  const int64_t offset = int64_t{zone.at(ts).offset_seconds} * interval::kUsPerSecond;
  QW_ASSIGN_OR_RETURN(const int64_t local, trunc_local(unit, ts + offset, TypeId::timestamptz));
  // Below a day the instant's own offset holds; days and more look their midnight up.
  if (step_of(unit) != 0) return local - offset;
  return timestamptz_from_timestamp(local, zone);
}

Result<Interval> trunc_interval(Unit unit, const Interval& value) {
  Interval out = value;
  if (const int64_t step = step_of(unit); step != 0) {
    out.us = value.us / step * step;
    return out;
  }
  out.us = 0;
  if (unit == Unit::day) return out;
  if (unit == Unit::week) {
    return fail(
        unsupported(unit, TypeId::interval).with_detail("Months usually have fractional weeks."));
  }
  out.days = 0;
  int32_t step = 0;
  if (unit == Unit::month) step = 1;
  if (unit == Unit::quarter) step = 3;
  if (unit == Unit::year) step = 12;
  if (unit == Unit::decade) step = 120;
  if (unit == Unit::century) step = 1200;
  if (unit == Unit::millennium) step = 12000;
  if (step == 0) return fail(not_a_span(unit, TypeId::interval));
  out.months = value.months / step * step;
  return out;
}

Result<bool> extract_timestamp(Unit unit, int64_t ts, Arena& arena, Numeric& out) {
  if (!timestamp_finite(ts)) return extract_infinite(unit, ts > 0, TypeId::timestamp, out);
  if (unit == Unit::epoch) {
    out = epoch_of(ts, arena);
    return true;
  }
  return extract_local(unit, ts, TypeId::timestamp, arena, out);
}

Result<bool> extract_timestamptz(Unit unit, int64_t ts, const TimeZone& zone, Arena& arena,
                                 Numeric& out) {
  if (!timestamp_finite(ts)) return extract_infinite(unit, ts > 0, TypeId::timestamptz, out);
  if (unit == Unit::epoch) {
    out = epoch_of(ts, arena);
    return true;
  }
  const int32_t offset = zone.at(ts).offset_seconds;
  if (extract_zone(unit, offset, out)) return true;
  return extract_local(unit, ts + int64_t{offset} * interval::kUsPerSecond, TypeId::timestamptz,
                       arena, out);
}

Result<bool> extract_date(Unit unit, int32_t date, Arena& /*arena*/, Numeric& out) {
  if (!date_finite(date)) return extract_infinite(unit, date > 0, TypeId::date, out);
  if (unit == Unit::epoch) {
    out = whole((int64_t{date} + kUnixEpochDays) * 86400);
    return true;
  }
  if (extract_days(unit, civil_of_date(date), out)) return true;
  return fail(unsupported(unit, TypeId::date));
}

Result<bool> extract_time(Unit unit, int64_t us, Arena& arena, Numeric& out) {
  if (unit == Unit::epoch) {
    out = decimal(us, 6, arena);
    return true;
  }
  if (extract_clock(unit, us, arena, out)) return true;
  return fail(unsupported(unit, TypeId::time));
}

Result<bool> extract_timetz(Unit unit, const TimeTz& value, Arena& arena, Numeric& out) {
  if (unit == Unit::epoch) {
    out = decimal(value.us + int64_t{value.zone} * interval::kUsPerSecond, 6, arena);
    return true;
  }
  if (extract_zone(unit, -value.zone, out) || extract_clock(unit, value.us, arena, out))
    return true;
  return fail(unsupported(unit, TypeId::timetz));
}

Result<bool> extract_interval(Unit unit, const Interval& value, Arena& arena, Numeric& out) {
  if (extract_clock(unit, value.us, arena, out)) return true;
  if (unit == Unit::day) {
    out = whole(value.days);
  } else if (unit == Unit::month) {
    out = whole(value.months % 12);
  } else if (unit == Unit::quarter) {
    out = whole(value.months % 12 / 3 + 1);
  } else if (unit == Unit::year) {
    out = whole(value.months / 12);
  } else if (unit == Unit::decade) {
    out = whole(value.months / 120);
  } else if (unit == Unit::century) {
    out = whole(value.months / 1200);
  } else if (unit == Unit::millennium) {
    out = whole(value.months / 12000);
  } else if (unit == Unit::epoch) {
    // A year counts 365.25 days, a month 30; in quarter days to stay with integers.
    const int64_t quarter_days = int64_t{1461} * (value.months / 12) +
                                 int64_t{120} * (value.months % 12) + int64_t{4} * value.days;
    out = decimal(Int128{quarter_days} * 21600 * interval::kUsPerSecond + value.us, 6, arena);
  } else {
    return fail(unsupported(unit, TypeId::interval));
  }
  return true;
}

}  // namespace qw::datetime
