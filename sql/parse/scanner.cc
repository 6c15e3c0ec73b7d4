// See scanner.h. Names after the rules of PostgreSQL's scan.l. Any thread.
// Tests: tests/unit/sql_parse/scanner_test.cc.
#include "sql/parse/scanner.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/base/limits.h"
#include "src/base/utf8.h"

namespace qw::sql::parsing {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_name_part(char c) { return is_name_start(c) || is_digit(c) || c == '$'; }
bool is_operator_char(char c) {
  return c != '\0' && std::string_view("~!@#^&|`?+-*/%<>=").find(c) != std::string_view::npos;
}
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char folded = lower(c);
  return folded >= 'a' && folded <= 'f' ? folded - 'a' + 10 : -1;
}

void append_utf8(std::string& to, uint32_t code) {
  const auto byte = [&to](uint32_t value) { to.push_back(static_cast<char>(value)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | (code >> 6));
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | (code >> 12));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | (code >> 18));
    byte(0x80 | ((code >> 12) & 0x3F));
    byte(0x80 | ((code >> 6) & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

}  // namespace

bool Scanner::is(Token token, std::string_view keyword) const {
  if (token.kind != Token::Kind::word || token.end - token.begin != keyword.size()) return false;
  for (size_t i = 0; i < keyword.size(); ++i) {
    if (lower(text_[token.begin + i]) != keyword[i]) return false;
  }
  return true;
}

Token Scanner::finish(Token::Kind kind, uint32_t begin, uint32_t end) {
  at_ = end;
  return {kind, begin, end};
}

Token Scanner::fail(const char* error, uint32_t begin) {
  error_ = error;
  return finish(Token::Kind::error, begin, static_cast<uint32_t>(text_.size()));
}

void Scanner::skip_block_comment() {
  int depth = 0;
  const uint32_t begin = at_;
  do {
    if (at_ >= text_.size()) {
      error_ = "unterminated /* comment";
      at_ = begin;
      return;
    }
    if (text_[at_] == '/' && peek(at_ + 1) == '*') {
      ++depth;
      at_ += 2;
    } else if (text_[at_] == '*' && peek(at_ + 1) == '/') {
      --depth;
      at_ += 2;
    } else {
      ++at_;
    }
  } while (depth > 0);
}

void Scanner::skip_blanks() {
  while (at_ < text_.size() && error_ == nullptr) {
    const char c = text_[at_];
    if (is_blank(c)) {
      ++at_;
    } else if (c == '-' && peek(at_ + 1) == '-') {
      while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
    } else if (c == '/' && peek(at_ + 1) == '*') {
      skip_block_comment();
    } else {
      return;
    }
  }
}

Token Scanner::next() {
  if (error_ != nullptr) {
    const auto end = static_cast<uint32_t>(text_.size());
    return {Token::Kind::end, end, end};
  }
  skip_blanks();
  if (error_ != nullptr) return fail(error_, at_);
  const uint32_t begin = at_;
  const char c = peek(begin);
  if (begin >= text_.size()) return {Token::Kind::end, begin, begin};
  if (is_name_start(c)) return word(begin);
  if (is_digit(c) || (c == '.' && is_digit(peek(begin + 1)))) return number(begin);
  switch (c) {
    case '\'':
      return quoted(begin, begin, '\'', false, Token::Kind::string);
    case '"':
      return quoted(begin, begin, '"', false, Token::Kind::quoted_name);
    case '$':
      return dollar(begin);
    case ',':
    case '(':
    case ')':
    case '[':
    case ']':
    case ';':
      return finish(Token::Kind::punctuation, begin, begin + 1);
    case ':': {
      const char after = peek(begin + 1);
      return finish(Token::Kind::punctuation, begin,
                    begin + (after == ':' || after == '=' ? 2 : 1));
    }
    case '.':
      return finish(Token::Kind::punctuation, begin, begin + (peek(begin + 1) == '.' ? 2 : 1));
    default:
      return is_operator_char(c) ? op(begin) : finish(Token::Kind::op, begin, begin + 1);
  }
}

// `open` is where the quote is; a prefix (E, U&, ..) lies before it.
Token Scanner::quoted(uint32_t begin, uint32_t open, char quote, bool backslashes,
                      Token::Kind kind) {
  uint32_t i = open + 1;
  for (;; ++i) {
    if (i >= text_.size()) {
      if (quote == '"') return fail("unterminated quoted identifier", begin);
      return fail(kind == Token::Kind::bit_string
                      ? (lower(text_[begin]) == 'x' ? "unterminated hexadecimal string literal"
                                                    : "unterminated bit string literal")
                      : "unterminated quoted string",
                  begin);
    }
    if (backslashes && text_[i] == '\\') {
      ++i;
    } else if (text_[i] == quote) {
      if (peek(i + 1) != quote) break;
      ++i;
    }
  }
  if (quote == '"' && i == open + 1) {
    error_ = "zero-length delimited identifier";
    return {Token::Kind::error, begin, i + 1};
  }
  if (quote == '"') return finish(kind, begin, i + 1);
  // 'a' newline 'b' is one literal.
  uint32_t after = i + 1;
  bool newline = false;
  while (after < text_.size()) {
    if (is_blank(text_[after])) {
      newline = newline || text_[after] == '\n' || text_[after] == '\r';
      ++after;
    } else if (newline && text_[after] == '-' && peek(after + 1) == '-') {
      while (after < text_.size() && text_[after] != '\n' && text_[after] != '\r') ++after;
    } else {
      break;
    }
  }
  if (newline && peek(after) == '\'') return quoted(begin, after, quote, backslashes, kind);
  return finish(kind, begin, i + 1);
}

Token Scanner::dollar(uint32_t begin) {
  uint32_t i = begin + 1;
  if (is_digit(peek(i))) {
    while (is_digit(peek(i))) ++i;
    if (is_name_start(peek(i))) {
      error_ = "trailing junk after parameter";
      return {Token::Kind::error, begin, i + 1};
    }
    return finish(Token::Kind::param, begin, i);
  }
  if (is_name_start(peek(i))) {
    while (is_name_start(peek(i)) || is_digit(peek(i))) ++i;
  }
  if (peek(i) != '$') return finish(Token::Kind::op, begin, begin + 1);
  const std::string_view tag = text_.substr(begin, i + 1 - begin);
  const size_t close = text_.find(tag, i + 1);
  if (close == std::string_view::npos) return fail("unterminated dollar-quoted string", begin);
  return finish(Token::Kind::string, begin, static_cast<uint32_t>(close + tag.size()));
}

Token Scanner::number(uint32_t begin) {
  uint32_t i = begin;
  bool whole = true;
  while (is_digit(peek(i))) ++i;
  if (peek(i) == '.' && peek(i + 1) != '.') {
    whole = false;
    ++i;
    while (is_digit(peek(i))) ++i;
  }
  if (lower(peek(i)) == 'e') {
    uint32_t k = i + 1;
    if (peek(k) == '+' || peek(k) == '-') ++k;
    if (is_digit(peek(k))) {
      whole = false;
      while (is_digit(peek(k))) ++k;
      i = k;
    }
  }
  if (is_name_start(peek(i))) {
    error_ = "trailing junk after numeric literal";
    return {Token::Kind::error, begin, i + 1};
  }
  return finish(whole ? Token::Kind::integer : Token::Kind::number, begin, i);
}

Token Scanner::word(uint32_t begin) {
  const char c = lower(text_[begin]);
  const char after = peek(begin + 1);
  if (after == '\'') {
    if (c == 'e') return quoted(begin, begin + 1, '\'', true, Token::Kind::string);
    if (c == 'n') return quoted(begin, begin + 1, '\'', false, Token::Kind::string);
    if (c == 'b' || c == 'x') return quoted(begin, begin + 1, '\'', false, Token::Kind::bit_string);
  }
  if (c == 'u' && after == '&') {
    if (peek(begin + 2) == '\'') {
      return quoted(begin, begin + 2, '\'', false, Token::Kind::unicode_string);
    }
    if (peek(begin + 2) == '"') {
      return quoted(begin, begin + 2, '"', false, Token::Kind::unicode_name);
    }
  }
  uint32_t i = begin + 1;
  while (is_name_part(peek(i))) ++i;
  return finish(Token::Kind::word, begin, i);
}

Token Scanner::op(uint32_t begin) {
  uint32_t i = begin;
  while (is_operator_char(peek(i))) {
    const bool comment =
        (text_[i] == '/' && peek(i + 1) == '*') || (text_[i] == '-' && peek(i + 1) == '-');
    if (comment && i > begin) break;
    ++i;
  }
  // + and - at the end stay apart (a=-1) unless the operator has a character no SQL operator has.
  const std::string_view body = text_.substr(begin, i - begin);
  if (body.find_first_of("~!@#^&|`?%") == std::string_view::npos) {
    while (i - begin > 1 && (text_[i - 1] == '+' || text_[i - 1] == '-')) --i;
  }
  return finish(Token::Kind::op, begin, i);
}

std::string fold(std::string_view word) {
  std::string folded(word);
  std::transform(folded.begin(), folded.end(), folded.begin(), lower);
  return folded;
}

std::string upper_case(std::string_view word) {
  std::string result(word);
  for (char& c : result) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return result;
}

std::string truncate_name(std::string name) {
  if (name.size() <= limits::kNameBytesMax) return name;
  size_t end = limits::kNameBytesMax;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
  name.resize(end);
  return name;
}

namespace {

Error escape_error(const char* message) { return invalid_escape_sequence(message); }

// One escape of E'..' after the backslash; `i` is left behind it.
Result<void> append_escape(std::string_view text, size_t& i, std::string& to) {
  const char c = text[i++];
  switch (c) {
    case 'b':
      to.push_back('\b');
      return {};
    case 'f':
      to.push_back('\f');
      return {};
    case 'n':
      to.push_back('\n');
      return {};
    case 'r':
      to.push_back('\r');
      return {};
    case 't':
      to.push_back('\t');
      return {};
    default:
      break;
  }
  if (c >= '0' && c <= '7') {
    int value = c - '0';
    for (int k = 0; k < 2 && i < text.size() && text[i] >= '0' && text[i] <= '7'; ++k) {
      value = value * 8 + (text[i++] - '0');
    }
    to.push_back(static_cast<char>(value & 0xFF));
    return {};
  }
  if (c == 'x' && i < text.size() && hex_digit(text[i]) >= 0) {
    int value = 0;
    for (int k = 0; k < 2 && i < text.size() && hex_digit(text[i]) >= 0; ++k) {
      value = value * 16 + hex_digit(text[i++]);
    }
    to.push_back(static_cast<char>(value));
    return {};
  }
  if (c == 'u' || c == 'U') {
    const size_t digits = c == 'u' ? 4 : 8;
    uint32_t code = 0;
    for (size_t k = 0; k < digits; ++k, ++i) {
      const int digit = i < text.size() ? hex_digit(text[i]) : -1;
      if (digit < 0) return qw::fail(escape_error("invalid Unicode escape"));
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return qw::fail(syntax_error("invalid Unicode escape value"));
    }
    append_utf8(to, code);
    return {};
  }
  to.push_back(c);
  return {};
}

// U&'..' with the default escape character.
Result<std::string> unicode_value(std::string_view text) {
  std::string value;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      value.push_back(text[i++]);
      continue;
    }
    if (i + 1 < text.size() && text[i + 1] == '\\') {
      value.push_back('\\');
      i += 2;
      continue;
    }
    const bool wide = i + 1 < text.size() && text[i + 1] == '+';
    i += wide ? 2 : 1;
    uint32_t code = 0;
    for (int k = 0; k < (wide ? 6 : 4); ++k, ++i) {
      const int digit = i < text.size() ? hex_digit(text[i]) : -1;
      if (digit < 0) return qw::fail(syntax_error("invalid Unicode escape"));
      code = code * 16 + static_cast<uint32_t>(digit);
    }
    if (code == 0 || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
      return qw::fail(syntax_error("invalid Unicode escape value"));
    }
    append_utf8(value, code);
  }
  return value;
}

