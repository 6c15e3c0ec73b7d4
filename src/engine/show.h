// SHOW SOURCES, SHOW MATERIALIZED VIEWS and their like.
#pragma once

#include "sql/ast.h"
#include "src/base/result.h"
#include "src/engine/row_buffer.h"
#include "src/engine/session.h"

namespace qw::engine {

Schema show_columns(const sql::ast::ShowObjects& show);
Result<RowBuffer> show_objects(SessionImpl& session, const sql::ast::ShowObjects& show);

}  // namespace qw::engine
