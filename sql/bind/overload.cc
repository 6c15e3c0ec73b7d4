// Choice among overloaded functions and operators: "Type Conversion", sections on operators and
// functions of PostgreSQL's manual, step by step. Tests: tests/unit/sql/bind_types_test.cc.
#include <algorithm>

#include <fmt/format.h>

#include "sql/bind/coerce.h"
#include "sql/expr/arguments.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "src/types/array.h"
#include "src/types/text.h"

namespace qw::sql {

namespace {

// One overload with its declared argument types laid over the given arguments.
struct Candidate {
  const Function* function = nullptr;
  const Operator* op = nullptr;
  std::vector<Type> declared;
  Type result;
  bool variadic = false;
  bool defaulted = false;
};

bool is_any_family(TypeId id) {
  return id == TypeId::anyelement || id == TypeId::anyarray || id == TypeId::anynonarray;
}
bool is_compatible_family(TypeId id) {
  return id == TypeId::anycompatible || id == TypeId::anycompatiblearray;
}
bool is_polymorphic(TypeId id) { return is_any_family(id) || is_compatible_family(id); }
bool wants_array(TypeId id) { return id == TypeId::anyarray || id == TypeId::anycompatiblearray; }

// What the polymorphic types of a candidate mean for these arguments; false: they contradict.
struct Polymorphic {
  std::optional<Type> any, compatible;
};

bool bind_polymorphic(const BindState& state, std::span<const Type> declared,
                      std::span<const Type> arguments, Polymorphic& out) {
  std::vector<Type> compatible;
  bool has_compatible = false;
  for (size_t i = 0; i < declared.size(); ++i) {
    const TypeId id = declared[i].id;
    if (!is_polymorphic(id)) continue;
    has_compatible = has_compatible || is_compatible_family(id);
    Type type = arguments[i].without_typmod();
    if (type.id == TypeId::unknown) continue;
    if (wants_array(id)) {
      const std::optional<Type> inside = array_element_type(type);
      if (!inside) return false;
      type = *inside;
    } else if (id == TypeId::anynonarray && type.is_array()) {
      return false;
    }
    if (is_compatible_family(id)) {
      compatible.push_back(type);
    } else if (!out.any) {
      out.any = type;
    } else if (!out.any->same(type)) {
      return false;
    }
  }
  if (has_compatible) {
    out.compatible = try_common_type(state, compatible);
    if (!out.compatible) return false;
  }
  return true;
}

std::optional<Type> concrete(Type declared, const Polymorphic& polymorphic) {
  if (!is_polymorphic(declared.id)) return declared;
  const std::optional<Type>& element =
      is_compatible_family(declared.id) ? polymorphic.compatible : polymorphic.any;
  if (!element) return std::nullopt;
  if (!wants_array(declared.id)) return *element;
  if (element->is_array()) return *element;
  return Type::array_of(element->id);
}

bool accepts(const BindState& state, const Candidate& candidate, std::span<const Type> arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const TypeId id = candidate.declared[i].id;
    if (wants_array(id) &&
        (arguments[i].id == TypeId::int2vector || arguments[i].id == TypeId::oidvector)) {
      continue;
    }
    if (!can_coerce(state, arguments[i], candidate.declared[i], CastContext::implicit))
      return false;
  }
  Polymorphic polymorphic;
  return bind_polymorphic(state, candidate.declared, arguments, polymorphic);
}

bool is_preferred(Type type) { return !type.is_array() && type_info(type.id).preferred; }

// Keeps the candidates with the highest score.
template <typename Score>
void keep_best(std::vector<Candidate>& candidates, Score&& score) {
  int best = -1;
  std::vector<Candidate> kept;
  for (Candidate& candidate : candidates) {
    const int value = score(candidate);
    if (value > best) {
      best = value;
      kept.clear();
    }
    if (value == best) kept.push_back(std::move(candidate));
  }
  candidates = std::move(kept);
}

// Unknown arguments: the category that all candidates agree on, text wherever some take text.
bool narrow_by_category(std::vector<Candidate>& candidates, std::span<const Type> arguments) {
  std::vector<char> categories(arguments.size(), 0);
  std::vector<bool> has_preferred(arguments.size(), false);
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i].id != TypeId::unknown) continue;
    bool conflict = false;
    for (const Candidate& candidate : candidates) {
      const Type type = candidate.declared[i];
      const char category = type.category();
      if (categories[i] == 0) {
        categories[i] = category;
        has_preferred[i] = is_preferred(type);
      } else if (category == categories[i]) {
        has_preferred[i] = has_preferred[i] || is_preferred(type);
      } else if (category == 'S') {
        categories[i] = category;
        has_preferred[i] = is_preferred(type);
      } else if (categories[i] != 'S') {
        conflict = true;
      }
    }
    if (conflict && categories[i] != 'S') return false;
  }
  std::vector<Candidate> kept;
  for (const Candidate& candidate : candidates) {
    bool keep = true;
    for (size_t i = 0; i < arguments.size() && keep; ++i) {
      if (arguments[i].id != TypeId::unknown) continue;
      const Type type = candidate.declared[i];
      keep = type.category() == categories[i] && (!has_preferred[i] || is_preferred(type));
    }
    if (keep) kept.push_back(candidate);
  }
  if (!kept.empty()) candidates = std::move(kept);
  return true;
}

