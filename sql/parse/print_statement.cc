// See printer.h: statements that do not query, and the public functions of the printer.
// Tests: tests/unit/sql_parse/print_test.cc.
#include <algorithm>

#include "sql/parse/printer.h"
#include "sql/parser.h"

namespace qw::sql {

std::string to_sql(const ast::Node& node) {
  parsing::Printer printer;
  printer.node(node);
  return printer.take();
}

std::string to_sql(const ast::TypeName& type) {
  parsing::Printer printer;
  printer.type(type);
  return printer.take();
}

namespace parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

namespace {

std::string keywords(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (c == '_') c = ' ';
  }
  return result;
}

std::string_view kind_word(ObjectKind kind) {
  switch (kind) {
    case ObjectKind::table:
      return "TABLE";
    case ObjectKind::view:
      return "VIEW";
    case ObjectKind::materialized_view:
      return "MATERIALIZED VIEW";
    case ObjectKind::index:
      return "INDEX";
    case ObjectKind::schema:
      return "SCHEMA";
    case ObjectKind::source:
      return "SOURCE";
    case ObjectKind::connection:
      return "CONNECTION";
    case ObjectKind::secret:
      return "SECRET";
    case ObjectKind::sequence:
      return "SEQUENCE";
    case ObjectKind::type:
      return "TYPE";
    case ObjectKind::domain:
      return "DOMAIN";
    case ObjectKind::function:
      return "FUNCTION";
    case ObjectKind::role:
      return "ROLE";
    case ObjectKind::database:
      return "DATABASE";
    case ObjectKind::column:
      return "COLUMN";
    case ObjectKind::constraint:
      return "CONSTRAINT";
    case ObjectKind::other:
      return "";
  }
  return "";
}

}  // namespace

void Printer::node(const Node& node) {
  if (node.kind <= Kind::current_of) return expr(static_cast<const Expr&>(node));
  if (node.kind <= Kind::join) return from_item(static_cast<const FromItem&>(node));
  statement(node);
}

void Printer::statement(const Node& node) {
  if (const auto* select_node = node.try_as<Select>()) return select(*select_node);
  if (const auto* insert_node = node.try_as<Insert>()) return insert(*insert_node);
  if (const auto* update_node = node.try_as<Update>()) return update(*update_node);
  if (const auto* delete_node = node.try_as<Delete>()) return remove(*delete_node);
  if (const auto* table = node.try_as<CreateTable>()) return create_table(*table);
  if (const auto* table_as = node.try_as<CreateTableAs>()) return create_table_as(*table_as);
  if (const auto* view = node.try_as<CreateView>()) return create_view(*view);
  if (const auto* index = node.try_as<CreateIndex>()) return create_index(*index);
  if (const auto* source = node.try_as<CreateSource>()) return create_source(*source);
  if (const auto* drop_node = node.try_as<Drop>()) return drop(*drop_node);
  if (const auto* alter = node.try_as<AlterTable>()) return alter_table(*alter);
  if (const auto* rename_node = node.try_as<Rename>()) return rename(*rename_node);
  if (const auto* comment_node = node.try_as<Comment>()) return comment(*comment_node);
  if (const auto* copy_node = node.try_as<Copy>()) return copy(*copy_node);
  if (const auto* block = node.try_as<Transaction>()) return transaction(*block);
  if (const auto* set = node.try_as<SetVariable>()) return set_variable(*set);
  if (const auto* show = node.try_as<ShowObjects>()) return show_objects(*show);
  if (const auto* declare = node.try_as<DeclareCursor>()) return declare_cursor(*declare);
  if (const auto* fetch_node = node.try_as<Fetch>()) return fetch(*fetch_node);
  if (const auto* explain_node = node.try_as<Explain>()) return explain(*explain_node);
  if (const auto* subscribe_node = node.try_as<Subscribe>()) return subscribe(*subscribe_node);
  small_statement(node);
}

// Options -------------------------------------------------------------------------------------

