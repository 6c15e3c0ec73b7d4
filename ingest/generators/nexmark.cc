// Nexmark: persons, auctions and bids of an online auction, 1 : 3 : 46.
//
// Event n: block = n / 50, slot = n % 50; slot 0 is a person, 1-3 are auctions, 4-49 bids. Ids of
// persons and auctions count up from 1000, categories from 10. All choices of an event are a pure
// function of (seed, n). Times have microsecond resolution at every event rate, which differs from
// generators that round to milliseconds. Long texts are slices of one immutable pool, and the
// 10,000 cold channels are made once: a bid costs no copying. Tests:
// tests/unit/ingest/generator_test.cc.
#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/generators/generators.h"
#include "src/base/assert.h"
#include "src/base/random.h"
#include "src/types/str.h"

namespace qw::ingest {

namespace {

constexpr uint64_t kBlockEvents = 50;
constexpr uint64_t kBlockAuctions = 3;
constexpr uint64_t kBlockBids = 46;
constexpr int64_t kFirstId = 1000;
constexpr int64_t kFirstCategory = 10;
constexpr uint64_t kCategories = 5;
constexpr uint64_t kHotGroup = 100;  // one hot seller, bidder, auction per so many
constexpr uint64_t kActivePersons = 1000;
constexpr uint64_t kPersonLead = 10;  // ids not yet made that may be chosen
constexpr uint64_t kAuctionsInFlight = 100;
constexpr uint64_t kColdChannels = 10'000;
constexpr uint64_t kPoolBytes = 16 << 10;  // stays in the first-level cache
// Blocks per round: 89 * 46 = 4,094 bids fill a chunk.
constexpr uint64_t kRoundBlocks = kBatchRowsMax / kBlockBids;

constexpr std::array<std::string_view, 11> kFirstNames = {
    "Peter", "Paul", "Luke", "John", "Saul", "Vicky", "Kate", "Julie", "Sarah", "Deiter", "Walter"};
constexpr std::array<std::string_view, 9> kLastNames = {
    "Shultz", "Abrams", "Spencer", "White", "Bartels", "Walton", "Smith", "Jones", "Noris"};
constexpr std::array<std::string_view, 10> kCities = {
    "Phoenix", "Los Angeles", "San Francisco", "Boise", "Portland",
    "Bend",    "Redmond",     "Seattle",       "Kent",  "Cheyenne"};
constexpr std::array<std::string_view, 6> kStates = {"AZ", "CA", "ID", "OR", "WA", "WY"};
constexpr std::array<std::string_view, 4> kHotChannels = {"Google", "Facebook", "Baidu", "Apple"};

// Immutable texts that rows point to; one per process, never freed, so that a txn may outlive its
// generator.
struct Texts {
  std::string pool;  // random letters; any slice is a random string
  std::array<std::string, 4> hot_urls;
  std::vector<std::string> cold_bytes;
  struct Channel {
    Str name, url;
  };
  std::vector<Channel> cold;       // ready-made, so that a bid touches one cache line for both
  std::vector<std::string> names;  // first x last

