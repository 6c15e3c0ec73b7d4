// collect(): aggregates that are made of all values of a group, in order: array_agg, string_agg,
// json_agg and its kin; sum and avg of a set of intervals. BagCall gives them a group's
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

// The values: rows 0 .. rows - 1 of flat vectors. Row i counts copies[i] times (positive), once
// where `copies` is null.
struct Collected {
  std::span<const Vector> arguments;
  uint32_t rows = 0;
  const int64_t* copies = nullptr;
  int64_t copies_of(uint32_t row) const { return copies == nullptr ? 1 : copies[row]; }
};

// Aggregates that can be made in no other way.
bool is_collected(sql::AggregateKind kind);
// Whether a NULL argument counts as a value.
bool collects_nulls(sql::AggregateKind kind);
// `out` gets one row; nothing to collect gives NULL. 54000 for a value beyond
// limits::kValueBytesMax or kArrayElementsMax.
Result<void> collect(const CollectSpec& spec, const Collected& from, const TextStyle& style,
                     Arena& arena, Vector& out);

}  // namespace qw::views
