// Walks over plans and expressions, and the rewrites of column numbers that every pass needs.
//
// Levels: an outer_column of depth d, seen under n subquery or Apply borders, reaches d - n rows up
// from the plan that was walked: level 1 is the row the plan as a whole is evaluated for.
// A shared node is visited once; shared nodes never hold outer columns that leave them (the binder
// copies instead), so one visit is enough. Pure; any thread. Tests: tests/unit/sql/walk_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sql/expr.h"
#include "sql/plan.h"

namespace qw::sql {

// In the test of an ANY/ALL subquery (args[0]) column kSubqueryColumn + j is column j of its plan.
// They are no columns of the row: the walks below leave them alone.
inline constexpr uint32_t kSubqueryColumn = 0x7000'0000;

// The expressions that `node` itself holds (not its inputs').
void each_expression(Plan& node, const std::function<void(ExprPtr&)>& visit);
// Every node of the plan once, parents first; not the plans of subqueries inside expressions.
void each_plan_node(Plan& plan, const std::function<void(Plan&)>& visit);
// `root` and everything below it, parents first; not the plans of subqueries.
void each_node(Expr& root, const std::function<void(Expr&)>& visit);
void each_node(const Expr& root, const std::function<void(const Expr&)>& visit);

// Outer columns of `plan` that leave it, with their level.
void each_outer_column(Plan& plan, const std::function<void(Expr&, uint32_t level)>& visit);
// Columns of the row that `root` is evaluated over: its column nodes, and the outer columns of its
// subqueries that reach the same row.
void each_row_column(Expr& root, const std::function<void(Expr&)>& visit);
// Outer columns of an expression, those of its subqueries included; level 1 is the nearest
// enclosing row.
void each_outer_column(Expr& root, const std::function<void(Expr&, uint32_t level)>& visit);

bool reaches_level(Plan& plan, uint32_t level);
bool is_correlated(Plan& plan);  // reaches any level
bool is_correlated(Expr& root);
// Outer columns of level >= `from` get `by` added to their depth.
void shift_outer(Plan& plan, int32_t by, uint32_t from = 1);

bool contains(const Expr& root, ExprKind kind);
bool has_subquery(const Expr& root);
// Calls of volatile functions, also inside subqueries.
bool is_volatile(const Expr& root);
bool is_stable_or_volatile(const Expr& root);
// Whether evaluating it can never fail: columns, constants, IS NULL and boolean logic over them.
bool never_fails(const Expr& root);
void collect_columns(Expr& root, std::vector<bool>& used);

// Column i becomes map[i].
void remap_columns(Expr& root, std::span<const uint32_t> map);
void shift_columns(Expr& root, int32_t by);
// Column i becomes a copy of replacements[i] (null entries stay columns).
void substitute(ExprPtr& root, std::span<const ExprPtr> replacements);
// Turns columns of the row into outer columns of depth 1 (and outer columns one deeper): the
// expression moves into a plan evaluated once per row.
void columns_to_outer(Expr& root);

PlanPtr clone_plan(const Plan& plan);

}  // namespace qw::sql