  Texts() {
    Random random(0x6e65786d61726bU);
    pool.resize(kPoolBytes + 1024);
    for (char& letter : pool) letter = static_cast<char>('a' + random.below(26));
    for (std::string& url : hot_urls) url = base_url(random);
    for (uint64_t n = 0; n < kColdChannels; n++) {
      cold_bytes.push_back(fmt::format("channel-{}", n));
      std::string url = base_url(random);
      if (random.below(10) != 0) url += fmt::format("&channel_id={}", reversed_bits(n));
      cold_bytes.push_back(std::move(url));
    }
    for (uint64_t n = 0; n < kColdChannels; n++) {
      cold.push_back({Str(cold_bytes[2 * n]), Str(cold_bytes[2 * n + 1])});
    }
    for (const std::string_view first : kFirstNames) {
      for (const std::string_view last : kLastNames)
        names.push_back(fmt::format("{} {}", first, last));
    }
  }
  std::string base_url(Random& random) const {
    const std::string_view letters = std::string_view(pool).substr(random.below(kPoolBytes), 5);
    return fmt::format("https://www.nexmark.com/{}/item.htm?query=1", letters);
  }
  static uint32_t reversed_bits(uint64_t n) {
    uint32_t out = 0;
    for (uint32_t bit = 0; bit < 31; bit++)
      out |= static_cast<uint32_t>((n >> bit) & 1U) << (30 - bit);
    return out;
  }
};

const Texts& texts() {
  static const Texts instance;
  return instance;
}

Str slice(EventRandom& random, const Texts& all, uint64_t size) {
  return Str(std::string_view(all.pool.data() + random.below(kPoolBytes), size));
}

// Fills up to the wanted average size, +-20 %.
Str padding(EventRandom& random, const Texts& all, uint64_t used, uint64_t average) {
  if (used >= average) return Str(std::string_view());
  const uint64_t wanted = average - used;
  const uint64_t spread = wanted / 5;
  return slice(random, all, wanted - spread + random.below(2 * spread + 1));
}

// 3 to `size_max` letters.
uint64_t string_size(EventRandom& random, uint64_t size_max) {
  return 3 + random.below(size_max - 2);
}

int64_t price(EventRandom& random) {
  return static_cast<int64_t>(std::ceil(100.0 * std::exp(random.unit() * 13.815510557964274)));
}

uint64_t last_person(uint64_t event) { return event / kBlockEvents; }

// Without the first id; events before the first auction count that one.
uint64_t last_auction(uint64_t event) {
  const uint64_t block = event / kBlockEvents, slot = event % kBlockEvents;
  if (slot == 0) return block == 0 ? 0 : block * kBlockAuctions - 1;
  return block * kBlockAuctions + std::min(slot, kBlockAuctions) - 1;
}

int64_t active_person(EventRandom& random, uint64_t event) {
  const uint64_t persons = last_person(event) + 1;
  const uint64_t active = std::min(persons, kActivePersons);
  return static_cast<int64_t>(persons - active + random.below(active + kPersonLead)) + kFirstId;
}

Column column(std::string name, Type type) { return {std::move(name), type, false}; }

std::vector<SourceTable> nexmark_tables(bool append_only) {
  std::vector<SourceTable> tables(3);
  const Type int8 = TypeId::int8, text = TypeId::text, timestamp = TypeId::timestamp;
  tables[0].name = "person";
  tables[0].columns = {column("id", int8),          column("name", text), column("email", text),
                       column("credit_card", text), column("city", text), column("state", text),
                       column("ts", timestamp),     column("extra", text)};
  tables[0].primary_key = {0};
  tables[0].monotone = {0, 6};
  tables[1].name = "auction";
  tables[1].columns = {column("id", int8),           column("item_name", text),
                       column("description", text),  column("initial_bid", int8),
                       column("reserve", int8),      column("ts", timestamp),
                       column("expires", timestamp), column("seller", int8),
                       column("category", int8),     column("extra", text)};
  tables[1].primary_key = {0};
  tables[1].monotone = {0, 5};
  tables[2].name = "bid";
  tables[2].columns = {column("auction", int8), column("bidder", int8), column("price", int8),
                       column("channel", text), column("url", text),    column("ts", timestamp),
                       column("extra", text)};
  tables[2].monotone = {5};
  for (SourceTable& table : tables) {
    table.append_only = append_only;
    if (!append_only) table.monotone.clear();
    table.upstream = table.name;
  }
  return tables;
}

class Nexmark final : public Generator {
 public:
  explicit Nexmark(const GeneratorOptions& options)
      : options_(options),
        interval_us_(1e6 / options.event_rate),
        horizon_us_(static_cast<uint64_t>(
            interval_us_ * static_cast<double>(kAuctionsInFlight * kBlockEvents / kBlockAuctions))),
        hot_channel_threshold_(static_cast<uint64_t>(options.hot_channel_ratio * 4294967296.0)),
        tables_(nexmark_tables(options.append_only)) {}

