// INSERT, UPDATE, DELETE, COPY. See statement.h.
#include <algorithm>

#include <fmt/format.h>

#include "sql/bind/statement.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

std::string_view kind_noun(RelationKind kind) {
  switch (kind) {
    case RelationKind::table:
      return "table";
    case RelationKind::source_table:
      return "source table";
    case RelationKind::view:
      return "view";
    case RelationKind::materialized_view:
      return "materialized view";
    case RelationKind::system:
      return "system catalog";
  }
  QW_UNREACHABLE();
}

// Only tables take changes.
Result<const Relation*> find_target(BindState& state, const ast::RelationName& name,
                                    std::string_view verb) {
  QW_ASSIGN_OR_RETURN(const Relation* target, find_relation(state, name));
  if (target->kind == RelationKind::table) return target;
  if (target->kind == RelationKind::view) {
    return state.fail_at(
        object_not_in_prerequisite_state(fmt::format("cannot {} view \"{}\"", verb, target->name))
            .with_detail("Views are not updatable."),
        -1);
  }
  if (target->kind == RelationKind::source_table) {
    return state.fail_at(
        wrong_object_type(fmt::format("cannot change table \"{}\" of a source", target->name))
            .with_detail("Its rows come from the source only."),
        -1);
  }
  if (target->kind == RelationKind::system) {
    return state.fail_at(
        insufficient_privilege(fmt::format("permission denied for table {}", target->name)), -1);
  }
  return state.fail_at(wrong_object_type(fmt::format("cannot change {} \"{}\"",
                                                     kind_noun(target->kind), target->name)),
                       -1);
}

Result<uint32_t> target_column(const BindState& state, const Relation& target,
                               const ast::TargetColumn& column) {
  for (uint32_t i = 0; i < target.columns.size(); ++i) {
    if (target.columns[i].name != column.name) continue;
    if (column.steps.empty()) return i;
    return state.fail_at(
        feature_not_supported("assignment to an array element or field is not supported"),
        column.location);
  }
  return state.fail_at(
      undefined_column(
          fmt::format("column \"{}\" of relation \"{}\" does not exist", column.name, target.name)),
      column.location);
}

Result<uint32_t> named_column(const BindState& state, const Relation& target,
                              const std::string& name, int32_t location) {
  ast::TargetColumn column;
  column.name = name;
  column.location = location;
  return target_column(state, target, column);
}

// The columns named in INSERT's or COPY's list, each once; all without a list.
Result<std::vector<uint32_t>> column_list(const BindState& state, const Relation& target,
                                          const std::vector<ast::TargetColumn>& written) {
  std::vector<uint32_t> columns;
  for (const ast::TargetColumn& column : written) {
    QW_ASSIGN_OR_RETURN(uint32_t index, target_column(state, target, column));
    if (std::find(columns.begin(), columns.end(), index) != columns.end()) {
      return state.fail_at(
          duplicate_column(fmt::format("column \"{}\" specified more than once", column.name)),
          column.location);
    }
    columns.push_back(index);
  }
  return columns;
}

Result<BoundReturning> bind_returning(BindState& state, const std::vector<ast::Target>& targets,
                                      Scope& scope, const CteScope* ctes) {
  BoundReturning returning;
  ExpressionBinder binder(state, &scope, ctes, nullptr, ExprPlace::returning);
  QW_ASSIGN_OR_RETURN(std::vector<BoundTarget> bound, bind_targets(state, targets, binder, scope));
  for (BoundTarget& target : bound) {
    if (has_subquery(*target.expr)) {
      return state.fail_at(feature_not_supported("a subquery in RETURNING is not supported"),
                           target.expr->location);
    }
    QW_ASSIGN_OR_RETURN(target.expr, resolve_unknown(state, std::move(target.expr)));
    returning.schema.columns.push_back({target.name, target.expr->type, true});
    returning.expressions.push_back(std::move(target.expr));
  }
  return returning;
}

