// See expression.h: everything but calls (call.cc) and subqueries (subquery.cc).
#include "sql/bind/expression.h"

#include <algorithm>

#include <fmt/format.h>

#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/fold.h"
#include "src/types/array.h"
#include "src/types/text.h"

namespace qw::sql {

std::string_view place_name(ExprPlace place) {
  switch (place) {
    case ExprPlace::target:
      return "SELECT";
    case ExprPlace::where:
      return "WHERE";
    case ExprPlace::join_on:
      return "JOIN conditions";
    case ExprPlace::group_by:
      return "GROUP BY";
    case ExprPlace::having:
      return "HAVING";
    case ExprPlace::order_by:
      return "ORDER BY";
    case ExprPlace::distinct_on:
      return "DISTINCT ON";
    case ExprPlace::limit:
      return "LIMIT";
    case ExprPlace::offset:
      return "OFFSET";
    case ExprPlace::values:
      return "VALUES";
    case ExprPlace::insert:
      return "INSERT";
    case ExprPlace::update:
      return "UPDATE";
    case ExprPlace::returning:
      return "RETURNING";
    case ExprPlace::default_value:
      return "DEFAULT expressions";
    case ExprPlace::index:
      return "index expressions";
    case ExprPlace::watermark:
      return "watermark expressions";
    case ExprPlace::window_partition:
      return "PARTITION BY";
    case ExprPlace::window_order:
      return "ORDER BY";
    case ExprPlace::window_frame:
      return "window frame";
    case ExprPlace::filter:
      return "FILTER";
    case ExprPlace::from_function:
      return "functions in FROM";
    case ExprPlace::policy:
      return "policy expressions";
    case ExprPlace::utility:
      return "EXECUTE parameters";
  }
  QW_UNREACHABLE();
}

tl::unexpected<Error> ExpressionBinder::not_supported(std::string construct,
                                                      int32_t location) const {
  return state_.fail_at(feature_not_supported(std::move(construct) + " is not supported"),
                        location);
}

ExprPtr ExpressionBinder::placeholder(uint32_t index, Type type, int32_t location) const {
  ExprPtr node = make_column(index, type);
  node->location = location;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind(const ast::Expr& expr) {
  DepthGuard depth(state_);
  QW_TRY(depth.check());
  Result<ExprPtr> bound = bind_inner(expr);
  return bound;
}

Result<ExprPtr> ExpressionBinder::bind_inner(const ast::Expr& expr) {
  using ast::Kind;
  if (const auto* n = expr.try_as<ast::Literal>()) return bind_literal(*n);
  if (const auto* n = expr.try_as<ast::Param>()) return bind_param(*n);
  if (const auto* n = expr.try_as<ast::ColumnRef>()) return bind_column(*n);
  if (const auto* n = expr.try_as<ast::FunctionCall>()) return bind_call(*n);
  if (const auto* n = expr.try_as<ast::Operator>()) return bind_operator(*n);
  if (const auto* n = expr.try_as<ast::DistinctFrom>()) return bind_distinct(*n);
  if (const auto* n = expr.try_as<ast::NullIf>()) return bind_null_if(*n);
  if (const auto* n = expr.try_as<ast::InList>()) return bind_in_list(*n);
  if (const auto* n = expr.try_as<ast::Between>()) return bind_between(*n);
  if (const auto* n = expr.try_as<ast::AnyAll>()) return bind_any_all(*n);
  if (const auto* n = expr.try_as<ast::BoolExpr>()) return bind_bool(*n);
  if (const auto* n = expr.try_as<ast::NullTest>()) return bind_null_test(*n);
  if (const auto* n = expr.try_as<ast::BooleanTest>()) return bind_boolean_test(*n);
  if (const auto* n = expr.try_as<ast::CaseExpr>()) return bind_case(*n);
  if (const auto* n = expr.try_as<ast::Coalesce>()) return bind_coalesce(*n);
  if (const auto* n = expr.try_as<ast::MinMax>()) return bind_min_max(*n);
  if (const auto* n = expr.try_as<ast::TypeCast>()) return bind_cast(*n);
  if (const auto* n = expr.try_as<ast::Collate>()) return bind_collate(*n);
  if (const auto* n = expr.try_as<ast::Subquery>()) return bind_subquery(*n);
  if (const auto* n = expr.try_as<ast::ArrayLiteral>()) return bind_array(*n, std::nullopt);
  if (const auto* n = expr.try_as<ast::Indirection>()) return bind_indirection(*n);
  if (const auto* n = expr.try_as<ast::SqlValue>()) return bind_sql_value(*n);
  if (const auto* n = expr.try_as<ast::Row>()) {
    QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> fields, bind_all(n->fields));
    for (ExprPtr& field : fields) {
      QW_ASSIGN_OR_RETURN(field, resolve_unknown(state_, std::move(field)));
    }
    ExprPtr row = make_node(ExprKind::row_make, TypeId::record, std::move(fields));
    row->location = n->location;
    return row;
  }
  if (expr.kind == Kind::set_to_default) {
    return state_.fail_at(syntax_error("DEFAULT is not allowed in this context"), expr.location);
  }
  if (const auto* n = expr.try_as<ast::Grouping>()) return bind_grouping(*n);
  if (expr.kind == Kind::grouping_set) return not_supported("GROUPING SETS", expr.location);
  return not_supported("WHERE CURRENT OF", expr.location);
}

// A call that select.cc replaces by a column once it knows the grouping sets.
Result<ExprPtr> ExpressionBinder::bind_grouping(const ast::Grouping& grouping) {
  if (pending_ == nullptr || (place_ != ExprPlace::target && place_ != ExprPlace::having &&
                              place_ != ExprPlace::order_by)) {
    return state_.fail_at(grouping_error(fmt::format("grouping operations are not allowed in {}",
                                                     place_name(place_))),
                          grouping.location);
  }
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> args, bind_all(grouping.args));
  pending_->has_grouping = true;
  const Function& function = *state_.registry.functions(kGroupingFunction)[0];
  ExprPtr call = make_call(function, std::move(args), TypeId::int4);
  call->location = grouping.location;
  return call;
}

