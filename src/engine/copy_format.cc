// COPY's text and csv formats: see copy_format.h.
#include "src/engine/copy_format.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/bytes.h"
#include "src/base/utf8.h"
#include "src/types/binary.h"

namespace qw::engine {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Appends what the escape at text[i] (a backslash) stands for; returns the index behind it.
size_t append_unescaped(std::string_view text, size_t i, std::string& out) {
  if (++i >= text.size()) {
    out += '\\';
    return i;
  }
  const char c = text[i++];
  switch (c) {
    case 'b':
      out += '\b';
      return i;
    case 'f':
      out += '\f';
      return i;
    case 'n':
      out += '\n';
      return i;
    case 'r':
      out += '\r';
      return i;
    case 't':
      out += '\t';
      return i;
    case 'v':
      out += '\v';
      return i;
    case 'x': {
      int value = 0, digits = 0;
      while (digits < 2 && i < text.size() && hex_value(text[i]) >= 0) {
        value = value * 16 + hex_value(text[i++]);
        ++digits;
      }
      out += digits == 0 ? 'x' : static_cast<char>(value);
      return i;
    }
    default:
      break;
  }
  if (c >= '0' && c <= '7') {
    int value = c - '0';
    for (int digits = 1; digits < 3 && i < text.size() && text[i] >= '0' && text[i] <= '7';
         ++digits) {
      value = value * 8 + (text[i++] - '0');
    }
    out += static_cast<char>(value & 0xff);
    return i;
  }
  out += c;
  return i;
}

}  // namespace

CopyReader::CopyReader(CopyOptions options, std::string table, Schema columns, TextStyle style,
                       OnBatch on_batch)
    : options_(std::move(options)),
      table_(std::move(table)),
      columns_(std::move(columns)),
      style_(std::move(style)),
      on_batch_(std::move(on_batch)) {
  fields_.resize(columns_.size());
  options_.force_not_null.resize(columns_.size());
  options_.force_null.resize(columns_.size());
  start_batch();
}

void CopyReader::start_batch() {
  arena_.reset();
  batch_ = Batch();
  for (const Column& column : columns_.columns) {
    batch_.columns.push_back(Vector::flat(column.type, kBatchRowsMax, arena_));
  }
}

Error CopyReader::located(Error error, size_t column, std::string_view value) const {
  std::string where = fmt::format("COPY {}, line {}", table_, line_);
  if (column < columns_.size()) {
    where += fmt::format(", column {}: \"{}\"", columns_.columns[column].name, value);
  }
  std::string detail = error.detail().empty() ? where : error.detail() + " " + where;
  return std::move(error).with_detail(std::move(detail));
}

namespace {

constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);

template <typename T>
std::optional<T> take_be(std::string_view& rest) {
  if (rest.size() < sizeof(T)) return std::nullopt;
  const T value = load_be<T>(rest.data());
  rest.remove_prefix(sizeof(T));
  return value;
}

}  // namespace

Result<void> CopyReader::feed_binary(std::string_view bytes) {
  if (ended_) return fail(bad_copy_file_format("received copy data after EOF marker"));
  pending_ += bytes;
  std::string_view rest = pending_;
  while (!ended_) {
    QW_ASSIGN_OR_RETURN(const bool taken, take_tuple(rest));
    if (!taken) break;
  }
  if (ended_ && !rest.empty()) {
    return fail(bad_copy_file_format("received copy data after EOF marker"));
  }
  pending_.erase(0, pending_.size() - rest.size());
  return {};
}

