// See converter.h: definitions. Tests: tests/unit/sql_parse/statement_test.cc.
#include <fmt/format.h>

#include <cctype>
#include <utility>

#include "sql/parse/converter.h"
#include "sql/parse/scanner.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

ObjectKind object_kind(std::string_view object_type) {
  static constexpr std::pair<std::string_view, ObjectKind> kKinds[] = {
      {"OBJECT_TABLE", ObjectKind::table},
      {"OBJECT_VIEW", ObjectKind::view},
      {"OBJECT_MATVIEW", ObjectKind::materialized_view},
      {"OBJECT_INDEX", ObjectKind::index},
      {"OBJECT_SCHEMA", ObjectKind::schema},
      {"OBJECT_SEQUENCE", ObjectKind::sequence},
      {"OBJECT_TYPE", ObjectKind::type},
      {"OBJECT_DOMAIN", ObjectKind::domain},
      {"OBJECT_FUNCTION", ObjectKind::function},
      {"OBJECT_ROLE", ObjectKind::role},
      {"OBJECT_DATABASE", ObjectKind::database},
      {"OBJECT_COLUMN", ObjectKind::column},
      {"OBJECT_TABCONSTRAINT", ObjectKind::constraint},
  };
  for (const auto& [name, kind] : kKinds) {
    if (name == object_type) return kind;
  }
  return ObjectKind::other;
}

std::string object_name_of(std::string_view object_type) {
  static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"OBJECT_MATVIEW", "materialized view"},
      {"OBJECT_TABCONSTRAINT", "constraint"},
      {"OBJECT_DOMCONSTRAINT", "constraint"},
      {"OBJECT_TSCONFIGURATION", "text search configuration"},
      {"OBJECT_TSDICTIONARY", "text search dictionary"},
      {"OBJECT_TSPARSER", "text search parser"},
      {"OBJECT_TSTEMPLATE", "text search template"},
      {"OBJECT_OPCLASS", "operator class"},
      {"OBJECT_OPFAMILY", "operator family"},
      {"OBJECT_FDW", "foreign data wrapper"},
      {"OBJECT_FOREIGN_SERVER", "server"},
      {"OBJECT_STATISTIC_EXT", "statistics"},
      {"OBJECT_LARGEOBJECT", "large object"},
  };
  for (const auto& [type, name] : kNames) {
    if (type == object_type) return std::string(name);
  }
  std::string name = fold(object_type.substr(std::string_view("OBJECT_").size()));
  for (char& c : name) {
    if (c == '_') c = ' ';
  }
  return name;
}

// WITH options --------------------------------------------------------------------------------

Option Converter::option(Json body) {
  Option result;
  result.location = offset_;
  bool hidden = false;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "defnamespace") result.name_space = text_of(value);
    if (key == "defname") result.name = text_of(value);
    if (key == "location") result.location = location(value);
    if (key == "arg") {
      with_node(value, [&](std::string_view type, Json arg) { option_value(type, arg, result); });
      hidden = result.type == Option::Type::integer && result.text.empty();
    }
  });
  if (!hidden) return result;
  // As in hidden_integer(): the value stands behind the name and perhaps an equals sign.
  result.text = "0";
  Scanner scanner(text_, static_cast<uint32_t>(std::max(0, result.location - offset_)));
  for (int i = 0; i < 6; ++i) {
    const Token token = scanner.next();
    const std::string_view text = scanner.text(token);
    if (text == "," || text == ")" || token.kind == Token::Kind::integer) break;
    if (token.kind != Token::Kind::op || text.back() != '-') continue;
    result.text = std::to_string(hidden_integer(offset_ + static_cast<int32_t>(token.end) - 1));
    break;
  }
  return result;
}

