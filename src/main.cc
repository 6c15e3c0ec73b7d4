// The quickwater binary: flags to commands. Every flag of `serve` can also stand in a config file
// (--config) and in an environment variable QUICKWATER_<FLAG>.
#include <malloc.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "src/base/log.h"
#include "src/bench/nexmark_bench.h"
#include "src/bench/state_bench.h"
#include "src/cli/shell.h"
#include "src/cli/slt.h"
#include "src/server/serve.h"

namespace {

void add_serve_flags(CLI::App& app, qw::server::ServeOptions& options) {
  const auto named = [&](CLI::Option* option, const std::string& name) {
    option->envname("QUICKWATER_" + name);
  };
  named(app.add_option("--data", options.data_dir, "data directory")->capture_default_str(),
        "DATA");
  named(app.add_option("--listen", options.listen, "address, loopback only")->capture_default_str(),
        "LISTEN");
  named(app.add_option("--port", options.port, "port, 0 = a free one")->capture_default_str(),
        "PORT");
  named(app.add_option("--http-port", options.http_port, "reserved")->capture_default_str(),
        "HTTP_PORT");
  named(app.add_flag("--ephemeral", options.ephemeral, "private temporary data, gone at exit")
            ->excludes("--data"),
        "EPHEMERAL");
  named(app.add_option("--init", options.init_file, "SQL to run before listening"), "INIT");
  named(app.add_flag("--demo", options.demo, "make the demo's source and views"), "DEMO");
  named(app.add_option("--memory-limit", options.memory_limit_bytes,
                       "512MB, 4GB; half of the machine's if left out")
            ->transform(CLI::AsSizeValue(false)),
        "MEMORY_LIMIT");
  named(app.add_option("--state-memory", options.state_memory_bytes,
                       "of it for the states of views; three eighths if left out")
            ->transform(CLI::AsSizeValue(false)),
        "STATE_MEMORY");
  named(app.add_flag("--die-with-parent", options.die_with_parent, "exit when the parent does"),
        "DIE_WITH_PARENT");
  named(app.add_flag("--ready-json", options.ready_json, "print one JSON line once listening"),
        "READY_JSON");
}

void add_nexmark_flags(CLI::App& bench, qw::bench::NexmarkOptions& options) {
  CLI::App* nexmark = bench.add_subcommand("nexmark", "Nexmark's queries as views");
  nexmark->add_option("--queries", options.queries, "q0,q4,...; all if left out")->delimiter(',');
  nexmark->add_option("--output", options.outputs, "kept,dropped")
      ->delimiter(',')
      ->check(CLI::IsMember({"kept", "dropped"}));
  nexmark->add_option("--rate", options.rates, "events per second of event time: 1e5,1e7")
      ->delimiter(',')
      ->check(CLI::PositiveNumber);
  nexmark->add_option("--events", options.events)->check(CLI::PositiveNumber);
  nexmark->add_option("--batch-events", options.batch_events, "per transaction of the source");
  nexmark->add_option("--hot-channel-ratio", options.hot_channel_ratio);
  nexmark->add_option("--dir", options.data_dir, "where data lies; default: temporary");
  nexmark->add_flag("--keep-input", options.keep_input, "rows of sources are stored too");
  nexmark->add_flag("--list", options.list, "the queries' names");
  nexmark->add_flag("--check", options.check, "recompute the view at the end");
}

void add_state_flags(CLI::App& bench, qw::bench::StateOptions& options) {
  for (const auto& [name, what] : {std::pair("upsert", "updates at random keys under a view"),
                                   std::pair("backfill", "new views over a table"),
                                   std::pair("recovery", "opening what a killed process left")}) {
    CLI::App* one = bench.add_subcommand(name, what);
    one->add_option("--keys", options.keys)->check(CLI::PositiveNumber);
    one->add_option("--updates", options.updates)->check(CLI::PositiveNumber);
    one->add_option("--batch-rows", options.batch_rows, "per transaction of the source");
    one->add_option("--dir", options.data_dir, "where data lies; default: temporary");
  }
}

int run_bench(const CLI::App& bench, const qw::bench::NexmarkOptions& nexmark,
              const qw::bench::StateOptions& state) {
  if (bench.got_subcommand("upsert")) return qw::bench::run_upsert(state);
  if (bench.got_subcommand("backfill")) return qw::bench::run_backfill(state);
  if (bench.got_subcommand("recovery")) return qw::bench::run_recovery(state);
  return qw::bench::run_nexmark(nexmark);
}

// Each connection and each source takes some; the soft limit is for programs that use select().
void raise_open_files() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

}  // namespace

int main(int argc, char** argv) {
  raise_open_files();
  // Buffers of some 100 KiB come and go with every epoch: given back to the system each time, their
  // pages would be zeroed again and again (a third of the epoch thread's time with wide rows).
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  CLI::App app{"Quickwater: SQL views over streams, kept up to date"};
  app.set_version_flag("--version", "quickwater 0.1.0");
  app.set_config("--config", "", "file with flags");
  std::string log_level = "warn";
  const std::map<std::string, qw::log::Level> levels{{"debug", qw::log::Level::debug},
                                                     {"info", qw::log::Level::info},
                                                     {"warn", qw::log::Level::warn},
                                                     {"error", qw::log::Level::error},
                                                     {"off", qw::log::Level::off}};
  app.add_option("--log-level", log_level, "debug, info, warn, error, off")
      ->check(CLI::IsMember({"debug", "info", "warn", "error", "off"}))
      ->envname("QUICKWATER_LOG_LEVEL");
  app.fallthrough();

  qw::server::ServeOptions serve_options;
  add_serve_flags(app, serve_options);
  CLI::App* serve = app.add_subcommand("serve", "run the server (the default)");

  qw::cli::ShellOptions shell;
  CLI::App* sql = app.add_subcommand("sql", "run SQL in this process");
  sql->add_option("-c,--command", shell.command, "SQL text");
  sql->add_option("-f,--file", shell.file, "file with SQL");

  CLI::App* check = app.add_subcommand("check", "verify every checksum and recompute every view");

  std::vector<std::string> paths;
  bool update = false;
  CLI::App* test = app.add_subcommand("test", "run SQL logic tests");
  test->add_option("paths", paths, ".slt files")->required();
  test->add_flag("--update", update, "rewrite expected rows");

  qw::bench::NexmarkOptions nexmark;
  CLI::App* bench = app.add_subcommand("bench", "measure, one JSON line per figure");
  add_nexmark_flags(*bench, nexmark);
  qw::bench::StateOptions state;
  add_state_flags(*bench, state);
  bench->require_subcommand(1);
  app.require_subcommand(0, 1);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? EX_OK : EX_USAGE;
  }
  qw::log::set_level(levels.at(log_level));
  if (sql->parsed()) {
    shell.data_dir = serve_options.data_dir;
    shell.ephemeral = serve_options.ephemeral;
    return qw::cli::run_shell(shell);
  }
  if (check->parsed()) return qw::cli::run_check(serve_options.data_dir);
  if (test->parsed()) {
    const auto result = qw::cli::run_slt(paths, update);
    fmt::print("{} passed, {} failed\n", result.passed, result.failed);
    return result.failed == 0 ? EX_OK : EX_DATAERR;
  }
  if (bench->parsed()) {
    nexmark.ephemeral = serve_options.ephemeral;
    return run_bench(*bench, nexmark, state);
  }
  (void)serve;
  return qw::server::serve(serve_options);
}
