// JournalFile: see journal_file.h.
#include "storage/journal/journal_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/limits.h"
#include "storage/format/format.h"

namespace qw::storage {
namespace {

constexpr uint32_t kJournalMagic = 0x314A5751;  // "QWJ1"
constexpr size_t kFileHeaderBytes = 24;         // magic 4, zero 4, identity 8, checksum 8
constexpr size_t kHeaderBytes = 24;             // checksum 8, epoch 8, size 8
// Grows by so much: writing over zeros later changes nothing that a sync of the data leaves out.
constexpr uint64_t kStepBytes = 1 << 20;

Error failed(std::string_view what, const std::filesystem::path& file, int code) {
  std::string text = fmt::format("cannot {} the journal: {}: {}", what,
                                 std::generic_category().message(code), file.string());
  if (code == EACCES || code == EPERM || code == EROFS) {
    return insufficient_privilege(std::move(text));
  }
  return io_error(std::move(text));
}

Error damaged(const std::filesystem::path& file, std::string_view how) {
  return data_corrupted(fmt::format("{} {}", file.string(), how))
      .with_hint("Restore the data directory from a backup.");
}

std::string file_header(uint64_t identity) {
  std::string header;
  append<uint32_t>(header, kJournalMagic);
  append<uint32_t>(header, 0);
  append<uint64_t>(header, identity);
  append<uint64_t>(header, hash_bytes(header, 0));
  return header;
}

// The file's bytes as long as it lives.
class Mapping {
 public:
  Mapping(int fd, size_t size)
      : size_(size), at_(mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0)) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (is_mapped()) munmap(at_, size_);
  }
  bool is_mapped() const { return at_ != MAP_FAILED; }
  std::string_view bytes() const { return {static_cast<const char*>(at_), size_}; }

 private:
  size_t size_;
  void* at_;
};

struct Record {
  Epoch epoch;
  std::string_view payload;
};

// The record at the front of `bytes`, if there is one of `from` or a later epoch.
std::optional<Record> parse(std::string_view bytes, uint64_t identity, Epoch from) {
  if (bytes.size() < kHeaderBytes) return std::nullopt;
  const Epoch epoch{load<uint64_t>(bytes.data() + 8)};
  const auto size = load<uint64_t>(bytes.data() + 16);
  if (epoch < from || size > bytes.size() - kHeaderBytes) return std::nullopt;
  if (load<uint64_t>(bytes.data()) !=
      hash_bytes(bytes.substr(8, kHeaderBytes - 8 + size), identity)) {
    return std::nullopt;
  }
  return Record{epoch, bytes.substr(kHeaderBytes, size)};
}

}  // namespace

Journal::~Journal() = default;

Result<std::unique_ptr<JournalFile>> JournalFile::create(const std::filesystem::path& file,
                                                         uint64_t identity, Durability durability) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return fail(failed("make", file, errno));
  std::unique_ptr<JournalFile> journal(new JournalFile(file, identity, durability, fd));
  std::string header = file_header(identity);
  header.resize(kPageBytes);
  QW_ASSIGN_OR_RETURN(const bool room, journal->write_at(0, header));
  if (!room) return fail(disk_full(fmt::format("no room for the journal: {}", file.string())));
  if (durability == Durability::sync && fsync(fd) != 0) return fail(failed("sync", file, errno));
  journal->bytes_ = journal->end_ = kPageBytes;
  return journal;
}

Result<std::unique_ptr<JournalFile>> JournalFile::open(const std::filesystem::path& file,
                                                       uint64_t identity, Durability durability) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return fail(damaged(file, "is missing"));
    return fail(failed("open", file, errno));
  }
  std::unique_ptr<JournalFile> journal(new JournalFile(file, identity, durability, fd));
  struct stat status {};
  if (fstat(fd, &status) != 0) return fail(failed("open", file, errno));
  std::string header(kFileHeaderBytes, '\0');
  const ssize_t size = pread(fd, header.data(), header.size(), 0);
  if (size < 0) return fail(failed("read", file, errno));
  if (size != static_cast<ssize_t>(header.size()) || header != file_header(identity)) {
    return fail(damaged(file, "is damaged, or belongs to another store"));
  }
  journal->bytes_ = std::max<uint64_t>(static_cast<uint64_t>(status.st_size), kPageBytes);
  journal->end_ = kPageBytes;
  return journal;
}

