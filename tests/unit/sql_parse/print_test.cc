// Printing: what is printed parses to a tree that prints the same, for every kind of statement.
#include <string>

#include <doctest/doctest.h>

#include "sql/parser.h"
#include "tests/unit/sql_parse/statements.h"

namespace {

using namespace qw::sql;  // tidy: allow using namespace, because it is tested here

std::string printed(std::string_view sql) {
  const auto parsed = parse(sql);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().to_string());
  REQUIRE(parsed->size() == 1);
  return to_sql(*(*parsed)[0].statement);
}

}  // namespace

TEST_CASE("parse, print, parse gives the same text") {
  for (const char* sql : test::kStatements) {
    CAPTURE(sql);
    const std::string once = printed(sql);
    CAPTURE(once);
    CHECK(printed(once) == once);
  }
}

TEST_CASE("printing keeps what a view's definition means") {
  CHECK(printed("select -5, - 5::int, -2147483648, a.b[1:2] from t as a(b)") ==
        "SELECT (-5), (- 5::integer), (-2147483648), (a.b)[1 : 2] FROM t AS a (b)");
  CHECK(printed("select extract(year from d), d at time zone 'UTC', trim(x), left(y, 1) l") ==
        "SELECT EXTRACT(year FROM d), (d AT TIME ZONE 'UTC'), TRIM(BOTH FROM x), \"left\"(y, 1) AS "
        "l");
  CHECK(printed("select 1 union select 2 intersect select 3") ==
        "SELECT 1 UNION (SELECT 2 INTERSECT SELECT 3)");
  CHECK(printed("select interval '1' day, x::timestamp(3) with time zone, y::varchar(2)[]") ==
        "SELECT '1'::interval day, x::timestamp(3) with time zone, y::character varying(2)[]");
  CHECK(printed("select a or b and not c") == "SELECT (a OR (b AND (NOT c)))");
  CHECK(printed("SELECT 'a\\b', E'it''s\\n'") == "SELECT E'a\\\\b', 'it''s\n'");
}

TEST_CASE("a secret's value is never printed") {
  const auto parsed = parse("CREATE SECRET s AS 'hunter2'");
  REQUIRE(parsed.has_value());
  CHECK(to_sql(*(*parsed)[0].statement) == "CREATE SECRET s AS '***'");
}

TEST_CASE("identifiers are quoted when PostgreSQL quotes them") {
  CHECK(quote_identifier("abc_1") == "abc_1");
  CHECK(quote_identifier("Abc") == "\"Abc\"");
  CHECK(quote_identifier("1a") == "\"1a\"");
  CHECK(quote_identifier("a\"b") == "\"a\"\"b\"");
  CHECK(quote_identifier("select") == "\"select\"");
  CHECK(quote_identifier("left") == "\"left\"");
  CHECK(quote_identifier("between") == "\"between\"");
  CHECK(quote_identifier("abort") == "abort");
  CHECK(quote_identifier("") == "\"\"");
  CHECK(quote_literal("a'b") == "'a''b'");
  CHECK(quote_literal("a\\b") == "E'a\\\\b'");
}

TEST_CASE("stored text: expressions, queries, type names") {
  auto expr = parse_expression("a + 1");
  REQUIRE(expr.has_value());
  CHECK(to_sql(**expr) == "(a + 1)");
  CHECK((*expr)->location == 2);
  CHECK_FALSE(parse_expression("1, 2").has_value());
  CHECK_FALSE(parse_expression("1 FROM t").has_value());
  CHECK_FALSE(parse_expression("1; SELECT 2").has_value());
  auto error = parse_expression("a +");
  REQUIRE_FALSE(error.has_value());
  CHECK(error.error().position() == 4);
  auto query = parse_query("SELECT 1 UNION SELECT 2");
  REQUIRE(query.has_value());
  CHECK((*query)->op == ast::Select::Op::union_);
  CHECK_FALSE(parse_query("DROP TABLE t").has_value());
  auto type = parse_type_name("numeric(10, 2)[]");
  REQUIRE(type.has_value());
  CHECK(to_sql(*type) == "numeric(10, 2)[]");
  CHECK_FALSE(parse_type_name("int + 1").has_value());
}
