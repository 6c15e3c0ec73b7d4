// Conversions through text, for every type at once: PostgreSQL's I/O casts.
// Tests: tests/unit/sql_expr/cast_test.cc.
#include "sql/expr/conversion.h"

#include <cstring>

#include "src/types/text.h"

namespace qw::sql {
namespace {

void to_text_kernel(KernelCall& call) {
  kernel::Frame frame(call, false);
  if (frame.done) return;
  Str* out = kernel::result_of<Str>(frame);
  std::string text;
  frame.for_rows([&](uint32_t row) {
    if (!frame.valid(row)) {
      out[row] = Str();
      return;
    }
    text.clear();
    const uint32_t slot = row & frame.row_mask[0];
    append_text(frame.args[0], slot, call.context->style, text);
    out[row] = Str::copy(text, *call.arena);
  });
}

void from_text_kernel(KernelCall& call) {
  kernel::Frame frame(call, false);
  if (frame.done) return;
  Vector& result = *call.result;
  result = Vector::flat(call.result_type, call.rows, *call.arena);
  // Parsing writes rows that are not NULL only.
  std::memset(result.data, 0, size_t{call.result_type.bytes()} * call.rows);
  const Str* text = frame.data<Str>(0);
  frame.for_rows([&](uint32_t row) {
    if (!frame.valid(row)) return;
    auto parsed = parse_text_into(result, row, text[row & frame.row_mask[0]].view(),
                                  call.context->style, *call.arena);
    if (!parsed) call.errors->add(row, std::move(parsed).error());
  });
  result.validity = frame.validity;
}

}  // namespace

KernelSpec text_output_kernel() { return {&to_text_kernel, true}; }
KernelSpec text_input_kernel() { return {&from_text_kernel, false}; }

}  // namespace qw::sql
