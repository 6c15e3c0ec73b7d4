// Program: bound expressions compiled to a flat list of kernel calls over registers (vectors).
//
// One kernel per node, common subexpressions once, constants folded at compile time. AND, OR, CASE
// and COALESCE run their later arguments over a narrowed selection, so a row fails only where
// PostgreSQL would have evaluated it. A failing row is reported in RowErrors; its outputs are
// undefined. A Program is immutable and shared; a Scratch belongs to one thread.
// Tests: tests/unit/sql_expr/program_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "sql/expr.h"
#include "sql/function.h"
#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/batch.h"

namespace qw::sql {

class Program {
 public:
  struct Code;  // sql/expr/code.h
  // Expressions over the columns of one input. Subqueries must have been planned away.
  static Result<Program> compile(std::span<const Expr* const> expressions,
                                 std::span<const Type> input);
  Program(Program&&) noexcept;
  Program& operator=(Program&&) noexcept;
  ~Program();

  // Evaluates the live rows of `batch`: out[i] is expression i, indexed by physical row. Memory
  // comes from `arena`; column references are passed through without a copy.
  void run(const Batch& batch, EvalContext& context, Arena& arena, std::vector<Vector>& out,
           RowErrors& errors) const;

  // The program's only expression is boolean: writes the live rows where it is true, in order, and
  // returns how many. `out` has room for batch.rows entries.
  uint32_t filter(const Batch& batch, EvalContext& context, Arena& arena, uint16_t* out,
                  RowErrors& errors) const;

  size_t outputs() const;

 private:
  explicit Program(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

// One expression without columns: defaults, parameters, constant folding.
Result<Datum> evaluate(const Expr& expression, EvalContext& context);

}  // namespace qw::sql
