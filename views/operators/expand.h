// Operators that make several rows of one: TUMBLE and HOP windows, set-returning functions. Linear.
// Epoch thread. Tests: tests/unit/views/operators_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "sql/plan.h"
#include "sql/program.h"
#include "views/operators/operator.h"

namespace qw::views {

// Appends window_start and window_end; a row belongs to size / slide windows. Rows without a time,
// or with an infinite one, belong to none.
class WindowExpandOperator final : public Operator {
 public:
  WindowExpandOperator(Host& host, const sql::WindowExpand& window)
      : Operator(host), window_(window) {}
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;

 private:
  sql::WindowExpand window_;
  Arena arena_;
  Batch input_;
  uint32_t at_ = 0;         // live row
  int64_t next_start_ = 0;  // next window of that row
  bool started_ = false;    // next_start_ is set
};

class ProjectSetOperator final : public Operator {
 public:
  ProjectSetOperator(Host& host, const sql::ProjectSet& plan, sql::Program arguments,
                     std::vector<Type> output)
      : Operator(host),
        function_(*plan.function),
        ordinality_(plan.with_ordinality),
        keep_empty_(plan.keep_empty),
        arguments_(std::move(arguments)),
        output_(std::move(output)) {}
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;

 private:
  bool produce_empty(Batch& out);

  const sql::Function& function_;
  bool ordinality_, keep_empty_;
  sql::Program arguments_;
  std::vector<Type> output_;
  Arena arena_, out_arena_;
  Batch input_;
  std::vector<Vector> values_;
  sql::RowErrors errors_;
  std::unique_ptr<sql::SetCursor> cursor_;
  std::vector<int64_t> given_;  // rows so far, per input row
  std::vector<bool> bad_;
  bool open_ = false;
};

}  // namespace qw::views
