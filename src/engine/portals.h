// Portals: running statements, by kind: queries, changes, COPY, everything else.
// One session's thread.
#pragma once

#include <memory>
#include <vector>

#include "src/engine/session.h"
#include "src/engine/statement.h"

namespace qw::engine {

// Fills in what running needs from `work.bound`: the optimised plan, parameters, result columns.
Result<void> plan_work(SessionImpl& session, const Statement& statement, BoundWork& work);

// Nothing has run when this returns, except that a query has taken its snapshot.
Result<std::unique_ptr<Portal>> make_portal(SessionImpl& session,
                                            std::shared_ptr<Statement> statement,
                                            std::vector<Datum> parameters);

// Every portal that is no COPY.
class RowsPortal : public Portal {
 public:
  bool wants_copy_in() const override { return false; }
  Result<void> copy_in(std::string_view) override;
  Result<void> copy_finish() override;
  bool is_copy_out() const override { return false; }
  Result<bool> copy_out(std::string&) override;
  uint32_t copy_columns() const override { return 0; }
  bool copy_binary() const override { return false; }
};

// Fails with the first error of a materialized view among `reads`, as reading that view does.
Result<void> check_view_errors(const storage::Snapshot& snapshot,
                               const std::vector<std::pair<ObjectId, std::string>>& reads);
// Materialized views that a plan reads.
std::vector<std::pair<ObjectId, std::string>> views_read(const sql::Plan& plan,
                                                         const sql::Catalog& catalog);

}  // namespace qw::engine