// Rows of INSERT's source in the order of `columns`, each value as its column's type.
Result<PlanPtr> insert_values(BindState& state, const ast::Insert& insert, const Relation& target,
                              std::vector<uint32_t>& columns, const QueryContext& context) {
  const ast::Select& select = *insert.query;
  const bool listed = !insert.columns.empty();
  const auto check_width = [&](size_t given, int32_t extra, int32_t missing) -> Result<void> {
    if (given > columns.size()) {
      return state.fail_at(syntax_error("INSERT has more expressions than target columns"), extra);
    }
    if (listed && given < columns.size()) {
      return state.fail_at(syntax_error("INSERT has more target columns than expressions"),
                           missing);
    }
    return {};
  };
  const auto missing_at = [&](size_t given) {
    return listed && given < insert.columns.size() ? insert.columns[given].location : -1;
  };
  const bool plain_values = !select.values.empty() && select.with == nullptr &&
                            select.order_by.empty() && select.limit == nullptr &&
                            select.offset == nullptr;
  if (!plain_values) {
    QueryContext inner = context;
    inner.keep_unknown = true;
    QW_ASSIGN_OR_RETURN(PlanPtr plan, bind_select(state, select, inner));
    const size_t width = plan->schema.size();
    int32_t extra = -1;
    if (width > columns.size() && select.targets.size() > columns.size()) {
      extra = select.targets[columns.size()].expr->location;
    }
    QW_TRY(check_width(width, extra, missing_at(width)));
    columns.resize(width);
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    // Unknown literals on top of the query take the column's type where they stand.
    std::vector<Type> types;
    for (size_t i = 0; i < width; ++i) {
      const Type type = plan->schema.columns[i].type;
      types.push_back(type.id == TypeId::unknown ? target.columns[columns[i]].type.without_typmod()
                                                 : type);
    }
    QW_ASSIGN_OR_RETURN(plan,
                        coerce_columns(state, std::move(plan), types, CastContext::assignment));
    for (uint32_t i = 0; i < width; ++i) {
      ExprPtr value = column_of(plan->schema, i);
      if (select.targets.size() == width) value->location = select.targets[i].expr->location;
      QW_ASSIGN_OR_RETURN(value, assign(state, std::move(value), target.columns[columns[i]]));
      expressions.push_back(std::move(value));
      names.push_back(target.columns[columns[i]].name);
    }
    return make_project(std::move(plan), std::move(expressions), std::move(names));
  }
  Scope scope;
  ExpressionBinder binder(state, &scope, context.ctes, nullptr, ExprPlace::values);
  std::vector<std::vector<ExprPtr>> rows;
  bool has_query = false;
  size_t width = select.values[0].size();
  for (const ast::ExprList& list : select.values) {
    if (list.size() != width) {
      return state.fail_at(syntax_error("VALUES lists must all be the same length"),
                           list.empty() ? -1 : list[0]->location);
    }
    const int32_t extra = list.size() > columns.size() ? list[columns.size()]->location : -1;
    QW_TRY(check_width(width, extra, missing_at(width)));
    std::vector<ExprPtr> row;
    for (size_t i = 0; i < list.size(); ++i) {
      const ColumnInfo& column = target.columns[columns[i]];
      if (list[i]->kind == ast::Kind::set_to_default) {
        QW_ASSIGN_OR_RETURN(ExprPtr value, default_of(state, column));
        row.push_back(std::move(value));
        continue;
      }
      QW_ASSIGN_OR_RETURN(ExprPtr value, binder.bind(*list[i]));
      QW_ASSIGN_OR_RETURN(value, assign(state, std::move(value), column));
      has_query = has_query || has_subquery(*value);
      row.push_back(std::move(value));
    }
    rows.push_back(std::move(row));
  }
  columns.resize(width);
  Schema schema;
  std::vector<std::string> names;
  for (uint32_t column : columns) {
    schema.columns.push_back({target.columns[column].name, target.columns[column].type, true});
    names.push_back(target.columns[column].name);
  }
  if (!has_query) return make_values(std::move(rows), std::move(schema));
  std::vector<PlanPtr> parts;
  for (auto& row : rows) parts.push_back(make_project(make_one_row(), std::move(row), names));
  if (parts.size() == 1) return parts[0];
  return make_set_op(SetOpKind::union_all, std::move(parts));
}

