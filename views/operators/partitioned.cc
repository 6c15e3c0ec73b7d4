// PartitionedState; see partitioned.h.
#include "views/operators/partitioned.h"

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "views/operators/row_order.h"

namespace qw::views {
// A row's key: uint32 bytes of the order part in front would break the order, so the size of the
// order part stands behind both parts.
PartitionedState::PartitionedState(std::vector<Type> types, const std::vector<uint32_t>& partition,
                                   const std::vector<sql::SortKey>& order)
    : RowState(types),
      partition_(partition),
      rest_columns_(rest_of(types.size(), partition, order)),
      encoder_(pick_types(types, partition)),
      order_codec_(order_fields(types, order)),
      rest_codec_(ascending(pick_types(types, rest_columns_))),
      table_(encoder_.packed(), sizeof(Slot)) {
  for (const auto& key : order) order_columns_.push_back(key.column);
  for (uint32_t c = 0; c < types.size(); ++c) all_columns_.push_back(c);
}

PartitionedState::~PartitionedState() { clear(); }

void PartitionedState::clear() {
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    table_.each(p, [&](Entry* entry) {
      if (entry->as<Slot>().bag == nullptr) return;
      entry->as<Slot>().bag->clear(heap(entry));
      delete entry->as<Slot>().bag;
    });
  }
  table_.clear();
  dirty_.clear();
  rows_ = nodes_ = 0;
  nodes_of_ = {};
  negative_ = 0;
}

void PartitionedState::count_nodes(const Entry* entry, int64_t bags, int64_t rows) {
  const auto bytes =
      static_cast<uint64_t>(bags * OrderedBag::kBagBytes + rows * OrderedBag::kNodeBytesPerRow);
  nodes_ += bytes;
  nodes_of_[partition_of(entry->hash)] += bytes;
}

uint64_t PartitionedState::busy() const {
  uint64_t partitions = 0;
  for (const Entry* entry : dirty_) partitions |= uint64_t{1} << partition_of(entry->hash);
  return partitions;
}

void PartitionedState::drop_entries(uint32_t partition) {
  table_.each(partition, [&](Entry* entry) {
    Slot& slot = entry->as<Slot>();
    if (slot.bag == nullptr) return;
    count_nodes(entry, -1, -static_cast<int64_t>(slot.bag->rows.size()));
    slot.bag->clear(heap(entry));
    delete slot.bag;
    slot.bag = nullptr;
  });
}

void PartitionedState::restoring(uint32_t) {
  rows_before_ = rows_;
  negative_before_ = negative_;
  std::swap(dirty_, dirty_before_);
}

void PartitionedState::restored(uint32_t) {
  on_return_();
  QW_ASSERT(dirty_.empty());
  std::swap(dirty_, dirty_before_);
  rows_ = rows_before_;
  negative_ = negative_before_;
}

std::string_view PartitionedState::order_key(const BagRow& row) const {
  const std::string_view key = row.key();
  const auto size = load<uint32_t>(key.data() + key.size() - sizeof(uint32_t));
  return key.substr(0, size);
}

void PartitionedState::update(const Batch& batch, Arena& arena) {
  const uint32_t count = batch.size();
  if (count == 0) return;
  KeyBatch keys;
  encoder_.encode(batch, partition_, arena, keys);
  auto* entries = arena.allocate_array<Entry*>(count);
  auto* rows = arena.allocate_array<std::string_view>(count);
  auto* order = arena.allocate_array<std::string_view>(count);
  auto* rest = arena.allocate_array<std::string_view>(count);
  codec().pack(batch, all_columns_, arena, rows);
  order_codec_.encode(batch, order_columns_, arena, order);
  rest_codec_.encode(batch, rest_columns_, arena, rest);
  table_.find_or_add(keys, entries);
  std::string key;
  for (uint32_t i = 0; i < count; ++i) {
    const int64_t weight = batch.weight(batch.row(i));
    Entry* entry = entries[i];
    if (weight == 0) continue;
    if (!absorbing_) {
      if (logging) log_row(rows[i], weight);
      touch(partition_of(keys.hashes[i]));
    }
    if (entry->mark == 0) {
      entry->mark = 1;
      dirty_.push_back(entry);
    }
    Slot& slot = entry->as<Slot>();
    if (slot.bag == nullptr) {
      slot.bag = new OrderedBag;  // NOLINT: owned by the slot
      count_nodes(entry, 1, 0);
    }
    key.assign(order[i]);
    key.append(rest[i]);
    append<uint32_t>(key, static_cast<uint32_t>(order[i].size()));
    const size_t before = slot.bag->rows.size();
    slot.bag->change(key, rows[i], weight, heap(entry), negative_);
    const auto more = static_cast<int64_t>(slot.bag->rows.size()) - static_cast<int64_t>(before);
    rows_ += static_cast<uint64_t>(more);
    count_nodes(entry, 0, more);
  }
}

Batch PartitionedState::above_floors(const Batch& batch, uint32_t column, Arena& arena) {
  const uint32_t count = batch.size();
  KeyBatch keys;
  encoder_.encode(batch, partition_, arena, keys);
  KeyGroups groups;
  group_keys(keys, encoder_.packed(), arena, groups);
  auto* entries = arena.allocate_array<Entry*>(groups.keys.count + 1);
  table_.find(groups.keys, entries);
  auto* floors = arena.allocate_array<uint64_t>(groups.keys.count + 1);
  for (uint32_t g = 0; g < groups.keys.count; ++g) {
    floors[g] = entries[g] == nullptr ? 0 : entries[g]->as<Slot>().floor;
  }
  auto* rows = arena.allocate_array<uint16_t>(count + 1);
  const Vector& values = batch.columns[column];
  uint32_t kept = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = batch.row(i);
    rows[kept] = static_cast<uint16_t>(row);
    kept += biased(values.at<int64_t>(row)) >= floors[groups.of[i]] ? 1U : 0U;
  }
  Batch out = batch;
  out.select(rows, kept);
  return out;
}

int64_t PartitionedState::value_of(const BagRow& row, uint32_t column) const {
  Arena arena;
  const std::string_view bytes = row.row();
  std::vector<Vector> values;
  codec().unpack({&bytes, 1}, {&column, 1}, arena, values);
  return values[0].at<int64_t>(0);
}

void PartitionedState::settle(Entry* entry) {
  entry->mark = 0;
  Slot& slot = entry->as<Slot>();
  if (slot.bag != nullptr && !slot.bag->rows.empty()) return;
  if (slot.bag != nullptr) count_nodes(entry, -1, 0);
  delete slot.bag;
  table_.erase(entry);
}

void PartitionedState::forget(Entry* entry, OrderedBag::Rows::iterator at) {
  if (logging && (*at)->weight != 0) log_row((*at)->row(), -(*at)->weight);
  bag(entry).total -= (*at)->weight;
  erase(entry, at);
}

void PartitionedState::erase(Entry* entry, OrderedBag::Rows::iterator at) {
  bag(entry).erase(at, heap(entry));
  --rows_;
  count_nodes(entry, 0, -1);
}

void PartitionedState::absorb(const Batch& batch) {
  Arena arena;
  absorbing_ = true;
  update(wanted(batch, encoder_, partition_, arena), arena);
  absorbing_ = false;
}

void PartitionedState::dump(uint32_t partition, std::string& out,
                            std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    if (entry->as<Slot>().bag == nullptr) return;
    for (const BagRow* row : entry->as<Slot>().bag->rows) {
      append_row(out, row->row(), row->weight);
      end_record(out, pieces);
    }
  });
}

}  // namespace qw::views
