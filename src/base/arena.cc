// Arena: see arena.h.
#include "src/base/arena.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "src/base/assert.h"

namespace qw {
namespace {
constexpr size_t kBlockBytesMax = 1 << 20;
}  // namespace

void* Arena::allocate_slow(size_t size, size_t alignment) {
  QW_ASSERT(alignment <= 64);
  const size_t need = size + alignment;
  // The next kept block that is large enough; blocks skipped over stay for later rewinds.
  while (current_ < blocks_.size()) {
    const Block& next = blocks_[current_++];
    if (next.size >= need) {
      cursor_ = next.begin();
      end_ = cursor_ + next.size;
      return allocate(size, alignment);
    }
  }
  const size_t doubled =
      blocks_.empty() ? first_block_bytes_ : std::min(blocks_.back().size * 2, kBlockBytesMax);
  const size_t bytes = std::max(need, doubled);
  charge_.grow(bytes);
  // Counted already: not asked about a second time.
  const MemoryScope::Unbroken unbroken;
  blocks_.push_back({std::unique_ptr<char[]>(new char[bytes]), bytes});
  reserved_ += bytes;
  current_ = blocks_.size();
  cursor_ = blocks_.back().begin();
  end_ = cursor_ + bytes;
  return allocate(size, alignment);
}

void Arena::rewind(Mark mark) {
  QW_ASSERT(mark.block <= current_);
  current_ = mark.block;
  cursor_ = mark.cursor;
  end_ = current_ == 0 ? 0 : blocks_[current_ - 1].begin() + blocks_[current_ - 1].size;
  if (current_ == 0) cursor_ = 0;
}

size_t Arena::used_bytes() const {
  size_t sum = 0;
  for (size_t i = 0; i < current_; ++i) sum += blocks_[i].size;
  return sum;
}

void Arena::shrink(size_t keep_bytes) {
  QW_ASSERT(current_ == 0);
  while (reserved_ > keep_bytes && !blocks_.empty()) {
    reserved_ -= blocks_.back().size;
    charge_.shrink(blocks_.back().size);
    blocks_.pop_back();
  }
}

}  // namespace qw
