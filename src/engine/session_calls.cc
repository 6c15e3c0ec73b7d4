// SessionCalls: see session_calls.h.
#include "src/engine/session_calls.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>

#include "src/engine/database_impl.h"
#include "src/engine/session.h"

namespace qw::engine {

std::optional<std::string> SessionCalls::setting(std::string_view name) {
  return session_->settings().find(name);
}

Result<std::string> SessionCalls::set_setting(std::string_view name, std::string_view value,
                                              bool local) {
  QW_TRY(session_->settings().set(name, value, local));
  return session_->settings().show(name);
}

bool SessionCalls::cancel(int32_t pid, bool terminate) {
  return session_->database().cancel_backend(pid, terminate);
}

Result<void> SessionCalls::sleep(double seconds) {
  constexpr int64_t kSliceUs = 20'000;  // how soon a cancel is seen
  Clock& clock = session_->database().clock();
  std::mutex mutex;
  std::condition_variable never;
  const int64_t until = clock.monotonic_us() + static_cast<int64_t>(std::max(seconds, 0.0) * 1e6);
  while (true) {
    if (session_->cancelled()) return fail(session_->cancel_error());
    const int64_t left = until - clock.monotonic_us();
    if (left <= 0) return {};
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::microseconds(std::min(left, kSliceUs)));
  }
}

int64_t SessionCalls::stored_bytes(ObjectId relation) {
  const auto snapshot = session_->database().store().snapshot();
  return snapshot ? static_cast<int64_t>(snapshot->approximate_bytes(relation)) : 0;
}

int64_t SessionCalls::database_bytes() {
  const auto snapshot = session_->database().store().snapshot();
  if (!snapshot) return 0;
  int64_t bytes = 0;
  for (const auto& [id, layout] : session_->database().definitions().view()->layouts) {
    bytes += static_cast<int64_t>(snapshot->approximate_bytes(id));
  }
  return bytes;
}

int64_t SessionCalls::started_us() { return session_->database().started_us(); }

Result<bool> SessionCalls::lock(int64_t key, bool wait, bool until_commit) {
  using Life = AdvisoryLocks::Life;
  const auto outcome = session_->database().advisory_locks().take(
      session_->backend_pid(), key, until_commit ? Life::transaction : Life::session, wait,
      session_->cancelled());
  if (outcome == AdvisoryLocks::Outcome::cancelled) return fail(session_->cancel_error());
  return outcome == AdvisoryLocks::Outcome::taken;
}

bool SessionCalls::unlock(int64_t key) {
  const bool held = session_->database().advisory_locks().release(session_->backend_pid(), key);
  if (!held) {
    session_->notice(
        {"WARNING", Error(SqlState("01000"), "you don't own a lock of type ExclusiveLock")});
  }
  return held;
}

void SessionCalls::unlock_all() {
  session_->database().advisory_locks().release_all(session_->backend_pid());
}

}  // namespace qw::engine
