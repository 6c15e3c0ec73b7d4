// Row codec: packed rows round-trip, and canonical bytes are equal exactly where PostgreSQL's
// equality holds.
#include "src/types/row_codec.h"

#include <array>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/random.h"
#include "src/types/datum.h"
#include "src/types/interval.h"
#include "src/types/numeric.h"

using qw::Arena;
using qw::Batch;
using qw::Datum;
using qw::Interval;
using qw::Numeric;
using qw::RowCodec;
using qw::Type;
using qw::TypeId;
using qw::Vector;

namespace {

Datum random_datum(Type type, qw::Random& random) {
  if (random.chance(0.2)) return Datum::null(type);
  const auto bits = static_cast<int64_t>(random.next());
  switch (type.physical()) {
    case qw::Physical::b1:
      return Datum::of<bool>(type, (bits & 1) != 0);
    case qw::Physical::i1:
      return Datum::of<char>(type, static_cast<char>(bits));
    case qw::Physical::i16:
      return Datum::of<int16_t>(type, static_cast<int16_t>(bits));
    case qw::Physical::i32:
      return Datum::of<int32_t>(type, static_cast<int32_t>(bits));
    case qw::Physical::u32:
      return Datum::of<uint32_t>(type, static_cast<uint32_t>(bits));
    case qw::Physical::i64:
      return Datum::of<int64_t>(type, bits);
    case qw::Physical::f32:
      return Datum::of<float>(type, static_cast<float>(bits));
    case qw::Physical::f64:
      return Datum::of<double>(type, static_cast<double>(bits) / 7);
    case qw::Physical::wide16:
      return Datum::of<Interval>(
          type, {bits, static_cast<int32_t>(bits >> 8), static_cast<int32_t>(bits >> 17)});
    case qw::Physical::numeric: {
      if (random.chance(0.7)) {
        return Datum::of<Numeric>(type, Numeric::narrow(bits, static_cast<uint32_t>(bits & 15)));
      }
      Arena arena;
      return Datum::of<Numeric>(
          type, *qw::numeric::parse(std::string(40 + random.below(100), '7') + ".5", arena));
    }
    case qw::Physical::string:
      return Datum::of_bytes(type,
                             std::string(random.below(30), static_cast<char>('a' + bits % 7)));
    case qw::Physical::none:
      return Datum::null(type);
  }
  return Datum::null(type);
}

Vector column_of(Type type, const std::vector<Datum>& values, Arena& arena) {
  const auto rows = static_cast<uint32_t>(values.size());
  Vector out = Vector::flat(type, rows, arena);
  std::memset(out.data, 0, size_t{type.bytes()} * rows);
  for (uint32_t i = 0; i < rows; ++i) {
    if (values[i].is_null()) {
      out.set_null(i, rows, arena);
      continue;
    }
    const Vector one = values[i].to_vector(arena);
    std::memcpy(static_cast<char*>(out.data) + size_t{i} * type.bytes(), one.data, type.bytes());
  }
  return out;
}

std::string key_of(const Datum& value) {
  Arena arena;
  const RowCodec codec({value.type()});
  Batch batch;
  batch.rows = 1;
  batch.columns.push_back(value.to_vector(arena));
  const uint32_t column = 0;
  std::string_view out;
  codec.pack_keys(batch, {&column, 1}, arena, &out);
  return std::string(out);
}

Datum number(std::string_view text) {
  Arena arena;
  return Datum::of<Numeric>(TypeId::numeric, *qw::numeric::parse(text, arena));
}

}  // namespace

