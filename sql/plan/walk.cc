// See walk.h.
#include "sql/plan/walk.h"

#include <unordered_map>
#include <unordered_set>

#include "sql/function.h"
#include "src/base/assert.h"

namespace qw::sql {

namespace {

void visit_if(ExprPtr& expression, const std::function<void(ExprPtr&)>& visit) {
  if (expression != nullptr) visit(expression);
}

struct ExpressionVisitor {
  const std::function<void(ExprPtr&)>& visit;

  void operator()(Scan& scan) const {
    if (scan.bounds == nullptr) return;
    for (ExprPtr& value : scan.bounds->equal) visit_if(value, visit);
    visit_if(scan.bounds->any_array, visit);
    visit_if(scan.bounds->lower, visit);
    visit_if(scan.bounds->upper, visit);
  }
  void operator()(SystemScan&) const {}
  void operator()(Values& values) const {
    for (auto& row : values.rows) {
      for (ExprPtr& value : row) visit_if(value, visit);
    }
  }
  void operator()(Filter& filter) const { visit_if(filter.predicate, visit); }
  void operator()(Project& project) const {
    for (ExprPtr& value : project.expressions) visit_if(value, visit);
  }
  void operator()(ProjectSet& set) const {
    for (ExprPtr& value : set.arguments) visit_if(value, visit);
  }
  void operator()(WindowExpand&) const {}
  void operator()(Join& join) const { visit_if(join.residual, visit); }
  void operator()(Aggregate&) const {}
  void operator()(Distinct&) const {}
  void operator()(TopK&) const {}
  void operator()(Window&) const {}
  void operator()(SetOp&) const {}
  void operator()(Sort&) const {}
  void operator()(Limit& limit) const {
    visit_if(limit.limit, visit);
    visit_if(limit.offset, visit);
  }
  void operator()(Apply& apply) const { visit_if(apply.test, visit); }
  void operator()(Recursive&) const {}
  void operator()(RecursiveScan&) const {}
};

using OuterVisit = std::function<void(Expr&, uint32_t)>;

struct OuterWalk {
  const OuterVisit& visit;
  std::unordered_set<Plan*> seen;

  void expression(Expr& root, uint32_t nesting) {
    if (root.kind == ExprKind::outer_column && root.depth > nesting) {
      visit(root, root.depth - nesting);
    }
    for (ExprPtr& arg : root.args) expression(*arg, nesting);
    if (root.plan != nullptr) plan(*root.plan, nesting + 1);
  }
  void plan(Plan& node, uint32_t nesting) {
    if (!seen.insert(&node).second) return;
    each_expression(node, [&](ExprPtr& root) { expression(*root, nesting); });
    const bool apply = node.as<Apply>() != nullptr;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      plan(*node.inputs[i], nesting + (apply && i == 1 ? 1 : 0));
    }
  }
};

void plan_nodes(Plan& plan, std::unordered_set<Plan*>& seen,
                const std::function<void(Plan&)>& visit) {
  if (!seen.insert(&plan).second) return;
  visit(plan);
  for (PlanPtr& input : plan.inputs) plan_nodes(*input, seen, visit);
}

PlanPtr clone_node(const Plan& plan, std::unordered_map<const Plan*, PlanPtr>& done);

void clone_subqueries(Expr& root, std::unordered_map<const Plan*, PlanPtr>& done) {
  for (ExprPtr& arg : root.args) clone_subqueries(*arg, done);
  if (root.plan != nullptr) root.plan = clone_node(*root.plan, done);
}

std::vector<ExprPtr> clone_all(const std::vector<ExprPtr>& from) {
  std::vector<ExprPtr> to;
  to.reserve(from.size());
  for (const ExprPtr& value : from) to.push_back(value == nullptr ? nullptr : value->clone());
  return to;
}
ExprPtr clone_one(const ExprPtr& from) { return from == nullptr ? nullptr : from->clone(); }

struct OpCloner {
  Plan::Op operator()(const Scan& scan) const {
    Scan copy;
    copy.relation = scan.relation;
    copy.name = scan.name;
    copy.columns = scan.columns;
    if (scan.bounds != nullptr) {
      copy.bounds = std::make_shared<Scan::Bounds>();
      copy.bounds->index = scan.bounds->index;
      copy.bounds->index_name = scan.bounds->index_name;
      copy.bounds->any = scan.bounds->any;
      copy.bounds->any_array = clone_one(scan.bounds->any_array);
      copy.bounds->any_element = clone_one(scan.bounds->any_element);
      copy.bounds->any_max = scan.bounds->any_max;
      copy.bounds->equal = clone_all(scan.bounds->equal);
      copy.bounds->lower = clone_one(scan.bounds->lower);
      copy.bounds->upper = clone_one(scan.bounds->upper);
      copy.bounds->lower_inclusive = scan.bounds->lower_inclusive;
      copy.bounds->upper_inclusive = scan.bounds->upper_inclusive;
    }
    return copy;
  }
  Plan::Op operator()(const Values& values) const {
    Values copy;
    for (const auto& row : values.rows) copy.rows.push_back(clone_all(row));
    return copy;
  }
  Plan::Op operator()(const Filter& filter) const { return Filter{clone_one(filter.predicate)}; }
  Plan::Op operator()(const Project& project) const {
    return Project{clone_all(project.expressions)};
  }
  Plan::Op operator()(const ProjectSet& set) const {
    ProjectSet copy;
    copy.function = set.function;
    copy.arguments = clone_all(set.arguments);
    copy.result = set.result;
    copy.with_ordinality = set.with_ordinality;
    copy.keep_empty = set.keep_empty;
    return copy;
  }
  Plan::Op operator()(const Join& join) const {
    Join copy;
    copy.type = join.type;
    copy.keys = join.keys;
    copy.residual = clone_one(join.residual);
    copy.null_aware = join.null_aware;
    return copy;
  }
  Plan::Op operator()(const Limit& limit) const {
    return Limit{clone_one(limit.limit), clone_one(limit.offset), limit.with_ties};
  }
  Plan::Op operator()(const Apply& apply) const { return Apply{apply.kind, clone_one(apply.test)}; }
  Plan::Op operator()(const SystemScan& op) const { return op; }
  Plan::Op operator()(const WindowExpand& op) const { return op; }
  Plan::Op operator()(const Aggregate& op) const { return op; }
  Plan::Op operator()(const Distinct& op) const { return op; }
  Plan::Op operator()(const TopK& op) const { return op; }
  Plan::Op operator()(const Window& op) const { return op; }
  Plan::Op operator()(const SetOp& op) const { return op; }
  Plan::Op operator()(const Sort& op) const { return op; }
  Plan::Op operator()(const Recursive& op) const { return op; }
  Plan::Op operator()(const RecursiveScan& op) const { return op; }
};

PlanPtr clone_node(const Plan& plan, std::unordered_map<const Plan*, PlanPtr>& done) {
  if (auto found = done.find(&plan); found != done.end()) return found->second;
  auto copy = std::make_shared<Plan>();
  copy->op = std::visit(OpCloner(), plan.op);
  copy->schema = plan.schema;
  copy->properties = plan.properties;
  each_expression(*copy, [&](ExprPtr& root) { clone_subqueries(*root, done); });
  for (const PlanPtr& input : plan.inputs) copy->inputs.push_back(clone_node(*input, done));
  done.emplace(&plan, copy);
  return copy;
}

}  // namespace

