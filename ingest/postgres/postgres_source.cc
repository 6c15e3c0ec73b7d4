// PostgresSource: see postgres_source.h. Start, restart checks, the stream, feedback.
#include "ingest/postgres/postgres_source.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "ingest/options.h"
#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/log.h"

namespace qw::ingest {

namespace {

using std::chrono::milliseconds;

constexpr int64_t kSecondUs = 1'000'000;
constexpr int64_t kAdvanceUs = 10 * kSecondUs;  // an idle position is stored this often
constexpr Lsn kAdvanceBytes = 16 << 20;         // or when this much WAL has passed
constexpr int64_t kPollUs = kSecondUs;
constexpr int64_t kStatusUs = kSecondUs / 2;
constexpr size_t kCombinedBytesMax = 64 << 10;  // small transactions share a txn up to this
constexpr int64_t kCombinedUs = 2000;           // and for no longer than this
constexpr size_t kDrainBytesMax = 1 << 20;
constexpr int64_t kBackOffFirstMs = 100, kBackOffMaxMs = 10'000;
constexpr int64_t kUnreadUs = 10 * kSecondUs;
constexpr int64_t kSlotWaitUs = 60 * kSecondUs;

}  // namespace

Result<std::unique_ptr<Source>> PostgresSource::create(const SourceConfig& config, Clock& clock) {
  QW_ASSIGN_OR_RETURN(PgTarget target, pg_target(config));
  OptionReader reader("Postgres source", config.options);
  std::string publication = reader.required_text("publication");
  QW_TRY(reader.finish());
  if (!config.include.empty() || config.envelope != Envelope::none) {
    return fail(feature_not_supported("INCLUDE and ENVELOPE belong to Kafka sources"));
  }
  auto source =
      std::make_unique<PostgresSource>(config, std::move(target), std::move(publication), clock);
  QW_TRY(source->stop_.usable());
  return source;
}

PostgresSource::PostgresSource(SourceConfig config, PgTarget target, std::string publication,
                               Clock& clock)
    : config_(std::move(config)),
      target_(std::move(target)),
      publication_(std::move(publication)),
      clock_(clock),
      random_(entropy_u64()) {}

PostgresSource::~PostgresSource() { stop(); }

std::string PostgresSource::slot_name() const {
  std::string name = fmt::format("quickwater_{}_{}", config_.database_id, config_.id);
  for (char& letter : name) {
    const auto byte = static_cast<unsigned char>(letter);
    letter = std::isalnum(byte) != 0 ? static_cast<char>(std::tolower(byte)) : '_';
  }
  return name.substr(0, 63);
}

std::optional<uint32_t> PostgresSource::table_of(uint32_t oid) const {
  const auto found = table_by_oid_.find(oid);
  if (found == table_by_oid_.end()) return std::nullopt;
  return found->second;
}

Result<std::vector<SourceTable>> PostgresSource::describe() {
  if (config_.stored_tables.empty()) {
    QW_ASSIGN_OR_RETURN(const auto connection,
                        PgConnection::open(target_, PgConnection::Mode::normal, stop_));
    QW_ASSIGN_OR_RETURN(Upstream upstream, describe_upstream(*connection, config_, publication_));
    // The right to replicate shows only by trying.
    QW_ASSIGN_OR_RETURN(const auto replication,
                        PgConnection::open(target_, PgConnection::Mode::replication, stop_));
    QW_TRY(identify_system(*replication));
    warnings_ = std::move(upstream.warnings);
    tables_.clear();
    pg_tables_.clear();
    for (UpstreamTable& each : upstream.tables) {
      tables_.push_back(std::move(each.table));
      pg_tables_.push_back(std::move(each.pg));
    }
    return tables_;
  }
  tables_ = config_.stored_tables;
  pg_tables_.clear();
  for (const SourceTable& table : tables_) {
    QW_ASSIGN_OR_RETURN(PgTable pg, PgTable::decode(table.descriptor));
    pg_tables_.push_back(std::move(pg));
  }
  return tables_;
}

Result<void> PostgresSource::start(std::string_view position, SourceSink& sink) {
  QW_ASSERT(!thread_.joinable());
  if (tables_.empty()) QW_TRY(describe());
  stop_.clear();
  sink_ = &sink;
  runs_.clear();
  table_by_oid_.clear();
  for (uint32_t table = 0; table < tables_.size(); table++) {
    std::vector<Type> types;
    for (const Column& column : tables_[table].columns) types.push_back(column.type);
    runs_.push_back(TableRun(TableWriter(table, std::move(types))));
    table_by_oid_[pg_tables_[table].oid] = table;
  }
  status_ = {};
  status_.tables.resize(tables_.size());
  if (!position.empty()) {
    QW_ASSIGN_OR_RETURN(position_, PgPosition::decode(position));
    if (position_.tables.size() != tables_.size()) {
      return fail(data_corrupted("the source position is of another set of tables"));
    }
    for (uint32_t table = 0; table < runs_.size(); table++) {
      runs_[table].fingerprint = position_.tables[table].fingerprint;
      runs_[table].files = position_.tables[table].files;
      runs_[table].form = position_.tables[table].form;
      runs_[table].error = position_.tables[table].error;
    }
    durable_ = position_.resume;
    received_ = position_.resume;
  }
  thread_ = Thread("qw-postgres", [this, fresh = position.empty()] { run(fresh); });
  feedback_ = Thread("qw-pg-feedback", [this] { feedback_loop(); });
  return {};
}

void PostgresSource::acknowledge(std::string_view position) {
  const Result<PgPosition> decoded = PgPosition::decode(position);
  if (!decoded) return;
  Lsn seen = durable_.load();
  while (seen < decoded->resume && !durable_.compare_exchange_weak(seen, decoded->resume)) {
  }
}

void PostgresSource::stop() {
  stop_.raise();
  thread_.join();
  feedback_.join();
  sink_ = nullptr;
  replication_.reset();
  normal_.reset();
}

Result<void> PostgresSource::drop_upstream() {
  stop();
  stop_.clear();
  const auto drop = [&]() -> Result<void> {
    QW_ASSIGN_OR_RETURN(normal_, PgConnection::open(target_, PgConnection::Mode::normal, stop_));
    const std::string slot = normal_->quote_text(slot_name());
    QW_ASSIGN_OR_RETURN(
        const PgAnswer found,
        normal_->query("SELECT 1 FROM pg_replication_slots WHERE slot_name = " + slot));
    if (found.rows() == 0) return {};
    QW_TRY(wait_for_slot());
    QW_TRY(normal_->query(fmt::format("SELECT pg_drop_replication_slot({})", slot)));
    return {};
  };
  Result<void> dropped = drop();
  normal_.reset();
  if (dropped) return {};
  return fail(Error(dropped.error().code(),
                    fmt::format("replication slot \"{}\" is left behind upstream", slot_name()))
                  .with_detail(dropped.error().message())
                  .with_hint(fmt::format("On the upstream: SELECT pg_drop_replication_slot('{}');",
                                         slot_name())));
}

// ---- the reading thread

void PostgresSource::run(bool from_snapshot) {
  if (from_snapshot) {
    if (const Result<void> taken = take_snapshot(); !taken) {
      if (!stop_.raised()) report_error(SourceState::failed, taken.error());
      return;
    }
  }
  int64_t back_off_ms = kBackOffFirstMs;
  bool first = from_snapshot;  // the snapshot's connection goes on into the stream
  while (!stop_.raised()) {
    Result<void> result;
    if (!first) {
      {
        const std::lock_guard lock(connection_mutex_);
        streaming_ = false;
        replication_.reset();
      }
      normal_.reset();
      result = connect_and_check();
    }
    first = false;
    if (result) {
      const int64_t began_us = clock_.monotonic_us();
      result = stream();
      if (clock_.monotonic_us() - began_us > 10 * kSecondUs) back_off_ms = kBackOffFirstMs;
    }
    if (stop_.raised()) break;
    QW_ASSERT(!result);
    if (!is_transient(result.error())) {
      report_error(SourceState::failed, result.error());
      break;
    }
    report_error(SourceState::stalled, result.error());
    // Half to whole: sources that lost one server do not come back in step.
    const int64_t wait_ms = back_off_ms / 2 + random_.between(0, back_off_ms / 2);
    back_off_ms = std::min(back_off_ms * 2, kBackOffMaxMs);
    stop_.wait(milliseconds(wait_ms));
  }
  const std::lock_guard lock(connection_mutex_);
  streaming_ = false;
}

Result<void> PostgresSource::check_identity(const SystemIdentity& identity) {
  if (identity.system_id != position_.system_id) {
    return fail(object_not_in_prerequisite_state("the upstream is another database cluster")
                    .with_detail(fmt::format("Its system identifier is {}, it was {}.",
                                             identity.system_id, position_.system_id))
                    .with_hint("DROP SOURCE and create it again to read the new cluster."));
  }
  if (identity.database != position_.database) {
    return fail(object_not_in_prerequisite_state(
        fmt::format("the connection leads to database \"{}\", the source read \"{}\"",
                    identity.database, position_.database)));
  }
  if (identity.timeline == position_.timeline) {
    if (identity.wal_end >= position_.resume) return {};
    QW_ASSIGN_OR_RETURN(const PgAnswer standby, normal_->query("SELECT pg_is_in_recovery()"));
    if (standby.flag(0, 0)) {
      return fail(connection_failure(fmt::format(
          "the upstream is a standby that has come to {} and is to reach {}, which was read before",
          format_lsn(identity.wal_end), format_lsn(position_.resume))));
    }
    return fail(
        object_not_in_prerequisite_state("the upstream lacks changes that were read")
            .with_detail(fmt::format("Its WAL ends at {}, read up to {} on the same timeline.",
                                     format_lsn(identity.wal_end), format_lsn(position_.resume)))
            .with_hint("It was restored from a copy. DROP SOURCE and create it again."));
  }
  // After a fail-over the new server must have had everything that we read.
  QW_ASSIGN_OR_RETURN(const PgAnswer history,
                      replication_->query(fmt::format("TIMELINE_HISTORY {}", identity.timeline)));
  std::string lines = history.text(0, 1);
  for (size_t from = 0; from < lines.size();) {
    const size_t end = std::min(lines.find('\n', from), lines.size());
    const std::string line = lines.substr(from, end - from);
    from = end + 1;
    const size_t digits = line.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string::npos) continue;
    if (std::stoul(line.substr(0, digits)) != position_.timeline) continue;
    const size_t lsn_at = line.find_first_not_of(" \t", digits);
    const size_t lsn_end = line.find_first_of(" \t", lsn_at);
    QW_ASSIGN_OR_RETURN(const Lsn switched, parse_lsn(line.substr(lsn_at, lsn_end - lsn_at)));
    if (position_.resume <= switched) {
      position_.timeline = identity.timeline;
      return {};
    }
  }
  return fail(
      object_not_in_prerequisite_state(
          fmt::format("the upstream is on timeline {}, which does not contain all that was read",
                      identity.timeline))
          .with_detail(fmt::format("Read up to {} on timeline {}.", format_lsn(position_.resume),
                                   position_.timeline))
          .with_hint("It was restored or failed over to a server that lacked changes. DROP SOURCE "
                     "and create it again."));
}

