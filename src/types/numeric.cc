// Numeric arithmetic: see numeric.h. Narrow operands stay in 128 bits; the rest is GMP.
#include "src/types/numeric.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/types/numeric_big.h"
#include "src/types/type.h"

namespace qw::numeric {
namespace {

constexpr std::array<Int128, 39> kPowers128 = [] {
  std::array<Int128, 39> powers{};
  Int128 power = 1;
  for (size_t i = 0; i < powers.size(); ++i) {
    powers[i] = power;
    if (i + 1 < powers.size()) power *= 10;
  }
  return powers;
}();

Int128 magnitude(Int128 value) { return value < 0 ? -value : value; }

bool divisible_by_ten(UInt128 value) {
  if ((value & 1U) != 0) return false;
  // 2^64 = 1 (mod 5).
  return (static_cast<uint64_t>(value) % 5 + static_cast<uint64_t>(value >> 64) % 5) % 5 == 0;
}

// value / divisor, half away from zero or truncated.
Int128 divide128(Int128 value, Int128 divisor, bool round) {
  const Int128 quotient = value / divisor;
  if (!round) return quotient;
  const Int128 rest = magnitude(value - quotient * divisor);
  if (rest < magnitude(divisor) - rest) return quotient;
  return (value < 0) != (divisor < 0) ? quotient - 1 : quotient + 1;
}

Numeric special_of_sign(int sign) {
  return sign > 0 ? Numeric::infinity() : Numeric::minus_infinity();
}

// Order of the classes: -Infinity, finite, Infinity, NaN.
int rank(Numeric a) {
  if (!a.is_special()) return 0;
  return a.is_nan() ? 2 : (a.mantissa() > 0 ? 1 : -1);
}

}  // namespace

Error overflow() { return numeric_value_out_of_range("value overflows numeric format"); }

Int128 power_of_ten(uint32_t exponent) {
  QW_ASSERT(exponent < kPowers128.size());
  return kPowers128[exponent];
}

uint32_t decimal_digits(Int128 value) {
  const Int128 size = magnitude(value);
  if (size < 10) return 1;
  const auto high = static_cast<uint64_t>(static_cast<UInt128>(size) >> 64);
  const int bits =
      high != 0 ? 128 - __builtin_clzll(high) : 64 - __builtin_clzll(static_cast<uint64_t>(size));
  // floor(bits * log10(2)) is the count or one too few.
  const auto guess = static_cast<uint32_t>(bits * 1233 >> 12);
  return guess + (size >= kPowers128[guess] ? 1U : 0U);
}

Big::Big(Numeric a) {
  mpz_init(value_);
  QW_ASSERT(a.is_finite());
  if (a.is_wide()) {
    const std::string_view limbs = a.limbs();
    // Unaligned bytes: imported as bytes, not as limbs.
    mpz_import(value_, limbs.size(), -1, 1, 0, 0, limbs.data());
    if (a.wide_negative()) mpz_neg(value_, value_);
    return;
  }
  const auto size = static_cast<UInt128>(magnitude(a.mantissa()));
  const std::array<uint64_t, 2> words = {static_cast<uint64_t>(size),
                                         static_cast<uint64_t>(size >> 64)};
  mpz_import(value_, 2, -1, 8, 0, 0, words.data());
  if (a.mantissa() < 0) mpz_neg(value_, value_);
}

Big Big::from_int128(Int128 value) {
  Big out;
  const auto size =
      value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
  const std::array<uint64_t, 2> words = {static_cast<uint64_t>(size),
                                         static_cast<uint64_t>(size >> 64)};
  mpz_import(out.value_, 2, -1, 8, 0, 0, words.data());
  if (value < 0) mpz_neg(out.value_, out.value_);
  return out;
}

Big Big::power_of_ten(uint32_t exponent) {
  Big out;
  mpz_ui_pow_ui(out.value_, 10, exponent);
  return out;
}

uint32_t Big::digits() const {
  if (sign() == 0) return 1;
  const auto guess = static_cast<uint32_t>(mpz_sizeinbase(value_, 10));
  // mpz_sizeinbase() may be one too many.
  return mpz_cmpabs(value_, power_of_ten(guess - 1).get()) < 0 ? guess - 1 : guess;
}

void Big::scale_up(uint32_t exponent) {
  if (exponent != 0) mpz_mul(value_, value_, power_of_ten(exponent).get());
}

void Big::scale_down(uint32_t exponent, bool round) {
  if (exponent != 0) divide(power_of_ten(exponent), round);
}

void Big::divide(const Big& divisor, bool round) {
  if (!round) {
    mpz_tdiv_q(value_, value_, divisor.get());
    return;
  }
  Big rest;
  const int direction = sign() * divisor.sign();
  mpz_tdiv_qr(value_, rest.get(), value_, divisor.get());
  mpz_mul_2exp(rest.get(), rest.get(), 1);
  if (mpz_cmpabs(rest.get(), divisor.get()) < 0) return;
  if (direction > 0) {
    mpz_add_ui(value_, value_, 1);
  } else {
    mpz_sub_ui(value_, value_, 1);
  }
}

void Big::take_root(int32_t scale, int32_t root_scale) {
  // floor(sqrt(value * 10^(2 * (root_scale + 1)))), then one digit is rounded away.
  const int32_t shift = 2 * (root_scale + 1) - scale;
  if (shift >= 0) {
    scale_up(static_cast<uint32_t>(shift));
  } else {
    scale_down(static_cast<uint32_t>(-shift), false);
  }
  mpz_sqrt(value_, value_);
  scale_down(1, true);
}

Result<Numeric> make(const Big& mantissa, uint32_t scale, Arena& arena) {
  if (scale > Numeric::kScaleMax) return fail(overflow());
  const size_t bits = mpz_sizeinbase(mantissa.get(), 2);
  if (bits <= 111) {
    std::array<uint64_t, 2> words{};
    mpz_export(words.data(), nullptr, -1, 8, 0, 0, mantissa.get());
    const auto size = static_cast<Int128>((UInt128{words[1]} << 64) | words[0]);
    return Numeric::narrow(mantissa.sign() < 0 ? -size : size, scale);
  }
  constexpr uint32_t integer_digits_max = 131072;
  if (bits > 400'000 && mantissa.digits() > integer_digits_max + scale) return fail(overflow());
  const size_t bytes = (bits + 63) / 64 * 8;
  char* limbs = static_cast<char*>(arena.allocate(bytes, 8));
  mpz_export(limbs, nullptr, -1, 8, 0, 0, mantissa.get());
  return Numeric::wide(mantissa.sign() < 0, scale, {limbs, bytes});
}

int32_t decimal_weight(Numeric a) {
  if (a.sign() == 0) return 0;
  const uint32_t digits = a.is_wide() ? Big(a).digits() : decimal_digits(a.mantissa());
  return static_cast<int32_t>(digits) - 1 - static_cast<int32_t>(a.scale());
}

namespace {

// Of a mantissa's first base-10000 digit: its weight, and the decimal digits behind it.
struct Place {
  int32_t group, shift;
};
Place place(uint32_t digits, uint32_t scale) {
  const int32_t weight = static_cast<int32_t>(digits) - 1 - static_cast<int32_t>(scale);
  const int32_t group = weight >= 0 ? weight / 4 : -((-weight + 3) / 4);
  return {group, static_cast<int32_t>(scale) + 4 * group};
}

}  // namespace

Leading leading(Numeric a) {
  if (a.sign() == 0) return {};
  if (a.is_wide()) return leading(Big(a), a.scale());
  const Place first = place(decimal_digits(a.mantissa()), a.scale());
  const Int128 size = magnitude(a.mantissa());
  const Int128 digit = first.shift >= 0 ? size / power_of_ten(static_cast<uint32_t>(first.shift))
                                        : size * power_of_ten(static_cast<uint32_t>(-first.shift));
  return {first.group, static_cast<int32_t>(digit)};
}

Leading leading(const Big& mantissa, uint32_t scale) {
  if (mantissa.sign() == 0) return {};
  const Place first = place(mantissa.digits(), scale);
  Big value(mantissa);
  if (first.shift >= 0) {
    value.scale_down(static_cast<uint32_t>(first.shift), false);
  } else {
    value.scale_up(static_cast<uint32_t>(-first.shift));
  }
  return {first.group, static_cast<int32_t>(mpz_get_ui(value.get()))};
}

int32_t quotient_scale(Leading dividend, Leading divisor, int32_t scale_min) {
  int32_t weight = dividend.weight - divisor.weight;
  if (dividend.digit <= divisor.digit) --weight;
  const int32_t scale = std::max({kSignificantDigitsMin - weight * 4, scale_min, 0});
  return std::min(scale, kDisplayScaleMax);
}

Result<Numeric> add_slow(Numeric a, Numeric b, bool subtract, Arena& arena) {
  if (a.is_special() || b.is_special()) {
    if (a.is_nan() || b.is_nan()) return Numeric::nan();
    const int sign_b = b.is_special() ? (subtract ? -b.sign() : b.sign()) : 0;
    if (!a.is_special()) return special_of_sign(sign_b);
    if (sign_b != 0 && sign_b != a.sign()) return Numeric::nan();
    return a;
  }
  const uint32_t scale = std::max(a.scale(), b.scale());
  const uint32_t up_a = scale - a.scale(), up_b = scale - b.scale();
  if (a.is_narrow() && b.is_narrow() && up_a < 34 && up_b < 34) {
    Int128 x = 0, y = 0, sum = 0;
    if (!__builtin_mul_overflow(a.mantissa(), kPowers128[up_a], &x) &&
        !__builtin_mul_overflow(b.mantissa(), kPowers128[up_b], &y) &&
        !(subtract ? __builtin_sub_overflow(x, y, &sum) : __builtin_add_overflow(x, y, &sum))) {
      return from_int128(sum, scale, arena);
    }
  }
  Big x(a), y(b);
  x.scale_up(up_a);
  y.scale_up(up_b);
  if (subtract) {
    mpz_sub(x.get(), x.get(), y.get());
  } else {
    mpz_add(x.get(), x.get(), y.get());
  }
  return make(x, scale, arena);
}

Result<Numeric> mul_slow(Numeric a, Numeric b, Arena& arena) {
  if (a.is_special() || b.is_special()) {
    if (a.is_nan() || b.is_nan()) return Numeric::nan();
    const int sign = a.sign() * b.sign();
    return sign == 0 ? Numeric::nan() : special_of_sign(sign);
  }
  Big x(a);
  mpz_mul(x.get(), x.get(), Big(b).get());
  uint32_t scale = a.scale() + b.scale();
  if (scale > Numeric::kScaleMax) {
    x.scale_down(scale - Numeric::kScaleMax, true);
    scale = Numeric::kScaleMax;
  }
  return make(x, scale, arena);
}

int compare_slow(Numeric a, Numeric b) {
  const int rank_a = rank(a), rank_b = rank(b);
  if (rank_a != rank_b) return rank_a < rank_b ? -1 : 1;
  if (rank_a != 0) return 0;
  const int sign_a = a.sign(), sign_b = b.sign();
  if (sign_a != sign_b) return sign_a < sign_b ? -1 : 1;
  const uint32_t scale = std::max(a.scale(), b.scale());
  const uint32_t up_a = scale - a.scale(), up_b = scale - b.scale();
  if (a.is_narrow() && b.is_narrow()) {
    // One side keeps its mantissa; where the other leaves 128 bits it is the larger in magnitude.
    if (sign_a == 0) return 0;
    Int128 x = 0, y = 0;
    if (up_a > 34 || __builtin_mul_overflow(a.mantissa(), kPowers128[up_a], &x)) return sign_a;
    if (up_b > 34 || __builtin_mul_overflow(b.mantissa(), kPowers128[up_b], &y)) return -sign_b;
    return x < y ? -1 : (x > y ? 1 : 0);
  }
  Big x(a), y(b);
  x.scale_up(up_a);
  y.scale_up(up_b);
  const int order = mpz_cmp(x.get(), y.get());
  return order < 0 ? -1 : (order > 0 ? 1 : 0);
}

namespace {

// a / b at `scale`, half away from zero or truncated. b is not zero.
Result<Numeric> divide(Numeric a, Numeric b, int32_t scale, bool round, Arena& arena) {
  const int32_t shift = scale - static_cast<int32_t>(a.scale()) + static_cast<int32_t>(b.scale());
  if (a.is_narrow() && b.is_narrow() && shift >= 0 && shift <= 37) {
    Int128 dividend = 0;
    if (!__builtin_mul_overflow(a.mantissa(), kPowers128[static_cast<uint32_t>(shift)],
                                &dividend)) {
      return from_int128(divide128(dividend, b.mantissa(), round), static_cast<uint32_t>(scale),
                         arena);
    }
  }
  Big x(a), y(b);
  if (shift >= 0) {
    x.scale_up(static_cast<uint32_t>(shift));
  } else {
    y.scale_up(static_cast<uint32_t>(-shift));
  }
  x.divide(y, round);
  return make(x, static_cast<uint32_t>(scale), arena);
}

// The quotient when an operand is NaN or infinite.
Result<Numeric> divide_special(Numeric a, Numeric b) {
  if (a.is_nan() || b.is_nan()) return Numeric::nan();
  if (!a.is_special()) return Numeric::of(0);
  if (b.is_special()) return Numeric::nan();
  if (b.sign() == 0) return fail(division_by_zero("division by zero"));
  return special_of_sign(a.sign() * b.sign());
}

}  // namespace

Result<Numeric> div(Numeric a, Numeric b, Arena& arena) {
  if (a.is_special() || b.is_special()) return divide_special(a, b);
  if (b.sign() == 0) return fail(division_by_zero("division by zero"));
  const auto scale_min = static_cast<int32_t>(std::max(a.scale(), b.scale()));
  return divide(a, b, quotient_scale(leading(a), leading(b), scale_min), true, arena);
}

Result<Numeric> div_trunc(Numeric a, Numeric b, Arena& arena) {
  if (a.is_special() || b.is_special()) return divide_special(a, b);
  if (b.sign() == 0) return fail(division_by_zero("division by zero"));
  return divide(a, b, 0, false, arena);
}

Result<Numeric> mod(Numeric a, Numeric b, Arena& arena) {
  if (a.is_special() || b.is_special()) {
    if (a.is_nan() || b.is_nan()) return Numeric::nan();
    if (!a.is_special()) return a;
    if (b.sign() == 0) return fail(division_by_zero("division by zero"));
    return Numeric::nan();
  }
  if (b.sign() == 0) return fail(division_by_zero("division by zero"));
  const uint32_t scale = std::max(a.scale(), b.scale());
  const uint32_t up_a = scale - a.scale(), up_b = scale - b.scale();
  if (a.is_narrow() && b.is_narrow() && up_a < 34 && up_b < 34) {
    Int128 x = 0, y = 0;
    if (!__builtin_mul_overflow(a.mantissa(), kPowers128[up_a], &x) &&
        !__builtin_mul_overflow(b.mantissa(), kPowers128[up_b], &y)) {
      return from_int128(x % y, scale, arena);
    }
  }
  Big x(a), y(b);
  x.scale_up(up_a);
  y.scale_up(up_b);
  mpz_tdiv_r(x.get(), x.get(), y.get());
  return make(x, scale, arena);
}

Numeric negate(Numeric a) {
  if (a.is_wide()) return Numeric::wide(!a.wide_negative(), a.scale(), a.limbs());
  return Numeric::from_raw((-a.mantissa() << 16) | Int128{a.header()});
}

Numeric abs(Numeric a) { return a.sign() < 0 ? negate(a) : a; }

namespace {

Result<Numeric> rescale(Numeric a, int32_t digits, bool round, Arena& arena) {
  if (a.is_special()) return a;
  constexpr int32_t digits_max = 131072 + 16383;
  digits = std::clamp(digits, -digits_max, static_cast<int32_t>(Numeric::kScaleMax));
  const auto scale = static_cast<uint32_t>(std::max(digits, 0));
  const int32_t down = static_cast<int32_t>(a.scale()) - digits;
  if (a.is_narrow()) {
    if (down <= 0 && -down < 38) {
      Int128 value = 0;
      if (!__builtin_mul_overflow(a.mantissa(), kPowers128[static_cast<uint32_t>(-down)], &value))
        return from_int128(value, scale, arena);
    } else if (down > 0) {
      if (down > 34) return Numeric::narrow(0, scale);
      Int128 value = divide128(a.mantissa(), kPowers128[static_cast<uint32_t>(down)], round);
      if (digits >= 0) return from_int128(value, scale, arena);
      Big out = Big::from_int128(value);
      out.scale_up(static_cast<uint32_t>(-digits));
      return make(out, 0, arena);
    }
  }
  Big value(a);
  if (down <= 0) {
    value.scale_up(static_cast<uint32_t>(-down));
  } else {
    value.scale_down(static_cast<uint32_t>(down), round);
    if (digits < 0) value.scale_up(static_cast<uint32_t>(-digits));
  }
  return make(value, scale, arena);
}

}  // namespace

Result<Numeric> round(Numeric a, int32_t digits, Arena& arena) {
  digits = std::clamp(digits, -2000, 2000);  // PostgreSQL's NUMERIC_MAX_RESULT_SCALE
  return rescale(a, digits, true, arena);
}

Result<Numeric> trunc(Numeric a, int32_t digits, Arena& arena) {
  digits = std::clamp(digits, -2000, 2000);
  return rescale(a, digits, false, arena);
}

Result<Numeric> ceil(Numeric a, Arena& arena) {
  QW_ASSIGN_OR_RETURN(const Numeric whole, rescale(a, 0, false, arena));
  return compare(whole, a) < 0 ? add(whole, Numeric::of(1), arena) : Result<Numeric>(whole);
}

Result<Numeric> floor(Numeric a, Arena& arena) {
  QW_ASSIGN_OR_RETURN(const Numeric whole, rescale(a, 0, false, arena));
  return compare(whole, a) > 0 ? sub(whole, Numeric::of(1), arena) : Result<Numeric>(whole);
}

uint32_t min_scale(Numeric a) {
  Arena arena;
  return trim_scale(a, arena).scale();
}

Numeric trim_scale(Numeric a, Arena& arena) {
  if (a.is_special() || a.scale() == 0) return a;
  uint32_t scale = a.scale();
  if (a.is_narrow()) {
    Int128 mantissa = a.mantissa();
    if (mantissa == 0) return Numeric::of(0);
    while (scale > 0 && is_int64(mantissa) && mantissa % 10 == 0) {
      mantissa = static_cast<int64_t>(mantissa) / 10;
      --scale;
    }
    while (scale > 0 && divisible_by_ten(static_cast<UInt128>(magnitude(mantissa)))) {
      mantissa /= 10;
      --scale;
    }
    return Numeric::narrow(mantissa, scale);
  }
  Big value(a), quotient;
  while (scale > 0 && mpz_divisible_ui_p(value.get(), 10) != 0) {
    mpz_divexact_ui(quotient.get(), value.get(), 10);
    mpz_swap(quotient.get(), value.get());
    --scale;
  }
  if (scale == a.scale()) return a;
  return *make(value, scale, arena);  // smaller than `a`, so in range
}

Result<Numeric> apply_typmod(Numeric a, int32_t typmod, Arena& arena) {
  if (typmod < 4 || a.is_nan()) return a;
  const int32_t precision = numeric_precision(typmod), scale = numeric_scale(typmod);
  if (a.is_special()) {
    return fail(numeric_value_out_of_range("numeric field overflow")
                    .with_detail(fmt::format(
                        "A field with precision {}, scale {} cannot hold an infinite value.",
                        precision, scale)));
  }
  QW_ASSIGN_OR_RETURN(const Numeric out, rescale(a, scale, true, arena));
  const int32_t integer_digits = precision - scale;
  if (out.sign() != 0 && decimal_weight(out) >= integer_digits) {
    return fail(numeric_value_out_of_range("numeric field overflow")
                    .with_detail(
                        fmt::format("A field with precision {}, scale {} must round to an absolute "
                                    "value less than {}{}.",
                                    precision, scale, integer_digits != 0 ? "10^" : "",
                                    integer_digits != 0 ? integer_digits : 1)));
  }
  return out;
}

Numeric from_int128(Int128 mantissa, uint32_t scale, Arena& arena) {
  if (fits(mantissa)) [[likely]]
    return Numeric::narrow(mantissa, scale);
  return *make(Big::from_int128(mantissa), scale, arena);
}

namespace {

template <typename T>
Result<T> to_integer(Numeric a, std::string_view type_name) {
  if (a.is_special()) {
    return fail(feature_not_supported(
        fmt::format("cannot convert {} to {}", a.is_nan() ? "NaN" : "infinity", type_name)));
  }
  Arena arena;
  QW_ASSIGN_OR_RETURN(const Numeric whole, rescale(a, 0, true, arena));
  if (!whole.is_narrow() || whole.mantissa() != Int128{static_cast<T>(whole.mantissa())}) {
    return fail(numeric_value_out_of_range(fmt::format("{} out of range", type_name)));
  }
  return static_cast<T>(whole.mantissa());
}

}  // namespace

Result<int64_t> to_int8(Numeric a) { return to_integer<int64_t>(a, "bigint"); }
Result<int32_t> to_int4(Numeric a) { return to_integer<int32_t>(a, "integer"); }
Result<int16_t> to_int2(Numeric a) { return to_integer<int16_t>(a, "smallint"); }

uint64_t hash(Numeric a) {
  Arena arena;
  const Numeric value = a.is_narrow() && a.scale() == 0 ? a : trim_scale(a, arena);
  if (value.is_wide()) return hash_combine(value.header(), hash_bytes(value.limbs()));
  const auto raw = static_cast<UInt128>(value.raw());
  return hash_combine(static_cast<uint64_t>(raw), static_cast<uint64_t>(raw >> 64));
}

}  // namespace qw::numeric
