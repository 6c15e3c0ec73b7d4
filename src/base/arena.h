// Arena: bump allocation for everything between a decoder and the log.
//
// Memory is handed out from blocks and given back all at once by reset(), which keeps the blocks,
// so a steady epoch allocates nothing. mark()/rewind() free a suffix: an operator rewinds its
// scratch arena after each batch it has pushed. Nothing with a destructor may live here. Blocks
// start at 64 KiB and double up to 1 MiB; larger requests get a block of their own. Blocks taken in
// a MemoryScope count as that query's, and taking one throws when it may not have it
// (memory_budget.h). One thread at a time. Tests: tests/unit/base/arena_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

#include "src/base/memory_budget.h"

namespace qw {

class Arena {
 public:
  Arena() = default;
  // Of many arenas side by side: begins with a smaller block.
  explicit Arena(size_t first_block_bytes) : first_block_bytes_(first_block_bytes) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;
  ~Arena() = default;

  // Uninitialised memory; `alignment` is a power of two up to 64. Size 0 gives a valid pointer.
  void* allocate(size_t size, size_t alignment = 8) {
    const uintptr_t at = (cursor_ + alignment - 1) & ~(uintptr_t{alignment} - 1);
    if (at + size <= end_) [[likely]] {
      cursor_ = at + size;
      return reinterpret_cast<void*>(at);
    }
    return allocate_slow(size, alignment);
  }

  template <typename T>
  T* allocate_array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    return static_cast<T*>(allocate(count * sizeof(T), alignof(T) < 8 ? 8 : alignof(T)));
  }

  // 64-byte aligned and with 64 readable bytes behind it, so that vector loops may over-read.
  template <typename T>
  T* allocate_column(size_t count) {
    return static_cast<T*>(allocate(count * sizeof(T) + 64, 64));
  }

  char* copy(std::string_view bytes) {
    char* to = static_cast<char*>(allocate(bytes.size(), 1));
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    return to;
  }

  struct Mark {
    size_t block = 0;
    uintptr_t cursor = 0;
  };
  Mark mark() const { return {current_, cursor_}; }
  void rewind(Mark mark);
  void reset() { rewind({}); }
  // Bytes of all blocks held, used or not.
  size_t reserved_bytes() const { return reserved_; }
  // Of those the ones in use; walks through them.
  size_t used_bytes() const;
  // Gives blocks beyond `keep_bytes` back to the system; only after reset().
  void shrink(size_t keep_bytes);

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
    uintptr_t begin() const { return reinterpret_cast<uintptr_t>(bytes.get()); }
  };
  void* allocate_slow(size_t size, size_t alignment);

  std::vector<Block> blocks_;
  size_t current_ = 0;  // index of the block in use + 1; 0 = none yet
  uintptr_t cursor_ = 0, end_ = 0;
  size_t reserved_ = 0;
  size_t first_block_bytes_ = 64 << 10;
  MemoryCharge charge_;
};

}  // namespace qw
