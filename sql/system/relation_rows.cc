// Rows about schemas, relations, their columns, keys and what depends on what.
#include <string>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "sql/system/objects.h"
#include "sql/system/row_writer.h"
#include "sql/system/system_table.h"
#include "src/base/assert.h"

namespace qw::sql {
namespace {

using Rows = std::vector<SystemRow>;
constexpr std::string_view kCatalog = "pg_catalog";

// What pg_attribute repeats of pg_type.
struct TypeFacts {
  bool by_value = false;
  char align = 'i', storage = 'p';
  uint32_t collation = 0;
};

const std::unordered_map<uint32_t, TypeFacts>& type_facts() {
  static const std::unordered_map<uint32_t, TypeFacts> facts = [] {
    std::unordered_map<uint32_t, TypeFacts> out;
    const Relation& types = *system_relation(kCatalog, "pg_type");
    const auto at = [&](std::string_view name) {
      size_t i = 0;
      while (types.columns[i].name != name) ++i;
      return i;
    };
    const size_t by_value = at("typbyval"), align = at("typalign"), storage = at("typstorage"),
                 collation = at("typcollation");
    for (const SystemRow& row : fixed_rows(types)) {
      out[row[0].get<uint32_t>()] = {row[by_value].get<bool>(), row[align].get<char>(),
                                     row[storage].get<char>(), row[collation].get<uint32_t>()};
    }
    return out;
  }();
  return facts;
}

Result<Rows> namespaces(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_namespace");
  for (const std::string& name : namespace_names(*context.catalog)) {
    out.row()
        .set("oid", namespace_oid(*context.catalog, name))
        .set("nspname", name)
        .set("nspowner", kOwnerOid);
  }
  return out.take();
}

// ---- pg_class -------------------------------------------------------------------------------

void class_row(RowWriter& out, const Relation& relation, uint32_t schema, bool indexed,
               int64_t rows) {
  const char kind = relkind_of(relation);
  out.row()
      .set("oid", relation.id)
      .set("relname", relation.name)
      .set("relnamespace", schema)
      .set("relowner", kOwnerOid)
      .set("relam", kind == 'v' ? 0U : kHeap)
      .set("reltuples", rows)
      .set("relhasindex", indexed)
      .set("relpersistence", 'p')
      .set("relkind", kind)
      .set("relnatts", relation.columns.size())
      .set("relhasrules", kind == 'v' || kind == 'm')
      .set("relispopulated", relation.ready)
      .set("relreplident", relation.kind == RelationKind::system ? 'n' : 'd');
}

Rows fixed_classes() {
  RowWriter out(kCatalog, "pg_class");
  const Catalog none;
  for (const Relation* relation : system_relations()) {
    class_row(out, *relation, namespace_oid(none, relation->schema), false, -1);
  }
  return out.take();
}

Result<Rows> classes(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_class");
  const Catalog& catalog = *context.catalog;
  for (const auto& [id, relation] : catalog.relations) {
    const bool stored = relation->kind != RelationKind::view;
    const int64_t rows = stored && context.row_count ? context.row_count(id) : -1;
    class_row(out, *relation, namespace_oid(catalog, relation->schema),
              !indexes_of(catalog, *relation).empty(), rows);
  }
  for (const KeyIndex& index : all_indexes(catalog)) {
    out.row()
        .set("oid", index.oid)
        .set("relname", index.name)
        .set("relnamespace", namespace_oid(catalog, index.schema))
        .set("relowner", kOwnerOid)
        .set("relam", kBtree)
        .set("reltuples", context.row_count ? context.row_count(index.relation->id) : -1)
        .set("relpersistence", 'p')
        .set("relkind", 'i')
        .set("relnatts", index.columns.size())
        .set("relispopulated", true)
        .set("relreplident", 'n');
  }
  return out.take();
}

// ---- pg_attribute ---------------------------------------------------------------------------

void attribute_row(RowWriter& out, uint32_t relation, size_t number, const ColumnInfo& column,
                   bool not_null) {
  const auto facts = type_facts().find(column.type.oid());
  const TypeFacts known = facts == type_facts().end() ? TypeFacts() : facts->second;
  out.row()
      .set("attrelid", relation)
      .set("attname", column.name)
      .set("atttypid", column.type.oid())
      .set("attstattarget", -1)
      .set("attlen", column.type.typlen())
      .set("attnum", number)
      .set("attndims", column.type.is_array() ? 1 : 0)
      .set("attcacheoff", -1)
      .set("atttypmod", column.type.typmod)
      .set("attbyval", known.by_value)
      .set("attalign", known.align)
      .set("attstorage", known.storage)
      .set("attnotnull", not_null)
      .set("atthasdef", !column.default_sql.empty())
      .set("attislocal", true)
      .set("attcollation", known.collation);
}

Rows fixed_attributes() {
  RowWriter out(kCatalog, "pg_attribute");
  for (const Relation* relation : system_relations()) {
    for (size_t i = 0; i < relation->columns.size(); ++i) {
      const ColumnInfo& column = relation->columns[i];
      attribute_row(out, relation->id.value, i + 1, column, shown_not_null(*relation, column));
    }
  }
  return out.take();
}

Result<Rows> attributes(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_attribute");
  for (const auto& [id, relation] : context.catalog->relations) {
    for (size_t i = 0; i < relation->columns.size(); ++i) {
      const ColumnInfo& column = relation->columns[i];
      attribute_row(out, id.value, i + 1, column, shown_not_null(*relation, column));
    }
  }
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    for (size_t i = 0; i < index.columns.size(); ++i) {
      ColumnInfo column = index.relation->columns[index.columns[i]];
      column.default_sql.clear();
      attribute_row(out, index.oid, i + 1, column, false);
    }
  }
  return out.take();
}

Result<Rows> defaults(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_attrdef");
  for (const auto& [id, relation] : context.catalog->relations) {
    for (uint32_t i = 0; i < relation->columns.size(); ++i) {
      const std::string& text = relation->columns[i].default_sql;
      if (text.empty()) continue;
      out.row()
          .set("oid", default_oid(id, i + 1))
          .set("adrelid", id)
          .set("adnum", i + 1)
          .set("adbin", text);
    }
  }
  return out.take();
}

// ---- keys -----------------------------------------------------------------------------------

// The default btree operator class of a type, and the collation that an index over it has.
uint32_t operator_class(Type type) {
  static const std::unordered_map<uint32_t, uint32_t> classes = [] {
    std::unordered_map<uint32_t, uint32_t> out;
    const Relation& relation = *system_relation(kCatalog, "pg_opclass");
    const auto at = [&](std::string_view name) {
      size_t i = 0;
      while (relation.columns[i].name != name) ++i;
      return i;
    };
    const size_t method = at("opcmethod"), input = at("opcintype"), standard = at("opcdefault");
    for (const SystemRow& row : fixed_rows(relation)) {
      if (row[method].get<uint32_t>() != kBtree || !row[standard].get<bool>()) continue;
      out[row[input].get<uint32_t>()] = row[0].get<uint32_t>();
    }
    return out;
  }();
  const Type plain = type.id == TypeId::varchar ? Type(TypeId::text) : type;
  const auto found = classes.find(plain.is_array() ? Type(TypeId::anyarray).oid() : plain.oid());
  return found == classes.end() ? 0 : found->second;
}

template <typename Value>
std::string joined(size_t count, std::string_view separator, Value value) {
  std::string out;
  for (size_t i = 0; i < count; ++i) {
    if (i != 0) out += separator;
    out += fmt::format("{}", value(i));
  }
  return out;
}

Result<Rows> indexes(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_index");
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    const size_t count = index.columns.size();
    const auto type = [&](size_t i) { return index.relation->columns[index.columns[i]].type; };
    out.row()
        .set("indexrelid", index.oid)
        .set("indrelid", index.relation->id)
        .set("indnatts", count)
        .set("indnkeyatts", count)
        .set("indisunique", index.unique)
        .set("indisprimary", index.primary)
        .set("indimmediate", true)
        .set("indisvalid", true)
        .set("indisready", true)
        .set("indislive", true)
        .set("indkey", joined(count, " ", [&](size_t i) { return index.columns[i] + 1; }))
        .set("indcollation", joined(count, " ",
                                    [&](size_t i) {
                                      const auto facts = type_facts().find(type(i).oid());
                                      return facts == type_facts().end() ? 0
                                                                         : facts->second.collation;
                                    }))
        .set("indclass", joined(count, " ", [&](size_t i) { return operator_class(type(i)); }))
        .set("indoption", joined(count, " ", [&](size_t i) {
               return (index.orders[i].descending ? 1 : 0) | (index.orders[i].nulls_first ? 2 : 0);
             }));
  }
  return out.take();
}

