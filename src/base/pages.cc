// Pages: see pages.h.
#include "src/base/pages.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "src/base/assert.h"

namespace qw {
char* map_pages(size_t size) {
  if (size < kMappedPagesMin) {
    void* bytes = std::aligned_alloc(64, (size + 63) / 64 * 64);
    QW_ASSERT(bytes != nullptr);
    std::memset(bytes, 0, size);
    return static_cast<char*>(bytes);
  }
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  QW_ASSERT(pages != MAP_FAILED);
  // Small mappings stay on small pages: a huge page would cost more memory than it saves time.
  if (size >= kHugePagesMin) madvise(pages, size, MADV_HUGEPAGE);
  return static_cast<char*>(pages);
}

void touch_pages(char* pages, size_t size) {
  if (size < kMappedPagesMin) return;
#ifdef MADV_POPULATE_WRITE
  if (madvise(pages, size, MADV_POPULATE_WRITE) == 0) return;
#endif
  std::memset(pages, 0, size);  // before Linux 5.14
}

void unmap_pages(char* pages, size_t size) {
  if (pages == nullptr) return;
  if (size < kMappedPagesMin) {
    std::free(pages);
  } else {
    munmap(pages, size);
  }
}

}  // namespace qw
