// bind(): the entry of binder.h.
#include <fmt/format.h>

#include "sql/bind/statement.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"

namespace qw::sql {

void settle_parameters(const BindState& state, Expr& root) {
  if (root.kind == ExprKind::parameter && root.type.id == TypeId::unknown) {
    root.type = state.parameters[root.index - 1];
  }
  for (ExprPtr& arg : root.args) settle_parameters(state, *arg);
  if (root.plan != nullptr) settle_parameters(state, *root.plan);
}

void settle_parameters(const BindState& state, Plan& plan) {
  each_plan_node(plan, [&](Plan& node) {
    each_expression(node, [&](ExprPtr& root) { settle_parameters(state, *root); });
  });
}

Result<std::vector<Type>> take_parameters(BindState& state) {
  for (size_t i = 0; i < state.parameters.size(); ++i) {
    if (state.parameters[i].id != TypeId::unknown) continue;
    return fail(indeterminate_datatype(
        fmt::format("could not determine data type of parameter ${}", i + 1)));
  }
  return state.parameters;
}

namespace {

Result<BoundQuery> bind_query(BindState& state, const ast::Select& select) {
  BoundQuery query;
  QW_ASSIGN_OR_RETURN(query.plan, bind_select(state, select, {}));
  QW_ASSIGN_OR_RETURN(query.parameters, take_parameters(state));
  settle_parameters(state, *query.plan);
  return query;
}

template <typename T>
Result<BoundStatement> wrap(Result<T> result) {
  if (!result) return fail(std::move(result).error());
  BoundStatement statement;
  statement.value = std::move(*result);
  return statement;
}

Result<BoundStatement> bind_statement(BindState& state, const ast::Statement& statement) {
  using ast::Kind;
  if (const auto* n = statement.try_as<ast::Select>()) return wrap(bind_query(state, *n));
  if (const auto* n = statement.try_as<ast::Insert>()) return wrap(bind_insert(state, *n));
  if (const auto* n = statement.try_as<ast::Update>()) return wrap(bind_update(state, *n));
  if (const auto* n = statement.try_as<ast::Delete>()) return wrap(bind_delete(state, *n));
  if (const auto* n = statement.try_as<ast::Copy>()) return wrap(bind_copy(state, *n));
  if (const auto* n = statement.try_as<ast::CreateTable>()) {
    return wrap(bind_create_table(state, *n));
  }
  if (const auto* n = statement.try_as<ast::CreateTableAs>()) {
    return bind_create_table_as(state, *n);
  }
  if (const auto* n = statement.try_as<ast::CreateView>()) return wrap(bind_create_view(state, *n));
  if (const auto* n = statement.try_as<ast::CreateIndex>()) {
    return wrap(bind_create_index(state, *n));
  }
  if (const auto* n = statement.try_as<ast::DeclareCursor>()) {
    return bind_statement(state, *n->query);
  }
  if (const auto* n = statement.try_as<ast::Subscribe>()) {
    if (n->query != nullptr) return wrap(bind_query(state, *n->query));
    QW_ASSIGN_OR_RETURN(const Relation* relation, find_relation(state, n->relation));
    BoundQuery query;
    QW_ASSIGN_OR_RETURN(query.plan, relation_plan(state, *relation, n->relation.location));
    return wrap(Result<BoundQuery>(std::move(query)));
  }
  if (const auto* n = statement.try_as<ast::Explain>()) {
    QW_ASSIGN_OR_RETURN(BoundStatement inner, bind_statement(state, *n->query));
    BoundExplain explain;
    explain.statement = std::make_unique<BoundStatement>(std::move(inner));
    BoundStatement out;
    out.value = std::move(explain);
    return out;
  }
  return BoundStatement{};
}

}  // namespace

Result<BoundStatement> bind(const ast::Statement& statement, const BindContext& context) {
  BindState state(context);
  return bind_statement(state, statement);
}

Result<ExprPtr> bind_default(const ColumnInfo& column, const BindContext& context) {
  BindState state(context);
  return default_of(state, column);
}

Result<ExprPtr> bind_expression(std::string_view sql, const Schema& columns,
                                const BindContext& context) {
  QW_ASSIGN_OR_RETURN(ast::ExprPtr parsed, parse_expression(sql));
  BindState state(context);
  state.foreign_text = 1;
  Scope scope;
  ScopeEntry entry;
  for (uint32_t i = 0; i < columns.size(); ++i) {
    entry.columns.push_back({columns.columns[i].name, columns.columns[i].type, i});
  }
  scope.entries.push_back(std::move(entry));
  ExpressionBinder binder(state, &scope, nullptr, nullptr, ExprPlace::watermark);
  QW_ASSIGN_OR_RETURN(ExprPtr bound, binder.bind(*parsed));
  return resolve_unknown(state, std::move(bound));
}

Result<Type> bind_type_name(std::string_view sql) {
  QW_ASSIGN_OR_RETURN(ast::TypeName name, parse_type_name(sql));
  static const Catalog kEmpty;
  static const TextStyle kStyle;
  const BindContext context{kEmpty, {}, "", "", {}, kStyle, 0, ""};
  BindState state(context);
  state.foreign_text = 1;
  return resolve_type(state, name);
}

}  // namespace qw::sql
