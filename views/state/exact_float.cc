// ExactFloat; see exact_float.h.
#include "views/state/exact_float.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "src/base/assert.h"

namespace qw::views {
namespace {

constexpr int64_t kUnit = -1074;

uint32_t width(UInt128 value) {
  const auto high = static_cast<uint64_t>(value >> 64);
  return high != 0 ? 64 + static_cast<uint32_t>(std::bit_width(high))
                   : static_cast<uint32_t>(std::bit_width(static_cast<uint64_t>(value)));
}
UInt128 magnitude(Int128 value) {
  return value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
}
// value * 2^shift stays below 2^126.
bool can_shift(Int128 value, int64_t shift) {
  return shift >= 0 && shift < 126 && static_cast<int64_t>(width(magnitude(value))) + shift < 126;
}

bool is_negative(const ExactFloat::Big& big) { return (big.limbs[35] >> 63) != 0; }

// |value| as limbs * 2^-1074, rounded to `precision` bits.
double round_limbs(const std::array<uint64_t, 36>& limbs, bool negative, int precision) {
  int top = 35;
  while (top >= 0 && limbs[static_cast<size_t>(top)] == 0) --top;
  if (top < 0) return 0.0;
  const int64_t bits =
      int64_t{top} * 64 + static_cast<int64_t>(std::bit_width(limbs[static_cast<size_t>(top)]));
  const auto bit = [&](int64_t at) {
    return (limbs[static_cast<size_t>(at / 64)] >> (at % 64)) & 1U;
  };
  // The last bit kept: of a float (not double) result the smallest unit is 2^-149.
  int64_t low = bits - precision;
  const int64_t floor_bit = precision == 24 ? 1074 - 149 : 0;
  if (low < floor_bit) low = floor_bit;
  uint64_t kept = 0;
  for (int64_t at = bits - 1; at >= low; --at) kept = (kept << 1) | bit(at);
  if (low > 0 && bit(low - 1) != 0) {
    bool sticky = false;
    for (int64_t at = 0; at < (low - 1) / 64 && !sticky; ++at) {
      sticky = limbs[static_cast<size_t>(at)] != 0;
    }
    for (int64_t at = (low - 1) / 64 * 64; at < low - 1 && !sticky; ++at) sticky = bit(at) != 0;
    if (sticky || (kept & 1U) != 0) ++kept;
  }
  const double value = std::ldexp(static_cast<double>(kept), static_cast<int>(low + kUnit));
  return negative ? -value : value;
}

}  // namespace

void ExactFloat::add_big(Big& to, Int128 value, int64_t exponent) {
  if (value == 0) return;
  QW_ASSERT(exponent >= kUnit);
  const auto shift = static_cast<uint64_t>(exponent - kUnit);
  const bool negative = value < 0;
  const UInt128 bits = magnitude(value);
  const uint32_t small = shift % 64;
  size_t at = shift / 64;
  std::array<uint64_t, 3> add{static_cast<uint64_t>(bits), static_cast<uint64_t>(bits >> 64), 0};
  if (small != 0) {
    add[2] = add[1] >> (64 - small);
    add[1] = (add[1] << small) | (add[0] >> (64 - small));
    add[0] <<= small;
  }
  unsigned char carry = 0;
  for (size_t i = 0; at < to.limbs.size(); ++i, ++at) {
    const uint64_t part = i < 3 ? add[i] : 0;
    if (i >= 3 && carry == 0) break;
    uint64_t& limb = to.limbs[at];
    if (!negative) {
      const uint64_t sum = limb + part, with = sum + carry;
      carry = static_cast<unsigned char>((sum < part ? 1 : 0) | (with < sum ? 1 : 0));
      limb = with;
    } else {
      const uint64_t difference = limb - part, with = difference - carry;
      carry = static_cast<unsigned char>((limb < part ? 1 : 0) | (difference < carry ? 1 : 0));
      limb = with;
    }
  }
}

void ExactFloat::to_big() {
  big = new Big;  // NOLINT: owned by the slot, freed by release()
  add_big(*big, mantissa, exponent);
  mantissa = 0;
  exponent = 0;
}

void ExactFloat::add(double value, int64_t weight) {
  if (!std::isfinite(value)) {
    if (big == nullptr) to_big();
    int64_t& count = std::isnan(value) ? big->nans
                     : value > 0       ? big->infinities
                                       : big->minus_infinities;
    count += weight;
    return;
  }
  if (value == 0) return;
  int exponent_of_value = 0;
  const double fraction = std::frexp(value, &exponent_of_value);
  auto digits = static_cast<int64_t>(std::ldexp(fraction, 53));
  int64_t unit = exponent_of_value - 53;
  // Trailing zeros widen the range that the small form covers, and bring subnormals to their unit.
  const int zeros = std::countr_zero(static_cast<uint64_t>(digits));
  digits >>= zeros;
  unit += zeros;
  const Int128 term = Int128{digits} * weight;
  if (big != nullptr) {
    add_big(*big, term, unit);
    return;
  }
  if (mantissa == 0) {
    mantissa = term;
    exponent = unit;
    return;
  }
  if (unit >= exponent && can_shift(term, unit - exponent)) {
    mantissa += term << (unit - exponent);
  } else if (unit < exponent && can_shift(mantissa, exponent - unit)) {
    mantissa = (mantissa << (exponent - unit)) + term;
    exponent = unit;
  } else {
    to_big();
    add_big(*big, term, unit);
    return;
  }
  if (width(magnitude(mantissa)) > 125) to_big();
}

double ExactFloat::value(int precision) const {
  if (big == nullptr) {
    Big temporary;
    if (mantissa == 0) return 0.0;
    if (precision == 53) {
      const UInt128 bits = magnitude(mantissa);
      const uint32_t count = width(bits);
      uint64_t kept = static_cast<uint64_t>(bits);
      int64_t low = 0;
      if (count > 53) {
        low = count - 53;
        kept = static_cast<uint64_t>(bits >> low);
        const UInt128 rest = bits & ((UInt128{1} << low) - 1), half = UInt128{1} << (low - 1);
        if (rest > half || (rest == half && (kept & 1U) != 0)) ++kept;
      }
      const double result = std::ldexp(static_cast<double>(kept), static_cast<int>(exponent + low));
      return mantissa < 0 ? -result : result;
    }
    add_big(temporary, mantissa, exponent);
    ExactFloat wrapped;
    wrapped.big = &temporary;
    return wrapped.value(precision);
  }
  if (big->nans != 0 || (big->infinities != 0 && big->minus_infinities != 0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  if (big->infinities != 0) return std::numeric_limits<double>::infinity();
  if (big->minus_infinities != 0) return -std::numeric_limits<double>::infinity();
  return round_limbs(magnitude_limbs(), is_negative(*big), precision);
}

std::array<uint64_t, 36> ExactFloat::magnitude_limbs() const {
  std::array<uint64_t, 36> limbs = big->limbs;
  if (!is_negative(*big)) return limbs;
  unsigned char carry = 1;
  for (uint64_t& limb : limbs) {
    limb = ~limb + carry;
    carry = carry != 0 && limb == 0 ? 1 : 0;
  }
  return limbs;
}

__float128 ExactFloat::precise() const {
  if (big == nullptr) {
    return static_cast<__float128>(Int128{mantissa}) * std::ldexp(1.0, static_cast<int>(exponent));
  }
  const std::array<uint64_t, 36> limbs = magnitude_limbs();
  __float128 value = 0;
  for (size_t i = limbs.size(); i-- > 0;) {
    value = value * 0x1p64 + static_cast<__float128>(limbs[i]);
  }
  value *= std::ldexp(1.0, static_cast<int>(kUnit));
  return is_negative(*big) ? -value : value;
}

void ExactFloat::release() {
  delete big;
  big = nullptr;
}

void ExactFloat::save(std::string& out) const {
  out.push_back(big != nullptr ? 1 : 0);
  if (big != nullptr) {
    out.append(reinterpret_cast<const char*>(big), sizeof(Big));
  } else {
    append(out, mantissa);
    append(out, exponent);
  }
}

bool ExactFloat::load(std::string_view& bytes) {
  if (bytes.empty()) return false;
  const bool is_big = bytes.front() != 0;
  bytes.remove_prefix(1);
  const size_t size = is_big ? sizeof(Big) : sizeof(Int128) + sizeof(int64_t);
  if (bytes.size() < size) return false;
  release();
  if (is_big) {
    big = new Big;  // NOLINT: owned by the slot
    std::memcpy(big, bytes.data(), size);
    mantissa = 0;
    exponent = 0;
  } else {
    mantissa = qw::load<Int128>(bytes.data());
    exponent = qw::load<int64_t>(bytes.data() + sizeof(Int128));
  }
  bytes.remove_prefix(size);
  return true;
}

}  // namespace qw::views
