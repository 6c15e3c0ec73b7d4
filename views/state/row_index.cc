// RowIndex: see row_index.h.
#include "views/state/row_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <numeric>

#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/base/pages.h"

namespace qw::views {

// A key with many rows: positions by the hashes of rows, so that none is searched for.
struct BigRows {
  static constexpr uint32_t kNone = UINT32_MAX;
  std::vector<StoredRow*, PageAllocator<StoredRow*>> rows;
  // Open addressing: the hash above, position + 1 below; 0 = empty. At most half of them are used.
  std::vector<uint64_t, PageAllocator<uint64_t>> slots;

  static constexpr size_t kSlotsAhead = 8, kRowsAhead = 16;

  size_t mask() const { return slots.size() - 1; }
  uint32_t find(std::string_view row, uint32_t hash) const {
    for (size_t at = hash & mask(); slots[at] != 0; at = (at + 1) & mask()) {
      if (slots[at] >> 32 != hash) continue;
      const auto position = static_cast<uint32_t>(slots[at]) - 1;
      if (rows[position]->bytes() == row) return position;
    }
    return kNone;
  }
  void add(StoredRow* row) {
    rows.push_back(row);
    if (rows.size() * 2 <= slots.size()) return insert(row->hash, rows.size() - 1);
    std::fill(slots.begin(), slots.end(), 0);
    slots.resize(std::bit_ceil(rows.size() * 2));
    for (size_t position = 0; position < rows.size(); ++position) {
      insert(rows[position]->hash, position);
    }
  }
  // The last row takes the place of the one that goes. Where many go, those before it are the next
  // to move: their memory is asked for.
  void remove(uint32_t position) {
    const size_t last = rows.size() - 1;
    if (last >= kRowsAhead) __builtin_prefetch(rows[last - kRowsAhead]);
    if (last >= kSlotsAhead) __builtin_prefetch(&slots[rows[last - kSlotsAhead]->hash & mask()]);
    clear(slot_of(position));
    if (position != last) {
      uint64_t& moved = slots[slot_of(last)];
      moved = slot(rows[last]->hash, position);
      rows[position] = rows[last];
    }
    rows.pop_back();
  }

 private:
  static uint64_t slot(uint32_t hash, size_t position) {
    return uint64_t{hash} << 32 | (position + 1);
  }
  void insert(uint32_t hash, size_t position) {
    size_t at = hash & mask();
    while (slots[at] != 0) at = (at + 1) & mask();
    slots[at] = slot(hash, position);
  }
  size_t slot_of(size_t position) const {
    const uint64_t wanted = slot(rows[position]->hash, position);
    size_t at = rows[position]->hash & mask();
    while (slots[at] != wanted) at = (at + 1) & mask();
    return at;
  }
  // What was pushed behind the slot by others moves up, so that no search ends too early.
  void clear(size_t hole) {
    for (size_t at = (hole + 1) & mask(); slots[at] != 0; at = (at + 1) & mask()) {
      const size_t home = (slots[at] >> 32) & mask();
      if (((at - home) & mask()) < ((at - hole) & mask())) continue;
      slots[hole] = slots[at];
      hole = at;
    }
    slots[hole] = 0;
  }
};

namespace {

constexpr uint32_t kSmallRowsMax = 64;
// A pointer, and slots of which a third is used.
constexpr int64_t kBigRowBytes = 32;
constexpr uint32_t kAhead = 16;  // rows whose memory is asked for before they are looked for

}  // namespace

std::span<StoredRow* const> RowSet::rows() const {
  if (capacity == 0) return {&one, count};
  if (capacity == kBig) return big->rows;
  return {many, count};
}

RowIndex::RowIndex(std::vector<Type> types, std::vector<uint32_t> key, std::vector<bool> skip_null,
                   Identity identity)
    : RowState(types),
      key_(std::move(key)),
      skip_null_(std::move(skip_null)),
      encoder_(pick_types(types, key_), identity),
      table_(encoder_.packed(), sizeof(RowSet)) {
  QW_ASSERT(skip_null_.size() == key_.size());
  for (uint32_t i = 0; i < types.size(); ++i) all_columns_.push_back(i);
}

RowIndex::~RowIndex() { clear(); }

void RowIndex::clear() {
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    table_.each(p, [&](Entry* entry) {
      for (StoredRow* row : entry->as<RowSet>().rows()) {
        table_.heap(entry->hash)
            .forget(reinterpret_cast<char*>(row), sizeof(StoredRow) + row->size);
      }
      release_set(entry);
    });
  }
  table_.clear();
  rows_ = 0;
  negative_rows_ = 0;
}