Result<std::vector<uint32_t>> conflict_columns(BindState& state, const ast::OnConflict& conflict,
                                               const Relation& target) {
  std::vector<uint32_t> columns;
  if (!conflict.constraint.empty()) {
    if (conflict.constraint == target.primary_key_name && !target.primary_key.empty()) {
      return target.primary_key;
    }
    for (const IndexInfo* index : state.context.catalog.indexes_of(target.id)) {
      if (index->unique && index->name == conflict.constraint) return index->columns;
    }
    return state.fail_at(
        undefined_object(fmt::format("constraint \"{}\" for table \"{}\" does not exist",
                                     conflict.constraint, target.name)),
        -1);
  }
  if (conflict.target.empty()) {
    if (conflict.update) {
      return state.fail_at(
          syntax_error("ON CONFLICT DO UPDATE requires inference specification or constraint name")
              .with_hint("For example, ON CONFLICT (column_name)."),
          conflict.location);
    }
    return columns;
  }
  if (conflict.target_where != nullptr) {
    return state.fail_at(
        feature_not_supported("WHERE in the target of ON CONFLICT is not supported"),
        conflict.location);
  }
  for (const ast::ConflictElement& element : conflict.target) {
    const auto* ref = element.expr->try_as<ast::ColumnRef>();
    if (ref == nullptr || ref->star || ref->names.size() != 1) {
      return state.fail_at(
          feature_not_supported("an expression in the target of ON CONFLICT is not supported"),
          element.expr->location);
    }
    std::optional<uint32_t> found;
    for (uint32_t i = 0; i < target.columns.size(); ++i) {
      if (target.columns[i].name == ref->names[0]) found = i;
    }
    if (!found) {
      return state.fail_at(
          undefined_column(fmt::format("column \"{}\" does not exist", ref->names[0])),
          ref->location);
    }
    columns.push_back(*found);
  }
  std::vector<uint32_t> sorted = columns;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  const auto matches = [&](std::vector<uint32_t> key) {
    std::sort(key.begin(), key.end());
    return !key.empty() && key == sorted;
  };
  if (matches(target.primary_key)) return target.primary_key;
  for (const std::vector<uint32_t>& key : target.unique_keys) {
    if (matches(key)) return key;
  }
  for (const IndexInfo* index : state.context.catalog.indexes_of(target.id)) {
    if (index->unique && matches(index->columns)) return index->columns;
  }
  return state.fail_at(invalid_column_reference(
                           "there is no unique or exclusion constraint matching the ON CONFLICT "
                           "specification"),
                       -1);
}

// SET of UPDATE and ON CONFLICT DO UPDATE: one expression per assigned column.
Result<void> bind_assignments(BindState& state, const std::vector<ast::Assignment>& assignments,
                              const Relation& target, ExpressionBinder& binder,
                              std::vector<ExprPtr>& values, std::vector<uint32_t>& assigned) {
  const auto set = [&](const ast::TargetColumn& column, const ast::Expr& written,
                       ExprPtr bound) -> Result<void> {
    QW_ASSIGN_OR_RETURN(uint32_t index, target_column(state, target, column));
    if (std::find(assigned.begin(), assigned.end(), index) != assigned.end()) {
      return state.fail_at(
          syntax_error(fmt::format("multiple assignments to same column \"{}\"", column.name)), -1);
    }
    assigned.push_back(index);
    if (bound == nullptr && written.kind == ast::Kind::set_to_default) {
      QW_ASSIGN_OR_RETURN(values[index], default_of(state, target.columns[index]));
      return {};
    }
    if (bound == nullptr) {
      QW_ASSIGN_OR_RETURN(bound, binder.bind(written));
    }
    QW_ASSIGN_OR_RETURN(values[index], assign(state, std::move(bound), target.columns[index]));
    return {};
  };
  for (const ast::Assignment& assignment : assignments) {
    if (!assignment.multiple) {
      QW_TRY(set(assignment.columns[0], *assignment.value, nullptr));
      continue;
    }
    if (const auto* row = assignment.value->try_as<ast::Row>()) {
      if (row->fields.size() != assignment.columns.size()) {
        return state.fail_at(syntax_error("number of columns does not match number of values"),
                             row->location);
      }
      for (size_t i = 0; i < row->fields.size(); ++i) {
        QW_TRY(set(assignment.columns[i], *row->fields[i], nullptr));
      }
      continue;
    }
    if (assignment.columns.size() == 1) {
      QW_TRY(set(assignment.columns[0], *assignment.value, nullptr));
      continue;
    }
    return state.fail_at(feature_not_supported("(column, ...) = (SELECT ...) is not supported"),
                         assignment.value->location);
  }
  return {};
}

