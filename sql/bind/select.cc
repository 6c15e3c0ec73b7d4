// See select.h. The levels of one SELECT, bottom up:
//   FROM, WHERE | GROUP BY, aggregates, HAVING | windows | set-returning functions | targets |
//   DISTINCT | ORDER BY | LIMIT
// Expressions are bound over FROM's columns first, aggregates and the like as placeholders; each
// level then rewrites what stands above it to its own output columns.
#include "sql/bind/select.h"

#include <algorithm>
#include <functional>

#include <fmt/format.h>

#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

struct SortTarget {
  uint32_t target = 0;  // in targets_, junk included
  SortOrder order;
};

class SelectBinder {
 public:
  SelectBinder(BindState& state, const ast::Select& select, const QueryContext& context,
               const CteScope* ctes)
      : state_(state), select_(select), context_(context), ctes_(ctes) {
    scope_.parent = context.parent;
    pending_.named_windows = &select.windows;
  }

  Result<PlanPtr> bind() {
    QW_ASSIGN_OR_RETURN(plan_, bind_from(state_, select_.from, scope_, ctes_));
    if (select_.where != nullptr) {
      ExpressionBinder binder(state_, &scope_, ctes_, nullptr, ExprPlace::where);
      QW_ASSIGN_OR_RETURN(ExprPtr where, binder.bind(*select_.where));
      QW_ASSIGN_OR_RETURN(where, coerce_to_boolean(state_, std::move(where), "WHERE"));
      plan_ = make_filter(std::move(plan_), std::move(where));
    }
    QW_TRY(bind_clauses());
    if (!groups_.empty() || !pending_.aggregates.empty() || having_ != nullptr ||
        !select_.group_by.empty() || pending_.has_grouping) {
      QW_TRY(aggregate());
    }
    if (!pending_.windows.empty()) QW_TRY(windows());
    if (!pending_.sets.empty()) QW_TRY(sets());
    return finish();
  }

 private:
  Result<void> bind_clauses();
  // Each GROUP BY item is a list of grouping sets, a plain one a list of one; the clause is their
  // product. A set holds positions in groups_.
  using GroupSet = std::vector<uint32_t>;
  Result<std::vector<GroupSet>> bind_group_item(const ast::Expr& item);
  Result<std::vector<GroupSet>> bind_grouping_set(const ast::GroupingSet& item);
  Result<GroupSet> bind_group_unit(const ast::Expr& item);
  Result<uint32_t> bind_group_key(const ast::Expr& item);
  Result<void> bind_groups();
  Result<uint32_t> sort_target(const ast::Expr& expr, ExprPlace place);
  Result<std::optional<uint32_t>> target_by_name(const std::string& name, ExprPlace place,
                                                 int32_t location);
  Result<void> aggregate();
  Result<void> find_extra_groups();
  Result<void> check_grouped(Expr& root);
  std::optional<uint32_t> group_of(const Expr& expr) const;
  Result<void> ungrouped(uint32_t column, int32_t location, bool in_subquery);
  void regroup(ExprPtr& root);
  Result<void> check_grouping_call(const Expr& root) const;
  PlanPtr aggregate_sets(PlanPtr input, const Aggregate& all);
  Result<void> windows();
  Result<void> sets();
  Result<void> sets_in_step(std::vector<ProjectSet> nodes, const std::vector<std::string>& names);
  Result<PlanPtr> finish();
  // Every expression above the plan built so far.
  void each_upper(const std::function<void(ExprPtr&)>& visit);

  BindState& state_;
  const ast::Select& select_;
  const QueryContext& context_;
  const CteScope* ctes_;
  Scope scope_;
  Pending pending_;
  PlanPtr plan_;
  std::vector<BoundTarget> targets_;
  size_t visible_ = 0;  // targets before the junk
  std::vector<ExprPtr> groups_;
  std::vector<GroupSet> group_sets_;             // empty = one set of all groups_
  std::vector<std::vector<uint32_t>> grouping_;  // GROUPING() calls: positions in groups_
  ExprPtr having_;
  std::vector<SortTarget> order_;
  std::vector<uint32_t> distinct_on_;
};

void SelectBinder::each_upper(const std::function<void(ExprPtr&)>& visit) {
  for (BoundTarget& target : targets_) visit(target.expr);
  if (having_ != nullptr) visit(having_);
  for (PendingWindow& window : pending_.windows) {
    for (ExprPtr& argument : window.arguments) visit(argument);
    for (ExprPtr& key : window.partition) visit(key);
    for (BoundOrder& order : window.order) visit(order.expr);
    if (window.filter != nullptr) visit(window.filter);
    if (window.start_offset != nullptr) visit(window.start_offset);
    if (window.end_offset != nullptr) visit(window.end_offset);
  }
  for (PendingSet& set : pending_.sets) {
    for (ExprPtr& argument : set.arguments) visit(argument);
  }
}

