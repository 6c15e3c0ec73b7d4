// ReadBuffer: bytes come out in order, however they came in and were used up.
#include "src/net/socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <string>

#include <doctest/doctest.h>

#include "src/base/thread.h"

using qw::net::ReadBuffer;
using qw::net::Socket;

namespace {

struct Pair {
  Socket ours, peer;
  Pair() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data()) == 0);
    ours = Socket(fds[0]);
    peer = Socket(fds[1]);
  }
};

std::string numbered(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i * i % 23);
  return text;
}

}  // namespace

TEST_CASE("a read buffer keeps what is not used up, and grows for a large message") {
  Pair pair;
  const std::string sent = numbered(3 << 20);
  qw::Thread writer("writer", [&] {
    const std::atomic<bool> stopped = false;
    CHECK(pair.peer.write_all(sent, stopped));
    pair.peer.close();
  });
  ReadBuffer buffer;
  std::string got;
  bool drained = false;
  // Small pieces at first, then nothing is taken until more than a megabyte lies there.
  while (buffer.fill(pair.ours, drained)) {
    const size_t held = buffer.bytes().size();
    const size_t wanted = got.size() < 100'000 ? std::min<size_t>(held, 777) : size_t{0};
    const size_t count = held > 1'200'000 ? held - 5 : wanted;
    got += buffer.bytes().substr(0, count);
    buffer.use_up(count);
  }
  got += buffer.bytes();
  writer.join();
  CHECK(got == sent);
}

TEST_CASE("a read buffer says whether the socket was drained") {
  Pair pair;
  const std::atomic<bool> stopped = false;
  REQUIRE(pair.peer.write_all("hello", stopped));
  ReadBuffer buffer;
  bool drained = false;
  REQUIRE(buffer.fill(pair.ours, drained));
  CHECK(drained);
  CHECK(buffer.bytes() == "hello");
}
