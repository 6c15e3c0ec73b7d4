// Type: see type.h. The table was asked from PostgreSQL 15's pg_type.
#include "src/types/type.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"

namespace qw {
namespace {

constexpr std::array<TypeInfo, 52> kTypes = {{
    {TypeId::boolean, 16, 1000, "bool", "boolean", 1, 'B', true, Physical::b1},
    {TypeId::int2, 21, 1005, "int2", "smallint", 2, 'N', false, Physical::i16},
    {TypeId::int4, 23, 1007, "int4", "integer", 4, 'N', false, Physical::i32},
    {TypeId::int8, 20, 1016, "int8", "bigint", 8, 'N', false, Physical::i64},
    {TypeId::oid, 26, 1028, "oid", "oid", 4, 'N', true, Physical::u32},
    {TypeId::float4, 700, 1021, "float4", "real", 4, 'N', false, Physical::f32},
    {TypeId::float8, 701, 1022, "float8", "double precision", 8, 'N', true, Physical::f64},
    {TypeId::numeric, 1700, 1231, "numeric", "numeric", -1, 'N', false, Physical::numeric},
    {TypeId::text, 25, 1009, "text", "text", -1, 'S', true, Physical::string},
    {TypeId::varchar, 1043, 1015, "varchar", "character varying", -1, 'S', false, Physical::string},
    {TypeId::bpchar, 1042, 1014, "bpchar", "character", -1, 'S', false, Physical::string},
    {TypeId::bytea, 17, 1001, "bytea", "bytea", -1, 'U', false, Physical::string},
    {TypeId::name, 19, 1003, "name", "name", 64, 'S', false, Physical::string},
    {TypeId::char_, 18, 1002, "char", "\"char\"", 1, 'Z', false, Physical::i1},
    {TypeId::date, 1082, 1182, "date", "date", 4, 'D', false, Physical::i32},
    {TypeId::time, 1083, 1183, "time", "time without time zone", 8, 'D', false, Physical::i64},
    {TypeId::timetz, 1266, 1270, "timetz", "time with time zone", 12, 'D', false, Physical::wide16},
    {TypeId::timestamp, 1114, 1115, "timestamp", "timestamp without time zone", 8, 'D', false,
     Physical::i64},
    {TypeId::timestamptz, 1184, 1185, "timestamptz", "timestamp with time zone", 8, 'D', true,
     Physical::i64},
    {TypeId::interval, 1186, 1187, "interval", "interval", 16, 'T', true, Physical::wide16},
    {TypeId::uuid, 2950, 2951, "uuid", "uuid", 16, 'U', false, Physical::wide16},
    {TypeId::json, 114, 199, "json", "json", -1, 'U', false, Physical::string},
    {TypeId::jsonb, 3802, 3807, "jsonb", "jsonb", -1, 'U', false, Physical::string},
    {TypeId::regclass, 2205, 2210, "regclass", "regclass", 4, 'N', false, Physical::u32},
    {TypeId::regtype, 2206, 2211, "regtype", "regtype", 4, 'N', false, Physical::u32},
    {TypeId::regproc, 24, 1008, "regproc", "regproc", 4, 'N', false, Physical::u32},
    {TypeId::regprocedure, 2202, 2207, "regprocedure", "regprocedure", 4, 'N', false,
     Physical::u32},
    {TypeId::regnamespace, 4089, 4090, "regnamespace", "regnamespace", 4, 'N', false,
     Physical::u32},
    {TypeId::regrole, 4096, 4097, "regrole", "regrole", 4, 'N', false, Physical::u32},
    {TypeId::regoper, 2203, 2208, "regoper", "regoper", 4, 'N', false, Physical::u32},
    {TypeId::regoperator, 2204, 2209, "regoperator", "regoperator", 4, 'N', false, Physical::u32},
    {TypeId::regcollation, 4191, 4192, "regcollation", "regcollation", 4, 'N', false,
     Physical::u32},
    {TypeId::xid, 28, 1011, "xid", "xid", 4, 'U', false, Physical::u32},
    {TypeId::cid, 29, 1012, "cid", "cid", 4, 'U', false, Physical::u32},
    {TypeId::tid, 27, 1010, "tid", "tid", 6, 'U', false, Physical::i64},
    {TypeId::pg_lsn, 3220, 3221, "pg_lsn", "pg_lsn", 8, 'U', false, Physical::i64},
    {TypeId::int2vector, 22, 1006, "int2vector", "int2vector", -1, 'A', false, Physical::string},
    {TypeId::oidvector, 30, 1013, "oidvector", "oidvector", -1, 'A', false, Physical::string},
    {TypeId::pg_node_tree, 194, 0, "pg_node_tree", "pg_node_tree", -1, 'Z', false,
     Physical::string},
    {TypeId::aclitem, 1033, 1034, "aclitem", "aclitem", 12, 'U', false, Physical::string},
    {TypeId::unknown, 705, 0, "unknown", "unknown", -2, 'X', false, Physical::string},
    {TypeId::void_, 2278, 0, "void", "void", 4, 'P', false, Physical::none},
    {TypeId::record, 2249, 2287, "record", "record", -1, 'P', false, Physical::string},
    // An array type's oid and names come from its element; see Type::oid().
    {TypeId::array, 2277, 0, "anyarray", "anyarray", -1, 'A', false, Physical::string},
    {TypeId::any, 2276, 0, "any", "\"any\"", 4, 'P', false, Physical::none},
    {TypeId::anyelement, 2283, 0, "anyelement", "anyelement", 4, 'P', false, Physical::none},
    {TypeId::anyarray, 2277, 0, "anyarray", "anyarray", -1, 'P', false, Physical::none},
    {TypeId::anynonarray, 2776, 0, "anynonarray", "anynonarray", 4, 'P', false, Physical::none},
    {TypeId::anycompatible, 5077, 0, "anycompatible", "anycompatible", 4, 'P', false,
     Physical::none},
    {TypeId::anycompatiblearray, 5078, 0, "anycompatiblearray", "anycompatiblearray", -1, 'P',
     false, Physical::none},
    {TypeId::cstring, 2275, 1263, "cstring", "cstring", -2, 'P', false, Physical::string},
    {TypeId::trigger, 2279, 0, "trigger", "trigger", 4, 'P', false, Physical::none},
}};
constexpr size_t kTypeCount = static_cast<size_t>(TypeId::trigger) + 1;

constexpr bool in_enum_order() {
  for (size_t i = 0; i < kTypeCount; ++i) {
    if (static_cast<size_t>(kTypes[i].id) != i) return false;
  }
  return true;
}
static_assert(in_enum_order());

struct Alias {
  std::string_view spelling;
  TypeId id;
};
// Spellings of the SQL grammar besides typname and format_type().
constexpr std::array<Alias, 14> kAliases = {{
    {"int", TypeId::int4},
    {"dec", TypeId::numeric},
    {"decimal", TypeId::numeric},
    {"float", TypeId::float8},
    {"char varying", TypeId::varchar},
    {"national character varying", TypeId::varchar},
    {"national character", TypeId::bpchar},
    {"nchar", TypeId::bpchar},
    {"timestamp with time zone", TypeId::timestamptz},
    {"timestamp without time zone", TypeId::timestamp},
    {"time with time zone", TypeId::timetz},
    {"time without time zone", TypeId::time},
    {"serial", TypeId::int4},
    {"bigserial", TypeId::int8},
}};

std::optional<TypeId> scalar_from_name(std::string_view name) {
  for (size_t i = 0; i < kTypeCount; ++i) {
    if (kTypes[i].id == TypeId::array) continue;
    if (kTypes[i].name == name || kTypes[i].sql_name == name) return kTypes[i].id;
  }
  for (const Alias& alias : kAliases) {
    if (alias.spelling == name) return alias.id;
  }
  return std::nullopt;
}

// Fields of an interval typmod's upper half, as bits of PostgreSQL's INTERVAL_MASK.
std::string interval_fields(int32_t range) {
  constexpr int32_t year = 1 << 2, month = 1 << 1, day = 1 << 3, hour = 1 << 10, minute = 1 << 11,
                    second = 1 << 12;
  if (range == year) return " year";
  if (range == month) return " month";
  if (range == day) return " day";
  if (range == hour) return " hour";
  if (range == minute) return " minute";
  if (range == second) return " second";
  if (range == (year | month)) return " year to month";
  if (range == (day | hour)) return " day to hour";
  if (range == (day | hour | minute)) return " day to minute";
  if (range == (day | hour | minute | second)) return " day to second";
  if (range == (hour | minute)) return " hour to minute";
  if (range == (hour | minute | second)) return " hour to second";
  if (range == (minute | second)) return " minute to second";
  return "";
}

std::string scalar_sql_name(TypeId id, int32_t typmod) {
  if (typmod < 0) return std::string(type_info(id).sql_name);
  if (id == TypeId::numeric) {
    return fmt::format("numeric({},{})", numeric_precision(typmod), numeric_scale(typmod));
  }
  if (id == TypeId::varchar) return fmt::format("character varying({})", typmod_length(typmod));
  if (id == TypeId::bpchar) return fmt::format("character({})", typmod_length(typmod));
  if (id == TypeId::time) return fmt::format("time({}) without time zone", typmod);
  if (id == TypeId::timetz) return fmt::format("time({}) with time zone", typmod);
  if (id == TypeId::timestamp) return fmt::format("timestamp({}) without time zone", typmod);
  if (id == TypeId::timestamptz) return fmt::format("timestamp({}) with time zone", typmod);
  if (id == TypeId::interval) {
    std::string name = "interval" + interval_fields((typmod >> 16) & 0x7fff);
    if ((typmod & 0xffff) != 0xffff) name += fmt::format("({})", typmod & 0xffff);
    return name;
  }
  return std::string(type_info(id).sql_name);
}

}  // namespace

const TypeInfo& type_info(TypeId id) { return kTypes[static_cast<size_t>(id)]; }

Type Type::without_typmod() const {
  Type type = *this;
  type.typmod = -1;
  return type;
}

uint32_t Type::oid() const { return is_array() ? type_info(element).array_oid : type_info(id).oid; }

int16_t Type::typlen() const { return is_array() ? int16_t{-1} : type_info(id).typlen; }

char Type::category() const {
  if (!is_array()) return type_info(id).category;
  return element == TypeId::record || element == TypeId::cstring ? 'P' : 'A';
}

std::string Type::sql_name() const {
  if (is_array()) return scalar_sql_name(element, typmod) + "[]";
  // format_type() calls a char type without a length by its internal name.
  if (id == TypeId::bpchar && typmod == -1) return "character";
  return scalar_sql_name(id, typmod);
}

std::string Type::type_name() const {
  if (is_array()) return "_" + std::string(type_info(element).name);
  return std::string(type_info(id).name);
}

std::optional<Type> Type::from_oid(uint32_t oid) {
  if (oid == 0) return std::nullopt;
  if (oid == 2277) return Type(TypeId::anyarray);
  for (size_t i = 0; i < kTypeCount; ++i) {
    if (kTypes[i].oid == oid) return Type(kTypes[i].id);
    if (kTypes[i].array_oid == oid) return Type::array_of(kTypes[i].id);
  }
  return std::nullopt;
}

std::optional<Type> Type::from_name(std::string_view name) {
  if (name.size() > 2 && name.ends_with("[]")) {
    const auto element = scalar_from_name(name.substr(0, name.size() - 2));
    if (!element || type_info(*element).array_oid == 0) return std::nullopt;
    return Type::array_of(*element);
  }
  if (const auto id = scalar_from_name(name)) return Type(*id);
  if (name.size() > 1 && name.front() == '_') {
    const auto element = scalar_from_name(name.substr(1));
    if (element && type_info(*element).array_oid != 0) return Type::array_of(*element);
  }
  return std::nullopt;
}

}  // namespace qw
