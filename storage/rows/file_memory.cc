// FileMemory: see file_memory.h.
#include "storage/rows/file_memory.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace qw::storage {

std::shared_ptr<char[]> file_memory(const std::filesystem::path& dir, size_t size) {
  if (size == 0) return nullptr;
  const int fd = ::open(dir.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return nullptr;
  void* bytes = MAP_FAILED;
  if (::posix_fallocate(fd, 0, static_cast<off_t>(size)) == 0) {
    bytes = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  ::close(fd);
  if (bytes == MAP_FAILED) return nullptr;
  return {static_cast<char*>(bytes), [size](char* mapped) { ::munmap(mapped, size); }};
}

}  // namespace qw::storage
