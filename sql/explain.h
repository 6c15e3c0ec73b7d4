// EXPLAIN: a plan as an indented tree. Stable and free of ids, so that it can stand in tests.
// Pure; any thread. Tests: tests/unit/sql/explain_test.cc.
#pragma once

#include <string>
#include <vector>

#include "sql/plan.h"

namespace qw::sql {

struct ExplainOptions {
  bool properties = false;  // append-only, keys, monotone, windows, rows
  bool types = false;       // column types
};

// One line per element, without line ends. A shared node is printed once and then referred to.
std::vector<std::string> explain(const Plan& plan, const ExplainOptions& options = {});

// One expression; columns are named after `input` (may be null: #0, #1).
std::string explain(const Expr& expression, const Schema* input);

}  // namespace qw::sql
