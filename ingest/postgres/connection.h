// PgConnection: one libpq connection whose waits end when the source is asked to stop.
//
// Every wait polls the socket and a StopSignal. Session settings that change text output are pinned
// at connect, on walsenders as well: a role's or database's defaults would change the stream.
// Externally synchronised. Tests: tests/peers/ingest/.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/source.h"
#include "ingest/stop_signal.h"
#include "src/base/result.h"

struct pg_conn;
struct pg_result;

namespace qw::ingest {

// An answer with rows as text.
class PgAnswer {
 public:
  explicit PgAnswer(pg_result* result) : result_(result) {}
  int rows() const;
  bool is_null(int row, int column) const;
  std::string text(int row, int column) const;
  int64_t number(int row, int column) const;
  bool flag(int row, int column) const { return text(row, column) == "t"; }

 private:
  struct Clear {
    void operator()(pg_result* result) const;
  };
  std::unique_ptr<pg_result, Clear> result_;
};

struct PgTarget {
  std::vector<std::pair<std::string, std::string>> parameters;  // libpq's names
  std::string application_name;
  std::chrono::milliseconds connect_timeout{10'000};
  std::set<std::string> secrets;
};

// Reads the connection options of a source; files or PEM text become parameters.
Result<PgTarget> pg_target(const SourceConfig& config);

class PgConnection {
 public:
  enum class Mode : uint8_t { normal, replication };
  static Result<std::unique_ptr<PgConnection>> open(const PgTarget& target, Mode mode,
                                                    const StopSignal& stop);
  PgConnection(const PgConnection&) = delete;
  PgConnection& operator=(const PgConnection&) = delete;
  ~PgConnection();

  // `waiting` is called once a second while there is no answer.
  Result<PgAnswer> query(const std::string& sql, const std::function<void()>& waiting = {});
  // After a query that starts COPY: rows until false. A row is valid until the next call.
  Result<void> start_copy(const std::string& sql);
  enum class Read : uint8_t { row, nothing_yet, end };
  // Never waits.
  Result<Read> read_copy(std::string_view& row);
  // After Read::end: the final status of the command.
  Result<void> finish_copy();
  Result<void> write_copy(std::string_view bytes);
  // Waits until bytes come, `time` is over, or the stop signal (an error 57014). While copied bytes
  // pour in, it lets them gather for a millisecond.
  Result<void> wait_readable(std::chrono::milliseconds time);

  int server_version() const;
  std::string quote_name(std::string_view name) const;
  std::string quote_text(std::string_view text) const;

 private:
  PgConnection(pg_conn* connection, const PgTarget& target, const StopSignal& stop);
  Error error_of(pg_result* result) const;
  Error connection_error() const;
  Result<bool> poll(short events, std::chrono::milliseconds time) const;

  pg_conn* connection_;
  const std::set<std::string> secrets_;
  const StopSignal& stop_;
  char* copy_row_ = nullptr;
  // Bytes of copied rows since then, and whether the last such stretch had many.
  std::chrono::steady_clock::time_point stretch_began_;
  uint64_t stretch_bytes_ = 0;
  bool pouring_ = false;
};

// A lost connection, a restarting server, too many connections: worth another try. Everything that
// does not say otherwise is.
bool is_transient(const Error& error);

}  // namespace qw::ingest
