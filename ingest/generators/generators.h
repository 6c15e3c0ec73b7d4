// The generators behind Generator::create(), and the per-event random numbers they share.
#pragma once

#include <cstdint>
#include <memory>

#include "ingest/generator.h"
#include "src/base/hash.h"

namespace qw::ingest {

std::unique_ptr<Generator> make_nexmark(const GeneratorOptions& options);
std::unique_ptr<Generator> make_auction(const GeneratorOptions& options);
std::unique_ptr<Generator> make_counter(const GeneratorOptions& options);
std::unique_ptr<Generator> make_key_value(const GeneratorOptions& options);

// Random numbers of one event: a pure function of seed and event number, cheap to start (a
// generator with a long state would cost more to seed than an event takes to make).
class EventRandom {
 public:
  EventRandom(uint64_t seed, uint64_t event) : state_(hash_combine(seed, event)) {}
  uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31);
  }
  // Uniform in [0, bound).
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  uint64_t state_;
};

}  // namespace qw::ingest
