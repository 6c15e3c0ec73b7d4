// TopRowsOperator; see top_rows.h.
#include "views/operators/top_rows.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "views/operators/row_order.h"

namespace qw::views {

TopRowsState::TopRowsState(std::vector<Type> types, const sql::TopK& plan)
    : RowState(types),
      limit_(static_cast<uint32_t>(*plan.limit)),
      partition_(plan.partition),
      rest_columns_(rest_of(types.size(), plan.partition, plan.order)),
      encoder_(pick_types(types, partition_)),
      order_codec_(order_fields(types, plan.order)),
      rest_codec_(ascending(pick_types(types, rest_columns_))),
      table_(encoder_.packed(), sizeof(Slot)) {
  for (const auto& key : plan.order) order_columns_.push_back(key.column);
  for (uint32_t c = 0; c < types.size(); ++c) all_columns_.push_back(c);
}

void TopRowsState::release(uint64_t hash, TopRow* row) {
  table_.heap(hash).release(reinterpret_cast<char*>(row),
                            sizeof(TopRow) + row->key_size + row->row_size);
}

void TopRowsState::release_array(const Entry* entry) {
  const Slot& slot = entry->as<Slot>();
  if (slot.capacity == 0) return;
  table_.heap(entry->hash)
      .release(reinterpret_cast<char*>(slot.many), slot.capacity * sizeof(TopRow*));
}

// The heap goes as a whole, but pieces beyond its classes are freed one by one.
void TopRowsState::drop_entries(uint32_t partition) {
  table_.each(partition, [&](Entry* entry) {
    for (TopRow* row : entry->as<Slot>().rows()) release(entry->hash, row);
  });
}

void TopRowsState::clear() {
  for (uint32_t p = 0; p < kPartitionCount; ++p) drop_entries(p);
  for (const Retired& old : retired_) release(old.hash, old.row);
  retired_.clear();
  table_.clear();
  dirty_.clear();
  dirty_partitions_ = 0;
  epoch_arena_.reset();
  rows_ = 0;
}

// The columns that neither the partition nor the order has, as a key.
std::string_view TopRowsState::rest_key(std::string_view row, Arena& arena) const {
  Batch batch;
  batch.rows = 1;
  codec().unpack({&row, 1}, {}, arena, batch.columns);
  std::string_view key;
  rest_codec_.encode(batch, rest_columns_, arena, &key);
  return key;
}

// Whether a row comes before one that is kept. An equal row comes behind it.
bool TopRowsState::before(std::string_view order, std::string_view row, const TopRow& other) {
  const int by_order = order.compare(other.key());
  if (by_order != 0) return by_order < 0;
  tie_arena_.reset();
  const int by_rest = rest_key(row, tie_arena_).compare(rest_key(other.row(), tie_arena_));
  if (by_rest != 0) return by_rest < 0;
  return row < other.row();
}

void TopRowsState::mark_dirty(Entry* entry) {
  const std::span<TopRow* const> rows = entry->as<Slot>().rows();
  auto* old = epoch_arena_.allocate_array<TopRow*>(rows.size());
  std::copy(rows.begin(), rows.end(), old);
  dirty_.push_back({entry, {old, rows.size()}});
  entry->mark = 1;
  dirty_partitions_ |= uint64_t{1} << partition_of(entry->hash);
}

void TopRowsState::grow(Entry* entry) {
  Slot& slot = entry->as<Slot>();
  BlobHeap& heap = table_.heap(entry->hash);
  const uint32_t capacity = std::min(limit_, slot.capacity == 0 ? 4 : slot.capacity * 2);
  auto** many = reinterpret_cast<TopRow**>(heap.allocate(capacity * sizeof(TopRow*)));
  const std::span<TopRow* const> rows = slot.rows();
  std::copy(rows.begin(), rows.end(), many);
  release_array(entry);
  slot.many = many;
  slot.capacity = capacity;
}

void TopRowsState::insert(Entry* entry, std::string_view order, std::string_view row) {
  Slot& slot = entry->as<Slot>();
  uint32_t at = slot.count;
  while (at > 0 && before(order, row, *slot.rows()[at - 1])) --at;
  if (at == limit_) return;
  if (!replaying_ && entry->mark == 0) mark_dirty(entry);
  auto* kept = reinterpret_cast<TopRow*>(
      table_.heap(entry->hash).allocate(sizeof(TopRow) + order.size() + row.size()));
  *kept = {static_cast<uint32_t>(order.size()), static_cast<uint32_t>(row.size())};
  char* bytes = reinterpret_cast<char*>(kept + 1);
  if (!order.empty()) std::memcpy(bytes, order.data(), order.size());
  std::memcpy(bytes + order.size(), row.data(), row.size());
  if (slot.count == limit_) {
    TopRow* gone = slot.rows()[slot.count - 1];
    if (replaying_) {
      release(entry->hash, gone);
    } else {
      retired_.push_back({entry->hash, gone});
    }
    --slot.count;
    --rows_;
  }
  ++rows_;
  if (slot.count == 0 && slot.capacity == 0) {
    slot.one = kept;
    slot.count = 1;
    return;
  }
  if (slot.capacity == 0 || slot.count == slot.capacity) grow(entry);
  std::copy_backward(slot.many + at, slot.many + slot.count, slot.many + slot.count + 1);
  slot.many[at] = kept;
  ++slot.count;
}

// For k = 1: of each partition's rows in the batch only the first can matter. Rows that tie are
// told apart by keys of their other columns, made for all of them at once.
uint32_t TopRowsState::best_of_groups(const Batch& batch, const KeyGroups& groups,
                                      const std::string_view* order, Arena& arena, uint16_t* best) {
  const uint32_t count = batch.size(), found = groups.keys.count;
  auto* tied = arena.allocate_array<uint16_t>(found + 1);
  std::memset(tied, 0, found * sizeof(uint16_t));
  std::copy_n(groups.first, found, best);
  uint32_t ties = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t g = groups.of[i];
    if (best[g] == i) continue;
    const int by_order = order[i].compare(order[best[g]]);
    if (by_order > 0) continue;
    if (by_order == 0) {
      ties += tied[g] == 0 ? 1U : 0U;
      tied[g] = 1;
      continue;
    }
    ties -= tied[g];
    tied[g] = 0;
    best[g] = static_cast<uint16_t>(i);
  }
  if (ties == 0) return found;
  auto* live = arena.allocate_array<uint16_t>(count);
  auto* physical = arena.allocate_array<uint16_t>(count);
  uint32_t used = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t g = groups.of[i];
    if (tied[g] == 0 || order[i] != order[best[g]]) continue;
    live[used] = static_cast<uint16_t>(i);
    physical[used++] = static_cast<uint16_t>(batch.row(i));
  }
  Batch rows = batch;
  rows.select(physical, used);
  auto* rest = arena.allocate_array<std::string_view>(used);
  auto* bytes = arena.allocate_array<std::string_view>(used);
  rest_codec_.encode(rows, rest_columns_, arena, rest);
  codec().pack(rows, all_columns_, arena, bytes);
  auto* of_best = arena.allocate_array<uint32_t>(found);
  std::fill_n(of_best, found, UINT32_MAX);
  for (uint32_t n = 0; n < used; ++n) {
    const uint32_t g = groups.of[live[n]];
    uint32_t& leader = of_best[g];
    const bool first = leader == UINT32_MAX || rest[n] < rest[leader] ||
                       (rest[n] == rest[leader] && bytes[n] < bytes[leader]);
    if (first) leader = n;
  }
  for (uint32_t g = 0; g < found; ++g) {
    if (of_best[g] != UINT32_MAX) best[g] = live[of_best[g]];
  }
  return found;
}

