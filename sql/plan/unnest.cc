// See unnest.h.
#include "sql/plan/unnest.h"

#include <algorithm>
#include <unordered_map>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

bool byte_equal(Type type) {
  switch (type.id) {
    case TypeId::numeric:
    case TypeId::float4:
    case TypeId::float8:
    case TypeId::interval:
    case TypeId::bpchar:
    case TypeId::jsonb:
    case TypeId::record:
      return false;
    default:
      return !type.is_array();  // NOLINT: the exceptions are what matters
  }
}

// Carries bindings through one subquery plan. Two ways: `by_equality` takes each binding from a
// column that a filter sets equal to it, else the distinct bindings are joined in at the leaves.
class Unnester {
 public:
  Unnester(const PlanPtr& outer, std::vector<uint32_t> bindings, bool by_equality)
      : outer_(outer), bindings_(std::move(bindings)), by_equality_(by_equality) {}

  // The plan's columns, then the bindings. nullptr: this shape cannot be carried.
  PlanPtr run(const PlanPtr& plan) {
    if (!reaches_level(*plan, 1)) return leaf(plan);
    if (plan->as<Filter>()) return filter(*plan);
    if (plan->as<Project>()) return project(*plan);
    if (plan->as<Join>()) return join(*plan);
    if (plan->as<Aggregate>()) return aggregate(*plan);
    if (plan->as<Distinct>()) {
      PlanPtr input = run(plan->inputs[0]);
      return input == nullptr ? nullptr : make_distinct(std::move(input));
    }
    if (plan->as<TopK>()) return topk(*plan);
    if (plan->as<Limit>()) return limit(*plan);
    if (plan->as<Sort>()) return run(plan->inputs[0]);
    if (plan->as<Window>()) return window(*plan);
    if (plan->as<SetOp>()) return set_op(*plan);
    if (plan->as<ProjectSet>()) return project_set(*plan);
    if (const auto* values = plan->as<Values>(); values != nullptr) return row(*plan, *values);
    return nullptr;
  }

  // Replaces outer columns of level 1 by the binding columns that start at `first`.
  void bind_columns(Expr& root, uint32_t first) const {
    each_outer_column(root, [&](Expr& column, uint32_t level) {
      if (level != 1) return;
      column.kind = ExprKind::column;
      column.depth = 0;
      column.index = first + slot(column.index);
    });
  }

  uint32_t count() const { return static_cast<uint32_t>(bindings_.size()); }

 private:
  uint32_t slot(uint32_t outer_column) const {
    const auto at = std::find(bindings_.begin(), bindings_.end(), outer_column);
    return static_cast<uint32_t>(at - bindings_.begin());
  }

  PlanPtr domain() {
    if (domain_ == nullptr) domain_ = make_distinct(make_pick(outer_, bindings_));
    return domain_;
  }

  PlanPtr leaf(const PlanPtr& plan) {
    if (by_equality_) return nullptr;
    return make_join(plan, domain(), Join());
  }

  // Puts the columns of `plan` into an order given by (first, count) ranges.
  static PlanPtr reorder(PlanPtr plan, const std::vector<std::pair<uint32_t, uint32_t>>& ranges) {
    std::vector<uint32_t> columns;
    for (const auto& [first, count] : ranges) {
      for (uint32_t i = 0; i < count; ++i) columns.push_back(first + i);
    }
    return make_pick(std::move(plan), columns);
  }

  PlanPtr filter(const Plan& plan) {
    const PlanPtr& input = plan.inputs[0];
    const auto width = static_cast<uint32_t>(input->schema.size());
    std::vector<ExprPtr> terms = split_and(plan.as<Filter>()->predicate->clone());
    PlanPtr carried;
    if (by_equality_ && !reaches_level(*input, 1)) {
      std::vector<ExprPtr> found(bindings_.size());
      std::vector<ExprPtr> rest;
      for (ExprPtr& term : terms) {
        if (!take_equality(*term, found)) rest.push_back(std::move(term));
      }
      for (const ExprPtr& expression : found) {
        if (expression == nullptr) return nullptr;
      }
      std::vector<std::string> names;
      for (uint32_t binding : bindings_) names.push_back(outer_->schema.columns[binding].name);
      carried = make_append(input, std::move(found), std::move(names));
      // The equality is false for NULL.
      for (uint32_t i = 0; i < count(); ++i) {
        if (!carried->schema.columns[width + i].nullable) continue;
        rest.push_back(make_node(ExprKind::is_not_null, TypeId::boolean,
                                 column_of(carried->schema, width + i)));
      }
      terms = std::move(rest);
    } else {
      carried = run(input);
    }
    if (carried == nullptr) return nullptr;
    for (ExprPtr& term : terms) bind_columns(*term, width);
    ExprPtr predicate = make_and(std::move(terms));
    return predicate == nullptr ? carried : make_filter(std::move(carried), std::move(predicate));
  }

  bool take_equality(const Expr& term, std::vector<ExprPtr>& found) const {
    if (!is_equality_operator(term)) return false;
    for (size_t side = 0; side < 2; ++side) {
      const Expr& outer = *term.args[side];
      const Expr& inner = *term.args[1 - side];
      if (outer.kind != ExprKind::outer_column || outer.depth != 1) continue;
      ExprPtr copy = inner.clone();
      if (is_correlated(*copy) || has_subquery(*copy) || is_volatile(*copy)) continue;
      const Type wanted = outer_->schema.columns[outer.index].type;
      if (!outer.type.same(wanted) || !widen(copy, wanted)) continue;
      ExprPtr& place = found[slot(outer.index)];
      if (place != nullptr) continue;
      place = std::move(copy);
      return true;
    }
    return false;
  }

