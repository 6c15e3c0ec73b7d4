// Float arithmetic: + - * / for both widths and their mixtures, with PostgreSQL's overflow and
// underflow errors, and conversions to and from integers.
//
// A finite operation that gives an infinity has overflowed; one of nonzero operands that gives zero
// has underflowed. Flags are or-ed over a block; only a failing block is searched.
// Tests: tests/unit/sql_expr/float_test.cc.
#include <cmath>
#include <limits>

#include "sql/expr/declare.h"

namespace qw::sql {
namespace {

template <typename T>
using Flag = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
template <typename A, typename B>
using Wider = std::conditional_t<(sizeof(A) > sizeof(B)), A, B>;

template <typename T>
bool finite(T value) {
  return std::abs(value) <= std::numeric_limits<T>::max();
}
Error overflow() { return numeric_value_out_of_range("value out of range: overflow"); }
Error underflow() { return numeric_value_out_of_range("value out of range: underflow"); }

template <typename R>
Flag<R> add(R a, R b, R* out) {
  *out = a + b;
  return -static_cast<Flag<R>>(!finite(*out) & finite(a) & finite(b));
}
template <typename R>
Flag<R> subtract(R a, R b, R* out) {
  *out = a - b;
  return -static_cast<Flag<R>>(!finite(*out) & finite(a) & finite(b));
}

template <typename R>
R multiply(R a, R b, Row& row) {
  const R product = a * b;
  if (std::isinf(product) && finite(a) && finite(b)) [[unlikely]]
    return row.fail(overflow());
  if (product == 0 && a != 0 && b != 0) [[unlikely]]
    return row.fail(underflow());
  return product;
}
template <typename R>
R divide(R a, R b, Row& row) {
  if (b == 0 && !std::isnan(a)) [[unlikely]]
    return row.fail(division_by_zero("division by zero"));
  const R quotient = a / b;
  if (std::isinf(quotient) && !std::isinf(a)) [[unlikely]]
    return row.fail(overflow());
  if (quotient == 0 && a != 0 && !std::isinf(b)) [[unlikely]]
    return row.fail(underflow());
  return quotient;
}

template <typename T>
T negate(T a) {
  return -a;
}
template <typename T>
T plus(T a) {
  return a;
}
template <typename T>
T absolute(T a) {
  return std::abs(a);
}
// NaN is the largest value.
template <typename T>
bool below(T a, T b) {
  return (a < b) | ((a == a) & (b != b));
}
template <typename T>
T larger(T a, T b) {
  return below(b, a) ? a : b;
}
template <typename T>
T smaller(T a, T b) {
  return below(a, b) ? a : b;
}
template <typename T>
int32_t order(T a, T b) {
  return (below(b, a) ? 1 : 0) - (below(a, b) ? 1 : 0);
}

template <typename From, typename To>
To convert(From value) {
  return static_cast<To>(value);
}
float narrow(double value, Row& row) {
  const float result = static_cast<float>(value);
  if (std::isinf(result) && !std::isinf(value)) return row.fail(overflow());
  if (result == 0.0F && value != 0.0) return row.fail(underflow());
  return result;
}
// Rounds half to even, as rint() does; the bounds are exact in either float type.
template <typename From, typename To>
To to_integer(From value, Row& row) {
  const From rounded = std::rint(value);
  const From low = static_cast<From>(std::numeric_limits<To>::min());
  if (std::isnan(value) || rounded < low || rounded >= -low) {
    constexpr auto kName = sizeof(To) == 2 ? "smallint" : (sizeof(To) == 4 ? "integer" : "bigint");
    return row.fail(numeric_value_out_of_range(std::string(kName) + " out of range"));
  }
  return static_cast<To>(rounded);
}

template <typename A, typename B, Kernel K>
constexpr KernelSpec widths() {
  if constexpr (std::is_same_v<A, B>) return {K, false};
  return mixed<A, B, double, TypeId::float8, K>(false);
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec add_kernel() {
  return widths<A, B, checked<&add<R>, &overflow>().run>();
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec subtract_kernel() {
  return widths<A, B, checked<&subtract<R>, &overflow>().run>();
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec multiply_kernel() {
  return widths<A, B, each<multiply<R>>().run>();
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec divide_kernel() {
  return widths<A, B, each<divide<R>>().run>();
}

using F4 = float;
using F8 = double;

}  // namespace

void declare_float(Declarations& d) {
  d.add(204, "float4pl(float4,float4) float4", add_kernel<F4, F4>());
  d.add(205, "float4mi(float4,float4) float4", subtract_kernel<F4, F4>());
  d.add(202, "float4mul(float4,float4) float4", multiply_kernel<F4, F4>());
  d.add(203, "float4div(float4,float4) float4", divide_kernel<F4, F4>());
  d.add(281, "float48pl(float4,float8) float8", add_kernel<F4, F8>());
  d.add(282, "float48mi(float4,float8) float8", subtract_kernel<F4, F8>());
  d.add(279, "float48mul(float4,float8) float8", multiply_kernel<F4, F8>());
  d.add(280, "float48div(float4,float8) float8", divide_kernel<F4, F8>());
  d.add(285, "float84pl(float8,float4) float8", add_kernel<F8, F4>());
  d.add(286, "float84mi(float8,float4) float8", subtract_kernel<F8, F4>());
  d.add(283, "float84mul(float8,float4) float8", multiply_kernel<F8, F4>());
  d.add(284, "float84div(float8,float4) float8", divide_kernel<F8, F4>());
  d.add(218, "float8pl(float8,float8) float8", add_kernel<F8, F8>());
  d.add(219, "float8mi(float8,float8) float8", subtract_kernel<F8, F8>());
  d.add(216, "float8mul(float8,float8) float8", multiply_kernel<F8, F8>());
  d.add(217, "float8div(float8,float8) float8", divide_kernel<F8, F8>());
  d.add(206, "float4um(float4) float4", total<negate<F4>>());
  d.add(1913, "float4up(float4) float4", each<plus<F4>>());
  d.add(207, "float4abs(float4) float4", total<absolute<F4>>());
  d.add(1394, "abs(float4) float4", total<absolute<F4>>());
  d.add(209, "float4larger(float4,float4) float4", each<larger<F4>>());
  d.add(211, "float4smaller(float4,float4) float4", each<smaller<F4>>());
  d.add(354, "btfloat4cmp(float4,float4) int4", each<order<F4>>());
  d.add(236, "float4(int2) float4", total<convert<int16_t, F4>>()).monotone = true;
  d.add(238, "int2(float4) int2", each<to_integer<F4, int16_t>>()).monotone = true;
  d.add(318, "float4(int4) float4", total<convert<int32_t, F4>>()).monotone = true;
  d.add(319, "int4(float4) int4", each<to_integer<F4, int32_t>>()).monotone = true;
  d.add(652, "float4(int8) float4", total<convert<int64_t, F4>>()).monotone = true;
  d.add(653, "int8(float4) int8", each<to_integer<F4, int64_t>>()).monotone = true;
  d.add(220, "float8um(float8) float8", total<negate<F8>>());
  d.add(1914, "float8up(float8) float8", each<plus<F8>>());
  d.add(221, "float8abs(float8) float8", total<absolute<F8>>());
  d.add(1395, "abs(float8) float8", total<absolute<F8>>());
  d.add(223, "float8larger(float8,float8) float8", each<larger<F8>>());
  d.add(224, "float8smaller(float8,float8) float8", each<smaller<F8>>());
  d.add(355, "btfloat8cmp(float8,float8) int4", each<order<F8>>());
  d.add(235, "float8(int2) float8", total<convert<int16_t, F8>>()).monotone = true;
  d.add(237, "int2(float8) int2", each<to_integer<F8, int16_t>>()).monotone = true;
  d.add(316, "float8(int4) float8", total<convert<int32_t, F8>>()).monotone = true;
  d.add(317, "int4(float8) int4", each<to_integer<F8, int32_t>>()).monotone = true;
  d.add(482, "float8(int8) float8", total<convert<int64_t, F8>>()).monotone = true;
  d.add(483, "int8(float8) int8", each<to_integer<F8, int64_t>>()).monotone = true;
  d.add(311, "float8(float4) float8", total<convert<F4, F8>>()).monotone = true;
  d.add(312, "float4(float8) float4", each<narrow>()).monotone = true;
}

}  // namespace qw::sql
