// SystemTable: one computed table: its shape and how its rows are made.
//
// Shapes of pg_catalog and information_schema are PostgreSQL 15's own (shapes.inc). Rows come in
// parts: those that are the same in every database are made once and shared (rows.inc, and what
// describes the system relations themselves), those of the catalogue snapshot are made per read. A
// relation without a maker is there with no rows, so that what asks for it gets an answer.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/system_catalog.h"

namespace qw::sql {

using RowMaker = Result<std::vector<SystemRow>> (*)(const SystemContext& context);
using FixedRowMaker = std::vector<SystemRow> (*)();

struct SystemTable {
  std::shared_ptr<const Relation> relation;
  char relkind = 'r';
  RowMaker rows = nullptr;        // of this database
  FixedRowMaker fixed = nullptr;  // the same for all; asked once
};

using SystemColumns = std::vector<std::pair<std::string, Type>>;
SystemTable make_system_table(uint32_t oid, std::string schema, std::string name,
                              const SystemColumns& columns, RowMaker rows);

std::vector<SystemTable> qw_tables();
// All of pg_catalog and information_schema, without rows.
std::vector<SystemTable> postgresql_shapes();
// Rows of rows.inc; empty for a table that has none there.
std::vector<SystemRow> fixed_rows(const Relation& relation);

struct RowMakers {
  std::string_view schema, table;
  RowMaker rows = nullptr;
  FixedRowMaker fixed = nullptr;
};
// One list per file of this folder.
std::vector<RowMakers> relation_row_makers();
std::vector<RowMakers> registry_row_makers();
std::vector<RowMakers> server_row_makers();
std::vector<RowMakers> listing_row_makers();
std::vector<RowMakers> information_schema_row_makers();

}  // namespace qw::sql
