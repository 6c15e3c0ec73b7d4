// Types: implicit, assignment and explicit casts, common types, and the choice among overloaded
// functions and operators: the rules of PostgreSQL's "Type Conversion" chapter over the Registry's
// tables. Externally synchronised (BindState). Tests: tests/unit/sql/bind_types_test.cc.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/bind/state.h"
#include "sql/expr.h"
#include "sql/function.h"

namespace qw::sql {

bool can_coerce(const BindState& state, Type from, Type to, CastContext context);
// To `target` with its typmod; 42846 when there is no such cast, 42804 for assignments is the
// caller's (ask can_coerce first). Unknown literals are parsed, unknown parameters get the type.
Result<ExprPtr> coerce(BindState& state, ExprPtr value, Type target, CastContext context,
                       int32_t location = -1);
// WHERE, ON, HAVING ...: `construct` is for the message.
Result<ExprPtr> coerce_to_boolean(BindState& state, ExprPtr value, std::string_view construct);
// 'abc' without a context becomes text.
Result<ExprPtr> resolve_unknown(BindState& state, ExprPtr value);

// The type that all can be brought to; `construct` ("CASE", "UNION") is for the message. Without a
// construct: nullopt instead of an error.
Result<Type> common_type(const BindState& state, std::span<const Type> types,
                         std::span<const int32_t> locations, std::string_view construct);
std::optional<Type> try_common_type(const BindState& state, std::span<const Type> types);
// Resolves the common type of `values` and coerces them; the result carries a typmod if all agree.
Result<Type> unify(BindState& state, std::vector<ExprPtr>& values, std::string_view construct);

// A chosen overload: what each given argument must become, and the result.
struct Overload {
  const Function* function = nullptr;
  std::vector<Type> arguments;
  Type result;
  bool variadic = false;  // the repeated arguments stand one by one
};
// Among the functions of that name; nullopt when none fits (or, `ambiguous` set, too many do).
std::optional<Overload> choose_function(const BindState& state, std::string_view name,
                                        std::span<const Type> arguments, bool& ambiguous,
                                        bool variadic_array = false);
std::optional<Overload> choose_operator(const BindState& state, std::string_view name, Type left,
                                        Type right, bool& ambiguous);

// left op right (left null: prefix), casts included. Errors 42883, 42725.
Result<ExprPtr> make_operator(BindState& state, std::string_view name, ExprPtr left, ExprPtr right,
                              int32_t location);
// Coerces `values` to the overload's types, gathers repeated arguments into the array that the
// function was declared with, and appends the defaults of those left out.
Result<void> complete_arguments(BindState& state, const Overload& overload,
                                std::vector<ExprPtr>& values, int32_t location);
// The default of an argument of `function`, counted from its first one.
Result<ExprPtr> default_argument(BindState& state, const Function& function, size_t index);
Result<ExprPtr> make_resolved_call(BindState& state, const Overload& overload,
                                   std::vector<ExprPtr> values, int32_t location);
// A call by name with casts; 42883 "function f(integer) does not exist".
Result<ExprPtr> make_named_call(BindState& state, std::string_view name,
                                std::vector<ExprPtr> values, int32_t location);
Error function_not_found(std::string_view name, std::span<const Type> arguments);

// An equality over `type`, or 42883 "could not identify an equality operator for type json".
Result<const Function*> equality_of(const BindState& state, Type type, int32_t location);
Result<const Function*> less_of(const BindState& state, Type type, int32_t location);

// A type by (schema-qualified) name and modifiers; 42704 `type "x" does not exist`.
Result<Type> resolve_type(const BindState& state, const ast::TypeName& name);

}  // namespace qw::sql
