// Registry: builds the tables of functions, operators and casts once, at first use.
//
// Functions come from the families; operators and casts from PostgreSQL's catalogue, kept where
// their function is declared. Conversions through text (PostgreSQL's I/O casts) and element-wise
// array casts are derived here. Immutable after construction; any thread. Tests:
// tests/unit/sql_expr/registry_test.cc.
#include "sql/function.h"

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "sql/expr/conversion.h"
#include "sql/expr/declare.h"
#include "sql/expr/json_text.h"
#include "src/base/hash.h"

namespace qw::sql {
namespace {

struct OperatorRow {
  uint32_t oid;
  std::string_view name, left, right, result;
  uint32_t function, commutator, negator;
};
constexpr OperatorRow kOperators[] = {
#include "sql/expr/operators.inc"
};

struct CastRow {
  std::string_view from, to;
  uint32_t function;
  char context;
};
constexpr CastRow kCasts[] = {
#include "sql/expr/casts.inc"
};

std::vector<void (*)(Declarations&)>& further_declarations() {
  static std::vector<void (*)(Declarations&)> hooks;
  return hooks;
}

uint32_t key_of(Type type) {
  return (static_cast<uint32_t>(type.id) << 8) |
         (type.is_array() ? static_cast<uint32_t>(type.element) : 0);
}
uint64_t key_of(Type from, Type to) { return (uint64_t{key_of(from)} << 32) | key_of(to); }

CastContext context_of(char letter) {
  return letter == 'i'   ? CastContext::implicit
         : letter == 'a' ? CastContext::assignment
                         : CastContext::explicit_;
}

constexpr TypeId kStrings[] = {TypeId::text, TypeId::varchar, TypeId::bpchar, TypeId::name};
bool is_string(Type type) {
  for (const TypeId id : kStrings) {
    if (type.id == id) return true;
  }
  return false;
}

}  // namespace

void add_declarations(void (*declare)(Declarations&)) { further_declarations().push_back(declare); }

struct Registry::Tables {
  template <typename T>
  using ByName =
      std::unordered_map<std::string_view, std::vector<const T*>, StringHash, StringEqual>;

  std::vector<Function> functions;
  std::vector<Operator> operators;
  std::vector<Cast> casts;
  std::deque<std::string> names;     // of derived functions
  std::deque<Function> array_casts;  // derived last, from the casts
  ByName<Function> functions_by_name;
  ByName<Operator> operators_by_name;
  std::unordered_map<uint32_t, const Function*> functions_by_oid;
  std::unordered_map<uint64_t, const Cast*> casts_by_types;
  std::unordered_map<uint32_t, std::vector<const Cast*>> casts_by_source;
  std::unordered_map<uint32_t, const Function*> equalities, lesses, length_coercions;

  void build();

