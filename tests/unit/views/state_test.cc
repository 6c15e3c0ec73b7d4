// Keyed tables and heaps against plain maps.
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "views/state/keyed_table.h"
#include "views/state/varint.h"

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

TEST_CASE("a keyed table counts the memory that it has touched") {
  // Each partition has just begun a chunk that doubles it.
  constexpr uint32_t kPerPartition = (16 << 9) - 16 + 1;
  KeyedTable table(false, 32);
  for (uint64_t p = 0; p < kPartitionCount; ++p) {
    for (uint64_t i = 0; i < kPerPartition; ++i) {
      table.find_or_add({p, i}, p << 58 | hash_u64(i) >> 6);
    }
  }
  REQUIRE(table.size() == uint64_t{kPartitionCount} * kPerPartition);
  CHECK(table.bytes() < table.size() * (sizeof(Entry) + 32 + 16));
  for (uint32_t p = 0; p < kPartitionCount; ++p) table.drop(p);
  CHECK(table.bytes() == 0);
}

TEST_CASE("numbers that mostly fit 64 bits come back from records") {
  constexpr auto kOne = static_cast<__int128>(1);
  std::vector<__int128> numbers{0, 1, -1, INT64_MAX, INT64_MIN};
  for (uint32_t bit = 0; bit < 127; ++bit) {
    for (const __int128 near : {-1, 0, 1}) {
      numbers.push_back((kOne << bit) + near);
      numbers.push_back(-(kOne << bit) + near);
    }
  }
  for (const __int128 number : numbers) {
    std::string record;
    append_wide_varint(record, number);
    std::string_view rest = record;
    const auto read = read_wide_varint(rest);
    REQUIRE(read.has_value());
    CHECK((*read == number));
    CHECK(rest.empty());
    rest = std::string_view(record).substr(0, record.size() - 1);
    CHECK_FALSE(read_wide_varint(rest).has_value());
  }
}

namespace {

// Column `c` of `rows` rows that have every combination of `values` and NULL (the last one).
Vector combined(TypeId type, std::span<const int64_t> values, uint32_t c, uint32_t rows,
                Arena& arena) {
  const auto choices = static_cast<uint32_t>(values.size() + 1);
  Vector vector = Vector::flat(type, rows, arena);
  for (uint32_t i = 0; i < rows; ++i) {
    uint32_t at = i;
    for (uint32_t skipped = 0; skipped < c; ++skipped) at /= choices;
    at %= choices;
    const int64_t value = at < values.size() ? values[at] : 0;
    if (vector.type.bytes() == 8) vector.values<int64_t>()[i] = value;
    if (vector.type.bytes() == 4) vector.values<int32_t>()[i] = static_cast<int32_t>(value);
    if (vector.type.bytes() == 2) vector.values<int16_t>()[i] = static_cast<int16_t>(value);
    if (at == values.size()) vector.set_null(i, rows, arena);
  }
  return vector;
}

}  // namespace

TEST_CASE("keys with and without NULLs are told apart, recorded and taken apart again") {
  const int64_t values[] = {0, 1, -1, 256};
  const std::vector<std::vector<TypeId>> cases = {
      {TypeId::int8, TypeId::int8},
      {TypeId::int8, TypeId::timestamp},
      {TypeId::int4, TypeId::int8, TypeId::int4},
      {TypeId::int4, TypeId::int4, TypeId::int4, TypeId::int4},
      {TypeId::int8, TypeId::int4},
      {TypeId::int8, TypeId::int8, TypeId::int2},
  };
  for (const std::vector<TypeId>& ids : cases) {
    Arena arena;
    uint32_t rows = 1;
    for (size_t c = 0; c < ids.size(); ++c) rows *= 5;
    Batch batch;
    batch.rows = rows;
    std::vector<Type> types;
    std::vector<uint32_t> columns;
    for (uint32_t c = 0; c < ids.size(); ++c) {
      types.emplace_back(ids[c]);
      columns.push_back(c);
      batch.columns.push_back(combined(ids[c], values, c, rows, arena));
    }
    const KeyEncoder encoder(types);
    CHECK(encoder.packed() == (ids.back() == TypeId::int2));
    KeyBatch keys;
    encoder.encode(batch, columns, arena, keys);
    KeyGroups groups;
    group_keys(keys, encoder.packed(), arena, groups);
    CHECK(groups.keys.count == rows);
    KeyedTable table(encoder.packed(), 8);
    std::vector<Entry*> entries(rows), found(rows);
    table.find_or_add(keys, entries.data());
    CHECK(table.size() == rows);
    // As records, and back.
    std::string records;
    for (const Entry* entry : entries) encoder.append(records, entry->key, entry->hash);
    std::string_view rest = records;
    for (uint32_t i = 0; i < rows; ++i) {
      auto key = encoder.take(rest);
      REQUIRE(key);
      table.find({1, &key->words, &key->hash}, &found[i]);
      REQUIRE(found[i] == entries[i]);
    }
    CHECK(rest.empty());
    std::string_view damaged = std::string_view(records).substr(0, 1);
    CHECK(!encoder.take(damaged));
    std::vector<Vector> back;
    encoder.decode({keys.words, rows}, keys.hashes, arena, back);
    for (uint32_t c = 0; c < ids.size(); ++c) {
      for (uint32_t i = 0; i < rows; ++i) {
        REQUIRE(back[c].is_null(i) == batch.columns[c].is_null(i));
        if (back[c].is_null(i)) continue;
        const uint32_t bytes = back[c].type.bytes();
        const auto at = [&](const Vector& vector) {
          return static_cast<const char*>(vector.data) + size_t{bytes} * i;
        };
        REQUIRE(std::memcmp(at(back[c]), at(batch.columns[c]), bytes) == 0);
      }
    }
  }
}

}  // namespace qw::views
