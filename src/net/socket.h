// Socket: an owned file descriptor, and the few calls that the wire needs.
//
// Reads never wait; write_all() waits for the peer, in slices, so that `stopped` is looked at.
// One thread at a time. Tests: tests/unit/net/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace qw::net {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  int fd() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void close();

  // Waits for bytes, or for the end; false when `wait_ms` have passed.
  bool wait_readable(int wait_ms) const;
  // How many bytes were read, 0 = there are none now; nothing: the peer is gone.
  std::optional<size_t> read(char* into, size_t bytes_max);
  // Sends everything; false when the peer is gone, or `stopped` turned true while it did not read.
  bool write_all(std::string_view bytes, const std::atomic<bool>& stopped);

 private:
  int fd_ = -1;
};

// Bytes read and not yet used up, in memory that is kept and never cleared.
class ReadBuffer {
 public:
  std::string_view bytes() const { return {memory_.get() + begin_, end_ - begin_}; }
  void use_up(size_t count);
  // Reads once. `drained`: nothing was left behind. False: the peer is gone.
  bool fill(Socket& socket, bool& drained);

 private:
  std::unique_ptr<char[]> memory_;
  size_t size_ = 0, begin_ = 0, end_ = 0;
};

// A listening TCP socket; port 0 takes a free one.
Result<Socket> listen_tcp(const std::string& address, uint16_t port);
Result<uint16_t> local_port(const Socket& socket);

// Takes connections from a listening socket. Keeps one descriptor in reserve, so that clients are
// told when the process has no more of them, instead of waiting for ever.
class Gate {
 public:
  // `farewell` talks to a client who cannot be served; then the connection is closed.
  Gate(const Socket& listener, std::function<void(Socket&)> farewell);
  // The next connection, non-blocking and without Nagle; invalid when there is none.
  Socket next();

 private:
  bool turn_away();

  const Socket* listener_;
  const std::function<void(Socket&)> farewell_;
  Socket reserve_;
};

// 127.0.0.0/8, ::1 or localhost.
bool is_loopback(const std::string& address);

}  // namespace qw::net
