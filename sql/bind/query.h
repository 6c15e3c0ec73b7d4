// Binding of queries: SELECT, VALUES, set operations, WITH and FROM to a plan. query.cc holds the
// levels of a SELECT, from.cc its FROM clause. Tests: tests/unit/sql/bind_query_test.cc.
#pragma once

#include <string>
#include <vector>

#include "sql/bind/expression.h"
#include "sql/bind/scope.h"
#include "sql/bind/state.h"
#include "sql/plan.h"

namespace qw::sql {

// Where a query stands.
struct QueryContext {
  Scope* parent = nullptr;  // rows around it
  const CteScope* ctes = nullptr;
  // Literals and parameters without a type stay unknown when they are output columns of the top
  // Project: the caller (INSERT, a set operation) gives them their type.
  bool keep_unknown = false;
};

Result<PlanPtr> bind_select(BindState& state, const ast::Select& select,
                            const QueryContext& context);

// Brings the columns of `plan` to the types; unknown constants on top are parsed as that type.
Result<PlanPtr> coerce_columns(BindState& state, PlanPtr plan, const std::vector<Type>& types,
                               CastContext context);

// FROM: the plan of all items (cross joined), and the scope's entries over its columns.
Result<PlanPtr> bind_from(BindState& state, const std::vector<ast::FromPtr>& items, Scope& scope,
                          const CteScope* ctes);
// Functions in step: plans that end in a row number, side by side, NULLs where one has fewer rows;
// a full join on that number, which is the last column of the result.
Result<PlanPtr> join_in_step(BindState& state, std::vector<PlanPtr> plans);
// One relation as a FROM item: the target of UPDATE and DELETE.
ScopeEntry relation_entry(const Relation& relation, const std::string& alias);
// The rows of a relation: a scan, or a view's query.
Result<PlanPtr> relation_plan(BindState& state, const Relation& relation, int32_t location);

// WITH: binds its queries into `out`, whose parent is the context's.
Result<void> bind_with(BindState& state, const ast::With& with, const QueryContext& context,
                       CteScope& out);

// Targets with their stars expanded.
struct BoundTarget {
  ExprPtr expr;
  std::string name;
};
Result<std::vector<BoundTarget>> bind_targets(BindState& state,
                                              const std::vector<ast::Target>& targets,
                                              ExpressionBinder& binder, const Scope& scope);

}  // namespace qw::sql
