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
    table.emplace(keep(write.key), entry);
    return;
  }
  if (mode == KeyMode::keyed)
    found->second.row = keep(write.row);
  else
    found->second.count += write.count;
}

void TxnBuffer::clear() {
  tables_.clear();
  bytes_.reset();
}

}  // namespace qw::engine
