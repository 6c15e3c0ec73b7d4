// Every operator over small inputs, against the same plan computed from scratch: one by one, in
// each of their forms, over tables of nine different rows, of which two columns matter: a key with
// NULL and a value with two spellings. What a view remembers depends on the path, what it shows
// must not.
//
// Operators of one input see all tables of at most three rows, coming in every order. From each
// they go on to one table of at most one row, another one after each order; not to all of them.
// Operators of two inputs see all pairs of tables of at most two rows, but of those with two on
// either side one in eight; each pair comes in one order and goes in one. All orders, of pairs of
// up to three rows out of four, are in exhaustive_pairs_test.cc, which takes longer.
#include <doctest/doctest.h>

#include "sql/function.h"
#include "tests/unit/views/small_scope.h"

namespace qw::views::testing {
namespace {

// Every order of the rows of each table of at most three: they come from nothing, row by row and at
// once by turns, and in one epoch give way to the next of the tables of at most one row, in two
// orders out of three before its row comes.
void check_one_input(const std::shared_ptr<sql::Plan>& plan,
                     const std::shared_ptr<sql::Plan>& asked = nullptr) {
  const size_t rows = domain().size();
  std::vector<std::vector<size_t>> tables, ends;
  add_tables(rows, 3, {}, tables);
  add_tables(rows, 1, {}, ends);
  View view(plan, asked);
  size_t step = 0;
  for (const auto& table : tables) {
    auto order = table;
    do {
      if (step++ % 2 == 0) {
        for (const auto& change : changes_of(order, 1, 1)) {
          view.epoch({change});
          view.compare();
        }
      } else {
        view.epoch(changes_of(order, 1, 1));
        view.compare();
      }
      const auto& end = ends[step % ends.size()];
      auto back = changes_of(order, 1, -1), to = changes_of(end, 1, 1);
      if (step % 3 == 0) std::swap(back, to);
      back.insert(back.end(), to.begin(), to.end());
      view.epoch(back);
      view.compare();
      view.epoch(changes_of(end, 1, -1));
    } while (std::next_permutation(order.begin(), order.end()));
  }
  view.epoch({});
  view.compare();
}

// Pairs of tables of at most two rows: they come in one epoch or in one each, without a look in
// between, and go in one or two. The order is that of the rows, begun at another one for each pair.
void check_two_inputs(const std::shared_ptr<sql::Plan>& plan, uint32_t second) {
  std::vector<std::vector<size_t>> tables;
  add_tables(domain().size(), 2, {}, tables);
  View view(plan);
  size_t step = 0;
  for (const auto& left : tables) {
    for (const auto& right : tables) {
      // Of the largest, one in eight.
      if (step++ % 8 != 0 && left.size() + right.size() == 4) continue;
      View::Changes in = changes_of(left, 1, 1), more = changes_of(right, second, 1);
      in.insert(in.end(), more.begin(), more.end());
      std::rotate(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(step % (in.size() + 1)),
                  in.end());
      View::Changes out;
      for (const auto& [table, change] : in) out.push_back({table, {change.row, -1}});
      if (step % 2 == 0) {
        view.epoch(in);
        view.compare();
      } else {
        for (const auto& change : in) view.epoch({change});
        view.compare();
      }
      std::rotate(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(step % (out.size() + 1)),
                  out.end());
      if (step % 3 == 0 || out.empty()) {
        view.epoch(out);
      } else {
        view.epoch({out.front()});
        view.compare();
        view.epoch({out.begin() + 1, out.end()});
      }
    }
  }
  view.compare();
}

sql::Join join_of(sql::JoinType type, uint32_t column) {
  sql::Join join;
  join.type = type;
  join.keys.push_back({column, column, false});
  return join;
}

const sql::JoinType kJoins[] = {sql::JoinType::inner, sql::JoinType::left, sql::JoinType::right,
                                sql::JoinType::full,  sql::JoinType::semi, sql::JoinType::anti};

}  // namespace

TEST_CASE("aggregates over all small tables") {
  for (const bool grouped : {false, true}) {
    for (const bool distinct : {false, true}) {
      for (const uint32_t column : {0U, 2U, 3U}) {
        check_one_input(aggregate_plan(grouped ? std::vector<uint32_t>{0} : std::vector<uint32_t>{},
                                       column, distinct));
      }
    }
  }
  check_one_input(aggregate_plan({3}, 3, false));
}

TEST_CASE("distinct and top-k over all small tables") {
  check_one_input(distinct_plan());
  for (const uint32_t limit : {0U, 1U, 2U}) {
    for (const bool number : {false, true}) {
      for (const bool ties : {false, true}) check_one_input(top_k_plan(limit, number, ties));
    }
  }
}

TEST_CASE("windows put together from panes over all small tables") {
  for (const int64_t slides : {2, 3})
    check_one_input(hop_plan(slides, true), hop_plan(slides, false));
}

TEST_CASE("window functions over all small tables") {
  check_one_input(window_plan());
  check_one_input(neighbour_plan());
  const std::vector<FrameShape> shapes = frame_shapes();
  CHECK(shapes.size() == 30);
  for (const FrameShape& shape : shapes) {
    INFO("mode " << static_cast<int>(shape.mode) << " from " << static_cast<int>(shape.start)
                 << " to " << static_cast<int>(shape.end));
    check_one_input(frame_plan(shape));
  }
}

TEST_CASE("set-returning functions over all small tables") {
  for (const bool with_ordinality : {false, true}) {
    for (const bool keep_empty : {false, true}) {
      check_one_input(series_plan(with_ordinality, keep_empty));
    }
  }
}

TEST_CASE("set operations over all pairs of small tables") {
  for (uint32_t kind = 0; kind < 5; ++kind) {
    check_two_inputs(set_op_plan(static_cast<sql::SetOpKind>(kind), 2), 2);
    check_two_inputs(set_op_plan(static_cast<sql::SetOpKind>(kind), 1), 1);
  }
}

TEST_CASE("joins over all pairs of small tables") {
  for (const sql::JoinType type : kJoins) {
    for (const uint32_t column : {0U, 3U}) {
      for (const bool null_safe : {false, true}) {
        sql::Join join = join_of(type, column);
        join.keys[0].null_safe = null_safe;
        check_two_inputs(join_plan(std::move(join), 2, false), 2);
      }
    }
    check_two_inputs(join_plan(join_of(type, 3), 2, true), 2);
    sql::Join all;
    all.type = type;
    check_two_inputs(join_plan(std::move(all), 2, true), 2);
    // With itself.
    check_two_inputs(join_plan(join_of(type, 0), 1, true), 2);
  }
  sql::Join not_in = join_of(sql::JoinType::anti, 0);
  not_in.null_aware = true;
  check_two_inputs(join_plan(std::move(not_in), 2, false), 2);
}

}  // namespace qw::views::testing
