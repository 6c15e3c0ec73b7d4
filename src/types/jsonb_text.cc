// Json text: parsing with PostgreSQL's messages, and printing. See jsonb.h.
//
// Recursive descent with a depth limit. The same grammar builds jsonb or only checks (the json type
// keeps its text), chosen by a sink at compile time.
#include <array>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/types/jsonb.h"
#include "src/types/text_scalar.h"

namespace qw::jsonb {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) {
  return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' || (c & 0x80) != 0;
}

enum class Token : uint8_t {
  end,
  string,
  number,
  object_start,
  object_end,
  array_start,
  array_end,
  comma,
  colon,
  true_,
  false_,
  null,
};

Error bad_json(std::string detail) {
  return invalid_text_representation("invalid input syntax for type json")
      .with_detail(std::move(detail));
}

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void append_utf8(uint32_t code, std::string& out) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (code >> 18));
    out += static_cast<char>(0x80 | ((code >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

class Lexer {
 public:
  Lexer(std::string_view text, bool decode) : text_(text), decode_(decode) {}

  // Moves to the next token.
  Result<void> next();
  Token token() const { return token_; }
  // The token as written.
  std::string_view raw() const { return text_.substr(begin_, at_ - begin_); }
  std::string_view string() const { return string_; }

  Error expected(std::string_view what) const {
    if (token_ == Token::end) return bad_json("The input string ended unexpectedly.");
    return bad_json(fmt::format("Expected {}, but found \"{}\".", what, raw()));
  }

 private:
  Result<void> lex_string();
  Result<void> lex_escape();
  Result<void> lex_unicode();
  Result<void> lex_number();
  Error invalid_token() {
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return bad_json(fmt::format("Token \"{}\" is invalid.", raw()));
  }
  Error invalid_escape(std::string_view what) const { return bad_json(std::string(what)); }

  std::string_view text_;
  bool decode_;  // jsonb refuses what its text cannot hold, json only checks the shape
  size_t begin_ = 0, at_ = 0;
  Token token_ = Token::end;
  std::string string_;
  uint32_t high_surrogate_ = 0;
};

Result<void> Lexer::next() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
  begin_ = at_;
  if (at_ == text_.size()) {
    token_ = Token::end;
    return {};
  }
  const char c = text_[at_];
  constexpr std::string_view signs = "{}[],:";
  constexpr std::array<Token, 6> tokens = {Token::object_start, Token::object_end,
                                           Token::array_start,  Token::array_end,
                                           Token::comma,        Token::colon};
  if (const size_t sign = signs.find(c); sign != std::string_view::npos) {
    ++at_;
    token_ = tokens[sign];
    return {};
  }
  if (c == '"') return lex_string();
  if (c == '-' || is_digit(c)) return lex_number();
  if (!is_word(c)) {
    at_ += utf8_offset(text_.substr(at_), 1);
    return fail(bad_json(fmt::format("Token \"{}\" is invalid.", raw())));
  }
  while (at_ < text_.size() && is_word(text_[at_])) ++at_;
  if (raw() == "true") {
    token_ = Token::true_;
  } else if (raw() == "false") {
    token_ = Token::false_;
  } else if (raw() == "null") {
    token_ = Token::null;
  } else {
    return fail(invalid_token());
  }
  return {};
}

Result<void> Lexer::lex_unicode() {
  uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const int digit = at_ < text_.size() ? hex_digit(text_[at_]) : -1;
    if (at_ == text_.size()) return fail(bad_json("The input string ended unexpectedly."));
    if (digit < 0) {
      return fail(invalid_escape("\"\\u\" must be followed by four hexadecimal digits."));
    }
    code = code * 16 + static_cast<uint32_t>(digit);
  }
  if (!decode_) return {};
  if (code == 0) {
    return fail(untranslatable_character("unsupported Unicode escape sequence")
                    .with_detail("\\u0000 cannot be converted to text."));
  }
  const bool high = code >= 0xd800 && code <= 0xdbff, low = code >= 0xdc00 && code <= 0xdfff;
  if (high) {
    if (high_surrogate_ != 0) {
      return fail(invalid_escape("Unicode high surrogate must not follow a high surrogate."));
    }
    high_surrogate_ = code;
    return {};
  }
  if (low != (high_surrogate_ != 0)) {
    return fail(invalid_escape("Unicode low surrogate must follow a high surrogate."));
  }
  if (low) code = 0x10000 + ((high_surrogate_ & 0x3ff) << 10) + (code & 0x3ff);
  high_surrogate_ = 0;
  append_utf8(code, string_);
  return {};
}

// `at_` is behind the backslash.
Result<void> Lexer::lex_escape() {
  if (at_ == text_.size()) return fail(bad_json("The input string ended unexpectedly."));
  const char c = text_[at_];
  if (c == 'u') {
    ++at_;
    return lex_unicode();
  }
  if (high_surrogate_ != 0) {
    return fail(invalid_escape("Unicode low surrogate must follow a high surrogate."));
  }
  constexpr std::string_view names = "\"\\/bfnrt";
  constexpr std::string_view values = "\"\\/\b\f\n\r\t";
  const size_t which = names.find(c);
  if (which == std::string_view::npos) {
    const size_t bytes = utf8_offset(text_.substr(at_), 1);
    return fail(invalid_escape(
        fmt::format("Escape sequence \"\\{}\" is invalid.", text_.substr(at_, bytes))));
  }
  string_ += values[which];
  ++at_;
  return {};
}

Result<void> Lexer::lex_string() {
  token_ = Token::string;
  string_.clear();
  high_surrogate_ = 0;
  ++at_;
  while (true) {
    size_t end = at_;
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
           static_cast<unsigned char>(text_[end]) >= 0x20) {
      ++end;
    }
    if (end != at_ && high_surrogate_ != 0) {
      return fail(invalid_escape("Unicode low surrogate must follow a high surrogate."));
    }
    string_.append(text_, at_, end - at_);
    at_ = end;
    if (at_ == text_.size()) return fail(bad_json(fmt::format("Token \"{}\" is invalid.", raw())));
    const char c = text_[at_];
    if (static_cast<unsigned char>(c) < 0x20) {
      return fail(bad_json(fmt::format("Character with value 0x{:02x} must be escaped.",
                                       static_cast<unsigned char>(c))));
    }
    ++at_;
    if (c == '"') break;
    QW_TRY(lex_escape());
  }
  if (high_surrogate_ != 0) {
    return fail(invalid_escape("Unicode low surrogate must follow a high surrogate."));
  }
  return {};
}