// A target by its output name; 42702 when two different ones have it.
Result<std::optional<uint32_t>> SelectBinder::target_by_name(const std::string& name,
                                                             ExprPlace place, int32_t location) {
  std::optional<uint32_t> found;
  for (uint32_t i = 0; i < visible_; ++i) {
    if (targets_[i].name != name) continue;
    if (found && !targets_[*found].expr->same(*targets_[i].expr)) {
      return state_.fail_at(
          ambiguous_column(fmt::format("{} \"{}\" is ambiguous", place_name(place), name)),
          location);
    }
    if (!found) found = i;
  }
  return found;
}

// The target that a plain name or number means in GROUP BY, ORDER BY and DISTINCT ON.
Result<uint32_t> SelectBinder::sort_target(const ast::Expr& expr, ExprPlace place) {
  if (const auto* ref = expr.try_as<ast::ColumnRef>();
      ref != nullptr && ref->names.size() == 1 && !ref->star) {
    QW_ASSIGN_OR_RETURN(std::optional<uint32_t> named,
                        target_by_name(ref->names[0], place, ref->location));
    if (named) return *named;
  }
  if (const auto* literal = expr.try_as<ast::Literal>();
      literal != nullptr && literal->type != ast::Literal::Type::null) {
    if (literal->type != ast::Literal::Type::integer) {
      return state_.fail_at(
          syntax_error(fmt::format("non-integer constant in {}", place_name(place))),
          literal->location);
    }
    if (literal->integer < 1 || literal->integer > static_cast<int64_t>(visible_)) {
      return state_.fail_at(
          invalid_column_reference(fmt::format("{} position {} is not in select list",
                                               place_name(place), literal->integer)),
          literal->location);
    }
    return static_cast<uint32_t>(literal->integer - 1);
  }
  ExpressionBinder binder(state_, &scope_, ctes_, &pending_, place);
  QW_ASSIGN_OR_RETURN(ExprPtr key, binder.bind(expr));
  QW_ASSIGN_OR_RETURN(key, resolve_unknown(state_, std::move(key)));
  for (uint32_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i].expr->same(*key)) return i;
  }
  if (select_.distinct && place == ExprPlace::order_by && select_.distinct_on.empty()) {
    return state_.fail_at(
        invalid_column_reference(
            "for SELECT DISTINCT, ORDER BY expressions must appear in select list"),
        key->location);
  }
  targets_.push_back({std::move(key), ""});
  return static_cast<uint32_t>(targets_.size() - 1);
}

// (a, b) or a: one unit of a grouping set.
Result<SelectBinder::GroupSet> SelectBinder::bind_group_unit(const ast::Expr& item) {
  GroupSet set;
  if (const auto* row = item.try_as<ast::Row>(); row != nullptr && !row->explicit_row) {
    for (const ast::ExprPtr& field : row->fields) {
      QW_ASSIGN_OR_RETURN(const GroupSet part, bind_group_unit(*field));
      set.insert(set.end(), part.begin(), part.end());
    }
    return set;
  }
  QW_ASSIGN_OR_RETURN(const uint32_t key, bind_group_key(item));
  set.push_back(key);
  return set;
}

Result<std::vector<SelectBinder::GroupSet>> SelectBinder::bind_grouping_set(
    const ast::GroupingSet& item) {
  using Kind = ast::GroupingSet::Type;
  std::vector<GroupSet> sets;
  if (item.type == Kind::empty) return std::vector<GroupSet>(1);
  if (item.type == Kind::sets) {
    for (const ast::ExprPtr& inner : item.items) {
      QW_ASSIGN_OR_RETURN(const std::vector<GroupSet> more, bind_group_item(*inner));
      sets.insert(sets.end(), more.begin(), more.end());
    }
    return sets;
  }
  std::vector<GroupSet> units;
  for (const ast::ExprPtr& inner : item.items) {
    QW_ASSIGN_OR_RETURN(GroupSet unit, bind_group_unit(*inner));
    units.push_back(std::move(unit));
  }
  const auto gather = [&](const auto& takes) {
    GroupSet set;
    for (size_t i = 0; i < units.size(); ++i) {
      if (takes(i)) set.insert(set.end(), units[i].begin(), units[i].end());
    }
    sets.push_back(std::move(set));
  };
  if (item.type == Kind::rollup) {
    for (size_t count = units.size() + 1; count-- > 0;) {
      gather([&](size_t i) { return i < count; });
    }
    return sets;
  }
  constexpr size_t kCubeMax = 12;  // 4096 sets, PostgreSQL's limit, too
  if (units.size() > kCubeMax) {
    return state_.fail_at(too_many_columns("CUBE is limited to 12 elements"), item.location);
  }
  for (size_t mask = size_t{1} << units.size(); mask-- > 0;) {
    gather([&](size_t i) { return ((mask >> (units.size() - 1 - i)) & 1U) != 0; });
  }
  return sets;
}

