// Function calls: scalar, aggregate, window and set-returning. See expression.h.
#include <algorithm>

#include <fmt/format.h>

#include "sql/bind/expression.h"
#include "sql/expr/arguments.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

bool has_placeholder(Expr& root, uint32_t base, uint32_t end) {
  bool found = false;
  each_row_column(
      root, [&](Expr& column) { found = found || (column.index >= base && column.index < end); });
  return found;
}
bool has_aggregate(Expr& root) { return has_placeholder(root, kAggregateBase, kWindowBase); }
bool has_window(Expr& root) { return has_placeholder(root, kWindowBase, kSetBase); }
bool has_set(Expr& root) { return has_placeholder(root, kSetBase, kSubqueryColumn); }

bool aggregates_allowed(ExprPlace place) {
  switch (place) {
    case ExprPlace::target:
    case ExprPlace::having:
    case ExprPlace::order_by:
    case ExprPlace::distinct_on:
    case ExprPlace::window_partition:
    case ExprPlace::window_order:
    case ExprPlace::window_frame:
      return true;
    case ExprPlace::where:
    case ExprPlace::join_on:
    case ExprPlace::group_by:
    case ExprPlace::limit:
    case ExprPlace::offset:
    case ExprPlace::values:
    case ExprPlace::insert:
    case ExprPlace::update:
    case ExprPlace::returning:
    case ExprPlace::default_value:
    case ExprPlace::index:
    case ExprPlace::watermark:
    case ExprPlace::filter:
    case ExprPlace::from_function:
    case ExprPlace::policy:
    case ExprPlace::utility:
      return false;
  }
  QW_UNREACHABLE();
}

bool windows_allowed(ExprPlace place) {
  return place == ExprPlace::target || place == ExprPlace::order_by ||
         place == ExprPlace::distinct_on;
}

// An aggregate over nothing but an enclosing query's columns belongs to that query.
bool belongs_outside(std::vector<ExprPtr>& arguments) {
  bool outer = false, own = false;
  for (ExprPtr& argument : arguments) {
    each_row_column(*argument, [&](Expr&) { own = true; });
    each_outer_column(*argument, [&](Expr&, uint32_t) { outer = true; });
  }
  return outer && !own;
}

bool same_aggregate(const PendingAggregate& a, const PendingAggregate& b) {
  if (a.function != b.function || a.distinct != b.distinct || !(a.type == b.type)) return false;
  if (a.arguments.size() != b.arguments.size() || a.order.size() != b.order.size()) return false;
  if ((a.filter == nullptr) != (b.filter == nullptr)) return false;
  if (a.filter != nullptr && !a.filter->same(*b.filter)) return false;
  for (size_t i = 0; i < a.arguments.size(); ++i) {
    if (!a.arguments[i]->same(*b.arguments[i]) || is_volatile(*a.arguments[i])) return false;
  }
  for (size_t i = 0; i < a.order.size(); ++i) {
    if (!a.order[i].expr->same(*b.order[i].expr)) return false;
    if (a.order[i].order.descending != b.order[i].order.descending) return false;
    if (a.order[i].order.nulls_first != b.order[i].order.nulls_first) return false;
  }
  return true;
}

// Functions that write any value as json or jsonb.
bool makes_json(std::string_view name) {
  const std::string_view rest = name.starts_with("jsonb_")  ? name.substr(6)
                                : name.starts_with("json_") ? name.substr(5)
                                                            : std::string_view();
  return name == "to_jsonb" || rest == "agg" || rest == "object_agg" || rest == "build_object" ||
         rest == "build_array";
}

