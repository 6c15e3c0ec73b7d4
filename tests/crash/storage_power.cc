// storage_power [--from N] [--count N]: power loss at any moment, replayed from recorded writes.
//
// State N is one of recording N / kStates, which a seed of its own makes.
//
// A child runs the workload while this program's own open, pwrite, writev, fsync, ... record what
// is done to store.mdb and store.journal. Then both are rebuilt as a disk could have them after
// power loss at some event:
//   prefix  everything before the cut;
//   drop    each write since its file's last sync is there or not, at random;
//   tear    as drop, and some of those writes are there in part, in units of 512 bytes.
// (A write through O_DSYNC is whole once it returned; until then it may be lost or whole, but its
// first 512 bytes are never torn, as sectors are not: LMDB's meta page relies on that.) Each state
// must open, be at or after the last epoch acknowledged before the cut, and hold exactly what that
// epoch holds.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdarg>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/base/log.h"
#include "src/base/random.h"
#include "storage/store.h"
#include "tests/crash/range.h"
#include "tests/crash/workload.h"

namespace {

enum class Kind : uint32_t { write, synced_write, sync, acknowledge };

enum class File : uint32_t { other, store, journal };
constexpr std::array<const char*, 3> kFileNames = {"", "store.mdb", "store.journal"};

// An event in the recording: header, then `size` bytes.
struct Event {
  Kind kind;
  File file;
  uint64_t size;
  uint64_t offset;  // acknowledge: the epoch
};

struct Descriptor {
  File file = File::other;
  bool synced = false;  // O_DSYNC
};

int recording = -1;  // descriptor of the recording, -1 = off
std::array<Descriptor, 1024> descriptors{};

void record(Kind kind, File file, const void* bytes, size_t size, uint64_t offset) {
  const Event event{kind, file, size, offset};
  const std::array<iovec, 2> parts = {
      iovec{const_cast<Event*>(&event), sizeof(event)},  // NOLINT: writev only reads
      iovec{const_cast<void*>(bytes), size}};            // NOLINT
  if (syscall(SYS_writev, recording, parts.data(), size == 0 ? 1 : 2) !=
      static_cast<long>(sizeof(event) + size)) {
    std::abort();
  }
}

Descriptor descriptor(int fd) {
  return recording >= 0 && fd >= 0 && static_cast<size_t>(fd) < descriptors.size()
             ? descriptors[static_cast<size_t>(fd)]
             : Descriptor();
}

void record_write(int fd, const void* bytes, size_t size, uint64_t offset) {
  const Descriptor to = descriptor(fd);
  if (to.file == File::other || size == 0) return;
  record(to.synced ? Kind::synced_write : Kind::write, to.file, bytes, size, offset);
}

int recorded_sync(int fd, long call) {
  const auto rc = static_cast<int>(syscall(call, fd));
  const File file = descriptor(fd).file;
  if (rc == 0 && file != File::other) record(Kind::sync, file, nullptr, 0, 0);
  return rc;
}

}  // namespace

// These stand before libc's when the program is linked. LMDB is linked statically and calls them.
// The labels are the names it calls: in this file, and in those of the store, _FILE_OFFSET_BITS
// makes `open` mean open64.
extern "C" {

int recorded_open(const char* path, int flags, ...) __asm__("open");
int recorded_open64(const char* path, int flags, ...) __asm__("open64");
ssize_t recorded_pwrite(int fd, const void* bytes, size_t size, off_t offset) __asm__("pwrite");
ssize_t recorded_pwrite64(int fd, const void* bytes, size_t size, off_t offset) __asm__("pwrite64");

int recorded_open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return recorded_open64(path, flags, mode);
}

int recorded_open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const int mode = (flags & O_CREAT) != 0 ? va_arg(arguments, int) : 0;
  va_end(arguments);
  const auto fd = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (fd >= 0 && static_cast<size_t>(fd) < descriptors.size()) {
    Descriptor& opened = descriptors[static_cast<size_t>(fd)];
    opened = Descriptor();
    opened.synced = (flags & O_DSYNC) != 0;
    for (const File file : {File::store, File::journal}) {
      if (std::string_view(path).ends_with(kFileNames[static_cast<size_t>(file)])) {
        opened.file = file;
      }
    }
  }
  return fd;
}

ssize_t recorded_pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  return recorded_pwrite64(fd, bytes, size, offset);
}

