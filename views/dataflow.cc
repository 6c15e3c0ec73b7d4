// Dataflow: the public face of the graph; see dataflow.h.
#include "views/dataflow.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"
#include "views/graph.h"

namespace qw::views {

DeltaSink::~DeltaSink() = default;
ErrorSink::~ErrorSink() = default;
ViewTurns::~ViewTurns() = default;

struct Dataflow::Impl {
  Graph graph;
  sql::EvalContext* context = nullptr;
  bool in_epoch = false;

  State* state(StateId id) const {
    const auto it = graph.states.find(id);
    return it == graph.states.end() ? nullptr : it->second;
  }
  std::vector<StateId> drop_nodes(ObjectId view);
  // Sets `logging` of the states that the view has made and gives them.
  std::vector<StateId> set_logging(ObjectId view, bool logging);
};

Dataflow::Dataflow() : impl_(std::make_unique<Impl>()) {}
Dataflow::~Dataflow() = default;

Result<std::vector<StateInfo>> Dataflow::add_view(
    const ViewSpec& spec, const sql::Plan& plan, const std::function<Result<StateId>()>& allocate) {
  QW_ASSERT(!impl_->in_epoch && !has_view(spec.id));
  Graph& graph = impl_->graph;
  auto& host = graph.hosts[spec.id];
  host = std::make_unique<ViewHost>(spec.id, spec.errors, graph.budget);
  ViewBuilder builder(graph, *host, spec, allocate);
  const auto built = builder.build(plan);
  if (!built) {
    remove_view(spec.id);
    return fail(built.error());
  }
  graph.register_spillables();
  graph.mark_nodes(spec.id);
  if (spec.recover) go_live(spec.id);
  return builder.take_states();
}

std::vector<ObjectId> Dataflow::to_hydrate(ObjectId view) const {
  std::vector<ObjectId> relations;
  for (const auto& [relation, roots] : impl_->graph.roots) {
    const bool reads_it = std::any_of(roots.begin(), roots.end(), [&](const Root& root) {
      return root.view == view && !root.live;
    });
    if (reads_it) relations.push_back(relation);
  }
  return relations;
}

std::vector<StateId> Dataflow::Impl::set_logging(ObjectId view, bool logging) {
  QW_ASSERT(!in_epoch && !graph.hosts.at(view)->live);
  std::vector<StateId> changed;
  for (auto& [id, state] : graph.states) {
    if (state->view != view || graph.of_output.contains(id)) continue;
    state->logging = logging;
    changed.push_back(id);
  }
  return changed;
}

void Dataflow::pause_log(ObjectId view) { impl_->set_logging(view, false); }
std::vector<StateId> Dataflow::resume_log(ObjectId view) { return impl_->set_logging(view, true); }
bool Dataflow::logs(StateId state) const { return impl_->state(state)->logging; }

void Dataflow::go_live(ObjectId view) {
  QW_ASSERT(has_view(view));
  impl_->graph.hosts.at(view)->live = true;
  for (auto& [relation, roots] : impl_->graph.roots) {
    for (Root& root : roots) {
      if (root.view == view) root.live = true;
    }
  }
  for (const auto& node : impl_->graph.nodes) {
    if (node->view != view) continue;
    QW_ASSERT(!node->keeps_waiting());
    node->patient = 0;
    if (!node->share_key.empty()) {
      impl_->graph.shared.try_emplace(node->share_key, node.get());
    }
  }
}

std::vector<StateId> Dataflow::Impl::drop_nodes(ObjectId view) {
  std::vector<StateId> dropped;
  std::set<const Node*> gone;
  // Pick nodes below a shared arrangement live as long as it does.
  for (auto it = graph.nodes.rbegin(); it != graph.nodes.rend(); ++it) {
    Node& node = **it;
    node.users.erase(view);
    if (node.index != nullptr) {
      if (node.users.empty()) gone.insert(&node);
      continue;
    }
    // What fed an index whose maker had gone before goes with the index.
    const bool of_nobody = !node.view && node.op != nullptr && !node.outputs.empty() &&
                           std::all_of(node.outputs.begin(), node.outputs.end(),
                                       [&](const Edge& e) { return gone.contains(e.to); });
    if (of_nobody) gone.insert(&node);
    if (node.view != view) continue;
    const bool feeds_survivor =
        std::any_of(node.outputs.begin(), node.outputs.end(), [&](const Edge& e) {
          return e.to->index != nullptr && !e.to->share_key.empty() && !e.to->users.empty();
        });
    if (!feeds_survivor) gone.insert(&node);
  }
  for (const auto& node : graph.nodes) {
    std::erase_if(node->outputs, [&](const Edge& e) { return gone.count(e.to) != 0; });
    std::erase_if(node->before, [&](const Edge& e) { return gone.count(e.to) != 0; });
    if (gone.count(node.get()) == 0) {
      // What outlives its maker belongs to nobody in particular.
      if (node->view == view) {
        node->view = ObjectId{0};
        node->host = nullptr;
      }
      continue;
    }
    std::vector<State*> states;
    if (node->index != nullptr) states.push_back(node->index.get());
    if (node->op != nullptr) states = node->op->states();
    for (State* state : states) {
      // A view that failed to compile has states without a number.
      if (graph.states.erase(state->id) != 0) dropped.push_back(state->id);
      graph.of_output.erase(state->id);
    }
    const auto shared = graph.shared.find(node->share_key);
    if (shared != graph.shared.end() && shared->second == node.get()) graph.shared.erase(shared);
  }
  for (auto& [relation, roots] : graph.roots) {
    std::erase_if(roots, [&](const Root& root) { return gone.count(root.node) != 0; });
    for (Root& root : roots) {
      if (root.view == view) root.view = ObjectId{0};
    }
  }
  std::erase_if(graph.roots, [](const auto& entry) { return entry.second.empty(); });
  std::erase_if(graph.nodes, [&](const auto& node) { return gone.count(node.get()) != 0; });
  return dropped;
}

std::vector<StateId> Dataflow::remove_view(ObjectId view) {
  QW_ASSERT(!impl_->in_epoch && has_view(view));
  std::vector<StateId> dropped = impl_->drop_nodes(view);
  impl_->graph.hosts.erase(view);
  std::erase(impl_->graph.broken, view);
  std::sort(dropped.begin(), dropped.end());
  return dropped;
}

bool Dataflow::has_view(ObjectId view) const { return impl_->graph.hosts.contains(view); }

bool Dataflow::reads(ObjectId relation) const {
  const auto it = impl_->graph.roots.find(relation);
  if (it == impl_->graph.roots.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(),
                     [](const Root& root) { return root.live; });
}

void Dataflow::begin_epoch(Epoch, sql::EvalContext& context, ViewTurns* turns) {
  QW_ASSERT(!impl_->in_epoch);
  impl_->in_epoch = true;
  impl_->graph.turns = turns;
  for (auto& [id, host] : impl_->graph.hosts) {
    host->set_context(&context);
    host->begin_epoch();
  }
}

void Dataflow::push(ObjectId relation, const Batch& batch, std::optional<ObjectId> view) {
  QW_ASSERT(impl_->in_epoch);
  if (batch.empty()) return;
  impl_->graph.relieve();
  impl_->graph.push_relation(relation, batch, view);
}

std::set<ObjectId> Dataflow::readers(ObjectId relation) const {
  std::set<ObjectId> views;
  const auto it = impl_->graph.roots.find(relation);
  if (it == impl_->graph.roots.end()) return views;
  for (const Root& root : it->second) {
    if (root.live) views.insert(root.view);
  }
  return views;
}

bool Dataflow::reads(ObjectId relation, ObjectId view) const {
  const auto it = impl_->graph.roots.find(relation);
  if (it == impl_->graph.roots.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(),
                     [&](const Root& root) { return root.live && root.view == view; });
}

void Dataflow::hydrate(ObjectId view, ObjectId relation, const Batch& batch) {
  QW_ASSERT(impl_->in_epoch && has_view(view));
  const auto it = impl_->graph.roots.find(relation);
  if (batch.empty() || it == impl_->graph.roots.end()) return;
  impl_->graph.relieve();
  for (const Root& root : it->second) {
    if (root.view == view && !root.live) impl_->graph.deliver({root.node, 0}, batch);
  }
}

void Dataflow::let_wait(ObjectId view, bool may) {
  QW_ASSERT(may || !waits(view));
  for (const auto& node : impl_->graph.nodes) {
    if (node->view == view) node->patient = may && node->may_wait ? ~uint64_t{0} : 0;
  }
}

bool Dataflow::waits(ObjectId view) const {
  return std::any_of(impl_->graph.nodes.begin(), impl_->graph.nodes.end(),
                     [&](const auto& node) { return node->view == view && node->keeps_waiting(); });
}

bool Dataflow::release(ObjectId view, const std::function<bool(uint64_t rows)>& enough) {
  QW_ASSERT(impl_->in_epoch && has_view(view));
  impl_->graph.relieve();
  return impl_->graph.release(view, enough);
}

void Dataflow::finish_epoch() {
  QW_ASSERT(impl_->in_epoch);
  impl_->graph.finish_epoch();
  impl_->graph.turns = nullptr;
  impl_->in_epoch = false;
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(nullptr);
}

std::vector<StateRecords> Dataflow::take_records() {
  std::vector<StateRecords> records;
  for (auto& [id, state] : impl_->graph.states) {
    std::vector<std::string> pieces = state->take_log();
    if (!pieces.empty()) records.push_back({id, std::move(pieces)});
  }
  return records;
}

std::optional<Error> Dataflow::broken(ObjectId view) const {
  const auto it = impl_->graph.hosts.find(view);
  if (it == impl_->graph.hosts.end()) return std::nullopt;
  return it->second->failure();
}

void Dataflow::break_view(ObjectId view, const Error& error) {
  QW_ASSERT(has_view(view));
  impl_->graph.hosts.at(view)->fail(error);
  impl_->graph.spread_failures();
}

void Dataflow::break_state(StateId state, const Error& error) {
  Graph& graph = impl_->graph;
  for (const auto& node : graph.nodes) {
    if (node->index != nullptr && node->index->id == state) {
      for (const ObjectId user : node->users) graph.hosts.at(user)->fail(error);
    } else if (node->op != nullptr) {
      for (const State* own : node->op->states()) {
        if (own->id == state) graph.hosts.at(node->view)->fail(error);
      }
    }
  }
  graph.spread_failures();
}

bool Dataflow::has_broken() const { return !impl_->graph.broken.empty(); }
std::vector<ObjectId> Dataflow::take_broken() { return std::exchange(impl_->graph.broken, {}); }

std::vector<StateId> Dataflow::states() const {
  std::vector<StateId> ids;
  for (const auto& [id, state] : impl_->graph.states) {
    if (impl_->graph.of_output.count(id) == 0) ids.push_back(id);
  }
  return ids;
}

std::vector<Dataflow::OutputState> Dataflow::output_states() const {
  std::vector<OutputState> found;
  for (const auto& [id, state] : impl_->graph.of_output) {
    found.push_back({id, state->view, state->of_output});
  }
  return found;
}

void Dataflow::load_rows(StateId state, const Batch& batch) {
  impl_->graph.of_output.at(state)->load_rows(batch);
}

bool Dataflow::image_is_stale(StateId state, uint32_t partition) const {
  return impl_->state(state)->image_is_stale(partition);
}

uint64_t Dataflow::partition_bytes(StateId state, uint32_t) const {
  return impl_->state(state)->bytes() / kPartitions;
}

Result<std::vector<std::string>> Dataflow::write_image(StateId state, uint32_t partition) {
  QW_ASSERT(!impl_->in_epoch && partition < kPartitions);
  State& found = *impl_->state(state);
  if (found.home == nullptr || (found.home->absent() >> partition & 1) == 0) {
    return found.write_image(partition);
  }
  auto pieces = impl_->graph.residency.read(*found.home, found, partition);
  if (pieces) {
    found.image_written(partition);
  } else {
    break_state(state, pieces.error());
  }
  return pieces;
}

void Dataflow::limit_memory(uint64_t bytes, const std::filesystem::path& dir, uint64_t bytes_max,
                            uint64_t process_max) {
  QW_ASSERT(impl_->graph.nodes.empty());
  Graph& graph = impl_->graph;
  graph.bytes_max = bytes_max;
  graph.process_max = process_max;
  // Values that are made are copied, into states, output and logs.
  if (process_max != UINT64_MAX) {
    graph.budget = std::make_shared<MemoryBudget>(0, process_max / 4 * 3);
  }
  graph.residency.set_limit(bytes, std::make_unique<storage::SpillFile>(dir));
  graph.residency.set_fixed([&graph] {
    uint64_t sum = 0;
    for (const auto& [id, state] : graph.states) sum += state->home == nullptr ? state->bytes() : 0;
    return sum;
  });
}

void Dataflow::change_limit(uint64_t bytes) {
  QW_ASSERT(!impl_->in_epoch && impl_->graph.residency.limited());
  impl_->graph.residency.change_limit(bytes);
  impl_->graph.residency.make_room(bytes);
}

uint64_t Dataflow::memory_limit() const {
  const Residency& residency = impl_->graph.residency;
  return residency.limited() ? std::max<uint64_t>(residency.limit(), 1) : 0;
}

uint64_t Dataflow::loans() const { return impl_->graph.residency.loans(); }
uint64_t Dataflow::spilled_bytes() const { return impl_->graph.residency.spilled_bytes(); }

Result<void> Dataflow::load_image(StateId state, uint32_t partition, Epoch image_epoch,
                                  std::string_view bytes) {
  State* found = impl_->state(state);
  if (found == nullptr) return fail(data_corrupted("image of an unknown state"));
  if (partition >= kPartitions) return fail(data_corrupted("image of an unknown partition"));
  return found->load_image(partition, image_epoch, bytes);
}

Result<void> Dataflow::apply_log(StateId state, Epoch epoch, std::string_view bytes) {
  State* found = impl_->state(state);
  if (found == nullptr) return fail(data_corrupted("log of an unknown state"));
  return found->apply_log(epoch, bytes);
}

void Dataflow::finish_recovery(sql::EvalContext& context) {
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(&context);
  for (const auto& node : impl_->graph.nodes) {
    if (node->op == nullptr || (node->host != nullptr && node->host->failed())) continue;
    node->op->finish_recovery();
  }
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(nullptr);
  impl_->graph.spread_failures();
  impl_->graph.residency.make_room(impl_->graph.residency.limit());
}

std::vector<Dataflow::RecoveryUnit> Dataflow::recovery_units() const {
  std::map<const void*, RecoveryUnit> units;
  std::vector<const void*> order;
  for (const auto& [id, state] : impl_->graph.states) {
    const void* of = state->home != nullptr ? static_cast<const void*>(state->home) : state;
    RecoveryUnit& unit = units[of];
    if (unit.states.empty()) order.push_back(of);
    unit.states.push_back(id);
    unit.in_parts = state->home != nullptr && impl_->graph.residency.limited();
  }
  std::vector<RecoveryUnit> out;
  for (const void* of : order) out.push_back(std::move(units[of]));
  return out;
}

void Dataflow::recover_only(const RecoveryUnit& unit, uint64_t partitions) {
  for (const StateId id : unit.states) {
    State& state = *impl_->state(id);
    if (unit.in_parts) impl_->graph.residency.split_empty(*state.home);
    state.recover_only(partitions);
  }
}

void Dataflow::end_part(const RecoveryUnit& unit, sql::EvalContext& context) {
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(&context);
  for (const auto& node : impl_->graph.nodes) {
    if (node->op == nullptr || (node->host != nullptr && node->host->failed())) continue;
    for (const State* state : node->op->states()) {
      if (state->id == unit.states.front()) node->op->finish_recovery();
    }
  }
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(nullptr);
  for (const StateId id : unit.states) impl_->state(id)->recover_only(~uint64_t{0});
  impl_->graph.residency.make_room(impl_->graph.residency.limit());
}

std::vector<StateStatus> Dataflow::status() const {
  std::vector<StateStatus> all;
  for (const auto& [id, state] : impl_->graph.states) {
    all.push_back(
        {id, state->view, state->layout, state->rows(), state->bytes(), state->home != nullptr});
  }
  return all;
}

uint64_t Dataflow::bytes() const {
  uint64_t sum = 0;
  for (const auto& [id, state] : impl_->graph.states) sum += state->bytes();
  return sum;
}

uint64_t Dataflow::state_hash(StateId state) const {
  State& found = *impl_->state(state);
  if (found.home == nullptr || found.home->absent() == 0) return found.hash();
  // Partition by partition would do, but nobody asks for this of much state.
  sql::EvalContext context;
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(&context);
  const auto back = impl_->graph.residency.bring(*found.home, found.home->absent());
  QW_ASSERT(back);
  for (auto& [id, host] : impl_->graph.hosts) host->set_context(nullptr);
  return found.hash();
}

}  // namespace qw::views
