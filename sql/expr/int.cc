// Integer arithmetic: + - * / % on every pair of widths, bit operations, gcd, lcm, abs, sign.
//
// Sums and products are computed for a whole block with the overflow flags or-ed together; only a
// block that overflowed is searched for the rows. Division tests its divisor per row.
// Tests: tests/unit/sql_expr/int_test.cc.
#include <limits>
#include <numeric>
#include <type_traits>

#include "sql/expr/declare.h"

namespace qw::sql {
namespace {

template <typename T>
Error out_of_range() {
  if constexpr (sizeof(T) == 2) return numeric_value_out_of_range("smallint out of range");
  if constexpr (sizeof(T) == 4) return numeric_value_out_of_range("integer out of range");
  return numeric_value_out_of_range("bigint out of range");
}
template <typename T>
using Unsigned = std::make_unsigned_t<T>;

// The sign bit of the flag says that the sum overflowed.
template <typename R>
R add(R a, R b, R* out) {
  const R sum = static_cast<R>(static_cast<Unsigned<R>>(a) + static_cast<Unsigned<R>>(b));
  *out = sum;
  return static_cast<R>((a ^ sum) & (b ^ sum));
}
template <typename R>
R subtract(R a, R b, R* out) {
  const R difference = static_cast<R>(static_cast<Unsigned<R>>(a) - static_cast<Unsigned<R>>(b));
  *out = difference;
  return static_cast<R>((a ^ b) & (a ^ difference));
}
template <typename R>
R multiply(R a, R b, R* out) {
  if constexpr (sizeof(R) == 8) {
    return __builtin_mul_overflow(a, b, out) ? -1 : 0;
  } else {
    using Double = std::conditional_t<sizeof(R) == 4, int64_t, int32_t>;
    const Double product = static_cast<Double>(a) * static_cast<Double>(b);
    *out = static_cast<R>(product);
    return product == static_cast<Double>(*out) ? R{0} : R{-1};
  }
}

template <typename R>
R divide(R a, R b, Row& row) {
  if (b == 0) [[unlikely]]
    return row.fail(division_by_zero("division by zero"));
  if (b == -1) {
    if (a == std::numeric_limits<R>::min()) [[unlikely]]
      return row.fail(out_of_range<R>());
    return static_cast<R>(-a);
  }
  return static_cast<R>(a / b);
}
template <typename T>
T modulo(T a, T b, Row& row) {
  if (b == 0) [[unlikely]]
    return row.fail(division_by_zero("division by zero"));
  return b == -1 ? T{0} : static_cast<T>(a % b);
}

template <typename T>
T negate(T a, T* out) {
  const T result = static_cast<T>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a));
  *out = result;
  return static_cast<T>(a & result);  // both negative: the minimum, which has no opposite
}
template <typename T>
T absolute(T a, T* out) {
  *out = a < 0 ? static_cast<T>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a)) : a;
  return *out;
}
template <typename T>
T plus(T a) {
  return a;
}
template <typename T>
T bit_and(T a, T b) {
  return static_cast<T>(a & b);
}
template <typename T>
T bit_or(T a, T b) {
  return static_cast<T>(a | b);
}
template <typename T>
T bit_xor(T a, T b) {
  return static_cast<T>(a ^ b);
}
template <typename T>
T bit_not(T a) {
  return static_cast<T>(~a);
}
// As the processor does it: the count is taken modulo the width, of int for smallint.
template <typename T>
T shift_left(T a, int32_t count) {
  constexpr int32_t kMask = sizeof(T) == 8 ? 63 : 31;
  using Wide = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;
  return static_cast<T>(static_cast<Wide>(a) << (count & kMask));
}
template <typename T>
T shift_right(T a, int32_t count) {
  constexpr int32_t kMask = sizeof(T) == 8 ? 63 : 31;
  using Wide = std::conditional_t<sizeof(T) == 8, int64_t, int32_t>;
  return static_cast<T>(Wide{a} >> (count & kMask));
}
template <typename T>
T larger(T a, T b) {
  return a > b ? a : b;
}
template <typename T>
T smaller(T a, T b) {
  return a < b ? a : b;
}
template <typename T>
int32_t order(T a, T b) {
  return (a > b ? 1 : 0) - (a < b ? 1 : 0);
}