// One quoted segment's bytes with doubled quotes made single; `i` is left behind the closing quote.
Result<void> append_segment(std::string_view text, size_t& i, char quote, bool backslashes,
                            std::string& to) {
  for (++i; i < text.size();) {
    const char c = text[i++];
    if (c == quote) {
      if (i < text.size() && text[i] == quote) {
        to.push_back(quote);
        ++i;
        continue;
      }
      return {};
    }
    if (backslashes && c == '\\' && i < text.size()) {
      QW_TRY(append_escape(text, i, to));
    } else {
      to.push_back(c);
    }
  }
  return {};
}

}  // namespace

Result<std::string> string_value(std::string_view text) {
  if (text.empty()) return std::string();
  if (text[0] == '$') {
    const size_t tag = text.find('$', 1) + 1;
    return std::string(text.substr(tag, text.size() - 2 * tag));
  }
  const char prefix = lower(text[0]);
  std::string value;
  size_t i = prefix == '\'' ? 0 : prefix == 'u' ? 2 : 1;
  while (i < text.size()) {
    QW_TRY(append_segment(text, i, '\'', prefix == 'e', value));
    while (i < text.size() && text[i] != '\'') {  // blanks and comments between the segments
      if (text[i] == '-') i = std::min(text.find_first_of("\n\r", i), text.size());
      if (i < text.size() && text[i] != '\'') ++i;
    }
  }
  if (prefix == 'u') return unicode_value(value);
  QW_TRY(check_utf8(value));
  return value;
}

std::string name_value(Token token, std::string_view text) {
  if (token.kind == Token::Kind::word) return truncate_name(fold(text));
  std::string value;
  size_t i = token.kind == Token::Kind::unicode_name ? 2 : 0;
  if (!append_segment(text, i, '"', false, value)) return value;
  if (token.kind == Token::Kind::unicode_name) {
    Result<std::string> decoded = unicode_value(value);
    if (decoded) value = std::move(*decoded);
  }
  return truncate_name(std::move(value));
}

}  // namespace qw::sql::parsing
