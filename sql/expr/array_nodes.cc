// The expression kinds over arrays and records.
//
// op ANY (array) unnests the arrays of all rows into one column beside a dictionary of the left
// side, and runs the operator over both, 4,096 pairs at a time. Tests: tests/unit/sql_expr/.
#include "sql/expr/array_nodes.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "sql/expr/conversion.h"
#include "src/types/array.h"

namespace qw::sql {
namespace {

void copy_value(Vector& to, uint32_t to_row, const Vector& from, uint32_t from_row, uint32_t rows,
                Arena& arena) {
  if (from.is_null(from_row)) {
    to.set_null(to_row, rows, arena);
    std::memset(static_cast<char*>(to.data) + size_t{to_row} * to.type.bytes(), 0, to.type.bytes());
    return;
  }
  const uint32_t bytes = to.type.bytes();
  std::memcpy(static_cast<char*>(to.data) + size_t{to_row} * bytes,
              static_cast<const char*>(from.data) + size_t{from.slot(from_row)} * bytes, bytes);
}

// The pairs (row, element) of a chunk, and the answers so far.
class AnyAll {
 public:
  AnyAll(Runner& runner, const Instruction& instruction, const Live& live)
      : runner_(runner),
        instruction_(instruction),
        live_(live),
        left_(runner.reg(instruction.args[0])),
        right_(runner.reg(instruction.args[1])),
        out_(Vector::flat(TypeId::boolean, runner.rows(), runner.arena())) {}

  Vector run();

 private:
  void flush();
  void settle(uint32_t row, bool null, bool value);

