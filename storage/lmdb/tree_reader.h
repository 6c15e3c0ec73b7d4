// TreeReader: many keys of one LMDB table at once, read from the mapped pages themselves.
//
// A point read through LMDB waits for memory some seven times, one after the other: header, offsets
// and half a dozen entries of a leaf, then the value. Here a group of keys walks down together:
// each key in turn takes one step and asks for the memory of its next one. Where an entry should
// stand is guessed from the keys between which the parent puts the page, so that evenly spread keys
// (serial numbers, hashes) take two steps in a leaf instead of six.
//
// The pages are those of LMDB 0.9 (MDB_DATA_VERSION 1; MDB_page, MDB_node, MDB_db and MDB_meta in
// its mdb.c), little-endian:
//   page    number 8, pad 2, flags 2, lower 2, upper 2, then one u16 per entry: its offset
//   page    of a large value: number 8, pad 2, flags 2, pages 4, the value
//   entry   of a leaf: value size 4, flags 2, key size 2, key, value or (flag 1) its page number 8
//   entry   of a branch: page number 6, key size 2, key; the first one counts as before all keys
//   table   pad 4, flags 2, depth 2, branch, leaf and overflow pages 8 each, entries 8, root 8
// Everything that is followed is checked to lie inside its page and the file. What is not as it
// should be is left to LMDB: no entry is a wrong one, but one may be left out.
//
// Pages that a read transaction reaches do not change while it lives, and the map never moves.
// Immutable; any thread. Tests: tests/unit/storage/tree_reader_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "storage/kv.h"

namespace qw::storage {

// Where LMDB has its file in memory.
struct PageMap {
  const char* begin = nullptr;
  size_t page_bytes = 0;

  // Told from the address of any value; nothing unless page 0 is found to be that of an LMDB of
  // this format.
  static std::optional<PageMap> around(const void* value, size_t page_bytes);
};

class TreeReader {
 public:
  // `table`: what the main table says of this one, in the reader's own version. Pages from
  // `page_count` on are not there.
  TreeReader(const PageMap& map, uint64_t page_count, std::string_view table);

  // out[i] = the entry of keys[i], or none (an empty key). Ascending keys share the walk down.
  void find(std::span<const std::string_view> keys, std::span<KvEntry> out) const;
  // Asks for the memory of the leaves where ascending keys stand or would.
  void ask_for_leaves(std::span<const std::string_view> keys) const;

 private:
  struct Search;
  bool enter(Search& search, uint64_t page) const;
  bool measure(Search& search, bool leaf) const;
  bool aim(Search& search) const;
  bool step(Search& search) const;
  void find_level(std::span<Search> searches, bool leaf) const;
  void descend(std::span<Search> searches, bool to_leaf) const;
  // From the root to the leaves.
  void walk(std::span<const std::string_view> keys, std::span<Search> searches) const;
  KvEntry take(const Search& search) const;
  const char* large_value(size_t size, uint64_t page) const;

  const PageMap map_;
  const uint64_t page_count_;
  uint64_t root_ = 0;
  uint32_t depth_ = 0;  // 0 = empty, or not to be read here
};

}  // namespace qw::storage
