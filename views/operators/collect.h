// collect(): aggregates that are made of all values of a group, in order: array_agg, string_agg,
// bit_*, json_agg and its kin; sum and avg of a set of intervals. BagCall gives them a group's
// values, windows those of a frame. Pure. Tests: tests/sql/aggregate/, tests/oracle/.
#pragma once

#include <cstdint>
#include <span>

#include "sql/function.h"
#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/text.h"
#include "src/types/vector.h"

namespace qw::views {

struct CollectSpec {
  sql::AggregateKind kind = sql::AggregateKind::none;
  Type result;
};

// Aggregates that can be made in no other way.
bool is_collected(sql::AggregateKind kind);
// Whether a NULL argument counts as a value.
bool collects_nulls(sql::AggregateKind kind);
// The value of rows 0 .. count - 1 of `arguments`, flat vectors; `out` gets one row. Nothing to
// collect gives NULL.
Result<void> collect(const CollectSpec& spec, std::span<const Vector> arguments, uint32_t count,
                     const TextStyle& style, Arena& arena, Vector& out);

}  // namespace qw::views
