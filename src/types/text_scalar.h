// UTF-8 arithmetic that text types share: lengths are in characters, limits in bytes.
// Malformed bytes count as one character each. Pure functions; any thread.
// Tests: tests/unit/types/text_test.cc.
#pragma once

#include <cstddef>
#include <string_view>

namespace qw {

inline bool utf8_continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80; }

inline size_t utf8_length(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += utf8_continues(c) ? 0U : 1U;
  return count;
}

// Byte offset of character `index`, or the size when there are fewer.
inline size_t utf8_offset(std::string_view text, size_t index) {
  size_t at = 0;
  while (at < text.size() && index > 0) {
    ++at;
    while (at < text.size() && utf8_continues(text[at])) ++at;
    --index;
  }
  return at;
}

// The longest prefix of whole characters within `bytes_max` bytes.
inline size_t utf8_clip(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text.size();
  size_t at = bytes_max;
  while (at > 0 && utf8_continues(text[at])) --at;
  return at;
}

}  // namespace qw
