// Roots, exponentials and logarithms of numerics: see numeric.h.
//
// Each function first settles the display scale by PostgreSQL's rule (at least 16 significant
// digits, estimated from the arguments), then computes with enough guard bits that rounding half
// away from zero at that scale gives the digits of the exact result. MPFR does the arithmetic.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include <fmt/format.h>
#include <mpfr.h>

#include "src/base/assert.h"
#include "src/types/numeric.h"
#include "src/types/numeric_big.h"

namespace qw::numeric {
namespace {

constexpr double kBitsPerDigit = 3.3219280948873626;
constexpr double kLog10E = 0.434294481903252;
constexpr double kResultScaleMax = 2000;  // PostgreSQL's NUMERIC_MAX_RESULT_SCALE
constexpr int64_t kIntegerDigitsMax = 131072;

class Real {
 public:
  explicit Real(mpfr_prec_t bits) { mpfr_init2(value_, bits); }
  Real(const Real&) = delete;
  Real& operator=(const Real&) = delete;
  ~Real() { mpfr_clear(value_); }
  mpfr_ptr get() { return value_; }

  // The exact value where the precision allows it.
  void set(Numeric a) {
    const Big mantissa(a);
    if (a.scale() == 0) {
      mpfr_set_z(value_, mantissa.get(), MPFR_RNDN);
      return;
    }
    Real power(mpfr_get_prec(value_));
    mpfr_set_z(power.get(), Big::power_of_ten(a.scale()).get(), MPFR_RNDN);
    mpfr_set_z(value_, mantissa.get(), MPFR_RNDN);
    mpfr_div(value_, value_, power.get(), MPFR_RNDN);
  }

  // Rounded half away from zero at `scale`.
  Result<Numeric> numeric(int32_t scale, Arena& arena) {
    Real scaled(mpfr_get_prec(value_) + static_cast<mpfr_prec_t>(scale * kBitsPerDigit) + 64);
    mpfr_mul_z(scaled.get(), value_, Big::power_of_ten(static_cast<uint32_t>(scale)).get(),
               MPFR_RNDN);
    mpfr_round(scaled.get(), scaled.get());
    Big out;
    mpfr_get_z(out.get(), scaled.get(), MPFR_RNDN);
    return make(out, static_cast<uint32_t>(scale), arena);
  }

