// UTF-8 validation: see text_scalar.h.
#include "src/types/text_scalar.h"

#include <cstdint>

#include "src/base/bytes.h"

namespace qw {
namespace {

// Bytes of the well-formed character at the front, 0 = malformed (RFC 3629's table).
size_t character_bytes(std::string_view text) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](size_t i) { return (byte(i) & 0xc0U) == 0x80; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead == 0 ? 0 : 1;
  if (lead < 0xc2) return 0;
  if (lead < 0xe0) return tail(1) ? 2 : 0;
  if (lead < 0xf0) {
    if (!tail(1) || !tail(2)) return 0;
    if (lead == 0xe0 && byte(1) < 0xa0) return 0;
    return lead == 0xed && byte(1) > 0x9f ? 0 : 3;
  }
  if (lead > 0xf4 || !tail(1) || !tail(2) || !tail(3)) return 0;
  if (lead == 0xf0 && byte(1) < 0x90) return 0;
  return lead == 0xf4 && byte(1) > 0x8f ? 0 : 4;
}

}  // namespace

size_t utf8_find_invalid(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    // Eight ASCII bytes at a time: none has its top bit set and none is zero.
    while (text.size() - at >= 8) {
      const auto word = load<uint64_t>(text.data() + at);
      constexpr uint64_t tops = 0x8080808080808080U, ones = 0x0101010101010101U;
      if ((word & tops) != 0 || ((word - ones) & tops) != 0) break;
      at += 8;
    }
    if (at == text.size()) break;
    const size_t bytes = character_bytes(text.substr(at));
    if (bytes == 0) return at;
    at += bytes;
  }
  return std::string_view::npos;
}

}  // namespace qw
