// See fold.h.
#include "sql/plan/fold.h"

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"
#include "sql/program.h"

namespace qw::sql {

namespace {

bool is_constant(const ExprPtr& expr) { return expr->kind == ExprKind::constant; }
bool is_null_constant(const ExprPtr& expr) { return is_constant(expr) && expr->value.is_null(); }

void replace(ExprPtr& root, Datum value) {
  const int32_t location = root->location;
  const Type type = root->type;
  root = make_constant(std::move(value));
  root->type = type;
  root->location = location;
}

void evaluate_now(ExprPtr& root) {
  if (root->function != nullptr && root->function->volatility != Volatility::immutable) return;
  EvalContext context;
  Result<Datum> value = evaluate(*root, context);
  if (value) replace(root, std::move(*value));
}

// AND: false wins, true vanishes; OR the other way round. Terms before the deciding constant stay
// out, too: PostgreSQL promises no order among them.
void fold_logic(ExprPtr& root, bool absorbing) {
  std::vector<ExprPtr> kept;
  for (ExprPtr& arg : root->args) {
    if (is_constant(arg) && !arg->value.is_null()) {
      if (arg->value.get<bool>() == absorbing) return replace(root, Datum::boolean(absorbing));
      continue;
    }
    if (arg->kind == root->kind) {
      for (ExprPtr& inner : arg->args) kept.push_back(std::move(inner));
      continue;
    }
    kept.push_back(std::move(arg));
  }
  if (kept.empty()) return replace(root, Datum::boolean(!absorbing));
  if (kept.size() == 1) {
    ExprPtr only = std::move(kept[0]);
    root = std::move(only);
    return;
  }
  root->args = std::move(kept);
}

void fold_case(ExprPtr& root) {
  std::vector<ExprPtr> kept;
  std::vector<ExprPtr>& args = root->args;
  ExprPtr otherwise = std::move(args.back());
  args.pop_back();
  for (size_t i = 0; i + 1 < args.size(); i += 2) {
    if (is_constant(args[i])) {
      if (is_false_or_null(*args[i])) continue;
      otherwise = std::move(args[i + 1]);
      break;
    }
    kept.push_back(std::move(args[i]));
    kept.push_back(std::move(args[i + 1]));
  }
  if (kept.empty()) {
    root = std::move(otherwise);
    return;
  }
  kept.push_back(std::move(otherwise));
  args = std::move(kept);
}

void fold_coalesce(ExprPtr& root) {
  std::vector<ExprPtr> kept;
  for (ExprPtr& arg : root->args) {
    if (is_null_constant(arg)) continue;
    const bool last = is_constant(arg);
    kept.push_back(std::move(arg));
    if (last) break;
  }
  if (kept.empty()) return replace(root, Datum::null(root->type));
  if (kept.size() == 1) {
    ExprPtr only = std::move(kept[0]);
    root = std::move(only);
    return;
  }
  root->args = std::move(kept);
}

void fold_not(ExprPtr& root) {
  Expr& arg = *root->args[0];
  ExprKind flipped = ExprKind::logical_not;
  if (arg.kind == ExprKind::is_null) flipped = ExprKind::is_not_null;
  if (arg.kind == ExprKind::is_not_null) flipped = ExprKind::is_null;
  if (arg.kind == ExprKind::is_distinct) flipped = ExprKind::is_not_distinct;
  if (arg.kind == ExprKind::is_not_distinct) flipped = ExprKind::is_distinct;
  if (arg.kind == ExprKind::logical_not) {
    ExprPtr inner = std::move(arg.args[0]);
    root = std::move(inner);
    return;
  }
  if (flipped == ExprKind::logical_not) return;
  ExprPtr inner = std::move(root->args[0]);
  inner->kind = flipped;
  root = std::move(inner);
}

void fold_node(ExprPtr& root) {
  bool constant = true;
  for (const ExprPtr& arg : root->args) constant = constant && is_constant(arg);
  switch (root->kind) {
    case ExprKind::column:
    case ExprKind::outer_column:
    case ExprKind::constant:
    case ExprKind::parameter:
    case ExprKind::subquery:
    case ExprKind::row_make:
    case ExprKind::field:
      return;
    case ExprKind::logical_and:
      return fold_logic(root, false);
    case ExprKind::logical_or:
      return fold_logic(root, true);
    case ExprKind::case_when:
      return fold_case(root);
    case ExprKind::coalesce:
      return fold_coalesce(root);
    case ExprKind::logical_not:
      if (constant) return evaluate_now(root);
      return fold_not(root);
    case ExprKind::call:
      if (root->function->kind != FunctionKind::scalar ||
          root->function->volatility != Volatility::immutable) {
        return;
      }
      if (root->function->strict) {
        for (const ExprPtr& arg : root->args) {
          if (is_null_constant(arg)) return replace(root, Datum::null(root->type));
        }
      }
      if (constant) evaluate_now(root);
      return;
    case ExprKind::is_null:
    case ExprKind::is_not_null:
    case ExprKind::is_true:
    case ExprKind::is_not_true:
    case ExprKind::is_false:
    case ExprKind::is_not_false:
    case ExprKind::is_distinct:
    case ExprKind::is_not_distinct:
    case ExprKind::nullif:
    case ExprKind::greatest:
    case ExprKind::least:
    case ExprKind::in_list:
    case ExprKind::array_op:
    case ExprKind::array_make:
    case ExprKind::subscript:
      if (constant) evaluate_now(root);
      return;
  }
}

}  // namespace

void fold_constants(ExprPtr& root) {
  for (ExprPtr& arg : root->args) fold_constants(arg);
  fold_node(root);
}

}  // namespace qw::sql
