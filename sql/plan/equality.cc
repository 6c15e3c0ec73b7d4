// See equality.h.
#include "sql/plan/equality.h"

#include <unordered_map>

#include "sql/function.h"

namespace qw::sql {

namespace {

// Built once from the registry: function -> operator.
const std::unordered_map<const Function*, const Operator*>& operators() {
  static const auto kMap = [] {
    std::unordered_map<const Function*, const Operator*> map;
    for (const Operator& op : Registry::instance().all_operators()) map.emplace(op.function, &op);
    return map;
  }();
  return kMap;
}

const Operator* operator_of(const Expr& expression) {
  if (expression.kind != ExprKind::call || expression.args.size() != 2) return nullptr;
  const auto found = operators().find(expression.function);
  return found == operators().end() ? nullptr : found->second;
}

// A value that becomes a key must not fail where comparing it does not: a date beyond the range of
// timestamps.
const Function& key_cast(const Cast& cast) {
  if (cast.from.id != TypeId::date || cast.to.id != TypeId::timestamp) return *cast.function;
  return *Registry::instance().functions("#key").front();
}

}  // namespace

bool is_equality_operator(const Expr& expression) {
  const Operator* op = operator_of(expression);
  return op != nullptr && op->name == "=";
}

bool is_equality(const Expr& expression) {
  return is_equality_operator(expression) &&
         expression.args[0]->type.same(expression.args[1]->type);
}

std::string_view comparison_name(const Expr& expression, bool any_types) {
  const Operator* op = operator_of(expression);
  if (op == nullptr) return "";
  if (!any_types && !expression.args[0]->type.same(expression.args[1]->type)) return "";
  if (op->name == "<" || op->name == "<=" || op->name == ">" || op->name == ">=") return op->name;
  return "";
}

bool widen(ExprPtr& value, Type to) {
  if (value->type.same(to)) return true;
  const Type target = to.without_typmod();
  const Cast* cast = Registry::instance().cast(value->type.without_typmod(), target);
  if (cast == nullptr || cast->context != CastContext::implicit) return false;
  if (target.id == TypeId::float4 || target.id == TypeId::float8) return false;
  if (cast->function == nullptr) {
    value->type = target;
    return true;
  }
  if (cast->function->volatility != Volatility::immutable) return false;
  std::vector<ExprPtr> args;
  args.push_back(std::move(value));
  value = make_call(key_cast(*cast), std::move(args), target);
  return true;
}

std::string_view operator_name(const Function& function) {
  const auto found = operators().find(&function);
  return found == operators().end() ? std::string_view() : found->second->name;
}

}  // namespace qw::sql
