// The snapshot of a PostgresSource: slot, exported snapshot, COPY.
//
// The exporting connection must stay idle until the snapshot has been imported elsewhere; it then
// becomes the streaming connection. How rows come: copy_rows.h.
#include <algorithm>

#include <fmt/format.h>

#include "ingest/postgres/postgres_source.h"

namespace qw::ingest {

namespace {

constexpr size_t kSliceRows = 20'000;
constexpr size_t kSliceBytes = 2 << 20;

}  // namespace

Result<void> PostgresSource::create_slot(PgConnection& replication, PgConnection& normal,
                                         std::string& snapshot) {
  const std::string slot = slot_name();
  // A slot of ours without a finished snapshot is of no use: what it holds was never copied.
  QW_ASSIGN_OR_RETURN(const PgAnswer old,
                      normal.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = " +
                                   normal.quote_text(slot)));
  if (old.rows() > 0) {
    QW_TRY(wait_for_slot());
    QW_TRY(
        normal.query(fmt::format("SELECT pg_drop_replication_slot({})", normal.quote_text(slot))));
  }
  const auto waiting = [&] {
    // The server waits for every transaction that was running when the slot was asked for.
    const auto blockers = normal.query(
        "SELECT count(*), min(pid), extract(epoch FROM max(now() - xact_start))::int FROM "
        "pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid()");
    if (blockers && blockers->rows() == 1 && blockers->number(0, 0) > 0) {
      report(
          SourceState::snapshotting,
          fmt::format("waiting for {} upstream transaction(s) to end; the oldest has run for {} s",
                      blockers->number(0, 0), blockers->number(0, 2)),
          fmt::format("A process is {}: see pg_stat_activity upstream.", blockers->text(0, 1)));
    }
  };
  QW_ASSIGN_OR_RETURN(const PgAnswer made,
                      replication.query(fmt::format("CREATE_REPLICATION_SLOT {} LOGICAL pgoutput "
                                                    "EXPORT_SNAPSHOT",
                                                    replication.quote_name(slot)),
                                        waiting));
  if (made.rows() != 1) return fail(protocol_violation("no answer to CREATE_REPLICATION_SLOT"));
  QW_ASSIGN_OR_RETURN(position_.resume, parse_lsn(made.text(0, 1)));
  snapshot = made.text(0, 2);
  return {};
}

// None (0) while one of the tables was never analysed.
Result<void> PostgresSource::estimate_rows(PgConnection& connection) {
  std::vector<uint32_t> oids;
  for (const PgTable& table : pg_tables_) oids.push_back(table.oid);
  QW_ASSIGN_OR_RETURN(
      const PgAnswer answer,
      connection.query(
          fmt::format("SELECT CASE WHEN min(reltuples) < 0 THEN 0 "
                      "ELSE coalesce(sum(reltuples), 0) END::int8 FROM pg_class WHERE oid IN ({})",
                      fmt::join(oids, ","))));
  status_.snapshot_rows_estimated = static_cast<uint64_t>(answer.number(0, 0));
  return {};
}

