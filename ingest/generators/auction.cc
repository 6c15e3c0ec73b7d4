// Auction house: a small, readable data set for demos and tutorials.
//
// Event 0 makes the fixed tables (organizations, users, accounts). After it, event n: block = (n -
// 1) / 11; slot 0 opens an auction that ends 10 ticks later, slots 1-10 are bids on one of the
// auctions of the last few blocks. Everything is a pure function of (seed, n). Tests:
// tests/unit/ingest/generator_test.cc.
#include <algorithm>
#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include "ingest/generators/generators.h"
#include "src/types/str.h"

namespace qw::ingest {

namespace {

constexpr uint64_t kBlockEvents = 11;
constexpr uint64_t kAuctionsOpen = 3;
constexpr uint64_t kUsersPerOrganization = 4;

constexpr std::array<std::string_view, 8> kOrganizations = {
    "Blue Harbour", "Cedar Mills", "Northgate", "Old Foundry",
    "Pine & Sons",  "Riverbend",   "Saltworks", "Tall Oaks"};
constexpr std::array<std::string_view, 32> kUsers = {
    "Ada",  "Ben",   "Cleo", "Dan",  "Edith", "Finn",  "Greta", "Hugo", "Ines", "Jon",  "Kaya",
    "Leo",  "Mona",  "Nils", "Olga", "Pavel", "Quinn", "Rosa",  "Sven", "Tara", "Uli",  "Vera",
    "Walt", "Xenia", "Yuri", "Zoe",  "Alma",  "Boris", "Cora",  "Dirk", "Elsa", "Fritz"};
constexpr std::array<std::string_view, 8> kItems = {
    "Brass telescope", "Signed first edition", "Oak writing desk", "Concert tickets",
    "Vintage camera",  "Harbour painting",     "Racing bicycle",   "Case of port"};
static_assert(kUsers.size() == kOrganizations.size() * kUsersPerOrganization);

Column column(std::string name, Type type) { return {std::move(name), type, false}; }

class Auction final : public Generator {
 public:
  explicit Auction(const GeneratorOptions& options)
      : options_(options), interval_us_(1e6 / options.event_rate) {
    const Type int8 = TypeId::int8, text = TypeId::text, int4 = TypeId::int4;
    const Type timestamptz = TypeId::timestamptz;
    add("organizations", {column("id", int8), column("name", text)});
    add("users", {column("id", int8), column("org_id", int8), column("name", text)});
    add("accounts", {column("id", int8), column("org_id", int8), column("balance", int8)});
    add("auctions", {column("id", int8), column("seller", int8), column("item", text),
                     column("end_time", timestamptz)});
    add("bids", {column("id", int8), column("buyer", int8), column("auction_id", int8),
                 column("amount", int4), column("bid_time", timestamptz)});
    for (uint32_t table = 0; table < tables_.size(); table++) {
      std::vector<Type> types;
      for (const Column& each : tables_[table].columns) types.push_back(each.type);
      writers_.emplace_back(table, std::move(types));
    }
  }

  const std::vector<SourceTable>& tables() const override { return tables_; }

  void next(uint64_t first, uint64_t count, SourceTxn& txn) override {
    for (TableWriter& writer : writers_) writer.begin(txn);
    for (uint64_t event = first; event < first + count; event++) {
      if (event == 0) {
        fixed_tables();
      } else {
        one(event);
      }
    }
    for (TableWriter& writer : writers_) writer.finish();
  }

 private:
  void add(std::string name, std::vector<Column> columns) {
    SourceTable table;
    table.upstream = name;
    table.name = std::move(name);
    table.columns = std::move(columns);
    table.primary_key = {0};
    table.append_only = true;
    table.monotone = {0};
    tables_.push_back(std::move(table));
  }