// Waits until no walsender holds the slot; one of our own that outlived its connection is ended.
Result<void> PostgresSource::wait_for_slot() {
  const int64_t deadline_us = clock_.monotonic_us() + kSlotWaitUs;
  bool asked = false;
  while (true) {
    QW_ASSIGN_OR_RETURN(
        const PgAnswer holder,
        normal_->query(fmt::format(
            "SELECT s.active_pid, a.application_name = {} FROM pg_replication_slots s "
            "LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid "
            "WHERE s.slot_name = {} AND s.active_pid IS NOT NULL",
            normal_->quote_text(target_.application_name), normal_->quote_text(slot_name()))));
    if (holder.rows() == 0) return {};
    if (!asked && holder.flag(0, 1)) {
      // Not allowed for every user; then its time-out ends it.
      static_cast<void>(
          normal_->query(fmt::format("SELECT pg_terminate_backend({})", holder.number(0, 0))));
      asked = true;
      continue;
    }
    if (clock_.monotonic_us() > deadline_us) {
      return fail(
          object_in_use(fmt::format("replication slot \"{}\" is in use by process {} upstream",
                                    slot_name(), holder.number(0, 0))));
    }
    if (sink_ != nullptr) {
      report(SourceState::stalled,
             fmt::format("waiting for upstream process {} to release slot \"{}\"",
                         holder.number(0, 0), slot_name()));
    }
    if (stop_.wait(milliseconds(200))) return fail(query_canceled("the source was asked to stop"));
  }
}

