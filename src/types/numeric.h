// Numeric: PostgreSQL's numeric in 16 bytes.
//
//   bits 0-15    header: bits 0-13 display scale, bits 14-15 form (narrow, special, wide)
//   bits 16-127  narrow: signed mantissa, value = mantissa / 10^scale (33 digits)
//                special: 0 = NaN, 1 = Infinity, -1 = -Infinity
//                wide: bits 16-47 bytes of magnitude, bit 48 sign, bits 64-127 pointer to them
//
// Narrow numbers of one scale add and compare as the raw 128 bits do. A value is narrow whenever
// its mantissa at its display scale fits 112 bits, so the form is a function of value and scale.
// Wide magnitudes are little-endian 64-bit limbs without leading zero limbs, borrowed from an
// arena. The display scale prints, but 1.0 = 1.00; canonical() picks the smallest scale. Result
// scales are PostgreSQL's. Plain values; any thread. Tests: tests/unit/types/numeric_test.cc, and
// tests/unit/types/differential_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/bytes.h"
#include "src/base/result.h"

namespace qw {

class Numeric {
 public:
  static constexpr uint32_t kScaleMax = 16383;  // 14 bits, also PostgreSQL's limit
  static constexpr Int128 kMantissaMax = (Int128{1} << 111) - 1;
  static constexpr uint16_t kSpecial = 1U << 14, kWide = 2U << 14, kFormMask = 3U << 14;

  constexpr Numeric() = default;  // 0
  // REQUIRES: |mantissa| <= kMantissaMax, scale <= kScaleMax.
  static constexpr Numeric narrow(Int128 mantissa, uint32_t scale) {
    return Numeric((mantissa << 16) | Int128{scale});
  }
  static constexpr Numeric from_raw(Int128 raw) { return Numeric(raw); }
  static constexpr Numeric of(int64_t value) { return narrow(value, 0); }
  static constexpr Numeric nan() { return Numeric(Int128{kSpecial}); }
  static constexpr Numeric infinity() { return Numeric((Int128{1} << 16) | Int128{kSpecial}); }
  static constexpr Numeric minus_infinity() {
    return Numeric((Int128{-1} << 16) | Int128{kSpecial});
  }
  // `limbs` is the magnitude's bytes, a multiple of 8, borrowed.
  static Numeric wide(bool negative, uint32_t scale, std::string_view limbs) {
    const uint64_t low = uint64_t{kWide | scale} | (uint64_t{limbs.size()} << 16) |
                         (negative ? uint64_t{1} << 48 : 0);
    const auto high = reinterpret_cast<uintptr_t>(limbs.data());
    return Numeric(static_cast<Int128>((UInt128{high} << 64) | low));
  }

  constexpr Int128 raw() const { return raw_; }
  constexpr uint16_t header() const { return static_cast<uint16_t>(raw_); }
  constexpr bool is_narrow() const { return (header() & kFormMask) == 0; }
  constexpr bool is_wide() const { return (header() & kFormMask) == kWide; }
  constexpr bool is_special() const { return (header() & kFormMask) == kSpecial; }
  constexpr bool is_finite() const { return !is_special(); }
  constexpr bool is_nan() const { return raw_ == Int128{kSpecial}; }
  constexpr uint32_t scale() const { return header() & uint32_t{kScaleMax}; }
  // Narrow: the mantissa. Special: 0 NaN, 1, -1.
  constexpr Int128 mantissa() const { return raw_ >> 16; }
  std::string_view limbs() const {
    const auto low = static_cast<uint64_t>(raw_);
    const auto high = static_cast<uintptr_t>(static_cast<UInt128>(raw_) >> 64);
    return {reinterpret_cast<const char*>(high), (low >> 16) & 0xffffffffU};
  }
  constexpr bool wide_negative() const { return ((static_cast<uint64_t>(raw_) >> 48) & 1U) != 0; }
  // -1, 0, 1; 0 for NaN.
  constexpr int sign() const {
    if (is_wide()) return wide_negative() ? -1 : 1;
    const Int128 value = mantissa();
    return value < 0 ? -1 : (value > 0 ? 1 : 0);
  }

