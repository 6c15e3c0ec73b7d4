// Columns that nobody reads are not made, down to the scans; projections that meet are merged.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/plan.h"

namespace qw::sql {

// Same rows, same columns in the same order.
PlanPtr prune_columns(PlanPtr plan);

}  // namespace qw::sql
