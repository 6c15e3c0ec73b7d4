// PgConnection: see connection.h. The only file that calls libpq.
#include "ingest/postgres/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>

#include <fmt/format.h>

#include "ingest/options.h"
#include "src/base/assert.h"

namespace qw::ingest {

namespace {

// Every setting that changes how values are written, and those that could end a long session.
constexpr const char* kSessionOptions =
    "-c datestyle=ISO,MDY -c intervalstyle=postgres -c extra_float_digits=3 -c bytea_output=hex "
    "-c timezone=UTC -c statement_timeout=0 -c lock_timeout=0 "
    "-c idle_in_transaction_session_timeout=0 -c default_transaction_read_only=off "
    "-c search_path=pg_catalog";

constexpr std::chrono::milliseconds kGatherTime(1);
constexpr uint64_t kPouringBytes = 8 << 10;  // in one kGatherTime

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

Error stop_error() { return query_canceled("the source was asked to stop"); }

}  // namespace

void PgAnswer::Clear::operator()(pg_result* result) const { PQclear(result); }
int PgAnswer::rows() const { return PQntuples(result_.get()); }
bool PgAnswer::is_null(int row, int column) const {
  return PQgetisnull(result_.get(), row, column) != 0;
}
std::string PgAnswer::text(int row, int column) const {
  return {PQgetvalue(result_.get(), row, column),
          static_cast<size_t>(PQgetlength(result_.get(), row, column))};
}
int64_t PgAnswer::number(int row, int column) const {
  const std::string digits = text(row, column);
  int64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

Result<PgTarget> pg_target(const SourceConfig& config) {
  PgTarget target;
  target.secrets = config.secrets;
  target.application_name = fmt::format("quickwater_{}_{}", config.database_id, config.id);
  OptionReader reader("Postgres connection", config.connection);
  const auto pass = [&](std::string_view name, const char* parameter, std::string_view otherwise) {
    const std::string value = reader.text(name, otherwise);
    if (!value.empty()) target.parameters.emplace_back(parameter, value);
  };
  target.parameters.emplace_back("host", reader.required_text("host"));
  target.parameters.emplace_back("port", std::to_string(reader.integer("port", 5432, 1, 65535)));
  target.parameters.emplace_back("dbname", reader.text("database", "postgres"));
  target.parameters.emplace_back("user", reader.text("user", "postgres"));
  pass("password", "password", "");
  pass(reader.has("sslmode") ? "sslmode" : "ssl_mode", "sslmode", "prefer");
  pass("ssl_root_cert", "sslrootcert", "");
  pass("ssl_cert", "sslcert", "");
  pass("ssl_key", "sslkey", "");
  target.connect_timeout =
      std::chrono::milliseconds(reader.duration_us("connect_timeout", 10'000'000) / 1000);
  QW_TRY(reader.finish());
  return target;
}

PgConnection::PgConnection(pg_conn* connection, const PgTarget& target, const StopSignal& stop)
    : connection_(connection), secrets_(target.secrets), stop_(stop) {}

PgConnection::~PgConnection() {
  if (copy_row_ != nullptr) PQfreemem(copy_row_);
  PQfinish(connection_);
}

Result<bool> PgConnection::poll(short events, std::chrono::milliseconds time) const {
  std::array<pollfd, 2> fds{pollfd{PQsocket(connection_), events, 0},
                            pollfd{stop_.fd(), POLLIN, 0}};
  const int ready = ::poll(fds.data(), fds.size(), static_cast<int>(time.count()));
  if (stop_.raised()) return fail(stop_error());
  if (ready < 0 && errno != EINTR) return fail(connection_failure("waiting for the server failed"));
  return ready > 0;
}

Result<std::unique_ptr<PgConnection>> PgConnection::open(const PgTarget& target, Mode mode,
                                                         const StopSignal& stop) {
  std::vector<const char*> names, values;
  const auto add = [&](const char* name, const char* value) {
    names.push_back(name);
    values.push_back(value);
  };
  for (const auto& [name, value] : target.parameters) add(name.c_str(), value.c_str());
  add("application_name", target.application_name.c_str());
  add("client_encoding", "UTF8");
  add("options", kSessionOptions);
  add("keepalives_idle", "30");
  if (mode == Mode::replication) add("replication", "database");
  names.push_back(nullptr);
  values.push_back(nullptr);
  std::unique_ptr<PgConnection> connection(
      new PgConnection(PQconnectStartParams(names.data(), values.data(), 0), target, stop));
  if (connection->connection_ == nullptr) return fail(out_of_memory("no memory for a connection"));
  const auto deadline = std::chrono::steady_clock::now() + target.connect_timeout;
  PostgresPollingStatusType status = PGRES_POLLING_WRITING;
  while (PQstatus(connection->connection_) != CONNECTION_BAD && status != PGRES_POLLING_OK &&
         status != PGRES_POLLING_FAILED) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) {
      return fail(
          connection_failure("connecting took too long")
              .with_detail(fmt::format("No answer within {} ms.", target.connect_timeout.count())));
    }
    const short events = status == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    QW_ASSIGN_OR_RETURN(const bool ready, connection->poll(events, left));
    if (ready) status = PQconnectPoll(connection->connection_);
  }
  if (PQstatus(connection->connection_) != CONNECTION_OK) {
    return fail(connection->connection_error());
  }
  PQsetnonblocking(connection->connection_, 1);
  return connection;
}

