// Serve: see serve.h.
#include "src/server/serve.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/net/socket.h"
#include "src/pgwire/listener.h"
#include "src/quickwater.h"
#include "src/server/demo.h"

namespace qw::server {
namespace {

int exit_code(const Error& error) {
  const SqlState state = error.code();  // held: the view points into it
  const std::string_view code = state.view();
  if (code == "55006") return EX_TEMPFAIL;  // another process has the data directory
  if (code == "XX001") return EX_DATAERR;
  if (code == "58030" || code == "53100") return EX_IOERR;
  if (code.starts_with("22")) return EX_USAGE;
  if (code == "42501") return EX_NOPERM;
  if (code == "58000") return EX_OSERR;
  return EX_SOFTWARE;
}

int report(const Error& error) {
  fmt::print(stderr, "quickwater: {}\n", error.message());
  if (!error.detail().empty()) fmt::print(stderr, "DETAIL: {}\n", error.detail());
  if (!error.hint().empty()) fmt::print(stderr, "HINT: {}\n", error.hint());
  return exit_code(error);
}

Result<void> run_statement(Session& session, const Session::Script& script, size_t index) {
  QW_ASSIGN_OR_RETURN(const auto portal, session.run(script, index));
  Batch batch;
  while (true) {
    QW_ASSIGN_OR_RETURN(const bool more, portal->next(batch));
    if (!more) return {};
  }
}

// "init.sql:3": the line on which a statement begins, or the error in it.
std::string place(const std::string& name, std::string_view text, size_t offset, int32_t position) {
  if (position > 0) {  // in characters
    const auto begins = [](char byte) {
      return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U;
    };
    for (offset = 0; offset < text.size(); ++offset) {
      if (begins(text[offset]) && --position == 0) break;
    }
  }
  const std::string_view before = text.substr(0, offset);
  return fmt::format("{}:{}", name, 1 + std::count(before.begin(), before.end(), '\n'));
}

// Errors say where in `name` they come from.
Result<void> run_script(Database& database, const std::string& name, const std::string& text) {
  QW_ASSIGN_OR_RETURN(const auto session, database.connect({}));
  session->on_notice(
      [](const Notice& notice) { log::info("{}: {}", notice.severity, notice.error.message()); });
  auto script = session->parse(text);
  if (!script) {
    const std::string where = place(name, text, 0, script.error().position());
    return fail(std::move(script).error().in(where));
  }
  const size_t size = Session::script_size(**script);
  session->commit_at_once(size == 1);
  for (size_t i = 0; i < size; ++i) {
    auto ran = run_statement(*session, **script, i);
    if (ran) continue;
    const std::string where =
        place(name, text, Session::script_offset(**script, i), ran.error().position());
    return fail(std::move(ran).error().in(where));
  }
  auto ended = session->end_script(false);
  if (!ended) return fail(std::move(ended).error().in(name));
  return {};
}

Result<void> run_file(Database& database, const std::string& path) {
  std::ifstream file(path);
  if (!file) {
    return fail(invalid_parameter_value(fmt::format("cannot read --init file \"{}\"", path)));
  }
  std::stringstream text;
  text << file.rdbuf();
  return run_script(database, path, text.str());
}

// A descriptor that becomes readable when the parent has gone; -1 when it cannot be had.
int watch_parent() {
  const pid_t parent = ::getppid();
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, parent, 0));
  // The parent may have gone in between: then somebody else is our parent now.
  if (::getppid() != parent) {
    if (fd >= 0) ::close(fd);
    return -2;
  }
  return fd;
}

// The store reads through a mapping of its file, where a disk that cannot read is a SIGBUS. Nothing
// can be told to the one who asked; what is committed is safe, and the exit status says why.
void end_unreadable(int /*signal*/) {
  static constexpr std::string_view kText =
      "quickwater: the data directory cannot be read: Input/output error\n";
  (void)!::write(STDERR_FILENO, kText.data(), kText.size());
  ::_exit(EX_IOERR);
}

}  // namespace

int serve(const ServeOptions& options) {
  SystemClock clock;
  const int64_t started_us = clock.monotonic_us();
  if (!net::is_loopback(options.listen)) {
    return report(
        invalid_parameter_value(
            fmt::format("refusing to listen on \"{}\": there are no passwords yet", options.listen))
            .with_hint("Listen on loopback, such as 127.0.0.1, and tunnel to it."));
  }
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGBUS, end_unreadable);
  const int parent = options.die_with_parent ? watch_parent() : -1;
  if (parent == -2) return EX_OK;

  // What the allocator keeps for itself is part of the promise (see main()).
  if (const size_t limit = options.memory_limit_bytes; limit != 0) {
    ::mallopt(M_MMAP_THRESHOLD,
              static_cast<int>(std::clamp<size_t>(limit / 64, 1 << 20, 32 << 20)));
    ::mallopt(M_TRIM_THRESHOLD,
              static_cast<int>(std::clamp<size_t>(limit / 32, 1 << 20, 256 << 20)));
  }
  DatabaseOptions database_options;
  // $TMPDIR chooses where private data lies.
  database_options.data_dir =
      options.ephemeral ? std::filesystem::temp_directory_path().string() : options.data_dir;
  database_options.ephemeral = options.ephemeral;
  database_options.memory_limit_bytes = options.memory_limit_bytes;
  database_options.state_memory_bytes = options.state_memory_bytes;
  auto database = Database::open(database_options);
  if (!database) return report(database.error());
  if (!options.init_file.empty()) {
    if (auto ran = run_file(**database, options.init_file); !ran) return report(ran.error());
  }
  if (options.demo) {
    if (auto ran = run_script(**database, "demo", std::string(demo_sql())); !ran) {
      return report(ran.error());
    }
  }
  auto listener = pgwire::Listener::start(**database, options.listen, options.port);
  if (!listener) return report(listener.error());
  const double ready_ms = static_cast<double>(clock.monotonic_us() - started_us) / 1000;
  if (options.ready_json) {
    fmt::print("{{\"ready\":true,\"port\":{},\"http_port\":null,\"pid\":{},\"ready_ms\":{:.2f}}}\n",
               (*listener)->port(), ::getpid(), ready_ms);
    std::fflush(stdout);
  }
  log::info("listening on {}:{} after {:.1f} ms", options.listen, (*listener)->port(), ready_ms);

  const int signal_fd = ::signalfd(-1, &signals, SFD_CLOEXEC);
  pollfd waiting[2] = {{signal_fd, POLLIN, 0}, {parent, POLLIN, 0}};
  while (::poll(waiting, parent >= 0 ? 2 : 1, -1) < 0) {
  }
  // Taken out of the queue: once unblocked it would end the process before the last commit.
  signalfd_siginfo taken{};
  if (waiting[0].revents != 0 && ::read(signal_fd, &taken, sizeof taken) < 0) {
    log::warn("reading the signal failed");
  }
  log::info("shutting down");
  // From here on a second signal ends the process at once.
  ::signal(SIGTERM, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*database)->begin_shutdown();
  (*listener)->stop();
  listener->reset();
  database->reset();
  return EX_OK;
}

}  // namespace qw::server
