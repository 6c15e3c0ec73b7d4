// Serve: the process that owns a database and its listeners, from flags to exit code.
#pragma once

#include <cstdint>
#include <string>

namespace qw::server {

struct ServeOptions {
  std::string data_dir = "quickwater-data";
  std::string listen = "127.0.0.1";
  uint16_t port = 6565;
  uint16_t http_port = 6566;
  bool ephemeral = false;
  std::string init_file;
  bool demo = false;
  uint64_t memory_limit_bytes = 0;
  uint64_t state_memory_bytes = 0;
  bool die_with_parent = false;
  bool ready_json = false;
};

// Runs until SIGTERM or SIGINT (a second one exits at once). Returns a sysexits code.
int serve(const ServeOptions& options);

}  // namespace qw::server
