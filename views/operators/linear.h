// Linear operators: the delta of the output is the operator applied to the delta. No state.
//
// Pick (columns of a relation), Filter, Project, Pass (union all), Values.
// Epoch thread. Tests: tests/unit/views/operators_test.cc.
#pragma once

#include <memory>
#include <vector>

#include "sql/plan.h"
#include "sql/program.h"
#include "views/operators/operator.h"

namespace qw::views {

// One batch in, at most one out: what most linear operators are.
class MapOperator : public Operator {
 public:
  using Operator::Operator;
  void accept(uint32_t port, const Batch& batch) final;
  bool produce(Batch& out) final;

 protected:
  // Fills `out`; an empty one is not passed on.
  virtual void map(const Batch& in, Batch& out) = 0;
  Arena& arena() { return arena_; }

 private:
  static constexpr size_t kArenaBytesKept = 4 << 20;
  Arena arena_;
  Batch out_;
  bool ready_ = false;
};

class PickOperator final : public MapOperator {
 public:
  PickOperator(Host& host, std::vector<uint32_t> columns)
      : MapOperator(host), columns_(std::move(columns)) {}

 private:
  void map(const Batch& in, Batch& out) override;
  std::vector<uint32_t> columns_;
};

class PassOperator final : public MapOperator {
 public:
  using MapOperator::MapOperator;

 private:
  void map(const Batch& in, Batch& out) override { out = in; }
};

class FilterOperator final : public MapOperator {
 public:
  FilterOperator(Host& host, sql::Program program)
      : MapOperator(host), program_(std::move(program)) {}

 private:
  void map(const Batch& in, Batch& out) override;
  sql::Program program_;
  sql::RowErrors errors_;
};

// Rows of a relation whose keys are unique and stay, for a join with those of them that pass a
// filter. One that does not pass goes out with weight 0 and nothing but its key: whoever waits for
// it need not wait any longer. Rows that the filter fails on are left to the filter itself.
class CloseOperator final : public MapOperator {
 public:
  CloseOperator(Host& host, sql::Program predicate, std::vector<uint32_t> key)
      : MapOperator(host), predicate_(std::move(predicate)), key_(std::move(key)) {}

 private:
  void map(const Batch& in, Batch& out) override;
  sql::Program predicate_;
  std::vector<uint32_t> key_;
  sql::RowErrors errors_;
};

class ProjectOperator final : public MapOperator {
 public:
  ProjectOperator(Host& host, sql::Program program)
      : MapOperator(host), program_(std::move(program)) {}

 private:
  void map(const Batch& in, Batch& out) override;
  sql::Program program_;
  sql::RowErrors errors_;
};

// Rows of constants, given out once: in the first epoch of a view, or on the first finish of a
// query.
class ValuesOperator final : public Operator {
 public:
  // One program per row, without input columns.
  ValuesOperator(Host& host, std::vector<sql::Program> rows, std::vector<Type> types)
      : Operator(host), programs_(std::move(rows)), types_(std::move(types)) {}
  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  void finish() override { started_ = true; }
  bool needs_finish() const override { return true; }
  void reset() override {
    started_ = false;
    next_ = 0;
  }
  void finish_recovery() override { next_ = programs_.size(); }

 private:
  std::vector<sql::Program> programs_;
  std::vector<Type> types_;
  Arena arena_;
  sql::RowErrors errors_;
  bool started_ = false;
  size_t next_ = 0;
};

}  // namespace qw::views