TEST_CASE("rows of random types come back as they were packed") {
  const std::array<TypeId, 16> ids = {
      TypeId::boolean, TypeId::char_,       TypeId::int2,   TypeId::int4,
      TypeId::int8,    TypeId::oid,         TypeId::float4, TypeId::float8,
      TypeId::numeric, TypeId::text,        TypeId::bytea,  TypeId::interval,
      TypeId::date,    TypeId::timestamptz, TypeId::uuid,   TypeId::varchar};
  qw::Random random(7);
  for (int round = 0; round < 100; ++round) {
    Arena arena;
    std::vector<Type> types;
    const size_t columns = 1 + random.below(20);
    for (size_t c = 0; c < columns; ++c) types.emplace_back(ids[random.below(ids.size())]);
    const auto rows = static_cast<uint32_t>(1 + random.below(200));
    Batch batch;
    batch.rows = rows;
    std::vector<std::vector<Datum>> expected(columns);
    std::vector<uint32_t> map;
    for (size_t c = 0; c < columns; ++c) {
      if (random.chance(0.1)) {
        expected[c].assign(rows, random_datum(types[c], random));
        batch.columns.push_back(expected[c][0].to_vector(arena));
      } else {
        for (uint32_t r = 0; r < rows; ++r) expected[c].push_back(random_datum(types[c], random));
        batch.columns.push_back(column_of(types[c], expected[c], arena));
      }
      map.push_back(static_cast<uint32_t>(c));
    }
    std::vector<uint16_t> selection;
    for (uint32_t r = 0; r < rows; ++r) {
      if (random.chance(0.6)) selection.push_back(static_cast<uint16_t>(r));
    }
    if (random.chance(0.5)) batch.select(selection.data(), static_cast<uint32_t>(selection.size()));
    const RowCodec codec(types);
    std::vector<std::string_view> packed(batch.size());
    codec.pack(batch, map, arena, packed.data());
    std::vector<Vector> out;
    codec.unpack(packed, {}, arena, out);
    for (uint32_t i = 0; i < batch.size(); ++i) {
      CHECK(codec.valid(packed[i]));
      CHECK(!codec.valid(packed[i].substr(0, packed[i].size() - 1)));
      for (size_t c = 0; c < columns; ++c) {
        REQUIRE(Datum::from(out[c], i).identical(expected[c][batch.row(i)]));
      }
    }
    const auto last = static_cast<uint32_t>(columns - 1);
    codec.unpack(packed, {&last, 1}, arena, out);
    REQUIRE(out.size() == 1);
    for (uint32_t i = 0; i < batch.size(); ++i) {
      REQUIRE(Datum::from(out[0], i).identical(expected[last][batch.row(i)]));
    }
    std::vector<std::string_view> again(batch.size());
    codec.pack(batch, map, arena, again.data());
    for (uint32_t i = 0; i < batch.size(); ++i) CHECK(again[i] == packed[i]);
  }
}

TEST_CASE("canonical rows are equal where PostgreSQL's values are") {
  CHECK(key_of(number("1.0")) == key_of(number("1.00")));
  CHECK(key_of(number("0")) == key_of(number("0.000")));
  CHECK(key_of(number("100")) != key_of(number("1")));
  CHECK(key_of(number("NaN")) != key_of(number("Infinity")));
  const std::string wide = "1234567890123456789012345678901234567890";
  CHECK(key_of(number(wide)) == key_of(number(wide + ".000")));
  CHECK(key_of(number("5.0000000000000000000000000000000000000")) == key_of(number("5")));
  CHECK(key_of(Datum::of<double>(TypeId::float8, -0.0)) ==
        key_of(Datum::of<double>(TypeId::float8, 0.0)));
  CHECK(key_of(Datum::of<double>(TypeId::float8, -std::numeric_limits<double>::quiet_NaN())) ==
        key_of(Datum::of<double>(TypeId::float8, std::numeric_limits<double>::quiet_NaN())));
  CHECK(key_of(Datum::of_bytes(TypeId::bpchar, "ab  ")) ==
        key_of(Datum::of_bytes(TypeId::bpchar, "ab")));
  CHECK(key_of(Datum::of_bytes(TypeId::text, "ab ")) !=
        key_of(Datum::of_bytes(TypeId::text, "ab")));
  const auto interval = [](int64_t us, int32_t days, int32_t months) {
    return Datum::of<Interval>(TypeId::interval, Interval{us, days, months});
  };
  CHECK(key_of(interval(0, 30, 0)) == key_of(interval(0, 0, 1)));
  CHECK(key_of(interval(qw::interval::kUsPerDay, 0, 0)) == key_of(interval(0, 1, 0)));
  CHECK(key_of(interval(-1, 1, 0)) == key_of(interval(qw::interval::kUsPerDay - 1, 0, 0)));
  CHECK(key_of(interval(1, 0, 0)) != key_of(interval(0, 0, 0)));
  CHECK(key_of(interval(0, INT32_MAX, INT32_MAX)) != key_of(interval(0, 0, INT32_MAX)));
}
