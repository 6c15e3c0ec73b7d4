// Row indices: turns (vector form, selection) into one small functor, so that loops over a column
// are compiled once per form and carry no branch per value. Tests: through row_codec and key_codec.
#pragma once

#include <cstdint>

#include "src/types/batch.h"
#include "src/types/vector.h"

namespace qw {

// Calls `body(index)` where index(i) is the slot in `vector` of the i-th live row of `batch`.
template <typename Body>
void visit_slots(const Vector& vector, const Batch& batch, const Body& body) {
  const uint16_t* selection = batch.selection;
  const uint16_t* indices = vector.indices;
  switch (vector.form) {
    case Form::constant:
      return body([](uint32_t) { return 0U; });
    case Form::flat:
      if (selection == nullptr) return body([](uint32_t i) { return i; });
      return body([selection](uint32_t i) { return uint32_t{selection[i]}; });
    case Form::dictionary:
      if (selection == nullptr) return body([indices](uint32_t i) { return uint32_t{indices[i]}; });
      return body([indices, selection](uint32_t i) { return uint32_t{indices[selection[i]]}; });
  }
}

}  // namespace qw
