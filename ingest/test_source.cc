// TestSource: see test_source.h.
#include "ingest/test_source.h"

#include <utility>

#include "ingest/position.h"
#include "src/base/assert.h"

namespace qw::ingest {

namespace {
constexpr char kPositionKind = 't';
}  // namespace

TestSource::TestSource(std::vector<SourceTable> tables, std::vector<Step> script)
    : tables_(std::move(tables)), script_(std::move(script)) {
  for (uint32_t table = 0; table < tables_.size(); table++) {
    std::vector<Type> types;
    for (const Column& column : tables_[table].columns) types.push_back(column.type);
    writers_.emplace_back(table, std::move(types));
  }
}

Result<void> TestSource::start(std::string_view position, SourceSink& sink) {
  next_ = 0;
  if (!position.empty()) {
    PositionReader reader(kPositionKind, position);
    next_ = reader.get<uint64_t>();
    QW_TRY(reader.finish());
  }
  sink_ = &sink;
  return {};
}

Result<void> TestSource::drop_upstream() {
  upstream_dropped_ = true;
  return {};
}

bool TestSource::step() {
  QW_ASSERT(sink_ != nullptr);
  if (next_ >= script_.size()) return false;
  SourceTxn txn;
  txn.arena = pool_.take();
  for (TableWriter& writer : writers_) writer.begin(txn);
  script_[next_](txn, writers_);
  for (TableWriter& writer : writers_) writer.finish();
  next_++;
  txn.position = PositionWriter(kPositionKind).put<uint64_t>(next_).take();
  return sink_->push(std::move(txn));
}

void TestSource::status(const SourceStatus& status) {
  QW_ASSERT(sink_ != nullptr);
  sink_->status(status);
}

uint64_t TestSource::position_step(std::string_view position) {
  if (position.empty()) return 0;
  PositionReader reader(kPositionKind, position);
  const uint64_t step = reader.get<uint64_t>();
  QW_ASSERT(reader.finish().has_value());
  return step;
}

}  // namespace qw::ingest
