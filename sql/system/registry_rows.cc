// Rows about functions, operators, casts and aggregates: what the registry has, so that what is
// listed is what can be called.
#include <map>
#include <string>
#include <unordered_set>
#include <vector>

#include <fmt/format.h>

#include "sql/function.h"
#include "sql/system/objects.h"
#include "sql/system/row_writer.h"
#include "sql/system/system_table.h"

namespace qw::sql {
namespace {

using Rows = std::vector<SystemRow>;
constexpr std::string_view kCatalog = "pg_catalog";
constexpr uint32_t kInternalLanguage = 12;

char kind_letter(FunctionKind kind) {
  switch (kind) {
    case FunctionKind::scalar:
    case FunctionKind::set_returning:
      return 'f';
    case FunctionKind::aggregate:
      return 'a';
    case FunctionKind::window:
      return 'w';
  }
  return 'f';
}

char volatility_letter(Volatility volatility) {
  switch (volatility) {
    case Volatility::immutable:
      return 'i';
    case Volatility::stable:
      return 's';
    case Volatility::volatile_:
      return 'v';
  }
  return 'v';
}

std::string oid_list(const std::vector<Type>& types, std::string_view separator) {
  std::string out;
  for (const Type& type : types) {
    if (!out.empty()) out += separator;
    out += fmt::format("{}", type.oid());
  }
  return out;
}

// Names and modes of the columns that a set-returning function gives.
void set_out_columns(RowWriter& out, const Function& function) {
  if (function.out_columns.size() < 2) return;
  std::string types = oid_list(function.args, ","), modes, names;
  for (size_t i = 0; i < function.args.size(); ++i) {
    modes += i == 0 ? "i" : ",i";
    names += i == 0 ? "\"\"" : ",\"\"";
  }
  for (const auto& [name, type] : function.out_columns) {
    if (!modes.empty()) types += ",", modes += ",", names += ",";
    types += fmt::format("{}", type.oid());
    modes += "o";
    names += fmt::format("\"{}\"", name);
  }
  out.set("proallargtypes", "{" + types + "}")
      .set("proargmodes", "{" + modes + "}")
      .set("proargnames", "{" + names + "}");
}

Rows functions() {
  RowWriter out(kCatalog, "pg_proc");
  // Those of rows.inc stand there with all that PostgreSQL says of them.
  std::unordered_set<uint32_t> listed;
  for (const SystemRow& row : fixed_rows(*system_relation(kCatalog, "pg_proc"))) {
    listed.insert(row[0].get<uint32_t>());
  }
  for (const Function& function : Registry::instance().all_functions()) {
    if (function.oid == 0 || !listed.insert(function.oid).second) continue;
    out.row()
        .set("oid", function.oid)
        .set("proname", function.name)
        .set("pronamespace", kCatalogNamespace)
        .set("proowner", kOwnerOid)
        .set("prolang", kInternalLanguage)
        .set("procost", 1)
        .set("prorows", function.kind == FunctionKind::set_returning ? 1000 : 0)
        .set("provariadic", function.variadic ? function.args.back().oid() : 0U)
        .set("prokind", kind_letter(function.kind))
        .set("proisstrict", function.strict)
        .set("proretset", function.kind == FunctionKind::set_returning)
        .set("provolatile", volatility_letter(function.volatility))
        .set("proparallel", 's')
        .set("pronargs", function.args.size())
        .set("pronargdefaults", function.defaults)
        .set("prorettype",
             function.out_columns.size() > 1 ? Type(TypeId::record).oid() : function.result.oid())
        .set("proargtypes", oid_list(function.args, " "))
        .set("prosrc", function.name);
    set_out_columns(out, function);
  }
  return out.take();
}

Rows operators() {
  RowWriter out(kCatalog, "pg_operator");
  for (const Operator& op : Registry::instance().all_operators()) {
    const bool prefix = op.left.id == TypeId::void_;
    out.row()
        .set("oid", op.oid)
        .set("oprname", op.name)
        .set("oprnamespace", kCatalogNamespace)
        .set("oprowner", kOwnerOid)
        .set("oprkind", prefix ? 'l' : 'b')
        .set("oprcanmerge", op.name == "=")
        .set("oprcanhash", op.name == "=")
        .set("oprleft", prefix ? 0U : op.left.oid())
        .set("oprright", op.right.oid())
        .set("oprresult", op.result.oid())
        .set("oprcom", op.commutator == nullptr ? 0U : op.commutator->oid)
        .set("oprnegate", op.negator == nullptr ? 0U : op.negator->oid)
        .set("oprcode", int64_t{op.function->oid});
  }
  return out.take();
}

char context_letter(CastContext context) {
  switch (context) {
    case CastContext::implicit:
      return 'i';
    case CastContext::assignment:
      return 'a';
    case CastContext::explicit_:
      return 'e';
  }
  return 'e';
}

Rows casts() {
  RowWriter out(kCatalog, "pg_cast");
  uint32_t oid = 10000;  // PostgreSQL's are given at initdb, from here on
  for (const Cast& cast : Registry::instance().all_casts()) {
    // Conversions through text and those of arrays have no row in PostgreSQL.
    if (cast.function != nullptr && cast.function->oid == 0) continue;
    out.row()
        .set("oid", oid++)
        .set("castsource", cast.from.oid())
        .set("casttarget", cast.to.oid())
        .set("castfunc", cast.function == nullptr ? 0U : cast.function->oid)
        .set("castcontext", context_letter(cast.context))
        .set("castmethod", cast.function == nullptr ? 'b' : 'f');
  }
  return out.take();
}

Rows aggregates() {
  RowWriter out(kCatalog, "pg_aggregate");
  for (const Function& function : Registry::instance().all_functions()) {
    if (function.kind != FunctionKind::aggregate || function.oid == 0) continue;
    out.row()
        .set("aggfnoid", int64_t{function.oid})
        .set("aggkind", 'n')
        .set("aggfinalmodify", 'r')
        .set("aggmfinalmodify", 'r')
        .set("aggtranstype", function.result.oid());
  }
  return out.take();
}

}  // namespace

std::vector<RowMakers> registry_row_makers() {
  return {{kCatalog, "pg_proc", nullptr, functions},
          {kCatalog, "pg_operator", nullptr, operators},
          {kCatalog, "pg_cast", nullptr, casts},
          {kCatalog, "pg_aggregate", nullptr, aggregates}};
}

}  // namespace qw::sql
