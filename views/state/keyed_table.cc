// KeyedTable: probing and growth; see keyed_table.h.
#include "views/state/keyed_table.h"

#include <emmintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "src/base/assert.h"
#include "src/base/pages.h"

namespace qw::views {
namespace {

constexpr uint32_t kEmpty = 0, kTombstone = 1;  // tag 0: never matches a key's tag
// Where a payload of some size goes on in another line, wherever the entry begins.
constexpr uint32_t kSecondLine = 120;
constexpr uint32_t kProbeRun = 256;  // rows in flight between prefetch and use

inline uint32_t tag_of(uint32_t hash) {
  const uint32_t tag = hash & 0xffU;
  return tag == 0 ? 1 : tag;
}

inline uint32_t movemask(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m128i low = _mm_packs_epi32(a, b), high = _mm_packs_epi32(c, d);
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_packs_epi16(low, high)));
}

struct Group {
  __m128i a, b, c, d;
  explicit Group(const uint32_t* slots)
      : a(_mm_load_si128(reinterpret_cast<const __m128i*>(slots))),
        b(_mm_load_si128(reinterpret_cast<const __m128i*>(slots + 4))),
        c(_mm_load_si128(reinterpret_cast<const __m128i*>(slots + 8))),
        d(_mm_load_si128(reinterpret_cast<const __m128i*>(slots + 12))) {}
  uint32_t match(uint32_t tag) const {
    const __m128i want = _mm_set1_epi32(static_cast<int>(tag));
    return movemask(
        _mm_cmpeq_epi32(_mm_srli_epi32(a, 24), want), _mm_cmpeq_epi32(_mm_srli_epi32(b, 24), want),
        _mm_cmpeq_epi32(_mm_srli_epi32(c, 24), want), _mm_cmpeq_epi32(_mm_srli_epi32(d, 24), want));
  }
  uint32_t equal(uint32_t value) const {
    const __m128i want = _mm_set1_epi32(static_cast<int>(value));
    return movemask(_mm_cmpeq_epi32(a, want), _mm_cmpeq_epi32(b, want), _mm_cmpeq_epi32(c, want),
                    _mm_cmpeq_epi32(d, want));
  }
};

template <bool packed>
inline bool same_key(const Entry* entry, const KeyWords& key, uint64_t hash) {
  if constexpr (packed) {
    return entry->hash == hash && entry->key.high == key.high &&
           std::memcmp(entry->key.bytes().data(), key.bytes().data(), key.high) == 0;
  } else {
    return entry->hash == hash && entry->key.low == key.low && entry->key.high == key.high;
  }
}

// The keys that a run has added, but for a few percent that look like one of them.
class AddedKeys {
 public:
  // And adds it.
  bool may_contain(uint64_t hash) {
    uint64_t& word = bits_[hash & 63U];
    const uint64_t bit = uint64_t{1} << (hash >> 6 & 63U);
    const bool there = (word & bit) != 0;
    word |= bit;
    return there;
  }

 private:
  std::array<uint64_t, 64> bits_{};
};

constexpr uint32_t kLineBytes = 64;

uint32_t entry_size(uint32_t payload_bytes) {
  const auto bytes = static_cast<uint32_t>((sizeof(Entry) + payload_bytes + kPayloadAlignment - 1) /
                                           kPayloadAlignment * kPayloadAlignment);
  // Nearly a line: then no entry lies in two.
  return bytes > kLineBytes - 16 && bytes < kLineBytes ? kLineBytes : bytes;
}

}  // namespace

KeyedTable::KeyedTable(bool packed_keys, uint32_t payload_bytes)
    : packed_(packed_keys),
      entry_bytes_(entry_size(payload_bytes)),
      second_line_(std::min(entry_bytes_ - 1, kSecondLine)) {}

KeyedTable::~KeyedTable() { clear(); }

void KeyedTable::clear() {
  if (packed_) {
    for (uint32_t p = 0; p < kPartitionCount; ++p) {
      each(p, [&](Entry* entry) {
        heap(entry->hash).forget(reinterpret_cast<char*>(entry->key.low), entry->key.high);
      });
    }
  }
  for (Partition& part : partitions_) free_table(part);
  QW_ASSERT(table_bytes_ == 0);
  size_ = 0;
  heap_.clear();
  for (uint32_t p = 0; heaps_ != nullptr && p < kPartitionCount; ++p) heaps_[p].clear();
}

