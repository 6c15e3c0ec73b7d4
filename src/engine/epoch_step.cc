// EpochLoop: what one epoch does; see epoch_loop.h.
#include <malloc.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/log.h"
#include "src/base/memory_budget.h"
#include "src/engine/epoch_turns.h"

namespace qw::engine {
namespace {

// Images begin once enough log has gathered since the last one. An epoch writes at most about so
// many bytes of them.
constexpr int64_t kImageBytesMax = 16 << 20;
// The same of those that a new view needs before it is live, beside the partition that exceeds it.
constexpr int64_t kFirstImageBytesMax = 4 << 20;
// What a mere advance of an image's epoch costs.
constexpr int64_t kImageRecordBytes = 64;
// How long an epoch with backfills takes: while others use the database, and when they do not.
constexpr int64_t kBackfillEpochUs = 20'000, kQuietEpochUs = 100'000;
constexpr uint32_t kQuietEpochs = 16;
// Where operators take long at the end of an epoch however little came (a window over what is there
// already), slices are up to so many times longer: while others write, and while nobody does.
constexpr int64_t kLongerMax = 3, kLongerQuietMax = 10;
constexpr uint64_t kSliceRowsMax = 256 << 10;
// What a row may become in a view's output, for slices of operators that speak at an epoch's end.
constexpr uint64_t kOutputPerRow = 256;
// The process is measured so often at most, and the allocator's free memory given back.
constexpr int64_t kBalanceUs = 5'000, kTrimUs = 200'000;

std::string sequence_key(ObjectId relation) { return fmt::format("sequence/{}", relation); }

std::string encode_u64(uint64_t value) {
  std::string bytes;
  append<uint64_t>(bytes, value);
  return bytes;
}

}  // namespace

// Collects a view's output into the running epoch.
class EpochLoop::ViewSink final : public views::DeltaSink, public views::ErrorSink {
 public:
  ViewSink(EpochLoop& loop, ObjectId view) : loop_(&loop), view_(view) {}
  void push(const Batch& batch) override {
    if (loop_->measurement_ != nullptr) {
      loop_->measurement_->view_rows += batch.size();
      if (loop_->measurement_->drop_view_rows) return;
    }
    RelationDeltaBuilder* builder = loop_->builder(view_);
    if (builder == nullptr) return;
    const uint64_t bytes_max = loop_->memory_.view_output;
    // Of rows with long values a single batch may be more than there is room for.
    if (builder->bytes() + batch.string_bytes() <= bytes_max) {
      builder->add_weighted(batch);
      if (builder->bytes() <= bytes_max) return;
    }
    // More than an epoch may hold: a cross join, say. What it has put out is not kept.
    loop_->dataflow_.break_view(
        view_, out_of_memory("out of memory")
                   .with_detail(fmt::format("One change makes more than {} MB of the view's rows.",
                                            loop_->memory_.view_output >> 20))
                   .with_hint("Start the server with a larger --memory-limit, and make the view "
                              "again."));
    builder->release();
  }
  void add(const Error& error, int64_t weight) override {
    loop_->view_errors_.add(view_, error, weight);
  }

