// Backfill: feeds a new view with what its relations hold, in slices inside live epochs.
//
// Each relation is read in key order. A slice sees the store as of the epoch before and goes on
// where the last one ended, so at any time the view has been given exactly the rows up to that key
// as they are now: changes of rows that lie behind are noted when an epoch makes them and replayed
// by the next slice, changes ahead are left to the scan. Hence nothing is held but one key per
// relation and the changes of one epoch, and no old snapshot keeps pages from being used again.
// When it is complete, what is still noted has to be replayed once more, and the view's states need
// images if they were not logged (EpochLoop::finish_backfills). Epoch thread only.
// Tests: tests/unit/engine/backfill_test.cc, tests/e2e/crash_test.py.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/clock.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "src/engine/relation_delta.h"
#include "storage/rows.h"
#include "views/dataflow.h"

namespace qw::engine {

class Backfill {
 public:
  using Progress = std::function<void(uint64_t rows)>;

  // `cancelled` and `progress` are used until the backfill is destroyed.
  Backfill(ObjectId view, const std::vector<std::shared_ptr<const RelationLayout>>& inputs,
           const std::atomic<bool>& cancelled, Progress progress);

  ObjectId view() const { return view_; }
  bool reads(ObjectId relation) const;
  bool cancelled() const { return *cancelled_; }
  uint64_t rows() const { return rows_; }
  // Rows that epochs have changed and a slice will replay, once nothing waits.
  uint64_t noted() const { return noted_; }
  // All rows that epochs have changed since the last slice, ahead of the scan or behind it.
  uint64_t changed() const { return changed_; }
  bool complete() const { return complete_; }

  // One slice, inside an epoch: replays what is noted, then reads about `rows_max` rows of `latest`
  // (the state before this epoch), fewer when `enough`, told how many rows it has been, says so
  // between two batches. Batches are so small that each takes a few milliseconds. When all is read,
  // and before anything is replayed, slices work on what has waited for memory: the view is always
  // that of some of the rows of one state, or of all.
  using Enough = std::function<bool(uint64_t rows)>;
  Result<void> step(views::Dataflow& dataflow, const storage::Snapshot& latest, Clock& clock,
                    uint64_t rows_max, const Enough& enough);
  // After the relation's changes of this epoch have been netted.
  void note(const RelationDeltaBuilder& changed);

 private:
  struct Input {
    std::shared_ptr<const RelationLayout> layout;
    std::string last;  // the scan has passed this key
    bool begun = false, done = false;
    // Changed behind the scan since the last replay, epoch after epoch.
    std::vector<std::string_view> rows;
    std::vector<int64_t> weights;
    Arena bytes;

    bool passed(std::string_view key) const { return done || (begun && key <= last); }
  };
  // What a slice works with.
  struct Slice {
    views::Dataflow& dataflow;
    const storage::Snapshot& latest;
    Clock& clock;
    uint64_t rows_max;
    const Enough& enough;
    uint64_t rows = 0;
    bool over = false;
  };
  bool read() const;
  bool release(Slice& slice);
  void replay(Slice& slice, Input& input);
  void feed(Slice& slice, const RelationLayout& layout, std::span<const std::string_view> rows,
            std::span<const int64_t> weights);
  void hydrate(Slice& slice, const RelationLayout& layout, const Batch& batch);
  Result<void> read_on(Slice& slice, Input& input);

  static constexpr size_t kFirstBatchRows = 256;

  const ObjectId view_;
  std::vector<std::unique_ptr<Input>> inputs_;
  const std::atomic<bool>* cancelled_;
  Progress progress_;
  uint64_t rows_ = 0, noted_ = 0, changed_ = 0;
  bool complete_ = false;
  size_t batch_rows_ = kFirstBatchRows;  // a join may turn each row into thousands
  Arena scratch_;
};

}  // namespace qw::engine
