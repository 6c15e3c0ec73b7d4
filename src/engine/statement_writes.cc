// StatementWrites: see statement_writes.h.
#include "src/engine/statement_writes.h"

#include <string_view>
#include <utility>

#include "src/base/assert.h"

namespace qw::engine {

Result<std::string_view> StatementWrites::current(std::string_view key) {
  QW_ASSERT(layout_->mode() == KeyMode::keyed);
  if (const auto found = entries_.find(key); found != entries_.end()) return found->second.row;
  if (before_ != nullptr) {
    if (const auto found = before_->find(key); found != before_->end()) return found->second.row;
  }
  QW_ASSIGN_OR_RETURN(const auto row, snapshot_->get(layout_->id(), key));
  return row.value_or(std::string_view());
}

StatementWrites::Entry& StatementWrites::entry(std::string_view key, std::string_view seen) {
  const auto found = entries_.find(key);
  if (found != entries_.end()) return found->second;
  Entry made;
  made.seen = keep(seen);
  return entries_.emplace(keep(key), made).first->second;
}

void StatementWrites::put(std::string_view key, std::string_view seen, std::string_view row) {
  entry(key, seen).row = keep(row);
}

void StatementWrites::erase(std::string_view key, std::string_view seen) {
  entry(key, seen).row = {};
}

void StatementWrites::add_copies(std::string_view row, int64_t count) {
  entry(row, {}).count += count;
}

std::vector<RowWrite> StatementWrites::list() const {
  std::vector<RowWrite> out;
  out.reserve(entries_.size());
  for (const auto& [key, change] : entries_) {
    out.push_back({key, change.seen, change.row, change.count});
  }
  return out;
}

void StatementWrites::merge_into(TxnBuffer& buffer) const {
  for (const auto& [key, change] : entries_) {
    buffer.add(layout_->id(), layout_->mode(), {key, change.seen, change.row, change.count});
  }
}

void StatementWrites::move_into(ClientWrite& write) {
  ClientWrite::Table table;
  table.relation = layout_->id();
  table.writes.reserve(entries_.size());
  for (const auto& [key, change] : entries_) {
    table.writes.push_back({key, change.seen, change.row, change.count});
  }
  write.tables.push_back(std::move(table));
  write.size += bytes_->reserved_bytes();
  write.bytes = std::move(bytes_);
  bytes_ = std::make_unique<Arena>();
  entries_.clear();
}

}  // namespace qw::engine
