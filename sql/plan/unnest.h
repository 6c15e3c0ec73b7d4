// Subqueries become joins.
//
// First every subquery expression turns into a step of its own below the expression: EXISTS, IN and
// their like in WHERE into semi and anti joins, others into a value column. Correlation is taken
// out by carrying the outer columns that a subquery uses (its bindings) through its plan as extra
// columns: either they equal columns of the subquery already (t.x = outer.y), or the distinct outer
// values are joined in at the leaves. What has no such form stays an Apply for reads and is 0A000
// for views. Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/catalog.h"
#include "sql/optimizer.h"
#include "sql/plan.h"
#include "src/base/result.h"

namespace qw::sql {

Result<PlanPtr> plan_subqueries(PlanPtr plan, OptimizeFor target, const Catalog& catalog);

}  // namespace qw::sql
