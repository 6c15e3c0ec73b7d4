// See build.h.
#include "sql/plan/build.h"

#include "sql/function.h"
#include "sql/plan/walk.h"
#include "src/base/assert.h"

namespace qw::sql {

PlanPtr make_node(Plan::Op op, std::vector<PlanPtr> inputs, Schema schema) {
  auto plan = std::make_shared<Plan>();
  plan->op = std::move(op);
  plan->inputs = std::move(inputs);
  plan->schema = std::move(schema);
  return plan;
}

PlanPtr make_scan(const Relation& relation) {
  Schema schema;
  std::vector<uint32_t> columns;
  for (uint32_t i = 0; i < relation.columns.size(); ++i) {
    const ColumnInfo& column = relation.columns[i];
    schema.columns.push_back({column.name, column.type, !column.not_null});
    columns.push_back(i);
  }
  if (relation.kind == RelationKind::system) {
    return make_node(SystemScan{&relation, std::move(columns)}, {}, std::move(schema));
  }
  Scan scan;
  scan.relation = relation.id;
  scan.name = relation.name;
  scan.columns = std::move(columns);
  return make_node(std::move(scan), {}, std::move(schema));
}

PlanPtr make_values(std::vector<std::vector<ExprPtr>> rows, Schema schema) {
  return make_node(Values{std::move(rows)}, {}, std::move(schema));
}

PlanPtr make_one_row() {
  std::vector<std::vector<ExprPtr>> rows(1);
  return make_values(std::move(rows), {});
}

PlanPtr make_filter(PlanPtr input, ExprPtr predicate) {
  Schema schema = input->schema;
  return make_node(Filter{std::move(predicate)}, {std::move(input)}, std::move(schema));
}

namespace {

bool expression_nullable(const Expr& expression, const Schema& input) {
  if (expression.kind == ExprKind::column) return input.columns[expression.index].nullable;
  if (expression.kind == ExprKind::constant) return expression.value.is_null();
  return true;
}

Schema concat(const Schema& left, const Schema& right, bool left_nullable, bool right_nullable) {
  Schema schema = left;
  for (Column& column : schema.columns) column.nullable = column.nullable || left_nullable;
  for (const Column& column : right.columns) {
    schema.columns.push_back(column);
    Column& last = schema.columns.back();
    last.nullable = last.nullable || right_nullable;
  }
  return schema;
}

Schema join_schema(const Join& join, const Schema& left, const Schema& right) {
  switch (join.type) {
    case JoinType::inner:
      return concat(left, right, false, false);
    case JoinType::left:
      return concat(left, right, false, true);
    case JoinType::right:
      return concat(left, right, true, false);
    case JoinType::full:
      return concat(left, right, true, true);
    case JoinType::semi:
    case JoinType::anti:
      return left;
  }
  QW_UNREACHABLE();
}

}  // namespace

PlanPtr make_project(PlanPtr input, std::vector<ExprPtr> expressions,
                     std::vector<std::string> names) {
  QW_ASSERT(expressions.size() == names.size());
  Schema schema;
  for (size_t i = 0; i < expressions.size(); ++i) {
    schema.columns.push_back({std::move(names[i]), expressions[i]->type,
                              expression_nullable(*expressions[i], input->schema)});
  }
  return make_node(Project{std::move(expressions)}, {std::move(input)}, std::move(schema));
}

PlanPtr make_append(PlanPtr input, std::vector<ExprPtr> appended, std::vector<std::string> names) {
  std::vector<ExprPtr> expressions;
  std::vector<std::string> all_names;
  for (uint32_t i = 0; i < input->schema.size(); ++i) {
    expressions.push_back(column_of(input->schema, i));
    all_names.push_back(input->schema.columns[i].name);
  }
  for (size_t i = 0; i < appended.size(); ++i) {
    expressions.push_back(std::move(appended[i]));
    all_names.push_back(std::move(names[i]));
  }
  return make_project(std::move(input), std::move(expressions), std::move(all_names));
}

PlanPtr make_pick(PlanPtr input, const std::vector<uint32_t>& columns) {
  std::vector<ExprPtr> expressions;
  std::vector<std::string> names;
  for (uint32_t column : columns) {
    expressions.push_back(column_of(input->schema, column));
    names.push_back(input->schema.columns[column].name);
  }
  return make_project(std::move(input), std::move(expressions), std::move(names));
}

PlanPtr make_join(PlanPtr left, PlanPtr right, Join join) {
  Schema schema = join_schema(join, left->schema, right->schema);
  return make_node(std::move(join), {std::move(left), std::move(right)}, std::move(schema));
}

PlanPtr make_apply(PlanPtr left, PlanPtr right, Apply apply, std::string name, Type type) {
  Schema schema;
  switch (apply.kind) {
    case Apply::Kind::lateral_inner:
      schema = concat(left->schema, right->schema, false, false);
      break;
    case Apply::Kind::lateral_left:
      schema = concat(left->schema, right->schema, false, true);
      break;
    case Apply::Kind::scalar:
    case Apply::Kind::exists:
    case Apply::Kind::any:
    case Apply::Kind::all:
    case Apply::Kind::array:
      schema = left->schema;
      schema.columns.push_back({std::move(name), type, apply.kind != Apply::Kind::exists});
      break;
  }
  return make_node(std::move(apply), {std::move(left), std::move(right)}, std::move(schema));
}

PlanPtr make_aggregate(PlanPtr input, Aggregate aggregate) {
  Schema schema;
  for (uint32_t group : aggregate.groups) schema.columns.push_back(input->schema.columns[group]);
  for (const AggregateCall& call : aggregate.calls) {
    const AggregateKind kind = call.function->aggregate;
    const bool never_null = kind == AggregateKind::count || kind == AggregateKind::count_star;
    schema.columns.push_back({std::string(call.function->name), call.type, !never_null});
  }
  return make_node(std::move(aggregate), {std::move(input)}, std::move(schema));
}

PlanPtr make_distinct(PlanPtr input) {
  Schema schema = input->schema;
  return make_node(Distinct{}, {std::move(input)}, std::move(schema));
}

PlanPtr make_topk(PlanPtr input, TopK topk) {
  Schema schema = input->schema;
  if (topk.row_number) schema.columns.push_back({"row_number", TypeId::int8, false});
  return make_node(std::move(topk), {std::move(input)}, std::move(schema));
}

PlanPtr make_window(PlanPtr input, Window window) {
  Schema schema = input->schema;
  for (const WindowCall& call : window.calls) {
    schema.columns.push_back({std::string(call.function->name), call.type, true});
  }
  return make_node(std::move(window), {std::move(input)}, std::move(schema));
}

PlanPtr make_sort(PlanPtr input, std::vector<SortKey> keys) {
  Schema schema = input->schema;
  return make_node(Sort{std::move(keys)}, {std::move(input)}, std::move(schema));
}

PlanPtr make_limit(PlanPtr input, Limit limit) {
  Schema schema = input->schema;
  return make_node(std::move(limit), {std::move(input)}, std::move(schema));
}

PlanPtr make_set_op(SetOpKind kind, std::vector<PlanPtr> inputs) {
  Schema schema = inputs[0]->schema;
  for (const PlanPtr& input : inputs) {
    for (size_t i = 0; i < schema.size(); ++i) {
      Column& column = schema.columns[i];
      const Column& other = input->schema.columns[i];
      if (kind == SetOpKind::union_all) column.nullable = column.nullable || other.nullable;
      if (!(column.type == other.type)) column.type.typmod = -1;
    }
  }
  return make_node(SetOp{kind}, std::move(inputs), std::move(schema));
}

PlanPtr make_project_set(PlanPtr input, ProjectSet set, std::vector<std::string> names) {
  Schema schema = input->schema;
  size_t next = 0;
  const auto add = [&](Type type) {
    schema.columns.push_back({next < names.size() ? names[next] : "", type, true});
    ++next;
  };
  if (set.function->out_columns.empty()) {
    add(set.result);
  } else {
    for (const auto& [name, type] : set.function->out_columns) {
      if (next >= names.size()) names.emplace_back(name);
      add(type);
    }
  }
  if (set.with_ordinality) {
    if (next >= names.size()) names.emplace_back("ordinality");
    add(TypeId::int8);
    schema.columns.back().nullable = set.keep_empty;
  }
  return make_node(std::move(set), {std::move(input)}, std::move(schema));
}

ExprPtr make_node(ExprKind kind, Type type, std::vector<ExprPtr> args) {
  auto node = std::make_unique<Expr>();
  node->kind = kind;
  node->type = type;
  node->args = std::move(args);
  if (!node->args.empty()) node->location = node->args[0]->location;
  return node;
}

ExprPtr make_node(ExprKind kind, Type type, ExprPtr arg) {
  std::vector<ExprPtr> args;
  args.push_back(std::move(arg));
  return make_node(kind, type, std::move(args));
}

ExprPtr make_boolean(bool value) { return make_constant(Datum::boolean(value)); }

ExprPtr make_and(ExprPtr left, ExprPtr right) {
  if (left == nullptr) return right;
  if (right == nullptr) return left;
  std::vector<ExprPtr> terms;
  terms.push_back(std::move(left));
  terms.push_back(std::move(right));
  return make_and(std::move(terms));
}

ExprPtr make_and(std::vector<ExprPtr> terms) {
  if (terms.empty()) return nullptr;
  std::vector<ExprPtr> flat;
  for (ExprPtr& term : terms) {
    for (ExprPtr& part : split_and(std::move(term))) flat.push_back(std::move(part));
  }
  if (flat.size() == 1) return std::move(flat[0]);
  return make_node(ExprKind::logical_and, TypeId::boolean, std::move(flat));
}

std::vector<ExprPtr> split_and(ExprPtr predicate) {
  std::vector<ExprPtr> terms;
  if (predicate == nullptr) return terms;
  if (predicate->kind != ExprKind::logical_and) {
    terms.push_back(std::move(predicate));
    return terms;
  }
  for (ExprPtr& arg : predicate->args) {
    for (ExprPtr& part : split_and(std::move(arg))) terms.push_back(std::move(part));
  }
  return terms;
}

ExprPtr column_of(const Schema& schema, uint32_t index) {
  QW_ASSERT(index < schema.size());
  return make_column(index, schema.columns[index].type);
}

bool is_true(const Expr& expression) {
  return expression.kind == ExprKind::constant && expression.type.id == TypeId::boolean &&
         !expression.value.is_null() && expression.value.get<bool>();
}

bool is_false_or_null(const Expr& expression) {
  return expression.kind == ExprKind::constant && expression.type.id == TypeId::boolean &&
         (expression.value.is_null() || !expression.value.get<bool>());
}

bool is_identity(const Project& project, const Schema& input) {
  if (project.expressions.size() != input.size()) return false;
  for (uint32_t i = 0; i < project.expressions.size(); ++i) {
    const Expr& expression = *project.expressions[i];
    if (expression.kind != ExprKind::column || expression.index != i) return false;
    if (!(expression.type == input.columns[i].type)) return false;
  }
  return true;
}

std::vector<uint32_t> plain_columns(const Project& project) {
  std::vector<uint32_t> columns;
  for (const ExprPtr& expression : project.expressions) {
    columns.push_back(expression->kind == ExprKind::column ? expression->index : UINT32_MAX);
  }
  return columns;
}

void refresh_schema(Plan& node) {
  Schema old = node.schema;
  if (const auto* project = node.as<Project>()) {
    for (size_t i = 0; i < project->expressions.size(); ++i) {
      Column& column = node.schema.columns[i];
      column.type = project->expressions[i]->type;
      column.nullable = expression_nullable(*project->expressions[i], node.inputs[0]->schema);
    }
    return;
  }
  if (const auto* join = node.as<Join>()) {
    node.schema = join_schema(*join, node.inputs[0]->schema, node.inputs[1]->schema);
  } else if (node.as<Filter>() || node.as<Distinct>() || node.as<Sort>() || node.as<Limit>()) {
    node.schema = node.inputs[0]->schema;
  }
}

}  // namespace qw::sql
