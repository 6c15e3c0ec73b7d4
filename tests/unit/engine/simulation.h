// Simulation: a database whose disk, upstreams and clock a seed decides, against a model.
//
// Statements, a source's transactions and crashes come at random. A crash is a commit, of the store
// or of the catalogue, that fails just before or just after it is durable, with nothing durable
// behind it: in the middle of definitions and of recovery, too. After every restart the database
// must be what the model says, with what was in flight done or not done, and every view what its
// query gives. Commits that find no room are in it as well; they are no crash.
//
// The seed decides all but how the loop's threads share work into transactions: a crash may fall a
// transaction sooner or later when a seed is repeated. One thread per call.
#pragma once

#include <cstdint>
#include <string>

namespace qw::engine::test {

struct SimulationCounts {
  uint64_t statements = 0, ingested = 0;
  uint64_t crashes = 0, crashes_in_definitions = 0, crashes_in_recovery = 0, full = 0;

  void add(const SimulationCounts& other);
  std::string text() const;
};

// What is wrong, with the steps that led there; empty = nothing.
std::string simulate(uint64_t seed, SimulationCounts& counts);

}  // namespace qw::engine::test