// The one that is left, or nothing. `candidates` all accept the arguments.
std::optional<Candidate> select_candidate(const BindState& state, std::vector<Candidate> candidates,
                                          std::span<const Type> arguments) {
  if (candidates.empty()) return std::nullopt;
  if (candidates.size() == 1) return candidates[0];
  const auto exact = [&](const Candidate& candidate) {
    int count = 0;
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].id != TypeId::unknown && arguments[i].same(candidate.declared[i])) ++count;
    }
    return count;
  };
  keep_best(candidates, exact);
  if (candidates.size() == 1) return candidates[0];
  const auto exact_or_preferred = [&](const Candidate& candidate) {
    int count = 0;
    for (size_t i = 0; i < arguments.size(); ++i) {
      if (arguments[i].id == TypeId::unknown) continue;
      const Type declared = candidate.declared[i];
      if (arguments[i].same(declared) ||
          (is_preferred(declared) && declared.category() == arguments[i].category())) {
        ++count;
      }
    }
    return count;
  };
  keep_best(candidates, exact_or_preferred);
  if (candidates.size() == 1) return candidates[0];

  const bool has_unknown = std::any_of(arguments.begin(), arguments.end(),
                                       [](const Type& type) { return type.id == TypeId::unknown; });
  if (!has_unknown) return std::nullopt;
  if (narrow_by_category(candidates, arguments) && candidates.size() == 1) return candidates[0];

  // All known arguments have one type: try it for the unknown ones.
  std::optional<Type> known;
  for (const Type& type : arguments) {
    if (type.id == TypeId::unknown) continue;
    if (known && !known->same(type)) return std::nullopt;
    known = type;
  }
  if (!known) return std::nullopt;
  const std::vector<Type> assumed(arguments.size(), *known);
  std::optional<Candidate> only;
  for (const Candidate& candidate : candidates) {
    if (!accepts(state, candidate, assumed)) continue;
    if (only) return std::nullopt;
    only = candidate;
  }
  return only;
}

std::vector<Candidate> function_candidates(const BindState& state, std::string_view name,
                                           size_t count, bool variadic_array) {
  std::vector<Candidate> candidates;
  for (const Function* function : state.registry.functions(name)) {
    const size_t declared = function->args.size();
    if (count == declared && !(function->variadic && !variadic_array)) {
      candidates.push_back({function, nullptr, function->args, function->result, false, false});
      if (function->variadic) {
        Type& last = candidates.back().declared.back();
        if (last.id == TypeId::anyelement || last.id == TypeId::anycompatible) {
          last =
              Type(last.id == TypeId::anyelement ? TypeId::anyarray : TypeId::anycompatiblearray);
        } else if (last.id != TypeId::any && !last.is_array() && !is_polymorphic(last.id)) {
          last = Type::array_of(last.id);
        }
      }
    } else if (function->variadic && !variadic_array && count >= declared && declared > 0) {
      Candidate candidate{function, nullptr, function->args, function->result, true, false};
      // Declared as an array of what repeats, or as the repeated type itself.
      Type element = candidate.declared.back();
      if (element.is_array()) {
        element = Type(element.element);
      } else if (element.id == TypeId::anyarray) {
        element = TypeId::anyelement;
      } else if (element.id == TypeId::anycompatiblearray) {
        element = TypeId::anycompatible;
      }
      candidate.declared.back() = element;
      candidate.declared.resize(count, element);
      candidates.push_back(std::move(candidate));
    } else if (count < declared && count + function->defaults >= declared && !function->variadic) {
      Candidate candidate{function, nullptr, function->args, function->result, false, true};
      candidate.declared.resize(count);
      candidates.push_back(std::move(candidate));
    }
  }
  return candidates;
}

