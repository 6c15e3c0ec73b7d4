// RowIndex against a plain map: keys with none, one, some and very many rows.
#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "views/state/row_index.h"

namespace qw::views {
namespace {

using Row = std::pair<int64_t, int64_t>;  // key, value

struct Change {
  Row row;
  int64_t weight;
};

Batch batch_of(std::span<const Change> changes, Arena& arena) {
  const auto count = static_cast<uint32_t>(changes.size());
  Batch batch;
  batch.rows = count;
  batch.columns = {Vector::flat(TypeId::int8, count, arena),
                   Vector::flat(TypeId::int8, count, arena)};
  auto* weights = arena.allocate_array<int64_t>(count);
  for (uint32_t i = 0; i < count; ++i) {
    batch.columns[0].values<int64_t>()[i] = changes[i].row.first;
    batch.columns[1].values<int64_t>()[i] = changes[i].row.second;
    weights[i] = changes[i].weight;
  }
  batch.weights = weights;
  return batch;
}

std::map<Row, int64_t> contents(RowIndex& index) {
  std::map<Row, int64_t> out;
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    index.table().each(p, [&](Entry* entry) {
      int64_t total = 0;
      for (const StoredRow* stored : entry->as<RowSet>().rows()) {
        Arena arena;
        std::vector<Vector> columns;
        const std::string_view bytes = stored->bytes();
        index.codec().unpack({&bytes, 1}, {}, arena, columns);
        out[{columns[0].at<int64_t>(0), columns[1].at<int64_t>(0)}] += stored->weight;
        total += stored->weight;
      }
      CHECK(entry->as<RowSet>().total == total);
    });
  }
  return out;
}

}  // namespace

TEST_CASE("rows by key agree with a map under random changes") {
  for (const uint64_t seed : {1U, 2U, 3U}) {
    std::mt19937_64 random(seed);
    RowIndex index({TypeId::int8, TypeId::int8}, {0}, {true});
    std::map<Row, int64_t> model;
    Arena arena;
    // Key k takes values below 1 << k: from one row to some thousands, and back to none at the end.
    for (int round = 0; round < 120; ++round) {
      std::vector<Change> changes;
      for (int i = 0; i < 400; ++i) {
        const auto key = static_cast<int64_t>(random() % 13);
        const Row row{key, static_cast<int64_t>(random() % (uint64_t{1} << key))};
        int64_t& weight = model[row];
        const bool goes = weight > 0 && (round >= 60 || random() % 3 == 0);
        const int64_t by = goes
                               ? -static_cast<int64_t>(1 + random() % static_cast<uint64_t>(weight))
                               : (round < 60 ? 1 : 0);
        if (by != 0) changes.push_back({row, by});
        weight += by;
        if (weight == 0) model.erase(row);
      }
      arena.reset();
      if (!changes.empty()) index.update(batch_of(changes, arena), arena);
      REQUIRE(index.negative_rows() == 0);
      REQUIRE(index.rows() == model.size());
    }
    CHECK(contents(index) == model);
    std::vector<Change> rest;
    for (const auto& [row, weight] : model) rest.push_back({row, -weight});
    for (size_t at = 0; at < rest.size(); at += 1000) {
      const std::span<const Change> some(rest.data() + at,
                                         std::min<size_t>(1000, rest.size() - at));
      arena.reset();
      index.update(batch_of(some, arena), arena);
    }
    CHECK(index.rows() == 0);
    CHECK(index.table().size() == 0);
  }
}

}  // namespace qw::views
