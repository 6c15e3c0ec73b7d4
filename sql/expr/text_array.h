// text[] values from parts. Tests: tests/unit/sql_expr/cases/regex.tsv.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/types/array.h"
#include "src/types/vector.h"

namespace qw::sql {

// One-dimensional; nullopt = NULL element. Long parts are borrowed while this runs only.
inline Str text_array(std::span<const std::optional<std::string_view>> parts, Arena& arena) {
  if (parts.empty()) return array::make_empty(TypeId::text, arena);
  const auto count = static_cast<uint32_t>(parts.size());
  Vector vector = Vector::flat(TypeId::text, count, arena);
  for (uint32_t i = 0; i < count; ++i) {
    vector.values<Str>()[i] = parts[i] ? Str(*parts[i]) : Str();
    if (!parts[i]) vector.set_null(i, count, arena);
  }
  return array::make(vector, 0, count, arena);
}

}  // namespace qw::sql
