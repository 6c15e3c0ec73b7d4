// Plan properties, bottom up: what is proven about every node's output. See plan.h (Properties).
//
// Unique keys treat NULL as one value. A key is kept as a sorted list of columns; lists that
// contain another one are dropped, and at most kKeysMax are kept. Tests:
// tests/unit/sql/properties_test.cc.
#include <algorithm>
#include <unordered_set>

#include "sql/function.h"
#include "sql/optimizer.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/peak.h"
#include "sql/plan/walk.h"
#include "src/types/key_codec.h"

namespace qw::sql {

namespace {

using Key = std::vector<uint32_t>;
constexpr size_t kKeysMax = 8;
constexpr double kFilterSelectivity = 0.3;

bool contains_all(const Key& big, const Key& small) {
  return std::includes(big.begin(), big.end(), small.begin(), small.end());
}

void add_key(std::vector<Key>& keys, Key key) {
  std::sort(key.begin(), key.end());
  key.erase(std::unique(key.begin(), key.end()), key.end());
  for (const Key& other : keys) {
    if (contains_all(key, other)) return;
  }
  std::erase_if(keys, [&](const Key& other) { return contains_all(other, key); });
  if (keys.size() < kKeysMax) keys.push_back(std::move(key));
}

bool covered(const std::vector<Key>& keys, Key columns) {
  std::sort(columns.begin(), columns.end());
  return std::any_of(keys.begin(), keys.end(),
                     [&](const Key& key) { return contains_all(columns, key); });
}

bool any_not_null(const Key& key, const Properties& of) {
  return std::any_of(key.begin(), key.end(), [&](uint32_t column) { return of.not_null[column]; });
}

bool has(const std::vector<uint32_t>& columns, uint32_t column) {
  return std::find(columns.begin(), columns.end(), column) != columns.end();
}

Key all_columns(const Plan& plan) {
  Key key;
  for (uint32_t i = 0; i < plan.schema.size(); ++i) key.push_back(i);
  return key;
}

// Constant while one execution runs: equality with it fixes a column.
bool is_fixed(const Expr& expression) {
  return expression.kind == ExprKind::constant || expression.kind == ExprKind::parameter ||
         expression.kind == ExprKind::outer_column;
}

bool expression_not_null(const Expr& expression, const Properties& input) {
  switch (expression.kind) {
    case ExprKind::column:
      return input.not_null[expression.index];
    case ExprKind::constant:
      return !expression.value.is_null();
    case ExprKind::coalesce:
    case ExprKind::greatest:
    case ExprKind::least:
      return std::any_of(expression.args.begin(), expression.args.end(),
                         [&](const ExprPtr& arg) { return expression_not_null(*arg, input); });
    case ExprKind::case_when: {
      const size_t count = expression.args.size();
      for (size_t i = 1; i < count; i += 2) {
        if (!expression_not_null(*expression.args[i], input)) return false;
      }
      return expression_not_null(*expression.args[count - 1], input);
    }
    case ExprKind::is_null:
    case ExprKind::is_not_null:
    case ExprKind::is_true:
    case ExprKind::is_not_true:
    case ExprKind::is_false:
    case ExprKind::is_not_false:
    case ExprKind::is_distinct:
    case ExprKind::is_not_distinct:
    case ExprKind::row_make:
    case ExprKind::array_make:
      return true;
    case ExprKind::logical_and:
    case ExprKind::logical_or:
    case ExprKind::logical_not:
      return std::all_of(expression.args.begin(), expression.args.end(),
                         [&](const ExprPtr& arg) { return expression_not_null(*arg, input); });
    case ExprKind::call:
    case ExprKind::nullif:
    case ExprKind::in_list:
    case ExprKind::array_op:
    case ExprKind::field:
    case ExprKind::subscript:
    case ExprKind::outer_column:
    case ExprKind::parameter:
    case ExprKind::subquery:
      return false;
  }
  return false;
}

// A column of the input whose order the expression follows; UINT32_MAX: none.
uint32_t followed_column(const Expr& expression) {
  if (expression.kind == ExprKind::column) return expression.index;
  if (expression.kind != ExprKind::call || !expression.function->monotone) return UINT32_MAX;
  // The value argument may stand behind a constant one: date_trunc('day', ts).
  uint32_t found = UINT32_MAX;
  for (const ExprPtr& arg : expression.args) {
    if (is_fixed(*arg)) continue;
    if (found != UINT32_MAX) return UINT32_MAX;
    found = followed_column(*arg);
    if (found == UINT32_MAX) return UINT32_MAX;
  }
  return found;
}

class Computer {
 public:
  explicit Computer(const Catalog& catalog) : catalog_(catalog) {}

