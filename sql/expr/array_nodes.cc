// The expression kinds over arrays and records. Tests: tests/unit/sql_expr/.
#include "sql/expr/array_nodes.h"

#include "sql/expr/conversion.h"

namespace qw::sql {

KernelSpec array_map_kernel() { return {}; }

Vector run_array_node(Runner& runner, const Instruction& instruction, const Live& live) {
  for (uint32_t i = 0; i < live.count; ++i) {
    runner.errors().add(live.row(i), feature_not_supported("array expressions are not supported"));
  }
  return Vector::null(instruction.type, runner.arena());
}

}  // namespace qw::sql
