// Binder: from the parser's tree to typed, resolved statements, by PostgreSQL's rules.
//
// bind() resolves names against one catalogue snapshot and search_path, picks functions and
// operators from the Registry, spells out every implicit cast, infers parameter types and builds a
// naive Plan (nested subqueries still inside expressions; optimize() turns them into joins). Errors
// carry PostgreSQL's SQLSTATE, text, hint and position. It reads nothing but its arguments. Any
// thread. Tests: tests/unit/sql/bind_*_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sql/catalog.h"
#include "sql/plan.h"
#include "src/base/result.h"
#include "src/types/text.h"

namespace qw::sql {

namespace ast {
struct Statement;
}

struct BindContext {
  const Catalog& catalog;
  std::span<const std::string>
      search_path;  // "$user" already replaced; pg_catalog is implied first
  std::string user, database;
  std::span<const Type> parameter_types_hint;  // by Parse; unknown = infer
  const TextStyle& style;
  int64_t now_us = 0;
  // The text that AST locations are offsets into: error positions count its characters, and view
  // definitions are cut out of it.
  std::string_view text;
};

// SELECT, VALUES, TABLE. The plan's schema has the output names that PostgreSQL derives.
struct BoundQuery {
  PlanPtr plan;
  std::vector<Type> parameters;
};

// RETURNING: expressions over the columns said at each statement.
struct BoundReturning {
  std::vector<ExprPtr> expressions;
  Schema schema;
  bool empty() const { return expressions.empty(); }
};

struct BoundConflict {
  enum class Action : uint8_t { nothing, update } action = Action::nothing;
  // Columns of the key whose violation is handled, one of the target's keys; empty = any (only with
  // `nothing`).
  std::vector<uint32_t> columns;
  // update: the whole new row and the condition (null = always), over the existing row's columns,
  // then the excluded row's.
  std::vector<ExprPtr> new_row;
  ExprPtr where;
};

struct BoundInsert {
  const Relation* target = nullptr;
  PlanPtr rows;  // all columns of the target in order, defaults filled in, casts applied
  std::optional<BoundConflict> on_conflict;
  BoundReturning returning;  // over the target's columns (the row as stored)
  std::vector<Type> parameters;
};

// `rows`: all columns of the matching target row, then its new values in the same order, then
// columns of FROM that RETURNING needs. A target row may come more than once: the first counts.
struct BoundUpdate {
  const Relation* target = nullptr;
  PlanPtr rows;
  std::vector<uint32_t> assigned;  // target columns that SET names
  BoundReturning returning;  // over the columns of `rows` (target columns mean the new values)
  std::vector<Type> parameters;
};

// `rows`: all columns of the matching target row, then columns of USING that RETURNING needs.
struct BoundDelete {
  const Relation* target = nullptr;
  PlanPtr rows;
  BoundReturning returning;
  std::vector<Type> parameters;
};

struct BoundKey {
  std::string name;  // constraint name, made up as PostgreSQL does when not given
  std::vector<uint32_t> columns;
  bool primary = false;
};

// CREATE TABLE, CREATE TABLE AS, and the columns of CREATE SOURCE.
struct BoundCreateTable {
  std::string schema, name;
  bool if_not_exists = false;
  bool exists = false;  // with if_not_exists: nothing to do but a NOTICE
  std::vector<ColumnInfo> columns;
  std::vector<BoundKey> keys;  // the primary key, then UNIQUE constraints
  // WATERMARK FOR column AS expression (over the table's columns).
  std::optional<uint32_t> watermark_column;
  ExprPtr watermark;
  std::string watermark_sql;
  PlanPtr rows;  // CREATE TABLE AS; null otherwise
  bool with_data = true;
  std::vector<Type> parameters;
};

struct BoundCreateView {
  std::string schema, name;
  bool materialized = false;
  bool if_not_exists = false, or_replace = false;
  bool exists = false;
  std::string definition;  // the query's text, relation names qualified
  PlanPtr plan;            // bound, not optimised; its schema has the view's column names
  std::vector<ColumnInfo> columns;
  std::vector<ObjectId> depends_on;
  bool emit_on_window_close = false;
  bool with_data = true;
};

struct BoundCreateIndex {
  const Relation* table = nullptr;
  std::string schema, name;  // made up as PostgreSQL does when not given: t_a_b_idx
  bool if_not_exists = false, exists = false;
  bool unique = false;
  std::vector<uint32_t> columns;
  std::vector<SortOrder> orders;
};

struct BoundStatement;

struct BoundCopy {
  const Relation* target = nullptr;  // null: COPY (query)
  std::vector<uint32_t> columns;     // COPY's column list resolved, all columns when absent
  PlanPtr query;                     // COPY TO: rows to send
  // COPY FROM: for every target column outside `columns` its default (NULL constant when none).
  std::vector<ExprPtr> defaults;  // one per target column; null where the input gives it
};

struct BoundExplain {
  std::unique_ptr<BoundStatement> statement;
};

// Statements with nothing to bind (SET, BEGIN, DROP ...): the engine works on the AST.
struct BoundUtility {};

struct BoundStatement {
  std::variant<BoundUtility, BoundQuery, BoundInsert, BoundUpdate, BoundDelete, BoundCreateTable,
               BoundCreateView, BoundCreateIndex, BoundCopy, BoundExplain>
      value;
  template <typename T>
  T* as() {
    return std::get_if<T>(&value);
  }
  template <typename T>
  const T* as() const {
    return std::get_if<T>(&value);
  }
};

Result<BoundStatement> bind(const ast::Statement& statement, const BindContext& context);

// A column's default_sql as an expression of the column's type; a NULL constant when it has none.
Result<ExprPtr> bind_default(const ColumnInfo& column, const BindContext& context);

// An expression over the columns of one relation (watermarks, tests).
Result<ExprPtr> bind_expression(std::string_view sql, const Schema& columns,
                                const BindContext& context);

// A type as written, "numeric(10,2)" or "varchar[]" (column lists kept as text).
Result<Type> bind_type_name(std::string_view sql);

}  // namespace qw::sql
