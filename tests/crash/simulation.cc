// simulation [--from N] [--count N]: the engine with its disk, upstreams and clock simulated,
// against a model; tests/unit/engine/simulation.h. A number is a seed.
#include <fmt/format.h>

#include "src/base/log.h"
#include "tests/crash/range.h"
#include "tests/unit/engine/simulation.h"

int main(int argc, char** argv) {
  const auto range = qw::storage::crash::parse_range(argc, argv, 200);
  qw::log::set_level(qw::log::Level::off);
  qw::engine::test::SimulationCounts counts;
  uint64_t failures = 0;
  for (uint64_t seed = range.first; seed < range.first + range.count; ++seed) {
    const std::string wrong = qw::engine::test::simulate(seed, counts);
    if (wrong.empty()) continue;
    ++failures;
    fmt::print("FAIL {}\n", wrong);
  }
  fmt::print("{}\n", counts.text());
  fmt::print("{{\"tried\": {}, \"failures\": {}}}\n", range.count, failures);
  return failures == 0 ? 0 : 1;
}
