// See nexmark_bench.h.
#include "src/bench/nexmark_bench.h"

#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "ingest/generator.h"
#include "src/base/clock.h"
#include "src/bench/nexmark_queries.h"
#include "src/quickwater.h"

namespace qw::bench {
namespace {

constexpr uint64_t kGeneratorProbeEvents = 1'000'000;

struct Case {
  const NexmarkQuery* query = nullptr;
  std::string output, rate;
  std::string name() const { return fmt::format("{}/{}/{}", query->name, output, rate); }
};

void figure(const Case& which, std::string_view metric, double value, std::string_view unit) {
  fmt::print(R"({{"bench":"nexmark","case":"{}","metric":"{}","value":{:.6g},"unit":"{}"}})"
             "\n",
             which.name(), metric, value, unit);
}

// Microseconds of CPU per event that the generator needs when nobody takes its rows.
Result<double> generator_cost_us(const NexmarkOptions& options, double event_rate) {
  ingest::GeneratorOptions parameters;
  parameters.event_rate = event_rate;
  parameters.hot_channel_ratio = options.hot_channel_ratio;
  QW_ASSIGN_OR_RETURN(const auto generator,
                      ingest::Generator::create(ingest::SourceKind::nexmark, parameters));
  ingest::ArenaPool pool;
  const uint64_t events = std::min(options.events, kGeneratorProbeEvents);
  int64_t began_us = 0;
  // The first tenth warms up.
  for (uint64_t at = 0; at < events + events / 10; at += options.batch_events) {
    if (began_us == 0 && at >= events / 10) began_us = process_cpu_us();
    ingest::SourceTxn txn;
    txn.arena = pool.take();
    generator->next(at, options.batch_events, txn);
  }
  const auto taken_us = static_cast<double>(process_cpu_us() - began_us);
  return taken_us / static_cast<double>(events);
}

// The process's own memory, without mapped pages of the store.
uint64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "RssAnon:") continue;
    uint64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

Result<uint64_t> run_sql(Session& session, const std::string& sql, std::string* first = nullptr) {
  QW_ASSIGN_OR_RETURN(const auto script, session.parse(sql));
  uint64_t rows = 0;
  for (size_t i = 0; i < Session::script_size(*script); ++i) {
    QW_ASSIGN_OR_RETURN(const auto portal, session.run(*script, i));
    Batch batch;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, portal->next(batch));
      if (!more) break;
      if (first != nullptr && rows == 0 && !batch.empty()) {
        append_text(batch.columns[0], batch.row(0), session.style(), *first);
      }
      rows += batch.size();
    }
    QW_TRY(session.end_script(false));
  }
  return rows;
}

struct Measured {
  double cpu_us = 0, wall_us = 0;
  uint64_t view_rows = 0, peak_bytes = 0;
};

