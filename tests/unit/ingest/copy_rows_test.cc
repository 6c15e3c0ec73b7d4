// COPY's rows, made by hand after PostgreSQL's documentation of its formats.
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "ingest/postgres/copy_rows.h"
#include "src/base/bytes.h"
#include "src/types/binary.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

using Values = std::vector<std::optional<std::string>>;

std::vector<CopyRows::Column> columns_of(const std::vector<TypeId>& types, uint32_t oid_added) {
  std::vector<CopyRows::Column> out;
  for (const TypeId type : types) {
    out.push_back({fmt::format("c{}", out.size()), type, Type(type).oid() + oid_added});
  }
  return out;
}

std::string header() {
  std::string out("PGCOPY\n\377\r\n\0", 11);
  append_be<uint32_t>(out, 0);
  append_be<uint32_t>(out, 0);
  return out;
}

std::string trailer() {
  std::string out;
  append_be<int16_t>(out, -1);
  return out;
}

std::string binary_row(const std::vector<TypeId>& types, const Values& values) {
  std::string out;
  append_be<int16_t>(out, static_cast<int16_t>(values.size()));
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i]) {
      append_be<int32_t>(out, -1);
      continue;
    }
    Arena arena;
    Vector vector = Vector::flat(Type(types[i]), 1, arena);
    REQUIRE(parse_text_into(vector, 0, *values[i], TextStyle(), arena));
    std::string value;
    append_binary(vector, 0, value);
    append_be<int32_t>(out, static_cast<int32_t>(value.size()));
    out += value;
  }
  return out;
}

std::string text_row(const Values& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += '\t';
    if (!values[i]) out += "\\N";
    for (const char letter : values[i].value_or("")) {
      if (letter == '\t' || letter == '\n' || letter == '\\') out += '\\';
      out += letter == '\t' ? 't' : letter == '\n' ? 'n' : letter;
    }
  }
  return out + '\n';
}

// The rows that messages say, as text; the error where one does not pass.
Result<std::vector<Values>> read_all(CopyRows& rows, const std::vector<TypeId>& types,
                                     const std::vector<std::string>& messages) {
  ArenaPool pool;
  SourceTxn txn;
  txn.arena = pool.take();
  std::vector<Type> column_types(types.begin(), types.end());
  TableWriter writer(0, column_types);
  writer.begin(txn);
  size_t count = 0;
  for (const std::string& message : messages) {
    QW_ASSIGN_OR_RETURN(const bool row, rows.read(message, writer));
    count += row ? 1 : 0;
  }
  writer.finish();
  std::vector<Values> out;
  for (const TableChunk& chunk : txn.chunks) {
    for (uint32_t row = 0; row < chunk.rows; ++row) {
      Values& values = out.emplace_back();
      for (const Vector& column : chunk.columns) {
        auto& value = values.emplace_back();
        if (column.is_null(row)) continue;
        append_text(column, row, TextStyle(), value.emplace());
      }
    }
  }
  CHECK(out.size() == count);
  return out;
}

const std::vector<TypeId> kTypes = {TypeId::int4,        TypeId::int8,    TypeId::text,
                                    TypeId::timestamptz, TypeId::numeric, TypeId::jsonb,
                                    TypeId::boolean,     TypeId::float8};

}  // namespace

TEST_CASE("binary and text form of COPY give the same rows") {
  const std::vector<Values> expected = {
      {"1", "-9223372036854775808", "tab\there, line\nthere, back\\slash",
       "2026-01-02 03:04:05.678901+00", "12345.6700", R"({"a": [1, null]})", "t", "0.1"},
      {std::nullopt, std::nullopt, "", "infinity", "NaN", "\"x\"", "f", "-Infinity"},
      {"0", "7", std::nullopt, std::nullopt, std::nullopt, std::nullopt, std::nullopt,
       std::nullopt}};
  for (const bool binary : {true, false}) {
    CopyRows rows(columns_of(kTypes, binary ? 0 : 100'000));
    REQUIRE(rows.is_binary() == binary);
    std::vector<std::string> messages;
    for (const Values& row : expected) {
      messages.push_back(binary ? binary_row(kTypes, row) : text_row(row));
    }
    if (binary) {
      messages.front().insert(0, header());
      messages.push_back(trailer());
    }
    const auto read = read_all(rows, kTypes, messages);
    REQUIRE(read);
    CHECK(*read == expected);
  }
}

TEST_CASE("an empty table sends its binary header with the trailer") {
  CopyRows rows(columns_of(kTypes, 0));
  const auto read = read_all(rows, kTypes, {header() + trailer()});
  REQUIRE(read);
  CHECK(read->empty());
}

TEST_CASE("whatever is cut off or added to a binary row is a violation") {
  const std::vector<TypeId> types = {TypeId::int4, TypeId::text};
  const std::string whole = header() + binary_row(types, {{"5", "five"}});
  for (size_t size = 0; size < whole.size(); ++size) {
    CopyRows rows(columns_of(types, 0));
    const auto read = read_all(rows, types, {whole.substr(0, size)});
    if (size == header().size()) continue;  // a header by itself
    REQUIRE(!read);
    CHECK(read.error().code() == SqlState("08P01"));
  }
  CopyRows rows(columns_of(types, 0));
  const auto read = read_all(rows, types, {whole + "x"});
  REQUIRE(!read);
  CHECK(read.error().code() == SqlState("08P01"));
}

TEST_CASE("a value that cannot be read names its column") {
  const std::vector<TypeId> types = {TypeId::int4, TypeId::int4};
  CopyRows rows(columns_of(types, 100'000));
  const auto read = read_all(rows, types, {"1\tx\n"});
  REQUIRE(!read);
  CHECK(read.error().code() == SqlState("22P02"));
  CHECK(read.error().to_string().find("column \"c1\"") != std::string::npos);
}

}  // namespace qw::ingest
