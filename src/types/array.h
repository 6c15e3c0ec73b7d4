// Arrays: a value of type T[] as bytes inside a Str.
//
//   uint8   dimensions (0 = empty array), uint8 element TypeId, uint8 has NULLs, uint8 zero
//   uint32  element count
//   int32   length and lower bound, per dimension
//   NULLs   (count + 7) / 8 bytes, bit set = NULL, present when has NULLs
//   fixed-width elements: count * width bytes; others: count uint32 ends, then their bytes
//
// Row-major; nothing is aligned. Numerics are packed (numeric.h). Elements are read without parsing
// text. Pure values; any thread. Tests: tests/unit/types/array_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/datum.h"
#include "src/types/str.h"
#include "src/types/text.h"
#include "src/types/type.h"
#include "src/types/vector.h"

namespace qw {

struct ArrayDimension {
  int32_t length = 0;
  int32_t lower = 1;
  bool operator==(const ArrayDimension&) const = default;
};

// Reads the bytes of an array, which must outlive it.
class ArrayView {
 public:
  explicit ArrayView(std::string_view bytes);

  TypeId element_type() const { return static_cast<TypeId>(bytes_[1]); }
  uint32_t dimensions() const { return static_cast<unsigned char>(bytes_[0]); }
  ArrayDimension dimension(uint32_t index) const;
  // Elements over all dimensions.
  uint32_t size() const { return count_; }
  bool has_nulls() const { return nulls_ != nullptr; }
  bool is_null(uint32_t index) const {
    return nulls_ != nullptr &&
           ((static_cast<unsigned char>(nulls_[index / 8]) >> (index % 8)) & 1U);
  }
  // The stored bytes of an element that is not NULL: its fixed-width value, text, packed numeric.
  std::string_view raw(uint32_t index) const;
  template <typename T>
  T fixed(uint32_t index) const {
    return load<T>(data_ + size_t{index} * sizeof(T));
  }
  // Position of the element at these subscripts, or -1 when out of bounds or of other
  // dimensionality.
  int64_t offset_of(std::span<const int32_t> subscripts) const;
  // Elements [from, from + count) as a flat vector; text borrows from the array's bytes.
  Vector elements(uint32_t from, uint32_t count, Arena& arena) const;
  Vector elements(Arena& arena) const { return elements(0, count_, arena); }
  Datum element(uint32_t index) const;
  bool same_shape(const ArrayView& other) const;

 private:
  std::string_view bytes_;
  uint32_t count_ = 0, width_ = 0;  // width 0 = variable
  const char* nulls_ = nullptr;
  const char* data_ = nullptr;      // values or ends
  const char* variable_ = nullptr;  // bytes of variable elements
};

namespace array {

// Rows [from, from + count) of a vector as a one-dimensional array with lower bound 1.
Str make(const Vector& values, uint32_t from, uint32_t count, Arena& arena);
// The same elements under other dimensions; the product of lengths is `count`.
Str make(const Vector& values, uint32_t from, uint32_t count,
         std::span<const ArrayDimension> dimensions, Arena& arena);
// Rows 0 .. count - 1, row i copies[i] times in a row.
Str make_repeated(const Vector& values, uint32_t count, const int64_t* copies, Arena& arena);
Str make_empty(TypeId element, Arena& arena);
Datum make(TypeId element, std::span<const Datum> values);

// PostgreSQL's btree order: elements, then count, then dimensions.
int compare(std::string_view a, std::string_view b);
// Equal arrays give equal bytes (elements canonical); arrays already so are returned as they are.
std::string_view canonical(std::string_view bytes, Arena& arena);
// Memcomparable bytes: order as compare(), self-delimiting.
void append_key(std::string_view bytes, std::string& out);

// array || array, array || element, element || array. 2202E for incompatible dimensions.
Result<Str> concat(std::string_view a, std::string_view b, Arena& arena);
Result<Str> append(std::string_view a, const Vector& values, uint32_t row, Arena& arena);
Result<Str> prepend(const Vector& values, uint32_t row, std::string_view a, Arena& arena);
// a[lower:upper, ...] per dimension; empty when nothing is left.
Str slice(std::string_view a, std::span<const int32_t> lower, std::span<const int32_t> upper,
          Arena& arena);
// Position of the first element equal to values[row] (NULL finds NULL), from `from`; -1 = none.
int64_t find(const ArrayView& a, const Vector& values, uint32_t row, uint32_t from = 0);
// All elements of `needles` that are not NULL occur / one of them occurs.
bool contains(std::string_view a, std::string_view needles);
bool overlaps(std::string_view a, std::string_view b);

// Bytes of a T[] literal. `element` may carry a typmod in `type.typmod`.
Result<std::string_view> parse(Type type, std::string_view text, const TextStyle& style,
                               Arena& arena);
void append_text(std::string_view bytes, const TextStyle& style, std::string& out);
void append_binary(std::string_view bytes, std::string& out);
Result<std::string_view> from_binary(Type type, std::string_view wire, Arena& arena);

// Appends a text with the quoting that array elements need.
void append_quoted(std::string_view text, char delimiter, std::string& out);

}  // namespace array

// Records (row values): uint32 count, per field uint32 type oid, int32 typmod, then as a packed row
// of RowCodec over these types.
namespace record {
Str make(std::span<const Vector> fields, uint32_t row, Arena& arena);
std::vector<Type> types(std::string_view bytes);
// Field `index`, one value. REQUIRES: index < count.
Datum field(std::string_view bytes, uint32_t index);
int compare(std::string_view a, std::string_view b);
void append_text(std::string_view bytes, const TextStyle& style, std::string& out);
void append_binary(std::string_view bytes, std::string& out);
}  // namespace record

// The element type of a type whose values are laid out as arrays: T[], int2vector, oidvector.
// Nothing for the others.
std::optional<Type> array_element_type(const Type& type);

// The order of two values of one type (PostgreSQL's btree order), neither NULL. For code outside
// loops; kernels compare natively.
int compare_values(const Vector& a, uint32_t row_a, const Vector& b, uint32_t row_b);
int compare_values(const Datum& a, const Datum& b);

}  // namespace qw
