// Trees of PostgreSQL's statements: what the JSON of libpg_query loses or spells oddly.
#include <string>

#include <doctest/doctest.h>

#include "sql/parser.h"

namespace {

using namespace qw::sql;  // tidy: allow using namespace, because it is tested here

ParsedStatement one(std::string_view sql) {
  auto parsed = parse(sql);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().to_string());
  REQUIRE(parsed->size() == 1);
  return std::move((*parsed)[0]);
}

int64_t integer(std::string_view sql) {
  const ParsedStatement parsed = one(sql);
  return parsed.statement->as<ast::Select>().targets[0].expr->as<ast::Literal>().integer;
}

}  // namespace

TEST_CASE("integers that are not positive") {
  CHECK(integer("SELECT 0") == 0);
  CHECK(integer("SELECT -5") == -5);
  CHECK(integer("SELECT - /* 7 */ 5") == -5);
  CHECK(integer("SELECT -- 7\n - 5") == -5);
  CHECK(integer("SELECT -(5)") == -5);
  CHECK(integer("SELECT - - - 5") == -5);
  CHECK(integer("SELECT -2147483647") == -2147483647);
  const auto later = parse("SHOW SOURCES; SELECT -7");
  REQUIRE(later.has_value());
  CHECK((*later)[1].statement->as<ast::Select>().targets[0].expr->as<ast::Literal>().integer == -7);
  const ParsedStatement set = one("SET x = -3");
  CHECK(set.statement->as<ast::SetVariable>().values[0].text == "-3");
  const ParsedStatement table = one("CREATE TABLE t (a numeric(5,-2)) WITH (x = -3, y = 0, z=7)");
  const auto& node = table.statement->as<ast::CreateTable>();
  CHECK(node.columns[0].type.typmods[1]->as<ast::Literal>().integer == -2);
  CHECK(node.options[0].text == "-3");
  CHECK(node.options[1].text == "0");
  CHECK(node.options[2].text == "7");
  CHECK(one("FETCH -5 c").statement->as<ast::Fetch>().count == -5);
}

TEST_CASE("strings survive whole") {
  std::string all;
  for (int c = 1; c < 128; ++c) {
    if (c == '\'') all.push_back('\'');
    all.push_back(static_cast<char>(c));
  }
  all += "\u00e9\u20ac\U0001F600";
  const ParsedStatement parsed = one("SELECT '" + all + "'");
  std::string expected = all;
  expected.erase(expected.find("''"), 1);
  CHECK(parsed.statement->as<ast::Select>().targets[0].expr->as<ast::Literal>().text == expected);
}

TEST_CASE("assignments to several columns are put together again") {
  const ParsedStatement parsed = one("UPDATE t SET (a, b) = (SELECT 1, 2), c = 3, (d) = (4)");
  const auto& list = parsed.statement->as<ast::Update>().assignments;
  REQUIRE(list.size() == 3);
  CHECK(list[0].multiple);
  CHECK(list[0].columns.size() == 2);
  CHECK(list[0].value->kind == ast::Kind::subquery);
  CHECK_FALSE(list[1].multiple);
  CHECK(list[2].columns.size() == 1);
}

TEST_CASE("TUMBLE in FROM is a function whose first argument names a relation") {
  const ParsedStatement parsed =
      one("SELECT * FROM TUMBLE(s.bids, ts, INTERVAL '10 seconds') AS w");
  const auto& item = parsed.statement->as<ast::Select>().from[0]->as<ast::RangeFunction>();
  const auto& call = item.functions[0].call->as<ast::FunctionCall>();
  CHECK(call.name == ast::Name{"tumble"});
  CHECK(call.arguments[0].value->as<ast::ColumnRef>().names == ast::Name{"s", "bids"});
  CHECK(item.alias.name == "w");
}

TEST_CASE("what we do not do is named") {
  const auto name = [](std::string_view sql) {
    return one(sql).statement->as<ast::Unsupported>().construct;
  };
  CHECK(name("CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION f()") == "CREATE TRIGGER");
  CHECK(name("CREATE OR REPLACE FUNCTION f() RETURNS int AS 'x' LANGUAGE sql") ==
        "CREATE FUNCTION");
  CHECK(name("GRANT SELECT ON t TO x") == "GRANT");
  CHECK(name("DO $$ BEGIN END $$") == "DO");
  CHECK(name("CREATE ROLE x") == "CREATE ROLE");
  CHECK(name("CREATE FOREIGN TABLE t (a int) SERVER s") == "CREATE FOREIGN TABLE");
  CHECK(name("ALTER SOURCE s RENAME TO t") == "ALTER SOURCE");
  CHECK(name("MERGE INTO t USING u ON a = b WHEN MATCHED THEN DO NOTHING") == "MERGE");
  const auto second = parse("SELECT 1; /* x */ CREATE EXTENSION y");
  REQUIRE(second.has_value());
  CHECK(statement_name(*(*second)[1].statement) == "CREATE EXTENSION");
}

TEST_CASE("constructs without a place in the tree are refused by name") {
  const auto message = [](std::string_view sql) {
    const auto parsed = parse(sql);
    REQUIRE_FALSE(parsed.has_value());
    CHECK(parsed.error().code() == qw::SqlState("0A000"));
    return parsed.error().message();
  };
  CHECK(message("CREATE TABLE t (LIKE u)") == "CREATE TABLE .. LIKE is not supported");
  CHECK(message("CREATE TABLE t (a int) PARTITION BY RANGE (a)") ==
        "PARTITION BY is not supported");
  CHECK(message("CREATE TABLE t (a int) INHERITS (u)") == "table inheritance is not supported");
  CHECK(message("SELECT xmlelement(name x)") == "XML is not supported");
  CHECK(message("CREATE TABLE t (a int UNIQUE DEFERRABLE)") == "DEFERRABLE is not supported");
}

TEST_CASE("statements are named as PostgreSQL tags them") {
  const auto name = [](std::string_view sql) { return statement_name(*one(sql).statement); };
  CHECK(name("TRUNCATE t") == "TRUNCATE TABLE");
  CHECK(name("LOCK t") == "LOCK TABLE");
  CHECK(name("START TRANSACTION") == "START TRANSACTION");
  CHECK(name("ROLLBACK TO a") == "ROLLBACK");
  CHECK(name("DECLARE c CURSOR FOR SELECT 1") == "DECLARE CURSOR");
  CHECK(name("CLOSE ALL") == "CLOSE CURSOR ALL");
  CHECK(name("DROP MATERIALIZED VIEW v") == "DROP MATERIALIZED VIEW");
  CHECK(name("DROP SOURCE v") == "DROP SOURCE");
  CHECK(name("RESET ALL") == "RESET");
}

TEST_CASE("CREATE FUNCTION with a body of statements is one statement") {
  const std::string sql =
      "SELECT 1; CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END; SELECT 3 ";
  const auto parsed = parse(sql);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->size() == 3);
  CHECK(sql.substr((*parsed)[2].begin, (*parsed)[2].end - (*parsed)[2].begin) == "SELECT 3");
}
