// SessionImpl: one client's conversation: transactions, prepared statements, settings.
//
// Reads take a snapshot of the last published epoch; a transaction block keeps its first one and
// sees its own writes in front of it. Writes are worked out here and handed to the epoch loop,
// which refuses them when what they saw has changed: a statement on its own is then run again, a
// block fails with 40001. One thread at a time, cancel() from any. Tests: tests/e2e/, tests/sql/.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sql/function.h"
#include "src/base/memory_budget.h"
#include "src/engine/epoch_loop.h"
#include "src/engine/session_calls.h"
#include "src/engine/settings.h"
#include "src/engine/statement.h"
#include "src/engine/statement_timer.h"
#include "src/engine/txn_buffer.h"
#include "src/quickwater.h"
#include "storage/rows.h"
#include "views/query.h"

namespace qw {

class Session::Script {
 public:
  std::string text;
  std::vector<std::shared_ptr<const sql::ParsedStatement>> statements;
};

}  // namespace qw

namespace qw::engine {

class DatabaseImpl;
class DmlRunner;

// A transaction: one statement's own, an implicit one over several, or a block.
struct Transaction {
  bool block = false;  // between BEGIN and COMMIT
  bool failed = false;
  bool read_only = false;
  std::optional<storage::Snapshot> snapshot;
  std::shared_ptr<const CatalogView> view;  // of the snapshot
  TxnBuffer writes;
  struct Savepoint {
    std::string name;
    size_t mark = 0;  // of `writes`
  };
  std::vector<Savepoint> savepoints;
  int64_t now_us = 0;
};

// A SQL-level cursor (DECLARE).
struct SqlCursor {
  std::unique_ptr<Portal> portal;
  Schema columns;
  bool hold = false;
  std::string statement;      // as written, for pg_cursors
  std::optional<Batch> rest;  // rows fetched from the portal and not yet given out
  uint32_t rest_at = 0;
  bool done = false;
};

class SessionImpl final : public Session {
 public:
  SessionImpl(DatabaseImpl& database, SessionOptions options, int32_t pid, uint32_t key);
  ~SessionImpl() override;
  // Applies the start-up settings.
  Result<void> start();

  Result<std::shared_ptr<Script>> parse(std::string_view sql) override;
  Result<std::unique_ptr<Portal>> run(const Script& script, size_t index) override;
  Result<void> end_script(bool failed) override;
  void commit_at_once(bool alone) override { alone_ = alone; }
  Result<std::shared_ptr<Prepared>> prepare(std::string_view sql,
                                            std::span<const Type> parameter_types) override;
  Result<std::unique_ptr<Portal>> execute(std::shared_ptr<Prepared> prepared,
                                          std::vector<Datum> parameters) override;
  Result<void> sync() override;
  Result<void> store_prepared(std::string_view name, std::shared_ptr<Prepared>) override;
  Result<std::shared_ptr<Prepared>> find_prepared(std::string_view name) override;
  void close_prepared(std::string_view name) override;
  TransactionStatus status() const override;
  void mark_failed() override;
  std::vector<std::pair<std::string, std::string>> changed_settings() override;
  const TextStyle& style() const override { return settings_.style(); }
  void on_notice(std::function<void(const Notice&)> callback) override;
  void on_wait(std::function<void()> callback) override { on_wait_ = std::move(callback); }
  void cancel(bool shutdown) override;
  int32_t backend_pid() const override { return pid_; }
  uint32_t cancel_key() const override { return key_; }
  std::string object_name(Type type, uint32_t oid) override;
  Result<Datum> parameter(Type type, std::string_view text) override;
  const Schema* cursor_columns(std::string_view name) const override;

  // For portals.
  DatabaseImpl& database() { return *database_; }
  Settings& settings() { return settings_; }
  const SessionOptions& options() const { return options_; }
  const std::atomic<bool>& cancelled() const { return cancelled_; }
  Error cancel_error() const;
  // The running statement ends with `error`: the block is failed. A cancelled one says by whom.
  Error failed(Error error);
  void notice(const Notice& notice);
  void warn(Error error);
  // The transaction that the next statement belongs to, begun when there is none.
  std::shared_ptr<Transaction> transaction();
  bool in_block() const { return transaction_ && transaction_->block; }
  // Whether a write may be committed as soon as it is worked out.
  bool alone() const { return alone_ && !in_block(); }
  Result<void> begin_block(bool read_only);
  Result<std::string> commit_block();  // the command tag: COMMIT or ROLLBACK
  void rollback();
  Result<void> savepoint(const std::string& name);
  Result<void> release_savepoint(const std::string& name);
  Result<void> rollback_to_savepoint(const std::string& name);
  Result<void> commit_writes();
  // Waits until durable. False = a conflicting write came first, nothing has changed.
  Result<bool> commit(ClientWrite write);
  // DDL cannot be buffered: outside of a block whatever came before it in the script is committed.
  Result<void> before_definition(const std::string& what);
  // A snapshot for one read, with the catalogue that belongs to it.
  Result<void> ensure_snapshot(Transaction& transaction);
  sql::EvalContext eval_context(const Transaction& transaction, const CatalogView& view,
                                std::span<const Datum> parameters);
  Result<void> bind(Statement& statement);
  // Of a statement: what it takes is counted there.
  MemoryAccount new_account() const;
  views::QueryLimits query_limits() const;
  // 53200 when the transaction's writes, `more` bytes of them new, are larger than they may be.
  Result<void> check_writes(size_t more) const;
  std::map<std::string, SqlCursor, std::less<>>& cursors() { return cursors_; }
  std::map<std::string, std::shared_ptr<Prepared>, std::less<>>& prepared() { return prepared_; }

 private:
  // Within the memory of queries: what may throw.
  template <typename Work>
  auto guarded(Work&& work) -> decltype(work());
  Result<std::shared_ptr<Script>> parse_script(std::string_view sql);
  ClientWrite take_writes();
  sql::EvalContext name_context(const CatalogView& view) const;
  Result<std::unique_ptr<Portal>> open(std::shared_ptr<Statement> statement,
                                       std::vector<Datum> parameters);
  Result<void> check_runnable(const Statement& statement) const;

  DatabaseImpl* database_;
  SessionOptions options_;
  const int32_t pid_;
  const uint32_t key_;
  Settings settings_;
  SessionCalls calls_;
  std::shared_ptr<Transaction> transaction_;
  bool alone_ = false;
  std::map<std::string, std::shared_ptr<Prepared>, std::less<>> prepared_;
  std::map<std::string, SqlCursor, std::less<>> cursors_;
  std::function<void(const Notice&)> on_notice_;
  std::function<void()> on_wait_;
  std::atomic<bool> cancelled_ = false, shutdown_ = false, timed_out_ = false;
  StatementTimer::Handle timeout_;
};

}  // namespace qw::engine
