// FROM: relations, subqueries, functions and joins become one plan; see query.h.
//
// Items stand side by side as cross joins. While an item is bound, what lies to its left is a frame
// in the scope chain, so the item's plan sees it as outer columns of depth 1. An item that used its
// frame is joined by Apply; for the others the frame is taken out of the depths again.
#include <algorithm>

#include <fmt/format.h>

#include "sql/bind/query.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/fold.h"
#include "sql/plan/walk.h"
#include "src/types/interval.h"

namespace qw::sql {

namespace {

// A FROM item: entries count columns from 0 in the item's own plan.
struct Item {
  PlanPtr plan;
  std::vector<ScopeEntry> entries;
};

void shift_entries(std::vector<ScopeEntry>& entries, uint32_t by) {
  for (ScopeEntry& entry : entries) {
    for (ScopeColumn& column : entry.columns) column.index += by;
  }
}

std::vector<ScopeColumn> visible_columns(const std::vector<ScopeEntry>& entries) {
  std::vector<ScopeColumn> columns;
  for (const ScopeEntry& entry : entries) {
    if (!entry.columns_visible) continue;
    columns.insert(columns.end(), entry.columns.begin(), entry.columns.end());
  }
  return columns;
}

// Words that other systems give a meaning in this place; PostgreSQL would take them for an alias
// and answer a different question.
bool is_reserved_alias(std::string_view name) {
  return name == "asof" || name == "qualify" || name == "semi" || name == "anti" ||
         name == "positional";
}

class FromBinder {
 public:
  FromBinder(BindState& state, const CteScope* ctes) : state_(state), ctes_(ctes) {}

  Result<Item> bind_list(const std::vector<ast::FromPtr>& items, Scope* parent) {
    Item all;
    for (const ast::FromPtr& item : items) {
      if (all.plan == nullptr) {
        QW_ASSIGN_OR_RETURN(all, bind_item(*item, parent));
        continue;
      }
      QW_ASSIGN_OR_RETURN(Item right, bind_right(*item, all, parent));
      QW_TRY(check_names(all.entries, right.entries, item->location));
      QW_ASSIGN_OR_RETURN(
          all, combine(std::move(all), std::move(right), JoinType::inner, nullptr, item->location));
    }
    return all;
  }

 private:
  Result<Item> bind_item(const ast::FromItem& item, Scope* parent) {
    DepthGuard depth(state_);
    QW_TRY(depth.check());
    if (const auto* n = item.try_as<ast::RangeTable>()) return bind_table(*n, parent);
    if (const auto* n = item.try_as<ast::RangeSubquery>()) return bind_subquery(*n, parent);
    if (const auto* n = item.try_as<ast::RangeFunction>()) return bind_function(*n, parent);
    if (const auto* n = item.try_as<ast::Join>()) return bind_join(*n, parent);
    return state_.fail_at(feature_not_supported("TABLESAMPLE is not supported"), item.location);
  }

  // An item that stands right of `left`.
  Result<Item> bind_right(const ast::FromItem& item, const Item& left, Scope* parent) {
    Scope frame;
    frame.parent = parent;
    frame.blocked = true;
    frame.lateral = true;
    frame.entries = left.entries;
    frames_.push_back(&frame);
    Result<Item> right = bind_item(item, &frame);
    frames_.pop_back();
    return right;
  }

  // Lets the frames of this FROM be seen while a LATERAL item is bound.
  class Open {
   public:
    explicit Open(std::vector<Scope*>& frames) : frames_(frames) {
      for (Scope* frame : frames_) frame->blocked = false;
    }
    Open(const Open&) = delete;
    Open& operator=(const Open&) = delete;
    ~Open() {
      for (Scope* frame : frames_) frame->blocked = true;
    }

   private:
    std::vector<Scope*>& frames_;
  };

