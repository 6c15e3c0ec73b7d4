// UTF-8: see utf8.h. Tests: tests/unit/sql_expr/cases/text.tsv.
#include "sql/expr/utf8.h"

#include <clocale>
#include <cwctype>

#include <locale.h>

namespace qw::sql::utf8 {
namespace {

locale_t character_types() {
  static const locale_t types = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return types;
}

char32_t lower(char32_t code) {
  if (code < 128) return code >= 'A' && code <= 'Z' ? code + 32 : code;
  const locale_t types = character_types();
  return types == nullptr ? code
                          : static_cast<char32_t>(towlower_l(static_cast<wint_t>(code), types));
}
char32_t upper(char32_t code) {
  if (code < 128) return code >= 'a' && code <= 'z' ? code - 32 : code;
  const locale_t types = character_types();
  return types == nullptr ? code
                          : static_cast<char32_t>(towupper_l(static_cast<wint_t>(code), types));
}

template <typename Map>
void append_mapped(std::string_view text, std::string& out, Map&& map) {
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = width(text, at);
    if (bytes == 1) {
      out.push_back(static_cast<char>(map(static_cast<unsigned char>(text[at]))));
    } else {
      append(map(decode(text.substr(at, bytes))), out);
    }
    at += bytes;
  }
}

// Turns the case of letters from First to Last; false, and nothing appended, when a byte is not
// ASCII.
template <char First, char Last>
bool append_ascii(std::string_view text, std::string& out) {
  const size_t begin = out.size();
  out.resize(begin + text.size());
  if (turn_ascii<First, Last>(text, out.data() + begin)) return true;
  out.resize(begin);
  return false;
}

}  // namespace

char32_t decode(std::string_view character) {
  const auto byte = [&](size_t i) {
    return static_cast<char32_t>(static_cast<unsigned char>(character[i]));
  };
  switch (character.size()) {
    case 1:
      return byte(0);
    case 2:
      return ((byte(0) & 0x1f) << 6) | (byte(1) & 0x3f);
    case 3:
      return ((byte(0) & 0x0f) << 12) | ((byte(1) & 0x3f) << 6) | (byte(2) & 0x3f);
    case 4:
      return ((byte(0) & 0x07) << 18) | ((byte(1) & 0x3f) << 12) | ((byte(2) & 0x3f) << 6) |
             (byte(3) & 0x3f);
    default:
      return 0xfffd;
  }
}

void append(char32_t code, std::string& out) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

bool is_alnum(char32_t code) {
  if (code < 128) {
    return (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') ||
           (code >= 'A' && code <= 'Z');
  }
  const locale_t types = character_types();
  return types != nullptr && iswalnum_l(static_cast<wint_t>(code), types) != 0;
}

void append_lower(std::string_view text, std::string& out) {
  if (!append_ascii<'A', 'Z'>(text, out)) append_mapped(text, out, lower);
}
void append_upper(std::string_view text, std::string& out) {
  if (!append_ascii<'a', 'z'>(text, out)) append_mapped(text, out, upper);
}

void append_initcap(std::string_view text, std::string& out) {
  bool inside = false;
  append_mapped(text, out, [&](char32_t code) {
    const char32_t mapped = inside ? lower(code) : upper(code);
    inside = is_alnum(code);
    return mapped;
  });
}

}  // namespace qw::sql::utf8
