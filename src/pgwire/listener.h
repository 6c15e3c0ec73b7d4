// Listener: accepts connections and gives each to the reactor.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "src/base/thread.h"
#include "src/net/reactor.h"
#include "src/net/socket.h"
#include "src/quickwater.h"

namespace qw::pgwire {

class Listener {
 public:
  // Listens on return. `database` must outlive the listener.
  static Result<std::unique_ptr<Listener>> start(Database& database, const std::string& address,
                                                 uint16_t port);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener();
  uint16_t port() const { return port_; }
  // No new connections; those that are idle get 57P01, running statements are cancelled by the
  // database. Returns when all threads are gone.
  void stop();

 private:
  class Acceptor;
  Listener() = default;

  net::Socket socket_;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  net::Reactor reactor_;
};

}  // namespace qw::pgwire
