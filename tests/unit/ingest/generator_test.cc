// Generators: the published facts of Nexmark's distributions, and that an event number decides all.
#include <cmath>
#include <map>
#include <set>
#include <string>

#include <doctest/doctest.h>

#include "ingest/generator.h"
#include "ingest/test_source.h"
#include "src/base/hash.h"
#include "src/types/str.h"
#include "tests/unit/ingest/sink.h"

namespace qw::ingest {

namespace {

constexpr int64_t kFirstId = 1000;

struct Rows {
  std::map<uint32_t, uint64_t> count;
  std::map<uint32_t, uint64_t> hash;  // of all values in order
};

void add_value(const Vector& vector, uint32_t row, uint64_t& hash) {
  if (vector.is_null(row)) {
    hash = hash_combine(hash, 0);
  } else if (vector.type.physical() == Physical::string) {
    hash = hash_combine(hash, hash_bytes(vector.at<Str>(row).view()));
  } else if (vector.type.physical() == Physical::i64) {
    hash = hash_combine(hash, static_cast<uint64_t>(vector.at<int64_t>(row)));
  } else {
    hash = hash_combine(hash, static_cast<uint64_t>(vector.at<int32_t>(row)));
  }
}

Rows digest(const std::vector<SourceTxn>& txns) {
  Rows rows;
  for (const SourceTxn& txn : txns) {
    for (const TableChunk& chunk : txn.chunks) {
      rows.count[chunk.table] += chunk.rows;
      uint64_t& hash = rows.hash[chunk.table];
      for (uint32_t row = 0; row < chunk.rows; row++) {
        hash = hash_combine(hash, static_cast<uint64_t>(chunk.op(row)));
        for (const Vector& column : chunk.columns) add_value(column, row, hash);
      }
    }
  }
  return rows;
}

std::vector<SourceTxn> generate(SourceKind kind, const GeneratorOptions& options, uint64_t first,
                                uint64_t events, uint64_t slice) {
  auto generator = Generator::create(kind, options);
  REQUIRE(generator.has_value());
  ArenaPool pool;
  std::vector<SourceTxn> txns;
  for (uint64_t at = first; at < first + events; at += slice) {
    SourceTxn txn;
    txn.arena = pool.take();
    (*generator)->next(at, std::min(slice, first + events - at), txn);
    txns.push_back(std::move(txn));
  }
  return txns;
}

// Within six standard deviations of a binomial count.
bool near(uint64_t seen, uint64_t trials, double probability) {
  const double mean = static_cast<double>(trials) * probability;
  const double deviation = std::sqrt(mean * (1 - probability));
  return std::abs(static_cast<double>(seen) - mean) <= 6 * deviation + 1;
}

}  // namespace

TEST_CASE("an event gives the same rows however the events are sliced") {
  for (const SourceKind kind : {SourceKind::nexmark, SourceKind::auction, SourceKind::counter}) {
    GeneratorOptions options;
    options.seed = 7;
    if (kind == SourceKind::counter) options.cardinality_max = 100;
    const Rows whole = digest(generate(kind, options, 0, 20'000, 20'000));
    for (const uint64_t slice : {1U, 49U, 50U, 51U, 4096U, 7777U}) {
      const Rows sliced = digest(generate(kind, options, 0, 20'000, slice));
      CHECK(sliced.count == whole.count);
      CHECK(sliced.hash == whole.hash);
    }
    options.seed = 8;
    const Rows other = digest(generate(kind, options, 0, 20'000, 20'000));
    CHECK((other.hash == whole.hash) == (kind == SourceKind::counter));
  }
}

TEST_CASE("nexmark: proportions, ids, times and sizes of the published generator") {
  constexpr uint64_t kEvents = 500'000;
  GeneratorOptions options;
  options.event_rate = 100'000;
  options.start_us = 1'000'000;
  uint64_t persons = 0, auctions = 0, bids = 0;
  uint64_t hot_sellers = 0, hot_bidders = 0, hot_auctions = 0, hot_channels = 0;
  double person_extra = 0, auction_extra = 0, bid_extra = 0, price_log = 0;
  int64_t price_low = INT64_MAX, price_high = 0;
  std::map<int64_t, uint64_t> categories;
  std::set<std::string> channels, states;
  for (const SourceTxn& txn : generate(SourceKind::nexmark, options, 0, kEvents, 20'000)) {
    for (const TableChunk& chunk : txn.chunks) {
      const auto& columns = chunk.columns;
      for (uint32_t row = 0; row < chunk.rows; row++) {
        if (chunk.table == 0) {
          REQUIRE(columns[0].at<int64_t>(row) == kFirstId + static_cast<int64_t>(persons));
          REQUIRE(columns[6].at<int64_t>(row) == 1'000'000 + static_cast<int64_t>(persons) * 500);
          const std::string_view email = columns[2].at<Str>(row).view();
          REQUIRE(email.find('@') >= 3);
          REQUIRE(email.substr(email.size() - 4) == ".com");
          REQUIRE(columns[3].at<Str>(row).size() == 19);
          states.insert(std::string(columns[5].at<Str>(row).view()));
          person_extra += columns[7].at<Str>(row).size();
          for (size_t c = 1; c <= 5; c++) person_extra += columns[c].at<Str>(row).size();
          persons++;
        } else if (chunk.table == 1) {
          REQUIRE(columns[0].at<int64_t>(row) == kFirstId + static_cast<int64_t>(auctions));
          const int64_t begins = columns[5].at<int64_t>(row), ends = columns[6].at<int64_t>(row);
          REQUIRE(ends > begins);
          REQUIRE(ends <= begins + 1 + 2 * 16'660);
          REQUIRE(columns[4].at<int64_t>(row) > columns[3].at<int64_t>(row));
          const int64_t seller = columns[7].at<int64_t>(row) - kFirstId;
          REQUIRE(seller < static_cast<int64_t>(persons) + 100 + 10);
          if (seller % 100 == 0) hot_sellers++;
          categories[columns[8].at<int64_t>(row)]++;
          auction_extra += columns[9].at<Str>(row).size() + columns[1].at<Str>(row).size() +
                           columns[2].at<Str>(row).size();
          auctions++;
        } else {
          if ((columns[0].at<int64_t>(row) - kFirstId) % 100 == 0) hot_auctions++;
          if ((columns[1].at<int64_t>(row) - kFirstId) % 100 == 1) hot_bidders++;
          const int64_t price = columns[2].at<int64_t>(row);
          price_low = std::min(price_low, price);
          price_high = std::max(price_high, price);
          price_log += std::log10(static_cast<double>(price));
          const std::string channel(columns[3].at<Str>(row).view());
          const std::string_view url = columns[4].at<Str>(row).view();
          REQUIRE(url.starts_with("https://www.nexmark.com/"));
          if (channel.starts_with("channel-")) {
            channels.insert(channel);
          } else {
            hot_channels++;
          }
          bid_extra += columns[6].at<Str>(row).size();
          bids++;
        }
      }
    }
  }
  CHECK(persons == kEvents / 50);
  CHECK(auctions == kEvents / 50 * 3);
  CHECK(bids == kEvents / 50 * 46);
  // 3/4 by choice, and one in a hundred of the rest by chance.
  CHECK(near(hot_sellers, auctions, 0.75 + 0.25 / 100));
  CHECK(near(hot_bidders, bids, 0.75 + 0.25 / 100));
  CHECK(near(hot_auctions, bids, 0.5 + 0.5 / 100));
  CHECK(near(hot_channels, bids, 0.5));
  CHECK(channels.size() > 9'990);
  CHECK(channels.size() <= 10'000);
  CHECK(states.size() == 6);
  REQUIRE(categories.size() == 5);
  CHECK(categories.begin()->first == 10);
  for (const auto& [category, count] : categories) CHECK(near(count, auctions, 0.2));
  // Log-uniform between 100 and 100 million.
  CHECK(price_low >= 100);
  CHECK(price_low < 110);
  CHECK(price_high <= 100'000'000);
  CHECK(price_high > 95'000'000);
  CHECK(price_log / static_cast<double>(bids) == doctest::Approx(5.0).epsilon(0.01));
  // Average sizes: 200, 500 and 100 bytes, numbers counted as 8 bytes (32 for a bid).
  CHECK(person_extra / static_cast<double>(persons) + 8 == doctest::Approx(200).epsilon(0.01));
  CHECK(auction_extra / static_cast<double>(auctions) + 48 == doctest::Approx(500).epsilon(0.01));
  CHECK(bid_extra / static_cast<double>(bids) + 32 == doctest::Approx(100).epsilon(0.01));
}

TEST_CASE("nexmark: the event rate spreads the same events over another time") {
  GeneratorOptions options;
  options.event_rate = 10'000'000;
  const auto txns = generate(SourceKind::nexmark, options, 0, 1'000'000, 1'000'000);
  int64_t last = 0;
  for (const TableChunk& chunk : txns[0].chunks) {
    if (chunk.table == 2) last = chunk.columns[5].at<int64_t>(chunk.rows - 1);
  }
  CHECK(last == 99'999);
}

TEST_CASE("every generator counts its rows once") {
  for (const SourceKind kind :
       {SourceKind::counter, SourceKind::auction, SourceKind::nexmark, SourceKind::key_value}) {
    for (const SourceTxn& txn : generate(kind, {}, 0, 1'000, 100)) {
      uint64_t rows = 0;
      for (const TableChunk& chunk : txn.chunks) rows += chunk.rows;
      CHECK(txn.rows == rows);
    }
  }
}

TEST_CASE("counter: counts up, and forgets the oldest beyond its cardinality") {
  GeneratorOptions options;
  options.cardinality_max = 3;
  std::set<int64_t> rows;
  for (const SourceTxn& txn : generate(SourceKind::counter, options, 0, 10, 4)) {
    for (const TableChunk& chunk : txn.chunks) {
      for (uint32_t row = 0; row < chunk.rows; row++) {
        const int64_t value = chunk.columns[0].at<int64_t>(row);
        if (chunk.op(row) == RowOp::insert) {
          CHECK(rows.insert(value).second);
        } else {
          CHECK(chunk.op(row) == RowOp::remove);
          CHECK(rows.erase(value) == 1);
        }
      }
    }
  }
  CHECK(rows == std::set<int64_t>{8, 9, 10});
}

TEST_CASE("auction: keys are unique and every bid names an auction and a user that exist") {
  std::set<int64_t> users, auctions, bids;
  for (const SourceTxn& txn : generate(SourceKind::auction, {}, 0, 5'000, 100)) {
    for (const TableChunk& chunk : txn.chunks) {
      for (uint32_t row = 0; row < chunk.rows; row++) {
        const int64_t id = chunk.columns[0].at<int64_t>(row);
        if (chunk.table == 1) REQUIRE(users.insert(id).second);
        if (chunk.table == 3) {
          REQUIRE(auctions.insert(id).second);
          REQUIRE(users.count(chunk.columns[1].at<int64_t>(row)) == 1);
        }
        if (chunk.table == 4) {
          REQUIRE(bids.insert(id).second);
          REQUIRE(users.count(chunk.columns[1].at<int64_t>(row)) == 1);
          REQUIRE(auctions.count(chunk.columns[2].at<int64_t>(row)) == 1);
        }
      }
    }
  }
  CHECK(users.size() == 32);
  CHECK(auctions.size() == (4'999 + 10) / 11);
  CHECK(bids.size() + auctions.size() == 4'999);
}

TEST_CASE("a generator source stops at UP TO and resumes where its position says") {
  SystemClock clock;
  SourceConfig config;
  config.kind = SourceKind::nexmark;
  config.options = {{"up_to", "30000"}, {"batch_size", "7000"}, {"start_time", "2024-01-01"}};
  CollectingSink sink;
  auto source = Source::create(config, clock);
  REQUIRE(source.has_value());
  REQUIRE((*source)->describe()->size() == 3);
  REQUIRE((*source)->start("", sink).has_value());
  REQUIRE(sink.wait(
      [](const auto&, const SourceStatus& status) { return status.state == SourceState::done; }));
  const std::vector<SourceTxn> all = sink.take();
  REQUIRE(all.size() == 5);
  (*source)->stop();
  const std::string middle = all[1].position;

  CollectingSink rest;
  auto again = Source::create(config, clock);
  REQUIRE(again.has_value());
  REQUIRE((*again)->start(middle, rest).has_value());
  REQUIRE(rest.wait(
      [](const auto&, const SourceStatus& status) { return status.state == SourceState::done; }));
  std::vector<SourceTxn> joined = rest.take();
  CHECK(joined.size() == 3);
  CHECK(joined.back().position == all.back().position);
  std::vector<SourceTxn> tail(all.begin() + 2, all.end());
  CHECK(digest(joined).hash == digest(tail).hash);
  (*again)->stop();
}

TEST_CASE("INCLUDE PROCTIME says when a generator's rows were taken in") {
  ManualClock clock(1'000'000);
  SourceConfig config;
  config.kind = SourceKind::nexmark;
  config.options = {{"up_to", "1000"}};
  config.include = {{IncludeKind::proctime, "seen"}};
  auto source = Source::create(config, clock);
  REQUIRE(source.has_value());
  const auto tables = (*source)->describe();
  REQUIRE(tables->size() == 3);
  for (const SourceTable& table : *tables) CHECK(table.columns.back().name == "seen");
  CollectingSink sink;
  REQUIRE((*source)->start("", sink).has_value());
  REQUIRE(sink.wait(
      [](const auto&, const SourceStatus& status) { return status.state == SourceState::done; }));
  (*source)->stop();
  uint32_t rows = 0;
  for (const SourceTxn& txn : sink.take()) {
    for (const TableChunk& chunk : txn.chunks) {
      REQUIRE(chunk.columns.size() == (*tables)[chunk.table].columns.size());
      for (uint32_t row = 0; row < chunk.rows; row++, rows++) {
        CHECK(chunk.columns.back().at<int64_t>(row) == 1'000'000);
      }
    }
  }
  CHECK(rows == 1000);

  config.include = {{IncludeKind::proctime, "ts"}};
  CHECK((*Source::create(config, clock))->describe().error().code() == SqlState("42701"));

  // Rows without a key that may be removed would have to say when they came.
  config.options["append_only"] = "false";
  config.include = {{IncludeKind::proctime, "seen"}};
  CHECK((*Source::create(config, clock))->describe().error().code() == SqlState("0A000"));
  config.include.clear();
  const auto general = (*Source::create(config, clock))->describe();
  REQUIRE(general->size() == 3);
  for (const SourceTable& table : *general) {
    CHECK_FALSE(table.append_only);
    CHECK(table.monotone.empty());
  }
}

TEST_CASE("a generator source refuses options it does not know and values out of range") {
  SystemClock clock;
  SourceConfig config;
  config.kind = SourceKind::counter;
  config.options = {{"tick_intervall", "1s"}};
  auto source = Source::create(config, clock);
  REQUIRE(!source.has_value());
  CHECK(source.error().message() == "unknown load generator option: TICK INTERVALL");
  CHECK(source.error().hint().find("TICK INTERVAL") != std::string::npos);
  config.options = {{"tick_interval", "-1s"}};
  source = Source::create(config, clock);
  REQUIRE(!source.has_value());
  CHECK(source.error().code() == SqlState("22023"));
  config.options = {{"max_cardinality", "x"}};
  CHECK(!Source::create(config, clock).has_value());
}

TEST_CASE("a test source pushes its script step by step and resumes by position") {
  SourceTable table;
  table.name = "t";
  table.columns = {{"id", TypeId::int4, false}};
  table.primary_key = {0};
  std::vector<TestSource::Step> script;
  for (int32_t n = 0; n < 3; n++) {
    script.push_back([n](SourceTxn&, std::vector<TableWriter>& writers) {
      writers[0].set(0, writers[0].add(RowOp::put), n);
    });
  }
  TestSource source({table}, script);
  CollectingSink sink;
  REQUIRE(source.start("", sink).has_value());
  CHECK(source.step());
  CHECK(source.step());
  const std::vector<SourceTxn> txns = sink.take();
  REQUIRE(txns.size() == 2);
  TestSource resumed({table}, script);
  REQUIRE(resumed.start(txns[0].position, sink).has_value());
  CHECK(resumed.step());
  CHECK(digest(sink.take()).hash == digest({txns.begin() + 1, txns.end()}).hash);
  CHECK(resumed.step());
  CHECK(!resumed.step());
  CHECK(!resumed.start("nonsense", sink).has_value());
}

}  // namespace qw::ingest
