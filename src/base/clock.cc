// Clock: see clock.h.
#include "src/base/clock.h"

#include <time.h>

namespace qw {
namespace {

// Seconds from the Unix epoch to 2000-01-01.
constexpr int64_t kPostgresEpochSeconds = 946684800;

int64_t read_us(clockid_t id) {
  timespec at{};
  clock_gettime(id, &at);
  return int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1000;
}

}  // namespace

Clock::~Clock() = default;

int64_t SystemClock::now_us() {
  return read_us(CLOCK_REALTIME) - kPostgresEpochSeconds * 1'000'000;
}

int64_t SystemClock::monotonic_us() { return read_us(CLOCK_MONOTONIC); }

int64_t process_cpu_us() { return read_us(CLOCK_PROCESS_CPUTIME_ID); }

}  // namespace qw