  Result<void> check_names(const std::vector<ScopeEntry>& left,
                           const std::vector<ScopeEntry>& right, int32_t location) const {
    for (const ScopeEntry& a : left) {
      for (const ScopeEntry& b : right) {
        if (a.name.empty() || a.name != b.name || !a.table_visible || !b.table_visible) continue;
        if (!a.schema.empty() && !b.schema.empty() && a.schema != b.schema) continue;
        return state_.fail_at(
            duplicate_alias(fmt::format("table name \"{}\" specified more than once", b.name)),
            location < 0 ? -1 : -1);
      }
    }
    return {};
  }

  // Joins two items; `right` was bound under a frame holding `left`.
  Result<Item> combine(Item left, Item right, JoinType type, ExprPtr on, int32_t location) {
    const auto left_width = static_cast<uint32_t>(left.plan->schema.size());
    shift_entries(right.entries, left_width);
    Item out;
    out.entries = std::move(left.entries);
    for (ScopeEntry& entry : right.entries) out.entries.push_back(std::move(entry));
    if (!reaches_level(*right.plan, 1)) {
      shift_outer(*right.plan, -1, 2);
      Join join;
      join.type = type;
      join.residual = std::move(on);
      out.plan = make_join(std::move(left.plan), std::move(right.plan), std::move(join));
      return out;
    }
    if (type == JoinType::right || type == JoinType::full) {
      return state_.fail_at(
          invalid_column_reference("invalid reference to FROM-clause entry")
              .with_detail(
                  "The combining JOIN type must be INNER or LEFT for a LATERAL reference."),
          location);
    }
    if (type == JoinType::left && on != nullptr && !is_true(*on)) {
      // The condition moves to the right side, where the left columns are outer ones.
      each_outer_column(*on, [](Expr& column, uint32_t) { ++column.depth; });
      std::vector<ExprPtr> replacements;
      for (uint32_t i = 0; i < left_width; ++i) {
        ExprPtr column = column_of(left.plan->schema, i);
        column->kind = ExprKind::outer_column;
        column->depth = 1;
        replacements.push_back(std::move(column));
      }
      for (uint32_t i = 0; i < right.plan->schema.size(); ++i) {
        replacements.push_back(column_of(right.plan->schema, i));
      }
      substitute(on, replacements);
      right.plan = make_filter(std::move(right.plan), std::move(on));
      on = nullptr;
    }
    Apply apply;
    apply.kind = type == JoinType::left ? Apply::Kind::lateral_left : Apply::Kind::lateral_inner;
    out.plan = make_apply(std::move(left.plan), std::move(right.plan), std::move(apply), "", {});
    if (on != nullptr && type == JoinType::inner && !is_true(*on)) {
      out.plan = make_filter(std::move(out.plan), std::move(on));
    }
    return out;
  }

  Result<void> apply_alias(ScopeEntry& entry, const ast::Alias& alias, int32_t location) {
    if (is_reserved_alias(alias.name)) {
      std::string word = alias.name;
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
      return state_.fail_at(
          feature_not_supported(fmt::format("{} is not supported", word))
              .with_hint(fmt::format("\"{}\" cannot be used as an alias.", alias.name)),
          location);
    }
    if (!alias.name.empty()) {
      entry.name = alias.name;
      entry.schema.clear();
    }
    if (alias.columns.size() > entry.columns.size()) {
      return state_.fail_at(invalid_column_reference(fmt::format(
                                "table \"{}\" has {} columns available but {} columns specified",
                                entry.name, entry.columns.size(), alias.columns.size())),
                            -1);
    }
    for (size_t i = 0; i < alias.columns.size(); ++i) entry.columns[i].name = alias.columns[i];
    return {};
  }

  static ScopeEntry entry_of(const Schema& schema, std::string name) {
    ScopeEntry entry;
    entry.name = std::move(name);
    for (uint32_t i = 0; i < schema.size(); ++i) {
      entry.columns.push_back({schema.columns[i].name, schema.columns[i].type, i});
    }
    return entry;
  }

