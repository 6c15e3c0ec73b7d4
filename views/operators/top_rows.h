// TopRowsOperator: the first k rows of each partition where rows only come: what TopKOperator does
// for DISTINCT ON, ROW_NUMBER() <= k and LIMIT, at a fraction of its cost.
//
// A row that is not among the first k now never will be: it is neither kept nor logged, and most
// are turned away by one comparison of order keys with the worst row kept. A slot holds up to k
// pointers to rows, best first; what it held before the epoch is copied on its first change, and at
// the end of the epoch the difference goes out. Ties in the order go by all other columns, as in
// TopKOperator; their keys are made only when there is a tie.
//   log record: a row that came in (RowState's, weight 1); taking it in again pushes out the same
// Epoch thread. Tests: tests/unit/views/oracle_test.cc.
#pragma once

#include <vector>

#include "sql/plan.h"
#include "src/types/key_codec.h"
#include "views/operators/operator.h"
#include "views/state/keyed_table.h"
#include "views/state/residency.h"
#include "views/state/state.h"

namespace qw::views {

// A row that is kept: sizes, then the order key and the packed row.
struct TopRow {
  uint32_t key_size, row_size;
  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
  std::string_view row() const {
    return {reinterpret_cast<const char*>(this + 1) + key_size, row_size};
  }
};

class TopRowsState final : public RowState, public Spillable {
 public:
  struct Slot {
    uint32_t count, capacity;  // capacity 0: at most one row, in `one`
    union {
      TopRow* one;
      TopRow** many;
    };
    std::span<TopRow* const> rows() const { return {capacity == 0 ? &one : many, count}; }
  };
  struct Dirty {
    Entry* entry;
    std::span<TopRow* const> old;  // before the epoch
  };

  TopRowsState(std::vector<Type> types, const sql::TopK& plan);
  ~TopRowsState() override { clear(); }

  // False: a row was taken away.
  bool update(const Batch& batch, Arena& arena);
  const std::vector<Dirty>& dirty() const { return dirty_; }
  // Logs what came and frees what went; the dirty list is empty afterwards.
  void end_epoch();
  uint64_t rows() const override { return rows_; }
  uint64_t bytes() const override { return table_.bytes(); }
  void clear();

  std::vector<State*> parts() override { return {this}; }
  KeyedTable& spilled_table() override { return table_; }
  // Without columns there is but one partition.
  bool can_spill() const override { return !partition_.empty(); }
  const KeyEncoder& key_encoder() const override { return encoder_; }
  std::span<const uint32_t> key_columns(uint32_t) const override { return partition_; }
  std::vector<Type> row_types(uint32_t) const override {
    return {codec().types().begin(), codec().types().end()};
  }
  uint64_t busy() const override { return dirty_partitions_; }
  void drop_entries(uint32_t partition) override;
  void restoring(uint32_t) override { rows_before_ = rows_; }
  void restored(uint32_t) override { rows_ = rows_before_; }

 private:
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  void absorb(const Batch& batch) override;
  void take_in(const Batch& batch, const KeyGroups& groups, Entry* const* entries,
               const std::string_view* order, Arena& arena);
  uint32_t best_of_groups(const Batch& batch, const KeyGroups& groups,
                          const std::string_view* order, Arena& arena, uint16_t* best);
  uint32_t candidates(const KeyGroups& groups, Entry* const* entries, const std::string_view* order,
                      const uint16_t* from, uint32_t count, uint16_t* out);
  void insert(Entry* entry, std::string_view order, std::string_view row);
  bool before(std::string_view order, std::string_view row, const TopRow& other);
  std::string_view rest_key(std::string_view row, Arena& arena) const;
  void mark_dirty(Entry* entry);
  void release(uint64_t hash, TopRow* row);
  void release_array(const Entry* entry);
  void grow(Entry* entry);

  uint32_t limit_;
  std::vector<uint32_t> partition_, order_columns_, rest_columns_, all_columns_;
  KeyEncoder encoder_;
  KeyCodec order_codec_, rest_codec_;
  KeyedTable table_;
  std::vector<Dirty> dirty_;
  struct Retired {
    uint64_t hash;
    TopRow* row;
  };
  std::vector<Retired> retired_;  // pushed out in this epoch: `old` may still name them
  uint64_t dirty_partitions_ = 0;
  Arena epoch_arena_, tie_arena_;
  uint64_t rows_ = 0, rows_before_ = 0;
  bool replaying_ = false;
};

class TopRowsOperator final : public Operator {
 public:
  static constexpr int64_t kLimitMax = 64;
  static bool fits(const sql::TopK& plan) {
    return plan.limit && *plan.limit >= 1 && *plan.limit <= kLimitMax && plan.offset == 0 &&
           !plan.with_ties;
  }
  TopRowsOperator(Host& host, const sql::TopK& plan, std::vector<Type> types)
      : Operator(host), row_number_(plan.row_number), state_(std::move(types), plan) {}
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  void finish() override;
  bool needs_finish() const override { return true; }
  void reset() override;
  std::vector<State*> states() override { return {&state_}; }
  RowState* output_state() override { return &state_; }
  Spillable* spillable() override { return &state_; }

 private:
  struct Emission {
    const TopRow* row;
    int64_t weight, number;
  };
  void compare(const TopRowsState::Dirty& item);

  bool row_number_;
  TopRowsState state_;
  Arena arena_, out_arena_;
  std::vector<Emission> emissions_;
  size_t next_dirty_ = 0, next_emission_ = 0;
  bool finishing_ = false;
};

}  // namespace qw::views
