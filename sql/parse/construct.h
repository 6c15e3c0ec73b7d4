// The name of a statement that we refuse, taken from its first words: "CREATE TRIGGER".
// Any thread. Tests: tests/unit/sql_parse/statement_test.cc.
#pragma once

#include <string>
#include <string_view>

namespace qw::sql::parsing {

std::string construct_name(std::string_view statement);

}  // namespace qw::sql::parsing
