// A database with one damaged value: what it concerns says XX001 and its name, the rest lives.
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "src/base/random.h"
#include "src/engine/database_impl.h"
#include "storage/memory_kv.h"
#include "tests/unit/engine/fixture.h"
#include "tests/unit/storage/fixture.h"

namespace qw::engine::test {
namespace {

using storage::FoldPolicy;
using storage::Table;

// Two families: a table and a view that keeps states, and again.
const std::vector<std::string> kRelations = {"apples", "apple_counts", "pears", "pear_joins"};

class World {
 public:
  explicit World(FoldPolicy fold) : fold_(fold) {
    REQUIRE(open());
    Client client(*database);
    client.ask("CREATE TABLE apples (id int PRIMARY KEY, size int)");
    client.ask("CREATE TABLE pears (id int, size int)");
    client.ask(
        "CREATE MATERIALIZED VIEW apple_counts AS SELECT size, count(*) FROM apples GROUP BY size");
    client.ask(
        "CREATE MATERIALIZED VIEW pear_joins AS SELECT a.id, max(b.size) AS size FROM pears a "
        "JOIN pears b ON a.size = b.id GROUP BY a.id");
    for (int i = 0; i < 12; ++i) {
      client.ask(fmt::format("INSERT INTO apples SELECT g, g % 5 FROM generate_series({}, {}) g",
                             i * 20, i * 20 + 19));
      client.ask(fmt::format("INSERT INTO pears SELECT g, g % 50 FROM generate_series({}, {}) g",
                             i * 20, i * 20 + 19));
      client.ask(fmt::format("DELETE FROM apples WHERE id = {}", i * 7));
    }
  }
  Result<void> open() {
    Substitutes substitutes;
    substitutes.kv = kv;
    substitutes.catalog_dir = dir_.path();
    substitutes.fold = fold_;
    substitutes.salt = 7;
    substitutes.image_start_bytes = 3000;
    QW_ASSIGN_OR_RETURN(database, DatabaseImpl::open({}, substitutes));
    return {};
  }
  static Result<std::string> rows(Client& client, const std::string& relation) {
    return client.try_ask(fmt::format("SELECT * FROM {} ORDER BY 1, 2", relation));
  }
  std::vector<std::string> keys(Table table) {
    std::vector<std::string> keys;
    const auto read = value_of(kv->begin_read());
    const auto cursor = value_of(read->cursor(table));
    done(cursor->seek({}, storage::Direction::forward));
    std::vector<storage::KvEntry> entries(5000);
    entries.resize(value_of(cursor->next(entries)));
    for (const storage::KvEntry& entry : entries) keys.emplace_back(entry.key);
    return keys;
  }

  std::shared_ptr<storage::MemoryKv> kv = std::make_shared<storage::MemoryKv>();
  std::unique_ptr<DatabaseImpl> database;

 private:
  const FoldPolicy fold_;
  storage::test::TempDir dir_;
};

TEST_CASE("a damaged value of any kind concerns its own object only, and is named") {
  Random random(5);
  int refused = 0, named = 0;
  for (const FoldPolicy fold : {FoldPolicy::never, FoldPolicy::eager, FoldPolicy::shuffled}) {
    std::map<std::string, std::string> expected;
    std::map<Table, std::vector<std::string>> keys;
    {
      World world(fold);
      Client client(*world.database);
      for (const std::string& relation : kRelations) {
        expected[relation] = value_of(World::rows(client, relation));
      }
      for (const Table table : {Table::log, Table::image, Table::rows, Table::meta}) {
        keys[table] = world.keys(table);
      }
    }
    for (const auto& [table, all] : keys) {
      for (int tried = 0; tried < 12 && !all.empty(); ++tried) {
        World world(fold);
        world.database.reset();
        const std::string& key = all[random.below(all.size())];
        if (!world.kv->flip_bit(table, key, random.below(100'000))) continue;
        const auto opened = world.open();
        if (!opened) {
          // Without a word of how far the store is, nothing can be said of any relation.
          CHECK(opened.error().code() == SqlState("XX001"));
          CHECK(table == Table::meta);
          ++refused;
          continue;
        }
        Client client(*world.database);
        std::set<char> families;
        for (const std::string& relation : kRelations) {
          const auto rows = World::rows(client, relation);
          if (rows) {
            CHECK(*rows == expected[relation]);
            continue;
          }
          families.insert(relation[0]);
          CHECK(rows.error().code() == SqlState("XX001"));
          CHECK_MESSAGE(rows.error().to_string().find(relation) != std::string::npos,
                        rows.error().to_string());
          ++named;
        }
        CHECK(families.size() <= 1);
        // The other one takes rows, and its view follows.
        const bool apples = !families.contains('a');
        client.ask(apples ? "INSERT INTO apples VALUES (9000, 77)"
                          : "INSERT INTO pears VALUES (9000, 0)");
        CHECK(client.ask(apples ? "SELECT count FROM apple_counts WHERE size = 77"
                                : "SELECT count(*) FROM pear_joins WHERE id = 9000") == "1");
      }
    }
  }
  CHECK(named > 20);
  CHECK(refused > 5);
}

TEST_CASE("an index that lacks an entry is found") {
  DatabaseOptions options;
  options.ephemeral = true;
  const auto database = value_of(DatabaseImpl::open(options, {}));
  Client client(*database);
  client.ask("CREATE TABLE t (id int PRIMARY KEY, n int)");
  client.ask("CREATE INDEX tn ON t (n)");
  client.ask("CREATE TABLE copies (n int)");
  client.ask("CREATE INDEX cn ON copies (n)");
  client.ask("INSERT INTO t SELECT g, g % 7 FROM generate_series(1, 100) g");
  client.ask("INSERT INTO copies SELECT g % 7 FROM generate_series(1, 100) g");
  client.ask("UPDATE t SET n = n + 1 WHERE id < 20");
  client.ask("DELETE FROM copies WHERE n = 3");
  CHECK(value_of(database->check()).empty());
  for (const auto& [id, index] : database->definitions().view()->indexes) {
    done(database->loop().exclusive([&, index_id = id]() -> Result<void> {
      QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, database->store().snapshot());
      QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(index_id));
      std::vector<storage::RowView> first(1);
      QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(first));
      CHECK(count == 1);
      EpochLoop::Extra extra;
      extra.relations.emplace_back();
      extra.relations[0].relation = index_id;
      extra.relations[0].changes.push_back(storage::RowChange::erase(first[0].key));
      return database->loop().run_epoch(std::move(extra));
    }));
  }
  std::set<std::string> found;
  for (const std::string& finding : value_of(database->check())) found.insert(finding);
  CHECK(found.contains("index tn does not have the rows of public.t"));
  CHECK(found.contains("index cn does not have the rows of public.copies"));
}

}  // namespace
}  // namespace qw::engine::test