Result<Rows> constraints(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_constraint");
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    if (index.constraint == 0) continue;
    out.row()
        .set("oid", index.constraint)
        .set("conname", index.name)
        .set("connamespace", namespace_oid(*context.catalog, index.schema))
        .set("contype", index.primary ? 'p' : 'u')
        .set("convalidated", true)
        .set("conrelid", index.relation->id)
        .set("conindid", index.oid)
        .set("confupdtype", ' ')
        .set("confdeltype", ' ')
        .set("confmatchtype", ' ')
        .set("conislocal", true)
        .set("connoinherit", true)
        .set("conkey", "{" + joined(index.columns.size(), ",", [&](size_t i) {
                         return index.columns[i] + 1;
                       }) + "}");
  }
  return out.take();
}

// ---- views and what they need ---------------------------------------------------------------

bool is_view(const Relation& relation) {
  return relation.kind == RelationKind::view || relation.kind == RelationKind::materialized_view;
}

Result<Rows> rules(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_rewrite");
  for (const auto& [id, relation] : context.catalog->relations) {
    if (!is_view(*relation)) continue;
    out.row()
        .set("oid", rule_oid(id))
        .set("rulename", "_RETURN")
        .set("ev_class", id)
        .set("ev_type", '1')
        .set("ev_enabled", 'O')
        .set("is_instead", true);
  }
  return out.take();
}

