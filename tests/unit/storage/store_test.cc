// The store's promises one by one; model_test.cc throws them together at random.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "src/base/hash.h"
#include "storage/memory_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

constexpr ObjectId kTable{16384};

StoreOptions options_for(const TempDir& dir, FoldPolicy fold = FoldPolicy::cost) {
  StoreOptions options;
  options.dir = dir.path();
  options.fold = fold;
  return options;
}

void write_rows(Store& store, ObjectId relation, const Changes& changes, Rows& model) {
  EpochBuilder builder(Epoch{store.epoch().value + 1});
  builder.change(relation, changes, model);
  done(store.commit(std::move(builder.write)));
}

TEST_CASE("an empty store is at epoch 0 and has nothing") {
  const TempDir dir;
  const auto store = value_of(Store::open(options_for(dir)));
  CHECK(store->epoch() == Epoch{});
  const Snapshot snapshot = value_of(store->snapshot());
  CHECK(!value_of(snapshot.get(kTable, "x")));
  CHECK(read_all(snapshot, kTable).empty());
  CHECK(snapshot.row_count(kTable) == 0);
  CHECK(value_of(store->check()).empty());
  CHECK(!value_of(store->maintain()));
}

TEST_CASE("a second opener is told the pid of the first") {
  const TempDir dir;
  const auto store = value_of(Store::open(options_for(dir)));
  const auto second = Store::open(options_for(dir));
  REQUIRE(!second);
  CHECK(second.error().code() == SqlState("55006"));
  CHECK(second.error().message().find(fmt::format("process {}:", getpid())) != std::string::npos);
}

TEST_CASE("latest sees staged epochs, snapshot only committed ones") {
  const TempDir dir;
  const auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  EpochBuilder one(Epoch{1}), two(Epoch{2});
  one.change(kTable, {{"a", "1"}, {"b", "1"}}, model);
  two.change(kTable, {{"a", std::nullopt}, {"c", "2"}}, model);
  StagedEpoch first = store->stage(std::move(one.write));
  StagedEpoch second = store->stage(std::move(two.write));
  CHECK(value_of(store->snapshot()).row_count(kTable) == 0);
  const Snapshot latest = value_of(store->latest());
  CHECK(latest.epoch() == Epoch{2});
  CHECK(read_all(latest, kTable).size() == 2);
  CHECK(!value_of(latest.get(kTable, "a")));
  CHECK(latest.row_count(kTable) == 2);
  done(store->commit(std::move(first)));
  const Snapshot committed = value_of(store->snapshot());
  CHECK(committed.epoch() == Epoch{1});
  CHECK(value_of(committed.get(kTable, "a")) == "1");
  CHECK(!value_of(value_of(store->latest()).get(kTable, "a")));
  done(store->commit(std::move(second)));
  CHECK(value_of(committed.get(kTable, "a")) == "1");
  CHECK(!value_of(value_of(store->snapshot()).get(kTable, "a")));
}

TEST_CASE("a cursor outlives its snapshot object, a snapshot outlives the store") {
  const TempDir dir;
  auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  write_rows(*store, kTable, {{"a", "1"}, {"b", "2"}}, model);
  Cursor cursor = value_of(value_of(store->snapshot()).scan(kTable));
  store.reset();
  CHECK(!Store::open(options_for(dir)));  // the snapshot still holds the directory
  std::vector<RowView> rows(10);
  REQUIRE(value_of(cursor.next(rows)) == 2);
  CHECK(rows[1].row == "2");
}

