// RelationLayout: see relation_layout.h.
#include "src/engine/relation_layout.h"

#include <numeric>
#include <string_view>
#include <vector>

#include "src/base/assert.h"
#include "src/base/bytes.h"

namespace qw::engine {
namespace {

std::vector<Type> column_types(const sql::Relation& relation) {
  std::vector<Type> types;
  for (const sql::ColumnInfo& column : relation.columns) types.push_back(column.type);
  return types;
}

KeyMode choose_mode(const sql::Relation& relation) {
  if (choose_key(relation).keyed) return KeyMode::keyed;
  return relation.append_only ? KeyMode::sequence : KeyMode::multiset;
}

}  // namespace

ChosenKey choose_key(const sql::Relation& relation) {
  if (!relation.primary_key.empty()) return {true, relation.primary_key};
  if (relation.kind != sql::RelationKind::materialized_view) return {};
  // The key with the fewest columns; an empty key (a global aggregate) holds one row.
  const std::vector<uint32_t>* best = nullptr;
  for (const std::vector<uint32_t>& key : relation.unique_keys) {
    if (best == nullptr || key.size() < best->size()) best = &key;
  }
  if (best == nullptr) return {};
  return {true, *best};
}

std::vector<KeyCodec::Field> RelationLayout::key_fields(const sql::Relation& relation,
                                                        std::span<const uint32_t> columns) {
  std::vector<KeyCodec::Field> fields;
  for (const uint32_t column : columns) fields.push_back({relation.columns[column].type, {}});
  return fields;
}

RelationLayout::RelationLayout(const sql::Relation& relation)
    : id_(relation.id),
      types_(column_types(relation)),
      key_columns_(choose_key(relation).columns),
      mode_(choose_mode(relation)),
      keys_(key_fields(relation, key_columns_)),
      rows_(types_),
      all_columns_(types_.size()) {
  std::iota(all_columns_.begin(), all_columns_.end(), 0U);
}

void RelationLayout::pack(const Batch& batch, Arena& arena, std::string_view* out) const {
  QW_ASSERT(batch.columns.size() == types_.size());
  rows_.pack(batch, all_columns_, arena, out);
}

void RelationLayout::encode_keys(const Batch& batch, Arena& arena, std::string_view* out) const {
  encode_keys(batch, key_columns_, arena, out);
}

void RelationLayout::encode_keys(const Batch& batch, std::span<const uint32_t> columns,
                                 Arena& arena, std::string_view* out) const {
  QW_ASSERT(mode_ == KeyMode::keyed);
  QW_ASSERT(columns.size() == key_columns_.size());
  keys_.encode(batch, columns, arena, out);
}

void RelationLayout::decode(std::span<const storage::RowView> entries,
                            std::span<const uint32_t> fields, Arena& arena, Batch& out) const {
  QW_ASSERT(entries.size() <= kBatchRowsMax);
  auto* packed = arena.allocate_array<std::string_view>(entries.size());
  const bool counted = mode_ == KeyMode::multiset;
  int64_t* weights = counted ? arena.allocate_array<int64_t>(entries.size()) : nullptr;
  for (size_t i = 0; i < entries.size(); ++i) {
    packed[i] = counted ? entries[i].key : entries[i].row;
    if (counted) {
      QW_ASSERT(entries[i].row.size() == sizeof(int64_t));
      weights[i] = load<int64_t>(entries[i].row.data());
    }
  }
  out = Batch();
  out.rows = static_cast<uint32_t>(entries.size());
  out.weights = weights;
  // count(*) asks for no column; to the codec, no field would mean all.
  if (!fields.empty()) rows_.unpack({packed, entries.size()}, fields, arena, out.columns);
}

void RelationLayout::unpack(std::span<const std::string_view> packed, Arena& arena,
                            Batch& out) const {
  out = Batch();
  out.rows = static_cast<uint32_t>(packed.size());
  rows_.unpack(packed, all_columns_, arena, out.columns);
}

}  // namespace qw::engine
