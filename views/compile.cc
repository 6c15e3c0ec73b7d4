// ViewBuilder: sql::Plan -> nodes of the live graph. See graph.h.
#include <algorithm>
#include <string_view>

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

// Of a plan below columns that are only chosen and ordered, all rows stand in the view.
void ViewBuilder::trace_output(const sql::Plan& plan) {
  shown_ = &plan;
  for (uint32_t c = 0; c < plan.schema.columns.size(); ++c) shown_as_.emplace_back(c);
  while (shown_->as<sql::Project>() != nullptr || shown_->as<sql::Sort>() != nullptr) {
    if (const auto* project = shown_->as<sql::Project>()) {
      std::vector<std::optional<uint32_t>> below(shown_->inputs[0]->schema.columns.size());
      for (size_t i = 0; i < project->expressions.size(); ++i) {
        const sql::Expr& column = *project->expressions[i];
        if (column.kind != sql::ExprKind::column)
          return;  // it may fail, and then the row is missing
        if (shown_as_[i]) below[column.index] = shown_as_[i];
      }
      shown_as_ = std::move(below);
    }
    shown_ = shown_->inputs[0].get();
  }
}

void ViewBuilder::keep_in_output(const sql::Plan& plan, Operator& op) {
  RowState* state = op.output_state();
  if (!spec_.rows_kept || &plan != shown_ || state == nullptr) return;
  std::vector<uint32_t> columns;
  for (size_t c = 0; c < state->codec().types().size(); ++c) {
    if (!shown_as_[c]) return;
    columns.push_back(*shown_as_[c]);
  }
  state->of_output = std::move(columns);
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
    if (graph_.states.contains(state.id)) {
      return fail(data_corrupted("two states have one number").with_detail(layout));
    }
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
  RowState* output = node->op->output_state();
  for (State* state : node->op->states()) {
    const bool shown = state == output && !output->of_output.empty();
    QW_TRY(add_state(*state, fmt::format("operator {} part {}{}", states_.size(), part++,
                                         shown ? " as the view's rows" : state->form())));
    if (!shown) continue;
    state->logging = false;
    graph_.of_output[state->id] = output;
  }
  return node;
}

