// COPY's options from the tree, checked as PostgreSQL checks them.
#pragma once

#include "sql/ast.h"
#include "src/base/result.h"
#include "src/engine/copy_format.h"

namespace qw::engine {

Result<CopyOptions> copy_options(const sql::ast::Copy& statement, const Schema& columns);

}  // namespace qw::engine