  void run(Plan& plan) {
    if (!done_.insert(&plan).second) return;
    for (PlanPtr& input : plan.inputs) run(*input);
    Properties out;
    out.not_null.assign(plan.schema.size(), false);
    std::visit([&](const auto& op) { node(plan, op, out); }, plan.op);
    if (plan.as<Join>() == nullptr) out.peak.reset();
    if (plan.as<Aggregate>() == nullptr && plan.as<Project>() == nullptr) out.rising.reset();
    plan.properties = std::move(out);
  }

 private:
  static const Properties& in(const Plan& plan, size_t i = 0) { return plan.inputs[i]->properties; }

  void node(const Plan& plan, const Scan& scan, Properties& out) const {
    const Relation* relation = catalog_.find(scan.relation);
    if (relation == nullptr) return;
    out.append_only = relation->append_only;
    std::vector<uint32_t> place(relation->columns.size(), UINT32_MAX);
    for (uint32_t i = 0; i < scan.columns.size(); ++i) {
      place[scan.columns[i]] = i;
      out.not_null[i] = relation->columns[scan.columns[i]].not_null;
    }
    const auto map_key = [&](const Key& key) {
      Key mapped;
      for (uint32_t column : key) {
        if (place[column] == UINT32_MAX) return;
        mapped.push_back(place[column]);
      }
      if (!key.empty()) add_key(out.unique_keys, std::move(mapped));
    };
    map_key(relation->primary_key);
    // A key with NULLs in it is not unique in the sense here.
    for (const Key& key : relation->unique_keys) {
      const bool solid = std::all_of(key.begin(), key.end(), [&](uint32_t column) {
        return relation->columns[column].not_null;
      });
      if (solid || relation->kind == RelationKind::materialized_view) map_key(key);
    }
    for (uint32_t column : relation->monotone) {
      if (place[column] != UINT32_MAX) out.monotone.push_back(place[column]);
    }
    (void)plan;
  }

  void node(const Plan& plan, const SystemScan& scan, Properties& out) const {
    for (uint32_t i = 0; i < scan.columns.size(); ++i) {
      out.not_null[i] = scan.relation->columns[scan.columns[i]].not_null;
    }
    (void)plan;
  }

  void node(const Plan& plan, const Values& values, Properties& out) const {
    out.append_only = true;
    out.rows = static_cast<double>(values.rows.size());
    if (values.rows.size() <= 1) out.unique_keys.push_back({});
    for (size_t c = 0; c < plan.schema.size(); ++c) {
      out.not_null[c] = std::all_of(values.rows.begin(), values.rows.end(), [&](const auto& row) {
        return row[c]->kind == ExprKind::constant && !row[c]->value.is_null();
      });
    }
  }

