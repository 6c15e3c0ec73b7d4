// Numeric: arithmetic, comparison, rounding, logarithms and conversions, over src/types/numeric.h.
//
// The 112-bit path is inline; whatever leaves it goes through GMP out of line.
// Tests: tests/unit/sql_expr/cases/numeric.tsv.
#include "src/types/numeric.h"

#include "sql/expr/declare.h"

namespace qw::sql {
namespace {

Numeric add(Numeric a, Numeric b, Row& row) {
  Numeric out;
  if (numeric::add_fast(a, b, out)) [[likely]]
    return out;
  return row.take(numeric::add_slow(a, b, false, row.arena()));
}
Numeric subtract(Numeric a, Numeric b, Row& row) {
  Numeric out;
  if (numeric::sub_fast(a, b, out)) [[likely]]
    return out;
  return row.take(numeric::add_slow(a, b, true, row.arena()));
}
Numeric multiply(Numeric a, Numeric b, Row& row) {
  Numeric out;
  if (numeric::mul_fast(a, b, out)) [[likely]]
    return out;
  return row.take(numeric::mul_slow(a, b, row.arena()));
}
Numeric divide(Numeric a, Numeric b, Row& row) { return row.take(numeric::div(a, b, row.arena())); }
Numeric modulo(Numeric a, Numeric b, Row& row) { return row.take(numeric::mod(a, b, row.arena())); }
Numeric divide_trunc(Numeric a, Numeric b, Row& row) {
  return row.take(numeric::div_trunc(a, b, row.arena()));
}
Numeric negate(Numeric a) { return numeric::negate(a); }
Numeric plus(Numeric a) { return a; }
Numeric absolute(Numeric a) { return numeric::abs(a); }
Numeric sign(Numeric a) { return a.is_nan() ? a : Numeric::of(a.sign()); }
Numeric larger(Numeric a, Numeric b) { return numeric::compare(a, b) > 0 ? a : b; }
Numeric smaller(Numeric a, Numeric b) { return numeric::compare(a, b) < 0 ? a : b; }
int32_t order(Numeric a, Numeric b) { return numeric::compare(a, b); }

bool numeric_eq(Numeric a, Numeric b) { return numeric::equal(a, b); }
bool numeric_ne(Numeric a, Numeric b) { return !numeric::equal(a, b); }
bool numeric_lt(Numeric a, Numeric b) { return numeric::compare(a, b) < 0; }
bool numeric_le(Numeric a, Numeric b) { return numeric::compare(a, b) <= 0; }
bool numeric_gt(Numeric a, Numeric b) { return numeric::compare(a, b) > 0; }
bool numeric_ge(Numeric a, Numeric b) { return numeric::compare(a, b) >= 0; }

Numeric round_to(Numeric a, int32_t digits, Row& row) {
  return row.take(numeric::round(a, digits, row.arena()));
}
Numeric round_whole(Numeric a, Row& row) { return round_to(a, 0, row); }
Numeric trunc_to(Numeric a, int32_t digits, Row& row) {
  return row.take(numeric::trunc(a, digits, row.arena()));
}
Numeric trunc_whole(Numeric a, Row& row) { return trunc_to(a, 0, row); }
Numeric ceiling(Numeric a, Row& row) { return row.take(numeric::ceil(a, row.arena())); }
Numeric floor(Numeric a, Row& row) { return row.take(numeric::floor(a, row.arena())); }

std::optional<int32_t> scale(Numeric a) {
  if (a.is_special()) return std::nullopt;
  return static_cast<int32_t>(a.scale());
}
std::optional<int32_t> min_scale(Numeric a) {
  if (a.is_special()) return std::nullopt;
  return static_cast<int32_t>(numeric::min_scale(a));
}
Numeric trim_scale(Numeric a, Row& row) { return numeric::trim_scale(a, row.arena()); }

int32_t width_bucket(Numeric operand, Numeric low, Numeric high, int32_t count, Row& row) {
  const auto invalid = [&](const char* message) { return row.fail(Error("2201G", message)); };
  if (count <= 0) return invalid("count must be greater than zero");
  if (operand.is_nan() || low.is_nan() || high.is_nan()) {
    return invalid("operand, lower bound, and upper bound cannot be NaN");
  }
  if (low.is_special() || high.is_special())
    return invalid("lower and upper bounds must be finite");
  const int bounds = numeric::compare(low, high);
  if (bounds == 0) return invalid("lower bound cannot equal upper bound");
  const bool rising = bounds < 0;
  const int below = numeric::compare(operand, low), above = numeric::compare(operand, high);
  if (rising ? below < 0 : below > 0) return 0;
  if (rising ? above >= 0 : above <= 0) {
    if (count == INT32_MAX) return row.fail(numeric_value_out_of_range("integer out of range"));
    return count + 1;
  }
  Arena& arena = row.arena();
  auto span = numeric::sub(high, low, arena);
  auto offset = numeric::sub(operand, low, arena);
  if (!span || !offset) return row.fail(span ? offset.error() : span.error());
  auto scaled = numeric::mul(*offset, Numeric::of(count), arena);
  if (!scaled) return row.fail(scaled.error());
  auto bucket = numeric::div_trunc(*scaled, *span, arena);
  if (!bucket) return row.fail(bucket.error());
  return row.take(numeric::to_int4(*bucket)) + 1;
}

Numeric from_int2(int16_t value) { return Numeric::of(value); }
Numeric from_int4(int32_t value) { return Numeric::of(value); }
Numeric from_int8(int64_t value) { return Numeric::of(value); }
Numeric from_float4(float value, Row& row) {
  return row.take(numeric::from_float4(value, row.arena()));
}
Numeric from_float8(double value, Row& row) {
  return row.take(numeric::from_float8(value, row.arena()));
}
int16_t to_int2(Numeric a, Row& row) { return row.take(numeric::to_int2(a)); }
int32_t to_int4(Numeric a, Row& row) { return row.take(numeric::to_int4(a)); }
int64_t to_int8(Numeric a, Row& row) { return row.take(numeric::to_int8(a)); }
float to_float4(Numeric a, Row& row) { return row.take(numeric::to_float4(a)); }
double to_float8(Numeric a, Row& row) { return row.take(numeric::to_float8(a)); }

Numeric to_typmod(Numeric a, int32_t typmod, Row& row) {
  if (typmod < 0) return a;
  return row.take(numeric::apply_typmod(a, typmod, row.arena()));
}
Numeric length(Numeric a, int32_t typmod, bool, Row& row) { return to_typmod(a, typmod, row); }

}  // namespace

void declare_numeric(Declarations& d) {
  d.add(1718, "numeric_eq(numeric,numeric) bool", each<numeric_eq>());
  d.add(1719, "numeric_ne(numeric,numeric) bool", each<numeric_ne>());
  d.add(1722, "numeric_lt(numeric,numeric) bool", each<numeric_lt>());
  d.add(1723, "numeric_le(numeric,numeric) bool", each<numeric_le>());
  d.add(1720, "numeric_gt(numeric,numeric) bool", each<numeric_gt>());
  d.add(1721, "numeric_ge(numeric,numeric) bool", each<numeric_ge>());
  d.add(1724, "numeric_add(numeric,numeric) numeric", each<add>());
  d.add(1725, "numeric_sub(numeric,numeric) numeric", each<subtract>());
  d.add(1726, "numeric_mul(numeric,numeric) numeric", each<multiply>());
  d.add(1727, "numeric_div(numeric,numeric) numeric", each<divide>());
  d.add(1729, "numeric_mod(numeric,numeric) numeric", each<modulo>());
  d.add(1728, "mod(numeric,numeric) numeric", each<modulo>());
  d.add(1980, "numeric_div_trunc(numeric,numeric) numeric", each<divide_trunc>());
  d.add(1973, "div(numeric,numeric) numeric", each<divide_trunc>());
  d.add(1771, "numeric_uminus(numeric) numeric", each<negate>());
  d.add(1915, "numeric_uplus(numeric) numeric", each<plus>());
  d.add(1704, "numeric_abs(numeric) numeric", each<absolute>());
  d.add(1705, "abs(numeric) numeric", each<absolute>());
  d.add(1706, "sign(numeric) numeric", each<sign>());
  d.add(1767, "numeric_larger(numeric,numeric) numeric", each<larger>());
  d.add(1766, "numeric_smaller(numeric,numeric) numeric", each<smaller>());
  d.add(1769, "numeric_cmp(numeric,numeric) int4", each<order>());
  d.add(1707, "round(numeric,int4) numeric", each<round_to>());
  d.add(1708, "round(numeric) numeric", each<round_whole>()).monotone = true;
  d.add(1709, "trunc(numeric,int4) numeric", each<trunc_to>());
  d.add(1710, "trunc(numeric) numeric", each<trunc_whole>()).monotone = true;
  d.add(1711, "ceil(numeric) numeric", each<ceiling>()).monotone = true;
  d.add(2167, "ceiling(numeric) numeric", each<ceiling>()).monotone = true;
  d.add(1712, "floor(numeric) numeric", each<floor>()).monotone = true;
  d.add(3281, "scale(numeric) int4", each<scale>());
  d.add(5042, "min_scale(numeric) int4", each<min_scale>());
  d.add(5043, "trim_scale(numeric) numeric", each<trim_scale>());
  d.add(2170, "width_bucket(numeric,numeric,numeric,int4) int4", each<width_bucket>());
  d.add(1782, "numeric(int2) numeric", each<from_int2>()).monotone = true;
  d.add(1740, "numeric(int4) numeric", each<from_int4>()).monotone = true;
  d.add(1781, "numeric(int8) numeric", each<from_int8>()).monotone = true;
  d.add(1742, "numeric(float4) numeric", each<from_float4>()).monotone = true;
  d.add(1743, "numeric(float8) numeric", each<from_float8>()).monotone = true;
  d.add(1783, "int2(numeric) int2", each<to_int2>()).monotone = true;
  d.add(1744, "int4(numeric) int4", each<to_int4>()).monotone = true;
  d.add(1779, "int8(numeric) int8", each<to_int8>()).monotone = true;
  d.add(1745, "float4(numeric) float4", each<to_float4>()).monotone = true;
  d.add(1746, "float8(numeric) float8", each<to_float8>()).monotone = true;
  d.add(1703, "numeric(numeric,int4) numeric", each<to_typmod>());
  d.add(0, "#length(numeric,int4,bool) numeric", each<length>());
}

}  // namespace qw::sql
