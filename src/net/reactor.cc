// Reactor: see reactor.h.
#include "src/net/reactor.h"

#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>

namespace qw::net {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kEvents = 64;
constexpr size_t kWorkersMax = 1024;
constexpr auto kStayAwake = std::chrono::microseconds(50);
constexpr uint32_t kStayAwakeSkipsMax = 64;
constexpr auto kTick = std::chrono::milliseconds(5);
constexpr uint32_t kQuietTicks = 10;

}  // namespace

Handler::~Handler() = default;

// A handler and who runs it.
struct Reactor::Connection {
  enum class State : uint8_t { idle, running, again, closed };
  std::atomic<State> state = State::idle;
  std::unique_ptr<Handler> handler;
  Shard* shard = nullptr;
};

struct Reactor::Shard {
  ~Shard() {
    if (epoll >= 0) ::close(epoll);
  }

  int epoll = -1;
  // Odd while the owner runs a handler. Whoever makes it even ends that: the owner when the handler
  // returns, or the one who takes the shard over; the other then sees that it came too late.
  std::atomic<uint64_t> turn = 0;
  std::atomic<uint32_t> size = 0;  // connections

  // The owner's, handed over through `turn`.
  std::array<epoll_event, kEvents> events{};
  size_t count = 0, at = 0;
  uint32_t misses = 0, skips = 0;  // of staying awake: in a row; to be left out

  // Closed connections: freed by the owner once it has no event in hand that could name them.
  std::mutex closed_mutex;
  std::vector<std::unique_ptr<Connection>> closed;
};

struct Reactor::Worker {
  Reactor* reactor = nullptr;
  Shard* shard = nullptr;  // owned; null = spare. Under mutex_ while spare
  uint64_t turn = 0;       // of the shard while it runs a handler
  std::condition_variable wake;
  Thread thread;
  // The worker whose thread this is.
  static thread_local Worker* current;
};

thread_local Reactor::Worker* Reactor::Worker::current = nullptr;

Reactor::Reactor() = default;

Reactor::~Reactor() {
  stop();
  if (stop_event_ >= 0) ::close(stop_event_);
}

Result<void> Reactor::start(uint32_t shards) {
  stop_event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  for (uint32_t i = 0; i < shards; ++i) {
    auto shard = std::make_unique<Shard>();
    shard->epoll = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;  // level-triggered: wakes every owner at stop
    event.data.ptr = nullptr;
    if (stop_event_ < 0 || shard->epoll < 0 ||
        ::epoll_ctl(shard->epoll, EPOLL_CTL_ADD, stop_event_, &event) != 0) {
      return fail(system_error("cannot make an epoll set"));
    }
    shards_.push_back(std::move(shard));
  }
  const std::lock_guard lock(mutex_);
  for (const auto& shard : shards_) start_worker(shard.get());
  watch_ = Thread("qw-wire-watch", [this] { watch(); });
  return {};
}

void Reactor::start_worker(Shard* shard) {
  auto worker = std::make_unique<Worker>();
  worker->reactor = this;
  worker->shard = shard;
  Worker& started = *worker;
  workers_.push_back(std::move(worker));
  started.thread = Thread("qw-wire", [this, &started] { work(started); });
}

void Reactor::add(std::unique_ptr<Handler> handler) {
  auto connection = std::make_unique<Connection>();
  connection->handler = std::move(handler);
  Shard& shard = **std::min_element(shards_.begin(), shards_.end(), [](auto& a, auto& b) {
    return a->size.load() < b->size.load();
  });
  connection->shard = &shard;
  epoll_event event{};
  event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
  event.data.ptr = connection.get();
  const int fd = connection->handler->fd();
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  ++shard.size;
  connections_.emplace(connection.get(), std::move(connection));
  // Events may come as soon as this returns.
  ::epoll_ctl(shard.epoll, EPOLL_CTL_ADD, fd, &event);
}

void Reactor::close(Connection& connection) {
  Shard& shard = *connection.shard;
  connection.handler.reset();  // closes its socket: no event comes any more
  std::unique_ptr<Connection> gone;
  {
    const std::lock_guard lock(mutex_);
    const auto found = connections_.find(&connection);
    gone = std::move(found->second);
    connections_.erase(found);
  }
  --shard.size;
  const std::lock_guard lock(shard.closed_mutex);
  shard.closed.push_back(std::move(gone));
}

void Reactor::run(Connection& connection) {
  using State = Connection::State;
  State state = State::idle;
  while (!connection.state.compare_exchange_weak(state, State::running)) {
    if (state == State::again || state == State::closed) return;
    if (state == State::running && connection.state.compare_exchange_weak(state, State::again)) {
      return;  // on another thread, which looks again
    }
    state = State::idle;
  }
  while (true) {
    if (!connection.handler->ready()) {
      connection.state = State::closed;
      return close(connection);
    }
    state = State::running;
    if (connection.state.compare_exchange_strong(state, State::idle)) return;
    connection.state = State::running;
  }
}

