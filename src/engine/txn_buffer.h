// TxnBuffer: what a transaction block has written and not yet committed.
//
// Per table the rows it has put or erased, by key, in front of the block's snapshot; and what stood
// there when the block first touched the key, which COMMIT checks against the state of that moment.
// Keyless tables count copies per packed row. One session's thread.
// Tests: tests/unit/engine/txn_buffer_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/ids.h"
#include "src/engine/relation_delta.h"

namespace qw::engine {

class TxnBuffer {
 public:
  struct Entry {
    std::string_view expected;  // data() == nullptr = no row
    std::string_view row;       // data() == nullptr = erased
    int64_t count = 0;          // multiset: copies added or taken
  };
  using Table = std::map<std::string_view, Entry, std::less<>>;

  bool empty() const { return tables_.empty(); }
  // Savepoints: where the writes stand now, to go back to. The first mark starts the keeping of
  // what each write replaced.
  size_t mark();
  void go_back(size_t mark);
  const Table* find(ObjectId relation) const;
  // Adds one write; a second write of a key replaces its row and keeps what was first expected.
  void add(ObjectId relation, KeyMode mode, const RowWrite& write);
  const std::map<ObjectId, Table>& tables() const { return tables_; }
  size_t bytes() const { return bytes_.reserved_bytes() + entries_ * kEntryBytes; }
  void clear();

 private:
  struct Replaced {
    ObjectId relation;
    std::string_view key;
    std::optional<Entry> before;  // none: the key was not there
  };
  std::string_view keep(std::string_view bytes);
  std::map<ObjectId, Table> tables_;
  bool marked_ = false;
  std::vector<Replaced> replaced_;
  static constexpr size_t kEntryBytes = 128;
  size_t entries_ = 0;  // ever made
  MemoryCharge nodes_;
  Arena bytes_;
};

}  // namespace qw::engine
