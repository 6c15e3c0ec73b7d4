// Which calls are equality operators, and of what. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/expr.h"

namespace qw::sql {

// A call of "=" over two values of one type (bigint = bigint, text = text).
bool is_equality(const Expr& expression);
// A call of any "=" operator, also integer = bigint.
bool is_equality_operator(const Expr& expression);
// "<", "<=", ">", ">=": the operator's name, else ""; over one type, unless `any_types`.
std::string_view comparison_name(const Expr& expression, bool any_types = false);
// Casts `value` to `to` where that loses nothing: integer = bigint is bigint = bigint. For keys: a
// date that no timestamp is equal to becomes a value that none has. False: there is no such cast,
// nothing was changed.
bool widen(ExprPtr& value, Type to);
// The operator a function implements ("=", "+"), "" when none. For EXPLAIN.
std::string_view operator_name(const Function& function);

}  // namespace qw::sql