  PlanPtr project(const Plan& plan) {
    const auto width = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    PlanPtr input = run(plan.inputs[0]);
    if (input == nullptr) return nullptr;
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    for (const ExprPtr& expression : plan.as<Project>()->expressions) {
      expressions.push_back(expression->clone());
      bind_columns(*expressions.back(), width);
      names.push_back(plan.schema.columns[expressions.size() - 1].name);
    }
    for (uint32_t i = 0; i < count(); ++i) {
      expressions.push_back(column_of(input->schema, width + i));
      names.push_back(input->schema.columns[width + i].name);
    }
    return make_project(std::move(input), std::move(expressions), std::move(names));
  }

  PlanPtr join(const Plan& plan) {
    const Join& old = *plan.as<Join>();
    const auto lw = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    const auto rw = static_cast<uint32_t>(plan.inputs[1]->schema.size());
    const uint32_t k = count();
    bool residual_outer = false;
    if (old.residual != nullptr) {
      ExprPtr copy = old.residual->clone();
      residual_outer = is_correlated(*copy);
    }
    const bool left_uses = reaches_level(*plan.inputs[0], 1);
    const bool right_uses = reaches_level(*plan.inputs[1], 1);
    if (old.type == JoinType::full || old.type == JoinType::right || old.null_aware) return nullptr;
    // The right side alone carries them only through an inner join.
    const bool carry_right = right_uses || (old.type == JoinType::inner && !left_uses);
    const bool carry_left = left_uses || old.type != JoinType::inner;
    PlanPtr left = carry_left ? run(plan.inputs[0]) : plan.inputs[0];
    PlanPtr right = carry_right ? run(plan.inputs[1]) : plan.inputs[1];
    // An equality in a filter above a plain join is found by filter(); here only the sides count.
    if (left == nullptr || right == nullptr) return nullptr;
    const uint32_t left_extra = carry_left ? k : 0;
    Join join;
    join.type = old.type;
    for (Join::Key key : old.keys) join.keys.push_back({key.left, key.right, key.null_safe});
    if (carry_left && carry_right) {
      for (uint32_t i = 0; i < k; ++i) join.keys.push_back({lw + i, rw + i, !by_equality_});
    }
    if (old.residual != nullptr) {
      std::vector<uint32_t> map;
      for (uint32_t i = 0; i < lw; ++i) map.push_back(i);
      for (uint32_t i = 0; i < rw; ++i) map.push_back(lw + left_extra + i);
      join.residual = old.residual->clone();
      remap_columns(*join.residual, map);
      if (residual_outer) bind_columns(*join.residual, carry_left ? lw : lw + left_extra + rw);
    }
    const bool one_side = old.type == JoinType::semi || old.type == JoinType::anti;
    PlanPtr out = make_join(std::move(left), std::move(right), std::move(join));
    if (one_side) return out;
    const uint32_t bindings_at = carry_left ? lw : lw + left_extra + rw;
    return reorder(std::move(out), {{0, lw}, {lw + left_extra, rw}, {bindings_at, k}});
  }

  PlanPtr aggregate(const Plan& plan) {
    const Aggregate& old = *plan.as<Aggregate>();
    if (old.groups.empty() && by_equality_) return nullptr;  // empty groups would be lost
    const auto width = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    PlanPtr input = run(plan.inputs[0]);
    if (input == nullptr) return nullptr;
    Aggregate node = old;
    const auto groups = static_cast<uint32_t>(old.groups.size());
    const auto calls = static_cast<uint32_t>(old.calls.size());
    const uint32_t k = count();
    for (uint32_t i = 0; i < k; ++i) node.groups.push_back(width + i);
    PlanPtr grouped = make_aggregate(std::move(input), std::move(node));
    if (groups > 0)
      return reorder(std::move(grouped), {{0, groups}, {groups + k, calls}, {groups, k}});
    // One row per binding, whether or not it has rows.
    Join join;
    join.type = JoinType::left;
    for (uint32_t i = 0; i < k; ++i) join.keys.push_back({i, i, true});
    PlanPtr all = make_join(domain(), std::move(grouped), std::move(join));
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    for (uint32_t i = 0; i < calls; ++i) {
      expressions.push_back(empty_group_value(old.calls[i], column_of(all->schema, 2 * k + i)));
      names.push_back(plan.schema.columns[i].name);
    }
    for (uint32_t i = 0; i < k; ++i) {
      expressions.push_back(column_of(all->schema, i));
      names.push_back(all->schema.columns[i].name);
    }
    return make_project(std::move(all), std::move(expressions), std::move(names));
  }

 public:
  // What an aggregate gives where the left join found no group.
  static ExprPtr empty_group_value(const AggregateCall& call, ExprPtr column) {
    const AggregateKind kind = call.function->aggregate;
    if (kind != AggregateKind::count && kind != AggregateKind::count_star) return column;
    std::vector<ExprPtr> args;
    const Type type = column->type;
    args.push_back(std::move(column));
    args.push_back(make_constant(Datum::int8(0)));
    return make_node(ExprKind::coalesce, type, std::move(args));
  }

 private:
  PlanPtr topk(const Plan& plan) {
    const auto width = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    PlanPtr input = run(plan.inputs[0]);
    if (input == nullptr) return nullptr;
    TopK node = *plan.as<TopK>();
    for (uint32_t i = 0; i < count(); ++i) node.partition.push_back(width + i);
    const uint32_t numbered = node.row_number ? 1 : 0;
    PlanPtr out = make_topk(std::move(input), std::move(node));
    return reorder(std::move(out), {{0, width}, {width + count(), numbered}, {width, count()}});
  }

