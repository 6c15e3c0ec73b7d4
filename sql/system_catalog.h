// System relations: pg_catalog, information_schema and qw, by name, and their rows.
//
// A system relation is a table whose rows are computed when it is read, or a view over such tables
// (kind view: its definition is SQL). Shapes (columns, order, types, oids) are PostgreSQL's own.
// Rows come from the catalogue snapshot of the reading statement and, for the qw tables and
// pg_settings, from what the engine puts into SystemContext. Descriptions are immutable; any
// thread. Tests: tests/unit/sql_system/.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/catalog.h"
#include "src/base/result.h"
#include "src/types/datum.h"

namespace qw::sql {

// nullptr when there is none. Relation::kind is system or view.
const Relation* system_relation(std::string_view schema, std::string_view name);
const Relation* system_relation(ObjectId id);
bool is_system_schema(std::string_view name);
// All of them, for pg_class and its like.
std::vector<const Relation*> system_relations();

using SystemRow = std::vector<Datum>;  // one value per column, in the column's type

struct SystemSetting {
  std::string name, value, boot_value, description;
};
struct SystemSession {
  int32_t pid = 0;
  std::string user, database, application, state, query;
};

// What rows are computed from.
struct SystemContext {
  const Catalog* catalog = nullptr;
  std::string user, database;
  int32_t backend_pid = 0;
  int64_t now_us = 0;
  // Asked only when a relation needs it.
  std::function<std::vector<SystemSetting>()> settings;
  std::function<std::vector<SystemSession>()> sessions;
  std::function<int64_t(ObjectId)> row_count;
  // Rows of the qw tables, which only the engine knows.
  std::function<Result<std::vector<SystemRow>>(std::string_view table)> qw_rows;
};

Result<std::vector<SystemRow>> system_rows(const Relation& relation, const SystemContext& context);

}  // namespace qw::sql
