// SpillFile: see spill_file.h.
#include "storage/spill_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iterator>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/error.h"
#include "src/base/hash.h"
#include "storage/format/format.h"

namespace qw::storage {
namespace {

// Less in one place is soon used again, and asking the file system for a hole costs more than a
// small write.
constexpr uint64_t kGivenBackMin = 64 << 10;

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

// Best fit.
uint64_t SpillFile::take(uint64_t size) {
  if (const auto fit = free_by_size_.lower_bound({size, 0}); fit != free_by_size_.end()) {
    const auto [found, offset] = *fit;
    erase_free(free_.find(offset));
    if (found != size) {
      free_.emplace(offset + size, found - size);
      free_by_size_.emplace(found - size, offset + size);
    }
    return offset;
  }
  const uint64_t offset = end_;
  end_ += size;
  return offset;
}

void SpillFile::erase_free(Free::iterator at) {
  free_by_size_.erase({at->second, at->first});
  free_.erase(at);
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

Result<void> SpillFile::read(std::span<const Extent> extents, std::string& out) const {
  size_t size = 0;
  for (const Extent& extent : extents) {
    QW_ASSERT(extent.offset == extents[0].offset + size);
    size += extent.size;
  }
  out.resize(size);
  for (size_t done = 0; done < size;) {
    const ssize_t count =
        pread(fd_, out.data() + done, size - done, static_cast<off_t>(extents[0].offset + done));
    if (count > 0) {
      done += static_cast<size_t>(count);
    } else if (count == 0 || errno != EINTR) {
      return fail(failed("read", count == 0 ? EIO : errno));
    }
  }
  std::string_view left = out;
  for (const Extent& extent : extents) {
    if (hash_bytes(left.substr(0, extent.size)) != extent.checksum) {
      return fail(data_corrupted("a temporary file does not hold what was written to it"));
    }
    left.remove_prefix(extent.size);
  }
  return {};
}

void SpillFile::release(const Extent& extent) {
  uint64_t offset = extent.offset, size = whole_pages(extent.size);
  if (size == 0) return;
  QW_ASSERT(held_ >= size);
  held_ -= size;
  // What has not been given back yet.
  uint64_t kept_from = offset, kept_to = offset + size;
  const auto after = free_.lower_bound(offset);
  QW_ASSERT(after == free_.end() || offset + size <= after->first);
  if (after != free_.begin()) {
    const auto before = std::prev(after);
    QW_ASSERT(before->first + before->second <= offset);
    if (before->first + before->second == offset) {
      offset = before->first;
      size += before->second;
      if (before->second < kGivenBackMin) kept_from = offset;
      erase_free(before);
    }
  }
  if (after != free_.end() && offset + size == after->first) {
    size += after->second;
    if (after->second < kGivenBackMin) kept_to = offset + size;
    erase_free(after);
  }
  // Best effort: a file system without holes keeps the pages until they are used again.
  if (size >= kGivenBackMin) {
    [[maybe_unused]] const int punched =
        fallocate(fd_, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(kept_from),
                  static_cast<off_t>(kept_to - kept_from));
  }
  free_.emplace(offset, size);
  free_by_size_.emplace(size, offset);
}

}  // namespace qw::storage
