// DefinitionCodec: see definition_codec.h.
#include "src/engine/definition_codec.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/bytes.h"

namespace qw::engine {
namespace {

constexpr uint8_t kFormat = 1;

void put_string(std::string& out, std::string_view text) {
  append<uint32_t>(out, static_cast<uint32_t>(text.size()));
  out += text;
}

void put_columns(std::string& out, const std::vector<uint32_t>& columns) {
  append<uint32_t>(out, static_cast<uint32_t>(columns.size()));
  for (const uint32_t column : columns) append<uint32_t>(out, column);
}

// Reads with one error for everything that is damaged; after the first failure all reads give zero.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : reader_(bytes) {}
  bool ok() const { return ok_; }
  template <typename T>
  T number() {
    const auto value = reader_.read<T>();
    if (!value) ok_ = false;
    return value.value_or(T{});
  }
  std::string string() {
    const auto bytes = reader_.read_bytes(number<uint32_t>());
    if (!bytes) ok_ = false;
    return std::string(bytes.value_or(std::string_view()));
  }
  // A count whose items take at least one byte each.
  uint32_t count() {
    const auto value = number<uint32_t>();
    if (value > reader_.remaining()) ok_ = false;
    return ok_ ? value : 0;
  }
  std::vector<uint32_t> columns() {
    std::vector<uint32_t> out(count());
    for (uint32_t& column : out) column = number<uint32_t>();
    return out;
  }

 private:
  ByteReader reader_;
  bool ok_ = true;
};

}  // namespace

std::string encode_payload(const RelationPayload& payload) {
  std::string out;
  append<uint8_t>(out, kFormat);
  const sql::Relation& relation = payload.relation;
  append<uint32_t>(out, static_cast<uint32_t>(relation.columns.size()));
  for (const sql::ColumnInfo& column : relation.columns) {
    put_string(out, column.name);
    append<uint32_t>(out, column.type.oid());
    append<int32_t>(out, column.type.typmod);
    append<uint8_t>(out, column.not_null ? 1 : 0);
    put_string(out, column.default_sql);
  }
  put_columns(out, relation.primary_key);
  put_string(out, relation.primary_key_name);
  append<uint32_t>(out, static_cast<uint32_t>(relation.unique_keys.size()));
  for (const auto& key : relation.unique_keys) put_columns(out, key);
  append<uint8_t>(out, relation.append_only ? 1 : 0);
  put_columns(out, relation.monotone);
  append<uint32_t>(out, relation.source.value);
  append<uint32_t>(out, static_cast<uint32_t>(payload.states.size()));
  for (const views::StateInfo& state : payload.states) {
    append<uint32_t>(out, state.id.value);
    put_string(out, state.layout);
  }
  append<uint32_t>(out, payload.table_index);
  append<uint8_t>(out, payload.quarantine ? 1 : 0);
  put_string(out, payload.upstream);
  put_string(out, payload.descriptor);
  return out;
}

Result<RelationPayload> decode_payload(std::string_view bytes) {
  Reader in(bytes);
  RelationPayload payload;
  if (in.number<uint8_t>() != kFormat) {
    return fail(data_corrupted("a catalogue entry has an unknown format"));
  }
  sql::Relation& relation = payload.relation;
  for (uint32_t left = in.count(); left > 0 && in.ok(); --left) {
    sql::ColumnInfo column;
    column.name = in.string();
    const auto type = Type::from_oid(in.number<uint32_t>());
    if (!type) return fail(data_corrupted("a catalogue entry names an unknown type"));
    column.type = *type;
    column.type.typmod = in.number<int32_t>();
    column.not_null = in.number<uint8_t>() != 0;
    column.default_sql = in.string();
    relation.columns.push_back(std::move(column));
  }
  relation.primary_key = in.columns();
  relation.primary_key_name = in.string();
  for (uint32_t left = in.count(); left > 0 && in.ok(); --left) {
    relation.unique_keys.push_back(in.columns());
  }
  relation.append_only = in.number<uint8_t>() != 0;
  relation.monotone = in.columns();
  relation.source.value = in.number<uint32_t>();
  for (uint32_t left = in.count(); left > 0 && in.ok(); --left) {
    views::StateInfo state;
    state.id.value = in.number<uint32_t>();
    state.layout = in.string();
    payload.states.push_back(std::move(state));
  }
  payload.table_index = in.number<uint32_t>();
  payload.quarantine = in.number<uint8_t>() != 0;
  payload.upstream = in.string();
  payload.descriptor = in.string();
  if (!in.ok()) return fail(data_corrupted("a catalogue entry is damaged"));
  return payload;
}

}  // namespace qw::engine