Result<std::vector<SelectBinder::GroupSet>> SelectBinder::bind_group_item(const ast::Expr& item) {
  DepthGuard depth(state_);
  QW_TRY(depth.check());
  if (const auto* set = item.try_as<ast::GroupingSet>()) return bind_grouping_set(*set);
  QW_ASSIGN_OR_RETURN(GroupSet unit, bind_group_unit(item));
  return std::vector<GroupSet>{std::move(unit)};
}

Result<void> SelectBinder::bind_groups() {
  constexpr size_t kSetsMax = 4096;
  const auto is_set = [](const ast::ExprPtr& item) {
    return item->kind == ast::Kind::grouping_set;
  };
  const bool written = std::any_of(select_.group_by.begin(), select_.group_by.end(), is_set);
  std::vector<GroupSet> product(1);
  for (const ast::ExprPtr& item : select_.group_by) {
    QW_ASSIGN_OR_RETURN(const std::vector<GroupSet> sets, bind_group_item(*item));
    if (product.size() * sets.size() > kSetsMax) {
      return state_.fail_at(statement_too_complex(fmt::format(
                                "too many grouping sets present (maximum {})", kSetsMax)),
                            item->location);
    }
    std::vector<GroupSet> next;
    for (const GroupSet& left : product) {
      for (const GroupSet& right : sets) {
        GroupSet both = left;
        both.insert(both.end(), right.begin(), right.end());
        std::sort(both.begin(), both.end());
        both.erase(std::unique(both.begin(), both.end()), both.end());
        next.push_back(std::move(both));
      }
    }
    product = std::move(next);
  }
  if (!written) return {};
  if (select_.group_distinct) {
    std::sort(product.begin(), product.end());
    product.erase(std::unique(product.begin(), product.end()), product.end());
  }
  group_sets_ = std::move(product);
  return {};
}

Result<uint32_t> SelectBinder::bind_group_key(const ast::Expr& item) {
  ExprPtr key;
  const auto* ref = item.try_as<ast::ColumnRef>();
  bool by_target = item.kind == ast::Kind::literal;
  if (ref != nullptr && ref->names.size() == 1 && !ref->star) {
    // A column of FROM wins over an output name.
    uint32_t count = 0;
    find_unqualified(scope_, ref->names[0], count);
    if (count == 0) {
      QW_ASSIGN_OR_RETURN(std::optional<uint32_t> named,
                          target_by_name(ref->names[0], ExprPlace::group_by, ref->location));
      by_target = named.has_value();
    }
  }
  if (by_target) {
    QW_ASSIGN_OR_RETURN(uint32_t target, sort_target(item, ExprPlace::group_by));
    key = targets_[target].expr->clone();
    bool aggregated = false;
    bool windowed = false;
    each_row_column(*key, [&](Expr& column) {
      aggregated = aggregated || (column.index >= kAggregateBase && column.index < kWindowBase);
      windowed = windowed || (column.index >= kWindowBase && column.index < kSetBase);
    });
    if (aggregated) {
      return state_.fail_at(grouping_error("aggregate functions are not allowed in GROUP BY"),
                            key->location);
    }
    if (windowed) {
      return state_.fail_at(windowing_error("window functions are not allowed in GROUP BY"),
                            key->location);
    }
  } else {
    ExpressionBinder binder(state_, &scope_, ctes_, &pending_, ExprPlace::group_by);
    QW_ASSIGN_OR_RETURN(key, binder.bind(item));
  }
  QW_ASSIGN_OR_RETURN(key, resolve_unknown(state_, std::move(key)));
  bool set_returning = false;
  each_row_column(*key, [&](Expr& column) {
    set_returning = set_returning || (column.index >= kSetBase && column.index < kSubqueryColumn);
  });
  if (set_returning) {
    return state_.fail_at(
        feature_not_supported("set-returning functions in GROUP BY are not supported"),
        key->location);
  }
  QW_TRY(equality_of(state_, key->type, key->location));
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i]->same(*key)) return i;
  }
  groups_.push_back(std::move(key));
  return static_cast<uint32_t>(groups_.size() - 1);
}

