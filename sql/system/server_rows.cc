// Rows about the server and its sessions: the one database, the one role, settings, activity.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "sql/system/objects.h"
#include "sql/system/row_writer.h"
#include "sql/system/system_table.h"

namespace qw::sql {
namespace {

using Rows = std::vector<SystemRow>;
constexpr std::string_view kCatalog = "pg_catalog";

Result<Rows> databases(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_database");
  out.row()
      .set("oid", kDatabaseOid)
      .set("datname", context.database)
      .set("datdba", kOwnerOid)
      .set("encoding", 6)
      .set("datlocprovider", 'c')
      .set("datallowconn", true)
      .set("datconnlimit", -1)
      .set("dattablespace", 1663U)
      .set("datcollate", "C")
      .set("datctype", "C.UTF-8");
  return out.take();
}

// pg_authid and pg_roles, whose columns are called the same.
template <const char* kTable>
Result<Rows> roles(const SystemContext& context) {
  RowWriter out(kCatalog, kTable);
  out.row().set("oid", kOwnerOid).set("rolname", context.user).set("rolconnlimit", -1);
  for (const std::string_view power : {"rolsuper", "rolinherit", "rolcreaterole", "rolcreatedb",
                                       "rolcanlogin", "rolreplication", "rolbypassrls"}) {
    out.set(power, true);
  }
  return out.take();
}
constexpr char kRoles[] = "pg_roles", kAuthid[] = "pg_authid";

template <const char* kTable>
Result<Rows> users(const SystemContext& context) {
  RowWriter out(kCatalog, kTable);
  out.row()
      .set("usename", context.user)
      .set("usesysid", kOwnerOid)
      .set("usecreatedb", true)
      .set("usesuper", true)
      .set("userepl", true)
      .set("usebypassrls", true);
  return out.take();
}
constexpr char kUser[] = "pg_user", kShadow[] = "pg_shadow";

// The kind of a setting, as its default shows it.
std::string_view kind_of(const SystemSetting& setting) {
  const std::string& value = setting.boot_value;
  if (value == "on" || value == "off") return "bool";
  const bool digits = !value.empty() && std::all_of(value.begin(), value.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
  return digits ? "integer" : "string";
}

Result<Rows> settings(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_settings");
  if (!context.settings) return out.take();
  for (const SystemSetting& setting : context.settings()) {
    out.row()
        .set("name", setting.name)
        .set("setting", setting.value)
        .set("category",
             setting.name.find('.') == std::string::npos ? "Quickwater" : "Customized Options")
        .set("short_desc", setting.description)
        .set("context", setting.fixed ? "internal" : "user")
        .set("vartype", kind_of(setting))
        .set("source", setting.value == setting.boot_value ? "default" : "session")
        .set("boot_val", setting.boot_value)
        .set("reset_val", setting.boot_value)
        .set("pending_restart", false);
  }
  return out.take();
}

Result<Rows> activity(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_stat_activity");
  if (!context.sessions) return out.take();
  for (const SystemSession& session : context.sessions()) {
    out.row()
        .set("datid", kDatabaseOid)
        .set("datname", session.database)
        .set("pid", session.pid)
        .set("usesysid", kOwnerOid)
        .set("usename", session.user)
        .set("application_name", session.application)
        .set("state", session.state)
        .set("query", session.query)
        .set("backend_type", "client backend");
  }
  return out.take();
}

Result<Rows> cursors(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_cursors");
  if (!context.cursors) return out.take();
  for (const SystemStatement& cursor : context.cursors()) {
    out.row()
        .set("name", cursor.name)
        .set("statement", cursor.statement)
        .set("is_holdable", cursor.holdable)
        .set("is_binary", false)
        .set("is_scrollable", cursor.scrollable);
  }
  return out.take();
}

Result<Rows> prepared_statements(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_prepared_statements");
  if (!context.prepared) return out.take();
  for (const SystemStatement& statement : context.prepared()) {
    std::string types;
    for (const Type& type : statement.parameters) {
      types += fmt::format("{}{}", types.empty() ? "" : ",", type.oid());
    }
    out.row()
        .set("name", statement.name)
        .set("statement", statement.statement)
        .set("parameter_types", "{" + types + "}")
        .set("from_sql", statement.from_sql)
        .set("generic_plans", 0)
        .set("custom_plans", 0);
  }
  return out.take();
}

}  // namespace

std::vector<RowMakers> server_row_makers() {
  return {{kCatalog, "pg_database", databases},
          {kCatalog, kRoles, roles<kRoles>},
          {kCatalog, kAuthid, roles<kAuthid>},
          {kCatalog, kUser, users<kUser>},
          {kCatalog, kShadow, users<kShadow>},
          {kCatalog, "pg_settings", settings},
          {kCatalog, "pg_stat_activity", activity},
          {kCatalog, "pg_cursors", cursors},
          {kCatalog, "pg_prepared_statements", prepared_statements}};
}

}  // namespace qw::sql
