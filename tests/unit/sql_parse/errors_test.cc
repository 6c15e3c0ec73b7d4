// Errors of PostgreSQL's grammar and scanner: code, position, message and hint as PostgreSQL 15
// gave them for these texts.
#include <string>

#include <doctest/doctest.h>

#include "sql/parser.h"

namespace {

struct Case {
  const char* sql;
  const char* code;
  int position;
  const char* message;
  const char* hint;
};

const Case kCases[] = {
    {"SELECT INTERVAL $1", "42601", 17, "syntax error at or near \"$1\"", ""},
    {"SELECT extract($1 from x)", "42601", 16, "syntax error at or near \"$1\"", ""},
    {"SET x = $1", "42601", 9, "syntax error at or near \"$1\"", ""},
    {"SELEC 1", "42601", 1, "syntax error at or near \"SELEC\"", ""},
    {"SELECT 1 FROM", "42601", 14, "syntax error at end of input", ""},
    {"SELECT 1 +", "42601", 11, "syntax error at end of input", ""},
    {"SELECT (1", "42601", 10, "syntax error at end of input", ""},
    {"SELECT 1)", "42601", 9, "syntax error at or near \")\"", ""},
    {"SELECT 'abc", "42601", 8, "unterminated quoted string at or near \"'abc\"", ""},
    {"SELECT \"abc", "42601", 8, "unterminated quoted identifier at or near \"\"abc\"", ""},
    {"SELECT \"\" FROM t", "42601", 8, "zero-length delimited identifier at or near \"\"\"\"", ""},
    {"SELECT 1 /* x", "42601", 10, "unterminated /* comment at or near \"/* x\"", ""},
    {"SELECT $$abc", "42601", 8, "unterminated dollar-quoted string at or near \"$$abc\"", ""},
    {"SELECT $q$abc$$", "42601", 8, "unterminated dollar-quoted string at or near \"$q$abc$$\"",
     ""},
    {"SELECT 12abc", "42601", 8, "trailing junk after numeric literal at or near \"12abc\"", ""},
    {"SELECT 1.5e", "42601", 8, "trailing junk after numeric literal at or near \"1.5e\"", ""},
    {"SELECT 0x1F", "42601", 8, "trailing junk after numeric literal at or near \"0x1F\"", ""},
    {"SELECT 1_000", "42601", 8, "trailing junk after numeric literal at or near \"1_000\"", ""},
    {"SELECT E'\\u12'", "22025", 10, "invalid Unicode escape",
     "Unicode escapes must be \\uXXXX or \\UXXXXXXXX."},
    {"SELECT E'\\uD800'", "42601", 16, "invalid Unicode surrogate pair at or near \"'\"", ""},
    {"SELECT E'\\xff'", "22021", 0, "invalid byte sequence for encoding \"UTF8\": 0xff", ""},
    {"SELECT U&'\\12'", "42601", 11, "invalid Unicode escape",
     "Unicode escapes must be \\XXXX or \\+XXXXXX."},
    {"SELECT U&'\\+12345678' x y", "42601", 11, "invalid Unicode escape value", ""},
    {"SELECT B'102", "42601", 8, "unterminated bit string literal at or near \"B'102\"", ""},
    {"SELECT X'12", "42601", 8, "unterminated hexadecimal string literal at or near \"X'12\"", ""},
    {"SELECT \u00e9 FROM WHERE", "42601", 15, "syntax error at or near \"WHERE\"", ""},
    {"SELECT '\u00e9', '\u00fc' FROM t WHERE x = = 1", "42601", 34, "syntax error at or near \"=\"",
     ""},
    {"SELECT * FROM (SELECT 1)", "42601", 15, "subquery in FROM must have an alias",
     "For example, FROM (SELECT ...) [AS] foo."},
    {"SELECT * FROM (VALUES (1))", "42601", 15, "VALUES in FROM must have an alias",
     "For example, FROM (VALUES ...) [AS] foo."},
    {"SELECT * FROM t LIMIT 1, 2", "42601", 17, "LIMIT #,# syntax is not supported",
     "Use separate LIMIT and OFFSET clauses."},
    {"SELECT * FROM t FETCH FIRST 1 ROW WITH TIES", "42601", 0,
     "WITH TIES cannot be specified without ORDER BY clause", ""},
    {"SELECT * FROM t ORDER BY a FOR UPDATE SKIP LOCKED FETCH FIRST 1 ROW WITH TIES", "42601", 0,
     "SKIP LOCKED and WITH TIES options cannot be used together", ""},
    {"SELECT f(DISTINCT *)", "42601", 19, "syntax error at or near \"*\"", ""},
    {"SELECT count(*) OVER (ROWS UNBOUNDED FOLLOWING)", "42P20", 28,
     "frame start cannot be UNBOUNDED FOLLOWING", ""},
    {"SELECT count(*) OVER (ROWS BETWEEN CURRENT ROW AND 1 PRECEDING)", "42P20", 52,
     "frame starting from current row cannot have preceding rows", ""},
    {"SELECT count(*) OVER (ROWS BETWEEN 1 FOLLOWING AND CURRENT ROW)", "42P20", 52,
     "frame starting from following row cannot have preceding rows", ""},
    {"SELECT a.*.b FROM t", "42601", 14, "improper use of \"*\" at or near \"FROM\"", ""},
    {"SELECT x::float(0)", "22023", 17, "precision for type float must be at least 1 bit", ""},
    {"SELECT x::float(54)", "22023", 17, "precision for type float must be less than 54 bits", ""},
    {"SELECT x::interval(3) day", "42601", 23, "syntax error at or near \"day\"", ""},
    {"SELECT SELECT", "42601", 8, "syntax error at or near \"SELECT\"", ""},
    {"SELECT a b c FROM t", "42601", 12, "syntax error at or near \"c\"", ""},
    {"SELECT 1; SELEC 2", "42601", 11, "syntax error at or near \"SELEC\"", ""},
    {"SELECT 1;; FROB", "42601", 12, "syntax error at or near \"FROB\"", ""},
    {"CREATE TABLE t (a int b)", "42601", 23, "syntax error at or near \"b\"", ""},
    {"CREATE TABLE t (a int,)", "42601", 23, "syntax error at or near \")\"", ""},
    {"CREATE TABLE (a int)", "42601", 14, "syntax error at or near \"(\"", ""},
    {"CREATE TABLE t (a int PRIMARY KEY DEFERRABLE INITIALLY)", "42601", 55,
     "syntax error at or near \")\"", ""},
    {"CREATE TABLE t (CHECK (a > 0) DEFERRABLE)", "0A000", 0,
     "CHECK constraints cannot be marked DEFERRABLE", ""},
    {"CREATE SOURC s", "42601", 8, "syntax error at or near \"SOURC\"", ""},
    {"INSERT INTO t VALUES (1,)", "42601", 25, "syntax error at or near \")\"", ""},
    {"INSERT INTO t (a,) VALUES (1)", "42601", 18, "syntax error at or near \")\"", ""},
    {"INSERT t VALUES (1)", "42601", 8, "syntax error at or near \"t\"", ""},
    {"UPDATE t SET a WHERE b", "42601", 16, "syntax error at or near \"WHERE\"", ""},
    {"UPDATE t a = 1", "42601", 12, "syntax error at or near \"=\"", ""},
    {"DELETE t", "42601", 8, "syntax error at or near \"t\"", ""},
    {"DROP TABLE", "42601", 11, "syntax error at end of input", ""},
    {"DROP TABEL t", "42601", 6, "syntax error at or near \"TABEL\"", ""},
    {"COPY t FROM", "42601", 12, "syntax error at end of input", ""},
    {"COPY t FROM STDIN WITH FORMAT csv", "42601", 24, "syntax error at or near \"FORMAT\"", ""},
    {"BEGIN WORK ISOLATION LEVEL", "42601", 27, "syntax error at end of input", ""},
    {"SET x", "42601", 6, "syntax error at end of input", ""},
    {"SET x = ", "42601", 9, "syntax error at end of input", ""},
    {"SHOW", "42601", 5, "syntax error at end of input", ""},
    {"EXPLAIN", "42601", 8, "syntax error at end of input", ""},
    {"EXPLAIN ANALYZE", "42601", 16, "syntax error at end of input", ""},
    {"VALUES (1), (2", "42601", 15, "syntax error at end of input", ""},
    {"SELECT 1 WHERE 2 WHERE 3", "42601", 18, "syntax error at or near \"WHERE\"", ""},
    {"SELECT * FROM a JOIN b", "42601", 23, "syntax error at end of input", ""},
    {"SELECT * FROM a JOIN b ON", "42601", 26, "syntax error at end of input", ""},
    {"SELECT * FROM a NATURAL JOIN b ON true", "42601", 32, "syntax error at or near \"ON\"", ""},
    {"SELECT * FROM a b c", "42601", 19, "syntax error at or near \"c\"", ""},
    {"SELECT CASE WHEN 1 END", "42601", 20, "syntax error at or near \"END\"", ""},
    {"SELECT CASE 1 END", "42601", 15, "syntax error at or near \"END\"", ""},
    {"SELECT CAST(1 int)", "42601", 15, "syntax error at or near \"int\"", ""},
    {"SELECT x IN ()", "42601", 14, "syntax error at or near \")\"", ""},
    {"SELECT x BETWEEN 1", "42601", 19, "syntax error at end of input", ""},
    {"SELECT NOT", "42601", 11, "syntax error at end of input", ""},
    {"SELECT - ", "42601", 10, "syntax error at end of input", ""},
    {"SELECT 1 = 2 = 3", "42601", 14, "syntax error at or near \"=\"", ""},
    {"SELECT a < b < c", "42601", 14, "syntax error at or near \"<\"", ""},
    {"SELECT 1 ORDER BY 2 ORDER BY 3", "42601", 21, "syntax error at or near \"ORDER\"", ""},
    {"SELECT 1 LIMIT 2 LIMIT 3", "42601", 18, "syntax error at or near \"LIMIT\"", ""},
    {"(SELECT 1 LIMIT 2) LIMIT 3", "42601", 26, "multiple LIMIT clauses not allowed", ""},
    {"SELECT 1 UNION", "42601", 15, "syntax error at end of input", ""},
    {"WITH x AS (SELECT 1)", "42601", 21, "syntax error at end of input", ""},
    {"WITH x AS SELECT 1 SELECT 2", "42601", 11, "syntax error at or near \"SELECT\"", ""},
    {"SELECT * FROM t TABLESAMPLE", "42601", 28, "syntax error at end of input", ""},
    {"GRANT SELECT", "42601", 13, "syntax error at end of input", ""},
    {"CREATE VIEW v AS", "42601", 17, "syntax error at end of input", ""},
    {"CREATE OR REPLACE MATERIALIZED VIEW v AS SELECT 1", "42601", 19,
     "syntax error at or near \"MATERIALIZED\"", ""},
    {"SELECT ?", "42601", 9, "syntax error at end of input", ""},
    {"SELECT a ?\? b ?", "42601", 16, "syntax error at end of input", ""},
    {"SELECT user.x", "42601", 12, "syntax error at or near \".\"", ""},
    {"SELECT array[1,2", "42601", 17, "syntax error at end of input", ""},
    {"SELECT array[1,[2]]", "42601", 16, "syntax error at or near \"[\"", ""},
    {"SELECT ROW(1,2", "42601", 15, "syntax error at end of input", ""},
    {"SELECT x[1", "42601", 11, "syntax error at end of input", ""},
    {"SELECT x[1:2:3]", "42601", 13, "syntax error at or near \":\"", ""},
    {"SELECT * FROM a.b.c.d", "42601", 15,
     "improper qualified name (too many dotted names): a.b.c.d", ""},
    {"CREATE TABLE a.b.c.d (x int)", "42601", 14,
     "improper qualified name (too many dotted names): a.b.c.d", ""},
    {"SELECT 1 AS", "42601", 12, "syntax error at end of input", ""},
    {"SELECT @", "42601", 9, "syntax error at end of input", ""},
    {"SELECT #", "42601", 9, "syntax error at end of input", ""},
    {"SELECT \\", "42601", 8, "syntax error at or near \"\\\"", ""},
    {"SELECT {", "42601", 8, "syntax error at or near \"{\"", ""},
    {"SELECT a->>", "42601", 12, "syntax error at end of input", ""},
    {"SELECT operator(+ 1", "42601", 19, "syntax error at or near \"1\"", ""},
    {"SELECT 1 operator(pg_catalog.+) ", "42601", 33, "syntax error at end of input", ""},
    {"SELECT GROUPING()", "42601", 17, "syntax error at or near \")\"", ""},
    {"SELECT 1 GROUP BY GROUPING SETS", "42601", 32, "syntax error at end of input", ""},
    {"SELECT f(a => 1, 2)", "42601", 18, "positional argument cannot follow named argument", ""},
    {"SELECT f(VARIADIC a, b)", "42601", 20, "syntax error at or near \",\"", ""},
    {"SELECT percentile_cont(0.5) WITHIN GROUP (a)", "42601", 43, "syntax error at or near \"a\"",
     ""},
    {"SELECT count(*) FILTER (x > 1)", "42601", 25, "syntax error at or near \"x\"", ""},
    {"SELECT substring(a FROM)", "42601", 24, "syntax error at or near \")\"", ""},
    {"SELECT position('a', 'b')", "42601", 20, "syntax error at or near \",\"", ""},
    {"SELECT trim(both)", "42601", 17, "syntax error at or near \")\"", ""},
    {"SELECT overlay(a placing)", "42601", 25, "syntax error at or near \")\"", ""},
    {"EXECUTE", "42601", 8, "syntax error at end of input", ""},
    {"PREPARE p AS", "42601", 13, "syntax error at end of input", ""},
    {"PREPARE p AS CREATE TABLE t (a int)", "42601", 14, "syntax error at or near \"CREATE\"", ""},
    {"DECLARE c CURSOR FOR INSERT INTO t VALUES (1)", "42601", 22,
     "syntax error at or near \"INSERT\"", ""},
    {"FETCH 1 2 FROM c", "42601", 9, "syntax error at or near \"2\"", ""},
    {"SELECT 1 FOR UPDATE OF", "42601", 23, "syntax error at end of input", ""},
    {"ALTER TABLE t", "42601", 14, "syntax error at end of input", ""},
    {"ALTER TABLE t ADD", "42601", 18, "syntax error at end of input", ""},
    {"ALTER TABLE t RENAME", "42601", 21, "syntax error at end of input", ""},
    {"CREATE INDEX ON", "42601", 16, "syntax error at end of input", ""},
    {"CREATE INDEX ON t", "42601", 18, "syntax error at end of input", ""},
    {"CREATE INDEX ON t ()", "42601", 20, "syntax error at or near \")\"", ""},
    {"CREATE UNIQUE TABLE t (a int)", "42601", 15, "syntax error at or near \"TABLE\"", ""},
    {"TRUNCATE", "42601", 9, "syntax error at end of input", ""},
    {"LOCK", "42601", 5, "syntax error at end of input", ""},
    {"COMMENT ON TABLE t", "42601", 19, "syntax error at end of input", ""},
    {"REFRESH VIEW x", "42601", 9, "syntax error at or near \"VIEW\"", ""},
    {"CREATE SCHEMA", "42601", 14, "syntax error at end of input", ""},
    {"CREATE TEMP SCHEMA x", "42601", 13, "syntax error at or near \"SCHEMA\"", ""},
    {"DISCARD", "42601", 8, "syntax error at end of input", ""},
    {"SELECT 99999999999999999999999999 99", "42601", 35, "syntax error at or near \"99\"", ""},
    {"SELECT 'a' 'b'", "42601", 12, "syntax error at or near \"'b'\"", ""},
    {"SELECT 1.2.3", "42601", 11, "syntax error at or near \".3\"", ""},
    {"SELECT a..b", "42601", 9, "syntax error at or near \"..\"", ""},
    {"SELECT :x", "42601", 8, "syntax error at or near \":\"", ""},
    {"SELECT 1:2", "42601", 9, "syntax error at or near \":\"", ""},
    {"SELECT a := 1", "42601", 10, "syntax error at or near \":=\"", ""},
};

}  // namespace