Result<void> PostgresSource::check_slot() {
  QW_ASSIGN_OR_RETURN(
      const PgAnswer slot,
      normal_->query(
          "SELECT confirmed_flush_lsn, to_jsonb(s) ->> 'wal_status', restart_lsn IS NULL FROM "
          "pg_replication_slots s WHERE slot_name = " +
          normal_->quote_text(slot_name())));
  if (slot.rows() == 0) {
    return fail(object_not_in_prerequisite_state(
                    fmt::format("replication slot \"{}\" is gone", slot_name()))
                    .with_detail("Changes since the last one read are lost.")
                    .with_hint("DROP SOURCE and create it again."));
  }
  if (slot.text(0, 1) == "lost" || slot.flag(0, 2)) {
    return fail(
        object_not_in_prerequisite_state(
            fmt::format("replication slot \"{}\" was invalidated upstream", slot_name()))
            .with_detail("The server removed WAL that was not read yet.")
            .with_hint("Raise max_slot_wal_keep_size upstream. DROP SOURCE and create it again."));
  }
  QW_ASSIGN_OR_RETURN(const Lsn confirmed, parse_lsn(slot.text(0, 0)));
  if (confirmed > position_.resume) {
    // The server would silently begin at the later of the two.
    return fail(
        object_not_in_prerequisite_state(
            fmt::format("replication slot \"{}\" is ahead of the source", slot_name()))
            .with_detail(fmt::format("The slot is at {}, the source at {}: what lies between was "
                                     "read by someone else or the slot was made anew.",
                                     format_lsn(confirmed), format_lsn(position_.resume)))
            .with_hint("DROP SOURCE and create it again."));
  }
  return {};
}