void Printer::option_value(const Option& option) {
  switch (option.type) {
    case Option::Type::none:
      return;
    case Option::Type::word:
      if (option.text == "true" || option.text == "false" || option.text == "on") {
        put(option.text);
      } else {
        name(option.text);
      }
      return;
    case Option::Type::string:
      literal(option.text);
      return;
    case Option::Type::integer:
    case Option::Type::decimal:
    case Option::Type::cast:
      put(option.text);
      return;
    case Option::Type::list:
      put("(");
      list(option.list, [&](const std::string& item) { name(item); });
      put(")");
      return;
    case Option::Type::star:
      put("*");
      return;
    case Option::Type::secret:
      put("SECRET ");
      if (!option.text_schema.empty()) name(option.text_schema).put(".");
      name(option.text);
      return;
  }
}

void Printer::option(const Option& option, std::string_view equals) {
  if (!option.name_space.empty()) name(option.name_space).put(".");
  name(option.name);
  if (option.type == Option::Type::none) return;
  put(equals);
  option_value(option);
}

void Printer::with_options(const std::vector<Option>& options) {
  if (options.empty()) return;
  put(" WITH (");
  list(options, [&](const Option& item) { option(item, " = "); });
  put(")");
}

void Printer::plain_options(const std::vector<Option>& options) {
  put(" (");
  list(options, [&](const Option& item) {
    put(keywords(item.name));
    if (item.type == Option::Type::none) return;
    put(" ");
    if (item.type == Option::Type::list) {
      // START OFFSET (0, 10)
      put("(");
      list(item.list, [&](const std::string& value) {
        const bool number = value.find_first_not_of("-0123456789.") == std::string::npos;
        if (number && !value.empty()) {
          put(value);
        } else {
          literal(value);
        }
      });
      put(")");
    } else {
      option_value(item);
    }
  });
  put(")");
}

// Tables --------------------------------------------------------------------------------------

void Printer::persistence(Persistence persistence) {
  if (persistence == Persistence::temporary) put("TEMPORARY ");
  if (persistence == Persistence::unlogged) put("UNLOGGED ");
}

void Printer::constraint(const Constraint& node) {
  if (!node.name.empty()) put("CONSTRAINT ").name(node.name).put(" ");
  const auto parenthesised = [&](std::string_view words) {
    put(words).put(" (");
    expr(*node.expr);
    put(")");
  };
  switch (node.type) {
    case Constraint::Type::not_null:
      put("NOT NULL");
      return;
    case Constraint::Type::null:
      put("NULL");
      return;
    case Constraint::Type::default_value:
      put("DEFAULT ");
      expr(*node.expr);
      return;
    case Constraint::Type::primary_key:
      put("PRIMARY KEY");
      columns(node.columns);
      return;
    case Constraint::Type::unique:
      put(node.nulls_not_distinct ? "UNIQUE NULLS NOT DISTINCT" : "UNIQUE");
      columns(node.columns);
      return;
    case Constraint::Type::check:
      return parenthesised("CHECK");
    case Constraint::Type::generated:
      parenthesised("GENERATED ALWAYS AS");
      put(" STORED");
      return;
    case Constraint::Type::identity:
      put(node.identity_always ? "GENERATED ALWAYS AS IDENTITY"
                               : "GENERATED BY DEFAULT AS IDENTITY");
      return;
    case Constraint::Type::foreign_key:
      if (!node.columns.empty()) {
        put("FOREIGN KEY");
        columns(node.columns);
        put(" ");
      }
      put("REFERENCES ").relation(node.references);
      columns(node.referenced_columns);
      return;
    case Constraint::Type::exclude:
      put("EXCLUDE");
      return;
  }
}

void Printer::column(const ColumnDef& node) {
  name(node.name).put(" ");
  type(node.type);
  if (!node.collation.empty()) put(" COLLATE ").names(node.collation);
  for (const Constraint& item : node.constraints) {
    put(" ");
    constraint(item);
  }
}

void Printer::watermark(const Watermark& node) {
  put("WATERMARK FOR ").name(node.column).put(" AS ");
  expr(*node.expr);
}

