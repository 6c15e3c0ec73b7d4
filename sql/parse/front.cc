// See front.h: tokens, names, options, and parts in PostgreSQL's grammar.
// Tests: tests/unit/sql_parse/front_test.cc.
#include "sql/parse/front.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sql/parse/construct.h"
#include "sql/parse/keywords.h"
#include "sql/parser.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

Front::Front(std::string_view source, const StatementRange& range, uint32_t end)
    : source_(source), range_(range), end_(end), scanner_(source.substr(0, end), range.begin) {
  for (;;) {
    Token token = scanner_.next();
    if (scanner_.is_punctuation(token, ';')) {
      // The statement's end; its semicolon is what an unexpected end is "near".
      tokens_.push_back(token);
      break;
    }
    tokens_.push_back(token);
    if (token.kind == Token::Kind::error) lexical_error_ = scanner_.error();
    if (token.kind == Token::Kind::end || token.kind == Token::Kind::error) break;
  }
  secret_ = range.secret;
}

// Tokens --------------------------------------------------------------------------------------

const Token& Front::peek(size_t ahead) const {
  return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
}

bool Front::is_equals() const {
  return peek().kind == Token::Kind::op && scanner_.text(peek()) == "=";
}

bool Front::accept(std::string_view word) {
  if (!is(word)) return false;
  take();
  return true;
}

bool Front::accept_mark(char c) {
  if (!is_mark(c)) return false;
  take();
  return true;
}

Result<void> Front::expect(std::string_view word) {
  if (accept(word)) return {};
  return fail(error_here());
}

Result<void> Front::expect_mark(char c) {
  if (accept_mark(c)) return {};
  return fail(error_here());
}

Result<void> Front::expect_end() {
  if (peek().kind == Token::Kind::end || is_mark(';')) return {};
  return fail(error_here());
}

bool Front::is_string(const Token& token) const {
  return token.kind == Token::Kind::string || token.kind == Token::Kind::unicode_string;
}

Error Front::error_at(const Token& token) const {
  const int32_t position = character_position(source_, static_cast<int32_t>(token.begin));
  if (token.kind == Token::Kind::end) {
    return syntax_error("syntax error at end of input").at(position);
  }
  const bool hide = secret_ && (is_string(token) || token.kind == Token::Kind::error);
  const std::string_view text = hide ? std::string_view("'...'") : scanner_.text(token);
  const bool lexical = token.kind == Token::Kind::error && lexical_error_ != nullptr;
  return syntax_error(
             fmt::format("{} at or near \"{}\"", lexical ? lexical_error_ : "syntax error", text))
      .at(position);
}

Error Front::refused(std::string_view construct, const Token& token) const {
  return feature_not_supported(fmt::format("{} is not supported", construct))
      .at(character_position(source_, static_cast<int32_t>(token.begin)));
}

size_t Front::behind_bracket(size_t open) const {
  int depth = 0;
  for (size_t i = open; i < tokens_.size(); ++i) {
    if (scanner_.is_punctuation(tokens_[i], '(')) ++depth;
    if (scanner_.is_punctuation(tokens_[i], ')') && --depth == 0) return i + 1;
  }
  return 0;
}

// Names and values ----------------------------------------------------------------------------

Result<std::string> Front::name() {
  const Token token = peek();
  if (token.kind == Token::Kind::word && is_reserved(fold(scanner_.text(token)))) {
    return fail(error_here());
  }
  return label();
}

Result<std::string> Front::label() {
  const Token token = peek();
  const bool fits = token.kind == Token::Kind::word || token.kind == Token::Kind::quoted_name ||
                    token.kind == Token::Kind::unicode_name;
  if (!fits) return fail(error_here());
  take();
  return name_value(token, scanner_.text(token));
}

Result<RelationName> Front::relation_name() {
  RelationName result;
  result.location = static_cast<int32_t>(peek().begin);
  QW_ASSIGN_OR_RETURN(result.name, name());
  if (!accept_mark('.')) return result;
  result.schema = std::move(result.name);
  QW_ASSIGN_OR_RETURN(result.name, label());
  if (!accept_mark('.')) return result;
  result.catalog = std::move(result.schema);
  result.schema = std::move(result.name);
  QW_ASSIGN_OR_RETURN(result.name, label());
  return result;
}

Result<std::string> Front::string() {
  const Token token = peek();
  if (!is_string(token)) return fail(error_here());
  Result<std::string> value = string_value(scanner_.text(token));
  if (!value) {
    return fail(std::move(value.error())
                    .at(character_position(source_, static_cast<int32_t>(token.begin))));
  }
  take();
  return value;
}

Result<bool> Front::if_not_exists() {
  if (!is("if") || !is("not", 1)) return false;
  take();
  take();
  QW_TRY(expect("exists"));
  return true;
}

Result<bool> Front::if_exists() {
  if (!is("if") || !is("exists", 1)) return false;
  take();
  take();
  return true;
}

