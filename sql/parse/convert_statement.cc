// See converter.h: the entry point, and statements that neither query nor define.
// Tests: tests/unit/sql_parse/statement_test.cc.
#include <fmt/format.h>

#include <utility>

#include "sql/parse/construct.h"
#include "sql/parse/converter.h"
#include "sql/parser.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

// Errors and values ---------------------------------------------------------------------------

void Converter::keep(Error error) {
  if (!error_) error_ = std::move(error);
}

void Converter::refuse(std::string_view construct, int32_t at) {
  keep(feature_not_supported(fmt::format("{} is not supported", construct)).at(position(at)));
}

int32_t Converter::position(int32_t at) const { return character_position(source_, at); }

int32_t Converter::location(Json value) const {
  const int64_t at = int_of(value);
  return at < 0 ? -1 : static_cast<int32_t>(at) + offset_;
}

// {"String":{"sval":"x"}}; "" for any other node.
std::string Converter::string_node(Json node) {
  std::string text;
  with_node(node, [&](std::string_view type, Json body) {
    if (type != "String") return;
    each_field(body, [&](std::string_view, Json value) { text = text_of(value); });
  });
  return text;
}

std::vector<std::string> Converter::strings(Json array) {
  std::vector<std::string> list;
  each_item(array, [&](Json item) { list.push_back(string_node(item)); });
  return list;
}

// Entry ---------------------------------------------------------------------------------------

Result<std::vector<RawStatement>> Converter::run(const PaddedJson& json) {
  std::vector<RawStatement> list;
  const auto one = [&](Json item) {
    RawStatement raw;
    each_field(item, [&](std::string_view key, Json value) {
      if (key == "stmt_location") raw.begin = static_cast<uint32_t>(int_of(value));
      if (key == "stmt_len") raw.end = static_cast<uint32_t>(int_of(value));
      if (key != "stmt") return;
      // Needed to name what is refused; the statement's own range comes after its tree.
      if (!list.empty()) statement_begin_ = list.back().end + 1;
      raw.statement = statement(value);
    });
    if (raw.end != 0) raw.end += raw.begin;
    if (raw.statement || error_) list.push_back(std::move(raw));
  };
  QW_TRY(read_tree(json, [&](std::string_view key, Json value) {
    if (key == "stmts") each_item(value, one);
  }));
  if (error_) return fail(std::move(*error_));
  return list;
}

StatementPtr Converter::statement(Json node) {
  StatementPtr result;
  with_node(node, [&](std::string_view type, Json body) { result = statement(type, body); });
  return result;
}

StatementPtr Converter::statement(std::string_view type, Json body) {
  const Nested nested(*this);
  if (!nested) return nullptr;
  if (type == "SelectStmt") return select(body);
  if (type == "InsertStmt") return insert(body);
  if (type == "UpdateStmt") return update(body);
  if (type == "DeleteStmt") return remove(body);
  if (type == "TransactionStmt") return transaction(body);
  if (type == "VariableSetStmt") return set_variable(body);
  if (type == "CreateStmt") return create_table(body);
  if (type == "CreateTableAsStmt") return create_table_as(body);
  if (type == "ViewStmt") return create_view(body);
  if (type == "IndexStmt") return create_index(body);
  if (type == "CreateSchemaStmt") return create_schema(body);
  if (type == "DropStmt") return drop(body);
  if (type == "AlterTableStmt") return alter_table(body);
  if (type == "RenameStmt") return rename(body);
  if (type == "RefreshMatViewStmt") return refresh(body);
  if (type == "TruncateStmt") return truncate(body);
  if (type == "CommentStmt") return comment(body);
  if (type == "CopyStmt") return copy(body);
  return other_statement(type, body);
}

StatementPtr Converter::other_statement(std::string_view type, Json body) {
  if (type == "PrepareStmt") return prepare(body);
  if (type == "ExecuteStmt") return execute(body);
  if (type == "DeclareCursorStmt") return declare_cursor(body);
  if (type == "FetchStmt") return fetch(body);
  if (type == "ExplainStmt") return explain(body);
  if (type == "VacuumStmt") return vacuum(body);
  if (type == "LockStmt") return lock(body);
  if (type == "CheckPointStmt") return std::make_unique<Checkpoint>();
  if (StatementPtr node = simple(type, body)) return node;
  return unsupported();
}

StatementPtr Converter::unsupported() const {
  auto node = std::make_unique<Unsupported>();
  node->construct = construct_name(text_.substr(std::min<size_t>(statement_begin_, text_.size())));
  return node;
}

