// EpochLoop: the one clock of a database. A single thread turns what waits into epochs, a second
// one makes them durable while the next is computed.
//
//   sessions, sources --items--> [queue] --epoch thread: apply, step the dataflow, stage-->
//     [depth 2] --commit thread: durable--> visible; waiting sessions and upstreams told
//
// A small epoch with nothing before it skips the last thread.
//
// An epoch takes whole items that are waiting, up to a byte budget. While a commit runs, small
// items gather for the next epoch (that is group commit); only much data, or a view being built, is
// worth computing on ahead of the commit. Writers whose commit has just returned mostly come again
// at once: the next epoch waits for as many as there were, for a fraction of what a commit takes,
// lest two halves of them take turns. Items:
//   write       a session's transaction, worked out against its snapshot: applied if what it
//               expects still stands, refused otherwise
//   ingest      a source's transaction; one that cannot be applied stops its source
//   exclusive   a function run between two epochs (DDL): it may run epochs of its own
// An epoch is worked out in two parts. First the relations that items change; nothing outside of
// their builders is touched, so when a transaction proves impossible the epoch is begun again
// without it. Then the dataflow, which cannot fail: a view whose output is impossible breaks,
// alone. Visible is durable: a write returns, and others see it, after the sync. A commit error
// stops the loop for good: every later call gets it, reads go on from the last cut. Only a disk
// without room is waited for: the epoch in hand is committed again and again, what has been
// accepted stays, new writes are refused (53100) and sources wait, until there is room. Internally
// synchronised; worker-side functions are bound to the epoch thread. Tests:
// tests/unit/engine/epoch_loop_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "ingest/change.h"
#include "src/base/arena.h"
#include "src/base/clock.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "src/base/thread.h"
#include "src/engine/backfill.h"
#include "src/engine/memory_shares.h"
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
    std::optional<Epoch> seen;  // of the snapshot that all were worked out against; none: several
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
  // Commit thread or epoch thread, one at a time: durable up to here. Must not wait.
  virtual void committed(const std::string& position, bool snapshot_done,
                         int64_t upstream_commit_us) = 0;
  // Epoch thread: the source broke a promise; it is to stop with this error.
  virtual void refused(const Error& error) = 0;
};

class EpochLoop {
 public:
  EpochLoop(storage::Store& store, Clock& clock, const MemoryShares& memory,
            Measurement* measurement = nullptr);
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
  const MemoryShares& memory() const { return memory_; }
  // Else a measurement drops what views put out.
  bool keeps_view_rows() const;
  std::shared_ptr<const RelationLayout> layout(ObjectId relation) const {
    return layouts_.at(relation);
  }
  // The sinks that a view's ViewSpec needs; they live as long as the view.
  views::DeltaSink* view_rows(ObjectId view);
  views::ErrorSink* view_error_sink(ObjectId view);

  // Before start(): rows per slice of a backfill, in place of what the clock allows.
  void set_slice_rows(uint64_t rows) { slice_rows_ = rows; }
  // Before start(): how much log gathers before images begin.
  void set_image_start(int64_t bytes) { image_start_bytes_ = bytes; }

  Result<void> start();
  // From now on a disk without room is an error like any other: nobody waits for it any more.
  void begin_stop();
  // Finishes what has been accepted, then stops both threads.
  void stop();
  // From now on nothing is committed and every write fails with `error` (the first counts).
  void stop_commits(const Error& error);

  // Waits until durable. False = a conflicting write came first, nothing has changed. An error with
  // kNoRoom: it was not accepted, and may be tried again.
  Result<bool> write(ClientWrite write);
  // Waits for room. False = the loop is stopping or this feed was closed.
  bool ingest(SourceFeed& feed, ingest::SourceTxn txn);
  // Pushes of this feed return false from now on, queued ones are dropped, and after this returns
  // nothing in the loop refers to it. Once nobody pushes any more, forget_feed().
  void close_feed(SourceFeed& feed);
  void forget_feed(const SourceFeed& feed);
  // Runs on the epoch thread with every earlier epoch committed; done when its own epochs are too.
  std::future<Result<void>> exclusive_later(std::function<Result<void>()> work);
  Result<void> exclusive(std::function<Result<void>()> work);

