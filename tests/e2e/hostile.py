"""Hostile statements by number, for hours: the server's RssAnon stays within --memory-limit.

    hostile.py --from N --count N [--limit MB]

A number decides which statements run at once, over which sizes: joins that multiply, sorts, groups,
lists and texts of everything, large writes, cursors left open, views over cross joins or of values
that are large. Each has to end with an answer or with 53200 (57014 when it takes long), the process
has to stay within the limit and a tenth, and to answer afterwards. One JSON line at the end;
`tools/long hostile` keeps the ledger (1,300 numbers take an hour, on two servers).
"""

import argparse
import json
import random
import threading

import psycopg

import harness
from harness import Watch
from memory_test import SLACK

STATEMENT_MS_MAX = 20_000
SETUP = """
CREATE TABLE t (a int PRIMARY KEY, b text, c int);
CREATE TABLE u (a int, b text);
CREATE TABLE o (a int);
CREATE TABLE w (a int, b text);
INSERT INTO t SELECT x, md5(x::text), x % 100 FROM generate_series(1, 50000) s(x);
INSERT INTO w SELECT x, repeat('w', 100000 * x) FROM generate_series(1, 5) s(x);
INSERT INTO o SELECT 1 FROM generate_series(1, 200);
INSERT INTO u SELECT x % 500, repeat('u', x % 50) FROM generate_series(1, 50000) s(x);
"""


def series(rng, name="s", most=6):
    rows = int(10 ** rng.uniform(3, most + 0.9))
    return f"generate_series(1, {rows}) {name}(x)"


def text_of(rng):
    return rng.choice(["md5(x::text)", "x::text", "repeat('v', x % 200) || x",
                       f"repeat(md5(x::text), {rng.randrange(1, 40)})"])


def statement(rng):
    """One of many shapes, mostly with more rows than there is memory for."""
    s, text = series(rng), text_of(rng)
    n = rng.randrange(1, 100_000)
    return rng.choice([
        f"SELECT {text} AS k, count(*) FROM {s} GROUP BY 1 ORDER BY 2 DESC LIMIT 3",
        f"SELECT count(DISTINCT {text}), max({text}) FROM {s}",
        f"SELECT {text} AS k FROM {s} ORDER BY k",
        f"SELECT {text} AS k, x FROM {s} ORDER BY k OFFSET 10 LIMIT {n}",
        f"SELECT length(array_agg({text})::text) FROM {s}",
        f"SELECT length(string_agg({text}, ',' ORDER BY x DESC)) FROM {s}",
        f"SELECT length(jsonb_agg({text})::text) FROM {s}",
        f"SELECT length(jsonb_object_agg({text}, x)::text) FROM {s}",
        f"SELECT count(*) FROM (SELECT DISTINCT {text} AS k, x % {n} AS m FROM {s}) d",
        f"SELECT count(*) FROM t JOIN {s} ON t.a = s.x % {n} JOIN u ON u.a = t.c",
        f"SELECT t.b, u.b, count(*) FROM t, u GROUP BY 1, 2",
        f"SELECT array_agg(t.b || u.b) FROM t, u",
        f"SELECT t.a, (SELECT array_agg(u.b) FROM u WHERE u.a <> t.c) FROM t",
        f"SELECT sum(n) FROM (SELECT row_number() OVER (ORDER BY {text}) AS n FROM {s}) w",
        f"SELECT sum(n) FROM (SELECT sum(x) OVER (PARTITION BY x % {n} ORDER BY {text}) AS n "
        f"FROM {s}) w",
        f"SELECT count(*) FROM (SELECT {text} FROM {s} EXCEPT SELECT b FROM t) e",
        f"WITH RECURSIVE r(x) AS (SELECT 1 UNION SELECT x + 1 FROM r WHERE x < {n * 100}) "
        f"SELECT array_agg({text}) FROM r",
        f"WITH c AS MATERIALIZED (SELECT x, {text} AS k FROM {s}) "
        f"SELECT count(*) FROM c, c d WHERE c.k = d.k",
        f"SELECT length(repeat(md5('x'), {n * 1000}))",
        f"SELECT {text} FROM {s}",
        f"SELECT x, repeat('w', 1000000) FROM {s}",
        f"INSERT INTO u SELECT x, {text} FROM {s}",
        f"UPDATE t SET b = b || repeat('y', {n})",
        f"DELETE FROM u WHERE a % 10 = {n % 10} RETURNING *, repeat('z', {n})",
        "INSERT INTO u VALUES " + ",".join(f"({i}, 'row {i}')" for i in range(n)),
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT t.a, u.b, count(*) AS n FROM t, u GROUP BY 1, 2",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT array_agg(t.b || u.b) AS l FROM t, u",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT t.a, t.b, u.b AS ub FROM t, u",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT array_agg(repeat('v', {n % 100})) AS l "
        f"FROM o, o p, o q",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT a, repeat(b, {n % 500}) AS b FROM t",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT w.b, t.a, count(*) AS n FROM t, w GROUP BY 1, 2",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT t.c % {n % 200 + 1} AS k, max(w.b) AS b, "
        f"string_agg(w.b, ',') AS l FROM t, w GROUP BY 1",
        f"CREATE MATERIALIZED VIEW h{n} AS SELECT array_agg(b) OVER (ORDER BY a) AS l FROM t",
    ])


