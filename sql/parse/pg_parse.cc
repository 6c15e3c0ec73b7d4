// See pg_parse.h. libpg_query keeps its state per thread and frees it when the thread ends.
// Any thread. Tests: tests/unit/sql_parse/errors_test.cc.
#include "sql/parse/pg_parse.h"

#include <fmt/format.h>
#include <pg_query.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <string_view>

namespace qw::sql::parsing {

namespace {

constexpr size_t kPaddingBytes = 64;  // SIMDJSON_PADDING of 3.0

// libpg_query does not hand on SQLSTATE and HINT. Grammar and scanner raise 42601 without a hint,
// with these exceptions: (start of the message, code, hint).
struct Exception {
  std::string_view message;
  SqlState code;
  std::string_view hint;
};
constexpr std::array kExceptions = {
    Exception{"LIMIT #,# syntax is not supported", "42601",
              "Use separate LIMIT and OFFSET clauses."},
    Exception{"subquery in FROM must have an alias", "42601",
              "For example, FROM (SELECT ...) [AS] foo."},
    Exception{"VALUES in FROM must have an alias", "42601",
              "For example, FROM (VALUES ...) [AS] foo."},
    Exception{"missing argument", "42601",
              "Use NONE to denote the missing argument of a unary operator."},
    Exception{"frame start", "42P20", ""},
    Exception{"frame end", "42P20", ""},
    Exception{"precision for type float must", "22023", ""},
    Exception{"column number must be", "22023", ""},
    Exception{"MATCH PARTIAL not yet implemented", "0A000", ""},
    Exception{"CREATE ASSERTION is not yet implemented", "0A000", ""},
    Exception{"CREATE EXTENSION ... FROM is no longer supported", "0A000", ""},
    Exception{"WITH CHECK OPTION not supported on recursive views", "0A000", ""},
    Exception{"dropping an enum value is not implemented", "0A000", ""},
    Exception{"current database cannot be changed", "0A000", ""},
    Exception{"aggregates cannot have output arguments", "0A000", ""},
    Exception{"UNENCRYPTED PASSWORD is no longer supported", "0A000",
              "Remove UNENCRYPTED to store the password in encrypted form instead."},
    Exception{"invalid byte sequence for encoding", "22021", ""},
    Exception{"memory exhausted at or near", "54001", ""},
};

// "trailing junk after numeric literal at or near "12a"": the scanner of 15.1 stops at the first
// character of the junk, later ones show the word.
std::string whole_junk(std::string message, const std::string& sql, int position) {
  if (message.rfind("trailing junk", 0) != 0 || position <= 0) return message;
  size_t at = 0;
  const auto continues = [&](size_t i) {
    return i < sql.size() && (static_cast<unsigned char>(sql[i]) & 0xC0) == 0x80;
  };
  for (int left = position - 1; left > 0; --left) {
    ++at;
    while (continues(at)) ++at;
  }
  const size_t quote = message.find('"');
  const size_t shown = message.size() - quote - 2;
  size_t end = at + shown;
  const auto part = [&](unsigned char c) {
    return std::isalnum(c) != 0 || c == '_' || c == '$' || c >= 0x80;
  };
  while (end < sql.size() && part(static_cast<unsigned char>(sql[end]))) ++end;
  return message.substr(0, quote + 1) + sql.substr(std::min(at, sql.size()), end - at) + "\"";
}

Error to_error(const PgQueryError& error, const std::string& sql) {
  const std::string_view message = error.message == nullptr ? "syntax error" : error.message;
  SqlState code = "42601";
  std::string_view hint;
  for (const Exception& exception : kExceptions) {
    if (message.substr(0, exception.message.size()) != exception.message) continue;
    code = exception.code;
    hint = exception.hint;
    break;
  }
  if (message.find(" constraints cannot be marked ") != std::string_view::npos) code = "0A000";
  if (message == "invalid Unicode escape") {
    // Two rules raise this: for E'\u..' and for U&'\..'.
    const bool escape_string =
        error.funcname != nullptr && std::string_view(error.funcname) != "str_udeescape";
    if (escape_string) code = "22025";
    hint = escape_string ? "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."
                         : "Unicode escapes must be \\XXXX or \\+XXXXXX.";
  }
  if (code == SqlState("54001")) {
    return Error(code, "stack depth limit exceeded");
  }
  Error result(code, whole_junk(std::string(message), sql, error.cursorpos));
  if (!hint.empty()) result = std::move(result).with_hint(std::string(hint));
  return std::move(result).at(error.cursorpos);
}

}  // namespace

Result<PaddedJson> pg_parse(const std::string& sql) {
  PgQueryParseResult parsed = pg_query_parse(sql.c_str());
  if (parsed.error != nullptr) {
    Error error = to_error(*parsed.error, sql);
    pg_query_free_parse_result(parsed);
    return fail(std::move(error));
  }
  const size_t size = std::strlen(parsed.parse_tree);
  // The tree is malloc's (pg_query_free_parse_result frees it): growing it in place saves a copy.
  char* grown = static_cast<char*>(std::realloc(parsed.parse_tree, size + kPaddingBytes));
  if (grown == nullptr) {
    pg_query_free_parse_result(parsed);
    return fail(out_of_memory("out of memory"));
  }
  parsed.parse_tree = nullptr;
  pg_query_free_parse_result(parsed);
  std::memset(grown + size, 0, kPaddingBytes);
  PaddedJson json;
  json.bytes.reset(grown);
  json.size = size;
  json.capacity = size + kPaddingBytes;
  return json;
}

}  // namespace qw::sql::parsing
