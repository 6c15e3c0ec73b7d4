// Names and default values of arguments, for the few functions that have them: what
// f(name => value) and f(a) for f(a, b DEFAULT ..) need to know beside the Function itself.
// Filled while the registry is built, immutable afterwards; any thread.
// Tests: tests/unit/sql/bind.cases.
#pragma once

#include <string_view>
#include <vector>

#include "sql/function.h"

namespace qw::sql {

struct ArgumentInfo {
  std::vector<std::string_view> names;     // of all arguments, or none
  std::vector<std::string_view> defaults;  // of the trailing `Function::defaults` ones, as text
};

// Empty for functions without.
const ArgumentInfo& argument_info(const Function& function);

}  // namespace qw::sql
