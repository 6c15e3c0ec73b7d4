// Out-of-line members of the syntax tree: destructors of nodes that own a query, whose type is not
// known where they are declared. Any thread. Tests: tests/unit/sql_parse/.
#include "sql/ast.h"

namespace qw::sql::ast {

Subquery::~Subquery() = default;
RangeSubquery::~RangeSubquery() = default;

}  // namespace qw::sql::ast
