// See printer.h: expressions and types. Tests: tests/unit/sql_parse/print_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sql/parse/printer.h"
#include "sql/parser.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

Printer& Printer::name(std::string_view text) { return put(quote_identifier(text)); }

Printer& Printer::names(const Name& parts) {
  bool first = true;
  for (const std::string& part : parts) {
    if (!first) put(".");
    first = false;
    name(part);
  }
  return *this;
}

Printer& Printer::literal(std::string_view text) { return put(quote_literal(text)); }

Printer& Printer::relation(const RelationName& relation) {
  if (!relation.catalog.empty()) name(relation.catalog).put(".");
  if (!relation.schema.empty()) name(relation.schema).put(".");
  return name(relation.name);
}

void Printer::columns(const std::vector<std::string>& columns) {
  if (columns.empty()) return;
  put(" (");
  list(columns, [&](const std::string& column) { name(column); });
  put(")");
}

void Printer::exprs(const ExprList& items) {
  list(items, [&](const ExprPtr& item) { expr(*item); });
}

void Printer::expr(const Expr& expr) {
  const auto binary = [&](const Expr& left, std::string_view word, const Expr& right) {
    put("(");
    this->expr(left);
    put(word);
    this->expr(right);
    put(")");
  };
  switch (expr.kind) {
    case Kind::literal:
      return literal_expr(expr.as<Literal>());
    case Kind::param:
      put("$").put(std::to_string(expr.as<Param>().number));
      return;
    case Kind::column_ref: {
      const auto& ref = expr.as<ColumnRef>();
      names(ref.names);
      if (ref.star) put(ref.names.empty() ? "*" : ".*");
      return;
    }
    case Kind::function_call:
      return function(expr.as<FunctionCall>());
    case Kind::op:
      return op(expr.as<Operator>());
    case Kind::distinct_from: {
      const auto& node = expr.as<DistinctFrom>();
      return binary(*node.left, node.negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM ",
                    *node.right);
    }
    case Kind::null_if: {
      const auto& node = expr.as<NullIf>();
      put("NULLIF");
      return binary(*node.left, ", ", *node.right);
    }
    case Kind::in_list: {
      const auto& node = expr.as<InList>();
      put("(");
      this->expr(*node.left);
      put(node.negated ? " NOT IN (" : " IN (");
      exprs(node.items);
      put("))");
      return;
    }
    case Kind::between:
      return between(expr.as<Between>());
    case Kind::any_all: {
      const auto& node = expr.as<AnyAll>();
      put("(");
      this->expr(*node.left);
      put(" ");
      operator_name(node.op);
      put(node.all ? " ALL (" : " ANY (");
      this->expr(*node.array);
      put("))");
      return;
    }
    case Kind::bool_expr:
      return bool_expr(expr.as<BoolExpr>());
    case Kind::null_test: {
      const auto& node = expr.as<NullTest>();
      put("(");
      this->expr(*node.arg);
      put(node.negated ? " IS NOT NULL)" : " IS NULL)");
      return;
    }
    case Kind::boolean_test:
      return boolean_test(expr.as<BooleanTest>());
    case Kind::case_expr:
      return case_expr(expr.as<CaseExpr>());
    case Kind::coalesce:
      put("COALESCE(");
      exprs(expr.as<Coalesce>().args);
      put(")");
      return;
    case Kind::min_max:
      put(expr.as<MinMax>().greatest ? "GREATEST(" : "LEAST(");
      exprs(expr.as<MinMax>().args);
      put(")");
      return;
    case Kind::type_cast: {
      const auto& node = expr.as<TypeCast>();
      const bool plain = node.arg->kind == Kind::literal || node.arg->kind == Kind::param ||
                         node.arg->kind == Kind::column_ref;
      put(plain ? "" : "(");
      this->expr(*node.arg);
      put(plain ? "::" : ")::");
      return type(node.type);
    }
    case Kind::collate: {
      const auto& node = expr.as<Collate>();
      put("(");
      this->expr(*node.arg);
      put(" COLLATE ").names(node.collation).put(")");
      return;
    }
    case Kind::subquery:
      return subquery(expr.as<Subquery>());
    case Kind::array_literal:
      put("ARRAY[");
      exprs(expr.as<ArrayLiteral>().elements);
      put("]");
      return;
    case Kind::row: {
      const auto& node = expr.as<Row>();
      put(node.explicit_row ? "ROW(" : "(");
      exprs(node.fields);
      put(")");
      return;
    }
    case Kind::indirection: {
      const auto& node = expr.as<Indirection>();
      put("(");
      this->expr(*node.arg);
      put(")");
      return steps(node.steps);
    }
    case Kind::sql_value:
      return sql_value(expr.as<SqlValue>());
    case Kind::grouping:
      put("GROUPING(");
      exprs(expr.as<Grouping>().args);
      put(")");
      return;
    case Kind::grouping_set:
      return grouping_set(expr.as<GroupingSet>());
    case Kind::set_to_default:
      put("DEFAULT");
      return;
    case Kind::current_of:
      put("CURRENT OF ").name(expr.as<CurrentOf>().cursor);
      return;
    case Kind::range_table:
    case Kind::range_subquery:
    case Kind::range_function:
    case Kind::range_sample:
    case Kind::join:
    case Kind::select:
    case Kind::insert:
    case Kind::update:
    case Kind::remove:
    case Kind::create_table:
    case Kind::create_table_as:
    case Kind::create_view:
    case Kind::create_index:
    case Kind::create_schema:
    case Kind::create_secret:
    case Kind::create_connection:
    case Kind::create_source:
    case Kind::drop:
    case Kind::alter_table:
    case Kind::rename:
    case Kind::refresh:
    case Kind::truncate:
    case Kind::copy:
    case Kind::transaction:
    case Kind::set_variable:
    case Kind::show_variable:
    case Kind::show_objects:
    case Kind::prepare:
    case Kind::execute:
    case Kind::deallocate:
    case Kind::declare_cursor:
    case Kind::fetch:
    case Kind::close_cursor:
    case Kind::explain:
    case Kind::discard:
    case Kind::listen:
    case Kind::notify:
    case Kind::unlisten:
    case Kind::vacuum:
    case Kind::lock:
    case Kind::comment:
    case Kind::checkpoint:
    case Kind::set_constraints:
    case Kind::subscribe:
    case Kind::validate_connection:
    case Kind::flush:
    case Kind::unsupported:
      QW_UNREACHABLE();
  }
}

