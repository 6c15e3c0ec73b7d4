// Str: 16 bytes that stand for a byte string inside vectors.
//
//   bytes 0-3   size
//   bytes 4-7   first four bytes (zero padded)
//   bytes 8-15  size <= 12: the next eight bytes (zero padded); else a pointer to all bytes
//
// Two short strings are equal exactly if their 16 bytes are; most comparisons of long ones end in
// the prefix. The pointer borrows from an arena or from LMDB: whoever keeps a Str keeps that alive.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/bytes.h"

namespace qw {

class Str {
 public:
  static constexpr uint32_t kInlineBytesMax = 12;

  Str() = default;
  // Borrows `bytes` when longer than 12 bytes.
  explicit Str(std::string_view bytes) : size_(static_cast<uint32_t>(bytes.size())) {
    if (size_ <= kInlineBytesMax) {
      if (size_ != 0) std::memcpy(data_, bytes.data(), size_);
    } else {
      std::memcpy(data_, bytes.data(), 4);
      store<const char*>(data_ + 4, bytes.data());
    }
  }
  // Copies long bytes into `arena`.
  static Str copy(std::string_view bytes, Arena& arena) {
    if (bytes.size() <= kInlineBytesMax) return Str(bytes);
    return Str(std::string_view(arena.copy(bytes), bytes.size()));
  }

  uint32_t size() const { return size_; }
  bool is_inline() const { return size_ <= kInlineBytesMax; }
  const char* data() const { return is_inline() ? data_ : load<const char*>(data_ + 4); }
  // Valid while this Str (when inline) and the bytes it borrows stay where they are.
  std::string_view view() const { return {data(), size_}; }

  bool operator==(const Str& other) const {
    if (std::memcmp(this, &other, 8) != 0) return false;  // size and prefix
    if (is_inline()) return std::memcmp(data_ + 4, other.data_ + 4, 8) == 0;
    return std::memcmp(data() + 4, other.data() + 4, size_ - 4) == 0;
  }
  // Byte order, as collation "C".
  int compare(const Str& other) const {
    const uint32_t a = load_be<uint32_t>(data_), b = load_be<uint32_t>(other.data_);
    if (a != b) return a < b ? -1 : 1;
    return view().compare(other.view());
  }
  bool operator<(const Str& other) const { return compare(other) < 0; }

 private:
  uint32_t size_ = 0;
  char data_[12] = {};
};
static_assert(sizeof(Str) == 16);

}  // namespace qw
