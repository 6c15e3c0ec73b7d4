// UTF-8 by characters: counting, stepping, case. Input is valid UTF-8 (checked where text enters).
//
// Case follows the character types of the C.UTF-8 locale, PostgreSQL's under that LC_CTYPE.
// Pure functions; any thread. Tests: tests/unit/sql_expr/cases/text.tsv.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qw::sql::utf8 {

inline bool is_lead(char byte) { return (static_cast<unsigned char>(byte) & 0xc0) != 0x80; }

// Characters in `text`.
inline size_t count(std::string_view text) {
  size_t characters = 0;
  for (const char byte : text) characters += is_lead(byte) ? 1U : 0U;
  return characters;
}

// Bytes of the character that begins at `at`.
inline size_t width(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && !is_lead(text[end])) ++end;
  return end - at;
}

// Byte offset of the character number `characters`, or the end.
inline size_t offset(std::string_view text, size_t characters) {
  if (characters >= text.size()) return text.size();
  size_t at = 0;
  while (characters > 0 && at < text.size()) {
    at += width(text, at);
    --characters;
  }
  return at;
}

// Writes `text` with the case of letters from First to Last turned; false when a byte is not ASCII.
template <char First, char Last>
bool turn_ascii(std::string_view text, char* to) {
  unsigned char all = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    all = static_cast<unsigned char>(all | byte);
    to[i] = static_cast<char>(byte ^ (byte >= First && byte <= Last ? 0x20U : 0U));
  }
  return (all & 0x80U) == 0;
}

char32_t decode(std::string_view character);
void append(char32_t code, std::string& out);

void append_lower(std::string_view text, std::string& out);
void append_upper(std::string_view text, std::string& out);
void append_initcap(std::string_view text, std::string& out);
bool is_alnum(char32_t code);

}  // namespace qw::sql::utf8
