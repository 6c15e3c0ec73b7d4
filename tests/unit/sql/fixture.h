// A catalogue made by DDL, and statements bound and planned against it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sql/binder.h"
#include "sql/catalog.h"
#include "sql/optimizer.h"
#include "src/base/result.h"

namespace qw::sql {

class Fixture {
 public:
  Fixture();

  // CREATE TABLE, VIEW, MATERIALIZED VIEW and INDEX change the catalogue; a script of them.
  Result<void> define(std::string_view ddl);
  Result<BoundStatement> bind(std::string_view sql) const;
  // What Describe would say, in the form of bind.cases.
  std::string describe(std::string_view sql) const;
  Result<PlanPtr> plan(std::string_view sql, OptimizeFor target) const;
  // EXPLAIN's lines joined by line ends, or "! SQLSTATE message".
  std::string explained(std::string_view sql, OptimizeFor target, bool properties = false) const;

  Relation& table(std::string_view name);
  Catalog catalog;

 private:
  BindContext context(std::string_view text) const;
  void add_table(BoundCreateTable table);

  std::vector<std::string> search_path_ = {"public"};
  TextStyle style_;
  uint32_t next_id_ = 16384;
};

// Blocks of a case file: the statement, then the lines up to an empty one.
struct Case {
  std::string sql, expected;
};
std::vector<Case> read_cases(const std::string& file);

}  // namespace qw::sql
