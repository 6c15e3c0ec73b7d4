// pg_tables, pg_views, pg_matviews, pg_indexes and the statistics that go by table.
#include <string>
#include <vector>

#include "sql/system/objects.h"
#include "sql/system/row_writer.h"
#include "sql/system/system_table.h"

namespace qw::sql {
namespace {

using Rows = std::vector<SystemRow>;
constexpr std::string_view kCatalog = "pg_catalog";

Result<Rows> tables(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_tables");
  for (const Relation* relation : relations_of(*context.catalog, Reach::all)) {
    if (relkind_of(*relation) != 'r') continue;
    out.row()
        .set("schemaname", relation->schema)
        .set("tablename", relation->name)
        .set("tableowner", context.user)
        .set("hasindexes", !indexes_of(*context.catalog, *relation).empty())
        .set("hasrules", false)
        .set("hastriggers", false)
        .set("rowsecurity", false);
  }
  return out.take();
}

Result<Rows> views(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_views");
  for (const Relation* relation : relations_of(*context.catalog, Reach::all)) {
    if (relkind_of(*relation) != 'v') continue;
    out.row()
        .set("schemaname", relation->schema)
        .set("viewname", relation->name)
        .set("viewowner", context.user)
        .set("definition", view_definition(*relation));
  }
  return out.take();
}

Result<Rows> materialized_views(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_matviews");
  for (const Relation* relation : relations_of(*context.catalog, Reach::user)) {
    if (relkind_of(*relation) != 'm') continue;
    out.row()
        .set("schemaname", relation->schema)
        .set("matviewname", relation->name)
        .set("matviewowner", context.user)
        .set("hasindexes", !indexes_of(*context.catalog, *relation).empty())
        .set("ispopulated", relation->ready)
        .set("definition", view_definition(*relation));
  }
  return out.take();
}

Result<Rows> index_list(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_indexes");
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    out.row()
        .set("schemaname", index.schema)
        .set("tablename", index.relation->name)
        .set("indexname", index.name)
        .set("indexdef", index_definition(index));
  }
  return out.take();
}

template <const char* kTable>
Result<Rows> statistics(const SystemContext& context) {
  RowWriter out(kCatalog, kTable);
  for (const Relation* relation : relations_of(*context.catalog, Reach::user)) {
    if (relation->kind == RelationKind::view) continue;
    out.row()
        .set("relid", relation->id)
        .set("schemaname", relation->schema)
        .set("relname", relation->name)
        .set("n_live_tup", context.row_count ? context.row_count(relation->id) : 0)
        .set("n_dead_tup", 0);
  }
  return out.take();
}
constexpr char kUserTables[] = "pg_stat_user_tables", kAllTables[] = "pg_stat_all_tables";

}  // namespace

std::vector<RowMakers> listing_row_makers() {
  return {{kCatalog, "pg_tables", tables},
          {kCatalog, "pg_views", views},
          {kCatalog, "pg_matviews", materialized_views},
          {kCatalog, "pg_indexes", index_list},
          {kCatalog, kUserTables, statistics<kUserTables>},
          {kCatalog, kAllTables, statistics<kAllTables>}};
}

}  // namespace qw::sql
