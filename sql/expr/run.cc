// Runner and Program: calls, dispatch and the public entry points.
//
// After each instruction the rows that failed in it leave the selection, so a row is reported once
// and nothing later runs for it. Kinds with their own control flow are in logic.cc.
// Tests: tests/unit/sql_expr/program_test.cc.
#include "sql/expr/run.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "sql/expr/array_nodes.h"

namespace qw::sql {

Scratch* Program::Code::take_scratch() const {
  Scratch* scratch = spare.exchange(nullptr, std::memory_order_acquire);
  if (scratch == nullptr) {
    scratch = new Scratch;
    scratch->caches.resize(call_sites);
  }
  return scratch;
}

void Program::Code::give_back(Scratch* scratch) const {
  delete spare.exchange(scratch, std::memory_order_acq_rel);
}

Runner::Runner(const Program::Code& code, const Batch& batch, EvalContext& context, Arena& arena,
               RowErrors& errors, Scratch& scratch)
    : code_(code),
      context_(context),
      arena_(arena),
      errors_(errors),
      scratch_(scratch),
      rows_(batch.rows),
      start_{batch.selection, batch.size()} {
  registers_ = arena_.allocate_array<Vector>(code.registers + 1);
  QW_ASSERT(batch.columns.size() >= code.inputs);
  std::copy_n(batch.columns.begin(), code.inputs, registers_);
  for (const auto& [reg, vector] : code.constants) registers_[reg] = vector;
  for (const Program::Code::Load& load : code.relabels) {
    registers_[load.reg] = batch.columns[load.index];
    registers_[load.reg].type = load.type;
  }
  for (const Program::Code::Load& load : code.parameters) {
    QW_ASSERT(load.index >= 1 && load.index <= context.parameters.size());
    const Datum& value = context.parameters[load.index - 1];
    registers_[load.reg] =
        value.is_null() ? Vector::null(load.type, arena) : value.to_vector(arena);
    registers_[load.reg].type = load.type;
  }
  for (const Program::Code::Load& load : code.outers) {
    const uint32_t begin = load.depth >= 1 && load.depth <= context.outer_begin.size()
                               ? context.outer_begin[load.depth - 1]
                               : 0;
    QW_ASSERT(begin + load.index < context.outer.size());
    const Datum& value = context.outer[begin + load.index];
    registers_[load.reg] =
        value.is_null() ? Vector::null(load.type, arena) : value.to_vector(arena);
    registers_[load.reg].type = load.type;
  }
}

Live Runner::drop_failed(const Live& live, size_t errors_before) {
  std::array<uint64_t, bitmap_words(kBatchRowsMax)> failed{};
  const auto entries = errors_.entries();
  for (size_t i = errors_before; i < entries.size(); ++i) bit_set(failed.data(), entries[i].row);
  uint16_t* kept = row_array(live.count);
  uint32_t count = 0;
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    kept[count] = static_cast<uint16_t>(row);
    count += bit_get(failed.data(), row) ? 0U : 1U;
  }
  return {kept, count};
}

void Runner::fail_once(uint32_t row, const Error& error) {
  for (const RowErrors::Entry& entry : errors_.entries()) {
    if (entry.row == row) return;
  }
  errors_.add(row, error);
}

void Runner::run(const Block& block, Live& live) {
  for (const Instruction& instruction : block.instructions) run(instruction, live);
}

void Runner::run(const Instruction& instruction, Live& live) {
  if (live.count == 0) {
    registers_[instruction.out] = Vector::null(instruction.type, arena_);
    return;
  }
  const size_t before = errors_.entries().size();
  registers_[instruction.out] = execute(instruction, live);
  if (errors_.entries().size() != before) live = drop_failed(live, before);
}

