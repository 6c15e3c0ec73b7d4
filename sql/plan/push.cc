// See push.h. push(node, terms) gives a plan for `node` filtered by the AND of `terms`, with the
// node's own columns. A node with several parents is rewritten once, without any parent's terms.
#include "sql/plan/push.h"

#include <algorithm>
#include <unordered_map>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/fold.h"
#include "sql/plan/walk.h"
#include "src/types/array.h"

namespace qw::sql {

namespace {

using Terms = std::vector<ExprPtr>;

// Columns an expression uses.
std::vector<uint32_t> columns_of(Expr& root) {
  std::vector<uint32_t> columns;
  each_row_column(root, [&](Expr& column) { columns.push_back(column.index); });
  return columns;
}

bool within(Expr& root, uint32_t first, uint32_t end) {
  bool inside = true;
  each_row_column(
      root, [&](Expr& column) { inside = inside && column.index >= first && column.index < end; });
  return inside;
}

bool is_side(uint32_t column, uint32_t first, uint32_t end) {
  return column >= first && column < end;
}

// An array that has elements, whatever the row.
bool is_filled_array(const Expr& root) {
  if (root.kind == ExprKind::array_make) {
    return !root.args.empty() && !root.args.front()->type.is_array();
  }
  return root.kind == ExprKind::constant && root.type.is_array() && !root.value.is_null() &&
         ArrayView(root.value.bytes()).size() > 0;
}

// NULL for certain when all columns first..end-1 are NULL.
bool null_if_null(const Expr& root, uint32_t first, uint32_t end) {
  switch (root.kind) {
    case ExprKind::column:
      return is_side(root.index, first, end);
    case ExprKind::call:
      if (!root.function->strict || root.function->kind != FunctionKind::scalar) return false;
      return std::any_of(root.args.begin(), root.args.end(),
                         [&](const ExprPtr& arg) { return null_if_null(*arg, first, end); });
    case ExprKind::logical_not:
    case ExprKind::in_list:
    case ExprKind::subscript:
    case ExprKind::field:
      return null_if_null(*root.args[0], first, end);
    case ExprKind::array_op:
      // NULL = ANY ('{}') is false, and NULL <> ALL ('{}') is true.
      return null_if_null(*root.args[1], first, end) ||
             (root.function->strict && is_filled_array(*root.args[1]) &&
              null_if_null(*root.args[0], first, end));
    case ExprKind::logical_and:
    case ExprKind::logical_or:
      return std::all_of(root.args.begin(), root.args.end(),
                         [&](const ExprPtr& arg) { return null_if_null(*arg, first, end); });
    default:
      return false;  // NOLINT: everything else may make a value of NULLs
  }
}

// Never true when all columns first..end-1 are NULL.
bool rejects_null(const Expr& root, uint32_t first, uint32_t end) {
  switch (root.kind) {
    case ExprKind::logical_and:
      return std::any_of(root.args.begin(), root.args.end(),
                         [&](const ExprPtr& arg) { return rejects_null(*arg, first, end); });
    case ExprKind::logical_or:
      return std::all_of(root.args.begin(), root.args.end(),
                         [&](const ExprPtr& arg) { return rejects_null(*arg, first, end); });
    case ExprKind::array_op:
      if (!root.all && root.function->strict && null_if_null(*root.args[0], first, end))
        return true;
      return null_if_null(root, first, end);
    case ExprKind::is_not_null:
    case ExprKind::is_true:
    case ExprKind::is_false:
      return null_if_null(*root.args[0], first, end);
    default:
      return null_if_null(root, first, end);  // NOLINT
  }
}

// A term as a join key: which side is which, both of one type.
struct KeyPair {
  ExprPtr left, right;
  bool null_safe = false;
};

// Brings both sides of "=" to one type by a cast that loses nothing.
bool unify_types(ExprPtr& a, ExprPtr& b) { return widen(a, b->type) || widen(b, a->type); }

class Pusher {
 public:
  explicit Pusher(Plan& root) { count_parents(root); }

  PlanPtr push(const PlanPtr& node, Terms terms) {
    if (parents_[node.get()] > 1) {
      auto found = shared_.find(node.get());
      if (found == shared_.end()) {
        PlanPtr once = push_node(node, {});
        kept_.push_back(node);
        found = shared_.emplace(node.get(), std::move(once)).first;
      }
      return filtered(found->second, std::move(terms));
    }
    return push_node(node, std::move(terms));
  }

 private:
  void count_parents(Plan& node) {
    if (++parents_[&node] > 1) return;
    for (PlanPtr& input : node.inputs) count_parents(*input);
  }

