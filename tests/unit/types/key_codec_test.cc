// Key codec: byte order is value order, equal values have equal bytes.
#include "src/types/key_codec.h"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/random.h"
#include "src/types/interval.h"
#include "src/types/numeric.h"

using qw::Arena;
using qw::Datum;
using qw::has_spellings;
using qw::Interval;
using qw::KeyCodec;
using qw::Numeric;
using qw::SortOrder;
using qw::Type;
using qw::TypeId;

namespace {

std::string key(const Datum& value, SortOrder order = {}) {
  std::string out;
  KeyCodec({{value.type(), order}}).append({&value, 1}, out);
  return out;
}

Datum number(std::string_view text) {
  Arena arena;
  return Datum::of<Numeric>(TypeId::numeric, *qw::numeric::parse(text, arena));
}

// Values in ascending order, all different.
void check_ascending(const std::vector<Datum>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    for (size_t j = 0; j < values.size(); ++j) {
      CAPTURE(i);
      CAPTURE(j);
      CHECK((key(values[i]) < key(values[j])) == (i < j));
      CHECK((key(values[i], {true, true}) < key(values[j], {true, true})) == (i > j));
    }
  }
}

}  // namespace

TEST_CASE("keys sort as values do") {
  const auto of_int = [](int64_t value) { return Datum::int8(value); };
  check_ascending({of_int(INT64_MIN), of_int(-256), of_int(-1), of_int(0), of_int(1), of_int(255),
                   of_int(256), of_int(INT64_MAX)});
  const auto of_float = [](double value) { return Datum::of<double>(TypeId::float8, value); };
  const double infinity = std::numeric_limits<double>::infinity();
  check_ascending({of_float(-infinity), of_float(-1e300), of_float(-1), of_float(-1e-300),
                   of_float(0), of_float(5e-324), of_float(1), of_float(infinity),
                   of_float(std::nan(""))});
  using namespace std::string_literals;
  check_ascending({Datum::text(""), Datum::of_bytes(TypeId::bytea, "\0"s),
                   Datum::of_bytes(TypeId::bytea, "\0\0"s), Datum::of_bytes(TypeId::bytea, "\0\1"s),
                   Datum::of_bytes(TypeId::bytea, "\1"s), Datum::text("a"), Datum::text("a b"),
                   Datum::text("aa"), Datum::text("b"), Datum::text("\xff")});
  check_ascending({number("-Infinity"), number("-1e100"),
                   number("-123.5"),    number("-123.4"),
                   number("-1"),        number("-0.1"),
                   number("-0.001"),    number("0"),
                   number("1e-50"),     number("0.09"),
                   number("0.1"),       number("0.11"),
                   number("1"),         number("1.01"),
                   number("9"),         number("10"),
                   number("99.99"),     number("100"),
                   number("1e100"),     number("1.0000000000000000000000000000000000001e100"),
                   number("Infinity"),  number("NaN")});
  const auto span = [](int64_t us, int32_t days, int32_t months) {
    return Datum::of<Interval>(TypeId::interval, Interval{us, days, months});
  };
  check_ascending({span(0, 0, -1), span(0, -29, 0), span(-1, 0, 0), span(0, 0, 0), span(1, 0, 0),
                   span(0, 1, 0), span(1, 30, 0), span(0, 1, 1), span(0, 0, INT32_MAX)});
}

TEST_CASE("equal values share a key") {
  CHECK(key(number("1.0")) == key(number("1.000")));
  CHECK(key(number("0.00")) == key(number("0")));
  CHECK(key(Datum::of<double>(TypeId::float8, -0.0)) ==
        key(Datum::of<double>(TypeId::float8, 0.0)));
  CHECK(key(Datum::of_bytes(TypeId::bpchar, "a  ")) == key(Datum::of_bytes(TypeId::bpchar, "a")));
  CHECK(key(Datum::of<Interval>(TypeId::interval, Interval{0, 30, 0})) ==
        key(Datum::of<Interval>(TypeId::interval, Interval{0, 0, 1})));
}

TEST_CASE("NULLs sort where they are asked to") {
  const Datum null = Datum::null(TypeId::int4);
  for (const bool descending : {false, true}) {
    CHECK(key(null, {descending, true}) < key(Datum::int4(INT32_MIN), {descending, true}));
    CHECK(key(null, {descending, true}) < key(Datum::int4(INT32_MAX), {descending, true}));
    CHECK(key(null, {descending, false}) > key(Datum::int4(INT32_MIN), {descending, false}));
    CHECK(key(null, {descending, false}) > key(Datum::int4(INT32_MAX), {descending, false}));
  }
}

