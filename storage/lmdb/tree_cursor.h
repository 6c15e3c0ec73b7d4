// TreeCursor: one place in an LMDB table, read from the mapped pages themselves.
//
// LMDB's own cursors trust what they read: a damaged page can send them in a circle or outside the
// map. This one looks at each page before it enters it: that it is of its kind, that the keys at
// its ends are between those that its parent says, that each entry it stands on lies in the page.
// So an entry that is found stands where its key belongs, and one that is missing has both its
// neighbours in sight. Formats: tree_reader.h. One thread at a time; lives no longer than the
// transaction. Tests: tests/unit/storage/tree_reader_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "storage/kv.h"
#include "storage/lmdb/tree_reader.h"

namespace qw::storage {

class TreeCursor {
 public:
  explicit TreeCursor(const TreeReader& tree) : tree_(tree) {}

  // Each of them is false if a page on the way is damaged; there is no place then.
  [[nodiscard]] bool seek(std::string_view key);  // to the first entry >= key, or the end
  [[nodiscard]] bool next();                      // not from the end
  [[nodiscard]] bool previous();                  // before the first entry: at_end() is true

  bool at_end() const { return entry_.key.empty(); }
  const KvEntry& entry() const { return entry_; }

 private:
  struct Level {
    const char* page;
    size_t index, count;
    KeySpan range;
  };
  bool enter(uint64_t page, const KeySpan& range);
  // Below the entry that the last level stands on.
  bool descend();
  bool take();
  bool fail();

  const TreeReader& tree_;
  std::array<Level, TreeReader::kDepthMax> levels_;
  uint32_t depth_ = 0;  // levels entered; 0 = nowhere
  KvEntry entry_;
};

}  // namespace qw::storage
