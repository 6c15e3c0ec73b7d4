// Fold: taking overlay runs into the base, and what that would cost.
//
// A fold writes every change of the given runs (newest wins) in key order. It may be done in
// slices: the runs stay in the overlay until the last one, and as they shadow the base, a half-done
// fold is invisible, also after a crash (the log still has the runs, and folding again changes
// nothing). Bound to the commit thread. Tests: tests/unit/storage/model_test.cc, store_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "storage/kv.h"
#include "storage/rows/overlay.h"
#include "storage/rows/run.h"

namespace qw::storage {

struct FoldCost {
  uint64_t rows = 0;
  uint64_t change_bytes = 0;
  uint64_t pages = 0;  // that the fold would dirty, estimated
  // Of them, rows whose keys are beyond the relation's last one: what they fill, they fill whole.
  uint64_t appended_rows = 0;
  uint64_t appended_pages = 0;
  double pages_per_row() const {
    return rows == 0 ? 1.0 : static_cast<double>(pages) / static_cast<double>(rows);
  }
  // Pages that pay: what the fold writes is not much more than what has changed.
  bool pays() const;
};

// `read` shows the base as it is before this transaction.
Result<FoldCost> estimate_fold(KvWrite& txn, KvRead& read, const RelationState& relation,
                               std::span<const RunPtr> runs);

struct FoldSlice {
  size_t rows = 0;  // changes written
  uint64_t bytes = 0;
  std::optional<std::string> rest;  // where to go on; nothing = the fold is complete
  std::optional<Error> damaged;     // XX001: so far it came, and no further
};

// Writes at most `rows_max` changes from key `from` on, and keeps base_rows and base_bytes right.
Result<FoldSlice> fold_slice(KvWrite& txn, KvRead& base, RelationState& relation,
                             const std::vector<RunPtr>& runs, std::string_view from,
                             size_t rows_max);

}  // namespace qw::storage