template <typename T>
Unsigned<T> magnitude(T a) {
  return a < 0 ? static_cast<Unsigned<T>>(Unsigned<T>{0} - static_cast<Unsigned<T>>(a))
               : static_cast<Unsigned<T>>(a);
}
template <typename T>
T gcd(T a, T b, Row& row) {
  const Unsigned<T> result = std::gcd(magnitude(a), magnitude(b));
  if (result > static_cast<Unsigned<T>>(std::numeric_limits<T>::max())) {
    return row.fail(out_of_range<T>());
  }
  return static_cast<T>(result);
}
template <typename T>
T lcm(T a, T b, Row& row) {
  if (a == 0 || b == 0) return 0;
  const Unsigned<T> x = magnitude(a), y = magnitude(b);
  Unsigned<T> result;
  if (__builtin_mul_overflow(static_cast<Unsigned<T>>(x / std::gcd(x, y)), y, &result) ||
      result > static_cast<Unsigned<T>>(std::numeric_limits<T>::max())) {
    return row.fail(out_of_range<T>());
  }
  return static_cast<T>(result);
}

// Conversions between integers: to a wider one never fails.
template <typename From, typename To>
To widen(From value) {
  return static_cast<To>(value);
}
template <typename From, typename To>
To narrow(From value, To* out) {
  *out = static_cast<To>(value);
  return static_cast<From>(*out) == value ? To{0} : To{-1};
}
int64_t oid_to_int8(uint32_t value) { return value; }
uint32_t int8_to_oid(int64_t value, Row& row) {
  if (value < 0 || value > std::numeric_limits<uint32_t>::max()) {
    return row.fail(numeric_value_out_of_range("OID out of range"));
  }
  return static_cast<uint32_t>(value);
}
int32_t char_to_int4(int8_t value) { return value; }
int8_t int4_to_char(int32_t value, Row& row) {
  if (value < -128 || value > 127) {
    return row.fail(numeric_value_out_of_range("\"char\" out of range"));
  }
  return static_cast<int8_t>(value);
}
bool int4_to_bool(int32_t value) { return value != 0; }
int32_t bool_to_int4(bool value) { return value ? 1 : 0; }

using I2 = int16_t;
using I4 = int32_t;
using I8 = int64_t;

template <typename A, typename B>
using Wider = std::conditional_t<(sizeof(A) > sizeof(B)), A, B>;
template <typename R>
constexpr TypeId kTypeOf = sizeof(R) == 2   ? TypeId::int2
                           : sizeof(R) == 4 ? TypeId::int4
                                            : TypeId::int8;

