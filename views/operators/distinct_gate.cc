// DistinctGate; see distinct_gate.h.
#include "views/operators/distinct_gate.h"

#include "src/base/bytes.h"

namespace qw::views {
namespace {

void append_record(std::string& out, uint32_t filter, int64_t weight, std::string_view key) {
  append_varint(out, filter);
  append_varint(out, zigzag(weight));
  append_varint(out, key.size());
  out.append(key);
}

}  // namespace

std::string_view DistinctGate::key_bytes(const KeyWords& words) const {
  return encoder_.packed() ? words.bytes()
                           : std::string_view(reinterpret_cast<const char*>(&words), sizeof(words));
}

void DistinctGate::change(Entry* entry, uint32_t filter, int64_t weight, int64_t* effective) {
  int64_t& count = reinterpret_cast<int64_t*>(entry->payload())[filter];
  const int64_t before = count;
  count += weight;
  negative_ += (count < 0 ? 1 : 0) - (before < 0 ? 1 : 0);
  if (effective != nullptr) *effective = (count > 0 ? 1 : 0) - (before > 0 ? 1 : 0);
}

void DistinctGate::erase_if_empty(Entry* entry) {
  if (entry->mark == UINT32_MAX) return;
  const auto* counts = reinterpret_cast<const int64_t*>(entry->payload());
  for (uint32_t f = 0; f < filters_; ++f) {
    if (counts[f] != 0) return;
  }
  table_.erase(entry);
}

void DistinctGate::pass(const Batch& batch, const uint16_t* rows, const int64_t* weights,
                        uint32_t count, uint32_t filter, Arena& arena, int64_t* effective) {
  Batch picked = batch;
  picked.select(rows, count);
  KeyBatch keys;
  encoder_.encode(picked, columns_, arena, keys);
  auto* entries = arena.allocate_array<Entry*>(count);
  table_.find_or_add(keys, entries);
  for (uint32_t i = 0; i < count; ++i) {
    if (logging) {
      append_record(log(), filter, weights[i], key_bytes(keys.words[i]));
      end_log_record();
    }
    touch(partition_of(keys.hashes[i]));
    change(entries[i], filter, weights[i], &effective[i]);
  }
  for (uint32_t i = 0; i < count; ++i) erase_if_empty(entries[i]);
}

void DistinctGate::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    const auto* counts = reinterpret_cast<const int64_t*>(entry->payload());
    for (uint32_t f = 0; f < filters_; ++f) {
      if (counts[f] == 0) continue;
      append_record(out, f, counts[f], key_bytes(entry->key));
      end_record(out, pieces);
    }
  });
}

Result<void> DistinctGate::replay(std::string_view records) {
  while (!records.empty()) {
    const auto filter = read_varint(records);
    const auto weight = read_varint(records);
    const auto size = read_varint(records);
    if (!filter || *filter >= filters_ || !weight || !size || *size > records.size() ||
        (!encoder_.packed() && *size != sizeof(KeyWords))) {
      return fail(data_corrupted("state record is damaged"));
    }
    const std::string_view bytes = records.substr(0, *size);
    records.remove_prefix(*size);
    KeyWords words = encoder_.packed() ? KeyWords::of(bytes) : qw::load<KeyWords>(bytes.data());
    uint64_t hash = encoder_.hash(words);
    if (skips(partition_of(hash))) continue;
    Entry* entry = nullptr;
    table_.find_or_add({1, &words, &hash}, &entry);
    change(entry, static_cast<uint32_t>(*filter), unzigzag(*weight), nullptr);
    erase_if_empty(entry);
  }
  return {};
}

}  // namespace qw::views
