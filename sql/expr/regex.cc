// Regular expressions: ~ and its family, regexp_*(), substring() by pattern, SIMILAR TO.
//
// Positions are characters outside, bytes inside. Scanning for all matches follows PostgreSQL:
// after an empty match the search goes on one character further. Tests:
// tests/unit/sql_expr/cases/regex.tsv.
#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/expr/pattern.h"
#include "sql/expr/text_array.h"
#include "sql/expr/utf8.h"

namespace qw::sql {
namespace {

using View = std::string_view;
using Groups = std::vector<View>;

// nullptr = the row has failed.
const Pattern* pattern_of(View source, View flags, PatternUse use, Row& row,
                          PatternFlags* parsed = nullptr) {
  auto letters = PatternFlags::parse(flags);
  if (!letters) {
    row.fail(std::move(letters).error());
    return nullptr;
  }
  if (parsed != nullptr) *parsed = *letters;
  auto pattern = row.cache<PatternCache>().get(source, flags, *letters, use);
  if (!pattern) {
    row.fail(std::move(pattern).error());
    return nullptr;
  }
  return *pattern;
}

template <bool Negated, bool Fold>
bool matches(View text, View source, Row& row) {
  const Pattern* pattern = pattern_of(source, Fold ? "i" : "", PatternUse::test, row);
  return pattern != nullptr && pattern->test(text) != Negated;
}

// Calls body(groups) per match until it returns false.
template <typename Body>
void for_matches(const Pattern& pattern, View text, size_t from, Body&& body) {
  Groups groups;
  while (from <= text.size() && pattern.find(text, from, groups)) {
    if (!body(groups)) return;
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    from = begin + groups[0].size();
    if (groups[0].empty()) {
      if (from >= text.size()) return;
      from += utf8::width(text, from);
    }
  }
}

Str groups_array(const Groups& groups, Row& row) {
  std::vector<std::optional<View>> parts;
  for (size_t i = groups.size() > 1 ? 1 : 0; i < groups.size(); ++i) {
    parts.push_back(groups[i].data() == nullptr ? std::nullopt : std::optional<View>(groups[i]));
  }
  return text_array(parts, row.arena());
}

Error no_global(View function, View alternative) {
  Error error =
      invalid_parameter_value(fmt::format("{}() does not support the \"global\" option", function));
  return alternative.empty()
             ? std::move(error)
             : std::move(error).with_hint(fmt::format("Use the {} function instead.", alternative));
}

std::optional<Str> regexp_match_flags(View text, View source, View flags, Row& row) {
  PatternFlags parsed;
  const Pattern* pattern = pattern_of(source, flags, PatternUse::positions, row, &parsed);
  if (pattern == nullptr) return Str();
  if (parsed.global) {
    row.fail(no_global("regexp_match", "regexp_matches"));
    return Str();
  }
  Groups groups;
  if (!pattern->find(text, 0, groups)) return std::nullopt;
  return groups_array(groups, row);
}
std::optional<Str> regexp_match(View text, View source, Row& row) {
  return regexp_match_flags(text, source, "", row);
}

bool regexp_like_flags(View text, View source, View flags, Row& row) {
  PatternFlags parsed;
  const Pattern* pattern = pattern_of(source, flags, PatternUse::test, row, &parsed);
  if (pattern == nullptr) return false;
  if (parsed.global) return row.fail(no_global("regexp_like", ""));
  return pattern->test(text);
}
bool regexp_like(View text, View source, Row& row) {
  return regexp_like_flags(text, source, "", row);
}

// ---- replace ------------------------------------------------------------------------------------

// \1..\9 are groups, \& the match, \\ a backslash.
void append_replacement(View replacement, const Groups& groups, std::string& out) {
  for (size_t i = 0; i < replacement.size(); ++i) {
    const char next = i + 1 < replacement.size() ? replacement[i + 1] : '\0';
    if (replacement[i] != '\\' || next == '\0') {
      out.push_back(replacement[i]);
      continue;
    }
    ++i;
    if (next >= '1' && next <= '9') {
      const auto group = static_cast<size_t>(next - '0');
      if (group < groups.size()) out.append(groups[group]);
    } else if (next == '&') {
      out.append(groups[0]);
    } else if (next == '\\') {
      out.push_back('\\');
    } else {
      out.push_back('\\');
      out.push_back(next);
    }
  }
}

// `nth`: 0 = all matches, else only that one. `start` counts characters from 1.
Str replace(View text, const Pattern& pattern, View replacement, int32_t start, int32_t nth,
            Row& row) {
  std::string out;
  size_t copied = 0;
  int32_t number = 0;
  const size_t from = utf8::offset(text, static_cast<size_t>(start - 1));
  if (start > 1 && static_cast<size_t>(start - 1) > utf8::count(text)) return Str(text);
  for_matches(pattern, text, from, [&](const Groups& groups) {
    if (nth > 0 && ++number != nth) return true;
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    out.append(text, copied, begin - copied);
    append_replacement(replacement, groups, out);
    copied = begin + groups[0].size();
    return nth == 0;
  });
  out.append(text, copied);
  return row.text(out);
}
Str regexp_replace_flags(View text, View source, View replacement, View flags, Row& row) {
  if (!flags.empty() && flags[0] >= '0' && flags[0] <= '9') {
    return row.fail(invalid_parameter_value(fmt::format("invalid regular expression option: \"{}\"",
                                                        flags.substr(0, 1)))
                        .with_hint("If you meant to use regexp_replace() with a start parameter, "
                                   "cast the fourth argument to integer explicitly."));
  }
  PatternFlags parsed;
  const Pattern* pattern = pattern_of(source, flags, PatternUse::positions, row, &parsed);
  if (pattern == nullptr) return Str();
  return replace(text, *pattern, replacement, 1, parsed.global ? 0 : 1, row);
}
Str regexp_replace(View text, View source, View replacement, Row& row) {
  return regexp_replace_flags(text, source, replacement, "", row);
}
Error bad_value(View name, int32_t value) {
  return invalid_parameter_value(
      fmt::format("invalid value for parameter \"{}\": {}", name, value));
}
Str regexp_replace_extended(View text, View source, View replacement, int32_t start, int32_t nth,
                            View flags, Row& row) {
  if (start <= 0) return row.fail(bad_value("start", start));
  if (nth < 0) return row.fail(bad_value("n", nth));
  const Pattern* pattern = pattern_of(source, flags, PatternUse::positions, row);
  if (pattern == nullptr) return Str();
  return replace(text, *pattern, replacement, start, nth, row);
}
Str regexp_replace_nth(View text, View source, View replacement, int32_t start, int32_t nth,
                       Row& row) {
  return regexp_replace_extended(text, source, replacement, start, nth, "", row);
}
Str regexp_replace_start(View text, View source, View replacement, int32_t start, Row& row) {
  return regexp_replace_extended(text, source, replacement, start, 1, "", row);
}

// ---- count, instr, substr
// -------------------------------------------------------------------------

int32_t regexp_count_flags(View text, View source, int32_t start, View flags, Row& row) {
  if (start <= 0) return row.fail(bad_value("start", start));
  PatternFlags parsed;
  const Pattern* pattern = pattern_of(source, flags, PatternUse::positions, row, &parsed);
  if (pattern == nullptr) return 0;
  if (parsed.global) return row.fail(no_global("regexp_count", ""));
  if (static_cast<size_t>(start - 1) > utf8::count(text)) return 0;
  int32_t count = 0;
  for_matches(*pattern, text, utf8::offset(text, static_cast<size_t>(start - 1)),
              [&](const Groups&) { return ++count != INT32_MAX; });
  return count;
}
int32_t regexp_count_start(View text, View source, int32_t start, Row& row) {
  return regexp_count_flags(text, source, start, "", row);
}
int32_t regexp_count(View text, View source, Row& row) {
  return regexp_count_flags(text, source, 1, "", row);
}

// The match or group asked for; null data = none.
View nth_match(View text, View source, int32_t start, int32_t nth, View flags, int32_t group,
               View function, Row& row) {
  if (start <= 0) return row.fail(bad_value("start", start)), View();
  if (nth <= 0) return row.fail(bad_value("n", nth)), View();
  if (group < 0) return row.fail(bad_value("subexpr", group)), View();
  PatternFlags parsed;
  const Pattern* pattern = pattern_of(source, flags, PatternUse::positions, row, &parsed);
  if (pattern == nullptr) return {};
  if (parsed.global) return row.fail(no_global(function, "")), View();
  if (static_cast<size_t>(start - 1) > utf8::count(text)) return {};
  View found;
  int32_t number = 0;
  for_matches(*pattern, text, utf8::offset(text, static_cast<size_t>(start - 1)),
              [&](const Groups& groups) {
                if (++number != nth) return true;
                if (static_cast<size_t>(group) < groups.size())
                  found = groups[static_cast<size_t>(group)];
                return false;
              });
  return found;
}
int32_t regexp_instr6(View text, View source, int32_t start, int32_t nth, int32_t end, View flags,
                      Row& row) {
  if (start > 0 && nth > 0 && (end < 0 || end > 1)) return row.fail(bad_value("endoption", end));
  const View found = nth_match(text, source, start, nth, flags, 0, "regexp_instr", row);
  if (found.data() == nullptr) return 0;
  const auto begin = static_cast<size_t>(found.data() - text.data());
  return static_cast<int32_t>(utf8::count(text.substr(0, begin + (end == 1 ? found.size() : 0)))) +
         1;
}
int32_t regexp_instr7(View text, View source, int32_t start, int32_t nth, int32_t end, View flags,
                      int32_t group, Row& row) {
  if (start > 0 && nth > 0 && (end < 0 || end > 1)) return row.fail(bad_value("endoption", end));
  const View found = nth_match(text, source, start, nth, flags, group, "regexp_instr", row);
  if (found.data() == nullptr) return 0;
  const auto begin = static_cast<size_t>(found.data() - text.data());
  return static_cast<int32_t>(utf8::count(text.substr(0, begin + (end == 1 ? found.size() : 0)))) +
         1;
}
int32_t regexp_instr5(View t, View s, int32_t start, int32_t nth, int32_t end, Row& row) {
  return regexp_instr6(t, s, start, nth, end, "", row);
}
int32_t regexp_instr4(View t, View s, int32_t start, int32_t nth, Row& row) {
  return regexp_instr6(t, s, start, nth, 0, "", row);
}
int32_t regexp_instr3(View t, View s, int32_t start, Row& row) {
  return regexp_instr6(t, s, start, 1, 0, "", row);
}
int32_t regexp_instr2(View t, View s, Row& row) { return regexp_instr6(t, s, 1, 1, 0, "", row); }

std::optional<Str> regexp_substr6(View text, View source, int32_t start, int32_t nth, View flags,
                                  int32_t group, Row& row) {
  const View found = nth_match(text, source, start, nth, flags, group, "regexp_substr", row);
  if (found.data() == nullptr) return std::nullopt;
  return Str(found);
}
std::optional<Str> regexp_substr5(View t, View s, int32_t start, int32_t nth, View flags,
                                  Row& row) {
  return regexp_substr6(t, s, start, nth, flags, 0, row);
}
std::optional<Str> regexp_substr4(View t, View s, int32_t start, int32_t nth, Row& row) {
  return regexp_substr6(t, s, start, nth, "", 0, row);
}
std::optional<Str> regexp_substr3(View t, View s, int32_t start, Row& row) {
  return regexp_substr6(t, s, start, 1, "", 0, row);
}
std::optional<Str> regexp_substr2(View t, View s, Row& row) {
  return regexp_substr6(t, s, 1, 1, "", 0, row);
}

// ---- split --------------------------------------------------------------------------------------

// An empty match at the place where the last one ended, or at either end, splits nothing.
Str regexp_split_flags(View text, View source, View flags, Row& row) {
  PatternFlags parsed;
  const Pattern* pattern = pattern_of(source, flags, PatternUse::positions, row, &parsed);
  if (pattern == nullptr) return Str();
  if (parsed.global) return row.fail(no_global("regexp_split_to_array", ""));
  std::vector<std::optional<View>> parts;
  size_t last = 0;
  for_matches(*pattern, text, 0, [&](const Groups& groups) {
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    if (groups[0].empty() && (begin == text.size() || end <= last)) return true;
    parts.emplace_back(text.substr(last, begin - last));
    last = end;
    return true;
  });
  parts.emplace_back(text.substr(last));
  return text_array(parts, row.arena());
}
Str regexp_split(View text, View source, Row& row) {
  return regexp_split_flags(text, source, "", row);
}

// substring(text from pattern): the first group, or the match.
std::optional<Str> substring_regex(View text, View source, Row& row) {
  const Pattern* pattern = pattern_of(source, "", PatternUse::positions, row);
  if (pattern == nullptr) return Str();
  const View found = pattern->first(text);
  if (found.data() == nullptr) return std::nullopt;
  return Str(found);
}

// ---- SIMILAR TO
// -----------------------------------------------------------------------------------

// A SQL pattern as an ARE; an escaped quote separates the parts of substring(.. similar ..).
std::string similar_pattern(View pattern, View escape) {
  std::string out = "^(?:";
  bool escaped = false, bracket = false;
  int quotes = 0;
  for (size_t at = 0; at < pattern.size();) {
    const size_t bytes = utf8::width(pattern, at);
    const View character = pattern.substr(at, bytes);
    at += bytes;
    const char c = character[0];
    if (escaped) {
      escaped = false;
      if (c == '"' && !bracket) {
        if (quotes == 0) {
          out += "){1,1}?(";
        } else if (quotes == 1) {
          out += "){1,1}(?:";
        }
        ++quotes;
      } else {
        out.push_back('\\');
        out.append(character);
      }
      continue;
    }
    if (!escape.empty() && character == escape) {
      escaped = true;
      continue;
    }
    if (bracket) {
      if (c == '\\') out.push_back('\\');
      out.append(character);
      if (c == ']') bracket = false;
      continue;
    }
    switch (c) {
      case '[':
        bracket = true;
        out.push_back(c);
        break;
      case '%':
        out += ".*";
        break;
      case '_':
        out.push_back('.');
        break;
      case '(':
        out += "(?:";
        break;
      case '\\':
      case '.':
      case '^':
      case '$':
        out.push_back('\\');
        out.push_back(c);
        break;
      default:
        out.append(character);
    }
  }
  out += ")$";
  return out;
}
Str similar_to_escape2(View pattern, View escape, Row& row) {
  if (!escape.empty() && utf8::width(escape, 0) != escape.size()) {
    return row.fail(invalid_escape_sequence("invalid escape string")
                        .with_hint("Escape string must be empty or one character."));
  }
  return row.text(similar_pattern(pattern, escape));
}
Str similar_to_escape1(View pattern, Row& row) { return row.text(similar_pattern(pattern, "\\")); }
std::optional<Str> similar_escape(std::optional<View> pattern, std::optional<View> escape,
                                  Row& row) {
  if (!pattern) return std::nullopt;
  return escape ? similar_to_escape2(*pattern, *escape, row) : similar_to_escape1(*pattern, row);
}

void declare_operators(Declarations& d) {
  d.add(1254, "textregexeq(text,text) bool", each<matches<false, false>>());
  d.add(1256, "textregexne(text,text) bool", each<matches<true, false>>());
  d.add(1238, "texticregexeq(text,text) bool", each<matches<false, true>>());
  d.add(1239, "texticregexne(text,text) bool", each<matches<true, true>>());
  d.add(79, "nameregexeq(name,text) bool", each<matches<false, false>>());
  d.add(1252, "nameregexne(name,text) bool", each<matches<true, false>>());
  d.add(1240, "nameicregexeq(name,text) bool", each<matches<false, true>>());
  d.add(1241, "nameicregexne(name,text) bool", each<matches<true, true>>());
  d.add(1658, "bpcharregexeq(bpchar,text) bool", each<matches<false, false>>());
  d.add(1659, "bpcharregexne(bpchar,text) bool", each<matches<true, false>>());
  d.add(1656, "bpcharicregexeq(bpchar,text) bool", each<matches<false, true>>());
  d.add(1657, "bpcharicregexne(bpchar,text) bool", each<matches<true, true>>());
}

}  // namespace

void declare_regex(Declarations& d) {
  declare_operators(d);
  d.add(3396, "regexp_match(text,text) _text", each<regexp_match>());
  d.add(3397, "regexp_match(text,text,text) _text", each<regexp_match_flags>());
  d.add(6263, "regexp_like(text,text) bool", each<regexp_like>());
  d.add(6264, "regexp_like(text,text,text) bool", each<regexp_like_flags>());
  d.add(2284, "regexp_replace(text,text,text) text", each<regexp_replace>());
  d.add(2285, "regexp_replace(text,text,text,text) text", each<regexp_replace_flags>());
  d.add(6251, "regexp_replace(text,text,text,int4,int4,text) text",
        each<regexp_replace_extended>());
  d.add(6252, "regexp_replace(text,text,text,int4,int4) text", each<regexp_replace_nth>());
  d.add(6253, "regexp_replace(text,text,text,int4) text", each<regexp_replace_start>());
  d.add(6254, "regexp_count(text,text) int4", each<regexp_count>());
  d.add(6255, "regexp_count(text,text,int4) int4", each<regexp_count_start>());
  d.add(6256, "regexp_count(text,text,int4,text) int4", each<regexp_count_flags>());
  d.add(6257, "regexp_instr(text,text) int4", each<regexp_instr2>());
  d.add(6258, "regexp_instr(text,text,int4) int4", each<regexp_instr3>());
  d.add(6259, "regexp_instr(text,text,int4,int4) int4", each<regexp_instr4>());
  d.add(6260, "regexp_instr(text,text,int4,int4,int4) int4", each<regexp_instr5>());
  d.add(6261, "regexp_instr(text,text,int4,int4,int4,text) int4", each<regexp_instr6>());
  d.add(6262, "regexp_instr(text,text,int4,int4,int4,text,int4) int4", each<regexp_instr7>());
  d.add(6265, "regexp_substr(text,text) text", each<regexp_substr2>());
  d.add(6266, "regexp_substr(text,text,int4) text", each<regexp_substr3>());
  d.add(6267, "regexp_substr(text,text,int4,int4) text", each<regexp_substr4>());
  d.add(6268, "regexp_substr(text,text,int4,int4,text) text", each<regexp_substr5>());
  d.add(6269, "regexp_substr(text,text,int4,int4,text,int4) text", each<regexp_substr6>());
  d.add(2767, "regexp_split_to_array(text,text) _text", each<regexp_split>());
  d.add(2768, "regexp_split_to_array(text,text,text) _text", each<regexp_split_flags>());
  d.add(2073, "substring(text,text) text", each<substring_regex>());
  d.add(1987, "similar_to_escape(text) text", each<similar_to_escape1>());
  d.add(1986, "similar_to_escape(text,text) text", each<similar_to_escape2>());
  d.add(1623, "similar_escape(text,text) text nonstrict", each<similar_escape>());
}

}  // namespace qw::sql
