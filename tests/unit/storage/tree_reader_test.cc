// find_many answers as find does, for whatever LMDB has made of a tree.
#include <lmdb.h>
#include <sys/mman.h>

#include <map>
#include <set>

#include "src/base/bytes.h"
#include "src/base/random.h"
#include "storage/lmdb/lmdb_kv.h"
#include "storage/lmdb/tree_cursor.h"
#include "storage/lmdb/tree_reader.h"
#include "storage/memory_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

using Model = std::map<std::string, std::string>;

// How keys are spread: guesses must be right for each of them.
enum class Spread { numbers, hashes, texts, prefixes };

std::string random_key(Random& random, Spread spread) {
  switch (spread) {
    case Spread::numbers: {
      std::string key("tabl");
      append_be<uint64_t>(key, random.below(20000));
      return key;
    }
    case Spread::hashes: {
      std::string key("tabl");
      append_be<uint64_t>(key, random.next());
      return key;
    }
    case Spread::texts:
      return std::string(1 + random.below(300), static_cast<char>('a' + random.below(26))) +
             std::to_string(random.below(100));
    case Spread::prefixes:
      // Most keys differ late, a few early.
      return std::string(random.chance(0.1) ? random.below(30) : 20, '\xFF') +
             std::string(1 + random.below(9), static_cast<char>(random.below(4)));
  }
  QW_UNREACHABLE();
}

std::string random_value(Random& random) {
  const size_t size = random.chance(0.03) ? 2000 + random.below(20000) : random.below(120);
  return std::string(size, static_cast<char>(random.below(256)));
}

void put(KvWrite& txn, Table table, std::string_view key, std::string_view value) {
  const KvSlot slot = value_of(txn.put(table, key, value.size(), PutMode::upsert));
  std::copy(value.begin(), value.end(), slot.bytes);
}

// From a few of the keys, in both directions, in pieces of three.
void check_scans(KvRead& read, Table table, const Model& model, const std::set<std::string>& from) {
  const auto cursor = value_of(read.cursor(table));
  std::array<KvEntry, 3> out;
  size_t at = 0;
  for (const std::string& key : from) {
    if (at++ % 2000 != 0) continue;
    for (const Direction direction : {Direction::forward, Direction::backward}) {
      done(cursor->seek(key, direction));
      auto next = model.lower_bound(key);
      for (size_t count = out.size(); count == out.size();) {
        count = value_of(cursor->next(out));
        for (size_t i = 0; i < count; ++i) {
          if (direction == Direction::backward) REQUIRE(next-- != model.begin());
          REQUIRE((out[i].key == next->first && out[i].value == next->second));
          if (direction == Direction::forward) ++next;
        }
      }
      REQUIRE(next == (direction == Direction::forward ? model.end() : model.begin()));
    }
  }
}

// Every key of the model, those beside them, and ends.
void check(KvRead& read, Table table, const Model& model, Random& random) {
  std::set<std::string> asked = {std::string("\0", 1), std::string(400, '\xFF')};
  for (const auto& [key, value] : model) {
    if (random.chance(0.7)) asked.insert(key);
    if (random.chance(0.1)) asked.insert(key + '\0');
    if (random.chance(0.1)) asked.insert(key.substr(0, key.size() - 1) + "!");
    if (key.size() > 1 && random.chance(0.1)) asked.insert(key.substr(0, key.size() - 1));
  }
  const std::vector<std::string_view> keys(asked.begin(), asked.end());
  std::vector<KvEntry> out(keys.size(), KvEntry{"left", "over"});
  const size_t part = 1 + random.below(keys.size());
  for (size_t at = 0; at < keys.size(); at += part) {
    const size_t count = std::min(part, keys.size() - at);
    done(read.ask_for(table, {keys.data() + at, count}));
    read.find_many(table, {keys.data() + at, count}, {out.data() + at, count});
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto stored = model.find(std::string(keys[i]));
    const KvPosition found = value_of(read.find(table, keys[i]));
    REQUIRE(found.exact == (stored != model.end()));
    REQUIRE(out[i].key == (found.exact ? found.at.key : ""));
    REQUIRE(out[i].key.data() == (found.exact ? found.at.key.data() : nullptr));
    if (found.exact) REQUIRE((out[i].value == found.at.value && out[i].value == stored->second));
    REQUIRE(value_of(read.get(table, keys[i])).has_value() == found.exact);
    // The neighbours of a missing key.
    const auto next = model.lower_bound(std::string(keys[i]));
    REQUIRE(found.at.key == (next == model.end() ? "" : next->first));
    if (found.exact) continue;
    REQUIRE(found.before.key == (next == model.begin() ? "" : std::prev(next)->first));
  }
  done(read.verify(table));
  check_scans(read, table, model, asked);
}

