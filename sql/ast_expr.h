// The syntax tree of expressions. The rules of all parts stand in ast_node.h.
// Tests: tests/unit/sql_parse/.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sql/ast_node.h"

namespace qw::sql::ast {

struct TypeName {
  Name names;        // {"pg_catalog","int4"} for PostgreSQL's grammar types, else as written
  ExprList typmods;  // numeric(10,2); interval: field mask, precision (PostgreSQL's typmodin)
  std::vector<int32_t> array_bounds;  // one per dimension, -1 = not given
  bool setof = false;
  bool percent_type = false;  // t.c%TYPE
  int32_t location = -1;
};

struct OrderItem {
  enum class Direction : uint8_t { unspecified, ascending, descending, use_operator };
  enum class Nulls : uint8_t { unspecified, first, last };
  ExprPtr expr;
  Direction direction = Direction::unspecified;
  Nulls nulls = Nulls::unspecified;
  Name using_operator;
  int32_t location = -1;  // of USING's operator, else -1: use expr->location
};

struct Literal : NodeOf<Kind::literal, Expr> {
  enum class Type : uint8_t { null, boolean, integer, numeric, string, bit_string };
  Type type = Type::null;
  bool boolean = false;
  int64_t integer = 0;  // fits int4: PostgreSQL types it int4; wider ones are int8
  // integer and numeric: digits as written; string: its value; bit_string: "b101" or "x1F".
  std::string text;
};
struct Param : NodeOf<Kind::param, Expr> {
  int32_t number = 0;  // $1 is 1
};
struct ColumnRef : NodeOf<Kind::column_ref, Expr> {
  Name names;         // may be empty when star
  bool star = false;  // *, t.*, s.t.*
};
struct WindowSpec {
  enum class Mode : uint8_t { range, rows, groups };
  enum class Bound : uint8_t {
    unbounded_preceding,
    preceding,
    current_row,
    following,
    unbounded_following
  };
  enum class Exclude : uint8_t { no_others, current_row, group, ties };
  std::string name;      // OVER w: the window itself; in WINDOW w AS (..): the name defined
  std::string ref_name;  // OVER (w ...): the window this one copies
  ExprList partition_by;
  std::vector<OrderItem> order_by;
  bool has_frame = false;  // a frame was written
  Mode mode = Mode::range;
  Bound start = Bound::unbounded_preceding, end = Bound::current_row;
  ExprPtr start_offset, end_offset;
  Exclude exclude = Exclude::no_others;
  int32_t location = -1;
};
struct FunctionCall : NodeOf<Kind::function_call, Expr> {
  struct Argument {
    ExprPtr value;
    std::string name;  // f(name => value)
  };
  Name name;
  std::vector<Argument> arguments;  // WITHIN GROUP: the direct ones, then order_by's after them
  std::vector<OrderItem> order_by;
  ExprPtr filter;
  std::unique_ptr<WindowSpec> over;
  bool star = false;  // count(*)
  bool distinct = false;
  bool variadic = false;      // VARIADIC before the last argument
  bool within_group = false;  // order_by came from WITHIN GROUP
  bool sql_syntax = false;    // EXTRACT(..), POSITION(..), ... : only printing differs
};
struct Operator : NodeOf<Kind::op, Expr> {
  // For the like forms `name` is ~~, !~~, ~~*, !~~*, ~ or !~ and `right` already contains the call
  // of pg_catalog.like_escape or similar_to_escape where PostgreSQL has one: bind them like plain.
  enum class Form : uint8_t { plain, like, ilike, similar };
  Name name;  // {"+"}, {"pg_catalog","~"}
  Form form = Form::plain;
  ExprPtr left;  // null: prefix operator
  ExprPtr right;
};
struct DistinctFrom : NodeOf<Kind::distinct_from, Expr> {
  ExprPtr left, right;
  bool negated = false;  // IS NOT DISTINCT FROM
};
struct NullIf : NodeOf<Kind::null_if, Expr> {
  ExprPtr left, right;
};
// x [NOT] IN (a, b); rows may be compared. x IN (SELECT ..) is a Subquery.
struct InList : NodeOf<Kind::in_list, Expr> {
  ExprPtr left;
  ExprList items;
  bool negated = false;
};
struct Between : NodeOf<Kind::between, Expr> {
  ExprPtr arg, low, high;
  bool negated = false, symmetric = false;
};
// left op ANY|ALL (array)
struct AnyAll : NodeOf<Kind::any_all, Expr> {
  Name op;
  ExprPtr left, array;
  bool all = false;
};
// AND and OR hold two or more arguments (chains are flat), NOT one.
struct BoolExpr : NodeOf<Kind::bool_expr, Expr> {
  enum class Type : uint8_t { and_, or_, not_ };
  Type type = Type::and_;
  ExprList args;
};
struct NullTest : NodeOf<Kind::null_test, Expr> {
  ExprPtr arg;
  bool negated = false;  // IS NOT NULL
};
struct BooleanTest : NodeOf<Kind::boolean_test, Expr> {
  enum class Test : uint8_t {
    is_true,
    is_not_true,
    is_false,
    is_not_false,
    is_unknown,
    is_not_unknown
  };
  ExprPtr arg;
  Test test = Test::is_true;
};
struct CaseExpr : NodeOf<Kind::case_expr, Expr> {
  struct When {
    ExprPtr condition, result;
    int32_t location = -1;
  };
  ExprPtr arg;  // CASE arg WHEN value ..; null: CASE WHEN condition ..
  std::vector<When> whens;
  ExprPtr otherwise;  // null = NULL
};
struct Coalesce : NodeOf<Kind::coalesce, Expr> {
  ExprList args;
};
struct MinMax : NodeOf<Kind::min_max, Expr> {
  bool greatest = true;
  ExprList args;
};
struct TypeCast : NodeOf<Kind::type_cast, Expr> {
  ExprPtr arg;
  TypeName type;
};
struct Collate : NodeOf<Kind::collate, Expr> {
  ExprPtr arg;
  Name collation;
};
struct Subquery : NodeOf<Kind::subquery, Expr> {
  enum class Type : uint8_t { exists, scalar, any, all, array };
  Type type = Type::scalar;
  ExprPtr test;  // any, all: left side, a Row for several columns. NOT IN is NOT (any).
  Name op;       // any, all; empty: IN, which means "="
  SelectPtr query;
  ~Subquery() override;
};
struct ArrayLiteral : NodeOf<Kind::array_literal, Expr> {
  ExprList elements;
};
struct Row : NodeOf<Kind::row, Expr> {
  ExprList fields;
  bool explicit_row = false;  // ROW(..) was written
};
// (expr).field, expr[i], expr[a:b], (expr).*
struct Indirection : NodeOf<Kind::indirection, Expr> {
  struct Step {
    enum class Type : uint8_t { field, star, index, slice };
    Type type = Type::field;
    std::string field;
    ExprPtr lower, upper;  // index: `upper`; slice: either may be null
  };
  ExprPtr arg;
  std::vector<Step> steps;
};
// Words that are function calls without parentheses.
struct SqlValue : NodeOf<Kind::sql_value, Expr> {
  enum class Type : uint8_t {
    current_date,
    current_time,
    current_timestamp,
    localtime,
    localtimestamp,
    current_role,
    current_user,
    user,
    session_user,
    current_catalog,
    current_schema
  };
  Type type = Type::current_date;
  std::optional<int32_t> precision;  // CURRENT_TIMESTAMP(3)
};
struct Grouping : NodeOf<Kind::grouping, Expr> {  // GROUPING(a, b)
  ExprList args;
};
struct GroupingSet : NodeOf<Kind::grouping_set, Expr> {  // only in GROUP BY
  enum class Type : uint8_t { empty, rollup, cube, sets };
  Type type = Type::empty;
  ExprList items;  // a Row is several columns as one unit
};
struct SetToDefault : NodeOf<Kind::set_to_default, Expr> {};  // DEFAULT in VALUES and SET
struct CurrentOf : NodeOf<Kind::current_of, Expr> {
  std::string cursor;
};

}  // namespace qw::sql::ast
