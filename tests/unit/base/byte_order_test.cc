// ByteOrder: as std::sort of the strings, equal ones in their order.
#include "src/base/byte_order.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/random.h"

namespace {

void check(const std::vector<std::string>& strings) {
  std::vector<uint32_t> expected(strings.size());
  std::iota(expected.begin(), expected.end(), 0U);
  std::stable_sort(expected.begin(), expected.end(),
                   [&](uint32_t a, uint32_t b) { return strings[a] < strings[b]; });
  qw::ByteOrder order;
  CHECK(order.sort(strings.size(), [&](size_t i) -> std::string_view { return strings[i]; }) ==
        expected);
}

}  // namespace

TEST_CASE("byte strings are sorted as memcmp and size say") {
  check({});
  check({""});
  check({"b", "a"});
  check({"ab", "a", "", "abc", "a"});
  check({std::string("a\0", 2), "a", std::string("a\0\0", 3)});
  check({"\xff", "\x7f", "\x80"});
}

TEST_CASE("long shared beginnings, ties beyond eight bytes and equal strings are no trouble") {
  qw::Random random(3);
  for (const size_t count : {10U, 63U, 64U, 5000U}) {
    for (const size_t shared : {0U, 1U, 100U}) {
      std::vector<std::string> strings(count);
      for (std::string& text : strings) {
        text.assign(shared, 'x');
        const auto size = static_cast<size_t>(random.between(0, 12));
        for (size_t i = 0; i < size; ++i) {
          text.push_back(static_cast<char>(random.between(i < 6 ? 0 : -128, i < 6 ? 1 : 127)));
        }
      }
      check(strings);
    }
  }
}