// Runs the source to its end; `measurement` is what the database was opened with.
Result<Measured> drain(Measurement& measurement, uint64_t events) {
  SystemClock clock;
  Measured out;
  const int64_t cpu_us = process_cpu_us(), wall_us = clock.monotonic_us();
  int64_t sampled_us = 0;
  measurement.hold_sources = false;
  while (measurement.rows_committed < events) {
    ::usleep(500);
    if (clock.monotonic_us() - sampled_us < 20'000) continue;
    sampled_us = clock.monotonic_us();
    out.peak_bytes = std::max(out.peak_bytes, anonymous_bytes());
    // An epoch that failed would have us wait for ever; its error is in the log.
    if (measurement.failed) return fail(internal_error("the engine has stopped"));
  }
  out.cpu_us = static_cast<double>(process_cpu_us() - cpu_us);
  out.wall_us = static_cast<double>(clock.monotonic_us() - wall_us);
  out.peak_bytes = std::max(out.peak_bytes, anonymous_bytes());
  out.view_rows = measurement.view_rows;
  return out;
}

Result<void> run_case(const Case& which, const NexmarkOptions& options, const std::string& dir) {
  double rate = 0;
  std::from_chars(which.rate.data(), which.rate.data() + which.rate.size(), rate);
  QW_ASSIGN_OR_RETURN(const double generator_us, generator_cost_us(options, rate));
  Measurement measurement;
  measurement.hold_sources = true;
  measurement.drop_source_rows = !options.keep_input && !options.check;
  measurement.drop_view_rows = which.output == "dropped";
  DatabaseOptions database_options;
  database_options.data_dir = dir;
  database_options.ephemeral = options.ephemeral;
  database_options.measurement = &measurement;
  QW_ASSIGN_OR_RETURN(const auto database, Database::open(database_options));
  QW_ASSIGN_OR_RETURN(const auto session, database->connect({}));
  session->commit_at_once(true);
  QW_TRY(
      run_sql(*session,
              fmt::format("CREATE SOURCE nexmark FROM LOAD GENERATOR NEXMARK (UP_TO {}, "
                          "EVENT_RATE {:.0f}, BATCH_SIZE {}, HOT_CHANNEL_RATIO {}, "
                          "START_TIME '2026-01-01 00:00:00')",
                          options.events, rate, options.batch_events, options.hot_channel_ratio)));
  QW_TRY(run_sql(*session, fmt::format("CREATE MATERIALIZED VIEW {} AS {}", which.query->name,
                                       which.query->sql)));
  QW_ASSIGN_OR_RETURN(const Measured measured, drain(measurement, options.events));
  const auto events = static_cast<double>(options.events);
  const double own_us = std::max(measured.cpu_us - generator_us * events, 1.0);
  figure(which, "events_per_cpu_second", events / own_us * 1e6, "1/s");
  figure(which, "events_per_second", events / measured.wall_us * 1e6, "1/s");
  figure(which, "generator_cpu_per_event", generator_us, "us");
  figure(which, "peak_memory", static_cast<double>(measured.peak_bytes), "B");
  if (measurement.drop_view_rows) {
    figure(which, "view_changes", static_cast<double>(measured.view_rows), "rows");
  } else {
    std::string rows;
    QW_TRY(run_sql(*session, fmt::format("SELECT count(*) FROM {}", which.query->name), &rows));
    figure(which, "view_rows", std::stod(rows), "rows");
  }
  if (!options.check) return {};
  QW_ASSIGN_OR_RETURN(const std::vector<std::string> findings, database->check());
  for (const std::string& finding : findings) fmt::print(stderr, "{}\n", finding);
  if (!findings.empty()) return fail(data_corrupted(which.name() + " differs from its query"));
  return {};
}

int run_in_child(const Case& which, const NexmarkOptions& options) {
  std::string dir = options.data_dir;
  if (dir.empty()) dir = (std::filesystem::temp_directory_path() / "quickwater-bench").string();
  dir = fmt::format("{}-{}", dir, ::getpid());
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto ran = run_case(which, options, dir);
    if (!ran) fmt::print(stderr, "bench {}: {}\n", which.name(), ran.error().to_string());
    std::fflush(stdout);
    ::_exit(ran ? EX_OK : EX_SOFTWARE);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  std::error_code ignored;
  std::filesystem::remove_all(dir, ignored);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

}  // namespace

int run_nexmark(const NexmarkOptions& options) {
  int worst = EX_OK;
  std::vector<const NexmarkQuery*> chosen;
  for (const NexmarkQuery& query : nexmark_queries()) {
    const bool wanted = options.queries.empty() ||
                        std::find(options.queries.begin(), options.queries.end(), query.name) !=
                            options.queries.end();
    if (wanted) chosen.push_back(&query);
  }
  for (const NexmarkQuery* query : chosen) {
    for (const std::string& rate : options.rates) {
      for (const std::string& output : options.outputs) {
        worst = std::max(worst, run_in_child({query, output, rate}, options));
      }
    }
  }
  return worst;
}

}  // namespace qw::bench
