// ViewBuilder: sql::Plan -> nodes of the live graph. See graph.h.
#include <algorithm>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "views/graph.h"
#include "views/operators/join.h"
#include "views/operators/linear.h"

namespace qw::views {

namespace {

std::string join_numbers(std::span<const uint32_t> numbers) {
  return fmt::format("{}", fmt::join(numbers, ","));
}

}  // namespace

Node* ViewBuilder::add_node() {
  graph_.nodes.push_back(std::make_unique<Node>());
  Node* node = graph_.nodes.back().get();
  node->host = &host_;
  node->view = spec_.id;
  return node;
}

Result<void> ViewBuilder::add_state(State& state, const std::string& layout) {
  state.layout = layout;
  state.view = spec_.id;
  state.logging = true;
  if (spec_.recover) {
    if (next_state_ >= spec_.states.size() || spec_.states[next_state_].layout != layout) {
      return fail(
          object_not_in_prerequisite_state("the stored state of the view does not fit its plan")
              .with_detail(layout));
    }
    state.id = spec_.states[next_state_++].id;
  } else {
    QW_ASSIGN_OR_RETURN(state.id, allocate_());
  }
  graph_.states[state.id] = &state;
  states_.push_back({state.id, layout});
  return {};
}

Result<Node*> ViewBuilder::add_operator(std::unique_ptr<Operator> op, std::vector<Node*> inputs) {
  Node* node = add_node();
  node->op = std::move(op);
  for (uint32_t port = 0; port < inputs.size(); ++port) {
    inputs[port]->outputs.push_back({node, port});
  }
  uint32_t part = 0;
  for (State* state : node->op->states()) {
    QW_TRY(add_state(*state, fmt::format("operator {} part {}", states_.size(), part++)));
  }
  return node;
}

Result<void> ViewBuilder::build(const sql::Plan& plan) {
  QW_ASSIGN_OR_RETURN(Node * top, node_of(plan));
  Node* end = add_node();
  end->sink = spec_.rows;
  top->outputs.push_back({end, 0});
  if (spec_.recover && next_state_ != spec_.states.size()) {
    return fail(object_not_in_prerequisite_state("the view has more stored states than its plan"));
  }
  return {};
}

Result<Node*> ViewBuilder::node_of(const sql::Plan& plan) {
  const auto it = made_.find(&plan);
  if (it != made_.end()) return it->second;
  if (++depth_ > limits::kNestingMax)
    return fail(statement_too_complex("view is nested too deeply"));
  QW_ASSIGN_OR_RETURN(Node * node, make(plan));
  --depth_;
  made_[&plan] = node;
  return node;
}

Result<Node*> ViewBuilder::make(const sql::Plan& plan) {
  const auto reads_only = [](const char* what) {
    return fail(
        feature_not_supported(std::string(what) + " is not supported in materialized views"));
  };
  struct Visitor {
    ViewBuilder& builder;
    const sql::Plan& plan;
    decltype(reads_only)& refuse;
    using Made = Result<Node*>;
    Made simple() {
      std::vector<Node*> inputs;
      for (const auto& input : plan.inputs) {
        QW_ASSIGN_OR_RETURN(Node * node, builder.node_of(*input));
        inputs.push_back(node);
      }
      QW_ASSIGN_OR_RETURN(auto op, make_operator(builder.host_, plan, builder.programs_));
      return builder.add_operator(std::move(op), inputs);
    }
    Made operator()(const sql::Scan& scan) { return builder.make_scan(scan); }
    Made operator()(const sql::SystemScan&) { return refuse("a system table"); }
    Made operator()(const sql::Values&) { return simple(); }
    Made operator()(const sql::Filter&) { return simple(); }
    Made operator()(const sql::Project&) { return simple(); }
    Made operator()(const sql::ProjectSet&) { return simple(); }
    Made operator()(const sql::WindowExpand&) { return simple(); }
    Made operator()(const sql::Join&) { return builder.make_join(plan); }
    Made operator()(const sql::Aggregate&) { return simple(); }
    Made operator()(const sql::Distinct&) { return simple(); }
    Made operator()(const sql::TopK&) { return simple(); }
    Made operator()(const sql::Window&) { return simple(); }
    Made operator()(const sql::SetOp& op) {
      return op.kind == sql::SetOpKind::union_all ? builder.make_union(plan) : simple();
    }
    Made operator()(const sql::Sort&) { return builder.node_of(*plan.inputs[0]); }
    Made operator()(const sql::Limit&) { return refuse("LIMIT"); }
    Made operator()(const sql::Apply&) { return refuse("a correlated subquery of this form"); }
    Made operator()(const sql::Recursive&) { return refuse("WITH RECURSIVE"); }
    Made operator()(const sql::RecursiveScan&) { return refuse("WITH RECURSIVE"); }
  };
  return std::visit(Visitor{*this, plan, reads_only}, plan.op);
}

Result<Node*> ViewBuilder::make_scan(const sql::Scan& scan) {
  if (scan.bounds != nullptr) return fail(internal_error("a view's plan has scan bounds"));
  QW_ASSIGN_OR_RETURN(Node * node,
                      add_operator(std::make_unique<PickOperator>(host_, scan.columns), {}));
  graph_.roots[scan.relation].push_back({node, spec_.id});
  return node;
}

Result<void> ViewBuilder::hydrate_left(const Node* index, Node* op, uint32_t port, uint32_t pass) {
  const sql::Scan& scan = *preloaded_.at(index);
  QW_ASSIGN_OR_RETURN(Node * pick,
                      add_operator(std::make_unique<PickOperator>(host_, scan.columns), {}));
  graph_.roots[scan.relation].push_back({pick, spec_.id, false, true, pass});
  pick->outputs.push_back({op, port});
  return {};
}

Result<Node*> ViewBuilder::make_filter(const sql::Expr& predicate, Node* input,
                                       std::span<const Type> types) {
  QW_ASSIGN_OR_RETURN(auto program, programs_.compile(predicate, types));
  return add_operator(std::make_unique<FilterOperator>(host_, std::move(program)), {input});
}

Result<Node*> ViewBuilder::arrange_node(Node* input, std::vector<Type> types,
                                        const std::vector<uint32_t>& key,
                                        const std::vector<bool>& skip_null, Identity identity) {
  std::string name = fmt::format("{} {} {}", static_cast<void*>(input), join_numbers(key),
                                 identity == Identity::exact ? "exact" : "equal");
  for (const bool skip : skip_null) name.push_back(skip ? '-' : '=');
  const auto it = arranged_.find(name);
  if (it != arranged_.end()) return it->second;
  Node* node = add_node();
  node->index = std::make_unique<RowIndex>(std::move(types), key, skip_null, identity);
  node->users.insert(spec_.id);
  node->host = nullptr;
  QW_TRY(
      add_state(*node->index, fmt::format("index {} key {}", states_.size(), join_numbers(key))));
  input->outputs.push_back({node, 0});
  arranged_[name] = node;
  return node;
}

Result<Node*> ViewBuilder::arrange(const sql::Plan& input, const std::vector<uint32_t>& key,
                                   const std::vector<bool>& skip_null) {
  const auto* scan = input.as<sql::Scan>();
  if (scan == nullptr || scan->bounds != nullptr) {
    QW_ASSIGN_OR_RETURN(Node * node, node_of(input));
    return arrange_node(node, schema_types(input), key, skip_null, Identity::equal);
  }
  std::string share_key = fmt::format("index of {} columns {} key {} nulls ", scan->relation,
                                      join_numbers(scan->columns), join_numbers(key));
  for (const bool skip : skip_null) share_key.push_back(skip ? '-' : '=');
  if (const auto it = arranged_.find(share_key); it != arranged_.end()) return it->second;
  const auto shared = graph_.shared.find(share_key);
  bool usable = shared != graph_.shared.end();
  if (usable && spec_.recover) {
    usable = next_state_ < spec_.states.size() &&
             spec_.states[next_state_].id == shared->second->index->id;
    if (usable) ++next_state_;
  }
  if (usable) {
    Node* node = shared->second;
    node->users.insert(spec_.id);
    node->index->view = ObjectId{0};
    states_.push_back({node->index->id, share_key});
    arranged_[share_key] = node;
    if (!spec_.recover) preloaded_[node] = scan;
    return node;
  }
  QW_ASSIGN_OR_RETURN(Node * pick, make_scan(*scan));
  pick->host = nullptr;  // others may depend on it when this view has failed
  Node* node = add_node();
  node->index = std::make_unique<RowIndex>(schema_types(input), key, skip_null);
  node->index->append_only = input.properties.append_only;
  node->users.insert(spec_.id);
  node->host = nullptr;
  node->share_key = share_key;
  QW_TRY(add_state(*node->index, share_key));
  pick->outputs.push_back({node, 0});
  arranged_[share_key] = node;
  return node;
}

Result<Node*> ViewBuilder::arrange_unmatched(const sql::Plan& input,
                                             const std::vector<uint32_t>& key,
                                             const std::vector<bool>& skip_null) {
  QW_ASSIGN_OR_RETURN(Node * source, node_of(input));
  Node* node = add_node();
  node->index = std::make_unique<RowIndex>(schema_types(input), key, skip_null);
  node->users.insert(spec_.id);
  node->host = nullptr;
  QW_TRY(add_state(*node->index,
                   fmt::format("unmatched rows {} key {}", states_.size(), join_numbers(key))));
  source->outputs.push_back({node, 0});
  return node;
}

namespace {

// Whether at most one row of the input ever has a given value of `key`, and it stays.
bool settles(const sql::Plan& input, const std::vector<uint32_t>& key) {
  if (!input.properties.append_only) return false;
  return std::any_of(input.properties.unique_keys.begin(), input.properties.unique_keys.end(),
                     [&](const std::vector<uint32_t>& unique) {
                       return std::all_of(unique.begin(), unique.end(), [&](uint32_t column) {
                         return std::find(key.begin(), key.end(), column) != key.end();
                       });
                     });
}

}  // namespace

// With Keep::unmatched a side whose rows can meet one row at most, which stays, forgets those that
// have met it: facts joined with their dimension by its key cost no memory.
Result<Node*> ViewBuilder::make_inner(const sql::Plan& plan, Keep keep, Node*& left_index,
                                      Node*& right_index) {
  const auto& join = *plan.as<sql::Join>();
  std::vector<uint32_t> left_key, right_key;
  std::vector<bool> skip;
  for (const auto& key : join.keys) {
    left_key.push_back(key.left);
    right_key.push_back(key.right);
    skip.push_back(!key.null_safe);
  }
  const bool drop_left = keep == Keep::unmatched && settles(*plan.inputs[1], right_key);
  const bool drop_right =
      keep == Keep::unmatched && !drop_left && settles(*plan.inputs[0], left_key);
  QW_ASSIGN_OR_RETURN(left_index, drop_left ? arrange_unmatched(*plan.inputs[0], left_key, skip)
                                            : arrange(*plan.inputs[0], left_key, skip));
  QW_ASSIGN_OR_RETURN(right_index, drop_right ? arrange_unmatched(*plan.inputs[1], right_key, skip)
                                              : arrange(*plan.inputs[1], right_key, skip));
  auto op = std::make_unique<JoinOperator>(host_, *left_index->index, *right_index->index, left_key,
                                           right_key);
  JoinOperator* join_op = op.get();
  QW_ASSIGN_OR_RETURN(Node * node, add_operator(std::move(op), {}));
  left_index->before.push_back({node, 0});
  if (drop_left) {
    left_index->settled_by = join_op;
    join_op->settle(0);
  }
  if (drop_right) {
    // Probing before or after the own side is updated is the same to the other side.
    right_index->before.push_back({node, 1});
    right_index->settled_by = join_op;
    join_op->settle(1);
  } else {
    right_index->outputs.push_back({node, 1});
  }
  // The side that is hydrated meets the one that is full; when both are, nothing would come.
  if (has_rows(left_index) && has_rows(right_index)) {
    QW_TRY(hydrate_left(left_index, node, 0, 1));
  }
  if (join.residual == nullptr) return node;
  std::vector<Type> types = schema_types(*plan.inputs[0]);
  const std::vector<Type> right_types = schema_types(*plan.inputs[1]);
  types.insert(types.end(), right_types.begin(), right_types.end());
  return make_filter(*join.residual, node, types);
}

Result<Node*> ViewBuilder::make_join(const sql::Plan& plan) {
  const auto& join = *plan.as<sql::Join>();
  if (join.type != sql::JoinType::inner) return make_outer(plan);
  Node *left = nullptr, *right = nullptr;
  return make_inner(plan, Keep::unmatched, left, right);
}

Result<Node*> ViewBuilder::make_union(const sql::Plan& plan) {
  std::vector<Node*> inputs;
  for (const auto& input : plan.inputs) {
    QW_ASSIGN_OR_RETURN(Node * node, node_of(*input));
    inputs.push_back(node);
  }
  return add_operator(std::make_unique<PassOperator>(host_), inputs);
}

}  // namespace qw::views
