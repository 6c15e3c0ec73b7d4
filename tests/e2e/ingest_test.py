"""Sources alone against real peers: `ingest_driver` mirrors what one pushes, without an engine.

The mirror asserts what the engine relies on (an insert finds no row with its key, a kept column
finds one), goes back to older positions as a crash would, and its rows are compared with the
upstream's.
"""

import os
import pathlib
import random
import subprocess
import time

import confluent_kafka
import psycopg

import harness

DRIVER = pathlib.Path(os.environ.get("QUICKWATER_INGEST_DRIVER")
                      or harness.ROOT / "build/release/tests/unit/ingest/ingest_driver")
TABLES = """
CREATE TABLE plain (id int PRIMARY KEY, name text, amount numeric(12,2), at timestamptz,
  big text);
ALTER TABLE plain ALTER big SET STORAGE EXTERNAL;
CREATE TABLE whole (id int PRIMARY KEY, name text, big text);
ALTER TABLE whole REPLICA IDENTITY FULL;
ALTER TABLE whole ALTER big SET STORAGE EXTERNAL;
CREATE TABLE keyless (a int, b text);
ALTER TABLE keyless REPLICA IDENTITY FULL;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN positive AS int CHECK (value > 0);
CREATE TABLE types (id bigint, part text, b bool, i2 int2, f4 float4, f8 float8, vc varchar(10),
  ch char(5), by bytea, d date, t time, ts timestamp, iv interval, u uuid, jb jsonb, js json,
  ai int[], at text[], m mood, p positive, n numeric, net inet,
  made int GENERATED ALWAYS AS (1) STORED,
  PRIMARY KEY (part, id));
"""
FEED = ["plain", "whole", "keyless", "types"]


