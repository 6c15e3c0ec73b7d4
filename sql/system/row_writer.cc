// RowWriter: see row_writer.h.
#include "sql/system/row_writer.h"

#include <string>

#include "src/base/assert.h"
#include "src/types/text.h"

namespace qw::sql {
namespace {

Datum zero_of(Type type) {
  switch (type.physical()) {
    case Physical::b1:
      return Datum::of<bool>(type, false);
    case Physical::i1:
      return Datum::of<char>(type, '\0');
    case Physical::i16:
      return Datum::of<int16_t>(type, 0);
    case Physical::i32:
      return Datum::of<int32_t>(type, 0);
    case Physical::i64:
      return Datum::of<int64_t>(type, 0);
    case Physical::u32:
      return Datum::of<uint32_t>(type, 0);
    case Physical::f32:
      return Datum::of<float>(type, 0);
    case Physical::f64:
      return Datum::of<double>(type, 0);
    case Physical::string: {
      // Arrays and vectors have an empty form of their own.
      if (type.category() != 'A') return Datum::of_bytes(type, "");
      auto empty = from_text(type.without_typmod(), type.is_array() ? "{}" : "");
      QW_ASSERT(empty.has_value());
      return std::move(*empty);
    }
    case Physical::wide16:
    case Physical::numeric:
    case Physical::none:
      break;
  }
  return Datum::null(type);
}

}  // namespace

RowWriter::RowWriter(std::string_view schema, std::string_view table)
    : relation_(system_relation(schema, table)) {
  QW_ASSERT(relation_ != nullptr);
  for (const ColumnInfo& column : relation_->columns) {
    blank_.push_back(column.not_null ? zero_of(column.type) : Datum::null(column.type));
  }
}

RowWriter& RowWriter::row() {
  rows_.push_back(blank_);
  return *this;
}

Datum& RowWriter::cell(std::string_view column) {
  QW_ASSERT(!rows_.empty());
  size_t at = 0;
  while (at < relation_->columns.size() && relation_->columns[at].name != column) ++at;
  QW_ASSERT(at < relation_->columns.size());
  return rows_.back()[at];
}

RowWriter& RowWriter::set(std::string_view column, std::string_view text) {
  Datum& datum = cell(column);
  const Type type = datum.type();
  if (type.physical() == Physical::string && type.category() != 'A') {
    datum = Datum::of_bytes(type, text);
    return *this;
  }
  auto value = from_text(type.without_typmod(), text);
  QW_ASSERT(value.has_value());
  datum = value->with_type(type);
  return *this;
}

RowWriter& RowWriter::set(std::string_view column, bool value) {
  Datum& datum = cell(column);
  if (datum.type().id == TypeId::boolean) {
    datum = Datum::boolean(value);
    return *this;
  }
  return set(column, std::string_view(value ? "YES" : "NO"));  // information_schema.yes_or_no
}

RowWriter& RowWriter::set(std::string_view column, char value) {
  Datum& datum = cell(column);
  datum = Datum::of<char>(datum.type(), value);
  return *this;
}

RowWriter& RowWriter::set(std::string_view column, int64_t value) {
  Datum& datum = cell(column);
  const Type type = datum.type();
  switch (type.physical()) {
    case Physical::i16:
      datum = Datum::of(type, static_cast<int16_t>(value));
      break;
    case Physical::i32:
      datum = Datum::of(type, static_cast<int32_t>(value));
      break;
    case Physical::i64:
      datum = Datum::of(type, value);
      break;
    case Physical::u32:
      datum = Datum::of(type, static_cast<uint32_t>(value));
      break;
    case Physical::f32:
      datum = Datum::of(type, static_cast<float>(value));
      break;
    case Physical::f64:
      datum = Datum::of(type, static_cast<double>(value));
      break;
    case Physical::b1:
    case Physical::i1:
    case Physical::wide16:
    case Physical::numeric:
    case Physical::string:
    case Physical::none:
      QW_UNREACHABLE();
  }
  return *this;
}

}  // namespace qw::sql
