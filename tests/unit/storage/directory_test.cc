// What may be opened as a data directory: ours, whole, or a place for a new one.
#include "storage/directory/data_directory.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "storage/catalog.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

namespace fs = std::filesystem;

Result<void> open_both(const fs::path& dir, bool may_create = true) {
  StoreOptions options;
  options.dir = dir;
  options.may_create = may_create;
  QW_ASSIGN_OR_RETURN(const auto store, Store::open(options));
  QW_ASSIGN_OR_RETURN(const auto catalog,
                      Catalog::open(dir, {store->identity(), store->epoch() == Epoch{}}));
  return {};
}

void fill(const fs::path& dir) {
  done(open_both(dir));
  StoreOptions options;
  options.dir = dir;
  const auto store = value_of(Store::open(options));
  EpochBuilder builder(Epoch{1});
  Rows model;
  builder.change(ObjectId{16384}, {{"k", "row"}}, model);
  done(store->commit(std::move(builder.write)));
}

void check_refused(const Result<void>& opened, std::string_view code, const std::string& name) {
  REQUIRE(!opened);
  CHECK(opened.error().code().view() == code);
  CHECK(opened.error().message().find(name) != std::string::npos);
}

TEST_CASE("one of the files alone is refused by the other's name") {
  const TempDir dir;
  const fs::path data = dir.path() / "data";
  for (const bool empty : {false, true}) {
    for (const std::string name : {kStoreFile, kJournalFile, kCatalogFile}) {
      fs::remove_all(data);
      fill(data);
      done(open_both(data));
      fs::remove(data / name);
      if (empty) std::ofstream(data / name).flush();
      check_refused(open_both(data), "XX001", (data / name).string());
      check_refused(open_both(data, false), "XX001", (data / name).string());
    }
  }
}

TEST_CASE("a journal alone is not taken for an empty directory") {
  const TempDir dir;
  const fs::path data = dir.path() / "data";
  fill(data);
  done(open_both(data));
  fs::remove(data / kStoreFile);
  fs::remove(data / kCatalogFile);
  const auto bytes = fs::file_size(data / kJournalFile);
  check_refused(open_both(data), "XX001", (data / kStoreFile).string());
  CHECK(fs::file_size(data / kJournalFile) == bytes);
}

TEST_CASE("files of two directories do not go together") {
  const TempDir dir;
  const fs::path mine = dir.path() / "mine", other = dir.path() / "other";
  fill(mine);
  fill(other);
  fs::copy_file(other / kCatalogFile, mine / kCatalogFile, fs::copy_options::overwrite_existing);
  check_refused(open_both(mine), "XX001", (mine / kCatalogFile).string());
  fs::copy_file(other / kStoreFile, mine / kStoreFile, fs::copy_options::overwrite_existing);
  check_refused(open_both(mine), "XX001", (mine / kJournalFile).string());
  fs::copy_file(other / kJournalFile, mine / kJournalFile, fs::copy_options::overwrite_existing);
  done(open_both(mine));
}

TEST_CASE("a start that ended between the two files is no loss") {
  const TempDir dir;
  const fs::path data = dir.path() / "data";
  {
    StoreOptions options;
    options.dir = data;
    (void)value_of(Store::open(options));
  }
  REQUIRE(!fs::exists(data / kCatalogFile));
  done(open_both(data));
  done(open_both(data));
}

TEST_CASE("looking makes nothing, and nothing is written where something else lies") {
  const TempDir dir;
  const fs::path typo = dir.path() / "typo", foreign = dir.path() / "foreign";
  check_refused(open_both(typo, false), "55000", typo.string());
  CHECK(!fs::exists(typo));
  fs::create_directory(typo);
  check_refused(open_both(typo, false), "55000", typo.string());
  CHECK(fs::is_empty(typo));
  fs::create_directory(foreign);
  std::ofstream(foreign / "thesis.txt") << "chapter one";
  check_refused(open_both(foreign), "55000", foreign.string());
  check_refused(open_both(foreign, false), "55000", foreign.string());
  CHECK(std::distance(fs::directory_iterator(foreign), fs::directory_iterator()) == 1);
  done(open_both(typo));  // empty
}

// Runs `look` as somebody who owns nothing; true = it said so.
template <typename Look>
bool as_nobody(const Look& look) {
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && seteuid(65534) != 0) _exit(2);
    _exit(look() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_CASE("a directory or a file that may not be written is refused by name and stays as it is") {
  const TempDir dir;
  const fs::path data = dir.path() / "data";
  const auto refused = [&](const std::string& name) {
    return as_nobody([&] {
      const auto opened = open_both(data);
      return !opened && opened.error().code() == SqlState("42501") &&
             opened.error().message().find((data / name).string()) != std::string::npos;
    });
  };
  fill(data);
  REQUIRE(chmod(dir.path().c_str(), 0755) == 0);
  REQUIRE(chmod(data.c_str(), 0555) == 0);
  for (const char* file : {"LOCK", "store.mdb", "store.mdb-lock", "store.journal", "catalog.db"}) {
    REQUIRE(chmod((data / file).c_str(), 0444) == 0);
  }
  CHECK(refused("LOCK"));
  REQUIRE(chmod((data / "LOCK").c_str(), 0666) == 0);
  REQUIRE(chmod((data / "store.mdb-lock").c_str(), 0666) == 0);
  CHECK(refused("store.mdb"));
  REQUIRE(chmod((data / "store.mdb").c_str(), 0666) == 0);
  CHECK(refused("store.journal"));
  REQUIRE(chmod(data.c_str(), 0700) == 0);
  for (const char* file : {"store.mdb", "store.journal", "catalog.db"}) {
    REQUIRE(chmod((data / file).c_str(), 0600) == 0);
  }
  done(open_both(data));
  StoreOptions options;
  options.dir = data;
  CHECK(value_of(Store::open(options))->epoch() == Epoch{1});
}

TEST_CASE("a lock that a dead process left behind holds nobody up") {
  const TempDir dir;
  fill(dir.path());
  std::ofstream(dir.path() / "LOCK") << "1234567890\n";  // longer than what comes
  done(open_both(dir.path()));
  std::ifstream lock(dir.path() / "LOCK");
  std::string pid;
  std::getline(lock, pid);
  CHECK(pid == std::to_string(getpid()));
  CHECK(!std::getline(lock, pid));
}

}  // namespace
}  // namespace qw::storage::test
