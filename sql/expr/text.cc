// Text: length, case, substrings, searching, trimming, padding, replacing.
//
// Positions count characters of UTF-8. A result that is a part of its argument borrows its bytes.
// Tests: tests/unit/sql_expr/cases/text.tsv.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/expr/search.h"
#include "sql/expr/utf8.h"
#include "src/base/limits.h"

namespace qw::sql {
namespace {

using View = std::string_view;

// PostgreSQL's values carry their length in four bytes, which its limit counts.
constexpr size_t kTextBytesMax = limits::kValueBytesMax - 4;
Error too_long() { return program_limit_exceeded("requested length too large"); }
Error negative_length() { return substring_error("negative substring length not allowed"); }

Str joined(View a, View b, Row& row) {
  const size_t size = a.size() + b.size();
  if (size <= Str::kInlineBytesMax) {
    char bytes[Str::kInlineBytesMax];
    a.copy(bytes, a.size());
    b.copy(bytes + a.size(), b.size());
    return Str(View(bytes, size));
  }
  char* bytes = static_cast<char*>(row.arena().allocate(size, 1));
  a.copy(bytes, a.size());
  b.copy(bytes + a.size(), b.size());
  return Str(View(bytes, size));
}
Str concat(View a, View b, Row& row) { return joined(a, b, row); }

View without_blanks(View text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}
int32_t length(View text) { return static_cast<int32_t>(utf8::count(text)); }
int32_t length_bpchar(View text) { return length(without_blanks(text)); }
int32_t octets(View text) { return static_cast<int32_t>(text.size()); }
int32_t bits(View text) { return static_cast<int32_t>(text.size() * 8); }

template <void (*Map)(View, std::string&)>
Str mapped(View text, Row& row) {
  std::string out;
  out.reserve(text.size());
  Map(text, out);
  return row.text(out);
}

// lower() and upper(): ASCII goes straight to where it stays.
template <char First, char Last, void (*Map)(View, std::string&)>
Str turned(View text, Row& row) {
  char few[Str::kInlineBytesMax];
  const bool is_short = text.size() <= sizeof(few);
  char* to = is_short ? few : static_cast<char*>(row.arena().allocate(text.size(), 1));
  if (utf8::turn_ascii<First, Last>(text, to)) return Str(View(to, text.size()));
  return mapped<Map>(text, row);
}

View slice(View text, int64_t start, int64_t end) {  // 1-based characters [start, end)
  start = std::max<int64_t>(start, 1);
  if (end <= start) return {};
  const size_t from = utf8::offset(text, static_cast<size_t>(start - 1));
  const View rest = text.substr(from);
  return rest.substr(0, utf8::offset(rest, static_cast<size_t>(end - start)));
}
Str substring(View text, int32_t start, int32_t count, Row& row) {
  if (count < 0) return row.fail(negative_length());
  return Str(slice(text, start, int64_t{start} + count));
}
Str substring_from(View text, int32_t start, Row&) { return Str(slice(text, start, INT64_MAX)); }

int32_t position(View text, View part) {
  const size_t at = find_text(text, part, 0);
  return at == View::npos ? 0 : length(text.substr(0, at)) + 1;
}
bool starts_with(View text, View prefix) { return text.substr(0, prefix.size()) == prefix; }

enum class Side : uint8_t { left = 1, right = 2, both = 3 };
bool is_in(View character, View set) {
  for (size_t at = 0; at < set.size();) {
    const size_t bytes = utf8::width(set, at);
    if (set.substr(at, bytes) == character) return true;
    at += bytes;
  }
  return false;
}
View trimmed(View text, View set, Side side) {
  const auto sides = static_cast<uint8_t>(side);
  while ((sides & 1) != 0 && !text.empty()) {
    const size_t bytes = utf8::width(text, 0);
    if (!is_in(text.substr(0, bytes), set)) break;
    text.remove_prefix(bytes);
  }
  while ((sides & 2) != 0 && !text.empty()) {
    size_t at = text.size() - 1;
    while (at > 0 && !utf8::is_lead(text[at])) --at;
    if (!is_in(text.substr(at), set)) break;
    text.remove_suffix(text.size() - at);
  }
  return text;
}
template <Side S>
Str trim_set(View text, View set, Row&) {
  return Str(trimmed(text, set, S));
}
template <Side S>
Str trim_blanks(View text, Row&) {
  return Str(trimmed(text, " ", S));
}

Str replace(View text, View from, View to, Row& row) {
  if (from.empty()) return Str(text);
  size_t at = find_text(text, from, 0);
  if (at == View::npos) return Str(text);
  std::string out;
  size_t begin = 0;
  for (; at != View::npos; at = find_text(text, from, begin)) {
    out.append(text, begin, at - begin).append(to);
    begin = at + from.size();
  }
  out.append(text, begin);
  if (out.size() > kTextBytesMax) return row.fail(too_long());
  return row.text(out);
}

// Separators of one byte are found many at a time.
Str split_at_byte(View text, char separator, int64_t wanted) {
  int64_t seen = 0;
  size_t begin = 0;
  if (wanted > 1) {
    begin = find_nth(text, separator, 0, wanted - 1, seen);
    if (begin == View::npos) return Str();
    ++begin;
  }
  const size_t end = find_nth(text, separator, begin, 1, seen);
  return Str(text.substr(begin, end == View::npos ? end : end - begin));
}

Str split_part(View text, View separator, int32_t field, Row& row) {
  if (field == 0) return row.fail(invalid_parameter_value("field position must not be zero"));
  if (text.empty()) return Str();
  if (separator.empty()) return field == 1 || field == -1 ? Str(text) : Str();
  // From the end: separators are found from the left, so they are counted first.
  int64_t wanted = field;
  if (field < 0) {
    int64_t parts = 1;
    for (size_t at = find_text(text, separator, 0); at != View::npos;
         at = find_text(text, separator, at + separator.size())) {
      ++parts;
    }
    wanted = parts + field + 1;
    if (wanted < 1) return Str();
  }
  if (separator.size() == 1) return split_at_byte(text, separator[0], wanted);
  size_t begin = 0;
  for (int64_t part = 1;; ++part) {
    const size_t at = find_text(text, separator, begin);
    if (part == wanted) return Str(text.substr(begin, at == View::npos ? at : at - begin));
    if (at == View::npos) return Str();
    begin = at + separator.size();
  }
}

Str left(View text, int32_t count, Row&) {
  if (count >= 0) return Str(slice(text, 1, int64_t{count} + 1));
  return Str(slice(text, 1, int64_t{length(text)} + count + 1));
}
Str right(View text, int32_t count, Row&) {
  const int64_t skip = count >= 0 ? int64_t{length(text)} - count : -int64_t{count};
  return Str(slice(text, skip + 1, INT64_MAX));
}

template <Side S>
Str pad(View text, int32_t wanted, View fill, Row& row) {
  const int64_t target = std::max<int32_t>(wanted, 0);
  const int64_t have = length(text);
  if (have >= target) return Str(slice(text, 1, target + 1));
  if (fill.empty()) return Str(text);
  if (target * 4 > static_cast<int64_t>(kTextBytesMax)) return row.fail(too_long());
  std::string padding;
  for (int64_t missing = target - have, at = 0; missing > 0; --missing) {
    const size_t bytes = utf8::width(fill, static_cast<size_t>(at));
    padding.append(fill, static_cast<size_t>(at), bytes);
    at = (at + static_cast<int64_t>(bytes)) % static_cast<int64_t>(fill.size());
  }
  return S == Side::left ? joined(padding, text, row) : joined(text, padding, row);
}
template <Side S>
Str pad_blanks(View text, int32_t wanted, Row& row) {
  return pad<S>(text, wanted, " ", row);
}

Str repeat(View text, int32_t count, Row& row) {
  if (count <= 0 || text.empty()) return Str();
  if (text.size() * static_cast<size_t>(count) > kTextBytesMax) return row.fail(too_long());
  std::string out;
  out.reserve(text.size() * static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) out.append(text);
  return row.text(out);
}
Str reverse(View text, Row& row) {
  std::string out;
  out.reserve(text.size());
  for (size_t end = text.size(); end > 0;) {
    size_t at = end - 1;
    while (at > 0 && !utf8::is_lead(text[at])) --at;
    out.append(text, at, end - at);
    end = at;
  }
  return row.text(out);
}
Str translate(View text, View from, View to, Row& row) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = utf8::width(text, at);
    const View character = text.substr(at, bytes);
    at += bytes;
    size_t index = 0, f = 0;
    while (f < from.size() && from.substr(f, utf8::width(from, f)) != character) {
      f += utf8::width(from, f);
      ++index;
    }
    if (f >= from.size()) {
      out.append(character);
      continue;
    }
    const size_t t = utf8::offset(to, index);
    if (t < to.size()) out.append(to, t, utf8::width(to, t));
  }
  return row.text(out);
}
Str overlay(View text, View with, int32_t start, int32_t count, Row& row) {
  if (start <= 0) return row.fail(negative_length());
  int32_t after;
  if (__builtin_add_overflow(start, count, &after)) {
    return row.fail(numeric_value_out_of_range("integer out of range"));
  }
  std::string out(slice(text, 1, start));
  out.append(with).append(slice(text, after, INT64_MAX));
  return row.text(out);
}
Str overlay_whole(View text, View with, int32_t start, Row& row) {
  return overlay(text, with, start, length(with), row);
}

