// See prune.h. prune(node, needed) gives a plan with at least the needed columns and says where
// each old column went. A node with several parents keeps all its columns.
#include "sql/plan/prune.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "sql/plan/build.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

constexpr uint32_t kGone = UINT32_MAX;
using Map = std::vector<uint32_t>;
using Needed = std::vector<bool>;

struct Pruned {
  PlanPtr plan;
  Map map;  // old column -> new column, or kGone
};

Map identity(size_t width) {
  Map map(width);
  std::iota(map.begin(), map.end(), 0U);
  return map;
}

void need(Needed& needed, Expr& root) {
  each_row_column(root, [&](Expr& column) { needed[column.index] = true; });
}

class Pruner {
 public:
  explicit Pruner(Plan& root) { count_parents(root); }

  Pruned prune(const PlanPtr& node, Needed needed) {
    if (parents_[node.get()] > 1) {
      auto found = shared_.find(node.get());
      if (found == shared_.end()) {
        PlanPtr whole = prune_all(node);
        kept_.push_back(node);
        found = shared_.emplace(node.get(), std::move(whole)).first;
      }
      return {found->second, identity(node->schema.size())};
    }
    return prune_node(node, std::move(needed));
  }

  // All columns, in the same order.
  PlanPtr prune_all(const PlanPtr& node) {
    const size_t width = node->schema.size();
    return restore(prune_node(node, Needed(width, true)), width);
  }

 private:
  void count_parents(Plan& node) {
    if (++parents_[&node] > 1) return;
    for (PlanPtr& input : node.inputs) count_parents(*input);
  }

  static PlanPtr restore(Pruned pruned, size_t width) {
    if (pruned.plan->schema.size() == width && pruned.map == identity(width)) return pruned.plan;
    return make_pick(std::move(pruned.plan), pruned.map);
  }

  PlanPtr whole_input(const PlanPtr& input) {
    if (parents_[input.get()] > 1) return prune(input, {}).plan;
    return prune_all(input);
  }

  Pruned prune_node(const PlanPtr& node, Needed needed) {
    const size_t width = node->schema.size();
    if (auto* scan = node->as<Scan>()) return pick_columns(node, scan->columns, needed);
    if (auto* scan = node->as<SystemScan>()) return pick_columns(node, scan->columns, needed);
    if (node->as<Project>()) return prune_project(node, needed);
    if (auto* filter = node->as<Filter>()) {
      need(needed, *filter->predicate);
      Pruned input = prune(node->inputs[0], std::move(needed));
      remap_columns(*filter->predicate, input.map);
      node->inputs[0] = std::move(input.plan);
      node->schema = node->inputs[0]->schema;
      return {node, std::move(input.map)};
    }
    if (node->as<Join>()) return prune_join(node, std::move(needed));
    if (node->as<Aggregate>()) return prune_aggregate(node, needed);
    if (node->as<TopK>()) return prune_topk(node, std::move(needed));
    if (node->as<Window>()) return prune_window(node, std::move(needed));
    if (auto* sort = node->as<Sort>()) {
      for (const SortKey& key : sort->keys) needed[key.column] = true;
      Pruned input = prune(node->inputs[0], std::move(needed));
      for (SortKey& key : sort->keys) key.column = input.map[key.column];
      return same_columns(node, std::move(input));
    }
    if (node->as<Limit>()) return same_columns(node, prune(node->inputs[0], std::move(needed)));
    if (auto* set = node->as<ProjectSet>()) {
      const size_t input_width = node->inputs[0]->schema.size();
      Needed below(needed.begin(), needed.begin() + static_cast<ptrdiff_t>(input_width));
      for (ExprPtr& argument : set->arguments) need(below, *argument);
      Pruned input = prune(node->inputs[0], std::move(below));
      for (ExprPtr& argument : set->arguments) remap_columns(*argument, input.map);
      return appended(node, std::move(input), input_width);
    }
    if (auto* expand = node->as<WindowExpand>()) {
      const size_t input_width = node->inputs[0]->schema.size();
      Needed below(needed.begin(), needed.begin() + static_cast<ptrdiff_t>(input_width));
      below[expand->time_column] = true;
      Pruned input = prune(node->inputs[0], std::move(below));
      expand->time_column = input.map[expand->time_column];
      return appended(node, std::move(input), input_width);
    }
    if (auto* op = node->as<SetOp>(); op != nullptr && op->kind == SetOpKind::union_all) {
      return prune_union(node, needed);
    }
    for (PlanPtr& input : node->inputs) input = whole_input(input);
    return {node, identity(width)};
  }