Error PgConnection::connection_error() const {
  const std::string text = scrub(trimmed(PQerrorMessage(connection_)), secrets_);
  // libpq gives no SQLSTATE while connecting; these need a person, the rest may pass.
  if (text.find("password authentication failed") != std::string::npos ||
      text.find("no password supplied") != std::string::npos) {
    return invalid_password(text);
  }
  if (text.find("no pg_hba.conf entry") != std::string::npos) return invalid_authorization(text);
  if (text.find("must be superuser or replication role") != std::string::npos) {
    return insufficient_privilege(text).with_hint(fmt::format(
        "On the upstream: ALTER ROLE {} REPLICATION;", quote_name(PQuser(connection_))));
  }
  if (text.find("role \"") != std::string::npos && text.ends_with("does not exist")) {
    return invalid_authorization(text);
  }
  if (text.find("database \"") != std::string::npos && text.ends_with("does not exist")) {
    return invalid_catalog_name(text);
  }
  return connection_failure(text.empty() ? "the connection was lost" : text);
}

Error PgConnection::error_of(pg_result* result) const {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(result, code);
    return scrub(text == nullptr ? std::string() : std::string(text), secrets_);
  };
  const std::string code = field(PG_DIAG_SQLSTATE);
  if (code.size() != 5) return connection_error();
  return Error(SqlState::from(code), field(PG_DIAG_MESSAGE_PRIMARY))
      .with_detail(field(PG_DIAG_MESSAGE_DETAIL))
      .with_hint(field(PG_DIAG_MESSAGE_HINT));
}

Result<PgAnswer> PgConnection::query(const std::string& sql, const std::function<void()>& waiting) {
  if (PQsendQuery(connection_, sql.c_str()) == 0) return fail(connection_error());
  std::optional<PgAnswer> answer;
  std::optional<Error> error;
  while (true) {
    while (PQflush(connection_) == 1) {
      QW_TRY(poll(POLLOUT | POLLIN, std::chrono::milliseconds(1000)));
      if (PQconsumeInput(connection_) == 0) return fail(connection_error());
    }
    while (PQisBusy(connection_) != 0) {
      QW_ASSIGN_OR_RETURN(const bool ready, poll(POLLIN, std::chrono::milliseconds(1000)));
      if (!ready && waiting) waiting();
      if (ready && PQconsumeInput(connection_) == 0) return fail(connection_error());
    }
    pg_result* result = PQgetResult(connection_);
    if (result == nullptr) break;
    PgAnswer held(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) {
      answer.emplace(std::move(held));
    } else if (status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH) {
      answer.emplace(std::move(held));
      break;  // start_copy() goes on from here
    } else if (!error) {
      error = error_of(result);
    }
    if (PQstatus(connection_) == CONNECTION_BAD) break;
  }
  if (error) return fail(*error);
  if (!answer) return fail(connection_error());
  return std::move(*answer);
}