Result<bool> CopyReader::take_tuple(std::string_view& rest) {
  std::string_view at = rest;
  if (!begun_) {
    if (at.size() < kSignature.size() + 8) return false;
    if (!at.starts_with(kSignature)) {
      return fail(bad_copy_file_format("COPY file signature not recognized"));
    }
    at.remove_prefix(kSignature.size());
    const uint32_t flags = *take_be<uint32_t>(at);
    if ((flags & 0xffff0000U) != 0) {
      return fail(bad_copy_file_format("unrecognized critical flags in COPY file header"));
    }
    const uint32_t extension = *take_be<uint32_t>(at);
    if (at.size() < extension) return false;
    at.remove_prefix(extension);
    begun_ = true;
    rest = at;
    return true;
  }
  const auto count = take_be<int16_t>(at);
  if (!count) return false;
  if (*count == -1) {
    ended_ = true;
    rest = at;
    return true;
  }
  line_ = rows_total_ + 1;
  if (*count != static_cast<int16_t>(columns_.size())) {
    return fail(located(bad_copy_file_format(fmt::format("row field count is {}, expected {}",
                                                         *count, columns_.size())),
                        columns_.size(), ""));
  }
  // All of the tuple first: its values go into the batch once it is whole.
  for (Field& field : fields_) {
    const auto size = take_be<int32_t>(at);
    if (!size) return false;
    field.null = *size == -1;
    field.text = {};
    if (field.null) continue;
    if (*size < 0) return fail(bad_copy_file_format("invalid field size"));
    if (at.size() < static_cast<size_t>(*size)) return false;
    field.text = at.substr(0, static_cast<size_t>(*size));
    at.remove_prefix(static_cast<size_t>(*size));
  }
  QW_TRY(add_row());
  rest = at;
  return true;
}

Result<void> CopyReader::feed(std::string_view bytes) {
  if (options_.format == CopyOptions::Format::binary) return feed_binary(bytes);
  if (ended_) return {};
  std::string joined;
  std::string_view rest = bytes;
  if (!pending_.empty()) {
    joined = std::move(pending_);
    joined += bytes;
    rest = joined;
  }
  while (!rest.empty() && !ended_) {
    QW_ASSIGN_OR_RETURN(const bool taken, take_line(rest, false));
    if (!taken) break;
  }
  pending_ = ended_ ? std::string() : std::string(rest);
  return {};
}

Result<void> CopyReader::finish() {
  if (options_.format == CopyOptions::Format::binary) {
    if (!pending_.empty() || (!begun_ && !ended_)) {
      return fail(bad_copy_file_format(begun_ ? "unexpected EOF in COPY data"
                                              : "COPY file signature not recognized"));
    }
    return flush();
  }
  const std::string last = std::move(pending_);
  std::string_view rest = last;
  while (!rest.empty() && !ended_) QW_TRY(take_line(rest, true));
  return flush();
}

// Handles one complete line of `rest`; false when there is none yet.
Result<bool> CopyReader::take_line(std::string_view& rest, bool at_end) {
  if (options_.format == CopyOptions::Format::csv) return take_csv_line(rest, at_end);
  // A newline that a backslash precedes is data; count backslashes before it.
  size_t end = 0;
  while (true) {
    end = rest.find('\n', end);
    if (end == std::string_view::npos) break;
    size_t backslashes = 0;
    while (backslashes < end && rest[end - 1 - backslashes] == '\\') ++backslashes;
    if (backslashes % 2 == 0) break;
    ++end;
  }
  if (end == std::string_view::npos && !at_end) return false;
  std::string_view line = rest.substr(0, end);
  // With the newline, which PostgreSQL shows when a character breaks off there.
  const std::string_view whole =
      rest.substr(0, end == std::string_view::npos ? rest.size() : end + 1);
  rest = rest.substr(whole.size());
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  ++line_;
  if (line == "\\.") {
    ended_ = true;
    return true;
  }
  if (options_.header && line_ == 1) return true;
  if (auto valid = check_utf8(whole); !valid) {
    return fail(located(std::move(valid).error(), fields_.size(), ""));
  }
  QW_TRY(text_line(line));
  return true;
}

