#include "src/engine/epoch_loop.h"

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "sql/plan.h"
#include "storage/memory_kv.h"
#include "storage/store.h"
#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

constexpr ObjectId kTable{100}, kOther{101}, kBag{102}, kEvents{103}, kView{200}, kReader{201};
constexpr ObjectId kSource{50};

// A source that keeps what it was told. Its tables 0.. are the given relations.
class Feed final : public SourceFeed {
 public:
  explicit Feed(std::vector<ObjectId> relations) : relations_(std::move(relations)) {}
  ObjectId id() const override { return kSource; }
  ObjectId relation(uint32_t table) const override { return relations_.at(table); }
  void committed(const std::string& position, bool, int64_t) override {
    const std::lock_guard lock(mutex_);
    position_ = position;
  }
  void refused(const Error& error) override {
    const std::lock_guard lock(mutex_);
    refused_ = error;
  }
  std::string position() const {
    const std::lock_guard lock(mutex_);
    return position_;
  }
  std::optional<Error> error() const {
    const std::lock_guard lock(mutex_);
    return refused_;
  }

 private:
  const std::vector<ObjectId> relations_;
  mutable std::mutex mutex_;
  std::string position_;
  std::optional<Error> refused_;
};

// Time passes by being asked for.
class SlowClock final : public Clock {
 public:
  explicit SlowClock(int64_t step_us) : step_us_(step_us) {}
  int64_t now_us() override { return now_us_; }
  int64_t monotonic_us() override { return now_us_ += step_us_; }

 private:
  const int64_t step_us_;
  std::atomic<int64_t> now_us_ = 0;
};

class World {
 public:
  explicit World(std::unique_ptr<Clock> clock = std::make_unique<SystemClock>())
      : clock_(std::move(clock)) {
    open();
  }
  ~World() { loop->stop(); }
  void open() {
    loop.reset();
    store.reset();
    storage::StoreOptions options;
    options.kv = kv;
    store = value_of(storage::Store::open(options));
    loop = std::make_unique<EpochLoop>(*store, *clock_, MemoryShares::of(uint64_t{1} << 30));
    for (const auto& relation : {relation_of(kTable, true), relation_of(kOther, true),
                                 relation_of(kBag, false), relation_of(kEvents, false, true)}) {
      layouts[relation.id] = std::make_shared<RelationLayout>(relation);
      loop->add_relation(layouts[relation.id]);
    }
  }
  void restart() {
    loop->stop();
    open();
    done(loop->start());
  }

  ClientWrite put(ObjectId table, int64_t id, const std::string& note,
                  std::optional<std::string> expected = std::nullopt) {
    ClientWrite write;
    const auto pack = [&](const std::string& text, std::string_view* key) {
      const Rows rows({{id, text}});
      std::string_view packed;
      layouts[table]->pack(rows.batch, *write.bytes, &packed);
      if (key != nullptr) layouts[table]->encode_keys(rows.batch, *write.bytes, key);
      return packed;
    };
    RowWrite change;
    if (layouts[table]->mode() == KeyMode::keyed) {
      change.row = pack(note, &change.key);
      if (expected) change.expected = pack(*expected, nullptr);
    } else {
      change.key = pack(note, nullptr);
      change.count = 1;
    }
    write.tables.push_back({table, {change}, std::nullopt});
    write.size = 64;
    return write;
  }
  void keep(ClientWrite write) { kept_.push_back(std::move(write)); }
  bool write(ClientWrite change) { return value_of(loop->write(std::move(change))); }

  std::string stored(ObjectId relation) {
    const storage::Snapshot snapshot = value_of(store->snapshot());
    return stored_text(*layouts[relation], snapshot);
  }

  // A view of all rows of `from`, stored as a relation keyed by id when `keyed`.
  void make_view(ObjectId view, ObjectId from, bool keyed, bool recover = false,
                 std::vector<views::StateInfo> states = {}) {
    sql::Relation relation = relation_of(view, keyed);
    relation.kind = sql::RelationKind::materialized_view;
    layouts[view] = std::make_shared<RelationLayout>(relation);
    sql::Plan plan;
    sql::Scan scan;
    scan.relation = from;
    scan.columns = {0, 1};
    plan.op = std::move(scan);
    plan.schema = row_schema();
    views::ViewSpec spec;
    spec.id = view;
    spec.rows = loop->view_rows(view);
    spec.errors = loop->view_error_sink(view);
    spec.recover = recover;
    spec.states = std::move(states);
    loop->add_relation(layouts[view]);
    value_of(loop->dataflow().add_view(spec, plan, [] { return Result<StateId>(StateId{9}); }));
  }
  Result<void> build_view(ObjectId view, ObjectId from, bool keyed) {
    static const std::atomic<bool> kNever = false;
    std::future<Result<void>> built;
    QW_TRY(loop->exclusive([&]() -> Result<void> {
      make_view(view, from, keyed);
      built = loop->backfill(view, kNever, {});
      return {};
    }));
    return built.get();
  }
  std::optional<ViewError> view_error(ObjectId view) {
    const storage::Snapshot snapshot = value_of(store->snapshot());
    return value_of(ViewErrors::first(snapshot, view));
  }

