"""Power cuts of the real server: record all it writes and syncs, build what a disk could hold after
power loss at any moment, open each of these and hold it against what had been acknowledged.

    power_cuts.py [--from N] [--count N] [--keep]

State N belongs to recording N // STATES: a server under writes of three clients, DDL, a PostgreSQL
source and bulk loads (which make folds and images), killed and started again in the middle, so that
recovery is recorded, too. A state is one cut and one kind of loss (power_disk.py). It must pass
`quickwater check` and hold, per client, exactly the first n transactions, n from the last one
acknowledged before the cut to the last one begun; the same of the upstream's transactions, whose
acknowledgement is what the slot was told; and every view whose DDL had returned.

Prints PASS or FAIL per recording and one JSON line at the end.
"""

import argparse
import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "crash"), str(ROOT / "tools")]

import psycopg  # noqa: E402

import harness  # noqa: E402
import peers  # noqa: E402
import power_disk  # noqa: E402

STATES = 250
WRITERS = 2
ROWS = 4
ACCOUNTS = 12
BULK_ROWS = 800
RECORDER = harness.BINARY.parent / "tests/crash/libpower_recorder.so"
SETUP = f"""
CREATE TABLE journal (writer int, number int, row int, payload text,
  PRIMARY KEY (writer, number, row));
CREATE TABLE account (id int PRIMARY KEY, balance numeric(12,2) NOT NULL);
CREATE TABLE bulk (batch int, i int, payload text);
INSERT INTO account SELECT i, 100 FROM generate_series(1, {ACCOUNTS}) i;
CREATE MATERIALIZED VIEW per_writer AS
  SELECT writer, count(*) AS n, max(number) AS last FROM journal GROUP BY writer;
CREATE MATERIALIZED VIEW groups AS
  SELECT payload, count(*) AS n, max(batch) AS last FROM bulk GROUP BY payload;
"""
UPSTREAM = """
CREATE TABLE up (id bigint PRIMARY KEY, tx bigint NOT NULL, note text);
CREATE TABLE total (id int PRIMARY KEY, n bigint NOT NULL);
INSERT INTO total VALUES (1, 0);
CREATE PUBLICATION quickwater FOR ALL TABLES;
"""
# Each prints lines that begin with @.
QUERIES = f"""
SELECT '@writer ' || writer || ' ' || count(*) || ' ' || max(number) || ' '
  || count(DISTINCT number) AS x FROM journal GROUP BY writer;
SELECT '@wealth ' || count(*) || ' ' || sum(balance) AS x FROM account;
SELECT '@bulk ' || count(*) || ' ' || count(DISTINCT batch) || ' ' || coalesce(max(batch), 0) AS x
  FROM bulk;
SELECT '@view ' || relname AS x FROM pg_class WHERE relname LIKE 'v\\_%';
SELECT '@relation ' || relname AS x FROM pg_class WHERE relname IN ('up', 'total');
"""
UP_QUERY = "SELECT '@up ' || (SELECT count(*) FROM up) || ' ' || " \
    "(SELECT coalesce(max(tx), 0) FROM up) || ' ' || (SELECT coalesce(sum(n), 0) FROM total) AS x;"


class RecordedServer(harness.Server):
    def __init__(self, data, log, recording):
        super().__init__(data, (), log)
        self.recording = recording

    def start(self):
        assert RECORDER.exists(), f"{RECORDER} has not been built"
        before = dict(os.environ)
        os.environ.update(LD_PRELOAD=str(RECORDER), POWER_DIR=str(self.data),
                          POWER_LOG=str(self.recording))
        try:
            return super().start()
        finally:
            os.environ.clear()
            os.environ.update(before)


class Client(threading.Thread):
    """Does numbered things until the server dies; notes before and after each."""

    def __init__(self, server, name, done, step):
        super().__init__(daemon=True)
        self.server, self.name_, self.done, self.step, self.error = server, name, done, step, None

    def run(self):
        try:
            with self.server.connect() as connection:
                while True:
                    number = self.done + 1
                    power_disk.note(self.server.recording, begun={self.name_: number})
                    self.step(connection, number)
                    self.done = number
                    power_disk.note(self.server.recording, done={self.name_: number})
        except psycopg.OperationalError:
            pass  # the kill
        except Exception as error:
            self.error = error


def journal(writer, chance):
    mine = [i for i in range(1, ACCOUNTS + 1) if i % WRITERS == writer]

    def step(connection, number):
        values = ", ".join(f"({writer}, {number}, {row}, '{'x' * chance.randrange(200)}')"
                           for row in range(ROWS))
        giver, taker = chance.sample(mine, 2)
        connection.execute(
            f"BEGIN; INSERT INTO journal VALUES {values} ON CONFLICT DO NOTHING; "
            f"UPDATE account SET balance = balance - {number} WHERE id = {giver}; "
            f"UPDATE account SET balance = balance + {number} WHERE id = {taker}; COMMIT")
    return step


def bulk(connection, number):
    connection.execute(
        f"INSERT INTO bulk SELECT {number}, i, repeat('p', 400) || i + {number} * 150 "
        f"FROM generate_series(1, {BULK_ROWS}) i")
    time.sleep(0.04)


