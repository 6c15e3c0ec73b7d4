// information_schema: the SQL standard's way to ask for the same things. As in PostgreSQL,
// materialized views are not part of it.
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sql/system/objects.h"
#include "sql/system/row_writer.h"
#include "sql/system/system_table.h"

namespace qw::sql {
namespace {

using Rows = std::vector<SystemRow>;
constexpr std::string_view kSchema = "information_schema";

std::vector<const Relation*> listed(const Catalog& catalog) {
  std::vector<const Relation*> out;
  for (const Relation* relation : relations_of(catalog, Reach::all)) {
    if (relkind_of(*relation) != 'm') out.push_back(relation);
  }
  return out;
}

// Whether INSERT, UPDATE and DELETE work on it.
bool is_writable(const Relation& relation) { return relation.kind == RelationKind::table; }

Result<Rows> catalog_name(const SystemContext& context) {
  RowWriter out(kSchema, "information_schema_catalog_name");
  out.row().set("catalog_name", context.database);
  return out.take();
}

Result<Rows> schemata(const SystemContext& context) {
  RowWriter out(kSchema, "schemata");
  for (const std::string& name : namespace_names(*context.catalog)) {
    out.row()
        .set("catalog_name", context.database)
        .set("schema_name", name)
        .set("schema_owner", context.user);
  }
  return out.take();
}

Result<Rows> tables(const SystemContext& context) {
  RowWriter out(kSchema, "tables");
  for (const Relation* relation : listed(*context.catalog)) {
    out.row()
        .set("table_catalog", context.database)
        .set("table_schema", relation->schema)
        .set("table_name", relation->name)
        .set("table_type", relkind_of(*relation) == 'v' ? "VIEW" : "BASE TABLE")
        .set("is_insertable_into", is_writable(*relation))
        .set("is_typed", false);
  }
  return out.take();
}

// ---- columns --------------------------------------------------------------------------------

struct NumberShape {
  int32_t precision, radix;
  std::optional<int32_t> scale;
};
std::optional<NumberShape> number_shape(Type type) {
  switch (type.id) {
    case TypeId::int2:
      return NumberShape{16, 2, 0};
    case TypeId::int4:
      return NumberShape{32, 2, 0};
    case TypeId::int8:
      return NumberShape{64, 2, 0};
    case TypeId::float4:
      return NumberShape{24, 2, std::nullopt};
    case TypeId::float8:
      return NumberShape{53, 2, std::nullopt};
    case TypeId::numeric:
      if (type.typmod < 0) return std::nullopt;
      return NumberShape{numeric_precision(type.typmod), 10, numeric_scale(type.typmod)};
    default:  // NOLINT: the others are no numbers
      return std::nullopt;
  }
}

void set_type(RowWriter& out, Type type) {
  out.set("data_type", type.is_array() ? "ARRAY" : type.without_typmod().sql_name());
  if (const auto number = number_shape(type)) {
    out.set("numeric_precision", number->precision).set("numeric_precision_radix", number->radix);
    if (number->scale) out.set("numeric_scale", *number->scale);
  } else if (type.id == TypeId::numeric) {
    out.set("numeric_precision_radix", 10);
  }
  if (type.id == TypeId::text) out.set("character_octet_length", 1 << 30);
  if (type.id == TypeId::varchar || type.id == TypeId::bpchar) {
    if (type.typmod < 0) {
      out.set("character_octet_length", 1 << 30);
    } else {
      out.set("character_maximum_length", typmod_length(type.typmod))
          .set("character_octet_length", 4 * typmod_length(type.typmod));
    }
  }
  if (type.id == TypeId::date) out.set("datetime_precision", 0);
  if (type.id == TypeId::time || type.id == TypeId::timetz || type.id == TypeId::timestamp ||
      type.id == TypeId::timestamptz) {
    out.set("datetime_precision", type.typmod < 0 ? 6 : type.typmod);
  }
  if (type.id == TypeId::interval) out.set("datetime_precision", 6);
}

Result<Rows> columns(const SystemContext& context) {
  RowWriter out(kSchema, "columns");
  for (const Relation* relation : listed(*context.catalog)) {
    for (size_t i = 0; i < relation->columns.size(); ++i) {
      const ColumnInfo& column = relation->columns[i];
      out.row()
          .set("table_catalog", context.database)
          .set("table_schema", relation->schema)
          .set("table_name", relation->name)
          .set("column_name", column.name)
          .set("ordinal_position", i + 1)
          .set("is_nullable", !shown_not_null(*relation, column))
          .set("udt_catalog", context.database)
          .set("udt_schema", "pg_catalog")
          .set("udt_name", column.type.type_name())
          .set("dtd_identifier", fmt::format("{}", i + 1))
          .set("is_self_referencing", false)
          .set("is_identity", false)
          .set("identity_cycle", false)
          .set("is_generated", "NEVER")
          .set("is_updatable", is_writable(*relation));
      if (!column.default_sql.empty()) out.set("column_default", column.default_sql);
      set_type(out, column.type);
    }
  }
  return out.take();
}

// ---- views ----------------------------------------------------------------------------------

Result<Rows> views(const SystemContext& context) {
  RowWriter out(kSchema, "views");
  for (const Relation* relation : listed(*context.catalog)) {
    if (relkind_of(*relation) != 'v') continue;
    out.row()
        .set("table_catalog", context.database)
        .set("table_schema", relation->schema)
        .set("table_name", relation->name)
        .set("view_definition", view_definition(*relation))
        .set("check_option", "NONE");
    for (const std::string_view can : {"is_updatable", "is_insertable_into", "is_trigger_updatable",
                                       "is_trigger_deletable", "is_trigger_insertable_into"}) {
      out.set(can, false);
    }
  }
  return out.take();
}

Result<Rows> view_table_usage(const SystemContext& context) {
  RowWriter out(kSchema, "view_table_usage");
  for (const Relation* relation : relations_of(*context.catalog, Reach::user)) {
    if (relkind_of(*relation) != 'v') continue;
    for (const ObjectId id : relation->depends_on) {
      const Relation* used = context.catalog->find(id);
      if (used == nullptr) continue;
      out.row()
          .set("view_catalog", context.database)
          .set("view_schema", relation->schema)
          .set("view_name", relation->name)
          .set("table_catalog", context.database)
          .set("table_schema", used->schema)
          .set("table_name", used->name);
    }
  }
  return out.take();
}

// ---- constraints ----------------------------------------------------------------------------

void set_names(RowWriter& out, const SystemContext& context, const Relation& relation,
               const std::string& constraint) {
  out.set("constraint_catalog", context.database)
      .set("constraint_schema", relation.schema)
      .set("constraint_name", constraint)
      .set("table_catalog", context.database)
      .set("table_schema", relation.schema)
      .set("table_name", relation.name);
}

// PostgreSQL lists NOT NULL as a check constraint with a made-up name.
std::string not_null_name(const Catalog& catalog, const Relation& relation, size_t column) {
  return fmt::format("{}_{}_{}_not_null", namespace_oid(catalog, relation.schema),
                     relation.id.value, column + 1);
}

Result<Rows> table_constraints(const SystemContext& context) {
  RowWriter out(kSchema, "table_constraints");
  const auto add = [&](const Relation& relation, const std::string& name, std::string_view type) {
    out.row()
        .set("constraint_type", type)
        .set("is_deferrable", false)
        .set("initially_deferred", false)
        .set("enforced", true);
    set_names(out, context, relation, name);
    if (type == "UNIQUE") out.set("nulls_distinct", true);
  };
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    if (index.constraint == 0) continue;
    add(*index.relation, index.name, index.primary ? "PRIMARY KEY" : "UNIQUE");
  }
  for (const Relation* relation : listed(*context.catalog)) {
    if (relkind_of(*relation) != 'r') continue;
    for (size_t i = 0; i < relation->columns.size(); ++i) {
      if (!relation->columns[i].not_null) continue;
      add(*relation, not_null_name(*context.catalog, *relation, i), "CHECK");
    }
  }
  return out.take();
}

Result<Rows> check_constraints(const SystemContext& context) {
  RowWriter out(kSchema, "check_constraints");
  for (const Relation* relation : listed(*context.catalog)) {
    if (relkind_of(*relation) != 'r') continue;
    for (size_t i = 0; i < relation->columns.size(); ++i) {
      if (!relation->columns[i].not_null) continue;
      out.row()
          .set("constraint_catalog", context.database)
          .set("constraint_schema", relation->schema)
          .set("constraint_name", not_null_name(*context.catalog, *relation, i))
          .set("check_clause", relation->columns[i].name + " IS NOT NULL");
    }
  }
  return out.take();
}

Result<Rows> key_column_usage(const SystemContext& context) {
  RowWriter out(kSchema, "key_column_usage");
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    if (index.constraint == 0) continue;
    for (size_t i = 0; i < index.columns.size(); ++i) {
      out.row()
          .set("column_name", index.relation->columns[index.columns[i]].name)
          .set("ordinal_position", i + 1);
      set_names(out, context, *index.relation, index.name);
    }
  }
  return out.take();
}