void Printer::elements(const std::vector<ColumnDef>& columns,
                       const std::vector<Constraint>& constraints,
                       const std::vector<Watermark>& watermarks) {
  put(" (");
  list(columns, [&](const ColumnDef& item) { column(item); });
  bool first = columns.empty();
  const auto comma = [&] {
    if (!first) put(", ");
    first = false;
  };
  for (const Constraint& item : constraints) {
    comma();
    constraint(item);
  }
  for (const Watermark& item : watermarks) {
    comma();
    watermark(item);
  }
  put(")");
}

void Printer::create_table(const CreateTable& node) {
  put("CREATE ");
  persistence(node.persistence);
  put(node.if_not_exists ? "TABLE IF NOT EXISTS " : "TABLE ").relation(node.relation);
  elements(node.columns, node.constraints, node.watermarks);
  with_options(node.options);
  if (!node.on_commit.empty()) put(" ON COMMIT ").put(keywords(node.on_commit));
}

void Printer::create_table_as(const CreateTableAs& node) {
  put("CREATE ");
  persistence(node.persistence);
  put(node.materialized_view ? "MATERIALIZED VIEW " : "TABLE ");
  if (node.if_not_exists) put("IF NOT EXISTS ");
  relation(node.relation);
  columns(node.columns);
  with_options(node.options);
  put(" AS ");
  statement(*node.query);
  if (node.emit_on_window_close) put(" EMIT ON WINDOW CLOSE");
  if (!node.with_data) put(" WITH NO DATA");
}

void Printer::create_view(const CreateView& node) {
  put(node.or_replace ? "CREATE OR REPLACE " : "CREATE ");
  persistence(node.persistence);
  put("VIEW ").relation(node.relation);
  columns(node.columns);
  with_options(node.options);
  put(" AS ");
  statement(*node.query);
  if (node.check_option) put(" WITH CHECK OPTION");
}

void Printer::create_index(const CreateIndex& node) {
  put(node.unique ? "CREATE UNIQUE INDEX " : "CREATE INDEX ");
  if (node.concurrently) put("CONCURRENTLY ");
  if (node.if_not_exists) put("IF NOT EXISTS ");
  if (!node.name.empty()) name(node.name).put(" ");
  put("ON ").relation(node.relation).put(" USING ").name(node.method).put(" (");
  list(node.elements, [&](const IndexElement& element) {
    const bool plain = element.expr->kind == Kind::column_ref;
    put(plain ? "" : "(");
    expr(*element.expr);
    put(plain ? "" : ")");
    if (!element.collation.empty()) put(" COLLATE ").names(element.collation);
    if (!element.operator_class.empty()) put(" ").names(element.operator_class);
    order_suffix(element.direction, element.nulls);
  });
  put(")");
  if (!node.include.empty()) put(" INCLUDE");
  columns(node.include);
  if (node.nulls_not_distinct) put(" NULLS NOT DISTINCT");
  with_options(node.options);
  if (node.where) {
    put(" WHERE ");
    expr(*node.where);
  }
}

// Sources -------------------------------------------------------------------------------------

void Printer::source_format(const CreateSource& node) {
  const auto format = [&](std::string_view words, const CreateSource::Format& part) {
    if (part.name.empty()) return;
    put(words).put(keywords(part.name));
    if (!part.options.empty()) plain_options(part.options);
  };
  format(" KEY FORMAT ", node.key_format);
  format(node.key_format.name.empty() ? " FORMAT " : " VALUE FORMAT ", node.format);
  if (!node.include.empty()) put(" INCLUDE ");
  list(node.include, [&](const CreateSource::Include& item) {
    put(keywords(item.what));
    if (!item.alias.empty()) put(" AS ").name(item.alias);
  });
  switch (node.envelope) {
    case CreateSource::Envelope::unspecified:
      return;
    case CreateSource::Envelope::none:
      put(" ENVELOPE NONE");
      return;
    case CreateSource::Envelope::upsert:
      put(" ENVELOPE UPSERT");
      return;
    case CreateSource::Envelope::debezium:
      put(" ENVELOPE DEBEZIUM");
      return;
  }
}

