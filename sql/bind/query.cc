// Queries without FROM's details: WITH, VALUES, set operations; select.cc has the SELECT itself.
// See query.h.
#include "sql/bind/query.h"

#include <algorithm>

#include <fmt/format.h>

#include "sql/bind/select.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/fold.h"
#include "sql/plan/walk.h"

namespace qw::sql {

Result<PlanPtr> coerce_columns(BindState& state, PlanPtr plan, const std::vector<Type>& types,
                               CastContext context) {
  bool same = true;
  for (size_t i = 0; i < types.size(); ++i) same = same && plan->schema.columns[i].type == types[i];
  if (same) return plan;
  if (auto* project = plan->as<Project>(); project != nullptr && plan.use_count() == 1) {
    for (size_t i = 0; i < types.size(); ++i) {
      ExprPtr& value = project->expressions[i];
      QW_ASSIGN_OR_RETURN(value, coerce(state, std::move(value), types[i], context));
    }
    refresh_schema(*plan);
    return plan;
  }
  if (auto* values = plan->as<Values>(); values != nullptr && plan.use_count() == 1) {
    for (auto& row : values->rows) {
      for (size_t i = 0; i < types.size(); ++i) {
        QW_ASSIGN_OR_RETURN(row[i], coerce(state, std::move(row[i]), types[i], context));
      }
    }
    for (size_t i = 0; i < types.size(); ++i) plan->schema.columns[i].type = types[i];
    return plan;
  }
  std::vector<ExprPtr> expressions;
  std::vector<std::string> names;
  for (uint32_t i = 0; i < types.size(); ++i) {
    QW_ASSIGN_OR_RETURN(ExprPtr value,
                        coerce(state, column_of(plan->schema, i), types[i], context));
    expressions.push_back(std::move(value));
    names.push_back(plan->schema.columns[i].name);
  }
  return make_project(std::move(plan), std::move(expressions), std::move(names));
}

namespace {

Result<PlanPtr> resolve_unknown_columns(BindState& state, PlanPtr plan) {
  std::vector<Type> types;
  for (const Column& column : plan->schema.columns) {
    types.push_back(column.type.id == TypeId::unknown ? Type(TypeId::text) : column.type);
  }
  return coerce_columns(state, std::move(plan), types, CastContext::implicit);
}

Result<PlanPtr> bind_values(BindState& state, const ast::Select& select,
                            const QueryContext& context, const CteScope* ctes) {
  Scope scope;
  scope.parent = context.parent;
  ExpressionBinder binder(state, &scope, ctes, nullptr, ExprPlace::values);
  const size_t width = select.values[0].size();
  std::vector<std::vector<ExprPtr>> rows;
  bool has_query = false;
  for (const ast::ExprList& list : select.values) {
    if (list.size() != width) {
      return state.fail_at(syntax_error("VALUES lists must all be the same length"),
                           list.empty() ? select.location : list[0]->location);
    }
    QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> row, binder.bind_all(list));
    for (const ExprPtr& value : row) has_query = has_query || has_subquery(*value);
    rows.push_back(std::move(row));
  }
  Schema schema;
  for (size_t c = 0; c < width; ++c) {
    std::vector<ExprPtr> column;
    bool unknown = context.keep_unknown;
    for (auto& row : rows) {
      unknown = unknown && row[c]->type.id == TypeId::unknown;
      column.push_back(std::move(row[c]));
    }
    Type type = TypeId::unknown;
    if (!unknown) {
      QW_ASSIGN_OR_RETURN(type, unify(state, column, "VALUES"));
    }
    bool nullable = false;
    for (size_t r = 0; r < rows.size(); ++r) {
      nullable = nullable || column[r]->kind != ExprKind::constant || column[r]->value.is_null();
      rows[r][c] = std::move(column[r]);
    }
    schema.columns.push_back({fmt::format("column{}", c + 1), type, nullable});
  }
  if (!has_query) return make_values(std::move(rows), std::move(schema));
  std::vector<PlanPtr> parts;
  std::vector<std::string> names;
  for (const Column& column : schema.columns) names.push_back(column.name);
  for (auto& row : rows) parts.push_back(make_project(make_one_row(), std::move(row), names));
  if (parts.size() == 1) return parts[0];
  return make_set_op(SetOpKind::union_all, std::move(parts));
}

std::string_view op_name(ast::Select::Op op) {
  switch (op) {
    case ast::Select::Op::union_:
      return "UNION";
    case ast::Select::Op::intersect:
      return "INTERSECT";
    case ast::Select::Op::except:
      return "EXCEPT";
    case ast::Select::Op::none:
      return "";
  }
  QW_UNREACHABLE();
}

PlanPtr make_set_operation(const ast::Select& select, PlanPtr left, PlanPtr right) {
  std::vector<PlanPtr> inputs;
  inputs.push_back(std::move(left));
  inputs.push_back(std::move(right));
  switch (select.op) {
    case ast::Select::Op::union_: {
      PlanPtr all = make_set_op(SetOpKind::union_all, std::move(inputs));
      return select.all ? all : make_distinct(std::move(all));
    }
    case ast::Select::Op::intersect:
      return make_set_op(select.all ? SetOpKind::intersect_all : SetOpKind::intersect,
                         std::move(inputs));
    case ast::Select::Op::except:
      return make_set_op(select.all ? SetOpKind::except_all : SetOpKind::except, std::move(inputs));
    case ast::Select::Op::none:
      break;
  }
  QW_UNREACHABLE();
}

int32_t first_location(const ast::Select& select) {
  const ast::Select* at = &select;
  while (at->op != ast::Select::Op::none) at = at->left.get();
  if (!at->targets.empty()) return at->targets[0].expr->location;
  if (!at->values.empty() && !at->values[0].empty()) return at->values[0][0]->location;
  return at->location;
}

Result<PlanPtr> unify_arms(BindState& state, const ast::Select& select, PlanPtr left,
                           PlanPtr right) {
  const std::string_view construct = op_name(select.op);
  if (left->schema.size() != right->schema.size()) {
    return state.fail_at(
        syntax_error(fmt::format("each {} query must have the same number of columns", construct)),
        first_location(*select.right));
  }
  std::vector<Type> types;
  const std::vector<int32_t> locations = {first_location(*select.left),
                                          first_location(*select.right)};
  for (size_t i = 0; i < left->schema.size(); ++i) {
    const Type l = left->schema.columns[i].type, r = right->schema.columns[i].type;
    const std::vector<Type> pair = {l, r};
    // The column itself, when there is only a plain list.
    std::vector<int32_t> at = locations;
    if (select.right->op == ast::Select::Op::none && select.right->targets.size() > i) {
      at[1] = select.right->targets[i].expr->location;
    }
    QW_ASSIGN_OR_RETURN(Type type, common_type(state, pair, at, construct));
    if (l == r && l.id != TypeId::unknown) type = l;
    if (select.op != ast::Select::Op::union_ || !select.all) {
      QW_TRY(equality_of(state, type, at[0]));
    }
    types.push_back(type);
  }
  QW_ASSIGN_OR_RETURN(left, coerce_columns(state, std::move(left), types, CastContext::implicit));
  QW_ASSIGN_OR_RETURN(right, coerce_columns(state, std::move(right), types, CastContext::implicit));
  return make_set_operation(select, std::move(left), std::move(right));
}

Result<PlanPtr> bind_set_operation(BindState& state, const ast::Select& select,
                                   const QueryContext& context, const CteScope* ctes) {
  QueryContext arm;
  arm.parent = context.parent;
  arm.ctes = ctes;
  arm.keep_unknown = true;
  // A long chain leans to the left: walk it down instead of recursing.
  std::vector<const ast::Select*> chain = {&select};
  const auto plain = [](const ast::Select& node) {
    return node.op != ast::Select::Op::none && node.with == nullptr && node.order_by.empty() &&
           node.limit == nullptr && node.offset == nullptr;
  };
  while (plain(*chain.back()->left)) chain.push_back(chain.back()->left.get());
  QW_ASSIGN_OR_RETURN(PlanPtr plan, bind_select(state, *chain.back()->left, arm));
  for (size_t i = chain.size(); i-- > 0;) {
    QW_ASSIGN_OR_RETURN(PlanPtr right, bind_select(state, *chain[i]->right, arm));
    QW_ASSIGN_OR_RETURN(plan, unify_arms(state, *chain[i], std::move(plan), std::move(right)));
  }
  return plan;
}

// Where an expression begins; an operator's own place is its sign.
int32_t start_of(const ast::Expr& expr) {
  const ast::Expr* at = &expr;
  while (const auto* op = at->try_as<ast::Operator>()) {
    if (op->left == nullptr) break;
    at = op->left.get();
  }
  return at->location;
}

// ORDER BY of VALUES and set operations: output columns by name or number.
Result<PlanPtr> order_by_output(BindState& state, const ast::Select& select, PlanPtr plan) {
  if (select.order_by.empty()) return plan;
  std::vector<SortKey> keys;
  for (const ast::OrderItem& item : select.order_by) {
    std::optional<uint32_t> column;
    if (const auto* ref = item.expr->try_as<ast::ColumnRef>();
        ref != nullptr && ref->names.size() == 1 && !ref->star) {
      for (uint32_t i = 0; i < plan->schema.size(); ++i) {
        if (plan->schema.columns[i].name != ref->names[0]) continue;
        if (column) {
          return state.fail_at(
              ambiguous_column(fmt::format("ORDER BY \"{}\" is ambiguous", ref->names[0])),
              ref->location);
        }
        column = i;
      }
      if (!column && select.op == ast::Select::Op::none) {
        return state.fail_at(
            undefined_column(fmt::format("column \"{}\" does not exist", ref->names[0])),
            ref->location);
      }
    } else if (const auto* literal = item.expr->try_as<ast::Literal>();
               literal != nullptr && literal->type == ast::Literal::Type::integer) {
      if (literal->integer < 1 || literal->integer > static_cast<int64_t>(plan->schema.size())) {
        return state.fail_at(invalid_column_reference(fmt::format(
                                 "ORDER BY position {} is not in select list", literal->integer)),
                             literal->location);
      }
      column = static_cast<uint32_t>(literal->integer - 1);
    }
    if (!column) {
      return state.fail_at(
          feature_not_supported("invalid UNION/INTERSECT/EXCEPT ORDER BY clause")
              .with_detail("Only result column names can be used, not expressions or functions.")
              .with_hint(
                  "Add the expression/function to every SELECT, or move the UNION into a FROM "
                  "clause."),
          start_of(*item.expr));
    }
    Scope scope;
    ExpressionBinder binder(state, &scope, nullptr, nullptr, ExprPlace::order_by);
    SortKey key;
    key.column = *column;
    ExprPtr expr = column_of(plan->schema, *column);
    expr->location = item.expr->location;
    QW_TRY(binder.bind_order_key(std::move(expr), item, key.order));
    keys.push_back(key);
  }
  return make_sort(std::move(plan), std::move(keys));
}

// The recursive reference may stand in the right arm of a UNION.
Result<PlanPtr> bind_recursive(BindState& state, const ast::Cte& cte, const ast::Select& query,
                               const QueryContext& context, CteScope& out) {
  const size_t slot = out.entries.size();
  out.entries.push_back({cte.name, nullptr, {}, 0, true, context.parent});
  QueryContext inner;
  inner.parent = context.parent;
  inner.ctes = &out;
  if (query.op != ast::Select::Op::union_ || query.with != nullptr) {
    Result<PlanPtr> plan = bind_select(state, query, inner);
    out.entries.pop_back();
    if (!plan && plan.error().code() == SqlState("42P19")) {
      return state.fail_at(
          Error(
              SqlState("42P19"),
              fmt::format("recursive query \"{}\" does not have the form non-recursive-term UNION "
                          "[ALL] recursive-term",
                          cte.name)),
          cte.location);
    }
    return plan;
  }
  QW_ASSIGN_OR_RETURN(PlanPtr left, bind_select(state, *query.left, inner));
  Schema schema = left->schema;
  for (size_t i = 0; i < cte.columns.size() && i < schema.size(); ++i) {
    schema.columns[i].name = cte.columns[i];
  }
  for (Column& column : schema.columns) column.nullable = true;
  const uint32_t id = state.next_recursive_id++;
  out.entries[slot] = {cte.name, nullptr, schema, id, false, context.parent};
  inner.keep_unknown = true;
  QW_ASSIGN_OR_RETURN(PlanPtr right, bind_select(state, *query.right, inner));
  out.entries.pop_back();
  bool recursive = false;
  each_plan_node(*right, [&](Plan& node) {
    recursive =
        recursive || (node.as<RecursiveScan>() != nullptr && node.as<RecursiveScan>()->id == id);
    each_expression(node, [&](ExprPtr& root) {
      each_node(*root, [&](Expr& expr) {
        if (expr.plan == nullptr) return;
        each_plan_node(*expr.plan, [&](Plan& scan) {
          recursive = recursive ||
                      (scan.as<RecursiveScan>() != nullptr && scan.as<RecursiveScan>()->id == id);
        });
      });
    });
  });
  if (!recursive) {
    QW_ASSIGN_OR_RETURN(PlanPtr plan, unify_arms(state, query, std::move(left), std::move(right)));
    return plan;
  }
  if (left->schema.size() != right->schema.size()) {
    return state.fail_at(syntax_error("each UNION query must have the same number of columns"),
                         first_location(*query.right));
  }
  std::vector<Type> types;
  for (size_t i = 0; i < left->schema.size(); ++i) {
    const Type l = left->schema.columns[i].type, r = right->schema.columns[i].type;
    const std::vector<Type> pair = {l, r};
    const std::vector<int32_t> at = {first_location(*query.left), first_location(*query.right)};
    QW_ASSIGN_OR_RETURN(Type type, common_type(state, pair, at, "UNION"));
    if (!type.same(l)) {
      return state.fail_at(
          datatype_mismatch(fmt::format("recursive query \"{}\" column {} has type {} in "
                                        "non-recursive term but type {} overall",
                                        cte.name, i + 1, l.without_typmod().sql_name(),
                                        type.sql_name()))
              .with_hint("Cast the output of the non-recursive term to the correct type."),
          at[0]);
    }
    types.push_back(l);
  }
  QW_ASSIGN_OR_RETURN(right, coerce_columns(state, std::move(right), types, CastContext::implicit));
  Recursive node;
  node.distinct = !query.all;
  node.id = id;
  PlanPtr plan = make_node(node, {std::move(left), std::move(right)}, schema);
  return plan;
}

}  // namespace

