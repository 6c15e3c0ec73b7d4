// Range: which of endlessly many numbered states or rounds a run tries, `--from N --count N`, so
// that long runs can be spread out and any one repeated.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/base/log.h"

namespace qw::storage::crash {

struct Range {
  uint64_t first = 0, count = 0;
};

inline Range parse_range(int argc, char** argv, uint64_t count) {
  Range range{0, count};
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    if (i + 1 == argc || (name != "--from" && name != "--count")) {
      log::error("usage: {} [--from N] [--count N]", argv[0]);
      std::exit(2);
    }
    (name == "--from" ? range.first : range.count) = std::strtoull(argv[i + 1], nullptr, 10);
  }
  return range;
}

}  // namespace qw::storage::crash
