// JsonDecoder: one JSON message into one row of typed columns.
//
// Members find their column by name; the order of the last message is tried first, so a topic with
// a steady layout costs one comparison per member. A missing member is NULL, an unknown one is
// passed over, of duplicates the last one counts. A value becomes a column as
// json_populate_record() would make it: the value's text goes through the type's input function (so
// numbers keep every digit and integers are range-checked), arrays become SQL arrays, anything fits
// json, jsonb and text. One rule more: a number in a timestamp column is a Unix time in the
// configured unit. Strings must be UTF-8 without NUL. One thread. Tests:
// tests/unit/ingest/json_decoder_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/change.h"
#include "src/types/type.h"

namespace qw::ingest {

enum class UnixUnit : uint8_t { seconds, milliseconds, microseconds };

struct JsonField {
  uint32_t column = 0;  // of the writer
  std::string name;
  Type type;
  bool not_null = false;
  bool needed = true;  // false: left NULL, its value is not looked at
};

struct JsonOptions {
  UnixUnit unix_unit = UnixUnit::milliseconds;
  // A value that is no object is the one field's value (keys; FORMAT JSON into one jsonb column).
  bool scalar = false;
  // The whole value, object or not, is the one field's value.
  bool whole = false;
};

class JsonDecoder {
 public:
  JsonDecoder(std::vector<JsonField> fields, JsonOptions options);
  JsonDecoder(JsonDecoder&&) noexcept;
  JsonDecoder& operator=(JsonDecoder&&) noexcept;
  ~JsonDecoder();

  // Fills the fields' columns of `row`, which are NULL before. False = undecodable, see error().
  bool decode(std::string_view json, TableWriter& writer, uint32_t row);
  // What was wrong with the last message, naming the member.
  const std::string& error() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qw::ingest
