// MessageDecoder: see message_decoder.h.
#include "ingest/kafka/message_decoder.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/base/limits.h"
#include "src/types/jsonb.h"
#include "src/types/str.h"

namespace qw::ingest {

namespace {

Type included_type(IncludeKind kind, Format key_format) {
  switch (kind) {
    case IncludeKind::key:
      if (key_format == Format::json) return TypeId::jsonb;
      return key_format == Format::none || key_format == Format::bytes ? TypeId::bytea
                                                                       : TypeId::text;
    case IncludeKind::partition:
      return TypeId::int4;
    case IncludeKind::offset:
      return TypeId::int8;
    case IncludeKind::timestamp:
    case IncludeKind::proctime:
      return TypeId::timestamptz;
    case IncludeKind::headers:
      return TypeId::jsonb;
  }
  return TypeId::text;
}

// A long name is cut at a character, as PostgreSQL cuts it for "t_pkey".
std::string errors_name(const std::string& source) {
  constexpr std::string_view kTail = "_errors";
  size_t size = std::min<size_t>(source.size(), limits::kNameBytesMax - kTail.size());
  while (size < source.size() && size > 0 && (source[size] & '\xC0') == '\x80') size--;
  return source.substr(0, size).append(kTail);
}

SourceTable quarantine_table(const SourceConfig& config, const std::string& topic) {
  SourceTable table;
  table.name = errors_name(config.name);
  table.columns = {{"topic", TypeId::text, false},  {"partition", TypeId::int4, false},
                   {"offset", TypeId::int8, false}, {"timestamp", TypeId::timestamptz, true},
                   {"key", TypeId::bytea, true},    {"value", TypeId::bytea, true},
                   {"error", TypeId::text, false}};
  table.append_only = true;
  table.quarantine = true;
  table.upstream = topic;
  return table;
}

bool is_needed(const SourceConfig& config, uint32_t column) {
  return config.needed.empty() || config.needed[0].size() <= column || config.needed[0][column];
}

}  // namespace

Result<MessageDecoder::Part> MessageDecoder::make_part(Format format,
                                                       const std::vector<uint32_t>& columns,
                                                       const SourceTable& table,
                                                       const SourceConfig& config, JsonOptions json,
                                                       std::string_view what) {
  Part part;
  part.format = format;
  const bool one = columns.size() == 1;
  part.name = table.columns[columns[0]].name;
  switch (format) {
    case Format::none:
      return fail(
          invalid_parameter_value(fmt::format("the {} of this source needs a FORMAT", what)));
    case Format::json: {
      std::vector<JsonField> fields;
      for (const uint32_t column : columns) {
        const Column& each = table.columns[column];
        const bool key = std::find(table.primary_key.begin(), table.primary_key.end(), column) !=
                         table.primary_key.end();
        fields.push_back(
            {column, each.name, each.type, !each.nullable, key || is_needed(config, column)});
      }
      part.json.emplace(std::move(fields), json);
      return part;
    }
    case Format::text:
    case Format::bytes:
      if (!one) {
        return fail(invalid_parameter_value(fmt::format(
            "FORMAT TEXT and BYTES give one column, the {} has {}", what, columns.size())));
      }
      if (format == Format::bytes) {
        const TypeId type = table.columns[columns[0]].type.id;
        if (type != TypeId::bytea) {
          return fail(invalid_parameter_value(
              fmt::format("FORMAT BYTES gives bytea, column \"{}\" is not", part.name)));
        }
      }
      break;
    case Format::csv:
      break;
  }
  part.raw_column = columns[0];
  for (const uint32_t column : columns) {
    part.columns.emplace_back(column, table.columns[column].type, false);
    part.not_null.push_back(!table.columns[column].nullable);
  }
  return part;
}

Result<MessageDecoder> MessageDecoder::make(const SourceConfig& config, const std::string& topic,
                                            const JsonOptions& json, char csv_delimiter) {
  MessageDecoder decoder;
  decoder.topic_ = topic;
  decoder.envelope_ = config.envelope;
  decoder.csv_delimiter_ = csv_delimiter;
  SourceTable table;
  table.name = config.name;
  table.upstream = topic;
  table.columns = config.columns;
  table.primary_key = config.primary_key;
  const bool upsert = config.envelope == Envelope::upsert;
  table.append_only = !upsert;
  bool whole = false;
  if (table.columns.empty()) {
    if (config.value_format == Format::csv) {
      return fail(invalid_parameter_value("FORMAT CSV needs declared columns"));
    }
    const TypeId type = config.value_format == Format::json    ? TypeId::jsonb
                        : config.value_format == Format::bytes ? TypeId::bytea
                                                               : TypeId::text;
    table.columns = {{"data", type, true}};
    whole = config.value_format == Format::json;
  }
  if (upsert && table.primary_key.empty()) {
    return fail(invalid_parameter_value("ENVELOPE UPSERT needs PRIMARY KEY columns")
                    .with_hint("Declare them: CREATE SOURCE s (id bigint PRIMARY KEY, ...) ..."));
  }
  if (!upsert && !table.primary_key.empty()) {
    return fail(
        invalid_parameter_value("PRIMARY KEY needs ENVELOPE UPSERT")
            .with_detail("Messages of ENVELOPE NONE are rows of their own, keys may repeat."));
  }
  if (upsert && config.key_format == Format::none) {
    return fail(invalid_parameter_value("ENVELOPE UPSERT needs a KEY FORMAT"));
  }
  std::vector<uint32_t> key_columns, value_columns;
  for (uint32_t column = 0; column < table.columns.size(); column++) {
    const auto& key = table.primary_key;
    const bool is_key = std::find(key.begin(), key.end(), column) != key.end();
    if (is_key) table.columns[column].nullable = false;
    (is_key ? key_columns : value_columns).push_back(column);
  }
  for (const Include& each : config.include) {
    const auto column = static_cast<uint32_t>(table.columns.size());
    const bool sure = each.kind == IncludeKind::partition || each.kind == IncludeKind::offset ||
                      each.kind == IncludeKind::proctime;
    table.columns.push_back(
        {std::string(each.column_name()), included_type(each.kind, config.key_format), !sure});
    switch (each.kind) {
      case IncludeKind::key:
        decoder.key_column_ = column;
        break;
      case IncludeKind::partition:
        decoder.partition_column_ = column;
        break;
      case IncludeKind::offset:
        decoder.offset_column_ = column;
        break;
      case IncludeKind::timestamp:
        decoder.timestamp_column_ = column;
        break;
      case IncludeKind::headers:
        decoder.headers_column_ = column;
        break;
      case IncludeKind::proctime:
        decoder.proctime_column_ = column;
        break;
    }
  }
  for (uint32_t a = 0; a < table.columns.size(); a++) {
    for (uint32_t b = 0; b < a; b++) {
      if (table.columns[a].name != table.columns[b].name) continue;
      return fail(duplicate_column(
                      fmt::format("column \"{}\" specified more than once", table.columns[a].name))
                      .with_hint("INCLUDE ... AS gives a column another name."));
    }
  }
  JsonOptions key_json = json, value_json = json;
  key_json.scalar = key_columns.size() == 1;
  value_json.whole = whole;
  if (upsert) {
    QW_ASSIGN_OR_RETURN(decoder.key_,
                        make_part(config.key_format, key_columns, table, config, key_json, "key"));
  }
  if (decoder.key_column_) {
    const Format format = config.key_format == Format::none ? Format::bytes : config.key_format;
    JsonOptions options = json;
    options.whole = true;
    QW_ASSIGN_OR_RETURN(decoder.included_key_,
                        make_part(format == Format::csv ? Format::text : format,
                                  {*decoder.key_column_}, table, config, options, "key"));
  }
  if (!value_columns.empty()) {
    QW_ASSIGN_OR_RETURN(decoder.value_, make_part(config.value_format, value_columns, table, config,
                                                  value_json, "value"));
  }
  decoder.tables_ = {std::move(table), quarantine_table(config, topic)};
  for (uint32_t index = 0; index < 2; index++) {
    std::vector<Type> types;
    for (const Column& column : decoder.tables_[index].columns) types.push_back(column.type);
    (index == kRows ? decoder.rows_ : decoder.errors_).emplace(index, std::move(types));
  }
  return decoder;
}

void MessageDecoder::begin(SourceTxn& txn, int64_t now_us) {
  now_us_ = now_us;
  rows_->begin(txn);
  errors_->begin(txn);
  quarantined_ = 0;
}

uint64_t MessageDecoder::finish() {
  rows_->finish();
  errors_->finish();
  return quarantined_;
}

void MessageDecoder::decode(const KafkaMessage& message) {
  if (!decode_row(message)) {
    rows_->drop_last();
    quarantine(message);
  }
}

bool MessageDecoder::decode_row(const KafkaMessage& message) {
  if (envelope_ == Envelope::upsert) {
    const bool tombstone = !message.value.has_value();
    const uint32_t row = rows_->add(tombstone ? RowOp::remove : RowOp::put);
    if (!message.key) {
      error_ = "key: the message has no key";
      return false;
    }
    if (!decode_part(*key_, *message.key, row)) {
      error_ = "key: " + error_;
      return false;
    }
    if (tombstone) return true;
    if (value_ && !decode_part(*value_, *message.value, row)) {
      error_ = "value: " + error_;
      return false;
    }
    return include(message, row);
  }
  const uint32_t row = rows_->add(RowOp::insert);
  if (!message.value) {
    error_ = "value: the message has no value";
    return false;
  }
  if (value_ && !decode_part(*value_, *message.value, row)) {
    error_ = "value: " + error_;
    return false;
  }
  return include(message, row);
}

bool MessageDecoder::decode_part(Part& part, std::string_view bytes, uint32_t row) {
  switch (part.format) {
    case Format::none:
      return true;
    case Format::json:
      if (part.json->decode(bytes, *rows_, row)) return true;
      error_ = part.json->error();
      return false;
    case Format::bytes:
      rows_->set(part.raw_column, row, Str::copy(bytes, rows_->arena()));
      return true;
    case Format::text: {
      auto good = check_utf8(bytes);
      if (good) good = part.columns[0].parse(bytes, *rows_, row);
      if (good) return true;
      error_ = fmt::format("column \"{}\": {}", part.name, good.error().message());
      return false;
    }
    case Format::csv:
      return decode_csv(part, bytes, row);
  }
  return false;
}

// One line: fields between delimiters, "" quotes, an empty unquoted field is NULL.
bool MessageDecoder::decode_csv(Part& part, std::string_view line, uint32_t row) {
  if (const auto good = check_utf8(line); !good) {
    error_ = good.error().message();
    return false;
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  size_t at = 0;
  for (size_t index = 0; index < part.columns.size(); index++) {
    scratch_.clear();
    bool quoted = false, inside = false;
    for (; at < line.size() && (inside || line[at] != csv_delimiter_); at++) {
      if (line[at] != '"') {
        scratch_ += line[at];
      } else if (!inside) {
        inside = quoted = true;
      } else if (at + 1 < line.size() && line[at + 1] == '"') {
        scratch_ += line[++at];
      } else {
        inside = false;
      }
    }
    const bool last = index + 1 == part.columns.size();
    if (inside || (at == line.size()) != last) {
      error_ = inside ? "a quote is not closed"
                      : fmt::format("{} columns are needed", part.columns.size());
      return false;
    }
    at++;
    const std::string& name = tables_[kRows].columns[part.columns[index].column()].name;
    if (scratch_.empty() && !quoted) {
      if (!part.not_null[index]) continue;
      error_ = fmt::format("column \"{}\" is NOT NULL", name);
      return false;
    }
    if (const auto good = part.columns[index].parse(scratch_, *rows_, row); !good) {
      error_ = fmt::format("column \"{}\": {}", name, good.error().message());
      return false;
    }
  }
  return true;
}

bool MessageDecoder::include(const KafkaMessage& message, uint32_t row) {
  if (partition_column_) rows_->set(*partition_column_, row, message.partition);
  if (offset_column_) rows_->set(*offset_column_, row, message.offset);
  if (timestamp_column_ && message.timestamp_us) {
    rows_->set(*timestamp_column_, row, *message.timestamp_us);
  }
  if (proctime_column_) rows_->set(*proctime_column_, row, now_us_);
  if (key_column_ && message.key && !decode_part(*included_key_, *message.key, row)) {
    error_ = "key: " + error_;
    return false;
  }
  if (!headers_column_) return true;
  // [{"key": name, "value": text}]; a value that is no text shows as PostgreSQL's hex form.
  std::string json = "[";
  for (const KafkaHeader& header : message.headers) {
    if (json.size() > 1) json += ',';
    json += "{\"key\":";
    const auto name_good = check_utf8(header.name);
    jsonb::append_json_string(name_good ? header.name : std::string_view("?"), json);
    json += ",\"value\":";
    if (!header.value) {
      json += "null";
    } else if (check_utf8(*header.value)) {
      jsonb::append_json_string(*header.value, json);
    } else {
      std::string hex = "\\x";
      for (const char byte : *header.value)
        hex += fmt::format("{:02x}", static_cast<unsigned char>(byte));
      jsonb::append_json_string(hex, json);
    }
    json += '}';
  }
  json += ']';
  const TextColumn column(*headers_column_, TypeId::jsonb, false);
  const auto good = column.parse(json, *rows_, row);
  if (!good) error_ = "headers: " + good.error().message();
  return good.has_value();
}

void MessageDecoder::quarantine(const KafkaMessage& message) {
  TableWriter& to = *errors_;
  const uint32_t row = to.add(RowOp::insert);
  to.set(0, row, Str::copy(topic_, to.arena()));
  to.set(1, row, message.partition);
  to.set(2, row, message.offset);
  if (message.timestamp_us) to.set(3, row, *message.timestamp_us);
  if (message.key) to.set(4, row, Str::copy(*message.key, to.arena()));
  if (message.value) to.set(5, row, Str::copy(*message.value, to.arena()));
  // What is quoted from the message may be cut or not be text at all.
  std::string text;
  for (const char letter : error_) {
    const auto byte = static_cast<unsigned char>(letter);
    text += byte < 0x20 ? '?' : letter;
  }
  if (!check_utf8(text)) {
    for (char& letter : text) {
      if (static_cast<unsigned char>(letter) >= 0x80) letter = '?';
    }
  }
  to.set(6, row, Str::copy(text, to.arena()));
  quarantined_++;
}

}  // namespace qw::ingest
