// See windows.h.
#include "sql/plan/windows.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "sql/function.h"
#include "sql/plan/build.h"
#include "sql/plan/equality.h"
#include "sql/plan/walk.h"
#include "src/types/interval.h"

namespace qw::sql {
namespace {

constexpr int64_t kDayUs = 86'400'000'000;
// Borders per row that are worth a key; without any other key nearly everything is.
constexpr int64_t kBordersMax = 2, kBordersAloneMax = 64;

// A column that is a window's start plus `shift_us`.
struct Border {
  const Plan* expand = nullptr;
  int64_t shift_us = 0;
};

std::optional<Border> border_of(const Plan& plan, uint32_t column) {
  if (const auto* expand = plan.as<WindowExpand>()) {
    const auto start = static_cast<uint32_t>(plan.schema.size() - 2);
    if (column == start) return Border{&plan, 0};
    if (column == start + 1) return Border{&plan, expand->end_us};
    return border_of(*plan.inputs[0], column);
  }
  if (const auto* project = plan.as<Project>()) {
    const Expr& expression = *project->expressions[column];
    if (expression.kind != ExprKind::column) return std::nullopt;
    return border_of(*plan.inputs[0], expression.index);
  }
  if (const auto* aggregate = plan.as<Aggregate>()) {
    if (column >= aggregate->groups.size()) return std::nullopt;
    return border_of(*plan.inputs[0], aggregate->groups[column]);
  }
  const bool passes = plan.as<Filter>() != nullptr || plan.as<Distinct>() != nullptr ||
                      plan.as<TopK>() != nullptr || plan.as<Window>() != nullptr;
  if (!passes || column >= plan.inputs[0]->schema.size()) return std::nullopt;
  return border_of(*plan.inputs[0], column);
}

// column + offset_us, from `column`, `column + interval` or `column - interval`. Months are no
// fixed time, nor are days where the clock changes.
struct Moment {
  uint32_t column = 0;
  int64_t offset_us = 0;
};

std::optional<Moment> moment_of(const Expr& expression) {
  if (expression.kind == ExprKind::column) return Moment{expression.index, 0};
  if (expression.kind != ExprKind::call || expression.args.size() != 2) return std::nullopt;
  const std::string_view op = operator_name(*expression.function);
  const Expr& interval = *expression.args[1];
  if ((op != "+" && op != "-") || expression.args[0]->kind != ExprKind::column) {
    return std::nullopt;
  }
  if (interval.kind != ExprKind::constant || interval.type.id != TypeId::interval ||
      interval.value.is_null()) {
    return std::nullopt;
  }
  const auto value = interval.value.get<Interval>();
  const bool fixed =
      value.months == 0 && (value.days == 0 || expression.args[0]->type.id == TypeId::timestamp);
  int64_t us = 0;
  if (!fixed || __builtin_mul_overflow(int64_t{value.days}, kDayUs, &us) ||
      __builtin_add_overflow(us, value.us, &us) || us == INT64_MIN) {
    return std::nullopt;
  }
  return Moment{expression.args[0]->index, op == "+" ? us : -us};
}

// time >= border + from_us and time <= border + to_us, both ends included.
struct Range {
  uint32_t time = 0, border = 0;  // columns of either side
  Border which;                   // of `border`
  std::optional<int64_t> from_us, to_us;
};

class Joiner {
 public:
  PlanPtr run(const PlanPtr& node) {
    if (const auto found = done_.find(node.get()); found != done_.end()) return found->second;
    for (PlanPtr& input : node->inputs) input = run(input);
    PlanPtr out = node;
    if (auto* join = node->as<Join>(); join != nullptr && join->type == JoinType::inner) {
      for (const uint32_t timed : {0U, 1U}) {
        PlanPtr keyed = with_border_key(node, timed);
        if (keyed == nullptr) continue;
        out = std::move(keyed);
        break;
      }
    }
    kept_.push_back(node);
    done_[node.get()] = out;
    return out;
  }