// Statements with one or two words ------------------------------------------------------------

StatementPtr Converter::simple(std::string_view type, Json body) {
  std::string first, second;
  bool flag = false;
  std::vector<RelationName> names;
  const auto read = [&](std::string_view first_key, std::string_view second_key = "") {
    each_field(body, [&](std::string_view key, Json value) {
      if (key == first_key) first = text_of(value);
      if (key == second_key) second = text_of(value);
    });
  };
  if (type == "VariableShowStmt") {
    auto node = std::make_unique<ShowVariable>();
    read("name");
    node->name = std::move(first);
    return node;
  }
  if (type == "DeallocateStmt") {
    auto node = std::make_unique<Deallocate>();
    read("name");
    node->name = std::move(first);
    return node;
  }
  if (type == "ClosePortalStmt") {
    auto node = std::make_unique<CloseCursor>();
    read("portalname");
    node->name = std::move(first);
    return node;
  }
  if (type == "DiscardStmt") {
    auto node = std::make_unique<Discard>();
    read("target");
    node->what = first == "DISCARD_ALL"     ? "all"
                 : first == "DISCARD_PLANS" ? "plans"
                 : first == "DISCARD_TEMP"  ? "temp"
                                            : "sequences";
    return node;
  }
  if (type == "ListenStmt") {
    auto node = std::make_unique<Listen>();
    read("conditionname");
    node->channel = std::move(first);
    return node;
  }
  if (type == "UnlistenStmt") {
    auto node = std::make_unique<Unlisten>();
    read("conditionname");
    node->channel = std::move(first);
    return node;
  }
  if (type == "NotifyStmt") {
    auto node = std::make_unique<Notify>();
    read("conditionname", "payload");
    node->channel = std::move(first);
    node->payload = std::move(second);
    return node;
  }
  if (type == "ConstraintsSetStmt") {
    each_field(body, [&](std::string_view key, Json value) {
      if (key == "constraints") names = relations(value);
      if (key == "deferred") flag = bool_of(value);
    });
    auto node = std::make_unique<SetConstraints>();
    node->constraints = std::move(names);
    node->deferred = flag;
    return node;
  }
  return nullptr;
}

// COPY, transactions, settings ----------------------------------------------------------------

StatementPtr Converter::copy(Json body) {
  auto node = std::make_unique<Copy>();
  node->from = false;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relation") node->relation = relation(value);
    if (key == "query") node->query = statement(value);
    if (key == "attlist") node->columns = strings(value);
    if (key == "is_from") node->from = bool_of(value);
    if (key == "is_program") node->program = bool_of(value);
    if (key == "filename") node->file = text_of(value);
    if (key == "options") node->options = options(value);
    if (key == "whereClause") node->where = expr(value);
  });
  return node;
}

StatementPtr Converter::transaction(Json body) {
  using Type = Transaction::Type;
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"TRANS_STMT_BEGIN", Type::begin},
      {"TRANS_STMT_START", Type::start},
      {"TRANS_STMT_COMMIT", Type::commit},
      {"TRANS_STMT_ROLLBACK", Type::rollback},
      {"TRANS_STMT_SAVEPOINT", Type::savepoint},
      {"TRANS_STMT_RELEASE", Type::release},
      {"TRANS_STMT_ROLLBACK_TO", Type::rollback_to},
      {"TRANS_STMT_PREPARE", Type::prepare},
      {"TRANS_STMT_COMMIT_PREPARED", Type::commit_prepared},
      {"TRANS_STMT_ROLLBACK_PREPARED", Type::rollback_prepared},
  };
  auto node = std::make_unique<Transaction>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "kind") {
      const std::string_view kind = view_of(value);
      for (const auto& [name, type] : kTypes) {
        if (name == kind) node->type = type;
      }
    }
    if (key == "options") node->options = options(value);
    if (key == "savepoint_name" || key == "gid") node->name = text_of(value);
    if (key == "chain") node->chain = bool_of(value);
  });
  return node;
}

