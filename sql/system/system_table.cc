// System relations: the list of all, by name and by oid. See system_catalog.h.
#include "sql/system/system_table.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/system/catalogue_functions.h"
#include "src/base/assert.h"

namespace qw::sql {
namespace {

struct Entry {
  SystemTable table;
  std::once_flag once;
  std::shared_ptr<const std::vector<SystemRow>> fixed;
};

struct Tables {
  std::vector<std::unique_ptr<Entry>> all;
  std::map<std::pair<std::string_view, std::string_view>, Entry*> by_name;
  std::map<ObjectId, Entry*> by_id;

  Tables() {
    add(qw_tables());
    add(postgresql_shapes());
    fill(relation_row_makers());
    fill(registry_row_makers());
    fill(server_row_makers());
    fill(listing_row_makers());
    fill(information_schema_row_makers());
  }

  void add(std::vector<SystemTable> tables) {
    for (SystemTable& table : tables) {
      auto entry = std::make_unique<Entry>();
      entry->table = std::move(table);
      const Relation& relation = *entry->table.relation;
      by_name[{relation.schema, relation.name}] = entry.get();
      by_id[relation.id] = entry.get();
      all.push_back(std::move(entry));
    }
  }
  void fill(const std::vector<RowMakers>& makers) {
    for (const RowMakers& maker : makers) {
      const auto found = by_name.find({maker.schema, maker.table});
      QW_ASSERT(found != by_name.end());
      found->second->table.rows = maker.rows;
      found->second->table.fixed = maker.fixed;
    }
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

// The registry is built at first use, which comes after this: whoever binds, links this file.
const bool declarations_added = add_catalogue_declarations();

}  // namespace

SystemTable make_system_table(uint32_t oid, std::string schema, std::string name,
                              const SystemColumns& columns, RowMaker rows) {
  auto relation = std::make_shared<Relation>();
  relation->id = ObjectId{oid};
  relation->kind = RelationKind::system;
  relation->schema = std::move(schema);
  relation->name = std::move(name);
  for (const auto& [column, type] : columns) relation->columns.push_back({column, type, false, ""});
  return {std::move(relation), 'r', rows, nullptr};
}

const Relation* system_relation(std::string_view schema, std::string_view name) {
  const auto found = tables().by_name.find(std::pair(schema, name));
  return found == tables().by_name.end() ? nullptr : found->second->table.relation.get();
}

const Relation* system_relation(ObjectId id) {
  const auto found = tables().by_id.find(id);
  return found == tables().by_id.end() ? nullptr : found->second->table.relation.get();
}

bool is_system_schema(std::string_view name) {
  return name == "pg_catalog" || name == "information_schema" || name == "qw";
}

std::vector<const Relation*> system_relations() {
  std::vector<const Relation*> out;
  for (const auto& entry : tables().all) out.push_back(entry->table.relation.get());
  return out;
}

char system_relkind(ObjectId id) {
  const auto found = tables().by_id.find(id);
  return found == tables().by_id.end() ? 'r' : found->second->table.relkind;
}

Result<SystemRows> system_rows(const Relation& relation, const SystemContext& context) {
  const auto found = tables().by_id.find(relation.id);
  if (found == tables().by_id.end()) {
    return fail(internal_error(fmt::format("system table {} is unknown", relation.name)));
  }
  Entry& entry = *found->second;
  std::call_once(entry.once, [&] {
    std::vector<SystemRow> rows = fixed_rows(relation);
    if (entry.table.fixed != nullptr) {
      for (SystemRow& row : entry.table.fixed()) rows.push_back(std::move(row));
    }
    entry.fixed = std::make_shared<const std::vector<SystemRow>>(std::move(rows));
  });
  SystemRows out;
  if (!entry.fixed->empty()) out.push_back(entry.fixed);
  if (entry.table.rows != nullptr) {
    QW_ASSIGN_OR_RETURN(auto rows, entry.table.rows(context));
    out.push_back(std::make_shared<const std::vector<SystemRow>>(std::move(rows)));
  }
  return out;
}

}  // namespace qw::sql
