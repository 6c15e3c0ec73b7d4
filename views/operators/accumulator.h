// Accumulator: what one aggregate call keeps per group, and how a batch changes it.
//
// The state lies in the group's slot: plain bytes at a multiple of 8, all zero = no rows. Every
// accumulator is exact, so taking a row away restores what was there before it: integers and
// numerics add up in 128 bits and beyond, floats in an exact accumulator. What does not fit the
// slot hangs on it ("heap"): then a copy of the slot that is to stay as it was is made whole by
// keep(). Aggregates that need all values of a group (min and max that can be retracted, array_agg,
// string_agg) are in operators/bag.h. Epoch thread. Tests: tests/unit/views/aggregate_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "sql/function.h"
#include "src/base/arena.h"
#include "src/types/vector.h"
#include "views/state/keyed_table.h"

namespace qw::views {

// Rows to add: row rows[i] of `args` counts weights[i] times (nullptr = once) in the group of
// entries[i]. Under DISTINCT weights[i] is the change of the set, occurrences[i] that of the
// multiset.
struct AccumulateCall {
  std::span<const Vector> args;
  const uint16_t* rows = nullptr;
  const int64_t* weights = nullptr;
  const int64_t* occurrences = nullptr;  // null unless DISTINCT
  Entry* const* entries = nullptr;
  uint32_t count = 0;
};

class Accumulator {
 public:
  Accumulator() = default;
  Accumulator(const Accumulator&) = delete;
  Accumulator& operator=(const Accumulator&) = delete;
  virtual ~Accumulator();

  virtual uint32_t bytes() const = 0;
  // An error breaks the view: a retraction of what only grows, a count out of range.
  virtual Result<void> update(const AccumulateCall& call) = 0;
  // Row i of `out` is the result of states[i]; a failing one is an entry of `errors`.
  virtual void results(std::span<const char* const> states, Arena& arena, Vector& out,
                       sql::RowErrors& errors) const = 0;
  // `copy` is a byte copy of a state that has to survive changes of the state: makes it whole. It
  // is released like a state.
  virtual void keep(char* copy) const;
  // Frees what hangs on the state.
  virtual void release(char* state);
  // What hangs on a state, in bytes; `hangs`: there are states on which something does.
  virtual bool hangs() const { return false; }
  virtual size_t heap_bytes(const char* state) const;
  virtual void save(const char* state, std::string& out) const;
  virtual bool load(std::string_view& bytes, char* state);

  // Whether states of parts of a group can be put together, and the way to do it: `into` becomes
  // the state of its own rows and those of `from`. Nothing hangs on such states.
  virtual bool merges() const { return false; }
  virtual void merge(char* into, const char* from) const;

  uint32_t offset = 0;  // of the state in the payload
  Type result_type;

 protected:
  char* state_of(const AccumulateCall& call, uint32_t i) const {
    return call.entries[i]->payload() + offset;
  }
  static int64_t weight_of(const AccumulateCall& call, uint32_t i) {
    return call.weights == nullptr ? 1 : call.weights[i];
  }
};

// The accumulator of an aggregate over arguments of these types; null when it needs a bag.
// `append_only`: rows are never taken away.
std::unique_ptr<Accumulator> make_accumulator(sql::AggregateKind kind, std::span<const Type> args,
                                              Type result, bool append_only);
// For a call that counts the rows of the group, whose number is the first thing in a payload.
std::unique_ptr<Accumulator> make_row_count(Type result);

}  // namespace qw::views
