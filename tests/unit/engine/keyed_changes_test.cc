// KeyedChanges: random changes netted against a plain map, over keys of several shapes.
#include "src/engine/keyed_changes.h"

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/random.h"
#include "storage/memory_kv.h"
#include "storage/store.h"
#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

using Rows = std::map<std::string, std::string>;
constexpr ObjectId kRelation{7};

// Whether eight bytes behind the common prefix tell keys apart, must be looked at, or are too few.
enum class Shape { numbers, prefixed, zeros, long_tails };

std::string key_of(Shape shape, uint64_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift));
  switch (shape) {
    case Shape::numbers:
      return "\1" + bytes;
    case Shape::prefixed:
      return std::string(20, 'p') + bytes;
    case Shape::zeros:  // differ in length only
      return "k" + std::string(number % 40, '\0');
    case Shape::long_tails:
      return std::string(1, static_cast<char>('a' + number % 3)) + std::string(12, 'm') + bytes +
             std::string(number % 5, 't');
  }
  return bytes;
}

// A relation of rows under about half of the keys 0..keys-1.
struct Stored {
  Stored(Shape shape, uint64_t keys, Random& random) {
    storage::StoreOptions options;
    options.kv = std::make_shared<storage::MemoryKv>();
    store = value_of(storage::Store::open(options));
    for (uint64_t i = 0; i < keys / 2; ++i) {
      rows[key_of(shape, random.below(keys))] = fmt::format("old {}", i);
    }
    storage::EpochWrite write;
    write.epoch = Epoch{1};
    write.relations.push_back({kRelation, {}, static_cast<int64_t>(rows.size()), 0});
    for (const auto& [key, row] : rows) {
      write.relations.back().changes.push_back(storage::RowChange::put(key, row));
    }
    done(store->commit(std::move(write)));
  }
  std::unique_ptr<storage::Store> store;
  Rows rows;
};

// Applies the net changes to `before`, checking each against it.
Rows netted(std::span<const KeyedChanges::Net> changes, const Rows& before) {
  Rows rows = before;
  std::string last;
  for (const KeyedChanges::Net& net : changes) {
    const std::string key(net.key);
    CHECK((last.empty() || last < key));
    last = key;
    const auto old = before.find(key);
    CHECK(row_exists(net.before) == (old != before.end()));
    if (old != before.end()) CHECK(net.before == old->second);
    CHECK_FALSE(same_row(net.before, net.after));
    if (row_exists(net.after)) {
      rows[key] = net.after;
    } else {
      rows.erase(key);
    }
  }
  return rows;
}

TEST_CASE("a log of changes nets to one old and one new row per key, in key order") {
  Random random(11);
  for (int round = 0; round < 200; ++round) {
    const auto shape = static_cast<Shape>(round % 4);
    const uint64_t keys = round % 3 == 0 ? 30 : 300;
    const Stored stored(shape, keys, random);
    const Rows& before = stored.rows;
    const auto& store = stored.store;

    const auto latest = value_of(store->latest());
    KeyedChanges changes(kRelation);
    changes.begin(latest);
    Rows after = before;
    std::vector<std::unique_ptr<std::string>> held;
    const auto hold = [&](std::string text) -> std::string_view {
      return *held.emplace_back(std::make_unique<std::string>(std::move(text)));
    };
    for (uint64_t i = random.below(600); i > 0; --i) {
      const std::string_view key = hold(key_of(shape, random.below(keys)));
      const std::string_view row = hold(fmt::format("new {}", random.below(4)));
      const bool there = after.contains(std::string(key));
      if (there && random.chance(0.4)) {
        changes.append(KeyedChanges::Op::remove, key, kNoRow);
        after.erase(std::string(key));
      } else {
        // An insert says that there is no row before this epoch, either.
        const bool fresh = !there && !before.contains(std::string(key));
        changes.append(fresh ? KeyedChanges::Op::insert : KeyedChanges::Op::put, key, row);
        after[std::string(key)] = row;
      }
    }
    CHECK(netted(value_of(changes.finish()), before) == after);
  }
}

TEST_CASE("changes whose old rows are known net as they come, and go on in the map") {
  Random random(12);
  for (int round = 0; round < 200; ++round) {
    const uint64_t keys = 60;
    const Stored stored(Shape::numbers, keys, random);
    const auto latest = value_of(stored.store->latest());
    KeyedChanges changes(kRelation);
    changes.begin(latest);
    Rows after = stored.rows;
    std::vector<std::unique_ptr<std::string>> held;
    const auto hold = [&](std::string text) -> std::string_view {
      return *held.emplace_back(std::make_unique<std::string>(std::move(text)));
    };
    changes.expect(random.below(keys));
    for (uint64_t number = random.below(3); number < keys; number += 1 + random.below(4)) {
      const std::string_view key = hold(key_of(Shape::numbers, number));
      const auto there = stored.rows.find(std::string(key));
      const std::string_view before = there == stored.rows.end() ? kNoRow : there->second;
      CHECK(changes.follows(key));
      if (random.chance(0.2)) {
        changes.append_seen(key, before, before);
      } else if (random.chance(0.4)) {
        changes.append_seen(key, before, kNoRow);
        after.erase(std::string(key));
      } else {
        const std::string_view row = hold(fmt::format("new {}", number));
        changes.append_seen(key, before, row);
        after[std::string(key)] = row;
      }
      CHECK_FALSE(changes.follows(key));
    }
    Arena bytes;
    for (uint64_t i = random.below(2) * random.below(40); i > 0; --i) {
      const std::string_view key = hold(key_of(Shape::numbers, random.below(keys)));
      done(changes.load({&key, 1}, bytes));
      const auto there = after.find(std::string(key));
      CHECK(same_row(changes.at(key).after,
                     there == after.end() ? kNoRow : std::string_view(there->second)));
      if (random.chance(0.5)) {
        changes.at(key).after = kNoRow;
        after.erase(std::string(key));
      } else {
        const std::string_view row = hold(fmt::format("later {}", i));
        changes.at(key).after = row;
        after[std::string(key)] = row;
      }
    }
    CHECK(netted(value_of(changes.finish()), stored.rows) == after);
  }
}

}  // namespace
}  // namespace qw::engine::test
