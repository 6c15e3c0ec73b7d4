// The store against std::map: random epochs under every fold policy, snapshots held across commits,
// staged epochs, states with images, drops, a reopen (same bytes, empty memory) at any point, and
// commits that find no room and are tried again.
#include <algorithm>
#include <deque>

#include "src/base/bytes.h"
#include "src/base/random.h"
#include "storage/memory_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

constexpr uint32_t kRelations = 4;
constexpr uint32_t kStates = 3;
constexpr uint32_t kPartitions = 4;

using StateModel = std::map<uint32_t, uint64_t>;  // slot -> value; partition = slot % kPartitions

struct Held {
  Snapshot snapshot;
  std::map<ObjectId, Rows> expected;
};

class Model {
 public:
  // `fills`: its disk has no room now and then, and the journal's neither.
  Model(uint64_t seed, const StoreOptions& given, std::shared_ptr<MemoryKv> fills = nullptr,
        std::shared_ptr<MemoryJournal> journal = nullptr)
      : random_(seed), options_(given), fills_(std::move(fills)), journal_(std::move(journal)) {
    reopen();
  }

  void run(int epochs) {
    for (int i = 0; i < epochs; ++i) {
      one_epoch();
      if (random_.chance(0.3)) maintain();
      if (random_.chance(0.15)) hold();
      if (random_.chance(0.1)) verify_held();
      if (random_.chance(0.2)) verify(value_of(store_->snapshot()), relations_);
      if (random_.chance(0.08)) {
        commit_staged();
        verify_held();
        held_.clear();
        reopen();
        verify(value_of(store_->snapshot()), relations_);
        verify_states();
      }
    }
    commit_staged();
    verify_held();
    held_.clear();
    CHECK(value_of(store_->check()) == std::vector<std::string>{});
    verify_states();
    while (value_of(store_->maintain(/*idle=*/true))) {
    }
    verify(value_of(store_->snapshot()), relations_);
    CHECK(value_of(store_->check()) == std::vector<std::string>{});
  }

 private:
  void reopen() {
    staged_.clear();
    store_.reset();
    store_ = value_of(Store::open(options_));
    CHECK(store_->epoch() == epoch_);
  }

  std::string random_key() {
    const uint64_t shape = random_.below(20);
    std::string key = fmt::format("{:04}", random_.below(300));
    // Long keys that differ before, at and after the stored prefix, and around the length limits.
    if (shape == 0) key += std::string(480 + random_.below(40), 'x') + key;
    if (shape == 1) key = std::string(486 + random_.below(8), 'p') + key;
    if (shape == 2) key = std::string(495, 'p') + std::string(random_.below(20), 'q');
    if (shape == 3) key = std::string(2000, 'L') + key;
    if (shape == 4) key = std::string(random_.below(3), '\xFF') + key;
    if (shape == 5) key = std::string(1, '\0') + key;
    return key;
  }

  std::string random_row() {
    const uint64_t shape = random_.below(40);
    if (shape == 0) return std::string(3000 + random_.below(9000), 'r');
    if (shape == 1) return "";
    std::string row = fmt::format("row {} ", random_.next());
    row.resize(row.size() + random_.below(60), 'z');
    return row;
  }

  Changes random_changes(const Rows& rows) {
    Changes changes;
    const uint64_t count = random_.chance(0.1) ? random_.below(400) : random_.below(12);
    for (uint64_t i = 0; i < count; ++i) {
      const auto near = rows.lower_bound(random_key());
      const std::string key =
          near != rows.end() && random_.chance(0.5) ? near->first : random_key();
      changes[key] = random_.chance(0.35) ? std::nullopt : std::optional(random_row());
    }
    return changes;
  }

  void one_epoch() {
    epoch_ = Epoch{epoch_.value + 1};
    EpochBuilder builder(epoch_);
    for (uint32_t i = 0; i < kRelations; ++i) {
      if (!random_.chance(0.6)) continue;
      const ObjectId relation{first_relation_ + i};
      builder.change(relation, random_changes(relations_[relation]), relations_[relation]);
    }
    for (uint32_t i = 0; i < kStates; ++i) change_state(builder, StateId{first_state_ + i});
    if (random_.chance(0.02)) {
      for (uint32_t i = 0; i < kRelations; ++i) {
        builder.write.dropped_relations.push_back(ObjectId{first_relation_ + i});
      }
      for (uint32_t i = 0; i < kStates; ++i) {
        builder.write.dropped_states.push_back(StateId{first_state_ + i});
      }
      first_relation_ += kRelations;
      first_state_ += kStates;
      relations_.clear();
      states_.clear();
    }
    builder.write.meta.push_back({"position", fmt::format("{}", epoch_)});
    builder.write.meta.push_back({fmt::format("key {}", random_.below(5)),
                                  random_.chance(0.5) ? "" : fmt::format("{}", epoch_)});
    const bool dropped = !builder.write.dropped_relations.empty();
    staged_.push_back(store_->stage(std::move(builder.write)));
    if (!dropped) verify(value_of(store_->latest()), relations_);
    if (!dropped && staged_.size() < 3 && random_.chance(0.3)) return;
    commit_staged();
  }

