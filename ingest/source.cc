// Source: see source.h. The factory is the one place that knows all kinds.
#include "ingest/source.h"

#include <utility>

#include "ingest/generators/generator_source.h"
#include "ingest/kafka/kafka_source.h"
#include "ingest/postgres/postgres_source.h"

namespace qw::ingest {

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

}  // namespace qw::ingest
