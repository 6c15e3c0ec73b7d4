// HashJoinStream: the join of a run-once query: the right side in a RowIndex, the left side streams
// by.
//
// All join types, with or without residual predicate: matches are made in batches, the predicate
// narrows them, and what has matched is marked on both sides. Right rows carry their mark in
// StoredRow::hash, which nobody needs once the index is complete.
// One thread. Tests: tests/unit/views/query_test.cc.
#pragma once

#include <optional>
#include <vector>

#include "views/query/stream.h"
#include "views/state/row_index.h"

namespace qw::views {

class HashJoinStream final : public Stream {
 public:
  HashJoinStream(QueryHost& host, const sql::Join& join, StreamPtr left, StreamPtr right,
                 std::vector<Type> left_types, std::vector<Type> right_types,
                 std::optional<sql::Program> residual);
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  Result<void> build();
  Result<bool> step(Batch& out);
  Result<bool> take_left();
  Result<bool> matches(Batch& out);
  bool left_rest(Batch& out);
  bool right_rest(Batch& out);
  bool pads_left() const;
  bool pads_right() const;
  bool existence() const;

  const sql::Join& join_;
  StreamPtr left_, right_;
  std::vector<Type> left_types_, right_types_;
  std::optional<sql::Program> residual_;
  std::vector<uint32_t> left_key_, right_key_;
  std::vector<bool> skip_null_;
  RowIndex index_;
  RowBuffer null_rows_;  // right rows that can match nothing, for right and full joins
  bool right_has_null_ = false, right_empty_ = true;

  enum class Phase : uint8_t {
    build,
    left,
    matches,
    left_rest,
    right_rest,
    done
  } phase_ = Phase::build;
  Batch input_;
  std::vector<bool> matched_;  // per physical row of input_
  KeyBatch keys_;
  Entry** entries_ = nullptr;
  uint32_t at_ = 0, match_ = 0;
  uint32_t partition_ = 0;
  std::vector<std::string_view> unmatched_;
  size_t rest_at_ = 0;
  Arena probe_arena_, out_arena_, build_arena_;
  Batch made_;
  Repeater repeater_;
};

}  // namespace qw::views
