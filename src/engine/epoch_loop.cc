// EpochLoop: see epoch_loop.h.
#include "src/engine/epoch_loop.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "src/engine/row_blocks.h"

namespace qw::engine {
namespace {

constexpr uint32_t kPipelineDepth = 2;
constexpr uint32_t kHydrateSliceRows = 256 << 10;
// Images begin once this much log has gathered since the last one: small databases replay in no
// time.
constexpr int64_t kImageStartBytes = 4 << 20;

std::string sequence_key(ObjectId relation) { return fmt::format("sequence/{}", relation); }
std::string position_key(ObjectId source) { return fmt::format("source/{}", source); }

std::string encode_u64(uint64_t value) {
  std::string bytes;
  append<uint64_t>(bytes, value);
  return bytes;
}

}  // namespace

SourceFeed::~SourceFeed() = default;

// Collects a view's output into the running epoch.
class EpochLoop::ViewSink final : public views::DeltaSink, public views::ErrorSink {
 public:
  ViewSink(EpochLoop& loop, ObjectId view) : loop_(&loop), view_(view) {}
  void push(const Batch& batch) override {
    if (loop_->measurement_ != nullptr) {
      loop_->measurement_->view_rows += batch.size();
      if (loop_->measurement_->drop_view_rows) return;
    }
    if (RelationDeltaBuilder* builder = loop_->builder(view_)) builder->add_weighted(batch);
  }
  void add(const Error& error, int64_t weight) override {
    loop_->view_errors_.add(view_, error, weight);
  }

 private:
  EpochLoop* loop_;
  ObjectId view_;
};

EpochLoop::EpochLoop(storage::Store& store, Clock& clock, Measurement* measurement)
    : store_(&store), clock_(&clock), measurement_(measurement) {}

EpochLoop::~EpochLoop() { stop(); }

void EpochLoop::add_relation(std::shared_ptr<const RelationLayout> layout) {
  const ObjectId id = layout->id();
  layouts_[id] = std::move(layout);
}

void EpochLoop::forget_relation(ObjectId relation) {
  indexes_.erase(relation);
  layouts_.erase(relation);
  builders_.erase(relation);
  view_sinks_.erase(relation);
  view_errors_.forget(relation);
  if (sequences_.erase(relation) != 0) meta_.push_back({sequence_key(relation), ""});
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

Result<void> EpochLoop::start() {
  epoch_ = store_->epoch();
  QW_ASSIGN_OR_RETURN(const auto sequences, store_->meta_list("sequence/"));
  for (const auto& [key, value] : sequences) {
    if (value.size() != sizeof(uint64_t)) return fail(data_corrupted("damaged sequence " + key));
    const auto id = static_cast<uint32_t>(std::stoul(key.substr(key.find('/') + 1)));
    sequences_[ObjectId{id}] = load<uint64_t>(value.data());
  }
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->snapshot());
  QW_TRY(view_errors_.load(snapshot));
  epoch_thread_ = Thread("qw-epoch", [this] { epoch_main(); });
  commit_thread_ = Thread("qw-commit", [this] { commit_main(); });
  return {};
}

void EpochLoop::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_epoch_.notify_all();
  room_.notify_all();
  epoch_thread_.join();
  {
    const std::lock_guard lock(mutex_);
    epoch_done_ = true;
  }
  wake_commit_.notify_all();
  commit_thread_.join();
}

std::optional<Error> EpochLoop::fatal() const {
  const std::lock_guard lock(mutex_);
  return fatal_;
}

void EpochLoop::set_fatal(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (fatal_) return;
    fatal_ = error;
  }
  if (measurement_ != nullptr) measurement_->failed = true;
  log::error("commits have stopped: {}", error.to_string());
  room_.notify_all();
  committed_.notify_all();
}

// ---- any thread -------------------------------------------------------------------------------

