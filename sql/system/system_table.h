// SystemTable: one computed table: its shape and how its rows are made.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sql/system_catalog.h"

namespace qw::sql {

struct SystemTable {
  std::shared_ptr<const Relation> relation;
  Result<std::vector<SystemRow>> (*rows)(const SystemContext& context);
};

using SystemColumns = std::vector<std::pair<std::string, Type>>;
SystemTable make_system_table(uint32_t oid, std::string schema, std::string name,
                              const SystemColumns& columns,
                              Result<std::vector<SystemRow>> (*rows)(const SystemContext&));
// A view over system tables: `columns` are those of its query.
SystemTable make_system_view(uint32_t oid, std::string schema, std::string name,
                             const SystemColumns& columns, std::string definition);

// One list per file of this folder.
std::vector<SystemTable> qw_tables();

}  // namespace qw::sql
