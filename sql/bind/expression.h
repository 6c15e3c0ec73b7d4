// Binding of expressions: one class, one pass over the syntax tree.
//
// What an expression may contain depends on where it stands (ExprPlace) and is collected by the
// query level it belongs to: aggregates, window functions and set-returning functions become
// placeholder columns (numbers from kAggregateBase, kWindowBase, kSetBase up), which query.cc
// replaces once it knows the plan below the target list. Lives during bind(). Tests:
// tests/unit/sql/bind_expression_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/bind/coerce.h"
#include "sql/bind/scope.h"
#include "sql/bind/state.h"
#include "sql/plan.h"

namespace qw::sql {

inline constexpr uint32_t kAggregateBase = 0x4000'0000;
inline constexpr uint32_t kWindowBase = 0x5000'0000;
inline constexpr uint32_t kSetBase = 0x6000'0000;
// Functions that only the binder calls.
inline constexpr std::string_view kGroupingFunction = "#grouping";
inline constexpr std::string_view kJsonbMergeFunction = "#jsonb_merge";
inline constexpr std::string_view kSliceFunction = "#slice";

enum class ExprPlace : uint8_t {
  target,
  where,
  join_on,
  group_by,
  having,
  order_by,
  distinct_on,
  limit,
  offset,
  values,
  insert,
  update,
  returning,
  default_value,
  index,
  watermark,
  window_partition,
  window_order,
  window_frame,
  filter,
  from_function,
  policy,
  utility,
};
// As messages call it: "WHERE", "JOIN conditions".
std::string_view place_name(ExprPlace place);

struct BoundOrder {
  ExprPtr expr;
  SortOrder order;
};
struct PendingAggregate {
  const Function* function = nullptr;
  std::vector<ExprPtr> arguments;
  bool distinct = false;
  ExprPtr filter;
  std::vector<BoundOrder> order;
  Type type;
  int32_t location = -1;
};
struct PendingWindow {
  const Function* function = nullptr;
  std::vector<ExprPtr> arguments;
  ExprPtr filter;
  std::vector<ExprPtr> partition;
  std::vector<BoundOrder> order;
  WindowCall frame;  // mode, bounds; its columns are filled in later
  ExprPtr start_offset, end_offset;
  Type type;
  int32_t location = -1;
};
struct PendingSet {
  const Function* function = nullptr;
  std::vector<ExprPtr> arguments;
  Type type;
  int32_t location = -1;
};

// What the expressions of one query level ask of the plan below them.
struct Pending {
  std::vector<PendingAggregate> aggregates;
  std::vector<PendingWindow> windows;
  std::vector<PendingSet> sets;
  bool has_grouping = false;  // GROUPING(..) occurs
  const std::vector<ast::WindowSpec>* named_windows = nullptr;
};

class ExpressionBinder {
 public:
  // `pending` may be null where none of those is allowed.
  ExpressionBinder(BindState& state, Scope* scope, const CteScope* ctes, Pending* pending,
                   ExprPlace place)
      : state_(state), scope_(scope), ctes_(ctes), pending_(pending), place_(place) {}

  Result<ExprPtr> bind(const ast::Expr& expr);
  Result<std::vector<ExprPtr>> bind_all(const ast::ExprList& list);
  // Elements of a row expression: (a, b), ROW(a, b), or one scalar.
  Result<std::vector<ExprPtr>> bind_row(const ast::Expr& expr);
  Result<ExprPtr> bind_order_key(ExprPtr expr, const ast::OrderItem& item, SortOrder& order);
  // CASE x WHEN .. and DEFAULT need a column to be there before binding; RETURNING's old and new do
  // not exist in 15.
  ExprPlace place() const { return place_; }

 private:
  Result<ExprPtr> bind_inner(const ast::Expr& expr);
  Result<ExprPtr> bind_grouping(const ast::Grouping& grouping);
  Result<ExprPtr> bind_slice(ExprPtr array, std::span<const ast::Indirection::Step> steps);
  Result<ExprPtr> bind_literal(const ast::Literal& literal);
  Result<ExprPtr> bind_param(const ast::Param& param);
  Result<ExprPtr> bind_column(const ast::ColumnRef& ref);
  Result<ExprPtr> bind_call(const ast::FunctionCall& call);
  Result<void> place_named_arguments(const ast::FunctionCall& call, std::vector<ExprPtr>& args);
  Result<ExprPtr> bind_aggregate(const ast::FunctionCall& call, const Overload& overload,
                                 std::vector<ExprPtr> args);
  ExprPtr add_aggregate(PendingAggregate aggregate);
  Result<ExprPtr> bind_jsonb_aggregate(PendingAggregate aggregate);
  Result<ExprPtr> bind_window(const ast::FunctionCall& call, const Overload& overload,
                              std::vector<ExprPtr> args);
  Result<ExprPtr> bind_set(const ast::FunctionCall& call, const Overload& overload,
                           std::vector<ExprPtr> args);
  Result<void> bind_window_spec(const ast::WindowSpec& spec, PendingWindow& out);
  Result<ExprPtr> frame_offset(const ast::Expr& expr, WindowCall::Mode mode, std::string_view which,
                               const PendingWindow& window);
  Result<ExprPtr> bind_operator(const ast::Operator& op);
  Result<ExprPtr> bind_row_comparison(std::string_view name, std::vector<ExprPtr> left,
                                      std::vector<ExprPtr> right, int32_t location);
  Result<ExprPtr> bind_distinct(const ast::DistinctFrom& distinct);
  Result<ExprPtr> make_distinct_from(ExprPtr left, ExprPtr right, bool negated, int32_t location);
  Result<ExprPtr> bind_null_if(const ast::NullIf& null_if);
  Result<ExprPtr> bind_in_list(const ast::InList& in);
  Result<ExprPtr> bind_between(const ast::Between& between);
  Result<ExprPtr> bind_any_all(const ast::AnyAll& any);
  Result<ExprPtr> bind_bool(const ast::BoolExpr& expr);
  Result<ExprPtr> bind_null_test(const ast::NullTest& test);
  Result<ExprPtr> bind_boolean_test(const ast::BooleanTest& test);
  Result<ExprPtr> bind_case(const ast::CaseExpr& expr);
  Result<ExprPtr> bind_coalesce(const ast::Coalesce& expr);
  Result<ExprPtr> bind_min_max(const ast::MinMax& expr);
  Result<ExprPtr> bind_cast(const ast::TypeCast& cast);
  Result<ExprPtr> bind_collate(const ast::Collate& collate);
  Result<ExprPtr> bind_subquery(const ast::Subquery& subquery);
  Result<ExprPtr> bind_quantified(const ast::Subquery& subquery, PlanPtr plan);
  Result<ExprPtr> bind_array(const ast::ArrayLiteral& array, std::optional<Type> target);
  Result<ExprPtr> bind_indirection(const ast::Indirection& indirection);
  Result<ExprPtr> bind_sql_value(const ast::SqlValue& value);
  ExprPtr column_at(const Resolved& resolved, int32_t location) const;
  ExprPtr whole_row(const Resolved& resolved, int32_t location) const;
  ExprPtr placeholder(uint32_t index, Type type, int32_t location) const;
  tl::unexpected<Error> not_supported(std::string construct, int32_t location) const;

  BindState& state_;
  Scope* scope_;
  const CteScope* ctes_;
  Pending* pending_;
  ExprPlace place_;
  bool in_aggregate_ = false;
  bool in_window_ = false;
};

// The name PostgreSQL gives an output column: "?column?", "case", the function's name, ...
std::string output_name(const ast::Expr& expr);

}  // namespace qw::sql