  PlanPtr limit(const Plan& plan) {
    const Limit& old = *plan.as<Limit>();
    const auto constant = [](const ExprPtr& value) {
      return value == nullptr || value->kind == ExprKind::constant;
    };
    if (!constant(old.limit) || !constant(old.offset)) return nullptr;
    TopK node;
    PlanPtr below = plan.inputs[0];
    if (const auto* sort = below->as<Sort>()) {
      node.order = sort->keys;
      below = below->inputs[0];
    }
    const auto width = static_cast<uint32_t>(below->schema.size());
    PlanPtr input = run(below);
    if (input == nullptr) return nullptr;
    for (uint32_t i = 0; i < count(); ++i) node.partition.push_back(width + i);
    if (old.limit != nullptr) node.limit = old.limit->value.get<int64_t>();
    if (old.offset != nullptr) node.offset = old.offset->value.get<int64_t>();
    node.with_ties = old.with_ties;
    return make_topk(std::move(input), std::move(node));
  }

  PlanPtr window(const Plan& plan) {
    const auto width = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    PlanPtr input = run(plan.inputs[0]);
    if (input == nullptr) return nullptr;
    Window node = *plan.as<Window>();
    const auto calls = static_cast<uint32_t>(node.calls.size());
    for (uint32_t i = 0; i < count(); ++i) node.partition.push_back(width + i);
    PlanPtr out = make_window(std::move(input), std::move(node));
    return reorder(std::move(out), {{0, width}, {width + count(), calls}, {width, count()}});
  }

  PlanPtr set_op(const Plan& plan) {
    std::vector<PlanPtr> inputs;
    for (const PlanPtr& input : plan.inputs) {
      PlanPtr carried = run(input);
      if (carried == nullptr) return nullptr;
      inputs.push_back(std::move(carried));
    }
    return make_set_op(plan.as<SetOp>()->kind, std::move(inputs));
  }

  PlanPtr project_set(const Plan& plan) {
    const auto width = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    PlanPtr input = run(plan.inputs[0]);
    if (input == nullptr) return nullptr;
    const ProjectSet& old = *plan.as<ProjectSet>();
    ProjectSet node;
    node.function = old.function;
    node.result = old.result;
    node.with_ordinality = old.with_ordinality;
    node.keep_empty = old.keep_empty;
    for (const ExprPtr& argument : old.arguments) {
      node.arguments.push_back(argument->clone());
      bind_columns(*node.arguments.back(), width);
    }
    std::vector<std::string> names;
    for (size_t i = width; i < plan.schema.size(); ++i)
      names.push_back(plan.schema.columns[i].name);
    const auto made = static_cast<uint32_t>(names.size());
    PlanPtr out = make_project_set(std::move(input), std::move(node), std::move(names));
    return reorder(std::move(out), {{0, width}, {width + count(), made}, {width, count()}});
  }

  // VALUES of one row that uses outer columns.
  PlanPtr row(const Plan& plan, const Values& values) {
    if (by_equality_ || values.rows.size() != 1) return nullptr;
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    for (size_t i = 0; i < values.rows[0].size(); ++i) {
      expressions.push_back(values.rows[0][i]->clone());
      bind_columns(*expressions.back(), 0);
      names.push_back(plan.schema.columns[i].name);
    }
    PlanPtr input = domain();
    for (uint32_t i = 0; i < count(); ++i) {
      expressions.push_back(column_of(input->schema, i));
      names.push_back(input->schema.columns[i].name);
    }
    return make_project(std::move(input), std::move(expressions), std::move(names));
  }

  const PlanPtr& outer_;
  std::vector<uint32_t> bindings_;
  bool by_equality_;
  PlanPtr domain_;
};

// A subquery's plan without its correlation.
struct Carried {
  PlanPtr plan;                    // its columns, then the bindings
  std::vector<uint32_t> bindings;  // columns of the outer plan
  uint32_t width = 0;              // its own columns
  bool null_safe = false;          // how bindings are compared
};

std::vector<uint32_t> bindings_of(Plan& plan) {
  std::vector<uint32_t> bindings;
  each_outer_column(plan, [&](Expr& column, uint32_t level) {
    if (level == 1) bindings.push_back(column.index);
  });
  std::sort(bindings.begin(), bindings.end());
  bindings.erase(std::unique(bindings.begin(), bindings.end()), bindings.end());
  return bindings;
}

// Whether a binding of a type with several spellings is used more than once: then the very value
// matters, and an equal one will not do.
bool spelling_matters(const Plan& outer, Plan& plan) {
  std::unordered_map<uint32_t, int> uses;
  each_outer_column(plan, [&](Expr& column, uint32_t level) {
    if (level == 1) ++uses[column.index];
  });
  return std::any_of(uses.begin(), uses.end(), [&](const auto& use) {
    return use.second > 1 && !byte_equal(outer.schema.columns[use.first].type);
  });
}

// Whether bindings can be compared at all; json, for one, cannot.
bool comparable(const Plan& outer, const std::vector<uint32_t>& bindings) {
  return std::all_of(bindings.begin(), bindings.end(), [&](uint32_t column) {
    return Registry::instance().equality(outer.schema.columns[column].type) != nullptr;
  });
}

std::optional<Carried> carry(const PlanPtr& outer, PlanPtr plan) {
  Carried out;
  bool deeper = false;
  each_outer_column(*plan, [&](Expr&, uint32_t level) { deeper = deeper || level > 1; });
  if (deeper) plan = clone_plan(*plan);  // their depths change below
  out.bindings = bindings_of(*plan);
  out.width = static_cast<uint32_t>(plan->schema.size());
  if (out.bindings.empty()) {
    out.plan = plan;
  } else {
    if (!spelling_matters(*outer, *plan)) {
      out.plan = Unnester(outer, out.bindings, true).run(plan);
    }
    if (out.plan == nullptr && comparable(*outer, out.bindings)) {
      out.plan = Unnester(outer, out.bindings, false).run(plan);
      out.null_safe = true;
    }
  }
  if (out.plan == nullptr) return std::nullopt;
  shift_outer(*out.plan, -1, 2);
  return out;
}

