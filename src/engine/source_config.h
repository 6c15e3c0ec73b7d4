// SourceConfig from SQL: CREATE SOURCE and CREATE CONNECTION as what ingest/ understands, with
// secrets filled in. Used when a source is made and again at every start. Any thread. Tests:
// tests/e2e/, tests/sql/sources/.
#pragma once

#include <string>
#include <vector>

#include "ingest/source.h"
#include "sql/ast.h"
#include "sql/catalog.h"
#include "src/base/result.h"
#include "storage/catalog.h"

namespace qw::engine {

// What the statement names: the connection and the secrets behind it.
struct SourceParts {
  ingest::SourceConfig config;
  std::vector<ObjectId> depends_on;
};

// `used`: the source's depends_on when it exists already, else empty.
Result<SourceParts> make_source_config(const sql::ast::CreateSource& statement,
                                       const sql::Catalog& catalog, const storage::Catalog& stored,
                                       const std::string& schema,
                                       const std::vector<ObjectId>& used);

// The connection as ingest/ understands it, secrets resolved. `used` as above.
Result<ingest::SourceConfig> make_connection_config(const sql::ast::CreateConnection& statement,
                                                    const sql::Catalog& catalog,
                                                    const storage::Catalog& stored,
                                                    const std::string& schema,
                                                    const std::vector<ObjectId>& used);

// Checks the statement and returns the secrets it names.
Result<std::vector<ObjectId>> connection_dependencies(const sql::ast::CreateConnection& statement,
                                                      const sql::Catalog& catalog,
                                                      const std::string& schema);

}  // namespace qw::engine
