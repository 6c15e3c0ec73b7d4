// The binder against PostgreSQL: bind.cases holds what PostgreSQL's Describe answered.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/unit/sql/fixture.h"

namespace qw::sql {
namespace {

std::string read_file(const std::string& name) {
  std::ifstream in(std::string(std::getenv("QW_CASES")) + "/" + name);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

Fixture make_fixture() {
  Fixture fixture;
  const Result<void> defined = fixture.define(read_file("schema.sql"));
  if (!defined) FAIL(defined.error().to_string());
  return fixture;
}

TEST_CASE("names, types, parameters and errors are PostgreSQL's") {
  const Fixture fixture = make_fixture();
  const std::vector<Case> cases = read_cases("bind.cases");
  REQUIRE(cases.size() > 150);
  for (const Case& entry : cases) {
    CAPTURE(entry.sql);
    CHECK_EQ(fixture.describe(entry.sql), entry.expected);
  }
}

TEST_CASE("what differs from PostgreSQL on purpose") {
  const Fixture fixture = make_fixture();
  CHECK_EQ(fixture.describe("SELECT * FROM t ASOF JOIN u ON true").substr(0, 7), "! 0A000");
  CHECK_EQ(
      fixture.describe("SELECT a, window_start, window_end FROM tumble(t, d, interval '10 s')"),
      "> a integer, window_start timestamp with time zone, window_end timestamp with time zone");
  CHECK_EQ(fixture.describe("SELECT * FROM tumble(t, a, interval '10 s')"),
           "! 42804 the time column of TUMBLE must be a timestamp @25");
  CHECK_EQ(
      fixture.describe("SELECT 1 FROM hop(t, d, interval '3 s', interval '10 s')").substr(0, 7),
      "! 22023");
}

TEST_CASE("a view's text carries schemas") {
  const Fixture fixture = make_fixture();
  Result<BoundStatement> bound =
      fixture.bind("CREATE MATERIALIZED VIEW mv AS SELECT t.a, q.x FROM t JOIN u q ON q.a = t.a");
  REQUIRE(bound);
  const auto* view = bound->as<BoundCreateView>();
  REQUIRE(view != nullptr);
  CHECK(view->materialized);
  CHECK(view->definition.find("public.t") != std::string::npos);
  CHECK(view->definition.find("public.u") != std::string::npos);
  CHECK_EQ(view->depends_on.size(), 2);
}

TEST_CASE("DDL is checked") {
  const Fixture fixture = make_fixture();
  const auto code = [&](std::string_view sql) {
    Result<BoundStatement> bound = fixture.bind(sql);
    return bound ? std::string("ok") : std::string(bound.error().code().view());
  };
  CHECK_EQ(code("CREATE TABLE t (a int)"), "42P07");
  CHECK_EQ(code("CREATE TABLE IF NOT EXISTS t (a int)"), "ok");
  CHECK_EQ(code("CREATE TABLE n (a int, a text)"), "42701");
  CHECK_EQ(code("CREATE TABLE n (a int, PRIMARY KEY (b))"), "42703");
  CHECK_EQ(code("CREATE TABLE n (a int PRIMARY KEY, b int PRIMARY KEY)"), "42P16");
  CHECK_EQ(code("CREATE TABLE n (a nosuch)"), "42704");
  CHECK_EQ(code("CREATE TABLE n (a int DEFAULT 'x')"), "22P02");
  CHECK_EQ(code("CREATE TABLE n (a int DEFAULT true)"), "42804");
  CHECK_EQ(code("CREATE TABLE nosuch.n (a int)"), "3F000");
  CHECK_EQ(code("CREATE TABLE n (a int CHECK (a > 0))"), "0A000");
  CHECK_EQ(code("CREATE INDEX ON t (nosuch)"), "42703");
  Result<BoundStatement> index = fixture.bind("CREATE INDEX ON t (b, c DESC)");
  REQUIRE(index);
  CHECK_EQ(index->as<BoundCreateIndex>()->name, "t_b_c_idx");
  CHECK(index->as<BoundCreateIndex>()->orders[1].nulls_first);
}

TEST_CASE("nesting has a limit") {
  const Fixture fixture = make_fixture();
  std::string sql = "SELECT 1";
  for (int i = 0; i < 1200; ++i) sql = "SELECT (" + sql + ")";
  CHECK_EQ(fixture.describe(sql).substr(0, 7), "! 54001");
}

}  // namespace
}  // namespace qw::sql
