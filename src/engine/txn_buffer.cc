// TxnBuffer: see txn_buffer.h.
#include "src/engine/txn_buffer.h"

#include <string_view>

namespace qw::engine {

const TxnBuffer::Table* TxnBuffer::find(ObjectId relation) const {
  const auto found = tables_.find(relation);
  return found == tables_.end() ? nullptr : &found->second;
}

std::string_view TxnBuffer::keep(std::string_view bytes) {
  if (bytes.data() == nullptr) return {};
  return {bytes_.copy(bytes), bytes.size()};
}

void TxnBuffer::add(ObjectId relation, KeyMode mode, const RowWrite& write) {
  Table& table = tables_[relation];
  auto found = table.find(write.key);
  if (found == table.end()) {
    Entry entry;
    entry.expected = keep(write.expected);
    entry.row = keep(write.row);
    entry.count = write.count;
    nodes_.hold(++entries_ * kEntryBytes);
    const auto made = table.emplace(keep(write.key), entry).first;
    if (marked_) replaced_.push_back({relation, made->first, std::nullopt});
    return;
  }
  if (marked_) replaced_.push_back({relation, found->first, found->second});
  if (mode == KeyMode::keyed)
    found->second.row = keep(write.row);
  else
    found->second.count += write.count;
}

size_t TxnBuffer::mark() {
  marked_ = true;
  return replaced_.size();
}

void TxnBuffer::go_back(size_t mark) {
  for (; replaced_.size() > mark; replaced_.pop_back()) {
    const Replaced& last = replaced_.back();
    Table& table = tables_[last.relation];
    if (last.before)
      table.find(last.key)->second = *last.before;
    else
      table.erase(last.key);
    if (table.empty()) tables_.erase(last.relation);
  }
}

void TxnBuffer::clear() {
  marked_ = false;
  replaced_.clear();
  tables_.clear();
  entries_ = 0;
  nodes_.clear();
  bytes_ = Arena();
}

}  // namespace qw::engine