  // Inside exclusive() only: commits one epoch without items.
  struct Extra {
    std::vector<ObjectId> dropped_relations;
    std::vector<StateId> dropped_states;
    std::vector<storage::MetaPut> meta;
    // Relations that no view reads and no builder changes; bytes are needed during the call only.
    std::vector<storage::RelationDelta> relations;
  };
  // `change` changes relations through builder(). When it fails, or cannot stand, there is no epoch
  // and nothing has changed. Backfills do not move on meanwhile.
  Result<void> run_epoch(Extra extra, const std::function<Result<void>()>& change = {});
  // Whether a view broke outside of an epoch (recovery): the next one writes it down.
  bool has_news() const { return dataflow_.has_broken(); }
  // Inside exclusive(): the relation is gone. A backfill of it ends with an error.
  void forget_relation(ObjectId relation);
  // Inside exclusive(): begins to feed a view, known to the dataflow, with what is there. Live
  // epochs go on meanwhile. Ready once the view is live and all of it is durable.
  std::future<Result<void>> backfill(ObjectId view, const std::atomic<bool>& cancelled,
                                     Backfill::Progress progress);

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
  // Why commits wait, while the disk has no room.
  std::optional<Error> no_room() const;
  // Items in the queue.
  size_t waiting() const;
  // Any thread: has the epoch thread free what it only keeps for later epochs. Waits for it, and
  // for commits and folds that are under way, but not for long.
  void relieve_memory();
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
  // An item on its way through an epoch.
  struct Taken {
    Item item;
    enum class State : uint8_t { applied, conflict, failed } state = State::applied;
    std::optional<Error> error;  // failed
  };
  struct Building {
    std::unique_ptr<Backfill> backfill;
    std::promise<Result<void>> done;
    std::optional<Error> error;
    bool logged = true;  // else states get neither log nor images before all rows have been read
    std::vector<std::pair<StateId, uint32_t>> unimaged;  // partitions: then the view can go live
  };
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
    std::vector<std::promise<Result<void>>> built;
  };
  class ViewSink;
  class Turns;
  // What an epoch does to a relation, and thereby to its secondary indexes.
  struct Change {
    storage::RelationDelta rows;
    std::vector<storage::RelationDelta> entries;
  };
  using Deltas = std::map<ObjectId, Change>;
  enum class Backfills : uint8_t { step, wait };

  // epoch_loop.cc: threads and queues.
  void epoch_main();
  bool epoch_wanted() const;
  bool await_work(std::unique_lock<std::mutex>& lock);
  bool write_wakes() const;
  void await_writers(std::unique_lock<std::mutex>& lock);
  std::vector<Taken> take_items();
  void run_exclusive(ExclusiveItem& item);
  void run_items(std::vector<Taken> items);
  void give_up(std::vector<Taken>& items, const Error& error);
  void hand_over(Committing committing);
  void wait_for_commits();
  void commit_main();
  void commit_one(Committing& next);
  void finish_commit(Committing& next, const Result<void>& result, int64_t began_us);
  void settle_store();
  Result<void> commit_once_there_is_room(const storage::StagedEpoch& staged);
  bool wait_for_room(const Error& error, int64_t wait_us);
  void note_room();
  void refuse(SourceFeed& feed, const Error& error);
  void drop_feed(const SourceFeed& feed);

  // epoch_step.cc: what an epoch does.
  Result<void> begin_epoch();
  RelationDeltaBuilder* builder(ObjectId relation);
  // False: an item has failed after it had left traces; the epoch is to be begun again.
  bool apply_items(std::vector<Taken>& items);
  Result<void> apply_ingest(IngestItem& item);
  Result<bool> apply_write(const ClientWrite& write);
  Result<void> claim_unique(const ClientWrite& write);
  // Nets what a relation's builder has.
  Result<Change> net(RelationDeltaBuilder& changed);
  // Nets what items have changed. False: as above.
  Result<bool> finish_base(std::vector<Taken>& items, Deltas& deltas);
  bool fail_items_of(ObjectId relation, std::vector<Taken>& items, const Error& error);
  // The dataflow's part, from the base relations' deltas to what is to be committed.
  storage::EpochWrite step(Deltas deltas, Extra extra, Backfills backfills);
  storage::StagedEpoch stage(storage::EpochWrite write);
  void push_all(const Deltas& deltas);
  using Encoded = std::vector<storage::EncodedDelta>;
  void encode(Change change, Encoded& encoded);
  void note_sequence(const RelationDeltaBuilder& changed);
  void rest_builders();
  void step_backfills();
  bool is_large(ObjectId view) const;
  void measure_slices(int64_t slices_us, int64_t epoch_us);
  void finish_views(Deltas& deltas);
  void forget_broken(Encoded& encoded);
  void note_broken();
  void schedule_images(storage::EpochWrite& write);
  void write_first_images(storage::EpochWrite& write);
  // Bytes written; none = the state's views are broken now.
  std::optional<int64_t> write_image(StateId state, uint32_t partition, storage::EpochWrite& write);
  void balance_memory();
  void free_kept();
  void shrink_states(uint64_t bytes);
  void refuse_building();
  // From here on what can be given back is.
  uint64_t high_memory() const { return memory_.process / 4 * 3; }
  void rest_when_idle();
  void finish_backfills();

  // epoch_turns.cc.
  bool makes_much(const Deltas& deltas) const;

  // epoch_build.cc.
  Result<void> check_unique(const SecondaryIndex& index);

  storage::Store* store_;
  Clock* clock_;
  const MemoryShares memory_;
  Measurement* measurement_;

  // Epoch thread.
  views::Dataflow dataflow_;
  ViewErrors view_errors_;
  std::unordered_map<ObjectId, std::shared_ptr<const RelationLayout>> layouts_;
  std::unordered_map<ObjectId, std::unique_ptr<ViewSink>> view_sinks_;
  std::unordered_map<ObjectId, uint64_t> sequences_;
  std::map<ObjectId, std::unique_ptr<RelationDeltaBuilder>> builders_;
  std::map<ObjectId, RelationDeltaBuilder*> active_;  // builders of the running epoch
  std::vector<std::pair<ObjectId, Batch>> unstored_;  // measurements only: past the store
  std::unordered_map<ObjectId, std::vector<std::shared_ptr<const SecondaryIndex>>> indexes_;
  std::unordered_map<ObjectId, UniqueClaims> claims_;  // by index; of the running epoch
  Arena entry_bytes_;                                  // of index entries, until staged
  std::vector<Building> building_;
  uint32_t quiet_epochs_ = 0;  // without items, in a row
  double slice_share_ = 0.5;   // of an epoch with backfills
  // What the end of such an epoch takes: for each microsecond of its slices, and in any case.
  double end_per_slice_ = std::numeric_limits<double>::infinity();
  int64_t end_fixed_us_ = 0;
  std::optional<uint64_t> slice_rows_;
  uint64_t kept_ = 0;       // memory of builders that are not active
  bool was_large_ = false;  // the epoch in hand: what it has worked with goes back to the system
  std::optional<storage::Snapshot> latest_;
  sql::EvalContext context_;
  Epoch epoch_;
  std::vector<storage::MetaPut> meta_;
  int64_t image_budget_ = 0;
  // Small databases replay in no time.
  int64_t image_start_bytes_ = 4 << 20;
  size_t image_cursor_ = 0;
  uint64_t state_limit_ = 0;  // what states may have just now
  bool rested_ = false;       // nothing has been done since what was kept was freed
  int64_t balanced_us_ = 0, trim_next_us_ = 0;

  mutable std::mutex mutex_;
  std::condition_variable wake_epoch_, wake_commit_, room_, committed_;
  std::deque<Item> items_;  // guarded by mutex_, as all below
  size_t items_bytes_ = 0;
  std::deque<Committing> committing_;
  uint32_t in_commit_ = 0;    // epochs handed over and not yet durable
  bool maintaining_ = false;  // the commit thread is in the store, or about to be, without an epoch
  bool settled_ = false;      // it has nothing left to fold
  size_t writers_expected_ = 0;
  int64_t await_until_us_ = 0;
  bool awaiting_ = false;     // the epoch thread waits for writers_expected_
  bool backfilling_ = false;  // building_ is not empty, as the epoch thread went to sleep
  std::vector<const SourceFeed*> closed_feeds_;
  bool stopping_ = false, epoch_done_ = false;
  uint64_t reliefs_wanted_ = 0, reliefs_done_ = 0;
  bool impatient_ = false;  // see begin_stop()
  std::optional<Error> fatal_, no_room_;

  std::atomic<uint64_t> epochs_ = 0, commits_ = 0;
  std::atomic<std::thread::id> epoch_thread_id_;
  Thread epoch_thread_, commit_thread_;
};

}  // namespace qw::engine
