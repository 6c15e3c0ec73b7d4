// Pages: large pieces of memory straight from the system, on huge pages where it has them.
//
// The first touch of a small page costs up to 15 us on a machine that is short of memory; a huge
// page is as dear, and 512 times as large. Tests: tests/unit/base/pages_test.cc.
#pragma once

#include <cstddef>
#include <new>

namespace qw {

// Zeroed and 64-byte aligned; below kMappedPagesMin it comes from malloc. Larger pieces take memory
// as they are touched. Give back with the same size.
inline constexpr size_t kMappedPagesMin = size_t{128} << 10;
char* map_pages(size_t size);
void unmap_pages(char* pages, size_t size);

// Takes all memory of such a piece now. A page that is read before it is written is mapped twice,
// and the second time every core that runs this process is stopped: for what is filled at random.
void touch_pages(char* pages, size_t size);

inline constexpr size_t kHugePagesMin = size_t{4} << 20;

// For vectors that may grow large. Below this malloc keeps what it was given back (see main.cc),
// and memory that comes and goes with each epoch should not be cleared each time.
inline constexpr size_t kAllocatedPagesMin = size_t{32} << 20;

template <typename T>
struct PageAllocator {
  using value_type = T;
  PageAllocator() = default;
  template <typename U>
  PageAllocator(const PageAllocator<U>&) {}  // NOLINT: allocators convert into each other

  T* allocate(size_t count) {
    const size_t size = count * sizeof(T);
    if (size >= kAllocatedPagesMin) return reinterpret_cast<T*>(map_pages(size));
    return static_cast<T*>(::operator new(size));
  }
  void deallocate(T* at, size_t count) {
    const size_t size = count * sizeof(T);
    if (size >= kAllocatedPagesMin) return unmap_pages(reinterpret_cast<char*>(at), size);
    ::operator delete(at);
  }
  friend bool operator==(const PageAllocator&, const PageAllocator&) { return true; }
};

}  // namespace qw
