#include "src/engine/relation_delta.h"

#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "storage/memory_kv.h"
#include "storage/store.h"
#include "tests/unit/engine/fixture.h"

namespace qw::engine::test {
namespace {

// A store with one relation, and the builder of its next epoch.
class Relation {
 public:
  explicit Relation(const sql::Relation& relation)
      : layout_(std::make_shared<RelationLayout>(relation)), builder(layout_) {
    storage::StoreOptions options;
    options.kv = std::make_shared<storage::MemoryKv>();
    store_ = value_of(storage::Store::open(options));
    begin();
  }
  void begin() {
    latest_ = value_of(store_->latest());
    builder.begin(latest_, sequence_);
  }
  // Commits, and gives the net change as the dataflow sees it.
  std::string commit() {
    storage::EpochWrite write;
    write.epoch = Epoch{store_->epoch().value + 1};
    write.relations.push_back(value_of(builder.finish()));
    std::string net;
    builder.each_batch([&](const Batch& batch) { net += text_of(batch); });
    sequence_ = builder.next_sequence();
    done(store_->commit(std::move(write)));
    begin();
    return net;
  }
  Epoch epoch() const { return latest_.epoch(); }
  std::string stored() { return stored_text(*layout_, latest_); }
  int64_t row_count() { return value_of(stored_row_count(*layout_, latest_)); }
  // A chunk of a source; `kept` marks the rows whose note is unchanged.
  ingest::TableChunk chunk(const std::vector<Row>& rows, const std::vector<ingest::RowOp>& ops,
                           uint64_t kept = 0) {
    held_.push_back(std::make_unique<Rows>(rows));
    auto* op = arena_.allocate_array<ingest::RowOp>(ops.size());
    std::copy(ops.begin(), ops.end(), op);
    ingest::TableChunk chunk;
    chunk.rows = static_cast<uint32_t>(rows.size());
    chunk.columns = held_.back()->batch.columns;
    chunk.ops = ops.empty() ? nullptr : op;
    auto* bitmap = arena_.allocate_array<uint64_t>(1);
    *bitmap = kept;
    if (kept != 0) chunk.kept = {nullptr, bitmap};
    return chunk;
  }

 private:
  std::shared_ptr<RelationLayout> layout_;

 public:
  RelationDeltaBuilder builder;

