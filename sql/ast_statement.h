// The syntax tree of statements that neither query nor define: COPY, settings, cursors and so on.
// The rules of all parts stand in ast_node.h. Tests: tests/unit/sql_parse/.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sql/ast_definition.h"

namespace qw::sql::ast {

struct Copy : NodeOf<Kind::copy, Statement> {
  RelationName relation;  // or, TO only:
  StatementPtr query;
  std::vector<std::string> columns;
  bool from = true;
  bool program = false;
  std::string file;             // "" = STDIN or STDOUT
  std::vector<Option> options;  // the old syntax gives the same ones
  ExprPtr where;
};
struct Transaction : NodeOf<Kind::transaction, Statement> {
  enum class Type : uint8_t {
    begin,
    start,
    commit,
    rollback,
    savepoint,
    release,
    rollback_to,
    prepare,
    commit_prepared,
    rollback_prepared
  };
  Type type = Type::begin;
  std::string name;             // of the savepoint or prepared transaction
  std::vector<Option> options;  // transaction_isolation, transaction_read_only, .._deferrable
  bool chain = false;
};
struct SetVariable : NodeOf<Kind::set_variable, Statement> {
  enum class Type : uint8_t { value, to_default, current, reset, reset_all, transaction, session };
  Type type = Type::value;
  bool local = false;
  std::string name;            // "timezone" for SET TIME ZONE; "a.b" for custom ones
  std::vector<Option> values;  // text of each; empty for the others. transaction: its modes
};
struct ShowVariable : NodeOf<Kind::show_variable, Statement> {
  std::string name;  // "all" for SHOW ALL
};
// SHOW SOURCES, SHOW CREATE x, SHOW COLUMNS FROM x, DESCRIBE x
struct ShowObjects : NodeOf<Kind::show_objects, Statement> {
  enum class Type : uint8_t {
    sources,
    views,
    materialized_views,
    tables,
    connections,
    secrets,
    indexes,
    schemas,
    columns,
    create
  };
  Type type = Type::sources;
  ObjectKind object = ObjectKind::other;  // create: what was named, or other
  RelationName relation;                  // columns, create; indexes FROM t
  std::string schema;                     // FROM schema
  std::string like;                       // LIKE 'pattern'
  bool has_like = false;
};
struct Prepare : NodeOf<Kind::prepare, Statement> {
  std::string name;
  std::vector<TypeName> types;
  StatementPtr query;
};
struct Execute : NodeOf<Kind::execute, Statement> {
  std::string name;
  ExprList arguments;
};
struct Deallocate : NodeOf<Kind::deallocate, Statement> {
  std::string name;  // "" = ALL
};
struct DeclareCursor : NodeOf<Kind::declare_cursor, Statement> {
  std::string name;
  StatementPtr query;
  bool binary = false, scroll = false, no_scroll = false, insensitive = false, hold = false;
};
struct Fetch : NodeOf<Kind::fetch, Statement> {
  enum class Direction : uint8_t { forward, backward, absolute, relative };
  Direction direction = Direction::forward;
  int64_t count = 1;  // kAll = ALL
  static constexpr int64_t kAll = INT64_MAX;
  std::string cursor;
  bool move = false;
};
struct CloseCursor : NodeOf<Kind::close_cursor, Statement> {
  std::string name;  // "" = ALL
};
struct Explain : NodeOf<Kind::explain, Statement> {
  bool dataflow = false;  // EXPLAIN DATAFLOW
  std::vector<Option> options;
  StatementPtr query;
};
struct Discard : NodeOf<Kind::discard, Statement> {
  std::string what;  // "all", "plans", "sequences", "temp"
};
struct Listen : NodeOf<Kind::listen, Statement> {
  std::string channel;
};
struct Notify : NodeOf<Kind::notify, Statement> {
  std::string channel, payload;
};
struct Unlisten : NodeOf<Kind::unlisten, Statement> {
  std::string channel;  // "" = *
};
struct Vacuum : NodeOf<Kind::vacuum, Statement> {
  bool analyze_only = false;  // ANALYZE
  std::vector<Option> options;
  std::vector<RelationName> relations;
};
struct Lock : NodeOf<Kind::lock, Statement> {
  std::vector<RelationName> relations;
  std::string mode;  // "ACCESS EXCLUSIVE"
  bool nowait = false;
};
struct Checkpoint : NodeOf<Kind::checkpoint, Statement> {};
struct SetConstraints : NodeOf<Kind::set_constraints, Statement> {
  std::vector<RelationName> constraints;  // empty = ALL
  bool deferred = false;
};
// What PostgreSQL's grammar knows and we do not do; the engine refuses it by name (0A000).
struct Unsupported : NodeOf<Kind::unsupported, Statement> {
  std::string construct;  // "CREATE TRIGGER"
};

}  // namespace qw::sql::ast