def ddl(connection, number):
    """Number n makes view n and drops view n - 1."""
    connection.execute(f"DROP MATERIALIZED VIEW IF EXISTS v_{number}")
    connection.execute(
        f"CREATE MATERIALIZED VIEW v_{number} AS SELECT row, count(*) AS n FROM journal "
        f"WHERE number % 7 = {number % 7} GROUP BY row")
    connection.execute(f"DROP MATERIALIZED VIEW IF EXISTS v_{number - 1}")


class Upstream(threading.Thread):
    """Commits transactions in PostgreSQL and notes which of them the slot was told of."""

    def __init__(self, dsn, recording):
        super().__init__(daemon=True)
        self.dsn, self.recording, self.stopping, self.error = dsn, recording, False, None
        self.counting = False  # the first rows have been seen in the server
        self.ends = []         # (LSN, transaction)

    def run(self):
        try:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                tx = 0
                while not self.stopping:
                    tx += 1
                    power_disk.note(self.recording, begun={"up": tx})
                    connection.execute(
                        f"BEGIN; INSERT INTO up VALUES ({2 * tx}, {tx}, 'note'), "
                        f"({2 * tx + 1}, {tx}, repeat('n', 300)); "
                        "UPDATE total SET n = n + 2; COMMIT")
                    end = connection.execute(
                        "SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()[0]
                    self.ends.append((end, tx))
                    told = connection.execute(
                        "SELECT max(confirmed_flush_lsn - '0/0') FROM pg_replication_slots "
                        "WHERE database = current_database()").fetchone()[0]
                    while self.counting and told and self.ends and self.ends[0][0] <= told:
                        power_disk.note(self.recording, done={"up": self.ends.pop(0)[1]})
                    time.sleep(0.004)
        except Exception as error:
            self.error = error


def record(postgres, scratch, seed):
    """A recording, and the folder it is of."""
    chance = random.Random(seed)
    recording, name = scratch / f"recording{seed}", f"up{seed}"
    postgres.sql(f"CREATE DATABASE {name}")
    postgres.sql(UPSTREAM, name)
    server = RecordedServer(scratch / f"data{seed}", scratch / f"log{seed}", recording)
    upstream = Upstream(postgres.dsn(name), recording)
    numbers = {f"writer{i}": 0 for i in range(WRITERS)} | {"bulk": 0, "ddl": 0}
    try:
        server.start()
        power_disk.note(recording, ready=True)
        server.script(SETUP)
        power_disk.note(recording, setup=True)
        upstream.start()
        for life in range(3):
            clients = [Client(server, f"writer{i}", numbers[f"writer{i}"], journal(i, chance))
                       for i in range(WRITERS)]
            clients += [Client(server, "bulk", numbers["bulk"], bulk),
                        Client(server, "ddl", numbers["ddl"], ddl)]
            for client in clients:
                client.start()
            if life == 0:
                server.script(f"""
                    CREATE CONNECTION up TO POSTGRES (HOST '127.0.0.1', PORT {postgres.port},
                      DATABASE '{name}', USER 'postgres');
                    CREATE SOURCE up FROM POSTGRES CONNECTION up (PUBLICATION 'quickwater')
                      FOR ALL TABLES""")
                server.wait_for("SELECT count(*) > 0 FROM up", [(True,)])
                power_disk.note(recording, source=True)
                upstream.counting = True
            time.sleep(0.5 + chance.random())
            server.stop() if life == 1 else server.kill9()
            for client in clients:
                client.join(30)
                assert not client.is_alive(), f"{client.name_} hangs"
                if client.error:
                    raise client.error
            if life < 2:
                server.start()
                # What was in flight is there or not.
                for i in range(WRITERS):
                    numbers[f"writer{i}"] = server.sql(
                        f"SELECT coalesce(max(number), 0) FROM journal WHERE writer = {i}")[0][0]
                numbers["bulk"] = server.sql("SELECT coalesce(max(batch), 0) FROM bulk")[0][0]
                numbers["ddl"] = clients[-1].done
    finally:
        server.kill9()
        upstream.stopping = True
        upstream.join(30)
    if upstream.error:
        raise upstream.error
    postgres.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                 "WHERE NOT active")
    return recording, server.data


class Known:
    """What the notes before a cut say."""

    def __init__(self):
        self.done, self.begun, self.ready, self.setup, self.source = {}, {}, False, False, False

    def take(self, facts):
        self.done |= facts.get("done", {})
        self.begun |= facts.get("begun", {})
        self.ready |= facts.get("ready", False)
        self.setup |= facts.get("setup", False)
        self.source |= facts.get("source", False)

    def within(self, name, found):
        done, begun = self.done.get(name, 0), self.begun.get(name, 0)
        assert done <= found <= begun, f"{name} {found}, acknowledged {done}, begun {begun}"


