// Survey: one pass over the tokens of a text before it is parsed.
//
// It finds the statements and which of them are ours, and it bounds what the parse can cost:
// libpg_query writes its tree by recursion and cannot report that it ran out of stack or of memory,
// so a text that may nest too deep or grow too large is refused here. The depth is an upper bound
// (up to a small factor) counted from brackets, CASE, operators, joins and set operations; AND, OR,
// commas and clause keywords start a new chain, because PostgreSQL's grammar makes flat lists
// there. Any thread. Tests: tests/unit/sql_parse/limits_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "sql/parse/scanner.h"
#include "src/base/result.h"

namespace qw::sql::parsing {

struct StatementRange {
  uint32_t begin = 0, end = 0;  // first byte of the first token, last byte of the last one
  std::array<Token, 3> head{};  // its first tokens
  uint32_t head_size = 0;
  bool ours = false;       // for the front parser
  bool emit = false;       // EMIT ON WINDOW CLOSE
  bool watermark = false;  // WATERMARK FOR
  bool secret = false;
  bool plain() const { return !ours && !emit && !watermark; }
};

struct Survey {
  std::vector<StatementRange> statements;
  bool plain = true;  // all statements are PostgreSQL's
};

// Fails with 22021, 54000 or 54001. Lexical errors are left for the parser: the survey ends there.
Result<Survey> survey(std::string_view text);

Error nesting_error();

}  // namespace qw::sql::parsing
