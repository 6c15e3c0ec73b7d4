// Vector: see vector.h.
#include "src/types/vector.h"

#include <cstring>

#include "src/base/bytes.h"

namespace qw {
namespace {

struct alignas(8) Wide {
  uint64_t low, high;
};

template <typename T, typename Index>
void gather(const void* from, void* to, const Index& index, uint32_t count) {
  const T* source = static_cast<const T*>(from);
  T* target = static_cast<T*>(to);
  for (uint32_t i = 0; i < count; ++i) target[i] = source[index(i)];
}

template <typename Index>
void gather_bytes(uint32_t bytes, const void* from, void* to, const Index& index, uint32_t count) {
  switch (bytes) {
    case 1:
      return gather<uint8_t>(from, to, index, count);
    case 2:
      return gather<uint16_t>(from, to, index, count);
    case 4:
      return gather<uint32_t>(from, to, index, count);
    case 8:
      return gather<uint64_t>(from, to, index, count);
    case 16:
      return gather<Wide>(from, to, index, count);
    default:
      return;
  }
}

template <typename Index>
Vector gather_all(const Vector& vector, const Index& index, uint32_t count, Arena& arena) {
  Vector out = Vector::flat(vector.type, count, arena);
  gather_bytes(vector.type.bytes(), vector.data, out.data, index, count);
  if (vector.validity != nullptr) {
    uint64_t* bits = out.ensure_validity(count, arena);
    for (uint32_t i = 0; i < count; ++i) {
      if (!bit_get(vector.validity, index(i))) bit_clear(bits, i);
    }
  }
  return out;
}

}  // namespace

Vector Vector::null(Type type, Arena& arena) {
  Vector vector = flat(type, 1, arena);
  std::memset(vector.data, 0, size_t{type.bytes()} + 64);
  vector.form = Form::constant;
  vector.validity = arena.allocate_array<uint64_t>(1);
  vector.validity[0] = 0;
  return vector;
}

uint64_t* Vector::ensure_validity(uint32_t rows, Arena& arena) {
  if (validity == nullptr) {
    const uint32_t words = bitmap_words(rows == 0 ? 1 : rows);
    validity = arena.allocate_array<uint64_t>(words);
    std::memset(validity, 0xff, size_t{words} * 8);
  }
  return validity;
}

Vector Vector::flattened(uint32_t rows, Arena& arena) const {
  switch (form) {
    case Form::flat:
      return *this;
    case Form::constant:
      return gather_all(
          *this, [](uint32_t) { return 0U; }, rows, arena);
    case Form::dictionary:
      return gather_all(
          *this, [this](uint32_t i) { return uint32_t{indices[i]}; }, rows, arena);
  }
  QW_UNREACHABLE();
}

Vector Vector::gathered(const uint16_t* selection, uint32_t count, Arena& arena) const {
  switch (form) {
    case Form::flat:
      return gather_all(
          *this, [selection](uint32_t i) { return uint32_t{selection[i]}; }, count, arena);
    case Form::constant:
      return gather_all(
          *this, [](uint32_t) { return 0U; }, count, arena);
    case Form::dictionary:
      return gather_all(
          *this, [this, selection](uint32_t i) { return uint32_t{indices[selection[i]]}; }, count,
          arena);
  }
  QW_UNREACHABLE();
}

}  // namespace qw