Join binding_join(const Carried& carried, JoinType type) {
  Join join;
  join.type = type;
  for (uint32_t i = 0; i < carried.bindings.size(); ++i) {
    join.keys.push_back({carried.bindings[i], carried.width + i, carried.null_safe});
  }
  return join;
}

class SubqueryPlanner {
 public:
  SubqueryPlanner(OptimizeFor target, const Catalog& catalog)
      : target_(target), catalog_(catalog) {}

  Result<PlanPtr> rewrite(const PlanPtr& node) {
    if (auto found = done_.find(node.get()); found != done_.end()) return found->second;
    for (PlanPtr& input : node->inputs) {
      QW_ASSIGN_OR_RETURN(input, rewrite(input));
    }
    QW_ASSIGN_OR_RETURN(PlanPtr out, rewrite_node(node));
    done_[node.get()] = out;
    kept_.push_back(node);  // keeps addresses in done_ unique
    return out;
  }

 private:
  Result<PlanPtr> rewrite_node(PlanPtr node) {
    bool any = false;
    each_expression(*node, [&](ExprPtr& root) { any = any || has_subquery(*root); });
    if (any && node->as<Filter>()) return filter(std::move(node));
    if (any && node->as<Project>()) {
      for (ExprPtr& root : node->as<Project>()->expressions) {
        QW_TRY(extract(node->inputs[0], root));
      }
      refresh_schema(*node);
      return node;
    }
    if (any && node->as<Join>() && node->as<Join>()->type == JoinType::inner) {
      ExprPtr residual = std::move(node->as<Join>()->residual);
      return filter(make_filter(std::move(node), std::move(residual)));
    }
    if (any && node->as<ProjectSet>()) {
      const auto width = static_cast<uint32_t>(node->inputs[0]->schema.size());
      const auto total = static_cast<uint32_t>(node->schema.size());
      for (ExprPtr& root : node->as<ProjectSet>()->arguments) {
        QW_TRY(extract(node->inputs[0], root));
      }
      const auto wide = static_cast<uint32_t>(node->inputs[0]->schema.size());
      Schema schema = node->inputs[0]->schema;
      for (uint32_t i = width; i < total; ++i) schema.columns.push_back(node->schema.columns[i]);
      node->schema = std::move(schema);
      std::vector<uint32_t> columns;
      for (uint32_t i = 0; i < width; ++i) columns.push_back(i);
      for (uint32_t i = width; i < total; ++i) columns.push_back(wide + i - width);
      return make_pick(std::move(node), columns);
    }
    if (any) {
      return fail(
          feature_not_supported("a subquery in the condition of an outer join is not supported"));
    }
    if (node->as<Apply>()) return lateral(std::move(node));
    return node;
  }

  Result<PlanPtr> filter(PlanPtr node) {
    std::vector<ExprPtr> terms = split_and(std::move(node->as<Filter>()->predicate));
    PlanPtr input = node->inputs[0];
    const auto width = static_cast<uint32_t>(input->schema.size());
    std::vector<ExprPtr> rest;
    for (ExprPtr& term : terms) {
      bool negated = false;
      Expr* inner = term.get();
      while (inner->kind == ExprKind::logical_not) {
        negated = !negated;
        inner = inner->args[0].get();
      }
      if (inner->kind == ExprKind::subquery && inner->subquery_kind != SubqueryKind::scalar) {
        QW_ASSIGN_OR_RETURN(PlanPtr joined, semi(input, *inner, negated));
        if (joined != nullptr) {
          input = std::move(joined);
          continue;
        }
      }
      if (has_subquery(*term)) QW_TRY(extract(input, term));
      rest.push_back(std::move(term));
    }
    ExprPtr predicate = make_and(std::move(rest));
    if (predicate != nullptr) input = make_filter(std::move(input), std::move(predicate));
    if (input->schema.size() == width) return input;
    std::vector<uint32_t> columns;
    for (uint32_t i = 0; i < width; ++i) columns.push_back(i);
    return make_pick(std::move(input), columns);
  }

  // EXISTS, ANY, ALL as a term of WHERE. nullptr: not in this form.
  Result<PlanPtr> semi(PlanPtr input, Expr& subquery, bool negated) {
    QW_ASSIGN_OR_RETURN(PlanPtr plan, rewrite(subquery.plan));
    ExprPtr test;
    if (subquery.subquery_kind != SubqueryKind::exists) {
      if (has_subquery(*subquery.args[0])) QW_TRY(extract(input, subquery.args[0]));
      test = subquery.args[0]->clone();
    } else {
      plan = strip_for_exists(std::move(plan));
      if (PlanPtr joined = by_comparison(input, *plan, negated)) return joined;
    }
    subquery.plan = plan;
    std::optional<Carried> carried = carry(input, plan);
    if (!carried) return PlanPtr();
    JoinType type = negated ? JoinType::anti : JoinType::semi;
    bool null_aware = false;
    if (test != nullptr) {
      const auto width = static_cast<uint32_t>(input->schema.size());
      ExprKind wrap = ExprKind::constant;
      const bool all = subquery.subquery_kind == SubqueryKind::all;
      if (all) {
        type = negated ? JoinType::semi : JoinType::anti;
        wrap = negated ? ExprKind::is_false : ExprKind::is_not_true;
      } else if (negated && is_equality(*test) && carried->bindings.empty()) {
        null_aware = true;
      } else if (negated) {
        wrap = ExprKind::is_not_false;
      }
      each_node(*test, [&](Expr& node) {
        if (node.kind == ExprKind::column && node.index >= kSubqueryColumn) {
          node.index = node.index - kSubqueryColumn + width;
        }
      });
      if (wrap != ExprKind::constant) test = make_node(wrap, TypeId::boolean, std::move(test));
    }
    Join join = binding_join(*carried, type);
    join.residual = std::move(test);
    join.null_aware = null_aware;
    return make_join(std::move(input), std::move(carried->plan), std::move(join));
  }

