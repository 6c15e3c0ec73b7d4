// Batch: see batch.h.
#include "src/types/batch.h"

#include <cstring>

#include "src/types/str.h"

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

uint64_t Batch::string_bytes() const {
  uint64_t bytes = 0;
  for (const Vector& column : columns) {
    if (column.type.physical() != Physical::string) continue;
    for (uint32_t i = 0; i < size(); ++i) {
      if (!column.is_null(row(i))) bytes += column.at<Str>(row(i)).size();
    }
  }
  return bytes;
}

std::vector<Type> Schema::types() const {
  std::vector<Type> out;
  out.reserve(columns.size());
  for (const Column& column : columns) out.push_back(column.type);
  return out;
}

}  // namespace qw
