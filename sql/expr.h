// Expr: a bound expression, every name resolved and every implicit cast spelled out as a call.
//
// The binder makes it, the planner moves it, Program (sql/program.h) compiles it. One node type
// with a kind, so that passes are switches, and trees that are rewritten by moving nodes. Recursive
// passes carry a depth counter (limits::kNestingMax). Plain values; not shared between threads
// while changed. Tests: tests/unit/sql_expr/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "src/types/datum.h"
#include "src/types/type.h"

namespace qw::sql {

struct Function;  // sql/function.h
struct Plan;      // sql/plan.h
struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

enum class ExprKind : uint8_t {
  column,        // `index`: column of the input
  outer_column,  // `index`, `depth` >= 1: column of an enclosing query's row (reads only)
  constant,      // `value`
  parameter,     // `index`: $index, 1-based
  call,          // `function`(args); strict functions give NULL on a NULL argument
  logical_and,   // args, n-ary, three-valued, left to right over a narrowing selection
  logical_or,
  logical_not,
  is_null,  // args[0]
  is_not_null,
  is_true,
  is_not_true,
  is_false,
  is_not_false,  // args[0]
  is_distinct,   // args[0] IS DISTINCT FROM args[1]; `function` is the type's equality
  is_not_distinct,
  case_when,  // args = when1, then1, ..., whenN, thenN, else (always there, NULL when absent)
  coalesce,   // args
  nullif,     // args[0], args[1]; `function` is equality
  greatest,
  least,       // args; `function` is the type's btree comparison "<"
  in_list,     // args[0] against the constants args[1..]; `function` is equality; hashed
  array_op,    // args[0] op ANY/ALL (args[1] array): `function` is op, `all` chooses ALL
  array_make,  // ARRAY[args]
  row_make,    // ROW(args)
  field,       // field `index` of a record args[0]
  subscript,   // args[0][args[1]] ...
  subquery,    // see SubqueryKind; replaced by joins or Apply before anything is compiled
};

enum class SubqueryKind : uint8_t { scalar, exists, any, all, array };

struct Expr {
  ExprKind kind = ExprKind::constant;
  Type type;
  int32_t location = -1;  // byte offset in the statement, for errors
  uint32_t index = 0;
  uint32_t depth = 0;
  bool all = false;
  Datum value;
  const Function* function = nullptr;
  std::vector<ExprPtr> args;
  SubqueryKind subquery_kind = SubqueryKind::scalar;
  std::shared_ptr<Plan> plan;  // of a subquery

  ExprPtr clone() const;
  bool same(const Expr& other) const;  // structural equality, locations ignored
};

ExprPtr make_column(uint32_t index, Type type);
ExprPtr make_constant(Datum value);
ExprPtr make_call(const Function& function, std::vector<ExprPtr> args, Type type);

}  // namespace qw::sql
