// CREATE INDEX and ALTER TABLE: see alter.h.
#include "src/engine/alter.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sql/parser.h"
#include "src/engine/database_impl.h"

namespace qw::engine {

namespace ast = sql::ast;

namespace {

const sql::Relation* find_table(SessionImpl& session, const sql::Catalog& catalog,
                                const ast::RelationName& name) {
  if (!name.schema.empty()) return catalog.find(name.schema, name.name);
  for (const std::string& schema : session.settings().search_path()) {
    if (const auto* found = catalog.find(schema, name.name)) return found;
  }
  return nullptr;
}

bool name_taken(const sql::Catalog& catalog, const std::string& schema, const std::string& name) {
  if (catalog.find(schema, name) != nullptr) return true;
  for (const auto& [id, index] : catalog.indexes) {
    if (index.schema == schema && index.name == name) return true;
  }
  for (const auto& [id, relation] : catalog.relations) {
    if (relation->schema == schema && relation->primary_key_name == name) return true;
  }
  return false;
}

// "t_pkey", "t_a_b_key"; with a number behind it when that is taken.
std::string key_name(const sql::Catalog& catalog, const sql::Relation& table,
                     const std::vector<uint32_t>& columns, bool primary) {
  std::string base = table.name;
  if (!primary) {
    for (const uint32_t column : columns) base += "_" + table.columns[column].name;
  }
  base += primary ? "_pkey" : "_key";
  std::string name = base;
  for (int i = 1; name_taken(catalog, table.schema, name); ++i) name = fmt::format("{}{}", base, i);
  return name;
}

Result<std::vector<uint32_t>> key_columns(const sql::Relation& table,
                                          const ast::Constraint& constraint) {
  std::vector<uint32_t> columns;
  for (const std::string& name : constraint.columns) {
    const auto found = std::find_if(table.columns.begin(), table.columns.end(),
                                    [&](const sql::ColumnInfo& one) { return one.name == name; });
    if (found == table.columns.end()) {
      return fail(undefined_column(fmt::format("column \"{}\" named in key does not exist", name)));
    }
    const auto column = static_cast<uint32_t>(found - table.columns.begin());
    if (std::find(columns.begin(), columns.end(), column) != columns.end()) {
      return fail(Error(
          "42701", fmt::format("column \"{}\" appears twice in {} constraint", name,
                               constraint.type == ast::Constraint::Type::primary_key ? "primary key"
                                                                                     : "unique")));
    }
    columns.push_back(column);
  }
  return columns;
}

// PostgreSQL's words when a column of a new primary key holds a NULL.
Result<void> check_no_nulls(SessionImpl& session, const sql::Relation& table,
                            const std::vector<uint32_t>& columns) {
  for (const uint32_t column : columns) {
    if (table.columns[column].not_null) continue;
    const std::string name = sql::quote_identifier(table.columns[column].name);
    QW_ASSIGN_OR_RETURN(const auto asked,
                        session.prepare(fmt::format("SELECT 1 FROM {}.{} WHERE {} IS NULL LIMIT 1",
                                                    sql::quote_identifier(table.schema),
                                                    sql::quote_identifier(table.name), name),
                                        {}));
    QW_ASSIGN_OR_RETURN(const auto portal, session.execute(asked, {}));
    Batch batch;
    QW_ASSIGN_OR_RETURN(const bool found, portal->next(batch));
    if (found && batch.size() != 0) {
      return fail(not_null_violation(fmt::format("column \"{}\" of relation \"{}\" contains null "
                                                 "values",
                                                 table.columns[column].name, table.name))
                      .with_column(table.name, table.columns[column].name));
    }
  }
  return {};
}

Result<void> add_key(SessionImpl& session, const sql::Catalog& catalog, const sql::Relation& table,
                     const ast::Constraint& constraint, const DdlContext& context) {
  const bool primary = constraint.type == ast::Constraint::Type::primary_key;
  QW_ASSIGN_OR_RETURN(const std::vector<uint32_t> columns, key_columns(table, constraint));
  const std::string name =
      constraint.name.empty() ? key_name(catalog, table, columns, primary) : constraint.name;
  if (name_taken(catalog, table.schema, name)) {
    return fail(duplicate_table(fmt::format("relation \"{}\" already exists", name)));
  }
  Definitions& definitions = session.database().definitions();
  if (primary) {
    if (!table.primary_key.empty()) {
      return fail(
          Error("42P16",
                fmt::format("multiple primary keys for table \"{}\" are not allowed", table.name)));
    }
    QW_TRY(check_no_nulls(session, table, columns));
    return definitions.add_primary_key(table.id, name, columns, context);
  }
  sql::BoundCreateIndex index;
  index.table = &table;
  index.schema = table.schema;
  index.name = name;
  index.columns = columns;
  index.unique = true;
  return definitions.create_index(index, true, context);
}

}  // namespace

Result<std::string> create_index_statement(SessionImpl& session,
                                           const sql::BoundCreateIndex& create,
                                           const DdlContext& context) {
  if (create.exists) {
    session.notice({"NOTICE", duplicate_table(fmt::format(
                                  "relation \"{}\" already exists, skipping", create.name))});
    return std::string("CREATE INDEX");
  }
  QW_TRY(session.before_definition("CREATE INDEX"));
  QW_TRY(session.database().definitions().create_index(create, false, context));
  return std::string("CREATE INDEX");
}

Result<std::string> alter_table_statement(SessionImpl& session, const ast::AlterTable& alter,
                                          const DdlContext& context) {
  const auto view = session.database().definitions().view();
  const sql::Relation* table = find_table(session, *view->catalog, alter.relation);
  if (table == nullptr) {
    const std::string text = fmt::format("relation \"{}\" does not exist", alter.relation.name);
    if (!alter.if_exists) return fail(undefined_table(text));
    session.notice({"NOTICE", Error("00000", text + ", skipping")});
    return std::string("ALTER TABLE");
  }
  if (table->kind != sql::RelationKind::table) {
    return fail(wrong_object_type(fmt::format("\"{}\" is not a table", table->name)));
  }
  using Type = ast::Constraint::Type;
  for (const ast::AlterAction& action : alter.actions) {
    const bool key =
        action.type == ast::AlterAction::Type::add_constraint && action.constraint != nullptr &&
        (action.constraint->type == Type::primary_key || action.constraint->type == Type::unique);
    if (action.type == ast::AlterAction::Type::owner_to) continue;  // there is one role
    if (!key || alter.actions.size() != 1) {
      return fail(feature_not_supported("this form of ALTER TABLE is not supported yet")
                      .with_hint("ADD PRIMARY KEY and ADD UNIQUE are, one at a time."));
    }
    QW_TRY(session.before_definition("ALTER TABLE"));
    QW_TRY(add_key(session, *view->catalog, *table, *action.constraint, context));
  }
  return std::string("ALTER TABLE");
}

Result<std::optional<ObjectId>> find_index_to_drop(const sql::Catalog& catalog,
                                                   std::span<const std::string> schemas,
                                                   const std::string& name) {
  const auto needed = [&](const sql::Relation& table) {
    return fail(dependent_objects_still_exist(
        fmt::format("cannot drop index {} because constraint {} on table {} requires it", name,
                    name, table.name)));
  };
  for (const std::string& schema : schemas) {
    for (const auto& [id, index] : catalog.indexes) {
      if (index.schema != schema || index.name != name) continue;
      if (index.constraint) return needed(*catalog.relations.at(index.relation));
      return std::optional<ObjectId>(id);
    }
    for (const auto& [id, relation] : catalog.relations) {
      if (relation->schema == schema && relation->primary_key_name == name &&
          !relation->primary_key.empty()) {
        return needed(*relation);
      }
      if (relation->schema == schema && relation->name == name) {
        return fail(wrong_object_type(fmt::format("\"{}\" is not an index", name)));
      }
    }
  }
  return std::optional<ObjectId>();
}

}  // namespace qw::engine
