// Vector: one column of a batch.
//
// A view: it owns nothing, and is copied freely; its memory lives in the arena of whoever made it.
// Forms: flat (a value per row), constant (one value for all rows), dictionary (16-bit indices into
// a flat vector of values). A kernel sees rows 0..rows-1 of the batch; a selection is the batch's
// business. Validity is a bitmap (bit set = not NULL) over the stored values, absent = no NULLs.
// Under a NULL the data holds anything that is safe to compute on (zero).
// Tests: tests/unit/types/vector_test.cc.
#pragma once

#include <cstdint>
#include <cstring>

#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/types/type.h"

namespace qw {

inline constexpr uint32_t kBatchRowsMax = limits::kBatchRowsMax;

enum class Form : uint8_t { flat, constant, dictionary };

inline bool bit_get(const uint64_t* bits, uint32_t index) {
  return (bits[index / 64] >> (index % 64)) & 1U;
}
inline void bit_set(uint64_t* bits, uint32_t index) {
  bits[index / 64] |= uint64_t{1} << (index % 64);
}
inline void bit_clear(uint64_t* bits, uint32_t index) {
  bits[index / 64] &= ~(uint64_t{1} << (index % 64));
}
constexpr uint32_t bitmap_words(uint32_t rows) { return (rows + 63) / 64; }

struct Vector {
  Type type;
  Form form = Form::flat;
  void* data = nullptr;
  uint64_t* validity = nullptr;       // over the stored values
  const uint16_t* indices = nullptr;  // dictionary only: row -> stored value

  // A flat vector of uninitialised values without NULLs.
  static Vector flat(Type type, uint32_t rows, Arena& arena) {
    Vector vector;
    vector.type = type;
    vector.data = arena.allocate(size_t{type.bytes()} * rows + 64, 64);
    return vector;
  }
  // A constant NULL of the type.
  static Vector null(Type type, Arena& arena);
  template <typename T>
  static Vector constant(Type type, const T& value, Arena& arena) {
    Vector vector = flat(type, 1, arena);
    vector.form = Form::constant;
    std::memcpy(vector.data, &value, sizeof(T));
    return vector;
  }

  template <typename T>
  T* values() {
    return static_cast<T*>(data);
  }
  template <typename T>
  const T* values() const {
    return static_cast<const T*>(data);
  }
  // Where row `row` is stored.
  uint32_t slot(uint32_t row) const {
    switch (form) {
      case Form::flat:
        return row;
      case Form::constant:
        return 0;
      case Form::dictionary:
        return indices[row];
    }
    return row;
  }
  bool is_null(uint32_t row) const { return validity != nullptr && !bit_get(validity, slot(row)); }
  template <typename T>
  const T& at(uint32_t row) const {
    return values<T>()[slot(row)];
  }
  bool is_constant() const { return form == Form::constant; }

  // Gives the vector an all-valid bitmap of `rows` bits when it has none.
  uint64_t* ensure_validity(uint32_t rows, Arena& arena);
  void set_null(uint32_t row, uint32_t rows, Arena& arena) {
    QW_ASSERT(form == Form::flat);
    bit_clear(ensure_validity(rows, arena), row);
  }
  // The same rows as a flat vector (itself when it is flat already).
  Vector flattened(uint32_t rows, Arena& arena) const;
  // Rows picked by `selection` as a flat vector of `count` rows.
  Vector gathered(const uint16_t* selection, uint32_t count, Arena& arena) const;
};

}  // namespace qw
