// JsonDecoder: every type, every way to be wrong, and that nothing crashes on damaged input.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "ingest/json/json_decoder.h"
#include "src/base/random.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

struct Bench {
  std::vector<Column> columns;
  TableWriter writer;
  JsonDecoder decoder;
  ArenaPool pool;
  SourceTxn txn;

  static std::vector<Type> types(const std::vector<Column>& columns) {
    std::vector<Type> out;
    for (const Column& column : columns) out.push_back(column.type);
    return out;
  }
  static std::vector<JsonField> fields(const std::vector<Column>& columns) {
    std::vector<JsonField> out;
    for (uint32_t n = 0; n < columns.size(); n++) {
      out.push_back({n, columns[n].name, columns[n].type, !columns[n].nullable, true});
    }
    return out;
  }
  explicit Bench(std::vector<Column> wanted, JsonOptions options = {})
      : columns(std::move(wanted)), writer(0, types(columns)), decoder(fields(columns), options) {
    txn.arena = pool.take();
    writer.begin(txn);
  }
  // The row as text, columns joined by '|', NULL as -; or the error.
  std::string decode(std::string_view json) {
    const uint32_t row = writer.add(RowOp::insert);
    if (!decoder.decode(json, writer, row)) {
      writer.drop_last();
      return "error: " + decoder.error();
    }
    std::string out;
    for (uint32_t c = 0; c < columns.size(); c++) {
      if (c > 0) out += '|';
      if (writer.column(c).is_null(row)) {
        out += '-';
      } else {
        append_text(writer.column(c), row, TextStyle(), out);
      }
    }
    return out;
  }
};

std::string one(Type type, std::string_view value) {
  Bench bench({{"v", type, true}});
  return bench.decode("{\"v\": " + std::string(value) + "}");
}

}  // namespace

TEST_CASE("members go to columns by name, in any order, missing as NULL, unknown passed over") {
  Bench bench({{"a", TypeId::int4, true}, {"b", TypeId::text, true}});
  CHECK(bench.decode(R"({"a":1,"b":"x"})") == "1|x");
  CHECK(bench.decode(R"({"b":"y","a":2})") == "2|y");
  CHECK(bench.decode(R"({"a":3})") == "3|-");
  CHECK(bench.decode(R"({})") == "-|-");
  CHECK(bench.decode(R"({"zz":{"a":[1,{"b":2}]},"a":4,"q":null,"b":"z"})") == "4|z");
  CHECK(bench.decode(R"({"a":5,"a":6,"a":null,"b":"1","b":"2"})") == "-|2");
  CHECK(bench.decode(" {\n\"a\" :\t7 , \"b\" : \"w\" } \r\n") == "7|w");
  CHECK(bench.decode(R"({"\u0061":8,"ab":1,"b":"v"})") == "8|v");
}

