// LIKE and ILIKE: a pattern is parsed once per call site; patterns without '_' and with '%' only at
// the ends become comparisons of bytes. The general matcher backtracks to the last '%' only.
//
// Characters are UTF-8; ILIKE folds case as lower() does. A trailing escape is an error when
// reached, as in PostgreSQL (22025). Tests: tests/unit/sql_expr/cases/like.tsv.
#include <string>

#include "sql/expr/declare.h"
#include "sql/expr/search.h"
#include "sql/expr/utf8.h"

namespace qw::sql {
namespace {

using View = std::string_view;

struct Pattern {
  enum class Shape : uint8_t { general, exact, prefix, suffix, infix, prefix_suffix };
  std::string source;
  bool known = false;
  Shape shape = Shape::general;
  std::string literal, tail;  // of the simple shapes

  void parse(View pattern);
};

void Pattern::parse(View pattern) {
  source = pattern;
  known = true;
  shape = Shape::general;
  std::string parts[3];
  size_t gaps = 0;
  bool open_start = false, open_end = false;
  for (size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '_') return;
    if (c == '%') {
      if (at == 0 || (gaps == 0 && parts[0].empty() && open_start)) {
        open_start = true;
      } else if (!open_end) {
        open_end = true;
      }
      continue;
    }
    if (c == '\\' && ++at == pattern.size()) return;
    if (open_end) {
      if (++gaps > 1) return;
      open_end = false;
    }
    parts[gaps].push_back(pattern[at]);
  }
  literal = parts[0];
  tail = parts[1];
  if (gaps == 1) {
    if (!open_start && !open_end) shape = Shape::prefix_suffix;
    return;
  }
  shape = open_start ? (open_end || literal.empty() ? Shape::infix : Shape::suffix)
                     : (open_end ? Shape::prefix : Shape::exact);
}

enum class Match : uint8_t { no, yes, bad_escape };

Match match(View text, View pattern) {
  constexpr size_t kNone = View::npos;
  size_t t = 0, p = 0, star_t = 0, star_p = kNone;
  while (true) {
    bool advanced = false;
    if (p < pattern.size()) {
      if (pattern[p] == '%') {
        star_p = ++p;
        star_t = t;
        if (p == pattern.size()) return Match::yes;
        const bool dangling = pattern[p] == '\\' && p + 1 == pattern.size();
        if (dangling && t < text.size()) return Match::bad_escape;
        continue;
      }
      if (t < text.size()) {
        if (pattern[p] == '_') {
          t += utf8::width(text, t);
          ++p;
          advanced = true;
        } else {
          size_t literal = p;
          if (pattern[p] == '\\') {
            if (++literal == pattern.size()) return Match::bad_escape;
          }
          if (text[t] == pattern[literal]) {
            ++t;
            p = literal + 1;
            advanced = true;
          }
        }
      }
    } else if (t == text.size()) {
      return Match::yes;
    }
    if (advanced) continue;
    if (star_p == kNone || star_t >= text.size()) return Match::no;
    star_t += utf8::width(text, star_t);
    t = star_t;
    p = star_p;
  }
}

Match match(View text, const Pattern& pattern) {
  const auto to_match = [](bool yes) { return yes ? Match::yes : Match::no; };
  const View literal = pattern.literal;
  switch (pattern.shape) {
    case Pattern::Shape::general:
      return match(text, View(pattern.source));
    case Pattern::Shape::exact:
      return to_match(text == literal);
    case Pattern::Shape::prefix:
      return to_match(text.substr(0, literal.size()) == literal);
    case Pattern::Shape::suffix:
      return to_match(text.size() >= literal.size() &&
                      text.substr(text.size() - literal.size()) == literal);
    case Pattern::Shape::infix:
      return to_match(find_text(text, literal, 0) != View::npos);
    case Pattern::Shape::prefix_suffix:
      return to_match(text.size() >= literal.size() + pattern.tail.size() &&
                      text.substr(0, literal.size()) == literal &&
                      text.substr(text.size() - pattern.tail.size()) == pattern.tail);
  }
  return Match::no;
}

bool decide(Match result, bool negated, Row& row) {
  if (result == Match::bad_escape) {
    return row.fail(invalid_escape_sequence("LIKE pattern must not end with escape character"));
  }
  return (result == Match::yes) != negated;
}

template <bool Negated>
bool like(View text, View pattern, Row& row) {
  Pattern& parsed = row.cache<Pattern>();
  if (!parsed.known || parsed.source != pattern) parsed.parse(pattern);
  return decide(match(text, parsed), Negated, row);
}

template <bool Negated>
bool ilike(View text, View pattern, Row& row) {
  std::string lower_text, lower_pattern;
  utf8::append_lower(text, lower_text);
  utf8::append_lower(pattern, lower_pattern);
  return decide(match(lower_text, View(lower_pattern)), Negated, row);
}

// like_escape(): rewrites a pattern with another escape character (or none) to one with backslash.
Str like_escape(View pattern, View escape, Row& row) {
  std::string out;
  if (escape.empty()) {
    for (const char c : pattern) {
      if (c == '\\') out.push_back('\\');
      out.push_back(c);
    }
    return row.text(out);
  }
  if (utf8::width(escape, 0) != escape.size()) {
    return row.fail(invalid_escape_sequence("invalid escape string")
                        .with_hint("Escape string must be empty or one character."));
  }
  if (escape == "\\") return Str(pattern);
  bool escaped = false;
  for (size_t at = 0; at < pattern.size();) {
    const size_t bytes = utf8::width(pattern, at);
    const View character = pattern.substr(at, bytes);
    at += bytes;
    if (character == escape && !escaped) {
      out.push_back('\\');
      escaped = true;
      continue;
    }
    if (character == "\\" && !escaped) out.push_back('\\');
    out.append(character);
    escaped = false;
  }
  return row.text(out);
}

}  // namespace

void declare_like(Declarations& d) {
  d.add(850, "textlike(text,text) bool", each<like<false>>());
  d.add(851, "textnlike(text,text) bool", each<like<true>>());
  d.add(1569, "like(text,text) bool", each<like<false>>());
  d.add(1570, "notlike(text,text) bool", each<like<true>>());
  d.add(1631, "bpcharlike(bpchar,text) bool", each<like<false>>());
  d.add(1632, "bpcharnlike(bpchar,text) bool", each<like<true>>());
  d.add(858, "namelike(name,text) bool", each<like<false>>());
  d.add(859, "namenlike(name,text) bool", each<like<true>>());
  d.add(1571, "like(name,text) bool", each<like<false>>());
  d.add(1572, "notlike(name,text) bool", each<like<true>>());
  d.add(1633, "texticlike(text,text) bool", each<ilike<false>>());
  d.add(1634, "texticnlike(text,text) bool", each<ilike<true>>());
  d.add(1660, "bpchariclike(bpchar,text) bool", each<ilike<false>>());
  d.add(1661, "bpcharicnlike(bpchar,text) bool", each<ilike<true>>());
  d.add(1635, "nameiclike(name,text) bool", each<ilike<false>>());
  d.add(1636, "nameicnlike(name,text) bool", each<ilike<true>>());
  d.add(1637, "like_escape(text,text) text", each<like_escape>());
}

}  // namespace qw::sql
