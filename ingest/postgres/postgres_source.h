// PostgresSource: a snapshot of tables, then their changes, from one logical replication slot.
//
// start(""): drop a left-over slot of ours, CREATE_REPLICATION_SLOT with an exported snapshot, COPY
// each table under it, then START_REPLICATION where the snapshot ends: no gap, no overlap.
// start(position): checks that the upstream is the one we left (system, timeline, database, slot
// not ahead of us), then goes on. A lost connection is retried with back-off; what cannot heal
// stops the source or one table with a named error.
//
// Threads: one reads and pushes; one sends feedback every second, so that a sink that makes us wait
// never costs the connection. Both use the connection under connection_mutex_.
// Tests: tests/unit/ingest/pgoutput_test.cc (messages), tests/peers/ingest/ (a real server).
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ingest/postgres/catalog.h"
#include "ingest/postgres/connection.h"
#include "ingest/postgres/copy_rows.h"
#include "ingest/postgres/row_decoder.h"
#include "ingest/source.h"
#include "src/base/clock.h"
#include "src/base/random.h"
#include "src/base/thread.h"

namespace qw::ingest {

class PostgresSource final : public Source {
 public:
  static Result<std::unique_ptr<Source>> create(const SourceConfig& config, Clock& clock);
  PostgresSource(SourceConfig config, PgTarget target, std::string publication, Clock& clock);
  ~PostgresSource() override;

  Result<std::vector<SourceTable>> describe() override;
  std::vector<std::pair<std::string, std::string>> warnings() const override { return warnings_; }
  Result<void> start(std::string_view position, SourceSink& sink) override;
  void acknowledge(std::string_view position) override;
  void stop() override;
  Result<void> drop_upstream() override;

 private:
  struct TableRun {
    explicit TableRun(TableWriter rows) : writer(std::move(rows)) {}
    std::optional<RelationMap> map;  // of the last Relation message
    TableWriter writer;
    std::string error;  // "" = running
    uint64_t fingerprint = 0;
    uint64_t files = 0;                         // see TableState
    PgTableForm form;                           // see rewrite_problem()
    Lsn files_changed_at = 0;                   // no later than this; 0 = they have not
    bool truncated = false;                     // came in the stream since the files were looked at
    std::set<std::string, std::less<>> unread;  // columns that came later, for one warning each
  };

  void run(bool from_snapshot);
  Result<void> take_snapshot();
  Result<void> create_slot(PgConnection& replication, PgConnection& normal, std::string& snapshot);
  Result<void> copy_table(PgConnection& connection, uint32_t table);
  Result<bool> copy_rows(PgConnection& connection, uint32_t table, CopyRows& rows);
  Result<void> estimate_rows(PgConnection& connection);

  Result<void> connect_and_check();
  Result<void> check_identity(const SystemIdentity& identity);
  Result<void> check_slot();
  Result<void> wait_for_slot();
  Result<void> stream();
  Result<void> drain(bool& idle);
  Result<void> on_message(std::string_view bytes);
  Result<void> on_wal_data(std::string_view payload);
  Result<void> on_change(const PgMessage& message);
  void on_relation(const PgMessage& message);
  void note_new_columns(uint32_t table, const PgRelation& relation);
  void on_truncate(const PgMessage& message);
  Result<void> poll_catalog();
  Result<void> find_unread_tables();
  void check_files(uint32_t table, uint64_t files, Lsn now);
  Result<void> advance_when_idle();

  void begin_txn();  // drops what was not pushed
  bool push_txn();
  void stop_table(uint32_t table, const std::string& why);
  void report(SourceState state, const std::string& message = "", const std::string& hint = "",
              SqlState code = {"00000"});
  void report_error(SourceState state, const Error& error);
  void send_feedback();
  void feedback_loop();
  std::string encode_position() const;
  std::string slot_name() const;
  std::optional<uint32_t> table_of(uint32_t oid) const;

  const SourceConfig config_;
  const PgTarget target_;
  const std::string publication_;
  Clock& clock_;
  StopSignal stop_;
  SourceSink* sink_ = nullptr;
  std::vector<SourceTable> tables_;
  std::vector<PgTable> pg_tables_;
  std::vector<std::pair<std::string, std::string>> warnings_;

  // The reading thread's.
  std::unique_ptr<PgConnection> normal_;
  std::vector<TableRun> runs_;
  std::map<uint32_t, uint32_t> table_by_oid_;
  PgMessage message_;
  ArenaPool pool_;
  SourceTxn txn_;
  size_t txn_bytes_ = 0, drained_bytes_ = 0;
  bool in_transaction_ = false;
  bool push_before_ = false;  // what is complete goes before the transaction that just began
  PgPosition position_;       // resume = end of what was pushed
  Lsn pending_resume_ = 0;
  int64_t pending_commit_us_ = 0, pending_since_us_ = 0;
  Lsn server_end_ = 0;          // newest WAL position heard of
  bool table_stopped_ = false;  // since the last push
  int64_t last_advance_us_ = 0, last_poll_us_ = 0, last_status_us_ = 0;
  std::vector<std::string> unread_;  // tables that FOR ALL TABLES would read, were it made now
  int64_t last_unread_us_ = 0;
  SourceStatus status_;
  Random random_;

  std::atomic<Lsn> received_ = 0;  // heard of, for feedback
  std::atomic<Lsn> durable_ = 0;   // acknowledged by the engine

  std::mutex connection_mutex_;
  std::unique_ptr<PgConnection> replication_;  // guarded by connection_mutex_ while feedback_ runs
  bool streaming_ = false;                     // guarded by connection_mutex_

  Thread thread_, feedback_;
};

}  // namespace qw::ingest
