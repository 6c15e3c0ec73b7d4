// Graph: nodes and edges of the live dataflow, and how a batch runs through them.
//
// A node is an operator, an arrangement (a RowIndex that others probe) or the end of a view. An
// arrangement passes a change on twice: before the index takes it in (to joins that have it as
// their left side) and after (right side); see operators/join.h. Nodes stand in topological order.
//
// Under a memory limit some partitions of states are elsewhere (state/residency.h). Rows for those
// that a batch needs wait in front of the node; when its turn comes at the end of the epoch, each
// partition comes back, is given its rows, and may go again. That ends a small epoch of its own for
// an operator that speaks at the end of epochs. Partitions go only where no operator is at work.
// A view that is being made lets rows wait until all have come: so each of its partitions comes
// back once, not once per slice. Epoch thread. Tests: tests/unit/views/dataflow_test.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sql/plan.h"
#include "views/dataflow.h"
#include "views/operators/operator.h"
#include "views/parked_rows.h"
#include "views/program_maker.h"
#include "views/state/row_index.h"

namespace qw::views {

class JoinOperator;
struct Node;

struct Edge {
  Node* to = nullptr;
  uint32_t port = 0;
};

// A view as the host of its operators.
class ViewHost final : public Host {
 public:
  ViewHost(ObjectId view, ErrorSink* errors, std::shared_ptr<MemoryBudget> budget)
      : view_(view), errors_(errors), budget_(std::move(budget)) {}
  sql::EvalContext& context() override { return *context_; }
  std::shared_ptr<MemoryBudget> budget() const override { return budget_; }
  void row_error(const Error& error, int64_t weight) override {
    if (errors_ != nullptr) errors_->add(error, weight);
  }
  void fail(Error error) override {
    if (!failure_) failure_ = std::move(error);
  }
  bool failed() const override { return failure_.has_value(); }
  // True once per failure.
  bool take_news() { return failed() && !std::exchange(told_, true); }
  const std::optional<Error>& failure() const { return failure_; }
  void set_context(sql::EvalContext* context) { context_ = context; }
  ObjectId view() const { return view_; }

  bool live = false;  // else it is being made

 private:
  ObjectId view_;
  ErrorSink* errors_;
  std::shared_ptr<MemoryBudget> budget_;
  sql::EvalContext* context_ = nullptr;
  std::optional<Error> failure_;
  bool told_ = false;
};

struct Node {
  std::unique_ptr<Operator> op;
  std::unique_ptr<RowIndex> index;
  std::vector<Edge> before, outputs;  // in topological order of their ends
  // Of an arrangement: it keeps only those rows that met nothing in this join, which comes before.
  JoinOperator* settled_by = nullptr;
  DeltaSink* sink = nullptr;  // the end of a view
  // Whose failure stops the node; null for arrangements and what feeds those that may be shared.
  ViewHost* host = nullptr;
  ObjectId view;          // who made it; 0 = an arrangement whose maker is gone
  std::string share_key;  // arrangements of relations: what makes two of them the same
  std::unique_ptr<ParkedRows> parked;
  // Whether rows may wait in front of it beyond the end of an epoch while its view is being made:
  // nothing before it takes rows back. Rows of one key may lie in several partitions; were an old
  // one to go in another epoch than its new one comes, the view would have both at an epoch's end,
  // or neither.
  bool may_wait = false;
  bool keeps_rows = false;  // copies values of what it is given
  // The partitions whose rows do, until release().
  uint64_t patient = 0;
  bool has_waiting() const { return parked != nullptr && parked->partitions() != 0; }
  // Whether rows wait that will go on waiting.
  bool keeps_waiting() const { return parked != nullptr && (parked->partitions() & patient) != 0; }
  bool dead = false;          // nobody needs its state any more: all who do are broken
  uint64_t bytes_before = 0;  // of its states, as the last epoch left them

  uint64_t state_bytes() const { return sum_of_states(&State::bytes); }
  uint64_t log_bytes() const { return sum_of_states(&State::log_bytes); }  // of the running epoch
  uint64_t sum_of_states(uint64_t (State::*measure)() const) const;

