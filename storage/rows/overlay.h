// Overlay: what every relation looks like at one epoch, beside the base in LMDB: row counts, how
// far the base has taken changes in, and the runs it has not.
//
// An Overlay belongs to exactly one version of the environment, on which journaled epochs may have
// followed; a reader that takes a version looks up its newest overlay (SnapshotSource).
// Overlay is immutable; SnapshotSource is internally synchronised.
// Tests: tests/unit/storage/rows_test.cc, tests/unit/storage/model_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/ids.h"
#include "storage/kv.h"
#include "storage/rows.h"
#include "storage/rows/run.h"

namespace qw::storage {

struct RelationState {
  ObjectId relation;
  int64_t rows = 0, copies = 0;
  uint64_t base_rows = 0, base_bytes = 0;
  Epoch folded;              // the base holds every change up to here
  std::vector<RunPtr> runs;  // newest first
  // Its log could not be read back: reads fail with this, and nothing is folded, so that the log
  // stays what it is.
  std::shared_ptr<const Error> damaged;

  size_t run_rows() const {
    size_t sum = 0;
    for (const RunPtr& run : runs) sum += run->count();
    return sum;
  }
  size_t run_bytes() const {
    size_t sum = 0;
    for (const RunPtr& run : runs) sum += run->memory_bytes();
    return sum;
  }
};
using RelationPtr = std::shared_ptr<const RelationState>;

struct Overlay {
  Epoch epoch;
  // Values of EpochWrite::meta that stand in the journal only; an empty one is erased. May be null.
  std::shared_ptr<const std::map<std::string, std::string>> meta;
  std::vector<RelationPtr> relations;  // sorted by id

  const RelationState* find(ObjectId relation) const;
  // Replaces or adds; only while the overlay is being built.
  void set(RelationPtr relation);
  void erase(ObjectId relation);
};

// The relation changes of an epoch that is staged and not yet committed.
struct StagedRuns {
  struct Change {
    ObjectId relation;
    RunPtr run;
    int64_t rows_added = 0, copies_added = 0;
  };
  Epoch epoch;
  std::vector<Change> changes;  // sorted by relation

  const Change* find(ObjectId relation) const;
};

// Gives out snapshots, and keeps read transactions for reuse.
class SnapshotSource : public std::enable_shared_from_this<SnapshotSource> {
 public:
  // `keep_alive` (the directory's lock) lives as long as any snapshot does.
  SnapshotSource(std::shared_ptr<Kv> kv, std::shared_ptr<void> keep_alive);

  Result<Snapshot> snapshot() { return take(/*with_staged=*/false); }
  Result<Snapshot> latest() { return take(/*with_staged=*/true); }

  void stage(std::shared_ptr<const StagedRuns> staged);
  // What a reader that sees `version` shall combine it with, said before the commit makes it.
  void announce(uint64_t version, std::shared_ptr<const Overlay> overlay);
  // The announced version is durable: staged epochs up to its own are in it.
  void publish();
  // The same version of the environment with more on top of it, which is durable.
  void publish(std::shared_ptr<const Overlay> overlay);
  std::shared_ptr<const Overlay> current() const;

  // Called by a snapshot that ends.
  void give_back(std::unique_ptr<KvRead> read, Epoch epoch);
  struct Alive {
    uint32_t count = 0;
    Epoch oldest;
  };
  Alive alive() const;
  Kv& kv() const { return *kv_; }

 private:
  struct Version {
    uint64_t version = 0;
    std::shared_ptr<const Overlay> overlay;
  };
  Result<Snapshot> take(bool with_staged);
  void drop_staged();

  const std::shared_ptr<void> keep_alive_;
  const std::shared_ptr<Kv> kv_;  // closed before the lock goes
  mutable std::mutex mutex_;
  Version current_;  // guarded by mutex_, as all below
  std::optional<Version> announced_;
  std::deque<std::shared_ptr<const StagedRuns>> staged_;  // oldest first
  std::vector<std::unique_ptr<KvRead>> idle_;
  std::map<Epoch, uint32_t> alive_;
};

struct Snapshot::Impl {
  std::shared_ptr<SnapshotSource> source;
  std::unique_ptr<KvRead> read;
  std::shared_ptr<const Overlay> overlay;
  std::vector<std::shared_ptr<const StagedRuns>> staged;  // newest first
  Epoch epoch;

  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();
  // Newest first.
  std::vector<RunPtr> runs_of(ObjectId relation) const;
};

}  // namespace qw::storage