  void node(const Plan& plan, const Filter& filter, Properties& out) const {
    out = in(plan);
    out.rows = std::max(1.0, out.rows * kFilterSelectivity);
    std::vector<const Expr*> terms;
    if (filter.predicate->kind == ExprKind::logical_and) {
      for (const ExprPtr& term : filter.predicate->args) terms.push_back(term.get());
    } else {
      terms.push_back(filter.predicate.get());
    }
    if (is_volatile(*filter.predicate)) out.append_only = false;
    Key fixed;
    for (const Expr* term : terms) {
      if (term->kind == ExprKind::is_not_null && term->args[0]->kind == ExprKind::column) {
        out.not_null[term->args[0]->index] = true;
      }
      const bool compares = is_equality_operator(*term) || !comparison_name(*term).empty();
      if (!compares) continue;
      for (const ExprPtr& arg : term->args) {
        if (arg->kind == ExprKind::column) out.not_null[arg->index] = true;
      }
      if (!is_equality(*term)) continue;
      for (size_t side = 0; side < 2; ++side) {
        if (term->args[side]->kind == ExprKind::column && is_fixed(*term->args[1 - side])) {
          fixed.push_back(term->args[side]->index);
        }
      }
    }
    if (fixed.empty()) return;
    const std::vector<Key> keys = out.unique_keys;
    for (Key key : keys) {
      std::erase_if(key, [&](uint32_t column) { return has(fixed, column); });
      add_key(out.unique_keys, std::move(key));
    }
  }

  void node(const Plan& plan, const Project& project, Properties& out) const {
    const Properties& input = in(plan);
    out.append_only = input.append_only;
    out.rows = input.rows;
    std::vector<uint32_t> first(plan.inputs[0]->schema.size(), UINT32_MAX), last = first;
    for (uint32_t i = 0; i < project.expressions.size(); ++i) {
      const Expr& expression = *project.expressions[i];
      out.not_null[i] = expression_not_null(expression, input);
      if (is_volatile(expression)) out.append_only = false;
      if (const uint32_t followed = followed_column(expression);
          followed != UINT32_MAX && has(input.monotone, followed)) {
        out.monotone.push_back(i);
      }
      if (expression.kind != ExprKind::column) continue;
      if (has(input.window, expression.index)) out.window.push_back(i);
      if (first[expression.index] == UINT32_MAX) first[expression.index] = i;
      last[expression.index] = i;
    }
    add_twins(input.twins, first, out.twins);
    out.rising = still_rising(project, input.rising, first);
    for (const Key& key : input.unique_keys) {
      for (const std::vector<uint32_t>* place : {&first, &last}) {
        Key mapped;
        for (uint32_t column : key) {
          if ((*place)[column] != UINT32_MAX) mapped.push_back((*place)[column]);
        }
        if (mapped.size() == key.size()) add_key(out.unique_keys, std::move(mapped));
      }
    }
  }

  void node(const Plan& plan, const ProjectSet& set, Properties& out) const {
    const Properties& input = in(plan);
    out.append_only = input.append_only && set.function->volatility == Volatility::immutable;
    out.rows = input.rows * 10;
    std::copy(input.not_null.begin(), input.not_null.end(), out.not_null.begin());
    out.window = input.window;
    out.twins = input.twins;
    if (!set.with_ordinality || set.keep_empty) return;
    const auto ordinality = static_cast<uint32_t>(plan.schema.size() - 1);
    out.not_null[ordinality] = true;
    for (Key key : input.unique_keys) {
      key.push_back(ordinality);
      add_key(out.unique_keys, std::move(key));
    }
  }

  void node(const Plan& plan, const WindowExpand& expand, Properties& out) const {
    const Properties& input = in(plan);
    const auto start = static_cast<uint32_t>(plan.schema.size() - 2);
    const bool tumble = expand.size_us == expand.slide_us;
    out.append_only = input.append_only;
    out.rows = input.rows * static_cast<double>(expand.size_us / expand.slide_us);
    std::copy(input.not_null.begin(), input.not_null.end(), out.not_null.begin());
    // Rows without a time are in no window.
    out.not_null[start] = out.not_null[start + 1] = out.not_null[expand.time_column] = true;
    out.monotone = input.monotone;
    out.window = input.window;
    out.window.push_back(start);
    out.twins = input.twins;
    out.twins.emplace_back(start, start + 1);
    if (tumble && has(input.monotone, expand.time_column)) {
      out.monotone.push_back(start);
      out.monotone.push_back(start + 1);
    }
    for (Key key : input.unique_keys) {
      if (!tumble) key.push_back(start);
      add_key(out.unique_keys, std::move(key));
    }
  }