Result<bool> EpochLoop::write(ClientWrite write) {
  WriteItem item;
  const size_t size = write.size;
  item.write = std::move(write);
  std::future<Result<bool>> done = item.done.get_future();
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock,
               [&] { return stopping_ || fatal_ || items_bytes_ < limits::kIngestQueueBytesMax; });
    if (fatal_) return fail(*fatal_);
    if (stopping_) return fail(admin_shutdown("the database is shutting down"));
    items_bytes_ += size;
    items_.emplace_back(std::move(item));
  }
  wake_epoch_.notify_one();
  return done.get();
}

bool EpochLoop::ingest(SourceFeed& feed, ingest::SourceTxn txn) {
  std::unique_lock lock(mutex_);
  const auto closed = [&] {
    return std::find(closed_feeds_.begin(), closed_feeds_.end(), &feed) != closed_feeds_.end();
  };
  room_.wait(lock, [&] {
    return stopping_ || fatal_ || closed() || items_bytes_ < limits::kIngestQueueBytesMax;
  });
  while (measurement_ != nullptr && measurement_->hold_sources && !stopping_ && !closed()) {
    room_.wait_for(lock, std::chrono::milliseconds(1));
  }
  if (stopping_ || fatal_ || closed()) return false;
  items_bytes_ += txn.bytes;
  items_.emplace_back(IngestItem{&feed, std::move(txn)});
  lock.unlock();
  wake_epoch_.notify_one();
  return true;
}

void EpochLoop::close_feed(SourceFeed& feed) {
  {
    const std::lock_guard lock(mutex_);
    closed_feeds_.push_back(&feed);
    std::erase_if(items_, [&](const Item& item) {
      const auto* queued = std::get_if<IngestItem>(&item);
      if (queued == nullptr || queued->feed != &feed) return false;
      items_bytes_ -= queued->txn.bytes;
      return true;
    });
  }
  room_.notify_all();
  // Whatever was taken before is done once an exclusive item has had its turn.
  [[maybe_unused]] const auto drained = exclusive([] { return Result<void>(); });
  const std::lock_guard lock(mutex_);
  std::erase(closed_feeds_, &feed);
}

std::future<Result<void>> EpochLoop::exclusive_later(std::function<Result<void>()> work) {
  ExclusiveItem item;
  item.work = std::move(work);
  std::future<Result<void>> done = item.done.get_future();
  const std::lock_guard lock(mutex_);
  if (stopping_) {
    item.done.set_value(fail(admin_shutdown("the database is shutting down")));
    return done;
  }
  items_.emplace_back(std::move(item));
  wake_epoch_.notify_one();
  return done;
}

Result<void> EpochLoop::exclusive(std::function<Result<void>()> work) {
  return exclusive_later(std::move(work)).get();
}

// ---- epoch thread -----------------------------------------------------------------------------

void EpochLoop::epoch_main() {
  while (true) {
    std::vector<Item> taken;
    {
      std::unique_lock lock(mutex_);
      wake_epoch_.wait(lock, [&] { return stopping_ || !items_.empty(); });
      if (items_.empty()) return;
      size_t bytes = 0;
      while (!items_.empty() && bytes < limits::kEpochInputBytesMax) {
        Item& front = items_.front();
        const bool alone = std::holds_alternative<ExclusiveItem>(front);
        if (alone && !taken.empty()) break;
        if (const auto* write = std::get_if<WriteItem>(&front)) bytes += write->write.size;
        if (const auto* queued = std::get_if<IngestItem>(&front)) bytes += queued->txn.bytes;
        taken.push_back(std::move(front));
        items_.pop_front();
        if (alone) break;
      }
      items_bytes_ -= std::min(bytes, items_bytes_);
    }
    room_.notify_all();
    if (auto* alone = std::get_if<ExclusiveItem>(&taken.front())) {
      wait_for_commits();
      const auto failed = fatal();
      Result<void> result = failed ? Result<void>(fail(*failed)) : alone->work();
      wait_for_commits();
      if (const auto late = fatal(); late && result) result = fail(*late);
      alone->done.set_value(std::move(result));
      continue;
    }
    run_items(std::move(taken));
  }
}

