"""What end-to-end tests run on: servers of ours, peers, and a runner that prints PASS and FAIL.

A module ends with `harness.main(globals())`, which runs its test_* functions in order, each with a
World: `world.server()` starts the binary on a free port, `world.kafka` and `world.postgres` are
started when first asked for and shared by the module's tests. All of it ends with the module; what
a failing test left in its folder is named. `module_test.py NAME` runs those with NAME in theirs.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import psycopg

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import peers  # noqa: E402

BINARY = pathlib.Path(os.environ.get("QUICKWATER_BINARY") or ROOT / "build/release/quickwater")
READY_SECONDS_MAX = 60
LONG = os.environ.get("QUICKWATER_TEST") == "long"


def anonymous_bytes(pid):
    """RssAnon: what a process has of memory that no file stands behind."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", status)[1]) * 1024


class Watch:
    """Samples RssAnon of a server while it stands; `peak` in MB."""

    def __init__(self, server):
        self.pid, self.peak, self.done = server.process.pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.done.wait(0.005):
            try:
                self.peak = max(self.peak, anonymous_bytes(self.pid) / 2**20)
            except (OSError, TypeError):  # it has ended, or is about to
                return

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


class NotReady(AssertionError):
    """A server that did not come up; `status` is what it ended with, None if it had not."""

    def __init__(self, status, log_tail):
        super().__init__(f"server is not ready, exit status {status}\n{log_tail}")
        self.status = status


class Server:
    """One quickwater process on `data`, or an ephemeral one."""

    def __init__(self, data=None, options=(), log=None):
        self.data = data
        self.options = list(options)
        self.log = log
        self.process = None
        self.ready = None

    @property
    def port(self):
        return self.ready["port"]

    def start(self):
        where = ["--data", str(self.data)] if self.data else ["--ephemeral"]
        # A restart takes the port it had: clients of the test may hold its address.
        port = str(self.port) if self.ready else "0"
        with open(self.log or os.devnull, "ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "serve", *where, "--port", port, "--ready-json", "--die-with-parent",
                 *self.options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        readable, _, _ = select.select([self.process.stdout], [], [], READY_SECONDS_MAX)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            # Its output ends a moment before it does: killed then, it would have no status.
            status = None
            if readable:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = self.process.wait(READY_SECONDS_MAX)
            self.kill9()
            raise NotReady(status, self.log_tail())
        self.ready = json.loads(line)
        return self

    def stop(self):
        """SIGTERM; the exit status must be 0."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            status = self.process.wait(60)
            assert status == 0, f"exit status {status} after SIGTERM\n{self.log_tail()}"

    def kill9(self):
        if self.process:
            self.process.kill()
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log_tail(self):
        if not self.log or not pathlib.Path(self.log).exists():
            return ""
        return "\n".join(pathlib.Path(self.log).read_text(errors="replace").splitlines()[-15:])

    def dsn(self, database="quickwater", user="postgres"):
        return f"host=127.0.0.1 port={self.port} dbname={database} user={user}"

    def connect(self, **options):
        return psycopg.connect(self.dsn(), **{"autocommit": True, "connect_timeout": 10, **options})

    def sql(self, text, parameters=None):
        """One statement in a connection of its own; its rows, or None when it returns none."""
        with self.connect() as connection:
            cursor = connection.execute(text, parameters)
            return cursor.fetchall() if cursor.description else None

    def script(self, text):
        """Several statements, one after the other; the rows of each that returns some."""
        answers = []
        with self.connect() as connection:
            for statement in split_statements(text):
                cursor = connection.execute(statement)
                answers.append(cursor.fetchall() if cursor.description else None)
        return answers

    def psql(self, text, *options):
        """psql's own output for a script, errors included."""
        done = subprocess.run(
            [peers.PG_BIN / "psql", "-X", *options, self.dsn()], input=text, capture_output=True,
            text=True, timeout=120)
        return done.stdout + done.stderr

    def wait_for(self, query, expected, seconds=60):
        """Asks until the rows are the expected ones; fails with the last answer."""
        end = time.monotonic() + seconds
        answer = None
        with self.connect() as connection:
            while True:
                try:
                    answer = connection.execute(query).fetchall()
                except psycopg.Error as error:
                    if connection.closed:
                        raise
                    answer = error
                if answer == expected:
                    return
                if time.monotonic() > end:
                    raise AssertionError(f"after {seconds} s {query}\n  answers {answer}\n"
                                         f"  expected {expected}\n{self.log_tail()}")
                time.sleep(0.01)


def split_statements(text):
    """Statements of a script; knows strings and -- comments, which is all our scripts use."""
    statements, current, in_string, i = [], "", False, 0
    while i < len(text):
        if not in_string and text.startswith("--", i):
            i = text.find("\n", i) if "\n" in text[i:] else len(text)
            continue
        if text[i] == "'":
            in_string = not in_string
        if text[i] == ";" and not in_string:
            statements.append(current.strip())
            current = ""
        else:
            current += text[i]
        i += 1
    return [statement for statement in [*statements, current.strip()] if statement]


class World:
    """What the tests of one module share."""

    def __init__(self):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="quickwater-e2e-"))
        self.scratch.chmod(0o755)
        self.closing = contextlib.ExitStack()
        self.seed = int(os.environ.get("QUICKWATER_SEED") or random.randrange(1 << 31))
        self._kafka = None
        self._postgres = None
        self._servers = 0

    def server(self, *options, data=None):
        """A started server. `data` names a folder in this world's; without, it is ephemeral."""
        self._servers += 1
        log = self.scratch / f"server{self._servers}.log"
        server = Server(self.scratch / data if data else None, options, log)
        self.closing.callback(server.kill9)
        return server.start()

    @property
    def kafka(self):
        if not self._kafka:
            self._kafka = peers.Kafka(self.scratch / "kafka").start()
            self.closing.callback(self._kafka.kill9)
        return self._kafka

    @property
    def postgres(self):
        if not self._postgres:
            self._postgres = peers.Postgres(self.scratch / "pg").start()
            self.closing.callback(lambda: self._postgres.running and self._postgres.kill9())
        return self._postgres

    def close(self, keep):
        self.closing.close()
        if keep:
            print(f"kept: {self.scratch}")
        else:
            shutil.rmtree(self.scratch, ignore_errors=True)


def main(module):
    chosen = sys.argv[1:]
    tests = [(name, function) for name, function in module.items()
             if name.startswith("test_") and callable(function)
             and (not chosen or any(word in name for word in chosen))]
    title = pathlib.Path(module["__file__"]).stem.removesuffix("_test")
    world = World()
    failures = 0
    try:
        for name, function in tests:
            label = f"{title}: {name.removeprefix('test_').replace('_', ' ')}"
            began = time.monotonic()
            try:
                function(world)
                print(f"PASS {label} ({time.monotonic() - began:.1f} s)", flush=True)
            except Exception:
                failures += 1
                print(f"FAIL {label} (seed {world.seed})\n{traceback.format_exc()}", flush=True)
    finally:
        world.close(keep=failures > 0 and "CI" not in os.environ)
    sys.exit(1 if failures else 0)
