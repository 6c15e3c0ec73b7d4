// StatementWrites: one entry per key that remembers what was first seen, in whatever order keys
// come.
#include "src/engine/statement_writes.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "storage/memory_kv.h"
#include "storage/store.h"
#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

constexpr std::string_view kNone{};

struct Statement {
  explicit Statement(bool keyed) : layout(relation_of(ObjectId{100}, keyed)) {
    storage::StoreOptions options;
    options.kv = std::make_shared<storage::MemoryKv>();
    store = value_of(storage::Store::open(options));
    snapshot = value_of(store->snapshot());
    writes = std::make_unique<StatementWrites>(layout, snapshot, before);
  }
  std::string list() const {
    std::string out;
    for (const RowWrite& write : writes->list()) {
      out += std::string(write.key) + ":" + std::string(write.expected) + ">" +
             (write.row.data() == nullptr ? "-" : std::string(write.row));
      if (write.count != 0) out += std::to_string(write.count);
      out += " ";
    }
    return out;
  }
  RelationLayout layout;
  std::unique_ptr<storage::Store> store;
  storage::Snapshot snapshot;
  TxnBuffer before;
  std::unique_ptr<StatementWrites> writes;
};

}  // namespace

TEST_CASE("a statement's writes hold each key once, whether keys ascend or not") {
  const std::vector<std::vector<std::string>> orders = {
      {"a", "b", "c", "d"}, {"b", "a", "d", "c"}, {"d", "c", "b", "a"}, {"a", "c", "d", "b"}};
  for (const auto& order : orders) {
    CAPTURE(order[0] + order[1] + order[2] + order[3]);
    Statement statement(true);
    StatementWrites& writes = *statement.writes;
    for (const std::string& key : order) {
      CHECK(!writes.touched(key));
      CHECK(value_of(writes.current(key)).data() == nullptr);
      writes.put(key, kNone, "new " + key);
      CHECK(writes.touched(key));
      CHECK(value_of(writes.current(key)) == "new " + key);
    }
    CHECK(!writes.touched("bb"));
    writes.put("b", "new b", "second");
    writes.erase("c", "new c");
    CHECK(value_of(writes.current("b")) == "second");
    CHECK(value_of(writes.current("c")).data() == nullptr);
    CHECK(writes.touched("c"));
    CHECK(writes.list().size() == 4);
    for (const RowWrite& write : writes.list()) CHECK(write.expected.data() == nullptr);
  }
}

TEST_CASE("a request takes a statement's writes along, and later ones start anew") {
  Statement statement(true);
  statement.writes->put("b", "old b", "new b");
  statement.writes->put("a", kNone, "new a");
  CHECK(statement.list() == "b:old b>new b a:>new a ");
  ClientWrite request;
  statement.writes->move_into(request);
  CHECK(statement.writes->empty());
  CHECK(!statement.writes->touched("a"));
  REQUIRE(request.tables.size() == 1);
  CHECK(request.tables[0].writes[0].row == "new b");
  statement.writes->put("c", kNone, "new c");
  statement.writes->put("b", kNone, "newer b");
  CHECK(statement.list() == "c:>new c b:>newer b ");
  CHECK(request.tables[0].writes[1].key == "a");
}

TEST_CASE("copies of a keyless row that come or go in a row are one write") {
  Statement statement(false);
  statement.writes->add_copies("x", 1);
  statement.writes->add_copies("x", 1);
  statement.writes->add_copies("x", -1);
  statement.writes->add_copies("y", 1);
  CHECK(statement.list() == "x:>-2 x:>--1 y:>-1 ");
}

}  // namespace qw::engine::test
