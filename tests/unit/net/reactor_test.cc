// Reactor: every byte is seen, one thread at a time, and a handler that waits holds up no other.
#include "src/net/reactor.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/thread.h"
#include "src/net/socket.h"

using qw::net::Handler;
using qw::net::Reactor;
using qw::net::ReadBuffer;
using qw::net::Socket;

namespace {

// Answers every byte with itself; 'w' waits first, 'e' says so and waits.
class Echo final : public Handler {
 public:
  Echo(Socket socket, std::shared_future<void> gate, std::atomic<int>* closed)
      : socket_(std::move(socket)), gate_(std::move(gate)), closed_(closed) {}
  ~Echo() override { ++*closed_; }
  int fd() const override { return socket_.fd(); }
  bool ready() override {
    CHECK(!running_.exchange(true));
    const bool open = answer();
    running_ = false;
    return open;
  }

 private:
  bool answer() {
    for (bool drained = false; !drained;) {
      if (!in_.fill(socket_, drained)) return false;
      const std::string bytes(in_.bytes());
      in_.use_up(bytes.size());
      for (const char byte : bytes) {
        if (byte == 'e') Reactor::expect_wait();
        if (byte == 'e' || byte == 'w') gate_.wait();
      }
      if (!socket_.write_all(bytes, stopped_)) return false;
    }
    return true;
  }

  Socket socket_;
  ReadBuffer in_;
  std::shared_future<void> gate_;
  std::atomic<int>* closed_;
  std::atomic<bool> running_ = false;
  const std::atomic<bool> stopped_ = false;
};

struct Fixture {
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  std::atomic<int> closed = 0;
  Reactor reactor;

  explicit Fixture(uint32_t shards) { REQUIRE(reactor.start(shards)); }
  // The client's end, blocking.
  int connect() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
    const timeval limit{20, 0};
    ::setsockopt(fds[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    REQUIRE(::fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0);
    reactor.add(std::make_unique<Echo>(Socket(fds[0]), opened, &closed));
    return fds[1];
  }
};

void send(int fd, const std::string& bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
}

std::string receive(int fd, size_t size) {
  std::string bytes(size, '\0');
  const ssize_t got = ::recv(fd, bytes.data(), size, MSG_WAITALL);
  bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return bytes;
}

}  // namespace

TEST_CASE("many connections on few shards each get their own bytes back") {
  Fixture fixture(2);
  std::vector<qw::Thread> clients;
  std::atomic<int> wrong = 0;
  for (int client = 0; client < 6; ++client) {
    const int fd = fixture.connect();
    clients.emplace_back("client", [&, fd, client] {
      for (int i = 0; i < 300; ++i) {
        const std::string bytes(1 + static_cast<size_t>(i % 7), static_cast<char>('A' + client));
        send(fd, bytes);
        if (receive(fd, bytes.size()) != bytes) ++wrong;
      }
      ::close(fd);
    });
  }
  for (qw::Thread& client : clients) client.join();
  CHECK(wrong == 0);
  while (fixture.reactor.connections() != 0) std::this_thread::yield();
  CHECK(fixture.closed == 6);
}

// With one shard all connections are one thread's until it waits.
TEST_CASE("a handler that waits holds up no other connection") {
  for (const char* wait : {"e", "w"}) {
    CAPTURE(wait);
    Fixture fixture(1);
    std::vector<int> waiting;
    for (int i = 0; i < 5; ++i) {
      waiting.push_back(fixture.connect());
      send(waiting.back(), wait);
    }
    const int other = fixture.connect();
    send(other, "x");
    CHECK(receive(other, 1) == "x");
    // What comes while a handler runs is handled once it is done, by the same thread.
    for (const int fd : waiting) send(fd, "y");
    fixture.gate.set_value();
    for (const int fd : waiting) {
      CHECK(receive(fd, 2) == std::string(wait) + "y");
      ::close(fd);
    }
    ::close(other);
  }
}

TEST_CASE("a connection that is closed while its handler waits goes when the handler is done") {
  Fixture fixture(1);
  const int gone = fixture.connect(), other = fixture.connect();
  send(gone, "w");
  ::close(gone);
  send(other, "x");
  CHECK(receive(other, 1) == "x");
  CHECK(fixture.closed == 0);
  fixture.gate.set_value();
  while (fixture.closed != 1) std::this_thread::yield();
  send(other, "x");
  CHECK(receive(other, 1) == "x");
  ::close(other);
}

TEST_CASE("stop waits for handlers and closes every connection") {
  Fixture fixture(2);
  const int waiting = fixture.connect(), idle = fixture.connect();
  send(waiting, "w");
  send(idle, "x");
  CHECK(receive(idle, 1) == "x");
  qw::Thread opener("opener", [&] { fixture.gate.set_value(); });
  fixture.reactor.stop();
  opener.join();
  CHECK(fixture.closed == 2);
  CHECK(receive(idle, 1).empty());
  ::close(waiting);
  ::close(idle);
}
