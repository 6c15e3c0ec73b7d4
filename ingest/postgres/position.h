// What a Postgres source remembers: where it is (PgPosition, with each commit) and what its tables
// look like upstream (PgTable, once, in SourceTable::descriptor).
// Plain values. Tests: tests/unit/ingest/pgoutput_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/pgoutput.h"
#include "src/base/result.h"
#include "src/types/type.h"

namespace qw::ingest {

// What tells a rewrite that may change rows from one that does not, see rewrite_problem().
struct PgTableForm {
  uint32_t file = 0;
  uint32_t toast = 0;        // the TOAST table's oid, 0 = none
  uint32_t columns = 0;      // ever made
  uint64_t definitions = 0;  // versions of the catalog rows of the columns that are read
  uint32_t labels = 0;       // of enum types in use
  uint64_t label_texts = 0;  // of these, oldest first
  bool operator==(const PgTableForm&) const = default;
};

struct PgPosition {
  std::string system_id;
  uint32_t timeline = 0;
  std::string database;
  Lsn resume = 0;  // everything before is in; START_REPLICATION goes here
  struct Table {
    uint64_t fingerprint = 0;  // of publication membership when the table was copied
    uint64_t files = 0;        // of the partitions of a root, as far as its truncations are known
    PgTableForm form;
    std::string error;  // "" = running; a stopped table stays stopped
  };
  std::vector<Table> tables;

  std::string encode() const;
  static Result<PgPosition> decode(std::string_view bytes);
};

struct PgColumn {
  std::string name;
  int16_t attnum = 0;
  uint32_t type_oid = 0;  // as declared: a domain's own oid
  int32_t typmod = -1;
};

struct PgTable {
  uint32_t oid = 0;
  std::string schema, name;
  char identity = 'd';
  bool partitioned = false;
  std::string row_filter;         // of the publication, for the snapshot
  std::vector<PgColumn> columns;  // one per column of the SourceTable

  std::string encode() const;
  static Result<PgTable> decode(std::string_view bytes);
  std::string qualified() const { return schema + "." + name; }
};

}  // namespace qw::ingest
