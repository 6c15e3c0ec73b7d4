// COPY's text, csv and binary formats, both ways.
//
// CopyReader takes the client's bytes in any slicing and parses complete lines straight into typed
// columns; a batch is handed on when 4,096 rows are together. Errors name the line and column as
// PostgreSQL does ("COPY t, line 3, column b: \"x\"" in the detail). CopyWriter turns batches into
// lines. One thread at a time. Tests: tests/unit/engine/copy_format_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/batch.h"
#include "src/types/text.h"

namespace qw::engine {

struct CopyOptions {
  enum class Format : uint8_t { text, csv, binary } format = Format::text;
  char delimiter = '\t';
  std::string null_text = "\\N";
  bool header = false;
  char quote = '"', escape = '"';
  std::vector<bool> force_quote;     // per column, csv output
  std::vector<bool> force_not_null;  // per column, csv input
  std::vector<bool> force_null;
};

class CopyReader {
 public:
  using OnBatch = std::function<Result<void>(const Batch&)>;
  CopyReader(CopyOptions options, std::string table, Schema columns, TextStyle style,
             OnBatch on_batch);

  Result<void> feed(std::string_view bytes);
  // The end of the data: parses what is left of the last line.
  Result<void> finish();
  uint64_t rows() const { return rows_total_; }

 private:
  struct Field {
    std::string_view text;
    bool null = false;
  };
  Result<bool> take_line(std::string_view& rest, bool at_end);
  Result<bool> take_csv_line(std::string_view& rest, bool at_end);
  Result<void> feed_binary(std::string_view bytes);
  // One tuple, or the signature before the first; false when more bytes are needed.
  Result<bool> take_tuple(std::string_view& rest);
  Result<void> text_line(std::string_view line);
  Result<void> add_row();
  Result<void> parse_fields(size_t count);
  tl::unexpected<Error> missing_data(size_t column);
  Result<void> flush();
  void start_batch();
  Error located(Error error, size_t column, std::string_view value) const;

  CopyOptions options_;
  std::string table_;
  Schema columns_;
  TextStyle style_;
  OnBatch on_batch_;
  std::string pending_;  // the incomplete last line
  std::string unescaped_;
  std::vector<Field> fields_;
  std::vector<size_t> field_ends_;  // offsets into unescaped_ while it still grows
  Arena arena_;
  Batch batch_;
  uint64_t line_ = 0, rows_total_ = 0;
  bool ended_ = false;  // "\." was seen, or binary's trailer
  bool begun_ = false;  // binary: the signature was seen
};

class CopyWriter {
 public:
  CopyWriter(CopyOptions options, Schema columns, TextStyle style);
  void header(std::string& out) const;
  void append(const Batch& batch, std::string& out);
  // Format::binary only: signature and trailer.
  void begin(std::string& out) const;
  void end(std::string& out) const;

 private:
  void append_value(const Vector& vector, uint32_t row, size_t column, std::string& out);

  CopyOptions options_;
  Schema columns_;
  TextStyle style_;
  std::string value_;
};

}  // namespace qw::engine