  // EXISTS whose only correlation is one comparison, and equalities, of columns: they become the
  // join's predicate, for extreme.h. nullptr: not in this form.
  static PlanPtr by_comparison(const PlanPtr& input, Plan& plan, bool negated) {
    const auto* filter = plan.as<Filter>();
    if (filter == nullptr || is_correlated(*plan.inputs[0])) return nullptr;
    const auto width = static_cast<uint32_t>(input->schema.size());
    std::vector<ExprPtr> inner, correlated;
    size_t comparisons = 0;
    for (ExprPtr& term : split_and(filter->predicate->clone())) {
      if (has_subquery(*term)) return nullptr;
      if (!is_correlated(*term)) {
        inner.push_back(std::move(term));
        continue;
      }
      if (!comparison_name(*term).empty()) {
        ++comparisons;
      } else if (!is_equality(*term)) {
        return nullptr;
      }
      for (ExprPtr& arg : term->args) {
        if (arg->kind == ExprKind::outer_column && arg->depth == 1) {
          arg = make_column(arg->index, arg->type);
        } else if (arg->kind == ExprKind::column) {
          arg->index += width;
        } else {
          return nullptr;
        }
      }
      correlated.push_back(std::move(term));
    }
    if (comparisons != 1) return nullptr;
    PlanPtr right = plan.inputs[0];
    if (!inner.empty()) right = make_filter(std::move(right), make_and(std::move(inner)));
    Join join;
    join.type = negated ? JoinType::anti : JoinType::semi;
    join.residual = make_and(std::move(correlated));
    return make_join(input, std::move(right), std::move(join));
  }

  // Only whether there are rows counts.
  static PlanPtr strip_for_exists(PlanPtr plan) {
    for (;;) {
      const auto* limit = plan->as<Limit>();
      const bool harmless = limit != nullptr && limit->offset == nullptr &&
                            (limit->limit == nullptr || (limit->limit->kind == ExprKind::constant &&
                                                         limit->limit->value.get<int64_t>() > 0));
      if (!harmless && !plan->as<Project>() && !plan->as<Sort>() && !plan->as<Distinct>())
        return plan;
      plan = plan->inputs[0];
    }
  }

  // Replaces the subqueries in `root` by columns appended to `input`.
  Result<void> extract(PlanPtr& input, ExprPtr& root) {
    if (root->kind != ExprKind::subquery) {
      for (ExprPtr& arg : root->args) QW_TRY(extract(input, arg));
      return {};
    }
    for (ExprPtr& arg : root->args) QW_TRY(extract(input, arg));
    QW_ASSIGN_OR_RETURN(PlanPtr plan, rewrite(root->plan));
    root->plan = std::move(plan);
    const Type type = root->type;
    const int32_t location = root->location;
    QW_ASSIGN_OR_RETURN(input, value(input, *root));
    root = make_column(static_cast<uint32_t>(input->schema.size() - 1), type);
    root->location = location;
    return {};
  }

  // `input` with the subquery's value as a last column.
  Result<PlanPtr> value(const PlanPtr& input, Expr& subquery) {
    switch (subquery.subquery_kind) {
      case SubqueryKind::scalar: {
        if (PlanPtr out = scalar_aggregate(input, subquery)) return out;
        if (PlanPtr out = scalar_row(input, subquery)) return out;
        if (target_ == OptimizeFor::view) {
          if (PlanPtr out = checked_row(input, subquery)) return out;
        }
        return apply(input, subquery, Apply::Kind::scalar, "this form of a scalar subquery");
      }
      case SubqueryKind::exists:
        if (PlanPtr out = exists_value(input, subquery)) return out;
        return apply(input, subquery, Apply::Kind::exists, "this form of EXISTS");
      case SubqueryKind::any:
        if (PlanPtr out = any_value(input, subquery)) return out;
        return apply(input, subquery, Apply::Kind::any, "IN (SELECT ...) outside of WHERE");
      case SubqueryKind::all:
        return apply(input, subquery, Apply::Kind::all, "ALL (SELECT ...) outside of WHERE");
      case SubqueryKind::array:
        return apply(input, subquery, Apply::Kind::array, "ARRAY (SELECT ...)");
    }
    QW_UNREACHABLE();
  }

  Result<PlanPtr> apply(const PlanPtr& input, Expr& subquery, Apply::Kind kind,
                        std::string_view construct) {
    if (target_ == OptimizeFor::view) {
      return fail(feature_not_supported(std::string(construct) +
                                        " is not supported in a materialized view"));
    }
    Apply node;
    node.kind = kind;
    if (kind == Apply::Kind::any || kind == Apply::Kind::all) {
      node.test = subquery.args[0]->clone();
      const auto width = static_cast<uint32_t>(input->schema.size());
      each_node(*node.test, [&](Expr& expr) {
        if (expr.kind == ExprKind::column && expr.index >= kSubqueryColumn) {
          expr.index = expr.index - kSubqueryColumn + width;
        }
      });
    }
    return make_apply(input, subquery.plan, std::move(node), "", subquery.type);
  }