void Converter::option_value(std::string_view type, Json body, Option& option) {
  const auto plain = [&](Option::Type kind) {
    option.type = kind;
    each_field(body, [&](std::string_view, Json value) {
      option.text = kind == Option::Type::integer ? std::to_string(int_of(value)) : text_of(value);
    });
  };
  if (type == "String") return plain(Option::Type::string);
  if (type == "Integer") return plain(Option::Type::integer);
  if (type == "Float") return plain(Option::Type::decimal);
  if (type == "Boolean") {
    option.type = Option::Type::string;
    option.text = "false";
    each_field(body, [&](std::string_view, Json value) {
      if (bool_of(value)) option.text = "true";
    });
    return;
  }
  if (type == "A_Star") {
    option.type = Option::Type::star;
    return;
  }
  if (type == "TypeName") {
    option.type = Option::Type::word;
    const TypeName name = type_name(body);
    for (const std::string& part : name.names) {
      if (part == "pg_catalog" && name.names.size() == 2) continue;
      option.text += (option.text.empty() ? "" : ".") + part;
    }
    return;
  }
  if (type == "List") {
    option.type = Option::Type::list;
    each_field(body, [&](std::string_view, Json items) { option.list = strings(items); });
    return;
  }
  const ExprPtr value = expr(type, body);
  if (!value) return;
  if (value->kind == Kind::param) return refuse_param(*value);
  const auto* literal = value->try_as<Literal>();
  if (literal == nullptr) {
    refuse("this option value", option.location);
    return;
  }
  option.type = literal->type == Literal::Type::integer  ? Option::Type::integer
                : literal->type == Literal::Type::string ? Option::Type::string
                                                         : Option::Type::decimal;
  option.text = literal->text;
}

std::vector<Option> Converter::options(Json array) {
  std::vector<Option> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view, Json body) { list.push_back(option(body)); });
  });
  return list;
}

// Tables --------------------------------------------------------------------------------------

ColumnDef Converter::column(Json body) {
  ColumnDef result;
  result.location = offset_;
  const auto add_constraint = [&](Json item) {
    with_node(item, [&](std::string_view, Json fields) {
      if (auto added = constraint(fields)) result.constraints.push_back(std::move(*added));
    });
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "colname") result.name = text_of(value);
    if (key == "typeName") result.type = type_name(value);
    if (key == "constraints") each_item(value, add_constraint);
    if (key == "location") result.location = location(value);
    if (key == "fdwoptions") refuse("column options", result.location);
    if (key == "raw_default") {  // USING of ALTER COLUMN TYPE
      Constraint& added = result.constraints.emplace_back();
      added.type = Constraint::Type::default_value;
      added.expr = expr(value);
    }
    if (key == "collClause") {
      each_field(value, [&](std::string_view name, Json part) {
        if (name == "collname") result.collation = strings(part);
      });
    }
  });
  return result;
}

namespace {

std::optional<Constraint::Type> constraint_type(std::string_view name) {
  using Type = Constraint::Type;
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"CONSTR_NULL", Type::null},
      {"CONSTR_NOTNULL", Type::not_null},
      {"CONSTR_DEFAULT", Type::default_value},
      {"CONSTR_IDENTITY", Type::identity},
      {"CONSTR_GENERATED", Type::generated},
      {"CONSTR_CHECK", Type::check},
      {"CONSTR_PRIMARY", Type::primary_key},
      {"CONSTR_UNIQUE", Type::unique},
      {"CONSTR_EXCLUSION", Type::exclude},
      {"CONSTR_FOREIGN", Type::foreign_key},
  };
  for (const auto& [spelling, type] : kTypes) {
    if (spelling == name) return type;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Constraint> Converter::constraint(Json body) {
  Constraint result;
  result.location = offset_;
  bool known = true;
  std::string deferred;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "contype") {
      // The others say when the constraint before them is checked.
      const std::string_view name = view_of(value);
      const auto type = constraint_type(name);
      known = type.has_value();
      if (type) result.type = *type;
      if (name == "CONSTR_ATTR_DEFERRABLE" || name == "CONSTR_ATTR_DEFERRED") deferred = name;
    } else if (key == "conname") {
      result.name = text_of(value);
    } else if (key == "raw_expr") {
      result.expr = expr(value);
    } else if (key == "keys" || key == "fk_attrs") {
      result.columns = strings(value);
    } else if (key == "nulls_not_distinct") {
      result.nulls_not_distinct = bool_of(value);
    } else if (key == "generated_when") {
      result.identity_always = view_of(value) == "a";
    } else if (key == "pktable") {
      result.references = relation(value);
    } else if (key == "pk_attrs") {
      result.referenced_columns = strings(value);
    } else if (key == "location") {
      result.location = location(value);
    } else if (key == "deferrable" && bool_of(value)) {
      deferred = key;
    } else if (key == "including" || key == "indexname") {
      refuse(key == "including" ? "INCLUDE in a constraint" : "a constraint using an index",
             result.location);
    }
  });
  if (!deferred.empty()) refuse("DEFERRABLE", result.location);
  if (!known) return std::nullopt;
  return result;
}