TEST_CASE("large values, long keys and many rows survive a reopen under each policy") {
  for (const FoldPolicy fold : {FoldPolicy::cost, FoldPolicy::eager, FoldPolicy::never}) {
    const TempDir dir;
    Rows model;
    {
      const auto store = value_of(Store::open(options_for(dir, fold)));
      Changes changes;
      for (int i = 0; i < 20000; ++i) {
        changes[fmt::format("{:06}", i * 7919 % 100003)] = fmt::format("row {}", i);
      }
      changes[std::string(600, 'k')] = std::string(3 << 20, 'v');
      changes[std::string(600, 'k') + "2"] = "short";
      changes[std::string(70000, 'k')] = "longer than any page";
      write_rows(*store, kTable, changes, model);
      write_rows(*store, kTable, {{"000000", "changed"}, {std::string(600, 'k'), std::nullopt}},
                 model);
    }
    const auto store = value_of(Store::open(options_for(dir, fold)));
    CHECK(store->epoch() == Epoch{2});
    const Snapshot snapshot = value_of(store->snapshot());
    const std::vector<std::pair<std::string, std::string>> all(model.begin(), model.end());
    CHECK(read_all(snapshot, kTable, {}, Direction::forward, 1000) == all);
    CHECK(value_of(snapshot.get(kTable, std::string(70000, 'k'))) == "longer than any page");
    CHECK(value_of(store->check()).empty());
  }
}

TEST_CASE("state pieces come back as they were, images before the log after them") {
  const TempDir dir;
  const std::string big(3 * 1024 * 1024 + 17, 'b');
  std::string noise(200000, '\0');
  for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(hash_u64(i));
  {
    const auto store = value_of(Store::open(options_for(dir)));
    EpochWrite one{
        Epoch{1}, {{StateId{2}, {"b1"}}, {StateId{1}, {"a1", big, noise}}}, {}, {}, {}, {}, {}, {}};
    done(store->commit(std::move(one)));
    EpochWrite two{
        Epoch{2}, {{StateId{1}, {"a2"}}}, {}, {{StateId{1}, 0, 2, {"image", big}}}, {}, {}, {}, {}};
    done(store->commit(std::move(two)));
  }
  auto store = value_of(Store::open(options_for(dir)));
  std::vector<std::string> seen;
  const auto image_sink = [&](uint32_t partition, Epoch epoch, std::string_view bytes) {
    seen.push_back(fmt::format("image {} {} {}", partition, epoch, bytes.size()));
    return Result<void>();
  };
  const auto log_sink = [&](Epoch epoch, std::string_view bytes) {
    seen.push_back(fmt::format("log {} {}", epoch, bytes.size()));
    if (bytes.size() == noise.size()) CHECK(bytes == noise);
    if (bytes.size() == big.size()) CHECK(bytes == big);
    return Result<void>();
  };
  done(store->recover_state(StateId{1}, image_sink, log_sink));
  // Partition 1 has no image yet, so the whole log is still there.
  CHECK(seen == std::vector<std::string>{"image 0 2 5", fmt::format("image 0 2 {}", big.size()),
                                         "log 1 2", fmt::format("log 1 {}", big.size()),
                                         "log 1 200000", "log 2 2"});
  CHECK(store->states()[0].oldest_image == Epoch{});
  EpochWrite three{
      Epoch{3}, {{StateId{1}, {"a3"}}}, {}, {{StateId{1}, 1, 2, {"other"}}}, {}, {}, {}, {}};
  done(store->commit(std::move(three)));
  for (const bool reopened : {false, true}) {
    if (reopened) store.reset();
    if (reopened) store = value_of(Store::open(options_for(dir)));
    seen.clear();
    done(store->recover_state(StateId{1}, image_sink, log_sink));
    CHECK(seen == std::vector<std::string>{"image 0 2 5", fmt::format("image 0 2 {}", big.size()),
                                           "image 1 3 5", "log 3 2"});
    CHECK(store->images(StateId{1})[0].epoch == Epoch{2});
  }
  EpochWrite four{Epoch{4}, {}, {}, {}, {}, {StateId{1}}, {}, {}};
  done(store->commit(std::move(four)));
  seen.clear();
  done(store->recover_state(StateId{1}, image_sink, log_sink));
  CHECK(seen.empty());
  CHECK(value_of(store->check()).empty());
}

