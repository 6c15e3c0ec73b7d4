// Exact sums of floats: any order gives one answer, taking away undoes adding, rounding is correct.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "views/state/exact_float.h"

namespace qw::views {

TEST_CASE("taking values away restores the sum") {
  const std::vector<double> values{1e308,  1e-308, 0.1, -3.5, 5e-324, 1e16,
                                   -1e308, 1.0,    0.2, 0.3,  -0.0,   123456789.123};
  for (size_t skip = 0; skip < values.size(); ++skip) {
    ExactFloat all, rest;
    for (size_t i = 0; i < values.size(); ++i) {
      all.add(values[i], 1);
      const size_t other = values.size() - 1 - i;  // the other order
      if (other != skip) rest.add(values[other], 1);
    }
    all.add(values[skip], -1);
    CHECK(all.value() == rest.value());
    all.release();
    rest.release();
  }
}

TEST_CASE("sums are rounded once, to even") {
  ExactFloat sum;
  for (int i = 0; i < 10; ++i) sum.add(0.1, 1);
  CHECK(sum.value() == 1.0);
  ExactFloat half;
  half.add(9007199254740992.0, 1);  // 2^53
  half.add(1.0, 1);
  CHECK(half.value() == 9007199254740992.0);
  half.add(5e-324, 1);  // just above the tie
  CHECK(half.value() == 9007199254740994.0);
  half.add(5e-324, -1);
  half.add(1.0, 1);
  CHECK(half.value() == 9007199254740994.0);
  half.release();
  ExactFloat single;
  single.add(16777216.0, 1);
  single.add(1.0, 1);
  CHECK(single.value(24) == 16777216.0);
}

TEST_CASE("infinities and NaN are counted") {
  ExactFloat sum;
  sum.add(1.5, 1);
  sum.add(std::numeric_limits<double>::infinity(), 1);
  CHECK(std::isinf(sum.value()));
  sum.add(-std::numeric_limits<double>::infinity(), 1);
  CHECK(std::isnan(sum.value()));
  sum.add(std::numeric_limits<double>::infinity(), -1);
  sum.add(-std::numeric_limits<double>::infinity(), -1);
  CHECK(sum.value() == 1.5);
  CHECK(!sum.has_infinite_input());
  sum.release();
}

TEST_CASE("a precise sum is not bound by the range of doubles") {
  for (const double sign : {1.0, -1.0}) {
    for (const double small : {0.0, 0x1p-1074}) {  // with it the sum has limbs
      ExactFloat sum;
      sum.add(small, 1);
      sum.add(sign * 1e308, 3);
      CHECK((sum.precise() == static_cast<__float128>(sign * 1e308) * 3));
      CHECK(std::isinf(sum.value()));
      sum.add(sign * 1e308, -3);
      CHECK((sum.precise() == small));
      sum.release();
    }
  }
}

}  // namespace qw::views