  static PlanPtr filtered(PlanPtr plan, Terms terms) {
    std::vector<ExprPtr> kept;
    for (ExprPtr& term : terms) {
      fold_constants(term);
      if (is_true(*term)) continue;
      if (is_false_or_null(*term)) {
        Schema schema = plan->schema;
        return make_values({}, std::move(schema));
      }
      kept.push_back(std::move(term));
    }
    ExprPtr predicate = make_and(std::move(kept));
    return predicate == nullptr ? plan : make_filter(std::move(plan), std::move(predicate));
  }

  // Splits off the terms for which `test` holds.
  template <typename Test>
  static Terms take(Terms& terms, Test&& test) {
    Terms taken, rest;
    for (ExprPtr& term : terms) {
      (test(*term) ? taken : rest).push_back(std::move(term));
    }
    terms = std::move(rest);
    return taken;
  }

  PlanPtr push_node(const PlanPtr& node, Terms terms) {
    if (auto* filter = node->as<Filter>()) {
      for (ExprPtr& term : split_and(filter->predicate->clone())) terms.push_back(std::move(term));
      return push(node->inputs[0], std::move(terms));
    }
    if (node->as<Project>()) return push_project(node, std::move(terms));
    if (node->as<Join>()) return push_join(node, std::move(terms));
    if (auto* aggregate = node->as<Aggregate>()) {
      const auto groups = static_cast<uint32_t>(aggregate->groups.size());
      Terms down = take(terms, [&](Expr& term) {
        return groups > 0 && !columns_of(term).empty() && within(term, 0, groups) &&
               !is_volatile(term);
      });
      for (ExprPtr& term : down) remap_columns(*term, aggregate->groups);
      return over(node, std::move(down), std::move(terms));
    }
    if (node->as<Distinct>() || node->as<Sort>()) {
      Terms down = take(terms, [](Expr& term) { return !is_volatile(term); });
      return over(node, std::move(down), std::move(terms));
    }
    if (auto* topk = node->as<TopK>()) {
      Terms down = take(terms, [&](Expr& term) { return only(term, topk->partition); });
      return over(node, std::move(down), std::move(terms));
    }
    if (auto* window = node->as<Window>()) {
      Terms down = take(terms, [&](Expr& term) { return only(term, window->partition); });
      return over(node, std::move(down), std::move(terms));
    }
    if (node->as<WindowExpand>() || node->as<ProjectSet>()) {
      const auto width = static_cast<uint32_t>(node->inputs[0]->schema.size());
      Terms down =
          take(terms, [&](Expr& term) { return within(term, 0, width) && !is_volatile(term); });
      return over(node, std::move(down), std::move(terms));
    }
    if (node->as<SetOp>()) return push_set_op(node, std::move(terms));
    if (node->as<Apply>()) {
      const auto width = static_cast<uint32_t>(node->inputs[0]->schema.size());
      Terms down =
          take(terms, [&](Expr& term) { return within(term, 0, width) && !is_volatile(term); });
      node->inputs[1] = push(node->inputs[1], {});
      return over(node, std::move(down), std::move(terms));
    }
    for (PlanPtr& input : node->inputs) input = push(input, {});
    return filtered(node, std::move(terms));
  }

  static bool only(Expr& term, const std::vector<uint32_t>& allowed) {
    const std::vector<uint32_t> used = columns_of(term);
    if (used.empty() || is_volatile(term)) return false;
    return std::all_of(used.begin(), used.end(), [&](uint32_t column) {
      return std::find(allowed.begin(), allowed.end(), column) != allowed.end();
    });
  }

  PlanPtr over(const PlanPtr& node, Terms down, Terms above) {
    node->inputs[0] = push(node->inputs[0], std::move(down));
    return filtered(node, std::move(above));
  }

  PlanPtr push_project(const PlanPtr& node, Terms terms) {
    const Project& project = *node->as<Project>();
    Terms down = take(terms, [&](Expr& term) {
      if (is_volatile(term)) return false;
      const std::vector<uint32_t> used = columns_of(term);
      return std::none_of(used.begin(), used.end(), [&](uint32_t column) {
        return is_volatile(*project.expressions[column]);
      });
    });
    for (ExprPtr& term : down) substitute(term, project.expressions);
    return over(node, std::move(down), std::move(terms));
  }

