// Changes: what a source hands to the engine, in typed columns.
//
// A SourceTxn is applied whole or not at all: one or more complete upstream transactions
// (Postgres), a run of messages (Kafka), a range of events (generator), a slice of a snapshot. It
// holds chunks of up to 4,096 rows of one table; chunks of one table are in source order, and so
// are the rows of a chunk. The engine turns each row into deltas by its RowOp, looking stored rows
// up by primary key. Decoders write straight into the columns; nothing is a variant and nothing is
// allocated per row. A txn owns its memory (arena) and moves between threads. Tests:
// tests/unit/ingest/change_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "src/base/arena.h"
#include "src/types/batch.h"

namespace qw::ingest {

enum class RowOp : uint8_t {
  // A new row. In a keyed table the source vouches that no row with this key exists.
  insert,
  // A row that replaces the one with the same key, if there is one. Keyed tables only. Columns
  // whose
  // `kept` bit is set have no value here: take the stored row's (of the same key or, when the row
  // before is a `move`, of the row that the move removed). A kept column of a key that is not
  // stored
  // is an upstream inconsistency: the engine fails the source.
  put,
  // Removes the row with this key, if there is one; only key columns hold values. Keyed tables
  // only.
  remove,
  // As `remove`, and the next row of the same chunk is a `put` under another key (key change).
  move,
  // Removes one copy of exactly this row. Keyless tables only; the row is complete.
  remove_row,
};

// Rows of one table.
struct TableChunk {
  uint32_t table = 0;     // index into Source::describe()
  bool truncate = false;  // all rows of the table go before the rows of this chunk are applied
  uint32_t rows = 0;
  std::vector<Vector> columns;        // flat, one per column of the table
  const RowOp* ops = nullptr;         // per row; nullptr = all insert
  std::vector<const uint64_t*> kept;  // per column a bitmap over rows or nullptr; empty = none

  RowOp op(uint32_t row) const { return ops == nullptr ? RowOp::insert : ops[row]; }
  bool is_kept(uint32_t column, uint32_t row) const {
    return !kept.empty() && kept[column] != nullptr && bit_get(kept[column], row);
  }
};

struct SourceTxn {
  std::vector<TableChunk> chunks;
  std::shared_ptr<Arena> arena;  // what the columns point to; goes back to the source's pool
  // Where to resume once this txn is committed: opaque, stored by the engine in the same commit. An
  // empty chunk list with a position is an advance without rows and must be stored too.
  std::string position;
  bool snapshot = false;       // a slice of a snapshot: its tables are not to be seen yet
  bool snapshot_done = false;  // with this txn the snapshot is complete: show all tables at once
  uint64_t rows = 0;           // over all chunks
  uint64_t quarantined = 0;    // of these, rows of the quarantine table
  size_t bytes = 0;            // memory held, for queue bounds
  // When the oldest change in here was committed or produced upstream (microseconds since
  // 2000-01-01 UTC), for freshness; 0 = unknown.
  int64_t upstream_commit_us = 0;
};

// Arenas that come back when the engine drops a txn, so that a steady source allocates nothing.
// Internally synchronised; may be destroyed before the arenas it gave out.
class ArenaPool {
 public:
  ArenaPool();
  std::shared_ptr<Arena> take();

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
};

// Builds the chunks of one table inside a txn. One thread; reused for txn after txn.
//
//   writer.begin(txn);  row = writer.add(RowOp::put);  writer.set<int64_t>(0, row, 7); ...
//   writer.finish();    // moves what is open into txn.chunks
//
// A fresh row is NULL in every column until set.
class TableWriter {
 public:
  TableWriter(uint32_t table, std::vector<Type> types);

  void begin(SourceTxn& txn);
  void finish();
  // Forgets what is open, and the txn.
  void abandon();
  // `follows`: this row belongs into the chunk of the one before (a put after its move).
  uint32_t add(RowOp op, bool follows = false);
  // Takes the last row back (its decoding failed).
  void drop_last();
  void truncate();

  Arena& arena() { return *arena_; }
  uint32_t column_count() const { return static_cast<uint32_t>(types_.size()); }
  const Type& type(uint32_t column) const { return types_[column]; }
  // The open chunk's column: for decoders that fill it themselves, followed by set_valid().
  Vector& column(uint32_t column) { return columns_[column]; }
  void set_valid(uint32_t column, uint32_t row) { bit_set(columns_[column].validity, row); }
  void set_null(uint32_t column, uint32_t row) { bit_clear(columns_[column].validity, row); }
  template <typename T>
  void set(uint32_t column, uint32_t row, const T& value) {
    columns_[column].values<T>()[row] = value;
    bit_set(columns_[column].validity, row);
  }
  void set_kept(uint32_t column, uint32_t row);
  bool is_kept(uint32_t column, uint32_t row) const {
    return kept_[column] != nullptr && bit_get(kept_[column], row);
  }

 private:
  void open(uint32_t capacity);
  void grow();
  void close();

  const uint32_t table_;
  const std::vector<Type> types_;
  SourceTxn* txn_ = nullptr;
  Arena* arena_ = nullptr;
  std::vector<Vector> columns_;
  std::vector<uint64_t*> kept_;
  RowOp* ops_ = nullptr;
  uint32_t rows_ = 0, capacity_ = 0;
  bool truncate_ = false, all_insert_ = true, any_kept_ = false;
};

}  // namespace qw::ingest
