// See converter.h: expressions. Tests: tests/unit/sql_parse/expression_test.cc.
#include <utility>

#include "sql/parse/converter.h"
#include "sql/parse/scanner.h"
#include "sql/parse/survey.h"
#include "src/base/limits.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

Converter::Nested::Nested(Converter& converter) : converter_(converter) { ++converter_.depth_; }

Converter::Nested::operator bool() const {
  if (converter_.depth_ <= limits::kNestingMax) return true;
  converter_.keep(nesting_error());
  return false;
}

void Converter::refuse_param(const Expr& param) {
  keep(syntax_error("syntax error at or near \"$" + std::to_string(param.as<Param>().number) + "\"")
           .at(position(param.location)));
}

ExprPtr Converter::expr(Json node) {
  ExprPtr result;
  with_node(node, [&](std::string_view type, Json body) { result = expr(type, body); });
  return result;
}

ExprList Converter::exprs(Json array) {
  ExprList list;
  each_item(array, [&](Json item) { list.push_back(expr(item)); });
  return list;
}

ExprPtr Converter::expr(std::string_view type, Json body) {
  const Nested nested(*this);
  if (!nested) return nullptr;
  if (type == "ColumnRef") return column_ref(body);
  if (type == "A_Const") return constant(body);
  if (type == "A_Expr") return a_expr(body);
  if (type == "FuncCall") return function_call(body);
  if (type == "BoolExpr") return bool_expr(body);
  if (type == "TypeCast") return type_cast(body);
  if (type == "SubLink") return sub_link(body);
  if (type == "CaseExpr") return case_expr(body);
  if (type == "NullTest") return null_test(body);
  if (type == "BooleanTest") return boolean_test(body);
  if (type == "CoalesceExpr") return list_expr<Coalesce>(body, "args");
  if (type == "MinMaxExpr") return min_max(body);
  if (type == "A_ArrayExpr") return list_expr<ArrayLiteral>(body, "elements");
  if (type == "RowExpr") return row(body);
  if (type == "A_Indirection") return indirection(body);
  if (type == "CollateClause") return collate(body);
  if (type == "SQLValueFunction") return sql_value(body);
  if (type == "GroupingFunc") return list_expr<Grouping>(body, "args");
  if (type == "GroupingSet") return grouping_set(body);
  if (type == "ParamRef") {
    auto param = std::make_unique<Param>();
    param->location = offset_;
    each_field(body, [&](std::string_view key, Json value) {
      if (key == "number") param->number = static_cast<int32_t>(int_of(value));
      if (key == "location") param->location = location(value);
    });
    return param;
  }
  if (type == "SetToDefault") {
    auto node = std::make_unique<SetToDefault>();
    node->location = offset_;
    each_field(body, [&](std::string_view key, Json value) {
      if (key == "location") node->location = location(value);
    });
    return node;
  }
  if (type == "CurrentOfExpr") {
    auto node = std::make_unique<CurrentOf>();
    each_field(body, [&](std::string_view key, Json value) {
      if (key == "cursor_name") node->cursor = text_of(value);
    });
    return node;
  }
  if (type == "XmlExpr" || type == "XmlSerialize") {
    int32_t at = offset_;
    each_field(body, [&](std::string_view key, Json value) {
      if (key == "location") at = location(value);
    });
    refuse("XML", at);
    return nullptr;
  }
  keep(internal_error("unknown expression in parse tree: " + std::string(type)));
  return nullptr;
}

// An integer that is not positive is not in the JSON. At its location stands "-5", "- (5)", or 0.
int64_t Converter::hidden_integer(int32_t at) const {
  const int64_t local = at - offset_;
  if (at < 0 || local >= static_cast<int64_t>(text_.size())) return 0;
  Scanner scanner(text_, static_cast<uint32_t>(local));
  bool minus = false;
  for (int i = 0; i < 64; ++i) {
    const Token token = scanner.next();
    const std::string_view text = scanner.text(token);
    if (token.kind == Token::Kind::integer) {
      int64_t value = 0;
      for (const char c : text) {
        if (value > INT32_MAX) return 0;
        value = value * 10 + (c - '0');
      }
      return minus ? -value : value;
    }
    if (text == "-") {
      minus = true;
    } else if (text != "(" && text != "+") {
      return 0;
    }
  }
  return 0;
}

