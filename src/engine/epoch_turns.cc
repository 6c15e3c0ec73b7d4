// EpochLoop: epochs whose views would make too much at once. One view is worked out after the
// other, and its output is kept in its stored form alone, which is a few times smaller than the
// form in which it is worked out. Rows are unpacked once per reader: that takes longer.
#include "src/engine/epoch_turns.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace qw::engine {
namespace {

// So many changes are looked at, and what a view's row takes beside its bytes while it is worked
// out.
constexpr size_t kChangesSeen = 256;
constexpr uint64_t kWorkPerRow = 100;

}  // namespace

// Guesses that each reader puts every row out once more, by the sizes of some of them.
bool EpochLoop::makes_much(const Deltas& deltas) const {
  if (memory_.process == 0 || !keeps_view_rows()) return false;
  std::vector<std::pair<ObjectId, uint64_t>> changed;
  uint64_t once = 0;
  for (const auto& [relation, change] : deltas) {
    const auto& changes = change.rows.changes;  // blocks of rows, where nobody asks for one
    if (changes.empty()) continue;
    const size_t seen = std::min(changes.size(), kChangesSeen), step = changes.size() / seen;
    uint64_t bytes = 0;
    for (size_t i = 0; i < seen; ++i) {
      bytes += changes[i * step].key().size() + changes[i * step].row().size();
    }
    const size_t rows = active_.at(relation)->net_rows();
    changed.emplace_back(relation, bytes / seen * changes.size() + kWorkPerRow * rows);
    once += changed.back().second;
  }
  // Counting who reads it is for those cases where it may matter.
  if (once * view_sinks_.size() <= memory_.epoch_output) return false;
  uint64_t sum = 0;
  for (const auto& [relation, bytes] : changed) {
    std::vector<ObjectId> todo{relation};
    std::set<ObjectId> reached;
    while (!todo.empty()) {
      const ObjectId read = todo.back();
      todo.pop_back();
      for (const ObjectId view : dataflow_.readers(read)) {
        if (reached.insert(view).second) todo.push_back(view);
      }
    }
    sum += reached.size() * bytes;
  }
  return sum > memory_.epoch_output;
}

void EpochLoop::Turns::begin(ObjectId view) {
  if (view && loop_.dataflow_.broken(view)) return;
  for (const auto& [relation, change] : deltas_) push(relation, view);
}

void EpochLoop::Turns::push(ObjectId relation, ObjectId reader) {
  views::Dataflow& dataflow = loop_.dataflow_;
  if (!dataflow.reads(relation, reader)) return;
  loop_.active_.at(relation)->each_batch(
      [&](const Batch& batch) { dataflow.push(relation, batch, reader); });
}

void EpochLoop::Turns::end(ObjectId view) {
  const auto made = loop_.active_.find(view);
  if (made == loop_.active_.end() || deltas_.contains(view)) return;
  RelationDeltaBuilder& builder = *made->second;
  views::Dataflow& dataflow = loop_.dataflow_;
  if (!dataflow.broken(view)) {
    auto change = loop_.net(builder);
    if (change && dataflow.reads(view)) {
      // From now on like what items have changed.
      deltas_.emplace(view, std::move(*change));
      push(view, ObjectId{0});
      return;
    }
    if (change) {
      for (Building& building : loop_.building_) building.backfill->note(builder);
      if (!change->rows.changes.empty()) loop_.note_sequence(builder);
      loop_.encode(std::move(*change), encoded_);
    } else {
      dataflow.break_view(view, change.error());
    }
  }
  builder.release();
  loop_.active_.erase(view);
}

}  // namespace qw::engine
