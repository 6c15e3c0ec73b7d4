// The expression kinds over arrays and records: op ANY/ALL (array), ARRAY[..], ROW(..), fields and
// subscripts. Tests: tests/unit/sql_expr/array_test.cc.
#pragma once

#include "sql/expr/run.h"

namespace qw::sql {

Vector run_array_node(Runner& runner, const Instruction& instruction, const Live& live);

}  // namespace qw::sql