StatementPtr Converter::set_variable(Json body) {
  auto node = std::make_unique<SetVariable>();
  std::string kind;
  const auto argument = [&](std::string_view type, Json value) {
    Option& added = node->values.emplace_back();
    if (type == "DefElem") {
      added = option(value);
      return;
    }
    if (type == "A_Const") {
      option_value(type, value, added);
      return;
    }
    const ExprPtr interval = expr(type, value);  // SET TIME ZONE INTERVAL '1' HOUR
    if (!interval) return;
    if (interval->kind == Kind::param) {
      refuse_param(*interval);
      return;
    }
    added.type = Option::Type::cast;
    added.text = to_sql(*interval);
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "kind") kind = text_of(value);
    if (key == "name") node->name = text_of(value);
    if (key == "is_local") node->local = bool_of(value);
    if (key != "args") return;
    each_item(value, [&](Json item) { with_node(item, argument); });
  });
  using Type = SetVariable::Type;
  node->type = kind == "VAR_SET_DEFAULT"   ? Type::to_default
               : kind == "VAR_SET_CURRENT" ? Type::current
               : kind == "VAR_RESET"       ? Type::reset
               : kind == "VAR_RESET_ALL"   ? Type::reset_all
                                           : Type::value;
  if (kind != "VAR_SET_MULTI") return node;
  if (node->name == "TRANSACTION SNAPSHOT") {
    refuse("SET TRANSACTION SNAPSHOT");
    return nullptr;
  }
  node->type = node->name == "TRANSACTION" ? Type::transaction : Type::session;
  node->name.clear();
  return node;
}

// Cursors and prepared statements -------------------------------------------------------------

StatementPtr Converter::prepare(Json body) {
  auto node = std::make_unique<Prepare>();
  const auto type_item = [&](Json item) {
    with_node(item,
              [&](std::string_view, Json fields) { node->types.push_back(type_name(fields)); });
  };
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "name") node->name = text_of(value);
    if (key == "argtypes") each_item(value, type_item);
    if (key == "query") node->query = statement(value);
  });
  return node;
}

StatementPtr Converter::execute(Json body) {
  auto node = std::make_unique<Execute>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "name") node->name = text_of(value);
    if (key == "params") node->arguments = exprs(value);
  });
  return node;
}

StatementPtr Converter::declare_cursor(Json body) {
  auto node = std::make_unique<DeclareCursor>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "portalname") node->name = text_of(value);
    if (key == "query") node->query = statement(value);
    if (key != "options") return;
    const int64_t bits = int_of(value);  // CURSOR_OPT_ of parsenodes.h
    node->binary = (bits & 0x1) != 0;
    node->scroll = (bits & 0x2) != 0;
    node->no_scroll = (bits & 0x4) != 0;
    node->insensitive = (bits & 0x8) != 0;
    node->hold = (bits & 0x20) != 0;
  });
  return node;
}

StatementPtr Converter::fetch(Json body) {
  auto node = std::make_unique<Fetch>();
  node->count = 0;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "direction") {
      const std::string_view direction = view_of(value);
      node->direction = direction == "FETCH_BACKWARD"   ? Fetch::Direction::backward
                        : direction == "FETCH_ABSOLUTE" ? Fetch::Direction::absolute
                        : direction == "FETCH_RELATIVE" ? Fetch::Direction::relative
                                                        : Fetch::Direction::forward;
    }
    if (key == "howMany") node->count = int_of(value);
    if (key == "portalname") node->cursor = text_of(value);
    if (key == "ismove") node->move = bool_of(value);
  });
  return node;
}

// The rest ------------------------------------------------------------------------------------

StatementPtr Converter::explain(Json body) {
  auto node = std::make_unique<Explain>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "query") node->query = statement(value);
    if (key == "options") node->options = options(value);
  });
  return node;
}

StatementPtr Converter::vacuum(Json body) {
  auto node = std::make_unique<Vacuum>();
  node->analyze_only = true;
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "options") node->options = options(value);
    if (key == "rels") node->relations = relations(value);
    if (key == "is_vacuumcmd") node->analyze_only = !bool_of(value);
  });
  return node;
}

StatementPtr Converter::lock(Json body) {
  static constexpr std::string_view kModes[] = {
      "",      "ACCESS SHARE",        "ROW SHARE", "ROW EXCLUSIVE",   "SHARE UPDATE EXCLUSIVE",
      "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE"};
  auto node = std::make_unique<Lock>();
  each_field(body, [&](std::string_view key, Json value) {
    if (key == "relations") node->relations = relations(value);
    if (key == "mode") node->mode = kModes[static_cast<size_t>(int_of(value)) % std::size(kModes)];
    if (key == "nowait") node->nowait = bool_of(value);
  });
  return node;
}

}  // namespace qw::sql::parsing
