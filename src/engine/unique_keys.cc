// UniqueKeys: see unique_keys.h.
#include "src/engine/unique_keys.h"

#include <algorithm>
#include <array>
#include <utility>

namespace qw::engine {
namespace {

// The same columns, in whatever order.
bool same_columns(std::span<const uint32_t> a, std::span<const uint32_t> b) {
  return a.size() == b.size() && std::is_permutation(a.begin(), a.end(), b.begin());
}

}  // namespace

UniqueKeys::UniqueKeys(const RelationLayout& layout, const storage::Snapshot& snapshot,
                       StatementWrites& writes,
                       std::vector<std::shared_ptr<const SecondaryIndex>> indexes,
                       std::span<const uint32_t> arbiter)
    : layout_(&layout),
      snapshot_(&snapshot),
      writes_(&writes),
      keyed_(layout.mode() == KeyMode::keyed),
      primary_arbiter_(arbiter.empty() || same_columns(layout.key_columns(), arbiter)) {
  for (auto& index : indexes) {
    const bool handled = arbiter.empty() || same_columns(index->columns(), arbiter);
    indexes_.push_back({std::move(index), handled, UniqueClaims::Held()});
  }
}

Result<void> UniqueKeys::start(std::span<const RowWrite> before) {
  for (Index& one : indexes_) {
    QW_ASSIGN_OR_RETURN(const auto twice,
                        UniqueClaims().check(*one.index, before, *snapshot_, one.held));
    if (twice) return fail(one.index->duplicate(*twice));
  }
  return {};
}

// The key of the row that holds an index key; empty = none.
Result<std::string> UniqueKeys::holder(const Index& one, std::string_view key) const {
  if (const auto found = one.held.find(key); found != one.held.end()) return found->second;
  const auto end = storage::prefix_end(key);
  storage::KeyRange range{key, std::nullopt};
  if (end) range.upper = *end;
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot_->scan(one.index->id(), range));
  std::array<storage::RowView, 1> entry;
  QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(entry));
  return count == 0 ? std::string() : std::string(entry[0].row);
}

UniqueKeys::Rows UniqueKeys::rows_of(const Batch& batch, const std::string_view* packed,
                                     Arena& arena) const {
  Rows rows;
  const uint32_t size = batch.size();
  rows.bases = packed;
  if (keyed_) {
    auto* bases = arena.allocate_array<std::string_view>(size);
    layout_->encode_keys(batch, arena, bases);
    rows.bases = bases;
  }
  for (const Index& one : indexes_) {
    auto* keys = arena.allocate_array<std::string_view>(size);
    one.index->column_keys(batch, arena, keys);
    for (const uint32_t column : one.index->columns()) {
      const Vector& vector = batch.columns[column];
      if (vector.validity == nullptr) continue;
      for (uint32_t i = 0; i < size; ++i) {
        if (vector.is_null(batch.row(i))) keys[i] = {};
      }
    }
    rows.keys.push_back(keys);
  }
  return rows;
}

Result<std::optional<UniqueKeys::Holder>> UniqueKeys::find(const Rows& rows, uint32_t row,
                                                           Which which) {
  if (keyed_ && (which == Which::all || primary_arbiter_)) {
    QW_ASSIGN_OR_RETURN(const std::string_view stored, writes_->current(rows.bases[row]));
    if (stored.data() != nullptr) return Holder{std::string(rows.bases[row]), nullptr};
  }
  for (size_t i = 0; i < indexes_.size(); ++i) {
    const std::string_view key = rows.keys[i][row];
    if (key.data() == nullptr || (which == Which::arbiters && !indexes_[i].arbiter)) continue;
    QW_ASSIGN_OR_RETURN(std::string base, holder(indexes_[i], key));
    if (!base.empty()) return Holder{std::move(base), indexes_[i].index.get()};
  }
  return std::nullopt;
}

void UniqueKeys::take(const Rows& rows, uint32_t row) {
  if (!keyed_) taken_.emplace(rows.bases[row]);
  for (size_t i = 0; i < indexes_.size(); ++i) {
    const std::string_view key = rows.keys[i][row];
    if (key.data() != nullptr) indexes_[i].held[key] = std::string(rows.bases[row]);
  }
}

void UniqueKeys::leave(const Rows& rows, uint32_t row) {
  for (size_t i = 0; i < indexes_.size(); ++i) {
    const std::string_view key = rows.keys[i][row];
    if (key.data() != nullptr) indexes_[i].held[key].clear();
  }
}

bool UniqueKeys::covers(uint32_t column) const {
  const auto has = [&](std::span<const uint32_t> columns) {
    return std::find(columns.begin(), columns.end(), column) != columns.end();
  };
  return (keyed_ && has(layout_->key_columns())) ||
         std::any_of(indexes_.begin(), indexes_.end(),
                     [&](const Index& one) { return has(one.index->columns()); });
}

}  // namespace qw::engine