ssize_t recorded_pwrite64(int fd, const void* bytes, size_t size, off_t offset) {
  const ssize_t done = syscall(SYS_pwrite64, fd, bytes, size, offset);
  if (done > 0) record_write(fd, bytes, static_cast<size_t>(done), static_cast<uint64_t>(offset));
  return done;
}

ssize_t writev(int fd, const iovec* parts, int count) {
  const off_t offset = descriptor(fd).file == File::other ? 0 : lseek(fd, 0, SEEK_CUR);
  const ssize_t done = syscall(SYS_writev, fd, parts, count);
  auto left = static_cast<size_t>(std::max<ssize_t>(done, 0));
  auto at = static_cast<uint64_t>(offset);
  for (int i = 0; i < count && left > 0; ++i) {
    const size_t size = std::min(left, parts[i].iov_len);
    record_write(fd, parts[i].iov_base, size, at);
    at += size;
    left -= size;
  }
  return done;
}

ssize_t write(int fd, const void* bytes, size_t size) {
  // Both files are written at offsets; anything else is news.
  if (descriptor(fd).file != File::other) std::abort();
  return syscall(SYS_write, fd, bytes, size);
}

int fdatasync(int fd) { return recorded_sync(fd, SYS_fdatasync); }
int fsync(int fd) { return recorded_sync(fd, SYS_fsync); }

}  // extern "C"

