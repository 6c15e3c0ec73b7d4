// BagCall: an aggregate that needs all values of its group: min and max under retractions,
// what collect() makes of them (array_agg, string_agg, json_agg), the spelling of a group's keys.
//
// The slot holds a pointer to an ordered bag and the value given out last, as a packed row of one
// column (or of all key columns, for spellings), or the error that took its place. Updates only
// change the bag; refresh() computes the value once per epoch. A bag is a state of its own in the
// log: its records are the group's key, a row and a weight.
//   record: varint zigzag weight, key (KeyEncoder), varint row size, row
// Epoch thread. Tests: tests/unit/views/aggregate_test.cc.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sql/plan.h"
#include "src/base/memory_budget.h"
#include "src/types/key_codec.h"
#include "views/operators/operator.h"
#include "views/state/keyed_table.h"
#include "views/state/ordered_bag.h"
#include "views/state/state.h"

namespace qw::views {

class BagCall final : public State {
 public:
  struct Slot {
    OrderedBag* bag;
    char* value;  // nullptr = NULL
    uint64_t value_size;
    uint64_t failed;  // 1 = `value` is a SQLSTATE and a message
  };
  struct Spec {
    sql::AggregateKind kind = sql::AggregateKind::min;
    bool spelling = false;  // the smallest packed row of the columns wins
    bool distinct = false;
    std::vector<uint32_t> arguments;
    std::vector<sql::SortKey> order;
    std::vector<Type> input;
    Type result;
  };
  BagCall(Spec spec, const KeyEncoder& encoder, KeyedTable& table);
  ~BagCall() override;

  // Rows rows[i] of `batch`, as in AccumulateCall.
  void update(const Batch& batch, const uint16_t* rows, const int64_t* weights,
              Entry* const* entries, uint32_t count, Arena& arena);
  // Computes the value of a group; what it replaces is freed by free_retired().
  void refresh(Entry* entry, const TextStyle& style, Arena& arena);
  void free_retired();
  // One column (spelling: one per argument).
  void results(std::span<const char* const> states, Arena& arena, std::vector<Vector>& out,
               sql::RowErrors& errors) const;
  bool empty(const Entry* entry) const;
  void release(Entry* entry);
  // The group's partition leaves memory: as release(), but it goes on being counted.
  void drop(Entry* entry);
  int64_t negative_rows() const { return negative_; }
  bool spelling() const { return spec_.spelling; }
  std::span<const uint32_t> arguments() const { return spec_.arguments; }
  static bool supports(sql::AggregateKind kind);

  uint64_t rows() const override { return rows_; }
  // Rows are counted in the group table's heap.
  uint64_t bytes() const override { return nodes_; }
  uint64_t nodes_bytes(uint32_t partition) const { return nodes_of_[partition]; }
  // Around the return of a partition.
  void restoring() { counts_before_ = {rows_, negative_}; }
  void restored() { std::tie(rows_, negative_) = counts_before_; }

  uint32_t offset = 0;
  std::function<void(Entry*)> on_replay;  // tells the group operator which entries it has touched

 private:
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  Result<void> replay(std::string_view records) override;
  Slot& slot(Entry* entry) const { return *reinterpret_cast<Slot*>(entry->payload() + offset); }
  void apply(Entry* entry, std::string_view order_key, std::string_view row, int64_t weight);
  void order_keys(const Batch& stored, Arena& arena, std::string_view* out) const;
  Result<std::string> compute(const OrderedBag& bag, const TextStyle& style, Arena& arena) const;
  Vector stored_column(const OrderedBag& bag, uint32_t field, Arena& arena, uint32_t& count) const;
  void append_record(std::string& out, const Entry* entry, std::string_view row,
                     int64_t weight) const;

  Spec spec_;
  const KeyEncoder& encoder_;
  KeyedTable& table_;
  std::vector<uint32_t> stored_;  // input columns of a stored row: order columns, then arguments
  std::vector<Type> stored_types_;
  RowCodec stored_codec_, result_codec_;
  KeyCodec order_codec_;
  std::vector<uint32_t> fields_;  // 0, 1, ...: columns of a batch of stored rows
  uint32_t first_argument_ = 0;   // field
  struct Retired {
    char* bytes;
    uint64_t size, hash;
  };
  void count_nodes(uint64_t hash, int64_t bags, int64_t rows);

  static constexpr uint64_t kLargeValueBytes = 4096;
  MemoryCharge values_;  // of a query
  std::vector<Retired> retired_;
  int64_t negative_ = 0;
  uint64_t rows_ = 0;
  std::pair<uint64_t, int64_t> counts_before_;
  // Of B-trees, in memory: of all groups, of those of a partition.
  uint64_t nodes_ = 0;
  std::array<uint64_t, kPartitionCount> nodes_of_{};
};

}  // namespace qw::views