  PlanPtr push_set_op(const PlanPtr& node, Terms terms) {
    Terms down = take(terms, [](Expr& term) { return !is_volatile(term); });
    for (PlanPtr& input : node->inputs) {
      Terms copies;
      for (const ExprPtr& term : down) copies.push_back(term->clone());
      input = push(input, std::move(copies));
    }
    return filtered(node, std::move(terms));
  }

  // Joins -----------------------------------------------------------------------------------------

  PlanPtr push_join(const PlanPtr& node, Terms terms) {
    Join& join = *node->as<Join>();
    const auto left_width = static_cast<uint32_t>(node->inputs[0]->schema.size());
    const auto width = static_cast<uint32_t>(node->schema.size());
    const auto rejected = [&](uint32_t first, uint32_t end) {
      return std::any_of(terms.begin(), terms.end(),
                         [&](const ExprPtr& term) { return rejects_null(*term, first, end); });
    };
    if (join.type == JoinType::full) {
      const bool no_left_nulls = rejected(0, left_width);
      const bool no_right_nulls = rejected(left_width, width);
      if (no_left_nulls && no_right_nulls) {
        join.type = JoinType::inner;
      } else if (no_left_nulls) {
        join.type = JoinType::left;
      } else if (no_right_nulls) {
        join.type = JoinType::right;
      }
    }
    if (join.type == JoinType::right) return push_mirrored(node, std::move(terms));
    if (join.type == JoinType::left && rejected(left_width, width)) join.type = JoinType::inner;
    if (join.type == JoinType::inner) return push_inner(node, std::move(terms));
    return push_outer(node, std::move(terms));
  }

  // RIGHT becomes LEFT with the sides exchanged.
  PlanPtr push_mirrored(const PlanPtr& node, Terms terms) {
    const auto left_width = static_cast<uint32_t>(node->inputs[0]->schema.size());
    const auto right_width = static_cast<uint32_t>(node->inputs[1]->schema.size());
    std::vector<uint32_t> there, back;
    for (uint32_t i = 0; i < left_width; ++i) there.push_back(right_width + i);
    for (uint32_t i = 0; i < right_width; ++i) there.push_back(i);
    Join swapped;
    swapped.type = JoinType::left;
    for (const Join::Key& key : node->as<Join>()->keys) {
      swapped.keys.push_back({key.right, key.left, key.null_safe});
    }
    if (node->as<Join>()->residual != nullptr) {
      swapped.residual = std::move(node->as<Join>()->residual);
      remap_columns(*swapped.residual, there);
    }
    for (ExprPtr& term : terms) remap_columns(*term, there);
    PlanPtr mirrored = make_join(node->inputs[1], node->inputs[0], std::move(swapped));
    PlanPtr pushed = push_join(mirrored, std::move(terms));
    return make_pick(std::move(pushed), there);
  }

  // Keys of an unplanned join as plain terms over left columns, then right ones.
  static Terms join_terms(Join& join, const Schema& left, const Schema& right) {
    Terms terms;
    for (const Join::Key& key : join.keys) {
      std::vector<ExprPtr> sides;
      sides.push_back(column_of(left, key.left));
      sides.push_back(make_column(static_cast<uint32_t>(left.size()) + key.right,
                                  right.columns[key.right].type));
      const Function* equality =
          Registry::instance().equality(left.columns[key.left].type.without_typmod());
      QW_ASSERT(equality != nullptr);
      ExprPtr term = make_call(*equality, std::move(sides), TypeId::boolean);
      if (key.null_safe) term->kind = ExprKind::is_not_distinct;
      terms.push_back(std::move(term));
    }
    join.keys.clear();
    for (ExprPtr& term : split_and(std::move(join.residual))) terms.push_back(std::move(term));
    return terms;
  }

  // An equality between something of the left and something of the right side. Column numbers of
  // both are in one space; `side` tells where a column lies (0 left, 1 right, 2 neither).
  template <typename Side>
  static bool as_key(const Expr& term, Side&& side, KeyPair& out) {
    const bool null_safe = term.kind == ExprKind::is_not_distinct;
    const bool plain = is_equality_operator(term);
    if (!plain && !null_safe) return false;
    if (null_safe && !term.args[0]->type.same(term.args[1]->type)) return false;
    ExprPtr a = term.args[0]->clone(), b = term.args[1]->clone();
    if (is_volatile(*a) || is_volatile(*b)) return false;
    const auto where = [&](Expr& root) {
      const std::vector<uint32_t> used = columns_of(root);
      if (used.empty()) return 2;
      const int first = side(used[0]);
      for (uint32_t column : used) {
        if (side(column) != first) return 2;
      }
      return first;
    };
    const int place_a = where(*a), place_b = where(*b);
    if (place_a + place_b != 1) return false;
    if (!unify_types(a, b)) return false;
    if (Registry::instance().equality(a->type.without_typmod()) == nullptr) return false;
    if (place_a == 1) std::swap(a, b);
    out.left = std::move(a);
    out.right = std::move(b);
    out.null_safe = null_safe;
    return true;
  }

