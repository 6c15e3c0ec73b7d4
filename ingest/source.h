// Source: an upstream that feeds tables. Kafka, Postgres, load generators and scripted tests look
// the same to the engine.
//
//   create(config) -> describe() at CREATE SOURCE: checks everything that can be checked, names
//   tables create(config with stored tables) -> start(position, sink): pushes SourceTxns until
//   stop() acknowledge(position) after the synced commit; drop_upstream() when the source is
//   dropped
//
// A source owns its threads. It calls the sink from one thread at a time. All errors a user sees
// come out of here scrubbed of secrets. After a failed state nothing more is pushed. Tests:
// tests/unit/ingest/, tests/peers/.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/change.h"
#include "src/base/clock.h"
#include "src/base/ids.h"
#include "src/base/limits.h"
#include "src/base/result.h"
#include "src/types/batch.h"

namespace qw::ingest {

enum class SourceKind : uint8_t { kafka, postgres, counter, auction, nexmark, key_value, test };

// Options by name as written in SQL, lower case, words joined by one underscore: START OFFSET is
// "start_offset". Values are text; lists keep their parentheses out: "0, 10, 20". Secrets are
// resolved. Unknown names are errors that list the known ones.
//   Postgres connection: host, port, database, user, password, ssl_mode (sslmode), ssl_root_cert,
//                        ssl_cert, ssl_key (file names, or PEM text), connect_timeout
//   Postgres source:     publication
//   Kafka connection:    broker (brokers), security_protocol, sasl_mechanisms, sasl_username,
//                        sasl_password, ssl_ca, ssl_certificate, ssl_key, ssl_key_password (PEM
//                        text)
//   Kafka source:        topic, start_offset (a list, earliest or latest), start_timestamp,
//                        partition_discovery_interval,
//                        on_data_loss ('error' | 'continue'), csv_delimiter, unix_time_unit (s, ms,
//                        us: of JSON numbers in timestamp columns)
//   generators:          tick_interval, up_to, seed, rate, batch_size, max_cardinality, event_rate,
//                        start_time, hot_channel_ratio, append_only, keys, value_size
using Options = std::map<std::string, std::string, std::less<>>;

enum class Format : uint8_t { none, json, text, bytes, csv };
enum class Envelope : uint8_t { none, upsert };
// proctime: when the source took the row in, by our clock. It is stored with the row like any other
// column, so a replay or a new view sees the same times.
enum class IncludeKind : uint8_t { key, partition, offset, timestamp, headers, proctime };

std::string_view default_name(IncludeKind kind);

struct Include {
  IncludeKind kind = IncludeKind::key;
  std::string name;  // "" = default_name(kind)

  std::string_view column_name() const { return name.empty() ? default_name(kind) : name; }
};

// A table that a source feeds; the quarantine table is one of them.
struct SourceTable {
  std::string name;  // name to appear under, in the source's schema
  std::vector<Column> columns;
  std::vector<uint32_t> primary_key;  // columns; empty = keyless (a multiset)
  bool append_only = false;
  std::vector<uint32_t> monotone;  // columns that never decrease
  bool quarantine = false;
  std::string upstream;  // "public.orders": for messages and status
  // What the source must remember about the upstream table (oids, column numbers, types). The
  // engine stores it with the table and hands it back in SourceConfig::stored_tables.
  std::string descriptor;
};

// FOR TABLES (schema.name AS alias); `schema` "" = any (an error when ambiguous).
struct TableChoice {
  std::string schema, name, alias;
};

struct SourceConfig {
  SourceKind kind = SourceKind::test;
  std::string name;  // the source's name: table names derive from it, errors start with it
  ObjectId id;
  std::string database_id;  // unique per data directory, [a-z0-9]{1,16}: slot and group names
  Options connection;
  Options options;
  // Every value of a secret: replaced by *** in all text that leaves the source.
  std::set<std::string> secrets;

  // Bytes that a client library may hold ahead of us.
  size_t read_ahead_bytes = limits::kIngestQueueBytesMax;

