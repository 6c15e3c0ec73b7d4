// P4: a damaged store says XX001 or dies; it never serves other data than was written.
//
// A flipped bit in a value, key or log entry must be found by a checksum. Damage to LMDB's own page
// structure may also end the process (a child here): that is detection, too.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "src/base/random.h"
#include "storage/format/format.h"
#include "storage/memory_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

constexpr ObjectId kBase{16384}, kOverlay{16385};
constexpr int kRows = 2000;

std::string key_of(int i) { return fmt::format("key {:05}", i); }
std::string row_of(int i) { return fmt::format("row {} of the table", i * 31); }
const std::string kPiece(5000, 's');

// A relation in the base, one in the log, a state with image and log, and meta.
void fill(const StoreOptions& options) {
  const auto store = value_of(Store::open(options));
  Rows model, ignored;
  Changes changes;
  for (int i = 0; i < kRows; ++i) changes[key_of(i)] = row_of(i);
  EpochBuilder builder(Epoch{1});
  builder.change(kBase, changes, model);
  builder.change(kOverlay, {{"only", "row"}}, ignored);
  builder.write.state_logs.push_back({StateId{1}, {kPiece}});
  builder.write.images.push_back({StateId{1}, 0, 2, {kPiece}});
  builder.write.meta.push_back({"position", "0/12345"});
  done(store->commit(std::move(builder.write)));
}

enum class Outcome { sound, detected, wrong };

// Reads everything there is and compares.
Outcome examine(const StoreOptions& options) {
  bool detected = false;
  const auto saw = [&](const auto& result) {
    if (!result && result.error().code() == SqlState("XX001")) detected = true;
    return result.has_value();
  };
  const auto opened = Store::open(options);
  if (!saw(opened)) return detected ? Outcome::detected : Outcome::wrong;
  const Store& store = **opened;
  const auto snapshot = store.snapshot();
  if (!snapshot || store.epoch() != Epoch{1}) return Outcome::wrong;
  for (int i = 0; i < kRows; ++i) {
    const auto row = snapshot->get(kBase, key_of(i));
    if (!saw(row)) continue;
    // A missing row is only forgiven when a scan or check() notices it below.
    if (*row && **row != row_of(i)) return Outcome::wrong;
  }
  auto cursor = snapshot->scan(kBase);
  if (saw(cursor)) {
    std::vector<RowView> rows(kRows + 10);
    const auto count = cursor->next(rows);
    if (saw(count)) {
      if (*count != kRows) return Outcome::wrong;
      for (int i = 0; i < kRows; ++i) {
        const RowView& row = rows[static_cast<size_t>(i)];
        if (row.key != key_of(i) || row.row != row_of(i)) return Outcome::wrong;
      }
    }
  }
  const auto only = snapshot->get(kOverlay, "only");
  if (saw(only) && *only != "row") return Outcome::wrong;
  size_t pieces = 0;
  bool right = true;
  const auto piece = [&](std::string_view bytes) {
    ++pieces;
    right = right && bytes == kPiece;
    return Result<void>();
  };
  const auto state = store.recover_state(
      StateId{1}, [&](uint32_t, Epoch, std::string_view bytes) { return piece(bytes); },
      [&](Epoch, std::string_view bytes) { return piece(bytes); });
  if (saw(state) && pieces != 2) return Outcome::wrong;
  if (!right) return Outcome::wrong;
  const auto position = store.meta("position");
  if (saw(position) && *position != "0/12345") return Outcome::wrong;
  const auto findings = store.check();
  if (!findings || !findings->empty()) detected = true;
  return detected ? Outcome::detected : Outcome::sound;
}

TEST_CASE("an older and a newer format are refused by their number") {
  for (const uint32_t format : {kFormatVersion - 1, kFormatVersion + 1}) {
    auto kv = std::make_shared<MemoryKv>();
    StoreOptions options;
    options.kv = kv;
    fill(options);
    {
      const auto txn = value_of(kv->begin_write());
      done(put_meta_record(*txn, meta_key(kMetaFormat), format));
      done(txn->commit());
    }
    const auto opened = Store::open(options);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code() == SqlState("55000"));
    CHECK(opened.error().message().find(fmt::format("format {}", format)) != std::string::npos);
  }
}

TEST_CASE("every flipped bit of a stored value is found and named") {
  for (const Table table : {Table::rows, Table::log, Table::image, Table::meta}) {
    auto kv = std::make_shared<MemoryKv>();
    StoreOptions options;
    options.kv = kv;
    fill(options);
    CHECK(examine(options) == Outcome::sound);
    std::vector<std::string> keys;
    {
      const auto read = value_of(kv->begin_read());
      const auto cursor = value_of(read->cursor(table));
      done(cursor->seek({}, Direction::forward));
      std::vector<KvEntry> entries(5000);
      entries.resize(value_of(cursor->next(entries)));
      for (const KvEntry& entry : entries) keys.emplace_back(entry.key);
    }
    REQUIRE(!keys.empty());
    Random random(1);
    for (int round = 0; round < 40; ++round) {
      const std::string& key = keys[random.below(keys.size())];
      const size_t bit = random.below(8 * 40);
      REQUIRE(kv->flip_bit(table, key, bit));
      CHECK(examine(options) == Outcome::detected);
      REQUIRE(kv->flip_bit(table, key, bit));
    }
  }
}

