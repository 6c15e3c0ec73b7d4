"""Benchmarks: one JSON line per figure, {"bench", "case", "metric", "value", "unit"}.

    bench [--quick] [--rounds N] [NAME...]   all, or those whose name contains a NAME

Each figure is the median of N rounds (5), with the least and the most beside it; --quick is one
round of a second. Where PostgreSQL does the same work it runs in the same run, with all its
promises kept (fsync, synchronous_commit and full_page_writes on, shared_buffers 2 GB), never at the
same time: rounds alternate. "ratio" > 1 means that we are better. No figure is stored anywhere:
ratios to a peer in one run hold on other machines, times do not.
"""

import argparse
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools")]

import confluent_kafka  # noqa: E402
import psycopg  # noqa: E402

import harness  # noqa: E402
import peers  # noqa: E402


ROUNDS = 5


def figure(bench, case, metric, values, unit, peer_values=None):
    """`values`: one of them, or one for each round."""
    value, spread = median_of(values)
    line = {"bench": bench, "case": case, "metric": metric, "value": value, "unit": unit, **spread}
    if peer_values is not None:
        peer_value, spread = median_of(peer_values)
        line |= {"peer": "postgresql", "peer_value": peer_value,
                 **{f"peer_{name}": one for name, one in spread.items()},
                 "ratio": round(value / peer_value, 3)}
    print(json.dumps(line), flush=True)


def median_of(values):
    values = values if isinstance(values, list) else [values]
    spread = {"least": round(min(values), 6), "most": round(max(values), 6), "rounds": len(values)}
    return round(statistics.median(values), 6), spread if len(values) > 1 else {}


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def written_bytes(pid):
    """What a process has caused to be written to disk."""
    text = pathlib.Path(f"/proc/{pid}/io").read_text()
    return int(re.search(r"^write_bytes: (\d+)", text, re.MULTILINE)[1])


def disk_bytes(folder):
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file())


def alternate(rounds, ours, theirs):
    """Runs both in turn, now one first and now the other: what each of the rounds gave."""
    mine, other = [], []
    for i in range(rounds):
        for run, results in ((ours, mine), (theirs, other))[::1 if i % 2 == 0 else -1]:
            results.append(run())
    return mine, other


def in_process(rounds, *arguments):
    """What the binary measures by itself, a process for each round."""
    figures = {}
    for _ in range(rounds):
        where = os.environ.get("QUICKWATER_BENCH_DIR")
        folder = tempfile.mkdtemp(prefix="quickwater-bench-", dir=where)
        try:
            command = [harness.BINARY, "bench", *map(str, arguments), "--dir", f"{folder}/data"]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if done.returncode != 0:
            raise RuntimeError(f"quickwater bench {arguments[0]}: exit status {done.returncode}")
        for line in map(json.loads, done.stdout.splitlines()):
            name = (line["bench"], line["case"], line["metric"], line["unit"])
            figures.setdefault(name, []).append(line["value"])
    for (bench, case, metric, unit), values in figures.items():
        figure(bench, case, metric, values, unit)


def nexmark(world, quick, rounds):
    """A query at a time, so that its rounds lie close together."""
    if quick:
        return in_process(1, "nexmark", "--events", 20_000)
    names = subprocess.run([harness.BINARY, "bench", "nexmark", "--list"], check=True,
                           capture_output=True, text=True).stdout.split()
    for name in names:
        in_process(rounds, "nexmark", "--events", 10_000_000, "--rate", "1e5,1e7", "--output",
                   "kept,dropped", "--queries", name)


def upsert(world, quick, rounds):
    keys, updates = (20_000, 1_000_000) if quick else (10_000_000, 5_000_000)
    for batch in (10_000,) if quick else (10_000, 100_000):
        in_process(rounds, "upsert", "--keys", keys, "--updates", updates, "--batch-rows", batch)


def backfill(world, quick, rounds):
    keys = 20_000 if quick else 10_000_000
    in_process(rounds, "backfill", "--keys", keys, "--batch-rows", 100_000)
    backfill_live(world, keys)


def generate(server, table, rows, columns):
    """Fills a table in statements of a million rows."""
    for first in range(0, rows, 1_000_000):
        last = min(first + 1_000_000, rows) - 1
        server.sql(f"INSERT INTO {table} SELECT {columns} FROM generate_series({first}, {last}) g")


