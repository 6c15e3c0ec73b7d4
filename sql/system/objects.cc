// Objects: see objects.h.
#include "sql/system/objects.h"

#include <algorithm>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "sql/parser.h"
#include "sql/system_catalog.h"

namespace qw::sql {
namespace {

// Ids grow from 16384 and never come near these.
constexpr uint32_t kIndexRange = 0x80000000, kConstraintRange = 0x90000000, kRuleRange = 0xa0000000,
                   kDefaultRange = 0xb0000000;
constexpr uint32_t kColumnsMax = 1600;

std::string column_names(const KeyIndex& index) {
  std::string out;
  for (size_t i = 0; i < index.columns.size(); ++i) {
    out += (i == 0 ? "" : ", ") + index_column_definition(index, i);
  }
  return out;
}

}  // namespace

std::vector<KeyIndex> indexes_of(const Catalog& catalog, const Relation& relation) {
  std::vector<KeyIndex> out;
  const bool declared =
      relation.kind == RelationKind::table || relation.kind == RelationKind::source_table;
  if (declared && !relation.primary_key.empty()) {
    KeyIndex key;
    key.oid = kIndexRange + relation.id.value;
    key.constraint = kConstraintRange + relation.id.value;
    key.schema = relation.schema;
    key.name =
        relation.primary_key_name.empty() ? relation.name + "_pkey" : relation.primary_key_name;
    key.relation = &relation;
    key.columns = relation.primary_key;
    key.orders.resize(key.columns.size());
    key.unique = key.primary = true;
    out.push_back(std::move(key));
  }
  for (const IndexInfo* index : catalog.indexes_of(relation.id)) {
    KeyIndex key;
    key.oid = index->id.value;
    key.schema = index->schema;
    key.name = index->name;
    key.relation = &relation;
    key.columns = index->columns;
    key.orders = index->orders;
    key.orders.resize(key.columns.size());
    key.unique = index->unique;
    if (index->constraint) key.constraint = kConstraintRange + index->id.value;
    out.push_back(std::move(key));
  }
  return out;
}

std::vector<KeyIndex> all_indexes(const Catalog& catalog) {
  std::vector<KeyIndex> out;
  for (const auto& [id, relation] : catalog.relations) {
    for (KeyIndex& index : indexes_of(catalog, *relation)) out.push_back(std::move(index));
  }
  return out;
}

std::optional<KeyIndex> find_index(const Catalog& catalog, uint32_t oid) {
  const bool made = oid >= kIndexRange && oid < kConstraintRange;
  ObjectId relation_id{made ? oid - kIndexRange : 0};
  if (!made) {
    const auto index = catalog.indexes.find(ObjectId{oid});
    if (index == catalog.indexes.end()) return std::nullopt;
    relation_id = index->second.relation;
  }
  const auto relation = catalog.relations.find(relation_id);
  if (relation == catalog.relations.end()) return std::nullopt;
  for (KeyIndex& index : indexes_of(catalog, *relation->second)) {
    if (index.oid == oid) return std::move(index);
  }
  return std::nullopt;
}

uint32_t default_oid(ObjectId relation, uint32_t column) {
  return kDefaultRange + (relation.value - 16384) * kColumnsMax + column;
}

uint32_t rule_oid(ObjectId relation) { return kRuleRange + relation.value; }

uint32_t namespace_oid(const Catalog& catalog, std::string_view schema) {
  if (schema == "pg_catalog") return kCatalogNamespace;
  if (schema == "information_schema") return kInformationSchema;
  if (schema == "qw") return kQwNamespace;
  const auto found = catalog.schemas.find(schema);
  return found == catalog.schemas.end() ? 0 : found->second.id.value;
}

std::optional<std::string> namespace_name(const Catalog& catalog, uint32_t oid) {
  if (oid == kCatalogNamespace) return "pg_catalog";
  if (oid == kInformationSchema) return "information_schema";
  if (oid == kQwNamespace) return "qw";
  for (const auto& [name, schema] : catalog.schemas) {
    if (schema.id.value == oid) return name;
  }
  return std::nullopt;
}

std::vector<std::string> namespace_names(const Catalog& catalog) {
  std::vector<std::string> names{"pg_catalog", "information_schema", "qw"};
  for (const auto& [name, schema] : catalog.schemas) names.push_back(name);
  return names;
}

char relkind_of(const Relation& relation) {
  switch (relation.kind) {
    case RelationKind::table:
    case RelationKind::source_table:
      return 'r';
    case RelationKind::view:
      return 'v';
    case RelationKind::materialized_view:
      return 'm';
    case RelationKind::system:
      return system_relkind(relation.id);
  }
  return 'r';
}

bool shown_not_null(const Relation& relation, const ColumnInfo& column) {
  return column.not_null && relkind_of(relation) == 'r';
}

std::vector<const Relation*> relations_of(const Catalog& catalog, Reach reach) {
  std::vector<const Relation*> out;
  for (const auto& [id, relation] : catalog.relations) out.push_back(relation.get());
  if (reach == Reach::all) {
    for (const Relation* relation : system_relations()) out.push_back(relation);
  }
  return out;
}

std::optional<ClassName> class_name(const Catalog& catalog, uint32_t oid) {
  if (const Relation* relation = catalog.find(ObjectId{oid})) {
    return ClassName{relation->schema, relation->name};
  }
  if (const auto index = find_index(catalog, oid)) return ClassName{index->schema, index->name};
  return std::nullopt;
}

std::optional<uint32_t> class_oid(const Catalog& catalog, std::string_view schema,
                                  std::string_view name) {
  if (const Relation* relation = catalog.find(schema, name)) return relation->id.value;
  if (is_system_schema(schema)) return std::nullopt;
  for (const KeyIndex& index : all_indexes(catalog)) {
    if (index.schema == schema && index.name == name) return index.oid;
  }
  return std::nullopt;
}

std::vector<std::string> effective_path(std::span<const std::string> search_path) {
  std::vector<std::string> path(search_path.begin(), search_path.end());
  if (std::find(path.begin(), path.end(), "pg_catalog") == path.end()) {
    path.insert(path.begin(), "pg_catalog");
  }
  return path;
}

std::string index_column_definition(const KeyIndex& index, size_t column) {
  return quote_identifier(index.relation->columns[index.columns[column]].name);
}

std::string index_definition(const KeyIndex& index) {
  std::string columns;
  for (size_t i = 0; i < index.columns.size(); ++i) {
    columns += (i == 0 ? "" : ", ") + index_column_definition(index, i);
    const SortOrder order = index.orders[i];
    if (order.descending) columns += " DESC";
    if (order.nulls_first != order.descending) {
      columns += order.nulls_first ? " NULLS FIRST" : " NULLS LAST";
    }
  }
  return fmt::format("CREATE {}INDEX {} ON {}.{} USING btree ({})", index.unique ? "UNIQUE " : "",
                     quote_identifier(index.name), quote_identifier(index.relation->schema),
                     quote_identifier(index.relation->name), columns);
}

std::string constraint_definition(const KeyIndex& index) {
  return fmt::format("{} ({})", index.primary ? "PRIMARY KEY" : "UNIQUE", column_names(index));
}

std::string view_definition(const Relation& relation) {
  // psql shows it as it comes; PostgreSQL's begins with a blank and ends the statement.
  return " " + relation.definition + ";";
}

}  // namespace qw::sql
