"""--memory-limit as a promise: RssAnon stays within it whatever is asked, answers stay right."""

import random
import threading

import psycopg

import harness
from harness import Watch

LIMIT_MB = 256
SLACK = 1.1


# Statements that would take several times the limit: what ends them is 53200, nothing else.
HOSTILE = {
    "hash join": "SELECT count(*) FROM generate_series(1, 100) a(x) JOIN "
                 "(SELECT y, repeat('k', 40) || y AS z FROM generate_series(1, 5000000) b(y)) c "
                 "ON a.x = c.y",
    "sort": "SELECT md5(x::text) AS h FROM generate_series(1, 8000000) a(x) ORDER BY h",
    "group by": "SELECT count(*) FROM (SELECT md5(x::text), count(*) "
                "FROM generate_series(1, 6000000) a(x) GROUP BY 1) b",
    "distinct": "SELECT count(*) FROM (SELECT DISTINCT md5(x::text) "
                "FROM generate_series(1, 6000000) a(x)) b",
    "count distinct": "SELECT count(DISTINCT md5(x::text)) FROM generate_series(1, 6000000) a(x)",
    "array_agg": "SELECT cardinality(array_agg(x::text || repeat('v', 50))) "
                 "FROM generate_series(1, 4000000) a(x)",
    "string_agg": "SELECT length(string_agg(md5(x::text), ',')) "
                  "FROM generate_series(1, 6000000) a(x)",
    "jsonb_agg": "SELECT length(jsonb_agg(md5(x::text))::text) "
                 "FROM generate_series(1, 4000000) a(x)",
    "window": "SELECT sum(n) FROM (SELECT row_number() OVER (ORDER BY md5(x::text)) AS n "
              "FROM generate_series(1, 4000000) a(x)) b",
    "cross join of sorts": "SELECT a.x, b.x FROM generate_series(1, 100000) a(x), "
                           "generate_series(1, 100000) b(x) ORDER BY a.x * b.x % 1000",
    "cross join, grouped": "SELECT a.x, b.x, count(*) FROM generate_series(1, 100000) a(x), "
                           "generate_series(1, 100000) b(x) GROUP BY 1, 2",
    "recursion": "WITH RECURSIVE r(n, t) AS (SELECT 1, repeat('r', 100) UNION "
                 "SELECT n + 1, t FROM r WHERE n < 10000000) SELECT max(n) FROM r",
    "shared subquery": "WITH c AS MATERIALIZED (SELECT x, md5(x::text) AS h "
                       "FROM generate_series(1, 6000000) a(x)) "
                       "SELECT count(*) FROM c JOIN c d ON c.x = d.x + 1",
    "a large value": "SELECT length(repeat(md5('x'), 30000000))",
    "large values": "SELECT sum(length(repeat('x', 1000000 + y))) "
                    "FROM generate_series(1, 4000) a(y)",
    "arrays from subqueries": "SELECT x, ARRAY(SELECT y || 'text' FROM generate_series(1, 5000000) "
                              "b(y) WHERE y > x) FROM generate_series(1, 10) a(x)",
    "arrays joined": "SELECT a.x, (SELECT array_agg(b.y || 'text of some length') "
                     "FROM generate_series(1, 50000) b(y) WHERE b.y <> a.x % 100) "
                     "FROM generate_series(1, 50000) a(x)",
    "intersection": "SELECT count(*) FROM (SELECT md5(x::text) FROM generate_series(1, 5000000) "
                    "a(x) INTERSECT SELECT md5(y::text) FROM generate_series(2, 5000000) b(y)) c",
}


def refused(connection, text):
    try:
        connection.execute(text)
    except psycopg.errors.OutOfMemory as error:
        assert error.diag.message_detail and error.diag.message_hint, error
        return error
    raise AssertionError(f"not refused: {text[:100]}")


