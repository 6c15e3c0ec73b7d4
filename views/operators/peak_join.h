// PeakJoinOperator: rows joined with the maximum (minimum) of their group, where both only come.
//
//   FROM bid b JOIN (SELECT g, max(price) AS top FROM .. GROUP BY g) m ON b.g = m.g AND b.price =
//   top
//
// The maximum of a group never falls, so a row below it never is an answer again: it is neither
// kept nor logged, and most are turned away by one comparison. A group's slot holds the row of the
// maximum ("peak") and the rows that are not below it. Rows that come wait until the end of the
// epoch, when the peak of the epoch is known; each side's changes are met there, once per group.
// The peaks' side must change a group at most once per epoch, old row first: an aggregate does.
//   log records: rows with weights (RowState's), one state per side
// Epoch thread. Tests: tests/unit/views/oracle_test.cc (random joins with peaks).
#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "src/types/key_codec.h"
#include "views/operators/operator.h"
#include "views/state/keyed_table.h"
#include "views/state/state.h"

namespace qw::views {

struct PeakJoinSpec {
  std::vector<Type> rows, peaks;            // columns of either side
  std::vector<uint32_t> row_key, peak_key;  // the group; peaks have one row per group
  std::vector<bool> skip_null;              // per key column: NULL is no group
  uint32_t row_value = 0, peak_value = 0;   // columns of one type
  bool highest = true;                      // max; else min
  bool equal = true;                        // value = peak; else value >= peak (min: <=)
  bool rows_first = true;                   // output: rows' columns, then the peaks'
};

class PeakJoinOperator final : public Operator {
 public:
  static constexpr uint32_t kRows = 0, kPeaks = 1;  // ports

  PeakJoinOperator(Host& host, PeakJoinSpec spec);
  ~PeakJoinOperator() override { reset(); }
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  void finish() override;
  bool needs_finish() const override { return true; }
  void reset() override;
  std::vector<State*> states() override { return {&rows_, &peaks_}; }
  Spillable* spillable() override { return &unit_; }

 private:
  // A stored row: its value as an order key (best first), then the packed row.
  struct Stored {
    Stored* next;  // rows that came in this epoch, in their order
    int64_t weight;
    uint32_t key_size, row_size;
    std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_size}; }
    std::string_view row() const {
      return {reinterpret_cast<const char*>(this + 1) + key_size, row_size};
    }
    size_t bytes() const { return sizeof(Stored) + key_size + row_size; }
  };
  struct Slot {
    Stored* peak;
    Stored** rows;
    uint32_t count, capacity;
    uint64_t padding;
    std::span<Stored*> kept() const { return {rows, count}; }
  };
  struct Dirty {
    Entry* entry;
    Stored* before;  // the peak
    Stored *first, *last;
  };
  struct Emission {
    const Stored *row, *peak;
    int64_t weight;
  };
  // One side as a state: what it has lies in the slots.
  class Side final : public RowState {
   public:
    Side(PeakJoinOperator& owner, std::vector<Type> types, uint32_t port)
        : RowState(std::move(types)), owner_(owner), port_(port) {}
    uint64_t rows() const override { return count; }
    uint64_t bytes() const override { return port_ == kRows ? owner_.table_.bytes() : 0; }
    void log(const Entry* entry, const Stored& stored, int64_t weight) {
      touch(partition_of(entry->hash));
      if (logging) log_row(stored.row(), weight);
    }
    uint64_t count = 0;

   private:
    void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
    void absorb(const Batch& batch) override;
    PeakJoinOperator& owner_;
    uint32_t port_;
  };
  // Both sides by partitions of groups.
  class Unit final : public Spillable {
   public:
    explicit Unit(PeakJoinOperator& owner) : owner_(owner) {}
    std::vector<State*> parts() override { return {&owner_.rows_, &owner_.peaks_}; }
    KeyedTable& spilled_table() override { return owner_.table_; }
    // Without columns there is but one partition.
    bool can_spill() const override { return !owner_.spec_.row_key.empty(); }
    const KeyEncoder& key_encoder() const override { return owner_.encoder_; }
    std::span<const uint32_t> key_columns(uint32_t port) const override {
      return port == kRows ? owner_.spec_.row_key : owner_.spec_.peak_key;
    }
    std::vector<Type> row_types(uint32_t port) const override {
      return port == kRows ? owner_.spec_.rows : owner_.spec_.peaks;
    }
    uint64_t busy() const override { return owner_.dirty_partitions_; }
    void drop_entries(uint32_t partition) override;
    void restoring(uint32_t) override {
      counts_before_ = {owner_.rows_.count, owner_.peaks_.count};
    }
    void restored(uint32_t) override {
      std::tie(owner_.rows_.count, owner_.peaks_.count) = counts_before_;
    }

   private:
    PeakJoinOperator& owner_;
    std::pair<uint64_t, uint64_t> counts_before_;
  };
  struct Keyed {
    Batch rows;  // without those that have no group or no value
    KeyBatch keys;
    Entry** entries = nullptr;
    std::string_view* order = nullptr;
  };

  Keyed look_up(uint32_t port, const Batch& batch, bool drop_null_values);
  void accept_rows(const Batch& batch);
  void accept_peaks(const Batch& batch);
  bool is_answer(const Stored& row, const Slot& slot) const;
  bool outranked(std::string_view key, const Slot& slot) const;
  Dirty& dirty(Entry* entry);
  void settle(Dirty& item);
  void keep(Entry* entry, const Stored& row);
  void end_step();
  Stored* make(uint64_t hash, std::string_view key, std::string_view row, int64_t weight);
  void release(uint64_t hash, Stored* stored);
  void release_array(const Entry* entry);

  PeakJoinSpec spec_;
  KeyEncoder encoder_;
  KeyCodec order_codec_;
  std::vector<uint32_t> all_rows_, all_peaks_;
  KeyedTable table_;
  Side rows_, peaks_;
  Unit unit_{*this};
  Arena arena_, epoch_arena_, out_arena_;
  std::vector<Dirty> dirty_;
  std::vector<Emission> emissions_;
  struct Retired {
    uint64_t hash;
    Stored* stored;
  };
  std::vector<Retired> retired_;  // still named by emissions_
  uint64_t dirty_partitions_ = 0;
  size_t next_dirty_ = 0, next_emission_ = 0;
  bool finishing_ = false;
};

}  // namespace qw::views
