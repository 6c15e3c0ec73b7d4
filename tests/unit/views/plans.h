// Random tables and plans over them, for the tests of views: small domains, NULLs, duplicates.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/function.h"
#include "sql/plan.h"
#include "src/base/arena.h"
#include "src/types/batch.h"
#include "views/query.h"

namespace qw::views::testing {

// Values by column; nullopt-like NULL is `null`. Column types: int8, int4, text, numeric.
struct TestRow {
  int64_t values[4] = {0, 0, 0, 0};
  bool nulls[4] = {false, false, false, false};
  auto operator<=>(const TestRow&) const = default;
};

struct Change {
  TestRow row;
  int64_t weight;
};

struct Table {
  ObjectId id;
  std::map<TestRow, int64_t> rows;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15U + 1) {}
  uint64_t next();
  uint32_t below(uint32_t bound) { return static_cast<uint32_t>(next() % bound); }
  bool chance(uint32_t percent) { return below(100) < percent; }
  TestRow row();
  // A plan over tables 1..3; `depth` operators at most above the scans.
  sql::PlanPtr plan(uint32_t depth);

 private:
  sql::PlanPtr scan();
  sql::PlanPtr join(uint32_t depth);
  sql::PlanPtr peak_join();
  sql::PlanPtr dimension_join();
  sql::PlanPtr aggregate(uint32_t depth);
  sql::PlanPtr set_op(uint32_t depth);
  sql::PlanPtr top_k(uint32_t depth);
  sql::PlanPtr filter(uint32_t depth);
  // The first two columns of each type that the plan has, so that plans stay narrow.
  sql::PlanPtr narrow(sql::PlanPtr input);
  int32_t column_of(const sql::Plan& plan, TypeId type);

  uint64_t state_;
};

// The aggregate of this one argument (void_: of none); null: there is none.
const sql::Function* aggregate_function(std::string_view name, TypeId argument);

// Single operators over whole tables.
sql::PlanPtr scan_plan(uint32_t table);
// All aggregates of one column that its type has:
sql::PlanPtr aggregate_plan(std::vector<uint32_t> groups, uint32_t column, bool distinct);
sql::PlanPtr distinct_plan();
sql::PlanPtr top_k_plan(uint32_t limit, bool row_number, bool with_ties);
// Groups of the first column by how many rows they have, highest first, in partitions of the third.
sql::PlanPtr rising_top_plan(uint32_t limit, bool row_number, bool with_ties);
// Per third column and window of `slides` units of the first column: what int4 has of aggregates
// that can be put together. With `by_pane` the aggregate makes the windows.
sql::PlanPtr hop_plan(int64_t slides, bool by_pane);
sql::PlanPtr set_op_plan(sql::SetOpKind kind, uint32_t right);
// With `residual`: and left.int4 < right.int4.
sql::PlanPtr join_plan(sql::Join join, uint32_t right, bool residual);

// Row numbers and ranks and a running count, by the first column in order of the last.
sql::PlanPtr window_plan();
// lag and lead in all their forms, by the same partition and order.
sql::PlanPtr neighbour_plan();
// Aggregates, sliding and collecting, and first, last and second values over one frame, whose
// offsets are 1.
struct FrameShape {
  sql::WindowCall::Mode mode;
  sql::WindowCall::Bound start, end;
};
sql::PlanPtr frame_plan(const FrameShape& shape);
// Every frame that views have.
std::vector<FrameShape> frame_shapes();
// Rows joined with generate_series(0, int4): one, two or no rows of each.
sql::PlanPtr series_plan(bool with_ordinality, bool keep_empty);
// Rows joined with the maximum or minimum of their group in `source`.
struct PeakShape {
  uint32_t group = 0, value = 3;
  bool grouped = true, highest = true, rows_first = true, null_safe = false;
  bool residual = false;  // int4 maxima only: rows at or above the maximum
};
sql::PlanPtr peak_join_plan(const PeakShape& shape, sql::PlanPtr rows, sql::PlanPtr source);
// Rows of a table joined with the rows of table 1 whose int4 is below `bound`, by the first column.
sql::PlanPtr dimension_join_plan(int32_t bound, uint32_t facts_table, bool null_safe, bool two_keys,
                                 bool dimension_first);

// A batch of rows with weights, all columns, bytes in `arena`.
Batch make_batch(const std::vector<Change>& changes, Arena& arena);
std::vector<Type> table_types();

// Rows as text with their multiplicity.
using Bag = std::map<std::string, int64_t>;
void add_rows(const Batch& batch, Bag& bag);
// The plan's answer over the tables, by a query.
Result<Bag> run_query(std::shared_ptr<const sql::Plan> plan, const std::vector<Table>& tables);
Result<Bag> run_query(Query& query, const std::vector<Table>& tables);
std::string describe(const sql::Plan& plan, int indent = 0);

}  // namespace qw::views::testing
