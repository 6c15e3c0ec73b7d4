// SpillFile: see spill_file.h.
#include "storage/spill_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/error.h"
#include "src/base/hash.h"
#include "storage/format/format.h"

namespace qw::storage {
namespace {

Error failed(std::string_view what, int code) {
  std::string text = fmt::format("could not {} a temporary file: {}", what, std::strerror(code));
  return code == ENOSPC ? disk_full(std::move(text)) : io_error(std::move(text));
}

}  // namespace

SpillFile::~SpillFile() {
  if (fd_ >= 0) close(fd_);
}

Result<void> SpillFile::open() {
  std::error_code ignored;
  std::filesystem::path dir = dir_.empty() ? std::filesystem::temp_directory_path(ignored) : dir_;
  if (dir.empty()) dir = "/tmp";
  fd_ = ::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd_ >= 0) return {};
  // Not every file system makes nameless files.
  std::string name = (dir / "spill-XXXXXX").string();
  fd_ = mkostemp(name.data(), O_CLOEXEC);
  if (fd_ < 0) return fail(failed("make", errno));
  unlink(name.c_str());
  return {};
}

// First fit: extents are few, and of a few sizes.
uint64_t SpillFile::take(uint64_t size) {
  for (auto it = free_.begin(); it != free_.end(); ++it) {
    if (it->second < size) continue;
    const uint64_t offset = it->first, rest = it->second - size;
    free_.erase(it);
    if (rest != 0) free_.emplace(offset + size, rest);
    return offset;
  }
  const uint64_t offset = end_;
  end_ += size;
  return offset;
}

Result<SpillFile::Extent> SpillFile::write(std::string_view bytes) {
  if (fd_ < 0) QW_TRY(open());
  Extent extent{take(whole_pages(bytes.size())), bytes.size(), hash_bytes(bytes)};
  held_ += whole_pages(bytes.size());
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t written = pwrite(fd_, bytes.data() + done, bytes.size() - done,
                                   static_cast<off_t>(extent.offset + done));
    if (written > 0) {
      done += static_cast<size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      const int code = written == 0 ? ENOSPC : errno;
      release(extent);
      return fail(failed("write", code));
    }
  }
  return extent;
}

Result<void> SpillFile::read(const Extent& extent, std::string& out) const {
  out.resize(extent.size);
  for (size_t done = 0; done < out.size();) {
    const ssize_t count =
        pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(extent.offset + done));
    if (count > 0) {
      done += static_cast<size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      return fail(failed("read", count == 0 ? EIO : errno));
    }
  }
  if (hash_bytes(out) != extent.checksum) {
    return fail(data_corrupted("a temporary file does not hold what was written to it"));
  }
  return {};
}

void SpillFile::release(const Extent& extent) {
  const uint64_t size = whole_pages(extent.size);
  if (size == 0) return;
  QW_ASSERT(held_ >= size);
  held_ -= size;
  // Best effort: a file system without holes keeps the pages until they are used again.
  [[maybe_unused]] const int punched =
      fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(extent.offset),
                static_cast<off_t>(size));
  auto [at, added] = free_.emplace(extent.offset, size);
  QW_ASSERT(added);
  if (const auto after = std::next(at);
      after != free_.end() && at->first + at->second == after->first) {
    at->second += after->second;
    free_.erase(after);
  }
  if (at == free_.begin()) return;
  const auto before = std::prev(at);
  QW_ASSERT(before->first + before->second <= at->first);
  if (before->first + before->second != at->first) return;
  before->second += at->second;
  free_.erase(at);
}

}  // namespace qw::storage