void RowIndex::release_set(Entry* entry) {
  const RowSet& set = entry->as<RowSet>();
  if (set.capacity == RowSet::kBig) {
    count_big(entry->hash, -int64_t{set.count});
    delete set.big;
  } else if (set.capacity != 0) {
    table_.heap(entry->hash)
        .release(reinterpret_cast<char*>(set.many), set.capacity * sizeof(StoredRow*));
  }
}

void RowIndex::count_big(uint64_t entry_hash, int64_t rows) {
  const auto bytes = static_cast<size_t>(rows * kBigRowBytes);
  big_bytes_ += bytes;
  big_bytes_of_[partition_of(entry_hash)] += bytes;
}

void RowIndex::check_present(const KeyBatch& keys) const {
  for (uint32_t i = 0; i < keys.count; ++i) {
    QW_ASSERT((lacks() >> partition_of(keys.hashes[i]) & 1) == 0);
  }
}

std::vector<Type> RowIndex::row_types(uint32_t) const {
  return {codec().types().begin(), codec().types().end()};
}

void RowIndex::drop_entries(uint32_t partition) {
  table_.each(partition, [&](Entry* entry) {
    for (StoredRow* row : entry->as<RowSet>().rows()) {
      table_.heap(entry->hash).forget(reinterpret_cast<char*>(row), sizeof(StoredRow) + row->size);
    }
    release_set(entry);
  });
}

void RowIndex::restoring(uint32_t) {
  rows_before_ = rows_;
  negative_before_ = negative_rows_;
}

void RowIndex::restored(uint32_t) {
  rows_ = rows_before_;
  negative_rows_ = negative_before_;
}

Batch RowIndex::without_null_keys(const Batch& batch, std::span<const uint32_t> columns,
                                  Arena& arena) const {
  Batch out = batch;
  for (size_t k = 0; k < key_.size(); ++k) {
    const Vector& vector = out.columns[columns[k]];
    if (!skip_null_[k] || vector.validity == nullptr) continue;
    auto* selection = arena.allocate_array<uint16_t>(out.size());
    uint32_t count = 0;
    for (uint32_t i = 0; i < out.size(); ++i) {
      const uint32_t row = out.row(i);
      selection[count] = static_cast<uint16_t>(row);
      count += vector.is_null(row) ? 0U : 1U;
    }
    out.select(selection, count);
  }
  return out;
}

void RowIndex::probe(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                     KeyBatch& keys, Entry** out) const {
  encoder_.encode(batch, columns, arena, keys);
  if (lacks() != 0) check_present(keys);
  table_.find(keys, out);
  for (size_t k = 0; k < key_.size(); ++k) {
    const Vector& vector = batch.columns[columns[k]];
    if (!skip_null_[k] || vector.validity == nullptr) continue;
    for (uint32_t i = 0; i < keys.count; ++i) {
      if (vector.is_null(batch.row(i))) out[i] = nullptr;
    }
  }
}

void RowIndex::probe(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                     KeyGroups& keys, Entry**& out) const {
  KeyBatch per_row;
  encoder_.encode(batch, columns, arena, per_row);
  group_keys(per_row, encoder_.packed(), arena, keys);
  if (lacks() != 0) check_present(keys.keys);
  out = arena.allocate_array<Entry*>(keys.keys.count + 1);
  table_.find(keys.keys, out);
  for (size_t k = 0; k < key_.size(); ++k) {
    const Vector& vector = batch.columns[columns[k]];
    if (!skip_null_[k] || vector.validity == nullptr) continue;
    for (uint32_t g = 0; g < keys.keys.count; ++g) {
      if (vector.is_null(batch.row(keys.first[g]))) out[g] = nullptr;
    }
  }
}

