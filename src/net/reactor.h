// Reactor: worker threads around one epoll set, leader and followers.
//
// Whichever thread epoll wakes runs the connection's handler itself: no hand-over, no queue. A
// connection is armed one-shot, so one thread at a time has it. A handler may run as long as it
// likes (a query that streams): when the last idle worker takes an event, another one is started,
// up to a bound, and leaves again when there are more idle ones than cores. Internally
// synchronised. Tests: tests/unit/net/.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "src/base/result.h"
#include "src/base/thread.h"
#include "src/net/socket.h"

namespace qw::net {

// What a connection does when bytes have come. One thread at a time.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler();
  virtual int fd() const = 0;
  // False = this connection is over.
  virtual bool ready() = 0;
};

class Reactor {
 public:
  Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  Result<void> start(uint32_t workers);
  // The reactor owns the handler until ready() returns false or stop().
  void add(std::unique_ptr<Handler> handler);
  // Waits for running handlers; then all connections are closed.
  void stop();
  size_t connections() const;

 private:
  static constexpr uint32_t kWorkersMax = 1024;
  void work();
  void start_worker();
  void remove(Handler* handler);

  int epoll_ = -1, wake_ = -1;
  uint32_t workers_base_ = 1;
  std::atomic<uint32_t> idle_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;
  uint32_t workers_ = 0;  // guarded by mutex_, as all below
  std::list<Thread> threads_;
  std::unordered_map<Handler*, std::unique_ptr<Handler>> handlers_;
};

}  // namespace qw::net
