// StatementTimer: one thread that calls back when a statement has run too long.
//
// Started with the first timeout that anybody asks for. Internally synchronised: after stop() the
// callback does not run and is not running.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <utility>

#include "src/base/clock.h"
#include "src/base/thread.h"

namespace qw::engine {

class StatementTimer {
 public:
  // (when it is due, a number): a handle that stop() takes; second 0 = none.
  using Handle = std::pair<int64_t, uint64_t>;

  explicit StatementTimer(Clock& clock) : clock_(&clock) {}
  StatementTimer(const StatementTimer&) = delete;
  StatementTimer& operator=(const StatementTimer&) = delete;
  ~StatementTimer();

  // `fire` must be short and must not call back in here.
  Handle start(int64_t after_ms, std::function<void()> fire);
  void stop(Handle& handle);

 private:
  void run();

  Clock* clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Handle, std::function<void()>> waiting_;  // guarded by mutex_, as all below
  uint64_t last_ = 0;
  bool ending_ = false, running_ = false;
  Thread thread_;
};

}  // namespace qw::engine
