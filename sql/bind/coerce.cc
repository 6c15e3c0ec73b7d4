// See coerce.h. The cast rules come from Registry::cast; nothing here knows a type by name except
// where PostgreSQL's rules do (unknown, polymorphic types, typmods).
#include "sql/bind/coerce.h"

#include <fmt/format.h>

#include "sql/parser.h"
#include "sql/system_catalog.h"
#include "src/types/text.h"

namespace qw::sql {

Error BindState::at(Error error, int32_t location) const {
  if (location < 0 || foreign_text != 0 || error.position() != 0) return error;
  const int32_t position = character_position(context.text, location);
  if (position <= 0) return error;
  return std::move(error).at(position);
}

namespace {

bool is_pseudo(TypeId id) {
  return id == TypeId::anyelement || id == TypeId::anyarray || id == TypeId::anynonarray ||
         id == TypeId::anycompatible || id == TypeId::anycompatiblearray;
}

bool has_pathway(const BindState& state, Type from, Type to, CastContext context) {
  const Cast* cast = state.registry.cast(from.without_typmod(), to.without_typmod());
  return cast != nullptr && cast->context <= context;
}

// Sets the type of a parameter that was unknown.
Result<ExprPtr> coerce_parameter(BindState& state, ExprPtr value, Type target, int32_t location) {
  QW_ASSERT(value->index >= 1 && value->index <= state.parameters.size());
  Type& known = state.parameters[value->index - 1];
  const Type wanted = target.without_typmod();
  if (known.id == TypeId::unknown) {
    known = wanted;
  } else if (!known.same(wanted)) {
    return state.fail_at(
        ambiguous_parameter(
            fmt::format("inconsistent types deduced for parameter ${}", value->index))
            .with_detail(fmt::format("{} versus {}", known.sql_name(), wanted.sql_name())),
        location >= 0 ? location : value->location);
  }
  value->type = wanted;
  return value;
}

Result<ExprPtr> parse_literal(BindState& state, const Expr& literal, Type target) {
  // The typmod is applied afterwards by the length coercion; only an interval needs it on input.
  const Type type = target.id == TypeId::interval ? target : target.without_typmod();
  ExprPtr result;
  if (literal.value.is_null()) {
    result = make_constant(Datum::null(type));
  } else {
    TextStyle style = state.context.style;
    style.now_us = state.context.now_us;  // 'today' and the like mean this moment
    Result<Datum> parsed = from_text(type, literal.value.bytes(), style);
    if (!parsed) return state.fail_at(std::move(parsed).error(), literal.location);
    result = make_constant(std::move(*parsed));
  }
  result->type = type;
  result->location = literal.location;
  return result;
}

// Applies the typmod of `target` to a value that has its type.
Result<ExprPtr> apply_typmod(BindState& state, ExprPtr value, Type target, CastContext context) {
  if (target.typmod < 0 || value->type.typmod == target.typmod) return value;
  if (value->kind == ExprKind::constant && value->value.is_null()) {
    value->type = target;
    value->value = Datum::null(target);
    return value;
  }
  const Function* length = state.registry.length_coercion(target.without_typmod());
  if (length == nullptr) {
    value->type = target;
    return value;
  }
  const int32_t location = value->location;
  std::vector<ExprPtr> args;
  args.push_back(std::move(value));
  args.push_back(make_constant(Datum::int4(target.typmod)));
  args.push_back(make_constant(Datum::boolean(context == CastContext::explicit_)));
  ExprPtr call = make_call(*length, std::move(args), target);
  call->location = location;
  return call;
}

Result<ExprPtr> coerce_base(BindState& state, ExprPtr value, Type target, CastContext context,
                            int32_t location) {
  const Type from = value->type;
  if (from.same(target) || target.id == TypeId::any || is_pseudo(target.id)) return value;
  if (from.id == TypeId::unknown) {
    if (value->kind == ExprKind::constant && names_an_object(target) && !value->value.is_null() &&
        has_pathway(state, TypeId::text, target, CastContext::explicit_)) {
      QW_ASSIGN_OR_RETURN(ExprPtr text, parse_literal(state, *value, TypeId::text));
      return coerce_base(state, std::move(text), target, CastContext::explicit_, location);
    }
    if (value->kind == ExprKind::constant) return parse_literal(state, *value, target);
    if (value->kind == ExprKind::parameter) {
      return coerce_parameter(state, std::move(value), target, location);
    }
  }
  if (value->kind == ExprKind::array_make && target.is_array()) {
    for (ExprPtr& element : value->args) {
      const Type wanted = element->type.is_array() ? target : Type(target.element);
      QW_ASSIGN_OR_RETURN(element, coerce(state, std::move(element), wanted, context, location));
    }
    value->type = target.without_typmod();
    return value;
  }
  const Cast* cast = state.registry.cast(from.without_typmod(), target.without_typmod());
  if (cast == nullptr || cast->context > context) {
    return state.fail_at(
        cannot_coerce(fmt::format("cannot cast type {} to {}", from.without_typmod().sql_name(),
                                  target.without_typmod().sql_name())),
        location);
  }
  if (cast->function == nullptr) {
    const Type relabelled = target.without_typmod();
    if (value->kind == ExprKind::constant) value->value = value->value.with_type(relabelled);
    value->type = relabelled;
    // text and varchar share their modifiers' meaning only with themselves.
    return value;
  }
  const int32_t at = value->location;
  std::vector<ExprPtr> args;
  args.push_back(std::move(value));
  ExprPtr call = make_call(*cast->function, std::move(args), target.without_typmod());
  call->location = at;
  return call;
}

}  // namespace

bool can_coerce(const BindState& state, Type from, Type to, CastContext context) {
  if (from.same(to) || to.id == TypeId::any || from.id == TypeId::unknown) return true;
  if (is_pseudo(to.id)) {
    const bool wants_array = to.id == TypeId::anyarray || to.id == TypeId::anycompatiblearray;
    if (wants_array) return from.is_array();
    return to.id != TypeId::anynonarray || !from.is_array();
  }
  return has_pathway(state, from, to, context);
}

Result<ExprPtr> coerce(BindState& state, ExprPtr value, Type target, CastContext context,
                       int32_t location) {
  if (location < 0) location = value->location;
  QW_ASSIGN_OR_RETURN(ExprPtr base,
                      coerce_base(state, std::move(value), target, context, location));
  Result<ExprPtr> result = apply_typmod(state, std::move(base), target, context);
  return result;
}

Result<ExprPtr> coerce_to_boolean(BindState& state, ExprPtr value, std::string_view construct) {
  if (value->type.id == TypeId::boolean) return value;
  const int32_t location = value->location;
  if (!can_coerce(state, value->type, TypeId::boolean, CastContext::assignment)) {
    return state.fail_at(
        datatype_mismatch(fmt::format("argument of {} must be type boolean, not type {}", construct,
                                      value->type.without_typmod().sql_name())),
        location);
  }
  return coerce(state, std::move(value), TypeId::boolean, CastContext::assignment, location);
}

Result<ExprPtr> resolve_unknown(BindState& state, ExprPtr value) {
  if (value->type.id != TypeId::unknown) return value;
  return coerce(state, std::move(value), TypeId::text, CastContext::implicit);
}

namespace {

// The index of the value whose type cannot be matched, or -1.
int common_type_failure(const BindState& state, std::span<const Type> types, Type& result) {
  result = Type(TypeId::unknown);
  for (size_t i = 0; i < types.size(); ++i) {
    const Type next = types[i].without_typmod();
    if (next.id == TypeId::unknown || next.same(result)) continue;
    if (result.id == TypeId::unknown) {
      result = next;
      continue;
    }
    if (next.category() != result.category()) return static_cast<int>(i);
    const bool preferred = !result.is_array() && type_info(result.id).preferred;
    if (!preferred && can_coerce(state, result, next, CastContext::implicit) &&
        !can_coerce(state, next, result, CastContext::implicit)) {
      result = next;
    }
  }
  if (result.id == TypeId::unknown) result = TypeId::text;
  return -1;
}

}  // namespace

std::optional<Type> try_common_type(const BindState& state, std::span<const Type> types) {
  Type result;
  if (common_type_failure(state, types, result) >= 0) return std::nullopt;
  for (const Type& type : types) {
    if (!can_coerce(state, type, result, CastContext::implicit)) return std::nullopt;
  }
  return result;
}

Result<Type> common_type(const BindState& state, std::span<const Type> types,
                         std::span<const int32_t> locations, std::string_view construct) {
  Type result;
  const int failed = common_type_failure(state, types, result);
  if (failed >= 0) {
    return state.fail_at(datatype_mismatch(fmt::format(
                             "{} types {} and {} cannot be matched", construct, result.sql_name(),
                             types[static_cast<size_t>(failed)].without_typmod().sql_name())),
                         locations[static_cast<size_t>(failed)]);
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (can_coerce(state, types[i], result, CastContext::implicit)) continue;
    return state.fail_at(
        cannot_coerce(fmt::format("{} could not convert type {} to {}", construct,
                                  types[i].without_typmod().sql_name(), result.sql_name())),
        locations[i]);
  }
  return result;
}

Result<Type> unify(BindState& state, std::vector<ExprPtr>& values, std::string_view construct) {
  std::vector<Type> types;
  std::vector<int32_t> locations;
  bool same_typmod = true;
  for (const ExprPtr& value : values) {
    types.push_back(value->type);
    locations.push_back(value->location);
    same_typmod = same_typmod && value->type == values.front()->type;
  }
  QW_ASSIGN_OR_RETURN(Type type, common_type(state, types, locations, construct));
  for (ExprPtr& value : values) {
    QW_ASSIGN_OR_RETURN(value, coerce(state, std::move(value), type, CastContext::implicit));
  }
  if (same_typmod && type.same(values.front()->type)) type.typmod = values.front()->type.typmod;
  return type;
}

Result<const Function*> equality_of(const BindState& state, Type type, int32_t location) {
  const Function* function = state.registry.equality(type.without_typmod());
  if (function == nullptr) {
    return state.fail_at(
        undefined_function(fmt::format("could not identify an equality operator for type {}",
                                       type.without_typmod().sql_name())),
        location);
  }
  return function;
}

Result<const Function*> less_of(const BindState& state, Type type, int32_t location) {
  const Function* function = state.registry.less(type.without_typmod());
  if (function == nullptr) {
    return state.fail_at(
        undefined_function(fmt::format("could not identify an ordering operator for type {}",
                                       type.without_typmod().sql_name()))
            .with_hint("Use an explicit ordering operator or modify the query."),
        location);
  }
  return function;
}

namespace {

Result<int32_t> typmod_number(const BindState& state, const ast::Expr& expr, int32_t location) {
  const ast::Expr* node = &expr;
  bool negative = false;
  if (const auto* op = node->try_as<ast::Operator>();
      op != nullptr && op->left == nullptr && op->name.back() == "-") {
    negative = true;
    node = op->right.get();
  }
  const auto* literal = node->try_as<ast::Literal>();
  if (literal == nullptr || literal->type != ast::Literal::Type::integer) {
    return state.fail_at(syntax_error("type modifiers must be simple constants or identifiers"),
                         location);
  }
  return static_cast<int32_t>(negative ? -literal->integer : literal->integer);
}

Result<int32_t> make_typmod(const BindState& state, Type type, std::span<const int32_t> numbers,
                            int32_t location) {
  const auto bad = [&](std::string text) {
    return state.fail_at(invalid_parameter_value(std::move(text)), location);
  };
  switch (type.id) {
    case TypeId::numeric: {
      if (numbers.size() > 2) return bad("invalid NUMERIC type modifier");
      const int32_t precision = numbers[0], scale = numbers.size() == 2 ? numbers[1] : 0;
      if (precision < 1 || precision > static_cast<int32_t>(limits::kNumericPrecisionMax)) {
        return bad(fmt::format("NUMERIC precision {} must be between 1 and {}", precision,
                               limits::kNumericPrecisionMax));
      }
      if (scale < -1000 || scale > 1000) {
        return bad(fmt::format("NUMERIC scale {} must be between -1000 and 1000", scale));
      }
      return numeric_typmod(precision, scale);
    }
    case TypeId::varchar:
    case TypeId::bpchar: {
      const std::string_view name = type.id == TypeId::varchar ? "varchar" : "char";
      if (numbers.size() != 1) return bad("invalid type modifier");
      if (numbers[0] < 1) return bad(fmt::format("length for type {} must be at least 1", name));
      if (numbers[0] > 10485760) {
        return bad(fmt::format("length for type {} cannot exceed 10485760", name));
      }
      return length_typmod(numbers[0]);
    }
    case TypeId::time:
    case TypeId::timetz:
    case TypeId::timestamp:
    case TypeId::timestamptz: {
      if (numbers.size() != 1) return bad("invalid type modifier");
      const std::string_view name =
          type.id == TypeId::time || type.id == TypeId::timetz ? "TIME" : "TIMESTAMP";
      const std::string_view zone =
          type.id == TypeId::timetz || type.id == TypeId::timestamptz ? " WITH TIME ZONE" : "";
      if (numbers[0] < 0) {
        return bad(fmt::format("{}({}){} precision must not be negative", name, numbers[0], zone));
      }
      return std::min(numbers[0], 6);
    }
    case TypeId::interval: {
      const int32_t mask = numbers[0];
      const int32_t precision = numbers.size() > 1 ? std::min(numbers[1], 6) : 0xffff;
      if (precision < 0) {
        return bad(fmt::format("INTERVAL({}) precision must not be negative", precision));
      }
      return ((mask & 0x7fff) << 16) | (precision & 0xffff);
    }
    default:  // NOLINT: only the types above have modifiers
      return state.fail_at(syntax_error(fmt::format("type modifier is not allowed for type \"{}\"",
                                                    type.type_name())),
                           location);
  }
}

}  // namespace

Result<Type> resolve_type(const BindState& state, const ast::TypeName& name) {
  if (name.percent_type) {
    return state.fail_at(feature_not_supported("%TYPE is not supported"), name.location);
  }
  if (name.setof) {
    return state.fail_at(datatype_mismatch("SETOF is not allowed here"), name.location);
  }
  std::string written;
  for (const std::string& part : name.names) written += written.empty() ? part : "." + part;
  std::optional<Type> type;
  const bool in_catalog = name.names.size() == 1 || name.names[0] == "pg_catalog";
  if (in_catalog) type = Type::from_name(name.names.back());
  // SQL spellings reach us as typnames already; "integer" in quotes is no type in PostgreSQL.
  if (type && !type->is_array() && type->type_name() != name.names.back()) type = std::nullopt;
  if (type && type->physical() == Physical::none && type->id != TypeId::void_) {
    type = std::nullopt;
  }
  if (!type) {
    return state.fail_at(undefined_object(fmt::format("type \"{}\" does not exist", written)),
                         name.location);
  }
  Type result = *type;
  if (!name.typmods.empty()) {
    std::vector<int32_t> numbers;
    for (const ast::ExprPtr& modifier : name.typmods) {
      QW_ASSIGN_OR_RETURN(int32_t number, typmod_number(state, *modifier, name.location));
      numbers.push_back(number);
    }
    QW_ASSIGN_OR_RETURN(result.typmod, make_typmod(state, result, numbers, name.location));
  }
  if (!name.array_bounds.empty() && !result.is_array()) {
    result = Type::array_of(result.id, result.typmod);
  }
  return result;
}

}  // namespace qw::sql