Result<void> SelectBinder::bind_clauses() {
  ExpressionBinder target_binder(state_, &scope_, ctes_, &pending_, ExprPlace::target);
  QW_ASSIGN_OR_RETURN(targets_, bind_targets(state_, select_.targets, target_binder, scope_));
  visible_ = targets_.size();
  const bool keep_unknown = context_.keep_unknown && !select_.distinct && select_.order_by.empty();
  if (!keep_unknown) {
    for (BoundTarget& target : targets_) {
      QW_ASSIGN_OR_RETURN(target.expr, resolve_unknown(state_, std::move(target.expr)));
    }
  }
  if (select_.having != nullptr) {
    ExpressionBinder binder(state_, &scope_, ctes_, &pending_, ExprPlace::having);
    QW_ASSIGN_OR_RETURN(ExprPtr having, binder.bind(*select_.having));
    QW_ASSIGN_OR_RETURN(having_, coerce_to_boolean(state_, std::move(having), "HAVING"));
  }
  ExpressionBinder order_binder(state_, &scope_, ctes_, &pending_, ExprPlace::order_by);
  for (const ast::OrderItem& item : select_.order_by) {
    QW_ASSIGN_OR_RETURN(uint32_t target, sort_target(*item.expr, ExprPlace::order_by));
    SortTarget key;
    key.target = target;
    // Only the rules for the type are wanted; the expression stays in the target list.
    ExprPtr expr = make_column(0, targets_[target].expr->type);
    expr->location = item.expr->location;
    QW_TRY(order_binder.bind_order_key(std::move(expr), item, key.order));
    const bool repeated = std::any_of(order_.begin(), order_.end(), [&](const SortTarget& other) {
      return other.target == target;
    });
    if (!repeated) order_.push_back(key);
  }
  QW_TRY(bind_groups());
  if (!select_.distinct) return {};
  for (const ast::ExprPtr& item : select_.distinct_on) {
    QW_ASSIGN_OR_RETURN(uint32_t target, sort_target(*item, ExprPlace::distinct_on));
    QW_TRY(equality_of(state_, targets_[target].expr->type, item->location));
    if (std::find(distinct_on_.begin(), distinct_on_.end(), target) == distinct_on_.end()) {
      distinct_on_.push_back(target);
    }
  }
  if (distinct_on_.empty()) {
    for (size_t i = 0; i < visible_; ++i) {
      QW_TRY(equality_of(state_, targets_[i].expr->type, targets_[i].expr->location));
    }
    return {};
  }
  // ORDER BY has to begin with the DISTINCT ON expressions, in any order.
  for (size_t i = 0; i < order_.size() && i < distinct_on_.size(); ++i) {
    if (std::find(distinct_on_.begin(), distinct_on_.end(), order_[i].target) !=
        distinct_on_.end()) {
      continue;
    }
    return state_.fail_at(
        invalid_column_reference(
            "SELECT DISTINCT ON expressions must match initial ORDER BY expressions"),
        select_.distinct_on[i]->location);
  }
  return {};
}

std::optional<uint32_t> SelectBinder::group_of(const Expr& expr) const {
  for (uint32_t i = 0; i < groups_.size(); ++i) {
    if (groups_[i]->same(expr)) return i;
  }
  return std::nullopt;
}

// A column that is no group key: fine when the keys determine it (they contain its table's primary
// key), an error otherwise.
Result<void> SelectBinder::ungrouped(uint32_t column, int32_t location, bool in_subquery) {
  // In every grouping set, that is.
  const auto grouped = [&](uint32_t index) {
    for (uint32_t i = 0; i < groups_.size(); ++i) {
      if (groups_[i]->kind != ExprKind::column || groups_[i]->index != index) continue;
      return std::all_of(group_sets_.begin(), group_sets_.end(), [&](const GroupSet& set) {
        return std::find(set.begin(), set.end(), i) != set.end();
      });
    }
    return false;
  };
  std::string name;
  for (const ScopeEntry& entry : scope_.entries) {
    for (const ScopeColumn& candidate : entry.columns) {
      if (candidate.index != column) continue;
      if (name.empty() || !entry.name.empty()) {
        name = entry.name.empty() ? candidate.name : entry.name + "." + candidate.name;
      }
      const Relation* relation = entry.relation;
      if (relation == nullptr || relation->primary_key.empty()) continue;
      const bool determined =
          std::all_of(relation->primary_key.begin(), relation->primary_key.end(),
                      [&](uint32_t key) { return grouped(entry.columns[key].index); });
      if (!determined) continue;
      for (GroupSet& set : group_sets_) set.push_back(static_cast<uint32_t>(groups_.size()));
      groups_.push_back(make_column(column, candidate.type));
      return {};
    }
  }
  if (in_subquery) {
    return state_.fail_at(
        grouping_error(fmt::format("subquery uses ungrouped column \"{}\" from outer query", name)),
        location);
  }
  return state_.fail_at(grouping_error(fmt::format(
                            "column \"{}\" must appear in the GROUP BY clause or be used in an "
                            "aggregate function",
                            name)),
                        location);
}

