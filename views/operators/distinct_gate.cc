// DistinctGate; see distinct_gate.h.
#include "views/operators/distinct_gate.h"

#include <algorithm>

namespace qw::views {
void DistinctGate::change(Entry* entry, uint32_t filter, int64_t weight, int64_t* effective) {
  if (bits_) {
    uint64_t& bits = entry->as<uint64_t>();
    const uint64_t bit = uint64_t{1} << filter;
    if (effective != nullptr) *effective = (bits & bit) == 0 ? 1 : 0;
    bits |= bit;
    return;
  }
  int64_t& count = reinterpret_cast<int64_t*>(entry->payload())[filter];
  const int64_t before = count;
  count += weight;
  negative_ += (count < 0 ? 1 : 0) - (before < 0 ? 1 : 0);
  if (effective != nullptr) *effective = (count > 0 ? 1 : 0) - (before > 0 ? 1 : 0);
}

void DistinctGate::erase_if_empty(Entry* entry) {
  if (entry->mark == UINT32_MAX) return;
  const auto* counts = reinterpret_cast<const int64_t*>(entry->payload());
  for (uint32_t f = 0; f < (bits_ ? 1 : filters_); ++f) {
    if (counts[f] != 0) return;
  }
  table_.erase(entry);
}

void DistinctGate::begin(const Batch& batch, const Vector& groups, Arena& arena) {
  const uint32_t count = batch.size();
  arena_ = &arena;
  passed_.assign(filters_, nullptr);
  group_of_ = arena.allocate_array<uint16_t>(count + 1);
  const Vector& value = batch.columns[arguments_.back()];
  Batch picked;
  picked.rows = batch.rows;
  picked.selection = batch.selection;
  picked.selected = batch.selected;
  picked.columns.push_back(groups);
  std::vector<uint32_t> columns{0};
  for (const uint32_t argument : arguments_) {
    columns.push_back(static_cast<uint32_t>(picked.columns.size()));
    picked.columns.push_back(batch.columns[argument]);
  }
  uint16_t* live = nullptr;
  if (value.validity != nullptr) {
    auto* rows = arena.allocate_array<uint16_t>(count + 1);
    live = arena.allocate_array<uint16_t>(count + 1);
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; ++i) {
      const uint32_t row = batch.row(i);
      rows[used] = static_cast<uint16_t>(row);
      live[used] = static_cast<uint16_t>(i);
      used += value.is_null(row) ? 0U : 1U;
    }
    picked.select(rows, used);
  }
  KeyBatch keys;
  encoder_.encode(picked, columns, arena, keys);
  group_keys(keys, encoder_.packed(), arena, groups_);
  entries_ = arena.allocate_array<Entry*>(groups_.keys.count + 1);
  table_.find_or_add(groups_.keys, entries_, KeyedTable::Distinct::yes);
  set_ = arena.allocate_array<uint64_t>(groups_.keys.count + 1);
  std::fill_n(set_, groups_.keys.count, 0);
  if (live == nullptr) {
    group_of_ = groups_.of;
  } else {
    for (uint32_t i = 0; i < keys.count; ++i) group_of_[live[i]] = groups_.of[i];
  }
}

int64_t* DistinctGate::pass(const uint16_t* live, const int64_t* weights, uint32_t count,
                            uint32_t filter) {
  if (passed_[filter] != nullptr) return passed_[filter];
  auto* effective = arena_->allocate_array<int64_t>(count);
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t group = group_of_[live[i]];
    const int64_t weight = weights == nullptr ? 1 : weights[i];
    if (bits_ && weight < 0) return nullptr;
    change(entries_[group], filter, weight, &effective[i]);
    if (bits_) {
      set_[group] |= static_cast<uint64_t>(effective[i]) << filter;
      continue;
    }
    if (logging) {
      append_varint(log(), filter);
      append_varint(log(), zigzag(weight));
      encoder_.append(log(), groups_.keys.words[group], groups_.keys.hashes[group]);
      end_log_record();
    }
    touch(partition_of(groups_.keys.hashes[group]));
  }
  passed_[filter] = effective;
  return effective;
}

void DistinctGate::end() {
  for (uint32_t g = 0; g < groups_.keys.count; ++g) {
    if (set_[g] == 0) {
      erase_if_empty(entries_[g]);
      continue;
    }
    touch(partition_of(groups_.keys.hashes[g]));
    if (!logging) continue;
    append_varint(log(), set_[g]);
    encoder_.append(log(), groups_.keys.words[g], groups_.keys.hashes[g]);
    end_log_record();
  }
}

void DistinctGate::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    if (bits_) {
      append_varint(out, entry->as<uint64_t>());
      encoder_.append(out, entry->key, entry->hash);
      end_record(out, pieces);
      return;
    }
    const auto* counts = reinterpret_cast<const int64_t*>(entry->payload());
    for (uint32_t f = 0; f < filters_; ++f) {
      if (counts[f] == 0) continue;
      append_varint(out, f);
      append_varint(out, zigzag(counts[f]));
      encoder_.append(out, entry->key, entry->hash);
      end_record(out, pieces);
    }
  });
}

// The entry of the key in front of `records`, made if need be, and null for one of another part;
// the key is taken off.
Result<Entry*> DistinctGate::replay_key(std::string_view& records) {
  auto key = encoder_.take(records);
  if (!key) return fail(data_corrupted("state record is damaged"));
  if (skips(partition_of(key->hash))) return nullptr;
  return table_.find_or_add(key->words, key->hash);
}

Result<void> DistinctGate::replay_bits(std::string_view records) {
  while (!records.empty()) {
    const auto bits = read_varint(records);
    if (!bits) return fail(data_corrupted("state record is damaged"));
    QW_ASSIGN_OR_RETURN(Entry * entry, replay_key(records));
    if (entry != nullptr) entry->as<uint64_t>() |= *bits;
  }
  return {};
}

Result<void> DistinctGate::replay(std::string_view records) {
  if (bits_) return replay_bits(records);
  while (!records.empty()) {
    const auto filter = read_varint(records);
    const auto weight = read_varint(records);
    if (!filter || *filter >= filters_ || !weight) {
      return fail(data_corrupted("state record is damaged"));
    }
    QW_ASSIGN_OR_RETURN(Entry * entry, replay_key(records));
    if (entry == nullptr) continue;
    change(entry, static_cast<uint32_t>(*filter), unzigzag(*weight), nullptr);
    erase_if_empty(entry);
  }
  return {};
}

}  // namespace qw::views