void Printer::literal_expr(const Literal& node) {
  switch (node.type) {
    case Literal::Type::null:
      put("NULL");
      return;
    case Literal::Type::boolean:
      put(node.boolean ? "true" : "false");
      return;
    case Literal::Type::integer:
    case Literal::Type::numeric:
      if (node.text[0] == '-') {
        put("(").put(node.text).put(")");
      } else {
        put(node.text);
      }
      return;
    case Literal::Type::string:
      literal(node.text);
      return;
    case Literal::Type::bit_string:
      put(node.text.substr(0, 1) == "x" ? "X'" : "B'").put(node.text.substr(1)).put("'");
      return;
  }
}

void Printer::operator_name(const Name& op) {
  if (op.size() == 1) {
    put(op[0]);
    return;
  }
  put("OPERATOR(");
  for (size_t i = 0; i + 1 < op.size(); ++i) name(op[i]).put(".");
  put(op.empty() ? "=" : op.back()).put(")");
}

void Printer::op(const Operator& node) {
  if (node.form != Operator::Form::plain) return op_like(node);
  put("(");
  if (node.left) {
    expr(*node.left);
    put(" ");
  }
  operator_name(node.name);
  put(" ");
  expr(*node.right);
  put(")");
}

void Printer::op_like(const Operator& node) {
  put("(");
  expr(*node.left);
  if (!node.name.empty() && node.name.back().substr(0, 1) == "!") put(" NOT");
  put(node.form == Operator::Form::like    ? " LIKE "
      : node.form == Operator::Form::ilike ? " ILIKE "
                                           : " SIMILAR TO ");
  const auto* escape = node.right->try_as<FunctionCall>();
  const bool wrapped = escape != nullptr && escape->name.size() == 2 &&
                       escape->name[0] == "pg_catalog" &&
                       (escape->name[1] == "like_escape" || escape->name[1] == "similar_to_escape");
  if (wrapped) {
    expr(*escape->arguments[0].value);
    if (escape->arguments.size() > 1) {
      put(" ESCAPE ");
      expr(*escape->arguments[1].value);
    }
  } else {
    expr(*node.right);
  }
  put(")");
}

