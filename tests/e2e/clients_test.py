"""Real clients: psql, psycopg 3, asyncpg, pgx and pgjdbc do what their users do.

Where PostgreSQL does the same, it is asked too and the answers must be equal.
"""

import asyncio
import datetime
import decimal
import pathlib
import subprocess
import threading
import time
import uuid

import asyncpg
import psycopg

import harness
import peers

# One expression per type and oddity; each goes through both servers in text and in binary.
EXPRESSIONS = """
true | false | NULL::bool
1::int2 | (-32768)::int2 | 2147483647 | (-2147483648)::int4 | 9223372036854775807 | NULL::int8
1.5::float4 | 0.1::float8 | 'NaN'::float8 | 'Infinity'::float8
'-Infinity'::float4 | 1e300::float8 | '-0'::float8
0::numeric | 1.10::numeric | -0.001::numeric | 12345678901234567890123.456::numeric
'NaN'::numeric | 1e10::numeric
'text' | '' | 'it''s' | E'tab\\there' | 'x'::varchar(3) | 'ab'::char(4) | NULL::text
'\\x00ff10'::bytea | ''::bytea
'2024-02-29'::date | '0001-01-01 BC'::date | 'infinity'::date | '13:14:15.000001'::time
'1999-12-31 23:59:59.999999'::timestamp | '-infinity'::timestamp
'2026-01-02 03:04:05.6+02'::timestamptz | '1969-12-31 23:59:59Z'::timestamptz
'1 year 2 mons -3 days 04:05:06.789'::interval | '-00:00:01'::interval
'00112233-4455-6677-8899-aabbccddeeff'::uuid
'{"b": [1, null, "x"], "a": 1.50}'::jsonb | '[]'::jsonb | 'null'::jsonb
42::oid | ARRAY[1,2,NULL]::int4[] | ARRAY['a','b c',NULL,'']::text[]
'{}'::int8[] | ARRAY[1.5,2.25]::numeric[]
"""


def expressions():
    return [one.strip() for line in EXPRESSIONS.strip().splitlines() for one in line.split(" | ")]


def raw_answers(dsn, binary):
    """The wire's own bytes of every expression, with type and modifier."""
    answers = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        for expression in expressions():
            try:
                result = connection.pgconn.exec_params(
                    f"SELECT {expression}".encode(), [], result_format=int(binary))
                assert result.error_message == b"", result.error_message.decode()
                answers[expression] = (
                    result.ftype(0), result.fsize(0), result.fmod(0), result.get_value(0, 0))
            except Exception as error:
                answers[expression] = str(error)
    return answers


def assert_same(ours, theirs):
    wrong = [f"{key}\n    ours   {ours[key]}\n    theirs {theirs[key]}" for key in theirs
             if ours[key] != theirs[key]]
    assert not wrong, "\n  ".join([f"{len(wrong)} differ", *wrong])


def server(world):
    if not hasattr(world, "shared_server"):
        world.shared_server = world.server()
    return world.shared_server


def test_every_type_in_text_equals_postgresql(world):
    assert_same(raw_answers(server(world).dsn(), False), raw_answers(world.postgres.dsn(), False))


def test_every_type_in_binary_equals_postgresql(world):
    assert_same(raw_answers(server(world).dsn(), True), raw_answers(world.postgres.dsn(), True))


def test_psycopg_parameters_go_through_and_back(world):
    zone = datetime.timezone.utc
    values = [
        True, 7, -(1 << 40), 0.1, decimal.Decimal("12.340"), "gr\u00fc\u00dfe", b"\x00\xff",
        datetime.date(2024, 2, 29), datetime.time(1, 2, 3, 4),
        datetime.datetime(2026, 1, 2, 3, 4, 5, 6), datetime.datetime(2026, 1, 2, 3, 4, 5, 6, zone),
        datetime.timedelta(days=3, seconds=4, microseconds=5), uuid.uuid4(), [1, 2, 3]]
    with server(world).connect() as connection:
        for binary in (False, True):
            for value in values:
                cursor = connection.cursor(binary=binary)
                placeholder = "%b" if binary else "%t"
                got = cursor.execute(f"SELECT {placeholder}", [value]).fetchone()[0]
                assert got == value, (binary, value, got)