Result<std::vector<ExprPtr>> ExpressionBinder::bind_all(const ast::ExprList& list) {
  std::vector<ExprPtr> out;
  out.reserve(list.size());
  for (const ast::ExprPtr& item : list) {
    QW_ASSIGN_OR_RETURN(ExprPtr bound, bind(*item));
    out.push_back(std::move(bound));
  }
  return out;
}

Result<std::vector<ExprPtr>> ExpressionBinder::bind_row(const ast::Expr& expr) {
  if (const auto* row = expr.try_as<ast::Row>()) return bind_all(row->fields);
  std::vector<ExprPtr> single;
  QW_ASSIGN_OR_RETURN(ExprPtr bound, bind(expr));
  single.push_back(std::move(bound));
  return single;
}

Result<ExprPtr> ExpressionBinder::bind_literal(const ast::Literal& literal) {
  ExprPtr node;
  switch (literal.type) {
    case ast::Literal::Type::null:
      node = make_constant(Datum::null(TypeId::unknown));
      break;
    case ast::Literal::Type::boolean:
      node = make_boolean(literal.boolean);
      break;
    case ast::Literal::Type::integer:
      if (literal.integer >= INT32_MIN && literal.integer <= INT32_MAX) {
        node = make_constant(Datum::int4(static_cast<int32_t>(literal.integer)));
      } else {
        node = make_constant(Datum::int8(literal.integer));
      }
      break;
    case ast::Literal::Type::numeric: {
      // Whole numbers take the narrowest of integer, bigint and numeric; a sign may be part of one.
      const size_t digits = literal.text.substr(0, 1) == "-" ? 1 : 0;
      const bool whole = literal.text.find_first_not_of("0123456789", digits) == std::string::npos;
      Result<Datum> value = tl::unexpected<Error>(internal_error(""));
      if (whole) value = from_text(TypeId::int4, literal.text);
      if (whole && !value) value = from_text(TypeId::int8, literal.text);
      if (!value) value = from_text(TypeId::numeric, literal.text);
      if (!value) return state_.fail_at(std::move(value).error(), literal.location);
      node = make_constant(std::move(*value));
      break;
    }
    case ast::Literal::Type::string:
      node = make_constant(Datum::of_bytes(TypeId::unknown, literal.text));
      break;
    case ast::Literal::Type::bit_string:
      return not_supported("type bit", literal.location);
  }
  node->location = literal.location;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_param(const ast::Param& param) {
  if (param.number < 1 || param.number > static_cast<int32_t>(limits::kParametersMax)) {
    return state_.fail_at(
        undefined_parameter(fmt::format("there is no parameter ${}", param.number)),
        param.location);
  }
  const auto index = static_cast<uint32_t>(param.number);
  if (state_.parameters.size() < index) state_.parameters.resize(index, Type(TypeId::unknown));
  auto node = std::make_unique<Expr>();
  node->kind = ExprKind::parameter;
  node->index = index;
  node->type = state_.parameters[index - 1];
  node->location = param.location;
  return node;
}

ExprPtr ExpressionBinder::column_at(const Resolved& resolved, int32_t location) const {
  ExprPtr node = make_column(resolved.column->index, resolved.column->type);
  if (resolved.depth > 0) {
    node->kind = ExprKind::outer_column;
    node->depth = resolved.depth;
  }
  node->location = location;
  return node;
}

ExprPtr ExpressionBinder::whole_row(const Resolved& resolved, int32_t location) const {
  std::vector<ExprPtr> fields;
  for (const ScopeColumn& column : resolved.entry->columns) {
    fields.push_back(
        column_at({Resolved::Kind::column, resolved.depth, &column, nullptr}, location));
  }
  if (resolved.entry->scalar && fields.size() == 1) return std::move(fields[0]);
  ExprPtr row = make_node(ExprKind::row_make, TypeId::record, std::move(fields));
  row->location = location;
  return row;
}

namespace {

// The system column tableoid: no stored column, a constant of the relation. An outer join makes it
// NULL along with the row, which a column that is never NULL shows.
Result<ExprPtr> tableoid_of(const BindState& state, const Scope* scope, const ast::ColumnRef& ref) {
  const auto has_oid = [](const ScopeEntry& entry) {
    return entry.relation != nullptr && entry.relation->kind != RelationKind::view;
  };
  Resolved of;
  if (ref.names.size() > 1) {
    const std::vector<std::string> table(ref.names.begin(), ref.names.end() - 1);
    QW_ASSIGN_OR_RETURN(of, resolve_table(state, scope, table, ref.location));
    if (!has_oid(*of.entry)) return ExprPtr();
  } else {
    uint32_t depth = 0;
    for (const Scope* at = scope; at != nullptr && of.entry == nullptr; at = at->parent, ++depth) {
      for (const ScopeEntry& entry : at->entries) {
        if (at->blocked || !entry.table_visible || !has_oid(entry)) continue;
        if (of.entry != nullptr) {
          return state.fail_at(ambiguous_column("column reference \"tableoid\" is ambiguous"),
                               ref.location);
        }
        of = {Resolved::Kind::whole_row, depth, nullptr, &entry};
      }
    }
    if (of.entry == nullptr) return ExprPtr();
  }
  const Relation& relation = *of.entry->relation;
  ExprPtr oid = make_constant(Datum::of<uint32_t>(TypeId::oid, relation.id.value));
  for (size_t i = 0; i < relation.columns.size(); ++i) {
    if (!relation.columns[i].not_null || i >= of.entry->columns.size()) continue;
    const ScopeColumn& column = of.entry->columns[i];
    ExprPtr witness = make_column(column.index, column.type);
    if (of.depth > 0) witness->kind = ExprKind::outer_column;
    witness->depth = of.depth;
    std::vector<ExprPtr> args;
    args.push_back(make_node(ExprKind::is_not_null, TypeId::boolean, std::move(witness)));
    args.push_back(std::move(oid));
    args.push_back(make_constant(Datum::null(TypeId::oid)));
    oid = make_node(ExprKind::case_when, TypeId::oid, std::move(args));
    break;
  }
  oid->location = ref.location;
  return oid;
}

}  // namespace

Result<ExprPtr> ExpressionBinder::bind_column(const ast::ColumnRef& ref) {
  if (ref.star) {
    return state_.fail_at(syntax_error("row expansion via \"*\" is not supported here"),
                          ref.location);
  }
  if (place_ == ExprPlace::default_value) {
    return state_.fail_at(
        feature_not_supported("cannot use column reference in DEFAULT expression"), ref.location);
  }
  auto found = resolve_column(state_, scope_, ref.names, ref.location);
  if (!found) {
    if (ref.names.back() != "tableoid" || found.error().code() != SqlState("42703")) {
      return fail(std::move(found).error());
    }
    QW_ASSIGN_OR_RETURN(ExprPtr oid, tableoid_of(state_, scope_, ref));
    return oid != nullptr ? std::move(oid) : Result<ExprPtr>(fail(std::move(found).error()));
  }
  const Resolved resolved = *found;
  if ((place_ == ExprPlace::limit || place_ == ExprPlace::offset) && resolved.depth == 0) {
    return state_.fail_at(invalid_column_reference(fmt::format(
                              "argument of {} must not contain variables", place_name(place_))),
                          ref.location);
  }
  if (resolved.kind == Resolved::Kind::whole_row) return whole_row(resolved, ref.location);
  return column_at(resolved, ref.location);
}

namespace {

// Row comparison operators, by what they do to equal leading columns.
enum class RowOperator : uint8_t { equal, not_equal, ordering, none };
RowOperator row_operator(std::string_view name) {
  if (name == "=") return RowOperator::equal;
  if (name == "<>") return RowOperator::not_equal;
  if (name == "<" || name == "<=" || name == ">" || name == ">=") return RowOperator::ordering;
  return RowOperator::none;
}

ExprPtr make_logical(ExprKind kind, std::vector<ExprPtr> terms) {
  if (terms.size() == 1) return std::move(terms[0]);
  return make_node(kind, TypeId::boolean, std::move(terms));
}
ExprPtr make_not(ExprPtr arg) {
  return make_node(ExprKind::logical_not, TypeId::boolean, std::move(arg));
}

}  // namespace

Result<ExprPtr> ExpressionBinder::bind_operator(const ast::Operator& op) {
  const std::string& name = op.name.back();
  const bool left_row = op.left != nullptr && op.left->kind == ast::Kind::row;
  if (left_row && op.right->kind == ast::Kind::row) {
    QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> left, bind_row(*op.left));
    QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> right, bind_row(*op.right));
    return bind_row_comparison(name, std::move(left), std::move(right), op.location);
  }
  if (left_row && op.right->kind == ast::Kind::subquery) {
    return not_supported("a row compared with a subquery", op.location);
  }
  // -2147483648 and the like: the literal's digits alone would not fit.
  ExprPtr left;
  if (op.left != nullptr) {
    QW_ASSIGN_OR_RETURN(left, bind(*op.left));
  }
  QW_ASSIGN_OR_RETURN(ExprPtr right, bind(*op.right));
  const int32_t start = left != nullptr && left->location >= 0 ? left->location : op.location;
  QW_ASSIGN_OR_RETURN(ExprPtr result,
                      make_operator(state_, name, std::move(left), std::move(right), op.location));
  if (start >= 0) result->location = std::min(start, op.location < 0 ? start : op.location);
  return result;
}

