// A disk that fails on demand, for fault_test.py: loaded into the server by LD_PRELOAD.
//
// The file named by DISK_FAULT says what fails now, and in which file: `full` (no room: a write of
// several pieces comes short, any other fails, but for one over LMDB's meta pages), `read`, `write`
// or `sync` (EIO; what is read through a mapping does not fail), `interrupt` (every other write is
// interrupted, the others take half if they may); an empty or missing file = nothing. That is
// store.mdb and store.journal; with `catalog-` before it, catalog.db with its journal, and the
// secrets. With a number behind it that call is the first to fail. Each call sees the file's
// content of its own moment, so that a test can break and mend the disk under a running server.
// Both names of each call are wrapped: LMDB and this file may be compiled with different offsets.
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace {

enum class Disk { other, store, journal, catalog };

Disk disk_of(const char* path) {
  if (std::strstr(path, "store.mdb") != nullptr) {
    return std::strstr(path, "-lock") == nullptr ? Disk::store : Disk::other;
  }
  if (std::strstr(path, "store.journal") != nullptr) return Disk::journal;
  const bool catalog =
      std::strstr(path, "/catalog.db") != nullptr || std::strstr(path, "/secrets") != nullptr;
  return catalog ? Disk::catalog : Disk::other;
}

Disk disk_of(int fd) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return Disk::other;
  path[size] = '\0';
  return disk_of(path);
}

// Whether the fault is on for this disk, and its turn has come. `counts`: this is a call to count.
bool fault_is(Disk disk, const char* name, bool counts = true) {
  static std::mutex mutex;
  static char last[64];
  static long left = 0;
  const char* file = std::getenv("DISK_FAULT");
  if (disk == Disk::other || file == nullptr) return false;
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[64] = {};
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  const std::lock_guard lock(mutex);
  char* number = std::strchr(text, ' ');
  if (std::strcmp(text, last) != 0) {
    std::strcpy(last, text);
    left = number == nullptr ? 0 : std::strtol(number, nullptr, 10);
  }
  if (number != nullptr) *number = '\0';
  const char* fault = text;
  const bool catalog = std::strncmp(text, "catalog-", 8) == 0;
  if (catalog) fault += 8;
  if (size <= 0 || catalog != (disk == Disk::catalog) || std::strcmp(fault, name) != 0)
    return false;
  if (left > 0 && counts) --left;
  return left == 0;
}

// LMDB's two meta pages lie in the file from its first day: a full disk refuses new blocks, not a
// write over old ones, so a commit whose pages found room is also confirmed.
constexpr off64_t kMetaPagesEnd = 2 * 4096;

// The error that a write at this place is to fail with; 0 = none.
int write_error(Disk disk, off64_t at) {
  const bool old_block = disk == Disk::store && at < kMetaPagesEnd;
  if (!old_block && fault_is(disk, "full")) return ENOSPC;
  return fault_is(disk, "write") ? EIO : 0;
}

// What is left of a write that may come short; 0 = it is interrupted.
size_t interrupted(Disk disk, size_t size) {
  static std::atomic<unsigned> calls;
  if (!fault_is(disk, "interrupt")) return size;
  if (++calls % 2 != 0) return 0;
  return disk == Disk::catalog && size > 1 ? size / 2 : size;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

template <typename Write>
ssize_t write_some(int fd, size_t size, off64_t at, const Write& write) {
  const Disk disk = disk_of(fd);
  if ((errno = write_error(disk, at)) != 0) return -1;
  const size_t some = interrupted(disk, size);
  if (some == 0 && size > 0) {
    errno = EINTR;
    return -1;
  }
  return write(some);
}

template <typename Write>
ssize_t write_pieces(int fd, int count, off64_t at, const Write& write) {
  const Disk disk = disk_of(fd);
  if (count > 1 && fault_is(disk, "full")) return write(1);
  if ((errno = write_error(disk, at)) != 0) return -1;
  if (interrupted(disk, 2) == 0) {
    errno = EINTR;
    return -1;
  }
  return write(count);
}

template <typename Read>
ssize_t read_some(int fd, const Read& read) {
  if (!fault_is(disk_of(fd), "read")) return read();
  errno = EIO;
  return -1;
}

template <typename Sync>
int sync_file(int fd, const Sync& sync) {
  if (!fault_is(disk_of(fd), "sync")) return sync(fd);
  errno = EIO;
  return -1;
}

template <typename Stat, typename Answer>
int stat_disk(const char* path, const Stat& stat, Answer* out) {
  const int rc = stat(path, out);
  if (rc == 0 && fault_is(disk_of(path), "full", false)) out->f_bavail = 0;
  return rc;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = next<decltype(&write)>("write");
  const off64_t at = lseek64(fd, 0, SEEK_CUR);
  return write_some(fd, size, at, [&](size_t some) { return real(fd, bytes, some); });
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static const auto real = next<decltype(&pwrite)>("pwrite");
  return write_some(fd, size, at, [&](size_t some) { return real(fd, bytes, some, at); });
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static const auto real = next<decltype(&pwrite64)>("pwrite64");
  return write_some(fd, size, at, [&](size_t some) { return real(fd, bytes, some, at); });
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  static const auto real = next<decltype(&writev)>("writev");
  const off64_t at = lseek64(fd, 0, SEEK_CUR);
  return write_pieces(fd, count, at, [&](int some) { return real(fd, parts, some); });
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  static const auto real = next<decltype(&pwritev)>("pwritev");
  return write_pieces(fd, count, at, [&](int some) { return real(fd, parts, some, at); });
}

ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  static const auto real = next<decltype(&pwritev64)>("pwritev64");
  return write_pieces(fd, count, at, [&](int some) { return real(fd, parts, some, at); });
}

ssize_t read(int fd, void* bytes, size_t size) {
  static const auto real = next<decltype(&read)>("read");
  return read_some(fd, [&] { return real(fd, bytes, size); });
}

ssize_t pread(int fd, void* bytes, size_t size, off_t at) {
  static const auto real = next<decltype(&pread)>("pread");
  return read_some(fd, [&] { return real(fd, bytes, size, at); });
}

ssize_t pread64(int fd, void* bytes, size_t size, off64_t at) {
  static const auto real = next<decltype(&pread64)>("pread64");
  return read_some(fd, [&] { return real(fd, bytes, size, at); });
}

int fdatasync(int fd) {
  static const auto real = next<decltype(&fdatasync)>("fdatasync");
  return sync_file(fd, real);
}

int fsync(int fd) {
  static const auto real = next<decltype(&fsync)>("fsync");
  return sync_file(fd, real);
}

int statvfs(const char* path, struct statvfs* out) {
  static const auto real = next<decltype(&statvfs)>("statvfs");
  return stat_disk(path, real, out);
}

int statvfs64(const char* path, struct statvfs64* out) {
  static const auto real = next<decltype(&statvfs64)>("statvfs64");
  return stat_disk(path, real, out);
}

}  // extern "C"
