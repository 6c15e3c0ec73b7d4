// Shapes of PostgreSQL's own relations, from shapes.inc; rows that never change, from rows.inc.
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/system/system_table.h"
#include "src/base/assert.h"
#include "src/types/text.h"

namespace qw::sql {
namespace {

struct Shape {
  uint32_t oid;
  std::string_view schema, name;
  char kind;
  std::string_view columns;  // "name:type name:type! name:varchar(7)"
};
constexpr Shape kShapes[] = {
#include "sql/system/shapes.inc"
};

struct FixedRows {
  std::string_view table, lines;
};
constexpr FixedRows kFixedRows[] = {
#include "sql/system/rows.inc"
};

std::string_view take_word(std::string_view& text, char separator) {
  const size_t end = text.find(separator);
  const std::string_view word = text.substr(0, end);
  text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  return word;
}

ColumnInfo column_of(std::string_view text) {
  ColumnInfo column;
  column.name = take_word(text, ':');
  if (text.ends_with('!')) {
    column.not_null = true;
    text.remove_suffix(1);
  }
  int32_t typmod = -1;
  if (const size_t open = text.find('('); open != std::string_view::npos) {
    std::from_chars(text.data() + open + 1, text.data() + text.size(), typmod);
    text = text.substr(0, open);
  }
  const auto type = Type::from_name(text);
  QW_ASSERT(type.has_value());
  column.type = *type;
  column.type.typmod = typmod;
  return column;
}

// A field of COPY's text form; the few escapes that these rows have.
Datum value_of(Type type, std::string_view field) {
  if (field == "\\N") return Datum::null(type);
  std::string text;
  for (size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 1 < field.size()) ++i;
    text += field[i];
  }
  auto value = from_text(type.without_typmod(), text);
  QW_ASSERT(value.has_value());
  return std::move(*value);
}

}  // namespace

std::vector<SystemTable> postgresql_shapes() {
  std::vector<SystemTable> tables;
  tables.reserve(std::size(kShapes));
  for (const Shape& shape : kShapes) {
    auto relation = std::make_shared<Relation>();
    relation->id = ObjectId{shape.oid};
    relation->kind = RelationKind::system;
    relation->schema = shape.schema;
    relation->name = shape.name;
    for (std::string_view rest = shape.columns; !rest.empty();) {
      relation->columns.push_back(column_of(take_word(rest, ' ')));
    }
    tables.push_back({std::move(relation), shape.kind, nullptr, nullptr});
  }
  return tables;
}

std::vector<SystemRow> fixed_rows(const Relation& relation) {
  std::vector<SystemRow> rows;
  if (relation.schema != "pg_catalog") return rows;
  for (const FixedRows& fixed : kFixedRows) {
    if (fixed.table != relation.name) continue;
    std::string_view lines = fixed.lines.substr(1);  // a line break stands behind the opening quote
    while (!lines.empty()) {
      std::string_view line = take_word(lines, '\n');
      SystemRow row;
      for (const ColumnInfo& column : relation.columns) {
        row.push_back(value_of(column.type, take_word(line, '|')));
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

}  // namespace qw::sql
