// Signatures to Function rows.
// Tests: tests/unit/sql_expr/registry_test.cc.
#include "sql/expr/declare.h"

#include <unordered_map>

#include "sql/expr/arguments.h"
#include "src/base/hash.h"

namespace qw::sql {
namespace {

using TypeNames = std::unordered_map<std::string_view, Type, StringHash, StringEqual>;

const TypeNames& type_names() {
  static const TypeNames names = [] {
    TypeNames map;
    static std::deque<std::string> array_names;  // keys of the map
    for (int i = 0; i <= static_cast<int>(TypeId::trigger); ++i) {
      const auto id = static_cast<TypeId>(i);
      if (id == TypeId::array) continue;
      const TypeInfo& info = type_info(id);
      map.emplace(info.name, Type(id));
      if (info.array_oid != 0) {
        array_names.push_back("_" + std::string(info.name));
        map.emplace(array_names.back(), Type::array_of(id));
      }
    }
    return map;
  }();
  return names;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

using ArgumentInfos = std::unordered_map<uint32_t, ArgumentInfo>;
ArgumentInfos& argument_infos() {
  static ArgumentInfos infos;
  return infos;
}

void parse_argument(std::string_view text, Function& function, ArgumentInfo& info) {
  constexpr std::string_view kVariadic = "variadic ";
  if (text.substr(0, kVariadic.size()) == kVariadic) {
    function.variadic = true;
    text.remove_prefix(kVariadic.size());
  }
  if (const size_t equals = text.find('='); equals != std::string_view::npos) {
    ++function.defaults;
    info.defaults.push_back(text.substr(equals + 1));
    text = text.substr(0, equals);
  }
  if (const size_t space = text.find(' '); space != std::string_view::npos) {
    info.names.push_back(text.substr(0, space));
    text.remove_prefix(space + 1);
  }
  function.args.push_back(declared_type(text));
}

}  // namespace

Type declared_type(std::string_view name) {
  const auto found = type_names().find(name);
  QW_ASSERT(found != type_names().end());
  return found->second;
}

const ArgumentInfo& argument_info(const Function& function) {
  static const ArgumentInfo kNone;
  const auto found = argument_infos().find(function.oid);
  return found == argument_infos().end() ? kNone : found->second;
}

Function& Declarations::declare(uint32_t oid, std::string_view signature) {
  Function& function = functions.emplace_back();
  function.oid = oid;
  const size_t open = signature.find('('), close = signature.find(')');
  QW_ASSERT(open != std::string_view::npos && close != std::string_view::npos);
  function.name = signature.substr(0, open);
  std::string_view arguments = signature.substr(open + 1, close - open - 1);
  ArgumentInfo info;
  while (!arguments.empty()) {
    const size_t comma = arguments.find(',');
    parse_argument(trim(arguments.substr(0, comma)), function, info);
    if (comma == std::string_view::npos) break;
    arguments.remove_prefix(comma + 1);
  }
  if (!info.names.empty() || !info.defaults.empty()) {
    QW_ASSERT(oid != 0);
    argument_infos()[oid] = std::move(info);
  }
  std::string_view rest = trim(signature.substr(close + 1));
  for (bool first = true; !rest.empty(); first = false) {
    const size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    rest = space == std::string_view::npos ? std::string_view() : trim(rest.substr(space));
    if (first) {
      function.result = declared_type(word);
    } else if (word == "stable") {
      function.volatility = Volatility::stable;
    } else if (word == "volatile") {
      function.volatility = Volatility::volatile_;
    } else {
      QW_ASSERT(word == "nonstrict");
      function.strict = false;
    }
  }
  return function;
}

Function& Declarations::add(uint32_t oid, std::string_view signature, KernelSpec kernel) {
  Function& function = declare(oid, signature);
  function.kernel = kernel.run;
  function.infallible = kernel.infallible;
  return function;
}

Function& Declarations::aggregate(uint32_t oid, std::string_view signature, AggregateKind kind) {
  Function& function = declare(oid, signature);
  function.kind = FunctionKind::aggregate;
  function.aggregate = kind;
  function.strict = false;
  return function;
}

Function& Declarations::window(uint32_t oid, std::string_view signature, WindowKind kind) {
  Function& function = declare(oid, signature);
  function.kind = FunctionKind::window;
  function.window = kind;
  return function;
}

Function& Declarations::set(uint32_t oid, std::string_view signature, SetKernel kernel) {
  Function& function = declare(oid, signature);
  function.kind = FunctionKind::set_returning;
  function.set = kernel;
  return function;
}

}  // namespace qw::sql
