// What the benchmarks of the binary share: figures as JSON lines, statements, a source run to its
// end with CPU time and memory taken, processes of their own. Main thread.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/quickwater.h"

namespace qw::bench {

void figure(std::string_view bench, std::string_view which, std::string_view metric, double value,
            std::string_view unit);

// Runs statements; the first value of the last one that gives rows, as text.
Result<std::string> run_sql(Session& session, const std::string& sql);

struct Measured {
  double cpu_us = 0, wall_us = 0;
  uint64_t peak_bytes = 0;  // the process's own memory, without mapped pages of the store
};

// Lets the held sources go and waits until `rows` rows of them are durable.
Result<Measured> drain(Measurement& measurement, uint64_t rows);

// Takes memory for so many rows from the system and gives it back. A virtual machine hands its free
// memory to its host, and touching it again costs up to twenty times what it costs when the machine
// has it (README.md): that would be most of what a growing state takes.
void warm_memory(uint64_t rows);

// Runs `work` in a child process with a directory of its own, which it gets as argument. `keep`
// leaves the directory.
enum class Directory : uint8_t { remove, keep };
int in_child(const std::string& name, const std::string& dir, Directory after,
             const std::function<Result<void>(const std::string& dir)>& work);
// A name for a directory that nobody has.
std::string fresh_dir(const std::string& wanted);

}  // namespace qw::bench
