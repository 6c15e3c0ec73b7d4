// Every two-input operator over every pair of small tables, in every order: the long part of
// exhaustive_test.cc (tools/long exhaustive).
//
// A number is an operator and a pair of tables of at most three rows each, of four different ones:
// two with one key in two spellings, one with another key, one of NULLs. The rows come in every
// order and go in every order, each in an epoch of its own, all in one epoch, and all within one
// epoch that first takes away what it brings afterwards. Of up to four rows every order of coming
// meets every order of going; of five and six (up to 720 orders) each order of coming meets one of
// going, and each of going one of coming.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <string>

#include "tests/unit/views/small_scope.h"

namespace qw::views::testing {
namespace {

constexpr size_t kTableRowsMax = 3, kAllMeetRowsMax = 4, kDomainRows = 4;

enum class Twins : uint8_t { differ, equal };

// `equal`: the first two are one row in two spellings, which set operations take for the same.
std::array<TestRow, kDomainRows> four_rows(Twins twins) {
  std::array<TestRow, kDomainRows> rows;
  const auto set = [](TestRow& row, std::array<int64_t, 4> values) {
    std::copy(values.begin(), values.end(), row.values);
  };
  set(rows[0], {0, 0, 1, 1});
  set(rows[1], {0, twins == Twins::equal ? 0 : 1, 1, 2});
  set(rows[2], {1, 0, 2, 3});
  std::fill_n(rows[3].nulls, 4, true);
  return rows;
}

struct Operator {
  std::string name;
  std::shared_ptr<sql::Plan> plan;
  Twins twins;
};

std::vector<Operator> all_operators() {
  std::vector<Operator> out;
  const auto join = [&](sql::JoinType type, const char* how, std::vector<sql::Join::Key> keys,
                        bool residual, bool null_aware = false) {
    sql::Join made;
    made.type = type;
    made.keys = std::move(keys);
    made.null_aware = null_aware;
    out.push_back({fmt::format("join of type {} {}", static_cast<int>(type), how),
                   join_plan(std::move(made), 2, residual), Twins::differ});
  };
  for (const sql::JoinType type : {sql::JoinType::inner, sql::JoinType::left, sql::JoinType::right,
                                   sql::JoinType::full, sql::JoinType::semi, sql::JoinType::anti}) {
    join(type, "by a numeric", {{3, 3, false}}, false);
    join(type, "by a bigint, null-safe", {{0, 0, true}}, false);
    join(type, "by a bigint and a condition", {{0, 0, false}}, true);
    join(type, "by a condition", {}, true);
  }
  join(sql::JoinType::anti, "of NOT IN", {{3, 3, false}}, false, true);
  for (uint32_t kind = 0; kind < 5; ++kind) {
    out.push_back({fmt::format("set operation {}", kind),
                   set_op_plan(static_cast<sql::SetOpKind>(kind), 2), Twins::equal});
  }
  return out;
}

// A row of a pair of tables: 0 to 3 of the left one, 4 to 7 of the right one.
using Order = std::vector<uint8_t>;

// The pair of tables, coming and going.
class PairCheck {
 public:
  PairCheck(const Operator& tested, const std::vector<size_t>& left,
            const std::vector<size_t>& right)
      : rows_(four_rows(tested.twins)), plan_(tested.plan), view_(tested.plan) {
    for (const size_t row : left) first_.push_back(static_cast<uint8_t>(row));
    for (const size_t row : right) first_.push_back(static_cast<uint8_t>(kDomainRows + row));
  }

  // How many pairs of orders were tried.
  uint64_t run(uint64_t number) {
    std::vector<Order> orders;
    Order order = first_;
    do {
      orders.push_back(order);
    } while (std::next_permutation(order.begin(), order.end()));
    uint64_t tried = 0;
    if (first_.size() <= kAllMeetRowsMax) {
      for (const Order& in : orders) {
        for (const Order& out : orders) {
          come_and_go(in, out);
          ++tried;
        }
      }
      return tried;
    }
    for (size_t i = 0; i < orders.size(); ++i) {
      come_and_go(orders[i], orders[(i + number) % orders.size()]);
      ++tried;
    }
    return tried;
  }

 private:
  void come_and_go(const Order& in, const Order& out) {
    one_by_one(in, 1);
    one_by_one(out, -1);
    const View::Changes coming = changes(in, 1), going = changes(out, -1);
    view_.epoch(coming);
    for (const uint8_t row : in) ++counts_[row];
    compare();
    view_.epoch(going);
    counts_ = {};
    compare();
    View::Changes both = going;
    both.insert(both.end(), coming.begin(), coming.end());
    view_.epoch(both);
    compare();
  }

  void one_by_one(const Order& order, int64_t weight) {
    for (const uint8_t row : order) {
      view_.epoch(changes({row}, weight));
      counts_[row] = static_cast<uint8_t>(counts_[row] + weight);
      compare();
    }
  }

  View::Changes changes(const Order& order, int64_t weight) const {
    View::Changes out;
    for (const uint8_t row : order) {
      const uint32_t table = row < kDomainRows ? 1 : 2;
      out.push_back({table, {rows_[row % kDomainRows], weight}});
    }
    return out;
  }

  // There are few tables on all these ways: each answer is computed from scratch once.
  void compare() {
    auto at = answers_.find(counts_);
    if (at == answers_.end()) {
      std::vector<Table> tables{{ObjectId{1}, {}}, {ObjectId{2}, {}}};
      for (size_t row = 0; row < counts_.size(); ++row) {
        if (counts_[row] == 0) continue;
        tables[row / kDomainRows].rows[rows_[row % kDomainRows]] = counts_[row];
      }
      auto answer = run_query(plan_, tables);
      if (!answer) FAIL(answer.error().to_string());
      at = answers_.emplace(counts_, std::move(*answer)).first;
    }
    if (at->second == view_.bag()) return;
    view_.compare();  // says what is wrong
    FAIL("the view is not the answer over its tables");
  }

  std::array<TestRow, kDomainRows> rows_;
  std::shared_ptr<sql::Plan> plan_;
  View view_;
  Order first_;
  std::array<uint8_t, 2 * kDomainRows> counts_{};  // of each row, now
  std::map<std::array<uint8_t, 2 * kDomainRows>, Bag> answers_;
};

}  // namespace

// QUICKWATER_COUNT numbers from QUICKWATER_FROM on. All of them are the goal of tools/long.
TEST_CASE("every pair of small tables in every order" * doctest::skip()) {
  const char* from = std::getenv("QUICKWATER_FROM");
  const char* count = std::getenv("QUICKWATER_COUNT");
  REQUIRE((from != nullptr && count != nullptr));
  const std::vector<Operator> operators = all_operators();
  std::vector<std::vector<size_t>> tables;
  add_tables(kDomainRows, kTableRowsMax, {}, tables);
  const uint64_t pairs = tables.size() * tables.size();
  REQUIRE(operators.size() * pairs == 36'750);
  const uint64_t first = std::stoull(from), end = first + std::stoull(count);
  REQUIRE(end <= operators.size() * pairs);
  uint64_t orders = 0;
  for (uint64_t number = first; number < end; ++number) {
    const Operator& tested = operators[number / pairs];
    INFO("number " << number << ": " << tested.name);
    const uint64_t pair = number % pairs;
    PairCheck check(tested, tables[pair / tables.size()], tables[pair % tables.size()]);
    orders += check.run(number);
  }
  fmt::print("{{\"pairs\": {}, \"orders\": {}, \"failures\": 0}}\n", end - first, orders);
}

}  // namespace qw::views::testing
