// Expr: copying and comparing trees.
// Tests: tests/unit/sql_expr/program_test.cc.
#include "sql/expr.h"

#include "src/base/assert.h"

namespace qw::sql {

ExprPtr Expr::clone() const {
  auto copy = std::make_unique<Expr>();
  copy->kind = kind;
  copy->type = type;
  copy->location = location;
  copy->index = index;
  copy->depth = depth;
  copy->all = all;
  copy->value = value;
  copy->function = function;
  copy->subquery_kind = subquery_kind;
  copy->plan = plan;
  copy->args.reserve(args.size());
  for (const ExprPtr& arg : args) copy->args.push_back(arg->clone());
  return copy;
}

bool Expr::same(const Expr& other) const {
  if (kind != other.kind || !(type == other.type) || index != other.index || depth != other.depth ||
      all != other.all || function != other.function || plan != other.plan ||
      args.size() != other.args.size()) {
    return false;
  }
  if (kind == ExprKind::subquery && subquery_kind != other.subquery_kind) return false;
  if (kind == ExprKind::constant && !value.identical(other.value)) return false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (!args[i]->same(*other.args[i])) return false;
  }
  return true;
}

ExprPtr make_column(uint32_t index, Type type) {
  auto expr = std::make_unique<Expr>();
  expr->kind = ExprKind::column;
  expr->index = index;
  expr->type = type;
  return expr;
}

ExprPtr make_constant(Datum value) {
  auto expr = std::make_unique<Expr>();
  expr->kind = ExprKind::constant;
  expr->type = value.type();
  expr->value = std::move(value);
  return expr;
}

ExprPtr make_call(const Function& function, std::vector<ExprPtr> args, Type type) {
  auto expr = std::make_unique<Expr>();
  expr->kind = ExprKind::call;
  expr->function = &function;
  expr->args = std::move(args);
  expr->type = type;
  return expr;
}

}  // namespace qw::sql