void Printer::between(const Between& node) {
  put("(");
  expr(*node.arg);
  put(node.negated ? " NOT BETWEEN " : " BETWEEN ").put(node.symmetric ? "SYMMETRIC " : "");
  expr(*node.low);
  put(" AND ");
  expr(*node.high);
  put(")");
}

void Printer::bool_expr(const BoolExpr& node) {
  put("(");
  if (node.type == BoolExpr::Type::not_) {
    put("NOT ");
    expr(*node.args[0]);
  } else {
    bool first = true;
    for (const ExprPtr& arg : node.args) {
      if (!first) put(node.type == BoolExpr::Type::and_ ? " AND " : " OR ");
      first = false;
      expr(*arg);
    }
  }
  put(")");
}

void Printer::boolean_test(const BooleanTest& node) {
  put("(");
  expr(*node.arg);
  switch (node.test) {
    case BooleanTest::Test::is_true:
      put(" IS TRUE)");
      return;
    case BooleanTest::Test::is_not_true:
      put(" IS NOT TRUE)");
      return;
    case BooleanTest::Test::is_false:
      put(" IS FALSE)");
      return;
    case BooleanTest::Test::is_not_false:
      put(" IS NOT FALSE)");
      return;
    case BooleanTest::Test::is_unknown:
      put(" IS UNKNOWN)");
      return;
    case BooleanTest::Test::is_not_unknown:
      put(" IS NOT UNKNOWN)");
      return;
  }
}

void Printer::case_expr(const CaseExpr& node) {
  put("CASE");
  if (node.arg) {
    put(" ");
    expr(*node.arg);
  }
  for (const CaseExpr::When& when : node.whens) {
    put(" WHEN ");
    expr(*when.condition);
    put(" THEN ");
    expr(*when.result);
  }
  if (node.otherwise) {
    put(" ELSE ");
    expr(*node.otherwise);
  }
  put(" END");
}

void Printer::subquery(const Subquery& node) {
  switch (node.type) {
    case Subquery::Type::exists:
      put("EXISTS (");
      break;
    case Subquery::Type::array:
      put("ARRAY(");
      break;
    case Subquery::Type::scalar:
      put("(");
      break;
    case Subquery::Type::any:
    case Subquery::Type::all:
      put("(");
      expr(*node.test);
      put(" ");
      if (node.op.empty()) {
        put("IN (");
      } else {
        operator_name(node.op);
        put(node.type == Subquery::Type::all ? " ALL (" : " ANY (");
      }
      select(*node.query);
      put("))");
      return;
  }
  select(*node.query);
  put(")");
}

void Printer::steps(const std::vector<Indirection::Step>& steps) {
  for (const Indirection::Step& step : steps) {
    switch (step.type) {
      case Indirection::Step::Type::field:
        put(".").name(step.field);
        break;
      case Indirection::Step::Type::star:
        put(".*");
        break;
      case Indirection::Step::Type::index:
      case Indirection::Step::Type::slice:
        put("[");
        if (step.lower) expr(*step.lower);
        if (step.type == Indirection::Step::Type::slice) put(" : ");
        if (step.upper) expr(*step.upper);
        put("]");
        break;
    }
  }
}

