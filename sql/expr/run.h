// Runner: executes the instructions of a Program over one batch.
//
// Pieces that other files implement take the runner: arrays and records (array_nodes.cc).
// Bound to one call of Program::run. Tests: tests/unit/sql_expr/program_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sql/expr/code.h"

namespace qw::sql {

// Live rows: physical indices in ascending order, or 0..count-1 when `rows` is null.
struct Live {
  const uint16_t* rows = nullptr;
  uint32_t count = 0;
  uint32_t row(uint32_t i) const { return rows == nullptr ? i : rows[i]; }
};

class Runner {
 public:
  Runner(const Program::Code& code, const Batch& batch, EvalContext& context, Arena& arena,
         RowErrors& errors, Scratch& scratch);

  // Runs the block; rows that fail leave `live`.
  void run(const Block& block, Live& live);
  void run(const Instruction& instruction, Live& live);
  uint32_t filter(const Program::Code& code, uint16_t* out);
  // All live rows of the batch.
  const Live& start() const { return start_; }
  const Vector& reg(uint32_t index) const { return registers_[index]; }

  // Calls a function's kernel for the live rows: all-constant arguments once, dictionaries once per
  // distinct value.
  Vector call(const Function& function, std::span<const Vector> args, Type type, const Live& live,
              uint32_t cache);
  // Calls a kernel over rows that are not the batch's: pairs of a row and an array element.
  Vector call_pairs(const Function& function, std::span<const Vector> args, Type type,
                    uint32_t pairs, uint32_t cache, RowErrors& errors) {
    return call_rows(function, args, type, pairs, Live{nullptr, pairs}, cache, errors);
  }
  // Reports a failure of `row`, unless this instruction has reported one for it.
  void fail_once(uint32_t row, const Error& error);
  Live drop_failed(const Live& live, size_t errors_before);

  uint32_t rows() const { return rows_; }
  Arena& arena() { return arena_; }
  RowErrors& errors() { return errors_; }
  EvalContext& context() { return context_; }

 private:
  Vector call_rows(const Function& function, std::span<const Vector> args, Type type, uint32_t rows,
                   const Live& live, uint32_t cache, RowErrors& errors);
  Vector call_once(const Function& function, std::span<const Vector> args, Type type,
                   const Live& live, uint32_t cache);
  bool call_dictionary(const Function& function, std::span<const Vector> args, Type type,
                       const Live& live, uint32_t cache, Vector& out);
  Vector execute(const Instruction& instruction, Live& live);
  Vector logical(const Instruction& instruction, Live& live);
  Vector logical_dense(const Instruction& instruction, const Live& live);
  Vector boolean_test(const Instruction& instruction, const Live& live);
  Vector null_test(const Instruction& instruction, const Live& live);
  Vector distinct(const Instruction& instruction, const Live& live);
  Vector case_when(const Instruction& instruction, Live& live);
  Vector coalesce(const Instruction& instruction, Live& live);
  Vector nullif(const Instruction& instruction, const Live& live);
  Vector extremum(const Instruction& instruction, const Live& live);
  Vector in_list(const Instruction& instruction, const Live& live);
  // Rows of `live` where the boolean is true; the others go to `rest` when given.
  uint32_t select_true(const Vector& vector, const Live& live, uint16_t* out, uint16_t* rest);
  uint16_t* row_array(uint32_t count) { return arena_.allocate_array<uint16_t>(count + 1); }

  const Program::Code& code_;
  EvalContext& context_;
  Arena& arena_;
  RowErrors& errors_;
  Scratch& scratch_;
  uint32_t rows_;
  Live start_;
  Vector* registers_;
};

// Writes rows of several vectors into one.
class Merger {
 public:
  Merger(Type type, uint32_t rows, Arena& arena)
      : out_(Vector::flat(type, rows, arena)), rows_(rows), arena_(arena) {}
  void put(const Vector& from, const Live& live);
  Vector& vector() { return out_; }

 private:
  Vector out_;
  uint32_t rows_;
  Arena& arena_;
};

Result<Datum> evaluate_code(std::unique_ptr<Program::Code> code, EvalContext& context);

}  // namespace qw::sql
