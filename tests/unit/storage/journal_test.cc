// The journal's file: what comes back of it whole, torn, damaged, full or another store's; and the
// store on top of it: what is journaled is there after a restart and goes into the environment
// once.
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <vector>

#include "src/base/limits.h"
#include "storage/journal/journal_file.h"
#include "storage/memory_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

constexpr ObjectId kTable{16384}, kOther{16385};
constexpr StateId kState{7};
constexpr uint64_t kIdentity = 4711;

using Records = std::vector<std::pair<uint64_t, std::string>>;

Result<Records> replayed(Journal& journal, uint64_t last) {
  Records out;
  QW_TRY(journal.replay(Epoch{last}, [&](Epoch epoch, std::string_view record) -> Result<void> {
    out.emplace_back(epoch.value, record);
    return {};
  }));
  return out;
}

struct JournalOnDisk {
  TempDir dir;
  std::filesystem::path file = dir.path() / "journal";
  std::unique_ptr<JournalFile> journal =
      value_of(JournalFile::create(file, kIdentity, Durability::sync));

  void reopen() {
    journal.reset();
    journal = value_of(JournalFile::open(file, kIdentity, Durability::sync));
  }
  void append(uint64_t epoch, std::string_view record) {
    CHECK(value_of(journal->append(Epoch{epoch}, record)));
  }
  void put(int64_t at, char byte) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(at);
    stream.put(byte);
    REQUIRE(stream.good());
  }
};

TEST_CASE("records come back in order, and appends go on behind them") {
  JournalOnDisk disk;
  CHECK(value_of(replayed(*disk.journal, 0)).empty());
  const std::string large(10'000, 'l');
  disk.append(5, "five");
  disk.append(6, large);
  disk.append(7, "");
  disk.reopen();
  const Records all = {{5, "five"}, {6, large}, {7, ""}};
  CHECK(value_of(replayed(*disk.journal, 4)) == all);
  disk.append(8, "eight");
  disk.reopen();
  CHECK(value_of(replayed(*disk.journal, 4)).size() == 4);
}

TEST_CASE("a restarted journal forgets what the environment holds") {
  JournalOnDisk disk;
  for (uint64_t epoch = 1; epoch <= 9; ++epoch) disk.append(epoch, std::string(5000, 'a'));
  disk.reopen();
  CHECK(value_of(replayed(*disk.journal, 9)).empty());
  disk.append(10, "ten");
  disk.append(11, std::string(9000, 'b'));
  disk.reopen();
  const Records rest = {{10, "ten"}, {11, std::string(9000, 'b')}};
  CHECK(value_of(replayed(*disk.journal, 9)) == rest);
}

TEST_CASE("a torn last record is none, and its place is used again") {
  JournalOnDisk disk;
  disk.append(1, "one");
  disk.append(2, std::string(9000, 'x'));
  disk.put(4096 + 4096 + 8000, 'y');
  disk.reopen();
  CHECK(value_of(replayed(*disk.journal, 0)) == Records{{1, "one"}});
  disk.append(2, "two");
  disk.reopen();
  CHECK(value_of(replayed(*disk.journal, 0)) == Records{{1, "one"}, {2, "two"}});
}

TEST_CASE("a damaged record before a whole one is an error, as is a missing one") {
  JournalOnDisk disk;
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) disk.append(epoch, "record");
  CHECK(replayed(*disk.journal, 4).has_value());
  constexpr int64_t kSecond = int64_t{2} * 4096;
  for (const int64_t at : {0, 7, 8, 16, 24, 29}) {
    JournalOnDisk other;
    for (uint64_t epoch = 1; epoch <= 4; ++epoch) other.append(epoch, "record");
    other.put(kSecond + at, '!');
    other.reopen();
    const auto found = replayed(*other.journal, 0);
    REQUIRE(!found);
    CHECK(found.error().code() == "XX001");
    CHECK(found.error().message().ends_with("is damaged: it lacks epoch 2, but not epoch 3"));
  }
  disk.reopen();
  CHECK(replayed(*disk.journal, 0).has_value());
  JournalOnDisk late;
  late.append(3, "three");
  late.reopen();
  CHECK(!replayed(*late.journal, 1));
}

TEST_CASE("a journal that is missing, damaged or another store's is refused") {
  JournalOnDisk disk;
  disk.append(1, "one");
  for (const uint64_t identity : {kIdentity + 1, uint64_t{0}}) {
    const auto other = JournalFile::open(disk.file, identity, Durability::sync);
    REQUIRE(!other);
    CHECK(other.error().code() == "XX001");
  }
  for (const int64_t at : {0, 5, 9, 20}) {
    JournalOnDisk damaged;
    damaged.put(at, '!');
    CHECK(!JournalFile::open(damaged.file, kIdentity, Durability::sync));
  }
  std::filesystem::resize_file(disk.file, 10);
  CHECK(!JournalFile::open(disk.file, kIdentity, Durability::sync));
  std::filesystem::remove(disk.file);
  const auto missing = JournalFile::open(disk.file, kIdentity, Durability::sync);
  REQUIRE(!missing);
  CHECK(missing.error().message() == disk.file.string() + " is missing");
}

