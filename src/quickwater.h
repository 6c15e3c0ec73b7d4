// Quickwater's public face: open a database, connect sessions, run SQL.
//
// Front ends (wire, shell, tests) and embedders use this header and nothing below it. A Database
// owns its threads and its data directory; several may live in one process. A Session is one
// client: used by one thread at a time, except cancel(). No exception crosses this header, no
// global state lies behind it. Tests: tests/unit/engine/.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "src/base/clock.h"
#include "src/base/error.h"
#include "src/base/result.h"
#include "src/types/batch.h"
#include "src/types/datum.h"
#include "src/types/text.h"

namespace qw {

// What a benchmark of view maintenance sets and reads; never a server.
struct Measurement {
  bool drop_source_rows = false;       // rows of sources go to the views over them and nowhere else
  bool drop_view_rows = false;         // what views give out is counted only
  bool epoch_per_transaction = false;  // transactions of sources are not put together
  std::atomic<bool> hold_sources = false;    // sources wait before they push
  std::atomic<bool> failed = false;          // the epoch loop has stopped
  std::atomic<uint64_t> rows_committed = 0;  // of sources
  std::atomic<uint64_t> view_rows = 0;       // changes that views gave out
};

struct DatabaseOptions {
  std::string data_dir = "quickwater-data";
  bool may_create = true;              // false: a directory without data is an error
  bool ephemeral = false;              // private temporary directory, gone at close
  size_t memory_limit_bytes = 0;       // 0 = half of the machine's memory
  size_t state_memory_bytes = 0;       // of it for states of views; 0 = three eighths
  Clock* clock = nullptr;              // nullptr = the system's; must outlive the database
  Measurement* measurement = nullptr;  // as the clock
  // Rows that a view being made reads per epoch; 0 = as suits what else goes on.
  uint64_t backfill_slice_rows = 0;
};

enum class TransactionStatus : char { idle = 'I', in_block = 'T', failed = 'E' };

struct Notice {
  std::string severity;  // NOTICE, WARNING, INFO
  Error error;           // its SQLSTATE, message, DETAIL and HINT
};

// One parsed, bound statement, ready to run many times. Shared by portals; replanned by itself when
// the catalogue has changed.
class Prepared {
 public:
  Prepared() = default;
  Prepared(const Prepared&) = delete;
  Prepared& operator=(const Prepared&) = delete;
  virtual ~Prepared();
  virtual std::span<const Type> parameters() const = 0;
  // Columns of the answer; empty and !returns_rows() for statements without one.
  virtual const Schema& columns() const = 0;
  virtual bool returns_rows() const = 0;
  virtual const std::string& sql() const = 0;
};

// A running statement.
class Portal {
 public:
  Portal() = default;
  Portal(const Portal&) = delete;
  Portal& operator=(const Portal&) = delete;
  virtual ~Portal();
  virtual const Schema& columns() const = 0;
  virtual bool returns_rows() const = 0;
  // The next rows of the answer, valid until the following call; false when there are no more. The
  // first call runs statements that change something, whole.
  virtual Result<bool> next(Batch& rows) = 0;
  // "INSERT 0 3", "SELECT 10", "CREATE TABLE"; complete once next() has returned false.
  virtual std::string command_tag() const = 0;
  // COPY FROM STDIN: next() is not called; the client's bytes come in any slicing. finish() runs
  // it.
  virtual bool wants_copy_in() const = 0;
  virtual Result<void> copy_in(std::string_view bytes) = 0;
  virtual Result<void> copy_finish() = 0;
  // COPY TO STDOUT: rows come through copy_out() as ready-made lines.
  virtual bool is_copy_out() const = 0;
  virtual Result<bool> copy_out(std::string& bytes) = 0;
  virtual uint32_t copy_columns() const = 0;
  virtual bool copy_binary() const = 0;
};

struct SessionOptions {
  std::string user = "quickwater";
  std::string database = "quickwater";
  std::map<std::string, std::string> settings;  // start-up parameters
};

class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session();

