// Connection: one client of the wire protocol: start-up, simple and extended queries, COPY.
//
// Replies gather in one buffer that goes out when the input is used up, at Flush and Sync, or when
// it has grown to 64 KiB: so pipelined messages are answered in order and a client that reads
// slowly holds up its own query only. After an error in the extended protocol everything up to Sync
// is skipped. One thread at a time (the reactor's). Tests: tests/unit/pgwire/, tests/e2e/.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/net/reactor.h"
#include "src/net/socket.h"
#include "src/pgwire/message.h"
#include "src/quickwater.h"

namespace qw::pgwire {

class Connection final : public net::Handler {
 public:
  Connection(Database& database, net::Socket socket, const std::atomic<bool>& stopping);
  ~Connection() override;

  int fd() const override { return socket_.fd(); }
  bool ready() override;

 private:
  // A portal of the protocol, with the batch it is in the middle of.
  struct OpenPortal {
    std::unique_ptr<Portal> portal;
    std::vector<int16_t> formats;  // one per column
    Batch batch;
    uint32_t at = 0;       // rows of `batch` sent
    uint64_t sent = 0;     // rows of the running Execute
    bool holding = false;  // `batch` has rows left
    bool done = false;
    bool closed_by_copy = false;
  };
  enum class CopyMode : uint8_t { none, simple, extended };

  bool process_input();
  bool startup(std::string_view body);
  Result<void> start_session(std::string_view body);
  void send_greeting();
  bool handle(const Message& message);

  void simple_query(std::string_view body);
  void continue_script();
  void finish_script(bool failed);
  Result<void> parse_message(std::string_view body);
  Result<void> bind_message(std::string_view body);
  Result<void> describe_message(std::string_view body);
  Result<void> execute_message(std::string_view body);
  Result<void> close_message(std::string_view body);
  void sync_message();
  void copy_message(const Message& message);

  // Runs a portal to its end or `rows_max` (0 = all) and writes rows and the closing message.
  // False: the portal is a COPY FROM and waits for data.
  Result<bool> run_portal(OpenPortal& portal, uint32_t rows_max, bool describe);
  Result<void> send_rows(OpenPortal& portal, uint32_t rows_max, bool& suspended);
  Result<void> copy_out(Portal& portal);
  void send_row_description(const Schema& columns, const std::vector<int16_t>& formats);
  void send_row(const Batch& batch, uint32_t row, const std::vector<int16_t>& formats);
  void send_complete(const Portal& portal, uint64_t rows = 0);
  void send_copy_response(char type, const Portal& portal);
  void send_settings();
  void send_ready();
  void send_error(const Error& error, std::string_view severity = "ERROR");
  void extended_error(const Error& error);
  bool flush();
  bool flush_if_large();
  std::string& out() { return out_; }

  Database* database_;
  net::Socket socket_;
  const std::atomic<bool>* stopping_;
  std::unique_ptr<Session> session_;
  net::ReadBuffer in_;
  size_t in_at_ = 0;  // bytes of in_ handled, not used up yet
  std::string out_;
  std::map<std::string, OpenPortal, std::less<>> portals_;
  bool started_ = false, broken_ = false;
  bool skip_to_sync_ = false;
  CopyMode copy_ = CopyMode::none;
  bool copy_failed_ = false;
  std::string copy_portal_;
  std::shared_ptr<Session::Script> script_;
  size_t script_at_ = 0;
  OpenPortal script_portal_;
};

}  // namespace qw::pgwire