namespace qw::storage::crash {
namespace {

constexpr size_t kSector = 512;
constexpr uint64_t kEpochs = 150;
constexpr uint64_t kStates = 90;

struct Write {
  uint64_t offset = 0;
  std::string bytes;
};
struct Step {
  Kind kind;
  File file;
  Write write;
  uint64_t epoch = 0;
};

StoreOptions options_for(const std::string& dir, uint64_t seed) {
  StoreOptions options;
  options.dir = dir;
  options.fold = seed % 2 == 0 ? FoldPolicy::cost : FoldPolicy::shuffled;
  options.salt = seed;
  options.overlay_bytes_max = 1 << 20;
  options.slice_pages_max = 32;
  return options;
}

// Child: the workload, recorded.
[[noreturn]] void run_recorded(const std::string& dir, const std::string& file, uint64_t seed) {
  recording = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  auto store = Store::open(options_for(dir, seed));
  if (!store) _exit(3);
  Workload workload(seed);
  for (uint64_t epoch = 1; epoch <= kEpochs; ++epoch) {
    if (!(*store)->commit(workload.next())) _exit(4);
    record(Kind::acknowledge, File::other, nullptr, 0, epoch);
    if (epoch % 5 == 0 && !(*store)->maintain(/*idle=*/epoch % 15 == 0)) _exit(5);
  }
  _exit(0);
}

std::vector<Step> read_recording(const std::string& file) {
  std::vector<Step> steps;
  const int fd = ::open(file.c_str(), O_RDONLY);
  for (Event event; read(fd, &event, sizeof(event)) == sizeof(event);) {
    Step step{event.kind, event.file, {event.offset, std::string(event.size, '\0')}, event.offset};
    if (read(fd, step.write.bytes.data(), event.size) != static_cast<ssize_t>(event.size)) break;
    steps.push_back(std::move(step));
  }
  close(fd);
  return steps;
}

void apply(int fd, const Write& write, size_t from, size_t to) {
  (void)syscall(SYS_pwrite64, fd, write.bytes.data() + from, to - from, write.offset + from);
}

enum class Loss { prefix, drop, tear };

// Writes the file into `dir` as it could be after power loss before step `cut`.
void build(const std::string& dir, File which, const std::vector<Step>& steps, size_t cut,
           Loss loss, Random& random) {
  const std::string file = dir + "/" + kFileNames[static_cast<size_t>(which)];
  const auto fd = static_cast<int>(
      syscall(SYS_openat, AT_FDCWD, file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
  size_t last_sync = 0;
  for (size_t i = 0; i < cut; ++i) {
    if (steps[i].kind == Kind::sync && steps[i].file == which) last_sync = i;
  }
  for (size_t i = 0; i < cut; ++i) {
    const Step& step = steps[i];
    const Write& write = step.write;
    const bool is_write = step.kind == Kind::write || step.kind == Kind::synced_write;
    if (!is_write || step.file != which) continue;
    // A synced write that is the very last event may not have returned yet.
    const bool durable = i < last_sync || (step.kind == Kind::synced_write && i + 1 < cut);
    if (durable || loss == Loss::prefix) {
      apply(fd, write, 0, write.bytes.size());
    } else if (loss == Loss::tear && step.kind == Kind::write && random.chance(0.3)) {
      for (size_t at = 0; at < write.bytes.size(); at += kSector) {
        if (random.chance(0.5)) apply(fd, write, at, std::min(at + kSector, write.bytes.size()));
      }
    } else if (random.chance(0.5)) {
      apply(fd, write, 0, write.bytes.size());
    }
  }
  close(fd);
}

// Child: opens the rebuilt file and compares; 0 = as it must be.
int examine(const std::string& dir, uint64_t seed, uint64_t acknowledged) {
  auto store = Store::open(options_for(dir, seed));
  // Before the file has its first durable page nothing was promised.
  if (!store) {
    if (acknowledged > 0) log::error("{}", store.error().to_string());
    return acknowledged == 0 ? 0 : 3;
  }
  const Epoch epoch = (*store)->epoch();
  if (epoch.value < acknowledged || epoch.value > acknowledged + 1) {
    log::error("epoch {} after {} was acknowledged", epoch, acknowledged);
    return 4;
  }
  Workload workload(seed);
  workload.run_to(epoch);
  const std::string found = workload.compare(**store);
  if (!found.empty()) log::error("epoch {}: {}", epoch, found);
  return found.empty() ? 0 : 5;
}

struct Outcome {
  uint64_t events = 0, failures = 0;
  std::map<Loss, uint64_t> tried;
};

// States `first`.. of the recording that `seed` makes.
void run_recording(uint64_t seed, uint64_t first, uint64_t count, Outcome& outcome) {
  std::string dir = (std::filesystem::temp_directory_path() / "qw-power-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) std::abort();
  const std::string recorded = dir + "/recording";
  int status = 0;
  pid_t pid = fork();
  if (pid == 0) run_recorded(dir + "/original", recorded, seed);
  waitpid(pid, &status, 0);
  const std::vector<Step> steps = read_recording(recorded);
  const auto has = [&](Kind kind, File file) {
    return std::any_of(steps.begin(), steps.end(),
                       [&](const Step& s) { return s.kind == kind && s.file == file; });
  };
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 || !has(Kind::write, File::store) ||
      !has(Kind::synced_write, File::store) || !has(Kind::sync, File::store) ||
      !has(Kind::write, File::journal) || !has(Kind::sync, File::journal)) {
    log::error("seed {}: the recording failed, status {:x}", seed, static_cast<unsigned>(status));
    ++outcome.failures;
    return;
  }
  outcome.events += steps.size();
  for (uint64_t i = first; i < first + count; ++i) {
    Random random(seed * 1000003 + i);
    const auto loss = static_cast<Loss>(i % 3);
    const size_t cut = 1 + random.below(steps.size());
    uint64_t acknowledged = 0;
    for (size_t at = 0; at < cut; ++at) {
      if (steps[at].kind == Kind::acknowledge) acknowledged = steps[at].epoch;
    }
    const std::string copy = dir + "/copy";
    std::filesystem::remove_all(copy);
    std::filesystem::create_directory(copy);
    build(copy, File::store, steps, cut, loss, random);
    build(copy, File::journal, steps, cut, loss, random);
    pid = fork();
    if (pid == 0) _exit(examine(copy, seed, acknowledged));
    waitpid(pid, &status, 0);
    ++outcome.tried[loss];
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    ++outcome.failures;
    log::error("state {} of seed {}: cut at {} of {}, acknowledged {}, status {:x}", i, seed, cut,
               steps.size(), acknowledged, static_cast<unsigned>(status));
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace qw::storage::crash

int main(int argc, char** argv) {
  using namespace qw::storage::crash;
  const Range range = parse_range(argc, argv, kStates);
  Outcome outcome;
  for (uint64_t at = range.first; at < range.first + range.count;) {
    const uint64_t first = at % kStates;
    const uint64_t count = std::min(kStates - first, range.first + range.count - at);
    run_recording(at / kStates + 1, first, count, outcome);
    at += count;
  }
  fmt::print(
      "{{\"test\":\"storage_power\",\"from\":{},\"count\":{},\"events\":{},\"prefix\":{},"
      "\"drop\":{},\"tear\":{},\"failures\":{}}}\n",
      range.first, range.count, outcome.events, outcome.tried[Loss::prefix],
      outcome.tried[Loss::drop], outcome.tried[Loss::tear], outcome.failures);
  return outcome.failures == 0 ? 0 : 1;
}