// A row as a jsonb object. Its columns' names are known here only: a record value carries none.
// What cannot be done is refused here and not by the rows of a view.
Result<ExprPtr> row_object(BindState& state, const Scope* scope, std::string_view function,
                           const ast::Expr& written, ExprPtr row) {
  const int32_t location = row->location;
  const auto refused = [&] {
    return state.fail_at(feature_not_supported("json of a row value is not supported"), location);
  };
  if (row->kind != ExprKind::row_make || function.starts_with("json_")) return refused();
  std::vector<std::string> names;
  ExprPtr there;  // whether an outer join found a row: a column that is never NULL tells
  if (const auto* ref = written.try_as<ast::ColumnRef>()) {
    QW_ASSIGN_OR_RETURN(const Resolved found, resolve_column(state, scope, ref->names, location));
    const Relation* relation = found.entry == nullptr ? nullptr : found.entry->relation;
    if (relation == nullptr || relation->columns.size() != row->args.size()) return refused();
    for (size_t i = 0; i < row->args.size(); ++i) {
      names.push_back(found.entry->columns[i].name);
      if (there == nullptr && relation->columns[i].not_null) {
        there = make_node(ExprKind::is_not_null, TypeId::boolean, row->args[i]->clone());
      }
    }
    if (there == nullptr) return refused();
  } else {
    for (size_t i = 0; i < row->args.size(); ++i) names.push_back(fmt::format("f{}", i + 1));
  }
  std::vector<ExprPtr> pairs;
  for (size_t i = 0; i < names.size(); ++i) {
    if (row->args[i]->type.id == TypeId::record) return refused();
    pairs.push_back(make_constant(Datum::text(names[i])));
    pairs.push_back(std::move(row->args[i]));
  }
  QW_ASSIGN_OR_RETURN(ExprPtr object,
                      make_named_call(state, "jsonb_build_object", std::move(pairs), location));
  if (there == nullptr) return object;
  const Type type = object->type;
  std::vector<ExprPtr> args;
  args.push_back(std::move(there));
  args.push_back(std::move(object));
  args.push_back(make_constant(Datum::null(type)));
  return make_node(ExprKind::case_when, type, std::move(args));
}

}  // namespace

// Brings f(name => value) into the order of the declaration, defaults between filled in.
Result<void> ExpressionBinder::place_named_arguments(const ast::FunctionCall& call,
                                                     std::vector<ExprPtr>& args) {
  size_t positional = 0;
  while (positional < call.arguments.size() && call.arguments[positional].name.empty()) {
    ++positional;
  }
  if (positional == call.arguments.size()) return {};
  std::string types;
  for (size_t i = 0; i < call.arguments.size(); ++i) {
    const std::string& name = call.arguments[i].name;
    if (i > positional && name.empty()) {
      return state_.fail_at(syntax_error("positional argument cannot follow named argument"),
                            args[i]->location);
    }
    for (size_t k = positional; k < i; ++k) {
      if (call.arguments[k].name != name) continue;
      return state_.fail_at(
          syntax_error(fmt::format("argument name \"{}\" used more than once", name)),
          args[i]->location);
    }
    types += fmt::format("{}{}{}{}", i == 0 ? "" : ", ", name, name.empty() ? "" : " => ",
                         args[i]->type.without_typmod().sql_name());
  }
  for (const Function* function : state_.registry.functions(call.name.back())) {
    const std::vector<std::string_view>& names = argument_info(*function).names;
    if (names.empty() || args.size() > names.size()) continue;
    std::vector<ExprPtr*> placed(names.size(), nullptr);
    bool fits = true;
    for (size_t i = 0; i < args.size() && fits; ++i) {
      const auto at = i < positional ? names.begin() + static_cast<ptrdiff_t>(i)
                                     : std::find(names.begin(), names.end(),
                                                 std::string_view(call.arguments[i].name));
      const auto index = static_cast<size_t>(at - names.begin());
      fits = at != names.end() && placed[index] == nullptr;
      if (fits) placed[index] = &args[i];
    }
    const size_t required = names.size() - function->defaults;
    for (size_t i = 0; i < required && fits; ++i) fits = placed[i] != nullptr;
    if (!fits) continue;
    std::vector<ExprPtr> ordered;
    for (size_t i = 0; i < names.size(); ++i) {
      if (placed[i] != nullptr) {
        ordered.push_back(std::move(*placed[i]));
        continue;
      }
      QW_ASSIGN_OR_RETURN(ExprPtr value, default_argument(state_, *function, i));
      ordered.push_back(std::move(value));
    }
    args = std::move(ordered);
    return {};
  }
  return state_.fail_at(
      undefined_function(fmt::format("function {}({}) does not exist", call.name.back(), types))
          .with_hint("No function matches the given name and argument types. You might need to add "
                     "explicit type casts."),
      call.location);
}

