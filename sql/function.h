// Function: one declaration per SQL function, operator, cast or aggregate. The registry is the only
// place that knows them: name resolution, planning and pg_proc read the same rows.
//
// A scalar function's kernel runs over a batch. Its author writes an element function and a
// declaration line (sql/expr/ has one file per family); templates make the loops over flat,
// constant, NULL and selected rows. Adding a function touches one file there and one test.
// Immutable after start; any thread. Tests: tests/unit/sql_expr/.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/types/datum.h"
#include "src/types/text.h"
#include "src/types/type.h"
#include "src/types/vector.h"

namespace qw::sql {

class Catalog;

// What an evaluation may look at besides its rows. Everything here is data of the epoch or session,
// so the same inputs give the same outputs.
struct EvalContext {
  int64_t now_us = 0;                     // transaction time: now(), current_date
  int64_t statement_us = 0;               // statement_timestamp()
  TextStyle style;                        // session's output and input settings
  std::span<const Datum> parameters;      // $1 ...
  std::span<const Datum> outer;           // outer_column values, depth 1 first (Apply sets them)
  std::span<const uint32_t> outer_begin;  // where depth d starts in `outer`: [d - 1]; empty = 0
  const Catalog* catalog = nullptr;       // for reg* casts and catalogue functions; may be null
  std::string_view user, database;
  std::span<const std::string> search_path;
  int32_t backend_pid = 0;
  uint64_t random_seed = 0;
  class SessionFunctions* session = nullptr;  // set_config, pg_cancel_backend, ...: null in views
};

// Rows whose evaluation failed, in the order found. A row appears at most once.
class RowErrors {
 public:
  struct Entry {
    uint32_t row;
    Error error;
  };
  void add(uint32_t row, Error error) { entries_.push_back({row, std::move(error)}); }
  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }
  std::span<const Entry> entries() const { return entries_; }

 private:
  std::vector<Entry> entries_;
};

struct Function;

// One kernel call over the rows `selection[0..selected)`, or 0..rows-1 when selection is null.
struct KernelCall {
  std::span<const Vector> args;
  uint32_t rows = 0;
  const uint16_t* selection = nullptr;
  uint32_t selected = 0;
  Type result_type;
  Vector* result = nullptr;  // the kernel allocates it in `arena` (flat or constant)
  Arena* arena = nullptr;
  RowErrors* errors = nullptr;
  EvalContext* context = nullptr;
  std::shared_ptr<void>* cache = nullptr;  // per call site: compiled patterns and the like
  const Function* function = nullptr;      // the declaration being run
};
using Kernel = void (*)(KernelCall&);

enum class Volatility : uint8_t { immutable, stable, volatile_ };
enum class FunctionKind : uint8_t { scalar, aggregate, window, set_returning };

// What an aggregate does; views/ implements each over its argument's type.
enum class AggregateKind : uint8_t {
  none,
  count_star,
  count,
  sum,
  avg,
  min,
  max,
  bool_and,
  bool_or,
  array_agg,
  string_agg,
  stddev_samp,
  stddev_pop,
  var_samp,
  var_pop,
  bit_and,
  bit_or,
  jsonb_agg,
  json_agg,
  jsonb_object_agg,
  json_object_agg,
  bit_xor,
  any_value,
};
enum class WindowKind : uint8_t {
  none,
  row_number,
  rank,
  dense_rank,
  ntile,
  lag,
  lead,
  first_value,
  last_value,
  nth_value,
  percent_rank,
  cume_dist,
};

// Rows made by a set-returning function: for input row r, `counts[r]` rows in order.
struct SetCall {
  std::span<const Vector> args;
  uint32_t rows = 0;
  EvalContext* context = nullptr;
  Arena* arena = nullptr;
  RowErrors* errors = nullptr;
};
// A cursor over the result so that generate_series(1, 1e9) never lies in memory: fills up to
// kBatchRowsMax output rows per call.
class SetCursor {
 public:
  SetCursor() = default;
  SetCursor(const SetCursor&) = delete;
  SetCursor& operator=(const SetCursor&) = delete;
  virtual ~SetCursor() = default;
  // Appends up to `rows_max` rows: `parent[i]` is the input row of output row i, `out` one vector
  // per result column. Returns how many; 0 = done.
  virtual uint32_t next(uint32_t rows_max, Arena& arena, uint16_t* parent,
                        std::vector<Vector>& out) = 0;
};
using SetKernel = std::unique_ptr<SetCursor> (*)(const SetCall&);

struct Function {
  uint32_t oid = 0;  // pg_proc.oid where PostgreSQL has the function
  std::string_view name;
  std::vector<Type> args;  // polymorphic pseudo types allowed
  bool variadic = false;   // the last argument repeats
  uint32_t defaults = 0;   // trailing arguments that may be left out
  Type result;
  bool strict = true;
  Volatility volatility = Volatility::immutable;
  FunctionKind kind = FunctionKind::scalar;
  Kernel kernel = nullptr;
  AggregateKind aggregate = AggregateKind::none;
  WindowKind window = WindowKind::none;
  SetKernel set = nullptr;
  std::vector<std::pair<std::string_view, Type>> out_columns;  // of a set-returning function
  // The order of results follows that of argument 0 (date_trunc, casts that widen): keeps monotone.
  bool monotone = false;
  // Cannot fail whatever the arguments: may run where PostgreSQL would not have evaluated it.
  bool infallible = false;
  const Function* element = nullptr;  // of array casts: the cast of one element
};

enum class CastContext : uint8_t { implicit, assignment, explicit_ };
struct Cast {
  Type from, to;
  CastContext context;
  const Function* function;  // null = same layout, only the type changes
};
struct Operator {
  uint32_t oid = 0;
  std::string_view name;
  Type left, right;  // left = void_ for prefix operators
  Type result;
  const Function* function;
  const Operator* commutator = nullptr;
  const Operator* negator = nullptr;
};

class Registry {
 public:
  static const Registry& instance();
  std::span<const Function* const> functions(std::string_view name) const;
  std::span<const Operator* const> operators(std::string_view name) const;
  const Cast* cast(Type from, Type to) const;
  std::span<const Cast* const> casts_from(Type from) const;
  const Function* function_by_oid(uint32_t oid) const;
  const Function* equality(Type type) const;  // type = type -> bool
  const Function* less(Type type) const;      // type < type -> bool
  // Applies a typmod (varchar(n), numeric(p,s), timestamp(p)): args are the value and an int4
  // typmod and a boolean "explicit"; null when the type has none.
  const Function* length_coercion(Type type) const;
  std::span<const Function> all_functions() const;
  std::span<const Operator> all_operators() const;
  std::span<const Cast> all_casts() const;

 private:
  Registry();
  struct Tables;
  std::unique_ptr<Tables> tables_;
};

}  // namespace qw::sql
