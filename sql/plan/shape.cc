// See shape.h.
#include "sql/plan/shape.h"

#include <algorithm>
#include <unordered_map>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

// The largest row number that passes `term`, when the term is an upper bound of column `number`;
// `exact`: the term says nothing more than that bound.
std::optional<int64_t> row_bound(const Expr& term, uint32_t number, bool& exact) {
  const bool equal = is_equality_operator(term);
  std::string_view op = equal ? "=" : comparison_name(term, /*any_types=*/true);
  if (op.empty()) return std::nullopt;
  const Expr* column = term.args[0].get();
  const Expr* value = term.args[1].get();
  if (column->kind != ExprKind::column) {
    std::swap(column, value);
    if (op == "<") {
      op = ">";
    } else if (op == "<=") {
      op = ">=";
    } else if (op == ">") {
      op = "<";
    } else if (op == ">=") {
      op = "<=";
    }
  }
  if (column->kind != ExprKind::column || column->index != number) return std::nullopt;
  if (value->kind != ExprKind::constant || value->value.is_null()) return std::nullopt;
  int64_t bound = 0;
  if (value->type.id == TypeId::int8) {
    bound = value->value.get<int64_t>();
  } else if (value->type.id == TypeId::int4) {
    bound = value->value.get<int32_t>();
  } else if (value->type.id == TypeId::int2) {
    bound = value->value.get<int16_t>();
  } else {
    return std::nullopt;
  }
  exact = true;
  if (op == "<=") return bound;
  if (op == "<") return bound == INT64_MIN ? bound : bound - 1;
  if (op != "=") return std::nullopt;
  exact = bound == 1;
  return bound;
}

class Shaper {
 public:
  explicit Shaper(OptimizeFor target) : target_(target) {}

  // `presented`: the order of this node's rows is what the client sees.
  PlanPtr run(const PlanPtr& node, bool presented) {
    if (auto found = done_.find(node.get()); found != done_.end()) return found->second;
    const bool read_top = presented && target_ == OptimizeFor::read;
    PlanPtr out = node;
    if (node->as<Limit>()) {
      out = limit(node, read_top);
    } else if (node->as<Sort>()) {
      node->inputs[0] = run(node->inputs[0], false);
      if (!read_top) out = node->inputs[0];
    } else if (node->as<Project>()) {
      node->inputs[0] = run(node->inputs[0], presented);
    } else if (const auto* apply = node->as<Apply>(); apply && apply->kind == Apply::Kind::array) {
      node->inputs[0] = run(node->inputs[0], false);
      node->inputs[1] = run(node->inputs[1], true);
    } else {
      for (PlanPtr& input : node->inputs) input = run(input, false);
      if (node->as<Filter>()) out = row_numbers(node);
    }
    kept_.push_back(node);
    done_[node.get()] = out;
    return out;
  }

 private:
  PlanPtr limit(const PlanPtr& node, bool read_top) {
    const Limit& old = *node->as<Limit>();
    const auto constant = [](const ExprPtr& value) {
      return value == nullptr || value->kind == ExprKind::constant;
    };
    if (read_top || !constant(old.limit) || !constant(old.offset)) {
      node->inputs[0] = run(node->inputs[0], true);
      return node;
    }
    TopK topk;
    PlanPtr input = node->inputs[0];
    if (const auto* sort = input->as<Sort>()) {
      topk.order = sort->keys;
      input = input->inputs[0];
    }
    if (old.limit != nullptr) topk.limit = old.limit->value.get<int64_t>();
    if (old.offset != nullptr) topk.offset = old.offset->value.get<int64_t>();
    topk.with_ties = old.with_ties;
    return make_topk(run(input, false), std::move(topk));
  }

  // Filter(row_number <= k) over the Window that counts.
  static PlanPtr row_numbers(const PlanPtr& node) {
    const PlanPtr input = node->inputs[0];
    const auto* window = input->as<Window>();
    if (window == nullptr || window->calls.size() != 1) return node;
    const WindowKind kind = window->calls[0].function->window;
    const bool dense = kind == WindowKind::dense_rank;
    const bool rank = kind == WindowKind::rank || dense;
    if (kind != WindowKind::row_number && !rank) return node;
    const auto number = static_cast<uint32_t>(input->schema.size() - 1);
    std::vector<ExprPtr> terms = split_and(node->as<Filter>()->predicate->clone());
    std::optional<int64_t> best;
    size_t drop = terms.size();
    for (size_t i = 0; i < terms.size(); ++i) {
      bool exact = false;
      const std::optional<int64_t> bound = row_bound(*terms[i], number, exact);
      if (!bound || (best && *best <= *bound)) continue;
      best = bound;
      drop = exact ? i : terms.size();
    }
    if (!best || *best < 1) return node;
    // Of dense ranks only the first is that of rank().
    const bool first = *best == 1;
    if (dense && !first) return node;
    TopK topk;
    topk.partition = window->partition;
    topk.order = window->order;
    topk.limit = *best;
    topk.with_ties = rank;
    topk.row_number = !rank || !first;
    PlanPtr out = make_topk(input->inputs[0], std::move(topk));
    if (rank && first) {
      std::vector<ExprPtr> one;
      one.push_back(make_constant(Datum::int8(1)));
      out = make_append(std::move(out), std::move(one), {input->schema.columns[number].name});
    } else {
      out->schema.columns[number].name = input->schema.columns[number].name;
    }
    if (drop < terms.size()) terms.erase(terms.begin() + static_cast<ptrdiff_t>(drop));
    ExprPtr rest = make_and(std::move(terms));
    return rest == nullptr ? out : make_filter(std::move(out), std::move(rest));
  }

  OptimizeFor target_;
  std::unordered_map<const Plan*, PlanPtr> done_;
  std::vector<PlanPtr> kept_;
};

}  // namespace

PlanPtr reshape(PlanPtr plan, OptimizeFor target) { return Shaper(target).run(plan, true); }

PlanPtr drop_needless_distinct(PlanPtr plan) {
  const auto needless = [](const Plan& node) {
    return node.as<Distinct>() != nullptr && !node.inputs[0]->properties.unique_keys.empty();
  };
  each_plan_node(*plan, [&](Plan& node) {
    for (PlanPtr& input : node.inputs) {
      while (needless(*input)) input = input->inputs[0];
    }
  });
  while (needless(*plan)) {
    PlanPtr input = plan->inputs[0];
    plan = std::move(input);
  }
  return plan;
}

}  // namespace qw::sql
