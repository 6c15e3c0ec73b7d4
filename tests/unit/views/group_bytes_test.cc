// What hangs on the slots of groups counts as memory of the operator and of its partitions, as long
// as it is there: else a memory limit would not hold for sums of long numbers.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "src/base/assert.h"
#include "src/types/numeric.h"
#include "src/types/str.h"
#include "tests/unit/views/plans.h"
#include "views/operators/group.h"
#include "views/state/exact_float.h"

namespace qw::views::testing {
namespace {

class TestHost final : public Host {
 public:
  sql::EvalContext& context() override { QW_UNREACHABLE(); }
  void row_error(const Error&, int64_t) override { ++errors; }
  void fail(Error) override { failed_ = true; }
  bool failed() const override { return failed_; }
  int errors = 0;

 private:
  bool failed_ = false;
};

constexpr uint32_t kGroups = 300;

// A group operator over (group int4, value) and what it is given.
class Groups {
 public:
  Groups(TypeId value, const std::vector<std::string>& aggregates, bool append_only) {
    GroupSpec spec;
    spec.input = {TypeId::int4, value};
    spec.groups = {0};
    spec.append_only = append_only;
    for (const std::string& name : aggregates) {
      sql::AggregateCall call;
      call.function = aggregate_function(name, value);
      REQUIRE(call.function != nullptr);
      call.arguments = {1};
      call.type = call.function->result;
      spec.calls.push_back(std::move(call));
    }
    op = GroupOperator::make(host, std::move(spec)).value();
  }

  // One row per group, in an epoch of its own.
  template <typename T>
  void change(T value, TypeId type, int64_t weight) {
    Arena arena;
    Batch batch;
    batch.rows = kGroups;
    batch.columns = {Vector::flat(TypeId::int4, kGroups, arena),
                     Vector::flat(type, kGroups, arena)};
    auto* weights = arena.allocate_array<int64_t>(kGroups);
    for (uint32_t i = 0; i < kGroups; ++i) {
      batch.columns[0].values<int32_t>()[i] = static_cast<int32_t>(i);
      batch.columns[1].values<T>()[i] = value;
      weights[i] = weight;
    }
    batch.weights = weights;
    Batch out;
    op->accept(0, batch);
    while (op->produce(out)) {
    }
    op->finish();
    while (op->produce(out)) {
    }
    REQUIRE_FALSE(host.failed());
    CHECK(host.errors == 0);
  }

  // Beside the table.
  uint64_t hanging() const {
    uint64_t sum = 0;
    for (uint32_t p = 0; p < kPartitionCount; ++p) sum += op->spillable()->more_bytes(p);
    CHECK(sum == op->spillable()->more_bytes());
    CHECK(op->states()[0]->bytes() == op->spillable()->spilled_table().bytes() + sum);
    return sum;
  }

  TestHost host;
  std::unique_ptr<GroupOperator> op;
};

}  // namespace

TEST_CASE("sums that hang on groups are counted while they are there") {
  Arena arena;
  const Numeric wide = numeric::parse("1e100", arena).value();
  Groups groups(TypeId::numeric, {"sum", "var_pop"}, false);
  groups.change(Numeric::of(1), TypeId::numeric, 2);
  CHECK(groups.hanging() == 0);
  groups.change(wide, TypeId::numeric, 1);
  const uint64_t with_one = groups.hanging();
  CHECK(with_one > uint64_t{kGroups} * 200);
  groups.change(wide, TypeId::numeric, 100);
  CHECK(groups.hanging() < 2 * with_one);

  // Out of memory and back.
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    const std::vector<std::string> image = groups.op->states()[0]->write_image(p);
    groups.op->spillable()->drop_entries(p);
    CHECK(groups.op->spillable()->more_bytes(p) == 0);
    groups.op->spillable()->spilled_table().drop(p);
    for (const std::string& piece : image) {
      REQUIRE(groups.op->states()[0]->restore(p, piece).has_value());
    }
  }
  CHECK(groups.hanging() > uint64_t{kGroups} * 200);

  groups.change(wide, TypeId::numeric, -101);
  groups.change(Numeric::of(1), TypeId::numeric, -2);
  CHECK(groups.hanging() == 0);
  groups.change(wide, TypeId::numeric, 1);
  groups.op->reset();
  CHECK(groups.hanging() == 0);
}

TEST_CASE("limbs of floats, counters of bits and texts that win are counted") {
  Groups floats(TypeId::float8, {"sum", "stddev"}, false);
  floats.change(1e100, TypeId::float8, 1);
  CHECK(floats.hanging() == 0);
  floats.change(1e-100, TypeId::float8, 1);
  CHECK(floats.hanging() > uint64_t{kGroups} * 2 * sizeof(ExactFloat::Big));

  Groups bits(TypeId::int8, {"bit_and", "bit_or", "bit_xor"}, false);
  bits.change(int64_t{5}, TypeId::int8, 3);
  CHECK(bits.hanging() == 0);
  bits.change(int64_t{-7}, TypeId::int8, 1);
  CHECK(bits.hanging() > uint64_t{kGroups} * 2 * 64 * sizeof(int64_t));
  bits.change(int64_t{5}, TypeId::int8, -3);
  bits.change(int64_t{-7}, TypeId::int8, -1);
  CHECK(bits.hanging() == 0);

  const std::string text(1000, 'x');
  Groups texts(TypeId::text, {"max"}, true);
  texts.change(Str("short"), TypeId::text, 1);
  CHECK(texts.hanging() == 0);
  texts.change(Str(std::string_view(text)), TypeId::text, 1);
  CHECK(texts.hanging() >= uint64_t{kGroups} * text.size());
}

}  // namespace qw::views::testing
