// Utility statements: see utility.h.
#include "src/engine/utility.h"

#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/explain.h"
#include "sql/optimizer.h"
#include "sql/parser.h"
#include "sql/program.h"
#include "src/engine/alter.h"
#include "src/engine/database_impl.h"
#include "src/engine/dml.h"
#include "src/engine/portals.h"
#include "src/engine/show.h"

namespace qw::engine {
namespace {

namespace ast = sql::ast;
using NamedKind = sql::NamedObject::Kind;
using sql::RelationKind;

Schema text_schema(std::initializer_list<std::string_view> names) {
  Schema schema;
  for (const std::string_view name : names) {
    schema.columns.push_back({std::string(name), TypeId::text, true});
  }
  return schema;
}

UtilityResult tagged(std::string tag) {
  UtilityResult result;
  result.tag = std::move(tag);
  return result;
}

DdlContext ddl_context(SessionImpl& session) {
  return {[&session](const Notice& notice) { session.notice(notice); }, &session.cancelled()};
}

// Where an object without a schema goes: the first schema of the search path that exists.
Result<std::string> creation_schema(SessionImpl& session, const std::string& written) {
  const auto view = session.database().definitions().view();
  if (!written.empty()) {
    if (!view->catalog->schema_exists(written)) {
      return fail(invalid_schema_name(fmt::format("schema \"{}\" does not exist", written)));
    }
    return written;
  }
  for (const std::string& schema : session.settings().search_path()) {
    if (view->catalog->schemas.contains(schema)) return schema;
  }
  return fail(invalid_schema_name("no schema has been selected to create in"));
}

// ---- settings ---------------------------------------------------------------------------------

Result<UtilityResult> set_variable(SessionImpl& session, const ast::SetVariable& set) {
  using Type = ast::SetVariable::Type;
  Settings& settings = session.settings();
  switch (set.type) {
    case Type::value: {
      std::string value;
      for (const ast::Option& part : set.values) {
        if (!value.empty()) value += ", ";
        // A list of names is kept as a list of quoted names, so that it splits again.
        value += set.values.size() > 1 || set.name == "search_path"
                     ? (part.text.empty() ? "\"\"" : sql::quote_identifier(part.text))
                     : part.text;
      }
      if (set.local && !session.in_block()) {
        session.warn(no_active_sql_transaction("SET LOCAL can only be used in transaction blocks"));
        return tagged("SET");
      }
      QW_TRY(settings.set(set.name, value, set.local));
      return tagged("SET");
    }
    case Type::to_default:
      QW_TRY(settings.reset(set.name));
      return tagged("SET");
    case Type::reset:
      QW_TRY(settings.reset(set.name));
      return tagged("RESET");
    case Type::reset_all:
      settings.reset_all();
      return tagged("RESET");
    case Type::current:
      return tagged("SET");
    case Type::transaction:
    case Type::session:
      for (const ast::Option& mode : set.values) {
        const std::string prefix = set.type == Type::session ? "default_" : "";
        QW_TRY(settings.set(prefix + mode.name, mode.text, set.type == Type::transaction));
        if (set.type == Type::transaction && mode.name == "transaction_read_only") {
          session.transaction()->read_only = settings.find("transaction_read_only") == "on";
        }
      }
      return tagged("SET");
  }
  QW_UNREACHABLE();
}

Result<UtilityResult> show_variable(SessionImpl& session, const Statement& statement,
                                    const ast::ShowVariable& show) {
  UtilityResult result = tagged("SHOW");
  result.rows.emplace(statement.columns());
  if (show.name == "all") {
    for (const Settings::Row& row : session.settings().all()) {
      result.rows->add_row(
          {Datum::text(row.name), Datum::text(row.value), Datum::text(row.description)});
    }
    return result;
  }
  QW_ASSIGN_OR_RETURN(const std::string value, session.settings().show(show.name));
  result.rows->add_row({Datum::text(value)});
  return result;
}

// ---- transactions -----------------------------------------------------------------------------

Result<UtilityResult> transaction_command(SessionImpl& session, const ast::Transaction& command) {
  using Type = ast::Transaction::Type;
  switch (command.type) {
    case Type::begin:
    case Type::start: {
      bool read_only = false;
      for (const ast::Option& mode : command.options) {
        if (mode.name == "transaction_read_only") {
          read_only = mode.text == "true" || mode.text == "1" || mode.text == "on";
        }
      }
      QW_TRY(session.begin_block(read_only));
      return tagged(command.type == Type::begin ? "BEGIN" : "START TRANSACTION");
    }
    case Type::commit: {
      QW_ASSIGN_OR_RETURN(std::string tag, session.commit_block());
      if (command.chain) QW_TRY(session.begin_block(false));
      return tagged(std::move(tag));
    }
    case Type::rollback:
      if (!session.in_block()) {
        session.warn(no_active_sql_transaction("there is no transaction in progress"));
      }
      session.rollback();
      if (command.chain) QW_TRY(session.begin_block(false));
      return tagged("ROLLBACK");
    case Type::savepoint:
      QW_TRY(session.savepoint(command.name));
      return tagged("SAVEPOINT");
    case Type::release:
      QW_TRY(session.release_savepoint(command.name));
      return tagged("RELEASE");
    case Type::rollback_to:
      QW_TRY(session.rollback_to_savepoint(command.name));
      return tagged("ROLLBACK");
    case Type::prepare:
    case Type::commit_prepared:
    case Type::rollback_prepared:
      return fail(feature_not_supported("two-phase commit is not supported"));
  }
  QW_UNREACHABLE();
}

// ---- definitions ------------------------------------------------------------------------------

Result<UtilityResult> create_table(SessionImpl& session, const Statement& statement,
                                   const sql::BoundCreateTable& table,
                                   const std::vector<Datum>& parameters) {
  const bool from_query = table.rows != nullptr;
  const std::string tag = from_query ? "CREATE TABLE AS" : "CREATE TABLE";
  if (table.exists) {
    session.notice({"NOTICE", duplicate_table(fmt::format(
                                  "relation \"{}\" already exists, skipping", table.name))});
    return tagged(tag);
  }
  if (table.watermark_column) {
    return fail(feature_not_supported("WATERMARK is not supported yet"));
  }
  QW_TRY(session.before_definition(tag));
  QW_TRY(session.database().definitions().create_table(table, ddl_context(session)));
  if (!from_query || !table.with_data) return tagged(tag);
  const auto view = session.database().definitions().view();
  const sql::Relation* made = view->catalog->find(table.schema, table.name);
  if (made == nullptr) {  // somebody else was faster
    return fail(undefined_table(fmt::format("relation \"{}\" does not exist", table.name)));
  }
  session.commit_at_once(true);
  auto rows = insert_query(session, statement.shared_work()->plan, *made, parameters);
  if (!rows) {
    const auto find = [&]() -> Result<std::vector<ObjectId>> {
      const auto now = session.database().definitions().view();
      if (!now->catalog->relations.contains(made->id)) return std::vector<ObjectId>();
      return std::vector<ObjectId>{made->id};
    };
    QW_TRY(session.database().definitions().drop(find, false, ddl_context(session)));
    return fail(std::move(rows).error());
  }
  return tagged(fmt::format("SELECT {}", *rows));
}

Result<UtilityResult> create_view(SessionImpl& session, Statement& statement) {
  auto work = statement.shared_work();
  auto* view = work->bound.as<sql::BoundCreateView>();
  const std::string tag = view->materialized ? "CREATE MATERIALIZED VIEW" : "CREATE VIEW";
  if (view->exists) {
    session.notice({"NOTICE", duplicate_table(fmt::format(
                                  "relation \"{}\" already exists, skipping", view->name))});
    return tagged(tag);
  }
  if (view->emit_on_window_close) {
    return fail(feature_not_supported("EMIT ON WINDOW CLOSE is not supported yet"));
  }
  if (!view->with_data) {
    return fail(feature_not_supported("WITH NO DATA is not supported: views are always current"));
  }
  QW_TRY(session.before_definition(tag));
  sql::BoundCreateView made;
  made.schema = view->schema;
  made.name = view->name;
  made.materialized = view->materialized;
  made.or_replace = view->or_replace;
  made.definition = view->definition;
  made.columns = view->columns;
  made.depends_on = view->depends_on;
  QW_TRY(session.database().definitions().create_view(std::move(made), ddl_context(session)));
  return tagged(tag);
}

Result<UtilityResult> create_source(SessionImpl& session, const Statement& statement,
                                    const ast::CreateSource& source) {
  QW_ASSIGN_OR_RETURN(const std::string schema, creation_schema(session, source.name.schema));
  const auto view = session.database().definitions().view();
  if (source.if_not_exists &&
      view->catalog->find_object(NamedKind::source, schema, source.name.name) != nullptr) {
    session.notice({"NOTICE", duplicate_object(fmt::format("source \"{}\" already exists, skipping",
                                                           source.name.name))});
    return tagged("CREATE SOURCE");
  }
  QW_TRY(session.before_definition("CREATE SOURCE"));
  QW_TRY(session.database().definitions().create_source(source, schema, statement.own_text(),
                                                        ddl_context(session)));
  return tagged("CREATE SOURCE");
}

Result<UtilityResult> create_secret(SessionImpl& session, const ast::CreateSecret& secret) {
  QW_ASSIGN_OR_RETURN(const std::string schema, creation_schema(session, secret.name.schema));
  const auto view = session.database().definitions().view();
  if (secret.if_not_exists &&
      view->catalog->find_object(NamedKind::secret, schema, secret.name.name) != nullptr) {
    session.notice({"NOTICE", duplicate_object(fmt::format("secret \"{}\" already exists, skipping",
                                                           secret.name.name))});
    return tagged("CREATE SECRET");
  }
  QW_TRY(session.before_definition("CREATE SECRET"));
  QW_TRY(session.database().definitions().create_secret(schema, secret.name.name, secret.value));
  return tagged("CREATE SECRET");
}

Result<UtilityResult> create_connection(SessionImpl& session, const Statement& statement,
                                        const ast::CreateConnection& connection) {
  QW_ASSIGN_OR_RETURN(const std::string schema, creation_schema(session, connection.name.schema));
  const auto view = session.database().definitions().view();
  if (connection.if_not_exists &&
      view->catalog->find_object(NamedKind::connection, schema, connection.name.name) != nullptr) {
    session.notice(
        {"NOTICE", duplicate_object(fmt::format("connection \"{}\" already exists, skipping",
                                                connection.name.name))});
    return tagged("CREATE CONNECTION");
  }
  QW_TRY(session.before_definition("CREATE CONNECTION"));
  QW_TRY(
      session.database().definitions().create_connection(connection, schema, statement.own_text()));
  return tagged("CREATE CONNECTION");
}

Result<UtilityResult> validate_connection(SessionImpl& session,
                                          const ast::ValidateConnection& statement) {
  const auto view = session.database().definitions().view();
  const std::string& name = statement.name.name;
  std::vector<std::string> schemas = session.settings().search_path();
  if (!statement.name.schema.empty()) schemas = {statement.name.schema};
  for (const std::string& schema : schemas) {
    const auto* found = view->catalog->find_object(NamedKind::connection, schema, name);
    if (found == nullptr) continue;
    QW_TRY(session.database().definitions().validate_connection(*found));
    return tagged("VALIDATE CONNECTION");
  }
  return fail(undefined_object(fmt::format("connection \"{}\" does not exist", name)));
}

Result<UtilityResult> create_schema(SessionImpl& session, const ast::CreateSchema& schema) {
  const std::string& name = schema.name.empty() ? schema.authorization : schema.name;
  if (!schema.elements.empty()) {
    return fail(feature_not_supported("CREATE SCHEMA with elements is not supported"));
  }
  if (name.starts_with("pg_")) {
    return fail(reserved_name(fmt::format("unacceptable schema name \"{}\"", name))
                    .with_detail("The prefix \"pg_\" is reserved for system schemas."));
  }
  const auto view = session.database().definitions().view();
  if (schema.if_not_exists && view->catalog->schema_exists(name)) {
    session.notice(
        {"NOTICE", duplicate_schema(fmt::format("schema \"{}\" already exists, skipping", name))});
    return tagged("CREATE SCHEMA");
  }
  QW_TRY(session.before_definition("CREATE SCHEMA"));
  QW_TRY(session.database().definitions().create_schema(name));
  return tagged("CREATE SCHEMA");
}

// ---- DROP -------------------------------------------------------------------------------------

bool kind_matches(ast::ObjectKind wanted, RelationKind kind) {
  switch (kind) {
    case RelationKind::table:
    case RelationKind::source_table:
    case RelationKind::system:
      return wanted == ast::ObjectKind::table;
    case RelationKind::view:
      return wanted == ast::ObjectKind::view;
    case RelationKind::materialized_view:
      return wanted == ast::ObjectKind::materialized_view;
  }
  return false;
}

std::optional<NamedKind> named_kind(ast::ObjectKind kind) {
  if (kind == ast::ObjectKind::source) return NamedKind::source;
  if (kind == ast::ObjectKind::connection) return NamedKind::connection;
  if (kind == ast::ObjectKind::secret) return NamedKind::secret;
  return std::nullopt;
}

// The object that DROP names; nothing when it does not exist.
Result<std::optional<ObjectId>> find_to_drop(SessionImpl& session, const ast::Drop& drop,
                                             const ast::Name& name) {
  const sql::Catalog& catalog = *session.database().definitions().view()->catalog;
  const std::string& last = name.back();
  if (drop.object == ast::ObjectKind::schema) {
    const auto found = catalog.schemas.find(last);
    if (found == catalog.schemas.end()) return std::optional<ObjectId>();
    return std::optional<ObjectId>(found->second.id);
  }
  std::vector<std::string> schemas;
  if (name.size() > 1)
    schemas.push_back(name[name.size() - 2]);
  else
    schemas = session.settings().search_path();
  if (drop.object == ast::ObjectKind::index) return find_index_to_drop(catalog, schemas, last);
  const auto named = named_kind(drop.object);
  for (const std::string& schema : schemas) {
    if (named) {
      if (const auto* object = catalog.find_object(*named, schema, last)) {
        return std::optional<ObjectId>(object->id);
      }
      continue;
    }
    const sql::Relation* relation = catalog.find(schema, last);
    if (relation == nullptr) continue;
    if (!kind_matches(drop.object, relation->kind)) {
      return fail(wrong_object_type(fmt::format("\"{}\" is not a {}", last, drop.object_name))
                      .with_hint(relation->kind == RelationKind::view
                                     ? "Use DROP VIEW to remove a view."
                                 : relation->kind == RelationKind::materialized_view
                                     ? "Use DROP MATERIALIZED VIEW to remove a materialized view."
                                     : "Use DROP TABLE to remove a table."));
    }
    if (relation->kind == RelationKind::source_table) {
      return fail(dependent_objects_still_exist(
                      fmt::format("cannot drop table {} because its source requires it", last))
                      .with_hint("Use DROP SOURCE."));
    }
    if (relation->kind == RelationKind::system) {
      return fail(insufficient_privilege(
          fmt::format("permission denied: \"{}\" is a system catalog", last)));
    }
    return std::optional<ObjectId>(relation->id);
  }
  return std::optional<ObjectId>();
}

Error does_not_exist(const ast::Drop& drop, const std::string& name) {
  if (drop.object == ast::ObjectKind::schema) {
    return invalid_schema_name(fmt::format("schema \"{}\" does not exist", name));
  }
  if (named_kind(drop.object) || drop.object == ast::ObjectKind::index) {
    return undefined_object(fmt::format("{} \"{}\" does not exist", drop.object_name, name));
  }
  return undefined_table(fmt::format("{} \"{}\" does not exist", drop.object_name, name));
}

std::string upper(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return text;
}

Result<UtilityResult> drop_objects(SessionImpl& session, const ast::Drop& drop) {
  const std::string tag = "DROP " + upper(drop.object_name);
  switch (drop.object) {
    case ast::ObjectKind::table:
    case ast::ObjectKind::view:
    case ast::ObjectKind::materialized_view:
    case ast::ObjectKind::schema:
    case ast::ObjectKind::source:
    case ast::ObjectKind::connection:
    case ast::ObjectKind::secret:
    case ast::ObjectKind::index:
      break;
    case ast::ObjectKind::sequence:
    case ast::ObjectKind::type:
    case ast::ObjectKind::domain:
    case ast::ObjectKind::function:
    case ast::ObjectKind::role:
    case ast::ObjectKind::database:
    case ast::ObjectKind::column:
    case ast::ObjectKind::constraint:
    case ast::ObjectKind::other:
      if (drop.if_exists) {
        for (const ast::Name& name : drop.names) {
          session.notice({"NOTICE", Error("00000", fmt::format("{} \"{}\" does not exist, skipping",
                                                               drop.object_name, name.back()))});
        }
        return tagged(tag);
      }
      return fail(feature_not_supported(tag + " is not supported"));
  }
  QW_TRY(session.before_definition(tag));
  const auto find = [&]() -> Result<std::vector<ObjectId>> {
    std::vector<ObjectId> ids;
    for (const ast::Name& name : drop.names) {
      QW_ASSIGN_OR_RETURN(const auto found, find_to_drop(session, drop, name));
      if (found) {
        ids.push_back(*found);
      } else if (drop.if_exists) {
        session.notice(
            {"NOTICE", Error("00000", does_not_exist(drop, name.back()).message() + ", skipping")});
      } else {
        return fail(does_not_exist(drop, name.back()));
      }
    }
    return ids;
  };
  QW_TRY(session.database().definitions().drop(find, drop.behavior == ast::Behavior::cascade,
                                               ddl_context(session)));
  return tagged(tag);
}

// ---- EXPLAIN, PREPARE, cursors ------------------------------------------------------------------

Result<UtilityResult> explain_statement(const Statement& statement) {
  auto work = statement.shared_work();
  const auto* explain = work->bound.as<sql::BoundExplain>();
  UtilityResult result = tagged("EXPLAIN");
  result.rows.emplace(statement.columns());
  sql::PlanPtr plan;
  sql::OptimizeFor target = sql::OptimizeFor::read;
  sql::BoundStatement& inner = *explain->statement;
  if (auto* query = inner.as<sql::BoundQuery>())
    plan = query->plan;
  else if (auto* insert = inner.as<sql::BoundInsert>())
    plan = insert->rows;
  else if (auto* update = inner.as<sql::BoundUpdate>())
    plan = update->rows;
  else if (auto* remove = inner.as<sql::BoundDelete>())
    plan = remove->rows;
  else if (auto* view = inner.as<sql::BoundCreateView>()) {
    plan = view->plan;
    if (view->materialized) target = sql::OptimizeFor::view;
  } else if (auto* table = inner.as<sql::BoundCreateTable>()) {
    plan = table->rows;
  }
  if (!plan) return fail(feature_not_supported("EXPLAIN of this statement is not supported"));
  QW_ASSIGN_OR_RETURN(plan, sql::optimize(plan, target, *work->view->catalog));
  sql::ExplainOptions options;
  for (const ast::Option& option : statement.tree().as<ast::Explain>().options) {
    if (option.name == "verbose") options.properties = true;
  }
  for (const std::string& line : sql::explain(*plan, options)) {
    result.rows->add_row({Datum::text(line)});
  }
  return result;
}

Result<UtilityResult> prepare_statement(SessionImpl& session, const ast::Prepare& prepare) {
  std::vector<Type> types;
  for (const ast::TypeName& name : prepare.types) {
    QW_ASSIGN_OR_RETURN(const Type type, sql::bind_type_name(sql::to_sql(name)));
    types.push_back(type);
  }
  QW_ASSIGN_OR_RETURN(auto prepared, session.prepare(sql::to_sql(*prepare.query), types));
  QW_TRY(session.store_prepared(prepare.name, std::move(prepared)));
  return tagged("PREPARE");
}

Result<std::vector<Datum>> execute_arguments(SessionImpl& session, const Prepared& prepared,
                                             const ast::Execute& execute) {
  const auto types = prepared.parameters();
  if (types.size() != execute.arguments.size()) {
    return fail(syntax_error(fmt::format("wrong number of parameters for prepared statement \"{}\"",
                                         execute.name))
                    .with_detail(fmt::format("Expected {} parameters but got {}.", types.size(),
                                             execute.arguments.size())));
  }
  std::vector<Datum> values;
  auto transaction = session.transaction();
  QW_TRY(session.ensure_snapshot(*transaction));
  const sql::BindContext bind_context{*transaction->view->catalog,
                                      session.settings().search_path(),
                                      session.options().user,
                                      session.options().database,
                                      {},
                                      session.style(),
                                      transaction->now_us,
                                      ""};
  for (size_t i = 0; i < types.size(); ++i) {
    // The argument, cast to the parameter's type.
    const std::string text =
        fmt::format("CAST({} AS {})", sql::to_sql(*execute.arguments[i]), types[i].sql_name());
    QW_ASSIGN_OR_RETURN(const sql::ExprPtr bound, sql::bind_expression(text, {}, bind_context));
    sql::EvalContext context = session.eval_context(*transaction, *transaction->view, {});
    QW_ASSIGN_OR_RETURN(Datum value, sql::evaluate(*bound, context));
    values.push_back(std::move(value));
  }
  return values;
}

Result<UtilityResult> execute_statement(SessionImpl& session, const ast::Execute& execute) {
  QW_ASSIGN_OR_RETURN(auto prepared, session.find_prepared(execute.name));
  QW_ASSIGN_OR_RETURN(std::vector<Datum> arguments, execute_arguments(session, *prepared, execute));
  UtilityResult result;
  QW_ASSIGN_OR_RETURN(result.inner, session.execute(std::move(prepared), std::move(arguments)));
  return result;
}

Result<UtilityResult> declare_cursor(SessionImpl& session, const Statement& statement,
                                     const ast::DeclareCursor& declare,
                                     const std::vector<Datum>& parameters) {
  if (!session.in_block() && !declare.hold) {
    return fail(no_active_sql_transaction("DECLARE CURSOR can only be used in transaction blocks"));
  }
  if (session.cursors().contains(declare.name)) {
    return fail(duplicate_cursor(fmt::format("cursor \"{}\" already exists", declare.name)));
  }
  if (declare.scroll) return fail(feature_not_supported("SCROLL cursors are not supported yet"));
  (void)statement;
  QW_ASSIGN_OR_RETURN(auto prepared, session.prepare(sql::to_sql(*declare.query), {}));
  SqlCursor cursor;
  cursor.columns = prepared->columns();
  cursor.hold = declare.hold;
  cursor.statement = statement.own_text();
  QW_ASSIGN_OR_RETURN(cursor.portal, session.execute(std::move(prepared), parameters));
  session.cursors().emplace(declare.name, std::move(cursor));
  return tagged("DECLARE CURSOR");
}

Result<UtilityResult> fetch_rows(SessionImpl& session, const ast::Fetch& fetch) {
  const auto found = session.cursors().find(fetch.cursor);
  if (found == session.cursors().end()) {
    return fail(invalid_cursor_name(fmt::format("cursor \"{}\" does not exist", fetch.cursor)));
  }
  if (fetch.direction != ast::Fetch::Direction::forward || fetch.count < 0) {
    return fail(Error("55000", "cursor can only scan forward")
                    .with_hint("Declare it with SCROLL option to enable backward scan."));
  }
  SqlCursor& cursor = found->second;
  UtilityResult result;
  result.rows.emplace(cursor.columns);
  int64_t wanted = fetch.count, taken = 0;
  while (taken < wanted) {
    if (!cursor.rest && !cursor.done) {
      Batch batch;
      QW_ASSIGN_OR_RETURN(const bool more, cursor.portal->next(batch));
      if (more) cursor.rest = batch;
      cursor.done = !more;
      cursor.rest_at = 0;
    }
    if (!cursor.rest) break;
    Arena arena;
    Batch& rest = *cursor.rest;
    const auto count =
        static_cast<uint32_t>(std::min<int64_t>(wanted - taken, rest.size() - cursor.rest_at));
    auto* rows = arena.allocate_array<uint16_t>(count);
    for (uint32_t i = 0; i < count; ++i) {
      rows[i] = static_cast<uint16_t>(rest.row(cursor.rest_at + i));
    }
    Batch part = rest;
    part.select(rows, count);
    if (!fetch.move) result.rows->add(part);
    cursor.rest_at += count;
    taken += count;
    if (cursor.rest_at == rest.size()) cursor.rest.reset();
  }
  result.tag = fmt::format("{} {}", fetch.move ? "MOVE" : "FETCH", taken);
  if (fetch.move) result.rows.reset();
  return result;
}

Result<UtilityResult> close_cursor(SessionImpl& session, const ast::CloseCursor& close) {
  if (close.name.empty()) {
    session.cursors().clear();
    return tagged("CLOSE CURSOR ALL");
  }
  if (session.cursors().erase(close.name) == 0) {
    return fail(invalid_cursor_name(fmt::format("cursor \"{}\" does not exist", close.name)));
  }
  return tagged("CLOSE CURSOR");
}

Result<UtilityResult> deallocate(SessionImpl& session, const ast::Deallocate& statement) {
  if (statement.name.empty()) {
    session.prepared().clear();
    return tagged("DEALLOCATE ALL");
  }
  QW_TRY(session.find_prepared(statement.name));
  session.close_prepared(statement.name);
  return tagged("DEALLOCATE");
}

Result<UtilityResult> discard(SessionImpl& session, const ast::Discard& statement) {
  if (statement.what == "all") {
    if (session.in_block()) {
      return fail(active_sql_transaction("DISCARD ALL cannot run inside a transaction block"));
    }
    session.prepared().clear();
    session.cursors().clear();
    session.settings().reset_all();
    session.database().advisory_locks().release_all(session.backend_pid());
  }
  return tagged("DISCARD " + upper(statement.what));
}

Result<UtilityResult> truncate(SessionImpl& session, const ast::Truncate& statement) {
  const auto view = session.database().definitions().view();
  for (const ast::RelationName& name : statement.relations) {
    const sql::Relation* relation = nullptr;
    if (!name.schema.empty()) relation = view->catalog->find(name.schema, name.name);
    for (const std::string& schema : session.settings().search_path()) {
      if (relation == nullptr && name.schema.empty()) {
        relation = view->catalog->find(schema, name.name);
      }
    }
    if (relation == nullptr) {
      return fail(undefined_table(fmt::format("relation \"{}\" does not exist", name.name)));
    }
    QW_TRY(truncate_table(session, *relation));
  }
  return tagged("TRUNCATE TABLE");
}

}  // namespace

namespace {

// A setting as PostgreSQL spells it: SHOW timezone answers in a column "TimeZone".
std::string shown_name(SessionImpl& session, const std::string& name) {
  const auto same = [](char a, char b) { return std::tolower(a) == std::tolower(b); };
  for (const Settings::Row& row : session.settings().all()) {
    if (std::equal(row.name.begin(), row.name.end(), name.begin(), name.end(), same)) {
      return row.name;
    }
  }
  return name;
}

}  // namespace

Result<void> describe_utility(SessionImpl& session, const Statement& statement, BoundWork& work) {
  const ast::Statement& tree = statement.tree();
  if (const auto* show = tree.try_as<ast::ShowVariable>()) {
    work.columns = show->name == "all" ? text_schema({"name", "setting", "description"})
                                       : text_schema({shown_name(session, show->name)});
  } else if (tree.try_as<ast::Explain>() != nullptr) {
    work.columns = text_schema({"QUERY PLAN"});
  } else if (const auto* objects = tree.try_as<ast::ShowObjects>()) {
    work.columns = show_columns(*objects);
  } else if (const auto* execute = tree.try_as<ast::Execute>()) {
    const auto found = session.prepared().find(execute->name);
    if (found != session.prepared().end()) {
      work.columns = found->second->columns();
      work.returns_rows = found->second->returns_rows();
      return {};
    }
  } else if (const auto* fetch = tree.try_as<ast::Fetch>(); fetch != nullptr && !fetch->move) {
    const auto found = session.cursors().find(fetch->cursor);
    if (found != session.cursors().end()) work.columns = found->second.columns;
  }
  work.returns_rows = work.columns.size() != 0;
  return {};
}

Result<UtilityResult> run_utility(SessionImpl& session, Statement& statement,
                                  const std::vector<Datum>& parameters) {
  const ast::Statement& tree = statement.tree();
  auto work = statement.shared_work();
  // Before CREATE TABLE: a bound source has the same form.
  if (const auto* s = tree.try_as<ast::CreateSource>()) {
    return create_source(session, statement, *s);
  }
  if (const auto* table = work->bound.as<sql::BoundCreateTable>()) {
    return create_table(session, statement, *table, parameters);
  }
  if (work->bound.as<sql::BoundCreateView>() != nullptr) return create_view(session, statement);
  if (const auto* index = work->bound.as<sql::BoundCreateIndex>()) {
    QW_ASSIGN_OR_RETURN(std::string tag,
                        create_index_statement(session, *index, ddl_context(session)));
    return tagged(std::move(tag));
  }
  if (const auto* s = tree.try_as<ast::AlterTable>()) {
    QW_ASSIGN_OR_RETURN(std::string tag, alter_table_statement(session, *s, ddl_context(session)));
    return tagged(std::move(tag));
  }
  if (work->bound.as<sql::BoundExplain>() != nullptr) return explain_statement(statement);
  if (const auto* s = tree.try_as<ast::Transaction>()) return transaction_command(session, *s);
  if (const auto* s = tree.try_as<ast::SetVariable>()) return set_variable(session, *s);
  if (const auto* s = tree.try_as<ast::ShowVariable>())
    return show_variable(session, statement, *s);
  if (const auto* s = tree.try_as<ast::ShowObjects>()) {
    UtilityResult result = tagged("SHOW");
    QW_ASSIGN_OR_RETURN(result.rows, show_objects(session, *s));
    return result;
  }
  if (const auto* s = tree.try_as<ast::CreateSecret>()) return create_secret(session, *s);
  if (const auto* s = tree.try_as<ast::CreateConnection>()) {
    return create_connection(session, statement, *s);
  }
  if (const auto* s = tree.try_as<ast::ValidateConnection>()) {
    return validate_connection(session, *s);
  }
  if (const auto* s = tree.try_as<ast::CreateSchema>()) return create_schema(session, *s);
  if (const auto* s = tree.try_as<ast::Drop>()) return drop_objects(session, *s);
  if (const auto* s = tree.try_as<ast::Prepare>()) return prepare_statement(session, *s);
  if (const auto* s = tree.try_as<ast::Execute>()) return execute_statement(session, *s);
  if (const auto* s = tree.try_as<ast::Deallocate>()) return deallocate(session, *s);
  if (const auto* s = tree.try_as<ast::DeclareCursor>()) {
    return declare_cursor(session, statement, *s, parameters);
  }
  if (const auto* s = tree.try_as<ast::Fetch>()) return fetch_rows(session, *s);
  if (const auto* s = tree.try_as<ast::CloseCursor>()) return close_cursor(session, *s);
  if (const auto* s = tree.try_as<ast::Discard>()) return discard(session, *s);
  if (const auto* s = tree.try_as<ast::Truncate>()) return truncate(session, *s);
  // Maintenance that needs nothing here: storage looks after itself, statistics are exact.
  if (const auto* s = tree.try_as<ast::Vacuum>()) {
    return tagged(s->analyze_only ? "ANALYZE" : "VACUUM");
  }
  if (tree.try_as<ast::Checkpoint>() != nullptr) return tagged("CHECKPOINT");
  if (tree.try_as<ast::Flush>() != nullptr) return tagged("FLUSH");
  if (tree.try_as<ast::Lock>() != nullptr) {
    if (session.in_block()) return tagged("LOCK TABLE");
    return fail(no_active_sql_transaction("LOCK TABLE can only be used in transaction blocks"));
  }
  if (const auto* s = tree.try_as<ast::Refresh>()) {
    (void)s;
    return tagged("REFRESH MATERIALIZED VIEW");  // it is always current
  }
  if (const auto* s = tree.try_as<ast::Unsupported>()) {
    return fail(feature_not_supported(s->construct + " is not supported"));
  }
  return fail(feature_not_supported(sql::statement_name(tree) + " is not supported yet"));
}

}  // namespace qw::engine
