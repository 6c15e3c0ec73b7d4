// RelationDelta: what one epoch does to one relation, resolved in source order.
//
// Changes come in as keyed operations (upsert, delete by key), as whole rows with weights, or as a
// view's output. finish() nets them: per key one old and one new row at most, as sorted row changes
// for the store; the net change is then there for the dataflow, as batches (old rows -1, new rows
// +1). New rows of a source go on in the columns they came in, not packed and unpacked, when
// nothing else has changed. Nothing outside of the builder changes, so an epoch can be begun anew
// without one of its transactions. Old rows are read from `latest`, the writer's view of the store,
// unless a session has seen them.
// Epoch thread only. Tests: tests/unit/engine/relation_delta_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "ingest/change.h"
#include "src/base/arena.h"
#include "src/base/byte_order.h"
#include "src/base/hash.h"
#include "src/base/result.h"
#include "src/engine/keyed_changes.h"
#include "src/engine/relation_layout.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw::engine {

// A change that a session has worked out against its snapshot. Bytes belong to the request, which
// is kept until the epoch has been staged.
struct RowWrite {
  std::string_view key;       // keyed: the key; multiset: the packed row
  std::string_view expected;  // keyed: the row that stood there; data() == nullptr = none
  std::string_view row;       // keyed: the row to stand there; data() == nullptr = none
  int64_t count = 0;          // multiset: how many copies come (or go)
};

class RelationDeltaBuilder {
 public:
  explicit RelationDeltaBuilder(std::shared_ptr<const RelationLayout> layout);
  // Forgets the last epoch and keeps its memory. `next_sequence` is the next key of a sequence
  // relation.
  void begin(const storage::Snapshot& latest, uint64_t next_sequence);

  const RelationLayout& layout() const { return *layout_; }

  // Rows to add. Keyed: an upsert. `batch` has all columns; weights must be absent.
  Result<void> insert(const Batch& batch);
  // A source's rows, each by its RowOp, in order. With Columns::stay the chunk's columns live until
  // each_batch() has been called.
  enum class Columns : uint8_t { go, stay };
  Result<void> change(const ingest::TableChunk& chunk, Columns columns = Columns::go);
  // Everything goes that is there now.
  Result<void> truncate();
  // What stands under `key` now, with this epoch's changes so far; data() == nullptr = nothing.
  Result<std::string_view> current(std::string_view key);
  // Whether what the session has seen still stands; then apply() may follow. All of it in a
  // snapshot of epoch `seen`: without changes since, rows by order of key are not looked up again.
  Result<bool> holds(std::span<const RowWrite> writes, std::optional<Epoch> seen);
  void apply(std::span<const RowWrite> writes);
  // A view's output, rows with weights.
  void add_weighted(const Batch& batch);

  // Nets the changes and gives the store's part; its bytes belong to this builder. Empty when
  // nothing changed. Ends with an error when the changes cannot be what a relation goes through.
  Result<storage::RelationDelta> finish();
  // After finish(): the net change, a row at a time: its key (of a keyed relation), the packed row,
  // how many come or go.
  template <typename Visit>
  void each_net(Visit&& visit) const {
    for (const KeyedChanges::Net& net : keyed_net_) {
      if (row_exists(net.before)) visit(net.key, net.before, int64_t{-1});
      if (row_exists(net.after)) visit(net.key, net.after, int64_t{1});
    }
    for (size_t i = 0; i < net_rows_.size(); ++i) {
      visit(net_keys_.empty() ? std::string_view() : net_keys_[i], net_rows_[i],
            net_weights_.empty() ? 1 : net_weights_[i]);
    }
  }
  size_t net_rows() const { return keyed_net_rows_ + net_rows_.size(); }
  // The same as batches.
  void each_batch(const std::function<void(const Batch&)>& on_batch);
  uint64_t next_sequence() const { return next_sequence_; }
  // Of what has come in in this epoch.
  size_t bytes() const {
    return arena_.used_bytes() + weighted_.size() * sizeof(Weighted) +
           counts_.size() * 2 * kCountBytes + net_rows_.size() * sizeof(std::string_view);
  }
  // Forgets the epoch's changes, and their memory.
  void release();
  // How much that is, about.
  size_t kept_bytes() const;
  // Whether columns of a chunk are still needed.
  bool borrows() const { return came_whole_ && !came_.empty(); }

 private:
  struct Weighted {
    std::string_view key, row;
    int64_t weight;
  };
  // Whether these can be appended: nothing of this epoch stands under their keys.
  bool follow(std::span<const RowWrite> writes) const;
  Result<void> change_in_map(const ingest::TableChunk& chunk,
                             std::span<const std::string_view> keys,
                             std::span<std::string_view> rows);
  Result<storage::RelationDelta> finish_keyed();
  Result<storage::RelationDelta> finish_weighted_keyed();
  Result<storage::RelationDelta> finish_sequence();
  Result<storage::RelationDelta> finish_multiset();
  Result<void> net_key(std::span<const uint32_t> changes, storage::RelationDelta& delta);

  Result<std::string_view> fill_kept(const ingest::TableChunk& chunk, uint32_t row,
                                     std::string_view stored);

  static constexpr size_t kCountBytes = sizeof(std::string_view) + sizeof(int64_t) + 1;
  static constexpr size_t kOrderBytes = 20;  // of order_, per row
  std::shared_ptr<const RelationLayout> layout_;
  const storage::Snapshot* latest_ = nullptr;
  uint64_t next_sequence_ = 0;
  std::optional<Epoch> changed_;  // the last epoch that may have changed a row
  Arena arena_;                   // keys and rows of this epoch, until the store has staged them
  Arena scratch_;                 // per batch
  KeyedChanges keyed_;
  absl::flat_hash_map<std::string_view, int64_t, StringHash, StringEqual> counts_;
  std::vector<Weighted> weighted_, of_key_;
  ByteOrder order_;
  std::vector<Batch> came_;  // new rows, as their source gave them
  size_t came_rows_ = 0;
  bool came_whole_ = true;                        // came_ is all that has changed
  bool shrank_ = false;                           // sequence mode: a row was to be taken away
  std::span<const KeyedChanges::Net> keyed_net_;  // of changes by key; else:
  size_t keyed_net_rows_ = 0;
  std::vector<std::string_view> net_keys_, net_rows_;
  std::vector<int64_t> net_weights_;
};

}  // namespace qw::engine