int32_t ascii(View text) {
  return text.empty() ? 0
                      : static_cast<int32_t>(utf8::decode(text.substr(0, utf8::width(text, 0))));
}
Str chr(int32_t code, Row& row) {
  if (code == 0) return row.fail(program_limit_exceeded("null character not permitted"));
  if (code < 0) return row.fail(invalid_parameter_value("character number must be positive"));
  if (code > 0x10ffff) {
    return row.fail(program_limit_exceeded(
        fmt::format("requested character too large for encoding: {}", code)));
  }
  if (code >= 0xd800 && code <= 0xdfff) {
    return row.fail(program_limit_exceeded(
        fmt::format("requested character not valid for encoding: {}", code)));
  }
  std::string out;
  utf8::append(static_cast<char32_t>(code), out);
  return row.text(out);
}
template <typename T>
Str to_hex(T value, Row& row) {
  return row.text(fmt::format("{:x}", static_cast<std::make_unsigned_t<T>>(value)));
}

// unistr(): \XXXX, \+XXXXXX, \uXXXX, \UXXXXXXXX and a doubled backslash.
Str unistr(View text, Row& row) {
  std::string out;
  char32_t high = 0;  // first half of a surrogate pair
  const auto pair_error = [&] { return row.fail(syntax_error("invalid Unicode surrogate pair")); };
  for (size_t at = 0; at < text.size();) {
    if (text[at] != '\\' || (at + 1 < text.size() && text[at + 1] == '\\')) {
      if (high != 0) return pair_error();
      out.push_back(text[at]);
      at += text[at] == '\\' ? 2U : 1U;
      continue;
    }
    size_t skip = 1, digits = 4;
    const char kind = at + 1 < text.size() ? text[at + 1] : '\0';
    if (kind == '+') skip = 2, digits = 6;
    if (kind == 'u') skip = 2;
    if (kind == 'U') skip = 2, digits = 8;
    uint64_t code = 0;
    bool good = at + skip + digits <= text.size();
    for (size_t i = 0; good && i < digits; ++i) {
      const char c = text[at + skip + i];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      good = digit >= 0;
      code = code * 16 + static_cast<uint64_t>(good ? digit : 0);
    }
    if (!good) {
      return row.fail(syntax_error("invalid Unicode escape")
                          .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or "
                                     "\\UXXXXXXXX."));
    }
    at += skip + digits;
    if (code == 0 || code > 0x10ffff) {
      return row.fail(syntax_error("invalid Unicode code point: " + fmt::format("{:04X}", code)));
    }
    auto character = static_cast<char32_t>(code);
    const bool second = character >= 0xdc00 && character <= 0xdfff;
    if (second != (high != 0)) return pair_error();
    if (character >= 0xd800 && character <= 0xdbff) {
      high = character;
      continue;
    }
    if (second) {
      character = 0x10000 + ((high - 0xd800) << 10) + (character - 0xdc00);
      high = 0;
    }
    utf8::append(character, out);
  }
  if (high != 0) return pair_error();
  return row.text(out);
}

}  // namespace

