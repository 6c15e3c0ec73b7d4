// FileMemory: memory that the system may write to a file and drop when it is short of it.
//
// For what is too much to be held in memory and is read soon, by address. The file has no name, so
// it is gone with the process. Its room on the disk is taken beforehand: to touch a page that finds
// none would be a SIGBUS. Stateless; any thread. Tests: tests/unit/storage/run_test.cc.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>

namespace qw::storage {

// Null when there is no such file to be had; `dir`: where it is made.
std::shared_ptr<char[]> file_memory(const std::filesystem::path& dir, size_t size);

}  // namespace qw::storage