Result<void> CopyReader::text_line(std::string_view line) {
  size_t column = 0, start = 0;
  unescaped_.clear();
  // Room for all of the line, so that views into unescaped_ stay where they are.
  unescaped_.reserve(line.size());
  for (size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '\\') {
      ++i;  // whatever follows is no delimiter
      continue;
    }
    if (i < line.size() && line[i] != options_.delimiter) continue;
    const std::string_view raw = line.substr(start, std::min(i, line.size()) - start);
    start = i + 1;
    if (column >= fields_.size()) {
      return fail(located(bad_copy_file_format("extra data after last expected column"),
                          fields_.size(), ""));
    }
    Field& field = fields_[column++];
    field.null = raw == options_.null_text;
    field.text = raw;
    if (!field.null && std::memchr(raw.data(), '\\', raw.size()) != nullptr) {
      const size_t from = unescaped_.size();
      for (size_t k = 0; k < raw.size();) {
        if (raw[k] == '\\') {
          k = append_unescaped(raw, k, unescaped_);
        } else {
          unescaped_ += raw[k++];
        }
      }
      field.text = std::string_view(unescaped_).substr(from);
      if (auto valid = check_utf8(field.text); !valid) {
        return fail(located(std::move(valid).error(), fields_.size(), ""));
      }
    }
  }
  if (column < fields_.size()) return missing_data(column);
  return add_row();
}

Result<bool> CopyReader::take_csv_line(std::string_view& rest, bool at_end) {
  unescaped_.clear();
  unescaped_.reserve(rest.size());
  size_t column = 0, i = 0;
  ++line_;
  if (rest == "\\." || rest.starts_with("\\.\n") || rest.starts_with("\\.\r\n")) {
    ended_ = true;
    return true;
  }
  const bool skip = options_.header && line_ == 1;
  bool done = false;
  while (!done) {
    const size_t from = unescaped_.size();
    bool quoted = false, was_quoted = false, field_end = false;
    while (!field_end) {
      if (i >= rest.size()) {
        if (!at_end) {
          --line_;
          return false;
        }
        if (quoted) {
          return fail(
              located(bad_copy_file_format("unterminated CSV quoted field"), fields_.size(), ""));
        }
        field_end = done = true;
        break;
      }
      const char c = rest[i];
      if (quoted) {
        if (c == options_.escape && i + 1 < rest.size() &&
            (rest[i + 1] == options_.quote || rest[i + 1] == options_.escape)) {
          unescaped_ += rest[i + 1];
          i += 2;
          continue;
        }
        if (c == options_.escape && i + 1 >= rest.size() && !at_end) {
          --line_;
          return false;
        }
        if (c == options_.quote)
          quoted = false;
        else
          unescaped_ += c;
        ++i;
        continue;
      }
      if (c == options_.quote) {
        quoted = was_quoted = true;
      } else if (c == options_.delimiter) {
        field_end = true;
      } else if (c == '\n') {
        field_end = done = true;
      } else if (c == '\r' && (i + 1 == rest.size() || rest[i + 1] == '\n')) {
        if (i + 1 == rest.size() && !at_end) {
          --line_;
          return false;
        }
      } else {
        unescaped_ += c;
      }
      ++i;
    }
    if (skip) continue;
    if (column >= fields_.size()) {
      return fail(located(bad_copy_file_format("extra data after last expected column"),
                          fields_.size(), ""));
    }
    Field& field = fields_[column];
    field.text = std::string_view(unescaped_).substr(from);
    field.null =
        field.text == options_.null_text && ((!was_quoted && !options_.force_not_null[column]) ||
                                             (was_quoted && options_.force_null[column]));
    ++column;
  }
  const std::string_view line = rest.substr(0, i);
  rest = rest.substr(i);
  if (skip) return true;
  if (auto valid = check_utf8(line); !valid) {
    return fail(located(std::move(valid).error(), fields_.size(), ""));
  }
  if (column < fields_.size()) return missing_data(column);
  QW_TRY(add_row());
  return true;
}

// A line that ends early; what is wrong with the fields that are there comes first.
tl::unexpected<Error> CopyReader::missing_data(size_t column) {
  if (auto parsed = parse_fields(column); !parsed) return fail(std::move(parsed).error());
  return fail(located(bad_copy_file_format(fmt::format("missing data for column \"{}\"",
                                                       columns_.columns[column].name)),
                      fields_.size(), ""));
}

