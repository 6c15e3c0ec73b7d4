// Graph: the way of a batch; see graph.h.
#include "views/graph.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/memory_budget.h"
#include "views/operators/join.h"

namespace qw::views {
namespace {

// Rows that wait in front of a node go to the disk beyond this part of the limit.
constexpr uint64_t kParkedPart = 64;
constexpr uint64_t kParkedBytesMin = 256 << 10;
// Batches given out by operators between two looks at memory: at most so many, fewer where more
// than this part of what there is has come between two. Rows may be long.
constexpr uint32_t kCheckBatchesMax = 32;
constexpr uint64_t kSlowPart = 64;
// Of long values so much, as a part of the limit of the process, is given to a node before memory
// is looked at.
constexpr uint64_t kPiecePart = 64;
// A partition that was brought back is given rows worth so much of it at least (a row counts its
// values of variable length and some more): else it would come back for every slice.
constexpr uint64_t kGivenPart = 4, kRowBytes = 16;
// What a view that is being made must have grown by in an epoch to be broken when the process is
// too large.
constexpr uint64_t kGrowthPart = 32;
// And one that is live.
constexpr uint64_t kLiveGrowthPart = 4;

}  // namespace

void Graph::deliver(const Edge& edge, const Batch& batch) {
  if (process_max == UINT64_MAX || !edge.to->keeps_rows) return deliver_whole(edge, batch);
  const uint64_t bytes = batch.string_bytes(), piece = process_max / kPiecePart;
  if (bytes > piece && batch.size() > 1) return deliver_in_pieces(edge, batch);
  long_bytes_ += bytes;
  deliver_whole(edge, batch);
  if (long_bytes_ > piece) check_memory(Of::all);
}

// A join of few rows with long values makes gigabytes in one batch, which borrows them; whoever
// keeps rows copies them.
void Graph::deliver_in_pieces(const Edge& edge, const Batch& batch) {
  std::vector<uint16_t> rows;
  rows.reserve(batch.size());
  uint64_t bytes = 0;
  Batch piece = batch;
  for (uint32_t i = 0; i < batch.size() && !failed(*edge.to); ++i) {
    rows.push_back(static_cast<uint16_t>(batch.row(i)));
    piece.select(&rows.back(), 1);
    bytes += piece.string_bytes();
    if (bytes <= process_max / kPiecePart && i + 1 < batch.size()) continue;
    piece.select(rows.data(), static_cast<uint32_t>(rows.size()));
    deliver_whole(edge, piece);
    check_memory(Of::all);
    rows.clear();
    bytes = 0;
  }
}

void Graph::deliver_whole(const Edge& edge, const Batch& batch) {
  if ((residency.some_absent() || edge.to->has_waiting()) && divide(edge, batch)) return;
  deliver_present(edge, batch);
}

void Graph::deliver_present(const Edge& edge, const Batch& batch) {
  Node& node = *edge.to;
  if (node.dead || (node.host != nullptr && node.host->failed())) return;
  if (node.index != nullptr) {
    // The join would have nothing to say about these rows.
    if (node.settled_by != nullptr && failed(node)) return;
    for (const Edge& next : node.before) deliver(next, batch);
    const Arena::Mark mark = index_arena_.mark();
    if (node.settled_by == nullptr) {
      node.index->update(batch, index_arena_);
    } else if (const Batch rest = node.settled_by->unmatched(batch); !rest.empty()) {
      node.index->update(rest, index_arena_);
    }
    index_arena_.rewind(mark);
    // A join may feed another one that probes the same index. That one must have taken this change
    // in before it sees what follows from it: before the update those upstream come first, after
    // it those downstream, so that for each join the index changes at one moment.
    for (auto next = node.outputs.rbegin(); next != node.outputs.rend(); ++next) {
      deliver(*next, batch);
    }
    return;
  }
  if (node.sink != nullptr) {
    node.sink->push(batch);
    if (turns == nullptr) push_relation(node.view, batch);
    return;
  }
  node.op->accept(edge.port, batch);
  drain(node);
}

void Graph::drain(Node& node) {
  Batch out;
  while (node.op->produce(out)) {
    for (const Edge& edge : node.outputs) deliver(edge, out);
    if (!residency.limited() || ++produced_ < check_batches_) continue;
    check_memory();
    // What is left would go nowhere.
    if (node.host != nullptr && node.host->failed()) return;
  }
}

uint64_t Node::sum_of_states(uint64_t (State::*measure)() const) const {
  if (index != nullptr) return (*index.*measure)();
  uint64_t sum = 0;
  if (op == nullptr) return sum;
  for (const State* state : op->states()) sum += (state->*measure)();
  return sum;
}

// Nothing can leave memory while a batch is under way, and one row that joins a million makes a
// million rows. What views hold that are broken already goes at the end of the epoch.
void Graph::check_memory(Of breaks) {
  produced_ = 0;
  long_bytes_ = 0;
  const uint64_t bytes = residency.bytes();
  // What states do not count: logs, what views put out, what others have taken.
  const uint64_t process = process_max == UINT64_MAX ? 0 : anonymous_memory();
  const bool slow =
      std::max(bytes, process) < checked_bytes_ + std::min(bytes_max, process_max) / kSlowPart;
  check_batches_ =
      slow ? std::min(check_batches_ * 2, kCheckBatchesMax) : std::max(check_batches_ / 4, 1U);
  checked_bytes_ = std::max(bytes, process);
  // Long values are about to be copied, into logs and what a view puts out.
  const uint64_t most = breaks == Of::all ? process_max / 8 * 7 : process_max;
  if (bytes <= bytes_max && process <= most) return;
  uint64_t doomed = 0, doomed_logs = 0;
  for (const auto& node : nodes) {
    if (node->dead || !failed(*node)) continue;
    doomed += node->state_bytes();
    doomed_logs += node->log_bytes();
  }
  if (bytes > bytes_max + doomed) {
    break_largest(Blame::growth);
  } else if (process > most && process - most > doomed + doomed_logs) {
    if (break_largest(Blame::process, Of::made, process_max / kGrowthPart)) return;
    if (breaks == Of::all) break_largest(Blame::process, Of::all, process_max / kLiveGrowthPart);
  }
}

// The view whose states take most of the memory, or have grown most in this epoch, or with their
// logs, which only the process counts; false when there is none.
bool Graph::break_largest(Blame blame, Of of, uint64_t bytes_min) {
  std::map<ObjectId, uint64_t> held;
  for (const auto& node : nodes) {
    if (failed(*node)) continue;
    uint64_t bytes = node->state_bytes();
    if (blame != Blame::size) bytes -= std::min(bytes, node->bytes_before);
    if (blame == Blame::process) bytes += node->log_bytes();
    if (bytes == 0) continue;
    const ObjectId view = node->index != nullptr ? *node->users.begin() : node->view;
    if (of == Of::made && hosts.at(view)->live) continue;
    held[view] += bytes;
  }
  const auto largest = std::max_element(
      held.begin(), held.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  if (largest == held.end() || largest->second < bytes_min) return false;
  const bool live = hosts.at(largest->first)->live;
  const std::string detail =
      blame == Blame::process
          ? fmt::format(
                "The process comes near to its limit of {} MB while the view is "
                "{}.",
                process_max >> 20, live ? "changed" : "made")
          : fmt::format(
                "The states of views take more than the {} MB that they may "
                "have, and nothing more of them can leave memory.",
                bytes_max >> 20);
  hosts.at(largest->first)
      ->fail(out_of_memory("out of memory")
                 .with_detail(detail)
                 .with_hint("Start the server with a larger --memory-limit, and make the view "
                            "again."));
  return true;
}

// Broken views keep nothing. Between two epochs, or at the end of one.
void Graph::free_broken() {
  newly_broken_ = false;
  for (const auto& node : nodes) {
    if (node->dead || !failed(*node)) continue;
    if (node->index == nullptr && node->op == nullptr) continue;
    node->dead = true;
    if (node->parked != nullptr) node->parked.reset();
    if (Spillable* unit = node->spillable(); unit != nullptr) residency.forget(*unit);
    if (node->op != nullptr) node->op->reset();
    if (node->index == nullptr) continue;
    node->index->clear();
    const auto known = shared.find(node->share_key);
    if (known != shared.end() && known->second == node.get()) shared.erase(known);
  }
}

void Graph::push_relation(ObjectId relation, const Batch& batch, std::optional<ObjectId> view) {
  const auto it = roots.find(relation);
  if (it == roots.end()) return;
  for (const Root& root : it->second) {
    if (root.live && (!view || root.view == *view)) deliver({root.node, 0}, batch);
  }
}

// A view's nodes stand together, behind those of what it reads.
void Graph::finish_in_turns() {
  turns->begin(ObjectId{0});
  ObjectId view;
  const auto end = [&] {
    if (!view) return;
    turns->end(view);
    residency.make_room(residency.limit() / 2);  // the next one wants some, too
  };
  for (const auto& node : nodes) {
    if (node->view != view) {
      end();
      view = node->view;
      if (view) turns->begin(view);
    }
    finish_node(*node);
  }
  end();
}

void Graph::finish_nodes() {
  for (const auto& node : nodes) finish_node(*node);
}

void Graph::finish_epoch() {
  if (turns != nullptr) {
    finish_in_turns();
  } else {
    finish_nodes();
  }
  // An edge may lead back to an index whose turn was over (ViewBuilder::close_keys), with keys that
  // get no rows: nothing that a view would put out.
  while (std::any_of(nodes.begin(), nodes.end(), [](const auto& node) {
    return node->parked != nullptr && (node->parked->partitions() & ~node->patient) != 0;
  })) {
    finish_nodes();
  }
  spread_failures();
  if (newly_broken_) free_broken();
  residency.end_epoch();
  while (residency.limited() && residency.bytes() > bytes_max && break_largest(Blame::size)) {
    spread_failures();
    free_broken();
  }
  const bool made = std::any_of(hosts.begin(), hosts.end(),
                                [](const auto& entry) { return !entry.second->live; });
  if (!residency.limited() || (!made && residency.bytes() < bytes_max / 4)) return;
  for (const auto& node : nodes) node->bytes_before = node->state_bytes();
}

void Graph::finish_node(Node& node) {
  if (node.dead) return;
  if (node.index != nullptr) {
    release_parked(node);
    if (node.index->negative_rows() == 0) return;
    fail_users(node, internal_error("more rows were taken away than there were"));
    return;
  }
  if (node.op == nullptr || !node.op->needs_finish()) return;
  if (!failed(node)) {
    node.op->finish();
    drain_last(node);
  }
  release_parked(node);
}

// As drain(), where nothing else is at work.
void Graph::drain_last(Node& node) {
  if (!residency.some_absent()) {
    drain(node);
    return;
  }
  Batch out;
  std::optional<Operator::Wanted> there;
  Result<void> done;
  const auto take_back = [&]() -> Result<void> {
    return there ? residency.take_back(there->units, there->partition) : Result<void>();
  };
  while (!failed(node)) {
    if (const auto wanted = node.op->wanted(); wanted) {
      const bool moves = there && there->partition != wanted->partition;
      // What is there may have gone again, for what came of it.
      if (moves || Residency::lacks(wanted->units, wanted->partition)) {
        done = take_back();
        there = wanted;
        if (done) done = provide(node, *there);
        if (!done) break;
      }
    }
    if (!node.op->produce(out)) break;
    if (out.empty()) continue;
    for (const Edge& edge : node.outputs) deliver(edge, out);
    residency.relieve();
    if (++produced_ >= check_batches_) check_memory();
  }
  const auto back = take_back();
  if (done) done = back;
  if (!done) fail_users(node, done.error());
}

Result<void> Graph::provide(const Node& node, const Operator::Wanted& wanted) {
  const std::vector<uint64_t> keys = node.op->wanted_keys();
  if (!Residency::can_lend(wanted.units, wanted.partition, keys.size())) {
    return bring(wanted.units, wanted.partition);
  }
  return lend(wanted.units, wanted.partition, keys);
}

bool Graph::failed(const Node& node) const {
  if (node.index == nullptr) return node.host != nullptr && node.host->failed();
  return std::all_of(node.users.begin(), node.users.end(),
                     [&](ObjectId user) { return hosts.at(user)->failed(); });
}

void Graph::fail_users(const Node& node, const Error& error) {
  if (node.index == nullptr) hosts.at(node.view)->fail(error);
  for (const ObjectId user : node.users) hosts.at(user)->fail(error);
}

void Graph::register_spillables() {
  for (const auto& node : nodes) {
    if (Spillable* unit = node->spillable(); unit != nullptr) residency.add(*unit);
  }
}

// What a batch for the node looks into: its own state, and the indexes of the other sides of the
// joins behind it, all by one key.
std::vector<Spillable*> Graph::units_of(const Node& node) {
  std::vector<Spillable*> units{node.spillable()};
  if (node.index == nullptr) return units;
  for (const auto* edges : {&node.before, &node.outputs}) {
    for (const Edge& edge : *edges) {
      Spillable* other = edge.to->op == nullptr ? nullptr : edge.to->op->probed(edge.port);
      if (other == nullptr || std::find(units.begin(), units.end(), other) != units.end()) continue;
      units.push_back(other);
    }
  }
  return units;
}

void Graph::mark_nodes(ObjectId view) {
  std::set<const Node*> unsteady;  // rows come to it and go again
  for (const auto& node : nodes) {
    if (node->view != view) continue;
    node->keeps_rows =
        node->index != nullptr || (node->op != nullptr && !node->op->states().empty());
    node->may_wait = node->spillable() != nullptr && !unsteady.contains(node.get());
    const bool speaks_late = node->op != nullptr && node->op->needs_finish();
    if (!speaks_late && !unsteady.contains(node.get())) continue;
    for (const auto* edges : {&node->before, &node->outputs}) {
      for (const Edge& edge : *edges) unsteady.insert(edge.to);
    }
  }
}

namespace {

bool takes_back(const Batch& batch) {
  if (batch.weights == nullptr) return false;
  for (uint32_t i = 0; i < batch.size(); ++i) {
    if (batch.weights[batch.row(i)] < 0) return true;
  }
  return false;
}

}  // namespace

bool Graph::divide(const Edge& edge, const Batch& batch) {
  Node& node = *edge.to;
  // Nobody would ever take what waits in front of a dead node.
  if (node.dead || node.spillable() == nullptr) return false;
  if (node.host != nullptr && node.host->failed()) return false;
  if (node.patient != 0 && takes_back(batch)) {
    node.patient = 0;
    node.may_wait = false;
  }
  uint64_t absent = 0, used = 0;
  const std::vector<Spillable*> units = units_of(node);
  for (const Spillable* unit : units) absent |= unit->absent();
  // What comes later stays behind what waits already.
  if (node.parked != nullptr) absent |= node.parked->partitions();
  const Arena::Mark mark = divide_arena_.mark();
  KeyBatch keys;
  units[0]->key_encoder().encode(batch, units[0]->key_columns(edge.port), divide_arena_, keys);
  auto* here = divide_arena_.allocate_array<uint16_t>(keys.count + 1);
  auto* away = divide_arena_.allocate_array<uint16_t>(keys.count + 1);
  auto* partitions = divide_arena_.allocate_array<uint8_t>(keys.count + 1);
  uint32_t present = 0, parked = 0;
  for (uint32_t i = 0; i < keys.count; ++i) {
    const uint32_t partition = partition_of(keys.hashes[i]);
    used |= uint64_t{1} << partition;
    if ((absent >> partition & 1) == 0) {
      here[present++] = static_cast<uint16_t>(batch.row(i));
      continue;
    }
    partitions[parked] = static_cast<uint8_t>(partition);
    away[parked++] = static_cast<uint16_t>(batch.row(i));
  }
  for (Spillable* unit : units) residency.touch(*unit, used);
  if (parked != 0) {
    if (node.parked == nullptr) {
      node.parked = std::make_unique<ParkedRows>(
          *units[0], residency.file(), std::max(residency.limit() / kParkedPart, kParkedBytesMin));
    }
    Batch part = batch;
    part.select(away, parked);
    if (auto kept = node.parked->add(edge.port, part, partitions); !kept) {
      fail_users(node, kept.error());
    }
    part.select(here, present);
    if (present != 0) deliver_present(edge, part);
  }
  divide_arena_.rewind(mark);
  return parked != 0;
}

Result<void> Graph::bring(std::span<Spillable* const> units, uint32_t partition) {
  const uint64_t bit = uint64_t{1} << partition;
  residency.relieve(units, bit);
  for (Spillable* unit : units) QW_TRY(residency.bring(*unit, bit));
  return {};
}

Result<void> Graph::lend(std::span<Spillable* const> units, uint32_t partition,
                         std::span<const uint64_t> hashes) {
  residency.relieve(units, uint64_t{1} << partition);
  return residency.lend(units, partition, hashes);
}

void Graph::release_parked(Node& node) {
  if (node.parked == nullptr) return;
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    if (((node.parked->partitions() & ~node.patient) >> p & 1) != 0) release(node, p, {});
  }
  residency.relieve();
}

// Gives the node the rows of the partition that wait for it; false when that was enough.
bool Graph::release(Node& node, uint32_t partition, const std::function<bool()>& enough) {
  Result<bool> done = true;
  if (!failed(node)) {
    const std::vector<Spillable*> units = units_of(node);
    done = Residency::can_lend(units, partition, node.parked->rows(partition))
               ? release_few(node, units, partition)
               : release_many(node, units, partition, enough);
  }
  if (!done) fail_users(node, done.error());
  if (!failed(node)) return *done;
  node.parked->forget(partition);
  return true;
}

Result<bool> Graph::release_many(Node& node, std::span<Spillable* const> units, uint32_t partition,
                                 const std::function<bool()>& enough) {
  QW_TRY(bring(units, partition));
  uint64_t held = 0;
  for (Spillable* unit : units) held += unit->spilled_table().partition_bytes(partition);
  given_bytes_ = 0;
  const auto worth_it = [&] {
    return failed(node) || (enough && given_bytes_ >= held / kGivenPart && enough());
  };
  QW_ASSIGN_OR_RETURN(const bool all, node.parked->take(partition, giver(node), worth_it));
  finish_part(node);
  return all;
}

// Only what the rows touch is brought.
Result<bool> Graph::release_few(Node& node, std::span<Spillable* const> units, uint32_t partition) {
  QW_ASSIGN_OR_RETURN(const auto pieces, node.parked->take_pieces(partition));
  std::vector<uint64_t> hashes;
  for (const ParkedRows::Piece& piece : pieces) {
    node.parked->give(piece, [&](uint32_t port, const Batch& batch) {
      const Arena::Mark mark = divide_arena_.mark();
      KeyBatch keys;
      units[0]->key_encoder().encode(batch, units[0]->key_columns(port), divide_arena_, keys);
      hashes.insert(hashes.end(), keys.hashes, keys.hashes + keys.count);
      divide_arena_.rewind(mark);
    });
  }
  QW_TRY(lend(units, partition, hashes));
  for (const ParkedRows::Piece& piece : pieces) node.parked->give(piece, giver(node));
  finish_part(node);
  if (failed(node) && node.op != nullptr) {
    residency.forfeit(*units[0], partition);  // it may hold on to entries
  } else {
    QW_TRY(residency.take_back(units, partition));
  }
  return true;
}

ParkedRows::Taker Graph::giver(Node& node) {
  return [this, &node](uint32_t port, const Batch& batch) {
    given_ += batch.size();
    const uint64_t bytes = batch.string_bytes();
    given_bytes_ += bytes + batch.size() * kRowBytes;
    if (failed(node)) return;
    deliver_present({&node, port}, batch);
    long_bytes_ += bytes;
    if (process_max != UINT64_MAX && long_bytes_ > process_max / kPiecePart) check_memory(Of::all);
  };
}

void Graph::finish_part(Node& node) {
  if (failed(node) || node.op == nullptr || !node.op->needs_finish()) return;
  node.op->finish();
  drain_last(node);
}

bool Graph::release(ObjectId view, const std::function<bool(uint64_t rows)>& enough_of) {
  given_ = 0;
  const auto enough = [&] { return enough_of && enough_of(given_); };
  for (const auto& node : nodes) {
    if (node->view != view) continue;
    // Those behind wait: this one gives them more.
    while (node->patient != 0) {
      const auto p = static_cast<uint32_t>(__builtin_ctzll(node->patient));
      const bool waits = node->parked != nullptr && (node->parked->partitions() >> p & 1) != 0;
      if (waits && !release(*node, p, enough)) return false;
      node->patient &= node->patient - 1;
      if (waits && enough()) return false;
    }
  }
  return true;
}

Node* Graph::index_of(StateId state) const {
  for (const auto& node : nodes) {
    if (node->index != nullptr && node->index->id == state) return node.get();
  }
  return nullptr;
}

// Views that a change of `view` reaches directly: the ends found below the scans of it.
std::set<ObjectId> Graph::readers(ObjectId view) const {
  std::set<ObjectId> found;
  const auto scans = roots.find(view);
  if (scans == roots.end()) return found;
  std::set<const Node*> seen;
  std::vector<const Node*> todo;
  for (const Root& root : scans->second) todo.push_back(root.node);
  while (!todo.empty()) {
    const Node* node = todo.back();
    todo.pop_back();
    if (!seen.insert(node).second) continue;
    if (node->sink != nullptr) found.insert(node->view);
    for (const auto* edges : {&node->before, &node->outputs}) {
      for (const Edge& edge : *edges) todo.push_back(edge.to);
    }
  }
  return found;
}

void Graph::spread_failures() {
  std::vector<ObjectId> todo;
  for (const auto& [view, host] : hosts) {
    if (host->take_news()) todo.push_back(view);
  }
  for (size_t i = 0; i < todo.size(); ++i) {
    const Error error = *hosts.at(todo[i])->failure();
    broken.push_back(todo[i]);
    newly_broken_ = true;
    for (const ObjectId reader : readers(todo[i])) {
      ViewHost& host = *hosts.at(reader);
      host.fail(error);
      if (host.take_news()) todo.push_back(reader);
    }
  }
}

}  // namespace qw::views