  // Kafka.
  std::vector<Column> columns;        // declared columns; FORMAT TEXT/BYTES may leave them out
  std::vector<uint32_t> primary_key;  // of `columns`: they come from the message key under UPSERT
  Format key_format = Format::none;
  Format value_format = Format::json;
  Envelope envelope = Envelope::none;
  std::vector<Include> include;  // load generators: proctime only

  // Postgres.
  bool all_tables = true;
  std::vector<TableChoice> tables;

  // At restart: what describe() returned when the source was created. Empty at CREATE.
  std::vector<SourceTable> stored_tables;
  // Per table and column: does anything read it? Empty = all. A column that nobody reads may come
  // as NULL; key columns are always filled.
  std::vector<std::vector<bool>> needed;
};

enum class SourceState : uint8_t {
  starting,
  snapshotting,
  running,
  stalled,
  failed,
  stopped,
  done
};
std::string_view to_string(SourceState state);

struct TableStatus {
  SourceState state = SourceState::running;
  std::string error;  // set when failed: this table gets no more changes, the others go on
};

// What is durable of one Kafka partition, and where it ends upstream.
struct PartitionStatus {
  int32_t partition = 0;
  int64_t next = 0;   // offset of the next message to be read
  int64_t high = -1;  // -1 = unknown
};

// A full picture each time; the engine keeps the last one for qw.source_status.
struct SourceStatus {
  SourceState state = SourceState::starting;
  std::string message;  // what is wrong or waited for; "" when all is well
  std::string hint;
  SqlState code{"00000"};
  uint64_t snapshot_rows_done = 0;
  uint64_t snapshot_rows_estimated = 0;
  // How far behind: Kafka messages or Postgres WAL bytes not read yet; -1 = unknown.
  int64_t lag = -1;
  uint64_t quarantined = 0;       // since start
  std::string upstream_position;  // "0/16B3748"; "0:1042, 1:77"; durable
  std::vector<TableStatus> tables;
  std::vector<PartitionStatus> partitions;  // Kafka
};

// The engine's side. Called on the source's own thread.
class SourceSink {
 public:
  SourceSink() = default;
  SourceSink(const SourceSink&) = delete;
  SourceSink& operator=(const SourceSink&) = delete;
  virtual ~SourceSink();
  // Waits for room (back-pressure). False = stop: push nothing more. The engine makes waiting
  // pushes return false before it calls stop().
  virtual bool push(SourceTxn txn) = 0;
  // Must not wait.
  virtual void status(const SourceStatus& status) = 0;
};

class Source {
 public:
  // Checks options only; connects nowhere.
  static Result<std::unique_ptr<Source>> create(SourceConfig config, Clock& clock);
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source();  // stops

  // The tables, in the order that TableChunk::table counts them. Without stored tables this asks
  // the upstream and validates credentials, topic, publication, privileges, identities ...; seconds
  // at worst. With stored tables it returns them.
  virtual Result<std::vector<SourceTable>> describe() = 0;
  // Warnings that describe() found, for NOTICEs: text, hint.
  virtual std::vector<std::pair<std::string, std::string>> warnings() const { return {}; }
  // Begins to push. `position` is the last committed one, empty = from the beginning (a snapshot
  // when the source has one; the engine has dropped whatever an unfinished snapshot left). Trouble
  // after this shows as status(). describe() must have been called.
  virtual Result<void> start(std::string_view position, SourceSink& sink) = 0;
  // A position that is durable now. Any thread; must not wait.
  virtual void acknowledge(std::string_view position) = 0;
  // Ends all threads; no sink call afterwards. Idempotent.
  virtual void stop() = 0;
  // Frees what the source holds upstream (a replication slot). After stop(), or without start(). An
  // error tells what is left behind and how to remove it.
  virtual Result<void> drop_upstream() = 0;
};

// Checks the options of a connection without connecting. Of `config` only kind, connection and
// secrets count.
Result<void> check_connection(const SourceConfig& config);
// Connects, authenticates and disconnects; seconds at worst.
Result<void> try_connection(const SourceConfig& config);

}  // namespace qw::ingest
