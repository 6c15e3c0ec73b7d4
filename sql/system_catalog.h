// System relations: pg_catalog, information_schema and qw, by name. Their rows are made by the
// catalogue layer when read; the binder needs their shape only.
//
// Static descriptions; any thread. Tests: tests/unit/sql/.
#pragma once

#include <string_view>

#include "sql/catalog.h"

namespace qw::sql {

// nullptr when there is none. Relation::kind is system (a base table of rows computed when read) or
// view (its definition is SQL over other system relations).
const Relation* system_relation(std::string_view schema, std::string_view name);
const Relation* system_relation(ObjectId id);
bool is_system_schema(std::string_view name);

}  // namespace qw::sql