  static Pruned same_columns(const PlanPtr& node, Pruned input) {
    node->inputs[0] = std::move(input.plan);
    node->schema = node->inputs[0]->schema;
    return {node, std::move(input.map)};
  }

  // The node's own columns stay behind those of its narrower input.
  static Pruned appended(const PlanPtr& node, Pruned input, size_t input_width) {
    Map map = std::move(input.map);
    Schema schema = input.plan->schema;
    for (size_t i = input_width; i < node->schema.size(); ++i) {
      map.push_back(static_cast<uint32_t>(schema.size()));
      schema.columns.push_back(node->schema.columns[i]);
    }
    node->inputs[0] = std::move(input.plan);
    node->schema = std::move(schema);
    return {node, std::move(map)};
  }

  static Pruned pick_columns(const PlanPtr& node, std::vector<uint32_t>& columns, Needed needed) {
    if (std::none_of(needed.begin(), needed.end(), [](bool wanted) { return wanted; }) &&
        !needed.empty()) {
      needed[0] = true;
    }
    Map map(columns.size(), kGone);
    std::vector<uint32_t> kept;
    Schema schema;
    for (uint32_t i = 0; i < columns.size(); ++i) {
      if (!needed[i]) continue;
      map[i] = static_cast<uint32_t>(kept.size());
      kept.push_back(columns[i]);
      schema.columns.push_back(node->schema.columns[i]);
    }
    columns = std::move(kept);
    node->schema = std::move(schema);
    return {node, std::move(map)};
  }

  Pruned prune_project(const PlanPtr& node, Needed needed) {
    Project& project = *node->as<Project>();
    if (std::none_of(needed.begin(), needed.end(), [](bool wanted) { return wanted; }) &&
        !needed.empty()) {
      needed[0] = true;
    }
    Map map(project.expressions.size(), kGone);
    std::vector<ExprPtr> kept;
    Schema schema;
    for (uint32_t i = 0; i < project.expressions.size(); ++i) {
      if (!needed[i]) continue;
      map[i] = static_cast<uint32_t>(kept.size());
      schema.columns.push_back(node->schema.columns[i]);
      kept.push_back(std::move(project.expressions[i]));
    }
    project.expressions = std::move(kept);
    node->schema = std::move(schema);
    merge_projects(*node);
    Needed below(node->inputs[0]->schema.size(), false);
    for (ExprPtr& expression : project.expressions) need(below, *expression);
    Pruned input = prune(node->inputs[0], std::move(below));
    for (ExprPtr& expression : project.expressions) remap_columns(*expression, input.map);
    node->inputs[0] = std::move(input.plan);
    merge_projects(*node);
    if (is_identity(project, node->inputs[0]->schema)) {
      // Only names differ: the input takes them over when nobody else reads it.
      if (parents_[node->inputs[0].get()] <= 1) {
        for (size_t i = 0; i < node->schema.size(); ++i) {
          node->inputs[0]->schema.columns[i].name = node->schema.columns[i].name;
        }
        return {node->inputs[0], std::move(map)};
      }
    }
    return {node, std::move(map)};
  }

