// GeneratorSource: drives a Generator at a rate and pushes what it makes.
//
// Position: next event and the event time of event 0 (fixed at the first start, so that a resumed
// source goes on as if it had never stopped). A source that fell behind catches up in bigger
// batches. Tests: tests/unit/ingest/generator_test.cc.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "ingest/generator.h"
#include "ingest/source.h"
#include "src/base/clock.h"
#include "src/base/thread.h"

namespace qw::ingest {

class GeneratorSource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> create(const SourceConfig& config, Clock& clock);
  GeneratorSource(SourceConfig config, Clock& clock) : config_(std::move(config)), clock_(clock) {}
  ~GeneratorSource() override;

  Result<std::vector<SourceTable>> describe() override;
  Result<void> start(std::string_view position, SourceSink& sink) override;
  void acknowledge(std::string_view position) override;
  void stop() override;
  Result<void> drop_upstream() override { return {}; }

 private:
  void run(SourceSink& sink);
  Result<void> describe_proctime(SourceTable& table) const;
  void add_proctime(SourceTxn& txn) const;
  // True when asked to stop.
  bool wait_until(int64_t monotonic_us);

  const SourceConfig config_;
  Clock& clock_;
  GeneratorOptions generator_options_;
  double rate_ = 0;  // events per second of real time; 0 = as fast as they are taken
  int64_t tick_us_ = 0;
  uint64_t batch_events_ = 0;  // per push when there is no rate
  uint64_t up_to_ = 0;         // 0 = for ever
  std::optional<int64_t> start_time_us_;
  uint64_t next_event_ = 0;
  std::unique_ptr<Generator> generator_;
  Thread thread_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;  // guarded by mutex_
};

}  // namespace qw::ingest