void Printer::create_source(const CreateSource& node) {
  put(node.if_not_exists ? "CREATE SOURCE IF NOT EXISTS " : "CREATE SOURCE ").relation(node.name);
  if (node.has_columns) elements(node.columns, node.constraints, node.watermarks);
  put(" FROM ").put(keywords(node.type));
  if (!node.generator.empty()) put(" ").put(keywords(node.generator));
  if (!node.connection.name.empty()) put(" CONNECTION ").relation(node.connection);
  if (!node.connection_options.empty()) plain_options(node.connection_options);
  if (node.all_tables) put(" FOR ALL TABLES");
  if (!node.tables.empty()) {
    put(" FOR TABLES (");
    list(node.tables, [&](const CreateSource::Table& table) {
      relation(table.upstream);
      if (!table.as.name.empty()) put(" AS ").relation(table.as);
    });
    put(")");
  }
  source_format(node);
  with_options(node.options);
}

// Changes -------------------------------------------------------------------------------------

void Printer::behavior(Behavior behavior) {
  if (behavior == Behavior::cascade) put(" CASCADE");
}

void Printer::drop(const Drop& node) {
  put("DROP ").put(keywords(node.object_name)).put(" ");
  if (node.concurrently) put("CONCURRENTLY ");
  if (node.if_exists) put("IF EXISTS ");
  list(node.names, [&](const Name& parts) { names(parts); });
  behavior(node.behavior);
}

void Printer::alter_action(const AlterAction& action) {
  const std::string_view exists = action.if_exists ? "IF EXISTS " : "";
  switch (action.type) {
    case AlterAction::Type::add_column:
      put(action.if_not_exists ? "ADD COLUMN IF NOT EXISTS " : "ADD COLUMN ");
      column(*action.column);
      return;
    case AlterAction::Type::drop_column:
      put("DROP COLUMN ").put(exists).name(action.name);
      behavior(action.behavior);
      return;
    case AlterAction::Type::set_default:
      put("ALTER COLUMN ").name(action.name).put(" SET DEFAULT ");
      expr(*action.expr);
      return;
    case AlterAction::Type::drop_default:
      put("ALTER COLUMN ").name(action.name).put(" DROP DEFAULT");
      return;
    case AlterAction::Type::set_not_null:
      put("ALTER COLUMN ").name(action.name).put(" SET NOT NULL");
      return;
    case AlterAction::Type::drop_not_null:
      put("ALTER COLUMN ").name(action.name).put(" DROP NOT NULL");
      return;
    case AlterAction::Type::alter_type:
      put("ALTER COLUMN ").name(action.name).put(" TYPE ");
      type(action.column->type);
      if (action.expr) {
        put(" USING ");
        expr(*action.expr);
      }
      return;
    case AlterAction::Type::add_constraint:
      put("ADD ");
      constraint(*action.constraint);
      return;
    case AlterAction::Type::drop_constraint:
      put("DROP CONSTRAINT ").put(exists).name(action.name);
      behavior(action.behavior);
      return;
    case AlterAction::Type::owner_to:
      put("OWNER TO ").name(action.name);
      return;
    case AlterAction::Type::set_options:
      put("SET (");
      list(action.options, [&](const Option& item) { option(item, " = "); });
      put(")");
      return;
    case AlterAction::Type::other:
      put(action.description);
      return;
  }
}

void Printer::alter_table(const AlterTable& node) {
  put("ALTER ").put(kind_word(node.object)).put(node.if_exists ? " IF EXISTS " : " ");
  relation(node.relation).put(" ");
  list(node.actions, [&](const AlterAction& action) { alter_action(action); });
}

void Printer::rename(const Rename& node) {
  const bool part = node.object == ObjectKind::column || node.object == ObjectKind::constraint;
  put("ALTER ").put(part ? "TABLE" : keywords(node.object_name));
  put(node.if_exists ? " IF EXISTS " : " ");
  if (node.relation.name.empty()) {
    names(node.name);
    if (node.name.empty()) name(node.column);
  } else {
    relation(node.relation);
  }
  put(" RENAME ");
  if (part) put(kind_word(node.object)).put(" ").name(node.column).put(" ");
  put("TO ").name(node.new_name);
}