ExprPtr Converter::constant(Json body) {
  auto literal = std::make_unique<Literal>();
  literal->location = offset_;
  bool hidden = false;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "location") {
      literal->location = location(value);
      return;
    }
    if (key == "isnull") return;
    // {"ival":{"ival":1}}: the inner name is the outer one.
    if (key == "ival") hidden = true;
    if (key == "ival") literal->type = Literal::Type::integer;
    if (key == "fval") literal->type = Literal::Type::numeric;
    if (key == "boolval") literal->type = Literal::Type::boolean;
    if (key == "sval") literal->type = Literal::Type::string;
    if (key == "bsval") literal->type = Literal::Type::bit_string;
    each_field(value, [&](std::string_view inner, Json plain) {
      if (inner == "ival") {
        hidden = false;
        literal->integer = int_of(plain);
      } else if (inner == "boolval") {
        literal->boolean = bool_of(plain);
      } else {
        literal->text = text_of(plain);
      }
    });
  });
  if (hidden) literal->integer = hidden_integer(literal->location);
  if (literal->type == Literal::Type::integer) literal->text = std::to_string(literal->integer);
  return literal;
}

ExprPtr Converter::column_ref(Json body) {
  auto ref = std::make_unique<ColumnRef>();
  ref->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "location") ref->location = location(value);
    if (key != "fields") return;
    each_item(value, [&](Json item) {
      with_node(item, [&](std::string_view type, Json node) {
        if (type == "A_Star") {
          ref->star = true;
        } else {
          each_field(node,
                     [&](std::string_view, Json text) { ref->names.push_back(text_of(text)); });
        }
      });
    });
  });
  return ref;
}

ExprPtr Converter::a_expr(Json body) {
  std::string kind;
  Name name;
  ExprPtr left, right;
  ExprList list;
  int32_t at = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "kind") {
      kind = text_of(value);
    } else if (key == "name") {
      name = strings(value);
    } else if (key == "lexpr") {
      left = expr(value);
    } else if (key == "rexpr") {
      with_node(value, [&](std::string_view type, Json node) {
        if (type != "List") {
          right = expr(type, node);
        } else {
          each_field(node, [&](std::string_view, Json items) { list = exprs(items); });
        }
      });
    } else if (key == "location") {
      at = location(value);
    }
  });
  ExprPtr result =
      a_expr(kind, std::move(name), std::move(left), std::move(right), std::move(list));
  if (result) result->location = at;
  return result;
}

ExprPtr Converter::a_expr(std::string_view kind, Name name, ExprPtr left, ExprPtr right,
                          ExprList list) {
  if (kind == "AEXPR_OP_ANY" || kind == "AEXPR_OP_ALL") {
    auto node = std::make_unique<AnyAll>();
    node->op = std::move(name);
    node->left = std::move(left);
    node->array = std::move(right);
    node->all = kind == "AEXPR_OP_ALL";
    return node;
  }
  if (kind == "AEXPR_DISTINCT" || kind == "AEXPR_NOT_DISTINCT") {
    auto node = std::make_unique<DistinctFrom>();
    node->left = std::move(left);
    node->right = std::move(right);
    node->negated = kind == "AEXPR_NOT_DISTINCT";
    return node;
  }
  if (kind == "AEXPR_NULLIF") {
    auto node = std::make_unique<NullIf>();
    node->left = std::move(left);
    node->right = std::move(right);
    return node;
  }
  if (kind == "AEXPR_IN") {
    auto node = std::make_unique<InList>();
    node->left = std::move(left);
    node->items = std::move(list);
    node->negated = !name.empty() && name.back() == "<>";
    return node;
  }
  if (kind.find("BETWEEN") != std::string_view::npos) {
    auto node = std::make_unique<Between>();
    node->arg = std::move(left);
    if (list.size() == 2) {
      node->low = std::move(list[0]);
      node->high = std::move(list[1]);
    }
    node->negated = kind.find("NOT") != std::string_view::npos;
    node->symmetric = kind.find("SYM") != std::string_view::npos;
    return node;
  }
  auto node = std::make_unique<Operator>();
  if (kind == "AEXPR_LIKE") node->form = Operator::Form::like;
  if (kind == "AEXPR_ILIKE") node->form = Operator::Form::ilike;
  if (kind == "AEXPR_SIMILAR") node->form = Operator::Form::similar;
  node->name = std::move(name);
  node->left = std::move(left);
  node->right = std::move(right);
  return node;
}

