// CopyRows: see copy_rows.h.
#include "ingest/postgres/copy_rows.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/base/bytes.h"
#include "src/types/binary.h"
#include "src/types/str.h"

namespace qw::ingest {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kSignature = "PGCOPY\n\377\r\n\0"sv;
constexpr size_t kHeaderBytes = 19;  // signature, flags, size of an extension
constexpr int16_t kTrailer = -1;

// Undoes COPY's escapes; `out` is the caller's buffer.
std::string_view unescape(std::string_view field, std::string& out) {
  if (field.find('\\') == std::string_view::npos) return field;
  out.clear();
  for (size_t at = 0; at < field.size(); at++) {
    if (field[at] != '\\' || at + 1 == field.size()) {
      out += field[at];
      continue;
    }
    at++;
    switch (field[at]) {
      case 'b':
        out += '\b';
        break;
      case 'f':
        out += '\f';
        break;
      case 'n':
        out += '\n';
        break;
      case 'r':
        out += '\r';
        break;
      case 't':
        out += '\t';
        break;
      case 'v':
        out += '\v';
        break;
      default:
        out += field[at];
        break;  // NOLINT: any other character stands for itself
    }
  }
  return out;
}

Error bad_column_count() {
  return protocol_violation("COPY sent a row with another number of columns");
}

}  // namespace

CopyRows::CopyRows(std::vector<Column> columns) : columns_(std::move(columns)) {
  for (uint32_t index = 0; index < columns_.size(); index++) {
    const Column& column = columns_[index];
    text_.emplace_back(index, column.type, true);
    binary_ = binary_ && column.type.oid() == column.type_oid;
  }
}

Result<bool> CopyRows::read(std::string_view message, TableWriter& writer) {
  if (!binary_) {
    if (!message.empty() && message.back() == '\n') message.remove_suffix(1);
    QW_TRY(read_text(message, writer, writer.add(RowOp::insert)));
    return true;
  }
  if (!begun_) {
    // It comes with the first row, or with the trailer.
    if (message.size() < kHeaderBytes || !message.starts_with(kSignature)) {
      return fail(protocol_violation("COPY sent no binary signature"));
    }
    begun_ = true;
    message.remove_prefix(kHeaderBytes);
    if (message.empty()) return false;
  }
  if (message.size() < sizeof(int16_t)) return fail(bad_column_count());
  const auto count = load_be<int16_t>(message.data());
  message.remove_prefix(sizeof(int16_t));
  if (count == kTrailer && message.empty()) return false;
  if (count < 0 || static_cast<size_t>(count) != columns_.size()) return fail(bad_column_count());
  QW_TRY(read_binary(message, writer, writer.add(RowOp::insert)));
  return true;
}

Result<void> CopyRows::read_text(std::string_view line, TableWriter& writer, uint32_t row) {
  for (size_t index = 0; index < columns_.size(); index++) {
    const size_t tab = line.find('\t');
    if ((tab == std::string_view::npos) != (index + 1 == columns_.size())) {
      return fail(bad_column_count());
    }
    const std::string_view field = line.substr(0, tab);
    if (tab != std::string_view::npos) line.remove_prefix(tab + 1);
    if (field == "\\N") continue;
    if (auto parsed = text_[index].parse(unescape(field, buffer_), writer, row); !parsed) {
      return fail(std::move(parsed.error()).in(fmt::format("column \"{}\"", columns_[index].name)));
    }
  }
  return {};
}

Result<void> CopyRows::read_binary(std::string_view fields, TableWriter& writer, uint32_t row) {
  for (uint32_t index = 0; index < columns_.size(); index++) {
    if (fields.size() < sizeof(int32_t)) return fail(bad_column_count());
    const auto size = load_be<int32_t>(fields.data());
    fields.remove_prefix(sizeof(int32_t));
    if (size < 0) continue;  // NULL
    if (fields.size() < static_cast<size_t>(size)) return fail(bad_column_count());
    const std::string_view value = fields.substr(0, static_cast<size_t>(size));
    fields.remove_prefix(value.size());
    const Type& type = columns_[index].type;
    if (type.id == TypeId::text) {  // checked upstream
      writer.set(index, row, Str::copy(value, writer.arena()));
      continue;
    }
    if (auto parsed = parse_binary_into(writer.column(index), row, value, writer.arena());
        !parsed) {
      return fail(std::move(parsed.error()).in(fmt::format("column \"{}\"", columns_[index].name)));
    }
    writer.set_valid(index, row);
  }
  if (!fields.empty()) return fail(bad_column_count());
  return {};
}

}  // namespace qw::ingest