  // A projection over a projection: the inner expressions move up where that repeats no work.
  void merge_projects(Plan& node) {
    for (;;) {
      Project& outer = *node.as<Project>();
      const PlanPtr input = node.inputs[0];
      Project* inner = input->as<Project>();
      if (inner == nullptr || parents_[input.get()] > 1) return;
      std::vector<uint32_t> uses(inner->expressions.size(), 0);
      for (ExprPtr& expression : outer.expressions) {
        each_row_column(*expression, [&](Expr& column) { ++uses[column.index]; });
      }
      for (size_t i = 0; i < uses.size(); ++i) {
        const Expr& expression = *inner->expressions[i];
        const bool simple =
            expression.kind == ExprKind::column || expression.kind == ExprKind::constant;
        if (uses[i] > 1 && !simple) return;
        if (is_volatile(expression)) return;
      }
      for (ExprPtr& expression : outer.expressions) substitute(expression, inner->expressions);
      PlanPtr below = input->inputs[0];
      node.inputs[0] = std::move(below);
    }
  }

  Pruned prune_join(const PlanPtr& node, Needed needed) {
    Join& join = *node->as<Join>();
    const size_t lw = node->inputs[0]->schema.size(), rw = node->inputs[1]->schema.size();
    const bool one_side = join.type == JoinType::semi || join.type == JoinType::anti;
    needed.resize(lw + rw, false);
    if (join.residual != nullptr) need(needed, *join.residual);
    Needed left_needed(needed.begin(), needed.begin() + static_cast<ptrdiff_t>(lw));
    Needed right_needed(needed.begin() + static_cast<ptrdiff_t>(lw), needed.end());
    for (const Join::Key& key : join.keys) {
      left_needed[key.left] = true;
      right_needed[key.right] = true;
    }
    Pruned left = prune(node->inputs[0], std::move(left_needed));
    Pruned right = prune(node->inputs[1], std::move(right_needed));
    for (Join::Key& key : join.keys) {
      key.left = left.map[key.left];
      key.right = right.map[key.right];
    }
    Map map = left.map;
    const auto shift = static_cast<uint32_t>(left.plan->schema.size());
    for (uint32_t column : right.map) map.push_back(column == kGone ? kGone : column + shift);
    if (join.residual != nullptr) remap_columns(*join.residual, map);
    node->inputs[0] = std::move(left.plan);
    node->inputs[1] = std::move(right.plan);
    refresh_schema(*node);
    if (one_side) map.resize(lw);
    return {node, std::move(map)};
  }

  Pruned prune_aggregate(const PlanPtr& node, const Needed& needed) {
    Aggregate& aggregate = *node->as<Aggregate>();
    const auto groups = static_cast<uint32_t>(aggregate.groups.size());
    Map map(node->schema.size(), kGone);
    Schema schema;
    for (uint32_t i = 0; i < groups; ++i) {
      map[i] = i;
      schema.columns.push_back(node->schema.columns[i]);
    }
    std::vector<AggregateCall> calls;
    for (uint32_t i = 0; i < aggregate.calls.size(); ++i) {
      if (!needed[groups + i]) continue;
      map[groups + i] = static_cast<uint32_t>(schema.size());
      schema.columns.push_back(node->schema.columns[groups + i]);
      calls.push_back(std::move(aggregate.calls[i]));
    }
    aggregate.calls = std::move(calls);
    Needed below(node->inputs[0]->schema.size(), false);
    for (uint32_t group : aggregate.groups) below[group] = true;
    for (const AggregateCall& call : aggregate.calls) {
      for (uint32_t argument : call.arguments) below[argument] = true;
      if (call.filter) below[*call.filter] = true;
      for (const SortKey& key : call.order) below[key.column] = true;
    }
    Pruned input = prune(node->inputs[0], std::move(below));
    for (uint32_t& group : aggregate.groups) group = input.map[group];
    for (AggregateCall& call : aggregate.calls) {
      for (uint32_t& argument : call.arguments) argument = input.map[argument];
      if (call.filter) call.filter = input.map[*call.filter];
      for (SortKey& key : call.order) key.column = input.map[key.column];
    }
    node->inputs[0] = std::move(input.plan);
    node->schema = std::move(schema);
    return {node, std::move(map)};
  }