 private:
  std::unique_ptr<storage::Store> store_;
  storage::Snapshot latest_;
  uint64_t sequence_ = 0;
  Arena arena_;
  std::vector<std::unique_ptr<Rows>> held_;
};

using ingest::RowOp;

TEST_CASE("changes of one key net to one old and one new row") {
  Relation table(relation_of(ObjectId{1}, true));
  done(table.builder.insert(Rows({{1, "a"}, {2, "b"}}).batch));
  CHECK(table.commit() == "1 a, 2 b");
  done(table.builder.change(
      table.chunk({{1, "c"}, {1, "d"}, {2, ""}, {3, "e"}, {3, ""}},
                  {RowOp::put, RowOp::put, RowOp::remove, RowOp::insert, RowOp::remove})));
  CHECK(table.commit() == "-1x 1 a, 1 d, -1x 2 b");
  CHECK(table.stored() == "1 d");
}

TEST_CASE("an update that changes nothing changes nothing") {
  Relation table(relation_of(ObjectId{1}, true));
  done(table.builder.insert(Rows({{1, "a"}}).batch));
  table.commit();
  done(table.builder.change(table.chunk({{1, "a"}}, {RowOp::put})));
  CHECK(table.commit().empty());
}

TEST_CASE("a moved row takes its kept columns along") {
  Relation table(relation_of(ObjectId{1}, true));
  done(table.builder.insert(Rows({{1, "toast"}}).batch));
  table.commit();
  done(table.builder.change(table.chunk({{1, ""}, {5, ""}}, {RowOp::move, RowOp::put}, 0b10)));
  CHECK(table.commit() == "-1x 1 toast, 5 toast");
}

TEST_CASE("a kept column of a row that is not there is an error") {
  Relation table(relation_of(ObjectId{1}, true));
  const auto changed = table.builder.change(table.chunk({{1, ""}}, {RowOp::put}, 0b1));
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code().view() == "XX001");
}

TEST_CASE("a multiset counts copies and refuses to take away more than there are") {
  Relation table(relation_of(ObjectId{1}, false));
  done(table.builder.insert(Rows({{1, "a"}, {1, "a"}, {2, "b"}}).batch));
  CHECK(table.commit() == "2x 1 a, 2 b");
  CHECK(table.stored() == "2x 1 a, 2 b");
  CHECK(table.row_count() == 3);
  done(table.builder.change(
      table.chunk({{1, "a"}, {2, "b"}}, {RowOp::remove_row, RowOp::remove_row})));
  CHECK(table.commit() == "-1x 1 a, -1x 2 b");
  CHECK(table.row_count() == 1);
  done(table.builder.change(table.chunk({{2, "b"}}, {RowOp::remove_row})));
  CHECK_FALSE(table.builder.finish());
}

TEST_CASE("a truncation takes what was there before and in this epoch") {
  for (const bool keyed : {true, false}) {
    Relation table(relation_of(ObjectId{1}, keyed));
    done(table.builder.insert(Rows({{1, "a"}}).batch));
    table.commit();
    done(table.builder.insert(Rows({{2, "b"}}).batch));
    ingest::TableChunk chunk = table.chunk({{3, "c"}}, {});
    chunk.truncate = true;
    done(table.builder.change(chunk));
    CHECK(table.commit() == "-1x 1 a, 3 c");
    CHECK(table.stored() == "3 c");
  }
}

TEST_CASE("an append-only relation numbers its rows over epochs, and cannot shrink") {
  Relation table(relation_of(ObjectId{1}, false, true));
  done(table.builder.insert(Rows({{5, "a"}}).batch));
  table.commit();
  done(table.builder.insert(Rows({{3, "b"}, {3, "b"}}).batch));
  table.commit();
  CHECK(table.stored() == "5 a, 3 b, 3 b");
  CHECK(table.builder.next_sequence() == 3);
  Rows gone({{3, "b"}});
  const int64_t weight = -1;
  gone.batch.weights = &weight;
  table.builder.add_weighted(gone.batch);
  CHECK_FALSE(table.builder.finish());
}

TEST_CASE("a view's output nets per key, and a key with two rows is an error") {
  sql::Relation view = relation_of(ObjectId{1}, true);
  view.kind = sql::RelationKind::materialized_view;
  Relation relation(view);
  Rows first({{1, "a"}, {1, "b"}, {1, "a"}});
  const std::vector<int64_t> weights = {1, 1, -1};
  first.batch.weights = weights.data();
  relation.builder.add_weighted(first.batch);
  CHECK(relation.commit() == "1 b");
  relation.builder.add_weighted(Rows({{2, "x"}, {2, "y"}}).batch);
  CHECK_FALSE(relation.builder.finish());
}

// What a session asks for: each row in place of `seen` under the same key ("" = none).
class Request {
 public:
  Request(const RelationLayout& layout, const std::vector<Row>& rows, const std::string& seen) {
    std::vector<Row> before;
    for (const Row& row : rows) before.push_back({row.first, seen});
    const Rows after(rows), old(before);
    std::vector<std::string_view> keys(rows.size()), packed(rows.size()), expected(rows.size());
    layout.encode_keys(after.batch, bytes_, keys.data());
    layout.pack(after.batch, bytes_, packed.data());
    layout.pack(old.batch, bytes_, expected.data());
    for (size_t i = 0; i < rows.size(); ++i) {
      writes.push_back({keys[i], seen.empty() ? std::string_view() : expected[i], packed[i], 0});
    }
  }
  std::vector<RowWrite> writes;

