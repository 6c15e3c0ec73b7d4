// Catalog: what exists, as one immutable snapshot. The engine replaces the snapshot at DDL; a
// statement binds, plans and runs against the one it started with.
//
// Relations carry all that planning needs: columns, keys, append-only. Ids are PostgreSQL oids of
// user objects (>= 16384). System tables (pg_catalog, information_schema, qw) are relations too,
// with fixed oids below 16384, found through system_catalog.h.
// Immutable; any thread. Tests: tests/unit/sql/catalog_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/ids.h"
#include "src/types/batch.h"
#include "src/types/key_codec.h"

namespace qw::sql {

struct Plan;

enum class RelationKind : uint8_t {
  table,         // written by INSERT/UPDATE/DELETE/COPY
  source_table,  // written by a source
  view,          // expanded at use
  materialized_view,
  system,  // computed from the catalogue when read
};

struct ColumnInfo {
  std::string name;
  Type type;
  bool not_null = false;
  std::string default_sql;  // "" = none; expression text, bound at use
};

struct Relation {
  ObjectId id;
  RelationKind kind = RelationKind::table;
  std::string schema, name;
  std::vector<ColumnInfo> columns;
  std::vector<uint32_t> primary_key;               // columns; empty = keyless (a multiset)
  std::string primary_key_name;                    // constraint name: "t_pkey"
  std::vector<std::vector<uint32_t>> unique_keys;  // proven or enforced, primary key included
  bool append_only = false;                        // rows are never changed or removed
  std::vector<uint32_t> monotone;                  // columns that never decrease over time
  std::string definition;                          // view: SELECT text as bound
  ObjectId source;                                 // source_table: its source
  bool ready = true;                               // false while a snapshot or backfill runs
  std::vector<ObjectId> depends_on;
  std::shared_ptr<const Plan> plan;  // materialized_view: its optimised plan
};

struct IndexInfo {
  ObjectId id, relation;
  std::string schema, name;
  std::vector<uint32_t> columns;
  std::vector<SortOrder> orders;
  bool unique = false;
  bool constraint = false;  // made by UNIQUE in a table's definition
};

// A source, connection or secret: `kind` says which; `options` never hold secret values.
struct NamedObject {
  enum class Kind : uint8_t { source, connection, secret };
  ObjectId id;
  Kind kind = Kind::source;
  std::string schema, name;
  std::string type;  // "kafka", "postgres", "load-generator"
  std::string definition;
  std::vector<ObjectId> depends_on;
};

struct SchemaInfo {
  ObjectId id;
  std::string name;
};

class Catalog {
 public:
  std::map<std::string, SchemaInfo, std::less<>> schemas;  // user schemas, "public" included
  std::map<ObjectId, std::shared_ptr<const Relation>> relations;
  std::map<ObjectId, IndexInfo> indexes;
  std::map<ObjectId, NamedObject> objects;
  uint64_t version = 0;

  // By schema and name; pg_catalog, information_schema and qw reach the system tables.
  const Relation* find(std::string_view schema, std::string_view name) const;
  const Relation* find(ObjectId id) const;
  const NamedObject* find_object(NamedObject::Kind kind, std::string_view schema,
                                 std::string_view name) const;
  std::vector<const IndexInfo*> indexes_of(ObjectId relation) const;
  // Relations, sources, ... that depend on `id`, directly.
  std::vector<ObjectId> dependents(ObjectId id) const;
  bool schema_exists(std::string_view name) const;
};

}  // namespace qw::sql
