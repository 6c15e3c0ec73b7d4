// Pages: zeroed and aligned, small or large; vectors that grow over the border keep their values.
#include "src/base/pages.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

using namespace qw;  // NOLINT: a test

TEST_CASE("pages are zeroed and aligned, whatever their size") {
  for (const size_t size : {size_t{1}, size_t{4096}, size_t{200} << 10, kHugePagesMin + 1}) {
    char* pages = map_pages(size);
    CHECK(reinterpret_cast<uintptr_t>(pages) % 64 == 0);
    CHECK(std::all_of(pages, pages + size, [](char byte) { return byte == 0; }));
    std::fill_n(pages, size, 'x');
    unmap_pages(pages, size);
  }
  unmap_pages(nullptr, 1);
}

TEST_CASE("a vector that grows onto huge pages keeps its values") {
  std::vector<uint64_t, PageAllocator<uint64_t>> values;
  const uint64_t count = 2 * kAllocatedPagesMin / sizeof(uint64_t);
  for (uint64_t i = 0; i < count; ++i) values.push_back(i);
  for (uint64_t i = 0; i < count; i += 1000) CHECK(values[i] == i);
  values.shrink_to_fit();
  CHECK(values.back() == count - 1);
}
