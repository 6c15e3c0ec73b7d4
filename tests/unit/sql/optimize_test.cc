// Plans as EXPLAIN shows them: optimize.cases, a view's plan for statements that begin with VIEW,
// else a read's; PROPERTIES adds what is proven. With QW_ACCEPT set the file is written anew from
// optimize.sql: read the difference before it is kept.
#include <cstdlib>
#include <fstream>

#include <doctest/doctest.h>

#include "sql/plan/build.h"
#include "sql/plan/walk.h"
#include "tests/unit/sql/fixture.h"

namespace qw::sql {
namespace {

Fixture auction_fixture() {
  Fixture fixture;
  const Result<void> defined = fixture.define(
      "CREATE TABLE person (id bigint PRIMARY KEY, name text, city text, state text, ts timestamp);"
      "CREATE TABLE auction (id bigint PRIMARY KEY, item text, ts timestamp, expires timestamp,"
      "  seller bigint, category bigint);"
      "CREATE TABLE bid (auction bigint, bidder bigint, price bigint, ts timestamp, extra text);"
      "CREATE TABLE acc (aid int PRIMARY KEY, bid int, bal int NOT NULL);"
      "CREATE INDEX acc_bid ON acc (bid)");
  if (!defined) FAIL(defined.error().to_string());
  for (const char* name : {"person", "auction", "bid"}) fixture.table(name).append_only = true;
  fixture.table("bid").monotone = {3};
  return fixture;
}

std::string plan_of(const Fixture& fixture, std::string sql) {
  OptimizeFor target = OptimizeFor::read;
  bool properties = false;
  if (sql.rfind("VIEW ", 0) == 0) {
    target = OptimizeFor::view;
    sql = sql.substr(5);
  }
  if (sql.rfind("PROPERTIES ", 0) == 0) {
    properties = true;
    sql = sql.substr(11);
  }
  return fixture.explained(sql, target, properties);
}

void accept_plans(const Fixture& fixture) {
  const std::string folder = std::getenv("QW_CASES");
  std::ifstream statements(folder + "/optimize.sql");
  std::ofstream cases(folder + "/optimize.cases");
  std::string sql;
  for (bool first = true; std::getline(statements, sql); first = false) {
    cases << (first ? "" : "\n") << sql << "\n" << plan_of(fixture, sql) << "\n";
  }
}

TEST_CASE("plans") {
  const Fixture fixture = auction_fixture();
  if (std::getenv("QW_ACCEPT") != nullptr) accept_plans(fixture);
  const std::vector<Case> cases = read_cases("optimize.cases");
  REQUIRE(cases.size() > 50);
  for (const Case& entry : cases) {
    CAPTURE(entry.sql);
    CHECK_EQ(plan_of(fixture, entry.sql), entry.expected);
  }
}

TEST_CASE("every optimised plan is consistent") {
  const Fixture fixture = auction_fixture();
  for (const Case& entry : read_cases("optimize.cases")) {
    CAPTURE(entry.sql);
    std::string sql = entry.sql;
    for (const std::string_view word : {"VIEW ", "PROPERTIES "}) {
      if (sql.rfind(word, 0) == 0) sql = sql.substr(word.size());
    }
    Result<BoundStatement> bound = fixture.bind(sql);
    if (!bound) continue;
    const Schema before = bound->as<BoundQuery>()->plan->schema;
    Result<PlanPtr> plan = fixture.plan(sql, OptimizeFor::read);
    if (!plan) continue;
    REQUIRE_EQ((*plan)->schema.size(), before.size());
    for (size_t i = 0; i < before.size(); ++i) {
      CHECK_EQ((*plan)->schema.columns[i].name, before.columns[i].name);
      CHECK((*plan)->schema.columns[i].type == before.columns[i].type);
    }
    each_plan_node(**plan, [&](Plan& node) {
      CHECK_EQ(node.properties.not_null.size(), node.schema.size());
      size_t width = 0;
      for (const PlanPtr& input : node.inputs) width += input->schema.size();
      each_expression(node, [&](ExprPtr& root) {
        each_row_column(*root, [&](Expr& column) { CHECK(column.index < width); });
      });
    });
  }
}

}  // namespace
}  // namespace qw::sql
