// The syntax tree of queries: SELECT and its FROM items, INSERT, UPDATE, DELETE.
// The rules of all parts stand in ast_node.h. Tests: tests/unit/sql_parse/.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sql/ast_expr.h"

namespace qw::sql::ast {

// A relation by name. Empty parts were not written.
struct RelationName {
  std::string catalog, schema, name;
  int32_t location = -1;
};
struct Alias {
  std::string name;  // "" = none
  std::vector<std::string> columns;
};
// f(..) AS t(a int, b text)
struct ColumnDefinition {
  std::string name;
  TypeName type;
  Name collation;
  int32_t location = -1;
};

// FROM items -------------------------------------------------------------------------------------

struct RangeTable : NodeOf<Kind::range_table, FromItem> {
  RelationName relation;
  Alias alias;
  bool only = false;  // ONLY t
};
struct RangeSubquery : NodeOf<Kind::range_subquery, FromItem> {
  SelectPtr query;  // VALUES is a Select too
  Alias alias;
  bool lateral = false;
  ~RangeSubquery() override;
};
// f(..), ROWS FROM (f(..), g(..)); TUMBLE and HOP too: their first argument names a relation (a
// ColumnRef or a scalar Subquery), which the binder looks up.
struct RangeFunction : NodeOf<Kind::range_function, FromItem> {
  struct Item {
    ExprPtr call;  // a FunctionCall, or SqlValue, Coalesce, TypeCast ..
    std::vector<ColumnDefinition> columns;
  };
  std::vector<Item> functions;
  bool rows_from = false;
  bool lateral = false;
  bool with_ordinality = false;
  Alias alias;
  std::vector<ColumnDefinition> columns;  // AS t(a int, ..) of a single function
};
struct RangeSample : NodeOf<Kind::range_sample, FromItem> {  // t TABLESAMPLE method(args)
  FromPtr relation;
  Name method;
  ExprList args;
  ExprPtr repeatable;
};
struct Join : NodeOf<Kind::join, FromItem> {
  enum class Type : uint8_t { inner, left, right, full };  // cross: inner without on and using
  Type type = Type::inner;
  bool natural = false;
  FromPtr left, right;
  std::vector<std::string> using_columns;
  std::string using_alias;  // USING (..) AS x
  ExprPtr on;
  Alias alias;
};

// SELECT -----------------------------------------------------------------------------------------

struct Target {
  ExprPtr expr;
  std::string name;  // AS name, "" = none
  int32_t location = -1;
};
struct Cte {
  enum class Materialized : uint8_t { unspecified, always, never };
  std::string name;
  std::vector<std::string> columns;
  Materialized materialized = Materialized::unspecified;
  StatementPtr query;  // Select, or Insert, Update, Delete
  bool has_search_or_cycle = false;
  int32_t location = -1;
};
struct With {
  bool recursive = false;
  std::vector<Cte> ctes;
  int32_t location = -1;
};
struct Locking {
  enum class Strength : uint8_t { key_share, share, no_key_update, update };
  enum class Wait : uint8_t { block, skip_locked, nowait };
  Strength strength = Strength::update;
  Wait wait = Wait::block;
  std::vector<RelationName> relations;  // empty = all
};

enum class Persistence : uint8_t { permanent, unlogged, temporary };

// One of three: a simple SELECT, VALUES (`values` is not empty), or a set operation (`op`).
struct Select : NodeOf<Kind::select, Statement> {
  enum class Op : uint8_t { none, union_, intersect, except };
  std::unique_ptr<With> with;
  // SELECT
  bool distinct = false;  // DISTINCT or DISTINCT ON
  ExprList distinct_on;
  std::vector<Target> targets;
  std::unique_ptr<RelationName> into;  // SELECT .. INTO t
  Persistence into_persistence = Persistence::permanent;
  std::vector<FromPtr> from;
  ExprPtr where;
  ExprList group_by;  // GroupingSet among them
  bool group_distinct = false;
  ExprPtr having;
  std::vector<WindowSpec> windows;
  // VALUES
  std::vector<ExprList> values;
  // UNION, INTERSECT, EXCEPT
  Op op = Op::none;
  bool all = false;
  SelectPtr left, right;
  // Of any of them
  std::vector<OrderItem> order_by;
  ExprPtr limit;  // null = none; LIMIT ALL is a NULL literal
  ExprPtr offset;
  bool with_ties = false;  // FETCH FIRST n ROWS WITH TIES
  std::vector<Locking> locking;
};

// INSERT, UPDATE, DELETE -------------------------------------------------------------------------

// A column that is written: name, name[1], name.field
struct TargetColumn {
  std::string name;
  std::vector<Indirection::Step> steps;
  int32_t location = -1;
};
// c = value; (a, b) = value where value is a Row or a scalar Subquery
struct Assignment {
  std::vector<TargetColumn> columns;
  bool multiple = false;  // the parenthesised form
  ExprPtr value;
};
struct ConflictElement {
  ExprPtr expr;  // a ColumnRef for a plain column
  Name collation, operator_class;
};
struct OnConflict {
  bool update = false;  // DO UPDATE; else DO NOTHING
  std::vector<ConflictElement> target;
  ExprPtr target_where;
  std::string constraint;  // ON CONFLICT ON CONSTRAINT name
  std::vector<Assignment> assignments;
  ExprPtr where;
  int32_t location = -1;
};
struct Insert : NodeOf<Kind::insert, Statement> {
  enum class Overriding : uint8_t { none, user_value, system_value };
  std::unique_ptr<With> with;
  RelationName relation;
  std::string alias;
  std::vector<TargetColumn> columns;
  Overriding overriding = Overriding::none;
  SelectPtr query;  // null: DEFAULT VALUES
  std::unique_ptr<OnConflict> on_conflict;
  std::vector<Target> returning;
};
struct Update : NodeOf<Kind::update, Statement> {
  std::unique_ptr<With> with;
  RelationName relation;
  std::string alias;
  bool only = false;
  std::vector<Assignment> assignments;
  std::vector<FromPtr> from;
  ExprPtr where;
  std::vector<Target> returning;
};
struct Delete : NodeOf<Kind::remove, Statement> {
  std::unique_ptr<With> with;
  RelationName relation;
  std::string alias;
  bool only = false;
  std::vector<FromPtr> using_items;
  ExprPtr where;
  std::vector<Target> returning;
};

}  // namespace qw::sql::ast
