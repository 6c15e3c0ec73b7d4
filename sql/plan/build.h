// Constructors of plan nodes: each computes its schema from its inputs.
// Pure; any thread. Tests: tests/unit/sql/walk_test.cc.
#pragma once

#include <string>
#include <vector>

#include "sql/catalog.h"
#include "sql/plan.h"

namespace qw::sql {

PlanPtr make_node(Plan::Op op, std::vector<PlanPtr> inputs, Schema schema);

PlanPtr make_scan(const Relation& relation);  // all columns
PlanPtr make_values(std::vector<std::vector<ExprPtr>> rows, Schema schema);
PlanPtr make_one_row();  // no columns, one row
PlanPtr make_filter(PlanPtr input, ExprPtr predicate);
// Names come from `names`, types from the expressions; a plain column keeps its NOT NULL.
PlanPtr make_project(PlanPtr input, std::vector<ExprPtr> expressions,
                     std::vector<std::string> names);
// The input's columns, then `appended`.
PlanPtr make_append(PlanPtr input, std::vector<ExprPtr> appended, std::vector<std::string> names);
// Some of the input's columns.
PlanPtr make_pick(PlanPtr input, const std::vector<uint32_t>& columns);
PlanPtr make_join(PlanPtr left, PlanPtr right, Join join);
PlanPtr make_apply(PlanPtr left, PlanPtr right, Apply apply, std::string name, Type type);
PlanPtr make_aggregate(PlanPtr input, Aggregate aggregate);
PlanPtr make_distinct(PlanPtr input);
PlanPtr make_topk(PlanPtr input, TopK topk);
PlanPtr make_window(PlanPtr input, Window window);
PlanPtr make_sort(PlanPtr input, std::vector<SortKey> keys);
PlanPtr make_limit(PlanPtr input, Limit limit);
PlanPtr make_set_op(SetOpKind kind, std::vector<PlanPtr> inputs);
PlanPtr make_project_set(PlanPtr input, ProjectSet set, std::vector<std::string> names);

// a AND b; either may be null.
ExprPtr make_and(ExprPtr left, ExprPtr right);
ExprPtr make_and(std::vector<ExprPtr> terms);  // null when empty
// The terms of a conjunction, flattened.
std::vector<ExprPtr> split_and(ExprPtr predicate);
ExprPtr make_boolean(bool value);
ExprPtr make_node(ExprKind kind, Type type, std::vector<ExprPtr> args);
ExprPtr make_node(ExprKind kind, Type type, ExprPtr arg);
ExprPtr column_of(const Schema& schema, uint32_t index);

bool is_true(const Expr& expression);
bool is_false_or_null(const Expr& expression);
// Every column is passed through in order: the projection does nothing but, maybe, rename.
bool is_identity(const Project& project, const Schema& input);
// Column i of the input when expression i is a bare column; UINT32_MAX otherwise.
std::vector<uint32_t> plain_columns(const Project& project);

// Output schema of a node, recomputed after its inputs changed (names kept where there are any).
void refresh_schema(Plan& node);

}  // namespace qw::sql
