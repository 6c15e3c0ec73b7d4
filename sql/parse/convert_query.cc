// See converter.h: queries and what writes rows. Tests: tests/unit/sql_parse/query_test.cc.
#include <utility>

#include "sql/parse/converter.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

namespace {

Persistence persistence_of(std::string_view letter) {
  if (letter == "t") return Persistence::temporary;
  return letter == "u" ? Persistence::unlogged : Persistence::permanent;
}

}  // namespace

Alias Converter::alias(Json body) {
  Alias result;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "aliasname") result.name = text_of(value);
    if (key == "colnames") result.columns = strings(value);
  });
  return result;
}

RelationName Converter::relation(Json body) {
  Persistence persistence = Persistence::permanent;
  return relation(body, persistence);
}

RelationName Converter::relation(Json body, Persistence& persistence) {
  RelationName name;
  name.location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "catalogname") name.catalog = text_of(value);
    if (key == "schemaname") name.schema = text_of(value);
    if (key == "relname") name.name = text_of(value);
    if (key == "relpersistence") persistence = persistence_of(view_of(value));
    if (key == "location") name.location = location(value);
  });
  return name;
}

std::vector<RelationName> Converter::relations(Json array) {
  std::vector<RelationName> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view type, Json body) {
      if (type == "RangeVar") {
        list.push_back(relation(body));
        return;
      }
      each_field(body, [&](std::string_view key, Json value) {  // VacuumRelation
        if (key == "relation") list.push_back(relation(value));
      });
    });
  });
  return list;
}

SelectPtr Converter::select_node(Json node) {
  SelectPtr result;
  with_node(node, [&](std::string_view, Json body) { result = select(body); });
  return result;
}

SelectPtr Converter::select(Json body) {
  const Nested nested(*this);
  if (!nested) return nullptr;
  auto node = std::make_unique<Select>();
  each_field(body, [&](std::string_view key, Json value) { select_field(key, value, *node); });
  return node;
}

void Converter::select_field(std::string_view key, Json value, Select& select) {
  if (key == "targetList") {
    select.targets = targets(value);
  } else if (key == "fromClause") {
    select.from = from_items(value);
  } else if (key == "whereClause") {
    select.where = expr(value);
  } else if (key == "groupClause") {
    select.group_by = exprs(value);
  } else if (key == "groupDistinct") {
    select.group_distinct = bool_of(value);
  } else if (key == "havingClause") {
    select.having = expr(value);
  } else if (key == "distinctClause") {
    // Plain DISTINCT is a list of one null.
    select.distinct = true;
    each_item(value, [&](Json item) {
      ExprPtr on = expr(item);
      if (on) select.distinct_on.push_back(std::move(on));
    });
  } else if (key == "windowClause") {
    each_item(value, [&](Json item) {
      with_node(item, [&](std::string_view, Json body) { select.windows.push_back(window(body)); });
    });
  } else if (key == "valuesLists") {
    each_item(value, [&](Json item) {
      with_node(item, [&](std::string_view, Json body) {
        ExprList& row = select.values.emplace_back();
        each_field(body, [&](std::string_view, Json items) { row = exprs(items); });
      });
    });
  } else if (key == "intoClause") {
    each_field(value, [&](std::string_view name, Json part) {
      if (name != "rel") return;
      select.into = std::make_unique<RelationName>(relation(part, select.into_persistence));
    });
  } else if (key == "sortClause") {
    select.order_by = order_items(value);
  } else if (key == "limitOffset") {
    select.offset = expr(value);
  } else if (key == "limitCount") {
    select.limit = expr(value);
  } else if (key == "limitOption") {
    select.with_ties = view_of(value) == "LIMIT_OPTION_WITH_TIES";
  } else if (key == "lockingClause") {
    each_item(value, [&](Json item) {
      with_node(item,
                [&](std::string_view, Json body) { select.locking.push_back(locking(body)); });
    });
  } else if (key == "withClause") {
    select.with = with(value);
  } else if (key == "op") {
    const std::string_view op = view_of(value);
    select.op = op == "SETOP_UNION"       ? Select::Op::union_
                : op == "SETOP_INTERSECT" ? Select::Op::intersect
                : op == "SETOP_EXCEPT"    ? Select::Op::except
                                          : Select::Op::none;
  } else if (key == "all") {
    select.all = bool_of(value);
  } else if (key == "larg") {
    select.left = this->select(value);
  } else if (key == "rarg") {
    select.right = this->select(value);
  }
}

