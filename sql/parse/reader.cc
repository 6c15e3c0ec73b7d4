// See reader.h. Tests: tests/unit/sql_parse/.
#include "sql/parse/reader.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <bit>

namespace qw::sql::parsing {

namespace {

using Value = simdjson::ondemand::value;
using Field = simdjson::simdjson_result<simdjson::ondemand::field>;

static_assert(sizeof(Value) == sizeof(Json) && std::is_trivially_copyable_v<Value>);

Value value_of(Json json) { return std::bit_cast<Value>(json); }

std::string_view key_of(Field& field) {
  // Keys are C identifiers: no escapes to resolve.
  const char* begin = field.key().value().raw();
  const char* end = begin;
  while (*end != '"') ++end;
  return {begin, static_cast<size_t>(end - begin)};
}

}  // namespace

void each_field(Json object, Visit<void(std::string_view, Json)> visit) {
  for (Field field : value_of(object).get_object()) {
    const std::string_view key = key_of(field);
    visit(key, std::bit_cast<Json>(field.value().value()));
  }
}

void each_item(Json array, Visit<void(Json)> visit) {
  for (auto item : value_of(array).get_array()) visit(std::bit_cast<Json>(item.value()));
}

void with_node(Json node, Visit<void(std::string_view, Json)> visit) { each_field(node, visit); }

std::string_view view_of(Json value) { return value_of(value).get_string().value(); }
std::string text_of(Json value) { return std::string(view_of(value)); }
int64_t int_of(Json value) { return value_of(value).get_int64().value(); }
bool bool_of(Json value) { return value_of(value).get_bool().value(); }

Result<void> read_tree(const PaddedJson& json, Visit<void(std::string_view, Json)> visit) {
  try {
    simdjson::ondemand::parser parser;
#if SIMDJSON_DEVELOPMENT_CHECKS
    // Unoptimised builds keep a position per level.
    if (parser.allocate(json.capacity, 20000) != simdjson::SUCCESS) {
      return fail(out_of_memory("out of memory"));
    }
#endif
    simdjson::ondemand::document document =
        parser.iterate(json.bytes.get(), json.size, json.capacity);
    for (Field field : document.get_object()) {
      const std::string_view key = key_of(field);
      visit(key, std::bit_cast<Json>(field.value().value()));
    }
  } catch (const simdjson::simdjson_error& error) {
    return fail(internal_error(fmt::format("reading the parse tree: {}", error.what())));
  }
  return {};
}

}  // namespace qw::sql::parsing