  void commit_staged() {
    for (; !staged_.empty(); staged_.pop_front()) {
      const StagedEpoch& staged = staged_.front();
      without_room([&] { return store_->commit(staged); });
      done(store_->commit(staged));
    }
    CHECK(store_->epoch() == epoch_);
    CHECK(value_of(store_->meta("position")) == fmt::format("{}", epoch_));
  }

  void maintain() {
    const bool idle = random_.chance(0.2);
    without_room([&] { return store_->maintain(idle); });
    (void)value_of(store_->maintain(idle));
  }

  // Tries `work` as often as chance wants while there is no room: nothing changes, and readers that
  // come meanwhile see the last commit.
  template <typename Work>
  void without_room(const Work& work) {
    if (!fills_) return;
    const Epoch before = store_->epoch();
    while (random_.chance(0.3)) {
      fills_->set_fault([](uint64_t) { return CommitFault::full; });
      if (journal_) journal_->set_fault([] { return CommitFault::full; });
      const auto failed = work();
      fills_->set_fault({});
      if (journal_) journal_->set_fault({});
      if (failed) continue;  // there was nothing to commit
      CHECK(failed.error().code() == kNoRoom);
      CHECK(store_->epoch() == before);
      CHECK(value_of(store_->snapshot()).epoch() == before);
      CHECK(!store_->stats().read_only);
      if (random_.chance(0.2)) CHECK(value_of(store_->check()) == std::vector<std::string>{});
    }
  }

  void change_state(EpochBuilder& builder, StateId state) {
    StateModel& model = states_[state];
    StateLog log{state, {}};
    for (uint64_t pieces = random_.below(3); pieces > 0; --pieces) {
      std::string piece;
      for (uint64_t i = random_.below(30); i > 0; --i) {
        const auto slot = static_cast<uint32_t>(random_.below(200));
        model[slot] = random_.next();
        append<uint32_t>(piece, slot);
        append<uint64_t>(piece, model[slot]);
      }
      log.pieces.push_back(std::move(piece));
    }
    if (!log.pieces.empty()) builder.write.state_logs.push_back(std::move(log));
    for (uint32_t partition = 0; partition < kPartitions; ++partition) {
      if (!random_.chance(0.05)) continue;
      std::string image;
      for (const auto& [slot, value] : model) {
        if (slot % kPartitions != partition) continue;
        append<uint32_t>(image, slot);
        append<uint64_t>(image, value);
      }
      builder.write.images.push_back({state, partition, kPartitions, {std::move(image)}});
    }
  }

  void verify_states() {
    commit_staged();
    for (const auto& [state, model] : states_) {
      StateModel rebuilt;
      std::map<uint32_t, Epoch> image_epochs;
      Epoch last;
      done(store_->recover_state(
          state,
          [&](uint32_t partition, Epoch epoch, std::string_view bytes) -> Result<void> {
            image_epochs[partition] = epoch;
            for (; !bytes.empty(); bytes.remove_prefix(12)) {
              CHECK(load<uint32_t>(bytes.data()) % kPartitions == partition);
              rebuilt[load<uint32_t>(bytes.data())] = load<uint64_t>(bytes.data() + 4);
            }
            return {};
          },
          [&](Epoch epoch, std::string_view bytes) -> Result<void> {
            CHECK(last <= epoch);
            last = epoch;
            for (; !bytes.empty(); bytes.remove_prefix(12)) {
              const auto slot = load<uint32_t>(bytes.data());
              if (epoch <= image_epochs[slot % kPartitions]) continue;
              rebuilt[slot] = load<uint64_t>(bytes.data() + 4);
            }
            return {};
          }));
      CHECK(rebuilt == model);
    }
  }

  void hold() {
    commit_staged();
    if (held_.size() > 4) held_.pop_front();
    held_.push_back({value_of(store_->snapshot()), relations_});
  }
  void verify_held() {
    for (const Held& held : held_) verify(held.snapshot, held.expected);
  }

