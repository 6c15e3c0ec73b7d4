// RowBag; see row_bag.h.
#include "views/operators/row_bag.h"

#include <cstring>
#include <numeric>

#include "views/operators/collect.h"

namespace qw::views {
namespace {

using sql::AggregateKind;

std::vector<uint32_t> stored_columns_of(const BagCall::Spec& spec) {
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

RowBag::RowBag(Spec spec, const KeyEncoder& encoder, KeyedTable& table)
    : BagCall(spec, stored_columns_of(spec), encoder, table),
      result_codec_(result_types(spec_)),
      order_codec_(order_fields(spec_)),
      first_argument_(static_cast<uint32_t>(spec_.order.size())) {
  if (!spec_.spelling) ordered_ = fields_;
}

RowBag::~RowBag() { free_retired(); }

void RowBag::order_keys(const Batch& stored, Arena& arena, std::string_view* out) const {
  if (spec_.spelling) {
    for (uint32_t i = 0; i < stored.size(); ++i) out[i] = {};
    return;
  }
  order_codec_.encode(stored, ordered_, arena, out);
}

void RowBag::update(const Batch& batch, const uint16_t* rows, const int64_t* weights,
                    Entry* const* entries, uint32_t count, Arena& arena) {
  const Batch stored = stored_columns(batch, rows, count);
  auto* packed = arena.allocate_array<std::string_view>(count);
  auto* keys = arena.allocate_array<std::string_view>(count);
  pack(stored, weights, entries, arena, packed);
  order_keys(stored, arena, keys);
  for (uint32_t i = 0; i < count; ++i) {
    touch(partition_of(entries[i]->hash));
    apply(entries[i], keys[i], packed[i], weights[i]);
  }
}

void RowBag::apply(Entry* entry, std::string_view order_key, std::string_view row, int64_t weight) {
  Slot& at = slot<Slot>(entry);
  const size_t before = at.bag == nullptr ? 0 : at.bag->rows.size();
  const int64_t made = at.bag == nullptr ? 1 : 0;
  if (at.bag == nullptr) at.bag = new OrderedBag;  // NOLINT: owned by the slot
  at.bag->change(order_key, row, weight, table_.heap(entry->hash), negative_);
  const auto more = static_cast<int64_t>(at.bag->rows.size()) - static_cast<int64_t>(before);
  rows_ += static_cast<uint64_t>(more);
  count_rows(entry->hash, made, more);
}

void RowBag::count_rows(uint64_t hash, int64_t bags, int64_t rows) {
  count_nodes(hash, bags * OrderedBag::kBagBytes + rows * OrderedBag::kNodeBytesPerRow);
}

uint64_t RowBag::size(const Entry* entry) const {
  const Slot& at = slot<Slot>(entry);
  return at.bag == nullptr ? 0 : at.bag->rows.size();
}

void RowBag::drop(Entry* entry) {
  Slot& at = slot<Slot>(entry);
  BlobHeap& heap = table_.heap(entry->hash);
  if (at.bag != nullptr) {
    count_rows(entry->hash, -1, -static_cast<int64_t>(at.bag->rows.size()));
    at.bag->clear(heap);
    delete at.bag;
  }
  if (at.value != nullptr) {
    heap.release(at.value, at.value_size);
    if (at.value_size >= kLargeValueBytes) values_.shrink(at.value_size);
  }
  at = Slot();
}

void RowBag::free_retired() {
  for (const Retired& old : retired_) {
    table_.heap(old.hash).release(old.bytes, old.size);
    if (old.size >= kLargeValueBytes) values_.shrink(old.size);
  }
  retired_.clear();
}

void RowBag::refresh(Entry* entry, Host& host, Arena& arena) {
  Slot& at = slot<Slot>(entry);
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
      const Arena::Mark mark = arena.mark();
      const bool fits = host.within_memory([&] {
        auto computed = compute(*at.bag, host.context().style, arena);
        failed = !computed;
        made = computed ? std::move(*computed)
                        : std::string(computed.error().code().view()) + computed.error().message();
      });
      arena.rewind(mark);
      if (!fits) return;
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

// The rows that count, in order: distinct values are one even when spelled differently, and the
// first one counts.
std::vector<std::string_view> RowBag::counted(const OrderedBag& bag,
                                              std::vector<int64_t>& copies) const {
  std::vector<std::string_view> rows;
  std::string_view last_key;
  bool repeated = false;
  for (const BagRow* row : bag.rows) {
    if (row->weight <= 0) continue;
    if (spec_.distinct && !rows.empty() && row->key() == last_key) continue;
    last_key = row->key();
    rows.push_back(row->row());
    copies.push_back(spec_.distinct ? 1 : row->weight);
    repeated = repeated || copies.back() != 1;
  }
  if (!repeated) copies.clear();
  return rows;
}

Result<std::string> RowBag::compute(const OrderedBag& bag, const TextStyle& style,
                                    Arena& arena) const {
  std::vector<int64_t> copies;
  const std::vector<std::string_view> rows = counted(bag, copies);
  std::vector<uint32_t> wanted(spec_.arguments.size());
  std::iota(wanted.begin(), wanted.end(), first_argument_);
  Collected from;
  std::vector<Vector> arguments;
  stored_codec_.unpack(rows, wanted, arena, arguments);
  from.arguments = arguments;
  from.rows = static_cast<uint32_t>(rows.size());
  from.copies = copies.empty() ? nullptr : copies.data();
  Batch result;
  result.rows = 1;
  result.columns.resize(1);
  QW_TRY(collect({spec_.kind, spec_.result}, from, style, arena, result.columns[0]));
  std::string_view packed;
  const uint32_t columns[1] = {0};
  result_codec_.pack(result, columns, arena, &packed);
  // It is copied into the state, the view's output and the epoch's log.
  MemoryScope::expect(packed.size() * kTimesCopied);
  return std::string(packed);
}

void RowBag::results(std::span<const char* const> states, Arena& arena, std::vector<Vector>& out,
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

void RowBag::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  table_.each(partition, [&](Entry* entry) {
    const Slot& at = slot<Slot>(entry);
    if (at.bag == nullptr) return;
    for (const BagRow* row : at.bag->rows) {
      append_record(out, entry, row->row(), row->weight);
      end_record(out, pieces);
    }
  });
}

void RowBag::take_in(std::span<const std::string_view> rows, const int64_t* weights,
                     Entry* const* entries, Arena& arena) {
  Batch stored;
  stored.rows = static_cast<uint32_t>(rows.size());
  stored_codec_.unpack(rows, {}, arena, stored.columns);
  auto* keys = arena.allocate_array<std::string_view>(stored.rows);
  order_keys(stored, arena, keys);
  for (uint32_t i = 0; i < stored.rows; ++i) apply(entries[i], keys[i], rows[i], weights[i]);
}

}  // namespace qw::views