ExprPtr Converter::bool_expr(Json body) {
  auto node = std::make_unique<BoolExpr>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "boolop") {
      const std::string_view op = view_of(value);
      node->type = op == "AND_EXPR"  ? BoolExpr::Type::and_
                   : op == "OR_EXPR" ? BoolExpr::Type::or_
                                     : BoolExpr::Type::not_;
    }
    if (key == "args") node->args = exprs(value);
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::function_call(Json body) {
  auto call = std::make_unique<FunctionCall>();
  call->location = offset_;
  const auto argument = [&](Json item) {
    FunctionCall::Argument result;
    with_node(item, [&](std::string_view type, Json node) {
      if (type != "NamedArgExpr") {
        result.value = expr(type, node);
        return;
      }
      each_field(node, [&](std::string_view key, Json value) {
        if (key == "arg") result.value = expr(value);
        if (key == "name") result.name = text_of(value);
      });
    });
    if (result.value && result.name.empty() && !call->arguments.empty() &&
        !call->arguments.back().name.empty()) {
      keep(syntax_error("positional argument cannot follow named argument")
               .at(position(result.value->location)));
    }
    call->arguments.push_back(std::move(result));
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "funcname") call->name = strings(value);
    if (key == "args") each_item(value, argument);
    if (key == "agg_order") call->order_by = order_items(value);
    if (key == "agg_filter") call->filter = expr(value);
    if (key == "over") call->over = std::make_unique<WindowSpec>(window(value));
    if (key == "agg_within_group") call->within_group = bool_of(value);
    if (key == "agg_star") call->star = bool_of(value);
    if (key == "agg_distinct") call->distinct = bool_of(value);
    if (key == "func_variadic") call->variadic = bool_of(value);
    if (key == "funcformat") call->sql_syntax = view_of(value) == "COERCE_SQL_SYNTAX";
    if (key == "location") call->location = location(value);
  });
  // libpg_query's grammar also takes EXTRACT($1 FROM x).
  if (call->sql_syntax && call->name.back() == "extract" && call->arguments[0].value &&
      call->arguments[0].value->kind == Kind::param) {
    refuse_param(*call->arguments[0].value);
  }
  return call;
}

ExprPtr Converter::sub_link(Json body) {
  auto node = std::make_unique<Subquery>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "subLinkType") {
      const std::string_view type = view_of(value);
      node->type = type == "EXISTS_SUBLINK"  ? Subquery::Type::exists
                   : type == "ANY_SUBLINK"   ? Subquery::Type::any
                   : type == "ALL_SUBLINK"   ? Subquery::Type::all
                   : type == "ARRAY_SUBLINK" ? Subquery::Type::array
                                             : Subquery::Type::scalar;
    }
    if (key == "testexpr") node->test = expr(value);
    if (key == "operName") node->op = strings(value);
    if (key == "subselect") node->query = select_node(value);
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::case_expr(Json body) {
  auto node = std::make_unique<CaseExpr>();
  node->location = offset_;
  const auto when = [&](Json item) {
    CaseExpr::When& added = node->whens.emplace_back();
    added.location = offset_;
    with_node(item, [&](std::string_view, Json fields) {
      each_field(fields, [&](std::string_view key, Json value) {
        if (key == "expr") added.condition = expr(value);
        if (key == "result") added.result = expr(value);
        if (key == "location") added.location = location(value);
      });
    });
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "arg") node->arg = expr(value);
    if (key == "args") each_item(value, when);
    if (key == "defresult") node->otherwise = expr(value);
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::type_cast(Json body) {
  auto node = std::make_unique<TypeCast>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "arg") node->arg = expr(value);
    if (key == "typeName") node->type = type_name(value);
    if (key == "location") node->location = location(value);
  });
  // libpg_query's grammar also takes INTERVAL $1.
  if (node->arg && node->arg->kind == Kind::param && node->type.location < node->arg->location) {
    refuse_param(*node->arg);
  }
  return node;
}

