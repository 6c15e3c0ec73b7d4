"""Disks that fail: no room, EIO on write, sync and read, interrupted calls, flipped bits. Nothing
acknowledged is lost, a full disk is waited for, a failed sync is never taken back, reads go on, and
damage is named instead of served."""

import concurrent.futures
import contextlib
import os
import pathlib
import time

import psycopg

import harness

SHIM = harness.BINARY.parent / "tests/e2e/libdisk_fault.so"


class FaultyServer(harness.Server):
    """A server whose disk does what the file `fault` says."""

    def __init__(self, data, log):
        super().__init__(data, (), log)
        self.fault = pathlib.Path(str(data) + ".fault")
        self.set("")

    def set(self, fault):
        self.fault.write_text(fault)

    def start(self):
        assert SHIM.exists(), f"{SHIM} has not been built"
        log = pathlib.Path(self.log)
        self.log_start = log.stat().st_size if log.exists() else 0
        before = dict(os.environ)
        os.environ.update(LD_PRELOAD=str(SHIM), DISK_FAULT=str(self.fault))
        try:
            return super().start()
        finally:
            os.environ.clear()
            os.environ.update(before)

    def refusal(self):
        """The exit status of a start that must fail; None when it comes up all the same."""
        try:
            self.start()
        except harness.NotReady as error:
            assert error.status is not None, error
            return error.status
        return None

    def said(self):
        """The log since the last start."""
        return pathlib.Path(self.log).read_bytes()[self.log_start:].decode(errors="replace")


class Rows:
    """The ids that table t may hold: those of all acknowledged statements. One that failed, or was
    not answered, is there as a whole or not at all; which, the next check finds out."""

    def __init__(self, ids):
        self.possible = [set(ids)]

    def insert(self, server, low, high):
        """None when it was acknowledged, its error otherwise."""
        new = set(range(low, high + 1))
        return self.run(server, f"INSERT INTO t SELECT g, 'row ' || g "
                                f"FROM generate_series({low}, {high}) g", lambda ids: ids | new)

    def delete(self, server, low, high):
        gone = set(range(low, high + 1))
        return self.run(server, f"DELETE FROM t WHERE id BETWEEN {low} AND {high}",
                        lambda ids: ids - gone)

    def run(self, server, statement, effect):
        after = [effect(ids) for ids in self.possible]
        try:
            server.sql(statement)
        except psycopg.Error as error:
            self.possible += after
            return error
        self.possible = after
        return None

    def check(self, server):
        """The table, and views over it."""
        ids = [row[0] for row in server.sql("SELECT id FROM t ORDER BY id")]
        found = set(ids)
        assert len(ids) == len(found), "an id twice"
        if found not in self.possible:
            wrong = [f"lost {sorted(some - found)[:9]}, too many {sorted(found - some)[:9]}"
                     for some in self.possible]
            raise AssertionError("; or ".join(wrong) + "\n" + server.log_tail())
        self.possible = [found]
        assert server.sql("SELECT n FROM v") == [(len(found),)]
        groups = {}
        for number in found:
            count, top = groups.get(number % 7, (0, 0))
            groups[number % 7] = (count + 1, max(top, number))
        expected = [(k, *groups[k], f"row {groups[k][1]}") for k in sorted(groups)]
        assert server.sql("SELECT k, n, top, note FROM j ORDER BY k") == expected


def make(world, name):
    server = FaultyServer(world.scratch / name, world.scratch / f"{name}.log")
    world.closing.callback(server.kill9)
    server.start()
    server.script("""
        CREATE TABLE t (id int PRIMARY KEY, note text);
        CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t;
        INSERT INTO t SELECT g, 'note ' || g FROM generate_series(1, 1000) g;
    """)
    return server


def expect(state, server, statement):
    try:
        server.sql(statement)
    except psycopg.Error as error:
        assert error.sqlstate == state, f"{statement}: {error.sqlstate} {error}"
        return str(error)
    raise AssertionError(f"succeeded: {statement}")