  // The column of `plan` that holds `value`; appended when it is more than a column.
  static uint32_t key_column(PlanPtr& plan, ExprPtr value) {
    if (value->kind == ExprKind::column &&
        value->type.same(plan->schema.columns[value->index].type)) {
      return value->index;
    }
    std::vector<ExprPtr> appended;
    appended.push_back(std::move(value));
    plan = make_append(std::move(plan), std::move(appended), {"key"});
    return static_cast<uint32_t>(plan->schema.size() - 1);
  }

  PlanPtr push_outer(const PlanPtr& node, Terms above) {
    Join join = std::move(*node->as<Join>());
    PlanPtr left = node->inputs[0], right = node->inputs[1];
    const auto lw = static_cast<uint32_t>(left->schema.size());
    const auto rw = static_cast<uint32_t>(right->schema.size());
    const bool one_side = join.type == JoinType::semi || join.type == JoinType::anti;
    Terms on = join_terms(join, left->schema, right->schema);
    Terms left_terms, right_terms;
    if (join.type != JoinType::full) {
      left_terms =
          take(above, [&](Expr& term) { return within(term, 0, lw) && !is_volatile(term); });
      right_terms = take(on, [&](Expr& term) {
        return within(term, lw, lw + rw) && !columns_of(term).empty() && !is_volatile(term) &&
               !join.null_aware;
      });
      for (ExprPtr& term : right_terms) shift_columns(*term, -static_cast<int32_t>(lw));
    }
    if (join.type == JoinType::semi) {
      for (ExprPtr& term : take(on, [&](Expr& t) {
             return within(t, 0, lw) && !columns_of(t).empty() && !is_volatile(t);
           })) {
        left_terms.push_back(std::move(term));
      }
    }
    left = push(left, std::move(left_terms));
    right = push(right, std::move(right_terms));
    Terms residual;
    std::vector<KeyPair> pairs;
    for (ExprPtr& term : on) {
      fold_constants(term);
      if (is_true(*term)) continue;
      KeyPair pair;
      if (as_key(
              *term, [&](uint32_t column) { return column < lw ? 0 : 1; }, pair)) {
        pairs.push_back(std::move(pair));
      } else {
        residual.push_back(std::move(term));
      }
    }
    for (KeyPair& pair : pairs) {
      shift_columns(*pair.right, -static_cast<int32_t>(lw));
      const uint32_t l = key_column(left, std::move(pair.left));
      const uint32_t r = key_column(right, std::move(pair.right));
      join.keys.push_back({l, r, pair.null_safe});
    }
    const auto new_lw = static_cast<uint32_t>(left->schema.size());
    std::vector<uint32_t> map;
    for (uint32_t i = 0; i < lw; ++i) map.push_back(i);
    for (uint32_t i = 0; i < rw; ++i) map.push_back(new_lw + i);
    join.residual = make_and(std::move(residual));
    if (join.residual != nullptr) remap_columns(*join.residual, map);
    const bool grown = new_lw != lw || (!one_side && right->schema.size() != rw);
    PlanPtr out = make_join(std::move(left), std::move(right), std::move(join));
    if (one_side) map.resize(lw);
    if (grown) out = make_pick(std::move(out), map);
    return filtered(std::move(out), std::move(above));
  }

  struct Leaf {
    PlanPtr plan;
    uint32_t first = 0, width = 0;  // in the numbering of all leaves side by side
    bool used = false;
  };

  // A tree of inner joins as leaves and terms.
  void flatten(const PlanPtr& node, uint32_t first, std::vector<Leaf>& leaves, Terms& terms,
               bool top) {
    Join* join = node->as<Join>();
    const bool open =
        join != nullptr && join->type == JoinType::inner && (top || parents_[node.get()] <= 1);
    if (!open) {
      const auto width = static_cast<uint32_t>(node->schema.size());
      leaves.push_back({node, first, width, false});
      return;
    }
    const auto lw = static_cast<uint32_t>(node->inputs[0]->schema.size());
    for (ExprPtr& term : join_terms(*join, node->inputs[0]->schema, node->inputs[1]->schema)) {
      shift_columns(*term, static_cast<int32_t>(first));
      terms.push_back(std::move(term));
    }
    flatten(node->inputs[0], first, leaves, terms, false);
    flatten(node->inputs[1], first + lw, leaves, terms, false);
  }