  // Splits and parses `sql`; each statement is run with run_parsed() before the next is bound. An
  // empty vector: nothing but blanks and comments.
  class Script;
  virtual Result<std::shared_ptr<Script>> parse(std::string_view sql) = 0;
  static size_t script_size(const Script& script);
  // Where statement `index` begins in the text that was parsed.
  static size_t script_offset(const Script& script, size_t index);
  // Simple protocol: statement `index` of a script. All statements of a script between explicit
  // transaction commands are one implicit transaction; call end_script() after the last or an
  // error.
  virtual Result<std::unique_ptr<Portal>> run(const Script& script, size_t index) = 0;
  virtual Result<void> end_script(bool failed) = 0;

  // The front end knows that nothing follows the next statement in its implicit transaction (a
  // script of one statement, an Execute with its Sync behind it): it may commit at once. Off by
  // default.
  virtual void commit_at_once(bool alone) = 0;

  // Extended protocol: at most one statement.
  virtual Result<std::shared_ptr<Prepared>> prepare(std::string_view sql,
                                                    std::span<const Type> parameter_types) = 0;
  virtual Result<std::unique_ptr<Portal>> execute(std::shared_ptr<Prepared> prepared,
                                                  std::vector<Datum> parameters) = 0;
  // Sync: ends the implicit transaction, committing it unless something failed.
  virtual Result<void> sync() = 0;

  // Statements by name, shared by the protocol and SQL's PREPARE; "" is the unnamed one.
  virtual Result<void> store_prepared(std::string_view name, std::shared_ptr<Prepared>) = 0;
  virtual Result<std::shared_ptr<Prepared>> find_prepared(std::string_view name) = 0;
  virtual void close_prepared(std::string_view name) = 0;

  virtual TransactionStatus status() const = 0;
  // An error happened outside of run() and execute() (protocol): the block is failed.
  virtual void mark_failed() = 0;
  // Settings that the client is told of (ParameterStatus): name and value, changed since last
  // asked.
  virtual std::vector<std::pair<std::string, std::string>> changed_settings() = 0;
  virtual const TextStyle& style() const = 0;
  // The text form of a value of a type whose values are names of objects (regclass, regtype, ...).
  virtual std::string object_name(Type type, uint32_t oid) = 0;
  // A parameter's value from its text, names of objects included.
  virtual Result<Datum> parameter(Type type, std::string_view text) = 0;
  // The columns of a cursor that DECLARE made; null = there is none.
  virtual const Schema* cursor_columns(std::string_view name) const = 0;
  // Called for notices, on the session's thread, while a statement runs.
  virtual void on_notice(std::function<void(const Notice&)> callback) = 0;
  // Called on the session's thread when a statement is about to wait for its commit: whoever
  // shares the thread may go on on another one.
  virtual void on_wait(std::function<void()> callback) = 0;

  // Any thread: the running statement fails with 57014 (57P01 when the server goes down).
  virtual void cancel(bool shutdown = false) = 0;
  virtual int32_t backend_pid() const = 0;
  virtual uint32_t cancel_key() const = 0;
};

class Database {
 public:
  static Result<std::unique_ptr<Database>> open(const DatabaseOptions& options);
  Database() = default;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  // Stops sources, commits what has been accepted, closes the store.
  virtual ~Database();
  virtual Result<std::unique_ptr<Session>> connect(const SessionOptions& options) = 0;
  // A CancelRequest: nothing happens when no session has this pid and key.
  virtual void cancel(int32_t backend_pid, uint32_t key) = 0;
  // The largest message that a client may send.
  virtual size_t message_bytes_max() const = 0;
  // Every session's statement fails with 57P01, new ones are refused.
  virtual void begin_shutdown() = 0;
  // Verifies checksums and recomputes every view; what is wrong, one line each.
  virtual Result<std::vector<std::string>> check() = 0;
};

}  // namespace qw