Result<void> bind_with(BindState& state, const ast::With& with, const QueryContext& context,
                       CteScope& out) {
  out.parent = context.ctes;
  for (const ast::Cte& cte : with.ctes) {
    for (const CteEntry& other : out.entries) {
      if (other.name != cte.name) continue;
      return state.fail_at(
          duplicate_alias(fmt::format("WITH query name \"{}\" specified more than once", cte.name)),
          cte.location);
    }
    if (cte.has_search_or_cycle) {
      return state.fail_at(feature_not_supported("SEARCH and CYCLE are not supported"),
                           cte.location);
    }
    const auto* query = cte.query->try_as<ast::Select>();
    if (query == nullptr) {
      return state.fail_at(
          feature_not_supported("data-modifying statements in WITH are not supported"),
          cte.location);
    }
    PlanPtr plan;
    if (with.recursive) {
      QW_ASSIGN_OR_RETURN(plan, bind_recursive(state, cte, *query, context, out));
    } else {
      QueryContext inner;
      inner.parent = context.parent;
      inner.ctes = &out;
      QW_ASSIGN_OR_RETURN(plan, bind_select(state, *query, inner));
    }
    if (cte.columns.size() > plan->schema.size()) {
      return state.fail_at(
          invalid_column_reference(
              fmt::format("WITH query \"{}\" has {} columns available but {} columns specified",
                          cte.name, plan->schema.size(), cte.columns.size())),
          cte.location);
    }
    CteEntry entry;
    entry.name = cte.name;
    entry.schema = plan->schema;
    for (size_t i = 0; i < cte.columns.size(); ++i) {
      entry.schema.columns[i].name = cte.columns[i];
    }
    entry.plan = std::move(plan);
    entry.home = context.parent;
    out.entries.push_back(std::move(entry));
  }
  return {};
}