void KeyedTable::free_table(Partition& part) {
  table_bytes_ -= table_bytes(part);
  unmap_pages(reinterpret_cast<char*>(part.slots), size_t{part.groups} * kSlots * 4);
  for (size_t c = 0; c < part.chunks.size(); ++c) {
    unmap_pages(part.chunks[c], chunk_bytes(c));
  }
  part = Partition();
}

size_t KeyedTable::table_bytes(const Partition& part) const {
  size_t sum = size_t{part.groups} * kSlots * 4;
  for (size_t c = 0; c < part.chunks.size(); ++c) {
    if (part.chunks[c] == nullptr) continue;
    const size_t first = (size_t{16} << c) - 16;
    const size_t there =
        is_lazy(c) ? std::min(part.next - first, size_t{16} << c) : size_t{16} << c;
    sum += there * entry_bytes_;
  }
  return sum;
}

void KeyedTable::split() {
  QW_ASSERT(size_ == 0 && heaps_ == nullptr);
  clear();
  heaps_ = std::make_unique<BlobHeap[]>(kPartitionCount);
  for (uint32_t p = 0; p < kPartitionCount; ++p) heaps_[p].stay_small();
}

void KeyedTable::drop(uint32_t partition) {
  Partition& part = partitions_[partition];
  if (packed_) {
    each(partition, [&](Entry* entry) {
      heap(entry->hash).forget(reinterpret_cast<char*>(entry->key.low), entry->key.high);
    });
  }
  size_ -= part.live;
  free_table(part);
  if (heaps_ != nullptr) heaps_[partition].clear();
}

size_t KeyedTable::partition_bytes(uint32_t partition) const {
  const Partition& part = partitions_[partition];
  if (heaps_ != nullptr) return table_bytes(part) + heaps_[partition].bytes();
  return table_bytes(part) + (size_ == 0 ? 0 : heap_.bytes() / size_ * part.live);
}

size_t KeyedTable::bytes() const {
  size_t sum = table_bytes_ + heap_.bytes();
  for (uint32_t p = 0; heaps_ != nullptr && p < kPartitionCount; ++p) sum += heaps_[p].bytes();
  return sum;
}

template <bool packed>
Entry* KeyedTable::find_one(const KeyWords& key, uint64_t hash) const {
  const Partition& part = partitions_[partition_of(hash)];
  if (part.groups == 0) return nullptr;
  const uint32_t low = static_cast<uint32_t>(hash), tag = tag_of(low);
  for (uint32_t group = (low >> 8) & part.group_mask;; group = (group + 1) & part.group_mask) {
    const uint32_t* slots = part.slots + size_t{group} * kSlots;
    const Group lines(slots);
    for (uint32_t mask = lines.match(tag); mask != 0; mask &= mask - 1) {
      Entry* entry = entry_at(part, slots[__builtin_ctz(mask)] & 0xffffffU);
      if (same_key<packed>(entry, key, hash)) return entry;
    }
    if (lines.equal(kEmpty) != 0) return nullptr;
  }
}

