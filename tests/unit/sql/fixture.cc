// See fixture.h.
#include "tests/unit/sql/fixture.h"

#include <cstdlib>
#include <fstream>

#include <fmt/format.h>

#include "sql/explain.h"
#include "sql/parser.h"

namespace qw::sql {

Fixture::Fixture() { catalog.schemas.emplace("public", SchemaInfo{{2200}, "public"}); }

BindContext Fixture::context(std::string_view text) const {
  return {catalog, search_path_, "tester", "quickwater", {}, style_, 0, text};
}

Relation& Fixture::table(std::string_view name) {
  const Relation* found = catalog.find("public", name);
  auto copy = std::make_shared<Relation>(*found);
  Relation& out = *copy;
  catalog.relations[found->id] = std::move(copy);
  return out;
}

void Fixture::add_table(BoundCreateTable table) {
  auto relation = std::make_shared<Relation>();
  relation->id = {next_id_++};
  relation->schema = table.schema;
  relation->name = table.name;
  relation->columns = table.columns;
  for (const BoundKey& key : table.keys) {
    relation->unique_keys.push_back(key.columns);
    if (!key.primary) continue;
    relation->primary_key = key.columns;
    relation->primary_key_name = key.name;
  }
  catalog.relations[relation->id] = std::move(relation);
}

Result<void> Fixture::define(std::string_view ddl) {
  QW_ASSIGN_OR_RETURN(std::vector<ParsedStatement> statements, parse(ddl));
  for (const ParsedStatement& parsed : statements) {
    QW_ASSIGN_OR_RETURN(BoundStatement bound, sql::bind(*parsed.statement, context(ddl)));
    if (auto* created = bound.as<BoundCreateTable>()) {
      add_table(std::move(*created));
    } else if (auto* view = bound.as<BoundCreateView>()) {
      auto relation = std::make_shared<Relation>();
      relation->id = {next_id_++};
      relation->kind = view->materialized ? RelationKind::materialized_view : RelationKind::view;
      relation->schema = view->schema;
      relation->name = view->name;
      relation->columns = view->columns;
      relation->definition = view->definition;
      relation->depends_on = view->depends_on;
      catalog.relations[relation->id] = std::move(relation);
    } else if (auto* index = bound.as<BoundCreateIndex>()) {
      const ObjectId id{next_id_++};
      catalog.indexes[id] = {id,           index->table->id, index->schema,
                             index->name,  index->columns,   index->orders,
                             index->unique};
    }
  }
  return {};
}

Result<BoundStatement> Fixture::bind(std::string_view sql) const {
  QW_ASSIGN_OR_RETURN(std::vector<ParsedStatement> statements, parse(sql));
  return sql::bind(*statements.at(0).statement, context(sql));
}

namespace {

std::string error_text(const Error& error) {
  std::string out = fmt::format("! {} {}", error.code().view(), error.message());
  if (error.position() > 0) out += fmt::format(" @{}", error.position());
  if (!error.hint().empty()) out += "\n? " + error.hint();
  return out;
}

}  // namespace

std::string Fixture::describe(std::string_view sql) const {
  Result<BoundStatement> bound = bind(sql);
  if (!bound) return error_text(bound.error());
  const Schema* schema = nullptr;
  const std::vector<Type>* parameters = nullptr;
  if (const auto* query = bound->as<BoundQuery>()) {
    schema = &query->plan->schema;
    parameters = &query->parameters;
  } else if (const auto* insert = bound->as<BoundInsert>()) {
    schema = &insert->returning.schema;
    parameters = &insert->parameters;
  } else if (const auto* update = bound->as<BoundUpdate>()) {
    schema = &update->returning.schema;
    parameters = &update->parameters;
  } else if (const auto* remove = bound->as<BoundDelete>()) {
    schema = &remove->returning.schema;
    parameters = &remove->parameters;
  } else {
    return "not described";
  }
  std::string out;
  for (const Type& type : *parameters) out += (out.empty() ? "$ " : ", ") + type.sql_name();
  if (!out.empty()) out += "\n";
  out += "> ";
  for (size_t i = 0; i < schema->size(); ++i) {
    const Column& column = schema->columns[i];
    out += fmt::format("{}{} {}", i > 0 ? ", " : "", column.name, column.type.sql_name());
  }
  return out;
}

Result<PlanPtr> Fixture::plan(std::string_view sql, OptimizeFor target) const {
  QW_ASSIGN_OR_RETURN(BoundStatement bound, bind(sql));
  QW_ASSERT(bound.as<BoundQuery>() != nullptr);
  return optimize(std::move(bound.as<BoundQuery>()->plan), target, catalog);
}

std::string Fixture::explained(std::string_view sql, OptimizeFor target, bool properties) const {
  Result<PlanPtr> planned = plan(sql, target);
  if (!planned) return error_text(planned.error());
  ExplainOptions options;
  options.properties = properties;
  std::string out;
  for (const std::string& line : explain(**planned, options)) {
    out += (out.empty() ? "" : "\n") + line;
  }
  return out;
}

std::vector<Case> read_cases(const std::string& file) {
  const char* folder = std::getenv("QW_CASES");
  QW_ASSERT(folder != nullptr);
  std::ifstream in(std::string(folder) + "/" + file);
  std::vector<Case> cases;
  std::string line;
  bool inside = false;
  while (std::getline(in, line)) {
    if (line.empty()) {
      inside = false;
    } else if (!inside) {
      cases.push_back({line, ""});
      inside = true;
    } else {
      std::string& expected = cases.back().expected;
      expected += (expected.empty() ? "" : "\n") + line;
    }
  }
  return cases;
}

}  // namespace qw::sql