void RowIndex::update(const Batch& input, Arena& arena) {
  const Batch batch = without_null_keys(input, key_, arena);
  if (batch.empty()) return;
  KeyBatch keys;
  encoder_.encode(batch, key_, arena, keys);
  auto* rows = arena.allocate_array<std::string_view>(keys.count);
  codec().pack(batch, all_columns_, arena, rows);
  if (lacks() != 0 && !replaying_) check_present(keys);
  change_rows(batch, keys, rows, arena);
}

void RowIndex::absorb_packed(std::span<const std::string_view> rows, const int64_t* weights,
                             Arena& arena) {
  Batch input;
  input.rows = static_cast<uint32_t>(rows.size());
  codec().unpack(rows, key_, arena, input.columns);
  input.weights = weights;
  std::vector<uint32_t> columns(key_.size());
  std::iota(columns.begin(), columns.end(), 0U);
  const Batch batch = without_null_keys(input, columns, arena);
  if (batch.empty()) return;
  KeyBatch keys;
  encoder_.encode(batch, columns, arena, keys);
  auto* left = arena.allocate_array<std::string_view>(keys.count);
  for (uint32_t i = 0; i < keys.count; ++i) left[i] = rows[batch.row(i)];
  replaying_ = true;
  change_rows(batch, keys, left, arena);
  replaying_ = false;
}

void RowIndex::change_rows(const Batch& batch, const KeyBatch& keys, const std::string_view* rows,
                           Arena& arena) {
  auto* entries = arena.allocate_array<Entry*>(keys.count);
  table_.find_or_add(keys, entries);
  const int64_t* weights = batch.weights;
  auto* hashes = arena.allocate_array<uint32_t>(keys.count);
  for (uint32_t i = 0; i < keys.count; ++i) {
    hashes[i] = append_only ? 0 : static_cast<uint32_t>(hash_bytes(rows[i]));
  }
  for (uint32_t i = 0; i < keys.count; ++i) {
    if (i + kAhead < keys.count) ask_for(*entries[i + kAhead], hashes[i + kAhead]);
    const int64_t weight = weights == nullptr ? 1 : weights[batch.row(i)];
    if (weight == 0 && !closable) continue;
    if (replaying_) {
      if (skips(partition_of(keys.hashes[i]))) continue;
    } else {
      if (logging) log_row(rows[i], weight);
      touch(partition_of(keys.hashes[i]));
    }
    change(entries[i], rows[i], hashes[i], weight);
  }
  // Keys that lost their last row go now: an entry may stand several times in `entries`, and the
  // same key may have come back, so the test is on what is there after the whole batch.
  for (uint32_t i = 0; i < keys.count; ++i) {
    Entry* entry = entries[i];
    if (entry->mark == UINT32_MAX || entry->as<RowSet>().count != 0) continue;
    release_set(entry);
    table_.erase(entry);
  }
}

void RowIndex::forget(std::span<Entry* const> entries) {
  for (Entry* entry : entries) {
    if (entry == nullptr || entry->mark == UINT32_MAX) continue;
    touch(partition_of(entry->hash));
    for (StoredRow* row : entry->as<RowSet>().rows()) {
      if (logging) log_row(row->bytes(), -row->weight);
      negative_rows_ -= row->weight < 0 ? 1 : 0;
      --rows_;
      table_.heap(entry->hash).release(reinterpret_cast<char*>(row), sizeof(StoredRow) + row->size);
    }
    release_set(entry);
    table_.erase(entry);
  }
}

void RowIndex::ask_for(const Entry& entry, uint32_t hash) const {
  const RowSet& set = entry.as<RowSet>();
  if (set.capacity == RowSet::kBig) {
    __builtin_prefetch(&set.big->slots[hash & set.big->mask()]);
  } else {
    __builtin_prefetch(set.one);
  }
}