def backfill_live(world, rows):
    """New views while the table they read goes on changing, 100 times a second. A statement returns
    when its rows are durable and seen in every view; how fresh readers are counts from the moment
    at which it was due, so that one that is late makes those behind it late, too."""
    server = world.server(data="backfill")
    server.script("""
        CREATE TABLE item (id bigint PRIMARY KEY, n bigint, note text);
        CREATE MATERIALIZED VIEW per_bucket AS SELECT id % 1000 AS bucket, count(*) AS c,
          sum(n) AS n FROM item GROUP BY 1;
    """)
    generate(server, "item", rows, "g, g % 7, 'a note of some length ' || g")
    writers, every = 10, 0.1  # each of them, in seconds

    def write(number, done, delays):
        choose = random.Random(number)
        with server.connect() as connection:
            due = time.monotonic() + number * every / writers
            while not done.wait(max(0.0, due - time.monotonic())):
                keys = ",".join(str(choose.randrange(rows)) for _ in range(20))
                connection.execute(f"UPDATE item SET n = n + 1 WHERE id IN ({keys})")
                delays.append(time.monotonic() - due)
                due += every

    def timed(case, definition, check):
        delays, done = [], threading.Event()
        threads = [threading.Thread(target=write, args=(number, done, delays))
                   for number in range(writers)]
        for thread in threads:
            thread.start()
        try:
            began = time.monotonic()
            server.sql(definition)
            took = time.monotonic() - began
        finally:
            done.set()
            for thread in threads:
                thread.join()
        late = sorted(delays)
        figure("backfill", case, "rows_per_second", rows / took, "1/s")
        figure("backfill", case, "updates_meanwhile", len(late), "")
        figure("backfill", case, "freshness_p50", 1000 * late[len(late) // 2], "ms")
        figure("backfill", case, "freshness_p99", 1000 * late[len(late) * 99 // 100], "ms")
        assert server.sql(check) == [(True,)]

    timed(f"{rows}_rows/live/aggregate",
          "CREATE MATERIALIZED VIEW per_id AS SELECT id, count(*) AS c, sum(n) AS n FROM item "
          "GROUP BY id",
          "SELECT (SELECT sum(n) FROM per_id) = (SELECT sum(n) FROM item)")
    timed(f"{rows}_rows/live/self_join",
          "CREATE MATERIALIZED VIEW joined AS SELECT count(*) AS c, sum(a.n) AS n FROM item a "
          "JOIN item b ON a.id = b.id",
          "SELECT (SELECT n FROM joined) = (SELECT sum(n) FROM item)")
    server.kill9()


def retract(world, quick, rounds):
    """One row of a dimension that joins all facts, and deletes of half of them: what goes and what
    comes, per second, and the memory it takes."""
    rows = 10_000 if quick else 1_000_000
    rates, above = {}, {}
    for i in range(rounds):
        server = world.server(data=f"retract-{i}")
        server.script("""
            CREATE TABLE shop (id bigint PRIMARY KEY, name text);
            CREATE TABLE sale (id bigint PRIMARY KEY, shop bigint, n bigint);
            INSERT INTO shop VALUES (1, 'first'), (2, 'second');
            CREATE MATERIALIZED VIEW sold AS
              SELECT s.id, s.n, p.name FROM sale s JOIN shop p ON p.id = s.shop;
            CREATE MATERIALIZED VIEW total AS SELECT name, count(*) AS c, sum(n) AS n FROM sold
              GROUP BY name;
        """)
        generate(server, "sale", rows, "g, 1, g % 1000")
        for case, out_rows, statement in (
                ("dimension_update", 2 * rows, "UPDATE shop SET name = 'renamed' WHERE id = 1"),
                ("dimension_delete", rows, "DELETE FROM shop WHERE id = 1"),
                ("dimension_insert", rows, "INSERT INTO shop VALUES (1, 'again')"),
                ("half_deleted", rows // 2, "DELETE FROM sale WHERE id % 2 = 0")):
            before = harness.anonymous_bytes(server.process.pid)
            with harness.Watch(server) as watch:
                began = time.monotonic()
                server.sql(statement)
                took = time.monotonic() - began
            rates.setdefault(case, []).append(out_rows / took)
            above.setdefault(case, []).append(max(0, watch.peak * 2**20 - before))
        assert server.sql("SELECT name, c FROM total") == [("again", rows // 2)]
        assert server.sql("SELECT count(*) FROM sold") == [(rows // 2,)]
        server.kill9()
        shutil.rmtree(server.data)
    for case in rates:
        figure("retract", f"{rows}_rows/{case}", "output_rows_per_second", rates[case], "1/s")
        figure("retract", f"{rows}_rows/{case}", "memory_above", above[case], "B")


def recovery(world, quick, rounds):
    keys = 20_000 if quick else 10_000_000
    in_process(rounds, "recovery", "--keys", keys, "--batch-rows", 100_000)


def start(world, quick, rounds):
    times = []
    for i in range(3 if quick else 15):
        began = time.monotonic()
        server = world.server()
        times.append((time.monotonic() - began) * 1000)
        server.kill9()
    figure("start", "empty/ephemeral", "milliseconds_to_ready", times, "ms")

    rows = 10_000 if quick else 1_000_000
    server = world.server(data="start")
    server.script(f"""
        CREATE SOURCE kv FROM LOAD GENERATOR KEY VALUE (KEYS {rows}, UP_TO {rows}, RATE 0,
          VALUE_SIZE 1000, BATCH_SIZE 20000);
        CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n FROM key_value;
    """)
    server.wait_for("SELECT n FROM total", [(rows,)], seconds=300)
    times = []
    for i in range(3 if quick else 15):
        server.stop()
        began = time.monotonic()
        server.start()
        server.sql("SELECT value FROM key_value WHERE key = 1")
        times.append((time.monotonic() - began) * 1000)
    figure("start", f"{disk_bytes(server.data) >> 20}_MiB", "milliseconds_to_point_read", times,
           "ms")
    server.kill9()


def pgbench(dsn_port, database, seconds, *options):
    done = subprocess.run(
        [peers.PG_BIN / "pgbench", "-n", "-T", str(seconds), *map(str, options), "-h", "127.0.0.1",
         "-p", str(dsn_port), "-U", "postgres", database], capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if not found:
        raise RuntimeError(done.stdout + done.stderr)
    return float(found[1])


def upstream(world):
    """PostgreSQL as a peer, with everything on; says so."""
    if not hasattr(world, "benchmark_postgres"):
        postgres = peers.Postgres(world.scratch / "benchmark", peers.PG_BENCHMARK).start()
        world.closing.callback(postgres.kill9)
        names = ["fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "wal_level"]
        settings = {name: postgres.sql(f"SHOW {name}")[0][0] for name in names}
        print(json.dumps({"peer": "postgresql", "settings": settings}), flush=True)
        world.benchmark_postgres = postgres
    return world.benchmark_postgres


def both(world, name):
    """A server of ours and PostgreSQL, as (port, database) and how to run SQL on each."""
    postgres, server = upstream(world), world.server(data=name)
    return server, postgres, (server.port, "quickwater"), (postgres.port, "postgres")


def psql(where, text, feed=None):
    port, database = where
    return subprocess.run(
        [peers.PG_BIN / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p",
         str(port), "-U", "postgres", "-c", text, database], stdin=feed, check=True,
        capture_output=True)


def point_read(world, quick, rounds):
    seconds, rows = (1, 10_000) if quick else (5, 1_000_000)
    server, _, we, they = both(world, "point_read")
    for port, database in (we, they):
        subprocess.run(
            [peers.PG_BIN / "pgbench", "-i", "-q", "-s", str(max(rows // 100_000, 1)), "-h",
             "127.0.0.1", "-p", str(port), "-U", "postgres", database],
            check=True, capture_output=True)
    for clients in (1, 8):
        options = ["-S", "-M", "prepared", "-c", clients]
        ours, theirs = alternate(
            rounds, lambda: pgbench(*we, seconds, *options),
            lambda: pgbench(*they, seconds, *options))
        figure("point-read", f"prepared/{clients}_clients", "reads_per_second", ours, "1/s", theirs)
    server.kill9()


SCAN_QUERY = "SELECT g % 100 AS k, sum(x), count(*) FROM scanned GROUP BY 1 ORDER BY 1"


def scan_read(world, quick, rounds):
    rows = 10_000 if quick else 10_000_000
    server, _, we, they = both(world, "scan_read")
    for where in (we, they):
        psql(where, "DROP TABLE IF EXISTS scanned")
        psql(where, "CREATE TABLE scanned (g bigint PRIMARY KEY, x bigint)")
        for first in range(0, rows, 1_000_000):
            last = min(first + 1_000_000, rows) - 1
            psql(where, f"INSERT INTO scanned SELECT g, g % 1000 FROM generate_series({first}, "
                        f"{last}) g")
    psql(they, "VACUUM ANALYZE scanned")

    def read(where):
        with psycopg.connect(host="127.0.0.1", port=where[0], dbname=where[1], user="postgres",
                             autocommit=True) as connection:
            if where is they:
                connection.execute("SET max_parallel_workers_per_gather = 0")
            began = time.monotonic()
            answer = connection.execute(SCAN_QUERY).fetchall()
            took = time.monotonic() - began
        answers.append(answer)
        return rows / took

    answers = []
    ours, theirs = alternate(rounds, lambda: read(we), lambda: read(they))
    if any(answer != answers[0] for answer in answers):
        raise RuntimeError("the answers differ")
    figure("scan-read", f"group_by/{rows}", "rows_per_second", ours, "1/s", theirs)
    server.kill9()


def insert(world, quick, rounds):
    seconds = 1 if quick else 5
    server, _, we, they = both(world, "insert")
    script = world.scratch / "insert.sql"
    script.write_text("\\set a random(1, 1000000000)\n"
                      "INSERT INTO log VALUES (:a, 'some text', now());")
    for where in (we, they):
        psql(where, "DROP TABLE IF EXISTS log, copied")
        psql(where, "CREATE TABLE log (a bigint, b text, at timestamptz)")
    for clients in (1, 8):
        options = ["-f", script, "-c", clients, "-M", "prepared"]
        ours, theirs = alternate(
            rounds, lambda: pgbench(*we, seconds, *options),
            lambda: pgbench(*they, seconds, *options))
        figure("insert", f"one_row/{clients}_clients", "transactions_per_second", ours, "1/s",
               theirs)
    copy(world, 10_000 if quick else 5_000_000, rounds, we, they)
    server.kill9()


def copy(world, rows, rounds, we, they):
    lines = world.scratch / "copied.txt"
    with open(lines, "w") as out:
        for first in range(0, rows, 10_000):
            out.write("".join(f"{i}\t{i % 977}\tsome text {i % 1000}\n"
                              for i in range(first, min(first + 10_000, rows))))

    def run(where):
        psql(where, "DROP TABLE IF EXISTS copied")
        psql(where, "CREATE TABLE copied (a bigint PRIMARY KEY, b bigint, c text)")
        with open(lines) as feed:
            began = time.monotonic()
            psql(where, "COPY copied FROM STDIN", feed)
            return rows / (time.monotonic() - began)

    ours, theirs = alternate(rounds, lambda: run(we), lambda: run(they))
    figure("insert", f"copy/{rows}", "rows_per_second", ours, "1/s", theirs)


def memory(world, quick, rounds):
    """A join whose state is four times what the whole server may use and more, against the same
    with memory enough: making the view over what is there, then changes at random keys."""
    rows = 500_000 if quick else 10_000_000  # on either side
    limit = 128 if quick else 512            # MB; a row of the state takes about 100 bytes
    for case, megabytes in (("limited", limit), ("unlimited", 32 * 1024)):
        server = world.server("--memory-limit", f"{megabytes}MB", data=f"memory-{case}")
        with harness.Watch(server) as watch:
            measure_memory(server, case, rows)
        figure("memory", case, "limit", megabytes, "MB")
        figure("memory", case, "peak", watch.peak, "MB")
        server.stop()
        shutil.rmtree(server.data)


def measure_memory(server, case, rows):
    server.script("CREATE TABLE fact (id bigint PRIMARY KEY, k bigint, v bigint); "
                  "CREATE TABLE dim (k bigint PRIMARY KEY, w bigint, note text)")
    # A permutation, so that neither side comes in the order of the other.
    key = f"g::bigint * 7919 % {rows}"
    for first in range(0, rows, 50_000):
        last = first + 49_999
        server.sql(f"INSERT INTO fact SELECT g, {key}, g % 1000 "
                   f"FROM generate_series({first}, {last}) g")
        server.sql(f"INSERT INTO dim SELECT g, g % 77, 'note ' || g "
                   f"FROM generate_series({first}, {last}) g")
    began = time.monotonic()
    server.sql("CREATE MATERIALIZED VIEW joined AS SELECT f.id, f.v, d.w FROM fact f "
               "JOIN dim d ON d.k = f.k")
    seconds = time.monotonic() - began
    figure("memory", case, "hydrated", 2 * rows / seconds, "rows/s")
    changes, began = 0, time.monotonic()
    for low in range(20):
        server.sql(f"UPDATE dim SET w = w + 100 WHERE k >= {low * 10_000} "
                   f"AND k < {(low + 1) * 10_000 - 1}")
        changes += 9_999
    figure("memory", case, "updated", changes / (time.monotonic() - began), "rows/s")
    # Each fact meets one row of the other side.
    count, values, weights = server.sql("SELECT count(*), sum(v), sum(w) FROM joined")[0]
    w = server.sql("SELECT sum(w) FROM dim")[0][0]
    assert (count, values, weights) == (rows, sum(range(1000)) * (rows // 1000), w), (count, values)


def footprint(world, quick, rounds):
    """Memory and disk per row of a keyed table with a view that has a group per row."""
    rows = 20_000 if quick else 5_000_000
    server = world.server(data="footprint")
    server.sql("SELECT 1")
    pid = server.process.pid
    memory = harness.anonymous_bytes(pid)
    disk, written = disk_bytes(server.data), written_bytes(pid)
    server.script(f"""
        CREATE SOURCE kv FROM LOAD GENERATOR KEY VALUE (KEYS {rows}, UP_TO {rows}, RATE 0,
          BATCH_SIZE 20000);
        CREATE MATERIALIZED VIEW per_key AS
          SELECT key, count(*) AS n, sum(value) AS total FROM key_value GROUP BY key;
    """)
    server.wait_for("SELECT count(*) FROM per_key", [(rows,)], seconds=300)
    time.sleep(1 if quick else 10)
    case = f"{rows}_rows_and_groups"
    groups, state = server.sql("SELECT state_rows, state_bytes FROM qw.view_status")[0]
    figure("footprint", case, "state_bytes_per_group", state / groups, "B")
    figure("footprint", case, "memory_bytes_per_row",
           (harness.anonymous_bytes(pid) - memory) / rows, "B")
    disk = disk_bytes(server.data) - disk
    figure("footprint", case, "disk_bytes_per_row", disk / rows, "B")
    # Bytes written per byte that lies there: log, folds and images, and pages written again.
    figure("footprint", case, "write_amplification_of_load", (written_bytes(pid) - written) / disk,
           "")
    if not quick:
        footprint_of_updates(server, pid, case, rows, disk / rows)
    used = cpu_seconds(pid)
    idle = 1 if quick else 10
    time.sleep(idle)
    used = cpu_seconds(pid) - used
    figure("footprint", case, "idle_cpu", used / idle * 100, "%")
    server.kill9()


def footprint_of_updates(server, pid, case, rows, row_bytes):
    """A fifth of the rows change once, uniformly at random, in transactions of 20,000: bytes
    written per byte that has changed (a row's part of the disk, with its group's)."""
    server.sql("CREATE TABLE plain (key bigint PRIMARY KEY, value bigint)")
    server.sql("CREATE MATERIALIZED VIEW per_plain AS "
               "SELECT key, count(*) AS n, sum(value) AS total FROM plain GROUP BY key")
    generate(server, "plain", rows, "g, g")
    time.sleep(10)
    changed, written, choose = rows // 5, written_bytes(pid), random.Random(1)
    keys = choose.sample(range(rows), changed)
    for first in range(0, changed, 20_000):
        some = ",".join(map(str, keys[first:first + 20_000]))
        server.sql(f"UPDATE plain SET value = value + 1 WHERE key IN ({some})")
    time.sleep(10)
    figure("footprint", case, "write_amplification_of_updates",
           (written_bytes(pid) - written) / (changed * row_bytes), "")


def kafka_json(world, quick, rounds):
    count = 50_000 if quick else 2_000_000
    world.kafka.create_topic("bench", 2)
    producer = confluent_kafka.Producer({
        "bootstrap.servers": world.kafka.address, "linger.ms": 20, "compression.type": "lz4",
        "queue.buffering.max.messages": 1_000_000})
    size = 0
    for i in range(count):
        value = (b'{"id": %d, "user": %d, "price": %d.25, "url": "https://example.org/item/%d", '
                 b'"at": "2026-01-01T00:00:%02dZ", "channel": "channel-%d", "note": "%s"}'
                 % (i, i % 9973, i % 500, i % 1000, i % 60, i % 100, b"n" * 96))
        size += len(value)
        while True:
            try:
                producer.produce("bench", value, partition=i % 2)
                break
            except BufferError:
                producer.poll(0.1)
    producer.flush()
    results = {}
    for i in range(rounds):
        read_json(world, f"kafka_json-{i}", count, results)
    case = f"{count}/7_columns/{size // count}_bytes"
    for (metric, unit), values in results.items():
        figure("kafka-json", case, metric, values, unit)


def read_json(world, name, count, results):
    """All that the topic has, by a new server."""
    server = world.server(data=name)
    server.script(f"""
        CREATE CONNECTION k TO KAFKA (BROKER '{world.kafka.address}');
        CREATE SOURCE bench (id bigint, "user" bigint, price numeric(10,2), url text,
          at timestamptz, channel text, note text)
          FROM KAFKA CONNECTION k (TOPIC 'bench') FORMAT JSON ENVELOPE NONE;
        CREATE MATERIALIZED VIEW spent AS
          SELECT "user", count(*) AS n, sum(price) AS total, sum(id) AS ids FROM bench
          GROUP BY "user";
        CREATE MATERIALIZED VIEW total AS SELECT sum(n) AS n FROM spent;
    """)
    server.wait_for("SELECT n >= 0 FROM total", [(True,)], seconds=60)
    began, cpu = time.monotonic(), cpu_seconds(server.process.pid)
    seen = int(server.sql("SELECT n FROM total")[0][0] or 0)
    server.wait_for("SELECT n::bigint FROM total", [(count,)], seconds=600)
    wall, cpu = time.monotonic() - began, cpu_seconds(server.process.pid) - cpu
    # Each of them exactly once.
    prices = sum(i % 500 for i in range(count)) + count / 4
    assert server.sql("SELECT sum(ids) = %d, sum(total) = %.2f FROM spent"
                      % (count * (count - 1) // 2, prices)) == [(True, True)]
    read = count - seen
    memory, disk = harness.anonymous_bytes(server.process.pid), disk_bytes(server.data)
    for metric, value, unit in (("messages_per_second", read / wall, "1/s"),
                                ("messages_per_cpu_second", read / cpu, "1/s"),
                                ("memory_bytes_per_row", memory / count, "B"),
                                ("disk_bytes_per_row", disk / count, "B")):
        results.setdefault((metric, unit), []).append(value)
    server.kill9()
    shutil.rmtree(server.data)


def cdc_setup(world, name):
    postgres = upstream(world)
    postgres.sql(f"DROP DATABASE IF EXISTS {name}")
    postgres.sql(f"CREATE DATABASE {name}")
    postgres.sql("""
        CREATE TABLE item (id bigint PRIMARY KEY, n bigint, note text, at timestamptz);
        CREATE TABLE mark (id int PRIMARY KEY, value bigint);
        INSERT INTO mark VALUES (1, 0);
        CREATE PUBLICATION quickwater FOR ALL TABLES
    """, name)
    server = world.server(data=name)
    server.script(f"""
        CREATE CONNECTION pg TO POSTGRES (HOST '127.0.0.1', PORT {postgres.port},
          DATABASE '{name}', USER 'postgres');
        CREATE SOURCE up FROM POSTGRES CONNECTION pg (PUBLICATION 'quickwater') FOR ALL TABLES;
        CREATE MATERIALIZED VIEW item_total AS SELECT count(*) AS c, sum(n) AS n FROM item;
    """)
    return postgres, server


def cdc(world, quick, rounds):
    """A backlog of changes read by us, and the same backlog by pg_recvlogical to /dev/null."""
    count = 20_000 if quick else 1_000_000
    postgres, server = cdc_setup(world, "cdc")
    postgres.sql("SELECT pg_create_logical_replication_slot('other', 'pgoutput')", "cdc")
    for rows in [1000, count]:
        for kind in ["insert", "update"]:
            cdc_case(postgres, server, kind, rows, count, min(rounds, 3))
    postgres.sql("SELECT pg_drop_replication_slot('other')", "cdc")
    server.kill9()


def cdc_case(postgres, server, kind, rows, count, rounds):
    """A new backlog for each round; the best round of each side counts."""
    change = {"insert": "INSERT INTO item SELECT g, g % 7, 'note ' || g, now() "
                        "FROM generate_series({0}, {1}) g",
              "update": "UPDATE item SET n = n + 1 WHERE id BETWEEN {0} AND {1}"}[kind]
    mark, end = None, None

    def theirs():
        began = time.monotonic()
        subprocess.run(
            [peers.PG_BIN / "pg_recvlogical", "-d", postgres.dsn("cdc"), "--slot", "other",
             "--start", "-o", "proto_version=1", "-o", "publication_names=quickwater", "--endpos",
             end, "-f", "/dev/null", "--no-loop"], check=True, capture_output=True)
        return count / (time.monotonic() - began)

    def ours():
        began = time.monotonic()
        server.start()
        server.wait_for("SELECT value FROM mark", mark, seconds=600)
        rate = count / (time.monotonic() - began)
        cpu.append(cpu_seconds(server.process.pid))
        memory.append(harness.anonymous_bytes(server.process.pid))
        server.stop()
        return rate

    server.stop()
    mine, other, cpu, memory = [], [], [], []
    for i in range(rounds):
        if kind == "insert":
            postgres.sql("TRUNCATE item", "cdc")
        for first in range(0, count, rows):
            postgres.sql(change.format(first, first + rows - 1), "cdc")
        mark = postgres.sql("UPDATE mark SET value = value + 1 RETURNING value", "cdc")
        end = postgres.sql("SELECT pg_current_wal_lsn()", "cdc")[0][0]
        for run, results in ((ours, mine), (theirs, other))[::1 if i % 2 == 0 else -1]:
            results.append(run())
    server.start()
    case = f"{kind}/{rows}_rows_per_transaction"
    figure("cdc", case, "changes_per_second_at_best", max(mine), "1/s", max(other))
    figure("cdc", case, "cpu_seconds", cpu, "s")
    figure("cdc", case, "memory", memory, "B")


def cdc_snapshot(world, quick, rounds):
    """The first copy of a table and a view over it, and the same copy by psql to /dev/null."""
    count = 100_000 if quick else 5_000_000
    postgres, server = cdc_setup(world, "snapshot")
    server.sql("DROP SOURCE up CASCADE")
    postgres.sql("INSERT INTO item SELECT g, g % 7, 'note ' || g, now() "
                 f"FROM generate_series(1, {count}) g", "snapshot")
    postgres.sql("VACUUM ANALYZE item", "snapshot")

    def theirs():
        began = time.monotonic()
        subprocess.run([peers.PG_BIN / "psql", "-X", postgres.dsn("snapshot"), "-c",
                        "\\copy item TO /dev/null"], check=True, capture_output=True)
        return count / (time.monotonic() - began)

    def ours():
        began = time.monotonic()
        server.sql("CREATE SOURCE up FROM POSTGRES CONNECTION pg (PUBLICATION 'quickwater') "
                   "FOR ALL TABLES")
        server.sql("CREATE MATERIALIZED VIEW item_total AS SELECT n, count(*) AS c FROM item "
                   "GROUP BY n")
        rate = count / (time.monotonic() - began)
        assert server.sql("SELECT sum(c) FROM item_total") == [(count,)]
        server.sql("DROP SOURCE up CASCADE")
        return rate

    before = cpu_seconds(server.process.pid)
    rate, peer_rate = alternate(rounds, ours, theirs)
    figure("cdc-snapshot", f"{count}_rows", "rows_per_second", rate, "1/s", peer_rate)
    figure("cdc-snapshot", f"{count}_rows", "cpu_seconds_per_copy",
           (cpu_seconds(server.process.pid) - before) / rounds, "s")
    server.kill9()


def freshness(world, quick, rounds):
    """From COMMIT, or the broker's acknowledgement, to visible here, 1,000 times a second. What
    comes first does not count: a broker that has just started compiles itself on our cores."""
    seconds, warm_up, rate = (1, 1, 1000) if quick else (60, 15, 1000)
    postgres, server = cdc_setup(world, "fresh")
    with psycopg.connect(postgres.dsn("fresh"), autocommit=True) as connection:
        def commit(i, committed):
            connection.execute(f"UPDATE mark SET value = {i}", prepare=False)
            committed[i] = time.monotonic()

        measure_freshness(server, "postgres", warm_up * rate, seconds * rate, rate, commit)
    server.kill9()

    world.kafka.create_topic("fresh", 1)
    server = world.server(data="fresh_kafka")
    server.script(f"""
        CREATE CONNECTION k TO KAFKA (BROKER '{world.kafka.address}');
        CREATE SOURCE mark (id int PRIMARY KEY, value bigint)
          FROM KAFKA CONNECTION k (TOPIC 'fresh') KEY FORMAT JSON VALUE FORMAT JSON ENVELOPE UPSERT;
    """)
    producer = confluent_kafka.Producer({"bootstrap.servers": world.kafka.address, "linger.ms": 0})

    def send(i, committed):
        def delivered(error, message):
            if error is None:
                committed[i] = time.monotonic()
        producer.produce("fresh", b'{"value": %d}' % i, key=b"1", on_delivery=delivered)

    # Acknowledgements are noted as they come, not when the next message is sent.
    done = threading.Event()

    def listen():
        while not done.is_set():
            producer.poll(0.05)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        send(0, {})
        producer.flush()
        server.wait_for("SELECT value FROM mark", [(0,)], seconds=60)
        measure_freshness(server, "kafka", warm_up * rate, seconds * rate, rate, send,
                          producer.flush)
    finally:
        done.set()
        listener.join()
    server.kill9()


def measure_freshness(server, case, first, counted, rate, change, finish=lambda: None):
    """`change(i, committed)` sets mark.value to i and notes when that was acknowledged; those up
    to `first` are not counted."""
    count, committed, seen_at = first + counted, {}, {}

    def reader():
        seen, deadline = 0, time.monotonic() + count / rate + 60
        with server.connect() as connection:
            while seen < count and time.monotonic() < deadline:
                value = connection.execute("SELECT value FROM mark").fetchone()[0]
                now = time.monotonic()
                seen_at.update((i, now) for i in range(seen + 1, value + 1))
                seen = value

    thread = threading.Thread(target=reader)
    thread.start()
    began = time.monotonic()
    for i in range(1, count + 1):
        wait = began + i / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        change(i, committed)
    took = time.monotonic() - began
    finish()
    thread.join()
    if len(committed) != count or len(seen_at) != count:
        raise RuntimeError(f"{count} changes, {len(committed)} committed, {len(seen_at)} seen")
    delays = sorted(max(0.0, seen_at[i] - committed[i]) for i in committed if i > first)
    case = f"{case}/{count / took:.0f}_tx_per_second"
    figure("freshness", case, "p50", 1000 * delays[counted // 2], "ms")
    figure("freshness", case, "p99", 1000 * delays[counted * 99 // 100], "ms")


BENCHMARKS = {
    "nexmark": nexmark, "upsert": upsert, "backfill": backfill, "retract": retract,
    "recovery": recovery, "start": start, "point-read": point_read, "scan-read": scan_read,
    "insert": insert, "footprint": footprint, "memory": memory, "kafka-json": kafka_json,
    "cdc": cdc, "cdc-snapshot": cdc_snapshot, "freshness": freshness,
}


def main():
    parser = argparse.ArgumentParser(prog="tools/bench")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    # Names of functions and of figures have been written with either.
    words = [word.replace("_", "-") for word in options.names]
    for word in words:
        if not any(word in name for name in BENCHMARKS):
            parser.error(f"no benchmark has {word!r} in its name; there are: "
                         + ", ".join(BENCHMARKS))
    world, failures = harness.World(), 0
    try:
        for name, benchmark in BENCHMARKS.items():
            if words and not any(word in name for word in words):
                continue
            try:
                benchmark(world, options.quick, 1 if options.quick else options.rounds)
            except Exception as error:
                failures += 1
                print(f"bench {name} failed: {type(error).__name__}: {error}", file=sys.stderr)
    finally:
        world.close(keep=False)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
