// Dates and times: arithmetic, comparison across types, conversions, lengths, current time,
// overlaps. Fields, truncation and zones are in date_fields.cc.
//
// The calendar is in src/types/datetime.h; this file binds it to SQL.
// Tests: tests/unit/sql_expr/cases/date_time.tsv.
#include "src/types/datetime.h"

#include "sql/expr/declare.h"
#include "sql/expr/zone.h"
#include "src/types/interval.h"

namespace qw::sql {
namespace {

namespace dt = datetime;
using Ts = int64_t;
using Date = int32_t;

Date date_plus(Date a, int32_t days, Row& row) { return row.take(dt::add_days(a, days)); }
Date date_minus_days(Date a, int32_t days, Row& row) {
  if (days == INT32_MIN) return row.fail(datetime_field_overflow("date out of range"));
  return row.take(dt::add_days(a, -days));
}
Date days_plus_date(int32_t days, Date a, Row& row) { return date_plus(a, days, row); }
int32_t date_minus(Date a, Date b, Row& row) { return row.take(dt::date_difference(a, b)); }

Interval negative(const Interval& by, Row& row) { return row.take(interval::negate(by)); }

Ts plus(Ts ts, const Interval& by, Row& row) { return row.take(dt::add(ts, by)); }
Ts minus(Ts ts, const Interval& by, Row& row) { return plus(ts, negative(by, row), row); }
Ts plus_left(const Interval& by, Ts ts, Row& row) { return plus(ts, by, row); }
Ts plus_tz(Ts ts, const Interval& by, Row& row) {
  return row.take(dt::add(ts, by, session_zone(row)));
}
Ts minus_tz(Ts ts, const Interval& by, Row& row) { return plus_tz(ts, negative(by, row), row); }
Ts plus_tz_left(const Interval& by, Ts ts, Row& row) { return plus_tz(ts, by, row); }
Ts date_to_ts(Date date, Row& row) { return row.take(dt::timestamp_from_date(date)); }
// For keys: dates reach further than timestamps, and those beyond are equal to none. They are one
// value that no timestamp has, not NULL, which NOT IN and IS NOT DISTINCT FROM would see.
Ts date_to_key(Date date, Row&) {
  const auto ts = dt::timestamp_from_date(date);
  return ts ? *ts : dt::kTimestampEnd;
}
Ts date_plus_interval(Date date, const Interval& by, Row& row) {
  auto ts = dt::timestamp_from_date(date);
  if (!ts) return row.fail(ts.error());
  return plus(*ts, by, row);
}
Ts date_minus_interval(Date date, const Interval& by, Row& row) {
  return date_plus_interval(date, negative(by, row), row);
}
Ts interval_plus_date(const Interval& by, Date date, Row& row) {
  return date_plus_interval(date, by, row);
}
Interval difference(Ts a, Ts b, Row& row) { return row.take(dt::difference(a, b)); }

// A date and a time of day; infinite dates stay infinite.
Ts date_and_time(Date date, int64_t time, Row& row) {
  auto ts = dt::timestamp_from_date(date);
  if (!ts) return row.fail(ts.error());
  if (!dt::timestamp_finite(*ts)) return *ts;
  if (!dt::timestamp_valid(Int128{*ts} + time)) {
    return row.fail(datetime_field_overflow("timestamp out of range"));
  }
  return *ts + time;
}
Ts time_and_date(int64_t time, Date date, Row& row) { return date_and_time(date, time, row); }
Ts date_and_timetz(Date date, const TimeTz& time, Row& row) {
  if (date == dt::kDateInfinity) return dt::kTimestampInfinity;
  if (date == dt::kDateMinusInfinity) return dt::kTimestampMinusInfinity;
  const Int128 ts = Int128{date} * dt::kUsPerDay + time.us + Int128{time.zone} * 1'000'000;
  if (!dt::timestamp_valid(ts)) {
    return row.fail(datetime_field_overflow("date out of range for timestamp"));
  }
  return static_cast<Ts>(ts);
}
Ts timetz_and_date(const TimeTz& time, Date date, Row& row) {
  return date_and_timetz(date, time, row);
}

Interval interval_plus(const Interval& a, const Interval& b, Row& row) {
  return row.take(interval::add(a, b));
}
Interval interval_minus(const Interval& a, const Interval& b, Row& row) {
  return row.take(interval::subtract(a, b));
}
Interval interval_times(const Interval& a, double factor, Row& row) {
  return row.take(interval::multiply(a, factor));
}
Interval times_interval(double factor, const Interval& a, Row& row) {
  return interval_times(a, factor, row);
}
Interval interval_over(const Interval& a, double divisor, Row& row) {
  return row.take(interval::divide(a, divisor));
}

int64_t time_plus(int64_t time, const Interval& by, Row&) { return dt::time_add(time, by); }
int64_t time_minus(int64_t time, const Interval& by, Row& row) {
  return dt::time_add(time, negative(by, row));
}
int64_t interval_plus_time(const Interval& by, int64_t time, Row&) {
  return dt::time_add(time, by);
}
Interval time_difference(int64_t a, int64_t b) { return {a - b, 0, 0}; }
TimeTz timetz_plus(const TimeTz& time, const Interval& by, Row&) {
  return {dt::time_add(time.us, by), time.zone, 0};
}
TimeTz timetz_minus(const TimeTz& time, const Interval& by, Row& row) {
  return {dt::time_add(time.us, negative(by, row)), time.zone, 0};
}
TimeTz interval_plus_timetz(const Interval& by, const TimeTz& time, Row& row) {
  return timetz_plus(time, by, row);
}

// ---- comparison across types: -1, 0, 1 --------------------------------------------------------

int order(int64_t a, int64_t b) { return a < b ? -1 : (a > b ? 1 : 0); }
// A date beyond the range of timestamps still compares.
int order_date(Date date, Ts ts) {
  auto other = dt::timestamp_from_date(date);
  if (other) return order(*other, ts);
  return ts == dt::kTimestampInfinity ? -1 : 1;
}
int order_utc(Ts local, Ts utc, Row& row) {
  auto other = dt::timestamptz_from_timestamp(local, session_zone(row));
  if (other) return order(*other, utc);
  return local < 0 ? (utc == dt::kTimestampMinusInfinity ? 1 : -1)
                   : (utc == dt::kTimestampInfinity ? -1 : 1);
}
int compare_date_ts(Date a, Ts b, Row&) { return order_date(a, b); }
int compare_ts_date(Ts a, Date b, Row&) { return -order_date(b, a); }
int compare_date_tz(Date a, Ts b, Row& row) {
  auto local = dt::timestamp_from_date(a);
  if (!local) return b == dt::kTimestampInfinity ? -1 : 1;
  return order_utc(*local, b, row);
}
int compare_tz_date(Ts a, Date b, Row& row) { return -compare_date_tz(b, a, row); }
int compare_ts_tz(Ts a, Ts b, Row& row) { return order_utc(a, b, row); }
int compare_tz_ts(Ts a, Ts b, Row& row) { return -order_utc(b, a, row); }

template <auto C>
struct Six;
template <typename A, typename B, int (*C)(A, B, Row&)>
struct Six<C> {
  static bool eq(A a, B b, Row& row) { return C(a, b, row) == 0; }
  static bool ne(A a, B b, Row& row) { return C(a, b, row) != 0; }
  static bool lt(A a, B b, Row& row) { return C(a, b, row) < 0; }
  static bool le(A a, B b, Row& row) { return C(a, b, row) <= 0; }
  static bool gt(A a, B b, Row& row) { return C(a, b, row) > 0; }
  static bool ge(A a, B b, Row& row) { return C(a, b, row) >= 0; }
};

// ---- conversions ------------------------------------------------------------------------------

Date ts_to_date(Ts ts) { return dt::date_from_timestamp(ts); }
Date tz_to_date(Ts ts, Row& row) {
  if (!dt::timestamp_finite(ts)) return dt::date_from_timestamp(ts);
  auto local = dt::timestamp_from_timestamptz(ts, session_zone(row));
  if (!local) return row.fail(local.error());
  return dt::date_from_timestamp(*local);
}
Ts tz_to_ts(Ts ts, Row& row) {
  return row.take(dt::timestamp_from_timestamptz(ts, session_zone(row)));
}
Ts ts_to_tz(Ts ts, Row& row) {
  return row.take(dt::timestamptz_from_timestamp(ts, session_zone(row)));
}
Ts date_to_tz(Date date, Row& row) {
  auto local = dt::timestamp_from_date(date);
  if (!local) return row.fail(local.error());
  return ts_to_tz(*local, row);
}
Ts date_and_time_to_tz(Date date, int64_t time, Row& row) {
  return ts_to_tz(date_and_time(date, time, row), row);
}
std::optional<int64_t> ts_to_time(Ts ts) {
  if (!dt::timestamp_finite(ts)) return std::nullopt;
  return dt::time_from_timestamp(ts);
}
std::optional<int64_t> tz_to_time(Ts ts, Row& row) {
  if (!dt::timestamp_finite(ts)) return std::nullopt;
  return dt::time_from_timestamp(tz_to_ts(ts, row));
}
std::optional<TimeTz> tz_to_timetz(Ts ts, Row& row) {
  if (!dt::timestamp_finite(ts)) return std::nullopt;
  const int32_t west = -session_zone(row).at(ts).offset_seconds;
  return TimeTz{dt::time_from_timestamp(tz_to_ts(ts, row)), west, 0};
}
int64_t interval_to_time(const Interval& value) {
  const int64_t us = value.us % dt::kUsPerDay;
  return us < 0 ? us + dt::kUsPerDay : us;
}
Interval time_to_interval(int64_t time) { return {time, 0, 0}; }
int64_t timetz_to_time(const TimeTz& time) { return time.us; }
// The offset of today at that time of day.
TimeTz time_to_timetz(int64_t time, Row& row) {
  const TimeZone& zone = session_zone(row);
  const Ts now = row.context().now_us;
  const int64_t local = now + int64_t{zone.at(now).offset_seconds} * 1'000'000;
  int64_t midnight = local - local % dt::kUsPerDay;
  if (local % dt::kUsPerDay < 0) midnight -= dt::kUsPerDay;
  return {time, -zone.offset_of_local(midnight + time), 0};
}

Ts ts_length(Ts ts, int32_t typmod, Row& row) {
  constexpr int32_t kPrecisionMax = 6;
  if (typmod == -1 || !dt::timestamp_finite(ts)) return ts;
  if (typmod < 0 || typmod > kPrecisionMax) {
    return row.fail(invalid_parameter_value(
        fmt::format("timestamp({}) precision must be between 0 and {}", typmod, kPrecisionMax)));
  }
  return row.take(dt::round_timestamp(ts, typmod));
}
int64_t time_length(int64_t time, int32_t typmod, Row&) {
  return typmod < 0 ? time : dt::round_time(time, typmod);
}
TimeTz timetz_length(const TimeTz& time, int32_t typmod, Row&) {
  return {typmod < 0 ? time.us : dt::round_time(time.us, typmod), time.zone, 0};
}
Interval interval_length(const Interval& value, int32_t typmod, Row& row) {
  return row.take(interval::apply_typmod(value, typmod));
}
template <auto F>
struct Length;
template <typename T, typename R, R (*F)(T, int32_t, Row&)>
struct Length<F> {
  static R apply(T value, int32_t typmod, bool, Row& row) { return F(value, typmod, row); }
};

// ---- current time: data of the transaction ------------------------------------------------------

Ts now(Row& row) { return row.context().now_us; }
Ts statement_now(Row& row) {
  return row.context().statement_us != 0 ? row.context().statement_us : row.context().now_us;
}

// ---- overlaps -----------------------------------------------------------------------------------

template <typename T>
using Maybe = std::optional<T>;

template <typename T>
std::optional<bool> overlap(Maybe<T> start1, Maybe<T> end1, Maybe<T> start2, Maybe<T> end2,
                            int (*compare)(const T&, const T&)) {
  const auto settle = [&](Maybe<T>& start, Maybe<T>& end) {
    if (!start || (end && compare(*start, *end) > 0)) std::swap(start, end);
    return start.has_value();
  };
  if (!settle(start1, end1) || !settle(start2, end2)) return std::nullopt;
  const int first = compare(*start1, *start2);
  if (first == 0) return end1 && end2 ? std::optional<bool>(true) : std::nullopt;
  // The one that starts later must start before the earlier one ends.
  const Maybe<T>& late_start = first > 0 ? start1 : start2;
  const Maybe<T>& late_end = first > 0 ? end1 : end2;
  const Maybe<T>& early_end = first > 0 ? end2 : end1;
  if (!early_end) return std::nullopt;
  if (compare(*late_start, *early_end) < 0) return true;
  if (!late_end) return std::nullopt;
  return false;
}
int compare_int(const int64_t& a, const int64_t& b) { return order(a, b); }
int compare_timetz(const TimeTz& a, const TimeTz& b) { return timetz::compare(a, b); }

std::optional<bool> overlaps(Maybe<Ts> a, Maybe<Ts> b, Maybe<Ts> c, Maybe<Ts> d, Row&) {
  return overlap<Ts>(a, b, c, d, compare_int);
}
std::optional<bool> overlaps_timetz(Maybe<TimeTz> a, Maybe<TimeTz> b, Maybe<TimeTz> c,
                                    Maybe<TimeTz> d, Row&) {
  return overlap<TimeTz>(a, b, c, d, compare_timetz);
}
using Plus = int64_t (*)(int64_t, const Interval&, Row&);
template <Plus P>
Maybe<Ts> end_of(Maybe<Ts> start, Maybe<Interval> by, Row& row) {
  if (!start || !by) return std::nullopt;
  return P(*start, *by, row);
}
template <Plus P>
std::optional<bool> overlaps_ii(Maybe<Ts> a, Maybe<Interval> b, Maybe<Ts> c, Maybe<Interval> d,
                                Row& row) {
  return overlap<Ts>(a, end_of<P>(a, b, row), c, end_of<P>(c, d, row), compare_int);
}
template <Plus P>
std::optional<bool> overlaps_ti(Maybe<Ts> a, Maybe<Ts> b, Maybe<Ts> c, Maybe<Interval> d,
                                Row& row) {
  return overlap<Ts>(a, b, c, end_of<P>(c, d, row), compare_int);
}
template <Plus P>
std::optional<bool> overlaps_it(Maybe<Ts> a, Maybe<Interval> b, Maybe<Ts> c, Maybe<Ts> d,
                                Row& row) {
  return overlap<Ts>(a, end_of<P>(a, b, row), c, d, compare_int);
}

void declare_cross_comparison(Declarations& d) {
  d.add(2340, "date_eq_timestamp(date,timestamp) bool", each<Six<compare_date_ts>::eq>());
  d.add(2343, "date_ne_timestamp(date,timestamp) bool", each<Six<compare_date_ts>::ne>());
  d.add(2338, "date_lt_timestamp(date,timestamp) bool", each<Six<compare_date_ts>::lt>());
  d.add(2339, "date_le_timestamp(date,timestamp) bool", each<Six<compare_date_ts>::le>());
  d.add(2341, "date_gt_timestamp(date,timestamp) bool", each<Six<compare_date_ts>::gt>());
  d.add(2342, "date_ge_timestamp(date,timestamp) bool", each<Six<compare_date_ts>::ge>());
  d.add(2366, "timestamp_eq_date(timestamp,date) bool", each<Six<compare_ts_date>::eq>());
  d.add(2369, "timestamp_ne_date(timestamp,date) bool", each<Six<compare_ts_date>::ne>());
  d.add(2364, "timestamp_lt_date(timestamp,date) bool", each<Six<compare_ts_date>::lt>());
  d.add(2365, "timestamp_le_date(timestamp,date) bool", each<Six<compare_ts_date>::le>());
  d.add(2367, "timestamp_gt_date(timestamp,date) bool", each<Six<compare_ts_date>::gt>());
  d.add(2368, "timestamp_ge_date(timestamp,date) bool", each<Six<compare_ts_date>::ge>());
  d.add(2353, "date_eq_timestamptz(date,timestamptz) bool stable",
        each<Six<compare_date_tz>::eq>());
  d.add(2356, "date_ne_timestamptz(date,timestamptz) bool stable",
        each<Six<compare_date_tz>::ne>());
  d.add(2351, "date_lt_timestamptz(date,timestamptz) bool stable",
        each<Six<compare_date_tz>::lt>());
  d.add(2352, "date_le_timestamptz(date,timestamptz) bool stable",
        each<Six<compare_date_tz>::le>());
  d.add(2354, "date_gt_timestamptz(date,timestamptz) bool stable",
        each<Six<compare_date_tz>::gt>());
  d.add(2355, "date_ge_timestamptz(date,timestamptz) bool stable",
        each<Six<compare_date_tz>::ge>());
  d.add(2379, "timestamptz_eq_date(timestamptz,date) bool stable",
        each<Six<compare_tz_date>::eq>());
  d.add(2382, "timestamptz_ne_date(timestamptz,date) bool stable",
        each<Six<compare_tz_date>::ne>());
  d.add(2377, "timestamptz_lt_date(timestamptz,date) bool stable",
        each<Six<compare_tz_date>::lt>());
  d.add(2378, "timestamptz_le_date(timestamptz,date) bool stable",
        each<Six<compare_tz_date>::le>());
  d.add(2380, "timestamptz_gt_date(timestamptz,date) bool stable",
        each<Six<compare_tz_date>::gt>());
  d.add(2381, "timestamptz_ge_date(timestamptz,date) bool stable",
        each<Six<compare_tz_date>::ge>());
  d.add(2522, "timestamp_eq_timestamptz(timestamp,timestamptz) bool stable",
        each<Six<compare_ts_tz>::eq>());
  d.add(2525, "timestamp_ne_timestamptz(timestamp,timestamptz) bool stable",
        each<Six<compare_ts_tz>::ne>());
  d.add(2520, "timestamp_lt_timestamptz(timestamp,timestamptz) bool stable",
        each<Six<compare_ts_tz>::lt>());
  d.add(2521, "timestamp_le_timestamptz(timestamp,timestamptz) bool stable",
        each<Six<compare_ts_tz>::le>());
  d.add(2523, "timestamp_gt_timestamptz(timestamp,timestamptz) bool stable",
        each<Six<compare_ts_tz>::gt>());
  d.add(2524, "timestamp_ge_timestamptz(timestamp,timestamptz) bool stable",
        each<Six<compare_ts_tz>::ge>());
  d.add(2529, "timestamptz_eq_timestamp(timestamptz,timestamp) bool stable",
        each<Six<compare_tz_ts>::eq>());
  d.add(2532, "timestamptz_ne_timestamp(timestamptz,timestamp) bool stable",
        each<Six<compare_tz_ts>::ne>());
  d.add(2527, "timestamptz_lt_timestamp(timestamptz,timestamp) bool stable",
        each<Six<compare_tz_ts>::lt>());
  d.add(2528, "timestamptz_le_timestamp(timestamptz,timestamp) bool stable",
        each<Six<compare_tz_ts>::le>());
  d.add(2530, "timestamptz_gt_timestamp(timestamptz,timestamp) bool stable",
        each<Six<compare_tz_ts>::gt>());
  d.add(2531, "timestamptz_ge_timestamp(timestamptz,timestamp) bool stable",
        each<Six<compare_tz_ts>::ge>());
}

void declare_conversions(Declarations& d) {
  d.add(2029, "date(timestamp) date", each<ts_to_date>()).monotone = true;
  d.add(1178, "date(timestamptz) date stable", each<tz_to_date>()).monotone = true;
  d.add(2024, "timestamp(date) timestamp", each<date_to_ts>()).monotone = true;
  Function& key = d.add(0, "#key(date) timestamp", each<date_to_key>());
  key.monotone = key.infallible = true;
  d.add(2027, "timestamp(timestamptz) timestamp stable", each<tz_to_ts>());
  d.add(2025, "timestamp(date,time) timestamp", each<date_and_time>());
  d.add(1174, "timestamptz(date) timestamptz stable", each<date_to_tz>()).monotone = true;
  d.add(2028, "timestamptz(timestamp) timestamptz stable", each<ts_to_tz>());
  d.add(1176, "timestamptz(date,time) timestamptz stable", each<date_and_time_to_tz>());
  d.add(1359, "timestamptz(date,timetz) timestamptz", each<date_and_timetz>());
  d.add(1316, "time(timestamp) time", each<ts_to_time>());
  d.add(2019, "time(timestamptz) time stable", each<tz_to_time>());
  d.add(1419, "time(interval) time", each<interval_to_time>());
  d.add(2046, "time(timetz) time", each<timetz_to_time>());
  d.add(1388, "timetz(timestamptz) timetz stable", each<tz_to_timetz>());
  d.add(2047, "timetz(time) timetz stable", each<time_to_timetz>());
  d.add(1370, "interval(time) interval", each<time_to_interval>());
  d.add(1961, "timestamp(timestamp,int4) timestamp", each<ts_length>());
  d.add(1967, "timestamptz(timestamptz,int4) timestamptz", each<ts_length>());
  d.add(1968, "time(time,int4) time", each<time_length>());
  d.add(1969, "timetz(timetz,int4) timetz", each<timetz_length>());
  d.add(1200, "interval(interval,int4) interval", each<interval_length>());
  d.add(0, "#length(timestamp,int4,bool) timestamp", each<Length<ts_length>::apply>());
  d.add(0, "#length(timestamptz,int4,bool) timestamptz", each<Length<ts_length>::apply>());
  d.add(0, "#length(time,int4,bool) time", each<Length<time_length>::apply>());
  d.add(0, "#length(timetz,int4,bool) timetz", each<Length<timetz_length>::apply>());
  d.add(0, "#length(interval,int4,bool) interval", each<Length<interval_length>::apply>());
}

void declare_overlaps(Declarations& d) {
  d.add(1304, "overlaps(timestamptz,timestamptz,timestamptz,timestamptz) bool nonstrict",
        each<overlaps>());
  d.add(1305, "overlaps(timestamptz,interval,timestamptz,interval) bool stable nonstrict",
        each<overlaps_ii<plus_tz>>());
  d.add(1306, "overlaps(timestamptz,timestamptz,timestamptz,interval) bool stable nonstrict",
        each<overlaps_ti<plus_tz>>());
  d.add(1307, "overlaps(timestamptz,interval,timestamptz,timestamptz) bool stable nonstrict",
        each<overlaps_it<plus_tz>>());
  d.add(2041, "overlaps(timestamp,timestamp,timestamp,timestamp) bool nonstrict", each<overlaps>());
  d.add(2042, "overlaps(timestamp,interval,timestamp,interval) bool nonstrict",
        each<overlaps_ii<plus>>());
  d.add(2043, "overlaps(timestamp,timestamp,timestamp,interval) bool nonstrict",
        each<overlaps_ti<plus>>());
  d.add(2044, "overlaps(timestamp,interval,timestamp,timestamp) bool nonstrict",
        each<overlaps_it<plus>>());
  d.add(1308, "overlaps(time,time,time,time) bool nonstrict", each<overlaps>());
  d.add(1309, "overlaps(time,interval,time,interval) bool nonstrict",
        each<overlaps_ii<time_plus>>());
  d.add(1310, "overlaps(time,time,time,interval) bool nonstrict", each<overlaps_ti<time_plus>>());
  d.add(1311, "overlaps(time,interval,time,time) bool nonstrict", each<overlaps_it<time_plus>>());
  d.add(1271, "overlaps(timetz,timetz,timetz,timetz) bool nonstrict", each<overlaps_timetz>());
}

}  // namespace

void declare_date_time(Declarations& d) {
  d.add(1141, "date_pli(date,int4) date", each<date_plus>());
  d.add(1142, "date_mii(date,int4) date", each<date_minus_days>());
  d.add(2550, "integer_pl_date(int4,date) date", each<days_plus_date>());
  d.add(1140, "date_mi(date,date) int4", each<date_minus>());
  d.add(2032, "timestamp_pl_interval(timestamp,interval) timestamp", each<plus>());
  d.add(2033, "timestamp_mi_interval(timestamp,interval) timestamp", each<minus>());
  d.add(2548, "interval_pl_timestamp(interval,timestamp) timestamp", each<plus_left>());
  d.add(1189, "timestamptz_pl_interval(timestamptz,interval) timestamptz stable", each<plus_tz>());
  d.add(1190, "timestamptz_mi_interval(timestamptz,interval) timestamptz stable", each<minus_tz>());
  d.add(2549, "interval_pl_timestamptz(interval,timestamptz) timestamptz stable",
        each<plus_tz_left>());
  d.add(2071, "date_pl_interval(date,interval) timestamp", each<date_plus_interval>());
  d.add(2072, "date_mi_interval(date,interval) timestamp", each<date_minus_interval>());
  d.add(2546, "interval_pl_date(interval,date) timestamp", each<interval_plus_date>());
  d.add(2031, "timestamp_mi(timestamp,timestamp) interval", each<difference>());
  d.add(1188, "timestamptz_mi(timestamptz,timestamptz) interval", each<difference>());
  d.add(1272, "datetime_pl(date,time) timestamp", each<date_and_time>());
  d.add(1296, "timedate_pl(time,date) timestamp", each<time_and_date>());
  d.add(1297, "datetimetz_pl(date,timetz) timestamptz", each<date_and_timetz>());
  d.add(1298, "timetzdate_pl(timetz,date) timestamptz", each<timetz_and_date>());
  d.add(1169, "interval_pl(interval,interval) interval", each<interval_plus>());
  d.add(1170, "interval_mi(interval,interval) interval", each<interval_minus>());
  d.add(1168, "interval_um(interval) interval", each<negative>());
  d.add(1618, "interval_mul(interval,float8) interval", each<interval_times>());
  d.add(1624, "mul_d_interval(float8,interval) interval", each<times_interval>());
  d.add(1326, "interval_div(interval,float8) interval", each<interval_over>());
  d.add(1747, "time_pl_interval(time,interval) time", each<time_plus>());
  d.add(1748, "time_mi_interval(time,interval) time", each<time_minus>());
  d.add(1848, "interval_pl_time(interval,time) time", each<interval_plus_time>());
  d.add(1690, "time_mi_time(time,time) interval", each<time_difference>());
  d.add(1749, "timetz_pl_interval(timetz,interval) timetz", each<timetz_plus>());
  d.add(1750, "timetz_mi_interval(timetz,interval) timetz", each<timetz_minus>());
  d.add(2547, "interval_pl_timetz(interval,timetz) timetz", each<interval_plus_timetz>());
  d.add(1299, "now() timestamptz stable", each<now>());
  d.add(2647, "transaction_timestamp() timestamptz stable", each<now>());
  d.add(2648, "statement_timestamp() timestamptz stable", each<statement_now>());
  d.add(2649, "clock_timestamp() timestamptz volatile", each<statement_now>());
  declare_cross_comparison(d);
  declare_conversions(d);
  declare_overlaps(d);
}

}  // namespace qw::sql
