// GeneratorSource: see generator_source.h.
#include "ingest/generators/generator_source.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "ingest/generators/generators.h"
#include "ingest/options.h"
#include "ingest/position.h"
#include "src/base/assert.h"

namespace qw::ingest {

namespace {

constexpr char kPositionKind = 'g';
constexpr uint64_t kBatchEventsDefault = 20'000;
// A push after a long pause stays bounded.
constexpr uint64_t kCatchUpEventsMax = 200'000;
constexpr int64_t kWaitSliceUs = 10'000;
constexpr int64_t kStatusUs = 500'000;

// What the queue of the engine counts: fixed parts, and texts by their usual size.
size_t estimated_bytes(const SourceTxn& txn) {
  size_t bytes = 256;
  for (const TableChunk& chunk : txn.chunks) {
    for (const Vector& column : chunk.columns) bytes += size_t{chunk.rows} * column.type.bytes();
  }
  return bytes;
}

}  // namespace

Generator::~Generator() = default;

Result<std::unique_ptr<Generator>> Generator::create(SourceKind kind,
                                                     const GeneratorOptions& options) {
  switch (kind) {
    case SourceKind::counter:
      return make_counter(options);
    case SourceKind::auction:
      return make_auction(options);
    case SourceKind::nexmark:
      return make_nexmark(options);
    case SourceKind::key_value:
      return make_key_value(options);
    case SourceKind::kafka:
    case SourceKind::postgres:
    case SourceKind::test:
      break;
  }
  return fail(feature_not_supported("not a load generator"));
}

Result<std::unique_ptr<Source>> GeneratorSource::create(const SourceConfig& config, Clock& clock) {
  auto source = std::make_unique<GeneratorSource>(config, clock);
  OptionReader reader("load generator", source->config_.options);
  const bool nexmark = config.kind == SourceKind::nexmark;
  source->generator_options_.seed = static_cast<uint64_t>(reader.integer("seed", 0, 0, INT64_MAX));
  source->tick_us_ = reader.duration_us("tick_interval", 1'000'000);
  source->rate_ = reader.number("rate", nexmark && !reader.has("tick_interval") ? 0 : -1, 0, 1e9);
  source->batch_events_ = static_cast<uint64_t>(reader.integer(
      "batch_size", nexmark ? kBatchEventsDefault : 1, 1, static_cast<int64_t>(kCatchUpEventsMax)));
  source->up_to_ = static_cast<uint64_t>(reader.integer("up_to", 0, 0, INT64_MAX));
  source->start_time_us_ = reader.timestamp_us("start_time");
  if (source->rate_ < 0) {
    // A batch per tick.
    source->rate_ =
        static_cast<double>(source->batch_events_) * 1e6 / static_cast<double>(source->tick_us_);
  } else if (source->rate_ > 0 && !reader.has("tick_interval")) {
    // Pushes of at least one event, at most a hundred a second.
    source->tick_us_ = std::max<int64_t>(10'000, static_cast<int64_t>(1e6 / source->rate_));
  }
  const double event_rate = source->rate_ > 0 ? source->rate_ : 100'000;
  source->generator_options_.event_rate = reader.number("event_rate", event_rate, 1e-3, 1e9);
  if (config.kind == SourceKind::counter) {
    source->generator_options_.cardinality_max =
        static_cast<uint64_t>(reader.integer("max_cardinality", 0, 0, INT64_MAX));
  }
  if (nexmark) {
    source->generator_options_.hot_channel_ratio = reader.number("hot_channel_ratio", 0.5, 0, 1);
    source->generator_options_.append_only = reader.boolean("append_only", true);
  }
  if (config.kind == SourceKind::key_value) {
    GeneratorOptions& options = source->generator_options_;
    options.keys = static_cast<uint64_t>(reader.integer("keys", 1'000'000, 1, INT64_MAX));
    options.value_bytes = static_cast<uint64_t>(
        reader.integer("value_size", 36, 0, GeneratorOptions::kValueBytesMax));
  }
  QW_TRY(reader.finish());
  if (config.include.size() > 1) {
    return fail(duplicate_column("INCLUDE PROCTIME stands twice"));
  }
  return source;
}

GeneratorSource::~GeneratorSource() { stop(); }

Result<std::vector<SourceTable>> GeneratorSource::describe() {
  if (!config_.stored_tables.empty()) return config_.stored_tables;
  QW_ASSIGN_OR_RETURN(const auto generator, Generator::create(config_.kind, generator_options_));
  std::vector<SourceTable> tables = generator->tables();
  for (SourceTable& table : tables) QW_TRY(describe_proctime(table));
  return tables;
}

Result<void> GeneratorSource::describe_proctime(SourceTable& table) const {
  for (const Include& each : config_.include) {
    const std::string name(each.column_name());
    for (const Column& column : table.columns) {
      if (column.name != name) continue;
      return fail(duplicate_column(fmt::format("column \"{}\" specified more than once", name))
                      .with_hint("INCLUDE PROCTIME AS gives the column another name."));
    }
    // A row that is removed by all its values would have to say when it came.
    if (table.primary_key.empty() && !table.append_only) {
      return fail(feature_not_supported(fmt::format(
          "INCLUDE PROCTIME for table \"{}\", whose rows may be removed and have no key",
          table.name)));
    }
    table.columns.push_back({name, TypeId::timestamptz, false});
  }
  return {};
}

void GeneratorSource::add_proctime(SourceTxn& txn) const {
  const int64_t now_us = clock_.now_us();
  for (TableChunk& chunk : txn.chunks) {
    Vector column = Vector::flat(TypeId::timestamptz, chunk.rows, *txn.arena);
    std::fill_n(column.values<int64_t>(), chunk.rows, now_us);
    chunk.columns.push_back(column);
  }
}

Result<void> GeneratorSource::start(std::string_view position, SourceSink& sink) {
  QW_ASSERT(!thread_.joinable());
  if (position.empty()) {
    next_event_ = 0;
    // Whole seconds read better.
    generator_options_.start_us = start_time_us_.value_or(clock_.now_us() / 1'000'000 * 1'000'000);
  } else {
    PositionReader reader(kPositionKind, position);
    next_event_ = reader.get<uint64_t>();
    generator_options_.start_us = reader.get<int64_t>();
    QW_TRY(reader.finish());
  }
  QW_ASSIGN_OR_RETURN(generator_, Generator::create(config_.kind, generator_options_));
  {
    const std::lock_guard lock(mutex_);
    stopping_ = false;
  }
  thread_ = Thread("qw-generator", [this, &sink] { run(sink); });
  return {};
}

void GeneratorSource::acknowledge(std::string_view) {}

void GeneratorSource::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

bool GeneratorSource::wait_until(int64_t monotonic_us) {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const int64_t left = monotonic_us - clock_.monotonic_us();
    if (left <= 0) return false;
    // In slices: the clock may be a simulated one.
    wake_.wait_for(lock, std::chrono::microseconds(std::min(left, kWaitSliceUs)));
  }
  return true;
}

void GeneratorSource::run(SourceSink& sink) {
  ArenaPool pool;
  SourceStatus status;
  status.tables.resize(generator_->tables().size());
  status.state = SourceState::running;
  sink.status(status);
  const int64_t began_us = clock_.monotonic_us();
  const uint64_t began_event = next_event_;
  int64_t tick = 0, told_us = 0;
  while (up_to_ == 0 || next_event_ < up_to_) {
    uint64_t events = batch_events_;
    if (rate_ > 0) {
      if (wait_until(began_us + tick * tick_us_)) return;
      // What is due by now, so that a slow consumer does not change the rate for good.
      tick = std::max(tick + 1, (clock_.monotonic_us() - began_us) / tick_us_ + 1);
      const double due = static_cast<double>(tick) * static_cast<double>(tick_us_) * rate_ / 1e6;
      const uint64_t target = began_event + static_cast<uint64_t>(due + 1e-6);
      if (target <= next_event_) continue;
      events = std::min(target - next_event_, kCatchUpEventsMax);
    }
    if (up_to_ != 0) events = std::min(events, up_to_ - next_event_);
    SourceTxn txn;
    txn.arena = pool.take();
    generator_->next(next_event_, events, txn);
    if (!config_.include.empty()) add_proctime(txn);
    next_event_ += events;
    txn.position = PositionWriter(kPositionKind)
                       .put<uint64_t>(next_event_)
                       .put<int64_t>(generator_options_.start_us)
                       .take();
    txn.bytes = estimated_bytes(txn);
    txn.upstream_commit_us = clock_.now_us();
    if (!sink.push(std::move(txn))) return;
    if (clock_.monotonic_us() - told_us < kStatusUs) continue;
    told_us = clock_.monotonic_us();
    status.upstream_position = fmt::format("event {}", next_event_);
    sink.status(status);
  }
  status.upstream_position = fmt::format("event {}", next_event_);
  status.state = SourceState::done;
  sink.status(status);
}

}  // namespace qw::ingest
