// Threads, and the bounded queue they hand work over with.
//
// Thread is the only place that starts one: it names it, and joins in its destructor. BoundedQueue
// carries moved values; push waits when the declared cost of what lies in it exceeds the bound
// (back-pressure), close() wakes both sides. Internally synchronised.
// Tests: tests/unit/base/thread_test.cc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

namespace qw {

class Thread {
 public:
  Thread() = default;
  // `name` shows in ps and gdb, at most 15 characters.
  Thread(const std::string& name, std::function<void()> body);
  Thread(Thread&&) noexcept = default;
  Thread& operator=(Thread&&) noexcept;
  ~Thread();
  void join();
  bool joinable() const { return thread_.joinable(); }

 private:
  std::thread thread_;
};

template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(size_t cost_max) : cost_max_(cost_max) {}

  // Waits for room; one value always fits an empty queue. False when the queue is closed.
  bool push(T value, size_t cost = 1) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return closed_ || items_.empty() || cost_ + cost <= cost_max_; });
    if (closed_) return false;
    cost_ += cost;
    items_.emplace_back(std::move(value), cost);
    lock.unlock();
    filled_.notify_one();
    return true;
  }

  // Waits for a value; nothing once the queue is closed and empty.
  std::optional<T> pop() {
    std::unique_lock lock(mutex_);
    filled_.wait(lock, [&] { return closed_ || !items_.empty(); });
    return take(lock);
  }

  // Nothing when the time is up.
  std::optional<T> pop_for(std::chrono::microseconds wait) {
    std::unique_lock lock(mutex_);
    filled_.wait_for(lock, wait, [&] { return closed_ || !items_.empty(); });
    return take(lock);
  }

  std::optional<T> try_pop() {
    std::unique_lock lock(mutex_);
    return take(lock);
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    room_.notify_all();
    filled_.notify_all();
  }

  bool closed() const {
    const std::lock_guard lock(mutex_);
    return closed_;
  }

  size_t cost() const {
    const std::lock_guard lock(mutex_);
    return cost_;
  }

 private:
  std::optional<T> take(std::unique_lock<std::mutex>& lock) {
    if (items_.empty()) return std::nullopt;
    std::optional<T> value(std::move(items_.front().first));
    cost_ -= items_.front().second;
    items_.pop_front();
    lock.unlock();
    room_.notify_one();
    return value;
  }

  mutable std::mutex mutex_;
  std::condition_variable room_, filled_;
  std::deque<std::pair<T, size_t>> items_;  // guarded by mutex_, as all below
  size_t cost_ = 0;
  const size_t cost_max_;
  bool closed_ = false;
};

}  // namespace qw