TEST_CASE("a full journal takes nothing until it is restarted") {
  JournalOnDisk disk;
  const std::string record(1 << 20, 'm');
  uint64_t epoch = 0;
  while (value_of(disk.journal->append(Epoch{epoch + 1}, record))) ++epoch;
  CHECK(epoch == limits::kJournalBytesMax / (1 << 20) - 1);
  CHECK(std::filesystem::file_size(disk.file) <= limits::kJournalBytesMax);
  disk.reopen();
  CHECK(value_of(replayed(*disk.journal, 0)).size() == epoch);
  CHECK(!value_of(disk.journal->append(Epoch{epoch + 1}, record)));
  disk.journal->restart();
  disk.append(epoch + 1, record);
}

// -- the store

struct World {
  TempDir dir;
  std::unique_ptr<Store> store;
  uint64_t epoch = 0;
  std::map<ObjectId, Rows> rows;

  StoreOptions options;

  explicit World(const StoreOptions& given = {}) : options(given) { open(); }
  void open() {
    store.reset();
    options.dir = dir.path();
    store = value_of(Store::open(options));
    CHECK(store->epoch() == Epoch{epoch});
  }
  EpochBuilder builder() { return EpochBuilder(Epoch{epoch + 1}); }
  void commit(EpochBuilder& builder) {
    ++epoch;
    done(store->commit(std::move(builder.write)));
  }
  void put(ObjectId relation, const std::string& key, const std::string& row) {
    EpochBuilder one = builder();
    one.change(relation, {{key, row}}, rows[relation]);
    commit(one);
  }
  void check() {
    for (const auto& [relation, expected] : rows) {
      const Snapshot now = value_of(store->snapshot());
      CHECK(read_all(now, relation) ==
            std::vector<std::pair<std::string, std::string>>(expected.begin(), expected.end()));
      CHECK(now.row_count(relation) == static_cast<int64_t>(expected.size()));
    }
    CHECK(value_of(store->check()) == std::vector<std::string>{});
  }
  RelationStats stats(ObjectId relation) const {
    for (const RelationStats& stats : store->relations()) {
      if (stats.relation == relation) return stats;
    }
    return {};
  }
  uint64_t base_rows(ObjectId relation) const { return stats(relation).base_rows; }
};

TEST_CASE("small epochs are journaled, seen, found again, and taken in when nothing comes") {
  World world;
  for (int i = 0; i < 100; ++i) {
    world.put(i % 3 == 0 ? kOther : kTable, fmt::format("{:03}", i % 40), fmt::format("row {}", i));
  }
  world.check();
  CHECK(world.base_rows(kTable) == 0);
  for (int i = 0; i < 3; ++i) {
    world.open();
    world.check();
    CHECK(world.base_rows(kTable) == 0);
    world.put(kTable, "more", fmt::format("{}", i));
  }
  CHECK(!value_of(world.store->maintain()));  // not idle: it may wait
  CHECK(world.base_rows(kTable) == 0);
  CHECK(!value_of(world.store->maintain(/*idle=*/true)));
  CHECK(world.base_rows(kTable) == world.rows[kTable].size());
  world.check();
  world.open();
  world.check();
}

TEST_CASE("positions and states that only the journal holds are read like all others") {
  World world;
  const auto pieces = [&] {
    std::string all;
    done(world.store->recover_state(
        kState, [](uint32_t, Epoch, std::string_view) -> Result<void> { return {}; },
        [&](Epoch epoch, std::string_view bytes) -> Result<void> {
          CHECK(epoch <= Epoch{world.epoch});
          all += bytes;
          return {};
        }));
    return all;
  };
  const auto commit = [&](std::string piece, std::string position, std::string other) {
    EpochBuilder builder = world.builder();
    builder.write.state_logs.push_back({kState, {std::move(piece)}});
    builder.write.meta.push_back({"source/1", std::move(position)});
    builder.write.meta.push_back({"source/2", std::move(other)});
    world.commit(builder);
  };
  commit("a", "1", "x");
  (void)value_of(world.store->maintain(/*idle=*/true));
  commit("b", "2", "");
  commit("c", "3", "");
  for (const bool taken_in : {false, false, true, true}) {
    if (taken_in) (void)value_of(world.store->maintain(/*idle=*/true));
    CHECK(pieces() == "abc");
    CHECK(world.store->states().at(0).log_bytes >= 3);
    CHECK(value_of(world.store->meta("source/1")) == "3");
    CHECK(!value_of(world.store->meta("source/2")));
    CHECK(value_of(world.store->meta_list("source/")) ==
          std::vector<std::pair<std::string, std::string>>{{"source/1", "3"}});
    world.open();
  }
}

