// Searching for bytes inside short texts: 16 bytes at a time, without a call per candidate.
//
// The C library's functions are made for long texts: on the 50 to 100 bytes that columns hold, most
// of their time is the call and the first bytes up to alignment, once per occurrence of the first
// byte. Tests: tests/unit/sql_expr/search_test.cc, cases/text.tsv, cases/regex.tsv.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace qw::sql {

// As text.find(part, from).
size_t find_text(std::string_view text, std::string_view part, size_t from);

// Where byte `separator` stands for the nth time (1 = the first) in text[from..]; npos: it does
// not. `seen` is how often it was met, at most nth.
size_t find_nth(std::string_view text, char separator, size_t from, int64_t nth, int64_t& seen);

}  // namespace qw::sql