 private:
  // Takes one term of the residual into `ranges`, when it is a bound of a time of input `timed` by
  // a border of the other input.
  static void add_bound(const Plan& node, uint32_t timed, const Expr& term,
                        std::vector<Range>& ranges) {
    std::string_view op = comparison_name(term);
    if (op.empty()) return;
    auto time = moment_of(*term.args[0]), border = moment_of(*term.args[1]);
    if (!time || !border) return;
    const auto width = static_cast<uint32_t>(node.inputs[0]->schema.size());
    bool below = op == "<" || op == "<=";  // time below border
    const auto side = [&](const Moment& moment) { return moment.column < width ? 0U : 1U; };
    if (side(*time) == side(*border)) return;
    if (side(*time) != timed) {
      std::swap(time, border);
      below = !below;
    }
    (timed == 0 ? border : time)->column -= width;
    const Type type = node.inputs[timed]->schema.columns[time->column].type;
    if (type.id != TypeId::timestamp && type.id != TypeId::timestamptz) return;
    const auto which = border_of(*node.inputs[1 - timed], border->column);
    if (!which) return;
    int64_t bound = 0;
    if (__builtin_sub_overflow(border->offset_us, time->offset_us, &bound)) return;
    if (op == "<" || op == ">") bound += below ? -1 : 1;
    for (Range& range : ranges) {
      if (range.time != time->column || range.which.expand != which->expand) continue;
      set_bound(range, below, bound + which->shift_us - range.which.shift_us);
      return;
    }
    ranges.push_back({time->column, border->column, *which, {}, {}});
    set_bound(ranges.back(), below, bound);
  }

  static void set_bound(Range& range, bool below, int64_t bound) {
    std::optional<int64_t>& to = below ? range.to_us : range.from_us;
    if (!to) to = bound;
    to = below ? std::min(*to, bound) : std::max(*to, bound);
  }

  // The join with input `timed` expanded into the borders that its rows can meet; null: it has no
  // such range.
  static PlanPtr with_border_key(const PlanPtr& node, uint32_t timed) {
    Join& join = *node->as<Join>();
    if (join.residual == nullptr) return nullptr;
    std::vector<Range> ranges;
    if (join.residual->kind == ExprKind::logical_and) {
      for (const ExprPtr& term : join.residual->args) add_bound(*node, timed, *term, ranges);
    } else {
      add_bound(*node, timed, *join.residual, ranges);
    }
    for (const Range& range : ranges) {
      if (!range.from_us || !range.to_us) continue;
      int64_t length = 0;
      if (__builtin_sub_overflow(*range.to_us, *range.from_us, &length)) continue;
      if (length < 0 || length == INT64_MAX) continue;
      const auto& grid = *range.which.expand->as<WindowExpand>();
      const int64_t borders = length / grid.slide_us + 1;
      if (borders > (join.keys.empty() ? kBordersAloneMax : kBordersMax)) continue;
      WindowExpand expand;
      expand.time_column = range.time;
      expand.slide_us = grid.slide_us;
      expand.size_us = length + 1;
      // The window that a border stands for begins where its range does.
      expand.end_us = -*range.from_us;
      expand.offset_us = (grid.offset_us % grid.slide_us + range.which.shift_us % grid.slide_us +
                          *range.from_us % grid.slide_us) %
                         grid.slide_us;
      return keyed(*node, timed, range.border, expand);
    }
    return nullptr;
  }

