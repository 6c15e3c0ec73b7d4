// As exhaustive_test.cc, of operators that know their input: rows only come, and a table may have a
// key. Every order in which the rows of small tables can come, in one epoch and in one each.
#include <doctest/doctest.h>

#include "sql/catalog.h"
#include "sql/optimizer.h"
#include "tests/unit/views/small_scope.h"

namespace qw::views::testing {
namespace {

enum class Keyed : uint8_t { none, first };

std::shared_ptr<sql::Plan> append_only(sql::PlanPtr plan, Keyed keyed = Keyed::none) {
  sql::Catalog catalog;
  for (uint32_t t = 1; t <= 3; ++t) {
    auto relation = std::make_shared<sql::Relation>();
    relation->id = ObjectId{t};
    relation->append_only = true;
    for (const Type& type : table_types()) relation->columns.push_back({"", type, false, ""});
    if (keyed == Keyed::first && t == 1) {
      relation->primary_key = {0};
      relation->unique_keys = {{0}};
    }
    catalog.relations[relation->id] = std::move(relation);
  }
  sql::compute_properties(*plan, catalog);
  return plan;
}

// All changes in one epoch, or each in its own.
void check_order(const std::shared_ptr<sql::Plan>& plan, const View::Changes& order,
                 const std::shared_ptr<sql::Plan>& asked = nullptr) {
  View at_once(plan, asked), one_by_one(plan, asked);
  at_once.epoch(order);
  at_once.compare();
  for (const auto& change : order) {
    one_by_one.epoch({change});
    one_by_one.compare();
  }
}

// Every order of the rows of one table of at most three.
void check_one_input(const std::shared_ptr<sql::Plan>& plan,
                     const std::shared_ptr<sql::Plan>& asked = nullptr) {
  std::vector<std::vector<size_t>> tables;
  add_tables(domain().size(), 3, {}, tables);
  for (auto order : tables) {
    do {
      check_order(plan, changes_of(order, 1, 1), asked);
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

bool has_one_row_per_key(const std::vector<size_t>& table) {
  const std::vector<TestRow> rows = domain();
  for (size_t i = 0; i < table.size(); ++i) {
    if (rows[table[i]].nulls[0]) return false;
    if (i > 0 && rows[table[i]].values[0] == rows[table[i - 1]].values[0]) return false;
  }
  return true;
}

// Every order in which the rows of two tables can come; of the largest, one in `share`.
void check_two_inputs(const std::shared_ptr<sql::Plan>& plan, uint32_t second, Keyed keyed,
                      size_t share) {
  std::vector<std::vector<size_t>> tables;
  add_tables(domain().size(), 2, {}, tables);
  size_t step = 0;
  for (const auto& left : tables) {
    if (keyed == Keyed::first && !has_one_row_per_key(left)) continue;
    for (const auto& right : tables) {
      if (left.size() + right.size() == 4 && step++ % share != 0) continue;
      View::Changes rows = changes_of(left, 1, 1), more = changes_of(right, second, 1);
      rows.insert(rows.end(), more.begin(), more.end());
      std::vector<size_t> places(rows.size());
      for (size_t i = 0; i < places.size(); ++i) places[i] = i;
      do {
        if (left.size() + right.size() >= 3 && step++ % share != 0) continue;
        View::Changes order;
        for (const size_t place : places) order.push_back(rows[place]);
        check_order(plan, order);
      } while (std::next_permutation(places.begin(), places.end()));
    }
  }
}

}  // namespace

TEST_CASE("operators of one input whose rows only come") {
  for (const bool grouped : {false, true}) {
    const std::vector<uint32_t> groups =
        grouped ? std::vector<uint32_t>{0} : std::vector<uint32_t>{};
    for (const uint32_t column : {0U, 2U, 3U}) {
      check_one_input(append_only(aggregate_plan(groups, column, false)));
    }
    check_one_input(append_only(aggregate_plan(groups, 0, true)));
  }
  check_one_input(append_only(distinct_plan()));
  check_one_input(append_only(window_plan()));
  for (const uint32_t limit : {1U, 2U}) {
    for (const bool number : {false, true}) {
      for (const bool ties : {false, true}) {
        check_one_input(append_only(top_k_plan(limit, number, ties)));
      }
    }
  }
}

TEST_CASE("the first of groups whose counts only rise") {
  for (const uint32_t limit : {1U, 2U}) {
    for (const bool number : {false, true}) {
      for (const bool ties : {false, true}) {
        const auto plan = append_only(rising_top_plan(limit, number, ties));
        REQUIRE(plan->inputs[0]->properties.rising);
        CHECK(plan->inputs[0]->properties.rising->columns == std::vector<uint32_t>{3});
        check_one_input(plan);
      }
    }
  }
}

TEST_CASE("windows put together from panes whose rows only come") {
  for (const int64_t slides : {2, 3}) {
    check_one_input(append_only(hop_plan(slides, true)), hop_plan(slides, false));
  }
}

TEST_CASE("rows joined with a peak that only grows") {
  size_t peaks = 0;
  for (uint32_t variant = 0; variant < 32; ++variant) {
    PeakShape shape;
    shape.highest = (variant & 1) != 0;
    shape.grouped = (variant & 2) != 0;
    shape.rows_first = (variant & 4) != 0;
    shape.null_safe = shape.grouped && (variant & 8) != 0;
    const uint32_t source = (variant & 16) != 0 ? 1 : 2;
    for (const bool residual : {false, true}) {
      shape.residual = residual;
      if (residual && !shape.highest) continue;
      shape.group = residual ? 3 : 0;
      shape.value = residual ? 1 : 3;
      const auto plan = append_only(peak_join_plan(shape, scan_plan(1), scan_plan(source)));
      peaks += plan->properties.peak ? 1U : 0U;
      check_two_inputs(plan, source, Keyed::none, 37);
    }
  }
  CHECK(peaks >= 40);  // the operator is what is tested
}

TEST_CASE("facts joined with a keyed dimension that is filtered") {
  for (const int32_t bound : {1, 2}) {
    for (const bool null_safe : {false, true}) {
      for (const bool two_keys : {false, true}) {
        for (const bool first : {false, true}) {
          check_two_inputs(
              append_only(dimension_join_plan(bound, 2, null_safe, two_keys, first), Keyed::first),
              2, Keyed::first, 5);
        }
      }
    }
  }
}

TEST_CASE("joins of tables that only grow, one of them with a key") {
  for (const sql::JoinType type : {sql::JoinType::inner, sql::JoinType::left, sql::JoinType::right,
                                   sql::JoinType::full, sql::JoinType::semi, sql::JoinType::anti}) {
    for (const Keyed keyed : {Keyed::none, Keyed::first}) {
      sql::Join join;
      join.type = type;
      join.keys.push_back({0, 0, false});
      check_two_inputs(append_only(join_plan(std::move(join), 2, false), keyed), 2, keyed,
                       keyed == Keyed::first ? 7 : 37);
    }
  }
}

}  // namespace qw::views::testing
