// Frame: the part of every kernel that does not depend on its element function.
// Tests: tests/unit/sql_expr/program_test.cc.
#include "sql/expr/kernel.h"

#include <cstring>

namespace qw::sql::kernel {
Frame::Frame(KernelCall& kernel_call, bool through_nulls) : call(kernel_call) {
  QW_ASSERT(call.args.size() <= kArgsMax);
  for (size_t i = 0; i < call.args.size(); ++i) {
    const Vector& arg = call.args[i];
    if (!through_nulls && arg.is_constant() && arg.validity != nullptr && arg.is_null(0)) {
      *call.result = Vector::null(call.result_type, *call.arena);
      done = true;
      return;
    }
    args[i] = arg.form == Form::dictionary ? arg.flattened(call.rows, *call.arena) : arg;
    row_mask[i] = arg.is_constant() ? 0 : ~uint32_t{0};
  }
  if (through_nulls) return;
  const uint32_t words = bitmap_words(call.rows);
  for (size_t i = 0; i < call.args.size(); ++i) {
    uint64_t* bits = args[i].is_constant() ? nullptr : args[i].validity;
    if (bits == nullptr) continue;
    if (validity == nullptr) {
      validity = bits;
      continue;
    }
    auto* both = owns_validity ? validity : call.arena->allocate_array<uint64_t>(words);
    for (uint32_t word = 0; word < words; ++word) both[word] = validity[word] & bits[word];
    validity = both;
    owns_validity = true;
  }
}

void Frame::set_null(uint32_t row) {
  if (!owns_validity) {
    const uint32_t words = bitmap_words(call.rows);
    auto* bits = call.arena->allocate_array<uint64_t>(words);
    if (validity == nullptr) {
      std::memset(bits, 0xff, words * sizeof(uint64_t));
    } else {
      std::memcpy(bits, validity, words * sizeof(uint64_t));
    }
    validity = bits;
    owns_validity = true;
  }
  bit_clear(validity, row);
}

}  // namespace qw::sql::kernel