Result<PlanPtr> bind_limit(BindState& state, const ast::Select& select, PlanPtr plan, Scope* scope,
                           const CteScope* ctes) {
  if (select.limit == nullptr && select.offset == nullptr) return plan;
  Limit limit;
  limit.with_ties = select.with_ties;
  const auto bound = [&](const ast::ExprPtr& expr, ExprPlace place) -> Result<ExprPtr> {
    if (expr == nullptr) return ExprPtr();
    ExpressionBinder binder(state, scope, ctes, nullptr, place);
    QW_ASSIGN_OR_RETURN(ExprPtr value, binder.bind(*expr));
    if (!can_coerce(state, value->type, TypeId::int8, CastContext::assignment)) {
      return state.fail_at(
          datatype_mismatch(fmt::format("argument of {} must be type bigint, not type {}",
                                        place_name(place), value->type.sql_name())),
          value->location);
    }
    QW_ASSIGN_OR_RETURN(value,
                        coerce(state, std::move(value), TypeId::int8, CastContext::assignment));
    fold_constants(value);
    if (value->kind == ExprKind::constant && value->value.is_null()) return ExprPtr();
    if (value->kind == ExprKind::constant && value->value.get<int64_t>() < 0) {
      return state.fail_at(place == ExprPlace::limit
                               ? invalid_row_count_in_limit("LIMIT must not be negative")
                               : invalid_row_count_in_offset("OFFSET must not be negative"),
                           -1);
    }
    if (has_subquery(*value)) {
      return state.fail_at(feature_not_supported(
                               fmt::format("a subquery in {} is not supported", place_name(place))),
                           value->location);
    }
    return value;
  };
  QW_ASSIGN_OR_RETURN(limit.limit, bound(select.limit, ExprPlace::limit));
  QW_ASSIGN_OR_RETURN(limit.offset, bound(select.offset, ExprPlace::offset));
  if (limit.limit == nullptr && limit.offset == nullptr) return plan;
  return make_limit(std::move(plan), std::move(limit));
}

