// Source: see source.h. The factory is the one place that knows all kinds.
#include "ingest/source.h"

#include <chrono>
#include <utility>

#include "ingest/generators/generator_source.h"
#include "ingest/kafka/client.h"
#include "ingest/kafka/kafka_source.h"
#include "ingest/options.h"
#include "ingest/postgres/connection.h"
#include "ingest/postgres/postgres_source.h"
#include "ingest/stop_signal.h"
#include "src/base/assert.h"

namespace qw::ingest {

std::string_view default_name(IncludeKind kind) {
  switch (kind) {
    case IncludeKind::key:
      return "key";
    case IncludeKind::partition:
      return "partition";
    case IncludeKind::offset:
      return "offset";
    case IncludeKind::timestamp:
      return "timestamp";
    case IncludeKind::headers:
      return "headers";
    case IncludeKind::proctime:
      return "proctime";
  }
  return "";
}

SourceSink::~SourceSink() = default;
Source::~Source() = default;

std::string_view to_string(SourceState state) {
  switch (state) {
    case SourceState::starting:
      return "starting";
    case SourceState::snapshotting:
      return "snapshotting";
    case SourceState::running:
      return "running";
    case SourceState::stalled:
      return "stalled";
    case SourceState::failed:
      return "failed";
    case SourceState::stopped:
      return "stopped";
    case SourceState::done:
      return "done";
  }
  return "";
}

Result<std::unique_ptr<Source>> Source::create(SourceConfig config, Clock& clock) {
  switch (config.kind) {
    case SourceKind::counter:
    case SourceKind::auction:
    case SourceKind::nexmark:
    case SourceKind::key_value:
      return GeneratorSource::create(config, clock);
    case SourceKind::postgres:
      return PostgresSource::create(config, clock);
    case SourceKind::kafka:
      return KafkaSource::create(config, clock);
    case SourceKind::test:
      break;
  }
  return fail(feature_not_supported("a test source is made by the test that scripts it"));
}

Result<void> check_connection(const SourceConfig& config) {
  if (config.kind == SourceKind::kafka) {
    QW_TRY(KafkaClient::open(config));
  } else {
    QW_ASSERT(config.kind == SourceKind::postgres);
    QW_TRY(pg_target(config));
  }
  return {};
}

Result<void> try_connection(const SourceConfig& config) {
  constexpr std::chrono::milliseconds kTimeout{10'000};
  const StopSignal never;
  QW_TRY(never.usable());
  Result<void> answer;
  if (config.kind == SourceKind::kafka) {
    QW_ASSIGN_OR_RETURN(const auto client, KafkaClient::open(config));
    answer = client->ping(kTimeout, never);
  } else {
    QW_ASSERT(config.kind == SourceKind::postgres);
    QW_ASSIGN_OR_RETURN(const PgTarget target, pg_target(config));
    const auto connection = PgConnection::open(target, PgConnection::Mode::normal, never);
    if (!connection) answer = fail(connection.error());
  }
  if (!answer) return fail(scrub(answer.error(), config.secrets));
  return {};
}

}  // namespace qw::ingest