bool is_grouping_call(const Expr& root) {
  return root.kind == ExprKind::call && root.function->name == kGroupingFunction;
}

Result<void> SelectBinder::check_grouping_call(const Expr& root) const {
  for (const ExprPtr& arg : root.args) {
    if (group_of(*arg)) continue;
    return state_.fail_at(
        grouping_error("arguments to GROUPING must be grouping expressions of the "
                       "associated query level"),
        arg->location);
  }
  return {};
}

Result<void> SelectBinder::check_grouped(Expr& root) {
  if (group_of(root)) return {};
  if (is_grouping_call(root)) return check_grouping_call(root);
  if (root.kind == ExprKind::column) {
    if (root.index >= kAggregateBase) return {};
    return ungrouped(root.index, root.location, false);
  }
  for (ExprPtr& arg : root.args) QW_TRY(check_grouped(*arg));
  if (root.plan == nullptr) return {};
  Result<void> result;
  each_outer_column(*root.plan, [&](Expr& column, uint32_t level) {
    if (level != 1 || !result || column.index >= kAggregateBase) return;
    ExprPtr plain = make_column(column.index, column.type);
    if (!group_of(*plain)) result = ungrouped(column.index, column.location, true);
  });
  return result;
}

Result<void> SelectBinder::find_extra_groups() {
  Result<void> result;
  each_upper([&](ExprPtr& root) {
    if (result) result = check_grouped(*root);
  });
  return result;
}

// Group keys and aggregate placeholders become columns of the Aggregate.
void SelectBinder::regroup(ExprPtr& root) {
  const auto width = static_cast<uint32_t>(groups_.size());
  if (const std::optional<uint32_t> group = group_of(*root)) {
    const int32_t location = root->location;
    const Type type = root->type;
    root = make_column(*group, type);
    root->location = location;
    return;
  }
  if (is_grouping_call(*root)) {
    std::vector<uint32_t> positions;
    for (const ExprPtr& arg : root->args) positions.push_back(*group_of(*arg));
    const auto calls = static_cast<uint32_t>(pending_.aggregates.size() + grouping_.size());
    grouping_.push_back(std::move(positions));
    root = make_column(width + calls, TypeId::int4);
    return;
  }
  if (root->kind == ExprKind::column) {
    if (root->index >= kAggregateBase && root->index < kWindowBase) {
      root->index = root->index - kAggregateBase + width;
    }
    return;
  }
  for (ExprPtr& arg : root->args) regroup(arg);
  if (root->plan == nullptr) return;
  each_outer_column(*root->plan, [&](Expr& column, uint32_t level) {
    if (level != 1) return;
    if (column.index >= kAggregateBase && column.index < kWindowBase) {
      column.index = column.index - kAggregateBase + width;
      return;
    }
    ExprPtr plain = make_column(column.index, column.type);
    if (const std::optional<uint32_t> group = group_of(*plain)) column.index = *group;
  });
}

// An argument of an aggregate call is not evaluated for rows that its FILTER keeps away.
ExprPtr behind_filter(ExprPtr value, const Expr* filter) {
  if (filter == nullptr || never_fails(*value)) return value;
  const Type type = value->type;
  std::vector<ExprPtr> args;
  args.push_back(filter->clone());
  args.push_back(std::move(value));
  args.push_back(make_constant(Datum::null(type)));
  return make_node(ExprKind::case_when, type, std::move(args));
}

