// MemoryBudget: what statements take together, who is refused, what is given back.
#include "src/base/memory_budget.h"

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "src/base/arena.h"

namespace qw {
namespace {

constexpr uint64_t kMiB = 1 << 20;

MemoryAccount account_of(uint64_t limit) {
  MemoryAccount account;
  account.budget = std::make_shared<MemoryBudget>(limit, 0);
  return account;
}

TEST_CASE("memory budget: an arena counts its blocks, and gives them back when it goes") {
  MemoryAccount account = account_of(64 * kMiB);
  {
    Arena arena;
    {
      const MemoryScope scope(account);
      arena.allocate(3 * kMiB);
    }
    CHECK(account.budget->used() >= 3 * kMiB);
    arena.reset();
    CHECK(account.budget->used() >= 3 * kMiB);
    const Arena moved = std::move(arena);
    CHECK(account.budget->used() >= 3 * kMiB);
  }
  CHECK(account.budget->used() == 0);
}

TEST_CASE("memory budget: a full process asks for what is only kept, and looks again") {
  MemoryBudget budget(0, anonymous_memory() + 16 * kMiB);
  std::vector<char> kept(64 * kMiB, 'x');  // so large that it goes back to the system at once
  CHECK(!budget.has_room(kMiB));
  int calls = 0;
  budget.relief().set([&] {
    ++calls;
    std::vector<char>().swap(kept);
  });
  CHECK(budget.has_room(kMiB));
  CHECK(calls == 1);
  budget.relief().set({});
  CHECK(!budget.relief().call());
}

TEST_CASE("memory budget: nothing is counted outside of a scope") {
  MemoryAccount account = account_of(kMiB);
  Arena arena;
  arena.allocate(8 * kMiB);
  CHECK(account.budget->used() == 0);
}

TEST_CASE("memory budget: what goes beyond it ends in 53200, and leaves nothing behind") {
  MemoryAccount account = account_of(8 * kMiB);
  const auto done = MemoryScope::guard(account, [&]() -> Result<int> {
    std::vector<std::unique_ptr<Arena>> arenas;
    for (int i = 0; i < 100; ++i) {
      arenas.push_back(std::make_unique<Arena>());
      arenas.back()->allocate(kMiB);
    }
    return 1;
  });
  REQUIRE(!done);
  CHECK(done.error().code() == SqlState("53200"));
  CHECK(!done.error().detail().empty());
  CHECK(!done.error().hint().empty());
  CHECK(account.exceeded);
  CHECK(account.budget->used() == 0);
}

TEST_CASE("memory budget: a large string that there is no room for is refused") {
  MemoryAccount account = account_of(8 * kMiB);
  const auto done = MemoryScope::guard(account, [&]() -> Result<size_t> {
    const std::string text(32 * kMiB, 'x');
    return text.size();
  });
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  CHECK(done);
#else
  REQUIRE(!done);
  CHECK(done.error().code() == SqlState("53200"));
#endif
}

TEST_CASE("memory budget: small statements run when nothing is left") {
  MemoryAccount first = account_of(4 * kMiB);
  first.budget->take(4 * kMiB);
  MemoryAccount second;
  second.budget = first.budget;
  const auto small = MemoryScope::guard(second, [&]() -> Result<int> {
    Arena arena;
    arena.allocate(100 << 10);
    return 1;
  });
  CHECK(small);
  const auto large = MemoryScope::guard(second, [&]() -> Result<int> {
    Arena arena;
    arena.allocate(2 * kMiB);
    return 1;
  });
  CHECK(!large);
}

TEST_CASE("memory budget: what must not break goes on, and is known to have been too much") {
  MemoryAccount account = account_of(4 * kMiB);
  const MemoryScope scope(account);
  Arena arena;
  {
    const MemoryScope::Unbroken unbroken;
    arena.allocate(16 * kMiB);
  }
  CHECK(account.exceeded);
  MemoryCharge charge;
  CHECK_THROWS_AS(charge.hold(kMiB), MemoryExhausted);
}

TEST_CASE("memory budget: a charge goes by steps") {
  MemoryAccount account = account_of(0);
  {
    const MemoryScope scope(account);
    MemoryCharge charge;
    charge.hold(1);
    const uint64_t step = account.budget->used();
    CHECK(step > 1);
    charge.hold(step);
    CHECK(account.budget->used() == step);
    charge.hold(10 * step);
    CHECK(account.budget->used() == 10 * step);
    charge.hold(0);
    CHECK(account.budget->used() == 0);
  }
}

TEST_CASE("memory budget: a process beyond its limit gets nothing, whatever has been counted") {
  MemoryAccount account;
  account.budget = std::make_shared<MemoryBudget>(uint64_t{1} << 40, 1);
  const auto done = MemoryScope::guard(account, [&]() -> Result<int> {
    Arena arena;
    arena.allocate(2 * kMiB);
    return 1;
  });
  CHECK(!done);
  CHECK(anonymous_memory() > 1);
  CHECK(available_memory() > 64 * kMiB);
}

}  // namespace
}  // namespace qw