Result<BoundConflict> bind_conflict(BindState& state, const ast::OnConflict& conflict,
                                    const Relation& target, const std::string& alias,
                                    const CteScope* ctes) {
  BoundConflict out;
  out.action = conflict.update ? BoundConflict::Action::update : BoundConflict::Action::nothing;
  QW_ASSIGN_OR_RETURN(out.columns, conflict_columns(state, conflict, target));
  if (!conflict.update) return out;
  const auto width = static_cast<uint32_t>(target.columns.size());
  Scope scope;
  scope.entries.push_back(relation_entry(target, alias));
  ScopeEntry excluded = relation_entry(target, "excluded");
  excluded.relation = nullptr;
  excluded.columns_visible = false;
  for (ScopeColumn& column : excluded.columns) column.index += width;
  scope.entries.push_back(std::move(excluded));
  ExpressionBinder binder(state, &scope, ctes, nullptr, ExprPlace::update);
  for (uint32_t i = 0; i < width; ++i) {
    out.new_row.push_back(make_column(i, target.columns[i].type));
  }
  std::vector<uint32_t> assigned;
  QW_TRY(bind_assignments(state, conflict.assignments, target, binder, out.new_row, assigned));
  if (conflict.where != nullptr) {
    ExpressionBinder where(state, &scope, ctes, nullptr, ExprPlace::where);
    QW_ASSIGN_OR_RETURN(ExprPtr bound, where.bind(*conflict.where));
    QW_ASSIGN_OR_RETURN(out.where, coerce_to_boolean(state, std::move(bound), "WHERE"));
  }
  for (const ExprPtr& value : out.new_row) {
    if (has_subquery(*value)) {
      return state.fail_at(
          feature_not_supported("a subquery in ON CONFLICT DO UPDATE is not supported"),
          value->location);
    }
  }
  if (out.where != nullptr && has_subquery(*out.where)) {
    return state.fail_at(
        feature_not_supported("a subquery in ON CONFLICT DO UPDATE is not supported"),
        out.where->location);
  }
  return out;
}

Result<void> open_with(BindState& state, const std::unique_ptr<ast::With>& with, CteScope& scope,
                       const CteScope*& ctes) {
  if (with == nullptr) return {};
  QW_TRY(bind_with(state, *with, {}, scope));
  ctes = &scope;
  return {};
}

void settle(const BindState& state, std::vector<ExprPtr>& expressions) {
  for (ExprPtr& expression : expressions) settle_parameters(state, *expression);
}

}  // namespace

Result<ExprPtr> default_of(BindState& state, const ColumnInfo& column) {
  if (column.default_sql.empty()) return make_constant(Datum::null(column.type));
  QW_ASSIGN_OR_RETURN(ast::ExprPtr parsed, parse_expression(column.default_sql));
  ++state.foreign_text;
  ExpressionBinder binder(state, nullptr, nullptr, nullptr, ExprPlace::default_value);
  Result<ExprPtr> value = binder.bind(*parsed);
  if (value) value = assign(state, std::move(*value), column);
  --state.foreign_text;
  return value;
}

Result<ExprPtr> assign(BindState& state, ExprPtr value, const ColumnInfo& column) {
  const int32_t location = value->location;
  if (!can_coerce(state, value->type, column.type, CastContext::assignment)) {
    return state.fail_at(
        datatype_mismatch(fmt::format("column \"{}\" is of type {} but expression is of type {}",
                                      column.name, column.type.without_typmod().sql_name(),
                                      value->type.without_typmod().sql_name()))
            .with_hint("You will need to rewrite or cast the expression."),
        location);
  }
  return coerce(state, std::move(value), column.type, CastContext::assignment, location);
}

