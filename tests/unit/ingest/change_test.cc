// TableWriter and ArenaPool: what decoders write is what the chunks say.
#include <doctest/doctest.h>

#include "ingest/change.h"
#include "src/types/str.h"

namespace qw::ingest {

namespace {

SourceTxn new_txn(ArenaPool& pool) {
  SourceTxn txn;
  txn.arena = pool.take();
  return txn;
}

}  // namespace

TEST_CASE("rows are cut into chunks of a batch each, in order, and keep their values") {
  ArenaPool pool;
  SourceTxn txn = new_txn(pool);
  TableWriter writer(3, {Type(TypeId::int8), Type(TypeId::text)});
  writer.begin(txn);
  constexpr int64_t kRows = 10'000;
  for (int64_t n = 0; n < kRows; n++) {
    const uint32_t row = writer.add(RowOp::insert);
    writer.set(0, row, n);
    if (n % 3 == 0) {
      const std::string text = "a text that is longer than inline " + std::to_string(n);
      writer.set(1, row, Str::copy(text, writer.arena()));
    }
  }
  writer.finish();
  CHECK(txn.chunks.size() == 3);
  CHECK(txn.rows == kRows);
  int64_t n = 0;
  for (const TableChunk& chunk : txn.chunks) {
    CHECK(chunk.table == 3);
    CHECK(chunk.rows <= kBatchRowsMax);
    CHECK(chunk.ops == nullptr);
    CHECK(chunk.kept.empty());
    for (uint32_t row = 0; row < chunk.rows; row++, n++) {
      REQUIRE(!chunk.columns[0].is_null(row));
      REQUIRE(chunk.columns[0].at<int64_t>(row) == n);
      REQUIRE(chunk.columns[1].is_null(row) == (n % 3 != 0));
      if (n % 3 == 0) {
        REQUIRE(chunk.columns[1].at<Str>(row).view() ==
                "a text that is longer than inline " + std::to_string(n));
      }
    }
  }
  CHECK(n == kRows);
}

TEST_CASE("a move and its put never part, wherever the chunk ends") {
  for (uint32_t before = kBatchRowsMax - 3; before <= kBatchRowsMax + 1; before++) {
    ArenaPool pool;
    SourceTxn txn = new_txn(pool);
    TableWriter writer(0, {Type(TypeId::int4)});
    writer.begin(txn);
    for (uint32_t n = 0; n < before; n++) writer.set<int32_t>(0, writer.add(RowOp::put), 1);
    writer.set<int32_t>(0, writer.add(RowOp::move), 7);
    writer.set<int32_t>(0, writer.add(RowOp::put, true), 8);
    writer.finish();
    uint32_t rows = 0;
    for (const TableChunk& chunk : txn.chunks) {
      rows += chunk.rows;
      REQUIRE(chunk.rows <= kBatchRowsMax);
      for (uint32_t row = 0; row < chunk.rows; row++) {
        if (chunk.op(row) != RowOp::move) continue;
        REQUIRE(row + 1 < chunk.rows);
        CHECK(chunk.op(row + 1) == RowOp::put);
        CHECK(chunk.columns[0].at<int32_t>(row + 1) == 8);
      }
    }
    CHECK(rows == before + 2);
  }
}

TEST_CASE("kept columns survive growth and end with the row that is dropped") {
  ArenaPool pool;
  SourceTxn txn = new_txn(pool);
  TableWriter writer(0, {Type(TypeId::int4), Type(TypeId::text)});
  writer.begin(txn);
  for (uint32_t n = 0; n < 1000; n++) {
    const uint32_t row = writer.add(RowOp::put);
    writer.set<int32_t>(0, row, static_cast<int32_t>(n));
    if (n % 10 == 0) writer.set_kept(1, row);
  }
  const uint32_t bad = writer.add(RowOp::put);
  writer.set<int32_t>(0, bad, 1);
  writer.set_kept(1, bad);
  writer.drop_last();
  const uint32_t good = writer.add(RowOp::put);
  CHECK(good == bad);
  writer.finish();
  REQUIRE(txn.chunks.size() == 1);
  const TableChunk& chunk = txn.chunks[0];
  CHECK(chunk.rows == 1001);
  for (uint32_t row = 0; row < 1000; row++) {
    REQUIRE(chunk.is_kept(1, row) == (row % 10 == 0));
    REQUIRE(!chunk.is_kept(0, row));
  }
  CHECK(!chunk.is_kept(1, good));
  CHECK(chunk.columns[0].is_null(good));
}

TEST_CASE("a truncate starts a chunk of its own, also when no row follows") {
  ArenaPool pool;
  SourceTxn txn = new_txn(pool);
  TableWriter writer(0, {Type(TypeId::int4)});
  writer.begin(txn);
  writer.set<int32_t>(0, writer.add(RowOp::insert), 1);
  writer.truncate();
  writer.set<int32_t>(0, writer.add(RowOp::insert), 2);
  writer.truncate();
  writer.finish();
  REQUIRE(txn.chunks.size() == 3);
  CHECK(!txn.chunks[0].truncate);
  CHECK(txn.chunks[1].truncate);
  CHECK(txn.chunks[1].rows == 1);
  CHECK(txn.chunks[1].columns[0].at<int32_t>(0) == 2);
  CHECK(txn.chunks[2].truncate);
  CHECK(txn.chunks[2].rows == 0);
}

TEST_CASE("an arena comes back to its pool, and outlives it") {
  SourceTxn txn;
  Arena* first = nullptr;
  {
    ArenaPool pool;
    {
      const std::shared_ptr<Arena> arena = pool.take();
      first = arena.get();
    }
    txn.arena = pool.take();
    CHECK(txn.arena.get() == first);
  }
  CHECK(txn.arena->allocate(100) != nullptr);
}

}  // namespace qw::ingest