  Runner& runner_;
  const Instruction& instruction_;
  const Live& live_;
  const Vector& left_;
  const Vector& right_;
  Vector out_;
  std::array<uint16_t, kBatchRowsMax> rows_;  // of each pair
  Vector elements_;
  uint32_t pairs_ = 0;
};

// ANY: a true decides; ALL: a false. NULL makes an undecided row unknown.
void AnyAll::settle(uint32_t row, bool null, bool value) {
  bool* out = out_.values<bool>();
  const bool deciding = !instruction_.all;
  if (out[row] == deciding && !out_.is_null(row)) return;
  if (null) {
    out_.set_null(row, runner_.rows(), runner_.arena());
  } else if (value == deciding) {
    out[row] = deciding;
    if (out_.validity != nullptr) bit_set(out_.validity, row);
  }
}

void AnyAll::flush() {
  if (pairs_ == 0) return;
  Arena& arena = runner_.arena();
  // The left side as a dictionary; a constant stays one.
  Vector left = left_;
  if (!left.is_constant()) {
    left = left_.flattened(runner_.rows(), arena);
    left.form = Form::dictionary;
    auto* indices = arena.allocate_array<uint16_t>(pairs_);
    std::memcpy(indices, rows_.data(), pairs_ * sizeof(uint16_t));
    left.indices = indices;
  }
  const Vector args[2] = {left, elements_};
  RowErrors errors;
  Vector result = runner_.call_pairs(*instruction_.function, args, TypeId::boolean, pairs_,
                                     instruction_.cache, errors);
  for (const RowErrors::Entry& entry : errors.entries())
    runner_.fail_once(rows_[entry.row], entry.error);
  for (uint32_t i = 0; i < pairs_; ++i) {
    const bool null = result.is_null(i);
    settle(rows_[i], null, !null && result.at<bool>(i));
  }
  pairs_ = 0;
}

Vector AnyAll::run() {
  Arena& arena = runner_.arena();
  bool* out = out_.values<bool>();
  for (uint32_t i = 0; i < live_.count; ++i) {
    const uint32_t row = live_.row(i);
    out[row] = instruction_.all;
    if (right_.is_null(row)) {
      out_.set_null(row, runner_.rows(), arena);
      continue;
    }
    const ArrayView view(right_.at<Str>(row).view());
    for (uint32_t done = 0; done < view.size();) {
      if (pairs_ == 0) {
        elements_ = Vector::flat(Type(view.element_type()), kBatchRowsMax, arena);
      }
      const uint32_t count = std::min(view.size() - done, kBatchRowsMax - pairs_);
      const Vector part = view.elements(done, count, arena);
      for (uint32_t k = 0; k < count; ++k) {
        copy_value(elements_, pairs_ + k, part, k, kBatchRowsMax, arena);
        rows_[pairs_ + k] = static_cast<uint16_t>(row);
      }
      pairs_ += count;
      done += count;
      if (pairs_ == kBatchRowsMax) flush();
    }
  }
  flush();
  return out_;
}

// ARRAY[..]; elements that are arrays make one more dimension.
Vector make_arrays(Runner& runner, const Instruction& instruction, const Live& live) {
  Arena& arena = runner.arena();
  Vector out = Vector::flat(instruction.type, runner.rows(), arena);
  const auto count = static_cast<uint32_t>(instruction.args.size());
  const Type element(instruction.type.element);
  const bool nested = count > 0 && runner.reg(instruction.args[0]).type.is_array();
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    Str& value = out.values<Str>()[row];
    value = Str();
    if (count == 0) {
      value = array::make_empty(element.id, arena);
      continue;
    }
    if (!nested) {
      Vector parts = Vector::flat(element, count, arena);
      for (uint32_t k = 0; k < count; ++k) {
        copy_value(parts, k, runner.reg(instruction.args[k]), row, count, arena);
      }
      value = array::make(parts, 0, count, arena);
      continue;
    }
    std::vector<std::string_view> parts;
    std::vector<ArrayDimension> dimensions = {{static_cast<int32_t>(count), 1}};
    uint32_t total = 0;
    bool matching = true;
    for (uint32_t k = 0; k < count; ++k) {
      const Vector& arg = runner.reg(instruction.args[k]);
      if (arg.is_null(row)) {
        matching = false;
        break;
      }
      parts.push_back(arg.at<Str>(row).view());
      const ArrayView view(parts.back());
      total += view.size();
      if (k == 0) {
        for (uint32_t d = 0; d < view.dimensions(); ++d) dimensions.push_back(view.dimension(d));
      } else {
        matching = matching && view.same_shape(ArrayView(parts[0]));
      }
    }
    if (!matching) {
      runner.errors().add(
          row, array_subscript_error("multidimensional arrays must have array expressions with "
                                     "matching dimensions"));
      continue;
    }
    if (total == 0) {
      value = array::make_empty(element.id, arena);
      continue;
    }
    if (dimensions.size() > limits::kArrayDimensionsMax) {
      std::string message =
          fmt::format("number of array dimensions ({}) exceeds the maximum allowed ({})",
                      dimensions.size(), limits::kArrayDimensionsMax);
      runner.errors().add(row, program_limit_exceeded(std::move(message)));
      continue;
    }
    Vector all = Vector::flat(element, total, arena);
    uint32_t at = 0;
    for (const std::string_view bytes : parts) {
      const Vector elements = ArrayView(bytes).elements(arena);
      for (uint32_t k = 0; k < ArrayView(bytes).size(); ++k) {
        copy_value(all, at++, elements, k, total, arena);
      }
    }
    value = array::make(all, 0, total, dimensions, arena);
  }
  return out;
}

Vector make_records(Runner& runner, const Instruction& instruction, const Live& live) {
  Arena& arena = runner.arena();
  Vector out = Vector::flat(instruction.type, runner.rows(), arena);
  std::vector<Vector> fields;
  for (const uint32_t arg : instruction.args) fields.push_back(runner.reg(arg));
  for (uint32_t i = 0; i < live.count; ++i) {
    out.values<Str>()[live.row(i)] = record::make(fields, live.row(i), arena);
  }
  return out;
}

Vector read_fields(Runner& runner, const Instruction& instruction, const Live& live) {
  Arena& arena = runner.arena();
  Vector out = Vector::flat(instruction.type, runner.rows(), arena);
  const Vector& records = runner.reg(instruction.args[0]);
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    const Datum value = records.is_null(row)
                            ? Datum::null(instruction.type)
                            : record::field(records.at<Str>(row).view(), instruction.index);
    const Vector one =
        value.is_null() ? Vector::null(instruction.type, arena) : value.to_vector(arena);
    copy_value(out, row, one, 0, runner.rows(), arena);
  }
  return out;
}