std::vector<Target> Converter::targets(Json array) {
  std::vector<Target> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view, Json body) {
      Target& target = list.emplace_back();
      target.location = offset_;
      each_field(body, [&](std::string_view key, Json value) {
        if (key == "name") target.name = text_of(value);
        if (key == "val") target.expr = expr(value);
        if (key == "location") target.location = location(value);
      });
    });
  });
  return list;
}

std::vector<TargetColumn> Converter::target_columns(Json array) {
  std::vector<TargetColumn> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view, Json body) {
      TargetColumn& column = list.emplace_back();
      column.location = offset_;
      each_field(body, [&](std::string_view key, Json value) {
        if (key == "name") column.name = text_of(value);
        if (key == "indirection") column.steps = steps(value);
        if (key == "location") column.location = location(value);
      });
    });
  });
  return list;
}

// (a, b) = source comes as one target per column, each with the whole source.
std::vector<Assignment> Converter::assignments(Json array) {
  std::vector<Assignment> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view, Json body) {
      TargetColumn column;
      column.location = offset_;
      ExprPtr value_expr;
      int64_t number = 0;  // of a column in the parenthesised form, from 1
      const auto multiple = [&](Json fields) {
        each_field(fields, [&](std::string_view key, Json value) {
          if (key == "source") value_expr = expr(value);
          if (key == "colno") number = int_of(value);
        });
      };
      each_field(body, [&](std::string_view key, Json value) {
        if (key == "name") column.name = text_of(value);
        if (key == "indirection") column.steps = steps(value);
        if (key == "location") column.location = location(value);
        if (key != "val") return;
        with_node(value, [&](std::string_view type, Json node) {
          if (type == "MultiAssignRef") {
            multiple(node);
          } else {
            value_expr = expr(type, node);
          }
        });
      });
      if (number <= 1) {
        Assignment& added = list.emplace_back();
        added.multiple = number == 1;
        added.value = std::move(value_expr);
      }
      list.back().columns.push_back(std::move(column));
    });
  });
  return list;
}

std::unique_ptr<With> Converter::with(Json body) {
  auto node = std::make_unique<With>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "recursive") node->recursive = bool_of(value);
    if (key == "location") node->location = location(value);
    if (key != "ctes") return;
    each_item(value, [&](Json item) {
      with_node(item, [&](std::string_view, Json fields) { node->ctes.push_back(cte(fields)); });
    });
  });
  return node;
}

Cte Converter::cte(Json body) {
  Cte result;
  result.location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "ctename") result.name = text_of(value);
    if (key == "aliascolnames") result.columns = strings(value);
    if (key == "ctematerialized") {
      const std::string_view how = view_of(value);
      if (how == "CTEMaterializeAlways") result.materialized = Cte::Materialized::always;
      if (how == "CTEMaterializeNever") result.materialized = Cte::Materialized::never;
    }
    if (key == "ctequery") result.query = statement(value);
    if (key == "search_clause" || key == "cycle_clause") result.has_search_or_cycle = true;
    if (key == "location") result.location = location(value);
  });
  return result;
}

Locking Converter::locking(Json body) {
  Locking result;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "lockedRels") result.relations = relations(value);
    if (key == "strength") {
      const std::string_view strength = view_of(value);
      result.strength = strength == "LCS_FORKEYSHARE"      ? Locking::Strength::key_share
                        : strength == "LCS_FORSHARE"       ? Locking::Strength::share
                        : strength == "LCS_FORNOKEYUPDATE" ? Locking::Strength::no_key_update
                                                           : Locking::Strength::update;
    }
    if (key == "waitPolicy") {
      const std::string_view policy = view_of(value);
      result.wait = policy == "LockWaitSkip"    ? Locking::Wait::skip_locked
                    : policy == "LockWaitError" ? Locking::Wait::nowait
                                                : Locking::Wait::block;
    }
  });
  return result;
}

std::vector<FromPtr> Converter::from_items(Json array) {
  std::vector<FromPtr> list;
  each_item(array, [&](Json item) { list.push_back(from_item(item)); });
  return list;
}

