// Functions over the catalogue: definitions as text, visibility, comments, privileges.
//
// There is one role, which owns everything: every privilege is held. There are no comments, rules
// or triggers: what asks for their text gets NULL.
#include "sql/system/catalogue_functions.h"

#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/parser.h"
#include "sql/system/names.h"
#include "sql/system/objects.h"
#include "src/types/array_builder.h"

namespace qw::sql {
namespace {

using View = std::string_view;

std::nullopt_t failed(Row& row, Error error) {
  row.fail(std::move(error));
  return std::nullopt;
}
using Text = std::optional<Str>;

// Views have no session's catalogue; such calls belong to reads.
const Catalog* catalog_of(Row& row) { return row.context().catalog; }

// ---- kernels that do not look at values -----------------------------------------------------

void always_null(KernelCall& call) { *call.result = Vector::null(call.result_type, *call.arena); }

template <bool kAnswer>
void always(KernelCall& call) {
  kernel::Frame frame(call, false);
  if (frame.done) return;
  bool* out = kernel::result_of<bool>(frame);
  for (uint32_t i = 0; i < call.rows; ++i) out[i] = kAnswer;
}

// ---- definitions ----------------------------------------------------------------------------

Str expression_text(View text, uint32_t, Row& row) { return row.text(text); }
Str expression_text_pretty(View text, uint32_t, bool, Row& row) { return row.text(text); }

Text index_text(uint32_t oid, Row& row) {
  const auto index = find_index(*catalog_of(row), oid);
  return index ? Text(row.text(index_definition(*index))) : std::nullopt;
}
Text index_part_text(uint32_t oid, int32_t column, bool pretty, Row& row) {
  if (column == 0 && !pretty) return index_text(oid, row);
  const auto index = find_index(*catalog_of(row), oid);
  if (!index) return std::nullopt;
  if (column == 0) {
    // Pretty: a visible table stands without its schema.
    std::string text = index_definition(*index);
    bool known = false;
    if (class_is_visible(row.context(), index->relation->id.value, known)) {
      const std::string schema = quote_identifier(index->schema) + ".";
      if (const size_t at = text.find(" ON " + schema); at != std::string::npos) {
        text.erase(at + 4, schema.size());
      }
    }
    return row.text(text);
  }
  if (column < 1 || static_cast<size_t>(column) > index->columns.size()) return row.text("");
  return row.text(index_column_definition(*index, static_cast<size_t>(column) - 1));
}

Text constraint_text(uint32_t oid, Row& row) {
  for (const KeyIndex& index : all_indexes(*catalog_of(row))) {
    if (index.constraint == oid && oid != 0) return row.text(constraint_definition(index));
  }
  return std::nullopt;
}
Text constraint_text_pretty(uint32_t oid, bool, Row& row) { return constraint_text(oid, row); }

Text view_text(uint32_t oid, Row& row) {
  const Relation* relation = catalog_of(row)->find(ObjectId{oid});
  const bool view = relation != nullptr && (relation->kind == RelationKind::view ||
                                            relation->kind == RelationKind::materialized_view);
  return view ? Text(row.text(view_definition(*relation))) : std::nullopt;
}
Text view_text_pretty(uint32_t oid, bool, Row& row) { return view_text(oid, row); }
Text view_text_wrapped(uint32_t oid, int32_t, Row& row) { return view_text(oid, row); }
Text view_text_by_name(View name, Row& row) {
  auto oid = find_class(row.context(), name);
  if (!oid) return failed(row, std::move(oid).error());
  if (!*oid) {
    return failed(row, undefined_table(fmt::format("relation \"{}\" does not exist", name)));
  }
  return view_text(**oid, row);
}
Text view_text_by_name_pretty(View name, bool, Row& row) { return view_text_by_name(name, row); }

Text function_arguments(uint32_t oid, Row& row) {
  const FunctionName* function = find_function(oid);
  if (function == nullptr) return std::nullopt;
  std::string out;
  for (const uint32_t type : function->arguments) {
    out += (out.empty() ? "" : ", ") + type_text(type, std::nullopt);
  }
  return row.text(out);
}
Text function_result(uint32_t oid, Row& row) {
  const FunctionName* function = find_function(oid);
  if (function == nullptr) return std::nullopt;
  return row.text((function->returns_set ? "SETOF " : "") +
                  type_text(function->result, std::nullopt));
}

// ---- visibility -----------------------------------------------------------------------------

std::optional<bool> table_is_visible(uint32_t oid, Row& row) {
  bool known = false;
  const bool visible = class_is_visible(row.context(), oid, known);
  return known ? std::optional<bool>(visible) : std::nullopt;
}
std::optional<bool> type_is_visible(uint32_t oid, Row&) {
  return type_text(oid, std::nullopt) == "???" ? std::nullopt : std::optional<bool>(true);
}
std::optional<bool> function_is_visible(uint32_t oid, Row&) {
  return find_function(oid) == nullptr ? std::nullopt : std::optional<bool>(true);
}

// ---- names ----------------------------------------------------------------------------------

Str user_by_id(uint32_t oid, Row& row) {
  if (oid == kOwnerOid) return row.text(row.context().user);
  return row.text(fmt::format("unknown (OID={})", oid));
}

Text current_schema(Row& row) {
  const EvalContext& context = row.context();
  for (const std::string& schema : context.search_path) {
    if (context.catalog != nullptr && context.catalog->schema_exists(schema)) {
      return row.text(schema);
    }
  }
  return std::nullopt;
}

Str current_schemas(bool implicit, Row& row) {
  const EvalContext& context = row.context();
  ArrayBuilder out(TypeId::name);
  const std::vector<std::string> written(context.search_path.begin(), context.search_path.end());
  for (const std::string& schema : implicit ? effective_path(context.search_path) : written) {
    if (context.catalog != nullptr && context.catalog->schema_exists(schema)) out.add_raw(schema);
  }
  return out.finish(row.arena());
}

Str encoding_name(int32_t encoding, Row& row) {
  return row.text(encoding == 6 ? "UTF8" : encoding == 0 ? "SQL_ASCII" : "");
}
int32_t encoding_number(View name, Row&) {
  return name == "UTF8" || name == "utf8" ? 6 : name == "SQL_ASCII" ? 0 : -1;
}
Str encoding_utf8(Row& row) { return row.text("UTF8"); }

Text relation_column_sequence(View, View, Row&) { return std::nullopt; }

uint32_t no_schema(Row&) { return 0; }
// INSERT, UPDATE and DELETE, as bits 3, 2 and 4 of PostgreSQL's CmdType.
int32_t updatable_events(uint32_t oid, bool, Row& row) {
  const Relation* relation = catalog_of(row)->find(ObjectId{oid});
  return relation != nullptr && relation->kind == RelationKind::table ? 28 : 0;
}
bool column_is_updatable(uint32_t oid, int16_t, bool, Row& row) {
  return updatable_events(oid, false, row) != 0;
}

struct Signature {
  uint32_t oid;
  View text;
};
// Nothing of the kind exists: NULL, whatever is asked for.
constexpr Signature kNulls[] = {
    {1216, "col_description(oid,int4) text stable"},
    {1215, "obj_description(oid,name) text stable"},
    {1348, "obj_description(oid) text stable"},
    {1993, "shobj_description(oid,name) text stable"},
    {2098, "pg_get_functiondef(oid) text stable"},
    {6197, "pg_get_function_sqlbody(oid) text stable"},
    {1662, "pg_get_triggerdef(oid) text stable"},
    {2730, "pg_get_triggerdef(oid,bool) text stable"},
    {1573, "pg_get_ruledef(oid) text stable"},
    {2504, "pg_get_ruledef(oid,bool) text stable"},
    {3352, "pg_get_partkeydef(oid) text stable"},
    {6174, "pg_get_statisticsobjdef_columns(oid) text stable"},
    {3424, "pg_partition_root(regclass) regclass"},
    {3778, "pg_tablespace_location(oid) text stable"},
};
constexpr Signature kVisible[] = {
    {2082, "pg_operator_is_visible(oid) bool stable"},
    {2083, "pg_opclass_is_visible(oid) bool stable"},
    {3829, "pg_opfamily_is_visible(oid) bool stable"},
    {3815, "pg_collation_is_visible(oid) bool stable"},
    {2093, "pg_conversion_is_visible(oid) bool stable"},
    {3403, "pg_statistics_obj_is_visible(oid) bool stable"},
    {3758, "pg_ts_config_is_visible(oid) bool stable"},
    {3757, "pg_ts_dict_is_visible(oid) bool stable"},
    {3756, "pg_ts_parser_is_visible(oid) bool stable"},
    {3768, "pg_ts_template_is_visible(oid) bool stable"},
};
constexpr Signature kFalse[] = {
    {2855, "pg_is_other_temp_schema(oid) bool stable"},
    {3810, "pg_is_in_recovery() bool volatile"},
    {6121, "pg_relation_is_publishable(regclass) bool stable"},
};
constexpr Signature kPrivileges[] = {
    {3024, "has_any_column_privilege(name,text,text) bool stable"},
    {3025, "has_any_column_privilege(name,oid,text) bool stable"},
    {3026, "has_any_column_privilege(oid,text,text) bool stable"},
    {3027, "has_any_column_privilege(oid,oid,text) bool stable"},
    {3028, "has_any_column_privilege(text,text) bool stable"},
    {3029, "has_any_column_privilege(oid,text) bool stable"},
    {3012, "has_column_privilege(name,text,text,text) bool stable"},
    {3013, "has_column_privilege(name,text,int2,text) bool stable"},
    {3014, "has_column_privilege(name,oid,text,text) bool stable"},
    {3015, "has_column_privilege(name,oid,int2,text) bool stable"},
    {3016, "has_column_privilege(oid,text,text,text) bool stable"},
    {3017, "has_column_privilege(oid,text,int2,text) bool stable"},
    {3018, "has_column_privilege(oid,oid,text,text) bool stable"},
    {3019, "has_column_privilege(oid,oid,int2,text) bool stable"},
    {3020, "has_column_privilege(text,text,text) bool stable"},
    {3021, "has_column_privilege(text,int2,text) bool stable"},
    {3022, "has_column_privilege(oid,text,text) bool stable"},
    {3023, "has_column_privilege(oid,int2,text) bool stable"},
    {2250, "has_database_privilege(name,text,text) bool stable"},
    {2251, "has_database_privilege(name,oid,text) bool stable"},
    {2252, "has_database_privilege(oid,text,text) bool stable"},
    {2253, "has_database_privilege(oid,oid,text) bool stable"},
    {2254, "has_database_privilege(text,text) bool stable"},
    {2255, "has_database_privilege(oid,text) bool stable"},
    {2256, "has_function_privilege(name,text,text) bool stable"},
    {2257, "has_function_privilege(name,oid,text) bool stable"},
    {2258, "has_function_privilege(oid,text,text) bool stable"},
    {2259, "has_function_privilege(oid,oid,text) bool stable"},
    {2260, "has_function_privilege(text,text) bool stable"},
    {2261, "has_function_privilege(oid,text) bool stable"},
    {2262, "has_language_privilege(name,text,text) bool stable"},
    {2263, "has_language_privilege(name,oid,text) bool stable"},
    {2264, "has_language_privilege(oid,text,text) bool stable"},
    {2265, "has_language_privilege(oid,oid,text) bool stable"},
    {2266, "has_language_privilege(text,text) bool stable"},
    {2267, "has_language_privilege(oid,text) bool stable"},
    {2268, "has_schema_privilege(name,text,text) bool stable"},
    {2269, "has_schema_privilege(name,oid,text) bool stable"},
    {2270, "has_schema_privilege(oid,text,text) bool stable"},
    {2271, "has_schema_privilege(oid,oid,text) bool stable"},
    {2272, "has_schema_privilege(text,text) bool stable"},
    {2273, "has_schema_privilege(oid,text) bool stable"},
    {2181, "has_sequence_privilege(name,text,text) bool stable"},
    {2182, "has_sequence_privilege(name,oid,text) bool stable"},
    {2183, "has_sequence_privilege(oid,text,text) bool stable"},
    {2184, "has_sequence_privilege(oid,oid,text) bool stable"},
    {2185, "has_sequence_privilege(text,text) bool stable"},
    {2186, "has_sequence_privilege(oid,text) bool stable"},
    {1922, "has_table_privilege(name,text,text) bool stable"},
    {1923, "has_table_privilege(name,oid,text) bool stable"},
    {1924, "has_table_privilege(oid,text,text) bool stable"},
    {1925, "has_table_privilege(oid,oid,text) bool stable"},
    {1926, "has_table_privilege(text,text) bool stable"},
    {1927, "has_table_privilege(oid,text) bool stable"},
    {2390, "has_tablespace_privilege(name,text,text) bool stable"},
    {2391, "has_tablespace_privilege(name,oid,text) bool stable"},
    {2392, "has_tablespace_privilege(oid,text,text) bool stable"},
    {2393, "has_tablespace_privilege(oid,oid,text) bool stable"},
    {2394, "has_tablespace_privilege(text,text) bool stable"},
    {2395, "has_tablespace_privilege(oid,text) bool stable"},
    {3138, "has_type_privilege(name,text,text) bool stable"},
    {3139, "has_type_privilege(name,oid,text) bool stable"},
    {3140, "has_type_privilege(oid,text,text) bool stable"},
    {3141, "has_type_privilege(oid,oid,text) bool stable"},
    {3142, "has_type_privilege(text,text) bool stable"},
    {3143, "has_type_privilege(oid,text) bool stable"},
    {2705, "pg_has_role(name,name,text) bool stable"},
    {2706, "pg_has_role(name,oid,text) bool stable"},
    {2707, "pg_has_role(oid,name,text) bool stable"},
    {2708, "pg_has_role(oid,oid,text) bool stable"},
    {2709, "pg_has_role(name,text) bool stable"},
    {2710, "pg_has_role(oid,text) bool stable"},
};

}  // namespace

void declare_catalogue_functions(Declarations& d) {
  for (const Signature& one : kNulls) d.add(one.oid, one.text, {&always_null, true});
  for (const Signature& one : kVisible) d.add(one.oid, one.text, {&always<true>, true});
  for (const Signature& one : kPrivileges) d.add(one.oid, one.text, {&always<true>, true});
  for (const Signature& one : kFalse) d.add(one.oid, one.text, {&always<false>, true});
  d.add(1716, "pg_get_expr(pg_node_tree,oid) text stable", each<expression_text>());
  d.add(2509, "pg_get_expr(pg_node_tree,oid,bool) text stable", each<expression_text_pretty>());
  d.add(1643, "pg_get_indexdef(oid) text stable", each<index_text>());
  d.add(2507, "pg_get_indexdef(oid,int4,bool) text stable", each<index_part_text>());
  d.add(1387, "pg_get_constraintdef(oid) text stable", each<constraint_text>());
  d.add(2508, "pg_get_constraintdef(oid,bool) text stable", each<constraint_text_pretty>());
  d.add(1641, "pg_get_viewdef(oid) text stable", each<view_text>());
  d.add(2506, "pg_get_viewdef(oid,bool) text stable", each<view_text_pretty>());
  d.add(3159, "pg_get_viewdef(oid,int4) text stable", each<view_text_wrapped>());
  d.add(1640, "pg_get_viewdef(text) text stable", each<view_text_by_name>());
  d.add(2505, "pg_get_viewdef(text,bool) text stable", each<view_text_by_name_pretty>());
  d.add(2162, "pg_get_function_arguments(oid) text stable", each<function_arguments>());
  d.add(2232, "pg_get_function_identity_arguments(oid) text stable", each<function_arguments>());
  d.add(2165, "pg_get_function_result(oid) text stable", each<function_result>());
  d.add(1665, "pg_get_serial_sequence(text,text) text stable", each<relation_column_sequence>());
  d.add(2079, "pg_table_is_visible(oid) bool stable", each<table_is_visible>());
  d.add(2080, "pg_type_is_visible(oid) bool stable", each<type_is_visible>());
  d.add(2081, "pg_function_is_visible(oid) bool stable", each<function_is_visible>());
  d.add(1642, "pg_get_userbyid(oid) name stable", each<user_by_id>());
  d.add(1402, "current_schema() name stable", each<current_schema>());
  d.add(1403, "current_schemas(bool) _name stable", each<current_schemas>());
  d.add(1597, "pg_encoding_to_char(int4) name stable", each<encoding_name>());
  d.add(1264, "pg_char_to_encoding(name) int4 stable", each<encoding_number>());
  d.add(1039, "getdatabaseencoding() name stable", each<encoding_utf8>());
  d.add(810, "pg_client_encoding() name stable", each<encoding_utf8>());
  d.add(2854, "pg_my_temp_schema() oid stable", each<no_schema>());
  d.add(3842, "pg_relation_is_updatable(regclass,bool) int4 stable", each<updatable_events>());
  d.add(3843, "pg_column_is_updatable(regclass,int2,bool) bool stable",
        each<column_is_updatable>());
}

bool add_catalogue_declarations() {
  add_declarations(declare_catalogue_functions);
  add_declarations(declare_reg_types);
  add_declarations(declare_session_calls);
  return true;
}

}  // namespace qw::sql