// Options: TOPIC 't', PORT 5432, START OFFSET (0, 10), PASSWORD SECRET s, SSL MODE = 'require'.
Result<Option> Front::option() {
  Option result;
  result.location = static_cast<int32_t>(peek().begin);
  if (peek().kind != Token::Kind::word && peek().kind != Token::Kind::quoted_name) {
    return fail(error_here());
  }
  // Words up to the value are the name. Without = and without a literal the last word is the value.
  QW_ASSIGN_OR_RETURN(result.name, label());
  while (peek().kind == Token::Kind::word) {
    if (is("secret") && peek(1).kind != Token::Kind::op) break;
    const bool last = is_mark(',', 1) || is_mark(')', 1);
    if (last) break;
    QW_ASSIGN_OR_RETURN(const std::string word, label());
    result.name += "_" + word;
  }
  if (is_mark('.')) {
    take();
    result.name_space = std::move(result.name);
    QW_ASSIGN_OR_RETURN(result.name, label());
  }
  if (is_equals()) {
    take();
    QW_TRY(option_value(result));
  } else if (!is_mark(',') && !is_mark(')')) {
    QW_TRY(option_value(result));
  }
  return result;
}

Result<void> Front::option_value(Option& option) {
  const Token token = peek();
  if (is_mark('(')) return option_list(option);
  if (is("secret") &&
      (peek(1).kind == Token::Kind::word || peek(1).kind == Token::Kind::quoted_name)) {
    take();
    option.type = Option::Type::secret;
    QW_ASSIGN_OR_RETURN(const RelationName secret, relation_name());
    option.text_schema = secret.schema;
    option.text = secret.name;
    return {};
  }
  if (is_string(token)) {
    option.type = Option::Type::string;
    QW_ASSIGN_OR_RETURN(option.text, string());
    return {};
  }
  const bool minus = token.kind == Token::Kind::op && scanner_.text(token) == "-";
  const Token number = peek(minus ? 1 : 0);
  if (number.kind == Token::Kind::integer || number.kind == Token::Kind::number) {
    if (minus) take();
    take();
    option.type =
        number.kind == Token::Kind::integer ? Option::Type::integer : Option::Type::decimal;
    option.text = (minus ? "-" : "") + std::string(scanner_.text(number));
    return {};
  }
  option.type = Option::Type::word;
  QW_ASSIGN_OR_RETURN(option.text, label());
  return {};
}

Result<void> Front::option_list(Option& option) {
  QW_TRY(expect_mark('('));
  option.type = Option::Type::list;
  while (!accept_mark(')')) {
    if (!option.list.empty()) QW_TRY(expect_mark(','));
    Option item;
    if (is_mark('(')) return fail(error_here());
    QW_TRY(option_value(item));
    option.list.push_back(std::move(item.text));
  }
  return {};
}

Result<std::vector<Option>> Front::options() {
  std::vector<Option> list;
  QW_TRY(expect_mark('('));
  if (accept_mark(')')) return list;
  do {
    QW_ASSIGN_OR_RETURN(Option item, option());
    list.push_back(std::move(item));
  } while (accept_mark(','));
  QW_TRY(expect_mark(')'));
  return list;
}

// Parts in PostgreSQL's grammar ---------------------------------------------------------------

Result<StatementPtr> Front::pg_text(std::string_view source, const std::string& text,
                                    uint32_t offset) {
  QW_ASSIGN_OR_RETURN(auto list, pg_statements(source, text, offset));
  if (list.size() != 1) {
    return fail(syntax_error("syntax error at end of input")
                    .at(character_position(source, static_cast<int32_t>(offset + text.size()))));
  }
  return std::move(list[0]);
}

Result<StatementPtr> Front::pg_in_place(std::string_view prefix, uint32_t begin,
                                        uint32_t end) const {
  QW_ASSERT(begin - range_.begin >= prefix.size());
  std::string text(begin - range_.begin, ' ');
  std::copy(prefix.begin(), prefix.end(), text.end() - static_cast<ptrdiff_t>(prefix.size()));
  text += source_.substr(begin, end - begin);
  return pg_text(source_, text, range_.begin);
}

Result<ExprPtr> Front::expression(uint32_t begin, uint32_t end) const {
  QW_ASSIGN_OR_RETURN(StatementPtr statement, pg_in_place("SELECT ", begin, end));
  auto* select = statement->kind == Kind::select ? &statement->as<Select>() : nullptr;
  const bool one = select != nullptr && select->op == Select::Op::none &&
                   select->targets.size() == 1 && select->targets[0].name.empty() &&
                   select->from.empty() && !select->where && select->group_by.empty() &&
                   !select->having && select->order_by.empty() && !select->limit &&
                   !select->offset && !select->into && select->windows.empty() &&
                   select->locking.empty() && !select->distinct;
  if (!one) {
    return fail(syntax_error("an expression is expected")
                    .at(character_position(source_, static_cast<int32_t>(begin))));
  }
  return std::move(select->targets[0].expr);
}

