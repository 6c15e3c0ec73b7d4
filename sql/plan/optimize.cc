// optimize(): the order of the passes, and what a view's plan may hold. See sql/optimizer.h.
#include <fmt/format.h>

#include "sql/function.h"
#include "sql/optimizer.h"
#include "sql/plan/bounds.h"
#include "sql/plan/build.h"
#include "sql/plan/extreme.h"
#include "sql/plan/fold.h"
#include "sql/plan/own_peak.h"
#include "sql/plan/prune.h"
#include "sql/plan/push.h"
#include "sql/plan/shape.h"
#include "sql/plan/unnest.h"
#include "sql/plan/walk.h"
#include "sql/plan/windows.h"

namespace qw::sql {

namespace {

void fold_all(Plan& plan) {
  each_plan_node(
      plan, [](Plan& node) { each_expression(node, [](ExprPtr& root) { fold_constants(root); }); });
}

// The clock is no data of the relations: a view over it would have to change by itself.
bool reads_clock(const Function& function) {
  const std::string_view name = function.name;
  return name == "now" || name == "transaction_timestamp" || name == "statement_timestamp" ||
         name == "clock_timestamp" || name == "timeofday";
}

Result<void> check_view_expression(const Expr& root) {
  const auto refuse = [](std::string what) -> Result<void> {
    return fail(feature_not_supported(what + " is not supported in a materialized view"));
  };
  if (root.kind == ExprKind::parameter) return refuse("a parameter");
  if (root.kind == ExprKind::outer_column || root.kind == ExprKind::subquery) {
    return refuse("a correlated subquery of this form");
  }
  if (root.function != nullptr) {
    const Function& function = *root.function;
    if (function.volatility == Volatility::volatile_ || reads_clock(function)) {
      return refuse(fmt::format("function {}()", function.name));
    }
  }
  for (const ExprPtr& arg : root.args) QW_TRY(check_view_expression(*arg));
  return {};
}

Result<void> check_view(Plan& plan) {
  Result<void> result;
  const auto refuse = [&](std::string_view what) {
    if (result) {
      result = fail(
          feature_not_supported(fmt::format("{} is not supported in a materialized view", what)));
    }
  };
  each_plan_node(plan, [&](Plan& node) {
    if (node.as<SystemScan>()) refuse("a system relation");
    if (node.as<Apply>()) refuse("a correlated subquery of this form");
    if (node.as<Recursive>() || node.as<RecursiveScan>()) refuse("WITH RECURSIVE");
    if (node.as<Limit>()) refuse("LIMIT that is not a constant");
    if (node.as<Sort>()) refuse("ORDER BY inside of the query");
    each_expression(node, [&](ExprPtr& root) {
      if (result) result = check_view_expression(*root);
    });
  });
  return result;
}

}  // namespace

Result<PlanPtr> optimize(PlanPtr plan, OptimizeFor target, const Catalog& catalog) {
  fold_all(*plan);
  QW_ASSIGN_OR_RETURN(plan, plan_subqueries(std::move(plan), target, catalog));
  plan = push_filters(std::move(plan));
  fold_all(*plan);
  plan = test_extremes(std::move(plan));
  plan = reshape(std::move(plan), target);
  plan = prune_columns(std::move(plan));
  if (target == OptimizeFor::read) {
    plan = set_bounds(std::move(plan), catalog);
  } else {
    compute_properties(*plan, catalog);
    plan = rank_own_peaks(std::move(plan));
    plan = count_in_windows(join_windows(std::move(plan)));
    plan = prune_columns(std::move(plan));
  }
  compute_properties(*plan, catalog);
  plan = drop_needless_distinct(std::move(plan));
  compute_properties(*plan, catalog);
  if (target == OptimizeFor::view) QW_TRY(check_view(*plan));
  return plan;
}

}  // namespace qw::sql