  const std::vector<SourceTable>& tables() const override { return tables_; }

  void next(uint64_t first, uint64_t count, SourceTxn& txn) override {
    while (count > 0) {
      // Whole blocks after the first, so that chunk sizes do not drift.
      const uint64_t to_block = kBlockEvents - first % kBlockEvents;
      const uint64_t events = std::min(count, to_block + (kRoundBlocks - 1) * kBlockEvents);
      round(first, events, txn);
      first += events;
      count -= events;
    }
  }

 private:
  struct Target {
    TableChunk chunk;
    template <typename T>
    T* at(size_t column) {
      return chunk.columns[column].values<T>();
    }
  };

  int64_t time(uint64_t event) const {
    return options_.start_us + static_cast<int64_t>(static_cast<double>(event) * interval_us_);
  }

  Target open(uint32_t table, uint64_t rows_max, Arena& arena) const {
    Target target;
    target.chunk.table = table;
    for (const Column& column : tables_[table].columns) {
      target.chunk.columns.push_back(
          Vector::flat(column.type, static_cast<uint32_t>(rows_max), arena));
    }
    return target;
  }

  void round(uint64_t first, uint64_t events, SourceTxn& txn) {
    const uint64_t blocks = events / kBlockEvents + 2;
    Arena& arena = *txn.arena;
    std::array<Target, 3> targets = {open(0, blocks, arena),
                                     open(1, blocks * kBlockAuctions, arena),
                                     open(2, std::min(events, uint64_t{kBatchRowsMax}), arena)};
    bids(targets[2], first, events);
    for (uint64_t block = first / kBlockEvents; block * kBlockEvents < first + events; block++) {
      for (uint64_t slot = 0; slot <= kBlockAuctions; slot++) {
        const uint64_t event = block * kBlockEvents + slot;
        if (event < first || event >= first + events) continue;
        if (slot == 0) {
          person(targets[0], event, arena);
        } else {
          auction(targets[1], event);
        }
      }
    }
    for (Target& target : targets) {
      if (target.chunk.rows == 0) continue;
      txn.rows += target.chunk.rows;
      txn.chunks.push_back(std::move(target.chunk));
    }
  }

  void bids(Target& to, uint64_t first, uint64_t events) const {
    int64_t* auctions = to.at<int64_t>(0);
    int64_t* bidders = to.at<int64_t>(1);
    int64_t* prices = to.at<int64_t>(2);
    Str* channels = to.at<Str>(3);
    Str* urls = to.at<Str>(4);
    int64_t* times = to.at<int64_t>(5);
    Str* extras = to.at<Str>(6);
    const Texts& all = texts();
    uint32_t row = 0;
    for (uint64_t event = first; event < first + events; event++) {
      if (event % kBlockEvents <= kBlockAuctions) continue;
      QW_ASSERT(row < kBatchRowsMax);
      EventRandom random(options_.seed, event);
      const uint64_t choice = random.next();
      const uint64_t auction = last_auction(event), person = last_person(event);
      if ((choice & 1U) == 0) {
        auctions[row] = static_cast<int64_t>(auction / kHotGroup * kHotGroup) + kFirstId;
      } else {
        const uint64_t oldest = auction > kAuctionsInFlight ? auction - kAuctionsInFlight : 0;
        auctions[row] =
            static_cast<int64_t>(oldest + random.below(auction - oldest + 1)) + kFirstId;
      }
      bidders[row] = (choice & 6U) != 0
                         ? static_cast<int64_t>(person / kHotGroup * kHotGroup + 1) + kFirstId
                         : active_person(random, event);
      prices[row] = price(random);
      if ((choice >> 32) < hot_channel_threshold_) {
        const size_t hot = (choice >> 3) & 3U;
        channels[row] = Str(kHotChannels[hot]);
        urls[row] = Str(all.hot_urls[hot]);
      } else {
        const Texts::Channel& cold = all.cold[random.below(kColdChannels)];
        channels[row] = cold.name;
        urls[row] = cold.url;
      }
      times[row] = time(event);
      extras[row] = padding(random, all, 32, 100);
      row++;
    }
    to.chunk.rows = row;
  }

