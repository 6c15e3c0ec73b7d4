// Every operator over every small input: all tables of at most three rows over a tiny domain, all
// ways to come from one table to another, against the same plan computed from scratch.
//
// The plans are the operators one by one, in each of their forms, over two tables of two columns
// that matter: a key with NULL and a value with two spellings. What a view remembers depends on
// the path, what it shows must not.
#include <doctest/doctest.h>

#include <fmt/format.h>

#include "sql/function.h"
#include "tests/unit/views/plans.h"
#include "views/dataflow.h"

namespace qw::views::testing {
namespace {

class BagSink final : public DeltaSink {
 public:
  void push(const Batch& batch) override { add_rows(batch, bag); }
  Bag bag;
};

class NoErrors final : public ErrorSink {
 public:
  void add(const Error& error, int64_t) override { FAIL(error.to_string()); }
};

// Rows of the domain: key 0, 1 or NULL; value 1.0, 1.00 (equal, spelled differently) or NULL.
std::vector<TestRow> domain() {
  std::vector<TestRow> rows;
  for (const int64_t key : {0, 1, -1}) {
    for (const int64_t value : {1, 2, -1}) {
      TestRow row;
      row.nulls[0] = row.nulls[1] = key < 0;
      row.nulls[2] = row.nulls[3] = value < 0;
      row.values[0] = row.values[1] = std::max<int64_t>(key, 0);
      row.values[2] = row.values[3] = std::max<int64_t>(value, 0);
      rows.push_back(row);
    }
  }
  return rows;
}

// Multisets of at most `size` rows, each as a list of row numbers in order.
void add_tables(size_t rows, size_t size, std::vector<size_t> prefix,
                std::vector<std::vector<size_t>>& out) {
  out.push_back(prefix);
  if (prefix.size() == size) return;
  for (size_t row = prefix.empty() ? 0 : prefix.back(); row < rows; ++row) {
    std::vector<size_t> next = prefix;
    next.push_back(row);
    add_tables(rows, size, next, out);
  }
}

class View {
 public:
  explicit View(std::shared_ptr<sql::Plan> plan) : plan_(std::move(plan)) {
    for (uint32_t t = 1; t <= 3; ++t) tables_.push_back({ObjectId{t}, {}});
    ViewSpec spec;
    spec.id = kView;
    spec.rows = &sink_;
    spec.errors = &errors_;
    const auto states = dataflow_.add_view(
        spec, *plan_, [this]() -> Result<StateId> { return StateId{++last_state_}; });
    if (!states) FAIL(states.error().to_string());
    auto query = Query::compile(plan_);
    if (!query) FAIL(query.error().to_string());
    query_ = std::move(*query);
    dataflow_.go_live(kView);
    epoch({});
  }

  using Changes = std::vector<std::pair<uint32_t, Change>>;  // table (from 1), change

  // Changes in this order, each a batch of its own.
  void epoch(const Changes& changes) {
    ++epoch_.value;
    dataflow_.begin_epoch(epoch_, context_);
    for (const auto& [table, change] : changes) {
      Arena arena;
      dataflow_.push(ObjectId{table}, make_batch({change}, arena));
      int64_t& count = tables_[table - 1].rows[change.row];
      count += change.weight;
      if (count == 0) tables_[table - 1].rows.erase(change.row);
    }
    dataflow_.finish_epoch();
    dataflow_.take_records();
    if (const auto broken = dataflow_.broken(kView)) FAIL(broken->to_string());
  }

  void compare() {
    const auto expected = run_query(*query_, tables_);
    if (!expected) FAIL(expected.error().to_string());
    if (*expected == sink_.bag) return;
    std::string text = describe(*plan_) + "expected:\n";
    for (const auto& [row, count] : *expected) text += fmt::format("  {} x{}\n", row, count);
    text += "maintained:\n";
    for (const auto& [row, count] : sink_.bag) text += fmt::format("  {} x{}\n", row, count);
    FAIL(text);
  }

  const Bag& bag() const { return sink_.bag; }

 private:
  static constexpr ObjectId kView{100};
  std::vector<Table> tables_;
  std::shared_ptr<sql::Plan> plan_;
  std::unique_ptr<Query> query_;
  BagSink sink_;
  NoErrors errors_;
  sql::EvalContext context_;
  Dataflow dataflow_;
  Epoch epoch_;
  uint32_t last_state_ = 0;
};

View::Changes changes_of(const std::vector<size_t>& table, uint32_t number, int64_t weight) {
  static const std::vector<TestRow> kRows = domain();
  View::Changes out;
  for (const size_t row : table) out.push_back({number, {kRows[row], weight}});
  return out;
}

// Each table of at most three rows is come to from nothing row by row and at once, and left again
// towards every table of one row, retractions first and last.
void check_one_input(const std::shared_ptr<sql::Plan>& plan) {
  const size_t rows = domain().size();
  std::vector<std::vector<size_t>> tables, ends;
  add_tables(rows, 3, {}, tables);
  add_tables(rows, 1, {}, ends);
  View view(plan);
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

// All pairs of tables of at most two rows, changed in one epoch in every order, and back.
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
