// SourceConfig from SQL: see source_config.h.
#include "src/engine/source_config.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ingest/options.h"
#include "sql/binder.h"
#include "sql/parser.h"

namespace qw::engine {
namespace {

namespace ast = sql::ast;
using NamedKind = sql::NamedObject::Kind;

// A connection or secret by the name that a statement gives it. Without a schema it is looked for
// beside the object that uses it, then in public; `used` has what was found at CREATE, so that
// later objects of the name change nothing.
Result<const sql::NamedObject*> find_named(const sql::Catalog& catalog, NamedKind kind,
                                           const std::string& schema, const std::string& beside,
                                           const std::string& name,
                                           const std::vector<ObjectId>& used) {
  for (const ObjectId id : used) {
    const auto known = catalog.objects.find(id);
    if (known == catalog.objects.end()) continue;
    const sql::NamedObject& object = known->second;
    if (object.kind != kind || object.name != name) continue;
    if (schema.empty() || object.schema == schema) return &object;
  }
  const sql::NamedObject* found = catalog.find_object(kind, schema.empty() ? beside : schema, name);
  if (found == nullptr && schema.empty()) found = catalog.find_object(kind, "public", name);
  if (found == nullptr) {
    const std::string_view what = kind == NamedKind::secret ? "secret" : "connection";
    const std::string full = schema.empty() ? name : schema + "." + name;
    return fail(
        undefined_object(fmt::format("{} \"{}\" does not exist", what, full))
            .with_hint(fmt::format("Create it first: CREATE {} {} ...",
                                   kind == NamedKind::secret ? "SECRET" : "CONNECTION", full)));
  }
  return found;
}

// Options as text, secrets resolved; every secret value goes into `secrets`.
Result<ingest::Options> options_of(const std::vector<ast::Option>& options,
                                   const sql::Catalog& catalog, const storage::Catalog& stored,
                                   const std::string& schema, const std::vector<ObjectId>& used,
                                   std::set<std::string>* secrets) {
  ingest::Options out;
  for (const ast::Option& option : options) {
    std::string value = option.text;
    if (option.type == ast::Option::Type::list) {
      value.clear();
      for (const std::string& item : option.list) {
        if (!value.empty()) value += ", ";
        value += item;
      }
    } else if (option.type == ast::Option::Type::none) {
      value = "true";
    } else if (option.type == ast::Option::Type::secret) {
      QW_ASSIGN_OR_RETURN(
          const sql::NamedObject* secret,
          find_named(catalog, NamedKind::secret, option.text_schema, schema, option.text, used));
      QW_ASSIGN_OR_RETURN(const auto found, stored.secret(secret->id));
      if (!found) {
        return fail(
            undefined_object(fmt::format("the value of secret \"{}\" is missing", option.text)));
      }
      value = *found;
      secrets->insert(value);
    }
    if (!out.emplace(option.name, value).second) {
      return fail(syntax_error(fmt::format("option \"{}\" specified more than once", option.name)));
    }
  }
  return out;
}

Result<ingest::Format> format_of(const ast::CreateSource::Format& format) {
  if (format.name.empty()) return ingest::Format::none;
  if (format.name == "json") return ingest::Format::json;
  if (format.name == "text") return ingest::Format::text;
  if (format.name == "bytes") return ingest::Format::bytes;
  if (format.name == "csv") return ingest::Format::csv;
  return fail(feature_not_supported(fmt::format("FORMAT {} is not supported", format.name))
                  .with_hint("Formats are JSON, TEXT, BYTES and CSV."));
}

Result<ingest::IncludeKind> include_of(const std::string& what) {
  if (what == "key") return ingest::IncludeKind::key;
  if (what == "partition") return ingest::IncludeKind::partition;
  if (what == "offset") return ingest::IncludeKind::offset;
  if (what == "timestamp") return ingest::IncludeKind::timestamp;
  if (what == "headers") return ingest::IncludeKind::headers;
  if (what == "proctime") return ingest::IncludeKind::proctime;
  return fail(syntax_error(fmt::format("unknown INCLUDE column \"{}\"", what)));
}

// Clauses that the source's kind does not have are errors, never passed over.
Result<void> check_clauses(const ast::CreateSource& statement) {
  const bool kafka = statement.type == "kafka";
  const auto refuse = [&](bool given, std::string_view clause) -> Result<void> {
    if (!given) return {};
    return fail(syntax_error(fmt::format("{} is not for sources FROM {}", clause,
                                         kafka                          ? "KAFKA"
                                         : statement.type == "postgres" ? "POSTGRES"
                                                                        : "LOAD GENERATOR")));
  };
  if (!statement.watermarks.empty()) {
    return fail(feature_not_supported("WATERMARK is not supported yet"));
  }
  if (!statement.key_format.options.empty() || !statement.format.options.empty()) {
    return fail(syntax_error("FORMAT takes no options here")
                    .with_hint("Options of a format stand beside TOPIC: CSV DELIMITER ';'."));
  }
  if (kafka) return refuse(statement.all_tables || !statement.tables.empty(), "FOR TABLES");
  QW_TRY(refuse(statement.has_columns, "a column list"));
  QW_TRY(refuse(!statement.format.name.empty() || !statement.key_format.name.empty(), "FORMAT"));
  const bool generator = statement.type == "load_generator";
  for (const auto& include : statement.include) {
    QW_TRY(refuse(!generator || include.what != "proctime", "INCLUDE"));
  }
  QW_TRY(refuse(statement.envelope != ast::CreateSource::Envelope::unspecified, "ENVELOPE"));
  return refuse(generator && !statement.tables.empty(), "FOR TABLES (...)");
}

Result<void> add_columns(const ast::CreateSource& statement, ingest::SourceConfig& config) {
  const auto index_of = [&](const std::string& name) -> Result<uint32_t> {
    for (uint32_t i = 0; i < config.columns.size(); ++i) {
      if (config.columns[i].name == name) return i;
    }
    return fail(undefined_column(fmt::format("column \"{}\" named in key does not exist", name)));
  };
  for (const ast::ColumnDef& definition : statement.columns) {
    QW_ASSIGN_OR_RETURN(const Type type, sql::bind_type_name(sql::to_sql(definition.type)));
    Column column{definition.name, type, true};
    for (const Column& other : config.columns) {
      if (other.name == column.name) {
        return fail(
            duplicate_column(fmt::format("column \"{}\" specified more than once", column.name)));
      }
    }
    for (const ast::Constraint& constraint : definition.constraints) {
      switch (constraint.type) {
        case ast::Constraint::Type::primary_key:
          config.primary_key.push_back(static_cast<uint32_t>(config.columns.size()));
          column.nullable = false;
          break;
        case ast::Constraint::Type::not_null:
          column.nullable = false;
          break;
        case ast::Constraint::Type::null:
          break;
        case ast::Constraint::Type::default_value:
        case ast::Constraint::Type::unique:
        case ast::Constraint::Type::check:
        case ast::Constraint::Type::foreign_key:
        case ast::Constraint::Type::generated:
        case ast::Constraint::Type::identity:
        case ast::Constraint::Type::exclude:
          return fail(feature_not_supported(
              "columns of a source take NULL, NOT NULL and PRIMARY KEY only"));
      }
    }
    config.columns.push_back(std::move(column));
  }
  for (const ast::Constraint& constraint : statement.constraints) {
    if (constraint.type != ast::Constraint::Type::primary_key) {
      return fail(feature_not_supported("a source takes no table constraint but PRIMARY KEY"));
    }
    for (const std::string& name : constraint.columns) {
      QW_ASSIGN_OR_RETURN(const uint32_t column, index_of(name));
      config.primary_key.push_back(column);
      config.columns[column].nullable = false;
    }
  }
  return {};
}

Result<void> add_kafka(const ast::CreateSource& statement, ingest::SourceConfig& config) {
  config.kind = ingest::SourceKind::kafka;
  QW_TRY(add_columns(statement, config));
  QW_ASSIGN_OR_RETURN(config.key_format, format_of(statement.key_format));
  QW_ASSIGN_OR_RETURN(config.value_format, format_of(statement.format));
  if (config.value_format == ingest::Format::none) {
    return fail(syntax_error("a Kafka source needs a FORMAT").with_hint("Add FORMAT JSON."));
  }
  switch (statement.envelope) {
    case ast::CreateSource::Envelope::unspecified:
    case ast::CreateSource::Envelope::none:
      config.envelope = ingest::Envelope::none;
      break;
    case ast::CreateSource::Envelope::upsert:
      config.envelope = ingest::Envelope::upsert;
      break;
    case ast::CreateSource::Envelope::debezium:
      return fail(feature_not_supported("ENVELOPE DEBEZIUM is not supported yet"));
  }
  return {};
}

}  // namespace

Result<SourceParts> make_source_config(const ast::CreateSource& statement,
                                       const sql::Catalog& catalog, const storage::Catalog& stored,
                                       const std::string& schema,
                                       const std::vector<ObjectId>& used) {
  QW_TRY(check_clauses(statement));
  SourceParts parts;
  ingest::SourceConfig& config = parts.config;
  config.name = statement.name.name;
  std::set<std::string> secrets;
  QW_ASSIGN_OR_RETURN(config.options, options_of(statement.connection_options, catalog, stored,
                                                 schema, used, &secrets));
  QW_ASSIGN_OR_RETURN(const ingest::Options with,
                      options_of(statement.options, catalog, stored, schema, used, &secrets));
  for (const auto& [option, value] : with) {
    if (!config.options.emplace(option, value).second) {
      return fail(syntax_error(fmt::format("option \"{}\" specified more than once", option)));
    }
  }
  for (const ast::CreateSource::Include& include : statement.include) {
    QW_ASSIGN_OR_RETURN(const ingest::IncludeKind kind, include_of(include.what));
    config.include.push_back({kind, include.alias});
  }
  if (statement.type == "load_generator") {
    if (statement.generator == "counter")
      config.kind = ingest::SourceKind::counter;
    else if (statement.generator == "auction")
      config.kind = ingest::SourceKind::auction;
    else if (statement.generator == "nexmark")
      config.kind = ingest::SourceKind::nexmark;
    else if (statement.generator == "key_value")
      config.kind = ingest::SourceKind::key_value;
    else {
      return fail(
          feature_not_supported(fmt::format("unknown load generator \"{}\"", statement.generator))
              .with_hint("There are COUNTER, AUCTION, NEXMARK and KEY VALUE."));
    }
    return parts;
  }
  QW_ASSIGN_OR_RETURN(const sql::NamedObject* connection,
                      find_named(catalog, NamedKind::connection, statement.connection.schema,
                                 schema, statement.connection.name, used));
  if (connection->type != statement.type) {
    return fail(wrong_object_type(fmt::format("connection \"{}\" is to {}, not to {}",
                                              connection->name, connection->type, statement.type)));
  }
  parts.depends_on.push_back(connection->id);
  QW_ASSIGN_OR_RETURN(const auto parsed, sql::parse(connection->definition));
  QW_ASSIGN_OR_RETURN(
      const ingest::SourceConfig reached,
      make_connection_config(parsed.at(0).statement->as<ast::CreateConnection>(), catalog, stored,
                             connection->schema, connection->depends_on));
  config.connection = reached.connection;
  secrets.insert(reached.secrets.begin(), reached.secrets.end());
  config.secrets = std::move(secrets);
  if (statement.type == "kafka") {
    QW_TRY(add_kafka(statement, config));
    return parts;
  }
  config.kind = ingest::SourceKind::postgres;
  config.all_tables = statement.all_tables || statement.tables.empty();
  for (const ast::CreateSource::Table& table : statement.tables) {
    config.tables.push_back({table.upstream.schema, table.upstream.name, table.as.name});
  }
  return parts;
}

Result<ingest::SourceConfig> make_connection_config(const ast::CreateConnection& statement,
                                                    const sql::Catalog& catalog,
                                                    const storage::Catalog& stored,
                                                    const std::string& schema,
                                                    const std::vector<ObjectId>& used) {
  ingest::SourceConfig config;
  config.name = statement.name.name;
  config.kind =
      statement.type == "kafka" ? ingest::SourceKind::kafka : ingest::SourceKind::postgres;
  QW_ASSIGN_OR_RETURN(config.connection, options_of(statement.options, catalog, stored, schema,
                                                    used, &config.secrets));
  return config;
}

Result<std::vector<ObjectId>> connection_dependencies(const ast::CreateConnection& statement,
                                                      const sql::Catalog& catalog,
                                                      const std::string& schema) {
  if (statement.type != "kafka" && statement.type != "postgres") {
    return fail(
        feature_not_supported(fmt::format("connections to {} are not supported", statement.type))
            .with_hint("There are TO KAFKA and TO POSTGRES."));
  }
  std::vector<ObjectId> secrets;
  for (const ast::Option& option : statement.options) {
    const bool sensitive =
        option.name.find("password") != std::string::npos || option.name == "ssl_key";
    if (option.type == ast::Option::Type::secret) {
      QW_ASSIGN_OR_RETURN(
          const sql::NamedObject* secret,
          find_named(catalog, NamedKind::secret, option.text_schema, schema, option.text, {}));
      secrets.push_back(secret->id);
    } else if (sensitive) {
      const std::string name = ingest::sql_option(option.name);
      return fail(invalid_parameter_value(fmt::format("option {} must name a secret", name))
                      .with_hint(fmt::format(
                          "CREATE SECRET name AS '...', then write {} SECRET name.", name)));
    }
  }
  return secrets;
}

}  // namespace qw::engine
