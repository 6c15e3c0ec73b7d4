// A store's file against what its newest meta page says, before LMDB maps it: reading a page beyond
// the end of the file would end the process (SIGBUS).
//
// LMDB does not write pages that were allocated and freed within one transaction, so a sound file
// may end before its last page. Those pages stand in the free list, which is read here when the
// file is short. Stateless. Tests: tests/unit/storage/file_size_test.cc.
#pragma once

#include <filesystem>

#include "src/base/result.h"

namespace qw::storage {

// XX001 naming the file when pages in use are missing. A missing or empty file is fine.
Result<void> check_file_size(const std::filesystem::path& file);

}  // namespace qw::storage