Result<void> Lexer::lex_number() {
  token_ = Token::number;
  const auto digits = [&] {
    const size_t from = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) ++at_;
    return at_ != from;
  };
  if (text_[at_] == '-') ++at_;
  bool valid = true;
  if (at_ < text_.size() && text_[at_] == '0') {
    ++at_;
  } else {
    valid = digits();
  }
  if (valid && at_ < text_.size() && text_[at_] == '.') {
    ++at_;
    valid = digits();
  }
  if (valid && at_ < text_.size() && (text_[at_] | 0x20) == 'e') {
    ++at_;
    if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
    valid = digits();
  }
  if (!valid || (at_ < text_.size() && is_word(text_[at_]))) return fail(invalid_token());
  return {};
}

// What a parsed document is for: a JsonBuilder, or nothing.
struct BuilderSink {
  static constexpr bool kDecode = true;
  JsonBuilder builder;
  void begin(bool object) { object ? builder.begin_object() : builder.begin_array(); }
  void end() { builder.end(); }
  void key(std::string_view key) { builder.key(key); }
  void null() { builder.null(); }
  void boolean(bool value) { builder.boolean(value); }
  void string(std::string_view text) { builder.string(text); }
  Result<void> number(std::string_view text) {
    Arena arena;
    QW_ASSIGN_OR_RETURN(const Numeric value, numeric::parse(text, arena));
    builder.number(value);
    return {};
  }
};
struct CheckSink {
  static constexpr bool kDecode = false;
  void begin(bool /*object*/) {}
  void end() {}
  void key(std::string_view /*key*/) {}
  void null() {}
  void boolean(bool /*value*/) {}
  void string(std::string_view /*text*/) {}
  Result<void> number(std::string_view /*text*/) { return {}; }
};

template <typename Sink>
class Parser {
 public:
  explicit Parser(std::string_view text) : lexer_(text, Sink::kDecode) {}

  Result<void> document() {
    QW_TRY(lexer_.next());
    QW_TRY(value(0));
    if (lexer_.token() != Token::end) return fail(lexer_.expected("end of input"));
    return {};
  }
  Sink sink;