TEST_CASE("the log is erased once images and folds cover it") {
  const TempDir dir;
  const auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  uint64_t epoch = 0;
  for (int i = 0; i < 4500; ++i) {
    EpochBuilder builder(Epoch{++epoch});
    builder.write.state_logs.push_back({StateId{1}, {std::string(500, 's')}});
    builder.change(kTable, {{fmt::format("{:05}", i * 31 % 3000), std::string(80, 'r')}}, model);
    if (i % 100 == 99) builder.write.images.push_back({StateId{1}, 0, 1, {"image"}});
    done(store->commit(std::move(builder.write)));
  }
  const StoreStats stats = store->stats();
  CHECK(stats.log_entries < 1500);
  CHECK(stats.folds > 10);
  CHECK(value_of(store->check()).empty());
  CHECK(value_of(store->snapshot()).row_count(kTable) == 3000);
}

TEST_CASE("what came while a fold was on is folded without another commit") {
  const TempDir dir;
  const auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  const auto write_all = [&](char row) {
    Changes changes;
    for (int i = 0; i < 24000; ++i) changes[fmt::format("{:06}", i)] = std::string(1500, row);
    write_rows(*store, kTable, changes, model);
  };
  write_all('a');
  write_all('b');  // more pages than a commit takes in at once
  write_all('c');
  REQUIRE(store->stats().overlay_bytes > 24000 * 1500);
  for (bool more = true; more;) more = value_of(store->maintain());
  CHECK(store->stats().overlay_bytes == 0);
  const std::vector<std::pair<std::string, std::string>> rows(model.begin(), model.end());
  CHECK(read_all(value_of(store->snapshot()), kTable) == rows);
}

