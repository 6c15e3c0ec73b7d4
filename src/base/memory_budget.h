// MemoryBudget: what all queries of a database may take together, and who takes it.
//
// Counted is what may become large: blocks of arenas by themselves (arena.h), tables and long lists
// by their owners (MemoryCharge), in coarse steps. While a MemoryScope stands, a thread works for a
// query: arenas that grow take from its budget, and growing throws MemoryExhausted when there is
// nothing left, as does a large allocation that there would be no room for (operator new). The
// engine catches it where its public face begins, as 53200. Code that must not be left half done
// runs in a MemoryScope::Unbroken, and is asked afterwards. The work of views has no such scope but
// where values are made (Host::within_memory in views/operators/operator.h).
//
// As a backstop for what nobody counts the anonymous memory of the process itself is measured now
// and then: beyond the limit of the process nothing is given, whatever the count says. Counters are
// atomic; a charge belongs to one thread at a time. Tests: tests/unit/base/memory_budget_test.cc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "src/base/error.h"
#include "src/base/memory_relief.h"
#include "src/base/result.h"

namespace qw {

// Half of it is the default of --memory-limit: the machine's memory, or what the control group of
// this process may use of it.
uint64_t available_memory();
// Private memory of this process that no file stands behind, as RssAnon in /proc/self/status.
uint64_t anonymous_memory();

class MemoryBudget {
 public:
  // Bytes for queries, and for the whole process; 0 = no bound.
  MemoryBudget(uint64_t limit, uint64_t process_limit)
      : limit_(limit), process_limit_(process_limit) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  uint64_t limit() const { return limit_; }
  uint64_t process_limit() const { return process_limit_; }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  // False: there is no room, and nothing has been taken.
  bool reserve(uint64_t bytes);
  void take(uint64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }
  void release(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  // Whether so much could be had now.
  bool has_room(uint64_t bytes);
  // 53200 when it could not.
  Result<void> room_for(uint64_t bytes);
  Error exhausted() const;
  // Gives what the allocator keeps back to the system when the process is large; seldom.
  void trim();
  // Called before a full process refuses anybody.
  MemoryRelief& relief() { return relief_; }

 private:
  bool process_has_room(uint64_t bytes);

  const uint64_t limit_, process_limit_;
  std::atomic<uint64_t> used_ = 0;
  std::atomic<uint64_t> unmeasured_ = 0;
  std::atomic<int64_t> trimmed_ms_ = 0;
  MemoryRelief relief_;
};

// A large allocation was refused.
class MemoryExhausted final : public std::bad_alloc {
 public:
  const char* what() const noexcept override { return "the memory of queries is exhausted"; }
};

// What one statement has to do with a budget, across calls.
struct MemoryAccount {
  std::shared_ptr<MemoryBudget> budget;
  uint64_t taken = 0;     // everything it ever took
  bool exceeded = false;  // something was taken that was not there

  // Small statements are never refused, so that a server whose memory is gone can be looked at.
  static constexpr uint64_t kSmallBytes = 1 << 20;
  uint64_t small_bytes = kSmallBytes;  // so much is had without asking
  bool small() const { return taken < small_bytes; }
};

class MemoryScope {
 public:
  explicit MemoryScope(MemoryAccount& account) : before_(current_) { current_ = &account; }
  MemoryScope(const MemoryScope&) = delete;
  MemoryScope& operator=(const MemoryScope&) = delete;
  ~MemoryScope() { current_ = before_; }
  static MemoryAccount* current() { return current_; }

  // Nothing is refused while it stands.
  class Unbroken {
   public:
    Unbroken() : before_(std::exchange(unbroken_, true)) {}
    Unbroken(const Unbroken&) = delete;
    Unbroken& operator=(const Unbroken&) = delete;
    ~Unbroken() { unbroken_ = before_; }

   private:
    bool before_;
  };
  static bool breakable() { return !unbroken_; }

  // Before something that must not be left half done: throws when there is no room for so much.
  static void expect(uint64_t bytes);

  // `work`'s result, or 53200.
  template <typename Work>
  static auto guard(MemoryAccount& account, Work&& work) -> decltype(work()) {
    const MemoryScope scope(account);
    try {
      return work();
    } catch (const std::bad_alloc&) {
      return fail(account.budget->exhausted());
    }
  }

 private:
  MemoryAccount* before_;
  static thread_local MemoryAccount* current_;
  static thread_local bool unbroken_;
};

// What one owner has of the budget of the query it was made for; nothing outside of queries.
class MemoryCharge {
 public:
  MemoryCharge() = default;
  MemoryCharge(MemoryCharge&& other) noexcept
      : budget_(std::move(other.budget_)), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&& other) noexcept {
    if (this == &other) return *this;
    clear();
    budget_ = std::move(other.budget_);
    bytes_ = std::exchange(other.bytes_, 0);
    return *this;
  }
  MemoryCharge(const MemoryCharge&) = delete;
  MemoryCharge& operator=(const MemoryCharge&) = delete;
  ~MemoryCharge() { clear(); }

  // Throws MemoryExhausted when the query may not have it.
  void grow(uint64_t bytes);
  void shrink(uint64_t bytes);
  // Grows or shrinks to about `bytes`, in steps.
  void hold(uint64_t bytes);
  void clear() { shrink(bytes_); }

 private:
  static constexpr uint64_t kStepBytes = 64 << 10;
  std::shared_ptr<MemoryBudget> budget_;
  uint64_t bytes_ = 0;
};

}  // namespace qw
