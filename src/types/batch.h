// Batch: up to 4,096 rows in columns, the unit that flows between operators.
//
// A batch is a delta (a Z-set): row i counts `weight(i)` times, +1 when there is no weight array.
// An optional selection picks the live rows; columns and weights are indexed by physical row. A
// batch borrows everything from arenas of its producer and is valid only during the push that hands
// it over: whoever keeps rows packs or copies them. Not thread-safe. Tests:
// tests/unit/types/batch_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/base/arena.h"
#include "src/types/type.h"
#include "src/types/vector.h"

namespace qw {

struct Batch {
  uint32_t rows = 0;  // physical rows in each column
  std::vector<Vector> columns;
  const uint16_t* selection = nullptr;  // ascending physical rows; nullptr = all
  uint32_t selected = 0;                // entries of `selection`
  const int64_t* weights = nullptr;     // per physical row; nullptr = all +1

  // Live rows.
  uint32_t size() const { return selection == nullptr ? rows : selected; }
  bool empty() const { return size() == 0; }
  // Physical row of the i-th live row.
  uint32_t row(uint32_t i) const { return selection == nullptr ? i : selection[i]; }
  int64_t weight(uint32_t row) const { return weights == nullptr ? 1 : weights[row]; }

  // Narrows to the given physical rows; `selection` must outlive the batch.
  void select(const uint16_t* rows_selected, uint32_t count) {
    selection = rows_selected;
    selected = count;
  }
  // Of the values of variable length in the live rows, each as often as it occurs.
  uint64_t string_bytes() const;
  // Copies the live rows together: flat columns, no selection. Strings still borrow their bytes.
  Batch compacted(Arena& arena) const;
};

// The columns of a relation or of an operator's output.
struct Column {
  std::string name;
  Type type;
  bool nullable = true;
};

struct Schema {
  std::vector<Column> columns;
  size_t size() const { return columns.size(); }
  std::vector<Type> types() const;
};

}  // namespace qw