// Of two overloads that look the same from here, the plain one wins.
void drop_shadowed(std::vector<Candidate>& candidates) {
  std::vector<Candidate> kept;
  for (Candidate& candidate : candidates) {
    bool shadowed = false;
    for (const Candidate& other : candidates) {
      if (&other == &candidate || (!candidate.variadic && !candidate.defaulted)) continue;
      if (other.variadic || other.defaulted) continue;
      shadowed = shadowed || std::equal(other.declared.begin(), other.declared.end(),
                                        candidate.declared.begin(), candidate.declared.end(),
                                        [](const Type& a, const Type& b) { return a.same(b); });
    }
    if (!shadowed) kept.push_back(candidate);
  }
  candidates = std::move(kept);
}

std::optional<Overload> finish(const BindState& state, const Candidate& candidate,
                               std::span<const Type> arguments) {
  Polymorphic polymorphic;
  if (!bind_polymorphic(state, candidate.declared, arguments, polymorphic)) return std::nullopt;
  Overload overload;
  overload.function = candidate.op != nullptr ? candidate.op->function : candidate.function;
  overload.variadic = candidate.variadic;
  for (size_t i = 0; i < candidate.declared.size(); ++i) {
    std::optional<Type> type = concrete(candidate.declared[i], polymorphic);
    // All arguments unknown: leave them to the caller's error.
    overload.arguments.push_back(type.value_or(Type(TypeId::unknown)));
    if (candidate.declared[i].id == TypeId::any) {
      overload.arguments.back() = arguments[i];
    }
    if (wants_array(candidate.declared[i].id) &&
        (arguments[i].id == TypeId::int2vector || arguments[i].id == TypeId::oidvector)) {
      overload.arguments.back() = arguments[i];
    }
  }
  overload.result = concrete(candidate.result, polymorphic).value_or(Type(TypeId::unknown));
  return overload;
}

std::optional<Overload> choose(const BindState& state, std::vector<Candidate> candidates,
                               std::span<const Type> arguments, bool& ambiguous) {
  std::erase_if(candidates,
                [&](const Candidate& candidate) { return !accepts(state, candidate, arguments); });
  if (candidates.empty()) return std::nullopt;
  std::optional<Candidate> chosen = select_candidate(state, std::move(candidates), arguments);
  if (!chosen) {
    ambiguous = true;
    return std::nullopt;
  }
  return finish(state, *chosen, arguments);
}

std::string signature(std::span<const Type> arguments) {
  std::string text;
  for (const Type& type : arguments) {
    if (!text.empty()) text += ", ";
    text += type.without_typmod().sql_name();
  }
  return text;
}

}  // namespace

std::optional<Overload> choose_function(const BindState& state, std::string_view name,
                                        std::span<const Type> arguments, bool& ambiguous,
                                        bool variadic_array) {
  ambiguous = false;
  std::vector<Candidate> candidates =
      function_candidates(state, name, arguments.size(), variadic_array);
  drop_shadowed(candidates);
  for (const Candidate& candidate : candidates) {
    if (std::equal(arguments.begin(), arguments.end(), candidate.declared.begin(),
                   [](const Type& a, const Type& b) { return a.same(b); })) {
      return finish(state, candidate, arguments);
    }
  }
  return choose(state, std::move(candidates), arguments, ambiguous);
}

std::optional<Overload> choose_operator(const BindState& state, std::string_view name, Type left,
                                        Type right, bool& ambiguous) {
  ambiguous = false;
  const bool prefix = left.id == TypeId::void_;
  std::vector<Candidate> candidates;
  for (const Operator* op : state.registry.operators(name)) {
    if ((op->left.id == TypeId::void_) != prefix) continue;
    Candidate candidate;
    candidate.op = op;
    candidate.function = op->function;
    if (!prefix) candidate.declared.push_back(op->left);
    candidate.declared.push_back(op->right);
    candidate.result = op->result;
    candidates.push_back(std::move(candidate));
  }
  std::vector<Type> arguments;
  if (!prefix) arguments.push_back(left);
  arguments.push_back(right);
  // Exact match; an unknown side is first taken to be like the other one.
  std::vector<Type> assumed = arguments;
  if (!prefix) {
    if (left.id == TypeId::unknown && right.id != TypeId::unknown) assumed[0] = right;
    if (right.id == TypeId::unknown && left.id != TypeId::unknown) assumed[1] = left;
  }
  for (const Candidate& candidate : candidates) {
    if (std::equal(assumed.begin(), assumed.end(), candidate.declared.begin(),
                   [](const Type& a, const Type& b) { return a.same(b); })) {
      return finish(state, candidate, assumed);
    }
  }
  return choose(state, std::move(candidates), arguments, ambiguous);
}

