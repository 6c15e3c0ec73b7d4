// BagCall; see bag.h.
#include "views/operators/bag.h"

#include "views/operators/collect.h"
#include "views/operators/number_bag.h"
#include "views/operators/row_bag.h"
#include "views/state/varint.h"

namespace qw::views {

using sql::AggregateKind;

bool BagCall::supports(AggregateKind kind) {
  return is_collected(kind) || kind == AggregateKind::min || kind == AggregateKind::max ||
         kind == AggregateKind::any_value || kind == AggregateKind::sum ||
         kind == AggregateKind::avg;
}

std::unique_ptr<BagCall> BagCall::make(Spec spec, const KeyEncoder& encoder, KeyedTable& table) {
  if (NumberBag::fits(spec)) return std::make_unique<NumberBag>(std::move(spec), encoder, table);
  return std::make_unique<RowBag>(std::move(spec), encoder, table);
}

BagCall::BagCall(Spec spec, std::vector<uint32_t> stored, const KeyEncoder& encoder,
                 KeyedTable& table)
    : spec_(std::move(spec)),
      table_(table),
      stored_(std::move(stored)),
      stored_codec_(pick_types(spec_.input, stored_)),
      encoder_(encoder) {
  for (uint32_t f = 0; f < stored_.size(); ++f) fields_.push_back(f);
}

void BagCall::release(Entry* entry) {
  rows_ -= size(entry);
  drop(entry);
}

Batch BagCall::stored_columns(const Batch& batch, const uint16_t* rows, uint32_t count) const {
  Batch stored;
  stored.rows = batch.rows;
  for (const uint32_t column : stored_) stored.columns.push_back(batch.columns[column]);
  stored.select(rows, count);
  return stored;
}

void BagCall::pack(const Batch& stored, const int64_t* weights, Entry* const* entries, Arena& arena,
                   std::string_view* out) {
  stored_codec_.pack(stored, fields_, arena, out);
  if (!logging) return;
  for (uint32_t i = 0; i < stored.size(); ++i) {
    append_record(log(), entries[i], out[i], weights[i]);
    end_log_record();
  }
}

void BagCall::append_record(std::string& out, const Entry* entry, std::string_view row,
                            int64_t weight) const {
  append_varint(out, zigzag(weight));
  encoder_.append(out, entry->key, entry->hash);
  append_varint(out, row.size());
  out.append(row);
}

void BagCall::count_nodes(uint64_t hash, int64_t bytes) {
  nodes_ += static_cast<uint64_t>(bytes);
  nodes_of_[partition_of(hash)] += static_cast<uint64_t>(bytes);
}

Result<void> BagCall::replay(std::string_view records) {
  Arena arena;
  const auto damaged = [] { return fail(data_corrupted("state record is damaged")); };
  while (!records.empty()) {
    arena.reset();
    std::vector<std::string_view> rows;
    std::vector<int64_t> weights;
    KeyBatch keys;
    keys.words = arena.allocate_array<KeyWords>(kBatchRowsMax);
    keys.hashes = arena.allocate_array<uint64_t>(kBatchRowsMax);
    while (!records.empty() && keys.count < kBatchRowsMax) {
      const auto weight = read_varint(records);
      const auto key = encoder_.take(records);
      if (!weight || !key) return damaged();
      const auto row_size = read_varint(records);
      if (!row_size || *row_size > records.size()) return damaged();
      const std::string_view row = records.substr(0, *row_size);
      records.remove_prefix(*row_size);
      if (!stored_codec_.valid(row)) return damaged();
      if (skips(partition_of(key->hash))) continue;
      keys.words[keys.count] = key->words;
      keys.hashes[keys.count++] = key->hash;
      rows.push_back(row);
      weights.push_back(unzigzag(*weight));
    }
    if (keys.count == 0) continue;
    auto* entries = arena.allocate_array<Entry*>(keys.count);
    table_.find_or_add(keys, entries);
    take_in(rows, weights.data(), entries, arena);
  }
  return {};
}

}  // namespace qw::views
