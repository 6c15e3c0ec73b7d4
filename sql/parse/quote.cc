// Quoting of names and strings, as PostgreSQL's quote_ident() and quote_literal() do it.
// Any thread. Tests: tests/unit/sql_parse/print_test.cc.
#include <algorithm>
#include <string>
#include <string_view>

#include "sql/parse/keywords.h"
#include "sql/parser.h"

namespace qw::sql {

std::string quote_identifier(std::string_view name) {
  const auto plain_start = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const bool plain =
      !name.empty() && plain_start(name[0]) &&
      std::all_of(name.begin(), name.end(),
                  [&](char c) { return plain_start(c) || (c >= '0' && c <= '9'); }) &&
      !parsing::is_keyword(name);
  if (plain) return std::string(name);
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"') quoted.push_back('"');
    quoted.push_back(c);
  }
  quoted.push_back('"');
  return quoted;
}

std::string quote_literal(std::string_view text) {
  const bool backslash = text.find('\\') != std::string_view::npos;
  std::string quoted = backslash ? "E'" : "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') quoted.push_back(c);
    quoted.push_back(c);
  }
  quoted.push_back('\'');
  return quoted;
}

int32_t character_position(std::string_view sql, int32_t location) {
  if (location < 0) return 0;
  const std::string_view before = sql.substr(0, static_cast<size_t>(location));
  const auto continues = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; };
  const auto tails = std::count_if(before.begin(), before.end(), continues);
  return static_cast<int32_t>(before.size()) - static_cast<int32_t>(tails) + 1;
}

}  // namespace qw::sql
