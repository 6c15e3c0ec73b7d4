// Filters go down, joins get their keys and an order without cross products where one exists.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/plan.h"

namespace qw::sql {

// Same rows, same columns in the same order.
PlanPtr push_filters(PlanPtr plan);

}  // namespace qw::sql
