// EpochLoop: the one clock of a database. A single thread turns what waits into epochs, a second
// one makes them durable while the next is computed.
//
//   sessions, sources --items--> [queue] --epoch thread: apply, step the dataflow, stage-->
//     [depth 2] --commit thread: one synced transaction--> visible; waiting sessions and upstreams
//     told
//
// An epoch takes whole items that are waiting, up to a byte budget; no timer decides. Items:
//   write       a session's transaction, worked out against its snapshot: applied if what it
//   expects
//               still stands, refused otherwise
//   ingest      a source's transaction
//   exclusive   a function run between two epochs (DDL, backfill): it may run epochs of its own
// Visible is durable: a write returns, and others see it, after the sync. A commit error stops the
// loop for good: every later call gets it, reads go on from the last cut.
// Internally synchronised; worker-side functions are bound to the epoch thread.
// Tests: tests/unit/engine/epoch_loop_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ingest/change.h"
#include "src/base/arena.h"
#include "src/base/clock.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "src/base/thread.h"
#include "src/engine/relation_delta.h"
#include "src/engine/secondary_index.h"
#include "src/engine/view_errors.h"
#include "src/quickwater.h"
#include "storage/store.h"
#include "views/dataflow.h"

namespace qw::engine {

// A session's transaction. Moves to the loop; its arena owns all bytes of the writes.
struct ClientWrite {
  struct Table {
    ObjectId relation;
    std::vector<RowWrite> writes;
  };
  std::vector<Table> tables;
  std::unique_ptr<Arena> bytes = std::make_unique<Arena>();
  size_t size = 0;  // bytes, about
};

// How the loop sees a source: which relation each of its tables is, whom to tell.
class SourceFeed {
 public:
  SourceFeed() = default;
  SourceFeed(const SourceFeed&) = delete;
  SourceFeed& operator=(const SourceFeed&) = delete;
  virtual ~SourceFeed();
  virtual ObjectId id() const = 0;
  virtual ObjectId relation(uint32_t table) const = 0;
  // Commit thread: durable up to here. Must not wait.
  virtual void committed(const std::string& position, bool snapshot_done,
                         int64_t upstream_commit_us) = 0;
  // Epoch thread: the source broke a promise; it is to stop with this error.
  virtual void refused(const Error& error) = 0;
};

class EpochLoop {
 public:
  EpochLoop(storage::Store& store, Clock& clock, Measurement* measurement = nullptr);
  EpochLoop(const EpochLoop&) = delete;
  EpochLoop& operator=(const EpochLoop&) = delete;
  ~EpochLoop();

  // Before start(), or inside exclusive(): the relations that are stored, and the dataflow.
  void add_relation(std::shared_ptr<const RelationLayout> layout);
  // From now on kept up with its relation.
  void add_index(std::shared_ptr<const SecondaryIndex> index);
  void forget_index(ObjectId index);
  views::Dataflow& dataflow() { return dataflow_; }
  ViewErrors& view_errors() { return view_errors_; }
  // The sinks that a view's ViewSpec needs; they live as long as the view.
  views::DeltaSink* view_rows(ObjectId view);
  views::ErrorSink* view_error_sink(ObjectId view);

  Result<void> start();
  // Finishes what has been accepted, then stops both threads.
  void stop();

  // Waits until durable. False = a conflicting write came first, nothing has changed.
  Result<bool> write(ClientWrite write);
  // Waits for room. False = the loop is stopping or this feed was closed.
  bool ingest(SourceFeed& feed, ingest::SourceTxn txn);
  // Pushes of this feed return false from now on, queued ones are dropped, and after this returns
  // nothing in the loop refers to it.
  void close_feed(SourceFeed& feed);
  // Runs on the epoch thread with every earlier epoch committed; done when its own epochs are too.
  std::future<Result<void>> exclusive_later(std::function<Result<void>()> work);
  Result<void> exclusive(std::function<Result<void>()> work);

  // Inside exclusive() only. Commits one epoch from what was pushed into the dataflow since.
  struct Extra {
    std::vector<ObjectId> dropped_relations;
    std::vector<StateId> dropped_states;
    std::vector<storage::MetaPut> meta;
  };
  Result<void> run_epoch(Extra extra, const std::function<Result<void>()>& during);
  void forget_relation(ObjectId relation);
  // Feeds a new view with what is there, in slices of one epoch each, and makes it live.
  Result<void> hydrate(ObjectId view, const std::atomic<bool>& cancelled,
                       const std::function<void(uint64_t rows)>& progress);

