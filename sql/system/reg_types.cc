// The reg* types' input and output, by name: 'orders'::regclass and back; to_regclass() and its
// kin; format_type().
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "sql/expr/declare.h"
#include "sql/system/catalogue_functions.h"
#include "sql/system/names.h"
#include "sql/system_catalog.h"

namespace qw::sql {
namespace {

using View = std::string_view;

Error not_found(Type type, View text) {
  switch (type.id) {
    case TypeId::regclass:
      return undefined_table(fmt::format("relation \"{}\" does not exist", text));
    case TypeId::regproc:
    case TypeId::regprocedure:
      return undefined_function(fmt::format("function \"{}\" does not exist", text));
    case TypeId::regoper:
    case TypeId::regoperator:
      return undefined_function(fmt::format("operator does not exist: {}", text));
    case TypeId::regnamespace:
      return invalid_schema_name(fmt::format("schema \"{}\" does not exist", text));
    case TypeId::regrole:
      return undefined_object(fmt::format("role \"{}\" does not exist", text));
    case TypeId::regcollation:
      return undefined_object(
          fmt::format("collation \"{}\" for encoding \"UTF8\" does not exist", text));
    default:  // NOLINT: regtype, and nothing else
      return undefined_object(fmt::format("type \"{}\" does not exist", text));
  }
}

uint32_t reg_in(View text, Row& row) {
  // The call may have been relabelled as an oid.
  auto oid = object_oid(row.function()->result, text, row.context());
  if (!oid) return row.fail(std::move(oid).error());
  return *oid;
}

Str reg_out(uint32_t oid, Row& row) {
  return row.text(reg_text(row.arg_type(0), oid, row.context()));
}

// NULL instead of an error.
std::optional<uint32_t> to_reg(View text, Row& row) {
  const auto oid = reg_oid(row.function()->result, text, row.context());
  return oid ? *oid : std::nullopt;
}

std::optional<Str> format_type(std::optional<uint32_t> oid, std::optional<int32_t> typmod,
                               Row& row) {
  if (!oid) return std::nullopt;
  return row.text(type_text(*oid, typmod));
}

void type_of(KernelCall& call) {
  const uint32_t oid = call.args[0].type.oid();
  *call.result = Vector::constant(call.result_type, oid, *call.arena);
}

}  // namespace

Result<uint32_t> object_oid(Type type, std::string_view text, const EvalContext& context) {
  QW_ASSIGN_OR_RETURN(const auto oid, reg_oid(type, text, context));
  if (oid) return *oid;
  const auto parts = parse_qualified_name(text);
  const bool plain = parts && type.id != TypeId::regtype && type.id != TypeId::regprocedure;
  return fail(not_found(type, plain ? quoted_name(*parts) : std::string(text)));
}

bool names_an_object(Type type) {
  return type.id == TypeId::regclass || type.id == TypeId::regtype || type.id == TypeId::regproc ||
         type.id == TypeId::regprocedure || type.id == TypeId::regnamespace ||
         type.id == TypeId::regrole || type.id == TypeId::regoper ||
         type.id == TypeId::regoperator || type.id == TypeId::regcollation;
}

void declare_reg_types(Declarations& d) {
  d.add(2218, "regclassin(text) regclass stable", each<reg_in>());
  d.add(2219, "regclassout(regclass) text stable", each<reg_out>());
  d.add(1079, "regclass(text) regclass stable", each<reg_in>());
  d.add(2220, "regtypein(text) regtype stable", each<reg_in>());
  d.add(2221, "regtypeout(regtype) text stable", each<reg_out>());
  d.add(44, "regprocin(text) regproc stable", each<reg_in>());
  d.add(45, "regprocout(regproc) text stable", each<reg_out>());
  d.add(2212, "regprocedurein(text) regprocedure stable", each<reg_in>());
  d.add(2213, "regprocedureout(regprocedure) text stable", each<reg_out>());
  d.add(4084, "regnamespacein(text) regnamespace stable", each<reg_in>());
  d.add(4085, "regnamespaceout(regnamespace) text stable", each<reg_out>());
  d.add(4098, "regrolein(text) regrole stable", each<reg_in>());
  d.add(4092, "regroleout(regrole) text stable", each<reg_out>());
  d.add(2214, "regoperin(text) regoper stable", each<reg_in>());
  d.add(2215, "regoperout(regoper) text stable", each<reg_out>());
  d.add(2217, "regoperatorout(regoperator) text stable", each<reg_out>());
  d.add(4193, "regcollationin(text) regcollation stable", each<reg_in>());
  d.add(4194, "regcollationout(regcollation) text stable", each<reg_out>());
  d.add(3495, "to_regclass(text) regclass stable", each<to_reg>());
  d.add(4086, "to_regnamespace(text) regnamespace stable", each<to_reg>());
  d.add(3492, "to_regoper(text) regoper stable", each<to_reg>());
  d.add(3494, "to_regproc(text) regproc stable", each<to_reg>());
  d.add(3479, "to_regprocedure(text) regprocedure stable", each<to_reg>());
  d.add(4093, "to_regrole(text) regrole stable", each<to_reg>());
  d.add(3493, "to_regtype(text) regtype stable", each<to_reg>());
  d.add(1081, "format_type(oid,int4) text stable nonstrict", each<format_type>());
  d.add(1619, "pg_typeof(any) regtype stable nonstrict", {&type_of, true});
}

}  // namespace qw::sql
