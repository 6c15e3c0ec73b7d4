// Type: what SQL calls a type, and how a value of it lies in a vector.
//
// A Type is a TypeId (one per PostgreSQL base type that we have), an element TypeId for arrays, and
// PostgreSQL's typmod. type_info() is the one table with oid, names, category and layout; nothing
// else spells these out. Plain values; the table is immutable. Tests:
// tests/unit/types/type_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qw {

enum class TypeId : uint8_t {
  boolean,
  int2,
  int4,
  int8,
  oid,
  float4,
  float8,
  numeric,
  text,
  varchar,
  bpchar,
  bytea,
  name,
  char_,  // char_ is the one-byte "char" of the catalogs
  date,
  time,
  timetz,
  timestamp,
  timestamptz,
  interval,
  uuid,
  json,
  jsonb,
  regclass,
  regtype,
  regproc,
  regprocedure,
  regnamespace,
  regrole,
  regoper,
  regoperator,
  regcollation,
  xid,
  cid,
  tid,
  pg_lsn,
  int2vector,
  oidvector,
  pg_node_tree,
  aclitem,
  unknown,
  void_,
  record,
  array,
  // Pseudo types: only in function declarations.
  any,
  anyelement,
  anyarray,
  anynonarray,
  anycompatible,
  anycompatiblearray,
  cstring,
  trigger,
};

// How a value lies in a vector.
enum class Physical : uint8_t {
  b1,  // bool, one byte 0 or 1
  i1,  // "char", one byte
  i16,
  i32,
  i64,
  u32,  // oid, reg*, xid, cid
  f32,
  f64,
  wide16,   // Interval, Uuid: 16 bytes
  numeric,  // Numeric: 16 bytes (src/types/numeric.h)
  string,   // Str: 16 bytes (src/types/str.h); bytes, text, jsonb, arrays, records
  none,     // pseudo types, void
};

struct TypeInfo {
  TypeId id;
  uint32_t oid;
  uint32_t array_oid;         // 0 = none
  std::string_view name;      // pg_type.typname: "int4"
  std::string_view sql_name;  // format_type(): "integer"
  int16_t typlen;             // pg_type.typlen
  char category;              // pg_type.typcategory: 'N', 'S', 'D', 'B', ...
  bool preferred;             // pg_type.typispreferred
  Physical physical;
};

const TypeInfo& type_info(TypeId id);
// Bytes of one element in a vector: 1, 2, 4, 8 or 16; 0 for Physical::none.
constexpr uint32_t physical_bytes(Physical physical) {
  switch (physical) {
    case Physical::b1:
    case Physical::i1:
      return 1;
    case Physical::i16:
      return 2;
    case Physical::i32:
    case Physical::u32:
    case Physical::f32:
      return 4;
    case Physical::i64:
    case Physical::f64:
      return 8;
    case Physical::wide16:
    case Physical::numeric:
    case Physical::string:
      return 16;
    case Physical::none:
      return 0;
  }
  return 0;
}

struct Type {
  TypeId id = TypeId::unknown;
  TypeId element = TypeId::unknown;  // of an array
  int32_t typmod = -1;  // PostgreSQL's atttypmod: numeric(p,s), varchar(n), timestamp(p)

  constexpr Type() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a TypeId is a type without modifiers.
  constexpr Type(TypeId type_id, int32_t modifier = -1) : id(type_id), typmod(modifier) {}
  static constexpr Type array_of(TypeId element_id, int32_t modifier = -1) {
    Type type(TypeId::array, modifier);
    type.element = element_id;
    return type;
  }

  constexpr bool is_array() const { return id == TypeId::array; }
  // Same type, whatever the modifiers.
  constexpr bool same(const Type& other) const {
    return id == other.id && (id != TypeId::array || element == other.element);
  }
  constexpr bool operator==(const Type& other) const {
    return same(other) && typmod == other.typmod;
  }
  Type without_typmod() const;
  Physical physical() const { return type_info(id).physical; }
  uint32_t bytes() const { return physical_bytes(physical()); }
  uint32_t oid() const;
  int16_t typlen() const;
  char category() const;
  // pg_catalog.format_type(oid, typmod): "numeric(10,2)", "timestamp without time zone",
  // "integer[]".
  std::string sql_name() const;
  // pg_type.typname: "int4", "_int4".
  std::string type_name() const;

  static std::optional<Type> from_oid(uint32_t oid);
  // By typname ("int4", "_text") or SQL spelling without modifiers ("integer", "double precision").
  static std::optional<Type> from_name(std::string_view name);
};

// typmod <-> the numbers in parentheses.
constexpr int32_t numeric_typmod(int32_t precision, int32_t scale) {
  return ((precision << 16) | (scale & 0x7ff)) + 4;
}
constexpr int32_t numeric_precision(int32_t typmod) { return ((typmod - 4) >> 16) & 0xffff; }
// PostgreSQL 15 allows negative scales: 11 bits, sign extended.
constexpr int32_t numeric_scale(int32_t typmod) { return (((typmod - 4) & 0x7ff) ^ 1024) - 1024; }
constexpr int32_t length_typmod(int32_t length) { return length + 4; }  // varchar(n), char(n)
constexpr int32_t typmod_length(int32_t typmod) { return typmod - 4; }

}  // namespace qw
