// The catalogue: states of objects, names, ids and secrets, each also over a reopen.
#include "storage/catalog.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

CatalogObject object(uint32_t id, std::string name, std::vector<ObjectId> depends_on = {}) {
  CatalogObject out;
  out.id = ObjectId{id};
  out.kind = "table";
  out.schema = "public";
  out.name = std::move(name);
  out.definition = "CREATE TABLE ...";
  out.payload = std::string("\0\x01payload", 9);
  out.depends_on = std::move(depends_on);
  return out;
}

TEST_CASE("objects go from creating to ready to dropping to gone") {
  const TempDir dir;
  auto catalog = value_of(Catalog::open(dir.path(), {}));
  const std::vector<CatalogObject> both = {object(16400, "t"),
                                           object(16401, "v", {ObjectId{16400}, ObjectId{7}})};
  done(catalog->insert_creating(both));
  CHECK(value_of(catalog->list())[1].state == ObjectState::creating);
  const std::vector<ObjectId> ids = {ObjectId{16400}, ObjectId{16401}};
  done(catalog->mark_ready(ids, Epoch{5}));
  catalog.reset();
  catalog = value_of(Catalog::open(dir.path(), {}));
  const auto objects = value_of(catalog->list());
  REQUIRE(objects.size() == 2);
  CHECK(objects[1].state == ObjectState::ready);
  CHECK(objects[1].created == Epoch{5});
  CHECK(objects[1].depends_on == both[1].depends_on);
  CHECK(objects[0].payload == both[0].payload);
  CHECK(objects[0].definition == both[0].definition);
  done(catalog->begin_drop(ids));
  CHECK(value_of(catalog->get(ObjectId{16400}))->state == ObjectState::dropping);
  done(catalog->remove(ids));
  CHECK(value_of(catalog->list()).empty());
  CHECK(!value_of(catalog->get(ObjectId{16400})));
}

// Runs SQL behind the catalogue's back.
void alter(const TempDir& dir, const char* sql) {
  sqlite3* db = nullptr;
  REQUIRE(sqlite3_open((std::filesystem::path(dir.path()) / "catalog.db").c_str(), &db) ==
          SQLITE_OK);
  const int rc = sqlite3_exec(db, sql, nullptr, nullptr, nullptr);
  sqlite3_close(db);
  REQUIRE(rc == SQLITE_OK);
}

void fill(const TempDir& dir) {
  auto catalog = value_of(Catalog::open(dir.path(), {}));
  const std::vector<CatalogObject> both = {object(16400, "t"),
                                           object(16401, "v", {ObjectId{16400}})};
  done(catalog->insert_creating(both));
  done(catalog->mark_ready(std::vector<ObjectId>{ObjectId{16400}}, Epoch{5}));
  done(catalog->put_setting("key", "value"));
  CHECK(value_of(catalog->allocate_states(3)) == StateId{1});
}

TEST_CASE("a changed definition, setting, dependency or counter is named, not believed") {
  const auto finds = [](const char* change, const auto& look) {
    const TempDir dir;
    fill(dir);
    alter(dir, change);
    const auto catalog = value_of(Catalog::open(dir.path(), {}));
    const auto result = look(*catalog);
    REQUIRE_FALSE(result);
    CHECK(result.error().code() == SqlState("XX001"));
    return result.error().message();
  };
  const auto list = [](const Catalog& catalog) { return catalog.list(); };
  CHECK(finds("UPDATE object SET definition = 'CREATE TABLE ,..' WHERE id = 16401", list)
            .find("\"v\"") != std::string::npos);
  CHECK(finds("UPDATE object SET state = 1 WHERE id = 16401", list).find("16401") !=
        std::string::npos);
  finds("UPDATE object SET name = 'u' WHERE id = 16400", list);
  finds("UPDATE dependency SET depends_on = 16402", list);
  finds("DELETE FROM dependency", list);
  finds("UPDATE object SET payload = x'00' WHERE id = 16400",
        [](const Catalog& catalog) { return catalog.get(ObjectId{16400}); });
  finds("UPDATE setting SET value = 'walue'",
        [](const Catalog& catalog) { return catalog.setting("key"); });
  finds("UPDATE setting SET name = 'kez'",
        [](const Catalog& catalog) { return catalog.settings(); });
  finds("UPDATE counter SET next = 2 WHERE name = 'state'",
        [](Catalog& catalog) { return catalog.allocate_states(1); });
}

