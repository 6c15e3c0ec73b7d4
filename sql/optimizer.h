// Optimiser: from the binder's naive plan to the one that runs.
//
// Decorrelates subqueries into joins, folds constants, pushes filters and projections down, finds
// equi-join keys and top-k shapes, shares common subplans, and computes every node's Properties.
// Rules live in sql/plan/, one file each. A view's plan holds no Apply, Sort, Limit or outer
// column: what cannot be maintained is 0A000 naming the construct. A read may keep them. Pure; any
// thread. Tests: tests/unit/sql/optimize_*_test.cc.
#pragma once

#include "sql/catalog.h"
#include "sql/plan.h"
#include "src/base/result.h"

namespace qw::sql {

enum class OptimizeFor : uint8_t { view, read };

Result<PlanPtr> optimize(PlanPtr plan, OptimizeFor target, const Catalog& catalog);

// Fills `properties` of every node, bottom up. optimize() ends with it.
void compute_properties(Plan& plan, const Catalog& catalog);

}  // namespace qw::sql
