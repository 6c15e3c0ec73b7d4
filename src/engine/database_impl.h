// DatabaseImpl: everything that lives as long as the database, wired together.
//
// Owns store, catalogue, epoch loop, sources, definitions and the list of sessions. Internally
// synchronised. Tests: tests/e2e/, tests/crash/.
#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/memory_budget.h"
#include "src/engine/advisory_locks.h"
#include "src/engine/definitions.h"
#include "src/engine/epoch_loop.h"
#include "src/engine/memory_shares.h"
#include "src/engine/source_host.h"
#include "src/engine/statement_timer.h"
#include "src/quickwater.h"
#include "storage/catalog.h"
#include "storage/store.h"
#include "views/query.h"

namespace qw::engine {

class SessionImpl;

// A row of pg_stat_activity.
struct Activity {
  int32_t pid = 0;
  std::string user, database, application;
};

// What a simulation puts in the places of disk and upstreams.
struct Substitutes {
  std::shared_ptr<storage::Kv> kv;
  std::shared_ptr<storage::Journal> journal;  // may be null
  std::filesystem::path catalog_dir;
  std::function<storage::CommitFault()> catalog_fault;
  storage::FoldPolicy fold = storage::FoldPolicy::cost;
  uint64_t salt = 0;              // of FoldPolicy::shuffled
  int64_t image_start_bytes = 0;  // of log, before images begin
  // Beyond which views are worked out one after the other; none = as the memory limit says.
  std::optional<uint64_t> epoch_output;
  Definitions::MakeSource sources;  // in place of ingest::Source::create
};

class DatabaseImpl final : public Database {
 public:
  static Result<std::unique_ptr<DatabaseImpl>> open(const DatabaseOptions& options);
  static Result<std::unique_ptr<DatabaseImpl>> open(const DatabaseOptions& options,
                                                    const Substitutes& substitutes);
  ~DatabaseImpl() override;

  Result<std::unique_ptr<Session>> connect(const SessionOptions& options) override;
  void cancel(int32_t backend_pid, uint32_t key) override;
  size_t message_bytes_max() const override { return memory_.message; }
  void begin_shutdown() override;
  Result<std::vector<std::string>> check() override;

  storage::Store& store() { return *store_; }
  storage::Catalog& stored() { return *stored_; }
  EpochLoop& loop() { return *loop_; }
  SourceHost& sources() { return *sources_; }
  Definitions& definitions() { return *definitions_; }
  Clock& clock() { return *clock_; }
  const MemoryShares& memory() const { return memory_; }
  // What running statements may take together.
  const std::shared_ptr<MemoryBudget>& query_memory() const { return query_memory_; }
  void forget(SessionImpl* session);
  std::vector<Activity> activity() const;
  bool cancel_backend(int32_t pid, bool terminate);
  AdvisoryLocks& advisory_locks() { return advisory_locks_; }
  StatementTimer& statement_timer() { return statement_timer_; }
  int64_t started_us() const { return started_us_; }

 private:
  explicit DatabaseImpl(const DatabaseOptions& options);
  Result<void> start(const DatabaseOptions& options, const Substitutes& substitutes);

  SystemClock system_clock_;
  Clock* clock_;
  MemoryShares memory_;
  std::shared_ptr<MemoryBudget> query_memory_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<storage::Catalog> stored_;
  std::unique_ptr<EpochLoop> loop_;
  std::unique_ptr<SourceHost> sources_;
  std::unique_ptr<Definitions> definitions_;

  mutable std::mutex sessions_mutex_;
  std::map<int32_t, SessionImpl*> sessions_;  // guarded by sessions_mutex_
  int32_t last_pid_ = 0;
  std::atomic<bool> shutting_down_ = false;
  AdvisoryLocks advisory_locks_;
  StatementTimer statement_timer_;
  int64_t started_us_ = 0;
};

}  // namespace qw::engine
