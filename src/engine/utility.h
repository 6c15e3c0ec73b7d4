// Utility statements: transactions, settings, definitions, SHOW, EXPLAIN, PREPARE, cursors.
// One session's thread. Tests: tests/sql/, tests/e2e/.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/engine/row_buffer.h"
#include "src/engine/session.h"
#include "src/engine/statement.h"

namespace qw::engine {

struct UtilityResult {
  std::string tag;
  std::optional<RowBuffer> rows;
  std::unique_ptr<Portal> inner;  // EXECUTE: the statement that runs instead
};

// The columns of the answer, before anything runs.
Result<void> describe_utility(SessionImpl& session, const Statement& statement, BoundWork& work);
Result<UtilityResult> run_utility(SessionImpl& session, Statement& statement,
                                  const std::vector<Datum>& parameters);

}  // namespace qw::engine