  Spillable* spillable() const { return index != nullptr ? index.get() : op_spillable(); }
  Spillable* op_spillable() const { return op != nullptr ? op->spillable() : nullptr; }
  std::set<ObjectId> users;  // of an arrangement
};

struct Root {
  Node* node = nullptr;
  ObjectId view;
  bool live = false;
};

class Graph {
 public:
  void deliver(const Edge& edge, const Batch& batch);
  void drain(Node& node);
  // To all that read the relation, or to what one view reads of it.
  void push_relation(ObjectId relation, const Batch& batch, std::optional<ObjectId> view = {});
  // Between batches from outside.
  void relieve() {
    if (residency.some_absent()) residency.relieve();
  }
  void finish_epoch();
  // The view has been given all that there was. Its rows that wait are worked on, one partition
  // after the other, until there are none or `enough`, told how many rows it has been, says so
  // (false).
  bool release(ObjectId view, const std::function<bool(uint64_t rows)>& enough);
  // Which nodes of the new view may_wait, and which keep rows.
  void mark_nodes(ObjectId view);
  // Fails every view that reads a failed one, and notes the new ones in `broken`.
  void spread_failures();
  // The arrangement with this state; nullptr when there is none.
  Node* index_of(StateId state) const;

  Residency residency;  // outlives the nodes
  std::vector<std::unique_ptr<Node>> nodes;
  std::map<ObjectId, std::vector<Root>> roots;       // by relation
  std::map<std::string, Node*, std::less<>> shared;  // live arrangements by share_key
  std::map<ObjectId, std::unique_ptr<ViewHost>> hosts;
  std::map<StateId, State*> states;
  std::map<StateId, RowState*> of_output;  // of those: what the view's rows hold
  std::vector<ObjectId> broken;            // not yet told

  ViewTurns* turns = nullptr;  // of the running epoch

  // More of states in memory breaks the largest view.
  uint64_t bytes_max = UINT64_MAX;
  // More of the whole process breaks a view that is being made.
  uint64_t process_max = UINT64_MAX;
  std::shared_ptr<MemoryBudget> budget;  // of the process; null without a limit
  // `breaks`: of which views one may break when the process is too large.
  enum class Of : uint8_t { all, made };
  void check_memory(Of breaks = Of::made);

  // Fails who uses the state.
  void fail_users(const Node& node, const Error& error);
  // New nodes' states may be taken out of memory.
  void register_spillables();

 private:
  std::set<ObjectId> readers(ObjectId view) const;
  void deliver_whole(const Edge& edge, const Batch& batch);
  void deliver_in_pieces(const Edge& edge, const Batch& batch);
  void deliver_present(const Edge& edge, const Batch& batch);
  // Whether the rows have been seen to: delivered, or parked.
  bool divide(const Edge& edge, const Batch& batch);
  static std::vector<Spillable*> units_of(const Node& node);
  void finish_node(Node& node);
  void finish_nodes();
  void finish_in_turns();
  void drain_last(Node& node);
  void release_parked(Node& node);
  bool release(Node& node, uint32_t partition, const std::function<bool()>& enough);
  Result<bool> release_many(Node& node, std::span<Spillable* const> units, uint32_t partition,
                            const std::function<bool()>& enough);
  Result<bool> release_few(Node& node, std::span<Spillable* const> units, uint32_t partition);
  ParkedRows::Taker giver(Node& node);
  void finish_part(Node& node);
  Result<void> provide(const Node& node, const Operator::Wanted& wanted);
  enum class Blame : uint8_t { growth, size, process };
  bool break_largest(Blame blame, Of of = Of::all, uint64_t bytes_min = 1);
  void free_broken();
  Result<void> bring(std::span<Spillable* const> units, uint32_t partition);
  Result<void> lend(std::span<Spillable* const> units, uint32_t partition,
                    std::span<const uint64_t> hashes);
  bool failed(const Node& node) const;
  Arena index_arena_, divide_arena_;
  uint32_t produced_ = 0;       // batches since memory was looked at
  uint32_t check_batches_ = 1;  // so many, and it is looked at again
  uint64_t checked_bytes_ = 0;
  uint64_t long_bytes_ = 0;    // of values given to nodes that keep them, since then
  uint64_t given_ = 0;         // rows that had waited, in this release()
  uint64_t given_bytes_ = 0;   // of them to one partition
  bool newly_broken_ = false;  // there are states to be freed
};

// Adds the nodes of one view. The caller removes what was added when it fails.
//
// Which indexes may be shared: an index that others have is complete from the start, so none of its
// rows will flow through the new view. That is right for one side of a join while all rows of the
// other side come by and probe it, and for the right side of an existence test; never for both.
class ViewBuilder {
 public:
  ViewBuilder(Graph& graph, ViewHost& host, const ViewSpec& spec,
              const std::function<Result<StateId>()>& allocate)
      : graph_(graph), host_(host), spec_(spec), allocate_(allocate) {}
  Result<void> build(const sql::Plan& plan);
  std::vector<StateInfo> take_states() { return std::move(states_); }

