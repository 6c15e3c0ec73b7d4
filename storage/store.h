// Store: the durable truth of one data directory: log, images, rows and meta in one LMDB
// environment, and a journal of the small epochs that it has not taken in yet.
//
//   epoch thread   stage(write)  -> relation changes are visible to latest(); hand the result over
//   one at a time  commit(staged) -> durable, then published to snapshot(), in one atomic step
//                  maintain()     -> a slice of background work (folds, erasing what was dropped)
//   any thread     snapshot(), stats(), recover_state()
//
// After a commit error the store is read-only: LMDB may have half-synced pages, and retrying an
// fsync proves nothing. Every later commit returns the first error; readers go on; open() starts
// anew. The exception is a disk without room (kNoRoom), as long as no sync has failed. README.md
// draws the bytes. Tests: tests/unit/storage/, tests/crash/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/ids.h"
#include "src/base/result.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw {
class Clock;
}

namespace qw::storage {

class Journal;
class Kv;

// A larger epoch is a transaction at once: what it saves in syncs it would write twice.
inline constexpr size_t kJournaledBytesMax = 128 << 10;
// What a commit fails with that may be tried again, once there is room on the disk.
inline constexpr SqlState kNoRoom = "53100";

enum class FoldPolicy : uint8_t {
  cost,     // by estimated dirty pages against changed bytes
  eager,    // every epoch straight into the base (tests)
  never,    // only the overlay (tests)
  shuffled  // as `salt` and the epoch decide, in small slices (tests)
};

struct StoreOptions {
  // The data directory, made when missing. For an ephemeral store: the folder in which a private
  // one is made, and in which those that dead processes left behind are removed.
  std::filesystem::path dir;
  bool may_create = true;  // false: a directory that holds no data is an error (55000)
  bool ephemeral = false;  // no syncs: survives kill -9, not power loss; removed at close
  FoldPolicy fold = FoldPolicy::cost;
  uint64_t salt = 0;                     // of FoldPolicy::shuffled
  size_t overlay_bytes_max = 256 << 20;  // beyond this, folds run whatever they cost
  size_t slice_pages_max = 2048;         // dirty pages that background work adds to a commit
  // Of a commit's own folds. LMDB never gives a page back that it has once held dirty.
  uint64_t direct_bytes_max = ~uint64_t{0};
  // Of runs that are gone, kept for new ones; of the process. So much is what a merge of four runs
  // of large epochs leaves, mostly: less, and every second run is written to pages that the system
  // has to clear first (a seventh of what an upsert takes).
  size_t spare_bytes_max = 64 << 20;
  std::shared_ptr<Kv> kv;            // in place of LMDB (then `dir` is not touched)
  std::shared_ptr<Journal> journal;  // with `kv`; null: every epoch is a transaction of it
  Clock* clock = nullptr;            // for durations in statistics; may be null
};

struct RelationStats {
  ObjectId relation;
  int64_t rows = 0;
  uint64_t base_rows = 0, base_bytes = 0;
  uint64_t overlay_rows = 0, overlay_bytes = 0, overlay_runs = 0;
  Epoch folded;  // the base holds every change up to this epoch
};

struct StateStats {
  StateId state;
  uint32_t partitions = 0;  // 0: no image yet
  uint64_t image_bytes = 0;
  uint64_t log_bytes = 0;  // written after the oldest image: what recovery has to replay
  Epoch oldest_image;      // 0: at least one partition has none
};

struct StoreStats {
  Epoch epoch;
  uint64_t file_bytes = 0, free_bytes = 0;
  uint64_t log_bytes = 0, log_entries = 0;  // live log: values, entries
  uint64_t image_bytes = 0;
  uint64_t overlay_bytes = 0;  // memory of all runs
  // Since open: epochs and slices of background work; bytes of records and of values put, where a
  // journaled epoch counts once more when a transaction takes it in.
  uint64_t commits = 0, committed_bytes = 0;
  uint64_t rows_folded = 0, folds = 0;
  int64_t last_commit_us = 0;
  uint32_t snapshots = 0;  // alive now
  Epoch oldest_snapshot;
  bool read_only = false;
};

struct ImageAge {
  uint32_t partition = 0;
  Epoch epoch;  // 0: no image
  uint64_t bytes = 0;
};

// An epoch on its way from stage() to commit().
class StagedEpoch {
 public:
  StagedEpoch();
  StagedEpoch(StagedEpoch&&) noexcept;
  StagedEpoch& operator=(StagedEpoch&&) noexcept;
  ~StagedEpoch();
  Epoch epoch() const;
  size_t bytes() const;

