// UTF-8 at the border: text is checked once, where it enters (SQL, parameters, COPY); inside
// everything is valid. Pure functions; any thread. Tests: tests/e2e/clients_test.py.
#pragma once

#include <string_view>

#include "src/base/result.h"

namespace qw {

// 22021 with the bytes of the first character that is none; PostgreSQL's text holds no zero byte.
Result<void> check_utf8(std::string_view text);

}  // namespace qw
