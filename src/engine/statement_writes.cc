// StatementWrites: see statement_writes.h.
#include "src/engine/statement_writes.h"

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "src/base/assert.h"

namespace qw::engine {

Result<std::string_view> StatementWrites::current(std::string_view key) {
  QW_ASSERT(layout_->mode() == KeyMode::keyed);
  if (const size_t at = find(key); at != kNotFound) return writes_[at].row;
  if (before_ != nullptr) {
    if (const auto found = before_->find(key); found != before_->end()) return found->second.row;
  }
  QW_ASSIGN_OR_RETURN(const auto row, snapshot_->get(layout_->id(), key));
  return row.value_or(std::string_view());
}

size_t StatementWrites::find(std::string_view key) const {
  if (indexed_) {
    const auto found = index_.find(key);
    return found == index_.end() ? kNotFound : found->second;
  }
  if (writes_.empty() || writes_.back().key < key) return kNotFound;
  const auto at =
      std::lower_bound(writes_.begin(), writes_.end(), key,
                       [](const RowWrite& write, std::string_view k) { return write.key < k; });
  return at->key == key ? static_cast<size_t>(at - writes_.begin()) : kNotFound;
}

RowWrite& StatementWrites::entry(std::string_view key, std::string_view seen) {
  if (const size_t at = find(key); at != kNotFound) return writes_[at];
  QW_ASSERT(writes_.size() < UINT32_MAX);
  if (!indexed_ && !writes_.empty() && key < writes_.back().key) {
    indexed_ = true;
    for (uint32_t i = 0; i < writes_.size(); ++i) index_.emplace(writes_[i].key, i);
  }
  list_.hold(list_bytes());
  writes_.push_back({keep(key), keep(seen), {}, 0});
  if (indexed_) {
    index_.emplace(writes_.back().key, static_cast<uint32_t>(writes_.size() - 1));
  }
  return writes_.back();
}

void StatementWrites::put(std::string_view key, std::string_view seen, std::string_view row) {
  entry(key, seen).row = keep(row);
}

void StatementWrites::erase(std::string_view key, std::string_view seen) {
  entry(key, seen).row = {};
}

// Whoever takes the list sums the copies of a row.
void StatementWrites::add_copies(std::string_view row, int64_t count) {
  QW_ASSERT(layout_->mode() == KeyMode::multiset);
  if (!writes_.empty() && writes_.back().key == row && (writes_.back().count > 0) == (count > 0)) {
    writes_.back().count += count;
  } else {
    list_.hold(list_bytes());
    writes_.push_back({keep(row), {}, {}, count});
  }
}

void StatementWrites::merge_into(TxnBuffer& buffer) const {
  const MemoryScope::Unbroken unbroken;
  for (const RowWrite& write : writes_) buffer.add(layout_->id(), layout_->mode(), write);
}

void StatementWrites::move_into(ClientWrite& write) {
  write.tables.push_back({layout_->id(), std::exchange(writes_, {}), snapshot_->epoch()});
  write.size += bytes_->reserved_bytes();
  write.bytes = std::move(bytes_);
  bytes_ = std::make_unique<Arena>();
  indexed_ = false;
  index_.clear();
  list_.clear();
}

}  // namespace qw::engine