template <typename A, typename B, Kernel K>
constexpr KernelSpec widths(bool infallible) {
  if constexpr (std::is_same_v<A, B>) return {K, infallible};
  using W = Wider<A, B>;
  return mixed<A, B, W, kTypeOf<W>, K>(infallible);
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec add_kernel() {
  return widths<A, B, checked<&add<R>, &out_of_range<R>>().run>(false);
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec subtract_kernel() {
  return widths<A, B, checked<&subtract<R>, &out_of_range<R>>().run>(false);
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec multiply_kernel() {
  return widths<A, B, checked<&multiply<R>, &out_of_range<R>>().run>(false);
}
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec divide_kernel() {
  return widths<A, B, each<divide<R>>().run>(false);
}
int32_t order_small(I2 a, I2 b) { return a - b; }  // PostgreSQL's answer for int2 alone
template <typename A, typename B, typename R = Wider<A, B>>
constexpr KernelSpec order_kernel() {
  return widths<A, B, each<order<R>>().run>(true);
}

void declare_arithmetic(Declarations& d) {
  d.add(176, "int2pl(int2,int2) int2", add_kernel<I2, I2>());
  d.add(180, "int2mi(int2,int2) int2", subtract_kernel<I2, I2>());
  d.add(152, "int2mul(int2,int2) int2", multiply_kernel<I2, I2>());
  d.add(153, "int2div(int2,int2) int2", divide_kernel<I2, I2>());
  d.add(178, "int24pl(int2,int4) int4", add_kernel<I2, I4>());
  d.add(182, "int24mi(int2,int4) int4", subtract_kernel<I2, I4>());
  d.add(170, "int24mul(int2,int4) int4", multiply_kernel<I2, I4>());
  d.add(172, "int24div(int2,int4) int4", divide_kernel<I2, I4>());
  d.add(841, "int28pl(int2,int8) int8", add_kernel<I2, I8>());
  d.add(942, "int28mi(int2,int8) int8", subtract_kernel<I2, I8>());
  d.add(943, "int28mul(int2,int8) int8", multiply_kernel<I2, I8>());
  d.add(948, "int28div(int2,int8) int8", divide_kernel<I2, I8>());
  d.add(179, "int42pl(int4,int2) int4", add_kernel<I4, I2>());
  d.add(183, "int42mi(int4,int2) int4", subtract_kernel<I4, I2>());
  d.add(171, "int42mul(int4,int2) int4", multiply_kernel<I4, I2>());
  d.add(173, "int42div(int4,int2) int4", divide_kernel<I4, I2>());
  d.add(177, "int4pl(int4,int4) int4", add_kernel<I4, I4>());
  d.add(181, "int4mi(int4,int4) int4", subtract_kernel<I4, I4>());
  d.add(141, "int4mul(int4,int4) int4", multiply_kernel<I4, I4>());
  d.add(154, "int4div(int4,int4) int4", divide_kernel<I4, I4>());
  d.add(1278, "int48pl(int4,int8) int8", add_kernel<I4, I8>());
  d.add(1279, "int48mi(int4,int8) int8", subtract_kernel<I4, I8>());
  d.add(1280, "int48mul(int4,int8) int8", multiply_kernel<I4, I8>());
  d.add(1281, "int48div(int4,int8) int8", divide_kernel<I4, I8>());
  d.add(837, "int82pl(int8,int2) int8", add_kernel<I8, I2>());
  d.add(838, "int82mi(int8,int2) int8", subtract_kernel<I8, I2>());
  d.add(839, "int82mul(int8,int2) int8", multiply_kernel<I8, I2>());
  d.add(840, "int82div(int8,int2) int8", divide_kernel<I8, I2>());
  d.add(1274, "int84pl(int8,int4) int8", add_kernel<I8, I4>());
  d.add(1275, "int84mi(int8,int4) int8", subtract_kernel<I8, I4>());
  d.add(1276, "int84mul(int8,int4) int8", multiply_kernel<I8, I4>());
  d.add(1277, "int84div(int8,int4) int8", divide_kernel<I8, I4>());
  d.add(463, "int8pl(int8,int8) int8", add_kernel<I8, I8>());
  d.add(464, "int8mi(int8,int8) int8", subtract_kernel<I8, I8>());
  d.add(465, "int8mul(int8,int8) int8", multiply_kernel<I8, I8>());
  d.add(466, "int8div(int8,int8) int8", divide_kernel<I8, I8>());
}

void declare_rest(Declarations& d) {
  d.add(155, "int2mod(int2,int2) int2", each<modulo<I2>>());
  d.add(940, "mod(int2,int2) int2", each<modulo<I2>>());
  d.add(213, "int2um(int2) int2", checked<&negate<I2>, &out_of_range<I2>>());
  d.add(1911, "int2up(int2) int2", each<plus<I2>>());
  d.add(1253, "int2abs(int2) int2", checked<&absolute<I2>, &out_of_range<I2>>());
  d.add(1398, "abs(int2) int2", checked<&absolute<I2>, &out_of_range<I2>>());
  d.add(1892, "int2and(int2,int2) int2", total<bit_and<I2>>());
  d.add(1893, "int2or(int2,int2) int2", total<bit_or<I2>>());
  d.add(1894, "int2xor(int2,int2) int2", total<bit_xor<I2>>());
  d.add(1895, "int2not(int2) int2", each<bit_not<I2>>());
  d.add(1896, "int2shl(int2,int4) int2", each<shift_left<I2>>());
  d.add(1897, "int2shr(int2,int4) int2", each<shift_right<I2>>());
  d.add(770, "int2larger(int2,int2) int2", each<larger<I2>>());
  d.add(771, "int2smaller(int2,int2) int2", each<smaller<I2>>());
  d.add(350, "btint2cmp(int2,int2) int4", each<order_small>());
  d.add(2190, "btint24cmp(int2,int4) int4", order_kernel<I2, I4>());
  d.add(2192, "btint28cmp(int2,int8) int4", order_kernel<I2, I8>());
  d.add(156, "int4mod(int4,int4) int4", each<modulo<I4>>());
  d.add(941, "mod(int4,int4) int4", each<modulo<I4>>());
  d.add(212, "int4um(int4) int4", checked<&negate<I4>, &out_of_range<I4>>());
  d.add(1912, "int4up(int4) int4", each<plus<I4>>());
  d.add(1251, "int4abs(int4) int4", checked<&absolute<I4>, &out_of_range<I4>>());
  d.add(1397, "abs(int4) int4", checked<&absolute<I4>, &out_of_range<I4>>());
  d.add(1898, "int4and(int4,int4) int4", total<bit_and<I4>>());
  d.add(1899, "int4or(int4,int4) int4", total<bit_or<I4>>());
  d.add(1900, "int4xor(int4,int4) int4", total<bit_xor<I4>>());
  d.add(1901, "int4not(int4) int4", each<bit_not<I4>>());
  d.add(1902, "int4shl(int4,int4) int4", each<shift_left<I4>>());
  d.add(1903, "int4shr(int4,int4) int4", each<shift_right<I4>>());
  d.add(768, "int4larger(int4,int4) int4", each<larger<I4>>());
  d.add(769, "int4smaller(int4,int4) int4", each<smaller<I4>>());
  d.add(2191, "btint42cmp(int4,int2) int4", order_kernel<I4, I2>());
  d.add(351, "btint4cmp(int4,int4) int4", order_kernel<I4, I4>());
  d.add(2188, "btint48cmp(int4,int8) int4", order_kernel<I4, I8>());
  d.add(945, "int8mod(int8,int8) int8", each<modulo<I8>>());
  d.add(947, "mod(int8,int8) int8", each<modulo<I8>>());
  d.add(462, "int8um(int8) int8", checked<&negate<I8>, &out_of_range<I8>>());
  d.add(1910, "int8up(int8) int8", each<plus<I8>>());
  d.add(1230, "int8abs(int8) int8", checked<&absolute<I8>, &out_of_range<I8>>());
  d.add(1396, "abs(int8) int8", checked<&absolute<I8>, &out_of_range<I8>>());
  d.add(1904, "int8and(int8,int8) int8", total<bit_and<I8>>());
  d.add(1905, "int8or(int8,int8) int8", total<bit_or<I8>>());
  d.add(1906, "int8xor(int8,int8) int8", total<bit_xor<I8>>());
  d.add(1907, "int8not(int8) int8", each<bit_not<I8>>());
  d.add(1908, "int8shl(int8,int4) int8", each<shift_left<I8>>());
  d.add(1909, "int8shr(int8,int4) int8", each<shift_right<I8>>());
  d.add(1236, "int8larger(int8,int8) int8", each<larger<I8>>());
  d.add(1237, "int8smaller(int8,int8) int8", each<smaller<I8>>());
  d.add(2193, "btint82cmp(int8,int2) int4", order_kernel<I8, I2>());
  d.add(2189, "btint84cmp(int8,int4) int4", order_kernel<I8, I4>());
  d.add(842, "btint8cmp(int8,int8) int4", order_kernel<I8, I8>());
  d.add(5044, "gcd(int4,int4) int4", each<gcd<I4>>());
  d.add(5046, "lcm(int4,int4) int4", each<lcm<I4>>());
  d.add(5045, "gcd(int8,int8) int8", each<gcd<I8>>());
  d.add(5047, "lcm(int8,int8) int8", each<lcm<I8>>());
  d.add(313, "int4(int2) int4", total<widen<I2, I4>>()).monotone = true;
  d.add(314, "int2(int4) int2", checked<&narrow<I4, I2>, &out_of_range<I2>>()).monotone = true;
  d.add(754, "int8(int2) int8", total<widen<I2, I8>>()).monotone = true;
  d.add(714, "int2(int8) int2", checked<&narrow<I8, I2>, &out_of_range<I2>>()).monotone = true;
  d.add(481, "int8(int4) int8", total<widen<I4, I8>>()).monotone = true;
  d.add(480, "int4(int8) int4", checked<&narrow<I8, I4>, &out_of_range<I4>>()).monotone = true;
  d.add(1288, "int8(oid) int8", total<oid_to_int8>()).monotone = true;
  d.add(1287, "oid(int8) oid", each<int8_to_oid>());
  d.add(77, "int4(char) int4", total<char_to_int4>());
  d.add(78, "char(int4) char", each<int4_to_char>());
  d.add(2557, "bool(int4) bool", total<int4_to_bool>());
  d.add(2558, "int4(bool) int4", total<bool_to_int4>());
}

}  // namespace

void declare_int(Declarations& d) {
  declare_arithmetic(d);
  declare_rest(d);
}

}  // namespace qw::sql