TEST_CASE("a transaction takes the journal in, with what it drops") {
  World world;
  world.put(kTable, "a", "1");
  world.put(kOther, "b", "2");
  EpochBuilder builder = world.builder();
  builder.write.dropped_relations.push_back(kTable);
  builder.write.images.push_back({kState, 0, 1, {"image"}, false});
  world.rows.erase(kTable);
  world.commit(builder);
  world.check();
  CHECK(world.base_rows(kOther) == 1);
  world.put(kOther, "c", "3");
  world.open();
  world.check();
  CHECK(value_of(world.store->snapshot()).row_count(kTable) == 0);
}

TEST_CASE("a fold in slices leaves nothing of journaled epochs in the log") {
  StoreOptions options;
  options.overlay_bytes_max = 0;  // everything is folded, whatever it costs
  options.slice_pages_max = 2;
  World world(options);
  Changes many;
  for (int i = 0; i < 4000; ++i) many[fmt::format("{:05}", i)] = std::string(100, 'm');
  EpochBuilder first = world.builder();
  first.change(kTable, many, world.rows[kTable]);
  world.commit(first);
  for (int i = 0; i < 60; ++i) world.put(kTable, fmt::format("{:05}", i * 66), "changed");
  world.put(kOther, "last", "1");
  while (value_of(world.store->maintain(/*idle=*/true))) {
  }
  world.check();
  world.open();
  world.check();
  CHECK(world.stats(kTable).overlay_rows == 0);
  CHECK(world.stats(kOther).overlay_rows == 0);
}

TEST_CASE("runs stay few, whatever sizes epochs have") {
  StoreOptions options;
  options.fold = FoldPolicy::never;
  World world(options);
  for (int i = 0; i < 1500; ++i) {
    // Sizes like 1 1 1 2 1 1 1 2 .. 3: the number of runs grew with the number of epochs once.
    size_t size = 40;
    for (int n = i + 1; n % 4 == 0; n /= 4) size *= 4;
    world.put(kTable, fmt::format("{:05}", i), std::string(size, 'r'));
  }
  world.check();
  CHECK(world.stats(kTable).overlay_runs < 30);
}

TEST_CASE("a large epoch is a transaction, and more epochs than the journal holds are kept") {
  World world;
  world.put(kTable, "small", "1");
  world.put(kTable, "large", std::string(200 << 10, 'l'));
  CHECK(world.base_rows(kTable) == 2);
  const std::string row(100 << 10, 'm');
  for (int i = 0; i < 400; ++i) world.put(kOther, fmt::format("{}", i % 50), row);
  world.check();
  world.open();
  world.check();
  CHECK(std::filesystem::file_size(world.dir.path() / "store.journal") <= limits::kJournalBytesMax);
}

TEST_CASE("a lost journal is missed") {
  World world;
  world.put(kTable, "a", "1");
  world.store.reset();
  std::filesystem::remove(world.dir.path() / "store.journal");
  StoreOptions options;
  options.dir = world.dir.path();
  const auto store = Store::open(options);
  REQUIRE(!store);
  CHECK(store.error().code() == "XX001");
}

TEST_CASE("an append that fails stops the store; a restart finds the epoch whole or not at all") {
  for (const CommitFault fault : {CommitFault::lost, CommitFault::kept, CommitFault::full}) {
    StoreOptions options;
    options.kv = std::make_shared<MemoryKv>();
    const auto journal = std::make_shared<MemoryJournal>();
    options.journal = journal;
    auto store = value_of(Store::open(options));
    Rows rows;
    EpochBuilder first(Epoch{1}), second(Epoch{2});
    first.change(kTable, {{"a", "1"}}, rows);
    done(store->commit(std::move(first.write)));
    journal->set_fault([&] { return fault; });
    second.change(kTable, {{"b", "2"}}, rows);
    const auto failed = store->commit(std::move(second.write));
    const bool full = fault == CommitFault::full;  // then it is a transaction
    CHECK(failed.has_value() == full);
    CHECK(store->stats().read_only == !full);
    journal->set_fault({});
    store = value_of(Store::open(options));
    const uint64_t found = fault == CommitFault::lost ? 1 : 2;
    CHECK(store->epoch() == Epoch{found});
    CHECK(value_of(store->snapshot()).row_count(kTable) == static_cast<int64_t>(found));
  }
}

}  // namespace
}  // namespace qw::storage::test
