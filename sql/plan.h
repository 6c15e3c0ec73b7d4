// Plan: a query as operators over bound expressions. The binder makes a naive one, the optimiser
// rewrites it, views/ compiles it to a dataflow: for a materialized view one that lives, for a
// SELECT one that runs once over a snapshot.
//
// A plan is a DAG: a shared subplan (a CTE used twice) is one node with two parents. Operators
// refer to columns of their inputs by index; whatever is more than a column is computed by a
// Project below. Properties are proven facts that let views/ choose cheaper operators; they are
// never guesses. Not shared between threads while changed. Tests: tests/sql/explain/,
// tests/unit/sql/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "sql/expr.h"
#include "src/base/ids.h"
#include "src/types/batch.h"
#include "src/types/key_codec.h"

namespace qw::sql {

struct Relation;
struct Function;
struct Plan;
using PlanPtr = std::shared_ptr<Plan>;

struct SortKey {
  uint32_t column = 0;
  SortOrder order;
};

// Reads a stored relation. `columns` picks and orders the relation's columns.
struct Scan {
  ObjectId relation;
  std::string name;  // for EXPLAIN
  std::vector<uint32_t> columns;
  // Reads: equality on the leading key columns and an optional range or list of values of the next
  // one, taken out of the filter above. `index` = which order (the relation itself or one of its
  // indexes).
  struct Bounds {
    ObjectId index;
    std::string index_name;      // for EXPLAIN; "" = the relation's own order
    std::vector<ExprPtr> equal;  // constants, parameters or outer columns
    // Not empty: the column behind those of `equal` is one of these, which are different and in the
    // order of keys; then there is no range.
    std::vector<Datum> any;
    // The same where the values are known when the read begins: the elements of this array (made of
    // what `equal` is made of), each of which, as column 0, `any_element` brings to the column's
    // type. The filter above stays: of more than `any_max` elements none is searched for, then
    // there may be a range.
    ExprPtr any_array, any_element;
    size_t any_max = 0;
    ExprPtr lower, upper;
    bool lower_inclusive = true, upper_inclusive = true;
  };
  std::shared_ptr<Bounds> bounds;
};
// Rows of a system table, computed when read.
struct SystemScan {
  const Relation* relation = nullptr;
  std::vector<uint32_t> columns;
};
struct Values {
  std::vector<std::vector<ExprPtr>> rows;
};
struct Filter {
  ExprPtr predicate;
};
struct Project {
  std::vector<ExprPtr> expressions;
};
// Each input row is joined with the rows a set-returning function makes of it (FROM f(x), unnest).
// Output: input columns, then the function's columns, then bigint ordinality when asked for.
struct ProjectSet {
  const Function* function = nullptr;
  std::vector<ExprPtr> arguments;
  Type result;  // element type, polymorphic results resolved; unused with out_columns
  bool with_ordinality = false;
  bool keep_empty = false;  // LEFT JOIN LATERAL: a row of NULLs where the function gives none
};
// TUMBLE and HOP: appends window_start and window_end; HOP emits size/slide rows per input row. A
// row belongs to the windows with start <= time < start + size. plan/windows.cc makes windows whose
// end is shown elsewhere than there.
struct WindowExpand {
  uint32_t time_column = 0;
  int64_t slide_us = 0, size_us = 0, offset_us = 0;  // TUMBLE: slide == size
  int64_t end_us = 0;                                // window_end - window_start
};
enum class JoinType : uint8_t { inner, left, right, full, semi, anti };
struct Join {
  JoinType type = JoinType::inner;
  struct Key {
    uint32_t left = 0, right = 0;
    bool null_safe = false;  // IS NOT DISTINCT FROM
  };
  std::vector<Key> keys;  // empty = cross join; both sides of a key have one type
  ExprPtr residual;       // over left columns then right columns; null = none
  // anti of NOT IN: a NULL on either side makes the answer unknown.
  bool null_aware = false;
};
struct AggregateCall {
  const Function* function = nullptr;
  std::vector<uint32_t> arguments;
  bool distinct = false;
  std::optional<uint32_t> filter;  // boolean column
  std::vector<SortKey> order;      // array_agg(x ORDER BY y)
  Type type;
};
// Output: group columns, then one column per call. No group columns: exactly one row, always.
struct Aggregate {
  std::vector<uint32_t> groups;
  std::vector<AggregateCall> calls;
  // HOP below: the input has each row once, with the last window it belongs to. It counts for
  // `count` windows, whose borders (positions in `groups`) are 0, 1, .. times `slide_us` before.
  struct Hop {
    std::vector<uint32_t> borders;
    int64_t slide_us = 0;
    uint32_t count = 1;
  } hop;
};
struct Distinct {};
// The first `limit` rows after `offset` of each partition in an order made total by the whole row.
// With `row_number` its value is appended as a bigint column.
struct TopK {
  std::vector<uint32_t> partition;
  std::vector<SortKey> order;
  std::optional<int64_t> limit;
  int64_t offset = 0;
  bool row_number = false;
  bool with_ties = false;  // RANK() <= k
};
struct WindowCall {
  const Function* function = nullptr;  // a window function or an aggregate
  std::vector<uint32_t> arguments;
  std::optional<uint32_t> filter;
  Type type;
  // Frame; offsets are columns of the input (constant per partition) or absent.
  enum class Mode : uint8_t { range, rows, groups } mode = Mode::range;
  enum class Bound : uint8_t {
    unbounded_preceding, preceding, current_row, following, unbounded_following
  } start = Bound::unbounded_preceding, end = Bound::current_row;
  std::optional<uint32_t> start_offset, end_offset;
};
// Appends one column per call. All calls share partition and order.
struct Window {
  std::vector<uint32_t> partition;
  std::vector<SortKey> order;
  std::vector<WindowCall> calls;
};
enum class SetOpKind : uint8_t { union_all, except, except_all, intersect, intersect_all };
struct SetOp {
  SetOpKind kind = SetOpKind::union_all;
};
// Presentation; only at the top of a read or below a Limit.
struct Sort {
  std::vector<SortKey> keys;
};
struct Limit {
  ExprPtr limit, offset;  // constants or parameters; null = none
  bool with_ties = false;
};
// Reads only: evaluates inputs[1] once per row of inputs[0], whose columns it sees as outer columns
// (depth 1). Whatever can be a join has become one before.
struct Apply {
  enum class Kind : uint8_t {
    lateral_inner,  // output: left columns, right columns
    lateral_left,
    scalar,  // output: left columns, the value (21000 on more than one row)
    exists,  // output: left columns, boolean
    any,
    all,    // output: left columns, boolean; `test` over left columns then right columns
    array,  // output: left columns, the array of the first right column
  } kind = Kind::scalar;
  ExprPtr test;
};
// WITH RECURSIVE on reads: inputs[0] once, inputs[1] until it gives nothing new; RecursiveScan
// inside inputs[1] reads the last round's rows.
struct Recursive {
  bool distinct = false;
  uint32_t id = 0;
};
struct RecursiveScan {
  uint32_t id = 0;
};

// Of an inner join: input `rows` only gets rows, the other one is the maximum (minimum) of rows
// that only come, one per group, and the join compares a row with its group's: what is below the
// maximum now will never be an answer. The join's other keys are the group.
struct PeakJoin {
  uint32_t rows = 0;                       // input
  uint32_t row_value = 0, peak_value = 0;  // columns of either input
  bool highest = true;                     // max; else min
  bool equal = true;                       // value = peak; else value >= peak (min: <=)
  size_t key = SIZE_MAX;                   // which key compares them; SIZE_MAX: the residual does
};

// Proven facts about an operator's output.
struct Properties {
  bool append_only = false;                        // weights are never negative, over all time
  std::vector<std::vector<uint32_t>> unique_keys;  // sets of columns; {} as a key = at most one row
  std::vector<uint32_t> monotone;  // columns that never decrease from epoch to epoch
  std::vector<uint32_t> window;    // window_start columns: state ends with the window
  // Column pairs of which either tells the other: a window's start and end.
  std::vector<std::pair<uint32_t, uint32_t>> twins;
  // Rows go only when others take their place, with the same `key` and no lower value in each of
  // `columns` (bigint, not NULL): counts of what only grows.
  struct Rising {
    std::vector<uint32_t> key, columns;
  };
  std::optional<Rising> rising;
  std::optional<PeakJoin> peak;  // how this join can be run
  std::vector<bool> not_null;    // per column
  double rows = 1000;            // estimate, for join order only
};

struct Plan {
  using Op = std::variant<Scan, SystemScan, Values, Filter, Project, ProjectSet, WindowExpand, Join,
                          Aggregate, Distinct, TopK, Window, SetOp, Sort, Limit, Apply, Recursive,
                          RecursiveScan>;
  Op op;
  std::vector<PlanPtr> inputs;
  Schema schema;
  Properties properties;

  template <typename T>
  T* as() {
    return std::get_if<T>(&op);
  }
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&op);
  }
};

}  // namespace qw::sql