Result<void> PgConnection::start_copy(const std::string& sql) {
  QW_TRY(query(sql));
  return {};
}

Result<PgConnection::Read> PgConnection::read_copy(std::string_view& row) {
  if (copy_row_ != nullptr) PQfreemem(std::exchange(copy_row_, nullptr));
  int size = PQgetCopyData(connection_, &copy_row_, 1);
  if (size == 0) {
    // Take what has arrived, without waiting, and look again.
    if (PQconsumeInput(connection_) == 0) return fail(connection_error());
    size = PQgetCopyData(connection_, &copy_row_, 1);
  }
  if (size > 0) {
    row = std::string_view(copy_row_, static_cast<size_t>(size));
    stretch_bytes_ += row.size();
    return Read::row;
  }
  if (size == 0) return Read::nothing_yet;
  if (size == -1) return Read::end;
  return fail(connection_error());
}

Result<void> PgConnection::finish_copy() {
  std::optional<Error> error;
  while (true) {
    while (PQisBusy(connection_) != 0) {
      QW_ASSIGN_OR_RETURN(const bool ready, poll(POLLIN, std::chrono::milliseconds(1000)));
      if (ready && PQconsumeInput(connection_) == 0) return fail(connection_error());
    }
    pg_result* result = PQgetResult(connection_);
    if (result == nullptr) break;
    const PgAnswer held(result);
    const ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_FATAL_ERROR && !error) error = error_of(result);
    if (status == PGRES_COPY_IN || PQstatus(connection_) == CONNECTION_BAD) break;
  }
  if (error) return fail(*error);
  return {};
}

Result<void> PgConnection::write_copy(std::string_view bytes) {
  const int sent = PQputCopyData(connection_, bytes.data(), static_cast<int>(bytes.size()));
  if (sent < 0) return fail(connection_error());
  if (sent == 0) return {};  // the socket is full: the next feedback says the same
  if (PQflush(connection_) < 0) return fail(connection_error());
  return {};
}

Result<void> PgConnection::wait_readable(std::chrono::milliseconds time) {
  // A server sends each message of a stream by itself, and each would wake us out of poll(), which
  // costs both sides more than the message does.
  const auto now = std::chrono::steady_clock::now();
  if (now - stretch_began_ >= kGatherTime) {
    const auto stretches = static_cast<uint64_t>((now - stretch_began_) / kGatherTime);
    pouring_ = stretch_bytes_ / stretches >= kPouringBytes;
    stretch_began_ = now;
    stretch_bytes_ = 0;
  }
  if (pouring_) {
    if (stop_.wait(std::min(time, kGatherTime))) return fail(stop_error());
    return {};
  }
  QW_TRY(poll(POLLIN, time));
  return {};
}

int PgConnection::server_version() const { return PQserverVersion(connection_); }

std::string PgConnection::quote_name(std::string_view name) const {
  std::string out = "\"";
  for (const char letter : name) {
    if (letter == '"') out += '"';
    out += letter;
  }
  return out + '"';
}

std::string PgConnection::quote_text(std::string_view text) const {
  std::string out = text.find('\\') == std::string_view::npos ? "'" : " E'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') out += letter;
    out += letter;
  }
  return out + '\'';
}

bool is_transient(const Error& error) {
  const SqlState state = error.code();  // held: the view points into it
  const std::string_view code = state.view();
  static constexpr std::array<std::string_view, 3> kDefiniteClasses = {"3D", "3F", "42"};
  static constexpr std::array<std::string_view, 9> kDefiniteCodes = {
      "28P01", "28000", "55000", "58P01", "0A000", "XX001", "22021", "57014", "22023"};
  for (const std::string_view each : kDefiniteClasses) {
    if (code.substr(0, 2) == each) return false;
  }
  return std::find(kDefiniteCodes.begin(), kDefiniteCodes.end(), code) == kDefiniteCodes.end();
}

}  // namespace qw::ingest
