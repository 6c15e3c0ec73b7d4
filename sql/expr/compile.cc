// Program::compile: expression trees to instructions.
//
// One pass finds out per node its structural hash, whether it is constant and whether it is
// volatile; a second emits code. A subexpression is emitted once per scope: a block sees the
// registers of the blocks around it. Constant subtrees are evaluated here; one that fails stays a
// call, because its branch may never run. Tests: tests/unit/sql_expr/program_test.cc.
#include <unordered_map>

#include <fmt/format.h>

#include "sql/expr/code.h"
#include "sql/expr/run.h"
#include "src/base/hash.h"
#include "src/base/limits.h"

namespace qw::sql {
namespace {

struct Info {
  uint64_t hash = 0;
  bool foldable = true;  // no input of any kind, immutable functions only
  bool volatile_ = false;
};

constexpr size_t kHashedListMin = 4;

// Vectorised end to end, so that running it for all rows costs less than picking some.
bool cheap(Type type) {
  const Physical physical = type.physical();
  return physical != Physical::string && physical != Physical::numeric &&
         physical != Physical::none;
}

bool one_layout_of_text(Type type) {
  return type.id == TypeId::text || type.id == TypeId::varchar || type.id == TypeId::name;
}

class Compiler {
 public:
  Compiler(std::span<const Type> input, bool fold) : input_(input), fold_(fold) {}

  Result<std::unique_ptr<Program::Code>> compile(std::span<const Expr* const> expressions);

 private:
  struct Known {
    const Expr* expr;
    uint32_t reg;
  };
  using Scope = std::unordered_multimap<uint64_t, Known>;

  Result<Info> analyse(const Expr& expr, uint32_t depth);
  Result<uint32_t> emit(const Expr& expr, Block& block);
  Result<uint32_t> emit_new(const Expr& expr, Block& block);
  Result<uint32_t> emit_instruction(const Expr& expr, Block& block);
  Result<void> emit_eager(const Expr& expr, size_t first, Instruction& instruction, Block& block);
  Result<void> emit_lazy(const Expr& expr, Instruction& instruction, Block& block);
  Result<void> emit_in_list(const Expr& expr, Instruction& instruction, Block& block);
  uint32_t relabelled(const Expr& column);
  uint32_t add_constant(const Datum& value, Type type);
  bool can_fail(const Instruction& instruction) const;

