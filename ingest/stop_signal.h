// StopSignal: tells a source's threads to stop, in a form that poll() understands.
// Tests: tests/unit/ingest/options_test.cc.
#pragma once

#include <atomic>
#include <chrono>

#include "src/base/result.h"

namespace qw::ingest {

// Wakes pollers for good. Internally synchronised.
class StopSignal {
 public:
  StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal();
  void raise();
  void clear();
  bool raised() const { return raised_.load(); }
  int fd() const { return fd_; }
  // An error when the process had no descriptor left for it: nobody may wait on it then.
  Result<void> usable() const;
  // Sleeps; true when raised meanwhile.
  bool wait(std::chrono::milliseconds time) const;
  // As wait(), but also ends when someone wrote to fd() without raising, and takes that back.
  bool wait_drain(std::chrono::milliseconds time);

 private:
  std::atomic<bool> raised_ = false;
  int fd_ = -1;
};

}  // namespace qw::ingest
