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
import collections
import contextlib
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "crash"), str(ROOT / "tools")]

import clients  # noqa: E402
import harness  # noqa: E402
import peers  # noqa: E402
import power_disk  # noqa: E402

STATES = 250
RECORDER = harness.BINARY.parent / "tests/crash/libpower_recorder.so"
# Each prints lines that begin with @.
QUERIES = """
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


def record(postgres, scratch, seed):
    """A recording, and the folder it is of."""
    chance = random.Random(seed)
    recording, name = scratch / f"recording{seed}", f"up{seed}"
    postgres.sql(f"CREATE DATABASE {name}")
    postgres.sql(clients.UPSTREAM, name)

    def note(**facts):
        power_disk.note(recording, **facts)
    server = RecordedServer(scratch / f"data{seed}", scratch / f"log{seed}", recording)
    upstream = clients.Upstream(postgres.dsn(name), note)
    numbers = clients.start_numbers()
    try:
        server.start()
        note(ready=True)
        server.script(clients.SETUP)
        note(setup=True)
        upstream.start()
        for life in range(3):
            running = clients.all_clients(server, numbers, chance, note)
            for client in running:
                client.start()
            if life == 0:
                server.script(f"""
                    CREATE CONNECTION up TO POSTGRES (HOST '127.0.0.1', PORT {postgres.port},
                      DATABASE '{name}', USER 'postgres');
                    CREATE SOURCE up FROM POSTGRES CONNECTION up (PUBLICATION 'quickwater')
                      FOR ALL TABLES""")
                server.wait_for("SELECT count(*) > 0 FROM up", [(True,)])
                note(source=True)
                upstream.counting = True
            time.sleep(0.5 + chance.random())
            server.stop() if life == 1 else server.kill9()
            clients.join(running)
            if life < 2:
                server.start()
                # What was in flight is there or not.
                for i in range(clients.WRITERS):
                    numbers[f"writer{i}"] = server.sql(
                        f"SELECT coalesce(max(number), 0) FROM journal WHERE writer = {i}")[0][0]
                numbers["bulk"] = server.sql("SELECT coalesce(max(batch), 0) FROM bulk")[0][0]
                numbers["ddl"] = running[-1].done
    finally:
        server.kill9()
        upstream.stopping = True
        upstream.join(30)
    if upstream.error:
        raise upstream.error
    postgres.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                 "WHERE NOT active")
    return recording, server.data


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
    found = collections.defaultdict(list)
    for kind, *values in lines:
        found[kind].append(values)
    clients.compare(known, found)


def under_way(next_events):
    """What the server was about to finish. A write is noted at its end: that of a transaction begun
    later than the cut (with the journal it may be all of it) had not been."""
    for event in next_events:
        if event.kind != power_disk.NOTE:
            return event
        if "begun" in event.facts:
            return None
    return None


def check_states(recording, data, seed, first, count, scratch, keep):
    """The failures among states first..first+count-1 of a recording."""
    events = power_disk.read_recording(recording)
    kinds = {event.kind for event in events}
    assert {power_disk.WRITE, power_disk.SYNC, power_disk.OPEN, power_disk.NOTE} <= kinds, kinds
    # All cuts of the recording are drawn, so that a part of a range is that part.
    chance = random.Random(f"{seed} cuts")
    drawn = [(chance.randrange(1, len(events) + 1), i) for i in range(STATES)]
    wanted = sorted(cut for cut in drawn if first <= cut[1] < first + count)
    disk, known, at, failures = power_disk.Disk(), clients.Known(), 0, 0
    for cut, i in wanted:
        for event in events[at:cut]:
            known.take(event.facts) if event.kind == power_disk.NOTE else disk.move_on(event)
        at = cut
        loss = power_disk.LOSSES[i % len(power_disk.LOSSES)]
        running = under_way(events[cut:cut + 3])
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