JournalFile::~JournalFile() { close(fd_); }

Result<void> JournalFile::replay(Epoch last, const Visit& visit) {
  end_ = kPageBytes;
  const Mapping mapping(fd_, bytes_);
  if (!mapping.is_mapped()) return fail(failed("read", file_, errno));
  const std::string_view bytes = mapping.bytes();
  Epoch next{last.value + 1};
  while (end_ < bytes.size()) {
    const auto record = parse(bytes.substr(end_), identity_, next);
    if (!record || record->epoch != next) break;
    QW_TRY(visit(record->epoch, record->payload));
    end_ += whole_pages(kHeaderBytes + record->payload.size());
    ++next.value;
  }
  // Each record was durable before the next one was begun.
  for (uint64_t at = end_; at < bytes.size(); at += kPageBytes) {
    if (const auto record = parse(bytes.substr(at), identity_, next)) {
      return fail(damaged(file_, fmt::format("is damaged: it lacks epoch {}, but not epoch {}",
                                             next, record->epoch)));
    }
  }
  unconfirmed_ = bytes.substr(kPageBytes, end_ - kPageBytes);
  QW_TRY(confirm());  // without room (what is written is there, mostly) the first append does it
  return {};
}

// The last record may be one whose sync failed, or never was: the kernel may hold it for clean, and
// the disk may not have it. Written again, it is synced before anything follows it.
Result<bool> JournalFile::confirm() {
  if (durability_ == Durability::none) unconfirmed_.clear();
  if (unconfirmed_.empty()) return true;
  QW_ASSIGN_OR_RETURN(const bool room, write_at(kPageBytes, unconfirmed_));
  if (!room) return false;
  if (fdatasync(fd_) != 0) return fail(failed("sync", file_, errno));
  unconfirmed_.clear();
  return true;
}

Result<bool> JournalFile::append(Epoch epoch, std::string_view record) {
  const uint64_t size = whole_pages(kHeaderBytes + record.size());
  if (end_ + size > limits::kJournalBytesMax) return false;
  buffer_.assign(sizeof(uint64_t), '\0');
  qw::append<uint64_t>(buffer_, epoch.value);
  qw::append<uint64_t>(buffer_, record.size());
  buffer_ += record;
  store<uint64_t>(buffer_.data(), hash_bytes(std::string_view(buffer_).substr(8), identity_));
  buffer_.resize(size);
  QW_ASSIGN_OR_RETURN(const bool confirmed, confirm());
  if (!confirmed) return false;
  QW_ASSIGN_OR_RETURN(const bool extended, extend(end_ + size));
  if (!extended) return false;
  QW_ASSIGN_OR_RETURN(const bool written, write_at(end_, buffer_));
  if (!written) return false;
  if (durability_ == Durability::sync && fdatasync(fd_) != 0) {
    const int code = errno;
    // What is answered with an error should not come back with the next start, if that can be had.
    (void)write_at(end_, std::string(kHeaderBytes, '\0'));
    return fail(failed("sync", file_, code));
  }
  end_ += size;
  return true;
}

void JournalFile::restart() {
  end_ = kPageBytes;
  unconfirmed_.clear();
}

Result<bool> JournalFile::extend(uint64_t end) {
  if (end <= bytes_) return true;
  const uint64_t to = std::min<uint64_t>((end + kStepBytes - 1) / kStepBytes * kStepBytes,
                                         limits::kJournalBytesMax);
  const std::string zeros(to - bytes_, '\0');
  QW_ASSIGN_OR_RETURN(const bool room, write_at(bytes_, zeros));
  if (room) bytes_ = to;
  return room;
}

Result<bool> JournalFile::write_at(uint64_t at, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t done = pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(at));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)) return false;
    if (done < 0) return fail(failed("write", file_, errno));
    at += static_cast<uint64_t>(done);
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return true;
}

}  // namespace qw::storage
