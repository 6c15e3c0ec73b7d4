// WindowOperator: window functions over partitions that change.
//
// A changed partition is computed anew at the end of the epoch and compared with what its rows gave
// out before, which each row keeps: only rows whose values differ are emitted. That costs the size
// of the partition per epoch, not of the change, and serves every window function and frame alike.
// A partition of which a call fails gives out that error in place of its rows, until it no longer
// does: what it has given out last is in its bag and, like the values of its rows, not in the log:
// the rows say it.
// Rows that are equal in the ORDER BY are told apart by the whole row, so the answer does not
// depend on the order of changes. Epoch thread. Tests: tests/unit/views/window_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sql/plan.h"
#include "views/operators/accumulator.h"
#include "views/operators/operator.h"
#include "views/operators/partitioned.h"

namespace qw::views {

// One partition in order, columns as flat vectors of any length.
struct WindowRows {
  std::vector<Vector> columns;
  uint32_t count = 0;
  std::vector<uint32_t> peer_begin, peer_end, peer_group;  // per row
  std::vector<uint32_t> group_begin;                       // per group, and the end
};

// Rows [from, from + count) of flat vectors; `from` is a multiple of 64.
Batch flat_slice(std::span<const Vector> columns, uint32_t from, uint32_t count);
// Computes one call over a partition. In operators/window_call.cc.
Result<Vector> compute_window(const sql::WindowCall& call, const WindowRows& rows, Arena& arena);
// 0A000 for calls that cannot be computed.
Result<void> check_window(const sql::WindowCall& call, std::span<const Type> input);

class WindowOperator final : public Operator {
 public:
  static Result<std::unique_ptr<WindowOperator>> make(Host& host, const sql::Window& plan,
                                                      std::vector<Type> input);
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  void finish() override;
  bool needs_finish() const override { return true; }
  void reset() override;
  std::vector<State*> states() override { return {&state_}; }
  size_t list_bytes() const override { return state_.list_bytes(); }
  Spillable* spillable() override { return &state_; }
  void finish_recovery() override;

 private:
  WindowOperator(Host& host, const sql::Window& plan, std::vector<Type> input);
  struct Emission {
    std::string_view row, values;
    int64_t weight;
  };
  struct Retired {
    const Entry* entry;
    char* bytes;
    uint64_t size;
  };
  // What follows from the rows is made anew, or has changed and goes out.
  enum class Purpose : uint8_t { recovery, output };
  void compute(Entry* entry, Purpose purpose);
  Result<std::vector<std::string_view>> evaluate(const OrderedBag& bag);
  void replace(Entry* entry, BagRow* row, std::span<const std::string_view> values);
  void drop_gone(Entry* entry);
  void end_step();

  static constexpr uint32_t kCopiesMax = 1 << 30;  // of a partition's rows
  static constexpr uint64_t kTimesCopied = 4;
  static constexpr size_t kStepBytes = 16 << 20;  // of values that are made before they go out

  std::vector<sql::WindowCall> own_calls_;
  std::vector<Type> call_types_;
  RowCodec call_codec_;
  PartitionedState state_;
  Arena arena_, step_arena_, out_arena_;
  std::vector<Emission> emissions_;
  std::vector<Retired> retired_;
  std::vector<Entry*> walked_;
  size_t next_dirty_ = 0, next_emission_ = 0;
  bool finishing_ = false;
};

}  // namespace qw::views