  static PlanPtr keyed(Plan& node, uint32_t timed, uint32_t border, WindowExpand expand) {
    Join join = std::move(*node.as<Join>());
    PlanPtr input = node.inputs[timed];
    Schema schema = input->schema;
    const Type type = schema.columns[expand.time_column].type.without_typmod();
    const auto end = static_cast<uint32_t>(schema.size() + 1);
    schema.columns.push_back({"window_start", type, true});
    schema.columns.push_back({"window_end", type, true});
    PlanPtr expanded = make_node(expand, {input}, std::move(schema));
    std::vector<PlanPtr> inputs = node.inputs;
    inputs[timed] = std::move(expanded);
    join.keys.push_back(timed == 0 ? Join::Key{end, border, false} : Join::Key{border, end, false});
    // Columns of the right side stand two places on when it is the left one that has grown.
    const auto width = static_cast<uint32_t>(node.inputs[0]->schema.size());
    std::vector<uint32_t> map;
    for (uint32_t i = 0; i < node.schema.size(); ++i) {
      map.push_back(i + (timed == 0 && i >= width ? 2 : 0));
    }
    remap_columns(*join.residual, map);
    return make_pick(make_join(std::move(inputs[0]), std::move(inputs[1]), std::move(join)), map);
  }

  std::unordered_map<const Plan*, PlanPtr> done_;
  std::vector<PlanPtr> kept_;
};

// The columns of `plan` that are borders of `expand` below projections; false: a column is computed
// from one.
bool find_borders(const Plan& plan, std::vector<bool>& borders) {
  if (plan.as<WindowExpand>() != nullptr) {
    borders.assign(plan.schema.size(), false);
    borders[plan.schema.size() - 1] = borders[plan.schema.size() - 2] = true;
    return true;
  }
  const auto* project = plan.as<Project>();
  std::vector<bool> below;
  if (project == nullptr || !find_borders(*plan.inputs[0], below)) return false;
  bool computed = false;
  for (const ExprPtr& expression : project->expressions) {
    const bool plain = expression->kind == ExprKind::column;
    borders.push_back(plain && below[expression->index]);
    each_row_column(*expression,
                    [&](Expr& column) { computed = computed || (!plain && below[column.index]); });
  }
  return !computed;
}

PlanPtr with_last_window(const Plan& plan) {
  if (const auto* expand = plan.as<WindowExpand>()) {
    WindowExpand last = *expand;
    last.size_us = last.slide_us;
    return make_node(last, plan.inputs, plan.schema);
  }
  std::vector<ExprPtr> expressions;
  for (const ExprPtr& expression : plan.as<Project>()->expressions) {
    expressions.push_back(expression->clone());
  }
  return make_node(Project{std::move(expressions)}, {with_last_window(*plan.inputs[0])},
                   plan.schema);
}

void count_in_windows_at(Plan& node) {
  auto* aggregate = node.as<Aggregate>();
  if (aggregate == nullptr) return;
  const Plan* below = node.inputs[0].get();
  while (below->as<Project>() != nullptr) below = below->inputs[0].get();
  const auto* expand = below->as<WindowExpand>();
  if (expand == nullptr || expand->size_us <= expand->slide_us ||
      expand->size_us % expand->slide_us != 0) {
    return;
  }
  std::vector<bool> borders;
  if (!find_borders(*node.inputs[0], borders)) return;
  const auto is_border = [&](uint32_t column) { return borders[column]; };
  for (const AggregateCall& call : aggregate->calls) {
    const bool reads_border =
        std::any_of(call.arguments.begin(), call.arguments.end(), is_border) ||
        (call.filter && is_border(*call.filter)) ||
        std::any_of(call.order.begin(), call.order.end(),
                    [&](const SortKey& key) { return is_border(key.column); });
    if (call.distinct || reads_border) return;
  }
  Aggregate::Hop hop;
  for (uint32_t g = 0; g < aggregate->groups.size(); ++g) {
    if (is_border(aggregate->groups[g])) hop.borders.push_back(g);
  }
  if (hop.borders.empty()) return;
  hop.slide_us = expand->slide_us;
  hop.count = static_cast<uint32_t>(expand->size_us / expand->slide_us);
  aggregate->hop = std::move(hop);
  node.inputs[0] = with_last_window(*node.inputs[0]);
}

}  // namespace

PlanPtr join_windows(PlanPtr plan) { return Joiner().run(plan); }

PlanPtr count_in_windows(PlanPtr plan) {
  each_plan_node(*plan, [](Plan& node) { count_in_windows_at(node); });
  return plan;
}

}  // namespace qw::sql
