// TopKOperator: the first rows of each partition: DISTINCT ON, ROW_NUMBER() <= k, RANK() <= k,
// LIMIT.
//
// At the end of an epoch each changed partition is walked from its best row on, only as far as rows
// are in the answer or were in it; each row knows how many of its copies it has given out, so churn
// within an epoch cancels. With append-only input, rows that fell out of the answer are forgotten.
// With an order by counts that only rise (sql::Properties::rising), highest first, each partition
// has a floor: the lowest count in its answer when the last epoch ended, once that is full. A row
// below it can never get into the answer, it must come again with a higher count; so it is neither
// kept nor missed when it goes.
// Epoch thread. Tests: tests/unit/views/oracle_test.cc.
#pragma once

#include <utility>
#include <vector>

#include "sql/plan.h"
#include "views/operators/operator.h"
#include "views/operators/partitioned.h"

namespace qw::views {

class TopKOperator final : public Operator {
 public:
  enum class Input : uint8_t { any, append_only, rising };
  TopKOperator(Host& host, const sql::TopK& plan, std::vector<Type> types, Input input);
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
  struct Emission {
    BagRow* row;
    int64_t weight;
    int64_t number;
  };
  void walk(Entry* entry);
  void change(BagRow* row, int64_t copies, int64_t first);
  void drop_gone();
  void drop_useless(Entry* entry);
  void raise_floor(Entry* entry);
  void forget(Entry* entry, const BagRow* row);

  bool row_number_, with_ties_;
  Input input_;
  uint32_t rising_column_ = 0;
  int64_t limit_, offset_;  // limit INT64_MAX = none
  PartitionedState state_;
  Arena arena_, out_arena_;
  std::vector<Emission> emissions_;
  std::vector<Entry*> walked_;  // partitions whose gone rows are still needed by emissions_
  std::vector<std::pair<Entry*, const BagRow*>> gone_;  // of those, with nothing left
  size_t next_dirty_ = 0, next_emission_ = 0;
  bool finishing_ = false;
};

}  // namespace qw::views