void Printer::comment(const Comment& node) {
  put("COMMENT ON ").put(keywords(node.object_name)).put(" ");
  const bool of_table = node.object == ObjectKind::constraint && node.name.size() > 1;
  if (of_table) {
    name(node.name.back()).put(" ON ").names(Name(node.name.begin(), node.name.end() - 1));
  } else {
    names(node.name);
  }
  put(" IS ");
  if (node.text) {
    literal(*node.text);
  } else {
    put("NULL");
  }
}

// COPY, transactions, settings ----------------------------------------------------------------

void Printer::copy(const Copy& node) {
  put("COPY ");
  if (node.query) {
    put("(");
    statement(*node.query);
    put(")");
  } else {
    relation(node.relation);
    columns(node.columns);
  }
  put(node.from ? " FROM " : " TO ");
  if (node.program) put("PROGRAM ");
  if (node.file.empty()) {
    put(node.from ? "STDIN" : "STDOUT");
  } else {
    literal(node.file);
  }
  if (!node.options.empty()) {
    put(" WITH (");
    list(node.options, [&](const Option& item) { option(item, " "); });
    put(")");
  }
  if (node.where) {
    put(" WHERE ");
    expr(*node.where);
  }
}

void Printer::transaction_modes(const std::vector<Option>& modes) {
  bool first = true;
  for (const Option& mode : modes) {
    put(first ? " " : ", ");
    first = false;
    if (mode.name == "transaction_isolation") put("ISOLATION LEVEL ").put(keywords(mode.text));
    if (mode.name == "transaction_read_only") put(mode.text == "1" ? "READ ONLY" : "READ WRITE");
    if (mode.name == "transaction_deferrable") {
      put(mode.text == "1" ? "DEFERRABLE" : "NOT DEFERRABLE");
    }
  }
}

void Printer::transaction(const Transaction& node) {
  const std::string_view chain = node.chain ? " AND CHAIN" : "";
  switch (node.type) {
    case Transaction::Type::begin:
      put("BEGIN");
      return transaction_modes(node.options);
    case Transaction::Type::start:
      put("START TRANSACTION");
      return transaction_modes(node.options);
    case Transaction::Type::commit:
      put("COMMIT").put(chain);
      return;
    case Transaction::Type::rollback:
      put("ROLLBACK").put(chain);
      return;
    case Transaction::Type::savepoint:
      put("SAVEPOINT ").name(node.name);
      return;
    case Transaction::Type::release:
      put("RELEASE ").name(node.name);
      return;
    case Transaction::Type::rollback_to:
      put("ROLLBACK TO ").name(node.name);
      return;
    case Transaction::Type::prepare:
      put("PREPARE TRANSACTION ").literal(node.name);
      return;
    case Transaction::Type::commit_prepared:
      put("COMMIT PREPARED ").literal(node.name);
      return;
    case Transaction::Type::rollback_prepared:
      put("ROLLBACK PREPARED ").literal(node.name);
      return;
  }
}

void Printer::set_variable(const SetVariable& node) {
  const auto variable = [&] {
    size_t begin = 0;
    for (size_t dot = 0; dot != std::string::npos; begin = dot + 1) {
      if (begin != 0) put(".");
      dot = node.name.find('.', begin);
      name(std::string_view(node.name).substr(begin, dot - begin));
    }
  };
  using Type = SetVariable::Type;
  if (node.type == Type::reset_all || node.type == Type::reset) {
    put("RESET ");
    if (node.type == Type::reset_all) {
      put("ALL");
    } else {
      variable();
    }
    return;
  }
  put(node.local ? "SET LOCAL " : "SET ");
  if (node.type == Type::transaction || node.type == Type::session) {
    put(node.type == Type::transaction ? "TRANSACTION" : "SESSION CHARACTERISTICS AS TRANSACTION");
    return transaction_modes(node.values);
  }
  const bool zone = node.values.size() == 1 && node.values[0].type == Option::Type::cast;
  if (zone) {
    // TIME ZONE takes INTERVAL '1' HOUR, which is stored as a cast: '1'::interval hour.
    const std::string& text = node.values[0].text;
    const size_t cast = text.rfind("'::interval");
    put("TIME ZONE INTERVAL ").put(text.substr(0, cast + 1)).put(text.substr(cast + 11));
    return;
  }
  variable();
  if (node.type == Type::current) {
    put(" FROM CURRENT");
    return;
  }
  put(" TO ");
  if (node.type == Type::to_default) put("DEFAULT");
  list(node.values, [&](const Option& value) { option_value(value); });
}

