// RowBuffer: rows kept for later: RETURNING, held cursors, small computed answers.
//
// Packed, so that one arena holds everything and nothing borrows from a query that has moved on.
// One thread at a time.
#pragma once

#include <cstdint>
#include <numeric>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/types/batch.h"
#include "src/types/datum.h"
#include "src/types/row_codec.h"

namespace qw::engine {

class RowBuffer {
 public:
  explicit RowBuffer(const Schema& schema) : codec_(schema.types()), columns_(schema.size()) {
    std::iota(columns_.begin(), columns_.end(), 0U);
  }

  void add(const Batch& batch) {
    const size_t at = rows_.size();
    rows_.resize(at + batch.size());
    codec_.pack(batch, columns_, arena_, rows_.data() + at);
  }
  // One row of values, types as in the schema.
  void add_row(const std::vector<Datum>& values) {
    Arena scratch;
    Batch batch;
    batch.rows = 1;
    for (const Datum& value : values) batch.columns.push_back(value.to_vector(scratch));
    add(batch);
  }
  // The next rows; false at the end. Valid until the following call.
  bool next(Batch& batch) {
    scratch_.reset();
    batch = Batch();
    const size_t count = std::min<size_t>(rows_.size() - at_, kBatchRowsMax);
    if (count == 0) return false;
    batch.rows = static_cast<uint32_t>(count);
    if (!columns_.empty()) {
      codec_.unpack({rows_.data() + at_, count}, columns_, scratch_, batch.columns);
    }
    at_ += count;
    return true;
  }
  size_t size() const { return rows_.size(); }
  size_t bytes() const { return arena_.reserved_bytes(); }

 private:
  RowCodec codec_;
  std::vector<uint32_t> columns_;
  Arena arena_, scratch_;
  std::vector<std::string_view> rows_;
  size_t at_ = 0;
};

}  // namespace qw::engine