Result<BoundInsert> bind_insert(BindState& state, const ast::Insert& insert) {
  CteScope with;
  const CteScope* ctes = nullptr;
  QW_TRY(open_with(state, insert.with, with, ctes));
  BoundInsert out;
  QW_ASSIGN_OR_RETURN(out.target, find_target(state, insert.relation, "insert into"));
  const Relation& target = *out.target;
  QW_ASSIGN_OR_RETURN(std::vector<uint32_t> columns, column_list(state, target, insert.columns));
  if (insert.columns.empty()) {
    for (uint32_t i = 0; i < target.columns.size(); ++i) columns.push_back(i);
  }
  PlanPtr source;
  if (insert.query != nullptr) {
    QueryContext context;
    context.ctes = ctes;
    QW_ASSIGN_OR_RETURN(source, insert_values(state, insert, target, columns, context));
  } else {
    columns.clear();
    source = make_one_row();
  }
  bool whole = columns.size() == target.columns.size();
  for (uint32_t i = 0; i < columns.size() && whole; ++i) whole = columns[i] == i;
  if (!whole) {
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    for (uint32_t i = 0; i < target.columns.size(); ++i) {
      const auto given = std::find(columns.begin(), columns.end(), i);
      if (given != columns.end()) {
        expressions.push_back(
            column_of(source->schema, static_cast<uint32_t>(given - columns.begin())));
      } else {
        QW_ASSIGN_OR_RETURN(ExprPtr value, default_of(state, target.columns[i]));
        expressions.push_back(std::move(value));
      }
      names.push_back(target.columns[i].name);
    }
    source = make_project(std::move(source), std::move(expressions), std::move(names));
  }
  out.rows = std::move(source);
  if (insert.on_conflict != nullptr) {
    QW_ASSIGN_OR_RETURN(BoundConflict conflict,
                        bind_conflict(state, *insert.on_conflict, target, insert.alias, ctes));
    out.on_conflict = std::move(conflict);
  }
  Scope scope;
  scope.entries.push_back(relation_entry(target, insert.alias));
  QW_ASSIGN_OR_RETURN(out.returning, bind_returning(state, insert.returning, scope, ctes));
  QW_ASSIGN_OR_RETURN(out.parameters, take_parameters(state));
  settle_parameters(state, *out.rows);
  settle(state, out.returning.expressions);
  if (out.on_conflict) {
    settle(state, out.on_conflict->new_row);
    if (out.on_conflict->where != nullptr) settle_parameters(state, *out.on_conflict->where);
  }
  return out;
}

namespace {

// The target joined with FROM or USING, filtered; scope entries over it.
Result<PlanPtr> matching_rows(BindState& state, const Relation& target, const std::string& alias,
                              const std::vector<ast::FromPtr>& items, const ast::Expr* where,
                              Scope& scope, const CteScope* ctes) {
  scope.entries.push_back(relation_entry(target, alias));
  PlanPtr plan = make_scan(target);
  if (!items.empty()) {
    Scope others;
    QW_ASSIGN_OR_RETURN(PlanPtr right, bind_from(state, items, others, ctes));
    const auto width = static_cast<uint32_t>(target.columns.size());
    for (ScopeEntry& entry : others.entries) {
      if (!entry.name.empty() && entry.name == scope.entries[0].name && entry.table_visible) {
        return state.fail_at(
            duplicate_alias(fmt::format("table name \"{}\" specified more than once", entry.name)),
            -1);
      }
      for (ScopeColumn& column : entry.columns) column.index += width;
      scope.entries.push_back(std::move(entry));
    }
    plan = make_join(std::move(plan), std::move(right), Join());
  }
  if (where != nullptr) {
    ExpressionBinder binder(state, &scope, ctes, nullptr, ExprPlace::where);
    QW_ASSIGN_OR_RETURN(ExprPtr predicate, binder.bind(*where));
    QW_ASSIGN_OR_RETURN(predicate, coerce_to_boolean(state, std::move(predicate), "WHERE"));
    plan = make_filter(std::move(plan), std::move(predicate));
  }
  return plan;
}

}  // namespace