FromPtr Converter::from_item(Json node) {
  const Nested nested(*this);
  if (!nested) return nullptr;
  FromPtr result;
  with_node(node, [&](std::string_view type, Json body) {
    if (type == "RangeVar") {
      result = range_table(body);
    } else if (type == "JoinExpr") {
      result = join(body);
    } else if (type == "RangeFunction") {
      result = range_function(body);
    } else if (type == "RangeTableSample") {
      result = range_sample(body);
    } else if (type == "RangeSubselect") {
      auto item = std::make_unique<RangeSubquery>();
      each_field(body, [&](std::string_view key, Json value) {
        if (key == "lateral") item->lateral = bool_of(value);
        if (key == "subquery") item->query = select_node(value);
        if (key == "alias") item->alias = alias(value);
      });
      result = std::move(item);
    } else {
      refuse("XMLTABLE");  // RangeTableFunc is the only other one
    }
  });
  return result;
}

FromPtr Converter::range_table(Json body) {
  auto item = std::make_unique<RangeTable>();
  item->location = offset_;
  item->relation.location = offset_;
  item->only = true;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "catalogname") item->relation.catalog = text_of(value);
    if (key == "schemaname") item->relation.schema = text_of(value);
    if (key == "relname") item->relation.name = text_of(value);
    if (key == "inh") item->only = !bool_of(value);
    if (key == "alias") item->alias = alias(value);
    if (key == "location") item->location = item->relation.location = location(value);
  });
  return item;
}

std::vector<ColumnDefinition> Converter::column_definitions(Json array) {
  std::vector<ColumnDefinition> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view, Json body) {
      ColumnDef full = column(body);
      ColumnDefinition& added = list.emplace_back();
      added.name = std::move(full.name);
      added.type = std::move(full.type);
      added.collation = std::move(full.collation);
      added.location = full.location;
    });
  });
  return list;
}

namespace {

// unnest(a, b) means ROWS FROM (unnest(a), unnest(b)).
void unnest_in_step(RangeFunction& item) {
  std::vector<RangeFunction::Item> functions;
  for (RangeFunction::Item& function : item.functions) {
    const bool is_call = function.call != nullptr && function.call->kind == Kind::function_call;
    FunctionCall* call = is_call ? &function.call->as<FunctionCall>() : nullptr;
    const bool several = call != nullptr && call->name.back() == "unnest" &&
                         call->arguments.size() > 1 && !call->variadic && function.columns.empty();
    if (!several) {
      functions.push_back(std::move(function));
      continue;
    }
    for (FunctionCall::Argument& argument : call->arguments) {
      auto one = std::make_unique<FunctionCall>();
      one->name = call->name;
      one->location = call->location;
      one->arguments.push_back(std::move(argument));
      functions.emplace_back().call = std::move(one);
    }
    item.rows_from = true;
  }
  item.functions = std::move(functions);
}

}  // namespace

FromPtr Converter::range_function(Json body) {
  auto item = std::make_unique<RangeFunction>();
  // Each function is a list of its call and its column definitions (or a null).
  const auto function = [&](Json list) {
    RangeFunction::Item& added = item->functions.emplace_back();
    const auto part = [&](Json entry) {
      with_node(entry, [&](std::string_view type, Json node) {
        if (type != "List") {
          added.call = expr(type, node);
        } else {
          each_field(node, [&](std::string_view, Json items) {
            added.columns = column_definitions(items);
          });
        }
      });
    };
    with_node(list, [&](std::string_view, Json fields) {
      each_field(fields, [&](std::string_view, Json items) { each_item(items, part); });
    });
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "lateral") item->lateral = bool_of(value);
    if (key == "ordinality") item->with_ordinality = bool_of(value);
    if (key == "is_rowsfrom") item->rows_from = bool_of(value);
    if (key == "functions") each_item(value, function);
    if (key == "alias") item->alias = alias(value);
    if (key == "coldeflist") item->columns = column_definitions(value);
  });
  unnest_in_step(*item);
  if (!item->functions.empty() && item->functions[0].call) {
    item->location = item->functions[0].call->location;
  }
  return item;
}

FromPtr Converter::range_sample(Json body) {
  auto item = std::make_unique<RangeSample>();
  item->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") item->relation = from_item(value);
    if (key == "method") item->method = strings(value);
    if (key == "args") item->args = exprs(value);
    if (key == "repeatable") item->repeatable = expr(value);
    if (key == "location") item->location = location(value);
  });
  return item;
}

