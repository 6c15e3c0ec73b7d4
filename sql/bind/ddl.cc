// CREATE TABLE, VIEW, MATERIALIZED VIEW and INDEX. See statement.h.
#include <algorithm>

#include <fmt/format.h>

#include "sql/bind/statement.h"
#include "sql/parser.h"
#include "sql/plan/build.h"
#include "sql/plan/walk.h"

namespace qw::sql {

namespace {

// Whether a relation, index or source has that name.
bool name_taken(const BindState& state, std::string_view schema, std::string_view name) {
  const Catalog& catalog = state.context.catalog;
  if (catalog.find(schema, name) != nullptr) return true;
  for (const auto& [id, index] : catalog.indexes) {
    if (index.schema == schema && index.name == name) return true;
  }
  return catalog.find_object(NamedObject::Kind::source, schema, name) != nullptr;
}

Error already_exists(std::string_view name) {
  return duplicate_table(fmt::format("relation \"{}\" already exists", name));
}

// PostgreSQL's makeObjectName: parts are shortened so that the whole fits a name.
std::string object_name(std::string first, std::string second, std::string_view label) {
  const size_t overhead = label.size() + 1 + (second.empty() ? 0 : 1);
  while (first.size() + second.size() + overhead > limits::kNameBytesMax) {
    std::string& longer = first.size() > second.size() ? first : second;
    longer.pop_back();
  }
  std::string name = first;
  if (!second.empty()) name += "_" + second;
  return name + "_" + std::string(label);
}

std::string free_name(const BindState& state, std::string_view schema, const std::string& first,
                      const std::string& second, std::string_view label,
                      const std::vector<BoundKey>& keys) {
  for (int attempt = 0;; ++attempt) {
    const std::string suffix =
        attempt == 0 ? std::string(label) : fmt::format("{}{}", label, attempt);
    std::string name = object_name(first, second, suffix);
    const bool used = std::any_of(keys.begin(), keys.end(),
                                  [&](const BoundKey& key) { return key.name == name; });
    if (!used && !name_taken(state, schema, name)) return name;
  }
}

Result<void> check_key_type(const BindState& state, const ColumnInfo& column, int32_t location) {
  if (state.registry.less(column.type.without_typmod()) != nullptr) return {};
  return state.fail_at(
      undefined_object(fmt::format("data type {} has no default operator class for access method "
                                   "\"btree\"",
                                   column.type.without_typmod().sql_name()))
          .with_hint(
              "You must specify an operator class for the index or define a default operator "
              "class for the data type."),
      location);
}

Result<void> check_columns(const BindState& state, const std::vector<ColumnInfo>& columns) {
  if (columns.size() > limits::kColumnsMax) {
    return fail(
        too_many_columns(fmt::format("tables can have at most {} columns", limits::kColumnsMax)));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (columns[i].name != columns[j].name) continue;
      return fail(
          duplicate_column(fmt::format("column \"{}\" specified more than once", columns[i].name)));
    }
    const TypeId id = columns[i].type.id;
    if (id == TypeId::record || id == TypeId::void_ || id == TypeId::unknown) {
      return fail(invalid_table_definition(fmt::format(
          "column \"{}\" has pseudo-type {}", columns[i].name, columns[i].type.sql_name())));
    }
  }
  (void)state;
  return {};
}

class TableBinder {
 public:
  TableBinder(BindState& state, BoundCreateTable& out) : state_(state), out_(out) {}

  Result<void> columns(const std::vector<ast::ColumnDef>& defs) {
    for (const ast::ColumnDef& def : defs) QW_TRY(column(def));
    return check_columns(state_, out_.columns);
  }