void EpochLoop::run_items(std::vector<Item> items) {
  Committing committing;
  std::vector<std::promise<Result<bool>>> refused;
  const auto give_up = [&](const Error& error) {
    set_fatal(error);
    for (auto& writer : committing.writers) writer.set_value(fail(error));
    for (auto& writer : refused) writer.set_value(fail(error));
    for (Item& item : items) {
      if (auto* write = std::get_if<WriteItem>(&item)) write->done.set_value(fail(error));
    }
  };
  if (const auto failed = fatal()) return give_up(*failed);
  if (auto begun = begin_epoch(); !begun) return give_up(begun.error());
  for (Item& item : items) {
    if (auto* write = std::get_if<WriteItem>(&item)) {
      auto applied = apply_write(write->write);
      if (!applied) {
        write->done.set_value(fail(applied.error()));
      } else if (*applied) {
        committing.writers.push_back(std::move(write->done));
      } else {
        refused.push_back(std::move(write->done));
      }
      continue;
    }
    auto& queued = std::get<IngestItem>(item);
    if (auto applied = apply_ingest(queued); !applied) {
      queued.feed->refused(applied.error());
      return give_up(applied.error());
    }
    committing.acks.push_back({queued.feed, queued.txn.position, queued.txn.snapshot_done,
                               queued.txn.rows, queued.txn.upstream_commit_us});
    queued.txn = {};
  }
  items.clear();
  auto write = finish_epoch({});
  if (!write) return give_up(write.error());
  committing.staged = store_->stage(std::move(*write));
  hand_over(std::move(committing));
  if (!refused.empty()) {
    // A retry must see what it collided with.
    wait_for_commits();
    for (auto& writer : refused) writer.set_value(false);
  }
}

Result<void> EpochLoop::begin_epoch() {
  epoch_.value += 1;
  QW_ASSIGN_OR_RETURN(latest_, store_->latest());
  for (auto& [relation, builder] : builders_) builder->begin(*latest_);
  for (auto& [index, claims] : claims_) claims.clear();
  made_.clear();
  made_bytes_.reset();
  context_.now_us = std::max(context_.now_us, clock_->now_us());
  context_.statement_us = context_.now_us;
  dataflow_.begin_epoch(epoch_, context_);
  return {};
}

RelationDeltaBuilder* EpochLoop::builder(ObjectId relation) {
  const auto found = builders_.find(relation);
  if (found != builders_.end()) return found->second.get();
  const auto layout = layouts_.find(relation);
  if (layout == layouts_.end()) return nullptr;
  auto made = std::make_unique<RelationDeltaBuilder>(layout->second, sequences_[relation]);
  made->begin(*latest_);
  return builders_.emplace(relation, std::move(made)).first->second.get();
}

Result<bool> EpochLoop::apply_write(const ClientWrite& write) {
  for (const ClientWrite::Table& table : write.tables) {
    RelationDeltaBuilder* target = builder(table.relation);
    if (target == nullptr) return false;  // dropped meanwhile: the retry will say so
    QW_ASSIGN_OR_RETURN(const bool holds, target->holds(table.writes));
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
      dataflow_.push(item.feed->relation(chunk.table), batch);
      continue;
    }
    RelationDeltaBuilder* target = builder(item.feed->relation(chunk.table));
    if (target == nullptr) continue;  // a table that has been dropped on its own
    QW_TRY(target->change(chunk));
  }
  meta_.push_back({position_key(item.feed->id()), item.txn.position});
  return {};
}