Result<Rows> constraint_column_usage(const SystemContext& context) {
  RowWriter out(kSchema, "constraint_column_usage");
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    if (index.constraint == 0) continue;
    for (const uint32_t column : index.columns) {
      out.row().set("column_name", index.relation->columns[column].name);
      set_names(out, context, *index.relation, index.name);
    }
  }
  return out.take();
}

// ---- privileges: the one role owns all ------------------------------------------------------

template <const char* kTable>
Result<Rows> table_privileges(const SystemContext& context) {
  RowWriter out(kSchema, kTable);
  for (const Relation* relation : listed(*context.catalog)) {
    for (const std::string_view privilege :
         {"INSERT", "SELECT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}) {
      out.row()
          .set("grantor", context.user)
          .set("grantee", context.user)
          .set("table_catalog", context.database)
          .set("table_schema", relation->schema)
          .set("table_name", relation->name)
          .set("privilege_type", privilege)
          .set("is_grantable", true)
          .set("with_hierarchy", privilege == "SELECT");
    }
  }
  return out.take();
}
constexpr char kTablePrivileges[] = "table_privileges", kRoleTableGrants[] = "role_table_grants";

Result<Rows> enabled_roles(const SystemContext& context) {
  RowWriter out(kSchema, "enabled_roles");
  out.row().set("role_name", context.user);
  return out.take();
}

Result<Rows> character_sets(const SystemContext& context) {
  RowWriter out(kSchema, "character_sets");
  out.row()
      .set("character_set_name", "UTF8")
      .set("character_repertoire", "UCS")
      .set("form_of_use", "UTF8")
      .set("default_collate_catalog", context.database)
      .set("default_collate_schema", "pg_catalog")
      .set("default_collate_name", "C");
  return out.take();
}

}  // namespace

std::vector<RowMakers> information_schema_row_makers() {
  return {{kSchema, "information_schema_catalog_name", catalog_name},
          {kSchema, "schemata", schemata},
          {kSchema, "tables", tables},
          {kSchema, "columns", columns},
          {kSchema, "views", views},
          {kSchema, "view_table_usage", view_table_usage},
          {kSchema, "table_constraints", table_constraints},
          {kSchema, "check_constraints", check_constraints},
          {kSchema, "key_column_usage", key_column_usage},
          {kSchema, "constraint_column_usage", constraint_column_usage},
          {kSchema, kTablePrivileges, table_privileges<kTablePrivileges>},
          {kSchema, kRoleTableGrants, table_privileges<kRoleTableGrants>},
          {kSchema, "enabled_roles", enabled_roles},
          {kSchema, "character_sets", character_sets}};
}

}  // namespace qw::sql