 private:
  Arena bytes_;
};

TEST_CASE("requests of an epoch see each other, in order of keys or not") {
  Relation table(relation_of(ObjectId{1}, true));
  const RelationLayout& layout = table.builder.layout();
  const auto take = [&](const Request& request) {
    const bool holds = value_of(table.builder.holds(request.writes, std::nullopt));
    if (holds) table.builder.apply(request.writes);
    return holds;
  };
  const Request first(layout, {{1, "a"}, {2, "a"}}, ""), after(layout, {{3, "b"}, {4, "b"}}, ""),
      between(layout, {{0, "c"}, {5, "c"}}, ""), again(layout, {{2, "d"}}, ""),
      instead(layout, {{2, "e"}}, "a");
  CHECK(take(first));
  CHECK(take(after));
  CHECK_FALSE(take(again));
  CHECK(take(between));
  CHECK(take(instead));
  CHECK(table.commit() == "0 c, 1 a, 2 e, 3 b, 4 b, 5 c");
  // Against what is stored: in order of keys, with nothing before it in the epoch.
  const Request wrong(layout, {{3, "f"}, {5, "f"}}, "b"), right(layout, {{3, "g"}, {4, "g"}}, "b");
  CHECK_FALSE(take(wrong));
  CHECK(take(right));
  CHECK_FALSE(take(right));
  CHECK(table.commit() == "-1x 3 b, 3 g, -1x 4 b, 4 g");
}

TEST_CASE("what a session has seen is looked up once the relation has changed") {
  Relation table(relation_of(ObjectId{1}, true));
  const RelationLayout& layout = table.builder.layout();
  const auto take = [&](const Request& request, Epoch seen) {
    const bool holds = value_of(table.builder.holds(request.writes, seen));
    if (holds) table.builder.apply(request.writes);
    return holds;
  };
  const Request made(layout, {{1, "a"}, {2, "a"}, {3, "a"}}, "");
  CHECK(take(made, table.epoch()));
  table.commit();
  const Epoch filled = table.epoch();
  const Request changed(layout, {{1, "b"}, {3, "b"}}, "a"),
      stale(layout, {{2, "c"}, {3, "c"}}, "a"), fresh(layout, {{2, "d"}}, "a");
  CHECK(take(changed, filled));
  CHECK_FALSE(take(stale, filled));  // by this epoch's own changes
  CHECK(take(fresh, filled));
  CHECK(table.commit() == "-1x 1 a, 1 b, -1x 2 a, 2 d, -1x 3 a, 3 b");
  CHECK_FALSE(take(stale, filled));
  const Request last(layout, {{1, "e"}, {3, "e"}}, "b");
  CHECK(take(last, filled));  // looked up: it stands there
  CHECK(table.commit() == "-1x 1 b, 1 e, -1x 3 b, 3 e");
  CHECK(table.stored() == "1 e, 2 d, 3 e");
}

TEST_CASE("a builder that is released has given its memory back") {
  for (const bool keyed : {true, false}) {
    Relation table(relation_of(ObjectId{1}, keyed));
    std::vector<Row> rows;
    for (int i = 0; i < 4000; ++i) rows.push_back({i, "some text"});
    for (const bool of_view : {true, false}) {
      const Rows some(rows);
      if (of_view) {
        table.builder.add_weighted(some.batch);
      } else {
        done(table.builder.insert(some.batch));
      }
      table.commit();
      CHECK(table.builder.kept_bytes() > 100'000);
      table.builder.release();
      CHECK(table.builder.kept_bytes() < 1'000);
    }
  }
}

TEST_CASE("a builder that is begun again has forgotten everything") {
  Relation table(relation_of(ObjectId{1}, false, true));
  done(table.builder.insert(Rows({{1, "a"}}).batch));
  table.begin();
  CHECK(table.builder.next_sequence() == 0);
  CHECK(table.commit().empty());
}

}  // namespace
}  // namespace qw::engine::test
