// Both forms of Kv must behave alike: every case runs on LMDB and on memory.
#include <map>

#include "src/base/random.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/memory_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

void put(KvWrite& txn, Table table, std::string_view key, std::string_view value,
         PutMode mode = PutMode::upsert) {
  const KvSlot slot = value_of(txn.put(table, key, value.size(), mode));
  std::copy(value.begin(), value.end(), slot.bytes);
}

template <typename Body>
void on_both(const Body& body) {
  const TempDir dir;
  SUBCASE("lmdb") { body(*value_of(open_lmdb(dir.path() / "kv", Durability::none))); }
  SUBCASE("memory") {
    MemoryKv memory;
    body(memory);
  }
}

TEST_CASE("a reader sees the version it took, whatever is committed later") {
  on_both([](Kv& kv) {
    auto txn = value_of(kv.begin_write());
    put(*txn, Table::rows, "a", "1");
    const uint64_t version = txn->version();
    done(txn->commit());
    auto reader = value_of(kv.begin_read());
    CHECK(reader->version() == version);
    txn = value_of(kv.begin_write());
    const KvSlot slot = value_of(txn->put(Table::rows, "a", 2, PutMode::upsert));
    CHECK(slot.replaced == 1);
    std::copy_n("22", 2, slot.bytes);
    CHECK(value_of(txn->get(Table::rows, "a")) == "22");
    done(txn->commit());
    CHECK(value_of(reader->get(Table::rows, "a")) == "1");
    reader->reset();
    done(reader->renew());
    CHECK(value_of(reader->get(Table::rows, "a")) == "22");
    CHECK(reader->version() == version + 1);
    CHECK(!value_of(reader->get(Table::log, "a")));
  });
}

TEST_CASE("an abandoned write leaves nothing") {
  on_both([](Kv& kv) {
    {
      auto txn = value_of(kv.begin_write());
      put(*txn, Table::rows, "a", "1");
    }
    CHECK(!value_of(value_of(kv.begin_read())->get(Table::rows, "a")));
  });
}

TEST_CASE("find shows the neighbours of a missing key") {
  on_both([](Kv& kv) {
    auto txn = value_of(kv.begin_write());
    for (const char* key : {"b", "d", "f"}) put(*txn, Table::rows, key, key);
    done(txn->commit());
    auto reader = value_of(kv.begin_read());
    CHECK(value_of(reader->find(Table::rows, "d")).exact);
    const KvPosition middle = value_of(reader->find(Table::rows, "c"));
    CHECK((!middle.exact && middle.before.key == "b" && middle.at.key == "d"));
    const KvPosition end = value_of(reader->find(Table::rows, "g"));
    CHECK((!end.exact && end.before.key == "f" && end.at.key.empty()));
    const KvPosition begin = value_of(reader->find(Table::rows, "a"));
    CHECK((!begin.exact && begin.before.key.empty() && begin.at.key == "b"));
  });
}

TEST_CASE("cursors, last_below, erase and erase_while follow key order") {
  on_both([](Kv& kv) {
    Random random(7);
    std::map<std::string, std::string> model;
    for (int round = 0; round < 60; ++round) {
      auto txn = value_of(kv.begin_write());
      for (int i = 0; i < 40; ++i) {
        const std::string key = fmt::format("k{:03}", random.below(400));
        if (random.chance(0.3)) {
          const auto erased = value_of(txn->erase(Table::rows, key));
          CHECK(erased.has_value() == (model.erase(key) == 1));
        } else {
          std::string value(random.below(300), 'v');
          const auto slot = value_of(txn->put(Table::rows, key, value.size(), PutMode::upsert));
          std::copy(value.begin(), value.end(), slot.bytes);
          CHECK(slot.replaced.has_value() == model.contains(key));
          model[key] = value;
        }
      }
      if (random.chance(0.3)) {
        const std::string from = fmt::format("k{:03}", random.below(400));
        const std::string prefix = from.substr(0, 3);
        const size_t count = value_of(txn->erase_while(
            Table::rows, from, 20, [&](std::string_view key) { return key.starts_with(prefix); }));
        size_t expected = 0;
        for (auto it = model.lower_bound(from);
             it != model.end() && expected < 20 && it->first.starts_with(prefix); ++expected) {
          it = model.erase(it);
        }
        CHECK(count == expected);
      }
      const std::string bound = fmt::format("k{:03}", random.below(400));
      const auto below = value_of(txn->last_below(Table::rows, bound));
      auto it = model.lower_bound(bound);
      CHECK(below.has_value() == (it != model.begin()));
      if (below && it != model.begin()) CHECK(below->key == (--it)->first);
      done(txn->commit());
      auto reader = value_of(kv.begin_read());
      auto cursor = value_of(reader->cursor(Table::rows));
      std::vector<KvEntry> entries(model.size() + 1);
      done(cursor->seek({}, Direction::forward));
      REQUIRE(value_of(cursor->next(entries)) == model.size());
      size_t at = 0;
      for (const auto& [key, value] : model) {
        CHECK((entries[at].key == key && entries[at].value == value));
        ++at;
      }
      done(cursor->seek(bound, Direction::backward));
      const size_t smaller = value_of(cursor->next(entries));
      CHECK(smaller == static_cast<size_t>(std::distance(model.begin(), model.lower_bound(bound))));
    }
  });
}

TEST_CASE("append refuses a key that is not the last") {
  on_both([](Kv& kv) {
    auto txn = value_of(kv.begin_write());
    put(*txn, Table::log, "b", "1", PutMode::append);
    CHECK(!txn->put(Table::log, "a", 1, PutMode::append));
  });
}

}  // namespace
}  // namespace qw::storage::test
