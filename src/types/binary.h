// Binary wire form of values: PostgreSQL's send and receive functions, byte for byte.
// Bad lengths and contents give 22P03. Pure functions; any thread. Tests:
// tests/unit/types/binary_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/datum.h"
#include "src/types/vector.h"

namespace qw {

// Appends the binary form of row `row`, which is not NULL, without the length word.
void append_binary(const Vector& vector, uint32_t row, std::string& out);
Result<Datum> from_binary(Type type, std::string_view bytes);
Result<void> parse_binary_into(Vector& vector, uint32_t row, std::string_view bytes, Arena& arena);

}  // namespace qw