template <bool packed>
void KeyedTable::find_range(const KeyBatch& keys, uint32_t from, uint32_t to, Entry** out) const {
  for (uint32_t i = from; i < to; ++i) {
    const Partition& part = partitions_[partition_of(keys.hashes[i])];
    const uint32_t group = (static_cast<uint32_t>(keys.hashes[i]) >> 8) & part.group_mask;
    __builtin_prefetch(part.slots + size_t{group} * kSlots);
  }
  // First candidate by tag; wrong ones (1 in 16 at most) are resolved below, and so is `unknown`.
  auto* const unknown = reinterpret_cast<Entry*>(uintptr_t{1});
  for (uint32_t i = from; i < to; ++i) {
    out[i] = nullptr;
    const Partition& part = partitions_[partition_of(keys.hashes[i])];
    if (part.groups == 0) continue;
    const uint32_t low = static_cast<uint32_t>(keys.hashes[i]);
    const uint32_t* slots = part.slots + size_t{(low >> 8) & part.group_mask} * kSlots;
    const Group lines(slots);
    const uint32_t mask = lines.match(tag_of(low));
    if (mask == 0) {
      // With a free slot in its group the key is nowhere.
      if (lines.equal(kEmpty) == 0) out[i] = unknown;
      continue;
    }
    out[i] = entry_at(part, slots[__builtin_ctz(mask)] & 0xffffffU);
    __builtin_prefetch(out[i], 1);
    __builtin_prefetch(reinterpret_cast<char*>(out[i]) + second_line_, 1);
  }
  if constexpr (packed) {
    for (uint32_t i = from; i < to; ++i) {
      if (out[i] != nullptr && out[i] != unknown) {
        __builtin_prefetch(out[i]->key.bytes().data());
      }
    }
  }
  for (uint32_t i = from; i < to; ++i) {
    if (out[i] == nullptr) continue;
    if (out[i] != unknown && same_key<packed>(out[i], keys.words[i], keys.hashes[i])) continue;
    out[i] = find_one<packed>(keys.words[i], keys.hashes[i]);
  }
}

void KeyedTable::find(const KeyBatch& keys, Entry** out) const {
  for (uint32_t from = 0; from < keys.count; from += kProbeRun) {
    const uint32_t to = from + kProbeRun < keys.count ? from + kProbeRun : keys.count;
    packed_ ? find_range<true>(keys, from, to, out) : find_range<false>(keys, from, to, out);
  }
}

void KeyedTable::find_or_add(const KeyBatch& keys, Entry** out, Distinct distinct) {
  for (uint32_t from = 0; from < keys.count; from += kProbeRun) {
    const uint32_t to = from + kProbeRun < keys.count ? from + kProbeRun : keys.count;
    packed_ ? find_range<true>(keys, from, to, out) : find_range<false>(keys, from, to, out);
    AddedKeys added;
    for (uint32_t i = from; i < to; ++i) {
      if (out[i] != nullptr) continue;
      // An earlier row of this run may have added the key.
      if (distinct == Distinct::no && added.may_contain(keys.hashes[i])) {
        out[i] = packed_ ? find_one<true>(keys.words[i], keys.hashes[i])
                         : find_one<false>(keys.words[i], keys.hashes[i]);
      }
      if (out[i] == nullptr) out[i] = add(keys.words[i], keys.hashes[i]);
    }
  }
}

Entry* KeyedTable::find_or_add(const KeyWords& key, uint64_t hash) {
  Entry* entry = packed_ ? find_one<true>(key, hash) : find_one<false>(key, hash);
  return entry != nullptr ? entry : add(key, hash);
}

Entry* KeyedTable::add(const KeyWords& key, uint64_t hash) {
  Partition& part = partitions_[partition_of(hash)];
  if (size_t{part.used} + 1 > size_t{part.groups} * 14) grow(part);
  uint32_t index;
  if (part.free_head != UINT32_MAX) {
    index = part.free_head;
    part.free_head = static_cast<uint32_t>(entry_at(part, index)->hash);
  } else {
    index = part.next++;
    QW_ASSERT(index < kEntriesMax);
    const uint32_t biased = index + 16, top = 31U - static_cast<uint32_t>(__builtin_clz(biased));
    const uint32_t c = top - kFirstChunkBits;
    if (part.chunks[c] == nullptr) {
      part.chunks[c] = map_pages(chunk_bytes(c));
      if (!is_lazy(c)) table_bytes_ += chunk_bytes(c);
    }
    if (is_lazy(c)) table_bytes_ += entry_bytes_;
  }
  Entry* entry = entry_at(part, index);
  std::memset(static_cast<void*>(entry), 0, entry_bytes_);
  entry->hash = hash;
  entry->key = key;
  if (packed_) {
    char* bytes = heap(hash).allocate(key.high);
    std::memcpy(bytes, key.bytes().data(), key.high);
    entry->key.low = reinterpret_cast<uint64_t>(bytes);
  }
  insert_slot(part, static_cast<uint32_t>(hash), index);
  ++part.live;
  ++size_;
  return entry;
}

