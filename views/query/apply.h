// ApplyStream: a correlated subquery that no join could replace: the right side runs once per row
// of the left one, or once per distinct set of the values it looks at.
//
// Columns of enclosing rows live in one array per query (Scope numbers them); a program reads them
// as outer_column of depth 1. Answers are kept by these values up to a bound. One thread. Tests:
// tests/unit/views/query_test.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/hash.h"
#include "views/query/stream.h"
#include "views/state/keyed_table.h"

namespace qw::views {

// One row's columns as its subqueries see them: column -> slot of the array, given out when first
// used.
struct Scope {
  std::map<uint32_t, uint32_t> slots;
};

class ApplyStream final : public Stream {
 public:
  ApplyStream(QueryHost& host, const sql::Apply& apply, std::shared_ptr<Scope> scope,
              std::vector<Datum>& outer, StreamPtr left, StreamPtr right,
              std::vector<Type> left_types, std::vector<Type> right_types,
              std::optional<sql::Program> test);
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  using Rows = std::shared_ptr<const RowBuffer>;
  Result<Rows> answer(uint32_t row);
  Result<bool> lateral(Batch& out);
  Result<bool> value(Batch& out);
  Result<void> put_value(Vector& column, uint32_t i, uint32_t row, const RowBuffer& rows);
  Result<std::optional<bool>> quantified(uint32_t row, const RowBuffer& rows);

  const sql::Apply& apply_;
  std::shared_ptr<Scope> scope_;
  std::vector<Datum>& outer_;
  StreamPtr left_, right_;
  std::vector<Type> left_types_, right_types_;
  std::optional<sql::Program> test_;
  std::unordered_map<std::string, Rows, StringHash, StringEqual> answers_;
  size_t answers_bytes_ = 0;

  Batch input_;
  bool have_input_ = false;
  uint32_t at_ = 0;
  Rows rows_;  // lateral: the answer for the current row
  size_t row_at_ = 0;
  Arena arena_, scratch_;
};

// WITH RECURSIVE.
class RecursiveStream final : public Stream {
 public:
  RecursiveStream(QueryHost& host, bool distinct, std::vector<Type> types, StreamPtr start,
                  StreamPtr step, std::shared_ptr<RowBuffer> working);
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  void keep_new(const Batch& batch);

  bool distinct_;
  StreamPtr start_, step_;
  std::shared_ptr<RowBuffer> working_;
  RowBuffer next_rows_;
  KeyEncoder encoder_;
  KeyedTable seen_;
  std::vector<uint32_t> columns_;
  bool stepping_ = false, done_ = false;
  Arena arena_;
  Batch in_;
};

}  // namespace qw::views
