// CREATE INDEX, ALTER TABLE .. ADD a key, as statements. The session's thread.
#pragma once

#include <string>

#include "sql/binder.h"
#include "src/engine/definitions.h"
#include "src/engine/session.h"

namespace qw::engine {

// Both give the command tag.
Result<std::string> create_index_statement(SessionImpl& session,
                                           const sql::BoundCreateIndex& create,
                                           const DdlContext& context);
Result<std::string> alter_table_statement(SessionImpl& session, const sql::ast::AlterTable& alter,
                                          const DdlContext& context);
// The index that DROP INDEX names, if it is there.
Result<std::optional<ObjectId>> find_index_to_drop(const sql::Catalog& catalog,
                                                   std::span<const std::string> schemas,
                                                   const std::string& name);

}  // namespace qw::engine