def quickwater(*words):
    done = subprocess.run([harness.BINARY, *words], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


def ask(data, queries):
    status, out, err = quickwater("sql", "--data", data, "-c", queries)
    assert status == 0, f"sql: {out}{err}"
    return [line.strip()[1:].split() for line in out.splitlines() if line.strip().startswith("@")]


def examine(data, known):
    """Raises what is wrong with a state."""
    status, out, err = quickwater("check", "--data", data)
    if status != 0 and not known.ready:
        return  # nothing has been promised yet
    assert status == 0, f"check: {status} {out}{err}"
    if not known.setup:
        return
    lines = ask(data, QUERIES + (UP_QUERY if known.source else ""))
    if not known.source and ["relation", "up"] in lines:
        lines += ask(data, UP_QUERY)
    found = {}
    for kind, *values in lines:
        found.setdefault(kind, []).append(values)
    numbers = {int(w): [int(v) for v in rest] for w, *rest in found.get("writer", [])}
    for writer in range(WRITERS):
        rows, last, distinct = numbers.get(writer, (0, 0, 0))
        assert rows == ROWS * last and distinct == last, f"writer {writer}: torn: {rows} {last}"
        known.within(f"writer{writer}", last)
    assert found["wealth"] == [[str(ACCOUNTS), f"{100 * ACCOUNTS}.00"]], found["wealth"]
    rows, batches, last = (int(value) for value in found["bulk"][0])
    assert rows == BULK_ROWS * last and batches == last, f"bulk: torn: {rows} {batches} {last}"
    known.within("bulk", last)
    views = {int(view[0][2:]) for view in found.get("view", [])}
    done, begun = known.done.get("ddl", 0), known.begun.get("ddl", 0)
    allowed = {done, done + 1} if begun > done else {done}
    assert views <= allowed and (views or done == 0), f"views {views}, {done} done, {begun} begun"
    for rows, last, total in found.get("up", []):
        rows, last, total = int(rows), int(last), int(total)
        assert rows == 2 * last == total, f"upstream: torn: {rows} {last} {total}"
        if known.source:
            known.within("up", last)


def check_states(recording, data, seed, first, count, scratch, keep):
    """The failures among states first..first+count-1 of a recording."""
    events = power_disk.read_recording(recording)
    kinds = {event.kind for event in events}
    assert {power_disk.WRITE, power_disk.SYNC, power_disk.OPEN, power_disk.NOTE} <= kinds, kinds
    # All cuts of the recording are drawn, so that a part of a range is that part.
    chance = random.Random(f"{seed} cuts")
    drawn = [(chance.randrange(1, len(events) + 1), i) for i in range(STATES)]
    wanted = sorted(cut for cut in drawn if first <= cut[1] < first + count)
    disk, known, at, failures = power_disk.Disk(), Known(), 0, 0
    for cut, i in wanted:
        for event in events[at:cut]:
            known.take(event.facts) if event.kind == power_disk.NOTE else disk.move_on(event)
        at = cut
        loss = power_disk.LOSSES[i % len(power_disk.LOSSES)]
        running = next((event for event in events[cut:cut + 3]
                        if event.kind != power_disk.NOTE), None)
        files = disk.after_loss(loss, random.Random(f"{seed} {i}"), running)
        state = scratch / "state"
        shutil.rmtree(state, ignore_errors=True)
        state.mkdir()
        for path, content in files.items():
            (state / pathlib.Path(path).relative_to(data)).write_bytes(content)
        if keep:
            shutil.rmtree(f"{state}.before", ignore_errors=True)
            shutil.copytree(state, f"{state}.before")
        try:
            examine(state, known)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failures += 1
            print(f"     state {seed * STATES + i}: {loss} at event {cut} of {len(events)}: "
                  f"{error}", flush=True)
            if keep:
                kept = scratch.parent / f"power-state-{seed * STATES + i}"
                shutil.copytree(f"{state}.before", kept)
                print(f"     kept: {kept}")
    return failures, len(events)


def run(first, count, keep=False):
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="quickwater-power-", dir=memory))
    scratch.chmod(0o755)
    postgres = peers.Postgres(scratch / "pg")
    failed = events = 0
    try:
        at = first
        while at < first + count:
            seed, index = divmod(at, STATES)
            some = min(STATES - index, first + count - at)
            postgres.start()
            began = time.monotonic()
            recording, data = record(postgres, scratch, seed)
            # The source of a state that is opened must find nobody.
            postgres.stop()
            failures, length = check_states(recording, data, seed, index, some, scratch, keep)
            failed += failures
            events += length
            outcome = "FAIL" if failures else "PASS"
            print(f"{outcome} power cuts: states {at} to {at + some - 1} "
                  f"({time.monotonic() - began:.1f} s)", flush=True)
            recording.unlink()
            shutil.rmtree(data, ignore_errors=True)
            at += some
    finally:
        with contextlib.suppress(Exception):
            postgres.stop()
        shutil.rmtree(scratch, ignore_errors=True)
    print(json.dumps({"test": "power_cuts", "from": first, "count": count, "events": events,
                      "failures": failed}), flush=True)
    return failed


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--count", type=int, default=STATES)
    parser.add_argument("--keep", action="store_true", help="keep states that fail")
    options = parser.parse_args()
    sys.exit(1 if run(options.first, options.count, options.keep) else 0)


if __name__ == "__main__":
    main()
