// See nexmark_bench.h.
#include "src/bench/nexmark_bench.h"

#include <sysexits.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "ingest/generator.h"
#include "src/base/clock.h"
#include "src/bench/measured.h"
#include "src/bench/nexmark_queries.h"
#include "src/quickwater.h"

namespace qw::bench {
namespace {

struct Case {
  const NexmarkQuery* query = nullptr;
  std::string output, rate;
  std::string name() const { return fmt::format("{}/{}/{}", query->name, output, rate); }
};

void figure(const Case& which, std::string_view metric, double value, std::string_view unit) {
  bench::figure("nexmark", which.name(), metric, value, unit);
}

// Microseconds of CPU that the generator needs for all events when nobody takes its rows: the
// median of five runs over as many, since next to a cheap query it is most of what is measured.
Result<double> generator_cost_us(const NexmarkOptions& options, double event_rate) {
  ingest::GeneratorOptions parameters;
  parameters.event_rate = event_rate;
  parameters.hot_channel_ratio = options.hot_channel_ratio;
  std::array<double, 5> taken_us{};
  for (double& taken : taken_us) {
    QW_ASSIGN_OR_RETURN(const auto generator,
                        ingest::Generator::create(ingest::SourceKind::nexmark, parameters));
    ingest::ArenaPool pool;
    const int64_t began_us = process_cpu_us();
    for (uint64_t at = 0; at < options.events; at += options.batch_events) {
      ingest::SourceTxn txn;
      txn.arena = pool.take();
      generator->next(at, options.batch_events, txn);
    }
    taken = static_cast<double>(process_cpu_us() - began_us);
  }
  std::nth_element(taken_us.begin(), taken_us.begin() + 2, taken_us.end());
  return taken_us[2];
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
  QW_TRY(run_sql(
      *session,
      fmt::format("CREATE SOURCE nexmark FROM LOAD GENERATOR NEXMARK (UP_TO {}, "
                  "EVENT_RATE {:.0f}, BATCH_SIZE {}, HOT_CHANNEL_RATIO {}, "
                  "START_TIME '2026-01-01 00:00:00', APPEND_ONLY {}){}",
                  options.events, rate, options.batch_events, options.hot_channel_ratio,
                  which.query->append_only, which.query->proctime ? " INCLUDE PROCTIME" : "")));
  QW_TRY(run_sql(*session, fmt::format("CREATE MATERIALIZED VIEW {} AS {}", which.query->name,
                                       which.query->sql)));
  warm_memory(options.events);
  QW_ASSIGN_OR_RETURN(const Measured measured, drain(measurement, options.events));
  const auto events = static_cast<double>(options.events);
  // What cannot be told from the generator's noise is not said to be fast.
  const double own_us = std::max(measured.cpu_us - generator_us, generator_us / 20);
  figure(which, "events_per_cpu_second", events / own_us * 1e6, "1/s");
  figure(which, "events_per_cpu_second_with_generator", events / measured.cpu_us * 1e6, "1/s");
  figure(which, "events_per_second", events / measured.wall_us * 1e6, "1/s");
  figure(which, "generator_cpu_per_event", generator_us / events, "us");
  figure(which, "peak_memory", static_cast<double>(measured.peak_bytes), "B");
  if (measurement.drop_view_rows) {
    figure(which, "view_changes", static_cast<double>(measurement.view_rows.load()), "rows");
  } else {
    QW_ASSIGN_OR_RETURN(
        const std::string rows,
        run_sql(*session, fmt::format("SELECT count(*) FROM {}", which.query->name)));
    figure(which, "view_rows", std::stod(rows), "rows");
  }
  if (!options.check) return {};
  QW_ASSIGN_OR_RETURN(const std::vector<std::string> findings, database->check());
  for (const std::string& finding : findings) fmt::print(stderr, "{}\n", finding);
  if (!findings.empty()) return fail(data_corrupted(which.name() + " differs from its query"));
  return {};
}

}  // namespace

int run_nexmark(const NexmarkOptions& options) {
  if (options.list) {
    for (const NexmarkQuery& query : nexmark_queries()) fmt::print("{}\n", query.name);
    return EX_OK;
  }
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
        const Case which{query, output, rate};
        worst = std::max(
            worst, in_child(which.name(), fresh_dir(options.data_dir), Directory::remove,
                            [&](const std::string& dir) { return run_case(which, options, dir); }));
      }
    }
  }
  return worst;
}

}  // namespace qw::bench
