// Scopes: which names an expression may use, and what they become.
//
// A Scope is the row that expressions of one query level see: entries (FROM items) with columns,
// each a column of the plan built so far. Each Scope on the way up is one row further out: a name
// found n parents up becomes an outer column of depth n. Beside query levels there are frames for
// the left side of a FROM item, which only LATERAL items may look into (`blocked` for the others).
// Lives during bind(). Tests: tests/unit/sql/bind_names_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sql/bind/state.h"
#include "sql/plan.h"

namespace qw::sql {

struct ScopeColumn {
  std::string name;
  Type type;
  uint32_t index = 0;  // in the row
};

// A FROM item. Below a JOIN the tables keep their names but give up their unqualified columns to
// the join's own entry, which has merged USING columns first.
struct ScopeEntry {
  std::string name;    // alias or relation name; "" = a join without one
  std::string schema;  // of a relation without alias
  std::vector<ScopeColumn> columns;
  bool table_visible = true;
  bool columns_visible = true;
  bool scalar = false;  // a function of one plain result: the name alone means its value
  const Relation* relation = nullptr;
};

struct Scope {
  Scope* parent = nullptr;
  bool blocked = false;
  bool lateral = false;  // a frame, not a query level
  std::vector<ScopeEntry> entries;
};

// WITH queries in reach, innermost first.
struct CteEntry {
  std::string name;
  PlanPtr plan;  // null: the recursive term is being bound, use a RecursiveScan
  Schema schema;
  uint32_t recursive_id = 0;
  bool forbidden = false;  // the non-recursive term: it may not see itself
  Scope* home = nullptr;   // parent scope of the query that WITH belongs to
};
struct CteScope {
  const CteScope* parent = nullptr;
  std::vector<CteEntry> entries;
};

// What a name was found to be.
struct Resolved {
  enum class Kind : uint8_t { none, column, whole_row } kind = Kind::none;
  uint32_t depth = 0;  // scopes up
  const ScopeColumn* column = nullptr;
  const ScopeEntry* entry = nullptr;
};

// x, t.x, s.t.x; with no such column, x or s.t as a whole row. Errors as PostgreSQL's.
Result<Resolved> resolve_column(const BindState& state, const Scope* scope,
                                const std::vector<std::string>& names, int32_t location);
// The unqualified column x if exactly one is visible at this level; for GROUP BY's and JOIN USING's
// rules. `count` tells how many were found.
const ScopeColumn* find_unqualified(const Scope& scope, std::string_view name, uint32_t& count);
// t or s.t
Result<Resolved> resolve_table(const BindState& state, const Scope* scope,
                               const std::vector<std::string>& names, int32_t location);

// A relation by name through search_path (pg_catalog first), 42P01 when there is none. Notes the
// dependency and the qualification.
Result<const Relation*> find_relation(BindState& state, const ast::RelationName& name);
const Relation* lookup_relation(const BindState& state, std::string_view schema,
                                std::string_view name);
// Where a new object of that name goes: the schema written, or the first of search_path.
Result<std::string> creation_schema(const BindState& state, const ast::RelationName& name);

}  // namespace qw::sql
