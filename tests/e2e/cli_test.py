"""The binary as a program: readiness, exits, the lock of the data folder, slow clients."""

import collections
import json
import os
import random
import resource
import shutil
import socket
import subprocess
import threading
import time

import psycopg

import harness


def run(*arguments, **options):
    return subprocess.run([harness.BINARY, *map(str, arguments)], capture_output=True, text=True,
                          timeout=60, **options)


def test_the_ready_line_says_where_it_listens(world):
    server = world.server()
    assert server.ready["ready"] is True and server.ready["pid"] == server.process.pid
    assert server.ready["port"] > 0 and "http_port" in server.ready
    assert 0 < server.ready["ready_ms"] < 60_000
    assert server.sql("SELECT 1") == [(1,)]
    server.stop()


def test_sigterm_ends_sessions_with_57p01(world):
    server = world.server()
    connection = server.connect()
    server.stop()
    try:
        connection.execute("SELECT 1")
        assert False, "the session survived"
    except psycopg.errors.AdminShutdown:
        pass
    except psycopg.OperationalError as error:
        assert "terminating" in str(error) or "closed" in str(error), error


def test_a_second_server_on_the_folder_is_refused_with_the_pid(world):
    server = world.server(data="locked")
    second = run("serve", "--data", world.scratch / "locked", "--port", 0)
    assert second.returncode != 0 and str(server.process.pid) in second.stderr, second.stderr
    assert server.sql("SELECT 1") == [(1,)]
    server.stop()


def test_listening_beyond_loopback_is_refused(world):
    done = run("serve", "--ephemeral", "--port", 0, "--listen", "0.0.0.0")
    assert done.returncode != 0 and "loopback" in done.stderr, done.stderr


def test_data_survives_a_clean_restart(world):
    server = world.server(data="kept")
    server.script("CREATE TABLE t (a int PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'x'); "
                  "CREATE MATERIALIZED VIEW v AS SELECT count(*) AS n FROM t")
    server.restart()
    assert server.sql("SELECT * FROM t, v") == [(1, "x", 1)]
    server.sql("INSERT INTO t VALUES (2, 'y')")
    assert server.sql("SELECT n FROM v") == [(2,)]
    server.stop()


def test_init_file_and_sql_command(world):
    script = world.scratch / "init.sql"
    script.write_text("CREATE TABLE made (a int); INSERT INTO made VALUES (42);")
    server = world.server("--init", str(script))
    assert server.sql("SELECT a FROM made") == [(42,)]
    server.stop()
    done = run("sql", "--data", world.scratch / "kept", "-c", "SELECT n + 40 AS n FROM v")
    assert done.returncode == 0 and "42" in done.stdout, done.stdout + done.stderr


def test_an_error_of_the_init_file_has_its_place(world):
    script = world.scratch / "wrong.sql"
    for text, line in (("SELECT 1;\n-- x\nSELECT * FROM nothing;\n", 3), ("SELECT 1;\nSELEC 2;", 2),
                       ("SELECT 1;\nSELECT 1/0;\n", 2)):
        script.write_text(text)
        done = run("serve", "--ephemeral", "--port", 0, "--init", script)
        assert done.returncode != 0 and f"{script}:{line}: " in done.stderr, done.stderr


def test_ephemeral_data_lies_nowhere_else(world):
    done = run("serve", "--ephemeral", "--data", world.scratch / "both", "--port", 0)
    assert done.returncode == 64 and "--data" in done.stderr, done.stderr  # EX_USAGE


def test_check_looks_and_makes_nothing(world):
    typo, foreign = world.scratch / "no-such-data", world.scratch / "thesis"
    done = run("check", "--data", typo)
    assert done.returncode != 0 and str(typo) in done.stderr, done.stdout + done.stderr
    assert not typo.exists()
    foreign.mkdir()
    (foreign / "chapter.txt").write_text("one")
    for command in (["check"], ["serve", "--port", 0]):
        done = run(*command, "--data", foreign)
        assert done.returncode != 0 and str(foreign) in done.stderr, done.stdout + done.stderr
        assert [entry.name for entry in foreign.iterdir()] == ["chapter.txt"]