TEST_CASE("numbers keep every digit and are checked against their type") {
  CHECK(one(TypeId::int8, "9223372036854775807") == "9223372036854775807");
  CHECK(one(TypeId::int8, "-9223372036854775808") == "-9223372036854775808");
  CHECK(one(TypeId::int8, "9223372036854775808").starts_with("error: "));
  CHECK(one(TypeId::int4, "2147483648").find("out of range for type integer") != std::string::npos);
  CHECK(one(TypeId::int2, "-32768") == "-32768");
  CHECK(one(TypeId::int2, "40000").starts_with("error: "));
  CHECK(one(TypeId::int4, "1.0").find("invalid input syntax for type integer: \"1.0\"") !=
        std::string::npos);
  CHECK(one(TypeId::int4, "1e2").starts_with("error: "));
  CHECK(one(TypeId::int4, "\"42\"") == "42");
  CHECK(one(TypeId::int4, "\" 42 \"") == "42");
  CHECK(one(TypeId::int4, "true").starts_with("error: "));
  CHECK(one(TypeId::numeric, "0.1234567890123456789012345678901234567890") ==
        "0.1234567890123456789012345678901234567890");
  CHECK(one(TypeId::numeric, "123456789012345678901234567890.10") ==
        "123456789012345678901234567890.10");
  CHECK(one(TypeId::numeric, "1.5e3") == "1500");
  CHECK(one(Type(TypeId::numeric, numeric_typmod(10, 2)), "1.005") == "1.01");
  CHECK(one(Type(TypeId::numeric, numeric_typmod(4, 2)), "123.4").find("numeric field overflow") !=
        std::string::npos);
  CHECK(one(TypeId::float8, "0.1") == "0.1");
  CHECK(one(TypeId::float8, "-0.0") == "-0");
  CHECK(one(TypeId::float8, "1e400").starts_with("error: "));
  CHECK(one(TypeId::float8, "\"NaN\"") == "NaN");
  CHECK(one(TypeId::float4, "16777217") == "1.6777216e+07");
  for (const char* bad :
       {"01", "+1", ".5", "1.", "1e", "-", "0x10", "NaN", "Infinity", "1_000", "--1"}) {
    CAPTURE(bad);
    CHECK(one(TypeId::float8, bad).starts_with("error: "));
    CHECK(one(TypeId::numeric, bad).starts_with("error: "));
    CHECK(one(TypeId::text, bad).starts_with("error: "));
    CHECK(one(TypeId::int8, bad).starts_with("error: "));
  }
}

TEST_CASE("text takes strings unescaped and any other value as it is written") {
  CHECK(one(TypeId::text, R"("plain and rather long text")") == "plain and rather long text");
  CHECK(one(TypeId::text, R"("a\"b\\c\/d\n\u00e9\ud83d\ude00")") ==
        "a\"b\\c/d\n\xc3\xa9\xf0\x9f\x98\x80");
  CHECK(one(TypeId::text, "1.50") == "1.50");
  CHECK(one(TypeId::text, "true") == "true");
  CHECK(one(TypeId::text, "null") == "-");
  CHECK(one(TypeId::text, R"({"a": [1, 2]})") == R"({"a": [1, 2]})");
  CHECK(one(TypeId::text, R"("\ud800")").starts_with("error: "));
  CHECK(one(TypeId::text, R"("nul \u0000 inside")").find("U+0000") != std::string::npos);
  CHECK(one(TypeId::text, "\"\xff\"").starts_with("error: "));
  CHECK(one(TypeId::text, "\"tab\there\"").starts_with("error: "));
  CHECK(one(Type(TypeId::varchar, length_typmod(3)), R"("abc")") == "abc");
  CHECK(one(Type(TypeId::varchar, length_typmod(3)), R"("abcd")").find("value too long") !=
        std::string::npos);
}

TEST_CASE("dates, times, booleans, uuids go through their input functions") {
  CHECK(one(TypeId::timestamptz, R"("2024-03-01T12:34:56.789Z")") == "2024-03-01 12:34:56.789+00");
  CHECK(one(TypeId::timestamptz, R"("2024-03-01 12:34:56+02")") == "2024-03-01 10:34:56+00");
  CHECK(one(TypeId::timestamp, R"("2024-03-01T12:34:56")") == "2024-03-01 12:34:56");
  CHECK(one(TypeId::timestamp, R"("yesterdayish")").starts_with("error: "));
  CHECK(one(TypeId::date, R"("2024-02-29")") == "2024-02-29");
  CHECK(one(TypeId::date, R"("2023-02-29")").starts_with("error: "));
  CHECK(one(TypeId::boolean, "true") == "t");
  CHECK(one(TypeId::boolean, "false") == "f");
  CHECK(one(TypeId::boolean, "\"yes\"") == "t");
  CHECK(one(TypeId::boolean, "truex").starts_with("error: "));
  CHECK(one(TypeId::uuid, R"("00112233-4455-6677-8899-aabbccddeeff")") ==
        "00112233-4455-6677-8899-aabbccddeeff");
  CHECK(one(TypeId::bytea, R"("\\xdeadbeef")") == "\\xdeadbeef");
}

