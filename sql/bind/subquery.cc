// Subqueries inside expressions. See expression.h.
#include <fmt/format.h>

#include "sql/bind/expression.h"
#include "sql/bind/query.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"
#include "src/types/text.h"

namespace qw::sql {

namespace {

// The one column of a subquery with ORDER BY, and its order over the columns of `plan`, which may
// have more than that one. No keys: the query has no order.
struct OrderedRows {
  PlanPtr plan;
  uint32_t column = 0;
  std::vector<SortKey> keys;
};

OrderedRows ordered_rows(PlanPtr plan) {
  OrderedRows rows;
  // The last projection takes off what only the order needed.
  if (const auto* project = plan->as<Project>()) {
    rows.column = plain_columns(*project)[0];
    if (rows.column == UINT32_MAX) return rows;
    plan = plan->inputs[0];
  }
  const Plan* sorted = plan.get();
  while (sorted->as<Limit>()) sorted = sorted->inputs[0].get();
  if (const auto* sort = sorted->as<Sort>()) rows.keys = sort->keys;
  rows.plan = std::move(plan);
  return rows;
}

// ARRAY(SELECT x ... ORDER BY ..) as coalesce((SELECT array_agg(x ORDER BY ..) ...), '{}'), which
// can become a join, where ARRAY has to run once per row.
Result<ExprPtr> ordered_array(BindState& state, OrderedRows rows, int32_t location) {
  const Type types[] = {rows.plan->schema.columns[rows.column].type};
  bool ambiguous = false;
  const std::optional<Overload> collect = choose_function(state, "array_agg", types, ambiguous);
  QW_ASSERT(collect);
  AggregateCall call;
  call.function = collect->function;
  call.type = collect->result;
  call.arguments = {rows.column};
  call.order = std::move(rows.keys);
  Aggregate aggregate;
  aggregate.calls.push_back(std::move(call));
  auto node = std::make_unique<Expr>();
  node->kind = ExprKind::subquery;
  node->subquery_kind = SubqueryKind::scalar;
  node->type = collect->result;
  node->location = location;
  node->plan = make_aggregate(std::move(rows.plan), std::move(aggregate));
  QW_ASSIGN_OR_RETURN(Datum empty, from_text(collect->result, "{}", state.context.style));
  std::vector<ExprPtr> args;
  args.push_back(std::move(node));
  args.push_back(make_constant(std::move(empty)));
  return make_node(ExprKind::coalesce, collect->result, std::move(args));
}

}  // namespace

Result<ExprPtr> ExpressionBinder::bind_subquery(const ast::Subquery& subquery) {
  using Type_ = ast::Subquery::Type;
  switch (place_) {
    case ExprPlace::default_value:
      return state_.fail_at(feature_not_supported("cannot use subquery in DEFAULT expression"),
                            subquery.location);
    case ExprPlace::index:
      return state_.fail_at(feature_not_supported("cannot use subquery in index expression"),
                            subquery.location);
    case ExprPlace::utility:
      return state_.fail_at(feature_not_supported("cannot use subquery in EXECUTE parameter"),
                            subquery.location);
    case ExprPlace::watermark:
    case ExprPlace::window_frame:
      return not_supported("a subquery here", subquery.location);
    case ExprPlace::target:
    case ExprPlace::where:
    case ExprPlace::join_on:
    case ExprPlace::group_by:
    case ExprPlace::having:
    case ExprPlace::order_by:
    case ExprPlace::distinct_on:
    case ExprPlace::limit:
    case ExprPlace::offset:
    case ExprPlace::values:
    case ExprPlace::insert:
    case ExprPlace::update:
    case ExprPlace::returning:
    case ExprPlace::window_partition:
    case ExprPlace::window_order:
    case ExprPlace::filter:
    case ExprPlace::from_function:
    case ExprPlace::policy:
      break;
  }
  QueryContext context;
  context.parent = scope_;
  context.ctes = ctes_;
  QW_ASSIGN_OR_RETURN(PlanPtr plan, bind_select(state_, *subquery.query, context));
  if (subquery.type == Type_::any || subquery.type == Type_::all) {
    return bind_quantified(subquery, std::move(plan));
  }
  auto node = std::make_unique<Expr>();
  node->kind = ExprKind::subquery;
  node->location = subquery.location;
  if (subquery.type == Type_::exists) {
    node->subquery_kind = SubqueryKind::exists;
    node->type = TypeId::boolean;
    node->plan = std::move(plan);
    return node;
  }
  if (plan->schema.size() != 1) {
    return state_.fail_at(syntax_error("subquery must return only one column"), subquery.location);
  }
  node->type = plan->schema.columns[0].type;
  if (subquery.type == Type_::array) {
    const Type element = node->type;
    node->subquery_kind = SubqueryKind::array;
    if (!element.is_array() && type_info(element.id).array_oid == 0) {
      return state_.fail_at(
          undefined_object(fmt::format("could not find array type for data type {}",
                                       element.without_typmod().sql_name())),
          subquery.location);
    }
    node->type = element.is_array() ? element : Type::array_of(element.id);
    OrderedRows rows = ordered_rows(plan);
    if (!rows.keys.empty() && !element.is_array()) {
      return ordered_array(state_, std::move(rows), subquery.location);
    }
  } else {
    node->subquery_kind = SubqueryKind::scalar;
  }
  node->plan = std::move(plan);
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_quantified(const ast::Subquery& subquery, PlanPtr plan) {
  const std::string_view name = subquery.op.empty() ? "=" : std::string_view(subquery.op.back());
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> left, bind_row(*subquery.test));
  if (left.size() < plan->schema.size()) {
    return state_.fail_at(syntax_error("subquery has too many columns"), subquery.location);
  }
  if (left.size() > plan->schema.size()) {
    return state_.fail_at(syntax_error("subquery has too few columns"), subquery.location);
  }
  std::vector<ExprPtr> right;
  for (uint32_t i = 0; i < plan->schema.size(); ++i) {
    right.push_back(
        placeholder(kSubqueryColumn + i, plan->schema.columns[i].type, subquery.location));
  }
  ExprPtr test;
  if (left.size() == 1) {
    QW_ASSIGN_OR_RETURN(test, make_operator(state_, name, std::move(left[0]), std::move(right[0]),
                                            subquery.location));
    if (test->type.id != TypeId::boolean) {
      return state_.fail_at(datatype_mismatch(fmt::format(
                                "row comparison operator must yield type boolean, not type {}",
                                test->type.sql_name())),
                            subquery.location);
    }
  } else {
    QW_ASSIGN_OR_RETURN(
        test, bind_row_comparison(name, std::move(left), std::move(right), subquery.location));
  }
  const int32_t start = test->location;
  ExprPtr node = make_node(ExprKind::subquery, TypeId::boolean, std::move(test));
  node->subquery_kind =
      subquery.type == ast::Subquery::Type::any ? SubqueryKind::any : SubqueryKind::all;
  node->plan = std::move(plan);
  node->location = start;
  return node;
}

}  // namespace qw::sql