StatementPtr Converter::create_table(Json body) {
  auto node = std::make_unique<CreateTable>();
  const auto element = [&](std::string_view type, Json fields) {
    if (type == "ColumnDef") {
      node->columns.push_back(column(fields));
    } else if (type == "Constraint") {
      if (auto added = constraint(fields)) node->constraints.push_back(std::move(*added));
    } else {
      int32_t at = -1;
      each_field(fields, [&](std::string_view key, Json value) {
        if (key == "relation") at = relation(value).location;
      });
      refuse("CREATE TABLE .. LIKE", at);
    }
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") {
      node->relation = relation(value, node->persistence);
    } else if (key == "tableElts") {
      each_item(value, [&](Json item) { with_node(item, element); });
    } else if (key == "options") {
      node->options = options(value);
    } else if (key == "if_not_exists") {
      node->if_not_exists = bool_of(value);
    } else if (key == "oncommit") {
      const std::string_view what = view_of(value);
      node->on_commit = what == "ONCOMMIT_DELETE_ROWS"     ? "delete rows"
                        : what == "ONCOMMIT_DROP"          ? "drop"
                        : what == "ONCOMMIT_PRESERVE_ROWS" ? "preserve rows"
                                                           : "";
    } else if (key == "partbound") {
      refuse("PARTITION OF", node->relation.location);
    } else if (key == "partspec") {
      refuse("PARTITION BY", node->relation.location);
    } else if (key == "inhRelations") {
      refuse("table inheritance", node->relation.location);
    } else if (key == "ofTypename") {
      refuse("CREATE TABLE .. OF", node->relation.location);
    } else if (key == "tablespacename") {
      refuse("TABLESPACE", node->relation.location);
    } else if (key == "accessMethod") {
      refuse("CREATE TABLE .. USING", node->relation.location);
    }
  });
  return node;
}

StatementPtr Converter::create_table_as(Json body) {
  auto node = std::make_unique<CreateTableAs>();
  const auto into = [&](std::string_view key, Json value) {
    if (key == "rel") node->relation = relation(value, node->persistence);
    if (key == "colNames") node->columns = strings(value);
    if (key == "options") node->options = options(value);
    if (key == "skipData") node->with_data = !bool_of(value);
    if (key == "tableSpaceName") refuse("TABLESPACE", node->relation.location);
    if (key == "accessMethod") refuse("USING", node->relation.location);
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "query") node->query = statement(value);
    if (key == "into") each_field(value, into);
    if (key == "objtype") node->materialized_view = view_of(value) == "OBJECT_MATVIEW";
    if (key == "if_not_exists") node->if_not_exists = bool_of(value);
  });
  return node;
}

StatementPtr Converter::create_view(Json body) {
  auto node = std::make_unique<CreateView>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "view") node->relation = relation(value, node->persistence);
    if (key == "aliases") node->columns = strings(value);
    if (key == "query") node->query = statement(value);
    if (key == "replace") node->or_replace = bool_of(value);
    if (key == "options") node->options = options(value);
    if (key == "withCheckOption") node->check_option = view_of(value) != "NO_CHECK_OPTION";
  });
  return node;
}