Result<BoundUpdate> bind_update(BindState& state, const ast::Update& update) {
  CteScope with;
  const CteScope* ctes = nullptr;
  QW_TRY(open_with(state, update.with, with, ctes));
  BoundUpdate out;
  QW_ASSIGN_OR_RETURN(out.target, find_target(state, update.relation, "update"));
  const Relation& target = *out.target;
  const auto width = static_cast<uint32_t>(target.columns.size());
  Scope scope;
  QW_ASSIGN_OR_RETURN(PlanPtr plan, matching_rows(state, target, update.alias, update.from,
                                                  update.where.get(), scope, ctes));
  const auto joined = static_cast<uint32_t>(plan->schema.size());
  std::vector<ExprPtr> expressions;
  std::vector<std::string> names;
  for (uint32_t i = 0; i < width; ++i) {
    expressions.push_back(column_of(plan->schema, i));
    names.push_back(target.columns[i].name);
  }
  std::vector<ExprPtr> values;
  for (uint32_t i = 0; i < width; ++i) values.push_back(column_of(plan->schema, i));
  ExpressionBinder binder(state, &scope, ctes, nullptr, ExprPlace::update);
  QW_TRY(bind_assignments(state, update.assignments, target, binder, values, out.assigned));
  for (uint32_t i = 0; i < width; ++i) {
    expressions.push_back(std::move(values[i]));
    names.push_back("new_" + target.columns[i].name);
  }
  for (uint32_t i = width; i < joined; ++i) {
    expressions.push_back(column_of(plan->schema, i));
    names.push_back(plan->schema.columns[i].name);
  }
  out.rows = make_project(std::move(plan), std::move(expressions), std::move(names));
  // RETURNING sees the new values, then FROM's columns: all `width` columns further right.
  for (ScopeEntry& entry : scope.entries) {
    for (ScopeColumn& column : entry.columns) column.index += width;
  }
  QW_ASSIGN_OR_RETURN(out.returning, bind_returning(state, update.returning, scope, ctes));
  QW_ASSIGN_OR_RETURN(out.parameters, take_parameters(state));
  settle_parameters(state, *out.rows);
  settle(state, out.returning.expressions);
  return out;
}

Result<BoundDelete> bind_delete(BindState& state, const ast::Delete& remove) {
  CteScope with;
  const CteScope* ctes = nullptr;
  QW_TRY(open_with(state, remove.with, with, ctes));
  BoundDelete out;
  QW_ASSIGN_OR_RETURN(out.target, find_target(state, remove.relation, "delete from"));
  Scope scope;
  QW_ASSIGN_OR_RETURN(out.rows, matching_rows(state, *out.target, remove.alias, remove.using_items,
                                              remove.where.get(), scope, ctes));
  QW_ASSIGN_OR_RETURN(out.returning, bind_returning(state, remove.returning, scope, ctes));
  QW_ASSIGN_OR_RETURN(out.parameters, take_parameters(state));
  settle_parameters(state, *out.rows);
  settle(state, out.returning.expressions);
  return out;
}

Result<BoundCopy> bind_copy(BindState& state, const ast::Copy& copy) {
  BoundCopy out;
  if (copy.query != nullptr) {
    const auto* select = copy.query->try_as<ast::Select>();
    if (select == nullptr) {
      return fail(
          feature_not_supported("COPY of a statement that is not a query is not supported"));
    }
    QW_ASSIGN_OR_RETURN(out.query, bind_select(state, *select, {}));
    return out;
  }
  if (copy.where != nullptr) {
    return state.fail_at(feature_not_supported("COPY ... WHERE is not supported"),
                         copy.where->location);
  }
  if (copy.from) {
    QW_ASSIGN_OR_RETURN(out.target, find_target(state, copy.relation, "copy to"));
  } else {
    QW_ASSIGN_OR_RETURN(out.target, find_relation(state, copy.relation));
    if (out.target->kind == RelationKind::view) {
      return fail(wrong_object_type(fmt::format("cannot copy from view \"{}\"", out.target->name))
                      .with_hint("Try the COPY (SELECT ...) TO variant."));
    }
  }
  const Relation& target = *out.target;
  for (const std::string& name : copy.columns) {
    QW_ASSIGN_OR_RETURN(uint32_t column, named_column(state, target, name, -1));
    if (std::find(out.columns.begin(), out.columns.end(), column) != out.columns.end()) {
      return fail(duplicate_column(fmt::format("column \"{}\" specified more than once", name)));
    }
    out.columns.push_back(column);
  }
  if (copy.columns.empty()) {
    for (uint32_t i = 0; i < target.columns.size(); ++i) out.columns.push_back(i);
  }
  if (!copy.from) {
    QW_ASSIGN_OR_RETURN(PlanPtr rows, relation_plan(state, target, copy.relation.location));
    out.query = make_pick(std::move(rows), out.columns);
    return out;
  }
  for (uint32_t i = 0; i < target.columns.size(); ++i) {
    if (std::find(out.columns.begin(), out.columns.end(), i) != out.columns.end()) {
      out.defaults.push_back(nullptr);
      continue;
    }
    QW_ASSIGN_OR_RETURN(ExprPtr value, default_of(state, target.columns[i]));
    out.defaults.push_back(std::move(value));
  }
  return out;
}

}  // namespace qw::sql
