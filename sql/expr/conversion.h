// Kernels that the registry attaches to derived functions: text to and from any type, and a
// function mapped over the elements of an array. Tests: tests/unit/sql_expr/cast_test.cc.
#pragma once

#include "sql/expr/kernel.h"

namespace qw::sql {

KernelSpec text_output_kernel();  // any type -> its text, through the text codec
KernelSpec text_input_kernel();   // text -> call.result_type
KernelSpec array_map_kernel();    // function->element over the elements of argument 0

}  // namespace qw::sql
