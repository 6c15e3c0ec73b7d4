// RowWriter: rows of a system relation, set by column name.
//
// A column that is not set is NULL, or its type's zero where PostgreSQL declares it NOT NULL.
// Values are given as a number, a boolean or text and take the column's type. One thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/system_catalog.h"

namespace qw::sql {

class RowWriter {
 public:
  // Asserts that the relation exists.
  RowWriter(std::string_view schema, std::string_view table);

  RowWriter& row();
  RowWriter& set(std::string_view column, std::string_view text);
  RowWriter& set(std::string_view column, const char* text) {
    return set(column, std::string_view(text));
  }
  RowWriter& set(std::string_view column, const std::string& text) {
    return set(column, std::string_view(text));
  }
  RowWriter& set(std::string_view column, bool value);
  RowWriter& set(std::string_view column, char value);
  RowWriter& set(std::string_view column, int64_t value);
  RowWriter& set(std::string_view column, int32_t value) { return set(column, int64_t{value}); }
  RowWriter& set(std::string_view column, uint32_t value) { return set(column, int64_t{value}); }
  RowWriter& set(std::string_view column, int16_t value) { return set(column, int64_t{value}); }
  RowWriter& set(std::string_view column, size_t value) {
    return set(column, static_cast<int64_t>(value));
  }
  RowWriter& set(std::string_view column, ObjectId value) {
    return set(column, int64_t{value.value});
  }
  std::vector<SystemRow> take() { return std::move(rows_); }

 private:
  Datum& cell(std::string_view column);

  const Relation* relation_;
  SystemRow blank_;
  std::vector<SystemRow> rows_;
};

}  // namespace qw::sql