TEST_CASE("find_many is find, in trees of all shapes and in old versions") {
  for (const Spread spread : {Spread::numbers, Spread::hashes, Spread::texts, Spread::prefixes}) {
    const TempDir dir;
    const auto kv = value_of(open_lmdb(dir.path() / "kv", Durability::none));
    Random random(static_cast<uint64_t>(spread) + 1);
    const std::array<Table, 2> tables = {Table::rows, Table::image};
    std::array<Model, 2> models;
    check(*value_of(kv->begin_read()), Table::rows, {}, random);
    for (int round = 0; round < 24; ++round) {
      const auto old = value_of(kv->begin_read());
      const std::array<Model, 2> old_models = models;
      // From a table of one page to one of three levels and back to little.
      const int count = round == 0 ? 3 : round < 4 ? 100 : 1500;
      const double erased = round < 16 ? 0.1 : 0.8;
      const auto txn = value_of(kv->begin_write());
      for (int i = 0; i < count; ++i) {
        const size_t t = random.below(2);
        std::string key = random_key(random, spread);
        if (random.chance(erased)) {
          const auto next = models[t].lower_bound(key);
          if (next == models[t].end()) continue;
          REQUIRE(value_of(txn->erase(tables[t], next->first)));
          models[t].erase(next);
          continue;
        }
        const std::string value = random_value(random);
        put(*txn, tables[t], key, value);
        models[t][std::move(key)] = value;
      }
      done(txn->commit());
      const auto now = value_of(kv->begin_read());
      for (size_t t = 0; t < tables.size(); ++t) {
        check(*old, tables[t], old_models[t], random);
        check(*now, tables[t], models[t], random);
      }
    }
  }
}

TEST_CASE("LMDB's own map is found, so that the pages are read") {
  const TempDir dir;
  const auto kv = value_of(open_lmdb(dir.path() / "kv", Durability::none));
  const auto txn = value_of(kv->begin_write());
  put(*txn, Table::rows, "small", "1");
  put(*txn, Table::rows, "large", std::string(50000, 'x'));
  done(txn->commit());
  const auto read = value_of(kv->begin_read());
  const auto small = value_of(read->get(Table::rows, "small"));
  const auto large = value_of(read->get(Table::rows, "large"));
  const auto map = PageMap::around(small->data(), 4096);
  REQUIRE(map);
  CHECK(PageMap::around(large->data(), 4096)->begin == map->begin);
}

TEST_CASE("every key is found in LMDB's own pages, without LMDB") {
  const TempDir dir;
  const std::string file = (dir.path() / "kv").string();
  std::vector<std::string> stored;
  const auto value_size = [](size_t i) { return i % 100 == 0 ? 5000 + i % 7000 : i % 90; };
  for (uint64_t i = 0; i < 20000; ++i) append_be<uint64_t>(stored.emplace_back(), i * i);
  {
    const auto kv = value_of(open_lmdb(file, Durability::none));
    const auto txn = value_of(kv->begin_write());
    for (size_t i = 0; i < stored.size(); ++i) {
      put(*txn, Table::rows, stored[i], std::string(value_size(i), static_cast<char>(i)));
    }
    done(txn->commit());
  }
  MDB_env* env = nullptr;
  REQUIRE(mdb_env_create(&env) == MDB_SUCCESS);
  REQUIRE(mdb_env_open(env, file.c_str(), MDB_NOSUBDIR | MDB_RDONLY, 0600) == MDB_SUCCESS);
  MDB_txn* txn = nullptr;
  REQUIRE(mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn) == MDB_SUCCESS);
  MDB_dbi main = 0;
  REQUIRE(mdb_dbi_open(txn, nullptr, 0, &main) == MDB_SUCCESS);
  MDB_val name{4, const_cast<char*>("rows")}, record{};  // NOLINT: LMDB only reads it
  REQUIRE(mdb_get(txn, main, &name, &record) == MDB_SUCCESS);
  MDB_envinfo info{};
  REQUIRE(mdb_env_info(env, &info) == MDB_SUCCESS);
  const auto map = PageMap::around(record.mv_data, 4096);
  REQUIRE(map);
  const TreeReader reader(*map, info.me_last_pgno + 1,
                          {static_cast<const char*>(record.mv_data), record.mv_size});
  const std::vector<std::string_view> keys(stored.begin(), stored.end());
  std::vector<KvEntry> found(keys.size());
  reader.find(keys, found);
  for (size_t i = 0; i < keys.size(); ++i) {
    REQUIRE(found[i].key == keys[i]);
    REQUIRE(found[i].value == std::string(value_size(i), static_cast<char>(i)));
  }
  mdb_txn_abort(txn);
  mdb_env_close(env);
}

