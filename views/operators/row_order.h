// What operators that keep rows in an order share: the fields of its keys, and rows given out.
// Tests: with the users.
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "sql/plan.h"
#include "src/types/key_codec.h"
#include "src/types/row_codec.h"

namespace qw::views {

inline std::vector<KeyCodec::Field> order_fields(const std::vector<Type>& types,
                                                 const std::vector<sql::SortKey>& order) {
  std::vector<KeyCodec::Field> fields;
  for (const auto& key : order) fields.push_back({types[key.column], key.order});
  return fields;
}

inline std::vector<KeyCodec::Field> ascending(const std::vector<Type>& types) {
  std::vector<KeyCodec::Field> fields;
  for (const Type& type : types) fields.push_back({type, {}});
  return fields;
}

// Columns that neither the partition nor the order has: they make the order total.
inline std::vector<uint32_t> rest_of(size_t count, const std::vector<uint32_t>& partition,
                                     const std::vector<sql::SortKey>& order) {
  std::vector<uint32_t> rest;
  for (uint32_t c = 0; c < count; ++c) {
    const bool used = std::find(partition.begin(), partition.end(), c) != partition.end() ||
                      std::any_of(order.begin(), order.end(),
                                  [&](const sql::SortKey& key) { return key.column == c; });
    if (!used) rest.push_back(c);
  }
  return rest;
}

// Rows with weights, and with their numbers when those are asked for. An Emission has row->row(),
// weight and number.
template <typename Emission>
void emit_rows(std::span<const Emission> emissions, const RowCodec& codec, bool numbered,
               Arena& arena, Batch& out) {
  const auto count = static_cast<uint32_t>(emissions.size());
  auto* rows = arena.allocate_array<std::string_view>(count);
  auto* weights = arena.allocate_column<int64_t>(count);
  for (uint32_t i = 0; i < count; ++i) {
    rows[i] = emissions[i].row->row();
    weights[i] = emissions[i].weight;
  }
  out = Batch();
  out.rows = count;
  out.weights = weights;
  codec.unpack({rows, count}, {}, arena, out.columns);
  if (!numbered) return;
  Vector numbers = Vector::flat(TypeId::int8, count, arena);
  for (uint32_t i = 0; i < count; ++i) numbers.values<int64_t>()[i] = emissions[i].number;
  out.columns.push_back(numbers);
}

}  // namespace qw::views
