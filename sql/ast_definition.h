// The syntax tree of definitions: tables, views, indexes, sources and their like.
// The rules of all parts stand in ast_node.h. Tests: tests/unit/sql_parse/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql/ast_query.h"

namespace qw::sql::ast {

// name [= value] in WITH (..) and the like. Names are lower case; two-word names of our own DDL are
// joined by _ (START OFFSET is start_offset).
struct Option {
  enum class Type : uint8_t { none, word, string, integer, decimal, list, star, secret, cast };
  std::string name_space;  // a.b = 'x': "a"
  std::string name;
  Type type = Type::none;
  // word, string, secret (its name): the value; numbers: as written; cast (SET TIME ZONE INTERVAL
  // '1' HOUR): the SQL text.
  std::string text;
  std::string text_schema;  // secret: of its name, "" = none given
  std::vector<std::string> list;
  int32_t location = -1;
};

enum class ObjectKind : uint8_t {
  table,
  view,
  materialized_view,
  index,
  schema,
  source,
  connection,
  secret,
  sequence,
  type,
  domain,
  function,
  role,
  database,
  column,
  constraint,
  other
};
enum class Behavior : uint8_t { restrict, cascade };

// Definitions ------------------------------------------------------------------------------------

struct Constraint {
  enum class Type : uint8_t {
    not_null,
    null,
    default_value,
    primary_key,
    unique,
    check,
    foreign_key,
    generated,
    identity,
    exclude
  };
  Type type = Type::not_null;
  std::string name;
  ExprPtr expr;                      // default_value, check, generated
  std::vector<std::string> columns;  // of a table constraint
  bool nulls_not_distinct = false;
  bool identity_always = false;
  RelationName references;  // foreign_key
  std::vector<std::string> referenced_columns;
  int32_t location = -1;
};
struct ColumnDef {
  std::string name;
  TypeName type;
  Name collation;
  std::vector<Constraint> constraints;
  int32_t location = -1;
};
// WATERMARK FOR column AS expr
struct Watermark {
  std::string column;
  ExprPtr expr;
  int32_t location = -1;
};
struct CreateTable : NodeOf<Kind::create_table, Statement> {
  RelationName relation;
  Persistence persistence = Persistence::permanent;
  bool if_not_exists = false;
  std::vector<ColumnDef> columns;
  std::vector<Constraint> constraints;
  std::vector<Option> options;
  std::vector<Watermark> watermarks;
  std::string on_commit;  // "", "delete rows", "drop", "preserve rows"
};
// CREATE TABLE AS and CREATE MATERIALIZED VIEW
struct CreateTableAs : NodeOf<Kind::create_table_as, Statement> {
  bool materialized_view = false;
  RelationName relation;
  Persistence persistence = Persistence::permanent;
  bool if_not_exists = false;
  std::vector<std::string> columns;
  std::vector<Option> options;
  StatementPtr query;  // Select or Execute
  bool with_data = true;
  bool emit_on_window_close = false;
};
struct CreateView : NodeOf<Kind::create_view, Statement> {
  RelationName relation;
  Persistence persistence = Persistence::permanent;
  bool or_replace = false;
  std::vector<std::string> columns;
  std::vector<Option> options;
  StatementPtr query;
  bool check_option = false;
};
struct IndexElement {
  ExprPtr expr;  // a ColumnRef for a plain column
  Name collation, operator_class;
  OrderItem::Direction direction = OrderItem::Direction::unspecified;
  OrderItem::Nulls nulls = OrderItem::Nulls::unspecified;
};
struct CreateIndex : NodeOf<Kind::create_index, Statement> {
  std::string name;  // "" = to be chosen
  RelationName relation;
  std::string method;  // "btree" when not given
  std::vector<IndexElement> elements;
  std::vector<std::string> include;
  std::vector<Option> options;
  ExprPtr where;
  bool unique = false, if_not_exists = false, concurrently = false, nulls_not_distinct = false;
};
struct CreateSchema : NodeOf<Kind::create_schema, Statement> {
  std::string name;  // "" = AUTHORIZATION's
  std::string authorization;
  bool if_not_exists = false;
  std::vector<StatementPtr> elements;
};
// DROP of anything; names have one to three parts.
struct Drop : NodeOf<Kind::drop, Statement> {
  ObjectKind object = ObjectKind::table;
  std::string object_name;  // "materialized view", "operator class": for messages
  std::vector<Name> names;
  bool if_exists = false, concurrently = false;
  Behavior behavior = Behavior::restrict;
};
struct AlterAction {
  enum class Type : uint8_t {
    add_column,
    drop_column,
    set_default,
    drop_default,
    set_not_null,
    drop_not_null,
    alter_type,
    add_constraint,
    drop_constraint,
    owner_to,
    set_options,
    other
  };
  Type type = Type::other;
  std::string name;         // column or constraint, role of OWNER TO
  std::string description;  // other: PostgreSQL's name of it, e.g. "ENABLE TRIGGER"
  bool if_exists = false, if_not_exists = false;
  Behavior behavior = Behavior::restrict;
  std::unique_ptr<ColumnDef> column;  // add_column, alter_type
  std::unique_ptr<Constraint> constraint;
  ExprPtr expr;  // set_default; USING of alter_type
  std::vector<Option> options;
};
struct AlterTable : NodeOf<Kind::alter_table, Statement> {
  ObjectKind object = ObjectKind::table;
  RelationName relation;
  bool if_exists = false;
  std::vector<AlterAction> actions;
};
struct Rename : NodeOf<Kind::rename, Statement> {  // ALTER .. RENAME
  ObjectKind object = ObjectKind::table;           // column: of `relation`
  std::string object_name;
  RelationName relation;
  Name name;           // objects that are no relations
  std::string column;  // column or constraint
  std::string new_name;
  bool if_exists = false;
};
struct Refresh : NodeOf<Kind::refresh, Statement> {
  RelationName relation;
  bool concurrently = false, with_data = true;
};
struct Truncate : NodeOf<Kind::truncate, Statement> {
  std::vector<RelationName> relations;
  bool restart_identity = false;
  Behavior behavior = Behavior::restrict;
};
struct Comment : NodeOf<Kind::comment, Statement> {
  ObjectKind object = ObjectKind::table;
  std::string object_name;  // "materialized view"
  Name name;
  std::optional<std::string> text;  // nothing: IS NULL
};

// Sources ----------------------------------------------------------------------------------------

// ParsedStatement::secret is set for this one: never log its text.
struct CreateSecret : NodeOf<Kind::create_secret, Statement> {
  RelationName name;
  bool if_not_exists = false;
  std::string value;
};
struct CreateConnection : NodeOf<Kind::create_connection, Statement> {
  RelationName name;
  bool if_not_exists = false;
  std::string type;  // "kafka", "postgres"
  std::vector<Option> options;
};
struct CreateSource : NodeOf<Kind::create_source, Statement> {
  enum class Envelope : uint8_t { unspecified, none, upsert, debezium };
  struct Format {
    std::string name;  // "json", "" = not given
    std::vector<Option> options;
    int32_t location = -1;
  };
  struct Include {
    std::string what;  // key, partition, offset, timestamp, headers
    std::string alias;
    int32_t location = -1;
  };
  struct Table {
    RelationName upstream;
    RelationName as;  // empty name: not given
  };
  RelationName name;
  bool if_not_exists = false;
  bool has_columns = false;
  std::vector<ColumnDef> columns;
  std::vector<Constraint> constraints;
  std::vector<Watermark> watermarks;
  std::string type;                        // "kafka", "postgres", "load_generator"
  RelationName connection;                 // kafka, postgres
  std::string generator;                   // "counter", "auction", "nexmark"
  std::vector<Option> connection_options;  // TOPIC, START OFFSET, PUBLICATION; the generator's
  Format key_format, format;               // `format`: of the value
  std::vector<Include> include;
  Envelope envelope = Envelope::unspecified;
  bool all_tables = false;
  std::vector<Table> tables;    // FOR TABLES (..)
  std::vector<Option> options;  // WITH (..)
};
struct ValidateConnection : NodeOf<Kind::validate_connection, Statement> {
  RelationName name;
};
struct Subscribe : NodeOf<Kind::subscribe, Statement> {
  RelationName relation;  // or
  SelectPtr query;
  std::vector<Option> options;
  ExprPtr as_of;
};
struct Flush : NodeOf<Kind::flush, Statement> {};

}  // namespace qw::sql::ast