bool Reactor::wait_for_events(Shard& shard) {
  {
    const std::lock_guard lock(shard.closed_mutex);
    shard.closed.clear();
  }
  shard.at = shard.count = 0;
  const auto poll = [&](int timeout_ms) {
    const int count = ::epoll_wait(shard.epoll, shard.events.data(), kEvents, timeout_ms);
    shard.count = count > 0 ? static_cast<size_t>(count) : 0;
    return count >= 0 || errno == EINTR;
  };
  if (shard.skips > 0) {
    --shard.skips;
  } else {
    const auto until = SteadyClock::now() + kStayAwake;
    do {
      if (!poll(0)) return false;
      if (shard.count > 0) {
        shard.misses = 0;
        return true;
      }
      ::sched_yield();
    } while (SteadyClock::now() < until);
    // The more often in vain, the more rarely.
    shard.misses = std::min(shard.misses + 1, 6U);
    shard.skips = std::min(1U << shard.misses, kStayAwakeSkipsMax);
  }
  return poll(-1);
}

void Reactor::serve(Worker& worker) {
  Shard& shard = *worker.shard;
  while (!stopping_) {
    if (shard.at == shard.count) {
      if (!wait_for_events(shard)) return;
      continue;
    }
    auto* connection = static_cast<Connection*>(shard.events[shard.at++].data.ptr);
    if (connection == nullptr) return;  // stop
    worker.turn = shard.turn.load(std::memory_order_relaxed) + 1;
    shard.turn = worker.turn;
    if (watch_asleep_) wake_watch();
    run(*connection);
    uint64_t turn = worker.turn;
    if (!shard.turn.compare_exchange_strong(turn, turn + 1)) return;  // it has another owner
  }
}

void Reactor::work(Worker& worker) {
  Worker::current = &worker;
  while (!stopping_) {
    serve(worker);
    std::unique_lock lock(mutex_);
    worker.shard = nullptr;
    spare_.push_back(&worker);
    worker.wake.wait(lock, [&] { return worker.shard != nullptr || stopping_; });
  }
}

bool Reactor::take_over(Shard& shard, uint64_t turn) {
  Worker* next = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || (spare_.empty() && workers_.size() >= kWorkersMax)) return false;
    if (!shard.turn.compare_exchange_strong(turn, turn + 1)) return false;
    if (spare_.empty()) {
      start_worker(&shard);
      return true;
    }
    next = spare_.back();
    spare_.pop_back();
    next->shard = &shard;
  }
  next->wake.notify_one();  // outside: the first thing it does is to lock
  return true;
}

void Reactor::expect_wait() {
  Worker* worker = Worker::current;
  if (worker == nullptr || worker->shard->size <= 1) return;
  worker->reactor->take_over(*worker->shard, worker->turn);
}

void Reactor::wake_watch() {
  {
    const std::lock_guard lock(watch_mutex_);
    watch_asleep_ = false;
  }
  watch_wake_.notify_one();
}

void Reactor::watch() {
  std::vector<uint64_t> seen(shards_.size());
  const auto changed = [&] {
    bool any = false;
    for (size_t i = 0; i < shards_.size(); ++i) {
      const uint64_t turn = shards_[i]->turn;
      any |= turn != seen[i] || turn % 2 == 1;
      if (turn == seen[i] && turn % 2 == 1 && shards_[i]->size > 1) take_over(*shards_[i], turn);
      seen[i] = turn;
    }
    return any;
  };
  uint32_t quiet = 0;
  std::unique_lock lock(watch_mutex_);
  while (!stopping_) {
    if (quiet >= kQuietTicks) {
      // Who enters a handler from now on sees the flag; who entered before is seen here.
      watch_asleep_ = true;
      if (!changed()) watch_wake_.wait(lock, [&] { return stopping_ || !watch_asleep_; });
      watch_asleep_ = false;
      quiet = 0;
    }
    watch_wake_.wait_for(lock, kTick, [&] { return stopping_.load(); });
    quiet = changed() ? 0 : quiet + 1;
  }
}

void Reactor::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_.exchange(true)) return;
    for (Worker* worker : spare_) worker->wake.notify_one();
  }
  if (stop_event_ >= 0) {
    const uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(stop_event_, &one, sizeof one);
  }
  { const std::lock_guard lock(watch_mutex_); }
  watch_wake_.notify_one();
  watch_.join();
  // No worker starts any more; handlers that run may still look at the list of connections.
  for (const auto& worker : workers_) worker->thread.join();
  const std::lock_guard lock(mutex_);
  connections_.clear();
}

size_t Reactor::connections() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

}  // namespace qw::net