Result<ExprPtr> ExpressionBinder::bind_row_comparison(std::string_view name,
                                                      std::vector<ExprPtr> left,
                                                      std::vector<ExprPtr> right,
                                                      int32_t location) {
  if (left.size() != right.size()) {
    return state_.fail_at(syntax_error("unequal number of entries in row expressions"), location);
  }
  if (left.empty()) {
    return state_.fail_at(feature_not_supported("cannot compare rows of zero length"), location);
  }
  const RowOperator kind = row_operator(name);
  if (kind == RowOperator::none) {
    return state_.fail_at(
        feature_not_supported(
            fmt::format("could not determine interpretation of row comparison operator {}", name)),
        location);
  }
  std::vector<ExprPtr> terms;
  const size_t count = left.size();
  if (kind != RowOperator::ordering) {
    for (size_t i = 0; i < count; ++i) {
      QW_ASSIGN_OR_RETURN(ExprPtr term, make_operator(state_, name, std::move(left[i]),
                                                      std::move(right[i]), location));
      terms.push_back(std::move(term));
    }
    return make_logical(kind == RowOperator::equal ? ExprKind::logical_and : ExprKind::logical_or,
                        std::move(terms));
  }
  // (a, b) < (c, d): a < c OR (a = c AND b < d); the last column takes the operator as written.
  const std::string strict(name.substr(0, 1));
  ExprPtr result;
  for (size_t i = count; i-- > 0;) {
    const std::string_view op = i + 1 == count ? name : std::string_view(strict);
    QW_ASSIGN_OR_RETURN(ExprPtr test,
                        make_operator(state_, op, left[i]->clone(), right[i]->clone(), location));
    if (result == nullptr) {
      result = std::move(test);
      continue;
    }
    QW_ASSIGN_OR_RETURN(ExprPtr equal, make_operator(state_, "=", std::move(left[i]),
                                                     std::move(right[i]), location));
    std::vector<ExprPtr> either;
    either.push_back(std::move(test));
    either.push_back(make_and(std::move(equal), std::move(result)));
    result = make_logical(ExprKind::logical_or, std::move(either));
  }
  return result;
}

