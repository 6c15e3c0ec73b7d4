// The upstream's catalogs: what a source may read, what stands in its way, and what changed since.
//
// describe_upstream() runs at CREATE SOURCE and checks every precondition, each with its own error
// and the command that mends it. read_fingerprints() is polled while streaming: several things that
// lose rows (a table taken out of the publication and put back, a partition attached) leave no
// trace in the stream. Stateless. Tests: tests/peers/ingest/.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ingest/postgres/connection.h"
#include "ingest/postgres/position.h"
#include "ingest/source.h"

namespace qw::ingest {

struct UpstreamTable {
  PgTable pg;
  SourceTable table;
};

struct Upstream {
  std::vector<UpstreamTable> tables;
  std::vector<std::pair<std::string, std::string>> warnings;  // text, hint
};

Result<Upstream> describe_upstream(PgConnection& connection, const SourceConfig& config,
                                   const std::string& publication);

// What the catalogs say of one table now.
struct TableState {
  bool exists = false;
  uint64_t fingerprint = 0;  // publication, its membership, key, partitions
  uint64_t files = 0;        // of the partitions of a root
  bool published = false;
  bool logged = true;
  PgTableForm form;                      // without labels
  std::vector<std::string> label_texts;  // of enum types in use, oldest first
  std::map<std::string, PgColumn, std::less<>> columns;
};
// By oid; a table that is gone has no entry.
Result<std::map<uint32_t, TableState>> read_table_states(PgConnection& connection,
                                                         const std::string& publication,
                                                         const std::vector<PgTable>& tables);
// Why changes of the table may have been lost or cannot be read any more; "" = all is well.
std::string table_problem(const PgTable& table, uint64_t fingerprint, const TableState* now);

// Tables of the publication that are not among `tables`, by their qualified names.
Result<std::vector<std::string>> other_tables(PgConnection& connection,
                                              const std::string& publication,
                                              const std::vector<PgTable>& tables);
// What ALTER TABLE or ALTER TYPE did to rows without a trace in the stream; "" = nothing. `known`
// becomes what is there now.
std::string rewrite_problem(PgTableForm& known, const TableState& now);

struct SystemIdentity {
  std::string system_id;
  uint32_t timeline = 0;
  Lsn wal_end = 0;  // of what is on its disk
  std::string database;
};
Result<SystemIdentity> identify_system(PgConnection& replication);

}  // namespace qw::ingest
