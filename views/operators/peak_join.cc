// PeakJoinOperator; see peak_join.h.
#include "views/operators/peak_join.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "src/base/assert.h"

namespace qw::views {
namespace {

std::vector<uint32_t> all_columns(size_t count) {
  std::vector<uint32_t> columns(count);
  std::iota(columns.begin(), columns.end(), 0U);
  return columns;
}

SortOrder best_first(bool highest) {
  SortOrder order;
  order.descending = highest;
  return order;
}

}  // namespace

PeakJoinOperator::PeakJoinOperator(Host& host, PeakJoinSpec spec)
    : Operator(host),
      spec_(std::move(spec)),
      encoder_(pick_types(spec_.rows, spec_.row_key)),
      order_codec_({{spec_.rows[spec_.row_value], best_first(spec_.highest)}}),
      all_rows_(all_columns(spec_.rows.size())),
      all_peaks_(all_columns(spec_.peaks.size())),
      table_(encoder_.packed(), sizeof(Slot)),
      rows_(*this, spec_.rows, kRows),
      peaks_(*this, spec_.peaks, kPeaks) {
  QW_ASSERT(spec_.row_key.size() == spec_.peak_key.size());
}

PeakJoinOperator::Stored* PeakJoinOperator::make(uint64_t hash, std::string_view key,
                                                 std::string_view row, int64_t weight) {
  auto* stored = reinterpret_cast<Stored*>(
      table_.heap(hash).allocate(sizeof(Stored) + key.size() + row.size()));
  *stored = {nullptr, weight, static_cast<uint32_t>(key.size()), static_cast<uint32_t>(row.size())};
  char* bytes = reinterpret_cast<char*>(stored + 1);
  if (!key.empty()) std::memcpy(bytes, key.data(), key.size());
  if (!row.empty()) std::memcpy(bytes + key.size(), row.data(), row.size());
  return stored;
}

void PeakJoinOperator::release(uint64_t hash, Stored* stored) {
  table_.heap(hash).release(reinterpret_cast<char*>(stored), stored->bytes());
}

void PeakJoinOperator::release_array(const Entry* entry) {
  const Slot& slot = entry->as<Slot>();
  if (slot.capacity == 0) return;
  table_.heap(entry->hash)
      .release(reinterpret_cast<char*>(slot.rows), slot.capacity * sizeof(Stored*));
}

void PeakJoinOperator::Unit::drop_entries(uint32_t partition) {
  owner_.table_.each(partition, [&](Entry* entry) {
    const Slot& slot = entry->as<Slot>();
    if (slot.peak != nullptr) owner_.release(entry->hash, slot.peak);
    for (Stored* row : slot.kept()) owner_.release(entry->hash, row);
    owner_.release_array(entry);
  });
}

PeakJoinOperator::Dirty& PeakJoinOperator::dirty(Entry* entry) {
  if (entry->mark == 0) {
    dirty_.push_back({entry, entry->as<Slot>().peak, nullptr, nullptr});
    dirty_partitions_ |= uint64_t{1} << partition_of(entry->hash);
    entry->mark = static_cast<uint32_t>(dirty_.size());
  }
  return dirty_[entry->mark - 1];
}

// A peak without a value (all values of the group are NULL) outranks nothing: its key is empty.
bool PeakJoinOperator::outranked(std::string_view key, const Slot& slot) const {
  return slot.peak != nullptr && slot.peak->key_size != 0 && key > slot.peak->key();
}

bool PeakJoinOperator::is_answer(const Stored& row, const Slot& slot) const {
  if (slot.peak == nullptr || slot.peak->key_size == 0) return false;
  const int order = row.key().compare(slot.peak->key());
  return spec_.equal ? order == 0 : order <= 0;
}

PeakJoinOperator::Keyed PeakJoinOperator::look_up(uint32_t port, const Batch& batch,
                                                  bool drop_null_values) {
  const std::vector<uint32_t>& key = port == kRows ? spec_.row_key : spec_.peak_key;
  const uint32_t value = port == kRows ? spec_.row_value : spec_.peak_value;
  Keyed out;
  out.rows = batch;
  const auto drop_nulls = [&](const Vector& vector) {
    if (vector.validity == nullptr) return;
    auto* selection = arena_.allocate_array<uint16_t>(out.rows.size() + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < out.rows.size(); ++i) {
      selection[count] = static_cast<uint16_t>(out.rows.row(i));
      count += vector.is_null(selection[count]) ? 0U : 1U;
    }
    out.rows.select(selection, count);
  };
  for (size_t k = 0; k < key.size(); ++k) {
    if (spec_.skip_null[k]) drop_nulls(batch.columns[key[k]]);
  }
  if (drop_null_values) drop_nulls(batch.columns[value]);
  const uint32_t count = out.rows.size();
  encoder_.encode(out.rows, key, arena_, out.keys);
  KeyGroups groups;
  group_keys(out.keys, encoder_.packed(), arena_, groups);
  auto* slots = arena_.allocate_array<Entry*>(groups.keys.count + 1);
  table_.find_or_add(groups.keys, slots);
  out.entries = arena_.allocate_array<Entry*>(count + 1);
  for (uint32_t i = 0; i < count; ++i) out.entries[i] = slots[groups.of[i]];
  out.order = arena_.allocate_array<std::string_view>(count + 1);
  const uint32_t columns[1] = {value};
  order_codec_.encode(out.rows, columns, arena_, out.order);
  const Vector& values = batch.columns[value];
  for (uint32_t i = 0; values.validity != nullptr && i < count; ++i) {
    if (values.is_null(out.rows.row(i))) out.order[i] = {};
  }
  return out;
}

void PeakJoinOperator::accept(uint32_t port, const Batch& batch) {
  if (host().failed()) return;
  finishing_ = false;
  arena_.reset();
  port == kRows ? accept_rows(batch) : accept_peaks(batch);
}

void PeakJoinOperator::accept_rows(const Batch& batch) {
  Keyed in = look_up(kRows, batch, /*drop_null_values=*/true);
  auto* physical = arena_.allocate_array<uint16_t>(in.keys.count + 1);
  auto* live = arena_.allocate_array<uint16_t>(in.keys.count + 1);
  uint32_t used = 0;
  for (uint32_t i = 0; i < in.keys.count; ++i) {
    physical[used] = static_cast<uint16_t>(in.rows.row(i));
    live[used] = static_cast<uint16_t>(i);
    used += outranked(in.order[i], in.entries[i]->as<Slot>()) ? 0U : 1U;
  }
  Batch chosen = in.rows;
  chosen.select(physical, used);
  auto* packed = arena_.allocate_array<std::string_view>(used + 1);
  rows_.codec().pack(chosen, all_rows_, arena_, packed);
  for (uint32_t n = 0; n < used; ++n) {
    const int64_t weight = batch.weight(physical[n]);
    if (weight <= 0) {
      host().fail(internal_error("rows were taken away from an append-only input"));
      return;
    }
    const std::string_view key = in.order[live[n]], row = packed[n];
    auto* stored = static_cast<Stored*>(
        epoch_arena_.allocate(sizeof(Stored) + key.size() + row.size(), alignof(Stored)));
    *stored = {nullptr, weight, static_cast<uint32_t>(key.size()),
               static_cast<uint32_t>(row.size())};
    char* bytes = reinterpret_cast<char*>(stored + 1);
    std::memcpy(bytes, key.data(), key.size());
    std::memcpy(bytes + key.size(), row.data(), row.size());
    Dirty& item = dirty(in.entries[live[n]]);
    (item.first == nullptr ? item.first : item.last->next) = stored;
    item.last = stored;
  }
}

void PeakJoinOperator::accept_peaks(const Batch& batch) {
  const Keyed in = look_up(kPeaks, batch, /*drop_null_values=*/false);
  auto* packed = arena_.allocate_array<std::string_view>(in.keys.count + 1);
  peaks_.codec().pack(in.rows, all_peaks_, arena_, packed);
  for (uint32_t i = 0; i < in.keys.count; ++i) {
    const int64_t weight = batch.weight(in.rows.row(i));
    if (weight == 0) continue;
    const Dirty& item = dirty(in.entries[i]);
    Slot& slot = in.entries[i]->as<Slot>();
    const bool fits = weight == 1
                          ? slot.peak == nullptr
                          : weight == -1 && slot.peak != nullptr && slot.peak->row() == packed[i];
    if (!fits) {
      host().fail(internal_error("a group has more than one maximum"));
      return;
    }
    if (weight == 1) {
      slot.peak = make(in.keys.hashes[i], in.order[i], packed[i], 1);
    } else {
      if (slot.peak != item.before) release(in.keys.hashes[i], slot.peak);
      slot.peak = nullptr;
    }
  }
}

void PeakJoinOperator::finish() {
  finishing_ = true;
  next_dirty_ = next_emission_ = 0;
  emissions_.clear();
}

void PeakJoinOperator::keep(Entry* entry, const Stored& row) {
  Slot& slot = entry->as<Slot>();
  if (slot.count == slot.capacity) {
    const uint32_t capacity = slot.capacity == 0 ? 2 : slot.capacity * 2;
    auto** larger =
        reinterpret_cast<Stored**>(table_.heap(entry->hash).allocate(capacity * sizeof(Stored*)));
    std::copy_n(slot.rows, slot.count, larger);
    release_array(entry);
    slot.rows = larger;
    slot.capacity = capacity;
  }
  slot.rows[slot.count++] = make(entry->hash, row.key(), row.row(), row.weight);
  ++rows_.count;
}

// Meets what came to one group with what it has, and leaves what may still be an answer.
void PeakJoinOperator::settle(Dirty& item) {
  Slot& slot = item.entry->as<Slot>();
  Stored* before = item.before;
  Stored* now = slot.peak;
  const bool changed =
      before != now && (before == nullptr || now == nullptr || before->row() != now->row());
  if (changed) {
    slot.peak = before;
    for (const Stored* row : slot.kept()) {
      if (is_answer(*row, slot)) emissions_.push_back({row, before, -row->weight});
    }
    slot.peak = now;
    if (before != nullptr) peaks_.log(item.entry, *before, -1);
    if (now != nullptr) peaks_.log(item.entry, *now, 1);
    uint32_t left = 0;
    for (Stored* row : slot.kept()) {
      if (is_answer(*row, slot)) emissions_.push_back({row, now, row->weight});
      if (!outranked(row->key(), slot)) {
        slot.rows[left++] = row;
        continue;
      }
      rows_.log(item.entry, *row, -row->weight);
      retired_.push_back({item.entry->hash, row});
      --rows_.count;
    }
    slot.count = left;
  }
  if (before != now && before != nullptr) retired_.push_back({item.entry->hash, before});
  peaks_.count += (now != nullptr ? 1U : 0U) - (before != nullptr ? 1U : 0U);
  for (const Stored* row = item.first; row != nullptr; row = row->next) {
    if (outranked(row->key(), slot)) continue;
    if (is_answer(*row, slot)) emissions_.push_back({row, now, row->weight});
    rows_.log(item.entry, *row, row->weight);
    keep(item.entry, *row);
  }
}

void PeakJoinOperator::end_step() {
  for (const Retired& old : retired_) release(old.hash, old.stored);
  retired_.clear();
  emissions_.clear();
  next_emission_ = 0;
}

bool PeakJoinOperator::produce(Batch& out) {
  if (!finishing_) return false;
  if (next_emission_ >= emissions_.size()) {
    end_step();
    while (next_dirty_ < dirty_.size() && emissions_.size() < kBatchRowsMax && !host().failed()) {
      settle(dirty_[next_dirty_++]);
    }
    if (emissions_.empty()) {
      for (const Dirty& item : dirty_) {
        item.entry->mark = 0;
        const Slot& slot = item.entry->as<Slot>();
        if (slot.peak != nullptr || slot.count != 0) continue;
        release_array(item.entry);
        table_.erase(item.entry);
      }
      end_step();
      dirty_.clear();
      dirty_partitions_ = 0;
      epoch_arena_.reset();
      finishing_ = false;
      return false;
    }
  }
  out_arena_.reset();
  const auto count =
      static_cast<uint32_t>(std::min<size_t>(emissions_.size() - next_emission_, kBatchRowsMax));
  auto* rows = out_arena_.allocate_array<std::string_view>(count);
  auto* peaks = out_arena_.allocate_array<std::string_view>(count);
  auto* weights = out_arena_.allocate_column<int64_t>(count);
  for (uint32_t i = 0; i < count; ++i) {
    const Emission& emission = emissions_[next_emission_ + i];
    rows[i] = emission.row->row();
    peaks[i] = emission.peak->row();
    weights[i] = emission.weight;
  }
  next_emission_ += count;
  out = Batch();
  out.rows = count;
  out.weights = weights;
  std::vector<Vector> more;
  rows_.codec().unpack({rows, count}, {}, out_arena_, out.columns);
  peaks_.codec().unpack({peaks, count}, {}, out_arena_, more);
  if (!spec_.rows_first) std::swap(out.columns, more);
  out.columns.insert(out.columns.end(), more.begin(), more.end());
  return true;
}

void PeakJoinOperator::reset() {
  end_step();
  for (const Dirty& item : dirty_) {
    if (item.before != nullptr && item.before != item.entry->as<Slot>().peak) {
      release(item.entry->hash, item.before);
    }
  }
  dirty_.clear();
  dirty_partitions_ = 0;
  for (uint32_t p = 0; p < kPartitionCount; ++p) unit_.drop_entries(p);
  table_.clear();
  epoch_arena_.reset();
  rows_.count = peaks_.count = 0;
  next_dirty_ = 0;
  finishing_ = false;
}

void PeakJoinOperator::Side::dump(uint32_t partition, std::string& out,
                                  std::vector<std::string>& pieces) {
  owner_.table_.each(partition, [&](Entry* entry) {
    const Slot& slot = entry->as<Slot>();
    if (port_ == kPeaks) {
      if (slot.peak == nullptr) return;
      append_row(out, slot.peak->row(), 1);
      end_record(out, pieces);
      return;
    }
    for (const Stored* row : slot.kept()) {
      append_row(out, row->row(), row->weight);
      end_record(out, pieces);
    }
  });
}

// Records of one state stand in the order in which they were written, but the two states come one
// after the other: a slot may lack its peak for a while, and nothing is dropped for its sake.
void PeakJoinOperator::Side::absorb(const Batch& batch) {
  PeakJoinOperator& owner = owner_;
  owner.arena_.reset();
  const Keyed in = owner.look_up(port_, batch, port_ == kRows);
  auto* packed = owner.arena_.allocate_array<std::string_view>(in.keys.count + 1);
  codec().pack(in.rows, port_ == kRows ? owner.all_rows_ : owner.all_peaks_, owner.arena_, packed);
  for (uint32_t i = 0; i < in.keys.count; ++i) {
    if (skips(partition_of(in.keys.hashes[i]))) continue;
    Slot& slot = in.entries[i]->as<Slot>();
    const int64_t weight = batch.weight(in.rows.row(i));
    if (port_ == kPeaks) {
      if (slot.peak != nullptr) owner.release(in.keys.hashes[i], slot.peak);
      count += (weight > 0 ? 1U : 0U) - (slot.peak != nullptr ? 1U : 0U);
      slot.peak = weight > 0 ? owner.make(in.keys.hashes[i], in.order[i], packed[i], 1) : nullptr;
      continue;
    }
    if (weight > 0) {
      Stored* row = owner.make(in.keys.hashes[i], in.order[i], packed[i], weight);
      owner.keep(in.entries[i], *row);
      owner.release(in.keys.hashes[i], row);
      continue;
    }
    for (uint32_t r = 0; r < slot.count && weight < 0; ++r) {
      Stored* row = slot.rows[r];
      if (row->weight != -weight || row->row() != packed[i]) continue;
      std::copy(slot.rows + r + 1, slot.rows + slot.count, slot.rows + r);
      --slot.count;
      --count;
      owner.release(in.keys.hashes[i], row);
      break;
    }
  }
  for (uint32_t i = 0; i < in.keys.count; ++i) {
    Entry* entry = in.entries[i];
    if (entry->mark == UINT32_MAX) continue;
    const Slot& slot = entry->as<Slot>();
    if (slot.peak != nullptr || slot.count != 0) continue;
    owner.release_array(entry);
    owner.table_.erase(entry);
  }
}

}  // namespace qw::views
