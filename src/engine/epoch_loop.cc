// EpochLoop: see epoch_loop.h.
#include "src/engine/epoch_loop.h"

#include <malloc.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
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
constexpr int64_t kSettleUsMax = 2'000'000;
// Between two looks of an idle commit thread for work; longer and longer while the disk is full.
constexpr std::chrono::seconds kIdleMin{1}, kIdleMax{64};
// Waiting input that is worth computing on while a commit runs.
constexpr size_t kPipelineBytes = 1 << 20;
// How long an epoch waits for writers to come again: part of a commit, at most so long.
constexpr int64_t kAwaitPart = 4, kAwaitUsMax = 1000;
// Between two attempts to commit an epoch for which the disk had no room; the pause doubles.
constexpr int64_t kRoomUsMin = 5'000, kRoomUsMax = 1'000'000;
// Without work for so long, the epoch thread gives back what it kept for more.
constexpr std::chrono::milliseconds kRestAfter{500};
// What waits for memory to be freed waits so long at most, for commits and then for epochs.
constexpr std::chrono::milliseconds kReliefWait{500};

// A view over more rows has its states written once, when all have been read.
constexpr uint64_t kLoggedRowsMax = 256 << 10;

std::string position_key(ObjectId source) { return fmt::format("source/{}", source); }

}  // namespace

SourceFeed::~SourceFeed() = default;

void EpochLoop::add_relation(std::shared_ptr<const RelationLayout> layout) {
  const ObjectId id = layout->id();
  layouts_[id] = std::move(layout);
}

Result<void> EpochLoop::start() {
  epoch_ = store_->epoch();
  QW_ASSIGN_OR_RETURN(const auto sequences, store_->meta_list("sequence/"));
  for (const auto& [key, value] : sequences) {
    if (value.size() != sizeof(uint64_t)) return fail(data_corrupted("damaged sequence " + key));
    const auto id = static_cast<uint32_t>(std::stoul(key.substr(key.find('/') + 1)));
    sequences_[ObjectId{id}] = load<uint64_t>(value.data());
  }
  // now() never goes back, whatever the clock did meanwhile.
  QW_ASSIGN_OR_RETURN(const auto now, store_->meta("now"));
  if (now && now->size() == sizeof(int64_t)) context_.now_us = load<int64_t>(now->data());
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->snapshot());
  QW_TRY(view_errors_.load(snapshot));
  for (const auto& [view, error] : view_errors_.broken()) {
    if (dataflow_.has_view(view)) dataflow_.break_view(view, error);
  }
  epoch_thread_ = Thread("qw-epoch", [this] { epoch_main(); });
  commit_thread_ = Thread("qw-commit", [this] { commit_main(); });
  return {};
}

void EpochLoop::begin_stop() {
  {
    const std::lock_guard lock(mutex_);
    impatient_ = true;
  }
  wake_commit_.notify_all();
}

void EpochLoop::stop() {
  begin_stop();
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_epoch_.notify_all();
  room_.notify_all();
  committed_.notify_all();
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

std::optional<Error> EpochLoop::no_room() const {
  const std::lock_guard lock(mutex_);
  return no_room_;
}

size_t EpochLoop::waiting() const {
  const std::lock_guard lock(mutex_);
  return items_.size();
}

void EpochLoop::stop_commits(const Error& error) {
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

void EpochLoop::relieve_memory() {
  if (std::this_thread::get_id() == epoch_thread_id_.load()) return;
  std::unique_lock lock(mutex_);
  // What is being committed or folded goes by itself; freeing before that would have to be done
  // again.
  committed_.wait_for(lock, kReliefWait,
                      [&] { return stopping_ || (in_commit_ == 0 && settled_); });
  if (stopping_) return;
  const uint64_t mine = ++reliefs_wanted_;
  wake_epoch_.notify_one();
  committed_.wait_for(lock, kReliefWait, [&] { return stopping_ || reliefs_done_ >= mine; });
}

Result<bool> EpochLoop::write(ClientWrite write) {
  WriteItem item;
  const size_t size = write.size;
  item.write = std::move(write);
  std::future<Result<bool>> done = item.done.get_future();
  bool wake = false;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock,
               [&] { return stopping_ || fatal_ || no_room_ || items_bytes_ < memory_.queue; });
    if (fatal_) return fail(*fatal_);
    if (no_room_) return fail(*no_room_);
    if (stopping_) return fail(admin_shutdown("the database is shutting down"));
    items_bytes_ += size;
    items_.emplace_back(std::move(item));
    wake = write_wakes();
  }
  if (wake) wake_epoch_.notify_one();
  return done.get();
}

