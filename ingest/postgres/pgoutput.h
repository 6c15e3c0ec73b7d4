// pgoutput: the messages of PostgreSQL's logical replication, protocol version 1, text values.
//
// parse_pgoutput() reads one message into a PgMessage that is used again and again; values borrow
// from the message's bytes. Every length is checked against the bytes that are there. Pure. Tests:
// tests/unit/ingest/pgoutput_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace qw::ingest {

using Lsn = uint64_t;
std::string format_lsn(Lsn lsn);  // "0/16B3748"
Result<Lsn> parse_lsn(std::string_view text);

enum class PgTag : char {
  begin = 'B',
  commit = 'C',
  origin = 'O',
  relation = 'R',
  type = 'Y',
  insert = 'I',
  update = 'U',
  remove = 'D',
  truncate = 'T',
  message = 'M',
};

// 'n' NULL, 'u' unchanged TOAST value that was not sent, 't' text.
struct PgValue {
  char kind = 'n';
  std::string_view text;
};

struct PgRelationColumn {
  bool key = false;  // part of the replica identity
  std::string name;
  uint32_t type_oid = 0;
  int32_t typmod = -1;
};

struct PgRelation {
  uint32_t oid = 0;
  std::string schema, name;
  char identity = 'd';  // d default, n nothing, f full, i index
  std::vector<PgRelationColumn> columns;
};

struct PgMessage {
  PgTag tag = PgTag::begin;
  Lsn final_lsn = 0;                // begin: LSN of the commit
  Lsn commit_lsn = 0, end_lsn = 0;  // commit
  int64_t commit_us = 0;            // begin, commit: since 2000-01-01 UTC
  uint32_t xid = 0;
  PgRelation relation;  // relation
  uint32_t oid = 0;     // insert, update, remove
  char old_kind = 0;    // update, remove: 'K' key only, 'O' whole old row, 0 none
  std::vector<PgValue> old_row, new_row;
  std::vector<uint32_t> truncated;
};

Result<void> parse_pgoutput(std::string_view bytes, PgMessage& out);

}  // namespace qw::ingest