  void verify(const Snapshot& snapshot, const std::map<ObjectId, Rows>& expected) {
    if (&expected == &relations_ && snapshot.epoch() != epoch_) return;  // some are only staged
    for (const auto& [relation, rows] : expected) {
      CHECK(snapshot.row_count(relation) == static_cast<int64_t>(rows.size()));
      const std::vector<std::pair<std::string, std::string>> all(rows.begin(), rows.end());
      REQUIRE(read_all(snapshot, relation) == all);
      verify_range(snapshot, relation, rows);
      std::vector<std::string> keys;
      for (int i = 0; i < 10; ++i) {
        keys.push_back(random_key());
        const auto it = rows.lower_bound(keys.back());
        if (it != rows.end()) keys.push_back(it->first);
      }
      const std::vector<std::string_view> views(keys.begin(), keys.end());
      std::vector<std::optional<std::string_view>> found(views.size());
      done(snapshot.get_many(relation, views, found));
      for (size_t i = 0; i < keys.size(); ++i) {
        const auto it = rows.find(keys[i]);
        CHECK(found[i].has_value() == (it != rows.end()));
        if (found[i] && it != rows.end()) CHECK(*found[i] == it->second);
      }
    }
  }

  void verify_range(const Snapshot& snapshot, ObjectId relation, const Rows& rows) {
    std::string lower = random_.chance(0.3) ? "" : random_key();
    std::optional<std::string> upper;
    if (random_.chance(0.7)) upper = random_key();
    if (upper && *upper < lower) std::swap(*upper, lower);
    std::vector<std::pair<std::string, std::string>> expected(
        rows.lower_bound(lower), upper ? rows.lower_bound(*upper) : rows.end());
    const KeyRange range{lower, upper ? std::optional<std::string_view>(*upper) : std::nullopt};
    const size_t batch = 1 + random_.below(40);
    CHECK(read_all(snapshot, relation, range, Direction::forward, batch) == expected);
    std::reverse(expected.begin(), expected.end());
    CHECK(read_all(snapshot, relation, range, Direction::backward, batch) == expected);
  }

  Random random_;
  StoreOptions options_;
  std::shared_ptr<MemoryKv> fills_;
  std::shared_ptr<MemoryJournal> journal_;
  std::unique_ptr<Store> store_;
  Epoch epoch_;
  uint32_t first_relation_ = 16384, first_state_ = 1;
  std::map<ObjectId, Rows> relations_;
  std::map<StateId, StateModel> states_;
  std::deque<StagedEpoch> staged_;
  std::deque<Held> held_;
};

void run_policy(FoldPolicy policy, uint64_t seed, bool on_disk, size_t overlay_bytes_max,
                bool fills = false) {
  CAPTURE(seed);
  CAPTURE(static_cast<int>(policy));
  const TempDir dir;
  StoreOptions options;
  options.dir = dir.path();
  options.fold = policy;
  options.salt = seed;
  options.slice_pages_max = 64;
  options.overlay_bytes_max = overlay_bytes_max;
  const auto memory = std::make_shared<MemoryKv>();
  const auto journal = seed % 2 == 0 ? std::make_shared<MemoryJournal>() : nullptr;
  if (!on_disk) {
    options.kv = memory;
    options.journal = journal;
  }
  Model(seed, options, fills ? memory : nullptr, journal).run(on_disk ? 120 : 150);
}

TEST_CASE("store equals the model: folds by cost") {
  run_policy(FoldPolicy::cost, 1, true, 64 << 20);
  run_policy(FoldPolicy::cost, 2, true, 1 << 14);  // memory forces folds
}
TEST_CASE("store equals the model: folds at once") { run_policy(FoldPolicy::eager, 3, true, 0); }
TEST_CASE("store equals the model: never folds") {
  run_policy(FoldPolicy::never, 4, true, 1 << 10);
}
TEST_CASE("store equals the model: folds at random in tiny slices") {
  for (uint64_t seed = 10; seed < 13; ++seed) run_policy(FoldPolicy::shuffled, seed, true, 1 << 20);
}
TEST_CASE("store equals the model: in memory") {
  for (uint64_t seed = 20; seed < 24; ++seed) {
    run_policy(FoldPolicy::shuffled, seed, false, 1 << 20);
  }
}
TEST_CASE("store equals the model: on a disk that is full now and then") {
  for (uint64_t seed = 30; seed < 34; ++seed) {
    run_policy(FoldPolicy::shuffled, seed, false, 1 << 20, true);
  }
  run_policy(FoldPolicy::cost, 34, false, 1 << 14, true);
  run_policy(FoldPolicy::eager, 35, false, 0, true);
}

}  // namespace
}  // namespace qw::storage::test
