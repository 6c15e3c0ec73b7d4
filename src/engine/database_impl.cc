// DatabaseImpl: see database_impl.h.
#include "src/engine/database_impl.h"

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/limits.h"
#include "src/base/random.h"
#include "src/engine/session.h"
#include "src/engine/view_check.h"

namespace qw {

Prepared::~Prepared() = default;
Portal::~Portal() = default;
Session::~Session() = default;
Database::~Database() = default;

Result<std::unique_ptr<Database>> Database::open(const DatabaseOptions& options) {
  QW_ASSIGN_OR_RETURN(auto database, engine::DatabaseImpl::open(options));
  return std::unique_ptr<Database>(std::move(database));
}

}  // namespace qw

namespace qw::engine {
DatabaseImpl::DatabaseImpl(const DatabaseOptions& options)
    : clock_(options.clock == nullptr ? &system_clock_ : options.clock),
      memory_(MemoryShares::of(options.memory_limit_bytes == 0 ? available_memory() / 2
                                                               : options.memory_limit_bytes)),
      query_memory_(std::make_shared<MemoryBudget>(memory_.queries, memory_.process)),
      statement_timer_(system_clock_) {}

Result<std::unique_ptr<DatabaseImpl>> DatabaseImpl::open(const DatabaseOptions& options) {
  return open(options, {});
}

Result<std::unique_ptr<DatabaseImpl>> DatabaseImpl::open(const DatabaseOptions& options,
                                                         const Substitutes& substitutes) {
  if (options.memory_limit_bytes != 0 && options.memory_limit_bytes < MemoryShares::kLimitMin) {
    return fail(invalid_parameter_value(
        fmt::format("the memory limit is at least {} MB", MemoryShares::kLimitMin >> 20)));
  }
  std::unique_ptr<DatabaseImpl> database(new DatabaseImpl(options));
  QW_TRY(database->start(options, substitutes));
  return database;
}

Result<void> DatabaseImpl::start(const DatabaseOptions& options, const Substitutes& substitutes) {
  started_us_ = clock_->now_us();
  if (options.state_memory_bytes != 0) {
    memory_.states = std::min<uint64_t>(options.state_memory_bytes, memory_.states_max);
  }
  if (substitutes.epoch_output) memory_.epoch_output = *substitutes.epoch_output;
  storage::StoreOptions store_options;
  store_options.dir = options.data_dir;
  store_options.ephemeral = options.ephemeral;
  store_options.may_create = options.may_create;
  store_options.clock = clock_;
  store_options.overlay_bytes_max = memory_.overlay;
  store_options.spare_bytes_max = std::min<size_t>(store_options.spare_bytes_max, memory_.kept);
  store_options.direct_bytes_max = memory_.kept;
  store_options.kv = substitutes.kv;
  store_options.journal = substitutes.journal;
  store_options.fold = substitutes.fold;
  store_options.salt = substitutes.salt;
  QW_ASSIGN_OR_RETURN(store_, storage::Store::open(store_options));
  const storage::Catalog::Beside beside{store_->identity(), store_->epoch() == Epoch{}};
  const std::filesystem::path catalog_dir =
      substitutes.kv ? substitutes.catalog_dir : store_->path();
  QW_ASSIGN_OR_RETURN(
      stored_,
      storage::Catalog::open(options.ephemeral ? std::filesystem::path() : catalog_dir, beside));
  if (substitutes.catalog_fault) stored_->set_fault(substitutes.catalog_fault);
  loop_ = std::make_unique<EpochLoop>(*store_, *clock_, memory_, options.measurement);
  loop_->dataflow().limit_memory(memory_.states, catalog_dir, memory_.states_max,
                                 memory_.process != 0 ? memory_.process : UINT64_MAX);
  if (options.backfill_slice_rows != 0) loop_->set_slice_rows(options.backfill_slice_rows);
  if (substitutes.image_start_bytes != 0) loop_->set_image_start(substitutes.image_start_bytes);
  stored_->when_broken([this](const Error& error) { loop_->stop_commits(error); });
  sources_ = std::make_unique<SourceHost>(*loop_, *clock_);
  definitions_ = std::make_unique<Definitions>(*store_, *stored_, *loop_, *sources_, *clock_,
                                               substitutes.sources);
  QW_TRY(definitions_->load());
  QW_TRY(loop_->start());
  query_memory_->relief().set([this] { loop_->relieve_memory(); });
  return definitions_->finish_load();
}

DatabaseImpl::~DatabaseImpl() {
  begin_shutdown();
  query_memory_->relief().set({});
  if (sources_) sources_->stop_all();
  if (loop_) loop_->stop();
}

Result<std::unique_ptr<Session>> DatabaseImpl::connect(const SessionOptions& options) {
  if (shutting_down_) return fail(admin_shutdown("the database system is shutting down"));
  std::unique_ptr<SessionImpl> session;
  {
    const std::lock_guard lock(sessions_mutex_);
    if (sessions_.size() >= limits::kConnectionsMax) {
      return fail(too_many_connections("sorry, too many clients already"));
    }
    const int32_t pid = ++last_pid_;
    session =
        std::make_unique<SessionImpl>(*this, options, pid, static_cast<uint32_t>(entropy_u64()));
    sessions_[pid] = session.get();
  }
  QW_TRY(session->start());
  return std::unique_ptr<Session>(std::move(session));
}

void DatabaseImpl::forget(SessionImpl* session) {
  const std::lock_guard lock(sessions_mutex_);
  sessions_.erase(session->backend_pid());
  advisory_locks_.end_transaction(session->backend_pid());
  advisory_locks_.release_all(session->backend_pid());
}

void DatabaseImpl::cancel(int32_t backend_pid, uint32_t key) {
  const std::lock_guard lock(sessions_mutex_);
  const auto found = sessions_.find(backend_pid);
  if (found != sessions_.end() && found->second->cancel_key() == key) {
    found->second->cancel(false);
  }
}

bool DatabaseImpl::cancel_backend(int32_t pid, bool terminate) {
  const std::lock_guard lock(sessions_mutex_);
  const auto found = sessions_.find(pid);
  if (found == sessions_.end()) return false;
  found->second->cancel(terminate);
  return true;
}

void DatabaseImpl::begin_shutdown() {
  shutting_down_ = true;
  if (loop_) loop_->begin_stop();
  const std::lock_guard lock(sessions_mutex_);
  for (const auto& [pid, session] : sessions_) session->cancel(true);
}

std::vector<Activity> DatabaseImpl::activity() const {
  const std::lock_guard lock(sessions_mutex_);
  std::vector<Activity> out;
  for (const auto& [pid, session] : sessions_) {
    out.push_back({pid, session->options().user, session->options().database, ""});
  }
  return out;
}

Result<std::vector<std::string>> DatabaseImpl::check() {
  QW_ASSIGN_OR_RETURN(std::vector<std::string> findings, store_->check());
  QW_ASSIGN_OR_RETURN(const std::vector<std::string> views, check_views(*this));
  findings.insert(findings.end(), views.begin(), views.end());
  QW_ASSIGN_OR_RETURN(const std::vector<std::string> indexes, check_indexes(*this));
  findings.insert(findings.end(), indexes.begin(), indexes.end());
  return findings;
}

}  // namespace qw::engine