Result<storage::EpochWrite> EpochLoop::finish_epoch(Extra extra) {
  storage::EpochWrite write;
  write.epoch = epoch_;
  write.dropped_relations = std::move(extra.dropped_relations);
  write.dropped_states = std::move(extra.dropped_states);
  const auto take = [&](ObjectId relation, RelationDeltaBuilder& builder,
                        const RelationDeltaBuilder::OnBatch& on_batch) -> Result<void> {
    QW_ASSIGN_OR_RETURN(storage::RelationDelta delta, builder.finish(on_batch));
    if (delta.changes.empty()) return {};
    if (builder.layout().mode() == KeyMode::sequence) {
      meta_.push_back({sequence_key(relation), encode_u64(sequences_[relation])});
    }
    if (const auto indexes = indexes_.find(relation); indexes != indexes_.end()) {
      for (const auto& index : indexes->second) {
        QW_ASSIGN_OR_RETURN(storage::RelationDelta entries,
                            index->delta(delta, *latest_, made_bytes_));
        if (!entries.changes.empty()) write.relations.push_back(std::move(entries));
      }
    }
    write.relations.push_back(std::move(delta));
    return {};
  };
  // Base relations first, in the order of their ids; their deltas drive the views.
  std::vector<ObjectId> base;
  for (const auto& [relation, builder] : builders_) {
    if (!view_sinks_.contains(relation)) base.push_back(relation);
  }
  for (const ObjectId relation : base) {
    const bool read = dataflow_.reads(relation);
    const auto push = [&](const Batch& batch) {
      dataflow_.push(relation, batch);
      return Result<void>();
    };
    QW_TRY(take(relation, *builders_.at(relation),
                read ? RelationDeltaBuilder::OnBatch(push) : RelationDeltaBuilder::OnBatch()));
  }
  dataflow_.finish_epoch();
  for (const auto& [relation, builder] : builders_) {
    if (view_sinks_.contains(relation)) QW_TRY(take(relation, *builder, {}));
  }
  for (storage::RelationDelta& made : made_) write.relations.push_back(std::move(made));
  made_.clear();
  if (auto errors = view_errors_.take_changes()) write.relations.push_back(std::move(*errors));
  for (views::StateRecords& records : dataflow_.take_records()) {
    write.state_logs.push_back({records.state, std::move(records.pieces)});
  }
  schedule_images(write);
  for (storage::MetaPut& put : extra.meta) meta_.push_back(std::move(put));
  meta_.push_back({"now", encode_u64(static_cast<uint64_t>(context_.now_us))});
  // Each key once, the last value counts.
  std::reverse(meta_.begin(), meta_.end());
  for (storage::MetaPut& put : meta_) {
    const bool known = std::any_of(write.meta.begin(), write.meta.end(),
                                   [&](const storage::MetaPut& old) { return old.key == put.key; });
    if (!known) write.meta.push_back(std::move(put));
  }
  meta_.clear();
  epochs_.fetch_add(1, std::memory_order_relaxed);
  return write;
}

// Rolls through all partitions, writing about as many image bytes as log bytes: recovery then
// replays a bounded log and write amplification stays near two.
void EpochLoop::schedule_images(storage::EpochWrite& write) {
  for (const storage::StateLog& log : write.state_logs) {
    for (const std::string& piece : log.pieces) {
      image_budget_ += static_cast<int64_t>(piece.size());
    }
  }
  if (image_budget_ < kImageStartBytes) return;
  const std::vector<StateId> states = dataflow_.states();
  if (states.empty()) return;
  const size_t total = states.size() * views::Dataflow::kPartitions;
  for (size_t tried = 0; tried < total && image_budget_ > 0; ++tried) {
    image_cursor_ = (image_cursor_ + 1) % total;
    const StateId state = states[image_cursor_ / views::Dataflow::kPartitions];
    const auto partition = static_cast<uint32_t>(image_cursor_ % views::Dataflow::kPartitions);
    if (!dataflow_.image_is_stale(state, partition)) continue;
    image_budget_ -= static_cast<int64_t>(dataflow_.partition_bytes(state, partition)) + 64;
    write.images.push_back(
        {state, partition, views::Dataflow::kPartitions, dataflow_.write_image(state, partition)});
  }
}