  Result<void> constraints(const std::vector<ast::ColumnDef>& defs,
                           const std::vector<ast::Constraint>& table) {
    for (const ast::ColumnDef& def : defs) {
      for (const ast::Constraint& constraint : def.constraints) {
        QW_TRY(key(constraint, {def.name}));
      }
    }
    for (const ast::Constraint& constraint : table) {
      QW_TRY(unsupported(constraint));
      QW_TRY(key(constraint, constraint.columns));
    }
    // Names are made up once all given ones are known; the primary key comes first.
    for (BoundKey& bound : out_.keys) {
      if (!bound.name.empty()) continue;
      std::string second;
      if (!bound.primary) {
        for (uint32_t index : bound.columns) {
          second += (second.empty() ? "" : "_") + out_.columns[index].name;
        }
      }
      bound.name = free_name(state_, out_.schema, out_.name, second, bound.primary ? "pkey" : "key",
                             out_.keys);
    }
    std::stable_partition(out_.keys.begin(), out_.keys.end(),
                          [](const BoundKey& bound) { return bound.primary; });
    return {};
  }

  Result<void> watermarks(const std::vector<ast::Watermark>& watermarks) {
    if (watermarks.empty()) return {};
    if (watermarks.size() > 1) {
      return state_.fail_at(invalid_table_definition("multiple watermarks are not allowed"),
                            watermarks[1].location);
    }
    const ast::Watermark& watermark = watermarks[0];
    Scope scope;
    ScopeEntry entry;
    entry.name = out_.name;
    for (uint32_t i = 0; i < out_.columns.size(); ++i) {
      entry.columns.push_back({out_.columns[i].name, out_.columns[i].type, i});
      if (out_.columns[i].name == watermark.column) out_.watermark_column = i;
    }
    if (!out_.watermark_column) {
      return state_.fail_at(
          undefined_column(fmt::format("column \"{}\" does not exist", watermark.column)),
          watermark.location);
    }
    const ColumnInfo& column = out_.columns[*out_.watermark_column];
    if (column.type.id != TypeId::timestamp && column.type.id != TypeId::timestamptz) {
      return state_.fail_at(datatype_mismatch(fmt::format(
                                "watermark column \"{}\" must be a timestamp", column.name)),
                            watermark.location);
    }
    scope.entries.push_back(std::move(entry));
    ExpressionBinder binder(state_, &scope, nullptr, nullptr, ExprPlace::watermark);
    QW_ASSIGN_OR_RETURN(ExprPtr bound, binder.bind(*watermark.expr));
    if (!bound->type.same(column.type)) {
      return state_.fail_at(
          datatype_mismatch(fmt::format("the watermark of column \"{}\" must be of type {}",
                                        column.name, column.type.without_typmod().sql_name())),
          bound->location);
    }
    out_.watermark = std::move(bound);
    out_.watermark_sql = to_sql(*watermark.expr);
    return {};
  }

 private:
  Result<void> unsupported(const ast::Constraint& constraint) {
    std::string_view what;
    switch (constraint.type) {
      case ast::Constraint::Type::not_null:
      case ast::Constraint::Type::null:
      case ast::Constraint::Type::default_value:
      case ast::Constraint::Type::primary_key:
      case ast::Constraint::Type::unique:
        return {};
      case ast::Constraint::Type::check:
        what = "CHECK";
        break;
      case ast::Constraint::Type::foreign_key:
        what = "FOREIGN KEY";
        break;
      case ast::Constraint::Type::generated:
        what = "GENERATED";
        break;
      case ast::Constraint::Type::identity:
        what = "IDENTITY";
        break;
      case ast::Constraint::Type::exclude:
        what = "EXCLUDE";
        break;
    }
    return state_.fail_at(
        feature_not_supported(fmt::format("{} constraints are not supported", what)),
        constraint.location);
  }

