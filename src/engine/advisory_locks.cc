// AdvisoryLocks: see advisory_locks.h.
#include "src/engine/advisory_locks.h"

#include <chrono>

namespace qw::engine {
namespace {

// How soon a waiting session sees that it has been cancelled.
constexpr std::chrono::milliseconds kLookEvery(20);

}  // namespace

AdvisoryLocks::Outcome AdvisoryLocks::take(int32_t owner, int64_t key, Life life, bool wait,
                                           const std::atomic<bool>& cancelled) {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto found = held_.find(key);
    if (found == held_.end() || found->second.owner == owner) break;
    if (!wait) return Outcome::busy;
    if (cancelled) return Outcome::cancelled;
    freed_.wait_for(lock, kLookEvery);
  }
  Held& held = held_[key];
  held.owner = owner;
  ++(life == Life::session ? held.session : held.transaction);
  return Outcome::taken;
}

bool AdvisoryLocks::release(int32_t owner, int64_t key) {
  const std::lock_guard lock(mutex_);
  const auto found = held_.find(key);
  if (found == held_.end() || found->second.owner != owner || found->second.session == 0) {
    return false;
  }
  --found->second.session;
  if (found->second.session + found->second.transaction == 0) held_.erase(found);
  freed_.notify_all();
  return true;
}

void AdvisoryLocks::drop(int32_t owner, uint32_t Held::*count) {
  for (auto& [key, held] : held_) {
    if (held.owner == owner) held.*count = 0;
  }
  std::erase_if(held_, [](const auto& entry) {
    return entry.second.session + entry.second.transaction == 0;
  });
}

void AdvisoryLocks::release_all(int32_t owner) {
  const std::lock_guard lock(mutex_);
  drop(owner, &Held::session);
  freed_.notify_all();
}

void AdvisoryLocks::end_transaction(int32_t owner) {
  const std::lock_guard lock(mutex_);
  drop(owner, &Held::transaction);
  freed_.notify_all();
}

}  // namespace qw::engine
