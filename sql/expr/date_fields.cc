// Fields of dates and times: extract, date_part, date_trunc, date_bin, age, make_*, justify_*,
// AT TIME ZONE.
//
// Unit names are parsed once per call site; zones are looked up once per name.
// Tests: tests/unit/sql_expr/cases/date_fields.tsv.
#include <string>

#include "sql/expr/declare.h"
#include "sql/expr/zone.h"
#include "src/types/datetime.h"

namespace qw::sql {
namespace {

namespace dt = datetime;
using View = std::string_view;
using Ts = int64_t;
using Date = int32_t;

// The unit of this call site's last row.
struct UnitCache {
  std::string name;
  TypeId type = TypeId::unknown;
  dt::Unit unit = dt::Unit::second;
};
std::optional<dt::Unit> unit_of(View name, Type type, Row& row) {
  UnitCache& cache = row.cache<UnitCache>();
  if (cache.type == type.id && cache.name == name) return cache.unit;
  auto unit = dt::unit_from_name(name, type);
  if (!unit) {
    row.fail(std::move(unit).error());
    return std::nullopt;
  }
  cache = {std::string(name), type.id, *unit};
  return *unit;
}

// ---- extract ------------------------------------------------------------------------------------

Result<bool> extract_from(dt::Unit unit, int32_t date, Row& row, Numeric& out) {
  return dt::extract_date(unit, date, row.arena(), out);
}
Result<bool> extract_from(dt::Unit unit, const TimeTz& time, Row& row, Numeric& out) {
  return dt::extract_timetz(unit, time, row.arena(), out);
}
Result<bool> extract_from(dt::Unit unit, const Interval& value, Row& row, Numeric& out) {
  return dt::extract_interval(unit, value, row.arena(), out);
}
Result<bool> extract_from(dt::Unit unit, int64_t value, Row& row, Numeric& out) {
  const TypeId type = row.arg_type(1).id;
  if (type == TypeId::time) return dt::extract_time(unit, value, row.arena(), out);
  if (type == TypeId::timestamp) return dt::extract_timestamp(unit, value, row.arena(), out);
  return dt::extract_timestamptz(unit, value, session_zone(row), row.arena(), out);
}
template <typename T>
std::optional<Numeric> extract(View name, T value, Row& row) {
  const auto unit = unit_of(name, row.arg_type(1), row);
  if (!unit) return Numeric();
  Numeric out;
  auto known = extract_from(*unit, value, row, out);
  if (!known) {
    row.fail(std::move(known).error());
    return Numeric();
  }
  if (!*known) return std::nullopt;
  return out;
}
template <typename T>
std::optional<double> date_part(View name, T value, Row& row) {
  const auto number = extract<T>(name, value, row);
  if (!number) return std::nullopt;
  return row.take(numeric::to_float8(*number));
}
// date_part of a date works on its midnight, hours included.
std::optional<double> date_part_date(View name, Date date, Row& row) {
  auto ts = dt::timestamp_from_date(date);
  if (!ts) return row.fail(ts.error()), 0.0;
  const auto unit = unit_of(name, TypeId::timestamp, row);
  if (!unit) return 0.0;
  Numeric out;
  auto known = dt::extract_timestamp(*unit, *ts, row.arena(), out);
  if (!known) return row.fail(std::move(known).error()), 0.0;
  if (!*known) return std::nullopt;
  return row.take(numeric::to_float8(out));
}

// ---- truncation
// -----------------------------------------------------------------------------------

Ts trunc_ts(View name, Ts ts, Row& row) {
  if (!dt::timestamp_finite(ts)) return ts;
  const auto unit = unit_of(name, TypeId::timestamp, row);
  return unit ? row.take(dt::trunc_timestamp(*unit, ts)) : 0;
}
Ts trunc_tz(View name, Ts ts, Row& row) {
  if (!dt::timestamp_finite(ts)) return ts;
  const auto unit = unit_of(name, TypeId::timestamptz, row);
  return unit ? row.take(dt::trunc_timestamptz(*unit, ts, session_zone(row))) : 0;
}
Interval trunc_interval(View name, const Interval& value, Row& row) {
  const auto unit = unit_of(name, TypeId::interval, row);
  return unit ? row.take(dt::trunc_interval(*unit, value)) : Interval{};
}
Ts trunc_tz_zone(View name, Ts ts, View zone_name, Row& row) {
  if (!dt::timestamp_finite(ts)) return ts;
  auto unit = dt::unit_from_name(name, TypeId::timestamptz);
  if (!unit) return row.fail(std::move(unit).error());
  auto zone = row.cache<ZoneCache>().find(zone_name);
  if (!zone) return row.fail(std::move(zone).error());
  return row.take(dt::trunc_timestamptz(*unit, ts, **zone));
}
Ts bin(const Interval& stride, Ts ts, Ts origin, Row& row) {
  return row.take(dt::bin(stride, ts, origin));
}

// ---- age
// ------------------------------------------------------------------------------------------

Ts midnight_of(Ts local) {
  Ts rest = local % dt::kUsPerDay;
  if (rest < 0) rest += dt::kUsPerDay;
  return local - rest;
}
Interval age(Ts a, Ts b, Row& row) { return row.take(dt::age(a, b)); }
Interval age_tz(Ts a, Ts b, Row& row) { return row.take(dt::age(a, b, session_zone(row))); }
Interval age_today(Ts a, Row& row) {
  auto now = dt::timestamp_from_timestamptz(row.context().now_us, session_zone(row));
  if (!now) return row.fail(std::move(now).error());
  return age(midnight_of(*now), a, row);
}
Interval age_today_tz(Ts a, Row& row) {
  const TimeZone& zone = session_zone(row);
  auto now = dt::timestamp_from_timestamptz(row.context().now_us, zone);
  if (!now) return row.fail(std::move(now).error());
  auto today = dt::timestamptz_from_timestamp(midnight_of(*now), zone);
  if (!today) return row.fail(std::move(today).error());
  return age_tz(*today, a, row);
}

// ---- make
// -----------------------------------------------------------------------------------------

Date make_date(int32_t year, int32_t month, int32_t day, Row& row) {
  return row.take(dt::make_date(year, month, day));
}
int64_t make_time(int32_t hour, int32_t minute, double second, Row& row) {
  return row.take(dt::make_time(hour, minute, second));
}
Ts make_ts(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute, double second,
           Row& row) {
  return row.take(dt::make_timestamp(year, month, day, hour, minute, second));
}
Ts in_zone(Result<Ts> local, const TimeZone& zone, Row& row) {
  if (!local) return row.fail(std::move(local).error());
  return row.take(dt::timestamptz_from_timestamp(*local, zone));
}
Ts make_tz(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute, double second,
           Row& row) {
  return in_zone(dt::make_timestamp(year, month, day, hour, minute, second), session_zone(row),
                 row);
}
Ts make_tz_zone(int32_t year, int32_t month, int32_t day, int32_t hour, int32_t minute,
                double second, View zone_name, Row& row) {
  auto zone = row.cache<ZoneCache>().find(zone_name);
  if (!zone) return row.fail(std::move(zone).error());
  return in_zone(dt::make_timestamp(year, month, day, hour, minute, second), **zone, row);
}
Interval make_interval(int32_t years, int32_t months, int32_t weeks, int32_t days, int32_t hours,
                       int32_t minutes, double seconds, Row& row) {
  return row.take(interval::make(years, months, weeks, days, hours, minutes, seconds));
}
Ts from_unix(double seconds, Row& row) { return row.take(dt::timestamptz_from_unix(seconds)); }
Interval justify_hours(const Interval& a, Row& row) { return row.take(interval::justify_hours(a)); }
Interval justify_days(const Interval& a, Row& row) { return row.take(interval::justify_days(a)); }
Interval justify_interval(const Interval& a, Row& row) {
  return row.take(interval::justify_interval(a));
}
bool finite_date(Date date) { return dt::date_finite(date); }
bool finite_ts(Ts ts) { return dt::timestamp_finite(ts); }
bool finite_interval(const Interval&) { return true; }

// ---- AT TIME ZONE
// -----------------------------------------------------------------------------------

Ts zone_of_tz(View name, Ts utc, Row& row) {
  if (!dt::timestamp_finite(utc)) return utc;
  auto zone = row.cache<ZoneCache>().find(name);
  if (!zone) return row.fail(std::move(zone).error());
  return row.take(dt::timestamp_from_timestamptz(utc, **zone));
}
Ts zone_of_ts(View name, Ts local, Row& row) {
  if (!dt::timestamp_finite(local)) return local;
  auto zone = row.cache<ZoneCache>().find(name);
  if (!zone) return row.fail(std::move(zone).error());
  return row.take(dt::timestamptz_from_timestamp(local, **zone));
}
TimeTz zone_of_timetz(View name, const TimeTz& time, Row& row) {
  auto zone = row.cache<ZoneCache>().find(name);
  if (!zone) return row.fail(std::move(zone).error());
  const int32_t west = -(*zone)->at(row.context().now_us).offset_seconds;
  int64_t us = (time.us + int64_t{time.zone - west} * 1'000'000) % dt::kUsPerDay;
  if (us < 0) us += dt::kUsPerDay;
  return {us, west, 0};
}
// An interval as a zone: hours east, no days or months.
std::optional<int64_t> shift_of(const Interval& by, Row& row) {
  if (by.months != 0 || by.days != 0) {
    std::string text;
    dt::append_interval(by, row.context().style, text);
    row.fail(invalid_parameter_value("interval time zone \"" + text +
                                     "\" must not include months or days"));
    return std::nullopt;
  }
  return by.us / 1'000'000 * 1'000'000;
}
Ts shifted(Ts ts, Int128 by, Row& row) {
  if (!dt::timestamp_finite(ts)) return ts;
  if (!dt::timestamp_valid(Int128{ts} + by)) {
    return row.fail(datetime_field_overflow("timestamp out of range"));
  }
  return static_cast<Ts>(Int128{ts} + by);
}
Ts interval_zone_of_tz(const Interval& by, Ts utc, Row& row) {
  const auto shift = shift_of(by, row);
  return shift ? shifted(utc, *shift, row) : 0;
}
Ts interval_zone_of_ts(const Interval& by, Ts local, Row& row) {
  const auto shift = shift_of(by, row);
  return shift ? shifted(local, -Int128{*shift}, row) : 0;
}

}  // namespace

void declare_date_fields(Declarations& d) {
  d.add(6199, "extract(text,date) numeric", each<extract<Date>>());
  d.add(6200, "extract(text,time) numeric", each<extract<int64_t>>());
  d.add(6201, "extract(text,timetz) numeric", each<extract<const TimeTz&>>());
  d.add(6202, "extract(text,timestamp) numeric", each<extract<int64_t>>());
  d.add(6203, "extract(text,timestamptz) numeric stable", each<extract<int64_t>>());
  d.add(6204, "extract(text,interval) numeric", each<extract<const Interval&>>());
  d.add(1384, "date_part(text,date) float8", each<date_part_date>());
  d.add(1385, "date_part(text,time) float8", each<date_part<int64_t>>());
  d.add(1273, "date_part(text,timetz) float8", each<date_part<const TimeTz&>>());
  d.add(2021, "date_part(text,timestamp) float8", each<date_part<int64_t>>());
  d.add(1171, "date_part(text,timestamptz) float8 stable", each<date_part<int64_t>>());
  d.add(1172, "date_part(text,interval) float8", each<date_part<const Interval&>>());
  d.add(2020, "date_trunc(text,timestamp) timestamp", each<trunc_ts>());
  d.add(1217, "date_trunc(text,timestamptz) timestamptz stable", each<trunc_tz>());
  d.add(1284, "date_trunc(text,timestamptz,text) timestamptz stable", each<trunc_tz_zone>());
  d.add(1218, "date_trunc(text,interval) interval", each<trunc_interval>());
  d.add(6177, "date_bin(interval,timestamp,timestamp) timestamp", each<bin>());
  d.add(6178, "date_bin(interval,timestamptz,timestamptz) timestamptz", each<bin>());
  d.add(2058, "age(timestamp,timestamp) interval", each<age>());
  d.add(1199, "age(timestamptz,timestamptz) interval", each<age_tz>());
  d.add(2059, "age(timestamp) interval stable", each<age_today>());
  d.add(1386, "age(timestamptz) interval stable", each<age_today_tz>());
  d.add(3846, "make_date(year int4,month int4,day int4) date", each<make_date>());
  d.add(3847, "make_time(hour int4,min int4,sec float8) time", each<make_time>());
  d.add(3461,
        "make_timestamp(year int4,month int4,mday int4,hour int4,min int4,sec float8) timestamp",
        each<make_ts>());
  d.add(3462,
        "make_timestamptz(year int4,month int4,mday int4,hour int4,min int4,sec float8) "
        "timestamptz stable",
        each<make_tz>());
  d.add(3463,
        "make_timestamptz(year int4,month int4,mday int4,hour int4,min int4,sec float8,"
        "timezone text) timestamptz stable",
        each<make_tz_zone>());
  d.add(3464,
        "make_interval(years int4=0,months int4=0,weeks int4=0,days int4=0,hours int4=0,"
        "mins int4=0,secs float8=0) interval",
        each<make_interval>());
  d.add(1158, "to_timestamp(float8) timestamptz", each<from_unix>());
  d.add(1175, "justify_hours(interval) interval", each<justify_hours>());
  d.add(1295, "justify_days(interval) interval", each<justify_days>());
  d.add(2711, "justify_interval(interval) interval", each<justify_interval>());
  d.add(1373, "isfinite(date) bool", each<finite_date>());
  d.add(2048, "isfinite(timestamp) bool", each<finite_ts>());
  d.add(1389, "isfinite(timestamptz) bool", each<finite_ts>());
  d.add(1390, "isfinite(interval) bool", each<finite_interval>());
  d.add(1159, "timezone(text,timestamptz) timestamp", each<zone_of_tz>());
  d.add(2069, "timezone(text,timestamp) timestamptz", each<zone_of_ts>());
  d.add(2037, "timezone(text,timetz) timetz stable", each<zone_of_timetz>());
  d.add(1026, "timezone(interval,timestamptz) timestamp", each<interval_zone_of_tz>());
  d.add(2070, "timezone(interval,timestamp) timestamptz", each<interval_zone_of_ts>());
}

}  // namespace qw::sql
