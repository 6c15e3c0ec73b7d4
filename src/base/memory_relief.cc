// MemoryRelief: see memory_relief.h.
#include "src/base/memory_relief.h"

#include <utility>

namespace qw {
namespace {

constexpr std::chrono::milliseconds kPause{20};

}  // namespace

void MemoryRelief::set(std::function<void()> free_kept) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return calls_ == 0; });
  free_kept_ = std::move(free_kept);
}

bool MemoryRelief::call() {
  std::unique_lock lock(mutex_);
  if (!free_kept_) return false;
  if (calls_ == 0 && over_ > std::chrono::steady_clock::now() - kPause) return false;
  ++calls_;
  lock.unlock();
  free_kept_();  // stays what it is while a call is under way
  lock.lock();
  over_ = std::chrono::steady_clock::now();
  if (--calls_ == 0) idle_.notify_all();
  return true;
}

}  // namespace qw