Result<void> PostgresSource::connect_and_check() {
  if (status_.state != SourceState::stalled) report(SourceState::starting);
  QW_ASSIGN_OR_RETURN(auto replication,
                      PgConnection::open(target_, PgConnection::Mode::replication, stop_));
  QW_ASSIGN_OR_RETURN(normal_, PgConnection::open(target_, PgConnection::Mode::normal, stop_));
  QW_ASSIGN_OR_RETURN(const SystemIdentity identity, identify_system(*replication));
  {
    const std::lock_guard lock(connection_mutex_);
    replication_ = std::move(replication);
  }
  QW_TRY(check_identity(identity));
  if (normal_->server_version() < 160'000) {
    QW_ASSIGN_OR_RETURN(const PgAnswer recovery, normal_->query("SELECT pg_is_in_recovery()"));
    // Decoding would be refused for good, but recovery ends.
    if (recovery.flag(0, 0)) return fail(connection_failure("the upstream is still in recovery"));
  }
  QW_TRY(check_slot());
  return wait_for_slot();
}

Result<void> PostgresSource::stream() {
  QW_TRY(replication_->start_copy(
      fmt::format("START_REPLICATION SLOT {} LOGICAL {} (proto_version '1', publication_names {})",
                  replication_->quote_name(slot_name()), format_lsn(position_.resume),
                  replication_->quote_text(replication_->quote_name(publication_)))));
  // Again, now that nobody else can move the slot.
  QW_TRY(check_slot());
  QW_TRY(poll_catalog());
  for (TableRun& run : runs_) run.map.reset();
  in_transaction_ = false;
  push_before_ = false;
  pending_resume_ = position_.resume;
  begin_txn();
  {
    const std::lock_guard lock(connection_mutex_);
    streaming_ = true;
  }
  report(SourceState::running);
  while (!stop_.raised()) {
    bool idle = false;
    QW_TRY(drain(idle));
    if (pending_resume_ > position_.resume && (!in_transaction_ || push_before_)) {
      push_before_ = false;
      if (!push_txn()) break;
    }
    const int64_t now_us = clock_.monotonic_us();
    if (now_us - last_poll_us_ >= kPollUs) QW_TRY(poll_catalog());
    if (idle) QW_TRY(advance_when_idle());
    if (now_us - last_status_us_ >= kStatusUs) report(SourceState::running);
    if (idle) QW_TRY(replication_->wait_readable(milliseconds(250)));
  }
  return fail(query_canceled("the source was asked to stop"));
}

