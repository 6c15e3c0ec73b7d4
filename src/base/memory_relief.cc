// MemoryRelief: see memory_relief.h.
#include "src/base/memory_relief.h"

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace qw {
namespace {

using std::chrono::steady_clock;
constexpr std::chrono::milliseconds kPause{20};

struct Entry {
  std::function<void()> free_kept;
  steady_clock::time_point over = steady_clock::time_point::min();  // when it was called last
  int calls = 0;                                                    // under way
};

struct Registry {
  std::mutex mutex;
  std::condition_variable idle;
  std::map<const MemoryBudget*, Entry> entries;

  static Registry& instance() {
    static Registry registry;
    return registry;
  }
};

}  // namespace

MemoryRelief::MemoryRelief(const MemoryBudget& budget, std::function<void()> free_kept)
    : budget_(&budget) {
  Registry& registry = Registry::instance();
  const std::lock_guard lock(registry.mutex);
  registry.entries[budget_].free_kept = std::move(free_kept);
}

MemoryRelief::~MemoryRelief() {
  Registry& registry = Registry::instance();
  std::unique_lock lock(registry.mutex);
  registry.idle.wait(lock, [&] { return registry.entries[budget_].calls == 0; });
  registry.entries.erase(budget_);
}

bool MemoryRelief::call(const MemoryBudget& budget) {
  Registry& registry = Registry::instance();
  std::unique_lock lock(registry.mutex);
  const auto found = registry.entries.find(&budget);
  if (found == registry.entries.end()) return false;
  Entry& entry = found->second;
  if (entry.calls == 0 && entry.over > steady_clock::now() - kPause) return false;
  ++entry.calls;
  lock.unlock();
  entry.free_kept();
  lock.lock();
  entry.over = steady_clock::now();
  if (--entry.calls == 0) registry.idle.notify_all();
  return true;
}

}  // namespace qw
