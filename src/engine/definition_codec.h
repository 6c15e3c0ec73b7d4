// DefinitionCodec: the payload of a catalogue object, as bytes.
//
// A relation's columns, keys and properties, a view's operator states, a source table's upstream
// facts: what the definition text alone does not say or could not say again. Little-endian, counts
// and lengths as uint32, a format byte first. Damaged bytes give XX001. Tests:
// tests/unit/engine/definition_codec_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/source.h"
#include "sql/catalog.h"
#include "src/base/result.h"
#include "views/dataflow.h"

namespace qw::engine {

struct RelationPayload {
  sql::Relation relation;  // columns, keys, append_only, monotone; not its name, id or plan
  std::vector<views::StateInfo> states;  // materialized view
  // source_table
  uint32_t table_index = 0;
  bool quarantine = false;
  std::string upstream, descriptor;
};

std::string encode_payload(const RelationPayload& payload);
Result<RelationPayload> decode_payload(std::string_view bytes);

}  // namespace qw::engine