 private:
  Result<void> value(uint32_t depth) {
    if (depth > 6400) {
      return fail(statement_too_complex("stack depth limit exceeded")
                      .with_hint("The document is nested too deeply."));
    }
    switch (lexer_.token()) {
      case Token::object_start:
        return object(depth);
      case Token::array_start:
        return array(depth);
      case Token::string:
        sink.string(lexer_.string());
        break;
      case Token::number:
        QW_TRY(sink.number(lexer_.raw()));
        break;
      case Token::true_:
        sink.boolean(true);
        break;
      case Token::false_:
        sink.boolean(false);
        break;
      case Token::null:
        sink.null();
        break;
      case Token::end:
      case Token::object_end:
      case Token::array_end:
      case Token::comma:
      case Token::colon:
        return fail(lexer_.expected("JSON value"));
    }
    return lexer_.next();
  }

  Result<void> object(uint32_t depth) {
    sink.begin(true);
    QW_TRY(lexer_.next());
    if (lexer_.token() != Token::object_end) {
      if (lexer_.token() != Token::string) return fail(lexer_.expected("string or \"}\""));
      while (true) {
        if (lexer_.token() != Token::string) return fail(lexer_.expected("string"));
        const std::string key(lexer_.string());
        QW_TRY(lexer_.next());
        if (lexer_.token() != Token::colon) return fail(lexer_.expected("\":\""));
        QW_TRY(lexer_.next());
        sink.key(key);
        QW_TRY(value(depth + 1));
        if (lexer_.token() == Token::object_end) break;
        if (lexer_.token() != Token::comma) return fail(lexer_.expected("\",\" or \"}\""));
        QW_TRY(lexer_.next());
      }
    }
    sink.end();
    return lexer_.next();
  }

  Result<void> array(uint32_t depth) {
    sink.begin(false);
    QW_TRY(lexer_.next());
    if (lexer_.token() != Token::array_end) {
      while (true) {
        QW_TRY(value(depth + 1));
        if (lexer_.token() == Token::array_end) break;
        if (lexer_.token() != Token::comma) return fail(lexer_.expected("\",\" or \"]\""));
        QW_TRY(lexer_.next());
      }
    }
    sink.end();
    return lexer_.next();
  }

  Lexer lexer_;
};

void append_scalar(const JsonView& value, std::string& out) {
  switch (value.kind()) {
    case JsonKind::null:
      out += "null";
      return;
    case JsonKind::false_:
      out += "false";
      return;
    case JsonKind::true_:
      out += "true";
      return;
    case JsonKind::string:
      return append_json_string(value.string(), out);
    case JsonKind::number:
      return numeric::append_text(value.number(), out);
    case JsonKind::array:
    case JsonKind::object:
      break;
  }
  QW_UNREACHABLE();
}

void append_indented(const JsonView& value, size_t level, std::string& out) {
  if (value.is_scalar()) return append_scalar(value, out);
  constexpr size_t step = 4;
  out += value.is_object() ? '{' : '[';
  for (uint32_t i = 0; i < value.size(); ++i) {
    out += i == 0 ? "\n" : ",\n";
    out.append((level + 1) * step, ' ');
    if (value.is_object()) {
      append_json_string(value.key(i), out);
      out += ": ";
    }
    append_indented(value.is_object() ? value.value(i) : value.element(i), level + 1, out);
  }
  out += '\n';
  out.append(level * step, ' ');
  out += value.is_object() ? '}' : ']';
}

}  // namespace

Result<std::string> parse(std::string_view text) {
  Parser<BuilderSink> parser(text);
  QW_TRY(parser.document());
  return parser.sink.builder.take();
}

Result<void> validate_json(std::string_view text) {
  Parser<CheckSink> parser(text);
  return parser.document();
}

void append_text(std::string_view bytes, std::string& out) { append_text(JsonView(bytes), out); }

void append_text(const JsonView& value, std::string& out) {
  if (value.is_scalar()) return append_scalar(value, out);
  out += value.is_object() ? '{' : '[';
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (i != 0) out += ", ";
    if (value.is_object()) {
      append_json_string(value.key(i), out);
      out += ": ";
    }
    append_text(value.is_object() ? value.value(i) : value.element(i), out);
  }
  out += value.is_object() ? '}' : ']';
}

void append_pretty(std::string_view bytes, std::string& out) {
  append_indented(JsonView(bytes), 0, out);
}

void append_unquoted(const JsonView& value, std::string& out) {
  if (value.kind() == JsonKind::string) {
    out += value.string();
  } else {
    append_text(value, out);
  }
}

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

}  // namespace qw::jsonb
