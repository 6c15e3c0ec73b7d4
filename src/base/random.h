// Random: the only door to entropy, and the one seeded generator.
//
// SeededRandom is xoshiro256** (Blackman and Vigna, 2018), seeded through splitmix64: the same seed
// gives the same sequence on every machine, which load generators and tests rely on.
// Externally synchronised. Tests: tests/unit/base/random_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace qw {

class Random {
 public:
  explicit Random(uint64_t seed);
  uint64_t next();
  // Uniform in [0, bound), bound > 0 (Lemire's multiply-shift).
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  // Uniform in [low, high].
  int64_t between(int64_t low, int64_t high) {
    return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low) + 1));
  }
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  bool chance(double probability) { return unit() < probability; }

 private:
  std::array<uint64_t, 4> state_;
};

// Bytes from the operating system: cancel keys, uuids, ids.
void fill_entropy(std::span<unsigned char> out);
uint64_t entropy_u64();

}  // namespace qw
