// A relation joined with the maximum of its own groups is its first rows by rank.
//
//   FROM c JOIN (SELECT g, max(n) AS top FROM c GROUP BY g) m ON c.g = m.g AND c.n >= m.top
//
// keeps of each group the rows that tie for the highest n: TopK with ties, one state instead of
// three, and no row goes up and down through a join when the maximum moves.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/plan.h"

namespace qw::sql {

// Needs properties; prune afterwards.
PlanPtr rank_own_peaks(PlanPtr plan);

}  // namespace qw::sql