  ingest::SourceTxn txn(std::string position,
                        std::vector<std::pair<uint32_t, std::vector<Row>>> tables,
                        ingest::RowOp op = ingest::RowOp::insert) {
    ingest::SourceTxn out;
    out.arena = std::make_shared<Arena>();
    out.position = std::move(position);
    for (const auto& [table, rows] : tables) {
      held_.push_back(std::make_unique<Rows>(rows));
      ingest::TableChunk chunk;
      chunk.table = table;
      chunk.rows = static_cast<uint32_t>(rows.size());
      chunk.columns = held_.back()->batch.columns;
      auto* ops = out.arena->allocate_array<ingest::RowOp>(rows.size());
      std::fill_n(ops, rows.size(), op);
      if (op != ingest::RowOp::insert) chunk.ops = ops;
      out.rows += rows.size();
      out.chunks.push_back(std::move(chunk));
    }
    return out;
  }
  // Everything that waits is done, then the feed is closed for good.
  void close(Feed& feed) {
    done(loop->exclusive([] { return Result<void>(); }));
    loop->close_feed(feed);
    CHECK_FALSE(loop->ingest(feed, txn("late", {})));
    loop->forget_feed(feed);
  }
  // Runs `pushes` so that all they push is taken by one epoch: behind an exclusive item.
  void together(const std::function<void()>& pushes) {
    std::promise<void> holding, release;
    auto held = loop->exclusive_later([&]() -> Result<void> {
      holding.set_value();
      release.get_future().wait();
      return {};
    });
    holding.get_future().wait();
    pushes();
    release.set_value();
    done(held.get());
    done(loop->exclusive([] { return Result<void>(); }));
  }

  std::shared_ptr<storage::MemoryKv> kv = std::make_shared<storage::MemoryKv>();
  std::unique_ptr<storage::Store> store;
  std::unique_ptr<EpochLoop> loop;
  std::map<ObjectId, std::shared_ptr<RelationLayout>> layouts;

 private:
  std::unique_ptr<Clock> clock_;
  std::vector<std::unique_ptr<Rows>> held_;
  std::vector<ClientWrite> kept_;  // whose bytes others use
};

TEST_CASE("a write is durable and visible when it returns") {
  World world;
  done(world.loop->start());
  CHECK(world.write(world.put(kTable, 1, "a")));
  CHECK(world.stored(kTable) == "1 a");
  CHECK(world.store->epoch().value == 1);
  world.restart();
  CHECK(world.stored(kTable) == "1 a");
  CHECK(world.write(world.put(kTable, 2, "b")));
  CHECK(world.store->epoch().value == 2);
}

TEST_CASE("a conflicting write changes nothing and costs no epoch") {
  World world;
  done(world.loop->start());
  CHECK(world.write(world.put(kTable, 1, "a")));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(world.write(world.put(kTable, 1, "b")));
  CHECK(world.store->epoch().value == 1);
  CHECK(world.write(world.put(kTable, 1, "b", "a")));
  CHECK(world.stored(kTable) == "1 b");
}

TEST_CASE("slices of a backfill end by the clock, each with a row at least") {
  const auto epochs_of = [](int64_t step_us) {
    World world(std::make_unique<SlowClock>(step_us));
    done(world.loop->start());
    ClientWrite rows;
    for (int64_t id = 0; id < 2000; ++id) {
      ClientWrite one = world.put(kTable, id, "a");
      rows.tables.push_back(std::move(one.tables[0]));
      world.keep(std::move(one));
    }
    CHECK(world.write(std::move(rows)));
    const uint64_t before = world.loop->epochs();
    done(world.build_view(kView, kTable, true));
    CHECK(world.stored(kView) == world.stored(kTable));
    return world.loop->epochs() - before;
  };
  CHECK(epochs_of(0) < 10);
  // Each batch seems to take a second: they shrink to one row, and so do the slices.
  const uint64_t slow = epochs_of(1'000'000);
  CHECK(slow > 1000);
  CHECK(slow < 2100);
}

