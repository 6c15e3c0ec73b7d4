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
// Everything that is followed is checked to lie inside its page and the file. Of what is not as it
// should be find() finds nothing: no entry is a wrong one, but one may be left out (TreeCursor
// knows).
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

// The keys between which all of a page's stand: from `lower` on, below `upper`; empty = open.
struct KeySpan {
  std::string_view lower, upper;
  bool holds(std::string_view key) const { return lower <= key && (upper.empty() || key < upper); }
};

class TreeReader {
 public:
  static constexpr uint32_t kDepthMax = 32;

  // `table`: what the main table says of this one, in the reader's own version. Pages from
  // `page_count` on are not there.
  TreeReader(const PageMap& map, uint64_t page_count, std::string_view table);

  // out[i] = the entry of keys[i], or none (an empty key). Ascending keys share the walk down.
  void find(std::span<const std::string_view> keys, std::span<KvEntry> out) const;
  // Asks for the memory of the leaves where ascending keys stand or would, and then looks whether
  // they may be written to: false if something on the way or in the leaf is damaged.
  bool ask_for_leaves(std::span<const std::string_view> keys) const;
  // A page that is not as it should be, if there is one: every entry of every page is looked at.
  std::optional<uint64_t> damaged_page() const;

  // For TreeCursor. Depth 0: the table is empty, if its record is readable.
  bool readable() const { return readable_; }
  uint32_t depth() const { return depth_; }
  uint64_t root() const { return root_; }
  // The page, if its header is that of one with entries; else null.
  const char* page_at(uint64_t number, bool leaf) const;
  static size_t entry_count(const char* page);
  // By the keys at the ends of the page.
  bool in_range(const char* page, bool leaf, const KeySpan& range) const;
  // Nothing: the entry is not inside the page.
  std::optional<std::string_view> key_at(const char* page, size_t index) const;
  std::optional<uint64_t> child_at(const char* page, size_t index) const;
  KvEntry entry_at(const char* page, size_t index) const;  // of a leaf; no key: damaged

 private:
  struct Search;
  std::optional<uint64_t> damaged_below(uint64_t page, uint32_t level, const KeySpan& range) const;
  bool may_change(std::span<const Search> searches, std::span<const std::string_view> keys) const;
  bool adds_up(const char* page, bool leaf) const;
  void check_branches(std::span<Search> searches) const;
  bool enter(Search& search, uint64_t page) const;
  bool measure(Search& search, bool leaf) const;
  bool aim(Search& search) const;
  bool step(Search& search) const;
  void find_level(std::span<Search> searches, bool leaf) const;
  void descend(std::span<Search> searches, bool to_leaf) const;
  // From the root to the leaves. For changing, LMDB has to find the way, too.
  enum class For : uint8_t { reading, changing };
  void walk(std::span<const std::string_view> keys, std::span<Search> searches, For purpose) const;
  KvEntry take(const char* page, const char* entry) const;
  const char* large_value(size_t size, uint64_t page) const;

  PageMap map_;
  uint64_t page_count_;
  uint64_t root_ = 0;
  uint32_t depth_ = 0;  // 0 = empty, or not to be read here
  bool readable_ = false;
};

}  // namespace qw::storage
