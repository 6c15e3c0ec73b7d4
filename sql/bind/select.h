// The SELECT statement proper: targets, grouping, windows, DISTINCT, ORDER BY. See query.h.
// Tests: tests/unit/sql/bind_query_test.cc.
#pragma once

#include "sql/bind/query.h"

namespace qw::sql {

Result<PlanPtr> bind_simple_select(BindState& state, const ast::Select& select,
                                   const QueryContext& context, const CteScope* ctes);
// LIMIT and OFFSET over `plan`, if there are any. `scope`: what the query itself sees, which they
// must not use.
Result<PlanPtr> bind_limit(BindState& state, const ast::Select& select, PlanPtr plan, Scope* scope,
                           const CteScope* ctes);

}  // namespace qw::sql