 private:
  Result<Node*> node_of(const sql::Plan& plan);
  Result<Node*> make(const sql::Plan& plan);
  Result<Node*> make_scan(const sql::Scan& scan);
  Result<Node*> make_filter(const sql::Expr& predicate, Node* input, std::span<const Type> types);
  Result<Node*> make_join(const sql::Plan& plan);
  Result<Node*> make_peak_join(const sql::Plan& plan);
  Result<Node*> existence(Node* left, Node* right, bool anti, std::vector<Type> before,
                          std::vector<Type> after);
  Result<Node*> side_existence(const sql::Plan& plan, bool left_side, Node* joined, bool anti,
                               std::vector<Type> before, std::vector<Type> after);
  Result<Node*> make_not_in(const sql::Plan& plan);
  Result<Node*> make_outer(const sql::Plan& plan);
  enum class Keep : uint8_t { all, unmatched };
  enum class Sharing : uint8_t { allowed, refused };
  Result<Node*> make_inner(const sql::Plan& plan, Keep keep, Sharing left_sharing,
                           Sharing right_sharing);
  Result<Node*> make_union(const sql::Plan& plan);
  // Rows of `input` by key: an index that later views may share, or one that is there already.
  Result<Node*> arrange(const sql::Plan& input, const std::vector<uint32_t>& key,
                        const std::vector<bool>& skip_null, Sharing sharing);
  Result<Node*> use_shared(const std::string& share_key, const std::string& layout);
  Result<Node*> make_shareable(const sql::Plan& input, const std::vector<uint32_t>& key,
                               const std::vector<bool>& skip_null, const std::string& share_key,
                               const std::string& layout);
  // Tells `index`, which holds `input` by `key`, of the rows that a filter in `input` held back.
  Result<void> close_keys(const sql::Plan& input, const std::vector<uint32_t>& key, Node* index);
  // An arrangement of this join alone.
  Result<Node*> arrange_unmatched(const sql::Plan& input, const std::vector<uint32_t>& key,
                                  const std::vector<bool>& skip_null);
  Result<Node*> arrange_node(Node* input, std::vector<Type> types, const std::vector<uint32_t>& key,
                             const std::vector<bool>& skip_null, Identity identity);
  Result<Node*> add_operator(std::unique_ptr<Operator> op, std::vector<Node*> inputs);
  Result<void> add_state(State& state, const std::string& layout);
  void trace_output(const sql::Plan& plan);
  void keep_in_output(const sql::Plan& plan, Operator& op);
  Node* add_node();

  Graph& graph_;
  ViewHost& host_;
  const ViewSpec& spec_;
  const std::function<Result<StateId>()>& allocate_;
  std::map<const sql::Plan*, Node*> made_;
  std::map<std::string, Node*> arranged_;
  std::set<const Node*> complete_;  // indexes of others
  // The plan whose columns the view shows as they are: of each, which column of the view.
  const sql::Plan* shown_ = nullptr;
  std::vector<std::optional<uint32_t>> shown_as_;
  std::vector<StateInfo> states_;
  size_t next_state_ = 0;
  uint32_t depth_ = 0;
  ProgramMaker programs_;
};

}  // namespace qw::views
