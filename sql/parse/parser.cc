// See sql/parser.h: splits a text, sends each part to its grammar, and puts the answers together.
// Any thread. Tests: tests/unit/sql_parse/.
#include "sql/parser.h"

#include <algorithm>
#include <utility>

#include "sql/parse/converter.h"
#include "sql/parse/front.h"
#include "sql/parse/pg_parse.h"
#include "sql/parse/scanner.h"
#include "sql/parse/survey.h"

namespace qw::sql {

namespace parsing {

namespace {

// `text` lies at byte `offset` of `source`; an error's position is moved accordingly.
Result<std::vector<RawStatement>> pg_raw(std::string_view source, const std::string& text,
                                         int32_t offset) {
  Result<PaddedJson> json = pg_parse(text);
  if (!json) {
    Error error = std::move(json.error());
    if (error.position() > 0 && offset != 0) {
      const int32_t before = offset > 0 ? character_position(source, offset) - 1 : offset;
      error = std::move(error).at(std::max(error.position() + before, 1));
    }
    return fail(std::move(error));
  }
  return Converter(source, text, offset).run(*json);
}

}  // namespace

Result<std::vector<ast::StatementPtr>> pg_statements(std::string_view source, std::string_view text,
                                                     uint32_t offset) {
  QW_ASSIGN_OR_RETURN(std::vector<RawStatement> raw,
                      pg_raw(source, std::string(text), static_cast<int32_t>(offset)));
  std::vector<ast::StatementPtr> list;
  for (RawStatement& statement : raw) list.push_back(std::move(statement.statement));
  return list;
}

}  // namespace parsing

namespace {

using parsing::RawStatement;
using parsing::StatementRange;
using parsing::Survey;

// Bytes of a statement that PostgreSQL's grammar found: its range begins with blanks and comments.
void set_range(std::string_view sql, const RawStatement& raw, ParsedStatement& parsed) {
  const auto size = static_cast<uint32_t>(sql.size());
  const uint32_t end = raw.end == 0 ? size : raw.end;
  parsing::Scanner scanner(sql, raw.begin);
  parsed.begin = std::min(scanner.next().begin, end);
  parsed.end = end;
  while (parsed.end > parsed.begin &&
         std::string_view(" \t\r\n\f;").find(sql[parsed.end - 1]) != std::string_view::npos) {
    --parsed.end;
  }
}

Result<std::vector<ParsedStatement>> parse_plain(std::string_view sql, const Survey& survey) {
  QW_ASSIGN_OR_RETURN(std::vector<RawStatement> raw, parsing::pg_raw(sql, std::string(sql), 0));
  const bool secret = std::any_of(survey.statements.begin(), survey.statements.end(),
                                  [](const StatementRange& range) { return range.secret; });
  std::vector<ParsedStatement> list;
  for (size_t i = 0; i < raw.size(); ++i) {
    ParsedStatement& parsed = list.emplace_back();
    if (raw.size() == survey.statements.size()) {
      parsed.begin = survey.statements[i].begin;
      parsed.end = survey.statements[i].end;
      parsed.secret = survey.statements[i].secret;
    } else {
      set_range(sql, raw[i], parsed);  // semicolons inside a statement (CREATE FUNCTION)
      parsed.secret = secret;
    }
    parsed.statement = std::move(raw[i].statement);
  }
  return list;
}

Result<ParsedStatement> parse_one(std::string_view sql, const StatementRange& range, uint32_t end) {
  ParsedStatement parsed;
  parsed.begin = range.begin;
  parsed.end = range.end;
  parsed.secret = range.secret;
  if (range.plain()) {
    QW_ASSIGN_OR_RETURN(
        auto list,
        parsing::pg_statements(sql, sql.substr(range.begin, end - range.begin), range.begin));
    if (list.size() != 1) return fail(internal_error("statement boundaries differ"));
    parsed.statement = std::move(list[0]);
  } else {
    QW_ASSIGN_OR_RETURN(parsed.statement, parsing::Front(sql, range, end).parse());
  }
  return parsed;
}

// One statement made of `prefix` and stored text; locations are offsets in `sql`.
Result<ast::StatementPtr> parse_prefixed(std::string_view prefix, std::string_view sql) {
  const std::string text = std::string(prefix) + std::string(sql);
  QW_TRY(parsing::survey(text));
  QW_ASSIGN_OR_RETURN(std::vector<RawStatement> raw,
                      parsing::pg_raw(sql, text, -static_cast<int32_t>(prefix.size())));
  if (raw.size() != 1) return fail(syntax_error("one statement is expected"));
  return std::move(raw[0].statement);
}

// The one target of SELECT target, with nothing else.
Result<ast::ExprPtr> only_target(ast::StatementPtr statement, std::string_view sql) {
  auto* select = statement->kind == ast::Kind::select ? &statement->as<ast::Select>() : nullptr;
  const bool one = select != nullptr && select->op == ast::Select::Op::none &&
                   select->targets.size() == 1 && select->targets[0].name.empty() &&
                   !select->distinct && !select->into && select->from.empty() && !select->where &&
                   select->group_by.empty() && !select->having && select->windows.empty() &&
                   select->order_by.empty() && !select->limit && !select->offset &&
                   select->locking.empty();
  if (!one) return fail(syntax_error("an expression is expected: " + std::string(sql)));
  return std::move(select->targets[0].expr);
}

}  // namespace

Result<std::vector<ParsedStatement>> parse(std::string_view sql) {
  QW_ASSIGN_OR_RETURN(const Survey survey, parsing::survey(sql));
  if (survey.plain) return parse_plain(sql, survey);
  std::vector<ParsedStatement> list;
  for (size_t i = 0; i < survey.statements.size(); ++i) {
    const bool last = i + 1 == survey.statements.size();
    const auto end = last ? static_cast<uint32_t>(sql.size()) : survey.statements[i + 1].begin;
    QW_ASSIGN_OR_RETURN(ParsedStatement parsed, parse_one(sql, survey.statements[i], end));
    list.push_back(std::move(parsed));
  }
  return list;
}

bool mentions_secret(std::string_view sql) {
  const auto contains = [&](std::string_view word) {
    const auto same = [](char a, char b) {
      return (a >= 'A' && a <= 'Z' ? static_cast<char>(a + 32) : a) == b;
    };
    return std::search(sql.begin(), sql.end(), word.begin(), word.end(), same) != sql.end();
  };
  return contains("secret") || contains("password");
}

Result<ast::ExprPtr> parse_expression(std::string_view sql) {
  QW_ASSIGN_OR_RETURN(ast::StatementPtr statement, parse_prefixed("SELECT ", sql));
  return only_target(std::move(statement), sql);
}

Result<ast::SelectPtr> parse_query(std::string_view sql) {
  QW_ASSIGN_OR_RETURN(ast::StatementPtr statement, parse_prefixed("", sql));
  if (statement->kind != ast::Kind::select) return fail(syntax_error("a query is expected"));
  return ast::SelectPtr(static_cast<ast::Select*>(statement.release()));
}

Result<ast::TypeName> parse_type_name(std::string_view sql) {
  QW_ASSIGN_OR_RETURN(ast::StatementPtr statement, parse_prefixed("SELECT NULL::", sql));
  QW_ASSIGN_OR_RETURN(ast::ExprPtr expr, only_target(std::move(statement), sql));
  if (expr->kind != ast::Kind::type_cast ||
      expr->as<ast::TypeCast>().arg->kind != ast::Kind::literal) {
    return fail(syntax_error("invalid type name \"" + std::string(sql) + "\""));
  }
  return std::move(expr->as<ast::TypeCast>().type);
}

}  // namespace qw::sql
