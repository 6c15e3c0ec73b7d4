// StopSignal: see stop_signal.h.
#include "ingest/stop_signal.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace qw::ingest {

StopSignal::StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
StopSignal::~StopSignal() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> StopSignal::usable() const {
  if (fd_ >= 0) return {};
  return fail(Error("53000", "out of file descriptors")
                  .with_hint("Raise the limit of open files (ulimit -n), or close connections."));
}

void StopSignal::raise() {
  raised_.store(true);
  const uint64_t one = 1;
  static_cast<void>(!::write(fd_, &one, sizeof one));  // full means raised already
}

void StopSignal::clear() {
  uint64_t count = 0;
  static_cast<void>(!::read(fd_, &count, sizeof count));
  raised_.store(false);
}

bool StopSignal::wait(std::chrono::milliseconds time) const {
  pollfd one{fd_, POLLIN, 0};
  ::poll(&one, 1, static_cast<int>(time.count()));
  return raised();
}

bool StopSignal::wait_drain(std::chrono::milliseconds time) {
  pollfd one{fd_, POLLIN, 0};
  ::poll(&one, 1, static_cast<int>(time.count()));
  if (raised()) return true;
  uint64_t count = 0;
  static_cast<void>(!::read(fd_, &count, sizeof count));
  // A raise() between the two must stay visible to others that poll.
  if (raised()) raise();
  return raised();
}

}  // namespace qw::ingest
