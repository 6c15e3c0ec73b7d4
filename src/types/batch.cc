// Batch: see batch.h.
#include "src/types/batch.h"

#include <cstring>

namespace qw {

Batch Batch::compacted(Arena& arena) const {
  Batch out;
  out.rows = size();
  out.columns.reserve(columns.size());
  for (const Vector& column : columns) {
    out.columns.push_back(selection == nullptr ? column.flattened(rows, arena)
                                               : column.gathered(selection, selected, arena));
  }
  if (weights != nullptr) {
    int64_t* copy = arena.allocate_column<int64_t>(out.rows);
    for (uint32_t i = 0; i < out.rows; ++i) copy[i] = weights[row(i)];
    out.weights = copy;
  }
  return out;
}

std::vector<Type> Schema::types() const {
  std::vector<Type> out;
  out.reserve(columns.size());
  for (const Column& column : columns) out.push_back(column.type);
  return out;
}

}  // namespace qw
