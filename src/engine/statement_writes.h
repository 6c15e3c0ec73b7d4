// StatementWrites: the row changes of one statement, in front of the transaction's and the
// snapshot.
//
// current() says what stands under a key as the statement sees it; put(), erase() and the copies of
// keyless tables collect RowWrites that remember what was first seen. They are a list in the order
// of the rows: as long as keys ascend, as those of most loads do, it is searched by halving; the
// first key that goes back makes an index of it. One session's thread.
// Tests: tests/unit/engine/statement_writes_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/result.h"
#include "src/engine/epoch_loop.h"
#include "src/engine/relation_layout.h"
#include "src/engine/txn_buffer.h"
#include "storage/rows.h"

namespace qw::engine {

class StatementWrites {
 public:
  StatementWrites(const RelationLayout& layout, const storage::Snapshot& snapshot,
                  const TxnBuffer& before)
      : layout_(&layout), snapshot_(&snapshot), before_(before.find(layout.id())) {}

  // data() == nullptr = no row.
  Result<std::string_view> current(std::string_view key);
  // The statement itself has written this key.
  bool touched(std::string_view key) const { return find(key) != kNotFound; }
  // Keyed tables. `seen` is what current() gave.
  void put(std::string_view key, std::string_view seen, std::string_view row);
  void erase(std::string_view key, std::string_view seen);
  // Keyless tables.
  void add_copies(std::string_view row, int64_t count);

  bool empty() const { return writes_.empty(); }
  size_t bytes() const { return bytes_->reserved_bytes() + list_bytes(); }
  ObjectId relation() const { return layout_->id(); }
  // Keyed: each key once. The bytes stay here.
  std::span<const RowWrite> list() const { return writes_; }
  // Into the transaction's buffer.
  void merge_into(TxnBuffer& buffer) const;
  // Into a request; the bytes are moved along with it.
  void move_into(ClientWrite& write);

 private:
  static constexpr size_t kNotFound = SIZE_MAX;
  using IndexSlot = std::pair<std::string_view, uint64_t>;
  std::string_view keep(std::string_view bytes) {
    return bytes.data() == nullptr ? std::string_view()
                                   : std::string_view(bytes_->copy(bytes), bytes.size());
  }
  size_t list_bytes() const {
    return writes_.capacity() * sizeof(RowWrite) + index_.capacity() * sizeof(IndexSlot);
  }
  size_t find(std::string_view key) const;
  RowWrite& entry(std::string_view key, std::string_view seen);

  const RelationLayout* layout_;
  const storage::Snapshot* snapshot_;
  const TxnBuffer::Table* before_;
  std::unique_ptr<Arena> bytes_ = std::make_unique<Arena>();
  std::vector<RowWrite> writes_;
  // Positions by key, once `indexed_`; until then keys ascend. Keyed tables only.
  bool indexed_ = false;
  absl::flat_hash_map<std::string_view, uint32_t, StringHash, StringEqual> index_;
  MemoryCharge list_;
};

}  // namespace qw::engine