def fail_and_recover(world, name, fault, state):
    server = make(world, name)
    server.sql("INSERT INTO t VALUES (2000, 'before')")
    server.set(fault)
    expect(state, server, "INSERT INTO t VALUES (2001, 'during')")
    # Reads go on from the last cut, in the view as in the table.
    assert server.sql("SELECT n FROM v") == [(1001,)]
    assert server.sql("SELECT count(*) FROM t") == [(1001,)]
    # The disk is well again; what has failed once is not trusted before it has been read anew.
    server.set("")
    expect(state, server, "INSERT INTO t VALUES (2002, 'after')")
    assert server.sql("SELECT n FROM v") == [(1001,)]
    server.kill9()
    server.start()
    found = [row[0] for row in server.sql("SELECT id FROM t WHERE id > 1000 ORDER BY id")]
    # The one in flight may have made it; it was not acknowledged as failed for good either way.
    assert found in ([2000], [2000, 2001]), found
    assert server.sql("SELECT n FROM v") == [(1000 + len(found),)]
    server.sql("INSERT INTO t VALUES (3000, 'well')")
    assert server.sql("SELECT n FROM v") == [(1001 + len(found),)]
    server.stop()
    check(server, 0)


def check(server, status):
    done = harness.subprocess.run([harness.BINARY, "check", "--data", server.data],
                                  capture_output=True, text=True, timeout=120)
    assert (done.returncode == 0) == (status == 0), done.stdout + done.stderr
    return done.stdout + done.stderr


def wait_for_log(server, text):
    end = time.monotonic() + 60
    while text not in server.said():
        assert time.monotonic() < end, f"not said: {text}\n{server.log_tail()}"
        time.sleep(0.01)


def test_a_full_disk_is_waited_for_and_nothing_accepted_is_lost(world):
    server = make(world, "full")
    server.script("""
        CREATE SOURCE ticks FROM LOAD GENERATOR COUNTER (TICK INTERVAL '5ms');
        CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n, max(counter) AS top FROM counter;
    """)
    server.set("full")
    wait_for_log(server, "commits wait for room")
    with concurrent.futures.ThreadPoolExecutor(4) as clients:
        # Reads go on, and say of the sources what is the matter.
        assert server.sql("SELECT n FROM v") == [(1000,)]
        [(_, _, _, state, message)] = server.sql("SHOW SOURCES")
        assert (state, message[:14]) == ("stalled", "waits for room"), (state, message)
        status = server.sql("SELECT state FROM qw.source_status")
        assert status == [("stalled",)], status
        before = server.sql("SELECT n FROM c")
        # Nothing new is accepted, neither rows nor definitions, and that is said at once.
        for statement in ("INSERT INTO t VALUES (2001, 'during')", "DELETE FROM t WHERE id = 1",
                          "CREATE TABLE u (id int)", "DROP MATERIALIZED VIEW v",
                          "CREATE INDEX ON t (note)"):
            message = expect("53100", server, statement)
            assert "goes on by itself" in message, message
        assert server.sql("SELECT n FROM c") == before
        assert server.sql("SELECT count(*) FROM t") == [(1000,)]
        server.set("")
        wait_for_log(server, "there is room again")
        clients.submit(server.sql, "INSERT INTO t VALUES (2002, 'after')").result(60)
    server.sql("CREATE TABLE u (id int)")
    assert server.sql("SELECT n FROM v") == [(1001,)]
    server.wait_for("SELECT state FROM qw.source_status", [("running",)])
    server.wait_for(f"SELECT n > {before[0][0]} + 10 FROM c", [(True,)])
    server.kill9()
    server.start()
    assert server.sql("SELECT n FROM v") == [(1001,)]
    server.wait_for(f"SELECT n > {before[0][0]} + 10 AND top = n FROM c", [(True,)])
    server.stop()
    check(server, 0)


def test_a_write_that_met_a_full_disk_returns_once_there_is_room(world):
    server = make(world, "waiting")
    server.set("full")
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(server.sql, "INSERT INTO t SELECT 2000 + g, repeat('x', 5000) "
                                             "FROM generate_series(1, 500) g")
        wait_for_log(server, "commits wait for room")
        expect("53100", server, "INSERT INTO t VALUES (9000, 'during')")
        assert not waiting.done()
        server.set("")
        waiting.result(60)
    assert server.sql("SELECT n FROM v") == [(1500,)]
    server.kill9()
    server.start()
    assert server.sql("SELECT n FROM v") == [(1500,)]
    server.stop()
    check(server, 0)


