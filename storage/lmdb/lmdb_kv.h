// LmdbKv: the Kv that is real. One environment, four tables, rules that came out of fault tests:
// never WRITEMAP (disk full would be SIGBUS), no DUPSORT (bugs in 0.9.24), the default sync mode or
// none at all, a 1 TiB map set once, NOTLS so that read transactions can move between threads.
// Internally synchronised as Kv says. Tests: tests/unit/storage/kv_test.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "src/base/result.h"
#include "storage/kv.h"

namespace qw::storage {

#ifdef __SANITIZE_THREAD__  // leaves room for few maps of that size
inline constexpr uint64_t kMapBytes = uint64_t{1} << 36;
#else
inline constexpr uint64_t kMapBytes = uint64_t{1} << 40;
#endif
inline constexpr uint32_t kReadersMax = 8192;

// Opens or makes `file`. The caller holds the directory's lock.
Result<std::unique_ptr<Kv>> open_lmdb(const std::filesystem::path& file, Durability durability);

}  // namespace qw::storage
