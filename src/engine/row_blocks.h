// Row blocks: how rows lie in the store, several to an entry where nobody looks for one of them.
//
// A sequence relation only grows at its end, so its rows of one epoch share entries of up to 16 KB:
//
//   key    number of the first row, 8 bytes big-endian, counting from 0
//   value  rows (2), end of each row behind this table (4 each), packed rows
//
// One entry per row costs twice the space (pages in the middle of a B+tree are left half full) and
// several times the work. Keyed and multiset relations have one entry per row. Tests:
// tests/e2e/generator_test.py, tests/e2e/kafka_test.py.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/engine/relation_layout.h"
#include "src/types/batch.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw::engine {

// Appends the entries that hold `rows`, numbered from `first` on; their bytes go into the arena.
void append_blocks(std::span<const std::string_view> rows, uint64_t first, Arena& arena,
                   std::vector<storage::RowChange>& changes);
// The rows of one entry's value; XX001 when it is no block.
Result<void> read_block(std::string_view value, std::vector<std::string_view>& rows);

// Walks stored entries and gives their rows as batches, whatever the relation's layout. The
// cursor's snapshot outlives it. One thread.
class StoredRows {
 public:
  StoredRows(const RelationLayout& layout, storage::Cursor cursor);
  // False = no more. `fields` are columns of the relation; the batch's memory is in the arena and
  // in the snapshot.
  Result<bool> next(std::span<const uint32_t> fields, Arena& arena, Batch& batch);

 private:
  Result<bool> fill();

  const RelationLayout* layout_;
  storage::Cursor cursor_;
  std::vector<storage::RowView> entries_;
  std::vector<std::string_view> rows_;  // of blocks: read, not given out before at_
  size_t at_ = 0;
  size_t entries_wanted_;
  bool done_ = false;
};

// How many rows there are, each copy counted.
Result<int64_t> stored_row_count(const RelationLayout& layout, const storage::Snapshot& snapshot);

}  // namespace qw::engine
