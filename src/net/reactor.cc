// Reactor: see reactor.h.
#include "src/net/reactor.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

namespace qw::net {

Handler::~Handler() = default;

Reactor::Reactor() = default;

Reactor::~Reactor() {
  stop();
  if (wake_ >= 0) ::close(wake_);
  if (epoll_ >= 0) ::close(epoll_);
}

Result<void> Reactor::start(uint32_t workers) {
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (epoll_ < 0 || wake_ < 0) return fail(system_error("cannot make an epoll set"));
  epoll_event event{};
  event.events = EPOLLIN;  // level-triggered: wakes every worker at stop
  event.data.ptr = nullptr;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, wake_, &event);
  workers_base_ = workers;
  for (uint32_t i = 0; i < workers; ++i) start_worker();
  return {};
}

void Reactor::start_worker() {
  const std::lock_guard lock(mutex_);
  if (workers_ >= kWorkersMax || stopping_) return;
  ++workers_;
  ++idle_;
  threads_.emplace_back("qw-wire", [this] { work(); });
}

void Reactor::add(std::unique_ptr<Handler> handler) {
  Handler* added = handler.get();
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    handlers_.emplace(added, std::move(handler));
  }
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
  event.data.ptr = added;
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, added->fd(), &event);
}

void Reactor::remove(Handler* handler) {
  std::unique_ptr<Handler> gone;
  const std::lock_guard lock(mutex_);
  const auto found = handlers_.find(handler);
  if (found == handlers_.end()) return;
  gone = std::move(found->second);
  handlers_.erase(found);
}

void Reactor::work() {
  while (!stopping_) {
    epoll_event event{};
    const int count = ::epoll_wait(epoll_, &event, 1, -1);
    if (count <= 0) {
      if (count < 0 && errno != EINTR) break;
      continue;
    }
    auto* handler = static_cast<Handler*>(event.data.ptr);
    if (handler == nullptr) break;  // stop
    if (--idle_ == 0) start_worker();
    if (handler->ready()) {
      event.events = EPOLLIN | EPOLLRDHUP | EPOLLONESHOT;
      ::epoll_ctl(epoll_, EPOLL_CTL_MOD, handler->fd(), &event);
    } else {
      remove(handler);
    }
    // More idle workers than cores need: this one goes; its Thread is joined at stop.
    if (++idle_ > workers_base_ + 1) {
      const std::lock_guard lock(mutex_);
      if (workers_ > workers_base_) {
        --workers_;
        --idle_;
        return;
      }
    }
  }
}

void Reactor::stop() {
  if (stopping_.exchange(true)) return;
  if (wake_ >= 0) {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
  }
  std::list<Thread> threads;
  {
    const std::lock_guard lock(mutex_);
    threads.swap(threads_);
  }
  threads.clear();  // joins
  const std::lock_guard lock(mutex_);
  handlers_.clear();
}

size_t Reactor::connections() const {
  const std::lock_guard lock(mutex_);
  return handlers_.size();
}

}  // namespace qw::net