// a[i][j]; NULL where a subscript is NULL or out of bounds.
Vector subscripts(Runner& runner, const Instruction& instruction, const Live& live) {
  Arena& arena = runner.arena();
  Vector out = Vector::flat(instruction.type, runner.rows(), arena);
  const Vector& arrays = runner.reg(instruction.args[0]);
  const size_t count = instruction.args.size() - 1;
  std::vector<int32_t> at(count);
  for (uint32_t i = 0; i < live.count; ++i) {
    const uint32_t row = live.row(i);
    bool null = arrays.is_null(row);
    for (size_t k = 0; k < count && !null; ++k) {
      const Vector& arg = runner.reg(instruction.args[k + 1]);
      null = arg.is_null(row);
      if (!null) at[k] = arg.at<int32_t>(row);
    }
    int64_t offset = -1;
    if (!null) {
      const ArrayView view(arrays.at<Str>(row).view());
      offset = view.offset_of(at);
      if (offset >= 0) {
        const Vector one = view.elements(static_cast<uint32_t>(offset), 1, arena);
        copy_value(out, row, one, 0, runner.rows(), arena);
      }
    }
    if (offset < 0)
      copy_value(out, row, Vector::null(instruction.type, arena), 0, runner.rows(), arena);
  }
  return out;
}

// Casts of arrays: the element's cast over all elements of a row.
void map_elements(KernelCall& call) {
  kernel::Frame frame(call, false);
  if (frame.done) return;
  Str* out = kernel::result_of<Str>(frame);
  const Type element(call.result_type.element, call.result_type.typmod);
  frame.for_rows([&](uint32_t row) {
    out[row] = Str();
    if (!frame.valid(row)) return;
    const ArrayView view(frame.data<Str>(0)[row & frame.row_mask[0]].view());
    if (view.size() == 0) {
      out[row] = array::make_empty(element.id, *call.arena);
      return;
    }
    std::vector<ArrayDimension> dimensions;
    for (uint32_t d = 0; d < view.dimensions(); ++d) dimensions.push_back(view.dimension(d));
    Vector all = Vector::flat(element, view.size(), *call.arena);
    for (uint32_t done = 0; done < view.size();) {
      const uint32_t count = std::min(view.size() - done, kBatchRowsMax);
      Vector part = view.elements(done, count, *call.arena);
      Vector mapped = part;
      if (call.function->element != nullptr) {
        RowErrors errors;
        std::vector<Vector> args = {part};
        for (size_t i = 1; i < call.args.size(); ++i) {
          Vector extra = frame.args[i];
          extra.data =
              static_cast<char*>(extra.data) + size_t{row & frame.row_mask[i]} * extra.type.bytes();
          extra.form = Form::constant;
          extra.validity = nullptr;
          args.push_back(extra);
        }
        KernelCall inner = call;
        inner.args = args;
        inner.rows = count;
        inner.selection = nullptr;
        inner.selected = 0;
        inner.result_type = element;
        inner.result = &mapped;
        inner.errors = &errors;
        inner.function = call.function->element;
        call.function->element->kernel(inner);
        if (!errors.empty()) {
          call.errors->add(row, errors.entries()[0].error);
          return;
        }
      }
      mapped.type = element;
      for (uint32_t k = 0; k < count; ++k) {
        copy_value(all, done + k, mapped, k, view.size(), *call.arena);
      }
      done += count;
    }
    out[row] = array::make(all, 0, view.size(), dimensions, *call.arena);
  });
}

}  // namespace

KernelSpec array_map_kernel() { return {&map_elements, false}; }

Vector run_array_node(Runner& runner, const Instruction& instruction, const Live& live) {
  if (instruction.kind == ExprKind::array_op) return AnyAll(runner, instruction, live).run();
  if (instruction.kind == ExprKind::array_make) return make_arrays(runner, instruction, live);
  if (instruction.kind == ExprKind::row_make) return make_records(runner, instruction, live);
  if (instruction.kind == ExprKind::field) return read_fields(runner, instruction, live);
  QW_ASSERT(instruction.kind == ExprKind::subscript);
  return subscripts(runner, instruction, live);
}

}  // namespace qw::sql