IndexElement Converter::index_element(Json body) {
  IndexElement result;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "name") {
      auto column_node = std::make_unique<ColumnRef>();
      column_node->names.push_back(text_of(value));
      result.expr = std::move(column_node);
    }
    if (key == "expr") result.expr = expr(value);
    if (key == "collation") result.collation = strings(value);
    if (key == "opclass") result.operator_class = strings(value);
    if (key == "ordering") {
      const std::string_view order = view_of(value);
      if (order == "SORTBY_ASC") result.direction = OrderItem::Direction::ascending;
      if (order == "SORTBY_DESC") result.direction = OrderItem::Direction::descending;
    }
    if (key == "nulls_ordering") {
      const std::string_view nulls = view_of(value);
      if (nulls == "SORTBY_NULLS_FIRST") result.nulls = OrderItem::Nulls::first;
      if (nulls == "SORTBY_NULLS_LAST") result.nulls = OrderItem::Nulls::last;
    }
  });
  return result;
}

StatementPtr Converter::create_index(Json body) {
  auto node = std::make_unique<CreateIndex>();
  const auto include = [&](Json item) {
    with_node(item, [&](std::string_view, Json fields) {
      each_field(fields, [&](std::string_view key, Json value) {
        if (key == "name") node->include.push_back(text_of(value));
      });
    });
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "idxname") node->name = text_of(value);
    if (key == "relation") node->relation = relation(value);
    if (key == "accessMethod") node->method = text_of(value);
    if (key == "indexParams") {
      each_item(value, [&](Json item) {
        with_node(item, [&](std::string_view, Json fields) {
          node->elements.push_back(index_element(fields));
        });
      });
    }
    if (key == "indexIncludingParams") each_item(value, include);
    if (key == "options") node->options = options(value);
    if (key == "whereClause") node->where = expr(value);
    if (key == "unique") node->unique = bool_of(value);
    if (key == "nulls_not_distinct") node->nulls_not_distinct = bool_of(value);
    if (key == "concurrent") node->concurrently = bool_of(value);
    if (key == "if_not_exists") node->if_not_exists = bool_of(value);
    if (key == "tableSpace") refuse("TABLESPACE", node->relation.location);
  });
  if (node->method.empty()) node->method = "btree";
  return node;
}

StatementPtr Converter::create_schema(Json body) {
  auto node = std::make_unique<CreateSchema>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "schemaname") node->name = text_of(value);
    if (key == "if_not_exists") node->if_not_exists = bool_of(value);
    if (key == "schemaElts") {
      each_item(value, [&](Json item) { node->elements.push_back(statement(item)); });
    }
    if (key == "authrole") {
      node->authorization = "current_user";
      each_field(value, [&](std::string_view name, Json part) {
        if (name == "rolename") node->authorization = text_of(part);
      });
    }
  });
  return node;
}

// Changes -------------------------------------------------------------------------------------

Name Converter::object_name(Json node) {
  Name name;
  with_node(node, [&](std::string_view type, Json body) {
    each_field(body, [&](std::string_view key, Json value) {
      if (type == "String") name.push_back(text_of(value));
      if (type == "List" || key == "objname" || key == "names") name = strings(value);
    });
  });
  return name;
}

StatementPtr Converter::drop(Json body) {
  auto node = std::make_unique<Drop>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "objects") {
      each_item(value, [&](Json item) { node->names.push_back(object_name(item)); });
    }
    if (key == "removeType") {
      const std::string_view type = view_of(value);
      node->object = object_kind(type);
      node->object_name = object_name_of(type);
    }
    if (key == "behavior" && view_of(value) == "DROP_CASCADE") node->behavior = Behavior::cascade;
    if (key == "missing_ok") node->if_exists = bool_of(value);
    if (key == "concurrent") node->concurrently = bool_of(value);
  });
  return node;
}

namespace {

AlterAction::Type alter_type(std::string_view subtype, bool has_expr) {
  using Type = AlterAction::Type;
  if (subtype == "AT_ColumnDefault") return has_expr ? Type::set_default : Type::drop_default;
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"AT_AddColumn", Type::add_column},           {"AT_DropColumn", Type::drop_column},
      {"AT_SetNotNull", Type::set_not_null},        {"AT_DropNotNull", Type::drop_not_null},
      {"AT_AlterColumnType", Type::alter_type},     {"AT_AddConstraint", Type::add_constraint},
      {"AT_DropConstraint", Type::drop_constraint}, {"AT_ChangeOwner", Type::owner_to},
      {"AT_SetRelOptions", Type::set_options},
  };
  for (const auto& [name, type] : kTypes) {
    if (name == subtype) return type;
  }
  return Type::other;
}