TEST_CASE("syntax errors are PostgreSQL's") {
  for (const Case& c : kCases) {
    CAPTURE(c.sql);
    const auto parsed = qw::sql::parse(c.sql);
    REQUIRE_FALSE(parsed.has_value());
    const qw::Error& error = parsed.error();
    CHECK(std::string(error.code().view()) == c.code);
    CHECK(error.message() == c.message);
    CHECK(error.position() == c.position);
    CHECK(error.hint() == c.hint);
  }
}

TEST_CASE("a text that is not UTF-8 is refused with the bytes") {
  const auto parsed = qw::sql::parse("SELECT '\xe4\xb8'");
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().code() == qw::SqlState("22021"));
  CHECK(parsed.error().message() == "invalid byte sequence for encoding \"UTF8\": 0xe4 0xb8 0x27");
  const auto zero = qw::sql::parse(std::string_view("SELECT 1\0", 9));
  REQUIRE_FALSE(zero.has_value());
  CHECK(zero.error().message() == "invalid byte sequence for encoding \"UTF8\": 0x00");
}

TEST_CASE("positions count characters over the whole text") {
  const auto parsed = qw::sql::parse("SELECT '\u00e9'; CREATE SECRET a AS; SELECT 1");
  REQUIRE_FALSE(parsed.has_value());
  CHECK(parsed.error().message() == "syntax error at or near \";\"");
  CHECK(parsed.error().position() == 31);
  const auto later = qw::sql::parse("SHOW SOURCES; SELECT '\u00e9' FRM t u v");
  REQUIRE_FALSE(later.has_value());
  CHECK(later.error().message() == "syntax error at or near \"t\"");
  CHECK(later.error().position() == 30);
  CHECK(qw::sql::character_position("a\u00e9b", 3) == 3);
  CHECK(qw::sql::character_position("abc", -1) == 0);
}