// Takes what has arrived, up to a whole txn's worth. `idle`: nothing is left to take.
Result<void> PostgresSource::drain(bool& idle) {
  const std::lock_guard lock(connection_mutex_);
  while (in_transaction_ || txn_bytes_ < kCombinedBytesMax) {
    std::string_view bytes;
    QW_ASSIGN_OR_RETURN(const PgConnection::Read read, replication_->read_copy(bytes));
    if (read == PgConnection::Read::nothing_yet) {
      idle = true;
      return {};
    }
    if (read == PgConnection::Read::end) {
      QW_TRY(replication_->finish_copy());
      return fail(connection_failure("the server ended the replication stream"));
    }
    QW_TRY(on_message(bytes));
    if (push_before_) return {};
    // A huge transaction must not keep the feedback thread out for long.
    if (in_transaction_ && txn_bytes_ - drained_bytes_ > kDrainBytesMax) {
      drained_bytes_ = txn_bytes_;
      return {};
    }
  }
  return {};
}

Result<void> PostgresSource::on_message(std::string_view bytes) {
  ByteReader reader(bytes);
  const char kind = reader.read<char>().value_or('\0');
  if (kind == 'w') {
    reader.read_be<uint64_t>();  // LSN of this piece: those of changes are of no use
    const Lsn end = reader.read_be<uint64_t>().value_or(0);
    const auto sent_us = reader.read_be<int64_t>();
    if (!sent_us) return fail(protocol_violation("short replication message"));
    server_end_ = std::max(server_end_, end);
    return on_wal_data(bytes.substr(reader.position()));
  }
  if (kind == 'k') {
    const Lsn end = reader.read_be<uint64_t>().value_or(0);
    reader.read_be<int64_t>();
    const auto reply = reader.read<uint8_t>();
    if (!reply) return fail(protocol_violation("short replication keepalive"));
    // Not monotonic just after the start.
    server_end_ = std::max(server_end_, end);
    if (!in_transaction_) received_ = std::max(received_.load(), end);
    if (*reply != 0) send_feedback();
    return {};
  }
  return fail(protocol_violation("unknown message in the replication stream"));
}