def test_a_lost_or_truncated_file_is_refused_by_name(world):
    server = world.server(data="whole")
    server.script("CREATE TABLE t (a int, b text); INSERT INTO t "
                  "SELECT i, repeat('x', 200) FROM generate_series(1, 20000) i")
    server.stop()
    whole, broken = world.scratch / "whole", world.scratch / "broken"

    def refused(name, damage):
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(whole, broken)
        damage(broken / name)
        for command in (["check"], ["serve", "--port", 0]):
            done = run(*command, "--data", broken)
            assert done.returncode == 65, (command, done.returncode, done.stderr)  # EX_DATAERR
            assert name in done.stderr and "sound" not in done.stdout, done.stderr

    size = (whole / "store.mdb").stat().st_size
    for kept in (size // 2, size // 3, 5000, 100):
        refused("store.mdb", lambda file, kept=kept: os.truncate(file, kept))
    refused("store.mdb", lambda file: file.unlink())
    refused("catalog.db", lambda file: file.unlink())
    refused("catalog.db", lambda file: os.truncate(file, 0))
    done = run("check", "--data", whole)
    assert done.returncode == 0 and done.stdout == "sound\n", done.stdout + done.stderr


def test_check_compares_views_with_their_queries(world):
    server = world.server(data="checked")
    server.script("""
        CREATE TABLE e (id int PRIMARY KEY, ts timestamp NOT NULL, kind int);
        CREATE MATERIALIZED VIEW hopping AS SELECT window_start, count(*) AS n, sum(id) AS ids
          FROM hop(e, ts, interval '10 minutes', interval '20 minutes') GROUP BY window_start;
        CREATE MATERIALIZED VIEW kinds AS SELECT kind, count(*) AS n, max(ts) AS last,
          count(DISTINCT id % 3) AS thirds FROM e GROUP BY kind;
        CREATE MATERIALIZED VIEW pairs AS SELECT a.id, b.id AS other FROM e a JOIN e b
          ON a.kind = b.kind AND a.id < b.id;
        INSERT INTO e VALUES (1, '2026-01-01 00:05', 1), (2, '2026-01-01 00:06', 1),
          (3, '2026-01-01 00:15', 2);
        DELETE FROM e WHERE id = 2;
        INSERT INTO e SELECT i, timestamp '2026-01-01' + i * interval '1 minute', i % 7
          FROM generate_series(10, 500) i;
    """)
    server.stop()
    done = run("check", "--data", world.scratch / "checked")
    assert done.returncode == 0 and done.stdout == "sound\n", done.stdout + done.stderr


def test_a_client_too_many_for_the_open_files_is_told(world):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))

    with subprocess.Popen([harness.BINARY, "serve", "--ephemeral", "--port", "0", "--ready-json"],
                          stdout=subprocess.PIPE, preexec_fn=limit) as process:
        try:
            port = json.loads(process.stdout.readline())["port"]
            dsn = f"host=127.0.0.1 port={port} dbname=quickwater user=postgres connect_timeout=10"
            connections = [psycopg.connect(dsn, autocommit=True)]
            connections[0].execute("CREATE CONNECTION nowhere TO KAFKA (BROKER '127.0.0.1:1')")
            try:
                for _ in range(150):
                    connections.append(psycopg.connect(dsn, autocommit=True))
                raise AssertionError("150 connections with 100 files")
            except psycopg.OperationalError as error:
                assert "too many clients" in str(error), error
            assert len(connections) > 20
            # Those that are there go on, and a source that finds no file is an error of its own.
            statement = ("CREATE SOURCE s (n int) FROM KAFKA CONNECTION nowhere (TOPIC 't') "
                         "FORMAT JSON ENVELOPE NONE")
            for connection in connections:
                assert connection.execute("SELECT 1").fetchall() == [(1,)]
            try:
                connections[0].execute(statement)
                raise AssertionError("a source without files")
            except psycopg.Error as error:
                assert error.sqlstate in ("53000", "08006"), (error.sqlstate, str(error))
            for connection in connections[1:]:
                connection.close()
            connections[0].execute("CREATE TABLE t (a int)")

            def room():
                try:
                    psycopg.connect(dsn).close()
                    return True
                except psycopg.OperationalError:
                    return False

            harness.peers.wait_until(room, "room for a client", 20)
        finally:
            process.terminate()
            assert process.wait(60) == 0


