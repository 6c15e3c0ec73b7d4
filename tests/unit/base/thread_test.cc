// BoundedQueue: order, back-pressure, close.
#include "src/base/thread.h"

#include <atomic>

#include <doctest/doctest.h>

TEST_CASE("a full queue holds its producer back until there is room") {
  qw::BoundedQueue<int> queue(2);
  std::atomic<int> pushed = 0;
  qw::Thread producer("producer", [&] {
    for (int i = 0; i < 10; ++i) {
      queue.push(i);
      ++pushed;
    }
    queue.close();
  });
  int expected = 0;
  while (auto value = queue.pop()) {
    CHECK(*value == expected++);
    CHECK(pushed <= expected + 2);
  }
  CHECK(expected == 10);
  CHECK_FALSE(queue.push(1));
}

TEST_CASE("one value larger than the bound still passes") {
  qw::BoundedQueue<int> queue(2);
  CHECK(queue.push(1, 100));
  CHECK(queue.cost() == 100);
  CHECK(queue.pop().value() == 1);
}
