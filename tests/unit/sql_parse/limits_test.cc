// Bounds: what nests too deep or is too large fails with 54001 or 54000, whatever it is made of;
// and random texts, made of statements' tokens, never do more than fail.
#include <algorithm>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "sql/parse/scanner.h"
#include "sql/parser.h"
#include "src/base/limits.h"
#include "src/base/random.h"
#include "tests/unit/sql_parse/statements.h"

namespace {

using namespace qw::sql;  // tidy: allow using namespace, because it is tested here

std::string repeat(std::string_view text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i) result += text;
  return result;
}

std::string code_of(const std::string& sql) {
  const auto parsed = parse(sql);
  return parsed ? "ok" : std::string(parsed.error().code().view());
}

}  // namespace

TEST_CASE("deep texts are refused, not followed") {
  CHECK(code_of("SELECT " + repeat("(", 10000) + "1" + repeat(")", 10000)) == "54001");
  CHECK(code_of("SELECT 1" + repeat(" + 1", 50000)) == "54001");
  CHECK(code_of("SELECT " + repeat("- ", 50000) + "a") == "54001");
  CHECK(code_of("SELECT " + repeat("NOT ", 50000) + "a") == "54001");
  CHECK(code_of("SELECT a" + repeat("::int", 50000)) == "54001");
  CHECK(code_of("SELECT a" + repeat(" COLLATE \"C\"", 50000)) == "54001");
  CHECK(code_of("SELECT " + repeat("f(", 9000) + "1" + repeat(")", 9000)) == "54001");
  CHECK(code_of("SELECT " + repeat("CASE WHEN a THEN ", 9000) + "1" + repeat(" END", 9000)) ==
        "54001");
  CHECK(code_of("SELECT 1" + repeat(" UNION SELECT 1, 2 FROM t WHERE a AND b", 9000)) == "54001");
  CHECK(code_of("SELECT * FROM t" + repeat(" JOIN t ON a AND b", 9000)) == "54001");
  CHECK(code_of("SELECT " + repeat("(SELECT ", 9000) + "1" + repeat(")", 9000)) == "54001");
  CHECK(code_of("SELECT " + repeat("a[", 9000) + "1" + repeat("]", 9000)) == "54001");
  const auto parsed = parse("SELECT 1" + repeat(" + 1", 50000));
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().message() == "stack depth limit exceeded");
}

TEST_CASE("flat texts are no deeper for being long") {
  CHECK(code_of("SELECT a = 1" + repeat(" OR a = 1", 20000)) == "ok");
  CHECK(code_of("SELECT a = 1" + repeat(" AND a + b = 1", 5000)) == "ok");
  CHECK(code_of("SELECT 1" + repeat(", a + b", 5000)) == "ok");
  CHECK(code_of("VALUES (1)" + repeat(", (-1 + 1)", 5000)) == "ok");
  CHECK(code_of("SELECT CASE" + repeat(" WHEN a = 1 THEN b + 1", 5000) + " END") == "ok");
  CHECK(code_of(repeat("SELECT 1 + 1;", 2000)) == "ok");
}

TEST_CASE("trees up to the limit can be printed and parsed again") {
  for (const std::string& sql :
       {"SELECT 1" + repeat(" + 1", 450), "SELECT " + repeat("f(", 450) + "1" + repeat(")", 450),
        "SELECT * FROM t" + repeat(" JOIN t ON true", 450),
        "SELECT 1" + repeat(" UNION ALL SELECT 1", 450),
        "SELECT " + repeat("(SELECT ", 300) + "1" + repeat(")", 300)}) {
    const auto parsed = parse(sql);
    REQUIRE_MESSAGE(parsed.has_value(), parsed.error().to_string());
    const std::string text = to_sql(*(*parsed)[0].statement);
    const auto again = parse(text);
    REQUIRE_MESSAGE(again.has_value(), again.error().to_string());
    CHECK(to_sql(*(*again)[0].statement) == text);
  }
}

TEST_CASE("texts that would grow beyond memory are refused") {
  CHECK(code_of("SELECT 1" + repeat(",1", 3000000)) == "54000");
  CHECK(code_of(std::string(qw::limits::kQueryBytesMax + 1, ' ')) == "54000");
}

TEST_CASE("random token soup never crashes and prints what it parses") {
  // The seeds' tokens, all of them.
  std::vector<std::string> tokens;
  for (const char* sql : test::kStatements) {
    parsing::Scanner scanner(sql);
    for (parsing::Token token = scanner.next(); token.kind != parsing::Token::Kind::end;
         token = scanner.next()) {
      tokens.emplace_back(scanner.text(token));
    }
  }
  qw::Random random(20261121);
  const auto below = [&](size_t bound) { return static_cast<size_t>(random.next() % bound); };
  size_t parsed_count = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string sql;
    if (round % 3 == 0) {
      const size_t count = 1 + below(30);
      for (size_t i = 0; i < count; ++i) sql += tokens[below(tokens.size())] + " ";
    } else {
      // A statement with a few tokens replaced, removed or doubled.
      const std::string seed = test::kStatements[below(std::size(test::kStatements))];
      parsing::Scanner scanner(seed);
      std::vector<std::string> parts;
      for (parsing::Token token = scanner.next(); token.kind != parsing::Token::Kind::end;
           token = scanner.next()) {
        parts.emplace_back(scanner.text(token));
      }
      const size_t changes = 1 + below(3);
      for (size_t i = 0; i < changes && !parts.empty(); ++i) {
        const size_t at = below(parts.size());
        switch (below(4)) {
          case 0:
            parts[at] = tokens[below(tokens.size())];
            break;
          case 1:
            parts.erase(parts.begin() + static_cast<ptrdiff_t>(at));
            break;
          case 2:
            parts.insert(parts.begin() + static_cast<ptrdiff_t>(at), parts[at]);
            break;
          default:
            parts[at] = parts[at].substr(0, below(parts[at].size() + 1));
            break;
        }
      }
      for (const std::string& part : parts) sql += part + " ";
    }
    CAPTURE(sql);
    const auto parsed = parse(sql);
    if (!parsed) {
      CHECK(parsed.error().code() != qw::SqlState("XX000"));
      continue;
    }
    ++parsed_count;
    for (const ParsedStatement& statement : *parsed) {
      CHECK(statement.begin <= statement.end);
      CHECK(statement.end <= sql.size());
      CHECK_FALSE(statement_name(*statement.statement).empty());
      const ast::Kind kind = statement.statement->kind;
      const std::string text = to_sql(*statement.statement);
      if (kind == ast::Kind::unsupported || kind == ast::Kind::create_secret ||
          kind == ast::Kind::alter_table) {
        continue;  // printed for a reader only
      }
      const auto again = parse(text);
      CAPTURE(text);
      REQUIRE_MESSAGE(again.has_value(), again.error().to_string());
      REQUIRE(again->size() == 1);
      CHECK(to_sql(*(*again)[0].statement) == text);
    }
  }
  CHECK(parsed_count > 300);
}

TEST_CASE("random bytes never crash") {
  qw::Random random(7);
  const std::string_view alphabet = "aE1.'\"$;()[]+-*/%:,=<>\\ \n&|uU\xc3\xa9xX_@?";
  for (int round = 0; round < 5000; ++round) {
    std::string sql;
    const size_t size = static_cast<size_t>(random.next() % 40);
    for (size_t i = 0; i < size; ++i) sql += alphabet[random.next() % alphabet.size()];
    static_cast<void>(parse(sql));
    static_cast<void>(parse("CREATE SECRET s AS " + sql));
    static_cast<void>(parse("CREATE SOURCE s " + sql));
  }
}