  Result<void> column(const ast::ColumnDef& def) {
    const std::string& type_name = def.type.names.back();
    if (type_name == "serial" || type_name == "bigserial" || type_name == "smallserial" ||
        type_name == "serial4" || type_name == "serial8" || type_name == "serial2") {
      return state_.fail_at(
          feature_not_supported(fmt::format("type {} is not supported", type_name)),
          def.type.location);
    }
    ColumnInfo info;
    info.name = def.name;
    QW_ASSIGN_OR_RETURN(info.type, resolve_type(state_, def.type));
    bool nullable = false;
    const ast::Constraint* default_value = nullptr;
    for (const ast::Constraint& constraint : def.constraints) {
      QW_TRY(unsupported(constraint));
      if (constraint.type == ast::Constraint::Type::not_null) info.not_null = true;
      if (constraint.type == ast::Constraint::Type::null) nullable = true;
      if (constraint.type == ast::Constraint::Type::default_value) {
        if (default_value != nullptr) {
          return state_.fail_at(
              syntax_error(
                  fmt::format("multiple default values specified for column \"{}\" of table \"{}\"",
                              def.name, out_.name)),
              constraint.location);
        }
        default_value = &constraint;
      }
    }
    if (nullable && info.not_null) {
      return state_.fail_at(
          syntax_error(fmt::format(
              "conflicting NULL/NOT NULL declarations for column \"{}\" of table \"{}\"", def.name,
              out_.name)),
          def.location);
    }
    if (default_value != nullptr) {
      // Bound once for its errors; kept as text.
      ExpressionBinder binder(state_, nullptr, nullptr, nullptr, ExprPlace::default_value);
      QW_ASSIGN_OR_RETURN(ExprPtr value, binder.bind(*default_value->expr));
      if (!can_coerce(state_, value->type, info.type, CastContext::assignment)) {
        return state_.fail_at(
            datatype_mismatch(
                fmt::format("column \"{}\" is of type {} but default expression is of type {}",
                            info.name, info.type.without_typmod().sql_name(),
                            value->type.without_typmod().sql_name()))
                .with_hint("You will need to rewrite or cast the expression."),
            -1);
      }
      QW_TRY(assign(state_, std::move(value), info));
      info.default_sql = to_sql(*default_value->expr);
    }
    out_.columns.push_back(std::move(info));
    return {};
  }

  Result<void> key(const ast::Constraint& constraint, const std::vector<std::string>& names) {
    const bool primary = constraint.type == ast::Constraint::Type::primary_key;
    if (!primary && constraint.type != ast::Constraint::Type::unique) return {};
    if (constraint.nulls_not_distinct) {
      return state_.fail_at(feature_not_supported("NULLS NOT DISTINCT is not supported"),
                            constraint.location);
    }
    BoundKey bound;
    bound.primary = primary;
    bound.name = constraint.name;
    for (const std::string& name : names) {
      std::optional<uint32_t> found;
      for (uint32_t i = 0; i < out_.columns.size(); ++i) {
        if (out_.columns[i].name == name) found = i;
      }
      if (!found) {
        return state_.fail_at(
            undefined_column(fmt::format("column \"{}\" named in key does not exist", name)),
            constraint.location);
      }
      if (std::find(bound.columns.begin(), bound.columns.end(), *found) != bound.columns.end()) {
        return state_.fail_at(
            duplicate_column(fmt::format("column \"{}\" appears twice in {} constraint", name,
                                         primary ? "primary key" : "unique")),
            constraint.location);
      }
      QW_TRY(check_key_type(state_, out_.columns[*found], constraint.location));
      if (primary) out_.columns[*found].not_null = true;
      bound.columns.push_back(*found);
    }
    const bool second = primary && std::any_of(out_.keys.begin(), out_.keys.end(),
                                               [](const BoundKey& other) { return other.primary; });
    if (second) {
      return state_.fail_at(
          invalid_table_definition(
              fmt::format("multiple primary keys for table \"{}\" are not allowed", out_.name)),
          constraint.location);
    }
    out_.keys.push_back(std::move(bound));
    return {};
  }

