// SourceHost: the running sources of a database: starts and stops them, feeds their transactions to
// the epoch loop, acknowledges upstream after the sync, and keeps the last status of each.
//
// Internally synchronised. Tests: tests/e2e/.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ingest/source.h"
#include "src/base/clock.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "src/engine/epoch_loop.h"

namespace qw::engine {

struct SourceView {
  struct Table {
    std::string name;
    ObjectId relation;
    bool quarantine = false;
  };
  ObjectId id;
  std::string name;
  ingest::SourceStatus status;
  std::vector<Table> tables;   // in the order of status.tables
  int64_t last_commit_us = 0;  // upstream commit time of the newest visible change
  std::string last_error;      // stays when all is well again
  int64_t last_error_us = 0;
};

class SourceHost {
 public:
  SourceHost(EpochLoop& loop, Clock& clock);
  SourceHost(const SourceHost&) = delete;
  SourceHost& operator=(const SourceHost&) = delete;
  ~SourceHost();

  // Takes over a source whose tables are known; `relations[t]` is where table t goes. Pushes begin.
  Result<void> start(ObjectId id, std::string name, std::unique_ptr<ingest::Source> source,
                     std::vector<ObjectId> relations, const std::string& position);
  // Remembers a source that could not be started, for its status.
  void refuse(ObjectId id, const std::string& name, const Error& error);
  // Waits until the initial snapshot is visible, at most `wait_ms`; true = it is. An error when the
  // source has failed. A source without a snapshot has it from the start.
  Result<bool> wait_snapshot(ObjectId id, int64_t wait_ms);
  // Nothing of the source is queued or running afterwards.
  void stop(ObjectId id);
  // Stops and frees what the source holds upstream.
  Result<void> drop(ObjectId id);
  // Frees what a source that did not come into being holds upstream, for as long as it takes.
  void drop_later(std::string name, std::unique_ptr<ingest::Source> source);
  void stop_all();

  std::vector<SourceView> list() const;
  std::optional<SourceView> find(ObjectId id) const;

 private:
  class Running;
  class Abandoned;
  std::shared_ptr<Running> get(ObjectId id) const;
  SourceView view_of(const Running& running) const;

  EpochLoop* loop_;
  Clock* clock_;
  mutable std::mutex mutex_;
  std::map<ObjectId, std::shared_ptr<Running>> running_;  // guarded by mutex_
  std::vector<std::unique_ptr<Abandoned>> abandoned_;     // guarded by mutex_
  std::map<ObjectId, SourceView> refused_;                // guarded by mutex_
};

}  // namespace qw::engine
