// MemoryBudget: see memory_budget.h.
#include "src/base/memory_budget.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include <fmt/format.h>

namespace qw {
namespace {

// How much may be taken between two measurements of the process: this part of its limit, at most.
constexpr uint64_t kMeasurePart = 64;
constexpr uint64_t kMeasureBytesMax = 64 << 20;
// Trimming walks through all heaps.
constexpr int64_t kTrimMs = 50;
// Allocations from here on ask for room.
constexpr size_t kLargeBytes = 1 << 20;

int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// A number in a file of its own; 0 = none ("max").
uint64_t number_in(const char* path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : 0;
}

std::string megabytes(uint64_t bytes) { return fmt::format("{} MB", (bytes + 524288) >> 20); }

}  // namespace

uint64_t available_memory() {
  struct sysinfo info {};
  uint64_t bytes = uint64_t{2} << 30;
  if (sysinfo(&info) == 0) bytes = uint64_t{info.totalram} * info.mem_unit;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    if (const uint64_t limit = number_in(path); limit != 0) bytes = std::min(bytes, limit);
  }
  return bytes;
}

uint64_t anonymous_memory() {
  static const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  static const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  std::array<char, 128> text{};
  if (fd < 0 || ::pread(fd, text.data(), text.size() - 1, 0) <= 0) return 0;
  // Pages: all, resident, of those with a file behind them.
  char* at = text.data();
  std::strtoull(at, &at, 10);
  const uint64_t resident = std::strtoull(at, &at, 10);
  const uint64_t of_files = std::strtoull(at, &at, 10);
  return resident > of_files ? (resident - of_files) * page : 0;
}

bool MemoryBudget::process_has_room(uint64_t bytes) {
  if (process_limit_ == 0) return true;
  if (anonymous_memory() + bytes <= process_limit_) return true;
  trim();
  if (anonymous_memory() + bytes <= process_limit_) return true;
  return relief_.call() && anonymous_memory() + bytes <= process_limit_;
}

void MemoryBudget::trim() {
  if (process_limit_ == 0 || anonymous_memory() < process_limit_ / 2) return;
  const int64_t now = now_ms();
  int64_t before = trimmed_ms_.load();
  if (now - before < kTrimMs || !trimmed_ms_.compare_exchange_strong(before, now)) return;
  ::malloc_trim(0);
}

bool MemoryBudget::has_room(uint64_t bytes) {
  if (limit_ != 0 && used() + bytes > limit_) return false;
  const uint64_t step = std::min(process_limit_ / kMeasurePart, kMeasureBytesMax);
  if (unmeasured_.fetch_add(bytes, std::memory_order_relaxed) + bytes < step) return true;
  unmeasured_.store(0, std::memory_order_relaxed);
  if (process_has_room(bytes)) return true;
  unmeasured_.store(step, std::memory_order_relaxed);  // whoever comes next measures, too
  return false;
}

bool MemoryBudget::reserve(uint64_t bytes) {
  if (!has_room(bytes)) return false;
  const uint64_t before = used_.fetch_add(bytes, std::memory_order_relaxed);
  if (limit_ == 0 || before + bytes <= limit_) return true;
  release(bytes);
  return false;
}

Result<void> MemoryBudget::room_for(uint64_t bytes) {
  if (has_room(bytes)) return {};
  return fail(exhausted());
}

Error MemoryBudget::exhausted() const {
  return out_of_memory("out of memory")
      .with_detail(
          fmt::format("Running statements use {} of the {} that they may use together; the "
                      "process uses {} of {}.",
                      megabytes(used()), megabytes(limit_), megabytes(anonymous_memory()),
                      megabytes(process_limit_)))
      .with_hint(
          "Let the statement keep fewer rows (a narrower join, an earlier filter), or start the "
          "server with a larger --memory-limit.");
}

thread_local MemoryAccount* MemoryScope::current_ = nullptr;
thread_local bool MemoryScope::unbroken_ = false;

void MemoryScope::expect(uint64_t bytes) {
  if (current_ == nullptr || unbroken_) return;
  if (bytes < current_->small_bytes && current_->taken < current_->small_bytes - bytes) {
    current_->taken += bytes;
    return;
  }
  if (current_->budget->has_room(bytes)) return;
  current_->exceeded = true;
  throw MemoryExhausted();  // tidy: allow throw, because arenas have no other way out
}

void MemoryCharge::grow(uint64_t bytes) {
  MemoryAccount* account = MemoryScope::current();
  if (budget_ == nullptr) {
    if (account == nullptr) return;
    budget_ = account->budget;
  }
  if (account == nullptr) {
    budget_->take(bytes);
  } else {
    account->taken += bytes;
    if (account->small()) {
      budget_->take(bytes);
    } else if (!budget_->reserve(bytes)) {
      account->exceeded = true;
      if (MemoryScope::breakable())
        throw MemoryExhausted();  // tidy: allow throw, because arenas have no other way out
      budget_->take(bytes);
    }
  }
  bytes_ += bytes;
}

void MemoryCharge::shrink(uint64_t bytes) {
  // What came before the first scope was not counted.
  bytes = std::min(bytes, bytes_);
  if (bytes == 0) return;
  budget_->release(bytes);
  bytes_ -= bytes;
}

void MemoryCharge::hold(uint64_t bytes) {
  const uint64_t steps = (bytes + kStepBytes - 1) / kStepBytes * kStepBytes;
  if (steps > bytes_) {
    grow(steps - bytes_);
  } else if (steps + kStepBytes < bytes_ || steps == 0) {
    shrink(bytes_ - steps);
  }
}

void* allocate_checked(size_t size);
void* allocate_checked(size_t size) {
  if (size >= kLargeBytes) [[unlikely]]
    MemoryScope::expect(size);
  if (void* bytes = std::malloc(size == 0 ? 1 : size)) [[likely]]
    return bytes;
  throw std::bad_alloc();  // tidy: allow throw, because that is what operator new does
}

}  // namespace qw

// Strings and lists of a query may be as large as its arenas. The sanitizers have an operator of
// their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void* operator new(size_t size) { return qw::allocate_checked(size); }
void operator delete(void* bytes) noexcept { std::free(bytes); }
void operator delete(void* bytes, size_t) noexcept { std::free(bytes); }
#endif