// Two relations side by side, both in the base; the second one's keys are the greater ones.
struct Neighbours {
  static constexpr ObjectId kFirst{16384}, kSecond{16385};
  std::shared_ptr<MemoryKv> kv = std::make_shared<MemoryKv>();
  std::unique_ptr<Store> store;
  void open() {
    StoreOptions options;
    options.kv = kv;
    store = value_of(Store::open(options));
  }
  Neighbours() {
    open();
    Changes first, second;
    for (int i = 0; i < 100; ++i) {
      first[key_of(i)] = row_of(i);
      second["z" + key_of(i)] = row_of(i);
    }
    Rows ignored, too;
    EpochBuilder builder(Epoch{1});
    builder.change(kFirst, first, ignored);
    builder.change(kSecond, second, too);
    done(store->commit(std::move(builder.write)));
  }
  // As if damage had changed the key of a row, whose checksum says so.
  void move(const RowKey& from, const RowKey& to) {
    store.reset();
    {
      const auto write = value_of(kv->begin_write());
      const std::string value(*value_of(write->get(Table::rows, from.view())));
      REQUIRE(value_of(write->erase(Table::rows, from.view())));
      const KvSlot slot =
          value_of(write->put(Table::rows, to.view(), value.size(), PutMode::upsert));
      value.copy(slot.bytes, value.size());
      done(write->commit());
    }
    open();
  }
  bool scans(const KeyRange& range, Direction direction) const {
    const auto snapshot = value_of(store->snapshot());
    std::array<RowView, 200> rows;
    auto cursor = snapshot.scan(kFirst, range, direction);
    const auto count = cursor ? cursor->next(rows) : fail(cursor.error());
    if (!count) CHECK(count.error().code() == SqlState("XX001"));
    return count.has_value();
  }
  bool answers(ObjectId relation, const std::string& key) const {
    const auto snapshot = value_of(store->snapshot());
    const auto row = snapshot.get(relation, key);
    if (!row) CHECK(row.error().code() == SqlState("XX001"));
    return row.has_value();
  }
};

TEST_CASE("a miss beside another relation's damaged row is a miss") {
  const Neighbours store;
  REQUIRE(store.kv->flip_bit(Table::rows, RowKey(Neighbours::kSecond, "zkey 00000").view(), 70));
  CHECK(store.answers(Neighbours::kFirst, "key 00100"));
  CHECK_FALSE(store.answers(Neighbours::kSecond, "zkey 00000"));
  CHECK_FALSE(store.answers(Neighbours::kSecond, "zkey 00000+"));
  CHECK(store.answers(Neighbours::kSecond, "zkey 00001"));
}

TEST_CASE("a row that lies under another relation's id is missed by neither") {
  Neighbours store;
  store.move(RowKey(Neighbours::kFirst, "key 00099"), RowKey(Neighbours::kSecond, "key 00099"));
  CHECK_FALSE(store.answers(Neighbours::kFirst, "key 00099"));
  CHECK_FALSE(store.answers(Neighbours::kFirst, "key 00099+"));
  CHECK_FALSE(store.answers(Neighbours::kSecond, "a"));
  CHECK(store.answers(Neighbours::kFirst, "key 00098"));
}

TEST_CASE("a row whose key has left a range is missing from no scan of it in silence") {
  const KeyRange upwards{"key 00050", std::nullopt}, downwards{{}, "key 00050+"};
  Neighbours before;
  CHECK(before.scans(upwards, Direction::forward));
  before.move(RowKey(Neighbours::kFirst, "key 00050"), RowKey(Neighbours::kFirst, "key 00049+"));
  CHECK_FALSE(before.scans(upwards, Direction::forward));
  CHECK(before.scans({"key 00051", std::nullopt}, Direction::forward));
  Neighbours behind;
  CHECK(behind.scans(downwards, Direction::backward));
  behind.move(RowKey(Neighbours::kFirst, "key 00050"), RowKey(Neighbours::kFirst, "key 00050++"));
  CHECK_FALSE(behind.scans(downwards, Direction::backward));
}

TEST_CASE("bits flipped in the file: never wrong data") {
  const TempDir dir;
  StoreOptions options;
  options.dir = dir.path();
  fill(options);
  const std::string file = (dir.path() / "store.mdb").string();
  Random random(2);
  std::map<Outcome, int> seen;
  int died = 0;
  for (int round = 0; round < 150; ++round) {
    struct stat size {};
    REQUIRE(stat(file.c_str(), &size) == 0);
    const auto at = static_cast<off_t>(random.below(static_cast<uint64_t>(size.st_size)));
    const auto mask = static_cast<char>(1U << random.below(8));
    const int fd = open(file.c_str(), O_RDWR);
    char byte = 0;
    REQUIRE(pread(fd, &byte, 1, at) == 1);
    const auto flipped = static_cast<char>(byte ^ mask);
    REQUIRE(pwrite(fd, &flipped, 1, at) == 1);
    const pid_t child = fork();
    if (child == 0) {
      close(STDERR_FILENO);  // LMDB's own assertions
      _exit(static_cast<int>(examine(options)));
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status)) {
      ++seen[static_cast<Outcome>(WEXITSTATUS(status))];
      CAPTURE(at);
      CHECK(WEXITSTATUS(status) != static_cast<int>(Outcome::wrong));
    } else {
      ++died;
    }
    REQUIRE(pwrite(fd, &byte, 1, at) == 1);
    close(fd);
  }
  MESSAGE("sound ", seen[Outcome::sound], ", detected ", seen[Outcome::detected], ", died ", died);
  CHECK(seen[Outcome::detected] > 20);
  CHECK(examine(options) == Outcome::sound);
}

}  // namespace
}  // namespace qw::storage::test