  void node(const Plan& plan, const Join& join, Properties& out) const {
    const Properties& left = in(plan, 0);
    const Properties& right = in(plan, 1);
    const auto shift = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    const bool one_side = join.type == JoinType::semi || join.type == JoinType::anti;
    Key left_keys, right_keys;
    for (const Join::Key& key : join.keys) {
      left_keys.push_back(key.left);
      right_keys.push_back(key.right);
    }
    const bool inner = join.type == JoinType::inner;
    const bool keeps_left = inner || join.type == JoinType::left;
    const bool keeps_right = inner || join.type == JoinType::right;
    if (inner) out.peak = find_peak(plan);
    if (one_side) {
      out = left;
      out.append_only = join.type == JoinType::semi && left.append_only && right.append_only;
      out.monotone.clear();
    } else {
      out.append_only = inner && left.append_only && right.append_only;
      for (size_t i = 0; i < shift; ++i) out.not_null[i] = keeps_left && left.not_null[i];
      for (size_t i = 0; i < right.not_null.size(); ++i) {
        out.not_null[shift + i] = keeps_right && right.not_null[i];
      }
      if (keeps_left && covered(right.unique_keys, right_keys)) {
        for (const Key& key : left.unique_keys) add_key(out.unique_keys, key);
      }
      if (keeps_right && covered(left.unique_keys, left_keys)) {
        for (Key key : right.unique_keys) {
          for (uint32_t& column : key) column += shift;
          add_key(out.unique_keys, std::move(key));
        }
      }
      for (const Key& a : left.unique_keys) {
        for (const Key& b : right.unique_keys) {
          // A row that only the left side has and one that only the right side has look alike when
          // all of both keys may be NULL.
          if (join.type == JoinType::full && !any_not_null(a, left) && !any_not_null(b, right)) {
            continue;
          }
          Key both = a;
          for (uint32_t column : b) both.push_back(column + shift);
          add_key(out.unique_keys, std::move(both));
        }
      }
      out.rows = covered(right.unique_keys, right_keys) ? left.rows
                 : join.keys.empty()                    ? left.rows * right.rows
                                                        : std::max(left.rows, right.rows);
    }
    if (!inner && !one_side) return;
    if (inner) {
      out.twins = left.twins;
      for (const auto& [a, b] : right.twins) out.twins.emplace_back(a + shift, b + shift);
      for (const Join::Key& key : join.keys) {
        if (!key.null_safe) out.not_null[key.left] = out.not_null[shift + key.right] = true;
        if (!has(left.window, key.left) || !has(right.window, key.right)) continue;
        out.window.push_back(key.left);
        out.window.push_back(shift + key.right);
      }
    }
  }

