// DML: INSERT, UPDATE, DELETE and COPY FROM, worked out against a snapshot.
//
// The rows a statement works on come from its plan; each becomes a RowWrite that says what it saw.
// On its own the statement is handed to the epoch loop at once and run again when something it saw
// has changed meanwhile; in a transaction its writes join the buffer.
// One session's thread. Tests: tests/sql/dml/, tests/e2e/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/engine/copy_format.h"
#include "src/engine/row_buffer.h"
#include "src/engine/session.h"
#include "src/engine/statement.h"

namespace qw::engine {

struct ChangeResult {
  std::string verb;  // "INSERT 0", "UPDATE", "DELETE"
  uint64_t rows = 0;
  std::optional<RowBuffer> returning;
};

Result<ChangeResult> run_change(SessionImpl& session, Statement& statement,
                                const std::vector<Datum>& parameters);

// COPY t FROM STDIN: all rows or none.
class CopyLoader {
 public:
  static Result<std::unique_ptr<CopyLoader>> open(SessionImpl& session, Statement& statement,
                                                  const CopyOptions& options);
  CopyLoader(const CopyLoader&) = delete;
  CopyLoader& operator=(const CopyLoader&) = delete;
  ~CopyLoader();
  Result<void> feed(std::string_view bytes);
  Result<uint64_t> finish();
  uint32_t columns() const;

 private:
  struct Impl;
  explicit CopyLoader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// TRUNCATE: every row of the table goes.
Result<void> truncate_table(SessionImpl& session, const sql::Relation& relation);
// Rows of a query into a table that was just made (CREATE TABLE AS).
Result<uint64_t> insert_query(SessionImpl& session, std::shared_ptr<const sql::Plan> plan,
                              const sql::Relation& target, const std::vector<Datum>& parameters);

}  // namespace qw::engine
