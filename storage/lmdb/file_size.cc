// File size: see file_size.h.
//
// The layout is LMDB 0.9's (64 bits, little-endian): a page is a header of 16 bytes {page number 8,
// unused 2, flags 2, lower 2, upper 2 (pages 4 on overflow pages)} and a body; two meta pages begin
// the file: {magic 4, version 4, address 8, map size 8, two trees of 48, last page 8, txn id 8};
// the first tree is the free list, its first field the page size. Its values are a count and that
// many page numbers.
#include "storage/lmdb/file_size.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "src/base/bytes.h"

namespace qw::storage {
namespace {

constexpr size_t kHeader = 16, kMetaBytes = 136;
constexpr uint32_t kMagic = 0xBEEFC0DE, kDataVersion = 1;
constexpr uint16_t kBranchPage = 1, kLeafPage = 2;
constexpr uint16_t kBigValue = 1;
constexpr uint64_t kNoPage = ~uint64_t{0};
constexpr size_t kNodeHeader = 8;
constexpr int kDepthMax = 32;

struct Meta {
  uint32_t page_bytes = 0;
  uint64_t free_root = kNoPage, last_page = 0, txn = 0;
};

class File {
 public:
  explicit File(const std::filesystem::path& path) : path_(path.string()) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  Result<void> check() {
    fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd_ < 0 && errno == ENOENT) return {};
    struct stat file {};
    if (fd_ < 0 || fstat(fd_, &file) != 0) {
      return fail(io_error(
          fmt::format("cannot open: {}: {}", std::generic_category().message(errno), path_)));
    }
    bytes_ = static_cast<uint64_t>(file.st_size);
    if (bytes_ == 0) return {};
    const auto first = read_meta(0);
    const auto second = first ? read_meta(first->page_bytes) : std::nullopt;
    // What is no store at all is LMDB's to say.
    if (!first || !second) return bytes_ < kMetaBytes * 2 ? truncated(0) : Result<void>();
    meta_ = first->txn > second->txn ? *first : *second;
    const uint64_t whole_pages = bytes_ / meta_.page_bytes;
    if (whole_pages > meta_.last_page) return {};
    if (meta_.free_root != kNoPage) QW_TRY(collect(meta_.free_root, 0));
    for (uint64_t page = whole_pages; page <= meta_.last_page; ++page) {
      if (!free_.contains(page)) return truncated(page);
    }
    return {};
  }

 private:
  tl::unexpected<Error> truncated(uint64_t page) const {
    return fail(data_corrupted(fmt::format("storage file is truncated: {}", path_))
                    .with_detail(fmt::format("It has {} bytes; page {} of {} lies beyond them.",
                                             bytes_, page, meta_.last_page + 1))
                    .with_hint("Restore the data directory from a backup."));
  }

  std::optional<std::string> read_at(uint64_t offset, size_t size) const {
    std::string out(size, '\0');
    if (offset > bytes_ || size > bytes_ - offset) return std::nullopt;
    const ssize_t got = pread(fd_, out.data(), size, static_cast<off_t>(offset));
    if (got != static_cast<ssize_t>(size)) return std::nullopt;
    return out;
  }

  std::optional<Meta> read_meta(uint64_t offset) const {
    const auto bytes = read_at(offset + kHeader, kMetaBytes);
    if (!bytes) return std::nullopt;
    const char* at = bytes->data();
    Meta meta;
    meta.page_bytes = load<uint32_t>(at + 24);
    meta.free_root = load<uint64_t>(at + 64);
    meta.last_page = load<uint64_t>(at + 120);
    meta.txn = load<uint64_t>(at + 128);
    const bool known = load<uint32_t>(at) == kMagic && load<uint32_t>(at + 4) == kDataVersion;
    const uint32_t size = meta.page_bytes;
    if (!known || size < 512 || size > 65536 || (size & (size - 1)) != 0) return std::nullopt;
    return meta;
  }

  // Gathers the free list below a page.
  Result<void> collect(uint64_t number, int depth) {
    const auto page = read_at(number * meta_.page_bytes, meta_.page_bytes);
    if (!page) return truncated(number);
    const auto flags = load<uint16_t>(page->data() + 10);
    const auto lower = load<uint16_t>(page->data() + 12);
    const bool leaf = (flags & kLeafPage) != 0;
    if (depth > kDepthMax || lower < kHeader || lower > page->size() ||
        (!leaf && (flags & kBranchPage) == 0)) {
      return damaged();
    }
    for (size_t at = kHeader; at < lower; at += 2) {
      const size_t node = load<uint16_t>(page->data() + at);
      if (node + kNodeHeader > page->size()) return damaged();
      const char* bytes = page->data() + node;
      const auto low = load<uint16_t>(bytes), high = load<uint16_t>(bytes + 2);
      const auto node_flags = load<uint16_t>(bytes + 4), key_bytes = load<uint16_t>(bytes + 6);
      const uint64_t small = low | uint64_t{high} << 16;
      if (!leaf) {
        QW_TRY(collect(small | uint64_t{node_flags} << 32, depth + 1));
        continue;
      }
      const size_t value = node + kNodeHeader + key_bytes;
      const bool big = (node_flags & kBigValue) != 0;
      if (value + (big ? 8 : small) > page->size()) return damaged();
      if (!big) {
        QW_TRY(add({page->data() + value, small}));
        continue;
      }
      const auto overflow = load<uint64_t>(page->data() + value);
      const auto list = read_at(overflow * meta_.page_bytes + kHeader, small);
      if (!list) return truncated(overflow);
      QW_TRY(add(*list));
    }
    return {};
  }

  Result<void> add(std::string_view list) {
    if (list.size() < 8) return damaged();
    const auto count = load<uint64_t>(list.data());
    if (count > list.size() / 8 - 1) return damaged();
    for (uint64_t i = 1; i <= count; ++i) free_.insert(load<uint64_t>(list.data() + i * 8));
    return {};
  }

  tl::unexpected<Error> damaged() const {
    return fail(data_corrupted(fmt::format("storage file is truncated and damaged: {}", path_))
                    .with_hint("Restore the data directory from a backup."));
  }

  const std::string path_;
  int fd_ = -1;
  uint64_t bytes_ = 0;
  Meta meta_;
  std::set<uint64_t> free_;
};

}  // namespace

Result<void> check_file_size(const std::filesystem::path& file) { return File(file).check(); }

}  // namespace qw::storage
