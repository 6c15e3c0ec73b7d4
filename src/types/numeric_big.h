// Big: an RAII shell around GMP's integers, and the way between them and Numeric. Private to the
// numeric sources. Tests: through numeric_test.cc.
#pragma once

#include <cstdint>
#include <utility>

#include <gmp.h>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/numeric.h"

namespace qw::numeric {

class Big {
 public:
  Big() { mpz_init(value_); }
  explicit Big(Numeric a);  // the mantissa at a's scale; a is finite
  Big(const Big& other) { mpz_init_set(value_, other.value_); }
  Big(Big&& other) noexcept {
    mpz_init(value_);
    mpz_swap(value_, other.value_);
  }
  Big& operator=(const Big&) = delete;
  Big& operator=(Big&& other) noexcept {
    mpz_swap(value_, other.value_);
    return *this;
  }
  ~Big() { mpz_clear(value_); }
  static Big from_int128(Int128 value);
  static Big power_of_ten(uint32_t exponent);

  mpz_ptr get() { return value_; }
  mpz_srcptr get() const { return value_; }
  int sign() const { return mpz_sgn(value_); }
  // Decimal digits of the magnitude; 1 for zero.
  uint32_t digits() const;
  void scale_up(uint32_t exponent);                // *= 10^exponent
  void scale_down(uint32_t exponent, bool round);  // /= 10^exponent, half away or truncated
  void divide(const Big& divisor, bool round);     // the same
  // From value * 10^scale to its root * 10^root_scale, half away. REQUIRES: not negative.
  void take_root(int32_t scale, int32_t root_scale);

 private:
  mpz_t value_;
};

// 22003 when it has more than 131072 digits before the point, or too large a scale.
Result<Numeric> make(const Big& mantissa, uint32_t scale, Arena& arena);
Error overflow();

// Decimal digits of |value|, 1 for zero.
uint32_t decimal_digits(Int128 value);
// 10^exponent for exponent <= 38.
Int128 power_of_ten(uint32_t exponent);
// Decimal weight of the leading digit (value = d.ddd * 10^weight); 0 for zero.
int32_t decimal_weight(Numeric a);

// What PostgreSQL's base-10000 digits would be: the weight of the first and its value.
struct Leading {
  int32_t weight = 0;
  int32_t digit = 0;  // 0 for zero
};
Leading leading(Numeric a);
Leading leading(const Big& mantissa, uint32_t scale);
// PostgreSQL's rule for the scale of a quotient: 16 significant digits at least, never less than
// either operand shows (`scale_min`), 1000 at most.
int32_t quotient_scale(Leading dividend, Leading divisor, int32_t scale_min);

inline constexpr int32_t kSignificantDigitsMin = 16;
inline constexpr int32_t kDisplayScaleMax = 1000;

}  // namespace qw::numeric
