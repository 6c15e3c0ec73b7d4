// Reactor: the threads that serve connections whenever epoll says that bytes have come.
//
// Connections are spread over shards, one per core. A shard is an epoll set that one thread owns at
// a time, so that a request is read, run and answered where it came in: no hand-over, no lock, and,
// being edge-triggered, no re-arming. A client that answers within some microseconds is waited for
// awake: in a virtual machine going to sleep and being woken costs more than a point read.
//
// A handler may run as long as it likes (a query that streams, a commit that waits). Its shard must
// not wait with it: when it says so (expect_wait) or the watch sees it run for two ticks, another
// thread takes the shard over; the first one finishes its handler and is then spare. A connection
// is run by one thread at a time all the same: events that come meanwhile make it run once more.
// Internally synchronised. Tests: tests/unit/net/reactor_test.cc.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "src/base/result.h"
#include "src/base/thread.h"

namespace qw::net {

// What a connection does when bytes have come. One thread at a time.
class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler();
  virtual int fd() const = 0;
  // Takes everything that is there to be read: what is left is not told of again. False = this
  // connection is over.
  virtual bool ready() = 0;
};

class Reactor {
 public:
  Reactor();
  Reactor(const Reactor&) = delete;
  Reactor& operator=(const Reactor&) = delete;
  ~Reactor();

  Result<void> start(uint32_t shards);
  // The reactor owns the handler until ready() returns false or stop().
  void add(std::unique_ptr<Handler> handler);
  // Waits for running handlers; then all connections are closed.
  void stop();
  size_t connections() const;

  // Called by a running handler before it waits for something: its shard goes to another thread now
  // when it has other connections. Does nothing on a thread that runs no handler.
  static void expect_wait();

 private:
  struct Connection;
  struct Shard;
  struct Worker;

  void work(Worker& worker);
  void serve(Worker& worker);
  // Fills the shard's events; false at stop.
  bool wait_for_events(Shard& shard);
  void run(Connection& connection);
  void close(Connection& connection);
  // Gives `shard` to another thread, if its handler still runs on since `turn`.
  bool take_over(Shard& shard, uint64_t turn);
  void start_worker(Shard* shard);  // under mutex_
  void watch();
  void wake_watch();

  std::vector<std::unique_ptr<Shard>> shards_;
  int stop_event_ = -1;
  std::atomic<bool> stopping_ = false;

  mutable std::mutex mutex_;
  std::list<std::unique_ptr<Worker>> workers_;  // guarded by mutex_, as all below
  std::vector<Worker*> spare_;                  // latest last: its stack is warm
  std::unordered_map<Connection*, std::unique_ptr<Connection>> connections_;

  std::mutex watch_mutex_;
  std::condition_variable watch_wake_;
  std::atomic<bool> watch_asleep_ = false;
  Thread watch_;
};

}  // namespace qw::net