  BindState& state_;
  BoundCreateTable& out_;
};

Result<void> set_name(BindState& state, BoundCreateTable& out, const ast::RelationName& name,
                      bool if_not_exists) {
  QW_ASSIGN_OR_RETURN(out.schema, creation_schema(state, name));
  out.name = name.name;
  out.if_not_exists = if_not_exists;
  out.exists = name_taken(state, out.schema, out.name);
  if (out.exists && !if_not_exists) return fail(already_exists(out.name));
  return {};
}

Result<std::vector<ColumnInfo>> query_columns(const BindState& state, const Schema& schema,
                                              const std::vector<std::string>& names,
                                              bool plain_view) {
  if (names.size() > schema.size()) {
    return fail(syntax_error(plain_view ? "CREATE VIEW specifies more column names than columns"
                                        : "too many column names were specified"));
  }
  std::vector<ColumnInfo> columns;
  for (size_t i = 0; i < schema.size(); ++i) {
    ColumnInfo info;
    info.name = i < names.size() ? names[i] : schema.columns[i].name;
    info.type = schema.columns[i].type;
    info.not_null = !schema.columns[i].nullable;
    columns.push_back(std::move(info));
  }
  QW_TRY(check_columns(state, columns));
  return columns;
}

// The query's text with every relation's schema spelled out.
Result<std::string> qualified_definition(const BindState& state, const ast::Select& query) {
  std::string text = to_sql(query);
  QW_ASSIGN_OR_RETURN(ast::SelectPtr again, parse_query(text));
  const BindContext& from = state.context;
  const BindContext context{from.catalog, from.search_path, from.user,   from.database,
                            {},           from.style,       from.now_us, text};
  BindState fresh(context);
  QW_TRY(bind_select(fresh, *again, {}));
  for (auto at = fresh.qualifications.rbegin(); at != fresh.qualifications.rend(); ++at) {
    text.insert(static_cast<size_t>(at->first), quote_identifier(at->second) + ".");
  }
  return text;
}

Result<void> fill_view(BindState& state, BoundCreateView& out, const ast::Select& query,
                       const std::vector<std::string>& names) {
  if (query.into != nullptr) {
    return fail(syntax_error("views must not contain SELECT INTO"));
  }
  QW_ASSIGN_OR_RETURN(out.plan, bind_select(state, query, {}));
  if (!state.parameters.empty()) {
    return fail(feature_not_supported(out.materialized
                                          ? "materialized views may not be defined using bound "
                                            "parameters"
                                          : "views may not be defined using bound parameters"));
  }
  QW_ASSIGN_OR_RETURN(out.columns,
                      query_columns(state, out.plan->schema, names, !out.materialized));
  for (size_t i = 0; i < out.columns.size(); ++i) {
    out.plan->schema.columns[i].name = out.columns[i].name;
  }
  out.depends_on.assign(state.depends_on.begin(), state.depends_on.end());
  QW_ASSIGN_OR_RETURN(out.definition, qualified_definition(state, query));
  return {};
}

}  // namespace

Result<BoundCreateTable> bind_create_table(BindState& state, const ast::CreateTable& create) {
  BoundCreateTable out;
  if (create.persistence == ast::Persistence::temporary) {
    return fail(feature_not_supported("temporary tables are not supported"));
  }
  QW_TRY(set_name(state, out, create.relation, create.if_not_exists));
  if (out.exists) return out;
  TableBinder binder(state, out);
  QW_TRY(binder.columns(create.columns));
  QW_TRY(binder.constraints(create.columns, create.constraints));
  QW_TRY(binder.watermarks(create.watermarks));
  return out;
}

Result<BoundStatement> bind_create_table_as(BindState& state, const ast::CreateTableAs& create) {
  const auto* query = create.query->try_as<ast::Select>();
  if (query == nullptr) {
    return fail(feature_not_supported("CREATE TABLE AS EXECUTE is not supported"));
  }
  if (create.persistence == ast::Persistence::temporary) {
    return fail(feature_not_supported("temporary tables are not supported"));
  }
  BoundStatement statement;
  if (create.materialized_view) {
    BoundCreateView view;
    view.materialized = true;
    view.if_not_exists = create.if_not_exists;
    view.with_data = create.with_data;
    view.emit_on_window_close = create.emit_on_window_close;
    QW_ASSIGN_OR_RETURN(view.schema, creation_schema(state, create.relation));
    view.name = create.relation.name;
    view.exists = name_taken(state, view.schema, view.name);
    if (view.exists && !view.if_not_exists) return fail(already_exists(view.name));
    if (!view.exists) QW_TRY(fill_view(state, view, *query, create.columns));
    statement.value = std::move(view);
    return statement;
  }
  BoundCreateTable table;
  QW_TRY(set_name(state, table, create.relation, create.if_not_exists));
  table.with_data = create.with_data;
  if (!table.exists) {
    QW_ASSIGN_OR_RETURN(table.rows, bind_select(state, *query, {}));
    QW_ASSIGN_OR_RETURN(table.parameters, take_parameters(state));
    settle_parameters(state, *table.rows);
    QW_ASSIGN_OR_RETURN(table.columns,
                        query_columns(state, table.rows->schema, create.columns, false));
    for (ColumnInfo& column : table.columns) column.not_null = false;
  }
  statement.value = std::move(table);
  return statement;
}