// Of rows from[0..count), those that the worst row kept does not turn away by its order key.
uint32_t TopRowsState::candidates(const KeyGroups& groups, Entry* const* entries,
                                  const std::string_view* order, const uint16_t* from,
                                  uint32_t count, uint16_t* out) {
  for (uint32_t n = 0; n < count; ++n) {
    const Slot& slot = entries[groups.of[from[n]]]->as<Slot>();
    if (slot.count == limit_) __builtin_prefetch(slot.rows()[slot.count - 1]);
  }
  uint32_t used = 0;
  for (uint32_t n = 0; n < count; ++n) {
    const uint16_t i = from[n];
    const Entry* entry = entries[groups.of[i]];
    const Slot& slot = entry->as<Slot>();
    out[used] = i;
    used += slot.count < limit_ || order[i] <= slot.rows()[slot.count - 1]->key() ? 1U : 0U;
  }
  return used;
}

void TopRowsState::take_in(const Batch& batch, const KeyGroups& groups, Entry* const* entries,
                           const std::string_view* order, Arena& arena) {
  const uint32_t count = batch.size();
  auto* from = arena.allocate_array<uint16_t>(count + 1);
  uint32_t considered = count;
  if (limit_ == 1) {
    considered = best_of_groups(batch, groups, order, arena, from);
  } else {
    for (uint32_t i = 0; i < count; ++i) from[i] = static_cast<uint16_t>(i);
  }
  auto* chosen = arena.allocate_array<uint16_t>(considered + 1);
  const uint32_t used = candidates(groups, entries, order, from, considered, chosen);
  // pack() wants physical rows in ascending order.
  std::sort(chosen, chosen + used);
  auto* physical = arena.allocate_array<uint16_t>(used + 1);
  for (uint32_t n = 0; n < used; ++n) physical[n] = static_cast<uint16_t>(batch.row(chosen[n]));
  Batch rows = batch;
  rows.select(physical, used);
  auto* packed = arena.allocate_array<std::string_view>(used + 1);
  codec().pack(rows, all_columns_, arena, packed);
  for (uint32_t n = 0; n < used; ++n) {
    Entry* entry = entries[groups.of[chosen[n]]];
    const int64_t copies = std::min<int64_t>(batch.weight(physical[n]), limit_);
    for (int64_t copy = 0; copy < copies; ++copy) insert(entry, order[chosen[n]], packed[n]);
  }
}

