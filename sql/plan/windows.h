// Joins on time ranges around window borders become joins on the window.
//
//   b.ts BETWEEN m.window_end - '10 s' AND m.window_end     (m over TUMBLE or HOP of any relation)
//
// window_end lies on a grid, so a row of b meets a few borders only, and which is known from b.ts
// alone: b is expanded into them, and the border becomes a join key. The range stays as residual.
// Pure; any thread. Tests: tests/unit/sql/optimize.cases.
#pragma once

#include "sql/plan.h"

namespace qw::sql {

// For views, after columns were pruned; prune again afterwards.
PlanPtr join_windows(PlanPtr plan);
// Aggregates over HOP take each row once and count it in all of its windows by themselves
// (Aggregate::Hop), so that a row's other columns are looked at once.
PlanPtr count_in_windows(PlanPtr plan);

}  // namespace qw::sql