 private:
  void derive_conversions(Declarations& d);
  void index_functions();
  void add_operators();
  void add_casts();
  void add_cast(Type from, Type to, CastContext context, const Function* function);
  void add_text_casts();
  void add_array_casts();
  const Function* only(std::string_view name, Type argument) const;
};

void Registry::Tables::build() {
  Declarations d;
  declare_aggregates(d);
  declare_arrays(d);
  declare_bool(d);
  declare_bytea(d);
  declare_compare(d);
  declare_compare_float(d);
  declare_compare_nested(d);
  declare_compare_wide(d);
  declare_date_fields(d);
  declare_date_parse(d);
  declare_date_text(d);
  declare_date_time(d);
  declare_float(d);
  declare_int(d);
  declare_json_text(d);
  declare_jsonb(d);
  declare_jsonb_build(d);
  declare_like(d);
  declare_math(d);
  declare_number_text(d);
  declare_numeric(d);
  declare_numeric_math(d);
  declare_regex(d);
  declare_row_sets(d);
  declare_series(d);
  declare_text(d);
  declare_text_any(d);
  declare_text_cast(d);
  declare_windows(d);
  for (auto* hook : further_declarations()) hook(d);
  derive_conversions(d);
  functions.assign(std::make_move_iterator(d.functions.begin()),
                   std::make_move_iterator(d.functions.end()));
  index_functions();
  add_operators();
  add_casts();
  add_text_casts();
  add_array_casts();
  for (const Cast& cast : casts) {
    casts_by_types[key_of(cast.from, cast.to)] = &cast;
    casts_by_source[key_of(cast.from)].push_back(&cast);
  }
}

// Functions for what PostgreSQL does without a pg_proc row; their names start with '#', so that SQL
// cannot spell them.
void Registry::Tables::derive_conversions(Declarations& d) {
  const auto derive = [&](std::string name, std::vector<Type> args, Type result,
                          KernelSpec kernel) -> Function& {
    names.push_back(std::move(name));
    Function& function = d.functions.emplace_back();
    function.name = names.back();
    function.args = std::move(args);
    function.result = result;
    function.kernel = kernel.run;
    function.infallible = kernel.infallible;
    return function;
  };
  const auto derive_type = [&](Type type) {
    const std::string name = type.type_name();
    derive("#out " + name, {type}, TypeId::text, text_output_kernel()).volatility =
        Volatility::stable;
    derive("#in " + name, {TypeId::text}, type, text_input_kernel()).volatility =
        Volatility::stable;
  };
  for (int i = 0; i < static_cast<int>(TypeId::unknown); ++i) {
    const auto id = static_cast<TypeId>(i);
    derive_type(id);
    if (type_info(id).array_oid != 0) derive_type(Type::array_of(id));
  }
  derive("#out record", {TypeId::record}, TypeId::text, text_output_kernel()).volatility =
      Volatility::stable;
}

void Registry::Tables::index_functions() {
  for (const Function& function : functions) {
    functions_by_name[function.name].push_back(&function);
    if (function.oid != 0) {
      const bool fresh = functions_by_oid.emplace(function.oid, &function).second;
      QW_ASSERT(fresh);
    }
    constexpr std::string_view kLength = "#length";
    if (function.name == kLength) {
      length_coercions.emplace(key_of(function.args[0]), &function);
    }
  }
}

void Registry::Tables::add_operators() {
  operators.reserve(std::size(kOperators));
  std::unordered_map<uint32_t, Operator*> by_oid;
  for (const OperatorRow& row : kOperators) {
    const auto function = functions_by_oid.find(row.function);
    if (function == functions_by_oid.end()) continue;
    Operator& op = operators.emplace_back();
    op.oid = row.oid;
    op.name = row.name;
    op.left = declared_type(row.left);
    op.right = declared_type(row.right);
    op.result = declared_type(row.result);
    op.function = function->second;
    by_oid.emplace(row.oid, &op);
    operators_by_name[op.name].push_back(&op);
    if (op.left.same(op.right)) {
      if (op.name == "=") equalities.emplace(key_of(op.left), op.function);
      if (op.name == "<") lesses.emplace(key_of(op.left), op.function);
    }
  }
  const auto link = [&](uint32_t oid) -> const Operator* {
    const auto found = by_oid.find(oid);
    return found == by_oid.end() ? nullptr : found->second;
  };
  for (const OperatorRow& row : kOperators) {
    const auto found = by_oid.find(row.oid);
    if (found == by_oid.end()) continue;
    found->second->commutator = link(row.commutator);
    found->second->negator = link(row.negator);
  }
}

void Registry::Tables::add_cast(Type from, Type to, CastContext context, const Function* function) {
  if (!casts_by_types.emplace(key_of(from, to), nullptr).second) return;  // the first one stays
  casts.push_back({from, to, context, function});
}

void Registry::Tables::add_casts() {
  for (const CastRow& row : kCasts) {
    const Function* function = nullptr;
    if (row.function != 0) {
      const auto found = functions_by_oid.find(row.function);
      if (found == functions_by_oid.end()) continue;
      function = found->second;
    }
    add_cast(declared_type(row.from), declared_type(row.to), context_of(row.context), function);
  }
  // Not in pg_cast: a vector is stored as the array that it is.
  add_cast(TypeId::int2vector, Type::array_of(TypeId::int2), CastContext::implicit, nullptr);
  add_cast(TypeId::oidvector, Type::array_of(TypeId::oid), CastContext::implicit, nullptr);
}

const Function* Registry::Tables::only(std::string_view name, Type argument) const {
  const auto found = functions_by_name.find(name);
  if (found == functions_by_name.end()) return nullptr;
  for (const Function* function : found->second) {
    if (function->args.size() == 1 && function->args[0].same(argument)) return function;
  }
  return nullptr;
}

// Every type goes to and from the string types through its text. A declared "regclassout(regclass)"
// or "regclassin(text)" takes the place of the text codec.
void Registry::Tables::add_text_casts() {
  const auto add = [&](Type type) {
    const std::string name = type.type_name();
    const Function* out = only(name + "out", type);
    if (out == nullptr) out = only("#out " + name, type);
    const Function* in = only(name + "in", TypeId::text);
    if (in == nullptr) in = only("#in " + name, TypeId::text);
    for (const TypeId string : kStrings) {
      if (is_string(type)) continue;
      if (out != nullptr) add_cast(type, string, CastContext::assignment, out);
      if (in != nullptr) add_cast(string, type, CastContext::explicit_, in);
    }
  };
  for (int i = 0; i < static_cast<int>(TypeId::unknown); ++i) {
    const auto id = static_cast<TypeId>(i);
    add(id);
    if (type_info(id).array_oid != 0) add(Type::array_of(id));
  }
  add(TypeId::record);
}

void Registry::Tables::add_array_casts() {
  const KernelSpec map = array_map_kernel();
  for (const Function& function : functions) {
    if (function.name != "#length" || type_info(function.args[0].id).array_oid == 0) continue;
    const Type array = Type::array_of(function.args[0].id);
    Function& derived = array_casts.emplace_back();
    derived.name = "#array length";
    derived.args = {array, TypeId::int4, TypeId::boolean};
    derived.result = array;
    derived.kernel = map.run;
    derived.element = &function;
    length_coercions.emplace(key_of(array), &derived);
  }
  const size_t base = casts.size();
  for (size_t i = 0; i < base; ++i) {
    const Cast cast = casts[i];
    if (cast.from.is_array() || cast.to.is_array() || type_info(cast.from.id).array_oid == 0 ||
        type_info(cast.to.id).array_oid == 0) {
      continue;
    }
    const Type from = Type::array_of(cast.from.id), to = Type::array_of(cast.to.id);
    Function& function = array_casts.emplace_back();
    function.name = "#array cast";
    function.args = {from};
    function.result = to;
    function.kernel = map.run;
    function.element = cast.function;
    if (cast.function != nullptr) function.volatility = cast.function->volatility;
    add_cast(from, to, cast.context, &function);
  }
}

Registry::Registry() : tables_(std::make_unique<Tables>()) { tables_->build(); }

const Registry& Registry::instance() {
  static const Registry registry;
  return registry;
}

std::span<const Function* const> Registry::functions(std::string_view name) const {
  const auto found = tables_->functions_by_name.find(name);
  if (found == tables_->functions_by_name.end()) return {};
  return found->second;
}

std::span<const Operator* const> Registry::operators(std::string_view name) const {
  const auto found = tables_->operators_by_name.find(name);
  if (found == tables_->operators_by_name.end()) return {};
  return found->second;
}

const Cast* Registry::cast(Type from, Type to) const {
  const auto found = tables_->casts_by_types.find(key_of(from, to));
  return found == tables_->casts_by_types.end() ? nullptr : found->second;
}

std::span<const Cast* const> Registry::casts_from(Type from) const {
  const auto found = tables_->casts_by_source.find(key_of(from));
  if (found == tables_->casts_by_source.end()) return {};
  return found->second;
}

const Function* Registry::function_by_oid(uint32_t oid) const {
  const auto found = tables_->functions_by_oid.find(oid);
  return found == tables_->functions_by_oid.end() ? nullptr : found->second;
}

namespace {

// The type whose btree operators a type uses: varchar compares as text, regclass as oid.
Type comparison_type(Type type) {
  if (type.is_array() || type.id == TypeId::int2vector) return TypeId::anyarray;
  if (type.id == TypeId::varchar || type.id == TypeId::unknown || type.id == TypeId::cstring) {
    return TypeId::text;
  }
  if (type_info(type.id).name.substr(0, 3) == "reg") return TypeId::oid;
  return type.without_typmod();
}

}  // namespace

const Function* Registry::equality(Type type) const {
  const auto found = tables_->equalities.find(key_of(comparison_type(type)));
  return found == tables_->equalities.end() ? nullptr : found->second;
}

const Function* Registry::less(Type type) const {
  const auto found = tables_->lesses.find(key_of(comparison_type(type)));
  return found == tables_->lesses.end() ? nullptr : found->second;
}

const Function* Registry::length_coercion(Type type) const {
  const auto found = tables_->length_coercions.find(key_of(type));
  return found == tables_->length_coercions.end() ? nullptr : found->second;
}

std::span<const Function> Registry::all_functions() const { return tables_->functions; }
std::span<const Operator> Registry::all_operators() const { return tables_->operators; }
std::span<const Cast> Registry::all_casts() const { return tables_->casts; }

}  // namespace qw::sql