Result<void> ViewBuilder::build(const sql::Plan& plan) {
  trace_output(plan);
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
      builder.keep_in_output(plan, *op);
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
  graph_.roots[scan.relation].push_back({node, spec_.id, false});
  return node;
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

// In front of the layout of an index that was others' when the view was made.
constexpr std::string_view kShared = "shared ";

Result<Node*> ViewBuilder::arrange(const sql::Plan& input, const std::vector<uint32_t>& key,
                                   const std::vector<bool>& skip_null, Sharing sharing) {
  const auto* scan = input.as<sql::Scan>();
  if (scan == nullptr || scan->bounds != nullptr) {
    QW_ASSIGN_OR_RETURN(Node * node, node_of(input));
    return arrange_node(node, schema_types(input), key, skip_null, Identity::equal);
  }
  std::string share_key = fmt::format("index of {} columns {} key {} nulls ", scan->relation,
                                      join_numbers(scan->columns), join_numbers(key));
  for (const bool skip : skip_null) share_key.push_back(skip ? '-' : '=');
  if (const auto it = arranged_.find(share_key); it != arranged_.end()) return it->second;
  if (sharing == Sharing::allowed) {
    const std::string layout = std::string(kShared) + share_key;
    if (const auto it = arranged_.find(layout); it != arranged_.end()) return it->second;
    QW_ASSIGN_OR_RETURN(Node * node, use_shared(share_key, layout));
    // At recovery the view follows what it was, also when it is the first to need the index now.
    if (node == nullptr && spec_.recover && next_state_ < spec_.states.size() &&
        spec_.states[next_state_].layout == layout) {
      QW_ASSIGN_OR_RETURN(node, make_shareable(input, key, skip_null, share_key, layout));
    }
    if (node != nullptr) {
      complete_.insert(node);
      arranged_[layout] = node;
      return node;
    }
  }
  // Views come back in the order of their ids: one that shared the index of this one may have been
  // first.
  Node* node = nullptr;
  if (spec_.recover) {
    QW_ASSIGN_OR_RETURN(node, use_shared(share_key, share_key));
  }
  if (node == nullptr) {
    QW_ASSIGN_OR_RETURN(node, make_shareable(input, key, skip_null, share_key, share_key));
  }
  arranged_[share_key] = node;
  return node;
}

// The index that others have; null when there is none. At recovery a view goes back to the index it
// had, which need not be the one that new views would be given.
Result<Node*> ViewBuilder::use_shared(const std::string& share_key, const std::string& layout) {
  Node* node = nullptr;
  if (spec_.recover) {
    if (next_state_ >= spec_.states.size() || spec_.states[next_state_].layout != layout) {
      return nullptr;
    }
    node = graph_.index_of(spec_.states[next_state_].id);
    if (node == nullptr) return nullptr;
    if (node->share_key != share_key) {
      return fail(data_corrupted("two different indexes have one number").with_detail(layout));
    }
    ++next_state_;
  } else {
    const auto shared = graph_.shared.find(share_key);
    if (shared == graph_.shared.end()) return nullptr;
    node = shared->second;
    // What broke all who use it (a state that could not be recovered) is not to be trusted.
    const bool sound = std::any_of(node->users.begin(), node->users.end(),
                                   [&](ObjectId user) { return !graph_.hosts.at(user)->failed(); });
    if (!sound) return nullptr;
  }
  node->users.insert(spec_.id);
  node->index->view = ObjectId{0};
  states_.push_back({node->index->id, layout});
  return node;
}

Result<Node*> ViewBuilder::make_shareable(const sql::Plan& input, const std::vector<uint32_t>& key,
                                          const std::vector<bool>& skip_null,
                                          const std::string& share_key, const std::string& layout) {
  QW_ASSIGN_OR_RETURN(Node * pick, make_scan(*input.as<sql::Scan>()));
  pick->host = nullptr;  // it goes on feeding the index when this view breaks
  Node* node = add_node();
  node->index = std::make_unique<RowIndex>(schema_types(input), key, skip_null);
  node->index->append_only = input.properties.append_only;
  node->users.insert(spec_.id);
  node->host = nullptr;
  node->share_key = share_key;
  QW_TRY(add_state(*node->index, layout));
  pick->outputs.push_back({node, 0});
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

Result<void> ViewBuilder::close_keys(const sql::Plan& input, const std::vector<uint32_t>& key,
                                     Node* index) {
  const auto* filter = input.as<sql::Filter>();
  if (filter == nullptr || !settles(*input.inputs[0], key) || index->index->closable) return {};
  const std::vector<Type> types = schema_types(*input.inputs[0]);
  QW_ASSIGN_OR_RETURN(Node * source, node_of(*input.inputs[0]));
  QW_ASSIGN_OR_RETURN(auto program, programs_.compile(*filter->predicate, types));
  QW_ASSIGN_OR_RETURN(
      Node * node,
      add_operator(std::make_unique<CloseOperator>(host_, std::move(program), key), {source}));
  index->index->closable = true;
  node->outputs.push_back({index, 0});
  return {};
}

// With Keep::unmatched a side whose rows can meet one row at most, which stays, forgets those that
// have met it: facts joined with their dimension by its key cost no memory.
Result<Node*> ViewBuilder::make_inner(const sql::Plan& plan, Keep keep, Sharing left_sharing,
                                      Sharing right_sharing) {
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
  QW_ASSIGN_OR_RETURN(Node * right, drop_right
                                        ? arrange_unmatched(*plan.inputs[1], right_key, skip)
                                        : arrange(*plan.inputs[1], right_key, skip, right_sharing));
  if (complete_.count(right) != 0) left_sharing = Sharing::refused;
  QW_ASSIGN_OR_RETURN(Node * left, drop_left
                                       ? arrange_unmatched(*plan.inputs[0], left_key, skip)
                                       : arrange(*plan.inputs[0], left_key, skip, left_sharing));
  if (drop_left) QW_TRY(close_keys(*plan.inputs[1], right_key, right));
  if (drop_right) QW_TRY(close_keys(*plan.inputs[0], left_key, left));
  auto op = std::make_unique<JoinOperator>(host_, *left->index, *right->index, left_key, right_key);
  JoinOperator* join_op = op.get();
  QW_ASSIGN_OR_RETURN(Node * node, add_operator(std::move(op), {}));
  left->before.push_back({node, 0});
  if (drop_left) {
    left->settled_by = join_op;
    join_op->settle(0);
  }
  if (drop_right) {
    // Probing before or after the own side is updated is the same to the other side.
    right->before.push_back({node, 1});
    right->settled_by = join_op;
    join_op->settle(1);
  } else {
    right->outputs.push_back({node, 1});
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
  if (plan.properties.peak) return make_peak_join(plan);
  return make_inner(plan, Keep::unmatched, Sharing::allowed, Sharing::allowed);
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
