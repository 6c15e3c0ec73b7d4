// What a process does to the files of a data directory, written down: loaded into a server by
// LD_PRELOAD, read by power_cuts.py, which builds from it what a disk could hold after power loss.
//
// POWER_DIR is the directory, POWER_LOG the recording. An event is a header and `size` bytes; each
// is appended by one call, so that several processes (a server and its successor, the test that
// notes acknowledgements) share one recording. A write is noted once it has returned; a sync covers
// the writes that were noted before it began (`first` is the number of the first one after that).
// Both names of each call are wrapped: libraries may be compiled with different offsets.
#undef _FILE_OFFSET_BITS

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

// power_cuts.py knows these numbers.
enum class Kind : uint32_t { open = 1, close, write, truncate, sync, unlink, rename, mkdir };
enum OpenFlags : uint64_t { created = 1, emptied = 2, synced_writes = 4, directory = 8 };

struct Event {
  Kind kind;
  uint32_t pid;
  int32_t fd;
  uint32_t size;
  uint64_t number;  // counts this process's events
  uint64_t offset;  // write; truncate: the size; open: flags; sync: `first`
};

constexpr size_t kFilesMax = 4096;

class Recorder {
 public:
  Recorder() {
    const char* dir = std::getenv("POWER_DIR");
    const char* log = std::getenv("POWER_LOG");
    if (dir == nullptr || log == nullptr) return;
    dir_ = dir;
    const auto real = reinterpret_cast<int (*)(const char*, int, ...)>(dlsym(RTLD_NEXT, "open"));
    log_ = real(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_ < 0) std::abort();
  }

  // Whether the path is the directory or lies in it.
  bool is_inside(const char* path) const {
    if (log_ < 0 || path == nullptr) return false;
    if (std::strncmp(path, dir_.c_str(), dir_.size()) != 0) return false;
    if (std::strstr(path, "store.mdb-lock") != nullptr) return false;  // mapped; made anew
    return path[dir_.size()] == '\0' || path[dir_.size()] == '/';
  }
  bool is_tracked(int fd) const {
    return fd >= 0 && static_cast<size_t>(fd) < kFilesMax && tracked_[static_cast<size_t>(fd)];
  }
  void track(int fd, bool tracked) {
    if (fd >= 0 && static_cast<size_t>(fd) < kFilesMax) tracked_[static_cast<size_t>(fd)] = tracked;
  }
  uint64_t next_number() const { return counter_; }

  void note(Kind kind, int fd, uint64_t offset, const void* bytes, size_t size) {
    const int kept = errno;
    const Event event{
        kind, static_cast<uint32_t>(getpid()), fd, static_cast<uint32_t>(size), counter_++, offset};
    std::string whole(reinterpret_cast<const char*>(&event), sizeof event);
    if (size > 0) whole.append(static_cast<const char*>(bytes), size);
    static const auto real =
        reinterpret_cast<ssize_t (*)(int, const void*, size_t)>(dlsym(RTLD_NEXT, "write"));
    if (real(log_, whole.data(), whole.size()) != static_cast<ssize_t>(whole.size())) std::abort();
    errno = kept;
  }

 private:
  std::string dir_;
  int log_ = -1;
  std::atomic<uint64_t> counter_ = 0;
  std::array<std::atomic<bool>, kFilesMax> tracked_{};
};

Recorder& recorder() {
  static Recorder* const kRecorder = new Recorder;  // the process's last calls come late
  return *kRecorder;
}

template <typename Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

using Open = int (*)(const char*, int, ...);

int open_noted(Open real, const char* path, int flags, mode_t mode) {
  if (!recorder().is_inside(path)) return real(path, flags, mode);
  const bool existed = access(path, F_OK) == 0;
  const int fd = real(path, flags, mode);
  if (fd < 0) return fd;
  struct stat status {};
  fstat(fd, &status);
  const uint64_t noted = (existed ? 0U : uint64_t{created}) |
                         ((flags & O_TRUNC) != 0 ? uint64_t{emptied} : 0U) |
                         ((flags & O_DSYNC) != 0 ? uint64_t{synced_writes} : 0U) |
                         (S_ISDIR(status.st_mode) ? uint64_t{directory} : 0U);
  recorder().track(fd, true);
  recorder().note(Kind::open, fd, noted, path, std::strlen(path));
  return fd;
}

void note_written(int fd, const void* bytes, ssize_t done, int64_t at) {
  if (done > 0 && recorder().is_tracked(fd)) {
    recorder().note(Kind::write, fd, static_cast<uint64_t>(at), bytes, static_cast<size_t>(done));
  }
}