void KeyedTable::insert_slot(Partition& part, uint32_t hash, uint32_t index) {
  for (uint32_t group = (hash >> 8) & part.group_mask;; group = (group + 1) & part.group_mask) {
    uint32_t* slots = part.slots + size_t{group} * kSlots;
    const uint32_t mask = Group(slots).equal(kEmpty);
    if (mask == 0) continue;
    slots[__builtin_ctz(mask)] = (tag_of(hash) << 24) | index;
    ++part.used;
    return;
  }
}

void KeyedTable::grow(Partition& part) {
  uint32_t* old = part.slots;
  const uint32_t old_groups = part.groups;
  // Tombstones alone may have filled it: then the same size will do. A partition that comes into
  // being behind others, as when they are read back one by one, will be about as large as they are.
  const uint64_t wanted = old_groups == 0 && !few_ ? average_live() : part.live;
  uint32_t groups = old_groups == 0 ? 1 : old_groups;
  while (wanted + 1 > uint64_t{groups} * 9) groups *= 2;
  char* slots = map_pages(size_t{groups} * kSlots * 4);
  touch_pages(slots, size_t{groups} * kSlots * 4);
  part.slots = reinterpret_cast<uint32_t*>(slots);
  part.groups = groups;
  part.group_mask = groups - 1;
  part.used = 0;
  table_bytes_ += (size_t{groups} - old_groups) * kSlots * 4;
  // In the order of entries, which lie side by side: less to wait for than in the order of slots.
  for (uint32_t index = 0; index < part.next; ++index) {
    const Entry* entry = entry_at(part, index);
    if (entry->mark != kFreed) insert_slot(part, static_cast<uint32_t>(entry->hash), index);
  }
  unmap_pages(reinterpret_cast<char*>(old), size_t{old_groups} * kSlots * 4);
}

void KeyedTable::sort(uint32_t partition, uint32_t bits, std::vector<Entry*>& entries,
                      std::vector<uint32_t>& ends) {
  ends.assign(size_t{1} << bits, 0);
  each(partition, [&](const Entry* entry) { ++ends[bucket_of(entry->hash, bits)]; });
  uint32_t before = 0;
  for (uint32_t& end : ends) before += std::exchange(end, before);
  entries.resize(before);
  each(partition, [&](Entry* entry) { entries[ends[bucket_of(entry->hash, bits)]++] = entry; });
}

uint64_t KeyedTable::average_live() const {
  const auto used = std::count_if(partitions_.begin(), partitions_.end(),
                                  [](const Partition& part) { return part.live != 0; });
  return used == 0 ? 0 : size_ / static_cast<uint64_t>(used);
}

void KeyedTable::erase(Entry* entry) {
  QW_ASSERT(entry->mark != kFreed);
  Partition& part = partitions_[partition_of(entry->hash)];
  const auto low = static_cast<uint32_t>(entry->hash);
  const uint32_t tag = tag_of(low);
  for (uint32_t group = (low >> 8) & part.group_mask;; group = (group + 1) & part.group_mask) {
    uint32_t* slots = part.slots + size_t{group} * kSlots;
    const Group lines(slots);
    for (uint32_t mask = lines.match(tag); mask != 0; mask &= mask - 1) {
      const int slot = __builtin_ctz(mask);
      const uint32_t index = slots[slot] & 0xffffffU;
      if (entry_at(part, index) != entry) continue;
      // No probe runs past a group with an empty slot, so there the slot may become empty as well.
      const bool ends_here = lines.equal(kEmpty) != 0;
      slots[slot] = ends_here ? kEmpty : kTombstone;
      if (ends_here) --part.used;
      if (packed_) {
        heap(entry->hash).release(reinterpret_cast<char*>(entry->key.low), entry->key.high);
      }
      entry->mark = kFreed;
      entry->hash = part.free_head;
      part.free_head = index;
      --part.live;
      --size_;
      return;
    }
    QW_ASSERT(lines.equal(kEmpty) == 0);
  }
}

}  // namespace qw::views
