"""The binary as a program: readiness, exits, the lock of the data folder, slow clients."""

import json
import socket
import subprocess

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