TEST_CASE("random numerics sort as they compare") {
  qw::Random random(11);
  Arena arena;
  std::vector<Numeric> values;
  for (int i = 0; i < 300; ++i) {
    std::string text = random.chance(0.5) ? "-" : "";
    for (uint64_t k = 0; k <= random.below(random.chance(0.2) ? 60 : 4); ++k) {
      text += static_cast<char>('0' + random.below(10));
    }
    if (random.chance(0.6)) {
      text += '.';
      for (uint64_t k = 0; k < random.below(20); ++k) {
        text += static_cast<char>('0' + random.below(3));
      }
    }
    values.push_back(*qw::numeric::parse(text, arena));
  }
  for (const Numeric a : values) {
    for (const Numeric b : values) {
      const int order = qw::numeric::compare(a, b);
      const std::string x = key(Datum::of(TypeId::numeric, a)),
                        y = key(Datum::of(TypeId::numeric, b));
      REQUIRE((x < y ? -1 : (x > y ? 1 : 0)) == order);
      if (order == 0) REQUIRE(qw::numeric::hash(a) == qw::numeric::hash(b));
    }
  }
}

TEST_CASE("a type has spellings where equal keys come of values that look different") {
  CHECK(key(number("1.0")) == key(number("1.00")));
  CHECK(key(Datum::of<double>(TypeId::float8, 0.0)) ==
        key(Datum::of<double>(TypeId::float8, -0.0)));
  for (const TypeId id : {TypeId::numeric, TypeId::float4, TypeId::float8, TypeId::jsonb,
                          TypeId::interval, TypeId::bpchar}) {
    CHECK(has_spellings(id));
  }
  for (const TypeId id : {TypeId::boolean, TypeId::int2, TypeId::int8, TypeId::text, TypeId::bytea,
                          TypeId::uuid, TypeId::date, TypeId::timestamptz}) {
    CHECK_FALSE(has_spellings(id));
  }
}

TEST_CASE("a batch encodes as its rows do, prefixes bound their keys") {
  Arena arena;
  const KeyCodec codec({{TypeId::int4, {}}, {TypeId::text, {true, true}}, {TypeId::int2, {}}});
  qw::Batch batch;
  batch.rows = 3;
  batch.columns.push_back(qw::Vector::flat(TypeId::int4, 3, arena));
  batch.columns.push_back(Datum::text("a text that is not inline").to_vector(arena));
  batch.columns.push_back(qw::Vector::flat(TypeId::int2, 3, arena));
  for (int32_t i = 0; i < 3; ++i) {
    batch.columns[0].values<int32_t>()[i] = i - 1;
    batch.columns[2].values<int16_t>()[i] = static_cast<int16_t>(i);
  }
  batch.columns[0].set_null(1, 3, arena);
  const std::array<uint32_t, 3> columns = {0, 1, 2};
  std::array<std::string_view, 3> keys;
  codec.encode(batch, columns, arena, keys.data());
  for (uint32_t i = 0; i < 3; ++i) {
    std::vector<Datum> row;
    for (const qw::Vector& column : batch.columns) row.push_back(Datum::from(column, i));
    std::string expected;
    codec.append(row, expected);
    CHECK(keys[i] == expected);
    row.pop_back();
    std::string prefix;
    codec.append(row, prefix);
    CHECK(keys[i].starts_with(prefix));
    CHECK(KeyCodec::after_prefix(prefix) > keys[i]);
  }
  CHECK(KeyCodec::after_prefix("\xff\xff").empty());
  CHECK(KeyCodec::after_prefix("a\xff") == "b");
}

TEST_CASE("different values in the order of their keys") {
  const std::vector<Datum> values = {number("2.50"), Datum::null(TypeId::numeric), number("-1"),
                                     number("2.5"), number("10")};
  const std::vector<Datum> distinct = qw::distinct_by_key(TypeId::numeric, values);
  REQUIRE(distinct.size() == 3);
  CHECK(key(distinct[0]) == key(number("-1")));
  CHECK(key(distinct[1]) == key(number("2.5")));
  CHECK(key(distinct[2]) == key(number("10")));
  CHECK(qw::distinct_by_key(TypeId::numeric, {}).empty());
}
