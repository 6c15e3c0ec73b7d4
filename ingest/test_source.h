// TestSource: pushes what a script says, for simulations of the engine.
//
// The script is a list of steps; the position is the number of steps pushed, so a resumed source
// goes on where the commit left off. step() pushes the next one on the caller's thread
// (deterministic simulation); start() only remembers the sink. One thread. Tests:
// tests/unit/ingest/generator_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/source.h"

namespace qw::ingest {

class TestSource final : public Source {
 public:
  // Builds one txn; called again with the same index after a restart, and must do the same then.
  using Step = std::function<void(SourceTxn& txn, std::vector<TableWriter>& writers)>;
  TestSource(std::vector<SourceTable> tables, std::vector<Step> script);

  Result<std::vector<SourceTable>> describe() override { return tables_; }
  Result<void> start(std::string_view position, SourceSink& sink) override;
  void acknowledge(std::string_view position) override { acknowledged_ = std::string(position); }
  void stop() override { sink_ = nullptr; }
  Result<void> drop_upstream() override;

  // Pushes the next step; false at the end of the script or when the sink stopped.
  bool step();
  void status(const SourceStatus& status);
  static uint64_t position_step(std::string_view position);
  const std::string& acknowledged() const { return acknowledged_; }
  bool upstream_dropped() const { return upstream_dropped_; }

 private:
  const std::vector<SourceTable> tables_;
  const std::vector<Step> script_;
  std::vector<TableWriter> writers_;
  ArenaPool pool_;
  SourceSink* sink_ = nullptr;
  uint64_t next_ = 0;
  std::string acknowledged_;
  bool upstream_dropped_ = false;
};

}  // namespace qw::ingest
