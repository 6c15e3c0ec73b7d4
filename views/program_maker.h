// ProgramMaker: how expressions of a plan become programs. Views compile them as they are; queries
// first number the columns of enclosing queries (query/scope.h).
// Tests: with the users.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sql/plan.h"
#include "sql/program.h"
#include "src/base/result.h"
#include "views/operators/operator.h"

namespace qw::views {

class ProgramMaker {
 public:
  ProgramMaker() = default;
  ProgramMaker(const ProgramMaker&) = delete;
  ProgramMaker& operator=(const ProgramMaker&) = delete;
  virtual ~ProgramMaker();
  // A query: no row is ever taken away, whatever the plan says.
  virtual bool runs_once() const { return false; }
  virtual Result<sql::Program> compile(std::span<const sql::Expr* const> expressions,
                                       std::span<const Type> input);
  Result<sql::Program> compile(const sql::Expr& expression, std::span<const Type> input) {
    const sql::Expr* expressions[1] = {&expression};
    return compile(expressions, input);
  }
};

std::vector<Type> schema_types(const sql::Plan& plan);
// Operators that views and queries make alike: Filter, Project, ProjectSet, WindowExpand, Values,
// Aggregate, Distinct, SetOp (but UNION ALL), TopK, Window.
Result<std::unique_ptr<Operator>> make_operator(Host& host, const sql::Plan& plan,
                                                ProgramMaker& programs);

}  // namespace qw::views