def test_a_server_on_a_full_disk_stops_when_it_is_told_to(world):
    server = make(world, "stop")
    server.set("full")
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(server.sql, "INSERT INTO t VALUES (2000, 'during')")
        wait_for_log(server, "commits wait for room")
        server.stop()
        try:
            waiting.result(60)
        except psycopg.OperationalError as error:
            # What the commit met, the shutdown, or the end of the connection: whichever came first.
            assert error.sqlstate in ("53100", "57P01", None), f"{error.sqlstate} {error}"
        else:
            raise AssertionError("acknowledged on a disk that took nothing")
    # Where it lies nothing new is needed to start and to read.
    server.start()
    assert server.sql("SELECT n FROM v") == [(1000,)]
    assert server.sql("SELECT count(*), max(id) FROM t") == [(1000, 1000)]
    server.stop()
    server.set("")
    check(server, 0)


DEFINITIONS = [
    ("CREATE TABLE x (id int PRIMARY KEY, a int UNIQUE)", "DROP TABLE x"),
    ("CREATE MATERIALIZED VIEW x AS SELECT note, count(*) FROM t GROUP BY note",
     "DROP MATERIALIZED VIEW x"),
    ("CREATE VIEW x AS SELECT note FROM t", "DROP VIEW x"),
    ("CREATE INDEX x ON t (note)", "DROP INDEX x"),
    ("CREATE SCHEMA x", "DROP SCHEMA x"),
    ("CREATE SECRET x AS 'hush'", "DROP SECRET x"),
    ("CREATE SOURCE x FROM LOAD GENERATOR COUNTER (UP TO 3)", "DROP SOURCE x"),
]


def test_a_definition_that_meets_a_full_disk_leaves_nothing_half_made(world):
    server = make(world, "catalog-full")
    failed = 0
    with server.connect() as client:
        for pair in DEFINITIONS:
            for statement in pair:
                # Each write of the statement in its turn is the first that finds no room.
                for passed in range(1, 200):
                    server.set(f"catalog-full {passed}")
                    try:
                        client.execute(statement)
                        done = True
                    except psycopg.Error as error:
                        assert error.sqlstate == "53100", (statement, passed, error)
                        done = False
                        failed += 1
                    # Rows do not mind, and what failed can be done again.
                    client.execute("UPDATE t SET note = 'still' WHERE id = 1")
                    server.set("")
                    if not done:
                        client.execute(statement)
                    if passed % 5 == 0:
                        undo = pair[1] if statement == pair[0] else pair[0]
                        client.execute(undo)
                        server.kill9()
                        server.start()
                        client.close()
                        client = world.closing.enter_context(server.connect())
                        client.execute(statement)
                    if done:
                        break
                    client.execute(pair[1] if statement == pair[0] else pair[0])
                else:
                    raise AssertionError(f"never succeeds: {statement}")
    assert failed > 50, failed
    server.stop()
    check(server, 0)


# Statement, and what is so after a start whether it has happened or not.
ON_A_FAILING_CATALOG = [
    ("CREATE TABLE w (id int)", "SELECT true"),
    ("DROP TABLE u CASCADE", "SELECT true"),
    ("ALTER TABLE u ADD PRIMARY KEY (a)", "SELECT count(*) = 1001 FROM u"),
    ("CREATE UNIQUE INDEX ub ON u (b)", "SELECT count(*) = 1 FROM u WHERE b = 'note 5'"),
    ("CREATE MATERIALIZED VIEW w AS SELECT count(*) AS n FROM u", None),
]


def test_a_catalog_whose_disk_fails_stops_all_writes_until_a_restart(world):
    failures = 0
    for number, (statement, holds) in enumerate(ON_A_FAILING_CATALOG):
        for fault in ("catalog-write", "catalog-sync"):
            # Each call of the statement in its turn is the first that fails: the last ones leave
            # open whether it has happened.
            for passed in range(1, 200):
                server = make(world, f"{fault}-{number}-{passed}")
                server.script("CREATE TABLE u (a int NOT NULL, b text); INSERT INTO u "
                              "SELECT g, 'note ' || g FROM generate_series(1, 1000) g")
                server.set(f"{fault} {passed}")
                try:
                    server.sql(statement)
                    done = True
                except psycopg.Error as error:
                    assert error.sqlstate == "58030", (statement, passed, error)
                    done = False
                    failures += 1
                server.set("")
                survives_a_failed_catalog(server, done, statement, holds)
                if done:
                    break
            else:
                raise AssertionError(f"never succeeds: {statement}")
    assert failures > 30, failures


