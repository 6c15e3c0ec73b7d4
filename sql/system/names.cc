// Names of catalogue objects: see names.h.
#include "sql/system/names.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "sql/parser.h"
#include "sql/system/objects.h"
#include "sql/system/system_table.h"
#include "sql/system_catalog.h"
#include "src/types/array.h"

namespace qw::sql {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

Error invalid_name_text() { return Error(SqlState("42602"), "invalid name syntax"); }

std::optional<uint32_t> parse_number(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

size_t column_index(const Relation& relation, std::string_view name) {
  size_t i = 0;
  while (relation.columns[i].name != name) ++i;
  return i;
}

// ---- fixed rows by oid and name ---------------------------------------------------------------

struct FixedName {
  uint32_t oid = 0;
  std::string name;
};

std::vector<FixedName> fixed_names(std::string_view table, std::string_view name_column) {
  std::vector<FixedName> out;
  const Relation& relation = *system_relation("pg_catalog", table);
  const size_t name = column_index(relation, name_column);
  for (const SystemRow& row : fixed_rows(relation)) {
    out.push_back({row[0].get<uint32_t>(), std::string(row[name].bytes())});
  }
  return out;
}

const std::vector<FixedName>& listed_types() {
  static const std::vector<FixedName> names = fixed_names("pg_type", "typname");
  return names;
}
const std::vector<FixedName>& listed_collations() {
  static const std::vector<FixedName> names = fixed_names("pg_collation", "collname");
  return names;
}

const FixedName* by_oid(const std::vector<FixedName>& names, uint32_t oid) {
  for (const FixedName& name : names) {
    if (name.oid == oid) return &name;
  }
  return nullptr;
}
const FixedName* by_name(const std::vector<FixedName>& names, std::string_view wanted) {
  for (const FixedName& name : names) {
    if (name.name == wanted) return &name;
  }
  return nullptr;
}

// ---- functions --------------------------------------------------------------------------------

struct FunctionNames {
  std::deque<FunctionName> all;
  std::unordered_map<uint32_t, const FunctionName*> by_oid;
  std::unordered_multimap<std::string_view, const FunctionName*> by_name;

  FunctionNames() {
    const Relation& relation = *system_relation("pg_catalog", "pg_proc");
    const size_t name = column_index(relation, "proname"),
                 arguments = column_index(relation, "proargtypes"),
                 result = column_index(relation, "prorettype"),
                 set = column_index(relation, "proretset");
    for (const SystemRow& row : fixed_rows(relation)) {
      FunctionName function{row[0].get<uint32_t>(),
                            std::string(row[name].bytes()),
                            {},
                            row[result].get<uint32_t>(),
                            row[set].get<bool>()};
      const ArrayView types(row[arguments].bytes());
      Arena arena;
      const Vector elements = types.elements(arena);
      for (uint32_t i = 0; i < types.size(); ++i) {
        function.arguments.push_back(elements.at<uint32_t>(i));
      }
      add(std::move(function));
    }
    for (const Function& declared : Registry::instance().all_functions()) {
      if (declared.oid == 0 || by_oid.contains(declared.oid)) continue;
      FunctionName function{declared.oid,
                            std::string(declared.name),
                            {},
                            declared.result.oid(),
                            declared.kind == FunctionKind::set_returning};
      for (const Type& type : declared.args) function.arguments.push_back(type.oid());
      add(std::move(function));
    }
  }
  void add(FunctionName function) {
    all.push_back(std::move(function));
    by_oid.emplace(all.back().oid, &all.back());
    by_name.emplace(all.back().name, &all.back());
  }
};

const FunctionNames& function_names() {
  static const FunctionNames names;
  return names;
}

std::string argument_list(const FunctionName& function) {
  std::string out;
  for (const uint32_t type : function.arguments) {
    out += (out.empty() ? "" : ",") + type_text(type, std::nullopt);
  }
  return out;
}

Error more_than_one(std::string_view what, std::string_view name) {
  return Error(SqlState("42725"), fmt::format("more than one {} named \"{}\"", what, name));
}

Result<std::optional<uint32_t>> function_oid(std::string_view text) {
  QW_ASSIGN_OR_RETURN(const auto parts, parse_qualified_name(text));
  if (parts.size() > 1 && parts[parts.size() - 2] != "pg_catalog") return std::optional<uint32_t>();
  const auto found = find_functions(parts.back());
  if (found.empty()) return std::optional<uint32_t>();
  if (found.size() > 1) return fail(more_than_one("function", text));
  return std::optional<uint32_t>(found[0]->oid);
}

// "name(type, type)".
Result<std::optional<uint32_t>> procedure_oid(std::string_view text) {
  const size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) {
    return fail(invalid_text_representation("expected a left parenthesis"));
  }
  QW_ASSIGN_OR_RETURN(const auto parts, parse_qualified_name(text.substr(0, open)));
  std::vector<uint32_t> arguments;
  std::string_view rest = text.substr(open + 1, close - open - 1);
  while (rest.find_first_not_of(' ') != std::string_view::npos) {
    const size_t comma = rest.find(',');
    const auto type = find_type(rest.substr(0, comma));
    if (!type) return std::optional<uint32_t>();
    arguments.push_back(*type);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  for (const FunctionName* function : find_functions(parts.back())) {
    if (function->arguments == arguments) return std::optional<uint32_t>(function->oid);
  }
  return std::optional<uint32_t>();
}

Result<std::optional<uint32_t>> operator_oid(std::string_view text) {
  constexpr std::string_view kPrefix = "pg_catalog.";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  const auto operators = Registry::instance().operators(text);
  if (operators.empty()) return std::optional<uint32_t>();
  if (operators.size() > 1) return fail(more_than_one("operator", text));
  return std::optional<uint32_t>(operators[0]->oid);
}

std::string operator_text(uint32_t oid, bool with_types) {
  for (const Operator& op : Registry::instance().all_operators()) {
    if (op.oid != oid) continue;
    if (!with_types) return std::string(op.name);
    return fmt::format("{}({},{})", op.name,
                       op.left.id == TypeId::void_ ? "NONE" : op.left.sql_name(),
                       op.right.sql_name());
  }
  return fmt::format("{}", oid);
}

std::string class_text(const EvalContext& context, uint32_t oid) {
  const auto name = class_name(*context.catalog, oid);
  if (!name) return fmt::format("{}", oid);
  bool known = false;
  if (class_is_visible(context, oid, known)) return quote_identifier(name->name);
  return quote_identifier(name->schema) + "." + quote_identifier(name->name);
}

}  // namespace

Result<std::vector<std::string>> parse_qualified_name(std::string_view text) {
  std::vector<std::string> parts;
  size_t i = 0;
  const auto blanks = [&] {
    while (i < text.size() && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n')) ++i;
  };
  while (true) {
    blanks();
    std::string part;
    if (i < text.size() && text[i] == '"') {
      for (++i;; ++i) {
        if (i >= text.size()) return fail(invalid_name_text());
        if (text[i] != '"') {
          part += text[i];
          continue;
        }
        if (i + 1 >= text.size() || text[i + 1] != '"') break;
        part += '"';
        ++i;
      }
      ++i;
    } else {
      const size_t begin = i;
      while (i < text.size() && text[i] != '.' && text[i] != '"' && text[i] != ' ' &&
             text[i] != '\t' && text[i] != '\n') {
        ++i;
      }
      part = lower(text.substr(begin, i - begin));
    }
    if (part.empty()) return fail(invalid_name_text());
    parts.push_back(std::move(part));
    blanks();
    if (i == text.size()) return parts;
    if (text[i] != '.') return fail(invalid_name_text());
    ++i;
  }
}

std::string quoted_name(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ".") + part;
  return out;
}

const FunctionName* find_function(uint32_t oid) {
  const auto found = function_names().by_oid.find(oid);
  return found == function_names().by_oid.end() ? nullptr : found->second;
}

std::vector<const FunctionName*> find_functions(std::string_view name) {
  std::vector<const FunctionName*> out;
  const auto [begin, end] = function_names().by_name.equal_range(name);
  for (auto it = begin; it != end; ++it) out.push_back(it->second);
  return out;
}

Result<std::optional<uint32_t>> find_class(const EvalContext& context, std::string_view text) {
  QW_ASSIGN_OR_RETURN(const auto parts, parse_qualified_name(text));
  if (parts.size() > 1) return class_oid(*context.catalog, parts[parts.size() - 2], parts.back());
  for (const std::string& schema : effective_path(context.search_path)) {
    if (const auto oid = class_oid(*context.catalog, schema, parts[0])) return oid;
  }
  return std::optional<uint32_t>();
}

std::optional<uint32_t> find_type(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  std::string name(text);
  bool array = false;
  while (name.ends_with("[]")) {
    array = true;
    name.resize(name.size() - 2);
  }
  // Modifiers do not matter to the oid: numeric(3,1), timestamp(3) with time zone.
  if (const size_t open = name.find('('); open != std::string::npos) {
    const size_t close = name.find(')', open);
    if (close == std::string::npos) return std::nullopt;
    name.erase(open, close - open + 1);
  }
  constexpr std::string_view kPrefix = "pg_catalog.";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  const bool quoted = name.size() > 2 && name.front() == '"' && name.back() == '"';
  name = quoted ? name.substr(1, name.size() - 2) : lower(name);
  std::optional<uint32_t> oid;
  // "char" in quotes is the catalogues' one-byte type, without it is char(n).
  if (!quoted && name == "char") name = "bpchar";
  if (const auto type = Type::from_name(name)) {
    oid = type->oid();
  } else if (const FixedName* listed = by_name(listed_types(), name)) {
    oid = listed->oid;
  }
  if (!oid || !array) return oid;
  const auto element = Type::from_oid(*oid);
  if (element && !element->is_array()) {
    const Type list = Type::array_of(element->id);
    if (list.oid() != 0) return list.oid();
  }
  const FixedName* listed = by_oid(listed_types(), *oid);
  const FixedName* list = listed == nullptr ? nullptr : by_name(listed_types(), "_" + listed->name);
  return list == nullptr ? std::nullopt : std::optional<uint32_t>(list->oid);
}

std::string type_text(uint32_t oid, std::optional<int32_t> typmod) {
  if (oid == 0) return "-";
  if (auto type = Type::from_oid(oid)) {
    if (type->id == TypeId::bpchar && !type->is_array() && typmod == -1) return "bpchar";
    type->typmod = typmod.value_or(-1);
    return type->sql_name();
  }
  if (const FixedName* listed = by_oid(listed_types(), oid)) {
    if (listed->name == "varbit") return "bit varying";
    if (listed->name == "_varbit") return "bit varying[]";
    if (listed->name.starts_with('_')) return listed->name.substr(1) + "[]";
    return quote_identifier(listed->name);
  }
  return "???";
}

bool class_is_visible(const EvalContext& context, uint32_t oid, bool& known) {
  const auto name = class_name(*context.catalog, oid);
  known = name.has_value();
  if (!name) return false;
  for (const std::string& schema : effective_path(context.search_path)) {
    if (const auto first = class_oid(*context.catalog, schema, name->name)) return *first == oid;
  }
  return false;
}

std::string reg_text(Type type, uint32_t oid, const EvalContext& context) {
  if (oid == 0) return type.id == TypeId::regoper || type.id == TypeId::regoperator ? "0" : "-";
  const std::string number = fmt::format("{}", oid);
  switch (type.id) {
    case TypeId::regclass:
      return context.catalog == nullptr ? number : class_text(context, oid);
    case TypeId::regtype: {
      std::string text = type_text(oid, std::nullopt);
      return text == "???" ? number : text;
    }
    case TypeId::regproc: {
      const FunctionName* function = find_function(oid);
      if (function == nullptr) return number;
      const bool alone = find_functions(function->name).size() == 1;
      return (alone ? "" : "pg_catalog.") + quote_identifier(function->name);
    }
    case TypeId::regprocedure: {
      const FunctionName* function = find_function(oid);
      if (function == nullptr) return number;
      return fmt::format("{}({})", quote_identifier(function->name), argument_list(*function));
    }
    case TypeId::regnamespace: {
      if (context.catalog == nullptr) return number;
      const auto name = namespace_name(*context.catalog, oid);
      return name ? quote_identifier(*name) : number;
    }
    case TypeId::regrole:
      return oid == kOwnerOid ? quote_identifier(context.user) : number;
    case TypeId::regoper:
      return operator_text(oid, false);
    case TypeId::regoperator:
      return operator_text(oid, true);
    case TypeId::regcollation: {
      const FixedName* collation = by_oid(listed_collations(), oid);
      return collation == nullptr ? number : quote_identifier(collation->name);
    }
    default:  // NOLINT: only the reg* types come here
      return number;
  }
}

std::string object_name(Type type, uint32_t oid, const EvalContext& context) {
  return reg_text(type, oid, context);
}

Result<std::optional<uint32_t>> reg_oid(Type type, std::string_view text,
                                        const EvalContext& context) {
  if (text == "-") return std::optional<uint32_t>(0);
  if (const auto number = parse_number(text)) return number;
  if (type.id == TypeId::regtype) return find_type(text);
  if (type.id == TypeId::regproc) return function_oid(text);
  if (type.id == TypeId::regprocedure) return procedure_oid(text);
  if (type.id == TypeId::regoper) return operator_oid(text);
  if (context.catalog == nullptr) {
    return fail(feature_not_supported(
        fmt::format("a name as {} needs the catalogue", type.without_typmod().sql_name())));
  }
  if (type.id == TypeId::regclass) return find_class(context, text);
  QW_ASSIGN_OR_RETURN(const auto parts, parse_qualified_name(text));
  if (type.id == TypeId::regnamespace) {
    const uint32_t oid = namespace_oid(*context.catalog, parts.back());
    return oid == 0 ? std::nullopt : std::optional<uint32_t>(oid);
  }
  if (type.id == TypeId::regrole) {
    return parts.back() == context.user ? std::optional<uint32_t>(kOwnerOid) : std::nullopt;
  }
  const FixedName* collation = by_name(listed_collations(), parts.back());
  return collation == nullptr ? std::nullopt : std::optional<uint32_t>(collation->oid);
}

}  // namespace qw::sql
