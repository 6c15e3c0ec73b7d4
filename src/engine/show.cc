// SHOW of objects: see show.h.
#include "src/engine/show.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/parser.h"
#include "src/engine/database_impl.h"

namespace qw::engine {
namespace {

namespace ast = sql::ast;
using Shown = ast::ShowObjects::Type;
using NamedKind = sql::NamedObject::Kind;
using sql::RelationKind;
using Row = std::vector<std::string>;

// LIKE with % and _ over bytes.
bool like(std::string_view text, std::string_view pattern) {
  if (pattern.empty()) return text.empty();
  if (pattern[0] == '%') {
    for (size_t i = 0; i <= text.size(); ++i) {
      if (like(text.substr(i), pattern.substr(1))) return true;
    }
    return false;
  }
  return !text.empty() && (pattern[0] == '_' || pattern[0] == text[0]) &&
         like(text.substr(1), pattern.substr(1));
}

std::vector<std::string> column_names(Shown type) {
  switch (type) {
    case Shown::sources:
      return {"schema", "name", "type", "state", "message"};
    case Shown::connections:
      return {"schema", "name", "type"};
    case Shown::views:
    case Shown::materialized_views:
    case Shown::tables:
    case Shown::secrets:
      return {"schema", "name"};
    case Shown::indexes:
      return {"schema", "name", "table", "columns"};
    case Shown::schemas:
      return {"name"};
    case Shown::columns:
      return {"name", "type", "nullable"};
    case Shown::create:
      return {"name", "create_sql"};
  }
  return {};
}

void add_relations(const sql::Catalog& catalog, std::set<RelationKind> kinds,
                   std::vector<Row>& rows) {
  for (const auto& [id, relation] : catalog.relations) {
    if (kinds.contains(relation->kind)) rows.push_back({relation->schema, relation->name});
  }
}

std::string create_text(const sql::Relation& relation) {
  const std::string name =
      sql::quote_identifier(relation.schema) + "." + sql::quote_identifier(relation.name);
  switch (relation.kind) {
    case RelationKind::view:
      return fmt::format("CREATE VIEW {} AS {}", name, relation.definition);
    case RelationKind::materialized_view:
      return fmt::format("CREATE MATERIALIZED VIEW {} AS {}", name, relation.definition);
    case RelationKind::table:
    case RelationKind::source_table:
    case RelationKind::system:
      break;
  }
  std::string text = fmt::format("CREATE TABLE {} (", name);
  for (size_t c = 0; c < relation.columns.size(); ++c) {
    const sql::ColumnInfo& column = relation.columns[c];
    if (c != 0) text += ", ";
    text += sql::quote_identifier(column.name) + " " + column.type.sql_name();
    if (!column.default_sql.empty()) text += " DEFAULT " + column.default_sql;
    if (column.not_null) text += " NOT NULL";
  }
  if (!relation.primary_key.empty()) {
    text += ", PRIMARY KEY (";
    for (size_t k = 0; k < relation.primary_key.size(); ++k) {
      text += (k == 0 ? "" : ", ") +
              sql::quote_identifier(relation.columns[relation.primary_key[k]].name);
    }
    text += ")";
  }
  return text + ")";
}

const sql::Relation* find_relation(SessionImpl& session, const sql::Catalog& catalog,
                                   const ast::RelationName& name) {
  if (!name.schema.empty()) return catalog.find(name.schema, name.name);
  for (const std::string& schema : session.settings().search_path()) {
    if (const auto* found = catalog.find(schema, name.name)) return found;
  }
  return nullptr;
}

Result<void> show_create(SessionImpl& session, const sql::Catalog& catalog,
                         const ast::ShowObjects& show, std::vector<Row>& rows) {
  for (const auto& [id, object] : catalog.objects) {
    const bool wanted = show.object == ast::ObjectKind::source ? object.kind == NamedKind::source
                        : show.object == ast::ObjectKind::connection
                            ? object.kind == NamedKind::connection
                            : false;
    if (wanted && object.name == show.relation.name) {
      rows.push_back({object.name, object.definition});
      return {};
    }
  }
  if (const sql::Relation* relation = find_relation(session, catalog, show.relation)) {
    rows.push_back({relation->name, create_text(*relation)});
    return {};
  }
  return fail(undefined_table(fmt::format("relation \"{}\" does not exist", show.relation.name)));
}

Result<void> show_column_list(SessionImpl& session, const sql::Catalog& catalog,
                              const ast::ShowObjects& show, std::vector<Row>& rows) {
  const sql::Relation* relation = find_relation(session, catalog, show.relation);
  if (relation == nullptr) {
    return fail(undefined_table(fmt::format("relation \"{}\" does not exist", show.relation.name)));
  }
  for (const sql::ColumnInfo& column : relation->columns) {
    rows.push_back({column.name, column.type.sql_name(), column.not_null ? "no" : "yes"});
  }
  return {};
}

}  // namespace

Schema show_columns(const ast::ShowObjects& show) {
  Schema schema;
  for (std::string& name : column_names(show.type)) {
    schema.columns.push_back({std::move(name), TypeId::text, true});
  }
  return schema;
}

Result<RowBuffer> show_objects(SessionImpl& session, const ast::ShowObjects& show) {
  const auto view = session.database().definitions().view();
  const sql::Catalog& catalog = *view->catalog;
  std::vector<Row> rows;
  bool sort = true;
  switch (show.type) {
    case Shown::sources:
      for (const auto& [id, object] : catalog.objects) {
        if (object.kind != NamedKind::source) continue;
        const auto running = session.database().sources().find(id);
        rows.push_back({object.schema, object.name, object.type,
                        running ? std::string(ingest::to_string(running->status.state)) : "stopped",
                        running ? running->status.message : ""});
      }
      break;
    case Shown::connections:
    case Shown::secrets:
      for (const auto& [id, object] : catalog.objects) {
        const bool connection = show.type == Shown::connections;
        if (object.kind != (connection ? NamedKind::connection : NamedKind::secret)) continue;
        rows.push_back({object.schema, object.name});
        if (connection) rows.back().push_back(object.type);
      }
      break;
    case Shown::views:
      add_relations(catalog, {RelationKind::view}, rows);
      break;
    case Shown::materialized_views:
      add_relations(catalog, {RelationKind::materialized_view}, rows);
      break;
    case Shown::tables:
      add_relations(catalog, {RelationKind::table, RelationKind::source_table}, rows);
      break;
    case Shown::schemas:
      for (const auto& [name, schema] : catalog.schemas) rows.push_back({name});
      break;
    case Shown::indexes:
      for (const auto& [id, index] : catalog.indexes) {
        const sql::Relation* table = catalog.find(index.relation);
        std::string columns;
        for (const uint32_t column : index.columns) {
          columns += (columns.empty() ? "" : ", ") + table->columns[column].name;
        }
        rows.push_back({index.schema, index.name, table->name, columns});
      }
      break;
    case Shown::columns:
      QW_TRY(show_column_list(session, catalog, show, rows));
      sort = false;
      break;
    case Shown::create:
      QW_TRY(show_create(session, catalog, show, rows));
      break;
  }
  if (!show.schema.empty())
    std::erase_if(rows, [&](const Row& row) { return row[0] != show.schema; });
  if (show.has_like) {
    const size_t name = column_names(show.type)[0] == "schema" ? 1 : 0;
    std::erase_if(rows, [&](const Row& row) { return !like(row[name], show.like); });
  }
  if (sort) std::sort(rows.begin(), rows.end());
  RowBuffer out(show_columns(show));
  for (const Row& row : rows) {
    std::vector<Datum> values;
    for (const std::string& text : row) values.push_back(Datum::text(text));
    out.add_row(values);
  }
  return out;
}

}  // namespace qw::engine
