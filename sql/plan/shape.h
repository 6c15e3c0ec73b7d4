// Shapes: ROW_NUMBER() <= k and ORDER BY .. LIMIT inside a plan become TopK, sorts that nobody sees
// go, DISTINCT over rows that are unique anyway goes. Pure; any thread.
// Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/catalog.h"
#include "sql/optimizer.h"
#include "sql/plan.h"

namespace qw::sql {

// A read keeps Sort and Limit at its top.
PlanPtr reshape(PlanPtr plan, OptimizeFor target);
// Needs properties.
PlanPtr drop_needless_distinct(PlanPtr plan);

}  // namespace qw::sql