Result<PlanPtr> bind_select(BindState& state, const ast::Select& select,
                            const QueryContext& context) {
  DepthGuard depth(state);
  QW_TRY(depth.check());
  if (select.into != nullptr) {
    return state.fail_at(feature_not_supported("SELECT INTO is not supported here"),
                         select.into->location);
  }
  CteScope with;
  const CteScope* ctes = context.ctes;
  if (select.with != nullptr) {
    QW_TRY(bind_with(state, *select.with, context, with));
    ctes = &with;
  }
  if (select.op == ast::Select::Op::none && select.values.empty()) {
    return bind_simple_select(state, select, context, ctes);
  }
  PlanPtr plan;
  if (!select.values.empty()) {
    QW_ASSIGN_OR_RETURN(plan, bind_values(state, select, context, ctes));
  } else {
    QW_ASSIGN_OR_RETURN(plan, bind_set_operation(state, select, context, ctes));
  }
  const bool presented =
      !select.order_by.empty() || select.limit != nullptr || select.offset != nullptr;
  if (!context.keep_unknown || presented) {
    QW_ASSIGN_OR_RETURN(plan, resolve_unknown_columns(state, std::move(plan)));
  }
  QW_ASSIGN_OR_RETURN(plan, order_by_output(state, select, std::move(plan)));
  Scope scope;
  scope.parent = context.parent;
  return bind_limit(state, select, std::move(plan), &scope, ctes);
}

}  // namespace qw::sql