  struct Impl;
  explicit StagedEpoch(std::shared_ptr<Impl> impl);

 private:
  friend class Store;
  std::shared_ptr<Impl> impl_;
};

// One piece of a partition's image: the state as it was after `epoch`.
using ImageSink =
    std::function<Result<void>(uint32_t partition, Epoch epoch, std::string_view bytes)>;
// One piece of the log up to `epoch`, from the piece before on. Comes for everything after the
// oldest image, so the reader skips records of partitions whose image is as new as `epoch`.
using LogSink = std::function<Result<void>(Epoch epoch, std::string_view bytes)>;

class Store {
 public:
  // Takes the directory's lock (55006 naming the holder's pid), checks the format version, and
  // brings back the overlay from the log.
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // Where the data lies, e.g. for the catalog; empty when a Kv was given.
  const std::filesystem::path& path() const;
  // The last committed epoch.
  Epoch epoch() const;
  // A random number made with the store's file, which the catalog beside it must know; 0 when there
  // is none (ephemeral, or a Kv was given).
  uint64_t identity() const;

  // Epoch thread. The bytes behind `write.relations` may go once this returns.
  StagedEpoch stage(EpochWrite write);
  // Part of staging ahead of it, for an epoch that is too large for memory: the result lies in a
  // file where that is possible. The bytes behind `delta` may go once this returns. Any thread.
  EncodedDelta encode(Epoch epoch, const RelationDelta& delta) const;
  // Epoch thread: as snapshot(), and with every staged epoch on top.
  Result<Snapshot> latest() const;
  // Any thread, in the order of staging. kNoRoom: nothing of it is there, and it is to be
  // committed again, before any other. Every other error is for good.
  Result<void> commit(const StagedEpoch& staged);
  // stage() and commit() in one, for callers without a pipeline, to whom every error is for good.
  Result<void> commit(EpochWrite write);
  // Any thread, when there is nothing else to do: one slice of background work, as a transaction
  // of its own at the same epoch. True while there is more. kNoRoom: to be tried again. `idle`:
  // nothing has come for a while, so that the environment may as well take the journal in.
  Result<bool> maintain(bool idle = false);
  // Any thread: what waits to be folded is twice what it may be, so that maintain() had better come
  // before the next commit.
  bool is_behind() const;

  // Gives back what is kept for the runs of later epochs. Any thread.
  static void free_spare();

  Result<Snapshot> snapshot() const;

  // Images first, then log pieces in order of epochs. Any thread, also while commits go on: it sees
  // the state as of the last committed epoch. `partitions` is a set of bits: of others among the
  // first 64 the images are left out.
  Result<void> recover_state(StateId state, const ImageSink& image, const LogSink& log,
                             uint64_t partitions = ~uint64_t{0}) const;
  Result<std::optional<std::string>> meta(std::string_view key) const;
  Result<std::vector<std::pair<std::string, std::string>>> meta_list(std::string_view prefix) const;

  StoreStats stats() const;
  std::vector<RelationStats> relations() const;
  std::vector<StateStats> states() const;  // most log bytes first: whose images are most wanted
  std::vector<ImageAge> images(StateId state) const;
  // Reads everything and verifies every checksum and count: one line per finding, empty = sound.
  Result<std::vector<std::string>> check() const;
  // Frees reader slots of dead processes; about once a second.
  Result<void> check_readers();
  // A consistent, compacted copy into an existing empty directory; takes the journal in before.
  Result<void> backup_to(const std::filesystem::path& dir) const;

  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace qw::storage
