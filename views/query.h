// Query: a plan run once over a snapshot, by the same operators that maintain views.
//
// Sources are cursors of the caller; answers are pulled batch by batch, so nothing is computed
// before it is asked for and a reader that stops, stops the work. A Query may be started again
// (with other parameters) after it has ended. In a MemoryScope what it keeps is charged to the
// scope's account: it then fails with 53200, or MemoryExhausted is thrown, after which it can only
// be destroyed. One thread at a time; the cancel flag may be set from any thread. Tests:
// tests/unit/views/query_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "sql/function.h"
#include "sql/plan.h"
#include "src/base/result.h"
#include "src/types/batch.h"
#include "src/types/datum.h"

namespace qw::views {

// Rows of a relation; a batch is valid until the next call. Batches have the columns of
// Scan::columns in that order, at most kBatchRowsMax rows, and weights >= 1 (or none) for rows that
// occur repeatedly.
class RowCursor {
 public:
  RowCursor() = default;
  RowCursor(const RowCursor&) = delete;
  RowCursor& operator=(const RowCursor&) = delete;
  virtual ~RowCursor();
  virtual Result<bool> next(Batch& batch) = 0;  // false = no more
};

// Where a query's rows come from. Bounds are evaluated already; a NULL bound never gets here
// (nothing matches it). Cursors may return rows outside of the bounds only if the plan filters them
// again: it does not, so they must not.
struct ScanBounds {
  std::span<const Datum> equal;
  const Datum* lower = nullptr;
  const Datum* upper = nullptr;
  bool lower_inclusive = true, upper_inclusive = true;
};
class QuerySources {
 public:
  QuerySources() = default;
  QuerySources(const QuerySources&) = delete;
  QuerySources& operator=(const QuerySources&) = delete;
  virtual ~QuerySources();
  // `bounds` is null for a full scan.
  virtual Result<std::unique_ptr<RowCursor>> scan(const sql::Scan& scan,
                                                  const ScanBounds* bounds) = 0;
  virtual Result<std::unique_ptr<RowCursor>> system_scan(const sql::SystemScan& scan) = 0;
};

struct QueryLimits {
  const std::atomic<bool>* cancelled = nullptr;  // 57014 soon after it turns true
  uint64_t cache_bytes_max = 64 << 20;           // for answers that are kept to be faster
};

class Query {
 public:
  // Keeps `plan`.
  static Result<std::unique_ptr<Query>> compile(std::shared_ptr<const sql::Plan> plan);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  // `context` and `sources` must live until the answer is complete or close() is called.
  Result<void> start(sql::EvalContext& context, QuerySources& sources, const QueryLimits& limits);
  // The next rows; valid until the following call. Weights are all +1. The first failing row ends
  // the query with its error.
  Result<bool> next(Batch& batch);
  // Frees what a run holds.
  void close();

  const Schema& schema() const;

 private:
  struct Impl;
  explicit Query(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qw::views
