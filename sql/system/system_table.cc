// System relations: the list of all, by name and by oid. See system_catalog.h.
#include "sql/system/system_table.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace qw::sql {
namespace {

std::shared_ptr<Relation> describe(uint32_t oid, std::string schema, std::string name,
                                   const SystemColumns& columns) {
  auto relation = std::make_shared<Relation>();
  relation->id = ObjectId{oid};
  relation->kind = RelationKind::system;
  relation->schema = std::move(schema);
  relation->name = std::move(name);
  for (const auto& [column, type] : columns) relation->columns.push_back({column, type, false, ""});
  return relation;
}

struct Tables {
  std::vector<SystemTable> all;
  std::map<std::pair<std::string, std::string>, const SystemTable*, std::less<>> by_name;
  std::map<ObjectId, const SystemTable*> by_id;

  Tables() {
    all = qw_tables();
    for (const SystemTable& table : all) {
      by_name[{table.relation->schema, table.relation->name}] = &table;
      by_id[table.relation->id] = &table;
    }
  }
};

const Tables& tables() {
  static const Tables instance;
  return instance;
}

}  // namespace

SystemTable make_system_table(uint32_t oid, std::string schema, std::string name,
                              const SystemColumns& columns,
                              Result<std::vector<SystemRow>> (*rows)(const SystemContext&)) {
  return {describe(oid, std::move(schema), std::move(name), columns), rows};
}

SystemTable make_system_view(uint32_t oid, std::string schema, std::string name,
                             const SystemColumns& columns, std::string definition) {
  auto relation = describe(oid, std::move(schema), std::move(name), columns);
  relation->kind = RelationKind::view;
  relation->definition = std::move(definition);
  return {std::move(relation), nullptr};
}

const Relation* system_relation(std::string_view schema, std::string_view name) {
  const auto found = tables().by_name.find(std::pair(std::string(schema), std::string(name)));
  return found == tables().by_name.end() ? nullptr : found->second->relation.get();
}

const Relation* system_relation(ObjectId id) {
  const auto found = tables().by_id.find(id);
  return found == tables().by_id.end() ? nullptr : found->second->relation.get();
}

bool is_system_schema(std::string_view name) {
  return name == "pg_catalog" || name == "information_schema" || name == "qw";
}

std::vector<const Relation*> system_relations() {
  std::vector<const Relation*> out;
  for (const SystemTable& table : tables().all) out.push_back(table.relation.get());
  return out;
}

Result<std::vector<SystemRow>> system_rows(const Relation& relation, const SystemContext& context) {
  const auto found = tables().by_id.find(relation.id);
  if (found == tables().by_id.end() || found->second->rows == nullptr) {
    return fail(internal_error(fmt::format("system table {} has no rows", relation.name)));
  }
  return found->second->rows(context);
}

}  // namespace qw::sql
