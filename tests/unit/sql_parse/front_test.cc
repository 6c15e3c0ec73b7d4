// Our own statements: what they parse to, and their errors.
#include <string>

#include <doctest/doctest.h>

#include "sql/parser.h"

namespace {

using namespace qw::sql;  // tidy: allow using namespace, because it is tested here

ParsedStatement one(std::string_view sql) {
  auto parsed = parse(sql);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().to_string());
  REQUIRE(parsed->size() == 1);
  return std::move((*parsed)[0]);
}

void check_error(std::string_view sql, const char* code, int position, const char* message) {
  CAPTURE(sql);
  const auto parsed = parse(sql);
  REQUIRE_FALSE(parsed.has_value());
  CHECK(std::string(parsed.error().code().view()) == code);
  CHECK(parsed.error().message() == message);
  CHECK(parsed.error().position() == position);
}

}  // namespace

TEST_CASE("a secret is marked, and its text stays out of errors") {
  const ParsedStatement parsed = one(" -- c\n CREATE SECRET s.pgpass AS 'it''s'\n'more' ;");
  CHECK(parsed.secret);
  const auto& secret = parsed.statement->as<ast::CreateSecret>();
  CHECK(secret.name.schema == "s");
  CHECK(secret.name.name == "pgpass");
  CHECK(secret.value == "it'smore");
  CHECK(one("CREATE SECRET s AS E'\\x41\\u00e9\\n'").statement->as<ast::CreateSecret>().value ==
        "A\u00e9\n");
  CHECK(one("create secret s as $q$a'b$q$").statement->as<ast::CreateSecret>().value == "a'b");
  check_error("CREATE SECRET s 'hunter2'", "42601", 17, "syntax error at or near \"'...'\"");
  check_error("CREATE SECRET s AS 'hunter2", "42601", 20,
              "unterminated quoted string at or near \"'...'\"");
  CHECK(mentions_secret("create SECRET x"));
  CHECK(mentions_secret("ALTER ROLE x PASSWORD 'y'"));
  CHECK_FALSE(mentions_secret("SELECT 1"));
  CHECK(one("CREATE CONNECTION c TO POSTGRES (PASSWORD 'x')").secret);
  CHECK_FALSE(one("CREATE CONNECTION c TO POSTGRES (PASSWORD SECRET x)").secret);
}

TEST_CASE("a connection's options") {
  const ParsedStatement parsed = one(
      "CREATE CONNECTION pg TO POSTGRES (HOST '127.0.0.1', PORT 5432, USER repl, PASSWORD SECRET "
      "s.p, SSL MODE = 'require', BROKERS ('a', 'b'))");
  const auto& connection = parsed.statement->as<ast::CreateConnection>();
  CHECK(connection.type == "postgres");
  REQUIRE(connection.options.size() == 6);
  CHECK(connection.options[0].name == "host");
  CHECK(connection.options[0].text == "127.0.0.1");
  CHECK(connection.options[1].type == ast::Option::Type::integer);
  CHECK(connection.options[1].text == "5432");
  CHECK(connection.options[2].name == "user");
  CHECK(connection.options[2].type == ast::Option::Type::word);
  CHECK(connection.options[3].type == ast::Option::Type::secret);
  CHECK(connection.options[3].text_schema == "s");
  CHECK(connection.options[3].text == "p");
  CHECK(connection.options[4].name == "ssl_mode");
  CHECK(connection.options[5].list == std::vector<std::string>{"a", "b"});
}

