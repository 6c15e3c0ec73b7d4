// Hashing: one 64-bit hash (xxh3) for keys, tags and checksums.
//
// A hash routes and filters; it is never an identity. Whoever looks something up by hash compares
// the full key as well.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <xxhash.h>

namespace qw {

inline uint64_t hash_bytes(std::string_view bytes, uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// Mixes a 64-bit value; a bijection, so distinct inputs never collide before truncation.
constexpr uint64_t hash_u64(uint64_t value) {
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93U;
  value ^= value >> 32;
  value *= 0xd6e8feb86659fd93U;
  value ^= value >> 32;
  return value;
}

constexpr uint64_t hash_combine(uint64_t a, uint64_t b) {
  return hash_u64(a * 0x9e3779b97f4a7c15U + b);
}

// For string-keyed maps: lookup by string_view without building a string.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return hash_bytes(text); }
};
struct StringEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

}  // namespace qw
