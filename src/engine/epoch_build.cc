// EpochLoop, what it builds between epochs: secondary indexes, and a table under another key.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/bytes.h"
#include "src/engine/epoch_loop.h"

namespace qw::engine {
namespace {

constexpr size_t kBuildSliceRows = 262'144;  // as a backfill's

// The first of `keys` that stands there more than once; keys.size() = none.
size_t first_repeated(std::span<const std::string_view> keys) {
  std::vector<std::string_view> sorted(keys.begin(), keys.end());
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice == sorted.end()) return keys.size();
  return static_cast<size_t>(std::find(keys.begin(), keys.end(), *twice) - keys.begin());
}

}  // namespace

void EpochLoop::add_index(std::shared_ptr<const SecondaryIndex> index) {
  indexes_[index->relation()].push_back(std::move(index));
}

void EpochLoop::forget_index(ObjectId index) {
  claims_.erase(index);
  for (auto& [relation, indexes] : indexes_) {
    std::erase_if(indexes, [&](const auto& one) { return one->id() == index; });
  }
}

// All indexes are asked before anything is claimed: a refused request leaves no trace.
Result<void> EpochLoop::claim_unique(const ClientWrite& write) {
  std::vector<std::pair<UniqueClaims*, UniqueClaims::Held>> claimed;
  for (const ClientWrite::Table& table : write.tables) {
    const auto indexes = indexes_.find(table.relation);
    if (indexes == indexes_.end()) continue;
    for (const auto& index : indexes->second) {
      if (!index->unique()) continue;
      claimed.emplace_back(&claims_[index->id()], UniqueClaims::Held());
      QW_ASSIGN_OR_RETURN(
          const auto twice,
          claimed.back().first->check(*index, table.writes, *latest_, claimed.back().second));
      if (twice) return fail(index->duplicate(*twice));
    }
  }
  for (auto& [claims, held] : claimed) claims->accept(std::move(held));
  return {};
}

Result<void> EpochLoop::build_index(std::shared_ptr<const SecondaryIndex> index,
                                    const std::atomic<bool>& cancelled) {
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->latest());
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(index->relation()));
  std::vector<storage::RowView> entries(kBatchRowsMax);
  Arena bytes;
  bool more = true;
  while (more) {
    storage::RelationDelta rows;
    rows.relation = index->relation();
    while (more && rows.changes.size() < kBuildSliceRows) {
      QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(entries));
      more = count == entries.size();
      for (size_t i = 0; i < count; ++i) {
        rows.changes.push_back(storage::RowChange::put(entries[i].key, entries[i].row));
      }
    }
    bytes.reset();
    QW_ASSIGN_OR_RETURN(storage::RelationDelta made, index->entries_of(rows, bytes));
    Extra extra;
    if (!made.changes.empty()) extra.relations.push_back(std::move(made));
    QW_TRY(run_epoch(std::move(extra)));
    if (cancelled) return fail(query_canceled("canceling statement due to user request"));
  }
  wait_for_commits();
  if (index->unique()) QW_TRY(check_unique(*index));
  add_index(std::move(index));
  return {};
}

// Entries lie by index columns, so two rows of one key are neighbours.
Result<void> EpochLoop::check_unique(const SecondaryIndex& index) {
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->latest());
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(index.id()));
  std::vector<storage::RowView> entries(kBatchRowsMax);
  const bool copies = index.layout().mode() == KeyMode::multiset;
  std::string_view last;
  Arena arena;
  while (true) {
    QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(entries));
    for (size_t i = 0; i < count; ++i) {
      const std::string_view base = entries[i].row;
      const std::string_view key = entries[i].key.substr(0, entries[i].key.size() - base.size());
      const bool again = last.data() != nullptr && key == last;
      last = key;
      if (!again && !copies) continue;
      QW_ASSIGN_OR_RETURN(const auto row, snapshot.get(index.relation(), base));
      if (!row) return fail(data_corrupted("an index entry without its row"));
      const std::string_view packed = index.packed(base, *row);
      arena.reset();
      if (index.has_null(packed, arena)) continue;
      // Copies of one row are one entry with a count.
      if (again || load<int64_t>(row->data()) > 1) return fail(index.duplicate_at_creation(packed));
    }
    if (count < entries.size()) return {};
  }
}

Result<void> EpochLoop::copy_rows(ObjectId from, ObjectId to, const SecondaryIndex& key,
                                  const std::atomic<bool>& cancelled) {
  const auto source = layouts_.at(from);
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->latest());
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(from));
  std::vector<storage::RowView> entries(kBatchRowsMax);
  Arena arena;
  bool more = true;
  const auto copy_batch = [&](size_t count) -> Result<void> {
    const auto twice = [&](size_t i) {
      return fail(key.duplicate_at_creation(key.packed(entries[i].key, entries[i].row)));
    };
    arena.reset();
    Batch batch;
    source->decode({entries.data(), count}, source->all_columns(), arena, batch);
    for (size_t i = 0; i < count && batch.weights != nullptr; ++i) {
      if (batch.weights[i] != 1) return twice(i);
    }
    batch.weights = nullptr;
    RelationDeltaBuilder& target = *builder(to);
    auto* keys = arena.allocate_array<std::string_view>(count);
    target.layout().encode_keys(batch, arena, keys);
    for (size_t i = 0; i < count; ++i) {
      QW_ASSIGN_OR_RETURN(const std::string_view there, target.current(keys[i]));
      if (there.data() != nullptr) return twice(i);
    }
    const size_t repeated = first_repeated({keys, count});
    if (repeated < count) return twice(repeated);
    return target.insert(batch);
  };
  const auto copy_slice = [&]() -> Result<void> {
    for (size_t rows = 0; more && rows < kBuildSliceRows;) {
      QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(entries));
      more = count == entries.size();
      if (count > 0) QW_TRY(copy_batch(count));
      rows += count;
    }
    return {};
  };
  while (more) {
    QW_TRY(run_epoch({}, copy_slice));
    if (cancelled) return fail(query_canceled("canceling statement due to user request"));
  }
  // Who reads the copy from now on, also after a crash, must find all of it.
  wait_for_commits();
  if (const auto failed = fatal()) return fail(*failed);
  return {};
}

}  // namespace qw::engine
