// The syntax tree, its nodes: what the parser made of a statement, before any name means anything.
//
// Shape follows PostgreSQL's raw parse tree, so that its rules for names, types and errors can be
// applied as they are written down there: SQL-syntax functions arrive as pg_catalog functions
// (EXTRACT, POSITION, TRIM, AT TIME ZONE), built-in type names as pg_catalog names (int is
// pg_catalog.int4), LIKE as operator ~~. Nodes are owned by their parent. `kind` tells the type;
// as<T>() casts after a check, try_as<T>() gives nullptr for another kind.
//
// Invariant: no tree is deeper than limits::kNestingMax nodes, so a plain recursive pass is safe.
// Parts: ast_node.h what all share, ast_expr.h expressions, ast_query.h SELECT and DML,
// ast_definition.h CREATE and the like, ast_statement.h all others; ast.h includes them.
// A finished tree is immutable; any thread. Tests: tests/unit/sql_parse/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/assert.h"

namespace qw::sql::ast {

enum class Kind : uint8_t {
  // Expressions
  literal,
  param,
  column_ref,
  function_call,
  op,
  distinct_from,
  null_if,
  in_list,
  between,
  any_all,
  bool_expr,
  null_test,
  boolean_test,
  case_expr,
  coalesce,
  min_max,
  type_cast,
  collate,
  subquery,
  array_literal,
  row,
  indirection,
  sql_value,
  grouping,
  grouping_set,
  set_to_default,
  current_of,
  // FROM items
  range_table,
  range_subquery,
  range_function,
  range_sample,
  join,
  // Statements
  select,
  insert,
  update,
  remove,
  create_table,
  create_table_as,
  create_view,
  create_index,
  create_schema,
  create_secret,
  create_connection,
  create_source,
  drop,
  alter_table,
  rename,
  refresh,
  truncate,
  copy,
  transaction,
  set_variable,
  show_variable,
  show_objects,
  prepare,
  execute,
  deallocate,
  declare_cursor,
  fetch,
  close_cursor,
  explain,
  discard,
  listen,
  notify,
  unlisten,
  vacuum,
  lock,
  comment,
  checkpoint,
  set_constraints,
  subscribe,
  validate_connection,
  flush,
  unsupported,
};

struct Node {
  const Kind kind;
  int32_t location = -1;  // byte offset in the text that was parsed; -1 = unknown

  explicit Node(Kind node_kind) : kind(node_kind) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  template <typename T>
  const T& as() const {
    QW_ASSERT(kind == T::kKind);
    return static_cast<const T&>(*this);
  }
  template <typename T>
  T& as() {
    QW_ASSERT(kind == T::kKind);
    return static_cast<T&>(*this);
  }
  template <typename T>
  const T* try_as() const {
    return kind == T::kKind ? static_cast<const T*>(this) : nullptr;
  }
};

struct Expr : Node {
  using Node::Node;
};
struct FromItem : Node {
  using Node::Node;
};
struct Statement : Node {
  using Node::Node;
};
template <Kind K, typename Base>
struct NodeOf : Base {
  static constexpr Kind kKind = K;
  NodeOf() : Base(K) {}
};

using ExprPtr = std::unique_ptr<Expr>;
using ExprList = std::vector<ExprPtr>;
using FromPtr = std::unique_ptr<FromItem>;
using StatementPtr = std::unique_ptr<Statement>;
// "a", "s.a", "c.s.a", as written (folded to lower case unless quoted).
using Name = std::vector<std::string>;
struct Select;
using SelectPtr = std::unique_ptr<Select>;

}  // namespace qw::sql::ast
