// ViewErrors: rows that a view could not compute, as data of the database.
//
// An error is counted with the weight of its row, so the row's deletion takes it back. The counts
// lie in the row store under kViewErrors (key = view, kind, SQLSTATE, message; value = count,
// DETAIL, HINT), in the same commit as the view's rows: a reader asks its own snapshot. A view that
// broke (Dataflow::broken) has an error of another kind, which comes first and never goes, so that
// the view stays broken after a restart. Epoch thread; first() and list() any. Tests:
// tests/unit/engine/view_errors_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/arena.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "storage/epoch_write.h"
#include "storage/rows.h"

namespace qw::engine {

// The relation of the row store that holds them; no catalogue object has this id.
inline constexpr ObjectId kViewErrors{16};

struct ViewError {
  ObjectId view;
  bool broken = false;  // the view itself, not a row of it
  Error error;
  int64_t count = 0;
};

class ViewErrors {
 public:
  // At start: what the store holds.
  Result<void> load(const storage::Snapshot& snapshot);
  void add(ObjectId view, const Error& error, int64_t weight);
  void set_broken(ObjectId view, const Error& error);
  // The views that are broken, as of the last load().
  std::vector<std::pair<ObjectId, Error>> broken() const;
  // The view is gone.
  void forget(ObjectId view);
  // What this epoch changed, for the store; bytes live until the next call.
  std::optional<storage::RelationDelta> take_changes();

  static Result<std::optional<ViewError>> first(const storage::Snapshot& snapshot, ObjectId view);
  static Result<std::vector<ViewError>> list(const storage::Snapshot& snapshot);

 private:
  struct Entry {
    int64_t count = 0;
    int64_t stored = 0;
    std::string rest;  // DETAIL, HINT
  };
  std::map<std::string, Entry> entries_;  // by key
  std::map<std::string, bool> touched_;
  Arena bytes_;
};

}  // namespace qw::engine
