// Datum: one value that owns its bytes. For constants, parameters, defaults and catalogue rows;
// never in a loop over rows, where values live in vectors. Tests: tests/unit/types/datum_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "src/base/arena.h"
#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/types/numeric.h"
#include "src/types/str.h"
#include "src/types/type.h"
#include "src/types/vector.h"

namespace qw {

class Datum {
 public:
  Datum() = default;  // NULL of type unknown
  static Datum null(Type type) {
    Datum datum;
    datum.type_ = type;
    return datum;
  }
  // A fixed-width value (bool, int16_t, ..., Interval, Uuid, Numeric with its limbs).
  template <typename T>
  static Datum of(Type type, const T& value) {
    QW_ASSERT(sizeof(T) == type.bytes() && type.physical() != Physical::string);
    Datum datum = null(type);
    datum.null_ = false;
    std::memcpy(datum.fixed_.data(), &value, sizeof(T));
    if constexpr (std::is_same_v<T, Numeric>) {
      if (value.is_wide()) datum.bytes_ = value.limbs();
    }
    return datum;
  }
  // A value of a type with Physical::string.
  static Datum of_bytes(Type type, std::string_view bytes);
  static Datum text(std::string_view bytes) { return of_bytes(TypeId::text, bytes); }
  static Datum boolean(bool value) { return of<bool>(TypeId::boolean, value); }
  static Datum int4(int32_t value) { return of<int32_t>(TypeId::int4, value); }
  static Datum int8(int64_t value) { return of<int64_t>(TypeId::int8, value); }
  // Row `row` of a vector, deep copy.
  static Datum from(const Vector& vector, uint32_t row);

  Type type() const { return type_; }
  bool is_null() const { return null_; }
  template <typename T>
  T get() const {
    QW_ASSERT(!null_ && sizeof(T) == type_.bytes());
    const T value = load<T>(fixed_.data());
    if constexpr (std::is_same_v<T, Numeric>) {
      // The limbs moved with this Datum; they are borrowed from it.
      if (value.is_wide()) return Numeric::wide(value.wide_negative(), value.scale(), bytes_);
    }
    return value;
  }
  std::string_view bytes() const { return bytes_; }
  // The value's bytes in its fixed-width layout, for code that copies without looking inside.
  const char* fixed_bytes() const { return fixed_.data(); }
  // The same value under another type of the same layout.
  Datum with_type(Type type) const;
  // A constant vector; string bytes and wide numerics are copied into `arena`.
  Vector to_vector(Arena& arena) const;
  bool identical(const Datum& other) const;

 private:
  Type type_;
  bool null_ = true;
  alignas(16) std::array<char, 16> fixed_{};
  std::string bytes_;  // string types, and the limbs of a wide numeric
};

}  // namespace qw