def test_the_soft_limit_of_open_files_is_raised(world):
    def limit():
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (64, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    with subprocess.Popen([harness.BINARY, "serve", "--ephemeral", "--port", "0", "--ready-json"],
                          stdout=subprocess.PIPE, preexec_fn=limit) as process:
        try:
            json.loads(process.stdout.readline())
            with open(f"/proc/{process.pid}/limits") as limits:
                line = next(line for line in limits if line.startswith("Max open files"))
            assert line.split()[3] == line.split()[4] != "64", line
        finally:
            process.terminate()
            process.wait(60)


def test_sessions_that_create_and_drop_the_same_names_get_answers(world):
    server = world.server()
    statements = ["CREATE TABLE a (x int)", "DROP TABLE a", "CREATE VIEW b AS SELECT x FROM a",
                  "DROP VIEW b", "CREATE MATERIALIZED VIEW c AS SELECT count(*) AS n FROM a",
                  "DROP MATERIALIZED VIEW c", "DROP TABLE a CASCADE", "DROP TABLE IF EXISTS a, a",
                  "CREATE TABLE d AS SELECT 1 AS x", "DROP TABLE d", "CREATE INDEX e ON a (x)",
                  "CREATE SOURCE s FROM LOAD GENERATOR COUNTER (UP TO 10)",
                  "DROP SOURCE s", "INSERT INTO a VALUES (1)", "CREATE OR REPLACE VIEW b AS "
                  "SELECT x + 1 AS x FROM a"]
    answers = collections.Counter()

    def work(seed):
        choose = random.Random(seed)
        until = time.monotonic() + 4
        with server.connect() as connection:
            while time.monotonic() < until:
                try:
                    connection.execute(choose.choice(statements))
                except psycopg.Error as error:
                    answers[error.sqlstate, str(error)] += 1

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # Does not exist; exists; is depended on; is being made or dropped; met a concurrent change.
    known = {"42P01", "42704", "42P07", "42710", "2BP01", "55000", "40001", "42809"}
    strange = {answer: count for answer, count in answers.items() if answer[0] not in known}
    assert not strange, strange
    assert server.alive and len(answers) > 3, answers
    server.stop()


def test_it_dies_with_its_parent(world):
    # A shell that starts the server and is then killed itself.
    shell = subprocess.Popen(
        ["bash", "-c", '"$0" serve --ephemeral --port 0 --ready-json --die-with-parent & wait',
         str(harness.BINARY)], stdout=subprocess.PIPE, text=True)
    pid = json.loads(shell.stdout.readline())["pid"]
    shell.kill()
    shell.wait()
    harness.peers.wait_until(lambda: not harness.peers.is_running(pid), "end of the server", 20)


def test_a_client_that_does_not_read_stops_only_itself(world):
    server = world.server()
    server.script(
        "CREATE TABLE wide (i int PRIMARY KEY, pad text); INSERT INTO wide "
        "SELECT i, repeat('x', 1000) FROM generate_series(1, 20000) i")
    with socket.create_connection(("127.0.0.1", server.port)) as lazy:
        body = b"\x00\x03\x00\x00user\x00postgres\x00database\x00quickwater\x00\x00"
        lazy.sendall((len(body) + 4).to_bytes(4, "big") + body)
        query = b"SELECT a.* FROM wide a, (SELECT 1 FROM wide LIMIT 20) b\x00"
        lazy.sendall(b"Q" + (len(query) + 4).to_bytes(4, "big") + query)
        for i in range(20):
            server.sql(f"UPDATE wide SET pad = 'y' WHERE i = {i}")
        assert server.sql("SELECT count(*) FROM wide WHERE pad = 'y'") == [(19,)]
    server.stop()


def test_the_demo_has_views_that_move(world):
    server = world.server("--demo")
    views = [row[0] for row in server.sql(
        "SELECT schemaname || '.' || matviewname FROM pg_matviews ORDER BY 1")]
    assert len(views) >= 3, views
    first = server.sql(f"SELECT * FROM {views[0]}")
    harness.peers.wait_until(lambda: server.sql(f"SELECT * FROM {views[0]}") != first,
                             "change in the demo", 30)
    server.stop()


if __name__ == "__main__":
    harness.main(globals())