def survives_a_failed_catalog(server, done, statement, holds):
    acknowledged = 1000
    with contextlib.suppress(psycopg.Error):
        server.sql("INSERT INTO u VALUES (1001, 'more')")
        acknowledged = 1001
    if not done:
        # The disk is well again; what has failed once is not trusted before it has been read anew.
        assert acknowledged == 1000, statement
        expect("58030", server, "INSERT INTO t VALUES (2000, 'more')")
        expect("58030", server, "CREATE TABLE x (id int)")
    assert server.sql("SELECT n FROM v") == [(1000,)]
    server.kill9()
    server.start()
    there = {name for name, in server.sql("SELECT relname FROM pg_class "
                                          "WHERE relname IN ('u', 'w')")}
    assert "u" in there or statement.startswith("DROP"), there
    if "u" in there:
        assert server.sql("SELECT count(*) FROM u") == [(acknowledged,)], statement
        if acknowledged == 1000:
            server.sql("INSERT INTO u VALUES (1001, 'more')")
        if holds is None:
            holds = "SELECT n = 1001 FROM w" if "w" in there else "SELECT true"
        assert server.sql(holds) == [(True,)], statement
    server.sql("INSERT INTO t VALUES (2000, 'more')")
    assert server.sql("SELECT n FROM v") == [(1001,)]
    server.stop()
    check(server, 0)


def test_an_older_catalog_is_refused_and_nothing_is_erased(world):
    server = make(world, "older")
    server.stop()
    catalog = server.data / "catalog.db"
    older = catalog.read_bytes()
    server.start()
    server.script("CREATE TABLE u (id int); INSERT INTO u SELECT generate_series(1, 1000)")
    server.stop()
    newest = catalog.read_bytes()
    catalog.write_bytes(older)
    try:
        server.start()
    except AssertionError as error:
        assert "exit status 65" in str(error) and "catalog.db is older" in str(error), error
    else:
        raise AssertionError("started")
    catalog.write_bytes(newest)
    server.start()
    assert server.sql("SELECT count(*) FROM u") == [(1000,)]


def test_interrupted_and_short_calls_are_made_again(world):
    for fault in ("interrupt", "catalog-interrupt"):
        server = make(world, fault)
        server.set(fault)
        server.script("""
            CREATE SECRET s AS 'hush';
            CREATE TABLE u (id int PRIMARY KEY, note text);
            INSERT INTO u SELECT g, repeat('n', g % 100) FROM generate_series(1, 20000) g;
            CREATE MATERIALIZED VIEW w AS SELECT note, count(*) AS n FROM u GROUP BY note;
            DELETE FROM u WHERE id % 2 = 0;
        """)
        server.kill9()
        server.start()
        assert server.sql("SELECT sum(n), count(*) FROM w") == [(10000, 50)]
        server.stop()
        check(server, 0)


def test_a_store_that_cannot_be_read_ends_the_server_with_status_74(world):
    server = make(world, "read")
    server.sql("INSERT INTO t SELECT g, repeat('x', 2000) FROM generate_series(5000, 9000) g")
    server.restart()
    os.truncate(server.data / "store.mdb", 8192)  # to the one who has mapped it, EIO
    with contextlib.suppress(psycopg.OperationalError):
        server.sql("SELECT sum(length(note)) FROM t")
        raise AssertionError("read what is not there")
    assert server.process.wait(60) == 74, server.process.returncode
    assert "cannot be read" in server.log_tail(), server.log_tail()


def test_a_failed_write_stops_writes_with_58030(world):
    fail_and_recover(world, "write", "write", "58030")


def test_a_failed_sync_is_never_taken_back(world):
    fail_and_recover(world, "sync", "sync", "58030")


def make_rows(world, name):
    """A server with a view that has log and state of its own, and what its table holds."""
    server = make(world, name)
    server.script("""
        UPDATE t SET note = 'row ' || id;
        CREATE MATERIALIZED VIEW g AS
          SELECT id % 7 AS k, count(*) AS n, max(id) AS top FROM t GROUP BY id % 7;
        CREATE MATERIALIZED VIEW j AS
          SELECT g.k, g.n, g.top, t.note FROM g JOIN t ON t.id = g.top;
    """)
    rows = Rows(range(1, 1001))
    rows.check(server)
    return server, rows


