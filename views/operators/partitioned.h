// PartitionedState: rows in order per partition key: what top-k and windows keep.
//
// A slot holds an ordered bag of whole rows. Changed partitions are on a dirty list until the end
// of the epoch. The log holds rows with weights; what was given out before follows from the rows.
// Epoch thread. Tests: tests/unit/views/oracle_test.cc.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "sql/plan.h"
#include "src/types/key_codec.h"
#include "views/state/keyed_table.h"
#include "views/state/ordered_bag.h"
#include "views/state/residency.h"
#include "views/state/state.h"

namespace qw::views {

class PartitionedState final : public RowState, public Spillable {
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
  // Takes away a row without copies.
  void erase(Entry* entry, OrderedBag::Rows::iterator at);
  KeyedTable& table() { return table_; }
  BlobHeap& heap(const Entry* entry) { return table_.heap(entry->hash); }
  // Bytes of a row's key that belong to `order` alone.
  std::string_view order_key(const BagRow& row) const;
  int64_t negative_rows() const { return negative_; }
  uint64_t rows() const override { return rows_; }
  uint64_t bytes() const override { return table_.bytes() + nodes_; }
  size_t list_bytes() const { return dirty_.capacity() * sizeof(Entry*); }
  void clear();
  // What is known of rows beside their records is worked out anew for partitions that come back:
  // the dirty list has their entries during the call, and has to be empty afterwards.
  void on_return(std::function<void()> work) { on_return_ = std::move(work); }

  std::vector<State*> parts() override { return {this}; }
  KeyedTable& spilled_table() override { return table_; }
  // Without columns there is but one partition.
  bool can_spill() const override { return !partition_.empty(); }
  const KeyEncoder& key_encoder() const override { return encoder_; }
  std::span<const uint32_t> key_columns(uint32_t) const override { return partition_; }
  std::vector<Type> row_types(uint32_t) const override {
    return {codec().types().begin(), codec().types().end()};
  }
  uint64_t busy() const override;
  uint64_t more_bytes(uint32_t partition) const override { return nodes_of_[partition]; }
  uint64_t more_bytes() const override { return nodes_; }
  void drop_entries(uint32_t partition) override;
  void restoring(uint32_t partition) override;
  void restored(uint32_t partition) override;

 private:
  static uint64_t biased(int64_t value) { return static_cast<uint64_t>(value) ^ (1ULL << 63); }
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  void absorb(const Batch& batch) override;

  std::vector<uint32_t> partition_, order_columns_, rest_columns_, all_columns_;
  KeyEncoder encoder_;
  KeyCodec order_codec_, rest_codec_;
  KeyedTable table_;
  void count_nodes(const Entry* entry, int64_t bags, int64_t rows);

  std::vector<Entry*> dirty_, dirty_before_;
  std::function<void()> on_return_;
  uint64_t rows_before_ = 0;
  int64_t negative_before_ = 0;
  // Of B-trees, in memory: all, and by partition.
  uint64_t nodes_ = 0;
  std::array<uint64_t, kPartitionCount> nodes_of_{};
  int64_t negative_ = 0;
  uint64_t rows_ = 0;
  bool absorbing_ = false;
};

}  // namespace qw::views