  void fixed_tables() {
    EventRandom random(options_.seed, 0);
    for (uint32_t n = 0; n < kOrganizations.size(); n++) {
      uint32_t row = writers_[0].add(RowOp::insert);
      writers_[0].set<int64_t>(0, row, n + 1);
      writers_[0].set(1, row, Str(kOrganizations[n]));
      row = writers_[2].add(RowOp::insert);
      writers_[2].set<int64_t>(0, row, n + 1);
      writers_[2].set<int64_t>(1, row, n + 1);
      writers_[2].set<int64_t>(2, row, static_cast<int64_t>(1000 + random.below(100'000)));
    }
    for (uint32_t n = 0; n < kUsers.size(); n++) {
      const uint32_t row = writers_[1].add(RowOp::insert);
      writers_[1].set<int64_t>(0, row, n + 1);
      writers_[1].set<int64_t>(1, row, static_cast<int64_t>(n / kUsersPerOrganization) + 1);
      writers_[1].set(2, row, Str(kUsers[n]));
    }
  }

  void one(uint64_t event) {
    EventRandom random(options_.seed, event);
    const uint64_t block = (event - 1) / kBlockEvents, slot = (event - 1) % kBlockEvents;
    const int64_t now =
        options_.start_us + static_cast<int64_t>(static_cast<double>(event) * interval_us_);
    const int64_t user = static_cast<int64_t>(random.below(kUsers.size())) + 1;
    if (slot == 0) {
      const uint32_t row = writers_[3].add(RowOp::insert);
      writers_[3].set(0, row, static_cast<int64_t>(block) + 1);
      writers_[3].set(1, row, user);
      writers_[3].set(2, row, Str(kItems[random.below(kItems.size())]));
      writers_[3].set(3, row, now + static_cast<int64_t>(10 * interval_us_));
      return;
    }
    const uint64_t open = std::min(block + 1, kAuctionsOpen);
    const uint32_t row = writers_[4].add(RowOp::insert);
    writers_[4].set(0, row, static_cast<int64_t>(event - block - 1));
    writers_[4].set(1, row, user);
    writers_[4].set(2, row, static_cast<int64_t>(block - random.below(open)) + 1);
    writers_[4].set(3, row, static_cast<int32_t>(1 + random.below(100)));
    writers_[4].set(4, row, now);
  }

  const GeneratorOptions options_;
  const double interval_us_;
  std::vector<SourceTable> tables_;
  std::vector<TableWriter> writers_;
};

// One row per event, counting up from 1; with a maximal cardinality the oldest rows go.
class Counter final : public Generator {
 public:
  explicit Counter(const GeneratorOptions& options)
      : options_(options), writer_(0, {Type(TypeId::int8)}) {
    SourceTable table;
    table.name = table.upstream = "counter";
    table.columns = {column("counter", TypeId::int8)};
    table.primary_key = {0};
    table.append_only = options.cardinality_max == 0;
    if (table.append_only) table.monotone = {0};
    tables_.push_back(std::move(table));
  }

  const std::vector<SourceTable>& tables() const override { return tables_; }

  void next(uint64_t first, uint64_t count, SourceTxn& txn) override {
    writer_.begin(txn);
    for (uint64_t event = first; event < first + count; event++) {
      const uint32_t row = writer_.add(RowOp::insert);
      writer_.set<int64_t>(0, row, static_cast<int64_t>(event) + 1);
      if (options_.cardinality_max == 0 || event < options_.cardinality_max) continue;
      const uint32_t gone = writer_.add(RowOp::remove);
      writer_.set<int64_t>(0, gone, static_cast<int64_t>(event - options_.cardinality_max) + 1);
    }
    writer_.finish();
  }

 private:
  const GeneratorOptions options_;
  std::vector<SourceTable> tables_;
  TableWriter writer_;
};

}  // namespace

std::unique_ptr<Generator> make_auction(const GeneratorOptions& options) {
  return std::make_unique<Auction>(options);
}

std::unique_ptr<Generator> make_counter(const GeneratorOptions& options) {
  return std::make_unique<Counter>(options);
}

}  // namespace qw::ingest
