// byte_order(): in which order byte strings ascend, for batches of keys and rows.
//
// Comparing strings through pointers costs a cache miss each; so the eight bytes behind what all
// strings begin with are taken out once and sorted by radix, and only strings that agree in them
// are compared whole. Equal strings keep their order. Any thread.
// Tests: tests/unit/base/byte_order_test.cc.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace qw {

class ByteOrder {
 public:
  // The order of `count` strings; string i is bytes(i). Valid until the next call.
  template <typename Bytes>
  const std::vector<uint32_t>& sort(size_t count, const Bytes& bytes) {
    items_.resize(count);
    order_.resize(count);
    if (count == 0) return order_;
    const std::string_view first = bytes(0);
    size_t shared = first.size();
    for (size_t i = 1; i < count; ++i) {
      const std::string_view other = bytes(i);
      if (other.size() < shared) shared = other.size();
      size_t at = 0;
      while (at < shared && first[at] == other[at]) ++at;
      shared = at;
    }
    for (size_t i = 0; i < count; ++i) {
      items_[i] = {prefix(bytes(i), shared), static_cast<uint32_t>(i)};
    }
    radix_sort();
    for (size_t i = 0; i < count; ++i) order_[i] = items_[i].index;
    for (size_t begin = 0; begin < count;) {
      size_t end = begin + 1;
      while (end < count && items_[end].prefix == items_[begin].prefix) ++end;
      if (end - begin > 1) sort_equals(begin, end, bytes);
      begin = end;
    }
    return order_;
  }

 private:
  struct Item {
    uint64_t prefix;
    uint32_t index;
  };
  // Bytes from `at` on as a big-endian number, filled up with zeros.
  static uint64_t prefix(std::string_view bytes, size_t at);
  void radix_sort();
  template <typename Bytes>
  void sort_equals(size_t begin, size_t end, const Bytes& bytes) {
    std::stable_sort(order_.begin() + static_cast<ptrdiff_t>(begin),
                     order_.begin() + static_cast<ptrdiff_t>(end),
                     [&](uint32_t a, uint32_t b) { return bytes(a) < bytes(b); });
  }

  std::vector<Item> items_, scratch_;
  std::vector<uint32_t> order_;
};

}  // namespace qw