void Printer::sql_value(const SqlValue& node) {
  static constexpr std::array<std::string_view, 11> kWords = {
      "CURRENT_DATE",   "CURRENT_TIME",    "CURRENT_TIMESTAMP", "LOCALTIME",
      "LOCALTIMESTAMP", "CURRENT_ROLE",    "CURRENT_USER",      "USER",
      "SESSION_USER",   "CURRENT_CATALOG", "CURRENT_SCHEMA"};
  put(kWords[static_cast<size_t>(node.type)]);
  if (node.precision) put("(").put(std::to_string(*node.precision)).put(")");
}

void Printer::grouping_set(const GroupingSet& node) {
  switch (node.type) {
    case GroupingSet::Type::empty:
      break;
    case GroupingSet::Type::rollup:
      put("ROLLUP ");
      break;
    case GroupingSet::Type::cube:
      put("CUBE ");
      break;
    case GroupingSet::Type::sets:
      put("GROUPING SETS ");
      break;
  }
  put("(");
  exprs(node.items);
  put(")");
}

// Functions and windows -----------------------------------------------------------------------

void Printer::function(const FunctionCall& call) {
  if (call.sql_syntax && sql_function(call)) return;
  names(call.name).put("(");
  if (call.distinct) put("DISTINCT ");
  if (call.star) put("*");
  size_t left = call.arguments.size();
  list(call.arguments, [&](const FunctionCall::Argument& argument) {
    if (--left == 0 && call.variadic) put("VARIADIC ");
    if (!argument.name.empty()) name(argument.name).put(" => ");
    expr(*argument.value);
  });
  if (!call.order_by.empty() && !call.within_group) {
    put(" ORDER BY ");
    order_by(call.order_by);
  }
  put(")");
  if (call.within_group) {
    put(" WITHIN GROUP (ORDER BY ");
    order_by(call.order_by);
    put(")");
  }
  if (call.filter) {
    put(" FILTER (WHERE ");
    expr(*call.filter);
    put(")");
  }
  if (call.over) {
    put(" OVER ");
    if (!call.over->name.empty()) {
      name(call.over->name);
    } else {
      window(*call.over);
    }
  }
}

namespace {

// Fields that EXTRACT takes as bare words and that are no reserved words.
bool bare_field(const Expr& expr) {
  const auto* literal = expr.try_as<Literal>();
  if (literal == nullptr || literal->type != Literal::Type::string || literal->text.empty()) {
    return false;
  }
  return std::all_of(literal->text.begin(), literal->text.end(),
                     [](char c) { return c >= 'a' && c <= 'z'; }) &&
         quote_identifier(literal->text) == literal->text;
}

}  // namespace