void declare_text(Declarations& d) {
  d.add(1258, "textcat(text,text) text", each<concat>());
  d.add(1317, "length(text) int4", each<length>());
  d.add(1257, "textlen(text) int4", each<length>());
  d.add(1381, "char_length(text) int4", each<length>());
  d.add(1369, "character_length(text) int4", each<length>());
  d.add(1318, "length(bpchar) int4", each<length_bpchar>());
  d.add(1372, "char_length(bpchar) int4", each<length_bpchar>());
  d.add(1367, "character_length(bpchar) int4", each<length_bpchar>());
  d.add(1374, "octet_length(text) int4", each<octets>());
  d.add(1375, "octet_length(bpchar) int4", each<octets>());
  d.add(1811, "bit_length(text) int4", each<bits>());
  d.add(870, "lower(text) text", each<turned<'A', 'Z', utf8::append_lower>>());
  d.add(871, "upper(text) text", each<turned<'a', 'z', utf8::append_upper>>());
  d.add(872, "initcap(text) text", each<mapped<utf8::append_initcap>>());
  d.add(936, "substring(text,int4,int4) text", each<substring>());
  d.add(937, "substring(text,int4) text", each<substring_from>());
  d.add(877, "substr(text,int4,int4) text", each<substring>());
  d.add(883, "substr(text,int4) text", each<substring_from>());
  d.add(849, "position(text,text) int4", each<position>());
  d.add(868, "strpos(text,text) int4", each<position>());
  d.add(3696, "starts_with(text,text) bool", each<starts_with>());
  d.add(884, "btrim(text,text) text", each<trim_set<Side::both>>());
  d.add(885, "btrim(text) text", each<trim_blanks<Side::both>>());
  d.add(875, "ltrim(text,text) text", each<trim_set<Side::left>>());
  d.add(881, "ltrim(text) text", each<trim_blanks<Side::left>>());
  d.add(876, "rtrim(text,text) text", each<trim_set<Side::right>>());
  d.add(882, "rtrim(text) text", each<trim_blanks<Side::right>>());
  d.add(2087, "replace(text,text,text) text", each<replace>());
  d.add(2088, "split_part(text,text,int4) text", each<split_part>());
  d.add(3060, "left(text,int4) text", each<left>());
  d.add(3061, "right(text,int4) text", each<right>());
  d.add(873, "lpad(text,int4,text) text", each<pad<Side::left>>());
  d.add(879, "lpad(text,int4) text", each<pad_blanks<Side::left>>());
  d.add(874, "rpad(text,int4,text) text", each<pad<Side::right>>());
  d.add(880, "rpad(text,int4) text", each<pad_blanks<Side::right>>());
  d.add(1622, "repeat(text,int4) text", each<repeat>());
  d.add(3062, "reverse(text) text", each<reverse>());
  d.add(878, "translate(text,text,text) text", each<translate>());
  d.add(1404, "overlay(text,text,int4,int4) text", each<overlay>());
  d.add(1405, "overlay(text,text,int4) text", each<overlay_whole>());
  d.add(1620, "ascii(text) int4", each<ascii>());
  d.add(1621, "chr(int4) text", each<chr>());
  d.add(2089, "to_hex(int4) text", each<to_hex<int32_t>>());
  d.add(2090, "to_hex(int8) text", each<to_hex<int64_t>>());
  d.add(6198, "unistr(text) text", each<unistr>());
}

}  // namespace qw::sql
