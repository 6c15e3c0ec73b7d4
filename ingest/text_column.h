// TextColumn: the text form of a value into a column, for COPY, pgoutput, CSV.
//
// The common types are parsed here without a detour; the rest goes through the type's input
// function. REQUIRES: text comes from an upstream that checked it against the type (lengths of
// varchar are not checked again) unless `checked` says otherwise. Tests:
// tests/unit/ingest/pgoutput_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "ingest/change.h"
#include "src/base/result.h"
#include "src/types/text.h"
#include "src/types/type.h"

namespace qw::ingest {

class TextColumn {
 public:
  TextColumn(uint32_t column, Type type, bool checked);
  uint32_t column() const { return column_; }
  Result<void> parse(std::string_view text, TableWriter& writer, uint32_t row) const;

 private:
  enum class Way : uint8_t { int2, int4, int8, boolean, plain, general };
  uint32_t column_;
  Way way_ = Way::general;
};

// 22021 unless `text` is UTF-8 without NUL.
Result<void> check_utf8(std::string_view text);

}  // namespace qw::ingest
