// Datum: see datum.h.
#include "src/types/datum.h"

#include <cstring>

namespace qw {

Datum Datum::of_bytes(Type type, std::string_view bytes) {
  QW_ASSERT(type.physical() == Physical::string);
  Datum datum = null(type);
  datum.null_ = false;
  datum.bytes_ = bytes;
  return datum;
}

Datum Datum::from(const Vector& vector, uint32_t row) {
  Datum datum = null(vector.type);
  if (vector.is_null(row) || vector.type.physical() == Physical::none) return datum;
  if (vector.type.physical() == Physical::string) {
    return of_bytes(vector.type, vector.at<Str>(row).view());
  }
  if (vector.type.physical() == Physical::numeric) {
    return of<Numeric>(vector.type, vector.at<Numeric>(row));
  }
  datum.null_ = false;
  const size_t bytes = vector.type.bytes();
  const char* at = static_cast<const char*>(vector.data) + size_t{vector.slot(row)} * bytes;
  std::memcpy(datum.fixed_.data(), at, bytes);
  return datum;
}

Datum Datum::with_type(Type type) const {
  const auto layout = [](const Type& of) {
    // The same bits, signed or not: int4 and oid.
    return of.physical() == Physical::u32 ? Physical::i32 : of.physical();
  };
  QW_ASSERT(null_ || layout(type) == layout(type_));
  Datum datum = *this;
  datum.type_ = type;
  return datum;
}

Vector Datum::to_vector(Arena& arena) const {
  if (null_) return Vector::null(type_, arena);
  if (type_.physical() == Physical::string) {
    return Vector::constant(type_, Str::copy(bytes_, arena), arena);
  }
  if (type_.physical() == Physical::numeric) {
    Numeric value = get<Numeric>();
    if (value.is_wide()) {
      char* limbs = static_cast<char*>(arena.allocate(bytes_.size(), 8));
      std::memcpy(limbs, bytes_.data(), bytes_.size());
      value = Numeric::wide(value.wide_negative(), value.scale(), {limbs, bytes_.size()});
    }
    return Vector::constant(type_, value, arena);
  }
  Vector vector = Vector::flat(type_, 1, arena);
  vector.form = Form::constant;
  std::memcpy(vector.data, fixed_.data(), type_.bytes());
  return vector;
}

bool Datum::identical(const Datum& other) const {
  if (!(type_ == other.type_) || null_ != other.null_) return false;
  if (null_) return true;
  if (bytes_ != other.bytes_) return false;
  if (type_.physical() == Physical::numeric) {
    // A wide numeric's upper half is an address.
    const Numeric a = get<Numeric>(), b = other.get<Numeric>();
    return a.header() == b.header() &&
           (a.is_wide() ? a.wide_negative() == b.wide_negative() : a.raw() == b.raw());
  }
  return std::memcmp(fixed_.data(), other.fixed_.data(), type_.bytes()) == 0;
}

}  // namespace qw
