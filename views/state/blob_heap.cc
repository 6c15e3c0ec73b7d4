// BlobHeap: size classes over blocks; see blob_heap.h.
#include "views/state/blob_heap.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "src/base/assert.h"
#include "src/base/pages.h"

namespace qw::views {

BlobHeap::~BlobHeap() { clear(); }

// 0..31: 16, 32, ... 512; then four classes per power of two.
size_t BlobHeap::class_of(size_t size) {
  if (size <= 512) return size == 0 ? 0 : (size - 1) / 16;
  const size_t log = static_cast<size_t>(std::bit_width(size - 1)) - 1;  // 9 for 513..1024
  const size_t quarter = (size - 1) >> (log - 2);                        // 4..7
  return 32 + (log - 9) * 4 + (quarter - 4);
}

size_t BlobHeap::class_bytes(size_t size_class) {
  if (size_class < 32) return (size_class + 1) * 16;
  const size_t log = (size_class - 32) / 4 + 9, quarter = (size_class - 32) % 4 + 4;
  return (quarter + 1) << (log - 2);
}

char* BlobHeap::allocate(size_t size) {
  if (size > kClassedBytesMax) {
    char* blob = static_cast<char*>(std::malloc(size));
    QW_ASSERT(blob != nullptr);
    bytes_ += size;
    ++large_count_;
    return blob;
  }
  const size_t size_class = class_of(size);
  if (Free* head = free_[size_class]; head != nullptr) {
    free_[size_class] = head->next;
    return reinterpret_cast<char*>(head);
  }
  const size_t rounded = class_bytes(size_class);
  if (static_cast<size_t>(end_ - cursor_) < rounded) return refill(rounded);
  char* blob = cursor_;
  cursor_ += rounded;
  return blob;
}

char* BlobHeap::refill(size_t size) {
  // The rest of the old block is lost: at most one piece per block.
  size_t block = blocks_.size() < 2 ? (64 << 10) : blocks_.size() < 16 ? (512 << 10) : (4 << 20);
  // A quarter of what there is, in pages.
  if (small_) block = std::clamp<size_t>(bytes_ / 4 / 4096 * 4096, 4096, 1 << 20);
  const size_t bytes = block < size ? size : block;
  char* pages = map_pages(bytes);
  blocks_.emplace_back(pages, bytes);
  bytes_ += bytes;
  cursor_ = pages + size;
  end_ = pages + bytes;
  return pages;
}

void BlobHeap::release(char* blob, size_t size) {
  if (size > kClassedBytesMax) {
    std::free(blob);
    bytes_ -= size;
    --large_count_;
    return;
  }
  Free* head = reinterpret_cast<Free*>(blob);
  const size_t size_class = class_of(size);
  head->next = free_[size_class];
  free_[size_class] = head;
}

void BlobHeap::clear() {
  // Large pieces belong to their owners until released; whoever clears has released them.
  QW_ASSERT(large_count_ == 0);
  for (auto& [pages, size] : blocks_) unmap_pages(pages, size);
  blocks_.clear();
  free_.fill(nullptr);
  cursor_ = end_ = nullptr;
  bytes_ = 0;
}

}  // namespace qw::views