  void person(Target& to, uint64_t event, Arena& arena) const {
    EventRandom random(options_.seed, event);
    const uint32_t row = to.chunk.rows++;
    const Texts& all = texts();
    const std::string& name = all.names[random.below(all.names.size())];
    std::array<char, 32> scratch{};
    char* end = scratch.data();
    const auto letters = [&](uint64_t size_max) {
      const uint64_t size = string_size(random, size_max);
      end = std::copy_n(all.pool.data() + random.below(kPoolBytes), size, end);
    };
    letters(7);
    *end++ = '@';
    letters(5);
    constexpr std::string_view kDotCom = ".com";
    end = std::copy(kDotCom.begin(), kDotCom.end(), end);
    const Str email = Str::copy({scratch.data(), static_cast<size_t>(end - scratch.data())}, arena);
    end = scratch.data();
    for (int group = 0; group < 4; group++) {
      if (group > 0) *end++ = ' ';
      uint64_t digits = random.below(10'000);
      for (int digit = 3; digit >= 0; digit--) {
        end[digit] = static_cast<char>('0' + digits % 10);
        digits /= 10;
      }
      end += 4;
    }
    const Str card = Str::copy({scratch.data(), static_cast<size_t>(end - scratch.data())}, arena);
    const std::string_view city = kCities[random.below(kCities.size())];
    const std::string_view state = kStates[random.below(kStates.size())];
    to.at<int64_t>(0)[row] = static_cast<int64_t>(last_person(event)) + kFirstId;
    to.at<Str>(1)[row] = Str(name);
    to.at<Str>(2)[row] = email;
    to.at<Str>(3)[row] = card;
    to.at<Str>(4)[row] = Str(city);
    to.at<Str>(5)[row] = Str(state);
    to.at<int64_t>(6)[row] = time(event);
    const uint64_t used = 8 + name.size() + email.size() + card.size() + city.size() + state.size();
    to.at<Str>(7)[row] = padding(random, all, used, 200);
  }

  void auction(Target& to, uint64_t event) const {
    EventRandom random(options_.seed, event);
    const uint32_t row = to.chunk.rows++;
    const uint64_t person = last_person(event);
    const int64_t initial_bid = price(random);
    const Str item = slice(random, texts(), string_size(random, 20));
    const Str description = slice(random, texts(), string_size(random, 100));
    const int64_t now = time(event);
    const bool hot_seller = random.below(4) != 0;
    to.at<int64_t>(0)[row] = static_cast<int64_t>(last_auction(event)) + kFirstId;
    to.at<Str>(1)[row] = item;
    to.at<Str>(2)[row] = description;
    to.at<int64_t>(3)[row] = initial_bid;
    to.at<int64_t>(4)[row] = initial_bid + price(random);
    to.at<int64_t>(5)[row] = now;
    to.at<int64_t>(6)[row] =
        now + 1 + static_cast<int64_t>(random.below(std::max<uint64_t>(2 * horizon_us_, 1)));
    to.at<int64_t>(7)[row] = hot_seller
                                 ? static_cast<int64_t>(person / kHotGroup * kHotGroup) + kFirstId
                                 : active_person(random, event);
    to.at<int64_t>(8)[row] = kFirstCategory + static_cast<int64_t>(random.below(kCategories));
    to.at<Str>(9)[row] = padding(random, texts(), 48 + item.size() + description.size(), 500);
  }

  const GeneratorOptions options_;
  const double interval_us_;
  const uint64_t horizon_us_;
  const uint64_t hot_channel_threshold_;  // of 2^32
  const std::vector<SourceTable> tables_;
};

}  // namespace

std::unique_ptr<Generator> make_nexmark(const GeneratorOptions& options) {
  return std::make_unique<Nexmark>(options);
}

}  // namespace qw::ingest