ExprPtr Converter::collate(Json body) {
  auto node = std::make_unique<Collate>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "arg") node->arg = expr(value);
    if (key == "collname") node->collation = strings(value);
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::null_test(Json body) {
  auto node = std::make_unique<NullTest>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "arg") node->arg = expr(value);
    if (key == "nulltesttype") node->negated = view_of(value) == "IS_NOT_NULL";
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::boolean_test(Json body) {
  auto node = std::make_unique<BooleanTest>();
  node->location = offset_;
  using Test = BooleanTest::Test;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "arg") node->arg = expr(value);
    if (key == "booltesttype") {
      const std::string_view type = view_of(value);
      node->test = type == "IS_TRUE"        ? Test::is_true
                   : type == "IS_NOT_TRUE"  ? Test::is_not_true
                   : type == "IS_FALSE"     ? Test::is_false
                   : type == "IS_NOT_FALSE" ? Test::is_not_false
                   : type == "IS_UNKNOWN"   ? Test::is_unknown
                                            : Test::is_not_unknown;
    }
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::min_max(Json body) {
  auto node = std::make_unique<MinMax>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "op") node->greatest = view_of(value) == "IS_GREATEST";
    if (key == "args") node->args = exprs(value);
    if (key == "location") node->location = location(value);
  });
  return node;
}

ExprPtr Converter::row(Json body) {
  auto node = std::make_unique<Row>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "args") node->fields = exprs(value);
    if (key == "row_format") node->explicit_row = view_of(value) == "COERCE_EXPLICIT_CALL";
    if (key == "location") node->location = location(value);
  });
  return node;
}

std::vector<Indirection::Step> Converter::steps(Json array) {
  std::vector<Indirection::Step> list;
  each_item(array, [&](Json item) {
    with_node(item, [&](std::string_view type, Json body) {
      Indirection::Step& step = list.emplace_back();
      if (type == "A_Star") {
        step.type = Indirection::Step::Type::star;
      } else if (type == "A_Indices") {
        step.type = Indirection::Step::Type::index;
        each_field(body, [&](std::string_view key, Json value) {
          if (key == "is_slice") step.type = Indirection::Step::Type::slice;
          if (key == "lidx") step.lower = expr(value);
          if (key == "uidx") step.upper = expr(value);
        });
      } else {
        each_field(body, [&](std::string_view, Json value) { step.field = text_of(value); });
      }
    });
  });
  return list;
}

ExprPtr Converter::indirection(Json body) {
  auto node = std::make_unique<Indirection>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "arg") node->arg = expr(value);
    if (key == "indirection") node->steps = steps(value);
  });
  if (node->arg) node->location = node->arg->location;
  return node;
}

ExprPtr Converter::sql_value(Json body) {
  using Type = SqlValue::Type;
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"SVFOP_CURRENT_DATE", Type::current_date},
      {"SVFOP_CURRENT_TIMESTAMP", Type::current_timestamp},
      {"SVFOP_CURRENT_TIMESTAMP_N", Type::current_timestamp},
      {"SVFOP_CURRENT_TIME", Type::current_time},
      {"SVFOP_CURRENT_TIME_N", Type::current_time},
      {"SVFOP_LOCALTIME", Type::localtime},
      {"SVFOP_LOCALTIME_N", Type::localtime},
      {"SVFOP_LOCALTIMESTAMP", Type::localtimestamp},
      {"SVFOP_LOCALTIMESTAMP_N", Type::localtimestamp},
      {"SVFOP_CURRENT_ROLE", Type::current_role},
      {"SVFOP_CURRENT_USER", Type::current_user},
      {"SVFOP_USER", Type::user},
      {"SVFOP_SESSION_USER", Type::session_user},
      {"SVFOP_CURRENT_CATALOG", Type::current_catalog},
      {"SVFOP_CURRENT_SCHEMA", Type::current_schema},
  };
  auto node = std::make_unique<SqlValue>();
  node->location = offset_;
  bool with_precision = false;
  int64_t precision = 0;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "op") {
      const std::string_view op = view_of(value);
      for (const auto& [name, type] : kTypes) {
        if (op == name) node->type = type;
      }
      with_precision = op.size() > 2 && op.substr(op.size() - 2) == "_N";
    }
    if (key == "typmod") precision = int_of(value);
    if (key == "location") node->location = location(value);
  });
  if (with_precision) node->precision = static_cast<int32_t>(precision);
  return node;
}