FromPtr Converter::join(Json body) {
  auto item = std::make_unique<Join>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "jointype") {
      const std::string_view type = view_of(value);
      item->type = type == "JOIN_LEFT"    ? Join::Type::left
                   : type == "JOIN_RIGHT" ? Join::Type::right
                   : type == "JOIN_FULL"  ? Join::Type::full
                                          : Join::Type::inner;
    }
    if (key == "isNatural") item->natural = bool_of(value);
    if (key == "larg") item->left = from_item(value);
    if (key == "rarg") item->right = from_item(value);
    if (key == "usingClause") item->using_columns = strings(value);
    if (key == "join_using_alias") item->using_alias = alias(value).name;
    if (key == "quals") item->on = expr(value);
    if (key == "alias") item->alias = alias(value);
  });
  return item;
}

void Converter::target_relation(Json body, RelationName& name, std::string& alias_name,
                                bool* only) {
  name.location = offset_;
  bool inherit = false;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "catalogname") name.catalog = text_of(value);
    if (key == "schemaname") name.schema = text_of(value);
    if (key == "relname") name.name = text_of(value);
    if (key == "inh") inherit = bool_of(value);
    if (key == "alias") alias_name = alias(value).name;
    if (key == "location") name.location = location(value);
  });
  if (only != nullptr) *only = !inherit;
}

StatementPtr Converter::insert(Json body) {
  auto node = std::make_unique<Insert>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") target_relation(value, node->relation, node->alias, nullptr);
    if (key == "cols") node->columns = target_columns(value);
    if (key == "selectStmt") node->query = select_node(value);
    if (key == "onConflictClause") node->on_conflict = on_conflict(value);
    if (key == "returningList") node->returning = targets(value);
    if (key == "withClause") node->with = with(value);
    if (key != "override") return;
    const std::string_view how = view_of(value);
    if (how == "OVERRIDING_USER_VALUE") node->overriding = Insert::Overriding::user_value;
    if (how == "OVERRIDING_SYSTEM_VALUE") node->overriding = Insert::Overriding::system_value;
  });
  return node;
}

std::unique_ptr<OnConflict> Converter::on_conflict(Json body) {
  auto node = std::make_unique<OnConflict>();
  node->location = offset_;
  int32_t target_location = offset_;
  const auto element = [&](Json item) {
    with_node(item, [&](std::string_view, Json fields) {
      IndexElement full = index_element(fields);
      node->target.push_back(
          {std::move(full.expr), std::move(full.collation), std::move(full.operator_class)});
    });
  };
  const auto infer = [&](std::string_view key, Json value) {
    if (key == "indexElems") each_item(value, element);
    if (key == "whereClause") node->target_where = expr(value);
    if (key == "conname") node->constraint = text_of(value);
    if (key == "location") target_location = location(value);
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "action") node->update = view_of(value) == "ONCONFLICT_UPDATE";
    if (key == "infer") each_field(value, infer);
    if (key == "targetList") node->assignments = assignments(value);
    if (key == "whereClause") node->where = expr(value);
    if (key == "location") node->location = location(value);
  });
  // A column of the target has no place of its own; PostgreSQL points to the parenthesis.
  for (ConflictElement& part : node->target) {
    if (part.expr->kind == Kind::column_ref) part.expr->location = target_location;
  }
  return node;
}

StatementPtr Converter::update(Json body) {
  auto node = std::make_unique<Update>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") target_relation(value, node->relation, node->alias, &node->only);
    if (key == "targetList") node->assignments = assignments(value);
    if (key == "whereClause") node->where = expr(value);
    if (key == "fromClause") node->from = from_items(value);
    if (key == "returningList") node->returning = targets(value);
    if (key == "withClause") node->with = with(value);
  });
  return node;
}

StatementPtr Converter::remove(Json body) {
  auto node = std::make_unique<Delete>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") target_relation(value, node->relation, node->alias, &node->only);
    if (key == "usingClause") node->using_items = from_items(value);
    if (key == "whereClause") node->where = expr(value);
    if (key == "returningList") node->returning = targets(value);
    if (key == "withClause") node->with = with(value);
  });
  return node;
}

}  // namespace qw::sql::parsing
