// InList: see in_list.h. Tests: tests/unit/sql_expr/program_test.cc.
#include "sql/expr/in_list.h"

#include "src/types/batch.h"

namespace qw::sql {
namespace {

int64_t integer_at(const Vector& vector, uint32_t slot) {
  switch (vector.type.physical()) {
    case Physical::b1:
      return vector.values<bool>()[slot] ? 1 : 0;
    case Physical::i1:
      return vector.values<int8_t>()[slot];
    case Physical::i16:
      return vector.values<int16_t>()[slot];
    case Physical::i32:
      return vector.values<int32_t>()[slot];
    case Physical::u32:
      return vector.values<uint32_t>()[slot];
    case Physical::i64:
      return vector.values<int64_t>()[slot];
    case Physical::f32:
    case Physical::f64:
    case Physical::wide16:
    case Physical::numeric:
    case Physical::string:
    case Physical::none:
      break;
  }
  QW_UNREACHABLE();
}

bool bytes_are_identity(Type type) {
  return type.id == TypeId::text || type.id == TypeId::varchar || type.id == TypeId::bytea ||
         type.id == TypeId::name;
}

template <typename Body>
void for_rows(uint32_t rows, const uint16_t* selection, uint32_t selected, Body&& body) {
  if (selection == nullptr) {
    for (uint32_t row = 0; row < rows; ++row) body(row, row);
  } else {
    for (uint32_t i = 0; i < selected; ++i) body(selection[i], i);
  }
}

}  // namespace

InList::InList(Type type, std::span<const Datum> values) : type_(type) {
  switch (type.physical()) {
    case Physical::b1:
    case Physical::i1:
    case Physical::i16:
    case Physical::i32:
    case Physical::u32:
    case Physical::i64:
      how_ = How::integer;
      break;
    case Physical::string:
      how_ = bytes_are_identity(type) ? How::bytes : How::packed;
      break;
    case Physical::f32:
    case Physical::f64:
    case Physical::wide16:
    case Physical::numeric:
    case Physical::none:
      how_ = How::packed;
      break;
  }
  uint64_t size = 16;
  while (size < values.size() * 2) size *= 2;
  mask_ = size - 1;
  if (how_ == How::integer) {
    table_.assign(size, 0);
    used_.assign(size, false);
  }
  if (how_ == How::packed) codec_ = std::make_unique<RowCodec>(std::vector<Type>{type});
  Arena arena;
  for (const Datum& value : values) {
    if (value.is_null()) {
      has_null_ = true;
      continue;
    }
    const Vector vector = value.to_vector(arena);
    if (how_ == How::integer) {
      const int64_t number = integer_at(vector, 0);
      uint64_t at = hash_u64(static_cast<uint64_t>(number)) & mask_;
      while (used_[at] && table_[at] != number) at = (at + 1) & mask_;
      used_[at] = true;
      table_[at] = number;
    } else if (how_ == How::bytes) {
      bytes_.emplace(value.bytes());
    } else {
      Batch batch;
      batch.rows = 1;
      batch.columns.push_back(vector);
      const uint32_t column = 0;
      std::string_view key;
      codec_->pack_keys(batch, {&column, 1}, arena, &key);
      bytes_.emplace(key);
    }
  }
}

bool InList::contains(int64_t value) const {
  for (uint64_t at = hash_u64(static_cast<uint64_t>(value)) & mask_; used_[at];
       at = (at + 1) & mask_) {
    if (table_[at] == value) return true;
  }
  return false;
}

void InList::find(const Vector& vector, uint32_t rows, const uint16_t* selection, uint32_t selected,
                  Arena& arena, bool* found) const {
  switch (how_) {
    case How::integer:
      for_rows(rows, selection, selected, [&](uint32_t row, uint32_t) {
        found[row] = !vector.is_null(row) && contains(integer_at(vector, vector.slot(row)));
      });
      return;
    case How::bytes:
      for_rows(rows, selection, selected, [&](uint32_t row, uint32_t) {
        found[row] = !vector.is_null(row) && bytes_.contains(vector.at<Str>(row).view());
      });
      return;
    case How::packed: {
      Batch batch;
      batch.rows = rows;
      batch.columns.push_back(vector);
      if (selection != nullptr) batch.select(selection, selected);
      auto* keys = new (arena.allocate(sizeof(std::string_view) * (batch.size() + 1)))
          std::string_view[batch.size() + 1];
      const uint32_t column = 0;
      codec_->pack_keys(batch, {&column, 1}, arena, keys);
      for_rows(rows, selection, selected, [&](uint32_t row, uint32_t i) {
        found[row] = !vector.is_null(row) && bytes_.contains(keys[i]);
      });
      return;
    }
  }
}

}  // namespace qw::sql