Result<ExprPtr> default_argument(BindState& state, const Function& function, size_t index) {
  const std::vector<std::string_view>& texts = argument_info(function).defaults;
  const size_t first = function.args.size() - texts.size();
  QW_ASSERT(index >= first && index < function.args.size());
  const Type type = function.args[index];
  Result<Datum> value = from_text(type, texts[index - first], state.context.style);
  QW_ASSERT(value);
  return make_constant(std::move(*value));
}

Result<void> complete_arguments(BindState& state, const Overload& overload,
                                std::vector<ExprPtr>& values, int32_t location) {
  for (size_t i = 0; i < values.size(); ++i) {
    const Type target = overload.arguments[i];
    const size_t declared = std::min(i, overload.function->args.size() - 1);
    if (overload.function->args[declared].id == TypeId::any) continue;
    if (target.id == TypeId::unknown) {
      return state.fail_at(
          datatype_mismatch("could not determine polymorphic type because input has type unknown"),
          location);
    }
    if (values[i]->type.same(target)) continue;
    QW_ASSIGN_OR_RETURN(values[i], coerce(state, std::move(values[i]), target.without_typmod(),
                                          CastContext::implicit));
  }
  const Function& function = *overload.function;
  if (overload.variadic && function.args.back().id != TypeId::any) {
    const auto first = values.begin() + static_cast<ptrdiff_t>(function.args.size() - 1);
    std::vector<ExprPtr> elements(std::make_move_iterator(first),
                                  std::make_move_iterator(values.end()));
    values.erase(first, values.end());
    const Type type = Type::array_of(elements.front()->type.id);
    values.push_back(make_node(ExprKind::array_make, type, std::move(elements)));
  }
  while (values.size() < function.args.size() && !function.variadic) {
    QW_ASSIGN_OR_RETURN(ExprPtr value, default_argument(state, function, values.size()));
    values.push_back(std::move(value));
  }
  return {};
}

Result<ExprPtr> make_resolved_call(BindState& state, const Overload& overload,
                                   std::vector<ExprPtr> values, int32_t location) {
  QW_TRY(complete_arguments(state, overload, values, location));
  ExprPtr call = make_call(*overload.function, std::move(values), overload.result);
  call->location = location;
  return call;
}

Result<ExprPtr> make_operator(BindState& state, std::string_view name, ExprPtr left, ExprPtr right,
                              int32_t location) {
  bool ambiguous = false;
  const Type left_type = left == nullptr ? Type(TypeId::void_) : left->type;
  std::optional<Overload> overload =
      choose_operator(state, name, left_type, right->type, ambiguous);
  if (!overload) {
    std::string text = left == nullptr ? "" : left_type.without_typmod().sql_name() + " ";
    text += fmt::format("{} {}", name, right->type.without_typmod().sql_name());
    if (ambiguous) {
      return state.fail_at(
          ambiguous_function(fmt::format("operator is not unique: {}", text))
              .with_hint(
                  "Could not choose a best candidate operator. You might need to add explicit "
                  "type casts."),
          location);
    }
    return state.fail_at(
        undefined_function(fmt::format("operator does not exist: {}", text))
            .with_hint(
                left == nullptr
                    ? "No operator matches the given name and argument type. You might need to "
                      "add an explicit type cast."
                    : "No operator matches the given name and argument types. You might need "
                      "to add explicit type casts."),
        location);
  }
  std::vector<ExprPtr> values;
  if (left != nullptr) values.push_back(std::move(left));
  values.push_back(std::move(right));
  return make_resolved_call(state, *overload, std::move(values), location);
}

Error function_not_found(std::string_view name, std::span<const Type> arguments) {
  return undefined_function(
             fmt::format("function {}({}) does not exist", name, signature(arguments)))
      .with_hint(
          "No function matches the given name and argument types. You might need to add "
          "explicit type casts.");
}

Result<ExprPtr> make_named_call(BindState& state, std::string_view name,
                                std::vector<ExprPtr> values, int32_t location) {
  std::vector<Type> types;
  for (const ExprPtr& value : values) types.push_back(value->type);
  bool ambiguous = false;
  std::optional<Overload> overload = choose_function(state, name, types, ambiguous);
  if (overload) return make_resolved_call(state, *overload, std::move(values), location);
  if (ambiguous) {
    return state.fail_at(
        ambiguous_function(fmt::format("function {}({}) is not unique", name, signature(types)))
            .with_hint("Could not choose a best candidate function. You might need to add explicit "
                       "type casts."),
        location);
  }
  return state.fail_at(function_not_found(name, types), location);
}

}  // namespace qw::sql
