// Comparison of floats: NaN equals NaN and is above everything, -0 equals 0.
// Tests: tests/unit/sql_expr/compare_test.cc.
#include "sql/expr/declare.h"

namespace qw::sql {
namespace {

// Bitwise operators on the conditions keep the loops free of branches.
template <typename T>
bool float_eq(T a, T b) {
  return (a == b) | ((a != a) & (b != b));
}
template <typename T>
bool float_ne(T a, T b) {
  return !float_eq(a, b);
}
template <typename T>
bool float_lt(T a, T b) {
  return (a < b) | ((a == a) & (b != b));
}
template <typename T>
bool float_le(T a, T b) {
  return (a <= b) | (b != b);
}
template <typename T>
bool float_gt(T a, T b) {
  return float_lt(b, a);
}
template <typename T>
bool float_ge(T a, T b) {
  return float_le(b, a);
}

template <typename A, typename B, Kernel K>
constexpr KernelSpec widths() {
  return mixed<A, B, double, TypeId::float8, K>(true);
}

}  // namespace

void declare_compare_float(Declarations& d) {
  d.add(287, "float4eq(float4,float4) bool", total<float_eq<float>>());
  d.add(288, "float4ne(float4,float4) bool", total<float_ne<float>>());
  d.add(289, "float4lt(float4,float4) bool", total<float_lt<float>>());
  d.add(290, "float4le(float4,float4) bool", total<float_le<float>>());
  d.add(291, "float4gt(float4,float4) bool", total<float_gt<float>>());
  d.add(292, "float4ge(float4,float4) bool", total<float_ge<float>>());
  d.add(293, "float8eq(float8,float8) bool", total<float_eq<double>>());
  d.add(294, "float8ne(float8,float8) bool", total<float_ne<double>>());
  d.add(295, "float8lt(float8,float8) bool", total<float_lt<double>>());
  d.add(296, "float8le(float8,float8) bool", total<float_le<double>>());
  d.add(297, "float8gt(float8,float8) bool", total<float_gt<double>>());
  d.add(298, "float8ge(float8,float8) bool", total<float_ge<double>>());
  d.add(299, "float48eq(float4,float8) bool",
        widths<float, double, total<float_eq<double>>().run>());
  d.add(300, "float48ne(float4,float8) bool",
        widths<float, double, total<float_ne<double>>().run>());
  d.add(301, "float48lt(float4,float8) bool",
        widths<float, double, total<float_lt<double>>().run>());
  d.add(302, "float48le(float4,float8) bool",
        widths<float, double, total<float_le<double>>().run>());
  d.add(303, "float48gt(float4,float8) bool",
        widths<float, double, total<float_gt<double>>().run>());
  d.add(304, "float48ge(float4,float8) bool",
        widths<float, double, total<float_ge<double>>().run>());
  d.add(305, "float84eq(float8,float4) bool",
        widths<double, float, total<float_eq<double>>().run>());
  d.add(306, "float84ne(float8,float4) bool",
        widths<double, float, total<float_ne<double>>().run>());
  d.add(307, "float84lt(float8,float4) bool",
        widths<double, float, total<float_lt<double>>().run>());
  d.add(308, "float84le(float8,float4) bool",
        widths<double, float, total<float_le<double>>().run>());
  d.add(309, "float84gt(float8,float4) bool",
        widths<double, float, total<float_gt<double>>().run>());
  d.add(310, "float84ge(float8,float4) bool",
        widths<double, float, total<float_ge<double>>().run>());
}

}  // namespace qw::sql
