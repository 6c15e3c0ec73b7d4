// Comparison of jsonb, arrays and records, in PostgreSQL's btree order.
// Tests: tests/unit/sql_expr/compare_test.cc.
#include "sql/expr/declare.h"
#include "src/types/array.h"
#include "src/types/jsonb.h"

namespace qw::sql {
namespace {

int compare_jsonb(const Str& a, const Str& b) { return jsonb::compare(a.view(), b.view()); }
int compare_array(const Str& a, const Str& b) { return array::compare(a.view(), b.view()); }
int compare_record(const Str& a, const Str& b) { return record::compare(a.view(), b.view()); }

#define QW_SIX(name, type)                                             \
  bool name##_eq(type a, type b) { return compare_##name(a, b) == 0; } \
  bool name##_ne(type a, type b) { return compare_##name(a, b) != 0; } \
  bool name##_lt(type a, type b) { return compare_##name(a, b) < 0; }  \
  bool name##_le(type a, type b) { return compare_##name(a, b) <= 0; } \
  bool name##_gt(type a, type b) { return compare_##name(a, b) > 0; }  \
  bool name##_ge(type a, type b) { return compare_##name(a, b) >= 0; }
QW_SIX(jsonb, const Str&)
QW_SIX(array, const Str&)
QW_SIX(record, const Str&)
#undef QW_SIX

}  // namespace

void declare_compare_nested(Declarations& d) {
  d.add(4043, "jsonb_eq(jsonb,jsonb) bool", each<jsonb_eq>());
  d.add(4038, "jsonb_ne(jsonb,jsonb) bool", each<jsonb_ne>());
  d.add(4039, "jsonb_lt(jsonb,jsonb) bool", each<jsonb_lt>());
  d.add(4041, "jsonb_le(jsonb,jsonb) bool", each<jsonb_le>());
  d.add(4040, "jsonb_gt(jsonb,jsonb) bool", each<jsonb_gt>());
  d.add(4042, "jsonb_ge(jsonb,jsonb) bool", each<jsonb_ge>());
  d.add(744, "array_eq(anyarray,anyarray) bool", each<array_eq>());
  d.add(390, "array_ne(anyarray,anyarray) bool", each<array_ne>());
  d.add(391, "array_lt(anyarray,anyarray) bool", each<array_lt>());
  d.add(393, "array_le(anyarray,anyarray) bool", each<array_le>());
  d.add(392, "array_gt(anyarray,anyarray) bool", each<array_gt>());
  d.add(396, "array_ge(anyarray,anyarray) bool", each<array_ge>());
  d.add(2981, "record_eq(record,record) bool", each<record_eq>());
  d.add(2982, "record_ne(record,record) bool", each<record_ne>());
  d.add(2983, "record_lt(record,record) bool", each<record_lt>());
  d.add(2985, "record_le(record,record) bool", each<record_le>());
  d.add(2984, "record_gt(record,record) bool", each<record_gt>());
  d.add(2986, "record_ge(record,record) bool", each<record_ge>());
}

}  // namespace qw::sql
