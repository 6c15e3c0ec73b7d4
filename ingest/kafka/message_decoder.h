// MessageDecoder: one Kafka message into one row, or into the quarantine.
//
// ENVELOPE NONE: a row per message. UPSERT: the key gives the primary key columns, the value the
// rest; a message without value removes the row. A message that cannot be decoded becomes a row of
// the quarantine table with its bytes and what was wrong; under UPSERT its key keeps its last good
// row. Knows nothing of librdkafka. One thread. Tests: tests/unit/ingest/message_decoder_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/change.h"
#include "ingest/json/json_decoder.h"
#include "ingest/source.h"
#include "ingest/text_column.h"

namespace qw::ingest {

struct KafkaHeader {
  std::string_view name;
  std::optional<std::string_view> value;
};

struct KafkaMessage {
  int32_t partition = 0;
  int64_t offset = 0;
  std::optional<int64_t> timestamp_us;  // since 2000-01-01 UTC
  std::optional<std::string_view> key, value;
  std::vector<KafkaHeader> headers;  // only when wants_headers()
};

class MessageDecoder {
 public:
  static constexpr uint32_t kRows = 0, kQuarantine = 1;  // tables

  // Checks that formats, envelope, columns and INCLUDE fit together.
  static Result<MessageDecoder> make(const SourceConfig& config, const std::string& topic,
                                     const JsonOptions& json, char csv_delimiter);

  const std::vector<SourceTable>& tables() const { return tables_; }
  bool wants_headers() const { return headers_column_.has_value(); }

  // `now_us`: what INCLUDE PROCTIME says, microseconds since 2000-01-01 UTC.
  void begin(SourceTxn& txn, int64_t now_us);
  void decode(const KafkaMessage& message);
  // Moves the rows into the txn; how many of them are quarantined.
  uint64_t finish();

 private:
  MessageDecoder() = default;
  // How a key or value becomes its columns.
  struct Part {
    Format format = Format::none;
    std::optional<JsonDecoder> json;
    std::vector<TextColumn> columns;  // text, csv; one for text
    std::vector<bool> not_null;
    uint32_t raw_column = 0;  // bytes
    std::string name;         // of the one column
  };
  static Result<Part> make_part(Format format, const std::vector<uint32_t>& columns,
                                const SourceTable& table, const SourceConfig& config,
                                JsonOptions json, std::string_view what);
  bool decode_part(Part& part, std::string_view bytes, uint32_t row);
  bool decode_csv(Part& part, std::string_view line, uint32_t row);
  bool decode_row(const KafkaMessage& message);
  bool include(const KafkaMessage& message, uint32_t row);
  void quarantine(const KafkaMessage& message);

  std::string topic_;
  char csv_delimiter_ = ',';
  Envelope envelope_ = Envelope::none;
  std::vector<SourceTable> tables_;
  std::optional<TableWriter> rows_, errors_;
  std::optional<Part> key_;           // upsert: the key columns
  std::optional<Part> included_key_;  // INCLUDE KEY
  std::optional<Part> value_;         // absent: no column comes from the value
  std::optional<uint32_t> key_column_, partition_column_, offset_column_, timestamp_column_,
      headers_column_, proctime_column_;
  int64_t now_us_ = 0;
  std::string error_, scratch_;
  uint64_t quarantined_ = 0;
};

}  // namespace qw::ingest