def test_lists_as_parameters_are_looked_up_by_key(world):
    """Drivers send lists as arrays of the smallest integer that fits, whatever the column is."""
    with server(world).connect() as connection:
        connection.execute("CREATE TABLE picked (id bigint PRIMARY KEY, name text);"
                           "INSERT INTO picked SELECT g, 'n' || g FROM generate_series(1, 5000) g")
        for ids in ([7, 3, 7, -1], [300, 4000], [1 << 33, 5], [None, 2], [], list(range(3000))):
            for more in ("", " AND name <> ''"):
                sql = f"SELECT id, name FROM picked WHERE id = ANY (%s){more} ORDER BY id"
                for binary in (False, True):
                    got = connection.cursor(binary=binary).execute(sql, [ids]).fetchall()
                    wanted = sorted({i for i in ids if i is not None and 1 <= i <= 5000})
                    assert got == [(i, f"n{i}") for i in wanted], (ids, got[:5])
        got = connection.execute("SELECT id FROM picked WHERE id IN (%s, %s, %s) ORDER BY id",
                                 [9, 9, 4999]).fetchall()
        assert got == [(9,), (4999,)], got
        plan = connection.execute(
            "EXPLAIN SELECT name FROM picked WHERE id = ANY ('{1,2}'::smallint[])").fetchall()
        assert "by key in 1, 2" in str(plan), plan
        changed = connection.execute(
            "UPDATE picked SET name = 'x' WHERE id = ANY (%s)", [[1, 2, 2]])
        assert changed.rowcount == 2
        gone = connection.execute("DELETE FROM picked WHERE id = ANY (%s)", [[1, 6000]])
        assert gone.rowcount == 1


def test_psycopg_transactions_and_errors(world):
    with server(world).connect(autocommit=False) as connection:
        connection.execute("SELECT 1")
        connection.rollback()
    with server(world).connect() as connection:
        connection.execute(
            "CREATE TABLE accounts (id int PRIMARY KEY, balance numeric(10,2) NOT NULL)")
        with connection.transaction():
            connection.execute("INSERT INTO accounts VALUES (1, 10), (2, 20)")
            assert connection.execute("SELECT sum(balance) FROM accounts").fetchone()[0] == 30
        try:
            with connection.transaction():
                connection.execute("UPDATE accounts SET balance = balance + 1")
                connection.execute("INSERT INTO accounts VALUES (1, 0)")
            assert False, "a doubled key was taken"
        except psycopg.errors.UniqueViolation as error:
            assert error.diag.sqlstate == "23505"
        assert connection.execute("SELECT sum(balance) FROM accounts").fetchone()[0] == 30
        for wrong, sqlstate in [("SELEC 1", "42601"), ("SELECT nosuch", "42703"),
                                ("SELECT * FROM nosuch", "42P01"), ("SELECT 1/0", "22012"),
                                ("SELECT 'x'::int", "22P02"), ("SELECT nosuch(1)", "42883"),
                                ("INSERT INTO accounts VALUES (3, NULL)", "23502"),
                                ("CREATE TABLE accounts (id int)", "42P07")]:
            try:
                connection.execute(wrong)
                assert False, f"no error: {wrong}"
            except psycopg.Error as error:
                assert error.diag.sqlstate == sqlstate, (wrong, error.diag.sqlstate, str(error))


def test_psycopg_copy_in_and_pipeline(world):
    with server(world).connect() as connection:
        connection.execute("CREATE TABLE copied (id bigint PRIMARY KEY, v text)")
        with connection.cursor().copy("COPY copied (id, v) FROM STDIN") as copy:
            for i in range(1000):
                copy.write_row((i, None if i % 10 == 0 else f"v\t{i}"))
        got = connection.execute("SELECT count(*), count(v), min(v) FROM copied").fetchone()
        assert got == (1000, 900, "v\t1"), got
        with connection.pipeline():
            query = "SELECT v FROM copied WHERE id = %s"
            cursors = [connection.execute(query, [i]) for i in (1, 20)]
            assert [cursor.fetchone()[0] for cursor in cursors] == ["v\t1", None]


def test_psycopg_reads_server_side_cursors(world):
    for dsn in (server(world).dsn(), world.postgres.dsn()):
        with psycopg.connect(dsn) as connection, connection.cursor("steps") as cursor:
            cursor.itersize = 3
            cursor.execute("SELECT g, 'v' || g AS v FROM generate_series(1, 8) g")
            assert [column.name for column in cursor.description] == ["g", "v"], dsn
            assert cursor.fetchmany(2) == [(1, "v1"), (2, "v2")], dsn
            assert [row[0] for row in cursor] == [3, 4, 5, 6, 7, 8], dsn


