// Recomputes views and compares: see view_check.h.
#include "src/engine/view_check.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "sql/optimizer.h"
#include "src/engine/database_impl.h"
#include "src/engine/snapshot_sources.h"

namespace qw::engine {
namespace {

using Multiset = std::map<std::string, int64_t, std::less<>>;

Result<void> add(const RelationLayout& layout, const Batch& batch, int64_t sign, Multiset& rows) {
  Arena arena;
  auto* packed = arena.allocate_array<std::string_view>(batch.size());
  layout.pack(batch, arena, packed);
  for (uint32_t i = 0; i < batch.size(); ++i) {
    const int64_t weight = sign * batch.weight(batch.row(i));
    auto found = rows.find(packed[i]);
    if (found == rows.end()) {
      rows.emplace(packed[i], weight);
    } else if ((found->second += weight) == 0) {
      rows.erase(found);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::string>> check_indexes(DatabaseImpl& database) {
  std::vector<std::string> findings;
  const auto view = database.definitions().view();
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, database.store().snapshot());
  for (const auto& [id, index] : view->indexes) {
    const Result<bool> agrees = index->agrees(snapshot);
    if (agrees && *agrees) continue;
    const sql::Relation& table = *view->catalog->relations.at(index->relation());
    const std::string why = agrees ? "" : ": " + agrees.error().message();
    findings.push_back(fmt::format("index {} does not have the rows of {}.{}{}", index->name(),
                                   table.schema, table.name, why));
  }
  return findings;
}

Result<std::vector<std::string>> check_views(DatabaseImpl& database) {
  std::vector<std::string> findings;
  const auto view = database.definitions().view();
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, database.store().snapshot());
  for (const auto& [id, relation] : view->catalog->relations) {
    if (relation->kind != sql::RelationKind::materialized_view || !relation->plan) continue;
    QW_ASSIGN_OR_RETURN(const auto error, ViewErrors::first(snapshot, id));
    if (error && error->broken) {
      findings.push_back(fmt::format("materialized view {}.{} is broken: {}", relation->schema,
                                     relation->name, error->error.message()));
    }
    if (error) continue;  // a view with errors has no answer to compare
    const RelationLayout& layout = *view->layout(id);
    SnapshotSources sources(*view, snapshot, nullptr, {});
    Multiset rows;
    sql::Scan scan;
    scan.relation = id;
    scan.name = relation->name;
    scan.columns.assign(layout.all_columns().begin(), layout.all_columns().end());
    QW_ASSIGN_OR_RETURN(const auto stored, sources.scan(scan, nullptr));
    Batch batch;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, stored->next(batch));
      if (!more) break;
      QW_TRY(add(layout, batch, 1, rows));
    }
    QW_ASSIGN_OR_RETURN(const auto query, views::Query::compile(relation->plan));
    sql::EvalContext context;
    QW_TRY(query->start(context, sources, {}));
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, query->next(batch));
      if (!more) break;
      QW_TRY(add(layout, batch, -1, rows));
    }
    if (!rows.empty()) {
      findings.push_back(fmt::format("materialized view {}.{}: {} rows differ from its query",
                                     relation->schema, relation->name, rows.size()));
    }
  }
  return findings;
}

}  // namespace qw::engine