bool TopRowsState::update(const Batch& batch, Arena& arena) {
  const uint32_t count = batch.size();
  if (count == 0) return true;
  for (uint32_t i = 0; batch.weights != nullptr && i < count; ++i) {
    if (batch.weights[batch.row(i)] <= 0) return false;
  }
  KeyBatch keys;
  encoder_.encode(batch, partition_, arena, keys);
  KeyGroups groups;
  group_keys(keys, encoder_.packed(), arena, groups);
  auto* entries = arena.allocate_array<Entry*>(groups.keys.count);
  table_.find_or_add(groups.keys, entries, KeyedTable::Distinct::yes);
  auto* order = arena.allocate_array<std::string_view>(count);
  order_codec_.encode(batch, order_columns_, arena, order);
  take_in(batch, groups, entries, order, arena);
  return true;
}

void TopRowsState::end_epoch() {
  for (const Dirty& item : dirty_) {
    item.entry->mark = 0;
    touch(partition_of(item.entry->hash));
    if (!logging) continue;
    for (const TopRow* row : item.entry->as<Slot>().rows()) {
      const bool known = std::find(item.old.begin(), item.old.end(), row) != item.old.end();
      if (!known) log_row(row->row(), 1);
    }
  }
  dirty_.clear();
  dirty_partitions_ = 0;
  for (const Retired& old : retired_) release(old.hash, old.row);
  retired_.clear();
  epoch_arena_.reset();
}

void TopRowsState::absorb(const Batch& batch) {
  Arena arena;
  replaying_ = true;
  const bool grows = update(wanted(batch, encoder_, partition_, arena), arena);
  QW_ASSERT(grows);
  replaying_ = false;
}

void TopRowsState::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    for (const TopRow* row : entry->as<Slot>().rows()) {
      append_row(out, row->row(), 1);
      end_record(out, pieces);
    }
  });
}

void TopRowsOperator::accept(uint32_t, const Batch& batch) {
  finishing_ = false;
  arena_.reset();
  if (!state_.update(batch, arena_)) {
    host().fail(internal_error("rows were taken away from an append-only input"));
  }
}

void TopRowsOperator::finish() {
  finishing_ = true;
  next_dirty_ = next_emission_ = 0;
  emissions_.clear();
}

void TopRowsOperator::compare(const TopRowsState::Dirty& item) {
  const auto now = item.entry->as<TopRowsState::Slot>().rows();
  if (row_number_) {
    // Numbers shift: each place that has another row changes.
    for (size_t i = 0; i < now.size(); ++i) {
      const auto number = static_cast<int64_t>(i + 1);
      if (i < item.old.size()) {
        if (item.old[i] == now[i]) continue;
        emissions_.push_back({item.old[i], -1, number});
      }
      emissions_.push_back({now[i], 1, number});
    }
    return;
  }
  for (const TopRow* row : item.old) {
    if (std::find(now.begin(), now.end(), row) == now.end()) emissions_.push_back({row, -1, 0});
  }
  for (const TopRow* row : now) {
    const bool known = std::find(item.old.begin(), item.old.end(), row) != item.old.end();
    if (!known) emissions_.push_back({row, 1, 0});
  }
}

bool TopRowsOperator::produce(Batch& out) {
  if (!finishing_) return false;
  if (next_emission_ >= emissions_.size()) {
    emissions_.clear();
    next_emission_ = 0;
    const auto& dirty = state_.dirty();
    while (next_dirty_ < dirty.size() && emissions_.size() < kBatchRowsMax && !host().failed()) {
      compare(dirty[next_dirty_++]);
    }
    if (emissions_.empty()) {
      state_.end_epoch();
      finishing_ = false;
      return false;
    }
  }
  out_arena_.reset();
  const size_t count = std::min<size_t>(emissions_.size() - next_emission_, kBatchRowsMax);
  emit_rows(std::span<const Emission>(emissions_).subspan(next_emission_, count), state_.codec(),
            row_number_, out_arena_, out);
  next_emission_ += count;
  return true;
}

void TopRowsOperator::reset() {
  state_.clear();
  emissions_.clear();
  next_dirty_ = next_emission_ = 0;
  finishing_ = false;
}

}  // namespace qw::views
