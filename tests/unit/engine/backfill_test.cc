#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "src/base/thread.h"
#include "storage/store.h"
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

struct Kind {
  std::string name, query;
};

// Of every way in which rows of two tables come together: which index is shared, which side is
// tested, what is kept per group.
std::vector<Kind> kinds() {
  return {
      {"inner_join", "SELECT a.id AS x, b.id AS y, a.k AS k FROM a JOIN b ON a.k = b.k"},
      {"left_join", "SELECT a.id AS x, a.n AS n, b.id AS y FROM a LEFT JOIN b ON a.k = b.k"},
      {"full_join", "SELECT a.id AS x, b.id AS y FROM a FULL JOIN b ON a.k = b.k"},
      {"residual", "SELECT a.id AS x, b.id AS y FROM a LEFT JOIN b ON a.k = b.k AND a.n < b.n"},
      {"self_join", "SELECT a.id AS x, c.id AS y FROM a JOIN a c ON a.k = c.k"},
      {"chain",
       "SELECT a.id AS x, c.id AS y FROM a JOIN b ON a.k = b.k JOIN a c ON c.k = b.k "
       "WHERE a.id % 10 = 0"},
      {"not_exists", "SELECT * FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k)"},
      {"semi", "SELECT * FROM b WHERE k IN (SELECT k FROM a)"},
      {"not_in", "SELECT * FROM a WHERE k NOT IN (SELECT k FROM b WHERE k > 5)"},
      {"scalar", "SELECT id, (SELECT count(*) FROM b WHERE b.k = a.k) AS c FROM a"},
      {"grouped", "SELECT k, count(*) AS c, sum(n) AS s, min(n) AS low FROM a GROUP BY k"},
      {"whole", "SELECT count(*) AS c, max(a.n) AS top FROM a JOIN b ON a.k = b.k"},
      {"top",
       "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY n, id) AS r "
       "FROM a) t WHERE r <= 2"},
      {"except_rows", "SELECT k FROM a EXCEPT SELECT k FROM b"},
      {"bag_join", "SELECT bag.v AS v, a.id AS x FROM bag JOIN a ON a.k = bag.v"},
      {"over_view", "SELECT k, count(*) AS c, sum(n) AS s FROM below GROUP BY k"},
      {"joined_view", "SELECT a.id AS x, below.id AS y FROM a JOIN below ON a.k = below.k"},
      {"absent_view",
       "SELECT a.id AS x FROM a LEFT JOIN below ON below.id = a.id "
       "WHERE below.id IS NULL"},
  };
}

// Changes all tables in ways that move rows over every edge of a scan: new ones at both ends, keys
// that go and come back, join keys that change. Until `stop`; goes on counting from `rounds`.
void keep_changing(Database& database, const std::atomic<bool>& stop,
                   std::atomic<uint64_t>& rounds) {
  Client client(database);
  for (uint64_t i = rounds; !stop; ++i) {
    const std::string low = std::to_string(1 + (i * 7919) % 2000);
    const std::string high = std::to_string(1 + (i * 104729) % 2000);
    const std::string k = std::to_string(i % 400), fresh = std::to_string(3000 + i);
    client.ask("UPDATE a SET k = " + k + ", n = n + 1 WHERE id = " + low);
    client.ask("UPDATE b SET k = " + k + " WHERE id = " + high);
    client.ask("DELETE FROM b WHERE id = " + low + " OR id = -" + low);
    client.ask("BEGIN; INSERT INTO a VALUES (" + fresh + ", " + k + ", 1), (-" + fresh + ", " + k +
               ", 2); DELETE FROM a WHERE id = " + high + "; COMMIT");
    client.ask("INSERT INTO b VALUES (" + fresh + ", " + k + ", 5), (-" + fresh + ", 7, 5)");
    client.ask("INSERT INTO bag VALUES (" + k + "), (" + k + ")");
    client.ask("DELETE FROM bag WHERE v = " + std::to_string((i * 31) % 400));
    client.ask("UPDATE a SET id = -id WHERE id = " + std::to_string(1 + (i * 17) % 2000) +
               " AND NOT EXISTS (SELECT 1 FROM a c WHERE c.id = -a.id)");
    ++rounds;
  }
}

