// Asking for memory before it is needed.
#pragma once

#include <string_view>

namespace qw {

// Packed rows are some 60 bytes and lie anywhere: each in two lines of memory.
inline void prefetch_row(std::string_view row) {
  __builtin_prefetch(row.data());
  __builtin_prefetch(row.data() + row.size());
}

}  // namespace qw