def test_hostile_statements_end_in_53200(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
        connection.execute("INSERT INTO t VALUES (1, 'x')")
        for name, text in HOSTILE.items():
            before = watch.peak
            refused(connection, text)
            assert watch.peak <= LIMIT_MB * SLACK, f"{name}: {watch.peak:.0f} MB"
            if watch.peak > before:
                print(f"     peak {watch.peak:.0f} MB after {name}")
            assert connection.execute("SELECT * FROM t").fetchall() == [(1, "x")], name
    server.stop()


def test_hostile_statements_side_by_side(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB")
    rng = random.Random(world.seed)
    texts = [rng.choice(list(HOSTILE.values())) for _ in range(12)]
    failures = []

    def run(some):
        try:
            with server.connect() as connection:
                for text in some:
                    refused(connection, text)
        except Exception as error:  # the thread's, told by the test
            failures.append(error)

    with Watch(server) as watch:
        threads = [threading.Thread(target=run, args=(texts[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failures, failures
    assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB"
    assert server.sql("SELECT 1") == [(1,)]
    server.stop()


def test_large_writes_are_refused_whole(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE t (a bigint PRIMARY KEY, b text)")
        connection.execute("CREATE TABLE u (a bigint, b text)")
        for table in ("t", "u"):
            refused(connection, f"INSERT INTO {table} SELECT x, md5(x::text) "
                                "FROM generate_series(1, 5000000) a(x)")
        rows = ",".join(f"({i}, 'some text of row {i}')" for i in range(200_000))
        refused(connection, f"INSERT INTO t VALUES {rows}")
        with server.connect() as other:  # a message that is too large ends its connection
            try:
                other.execute(f"INSERT INTO t VALUES {','.join([rows] * 5)}")
                raise AssertionError("the message was taken")
            except psycopg.OperationalError:
                pass
        try:
            with connection.cursor().copy("COPY t FROM STDIN") as copy:
                for start in range(0, 5_000_000, 10_000):
                    copy.write("".join(f"{i}\ta row of a copy with number {i}\n"
                                       for i in range(start, start + 10_000)))
            raise AssertionError("the copy was not refused")
        except psycopg.errors.OutOfMemory:
            pass
        # A block gathers what its statements write.
        connection.execute("BEGIN")
        try:
            for start in range(0, 5_000_000, 20_000):
                connection.execute("INSERT INTO t SELECT x, md5(x::text) "
                                   f"FROM generate_series({start}, {start + 19_999}) a(x)")
            raise AssertionError("the block was not refused")
        except psycopg.errors.OutOfMemory:
            connection.execute("ROLLBACK")
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
        # In pieces it all goes in.
        for start in range(0, 1_000_000, 50_000):
            connection.execute("INSERT INTO t SELECT x, md5(x::text) "
                               f"FROM generate_series({start}, {start + 49_999}) a(x)")
        assert connection.execute("SELECT count(*) FROM t").fetchall() == [(1_000_000,)]
        refused(connection, "UPDATE t SET b = b || repeat('y', 100)")
        refused(connection, "DELETE FROM t RETURNING *, repeat('z', 100)")
    assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB"
    server.stop()


def test_cursors_hold_what_they_may(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB")
    with Watch(server) as watch, server.connect() as connection:
        opened = 0
        connection.execute("BEGIN")
        try:
            for opened in range(100):
                connection.execute(f"DECLARE c{opened} CURSOR FOR SELECT md5(x::text) AS h "
                                   "FROM generate_series(1, 100000) a(x) ORDER BY h")
                connection.execute(f"FETCH 1 FROM c{opened}")
            raise AssertionError("a hundred sorts were kept")
        except psycopg.errors.OutOfMemory:
            connection.execute("ROLLBACK")
        assert opened >= 2
        assert connection.execute("SELECT count(*) FROM generate_series(1, 100000) a(x)"
                                  ).fetchall() == [(100_000,)]
    assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB"
    server.stop()


# Views of each kind of state: columns, the first of which the rows are cut by, and query; {facts}
# is the table, or the part of it that has to do with some values of that column.
VIEWS = {
    "joined": ("k, v, w", "k", "SELECT f.k, f.v, d.w FROM {facts} f JOIN {dims} d ON d.k = f.k"),
    "sums": ("k, n, s, m", "k",
             "SELECT k, count(*) AS n, sum(v) AS s, max(v) AS m FROM {facts} f GROUP BY k"),
    "kinds": ("kind, rest", "k % 200000",
              "SELECT DISTINCT k % 200000 AS kind, v % 7 AS rest FROM {facts} f"),
    "firsts": ("k, v", "k", "SELECT DISTINCT ON (k) k, v FROM {facts} f ORDER BY k, v DESC"),
    "numbered": ("k, v, n", "k", "SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) AS n "
                                 "FROM {facts} f WHERE v < 300"),
    "lists": ("k, l", "k",
              "SELECT k, string_agg(v::text, ',' ORDER BY v) AS l FROM {facts} f WHERE v > 700 "
              "GROUP BY k"),
}
ROWS, STEP, SLICE = 400_000, 10_000, 40_000


def load(connection):
    for start in range(0, ROWS, STEP):
        connection.execute(
            "INSERT INTO facts SELECT x, (x::bigint * 7919 % 300007)::int, x % 1000, md5(x::text) "
            f"FROM generate_series({start}, {start + STEP - 1}) a(x)")
    for start in range(0, ROWS, ROWS // 8):
        part = f"id >= {start} AND id < {start + ROWS // 8}"
        connection.execute(f"DELETE FROM facts WHERE id % 11 = 0 AND {part}")
        connection.execute(f"UPDATE facts SET v = v + 1 WHERE id % 50 = 3 AND {part}")
    connection.execute("UPDATE dims SET w = w + 1 WHERE k % 100 = 0")


def test_views_with_more_state_than_fits_stay_right(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB", "--state-memory", "24MB", data="spill")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE facts (id int PRIMARY KEY, k int, v int, pad text)")
        connection.execute("CREATE TABLE dims (k int PRIMARY KEY, w int)")
        for start in range(0, 300_007, 50_000):
            connection.execute(f"INSERT INTO dims SELECT x, x * 3 FROM "
                               f"generate_series({start}, {min(start + 49_999, 300_006)}) a(x)")
        for name, (_, _, text) in VIEWS.items():
            query = text.format(facts="facts", dims="dims")
            connection.execute(f"CREATE MATERIALIZED VIEW {name} AS {query}")
        load(connection)
        compare(connection)
        print(f"     peak {watch.peak:.0f} MB")
    assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB"
    server.kill9()
    server.start()
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("UPDATE facts SET v = v + 2 WHERE id % 50 = 4")
        compare(connection)
        print(f"     peak {watch.peak:.0f} MB after a restart")
    assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB"
    server.stop()


def test_views_are_made_over_more_rows_than_an_epoch_may_hold(world):
    """A slice of a backfill ends by what it makes, too: 64 MB let an epoch make 8 MB of a view."""
    server = world.server("--memory-limit", "64MB", data="backfill")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE facts (id int PRIMARY KEY, k int, v int, pad text)")
        connection.execute("CREATE TABLE dims (k int PRIMARY KEY, w int)")
        for start in range(0, 200_000, 20_000):
            series = f"generate_series({start}, {start + 19_999}) a(x)"
            connection.execute("INSERT INTO facts SELECT x, (x::bigint * 7919 % 200000)::int, "
                               f"x % 1000, md5(x::text) FROM {series}")
            connection.execute(f"INSERT INTO dims SELECT x, x * 3 FROM {series}")
        connection.execute("CREATE MATERIALIZED VIEW made AS SELECT f.id, f.pad, d.w FROM facts f "
                           "JOIN dims d ON d.k = f.k")
        connection.execute("CREATE MATERIALIZED VIEW counted AS SELECT id, count(*) AS n, "
                           "max(pad) AS pad FROM facts GROUP BY id")
        sums = "SELECT count(*), sum(id::bigint), sum(length(pad))"
        rows = (200_000, 199_999 * 100_000, 200_000 * 32)
        assert connection.execute(f"{sums}, sum(w::bigint) FROM made").fetchall() == [
            (*rows, 3 * rows[1])]
        assert connection.execute(f"{sums}, sum(n)::bigint FROM counted").fetchall() == [
            (*rows, rows[0])]
    assert watch.peak <= 64 * SLACK, f"{watch.peak:.0f} MB"
    server.stop()


def compare(connection):
    """Every view against its query, by slices of a column that a query has memory for."""
    for name, (columns, cut, text) in VIEWS.items():
        total = 0
        for low in range(0, 300_007, SLICE):
            def digest(rows):
                return connection.execute(
                    "SELECT count(*), md5(string_agg(h, '' ORDER BY h)) FROM "
                    f"(SELECT md5(concat_ws('|', {columns})) AS h FROM {rows}) q").fetchall()
            first = columns.split(",")[0]
            found = digest(f"{name} WHERE {first} >= {low} AND {first} < {low + SLICE}")
            part = f"(SELECT * FROM {{}} WHERE {cut} >= {low} AND {cut} < {low + SLICE})"
            parts = {table: part.format(table) for table in ("facts", "dims")}
            expected = digest(f"({text.format(**parts)}) e")
            assert found == expected, f"{name} from {low} on: {found}, not {expected}"
            total += found[0][0]
        assert total > 0, name


def test_a_view_that_cannot_fit_breaks_alone(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE a (x int PRIMARY KEY)")
        connection.execute("CREATE TABLE b (y int PRIMARY KEY)")
        connection.execute("CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM a")
        connection.execute("INSERT INTO a SELECT x FROM generate_series(1, 20000) s(x)")
        connection.execute("INSERT INTO b SELECT x FROM generate_series(1, 20000) s(x)")
        for text in ("SELECT x, y FROM a, b",
                     "SELECT x, y, count(*) AS n FROM a, b GROUP BY x, y",
                     "SELECT array_agg(x * y) AS all_of_them FROM a, b",
                     "SELECT array_agg(repeat('r', 2000) || x || y) AS long_ones FROM a, b"):
            try:
                connection.execute(f"CREATE MATERIALIZED VIEW hostile AS {text}")
                raise AssertionError(f"made: {text}")
            except psycopg.errors.OutOfMemory as error:
                assert error.diag.message_detail and error.diag.message_hint, error
            assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB: {text}"
        # One that is small when it is made, and then is not.
        connection.execute("DELETE FROM b WHERE y > 1")
        connection.execute("CREATE MATERIALIZED VIEW later AS "
                           "SELECT x, y, count(*) AS n FROM a, b GROUP BY x, y")
        connection.execute("INSERT INTO b SELECT x FROM generate_series(2, 20000) s(x)")
        try:
            connection.execute("SELECT count(*) FROM later")
            raise AssertionError("the view can be read")
        except psycopg.errors.OutOfMemory:
            pass
        assert connection.execute("SELECT n FROM n").fetchall() == [(20000,)]
        connection.execute("INSERT INTO a VALUES (30000)")
        assert connection.execute("SELECT n FROM n").fetchall() == [(20001,)]
        connection.execute("DROP MATERIALIZED VIEW later")
    assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB"
    server.stop()


# Views whose rows are few and whose values are not: over `ones`, 200 times the same row, `many`,
# 20,000 rows, and `wide`, ten texts of 300 KB.
LARGE_VALUES = {
    "copies of a row": "SELECT array_agg(repeat('v', 60)) AS l FROM ones a, ones b, ones c",
    "copies in a text": "SELECT string_agg(repeat('v', 60), ',') AS l FROM ones a, ones b, ones c",
    "copies in json": "SELECT jsonb_agg(a.x) AS l FROM ones a, ones b, ones c",
    "copies per group": "SELECT m.x, array_agg(a.x) AS l FROM many m, ones a, ones b GROUP BY m.x",
    "copies in a window": "SELECT count(*) OVER (ORDER BY a.x) AS n FROM ones a, ones b, ones c",
    "long texts": "SELECT x, repeat('v', 10000 + x) AS v FROM many",
    "a filter over them": "SELECT x FROM many WHERE length(repeat('v', 1000000 + x) || 'w') > x",
    "frames": "SELECT array_agg(x) OVER (ORDER BY x) AS l FROM many",
    "long texts joined": "SELECT m.x, w.t FROM many m, wide w",
    "long keys": "SELECT w.t, m.x, count(*) AS n FROM many m, wide w GROUP BY 1, 2",
    "firsts": "SELECT DISTINCT ON (m.x) m.x, w.t FROM many m, wide w ORDER BY m.x, w.t",
    "long ones in order": "SELECT m.x, max(w.t) AS t FROM many m, wide w GROUP BY 1",
    "logs": "SELECT m.x % 3 AS k, string_agg(w.t, ',') AS t FROM many m, wide w GROUP BY 1",
    "rows of a window": "SELECT m.x, lag(w.t) OVER (PARTITION BY m.x ORDER BY w.t, w.x) AS l "
                        "FROM many m, wide w",
    "long keys of a join": "SELECT m.x, w.x AS y FROM wide w JOIN "
                           "(SELECT x, repeat('w', 300000) AS t FROM many) m USING (t)",
    "documents": "SELECT x, jsonb_build_object('a', repeat('b', 100000 + x)) AS r FROM many",
}


def test_large_values_of_few_rows(world):
    server = world.server("--memory-limit", f"{LIMIT_MB}MB", data="values")
    with Watch(server) as watch, server.connect() as connection:
        for name, columns in {"ones": "x int", "many": "x int PRIMARY KEY",
                              "wide": "x int, t text"}.items():
            connection.execute(f"CREATE TABLE {name} ({columns})")

        def fill():
            connection.execute("INSERT INTO ones SELECT 1 FROM generate_series(1, 200)")
            connection.execute("INSERT INTO many SELECT x FROM generate_series(1, 20000) s(x)")
            connection.execute("INSERT INTO wide SELECT x, repeat('w', 300000) "
                               "FROM generate_series(1, 10) s(x)")

        def check(name):
            assert watch.peak <= LIMIT_MB * SLACK, f"{watch.peak:.0f} MB: {name}"
            assert connection.execute("SELECT n, s FROM sums").fetchall() == [(20_000, 200_010_000)]

        connection.execute("CREATE MATERIALIZED VIEW sums AS "
                           "SELECT count(*) AS n, sum(x) AS s FROM many")
        fill()
        for name, text in LARGE_VALUES.items():
            if name in ("long texts", "documents"):
                continue  # as many of them are made at a time as there is room for
            refused(connection, f"CREATE MATERIALIZED VIEW hostile AS {text}")
            check(name)
        # Small when it is made, and then not.
        for name, text in LARGE_VALUES.items():
            for table in ("ones", "many", "wide"):
                connection.execute(f"DELETE FROM {table}")
            connection.execute(f"CREATE MATERIALIZED VIEW hostile AS {text}")
            fill()
            refused(connection, "SELECT count(*) FROM hostile")
            connection.execute("DROP MATERIALIZED VIEW hostile")
            check(name)
        print(f"     peak {watch.peak:.0f} MB")
    server.kill9()
    server.start()
    assert server.sql("SELECT n, s FROM sums") == [(20_000, 200_010_000)]
    server.stop()


def test_many_views_over_one_table(world):
    """What an epoch makes for all views together, and keeps for the next one, is bounded, too."""
    views = 16
    server = world.server("--memory-limit", "128MB", data="many")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE f (id bigint PRIMARY KEY, v int, t text)")
        for n in range(views):
            connection.execute(f"CREATE MATERIALIZED VIEW p{n} AS "
                               f"SELECT id, v + {n} AS v, t FROM f")
        connection.execute("INSERT INTO f SELECT x, x % 1000, 'text of the row ' || (x % 5000) "
                           "FROM generate_series(0, 59999) x")
        connection.execute("DELETE FROM f WHERE id % 1300 = 0")
        connection.execute("INSERT INTO f SELECT x, 1, 'late' FROM generate_series(70000, 70999) x")
        digest = "SELECT count(*), sum(v - {0}), md5(string_agg(id || t, ',' ORDER BY id)) FROM {1}"
        expected = connection.execute(digest.format(0, "f")).fetchall()
        assert expected[0][0] == 60_000 - 47 + 1000
        for n in range(views):
            assert connection.execute(digest.format(n, f"p{n}")).fetchall() == expected, n
        print(f"     peak {watch.peak:.0f} MB")
    assert watch.peak <= 128 * SLACK, f"{watch.peak:.0f} MB"
    server.kill9()
    server.start()
    assert server.sql(digest.format(3, "p3")) == expected
    server.stop()


def test_one_change_reaches_many_kinds_of_views(world):
    """Each view is worked out by itself: states go and output is packed before the next one's turn.
    What is committed at once, output and state of all views, is not bounded by it."""
    server = world.server("--memory-limit", "128MB", data="kinds")
    with Watch(server) as watch, server.connect() as connection:
        connection.execute("CREATE TABLE f (id bigint PRIMARY KEY, v int, t text)")
        connection.execute("CREATE TABLE d (v int PRIMARY KEY, w int)")
        connection.execute("INSERT INTO d SELECT x, x FROM generate_series(0, 999) x")
        connection.execute("CREATE MATERIALIZED VIEW below AS SELECT id, v, t || '!' AS t FROM f")
        kinds = {"over": "SELECT id, t FROM below WHERE v < 10000 + {}",
                 "grouped": "SELECT id, max(t || '!') AS t, count(*) + {} AS n FROM f GROUP BY id",
                 "joined": "SELECT f.id, f.t || '!' AS t, d.w + {} AS w FROM f JOIN d USING (v)",
                 "last": "SELECT id, max(t) AS t FROM over{} GROUP BY id"}
        names = [f"{kind}{n}" for kind in kinds for n in range(4)]
        for name in names:
            query = kinds[name[:-1]].format(name[-1])
            connection.execute(f"CREATE MATERIALIZED VIEW {name} AS {query}")
        connection.execute("INSERT INTO f SELECT x, x % 1000, 'text of the row ' || (x % 5000) "
                           "FROM generate_series(0, 59999) x")
        connection.execute("UPDATE f SET t = t || 'u', v = v + 1 WHERE id % 7 = 0 AND v < 999")
        connection.execute("DELETE FROM f WHERE id % 9 = 0")
        digest = "SELECT count(*), md5(string_agg(id || t, ',' ORDER BY id)) FROM {}"
        rows = "(SELECT id, t || '!' AS t FROM f) q"
        expected = connection.execute(digest.format(rows)).fetchall()
        assert expected[0][0] == 60_000 - 6_667
        for name in ["below", *names]:
            assert connection.execute(digest.format(name)).fetchall() == expected, name
        print(f"     peak {watch.peak:.0f} MB")
    server.kill9()
    server.start()
    for name in names:
        assert server.sql(digest.format(name)) == expected, name
    server.stop()


def test_a_limit_that_is_too_small_is_refused(world):
    try:
        world.server("--memory-limit", "16MB")
        raise AssertionError("started")
    except AssertionError as error:
        assert "at least 64 MB" in str(error), error


if __name__ == "__main__":
    harness.main(globals())