def same_ends(world, run):
    """What `run` returns, or the error it ends with, is PostgreSQL's."""
    ends = []
    for dsn in (server(world).dsn(), world.postgres.dsn()):
        with psycopg.connect(dsn, autocommit=True) as connection:
            try:
                ends.append(run(connection))
            except psycopg.Error as error:
                ends.append((error.diag.sqlstate, error.diag.message_primary))
    assert ends[0] == ends[1], f"\n  ours   {ends[0]}\n  theirs {ends[1]}"
    return ends[0]


def test_parameters_that_name_objects_or_have_no_type(world):
    def asks(sql, *values):
        return same_ends(world, lambda connection: connection.execute(sql, values).fetchall())

    assert asks("SELECT %t::regclass::text", "pg_class") == [("pg_class",)]
    assert asks("SELECT relname FROM pg_class WHERE oid = %t::regclass", "pg_class")
    assert asks("SELECT %t::regtype::text", "int") == [("integer",)]
    assert asks("SELECT %t::regclass", "nosuch")[0] == "42P01"
    assert asks("SELECT 1 WHERE %t IS NULL", "x")[0] == "42P18"
    assert asks("SELECT 1 WHERE %t IS NULL OR 2 = %t::int", "x", "2")[0] == "42P18"


def test_copy_refuses_text_that_is_none(world):
    def copies(data, options=""):
        def run(connection):
            with connection.cursor().copy(f"COPY taken FROM STDIN {options}") as copy:
                copy.write(data)
            return connection.execute("SELECT * FROM taken ORDER BY id").fetchall()
        return same_ends(world, run)

    for dsn in (server(world).dsn(), world.postgres.dsn()):
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("CREATE TABLE taken (id int PRIMARY KEY, v text)")
    for options in ("", "(FORMAT csv, DELIMITER E'\\t')"):
        assert copies(b"1\ta\n2\t\xff\n", options)[0] == "22021"
        assert copies(b"1\t\xc3\n", options)[0] == "22021"
        # The empty text of text format is read before a field is missed, csv's is NULL.
        assert copies(b"\n", options)[0] == ("22P04" if options else "22P02")
        assert copies(b"x\n", options)[0] == "22P02"
        assert copies(b"1\n", options)[0] == "22P04"
    assert copies(b"1\t\\xff\n")[0] == "22021"
    assert copies(b"1\t\\xc3\\xa9\n") == [(1, "\u00e9")]


def test_limits_of_a_statement_are_postgresqls(world):
    def run(connection):
        connection.execute("SET statement_timeout = 300")
        return connection.execute("SELECT count(*) FROM generate_series(1, 10000000000)")

    assert same_ends(world, run) == ("57014", "canceling statement due to statement timeout")

    def columns(count):
        return lambda c: len(c.execute("SELECT " + ", ".join("1" * count)).fetchone())

    assert same_ends(world, columns(1665))[0] == "54011"
    assert same_ends(world, columns(1664)) == 1664
    assert same_ends(world, lambda c: c.execute("LOCK TABLE pg_class"))[0] == "25P01"


def test_psycopg_cancels_a_statement(world):
    with server(world).connect() as connection:
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        began = time.monotonic()
        try:
            connection.execute("SELECT count(*) FROM generate_series(1, 10000000000)")
            assert False, "the statement was not cancelled"
        except psycopg.errors.QueryCanceled:
            pass
        finally:
            timer.join()
        assert time.monotonic() - began < 10
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_view_follows_its_table(world):
    ours = server(world)
    ours.script("""
        CREATE TABLE sales (id int PRIMARY KEY, region text, amount numeric(10,2));
        CREATE MATERIALIZED VIEW by_region AS
          SELECT region, count(*) AS n, sum(amount) AS total FROM sales GROUP BY region;
        INSERT INTO sales VALUES (1, 'EU', 1.50), (2, 'US', 2.00), (3, 'EU', 3.25);
        UPDATE sales SET region = 'US' WHERE id = 3;
        DELETE FROM sales WHERE id = 2;
    """)
    got = ours.sql("SELECT * FROM by_region ORDER BY region")
    assert got == [("EU", 1, decimal.Decimal("1.50")), ("US", 1, decimal.Decimal("3.25"))], got


