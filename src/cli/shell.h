// `quickwater sql`: the engine in this process, statements from -c, -f or standard input, rows as
// aligned text. A server is better talked to with psql.
#pragma once

#include <string>

namespace qw::cli {

struct ShellOptions {
  std::string data_dir = "quickwater-data";
  bool ephemeral = false;
  std::string command;  // -c
  std::string file;     // -f
};

// Stops at the first error; returns a sysexits code.
int run_shell(const ShellOptions& options);

// `quickwater check`: 0 and "sound", or one line per finding and EX_DATAERR.
int run_check(const std::string& data_dir);

}  // namespace qw::cli
