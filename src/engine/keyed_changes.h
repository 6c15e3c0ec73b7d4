// KeyedChanges: what one epoch does to the rows of a relation with a key, netted per key.
//
// Changes of sources are a log first: appending costs a few stores, and finish() sorts the log once
// by key and reads the old rows in key order. What a session has worked out in the order of keys is
// netted as it comes. When somebody must know what stands under a key half-way (a session's write
// out of order, an update that leaves columns out), either becomes a map, which later changes of
// this epoch go into. Keys and rows are borrowed until begin(). Epoch thread only. Tests:
// tests/unit/engine/keyed_changes_test.cc, tests/e2e/postgres_cases_test.py.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "storage/rows.h"

namespace qw::engine {

// A packed row on either side of a change. No row at all is a view without data: an empty view with
// data is a row of no bytes.
constexpr std::string_view kNoRow{};
inline bool row_exists(std::string_view row) { return row.data() != nullptr; }
inline bool same_row(std::string_view a, std::string_view b) {
  return row_exists(a) == row_exists(b) && a == b;
}

class KeyedChanges {
 public:
  // data() == nullptr = no row.
  struct Pending {
    std::string_view before, after;
  };
  struct Net {
    std::string_view key, before, after;
  };
  enum class Op : uint8_t {
    insert,  // nothing stands under the key, who says so answers for it
    put,
    remove,
  };

  explicit KeyedChanges(ObjectId relation) : relation_(relation) {}
  void begin(const storage::Snapshot& latest);

  bool indexed() const { return indexed_; }
  bool empty() const { return log_.empty() && map_.empty() && !seen_; }
  // All that has come is in the order of keys, and this one comes after it.
  bool follows(std::string_view key) const {
    return !indexed_ && ascending_ && (!last_key_ || *last_key_ < key);
  }
  // While not indexed().
  void append(Op op, std::string_view key, std::string_view row);
  // Where it is known what stands under the key: netted at once. Until the map is made an epoch has
  // changes of this kind or of the other. REQUIRES: follows(key).
  void append_seen(std::string_view key, std::string_view before, std::string_view after);
  // So many are to come, at first.
  void expect(size_t changes) {
    if (net_.empty()) net_.reserve(changes);
  }

  // Turns the log into the map and makes sure that every key has an entry there. New keys are
  // copied into `bytes`.
  Result<void> load(std::span<const std::string_view> keys, Arena& bytes);
  // REQUIRES: loaded.
  Pending& at(std::string_view key);
  // As Op::insert, in the map. REQUIRES: indexed().
  Pending& at_new(std::string_view key);
  // For a truncation: every key of the map loses its row; then the stored rows go, one by one.
  // Their bytes stay where they are while `latest` lives. REQUIRES: indexed().
  void erase_all();
  void erase_stored(std::string_view key, std::string_view row);

  // Between two epochs: gives memory back.
  void release() {
    last_key_.reset();
    seen_ = false;
    // An empty list assigned to a vector leaves it its memory.
    log_ = std::vector<Entry>();
    map_ = decltype(map_)();
    net_ = std::vector<Net>();
  }

  // What release() would give back, about.
  size_t kept_bytes() const {
    return log_.capacity() * sizeof(Entry) + net_.capacity() * sizeof(Net) +
           map_.capacity() * (sizeof(std::string_view) + sizeof(Pending));
  }

  // Sorted by key, each key once, without those whose row is what it was.
  Result<std::span<const Net>> finish();

 private:
  struct Entry {
    std::string_view key, row;
    Op op;
  };
  Result<void> index();
  // A position of the log; ranks order as the keys do, and equal ones are one key.
  struct Ranked {
    uint64_t rank;
    uint32_t index;
  };
  std::vector<Ranked> sorted_log() const;
  Result<void> net_log();
  void net_map();

  const ObjectId relation_;
  const storage::Snapshot* latest_ = nullptr;
  bool indexed_ = false;
  bool ascending_ = true;  // the log's keys, each greater than the one before
  std::optional<std::string_view> last_key_;
  std::vector<Entry> log_;
  bool seen_ = false;  // net_ is what append_seen() has made of it
  absl::flat_hash_map<std::string_view, Pending, StringHash, StringEqual> map_;
  std::vector<Net> net_;
};

}  // namespace qw::engine
