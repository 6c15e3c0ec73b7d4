// See extreme.h.
#include "sql/plan/extreme.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"

namespace qw::sql {
namespace {

const Function* extreme_of(AggregateKind kind, const Type& type) {
  for (const Function* function : Registry::instance().functions(
           kind == AggregateKind::max ? std::string_view("max") : std::string_view("min"))) {
    if (function->aggregate == kind && function->args.size() == 1 &&
        function->args[0].same(type.without_typmod())) {
      return function;
    }
  }
  return nullptr;
}

class Tester {
 public:
  PlanPtr run(const PlanPtr& node) {
    if (const auto found = done_.find(node.get()); found != done_.end()) return found->second;
    for (PlanPtr& input : node->inputs) input = run(input);
    PlanPtr out = tested(*node);
    if (out == nullptr) out = node;
    kept_.push_back(node);
    done_[node.get()] = out;
    return out;
  }

 private:
  // The join by the extreme of the right side's groups; nullptr: it is no test of that kind.
  static PlanPtr tested(const Plan& node) {
    const auto* join = node.as<Join>();
    if (join == nullptr || join->residual == nullptr || join->null_aware) return nullptr;
    const bool anti = join->type == JoinType::anti;
    if (!anti && join->type != JoinType::semi) return nullptr;
    const Expr& term = *join->residual;
    const std::string_view op = comparison_name(term);
    if (op.empty() || term.args[0]->kind != ExprKind::column ||
        term.args[1]->kind != ExprKind::column) {
      return nullptr;
    }
    const auto width = static_cast<uint32_t>(node.inputs[0]->schema.size());
    const size_t theirs = term.args[0]->index < width ? 1 : 0;
    if ((term.args[1 - theirs]->index < width) == (term.args[theirs]->index < width)) {
      return nullptr;
    }
    // value < theirs, theirs > value: some of theirs is above when their highest is.
    const bool highest = (op[0] == '<') == (theirs == 1);
    const Type type = term.args[theirs]->type;
    AggregateCall call;
    call.function = extreme_of(highest ? AggregateKind::max : AggregateKind::min, type);
    if (call.function == nullptr) return nullptr;
    call.arguments = {term.args[theirs]->index - width};
    call.type = type.without_typmod();
    Aggregate aggregate;
    Join with;
    for (const Join::Key& key : join->keys) {
      auto at = std::find(aggregate.groups.begin(), aggregate.groups.end(), key.right);
      if (at == aggregate.groups.end()) at = aggregate.groups.insert(at, key.right);
      with.keys.push_back(
          {key.left, static_cast<uint32_t>(at - aggregate.groups.begin()), key.null_safe});
    }
    aggregate.calls.push_back(std::move(call));
    ExprPtr test = term.clone();
    test->args[theirs]->index = width + static_cast<uint32_t>(aggregate.groups.size());
    // Without keys there is always one row of the other side.
    const bool outer = anti && !with.keys.empty();
    with.type = outer ? JoinType::left : JoinType::inner;
    if (!anti) with.residual = std::move(test);
    PlanPtr out = make_join(node.inputs[0], make_aggregate(node.inputs[1], std::move(aggregate)),
                            std::move(with));
    if (anti) {
      out = make_filter(std::move(out),
                        make_node(ExprKind::is_not_true, TypeId::boolean, std::move(test)));
    }
    std::vector<uint32_t> columns;
    for (uint32_t i = 0; i < width; ++i) columns.push_back(i);
    return make_pick(std::move(out), columns);
  }

  std::unordered_map<const Plan*, PlanPtr> done_;
  std::vector<PlanPtr> kept_;
};

}  // namespace

PlanPtr test_extremes(PlanPtr plan) { return Tester().run(plan); }

}  // namespace qw::sql