  // A WITH query of that name as a plan for a place under `parent`; null when there is none.
  Result<PlanPtr> cte_plan(const std::string& name, Scope* parent, int32_t location) {
    for (const CteScope* at = ctes_; at != nullptr; at = at->parent) {
      for (size_t i = at->entries.size(); i-- > 0;) {
        const CteEntry& entry = at->entries[i];
        if (entry.name != name) continue;
        if (entry.forbidden) {
          return state_.fail_at(
              Error(SqlState("42P19"),
                    fmt::format("recursive reference to query \"{}\" must not appear within its "
                                "non-recursive term",
                                name)),
              location);
        }
        if (entry.plan == nullptr) {
          return make_node(RecursiveScan{entry.recursive_id}, {}, entry.schema);
        }
        if (!is_correlated(*entry.plan)) return entry.plan;
        int32_t borders = 0;
        for (Scope* scope = parent; scope != entry.home && scope != nullptr;
             scope = scope->parent) {
          ++borders;
        }
        PlanPtr copy = clone_plan(*entry.plan);
        shift_outer(*copy, borders);
        return copy;
      }
    }
    return PlanPtr();
  }

  Result<Item> bind_table(const ast::RangeTable& table, Scope* parent) {
    Item item;
    const ast::RelationName& name = table.relation;
    if (name.schema.empty()) {
      QW_ASSIGN_OR_RETURN(item.plan, cte_plan(name.name, parent, name.location));
      if (item.plan != nullptr) {
        item.entries.push_back(entry_of(item.plan->schema, name.name));
        rename_from_cte(item.entries[0], name.name);
        QW_TRY(apply_alias(item.entries[0], table.alias, name.location));
        return item;
      }
    }
    QW_ASSIGN_OR_RETURN(const Relation* relation, find_relation(state_, name));
    QW_ASSIGN_OR_RETURN(item.plan, relation_plan(state_, *relation, name.location));
    item.entries.push_back(relation_entry(*relation, ""));
    QW_TRY(apply_alias(item.entries[0], table.alias, name.location));
    return item;
  }

  // A WITH query's columns are called as its CteEntry says.
  void rename_from_cte(ScopeEntry& entry, const std::string& name) const {
    for (const CteScope* at = ctes_; at != nullptr; at = at->parent) {
      for (size_t i = at->entries.size(); i-- > 0;) {
        if (at->entries[i].name != name) continue;
        for (size_t c = 0; c < entry.columns.size(); ++c) {
          entry.columns[c].name = at->entries[i].schema.columns[c].name;
        }
        return;
      }
    }
  }

  Result<Item> bind_subquery(const ast::RangeSubquery& subquery, Scope* parent) {
    QueryContext context;
    context.parent = parent;
    context.ctes = ctes_;
    std::vector<Scope*> none;
    Item item;
    {
      Open open(subquery.lateral ? frames_ : none);
      std::vector<Scope*> frames = std::move(frames_);
      frames_.clear();
      Result<PlanPtr> plan = bind_select(state_, *subquery.query, context);
      frames_ = std::move(frames);
      if (!plan) return fail(std::move(plan).error());
      item.plan = std::move(*plan);
    }
    item.entries.push_back(entry_of(item.plan->schema, subquery.alias.name));
    QW_TRY(apply_alias(item.entries[0], subquery.alias, subquery.location));
    return item;
  }

  Result<Item> bind_function(const ast::RangeFunction& from, Scope* parent);
  Result<PlanPtr> function_plan(const ast::Expr& call, const std::string& column_name,
                                bool with_ordinality, Scope* parent);
  Result<PlanPtr> functions_in_step(const std::vector<const ast::Expr*>& calls,
                                    const std::vector<std::string>& names, bool with_ordinality,
                                    Scope* parent);
  Result<Item> bind_window_table(const ast::RangeFunction& from, const ast::FunctionCall& call,
                                 Scope* parent);
  Result<Item> bind_join(const ast::Join& join, Scope* parent);
  Result<ExprPtr> bind_using(const ast::Join& join, Item& left, Item& right,
                             std::vector<std::string>& names,
                             std::vector<std::pair<ScopeColumn, ScopeColumn>>& pairs);