TEST_CASE("find_many in memory leaves out what is missing") {
  MemoryKv kv;
  const auto txn = value_of(kv.begin_write());
  put(*txn, Table::rows, "b", "1");
  done(txn->commit());
  const std::array<std::string_view, 3> keys = {"a", "b", "c"};
  std::array<KvEntry, 3> out;
  value_of(kv.begin_read())->find_many(Table::rows, keys, out);
  CHECK((out[0].key.empty() && out[1].value == "1" && out[2].key.empty()));
}

// A file in memory of our own: pages that a disk has damaged.
class Pages {
 public:
  static constexpr size_t kPageBytes = 512;
  static constexpr uint64_t kRoot = 2, kLeaf = 3, kRightLeaf = 4, kLarge = 5, kCount = 7;

  Pages() {
    page(0, 8, 0, 0);
    qw::store<uint32_t>(at(0) + 16, 0xBEEFC0DE);
    qw::store<uint32_t>(at(0) + 20, 1);
    qw::store<uint32_t>(at(0) + 40, kPageBytes);
    page(kRoot, 1, 2, 494);
    entry(kRoot, 0, 504, "", kLeaf);
    entry(kRoot, 1, 494, "m", kRightLeaf);
    page(kLeaf, 2, 2, 488);
    entry(kLeaf, 0, 500, "a", 3, "one");
    entry(kLeaf, 1, 488, "b", 3, "two");
    page(kRightLeaf, 2, 2, 482);
    entry(kRightLeaf, 0, 500, "m", 3, "six");
    entry(kRightLeaf, 1, 482, "n", 600, "");
    qw::store<uint16_t>(at(kRightLeaf) + 486, 1);
    qw::store<uint64_t>(at(kRightLeaf) + 491, kLarge);
    page(kLarge, 4, 0, 0);
    qw::store<uint32_t>(at(kLarge) + 12, 2);
    qw::store<uint16_t>(table_.data() + 6, 2);
    qw::store<uint64_t>(table_.data() + 40, kRoot);
  }

  char* at(uint64_t number) { return bytes_.data() + number * kPageBytes; }
  std::string& table() { return table_; }
  // Whether a, b, m and n are found, one digit for each.
  std::string found(uint64_t page_count = kCount) {
    const PageMap map{bytes_.data(), kPageBytes};
    const std::array<std::string_view, 4> keys = {"a", "b", "m", "n"};
    std::array<KvEntry, 4> out;
    const TreeReader reader(map, page_count, table_);
    reader.ask_for_leaves(keys);
    reader.find(keys, out);
    std::string digits;
    for (size_t i = 0; i < out.size(); ++i) {
      CHECK((out[i].key.empty() || out[i].key == keys[i]));
      digits += out[i].key.empty() ? '0' : '1';
    }
    return digits;
  }

 private:
  void page(uint64_t number, uint16_t flags, size_t entries, uint16_t upper) {
    qw::store<uint64_t>(at(number), number);
    qw::store<uint16_t>(at(number) + 10, flags);
    qw::store<uint16_t>(at(number) + 12, static_cast<uint16_t>(16 + 2 * entries));
    qw::store<uint16_t>(at(number) + 14, upper);
  }
  void entry(uint64_t number, size_t index, uint16_t offset, std::string_view key, uint64_t first,
             std::string_view value = "") {
    qw::store<uint16_t>(at(number) + 16 + 2 * index, offset);
    char* to = at(number) + offset;
    qw::store<uint32_t>(to, static_cast<uint32_t>(first));
    qw::store<uint16_t>(to + 6, static_cast<uint16_t>(key.size()));
    std::copy(key.begin(), key.end(), to + 8);
    std::copy(value.begin(), value.end(), to + 8 + key.size());
  }

  std::string table_ = std::string(48, '\0');
  alignas(kPageBytes) std::array<char, kCount * kPageBytes> bytes_{};
};

