// Joins of rows with the maximum of their group, where rows only come: see PeakJoin in sql/plan.h.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include <optional>

#include "sql/plan.h"

namespace qw::sql {

// Of a join whose inputs' properties are known.
std::optional<PeakJoin> find_peak(const Plan& join);

}  // namespace qw::sql