 private:
  explicit constexpr Numeric(Int128 raw) : raw_(raw) {}
  Int128 raw_ = 0;
};
static_assert(sizeof(Numeric) == 16);

namespace numeric {

inline constexpr std::array<int64_t, 19> kPowersOfTen = [] {
  std::array<int64_t, 19> powers{};
  int64_t power = 1;
  for (int64_t& slot : powers) {
    slot = power;
    if (power <= INT64_MAX / 10) power *= 10;
  }
  return powers;
}();

inline constexpr bool fits(Int128 mantissa) {
  return mantissa <= Numeric::kMantissaMax && mantissa >= -Numeric::kMantissaMax;
}
inline bool is_int64(Int128 value) { return value == Int128{static_cast<int64_t>(value)}; }

// The general paths, out of line. "value overflows numeric format" (22003) beyond PostgreSQL's
// range.
Result<Numeric> add_slow(Numeric a, Numeric b, bool subtract, Arena& arena);
Result<Numeric> mul_slow(Numeric a, Numeric b, Arena& arena);
int compare_slow(Numeric a, Numeric b);

inline bool add_fast(Numeric a, Numeric b, Numeric& out) {
  const uint16_t header = a.header();
  if (header != b.header() || header > Numeric::kScaleMax) [[unlikely]]
    return false;
  Int128 sum;
  if (__builtin_add_overflow(a.raw() - Int128{header}, b.raw(), &sum)) [[unlikely]]
    return false;
  out = Numeric::from_raw(sum);
  return fits(sum >> 16);
}
inline bool sub_fast(Numeric a, Numeric b, Numeric& out) {
  const uint16_t header = a.header();
  if (header != b.header() || header > Numeric::kScaleMax) [[unlikely]]
    return false;
  Int128 difference;
  if (__builtin_sub_overflow(a.raw(), b.raw() - Int128{header}, &difference)) [[unlikely]]
    return false;
  out = Numeric::from_raw(difference);
  return fits(difference >> 16);
}
inline bool mul_fast(Numeric a, Numeric b, Numeric& out) {
  if (((a.header() | b.header()) & Numeric::kFormMask) != 0) [[unlikely]]
    return false;
  const uint32_t scale = a.scale() + b.scale();
  const Int128 x = a.mantissa(), y = b.mantissa();
  if (!is_int64(x) || !is_int64(y) || scale > Numeric::kScaleMax) [[unlikely]]
    return false;
  const Int128 product = x * y;
  out = Numeric::narrow(product, scale);
  return fits(product);
}

inline Result<Numeric> add(Numeric a, Numeric b, Arena& arena) {
  Numeric out;
  if (add_fast(a, b, out)) [[likely]]
    return out;
  return add_slow(a, b, false, arena);
}
inline Result<Numeric> sub(Numeric a, Numeric b, Arena& arena) {
  Numeric out;
  if (sub_fast(a, b, out)) [[likely]]
    return out;
  return add_slow(a, b, true, arena);
}
inline Result<Numeric> mul(Numeric a, Numeric b, Arena& arena) {
  Numeric out;
  if (mul_fast(a, b, out)) [[likely]]
    return out;
  return mul_slow(a, b, arena);
}
// -1, 0, 1; NaN equals NaN and is above everything.
inline int compare(Numeric a, Numeric b) {
  if (a.header() == b.header() && a.header() <= Numeric::kScaleMax) [[likely]] {
    return static_cast<int>(a.raw() > b.raw()) - static_cast<int>(a.raw() < b.raw());
  }
  return compare_slow(a, b);
}
inline bool equal(Numeric a, Numeric b) {
  if (a.header() == b.header() && a.header() <= Numeric::kScaleMax) [[likely]]
    return a.raw() == b.raw();
  return compare_slow(a, b) == 0;
}

Result<Numeric> div(Numeric a, Numeric b, Arena& arena);        // 22012
Result<Numeric> mod(Numeric a, Numeric b, Arena& arena);        // 22012
Result<Numeric> div_trunc(Numeric a, Numeric b, Arena& arena);  // div(a, b)
Numeric negate(Numeric a);
Numeric abs(Numeric a);
// Rounds half away from zero to `digits` after the point, which may be negative.
Result<Numeric> round(Numeric a, int32_t digits, Arena& arena);
Result<Numeric> trunc(Numeric a, int32_t digits, Arena& arena);
Result<Numeric> ceil(Numeric a, Arena& arena);
Result<Numeric> floor(Numeric a, Arena& arena);
// The smallest scale that shows the value in full; 0 for specials.
uint32_t min_scale(Numeric a);
Numeric trim_scale(Numeric a, Arena& arena);    // also the canonical form for equality
Result<Numeric> sqrt(Numeric a, Arena& arena);  // 2201F for negatives
Result<Numeric> exp(Numeric a, Arena& arena);
Result<Numeric> ln(Numeric a, Arena& arena);                          // 2201E
Result<Numeric> log(Numeric base, Numeric a, Arena& arena);           // 2201E
Result<Numeric> power(Numeric base, Numeric exponent, Arena& arena);  // 2201F
Result<Numeric> gcd(Numeric a, Numeric b, Arena& arena);
Result<Numeric> lcm(Numeric a, Numeric b, Arena& arena);
Result<Numeric> factorial(int64_t n, Arena& arena);

// numeric(p,s): rounds; 22003 "numeric field overflow" with DETAIL.
Result<Numeric> apply_typmod(Numeric a, int32_t typmod, Arena& arena);

// Any 128-bit mantissa; at display scale `scale`.
Numeric from_int128(Int128 mantissa, uint32_t scale, Arena& arena);
// As PostgreSQL: 15 significant digits for float8, 6 for float4.
Result<Numeric> from_float8(double value, Arena& arena);
Result<Numeric> from_float4(float value, Arena& arena);
// Round half away; 22003 "bigint out of range", 0A000 "cannot convert NaN to bigint".
Result<int64_t> to_int8(Numeric a);
Result<int32_t> to_int4(Numeric a);
Result<int16_t> to_int2(Numeric a);
Result<double> to_float8(Numeric a);
Result<float> to_float4(Numeric a);

Result<Numeric> parse(std::string_view text, Arena& arena);
void append_text(Numeric a, std::string& out);
void append_binary(Numeric a, std::string& out);
Result<Numeric> from_binary(std::string_view bytes, Arena& arena);

// Equal values hash alike, whatever their scale.
uint64_t hash(Numeric a);
// Two bytes of header, then the narrow mantissa in as few bytes as hold it, or sign and limbs: how
// numerics lie in arrays and jsonb.
void append_packed(Numeric a, std::string& out);
// Wide limbs borrow from `bytes`. REQUIRES: bytes made by append_packed().
Numeric from_packed(std::string_view bytes);
// Memcomparable bytes of the value; equal values give equal bytes. Self-delimiting.
void append_key(Numeric a, std::string& out);

}  // namespace numeric
}  // namespace qw
