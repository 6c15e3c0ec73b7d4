// See catalog.h.
#include "sql/catalog.h"

#include <algorithm>

#include "sql/system_catalog.h"

namespace qw::sql {

const Relation* Catalog::find(std::string_view schema, std::string_view name) const {
  if (is_system_schema(schema)) return system_relation(schema, name);
  for (const auto& [id, relation] : relations) {
    if (relation->name == name && relation->schema == schema) return relation.get();
  }
  return nullptr;
}

const Relation* Catalog::find(ObjectId id) const {
  const auto found = relations.find(id);
  if (found != relations.end()) return found->second.get();
  return system_relation(id);
}

const NamedObject* Catalog::find_object(NamedObject::Kind kind, std::string_view schema,
                                        std::string_view name) const {
  for (const auto& [id, object] : objects) {
    if (object.kind == kind && object.name == name && object.schema == schema) return &object;
  }
  return nullptr;
}

std::vector<const IndexInfo*> Catalog::indexes_of(ObjectId relation) const {
  std::vector<const IndexInfo*> found;
  for (const auto& [id, index] : indexes) {
    if (index.relation == relation) found.push_back(&index);
  }
  return found;
}

std::vector<ObjectId> Catalog::dependents(ObjectId id) const {
  const auto names_it = [&](const std::vector<ObjectId>& ids) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
  };
  // A schema is depended on by all that lies in it.
  std::string_view schema;
  for (const auto& [name, info] : schemas) {
    if (info.id == id) schema = name;
  }
  const auto lies_in = [&](std::string_view name) { return !schema.empty() && name == schema; };
  std::vector<ObjectId> found;
  for (const auto& [other, relation] : relations) {
    if (names_it(relation->depends_on) || (relation->source == id && id) ||
        lies_in(relation->schema)) {
      found.push_back(other);
    }
  }
  for (const auto& [other, index] : indexes) {
    if (index.relation == id) found.push_back(other);
  }
  for (const auto& [other, object] : objects) {
    if (names_it(object.depends_on) || lies_in(object.schema)) found.push_back(other);
  }
  return found;
}

bool Catalog::schema_exists(std::string_view name) const {
  return is_system_schema(name) || schemas.find(name) != schemas.end();
}

}  // namespace qw::sql