// The first `count` fields into the batch's next row.
Result<void> CopyReader::parse_fields(size_t count) {
  const uint32_t row = batch_.rows;
  for (size_t c = 0; c < count; ++c) {
    Vector& vector = batch_.columns[c];
    if (fields_[c].null) {
      vector.set_null(row, kBatchRowsMax, arena_);
      std::memset(static_cast<char*>(vector.data) + size_t{vector.type.bytes()} * row, 0,
                  vector.type.bytes());
      continue;
    }
    const bool binary = options_.format == CopyOptions::Format::binary;
    auto parsed = binary ? parse_binary_into(vector, row, fields_[c].text, arena_)
                         : parse_text_into(vector, row, fields_[c].text, style_, arena_);
    if (!parsed && binary) return fail(located(std::move(parsed).error(), columns_.size(), ""));
    if (!parsed) return fail(located(std::move(parsed).error(), c, fields_[c].text));
  }
  return {};
}

Result<void> CopyReader::add_row() {
  QW_TRY(parse_fields(fields_.size()));
  ++rows_total_;
  if (++batch_.rows == kBatchRowsMax) return flush();
  return {};
}

Result<void> CopyReader::flush() {
  if (batch_.rows == 0) return {};
  QW_TRY(on_batch_(batch_));
  start_batch();
  return {};
}

CopyWriter::CopyWriter(CopyOptions options, Schema columns, TextStyle style)
    : options_(std::move(options)), columns_(std::move(columns)), style_(std::move(style)) {
  options_.force_quote.resize(columns_.size());
}

void CopyWriter::header(std::string& out) const {
  for (size_t c = 0; c < columns_.size(); ++c) {
    if (c != 0) out += options_.delimiter;
    out += columns_.columns[c].name;
  }
  out += '\n';
}

void CopyWriter::begin(std::string& out) const {
  out.append("PGCOPY\n\377\r\n\0", 11);
  qw::append_be<int32_t>(out, 0);
  qw::append_be<int32_t>(out, 0);
}

void CopyWriter::end(std::string& out) const { qw::append_be<int16_t>(out, -1); }

void CopyWriter::append(const Batch& batch, std::string& out) {
  for (uint32_t i = 0; i < batch.size(); ++i) {
    const uint32_t row = batch.row(i);
    if (options_.format == CopyOptions::Format::binary) {
      qw::append_be<int16_t>(out, static_cast<int16_t>(columns_.size()));
      for (const Vector& vector : batch.columns) {
        if (vector.is_null(row)) {
          qw::append_be<int32_t>(out, -1);
          continue;
        }
        value_.clear();
        append_binary(vector, row, value_);
        qw::append_be<int32_t>(out, static_cast<int32_t>(value_.size()));
        out += value_;
      }
      continue;
    }
    for (size_t c = 0; c < columns_.size(); ++c) {
      if (c != 0) out += options_.delimiter;
      append_value(batch.columns[c], row, c, out);
    }
    out += '\n';
  }
}

void CopyWriter::append_value(const Vector& vector, uint32_t row, size_t column, std::string& out) {
  if (vector.is_null(row)) {
    out += options_.null_text;
    return;
  }
  value_.clear();
  append_text(vector, row, style_, value_);
  if (options_.format == CopyOptions::Format::csv) {
    bool quote = options_.force_quote[column] || value_ == options_.null_text ||
                 (columns_.size() == 1 && value_ == "\\.");
    for (const char c : value_) {
      quote |= c == options_.delimiter || c == options_.quote || c == '\n' || c == '\r';
    }
    if (!quote) {
      out += value_;
      return;
    }
    out += options_.quote;
    for (const char c : value_) {
      if (c == options_.quote || c == options_.escape) out += options_.escape;
      out += c;
    }
    out += options_.quote;
    return;
  }
  for (const char c : value_) {
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
      case '\v':
        out += "\\v";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        if (c == options_.delimiter) out += '\\';
        out += c;
    }
  }
}

}  // namespace qw::engine