  static std::vector<ExprPtr> all_columns(const Plan& plan, uint32_t count) {
    std::vector<ExprPtr> columns;
    for (uint32_t i = 0; i < count; ++i) columns.push_back(column_of(plan.schema, i));
    return columns;
  }
  static std::vector<std::string> all_names(const Plan& plan, uint32_t count) {
    std::vector<std::string> names;
    for (uint32_t i = 0; i < count; ++i) names.push_back(plan.schema.columns[i].name);
    return names;
  }

  // Projections over an aggregate without groups: join the groups by binding, project above.
  PlanPtr scalar_aggregate(const PlanPtr& input, Expr& subquery) {
    std::vector<const Project*> projects;
    PlanPtr at = subquery.plan;
    while (at->as<Project>() != nullptr) {
      projects.push_back(at->as<Project>());
      at = at->inputs[0];
    }
    const auto* aggregate = at->as<Aggregate>();
    if (aggregate == nullptr || !aggregate->groups.empty()) return nullptr;
    if (!reaches_level(*at, 1) || spelling_matters(*input, *at)) return nullptr;
    const std::vector<uint32_t> bindings = bindings_of(*at);
    PlanPtr rows = Unnester(input, bindings, true).run(at->inputs[0]);
    if (rows == nullptr) return nullptr;
    const auto width = static_cast<uint32_t>(at->inputs[0]->schema.size());
    const auto outer_width = static_cast<uint32_t>(input->schema.size());
    const auto k = static_cast<uint32_t>(bindings.size());
    Aggregate grouped = *aggregate;
    for (uint32_t i = 0; i < k; ++i) grouped.groups.push_back(width + i);
    Join join;
    join.type = JoinType::left;
    for (uint32_t i = 0; i < k; ++i) join.keys.push_back({bindings[i], i, false});
    PlanPtr groups = make_aggregate(std::move(rows), std::move(grouped));
    shift_outer(*groups, -1, 2);
    PlanPtr joined = make_join(input, std::move(groups), std::move(join));
    std::vector<ExprPtr> values;
    for (uint32_t i = 0; i < aggregate->calls.size(); ++i) {
      values.push_back(Unnester::empty_group_value(aggregate->calls[i],
                                                   column_of(joined->schema, outer_width + k + i)));
    }
    for (size_t p = projects.size(); p-- > 0;) {
      std::vector<ExprPtr> next;
      for (const ExprPtr& expression : projects[p]->expressions) {
        ExprPtr copy = expression->clone();
        substitute(copy, values);
        next.push_back(std::move(copy));
      }
      values = std::move(next);
    }
    // The projections' own outer columns are columns of the row now.
    ExprPtr result = std::move(values[0]);
    each_outer_column(*result, [&](Expr& column, uint32_t level) {
      if (level > 1) {
        --column.depth;
        return;
      }
      column.kind = ExprKind::column;
      column.depth = 0;
    });
    std::vector<ExprPtr> expressions = all_columns(*joined, outer_width);
    std::vector<std::string> names = all_names(*joined, outer_width);
    names.push_back(subquery.plan->schema.columns[0].name);
    expressions.push_back(std::move(result));
    return make_project(std::move(joined), std::move(expressions), std::move(names));
  }

  // A subquery of at most one row per binding.
  PlanPtr scalar_row(const PlanPtr& input, Expr& subquery) {
    std::optional<Carried> carried = carry(input, subquery.plan);
    if (!carried) return nullptr;
    compute_properties(*carried->plan, catalog_);
    const auto inside = [&](const std::vector<uint32_t>& key) {
      return std::all_of(key.begin(), key.end(),
                         [&](uint32_t column) { return column >= carried->width; });
    };
    const auto& keys = carried->plan->properties.unique_keys;
    if (std::none_of(keys.begin(), keys.end(), inside)) return nullptr;
    const auto outer_width = static_cast<uint32_t>(input->schema.size());
    // An aggregate without groups always has its row.
    const Plan* at = carried->plan.get();
    while (at->as<Project>() != nullptr) at = at->inputs[0].get();
    const auto* aggregate = at->as<Aggregate>();
    const bool always =
        carried->bindings.empty() && aggregate != nullptr && aggregate->groups.empty();
    const JoinType type = always ? JoinType::inner : JoinType::left;
    PlanPtr joined = make_join(input, carried->plan, binding_join(*carried, type));
    std::vector<uint32_t> columns;
    for (uint32_t i = 0; i <= outer_width; ++i) columns.push_back(i);
    return make_pick(std::move(joined), columns);
  }

  // A subquery of any number of rows: per binding one of its values and how many there are, which
  // fails where it is looked at and more than 1.
  PlanPtr checked_row(const PlanPtr& input, Expr& subquery) {
    std::optional<Carried> carried = carry(input, subquery.plan);
    if (!carried) return nullptr;
    const auto k = static_cast<uint32_t>(carried->bindings.size());
    Aggregate node;
    Join join;
    join.type = JoinType::left;
    for (uint32_t i = 0; i < k; ++i) {
      node.groups.push_back(1 + i);
      join.keys.push_back({carried->bindings[i], i, carried->null_safe});
    }
    AggregateCall value, rows;
    value.function = function_of("any_value", 1);
    value.arguments = {0};
    value.type = subquery.type;
    rows.function = function_of("count", 0);
    rows.type = TypeId::int8;
    node.calls.push_back(std::move(value));
    node.calls.push_back(std::move(rows));
    const PlanPtr groups = make_aggregate(
        values_by_binding(*carried, column_of(carried->plan->schema, 0)), std::move(node));
    const auto width = static_cast<uint32_t>(input->schema.size());
    PlanPtr joined = make_join(input, groups, std::move(join));
    std::vector<ExprPtr> count;
    count.push_back(column_of(joined->schema, width + k + 1));
    std::vector<ExprPtr> checked;
    checked.push_back(make_call(*function_of("$single_row", 1), std::move(count), TypeId::boolean));
    checked.push_back(column_of(joined->schema, width + k));
    checked.push_back(make_constant(Datum::null(subquery.type)));
    std::vector<ExprPtr> expressions = all_columns(*joined, width);
    std::vector<std::string> names = all_names(*joined, width);
    expressions.push_back(make_node(ExprKind::case_when, subquery.type, std::move(checked)));
    names.push_back(subquery.plan->schema.columns[0].name);
    return make_project(std::move(joined), std::move(expressions), std::move(names));
  }