TEST_CASE("a number in a timestamp column is a Unix time in the unit that was said") {
  CHECK(one(TypeId::timestamptz, "946684800000") == "2000-01-01 00:00:00+00");
  CHECK(one(TypeId::timestamp, "0") == "1970-01-01 00:00:00");
  CHECK(one(TypeId::timestamp, "-1") == "1969-12-31 23:59:59.999");
  CHECK(one(TypeId::timestamp, "1500.25") == "1970-01-01 00:00:01.50025");
  CHECK(one(TypeId::timestamp, "9223372036854775807").find("out of range") != std::string::npos);
  CHECK(one(TypeId::timestamp, "1e300").find("out of range") != std::string::npos);
  CHECK(one(TypeId::date, "19000").starts_with("error: "));
  JsonOptions options;
  options.unix_unit = UnixUnit::seconds;
  Bench seconds({{"v", TypeId::timestamp, true}}, options);
  CHECK(seconds.decode(R"({"v":1700000000})") == "2023-11-14 22:13:20");
  options.unix_unit = UnixUnit::microseconds;
  Bench micros({{"v", TypeId::timestamp, true}}, options);
  CHECK(micros.decode(R"({"v":1700000000000001})") == "2023-11-14 22:13:20.000001");
}

TEST_CASE("nested values fit json, jsonb and arrays") {
  CHECK(one(TypeId::jsonb, R"({"b": 1.50, "a": [true, null, "x"]})") ==
        R"({"a": [true, null, "x"], "b": 1.50})");
  CHECK(one(TypeId::jsonb, R"("text")") == R"("text")");
  CHECK(one(TypeId::jsonb, "12") == "12");
  CHECK(one(TypeId::jsonb, "null") == "-");
  CHECK(one(TypeId::jsonb, "[1,,2]").starts_with("error: "));
  CHECK(one(TypeId::json, R"({"b" : 1,"a":2})") == R"({"b" : 1,"a":2})");
  CHECK(one(Type::array_of(TypeId::int4), "[1, null, 3]") == "{1,NULL,3}");
  CHECK(one(Type::array_of(TypeId::int4), "[[1,2],[3,4]]") == "{{1,2},{3,4}}");
  CHECK(one(Type::array_of(TypeId::text), R"(["a b", "NULL", "", "q\"x", null, 5])") ==
        R"({"a b","NULL","","q\"x",NULL,5})");
  CHECK(one(Type::array_of(TypeId::int4), "[]") == "{}");
  CHECK(one(Type::array_of(TypeId::int4), "[1,\"x\"]").starts_with("error: "));
  CHECK(one(Type::array_of(TypeId::int4), "[[1],[2,3]]").starts_with("error: "));
  CHECK(one(TypeId::int4, "[1]").starts_with("error: "));
  CHECK(one(TypeId::int4, "{}").starts_with("error: "));
}

TEST_CASE("a message that is no JSON object is refused, with the reason") {
  Bench bench({{"a", TypeId::int4, true}});
  for (const char* bad : {"",
                          " ",
                          "null",
                          "1",
                          "[]",
                          "[{\"a\":1}]",
                          "{",
                          "}",
                          "{\"a\"}",
                          "{\"a\":}",
                          "{\"a\":1",
                          "{\"a\":1}}",
                          "{\"a\":1}{\"a\":2}",
                          "{\"a\":1},",
                          "{a:1}",
                          "{'a':1}",
                          "{\"a\":1,}",
                          "{\"a\" 1}",
                          "{\"a\":1 \"b\":2}",
                          "\"a\"",
                          "{\"a\":tru}",
                          "{\"a\":nul}",
                          "\xef\xbb\xbf{",
                          "{\"a\":1}x"}) {
    CAPTURE(bad);
    CHECK(bench.decode(bad).starts_with("error: "));
  }
  CHECK(bench.decode(R"({"a":1})") == "1");  // and the next good one is read
}