  void node(const Plan& plan, const Aggregate& aggregate, Properties& out) const {
    const Properties& input = in(plan);
    Key key;
    for (uint32_t i = 0; i < aggregate.groups.size(); ++i) {
      const uint32_t group = aggregate.groups[i];
      key.push_back(i);
      out.not_null[i] = input.not_null[group];
      if (has(input.window, group)) out.window.push_back(i);
      // A row counts in windows that began before its own as well.
      const bool earlier = aggregate.hop.count > 1 && has(aggregate.hop.borders, i);
      if (input.append_only && has(input.monotone, group) && !earlier) out.monotone.push_back(i);
    }
    for (size_t i = 0; i < aggregate.calls.size(); ++i) {
      const AggregateKind kind = aggregate.calls[i].function->aggregate;
      out.not_null[aggregate.groups.size() + i] =
          kind == AggregateKind::count || kind == AggregateKind::count_star;
    }
    out.rising = rising_counts(aggregate, input);
    out.rows = aggregate.groups.empty() ? 1 : std::max(1.0, input.rows / 10);
    // Input keys among the groups are keys of the output as well.
    for (const Key& unique : input.unique_keys) {
      Key mapped;
      for (uint32_t column : unique) {
        const auto at = std::find(aggregate.groups.begin(), aggregate.groups.end(), column);
        if (at == aggregate.groups.end()) break;
        mapped.push_back(static_cast<uint32_t>(at - aggregate.groups.begin()));
      }
      if (mapped.size() != unique.size()) continue;
      if (aggregate.hop.count > 1) mapped.push_back(aggregate.hop.borders[0]);
      add_key(out.unique_keys, std::move(mapped));
    }
    std::vector<uint32_t> place(plan.inputs[0]->schema.size(), UINT32_MAX);
    for (uint32_t i = 0; i < aggregate.groups.size(); ++i) place[aggregate.groups[i]] = i;
    add_twins(input.twins, place, out.twins);
    // One of twins is enough.
    for (const auto& [a, b] : out.twins) {
      for (const uint32_t gone : {b, a}) {
        Key shorter = key;
        std::erase(shorter, gone);
        add_key(out.unique_keys, std::move(shorter));
      }
    }
    add_key(out.unique_keys, std::move(key));
  }

  // `place`: where a column of the input lies in the output.
  static void add_twins(const std::vector<std::pair<uint32_t, uint32_t>>& twins,
                        const std::vector<uint32_t>& place,
                        std::vector<std::pair<uint32_t, uint32_t>>& out) {
    for (const auto& [a, b] : twins) {
      if (place[a] != UINT32_MAX && place[b] != UINT32_MAX) out.emplace_back(place[a], place[b]);
    }
  }

  // A row that cannot be computed would go without another in its place, so columns are only
  // chosen.
  static std::optional<Properties::Rising> still_rising(
      const Project& project, const std::optional<Properties::Rising>& below,
      const std::vector<uint32_t>& place) {
    const bool plain =
        std::all_of(project.expressions.begin(), project.expressions.end(),
                    [](const ExprPtr& expression) { return expression->kind == ExprKind::column; });
    if (!below || !plain) return std::nullopt;
    Properties::Rising out;
    for (const uint32_t column : below->key) {
      if (place[column] == UINT32_MAX) return std::nullopt;
      out.key.push_back(place[column]);
    }
    for (const uint32_t column : below->columns) {
      if (place[column] != UINT32_MAX) out.columns.push_back(place[column]);
    }
    return out;
  }

  // Counts; other calls may only be such as never fail.
  static std::optional<Properties::Rising> rising_counts(const Aggregate& aggregate,
                                                         const Properties& input) {
    if (!input.append_only) return std::nullopt;
    Properties::Rising out;
    for (uint32_t i = 0; i < aggregate.groups.size(); ++i) out.key.push_back(i);
    for (size_t i = 0; i < aggregate.calls.size(); ++i) {
      switch (aggregate.calls[i].function->aggregate) {
        case AggregateKind::count:
        case AggregateKind::count_star:
          out.columns.push_back(static_cast<uint32_t>(aggregate.groups.size() + i));
          break;
        case AggregateKind::min:
        case AggregateKind::max:
          break;
        default:
          return std::nullopt;
      }
    }
    if (out.columns.empty()) return std::nullopt;
    return out;
  }

  // Whether equal rows may look different (1.0, 1.00): a group shows the smallest of them, so a
  // smaller one that comes later takes the place of the one given out.
  static bool rows_have_spellings(const Plan& plan) {
    return std::any_of(plan.schema.columns.begin(), plan.schema.columns.end(),
                       [](const Column& column) { return has_spellings(column.type); });
  }

  void node(const Plan& plan, const Distinct&, Properties& out) const {
    out = in(plan);
    out.append_only = out.append_only && !rows_have_spellings(plan);
    add_key(out.unique_keys, all_columns(plan));
  }

