// Workload: epochs that follow from (seed, number) alone, so that any recovered store can be
// compared with what it must hold at its epoch.
//
// Two relations (random keys; appended keys), one state with images, a position in meta. Sizes
// vary, so that folds, slices, merges, overflow pages and erased log entries all happen.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/base/bytes.h"
#include "src/base/random.h"
#include "storage/store.h"

namespace qw::storage::crash {

inline constexpr ObjectId kRandomTable{16384}, kAppendTable{16385};
inline constexpr StateId kState{1};
inline constexpr uint32_t kPartitions = 3;

class Workload {
 public:
  explicit Workload(uint64_t seed) : seed_(seed) {}

  // The next epoch; its bytes stay valid until the one after it.
  EpochWrite next() {
    EpochWrite write;
    write.epoch = Epoch{++epoch_};
    Random random(seed_ * 1000003 + epoch_);
    bytes_.clear();
    const bool large = random.chance(0.05);
    write.relations.push_back(random_changes(random, large ? 2000 : random.below(60)));
    write.relations.push_back(appended(random, large ? 3000 : random.below(40)));
    write.state_logs.push_back({kState, {state_changes(random, large ? 4000 : random.below(80))}});
    for (uint32_t partition = 0; partition < kPartitions; ++partition) {
      if (!random.chance(0.1)) continue;
      write.images.push_back({kState, partition, kPartitions, {image(partition)}});
    }
    write.meta.push_back({"position", fmt::format("{}", epoch_)});
    return write;
  }

  void run_to(Epoch epoch) {
    while (epoch_ < epoch.value) (void)next();
  }

  // What is wrong with a recovered store; empty = it is exactly at its epoch.
  std::string compare(Store& store) const {
    const auto snapshot = store.snapshot();
    if (!snapshot) return snapshot.error().to_string();
    if (snapshot->epoch().value != epoch_) return "wrong epoch";
    for (const auto& [relation, rows] : tables_) {
      std::string found = compare_table(*snapshot, relation, rows);
      if (!found.empty()) return found;
    }
    const auto position = store.meta("position");
    if (!position) return position.error().to_string();
    if (epoch_ > 0 && *position != fmt::format("{}", epoch_)) return "wrong position";
    std::map<uint32_t, uint64_t> state;
    std::map<uint32_t, Epoch> images;
    const auto take = [&](std::string_view bytes, std::optional<Epoch> log_epoch) {
      for (; bytes.size() >= 12; bytes.remove_prefix(12)) {
        const auto slot = load<uint32_t>(bytes.data());
        if (log_epoch && *log_epoch <= images[slot % kPartitions]) continue;
        state[slot] = load<uint64_t>(bytes.data() + 4);
      }
      return Result<void>();
    };
    const auto recovered = store.recover_state(
        kState,
        [&](uint32_t partition, Epoch epoch, std::string_view bytes) {
          images[partition] = epoch;
          return take(bytes, std::nullopt);
        },
        [&](Epoch epoch, std::string_view bytes) { return take(bytes, epoch); });
    if (!recovered) return recovered.error().to_string();
    if (state != state_) return "wrong state";
    const auto findings = store.check();
    if (!findings) return findings.error().to_string();
    return findings->empty() ? std::string() : findings->front();
  }

 private:
  using Rows = std::map<std::string, std::string>;

  static std::string compare_table(const Snapshot& snapshot, ObjectId relation, const Rows& rows) {
    if (snapshot.row_count(relation) != static_cast<int64_t>(rows.size())) return "wrong row count";
    auto cursor = snapshot.scan(relation);
    if (!cursor) return cursor.error().to_string();
    std::vector<RowView> batch(500);
    auto expected = rows.begin();
    for (size_t count = batch.size(); count == batch.size();) {
      const auto read = cursor->next(batch);
      if (!read) return read.error().to_string();
      count = *read;
      for (size_t i = 0; i < count; ++i, ++expected) {
        if (expected == rows.end() || expected->first != batch[i].key ||
            expected->second != batch[i].row) {
          return "wrong row";
        }
      }
    }
    return expected == rows.end() ? std::string() : "missing row";
  }

  RelationDelta random_changes(Random& random, uint64_t count) {
    std::map<std::string, std::optional<std::string>> changes;
    for (uint64_t i = 0; i < count; ++i) {
      const bool erased = random.chance(0.3);
      const size_t size = random.chance(0.01) ? 5000 + random.below(20000) : random.below(120);
      std::string key = fmt::format("{:05}", random.below(4000));
      if (key[4] == '7') key += std::string(600, 'k');
      changes[key] = erased ? std::nullopt : std::optional(std::string(size, 'a' + char(i % 26)));
    }
    return delta(kRandomTable, changes);
  }

  RelationDelta appended(Random& random, uint64_t count) {
    std::map<std::string, std::optional<std::string>> changes;
    for (uint64_t i = 0; i < count; ++i) {
      changes[fmt::format("{:012}", ++appended_)] = std::string(random.below(80), 'z');
    }
    return delta(kAppendTable, changes);
  }

  RelationDelta delta(ObjectId relation,
                      const std::map<std::string, std::optional<std::string>>& changes) {
    RelationDelta out;
    out.relation = relation;
    Rows& rows = tables_[relation];
    for (const auto& [key, row] : changes) {
      const std::string& kept_key = bytes_.emplace_back(key);
      const bool existed = rows.contains(key);
      if (row) {
        out.changes.push_back(RowChange::put(kept_key, bytes_.emplace_back(*row)));
        out.rows_added += existed ? 0 : 1;
        rows[key] = *row;
      } else {
        out.changes.push_back(RowChange::erase(kept_key));
        out.rows_added -= existed ? 1 : 0;
        rows.erase(key);
      }
    }
    return out;
  }

  std::string state_changes(Random& random, uint64_t count) {
    std::string log;
    for (uint64_t i = 0; i < count; ++i) {
      const auto slot = static_cast<uint32_t>(random.below(5000));
      state_[slot] = random.next();
      append<uint32_t>(log, slot);
      append<uint64_t>(log, state_[slot]);
    }
    return log;
  }

  std::string image(uint32_t partition) const {
    std::string out;
    for (const auto& [slot, value] : state_) {
      if (slot % kPartitions != partition) continue;
      append<uint32_t>(out, slot);
      append<uint64_t>(out, value);
    }
    return out;
  }

  uint64_t seed_;
  uint64_t epoch_ = 0, appended_ = 0;
  std::map<ObjectId, Rows> tables_;
  std::map<uint32_t, uint64_t> state_;
  std::deque<std::string> bytes_;
};

}  // namespace qw::storage::crash