Result<ExprPtr> ExpressionBinder::make_distinct_from(ExprPtr left, ExprPtr right, bool negated,
                                                     int32_t location) {
  const auto is_null_literal = [](const Expr& expr) {
    return expr.kind == ExprKind::constant && expr.value.is_null() &&
           expr.type.id == TypeId::unknown;
  };
  const ExprKind null_test = negated ? ExprKind::is_null : ExprKind::is_not_null;
  if (is_null_literal(*right)) {
    QW_ASSIGN_OR_RETURN(left, resolve_unknown(state_, std::move(left)));
    return make_node(null_test, TypeId::boolean, std::move(left));
  }
  if (is_null_literal(*left)) {
    QW_ASSIGN_OR_RETURN(right, resolve_unknown(state_, std::move(right)));
    return make_node(null_test, TypeId::boolean, std::move(right));
  }
  QW_ASSIGN_OR_RETURN(ExprPtr equal,
                      make_operator(state_, "=", std::move(left), std::move(right), location));
  equal->kind = negated ? ExprKind::is_not_distinct : ExprKind::is_distinct;
  return equal;
}

Result<ExprPtr> ExpressionBinder::bind_distinct(const ast::DistinctFrom& distinct) {
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> left, bind_row(*distinct.left));
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> right, bind_row(*distinct.right));
  if (left.size() != right.size()) {
    return state_.fail_at(syntax_error("unequal number of entries in row expressions"),
                          distinct.location);
  }
  std::vector<ExprPtr> terms;
  for (size_t i = 0; i < left.size(); ++i) {
    QW_ASSIGN_OR_RETURN(ExprPtr term, make_distinct_from(std::move(left[i]), std::move(right[i]),
                                                         distinct.negated, distinct.location));
    terms.push_back(std::move(term));
  }
  return make_logical(distinct.negated ? ExprKind::logical_and : ExprKind::logical_or,
                      std::move(terms));
}

Result<ExprPtr> ExpressionBinder::bind_null_if(const ast::NullIf& null_if) {
  QW_ASSIGN_OR_RETURN(ExprPtr left, bind(*null_if.left));
  QW_ASSIGN_OR_RETURN(ExprPtr right, bind(*null_if.right));
  QW_ASSIGN_OR_RETURN(ExprPtr result, make_operator(state_, "=", std::move(left), std::move(right),
                                                    null_if.location));
  if (result->type.id != TypeId::boolean) {
    return state_.fail_at(datatype_mismatch("NULLIF requires = operator to yield boolean"),
                          null_if.location);
  }
  result->kind = ExprKind::nullif;
  result->type = result->args[0]->type;
  result->location = null_if.location;
  return result;
}

Result<ExprPtr> ExpressionBinder::bind_in_list(const ast::InList& in) {
  const char* name = in.negated ? "<>" : "=";
  if (in.left->kind == ast::Kind::row) {
    std::vector<ExprPtr> terms;
    for (const ast::ExprPtr& item : in.items) {
      QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> left, bind_row(*in.left));
      QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> right, bind_row(*item));
      QW_ASSIGN_OR_RETURN(
          ExprPtr term, bind_row_comparison(name, std::move(left), std::move(right), in.location));
      terms.push_back(std::move(term));
    }
    return make_logical(in.negated ? ExprKind::logical_and : ExprKind::logical_or,
                        std::move(terms));
  }
  QW_ASSIGN_OR_RETURN(ExprPtr left, bind(*in.left));
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> items, bind_all(in.items));
  std::vector<Type> types = {left->type};
  for (const ExprPtr& item : items) types.push_back(item->type);
  const std::optional<Type> common =
      items.size() > 1 ? try_common_type(state_, types) : std::nullopt;
  if (common && common->id != TypeId::record) {
    bool constant = true;
    for (ExprPtr& item : items) {
      QW_ASSIGN_OR_RETURN(item, coerce(state_, std::move(item), *common, CastContext::implicit));
      fold_constants(item);
      constant = constant && item->kind == ExprKind::constant;
    }
    if (constant) {
      // The operator is chosen once, against the common type, as for x = ANY (array).
      QW_ASSIGN_OR_RETURN(ExprPtr equal, make_operator(state_, "=", std::move(left),
                                                       items[0]->clone(), in.location));
      if (equal->args[1]->type.same(*common)) {
        const int32_t start = equal->args[0]->location;
        equal->kind = ExprKind::in_list;
        equal->args.pop_back();
        for (ExprPtr& item : items) equal->args.push_back(std::move(item));
        equal->location = start;
        return in.negated ? make_not(std::move(equal)) : std::move(equal);
      }
      left = std::move(equal->args[0]);
    }
  }
  std::vector<ExprPtr> terms;
  for (ExprPtr& item : items) {
    QW_ASSIGN_OR_RETURN(ExprPtr term,
                        make_operator(state_, name, left->clone(), std::move(item), in.location));
    if (term->type.id != TypeId::boolean) {
      QW_ASSIGN_OR_RETURN(term, coerce_to_boolean(state_, std::move(term), "IN"));
    }
    terms.push_back(std::move(term));
  }
  return make_logical(in.negated ? ExprKind::logical_and : ExprKind::logical_or, std::move(terms));
}