 private:
  EpochLoop* loop_;
  ObjectId view_;
};

// Here, where ViewSink is complete.
EpochLoop::EpochLoop(storage::Store& store, Clock& clock, const MemoryShares& memory,
                     Measurement* measurement)
    : store_(&store), clock_(&clock), memory_(memory), measurement_(measurement) {}

EpochLoop::~EpochLoop() { stop(); }

bool EpochLoop::keeps_view_rows() const {
  return measurement_ == nullptr || !measurement_->drop_view_rows;
}

views::DeltaSink* EpochLoop::view_rows(ObjectId view) {
  auto& sink = view_sinks_[view];
  if (!sink) sink = std::make_unique<ViewSink>(*this, view);
  return sink.get();
}

views::ErrorSink* EpochLoop::view_error_sink(ObjectId view) {
  view_rows(view);
  return view_sinks_[view].get();
}

void EpochLoop::forget_relation(ObjectId relation) {
  for (Building& building : building_) {
    if (building.backfill->view() == relation || building.backfill->reads(relation)) {
      building.error = object_not_in_prerequisite_state("the view was dropped while it was made");
    }
  }
  indexes_.erase(relation);
  layouts_.erase(relation);
  active_.erase(relation);
  builders_.erase(relation);
  view_sinks_.erase(relation);
  view_errors_.forget(relation);
  if (sequences_.erase(relation) != 0) meta_.push_back({sequence_key(relation), ""});
}

// Also begins an epoch anew: whatever items did so far is forgotten.
Result<void> EpochLoop::begin_epoch() {
  rest_builders();
  balance_memory();
  unstored_.clear();
  for (auto& [index, claims] : claims_) claims.clear();
  entry_bytes_.reset();
  latest_.reset();
  QW_ASSIGN_OR_RETURN(latest_, store_->latest());
  context_.now_us = std::max(context_.now_us, clock_->now_us());
  context_.statement_us = context_.now_us;
  return {};
}

RelationDeltaBuilder* EpochLoop::builder(ObjectId relation) {
  if (const auto found = active_.find(relation); found != active_.end()) return found->second;
  auto known = builders_.find(relation);
  if (known == builders_.end()) {
    const auto layout = layouts_.find(relation);
    if (layout == layouts_.end()) return nullptr;
    known =
        builders_.emplace(relation, std::make_unique<RelationDeltaBuilder>(layout->second)).first;
  }
  kept_ -= std::min(kept_, uint64_t{known->second->kept_bytes()});
  known->second->begin(*latest_, sequences_[relation]);
  active_[relation] = known->second.get();
  return known->second.get();
}

// Builders keep their memory for later epochs, but not more than their share of it.
void EpochLoop::rest_builders() {
  for (const auto& [relation, builder] : active_) kept_ += builder->kept_bytes();
  active_.clear();
  if (memory_.process == 0 || kept_ <= memory_.kept) return;
  const uint64_t part = memory_.kept / builders_.size();
  kept_ = 0;
  for (const auto& [relation, builder] : builders_) {
    if (builder->kept_bytes() > part) builder->release();
    kept_ += builder->kept_bytes();
  }
}

// ---- what items change ------------------------------------------------------------------------

bool EpochLoop::apply_items(std::vector<Taken>& items) {
  for (Taken& taken : items) {
    if (taken.state == Taken::State::failed) continue;
    if (auto* write = std::get_if<WriteItem>(&taken.item)) {
      auto applied = apply_write(write->write);
      taken.state = applied && *applied ? Taken::State::applied : Taken::State::conflict;
      if (applied) continue;
      taken.state = Taken::State::failed;  // before it changed anything
      taken.error = std::move(applied).error();
      continue;
    }
    auto& queued = std::get<IngestItem>(taken.item);
    auto applied = apply_ingest(queued);
    if (!applied) {
      // Nothing of the transaction may stay, and nothing that comes after it may be applied.
      refuse(*queued.feed, applied.error());
      bool after = false;
      for (Taken& other : items) {
        after |= &other == &taken;
        const auto* same = std::get_if<IngestItem>(&other.item);
        if (after && same != nullptr && same->feed == queued.feed) {
          other.state = Taken::State::failed;
        }
      }
      return false;
    }
    // Were it to fail later, there would be nothing else to keep.
    const bool borrowed = std::any_of(active_.begin(), active_.end(), [](const auto& changed) {
      return changed.second->borrows();
    });
    if (items.size() == 1 && unstored_.empty() && !borrowed) {
      queued.txn.chunks.clear();
      queued.txn.arena.reset();
    }
  }
  return true;
}

Result<bool> EpochLoop::apply_write(const ClientWrite& write) {
  for (const ClientWrite::Table& table : write.tables) {
    RelationDeltaBuilder* target = builder(table.relation);
    if (target == nullptr) return false;  // dropped meanwhile: the retry will say so
    QW_ASSIGN_OR_RETURN(const bool holds, target->holds(table.writes, table.seen));
    if (!holds) return false;
  }
  QW_TRY(claim_unique(write));
  for (const ClientWrite::Table& table : write.tables) builder(table.relation)->apply(table.writes);
  return true;
}

Result<void> EpochLoop::apply_ingest(IngestItem& item) {
  for (const ingest::TableChunk& chunk : item.txn.chunks) {
    if (measurement_ != nullptr && measurement_->drop_source_rows) {
      QW_ASSERT(chunk.ops == nullptr && !chunk.truncate);
      Batch batch;
      batch.rows = chunk.rows;
      batch.columns = chunk.columns;
      unstored_.emplace_back(item.feed->relation(chunk.table), std::move(batch));
      continue;
    }
    RelationDeltaBuilder* target = builder(item.feed->relation(chunk.table));
    if (target == nullptr) continue;  // a table that has been dropped on its own
    using Columns = RelationDeltaBuilder::Columns;
    const bool read = dataflow_.reads(target->layout().id());
    QW_TRY(target->change(chunk, read ? Columns::stay : Columns::go));
  }
  return {};
}

Result<EpochLoop::Change> EpochLoop::net(RelationDeltaBuilder& changed) {
  Change change;
  QW_ASSIGN_OR_RETURN(change.rows, changed.finish());
  const auto indexes = indexes_.find(changed.layout().id());
  if (indexes == indexes_.end() || change.rows.changes.empty()) return change;
  for (const auto& index : indexes->second) {
    QW_ASSIGN_OR_RETURN(storage::RelationDelta entries,
                        index->delta(change.rows, *latest_, entry_bytes_));
    if (!entries.changes.empty()) change.entries.push_back(std::move(entries));
  }
  return change;
}

Result<bool> EpochLoop::finish_base(std::vector<Taken>& items, Deltas& deltas) {
  deltas.clear();
  for (const auto& [relation, builder] : active_) {
    auto change = net(*builder);
    if (!change) {
      if (!fail_items_of(relation, items, change.error())) return fail(change.error());
      return false;
    }
    deltas.emplace(relation, std::move(*change));
  }
  return true;
}

// Fails every item that changes the relation; false when there is none.
bool EpochLoop::fail_items_of(ObjectId relation, std::vector<Taken>& items, const Error& error) {
  bool found = false;
  for (Taken& taken : items) {
    if (taken.state != Taken::State::applied) continue;
    if (const auto* write = std::get_if<WriteItem>(&taken.item)) {
      for (const ClientWrite::Table& table : write->write.tables) {
        if (table.relation == relation) taken.state = Taken::State::failed;
      }
      if (taken.state == Taken::State::failed) taken.error = error;
    } else {
      const auto& queued = std::get<IngestItem>(taken.item);
      // An item on its own has lost its chunks (see apply_items) but can only be the one.
      bool touches = items.size() == 1;
      for (const ingest::TableChunk& chunk : queued.txn.chunks) {
        touches |= queued.feed->relation(chunk.table) == relation;
      }
      if (!touches) continue;
      refuse(*queued.feed, error);
      for (Taken& other : items) {
        const auto* same = std::get_if<IngestItem>(&other.item);
        if (same != nullptr && same->feed == queued.feed) other.state = Taken::State::failed;
      }
    }
    found |= taken.state == Taken::State::failed;
  }
  return found;
}

// ---- the dataflow -----------------------------------------------------------------------------

// Between two epochs: frees what only saves later ones the work of taking it again.
void EpochLoop::free_kept() {
  active_.clear();
  for (auto& [relation, builder] : builders_) builder->release();
  kept_ = 0;
  entry_bytes_.reset();
  entry_bytes_.shrink(0);
  storage::Store::free_spare();
  ::malloc_trim(0);
  if (const uint64_t bytes = anonymous_memory(); bytes > high_memory()) {
    shrink_states(bytes - high_memory());
    ::malloc_trim(0);
  }
  trim_next_us_ = clock_->monotonic_us() + kTrimUs;
}

void EpochLoop::shrink_states(uint64_t bytes) {
  if (memory_.process == 0 || dataflow_.memory_limit() == 0) return;
  if (state_limit_ == 0) state_limit_ = memory_.states;
  const uint64_t held = std::min(dataflow_.bytes(), state_limit_);
  state_limit_ = std::max(held - std::min(bytes, held / 2), memory_.states / 16);
  dataflow_.change_limit(state_limit_);
}

// When nothing has come for a while. A process far from its limit has no need of it, and starts
// sooner with what it has.
void EpochLoop::rest_when_idle() {
  rested_ = true;
  if (memory_.process != 0 && anonymous_memory() > memory_.process / 2) free_kept();
}

// What epochs work with, and what the allocator keeps, is not counted anywhere: when the process
// comes near to its limit, what can be given back is, and states have less room until it is far
// from it again.
void EpochLoop::balance_memory() {
  const int64_t now_us = clock_->monotonic_us();
  if (memory_.process == 0 || now_us - balanced_us_ < kBalanceUs) return;
  balanced_us_ = now_us;
  const uint64_t limit = memory_.process, high = high_memory();
  uint64_t bytes = anonymous_memory();
  if (state_limit_ == 0) state_limit_ = memory_.states;
  if (bytes < high) {
    if (state_limit_ == memory_.states) return;
    if (bytes > limit / 8 * 5) return;
    state_limit_ = std::min(memory_.states, state_limit_ + memory_.states / 16 + 1);
    dataflow_.change_limit(state_limit_);
    return;
  }
  for (auto& [relation, builder] : builders_) builder->release();
  kept_ = 0;
  if (now_us >= trim_next_us_) {
    storage::Store::free_spare();
    ::malloc_trim(0);
    // A large heap takes long: a twentieth of the time is enough.
    const int64_t end_us = clock_->monotonic_us();
    trim_next_us_ = end_us + std::max(kTrimUs, 20 * (end_us - now_us));
    bytes = anonymous_memory();
  }
  if (bytes >= high) shrink_states(bytes - high);
  if (!building_.empty() && anonymous_memory() >= limit / 8 * 7) refuse_building();
}

// Nothing else can be given back: of the views that are being made the one that has most of what
// cannot leave memory is not made.
void EpochLoop::refuse_building() {
  std::map<ObjectId, uint64_t> held;
  for (const views::StateStatus& state : dataflow_.status()) {
    if (!state.can_leave) held[state.view] += state.bytes;
  }
  const auto largest =
      std::max_element(building_.begin(), building_.end(), [&](const auto& a, const auto& b) {
        return held[a.backfill->view()] < held[b.backfill->view()];
      });
  const uint64_t bytes = held[largest->backfill->view()];
  if (largest->error || bytes < memory_.process / 16) return;
  largest->error = out_of_memory("out of memory")
                       .with_detail(fmt::format(
                           "The process comes near to its limit of {} MB, and the view that "
                           "is being made has taken {} MB so far.",
                           memory_.process >> 20, bytes >> 20))
                       .with_hint("Start the server with a larger --memory-limit.");
}

storage::EpochWrite EpochLoop::step(Deltas deltas, Extra extra, Backfills backfills) {
  epoch_.value += 1;
  storage::EpochWrite write;
  write.epoch = epoch_;
  was_large_ = makes_much(deltas);
  Turns turns(*this, deltas, write.encoded);
  dataflow_.begin_epoch(epoch_, context_, was_large_ ? &turns : nullptr);
  const int64_t began_us = clock_->monotonic_us();
  if (backfills == Backfills::step) step_backfills();
  const int64_t sliced_us = clock_->monotonic_us();
  for (const auto& [relation, batch] : unstored_) dataflow_.push(relation, batch);
  for (const auto& [relation, change] : deltas) {
    for (Building& building : building_) building.backfill->note(*active_.at(relation));
  }
  if (!was_large_) push_all(deltas);
  dataflow_.finish_epoch();
  finish_views(deltas);
  forget_broken(write.encoded);
  if (backfills == Backfills::step) {
    measure_slices(sliced_us - began_us, clock_->monotonic_us() - began_us);
  }
  note_broken();

  for (auto& [relation, change] : deltas) {
    if (change.rows.changes.empty()) continue;
    note_sequence(*active_.at(relation));
    if (was_large_) {
      encode(std::move(change), write.encoded);
      continue;
    }
    write.relations.push_back(std::move(change.rows));
    for (storage::RelationDelta& entries : change.entries) {
      write.relations.push_back(std::move(entries));
    }
  }
  for (storage::RelationDelta& made : extra.relations) write.relations.push_back(std::move(made));
  if (auto errors = view_errors_.take_changes()) write.relations.push_back(std::move(*errors));
  for (views::StateRecords& records : dataflow_.take_records()) {
    write.state_logs.push_back({records.state, std::move(records.pieces)});
  }
  schedule_images(write);
  write.dropped_relations = std::move(extra.dropped_relations);
  write.dropped_states = std::move(extra.dropped_states);
  for (storage::MetaPut& put : extra.meta) meta_.push_back(std::move(put));
  meta_.push_back({"now", encode_u64(static_cast<uint64_t>(context_.now_us))});
  // Each key once, the last value counts.
  std::map<std::string, std::string> last;
  for (storage::MetaPut& put : meta_) last[put.key] = std::move(put.value);
  for (auto& [key, value] : last) write.meta.push_back({key, std::move(value)});
  meta_.clear();
  epochs_.fetch_add(1, std::memory_order_relaxed);
  return write;
}

storage::StagedEpoch EpochLoop::stage(storage::EpochWrite write) {
  storage::StagedEpoch staged = store_->stage(std::move(write));
  rest_builders();
  return staged;
}

void EpochLoop::note_sequence(const RelationDeltaBuilder& changed) {
  if (changed.layout().mode() != KeyMode::sequence) return;
  const ObjectId relation = changed.layout().id();
  sequences_[relation] = changed.next_sequence();
  meta_.push_back({sequence_key(relation), encode_u64(changed.next_sequence())});
}

void EpochLoop::push_all(const Deltas& deltas) {
  for (const auto& [relation, change] : deltas) {
    if (!dataflow_.reads(relation)) continue;
    active_.at(relation)->each_batch([&](const Batch& batch) { dataflow_.push(relation, batch); });
  }
}

void EpochLoop::encode(Change change, Encoded& encoded) {
  if (!change.rows.changes.empty()) encoded.push_back(store_->encode(epoch_, change.rows));
  for (const storage::RelationDelta& entries : change.entries) {
    encoded.push_back(store_->encode(epoch_, entries));
  }
}

// A slice ends by the clock, not by rows: what a view makes of a row may be nothing or thousands.
void EpochLoop::step_backfills() {
  if (building_.empty()) return;
  const bool quiet = quiet_epochs_ >= kQuietEpochs;
  const int64_t epoch_us = quiet ? kQuietEpochUs : kBackfillEpochUs;
  const int64_t longest_us = epoch_us * (quiet ? kLongerQuietMax : kLongerMax);
  const auto slice_us = std::max(static_cast<int64_t>(static_cast<double>(epoch_us) * slice_share_),
                                 std::min(end_fixed_us_ / 2, longest_us));
  const int64_t began_us = clock_->monotonic_us();
  for (Building& building : building_) {
    if (building.error) continue;
    Backfill& backfill = *building.backfill;
    // Whatever others write, the scan must come nearer to its end.
    const uint64_t least = 2 * backfill.changed();
    const auto enough = [&](uint64_t rows) {
      if (backfill.cancelled() || is_large(backfill.view())) return true;
      if (slice_rows_) return rows >= *slice_rows_ && rows >= least;
      return rows >= least && clock_->monotonic_us() - began_us >= slice_us;
    };
    const uint64_t most = std::min(kSliceRowsMax, memory_.view_output / kOutputPerRow);
    const uint64_t rows_max = std::max(slice_rows_.value_or(most), least);
    auto stepped = backfill.step(dataflow_, *latest_, *clock_, rows_max, enough);
    if (!stepped) building.error = std::move(stepped).error();
  }
}

// Whether a view has put out so much in this epoch that a slice had better end.
bool EpochLoop::is_large(ObjectId view) const {
  const auto changed = active_.find(view);
  return changed != active_.end() && changed->second->bytes() > memory_.view_output / 4;
}

// How much of an epoch's time its slices took: the rest goes into the ends of operators and the
// netting of what they put out, which is the work of the slices, too: at least as much for each
// microsecond of a slice as ever. The rest would come after any slice, and shorter ones would only
// have it done more often.
void EpochLoop::measure_slices(int64_t slices_us, int64_t epoch_us) {
  if (building_.empty() || epoch_us <= 0) return;
  const double share = static_cast<double>(slices_us) / static_cast<double>(epoch_us);
  slice_share_ = std::clamp((slice_share_ + share) / 2, 0.1, 1.0);
  const auto end_us = static_cast<double>(epoch_us - slices_us);
  const auto worked_us = static_cast<double>(std::max<int64_t>(slices_us, 1));
  end_per_slice_ = std::min(end_per_slice_, end_us / worked_us);
  end_fixed_us_ = static_cast<int64_t>(end_us - end_per_slice_ * worked_us);
}

// Nets what views have put out. A view whose output cannot be breaks, with those that read it.
void EpochLoop::finish_views(Deltas& deltas) {
  for (const auto& [view, changed] : active_) {
    if (!view_sinks_.contains(view) || dataflow_.broken(view) || deltas.contains(view)) continue;
    if (was_large_) {
      dataflow_.break_view(view, internal_error("the view put rows out after its end"));
      continue;
    }
    auto change = net(*changed);
    if (!change) {
      dataflow_.break_view(view, change.error());
      continue;
    }
    deltas.emplace(view, std::move(*change));
  }
  for (auto at = deltas.begin(); at != deltas.end();) {
    const bool broken = view_sinks_.contains(at->first) && dataflow_.broken(at->first);
    at = broken ? deltas.erase(at) : std::next(at);
  }
  for (Building& building : building_) {
    for (const auto& [view, change] : deltas) {
      if (view_sinks_.contains(view)) building.backfill->note(*active_.at(view));
    }
  }
}

// A view may break after its output was encoded, by what it reads.
void EpochLoop::forget_broken(Encoded& encoded) {
  if (encoded.empty() || !dataflow_.has_broken()) return;
  std::set<ObjectId> gone;
  for (const auto& [view, sink] : view_sinks_) {
    if (!dataflow_.broken(view)) continue;
    gone.insert(view);
    if (const auto known = indexes_.find(view); known != indexes_.end()) {
      for (const auto& index : known->second) gone.insert(index->id());
    }
  }
  std::erase_if(encoded, [&](const auto& made) { return gone.contains(made.relation); });
}

// From now on reading them fails, and says why.
void EpochLoop::note_broken() {
  for (const ObjectId view : dataflow_.take_broken()) {
    const Error error = *dataflow_.broken(view);
    log::error("materialized view {} is broken: {}", view, error.to_string());
    view_errors_.set_broken(view, error);
  }
}

std::optional<int64_t> EpochLoop::write_image(StateId state, uint32_t partition,
                                              storage::EpochWrite& write) {
  storage::ImageWrite image{state, partition, views::Dataflow::kPartitions, {}, false};
  int64_t bytes = kImageRecordBytes;
  if (dataflow_.image_is_stale(state, partition)) {
    auto pieces = dataflow_.write_image(state, partition);
    if (!pieces) return std::nullopt;
    image.pieces = std::move(*pieces);
    for (const std::string& piece : image.pieces) bytes += static_cast<int64_t>(piece.size());
  } else {
    image.unchanged = true;
  }
  write.images.push_back(std::move(image));
  return bytes;
}

// Of views that have been given all rows, whose states were not logged meanwhile: a crash before
// their end drops them, and what is written once need not be written again as it grows.
void EpochLoop::write_first_images(storage::EpochWrite& write) {
  int64_t written = 0;
  for (Building& building : building_) {
    auto& left = building.unimaged;
    while (!building.error && !left.empty() && written < kFirstImageBytesMax) {
      const auto [state, partition] = left.back();
      left.pop_back();
      const auto bytes = write_image(state, partition, write);
      if (!bytes) break;
      written += *bytes;
    }
  }
}

// Rolls through all partitions, writing about as many image bytes as log bytes: recovery then
// replays a bounded log and write amplification stays near two. A partition that has not changed
// only has its epoch moved on, or the log since then would have to stay.
void EpochLoop::schedule_images(storage::EpochWrite& write) {
  write_first_images(write);
  for (const storage::StateLog& log : write.state_logs) {
    for (const std::string& piece : log.pieces) {
      image_budget_ += static_cast<int64_t>(piece.size());
    }
  }
  if (image_budget_ < image_start_bytes_) return;
  std::vector<StateId> states = dataflow_.states();
  std::erase_if(states, [&](StateId state) { return !dataflow_.logs(state); });
  const size_t total = states.size() * views::Dataflow::kPartitions;
  int64_t written = 0;
  for (size_t tried = 0; tried < total; ++tried) {
    if (image_budget_ <= 0 || written >= kImageBytesMax) return;
    image_cursor_ = (image_cursor_ + 1) % total;
    const auto bytes =
        write_image(states[image_cursor_ / views::Dataflow::kPartitions],
                    static_cast<uint32_t>(image_cursor_ % views::Dataflow::kPartitions), write);
    if (!bytes) continue;  // its views are broken now
    image_budget_ -= *bytes;
    written += *bytes;
  }
  image_budget_ = std::min<int64_t>(image_budget_, 0);  // all images are new
}

}  // namespace qw::engine
