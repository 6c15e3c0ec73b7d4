// Parser: SQL text to syntax trees, and back.
//
// PostgreSQL's grammar is libpg_query's; what it has no words for (sources, secrets, SHOW SOURCES,
// ..) is read by our own front parser with the same lexical rules. Messages, codes and positions of
// errors are PostgreSQL's. A statement that nests deeper than limits::kNestingMax fails with 54001;
// a thread of any usual stack size may call. Errors of our own that name a construct are 0A000.
// Thread contract: free functions without shared state. Tests: tests/unit/sql_parse/.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sql/ast.h"
#include "src/base/result.h"

namespace qw::sql {

struct ParsedStatement {
  ast::StatementPtr statement;
  // Bytes [begin, end) of the text: the statement without leading blanks and comments, and without
  // the semicolon.
  uint32_t begin = 0, end = 0;
  bool secret = false;  // its text holds a secret (CREATE SECRET, ..): never log or store it
};

// All statements of `sql`; empty when there are none. Locations in the trees are byte offsets in
// `sql`. A syntax error anywhere fails all, as in PostgreSQL.
Result<std::vector<ParsedStatement>> parse(std::string_view sql);

// Whether the text may hold a secret, decided without parsing it (also right when parse() failed).
bool mentions_secret(std::string_view sql);

// Text stored by us: one expression (a column default), one query (a view), one type name.
Result<ast::ExprPtr> parse_expression(std::string_view sql);
Result<ast::SelectPtr> parse_query(std::string_view sql);
Result<ast::TypeName> parse_type_name(std::string_view sql);

// 1-based character position of byte `location` for Error::at(); 0 when location is -1.
int32_t character_position(std::string_view sql, int32_t location);

// SQL text that parses to an equal tree, in the manner of pg_get_viewdef; one line.
std::string to_sql(const ast::Node& node);
std::string to_sql(const ast::TypeName& type);
// "name" quoted when PostgreSQL's quote_ident() would; 'text' with quotes doubled, E'' when needed.
std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);

// "SELECT", "CREATE TABLE", "DROP SOURCE": what the statement is called in messages and tags.
std::string statement_name(const ast::Statement& statement);

}  // namespace qw::sql
