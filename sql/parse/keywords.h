// PostgreSQL 15's keywords that are not free to be used as any name.
// Any thread. Tests: tests/unit/sql_parse/print_test.cc.
#pragma once

#include <string_view>

namespace qw::sql::parsing {

// Whether quote_identifier() must quote it: every category but "unreserved".
bool is_keyword(std::string_view folded);
// Whether it cannot name a column or table unquoted: "reserved", also as function or type name.
bool is_reserved(std::string_view folded);

}  // namespace qw::sql::parsing
