// Store::Impl: what the parts of the store share. open.cc builds it, commit.cc moves it from epoch
// to epoch, check.cc reads it all.
//
// The environment and this memory change together: if a transaction fails, memory is ahead. When it
// only found no room, what commits keep is read anew from the environment; after any other error
// the store takes no further writes and the next open() rebuilds it. commit_mutex guards everything
// that commits change; SnapshotSource has its own lock for what readers need.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "storage/directory/data_directory.h"
#include "storage/format/format.h"
#include "storage/journal/journal.h"
#include "storage/log/directory.h"
#include "storage/rows/fold.h"
#include "storage/rows/overlay.h"
#include "storage/store.h"

namespace qw::storage {

struct StagedEpoch::Impl {
  EpochWrite write;  // its relation changes have been encoded into runs
  std::shared_ptr<const StagedRuns> runs;
  size_t bytes = 0;
};

// The images of one state.
struct StateImages {
  uint32_t partition_count = 0;
  std::map<uint32_t, ImageRecord> partitions;

  // The log up to here is not needed: every partition has an image at least as new.
  Epoch covered() const {
    if (partition_count == 0 || partitions.size() < partition_count) return Epoch{};
    uint64_t oldest = ~uint64_t{0};
    for (const auto& [partition, image] : partitions) oldest = std::min(oldest, image.epoch);
    return Epoch{oldest};
  }
};

// What the journal holds and the environment does not. All of it is written as of the last of its
// epochs: images come only with a transaction, so no partition's image lies between two of them.
struct Unwritten {
  // Oldest first; none of a relation of which only counts have changed.
  using Runs = std::map<ObjectId, std::vector<RunPtr>>;
  Runs runs;
  std::map<StateId, std::vector<std::string>> pieces;  // oldest first
};

// A fold that takes several commits.
struct FoldPass {
  ObjectId relation;
  std::vector<RunPtr> runs;  // the oldest runs of the relation, newest first
  Epoch upto;                // they, and the relation's log up to here, say the same
  double pages_per_row = 1;
  std::string from;  // the next key
};

struct Store::Impl {
  explicit Impl(const StoreOptions& given) : options(given) {}

  Durability durability() const { return options.ephemeral ? Durability::none : Durability::sync; }

  // -- open.cc
  Result<void> open_files();
  Result<void> recover();
  Result<void> replay_journal();
  // What commits keep in memory beside the overlay: the log's directory, images, what is dropped.
  Result<void> recover_directories(KvRead& read, EpochRecord& record);
  Result<void> recover_meta(KvRead& read, EpochRecord& record);
  // Log that folds, images and drops have made obsolete.
  void release_obsolete(const Overlay& overlay);
  Result<void> recover_log_keys(KvRead& read, const EpochRecord& record);
  Result<RunPtr> read_runs(KvRead& read, ObjectId relation,
                           const std::deque<LogDirectory::Ref>& refs) const;

  // -- commit.cc
  struct Commit;  // one transaction in the making
  Result<void> commit(const StagedEpoch::Impl& staged);
  // False: it has to be a transaction.
  Result<bool> commit_to_journal(const StagedEpoch::Impl& staged);
  // What is journaled is part of what readers see, and waits for the next transaction.
  void keep(const StagedEpoch::Impl& staged);
  Result<bool> maintain(bool idle);
  Result<void> take_journal_in();
  Result<void> commit_in_transaction(const StagedEpoch::Impl* staged);
  // After a transaction that failed, `before` being the counters before it: takes memory back to
  // what is committed (53100), or makes the store read-only. Returns what to tell.
  Error give_up(Error error, const StoreStats& before);
  Result<void> undo();
  bool has_background_work() const;
  // Of the overlay.
  size_t foldable_bytes() const;

  const StoreOptions options;
  std::shared_ptr<DataDirectory> directory;
  std::shared_ptr<Kv> kv;
  std::shared_ptr<Journal> journal;  // null: there is none
  std::shared_ptr<SnapshotSource> source;
  std::filesystem::path path;
  uint64_t identity = 0;  // as recover() found or made it
  Epoch staged;           // epoch thread

  mutable std::mutex commit_mutex;
  LogDirectory log;  // guarded by commit_mutex, as all below
  std::map<StateId, StateImages> images;
  Unwritten unwritten;
  bool journaled = false;  // epochs since the last transaction
  std::deque<FoldPass> passes;
  std::set<ObjectId> dropping_relations;
  std::set<StateId> dropping_states;
  std::optional<Error> failed;
  StoreStats counters;
  std::string scratch, journal_record;
};

}  // namespace qw::storage