TEST_CASE("waiting writes share an epoch, and of two that collide one is applied") {
  World world;
  done(world.loop->start());
  std::vector<std::future<bool>> writers;
  const auto start = [&](int64_t id, const std::string& note) {
    writers.push_back(std::async(std::launch::async, [&world, id, note] {
      return world.write(world.put(kTable, id, note));
    }));
  };
  world.together([&] {
    for (int64_t id = 0; id < 8; ++id) start(id / 2, id % 2 == 0 ? "x" : "y");
    // All of them wait in the queue before the epoch begins.
    while (world.loop->waiting() < 8) {
    }
  });
  int applied = 0;
  for (auto& writer : writers) applied += writer.get() ? 1 : 0;
  CHECK(applied == 4);
  CHECK(world.store->epoch().value == 1);
}

TEST_CASE("a source's rows and position are committed together and told after the sync") {
  World world;
  done(world.loop->start());
  Feed feed({kTable, kEvents});
  CHECK(world.loop->ingest(feed, world.txn("p1", {{0, {{1, "a"}}}, {1, {{7, "e"}, {7, "e"}}}})));
  world.close(feed);
  CHECK(feed.position() == "p1");
  CHECK(world.stored(kEvents) == "7 e, 7 e");
  CHECK(value_of(world.store->meta("source/50")) == "p1");
  world.restart();
  Feed again({kTable, kEvents});
  CHECK(world.loop->ingest(again, world.txn("p2", {{1, {{8, "f"}}}})));
  world.close(again);
  CHECK(world.stored(kEvents) == "7 e, 7 e, 8 f");
}

TEST_CASE("a transaction that cannot be applied stops its source and leaves nothing") {
  // Found while it is applied (whole-row removal from a keyed table), and when it is netted (a row
  // taken away that is not there).
  for (const uint32_t impossible : {0U, 1U}) {
    World world;
    done(world.loop->start());
    Feed bad({kTable, kBag}), good({kOther, kEvents});
    std::future<bool> writer;
    world.together([&] {
      CHECK(world.loop->ingest(bad, world.txn("b1", {{0, {{1, "first"}}}})));
      auto txn = world.txn("b2", {{0, {{2, "half"}}}});
      auto rest = world.txn("", {{impossible, {{3, "x"}}}}, ingest::RowOp::remove_row);
      txn.chunks.push_back(rest.chunks[0]);
      txn.arena = rest.arena;
      CHECK(world.loop->ingest(bad, std::move(txn)));
      CHECK(world.loop->ingest(good, world.txn("g1", {{1, {{1, "e"}}}})));
      CHECK(world.loop->ingest(bad, world.txn("b3", {{0, {{4, "after"}}}})));
    });
    REQUIRE(bad.error());
    CHECK_FALSE(good.error());
    CHECK(good.position() == "g1");
    CHECK(world.stored(kEvents) == "1 e");
    CHECK(world.stored(kBag).empty());
    // What came before is a prefix; whether it is in depends on when the error is found.
    CHECK(world.stored(kTable) == (impossible == 0 ? "1 first" : ""));
    CHECK(bad.position() == (impossible == 0 ? "b1" : ""));
    CHECK_FALSE(world.loop->ingest(bad, world.txn("b4", {})));
    CHECK(world.write(world.put(kOther, 1, "lives")));
    world.close(bad);
    world.close(good);
  }
}

TEST_CASE("a view whose output is impossible breaks with its readers, alone and for good") {
  World world;
  done(world.loop->start());
  CHECK(world.write(world.put(kBag, 1, "a")));
  done(world.build_view(kView, kBag, true));
  done(world.build_view(kReader, kView, false));
  done(world.build_view(ObjectId{202}, kBag, false));
  CHECK(world.stored(kReader) == "1 a");
  Feed feed({kBag});
  CHECK(world.loop->ingest(feed, world.txn("p", {{0, {{2, "b"}, {2, "c"}}}})));
  world.close(feed);
  CHECK(world.stored(kBag) == "1 a, 2 b, 2 c");
  CHECK(world.stored(ObjectId{202}) == "1 a, 2 b, 2 c");
  // Nothing of the epoch is in the broken ones.
  CHECK(world.stored(kView) == "1 a");
  CHECK(world.stored(kReader) == "1 a");
  for (const ObjectId view : {kView, kReader}) {
    const auto error = world.view_error(view);
    REQUIRE(error);
    CHECK(error->broken);
    CHECK(error->error.hint().find("create them again") != std::string::npos);
  }
  CHECK_FALSE(world.view_error(ObjectId{202}));
  CHECK(world.write(world.put(kBag, 3, "d")));
  CHECK(world.stored(kView) == "1 a");
  CHECK(world.stored(ObjectId{202}) == "1 a, 2 b, 2 c, 3 d");
  // After a restart too.
  world.loop->stop();
  world.open();
  world.make_view(kView, kBag, true, true);
  done(world.loop->start());
  CHECK(world.write(world.put(kBag, 4, "e")));
  CHECK(world.stored(kView) == "1 a");
  REQUIRE(world.view_error(kView));
  // Dropping it takes the error along.
  done(world.loop->exclusive([&] {
    world.loop->dataflow().remove_view(kView);
    world.loop->forget_relation(kView);
    EpochLoop::Extra extra;
    extra.dropped_relations = {kView};
    return world.loop->run_epoch(std::move(extra));
  }));
  CHECK_FALSE(world.view_error(kView));
}

