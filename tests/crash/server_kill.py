"""kill -9 of the real server under all it does, a thousand times.

    server_kill.py [--from N] [--count N]

Rounds go in series of SERIES over one directory; a range is made of whole series. A series has a
real PostgreSQL (CDC, transactions all the time) and a real Kafka (numbered messages all the time),
three clients, bulk loads (folds, images) and DDL whose views are filled while others write. Each
round ends by SIGKILL at a random moment, one in four in the middle of the recovery from the one
before. What is there then must be, of each client and of the upstream, exactly the first n
transactions, n from what was acknowledged (by the slot, upstream) to what was begun; of each Kafka
partition the first n messages, each once, none fewer than had been read; every view its query. At
the end of a series both sources must catch up, and `quickwater check` must find nothing.

Prints PASS or FAIL per series and one JSON line at the end.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "crash"), str(ROOT / "tools")]

import confluent_kafka  # noqa: E402

import clients  # noqa: E402
import harness  # noqa: E402
import peers  # noqa: E402

SERIES = 50
PARTITIONS = 3
QUERIES = {
    "writer": "SELECT writer, count(*), max(number), count(DISTINCT number) FROM journal "
              "GROUP BY writer",
    "wealth": "SELECT count(*), sum(balance) FROM account",
    "bulk": "SELECT count(*), count(DISTINCT batch), coalesce(max(batch), 0) FROM bulk",
    "view": "SELECT relname FROM pg_class WHERE relname LIKE 'v\\_%'",
    "up": "SELECT (SELECT count(*) FROM up), (SELECT coalesce(max(tx), 0) FROM up), "
          "(SELECT coalesce(sum(n), 0) FROM total)",
}
VIEWS = {
    "per_writer": "SELECT writer, count(*), max(number) FROM journal GROUP BY writer",
    "groups": "SELECT payload, count(*), max(batch) FROM bulk GROUP BY payload",
    "per_partition": "SELECT p, count(*) AS n, max(i) AS last, count(DISTINCT i) AS d "
                     "FROM messages GROUP BY p",
    "up_notes": "SELECT note, count(*) AS n, sum(tx) AS s FROM up GROUP BY note",
}
SOURCES = """
CREATE CONNECTION up TO POSTGRES (HOST '127.0.0.1', PORT {port}, DATABASE '{database}',
  USER 'postgres');
CREATE SOURCE up FROM POSTGRES CONNECTION up (PUBLICATION 'quickwater') FOR ALL TABLES;
CREATE CONNECTION kafka TO KAFKA (BROKER '{broker}');
CREATE SOURCE messages (p int, i bigint) FROM KAFKA CONNECTION kafka (TOPIC '{topic}')
  FORMAT JSON;
