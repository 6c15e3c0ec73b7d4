// BagCall: an aggregate that needs all values of its group: min and max under retractions,
// what collect() makes of them (array_agg, string_agg, json_agg), the spelling of a group's keys.
//
// Updates only change the group's bag; refresh() computes the value once per epoch. A bag is a
// state of its own in the log: its records are the group's key, a row and a weight.
//   record: varint zigzag weight, key (KeyEncoder), varint row size, row
// The slot of a group is kSlotBytes of its payload, zero to begin with: what it gave out last
// stands there, so that a copy of the payload is what to take back. RowBag (row_bag.h) keeps rows
// in order, NumberBag (number_bag.h) the numbers of a min or max. Epoch thread. Tests:
// tests/unit/views/exhaustive_test.cc, oracle_test.cc.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "sql/plan.h"
#include "src/types/row_codec.h"
#include "views/operators/operator.h"
#include "views/state/keyed_table.h"
#include "views/state/state.h"

namespace qw::views {

class BagCall : public State {
 public:
  static constexpr uint32_t kSlotBytes = 32;
  struct Spec {
    sql::AggregateKind kind = sql::AggregateKind::min;
    bool spelling = false;  // the smallest packed row of the columns wins
    bool distinct = false;
    std::vector<uint32_t> arguments;
    std::vector<sql::SortKey> order;
    std::vector<Type> input;
    Type result;
  };
  static bool supports(sql::AggregateKind kind);
  static std::unique_ptr<BagCall> make(Spec spec, const KeyEncoder& encoder, KeyedTable& table);

  // Rows rows[i] of `batch`, as in AccumulateCall.
  virtual void update(const Batch& batch, const uint16_t* rows, const int64_t* weights,
                      Entry* const* entries, uint32_t count, Arena& arena) = 0;
  // Computes the value of a group; what it replaces is freed by free_retired(). The host fails when
  // there is no memory for it.
  virtual void refresh(Entry* entry, Host& host, Arena& arena) = 0;
  virtual void free_retired() {}
  // One column (spelling: one per argument).
  virtual void results(std::span<const char* const> states, Arena& arena, std::vector<Vector>& out,
                       sql::RowErrors& errors) const = 0;
  // Rows that differ.
  virtual uint64_t size(const Entry* entry) const = 0;
  // The group's partition leaves memory: as release(), but it goes on being counted.
  virtual void drop(Entry* entry) = 0;
  void release(Entry* entry);
  int64_t negative_rows() const { return negative_; }

  uint64_t rows() const override { return rows_; }
  // What lies in the group table's heap is counted there.
  uint64_t bytes() const override { return nodes_; }
  uint64_t nodes_bytes(uint32_t partition) const { return nodes_of_[partition]; }
  // Around the return of a partition.
  void restoring() { counts_before_ = {rows_, negative_}; }
  void restored() { std::tie(rows_, negative_) = counts_before_; }

  uint32_t offset = 0;

 protected:
  BagCall(Spec spec, std::vector<uint32_t> stored, const KeyEncoder& encoder, KeyedTable& table);
  // `rows` belong to the groups `entries`: at most kBatchRowsMax, from log, image or scratch file.
  virtual void take_in(std::span<const std::string_view> rows, const int64_t* weights,
                       Entry* const* entries, Arena& arena) = 0;
  template <typename Slot>
  Slot& slot(Entry* entry) const {
    static_assert(sizeof(Slot) <= kSlotBytes);
    return *reinterpret_cast<Slot*>(entry->payload() + offset);
  }
  template <typename Slot>
  const Slot& slot(const Entry* entry) const {
    return *reinterpret_cast<const Slot*>(entry->payload() + offset);
  }
  // Packs the stored columns of the rows, and logs them.
  void pack(const Batch& stored, const int64_t* weights, Entry* const* entries, Arena& arena,
            std::string_view* out);
  Batch stored_columns(const Batch& batch, const uint16_t* rows, uint32_t count) const;
  void append_record(std::string& out, const Entry* entry, std::string_view row,
                     int64_t weight) const;
  void count_nodes(uint64_t hash, int64_t bytes);

  const Spec spec_;
  KeyedTable& table_;
  const std::vector<uint32_t> stored_;  // input columns of a stored row
  const RowCodec stored_codec_;
  std::vector<uint32_t> fields_;  // 0, 1, ...: columns of a batch of stored rows
  int64_t negative_ = 0;
  uint64_t rows_ = 0;

 private:
  Result<void> replay(std::string_view records) final;

  const KeyEncoder& encoder_;
  std::pair<uint64_t, int64_t> counts_before_;
  // Outside of the table's heap, in memory: of all groups, of those of a partition.
  uint64_t nodes_ = 0;
  std::array<uint64_t, kPartitionCount> nodes_of_{};
};

}  // namespace qw::views
