// StatementTimer: see statement_timer.h.
#include "src/engine/statement_timer.h"

#include <chrono>

namespace qw::engine {

StatementTimer::~StatementTimer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

StatementTimer::Handle StatementTimer::start(int64_t after_ms, std::function<void()> fire) {
  const std::lock_guard lock(mutex_);
  const Handle handle{clock_->monotonic_us() + after_ms * 1000, ++last_};
  waiting_.emplace(handle, std::move(fire));
  if (!running_) {
    running_ = true;
    thread_ = Thread("timer", [this] { run(); });
  }
  changed_.notify_all();
  return handle;
}

void StatementTimer::stop(Handle& handle) {
  if (handle.second == 0) return;
  const std::lock_guard lock(mutex_);
  waiting_.erase(handle);
  handle = {};
}

void StatementTimer::run() {
  std::unique_lock lock(mutex_);
  while (!ending_) {
    if (waiting_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const auto first = waiting_.begin();
    const int64_t left_us = first->first.first - clock_->monotonic_us();
    if (left_us > 0) {
      changed_.wait_for(lock, std::chrono::microseconds(left_us));
      continue;
    }
    first->second();
    waiting_.erase(first);
  }
}

}  // namespace qw::engine
