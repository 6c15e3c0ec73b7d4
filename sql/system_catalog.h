// System relations: pg_catalog, information_schema and qw, by name, and their rows.
//
// A system relation is a table whose rows are computed when it is read. Shapes (columns, order,
// types, oids) are PostgreSQL's own. Rows come from the catalogue snapshot of the reading statement
// and, for the qw tables and pg_settings, from what the engine puts into SystemContext.
// Descriptions are immutable; any thread. Tests: tests/unit/sql_system/.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/catalog.h"
#include "src/base/result.h"
#include "src/types/datum.h"

namespace qw::sql {

struct EvalContext;

// nullptr when there is none. Relation::kind is system.
const Relation* system_relation(std::string_view schema, std::string_view name);
const Relation* system_relation(ObjectId id);
bool is_system_schema(std::string_view name);
// All of them, for pg_class and its like.
std::vector<const Relation*> system_relations();
// 'r' or 'v', as in PostgreSQL's pg_class.
char system_relkind(ObjectId id);

using SystemRow = std::vector<Datum>;  // one value per column, in the column's type
// Rows in parts, one after the other; parts that never change are shared.
using SystemRows = std::vector<std::shared_ptr<const std::vector<SystemRow>>>;

struct SystemSetting {
  bool fixed = false;  // can be shown, not set
  std::string name, value, boot_value, description;
};
struct SystemSession {
  int32_t pid = 0;
  std::string user, database, application, state, query;
};
// A cursor or a prepared statement of the reading session.
struct SystemStatement {
  std::string name, statement;
  std::vector<Type> parameters;
  bool holdable = false, scrollable = false, from_sql = true;
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
  std::function<std::vector<SystemStatement>()> cursors, prepared;
  std::function<int64_t(ObjectId)> row_count;
  // Rows of the qw tables, which only the engine knows.
  std::function<Result<std::vector<SystemRow>>(std::string_view table)> qw_rows;
};

// The text of a reg* value (regclass, regtype, ...) under the context's search path.
std::string object_name(Type type, uint32_t oid, const EvalContext& context);
// And the other way: a name or a number. 42P01 and its like when there is no such object.
Result<uint32_t> object_oid(Type type, std::string_view text, const EvalContext& context);
// A reg* type: its text is looked up in the catalogue.
bool names_an_object(Type type);

Result<SystemRows> system_rows(const Relation& relation, const SystemContext& context);

}  // namespace qw::sql
