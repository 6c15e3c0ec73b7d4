// MemoryRelief: what a full process can be freed of, and how.
//
// Memory that is only kept, so that the next use of it is cheaper, is not worth a refusal. Who
// keeps some registers a function for a budget; who is about to be refused because the process is
// too large (memory_budget.h) has it called, and then looks again. Internally synchronised.
// Tests: tests/unit/base/memory_budget_test.cc.
#pragma once

#include <functional>

#include "src/base/memory_budget.h"

namespace qw {

class MemoryRelief {
 public:
  // `free_kept` is called by any thread, several at a time, and must return soon.
  MemoryRelief(const MemoryBudget& budget, std::function<void()> free_kept);
  MemoryRelief(const MemoryRelief&) = delete;
  MemoryRelief& operator=(const MemoryRelief&) = delete;
  // Waits until no call is under way.
  ~MemoryRelief();

  // False: nothing is registered, or it has only just been called and would find nothing.
  static bool call(const MemoryBudget& budget);

 private:
  const MemoryBudget* budget_;
};

}  // namespace qw
