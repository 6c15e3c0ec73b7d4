#include "src/engine/view_errors.h"

#include <memory>
#include <utility>

#include <doctest/doctest.h>

#include "storage/memory_kv.h"
#include "storage/store.h"
#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

class World {
 public:
  World() { open(); }
  void open() {
    storage::StoreOptions options;
    options.kv = kv_;
    store_.reset();
    store_ = value_of(storage::Store::open(options));
    errors = ViewErrors();
    done(errors.load(snapshot()));
  }
  void commit() {
    storage::EpochWrite write;
    write.epoch = Epoch{store_->epoch().value + 1};
    if (auto changes = errors.take_changes()) write.relations.push_back(std::move(*changes));
    done(store_->commit(std::move(write)));
  }
  storage::Snapshot snapshot() { return value_of(store_->snapshot()); }
  std::optional<ViewError> first(ObjectId view) {
    return value_of(ViewErrors::first(snapshot(), view));
  }

  ViewErrors errors;

 private:
  std::shared_ptr<storage::MemoryKv> kv_ = std::make_shared<storage::MemoryKv>();
  std::unique_ptr<storage::Store> store_;
};

constexpr ObjectId kOne{100}, kTwo{101};

TEST_CASE("an error is there as long as its rows are") {
  World world;
  const Error error = Error("22012", "division by zero").with_detail("row 1").with_hint("h");
  world.errors.add(kOne, error, 2);
  world.commit();
  world.errors.add(kOne, error, -1);
  world.commit();
  const auto found = world.first(kOne);
  REQUIRE(found);
  CHECK(found->count == 1);
  CHECK_FALSE(found->broken);
  CHECK(found->error.message() == "division by zero");
  CHECK(found->error.detail() == "row 1");
  CHECK(found->error.hint() == "h");
  CHECK_FALSE(world.first(kTwo));
  world.open();
  world.errors.add(kOne, error, -1);
  world.commit();
  CHECK_FALSE(world.first(kOne));
}

TEST_CASE("a broken view stays broken over restarts, until it is gone") {
  World world;
  world.errors.add(kOne, Error("00001", "of a row"), 1);
  world.errors.set_broken(kOne, Error("XX000", "impossible"));
  world.errors.set_broken(kOne, Error("XX000", "a later one"));
  world.commit();
  world.open();
  REQUIRE(world.errors.broken().size() == 1);
  CHECK(world.errors.broken()[0].first == kOne);
  const auto found = world.first(kOne);
  REQUIRE(found);
  CHECK(found->broken);
  CHECK(found->error.message() == "impossible");
  world.errors.forget(kOne);
  world.commit();
  CHECK_FALSE(world.first(kOne));
  CHECK(world.errors.broken().empty());
}

}  // namespace
}  // namespace qw::engine::test
