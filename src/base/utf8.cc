// UTF-8 at the border: see utf8.h.
#include "src/base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>

#include <fmt/format.h>

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

// Where the first bad byte is, or npos.
size_t find_invalid(std::string_view text) {
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

}  // namespace

Result<void> check_utf8(std::string_view text) {
  const size_t bad = find_invalid(text);
  if (bad == std::string_view::npos) return {};
  // As many bytes as PostgreSQL shows: what the lead byte promises, within the text.
  const auto lead = static_cast<unsigned char>(text[bad]);
  const bool starts = lead >= 0xc0 && lead < 0xf8;
  const size_t promised = !starts ? 1 : (lead >= 0xf0 ? 4 : (lead >= 0xe0 ? 3 : 2));
  std::string shown;
  for (size_t i = bad; i < std::min(bad + promised, text.size()); ++i) {
    fmt::format_to(std::back_inserter(shown), "{}0x{:02x}", i == bad ? "" : " ",
                   static_cast<unsigned char>(text[i]));
  }
  return fail(character_not_in_repertoire(
      fmt::format("invalid byte sequence for encoding \"UTF8\": {}", shown)));
}

}  // namespace qw