TEST_CASE("a Kafka source with columns") {
  const std::string sql =
      "CREATE SOURCE clicks (user_id bigint, at timestamptz NOT NULL, price numeric(10,2), "
      "WATERMARK "
      "FOR at AS at - INTERVAL '5 seconds', PRIMARY KEY (user_id)) FROM KAFKA CONNECTION kafka "
      "(TOPIC "
      "'clicks', START OFFSET (0, 10)) KEY FORMAT JSON VALUE FORMAT CSV (DELIMITER ';') INCLUDE "
      "PARTITION, OFFSET AS kafka_offset, TIMESTAMP ENVELOPE UPSERT WITH (x = 1)";
  const ParsedStatement parsed = one(sql);
  const auto& source = parsed.statement->as<ast::CreateSource>();
  CHECK(source.type == "kafka");
  CHECK(source.connection.name == "kafka");
  REQUIRE(source.columns.size() == 3);
  CHECK(source.columns[1].constraints.size() == 1);
  CHECK(source.columns[2].type.typmods.size() == 2);
  CHECK(source.columns[2].location == static_cast<int32_t>(sql.find("price")));
  REQUIRE(source.constraints.size() == 1);
  CHECK(source.constraints[0].columns == std::vector<std::string>{"user_id"});
  REQUIRE(source.watermarks.size() == 1);
  CHECK(source.watermarks[0].column == "at");
  CHECK(source.watermarks[0].expr->location == static_cast<int32_t>(sql.find("- INTERVAL")));
  REQUIRE(source.connection_options.size() == 2);
  CHECK(source.connection_options[1].name == "start_offset");
  CHECK(source.connection_options[1].list == std::vector<std::string>{"0", "10"});
  CHECK(source.key_format.name == "json");
  CHECK(source.format.name == "csv");
  CHECK(source.format.options.size() == 1);
  REQUIRE(source.include.size() == 3);
  CHECK(source.include[1].what == "offset");
  CHECK(source.include[1].alias == "kafka_offset");
  CHECK(source.envelope == ast::CreateSource::Envelope::upsert);
  CHECK(source.options.size() == 1);
}

TEST_CASE("Postgres sources and load generators") {
  const ParsedStatement all = one(
      "CREATE SOURCE shop FROM POSTGRES CONNECTION pg (PUBLICATION 'quickwater') FOR ALL TABLES");
  CHECK(all.statement->as<ast::CreateSource>().all_tables);
  const ParsedStatement some = one(
      "CREATE SOURCE IF NOT EXISTS shop FROM POSTGRES CONNECTION pg (PUBLICATION 'p') FOR TABLES "
      "(public.t AS x, u)");
  const auto& tables = some.statement->as<ast::CreateSource>().tables;
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].upstream.schema == "public");
  CHECK(tables[0].as.name == "x");
  CHECK(tables[1].upstream.name == "u");
  const ParsedStatement generated =
      one("CREATE SOURCE g FROM LOAD GENERATOR NEXMARK (EVENTS 1000) FOR ALL TABLES");
  CHECK(generated.statement->as<ast::CreateSource>().type == "load_generator");
  CHECK(generated.statement->as<ast::CreateSource>().generator == "nexmark");
}

TEST_CASE("errors of our statements look like PostgreSQL's") {
  check_error("CREATE SOURCE", "42601", 14, "syntax error at end of input");
  check_error("CREATE SOURCE; SELECT 1", "42601", 14, "syntax error at or near \";\"");
  check_error("CREATE SOURCE select FROM KAFKA", "42601", 15, "syntax error at or near \"select\"");
  check_error("CREATE SOURCE s (a int b) FROM KAFKA CONNECTION c", "42601", 24,
              "syntax error at or near \"b\"");
  check_error("CREATE SOURCE s (a int", "42601", 23, "syntax error at end of input");
  check_error("CREATE SOURCE s FROM WEBHOOK", "0A000", 22,
              "CREATE SOURCE .. FROM WEBHOOK is not supported");
  check_error("CREATE SOURCE s FROM KAFKA CONNECTION c FORMAT JSON FORMAT JSON", "42601", 53,
              "conflicting or redundant options");
  check_error("CREATE SOURCE s FROM KAFKA CONNECTION c INCLUDE foo", "42601", 49,
              "syntax error at or near \"foo\"");
  check_error("CREATE CONNECTION c TO FILE ()", "0A000", 24,
              "CREATE CONNECTION .. TO FILE is not supported");
  check_error("DROP SOURCE IF EXISTS", "42601", 22, "syntax error at end of input");
  check_error("DROP SOURCE a b", "42601", 15, "syntax error at or near \"b\"");
  check_error("SHOW SOURCES x", "42601", 14, "syntax error at or near \"x\"");
  check_error("CREATE TABLE t (a int, WATERMARK FOR a AS a -)", "42601", 46,
              "syntax error at end of input");
  check_error("SUBSCRIBE TO (DELETE FROM t)", "42601", 15, "syntax error at or near \"DELETE\"");
  check_error("CREATE VIEW v AS SELECT 1 EMIT ON WINDOW CLOSE", "42601", 0,
              "EMIT ON WINDOW CLOSE is for materialized views only");
}

