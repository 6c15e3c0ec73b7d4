// MessageDecoder: envelopes, formats, INCLUDE columns, and what goes into the quarantine.
#include <string>

#include <doctest/doctest.h>

#include "ingest/kafka/message_decoder.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

SourceConfig events() {
  SourceConfig config;
  config.kind = SourceKind::kafka;
  config.name = std::string("s");
  config.columns = {{"id", TypeId::int8, true}, {"name", TypeId::text, true}};
  return config;
}

constexpr int64_t kNow = 1'000'000;

SourceConfig users() {
  SourceConfig config = events();
  config.primary_key = {0};
  config.key_format = Format::json;
  config.envelope = Envelope::upsert;
  return config;
}

struct Bench {
  MessageDecoder decoder;
  ArenaPool pool;
  SourceTxn txn;
  int64_t offset = 0;

  explicit Bench(const SourceConfig& config) : decoder(make(config)) {
    txn.arena = pool.take();
    decoder.begin(txn, kNow);
  }
  static MessageDecoder make(const SourceConfig& config) {
    auto made = MessageDecoder::make(config, "topic", {}, ',');
    REQUIRE_MESSAGE(made.has_value(), made.error().message());
    return std::move(*made);
  }
  void send(std::optional<std::string_view> key, std::optional<std::string_view> value,
            std::vector<KafkaHeader> headers = {}) {
    KafkaMessage message;
    message.partition = 3;
    message.offset = offset++;
    message.timestamp_us = 0;
    message.key = key;
    message.value = value;
    message.headers = std::move(headers);
    decoder.decode(message);
  }
  std::string rows(uint32_t table) {
    decoder.finish();
    std::string out;
    for (const TableChunk& chunk : txn.chunks) {
      if (chunk.table != table) continue;
      for (uint32_t row = 0; row < chunk.rows; row++) {
        if (chunk.op(row) == RowOp::put) out += "put ";
        if (chunk.op(row) == RowOp::remove) out += "remove ";
        for (uint32_t c = 0; c < chunk.columns.size(); c++) {
          if (c > 0) out += '|';
          if (chunk.columns[c].is_null(row)) {
            out += '-';
          } else {
            append_text(chunk.columns[c], row, TextStyle(), out);
          }
        }
        out += '\n';
      }
    }
    return out;
  }
};

std::string refused(const SourceConfig& config) {
  const auto made = MessageDecoder::make(config, "topic", {}, ',');
  return made ? "" : made.error().message();
}

}  // namespace

TEST_CASE("ENVELOPE NONE: a row per message, INCLUDE columns behind the declared ones") {
  SourceConfig config = events();
  config.include = {{IncludeKind::partition, ""}, {IncludeKind::offset, "kafka_offset"},
                    {IncludeKind::timestamp, ""}, {IncludeKind::key, ""},
                    {IncludeKind::headers, ""},   {IncludeKind::proctime, ""}};
  Bench bench(config);
  const auto& columns = bench.decoder.tables()[0].columns;
  REQUIRE(columns.size() == 8);
  CHECK(columns[2].name == "partition");
  CHECK(columns[3].name == "kafka_offset");
  CHECK(columns[4].name == "timestamp");
  CHECK(columns[5].type.id == TypeId::bytea);
  CHECK(columns[7].name == "proctime");
  CHECK_FALSE(columns[7].nullable);
  CHECK(bench.decoder.tables()[1].name == "s_errors");
  CHECK(bench.decoder.tables()[0].append_only);
  bench.send("k", R"({"id":1,"name":"x"})", {{"h", "v"}, {"h", std::nullopt}, {"b", "\xff"}});
  bench.send(std::nullopt, R"({"id":2})");
  CHECK(
      bench.rows(0) ==
      "1|x|3|0|2000-01-01 00:00:00+00|\\x6b|"
      R"([{"key": "h", "value": "v"}, {"key": "h", "value": null}, {"key": "b", "value": "\\xff"}])"
      "|2000-01-01 00:00:01+00\n2|-|3|1|2000-01-01 00:00:00+00|-|[]|2000-01-01 00:00:01+00\n");
  CHECK(bench.rows(1).empty());
}

