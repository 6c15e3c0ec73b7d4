// Whether a group has a value beyond another one, its maximum tells.
//
//   WHERE EXISTS (SELECT FROM b WHERE b.k = a.k AND b.at > a.at)
//
// pairs every row with all those later than it, and a view would have to keep the pairs. It is
// a.at < max(b.at) of the group: one row of state for each group. NOT EXISTS is the same, negated.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases,
// tests/sql/scripts/exists_by_comparison.slt.
#pragma once

#include "sql/plan.h"

namespace qw::sql {

// Needs the joins' keys and residuals as push_filters() leaves them; prune afterwards.
PlanPtr test_extremes(PlanPtr plan);

}  // namespace qw::sql
