// Sums of numerics as integers of any width, and what aggregates make of them.
//
// Whoever adds up numerics keeps the sum of each scale as an integer, which takes values away again
// exactly and may pass through what no Numeric holds (a partial sum, a square). Here such sums
// become numerics, checked and rounded once. Pure; any thread. Tests:
// tests/unit/views/exact_numeric_test.cc, tests/sql/scripts/deviation.slt.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/numeric.h"

namespace qw::numeric {

// limbs * 10^-scale; limbs are two's complement, the lowest first, and none is 0. Borrowed. The
// scale may be twice kScaleMax: that of a square.
struct ScaledInteger {
  std::span<const uint64_t> limbs;
  uint32_t scale = 0;
};

// The sum at the largest scale. REQUIRES: scales ascend. 22003 where it is no numeric.
Result<Numeric> sum_of(std::span<const ScaledInteger> parts, Arena& arena);

// Of `count` finite values.
struct Moments {
  int64_t count = 0;
  std::span<const ScaledInteger> sum, squares;  // as sum_of() takes them
};
enum class Divisor : uint8_t { count, count_less_one };
enum class Root : uint8_t { no, yes };
// var_pop and var_samp, stddev_pop and stddev_samp, with PostgreSQL's scale. REQUIRES: the divisor
// is not 0. Neither squares nor the variance below a root need be in the range of numerics.
Result<Numeric> deviation(const Moments& of, Divisor divisor, Root root, Arena& arena);

// The magnitude of the mantissa's square, of scale 2 * value.scale(): bytes as Numeric::limbs().
// REQUIRES: `value` is finite.
std::string_view square_limbs(Numeric value, Arena& arena);

}  // namespace qw::numeric
