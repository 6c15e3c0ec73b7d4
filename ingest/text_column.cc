// TextColumn: see text_column.h.
#include "ingest/text_column.h"

#include <charconv>
#include <cstring>

#include "src/types/str.h"

namespace qw::ingest {

namespace {

template <typename T>
bool parse_integer(std::string_view text, TableWriter& writer, uint32_t column, uint32_t row) {
  T number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (code != std::errc() || end != text.data() + text.size()) return false;
  writer.set(column, row, number);
  return true;
}

}  // namespace

TextColumn::TextColumn(uint32_t column, Type type, bool checked) : column_(column) {
  if (type.id == TypeId::int2) way_ = Way::int2;
  if (type.id == TypeId::int4) way_ = Way::int4;
  if (type.id == TypeId::int8) way_ = Way::int8;
  if (type.id == TypeId::boolean) way_ = Way::boolean;
  if (type.id == TypeId::text) way_ = Way::plain;
  if (type.id == TypeId::varchar && (checked || type.typmod < 0)) way_ = Way::plain;
}

Result<void> TextColumn::parse(std::string_view text, TableWriter& writer, uint32_t row) const {
  switch (way_) {
    case Way::int2:
      if (parse_integer<int16_t>(text, writer, column_, row)) return {};
      break;
    case Way::int4:
      if (parse_integer<int32_t>(text, writer, column_, row)) return {};
      break;
    case Way::int8:
      if (parse_integer<int64_t>(text, writer, column_, row)) return {};
      break;
    case Way::boolean:
      if (text == "t" || text == "f") {
        writer.set(column_, row, text == "t");
        return {};
      }
      break;
    case Way::plain:
      writer.set(column_, row, Str::copy(text, writer.arena()));
      return {};
    case Way::general:
      break;
  }
  static const TextStyle style;
  QW_TRY(parse_text_into(writer.column(column_), row, text, style, writer.arena()));
  writer.set_valid(column_, row);
  return {};
}

Result<void> check_utf8(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<unsigned char>(text[at]); };
  for (size_t at = 0; at < text.size();) {
    const unsigned char first = byte(at);
    size_t size = 1;
    uint32_t low = 0;
    if (first < 0x80 && first != 0) {
      at++;
      continue;
    }
    uint32_t code = 0;
    if (first >= 0xc2 && first <= 0xdf) {
      size = 2, code = first & 0x1fU, low = 0x80;
    } else if (first >= 0xe0 && first <= 0xef) {
      size = 3, code = first & 0x0fU, low = 0x800;
    } else if (first >= 0xf0 && first <= 0xf4) {
      size = 4, code = first & 0x07U, low = 0x10000;
    }
    bool good = size > 1 && at + size <= text.size();
    for (size_t n = 1; good && n < size; n++) {
      good = (byte(at + n) & 0xc0U) == 0x80U;
      code = code << 6U | (byte(at + n) & 0x3fU);
    }
    good = good && code >= low && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
    if (!good) {
      return fail(character_not_in_repertoire(
          fmt::format("invalid byte sequence for encoding \"UTF8\": 0x{:02x}", first)));
    }
    at += size;
  }
  return {};
}

}  // namespace qw::ingest
