// See peak.h.
#include "sql/plan/peak.h"

#include <algorithm>
#include <string_view>

#include "sql/function.h"
#include "sql/plan/equality.h"

namespace qw::sql {
namespace {

// Whether `column` is a max (true) or min (false) of rows that only come: it never falls (rises)
// while its group stands.
std::optional<bool> peak_kind(const Plan& plan, uint32_t column) {
  if (const auto* project = plan.as<Project>()) {
    const Expr& expression = *project->expressions[column];
    if (expression.kind != ExprKind::column ||
        !expression.type.same(plan.inputs[0]->schema.columns[expression.index].type)) {
      return std::nullopt;  // as an oid an int4 has another order
    }
    return peak_kind(*plan.inputs[0], expression.index);
  }
  if (plan.as<Filter>() != nullptr) return peak_kind(*plan.inputs[0], column);
  const auto* aggregate = plan.as<Aggregate>();
  if (aggregate == nullptr || column < aggregate->groups.size()) return std::nullopt;
  if (!plan.inputs[0]->properties.append_only) return std::nullopt;
  switch (aggregate->calls[column - aggregate->groups.size()].function->aggregate) {
    case AggregateKind::max:
      return true;
    case AggregateKind::min:
      return false;
    default:
      return std::nullopt;  // NOLINT: every other aggregate
  }
}

// A key that compares a column of input `rows` with a maximum in the other input.
std::optional<PeakJoin> by_key(const Plan& plan, uint32_t rows) {
  const auto& join = *plan.as<Join>();
  for (size_t k = 0; k < join.keys.size(); ++k) {
    const Join::Key& key = join.keys[k];
    if (key.null_safe) continue;
    const uint32_t peak = rows == 0 ? key.right : key.left;
    const auto highest = peak_kind(*plan.inputs[1 - rows], peak);
    if (highest) return PeakJoin{rows, rows == 0 ? key.left : key.right, peak, *highest, true, k};
  }
  return std::nullopt;
}

// The same for `value >= max` and `value <= min` among the residual's terms.
std::optional<PeakJoin> by_residual(const Plan& plan, uint32_t rows) {
  const auto& join = *plan.as<Join>();
  if (join.residual == nullptr) return std::nullopt;
  const auto left_width = static_cast<uint32_t>(plan.inputs[0]->schema.size());
  const Expr& residual = *join.residual;
  std::vector<const Expr*> terms{&residual};
  if (residual.kind == ExprKind::logical_and) {
    terms.clear();
    for (const auto& term : residual.args) terms.push_back(term.get());
  }
  for (const Expr* term : terms) {
    const std::string_view op = comparison_name(*term);
    if (op != ">=" && op != "<=") continue;
    if (term->args[0]->kind != ExprKind::column) continue;
    if (term->args[1]->kind != ExprKind::column) continue;
    uint32_t value = term->args[0]->index, peak = term->args[1]->index;
    bool above = op == ">=";
    if ((value < left_width) != (rows == 0)) {
      std::swap(value, peak);
      above = !above;
    }
    if ((value < left_width) != (rows == 0) || (peak < left_width) == (rows == 0)) continue;
    (rows == 0 ? peak : value) -= left_width;
    const auto highest = peak_kind(*plan.inputs[1 - rows], peak);
    if (highest && *highest == above) return PeakJoin{rows, value, peak, above, false, SIZE_MAX};
  }
  return std::nullopt;
}

bool one_row_each(const Plan& input, const std::vector<uint32_t>& key) {
  return std::any_of(input.properties.unique_keys.begin(), input.properties.unique_keys.end(),
                     [&](const std::vector<uint32_t>& unique) {
                       return std::all_of(unique.begin(), unique.end(), [&](uint32_t column) {
                         return std::find(key.begin(), key.end(), column) != key.end();
                       });
                     });
}

}  // namespace

std::optional<PeakJoin> find_peak(const Plan& plan) {
  const auto& join = *plan.as<Join>();
  if (join.type != JoinType::inner) return std::nullopt;
  for (const uint32_t rows : {0U, 1U}) {
    if (!plan.inputs[rows]->properties.append_only) continue;
    auto peak = by_key(plan, rows);
    if (!peak) peak = by_residual(plan, rows);
    if (!peak) continue;
    std::vector<uint32_t> group;
    for (size_t k = 0; k < join.keys.size(); ++k) {
      if (k != peak->key) group.push_back(rows == 0 ? join.keys[k].right : join.keys[k].left);
    }
    if (one_row_each(*plan.inputs[1 - rows], group)) return peak;
  }
  return std::nullopt;
}

}  // namespace qw::sql
