// Runs: encoding, searching, merging and walking several as one.
#include "storage/rows/run.h"

#include <map>

#include "src/base/random.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

RunPtr make_run(uint64_t epoch, const Changes& changes) {
  std::vector<RowChange> list;
  for (const auto& [key, row] : changes) {
    list.push_back(row ? RowChange::put(key, *row) : RowChange::erase(key));
  }
  return Run::encode(Epoch{epoch}, list);
}

RunPtr copy_of(const Run& run) {
  const std::shared_ptr<char[]> bytes = Run::allocate(run.record_bytes());
  std::copy(run.records().begin(), run.records().end(), bytes.get());
  return value_of(Run::decode(ObjectId{1}, run.newest(), bytes, {bytes.get(), run.record_bytes()}));
}

// The same runs, read from one memory as recovery does.
std::vector<RunPtr> in_one_memory(const std::vector<RunPtr>& runs) {
  size_t size = 0;
  for (const RunPtr& run : runs) size += run->record_bytes();
  const std::shared_ptr<char[]> memory = Run::allocate(size);
  std::vector<RunPtr> out;
  char* to = memory.get();
  for (const RunPtr& run : runs) {
    const std::string_view records(to, run->record_bytes());
    to = std::copy(run->records().begin(), run->records().end(), to);
    out.push_back(value_of(Run::decode(ObjectId{1}, run->newest(), memory, records)));
  }
  return out;
}

Changes contents(const Run& run) {
  Changes out;
  for (const Run::Entry& entry : run.entries()) {
    out[std::string(entry.key())] =
        entry.erased() ? std::nullopt : std::optional(std::string(entry.row()));
  }
  return out;
}

TEST_CASE("records survive a round trip, sizes at the edges of a varint included") {
  Changes changes;
  for (const size_t size : {0U, 1U, 126U, 127U, 128U, 129U, 16382U, 16383U, 16384U, 70000U}) {
    changes[std::string(size, 'k')] = std::string(size, 'r');
    changes[std::string(size, 'z') + "z"] = std::nullopt;
  }
  const RunPtr run = make_run(1, changes);
  CHECK(contents(*run) == changes);
  CHECK(contents(*copy_of(*run)) == changes);
  for (const auto& [key, row] : changes) {
    const Run::Entry* entry = run->find(key);
    REQUIRE(entry != nullptr);
    CHECK(entry->erased() == !row.has_value());
  }
  CHECK(run->find("nothing") == nullptr);
}

TEST_CASE("a large run may lie in a file, and outlives the name of its folder") {
  std::vector<std::string> keys;
  for (int i = 0; i < 2000; ++i) keys.push_back(fmt::format("{:06}", i));
  const std::string row(1000, 'r');
  std::vector<RowChange> changes;
  for (const std::string& key : keys) changes.push_back(RowChange::put(key, row));
  for (const std::filesystem::path dir : {"/var/tmp", "/nowhere/at/all"}) {
    const RunPtr run = Run::encode(Epoch{1}, changes, dir);
    CHECK(run->records() == Run::encode(Epoch{1}, changes)->records());
    REQUIRE(run->find("001234") != nullptr);
    CHECK(run->find("001234")->row() == row);
  }
}

TEST_CASE("cut or unsorted records are damage, not a crash") {
  const RunPtr run = make_run(1, {{"a", "1"}, {"b", std::string(300, 'x')}, {"c", std::nullopt}});
  for (size_t size = 1; size < run->records().size(); ++size) {
    const std::shared_ptr<char[]> bytes = Run::allocate(size);
    std::copy_n(run->records().begin(), size, bytes.get());
    const auto decoded = Run::decode(ObjectId{9}, Epoch{1}, bytes, {bytes.get(), size});
    if (!decoded) CHECK(decoded.error().code() == SqlState("XX001"));
    if (decoded) CHECK((*decoded)->count() < 3);
  }
}

TEST_CASE("many keys are found as each of them is") {
  Random random(4);
  for (const uint64_t rows : {3U, 23U, 24U, 500U, 5'000U}) {
    Changes changes;
    for (uint64_t i = 0; i < rows; ++i) {
      changes[fmt::format("{:06}", random.below(2 * rows))] =
          random.chance(0.3) ? std::nullopt : std::optional(fmt::format("{}", i));
    }
    const RunPtr run = make_run(1, changes);
    std::vector<std::string> texts;
    for (uint64_t i = 0; i < 1'000; ++i)
      texts.push_back(fmt::format("{:06}", random.below(2 * rows)));
    const std::vector<std::string_view> keys(texts.begin(), texts.end());
    std::vector<uint64_t> hashes;
    for (const std::string_view key : keys) hashes.push_back(Run::key_hash(key));
    std::vector<uint32_t> wanted;  // some have been found elsewhere
    for (uint32_t i = 0; i < keys.size(); ++i) {
      if (i % 7 != 0) wanted.push_back(i);
    }
    std::vector<const Run::Entry*> out(keys.size(), nullptr);
    run->find_many(keys, hashes, wanted, out);
    std::vector<uint32_t> missing;
    for (uint32_t i = 0; i < keys.size(); ++i) {
      CHECK(out[i] == (i % 7 == 0 ? nullptr : run->find(keys[i])));
      if (i % 7 != 0 && run->find(keys[i]) == nullptr) missing.push_back(i);
    }
    CHECK(wanted == missing);
  }
}

TEST_CASE("a merge says what its runs say, newest first") {
  Random random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<RunPtr> runs;
    Changes expected;
    const uint64_t count = 1 + random.below(round % 5 == 0 ? 100 : 6);
    for (uint64_t epoch = 1; epoch <= count; ++epoch) {
      Changes changes;
      for (uint64_t i = random.below(60); i > 0; --i) {
        changes[fmt::format("{:02}", random.below(100))] =
            random.chance(0.3) ? std::nullopt : std::optional(fmt::format("{}", epoch));
      }
      for (const auto& [key, row] : changes) expected[key] = row;
      runs.insert(runs.begin(), make_run(epoch, changes));
    }
    const RunPtr merged = Run::merge(runs);
    CHECK(contents(*merged) == expected);
    CHECK(merged->newest() == Epoch{runs.size()});
    CHECK(merged->oldest() == Epoch{1});
    const RunPtr gathered = Run::gather(in_one_memory(runs));
    CHECK(contents(*gathered) == expected);
    CHECK(gathered->newest() == merged->newest());
    CHECK(gathered->oldest() == merged->oldest());
    CHECK(gathered->record_bytes() == merged->record_bytes());
    for (int key = 0; key < 100; ++key) {
      const auto it = expected.find(fmt::format("{:02}", key));
      CHECK((merged->find(fmt::format("{:02}", key)) != nullptr) == (it != expected.end()));
    }
    const KeyRange range{"20", "70"};
    std::vector<std::string> forward, backward;
    for (RunCursor cursor(runs, range, Direction::forward); cursor.head() != nullptr;
         cursor.advance()) {
      forward.emplace_back(cursor.head()->key());
    }
    for (RunCursor cursor(runs, range, Direction::backward); cursor.head() != nullptr;
         cursor.advance()) {
      backward.emplace(backward.begin(), cursor.head()->key());
    }
    CHECK(forward == backward);
    CHECK(forward.size() == static_cast<size_t>(std::distance(expected.lower_bound("20"),
                                                              expected.lower_bound("70"))));
  }
}

}  // namespace
}  // namespace qw::storage::test