Result<void> PostgresSource::on_wal_data(std::string_view payload) {
  QW_TRY(parse_pgoutput(payload, message_));
  switch (message_.tag) {
    case PgTag::begin:
      in_transaction_ = true;
      drained_bytes_ = txn_bytes_;
      // Small ones that come together share a txn; what is complete does not wait for a big one.
      push_before_ = pending_resume_ > position_.resume &&
                     (txn_bytes_ >= kCombinedBytesMax ||
                      clock_.monotonic_us() - pending_since_us_ > kCombinedUs);
      return {};
    case PgTag::commit:
      if (!in_transaction_) return fail(protocol_violation("a commit without its begin"));
      in_transaction_ = false;
      if (pending_commit_us_ == 0) {
        pending_commit_us_ = message_.commit_us;
        pending_since_us_ = clock_.monotonic_us();
      }
      pending_resume_ = std::max(pending_resume_, message_.end_lsn);
      received_ = std::max(received_.load(), message_.end_lsn);
      return {};
    case PgTag::relation:
      on_relation(message_);
      return {};
    case PgTag::insert:
    case PgTag::update:
    case PgTag::remove:
      txn_bytes_ += payload.size() + 16 * message_.new_row.size();
      return on_change(message_);
    case PgTag::truncate:
      on_truncate(message_);
      return {};
    case PgTag::origin:
    case PgTag::type:
    case PgTag::message:
      return {};
  }
  return {};
}

void PostgresSource::on_relation(const PgMessage& message) {
  const std::optional<uint32_t> table = table_of(message.relation.oid);
  if (!table || !runs_[*table].error.empty()) return;
  last_poll_us_ = 0;  // sent anew after a definition: see what it was before another one comes
  Result<RelationMap> map =
      RelationMap::make(pg_tables_[*table], tables_[*table], message.relation);
  if (map) {
    runs_[*table].map = std::move(*map);
    note_new_columns(*table, message.relation);
  } else {
    stop_table(*table, map.error().message());
  }
}

// What was there is still true without them, so the table goes on.
void PostgresSource::note_new_columns(uint32_t table, const PgRelation& relation) {
  const PgTable& known = pg_tables_[table];
  for (const PgRelationColumn& column : relation.columns) {
    const bool read = std::any_of(known.columns.begin(), known.columns.end(),
                                  [&](const PgColumn& each) { return each.name == column.name; });
    if (read || !runs_[table].unread.insert(column.name).second) continue;
    log::warn("source \"{}\": upstream table {} has a new column \"{}\", which is not read",
              config_.name, known.qualified(), column.name);
  }
}

Result<void> PostgresSource::on_change(const PgMessage& message) {
  const std::optional<uint32_t> table = table_of(message.oid);
  if (!table || !runs_[*table].error.empty()) return {};
  TableRun& run = runs_[*table];
  if (!run.map) return fail(protocol_violation("a change of a relation that was not announced"));
  Result<void> written;
  if (message.tag == PgTag::insert) {
    written = run.map->insert(message, run.writer);
  } else if (message.tag == PgTag::update) {
    written = run.map->update(message, run.writer);
  } else {
    written = run.map->remove(message, run.writer);
  }
  // A value we cannot read is that table's trouble alone.
  if (!written) stop_table(*table, written.error().message());
  return {};
}

void PostgresSource::on_truncate(const PgMessage& message) {
  for (const uint32_t oid : message.truncated) {
    const std::optional<uint32_t> table = table_of(oid);
    if (!table || !runs_[*table].error.empty()) continue;
    runs_[*table].writer.truncate();
    runs_[*table].truncated = true;
    last_poll_us_ = 0;  // look at its files now, before another truncation hides behind this one
  }
  txn_bytes_ += 64;
}

