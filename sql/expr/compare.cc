// Comparison of fixed-width types: six operators, vectorised; integers of different widths meet in
// the wider one.
// Tests: tests/unit/sql_expr/compare_test.cc.
#include <type_traits>

#include "sql/expr/declare.h"

namespace qw::sql {
namespace {

template <typename T>
bool eq(T a, T b) {
  return a == b;
}
template <typename T>
bool ne(T a, T b) {
  return a != b;
}
template <typename T>
bool lt(T a, T b) {
  return a < b;
}
template <typename T>
bool le(T a, T b) {
  return a <= b;
}
template <typename T>
bool gt(T a, T b) {
  return a > b;
}
template <typename T>
bool ge(T a, T b) {
  return a >= b;
}
bool xid_eq_int4(uint32_t a, int32_t b) { return a == static_cast<uint32_t>(b); }

// Operators over two integer widths.
template <typename A, typename B, Kernel K>
constexpr KernelSpec widths() {
  using W = std::conditional_t<(sizeof(A) > sizeof(B)), A, B>;
  return mixed < A, B, W, sizeof(W) == 4 ? TypeId::int4 : TypeId::int8, K > (true);
}

}  // namespace

void declare_compare(Declarations& d) {
  d.add(60, "booleq(bool,bool) bool", total<eq<bool>>());
  d.add(84, "boolne(bool,bool) bool", total<ne<bool>>());
  d.add(56, "boollt(bool,bool) bool", total<lt<bool>>());
  d.add(1691, "boolle(bool,bool) bool", total<le<bool>>());
  d.add(57, "boolgt(bool,bool) bool", total<gt<bool>>());
  d.add(1692, "boolge(bool,bool) bool", total<ge<bool>>());
  d.add(61, "chareq(char,char) bool", total<eq<int8_t>>());
  d.add(70, "charne(char,char) bool", total<ne<int8_t>>());
  d.add(1246, "charlt(char,char) bool", total<lt<uint8_t>>());
  d.add(72, "charle(char,char) bool", total<le<uint8_t>>());
  d.add(73, "chargt(char,char) bool", total<gt<uint8_t>>());
  d.add(74, "charge(char,char) bool", total<ge<uint8_t>>());
  d.add(63, "int2eq(int2,int2) bool", total<eq<int16_t>>());
  d.add(145, "int2ne(int2,int2) bool", total<ne<int16_t>>());
  d.add(64, "int2lt(int2,int2) bool", total<lt<int16_t>>());
  d.add(148, "int2le(int2,int2) bool", total<le<int16_t>>());
  d.add(146, "int2gt(int2,int2) bool", total<gt<int16_t>>());
  d.add(151, "int2ge(int2,int2) bool", total<ge<int16_t>>());
  d.add(65, "int4eq(int4,int4) bool", total<eq<int32_t>>());
  d.add(144, "int4ne(int4,int4) bool", total<ne<int32_t>>());
  d.add(66, "int4lt(int4,int4) bool", total<lt<int32_t>>());
  d.add(149, "int4le(int4,int4) bool", total<le<int32_t>>());
  d.add(147, "int4gt(int4,int4) bool", total<gt<int32_t>>());
  d.add(150, "int4ge(int4,int4) bool", total<ge<int32_t>>());
  d.add(467, "int8eq(int8,int8) bool", total<eq<int64_t>>());
  d.add(468, "int8ne(int8,int8) bool", total<ne<int64_t>>());
  d.add(469, "int8lt(int8,int8) bool", total<lt<int64_t>>());
  d.add(471, "int8le(int8,int8) bool", total<le<int64_t>>());
  d.add(470, "int8gt(int8,int8) bool", total<gt<int64_t>>());
  d.add(472, "int8ge(int8,int8) bool", total<ge<int64_t>>());
  d.add(158, "int24eq(int2,int4) bool", widths<int16_t, int32_t, total<eq<int32_t>>().run>());
  d.add(164, "int24ne(int2,int4) bool", widths<int16_t, int32_t, total<ne<int32_t>>().run>());
  d.add(160, "int24lt(int2,int4) bool", widths<int16_t, int32_t, total<lt<int32_t>>().run>());
  d.add(166, "int24le(int2,int4) bool", widths<int16_t, int32_t, total<le<int32_t>>().run>());
  d.add(162, "int24gt(int2,int4) bool", widths<int16_t, int32_t, total<gt<int32_t>>().run>());
  d.add(168, "int24ge(int2,int4) bool", widths<int16_t, int32_t, total<ge<int32_t>>().run>());
  d.add(159, "int42eq(int4,int2) bool", widths<int32_t, int16_t, total<eq<int32_t>>().run>());
  d.add(165, "int42ne(int4,int2) bool", widths<int32_t, int16_t, total<ne<int32_t>>().run>());
  d.add(161, "int42lt(int4,int2) bool", widths<int32_t, int16_t, total<lt<int32_t>>().run>());
  d.add(167, "int42le(int4,int2) bool", widths<int32_t, int16_t, total<le<int32_t>>().run>());
  d.add(163, "int42gt(int4,int2) bool", widths<int32_t, int16_t, total<gt<int32_t>>().run>());
  d.add(169, "int42ge(int4,int2) bool", widths<int32_t, int16_t, total<ge<int32_t>>().run>());
  d.add(1850, "int28eq(int2,int8) bool", widths<int16_t, int64_t, total<eq<int64_t>>().run>());
  d.add(1851, "int28ne(int2,int8) bool", widths<int16_t, int64_t, total<ne<int64_t>>().run>());
  d.add(1852, "int28lt(int2,int8) bool", widths<int16_t, int64_t, total<lt<int64_t>>().run>());
  d.add(1854, "int28le(int2,int8) bool", widths<int16_t, int64_t, total<le<int64_t>>().run>());
  d.add(1853, "int28gt(int2,int8) bool", widths<int16_t, int64_t, total<gt<int64_t>>().run>());
  d.add(1855, "int28ge(int2,int8) bool", widths<int16_t, int64_t, total<ge<int64_t>>().run>());
  d.add(1856, "int82eq(int8,int2) bool", widths<int64_t, int16_t, total<eq<int64_t>>().run>());
  d.add(1857, "int82ne(int8,int2) bool", widths<int64_t, int16_t, total<ne<int64_t>>().run>());
  d.add(1858, "int82lt(int8,int2) bool", widths<int64_t, int16_t, total<lt<int64_t>>().run>());
  d.add(1860, "int82le(int8,int2) bool", widths<int64_t, int16_t, total<le<int64_t>>().run>());
  d.add(1859, "int82gt(int8,int2) bool", widths<int64_t, int16_t, total<gt<int64_t>>().run>());
  d.add(1861, "int82ge(int8,int2) bool", widths<int64_t, int16_t, total<ge<int64_t>>().run>());
  d.add(852, "int48eq(int4,int8) bool", widths<int32_t, int64_t, total<eq<int64_t>>().run>());
  d.add(853, "int48ne(int4,int8) bool", widths<int32_t, int64_t, total<ne<int64_t>>().run>());
  d.add(854, "int48lt(int4,int8) bool", widths<int32_t, int64_t, total<lt<int64_t>>().run>());
  d.add(856, "int48le(int4,int8) bool", widths<int32_t, int64_t, total<le<int64_t>>().run>());
  d.add(855, "int48gt(int4,int8) bool", widths<int32_t, int64_t, total<gt<int64_t>>().run>());
  d.add(857, "int48ge(int4,int8) bool", widths<int32_t, int64_t, total<ge<int64_t>>().run>());
  d.add(474, "int84eq(int8,int4) bool", widths<int64_t, int32_t, total<eq<int64_t>>().run>());
  d.add(475, "int84ne(int8,int4) bool", widths<int64_t, int32_t, total<ne<int64_t>>().run>());
  d.add(476, "int84lt(int8,int4) bool", widths<int64_t, int32_t, total<lt<int64_t>>().run>());
  d.add(478, "int84le(int8,int4) bool", widths<int64_t, int32_t, total<le<int64_t>>().run>());
  d.add(477, "int84gt(int8,int4) bool", widths<int64_t, int32_t, total<gt<int64_t>>().run>());
  d.add(479, "int84ge(int8,int4) bool", widths<int64_t, int32_t, total<ge<int64_t>>().run>());
  d.add(184, "oideq(oid,oid) bool", total<eq<uint32_t>>());
  d.add(185, "oidne(oid,oid) bool", total<ne<uint32_t>>());
  d.add(716, "oidlt(oid,oid) bool", total<lt<uint32_t>>());
  d.add(717, "oidle(oid,oid) bool", total<le<uint32_t>>());
  d.add(1638, "oidgt(oid,oid) bool", total<gt<uint32_t>>());
  d.add(1639, "oidge(oid,oid) bool", total<ge<uint32_t>>());
  d.add(1086, "date_eq(date,date) bool", total<eq<int32_t>>());
  d.add(1091, "date_ne(date,date) bool", total<ne<int32_t>>());
  d.add(1087, "date_lt(date,date) bool", total<lt<int32_t>>());
  d.add(1088, "date_le(date,date) bool", total<le<int32_t>>());
  d.add(1089, "date_gt(date,date) bool", total<gt<int32_t>>());
  d.add(1090, "date_ge(date,date) bool", total<ge<int32_t>>());
  d.add(1145, "time_eq(time,time) bool", total<eq<int64_t>>());
  d.add(1106, "time_ne(time,time) bool", total<ne<int64_t>>());
  d.add(1102, "time_lt(time,time) bool", total<lt<int64_t>>());
  d.add(1103, "time_le(time,time) bool", total<le<int64_t>>());
  d.add(1104, "time_gt(time,time) bool", total<gt<int64_t>>());
  d.add(1105, "time_ge(time,time) bool", total<ge<int64_t>>());
  d.add(2052, "timestamp_eq(timestamp,timestamp) bool", total<eq<int64_t>>());
  d.add(2053, "timestamp_ne(timestamp,timestamp) bool", total<ne<int64_t>>());
  d.add(2054, "timestamp_lt(timestamp,timestamp) bool", total<lt<int64_t>>());
  d.add(2055, "timestamp_le(timestamp,timestamp) bool", total<le<int64_t>>());
  d.add(2057, "timestamp_gt(timestamp,timestamp) bool", total<gt<int64_t>>());
  d.add(2056, "timestamp_ge(timestamp,timestamp) bool", total<ge<int64_t>>());
  d.add(1152, "timestamptz_eq(timestamptz,timestamptz) bool", total<eq<int64_t>>());
  d.add(1153, "timestamptz_ne(timestamptz,timestamptz) bool", total<ne<int64_t>>());
  d.add(1154, "timestamptz_lt(timestamptz,timestamptz) bool", total<lt<int64_t>>());
  d.add(1155, "timestamptz_le(timestamptz,timestamptz) bool", total<le<int64_t>>());
  d.add(1157, "timestamptz_gt(timestamptz,timestamptz) bool", total<gt<int64_t>>());
  d.add(1156, "timestamptz_ge(timestamptz,timestamptz) bool", total<ge<int64_t>>());
  d.add(68, "xideq(xid,xid) bool", total<eq<uint32_t>>());
  d.add(3308, "xidneq(xid,xid) bool", total<ne<uint32_t>>());
  d.add(69, "cideq(cid,cid) bool", total<eq<uint32_t>>());
  d.add(1319, "xideqint4(xid,int4) bool", each<xid_eq_int4>());
}

}  // namespace qw::sql