TEST_CASE("what is wrong with a page keeps only its own entries from being found") {
  CHECK(Pages().found() == "1111");
  const auto damaged = [](uint64_t page, size_t offset, auto value) {
    Pages pages;
    qw::store(pages.at(page) + offset, value);
    return pages.found();
  };
  CHECK(damaged(Pages::kLeaf, 0, uint64_t{9}) == "0011");           // number
  CHECK(damaged(Pages::kLeaf, 10, uint16_t{1}) == "0011");          // flags
  CHECK(damaged(Pages::kLeaf, 12, uint16_t{15}) == "0011");         // lower
  CHECK(damaged(Pages::kLeaf, 12, uint16_t{490}) == "0011");        // beyond upper
  CHECK(damaged(Pages::kLeaf, 14, uint16_t{513}) == "0011");        // upper
  CHECK(damaged(Pages::kLeaf, 12, uint16_t{16}) == "0011");         // no entries
  CHECK(damaged(Pages::kRightLeaf, 18, uint16_t{510}) == "1100");   // the probe's offset
  CHECK(damaged(Pages::kRightLeaf, 488, uint16_t{200}) == "1100");  // key size
  CHECK(damaged(Pages::kLeaf, 500, uint32_t{24}) == "0111");        // value size
  CHECK(damaged(Pages::kLeaf, 504, uint16_t{2}) == "0111");         // entry flags
  CHECK(damaged(Pages::kRightLeaf, 491, uint64_t{7}) == "1110");    // page of the large value
  CHECK(damaged(Pages::kRightLeaf, 491, uint64_t{3}) == "1110");
  CHECK(damaged(Pages::kLarge, 0, uint64_t{4}) == "1110");
  CHECK(damaged(Pages::kLarge, 12, uint32_t{1}) == "1110");
  CHECK(damaged(Pages::kLarge, 12, uint32_t{3}) == "1110");
  CHECK(damaged(Pages::kRoot, 494, uint32_t{7}) == "1100");  // child
  CHECK(damaged(Pages::kRoot, 498, uint16_t{1}) == "1100");
  CHECK(damaged(Pages::kRoot, 494, uint32_t{2}) == "1100");  // itself
  CHECK(damaged(Pages::kRoot, 12, uint16_t{18}) == "0000");  // one entry
  CHECK(damaged(Pages::kRoot, 10, uint16_t{2}) == "0000");
  CHECK(Pages().found(4) == "1100");
  Pages pages;
  for (const int depth : {0, 1, 3, 33}) {
    qw::store<uint16_t>(pages.table().data() + 6, static_cast<uint16_t>(depth));
    CHECK(pages.found() == "0000");
  }
  pages.table().resize(47);
  CHECK(pages.found() == "0000");
}

TEST_CASE("a cursor over pages with any one bit wrong ends, and goes up") {
  size_t damaged_walks = 0, found_by_check = 0;
  for (size_t bit = 2 * Pages::kPageBytes * 8; bit < Pages::kCount * Pages::kPageBytes * 8; ++bit) {
    Pages pages;
    pages.at(0)[bit / 8] = static_cast<char>(pages.at(0)[bit / 8] ^ (1 << bit % 8));
    const TreeReader reader({pages.at(0), Pages::kPageBytes}, Pages::kCount, pages.table());
    const bool sound = !reader.damaged_page();
    TreeCursor cursor(reader);
    std::string last;
    bool walked = cursor.seek("");
    for (size_t steps = 0; walked && !cursor.at_end(); ++steps) {
      REQUIRE(steps < 4);
      REQUIRE((!sound || cursor.entry().key > last));
      last = cursor.entry().key;
      walked = cursor.next();
    }
    damaged_walks += walked ? 0 : 1;
    found_by_check += sound ? 0 : 1;
    if (!walked) REQUIRE(!sound);
    for (const std::string_view key : {"a", "b", "m", "n", "z"}) {
      if (cursor.seek(key) && !cursor.at_end() && cursor.entry().key != key && sound) {
        CHECK(cursor.entry().key > key);
      }
    }
  }
  CHECK(damaged_walks > 500);
  CHECK(found_by_check > damaged_walks);
}

