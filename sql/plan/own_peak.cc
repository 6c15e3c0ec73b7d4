// See own_peak.h.
#include "sql/plan/own_peak.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/walk.h"
#include "src/types/key_codec.h"

namespace qw::sql {
namespace {

// A plan below projections that only pick columns, and which column each one is there.
struct Core {
  const Plan* plan = nullptr;
  std::vector<uint32_t> columns;  // UINT32_MAX: computed
};

Core core_of(const Plan& plan) {
  Core core{&plan, {}};
  for (uint32_t i = 0; i < plan.schema.size(); ++i) core.columns.push_back(i);
  while (const auto* project = core.plan->as<Project>()) {
    const std::vector<uint32_t> below = plain_columns(*project);
    if (std::find(below.begin(), below.end(), UINT32_MAX) != below.end()) break;
    for (uint32_t& column : core.columns) column = below[column];
    core.plan = core.plan->inputs[0].get();
  }
  return core;
}

bool same_expressions(const std::vector<ExprPtr>& a, const std::vector<ExprPtr>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const ExprPtr& x, const ExprPtr& y) { return x->same(*y); });
}

bool same_call(const AggregateCall& a, const AggregateCall& b) {
  return a.function == b.function && a.arguments == b.arguments && a.distinct == b.distinct &&
         a.filter == b.filter && a.order.empty() && b.order.empty();
}

// Whether two plans give the same rows, as far as their shape tells: true is certain.
bool same_rows(const Plan& a, const Plan& b) {
  if (&a == &b) return true;
  if (a.op.index() != b.op.index() || a.inputs.size() != b.inputs.size()) return false;
  bool same = false;
  if (const auto* scan = a.as<Scan>()) {
    const auto* other = b.as<Scan>();
    same = scan->relation == other->relation && scan->columns == other->columns &&
           scan->bounds == nullptr && other->bounds == nullptr;
  } else if (const auto* filter = a.as<Filter>()) {
    same = !is_volatile(*filter->predicate) && filter->predicate->same(*b.as<Filter>()->predicate);
  } else if (const auto* project = a.as<Project>()) {
    same = same_expressions(project->expressions, b.as<Project>()->expressions) &&
           std::none_of(project->expressions.begin(), project->expressions.end(),
                        [](const ExprPtr& expression) { return is_volatile(*expression); });
  } else if (const auto* expand = a.as<WindowExpand>()) {
    const auto* other = b.as<WindowExpand>();
    same = expand->time_column == other->time_column && expand->slide_us == other->slide_us &&
           expand->size_us == other->size_us && expand->offset_us == other->offset_us &&
           expand->end_us == other->end_us;
  } else if (const auto* aggregate = a.as<Aggregate>()) {
    const auto* other = b.as<Aggregate>();
    same = aggregate->groups == other->groups && aggregate->hop.count == other->hop.count &&
           aggregate->hop.slide_us == other->hop.slide_us &&
           aggregate->hop.borders == other->hop.borders &&
           std::equal(aggregate->calls.begin(), aggregate->calls.end(), other->calls.begin(),
                      other->calls.end(), same_call);
  } else {
    same = a.as<Distinct>() != nullptr;
  }
  for (size_t i = 0; i < a.inputs.size() && same; ++i) {
    same = same_rows(*a.inputs[i], *b.inputs[i]);
  }
  return same;
}

class Ranker {
 public:
  PlanPtr run(const PlanPtr& node) {
    if (const auto found = done_.find(node.get()); found != done_.end()) return found->second;
    for (PlanPtr& input : node->inputs) input = run(input);
    PlanPtr out = node;
    const auto* join = node->as<Join>();
    if (join != nullptr && join->type == JoinType::inner) {
      for (const uint32_t rows : {0U, 1U}) {
        PlanPtr ranked = rank(*node, rows);
        if (ranked == nullptr) continue;
        out = std::move(ranked);
        break;
      }
    }
    kept_.push_back(node);
    done_[node.get()] = out;
    return out;
  }

 private:
  struct Match {
    uint32_t value = 0;               // column of the rows
    std::vector<uint32_t> partition;  // columns of the rows
    std::vector<uint32_t> instead;    // per column of the peaks: the rows' column like it
    std::vector<uint32_t> not_null;   // rows with a NULL there meet nothing
  };

