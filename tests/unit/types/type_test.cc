// Types: names, oids and modifiers as PostgreSQL 15 reports them.
#include "src/types/type.h"

#include <doctest/doctest.h>

using qw::Type;
using qw::TypeId;

TEST_CASE("types are found by oid and by every spelling") {
  CHECK(Type::from_oid(23) == Type(TypeId::int4));
  CHECK(Type::from_oid(1007) == Type::array_of(TypeId::int4));
  CHECK(Type::from_oid(2277) == Type(TypeId::anyarray));
  CHECK(!Type::from_oid(0));
  CHECK(!Type::from_oid(999999));
  for (const char* name : {"int4", "int", "integer"}) {
    CHECK(Type::from_name(name) == Type(TypeId::int4));
  }
  CHECK(Type::from_name("_text") == Type::array_of(TypeId::text));
  CHECK(Type::from_name("double precision[]") == Type::array_of(TypeId::float8));
  CHECK(!Type::from_name("no such type"));
}

TEST_CASE("format_type prints modifiers as PostgreSQL does") {
  CHECK(Type(TypeId::numeric, qw::numeric_typmod(10, 2)).sql_name() == "numeric(10,2)");
  CHECK(Type(TypeId::numeric, qw::numeric_typmod(3, -2)).sql_name() == "numeric(3,-2)");
  CHECK(Type(TypeId::varchar, 9).sql_name() == "character varying(5)");
  CHECK(Type(TypeId::bpchar, 8).sql_name() == "character(4)");
  CHECK(Type(TypeId::timestamptz, 3).sql_name() == "timestamp(3) with time zone");
  CHECK(Type::array_of(TypeId::varchar, 9).sql_name() == "character varying(5)[]");
  CHECK(Type::array_of(TypeId::int4).type_name() == "_int4");
  CHECK(Type::array_of(TypeId::int4).oid() == 1007);
  CHECK(Type::array_of(TypeId::int4).category() == 'A');
}

TEST_CASE("typmod of numeric keeps negative scales") {
  const int32_t typmod = qw::numeric_typmod(5, -3);
  CHECK(qw::numeric_precision(typmod) == 5);
  CHECK(qw::numeric_scale(typmod) == -3);
}