TEST_CASE("a damaged page is found when the catalogue is opened") {
  const TempDir dir;
  fill(dir);
  const auto file = std::filesystem::path(dir.path()) / "catalog.db";
  const auto pages = std::filesystem::file_size(file) / 4096;
  for (size_t page = 1; page < pages; ++page) {
    std::fstream stream(file, std::ios::binary | std::ios::in | std::ios::out);
    std::string kept(4096, '\0');
    stream.seekg(static_cast<std::streamoff>(page * 4096)).read(kept.data(), 4096);
    const auto put = [&](const std::string& bytes) {
      stream.seekp(static_cast<std::streamoff>(page * 4096)).write(bytes.data(), 4096).flush();
    };
    put(std::string(4096, '\0'));
    const auto damaged = Catalog::open(dir.path(), {});
    REQUIRE_FALSE(damaged);
    CHECK(damaged.error().code() == SqlState("XX001"));
    put(kept);
  }
  CHECK(value_of(value_of(Catalog::open(dir.path(), {}))->list()).size() == 2);
}

TEST_CASE("an older format is brought up to date, a newer one refused by its number") {
  const TempDir dir;
  fill(dir);
  alter(dir,
        "ALTER TABLE object DROP COLUMN checksum; ALTER TABLE setting DROP COLUMN checksum;"
        "ALTER TABLE counter DROP COLUMN checksum; CREATE TABLE old (object INTEGER NOT NULL,"
        "depends_on INTEGER NOT NULL, position INTEGER NOT NULL, PRIMARY KEY (object, position))"
        "WITHOUT ROWID; INSERT INTO old SELECT object, depends_on, position FROM dependency;"
        "DROP TABLE dependency; ALTER TABLE old RENAME TO dependency; PRAGMA user_version = 1");
  for (int times = 0; times < 2; ++times) {
    const auto catalog = value_of(Catalog::open(dir.path(), {}));
    CHECK(value_of(catalog->list()).size() == 2);
    CHECK(value_of(catalog->setting("key")) == "value");
    CHECK(value_of(catalog->allocate_states(1)) == StateId{4U + static_cast<uint32_t>(times)});
  }
  alter(dir, "PRAGMA user_version = 99");
  const auto newer = Catalog::open(dir.path(), {});
  REQUIRE_FALSE(newer);
  CHECK(newer.error().code() == SqlState("55000"));
  CHECK(newer.error().message().find("99") != std::string::npos);
}

TEST_CASE("a name is held from the first moment on") {
  const auto catalog = value_of(Catalog::open({}, {}));
  const CatalogObject first = object(16400, "t");
  done(catalog->insert_creating({&first, 1}));
  const CatalogObject second = object(16401, "t");
  auto taken = catalog->insert_creating({&second, 1});
  REQUIRE(!taken);
  CHECK(taken.error().code() == SqlState("55000"));
  done(catalog->mark_ready(std::vector{ObjectId{16400}}, Epoch{1}));
  taken = catalog->insert_creating({&second, 1});
  REQUIRE(!taken);
  CHECK(taken.error().code() == SqlState("42P07"));
  CHECK(taken.error().message() == "relation \"t\" already exists");
  CatalogObject secret = object(16402, "t");
  secret.name_class = "secret";
  secret.kind = "secret";
  done(catalog->insert_creating({&secret, 1}));
  // A failed statement leaves none of its objects.
  const std::vector<CatalogObject> mixed = {object(16403, "new"), object(16404, "t")};
  CHECK(!catalog->insert_creating(mixed));
  CHECK(value_of(catalog->list()).size() == 2);
}

TEST_CASE("ids are never given out twice") {
  const TempDir dir;
  auto catalog = value_of(Catalog::open(dir.path(), {}));
  CHECK(value_of(catalog->allocate_objects(3)) == ObjectId{16384});
  CHECK(value_of(catalog->allocate_states(10)) == StateId{1});
  catalog = nullptr;
  catalog = value_of(Catalog::open(dir.path(), {}));
  CHECK(value_of(catalog->allocate_objects(1)) == ObjectId{16387});
  CHECK(value_of(catalog->allocate_states(1)) == StateId{11});
}