  void node(const Plan& plan, const TopK& topk, Properties& out) const {
    const Properties& input = in(plan);
    out.rows = input.rows;
    out.unique_keys = input.unique_keys;
    out.window.clear();
    for (uint32_t column : topk.partition) {
      if (has(input.window, column)) out.window.push_back(column);
    }
    std::copy(input.not_null.begin(), input.not_null.end(), out.not_null.begin());
    if (topk.limit == 1 && !topk.with_ties) add_key(out.unique_keys, topk.partition);
    if (topk.row_number) {
      const auto number = static_cast<uint32_t>(plan.schema.size() - 1);
      out.not_null[number] = true;
      if (topk.with_ties) return;  // ties share their number
      Key key = topk.partition;
      key.push_back(number);
      add_key(out.unique_keys, std::move(key));
    }
  }

  void node(const Plan& plan, const Window& window, Properties& out) const {
    const Properties& input = in(plan);
    out.rows = input.rows;
    out.unique_keys = input.unique_keys;
    std::copy(input.not_null.begin(), input.not_null.end(), out.not_null.begin());
    const auto first = static_cast<uint32_t>(plan.inputs[0]->schema.size());
    for (uint32_t i = 0; i < window.calls.size(); ++i) {
      if (window.calls[i].function->window != WindowKind::row_number) continue;
      out.not_null[first + i] = true;
      Key key = window.partition;
      key.push_back(first + i);
      add_key(out.unique_keys, std::move(key));
    }
  }

  void node(const Plan& plan, const SetOp& op, Properties& out) const {
    out = {};
    out.rows = 0;
    out.not_null.assign(plan.schema.size(), true);
    bool append_only = true;
    for (size_t i = 0; i < plan.inputs.size(); ++i) {
      append_only = append_only && in(plan, i).append_only;
      out.rows += in(plan, i).rows;
      for (size_t c = 0; c < out.not_null.size(); ++c) {
        out.not_null[c] = out.not_null[c] && in(plan, i).not_null[c];
      }
    }
    switch (op.kind) {
      case SetOpKind::union_all:
        out.append_only = append_only;
        break;
      case SetOpKind::intersect:
        out.append_only = append_only && !rows_have_spellings(plan);
        out.not_null = in(plan).not_null;
        add_key(out.unique_keys, all_columns(plan));
        break;
      case SetOpKind::except:
        out.not_null = in(plan).not_null;
        add_key(out.unique_keys, all_columns(plan));
        break;
      case SetOpKind::except_all:
      case SetOpKind::intersect_all:
        out.not_null = in(plan).not_null;
        break;
    }
  }

  void node(const Plan& plan, const Sort&, Properties& out) const { out = in(plan); }

  void node(const Plan& plan, const Limit& limit, Properties& out) const {
    out = in(plan);
    out.append_only = false;
    out.monotone.clear();
    if (limit.limit != nullptr && limit.limit->kind == ExprKind::constant && !limit.with_ties &&
        limit.limit->value.get<int64_t>() <= 1) {
      out.unique_keys = {{}};
    }
  }

  void node(const Plan& plan, const Apply& apply, Properties& out) const {
    const Properties& left = in(plan);
    std::copy(left.not_null.begin(), left.not_null.end(), out.not_null.begin());
    const bool lateral =
        apply.kind == Apply::Kind::lateral_inner || apply.kind == Apply::Kind::lateral_left;
    out.rows = lateral ? left.rows * 10 : left.rows;
    if (!lateral) out.unique_keys = left.unique_keys;
    if (apply.kind == Apply::Kind::exists || apply.kind == Apply::Kind::array) {
      out.not_null.back() = true;
    }
  }

  void node(const Plan& plan, const Recursive& recursive, Properties& out) const {
    if (recursive.distinct) add_key(out.unique_keys, all_columns(plan));
  }
  void node(const Plan&, const RecursiveScan&, Properties&) const {}

  const Catalog& catalog_;
  std::unordered_set<Plan*> done_;
};

}  // namespace

void compute_properties(Plan& plan, const Catalog& catalog) { Computer(catalog).run(plan); }

}  // namespace qw::sql
