// DistinctGate: turns the changes of a multiset into those of its set, for count(DISTINCT x) and
// the like: one table (group, value) -> a count per FILTER, shared by all calls over the same
// columns.
//
//   record: varint filter, varint zigzag weight, varint key size, key
//
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
  // `columns`: group columns, then the argument's; their types; how many filters.
  DistinctGate(std::vector<uint32_t> columns, std::vector<Type> types, uint32_t filters)
      : columns_(std::move(columns)),
        encoder_(std::move(types)),
        filters_(filters),
        table_(encoder_.packed(), filters * static_cast<uint32_t>(sizeof(int64_t))) {}

  std::span<const uint32_t> columns() const { return columns_; }
  // Rows rows[i] with weights; effective[i] = the change of the set.
  void pass(const Batch& batch, const uint16_t* rows, const int64_t* weights, uint32_t count,
            uint32_t filter, Arena& arena, int64_t* effective);
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
  void change(Entry* entry, uint32_t filter, int64_t weight, int64_t* effective);
  void erase_if_empty(Entry* entry);
  std::string_view key_bytes(const KeyWords& words) const;

  std::vector<uint32_t> columns_;
  KeyEncoder encoder_;
  uint32_t filters_;
  KeyedTable table_;
  int64_t negative_ = 0;
};

}  // namespace qw::views