Result<ExprPtr> ExpressionBinder::bind_between(const ast::Between& between) {
  // The operand is bound once per use: a literal may become a different type on each side.
  const auto range = [&](const ast::Expr& low, const ast::Expr& high) -> Result<ExprPtr> {
    QW_ASSIGN_OR_RETURN(ExprPtr arg, bind(*between.arg));
    QW_ASSIGN_OR_RETURN(ExprPtr low_bound, bind(low));
    QW_ASSIGN_OR_RETURN(ExprPtr high_bound, bind(high));
    const bool negated = between.negated;
    std::vector<ExprPtr> terms;
    QW_ASSIGN_OR_RETURN(ExprPtr first, make_operator(state_, negated ? "<" : ">=", arg->clone(),
                                                     std::move(low_bound), between.location));
    QW_ASSIGN_OR_RETURN(ExprPtr second, make_operator(state_, negated ? ">" : "<=", std::move(arg),
                                                      std::move(high_bound), between.location));
    terms.push_back(std::move(first));
    terms.push_back(std::move(second));
    return make_logical(negated ? ExprKind::logical_or : ExprKind::logical_and, std::move(terms));
  };
  if (!between.symmetric) return range(*between.low, *between.high);
  std::vector<ExprPtr> terms;
  QW_ASSIGN_OR_RETURN(ExprPtr forward, range(*between.low, *between.high));
  QW_ASSIGN_OR_RETURN(ExprPtr backward, range(*between.high, *between.low));
  terms.push_back(std::move(forward));
  terms.push_back(std::move(backward));
  return make_logical(between.negated ? ExprKind::logical_and : ExprKind::logical_or,
                      std::move(terms));
}