void each_expression(Plan& node, const std::function<void(ExprPtr&)>& visit) {
  std::visit(ExpressionVisitor{visit}, node.op);
}

void each_plan_node(Plan& plan, const std::function<void(Plan&)>& visit) {
  std::unordered_set<Plan*> seen;
  plan_nodes(plan, seen, visit);
}

void each_node(Expr& root, const std::function<void(Expr&)>& visit) {
  visit(root);
  for (ExprPtr& arg : root.args) each_node(*arg, visit);
}

void each_node(const Expr& root, const std::function<void(const Expr&)>& visit) {
  visit(root);
  for (const ExprPtr& arg : root.args) each_node(std::as_const(*arg), visit);
}

void each_outer_column(Plan& plan, const OuterVisit& visit) { OuterWalk{visit, {}}.plan(plan, 0); }

void each_outer_column(Expr& root, const OuterVisit& visit) {
  OuterWalk{visit, {}}.expression(root, 0);
}

void each_row_column(Expr& root, const std::function<void(Expr&)>& visit) {
  if (root.kind == ExprKind::column && root.index < kSubqueryColumn) visit(root);
  for (ExprPtr& arg : root.args) each_row_column(*arg, visit);
  if (root.plan != nullptr) {
    each_outer_column(*root.plan, [&](Expr& column, uint32_t level) {
      if (level == 1) visit(column);
    });
  }
}

bool reaches_level(Plan& plan, uint32_t level) {
  bool found = false;
  each_outer_column(plan, [&](Expr&, uint32_t at) { found = found || at == level; });
  return found;
}

bool is_correlated(Plan& plan) {
  bool found = false;
  each_outer_column(plan, [&](Expr&, uint32_t) { found = true; });
  return found;
}

bool is_correlated(Expr& root) {
  bool found = false;
  each_outer_column(root, [&](Expr&, uint32_t) { found = true; });
  return found;
}

void shift_outer(Plan& plan, int32_t by, uint32_t from) {
  each_outer_column(plan, [&](Expr& column, uint32_t level) {
    if (level >= from)
      column.depth = static_cast<uint32_t>(static_cast<int32_t>(column.depth) + by);
  });
}

bool contains(const Expr& root, ExprKind kind) {
  if (root.kind == kind) return true;
  for (const ExprPtr& arg : root.args) {
    if (contains(*arg, kind)) return true;
  }
  return false;
}

bool has_subquery(const Expr& root) { return contains(root, ExprKind::subquery); }