void RowIndex::change(Entry* entry, std::string_view row, uint32_t hash, int64_t weight) {
  RowSet& set = entry->as<RowSet>();
  set.total += weight;
  if ((append_only && weight > 0) || weight == 0) {
    add_row(entry, row, 0, weight);
    return;
  }
  uint32_t position = 0;
  StoredRow* stored = locate(set, row, hash, position);
  if (stored == nullptr) {
    if (weight < 0) ++negative_rows_;
    add_row(entry, row, hash, weight);
    return;
  }
  const int64_t before = stored->weight;
  stored->weight += weight;
  negative_rows_ += (stored->weight < 0 ? 1 : 0) - (before < 0 ? 1 : 0);
  if (stored->weight == 0) remove_row(entry, position);
}

StoredRow* RowIndex::locate(const RowSet& set, std::string_view row, uint32_t hash,
                            uint32_t& position) const {
  if (set.capacity == RowSet::kBig) {
    position = set.big->find(row, hash);
    return position == BigRows::kNone ? nullptr : set.big->rows[position];
  }
  const auto rows = set.rows();
  for (uint32_t i = 0; i < rows.size(); ++i) {
    if (rows[i]->hash != hash || rows[i]->bytes() != row) continue;
    position = i;
    return rows[i];
  }
  return nullptr;
}

void RowIndex::add_row(Entry* entry, std::string_view row, uint32_t hash, int64_t weight) {
  RowSet& set = entry->as<RowSet>();
  BlobHeap& heap = table_.heap(entry->hash);
  auto* stored = reinterpret_cast<StoredRow*>(heap.allocate(sizeof(StoredRow) + row.size()));
  *stored = {weight, static_cast<uint32_t>(row.size()), hash};
  if (!row.empty()) std::memcpy(stored + 1, row.data(), row.size());
  ++rows_;
  if (set.capacity == RowSet::kBig) {
    set.big->add(stored);
    ++set.count;
    count_big(entry->hash, 1);
    return;
  }
  if (set.capacity == 0 && set.count == 0) {
    set.one = stored;
    set.count = 1;
    return;
  }
  const uint32_t capacity = set.capacity == 0 ? 1 : set.capacity;
  if (set.count == capacity) {
    const std::span<StoredRow* const> old = set.rows();
    if (set.count >= kSmallRowsMax && !append_only) {
      auto* big = new BigRows;  // NOLINT: owned by the set, freed by release_set
      for (StoredRow* row_before : old) big->add(row_before);
      big->add(stored);
      release_set(entry);
      set.capacity = RowSet::kBig;
      set.big = big;
      ++set.count;
      count_big(entry->hash, set.count);
      return;
    }
    const uint32_t larger = set.count == 1 ? 3 : (set.count + 1) * 2 - 1;
    auto** many = reinterpret_cast<StoredRow**>(heap.allocate(larger * sizeof(StoredRow*)));
    std::memcpy(many, old.data(), set.count * sizeof(StoredRow*));
    release_set(entry);
    set.capacity = larger;
    set.many = many;
  }
  set.many[set.count++] = stored;
}

void RowIndex::remove_row(Entry* entry, uint32_t position) {
  RowSet& set = entry->as<RowSet>();
  StoredRow* stored = nullptr;
  const uint32_t last = set.count - 1;
  if (set.capacity == RowSet::kBig) {
    stored = set.big->rows[position];
    set.big->remove(position);
    count_big(entry->hash, -1);
  } else if (set.capacity == 0) {
    stored = set.one;
    set.one = nullptr;
  } else {
    stored = set.many[position];
    set.many[position] = set.many[last];
  }
  --set.count;
  --rows_;
  table_.heap(entry->hash)
      .release(reinterpret_cast<char*>(stored), sizeof(StoredRow) + stored->size);
}

void RowIndex::absorb(const Batch& batch) {
  Arena arena;
  replaying_ = true;
  update(batch, arena);
  replaying_ = false;
}

void RowIndex::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    for (const StoredRow* row : entry->as<RowSet>().rows()) {
      append_row(out, row->bytes(), row->weight);
      end_record(out, pieces);
    }
  });
}

}  // namespace qw::views