TEST_CASE("what cannot be decoded is a row of the quarantine, with its bytes and the reason") {
  Bench bench(events());
  bench.send("k", R"({"id":1})");
  bench.send("key", R"({"id":"one"})");
  bench.send(std::nullopt, "\xfe\xff");
  bench.send(std::nullopt, std::nullopt);
  bench.send("k", R"({"id":2})");
  CHECK(bench.rows(0) == "1|-\n2|-\n");
  CHECK(bench.decoder.finish() == 3);
  const std::string errors = bench.rows(1);
  CHECK(
      errors.starts_with("topic|3|1|2000-01-01 00:00:00+00|\\x6b6579|\\x7b226964223a226f6e65227d|"
                         "value: member \"id\": invalid input syntax for type bigint: \"one\"\n"));
  CHECK(errors.find("topic|3|2|2000-01-01 00:00:00+00|-|\\xfeff|value: ") != std::string::npos);
  CHECK(errors.find("topic|3|3|2000-01-01 00:00:00+00|-|-|value: the message has no value\n") !=
        std::string::npos);
}

TEST_CASE(
    "ENVELOPE UPSERT: keys from the message key, tombstones remove, bad values keep the row") {
  Bench bench(users());
  CHECK(!bench.decoder.tables()[0].append_only);
  CHECK(bench.decoder.tables()[0].primary_key == std::vector<uint32_t>{0});
  bench.send(R"({"id":1})", R"({"name":"a","id":99})");
  bench.send("2", R"({"name":"b"})");
  bench.send("1", "not json");
  bench.send("1", std::nullopt);
  bench.send(std::nullopt, R"({"name":"c"})");
  bench.send(R"({"id":null})", R"({"name":"c"})");
  bench.send("x", std::nullopt);
  CHECK(bench.rows(0) == "put 1|a\nput 2|b\nremove 1|-\n");
  CHECK(bench.decoder.finish() == 4);
  CHECK(bench.rows(1).find("key: the message has no key") != std::string::npos);
}

TEST_CASE("TEXT, BYTES and CSV give their columns") {
  SourceConfig text = events();
  text.columns.clear();
  text.value_format = Format::text;
  Bench a(text);
  CHECK(a.decoder.tables()[0].columns[0].name == "data");
  a.send(std::nullopt, "hello");
  a.send(std::nullopt, "\xff");
  CHECK(a.rows(0) == "hello\n");
  CHECK(a.decoder.finish() == 1);
  SourceConfig bytes = text;
  bytes.value_format = Format::bytes;
  Bench b(bytes);
  b.send(std::nullopt, "\xff");
  CHECK(b.rows(0) == "\\xff\n");
  SourceConfig csv = events();
  csv.value_format = Format::csv;
  Bench c(csv);
  c.send(std::nullopt, "1,\"a, \"\"b\"\"\"\r\n");
  c.send(std::nullopt, "2,");
  c.send(std::nullopt, "3,\"\"");
  c.send(std::nullopt, "4");
  c.send(std::nullopt, "5,a,b");
  c.send(std::nullopt, "x,a");
  c.send(std::nullopt, "6,\"a");
  CHECK(c.rows(0) == "1|a, \"b\"\n2|-\n3|\n");
  CHECK(c.decoder.finish() == 4);
}

TEST_CASE("options that do not fit together are refused") {
  SourceConfig config = events();
  config.envelope = Envelope::upsert;
  CHECK(refused(config).find("PRIMARY KEY") != std::string::npos);
  config.primary_key = {0};
  CHECK(refused(config).find("KEY FORMAT") != std::string::npos);
  config = events();
  config.primary_key = {0};
  CHECK(refused(config).find("ENVELOPE UPSERT") != std::string::npos);
  config = events();
  config.include = {{IncludeKind::offset, "name"}};
  CHECK(refused(config) == "column \"name\" specified more than once");
  config = events();
  config.value_format = Format::text;
  CHECK(refused(config).find("one column") != std::string::npos);
  config = events();
  config.value_format = Format::csv;
  config.columns.clear();
  CHECK(!refused(config).empty());
}

}  // namespace qw::ingest