// A separator that has changed: keys at the end of a leaf would be looked for in its neighbour.
TEST_CASE("where a branch lies about its leaves nothing may be written") {
  const auto may_write = [](Pages& pages, std::string_view key) {
    const TreeReader reader({pages.at(0), Pages::kPageBytes}, Pages::kCount, pages.table());
    return reader.ask_for_leaves({&key, 1});
  };
  Pages pages;
  for (const std::string_view key : {"a", "b", "c", "m", "mm", "n", "z"}) {
    CHECK(may_write(pages, key));
  }
  pages.at(Pages::kRoot)[502] = 'b';  // the right leaf would begin at b
  CHECK_FALSE(may_write(pages, "b"));
  CHECK_FALSE(may_write(pages, "c"));
  CHECK(may_write(pages, "n"));
  pages.at(Pages::kRoot)[502] = 'n';  // or behind m
  CHECK_FALSE(may_write(pages, "m"));
  CHECK_FALSE(may_write(pages, "c"));
}

TEST_CASE("where a leaf lies about its room nothing may be written") {
  for (const uint16_t upper : std::initializer_list<uint16_t>{400, 486, 490}) {
    Pages pages;
    qw::store<uint16_t>(pages.at(Pages::kLeaf) + 14, upper);
    const TreeReader reader({pages.at(0), Pages::kPageBytes}, Pages::kCount, pages.table());
    const std::array<std::string_view, 2> keys = {"b", "n"};
    CHECK_FALSE(reader.ask_for_leaves({keys.data(), 1}));
    CHECK(reader.ask_for_leaves({keys.data() + 1, 1}));
  }
  Pages pages;
  pages.at(Pages::kLeaf)[508] = 'c';  // a, which is the first, before b
  const TreeReader reader({pages.at(0), Pages::kPageBytes}, Pages::kCount, pages.table());
  const std::string_view key = "b";
  CHECK_FALSE(reader.ask_for_leaves({&key, 1}));
}

TEST_CASE("where a branch lies about its room nothing may be written") {
  Pages pages;
  qw::store<uint16_t>(pages.at(Pages::kRoot) + 18, 498);  // the second entry's place
  const TreeReader reader({pages.at(0), Pages::kPageBytes}, Pages::kCount, pages.table());
  for (const std::string_view key : {"a", "n"}) CHECK_FALSE(reader.ask_for_leaves({&key, 1}));
}

TEST_CASE("the map is found around a value, or not at all") {
  const auto pages = std::make_unique<Pages>();
  const auto around = [&](size_t page_bytes) {
    return PageMap::around(pages->at(Pages::kLeaf) + 489, page_bytes);
  };
  REQUIRE(around(Pages::kPageBytes));
  CHECK(around(Pages::kPageBytes)->begin == pages->at(0));
  CHECK_FALSE(around(0));
  CHECK_FALSE(around(Pages::kPageBytes + 1));
  for (const auto& [page, offset] :
       {std::pair<uint64_t, size_t>{Pages::kLeaf, 0}, {0, 0}, {0, 10}, {0, 16}, {0, 20}, {0, 40}}) {
    char& byte = pages->at(page)[offset];
    const char right = byte;
    byte = static_cast<char>(byte ^ 1);
    CHECK_FALSE(around(Pages::kPageBytes));
    byte = right;
  }
  qw::store<uint64_t>(pages->at(Pages::kLeaf), uint64_t{1} << 50);
  CHECK_FALSE(around(Pages::kPageBytes));
  // Where nothing is mapped.
  qw::store<uint64_t>(
      pages->at(Pages::kLeaf),
      (reinterpret_cast<uintptr_t>(pages->at(Pages::kLeaf)) - 4096) / Pages::kPageBytes);
  CHECK_FALSE(around(Pages::kPageBytes));
  // Where memory is mapped that nobody may read: page 1 says that page 0 is before it.
  constexpr size_t kPageBytes = 4096;
  void* mapped =
      mmap(nullptr, 2 * kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  REQUIRE(mapped != MAP_FAILED);
  auto* second = static_cast<char*>(mapped) + kPageBytes;
  qw::store<uint64_t>(second, uint64_t{1});
  REQUIRE(mprotect(mapped, kPageBytes, PROT_NONE) == 0);
  CHECK_FALSE(PageMap::around(second + 100, kPageBytes));
  munmap(mapped, 2 * kPageBytes);
}

TEST_CASE("random bytes anywhere in the pages: no entry under another key") {
  Random random(3);
  for (int round = 0; round < 20000; ++round) {
    Pages pages;
    for (uint64_t change = 1 + random.below(3); change > 0; --change) {
      const uint64_t page = 2 + random.below(Pages::kCount - 2);
      const size_t offset = random.chance(0.5) ? random.below(24) : random.below(512);
      pages.at(page)[offset] = static_cast<char>(random.below(256));
    }
    pages.found();
  }
}

}  // namespace
}  // namespace qw::storage::test
