// See scope.h.
#include "sql/bind/scope.h"

#include <algorithm>

#include <fmt/format.h>

#include "sql/parser.h"
#include "sql/system_catalog.h"

namespace qw::sql {

namespace {

const ScopeColumn* find_in(const ScopeEntry& entry, std::string_view name, uint32_t& count) {
  const ScopeColumn* found = nullptr;
  for (const ScopeColumn& column : entry.columns) {
    if (column.name != name) continue;
    ++count;
    found = &column;
  }
  return found;
}

bool matches(const ScopeEntry& entry, std::string_view schema, std::string_view name) {
  if (entry.name.empty() || entry.name != name) return false;
  return schema.empty() || entry.schema == schema;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += text.empty() ? name : "." + name;
  return text;
}

uint32_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<uint32_t> row(b.size() + 1);
  for (uint32_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    uint32_t diagonal = row[0];
    row[0] = static_cast<uint32_t>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const uint32_t above = row[j];
      const uint32_t change = diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U);
      row[j] = std::min({change, above + 1, row[j - 1] + 1});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// PostgreSQL's hint for a column that does not exist: the nearest names within distance 3 and half
// of the length; with `table` another table's name counts as distance, too.
std::string misspelling_hint(const Scope* scope, std::string_view table, std::string_view column) {
  constexpr uint32_t kFuzzyDistanceMax = 3;
  uint32_t best = kFuzzyDistanceMax + 1;
  std::vector<std::string> found;
  for (const Scope* at = scope; at != nullptr; at = at->parent) {
    if (at->blocked) continue;
    for (const ScopeEntry& entry : at->entries) {
      if (entry.name.empty() || !entry.table_visible) continue;
      const uint32_t penalty = table.empty() ? 0 : edit_distance(table, entry.name);
      for (const ScopeColumn& candidate : entry.columns) {
        const uint32_t distance = edit_distance(column, candidate.name);
        if (distance > column.size() / 2) continue;
        const uint32_t total = distance + penalty;
        if (total > kFuzzyDistanceMax || total > best) continue;
        if (total < best) found.clear();
        best = total;
        found.push_back(entry.name + "." + candidate.name);
      }
    }
  }
  if (found.size() == 1) {
    return fmt::format("Perhaps you meant to reference the column \"{}\".", found[0]);
  }
  if (found.size() == 2) {
    return fmt::format("Perhaps you meant to reference the column \"{}\" or the column \"{}\".",
                       found[0], found[1]);
  }
  return "";
}

// An entry of that name that exists somewhere but cannot be used here.
const ScopeEntry* find_hidden(const Scope* scope, std::string_view schema, std::string_view name) {
  for (const Scope* at = scope; at != nullptr; at = at->parent) {
    for (const ScopeEntry& entry : at->entries) {
      if (matches(entry, schema, name)) return &entry;
    }
  }
  return nullptr;
}

Error table_error(const BindState& state, const Scope* scope, std::string_view schema,
                  std::string_view name, int32_t location) {
  if (find_hidden(scope, schema, name) != nullptr) {
    return state.at(
        undefined_table(
            fmt::format("invalid reference to FROM-clause entry for table \"{}\"", name))
            .with_hint(
                fmt::format("There is an entry for table \"{}\", but it cannot be referenced "
                            "from this part of the query.",
                            name)),
        location);
  }
  Error error = undefined_table(fmt::format("missing FROM-clause entry for table \"{}\"", name));
  for (const Scope* at = scope; at != nullptr; at = at->parent) {
    for (const ScopeEntry& entry : at->entries) {
      if (entry.relation == nullptr || entry.relation->name != name) continue;
      if (entry.name == name) continue;
      return state.at(
          undefined_table(
              fmt::format("invalid reference to FROM-clause entry for table \"{}\"", name))
              .with_hint(fmt::format("Perhaps you meant to reference the table alias \"{}\".",
                                     entry.name)),
          location);
    }
  }
  return state.at(std::move(error), location);
}

}  // namespace

const ScopeColumn* find_unqualified(const Scope& scope, std::string_view name, uint32_t& count) {
  const ScopeColumn* found = nullptr;
  for (const ScopeEntry& entry : scope.entries) {
    if (!entry.columns_visible) continue;
    if (const ScopeColumn* column = find_in(entry, name, count)) found = column;
  }
  return found;
}

Result<Resolved> resolve_table(const BindState& state, const Scope* scope,
                               const std::vector<std::string>& names, int32_t location) {
  const std::string& name = names.back();
  const std::string schema = names.size() > 1 ? names[names.size() - 2] : "";
  uint32_t depth = 0;
  for (const Scope* at = scope; at != nullptr; at = at->parent, ++depth) {
    if (at->blocked) continue;
    const ScopeEntry* found = nullptr;
    for (const ScopeEntry& entry : at->entries) {
      if (!entry.table_visible || !matches(entry, schema, name)) continue;
      if (found != nullptr) {
        return state.fail_at(
            ambiguous_alias(fmt::format("table reference \"{}\" is ambiguous", name)), location);
      }
      found = &entry;
    }
    if (found != nullptr) return Resolved{Resolved::Kind::whole_row, depth, nullptr, found};
  }
  return fail(table_error(state, scope, schema, name, location));
}

Result<Resolved> resolve_column(const BindState& state, const Scope* scope,
                                const std::vector<std::string>& names, int32_t location) {
  const std::string& name = names.back();
  if (names.size() > 1) {
    const std::vector<std::string> table(names.begin(), names.end() - 1);
    QW_ASSIGN_OR_RETURN(Resolved resolved, resolve_table(state, scope, table, location));
    uint32_t count = 0;
    const ScopeColumn* column = find_in(*resolved.entry, name, count);
    if (count > 1) {
      return state.fail_at(
          ambiguous_column(fmt::format("column reference \"{}\" is ambiguous", name)), location);
    }
    if (column == nullptr) {
      Error error = undefined_column(fmt::format("column {} does not exist", joined(names)));
      std::string hint = misspelling_hint(scope, table.back(), name);
      if (!hint.empty()) error = std::move(error).with_hint(std::move(hint));
      return state.fail_at(std::move(error), location);
    }
    return Resolved{Resolved::Kind::column, resolved.depth, column, resolved.entry};
  }
  uint32_t depth = 0;
  for (const Scope* at = scope; at != nullptr; at = at->parent, ++depth) {
    if (at->blocked) continue;
    uint32_t count = 0;
    const ScopeColumn* column = find_unqualified(*at, name, count);
    if (count > 1) {
      return state.fail_at(
          ambiguous_column(fmt::format("column reference \"{}\" is ambiguous", name)), location);
    }
    if (column != nullptr) return Resolved{Resolved::Kind::column, depth, column, nullptr};
  }
  depth = 0;
  for (const Scope* at = scope; at != nullptr; at = at->parent, ++depth) {
    if (at->blocked) continue;
    for (const ScopeEntry& entry : at->entries) {
      if (entry.table_visible && matches(entry, "", name)) {
        return Resolved{Resolved::Kind::whole_row, depth, nullptr, &entry};
      }
    }
  }
  Error error = undefined_column(fmt::format("column \"{}\" does not exist", name));
  // It may stand in a FROM item that this place cannot see.
  for (const Scope* at = scope; at != nullptr; at = at->parent) {
    if (!at->blocked) continue;
    for (const ScopeEntry& entry : at->entries) {
      uint32_t count = 0;
      if (entry.name.empty() || find_in(entry, name, count) == nullptr) continue;
      return state.fail_at(std::move(error).with_hint(fmt::format(
                               "There is a column named \"{}\" in table \"{}\", but it cannot be "
                               "referenced from this part of the query.",
                               name, entry.name)),
                           location);
    }
  }
  std::string hint = misspelling_hint(scope, "", name);
  if (!hint.empty()) error = std::move(error).with_hint(std::move(hint));
  return state.fail_at(std::move(error), location);
}

const Relation* lookup_relation(const BindState& state, std::string_view schema,
                                std::string_view name) {
  const Catalog& catalog = state.context.catalog;
  if (!schema.empty()) return catalog.find(schema, name);
  const auto& path = state.context.search_path;
  const bool catalog_listed = std::find(path.begin(), path.end(), "pg_catalog") != path.end();
  if (!catalog_listed) {
    if (const Relation* relation = catalog.find("pg_catalog", name)) return relation;
  }
  for (const std::string& entry : path) {
    if (const Relation* relation = catalog.find(entry, name)) return relation;
  }
  return nullptr;
}

Result<const Relation*> find_relation(BindState& state, const ast::RelationName& name) {
  if (!name.catalog.empty() && name.catalog != state.context.database) {
    return state.fail_at(feature_not_supported(fmt::format(
                             "cross-database references are not implemented: \"{}.{}.{}\"",
                             name.catalog, name.schema, name.name)),
                         name.location);
  }
  const Relation* relation = lookup_relation(state, name.schema, name.name);
  if (relation == nullptr) {
    const std::string full = name.schema.empty() ? name.name : name.schema + "." + name.name;
    return state.fail_at(undefined_table(fmt::format("relation \"{}\" does not exist", full)),
                         name.location);
  }
  if (!relation->ready) {
    return state.fail_at(object_not_in_prerequisite_state(
                             fmt::format("relation \"{}\" is still being created", relation->name)),
                         name.location);
  }
  if (relation->id.value >= 16384 && state.foreign_text == 0) state.depends_on.insert(relation->id);
  if (name.schema.empty() && name.location >= 0 && state.foreign_text == 0) {
    state.qualifications.emplace(name.location, relation->schema);
  }
  return relation;
}

Result<std::string> creation_schema(const BindState& state, const ast::RelationName& name) {
  if (!name.schema.empty()) {
    if (is_system_schema(name.schema)) {
      return state.fail_at(
          insufficient_privilege(fmt::format("permission denied for schema {}", name.schema))
              .with_detail("System schemas cannot be changed."),
          name.location);
    }
    if (!state.context.catalog.schema_exists(name.schema)) {
      return state.fail_at(
          invalid_schema_name(fmt::format("schema \"{}\" does not exist", name.schema)),
          name.location);
    }
    return name.schema;
  }
  for (const std::string& entry : state.context.search_path) {
    if (!is_system_schema(entry) && state.context.catalog.schema_exists(entry)) return entry;
  }
  return state.fail_at(invalid_schema_name("no schema has been selected to create in"),
                       name.location);
}

}  // namespace qw::sql
