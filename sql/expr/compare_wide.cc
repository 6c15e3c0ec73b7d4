// Comparison of strings, interval, uuid and timetz; text is ordered by its bytes
// (collation "C").
// Tests: tests/unit/sql_expr/compare_test.cc.
#include <cstring>

#include "sql/expr/declare.h"
#include "src/types/interval.h"
#include "src/types/uuid.h"

namespace qw::sql {
namespace {

// char(n) ignores trailing blanks.
std::string_view trimmed(const Str& value) {
  std::string_view text = value.view();
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

int compare_str(const Str& a, const Str& b) { return a.compare(b); }
int compare_bpchar(const Str& a, const Str& b) { return trimmed(a).compare(trimmed(b)); }
int compare_interval(const Interval& a, const Interval& b) { return interval::compare(a, b); }
int compare_uuid(const Uuid& a, const Uuid& b) { return std::memcmp(&a, &b, sizeof(Uuid)); }
int compare_timetz(const TimeTz& a, const TimeTz& b) { return timetz::compare(a, b); }

#define QW_SIX(name, type)                                             \
  bool name##_eq(type a, type b) { return compare_##name(a, b) == 0; } \
  bool name##_ne(type a, type b) { return compare_##name(a, b) != 0; } \
  bool name##_lt(type a, type b) { return compare_##name(a, b) < 0; }  \
  bool name##_le(type a, type b) { return compare_##name(a, b) <= 0; } \
  bool name##_gt(type a, type b) { return compare_##name(a, b) > 0; }  \
  bool name##_ge(type a, type b) { return compare_##name(a, b) >= 0; }
#define QW_FOUR(name, type)                                            \
  bool name##_lt(type a, type b) { return compare_##name(a, b) < 0; }  \
  bool name##_le(type a, type b) { return compare_##name(a, b) <= 0; } \
  bool name##_gt(type a, type b) { return compare_##name(a, b) > 0; }  \
  bool name##_ge(type a, type b) { return compare_##name(a, b) >= 0; }

// Equality has shorter ways than ordering.
bool str_eq(const Str& a, const Str& b) { return a == b; }
bool str_ne(const Str& a, const Str& b) { return !(a == b); }
QW_FOUR(str, const Str&)
QW_SIX(bpchar, const Str&)
QW_SIX(interval, const Interval&)
QW_SIX(uuid, const Uuid&)
QW_SIX(timetz, const TimeTz&)
#undef QW_SIX
#undef QW_FOUR

}  // namespace

void declare_compare_wide(Declarations& d) {
  d.add(740, "text_lt(text,text) bool", each<str_lt>());
  d.add(741, "text_le(text,text) bool", each<str_le>());
  d.add(742, "text_gt(text,text) bool", each<str_gt>());
  d.add(743, "text_ge(text,text) bool", each<str_ge>());
  d.add(67, "texteq(text,text) bool", each<str_eq>());
  d.add(157, "textne(text,text) bool", each<str_ne>());
  d.add(1048, "bpchareq(bpchar,bpchar) bool", each<bpchar_eq>());
  d.add(1053, "bpcharne(bpchar,bpchar) bool", each<bpchar_ne>());
  d.add(1049, "bpcharlt(bpchar,bpchar) bool", each<bpchar_lt>());
  d.add(1050, "bpcharle(bpchar,bpchar) bool", each<bpchar_le>());
  d.add(1051, "bpchargt(bpchar,bpchar) bool", each<bpchar_gt>());
  d.add(1052, "bpcharge(bpchar,bpchar) bool", each<bpchar_ge>());
  d.add(62, "nameeq(name,name) bool", each<str_eq>());
  d.add(659, "namene(name,name) bool", each<str_ne>());
  d.add(655, "namelt(name,name) bool", each<str_lt>());
  d.add(656, "namele(name,name) bool", each<str_le>());
  d.add(657, "namegt(name,name) bool", each<str_gt>());
  d.add(658, "namege(name,name) bool", each<str_ge>());
  d.add(1948, "byteaeq(bytea,bytea) bool", each<str_eq>());
  d.add(1953, "byteane(bytea,bytea) bool", each<str_ne>());
  d.add(1949, "bytealt(bytea,bytea) bool", each<str_lt>());
  d.add(1950, "byteale(bytea,bytea) bool", each<str_le>());
  d.add(1951, "byteagt(bytea,bytea) bool", each<str_gt>());
  d.add(1952, "byteage(bytea,bytea) bool", each<str_ge>());
  d.add(1162, "interval_eq(interval,interval) bool", each<interval_eq>());
  d.add(1163, "interval_ne(interval,interval) bool", each<interval_ne>());
  d.add(1164, "interval_lt(interval,interval) bool", each<interval_lt>());
  d.add(1165, "interval_le(interval,interval) bool", each<interval_le>());
  d.add(1167, "interval_gt(interval,interval) bool", each<interval_gt>());
  d.add(1166, "interval_ge(interval,interval) bool", each<interval_ge>());
  d.add(2956, "uuid_eq(uuid,uuid) bool", each<uuid_eq>());
  d.add(2959, "uuid_ne(uuid,uuid) bool", each<uuid_ne>());
  d.add(2954, "uuid_lt(uuid,uuid) bool", each<uuid_lt>());
  d.add(2955, "uuid_le(uuid,uuid) bool", each<uuid_le>());
  d.add(2958, "uuid_gt(uuid,uuid) bool", each<uuid_gt>());
  d.add(2957, "uuid_ge(uuid,uuid) bool", each<uuid_ge>());
  d.add(1352, "timetz_eq(timetz,timetz) bool", each<timetz_eq>());
  d.add(1353, "timetz_ne(timetz,timetz) bool", each<timetz_ne>());
  d.add(1354, "timetz_lt(timetz,timetz) bool", each<timetz_lt>());
  d.add(1355, "timetz_le(timetz,timetz) bool", each<timetz_le>());
  d.add(1357, "timetz_gt(timetz,timetz) bool", each<timetz_gt>());
  d.add(1356, "timetz_ge(timetz,timetz) bool", each<timetz_ge>());
  d.add(240, "nameeqtext(name,text) bool", each<str_eq>());
  d.add(245, "namenetext(name,text) bool", each<str_ne>());
  d.add(241, "namelttext(name,text) bool", each<str_lt>());
  d.add(242, "nameletext(name,text) bool", each<str_le>());
  d.add(244, "namegttext(name,text) bool", each<str_gt>());
  d.add(243, "namegetext(name,text) bool", each<str_ge>());
  d.add(247, "texteqname(text,name) bool", each<str_eq>());
  d.add(252, "textnename(text,name) bool", each<str_ne>());
  d.add(248, "textltname(text,name) bool", each<str_lt>());
  d.add(249, "textlename(text,name) bool", each<str_le>());
  d.add(251, "textgtname(text,name) bool", each<str_gt>());
  d.add(250, "textgename(text,name) bool", each<str_ge>());
}

}  // namespace qw::sql