def write_and_crash(server, rows, base):
    """Writes ids from `base` on; what was acknowledged is in the log and, of the last, the journal
    when the server is killed, for an idle second has not gone by."""
    assert rows.insert(server, base, base + 4999) is None  # more than the journal takes
    for step in range(20):
        low = base + 5000 + 10 * step
        assert rows.insert(server, low, low + 9) is None
        assert rows.delete(server, base + 50 * step, base + 50 * step + 20) is None
    server.kill9()


def test_a_start_on_a_failing_disk_with_nothing_to_bring_back_serves_what_is_there(world):
    server, rows = make_rows(world, "start")
    for number, fault in enumerate(("full", "write", "sync")):
        server.stop()
        server.set(fault)
        server.start()
        rows.check(server)
        # Nothing had to be written to start; the first write finds out.
        base = 5000 * (number + 1)
        if fault == "full":
            with concurrent.futures.ThreadPoolExecutor(1) as clients:
                waiting = clients.submit(rows.insert, server, base, base + 9)
                wait_for_log(server, "commits wait for room")
                server.kill9()
                error = waiting.result(60)
                assert error is not None, "acknowledged on a disk that took nothing"
                assert error.sqlstate is None, f"{error.sqlstate} {error}"
        else:
            error = rows.insert(server, base, base + 9)
            assert error is not None, f"acknowledged: {fault}"
            assert error.sqlstate == "58030", f"{error.sqlstate} {error}"
            server.kill9()
        server.set("")
        server.start()
        rows.check(server)
        assert rows.delete(server, base, base + 4) is None
        rows.check(server)
    server.stop()
    check(server, 0)


def refuse_each_call(server, fault):
    """Starts in which the first, the second .. call that can fail does so, until none is left and
    the server is up; returns how many were refused."""
    for call in range(1, 100):
        server.set(f"{fault} {call}")
        status = server.refusal()
        if status is None:
            return call - 1
        assert status == 74, f"{fault} {call}: {status}\n{server.log_tail()}"
        said = server.said()
        assert "Input/output error" in said or "disk I/O error" in said, said
    raise AssertionError(f"never starts: {fault}")


def test_a_start_whose_disk_fails_while_it_brings_back_what_was_written_loses_nothing(world):
    server, rows = make_rows(world, "replay")
    for number, fault in enumerate(("write", "sync")):
        write_and_crash(server, rows, 10000 * (number + 1))
        assert refuse_each_call(server, fault) > 0, f"brings nothing back: {fault}"
        rows.check(server)
        # The fault stands yet: sooner or later a write meets it, and is not acknowledged.
        for step in range(100):
            one = 500000 + 1000 * number + step
            error = rows.insert(server, one, one)
            if error is not None:
                break
        else:
            raise AssertionError(f"never met: {fault}")
        assert error.sqlstate == "58030", f"{error.sqlstate} {error}"
        server.kill9()
        server.set(fault)
        assert server.refusal() == 74, server.log_tail()
        server.set("")
        server.start()
        rows.check(server)
    server.stop()
    check(server, 0)


def test_a_start_on_a_disk_that_cannot_be_read_ends_with_status_74(world):
    server, rows = make_rows(world, "start-read")
    server.sql("CREATE SECRET s AS 'hush'")
    for number, fault in enumerate(("read", "catalog-read")):
        write_and_crash(server, rows, 10000 * (number + 1))
        assert refuse_each_call(server, fault) > 2, fault
        rows.check(server)
        server.kill9()
        server.set("")
        server.start()
        rows.check(server)
    server.stop()
    check(server, 0)


