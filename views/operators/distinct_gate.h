// DistinctGate: turns the changes of a multiset into those of its set, for count(DISTINCT x) and
// the like: one table (group, value) -> a count per FILTER, shared by all calls over the same
// columns. A group goes by a number that its owner gives it, so that keys stay short.
//
//   record: varint filter, varint zigzag weight, key (KeyEncoder)
//
// Where rows only come, a bit per filter takes the place of the count, and only the first row of a
// value is worth a record:
//   record: varint bits that were set, key
// A row's weight becomes +1, 0 or -1 at once: the sum over an epoch depends on the final counts
// only. Epoch thread. Tests: tests/unit/views/aggregate_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "views/state/keyed_table.h"
#include "views/state/state.h"

namespace qw::views {

class DistinctGate final : public State {
 public:
  // `arguments`: columns of the call; `types`: those of numbers (oid), then theirs; how many
  // filters.
  DistinctGate(std::vector<uint32_t> arguments, std::vector<Type> types, uint32_t filters,
               bool append_only)
      : arguments_(std::move(arguments)),
        encoder_(std::move(types)),
        filters_(filters),
        bits_(append_only && filters <= 64),
        table_(encoder_.packed(), (bits_ ? 1 : filters) * static_cast<uint32_t>(sizeof(int64_t))) {}

  // The next batch: its values are looked up once for all filters. Rows whose value is NULL have no
  // part in it. `groups`: the group's number by physical row. `arena` holds until end().
  void begin(const Batch& batch, const Vector& groups, Arena& arena);
  // Rows live[i] (in the order of live rows) with weights (nullptr = +1 each): the change of the
  // set by each. Calls with the same filter have the same rows, and get the same answer. nullptr: a
  // row was taken away where rows only come.
  int64_t* pass(const uint16_t* live, const int64_t* weights, uint32_t count, uint32_t filter);
  void end();
  int64_t negative_rows() const { return negative_; }
  uint64_t rows() const override { return table_.size(); }
  uint64_t bytes() const override { return table_.bytes(); }
  void clear() {
    table_.clear();
    negative_ = 0;
  }

 private:
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  Result<void> replay(std::string_view records) override;
  Result<Entry*> replay_key(std::string_view& records);
  Result<void> replay_bits(std::string_view records);
  void change(Entry* entry, uint32_t filter, int64_t weight, int64_t* effective);
  void erase_if_empty(Entry* entry);

  std::vector<uint32_t> arguments_;
  KeyEncoder encoder_;
  uint32_t filters_;
  bool bits_;
  KeyedTable table_;
  // Of the batch between begin() and end().
  KeyGroups groups_;
  Arena* arena_ = nullptr;
  std::vector<int64_t*> passed_;  // per filter
  Entry** entries_ = nullptr;     // per group
  uint16_t* group_of_ = nullptr;  // per live row
  uint64_t* set_ = nullptr;       // per group: bits that were not set before
  int64_t negative_ = 0;
};

}  // namespace qw::views
