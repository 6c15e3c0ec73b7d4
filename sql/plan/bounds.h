// Scan bounds: equality, ranges and lists of values on a key or an index let a read touch only some
// of the rows.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/catalog.h"
#include "sql/plan.h"

namespace qw::sql {

// Moves terms of filters that stand on scans into Scan::bounds. A bound that is NULL at run time
// means no rows.
PlanPtr set_bounds(PlanPtr plan, const Catalog& catalog);

}  // namespace qw::sql