  Pruned prune_topk(const PlanPtr& node, Needed needed) {
    TopK& topk = *node->as<TopK>();
    const size_t width = node->inputs[0]->schema.size();
    if (topk.row_number && !needed[width]) {
      topk.row_number = false;
      node->schema.columns.resize(width);
    }
    const bool numbered = needed.size() > width;
    needed.resize(width);
    for (uint32_t column : topk.partition) needed[column] = true;
    for (const SortKey& key : topk.order) needed[key.column] = true;
    Pruned input = prune(node->inputs[0], std::move(needed));
    for (uint32_t& column : topk.partition) column = input.map[column];
    for (SortKey& key : topk.order) key.column = input.map[key.column];
    Pruned out = appended(node, std::move(input), width);
    if (numbered && !topk.row_number) out.map.push_back(kGone);
    return out;
  }

  Pruned prune_window(const PlanPtr& node, Needed needed) {
    Window& window = *node->as<Window>();
    const size_t width = node->inputs[0]->schema.size();
    Map own(window.calls.size(), kGone);
    std::vector<WindowCall> calls;
    std::vector<Column> columns;
    for (size_t i = 0; i < window.calls.size(); ++i) {
      if (!needed[width + i]) continue;
      own[i] = static_cast<uint32_t>(calls.size());
      calls.push_back(std::move(window.calls[i]));
      columns.push_back(node->schema.columns[width + i]);
    }
    needed.resize(width);
    if (calls.empty()) return add_gone(prune(node->inputs[0], std::move(needed)), own.size());
    window.calls = std::move(calls);
    for (uint32_t column : window.partition) needed[column] = true;
    for (const SortKey& key : window.order) needed[key.column] = true;
    for (const WindowCall& call : window.calls) {
      for (uint32_t argument : call.arguments) needed[argument] = true;
      for (const auto& column : {call.filter, call.start_offset, call.end_offset}) {
        if (column) needed[*column] = true;
      }
    }
    Pruned input = prune(node->inputs[0], std::move(needed));
    for (uint32_t& column : window.partition) column = input.map[column];
    for (SortKey& key : window.order) key.column = input.map[key.column];
    for (WindowCall& call : window.calls) {
      for (uint32_t& argument : call.arguments) argument = input.map[argument];
      for (std::optional<uint32_t>* column : {&call.filter, &call.start_offset, &call.end_offset}) {
        if (*column) *column = input.map[**column];
      }
    }
    const auto base = static_cast<uint32_t>(input.plan->schema.size());
    Map map = std::move(input.map);
    for (uint32_t place : own) map.push_back(place == kGone ? kGone : base + place);
    node->schema = input.plan->schema;
    for (Column& column : columns) node->schema.columns.push_back(std::move(column));
    node->inputs[0] = std::move(input.plan);
    return {node, std::move(map)};
  }

  static Pruned add_gone(Pruned pruned, size_t count) {
    pruned.map.insert(pruned.map.end(), count, kGone);
    return pruned;
  }

  Pruned prune_union(const PlanPtr& node, Needed needed) {
    if (std::none_of(needed.begin(), needed.end(), [](bool wanted) { return wanted; }) &&
        !needed.empty()) {
      needed[0] = true;
    }
    Map map(needed.size(), kGone);
    std::vector<uint32_t> kept;
    Schema schema;
    for (uint32_t i = 0; i < needed.size(); ++i) {
      if (!needed[i]) continue;
      map[i] = static_cast<uint32_t>(kept.size());
      kept.push_back(i);
      schema.columns.push_back(node->schema.columns[i]);
    }
    for (PlanPtr& input : node->inputs) {
      Pruned pruned = prune(input, needed);
      Map columns;
      for (uint32_t column : kept) columns.push_back(pruned.map[column]);
      const bool exact =
          pruned.plan->schema.size() == kept.size() && columns == identity(kept.size());
      input = exact ? pruned.plan : make_pick(std::move(pruned.plan), columns);
    }
    node->schema = std::move(schema);
    return {node, std::move(map)};
  }

  std::unordered_map<const Plan*, int> parents_;
  std::unordered_map<const Plan*, PlanPtr> shared_;
  std::vector<PlanPtr> kept_;
};

}  // namespace

PlanPtr prune_columns(PlanPtr plan) {
  Pruner pruner(*plan);
  return pruner.prune_all(plan);
}

}  // namespace qw::sql