// Two tables and a bag, and views over them that must equal their queries.
struct Shop {
  explicit Shop(const std::filesystem::path& dir) : dir_(dir) { open(); }
  void open() {
    client.reset();
    database.reset();
    database = open_database(dir_, 100);
    client = std::make_unique<Client>(*database);
  }
  void fill() {
    client->ask("CREATE TABLE a (id bigint PRIMARY KEY, k int, n int)");
    client->ask("CREATE TABLE b (id bigint PRIMARY KEY, k int, n int)");
    client->ask("CREATE TABLE bag (v int)");
    client->ask("INSERT INTO a SELECT g, g % 400, g % 13 FROM generate_series(1, 2000) g");
    client->ask("INSERT INTO b SELECT g, g % 500, g % 11 FROM generate_series(1, 2000) g");
    client->ask("INSERT INTO bag SELECT g % 400 FROM generate_series(1, 1000) g");
    client->ask("CREATE MATERIALIZED VIEW below AS SELECT id, k, n FROM a WHERE id % 2 = 0");
  }
  // Makes all views under names that end like this, while others write.
  void build(const std::string& suffix) {
    std::atomic<bool> stop = false;
    Thread writer("writer", [&] { keep_changing(*database, stop, rounds_); });
    for (const Kind& kind : kinds()) {
      const uint64_t before = rounds_;
      // A failed assertion must not leave the writer behind.
      const auto made =
          client->try_ask("CREATE MATERIALIZED VIEW " + kind.name + suffix + " AS " + kind.query);
      CHECK_MESSAGE(made, kind.name << ": " << (made ? "" : made.error().to_string()));
      while (rounds_ == before) std::this_thread::yield();
    }
    stop = true;
  }
  void agree(const std::string& suffix) {
    for (const Kind& kind : kinds()) {
      INFO(kind.name << suffix);
      const std::string kept = "(SELECT * FROM " + kind.name + suffix + ")";
      const std::string asked = "(" + kind.query + ")";
      CHECK(client->ask("SELECT count(*) FROM (" + kept + " EXCEPT ALL " + asked + ") d") == "0");
      CHECK(client->ask("SELECT count(*) FROM (" + asked + " EXCEPT ALL " + kept + ") d") == "0");
    }
    CHECK(value_of(database->check()).empty());
  }
  void change() {
    client->ask("UPDATE a SET k = k + 1 WHERE id % 3 = 0");
    client->ask("DELETE FROM b WHERE id % 5 = 0");
    client->ask(
        "INSERT INTO b SELECT id + 1000000 + (SELECT max(id) - min(id) FROM b), k, n FROM b "
        "WHERE id % 4 = 0");
  }

  std::unique_ptr<Database> database;
  std::unique_ptr<Client> client;

 private:
  const std::filesystem::path dir_;
  std::atomic<uint64_t> rounds_ = 0;
};

TEST_CASE("views of every kind are built while others write, each over the indexes of the others") {
  const auto dir =
      std::filesystem::temp_directory_path() / fmt::format("quickwater-backfill-{}", getpid());
  std::filesystem::remove_all(dir);
  {
    Shop shop(dir);
    shop.fill();
    // The second time all indexes are there already, also those of both sides of a join.
    for (const char* suffix : {"_1", "_2"}) shop.build(suffix);
    for (const char* suffix : {"_1", "_2"}) shop.agree(suffix);
    shop.open();
    shop.change();
    for (const char* suffix : {"_1", "_2"}) shop.agree(suffix);
    // The makers of most indexes go; those that share them keep them, after a restart too.
    for (const Kind& kind : kinds()) {
      shop.client->ask("DROP MATERIALIZED VIEW " + kind.name + "_1");
    }
    shop.change();
    shop.agree("_2");
    shop.open();
    shop.build("_3");
    for (const char* suffix : {"_2", "_3"}) shop.agree(suffix);
    shop.open();
    shop.change();
    for (const char* suffix : {"_2", "_3"}) shop.agree(suffix);
  }
  std::filesystem::remove_all(dir);
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

TEST_CASE("states of a view over many rows are written once, when all have been read") {
  const auto dir = std::filesystem::temp_directory_path() /
                   fmt::format("quickwater-backfill-images-{}", getpid());
  std::filesystem::remove_all(dir);
  {
    const auto database = open_database(dir, 1000);
    Client client(*database);
    client.ask("CREATE TABLE t (id bigint PRIMARY KEY, n bigint)");
    client.ask("INSERT INTO t SELECT g, g % 7 FROM generate_series(1, 20000) g");
    client.ask(
        "CREATE MATERIALIZED VIEW v AS SELECT a.id, count(*) AS c, sum(b.n) AS s "
        "FROM t a JOIN t b ON a.id = b.id GROUP BY a.id");
    client.ask("UPDATE t SET n = n + 1 WHERE id = 7");
  }
  {
    storage::StoreOptions options;
    options.dir = dir;
    const auto store = value_of(storage::Store::open(options));
    CHECK(store->states().size() == 3);
    for (const storage::StateStats& state : store->states()) {
      CHECK(state.oldest_image.value > 0);
      CHECK(state.log_bytes < 1000);  // of the update
    }
  }
  {
    const auto database = open_database(dir, 1000);
    Client client(*database);
    client.ask("UPDATE t SET n = n + 1 WHERE id % 2 = 0");
    CHECK(client.ask("SELECT count(*), sum(c), sum(s) FROM v") ==
          client.ask("SELECT count(*), count(*), sum(n) FROM t"));
  }
  std::filesystem::remove_all(dir);
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
