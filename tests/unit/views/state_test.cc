// Keyed tables and heaps against plain maps.
#include <doctest/doctest.h>

#include <map>
#include <string>
#include <vector>

#include "views/state/keyed_table.h"

namespace qw::views {

TEST_CASE("a keyed table agrees with a map under random adds and erases") {
  for (const bool packed : {false, true}) {
    KeyedTable table(packed, 8);
    std::map<uint64_t, int64_t> model;
    uint64_t dice = 42;
    const auto next = [&dice] {
      dice ^= dice << 13;
      dice ^= dice >> 7;
      dice ^= dice << 17;
      return dice;
    };
    std::vector<std::string> bytes(20000);
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = "key " + std::to_string(i * i);
    const auto words = [&](uint64_t key) {
      return packed ? KeyWords::of(bytes[key]) : KeyWords{key, key << 8};
    };
    for (int round = 0; round < 200; ++round) {
      std::vector<KeyWords> keys;
      std::vector<uint64_t> hashes, numbers;
      for (int i = 0; i < 500; ++i) {
        const uint64_t key = next() % bytes.size();
        numbers.push_back(key);
        keys.push_back(words(key));
        // Few distinct hashes now and then: collisions must not matter.
        hashes.push_back(key % 7 == 0 ? 12345 : hash_u64(key));
      }
      const KeyBatch batch{500, keys.data(), hashes.data()};
      std::vector<Entry*> entries(500);
      if (round % 3 != 2) {
        table.find_or_add(batch, entries.data());
        for (size_t i = 0; i < 500; ++i) {
          const int64_t value = ++entries[i]->as<int64_t>();
          REQUIRE(value == ++model[numbers[i]]);
        }
        continue;
      }
      for (size_t i = 0; i < 500; ++i) {
        Entry* entry = nullptr;
        table.find({1, &keys[i], &hashes[i]}, &entry);
        REQUIRE((entry != nullptr) == (model.count(numbers[i]) != 0));
        if (entry == nullptr) continue;
        REQUIRE(entry->as<int64_t>() == model[numbers[i]]);
        table.erase(entry);
        model.erase(numbers[i]);
      }
    }
    CHECK(table.size() == model.size());
    uint64_t seen = 0;
    for (uint32_t p = 0; p < kPartitionCount; ++p) table.each(p, [&](Entry*) { ++seen; });
    CHECK(seen == model.size());
  }
}

}  // namespace qw::views
