// Small scope: what the exhaustive tests share: the domain of rows, all small tables over it, and a
// view that is compared with its plan computed from scratch.
#pragma once

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tests/unit/views/plans.h"
#include "tests/unit/views/sinks.h"
#include "views/dataflow.h"

namespace qw::views::testing {

// Rows of the domain: key 0, 1 or NULL; value 1.0, 1.00 (equal, spelled differently) or NULL.
inline std::vector<TestRow> domain() {
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
inline void add_tables(size_t rows, size_t size, std::vector<size_t> prefix,
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
  // `asked`: the plan that gives the right answer, if it is another one.
  explicit View(std::shared_ptr<sql::Plan> plan, std::shared_ptr<sql::Plan> asked = nullptr)
      : plan_(std::move(plan)) {
    for (uint32_t t = 1; t <= 3; ++t) tables_.push_back({ObjectId{t}, {}});
    ViewSpec spec;
    spec.id = kView;
    spec.rows = &sink_;
    spec.errors = &errors_;
    const auto states = dataflow_.add_view(
        spec, *plan_, [this]() -> Result<StateId> { return StateId{++last_state_}; });
    if (!states) FAIL(states.error().to_string());
    auto query = Query::compile(asked == nullptr ? plan_ : std::move(asked));
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

inline View::Changes changes_of(const std::vector<size_t>& table, uint32_t number, int64_t weight) {
  static const std::vector<TestRow> kRows = domain();
  View::Changes out;
  for (const size_t row : table) out.push_back({number, {kRows[row], weight}});
  return out;
}

}  // namespace qw::views::testing