  std::span<const Type> input_;
  bool fold_;
  std::unique_ptr<Program::Code> code_ = std::make_unique<Program::Code>();
  std::unordered_map<const Expr*, Info> info_;
  std::vector<Scope> scopes_;
};

Result<Info> Compiler::analyse(const Expr& expr, uint32_t depth) {
  if (depth > limits::kNestingMax) {
    return fail(statement_too_complex("expression is nested too deeply"));
  }
  Info info;
  info.hash =
      hash_combine(static_cast<uint64_t>(expr.kind) * 256 + static_cast<uint64_t>(expr.type.id),
                   hash_combine(expr.index, reinterpret_cast<uintptr_t>(expr.function)));
  switch (expr.kind) {
    case ExprKind::column:
    case ExprKind::outer_column:
    case ExprKind::parameter:
    case ExprKind::subquery:
      info.foldable = false;
      break;
    case ExprKind::constant:
      info.hash = hash_combine(info.hash, hash_bytes(expr.value.bytes()));
      break;
    case ExprKind::call:
      info.foldable = expr.function->volatility == Volatility::immutable;
      info.volatile_ = expr.function->volatility == Volatility::volatile_;
      break;
    case ExprKind::logical_and:
    case ExprKind::logical_or:
    case ExprKind::logical_not:
    case ExprKind::is_null:
    case ExprKind::is_not_null:
    case ExprKind::is_true:
    case ExprKind::is_not_true:
    case ExprKind::is_false:
    case ExprKind::is_not_false:
    case ExprKind::is_distinct:
    case ExprKind::is_not_distinct:
    case ExprKind::case_when:
    case ExprKind::coalesce:
    case ExprKind::nullif:
    case ExprKind::greatest:
    case ExprKind::least:
    case ExprKind::in_list:
    case ExprKind::array_op:
    case ExprKind::array_make:
    case ExprKind::row_make:
    case ExprKind::field:
    case ExprKind::subscript:
      break;
  }
  for (const ExprPtr& arg : expr.args) {
    QW_ASSIGN_OR_RETURN(const Info child, analyse(*arg, depth + 1));
    info.hash = hash_combine(info.hash, child.hash);
    info.foldable = info.foldable && child.foldable;
    info.volatile_ = info.volatile_ || child.volatile_;
  }
  info_.insert_or_assign(&expr, info);
  return info;
}

uint32_t Compiler::add_constant(const Datum& value, Type type) {
  Vector vector =
      value.is_null() ? Vector::null(type, code_->arena) : value.to_vector(code_->arena);
  vector.type = type;
  const uint32_t reg = code_->registers++;
  code_->constants.emplace_back(reg, vector);
  return reg;
}

// A column that is used as another type without a conversion.
uint32_t Compiler::relabelled(const Expr& column) {
  for (const Program::Code::Load& load : code_->relabels) {
    if (load.index == column.index && load.type.same(column.type)) return load.reg;
  }
  const uint32_t reg = code_->registers++;
  code_->relabels.push_back({reg, column.index, 0, column.type});
  return reg;
}

Result<uint32_t> Compiler::emit(const Expr& expr, Block& block) {
  if (expr.kind == ExprKind::column) {
    if (expr.index >= input_.size()) {
      return fail(
          internal_error(fmt::format("no input column {} of {}", expr.index, input_.size())));
    }
    return expr.type.same(input_[expr.index]) ? expr.index : relabelled(expr);
  }
  const Info info = info_.at(&expr);
  if (!info.volatile_) {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      const auto [first, last] = scope->equal_range(info.hash);
      for (auto it = first; it != last; ++it) {
        if (it->second.expr->same(expr)) return it->second.reg;
      }
    }
  }
  QW_ASSIGN_OR_RETURN(const uint32_t reg, emit_new(expr, block));
  if (!info.volatile_) {
    // What exists before any row is read may be shared by all scopes.
    const bool everywhere = expr.kind == ExprKind::constant || expr.kind == ExprKind::parameter ||
                            expr.kind == ExprKind::outer_column;
    (everywhere ? scopes_.front() : scopes_.back()).emplace(info.hash, Known{&expr, reg});
  }
  return reg;
}

Result<uint32_t> Compiler::emit_new(const Expr& expr, Block& block) {
  if (expr.kind == ExprKind::constant) return add_constant(expr.value, expr.type);
  if (expr.kind == ExprKind::parameter || expr.kind == ExprKind::outer_column) {
    auto& loads = expr.kind == ExprKind::parameter ? code_->parameters : code_->outers;
    const uint32_t reg = code_->registers++;
    loads.push_back({reg, expr.index, expr.depth, expr.type});
    return reg;
  }
  if (expr.kind == ExprKind::subquery) {
    return fail(feature_not_supported("a subquery is not supported in this place"));
  }
  if (fold_ && info_.at(&expr).foldable) {
    EvalContext context;
    const Expr* const root = &expr;
    auto code = Compiler({}, /*fold=*/false).compile({&root, 1});
    if (code) {
      Result<Datum> value = evaluate_code(std::move(*code), context);
      if (value) return add_constant(*value, expr.type);
    }
  }
  return emit_instruction(expr, block);
}

Result<void> Compiler::emit_eager(const Expr& expr, size_t first, Instruction& instruction,
                                  Block& block) {
  for (size_t i = first; i < expr.args.size(); ++i) {
    QW_ASSIGN_OR_RETURN(const uint32_t reg, emit(*expr.args[i], block));
    instruction.args.push_back(reg);
  }
  return {};
}

// The first argument always runs, so it belongs to the enclosing block.
Result<void> Compiler::emit_lazy(const Expr& expr, Instruction& instruction, Block& block) {
  for (size_t i = 0; i < expr.args.size(); ++i) {
    Block& part = instruction.blocks.emplace_back();
    if (i == 0) {
      QW_ASSIGN_OR_RETURN(part.result, emit(*expr.args[i], block));
      continue;
    }
    scopes_.emplace_back();
    QW_ASSIGN_OR_RETURN(part.result, emit(*expr.args[i], part));
    scopes_.pop_back();
  }
  return {};
}

Result<void> Compiler::emit_in_list(const Expr& expr, Instruction& instruction, Block& block) {
  const Type type = expr.args[0]->type;
  bool hashed = expr.args.size() > kHashedListMin;
  std::vector<Datum> values;
  for (size_t i = 1; i < expr.args.size() && hashed; ++i) {
    const Expr& item = *expr.args[i];
    hashed = item.kind == ExprKind::constant &&
             (item.type.same(type) || (one_layout_of_text(type) && one_layout_of_text(item.type)));
    if (hashed) values.push_back(item.value);
  }
  hashed = hashed && expr.function == Registry::instance().equality(type);
  if (!hashed) return emit_eager(expr, 0, instruction, block);
  QW_ASSIGN_OR_RETURN(const uint32_t reg, emit(*expr.args[0], block));
  instruction.args.push_back(reg);
  instruction.list = std::make_unique<InList>(type, values);
  return {};
}

bool Compiler::can_fail(const Instruction& instruction) const {
  if (instruction.function != nullptr && !instruction.function->infallible) return true;
  for (const Block& part : instruction.blocks) {
    if (!part.infallible) return true;
  }
  return instruction.kind == ExprKind::array_make || instruction.kind == ExprKind::subscript ||
         instruction.kind == ExprKind::row_make || instruction.kind == ExprKind::field;
}

Result<uint32_t> Compiler::emit_instruction(const Expr& expr, Block& block) {
  Instruction instruction;
  instruction.kind = expr.kind;
  instruction.type = expr.type;
  instruction.function = expr.function;
  instruction.index = expr.index;
  instruction.all = expr.all;
  switch (expr.kind) {
    case ExprKind::logical_and:
    case ExprKind::logical_or:
    case ExprKind::case_when:
    case ExprKind::coalesce:
      QW_TRY(emit_lazy(expr, instruction, block));
      break;
    case ExprKind::in_list:
      QW_TRY(emit_in_list(expr, instruction, block));
      break;
    case ExprKind::call:
      if (expr.function->kernel == nullptr) {
        return fail(feature_not_supported(
            fmt::format("function {} is not supported in this place", expr.function->name)));
      }
      QW_TRY(emit_eager(expr, 0, instruction, block));
      break;
    case ExprKind::logical_not:
    case ExprKind::is_null:
    case ExprKind::is_not_null:
    case ExprKind::is_true:
    case ExprKind::is_not_true:
    case ExprKind::is_false:
    case ExprKind::is_not_false:
    case ExprKind::is_distinct:
    case ExprKind::is_not_distinct:
    case ExprKind::nullif:
    case ExprKind::greatest:
    case ExprKind::least:
    case ExprKind::array_op:
    case ExprKind::array_make:
    case ExprKind::row_make:
    case ExprKind::field:
    case ExprKind::subscript:
      QW_TRY(emit_eager(expr, 0, instruction, block));
      break;
    case ExprKind::column:
    case ExprKind::outer_column:
    case ExprKind::constant:
    case ExprKind::parameter:
    case ExprKind::subquery:
      QW_UNREACHABLE();
  }
  bool fixed = cheap(expr.type);
  for (const ExprPtr& arg : expr.args) fixed = fixed && cheap(arg->type);
  if (!fixed || can_fail(instruction)) block.infallible = false;
  instruction.cache = code_->call_sites++;
  instruction.out = code_->registers++;
  block.instructions.push_back(std::move(instruction));
  return block.instructions.back().out;
}

Result<std::unique_ptr<Program::Code>> Compiler::compile(std::span<const Expr* const> expressions) {
  code_->inputs = static_cast<uint32_t>(input_.size());
  code_->registers = code_->inputs;
  scopes_.emplace_back();
  for (const Expr* expr : expressions) QW_TRY(analyse(*expr, 0));
  for (const Expr* expr : expressions) {
    QW_ASSIGN_OR_RETURN(const uint32_t reg, emit(*expr, code_->block));
    code_->outputs.push_back(reg);
  }
  return std::move(code_);
}

}  // namespace

Result<Program> Program::compile(std::span<const Expr* const> expressions,
                                 std::span<const Type> input) {
  QW_ASSIGN_OR_RETURN(auto code, Compiler(input, /*fold=*/true).compile(expressions));
  return Program(std::move(code));
}

Result<Datum> evaluate(const Expr& expression, EvalContext& context) {
  const Expr* const root = &expression;
  QW_ASSIGN_OR_RETURN(auto code, Compiler({}, /*fold=*/false).compile({&root, 1}));
  return evaluate_code(std::move(code), context);
}

}  // namespace qw::sql