  PlanPtr push_inner(const PlanPtr& node, Terms terms) {
    std::vector<Leaf> leaves;
    const auto total = static_cast<uint32_t>(node->schema.size());
    flatten(node, 0, leaves, terms, true);
    for (ExprPtr& term : terms) fold_constants(term);
    Terms constant = take(terms, [](Expr& t) { return columns_of(t).empty() || is_volatile(t); });
    for (Leaf& leaf : leaves) {
      Terms own =
          take(terms, [&](Expr& t) { return within(t, leaf.first, leaf.first + leaf.width); });
      for (ExprPtr& term : own) shift_columns(*term, -static_cast<int32_t>(leaf.first));
      leaf.plan = push(leaf.plan, std::move(own));
    }
    // place[c]: where column c of all leaves side by side lies in the joined plan.
    std::vector<uint32_t> place(total, UINT32_MAX);
    PlanPtr joined = std::move(leaves[0].plan);
    leaves[0].used = true;
    for (uint32_t i = 0; i < leaves[0].width; ++i) place[i] = i;
    for (size_t step = 1; step < leaves.size(); ++step) {
      join_leaf(joined, leaves[next_leaf(leaves, terms, place)], terms, place);
    }
    bool identity = joined->schema.size() == total;
    for (uint32_t i = 0; i < total && identity; ++i) identity = place[i] == i;
    if (!identity) joined = make_pick(std::move(joined), place);
    for (ExprPtr& term : constant) terms.push_back(std::move(term));
    return filtered(std::move(joined), std::move(terms));
  }

  // The first unused leaf that an equality connects to what is joined already; else just the first.
  static size_t next_leaf(std::vector<Leaf>& leaves, const Terms& terms,
                          const std::vector<uint32_t>& place) {
    size_t fallback = leaves.size();
    for (size_t i = 0; i < leaves.size(); ++i) {
      if (leaves[i].used) continue;
      if (fallback == leaves.size()) fallback = i;
      for (const ExprPtr& term : terms) {
        KeyPair pair;
        const auto side = [&](uint32_t column) {
          if (place[column] != UINT32_MAX) return 0;
          return is_side(column, leaves[i].first, leaves[i].first + leaves[i].width) ? 1 : 2;
        };
        if (as_key(*term, side, pair)) return i;
      }
    }
    return fallback;
  }

  static void join_leaf(PlanPtr& joined, Leaf& leaf, Terms& terms, std::vector<uint32_t>& place) {
    leaf.used = true;
    const auto in_leaf = [&](uint32_t column) {
      return is_side(column, leaf.first, leaf.first + leaf.width);
    };
    Terms mine = take(terms, [&](Expr& term) {
      bool reachable = true, touches = false;
      each_row_column(term, [&](Expr& column) {
        const bool inside = in_leaf(column.index);
        touches = touches || inside;
        reachable = reachable && (inside || place[column.index] != UINT32_MAX);
      });
      return reachable && touches;
    });
    Join join;
    Terms residual;
    PlanPtr right = std::move(leaf.plan);
    for (ExprPtr& term : mine) {
      KeyPair pair;
      if (!as_key(
              *term, [&](uint32_t column) { return in_leaf(column) ? 1 : 0; }, pair)) {
        residual.push_back(std::move(term));
        continue;
      }
      remap_columns(*pair.left, place);
      shift_columns(*pair.right, -static_cast<int32_t>(leaf.first));
      const uint32_t l = key_column(joined, std::move(pair.left));
      const uint32_t r = key_column(right, std::move(pair.right));
      join.keys.push_back({l, r, pair.null_safe});
    }
    const auto base = static_cast<uint32_t>(joined->schema.size());
    for (uint32_t i = 0; i < leaf.width; ++i) place[leaf.first + i] = base + i;
    join.residual = make_and(std::move(residual));
    if (join.residual != nullptr) remap_columns(*join.residual, place);
    joined = make_join(std::move(joined), std::move(right), std::move(join));
  }

  std::unordered_map<const Plan*, int> parents_;
  std::unordered_map<const Plan*, PlanPtr> shared_;
  std::vector<PlanPtr> kept_;
};

}  // namespace

PlanPtr push_filters(PlanPtr plan) {
  Pusher pusher(*plan);
  return pusher.push(plan, {});
}

}  // namespace qw::sql
