// Clock: the only door to real time. Everything else receives a Clock&, so tests can set the time.
// Internally synchronised. Tests: tests/unit/base/clock_test.cc.
#pragma once

#include <atomic>
#include <cstdint>

namespace qw {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock();
  // Wall time, microseconds since 2000-01-01 00:00 UTC (PostgreSQL's timestamptz).
  virtual int64_t now_us() = 0;
  // Never goes back; for timers and durations only.
  virtual int64_t monotonic_us() = 0;
};

class SystemClock final : public Clock {
 public:
  int64_t now_us() override;
  int64_t monotonic_us() override;
};

class ManualClock final : public Clock {
 public:
  explicit ManualClock(int64_t now_us) : now_us_(now_us) {}
  int64_t now_us() override { return now_us_; }
  int64_t monotonic_us() override { return now_us_; }
  void advance(int64_t by_us) { now_us_ += by_us; }

 private:
  std::atomic<int64_t> now_us_;
};

// CPU time of the whole process in microseconds, for benchmarks.
int64_t process_cpu_us();

}  // namespace qw
