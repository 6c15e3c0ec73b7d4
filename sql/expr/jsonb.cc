// jsonb: access, containment, editing and taking apart, over src/types/jsonb.h. json is handled by
// parsing it to jsonb, and only where its text cannot show.
// Tests: tests/unit/sql_expr/cases/jsonb.tsv.
#include "src/types/jsonb.h"

#include <string>
#include <vector>

#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "src/types/array.h"

namespace qw::sql {
namespace {

using View = std::string_view;
using Json = std::optional<JsonView>;

Str stored(Result<std::string>&& document, Row& row) {
  if (!document) return row.fail(std::move(document).error());
  return row.text(*document);
}
std::optional<Str> as_document(const Json& value, Row& row) {
  if (!value) return std::nullopt;
  return value->document(row.arena());
}
std::optional<Str> as_text(const Json& value, Row& row) {
  if (!value || value->kind() == JsonKind::null) return std::nullopt;
  std::string out;
  jsonb::append_unquoted(*value, out);
  return row.text(out);
}

std::optional<Str> field(View json, View key, Row& row) {
  return as_document(jsonb::get(JsonView(json), key), row);
}
std::optional<Str> field_text(View json, View key, Row& row) {
  return as_text(jsonb::get(JsonView(json), key), row);
}
// A scalar is an array of itself here, as in PostgreSQL.
Json element_of(View json, int32_t index) {
  const JsonView value(json);
  if (value.is_scalar() && (index == 0 || index == -1)) return value;
  return jsonb::get(value, index);
}
std::optional<Str> element(View json, int32_t index, Row& row) {
  return as_document(element_of(json, index), row);
}
std::optional<Str> element_text(View json, int32_t index, Row& row) {
  return as_text(element_of(json, index), row);
}

// The texts of a text[]; false when one is NULL.
bool texts_of(View bytes, std::vector<View>& out) {
  const ArrayView array(bytes);
  for (uint32_t i = 0; i < array.size(); ++i) {
    if (array.is_null(i)) return false;
    out.push_back(array.raw(i));
  }
  return true;
}
Json at_path(View json, View path_bytes) {
  std::vector<View> path;
  if (!texts_of(path_bytes, path)) return std::nullopt;
  return jsonb::get_path(JsonView(json), path);
}
std::optional<Str> path(View json, View keys, Row& row) {
  return as_document(at_path(json, keys), row);
}
std::optional<Str> path_text(View json, View keys, Row& row) {
  return as_text(at_path(json, keys), row);
}

bool contains(View a, View b) { return jsonb::contains(JsonView(a), JsonView(b)); }
bool contained(View a, View b) { return contains(b, a); }
bool exists(View json, View key) { return jsonb::exists(JsonView(json), key); }
bool exists_any(View json, View keys) {
  const ArrayView array(keys);
  for (uint32_t i = 0; i < array.size(); ++i) {
    if (!array.is_null(i) && exists(json, array.raw(i))) return true;
  }
  return false;
}
bool exists_all(View json, View keys) {
  const ArrayView array(keys);
  for (uint32_t i = 0; i < array.size(); ++i) {
    if (!array.is_null(i) && !exists(json, array.raw(i))) return false;
  }
  return true;
}

Str concat(View a, View b, Row& row) {
  return stored(jsonb::concat(JsonView(a), JsonView(b)), row);
}
Str remove_key(View json, View key, Row& row) {
  return stored(jsonb::remove(JsonView(json), key), row);
}
Str remove_index(View json, int32_t index, Row& row) {
  return stored(jsonb::remove(JsonView(json), index), row);
}
Str remove_keys(View json, View keys, Row& row) {
  std::string document(json);
  const ArrayView array(keys);
  for (uint32_t i = 0; i < array.size(); ++i) {
    if (array.is_null(i)) continue;
    auto next = jsonb::remove(JsonView(document), array.raw(i));
    if (!next) return row.fail(next.error());
    document = std::move(*next);
  }
  if (array.size() == 0 && JsonView(json).is_scalar()) {
    return row.fail(invalid_parameter_value("cannot delete from scalar"));
  }
  return row.text(document);
}
Error null_path(View keys) {
  const ArrayView array(keys);
  uint32_t at = 0;
  while (!array.is_null(at)) ++at;
  return null_value_not_allowed(fmt::format("path element at position {} is null", at + 1));
}
Str remove_path(View json, View keys, Row& row) {
  std::vector<View> steps;
  if (!texts_of(keys, steps)) return row.fail(null_path(keys));
  return stored(jsonb::remove_path(JsonView(json), steps), row);
}
Error scalar_path() { return invalid_parameter_value("cannot set path in scalar"); }
Str set(View json, View keys, View to, bool create, Row& row) {
  if (JsonView(json).is_scalar()) return row.fail(scalar_path());
  std::vector<View> steps;
  if (!texts_of(keys, steps)) return row.fail(null_path(keys));
  return stored(jsonb::set_path(JsonView(json), steps, JsonView(to), create), row);
}
Str insert(View json, View keys, View what, bool after, Row& row) {
  if (JsonView(json).is_scalar()) return row.fail(scalar_path());
  std::vector<View> steps;
  if (!texts_of(keys, steps)) return row.fail(null_path(keys));
  return stored(jsonb::insert_path(JsonView(json), steps, JsonView(what), after), row);
}
std::optional<Str> refuse(Row& row, Error error) {
  row.fail(std::move(error));
  return std::nullopt;
}
std::optional<Str> set_lax(std::optional<View> json, std::optional<View> keys,
                           std::optional<View> to, std::optional<bool> create,
                           std::optional<View> treatment, Row& row) {
  if (!json || !keys || !create) return std::nullopt;
  if (to && treatment) return set(*json, *keys, *to, *create, row);
  if (!treatment || (*treatment != "raise_exception" && *treatment != "use_json_null" &&
                     *treatment != "delete_key" && *treatment != "return_target")) {
    return refuse(
        row,
        invalid_parameter_value(
            "null_value_treatment must be \"delete_key\", \"return_target\", \"use_json_null\", or "
            "\"raise_exception\""));
  }
  if (*treatment == "raise_exception") {
    return refuse(row,
                  null_value_not_allowed("JSON value must not be null")
                      .with_detail("Exception was raised because null_value_treatment is "
                                   "\"raise_exception\".")
                      .with_hint("To avoid, either change the null_value_treatment argument or "
                                 "ensure that an SQL NULL is not passed."));
  }
  if (*treatment == "delete_key") return remove_path(*json, *keys, row);
  if (*treatment == "return_target") return Str(*json);
  JsonBuilder builder;
  builder.null();
  auto null = builder.take();
  if (!null) return refuse(row, null.error());
  return set(*json, *keys, *null, *create, row);
}
Str strip_nulls(View json, Row& row) { return stored(jsonb::strip_nulls(JsonView(json)), row); }

Str type_name(View json, Row&) { return Str(JsonView(json).type_name()); }
int32_t array_length(View json, Row& row) {
  const JsonView value(json);
  if (value.is_object()) {
    return row.fail(invalid_parameter_value("cannot get array length of a non-array"));
  }
  if (!value.is_array()) {
    return row.fail(invalid_parameter_value("cannot get array length of a scalar"));
  }
  return static_cast<int32_t>(value.size());
}
Str pretty(View json, Row& row) {
  std::string out;
  jsonb::append_pretty(json, out);
  return row.text(out);
}

// ---- casts to SQL values ----------------------------------------------------------------------

Error cannot_cast(const JsonView& value, View target) {
  const View what = value.is_array()                   ? "array"
                    : value.is_object()                ? "object"
                    : value.kind() == JsonKind::null   ? "null"
                    : value.kind() == JsonKind::string ? "string"
                    : value.kind() == JsonKind::number ? "numeric"
                                                       : "boolean";
  return invalid_parameter_value(fmt::format("cannot cast jsonb {} to type {}", what, target));
}
bool to_bool(View json, Row& row) {
  const JsonView value(json);
  if (value.kind() == JsonKind::true_) return true;
  if (value.kind() == JsonKind::false_) return false;
  return row.fail(cannot_cast(value, "boolean"));
}
std::optional<Numeric> number_of(View json, View target, Row& row) {
  const JsonView value(json);
  if (value.kind() == JsonKind::number) return value.number();
  row.fail(cannot_cast(value, target));
  return std::nullopt;
}
Numeric to_numeric(View json, Row& row) {
  const auto number = number_of(json, "numeric", row);
  return number ? *number : Numeric();
}
template <typename T, Result<T> (*Convert)(Numeric)>
T to_number(View json, View target, Row& row) {
  const auto number = number_of(json, target, row);
  if (!number) return T{};
  return row.take(Convert(*number));
}
int16_t to_int2(View json, Row& row) {
  return to_number<int16_t, numeric::to_int2>(json, "smallint", row);
}
int32_t to_int4(View json, Row& row) {
  return to_number<int32_t, numeric::to_int4>(json, "integer", row);
}
int64_t to_int8(View json, Row& row) {
  return to_number<int64_t, numeric::to_int8>(json, "bigint", row);
}
float to_float4(View json, Row& row) {
  return to_number<float, numeric::to_float4>(json, "real", row);
}
double to_float8(View json, Row& row) {
  return to_number<double, numeric::to_float8>(json, "double precision", row);
}

// ---- json: what does not show its text
// ----------------------------------------------------------------------

template <auto F, typename... A>
auto parsed(View json, Row& row, A... args) -> decltype(F(json, args..., row)) {
  auto document = jsonb::parse(json);
  if (!document) return row.fail(document.error());
  const View bytes(row.arena().copy(*document), document->size());
  return F(bytes, args..., row);
}
Str json_typeof(View json, Row& row) { return parsed<type_name>(json, row); }
int32_t json_array_length(View json, Row& row) { return parsed<array_length>(json, row); }

void declare_json(Declarations& d) {
  d.add(3968, "json_typeof(json) text", each<json_typeof>());
  d.add(3956, "json_array_length(json) int4", each<json_array_length>());
}

}  // namespace

void declare_jsonb(Declarations& d) {
  d.add(3478, "jsonb_object_field(jsonb,text) jsonb", each<field>());
  d.add(3214, "jsonb_object_field_text(jsonb,text) text", each<field_text>());
  d.add(3215, "jsonb_array_element(jsonb,int4) jsonb", each<element>());
  d.add(3216, "jsonb_array_element_text(jsonb,int4) text", each<element_text>());
  d.add(3217, "jsonb_extract_path(jsonb,variadic _text) jsonb", each<path>());
  d.add(3940, "jsonb_extract_path_text(jsonb,variadic _text) text", each<path_text>());
  d.add(4046, "jsonb_contains(jsonb,jsonb) bool", each<contains>());
  d.add(4050, "jsonb_contained(jsonb,jsonb) bool", each<contained>());
  d.add(4047, "jsonb_exists(jsonb,text) bool", each<exists>());
  d.add(4048, "jsonb_exists_any(jsonb,_text) bool", each<exists_any>());
  d.add(4049, "jsonb_exists_all(jsonb,_text) bool", each<exists_all>());
  d.add(3301, "jsonb_concat(jsonb,jsonb) jsonb", each<concat>());
  d.add(3302, "jsonb_delete(jsonb,text) jsonb", each<remove_key>());
  d.add(3303, "jsonb_delete(jsonb,int4) jsonb", each<remove_index>());
  d.add(3343, "jsonb_delete(jsonb,variadic _text) jsonb", each<remove_keys>());
  d.add(3304, "jsonb_delete_path(jsonb,_text) jsonb", each<remove_path>());
  d.add(3305,
        "jsonb_set(jsonb_in jsonb,path _text,replacement jsonb,create_if_missing bool=t) jsonb",
        each<set>());
  d.add(5054,
        "jsonb_set_lax(jsonb_in jsonb,path _text,replacement jsonb,create_if_missing bool=t,"
        "null_value_treatment text=use_json_null) jsonb nonstrict",
        each<set_lax>());
  d.add(3579, "jsonb_insert(jsonb_in jsonb,path _text,replacement jsonb,insert_after bool=f) jsonb",
        each<insert>());
  d.add(3262, "jsonb_strip_nulls(jsonb) jsonb", each<strip_nulls>());
  d.add(3210, "jsonb_typeof(jsonb) text", each<type_name>());
  d.add(3207, "jsonb_array_length(jsonb) int4", each<array_length>());
  d.add(3306, "jsonb_pretty(jsonb) text", each<pretty>());
  d.add(3556, "bool(jsonb) bool", each<to_bool>());
  d.add(3449, "numeric(jsonb) numeric", each<to_numeric>());
  d.add(3450, "int2(jsonb) int2", each<to_int2>());
  d.add(3451, "int4(jsonb) int4", each<to_int4>());
  d.add(3452, "int8(jsonb) int8", each<to_int8>());
  d.add(3453, "float4(jsonb) float4", each<to_float4>());
  d.add(2580, "float8(jsonb) float8", each<to_float8>());
  declare_json(d);
}

}  // namespace qw::sql
