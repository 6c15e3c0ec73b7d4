// RelationMap: how the columns of a Relation message lie in our table, and rows written through it.
//
// One per table and Relation message. Decodes whole tuples into a TableWriter with the operations
// of change.h: keyed tables by key (unchanged TOAST values are marked kept), keyless ones by whole
// rows. One thread. Tests: tests/unit/ingest/pgoutput_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/change.h"
#include "ingest/postgres/pgoutput.h"
#include "ingest/postgres/position.h"
#include "ingest/source.h"
#include "ingest/text_column.h"

namespace qw::ingest {

class RelationMap {
 public:
  // An error names what the upstream changed: the table stops with it.
  static Result<RelationMap> make(const PgTable& pg, const SourceTable& table,
                                  const PgRelation& relation);

  Result<void> insert(const PgMessage& message, TableWriter& writer) const;
  Result<void> update(const PgMessage& message, TableWriter& writer) const;
  Result<void> remove(const PgMessage& message, TableWriter& writer) const;

 private:
  // Whole row; 'u' columns come from the message's old row when that has them, else are kept.
  Result<void> write(const PgMessage& message, const std::vector<PgValue>& row, uint32_t at,
                     TableWriter& writer) const;
  Result<void> write_key(const std::vector<PgValue>& row, uint32_t at, TableWriter& writer) const;
  bool key_differs(const std::vector<PgValue>& old_row, const std::vector<PgValue>& new_row) const;

  struct Source {
    uint32_t position;  // in the tuple
    TextColumn column;
    std::string name;
    bool key;
  };
  std::vector<Source> sources_;
  size_t tuple_size_ = 0;
  bool keyed_ = false;
};

}  // namespace qw::ingest
