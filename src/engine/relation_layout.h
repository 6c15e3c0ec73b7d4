// RelationLayout: how the rows of a table or view lie in the row store.
//
//   keyed      key = memcomparable primary (or proven unique) key, value = packed row
//   sequence   key = 8 bytes, big-endian, counting up; value = packed rows (row_blocks.h). For
//   append-only relations
//              without a key: rows arrive beyond the last key, which is the cheapest write there is
//   multiset   key = packed row, value = 8 bytes count. For everything else without a key
//
// Immutable; any thread. Tests: tests/unit/engine/relation_layout_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/catalog.h"
#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/batch.h"
#include "src/types/key_codec.h"
#include "src/types/row_codec.h"
#include "storage/rows.h"

namespace qw::engine {

enum class KeyMode : uint8_t { keyed, sequence, multiset };

class RelationLayout {
 public:
  explicit RelationLayout(const sql::Relation& relation);

  ObjectId id() const { return id_; }
  KeyMode mode() const { return mode_; }
  const std::vector<Type>& types() const { return types_; }
  std::span<const uint32_t> key_columns() const { return key_columns_; }
  const KeyCodec& keys() const { return keys_; }
  const RowCodec& rows() const { return rows_; }

  // Packed rows of the live rows of a batch that has all columns in order.
  void pack(const Batch& batch, Arena& arena, std::string_view* out) const;
  // Keys of a keyed relation, from a batch with all columns or, with `columns`, from those.
  void encode_keys(const Batch& batch, Arena& arena, std::string_view* out) const;
  void encode_keys(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                   std::string_view* out) const;

  // Every column, in order: what decode() wants for whole rows.
  std::span<const uint32_t> all_columns() const { return all_columns_; }
  // Stored entries as a batch of the columns asked for, weights where counts are.
  void decode(std::span<const storage::RowView> entries, std::span<const uint32_t> fields,
              Arena& arena, Batch& out) const;
  // Packed rows as a batch of all columns.
  void unpack(std::span<const std::string_view> packed, Arena& arena, Batch& out) const;

 private:
  static std::vector<KeyCodec::Field> key_fields(const sql::Relation& relation,
                                                 std::span<const uint32_t> columns);
  ObjectId id_;
  std::vector<Type> types_;
  std::vector<uint32_t> key_columns_;
  KeyMode mode_;
  KeyCodec keys_;
  RowCodec rows_;
  std::vector<uint32_t> all_columns_;
};

// Which columns are the key of a stored relation; empty and false = none.
struct ChosenKey {
  bool keyed = false;
  std::vector<uint32_t> columns;
};
ChosenKey choose_key(const sql::Relation& relation);

}  // namespace qw::engine
