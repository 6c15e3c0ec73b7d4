// A disk that fails on demand, for fault_test.py: loaded into the server by LD_PRELOAD.
//
// The file named by DISK_FAULT says what fails now: `full` (no room), `write` or `sync` (EIO); an
// empty or missing file = nothing. Only calls on store.mdb are touched, and each sees the file's
// content of its own moment, so that a test can break and mend the disk under a running server.
// Both names of each call are wrapped: LMDB and this file may be compiled with different offsets.
#undef _FILE_OFFSET_BITS
#define _LARGEFILE64_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

bool is_store(int fd) {
  char link[64], path[4096];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = '\0';
  return std::strstr(path, "store.mdb") != nullptr && std::strstr(path, "-lock") == nullptr;
}

bool fault_is(const char* name) {
  const char* file = std::getenv("DISK_FAULT");
  if (file == nullptr) return false;
  const int fd = open(file, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[16] = {};
  const ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  return size > 0 && std::strcmp(text, name) == 0;
}

// The error that a write to `fd` is to fail with; 0 = none.
int write_error(int fd) {
  if (!is_store(fd)) return 0;
  if (fault_is("full")) return ENOSPC;
  return fault_is("write") ? EIO : 0;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static const auto real = next<decltype(&pwrite)>("pwrite");
  if ((errno = write_error(fd)) != 0) return -1;
  return real(fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static const auto real = next<decltype(&pwrite64)>("pwrite64");
  if ((errno = write_error(fd)) != 0) return -1;
  return real(fd, bytes, size, at);
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  static const auto real = next<decltype(&pwritev)>("pwritev");
  if ((errno = write_error(fd)) != 0) return -1;
  return real(fd, parts, count, at);
}

ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  static const auto real = next<decltype(&pwritev64)>("pwritev64");
  if ((errno = write_error(fd)) != 0) return -1;
  return real(fd, parts, count, at);
}

int fdatasync(int fd) {
  static const auto real = next<decltype(&fdatasync)>("fdatasync");
  if (is_store(fd) && fault_is("sync")) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

int fsync(int fd) {
  static const auto real = next<decltype(&fsync)>("fsync");
  if (is_store(fd) && fault_is("sync")) {
    errno = EIO;
    return -1;
  }
  return real(fd);
}

}  // extern "C"
