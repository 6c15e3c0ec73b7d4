// Runner for SQL logic tests: files of statements and queries with their expected answers.
//
//   statement ok                     query [rowsort]           a query's rows, values joined by one
//   CREATE TABLE t (a int)           SELECT a, b FROM t        blank, NULL as NULL, '' as (empty)
//                                    ----
//   statement error 22012 division   1 x
//   SELECT 1/0                       2 NULL
//
// Records are separated by blank lines; # begins a comment. `error` takes an SQLSTATE and,
// optionally, text that the message must contain. `halt` ends a file. `restart` is not known here:
// it needs a process. Tests: tests/sql/.
#pragma once

#include <string>
#include <vector>

namespace qw::cli {

struct SltResult {
  size_t passed = 0, failed = 0;
};

// Each file gets a fresh ephemeral database. With `update`, expected rows are rewritten.
// Prints one line per failing record and one per file.
SltResult run_slt(const std::vector<std::string>& paths, bool update);

}  // namespace qw::cli
