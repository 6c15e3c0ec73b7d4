// BlobHeap: small pieces of bytes that stay where they are until freed: packed keys, rows, bag
// entries.
//
// Sizes are rounded up to classes (16 bytes apart up to 512, then four per power of two up to 64
// KiB) with a free list each, cut from big blocks; larger pieces come from malloc. The caller
// remembers the size. Freed memory is used again by the same class only, which bounds waste by the
// high-water mark per class. One thread. Tests: tests/unit/views/state_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace qw::views {

class BlobHeap {
 public:
  BlobHeap() = default;
  BlobHeap(const BlobHeap&) = delete;
  BlobHeap& operator=(const BlobHeap&) = delete;
  ~BlobHeap();

  // 8-byte aligned.
  char* allocate(size_t size);
  void release(char* blob, size_t size);
  // Bytes taken from the system.
  size_t bytes() const { return bytes_; }
  // Before clear(): what it does not free by itself.
  void forget(char* blob, size_t size) {
    if (size > kClassedBytesMax) release(blob, size);
  }
  // Frees everything.
  void clear();
  // Of many heaps side by side: begins with small blocks.
  void stay_small() { small_ = true; }

 private:
  static constexpr size_t kClassedBytesMax = 64 << 10;
  static constexpr size_t kClasses = 32 + 4 * 7 + 1;
  static size_t class_of(size_t size);
  static size_t class_bytes(size_t size_class);
  char* refill(size_t size);

  struct Free {
    Free* next;
  };
  std::array<Free*, kClasses> free_{};
  char* cursor_ = nullptr;
  char* end_ = nullptr;
  std::vector<std::pair<char*, size_t>> blocks_;
  size_t large_count_ = 0;
  size_t bytes_ = 0;
  bool small_ = false;
};

}  // namespace qw::views
