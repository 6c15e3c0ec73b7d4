#include <atomic>
#include <string>

#include <doctest/doctest.h>

#include "src/base/thread.h"
#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

// A view made while rows before and behind its scan come, change and go is its query.
void build_under_writes(const std::string& table, const std::string& view,
                        const std::string& query) {
  const auto database = ephemeral_database();
  Client client(*database);
  client.ask(table);
  client.ask("INSERT INTO t SELECT g, 'n' || g % 100 FROM generate_series(1, 200000) g");
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> writes = 0;
  {
    Thread writer("writer", [&] {
      Client other(*database);
      for (uint64_t i = 0; !stop; ++i) {
        const std::string at = std::to_string(1 + (i * 7919) % 200000);
        other.ask("UPDATE t SET note = 'u" + std::to_string(i % 10) + "' WHERE id = " + at);
        other.ask("DELETE FROM t WHERE id = " + std::to_string(1 + (i * 104729) % 200000));
        other.ask("INSERT INTO t VALUES (" + std::to_string(-1 - static_cast<int64_t>(i)) +
                  ", 'new'), (" + std::to_string(200001 + i) + ", 'new')");
        ++writes;
      }
    });
    while (writes < 3) {
    }
    client.ask(view);
    stop = true;
  }
  CHECK(client.ask("SELECT * FROM v ORDER BY 1") == client.ask(query));
  CHECK(value_of(database->check()).empty());
  // It goes on.
  client.ask("DELETE FROM t WHERE id % 3 = 0");
  CHECK(client.ask("SELECT * FROM v ORDER BY 1") == client.ask(query));
}

TEST_CASE("a view over a keyed table is built while others write") {
  build_under_writes(
      "CREATE TABLE t (id bigint PRIMARY KEY, note text)",
      "CREATE MATERIALIZED VIEW v AS SELECT note, count(*) AS n FROM t GROUP BY note",
      "SELECT note, count(*) AS n FROM t GROUP BY note ORDER BY 1");
}

TEST_CASE("a self-join is built while others write") {
  build_under_writes(
      "CREATE TABLE t (id bigint PRIMARY KEY, note text)",
      "CREATE MATERIALIZED VIEW v AS SELECT a.note, count(*) AS n, count(b.id) AS m FROM t a LEFT "
      "JOIN t b ON b.id = a.id + 1 GROUP BY a.note",
      "SELECT a.note, count(*), count(b.id) FROM t a LEFT JOIN t b ON b.id = a.id + 1 GROUP BY "
      "a.note ORDER BY 1");
}

TEST_CASE("views made later over indexes that are there already have all rows") {
  const auto database = ephemeral_database();
  Client client(*database);
  client.ask("CREATE TABLE a (id int PRIMARY KEY, k int)");
  client.ask("CREATE TABLE b (id int PRIMARY KEY, k int)");
  client.ask("INSERT INTO a SELECT g, g % 5 FROM generate_series(1, 20) g");
  client.ask("INSERT INTO b SELECT g, g % 7 FROM generate_series(1, 20) g");
  for (const char* kind : {"JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"}) {
    const std::string query =
        "SELECT a.id AS x, b.id AS y FROM a " + std::string(kind) + " b ON a.k = b.k";
    for (const char* name : {"one", "two", "three"}) {
      client.ask("CREATE MATERIALIZED VIEW " + std::string(name) + " AS " + query);
      CHECK(client.ask("SELECT * FROM " + std::string(name) + " ORDER BY 1, 2") ==
            client.ask(query + " ORDER BY 1, 2"));
    }
    client.ask("DROP MATERIALIZED VIEW one");
    client.ask("UPDATE a SET k = k + 1 WHERE id < 9");
    client.ask("DELETE FROM b WHERE id IN (SELECT min(id) FROM b)");
    for (const char* name : {"two", "three"}) {
      CHECK(client.ask("SELECT * FROM " + std::string(name) + " ORDER BY 1, 2") ==
            client.ask(query + " ORDER BY 1, 2"));
      client.ask("DROP MATERIALIZED VIEW " + std::string(name));
    }
  }
}

TEST_CASE("a cancelled view leaves nothing and can be made again") {
  const auto database = ephemeral_database();
  Client client(*database);
  client.ask("CREATE TABLE t (id bigint PRIMARY KEY, note text)");
  client.ask("INSERT INTO t SELECT g, 'n' || g FROM generate_series(1, 300000) g");
  const std::string view =
      "CREATE MATERIALIZED VIEW v AS SELECT a.note, count(*) AS n FROM t a JOIN t b ON a.id = b.id "
      "GROUP BY a.note";
  std::string code;
  {
    Thread builder("builder", [&] { code = client.refused(view); });
    Client other(*database);
    while (other.ask("SELECT count(*) FROM qw.progress WHERE rows_done > 0") == "0" &&
           code.empty()) {
    }
    client.session().cancel();
  }
  CHECK(code == "57014");
  CHECK(client.refused("SELECT * FROM v") == "42P01");
  client.ask("INSERT INTO t VALUES (0, 'zero')");
  client.ask(view);
  CHECK(client.ask("SELECT count(*), sum(n) FROM v") == "300001 300001");
}

}  // namespace
}  // namespace qw::engine::test