// Tokens [first, last) are a column list with its brackets. `text` is the statement's.
Result<void> Front::cut_watermarks(std::string& text, size_t first, size_t last,
                                   std::vector<Watermark>& watermarks) const {
  const auto blank = [&](uint32_t begin, uint32_t end) {
    std::fill(text.begin() + (begin - range_.begin), text.begin() + (end - range_.begin), ' ');
  };
  int depth = 0;
  for (size_t i = first; i < last; ++i) {
    if (scanner_.is_punctuation(tokens_[i], '(')) ++depth;
    if (scanner_.is_punctuation(tokens_[i], ')')) --depth;
    const bool clause = depth == 1 && i > first && i + 3 < last &&
                        scanner_.is(tokens_[i], "watermark") &&
                        scanner_.is(tokens_[i + 1], "for") &&
                        (scanner_.is_punctuation(tokens_[i - 1], '(') ||
                         scanner_.is_punctuation(tokens_[i - 1], ','));
    if (!clause) continue;
    Watermark watermark;
    watermark.location = static_cast<int32_t>(tokens_[i].begin);
    watermark.column = name_value(tokens_[i + 2], scanner_.text(tokens_[i + 2]));
    if (!scanner_.is(tokens_[i + 3], "as")) return fail(error_at(tokens_[i + 3]));
    size_t end = i + 4;
    for (int inner = 0; end < last; ++end) {
      if (scanner_.is_punctuation(tokens_[end], '(')) ++inner;
      if (inner == 0 && (scanner_.is_punctuation(tokens_[end], ',') ||
                         scanner_.is_punctuation(tokens_[end], ')'))) {
        break;
      }
      if (scanner_.is_punctuation(tokens_[end], ')')) --inner;
    }
    if (end == i + 4) return fail(error_at(tokens_[end]));
    QW_ASSIGN_OR_RETURN(watermark.expr, expression(tokens_[i + 4].begin, tokens_[end - 1].end));
    watermarks.push_back(std::move(watermark));
    // With the comma before it, or else the one behind it.
    const bool comma_before = scanner_.is_punctuation(tokens_[i - 1], ',');
    const bool comma_behind = scanner_.is_punctuation(tokens_[end], ',');
    blank(comma_before ? tokens_[i - 1].begin : tokens_[i].begin,
          !comma_before && comma_behind ? tokens_[end].end : tokens_[end - 1].end);
    i = end - 1;
  }
  return {};
}

// CREATE TABLE with WATERMARK FOR, CREATE MATERIALIZED VIEW with EMIT ON WINDOW CLOSE.
Result<StatementPtr> Front::cut() {
  std::string text(source_.substr(range_.begin, end_ - range_.begin));
  std::vector<Watermark> watermarks;
  bool emit = false;
  int depth = 0;
  for (size_t i = 0; i + 3 < tokens_.size(); ++i) {
    if (scanner_.is_punctuation(tokens_[i], '(') && depth++ == 0 && range_.watermark) {
      const size_t behind = behind_bracket(i);
      if (behind != 0) QW_TRY(cut_watermarks(text, i, behind, watermarks));
    }
    if (scanner_.is_punctuation(tokens_[i], ')')) --depth;
    const bool clause = depth == 0 && i > 0 && scanner_.is(tokens_[i], "emit") &&
                        scanner_.is(tokens_[i + 1], "on") &&
                        scanner_.is(tokens_[i + 2], "window") &&
                        scanner_.is(tokens_[i + 3], "close");
    if (!clause) continue;
    if (emit) return fail(error_at(tokens_[i]));
    emit = true;
    std::fill(text.begin() + (tokens_[i].begin - range_.begin),
              text.begin() + (tokens_[i + 3].end - range_.begin), ' ');
  }
  QW_ASSIGN_OR_RETURN(StatementPtr statement, pg_text(source_, text, range_.begin));
  if (emit) {
    const bool view = statement->kind == Kind::create_table_as &&
                      statement->as<CreateTableAs>().materialized_view;
    if (!view) {
      return fail(syntax_error("EMIT ON WINDOW CLOSE is for materialized views only"));
    }
    statement->as<CreateTableAs>().emit_on_window_close = true;
  }
  if (!watermarks.empty()) {
    if (statement->kind != Kind::create_table) {
      return fail(syntax_error("WATERMARK FOR is for tables and sources only"));
    }
    statement->as<CreateTable>().watermarks = std::move(watermarks);
  }
  return statement;
}

StatementPtr Front::unsupported() const {
  auto node = std::make_unique<Unsupported>();
  node->construct = construct_name(source_.substr(range_.begin, range_.end - range_.begin));
  return node;
}

Result<StatementPtr> Front::parse() {
  if (!range_.ours) return cut();
  const Token& bad = tokens_.back();
  Result<StatementPtr> result = is("create")                   ? create()
                                : is("drop")                   ? drop()
                                : is("show")                   ? show()
                                : is("describe") || is("desc") ? describe()
                                : is("subscribe")              ? subscribe()
                                : is("explain")                ? explain_dataflow()
                                : is("validate") || is("flush")
                                    ? show()
                                    : Result<StatementPtr>(unsupported());
  // A lexical error is told before what the grammar misses because of it, but not before an error
  // that stands earlier.
  if (!result || bad.kind != Token::Kind::error) return result;
  return fail(error_at(bad));
}

}  // namespace qw::sql::parsing
