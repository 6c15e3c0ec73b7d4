// EpochWrite: everything one epoch commits, filled by the epoch thread, moved to Store.
//
// Storage never looks into rows, keys or state records: they are bytes. Keys compare as memcmp.
// Thread contract: plain values, owned by whoever holds them.
// Tests: tests/unit/storage/store_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/assert.h"
#include "src/base/ids.h"

namespace qw::storage {

// One change of a relation: the row that now stands under the key, or none. A view of bytes that
// belong to the caller and are needed only until Store::stage() returns. A relation without a key
// uses its whole row as the key and a count as the row.
class RowChange {
 public:
  static RowChange put(std::string_view key, std::string_view row) {
    QW_ASSERT(row.data() != nullptr || row.empty());
    return {key, row.data() == nullptr ? std::string_view("", 0) : row};
  }
  static RowChange erase(std::string_view key) { return {key, {}}; }

  std::string_view key() const { return {key_, key_size_}; }
  bool erases() const { return row_ == nullptr; }
  std::string_view row() const { return {row_, row_size_}; }

 private:
  RowChange(std::string_view key, std::string_view row)
      : key_(key.data()),
        row_(row.data()),
        key_size_(static_cast<uint32_t>(key.size())),
        row_size_(static_cast<uint32_t>(row.size())) {}
  const char* key_;
  const char* row_;  // nullptr = the key is erased
  uint32_t key_size_, row_size_;
};

struct RelationDelta {
  ObjectId relation;
  std::vector<RowChange> changes;  // sorted by key, each key once
  // New keys less erased keys: who computed the delta knows it, and it keeps row counts exact.
  int64_t rows_added = 0;
  // A relation without a key: rows beyond the first of each key, more or fewer.
  int64_t copies_added = 0;
};

class Run;

// A delta that has been given the form in which the store keeps it (Store::encode): the bytes that
// it was made of may go.
struct EncodedDelta {
  ObjectId relation;
  std::shared_ptr<const Run> run;
  int64_t rows_added = 0, copies_added = 0;
};

// What one operator state changed. A piece holds whole records; recovery gives the pieces back as
// they were, in order. Pieces of 64 KiB to 1 MiB are best; longer ones are cut and joined again.
struct StateLog {
  StateId state;
  std::vector<std::string> pieces;
};

// One partition of a state as it is after this epoch. `partition_count` is how many partitions the
// state has now: as long as one of them has no image, the state's whole log is kept. Partitions
// beyond the count (after a change of the layout, which writes all of them in one epoch) lose their
// images. `unchanged`: the image that is there (there must be one) is right for this epoch too, and
// has no pieces here; without that, the log since a quiet partition's image would be kept for ever.
struct ImageWrite {
  StateId state;
  uint32_t partition = 0;
  uint32_t partition_count = 1;
  std::vector<std::string> pieces;
  bool unchanged = false;
};

struct MetaPut {
  std::string key;
  std::string value;  // empty = erase the key
};

struct EpochWrite {
  Epoch epoch;                           // exactly one more than the one staged before it
  std::vector<StateLog> state_logs;      // each state once
  std::vector<RelationDelta> relations;  // each relation once, here or in `encoded`
  std::vector<ImageWrite> images;
  std::vector<ObjectId> dropped_relations;  // invisible at once, erased slice by slice afterwards
  std::vector<StateId> dropped_states;
  std::vector<MetaPut> meta;  // each key once
  std::vector<EncodedDelta> encoded;
};

}  // namespace qw::storage