class Driver:
    def __init__(self, *words):
        self.process = subprocess.Popen([DRIVER, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().rstrip("\n")

    def good(self, line):
        answer = self.ask(line)
        assert answer.startswith("ok"), f"{line}: {answer}"
        return answer[3:]

    def rows(self, table):
        lines = []
        line = self.ask(f"rows {table}")
        while line != ".":
            assert not line.startswith("error "), line
            lines.append(line)
            line = self.process.stdout.readline().rstrip("\n")
        return sorted(lines)

    def wait(self, condition, what, seconds=60):
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"{what}: not after {seconds} s; {self.ask('status')}"
            time.sleep(0.05)

    def wait_status(self, text):
        self.wait(lambda: text in self.ask("status"), f"status with {text}")

    def close(self):
        if self.process.poll() is None:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
            self.process.wait(timeout=60)


def upstream_rows(pg, table, database):
    columns = "*"
    if table == "types":
        columns = "id,part,b,i2,f4,f8,vc,ch,by,d,t,ts,iv,u,jb,js,ai,at,m,p,n,net"
    with psycopg.connect(pg.dsn(database)) as connection:
        connection.execute("SET timezone = 'UTC'")
        with connection.cursor().copy(f"COPY (SELECT {columns} FROM {table}) TO STDOUT") as copy:
            text = b"".join(bytes(part) for part in copy).decode()
    return sorted(text.splitlines())


def same(driver, pg, database, tables=FEED, seconds=60):
    for table in tables:
        expected = upstream_rows(pg, table, database)
        driver.wait(lambda: driver.rows(table) == expected, f"rows of {table}", seconds)


def make_database(pg, name, tables=TABLES):
    pg.sql(f"CREATE DATABASE {name}")
    pg.sql(tables, name)
    pg.sql("CREATE PUBLICATION p FOR ALL TABLES", name)


def pg_driver(pg, database, *more):
    return Driver("kind=postgres", "name=s", f"id={database}", "conn.host=127.0.0.1",
                  f"conn.port={pg.port}", f"conn.database={database}", "opt.publication=p", *more)


def started(driver):
    driver.good("describe")
    driver.good("start")
    driver.wait_status("ok running")
    return driver


def test_postgres_types_and_changes(world):
    pg = world.postgres
    make_database(pg, "one")
    pg.sql("""INSERT INTO plain SELECT n, 'n' || n, n / 7.0,
                '2024-01-01'::timestamptz + n * interval '1 hour',
                CASE WHEN n % 5 = 0 THEN repeat('x', 9000) || n END FROM generate_series(1, 3000) n;
              INSERT INTO keyless SELECT n % 10, E'tab\\there\\\\' FROM generate_series(1, 100) n;
              INSERT INTO types VALUES (1, 'a', true, -5, 1.5, 'NaN', 'vc', 'ch', '\\x00ff',
                '2024-02-29', '24:00', 'infinity', '1 mon -3 days 04:05:06.7',
                '00112233-4455-6677-8899-aabbccddeeff', '{"b":1,"a":[1.50]}', '{"k" : 1}',
                '{1,NULL,3}', '{"a b","NULL",NULL}', 'sad', 5, 'NaN', '10.0.0.1/8');""", "one")
    driver = pg_driver(pg, "one")
    described = driver.good("describe")
    assert "made:" not in described.split("[")[0], described
    assert "m:text" in described and "p:int4" in described, described
    driver.good("start")
    same(driver, pg, "one")
    driver.wait_status("ok running")
    pg.sql("""INSERT INTO plain VALUES (-1, NULL, NULL, NULL, repeat('y', 9000));
              UPDATE plain SET name = 'changed' WHERE id % 5 = 0 AND id <= 1000;
              UPDATE plain SET id = -id WHERE id BETWEEN 5 AND 50;
              UPDATE plain SET amount = amount + 1, big = NULL WHERE id = 100;
              DELETE FROM plain WHERE id BETWEEN 200 AND 300;
              INSERT INTO whole VALUES (1, 'a', repeat('z', 9000)), (2, 'b', NULL);
              UPDATE whole SET name = 'c' WHERE id = 1;
              UPDATE whole SET id = 3 WHERE id = 1;
              UPDATE keyless SET b = 'same' WHERE a = 3;
              DELETE FROM keyless WHERE a = 4;
              UPDATE types SET id = 2, part = 'b' WHERE id = 1;
              UPDATE types SET by = '\\x', iv = '-1 day', m = 'ok', ai = '{}', n = 1e30;
              BEGIN; INSERT INTO plain (id) VALUES (77777); ROLLBACK;
              BEGIN; DELETE FROM plain WHERE id = -1;
              INSERT INTO plain (id, name) VALUES (-1, 'again');
              SAVEPOINT x; UPDATE plain SET name = 'lost' WHERE id = -1; ROLLBACK TO x;
              COMMIT;""", "one")
    same(driver, pg, "one")
    pg.sql("""BEGIN; TRUNCATE whole, keyless; INSERT INTO whole VALUES (1, 'after', NULL); COMMIT;
              TRUNCATE types;""", "one")
    same(driver, pg, "one")
    driver.good("stop")
    driver.good("restart")
    pg.sql("INSERT INTO keyless VALUES (1, 'more')", "one")
    same(driver, pg, "one")
    driver.good("drop")
    assert pg.sql("SELECT count(*) FROM pg_replication_slots WHERE database = 'one'") == [(0,)]
    driver.close()


def test_postgres_large_transaction(world):
    pg = world.postgres
    make_database(pg, "large", "CREATE TABLE t (id int PRIMARY KEY, v int)")
    driver = started(pg_driver(pg, "large"))
    pg.sql("INSERT INTO t SELECT n, n % 100 FROM generate_series(1, 1000000) n", "large")
    driver.wait(lambda: driver.good("count t") == "1000000", "a million rows", 300)
    assert driver.good("sum t v") == "49500000"
    driver.good("drop")
    driver.close()


def random_change(connection, rng):
    kind, key = rng.randrange(6), rng.randrange(200)
    with connection.transaction():
        for _ in range(rng.randrange(1, 8)):
            if kind <= 1:
                connection.execute("INSERT INTO plain VALUES (%s, %s, %s, now(), %s) "
                                   "ON CONFLICT (id) DO UPDATE SET name = excluded.name",
                                   (key, "n" * (key % 9), key / 4,
                                    "b" * 9000 if key % 3 == 0 else None))
            elif kind == 2:
                connection.execute("DELETE FROM plain WHERE id = %s", (key,))
            elif kind == 3:
                connection.execute("UPDATE plain SET id = %s WHERE id = %s AND NOT EXISTS "
                                   "(SELECT 1 FROM plain WHERE id = %s)",
                                   (key + 1000, key, key + 1000))
            elif kind == 4:
                connection.execute("INSERT INTO keyless VALUES (%s, 'k')", (key % 5,))
            else:
                connection.execute("DELETE FROM keyless WHERE ctid = "
                                   "(SELECT ctid FROM keyless LIMIT 1)")
            key = rng.randrange(200)


def test_postgres_crashes_and_restarts(world):
    pg = world.postgres
    make_database(pg, "crash")
    rng = random.Random(world.seed)
    driver = started(pg_driver(pg, "crash"))
    for round_number in range(12):
        with psycopg.connect(pg.dsn("crash"), autocommit=True) as connection:
            for _ in range(60):
                random_change(connection, rng)
        trouble = round_number % 4
        if trouble == 0:
            driver.good("crash")
        elif trouble == 1:
            pg.sql("SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                   "WHERE database = 'crash' AND active")
        elif trouble == 2:
            pg.stop()
            pg.start()
        else:
            driver.good("restart")
        same(driver, pg, "crash", ["plain", "keyless"], 90)
    driver.good("drop")
    driver.close()


def test_postgres_tables_stop_alone_and_slots_are_checked(world):
    pg = world.postgres
    make_database(pg, "ddl", "CREATE TABLE a (id int PRIMARY KEY, v int); "
                             "CREATE TABLE b (id int PRIMARY KEY);")
    driver = started(pg_driver(pg, "ddl"))
    pg.sql("ALTER TABLE a ADD COLUMN extra int; INSERT INTO a VALUES (1, 1, 1); "
           "INSERT INTO b VALUES (1)", "ddl")
    driver.wait(lambda: driver.good("count a") == "1", "row beside an added column")
    pg.sql("ALTER TABLE a ALTER v TYPE text; INSERT INTO a VALUES (2, 'x', 1); "
           "INSERT INTO b VALUES (2)", "ddl")
    driver.wait(lambda: driver.good("count b") == "2", "the other table goes on")
    driver.wait_status('type of column "v" was changed')
    assert driver.good("count a") == "1"
    driver.good("restart")
    driver.wait_status("ok running")
    driver.wait_status('type of column "v" was changed')
    driver.good("stop")
    slot = pg.sql("SELECT slot_name FROM pg_replication_slots WHERE database = 'ddl'")[0][0]
    # Waits for the WAL: a slot advances no further than what is flushed.
    pg.sql("SET synchronous_commit = on; INSERT INTO b VALUES (3)", "ddl")
    pg.sql(f"SELECT pg_replication_slot_advance('{slot}', pg_current_wal_lsn())", "ddl")
    driver.good("restart")
    driver.wait_status("is ahead of the source")
    driver.good("stop")
    pg.sql(f"SELECT pg_drop_replication_slot('{slot}')", "ddl")
    driver.good("restart")
    driver.wait_status("is gone")
    driver.close()


def test_postgres_publication_change_is_seen(world):
    pg = world.postgres
    pg.sql("CREATE DATABASE pub")
    pg.sql("CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); "
           "CREATE PUBLICATION p FOR TABLE a, b", "pub")
    driver = started(pg_driver(pg, "pub"))
    pg.sql("ALTER PUBLICATION p DROP TABLE a; INSERT INTO a VALUES (1); "
           "ALTER PUBLICATION p ADD TABLE a; INSERT INTO b VALUES (1)", "pub")
    driver.wait_status("changes may be missing")
    driver.wait(lambda: driver.good("count b") == "1", "the other table goes on")
    driver.good("drop")
    driver.close()


def test_postgres_refusals_at_create(world):
    pg = world.postgres
    make_database(pg, "refuse", "CREATE TABLE nokey (v int);")

    def refusal(*more):
        driver = pg_driver(pg, "refuse", *more)
        answer = driver.ask("describe")
        driver.close()
        return answer
    assert "REPLICA IDENTITY FULL" in refusal()
    pg.sql("CREATE ROLE weak LOGIN PASSWORD 'x'; CREATE SCHEMA two; DROP TABLE nokey; "
           "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE two.t (id int PRIMARY KEY);",
           "refuse")
    assert "FOR TABLES (" in refusal()
    assert refusal("table=two.t").startswith("ok")
    assert "42501" in refusal("conn.user=weak", "table=two.t")
    assert "CREATE PUBLICATION" in refusal("opt.publication=none")
    assert "3D000" in refusal("conn.database=nowhere")


def kafka_driver(kafka, topic, *words):
    return Driver("kind=kafka", "name=s", f"conn.broker={kafka.address}", f"opt.topic={topic}",
                  *words)


def produce(kafka, messages):
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.address, "linger.ms": 5,
                                         "enable.idempotence": True})
    for topic, partition, key, value in messages:
        while True:
            try:
                producer.produce(topic, value, key, partition)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


def test_kafka_counts_exactly(world):
    kafka = world.kafka
    kafka.create_topic("counted", 3)
    produce(kafka, [("counted", n % 3, None, b'{"n": %d, "t": "text %d"}' % (n, n))
                    for n in range(100000)])
    driver = kafka_driver(kafka, "counted", "col=n:int8", "col=t:text", "include=offset:o",
                          "include=partition")
    driver.good("describe")
    driver.good("start")
    driver.wait(lambda: driver.good("count s") == "100000", "all messages", 120)
    assert driver.good("sum s n") == str(sum(range(100000)))
    for round_number in range(3):
        produce(kafka, [("counted", n % 3, None, b'{"n": 1}') for n in range(5000)])
        if round_number == 0:
            driver.good("crash")
        elif round_number == 1:
            kafka.kill9()
            kafka.start()
        else:
            driver.good("restart")
        expected = str(100000 + 5000 * (round_number + 1))
        driver.wait(lambda: driver.good("count s") == expected, "every message once", 120)
    driver.close()


def test_kafka_upserts_transactions_and_bad_messages(world):
    kafka = world.kafka
    kafka.create_topic("users", 1)
    produce(kafka, [("users", 0, b"1", b'{"name":"a"}'),
                    ("users", 0, b'{"id":2}', b'{"name":"b"}'),
                    ("users", 0, b"1", b'{"name":"c"}'), ("users", 0, b"2", None),
                    ("users", 0, b"1", b"broken"), ("users", 0, None, b"{}"),
                    ("users", 0, b"3", b'{"name":"d"}')])
    producer = confluent_kafka.Producer({"bootstrap.servers": kafka.address,
                                         "transactional.id": "x"})
    producer.init_transactions(30)
    for commit, key in [(False, b"8"), (True, b"9")]:
        producer.begin_transaction()
        producer.produce("users", b'{"name":"t"}', key)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    driver = kafka_driver(kafka, "users", "col=id:int8", "col=name:text", "pk=0", "key=json",
                          "value=json", "envelope=upsert")
    driver.good("describe")
    driver.good("start")
    driver.wait(lambda: driver.rows("s") == ["1\tc", "3\td", "9\tt"], "last rows of keys")
    driver.wait(lambda: driver.good("count s_errors") == "2", "quarantine")
    driver.close()
    missing = kafka_driver(kafka, "missing", "col=n:int8")
    assert "does not exist" in missing.ask("describe")
    missing.close()


if __name__ == "__main__":
    harness.main(globals())
