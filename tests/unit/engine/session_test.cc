#include <string>

#include <doctest/doctest.h>

#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

TEST_CASE("a view shows a write as soon as it returns") {
  const auto database = ephemeral_database();
  Client client(*database), other(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY, n int)");
  client.ask("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS c, sum(n) AS s FROM t");
  CHECK(client.ask("SELECT * FROM v") == "0 NULL");
  for (int i = 1; i <= 20; ++i) {
    client.ask("INSERT INTO t VALUES (" + std::to_string(i) + ", 1)");
    const std::string now = std::to_string(i) + " " + std::to_string(i);
    CHECK(client.ask("SELECT * FROM v") == now);
    CHECK(other.ask("SELECT * FROM v") == now);
  }
}

TEST_CASE("a block sees its own writes, others do not until COMMIT") {
  const auto database = ephemeral_database();
  Client client(*database), other(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY, n int)");
  client.ask("INSERT INTO t VALUES (1, 10), (2, 20)");
  client.ask("BEGIN");
  client.ask("UPDATE t SET n = n + 1 WHERE id = 1");
  client.ask("DELETE FROM t WHERE id = 2");
  client.ask("INSERT INTO t VALUES (3, 30)");
  CHECK(client.ask("SELECT * FROM t ORDER BY id") == "1 11, 3 30");
  CHECK(other.ask("SELECT * FROM t ORDER BY id") == "1 10, 2 20");
  client.ask("COMMIT");
  CHECK(other.ask("SELECT * FROM t ORDER BY id") == "1 11, 3 30");
  client.ask("BEGIN");
  client.ask("DELETE FROM t");
  client.ask("ROLLBACK");
  CHECK(other.ask("SELECT count(*) FROM t") == "2");
}

TEST_CASE("a block that lost a race fails with 40001 and leaves nothing") {
  const auto database = ephemeral_database();
  Client client(*database), other(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY, n int)");
  client.ask("INSERT INTO t VALUES (1, 10), (2, 20)");
  client.ask("BEGIN");
  client.ask("UPDATE t SET n = n + 1 WHERE id = 1");
  client.ask("UPDATE t SET n = n + 1 WHERE id = 2");
  other.ask("UPDATE t SET n = 100 WHERE id = 2");
  CHECK(client.refused("COMMIT") == "40001");
  CHECK(client.session().status() == TransactionStatus::idle);
  CHECK(other.ask("SELECT * FROM t ORDER BY id") == "1 10, 2 100");
  // The database goes on: definitions and writes after a conflict.
  client.ask("CREATE MATERIALIZED VIEW v AS SELECT sum(n) AS s FROM t");
  client.ask("INSERT INTO t VALUES (3, 1)");
  CHECK(client.ask("SELECT s FROM v") == "111");
}

TEST_CASE("a statement that was overtaken is worked out anew") {
  const auto database = ephemeral_database();
  Client client(*database), other(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY, n int)");
  client.ask("CREATE MATERIALIZED VIEW v AS SELECT count(*) AS c, sum(n) AS s FROM t");
  client.ask("INSERT INTO t SELECT g, 1 FROM generate_series(1, 100) g");
  // What the other one does between the statement's reading and its turn.
  int waits = 0;
  const auto overtaken = [&](const std::string& by) {
    client.session().on_wait([&, by] {
      if (++waits == 1) other.ask(by);
    });
    waits = 0;
  };
  overtaken("UPDATE t SET n = n + 10 WHERE id = 50");
  client.ask("UPDATE t SET n = n + 1");
  CHECK(waits == 2);
  CHECK(client.ask("SELECT count(*), sum(n) FROM t") == "100 210");
  overtaken("DELETE FROM t WHERE id = 7");
  client.ask("UPDATE t SET n = n + 1 WHERE id < 10");
  CHECK(client.ask("SELECT count(*), sum(n) FROM t") == "99 216");
  overtaken("INSERT INTO t VALUES (7, 0)");
  client.ask("INSERT INTO t VALUES (7, 5), (101, 5) ON CONFLICT (id) DO UPDATE SET n = t.n + 5");
  CHECK(client.ask("SELECT count(*), sum(n) FROM t") == "101 226");
  // Of another table, or before the snapshot: no reason to do it again.
  other.ask("CREATE TABLE u (id int PRIMARY KEY)");
  overtaken("INSERT INTO u VALUES (1)");
  client.ask("DELETE FROM t WHERE id > 50");
  CHECK(waits == 1);
  CHECK(client.ask("SELECT * FROM v") == client.ask("SELECT count(*), sum(n) FROM t"));
  CHECK(client.ask("SELECT count(*) FROM t") == "50");
}

TEST_CASE("a block's snapshot does not move") {
  const auto database = ephemeral_database();
  Client client(*database), other(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY)");
  client.ask("BEGIN");
  CHECK(client.ask("SELECT count(*) FROM t") == "0");
  other.ask("INSERT INTO t VALUES (1)");
  CHECK(client.ask("SELECT count(*) FROM t") == "0");
  client.ask("COMMIT");
  CHECK(client.ask("SELECT count(*) FROM t") == "1");
}

TEST_CASE("a failed block accepts nothing but its end") {
  const auto database = ephemeral_database();
  Client client(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY)");
  client.ask("BEGIN");
  client.ask("INSERT INTO t VALUES (1)");
  CHECK(client.refused("SELECT 1/0") == "22012");
  CHECK(client.refused("SELECT 1") == "25P02");
  client.ask("ROLLBACK");
  CHECK(client.ask("SELECT count(*) FROM t") == "0");
}

TEST_CASE("a view over a view with a failed row fails as that one does") {
  const auto database = ephemeral_database();
  Client client(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY, n int)");
  client.ask("CREATE MATERIALIZED VIEW v AS SELECT id, 10 / n AS q FROM t");
  client.ask("CREATE MATERIALIZED VIEW w AS SELECT count(*) AS c FROM v");
  client.ask("INSERT INTO t VALUES (1, 5), (2, 0)");
  CHECK(client.refused("SELECT * FROM v") == "22012");
  CHECK(client.refused("SELECT * FROM w") == "22012");
  client.ask("DELETE FROM t WHERE id = 2");
  CHECK(client.ask("SELECT * FROM v") == "1 2");
  CHECK(client.ask("SELECT * FROM w") == "1");
}

}  // namespace
}  // namespace qw::engine::test