TEST_CASE("many rows behind the last one and a few changes before it go into the base at once") {
  const TempDir dir;
  const auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  const auto rows_from = [](int from, int to, int step, const std::string& row) {
    Changes changes;
    for (int i = from; i < to; i += step) changes[fmt::format("{:07}", i)] = row;
    return changes;
  };
  write_rows(*store, kTable, rows_from(0, 200'000, 1, "first"), model);
  for (bool more = true; more;) more = value_of(store->maintain());
  for (int from = 200'000; from < 400'000; from += 40'000) {
    Changes changes = rows_from(from, from + 40'000, 1, "new");
    changes.merge(rows_from(1'000, from, from / 50, "changed"));
    write_rows(*store, kTable, changes, model);
    CHECK(store->stats().overlay_bytes == 0);
    CHECK(store->stats().log_entries == 0);
  }
  const std::vector<std::pair<std::string, std::string>> rows(model.begin(), model.end());
  CHECK(read_all(value_of(store->snapshot()), kTable) == rows);
  CHECK(value_of(store->check()).empty());
}

TEST_CASE("a dropped relation is gone at once and erased in slices") {
  const TempDir dir;
  auto store = value_of(Store::open(options_for(dir, FoldPolicy::eager)));
  Rows model, other;
  Changes changes;
  for (int i = 0; i < 50000; ++i) changes[fmt::format("{:06}", i)] = "row";
  write_rows(*store, kTable, changes, model);
  write_rows(*store, ObjectId{16385}, {{"a", "1"}}, other);
  const Snapshot before = value_of(store->snapshot());
  EpochWrite drop;
  drop.epoch = Epoch{3};
  drop.dropped_relations = {kTable};
  done(store->commit(std::move(drop)));
  CHECK(read_all(value_of(store->snapshot()), kTable).empty());
  CHECK(before.row_count(kTable) == 50000);
  CHECK(read_all(before, kTable, {}, Direction::forward, 1000).size() == 50000);
  CHECK(value_of(store->check()).empty());
  CHECK(value_of(store->maintain()));  // not finished
  const StoreOptions options = options_for(dir, FoldPolicy::eager);
  { const Snapshot ended = value_of(store->snapshot()); }
  int slices = 0;
  while (value_of(store->maintain())) ++slices;
  CHECK(slices >= 1);
  CHECK(read_all(value_of(store->snapshot()), ObjectId{16385}).size() == 1);
  CHECK(value_of(store->check()).empty());
}

TEST_CASE("an ephemeral store is private, removed at close, and swept after a kill") {
  const TempDir dir;
  StoreOptions options;
  options.dir = dir.path();
  options.ephemeral = true;
  std::filesystem::path left_behind;
  int pipe_fds[2];
  REQUIRE(pipe(pipe_fds) == 0);
  const pid_t child = fork();
  if (child == 0) {
    auto store = Store::open(options);
    const std::string path = store ? (*store)->path().string() : "";
    (void)!write(pipe_fds[1], path.data(), path.size());
    kill(getpid(), SIGKILL);
  }
  close(pipe_fds[1]);
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(read(pipe_fds[0], text.data(), text.size())));
  close(pipe_fds[0]);
  int status = 0;
  waitpid(child, &status, 0);
  REQUIRE(std::filesystem::exists(text));
  auto store = value_of(Store::open(options));
  CHECK(!std::filesystem::exists(text));
  auto sibling = value_of(Store::open(options));
  CHECK(sibling->path() != store->path());
  const std::filesystem::path path = store->path();
  CHECK(std::filesystem::exists(path));
  store.reset();
  CHECK(!std::filesystem::exists(path));
  CHECK(std::filesystem::exists(sibling->path()));
}

TEST_CASE("a failed commit stops the store, readers go on, a restart finds a whole epoch") {
  for (const CommitFault fault : {CommitFault::lost, CommitFault::kept}) {
    const TempDir dir;
    auto kv = std::make_shared<MemoryKv>();
    StoreOptions options = options_for(dir);
    options.kv = kv;
    Rows model;
    auto store = value_of(Store::open(options));
    write_rows(*store, kTable, {{"a", "1"}}, model);
    kv->set_fault([&](uint64_t) { return fault; });
    EpochBuilder builder(Epoch{2});
    Rows changed = model;
    builder.change(kTable, {{"a", "2"}, {"b", "2"}}, changed);
    CHECK(!store->commit(std::move(builder.write)));
    kv->set_fault({});
    EpochBuilder next(Epoch{3});
    const auto again = store->commit(std::move(next.write));
    REQUIRE(!again);
    CHECK(again.error().message() == "injected commit fault");
    CHECK(store->stats().read_only);
    CHECK(value_of(value_of(store->snapshot()).get(kTable, "a")).has_value());
    store = value_of(Store::open(options));
    const bool kept = fault == CommitFault::kept;
    CHECK(store->epoch() == Epoch{kept ? 2U : 1U});
    CHECK(value_of(value_of(store->snapshot()).get(kTable, "a")) == (kept ? "2" : "1"));
    CHECK(value_of(store->snapshot()).row_count(kTable) == (kept ? 2 : 1));
  }
}

TEST_CASE("a full disk fails the commit and leaves the last epoch") {
  const TempDir dir;
  const pid_t child = fork();  // the limit is per process
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4 << 20, 4 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    auto store = Store::open(options_for(dir));
    if (!store) _exit(10);
    std::string noise(300000, '\0');
    for (uint64_t epoch = 1; epoch < 100; ++epoch) {
      for (size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(hash_u64(epoch + i));
      EpochWrite write;
      write.epoch = Epoch{epoch};
      write.state_logs.push_back({StateId{1}, {noise}});
      const auto result = (*store)->commit(std::move(write));
      if (result) continue;
      const bool right =
          result.error().code() == SqlState("53100") || result.error().code() == SqlState("58030");
      _exit(right && (*store)->epoch() == Epoch{epoch - 1} && epoch > 5 ? 0 : 11);
    }
    _exit(12);
  }
  int status = 0;
  waitpid(child, &status, 0);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  const auto store = value_of(Store::open(options_for(dir)));
  CHECK(store->epoch() > Epoch{5});
  CHECK(value_of(store->check()).empty());
}

// While one lives, this process writes to no file: EFBIG, which LMDB gets as it would get ENOSPC.
class NoRoom {
 public:
  NoRoom() {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{0, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  NoRoom(const NoRoom&) = delete;
  NoRoom& operator=(const NoRoom&) = delete;
  ~NoRoom() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

TEST_CASE("an epoch that found no room is committed once there is some") {
  const TempDir dir;
  Rows model, committed;
  auto store = value_of(Store::open(options_for(dir)));
  write_rows(*store, kTable, {{"a", "1"}, {"b", "1"}}, model);
  for (uint64_t epoch = 2; epoch < 40; ++epoch) {
    committed = model;
    EpochBuilder builder(Epoch{epoch});
    builder.change(kTable, {{fmt::format("{:03}", epoch * 7 % 40), std::string(3000, 'r')}}, model);
    builder.write.state_logs.push_back({StateId{1}, {std::string(epoch * 1000, 's')}});
    if (epoch % 4 == 0) builder.write.images.push_back({StateId{1}, 0, 1, {"image"}});
    const StagedEpoch staged = store->stage(std::move(builder.write));
    for (uint64_t tried = 0; tried < epoch % 3; ++tried) {
      Result<void> full;
      {
        const NoRoom none;
        full = store->commit(staged);
      }
      REQUIRE(!full);
      CHECK(full.error().code() == kNoRoom);
      CHECK(store->epoch() == Epoch{epoch - 1});
      const std::vector<std::pair<std::string, std::string>> rows(committed.begin(),
                                                                  committed.end());
      CHECK(read_all(value_of(store->snapshot()), kTable) == rows);
    }
    done(store->commit(staged));
  }
  CHECK(value_of(store->check()).empty());
  store.reset();
  store = value_of(Store::open(options_for(dir)));
  CHECK(store->epoch() == Epoch{39});
  const std::vector<std::pair<std::string, std::string>> rows(model.begin(), model.end());
  CHECK(read_all(value_of(store->snapshot()), kTable) == rows);
  CHECK(value_of(store->check()).empty());
}

TEST_CASE("materialise copies a range and respects its bound") {
  const TempDir dir;
  auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  write_rows(*store, kTable, {{"a", "1"}, {"b", "2"}, {"c", "3"}}, model);
  const std::string upper = *prefix_end("b");
  const auto copied = value_of(value_of(store->snapshot()).materialise(kTable, {"a", upper}, 1000));
  store.reset();
  REQUIRE(copied.rows.size() == 2);
  CHECK(copied.rows[1].row == "2");
  store = value_of(Store::open(options_for(dir)));
  CHECK(!value_of(store->snapshot()).materialise(kTable, {}, 40));
}

TEST_CASE("prefix_end") {
  CHECK(prefix_end("a") == "b");
  CHECK(prefix_end("a\xFF") == "b");
  CHECK(!prefix_end("\xFF\xFF"));
  CHECK(!prefix_end(""));
}

TEST_CASE("a backup is a store of its own") {
  const TempDir dir, copy;
  const auto store = value_of(Store::open(options_for(dir)));
  Rows model;
  write_rows(*store, kTable, {{"a", "1"}}, model);
  done(store->backup_to(copy.path()));
  write_rows(*store, kTable, {{"a", "2"}}, model);
  const auto restored = value_of(Store::open(options_for(copy)));
  CHECK(restored->epoch() == Epoch{1});
  CHECK(value_of(value_of(restored->snapshot()).get(kTable, "a")) == "1");
}

TEST_CASE("the same epochs give the same bytes") {
  const TempDir made;  // each new store has an identity of its own
  value_of(Store::open(options_for(made))).reset();
  std::array<std::string, 2> images;
  for (std::string& image : images) {
    const TempDir dir;
    std::filesystem::copy(made.path(), dir.path(),
                          std::filesystem::copy_options::recursive |
                              std::filesystem::copy_options::overwrite_existing);
    const auto store = value_of(Store::open(options_for(dir)));
    Rows model;
    for (int epoch = 1; epoch <= 200; ++epoch) {
      write_rows(*store, kTable,
                 {{fmt::format("{}", epoch * 7919 % 100), fmt::format("row {}", epoch)}}, model);
    }
    const int fd = open((store->path() / "store.mdb").c_str(), O_RDONLY);
    image.resize(64 << 10);
    image.resize(
        static_cast<size_t>(std::max<ssize_t>(pread(fd, image.data(), image.size(), 0), 0)));
    close(fd);
  }
  CHECK(images[0] == images[1]);
}

}  // namespace
}  // namespace qw::storage::test
