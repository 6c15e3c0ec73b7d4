// Set-returning functions: rows, their parents, and batches smaller than the result.
#include <doctest/doctest.h>

#include "sql/program.h"
#include "src/types/text.h"

namespace qw::sql {
namespace {

std::string rows_of(uint32_t oid, std::vector<std::vector<Datum>> inputs, uint32_t rows_max) {
  const Function* function = Registry::instance().function_by_oid(oid);
  REQUIRE(function != nullptr);
  Arena arena;
  const auto rows = static_cast<uint32_t>(inputs.size());
  std::vector<Vector> args;
  for (size_t a = 0; a < inputs[0].size(); ++a) {
    Vector column = Vector::flat(inputs[0][a].type(), rows, arena);
    const uint32_t bytes = column.type.bytes();
    for (uint32_t row = 0; row < rows; ++row) {
      const Vector one = inputs[row][a].to_vector(arena);
      std::memcpy(static_cast<char*>(column.data) + size_t{row} * bytes, one.data, bytes);
      if (inputs[row][a].is_null()) column.set_null(row, rows, arena);
    }
    args.push_back(column);
  }
  EvalContext context;
  RowErrors errors;
  SetCall call;
  call.args = args;
  call.rows = rows;
  call.context = &context;
  call.arena = &arena;
  call.errors = &errors;
  const auto cursor = function->set(call);
  std::string text;
  std::vector<uint16_t> parent(rows_max);
  std::vector<Vector> out;
  while (const uint32_t count = cursor->next(rows_max, arena, parent.data(), out)) {
    for (uint32_t i = 0; i < count; ++i) {
      text += (text.empty() ? "" : " ") + std::to_string(parent[i]);
      for (const Vector& column : out) {
        text += ":";
        if (column.is_null(i)) {
          text += "null";
        } else {
          append_text(column, i, TextStyle{}, text);
        }
      }
    }
  }
  for (const auto& entry : errors.entries()) {
    text += " !" + std::to_string(entry.row) + " " + entry.error.message();
  }
  return text;
}

Datum typed(Type type, std::string_view text) {
  auto value = from_text(type, text);
  REQUIRE(value.has_value());
  return std::move(*value);
}

}  // namespace

TEST_CASE("generate_series") {
  const auto i = [](int32_t value) { return Datum::int4(value); };
  CHECK(rows_of(1067, {{i(1), i(3)}, {i(5), i(4)}, {i(7), i(8)}}, 2) == "0:1 0:2 0:3 2:7 2:8");
  CHECK(rows_of(1066, {{i(5), i(1), i(-2)}}, 100) == "0:5 0:3 0:1");
  CHECK(rows_of(1066, {{i(2147483646), i(2147483647), i(1)}}, 100) == "0:2147483646 0:2147483647");
  CHECK(rows_of(1066, {{i(1), i(2), i(0)}}, 100) == " !0 step size cannot equal zero");
  CHECK(rows_of(1067, {{i(1), Datum::null(TypeId::int4)}}, 100).empty());
  CHECK(rows_of(3259,
                {{typed(TypeId::numeric, "0.5"), typed(TypeId::numeric, "2"),
                  typed(TypeId::numeric, "0.75")}},
                100) == "0:0.5 0:1.25 0:2.00");
  CHECK(rows_of(938,
                {{typed(TypeId::timestamp, "2024-01-31"), typed(TypeId::timestamp, "2024-04-01"),
                  typed(TypeId::interval, "1 month")}},
                100) == "0:2024-01-31 00:00:00 0:2024-02-29 00:00:00 0:2024-03-29 00:00:00");
}

TEST_CASE("unnest, jsonb and regular expressions as rows") {
  const Type ints = Type::array_of(TypeId::int4);
  CHECK(rows_of(2331,
                {{typed(ints, "{1,NULL,3}")}, {typed(ints, "{}")}, {typed(ints, "{{4},{5}}")}},
                2) == "0:1 0:null 0:3 2:4 2:5");
  CHECK(rows_of(3219, {{typed(TypeId::jsonb, "[1, \"a\", null]")}}, 100) == "0:1 0:\"a\" 0:null");
  CHECK(rows_of(3465, {{typed(TypeId::jsonb, "[1, \"a\", null]")}}, 100) == "0:1 0:a 0:null");
  CHECK(rows_of(3208, {{typed(TypeId::jsonb, "{\"b\": 1, \"a\": [2]}")}}, 100) == "0:a:[2] 0:b:1");
  CHECK(rows_of(3931, {{typed(TypeId::jsonb, "{\"bb\": 1, \"a\": 2}")}}, 100) == "0:a 0:bb");
  CHECK(rows_of(3931, {{typed(TypeId::jsonb, "[1]")}}, 100) ==
        " !0 cannot call jsonb_object_keys on an array");
  CHECK(rows_of(2764, {{Datum::text("a1b22"), Datum::text("([a-z])(\\d+)"), Datum::text("g")}},
                100) == "0:{a,1} 0:{b,22}");
  CHECK(rows_of(2765, {{Datum::text("a, b,c"), Datum::text(",\\s*")}}, 100) == "0:a 0:b 0:c");
  CHECK(rows_of(6160, {{Datum::text("a,b"), Datum::text(",")}}, 100) == "0:a 0:b");
}

}  // namespace qw::sql