  BindState& state_;
  const CteScope* ctes_;
  std::vector<Scope*> frames_;
};

// One function of FROM as a plan: its columns, then ordinality when asked for.
Result<PlanPtr> FromBinder::function_plan(const ast::Expr& call, const std::string& column_name,
                                          bool with_ordinality, Scope* parent) {
  Scope row;
  row.parent = parent;
  Pending pending;
  ExprPtr bound;
  {
    Open open(frames_);
    ExpressionBinder binder(state_, &row, ctes_, &pending, ExprPlace::from_function);
    QW_ASSIGN_OR_RETURN(bound, binder.bind(call));
  }
  const bool is_set =
      bound->kind == ExprKind::column && bound->index == kSetBase && pending.sets.size() == 1;
  if (!pending.sets.empty() && !is_set) {
    return state_.fail_at(
        feature_not_supported("set-returning functions must appear at top level of FROM"),
        pending.sets.front().location);
  }
  if (is_set) {
    PendingSet& set = pending.sets[0];
    ProjectSet node;
    node.function = set.function;
    node.arguments = std::move(set.arguments);
    node.result = set.type;
    node.with_ordinality = with_ordinality;
    std::vector<std::string> names;
    if (set.function->out_columns.empty()) names.push_back(column_name);
    return make_project_set(make_one_row(), std::move(node), std::move(names));
  }
  QW_ASSIGN_OR_RETURN(bound, resolve_unknown(state_, std::move(bound)));
  std::vector<ExprPtr> expressions;
  expressions.push_back(std::move(bound));
  std::vector<std::string> names = {column_name};
  if (with_ordinality) {
    expressions.push_back(make_constant(Datum::int8(1)));
    names.emplace_back("ordinality");
  }
  return make_project(make_one_row(), std::move(expressions), std::move(names));
}

Result<PlanPtr> FromBinder::functions_in_step(const std::vector<const ast::Expr*>& calls,
                                              const std::vector<std::string>& names,
                                              bool with_ordinality, Scope* parent) {
  std::vector<PlanPtr> plans;
  for (size_t i = 0; i < calls.size(); ++i) {
    QW_ASSIGN_OR_RETURN(PlanPtr plan, function_plan(*calls[i], names[i], true, parent));
    plans.push_back(std::move(plan));
  }
  QW_ASSIGN_OR_RETURN(PlanPtr all, join_in_step(state_, std::move(plans)));
  if (with_ordinality) return all;
  std::vector<uint32_t> columns;
  for (uint32_t i = 0; i + 1 < all->schema.size(); ++i) columns.push_back(i);
  return make_pick(std::move(all), columns);
}

Result<Item> FromBinder::bind_function(const ast::RangeFunction& from, Scope* parent) {
  if (from.functions.size() == 1) {
    const auto* call = from.functions[0].call->try_as<ast::FunctionCall>();
    const std::string name = call == nullptr || call->name.size() != 1 ? "" : call->name[0];
    if (name == "tumble" || name == "hop") return bind_window_table(from, *call, parent);
  }
  std::vector<const ast::Expr*> calls;
  std::vector<std::string> names;
  for (const ast::RangeFunction::Item& written : from.functions) {
    if (!from.columns.empty() || !written.columns.empty()) {
      return state_.fail_at(
          feature_not_supported("a column definition list for a function is not supported"),
          from.location);
    }
    calls.push_back(written.call.get());
    names.push_back(output_name(*written.call));
  }
  const std::string function_name = names[0];
  const std::string table_name = from.alias.name.empty() ? function_name : from.alias.name;
  Item item;
  if (calls.size() > 1) {
    QW_ASSIGN_OR_RETURN(item.plan, functions_in_step(calls, names, from.with_ordinality, parent));
  } else {
    QW_ASSIGN_OR_RETURN(item.plan,
                        function_plan(*calls[0], table_name, from.with_ordinality, parent));
  }
  item.entries.push_back(entry_of(item.plan->schema, table_name));
  item.entries[0].scalar = item.plan->schema.size() == 1;
  ast::Alias alias;
  alias.name = table_name;
  alias.columns = from.alias.columns;
  QW_TRY(apply_alias(item.entries[0], alias, from.location));
  return item;
}

// TUMBLE(rel, ts, size [, offset]), HOP(rel, ts, slide, size [, offset]).
Result<Item> FromBinder::bind_window_table(const ast::RangeFunction& from,
                                           const ast::FunctionCall& call, Scope* parent) {
  const bool tumble = call.name.back() == "tumble";
  const std::string_view title = tumble ? "TUMBLE" : "HOP";
  const size_t least = tumble ? 3 : 4;
  if (call.arguments.size() < least || call.arguments.size() > least + 1) {
    return state_.fail_at(
        undefined_function(fmt::format("{} takes {}", title,
                                       tumble ? "a relation, a time column and a size"
                                              : "a relation, a time column, a slide and a size")),
        call.location);
  }
  if (from.with_ordinality) {
    return state_.fail_at(
        feature_not_supported(fmt::format("WITH ORDINALITY on {} is not supported", title)),
        from.location);
  }
  Item item;
  const ast::Expr& input = *call.arguments[0].value;
  if (const auto* ref = input.try_as<ast::ColumnRef>(); ref != nullptr && !ref->star) {
    ast::RangeTable table;
    table.location = ref->location;
    table.relation.name = ref->names.back();
    table.relation.location = ref->location;
    if (ref->names.size() > 1) table.relation.schema = ref->names[ref->names.size() - 2];
    QW_ASSIGN_OR_RETURN(item, bind_table(table, parent));
  } else if (const auto* subquery = input.try_as<ast::Subquery>();
             subquery != nullptr && subquery->type == ast::Subquery::Type::scalar) {
    QueryContext context;
    context.parent = parent;
    context.ctes = ctes_;
    QW_ASSIGN_OR_RETURN(item.plan, bind_select(state_, *subquery->query, context));
    item.entries.push_back(entry_of(item.plan->schema, std::string(call.name.back())));
  } else {
    return state_.fail_at(
        datatype_mismatch(fmt::format("the first argument of {} must be a relation", title)),
        input.location);
  }
  const auto* time = call.arguments[1].value->try_as<ast::ColumnRef>();
  if (time == nullptr || time->star) {
    return state_.fail_at(
        datatype_mismatch(fmt::format("the second argument of {} must be a column", title)),
        call.arguments[1].value->location);
  }
  Scope columns;
  columns.entries = item.entries;
  QW_ASSIGN_OR_RETURN(Resolved found,
                      resolve_column(state_, &columns, time->names, time->location));
  if (found.kind != Resolved::Kind::column || (found.column->type.id != TypeId::timestamp &&
                                               found.column->type.id != TypeId::timestamptz)) {
    return state_.fail_at(
        datatype_mismatch(fmt::format("the time column of {} must be a timestamp", title)),
        time->location);
  }
  WindowExpand expand;
  expand.time_column = found.column->index;
  const auto duration = [&](size_t index, int64_t& out, bool positive) -> Result<void> {
    const ast::Expr& expr = *call.arguments[index].value;
    ExpressionBinder binder(state_, nullptr, ctes_, nullptr, ExprPlace::window_frame);
    QW_ASSIGN_OR_RETURN(ExprPtr value, binder.bind(expr));
    if (!can_coerce(state_, value->type, TypeId::interval, CastContext::implicit)) {
      return state_.fail_at(datatype_mismatch(fmt::format("sizes of {} must be intervals", title)),
                            expr.location);
    }
    QW_ASSIGN_OR_RETURN(value,
                        coerce(state_, std::move(value), TypeId::interval, CastContext::implicit));
    fold_constants(value);
    if (value->kind != ExprKind::constant || value->value.is_null()) {
      return state_.fail_at(
          feature_not_supported(fmt::format("sizes of {} must be constants", title)),
          expr.location);
    }
    const auto interval = value->value.get<Interval>();
    if (interval.months != 0) {
      return state_.fail_at(
          feature_not_supported(fmt::format("months in a size of {} are not supported", title)),
          expr.location);
    }
    out = interval.us + int64_t{interval.days} * 86'400'000'000;
    if (positive && out <= 0) {
      return state_.fail_at(
          invalid_parameter_value(fmt::format("sizes of {} must be positive", title)),
          expr.location);
    }
    return {};
  };
  if (tumble) {
    QW_TRY(duration(2, expand.size_us, true));
    expand.slide_us = expand.size_us;
  } else {
    QW_TRY(duration(2, expand.slide_us, true));
    QW_TRY(duration(3, expand.size_us, true));
    if (expand.size_us % expand.slide_us != 0) {
      return state_.fail_at(
          invalid_parameter_value("the size of HOP must be a multiple of its slide"),
          call.location);
    }
  }
  if (call.arguments.size() > least) QW_TRY(duration(least, expand.offset_us, false));
  expand.end_us = expand.size_us;
  Schema schema = item.plan->schema;
  ScopeEntry entry;
  entry.name = item.entries[0].name;
  entry.columns = item.entries[0].columns;
  const auto width = static_cast<uint32_t>(schema.size());
  const Type type = found.column->type.without_typmod();
  schema.columns.push_back({"window_start", type, true});
  schema.columns.push_back({"window_end", type, true});
  entry.columns.push_back({"window_start", type, width});
  entry.columns.push_back({"window_end", type, width + 1});
  Item out;
  out.plan = make_node(expand, {std::move(item.plan)}, std::move(schema));
  out.entries.push_back(std::move(entry));
  QW_TRY(apply_alias(out.entries[0], from.alias, from.location));
  return out;
}

Result<ExprPtr> FromBinder::bind_using(const ast::Join& join, Item& left, Item& right,
                                       std::vector<std::string>& names,
                                       std::vector<std::pair<ScopeColumn, ScopeColumn>>& pairs) {
  const std::vector<ScopeColumn> left_columns = visible_columns(left.entries);
  const std::vector<ScopeColumn> right_columns = visible_columns(right.entries);
  const auto left_width = static_cast<uint32_t>(left.plan->schema.size());
  if (join.natural) {
    for (const ScopeColumn& column : left_columns) {
      const bool shared =
          std::any_of(right_columns.begin(), right_columns.end(),
                      [&](const ScopeColumn& other) { return other.name == column.name; });
      if (shared && std::find(names.begin(), names.end(), column.name) == names.end()) {
        names.push_back(column.name);
      }
    }
  } else {
    names = join.using_columns;
  }
  ExprPtr on;
  std::vector<ExprPtr> terms;
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string& name = names[i];
    if (std::find(names.begin(), names.begin() + static_cast<ptrdiff_t>(i), name) !=
        names.begin() + static_cast<ptrdiff_t>(i)) {
      return state_.fail_at(duplicate_column(fmt::format(
                                "column name \"{}\" appears more than once in USING clause", name)),
                            -1);
    }
    const auto find_one = [&](const std::vector<ScopeColumn>& columns, std::string_view side,
                              ScopeColumn& out) -> Result<void> {
      size_t count = 0;
      for (const ScopeColumn& column : columns) {
        if (column.name != name) continue;
        ++count;
        out = column;
      }
      if (count == 1) return {};
      if (count > 1) {
        return state_.fail_at(
            ambiguous_column(fmt::format(
                "common column name \"{}\" appears more than once in {} table", name, side)),
            -1);
      }
      return state_.fail_at(
          undefined_column(fmt::format(
              "column \"{}\" specified in USING clause does not exist in {} table", name, side)),
          -1);
    };
    ScopeColumn l, r;
    QW_TRY(find_one(left_columns, "left", l));
    QW_TRY(find_one(right_columns, "right", r));
    r.index += left_width;
    QW_ASSIGN_OR_RETURN(ExprPtr term, make_operator(state_, "=", make_column(l.index, l.type),
                                                    make_column(r.index, r.type), join.location));
    terms.push_back(std::move(term));
    pairs.emplace_back(std::move(l), std::move(r));
  }
  on = make_and(std::move(terms));
  return on;
}

Result<Item> FromBinder::bind_join(const ast::Join& join, Scope* parent) {
  QW_ASSIGN_OR_RETURN(Item left, bind_item(*join.left, parent));
  QW_ASSIGN_OR_RETURN(Item right, bind_right(*join.right, left, parent));
  QW_TRY(check_names(left.entries, right.entries, join.location));
  JoinType type = JoinType::inner;
  switch (join.type) {
    case ast::Join::Type::inner:
      type = JoinType::inner;
      break;
    case ast::Join::Type::left:
      type = JoinType::left;
      break;
    case ast::Join::Type::right:
      type = JoinType::right;
      break;
    case ast::Join::Type::full:
      type = JoinType::full;
      break;
  }
  const bool merged = join.natural || !join.using_columns.empty();
  ExprPtr on;
  std::vector<std::string> names;
  std::vector<std::pair<ScopeColumn, ScopeColumn>> pairs;
  std::vector<ScopeColumn> left_columns = visible_columns(left.entries);
  std::vector<ScopeColumn> right_columns = visible_columns(right.entries);
  const auto left_width = static_cast<uint32_t>(left.plan->schema.size());
  for (ScopeColumn& column : right_columns) column.index += left_width;
  if (merged) {
    QW_ASSIGN_OR_RETURN(on, bind_using(join, left, right, names, pairs));
  } else if (join.on != nullptr) {
    Scope both;
    both.parent = parent;
    both.entries = left.entries;
    std::vector<ScopeEntry> shifted = right.entries;
    shift_entries(shifted, left_width);
    both.entries.insert(both.entries.end(), shifted.begin(), shifted.end());
    ExpressionBinder binder(state_, &both, ctes_, nullptr, ExprPlace::join_on);
    QW_ASSIGN_OR_RETURN(on, binder.bind(*join.on));
    QW_ASSIGN_OR_RETURN(on, coerce_to_boolean(state_, std::move(on), "JOIN/ON"));
  }
  QW_ASSIGN_OR_RETURN(
      Item out, combine(std::move(left), std::move(right), type, std::move(on), join.location));
  if (!merged && join.alias.name.empty()) return out;

  ScopeEntry entry;
  std::vector<ExprPtr> computed;
  std::vector<std::string> computed_names;
  auto width = static_cast<uint32_t>(out.plan->schema.size());
  for (size_t i = 0; i < pairs.size(); ++i) {
    const auto& [l, r] = pairs[i];
    const std::vector<Type> types = {l.type, r.type};
    const std::vector<int32_t> nowhere = {-1, -1};
    QW_ASSIGN_OR_RETURN(Type common, common_type(state_, types, nowhere, "JOIN/USING"));
    if (l.type == r.type) common = l.type;
    const auto side = [&](const ScopeColumn& column) {
      return coerce(state_, make_column(column.index, column.type), common, CastContext::implicit);
    };
    ExprPtr value;
    if (type == JoinType::full) {
      std::vector<ExprPtr> both;
      QW_ASSIGN_OR_RETURN(ExprPtr first, side(l));
      QW_ASSIGN_OR_RETURN(ExprPtr second, side(r));
      both.push_back(std::move(first));
      both.push_back(std::move(second));
      value = make_node(ExprKind::coalesce, common, std::move(both));
    } else {
      QW_ASSIGN_OR_RETURN(value, side(type == JoinType::right ? r : l));
    }
    if (value->kind == ExprKind::column) {
      entry.columns.push_back({names[i], value->type, value->index});
      continue;
    }
    entry.columns.push_back({names[i], value->type, width++});
    computed.push_back(std::move(value));
    computed_names.push_back(names[i]);
  }
  if (!computed.empty()) {
    out.plan = make_append(std::move(out.plan), std::move(computed), std::move(computed_names));
  }
  const auto is_merged = [&](const ScopeColumn& column) {
    return std::find(names.begin(), names.end(), column.name) != names.end();
  };
  for (const ScopeColumn& column : left_columns) {
    if (!is_merged(column)) entry.columns.push_back(column);
  }
  for (const ScopeColumn& column : right_columns) {
    if (!is_merged(column)) entry.columns.push_back(column);
  }
  for (ScopeEntry& child : out.entries) {
    child.columns_visible = false;
    if (!join.alias.name.empty()) child.table_visible = false;
  }
  if (!join.alias.name.empty()) QW_TRY(apply_alias(entry, join.alias, join.location));
  if (!join.using_alias.empty()) {
    ScopeEntry alias;
    alias.name = join.using_alias;
    alias.columns.assign(entry.columns.begin(),
                         entry.columns.begin() + static_cast<ptrdiff_t>(pairs.size()));
    alias.columns_visible = false;
    out.entries.push_back(std::move(alias));
  }
  // The join's own columns come first: `*` lists merged columns once.
  out.entries.insert(out.entries.begin(), std::move(entry));
  return out;
}

}  // namespace

