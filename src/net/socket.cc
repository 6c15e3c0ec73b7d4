// Socket: see socket.h.
#include "src/net/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace qw::net {
namespace {

constexpr size_t kReadBytes = 32 << 10;  // room for at least so many
constexpr size_t kBufferKeptBytes = 256 << 10;

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Socket::~Socket() { close(); }

void Socket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool Socket::wait_readable(int wait_ms) const {
  pollfd waiting{fd_, POLLIN, 0};
  return ::poll(&waiting, 1, wait_ms) > 0;
}

std::optional<size_t> Socket::read(char* into, size_t bytes_max) {
  ssize_t got = 0;
  do {
    got = ::recv(fd_, into, bytes_max, 0);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return static_cast<size_t>(got);
  if (got < 0 && errno == EAGAIN) return 0;
  return std::nullopt;
}

void ReadBuffer::use_up(size_t count) {
  begin_ += count;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  // What one large message needed is not kept for the small ones.
  if (size_ > kBufferKeptBytes) {
    memory_.reset();
    size_ = 0;
  }
}

bool ReadBuffer::fill(Socket& socket, bool& drained) {
  if (size_ - end_ < kReadBytes) {
    const size_t held = end_ - begin_;
    const size_t size = std::max(2 * kReadBytes, held > size_ / 2 ? 2 * size_ : size_);
    if (size != size_) {
      std::unique_ptr<char[]> larger(new char[size]);  // not cleared
      std::copy_n(memory_.get() + begin_, held, larger.get());
      memory_ = std::move(larger);
      size_ = size;
    } else {
      std::memmove(memory_.get(), memory_.get() + begin_, held);
    }
    begin_ = 0;
    end_ = held;
  }
  const size_t room = size_ - end_;
  const auto got = socket.read(memory_.get() + end_, room);
  if (!got) return false;
  end_ += *got;
  drained = *got < room;
  return true;
}

bool Socket::write_all(std::string_view bytes, const std::atomic<bool>& stopped) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    pollfd waiting{fd_, POLLOUT, 0};
    ::poll(&waiting, 1, 100);
    if (stopped) return false;
  }
  return true;
}

Result<Socket> listen_tcp(const std::string& address, uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int code = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (code != 0) {
    return fail(invalid_parameter_value(
        fmt::format("cannot listen on \"{}\": {}", address, gai_strerror(code))));
  }
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool bound = ::bind(socket.fd(), found->ai_addr, found->ai_addrlen) == 0 &&
                     ::listen(socket.fd(), 1024) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (!bound) {
    return fail(
        system_error(fmt::format("cannot listen on {}:{}: {}", address, port, std::strerror(error)))
            .with_hint("Choose another --port, or 0 for a free one."));
  }
  return socket;
}

Result<uint16_t> local_port(const Socket& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return fail(system_error("getsockname failed"));
  }
  const uint16_t port = address.ss_family == AF_INET6
                            ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                            : reinterpret_cast<sockaddr_in*>(&address)->sin_port;
  return ntohs(port);
}

Gate::Gate(const Socket& listener, std::function<void(Socket&)> farewell)
    : listener_(&listener), farewell_(std::move(farewell)) {}

Socket Gate::next() {
  if (!reserve_.valid()) reserve_ = Socket(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  while (true) {
    Socket socket(::accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.valid()) {
      const int on = 1;
      ::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      ::setsockopt(socket.fd(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
      return socket;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if ((errno != EMFILE && errno != ENFILE) || !turn_away()) return socket;
  }
}

// False: there is nobody, or no descriptor even for this.
bool Gate::turn_away() {
  if (!reserve_.valid()) return false;
  reserve_.close();
  Socket socket(::accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const bool came = socket.valid();
  if (came) {
    farewell_(socket);
    ::shutdown(socket.fd(), SHUT_WR);
    socket.close();
  }
  reserve_ = Socket(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  return came;
}

bool is_loopback(const std::string& address) {
  return address == "localhost" || address == "::1" || address.starts_with("127.");
}

}  // namespace qw::net
