// PartitionedState: rows in order per partition key: what top-k and windows keep.
//
// A slot holds an ordered bag of whole rows. Changed partitions are on a dirty list until the end
// of the epoch. The log holds rows with weights; what was given out before follows from the rows.
// Epoch thread. Tests: tests/unit/views/oracle_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "sql/plan.h"
#include "src/types/key_codec.h"
#include "views/state/keyed_table.h"
#include "views/state/ordered_bag.h"
#include "views/state/state.h"

namespace qw::views {

class PartitionedState final : public RowState {
 public:
  struct Slot {
    OrderedBag* bag;
    uint64_t floor;  // see above_floors(); as unsigned, 0 = the lowest bigint there is
  };
  // Rows are ordered by `order`, then by all other columns ascending: total but for spelling.
  PartitionedState(std::vector<Type> types, const std::vector<uint32_t>& partition,
                   const std::vector<sql::SortKey>& order);
  ~PartitionedState() override;

  void update(const Batch& batch, Arena& arena);
  // The rows whose `column` (bigint) is not below the floor of their partition.
  Batch above_floors(const Batch& batch, uint32_t column, Arena& arena);
  static void set_floor(Entry* entry, int64_t value) { entry->as<Slot>().floor = biased(value); }
  static bool below_floor(const Entry* entry, int64_t value) {
    return biased(value) < entry->as<Slot>().floor;
  }
  int64_t value_of(const BagRow& row, uint32_t column) const;
  std::vector<Entry*>& dirty() { return dirty_; }
  OrderedBag& bag(Entry* entry) { return *entry->as<Slot>().bag; }
  // Takes a clean slot off when it is empty. Ends the dirty state of it either way.
  void settle(Entry* entry);
  // Removes a row that will never be asked for again, in the log too.
  void forget(Entry* entry, OrderedBag::Rows::iterator at);
  KeyedTable& table() { return table_; }
  BlobHeap& heap() { return table_.heap(); }
  // Bytes of a row's key that belong to `order` alone.
  std::string_view order_key(const BagRow& row) const;
  int64_t negative_rows() const { return negative_; }
  uint64_t rows() const override { return rows_; }
  uint64_t bytes() const override { return table_.bytes(); }
  void clear();

 private:
  static uint64_t biased(int64_t value) { return static_cast<uint64_t>(value) ^ (1ULL << 63); }
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  void absorb(const Batch& batch) override;

  std::vector<uint32_t> partition_, order_columns_, rest_columns_, all_columns_;
  KeyEncoder encoder_;
  KeyCodec order_codec_, rest_codec_;
  KeyedTable table_;
  std::vector<Entry*> dirty_;
  int64_t negative_ = 0;
  uint64_t rows_ = 0;
  bool absorbing_ = false;
};

}  // namespace qw::views
