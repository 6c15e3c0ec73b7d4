// CopyRows: what COPY .. TO STDOUT sends, a message per row, into the columns of a TableWriter.
//
// Binary is read where the upstream's types are the columns' own: neither side then turns numbers
// and times into text and back. A table with other columns (enums, domains, types that come as
// text) is read in text form: columns between tabs, \N for NULL, backslash escapes.
// Format: PostgreSQL 15 documentation, "COPY", File Formats. Tests:
// tests/unit/ingest/copy_rows_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/change.h"
#include "ingest/text_column.h"
#include "src/base/result.h"
#include "src/types/type.h"

namespace qw::ingest {

class CopyRows {
 public:
  struct Column {
    std::string name;
    Type type;              // ours
    uint32_t type_oid = 0;  // the upstream's
  };
  explicit CopyRows(std::vector<Column> columns);
  bool is_binary() const { return binary_; }
  // Adds the message's row to `writer`; false for a message without one (the trailer of binary).
  // 08P01 for what COPY does not send, else the error of the value, saying the column.
  Result<bool> read(std::string_view message, TableWriter& writer);

 private:
  Result<void> read_text(std::string_view line, TableWriter& writer, uint32_t row);
  Result<void> read_binary(std::string_view fields, TableWriter& writer, uint32_t row);

  std::vector<Column> columns_;
  std::vector<TextColumn> text_;
  bool binary_ = true;
  bool begun_ = false;  // binary: the signature was seen
  std::string buffer_;
};

}  // namespace qw::ingest