ScopeEntry relation_entry(const Relation& relation, const std::string& alias) {
  ScopeEntry entry;
  entry.relation = &relation;
  entry.name = alias.empty() ? relation.name : alias;
  if (alias.empty()) entry.schema = relation.schema;
  for (uint32_t i = 0; i < relation.columns.size(); ++i) {
    entry.columns.push_back({relation.columns[i].name, relation.columns[i].type, i});
  }
  return entry;
}

Result<PlanPtr> relation_plan(BindState& state, const Relation& relation, int32_t location) {
  if (relation.kind != RelationKind::view) return make_scan(relation);
  DepthGuard depth(state);
  QW_TRY(depth.check());
  QW_ASSIGN_OR_RETURN(ast::SelectPtr query, parse_query(relation.definition));
  ++state.foreign_text;
  Result<PlanPtr> plan = bind_select(state, *query, {});
  --state.foreign_text;
  if (!plan) return fail(std::move(plan).error().in(fmt::format("view \"{}\"", relation.name)));
  if ((*plan)->schema.size() != relation.columns.size()) {
    return state.fail_at(
        internal_error(fmt::format("view \"{}\" has {} columns, its query {}", relation.name,
                                   relation.columns.size(), (*plan)->schema.size())),
        location);
  }
  return plan;
}

