// QW_ASSERT: a programmer's promise, checked in every build. On failure the process says what was
// broken and aborts; a user must never be able to reach one.
#pragma once

namespace qw {
[[noreturn]] void assert_failed(const char* condition, const char* file, int line) noexcept;
[[noreturn]] void unreachable(const char* file, int line) noexcept;
}  // namespace qw

#define QW_ASSERT(condition)                               \
  do {                                                     \
    if (!(condition)) [[unlikely]]                         \
      ::qw::assert_failed(#condition, __FILE__, __LINE__); \
  } while (false)

#define QW_UNREACHABLE() ::qw::unreachable(__FILE__, __LINE__)