Result<Rows> dependencies(const SystemContext& context) {
  RowWriter out(kCatalog, "pg_depend");
  const auto add = [&](uint32_t object_class, uint32_t object, uint32_t other_class, uint32_t other,
                       uint32_t column, char kind) {
    out.row()
        .set("classid", object_class)
        .set("objid", object)
        .set("refclassid", other_class)
        .set("refobjid", other)
        .set("refobjsubid", column)
        .set("deptype", kind);
  };
  for (const auto& [id, relation] : context.catalog->relations) {
    add(kClassClass, id.value, kNamespaceClass, namespace_oid(*context.catalog, relation->schema),
        0, 'n');
    for (uint32_t i = 0; i < relation->columns.size(); ++i) {
      if (relation->columns[i].default_sql.empty()) continue;
      add(kAttrdefClass, default_oid(id, i + 1), kClassClass, id.value, i + 1, 'a');
    }
    if (!is_view(*relation)) continue;
    add(kRewriteClass, rule_oid(id), kClassClass, id.value, 0, 'i');
    for (const ObjectId other : relation->depends_on) {
      add(kRewriteClass, rule_oid(id), kClassClass, other.value, 0, 'n');
    }
  }
  for (const KeyIndex& index : all_indexes(*context.catalog)) {
    if (index.constraint == 0) {
      for (const uint32_t column : index.columns) {
        add(kClassClass, index.oid, kClassClass, index.relation->id.value, column + 1, 'a');
      }
      continue;
    }
    add(kClassClass, index.oid, kConstraintClass, index.constraint, 0, 'i');
    for (const uint32_t column : index.columns) {
      add(kConstraintClass, index.constraint, kClassClass, index.relation->id.value, column + 1,
          'a');
    }
  }
  return out.take();
}

}  // namespace

std::vector<RowMakers> relation_row_makers() {
  return {{kCatalog, "pg_namespace", namespaces},
          {kCatalog, "pg_class", classes, fixed_classes},
          {kCatalog, "pg_attribute", attributes, fixed_attributes},
          {kCatalog, "pg_attrdef", defaults},
          {kCatalog, "pg_index", indexes},
          {kCatalog, "pg_constraint", constraints},
          {kCatalog, "pg_rewrite", rules},
          {kCatalog, "pg_depend", dependencies}};
}

}  // namespace qw::sql
