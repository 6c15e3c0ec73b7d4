// See front.h: secrets, connections, sources. Tests: tests/unit/sql_parse/front_test.cc.
#include <algorithm>
#include <array>
#include <utility>

#include "sql/parse/front.h"
#include "sql/parser.h"

namespace qw::sql::parsing {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

Result<StatementPtr> Front::create() {
  take();
  if (accept("secret")) return create_secret();
  if (accept("connection")) return create_connection();
  if (accept("source")) return create_source();
  return unsupported();
}

Result<StatementPtr> Front::create_secret() {
  secret_ = true;
  auto node = std::make_unique<CreateSecret>();
  node->location = static_cast<int32_t>(range_.begin);
  QW_ASSIGN_OR_RETURN(node->if_not_exists, if_not_exists());
  QW_ASSIGN_OR_RETURN(node->name, relation_name());
  QW_TRY(expect("as"));
  QW_ASSIGN_OR_RETURN(node->value, string());
  QW_TRY(expect_end());
  return node;
}

Result<StatementPtr> Front::create_connection() {
  auto node = std::make_unique<CreateConnection>();
  node->location = static_cast<int32_t>(range_.begin);
  QW_ASSIGN_OR_RETURN(node->if_not_exists, if_not_exists());
  QW_ASSIGN_OR_RETURN(node->name, relation_name());
  QW_TRY(expect("to"));
  const Token what = peek();
  QW_ASSIGN_OR_RETURN(node->type, label());
  if (node->type != "kafka" && node->type != "postgres") {
    return fail(refused("CREATE CONNECTION .. TO " + std::string(scanner_.text(what)), what));
  }
  QW_ASSIGN_OR_RETURN(node->options, options());
  QW_TRY(expect_end());
  return node;
}

// Sources -------------------------------------------------------------------------------------

Result<StatementPtr> Front::create_source() {
  auto node = std::make_unique<CreateSource>();
  node->location = static_cast<int32_t>(range_.begin);
  QW_ASSIGN_OR_RETURN(node->if_not_exists, if_not_exists());
  QW_ASSIGN_OR_RETURN(node->name, relation_name());
  if (is_mark('(')) QW_TRY(source_columns(*node));
  if (is("with")) return fail(refused("CREATE SOURCE .. WITH (connector = ..)", peek()));
  QW_TRY(expect("from"));
  QW_TRY(source_from(*node));
  QW_TRY(source_clauses(*node));
  QW_TRY(expect_end());
  return node;
}

// The column list is that of a CREATE TABLE, with WATERMARK FOR cut out.
Result<void> Front::source_columns(CreateSource& source) {
  const size_t behind = behind_bracket(at_);
  if (behind == 0) return fail(error_at(tokens_.back()));
  const uint32_t open = tokens_[at_].begin;
  const uint32_t close = tokens_[behind - 1].end;
  std::string text(source_.substr(range_.begin, close - range_.begin));
  QW_TRY(cut_watermarks(text, at_, behind, source.watermarks));
  constexpr std::string_view kPrefix = "CREATE TABLE x";
  QW_ASSERT(open - range_.begin >= kPrefix.size());  // CREATE SOURCE and a name are longer
  std::fill(text.begin(), text.begin() + (open - range_.begin), ' ');
  std::copy(kPrefix.begin(), kPrefix.end(), text.begin());
  QW_ASSIGN_OR_RETURN(StatementPtr statement, pg_text(source_, text, range_.begin));
  if (statement->kind != Kind::create_table) return fail(error_here());
  auto& table = statement->as<CreateTable>();
  source.has_columns = true;
  source.columns = std::move(table.columns);
  source.constraints = std::move(table.constraints);
  at_ = behind;
  return {};
}

Result<void> Front::source_from(CreateSource& source) {
  const Token what = peek();
  if (accept("load")) {
    QW_TRY(expect("generator"));
    source.type = "load_generator";
    QW_ASSIGN_OR_RETURN(source.generator, label());
    if (source.generator == "key" && accept("value")) source.generator = "key_value";
  } else if (is("kafka") || is("postgres")) {
    QW_ASSIGN_OR_RETURN(source.type, label());
    QW_TRY(expect("connection"));
    QW_ASSIGN_OR_RETURN(source.connection, relation_name());
  } else if (what.kind == Token::Kind::word) {
    return fail(refused("CREATE SOURCE .. FROM " + std::string(scanner_.text(what)), what));
  } else {
    return fail(error_here());
  }
  if (is_mark('(')) {
    QW_ASSIGN_OR_RETURN(source.connection_options, options());
  }
  return {};
}

// In any order, each at most once.
Result<void> Front::source_clauses(CreateSource& source) {
  enum Clause : uint8_t { format, include, envelope, tables, with };
  std::array<bool, 5> seen{};
  const auto once = [&](Clause clause) -> Result<void> {
    if (seen[clause]) {
      return fail(syntax_error("conflicting or redundant options")
                      .at(character_position(source_, static_cast<int32_t>(peek().begin))));
    }
    seen[clause] = true;
    return {};
  };
  for (;;) {
    if (is("key")) {
      QW_TRY(once(format));
      take();
      QW_TRY(expect("format"));
      QW_TRY(source_format(source.key_format));
      QW_TRY(expect("value"));
      QW_TRY(expect("format"));
      QW_TRY(source_format(source.format));
    } else if (is("format") || is("value")) {
      QW_TRY(once(format));
      accept("value");
      QW_TRY(expect("format"));
      QW_TRY(source_format(source.format));
    } else if (is("include")) {
      QW_TRY(once(include));
      QW_TRY(source_include(source));
    } else if (is("envelope")) {
      QW_TRY(once(envelope));
      QW_TRY(source_envelope(source));
    } else if (is("for")) {
      QW_TRY(once(tables));
      QW_TRY(source_tables(source));
    } else if (is("with")) {
      QW_TRY(once(with));
      take();
      QW_ASSIGN_OR_RETURN(source.options, options());
    } else {
      return {};
    }
  }
}

Result<void> Front::source_format(CreateSource::Format& format) {
  format.location = static_cast<int32_t>(peek().begin);
  QW_ASSIGN_OR_RETURN(format.name, label());
  if (is("using")) return fail(refused("FORMAT .. USING", peek()));
  if (is_mark('(')) {
    QW_ASSIGN_OR_RETURN(format.options, options());
  }
  return {};
}

Result<void> Front::source_include(CreateSource& source) {
  static constexpr std::array<std::string_view, 6> kWhat = {"key",       "partition", "offset",
                                                            "timestamp", "headers",   "proctime"};
  take();
  do {
    CreateSource::Include item;
    item.location = static_cast<int32_t>(peek().begin);
    const bool known =
        std::any_of(kWhat.begin(), kWhat.end(), [&](std::string_view what) { return is(what); });
    if (!known) return fail(error_here());
    QW_ASSIGN_OR_RETURN(item.what, label());
    if (accept("as")) {
      QW_ASSIGN_OR_RETURN(item.alias, label());
    }
    source.include.push_back(std::move(item));
  } while (accept_mark(','));
  return {};
}

Result<void> Front::source_envelope(CreateSource& source) {
  take();
  if (accept("none")) {
    source.envelope = CreateSource::Envelope::none;
  } else if (accept("upsert")) {
    source.envelope = CreateSource::Envelope::upsert;
  } else if (accept("debezium")) {
    source.envelope = CreateSource::Envelope::debezium;
  } else if (peek().kind == Token::Kind::word) {
    return fail(refused("ENVELOPE " + std::string(scanner_.text(peek())), peek()));
  } else {
    return fail(error_here());
  }
  return {};
}

Result<void> Front::source_tables(CreateSource& source) {
  take();
  if (accept("all")) {
    QW_TRY(expect("tables"));
    source.all_tables = true;
    return {};
  }
  if (is("schemas")) return fail(refused("FOR SCHEMAS", peek()));
  QW_TRY(expect("tables"));
  QW_TRY(expect_mark('('));
  do {
    CreateSource::Table table;
    QW_ASSIGN_OR_RETURN(table.upstream, relation_name());
    if (accept("as")) {
      QW_ASSIGN_OR_RETURN(table.as, relation_name());
    }
    source.tables.push_back(std::move(table));
  } while (accept_mark(','));
  return expect_mark(')');
}

}  // namespace qw::sql::parsing
