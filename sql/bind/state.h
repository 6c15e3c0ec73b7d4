// What one bind() call carries along: the context, parameter types found so far, what the statement
// refers to, and how deep we are. Lives for one call. Tests: tests/unit/sql/bind_*_test.cc.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "sql/ast.h"
#include "sql/binder.h"
#include "sql/function.h"
#include "src/base/limits.h"
#include "src/base/result.h"

namespace qw::sql {

struct BindState {
  explicit BindState(const BindContext& bind_context) : context(bind_context) {
    parameters.assign(context.parameter_types_hint.begin(), context.parameter_types_hint.end());
  }

  const BindContext& context;
  const Registry& registry = Registry::instance();
  std::vector<Type> parameters;  // unknown = not known yet
  std::set<ObjectId> depends_on;
  // Where an unqualified relation name stands in the text, and the schema it means.
  std::map<int32_t, std::string> qualifications;
  // > 0: inside text that is not the statement's (a view's definition): locations mean nothing.
  uint32_t foreign_text = 0;
  uint32_t depth = 0;
  uint32_t next_recursive_id = 1;
  std::vector<std::string> notices;

  // The error with its position in the statement's text.
  Error at(Error error, int32_t location) const;
  tl::unexpected<Error> fail_at(Error error, int32_t location) const {
    return fail(at(std::move(error), location));
  }
};

// Counts one level of recursion; check() fails with 54001 beyond the limit.
class DepthGuard {
 public:
  explicit DepthGuard(BindState& state) : state_(state) { ++state_.depth; }
  DepthGuard(const DepthGuard&) = delete;
  DepthGuard& operator=(const DepthGuard&) = delete;
  ~DepthGuard() { --state_.depth; }
  Result<void> check() const {
    if (state_.depth <= limits::kNestingMax) return {};
    return fail(statement_too_complex("stack depth limit exceeded")
                    .with_hint("Simplify the statement: it nests too deeply."));
  }

 private:
  BindState& state_;
};

}  // namespace qw::sql
