// SpillFile: room on the disk for what memory has no room for. It has no name, so it is gone with
// the process: whatever must survive lies in the store, too.
//
// Bytes go into extents of whole pages, which are used again when they are released, and given back
// to the file system where 64 KB of them lie side by side; pages that are freed before the system
// has written them never reach the disk. Each extent has a checksum, so that what comes back is
// what was written. Made on first use. One thread. Tests: tests/unit/storage/spill_file_test.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "src/base/result.h"

namespace qw::storage {

class SpillFile {
 public:
  struct Extent {
    uint64_t offset = 0, size = 0, checksum = 0;
  };

  // `dir`: where the file is made; empty = the system's folder for temporary files.
  explicit SpillFile(std::filesystem::path dir) : dir_(std::move(dir)) {}
  SpillFile(const SpillFile&) = delete;
  SpillFile& operator=(const SpillFile&) = delete;
  ~SpillFile();

  // 53100 when the disk is full; nothing has changed then.
  Result<Extent> write(std::string_view bytes);
  // XX001 when the bytes are not what was written.
  Result<void> read(const Extent& extent, std::string& out) const {
    return read({&extent, 1}, out);
  }
  // Of extents each of which begins where the one before ends; a part of one that write() gave is
  // an extent, too, with its own checksum.
  Result<void> read(std::span<const Extent> extents, std::string& out) const;
  void release(const Extent& extent);
  // Of all extents, in whole pages.
  uint64_t bytes() const { return held_; }

 private:
  Result<void> open();
  uint64_t take(uint64_t size);
  using Free = std::map<uint64_t, uint64_t>;
  void erase_free(Free::iterator at);

  std::filesystem::path dir_;
  int fd_ = -1;
  uint64_t end_ = 0, held_ = 0;
  Free free_;                                             // offset -> size, none beside another
  std::set<std::pair<uint64_t, uint64_t>> free_by_size_;  // size, offset
};

}  // namespace qw::storage
