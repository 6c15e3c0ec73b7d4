// Exact sums of numerics: any order gives one answer, taking away undoes adding, whatever the
// values' sizes, and a sum is as large as its digits, not as the number of its values.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/random.h"
#include "views/state/exact_numeric.h"
#include "views/state/wide_integer.h"

namespace qw::views {
namespace {

Numeric parse(std::string_view text, Arena& arena) { return numeric::parse(text, arena).value(); }

std::string text_of(const Result<Numeric>& value) {
  if (!value) return std::string(value.error().message());
  std::string text;
  numeric::append_text(*value, text);
  return text;
}

std::string saved(const ExactNumeric& sum) {
  std::string record;
  sum.save(record);
  return record;
}

const std::vector<std::string> kTexts{
    "0",
    "0.00",
    "1",
    "-1.5",
    "2.50",
    "92345678901234567",
    "8527724410374571907372845679901489",
    "-8527724410374571907372845679901489.25",
    "1e60",
    "-1e60",
    "1e-40",
    "-123456789012345678901234567890123456789012345678901234567890",
    "340282366920938463463374607431768211455",
    "340282366920938463463374607431768211456",
    "-170141183460469231731687303715884105728",
    "1e300"};

// A fresh sum of the rows, by Numeric's own addition, which keeps the largest scale.
std::string expected(const std::vector<int64_t>& rows, const std::vector<Numeric>& values,
                     Arena& arena) {
  Numeric sum;
  for (size_t i = 0; i < values.size(); ++i) {
    for (int64_t n = 0; n < rows[i]; ++n) sum = numeric::add(sum, values[i], arena).value();
  }
  return text_of(sum);
}

}  // namespace

TEST_CASE("sums of numerics of any size are exact, retractable, and come back from records") {
  Arena arena;
  std::vector<Numeric> values;
  for (const std::string& text : kTexts) values.push_back(parse(text, arena));
  Random random(1);
  ExactNumeric sum;
  std::vector<int64_t> rows(values.size());
  for (int step = 0; step < 4000; ++step) {
    // Phases that mostly add and phases that mostly take away, down to nothing.
    const size_t i = random.below(values.size());
    const bool away = rows[i] > 0 && random.below(10) < (step / 200 % 2 == 0 ? 2U : 9U);
    const auto weight = static_cast<int64_t>(1 + random.below(3));
    const int64_t change = away ? -std::min(weight, rows[i]) : weight;
    rows[i] += change;
    sum.add(values[i], change);
    REQUIRE(text_of(sum.value(arena)) == expected(rows, values, arena));
    const std::string record = saved(sum);
    std::string_view from = record;
    ExactNumeric again;
    REQUIRE(again.load(from));
    CHECK(from.empty());
    CHECK(saved(again) == record);
    CHECK(text_of(again.value(arena)) == text_of(sum.value(arena)));
    again.release();
  }
  for (size_t i = 0; i < values.size(); ++i) sum.add(values[i], -rows[i]);
  CHECK(sum.rest == nullptr);
  CHECK(sum.bytes() == 0);
  CHECK(sum.total == 0);
}

TEST_CASE("a sum of many wide numerics is as large as one of them") {
  Arena arena;
  ExactNumeric sum, squares;
  const Numeric step = parse("1000000000000000000000000000000000000000001", arena);
  Numeric value = parse("-92345678901234567890123456789012345678901234567890", arena);
  for (int i = 0; i < 10'000; ++i) {
    value = numeric::add(value, step, arena).value();
    sum.add(value, 1);
    squares.add_square(value, 1, arena);
  }
  CHECK(sum.bytes() < 300);
  CHECK(saved(sum).size() < 64);
  CHECK(squares.bytes() < 400);
  CHECK(saved(squares).size() < 80);
  sum.release();
  squares.release();
}

TEST_CASE("a sum has the largest scale that has rows, and infinities go as they came") {
  Arena arena;
  ExactNumeric sum;
  const Numeric wide = parse("1e50", arena), finer = parse("1e40", arena);
  const Numeric scaled = parse("0.000", arena);
  sum.add(wide, 1);
  sum.add(finer, -1);
  sum.add(scaled, 2);
  CHECK(text_of(sum.value(arena)).ends_with(".000"));
  sum.add(scaled, -2);
  CHECK(text_of(sum.value(arena)) == "99999999990000000000000000000000000000000000000000");
  sum.add(Numeric::infinity(), 1);
  CHECK(text_of(sum.value(arena)) == "Infinity");
  CHECK_FALSE(sum.is_finite());
  sum.add(Numeric::minus_infinity(), 1);
  CHECK(text_of(sum.value(arena)) == "NaN");
  sum.add(Numeric::infinity(), -1);
  CHECK(text_of(sum.value(arena)) == "-Infinity");
  sum.add(Numeric::nan(), 1);
  sum.add(Numeric::minus_infinity(), -1);
  CHECK(text_of(sum.value(arena)) == "NaN");
  sum.add(Numeric::nan(), -1);
  CHECK(sum.is_finite());
  sum.add(finer, 1);
  sum.add(wide, -1);
  CHECK(sum.rest == nullptr);
}

TEST_CASE("a sum may pass through what no numeric holds, and ends in 22003 where it stays there") {
  Arena arena;
  const std::string largest(131072, '9');
  const Numeric value = parse(largest, arena);
  ExactNumeric sum;
  sum.add(value, 2);
  CHECK(text_of(sum.value(arena)) == "value overflows numeric format");
  sum.add(parse("-" + largest + ".5", arena), 1);
  CHECK(text_of(sum.value(arena)) == std::string(131071, '9') + "8.5");
  sum.release();
}

TEST_CASE("a copy that is kept does not change with the sum") {
  Arena arena;
  ExactNumeric sum;
  sum.add(parse("1e60", arena), 1);
  ExactNumeric copy = sum;
  copy.keep();
  sum.add(parse("-1e60", arena), 1);
  sum.add(Numeric::nan(), 1);
  CHECK(text_of(copy.value(arena)) == "1" + std::string(60, '0'));
  copy.release();
  sum.release();
}

TEST_CASE("records of sums that end early or are out of order are refused") {
  Arena arena;
  ExactNumeric sum;
  for (const std::string& text : kTexts) sum.add(parse(text, arena), 1);
  const std::string record = saved(sum);
  for (size_t size = 0; size < record.size(); ++size) {
    std::string_view from = std::string_view(record).substr(0, size);
    ExactNumeric part;
    CHECK_FALSE(part.load(from));
    part.release();
  }
  sum.release();
  // total 2, a rest of two buckets of one scale.
  std::string_view twice("\x04\x02\x02\x01\x02\x01\x01\x01\x02\x01\x01\x00\x00\x00", 14);
  ExactNumeric damaged;
  CHECK_FALSE(damaged.load(twice));
  damaged.release();
}

TEST_CASE("integers that grow agree with 128 bits, and have one form") {
  const std::vector<int64_t> edges{0, 1, -1, 2, -2, 127, -128, 255, INT64_MAX, INT64_MIN};
  for (const int64_t a : edges) {
    for (const int64_t b : edges) {
      for (const int64_t times : edges) {
        const auto magnitude = [](int64_t value) {
          return value < 0 ? uint64_t{0} - static_cast<uint64_t>(value)
                           : static_cast<uint64_t>(value);
        };
        const auto bytes = [](const uint64_t& limb) {
          return std::string_view(reinterpret_cast<const char*>(&limb), sizeof(limb));
        };
        const uint64_t x = magnitude(a), y = magnitude(b);
        WideInteger sum;
        sum.add_product(bytes(x), a < 0, times);
        sum.add_product(bytes(y), b < 0, 1);
        // |a * times| <= 2^126.
        const Int128 wanted = Int128{a} * times + b;
        const auto limbs = sum.limbs();
        REQUIRE(limbs.size() <= 2);
        UInt128 got = 0;
        if (!limbs.empty()) got = static_cast<UInt128>(Int128{static_cast<int64_t>(limbs.back())});
        if (limbs.size() == 2) got = (got << 64) | limbs[0];
        CHECK((static_cast<Int128>(got) == wanted));
        std::string record;
        sum.save(record);
        WideInteger again;
        std::string_view from = record;
        REQUIRE(again.load(from));
        CHECK(std::equal(limbs.begin(), limbs.end(), again.limbs().begin(), again.limbs().end()));
        // Back to nothing, the other way round.
        again.add_product(bytes(y), b >= 0, 1);
        again.add_product(bytes(x), a >= 0, times);
        CHECK(again.zero());
      }
    }
  }
}

}  // namespace qw::views
