// Accumulators of bit_and, bit_or and bit_xor; see bit_accumulator.cc.
#pragma once

#include <memory>

#include "sql/function.h"
#include "src/types/type.h"
#include "views/operators/accumulator.h"

namespace qw::views {

// Null for other than integers. `append_only`: rows are never taken away.
std::unique_ptr<Accumulator> make_bits(sql::AggregateKind kind, const Type& argument,
                                       bool append_only);

}  // namespace qw::views