Result<PlanPtr> join_in_step(BindState& state, std::vector<PlanPtr> plans) {
  PlanPtr all;
  for (PlanPtr& next : plans) {
    if (all == nullptr) {
      all = std::move(next);
      continue;
    }
    const auto left = static_cast<uint32_t>(all->schema.size()) - 1;
    const auto right = left + static_cast<uint32_t>(next->schema.size());
    Join join;
    join.type = JoinType::full;
    QW_ASSIGN_OR_RETURN(join.residual, make_operator(state, "=", column_of(all->schema, left),
                                                     make_column(right, TypeId::int8), -1));
    all = make_join(std::move(all), std::move(next), std::move(join));
    // All other columns, then whichever row number there is.
    std::vector<ExprPtr> columns, numbers;
    std::vector<std::string> names;
    for (uint32_t c = 0; c < all->schema.size(); ++c) {
      const bool number = c == left || c == right;
      (number ? numbers : columns).push_back(column_of(all->schema, c));
      if (!number) names.push_back(all->schema.columns[c].name);
    }
    columns.push_back(make_node(ExprKind::coalesce, TypeId::int8, std::move(numbers)));
    names.emplace_back("ordinality");
    all = make_project(std::move(all), std::move(columns), std::move(names));
  }
  return all;
}

Result<PlanPtr> bind_from(BindState& state, const std::vector<ast::FromPtr>& items, Scope& scope,
                          const CteScope* ctes) {
  if (items.empty()) return make_one_row();
  FromBinder binder(state, ctes);
  QW_ASSIGN_OR_RETURN(Item all, binder.bind_list(items, scope.parent));
  scope.entries = std::move(all.entries);
  return std::move(all.plan);
}

}  // namespace qw::sql