TEST_CASE("a view that is broken from the start is not made") {
  World world;
  done(world.loop->start());
  for (const char* note : {"a", "b"}) CHECK(world.write(world.put(kBag, 1, note)));
  const auto built = world.build_view(kView, kBag, true);
  REQUIRE_FALSE(built);
  CHECK(built.error().code().view() == "XX000");
  CHECK(world.write(world.put(kBag, 1, "c")));
}

TEST_CASE("a failed commit stops writes for good and keeps the last cut") {
  World world;
  done(world.loop->start());
  CHECK(world.write(world.put(kTable, 1, "a")));
  world.kv->set_fault([](uint64_t) { return storage::CommitFault::lost; });
  const auto lost = world.loop->write(world.put(kTable, 2, "b"));
  CHECK_FALSE(lost);
  world.kv->set_fault([](uint64_t) { return storage::CommitFault::none; });
  CHECK_FALSE(world.loop->write(world.put(kTable, 3, "c")));
  CHECK(world.loop->fatal());
  CHECK(world.stored(kTable) == "1 a");
  CHECK_FALSE(world.loop->exclusive([] { return Result<void>(); }));
  world.restart();
  CHECK(world.write(world.put(kTable, 3, "c")));
  CHECK(world.stored(kTable) == "1 a, 3 c");
}

TEST_CASE("a disk without room is waited for: nothing accepted is lost, nothing new is accepted") {
  World world;
  done(world.loop->start());
  Feed feed({kEvents});
  CHECK(world.write(world.put(kTable, 1, "a")));
  world.kv->set_fault([](uint64_t) { return storage::CommitFault::full; });
  auto waiting =
      std::async(std::launch::async, [&world] { return world.write(world.put(kTable, 2, "b")); });
  while (!world.loop->no_room()) std::this_thread::yield();
  const auto refused = world.loop->write(world.put(kTable, 3, "c"));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == storage::kNoRoom);
  CHECK_FALSE(refused.error().hint().empty());
  CHECK_FALSE(world.loop->fatal());
  CHECK(world.stored(kTable) == "1 a");
  // A source is held back, and is told nothing.
  auto pushed = std::async(std::launch::async, [&] {
    return world.loop->ingest(feed, world.txn("p1", {{0, {{7, "e"}}}}));
  });
  CHECK(pushed.wait_for(std::chrono::milliseconds(20)) == std::future_status::timeout);
  CHECK(feed.position().empty());
  world.kv->set_fault({});
  CHECK(waiting.get());
  CHECK(pushed.get());
  CHECK_FALSE(world.loop->no_room());
  CHECK(world.write(world.put(kTable, 3, "c")));
  world.close(feed);
  CHECK(feed.position() == "p1");
  CHECK(world.stored(kTable) == "1 a, 2 b, 3 c");
  CHECK(world.stored(kEvents) == "7 e");
  world.restart();
  CHECK(world.stored(kTable) == "1 a, 2 b, 3 c");
  CHECK(world.stored(kEvents) == "7 e");
}

TEST_CASE("a database that stops does not wait for room") {
  World world;
  done(world.loop->start());
  world.kv->set_fault([](uint64_t) { return storage::CommitFault::full; });
  auto waiting = std::async(std::launch::async,
                            [&world] { return world.loop->write(world.put(kTable, 1, "a")); });
  while (!world.loop->no_room()) std::this_thread::yield();
  world.loop->begin_stop();
  const auto refused = waiting.get();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code() == storage::kNoRoom);
  world.kv->set_fault({});
  world.restart();
  CHECK(world.stored(kTable).empty());
}

}  // namespace
}  // namespace qw::engine::test
