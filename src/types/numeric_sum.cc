// Sums of numerics and their deviations; see numeric_sum.h.
#include "src/types/numeric_sum.h"

#include <algorithm>

#include "src/base/assert.h"
#include "src/types/numeric_big.h"

namespace qw::numeric {
namespace {

Big big_of(std::span<const uint64_t> limbs) {
  Big value;
  mpz_import(value.get(), limbs.size(), -1, 8, 0, 0, limbs.data());
  if (!limbs.empty() && (limbs.back() >> 63) != 0) {
    Big wrap;
    mpz_setbit(wrap.get(), limbs.size() * 64);
    mpz_sub(value.get(), value.get(), wrap.get());
  }
  return value;
}

// At the largest scale, which is the last one.
Big total(std::span<const ScaledInteger> parts) {
  Big sum;
  uint32_t scale = 0;
  for (const ScaledInteger& part : parts) {
    QW_ASSERT(part.scale >= scale);
    if (sum.sign() != 0) sum.scale_up(part.scale - scale);
    scale = part.scale;
    mpz_add(sum.get(), sum.get(), big_of(part.limbs).get());
  }
  return sum;
}

uint32_t scale_of(std::span<const ScaledInteger> parts) {
  return parts.empty() ? 0 : parts.back().scale;
}

}  // namespace

Result<Numeric> sum_of(std::span<const ScaledInteger> parts, Arena& arena) {
  if (parts.size() == 1 && parts[0].limbs.size() == 2 && parts[0].scale <= Numeric::kScaleMax) {
    return from_int128(load<Int128>(parts[0].limbs.data()), parts[0].scale, arena);
  }
  return make(total(parts), scale_of(parts), arena);
}

Result<Numeric> deviation(const Moments& of, Divisor divisor, Root root, Arena& arena) {
  // (n * sum of squares - square of the sum) / (n * divisor), all but the division exact.
  Big square = total(of.sum), numerator = total(of.squares);
  const uint32_t scale = std::max(2 * scale_of(of.sum), scale_of(of.squares));
  mpz_mul(square.get(), square.get(), square.get());
  square.scale_up(scale - 2 * scale_of(of.sum));
  numerator.scale_up(scale - scale_of(of.squares));
  mpz_mul(numerator.get(), numerator.get(), Big::from_int128(of.count).get());
  mpz_sub(numerator.get(), numerator.get(), square.get());
  if (numerator.sign() <= 0) return Numeric();
  Big denominator = Big::from_int128(Int128{of.count} *
                                     (of.count - (divisor == Divisor::count_less_one ? 1 : 0)));
  QW_ASSERT(denominator.sign() > 0);
  const int32_t quotient_digits = quotient_scale(leading(numerator, scale), leading(denominator, 0),
                                                 static_cast<int32_t>(scale));
  const int32_t shift = quotient_digits - static_cast<int32_t>(scale);
  if (shift >= 0) {
    numerator.scale_up(static_cast<uint32_t>(shift));
  } else {
    denominator.scale_up(static_cast<uint32_t>(-shift));
  }
  numerator.divide(denominator, true);
  if (root == Root::yes) numerator.take_root(quotient_digits, quotient_digits);
  return make(numerator, static_cast<uint32_t>(quotient_digits), arena);
}

std::string_view square_limbs(Numeric value, Arena& arena) {
  Big square(value);
  mpz_mul(square.get(), square.get(), square.get());
  const size_t bytes = (mpz_sizeinbase(square.get(), 2) + 63) / 64 * 8;
  char* limbs = static_cast<char*>(arena.allocate(bytes, 8));
  size_t written = 0;
  mpz_export(limbs, &written, -1, 8, 0, 0, square.get());
  return {limbs, written * 8};
}

}  // namespace qw::numeric