void note_written(int fd, const iovec* parts, int count, ssize_t done, int64_t at) {
  for (int i = 0; i < count && done > 0; ++i) {
    const auto size = std::min(done, static_cast<ssize_t>(parts[i].iov_len));
    note_written(fd, parts[i].iov_base, size, at);
    done -= size;
    at += size;
  }
}

int64_t position(int fd) { return recorder().is_tracked(fd) ? lseek(fd, 0, SEEK_CUR) : 0; }

template <typename Call>
int sync_noted(int fd, const Call& call) {
  const uint64_t first = recorder().next_number();
  const int rc = call();
  if (rc == 0 && recorder().is_tracked(fd)) recorder().note(Kind::sync, fd, first, nullptr, 0);
  return rc;
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  static const auto real = next<Open>("open");
  return open_noted(real, path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  static const auto real = next<Open>("open64");
  return open_noted(real, path, flags, mode);
}

int close(int fd) {
  static const auto real = next<decltype(&close)>("close");
  // Before the call: afterwards the number may be another file's.
  if (recorder().is_tracked(fd)) {
    recorder().track(fd, false);
    recorder().note(Kind::close, fd, 0, nullptr, 0);
  }
  return real(fd);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  static const auto real = next<decltype(&write)>("write");
  const int64_t at = position(fd);
  const ssize_t done = real(fd, bytes, size);
  note_written(fd, bytes, done, at);
  return done;
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  static const auto real = next<decltype(&pwrite)>("pwrite");
  const ssize_t done = real(fd, bytes, size, at);
  note_written(fd, bytes, done, at);
  return done;
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) {
  static const auto real = next<decltype(&pwrite64)>("pwrite64");
  const ssize_t done = real(fd, bytes, size, at);
  note_written(fd, bytes, done, at);
  return done;
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  static const auto real = next<decltype(&writev)>("writev");
  const int64_t at = position(fd);
  const ssize_t done = real(fd, parts, count);
  note_written(fd, parts, count, done, at);
  return done;
}

ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t at) {
  static const auto real = next<decltype(&pwritev)>("pwritev");
  const ssize_t done = real(fd, parts, count, at);
  note_written(fd, parts, count, done, at);
  return done;
}

ssize_t pwritev64(int fd, const struct iovec* parts, int count, off64_t at) {
  static const auto real = next<decltype(&pwritev64)>("pwritev64");
  const ssize_t done = real(fd, parts, count, at);
  note_written(fd, parts, count, done, at);
  return done;
}

int ftruncate(int fd, off_t size) {
  static const auto real = next<decltype(&ftruncate)>("ftruncate");
  const int rc = real(fd, size);
  if (rc == 0 && recorder().is_tracked(fd)) {
    recorder().note(Kind::truncate, fd, static_cast<uint64_t>(size), nullptr, 0);
  }
  return rc;
}

int ftruncate64(int fd, off64_t size) {
  static const auto real = next<decltype(&ftruncate64)>("ftruncate64");
  const int rc = real(fd, size);
  if (rc == 0 && recorder().is_tracked(fd)) {
    recorder().note(Kind::truncate, fd, static_cast<uint64_t>(size), nullptr, 0);
  }
  return rc;
}

int fsync(int fd) {
  static const auto real = next<decltype(&fsync)>("fsync");
  return sync_noted(fd, [&] { return real(fd); });
}

int fdatasync(int fd) {
  static const auto real = next<decltype(&fdatasync)>("fdatasync");
  return sync_noted(fd, [&] { return real(fd); });
}

int unlink(const char* path) {
  static const auto real = next<decltype(&unlink)>("unlink");
  const int rc = real(path);
  if (rc == 0 && recorder().is_inside(path)) {
    recorder().note(Kind::unlink, -1, 0, path, std::strlen(path));
  }
  return rc;
}

int rename(const char* from, const char* to) {
  static const auto real = next<decltype(&rename)>("rename");
  const int rc = real(from, to);
  if (rc == 0 && recorder().is_inside(from)) {
    const std::string both = std::string(from) + '\n' + to;
    recorder().note(Kind::rename, -1, 0, both.data(), both.size());
  }
  return rc;
}

int mkdir(const char* path, mode_t mode) {
  static const auto real = next<decltype(&mkdir)>("mkdir");
  const int rc = real(path, mode);
  if (rc == 0 && recorder().is_inside(path)) {
    recorder().note(Kind::mkdir, -1, 0, path, std::strlen(path));
  }
  return rc;
}

}  // extern "C"