def test_asyncpg(world):
    async def body():
        connection = await asyncpg.connect(
            host="127.0.0.1", port=server(world).port, user="postgres", database="quickwater")
        await connection.execute(
            "CREATE TABLE async_t (id bigint PRIMARY KEY, tags text[], at timestamptz)")
        when = datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc)
        await connection.executemany(
            "INSERT INTO async_t VALUES ($1, $2, $3)",
            [(i, ["a", str(i)], when) for i in range(250)])
        assert await connection.fetchval("SELECT count(*) FROM async_t") == 250
        row = await connection.fetchrow("SELECT * FROM async_t WHERE id = $1", 7)
        assert tuple(row) == (7, ["a", "7"], when), row
        async with connection.transaction():
            seen = [record["id"] async for record in
                    connection.cursor("SELECT id FROM async_t ORDER BY id", prefetch=50)]
        assert seen == list(range(250))
        try:
            await connection.fetch("SELECT nosuch FROM async_t")
            assert False, "no error"
        except asyncpg.UndefinedColumnError:
            pass
        count = await connection.copy_records_to_table(
            "async_t", records=[(1000, None, None)], columns=["id", "tags", "at"])
        assert count == "COPY 1", count
        await connection.close()
    asyncio.run(asyncio.wait_for(body(), 60))


def foreign(name, command, **options):
    """Runs a client program that prints PASS and FAIL lines of its own."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=300, **options)
    lines = done.stdout.splitlines()
    print("\n".join(line for line in lines if line.startswith("PASS ")), flush=True)
    wrong = [line for line in lines if not line.startswith("PASS ")]
    assert done.returncode == 0 and not wrong, "\n".join([f"{name}: {done.returncode}", *wrong])
    assert lines, f"{name} ran no test"


def test_pgx(world):
    url = f"postgres://postgres@127.0.0.1:{server(world).port}/quickwater"
    foreign("pgx", [peers.CACHE / "pgx_client", url])  # built by tools/setup


def test_jdbc(world):
    jars = ":".join(map(str, (peers.CACHE / "jdbc").glob("*.jar")))
    url = f"jdbc:postgresql://127.0.0.1:{server(world).port}/quickwater?user=postgres"
    foreign("jdbc", ["java", "-cp", jars, harness.ROOT / "tests/e2e/jdbc" / "Client.java", url])


PSQL_SETUP = """
CREATE SCHEMA stock;
CREATE TABLE parts (id bigint PRIMARY KEY, name text NOT NULL, price numeric(10,2) DEFAULT 0,
  at timestamptz);
CREATE TABLE stock.bins (part_id bigint, bin varchar(8));
CREATE VIEW cheap AS SELECT * FROM parts WHERE price < 1;
"""


def test_psql_describes_relations_as_with_postgresql(world):
    world.postgres.sql("CREATE DATABASE described")
    scripts = [PSQL_SETUP, "\\d", "\\d parts", "\\dt", "\\dt *.*bins", "\\dv", "\\d stock.bins",
               "\\dn stock", "INSERT INTO parts (id, name) VALUES (1, 'bolt');\nTABLE parts;",
               "SELECT nosuch FROM parts;", "SELECT 1 AS a, NULL AS b, ARRAY[1,2] AS c;",
               "\\copy parts FROM STDIN\n2\tnut\t1.25\t\\N\n\\.\nSELECT * FROM parts ORDER BY id;"]
    mark = "\\echo =next="
    answers = []
    for dsn in (world.server().dsn(), world.postgres.dsn("described")):
        done = subprocess.run(
            [peers.PG_BIN / "psql", "-X", dsn], input=f"\n{mark}\n".join(scripts), timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        output = done.stdout.replace("pg_database_owner", "postgres")
        answers.append(output.split("=next=\n"))
    wrong = [f"{script}\n  ours\n{ours}\n  theirs\n{theirs}"
             for script, ours, theirs in zip(scripts, *answers) if ours != theirs]
    assert len(answers[0]) == len(answers[1]) == len(scripts)
    assert not wrong, "\n".join(wrong)


def test_psql_lists_databases_and_views(world):
    ours = server(world)
    ours.script("CREATE TABLE listed (a int); "
                "CREATE MATERIALIZED VIEW listed_mv AS SELECT count(*) FROM listed")
    assert "quickwater" in ours.psql("\\l")
    assert "listed_mv" in ours.psql("\\dm")
    described = ours.psql("\\d listed_mv")
    assert 'Materialized view "public.listed_mv"' in described and "count" in described, described


def test_pgbench_initializes_and_runs(world):
    pgbench = str(peers.PG_BIN / "pgbench")
    where = ["-h", "127.0.0.1", "-p", str(server(world).port), "-U", "postgres", "quickwater"]
    for options in (["-i", "-s", "1", "-q"], ["-n", "-S", "-c", "4", "-t", "200", "-M", "prepared"],
                    ["-n", "-S", "-c", "2", "-t", "100", "-M", "simple"]):
        done = subprocess.run(
            [pgbench, *options, *where], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr
    assert server(world).sql("SELECT count(*) FROM pgbench_accounts") == [(100000,)]


if __name__ == "__main__":
    harness.main(globals())
