// Vectors and batches: forms agree, NULLs travel with their rows.
#include "src/types/vector.h"

#include <array>
#include <string_view>

#include <doctest/doctest.h>

#include "src/types/batch.h"
#include "src/types/datum.h"
#include "src/types/str.h"

using namespace std::string_view_literals;
using qw::Arena;
using qw::Batch;
using qw::Datum;
using qw::Str;
using qw::TypeId;
using qw::Vector;

TEST_CASE("a dictionary flattens to its values and NULLs") {
  Arena arena;
  Vector values = Vector::flat(TypeId::int4, 3, arena);
  for (int32_t i = 0; i < 3; ++i) values.values<int32_t>()[i] = i * 10;
  values.set_null(1, 3, arena);
  const std::array<uint16_t, 5> indices = {2, 1, 0, 2, 1};
  Vector dictionary = values;
  dictionary.form = qw::Form::dictionary;
  dictionary.indices = indices.data();
  const Vector flat = dictionary.flattened(5, arena);
  CHECK(flat.at<int32_t>(0) == 20);
  CHECK(flat.is_null(1));
  CHECK(flat.at<int32_t>(2) == 0);
  CHECK(flat.is_null(4));
  const Vector null = Vector::null(TypeId::text, arena).flattened(70, arena);
  CHECK(null.is_null(69));
}

TEST_CASE("compacting a batch keeps live rows and their weights") {
  Arena arena;
  Batch batch;
  batch.rows = 4;
  batch.columns.push_back(Vector::flat(TypeId::text, 4, arena));
  const std::array<std::string_view, 4> texts = {"a", "a text of more than twelve", "c", "d"};
  for (uint32_t i = 0; i < 4; ++i) batch.columns[0].values<Str>()[i] = Str(texts[i]);
  batch.columns.push_back(Datum::int8(7).to_vector(arena));
  const std::array<int64_t, 4> weights = {1, -1, 2, 3};
  batch.weights = weights.data();
  const std::array<uint16_t, 2> selection = {1, 3};
  batch.select(selection.data(), 2);
  const Batch out = batch.compacted(arena);
  REQUIRE(out.rows == 2);
  CHECK(out.selection == nullptr);
  CHECK(out.columns[0].at<Str>(0).view() == texts[1]);
  CHECK(out.columns[0].at<Str>(1).view() == "d");
  CHECK(out.columns[1].at<int64_t>(1) == 7);
  CHECK(out.weight(0) == -1);
  CHECK(out.weight(1) == 3);
}

TEST_CASE("a datum keeps its bytes, wide numerics included") {
  Arena arena;
  const std::array<uint64_t, 3> limbs = {1, 2, 3};
  const std::string_view bytes(reinterpret_cast<const char*>(limbs.data()), 24);
  const Datum wide = Datum::of<qw::Numeric>(TypeId::numeric, qw::Numeric::wide(true, 5, bytes));
  const Datum copy = wide;
  CHECK(copy.identical(wide));
  CHECK(copy.get<qw::Numeric>().limbs() == bytes);
  CHECK(copy.get<qw::Numeric>().limbs().data() != wide.get<qw::Numeric>().limbs().data());
  CHECK(copy.get<qw::Numeric>().wide_negative());
  CHECK(copy.get<qw::Numeric>().scale() == 5);
  const Vector vector = copy.to_vector(arena);
  CHECK(Datum::from(vector, 9).identical(wide));
  CHECK(!Datum::null(TypeId::int4).identical(Datum::int4(0)));
}