// "AT_EnableTrig" -> "ENABLE TRIG"
std::string action_words(std::string_view subtype) {
  std::string words;
  for (const char c : subtype.substr(3)) {
    if (c >= 'A' && c <= 'Z' && !words.empty()) words.push_back(' ');
    words.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c);
  }
  return words;
}

}  // namespace

AlterAction Converter::alter_action(Json body) {
  AlterAction action;
  std::string subtype;
  const auto definition = [&](std::string_view type, Json node) {
    if (type == "ColumnDef") {
      action.column = std::make_unique<ColumnDef>();
      *action.column = column(node);
      if (subtype == "AT_AlterColumnType" && !action.column->constraints.empty()) {
        action.expr = std::move(action.column->constraints[0].expr);
        action.column->constraints.clear();
      }
    } else if (type == "Constraint") {
      auto added = constraint(node);
      if (added) action.constraint = std::make_unique<Constraint>(std::move(*added));
    } else if (type == "List") {
      each_field(node, [&](std::string_view, Json items) { action.options = options(items); });
    } else if (subtype == "AT_ColumnDefault") {
      action.expr = expr(type, node);
    }
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "subtype") subtype = text_of(value);
    if (key == "name") action.name = text_of(value);
    if (key == "def") with_node(value, definition);
    if (key == "behavior" && view_of(value) == "DROP_CASCADE") action.behavior = Behavior::cascade;
    if (key == "missing_ok") {
      (subtype == "AT_AddColumn" ? action.if_not_exists : action.if_exists) = bool_of(value);
    }
    if (key == "newowner") {
      each_field(value, [&](std::string_view name, Json part) {
        if (name == "rolename") action.name = text_of(part);
      });
    }
  });
  action.type = alter_type(subtype, action.expr != nullptr);
  if (action.type == AlterAction::Type::other) action.description = action_words(subtype);
  return action;
}

StatementPtr Converter::alter_table(Json body) {
  auto node = std::make_unique<AlterTable>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") node->relation = relation(value);
    if (key == "objtype") node->object = object_kind(view_of(value));
    if (key == "missing_ok") node->if_exists = bool_of(value);
    if (key != "cmds") return;
    each_item(value, [&](Json item) {
      with_node(item, [&](std::string_view, Json fields) {
        node->actions.push_back(alter_action(fields));
      });
    });
  });
  return node;
}

StatementPtr Converter::rename(Json body) {
  auto node = std::make_unique<Rename>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "renameType") {
      const std::string_view type = view_of(value);
      node->object = object_kind(type);
      node->object_name = object_name_of(type);
    }
    if (key == "relation") node->relation = relation(value);
    if (key == "object") node->name = object_name(value);
    if (key == "subname") node->column = text_of(value);
    if (key == "newname") node->new_name = text_of(value);
    if (key == "missing_ok") node->if_exists = bool_of(value);
  });
  return node;
}

StatementPtr Converter::refresh(Json body) {
  auto node = std::make_unique<Refresh>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") node->relation = relation(value);
    if (key == "concurrent") node->concurrently = bool_of(value);
    if (key == "skipData") node->with_data = !bool_of(value);
  });
  return node;
}

StatementPtr Converter::truncate(Json body) {
  auto node = std::make_unique<Truncate>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relations") node->relations = relations(value);
    if (key == "restart_seqs") node->restart_identity = bool_of(value);
    if (key == "behavior" && view_of(value) == "DROP_CASCADE") node->behavior = Behavior::cascade;
  });
  return node;
}

StatementPtr Converter::comment(Json body) {
  auto node = std::make_unique<Comment>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "objtype") {
      const std::string_view type = view_of(value);
      node->object = object_kind(type);
      node->object_name = object_name_of(type);
    }
    if (key == "object") node->name = object_name(value);
    if (key == "comment") node->text = text_of(value);
  });
  return node;
}

}  // namespace qw::sql::parsing