void Printer::show_objects(const ShowObjects& node) {
  using Type = ShowObjects::Type;
  put("SHOW ");
  switch (node.type) {
    case Type::sources:
      put("SOURCES");
      break;
    case Type::views:
      put("VIEWS");
      break;
    case Type::materialized_views:
      put("MATERIALIZED VIEWS");
      break;
    case Type::tables:
      put("TABLES");
      break;
    case Type::connections:
      put("CONNECTIONS");
      break;
    case Type::secrets:
      put("SECRETS");
      break;
    case Type::indexes:
      put("INDEXES");
      break;
    case Type::schemas:
      put("SCHEMAS");
      break;
    case Type::columns:
      put("COLUMNS FROM ").relation(node.relation);
      break;
    case Type::create:
      put("CREATE ").put(kind_word(node.object)).put(node.object == ObjectKind::other ? "" : " ");
      relation(node.relation);
      return;
  }
  if (node.type == Type::indexes && !node.relation.name.empty())
    put(" ON ").relation(node.relation);
  if (!node.schema.empty()) put(" FROM ").name(node.schema);
  if (node.has_like) put(" LIKE ").literal(node.like);
}

void Printer::declare_cursor(const DeclareCursor& node) {
  put("DECLARE ").name(node.name);
  if (node.binary) put(" BINARY");
  if (node.insensitive) put(" INSENSITIVE");
  if (node.scroll) put(" SCROLL");
  if (node.no_scroll) put(" NO SCROLL");
  put(node.hold ? " CURSOR WITH HOLD FOR " : " CURSOR FOR ");
  statement(*node.query);
}

void Printer::fetch(const Fetch& node) {
  put(node.move ? "MOVE " : "FETCH ");
  switch (node.direction) {
    case Fetch::Direction::forward:
      put("FORWARD ");
      break;
    case Fetch::Direction::backward:
      put("BACKWARD ");
      break;
    case Fetch::Direction::absolute:
      put("ABSOLUTE ");
      break;
    case Fetch::Direction::relative:
      put("RELATIVE ");
      break;
  }
  put(node.count == Fetch::kAll ? "ALL" : std::to_string(node.count));
  put(" FROM ").name(node.cursor);
}

void Printer::explain(const Explain& node) {
  put(node.dataflow ? "EXPLAIN DATAFLOW" : "EXPLAIN");
  if (!node.options.empty()) {
    put(" (");
    list(node.options, [&](const Option& item) {
      put(keywords(item.name));
      if (item.type != Option::Type::none) put(" ");
      option_value(item);
    });
    put(")");
  }
  put(" ");
  statement(*node.query);
}

void Printer::subscribe(const Subscribe& node) {
  put("SUBSCRIBE TO ");
  if (node.query) {
    put("(");
    select(*node.query);
    put(")");
  } else {
    relation(node.relation);
  }
  with_options(node.options);
  if (!node.as_of) return;
  put(" AS OF ");
  expr(*node.as_of);
}