// Ends a table's changes at the last txn that was pushed whole; the others go on.
void PostgresSource::stop_table(uint32_t table, const std::string& why) {
  TableRun& run = runs_[table];
  if (!run.error.empty()) return;
  run.error = fmt::format("upstream table {}: {}", pg_tables_[table].qualified(), why);
  run.map.reset();
  run.writer.finish();
  std::erase_if(txn_.chunks, [&](const TableChunk& chunk) {
    if (chunk.table != table) return false;
    txn_.rows -= chunk.rows;
    return true;
  });
  if (txn_.arena != nullptr) run.writer.begin(txn_);  // null: not streaming yet
  // Pushed with the next position, so that the table stays stopped after a restart.
  pending_resume_ = std::max(pending_resume_, position_.resume);
  table_stopped_ = true;
  log::warn("source \"{}\": {}", config_.name, run.error);
}

Result<void> PostgresSource::poll_catalog() {
  last_poll_us_ = clock_.monotonic_us();
  auto states = read_table_states(*normal_, publication_, pg_tables_);
  if (!states) return fail(std::move(states.error()));
  QW_ASSIGN_OR_RETURN(
      const PgAnswer end,
      normal_->query("SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() "
                     "ELSE pg_current_wal_lsn() END"));
  QW_ASSIGN_OR_RETURN(const Lsn now, parse_lsn(end.text(0, 0)));
  for (uint32_t table = 0; table < runs_.size(); table++) {
    if (!runs_[table].error.empty()) continue;
    const auto state = states->find(pg_tables_[table].oid);
    std::string problem = table_problem(pg_tables_[table], runs_[table].fingerprint,
                                        state == states->end() ? nullptr : &state->second);
    if (problem.empty()) problem = rewrite_problem(runs_[table].form, state->second);
    if (!problem.empty()) {
      stop_table(table, problem);
    } else {
      check_files(table, state->second.files, now);
    }
  }
  QW_TRY(find_unread_tables());
  status_.lag = now > position_.resume ? static_cast<int64_t>(now - position_.resume) : 0;
  return {};
}

// FOR ALL TABLES meant those that were there: what came later is told, not read.
Result<void> PostgresSource::find_unread_tables() {
  const int64_t now_us = clock_.monotonic_us();
  if (!config_.all_tables || (last_unread_us_ != 0 && now_us - last_unread_us_ < kUnreadUs)) {
    return {};
  }
  last_unread_us_ = now_us;
  QW_ASSIGN_OR_RETURN(std::vector<std::string> others,
                      other_tables(*normal_, publication_, pg_tables_));
  for (const std::string& name : others) {
    if (std::find(unread_.begin(), unread_.end(), name) != unread_.end()) continue;
    log::warn("source \"{}\": upstream table {} came into the publication later and is not read",
              config_.name, name);
  }
  unread_ = std::move(others);
  return {};
}

// TRUNCATE of one partition is not in the stream of its root, that of the root is: files that
// changed without one, when the stream has come to where they had, mean rows that went unseen.
void PostgresSource::check_files(uint32_t table, uint64_t files, Lsn now) {
  TableRun& run = runs_[table];
  if (files == run.files) {
    run.files_changed_at = 0;
  } else if (run.truncated) {
    run.files = files;
    run.files_changed_at = 0;
  } else if (run.files_changed_at == 0) {
    run.files_changed_at = now;
  } else if (received_.load() >= run.files_changed_at) {
    stop_table(table,
               "a partition was truncated or rewritten upstream, which is not replicated "
               "with publish_via_partition_root");
  }
  run.truncated = false;
}

// Without changes of ours the WAL still moves on: store that we are past it, then confirm it.
Result<void> PostgresSource::advance_when_idle() {
  if (in_transaction_ || txn_.rows != 0) return {};
  const int64_t now_us = clock_.monotonic_us();
  const Lsn seen = received_.load();
  const bool due = seen > position_.resume && (now_us - last_advance_us_ >= kAdvanceUs ||
                                               seen - position_.resume >= kAdvanceBytes);
  if (!due && !table_stopped_) return {};
  last_advance_us_ = now_us;
  pending_resume_ = std::max(seen, position_.resume);
  if (!push_txn()) return fail(query_canceled("the source was asked to stop"));
  return {};
}