  // Inside exclusive() only. Fills an index from what its relation holds, in slices of one epoch
  // each, and keeps it up from then on. 23505 when a unique one finds two rows of one key; the
  // caller drops what was written.
  Result<void> build_index(std::shared_ptr<const SecondaryIndex> index,
                           const std::atomic<bool>& cancelled);
  // Inside exclusive() only. Copies all rows of a relation into another of the same columns, in
  // slices of one epoch each. 23505 when the other's key does not tell them apart.
  Result<void> copy_rows(ObjectId from, ObjectId to, const SecondaryIndex& key,
                         const std::atomic<bool>& cancelled);

  // The error that stopped the loop, if one did.
  std::optional<Error> fatal() const;
  uint64_t epochs() const { return epochs_.load(std::memory_order_relaxed); }

 private:
  struct WriteItem {
    ClientWrite write;
    std::promise<Result<bool>> done;
  };
  struct IngestItem {
    SourceFeed* feed = nullptr;
    ingest::SourceTxn txn;
  };
  struct ExclusiveItem {
    std::function<Result<void>()> work;
    std::promise<Result<void>> done;
  };
  using Item = std::variant<WriteItem, IngestItem, ExclusiveItem>;
  struct Ack {
    SourceFeed* feed = nullptr;
    std::string position;
    bool snapshot_done = false;
    uint64_t rows = 0;
    int64_t upstream_commit_us = 0;
  };
  struct Committing {
    storage::StagedEpoch staged;
    std::vector<std::promise<Result<bool>>> writers;
    std::vector<Ack> acks;
  };
  class ViewSink;

  void epoch_main();
  void commit_main();
  void run_items(std::vector<Item> items);
  Result<void> apply_ingest(IngestItem& item);
  Result<bool> apply_write(const ClientWrite& write);
  Result<void> claim_unique(const ClientWrite& write);
  Result<void> check_unique(const SecondaryIndex& index);
  RelationDeltaBuilder* builder(ObjectId relation);
  Result<void> begin_epoch();
  Result<storage::EpochWrite> finish_epoch(Extra extra);
  void schedule_images(storage::EpochWrite& write);
  void hand_over(Committing committing);
  void wait_for_commits();
  void set_fatal(const Error& error);

  storage::Store* store_;
  Clock* clock_;
  Measurement* measurement_;

  // Epoch thread.
  views::Dataflow dataflow_;
  ViewErrors view_errors_;
  std::unordered_map<ObjectId, std::shared_ptr<const RelationLayout>> layouts_;
  std::unordered_map<ObjectId, std::unique_ptr<ViewSink>> view_sinks_;
  std::unordered_map<ObjectId, uint64_t> sequences_;
  std::map<ObjectId, std::unique_ptr<RelationDeltaBuilder>> builders_;  // of the running epoch
  std::unordered_map<ObjectId, std::vector<std::shared_ptr<const SecondaryIndex>>> indexes_;
  std::unordered_map<ObjectId, UniqueClaims> claims_;  // by index; of the running epoch
  std::vector<storage::RelationDelta> made_;           // written besides the builders' deltas
  Arena made_bytes_;                                   // of index entries, until staged
  std::optional<storage::Snapshot> latest_;
  sql::EvalContext context_;
  Epoch epoch_;
  std::vector<storage::MetaPut> meta_;
  int64_t image_budget_ = 0;
  size_t image_cursor_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_epoch_, wake_commit_, room_, committed_;
  std::deque<Item> items_;  // guarded by mutex_, as all below
  size_t items_bytes_ = 0;
  std::deque<Committing> committing_;
  uint32_t in_commit_ = 0;  // epochs handed over and not yet durable
  std::vector<SourceFeed*> closed_feeds_;
  bool stopping_ = false, epoch_done_ = false;
  std::optional<Error> fatal_;

  std::atomic<uint64_t> epochs_ = 0;
  Thread epoch_thread_, commit_thread_;
};

}  // namespace qw::engine
