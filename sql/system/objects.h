// Objects: what PostgreSQL's catalogues list besides relations: keys as indexes and constraints,
// defaults, rules; with the oids that they are known by.
//
// A key that was declared with its table has no id of its own: its oid is made of the table's, in a
// range that ids never reach, so it is stable and unique. Pure functions of a catalogue snapshot;
// any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/catalog.h"

namespace qw::sql {

constexpr uint32_t kOwnerOid = 10;              // the one role
constexpr uint32_t kCatalogNamespace = 11;      // pg_catalog
constexpr uint32_t kQwNamespace = 15890;        // qw
constexpr uint32_t kInformationSchema = 13000;  // information_schema
constexpr uint32_t kDatabaseOid = 5;            // as PostgreSQL's "postgres"
constexpr uint32_t kBtree = 403, kHeap = 2;
constexpr uint32_t kClassClass = 1259, kConstraintClass = 2606, kRewriteClass = 2618,
                   kAttrdefClass = 2604, kTypeClass = 1247, kProcClass = 1255,
                   kNamespaceClass = 2615;

// An index of PostgreSQL's kind.
struct KeyIndex {
  uint32_t oid = 0;         // of the index
  uint32_t constraint = 0;  // of its constraint; 0 = none
  std::string schema, name;
  const Relation* relation = nullptr;
  std::vector<uint32_t> columns;
  std::vector<SortOrder> orders;
  bool unique = false, primary = false;
};

std::vector<KeyIndex> indexes_of(const Catalog& catalog, const Relation& relation);
std::vector<KeyIndex> all_indexes(const Catalog& catalog);
std::optional<KeyIndex> find_index(const Catalog& catalog, uint32_t oid);

uint32_t default_oid(ObjectId relation, uint32_t column);
uint32_t rule_oid(ObjectId relation);
uint32_t namespace_oid(const Catalog& catalog, std::string_view schema);
std::optional<std::string> namespace_name(const Catalog& catalog, uint32_t oid);
std::vector<std::string> namespace_names(const Catalog& catalog);

// 'r', 'v', 'm' as in pg_class.
char relkind_of(const Relation& relation);
// What a client is told of a column: only tables promise anything, views never do.
bool shown_not_null(const Relation& relation, const ColumnInfo& column);
// User relations, then system ones when asked for.
enum class Reach : uint8_t { user, all };
std::vector<const Relation*> relations_of(const Catalog& catalog, Reach reach);

// The relation or index that `oid` means, by name.
struct ClassName {
  std::string schema, name;
};
std::optional<ClassName> class_name(const Catalog& catalog, uint32_t oid);
std::optional<uint32_t> class_oid(const Catalog& catalog, std::string_view schema,
                                  std::string_view name);
// Where a name without a schema is looked for: pg_catalog first, unless the path says otherwise.
std::vector<std::string> effective_path(std::span<const std::string> search_path);

// Definitions as PostgreSQL prints them.
std::string index_definition(const KeyIndex& index);
std::string index_column_definition(const KeyIndex& index, size_t column);
std::string constraint_definition(const KeyIndex& index);
std::string view_definition(const Relation& relation);

}  // namespace qw::sql
