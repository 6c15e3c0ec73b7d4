// BagCall; see bag.h.
#include "views/operators/bag.h"

#include <cstring>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "views/operators/collect.h"

namespace qw::views {
namespace {

using sql::AggregateKind;

std::vector<uint32_t> stored_columns(const BagCall::Spec& spec) {
  std::vector<uint32_t> columns;
  for (const auto& key : spec.order) columns.push_back(key.column);
  columns.insert(columns.end(), spec.arguments.begin(), spec.arguments.end());
  return columns;
}

std::vector<KeyCodec::Field> order_fields(const BagCall::Spec& spec) {
  std::vector<KeyCodec::Field> fields;
  for (const auto& key : spec.order) fields.push_back({spec.input[key.column], key.order});
  if (spec.spelling) return fields;
  for (const uint32_t argument : spec.arguments) fields.push_back({spec.input[argument], {}});
  return fields;
}

std::vector<Type> result_types(const BagCall::Spec& spec) {
  if (!spec.spelling) return {spec.result};
  return pick_types(spec.input, spec.arguments);
}

}  // namespace

BagCall::BagCall(Spec spec, const KeyEncoder& encoder, KeyedTable& table)
    : spec_(std::move(spec)),
      encoder_(encoder),
      table_(table),
      stored_(stored_columns(spec_)),
      stored_types_(pick_types(spec_.input, stored_)),
      stored_codec_(stored_types_),
      result_codec_(result_types(spec_)),
      order_codec_(order_fields(spec_)),
      first_argument_(static_cast<uint32_t>(spec_.order.size())) {
  for (uint32_t f = 0; f < stored_.size(); ++f) fields_.push_back(f);
  if (spec_.spelling) fields_.resize(0);
}

BagCall::~BagCall() { free_retired(); }

bool BagCall::supports(AggregateKind kind) {
  return is_collected(kind) || kind == AggregateKind::min || kind == AggregateKind::max ||
         kind == AggregateKind::any_value || kind == AggregateKind::sum ||
         kind == AggregateKind::avg;
}

void BagCall::order_keys(const Batch& stored, Arena& arena, std::string_view* out) const {
  if (spec_.spelling) {
    for (uint32_t i = 0; i < stored.size(); ++i) out[i] = {};
    return;
  }
  order_codec_.encode(stored, fields_, arena, out);
}

void BagCall::append_record(std::string& out, const Entry* entry, std::string_view row,
                            int64_t weight) const {
  append_varint(out, zigzag(weight));
  encoder_.append(out, entry->key, entry->hash);
  append_varint(out, row.size());
  out.append(row);
}

void BagCall::update(const Batch& batch, const uint16_t* rows, const int64_t* weights,
                     Entry* const* entries, uint32_t count, Arena& arena) {
  Batch stored;
  stored.rows = batch.rows;
  for (const uint32_t column : stored_) stored.columns.push_back(batch.columns[column]);
  stored.select(rows, count);
  std::vector<uint32_t> all(stored_.size());
  for (uint32_t f = 0; f < all.size(); ++f) all[f] = f;
  auto* packed = arena.allocate_array<std::string_view>(count);
  auto* keys = arena.allocate_array<std::string_view>(count);
  stored_codec_.pack(stored, all, arena, packed);
  order_keys(stored, arena, keys);
  for (uint32_t i = 0; i < count; ++i) {
    if (logging) {
      append_record(log(), entries[i], packed[i], weights[i]);
      end_log_record();
    }
    touch(partition_of(entries[i]->hash));
    apply(entries[i], keys[i], packed[i], weights[i]);
  }
}

void BagCall::apply(Entry* entry, std::string_view order_key, std::string_view row,
                    int64_t weight) {
  Slot& at = slot(entry);
  const size_t before = at.bag == nullptr ? 0 : at.bag->rows.size();
  const int64_t made = at.bag == nullptr ? 1 : 0;
  if (at.bag == nullptr) at.bag = new OrderedBag;  // NOLINT: owned by the slot
  at.bag->change(order_key, row, weight, table_.heap(entry->hash), negative_);
  const auto more = static_cast<int64_t>(at.bag->rows.size()) - static_cast<int64_t>(before);
  rows_ += static_cast<uint64_t>(more);
  count_nodes(entry->hash, made, more);
}

void BagCall::count_nodes(uint64_t hash, int64_t bags, int64_t rows) {
  const auto bytes =
      static_cast<uint64_t>(bags * OrderedBag::kBagBytes + rows * OrderedBag::kNodeBytesPerRow);
  nodes_ += bytes;
  nodes_of_[partition_of(hash)] += bytes;
}

bool BagCall::empty(const Entry* entry) const {
  const auto& at = *reinterpret_cast<const Slot*>(entry->payload() + offset);
  return at.bag == nullptr || at.bag->rows.empty();
}

void BagCall::release(Entry* entry) {
  const Slot& at = slot(entry);
  if (at.bag != nullptr) rows_ -= at.bag->rows.size();
  drop(entry);
}

void BagCall::drop(Entry* entry) {
  Slot& at = slot(entry);
  BlobHeap& heap = table_.heap(entry->hash);
  if (at.bag != nullptr) {
    count_nodes(entry->hash, -1, -static_cast<int64_t>(at.bag->rows.size()));
    at.bag->clear(heap);
    delete at.bag;
  }
  if (at.value != nullptr) {
    heap.release(at.value, at.value_size);
    if (at.value_size >= kLargeValueBytes) values_.shrink(at.value_size);
  }
  at = Slot();
}

void BagCall::free_retired() {
  for (const Retired& old : retired_) {
    table_.heap(old.hash).release(old.bytes, old.size);
    if (old.size >= kLargeValueBytes) values_.shrink(old.size);
  }
  retired_.clear();
}

void BagCall::refresh(Entry* entry, const TextStyle& style, Arena& arena) {
  Slot& at = slot(entry);
  std::string_view value;
  std::string made;
  bool failed = false;
  const bool present = at.bag != nullptr && !at.bag->rows.empty();
  if (present) {
    if (spec_.spelling || spec_.kind == AggregateKind::min ||
        spec_.kind == AggregateKind::any_value) {
      value = (*at.bag->rows.begin())->row();
    } else if (spec_.kind == AggregateKind::max) {
      value = (*at.bag->rows.rbegin())->row();
    } else {
      auto computed = compute(*at.bag, style, arena);
      failed = !computed;
      made = computed ? std::move(*computed)
                      : std::string(computed.error().code().view()) + computed.error().message();
      value = made;
    }
  }
  if (present && at.value != nullptr && (at.failed != 0) == failed &&
      std::string_view(at.value, at.value_size) == value) {
    return;
  }
  // Of large ones there may be more than there is memory for before anybody looks.
  if (value.size() >= kLargeValueBytes) values_.grow(value.size());
  if (at.value != nullptr) retired_.push_back({at.value, at.value_size, entry->hash});
  at.value = nullptr;
  at.failed = failed ? 1 : 0;
  if (!present) return;
  at.value = table_.heap(entry->hash).allocate(value.size());
  at.value_size = value.size();
  std::memcpy(at.value, value.data(), value.size());
}

// Field `field` of all rows in order, each as often as its weight says (once when distinct).
Vector BagCall::stored_column(const OrderedBag& bag, uint32_t field, Arena& arena,
                              uint32_t& count) const {
  std::vector<std::string_view> rows;
  std::string_view last_key;
  for (const BagRow* row : bag.rows) {
    if (spec_.distinct) {
      // Distinct values are one even when spelled differently: the first one counts.
      if (!rows.empty() && row->key() == last_key) continue;
      last_key = row->key();
      rows.push_back(row->row());
      continue;
    }
    for (int64_t copy = 0; copy < row->weight; ++copy) rows.push_back(row->row());
  }
  std::vector<Vector> columns;
  const uint32_t wanted[1] = {field};
  count = static_cast<uint32_t>(rows.size());
  stored_codec_.unpack(rows, wanted, arena, columns);
  return columns[0];
}

Result<std::string> BagCall::compute(const OrderedBag& bag, const TextStyle& style,
                                     Arena& arena) const {
  const Arena::Mark mark = arena.mark();
  uint32_t count = 0;
  std::vector<Vector> arguments;
  for (uint32_t a = 0; a < spec_.arguments.size(); ++a) {
    arguments.push_back(stored_column(bag, first_argument_ + a, arena, count));
  }
  Batch result;
  result.rows = 1;
  result.columns.resize(1);
  const auto made =
      collect({spec_.kind, spec_.result}, arguments, count, style, arena, result.columns[0]);
  std::string out;
  if (made) {
    std::string_view packed;
    const uint32_t columns[1] = {0};
    result_codec_.pack(result, columns, arena, &packed);
    out.assign(packed);
  }
  arena.rewind(mark);
  if (!made) return fail(made.error());
  return out;
}

void BagCall::results(std::span<const char* const> states, Arena& arena, std::vector<Vector>& out,
                      sql::RowErrors& errors) const {
  const auto count = static_cast<uint32_t>(states.size());
  auto* rows = arena.allocate_array<std::string_view>(count);
  // NULLs are unpacked from a row of NULLs.
  const size_t columns = result_codec_.types().size();
  std::string_view nulls;
  {
    Batch batch;
    batch.rows = 1;
    std::vector<uint32_t> all;
    for (uint32_t c = 0; c < columns; ++c) {
      batch.columns.push_back(Vector::null(result_codec_.types()[c], arena));
      all.push_back(c);
    }
    result_codec_.pack(batch, all, arena, &nulls);
  }
  for (uint32_t i = 0; i < count; ++i) {
    const auto& at = *reinterpret_cast<const Slot*>(states[i]);
    const std::string_view value(at.value, at.value == nullptr ? 0 : at.value_size);
    rows[i] = at.value == nullptr || at.failed != 0 ? nulls : value;
    if (at.value == nullptr || at.failed == 0) continue;
    errors.add(i, Error(SqlState::from(value.substr(0, 5)), std::string(value.substr(5))));
  }
  result_codec_.unpack({rows, count}, {}, arena, out);
}

void BagCall::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    const Slot& at = slot(entry);
    if (at.bag == nullptr) return;
    for (const BagRow* row : at.bag->rows) {
      append_record(out, entry, row->row(), row->weight);
      end_record(out, pieces);
    }
  });
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
    Batch stored;
    stored.rows = keys.count;
    stored_codec_.unpack(rows, {}, arena, stored.columns);
    auto* order = arena.allocate_array<std::string_view>(keys.count);
    order_keys(stored, arena, order);
    for (uint32_t i = 0; i < keys.count; ++i) {
      apply(entries[i], order[i], rows[i], weights[i]);
      if (on_replay) on_replay(entries[i]);
    }
  }
  return {};
}

}  // namespace qw::views