def test_a_catalog_left_in_the_middle_of_a_change_is_brought_back_or_refused(world):
    server, rows = make_rows(world, "catalog-replay")
    refused = 0
    for call in range(1, 12):
        # With this write the disk fails for good, so the change cannot even be taken back.
        server.set(f"catalog-write {call}")
        expect("58030", server, "CREATE TABLE u (id int PRIMARY KEY, a int UNIQUE)")
        # What the catalogue holds only the next start can tell, so nothing is committed before it.
        refusal = rows.insert(server, 2000 + call, 2000 + call)
        assert refusal is not None and refusal.sqlstate == "58030", refusal
        server.kill9()
        server.set("catalog-write")
        status = server.refusal()
        if status is not None:  # there was something to bring back
            refused += 1
            assert status == 74, f"{call}: {status}\n{server.log_tail()}"
            for fault in ("catalog-sync", "catalog-full"):
                server.set(fault)
                assert server.refusal() == 74, f"{fault} {call}\n{server.log_tail()}"
        server.kill9()
        server.set("")
        server.start()
        rows.check(server)
        expect("42P01", server, "SELECT * FROM u")
        server.script("CREATE TABLE u (id int PRIMARY KEY, a int UNIQUE); DROP TABLE u")
    assert refused > 0, "no change of the catalogue was ever left in its middle"
    server.stop()
    check(server, 0)


def test_a_start_on_a_full_disk_brings_back_what_was_written(world):
    server, rows = make_rows(world, "replay-full")
    write_and_crash(server, rows, 10000)
    # What it brings back lies there already. It does so as often as it is asked to.
    server.set("full")
    for _ in range(3):
        server.start()
        rows.check(server)
        server.kill9()
    server.start()
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        waiting = clients.submit(rows.insert, server, 100000, 100009)
        wait_for_log(server, "commits wait for room")
        expect("53100", server, "DELETE FROM t")
        assert not waiting.done()
        server.set("")
        assert waiting.result(60) is None
    server.kill9()
    server.start()
    rows.check(server)
    server.stop()
    check(server, 0)


def test_a_start_that_has_to_write_is_refused_by_a_full_or_failing_disk(world):
    server, rows = make_rows(world, "drop")
    server.script("""
        CREATE TABLE u (id int PRIMARY KEY);
        INSERT INTO u SELECT g FROM generate_series(1, 1000) g;
    """)
    write_and_crash(server, rows, 10000)
    server.start()
    # A DROP counts once the catalogue has it; the store is told by the first epoch of a start.
    server.set("full")
    with concurrent.futures.ThreadPoolExecutor(1) as clients:
        dropping = clients.submit(server.sql, "DROP TABLE u")
        wait_for_log(server, "commits wait for room")
        server.kill9()
        error = dropping.exception(60)
        assert isinstance(error, psycopg.OperationalError), repr(error)
    for fault, said in (("full", "No space left"), ("write", "Input/output error"),
                        ("sync", "Input/output error")):
        server.set(fault)
        status = server.refusal()
        assert status == 74, f"{fault}: {status}\n{server.log_tail()}"
        assert said in server.said(), server.said()
    server.set("")
    server.start()
    expect("42P01", server, "SELECT * FROM u")
    rows.check(server)
    server.stop()
    check(server, 0)


def test_a_flipped_bit_is_named_and_other_relations_live(world):
    server = world.server(data="flip")
    server.script("""
        CREATE TABLE good (id int PRIMARY KEY, note text);
        CREATE TABLE bad (id int PRIMARY KEY, note text);
        CREATE MATERIALIZED VIEW n AS SELECT count(*) AS n FROM good;
        INSERT INTO good SELECT g, 'fine ' || g FROM generate_series(1, 500) g;
        INSERT INTO bad SELECT g, 'flipflipflip ' || g FROM generate_series(1, 500) g;
    """)
    server.stop()
    store = server.data / "store.mdb"
    content = bytearray(store.read_bytes())
    flipped, at = 0, content.find(b"flipflipflip")
    while at >= 0:
        content[at + 3] ^= 0x10
        flipped += 1
        at = content.find(b"flipflipflip", at + 1)
    assert flipped > 0, "the rows lie nowhere in the file"
    store.write_bytes(content)
    report = check(server, 1)
    assert "bad" in report or "relation" in report, report
    server.start()
    message = expect("XX001", server, "SELECT * FROM bad")
    assert "bad" in message, message
    expect("XX001", server, "SELECT note FROM bad WHERE id = 7")
    assert server.sql("SELECT count(*) FROM good") == [(500,)]
    server.sql("INSERT INTO good VALUES (501, 'more')")
    assert server.sql("SELECT n FROM n") == [(501,)]
    server.stop()


if __name__ == "__main__":
    harness.main(globals())