  static const Function* function_of(std::string_view name, size_t arguments) {
    for (const Function* function : Registry::instance().functions(name)) {
      if (function->args.size() == arguments) return function;
    }
    QW_UNREACHABLE();
  }

  PlanPtr exists_value(const PlanPtr& input, Expr& subquery) {
    PlanPtr plan = strip_for_exists(subquery.plan);
    std::optional<Carried> carried = carry(input, plan);
    if (!carried) return nullptr;
    const auto outer_width = static_cast<uint32_t>(input->schema.size());
    std::vector<ExprPtr> flags;
    std::vector<std::string> names;
    for (uint32_t i = 0; i < carried->bindings.size(); ++i) {
      flags.push_back(column_of(carried->plan->schema, carried->width + i));
      names.push_back(carried->plan->schema.columns[carried->width + i].name);
    }
    flags.push_back(make_boolean(true));
    names.emplace_back("exists");
    PlanPtr flagged =
        make_distinct(make_project(carried->plan, std::move(flags), std::move(names)));
    Join join;
    join.type = JoinType::left;
    for (uint32_t i = 0; i < carried->bindings.size(); ++i) {
      join.keys.push_back({carried->bindings[i], i, carried->null_safe});
    }
    const auto flag = outer_width + static_cast<uint32_t>(carried->bindings.size());
    PlanPtr joined = make_join(input, std::move(flagged), std::move(join));
    std::vector<ExprPtr> expressions = all_columns(*joined, outer_width);
    std::vector<std::string> out_names = all_names(*joined, outer_width);
    expressions.push_back(
        make_node(ExprKind::is_not_null, TypeId::boolean, column_of(joined->schema, flag)));
    out_names.emplace_back("exists");
    return make_project(std::move(joined), std::move(expressions), std::move(out_names));
  }

  // x IN (SELECT v ..) as a value: true with a match, else false without rows, else NULL when x or
  // a v is NULL, else false. The matching v is joined in, and per binding whether there is a NULL.
  PlanPtr any_value(const PlanPtr& input, Expr& subquery) {
    const Expr& test = *subquery.args[0];
    if (!is_equality_operator(test)) return nullptr;
    const bool swapped = uses_subquery_column(*test.args[0]);
    ExprPtr outer = test.args[swapped ? 1 : 0]->clone();
    ExprPtr inner = test.args[swapped ? 0 : 1]->clone();
    if (uses_subquery_column(*outer) || !only_subquery_columns(*inner)) return nullptr;
    std::optional<Carried> carried = carry(input, subquery.plan);
    if (!carried) return nullptr;
    const auto width = static_cast<uint32_t>(input->schema.size());
    const auto k = static_cast<uint32_t>(carried->bindings.size());
    each_node(*inner, [](Expr& node) {
      if (node.kind == ExprKind::column) node.index -= kSubqueryColumn;
    });
    const PlanPtr values = values_by_binding(*carried, std::move(inner));
    const PlanPtr matches = some_value(values);
    const PlanPtr nulls = null_among(values, k);
    const Type outer_type = outer->type;
    std::vector<ExprPtr> appended;
    appended.push_back(std::move(outer));
    PlanPtr out = make_append(input, std::move(appended), {""});
    // Columns: input, x, then v, bindings, flag, then bindings, has_null.
    Join match;
    match.type = JoinType::left;
    const uint32_t matches_at = width + 1, nulls_at = matches_at + k + 2;
    std::vector<ExprPtr> sides;
    sides.push_back(make_column(width, outer_type));
    sides.push_back(make_column(matches_at, values->schema.columns[0].type));
    if (swapped) std::swap(sides[0], sides[1]);
    match.residual = make_call(*test.function, std::move(sides), TypeId::boolean);
    Join rows;
    rows.type = JoinType::left;
    for (uint32_t i = 0; i < k; ++i) {
      match.keys.push_back({carried->bindings[i], 1 + i, carried->null_safe});
      rows.keys.push_back({carried->bindings[i], i, carried->null_safe});
    }
    out = make_join(std::move(out), matches, std::move(match));
    out = make_join(std::move(out), nulls, std::move(rows));
    const ExprPtr has_null = column_of(out->schema, nulls_at + k);
    std::vector<ExprPtr> cases;
    cases.push_back(make_node(ExprKind::is_not_null, TypeId::boolean,
                              column_of(out->schema, matches_at + 1 + k)));
    cases.push_back(make_boolean(true));
    cases.push_back(make_node(ExprKind::is_null, TypeId::boolean, has_null->clone()));
    cases.push_back(make_boolean(false));
    cases.push_back(has_null->clone());
    cases.push_back(make_constant(Datum::null(TypeId::boolean)));
    cases.push_back(make_node(ExprKind::is_null, TypeId::boolean, column_of(out->schema, width)));
    cases.push_back(make_constant(Datum::null(TypeId::boolean)));
    cases.push_back(make_boolean(false));
    std::vector<ExprPtr> expressions = all_columns(*out, width);
    std::vector<std::string> names = all_names(*out, width);
    expressions.push_back(make_node(ExprKind::case_when, TypeId::boolean, std::move(cases)));
    names.emplace_back("in");
    return make_project(std::move(out), std::move(expressions), std::move(names));
  }

