// PostgreSQL's grammar: SQL text to the JSON of its raw parse tree. pg_parse.cc is the only file
// that includes pg_query.h, whose library exports names that clash with others (palloc, XXH64).
// The text must have passed survey(). Any thread. Tests: tests/unit/sql_parse/errors_test.cc.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string>

#include "src/base/result.h"

namespace qw::sql::parsing {

struct FreeDeleter {
  void operator()(char* bytes) const { std::free(bytes); }
};

// JSON text with the padding behind it that simdjson reads.
struct PaddedJson {
  std::unique_ptr<char, FreeDeleter> bytes;
  size_t size = 0, capacity = 0;
};

// Errors have PostgreSQL's message, code, hint and 1-based character position.
Result<PaddedJson> pg_parse(const std::string& sql);

}  // namespace qw::sql::parsing
