// Conversions through text, for every type at once: PostgreSQL's I/O casts.
// Tests: tests/unit/sql_expr/cases_test.cc.
#include "sql/expr/conversion.h"

namespace qw::sql {

KernelSpec text_output_kernel() { return {}; }
KernelSpec text_input_kernel() { return {}; }

}  // namespace qw::sql