// One Aggregate per grouping set over the same input, brought to the same columns: NULL for the
// keys that a set leaves out, then the calls, then what GROUPING() says of it.
PlanPtr SelectBinder::aggregate_sets(PlanPtr input, const Aggregate& all) {
  if (group_sets_.empty() && grouping_.empty()) return make_aggregate(std::move(input), all);
  std::vector<GroupSet> sets = group_sets_;
  if (sets.empty()) {
    sets.emplace_back();
    for (uint32_t i = 0; i < groups_.size(); ++i) sets[0].push_back(i);
  }
  std::vector<PlanPtr> parts;
  for (const GroupSet& set : sets) {
    Aggregate node;
    node.calls = all.calls;
    for (const uint32_t group : set) node.groups.push_back(all.groups[group]);
    PlanPtr part = make_aggregate(input, std::move(node));
    const auto slot = [&](uint32_t group) { return std::find(set.begin(), set.end(), group); };
    std::vector<ExprPtr> columns;
    std::vector<std::string> names;
    for (uint32_t group = 0; group < all.groups.size(); ++group) {
      const Column& key = input->schema.columns[all.groups[group]];
      names.push_back(key.name);
      const auto at = slot(group);
      columns.push_back(at == set.end()
                            ? make_constant(Datum::null(key.type))
                            : column_of(part->schema, static_cast<uint32_t>(at - set.begin())));
    }
    for (uint32_t call = 0; call < all.calls.size(); ++call) {
      const auto index = static_cast<uint32_t>(set.size()) + call;
      names.push_back(part->schema.columns[index].name);
      columns.push_back(column_of(part->schema, index));
    }
    for (const std::vector<uint32_t>& positions : grouping_) {
      int32_t mask = 0;
      for (const uint32_t group : positions) mask = mask * 2 + (slot(group) == set.end() ? 1 : 0);
      names.emplace_back("grouping");
      columns.push_back(make_constant(Datum::int4(mask)));
    }
    parts.push_back(make_project(std::move(part), std::move(columns), std::move(names)));
  }
  if (parts.size() == 1) return std::move(parts[0]);
  return make_set_op(SetOpKind::union_all, std::move(parts));
}

Result<void> SelectBinder::aggregate() {
  QW_TRY(find_extra_groups());
  std::vector<ExprPtr> inputs;
  std::vector<std::string> names;
  const auto add = [&](ExprPtr value) {
    for (uint32_t i = 0; i < inputs.size(); ++i) {
      if (inputs[i]->same(*value) && !is_volatile(*value)) return i;
    }
    std::string name;
    if (value->kind == ExprKind::column) name = plan_->schema.columns[value->index].name;
    names.push_back(std::move(name));
    inputs.push_back(std::move(value));
    return static_cast<uint32_t>(inputs.size() - 1);
  };
  Aggregate node;
  for (const ExprPtr& group : groups_) node.groups.push_back(add(group->clone()));
  for (PendingAggregate& pending : pending_.aggregates) {
    AggregateCall call;
    call.function = pending.function;
    call.distinct = pending.distinct;
    call.type = pending.type;
    const Expr* filter = pending.filter.get();
    for (ExprPtr& argument : pending.arguments) {
      call.arguments.push_back(add(behind_filter(std::move(argument), filter)));
    }
    for (BoundOrder& order : pending.order) {
      call.order.push_back({add(behind_filter(std::move(order.expr), filter)), order.order});
    }
    if (filter != nullptr) call.filter = add(std::move(pending.filter));
    node.calls.push_back(std::move(call));
  }
  each_upper([&](ExprPtr& root) { regroup(root); });
  plan_ = make_project(std::move(plan_), std::move(inputs), std::move(names));
  plan_ = aggregate_sets(std::move(plan_), node);
  if (having_ != nullptr) plan_ = make_filter(std::move(plan_), std::move(having_));
  having_ = nullptr;
  return {};
}

bool same_window(const PendingWindow& a, const PendingWindow& b) {
  if (a.partition.size() != b.partition.size() || a.order.size() != b.order.size()) return false;
  for (size_t i = 0; i < a.partition.size(); ++i) {
    if (!a.partition[i]->same(*b.partition[i])) return false;
  }
  for (size_t i = 0; i < a.order.size(); ++i) {
    if (!a.order[i].expr->same(*b.order[i].expr)) return false;
    if (a.order[i].order.descending != b.order[i].order.descending) return false;
    if (a.order[i].order.nulls_first != b.order[i].order.nulls_first) return false;
  }
  return true;
}

// Replaces placeholder columns by real ones.
void replace_columns(ExprPtr& root, uint32_t base, const std::vector<uint32_t>& columns) {
  each_row_column(*root, [&](Expr& column) {
    if (column.index >= base && column.index - base < columns.size()) {
      column.index = columns[column.index - base];
    }
  });
}

