// Casts between the string types, and their lengths: varchar(n), char(n), name.
// Tests: tests/unit/sql_expr/cases/text_cast.tsv.
#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/expr/utf8.h"
#include "src/base/limits.h"

namespace qw::sql {
namespace {

using View = std::string_view;

View without_blanks(View text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}
Str bpchar_to_text(View text, Row&) { return Str(without_blanks(text)); }
Str same(View text, Row&) { return Str(text); }
// Names hold 63 bytes; a longer one is cut between characters.
Str text_to_name(View text, Row&) {
  size_t size = std::min<size_t>(text.size(), limits::kNameBytesMax);
  while (size < text.size() && size > 0 && !utf8::is_lead(text[size])) --size;
  return Str(text.substr(0, size));
}
Str bpchar_to_name(View text, Row& row) { return text_to_name(without_blanks(text), row); }

Str char_to_text(int8_t value, Row& row) {
  const char byte = static_cast<char>(value);
  if (byte == '\0') return Str();
  if (value > 0) return Str(View(&byte, 1));
  const auto bits = static_cast<unsigned char>(byte);
  return row.text(fmt::format("\\{}{}{}", bits >> 6, (bits >> 3) & 7, bits & 7));
}
int8_t text_to_char(View text, Row&) {
  const auto octal = [&](size_t i, char top) { return text[i] >= '0' && text[i] <= top; };
  if (text.size() == 4 && text[0] == '\\' && octal(1, '3') && octal(2, '7') && octal(3, '7')) {
    return static_cast<int8_t>(((text[1] - '0') << 6) + ((text[2] - '0') << 3) + (text[3] - '0'));
  }
  return text.empty() ? int8_t{0} : static_cast<int8_t>(text[0]);
}

Error too_long(const char* type, int32_t length) {
  return string_data_right_truncation(fmt::format("value too long for type {}({})", type, length));
}
Str varchar_length(View text, int32_t typmod, bool is_explicit, Row& row) {
  const int32_t length = typmod_length(typmod);
  if (typmod < 4 || text.size() <= static_cast<size_t>(length)) return Str(text);
  const size_t keep = utf8::offset(text, static_cast<size_t>(length));
  if (!is_explicit && text.find_first_not_of(' ', keep) != View::npos) {
    return row.fail(too_long("character varying", length));
  }
  return Str(text.substr(0, keep));
}
Str bpchar_length(View text, int32_t typmod, bool is_explicit, Row& row) {
  if (typmod < 4) return Str(text);
  const auto length = static_cast<size_t>(typmod_length(typmod));
  const size_t have = utf8::count(text);
  if (have == length) return Str(text);
  if (have < length) {
    std::string out(text);
    out.append(length - have, ' ');
    return row.text(out);
  }
  const size_t keep = utf8::offset(text, length);
  if (!is_explicit && text.find_first_not_of(' ', keep) != View::npos) {
    return row.fail(too_long("character", static_cast<int32_t>(length)));
  }
  return Str(text.substr(0, keep));
}

}  // namespace

void declare_text_cast(Declarations& d) {
  d.add(401, "text(bpchar) text", each<bpchar_to_text>());
  d.add(406, "text(name) text", each<same>());
  d.add(407, "name(text) name", each<text_to_name>());
  d.add(408, "bpchar(name) bpchar", each<same>());
  d.add(409, "name(bpchar) name", each<bpchar_to_name>());
  d.add(1401, "varchar(name) varchar", each<same>());
  d.add(1400, "name(varchar) name", each<text_to_name>());
  d.add(946, "text(char) text", each<char_to_text>());
  d.add(860, "bpchar(char) bpchar", each<char_to_text>());
  d.add(944, "char(text) char", each<text_to_char>());
  d.add(669, "varchar(varchar,int4,bool) varchar", each<varchar_length>());
  d.add(668, "bpchar(bpchar,int4,bool) bpchar", each<bpchar_length>());
  d.add(0, "#length(varchar,int4,bool) varchar", each<varchar_length>());
  d.add(0, "#length(bpchar,int4,bool) bpchar", each<bpchar_length>());
}

}  // namespace qw::sql