// The spellings of PostgreSQL's func_expr_common_subexpr. False: an ordinary call is the spelling.
bool Printer::sql_function(const FunctionCall& call) {
  const std::string_view function = call.name.back();
  const size_t count = call.arguments.size();
  const auto argument = [&](size_t i) { expr(*call.arguments[i].value); };
  const auto join = [&](std::string_view open, size_t first, std::string_view word, size_t second,
                        std::string_view close) {
    put(open);
    argument(first);
    put(word);
    argument(second);
    put(close);
    return true;
  };
  if (function == "extract" && count == 2) {
    put("EXTRACT(");
    if (bare_field(*call.arguments[0].value)) {
      put(call.arguments[0].value->as<Literal>().text);
    } else {
      argument(0);
    }
    put(" FROM ");
    argument(1);
    put(")");
    return true;
  }
  if (function == "timezone" && count == 2) return join("(", 1, " AT TIME ZONE ", 0, ")");
  if (function == "position" && count == 2) return join("POSITION(", 1, " IN ", 0, ")");
  if (function == "overlaps" && count == 4) {
    join("((", 0, ", ", 1, ") OVERLAPS ");
    return join("(", 2, ", ", 3, "))");
  }
  const bool trim = function == "btrim" || function == "ltrim" || function == "rtrim";
  if (trim && (count == 1 || count == 2)) {
    put(function == "btrim"   ? "TRIM(BOTH "
        : function == "ltrim" ? "TRIM(LEADING "
                              : "TRIM(TRAILING ");
    if (count == 2) argument(1);
    put(count == 2 ? " FROM " : "FROM ");
    argument(0);
    put(")");
    return true;
  }
  if ((function == "substring" || function == "overlay") && count >= 2 && count <= 4) {
    const bool overlay = function == "overlay";
    if (overlay && count < 3) return false;
    put(overlay ? "OVERLAY(" : "SUBSTRING(");
    argument(0);
    put(overlay ? " PLACING " : " FROM ");
    argument(1);
    if (count > 2) {
      put(overlay ? " FROM " : " FOR ");
      argument(2);
    }
    if (count > 3) {
      put(" FOR ");
      argument(3);
    }
    put(")");
    return true;
  }
  if (function == "is_normalized" && (count == 1 || count == 2)) {
    put("(");
    argument(0);
    put(" IS ");
    if (count == 2) put(call.arguments[1].value->as<Literal>().text).put(" ");
    put("NORMALIZED)");
    return true;
  }
  if (function == "normalize" && count == 2) {
    put("NORMALIZE(");
    argument(0);
    put(", ").put(call.arguments[1].value->as<Literal>().text).put(")");
    return true;
  }
  if (function == "pg_collation_for" && count == 1) {
    put("COLLATION FOR (");
    argument(0);
    put(")");
    return true;
  }
  if (function == "xmlexists" || function == "system_user") return false;
  return false;
}

void Printer::order_suffix(OrderItem::Direction direction, OrderItem::Nulls nulls) {
  if (direction == OrderItem::Direction::ascending) put(" ASC");
  if (direction == OrderItem::Direction::descending) put(" DESC");
  if (nulls == OrderItem::Nulls::first) put(" NULLS FIRST");
  if (nulls == OrderItem::Nulls::last) put(" NULLS LAST");
}

void Printer::order_by(const std::vector<OrderItem>& items) {
  list(items, [&](const OrderItem& item) {
    expr(*item.expr);
    if (item.direction == OrderItem::Direction::use_operator) {
      put(" USING ");
      operator_name(item.using_operator);
    }
    order_suffix(item.direction, item.nulls);
  });
}

void Printer::window(const WindowSpec& window) {
  put("(");
  std::string_view space;
  const auto begin = [&](std::string_view words) {
    put(space).put(words);
    space = " ";
  };
  if (!window.ref_name.empty()) {
    begin("");
    name(window.ref_name);
  }
  if (!window.partition_by.empty()) {
    begin("PARTITION BY ");
    exprs(window.partition_by);
  }
  if (!window.order_by.empty()) {
    begin("ORDER BY ");
    order_by(window.order_by);
  }
  if (window.has_frame) {
    begin("");
    frame(window);
  }
  put(")");
}

void Printer::frame(const WindowSpec& window) {
  const auto bound = [&](WindowSpec::Bound kind, const ExprPtr& offset) {
    if (offset) {
      expr(*offset);
      put(" ");
    }
    switch (kind) {
      case WindowSpec::Bound::unbounded_preceding:
        put("UNBOUNDED PRECEDING");
        return;
      case WindowSpec::Bound::preceding:
        put("PRECEDING");
        return;
      case WindowSpec::Bound::current_row:
        put("CURRENT ROW");
        return;
      case WindowSpec::Bound::following:
        put("FOLLOWING");
        return;
      case WindowSpec::Bound::unbounded_following:
        put("UNBOUNDED FOLLOWING");
        return;
    }
  };
  switch (window.mode) {
    case WindowSpec::Mode::range:
      put("RANGE BETWEEN ");
      break;
    case WindowSpec::Mode::rows:
      put("ROWS BETWEEN ");
      break;
    case WindowSpec::Mode::groups:
      put("GROUPS BETWEEN ");
      break;
  }
  bound(window.start, window.start_offset);
  put(" AND ");
  bound(window.end, window.end_offset);
  switch (window.exclude) {
    case WindowSpec::Exclude::no_others:
      return;
    case WindowSpec::Exclude::current_row:
      put(" EXCLUDE CURRENT ROW");
      return;
    case WindowSpec::Exclude::group:
      put(" EXCLUDE GROUP");
      return;
    case WindowSpec::Exclude::ties:
      put(" EXCLUDE TIES");
      return;
  }
}

