"""PostgreSQL sources case by case: identities, types, names, refusals, changes of the upstream.

Each case has a database upstream and a schema here, on one server and one cluster. The answers of
both sides are compared as psql prints them, so that text is equal to the character.
"""

import shutil
import subprocess
import threading
import time

import psycopg

import harness
import peers

TOAST = "repeat('0123456789', 900)"  # stored outside of the row: an update may leave it out


class Case:
    """An upstream database with publication p of all its tables, and a schema here."""

    def __init__(self, world, sql, publication="CREATE PUBLICATION p FOR ALL TABLES"):
        world.cases = getattr(world, "cases", 0) + 1
        self.name = f"c{world.cases}"
        self.world = world
        world.postgres.sql(f"CREATE DATABASE {self.name}")
        self.up("CREATE TABLE marker (id int PRIMARY KEY, value int); "
                "INSERT INTO marker VALUES (1, 0)")
        self.up(sql)
        self.up("DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'repl') THEN "
                "CREATE ROLE repl LOGIN REPLICATION PASSWORD 'repl-secret'; END IF; END $$")
        for schema, in self.up("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|info)'"):
            self.up(f"GRANT USAGE ON SCHEMA {schema} TO repl; "
                    f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO repl")
        if publication:
            self.up(publication)
        if not hasattr(world, "case_server"):
            world.case_server = world.server(data="cases")
            world.case_server.sql("CREATE SECRET pass AS 'repl-secret'")
        self.server = world.case_server
        self.server.script(f"CREATE SCHEMA {self.name}; {self.connection()}")
        self.marker = 0

    def connection(self, name="c", password="pass", **options):
        given = {"HOST": "'127.0.0.1'", "PORT": self.world.postgres.port,
                 "DATABASE": f"'{self.name}'", "USER": "'repl'",
                 "PASSWORD": f"SECRET public.{password}", **options}
        text = ", ".join(f"{key} {value}" for key, value in given.items() if value is not None)
        return f"CREATE CONNECTION {self.name}.{name} TO POSTGRES ({text})"

    def up(self, sql):
        return self.world.postgres.sql(sql, self.name)

    def here(self, sql):
        return self.server.sql(sql)

    def create(self, what="FOR ALL TABLES", connection="c", source="s"):
        self.here(f"CREATE SOURCE {self.name}.{source} FROM POSTGRES "
                  f"CONNECTION {self.name}.{connection} (PUBLICATION 'p') {what}")
        return self

    def refused(self, what="FOR ALL TABLES", connection="c"):
        """The error of CREATE SOURCE, which must leave nothing behind."""
        slots = self.slots()
        try:
            self.create(what, connection)
        except psycopg.Error as error:
            left = self.server.psql(f"SELECT * FROM {self.name}.marker")
            assert "does not exist" in left, left
            assert self.slots() == slots, self.slots()
            assert "repl-secret" not in str(error) + str(error.diag.message_hint)
            return error.diag
        raise AssertionError("CREATE SOURCE was not refused")

    def slots(self):
        return self.up("SELECT count(*) FROM pg_replication_slots "
                       f"WHERE database = '{self.name}'")[0][0]

    def caught_up(self):
        self.marker += 1
        self.up(f"UPDATE marker SET value = {self.marker}")
        self.server.wait_for(f"SELECT value FROM {self.name}.marker", [(self.marker,)])

    def same(self, *tables):
        """Every table here equals the one upstream; both are read as text."""
        self.caught_up()
        wrong = []
        for table in tables:
            where, what = table if isinstance(table, tuple) else (table, table)
            theirs = rows_of(self.world.postgres.dsn(self.name), f"SELECT * FROM {where}")
            ours = rows_of(self.server.dsn(), f"SELECT * FROM {self.name}.{what}")
            if ours != theirs:
                wrong.append(f"{table}:\n    missing {without(theirs, ours)[:3]}\n"
                             f"    extra {without(ours, theirs)[:3]}")
        assert not wrong, "\n  ".join(wrong)

    def status(self):
        return self.here("SELECT state, message, hint FROM qw.source_status "
                         f"WHERE schema = '{self.name}'")[0]

    def wait_status(self, word, seconds=20):
        end = time.monotonic() + seconds
        while word not in " ".join(self.status()):
            assert time.monotonic() < end, f"{word} not in {self.status()}"
            time.sleep(0.02)
        return self.status()

    def drop(self):
        self.here(f"DROP SOURCE {self.name}.s CASCADE")
        assert self.slots() == 0


def rows_of(dsn, query):
    done = subprocess.run(
        [peers.PG_BIN / "psql", "-X", "-At", "-R", "\x01", "-P", "null=(null)", "-c",
         "SET timezone = 'UTC'", "-c", query, dsn], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode().removeprefix("SET\n").removesuffix("\n")
    return sorted(text.split("\x01")) if text else []


def without(left, right):
    """Rows of the left bag that the right one lacks."""
    rest = list(right)
    return [row for row in left if row not in rest or rest.remove(row)]


def identity_table(name, identity):
    key = {"index": "id int NOT NULL", "full": "id int PRIMARY KEY"}.get(
        identity, "id int PRIMARY KEY")
    alter = {"index": f"CREATE UNIQUE INDEX {name}_id ON {name} (id); "
                      f"ALTER TABLE {name} REPLICA IDENTITY USING INDEX {name}_id;",
             "full": f"ALTER TABLE {name} REPLICA IDENTITY FULL;"}.get(identity, "")
    return (f"CREATE TABLE {name} (note text, {key}, body text, n int); "
            f"ALTER TABLE {name} ALTER body SET STORAGE EXTERNAL; {alter} "
            f"INSERT INTO {name} SELECT 'first ' || g, g, {TOAST} || g, g FROM "
            f"generate_series(1, 20) g;")


def test_replica_identities(world):
    kinds = ["default", "index", "full"]
    case = Case(world, "".join(identity_table("t_" + kind, kind) for kind in kinds)).create()
    tables = ["t_" + kind for kind in kinds]
    case.same(*tables)
    for change in [
            "UPDATE {0} SET n = n + 1 WHERE id < 5",                       # unchanged TOAST
            "UPDATE {0} SET id = id + 100, n = 0 WHERE id IN (1, 2)",      # and another key
            "UPDATE {0} SET body = NULL WHERE id = 3",
            "UPDATE {0} SET body = {1} || 'other' WHERE id IN (3, 4)",
            "DELETE FROM {0} WHERE id = 5",
            "INSERT INTO {0} VALUES (NULL, 5, NULL, NULL)",
            "BEGIN; UPDATE {0} SET id = -1 WHERE id = 6; UPDATE {0} SET id = 6 WHERE id = 7; "
            "UPDATE {0} SET id = 7 WHERE id = -1; COMMIT",                 # two rows swap keys
            "BEGIN; DELETE FROM {0} WHERE id = 8; INSERT INTO {0} VALUES ('again', 8, 'b', 1); "
            "UPDATE {0} SET id = 800 WHERE id = 8; DELETE FROM {0} WHERE id = 800; COMMIT",
            "BEGIN; INSERT INTO {0} VALUES ('x', 900, {1}, 1); UPDATE {0} SET n = 2 WHERE id = 900;"
            " UPDATE {0} SET id = 901, n = 3 WHERE id = 900; COMMIT",      # TOAST of this very txn
            "BEGIN; INSERT INTO {0} VALUES ('gone', 950, 'x', 1); SAVEPOINT a; "
            "INSERT INTO {0} VALUES ('rolled back', 951, 'x', 1); ROLLBACK TO a; COMMIT",
            "BEGIN; TRUNCATE {0}; INSERT INTO {0} VALUES ('new', 1, {1}, 1), ('new', 2, 'b', 2); "
            "UPDATE {0} SET n = 7 WHERE id = 1; COMMIT",
            "BEGIN; INSERT INTO {0} VALUES ('before', 30, 'b', 2); TRUNCATE {0}; COMMIT",
            "INSERT INTO {0} SELECT 'bulk', g, 'b' || g, g FROM generate_series(1, 20000) g",
            "UPDATE {0} SET n = n + 1",
            "UPDATE {0} SET id = id + 1000000",
            "DELETE FROM {0} WHERE id % 2 = 0"]:
        for table in tables:
            case.up(change.format(table, TOAST))
        case.same(*tables)
    case.up("TRUNCATE " + ", ".join(tables))
    case.same(*tables)
    case.drop()


def test_tables_without_a_key(world):
    case = Case(world, f"CREATE TABLE bag (a int, b text, c numeric); "
                       "ALTER TABLE bag REPLICA IDENTITY FULL; "
                       "INSERT INTO bag SELECT g % 3, 'x', 1.50 FROM generate_series(1, 30) g; "
                       f"INSERT INTO bag VALUES (NULL, NULL, NULL), (1, {TOAST}, 'NaN')").create()
    case.here(f"CREATE MATERIALIZED VIEW {case.name}.v AS "
              f"SELECT a, count(*) AS n, sum(c) AS total FROM {case.name}.bag GROUP BY a")
    view = ("(SELECT a, count(*) AS n, sum(c) AS total FROM bag GROUP BY a) v", "v")
    for change in [
            "UPDATE bag SET b = 'y' WHERE ctid IN (SELECT ctid FROM bag WHERE a = 1 LIMIT 3)",
            "DELETE FROM bag WHERE ctid IN (SELECT ctid FROM bag WHERE a = 2 LIMIT 1)",
            "UPDATE bag SET a = 9 WHERE a IS NULL",
            "UPDATE bag SET a = a + 1 WHERE b LIKE '0%'",
            "INSERT INTO bag SELECT * FROM bag",
            "UPDATE bag SET c = 1.5 WHERE a = 0",  # equal, but prints otherwise
            "DELETE FROM bag WHERE a = 1",
            "TRUNCATE bag"]:
        case.up(change)
        case.same("bag", view)
    case.drop()


def test_tables_without_an_identity_are_refused(world):
    case = Case(world, "CREATE TABLE nokey (a int)")
    said = case.refused()
    assert said.sqlstate == "55000" and "replica identity" in said.message_primary
    assert "REPLICA IDENTITY FULL" in said.message_hint, said.message_hint
    case.up("DROP TABLE nokey; CREATE TABLE nothing (a int PRIMARY KEY); "
            "ALTER TABLE nothing REPLICA IDENTITY NOTHING; GRANT SELECT ON nothing TO repl")
    said = case.refused()
    assert said.sqlstate == "55000" and "public.nothing" in said.message_primary
    # Where only inserts are published, no identity is needed.
    case.up("ALTER PUBLICATION p SET (publish = 'insert'); CREATE TABLE nokey (a int); "
            "GRANT SELECT ON nokey TO repl; INSERT INTO nokey VALUES (1), (1)")
    case.create()
    case.up("INSERT INTO nokey VALUES (2), (1); INSERT INTO nothing VALUES (5);"
            "INSERT INTO marker VALUES (7, 7)")
    case.server.wait_for(f"SELECT count(*) FROM {case.name}.marker", [(2,)])
    assert rows_of(case.server.dsn(), f"SELECT a FROM {case.name}.nokey") == ["1", "1", "1", "2"]
    assert rows_of(case.server.dsn(), f"SELECT a FROM {case.name}.nothing") == ["5"]
    case.drop()


PARTITIONED = """
CREATE TABLE parted (id int, region text, n int, PRIMARY KEY (id, region))
  PARTITION BY LIST (region);
CREATE TABLE parted_eu PARTITION OF parted FOR VALUES IN ('EU');
CREATE TABLE parted_us (n int, id int NOT NULL, region text NOT NULL);
ALTER TABLE parted ATTACH PARTITION parted_us FOR VALUES IN ('US');
INSERT INTO parted
  SELECT g, CASE WHEN g % 2 = 0 THEN 'EU' ELSE 'US' END, g FROM generate_series(1, 10) g;
"""
PARTITION_CHANGES = [
    "UPDATE parted SET n = n + 1", "UPDATE parted SET region = 'EU' WHERE id = 3",
    "DELETE FROM parted WHERE id IN (4, 5)", "INSERT INTO parted VALUES (50, 'US', 1)"]


def test_partitions_one_by_one(world):
    case = Case(world, PARTITIONED).create()
    for change in [*PARTITION_CHANGES, "TRUNCATE parted_eu", "TRUNCATE parted"]:
        case.up(change)
        case.same("parted_eu", "parted_us")
    case.drop()


def test_partitions_as_their_root(world):
    case = Case(world, PARTITIONED, "CREATE PUBLICATION p FOR ALL TABLES "
                                    "WITH (publish_via_partition_root = true)").create()
    for change in [*PARTITION_CHANGES, "TRUNCATE parted", "INSERT INTO parted VALUES (1, 'EU', 1)"]:
        case.up(change)
        case.same("parted")
    # Not in the stream: it must not pass unnoticed.
    case.up("TRUNCATE parted_eu")
    assert "parted" in case.wait_status("partition")[1]
    case.drop()


def test_inheritance(world):
    case = Case(world, "CREATE TABLE parent (id int PRIMARY KEY, a text); "
                       "CREATE TABLE child (b int, PRIMARY KEY (id)) INHERITS (parent); "
                       "INSERT INTO parent VALUES (1, 'p'); INSERT INTO child VALUES (2, 'c', 3)")
    case.create()
    case.up("UPDATE parent SET a = a || '!'")
    case.same(("ONLY parent", "parent"), "child")
    case.drop()


TYPES = {
    "bool": ["true", "false"],
    "int2": ["-32768", "32767"], "int4": ["-2147483648", "2147483647"],
    "int8": ["-9223372036854775808", "9223372036854775807"], "oid": ["0", "4294967295"],
    "float4": ["'NaN'", "'-Infinity'", "'Infinity'", "-0.0", "1.1", "3.4028235e38", "1e-45"],
    "float8": ["'NaN'", "'-Infinity'", "-0.0", "0.1", "1.7976931348623157e308", "5e-324", "1e15",
               "1e16"],
    "numeric": ["'NaN'", "'Infinity'", "'-Infinity'", "0.00", "-1.2300", "1e-30", "1e60",
                "123456789012345678901234567890123456789.123456789"],
    "numeric(12,3)": ["1.5", "-999999999.999"], "numeric(5,-2)": ["12345"],
    "text": ["''", "E'a\\tb\\nc\\\\d\\re'", "'\\N'", "'\u00e9\u4e16\U0001f600'",
             "repeat('x', 3000)",
             "E'\\b\\f\\v'", "'null'"],
    "varchar(5)": ["'abc  '", "''"], "varchar": ["'abc'"], "char(5)": ["'ab'", "''"],
    "bpchar": ["'ab '"], "name": ["'some_name'"], "\"char\"": ["'x'"],
    "bytea": ["'\\x'", "'\\x00ff5c0a'"],
    "date": ["'2024-02-29'", "'infinity'", "'-infinity'", "'4713-01-01 BC'", "'5874897-12-31'"],
    "time": ["'00:00'", "'24:00:00'", "'12:34:56.789012'"], "time(2)": ["'12:34:56.789'"],
    "timetz": ["'12:34:56.7+05:30'"],
    "timestamp": ["'2024-01-02 03:04:05.678901'", "'infinity'", "'-infinity'",
                  "'4713-01-01 00:00 BC'", "'294276-12-31 23:59:59.999999'"],
    "timestamp(0)": ["'2024-01-02 03:04:05.6'"],
    "timestamptz": ["'2024-01-02 03:04:05.678901+09'", "'infinity'", "'0044-03-15 12:00+00 BC'"],
    "interval": ["'1 mon -3 days 04:05:06.7'", "'-1 year 2 mons'", "'0'", "'178000000 years'"],
    "uuid": ["'00112233-4455-6677-8899-aabbccddeeff'"],
    "json": ["'{\"b\": 1,  \"a\":[1,null], \"b\":2}'"],
    "jsonb": ["'{\"b\": 1, \"a\": [1.50, null, \"\\u00e9\", true], \"c\": {\"d\": \"x\\ty\"}}'",
              "'null'", "'1e3'", "'\"\"'", "'[]'", "'{}'"],
    "int4[]": ["'{}'", "'{1,NULL,-3}'", "'{{1,2},{3,4}}'", "'[0:1]={7,8}'"],
    "text[]": ["'{}'", "ARRAY['a,b', '\"', '\\', 'NULL', NULL, '', '{', ' x ', E't\\tn\\n']"],
    "numeric(6,2)[]": ["'{1.5,NaN,NULL}'"], "bool[]": ["'{t,f,NULL}'"],
    "timestamptz[]": ["'{2024-01-02 03:04:05+00,infinity}'"], "uuid[]":
        ["'{00112233-4455-6677-8899-aabbccddeeff}'"], "bytea[]": ["ARRAY['\\x00ff'::bytea]"],
    "jsonb[]": ["ARRAY['{\"a\": 1}'::jsonb, 'null']"], "date[]": ["'{2024-02-29,NULL}'"],
    "interval[]": ["'{1 day,-2 mons}'"], "varchar(3)[]": ["'{abc,d}'"], "float8[]": ["'{1.5,NaN}'"],
    # No counterpart here: text.
    "inet": ["'10.0.0.1/8'"], "cidr": ["'10.0.0.0/8'"], "macaddr": ["'08:00:2b:01:02:03'"],
    "bit(4)": ["'1010'"], "varbit": ["'101'"], "money": ["1234.5"], "int4range": ["'[1,5)'"],
    "point": ["'(1,2)'"], "xml": ["'<a/>'"], "tsvector": ["'fat cat'"], "pg_lsn": ["'16/B374D848'"],
    "box[]": ["'{(1,1),(0,0)}'"],
    "mood": ["'sad'", "'very happy'"], "mood[]": ["'{sad,\"very happy\",NULL}'"],
    "small": ["5"], "short": ["'ab'"], "pair": ["'(1,\"a,b\")'"], "small[]": ["'{1,2}'"],
}
TYPE_DEFINITIONS = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'very happy');
CREATE DOMAIN small AS int CHECK (value < 100);
CREATE DOMAIN middle AS varchar(10);
CREATE DOMAIN short AS middle CHECK (length(value) < 5);
CREATE TYPE pair AS (a int, b text);
"""


def test_types(world):
    tables, rows = TYPE_DEFINITIONS, ""
    for i, (kind, values) in enumerate(TYPES.items()):
        tables += f"CREATE TABLE y{i} (id int PRIMARY KEY, v {kind}, other int DEFAULT 0);\n"
        for j, value in enumerate([*values, "NULL"]):
            rows += f"INSERT INTO y{i} VALUES (BASE + {j}, {value});\n"
    case = Case(world, tables + rows.replace("BASE", "0")).create()
    names = [f"y{i}" for i in range(len(TYPES))]
    case.same(*names)
    case.up(rows.replace("BASE", "100") + "".join(f"UPDATE {name} SET other = 1 WHERE id > 100;"
                                                  for name in names))
    case.same(*names)
    listed = list(TYPES)
    with case.server.connect() as connection:
        for kind, oid in [("int4", 23), ("numeric(12,3)", 1700), ("mood", 25), ("small", 23),
                          ("short", 1043), ("inet", 25), ("int4[]", 1007), ("mood[]", 1009)]:
            cursor = connection.execute(f"SELECT v FROM {case.name}.y{listed.index(kind)}")
            assert cursor.description[0].type_code == oid, (kind, cursor.description[0].type_code)
    case.drop()


def test_keys_of_all_kinds(world):
    kinds = ["bool", "int2", "int8", "float8", "numeric", "text", "varchar(5)", "char(5)", "bytea",
             "date", "time", "timestamp", "timestamptz", "interval", "uuid", "jsonb", "int4[]",
             "mood", "short"]
    tables = TYPE_DEFINITIONS
    for i, kind in enumerate(kinds):
        tables += f"CREATE TABLE k{i} (k {kind}, n int, PRIMARY KEY (k));\n"
        for value in TYPES[kind]:
            tables += f"INSERT INTO k{i} VALUES ({value}, 0);\n"
    case = Case(world, tables).create()
    names = [f"k{i}" for i in range(len(kinds))]
    for change in ["UPDATE {} SET n = n + 1", "DELETE FROM {} WHERE k = (SELECT max(k) FROM {})"]:
        for i, name in enumerate(names):
            if kinds[i] not in ("bool", "bytea", "uuid", "jsonb") or "max" not in change:
                case.up(change.format(name, name))
        case.same(*names)
    case.drop()


def test_generated_columns_lists_and_filters(world):
    case = Case(world, """
        CREATE TABLE gen (id int PRIMARY KEY, a int, double int GENERATED ALWAYS AS (a * 2) STORED);
        CREATE TABLE part (id int PRIMARY KEY, a int, secret text, b int);
        CREATE TABLE odd (id int PRIMARY KEY, a int);
        CREATE TABLE outside (id int PRIMARY KEY);
        INSERT INTO gen VALUES (1, 2); INSERT INTO part VALUES (1, 2, 'hidden', 3);
        INSERT INTO odd VALUES (1, 1), (2, 2), (3, 3)""",
        "CREATE PUBLICATION p FOR TABLE marker, gen, part (id, b, a), odd WHERE (id % 2 = 1)")
    case.create()
    case.same(("(SELECT id, a FROM gen) x", "gen"), ("(SELECT id, a, b FROM part) x", "part"),
              ("(SELECT * FROM odd WHERE id % 2 = 1) x", "odd"))
    case.up("UPDATE gen SET a = 5; UPDATE part SET secret = 'x', a = 7; "
            "UPDATE odd SET id = id + 3; INSERT INTO odd VALUES (20, 0), (21, 0); "
            "INSERT INTO part VALUES (2, 3, 'hidden', 4)")
    case.same(("(SELECT id, a FROM gen) x", "gen"), ("(SELECT id, a, b FROM part) x", "part"),
              ("(SELECT * FROM odd WHERE id % 2 = 1) x", "odd"))
    assert "hidden" not in str(rows_of(case.server.dsn(), f"SELECT * FROM {case.name}.part"))
    case.drop()


def test_settings_of_the_role_change_no_text(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY, d date, z timestamptz, b bytea, "
                       "i interval, f float8, m timestamp)")
    insert = ("INSERT INTO t VALUES ({}, '2024-01-02', '2024-01-02 03:04:05+00', '\\xde00', "
              "'1 mon 2 days', 0.1, '2024-01-02 03:04:05')")
    case.up(insert.format(1))
    case.up(f"ALTER ROLE repl IN DATABASE {case.name} SET datestyle = 'German'; "
            f"ALTER ROLE repl IN DATABASE {case.name} SET timezone = 'Asia/Tokyo'; "
            f"ALTER ROLE repl IN DATABASE {case.name} SET bytea_output = 'escape'; "
            f"ALTER ROLE repl IN DATABASE {case.name} SET intervalstyle = 'iso_8601'; "
            f"ALTER ROLE repl IN DATABASE {case.name} SET extra_float_digits = -3; "
            f"ALTER ROLE repl IN DATABASE {case.name} SET statement_timeout = '1ms'; "
            f"ALTER ROLE repl IN DATABASE {case.name} SET default_transaction_read_only = on")
    case.create()
    case.up(insert.format(2))
    case.same("t")
    case.drop()


def test_names(world):
    case = Case(world, """
        CREATE SCHEMA a; CREATE SCHEMA b;
        CREATE TABLE a.t (id int PRIMARY KEY, "Mixed Case" text, "select" int, "q""uote" int);
        CREATE TABLE b.t (id int PRIMARY KEY, v int);
        CREATE TABLE b."T 'x'" (id int PRIMARY KEY, v int);
        INSERT INTO a.t VALUES (1, 'x', 2, 3); INSERT INTO b.t VALUES (1, 1);""")
    said = case.refused()
    assert said.sqlstate == "42P07" and "a.t" in said.message_primary and "b.t" in \
        said.message_primary
    assert "FOR TABLES" in said.message_hint, said.message_hint
    case.here(f"CREATE TABLE {case.name}.t (x int)")
    try:
        case.create("FOR TABLES (a.t, marker)")
        raise AssertionError("a taken name was not refused")
    except psycopg.errors.DuplicateTable as error:
        assert "FOR TABLES (" in error.diag.message_hint, error.diag.message_hint
    case.here(f"DROP TABLE {case.name}.t")
    said = case.refused("FOR TABLES (t, marker)")
    assert "ambiguous" in said.message_primary, said.message_primary
    said = case.refused("FOR TABLES (a.missing, marker)")
    assert said.sqlstate == "42P01" and "ADD TABLE" in said.message_hint
    case.create("FOR TABLES (a.t AS first, b.t, b.\"T 'x'\" AS \"T 'x'\", marker)")
    case.up("INSERT INTO a.t VALUES (2, 'y', NULL, 4); UPDATE b.t SET v = 2; "
            "INSERT INTO b.\"T 'x'\" VALUES (1, 1)")
    case.same(("a.t", "first"), ("b.t", "t"), ("b.\"T 'x'\"", "\"T 'x'\""))
    assert case.here(f'SELECT "Mixed Case", "select" FROM {case.name}.first WHERE id = 2') == \
        [("y", None)]
    case.drop()


def test_refusals(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)")
    case.here("CREATE SECRET wrong AS 'wrong-secret'")
    for name, options in {
            "wrong_password": {"password": "wrong"}, "no_database": {"DATABASE": "'missing'"},
            "no_server": {"PORT": 1}, "no_role": {"USER": "'nobody'", "PASSWORD": None},
            "weak": {"USER": "'weak'", "PASSWORD": None}}.items():
        case.here(case.connection(name, **options))
    case.up("DROP ROLE IF EXISTS weak; CREATE ROLE weak LOGIN; GRANT SELECT ON t, marker TO weak")
    said = case.refused(connection="wrong_password")
    assert said.sqlstate == "28P01", said.sqlstate
    assert "wrong-secret" not in said.message_primary
    assert case.refused(connection="no_database").sqlstate == "3D000"
    assert case.refused(connection="no_server").sqlstate == "08006"
    assert case.refused(connection="no_role").sqlstate == "28000"
    said = case.refused(connection="weak")
    assert said.sqlstate == "42501" and "REPLICATION" in said.message_hint, said.message_hint
    case.up("REVOKE SELECT ON t FROM repl")
    said = case.refused()
    assert said.sqlstate == "42501" and "GRANT" in said.message_hint, said.message_hint
    case.up("GRANT SELECT ON t TO repl; DROP PUBLICATION p")
    said = case.refused()
    assert said.sqlstate == "42704" and "CREATE PUBLICATION" in said.message_hint
    case.up("CREATE PUBLICATION p")
    said = case.refused()
    assert said.sqlstate == "55000" and "no tables" in said.message_primary


def test_wal_level_must_be_logical(world):
    plain = peers.Postgres(world.scratch / "replica", peers.PG_UNSAFE + "wal_level = replica\n")
    plain.start()
    try:
        plain.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION p FOR ALL TABLES")
        server = world.server()
        server.sql(f"CREATE CONNECTION c TO POSTGRES (HOST '127.0.0.1', PORT {plain.port})")
        try:
            server.sql("CREATE SOURCE s FROM POSTGRES CONNECTION c (PUBLICATION 'p')")
            raise AssertionError("not refused")
        except psycopg.errors.ObjectNotInPrerequisiteState as error:
            assert "wal_level = logical" in error.diag.message_hint, error.diag.message_hint
    finally:
        plain.kill9()


def test_secrets_show_nowhere(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)").create()
    seen = ""
    for what in ["SHOW SECRETS", "SHOW CONNECTIONS", "SHOW SOURCES", "SHOW CREATE CONNECTION "
                 f"{case.name}.c", f"SHOW CREATE SOURCE {case.name}.s",
                 "SELECT * FROM qw.source_status", "SELECT * FROM pg_stat_activity"]:
        seen += case.server.psql(what)
    assert "repl-secret" not in seen, seen
    assert "repl-secret" not in case.server.log.read_text()
    case.drop()


def test_changes_of_columns(world):
    case = Case(world, "".join(
        f"CREATE TABLE {name} (id int PRIMARY KEY, a int, b text); INSERT INTO {name} "
        "VALUES (1, 1, 'x');"
        for name in ["retyped", "dropped", "renamed", "added", "remade", "gone", "untouched"]))
    case.create()
    case.up("ALTER TABLE retyped ALTER a TYPE bigint; INSERT INTO retyped VALUES (2, 2, 'y');"
            "ALTER TABLE dropped DROP a; INSERT INTO dropped VALUES (2, 'y');"
            "ALTER TABLE renamed RENAME a TO z; INSERT INTO renamed VALUES (2, 2, 'y');"
            "ALTER TABLE added ADD c int DEFAULT 5; INSERT INTO added VALUES (2, 2, 'y', 6);"
            "ALTER TABLE remade DROP a; ALTER TABLE remade ADD a int DEFAULT 9;"
            "UPDATE remade SET b = 'y';"
            "DROP TABLE gone; CREATE TABLE gone (id int PRIMARY KEY, a int, b text);"
            "INSERT INTO gone VALUES (3, 3, 'z'); INSERT INTO untouched VALUES (2, 2, 'y')")
    case.same("untouched")
    # A column more is not read; the table goes on.
    case.same(("(SELECT id, a, b FROM added) x", "added"))
    errors = {}
    end = time.monotonic() + 20
    wanted = {"retyped", "dropped", "renamed", "remade", "gone"}
    while not wanted <= set(errors):
        assert time.monotonic() < end, errors
        errors = dict(case.here("SELECT \"table\", error FROM qw.source_tables "
                                "WHERE source = 's' AND state = 'failed'"))
    assert "type of column \"a\"" in errors["retyped"], errors
    assert "column \"a\" was dropped" in errors["dropped"], errors
    assert "column \"a\" was dropped or renamed" in errors["renamed"], errors
    assert "column \"a\"" in errors["remade"] and "gone" in errors["gone"], errors
    assert set(errors) == wanted, errors
    assert case.here(f"SELECT * FROM {case.name}.retyped") == [(1, 1, "x")]
    assert "stopped" in " ".join(case.status()) or "upstream table" in case.status()[1]
    case.server.restart()
    case.up("INSERT INTO untouched VALUES (3, 3, 'after'); INSERT INTO retyped VALUES (9, 9, 'n')")
    case.same("untouched")
    assert case.here(f"SELECT * FROM {case.name}.retyped") == [(1, 1, "x")]
    case.drop()


def test_tables_that_come_later_are_told_of(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)").create()
    case.up("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    case.same("t")
    state, message, hint = case.wait_status("public.later")
    assert state == "running" and "is not read" in message and hint, message
    case.up("DROP TABLE later")
    case.server.wait_for("SELECT state, message FROM qw.source_status "
                         f"WHERE schema = '{case.name}'", [("running", "")])
    case.drop()


def test_rewrites(world):
    tables = ["using_same", "unlogged", "unlogged_long", "relabelled", "vacuumed", "clustered",
              "emptied", "defaulted", "widened", "labelled", "plain"]
    case = Case(world, "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE size AS ENUM ('s');" +
                "".join(f"CREATE TABLE {name} (id int PRIMARY KEY, a int, b text);"
                        f"INSERT INTO {name} VALUES (1, 1, 'x'), (2, 2, 'y');" for name in tables) +
                "ALTER TABLE relabelled ADD m mood DEFAULT 'sad', ADD ms mood[];"
                "ALTER TABLE labelled ADD m size[] DEFAULT '{s}';"
                "ALTER TABLE unlogged_long DROP b").create()
    case.up("ALTER TABLE using_same ALTER a TYPE int USING a + 100;"
            "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'")
    for name in ("unlogged", "unlogged_long"):
        case.up(f"ALTER TABLE {name} SET UNLOGGED; INSERT INTO {name} (id) VALUES (3)")
        # Without a TOAST table nothing is left of it afterwards: it must be seen meanwhile.
        time.sleep(2.5 if name == "unlogged_long" else 0)
        case.up(f"ALTER TABLE {name} SET LOGGED; INSERT INTO {name} (id) VALUES (4)")
    # What must not stop a table.
    case.up("VACUUM FULL vacuumed")
    case.up("CLUSTER clustered USING clustered_pkey; TRUNCATE emptied;"
            "INSERT INTO emptied VALUES (7, 7, 'z');"
            "ALTER TABLE defaulted ALTER a SET DEFAULT 5, ALTER a SET NOT NULL;"
            "ALTER TABLE widened ADD c float DEFAULT random();"
            "ALTER TYPE size ADD VALUE 'm' BEFORE 's'")
    case.up("INSERT INTO vacuumed VALUES (3, 3, 'z'); INSERT INTO defaulted VALUES (3);"
            "INSERT INTO labelled VALUES (3, 3, 'z', '{m,s}'); UPDATE widened SET b = 'w';"
            "REINDEX TABLE plain; INSERT INTO plain VALUES (3, 3, 'z')")
    failed = ("SELECT \"table\" FROM qw.source_tables WHERE source = 's' AND state = 'failed' "
              "ORDER BY 1")
    stopped = [(name,) for name in ("relabelled", "unlogged", "unlogged_long", "using_same")]
    case.server.wait_for(failed, stopped)
    going_on = ("vacuumed", "clustered", "emptied", "defaulted", "labelled", "plain",
                ("(SELECT id, a, b FROM widened) x", "widened"))
    case.same(*going_on)
    # The same while we are away.
    case.server.stop()
    case.up("ALTER TABLE plain ALTER a TYPE int USING a + 100")
    case.up("VACUUM FULL plain")
    case.up("VACUUM FULL clustered")
    case.server.start()
    case.server.wait_for(failed, sorted(stopped + [("plain",)]))
    case.same("vacuumed", "clustered", "emptied", "defaulted", "labelled")
    case.server.wait_for(failed, sorted(stopped + [("plain",)]))
    case.drop()


def test_changes_of_identity_and_key(world):
    case = Case(world, "CREATE TABLE a (id int PRIMARY KEY, v int NOT NULL UNIQUE);"
                       "CREATE TABLE b (id int PRIMARY KEY, v int);"
                       "CREATE TABLE ok (id int PRIMARY KEY);"
                       "INSERT INTO a VALUES (1, 10); INSERT INTO b VALUES (1, 10)").create()
    case.up("ALTER TABLE a DROP CONSTRAINT a_pkey; ALTER TABLE a ADD PRIMARY KEY (v);"
            "UPDATE a SET id = 2 WHERE v = 10; ALTER TABLE b REPLICA IDENTITY NOTHING;"
            "INSERT INTO ok VALUES (1)")
    case.same("ok")
    case.server.wait_for("SELECT \"table\" FROM qw.source_tables WHERE source = 's' AND "
                         "state = 'failed' ORDER BY 1", [("a",), ("b",)])
    assert case.here(f"SELECT * FROM {case.name}.a") == [(1, 10)]
    case.drop()


def test_changes_of_the_publication(world):
    case = Case(world, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY)",
                "CREATE PUBLICATION p FOR TABLE marker, a, b").create()
    case.up("ALTER PUBLICATION p DROP TABLE a; INSERT INTO a VALUES (1); "
            "ALTER PUBLICATION p ADD TABLE a; INSERT INTO a VALUES (2)")
    case.wait_status("public.a")
    case.up("INSERT INTO b VALUES (1)")
    case.same("b")
    case.up("DROP PUBLICATION p; INSERT INTO b VALUES (2)")
    state, message, _ = case.wait_status("failed")
    assert "publication" in message, message
    assert case.here(f"SELECT * FROM {case.name}.b") == [(1,)]
    case.drop()


def test_drop_source(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)").create()
    assert case.slots() == 1
    case.drop()
    case.create().drop()  # the names are free again
    case.create()
    world.postgres.stop()
    try:
        with case.server.connect() as connection:
            notices = []
            connection.add_notice_handler(
                lambda notice: notices.append(f"{notice.message_primary} {notice.message_hint}"))
            connection.execute(f"DROP SOURCE {case.name}.s")
        assert any("left behind" in notice and "pg_drop_replication_slot" in notice
                   for notice in notices), notices
    finally:
        world.postgres.start()
    case.up("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
            f"WHERE database = '{case.name}'")


def slot_of(case):
    return case.up("SELECT slot_name FROM pg_replication_slots "
                   f"WHERE database = '{case.name}'")[0][0]


def test_checks_at_restart(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)").create()
    case.up("INSERT INTO t VALUES (1)")
    case.same("t")
    slot = slot_of(case)
    case.server.stop()
    case.up("SET synchronous_commit = on; INSERT INTO t VALUES (2)")
    case.up(f"SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())")
    case.server.start()
    state, message, hint = case.wait_status("failed")
    assert "ahead of the source" in message and "DROP SOURCE" in hint, (message, hint)
    assert case.here(f"SELECT * FROM {case.name}.t") == [(1,)]
    case.server.stop()
    case.up(f"SELECT pg_drop_replication_slot('{slot}')")
    case.server.start()
    state, message, hint = case.wait_status("failed")
    assert "is gone" in message and "DROP SOURCE" in hint, (message, hint)
    case.drop()


def test_another_cluster_at_the_same_address(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)").create()
    case.server.stop()
    world.postgres.stop()
    other = peers.Postgres(world.scratch / "other")
    other.start()
    other.stop()
    old_port = str(other.port)
    for path in [other.directory / "port", other.data / "postgresql.conf"]:
        path.write_text(path.read_text().replace(old_port, str(world.postgres.port)))
    other.start()
    try:
        other.sql(f"CREATE DATABASE {case.name}")
        other.sql("CREATE ROLE repl LOGIN REPLICATION PASSWORD 'repl-secret'")
        case.server.start()
        state, message, hint = case.wait_status("failed")
        assert "another database cluster" in message, message
    finally:
        other.kill9()
        world.postgres.start()
    case.server.restart()
    case.up("INSERT INTO t VALUES (1)")
    case.same("t")
    case.drop()


def test_an_upstream_restored_from_an_older_copy_stops_the_source(world):
    upstream = peers.Postgres(world.scratch / "restored").start()
    try:
        upstream.sql("CREATE TABLE restored (id int PRIMARY KEY); CREATE PUBLICATION p FOR ALL "
                     "TABLES; INSERT INTO restored VALUES (1)")
        server = world.server(data="restored_reader")
        server.script(f"""
            CREATE CONNECTION c TO POSTGRES (HOST '127.0.0.1', PORT {upstream.port},
              DATABASE 'postgres', USER 'postgres');
            CREATE SOURCE s FROM POSTGRES CONNECTION c (PUBLICATION 'p') FOR ALL TABLES;
        """)
        upstream.stop()
        copy = upstream.directory / "copy"
        subprocess.run(["cp", "-a", upstream.data, copy], check=True)
        upstream.start()
        upstream.sql("INSERT INTO restored SELECT generate_series(2, 5000)")
        server.wait_for("SELECT count(*) FROM restored", [(5000,)])
        upstream.stop()
        shutil.rmtree(upstream.data)
        copy.rename(upstream.data)
        upstream.start()
        upstream.sql("INSERT INTO restored VALUES (2)")
        server.wait_for("SELECT state FROM qw.source_status", [("failed",)])
        [(_, _, _, state, message)] = server.sql("SHOW SOURCES")
        assert "lacks changes that were read" in message, message
        server.kill9()
    finally:
        upstream.kill9()


def test_a_new_timeline_goes_on(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)").create()
    case.up("INSERT INTO t VALUES (1)")
    case.same("t")
    world.postgres.stop()
    with open(world.postgres.data / "postgresql.auto.conf", "a") as conf:
        conf.write("restore_command = 'false'\n")
    signal = world.postgres.data / "recovery.signal"
    signal.touch()
    world.postgres._own(signal)
    world.postgres.start()
    harness.peers.wait_until(
        lambda: not case.up("SELECT pg_is_in_recovery()")[0][0], "end of recovery")
    assert case.up("SELECT timeline_id FROM pg_control_checkpoint()") != [(1,)] or case.up(
        "CHECKPOINT; SELECT timeline_id FROM pg_control_checkpoint()") != [(1,)]
    case.up("INSERT INTO t VALUES (2)")
    case.same("t")
    case.drop()


def test_one_huge_transaction_is_one_epoch(world):
    rows = 1_000_000 if harness.LONG else 200_000
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY, v text)").create()
    case.here(f"CREATE MATERIALIZED VIEW {case.name}.v AS SELECT count(*) AS n, sum(id) AS s "
              f"FROM {case.name}.t")
    seen, done = set(), threading.Event()

    def reader():
        with case.server.connect() as connection:
            while not done.is_set():
                seen.add(connection.execute(
                    f"SELECT (SELECT count(*) FROM {case.name}.t), "
                    f"(SELECT n FROM {case.name}.v)").fetchone())

    thread = threading.Thread(target=reader)
    thread.start()
    case.up(f"INSERT INTO t SELECT g, 'row ' || g FROM generate_series(1, {rows}) g")
    case.up("UPDATE t SET v = v || '!' ")
    case.up("DELETE FROM t")
    case.caught_up()
    done.set()
    thread.join()
    assert seen <= {(0, 0), (rows, rows)} and (0, 0) in seen, seen
    assert case.here(f"SELECT * FROM {case.name}.v") == [(0, None)]
    case.drop()


def confirmed(case):
    return case.up("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE database = "
                   f"'{case.name}'")[0][0]


def test_an_idle_source_lets_the_slot_move(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE noise (v text)",
                "CREATE PUBLICATION p FOR TABLE marker, t").create()
    case.up("INSERT INTO noise SELECT repeat('x', 1000) FROM generate_series(1, 40000)")
    target = case.up("SELECT pg_current_wal_lsn()")[0][0]
    harness.peers.wait_until(
        lambda: case.up(f"SELECT '{target}'::pg_lsn - confirmed_flush_lsn < 16 * 1024 * 1024 "
                        "FROM pg_replication_slots WHERE "
                        f"database = '{case.name}'")[0][0], "move of the slot")
    case.drop()


def test_status_while_the_upstream_is_down(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)").create()
    world.postgres.stop()
    try:
        state, message, _ = case.wait_status("stalled")
        assert message, "stalled without a reason"
        assert case.here(f"SELECT * FROM {case.name}.t") == [(1,)]
    finally:
        world.postgres.start()
    case.up("INSERT INTO t VALUES (2)")
    case.same("t")
    case.wait_status("running")
    case.drop()


def test_cancel_of_create_source_leaves_nothing(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY)")
    with psycopg.connect(world.postgres.dsn(case.name)) as blocker, \
            case.server.connect() as connection:
        blocker.execute("INSERT INTO t VALUES (1)")  # the slot waits for it
        notices = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))

        def cancel():
            end = time.monotonic() + 20
            while not any("waiting for" in notice for notice in notices):
                if time.monotonic() > end:
                    break
                time.sleep(0.02)
            connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            connection.execute(f"CREATE SOURCE {case.name}.s FROM POSTGRES CONNECTION "
                               f"{case.name}.c (PUBLICATION 'p') FOR ALL TABLES")
            raise AssertionError("not cancelled")
        except psycopg.errors.QueryCanceled:
            pass
        thread.join()
        assert any("waiting for" in notice for notice in notices), notices
        blocker.rollback()
    harness.peers.wait_until(lambda: case.slots() == 0, "end of the slot")
    case.create()
    case.same("t")
    case.drop()


def test_a_kill_while_the_snapshot_runs_leaves_nothing(world):
    case = Case(world, "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE big AS SELECT g AS id, "
                       "repeat('x', 100) AS v FROM generate_series(1, 300000) g;"
                       "ALTER TABLE big ADD PRIMARY KEY (id)")
    thread = threading.Thread(target=lambda: swallow(case.create))
    thread.start()
    harness.peers.wait_until(lambda: case.slots() == 1, "slot")
    case.server.kill9()
    thread.join()
    case.server.start()
    assert case.server.psql(f"SELECT * FROM {case.name}.big").count("does not exist") == 1
    harness.peers.wait_until(lambda: case.slots() == 0, "end of the slot")
    case.create()
    case.same("big")
    case.drop()


def swallow(function):
    try:
        function()
    except psycopg.Error:
        pass


if __name__ == "__main__":
    harness.main(globals())