  static bool uses_subquery_column(const Expr& root) {
    bool found = false;
    each_node(root, [&](const Expr& node) {
      found = found || (node.kind == ExprKind::column && node.index >= kSubqueryColumn);
    });
    return found;
  }
  static bool only_subquery_columns(Expr& root) {
    bool only = !is_correlated(root);
    each_node(root, [&](Expr& node) {
      only = only && (node.kind != ExprKind::column || node.index >= kSubqueryColumn);
    });
    return only;
  }

  // v, then the bindings.
  static PlanPtr values_by_binding(const Carried& carried, ExprPtr value) {
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    expressions.push_back(std::move(value));
    names.emplace_back("v");
    for (uint32_t i = 0; i < carried.bindings.size(); ++i) {
      expressions.push_back(column_of(carried.plan->schema, carried.width + i));
      names.push_back(carried.plan->schema.columns[carried.width + i].name);
    }
    return make_project(carried.plan, std::move(expressions), std::move(names));
  }

  // Each v that is not NULL once per binding, with a flag behind.
  static PlanPtr some_value(const PlanPtr& values) {
    PlanPtr known = make_filter(
        values, make_node(ExprKind::is_not_null, TypeId::boolean, column_of(values->schema, 0)));
    std::vector<ExprPtr> flag;
    flag.push_back(make_boolean(true));
    return make_append(make_distinct(std::move(known)), std::move(flag), {"flag"});
  }

  // Per binding whether some v is NULL; without bindings one row, NULL when there is no v at all.
  static PlanPtr null_among(const PlanPtr& values, uint32_t bindings) {
    std::vector<ExprPtr> expressions;
    std::vector<std::string> names;
    Aggregate node;
    for (uint32_t i = 0; i < bindings; ++i) {
      expressions.push_back(column_of(values->schema, 1 + i));
      names.push_back(values->schema.columns[1 + i].name);
      node.groups.push_back(i);
    }
    expressions.push_back(
        make_node(ExprKind::is_null, TypeId::boolean, column_of(values->schema, 0)));
    names.emplace_back("is_null");
    AggregateCall call;
    call.function = function_of("bool_or", 1);
    call.arguments = {bindings};
    call.type = TypeId::boolean;
    node.calls.push_back(std::move(call));
    return make_aggregate(make_project(values, std::move(expressions), std::move(names)),
                          std::move(node));
  }

  // LATERAL items of FROM.
  Result<PlanPtr> lateral(PlanPtr node) {
    const Apply& apply = *node->as<Apply>();
    const bool inner = apply.kind == Apply::Kind::lateral_inner;
    if (!inner && apply.kind != Apply::Kind::lateral_left) return node;
    const PlanPtr& left = node->inputs[0];
    const PlanPtr& right = node->inputs[1];
    const auto width = static_cast<uint32_t>(left->schema.size());
    if (PlanPtr out = lateral_function(*node, inner)) return out;
    std::optional<Carried> carried = carry(left, right);
    if (!carried) {
      if (target_ == OptimizeFor::read) return node;
      return fail(
          feature_not_supported("this form of LATERAL is not supported in a materialized view"));
    }
    PlanPtr joined = make_join(left, carried->plan,
                               binding_join(*carried, inner ? JoinType::inner : JoinType::left));
    std::vector<uint32_t> columns;
    for (uint32_t i = 0; i < width + carried->width; ++i) columns.push_back(i);
    return make_pick(std::move(joined), columns);
  }

  // f(left.x) and expressions need no join: they run on the left rows.
  static PlanPtr lateral_function(const Plan& node, bool inner) {
    const PlanPtr& left = node.inputs[0];
    const PlanPtr& right = node.inputs[1];
    const auto is_one_row = [](const Plan& plan) {
      const auto* values = plan.as<Values>();
      return values != nullptr && values->rows.size() == 1 && plan.schema.size() == 0;
    };
    const auto to_row = [](Expr& root) {
      each_outer_column(root, [](Expr& column, uint32_t level) {
        if (level > 1) {
          --column.depth;
          return;
        }
        column.kind = ExprKind::column;
        column.depth = 0;
      });
    };
    if (const auto* set = right->as<ProjectSet>();
        set != nullptr && is_one_row(*right->inputs[0])) {
      ProjectSet copy;
      copy.function = set->function;
      copy.result = set->result;
      copy.with_ordinality = set->with_ordinality;
      copy.keep_empty = !inner;
      for (const ExprPtr& argument : set->arguments) {
        copy.arguments.push_back(argument->clone());
        to_row(*copy.arguments.back());
      }
      std::vector<std::string> names;
      for (const Column& column : right->schema.columns) names.push_back(column.name);
      return make_project_set(left, std::move(copy), std::move(names));
    }
    if (const auto* project = right->as<Project>();
        project != nullptr && is_one_row(*right->inputs[0])) {
      std::vector<ExprPtr> appended;
      std::vector<std::string> names;
      for (const ExprPtr& expression : project->expressions) {
        appended.push_back(expression->clone());
        to_row(*appended.back());
        names.push_back(right->schema.columns[appended.size() - 1].name);
      }
      return make_append(left, std::move(appended), std::move(names));
    }
    return nullptr;
  }

  OptimizeFor target_;
  const Catalog& catalog_;
  std::unordered_map<const Plan*, PlanPtr> done_;
  std::vector<PlanPtr> kept_;
};

}  // namespace

Result<PlanPtr> plan_subqueries(PlanPtr plan, OptimizeFor target, const Catalog& catalog) {
  return SubqueryPlanner(target, catalog).rewrite(plan);
}

}  // namespace qw::sql