// Types ---------------------------------------------------------------------------------------

// Fields of INTERVAL day to second(3): a mask of PostgreSQL's INTERVAL_MASK bits, then a precision.
void Printer::interval_fields(const TypeName& type) {
  static constexpr std::pair<int64_t, std::string_view> kFields[] = {
      {4, " year"},
      {2, " month"},
      {8, " day"},
      {1024, " hour"},
      {2048, " minute"},
      {4096, " second"},
      {6, " year to month"},
      {1032, " day to hour"},
      {3080, " day to minute"},
      {7176, " day to second"},
      {3072, " hour to minute"},
      {7168, " hour to second"},
      {6144, " minute to second"},
  };
  const auto number = [&](size_t i) -> int64_t {
    const auto* literal = i < type.typmods.size() ? type.typmods[i]->try_as<Literal>() : nullptr;
    return literal == nullptr ? 0 : literal->integer;
  };
  for (const auto& [mask, words] : kFields) {
    if (number(0) == mask) put(words);
  }
  if (type.typmods.size() > 1) put("(").put(std::to_string(number(1))).put(")");
}

bool Printer::special_type(const TypeName& type) {
  if (type.names.size() != 2 || type.names[0] != "pg_catalog") return false;
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"int2", "smallint"},
      {"int4", "integer"},
      {"int8", "bigint"},
      {"float4", "real"},
      {"float8", "double precision"},
      {"bool", "boolean"},
      {"numeric", "numeric"},
      {"varchar", "character varying"},
      {"time", "time"},
      {"timestamp", "timestamp"},
  };
  const std::string& name = type.names[1];
  for (const auto& [internal, words] : kNames) {
    if (name != internal) continue;
    put(words);
    return true;
  }
  if (name == "interval") {
    put("interval");
    return true;
  }
  if (type.typmods.empty()) {
    if (name == "timetz") put("time with time zone");
    if (name == "timestamptz") put("timestamp with time zone");
    if (name == "varbit") put("bit varying");
    return name == "timetz" || name == "timestamptz" || name == "varbit";
  }
  // "char" is character(1), "bit" bit(1): without a length these names mean something else.
  if (name == "bpchar") put("character");
  if (name == "bit") put("bit");
  if (name == "varbit") put("bit varying");
  if (name == "timetz") put("time");
  if (name == "timestamptz") put("timestamp");
  return name == "bpchar" || name == "bit" || name == "varbit" || name == "timetz" ||
         name == "timestamptz";
}

void Printer::type(const TypeName& type) {
  if (type.setof) put("SETOF ");
  const bool special = special_type(type);
  if (!special) names(type.names);
  if (type.percent_type) put("%TYPE");
  if (special && type.names[1] == "interval") {
    interval_fields(type);
  } else if (!type.typmods.empty()) {
    put("(");
    exprs(type.typmods);
    put(")");
    if (special && (type.names[1] == "timetz" || type.names[1] == "timestamptz")) {
      put(" with time zone");
    }
  }
  for (const int32_t bound : type.array_bounds) {
    put("[").put(bound < 0 ? "" : std::to_string(bound)).put("]");
  }
}

}  // namespace qw::sql::parsing