void PostgresSource::begin_txn() {
  for (TableRun& run : runs_) run.writer.abandon();
  txn_ = SourceTxn();
  txn_.arena = pool_.take();
  txn_bytes_ = 0;
  drained_bytes_ = 0;
  pending_commit_us_ = 0;
  for (TableRun& run : runs_) run.writer.begin(txn_);
}

// Pushes whole transactions only. False = stop.
bool PostgresSource::push_txn() {
  for (TableRun& run : runs_) run.writer.finish();
  position_.resume = std::max(position_.resume, pending_resume_);
  txn_.position = encode_position();
  txn_.bytes = txn_bytes_ + 256;
  txn_.upstream_commit_us = pending_commit_us_;
  // Before the rows that show that the others went on.
  if (std::exchange(table_stopped_, false)) report(SourceState::running);
  const bool go_on = sink_->push(std::move(txn_));
  begin_txn();
  return go_on;
}

std::string PostgresSource::encode_position() const {
  PgPosition position = position_;
  position.tables.clear();
  for (const TableRun& run : runs_) {
    position.tables.push_back({run.fingerprint, run.files, run.form, run.error});
  }
  return position.encode();
}

void PostgresSource::report(SourceState state, const std::string& message, const std::string& hint,
                            SqlState code) {
  last_status_us_ = clock_.monotonic_us();
  status_.state = state;
  status_.message = message;
  status_.hint = hint;
  status_.code = code;
  status_.upstream_position = format_lsn(position_.resume);
  size_t stopped = 0;
  for (uint32_t table = 0; table < runs_.size(); table++) {
    const std::string& error = runs_[table].error;
    status_.tables[table].error = error;
    status_.tables[table].state = error.empty() ? state : SourceState::failed;
    if (error.empty() || stopped++ > 0 || !message.empty()) continue;
    status_.message = error;
    status_.hint = "Its rows stay as they were. DROP SOURCE and create it again to read it anew.";
  }
  if (stopped > 1 && message.empty()) {
    status_.message +=
        fmt::format("; {} more tables are stopped, see qw.source_tables", stopped - 1);
  }
  if (state == SourceState::running && status_.message.empty() && !unread_.empty()) {
    status_.message = fmt::format(
        "upstream table {} came into the publication later and is not "
        "read",
        unread_.front());
    if (unread_.size() > 1) status_.message += fmt::format("; {} more", unread_.size() - 1);
    status_.hint = "Make another source for it, or DROP SOURCE and create it again.";
  }
  sink_->status(status_);
}

void PostgresSource::report_error(SourceState state, const Error& error) {
  const Error safe = scrub(error, config_.secrets);
  std::string text = safe.message();
  if (!safe.detail().empty()) text += fmt::format(" ({})", safe.detail());
  if (status_.message != text) log::warn("source \"{}\": {}", config_.name, text);
  report(state, text, safe.hint(), safe.code());
}

// ---- feedback

// REQUIRES: connection_mutex_ is held and the stream runs.
void PostgresSource::send_feedback() {
  const Lsn durable = durable_.load();
  std::string message = "r";
  append_be<uint64_t>(message, std::max(received_.load(), durable));  // written
  append_be<uint64_t>(message, durable);                              // flushed
  append_be<uint64_t>(message, durable);                              // applied
  append_be<int64_t>(message, clock_.now_us());
  append<uint8_t>(message, 1);  // answer with a keepalive: it tells how far the server is
  // A broken connection shows to the reading thread as well.
  static_cast<void>(replication_->write_copy(message));
}

void PostgresSource::feedback_loop() {
  while (!stop_.wait(milliseconds(1000))) {
    const std::lock_guard lock(connection_mutex_);
    if (streaming_ && replication_ != nullptr) send_feedback();
  }
}

}  // namespace qw::ingest
