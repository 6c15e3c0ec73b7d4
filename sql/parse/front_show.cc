// See front.h: DROP, SHOW, DESCRIBE, SUBSCRIBE, EXPLAIN DATAFLOW and the one-word statements.
// Tests: tests/unit/sql_parse/front_test.cc.
#include <algorithm>
#include <array>
#include <utility>

#include "sql/parse/front.h"
#include "sql/parser.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

Result<StatementPtr> Front::drop() {
  take();
  auto node = std::make_unique<Drop>();
  if (accept("source")) {
    node->object = ObjectKind::source;
    node->object_name = "source";
  } else if (accept("secret")) {
    node->object = ObjectKind::secret;
    node->object_name = "secret";
  } else if (accept("connection")) {
    node->object = ObjectKind::connection;
    node->object_name = "connection";
  } else {
    return unsupported();
  }
  QW_ASSIGN_OR_RETURN(node->if_exists, if_exists());
  do {
    QW_ASSIGN_OR_RETURN(const RelationName relation, relation_name());
    Name& parts = node->names.emplace_back();
    if (!relation.catalog.empty()) parts.push_back(relation.catalog);
    if (!relation.schema.empty()) parts.push_back(relation.schema);
    parts.push_back(relation.name);
  } while (accept_mark(','));
  if (accept("cascade")) {
    node->behavior = Behavior::cascade;
  } else {
    accept("restrict");
  }
  QW_TRY(expect_end());
  return node;
}

Result<StatementPtr> Front::show() {
  if (accept("flush")) {
    QW_TRY(expect_end());
    return std::make_unique<Flush>();
  }
  if (accept("validate")) {
    QW_TRY(expect("connection"));
    auto validate = std::make_unique<ValidateConnection>();
    QW_ASSIGN_OR_RETURN(validate->name, relation_name());
    QW_TRY(expect_end());
    return validate;
  }
  using Type = ShowObjects::Type;
  static constexpr std::pair<std::string_view, Type> kTypes[] = {
      {"sources", Type::sources},
      {"views", Type::views},
      {"tables", Type::tables},
      {"connections", Type::connections},
      {"secrets", Type::secrets},
      {"indexes", Type::indexes},
      {"schemas", Type::schemas},
      {"columns", Type::columns},
      {"materialized", Type::materialized_views},
  };
  take();
  if (accept("create")) return show_create();
  auto node = std::make_unique<ShowObjects>();
  for (const auto& [word, type] : kTypes) {
    if (is(word)) node->type = type;
  }
  if (accept("materialized")) {
    QW_TRY(expect("views"));
  } else {
    take();
  }
  if (node->type == Type::columns) {
    if (!accept("in")) QW_TRY(expect("from"));
    QW_ASSIGN_OR_RETURN(node->relation, relation_name());
  } else if (node->type == Type::indexes && (is("on") || is("from"))) {
    take();
    QW_ASSIGN_OR_RETURN(node->relation, relation_name());
  } else if (accept("from") || accept("in")) {
    QW_ASSIGN_OR_RETURN(node->schema, name());
  }
  if (accept("like")) {
    node->has_like = true;
    QW_ASSIGN_OR_RETURN(node->like, string());
  }
  QW_TRY(expect_end());
  return node;
}

// SHOW CREATE [SOURCE | TABLE | ..] name
Result<StatementPtr> Front::show_create() {
  auto node = std::make_unique<ShowObjects>();
  node->type = ShowObjects::Type::create;
  // A kind's word is a kind only when a name follows.
  const bool name_follows = peek(1).kind == Token::Kind::word ||
                            peek(1).kind == Token::Kind::quoted_name ||
                            peek(1).kind == Token::Kind::unicode_name;
  if (name_follows) {
    static constexpr std::pair<std::string_view, ObjectKind> kKinds[] = {
        {"source", ObjectKind::source},
        {"table", ObjectKind::table},
        {"view", ObjectKind::view},
        {"index", ObjectKind::index},
        {"connection", ObjectKind::connection},
        {"materialized", ObjectKind::materialized_view},
    };
    for (const auto& [word, kind] : kKinds) {
      if (is(word)) node->object = kind;
    }
    if (is("secret")) return fail(refused("SHOW CREATE SECRET", peek()));
    if (accept("materialized")) {
      QW_TRY(expect("view"));
    } else if (node->object != ObjectKind::other) {
      take();
    }
  }
  QW_ASSIGN_OR_RETURN(node->relation, relation_name());
  QW_TRY(expect_end());
  return node;
}

Result<StatementPtr> Front::describe() {
  take();
  auto node = std::make_unique<ShowObjects>();
  node->type = ShowObjects::Type::columns;
  QW_ASSIGN_OR_RETURN(node->relation, relation_name());
  QW_TRY(expect_end());
  return node;
}

// SUBSCRIBE [TO] v | (SELECT ..) [WITH (..)] [AS OF expr]
Result<StatementPtr> Front::subscribe() {
  take();
  accept("to");
  auto node = std::make_unique<Subscribe>();
  node->location = static_cast<int32_t>(range_.begin);
  if (is_mark('(')) {
    const size_t behind = behind_bracket(at_);
    if (behind == 0) return fail(error_at(tokens_.back()));
    QW_ASSIGN_OR_RETURN(StatementPtr query,
                        pg_in_place("", tokens_[at_].begin, tokens_[behind - 1].end));
    if (query->kind != Kind::select) return fail(error_at(tokens_[at_ + 1]));
    node->query.reset(static_cast<Select*>(query.release()));
    at_ = behind;
  } else {
    QW_ASSIGN_OR_RETURN(node->relation, relation_name());
  }
  if (accept("with")) {
    QW_ASSIGN_OR_RETURN(node->options, options());
  }
  if (is("as") && is("of", 1)) {
    take();
    take();
    if (peek().kind == Token::Kind::end || is_mark(';')) return fail(error_here());
    QW_ASSIGN_OR_RETURN(node->as_of, expression(peek().begin, range_.end));
    return node;
  }
  if (is("envelope")) return fail(refused("SUBSCRIBE .. ENVELOPE", peek()));
  QW_TRY(expect_end());
  return node;
}

// EXPLAIN DATAFLOW statement: PostgreSQL's EXPLAIN with the word blanked.
Result<StatementPtr> Front::explain_dataflow() {
  std::string text(source_.substr(range_.begin, end_ - range_.begin));
  const Token word = peek(1);
  std::fill(text.begin() + (word.begin - range_.begin), text.begin() + (word.end - range_.begin),
            ' ');
  QW_ASSIGN_OR_RETURN(StatementPtr statement, pg_text(source_, text, range_.begin));
  if (statement->kind != Kind::explain) return fail(error_here());
  statement->as<Explain>().dataflow = true;
  return statement;
}

}  // namespace qw::sql::parsing
