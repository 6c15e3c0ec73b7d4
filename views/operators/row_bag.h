// RowBag: a bag of packed rows in order (state/ordered_bag.h), for every aggregate that needs one.
//
// The slot holds a pointer to an ordered bag and the value given out last, as a packed row of one
// column (or of all key columns, for spellings), or the error that took its place.
// Epoch thread. Tests: tests/unit/views/exhaustive_test.cc, oracle_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/memory_budget.h"
#include "src/types/key_codec.h"
#include "views/operators/bag.h"
#include "views/state/ordered_bag.h"

namespace qw::views {

class RowBag final : public BagCall {
 public:
  RowBag(Spec spec, const KeyEncoder& encoder, KeyedTable& table);
  ~RowBag() override;

  void update(const Batch& batch, const uint16_t* rows, const int64_t* weights,
              Entry* const* entries, uint32_t count, Arena& arena) override;
  void refresh(Entry* entry, Host& host, Arena& arena) override;
  void free_retired() override;
  void results(std::span<const char* const> states, Arena& arena, std::vector<Vector>& out,
               sql::RowErrors& errors) const override;
  uint64_t size(const Entry* entry) const override;
  void drop(Entry* entry) override;

 private:
  struct Slot {
    OrderedBag* bag;
    char* value;  // nullptr = NULL
    uint64_t value_size;
    uint64_t failed;  // 1 = `value` is a SQLSTATE and a message
  };
  struct Retired {
    char* bytes;
    uint64_t size, hash;
  };
  void take_in(std::span<const std::string_view> rows, const int64_t* weights,
               Entry* const* entries, Arena& arena) override;
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  void apply(Entry* entry, std::string_view order_key, std::string_view row, int64_t weight);
  void order_keys(const Batch& stored, Arena& arena, std::string_view* out) const;
  Result<std::string> compute(const OrderedBag& bag, const TextStyle& style, Arena& arena) const;
  std::vector<std::string_view> counted(const OrderedBag& bag, std::vector<int64_t>& copies) const;
  void count_rows(uint64_t hash, int64_t bags, int64_t rows);

  static constexpr uint64_t kLargeValueBytes = 4096, kTimesCopied = 4;
  RowCodec result_codec_;
  KeyCodec order_codec_;
  std::vector<uint32_t> ordered_;  // fields that order the rows before their bytes do
  uint32_t first_argument_ = 0;    // field
  MemoryCharge values_;            // of a query
  std::vector<Retired> retired_;
};

}  // namespace qw::views
