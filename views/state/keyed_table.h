// KeyedTable: hash table from key to a fixed-size payload: the heart of all operator state.
//
// 64 partitions by the top bits of the hash, each growing on its own, so no rehash ever stops the
// world; a partition is also the unit of images. Per partition: an index of groups of 16 slots, one
// cache line per group, a slot being a tag byte and a 24-bit entry number (the 16 tags of a group
// are compared at once); and entries in chunks that never move, so entry pointers are stable and
// growing copies 4 bytes per key.
//
//   entry: 8 bytes hash, 4 mark, 4 number, 16 key (inline, or address and size of packed bytes),
//   payload
//
// What hangs on entries lies in one heap for all partitions, or, once split(), in one per
// partition, so that the memory of a partition can be given back (residency.h).
//
// `mark` and `number` belong to the owner (0 in a new entry). Probing is by batch: prefetch index
// lines, find candidates and prefetch entries, compare. Epoch thread only. Tests:
// tests/unit/views/state_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "src/base/arena.h"
#include "src/base/pages.h"
#include "views/state/blob_heap.h"
#include "views/state/keys.h"

namespace qw::views {

// A group with one sum is 64 bytes: a line of the cache, whose memory is asked for once.
inline constexpr uint32_t kPayloadAlignment = 8;

struct Entry {
  uint64_t hash;
  uint32_t mark;
  uint32_t number;
  KeyWords key;

  char* payload() { return reinterpret_cast<char*>(this + 1); }
  const char* payload() const { return reinterpret_cast<const char*>(this + 1); }
  template <typename T>
  T& as() {
    static_assert(alignof(T) <= kPayloadAlignment);
    return *reinterpret_cast<T*>(this + 1);
  }
  template <typename T>
  const T& as() const {
    static_assert(alignof(T) <= kPayloadAlignment);
    return *reinterpret_cast<const T*>(this + 1);
  }
};
static_assert(sizeof(Entry) == 32);

class KeyedTable {
 public:
  KeyedTable(bool packed_keys, uint32_t payload_bytes);
  KeyedTable(const KeyedTable&) = delete;
  KeyedTable& operator=(const KeyedTable&) = delete;
  ~KeyedTable();

  // out[i] = entry of key i, nullptr where there is none.
  void find(const KeyBatch& keys, Entry** out) const;
  // Adds what is missing with a zeroed payload; a key that occurs twice gets one entry. Yes: none
  // does, as after group_keys().
  enum class Distinct : uint8_t { no, yes };
  void find_or_add(const KeyBatch& keys, Entry** out, Distinct distinct = Distinct::no);
  // The same for one key, for recovery, where records come one by one and most are new.
  Entry* find_or_add(const KeyWords& key, uint64_t hash);
  // Entry pointers of other keys stay valid; the freed one may be handed out again.
  void erase(Entry* entry);

  uint64_t size() const { return size_; }
  size_t bytes() const;
  // Every live entry of a partition, in entry order, or the chosen ones.
  template <typename Visit>
  void each(uint32_t partition, Visit&& visit) {
    if (chosen_) {
      for (Entry* entry : *chosen_) visit(entry);
      return;
    }
    const Partition& part = partitions_[partition];
    for (uint32_t i = 0; i < part.next; ++i) {
      Entry* entry = entry_at(part, i);
      if (entry->mark != kFreed) visit(entry);
    }
  }
  // The live entries of a partition by bucket_of(): those of bucket b end at ends[b].
  void sort(uint32_t partition, uint32_t bits, std::vector<Entry*>& entries,
            std::vector<uint32_t>& ends);
  // each() visits these, of one partition, until choose_all().
  void choose(std::span<Entry* const> entries) { chosen_ = entries; }
  void choose_all() { chosen_.reset(); }
  // Memory for whatever hangs on an entry of this hash.
  BlobHeap& heap(uint64_t hash) { return heaps_ == nullptr ? heap_ : heaps_[partition_of(hash)]; }
  void clear();

  // From now on a heap per partition; the table is empty.
  void split();
  bool is_split() const { return heaps_ != nullptr; }
  // Frees a partition of a split table; what hangs on its entries has been told to forget(). Of one
  // that is not split only the entries go, and clear() has to follow.
  void drop(uint32_t partition);
  // Of a partition that comes into being next only a part will be there.
  void expect_few(bool few) { few_ = few; }
  uint64_t live(uint32_t partition) const { return partitions_[partition].live; }
  size_t partition_bytes(uint32_t partition) const;

 private:
  static constexpr uint32_t kFreed = UINT32_MAX;
  static constexpr uint32_t kSlots = 16;
  static constexpr uint32_t kFirstChunkBits = 4;
  static constexpr uint32_t kEntriesMax = (1U << 24) - 16;
  struct Partition {
    uint32_t* slots = nullptr;
    uint32_t group_mask = 0;
    uint32_t groups = 0;
    uint32_t used = 0;  // slots not empty, tombstones too
    uint32_t live = 0;
    uint32_t next = 0;  // entries ever handed out
    uint32_t free_head = UINT32_MAX;
    std::array<char*, 24> chunks{};
  };

  Entry* entry_at(const Partition& part, uint32_t index) const {
    // Chunk c holds 16 << c entries: index + 16 has its top bit at c + 4.
    const uint32_t biased = index + (1U << kFirstChunkBits);
    const uint32_t top = 31U - static_cast<uint32_t>(__builtin_clz(biased));
    return reinterpret_cast<Entry*>(part.chunks[top - kFirstChunkBits] +
                                    size_t{biased - (1U << top)} * entry_bytes_);
  }
  template <bool packed>
  void find_range(const KeyBatch& keys, uint32_t from, uint32_t to, Entry** out) const;
  template <bool packed>
  Entry* find_one(const KeyWords& key, uint64_t hash) const;
  void free_table(Partition& part);
  size_t chunk_bytes(size_t chunk) const { return (size_t{16} << chunk) * entry_bytes_; }
  // Whether the system gives (a huge page at a time, so that up to 2 MB more are touched than
  // counted) the chunk's memory as entries are handed out. Up to half of all entries are still to
  // come after a chunk was added: counted at once, 20 M keys had states written out at 3.6 GB
  // of 4.5.
  bool is_lazy(size_t chunk) const { return chunk_bytes(chunk) >= kMappedPagesMin; }
  size_t table_bytes(const Partition& part) const;
  Entry* add(const KeyWords& key, uint64_t hash);
  void grow(Partition& part);
  uint64_t average_live() const;  // of partitions with entries
  void insert_slot(Partition& part, uint32_t hash, uint32_t index);

  bool packed_;
  uint32_t entry_bytes_;
  uint32_t second_line_;  // byte of an entry that is asked for besides its first
  uint64_t size_ = 0;
  size_t table_bytes_ = 0;
  bool few_ = false;
  std::optional<std::span<Entry* const>> chosen_;
  std::array<Partition, kPartitionCount> partitions_;
  BlobHeap heap_;
  std::unique_ptr<BlobHeap[]> heaps_;  // per partition, in place of heap_
};

}  // namespace qw::views