TEST_CASE("PostgreSQL's statements with our clauses") {
  const ParsedStatement view =
      one("CREATE MATERIALIZED VIEW v AS SELECT 1 EMIT ON WINDOW CLOSE WITH NO DATA");
  CHECK(view.statement->as<ast::CreateTableAs>().emit_on_window_close);
  CHECK_FALSE(view.statement->as<ast::CreateTableAs>().with_data);
  CHECK_FALSE(one("CREATE MATERIALIZED VIEW v AS SELECT 1 emit")
                  .statement->as<ast::CreateTableAs>()
                  .emit_on_window_close);
  const ParsedStatement table =
      one("CREATE TABLE t (ts timestamptz, WATERMARK FOR ts AS ts - f(1, 2), v int) WITH (a = 1)");
  CHECK(table.statement->as<ast::CreateTable>().columns.size() == 2);
  CHECK(table.statement->as<ast::CreateTable>().watermarks.size() == 1);
  CHECK(one("CREATE TABLE t (watermark int, \"for\" int)")
            .statement->as<ast::CreateTable>()
            .columns.size() == 2);
  CHECK(one("EXPLAIN DATAFLOW SELECT 1").statement->as<ast::Explain>().dataflow);
  CHECK_FALSE(one("EXPLAIN SELECT 1").statement->as<ast::Explain>().dataflow);
}

TEST_CASE("SHOW: ours by name, settings as PostgreSQL has them") {
  using Type = ast::ShowObjects::Type;
  CHECK(one("SHOW tables").statement->as<ast::ShowObjects>().type == Type::tables);
  CHECK(one("SHOW MATERIALIZED VIEWS").statement->as<ast::ShowObjects>().type ==
        Type::materialized_views);
  const ParsedStatement columns = one("SHOW COLUMNS FROM s.t");
  CHECK(columns.statement->as<ast::ShowObjects>().relation.schema == "s");
  const ParsedStatement create = one("SHOW CREATE SOURCE s");
  CHECK(create.statement->as<ast::ShowObjects>().object == ast::ObjectKind::source);
  CHECK(one("SHOW CREATE source").statement->as<ast::ShowObjects>().relation.name == "source");
  CHECK(one("SHOW timezone").statement->as<ast::ShowVariable>().name == "timezone");
  CHECK(one("SHOW TIME ZONE").statement->as<ast::ShowVariable>().name == "timezone");
  CHECK(one("DESCRIBE t").statement->as<ast::ShowObjects>().type == Type::columns);
}

TEST_CASE("scripts mix both grammars") {
  const std::string sql =
      "/* a; */ SELECT ';' ; CREATE SECRET x AS ';'; ; SHOW SOURCES;\nSELECT $$;$$ AS b -- ;\n";
  const auto parsed = parse(sql);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->size() == 4);
  CHECK(sql.substr((*parsed)[0].begin, (*parsed)[0].end - (*parsed)[0].begin) == "SELECT ';'");
  CHECK((*parsed)[1].secret);
  CHECK_FALSE((*parsed)[2].secret);
  CHECK(sql.substr((*parsed)[3].begin, (*parsed)[3].end - (*parsed)[3].begin) ==
        "SELECT $$;$$ AS b");
  const auto& last = (*parsed)[3].statement->as<ast::Select>();
  CHECK(last.targets[0].expr->location == static_cast<int32_t>(sql.find("$$;$$")));
  CHECK(parse(" ; /* x */ ;;")->empty());
  CHECK(parse("")->empty());
}