Vector Runner::call_rows(const Function& function, std::span<const Vector> args, Type type,
                         uint32_t rows, const Live& live, uint32_t cache, RowErrors& errors) {
  Vector result;
  KernelCall kernel_call;
  kernel_call.args = args;
  kernel_call.rows = rows;
  kernel_call.selection = live.rows;
  kernel_call.selected = live.rows == nullptr ? 0 : live.count;
  kernel_call.result_type = type;
  kernel_call.result = &result;
  kernel_call.arena = &arena_;
  kernel_call.errors = &errors;
  kernel_call.context = &context_;
  kernel_call.cache = &scratch_.caches[cache];
  kernel_call.function = &function;
  function.kernel(kernel_call);
  result.type = type;
  return result;
}

Vector Runner::call_once(const Function& function, std::span<const Vector> args, Type type,
                         const Live& live, uint32_t cache) {
  RowErrors errors;
  Vector result = call_rows(function, args, type, 1, Live{nullptr, 1}, cache, errors);
  if (!errors.empty()) {
    for (uint32_t i = 0; i < live.count; ++i) errors_.add(live.row(i), errors.entries()[0].error);
    return Vector::null(type, arena_);
  }
  if (result.form == Form::flat) result.form = Form::constant;
  return result;
}

// All varying arguments are one dictionary: computes its used values, when they are few.
bool Runner::call_dictionary(const Function& function, std::span<const Vector> args, Type type,
                             const Live& live, uint32_t cache, Vector& out) {
  const uint16_t* indices = nullptr;
  for (const Vector& arg : args) {
    if (arg.form == Form::flat) return false;
    if (arg.form == Form::constant) continue;
    if (indices != nullptr && indices != arg.indices) return false;
    indices = arg.indices;
  }
  std::array<uint64_t, bitmap_words(kBatchRowsMax)> used{};
  uint32_t distinct = 0;
  uint32_t values = 0;
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t index = indices[live.row(i)];
    if (index >= kBatchRowsMax) return false;
    distinct += bit_get(used.data(), index) ? 0U : 1U;
    bit_set(used.data(), index);
    values = std::max(values, index + 1);
  }
  if (distinct * 2 > live.count) return false;
  uint16_t* selection = row_array(distinct);
  uint32_t count = 0;
  for (uint32_t index = 0; index < values; ++index) {
    if (bit_get(used.data(), index)) selection[count++] = static_cast<uint16_t>(index);
  }
  auto* flat = arena_.allocate_array<Vector>(args.size());
  for (size_t i = 0; i < args.size(); ++i) {
    flat[i] = args[i];
    if (flat[i].form == Form::dictionary) {
      flat[i].form = Form::flat;
      flat[i].indices = nullptr;
    }
  }
  RowErrors errors;
  out =
      call_rows(function, {flat, args.size()}, type, values, Live{selection, count}, cache, errors);
  for (const RowErrors::Entry& entry : errors.entries()) {
    for (uint32_t i = 0; i < live.count; ++i) {
      if (indices[live.row(i)] == entry.row) errors_.add(live.row(i), entry.error);
    }
  }
  if (out.form == Form::dictionary) out = out.flattened(values, arena_);
  if (out.form == Form::flat) {
    out.form = Form::dictionary;
    out.indices = indices;
  }
  return true;
}

Vector Runner::call(const Function& function, std::span<const Vector> args, Type type,
                    const Live& live, uint32_t cache) {
  bool all_constant = true, any_dictionary = false;
  for (const Vector& arg : args) {
    if (function.strict && arg.is_constant() && arg.is_null(0)) return Vector::null(type, arena_);
    all_constant = all_constant && arg.is_constant();
    any_dictionary = any_dictionary || arg.form == Form::dictionary;
  }
  if (function.volatility != Volatility::volatile_) {
    if (all_constant) return call_once(function, args, type, live, cache);
    Vector out;
    if (any_dictionary && call_dictionary(function, args, type, live, cache, out)) return out;
  }
  return call_rows(function, args, type, rows_, live, cache, errors_);
}

