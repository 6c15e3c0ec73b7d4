// Listener: see listener.h.
#include "src/pgwire/listener.h"

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "src/pgwire/connection.h"

namespace qw::pgwire {

// The listening socket is a handler like any other.
class Listener::Acceptor final : public net::Handler {
 public:
  Acceptor(Listener& listener, Database& database) : listener_(&listener), database_(&database) {}
  int fd() const override { return listener_->socket_.fd(); }
  bool ready() override {
    while (true) {
      net::Socket socket = net::accept_connection(listener_->socket_);
      if (!socket.valid()) return true;
      listener_->reactor_.add(
          std::make_unique<Connection>(*database_, std::move(socket), listener_->stopping_));
    }
  }

 private:
  Listener* listener_;
  Database* database_;
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