ExprPtr Converter::grouping_set(Json body) {
  auto node = std::make_unique<GroupingSet>();
  node->location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "kind") {
      const std::string_view kind = view_of(value);
      node->type = kind == "GROUPING_SET_ROLLUP" ? GroupingSet::Type::rollup
                   : kind == "GROUPING_SET_CUBE" ? GroupingSet::Type::cube
                   : kind == "GROUPING_SET_SETS" ? GroupingSet::Type::sets
                                                 : GroupingSet::Type::empty;
    }
    if (key == "content") node->items = exprs(value);
    if (key == "location") node->location = location(value);
  });
  return node;
}

TypeName Converter::type_name(Json body) {
  TypeName type;
  type.location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "names") type.names = strings(value);
    if (key == "setof") type.setof = bool_of(value);
    if (key == "pct_type") type.percent_type = bool_of(value);
    if (key == "typmods") type.typmods = exprs(value);
    if (key == "location") type.location = location(value);
    if (key != "arrayBounds") return;
    each_item(value, [&](Json item) {
      int32_t bound = -1;  // int[]: -1, and int[0] is as good as int[]
      with_node(item, [&](std::string_view, Json integer) {
        each_field(integer, [&](std::string_view, Json number) {
          bound = static_cast<int32_t>(int_of(number));
        });
      });
      type.array_bounds.push_back(bound);
    });
  });
  return type;
}

OrderItem Converter::order_item(Json node) {
  OrderItem item;
  with_node(node, [&](std::string_view, Json body) {
    each_field(body, [&](std::string_view key, Json value) {
      if (key == "node") item.expr = expr(value);
      if (key == "sortby_dir") {
        const std::string_view direction = view_of(value);
        item.direction = direction == "SORTBY_ASC"     ? OrderItem::Direction::ascending
                         : direction == "SORTBY_DESC"  ? OrderItem::Direction::descending
                         : direction == "SORTBY_USING" ? OrderItem::Direction::use_operator
                                                       : OrderItem::Direction::unspecified;
      }
      if (key == "sortby_nulls") {
        const std::string_view nulls = view_of(value);
        item.nulls = nulls == "SORTBY_NULLS_FIRST"  ? OrderItem::Nulls::first
                     : nulls == "SORTBY_NULLS_LAST" ? OrderItem::Nulls::last
                                                    : OrderItem::Nulls::unspecified;
      }
      if (key == "useOp") item.using_operator = strings(value);
      if (key == "location") item.location = location(value);
    });
  });
  return item;
}

std::vector<OrderItem> Converter::order_items(Json array) {
  std::vector<OrderItem> list;
  each_item(array, [&](Json item) { list.push_back(order_item(item)); });
  return list;
}

namespace {

// PostgreSQL's FRAMEOPTION_ bits (parsenodes.h).
void set_frame(int64_t bits, WindowSpec& window) {
  using Bound = WindowSpec::Bound;
  const auto has = [&](int64_t bit) { return (bits & bit) != 0; };
  window.has_frame = has(0x1);
  window.mode = has(0x4)   ? WindowSpec::Mode::rows
                : has(0x8) ? WindowSpec::Mode::groups
                           : WindowSpec::Mode::range;
  window.start = has(0x20)     ? Bound::unbounded_preceding
                 : has(0x200)  ? Bound::current_row
                 : has(0x800)  ? Bound::preceding
                 : has(0x2000) ? Bound::following
                               : Bound::unbounded_following;
  window.end = has(0x100)    ? Bound::unbounded_following
               : has(0x400)  ? Bound::current_row
               : has(0x1000) ? Bound::preceding
               : has(0x4000) ? Bound::following
                             : Bound::unbounded_preceding;
  window.exclude = has(0x8000)    ? WindowSpec::Exclude::current_row
                   : has(0x10000) ? WindowSpec::Exclude::group
                   : has(0x20000) ? WindowSpec::Exclude::ties
                                  : WindowSpec::Exclude::no_others;
}

}  // namespace

WindowSpec Converter::window(Json body) {
  WindowSpec window;
  window.location = offset_;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "name") window.name = text_of(value);
    if (key == "refname") window.ref_name = text_of(value);
    if (key == "partitionClause") window.partition_by = exprs(value);
    if (key == "orderClause") window.order_by = order_items(value);
    if (key == "frameOptions") set_frame(int_of(value), window);
    if (key == "startOffset") window.start_offset = expr(value);
    if (key == "endOffset") window.end_offset = expr(value);
    if (key == "location") window.location = location(value);
  });
  return window;
}

}  // namespace qw::sql::parsing
