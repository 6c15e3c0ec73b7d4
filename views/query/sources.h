// Streams that begin somewhere: cursors of the caller, a shared subplan, the rows of a recursion.
// One thread. Tests: tests/unit/views/query_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "views/query/stream.h"

namespace qw::views {

class ScanStream final : public Stream {
 public:
  // `equal`, `lower`, `upper`: programs of one value each; lower and upper may be absent.
  struct Bounds {
    std::vector<sql::Program> equal;
    std::vector<Datum> any;  // one after the other behind those of `equal`
    // Whose elements are that, too, as the second makes them; not of more than any_max.
    std::optional<sql::Program> any_array, any_element;
    size_t any_max = 0;
    std::optional<sql::Program> lower, upper;
    bool lower_inclusive = true, upper_inclusive = true;
  };
  ScanStream(QueryHost& host, const sql::Scan& scan, std::optional<Bounds> bounds)
      : Stream(host), scan_(&scan), bounds_(std::move(bounds)) {}
  ScanStream(QueryHost& host, const sql::SystemScan& scan) : Stream(host), system_(&scan) {}
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  Result<void> open();
  Result<bool> evaluate(const sql::Program& program, Datum& value);
  Result<bool> evaluate_array();
  bool is_listed() const { return !bounds_->any.empty(); }

  const sql::Scan* scan_ = nullptr;
  const sql::SystemScan* system_ = nullptr;
  std::optional<Bounds> bounds_;
  std::unique_ptr<RowCursor> cursor_;
  size_t next_any_ = 0;
  bool has_array_ = false;  // `any` has the elements
  bool done_ = false;
  Batch in_;
  Repeater repeater_;
  Arena arena_;
};

// A subplan with several parents (a CTE used twice) runs once; each parent reads its rows.
class Spool {
 public:
  // `fixed`: its rows do not depend on an enclosing row, so that only a new run of the query makes
  // them anew.
  Spool(StreamPtr input, std::vector<Type> types, bool fixed)
      : input_(std::move(input)), rows_(std::move(types)), fixed_(fixed) {}
  bool fixed() const { return fixed_; }
  // False when there are no rows from `at` on.
  Result<bool> fill(size_t at);
  const RowBuffer& rows() const { return rows_; }
  void restart();

 private:
  StreamPtr input_;
  RowBuffer rows_;
  bool fixed_;
  bool done_ = false, started_ = false;
};

class SpoolStream final : public Stream {
 public:
  SpoolStream(QueryHost& host, std::shared_ptr<Spool> spool)
      : Stream(host), spool_(std::move(spool)) {}
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  std::shared_ptr<Spool> spool_;
  size_t at_ = 0;
  Arena arena_;
};

// Reads a buffer that somebody else fills: RecursiveScan.
class BufferStream final : public Stream {
 public:
  BufferStream(QueryHost& host, std::shared_ptr<RowBuffer> rows)
      : Stream(host), rows_(std::move(rows)) {}
  Result<bool> next(Batch& out) override;
  void restart() override { at_ = 0; }

 private:
  std::shared_ptr<RowBuffer> rows_;
  size_t at_ = 0;
  Arena arena_;
};

}  // namespace qw::views