TEST_CASE("NOT NULL columns need their member") {
  Bench bench({{"a", TypeId::int4, false}, {"b", TypeId::int4, true}});
  CHECK(bench.decode(R"({"a":1})") == "1|-");
  CHECK(bench.decode(R"({"b":1})").find("\"a\" is missing or null") != std::string::npos);
  CHECK(bench.decode(R"({"a":null})").starts_with("error: "));
}

TEST_CASE("a key may be a bare scalar; a whole message may be one column") {
  JsonOptions scalar;
  scalar.scalar = true;
  Bench key({{"id", TypeId::int8, false}}, scalar);
  CHECK(key.decode("42") == "42");
  CHECK(key.decode("\"42\"") == "42");
  CHECK(key.decode(R"({"id":7,"x":1})") == "7");
  CHECK(key.decode("null").starts_with("error: "));
  CHECK(key.decode("4 2").starts_with("error: "));
  CHECK(key.decode("abc").starts_with("error: "));
  Bench text({{"id", TypeId::text, false}}, scalar);
  CHECK(text.decode(R"("a\tb")") == "a\tb");
  JsonOptions whole;
  whole.whole = true;
  Bench data({{"data", TypeId::jsonb, true}}, whole);
  CHECK(data.decode(R"({"x":[1]})") == R"({"x": [1]})");
  CHECK(data.decode("[1,2]") == "[1, 2]");
  CHECK(data.decode("\"s\"") == "\"s\"");
  CHECK(data.decode("[1,2").starts_with("error: "));
}

TEST_CASE("columns that nobody reads stay NULL and their values are not looked at") {
  std::vector<JsonField> fields = {{0, "a", TypeId::int4, false, true},
                                   {1, "b", TypeId::int4, false, false}};
  JsonDecoder decoder(fields, {});
  TableWriter writer(0, {Type(TypeId::int4), Type(TypeId::int4)});
  ArenaPool pool;
  SourceTxn txn;
  txn.arena = pool.take();
  writer.begin(txn);
  const uint32_t row = writer.add(RowOp::insert);
  CHECK(decoder.decode(R"({"b":"not a number","a":1})", writer, row));
  CHECK(writer.column(0).at<int32_t>(row) == 1);
  CHECK(writer.column(1).is_null(row));
}

TEST_CASE("damaged messages are refused or read, never more") {
  const std::string good =
      R"({"id":12,"name":"a \"quoted\" n\u00e4me","price":12.50,"at":"2024-01-01T00:00:00Z",)"
      R"("tags":["x","y"],"doc":{"k":[1,2,{"z":null}]}})";
  Bench bench({{"id", TypeId::int8, true},
               {"name", TypeId::text, true},
               {"price", TypeId::numeric, true},
               {"at", TypeId::timestamptz, true},
               {"tags", Type::array_of(TypeId::text), true},
               {"doc", TypeId::jsonb, true}});
  const std::string whole = bench.decode(good);
  REQUIRE(!whole.starts_with("error"));
  for (size_t cut = 0; cut < good.size(); cut++) {
    CHECK(bench.decode(std::string_view(good).substr(0, cut)).starts_with("error: "));
  }
  Random random(1);
  for (int round = 0; round < 20'000; round++) {
    std::string bad = good;
    const uint64_t edits = 1 + random.below(4);
    for (uint64_t edit = 0; edit < edits; edit++) {
      const size_t at = random.below(bad.size());
      switch (random.below(3)) {
        case 0:
          bad[at] = static_cast<char>(random.below(256));
          break;
        case 1:
          bad.erase(at, 1 + random.below(5));
          break;
        default:
          bad.insert(at, 1, "{}[]\",:\\0null"[random.below(13)]);
          break;
      }
      if (bad.empty()) bad = "x";
    }
    bench.decode(bad);
  }
  CHECK(bench.decode(good) == whole);
}

}  // namespace qw::ingest