 private:
  mpfr_t value_;
};

mpfr_prec_t bits_for(double digits) {
  return static_cast<mpfr_prec_t>(std::max(digits, 20.0) * kBitsPerDigit) + 128;
}

int32_t digits_of(Numeric a) {
  return std::max(decimal_weight(a), 0) + static_cast<int32_t>(a.scale()) + 2;
}

int32_t clamp_scale(int32_t scale, int32_t shown) {
  return std::min(std::max({scale, shown, 0}), kDisplayScaleMax);
}

double approximate(Numeric a) {
  Real value(64);
  value.set(a);
  return mpfr_get_d(value.get(), MPFR_RNDN);
}

// Decimal weight of ln(a), as PostgreSQL estimates it from the leading digits.
int32_t ln_weight(Numeric a) {
  if (a.sign() <= 0) return 0;
  if (compare(a, Numeric::narrow(9, 1)) >= 0 && compare(a, Numeric::narrow(11, 1)) <= 0) {
    Arena arena;
    const auto offset = sub(a, Numeric::of(1), arena);
    return offset && offset->sign() != 0 ? decimal_weight(*offset) : 0;
  }
  // The first two base-10000 digits.
  const Leading first = leading(a);
  double digits = first.digit;
  double weight = first.weight * 4;
  Arena arena;
  const int32_t shift = static_cast<int32_t>(a.scale()) + 4 * (first.weight - 1);
  if (shift >= 0 || a.scale() != 0 || decimal_weight(a) > 3) {
    Big two(a);
    if (shift >= 0) {
      two.scale_down(static_cast<uint32_t>(shift), false);
    } else {
      two.scale_up(static_cast<uint32_t>(-shift));
    }
    digits = mpz_get_d(two.get());
    weight -= 4;
  }
  const double estimate = std::log(digits) + weight * 2.302585092994046;
  return static_cast<int32_t>(std::log10(std::fabs(estimate)));
}

Error negative_logarithm() {
  return invalid_argument_for_logarithm("cannot take logarithm of a negative number");
}
Error zero_logarithm() { return invalid_argument_for_logarithm("cannot take logarithm of zero"); }

Result<void> check_logarithm(Numeric a) {
  if (a.is_nan()) return {};
  if (a.sign() < 0) return fail(negative_logarithm());
  if (a.sign() == 0) return fail(zero_logarithm());
  return {};
}

}  // namespace

Result<Numeric> sqrt(Numeric a, Arena& arena) {
  if (a.is_nan()) return a;
  if (a.sign() < 0) {
    return fail(
        invalid_argument_for_power_function("cannot take square root of a negative number"));
  }
  if (a.is_special()) return a;
  const int32_t weight = leading(a).weight;
  const int32_t root_weight = weight >= 0 ? weight * 4 / 2 + 1 : 1 - (1 - weight * 4) / 2;
  const auto own_scale = static_cast<int32_t>(a.scale());
  const int32_t scale = clamp_scale(kSignificantDigitsMin - root_weight, own_scale);
  Big value(a);
  value.take_root(own_scale, scale);
  return make(value, static_cast<uint32_t>(scale), arena);
}

Result<Numeric> exp(Numeric a, Arena& arena) {
  if (a.is_nan()) return a;
  if (a.is_special()) return a.sign() > 0 ? a : Numeric::of(0);
  const double value = approximate(a);
  const double weight = std::clamp(value * kLog10E, -kResultScaleMax, kResultScaleMax);
  const int32_t scale = clamp_scale(kSignificantDigitsMin - static_cast<int32_t>(weight),
                                    static_cast<int32_t>(a.scale()));
  if (std::fabs(value) >= kResultScaleMax * 3) {
    if (value > 0) return fail(overflow());
    return Numeric::narrow(0, static_cast<uint32_t>(scale));
  }
  const double digits = std::max(value * kLog10E, 0.0) + scale + digits_of(a) + 20;
  Real x(bits_for(digits));
  x.set(a);
  mpfr_exp(x.get(), x.get(), MPFR_RNDN);
  return x.numeric(scale, arena);
}

Result<Numeric> ln(Numeric a, Arena& arena) {
  QW_TRY(check_logarithm(a));
  if (a.is_special()) return a;
  const int32_t scale =
      clamp_scale(kSignificantDigitsMin - ln_weight(a), static_cast<int32_t>(a.scale()));
  // ln(1 + x) loses as many digits as x is small; reading the argument exactly covers that.
  Real x(bits_for(2.0 * digits_of(a) + scale + 20));
  x.set(a);
  mpfr_log(x.get(), x.get(), MPFR_RNDN);
  return x.numeric(scale, arena);
}

Result<Numeric> log(Numeric base, Numeric a, Arena& arena) {
  if (base.is_nan() || a.is_nan()) return Numeric::nan();
  QW_TRY(check_logarithm(base));
  QW_TRY(check_logarithm(a));
  if (base.is_special()) {
    return a.is_special() ? Numeric::nan() : Numeric::of(0);
  }
  if (a.is_special()) return Numeric::infinity();
  if (compare(base, Numeric::of(1)) == 0) return fail(division_by_zero("division by zero"));
  const int32_t scale = clamp_scale(kSignificantDigitsMin - (ln_weight(a) - ln_weight(base)),
                                    static_cast<int32_t>(std::max(base.scale(), a.scale())));
  const mpfr_prec_t bits = bits_for(2.0 * (digits_of(a) + digits_of(base)) + scale + 20);
  Real x(bits), y(bits);
  x.set(a);
  y.set(base);
  mpfr_log(x.get(), x.get(), MPFR_RNDN);
  mpfr_log(y.get(), y.get(), MPFR_RNDN);
  mpfr_div(x.get(), x.get(), y.get(), MPFR_RNDN);
  return x.numeric(scale, arena);
}

namespace {

Result<Numeric> power_special(Numeric base, Numeric exponent) {
  // By the rules of IEEE pow(): 1 to anything and anything to 0 are 1, even for NaN.
  const Numeric one = Numeric::of(1);
  if (base.is_nan()) return exponent.sign() == 0 && !exponent.is_nan() ? one : Numeric::nan();
  if (exponent.is_nan()) return compare(base, one) == 0 ? one : Numeric::nan();
  Arena arena;
  if (base.sign() == 0 && exponent.sign() < 0) {
    return fail(
        invalid_argument_for_power_function("zero raised to a negative power is undefined"));
  }
  const auto whole = exponent.is_special() ? Result<Numeric>(exponent) : trunc(exponent, 0, arena);
  const bool integral = exponent.is_special() || compare(*whole, exponent) == 0;
  if (base.sign() < 0 && !integral) {
    return fail(invalid_argument_for_power_function(
        "a negative number raised to a non-integer power yields a complex result"));
  }
  if (compare(base, one) == 0 || exponent.sign() == 0) return one;
  if (exponent.is_special()) {
    const int size = compare(abs(base), one);
    if (size == 0) return one;  // (-1) to an infinite power
    return (size > 0) == (exponent.sign() > 0) ? Numeric::infinity() : Numeric::of(0);
  }
  if (exponent.sign() < 0) return Numeric::of(0);
  if (base.sign() > 0) return Numeric::infinity();
  const auto half = mod(*whole, Numeric::of(2), arena);
  return half->sign() != 0 ? Numeric::minus_infinity() : Numeric::infinity();
}

// Integer exponents that fit 32 bits: PostgreSQL multiplies out and shows at least 16 decimals.
Result<Numeric> power_integer(Numeric base, int32_t exponent, Arena& arena) {
  const int32_t scale = clamp_scale(kSignificantDigitsMin, static_cast<int32_t>(base.scale()));
  if (exponent == 0) return round(Numeric::of(1), scale, arena);
  if (exponent == 1) return round(base, scale, arena);
  if (base.sign() == 0) {
    if (exponent < 0) return fail(division_by_zero("division by zero"));
    return Numeric::narrow(0, static_cast<uint32_t>(scale));
  }
  Real size(64);
  size.set(abs(base));
  mpfr_log10(size.get(), size.get(), MPFR_RNDN);
  const double weight = mpfr_get_d(size.get(), MPFR_RNDN) * exponent;
  if (weight > static_cast<double>(kIntegerDigitsMax)) return fail(overflow());
  if (weight + 1 < -scale || weight + 1 < -kDisplayScaleMax) {
    return Numeric::narrow(0, static_cast<uint32_t>(scale));
  }
  const double digits = std::max(weight, 0.0) + scale + digits_of(base) + 30;
  Real x(bits_for(digits));
  x.set(base);
  mpfr_pow_si(x.get(), x.get(), exponent, MPFR_RNDN);
  return x.numeric(scale, arena);
}

}  // namespace

Result<Numeric> power(Numeric base, Numeric exponent, Arena& arena) {
  if (base.is_special() || exponent.is_special()) return power_special(base, exponent);
  if (base.sign() == 0 && exponent.sign() < 0) {
    return fail(
        invalid_argument_for_power_function("zero raised to a negative power is undefined"));
  }
  QW_ASSIGN_OR_RETURN(const Numeric whole, trunc(exponent, 0, arena));
  const bool integral = compare(whole, exponent) == 0;
  if (base.sign() < 0 && !integral) {
    return fail(invalid_argument_for_power_function(
        "a negative number raised to a non-integer power yields a complex result"));
  }
  if (integral && whole.is_narrow() && whole.mantissa() >= INT32_MIN &&
      whole.mantissa() <= INT32_MAX) {
    return power_integer(base, static_cast<int32_t>(whole.mantissa()), arena);
  }
  if (base.sign() == 0) return Numeric::narrow(0, kSignificantDigitsMin);
  const Numeric size = abs(base);
  Real probe(256), factor(256);
  probe.set(size);
  factor.set(exponent);
  mpfr_log(probe.get(), probe.get(), MPFR_RNDN);
  mpfr_mul(probe.get(), probe.get(), factor.get(), MPFR_RNDN);
  const double value = mpfr_get_d(probe.get(), MPFR_RNDN);
  if (std::fabs(value) > kResultScaleMax * 3.01) {
    if (value > 0) return fail(overflow());
    return Numeric::narrow(0, static_cast<uint32_t>(kDisplayScaleMax));
  }
  const double weight = value * kLog10E;
  const int32_t scale = clamp_scale(kSignificantDigitsMin - static_cast<int32_t>(weight),
                                    static_cast<int32_t>(std::max(base.scale(), exponent.scale())));
  const double digits =
      std::max(weight, 0.0) + scale + 2.0 * digits_of(base) + 2.0 * digits_of(exponent) + 30;
  Real x(bits_for(digits)), y(bits_for(digits));
  x.set(size);
  y.set(exponent);
  mpfr_pow(x.get(), x.get(), y.get(), MPFR_RNDN);
  QW_ASSIGN_OR_RETURN(const Numeric out, x.numeric(scale, arena));
  if (base.sign() > 0) return out;
  const auto half = mod(whole, Numeric::of(2), arena);
  return half->sign() != 0 ? negate(out) : out;
}

Result<Numeric> gcd(Numeric a, Numeric b, Arena& arena) {
  if (a.is_special() || b.is_special()) return Numeric::nan();
  const uint32_t scale = std::max(a.scale(), b.scale());
  Big x(a), y(b);
  x.scale_up(scale - a.scale());
  y.scale_up(scale - b.scale());
  mpz_gcd(x.get(), x.get(), y.get());
  return make(x, scale, arena);
}

Result<Numeric> lcm(Numeric a, Numeric b, Arena& arena) {
  if (a.is_special() || b.is_special()) return Numeric::nan();
  const uint32_t scale = std::max(a.scale(), b.scale());
  Big x(a), y(b);
  x.scale_up(scale - a.scale());
  y.scale_up(scale - b.scale());
  mpz_lcm(x.get(), x.get(), y.get());
  return make(x, scale, arena);
}

Result<Numeric> factorial(int64_t n, Arena& arena) {
  if (n < 0) {
    return fail(numeric_value_out_of_range("factorial of a negative number is undefined"));
  }
  if (n > 32177) return fail(overflow());
  Big out;
  mpz_fac_ui(out.get(), static_cast<unsigned long>(n));
  return make(out, 0, arena);
}

}  // namespace qw::numeric