Result<ExprPtr> ExpressionBinder::bind_call(const ast::FunctionCall& call) {
  const std::string& name = call.name.back();
  const int32_t location = call.location;
  if (call.within_group) return not_supported("WITHIN GROUP", location);
  std::vector<ExprPtr> args;
  std::vector<Type> types;
  for (const ast::FunctionCall::Argument& argument : call.arguments) {
    QW_ASSIGN_OR_RETURN(ExprPtr bound, bind(*argument.value));
    if (bound->type.id == TypeId::record && makes_json(name)) {
      QW_ASSIGN_OR_RETURN(bound,
                          row_object(state_, scope_, name, *argument.value, std::move(bound)));
    }
    args.push_back(std::move(bound));
  }
  QW_TRY(place_named_arguments(call, args));
  types.clear();
  for (const ExprPtr& arg : args) types.push_back(arg->type);
  bool ambiguous = false;
  std::optional<Overload> overload = choose_function(state_, name, types, ambiguous, call.variadic);
  const bool plain = !call.star && !call.distinct && call.order_by.empty() &&
                     call.filter == nullptr && call.over == nullptr && !call.variadic;
  if (args.size() == 1 && plain) {
    // f(x) with f a type's name is a cast, unless a function fits exactly.
    const bool exact = overload && overload->function->args.size() == 1 &&
                       overload->function->args[0].same(types[0]);
    std::optional<Type> type = Type::from_name(name);
    if (!exact && type && type->type_name() == name && type->physical() != Physical::none &&
        can_coerce(state_, types[0], *type, CastContext::explicit_)) {
      ast::TypeName written;
      return coerce(state_, std::move(args[0]), *type, CastContext::explicit_, location);
    }
  }
  if (!overload) {
    if (ambiguous) return make_named_call(state_, name, std::move(args), location);
    std::string shown;
    for (const std::string& part : call.name) {
      if (part == "pg_catalog") continue;
      shown += shown.empty() ? part : "." + part;
    }
    return state_.fail_at(function_not_found(shown, types), location);
  }
  const Function& function = *overload->function;
  QW_TRY(complete_arguments(state_, *overload, args, location));
  switch (function.kind) {
    case FunctionKind::aggregate:
      if (call.over != nullptr) return bind_window(call, *overload, std::move(args));
      return bind_aggregate(call, *overload, std::move(args));
    case FunctionKind::window:
      if (call.over == nullptr) {
        return state_.fail_at(
            wrong_object_type(fmt::format("window function {} requires an OVER clause", name)),
            location);
      }
      return bind_window(call, *overload, std::move(args));
    case FunctionKind::set_returning:
    case FunctionKind::scalar:
      break;
  }
  const auto reject = [&](std::string_view clause, std::string_view what) {
    return state_.fail_at(
        wrong_object_type(fmt::format("{} specified, but {} is not {}", clause, name, what)),
        location);
  };
  if (call.star) return reject("(*)", "an aggregate function");
  if (call.distinct) return reject("DISTINCT", "an aggregate function");
  if (!call.order_by.empty()) return reject("ORDER BY", "an aggregate function");
  if (call.filter != nullptr) return reject("FILTER", "an aggregate function");
  if (call.over != nullptr) {
    return reject("OVER", "a window function nor an aggregate function");
  }
  if (function.kind == FunctionKind::set_returning) {
    return bind_set(call, *overload, std::move(args));
  }
  ExprPtr node = make_call(function, std::move(args), overload->result);
  node->location = location;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_order_key(ExprPtr expr, const ast::OrderItem& item,
                                                 SortOrder& order) {
  using Direction = ast::OrderItem::Direction;
  using Nulls = ast::OrderItem::Nulls;
  QW_ASSIGN_OR_RETURN(expr, resolve_unknown(state_, std::move(expr)));
  QW_TRY(less_of(state_, expr->type, expr->location));
  order.descending = item.direction == Direction::descending;
  if (item.direction == Direction::use_operator) {
    const std::string& name = item.using_operator.back();
    if (name != "<" && name != ">") {
      return state_.fail_at(
          wrong_object_type(fmt::format("operator {} is not a valid ordering operator", name))
              .with_hint("Ordering operators must be \"<\" or \">\" members of btree operator "
                         "families."),
          item.location);
    }
    order.descending = name == ">";
  }
  order.nulls_first =
      item.nulls == Nulls::unspecified ? order.descending : item.nulls == Nulls::first;
  return expr;
}

Result<ExprPtr> ExpressionBinder::bind_aggregate(const ast::FunctionCall& call,
                                                 const Overload& overload,
                                                 std::vector<ExprPtr> args) {
  const std::string& name = call.name.back();
  const int32_t location = call.location;
  if (!call.star && args.empty()) {
    return state_.fail_at(
        wrong_object_type(
            fmt::format("{}(*) must be used to call a parameterless aggregate function", name)),
        location);
  }
  if (pending_ == nullptr || !aggregates_allowed(place_)) {
    return state_.fail_at(grouping_error(fmt::format("aggregate functions are not allowed in {}",
                                                     place_name(place_))),
                          location);
  }
  if (belongs_outside(args)) {
    return not_supported("an aggregate of an enclosing query's columns", location);
  }
  for (ExprPtr& arg : args) {
    QW_ASSIGN_OR_RETURN(arg, resolve_unknown(state_, std::move(arg)));
  }
  PendingAggregate aggregate;
  aggregate.function = overload.function;
  aggregate.type = overload.result;
  aggregate.distinct = call.distinct;
  aggregate.location = location;
  for (const ast::OrderItem& item : call.order_by) {
    QW_ASSIGN_OR_RETURN(ExprPtr key, bind(*item.expr));
    BoundOrder order;
    QW_ASSIGN_OR_RETURN(order.expr, bind_order_key(std::move(key), item, order.order));
    aggregate.order.push_back(std::move(order));
  }
  if (call.filter != nullptr) {
    ExpressionBinder inner(state_, scope_, ctes_, nullptr, ExprPlace::filter);
    QW_ASSIGN_OR_RETURN(ExprPtr filter, inner.bind(*call.filter));
    QW_ASSIGN_OR_RETURN(aggregate.filter, coerce_to_boolean(state_, std::move(filter), "FILTER"));
  }
  const auto check = [&](Expr& argument) -> Result<void> {
    if (has_aggregate(argument)) {
      return state_.fail_at(grouping_error("aggregate function calls cannot be nested"),
                            argument.location);
    }
    if (has_window(argument)) {
      return state_.fail_at(
          grouping_error("aggregate function calls cannot contain window function calls"),
          argument.location);
    }
    if (has_set(argument)) {
      return state_.fail_at(
          feature_not_supported(
              "aggregate function calls cannot contain set-returning function calls")
              .with_hint("You might be able to move the set-returning function into a LATERAL FROM "
                         "item."),
          argument.location);
    }
    return {};
  };
  for (ExprPtr& argument : args) QW_TRY(check(*argument));
  for (BoundOrder& order : aggregate.order) QW_TRY(check(*order.expr));
  if (call.distinct) {
    for (const ExprPtr& argument : args) {
      QW_TRY(equality_of(state_, argument->type, argument->location));
    }
    for (const BoundOrder& order : aggregate.order) {
      const bool listed = std::any_of(args.begin(), args.end(), [&](const ExprPtr& argument) {
        return argument->same(*order.expr);
      });
      if (!listed) {
        return state_.fail_at(
            invalid_column_reference("in an aggregate with DISTINCT, ORDER BY expressions must "
                                     "appear in argument list"),
            order.expr->location);
      }
    }
  }
  aggregate.arguments = std::move(args);
  const AggregateKind kind = aggregate.function->aggregate;
  if (kind == AggregateKind::jsonb_agg || kind == AggregateKind::jsonb_object_agg) {
    return bind_jsonb_aggregate(std::move(aggregate));
  }
  return add_aggregate(std::move(aggregate));
}

ExprPtr ExpressionBinder::add_aggregate(PendingAggregate aggregate) {
  const Type type = aggregate.type;
  const int32_t location = aggregate.location;
  for (uint32_t i = 0; i < pending_->aggregates.size(); ++i) {
    if (same_aggregate(pending_->aggregates[i], aggregate)) {
      return placeholder(kAggregateBase + i, type, location);
    }
  }
  const auto index = static_cast<uint32_t>(pending_->aggregates.size());
  pending_->aggregates.push_back(std::move(aggregate));
  return placeholder(kAggregateBase + index, type, location);
}

// jsonb_agg(x) is to_jsonb(array_agg(to_jsonb(x))), jsonb_object_agg(k, v) puts together what
// array_agg() collects of {k: v}: one kind of state serves all three.
Result<ExprPtr> ExpressionBinder::bind_jsonb_aggregate(PendingAggregate aggregate) {
  const int32_t location = aggregate.location;
  const bool object = aggregate.function->aggregate == AggregateKind::jsonb_object_agg;
  QW_ASSIGN_OR_RETURN(ExprPtr element,
                      make_named_call(state_, object ? "jsonb_build_object" : "to_jsonb",
                                      std::move(aggregate.arguments), location));
  const Type types[] = {element->type};
  bool ambiguous = false;
  const std::optional<Overload> collect = choose_function(state_, "array_agg", types, ambiguous);
  QW_ASSERT(collect);
  aggregate.function = collect->function;
  aggregate.type = collect->result;
  aggregate.arguments.clear();
  aggregate.arguments.push_back(std::move(element));
  std::vector<ExprPtr> collected;
  collected.push_back(add_aggregate(std::move(aggregate)));
  return make_named_call(state_, object ? kJsonbMergeFunction : "to_jsonb", std::move(collected),
                         location);
}

Result<ExprPtr> ExpressionBinder::bind_set(const ast::FunctionCall& call, const Overload& overload,
                                           std::vector<ExprPtr> args) {
  const bool allowed = place_ == ExprPlace::target || place_ == ExprPlace::order_by ||
                       place_ == ExprPlace::group_by || place_ == ExprPlace::distinct_on ||
                       place_ == ExprPlace::from_function;
  if (pending_ == nullptr || !allowed) {
    return state_.fail_at(feature_not_supported(fmt::format(
                              "set-returning functions are not allowed in {}", place_name(place_))),
                          call.location);
  }
  if (overload.function->out_columns.size() > 1 && place_ != ExprPlace::from_function) {
    return not_supported("a set-returning function of several columns outside FROM", call.location);
  }
  PendingSet set;
  set.function = overload.function;
  set.arguments = std::move(args);
  set.type = overload.function->out_columns.empty() ? overload.result
                                                    : overload.function->out_columns[0].second;
  set.location = call.location;
  const Type type = set.type;
  for (uint32_t i = 0; i < pending_->sets.size(); ++i) {
    const PendingSet& other = pending_->sets[i];
    const bool same = other.function == set.function &&
                      std::equal(other.arguments.begin(), other.arguments.end(),
                                 set.arguments.begin(), set.arguments.end(),
                                 [](const ExprPtr& a, const ExprPtr& b) { return a->same(*b); });
    // ORDER BY and GROUP BY mean the one in the target list.
    if (same && place_ != ExprPlace::target) return placeholder(kSetBase + i, type, call.location);
  }
  const auto index = static_cast<uint32_t>(pending_->sets.size());
  pending_->sets.push_back(std::move(set));
  return placeholder(kSetBase + index, type, call.location);
}

namespace {

const ast::WindowSpec* find_window(const Pending& pending, std::string_view name) {
  if (pending.named_windows == nullptr) return nullptr;
  for (const ast::WindowSpec& spec : *pending.named_windows) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

WindowCall::Bound frame_bound(ast::WindowSpec::Bound bound) {
  using From = ast::WindowSpec::Bound;
  using To = WindowCall::Bound;
  switch (bound) {
    case From::unbounded_preceding:
      return To::unbounded_preceding;
    case From::preceding:
      return To::preceding;
    case From::current_row:
      return To::current_row;
    case From::following:
      return To::following;
    case From::unbounded_following:
      return To::unbounded_following;
  }
  QW_UNREACHABLE();
}

WindowCall::Mode frame_mode(ast::WindowSpec::Mode mode) {
  switch (mode) {
    case ast::WindowSpec::Mode::range:
      return WindowCall::Mode::range;
    case ast::WindowSpec::Mode::rows:
      return WindowCall::Mode::rows;
    case ast::WindowSpec::Mode::groups:
      return WindowCall::Mode::groups;
  }
  QW_UNREACHABLE();
}

}  // namespace

Result<ExprPtr> ExpressionBinder::frame_offset(const ast::Expr& expr, WindowCall::Mode mode,
                                               std::string_view which,
                                               const PendingWindow& window) {
  ExpressionBinder inner(state_, scope_, ctes_, nullptr, ExprPlace::window_frame);
  QW_ASSIGN_OR_RETURN(ExprPtr offset, inner.bind(expr));
  bool variables = false;
  each_row_column(*offset, [&](Expr&) { variables = true; });
  if (variables) {
    return state_.fail_at(
        invalid_column_reference(fmt::format("argument of {} must not contain variables", which)),
        offset->location);
  }
  Type target = TypeId::int8;
  if (mode == WindowCall::Mode::range) {
    if (window.order.size() != 1) {
      return state_.fail_at(
          windowing_error("RANGE with offset PRECEDING/FOLLOWING requires exactly one ORDER BY "
                          "column"),
          expr.location);
    }
    target = window.order[0].expr->type.without_typmod();
    if (target.category() == 'D') target = TypeId::interval;
  }
  if (!can_coerce(state_, offset->type, target, CastContext::implicit)) {
    return state_.fail_at(
        datatype_mismatch(fmt::format("argument of {} must be type {}, not type {}", which,
                                      target.sql_name(), offset->type.sql_name())),
        offset->location);
  }
  return coerce(state_, std::move(offset), target, CastContext::implicit);
}

Result<void> ExpressionBinder::bind_window_spec(const ast::WindowSpec& spec, PendingWindow& out) {
  const ast::WindowSpec* base = nullptr;
  const bool reference = !spec.name.empty() && spec.ref_name.empty() && !spec.has_frame &&
                         spec.partition_by.empty() && spec.order_by.empty();
  const std::string& wanted = spec.ref_name.empty() ? spec.name : spec.ref_name;
  if (!wanted.empty() && (reference || !spec.ref_name.empty())) {
    base = find_window(*pending_, wanted);
    if (base == &spec) base = nullptr;
    if (base == nullptr && !(reference && find_window(*pending_, wanted) == &spec)) {
      return state_.fail_at(undefined_object(fmt::format("window \"{}\" does not exist", wanted)),
                            spec.location);
    }
  }
  if (base != nullptr && reference) return bind_window_spec(*base, out);
  if (base != nullptr) {
    if (!spec.partition_by.empty()) {
      return state_.fail_at(windowing_error(fmt::format(
                                "cannot override PARTITION BY clause of window \"{}\"", wanted)),
                            spec.location);
    }
    if (!spec.order_by.empty() && !base->order_by.empty()) {
      return state_.fail_at(
          windowing_error(fmt::format("cannot override ORDER BY clause of window \"{}\"", wanted)),
          spec.location);
    }
    if (base->has_frame) {
      return state_.fail_at(windowing_error(fmt::format(
                                "cannot copy window \"{}\" because it has a frame clause", wanted)),
                            spec.location);
    }
    DepthGuard depth(state_);
    QW_TRY(depth.check());
    QW_TRY(bind_window_spec(*base, out));
  }
  ExpressionBinder partition(state_, scope_, ctes_, pending_, ExprPlace::window_partition);
  for (const ast::ExprPtr& item : spec.partition_by) {
    QW_ASSIGN_OR_RETURN(ExprPtr key, partition.bind(*item));
    QW_ASSIGN_OR_RETURN(key, resolve_unknown(state_, std::move(key)));
    QW_TRY(equality_of(state_, key->type, key->location));
    out.partition.push_back(std::move(key));
  }
  ExpressionBinder order_binder(state_, scope_, ctes_, pending_, ExprPlace::window_order);
  for (const ast::OrderItem& item : spec.order_by) {
    QW_ASSIGN_OR_RETURN(ExprPtr key, order_binder.bind(*item.expr));
    BoundOrder order;
    QW_ASSIGN_OR_RETURN(order.expr, bind_order_key(std::move(key), item, order.order));
    out.order.push_back(std::move(order));
  }
  if (spec.exclude != ast::WindowSpec::Exclude::no_others) {
    return not_supported("EXCLUDE in a window frame", spec.location);
  }
  if (!spec.has_frame) return {};
  out.frame.mode = frame_mode(spec.mode);
  out.frame.start = frame_bound(spec.start);
  out.frame.end = frame_bound(spec.end);
  if (out.frame.mode == WindowCall::Mode::groups && out.order.empty()) {
    return state_.fail_at(windowing_error("GROUPS mode requires an ORDER BY clause"),
                          spec.location);
  }
  const std::string_view which = out.frame.mode == WindowCall::Mode::rows     ? "ROWS"
                                 : out.frame.mode == WindowCall::Mode::groups ? "GROUPS"
                                                                              : "RANGE";
  if (spec.start_offset != nullptr) {
    QW_ASSIGN_OR_RETURN(out.start_offset,
                        frame_offset(*spec.start_offset, out.frame.mode, which, out));
  }
  if (spec.end_offset != nullptr) {
    QW_ASSIGN_OR_RETURN(out.end_offset, frame_offset(*spec.end_offset, out.frame.mode, which, out));
  }
  return {};
}

Result<ExprPtr> ExpressionBinder::bind_window(const ast::FunctionCall& call,
                                              const Overload& overload, std::vector<ExprPtr> args) {
  const int32_t location = call.location;
  if (pending_ == nullptr || !windows_allowed(place_)) {
    const bool inside = place_ == ExprPlace::window_partition ||
                        place_ == ExprPlace::window_order || place_ == ExprPlace::window_frame;
    return state_.fail_at(
        windowing_error(
            inside ? std::string("window functions are not allowed in window definitions")
                   : fmt::format("window functions are not allowed in {}", place_name(place_))),
        location);
  }
  if (call.distinct) {
    return state_.fail_at(feature_not_supported("DISTINCT is not implemented for window functions"),
                          location);
  }
  if (!call.order_by.empty()) {
    return state_.fail_at(
        feature_not_supported("aggregate ORDER BY is not implemented for window functions"),
        location);
  }
  if (!call.star && args.empty() && overload.function->kind == FunctionKind::aggregate) {
    return state_.fail_at(
        wrong_object_type(fmt::format(
            "{}(*) must be used to call a parameterless aggregate function", call.name.back())),
        location);
  }
  for (ExprPtr& argument : args) {
    if (has_window(*argument)) {
      return state_.fail_at(windowing_error("window function calls cannot be nested"),
                            argument->location);
    }
    if (has_set(*argument)) {
      return state_.fail_at(
          feature_not_supported(
              "window function calls cannot contain set-returning function calls"),
          argument->location);
    }
  }
  PendingWindow window;
  window.function = overload.function;
  window.type = overload.result;
  window.location = location;
  for (ExprPtr& arg : args) {
    QW_ASSIGN_OR_RETURN(arg, resolve_unknown(state_, std::move(arg)));
  }
  window.arguments = std::move(args);
  if (call.filter != nullptr) {
    if (overload.function->kind != FunctionKind::aggregate) {
      return state_.fail_at(
          feature_not_supported("FILTER is not implemented for non-aggregate window functions"),
          location);
    }
    ExpressionBinder inner(state_, scope_, ctes_, pending_, ExprPlace::filter);
    QW_ASSIGN_OR_RETURN(ExprPtr filter, inner.bind(*call.filter));
    QW_ASSIGN_OR_RETURN(window.filter, coerce_to_boolean(state_, std::move(filter), "FILTER"));
  }
  QW_TRY(bind_window_spec(*call.over, window));
  const Type type = window.type;
  const auto index = static_cast<uint32_t>(pending_->windows.size());
  pending_->windows.push_back(std::move(window));
  return placeholder(kWindowBase + index, type, location);
}

}  // namespace qw::sql
