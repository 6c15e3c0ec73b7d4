// NumberBag; see number_bag.h.
#include "views/operators/number_bag.h"

#include "src/base/assert.h"

namespace qw::views {
namespace {

// visit(T()) with the type that the values of `type` have in a vector.
template <typename Visit>
void with_integer(const Type& type, Visit&& visit) {
  switch (type.physical()) {
    case Physical::i16:
      return visit(int16_t{});
    case Physical::i32:
      return visit(int32_t{});
    case Physical::u32:
      return visit(uint32_t{});
    case Physical::i64:
      return visit(int64_t{});
    default:
      QW_ASSERT(false);
  }
}

}  // namespace

bool NumberBag::fits(const Spec& spec) {
  const bool extreme = spec.kind == sql::AggregateKind::min || spec.kind == sql::AggregateKind::max;
  if (!extreme || spec.spelling || spec.arguments.size() != 1) return false;
  const Physical physical = spec.input[spec.arguments[0]].physical();
  return physical == Physical::i16 || physical == Physical::i32 || physical == Physical::u32 ||
         physical == Physical::i64;
}

NumberBag::NumberBag(Spec spec, const KeyEncoder& encoder, KeyedTable& table)
    : BagCall(spec, spec.arguments, encoder, table) {}

void NumberBag::update(const Batch& batch, const uint16_t* rows, const int64_t* weights,
                       Entry* const* entries, uint32_t count, Arena& arena) {
  const Batch stored = stored_columns(batch, rows, count);
  if (logging) {
    pack(stored, weights, entries, arena, arena.allocate_array<std::string_view>(count));
  }
  for (uint32_t i = 0; i < count; ++i) touch(partition_of(entries[i]->hash));
  add(stored, weights, entries);
}

void NumberBag::take_in(std::span<const std::string_view> rows, const int64_t* weights,
                        Entry* const* entries, Arena& arena) {
  Batch stored;
  stored.rows = static_cast<uint32_t>(rows.size());
  stored_codec_.unpack(rows, {}, arena, stored.columns);
  add(stored, weights, entries);
}

void NumberBag::add(const Batch& stored, const int64_t* weights, Entry* const* entries) {
  const Vector& column = stored.columns[0];
  with_integer(column.type, [&](auto type) {
    for (uint32_t i = 0; i < stored.size(); ++i) {
      change(entries[i], static_cast<int64_t>(column.at<decltype(type)>(stored.row(i))),
             weights[i]);
    }
  });
}

void NumberBag::change(Entry* entry, int64_t number, int64_t weight) {
  Slot& at = slot<Slot>(entry);
  if (at.numbers == nullptr) {
    at.numbers = new Numbers;  // NOLINT: owned by the slot
    count_nodes(entry->hash, kNumbersBytes);
  }
  const auto [found, added] = at.numbers->try_emplace(number, 0);
  negative_ -= found->second < 0 ? 1 : 0;
  found->second += weight;
  negative_ += found->second < 0 ? 1 : 0;
  if (found->second == 0) {
    at.numbers->erase(found);
    if (added) return;
    --rows_;
    count_nodes(entry->hash, -kNumberBytes);
  } else if (added) {
    ++rows_;
    count_nodes(entry->hash, kNumberBytes);
  }
}

void NumberBag::refresh(Entry* entry, Host&, Arena&) {
  Slot& at = slot<Slot>(entry);
  at.present = size(entry) > 0 ? 1 : 0;
  if (at.present == 0) return;
  at.value = spec_.kind == sql::AggregateKind::min ? at.numbers->begin()->first
                                                   : at.numbers->rbegin()->first;
}

void NumberBag::results(std::span<const char* const> states, Arena& arena, std::vector<Vector>& out,
                        sql::RowErrors&) const {
  const auto count = static_cast<uint32_t>(states.size());
  Vector column = Vector::flat(spec_.result, count, arena);
  with_integer(column.type, [&](auto type) {
    using T = decltype(type);
    for (uint32_t i = 0; i < count; ++i) {
      const auto& at = *reinterpret_cast<const Slot*>(states[i]);
      column.values<T>()[i] = static_cast<T>(at.value);
      if (at.present == 0) column.set_null(i, count, arena);
    }
  });
  out.push_back(column);
}

uint64_t NumberBag::size(const Entry* entry) const {
  const Slot& at = slot<Slot>(entry);
  return at.numbers == nullptr ? 0 : at.numbers->size();
}

void NumberBag::drop(Entry* entry) {
  Slot& at = slot<Slot>(entry);
  if (at.numbers != nullptr) {
    count_nodes(entry->hash,
                -kNumbersBytes - kNumberBytes * static_cast<int64_t>(at.numbers->size()));
    delete at.numbers;
  }
  at = Slot();
}

void NumberBag::dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) {
  Arena arena;
  std::vector<const Entry*> entries;
  std::vector<int64_t> numbers, weights;
  std::vector<std::string_view> rows(kBatchRowsMax);
  const auto flush = [&] {
    arena.reset();
    Batch stored;
    stored.rows = static_cast<uint32_t>(entries.size());
    stored.columns.push_back(Vector::flat(stored_codec_.types()[0], stored.rows, arena));
    Vector& column = stored.columns[0];
    with_integer(column.type, [&](auto type) {
      using T = decltype(type);
      for (uint32_t i = 0; i < stored.rows; ++i) column.values<T>()[i] = static_cast<T>(numbers[i]);
    });
    stored_codec_.pack(stored, fields_, arena, rows.data());
    for (uint32_t i = 0; i < stored.rows; ++i) {
      append_record(out, entries[i], rows[i], weights[i]);
      end_record(out, pieces);
    }
    entries.clear();
    numbers.clear();
    weights.clear();
  };
  table_.each(partition, [&](Entry* entry) {
    const Slot& at = slot<Slot>(entry);
    if (at.numbers == nullptr) return;
    for (const auto& [number, weight] : *at.numbers) {
      entries.push_back(entry);
      numbers.push_back(number);
      weights.push_back(weight);
      if (entries.size() == kBatchRowsMax) flush();
    }
  });
  if (!entries.empty()) flush();
}

}  // namespace qw::views
