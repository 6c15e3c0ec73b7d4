// See construct.h. Tests: tests/unit/sql_parse/statement_test.cc.
#include "sql/parse/construct.h"

#include "sql/parse/scanner.h"

namespace qw::sql::parsing {

namespace {

// Words that do not name the kind of object, and words that need the next one to name it.
bool is_modifier(std::string_view word) {
  return word == "OR" || word == "REPLACE" || word == "TEMP" || word == "TEMPORARY" ||
         word == "GLOBAL" || word == "LOCAL" || word == "UNLOGGED" || word == "TRUSTED" ||
         word == "PROCEDURAL" || word == "CONSTRAINT" || word == "RECURSIVE" || word == "UNIQUE";
}
bool is_first_half(std::string_view word) {
  return word == "FOREIGN" || word == "EVENT" || word == "TEXT" || word == "ACCESS" ||
         word == "DEFAULT" || word == "MATERIALIZED" || word == "LARGE" || word == "SEARCH" ||
         word == "DATA" || word == "OWNED";
}

}  // namespace

std::string construct_name(std::string_view statement) {
  Scanner scanner(statement);
  const auto next_word = [&]() -> std::string {
    const Token token = scanner.next();
    return token.kind == Token::Kind::word ? upper_case(scanner.text(token)) : std::string();
  };
  std::string name = next_word();
  const bool two_words = name == "CREATE" || name == "ALTER" || name == "DROP" ||
                         name == "IMPORT" || name == "SECURITY" || name == "REASSIGN";
  if (!two_words) return name;
  std::string word = next_word();
  while (is_modifier(word)) word = next_word();
  while (!word.empty()) {
    name += " " + word;
    const bool operator_class = word == "OPERATOR" || word == "USER";
    if (!is_first_half(word) && !operator_class) break;
    word = next_word();
    if (operator_class && word != "CLASS" && word != "FAMILY" && word != "MAPPING") break;
  }
  return name;
}

}  // namespace qw::sql::parsing
