// JoinOperator: inner equi-join of two changing sides, each with its RowIndex.
//
// Port 0 takes changes of the left side before the left index has them and probes the right index;
// port 1 takes changes of the right side after the right index has them and probes the left index.
// Each pair is thus met exactly once, whatever the slicing and interleaving, self joins included:
// d(A x B) = dA x B, then A += dA; then, when B changes, B += dB and A x dB.
// A row that has met the only row it can ever meet (the other side's rows have a key of their own
// within the join key, and only come) need not be remembered: see unmatched() and compile.cc. The
// same holds when that only row has been seen and filtered out: it comes with weight 0, and is kept
// as such.
// The indexes belong to arrangements (operators/arrange.h) and may be shared by many joins.
// An empty key is a cross join. Epoch thread. Tests: tests/unit/views/operators_test.cc.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "views/operators/operator.h"
#include "views/state/row_index.h"

namespace qw::views {

class JoinOperator final : public Operator {
 public:
  // `left_key`, `right_key`: key columns of each side's batches, in the order of the indexes' keys.
  JoinOperator(Host& host, RowIndex& left, RowIndex& right, std::vector<uint32_t> left_key,
               std::vector<uint32_t> right_key);
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  Spillable* probed(uint32_t port) override { return sides_[1 - port]; }
  // Rows of this side are forgotten once they have met a row of the other side.
  void settle(uint32_t side) { settled_ = side; }
  // The live rows of the batch accepted last that met nothing on the other side. Valid until the
  // next accept(); `batch` is that batch.
  Batch unmatched(const Batch& batch);

 private:
  // Stored rows of a key with more are unpacked per pair.
  static constexpr size_t kSharedMatchesMax = 16;
  static constexpr uint16_t kNotUnpacked = UINT16_MAX;
  struct Pairs {
    const uint16_t* from;  // physical rows of the input
    const uint16_t* to;    // positions in stored_
    const int64_t* weights;
    uint32_t count;
    bool once;  // no row of the input twice
  };
  uint16_t unpacked(uint32_t g, std::span<StoredRow* const> matches,
                    std::vector<std::string_view>& stored);
  void give_out(const Pairs& pairs, Batch& out);

  RowIndex* sides_[2];
  std::vector<uint32_t> keys_[2];
  Arena probe_arena_, out_arena_;
  Batch input_;
  uint32_t port_ = 0;
  uint32_t settled_ = UINT32_MAX;  // the side that forgets
  KeyGroups groups_;
  Entry** entries_ = nullptr;     // per key
  uint16_t* unpacked_ = nullptr;  // per key: where its rows are in stored_
  std::vector<std::string_view> stored_;
  uint32_t rows_ = 0;   // live rows of the input
  uint32_t at_ = 0;     // the next of them
  uint32_t match_ = 0;  // next stored row of its entry
};

}  // namespace qw::views