  // Input `rows` against the other one, when that is the maximum of the former's groups.
  static std::optional<Match> match(const Plan& node, uint32_t rows, bool& highest) {
    const auto& join = *node.as<Join>();
    const Plan& row_plan = *node.inputs[rows];
    const Core own = core_of(row_plan), peaks = core_of(*node.inputs[1 - rows]);
    const auto* aggregate = peaks.plan->as<Aggregate>();
    if (aggregate == nullptr || aggregate->calls.size() != 1) return std::nullopt;
    const AggregateCall& call = aggregate->calls[0];
    const AggregateKind kind = call.function->aggregate;
    if ((kind != AggregateKind::max && kind != AggregateKind::min) || call.filter) {
      return std::nullopt;
    }
    highest = kind == AggregateKind::max;
    const Core source = core_of(*peaks.plan->inputs[0]);
    if (!same_rows(*own.plan, *source.plan)) return std::nullopt;
    // The rows' column that is column `column` of what the aggregate reads.
    const auto own_column = [&](uint32_t column) {
      const auto at = std::find(own.columns.begin(), own.columns.end(), source.columns[column]);
      return at == own.columns.end() ? UINT32_MAX : static_cast<uint32_t>(at - own.columns.begin());
    };
    Match out;
    out.value = own_column(call.arguments[0]);
    // The maximum stands for the row's own value.
    if (out.value == UINT32_MAX || has_spellings(row_plan.schema.columns[out.value].type)) {
      return std::nullopt;
    }
    const size_t groups = aggregate->groups.size();
    for (const uint32_t group : aggregate->groups) {
      const uint32_t column = own_column(group);
      if (column == UINT32_MAX || has_spellings(row_plan.schema.columns[column].type)) {
        return std::nullopt;
      }
      out.partition.push_back(column);
    }
    for (const uint32_t column : peaks.columns) {
      out.instead.push_back(column < groups ? out.partition[column] : out.value);
    }
    if (!keys_are_groups(join, rows, own, peaks, groups, out)) return std::nullopt;
    const bool by_residual = join.residual != nullptr;
    if (by_residual && !is_comparison(node, rows, highest, own, out)) return std::nullopt;
    return out;
  }

  // Whether the join's keys are each group column with its own and, unless the residual does it,
  // the value with its maximum.
  static bool keys_are_groups(const Join& join, uint32_t rows, const Core& own, const Core& peaks,
                              size_t groups, Match& out) {
    std::vector<bool> seen(groups + 1, false);
    for (const Join::Key& key : join.keys) {
      const uint32_t mine = rows == 0 ? key.left : key.right;
      const uint32_t theirs = peaks.columns[rows == 0 ? key.right : key.left];
      const uint32_t wanted = theirs < groups ? out.partition[theirs] : out.value;
      if (own.columns[mine] != own.columns[wanted]) return false;
      if (theirs >= groups && key.null_safe) return false;
      seen[theirs] = true;
      if (!key.null_safe) out.not_null.push_back(wanted);
    }
    if (join.residual != nullptr) {
      if (seen[groups]) return false;
      out.not_null.push_back(out.value);
      seen[groups] = true;
    }
    return std::all_of(seen.begin(), seen.end(), [](bool found) { return found; });
  }

  // Whether the residual is value >= maximum (value <= minimum), and nothing else.
  static bool is_comparison(const Plan& node, uint32_t rows, bool highest, const Core& own,
                            const Match& found) {
    const Expr& term = *node.as<Join>()->residual;
    const std::string_view op = comparison_name(term);
    if (op != ">=" && op != "<=") return false;
    if (term.args[0]->kind != ExprKind::column || term.args[1]->kind != ExprKind::column) {
      return false;
    }
    const auto width = static_cast<uint32_t>(node.inputs[0]->schema.size());
    uint32_t mine = term.args[0]->index, theirs = term.args[1]->index;
    bool above = op == ">=";
    if ((mine < width) != (rows == 0)) {
      std::swap(mine, theirs);
      above = !above;
    }
    if ((mine < width) != (rows == 0) || (theirs < width) == (rows == 0)) return false;
    (rows == 0 ? theirs : mine) -= width;
    return above == highest && own.columns[mine] == own.columns[found.value] &&
           found.instead[theirs] == found.value;
  }

  static PlanPtr rank(Plan& node, uint32_t rows) {
    bool highest = true;
    auto found = match(node, rows, highest);
    if (!found) return nullptr;
    PlanPtr input = node.inputs[rows];
    std::vector<ExprPtr> terms;
    std::sort(found->not_null.begin(), found->not_null.end());
    found->not_null.erase(std::unique(found->not_null.begin(), found->not_null.end()),
                          found->not_null.end());
    for (const uint32_t column : found->not_null) {
      if (input->properties.not_null[column]) continue;
      terms.push_back(
          make_node(ExprKind::is_not_null, TypeId::boolean, column_of(input->schema, column)));
    }
    ExprPtr predicate = make_and(std::move(terms));
    const auto width = static_cast<uint32_t>(input->schema.size());
    if (predicate != nullptr) input = make_filter(std::move(input), std::move(predicate));
    TopK topk;
    topk.partition = found->partition;
    SortKey by;
    by.column = found->value;
    by.order.descending = highest;
    topk.order.push_back(by);
    topk.limit = 1;
    topk.with_ties = true;
    std::vector<uint32_t> pick;
    for (uint32_t i = 0; i < width; ++i) pick.push_back(i);
    pick.insert(rows == 0 ? pick.end() : pick.begin(), found->instead.begin(),
                found->instead.end());
    PlanPtr out = make_pick(make_topk(std::move(input), std::move(topk)), pick);
    for (size_t i = 0; i < pick.size(); ++i) {
      out->schema.columns[i].name = node.schema.columns[i].name;
    }
    return out;
  }

  std::unordered_map<const Plan*, PlanPtr> done_;
  std::vector<PlanPtr> kept_;
};

}  // namespace

PlanPtr rank_own_peaks(PlanPtr plan) { return Ranker().run(plan); }

}  // namespace qw::sql
