// See byte_order.h.
#include "src/base/byte_order.h"

#include <array>
#include <cstring>

#include "src/base/bytes.h"

namespace qw {

uint64_t ByteOrder::prefix(std::string_view bytes, size_t at) {
  if (bytes.size() >= at + sizeof(uint64_t)) return load_be<uint64_t>(bytes.data() + at);
  std::array<char, sizeof(uint64_t)> padded{};
  if (bytes.size() > at) std::memcpy(padded.data(), bytes.data() + at, bytes.size() - at);
  return load_be<uint64_t>(padded.data());
}

// Least significant byte first; a byte that all items share costs nothing. All counts are taken in
// one pass.
void ByteOrder::radix_sort() {
  constexpr size_t kBytes = sizeof(uint64_t);
  if (std::is_sorted(items_.begin(), items_.end(),
                     [](const Item& a, const Item& b) { return a.prefix < b.prefix; })) {
    return;
  }
  if (items_.size() < 64) {
    std::stable_sort(items_.begin(), items_.end(),
                     [](const Item& a, const Item& b) { return a.prefix < b.prefix; });
    return;
  }
  std::array<std::array<uint32_t, 256>, kBytes> counts{};
  for (const Item& item : items_) {
    for (size_t b = 0; b < kBytes; ++b) ++counts[b][(item.prefix >> (8 * b)) & 0xffU];
  }
  scratch_.resize(items_.size());
  for (size_t b = 0; b < kBytes; ++b) {
    const uint64_t any = (items_[0].prefix >> (8 * b)) & 0xffU;
    if (counts[b][any] == items_.size()) continue;
    uint32_t begin = 0;
    for (uint32_t& count : counts[b]) {
      const uint32_t size = count;
      count = begin;
      begin += size;
    }
    for (const Item& item : items_) scratch_[counts[b][(item.prefix >> (8 * b)) & 0xffU]++] = item;
    items_.swap(scratch_);
  }
}

}  // namespace qw
