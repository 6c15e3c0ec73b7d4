// OrderedBag: a multiset of rows in a total order, per group: retractable min and max of what is no
// number, array_agg, top-k, windows.
//
// The order is that of memcomparable keys, then of the packed rows' bytes, so that rows that differ
// in nothing but spelling (1.0, 1.00) have an order too. A B-tree of pointers: small groups are one
// sorted node. Rows lie in the heap of the table that owns the group.
// Epoch thread. Tests: tests/unit/views/state_test.cc.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <absl/container/btree_set.h>

#include "src/base/assert.h"
#include "src/base/error.h"
#include "views/state/blob_heap.h"

namespace qw::views {

struct BagRow {
  int64_t weight;
  int64_t emitted;  // top-k, windows: copies given out at the end of the last epoch
  char* extra;      // windows: what was appended to each copy; top-k: unused
  uint64_t extra_size;
  int64_t first;  // top-k with row numbers: number of the first copy given out
  uint32_t key_size, row_size;
  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
  std::string_view row() const {
    return {reinterpret_cast<const char*>(this + 1) + key_size, row_size};
  }
};

class OrderedBag {
 public:
  struct Less {
    using is_transparent = void;
    struct Probe {
      std::string_view key, row;
    };
    static Probe probe(const BagRow* row) { return {row->key(), row->row()}; }
    static Probe probe(const Probe& row) { return row; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      const Probe x = probe(a), y = probe(b);
      const int order = x.key.compare(y.key);
      return order != 0 ? order < 0 : x.row < y.row;
    }
  };
  using Rows = absl::btree_set<BagRow*, Less>;

  // Adds `weight` copies; a row with weight 0 that has nothing emitted is gone. Returns the row, or
  // nullptr when it is gone. `negative` counts rows below zero.
  BagRow* change(std::string_view key, std::string_view row, int64_t weight, BlobHeap& heap,
                 int64_t& negative);
  void erase(Rows::iterator at, BlobHeap& heap);
  void clear(BlobHeap& heap);

  // About what the objects and their B-trees take beside the rows.
  static constexpr int64_t kBagBytes = 80, kNodeBytesPerRow = 12;

  Rows rows;
  int64_t total = 0;               // sum of weights
  int64_t emitted = 0;             // rows with emitted != 0
  std::unique_ptr<Error> failure;  // windows: what was given out in place of the rows
};

}  // namespace qw::views
