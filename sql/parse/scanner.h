// Scanner: PostgreSQL's lexical rules (its scan.l), for text that libpg_query does not see.
//
// Used to measure a text before it is parsed, to find the statements that are ours, and to read
// them. Tokens are byte ranges; values (folded names, unescaped strings) are computed when asked
// for. Follows standard_conforming_strings = on. Borrows the text. One thread at a time. Tests:
// tests/unit/sql_parse/scanner_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace qw::sql::parsing {

struct Token {
  enum class Kind : uint8_t {
    end,
    word,            // unquoted identifier or keyword
    quoted_name,     // "x"
    unicode_name,    // U&"x"
    string,          // 'x', N'x', E'x', $$x$$
    unicode_string,  // U&'x'
    bit_string,      // B'1', X'1F'
    integer,
    number,       // 1.5, 1e3
    param,        // $1
    punctuation,  // one of , ( ) [ ] ; : . and := .. ::
    op,           // any other operator, + and = included
    error,        // what is wrong: Scanner::error()
  };
  Kind kind = Kind::end;
  uint32_t begin = 0, end = 0;
};

class Scanner {
 public:
  explicit Scanner(std::string_view text, uint32_t at = 0) : text_(text), at_(at) {}
  // After an error token, and at the end, the answer is always Kind::end.
  Token next();
  // PostgreSQL's message without "at or near", after Kind::error.
  const char* error() const { return error_; }

  std::string_view text() const { return text_; }
  std::string_view text(Token token) const {
    return text_.substr(token.begin, token.end - token.begin);
  }
  // Whether the token is this keyword (unquoted, any case); `keyword` is in lower case.
  bool is(Token token, std::string_view keyword) const;
  bool is_punctuation(Token token, char c) const {
    return token.kind == Token::Kind::punctuation && token.end - token.begin == 1 &&
           text_[token.begin] == c;
  }

 private:
  void skip_blanks();
  void skip_block_comment();
  Token finish(Token::Kind kind, uint32_t begin, uint32_t end);
  Token fail(const char* error, uint32_t begin);
  Token quoted(uint32_t begin, uint32_t open, char quote, bool backslashes, Token::Kind kind);
  Token dollar(uint32_t begin);
  Token number(uint32_t begin);
  Token word(uint32_t begin);
  Token op(uint32_t begin);
  char peek(uint32_t i) const { return i < text_.size() ? text_[i] : '\0'; }

  std::string_view text_;
  uint32_t at_;
  const char* error_ = nullptr;
};

// Lower case as PostgreSQL folds names: ASCII letters only.
std::string fold(std::string_view word);
// The same the other way.
std::string upper_case(std::string_view word);
// At most 63 bytes, cut between characters.
std::string truncate_name(std::string name);
// The value of a string or name token's text, quotes and escapes resolved.
Result<std::string> string_value(std::string_view token_text);
std::string name_value(Token token, std::string_view token_text);

}  // namespace qw::sql::parsing
