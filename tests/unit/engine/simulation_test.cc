#include "tests/unit/engine/simulation.h"

#include <string>

#include <doctest/doctest.h>

namespace qw::engine::test {
namespace {

TEST_CASE("whatever crashes, the database is what was acknowledged") {
  SimulationCounts counts;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    const std::string wrong = simulate(seed, counts);
    INFO(wrong);
    CHECK(wrong.empty());
    if (!wrong.empty()) break;
  }
  // A simulation in which nothing happens proves nothing.
  INFO(counts.text());
  CHECK(counts.crashes_in_definitions > 50);
  CHECK(counts.crashes > 200);
  CHECK(counts.crashes_in_recovery > 20);
  CHECK(counts.ingested > 2000);
  CHECK(counts.full > 50);
}

}  // namespace
}  // namespace qw::engine::test
