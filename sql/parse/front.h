// Front parser: the statements that PostgreSQL's grammar does not know.
//
// Short ones are read by descent over the scanner's tokens. Parts that are PostgreSQL's (a column
// list, a query, an expression) are given to libpg_query in place: a text of the same length with
// all else blanked, so that error positions and locations need no translation. EMIT ON WINDOW CLOSE
// and WATERMARK FOR are cut out of PostgreSQL's statements the same way.
// One thread at a time. Tests: tests/unit/sql_parse/front_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sql/ast.h"
#include "sql/parse/scanner.h"
#include "sql/parse/survey.h"
#include "src/base/result.h"

namespace qw::sql::parsing {

// A statement of PostgreSQL's grammar: `text` lies at byte `offset` of `source`.
Result<std::vector<ast::StatementPtr>> pg_statements(std::string_view source, std::string_view text,
                                                     uint32_t offset);

class Front {
 public:
  // `end` is where the next statement begins: the semicolon belongs to the range.
  Front(std::string_view source, const StatementRange& range, uint32_t end);
  Result<ast::StatementPtr> parse();

 private:
  // Tokens. All positions are offsets in source_.
  const Token& peek(size_t ahead = 0) const;
  Token take() { return tokens_[at_ < tokens_.size() - 1 ? at_++ : at_]; }
  bool is(std::string_view word, size_t ahead = 0) const { return scanner_.is(peek(ahead), word); }
  bool is_mark(char c, size_t ahead = 0) const { return scanner_.is_punctuation(peek(ahead), c); }
  bool is_equals() const;
  bool accept(std::string_view word);
  bool accept_mark(char c);
  Result<void> expect(std::string_view word);
  Result<void> expect_mark(char c);
  Result<void> expect_end();
  Error error_at(const Token& token) const;
  Error error_here() const { return error_at(peek()); }
  Error refused(std::string_view construct, const Token& token) const;
  bool is_string(const Token& token) const;
  // The token index behind the bracket that matches the one at `open`; 0 when there is none.
  size_t behind_bracket(size_t open) const;

  Result<std::string> name();
  Result<std::string> label();  // any word, reserved or not
  Result<ast::RelationName> relation_name();
  Result<std::string> string();
  Result<bool> if_not_exists();
  Result<bool> if_exists();
  Result<ast::Option> option();
  Result<void> option_value(ast::Option& option);
  Result<void> option_list(ast::Option& option);
  Result<std::vector<ast::Option>> options();  // ( .. )

  // Parts in PostgreSQL's grammar: source bytes [begin, end), everything before blank but `prefix`,
  // which ends right before begin.
  Result<ast::StatementPtr> pg_in_place(std::string_view prefix, uint32_t begin,
                                        uint32_t end) const;
  static Result<ast::StatementPtr> pg_text(std::string_view source, const std::string& text,
                                           uint32_t offset);
  Result<ast::ExprPtr> expression(uint32_t begin, uint32_t end) const;
  // Blanks EMIT and WATERMARK clauses in `text` (the statement from range_.begin).
  Result<void> cut_watermarks(std::string& text, size_t first, size_t last,
                              std::vector<ast::Watermark>& watermarks) const;
  Result<ast::StatementPtr> cut();

  // Statements.
  Result<ast::StatementPtr> create();
  Result<ast::StatementPtr> create_secret();
  Result<ast::StatementPtr> create_connection();
  Result<ast::StatementPtr> create_source();
  Result<void> source_columns(ast::CreateSource& source);
  Result<void> source_from(ast::CreateSource& source);
  Result<void> source_clauses(ast::CreateSource& source);
  Result<void> source_tables(ast::CreateSource& source);
  Result<void> source_include(ast::CreateSource& source);
  Result<void> source_format(ast::CreateSource::Format& format);
  Result<void> source_envelope(ast::CreateSource& source);
  Result<ast::StatementPtr> drop();
  Result<ast::StatementPtr> show();
  Result<ast::StatementPtr> show_create();
  Result<ast::StatementPtr> describe();
  Result<ast::StatementPtr> subscribe();
  Result<ast::StatementPtr> explain_dataflow();
  ast::StatementPtr unsupported() const;

  std::string_view source_;
  StatementRange range_;
  uint32_t end_;
  Scanner scanner_;  // for its text and comparisons; tokens_ holds what it read
  std::vector<Token> tokens_;
  const char* lexical_error_ = nullptr;
  size_t at_ = 0;
  bool secret_ = false;  // never show string tokens in errors
};

}  // namespace qw::sql::parsing