Result<void> SelectBinder::windows() {
  std::vector<uint32_t> columns(pending_.windows.size(), 0);
  std::vector<bool> done(pending_.windows.size(), false);
  for (size_t first = 0; first < pending_.windows.size(); ++first) {
    if (done[first]) continue;
    std::vector<ExprPtr> appended;
    std::vector<std::string> names;
    const auto width = static_cast<uint32_t>(plan_->schema.size());
    const auto add = [&](const ExprPtr& value) {
      // Not if it is read as another type: oids have another order than int4.
      if (value->kind == ExprKind::column &&
          value->type.same(plan_->schema.columns[value->index].type)) {
        return value->index;
      }
      for (uint32_t i = 0; i < appended.size(); ++i) {
        if (appended[i]->same(*value) && !is_volatile(*value)) return width + i;
      }
      appended.push_back(value->clone());
      names.emplace_back();
      return width + static_cast<uint32_t>(appended.size() - 1);
    };
    Window node;
    std::vector<size_t> members;
    for (const ExprPtr& key : pending_.windows[first].partition) {
      node.partition.push_back(add(key));
    }
    for (const BoundOrder& order : pending_.windows[first].order) {
      node.order.push_back({add(order.expr), order.order});
    }
    for (size_t i = first; i < pending_.windows.size(); ++i) {
      PendingWindow& window = pending_.windows[i];
      if (done[i] || !same_window(pending_.windows[first], window)) continue;
      done[i] = true;
      members.push_back(i);
      WindowCall call = window.frame;
      call.function = window.function;
      call.type = window.type;
      for (const ExprPtr& argument : window.arguments) {
        call.arguments.push_back(add(behind_filter(argument->clone(), window.filter.get())));
      }
      if (window.filter != nullptr) call.filter = add(window.filter);
      if (window.start_offset != nullptr) call.start_offset = add(window.start_offset);
      if (window.end_offset != nullptr) call.end_offset = add(window.end_offset);
      node.calls.push_back(std::move(call));
    }
    if (!appended.empty()) {
      plan_ = make_append(std::move(plan_), std::move(appended), std::move(names));
    }
    const auto base = static_cast<uint32_t>(plan_->schema.size());
    for (uint32_t i = 0; i < members.size(); ++i) columns[members[i]] = base + i;
    plan_ = make_window(std::move(plan_), std::move(node));
  }
  pending_.windows.clear();
  each_upper([&](ExprPtr& root) { replace_columns(root, kWindowBase, columns); });
  return {};
}

// Functions side by side run in step; one inside the other's arguments nests.
Result<void> SelectBinder::sets() {
  std::vector<uint32_t> columns;
  while (columns.size() < pending_.sets.size()) {
    const size_t first = columns.size();
    const auto nests = [&](PendingSet& set) {
      bool found = false;
      for (ExprPtr& argument : set.arguments) {
        each_row_column(*argument, [&](Expr& column) {
          found = found || (column.index >= kSetBase + first && column.index < kSubqueryColumn);
        });
      }
      return found;
    };
    size_t end = first + 1;
    while (end < pending_.sets.size() && !nests(pending_.sets[end])) ++end;
    std::vector<ProjectSet> nodes;
    std::vector<std::string> names;
    const auto width = static_cast<uint32_t>(plan_->schema.size());
    for (size_t i = first; i < end; ++i) {
      PendingSet& set = pending_.sets[i];
      for (ExprPtr& argument : set.arguments) replace_columns(argument, kSetBase, columns);
      ProjectSet node;
      node.function = set.function;
      node.arguments = std::move(set.arguments);
      node.result = set.type;
      nodes.push_back(std::move(node));
      names.emplace_back(set.function->name);
    }
    for (size_t i = first; i < end; ++i) {
      columns.push_back(width + static_cast<uint32_t>(i - first));
    }
    if (nodes.size() == 1) {
      plan_ = make_project_set(std::move(plan_), std::move(nodes[0]), std::move(names));
    } else {
      QW_TRY(sets_in_step(std::move(nodes), names));
    }
  }
  pending_.sets.clear();
  each_upper([&](ExprPtr& root) { replace_columns(root, kSetBase, columns); });
  return {};
}

// Joins every row with the rows that all of the functions make of it together.
Result<void> SelectBinder::sets_in_step(std::vector<ProjectSet> nodes,
                                        const std::vector<std::string>& names) {
  std::vector<PlanPtr> plans;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (ExprPtr& argument : nodes[i].arguments) {
      each_outer_column(*argument, [](Expr& column, uint32_t) { ++column.depth; });
      each_row_column(*argument, [](Expr& column) {
        column.kind = ExprKind::outer_column;
        column.depth = 1;
      });
    }
    nodes[i].with_ordinality = true;
    plans.push_back(make_project_set(make_one_row(), std::move(nodes[i]), {names[i]}));
  }
  QW_ASSIGN_OR_RETURN(PlanPtr right, join_in_step(state_, std::move(plans)));
  Apply apply;
  apply.kind = Apply::Kind::lateral_inner;
  const bool correlated = reaches_level(*right, 1);
  if (correlated) {
    plan_ = make_apply(std::move(plan_), std::move(right), std::move(apply), "", {});
  } else {
    shift_outer(*right, -1, 2);
    plan_ = make_join(std::move(plan_), std::move(right), Join());
  }
  return {};
}