namespace {

bool has_volatility(const Expr& root, Volatility at_least) {
  if (root.function != nullptr && root.function->volatility >= at_least) return true;
  for (const ExprPtr& arg : root.args) {
    if (has_volatility(*arg, at_least)) return true;
  }
  if (root.plan == nullptr) return false;
  bool found = false;
  each_plan_node(*root.plan, [&](Plan& node) {
    each_expression(node,
                    [&](ExprPtr& inner) { found = found || has_volatility(*inner, at_least); });
  });
  return found;
}

}  // namespace

bool is_volatile(const Expr& root) { return has_volatility(root, Volatility::volatile_); }
bool is_stable_or_volatile(const Expr& root) { return has_volatility(root, Volatility::stable); }

bool never_fails(const Expr& root) {
  switch (root.kind) {
    case ExprKind::column:
    case ExprKind::outer_column:
    case ExprKind::constant:
    case ExprKind::parameter:
      return true;
    case ExprKind::logical_and:
    case ExprKind::logical_or:
    case ExprKind::logical_not:
    case ExprKind::is_null:
    case ExprKind::is_not_null:
    case ExprKind::is_true:
    case ExprKind::is_not_true:
    case ExprKind::is_false:
    case ExprKind::is_not_false:
    case ExprKind::is_distinct:
    case ExprKind::is_not_distinct:
    case ExprKind::case_when:
    case ExprKind::coalesce:
    case ExprKind::nullif:
    case ExprKind::greatest:
    case ExprKind::least:
    case ExprKind::in_list:
      for (const ExprPtr& arg : root.args) {
        if (!never_fails(*arg)) return false;
      }
      return true;
    case ExprKind::call:
      if (!root.function->infallible) return false;
      for (const ExprPtr& arg : root.args) {
        if (!never_fails(*arg)) return false;
      }
      return true;
    case ExprKind::array_op:
    case ExprKind::array_make:
    case ExprKind::row_make:
    case ExprKind::field:
    case ExprKind::subscript:
    case ExprKind::subquery:
      return false;
  }
  return false;
}

void collect_columns(Expr& root, std::vector<bool>& used) {
  each_row_column(root, [&](Expr& column) {
    if (used.size() <= column.index) used.resize(column.index + 1, false);
    used[column.index] = true;
  });
}

void remap_columns(Expr& root, std::span<const uint32_t> map) {
  each_row_column(root, [&](Expr& column) {
    QW_ASSERT(column.index < map.size());
    column.index = map[column.index];
  });
}

void shift_columns(Expr& root, int32_t by) {
  each_row_column(root, [&](Expr& column) {
    column.index = static_cast<uint32_t>(static_cast<int32_t>(column.index) + by);
  });
}

namespace {

// `inside`: how many borders lie between the row whose columns are replaced and this place.
void deepen(Expr& root, uint32_t inside) {
  if (inside == 0) return;
  each_outer_column(root, [&](Expr& column, uint32_t) { column.depth += inside; });
  each_row_column(root, [&](Expr& column) {
    if (column.kind == ExprKind::column) {
      column.kind = ExprKind::outer_column;
      column.depth = inside;
    } else {
      column.depth += inside;
    }
  });
}

// What stands for a column keeps the type under which the column was read: int4 as oid.
void relabel(Expr& root, Type type) {
  const bool same = root.type.same(type);
  root.type = type;
  if (same) return;
  if (root.kind == ExprKind::constant) root.value = root.value.with_type(type.without_typmod());
  if (root.kind == ExprKind::array_make && type.is_array()) {
    for (ExprPtr& arg : root.args) relabel(*arg, arg->type.is_array() ? type : Type(type.element));
  }
}

struct Substitution {
  std::span<const ExprPtr> replacements;
  std::unordered_set<Plan*> seen;

  void expression(ExprPtr& root, uint32_t inside) {
    const bool mine = inside == 0 ? root->kind == ExprKind::column && root->index < kSubqueryColumn
                                  : root->kind == ExprKind::outer_column && root->depth == inside;
    if (mine) {
      QW_ASSERT(root->index < replacements.size());
      if (replacements[root->index] == nullptr) return;
      ExprPtr copy = replacements[root->index]->clone();
      deepen(*copy, inside);
      relabel(*copy, root->type);
      root = std::move(copy);
      return;
    }
    for (ExprPtr& arg : root->args) expression(arg, inside);
    if (root->plan != nullptr) plan(*root->plan, inside + 1);
  }
  void plan(Plan& node, uint32_t inside) {
    if (!seen.insert(&node).second) return;
    each_expression(node, [&](ExprPtr& root) { expression(root, inside); });
    const bool apply = node.as<Apply>() != nullptr;
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      plan(*node.inputs[i], inside + (apply && i == 1 ? 1 : 0));
    }
  }
};

}  // namespace

void substitute(ExprPtr& root, std::span<const ExprPtr> replacements) {
  Substitution{replacements, {}}.expression(root, 0);
}

void columns_to_outer(Expr& root) { deepen(root, 1); }

PlanPtr clone_plan(const Plan& plan) {
  std::unordered_map<const Plan*, PlanPtr> done;
  return clone_node(plan, done);
}

}  // namespace qw::sql