void Printer::small_statement(const Node& node) {
  const auto relations = [&](const std::vector<RelationName>& items) {
    list(items, [&](const RelationName& item) { relation(item); });
  };
  if (const auto* schema = node.try_as<CreateSchema>()) {
    put(schema->if_not_exists ? "CREATE SCHEMA IF NOT EXISTS" : "CREATE SCHEMA");
    if (!schema->name.empty()) put(" ").name(schema->name);
    if (!schema->authorization.empty()) put(" AUTHORIZATION ").name(schema->authorization);
    for (const StatementPtr& element : schema->elements) {
      put(" ");
      statement(*element);
    }
  } else if (const auto* secret = node.try_as<CreateSecret>()) {
    put(secret->if_not_exists ? "CREATE SECRET IF NOT EXISTS " : "CREATE SECRET ");
    relation(secret->name).put(" AS '***'");  // never the value
  } else if (const auto* connection = node.try_as<CreateConnection>()) {
    put(connection->if_not_exists ? "CREATE CONNECTION IF NOT EXISTS " : "CREATE CONNECTION ");
    relation(connection->name).put(" TO ").put(keywords(connection->type));
    plain_options(connection->options);
  } else if (const auto* validate = node.try_as<ValidateConnection>()) {
    put("VALIDATE CONNECTION ").relation(validate->name);
  } else if (const auto* refresh = node.try_as<Refresh>()) {
    put("REFRESH MATERIALIZED VIEW ").put(refresh->concurrently ? "CONCURRENTLY " : "");
    relation(refresh->relation).put(refresh->with_data ? "" : " WITH NO DATA");
  } else if (const auto* truncate = node.try_as<Truncate>()) {
    put("TRUNCATE ");
    relations(truncate->relations);
    if (truncate->restart_identity) put(" RESTART IDENTITY");
    behavior(truncate->behavior);
  } else if (const auto* show = node.try_as<ShowVariable>()) {
    put("SHOW ").put(show->name.find('.') == std::string::npos ? quote_identifier(show->name)
                                                               : show->name);
  } else if (const auto* prepare = node.try_as<Prepare>()) {
    put("PREPARE ").name(prepare->name);
    if (!prepare->types.empty()) put(" (");
    list(prepare->types, [&](const TypeName& item) { type(item); });
    put(prepare->types.empty() ? " AS " : ") AS ");
    statement(*prepare->query);
  } else if (const auto* execute = node.try_as<Execute>()) {
    put("EXECUTE ").name(execute->name);
    if (execute->arguments.empty()) return;
    put(" (");
    exprs(execute->arguments);
    put(")");
  } else if (const auto* deallocate = node.try_as<Deallocate>()) {
    put("DEALLOCATE ").put(deallocate->name.empty() ? "ALL" : quote_identifier(deallocate->name));
  } else if (const auto* close = node.try_as<CloseCursor>()) {
    put("CLOSE ").put(close->name.empty() ? "ALL" : quote_identifier(close->name));
  } else if (const auto* discard = node.try_as<Discard>()) {
    put("DISCARD ").put(keywords(discard->what));
  } else if (const auto* listen = node.try_as<Listen>()) {
    put("LISTEN ").name(listen->channel);
  } else if (const auto* unlisten = node.try_as<Unlisten>()) {
    put("UNLISTEN ").put(unlisten->channel.empty() ? "*" : quote_identifier(unlisten->channel));
  } else if (const auto* notify = node.try_as<Notify>()) {
    put("NOTIFY ").name(notify->channel);
    if (!notify->payload.empty()) put(", ").literal(notify->payload);
  } else if (const auto* vacuum = node.try_as<Vacuum>()) {
    put(vacuum->analyze_only ? "ANALYZE" : "VACUUM");
    if (!vacuum->options.empty()) plain_options(vacuum->options);
    if (!vacuum->relations.empty()) put(" ");
    relations(vacuum->relations);
  } else if (const auto* lock = node.try_as<Lock>()) {
    put("LOCK TABLE ");
    relations(lock->relations);
    put(" IN ").put(lock->mode).put(lock->nowait ? " MODE NOWAIT" : " MODE");
  } else if (const auto* constraints = node.try_as<SetConstraints>()) {
    put("SET CONSTRAINTS ");
    if (constraints->constraints.empty()) put("ALL");
    relations(constraints->constraints);
    put(constraints->deferred ? " DEFERRED" : " IMMEDIATE");
  } else if (node.kind == Kind::checkpoint) {
    put("CHECKPOINT");
  } else if (node.kind == Kind::flush) {
    put("FLUSH");
  } else {
    put(node.as<Unsupported>().construct);
  }
}

}  // namespace parsing
}  // namespace qw::sql
