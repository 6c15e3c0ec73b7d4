// SecondaryIndex: the rows of a relation in another order.
//
// An index is a relation of the store of its own: key = index columns (memcomparable, ascending,
// NULLs last) and then the row's key, value = the row's key. It changes in the epoch that changes
// its relation, worked out from the relation's delta and the rows that stood there before. The
// order that was declared (DESC, NULLS FIRST) is shown, not stored: reads by range do not depend on
// it. Immutable; any thread. Tests: tests/sql/scripts/indexes.slt, tests/e2e/clients_test.py.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "sql/catalog.h"
#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/result.h"
#include "src/engine/relation_delta.h"
#include "src/engine/relation_layout.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw::engine {

class SecondaryIndex {
 public:
  SecondaryIndex(const sql::IndexInfo& info, const sql::Relation& relation,
                 std::shared_ptr<const RelationLayout> layout);

  ObjectId id() const { return id_; }
  ObjectId relation() const { return layout_->id(); }
  bool unique() const { return unique_; }
  const std::string& name() const { return name_; }
  const KeyCodec& keys() const { return keys_; }
  std::span<const uint32_t> columns() const { return columns_; }
  const RelationLayout& layout() const { return *layout_; }

  // The index columns of packed rows, one key each; bytes in `arena`.
  void column_keys(std::span<const std::string_view> rows, Arena& arena,
                   std::string_view* out) const;
  // The same from a batch that has all columns of the relation.
  void column_keys(const Batch& batch, Arena& arena, std::string_view* out) const;
  // What the relation's delta does to the index. `before` is the state in front of the delta; bytes
  // in `arena`.
  Result<storage::RelationDelta> delta(const storage::RelationDelta& change,
                                       const storage::Snapshot& before, Arena& arena) const;
  // Of rows that are not in the index yet.
  Result<storage::RelationDelta> entries_of(const storage::RelationDelta& rows, Arena& arena) const;
  // Whether the stored entries are those of the stored rows, by the sums of their hashes.
  Result<bool> agrees(const storage::Snapshot& snapshot) const;
  // The packed row of a stored entry.
  std::string_view packed(std::string_view key, std::string_view row) const {
    return layout_->mode() == KeyMode::multiset ? key : row;
  }
  // A row with a NULL in an index column is never a duplicate.
  bool has_null(std::string_view row, Arena& arena) const;
  // 23505 for a packed row whose key is there already; while the index is made: that is there
  // twice.
  Error duplicate(std::string_view row) const;
  Error duplicate_at_creation(std::string_view row) const;

 private:
  struct Entry {
    std::string_view base, row;  // the row's key, the packed row
    bool goes = false;
  };
  storage::RelationDelta changes_of(const std::vector<Entry>& entries, Arena& arena) const;
  std::string key_text(std::string_view row) const;  // "Key (a, b)=(1, x)"

  ObjectId id_;
  std::string name_, table_, column_names_;
  bool unique_;
  std::vector<uint32_t> columns_;
  std::shared_ptr<const RelationLayout> layout_;
  KeyCodec keys_;
};

// Whether writes keep a unique index unique, given what the store holds and what has been accepted
// in front of it: the earlier writes of an epoch, or of a transaction. One thread.
class UniqueClaims {
 public:
  // Index key -> key of the row that holds it; empty = given up.
  using Held = absl::flat_hash_map<std::string, std::string, StringHash, StringEqual>;

  // The row that would be the second of its key, if there is one; else `claimed` is what accept()
  // takes.
  Result<std::optional<std::string>> check(const SecondaryIndex& index,
                                           std::span<const RowWrite> writes,
                                           const storage::Snapshot& snapshot, Held& claimed) const;
  void accept(Held claimed);
  void clear() { held_.clear(); }

 private:
  Result<std::string> holder(const SecondaryIndex& index, std::string_view key, const Held& claimed,
                             const storage::Snapshot& snapshot) const;
  Held held_;
};

}  // namespace qw::engine
