// Names of catalogue objects in SQL text: parsing "schema.name", and what the reg* types look up.
//
// Pure functions of a catalogue snapshot and a search path; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sql/function.h"
#include "src/base/result.h"

namespace qw::sql {

// "a.\"B\"" -> {a, B}, unquoted parts in lower case. 42602 when it is no name.
Result<std::vector<std::string>> parse_qualified_name(std::string_view text);
std::string quoted_name(const std::vector<std::string>& parts);

// One function per registered or listed oid.
struct FunctionName {
  uint32_t oid = 0;
  std::string name;
  std::vector<uint32_t> arguments;
  uint32_t result = 0;
  bool returns_set = false;
};
const FunctionName* find_function(uint32_t oid);
std::vector<const FunctionName*> find_functions(std::string_view name);

// The relation or index that a name means under the context's search path.
Result<std::optional<uint32_t>> find_class(const EvalContext& context, std::string_view text);
// The type that SQL text means ("int", "pg_catalog.int4", "numeric(3,1)[]"), by oid.
std::optional<uint32_t> find_type(std::string_view text);
// As format_type() shows it; "???" when unknown.
std::string type_text(uint32_t oid, std::optional<int32_t> typmod);
bool class_is_visible(const EvalContext& context, uint32_t oid, bool& known);

// The text of a reg* value.
std::string reg_text(Type type, uint32_t oid, const EvalContext& context);
// The oid that a text means for a reg* type; nothing when there is none.
Result<std::optional<uint32_t>> reg_oid(Type type, std::string_view text,
                                        const EvalContext& context);

}  // namespace qw::sql