TEST_CASE("sweep finishes or undoes what stopped half-way") {
  const auto catalog = value_of(Catalog::open({}, {}));
  const std::vector<CatalogObject> objects = {object(16400, "whole"), object(16401, "half"),
                                              object(16402, "leaving"), object(16403, "ready")};
  done(catalog->insert_creating(objects));
  done(catalog->mark_ready(std::vector{ObjectId{16402}, ObjectId{16403}}, Epoch{1}));
  done(catalog->begin_drop(std::vector{ObjectId{16402}}));
  const auto removed = value_of(
      catalog->sweep([](const CatalogObject& candidate) { return candidate.name == "whole"; }));
  REQUIRE(removed.size() == 2);
  CHECK(removed[0].name == "half");
  CHECK(removed[1].name == "leaving");
  const auto left = value_of(catalog->list());
  REQUIRE(left.size() == 2);
  CHECK(left[0].state == ObjectState::ready);
}

TEST_CASE("update changes name, definition and dependencies") {
  const auto catalog = value_of(Catalog::open({}, {}));
  CatalogObject changed = object(16400, "a", {ObjectId{1}});
  done(catalog->insert_creating({&changed, 1}));
  changed.name = "b";
  changed.definition = "other";
  changed.depends_on = {ObjectId{2}, ObjectId{3}};
  done(catalog->update(changed));
  const auto read = value_of(catalog->get(changed.id));
  CHECK(read->name == "b");
  CHECK(read->definition == "other");
  CHECK(read->depends_on == changed.depends_on);
  CHECK(!catalog->update(object(17000, "none")));
}

TEST_CASE("secrets lie in a 0600 file and never in the database") {
  const TempDir dir;
  auto catalog = value_of(Catalog::open(dir.path(), {}));
  done(catalog->put_secret(ObjectId{16400}, "correct horse"));
  done(catalog->put_secret(ObjectId{16401}, ""));
  struct stat file {};
  REQUIRE(stat((dir.path() / "secrets").c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  std::ifstream database(dir.path() / "catalog.db", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(database), {}};
  CHECK(bytes.find("correct horse") == std::string::npos);
  catalog.reset();
  catalog = value_of(Catalog::open(dir.path(), {}));
  CHECK(value_of(catalog->secret(ObjectId{16400})) == "correct horse");
  CHECK(value_of(catalog->secret(ObjectId{16401})) == "");
  CHECK(catalog->secret_values().size() == 2);
  done(catalog->remove_secret(ObjectId{16400}));
  CHECK(!value_of(catalog->secret(ObjectId{16400})));
  catalog.reset();
  std::string secrets;
  {
    std::ifstream whole(dir.path() / "secrets", std::ios::binary);
    secrets = {std::istreambuf_iterator<char>(whole), {}};
  }
  // Whatever bit flips, and wherever the file ends.
  for (size_t bit = 0; bit < secrets.size() * 8; bit += 3) {
    std::string damaged = secrets;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    if (bit % 8 == 0) damaged.resize(bit / 8);
    std::ofstream(dir.path() / "secrets", std::ios::binary) << damaged;
    const auto opened = Catalog::open(dir.path(), {});
    REQUIRE(!opened);
    CHECK(opened.error().code() == SqlState("XX001"));
    CHECK(opened.error().message().find("secrets") != std::string::npos);
  }
  std::ofstream(dir.path() / "secrets", std::ios::binary) << secrets;
  CHECK(value_of(value_of(Catalog::open(dir.path(), {}))->secret(ObjectId{16401})) == "");
}

TEST_CASE("settings") {
  const auto catalog = value_of(Catalog::open({}, {}));
  CHECK(!value_of(catalog->setting("a")));
  done(catalog->put_setting("a", "1"));
  done(catalog->put_setting("a", "2"));
  done(catalog->put_setting("b", "3"));
  CHECK(value_of(catalog->setting("a")) == "2");
  CHECK(value_of(catalog->settings()).size() == 2);
  done(catalog->put_setting("a", ""));
  CHECK(!value_of(catalog->setting("a")));
}

}  // namespace
}  // namespace qw::storage::test
