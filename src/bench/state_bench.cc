// See state_bench.h.
#include "src/bench/state_bench.h"

#include <sysexits.h>

#include <algorithm>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "src/base/clock.h"
#include "src/bench/measured.h"
#include "src/quickwater.h"

namespace qw::bench {
namespace {

struct Opened {
  std::unique_ptr<Database> database;
  std::unique_ptr<Session> session;
};

Result<Opened> open(const std::string& dir, Measurement* measurement) {
  DatabaseOptions options;
  options.data_dir = dir;
  options.measurement = measurement;
  Opened out;
  QW_ASSIGN_OR_RETURN(out.database, Database::open(options));
  QW_ASSIGN_OR_RETURN(out.session, out.database->connect({}));
  out.session->commit_at_once(true);
  return out;
}

// Leaves everything as it is: the process is about to end as if it had been killed.
void abandon(Opened opened) {
  (void)opened.session.release();
  (void)opened.database.release();
}

Result<void> create_source(Session& session, const StateOptions& options, uint64_t events) {
  return run_sql(session, fmt::format("CREATE SOURCE kv FROM LOAD GENERATOR KEY VALUE (KEYS {}, "
                                      "UP_TO {}, BATCH_SIZE {}, RATE 0)",
                                      options.keys, events, options.batch_rows))
      .map([](const std::string&) {});
}

Result<void> create_view(Session& session, std::string_view name, std::string_view query) {
  return run_sql(session, fmt::format("CREATE MATERIALIZED VIEW {} AS {}", name, query))
      .map([](const std::string&) {});
}

constexpr std::string_view kPerBucket =
    "SELECT key % 1000 AS bucket, count(*) AS n, sum(value) AS total FROM key_value GROUP BY 1";
constexpr std::string_view kPerKey =
    "SELECT key, count(*) AS n, sum(value) AS total FROM key_value GROUP BY key";
constexpr std::string_view kJoined =
    "SELECT count(*) AS n FROM key_value a JOIN key_value b ON a.key = b.key";

std::string name_of(const StateOptions& options) { return fmt::format("{}_keys", options.keys); }

void rates(std::string_view bench, const std::string& which, uint64_t rows, const Measured& run) {
  figure(bench, which, "rows_per_cpu_second", static_cast<double>(rows) / run.cpu_us * 1e6, "1/s");
  figure(bench, which, "rows_per_second", static_cast<double>(rows) / run.wall_us * 1e6, "1/s");
  figure(bench, which, "peak_memory", static_cast<double>(run.peak_bytes), "B");
}

Result<void> upsert(const StateOptions& options, const std::string& dir) {
  Measurement measurement;
  measurement.hold_sources = true;
  measurement.epoch_per_transaction = true;
  QW_ASSIGN_OR_RETURN(const Opened opened, open(dir, &measurement));
  QW_TRY(create_source(*opened.session, options, options.keys + options.updates));
  QW_TRY(create_view(*opened.session, "per_bucket", kPerBucket));
  QW_ASSIGN_OR_RETURN(const Measured load, drain(measurement, options.keys));
  rates("upsert", name_of(options) + "/load", options.keys, load);
  // The last transaction of the load may have some of the updates, too.
  const uint64_t loaded = measurement.rows_committed, all = options.keys + options.updates;
  if (loaded >= all) return fail(invalid_parameter_value("too few updates to measure"));
  warm_memory(options.updates);
  QW_ASSIGN_OR_RETURN(const Measured run, drain(measurement, all));
  rates("upsert", fmt::format("{}/epochs_of_{}", name_of(options), options.batch_rows),
        all - loaded, run);
  QW_ASSIGN_OR_RETURN(const std::string rows,
                      run_sql(*opened.session, "SELECT sum(n)::bigint FROM per_bucket"));
  if (rows != fmt::format("{}", options.keys)) {
    return fail(internal_error("the view counts " + rows + " rows"));
  }
  return {};
}

Result<double> timed_view(Session& session, std::string_view name, std::string_view query) {
  SystemClock clock;
  const int64_t began_us = clock.monotonic_us();
  QW_TRY(create_view(session, name, query));
  return static_cast<double>(clock.monotonic_us() - began_us);
}

Result<void> backfill(const StateOptions& options, const std::string& dir) {
  Measurement measurement;
  measurement.hold_sources = true;
  QW_ASSIGN_OR_RETURN(const Opened opened, open(dir, &measurement));
  QW_TRY(create_source(*opened.session, options, options.keys));
  QW_TRY(drain(measurement, options.keys));
  const auto keys = static_cast<double>(options.keys);
  warm_memory(options.keys);
  QW_ASSIGN_OR_RETURN(const double per_key_us, timed_view(*opened.session, "per_key", kPerKey));
  figure("backfill", name_of(options) + "/aggregate", "rows_per_second", keys / per_key_us * 1e6,
         "1/s");
  warm_memory(options.keys);
  QW_ASSIGN_OR_RETURN(const double joined_us, timed_view(*opened.session, "joined", kJoined));
  figure("backfill", name_of(options) + "/self_join", "rows_per_second", keys / joined_us * 1e6,
         "1/s");
  QW_ASSIGN_OR_RETURN(const std::string rows, run_sql(*opened.session, "SELECT n FROM joined"));
  if (rows != fmt::format("{}", options.keys)) {
    return fail(internal_error("the join counts " + rows + " rows"));
  }
  return {};
}

Result<void> recover(const StateOptions& options, const std::string& dir) {
  warm_memory(options.keys);
  SystemClock clock;
  const int64_t began_us = clock.monotonic_us();
  QW_ASSIGN_OR_RETURN(const Opened opened, open(dir, nullptr));
  QW_ASSIGN_OR_RETURN(const std::string first,
                      run_sql(*opened.session, "SELECT n FROM per_key WHERE key = 1"));
  const auto answered_us = static_cast<double>(clock.monotonic_us() - began_us);
  if (first != "1") return fail(internal_error("the first answer is " + first));
  QW_ASSIGN_OR_RETURN(const std::string joined, run_sql(*opened.session, "SELECT n FROM joined"));
  if (joined != fmt::format("{}", options.keys)) {
    return fail(internal_error("the join counts " + joined + " rows"));
  }
  // A group per key in the aggregate, a row per key in the join's index.
  const double rows = 2 * static_cast<double>(options.keys);
  figure("recovery", name_of(options), "seconds_to_first_answer", answered_us / 1e6, "s");
  figure("recovery", name_of(options), "rows_per_second", rows / answered_us * 1e6, "1/s");
  return {};
}

Result<void> fill(const StateOptions& options, const std::string& dir) {
  auto* measurement = new Measurement;  // NOLINT: outlives the database, which is never closed
  measurement->hold_sources = true;
  QW_ASSIGN_OR_RETURN(Opened opened, open(dir, measurement));
  QW_TRY(create_source(*opened.session, options, options.keys));
  QW_TRY(create_view(*opened.session, "per_key", kPerKey));
  QW_TRY(create_view(*opened.session, "joined", kJoined));
  QW_TRY(drain(*measurement, options.keys));
  abandon(std::move(opened));
  return {};
}

}  // namespace

int run_upsert(const StateOptions& options) {
  return in_child("upsert", fresh_dir(options.data_dir), Directory::remove,
                  [&](const std::string& dir) { return upsert(options, dir); });
}

int run_backfill(const StateOptions& options) {
  return in_child("backfill", fresh_dir(options.data_dir), Directory::remove,
                  [&](const std::string& dir) { return backfill(options, dir); });
}

int run_recovery(const StateOptions& options) {
  const std::string dir = fresh_dir(options.data_dir);
  const int filled = in_child("recovery", dir, Directory::keep,
                              [&](const std::string& to) { return fill(options, to); });
  const int recovered = in_child("recovery", dir, Directory::remove, [&](const std::string& from) {
    return filled == EX_OK ? recover(options, from) : Result<void>();
  });
  return std::max(filled, recovered);
}

}  // namespace qw::bench
