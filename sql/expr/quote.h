// Quoting as quote_ident() and quote_literal() do it. Pure functions; any thread.
// Tests: tests/unit/sql_expr/cases/text_any.tsv.
#pragma once

#include <string>
#include <string_view>

namespace qw::sql {

void append_identifier(std::string_view name, std::string& out);
void append_literal(std::string_view text, std::string& out);

}  // namespace qw::sql