Vector Runner::execute(const Instruction& instruction, Live& live) {
  switch (instruction.kind) {
    case ExprKind::call: {
      auto* args = arena_.allocate_array<Vector>(instruction.args.size() + 1);
      for (size_t i = 0; i < instruction.args.size(); ++i) args[i] = reg(instruction.args[i]);
      return call(*instruction.function, {args, instruction.args.size()}, instruction.type, live,
                  instruction.cache);
    }
    case ExprKind::logical_and:
    case ExprKind::logical_or:
      return logical(instruction, live);
    case ExprKind::logical_not:
    case ExprKind::is_true:
    case ExprKind::is_not_true:
    case ExprKind::is_false:
    case ExprKind::is_not_false:
      return boolean_test(instruction, live);
    case ExprKind::is_null:
    case ExprKind::is_not_null:
      return null_test(instruction, live);
    case ExprKind::is_distinct:
    case ExprKind::is_not_distinct:
      return distinct(instruction, live);
    case ExprKind::case_when:
      return case_when(instruction, live);
    case ExprKind::coalesce:
      return coalesce(instruction, live);
    case ExprKind::nullif:
      return nullif(instruction, live);
    case ExprKind::greatest:
    case ExprKind::least:
      return extremum(instruction, live);
    case ExprKind::in_list:
      return in_list(instruction, live);
    case ExprKind::array_op:
    case ExprKind::array_make:
    case ExprKind::row_make:
    case ExprKind::field:
    case ExprKind::subscript:
      return run_array_node(*this, instruction, live);
    case ExprKind::column:
    case ExprKind::outer_column:
    case ExprKind::constant:
    case ExprKind::parameter:
    case ExprKind::subquery:
      break;
  }
  QW_UNREACHABLE();
}

// The last conjunct that is left decides; a row that is false or NULL in one is not evaluated in
// the next, as in PostgreSQL's implicit AND of a WHERE clause.
uint32_t Runner::filter(const Program::Code& code, uint16_t* out) {
  const Block& block = code.block;
  const auto& instructions = block.instructions;
  const bool conjunction = !instructions.empty() &&
                           instructions.back().kind == ExprKind::logical_and &&
                           instructions.back().out == code.outputs[0];
  const size_t plain = instructions.size() - (conjunction ? 1 : 0);
  for (size_t i = 0; i < plain; ++i) run(instructions[i], start_);
  if (!conjunction) return select_true(reg(code.outputs[0]), start_, out, nullptr);
  uint32_t count = 0;
  for (const Block& part : instructions.back().blocks) {
    run(part, start_);
    count = select_true(reg(part.result), start_, out, nullptr);
    uint16_t* kept = row_array(count);
    std::copy_n(out, count, kept);
    start_ = {kept, count};
    if (count == 0) return 0;
  }
  return count;
}

Program::Program(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Program::Program(Program&&) noexcept = default;
Program& Program::operator=(Program&&) noexcept = default;
Program::~Program() = default;

void Program::run(const Batch& batch, EvalContext& context, Arena& arena, std::vector<Vector>& out,
                  RowErrors& errors) const {
  Scratch* scratch = code_->take_scratch();
  Runner runner(*code_, batch, context, arena, errors, *scratch);
  Live live = runner.start();
  runner.run(code_->block, live);
  out.clear();
  for (const uint32_t reg : code_->outputs) out.push_back(runner.reg(reg));
  code_->give_back(scratch);
}

uint32_t Program::filter(const Batch& batch, EvalContext& context, Arena& arena, uint16_t* out,
                         RowErrors& errors) const {
  QW_ASSERT(code_->outputs.size() == 1);
  Scratch* scratch = code_->take_scratch();
  Runner runner(*code_, batch, context, arena, errors, *scratch);
  const uint32_t count = runner.filter(*code_, out);
  code_->give_back(scratch);
  return count;
}

size_t Program::outputs() const { return code_->outputs.size(); }

Result<Datum> evaluate_code(std::unique_ptr<Program::Code> code, EvalContext& context) {
  Batch batch;
  batch.rows = 1;
  Arena arena;
  RowErrors errors;
  Scratch scratch;
  scratch.caches.resize(code->call_sites);
  Runner runner(*code, batch, context, arena, errors, scratch);
  Live live = runner.start();
  runner.run(code->block, live);
  if (!errors.empty()) return fail(errors.entries()[0].error);
  return Datum::from(runner.reg(code->outputs[0]), 0);
}

}  // namespace qw::sql
