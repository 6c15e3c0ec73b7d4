// Constant folding: immutable calls over constants become constants, boolean logic shrinks.
// What would fail is left alone: PostgreSQL raises it only if it is evaluated.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/expr.h"

namespace qw::sql {

void fold_constants(ExprPtr& root);

}  // namespace qw::sql
