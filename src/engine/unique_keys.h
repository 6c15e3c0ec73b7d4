// UniqueKeys: who holds which key while INSERT .. ON CONFLICT goes from row to row.
//
// Every unique key of the table counts: the primary key and the unique indexes. The arbiters are
// those whose violation the statement handles; a violation of another one is an error. What is seen
// is the snapshot, then the transaction's writes, then the statement's own. One session's thread.
// Tests: tests/sql/scripts/on_conflict.slt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/result.h"
#include "src/engine/relation_layout.h"
#include "src/engine/secondary_index.h"
#include "src/engine/statement_writes.h"
#include "src/types/batch.h"

namespace qw::engine {

class UniqueKeys {
 public:
  enum class Which : uint8_t { arbiters, all };
  // The keys of a batch's live rows; bytes in the arena they were made in.
  struct Rows {
    const std::string_view* bases = nullptr;  // key of the row itself
    // Per index; data() == nullptr = a NULL is in it, so it never meets another.
    std::vector<const std::string_view*> keys;
  };
  struct Holder {
    std::string base;                       // key of the row that holds it
    const SecondaryIndex* index = nullptr;  // null = the primary key
  };

  // `arbiter`: the columns of the handled key, empty = any key.
  UniqueKeys(const RelationLayout& layout, const storage::Snapshot& snapshot,
             StatementWrites& writes, std::vector<std::shared_ptr<const SecondaryIndex>> indexes,
             std::span<const uint32_t> arbiter);
  // What the transaction has written before.
  Result<void> start(std::span<const RowWrite> before);

  // `packed`: the same rows, packed.
  Rows rows_of(const Batch& batch, const std::string_view* packed, Arena& arena) const;
  // The first key of row `row` that a row of the table holds.
  Result<std::optional<Holder>> find(const Rows& rows, uint32_t row, Which which);
  // The row came, went: the primary key follows the statement's writes by itself.
  void take(const Rows& rows, uint32_t row);
  void leave(const Rows& rows, uint32_t row);
  // The statement itself has written the row of this key.
  bool touched(std::string_view base) const {
    return keyed_ ? writes_->touched(base) : taken_.contains(base);
  }
  // Some unique key has this column.
  bool covers(uint32_t column) const;

 private:
  struct Index {
    std::shared_ptr<const SecondaryIndex> index;
    bool arbiter;
    UniqueClaims::Held held;  // what was written since the snapshot
  };
  Result<std::string> holder(const Index& one, std::string_view key) const;
  const RelationLayout* layout_;
  const storage::Snapshot* snapshot_;
  StatementWrites* writes_;
  bool keyed_, primary_arbiter_;
  std::vector<Index> indexes_;
  absl::flat_hash_set<std::string, StringHash, StringEqual> taken_;  // without a primary key
};

}  // namespace qw::engine
