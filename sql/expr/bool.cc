// Functions over booleans; AND, OR and NOT are expression kinds.
// Tests: tests/unit/sql_expr/compare_test.cc.
#include "sql/expr/declare.h"

namespace qw::sql {
namespace {

Str bool_to_text(bool value) { return Str(value ? std::string_view("true") : "false"); }
bool and_statefunc(bool a, bool b) { return a && b; }
bool or_statefunc(bool a, bool b) { return a || b; }
// Of the plans of scalar subqueries: `rows` is how many there are.
bool single_row(int64_t rows, Row& row) {
  if (rows <= 1) return true;
  return row.fail(
      cardinality_violation("more than one row returned by a subquery used as an expression"));
}

}  // namespace

void declare_bool(Declarations& d) {
  d.add(2971, "text(bool) text", each<bool_to_text>());
  d.add(2515, "booland_statefunc(bool,bool) bool", each<and_statefunc>());
  d.add(0, "$single_row(int8) bool", each<single_row>());
  d.add(2516, "boolor_statefunc(bool,bool) bool", each<or_statefunc>());
}

}  // namespace qw::sql