// Under mutex_: whether the epoch thread would begin an epoch for a write that has just come. It
// sleeps on while a commit runs, and while it waits for more writers: each needless wake-up is two
// switches of a core that the writers need.
bool EpochLoop::write_wakes() const {
  if (items_bytes_ >= kPipelineBytes || stopping_) return true;
  if (awaiting_) return items_.size() >= writers_expected_;
  return in_commit_ == 0 || backfilling_ || std::holds_alternative<ExclusiveItem>(items_.front());
}

bool EpochLoop::ingest(SourceFeed& feed, ingest::SourceTxn txn) {
  std::unique_lock lock(mutex_);
  const auto closed = [&] {
    return std::find(closed_feeds_.begin(), closed_feeds_.end(), &feed) != closed_feeds_.end();
  };
  room_.wait(lock, [&] {
    return stopping_ || fatal_ || closed() || (!no_room_ && items_bytes_ < memory_.queue);
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
    drop_feed(feed);
  }
  room_.notify_all();
  // Whatever was taken before is done once an exclusive item has had its turn.
  [[maybe_unused]] const auto drained = exclusive([] { return Result<void>(); });
}

void EpochLoop::forget_feed(const SourceFeed& feed) {
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

// The source stops, and what it has queued is dropped.
void EpochLoop::refuse(SourceFeed& feed, const Error& error) {
  log::error("source {}: {}", feed.id(), error.to_string());
  {
    const std::lock_guard lock(mutex_);
    drop_feed(feed);
  }
  room_.notify_all();
  feed.refused(error);
}

// Under mutex_.
void EpochLoop::drop_feed(const SourceFeed& feed) {
  closed_feeds_.push_back(&feed);
  std::erase_if(items_, [&](const Item& item) {
    const auto* queued = std::get_if<IngestItem>(&item);
    if (queued == nullptr || queued->feed != &feed) return false;
    items_bytes_ -= std::min(queued->txn.bytes, items_bytes_);
    return true;
  });
}

Result<void> EpochLoop::exclusive(std::function<Result<void>()> work) {
  return exclusive_later(std::move(work)).get();
}

// ---- epoch thread -----------------------------------------------------------------------------

// Whether to begin an epoch now, under mutex_: see the top of epoch_loop.h.
bool EpochLoop::epoch_wanted() const {
  if (stopping_) return true;
  if (items_.empty()) return !building_.empty() && in_commit_ < kPipelineDepth;
  if (std::holds_alternative<ExclusiveItem>(items_.front())) return true;
  return in_commit_ == 0 || items_bytes_ >= kPipelineBytes || !building_.empty();
}

// Under mutex_, when an epoch is wanted: see the top of epoch_loop.h.
void EpochLoop::await_writers(std::unique_lock<std::mutex>& lock) {
  const auto complete = [&] {
    return stopping_ || items_.size() >= writers_expected_ || items_bytes_ >= kPipelineBytes ||
           !std::holds_alternative<WriteItem>(items_.back());
  };
  if (items_.empty() || !building_.empty() || complete()) return;
  const int64_t left_us = await_until_us_ - clock_->monotonic_us();
  if (left_us <= 0) return;
  awaiting_ = true;
  wake_epoch_.wait_for(lock, std::chrono::microseconds(left_us), complete);
  awaiting_ = false;
}

// Under mutex_: one exclusive item, or others up to an epoch's worth.
std::vector<EpochLoop::Taken> EpochLoop::take_items() {
  std::vector<Taken> taken;
  size_t bytes = 0;
  while (!items_.empty() && bytes < memory_.epoch_input) {
    Item& front = items_.front();
    const bool alone = std::holds_alternative<ExclusiveItem>(front);
    if (alone && !taken.empty()) break;
    if (const auto* write = std::get_if<WriteItem>(&front)) bytes += write->write.size;
    if (const auto* queued = std::get_if<IngestItem>(&front)) bytes += queued->txn.bytes;
    taken.push_back({std::move(front), Taken::State::applied, std::nullopt});
    items_.pop_front();
    if (alone || (measurement_ != nullptr && measurement_->epoch_per_transaction)) break;
  }
  items_bytes_ -= std::min(bytes, items_bytes_);
  return taken;
}

// Under mutex_: sleeps until an epoch is wanted. False: something else was done meanwhile.
bool EpochLoop::await_work(std::unique_lock<std::mutex>& lock) {
  const auto woken = [&] { return epoch_wanted() || reliefs_wanted_ != reliefs_done_; };
  bool idle = false;
  if (rested_) {
    wake_epoch_.wait(lock, woken);
  } else {
    idle = !wake_epoch_.wait_for(lock, kRestAfter, woken);
  }
  const uint64_t wanted = reliefs_wanted_;
  if (!idle && wanted == reliefs_done_) return true;
  lock.unlock();
  if (idle) rest_when_idle();
  if (wanted != reliefs_done_) free_kept();
  lock.lock();
  reliefs_done_ = wanted;
  committed_.notify_all();
  return false;
}

void EpochLoop::epoch_main() {
  epoch_thread_id_ = std::this_thread::get_id();
  while (true) {
    std::vector<Taken> taken;
    {
      std::unique_lock lock(mutex_);
      backfilling_ = !building_.empty();
      while (!await_work(lock)) {
      }
      if (items_.empty() && stopping_) break;
      await_writers(lock);
      taken = take_items();
    }
    rested_ = false;
    room_.notify_all();
    auto* alone = taken.empty() ? nullptr : std::get_if<ExclusiveItem>(&taken.front().item);
    if (alone != nullptr) {
      run_exclusive(*alone);
    } else {
      run_items(std::move(taken));
    }
    finish_backfills();
  }
  for (Building& building : building_) {
    building.done.set_value(fail(admin_shutdown("the database is shutting down")));
  }
  building_.clear();
}

void EpochLoop::run_exclusive(ExclusiveItem& item) {
  wait_for_commits();
  const auto failed = fatal();
  Result<void> result = failed ? Result<void>(fail(*failed)) : item.work();
  wait_for_commits();
  if (const auto late = fatal(); late && result) result = fail(*late);
  item.done.set_value(std::move(result));
}

void EpochLoop::give_up(std::vector<Taken>& items, const Error& error) {
  stop_commits(error);
  for (Taken& taken : items) {
    if (auto* write = std::get_if<WriteItem>(&taken.item)) write->done.set_value(fail(error));
  }
}

void EpochLoop::run_items(std::vector<Taken> items) {
  if (const auto failed = fatal()) return give_up(items, *failed);
  quiet_epochs_ = items.empty() ? quiet_epochs_ + 1 : 0;
  Deltas deltas;
  while (true) {
    if (auto begun = begin_epoch(); !begun) return give_up(items, begun.error());
    if (!apply_items(items)) continue;
    auto netted = finish_base(items, deltas);
    if (!netted) return give_up(items, netted.error());
    if (*netted) break;
  }
  Committing committing;
  std::vector<std::promise<Result<bool>>> conflicts;
  Extra extra;
  for (Taken& taken : items) {
    if (auto* write = std::get_if<WriteItem>(&taken.item)) {
      if (taken.state == Taken::State::failed) write->done.set_value(fail(*taken.error));
      if (taken.state == Taken::State::applied)
        committing.writers.push_back(std::move(write->done));
      if (taken.state == Taken::State::conflict) conflicts.push_back(std::move(write->done));
      continue;
    }
    if (taken.state != Taken::State::applied) continue;
    auto& [feed, txn] = std::get<IngestItem>(taken.item);
    extra.meta.push_back({position_key(feed->id()), txn.position});
    committing.acks.push_back(
        {feed, txn.position, txn.snapshot_done, txn.rows, txn.upstream_commit_us});
  }
  const bool nothing = committing.writers.empty() && committing.acks.empty() && building_.empty();
  if (!nothing) {
    committing.staged = stage(step(std::move(deltas), std::move(extra), Backfills::step));
    items.clear();
    hand_over(std::move(committing));
  }
  if (conflicts.empty()) return;
  // A retry must see what it collided with.
  wait_for_commits();
  for (auto& writer : conflicts) writer.set_value(false);
}

Result<void> EpochLoop::run_epoch(Extra extra, const std::function<Result<void>()>& change) {
  if (auto begun = begin_epoch(); !begun) {
    stop_commits(begun.error());
    return begun;
  }
  Deltas deltas;
  if (change) {
    std::vector<Taken> no_items;
    Result<void> changed = change();
    if (changed) {
      if (auto netted = finish_base(no_items, deltas); !netted) changed = fail(netted.error());
    }
    if (!changed) {
      latest_.reset();
      return changed;
    }
  }
  Committing committing;
  committing.staged = stage(step(std::move(deltas), std::move(extra), Backfills::wait));
  hand_over(std::move(committing));
  return {};
}

std::future<Result<void>> EpochLoop::backfill(ObjectId view, const std::atomic<bool>& cancelled,
                                              Backfill::Progress progress) {
  std::vector<std::shared_ptr<const RelationLayout>> inputs;
  uint64_t rows = 0;
  const auto latest = store_->latest();
  for (const ObjectId relation : dataflow_.to_hydrate(view)) {
    inputs.push_back(layouts_.at(relation));
    // Of a damaged relation none: reading it will say so.
    const auto stored = latest ? stored_row_count(*inputs.back(), *latest) : Result<int64_t>(0);
    if (stored) rows += static_cast<uint64_t>(std::max<int64_t>(*stored, 0));
  }
  Building building;
  building.logged = rows <= slice_rows_.value_or(kLoggedRowsMax);
  if (!building.logged) dataflow_.pause_log(view);
  building.backfill = std::make_unique<Backfill>(view, inputs, cancelled, std::move(progress));
  std::future<Result<void>> done = building.done.get_future();
  if (building_.empty()) {
    end_per_slice_ = std::numeric_limits<double>::infinity();
    end_fixed_us_ = 0;
  }
  building_.push_back(std::move(building));
  return done;
}

// Between two epochs: makes views live that have caught up, and lets go of those that cannot.
void EpochLoop::finish_backfills() {
  const auto failed = fatal();
  for (size_t i = 0; i < building_.size();) {
    Building& building = building_[i];
    const ObjectId view = building.backfill->view();
    std::optional<Error> error = failed ? failed : building.error;
    if (!error && building.backfill->cancelled()) {
      error = query_canceled("canceling statement due to user request");
    }
    if (!error) error = dataflow_.broken(view);
    if (!error && !building.backfill->complete()) {
      ++i;
      continue;
    }
    if (!error && !building.logged) {
      building.logged = true;
      for (const StateId state : dataflow_.resume_log(view)) {
        for (uint32_t p = 0; p < views::Dataflow::kPartitions; ++p) {
          building.unimaged.emplace_back(state, p);
        }
      }
    }
    if (!error && !building.unimaged.empty()) {
      ++i;
      continue;
    }
    if (!error && building.backfill->noted() > 0) {
      // One epoch without items replays what is left; under steady writes there is always some.
      if (auto begun = begin_epoch(); !begun) {
        stop_commits(begun.error());
        error = begun.error();
      } else {
        Committing committing;
        committing.staged = stage(step({}, {}, Backfills::step));
        hand_over(std::move(committing));
      }
      if (!error) error = building.error ? building.error : dataflow_.broken(view);
    }
    std::promise<Result<void>> done = std::move(building.done);
    building_.erase(building_.begin() + static_cast<std::ptrdiff_t>(i));
    if (!error) {
      dataflow_.go_live(view);
      // One more epoch: operators that speak even without input (a global aggregate) do so here.
      if (auto begun = begin_epoch(); !begun) {
        stop_commits(begun.error());
        error = begun.error();
      } else {
        Committing committing;
        committing.staged = stage(step({}, {}, Backfills::wait));
        error = dataflow_.broken(view);
        if (!error) committing.built.push_back(std::move(done));
        hand_over(std::move(committing));
      }
    }
    if (error) done.set_value(fail(*error));
  }
}

// A small epoch that nothing is before is committed right here: a second thread would only be one
// more to wake, and by the time it is durable the next epoch has more to take. While the commit
// thread has background work the epoch stands in its queue: it comes after the slice in hand, where
// the store's lock might be taken for one slice after the other.
void EpochLoop::hand_over(Committing committing) {
  latest_.reset();
  // The commit takes as much once more, on another thread, where malloc does not find this.
  if (std::exchange(was_large_, false)) ::malloc_trim(0);
  bool here = false;
  {
    std::unique_lock lock(mutex_);
    committed_.wait(lock, [&] { return in_commit_ < kPipelineDepth; });
    ++in_commit_;
    here = in_commit_ == 1 && !no_room_ && !fatal_ && !maintaining_ &&
           committing.staged.bytes() <= storage::kJournaledBytesMax;
  }
  if (here) {
    const int64_t began_us = clock_->monotonic_us();
    const Result<void> result = store_->commit(committing.staged);
    if (result || result.error().code() != storage::kNoRoom) {
      return finish_commit(committing, result, began_us);
    }
  }
  {
    const std::lock_guard lock(mutex_);
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
  uint64_t commits = 0;
  std::chrono::seconds pause = kIdleMin;
  int64_t readers_checked_us = clock_->monotonic_us();
  while (true) {
    std::optional<Committing> next;
    bool waited = false;
    {
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return epoch_done_ || !committing_.empty(); };
      if (!more_maintenance) waited = !wake_commit_.wait_for(lock, pause, ready);
      if (!committing_.empty()) {
        next = std::move(committing_.front());
        committing_.pop_front();
        settled_ = false;
      } else if (epoch_done_) {
        break;
      } else {
        maintaining_ = true;
      }
    }
    if (clock_->monotonic_us() - readers_checked_us > 1'000'000) {
      readers_checked_us = clock_->monotonic_us();
      if (auto checked = store_->check_readers(); !checked) {
        log::warn("checking readers: {}", checked.error().message());
      }
    }
    if (next) {
      commit_one(*next);
      more_maintenance = true;
      // Whoever commits next waits for it, or what is to be folded would grow without end.
      while (!fatal() && store_->is_behind()) {
        const auto worked = store_->maintain();
        if (!worked || !*worked) break;  // what is wrong shows once there is nothing else to do
      }
      continue;
    }
    const bool idle = waited && commits == commits_.load();
    commits = commits_.load();
    const auto worked = store_->maintain(idle);
    more_maintenance = worked && *worked;
    {
      const std::lock_guard lock(mutex_);
      maintaining_ = false;
      settled_ = !more_maintenance;
    }
    if (!more_maintenance) committed_.notify_all();
    // Without room it is tried again later, or behind the next commit.
    const bool room = worked || worked.error().code() != storage::kNoRoom;
    if (!worked && room && !fatal()) stop_commits(worked.error());
    pause = room ? kIdleMin : std::min(pause * 2, kIdleMax);
  }
  settle_store();
}

// So that the next start has little to read back.
void EpochLoop::settle_store() {
  const int64_t until_us = clock_->monotonic_us() + kSettleUsMax;
  while (!fatal() && clock_->monotonic_us() < until_us) {
    const auto worked = store_->maintain(/*idle=*/true);
    if (!worked) log::warn("background work at the end: {}", worked.error().to_string());
    if (!worked || !*worked) return;
  }
}

Result<void> EpochLoop::commit_once_there_is_room(const storage::StagedEpoch& staged) {
  for (int64_t wait_us = kRoomUsMin;; wait_us = std::min(wait_us * 2, kRoomUsMax)) {
    Result<void> result = store_->commit(staged);
    if (result || result.error().code() != storage::kNoRoom) {
      note_room();
      return result;
    }
    if (!wait_for_room(result.error(), wait_us)) return result;
  }
}

// False: the loop is about to stop.
bool EpochLoop::wait_for_room(const Error& error, int64_t wait_us) {
  std::unique_lock lock(mutex_);
  if (!no_room_ && !impatient_) {
    no_room_ = Error(error).with_hint("Make room there: what waits then goes on by itself.");
    log::warn("commits wait for room: {}", error.to_string());
    room_.notify_all();
  }
  return !wake_commit_.wait_for(lock, std::chrono::microseconds(wait_us),
                                [&] { return impatient_; });
}

void EpochLoop::note_room() {
  {
    const std::lock_guard lock(mutex_);
    if (!no_room_) return;
    no_room_.reset();
  }
  log::warn("there is room again, commits go on");
  room_.notify_all();
}

void EpochLoop::commit_one(Committing& next) {
  const auto failed = fatal();
  const int64_t began_us = clock_->monotonic_us();
  Result<void> result =
      failed ? Result<void>(fail(*failed)) : commit_once_there_is_room(next.staged);
  finish_commit(next, result, began_us);
}

void EpochLoop::finish_commit(Committing& next, const Result<void>& result, int64_t began_us) {
  ++commits_;
  if (!result) stop_commits(result.error());
  if (result) {
    for (const Ack& ack : next.acks) {
      if (measurement_ != nullptr) measurement_->rows_committed += ack.rows;
      ack.feed->committed(ack.position, ack.snapshot_done, ack.upstream_commit_us);
    }
  }
  {
    const std::lock_guard lock(mutex_);
    --in_commit_;
    const int64_t now_us = clock_->monotonic_us();
    writers_expected_ = next.writers.size() + items_.size();
    await_until_us_ = now_us + std::min((now_us - began_us) / kAwaitPart, kAwaitUsMax);
  }
  committed_.notify_all();
  for (auto& writer : next.writers) {
    writer.set_value(result ? Result<bool>(true) : Result<bool>(fail(result.error())));
  }
  for (auto& view : next.built) view.set_value(result);
  wake_epoch_.notify_one();
}

}  // namespace qw::engine
