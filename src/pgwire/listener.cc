// Listener: see listener.h.
#include "src/pgwire/listener.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "src/base/bytes.h"
#include "src/pgwire/connection.h"
#include "src/pgwire/message.h"

namespace qw::pgwire {

// The listening socket is a handler like any other.
class Listener::Acceptor final : public net::Handler {
 public:
  Acceptor(Listener& listener, Database& database)
      : listener_(&listener), database_(&database), gate_(listener.socket_, &no_room) {}
  int fd() const override { return listener_->socket_.fd(); }
  bool ready() override {
    while (true) {
      net::Socket socket = gate_.next();
      if (!socket.valid()) return true;
      listener_->reactor_.add(
          std::make_unique<Connection>(*database_, std::move(socket), listener_->stopping_));
    }
  }

 private:
  // Clients believe an error only after their startup packet; before it they may ask for
  // encryption.
  static void no_room(net::Socket& socket) {
    constexpr int kWaitMs = 500;
    constexpr uint32_t kSslRequest = 80877103, kGssRequest = 80877104;
    std::string message;
    write_error(message, 'E', "FATAL",
                too_many_connections("sorry, too many clients already")
                    .with_detail("The server process has reached its limit of open files.")
                    .with_hint("Raise it (ulimit -n), or close connections."));
    const std::atomic<bool> never = true;  // what a client does not take at once is not waited for
    for (int asked = 0; asked < 3 && socket.wait_readable(kWaitMs); ++asked) {
      std::array<char, 1024> bytes{};
      const auto size = socket.read(bytes.data(), bytes.size());
      if (!size) return;
      const bool encrypts = *size == 8 && (load_be<uint32_t>(bytes.data() + 4) == kSslRequest ||
                                           load_be<uint32_t>(bytes.data() + 4) == kGssRequest);
      socket.write_all(encrypts ? "N" : std::string_view(message), never);
      if (!encrypts) return;
    }
  }

  Listener* listener_;
  Database* database_;
  net::Gate gate_;
};

Result<std::unique_ptr<Listener>> Listener::start(Database& database, const std::string& address,
                                                  uint16_t port) {
  std::unique_ptr<Listener> listener(new Listener());
  QW_ASSIGN_OR_RETURN(listener->socket_, net::listen_tcp(address, port));
  QW_ASSIGN_OR_RETURN(listener->port_, net::local_port(listener->socket_));
  const long cores = std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN));
  QW_TRY(listener->reactor_.start(static_cast<uint32_t>(cores)));
  listener->reactor_.add(std::make_unique<Acceptor>(*listener, database));
  return listener;
}

Listener::~Listener() { stop(); }

void Listener::stop() {
  if (stopping_.exchange(true)) return;
  reactor_.stop();
  socket_.close();
}

}  // namespace qw::pgwire
