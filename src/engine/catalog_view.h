// CatalogView: the catalogue snapshot of a statement, with the row-store layout of each relation.
//
// Immutable, shared by reference count; DDL makes a new one. Any thread.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "sql/catalog.h"
#include "src/base/ids.h"
#include "src/engine/relation_layout.h"
#include "src/engine/secondary_index.h"

namespace qw::engine {

// Whether relations of this kind have rows in the store.
bool is_stored(sql::RelationKind kind);

struct CatalogView {
  std::shared_ptr<const sql::Catalog> catalog;
  std::unordered_map<ObjectId, std::shared_ptr<const RelationLayout>> layouts;

  std::unordered_map<ObjectId, std::shared_ptr<const SecondaryIndex>> indexes;

  const RelationLayout* layout(ObjectId relation) const {
    const auto found = layouts.find(relation);
    return found == layouts.end() ? nullptr : found->second.get();
  }
  std::vector<std::shared_ptr<const SecondaryIndex>> unique_indexes(ObjectId relation) const;
  // The same with another catalogue: layouts of relations that are still there are kept, new ones
  // are added for what is stored.
  static std::shared_ptr<const CatalogView> next(const CatalogView* before,
                                                 std::shared_ptr<const sql::Catalog> catalog);
};

}  // namespace qw::engine
