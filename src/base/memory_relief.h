// MemoryRelief: what a full process can be freed of.
//
// Memory that is only kept, so that the next use of it is cheaper, is not worth a refusal: who is
// about to be refused because the process is too large (memory_budget.h) has it freed, and then
// looks again. Internally synchronised. Tests: tests/unit/base/memory_budget_test.cc.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>

namespace qw {

class MemoryRelief {
 public:
  // `free_kept` is called by any thread, several at a time, and must return soon. Empty: there is
  // nothing (any more); waits until no call is under way.
  void set(std::function<void()> free_kept);
  // False: there is nothing, or it has only just been called and would find nothing.
  bool call();

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  std::function<void()> free_kept_;                      // guarded by mutex_, as all below
  std::chrono::steady_clock::time_point over_ = kNever;  // when it was called last
  int calls_ = 0;                                        // under way

  static constexpr auto kNever = std::chrono::steady_clock::time_point::min();
};

}  // namespace qw