Result<BoundCreateView> bind_create_view(BindState& state, const ast::CreateView& create) {
  const auto* query = create.query->try_as<ast::Select>();
  if (query == nullptr) return fail(syntax_error("a view needs a query"));
  if (create.persistence == ast::Persistence::temporary) {
    return fail(feature_not_supported("temporary views are not supported"));
  }
  if (create.check_option) return fail(feature_not_supported("CHECK OPTION is not supported"));
  BoundCreateView out;
  out.or_replace = create.or_replace;
  QW_ASSIGN_OR_RETURN(out.schema, creation_schema(state, create.relation));
  out.name = create.relation.name;
  out.exists = name_taken(state, out.schema, out.name);
  if (out.exists && !out.or_replace) return fail(already_exists(out.name));
  if (out.exists) {
    const Relation* old = state.context.catalog.find(out.schema, out.name);
    if (old == nullptr || old->kind != RelationKind::view) {
      return fail(wrong_object_type(fmt::format("\"{}\" is not a view", out.name)));
    }
  }
  QW_TRY(fill_view(state, out, *query, create.columns));
  return out;
}

Result<BoundCreateIndex> bind_create_index(BindState& state, const ast::CreateIndex& create) {
  BoundCreateIndex out;
  ast::RelationName name = create.relation;
  name.location = -1;  // PostgreSQL says no position here
  QW_ASSIGN_OR_RETURN(out.table, find_relation(state, name));
  const Relation& table = *out.table;
  if (table.kind == RelationKind::view || table.kind == RelationKind::system) {
    return fail(wrong_object_type(fmt::format("cannot create index on relation \"{}\"", table.name))
                    .with_detail(table.kind == RelationKind::view
                                     ? "This operation is not supported for views."
                                     : "This operation is not supported for system catalogs."));
  }
  if (create.method != "btree" && create.method != "hash") {
    return fail(
        feature_not_supported(fmt::format("access method \"{}\" is not supported", create.method)));
  }
  if (create.where != nullptr) {
    return state.fail_at(feature_not_supported("partial indexes are not supported"),
                         create.where->location);
  }
  if (!create.include.empty()) {
    return fail(feature_not_supported("INCLUDE in an index is not supported"));
  }
  if (create.nulls_not_distinct) {
    return fail(feature_not_supported("NULLS NOT DISTINCT is not supported"));
  }
  out.schema = table.schema;
  out.unique = create.unique;
  out.if_not_exists = create.if_not_exists;
  if (!create.name.empty()) {
    out.name = create.name;
    out.exists = name_taken(state, out.schema, out.name);
    if (out.exists && !out.if_not_exists) return fail(already_exists(out.name));
    if (out.exists) return out;
  }
  std::string second;
  for (const ast::IndexElement& element : create.elements) {
    const auto* ref = element.expr->try_as<ast::ColumnRef>();
    if (ref == nullptr || ref->star || ref->names.size() != 1) {
      return state.fail_at(feature_not_supported("expressions in an index are not supported"),
                           element.expr->location);
    }
    std::optional<uint32_t> column;
    for (uint32_t i = 0; i < table.columns.size(); ++i) {
      if (table.columns[i].name == ref->names[0]) column = i;
    }
    if (!column) {
      return fail(undefined_column(fmt::format("column \"{}\" does not exist", ref->names[0])));
    }
    QW_TRY(check_key_type(state, table.columns[*column], -1));
    SortOrder order;
    order.descending = element.direction == ast::OrderItem::Direction::descending;
    order.nulls_first = element.nulls == ast::OrderItem::Nulls::unspecified
                            ? order.descending
                            : element.nulls == ast::OrderItem::Nulls::first;
    out.columns.push_back(*column);
    out.orders.push_back(order);
    second += (second.empty() ? "" : "_") + ref->names[0];
  }
  if (out.name.empty()) out.name = free_name(state, out.schema, table.name, second, "idx", {});
  return out;
}

}  // namespace qw::sql
