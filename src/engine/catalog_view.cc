// CatalogView: see catalog_view.h.
#include "src/engine/catalog_view.h"

#include <memory>
#include <utility>
#include <vector>

namespace qw::engine {
bool is_stored(sql::RelationKind kind) {
  switch (kind) {
    case sql::RelationKind::table:
    case sql::RelationKind::source_table:
    case sql::RelationKind::materialized_view:
      return true;
    case sql::RelationKind::view:
    case sql::RelationKind::system:
      return false;
  }
  return false;
}

std::shared_ptr<const CatalogView> CatalogView::next(const CatalogView* before,
                                                     std::shared_ptr<const sql::Catalog> catalog) {
  auto view = std::make_shared<CatalogView>();
  for (const auto& [id, relation] : catalog->relations) {
    if (!is_stored(relation->kind)) continue;
    const auto* known = before == nullptr ? nullptr : before->layout(id);
    if (known != nullptr)
      view->layouts.emplace(id, before->layouts.at(id));
    else
      view->layouts.emplace(id, std::make_shared<RelationLayout>(*relation));
  }
  for (const auto& [id, index] : catalog->indexes) {
    if (before != nullptr) {
      const auto known = before->indexes.find(id);
      if (known != before->indexes.end()) {
        view->indexes.emplace(*known);
        continue;
      }
    }
    const sql::Relation& relation = *catalog->relations.at(index.relation);
    view->indexes.emplace(
        id, std::make_shared<SecondaryIndex>(index, relation, view->layouts.at(index.relation)));
  }
  view->catalog = std::move(catalog);
  return view;
}

std::vector<std::shared_ptr<const SecondaryIndex>> CatalogView::unique_indexes(
    ObjectId relation) const {
  std::vector<std::shared_ptr<const SecondaryIndex>> out;
  if (catalog->indexes.empty()) return out;
  for (const sql::IndexInfo* index : catalog->indexes_of(relation)) {
    if (index->unique) out.push_back(indexes.at(index->id));
  }
  return out;
}

}  // namespace qw::engine