Result<ExprPtr> ExpressionBinder::bind_any_all(const ast::AnyAll& any) {
  QW_ASSIGN_OR_RETURN(ExprPtr left, bind(*any.left));
  QW_ASSIGN_OR_RETURN(ExprPtr array, bind(*any.array));
  const std::string_view name = any.op.empty() ? "=" : std::string_view(any.op.back());
  Type element = TypeId::unknown;
  if (const std::optional<Type> inside = array_element_type(array->type)) {
    element = *inside;
  } else if (array->type.id != TypeId::unknown) {
    return state_.fail_at(wrong_object_type("op ANY/ALL (array) requires array on right side"),
                          any.location);
  }
  bool ambiguous = false;
  const std::optional<Overload> overload =
      choose_operator(state_, name, left->type, element, ambiguous);
  if (!overload) {
    // Says what is wrong in the words of the plain operator.
    ExprPtr stand_in = make_constant(Datum::null(element));
    stand_in->location = array->location;
    QW_TRY(make_operator(state_, name, std::move(left), std::move(stand_in), any.location));
    return state_.fail_at(internal_error("operator of ANY/ALL"), any.location);
  }
  if (overload->result.id != TypeId::boolean) {
    return state_.fail_at(
        wrong_object_type("op ANY/ALL (array) requires operator to yield boolean"), any.location);
  }
  const Type left_type = overload->arguments[0], right_type = overload->arguments[1];
  QW_ASSIGN_OR_RETURN(
      left, coerce(state_, std::move(left), left_type.without_typmod(), CastContext::implicit));
  const bool is_vector = array_element_type(array->type).has_value() && !array->type.is_array();
  if (!is_vector || !right_type.same(element)) {
    if (right_type.is_array() || type_info(right_type.id).array_oid == 0) {
      return state_.fail_at(
          undefined_object(
              fmt::format("could not find array type for data type {}", right_type.sql_name())),
          any.location);
    }
    QW_ASSIGN_OR_RETURN(array, coerce(state_, std::move(array), Type::array_of(right_type.id),
                                      CastContext::implicit));
  }
  std::vector<ExprPtr> args;
  args.push_back(std::move(left));
  args.push_back(std::move(array));
  ExprPtr node = make_node(ExprKind::array_op, TypeId::boolean, std::move(args));
  node->function = overload->function;
  node->all = any.all;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_bool(const ast::BoolExpr& expr) {
  std::string_view construct = "NOT";
  if (expr.type == ast::BoolExpr::Type::and_) construct = "AND";
  if (expr.type == ast::BoolExpr::Type::or_) construct = "OR";
  std::vector<ExprPtr> args;
  for (const ast::ExprPtr& item : expr.args) {
    QW_ASSIGN_OR_RETURN(ExprPtr arg, bind(*item));
    QW_ASSIGN_OR_RETURN(arg, coerce_to_boolean(state_, std::move(arg), construct));
    args.push_back(std::move(arg));
  }
  ExprKind kind = ExprKind::logical_not;
  if (expr.type == ast::BoolExpr::Type::and_) kind = ExprKind::logical_and;
  if (expr.type == ast::BoolExpr::Type::or_) kind = ExprKind::logical_or;
  return make_node(kind, TypeId::boolean, std::move(args));
}

Result<ExprPtr> ExpressionBinder::bind_null_test(const ast::NullTest& test) {
  const ExprKind kind = test.negated ? ExprKind::is_not_null : ExprKind::is_null;
  QW_ASSIGN_OR_RETURN(ExprPtr arg, bind(*test.arg));
  if (arg->kind == ExprKind::row_make && !arg->args.empty()) {
    std::vector<ExprPtr> terms;
    for (ExprPtr& field : arg->args) {
      terms.push_back(make_node(kind, TypeId::boolean, std::move(field)));
    }
    return make_and(std::move(terms));
  }
  // A parameter gets no type from being tested: it has another use, or 42P18.
  if (arg->kind != ExprKind::parameter) {
    QW_ASSIGN_OR_RETURN(arg, resolve_unknown(state_, std::move(arg)));
  }
  return make_node(kind, TypeId::boolean, std::move(arg));
}

Result<ExprPtr> ExpressionBinder::bind_boolean_test(const ast::BooleanTest& test) {
  using Test = ast::BooleanTest::Test;
  struct Form {
    std::string_view name;
    ExprKind kind;
  };
  const auto form = [&]() -> Form {
    switch (test.test) {
      case Test::is_true:
        return {"IS TRUE", ExprKind::is_true};
      case Test::is_not_true:
        return {"IS NOT TRUE", ExprKind::is_not_true};
      case Test::is_false:
        return {"IS FALSE", ExprKind::is_false};
      case Test::is_not_false:
        return {"IS NOT FALSE", ExprKind::is_not_false};
      case Test::is_unknown:
        return {"IS UNKNOWN", ExprKind::is_null};
      case Test::is_not_unknown:
        return {"IS NOT UNKNOWN", ExprKind::is_not_null};
    }
    QW_UNREACHABLE();
  }();
  QW_ASSIGN_OR_RETURN(ExprPtr arg, bind(*test.arg));
  QW_ASSIGN_OR_RETURN(arg, coerce_to_boolean(state_, std::move(arg), form.name));
  return make_node(form.kind, TypeId::boolean, std::move(arg));
}

Result<ExprPtr> ExpressionBinder::bind_case(const ast::CaseExpr& expr) {
  ExprPtr subject;
  if (expr.arg != nullptr) {
    QW_ASSIGN_OR_RETURN(subject, bind(*expr.arg));
    QW_ASSIGN_OR_RETURN(subject, resolve_unknown(state_, std::move(subject)));
  }
  std::vector<ExprPtr> conditions, results;
  if (expr.otherwise != nullptr) {
    QW_ASSIGN_OR_RETURN(ExprPtr otherwise, bind(*expr.otherwise));
    results.push_back(std::move(otherwise));
  } else {
    results.push_back(make_constant(Datum::null(TypeId::unknown)));
  }
  for (const ast::CaseExpr::When& when : expr.whens) {
    QW_ASSIGN_OR_RETURN(ExprPtr condition, bind(*when.condition));
    if (subject != nullptr) {
      QW_ASSIGN_OR_RETURN(condition, make_operator(state_, "=", subject->clone(),
                                                   std::move(condition), when.location));
    }
    QW_ASSIGN_OR_RETURN(condition, coerce_to_boolean(state_, std::move(condition), "CASE/WHEN"));
    conditions.push_back(std::move(condition));
    QW_ASSIGN_OR_RETURN(ExprPtr result, bind(*when.result));
    results.push_back(std::move(result));
  }
  // ELSE comes first when types are weighed.
  QW_ASSIGN_OR_RETURN(Type type, unify(state_, results, "CASE"));
  std::vector<ExprPtr> args;
  for (size_t i = 0; i < conditions.size(); ++i) {
    args.push_back(std::move(conditions[i]));
    args.push_back(std::move(results[i + 1]));
  }
  args.push_back(std::move(results[0]));
  ExprPtr node = make_node(ExprKind::case_when, type, std::move(args));
  node->location = expr.location;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_coalesce(const ast::Coalesce& expr) {
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> args, bind_all(expr.args));
  QW_ASSIGN_OR_RETURN(Type type, unify(state_, args, "COALESCE"));
  ExprPtr node = make_node(ExprKind::coalesce, type, std::move(args));
  node->location = expr.location;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_min_max(const ast::MinMax& expr) {
  QW_ASSIGN_OR_RETURN(std::vector<ExprPtr> args, bind_all(expr.args));
  QW_ASSIGN_OR_RETURN(Type type, unify(state_, args, expr.greatest ? "GREATEST" : "LEAST"));
  QW_ASSIGN_OR_RETURN(const Function* less, less_of(state_, type, expr.location));
  ExprPtr node =
      make_node(expr.greatest ? ExprKind::greatest : ExprKind::least, type, std::move(args));
  node->function = less;
  node->location = expr.location;
  return node;
}

Result<ExprPtr> ExpressionBinder::bind_cast(const ast::TypeCast& cast) {
  QW_ASSIGN_OR_RETURN(Type target, resolve_type(state_, cast.type));
  ExprPtr arg;
  const auto* array = cast.arg->try_as<ast::ArrayLiteral>();
  if (array != nullptr && target.is_array()) {
    QW_ASSIGN_OR_RETURN(arg, bind_array(*array, target));
  } else {
    QW_ASSIGN_OR_RETURN(arg, bind(*cast.arg));
  }
  const int32_t start = arg->location;
  const int32_t location = cast.location >= 0 ? cast.location : start;
  QW_ASSIGN_OR_RETURN(ExprPtr result,
                      coerce(state_, std::move(arg), target, CastContext::explicit_, location));
  if (start >= 0) result->location = start;
  return result;
}

Result<ExprPtr> ExpressionBinder::bind_collate(const ast::Collate& collate) {
  QW_ASSIGN_OR_RETURN(ExprPtr arg, bind(*collate.arg));
  QW_ASSIGN_OR_RETURN(arg, resolve_unknown(state_, std::move(arg)));
  if (arg->type.category() != 'S' && !arg->type.is_array()) {
    return state_.fail_at(datatype_mismatch(fmt::format("collations are not supported by type {}",
                                                        arg->type.without_typmod().sql_name())),
                          collate.location);
  }
  const std::string& name = collate.collation.back();
  if (name != "C" && name != "POSIX" && name != "default" && name != "ucs_basic") {
    return state_.fail_at(undefined_object(fmt::format(
                              "collation \"{}\" for encoding \"UTF8\" does not exist", name)),
                          collate.location);
  }
  return arg;
}

Result<ExprPtr> ExpressionBinder::bind_array(const ast::ArrayLiteral& array,
                                             std::optional<Type> target) {
  if (array.elements.empty() && !target) {
    return state_.fail_at(
        indeterminate_datatype("cannot determine type of empty array")
            .with_hint("Explicitly cast to the desired type, for example ARRAY[]::integer[]."),
        array.location);
  }
  std::vector<ExprPtr> elements;
  for (const ast::ExprPtr& item : array.elements) {
    const auto* nested = item->try_as<ast::ArrayLiteral>();
    ExprPtr element;
    if (nested != nullptr) {
      QW_ASSIGN_OR_RETURN(element, bind_array(*nested, target));
    } else {
      QW_ASSIGN_OR_RETURN(element, bind(*item));
    }
    elements.push_back(std::move(element));
  }
  Type type;
  if (target) {
    type = target->without_typmod();
    for (ExprPtr& element : elements) {
      const Type wanted = element->type.is_array() ? type : Type(type.element, target->typmod);
      QW_ASSIGN_OR_RETURN(element,
                          coerce(state_, std::move(element), wanted, CastContext::explicit_));
    }
  } else {
    QW_ASSIGN_OR_RETURN(Type element, unify(state_, elements, "ARRAY"));
    type = element.is_array() ? element : Type::array_of(element.id);
    if (!element.is_array() && type_info(element.id).array_oid == 0) {
      return state_.fail_at(
          undefined_object(fmt::format("could not find array type for data type {}",
                                       element.without_typmod().sql_name())),
          array.location);
    }
  }
  ExprPtr node = make_node(ExprKind::array_make, type, std::move(elements));
  node->location = array.location;
  return node;
}

namespace {

bool is_subscript(const ast::Indirection::Step& step) {
  return step.type == ast::Indirection::Step::Type::index ||
         step.type == ast::Indirection::Step::Type::slice;
}

}  // namespace

// a[l:u][..]: an index beside a slice means 1 to it; a bound left out reaches as far as the array.
Result<ExprPtr> ExpressionBinder::bind_slice(ExprPtr array,
                                             std::span<const ast::Indirection::Step> steps) {
  constexpr size_t kDimensionsMax = 3;  // what a kernel's arguments have room for
  const int32_t location = array->location;
  const Type type = array->type;
  if (!type.is_array()) {
    return state_.fail_at(
        datatype_mismatch(fmt::format("cannot subscript type {} because it does not support "
                                      "subscripting",
                                      type.without_typmod().sql_name())),
        location);
  }
  if (steps.size() > kDimensionsMax) {
    return not_supported("a slice of more than three dimensions", location);
  }
  std::vector<ExprPtr> args;
  args.push_back(std::move(array));
  const auto add = [&](const ast::Expr* written, int32_t otherwise) -> Result<void> {
    if (written == nullptr) {
      args.push_back(make_constant(Datum::int4(otherwise)));
      return {};
    }
    QW_ASSIGN_OR_RETURN(ExprPtr bound, bind(*written));
    if (!can_coerce(state_, bound->type, TypeId::int4, CastContext::assignment)) {
      return state_.fail_at(datatype_mismatch("array subscript must have type integer"),
                            bound->location);
    }
    QW_ASSIGN_OR_RETURN(bound,
                        coerce(state_, std::move(bound), TypeId::int4, CastContext::assignment));
    args.push_back(std::move(bound));
    return {};
  };
  for (const ast::Indirection::Step& step : steps) {
    const bool slice = step.type == ast::Indirection::Step::Type::slice;
    QW_TRY(add(slice ? step.lower.get() : nullptr, slice ? INT32_MIN : 1));
    QW_TRY(add(step.upper.get(), INT32_MAX));
  }
  ExprPtr call = make_call(*state_.registry.functions(kSliceFunction)[0], std::move(args), type);
  call->location = location;
  return call;
}

Result<ExprPtr> ExpressionBinder::bind_indirection(const ast::Indirection& indirection) {
  using Step = ast::Indirection::Step;
  ExprPtr value;
  size_t first = 0;
  // (t).x where t is a table: the column itself.
  const auto* ref = indirection.arg->try_as<ast::ColumnRef>();
  if (ref != nullptr && !ref->star && indirection.steps[0].type == Step::Type::field) {
    QW_ASSIGN_OR_RETURN(Resolved found, resolve_column(state_, scope_, ref->names, ref->location));
    if (found.kind == Resolved::Kind::whole_row) {
      std::vector<std::string> names = ref->names;
      names.push_back(indirection.steps[0].field);
      QW_ASSIGN_OR_RETURN(Resolved column, resolve_column(state_, scope_, names, ref->location));
      value = column_at(column, ref->location);
      first = 1;
    }
  }
  if (value == nullptr) {
    QW_ASSIGN_OR_RETURN(value, bind(*indirection.arg));
  }
  for (size_t i = first; i < indirection.steps.size(); ++i) {
    const Step& step = indirection.steps[i];
    const int32_t location = value->location;
    switch (step.type) {
      case Step::Type::field: {
        if (value->type.id != TypeId::record) {
          return state_.fail_at(
              wrong_object_type(fmt::format(
                  "column notation .{} applied to type {}, which is not a composite type",
                  step.field, value->type.without_typmod().sql_name())),
              location);
        }
        return state_.fail_at(
            undefined_column(
                fmt::format("could not identify column \"{}\" in record data type", step.field)),
            location);
      }
      case Step::Type::star:
        return state_.fail_at(syntax_error("row expansion via \"*\" is not supported here"),
                              location);
      case Step::Type::slice:
      case Step::Type::index: {
        size_t end = i;
        bool sliced = false;
        for (; end < indirection.steps.size() && is_subscript(indirection.steps[end]); ++end) {
          sliced = sliced || indirection.steps[end].type == Step::Type::slice;
        }
        if (sliced) {
          const auto steps = std::span<const Step>(indirection.steps).subspan(i, end - i);
          QW_ASSIGN_OR_RETURN(value, bind_slice(std::move(value), steps));
          i = end - 1;
          break;
        }
        const std::optional<Type> element = array_element_type(value->type);
        if (!element) {
          return state_.fail_at(
              datatype_mismatch(fmt::format("cannot subscript type {} because it does not support "
                                            "subscripting",
                                            value->type.without_typmod().sql_name())),
              location);
        }
        std::vector<ExprPtr> args;
        args.push_back(std::move(value));
        for (; i < indirection.steps.size() && indirection.steps[i].type == Step::Type::index;
             ++i) {
          QW_ASSIGN_OR_RETURN(ExprPtr index, bind(*indirection.steps[i].upper));
          if (!can_coerce(state_, index->type, TypeId::int4, CastContext::assignment)) {
            return state_.fail_at(datatype_mismatch("array subscript must have type integer"),
                                  index->location);
          }
          QW_ASSIGN_OR_RETURN(
              index, coerce(state_, std::move(index), TypeId::int4, CastContext::assignment));
          args.push_back(std::move(index));
        }
        --i;
        value = make_node(ExprKind::subscript, *element, std::move(args));
        value->location = location;
        break;
      }
    }
  }
  return value;
}

Result<ExprPtr> ExpressionBinder::bind_sql_value(const ast::SqlValue& value) {
  using Kind = ast::SqlValue::Type;
  const auto call = [&](std::string_view name) {
    return make_named_call(state_, name, {}, value.location);
  };
  const auto time = [&](Type type) -> Result<ExprPtr> {
    if (value.precision) type.typmod = std::min(*value.precision, 6);
    QW_ASSIGN_OR_RETURN(ExprPtr now, call("now"));
    QW_ASSIGN_OR_RETURN(ExprPtr result, coerce(state_, std::move(now), type, CastContext::explicit_,
                                               value.location));
    result->location = value.location;
    return result;
  };
  switch (value.type) {
    case Kind::current_date:
      return time(TypeId::date);
    case Kind::current_time:
      return time(TypeId::timetz);
    case Kind::current_timestamp:
      return time(TypeId::timestamptz);
    case Kind::localtime:
      return time(TypeId::time);
    case Kind::localtimestamp:
      return time(TypeId::timestamp);
    case Kind::current_role:
    case Kind::current_user:
    case Kind::user:
      return call("current_user");
    case Kind::session_user:
      return call("session_user");
    case Kind::current_catalog:
      return call("current_database");
    case Kind::current_schema:
      return call("current_schema");
  }
  QW_UNREACHABLE();
}

namespace {

// PostgreSQL's strength: 0 nothing good, 1 a guess (a cast's type), 2 a real name.
int figure_name(const ast::Expr& expr, std::string& name) {
  if (const auto* n = expr.try_as<ast::ColumnRef>()) {
    if (n->names.empty()) return 0;
    name = n->names.back();
    return 2;
  }
  if (const auto* n = expr.try_as<ast::Indirection>()) {
    for (size_t i = n->steps.size(); i-- > 0;) {
      if (n->steps[i].type == ast::Indirection::Step::Type::field) {
        name = n->steps[i].field;
        return 2;
      }
    }
    return figure_name(*n->arg, name);
  }
  if (const auto* n = expr.try_as<ast::FunctionCall>()) {
    name = n->name.back();
    return 2;
  }
  if (expr.kind == ast::Kind::null_if) {
    name = "nullif";
    return 2;
  }
  if (const auto* n = expr.try_as<ast::TypeCast>()) {
    const int strength = figure_name(*n->arg, name);
    if (strength > 1) return strength;
    if (!n->type.names.empty()) {
      name = n->type.names.back();
      return 1;
    }
    return strength;
  }
  if (const auto* n = expr.try_as<ast::Collate>()) return figure_name(*n->arg, name);
  if (expr.kind == ast::Kind::grouping) {
    name = "grouping";
    return 2;
  }
  if (const auto* n = expr.try_as<ast::Subquery>()) {
    if (n->type == ast::Subquery::Type::exists) {
      name = "exists";
      return 2;
    }
    if (n->type == ast::Subquery::Type::array) {
      name = "array";
      return 2;
    }
    if (n->type == ast::Subquery::Type::scalar) {
      const ast::Select* select = n->query.get();
      while (select->op != ast::Select::Op::none) select = select->left.get();
      if (!select->targets.empty()) {
        const ast::Target& target = select->targets[0];
        if (!target.name.empty()) {
          name = target.name;
          return 2;
        }
        return figure_name(*target.expr, name);
      }
      if (!select->values.empty()) {
        name = "column1";
        return 2;
      }
    }
    return 0;
  }
  if (const auto* n = expr.try_as<ast::CaseExpr>()) {
    const int strength = n->otherwise != nullptr ? figure_name(*n->otherwise, name) : 0;
    if (strength <= 1) {
      name = "case";
      return 1;
    }
    return strength;
  }
  if (expr.kind == ast::Kind::array_literal) {
    name = "array";
    return 2;
  }
  if (expr.kind == ast::Kind::row) {
    name = "row";
    return 2;
  }
  if (expr.kind == ast::Kind::coalesce) {
    name = "coalesce";
    return 2;
  }
  if (const auto* n = expr.try_as<ast::MinMax>()) {
    name = n->greatest ? "greatest" : "least";
    return 2;
  }
  if (const auto* n = expr.try_as<ast::SqlValue>()) {
    using Kind = ast::SqlValue::Type;
    switch (n->type) {
      case Kind::current_date:
        name = "current_date";
        break;
      case Kind::current_time:
        name = "current_time";
        break;
      case Kind::current_timestamp:
        name = "current_timestamp";
        break;
      case Kind::localtime:
        name = "localtime";
        break;
      case Kind::localtimestamp:
        name = "localtimestamp";
        break;
      case Kind::current_role:
        name = "current_role";
        break;
      case Kind::current_user:
        name = "current_user";
        break;
      case Kind::user:
        name = "user";
        break;
      case Kind::session_user:
        name = "session_user";
        break;
      case Kind::current_catalog:
        name = "current_catalog";
        break;
      case Kind::current_schema:
        name = "current_schema";
        break;
    }
    return 2;
  }
  return 0;
}

}  // namespace

std::string output_name(const ast::Expr& expr) {
  std::string name;
  figure_name(expr, name);
  return name.empty() ? "?column?" : name;
}

}  // namespace qw::sql
