// Run: see run.h.
#include "storage/rows/run.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/prefetch.h"
#include "storage/format/format.h"
#include "storage/rows/file_memory.h"

namespace qw::storage {
namespace {

// Runs this small are searched by halving: an index would cost more than it saves.
constexpr size_t kIndexedMin = 24;
constexpr size_t kVarintMax = 5;
constexpr size_t kMergeRunsMax = 8;
constexpr size_t kProbesInFlight = 32;
constexpr size_t kAhead = 8;         // changes asked for before they are encoded
constexpr size_t kFilterAhead = 16;  // blocks of the filter asked for before they are looked at
constexpr size_t kFilterBits = 12;   // per key: one in some 60 that is not there passes

// Four bits of a block of the filter.
uint64_t filter_bits(uint64_t hash) {
  return uint64_t{1} << (hash & 63) | uint64_t{1} << (hash >> 6 & 63) |
         uint64_t{1} << (hash >> 12 & 63) | uint64_t{1} << (hash >> 18 & 63);
}

size_t varint_size(uint32_t value) {
  return value < 0x80 ? 1 : (static_cast<size_t>(std::bit_width(value)) + 6) / 7;
}

char* write_varint(char* to, uint32_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

// Moves `at` behind the number; nullptr when it does not end before `end`.
const char* read_varint(const char* at, const char* end, uint32_t& value) {
  if (at == end) return nullptr;
  auto byte = static_cast<unsigned char>(*at++);
  if (byte < 0x80) [[likely]] {
    value = byte;
    return at;
  }
  value = byte & 0x7FU;
  for (size_t i = 1; i < kVarintMax; ++i) {
    if (at == end) return nullptr;
    byte = static_cast<unsigned char>(*at++);
    value |= (byte & 0x7FU) << (7 * i);
    if (byte < 0x80) return at;
  }
  return nullptr;
}

size_t record_size(std::string_view key, bool erased, size_t row_size) {
  const uint32_t row_field = erased ? 0 : static_cast<uint32_t>(row_size + 1);
  return varint_size(static_cast<uint32_t>(key.size())) + varint_size(row_field) + key.size() +
         (erased ? 0 : row_size);
}

char* write_record(char* to, std::string_view key, bool erased, std::string_view row,
                   Run::Entry& entry) {
  to = write_varint(to, static_cast<uint32_t>(key.size()));
  to = write_varint(to, erased ? 0 : static_cast<uint32_t>(row.size() + 1));
  if (!key.empty()) std::memcpy(to, key.data(), key.size());
  entry = {to, static_cast<uint32_t>(key.size()),
           erased ? Run::kErased : static_cast<uint32_t>(row.size())};
  to += key.size();
  if (!erased && !row.empty()) {
    std::memcpy(to, row.data(), row.size());
    to += row.size();
  }
  return to;
}

constexpr size_t kSpareBytesMin = 256 << 10;

// Memory of runs that are gone, for those that come. The run of an epoch lives for a commit or two,
// and a page fresh from the system costs more than what is written to it.
class Spare {
 public:
  static Spare& instance() {
    static Spare spare;
    return spare;
  }
  Spare() = default;
  Spare(const Spare&) = delete;
  Spare& operator=(const Spare&) = delete;
  ~Spare() {
    for (const auto& [bytes, size] : held_) unmap_pages(bytes, size);
  }

  // `size`: bytes wanted, then bytes there.
  char* take(size_t& size) {
    {
      const std::lock_guard lock(mutex_);
      for (auto at = held_.begin(); at != held_.end(); ++at) {
        if (at->second < size || at->second > size * 2) continue;
        char* bytes = at->first;
        size = at->second;
        sum_ -= size;
        held_.erase(at);
        return bytes;
      }
    }
    return map_pages(size);
  }
  void limit(size_t bytes_max) {
    const std::lock_guard lock(mutex_);
    bytes_max_ = bytes_max;
  }
  void free() {
    std::vector<std::pair<char*, size_t>> gone;
    {
      const std::lock_guard lock(mutex_);
      gone.swap(held_);
      sum_ = 0;
    }
    for (const auto& [bytes, size] : gone) unmap_pages(bytes, size);
  }
  void give(char* bytes, size_t size) {
    {
      const std::lock_guard lock(mutex_);
      if (sum_ + size <= bytes_max_) {
        held_.emplace_back(bytes, size);
        sum_ += size;
        return;
      }
    }
    unmap_pages(bytes, size);
  }

 private:
  std::mutex mutex_;
  std::vector<std::pair<char*, size_t>> held_;
  size_t sum_ = 0, bytes_max_ = 0;  // until a store says (limit_spare)
};

}  // namespace

std::shared_ptr<char[]> Run::allocate(size_t size) {
  if (size < kSpareBytesMin) return std::make_unique_for_overwrite<char[]>(size);
  // Sizes in steps of a quarter of their power of two, so that one fits another.
  const size_t step = std::bit_floor(size) / 4;
  size_t there = (size + step - 1) / step * step;
  char* bytes = Spare::instance().take(there);
  return {bytes, [there](char* held) { Spare::instance().give(held, there); }};
}

std::string_view Run::records() const {
  QW_ASSERT(records_ != nullptr || size_ == 0);
  return {records_, size_};
}

RunPtr Run::encode(Epoch epoch, std::span<const RowChange> changes,
                   const std::filesystem::path& dir) {
  return encode(epoch, changes, [&](size_t size) {
    std::shared_ptr<char[]> memory;
    if (size >= kSpareBytesMin && !dir.empty()) memory = file_memory(dir, size);
    return memory ? memory : allocate(size);
  });
}

RunPtr Run::encode(Epoch epoch, std::span<const RowChange> changes, const Allocate& allocate) {
  size_t size = 0;
  for (const RowChange& change : changes) {
    size += record_size(change.key(), change.erases(), change.row().size());
  }
  std::shared_ptr<Run> run(new Run(epoch, epoch));
  const std::shared_ptr<char[]> memory = allocate(size);
  run->entries_.resize(changes.size());
  char* to = memory.get();
  std::string_view last;
  for (size_t i = 0; i < changes.size(); ++i) {
    // In the order of keys; the bytes lie in the order in which they came.
    if (i + kAhead < changes.size()) {
      __builtin_prefetch(changes[i + kAhead].key().data());
      prefetch_row(changes[i + kAhead].row());
    }
    const RowChange& change = changes[i];
    QW_ASSERT(i == 0 || last < change.key());
    last = change.key();
    to = write_record(to, change.key(), change.erases(), change.row(), run->entries_[i]);
  }
  QW_ASSERT(to == memory.get() + size);
  run->keep(memory, {memory.get(), size});
  return run;
}

void Run::limit_spare(size_t bytes) { Spare::instance().limit(bytes); }
void Run::free_spare() { Spare::instance().free(); }

void Run::keep(std::shared_ptr<const char[]> memory, std::string_view records) {
  memory_ = std::move(memory);
  records_ = records.data();
  size_ = records.size();
}

Result<RunPtr> Run::decode(ObjectId relation, Epoch epoch, std::shared_ptr<const char[]> memory,
                           std::string_view records) {
  std::shared_ptr<Run> run(new Run(epoch, epoch));
  run->entries_.reserve(records.size() / 64);
  const char* at = records.data();
  const char* const end = at + records.size();
  while (at < end) {
    uint32_t key_size = 0, row_field = 0;
    at = read_varint(at, end, key_size);
    if (at != nullptr) at = read_varint(at, end, row_field);
    const size_t row_size = row_field == 0 ? 0 : row_field - 1;
    if (at == nullptr || static_cast<size_t>(end - at) < key_size + row_size) {
      return fail(damaged_row(relation));
    }
    const Entry entry{at, key_size, row_field == 0 ? kErased : row_field - 1};
    if (!run->entries_.empty() && run->entries_.back().key() >= entry.key()) {
      return fail(damaged_row(relation));
    }
    run->entries_.push_back(entry);
    at += key_size + row_size;
  }
  run->entries_.shrink_to_fit();  // up to half of it is of no use else, and it may stay for long
  run->keep(std::move(memory), records);
  return run;
}

// The newest changes of all keys, in an empty run; sets its size.
std::shared_ptr<Run> Run::newest_of(std::span<const RunPtr> runs) {
  Epoch oldest = runs[0]->oldest(), newest = runs[0]->newest();
  size_t count_max = 0;
  for (const RunPtr& run : runs) {
    oldest = std::min(oldest, run->oldest());
    newest = std::max(newest, run->newest());
    count_max += run->count();
  }
  std::shared_ptr<Run> out(new Run(oldest, newest));
  out->entries_.reserve(count_max);
  for (RunCursor cursor({runs.begin(), runs.end()}, {}, Direction::forward);
       cursor.head() != nullptr; cursor.advance()) {
    const Entry& entry = *cursor.head();
    out->entries_.push_back(entry);
    out->size_ += record_size(entry.key(), entry.erased(), entry.row_size);
  }
  return out;
}

// A walk looks at the head of each run per row: many runs are put together in rounds.
template <typename Combine>
RunPtr Run::in_rounds(std::span<const RunPtr> runs, const Combine& combine) {
  QW_ASSERT(!runs.empty());
  if (runs.size() == 1) return runs[0];
  if (runs.size() <= kMergeRunsMax) return combine(runs);
  std::vector<RunPtr> fewer;
  for (size_t begin = 0; begin < runs.size(); begin += kMergeRunsMax) {
    const size_t count = std::min(kMergeRunsMax, runs.size() - begin);
    fewer.push_back(in_rounds(runs.subspan(begin, count), combine));
  }
  return in_rounds(fewer, combine);
}

RunPtr Run::merge(std::span<const RunPtr> runs) {
  return in_rounds(runs, [](std::span<const RunPtr> few) -> RunPtr {
    std::shared_ptr<Run> run = newest_of(few);
    const std::shared_ptr<char[]> memory = allocate(run->size_);
    char* to = memory.get();
    for (Entry& entry : run->entries_) {
      const Entry from = entry;
      const bool erased = from.erased();
      to = write_record(to, from.key(), erased, erased ? std::string_view() : from.row(), entry);
    }
    QW_ASSERT(to == memory.get() + run->size_);
    run->keep(memory, {memory.get(), run->size_});
    // Read by keys so far: it will be again, by somebody who need not wait for the index then.
    const bool indexed = std::any_of(few.begin(), few.end(),
                                     [](const RunPtr& other) { return other->is_indexed(); });
    if (indexed && run->count() >= kIndexedMin) {
      std::call_once(run->index_once_, [&run] { run->build_index(); });
    }
    return run;
  });
}

RunPtr Run::gather(std::span<const RunPtr> runs) {
  return in_rounds(runs, [](std::span<const RunPtr> few) -> RunPtr {
    std::shared_ptr<Run> run = newest_of(few);
    run->memory_ = few[0]->memory_;
    for (const RunPtr& other : few) QW_ASSERT(other->memory_ == run->memory_);
    return run;
  });
}

size_t Run::lower_bound(std::string_view key) const {
  const auto it = std::lower_bound(
      entries_.begin(), entries_.end(), key,
      [](const Entry& entry, std::string_view wanted) { return entry.key() < wanted; });
  return static_cast<size_t>(it - entries_.begin());
}

uint64_t Run::key_hash(std::string_view key) { return hash_bytes(key); }

const Run::Entry* Run::find(std::string_view key) const {
  if (entries_.size() < kIndexedMin) {
    const size_t at = lower_bound(key);
    return at < entries_.size() && entries_[at].key() == key ? &entries_[at] : nullptr;
  }
  std::call_once(index_once_, [this] { build_index(); });
  return find_hashed(key, key_hash(key));
}

const Run::Entry* Run::find_hashed(std::string_view key, uint64_t hash) const {
  const size_t mask = index_.size() - 1;
  for (size_t slot = hash & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    if ((index_[slot] ^ hash) >> 32 != 0) continue;
    const Entry& entry = entries_[(index_[slot] & 0xFFFFFFFFU) - 1];
    if (entry.key() == key) return &entry;
  }
  return nullptr;
}

void Run::find_many(std::span<const std::string_view> keys, std::span<const uint64_t> hashes,
                    std::vector<uint32_t>& wanted, std::span<const Entry*> out) const {
  size_t kept = 0;
  if (entries_.size() < kIndexedMin) {
    for (const uint32_t i : wanted) {
      out[i] = find(keys[i]);
      if (out[i] == nullptr) wanted[kept++] = i;
    }
    wanted.resize(kept);
    return;
  }
  std::call_once(index_once_, [this] { build_index(); });
  const size_t mask = index_.size() - 1;
  std::array<const Entry*, kProbesInFlight> candidates;
  std::array<uint32_t, kProbesInFlight> probes;
  for (size_t begin = 0; begin < wanted.size();) {
    size_t count = 0;
    for (; begin < wanted.size() && count < kProbesInFlight; ++begin) {
      if (begin + kFilterAhead < wanted.size()) {
        __builtin_prefetch(&filter_[filter_block(hashes[wanted[begin + kFilterAhead]])]);
      }
      const uint32_t i = wanted[begin];
      if (!may_hold(hashes[i])) continue;
      probes[count++] = i;
      __builtin_prefetch(&index_[hashes[i] & mask]);
    }
    // The first slot whose half of the hash fits: mostly the key's own.
    for (size_t p = 0; p < count; ++p) {
      const uint64_t hash = hashes[probes[p]];
      candidates[p] = nullptr;
      for (size_t slot = hash & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
        if ((index_[slot] ^ hash) >> 32 != 0) continue;
        candidates[p] = &entries_[(index_[slot] & 0xFFFFFFFFU) - 1];
        __builtin_prefetch(candidates[p]);
        break;
      }
    }
    for (size_t p = 0; p < count; ++p) {
      if (candidates[p] != nullptr) __builtin_prefetch(candidates[p]->key_data);
    }
    for (size_t p = 0; p < count; ++p) {
      const uint32_t i = probes[p];
      out[i] = candidates[p];
      if (out[i] != nullptr && out[i]->key() != keys[i]) out[i] = find_hashed(keys[i], hashes[i]);
    }
  }
  for (const uint32_t i : wanted) {
    if (out[i] == nullptr) wanted[kept++] = i;
  }
  wanted.resize(kept);
}

size_t Run::filter_block(uint64_t hash) const { return (hash >> 32) * filter_.size() >> 32; }

bool Run::may_hold(uint64_t hash) const {
  return (filter_bits(hash) & ~filter_[filter_block(hash)]) == 0;
}

void Run::build_index() const {
  QW_ASSERT(entries_.size() < 0xFFFFFFFFU);
  index_.resize(std::bit_ceil(entries_.size() * 3 / 2));
  filter_.resize(entries_.size() * kFilterBits / 64 + 1);
  const size_t mask = index_.size() - 1;
  std::array<uint64_t, kProbesInFlight> hashes;
  for (size_t begin = 0; begin < entries_.size(); begin += kProbesInFlight) {
    const size_t count = std::min(kProbesInFlight, entries_.size() - begin);
    for (size_t i = 0; i < count; ++i) {
      hashes[i] = key_hash(entries_[begin + i].key());
      __builtin_prefetch(&index_[hashes[i] & mask], 1);
      __builtin_prefetch(&filter_[filter_block(hashes[i])], 1);
    }
    for (size_t i = 0; i < count; ++i) {
      const uint64_t hash = hashes[i];
      size_t slot = hash & mask;
      while (index_[slot] != 0) slot = (slot + 1) & mask;
      index_[slot] = (hash & ~uint64_t{0xFFFFFFFF}) | (begin + i + 1);
      filter_[filter_block(hash)] |= filter_bits(hash);
    }
  }
  index_bytes_.store((index_.size() + filter_.size()) * sizeof(uint64_t),
                     std::memory_order_relaxed);
}

RunCursor::RunCursor(std::vector<RunPtr> runs, const KeyRange& range, Direction direction)
    : direction_(direction) {
  sources_.reserve(runs.size());
  for (RunPtr& run : runs) {
    const std::span<const Run::Entry> entries = run->entries();
    const Run::Entry* begin =
        entries.data() + (range.lower.empty() ? 0 : run->lower_bound(range.lower));
    const Run::Entry* end =
        entries.data() + (range.upper ? run->lower_bound(*range.upper) : entries.size());
    if (begin < end) sources_.push_back({std::move(run), begin, end});
  }
  for (Source& source : sources_) rank(source);
  settle();
}

// Mostly eight bytes tell the keys of two runs apart, without a look at either.
void RunCursor::rank(Source& source) const {
  const std::string_view key = source.head(direction_).key();
  if (key.size() >= sizeof(uint64_t)) {
    source.rank = load_be<uint64_t>(key.data());
    return;
  }
  source.rank = 0;
  for (size_t i = 0; i < sizeof(uint64_t); ++i) {
    source.rank = source.rank << 8 | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0U);
  }
}

// Finds the newest change of the next key. Sources are newest first, so the first of equals wins.
void RunCursor::settle() {
  head_ = nullptr;
  const bool forward = direction_ == Direction::forward;
  for (const Source& source : sources_) {
    const Run::Entry& entry = source.head(direction_);
    bool first = head_ == nullptr;
    if (!first && source.rank != head_rank_) {
      first = (source.rank < head_rank_) == forward;
    } else if (!first) {
      first = forward ? entry.key() < head_->key() : entry.key() > head_->key();
    }
    if (!first) continue;
    head_ = &entry;
    head_rank_ = source.rank;
  }
}

void RunCursor::take(Source& source) {
  if (direction_ == Direction::forward) {
    ++source.begin;
  } else {
    --source.end;
  }
}

void RunCursor::advance() {
  QW_ASSERT(head_ != nullptr);
  if (sources_.size() == 1) [[likely]] {
    Source& only = sources_[0];
    take(only);
    head_ = only.begin < only.end ? &only.head(direction_) : nullptr;
    return;
  }
  // Entries stay where they are (the runs hold them), so the key outlives the loop.
  const std::string_view key = head_->key();
  bool emptied = false;
  for (Source& source : sources_) {
    if (source.rank != head_rank_ || source.head(direction_).key() != key) continue;
    take(source);
    if (source.begin == source.end) {
      emptied = true;
    } else {
      rank(source);
    }
  }
  if (emptied) {
    std::erase_if(sources_, [](const Source& source) { return source.begin == source.end; });
    if (sources_.size() == 1) {
      head_ = &sources_[0].head(direction_);
      return;
    }
  }
  settle();
}

}  // namespace qw::storage
