// Run: an immutable sorted set of changes of one relation, in memory: what the base lacks.
//
// Its bytes are records (key size and row size + 1 as varints, key, row; 0 = the key is erased) one
// after the other in key order, which is also what the log stores, so an epoch's delta is encoded
// once. `entries` point at the keys. A hash index is built at the first point read.
// Immutable once built; any thread. Tests: tests/unit/storage/run_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/pages.h"
#include "src/base/result.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw::storage {

class Run;
using RunPtr = std::shared_ptr<const Run>;

class Run {
 public:
  struct Entry {
    const char* key_data;
    uint32_t key_size;
    uint32_t row_size;  // kErased: the key has no row
    std::string_view key() const { return {key_data, key_size}; }
    std::string_view row() const { return {key_data + key_size, row_size}; }
    bool erased() const { return row_size == kErased; }
  };
  static constexpr uint32_t kErased = ~uint32_t{0};

  // Encodes one epoch's changes, which must be sorted and have no key twice.
  static RunPtr encode(Epoch epoch, std::span<const RowChange> changes) {
    return encode(epoch, changes, allocate);
  }
  // The same with the records in a file in `dir`, if there can be one (file_memory.h).
  static RunPtr encode(Epoch epoch, std::span<const RowChange> changes,
                       const std::filesystem::path& dir);
  // Memory for records, on huge pages when it is large.
  static std::shared_ptr<char[]> allocate(size_t size);
  // How much of the memory of runs that are gone is kept for new ones.
  static void limit_spare(size_t bytes);
  // Gives it back.
  static void free_spare();
  // Reads records as encode() made them, which lie in `memory` and stay there; XX001 naming the
  // relation when they are not sound.
  static Result<RunPtr> decode(ObjectId relation, Epoch epoch, std::shared_ptr<const char[]> memory,
                               std::string_view records);
  // One run that says what `runs` (newest first) say together.
  static RunPtr merge(std::span<const RunPtr> runs);
  // The same of runs that lie in one memory, without copying a record.
  static RunPtr gather(std::span<const RunPtr> runs);

  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  std::span<const Entry> entries() const { return entries_; }
  size_t count() const { return entries_.size(); }
  // The records, as the log stores them; not of a gathered run.
  std::string_view records() const;
  size_t record_bytes() const { return size_; }
  size_t memory_bytes() const {
    return size_ + entries_.size() * sizeof(Entry) + index_bytes_.load(std::memory_order_relaxed);
  }
  // Epochs of the changes in it.
  Epoch oldest() const { return oldest_; }
  Epoch newest() const { return newest_; }

  // The change of a key, or nullptr.
  const Entry* find(std::string_view key) const;
  // The changes of many keys at once: sets out[i] for each i of `wanted` whose key is here, and
  // takes those i away from `wanted`. hashes[i] is key_hash(keys[i]). Memory is asked for ahead, so
  // that the probes of a batch wait for it together.
  static uint64_t key_hash(std::string_view key);
  void find_many(std::span<const std::string_view> keys, std::span<const uint64_t> hashes,
                 std::vector<uint32_t>& wanted, std::span<const Entry*> out) const;
  // Index of the first entry with a key >= `key`.
  size_t lower_bound(std::string_view key) const;

 private:
  using Allocate = std::function<std::shared_ptr<char[]>(size_t)>;
  static RunPtr encode(Epoch epoch, std::span<const RowChange> changes, const Allocate& allocate);
  Run(Epoch oldest, Epoch newest) : oldest_(oldest), newest_(newest) {}
  void keep(std::shared_ptr<const char[]> memory, std::string_view records);
  static std::shared_ptr<Run> newest_of(std::span<const RunPtr> runs);
  template <typename Combine>
  static RunPtr in_rounds(std::span<const RunPtr> runs, const Combine& combine);
  void build_index() const;
  size_t filter_block(uint64_t hash) const;
  bool may_hold(uint64_t hash) const;
  bool is_indexed() const { return index_bytes_.load(std::memory_order_relaxed) > 0; }
  const Entry* find_hashed(std::string_view key, uint64_t hash) const;

  template <typename T>
  using Paged = std::vector<T, PageAllocator<T>>;

  std::shared_ptr<const char[]> memory_;
  const char* records_ = nullptr;
  size_t size_ = 0;  // of the records
  Paged<Entry> entries_;
  Epoch oldest_, newest_;

  // Slots of (upper half of the hash, index + 1); 0 = free. Filled once, by the first find(), as is
  // a Bloom filter of 64-bit blocks: most keys are in few of the runs, and it is a sixth as large.
  mutable std::once_flag index_once_;
  mutable Paged<uint64_t> index_, filter_;
  mutable std::atomic<size_t> index_bytes_ = 0;
};

// Walks several runs (newest first) as one: per key the newest change, in key order.
class RunCursor {
 public:
  // Keys in the range, from its start (forward) or from its end (backward).
  RunCursor(std::vector<RunPtr> runs, const KeyRange& range, Direction direction);
  // The change it stands on; nullptr at the end.
  const Run::Entry* head() const { return head_; }
  void advance();

 private:
  struct Source {
    RunPtr run;
    // Entries still to come: [begin, end), taken from the front or, backward, from the back.
    const Run::Entry* begin;
    const Run::Entry* end;
    uint64_t rank = 0;  // of the head's key: orders like its first eight bytes
    const Run::Entry& head(Direction direction) const {
      return direction == Direction::forward ? *begin : end[-1];
    }
  };
  void settle();
  void take(Source& source);
  void rank(Source& source) const;

  std::vector<Source> sources_;  // newest first; only those with entries left
  Direction direction_;
  const Run::Entry* head_ = nullptr;
  uint64_t head_rank_ = 0;
};

}  // namespace qw::storage
