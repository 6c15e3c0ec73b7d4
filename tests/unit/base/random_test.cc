// Random: fixed sequence for a seed, bounds respected.
#include "src/base/random.h"

#include <doctest/doctest.h>

TEST_CASE("the same seed gives the same sequence, another seed another") {
  qw::Random a(7), b(7), c(8);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const uint64_t value = a.next();
    CHECK(value == b.next());
    differs |= value != c.next();
  }
  CHECK(differs);
}

TEST_CASE("bounded draws stay in bounds and reach both ends") {
  qw::Random random(1);
  bool low = false, high = false;
  for (int i = 0; i < 1000; ++i) {
    const int64_t value = random.between(-2, 2);
    REQUIRE(value >= -2);
    REQUIRE(value <= 2);
    low |= value == -2;
    high |= value == 2;
    const double unit = random.unit();
    REQUIRE(unit >= 0);
    REQUIRE(unit < 1);
  }
  CHECK(low);
  CHECK(high);
}
