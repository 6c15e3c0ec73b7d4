// RelationDelta: what one epoch does to one relation, resolved in source order.
//
// Changes come in as keyed operations (upsert, delete by key), as whole rows with weights, or as a
// view's output. finish() nets them: per key one old and one new row at most. It hands the net
// change to the dataflow as batches (old rows -1, new rows +1) and to the store as sorted row
// changes. Old rows are read from `latest`, the writer's view of the store. Epoch thread only.
// Tests: tests/unit/engine/relation_delta_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "ingest/change.h"
#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/result.h"
#include "src/engine/keyed_changes.h"
#include "src/engine/relation_layout.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw::engine {

// A change that a session has worked out against its snapshot. Bytes belong to the request.
struct RowWrite {
  std::string_view key;       // keyed: the key; multiset: the packed row
  std::string_view expected;  // keyed: the row that stood there; data() == nullptr = none
  std::string_view row;       // keyed: the row to stand there; data() == nullptr = none
  int64_t count = 0;          // multiset: how many copies come (or go)
};

class RelationDeltaBuilder {
 public:
  // `next_sequence` counts the keys of a sequence relation over epochs and outlives the builder.
  RelationDeltaBuilder(std::shared_ptr<const RelationLayout> layout, uint64_t& next_sequence);
  // Forgets the last epoch and keeps its memory.
  void begin(const storage::Snapshot& latest);

  const RelationLayout& layout() const { return *layout_; }

  // Rows to add. Keyed: an upsert. `batch` has all columns; weights must be absent.
  Result<void> insert(const Batch& batch);
  // A source's rows, each by its RowOp, in order.
  Result<void> change(const ingest::TableChunk& chunk);
  // Everything goes that is there now.
  Result<void> truncate();
  // What stands under `key` now, with this epoch's changes so far; data() == nullptr = nothing.
  Result<std::string_view> current(std::string_view key);
  // Whether what the session has seen still stands; then apply() may follow.
  Result<bool> holds(std::span<const RowWrite> writes);
  void apply(std::span<const RowWrite> writes);
  // A view's output, rows with weights.
  void add_weighted(const Batch& batch);

  using OnBatch = std::function<Result<void>(const Batch&)>;
  // Hands the net change to `on_batch` (may be empty) and gives the store's part. The views in it
  // point into this builder. Empty when nothing changed.
  Result<storage::RelationDelta> finish(const OnBatch& on_batch);
  // Changes so far, about, to bound an epoch.
  size_t bytes() const { return arena_.reserved_bytes(); }

 private:
  struct Weighted {
    std::string_view key, row;
    int64_t weight;
  };
  Result<void> change_in_map(const ingest::TableChunk& chunk,
                             std::span<const std::string_view> keys,
                             std::span<std::string_view> rows);
  Result<void> emit(std::span<const std::string_view> rows, std::span<const int64_t> weights,
                    const OnBatch& on_batch);
  Result<storage::RelationDelta> finish_keyed(const OnBatch& on_batch);
  Result<storage::RelationDelta> finish_weighted_keyed();
  Result<storage::RelationDelta> finish_multiset(const OnBatch& on_batch);
  std::string_view keep(std::string_view bytes);

  Result<std::string_view> fill_kept(const ingest::TableChunk& chunk, uint32_t row,
                                     std::string_view stored);

  std::shared_ptr<const RelationLayout> layout_;
  const storage::Snapshot* latest_ = nullptr;
  uint64_t* next_sequence_;
  Arena arena_;    // keys and rows of this epoch, until the store has staged them
  Arena scratch_;  // per batch
  KeyedChanges keyed_;
  absl::flat_hash_map<std::string_view, int64_t, StringHash, StringEqual> counts_;
  std::vector<Weighted> weighted_;
  std::vector<storage::RowChange> appended_;  // sequence mode
  std::vector<std::string_view> appended_rows_;
};

}  // namespace qw::engine
