// Mathematics on double precision: rounding, roots, exponentials, trigonometry, width_bucket.
//
// Range errors follow PostgreSQL: a finite argument that gives an infinity overflows, a nonzero one
// that gives zero underflows. Tests: tests/unit/sql_expr/cases/math.tsv.
#include <cmath>
#include <limits>
#include <numbers>

#include "sql/expr/declare.h"
#include "src/base/hash.h"
#include "src/base/random.h"

namespace qw::sql {
namespace {

Error overflow() { return numeric_value_out_of_range("value out of range: overflow"); }
Error underflow() { return numeric_value_out_of_range("value out of range: underflow"); }
Error bad_input() { return numeric_value_out_of_range("input is out of range"); }

double ranged(double result, bool may_be_zero, double argument, Row& row) {
  if (std::isinf(result) && !std::isinf(argument)) return row.fail(overflow());
  if (result == 0.0 && !may_be_zero) return row.fail(underflow());
  return result;
}

double ceiling(double a) { return std::ceil(a); }
double floor(double a) { return std::floor(a); }
double round(double a) { return std::rint(a); }
double trunc(double a) { return std::trunc(a); }
double sign(double a) { return a > 0 ? 1.0 : (a < 0 ? -1.0 : 0.0); }
double square_root(double a, Row& row) {
  if (a < 0) {
    return row.fail(
        invalid_argument_for_power_function("cannot take square root of a negative number"));
  }
  return std::sqrt(a);
}
double cube_root(double a) { return std::cbrt(a); }

double exponential(double a, Row& row) {
  if (std::isnan(a)) return a;
  if (std::isinf(a)) return a > 0 ? a : 0.0;
  return ranged(std::exp(a), false, a, row);
}
double logarithm(double a, double (*log)(double), Row& row) {
  if (a == 0.0) return row.fail(invalid_argument_for_logarithm("cannot take logarithm of zero"));
  if (a < 0) {
    return row.fail(invalid_argument_for_logarithm("cannot take logarithm of a negative number"));
  }
  return ranged(log(a), a == 1.0, a, row);
}
double natural_log(double a, Row& row) { return logarithm(a, std::log, row); }
double log_ten(double a, Row& row) { return logarithm(a, std::log10, row); }

double power(double a, double b, Row& row) {
  if (std::isnan(a)) return b == 0.0 ? 1.0 : a;
  if (std::isnan(b)) return a == 1.0 ? 1.0 : b;
  if (a == 0.0 && b < 0) {
    return row.fail(
        invalid_argument_for_power_function("zero raised to a negative power is undefined"));
  }
  if (a < 0 && std::isfinite(b) && std::floor(b) != b) {
    return row.fail(invalid_argument_for_power_function(
        "a negative number raised to a non-integer power yields a complex result"));
  }
  if (std::isinf(a) || std::isinf(b)) return std::pow(a, b);
  const double result = std::pow(a, b);
  if (std::isinf(result)) return row.fail(overflow());
  if (result == 0.0 && a != 0.0) return row.fail(underflow());
  return result;
}

double pi() { return std::numbers::pi; }
double degrees(double a, Row& row) {
  return ranged(a / (std::numbers::pi / 180.0), a == 0, a, row);
}
double radians(double a, Row& row) {
  return ranged(a * (std::numbers::pi / 180.0), a == 0, a, row);
}

// Trigonometry of finite values; PostgreSQL refuses infinities.
using Unary = double (*)(double);
template <Unary F>
double finite_only(double a, Row& row) {
  if (std::isnan(a)) return a;
  if (std::isinf(a)) return row.fail(bad_input());
  return F(a);
}
template <Unary F>
double unit_only(double a, Row& row) {
  if (std::isnan(a)) return a;
  if (a < -1.0 || a > 1.0) return row.fail(bad_input());
  return F(a);
}
double cotangent(double a) { return 1.0 / std::tan(a); }
double arc_tangent(double a) { return std::atan(a); }
double arc_tangent2(double a, double b) { return std::atan2(a, b); }
double sine_h(double a) { return std::sinh(a); }
double cosine_h(double a) { return std::cosh(a); }
double tangent_h(double a) { return std::tanh(a); }
double area_sine_h(double a) { return std::asinh(a); }
double area_cosine_h(double a, Row& row) {
  if (a < 1.0) return row.fail(bad_input());
  return std::acosh(a);
}
double area_tangent_h(double a, Row& row) {
  if (a < -1.0 || a > 1.0) return row.fail(bad_input());
  return std::atanh(a);
}

// Degrees: exact at the multiples that people know.
constexpr double kDegree = std::numbers::pi / 180.0;
double sin_0_to_30(double x) { return (std::sin(x * kDegree) / std::sin(30.0 * kDegree)) / 2.0; }
double cos_0_to_60(double x) {
  return 1.0 - ((1.0 - std::cos(x * kDegree)) / (1.0 - std::cos(60.0 * kDegree))) / 2.0;
}
double sin_q1(double x) { return x <= 30.0 ? sin_0_to_30(x) : cos_0_to_60(90.0 - x); }
double cos_q1(double x) { return x <= 60.0 ? cos_0_to_60(x) : sin_0_to_30(90.0 - x); }
double asin_q1(double x) {
  if (x <= 0.5) return std::asin(x) / std::asin(0.5) * 30.0;
  return 90.0 - std::acos(x) / std::acos(0.5) * 60.0;
}
double acos_q1(double x) {
  if (x <= 0.5) return 90.0 - std::asin(x) / std::asin(0.5) * 30.0;
  return std::acos(x) / std::acos(0.5) * 60.0;
}
double arc_sine_d(double a) { return a >= 0.0 ? asin_q1(a) : -asin_q1(-a); }
double arc_cosine_d(double a) { return a >= 0.0 ? acos_q1(a) : 90.0 + asin_q1(-a); }
double arc_tangent_d(double a) { return std::atan(a) / std::atan(1.0) * 45.0; }
double arc_tangent2_d(double a, double b) { return std::atan2(a, b) / std::atan(1.0) * 45.0; }
double sine_d(double a) {
  a = std::fmod(a, 360.0);
  double sign = 1.0;
  if (a < 0.0) a = -a, sign = -sign;
  if (a > 180.0) a = 360.0 - a, sign = -sign;
  if (a > 90.0) a = 180.0 - a;
  return sign * sin_q1(a);
}
double cosine_d(double a) {
  a = std::fmod(a, 360.0);
  double sign = 1.0;
  if (a < 0.0) a = -a;
  if (a > 180.0) a = 360.0 - a;
  if (a > 90.0) a = 180.0 - a, sign = -sign;
  return sign * cos_q1(a);
}
double tangent_d(double a) {
  a = std::fmod(a, 360.0);
  double sign = 1.0;
  if (a < 0.0) a = -a, sign = -sign;
  if (a > 180.0) a = 360.0 - a, sign = -sign;
  if (a > 90.0) a = 180.0 - a, sign = -sign;
  const double result = sign * ((sin_q1(a) / cos_q1(a)) / (sin_q1(45.0) / cos_q1(45.0)));
  return result == 0.0 ? 0.0 : result;
}
double cotangent_d(double a) {
  a = std::fmod(a, 360.0);
  double sign = 1.0;
  if (a < 0.0) a = -a, sign = -sign;
  if (a > 180.0) a = 360.0 - a, sign = -sign;
  if (a > 90.0) a = 180.0 - a, sign = -sign;
  const double result = sign * ((cos_q1(a) / sin_q1(a)) / (cos_q1(45.0) / sin_q1(45.0)));
  return result == 0.0 ? 0.0 : result;
}

template <typename T>
int32_t width_bucket(T operand, T low, T high, int32_t count, Row& row) {
  const auto invalid = [&](const char* message) { return row.fail(Error("2201G", message)); };
  if (count <= 0) return invalid("count must be greater than zero");
  if (std::isnan(operand) || std::isnan(low) || std::isnan(high)) {
    return invalid("operand, lower bound, and upper bound cannot be NaN");
  }
  if (std::isinf(low) || std::isinf(high)) return invalid("lower and upper bounds must be finite");
  if (low == high) return invalid("lower bound cannot equal upper bound");
  const bool rising = low < high;
  const bool below = rising ? operand < low : operand > low;
  const bool above = rising ? operand >= high : operand <= high;
  if (below) return 0;
  if (above) {
    if (count == INT32_MAX) return row.fail(numeric_value_out_of_range("integer out of range"));
    return count + 1;
  }
  double result =
      rising ? count * ((operand - low) / (high - low)) : count * ((low - operand) / (low - high));
  if (!std::isfinite(high - low)) {
    result = rising ? count * ((operand / 2 - low / 2) / (high / 2 - low / 2))
                    : count * ((low / 2 - operand / 2) / (low / 2 - high / 2));
  }
  const auto bucket = static_cast<int32_t>(result);
  return bucket >= count ? count : bucket + 1;
}

// The seed is data of the statement; each call moves it on.
double random(Row& row) {
  uint64_t& seed = row.context().random_seed;
  if (seed == 0) seed = entropy_u64();
  seed = hash_u64(seed + 0x9e3779b97f4a7c15U);
  return static_cast<double>(seed >> 11) * 0x1.0p-53;
}

}  // namespace

void declare_math(Declarations& d) {
  d.add(2308, "ceil(float8) float8", each<ceiling>());
  d.add(2320, "ceiling(float8) float8", each<ceiling>());
  d.add(2309, "floor(float8) float8", each<floor>());
  d.add(1342, "round(float8) float8", each<round>());
  d.add(228, "dround(float8) float8", each<round>());
  d.add(1343, "trunc(float8) float8", each<trunc>());
  d.add(229, "dtrunc(float8) float8", each<trunc>());
  d.add(2310, "sign(float8) float8", each<sign>());
  d.add(1344, "sqrt(float8) float8", each<square_root>());
  d.add(230, "dsqrt(float8) float8", each<square_root>());
  d.add(1345, "cbrt(float8) float8", each<cube_root>());
  d.add(231, "dcbrt(float8) float8", each<cube_root>());
  d.add(1347, "exp(float8) float8", each<exponential>());
  d.add(233, "dexp(float8) float8", each<exponential>());
  d.add(1341, "ln(float8) float8", each<natural_log>());
  d.add(234, "dlog1(float8) float8", each<natural_log>());
  d.add(1340, "log(float8) float8", each<log_ten>());
  d.add(1194, "log10(float8) float8", each<log_ten>());
  d.add(1339, "dlog10(float8) float8", each<log_ten>());
  d.add(1368, "power(float8,float8) float8", each<power>());
  d.add(1346, "pow(float8,float8) float8", each<power>());
  d.add(232, "dpow(float8,float8) float8", each<power>());
  d.add(1610, "pi() float8", each<pi>());
  d.add(1608, "degrees(float8) float8", each<degrees>());
  d.add(1609, "radians(float8) float8", each<radians>());
  d.add(1604, "sin(float8) float8", each<finite_only<std::sin>>());
  d.add(1605, "cos(float8) float8", each<finite_only<std::cos>>());
  d.add(1606, "tan(float8) float8", each<finite_only<std::tan>>());
  d.add(1607, "cot(float8) float8", each<finite_only<cotangent>>());
  d.add(2731, "asind(float8) float8", each<unit_only<arc_sine_d>>());
  d.add(2732, "acosd(float8) float8", each<unit_only<arc_cosine_d>>());
  d.add(2733, "atand(float8) float8", each<arc_tangent_d>());
  d.add(2734, "atan2d(float8,float8) float8", each<arc_tangent2_d>());
  d.add(2735, "sind(float8) float8", each<finite_only<sine_d>>());
  d.add(2736, "cosd(float8) float8", each<finite_only<cosine_d>>());
  d.add(2737, "tand(float8) float8", each<finite_only<tangent_d>>());
  d.add(2738, "cotd(float8) float8", each<finite_only<cotangent_d>>());
  d.add(1600, "asin(float8) float8", each<unit_only<std::asin>>());
  d.add(1601, "acos(float8) float8", each<unit_only<std::acos>>());
  d.add(1602, "atan(float8) float8", each<arc_tangent>());
  d.add(1603, "atan2(float8,float8) float8", each<arc_tangent2>());
  d.add(2462, "sinh(float8) float8", each<sine_h>());
  d.add(2463, "cosh(float8) float8", each<cosine_h>());
  d.add(2464, "tanh(float8) float8", each<tangent_h>());
  d.add(2465, "asinh(float8) float8", each<area_sine_h>());
  d.add(2466, "acosh(float8) float8", each<area_cosine_h>());
  d.add(2467, "atanh(float8) float8", each<area_tangent_h>());
  d.add(320, "width_bucket(float8,float8,float8,int4) int4", each<width_bucket<double>>());
  d.add(1598, "random() float8 volatile", each<random>());
}

}  // namespace qw::sql