Result<PlanPtr> SelectBinder::finish() {
  std::vector<ExprPtr> expressions;
  std::vector<std::string> names;
  for (BoundTarget& target : targets_) {
    expressions.push_back(std::move(target.expr));
    names.push_back(std::move(target.name));
  }
  plan_ = make_project(std::move(plan_), std::move(expressions), std::move(names));
  std::vector<SortKey> keys;
  for (const SortTarget& key : order_) keys.push_back({key.target, key.order});
  if (select_.distinct && distinct_on_.empty()) plan_ = make_distinct(std::move(plan_));
  if (!distinct_on_.empty()) {
    TopK topk;
    topk.partition = distinct_on_;
    for (const SortKey& key : keys) {
      if (std::find(distinct_on_.begin(), distinct_on_.end(), key.column) == distinct_on_.end()) {
        topk.order.push_back(key);
      }
    }
    topk.limit = 1;
    plan_ = make_topk(std::move(plan_), std::move(topk));
  }
  if (!keys.empty()) plan_ = make_sort(std::move(plan_), std::move(keys));
  QW_ASSIGN_OR_RETURN(plan_, bind_limit(state_, select_, std::move(plan_), &scope_, ctes_));
  if (visible_ < targets_.size()) {
    std::vector<uint32_t> columns;
    for (uint32_t i = 0; i < visible_; ++i) columns.push_back(i);
    plan_ = make_pick(std::move(plan_), columns);
  }
  return std::move(plan_);
}

}  // namespace

Result<std::vector<BoundTarget>> bind_targets(BindState& state,
                                              const std::vector<ast::Target>& targets,
                                              ExpressionBinder& binder, const Scope& scope) {
  std::vector<BoundTarget> out;
  const auto add_columns = [&](const ScopeEntry& entry, uint32_t depth, int32_t location) {
    for (const ScopeColumn& column : entry.columns) {
      ExprPtr node = make_column(column.index, column.type);
      if (depth > 0) {
        node->kind = ExprKind::outer_column;
        node->depth = depth;
      }
      node->location = location;
      out.push_back({std::move(node), column.name});
    }
  };
  for (const ast::Target& target : targets) {
    const auto* ref = target.expr->try_as<ast::ColumnRef>();
    if (ref != nullptr && ref->star) {
      if (!ref->names.empty()) {
        QW_ASSIGN_OR_RETURN(Resolved table,
                            resolve_table(state, &scope, ref->names, ref->location));
        add_columns(*table.entry, table.depth, ref->location);
        continue;
      }
      bool any = false;
      for (const ScopeEntry& entry : scope.entries) {
        if (!entry.columns_visible) continue;
        any = true;
        add_columns(entry, 0, ref->location);
      }
      if (!any) {
        return state.fail_at(syntax_error("SELECT * with no tables specified is not valid"),
                             ref->location);
      }
      continue;
    }
    const auto* indirection = target.expr->try_as<ast::Indirection>();
    if (indirection != nullptr && indirection->steps.size() == 1 &&
        indirection->steps[0].type == ast::Indirection::Step::Type::star) {
      const auto* inner = indirection->arg->try_as<ast::ColumnRef>();
      if (inner != nullptr && !inner->star) {
        QW_ASSIGN_OR_RETURN(Resolved table,
                            resolve_table(state, &scope, inner->names, inner->location));
        add_columns(*table.entry, table.depth, inner->location);
        continue;
      }
      return state.fail_at(feature_not_supported("row expansion of an expression is not supported"),
                           target.expr->location);
    }
    QW_ASSIGN_OR_RETURN(ExprPtr expr, binder.bind(*target.expr));
    out.push_back({std::move(expr), target.name.empty() ? output_name(*target.expr) : target.name});
  }
  return out;
}

Result<PlanPtr> bind_simple_select(BindState& state, const ast::Select& select,
                                   const QueryContext& context, const CteScope* ctes) {
  return SelectBinder(state, select, context, ctes).bind();
}

}  // namespace qw::sql
