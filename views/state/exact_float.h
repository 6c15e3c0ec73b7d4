// ExactFloat: the sum of floats without rounding, so that order does not matter and taking a value
// away undoes adding it.
//
// Small: a 128-bit integer times a power of two, enough as long as the values' magnitudes span less
// than some 70 bits. Else 36 limbs of fixed point that span all of double. NaN and infinities are
// counted. Rounding (to nearest, ties to even) happens once, in value(). All zero = 0.
// Plain bytes but for `big`, which the owner releases. Tests: tests/unit/views/exact_float_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/bytes.h"

namespace qw::views {

struct ExactFloat {
  struct Big {
    std::array<uint64_t, 36> limbs{};  // two's complement, unit 2^-1074
    int64_t nans = 0, infinities = 0, minus_infinities = 0;
  };
  LooseInt128 mantissa = 0;
  int64_t exponent = 0;  // meaningful when mantissa != 0
  Big* big = nullptr;

  void add(double value, int64_t weight);
  // The rounded sum with `precision` bits (53 or 24); NaN and infinities as IEEE adds them.
  double value(int precision = 53) const;
  // The sum to 113 bits, which may be beyond what a double holds. Only of finite inputs.
  __float128 precise() const;
  bool has_infinite_input() const {
    return big != nullptr && (big->nans != 0 || big->infinities != 0 || big->minus_infinities != 0);
  }
  // Outside of the slot.
  size_t bytes() const { return big == nullptr ? 0 : sizeof(Big) + kBlockBytes; }
  // Makes a byte copy whole; release() it as well.
  void keep() {
    if (big != nullptr) big = new Big(*big);  // NOLINT
  }
  void release();
  void save(std::string& out) const;
  bool load(std::string_view& bytes);

 private:
  static constexpr size_t kBlockBytes = 16;  // what the allocator adds
  void to_big();
  std::array<uint64_t, 36> magnitude_limbs() const;  // of `big`
  static void add_big(Big& big, Int128 mantissa, int64_t exponent);
};
static_assert(sizeof(ExactFloat) == 32);

}  // namespace qw::views
