// ExistenceOperator: rows of the left side whose key is present (semi) or absent (anti) on the
// right: EXISTS, NOT EXISTS, and the padded part of outer joins.
//
// Output = sum over left rows of [presence of their key], where presence is that of the last
// epoch's end until finish(): a left change is answered at once by that presence, and finish()
// turns around all left rows of keys whose presence has changed over the whole epoch. A right row
// that is replaced within an epoch moves nothing. Both ports are fed before the indexes take the
// change in. With `pad_before` / `pad_after` rows get NULL columns in front or behind (outer
// joins). Epoch thread. Tests: tests/unit/views/oracle_test.cc.
#pragma once

#include <vector>

#include "views/operators/operator.h"
#include "views/state/row_index.h"

namespace qw::views {

class ExistenceOperator final : public Operator {
 public:
  struct Spec {
    bool anti = false;
    std::vector<uint32_t> left_key, right_key;  // columns of each side's batches
    std::vector<Type> pad_before, pad_after;
  };
  ExistenceOperator(Host& host, RowIndex& left, RowIndex& right, Spec spec)
      : Operator(host),
        left_(left),
        right_(right),
        spec_(std::move(spec)),
        pending_(right.encoder().packed(), 8) {}
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  void finish() override;
  bool needs_finish() const override { return true; }
  Spillable* probed(uint32_t) override { return &right_; }
  std::optional<Wanted> wanted() override;
  std::vector<uint64_t> wanted_keys() override;

 private:
  struct Pending {
    int64_t present;  // at the end of the last epoch
  };
  void accept_left(const Batch& batch);
  void accept_right(const Batch& batch);
  bool turn_around(Batch& out);
  void pad(Batch& out, Arena& arena) const;
  bool some_absent() const { return (left_.absent() | right_.absent()) != 0; }

  RowIndex& left_;
  RowIndex& right_;
  Spec spec_;
  KeyedTable pending_;
  std::vector<Entry*> order_;  // entries of pending_, as they came
  Arena arena_, out_arena_;
  Batch ready_;
  bool have_ready_ = false, finishing_ = false;
  bool by_partition_ = false;  // so order_ stands, from next_ on
  size_t next_ = 0;
  uint32_t row_ = 0;  // next left row of the key being turned around
};

}  // namespace qw::views