Result<void> EpochLoop::run_epoch(Extra extra, const std::function<Result<void>()>& during) {
  QW_TRY(begin_epoch());
  if (during) {
    if (auto done = during(); !done) {
      epoch_.value -= 1;  // nothing was staged; the caller undoes what it pushed
      return done;
    }
  }
  QW_ASSIGN_OR_RETURN(storage::EpochWrite write, finish_epoch(std::move(extra)));
  Committing committing;
  committing.staged = store_->stage(std::move(write));
  hand_over(std::move(committing));
  return {};
}

Result<void> EpochLoop::hydrate(ObjectId view, const std::atomic<bool>& cancelled,
                                const std::function<void(uint64_t rows)>& progress) {
  uint64_t rows_done = 0;
  for (const views::HydrationStep& step : dataflow_.to_hydrate(view)) {
    const ObjectId relation = step.relation;
    const auto layout = layouts_.at(relation);
    QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->latest());
    QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(relation));
    StoredRows stored(*layout, std::move(cursor));
    bool more = true;
    while (more) {
      QW_TRY(run_epoch({}, [&]() -> Result<void> {
        Arena arena;
        for (uint32_t rows = 0; rows < kHydrateSliceRows;) {
          Batch batch;
          QW_ASSIGN_OR_RETURN(more, stored.next(layout->all_columns(), arena, batch));
          if (!more) break;
          dataflow_.hydrate(view, step, batch);
          rows += batch.rows;
          rows_done += batch.rows;
          arena.reset();
        }
        return {};
      }));
      if (progress) progress(rows_done);
      if (cancelled) return fail(query_canceled("canceling statement due to user request"));
    }
  }
  dataflow_.go_live(view);
  // One more epoch: operators that speak even without input (a global aggregate) do so here.
  return run_epoch({}, {});
}

void EpochLoop::hand_over(Committing committing) {
  latest_.reset();
  {
    std::unique_lock lock(mutex_);
    committed_.wait(lock, [&] { return in_commit_ < kPipelineDepth; });
    ++in_commit_;
    committing_.push_back(std::move(committing));
  }
  wake_commit_.notify_one();
}

void EpochLoop::wait_for_commits() {
  std::unique_lock lock(mutex_);
  committed_.wait(lock, [&] { return in_commit_ == 0; });
}

// ---- commit thread ----------------------------------------------------------------------------

void EpochLoop::commit_main() {
  bool more_maintenance = true;
  int64_t readers_checked_us = clock_->monotonic_us();
  while (true) {
    std::optional<Committing> next;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return epoch_done_ || !committing_.empty(); };
      if (!more_maintenance) wake_commit_.wait_for(lock, std::chrono::seconds(1), ready);
      if (!committing_.empty()) {
        next = std::move(committing_.front());
        committing_.pop_front();
      } else if (epoch_done_) {
        return;
      }
    }
    if (clock_->monotonic_us() - readers_checked_us > 1'000'000) {
      readers_checked_us = clock_->monotonic_us();
      if (auto checked = store_->check_readers(); !checked) {
        log::warn("checking readers: {}", checked.error().message());
      }
    }
    if (!next) {
      const auto worked = store_->maintain();
      if (!worked) log::warn("background work: {}", worked.error().message());
      more_maintenance = worked && *worked;
      continue;
    }
    more_maintenance = true;
    const auto failed = fatal();
    Result<void> result =
        failed ? Result<void>(fail(*failed)) : store_->commit(std::move(next->staged));
    if (!result) set_fatal(result.error());
    if (result) {
      for (Ack& ack : next->acks) {
        if (measurement_ != nullptr) measurement_->rows_committed += ack.rows;
        ack.feed->committed(ack.position, ack.snapshot_done, ack.upstream_commit_us);
      }
    }
    for (auto& writer : next->writers) {
      if (result)
        writer.set_value(true);
      else
        writer.set_value(fail(result.error()));
    }
    {
      const std::lock_guard lock(mutex_);
      --in_commit_;
    }
    committed_.notify_all();
  }
}

}  // namespace qw::engine