Result<void> PostgresSource::take_snapshot() {
  report(SourceState::snapshotting);
  QW_ASSIGN_OR_RETURN(replication_,
                      PgConnection::open(target_, PgConnection::Mode::replication, stop_));
  QW_ASSIGN_OR_RETURN(normal_, PgConnection::open(target_, PgConnection::Mode::normal, stop_));
  QW_ASSIGN_OR_RETURN(const SystemIdentity identity, identify_system(*replication_));
  position_ = {};
  position_.system_id = identity.system_id;
  position_.timeline = identity.timeline;
  position_.database = identity.database;
  // Membership is read before the slot exists: a change in between shows as a difference later.
  QW_ASSIGN_OR_RETURN(const auto states, read_table_states(*normal_, publication_, pg_tables_));
  for (uint32_t table = 0; table < runs_.size(); table++) {
    const auto state = states.find(pg_tables_[table].oid);
    if (state != states.end()) {
      runs_[table].fingerprint = state->second.fingerprint;
      runs_[table].files = state->second.files;
      static_cast<void>(rewrite_problem(runs_[table].form, state->second));  // as it is now
    }
    const std::string problem = table_problem(pg_tables_[table], runs_[table].fingerprint,
                                              state == states.end() ? nullptr : &state->second);
    if (!problem.empty()) {
      return fail(object_not_in_prerequisite_state(
          fmt::format("table {}: {}", pg_tables_[table].qualified(), problem)));
    }
  }
  QW_TRY(estimate_rows(*normal_));
  std::string snapshot;
  QW_TRY(create_slot(*replication_, *normal_, snapshot));
  QW_TRY(normal_->query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
  QW_TRY(normal_->query("SET TRANSACTION SNAPSHOT " + normal_->quote_text(snapshot)));
  begin_txn();
  for (uint32_t table = 0; table < pg_tables_.size(); table++) QW_TRY(copy_table(*normal_, table));
  QW_TRY(normal_->query("COMMIT"));
  for (TableRun& run : runs_) run.writer.finish();
  txn_.snapshot = true;
  txn_.snapshot_done = true;
  pending_resume_ = position_.resume;
  if (!push_txn()) return fail(query_canceled("the source was asked to stop"));
  return {};
}

Result<void> PostgresSource::copy_table(PgConnection& connection, uint32_t table) {
  const PgTable& pg = pg_tables_[table];
  std::vector<CopyRows::Column> columns;
  std::string names;
  for (uint32_t index = 0; index < pg.columns.size(); index++) {
    const PgColumn& column = pg.columns[index];
    columns.push_back({column.name, tables_[table].columns[index].type, column.type_oid});
    if (index > 0) names += ", ";
    names += connection.quote_name(column.name);
  }
  CopyRows rows(std::move(columns));
  // ONLY: rows of inheriting tables are not in the stream of their parent; partitions are.
  const std::string sql = fmt::format(
      "COPY (SELECT {} FROM {}{}.{}{}) TO STDOUT{}", names, pg.partitioned ? "" : "ONLY ",
      connection.quote_name(pg.schema), connection.quote_name(pg.name),
      pg.row_filter.empty() ? "" : " WHERE " + pg.row_filter,
      rows.is_binary() ? " (FORMAT binary)" : "");
  QW_TRY(connection.start_copy(sql));
  bool more = true;
  while (more) {
    QW_ASSIGN_OR_RETURN(more, copy_rows(connection, table, rows));
    const bool full = txn_.rows >= kSliceRows || txn_bytes_ >= kSliceBytes;
    if (!more || full) report(SourceState::snapshotting);
    if (!full) continue;
    for (TableRun& run : runs_) run.writer.finish();
    txn_.snapshot = true;
    txn_.bytes = txn_bytes_;
    // No position: an unfinished snapshot starts again from nothing.
    if (!sink_->push(std::move(txn_))) return fail(query_canceled("the source was asked to stop"));
    begin_txn();
  }
  return connection.finish_copy();
}

// Reads until a slice is full or nothing has arrived; false at the end of the table.
Result<bool> PostgresSource::copy_rows(PgConnection& connection, uint32_t table, CopyRows& rows) {
  TableWriter& writer = runs_[table].writer;
  const size_t columns = pg_tables_[table].columns.size();
  for (size_t taken = 0; taken < kSliceRows && txn_bytes_ < kSliceBytes; taken++) {
    std::string_view message;
    QW_ASSIGN_OR_RETURN(const PgConnection::Read read, connection.read_copy(message));
    if (read == PgConnection::Read::end) return false;
    if (read == PgConnection::Read::nothing_yet) {
      QW_TRY(connection.wait_readable(std::chrono::milliseconds(1000)));
      continue;
    }
    auto row = rows.read(message, writer);
    if (!row) {
      return fail(
          std::move(row.error()).in(fmt::format("table {}", pg_tables_[table].qualified())));
    }
    if (!*row) continue;
    txn_bytes_ += message.size() + 16 * columns;
    status_.snapshot_rows_done++;
  }
  return true;
}

}  // namespace qw::ingest
