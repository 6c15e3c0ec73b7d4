// Rows: what a reader of tables and views sees: a Snapshot of all relations at one epoch, and
// cursors.
//
// A snapshot is an LMDB read transaction and the overlay (what the base has not taken in yet) that
// belong to one epoch. Bytes it hands out live as long as it does. It pins old pages of the file:
// keep it for a statement, and materialise what must live longer (portals, slow clients).
// A snapshot and its cursors may be used by one thread at a time and moved between threads. A
// cursor keeps its snapshot alive. Every value is verified against its checksum when read: XX001
// names the relation. Tests: tests/unit/storage/rows_test.cc, tests/unit/storage/model_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "storage/kv.h"

namespace qw::storage {

struct RowView {
  std::string_view key;
  std::string_view row;
};

// Keys in [lower, upper); no upper = up to the end of the relation. Bounds are copied by scan().
struct KeyRange {
  std::string_view lower;
  std::optional<std::string_view> upper;
};

// The smallest key greater than every key that starts with `prefix`; nothing when there is none
// (prefix empty or all 0xFF). {prefix, prefix_end(prefix)} is the range of a prefix.
std::optional<std::string> prefix_end(std::string_view prefix);

// Walks one relation in key order (backward: descending), merging base and overlay.
class Cursor {
 public:
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) noexcept;
  ~Cursor();
  // Fills `out`, fewer rows than asked for = the range has ended. Rows stay valid with the
  // snapshot. 64 to 4,096 rows at a time are right.
  Result<size_t> next(std::span<RowView> out);

  struct Impl;
  explicit Cursor(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

// Rows copied out of a snapshot: independent of it.
struct MaterialisedRows {
  std::vector<RowView> rows;
  Arena bytes;
};

class Snapshot {
 public:
  Snapshot();  // empty: may only be assigned to
  Snapshot(Snapshot&&) noexcept;
  Snapshot& operator=(Snapshot&&) noexcept;
  ~Snapshot();

  Epoch epoch() const;
  Result<std::optional<std::string_view>> get(ObjectId relation, std::string_view key) const;
  // As get for each key; sorted keys are served fastest. `out` has the size of `keys`.
  Result<void> get_many(ObjectId relation, std::span<const std::string_view> keys,
                        std::span<std::optional<std::string_view>> out) const;
  Result<Cursor> scan(ObjectId relation, const KeyRange& range = {},
                      Direction direction = Direction::forward) const;
  // Copies a range; 54000 once more than `bytes_max` would be copied.
  Result<MaterialisedRows> materialise(ObjectId relation, const KeyRange& range,
                                       size_t bytes_max) const;
  // Keys of the relation: exact as long as the writer's rows_added were.
  int64_t row_count(ObjectId relation) const;
  // What the writer's copies_added sum up to.
  int64_t copy_count(ObjectId relation) const;
  // Bytes of keys and rows, an estimate for planning.
  uint64_t approximate_bytes(ObjectId relation) const;
  // Values of EpochWrite::meta as of this epoch.
  Result<std::optional<std::string>> meta(std::string_view key) const;
  Result<std::vector<std::pair<std::string, std::string>>> meta_list(std::string_view prefix) const;

  struct Impl;
  explicit Snapshot(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace qw::storage