def run_all(server, statements, failures):
    """In one connection, one after the other; some results are read only in part."""
    try:
        with server.connect() as connection:
            connection.execute(f"SET statement_timeout = {STATEMENT_MS_MAX}")
            for text, part in statements:
                try:
                    if part:
                        with connection.transaction(), connection.cursor("c") as cursor:
                            cursor.execute(text)
                            cursor.fetchmany(10)
                    else:
                        cursor = connection.execute(f"SELECT count(*) FROM ({text}) q"
                                                    if text.startswith("SELECT") else text)
                except (psycopg.errors.OutOfMemory, psycopg.errors.QueryCanceled,
                        psycopg.errors.ProgramLimitExceeded):
                    pass
    except Exception as error:
        failures.append(f"{type(error).__name__}: {error}"[:500])


class Hostile:
    def __init__(self, world, limit):
        self.world, self.limit = world, limit
        self.server = self.watch = None
        self.start()

    def start(self):
        self.server = self.world.server("--memory-limit", f"{self.limit}MB")
        self.server.script(SETUP)
        self.watch = Watch(self.server)
        self.watch.__enter__()

    def number(self, number):
        """What went wrong, or nothing."""
        rng = random.Random(f"hostile/{number}")
        failures, threads = [], []
        for _ in range(rng.choice([1, 1, 2, 4])):
            statements = [(text, text.startswith("SELECT") and rng.random() < 0.2)
                          for text in (statement(rng) for _ in range(rng.randrange(1, 4)))]
            arguments = (self.server, statements, failures)
            threads.append(threading.Thread(target=run_all, args=arguments))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.server.alive:
            failures.append(f"the server is gone: {self.server.process.poll()}")
            self.start()
            return failures
        if self.watch.peak > self.limit * SLACK:
            failures.append(f"RssAnon rose to {self.watch.peak:.0f} MB")
            self.watch.peak = 0
        with self.server.connect() as connection:
            if connection.execute("SELECT count(*) FROM t").fetchall() != [(50_000,)]:
                failures.append("rows are gone")
            views = connection.execute("SELECT matviewname FROM pg_matviews").fetchall()
            for view, in views:
                connection.execute(f"DROP MATERIALIZED VIEW {view}")
            connection.execute("DELETE FROM u WHERE a > 500")
        return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--limit", type=int, default=256, help="MB")
    options = parser.parse_args()
    world = harness.World()
    failed, peak = 0, 0.0
    try:
        hostile = Hostile(world, options.limit)
        for number in range(options.first, options.first + options.count):
            failures = hostile.number(number)
            peak = max(peak, hostile.watch.peak)
            failed += 1 if failures else 0
            for failure in failures:
                print(f"FAIL hostile {number}: {failure}", flush=True)
        hostile.server.stop()
    finally:
        world.close(keep=False)
    print(json.dumps({"test": "hostile", "from": options.first, "count": options.count,
                      "failures": failed, "peak_mb": round(peak), "limit_mb": options.limit}))
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