CREATE MATERIALIZED VIEW per_partition AS {per_partition};
CREATE MATERIALIZED VIEW up_notes AS {up_notes};
"""


class Notes:
    def __init__(self):
        self.known, self.lock = clients.Known(), threading.Lock()

    def __call__(self, **facts):
        with self.lock:
            self.known.take(facts)


class Messages(threading.Thread):
    """Produces 1, 2, 3, .. into each partition."""

    def __init__(self, broker, topic):
        super().__init__(daemon=True)
        self.producer = confluent_kafka.Producer(
            {"bootstrap.servers": broker, "log_level": 0, "enable.idempotence": True})
        self.topic, self.stopping, self.sent = topic, False, 0

    def run(self):
        while not self.stopping:
            self.sent += 1
            for partition in range(PARTITIONS):
                self.producer.produce(self.topic, partition=partition,
                                      value=f'{{"p": {partition}, "i": {self.sent}}}')
            self.producer.poll(0)
            time.sleep(0.002)
        assert self.producer.flush(60) == 0


def ask(server, query):
    with server.connect() as connection:
        return connection.execute(query).fetchall()


def verify(server, known, seen):
    """`seen`: Kafka rows by partition that were read before."""
    found = {kind: ask(server, query) for kind, query in QUERIES.items()}
    clients.compare(known, found)
    for name, query in VIEWS.items():
        # Sources go on meanwhile: both in one statement, so at one moment.
        columns = f"SELECT * FROM {name}"
        wrong = ask(server, f"({columns} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL "
                            f"{columns})")
        assert not wrong, f"{name}: {wrong[:3]}"
    for partition, rows, last, distinct in ask(server, "SELECT * FROM per_partition"):
        assert rows == last == distinct, f"partition {partition}: {rows} rows, last {last}"
        assert rows >= seen[partition], f"partition {partition}: {rows} after {seen[partition]}"
        seen[partition] = rows


def run_series(number, rounds, world):
    chance = random.Random(f"series {number}")
    name = f"series{number}"
    world.postgres.sql(f"CREATE DATABASE {name}")
    world.postgres.sql(clients.UPSTREAM, name)
    world.kafka.create_topic(name, partitions=PARTITIONS)
    notes = Notes()
    server = world.server(data=name)
    upstream = clients.Upstream(world.postgres.dsn(name), notes, pause=0.02)
    messages = Messages(world.kafka.address, name)
    numbers, seen, transactions = clients.start_numbers(), collections.Counter(), 0
    try:
        server.script(clients.SETUP)
        upstream.start()
        messages.start()
        server.script(SOURCES.format(port=world.postgres.port, database=name, topic=name,
                                     broker=world.kafka.address, **VIEWS))
        server.wait_for("SELECT count(*) > 0 FROM up", [(True,)])
        notes(source=True)
        upstream.counting = True
        for _ in range(rounds):
            running = clients.all_clients(server, numbers, chance, notes)
            for client in running:
                client.start()
            time.sleep(chance.choice([0.02, 0.3, 0.6]) * chance.random())
            server.kill9()
            clients.join(running)
            if chance.random() < 0.25:
                kill_in_recovery(server, chance.random() * 0.12)
            server.start()
            verify(server, notes.known, seen)
            for i in range(clients.WRITERS):
                numbers[f"writer{i}"] = ask(
                    server, f"SELECT coalesce(max(number), 0) FROM journal WHERE writer = {i}"
                )[0][0]
            numbers["bulk"] = ask(server, "SELECT coalesce(max(batch), 0) FROM bulk")[0][0]
            numbers["ddl"] = running[-1].done
        transactions = sum(numbers.values())
        upstream.stopping = messages.stopping = True
        upstream.join(60)
        messages.join(60)
        if upstream.error:
            raise upstream.error
        server.wait_for("SELECT p, i FROM (SELECT p, max(i) AS i FROM messages GROUP BY p) m "
                        "ORDER BY p", [(p, messages.sent) for p in range(PARTITIONS)], 120)
        theirs = world.postgres.sql("SELECT count(*), sum(tx) FROM up", name)
        server.wait_for("SELECT count(*), sum(tx) FROM up", theirs, 120)
        verify(server, notes.known, seen)
        server.stop()
        check = subprocess.run([harness.BINARY, "check", "--data", server.data],
                               capture_output=True, text=True, timeout=300)
        assert check.returncode == 0, check.stdout + check.stderr
    finally:
        upstream.stopping = messages.stopping = True
        server.kill9()
    world.postgres.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                       "WHERE NOT active")
    shutil.rmtree(server.data, ignore_errors=True)
    return transactions


def kill_in_recovery(server, seconds):
    with open(os.devnull, "wb") as nothing:
        process = subprocess.Popen(
            [harness.BINARY, "serve", "--data", server.data, "--port", "0", "--die-with-parent"],
            stdin=subprocess.DEVNULL, stdout=nothing, stderr=nothing)
    time.sleep(seconds)
    process.kill()
    process.wait()


def run(first, count):
    assert first % SERIES == 0, f"ranges are made of series of {SERIES}"
    world, failures, transactions = harness.World(), 0, 0
    try:
        for at in range(first, first + count, SERIES):
            rounds, began = min(SERIES, first + count - at), time.monotonic()
            try:
                transactions += run_series(at // SERIES, rounds, world)
                outcome = "PASS"
            except Exception:
                failures += 1
                outcome = "FAIL"
                print(traceback.format_exc(), flush=True)
            print(f"{outcome} server kill: rounds {at} to {at + rounds - 1} "
                  f"({time.monotonic() - began:.1f} s)", flush=True)
    finally:
        world.close(keep=failures > 0)
    print(json.dumps({"test": "server_kill", "from": first, "count": count,
                      "transactions": transactions, "failures": failures}), flush=True)
    return failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--count", type=int, default=SERIES)
    options = parser.parse_args()
    sys.exit(1 if run(options.first, options.count) else 0)


if __name__ == "__main__":
    main()
