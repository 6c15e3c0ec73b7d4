// DataDirectory: see data_directory.h.
#include "storage/directory/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "src/base/random.h"

namespace qw::storage {
namespace {

constexpr const char* kLockName = "LOCK";
constexpr const char* kPrivatePrefix = "quickwater-ephemeral-";

Error system_error(int code, std::string_view what, const std::filesystem::path& path) {
  std::string text =
      fmt::format("{}: {}: {}", what, std::generic_category().message(code), path.string());
  if (code == ENOSPC || code == EDQUOT) return disk_full(std::move(text));
  if (code == EACCES || code == EPERM || code == EROFS)
    return insufficient_privilege(std::move(text));
  return io_error(std::move(text));
}

std::string holder(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = pread(fd, text.data(), text.size() - 1, 0);
  return size > 0
             ? fmt::format("process {}",
                           std::string_view(text.data(), std::string_view(text.data()).find('\n')))
             : "another process";
}

// The lock's descriptor, or -1 when somebody else holds it.
Result<int> try_lock(const std::filesystem::path& directory, std::string* holder_text) {
  const std::filesystem::path file = directory / kLockName;
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return fail(system_error(errno, "cannot open", file));
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int code = errno;
    if (code == EWOULDBLOCK && holder_text != nullptr) *holder_text = holder(fd);
    close(fd);
    if (code == EWOULDBLOCK) return -1;
    return fail(system_error(code, "cannot lock", file));
  }
  const std::string pid = fmt::format("{}\n", getpid());
  // In this order: what is overwritten needs no room on a full disk.
  if (pwrite(fd, pid.data(), pid.size(), 0) < 0 ||
      ftruncate(fd, static_cast<off_t>(pid.size())) != 0) {
    const int code = errno;
    close(fd);
    return fail(system_error(code, "cannot write", file));
  }
  return fd;
}

// Removes private directories whose process is gone. Best effort: whatever cannot be read is not
// ours.
void sweep_private(const std::filesystem::path& parent) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
    if (!entry.path().filename().string().starts_with(kPrivatePrefix)) continue;
    if (!std::filesystem::exists(entry.path() / kLockName, ignored)) continue;  // being made
    const Result<int> lock = try_lock(entry.path(), nullptr);
    if (!lock || *lock < 0) continue;
    std::filesystem::remove_all(entry.path(), ignored);
    close(*lock);
  }
}

bool is_ours(std::string_view name) {
  for (const std::string_view ours :
       {std::string_view(kLockName), std::string_view(kStoreFile), std::string_view(kCatalogFile),
        std::string_view(kJournalFile), std::string_view("store.mdb-lock"),
        std::string_view("catalog.db-journal"), std::string_view("secrets"),
        std::string_view("secrets.new")}) {
    if (name == ours) return true;
  }
  return name == "lost+found";  // of a file system of its own
}

// Before anything is written: is this a data directory, or a place to make one in?
Result<void> examine(const std::filesystem::path& path, bool may_create) {
  std::error_code failed;
  std::string_view beside;
  for (const std::string_view name : {kJournalFile, kCatalogFile}) {
    if (std::filesystem::exists(path / name, failed)) beside = name;
  }
  const uint64_t store_bytes = std::filesystem::file_size(path / kStoreFile, failed);
  if (!failed && store_bytes > 0) return {};
  if (!beside.empty()) {
    return fail(data_corrupted(fmt::format("{} is {}", (path / kStoreFile).string(),
                                           failed ? "missing" : "empty"))
                    .with_detail(fmt::format("It holds the rows to which {} belongs.",
                                             (path / beside).string()))
                    .with_hint("Restore the data directory from a backup."));
  }
  if (!may_create) {
    return fail(object_not_in_prerequisite_state(
        fmt::format("not a Quickwater data directory: {}", path.string())));
  }
  auto entry = std::filesystem::directory_iterator(path, failed);
  if (failed) return fail(system_error(failed.value(), "cannot read data directory", path));
  for (; entry != std::filesystem::directory_iterator(); entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    if (is_ours(name)) continue;
    return fail(object_not_in_prerequisite_state(
                    fmt::format("not a Quickwater data directory: {}", path.string()))
                    .with_detail(fmt::format("It is not empty: it holds \"{}\".", name))
                    .with_hint("Name a directory that is empty or does not exist."));
  }
  if (failed) return fail(system_error(failed.value(), "cannot read data directory", path));
  return {};
}

}  // namespace

Result<void> sync_directory(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail(system_error(errno, "cannot open", path));
  const int rc = fsync(fd);
  const int code = errno;
  close(fd);
  if (rc != 0) return fail(system_error(code, "cannot sync", path));
  return {};
}

namespace {

// Makes `path` and what leads to it, so that a power cut leaves all of it.
Result<void> make_directories(const std::filesystem::path& path) {
  std::filesystem::path whole = std::filesystem::absolute(path).lexically_normal();
  if (!whole.has_filename()) whole = whole.parent_path();  // "dir/"
  std::vector<std::filesystem::path> missing;
  std::error_code failed;
  for (auto at = whole; !std::filesystem::exists(at, failed) && at.has_relative_path();
       at = at.parent_path()) {
    missing.push_back(at);
  }
  std::filesystem::create_directories(whole, failed);
  if (failed) return fail(system_error(failed.value(), "cannot create data directory", path));
  if (missing.empty()) return {};
  chmod(whole.c_str(), 0700);
  for (const auto& made : missing) QW_TRY(sync_directory(made.parent_path()));
  return {};
}

}  // namespace

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::filesystem::path& path,
                                                           bool may_create) {
  std::error_code failed;
  if (!may_create && !std::filesystem::exists(path, failed)) {
    return fail(object_not_in_prerequisite_state(
        fmt::format("data directory does not exist: {}", path.string())));
  }
  QW_TRY(make_directories(path));
  QW_TRY(examine(path, may_create));
  std::string holder_text;
  QW_ASSIGN_OR_RETURN(const int lock, try_lock(path, &holder_text));
  if (lock < 0) {
    return fail(object_in_use(
        fmt::format("data directory is in use by {}: {}", holder_text, path.string())));
  }
  return std::unique_ptr<DataDirectory>(new DataDirectory(path, lock, false));
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open_private(
    const std::filesystem::path& parent) {
  std::error_code failed;
  std::filesystem::create_directories(parent, failed);
  if (failed) return fail(system_error(failed.value(), "cannot create directory", parent));
  sweep_private(parent);
  for (;;) {
    const auto path = parent / fmt::format("{}{:016x}", kPrivatePrefix, entropy_u64());
    if (mkdir(path.c_str(), 0700) != 0) {
      if (errno == EEXIST) continue;
      return fail(system_error(errno, "cannot create directory", path));
    }
    QW_ASSIGN_OR_RETURN(const int lock, try_lock(path, nullptr));
    if (lock < 0) continue;  // a sweeping process was faster
    return std::unique_ptr<DataDirectory>(new DataDirectory(path, lock, true));
  }
}

DataDirectory::~DataDirectory() {
  if (private_) {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  close(lock_);
}

}  // namespace qw::storage
