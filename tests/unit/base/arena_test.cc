// Arena: memory is stable until rewind, and reset allocates nothing new.
#include "src/base/arena.h"

#include <cstdint>
#include <string_view>

#include <doctest/doctest.h>

using qw::Arena;

TEST_CASE("arena hands out aligned memory that does not overlap") {
  Arena arena;
  auto* first = static_cast<char*>(arena.allocate(3, 1));
  auto* second = static_cast<char*>(arena.allocate(8, 64));
  CHECK(reinterpret_cast<uintptr_t>(second) % 64 == 0);
  CHECK(second >= first + 3);
  auto* big = static_cast<char*>(arena.allocate(5 << 20, 64));
  big[(5 << 20) - 1] = 'x';
  CHECK(std::string_view(arena.copy("hello"), 5) == "hello");
}

TEST_CASE("arena rewinds to a mark and keeps its blocks") {
  Arena arena;
  arena.allocate(100);
  const Arena::Mark mark = arena.mark();
  auto* before = arena.allocate(10, 8);
  for (int i = 0; i < 1000; ++i) arena.allocate(4096);
  const size_t reserved = arena.reserved_bytes();
  arena.rewind(mark);
  CHECK(arena.allocate(10, 8) == before);
  arena.reset();
  for (int i = 0; i < 1000; ++i) arena.allocate(4096);
  CHECK(arena.reserved_bytes() == reserved);
}
