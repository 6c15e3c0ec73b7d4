"""Clients that do numbered things to a server that may die at any moment, and what must be found
afterwards: of each exactly the first n, n from the last acknowledged to the last begun.

Shared by power_cuts.py and server_kill.py. `note` takes what a client has begun or done: into a
recording, or into a Known.
"""

import threading
import time

import psycopg

WRITERS = 2
ROWS = 4
ACCOUNTS = 12
BULK_ROWS = 800
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


class Client(threading.Thread):
    """Does number after number until the server dies; notes before and after each."""

    def __init__(self, server, name, done, step, note):
        super().__init__(daemon=True)
        self.server, self.name_, self.done, self.step = server, name, done, step
        self.note, self.error = note, None

    def run(self):
        try:
            with self.server.connect() as connection:
                while True:
                    number = self.done + 1
                    self.note(begun={self.name_: number})
                    self.step(connection, number)
                    self.done = number
                    self.note(done={self.name_: number})
        except psycopg.OperationalError:
            pass  # the end of the server
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
    """Number n makes view n and drops view n - 1, so that one of them is always there."""
    connection.execute(
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS v_{number} AS "
        f"SELECT row, count(*) AS n FROM journal WHERE number % 7 = {number % 7} GROUP BY row")
    connection.execute(f"DROP MATERIALIZED VIEW IF EXISTS v_{number - 1}")


def all_clients(server, numbers, chance, note):
    steps = {f"writer{i}": journal(i, chance) for i in range(WRITERS)}
    steps |= {"bulk": bulk, "ddl": ddl}
    return [Client(server, name, numbers[name], step, note) for name, step in steps.items()]


def start_numbers():
    return {f"writer{i}": 0 for i in range(WRITERS)} | {"bulk": 0, "ddl": 0}


def join(clients):
    for client in clients:
        client.join(30)
        assert not client.is_alive(), f"{client.name_} hangs after the end of the server"
        if client.error:
            raise client.error


class Upstream(threading.Thread):
    """Commits transactions in PostgreSQL and notes which of them the slot was told of."""

    def __init__(self, dsn, note, pause=0.004):
        super().__init__(daemon=True)
        self.dsn, self.note, self.pause = dsn, note, pause
        self.stopping, self.error = False, None
        self.counting = False  # the first rows have been seen in the server
        self.ends = []         # (LSN, transaction)

    def run(self):
        try:
            with psycopg.connect(self.dsn, autocommit=True) as connection:
                tx = 0
                while not self.stopping:
                    tx += 1
                    self.note(begun={"up": tx})
                    connection.execute(
                        f"BEGIN; INSERT INTO up VALUES ({2 * tx}, {tx}, 'note'), "
                        f"({2 * tx + 1}, {tx}, repeat('n', 300)); "
                        "UPDATE total SET n = n + 2; COMMIT")
                    # With synchronous_commit off, what is written ends before the commit.
                    end = connection.execute(
                        "SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()[0]
                    self.ends.append((end, tx))
                    told = connection.execute(
                        "SELECT max(confirmed_flush_lsn - '0/0') FROM pg_replication_slots "
                        "WHERE database = current_database()").fetchone()[0]
                    while self.counting and told and self.ends and self.ends[0][0] <= told:
                        self.note(done={"up": self.ends.pop(0)[1]})
                    time.sleep(self.pause)
        except Exception as error:
            self.error = error


class Known:
    """What the notes say."""

    def __init__(self):
        self.done, self.begun = {}, {}
        self.ready = self.setup = self.source = False

    def take(self, facts):
        self.done |= facts.get("done", {})
        self.begun |= facts.get("begun", {})
        self.ready |= facts.get("ready", False)
        self.setup |= facts.get("setup", False)
        self.source |= facts.get("source", False)

    def within(self, name, found):
        done, begun = self.done.get(name, 0), self.begun.get(name, 0)
        assert done <= found <= begun, f"{name} {found}, acknowledged {done}, begun {begun}"


def compare(known, found):
    """Raises what is wrong. `found`: kind -> rows of values, as QUERIES of power_cuts.py has it."""
    numbers = {int(writer): [int(value) for value in rest] for writer, *rest in found["writer"]}
    for writer in range(WRITERS):
        rows, last, distinct = numbers.get(writer, (0, 0, 0))
        assert rows == ROWS * last and distinct == last, f"writer {writer}: torn: {rows} {last}"
        known.within(f"writer{writer}", last)
    accounts, total = found["wealth"][0]
    assert (int(accounts), float(total)) == (ACCOUNTS, 100 * ACCOUNTS), found["wealth"]
    rows, batches, last = (int(value) for value in found["bulk"][0])
    assert rows == BULK_ROWS * last and batches == last, f"bulk: torn: {rows} {batches} {last}"
    known.within("bulk", last)
    views = {int(view[0][2:]) for view in found["view"]}
    done, begun = known.done.get("ddl", 0), known.begun.get("ddl", 0)
    allowed = {done, done + 1} if begun > done else {done}
    assert views <= allowed and (views or done == 0), f"views {views}, {done} done, {begun} begun"
    for rows, last, total in found["up"]:
        rows, last, total = int(rows), int(last), int(total)
        assert rows == 2 * last == total, f"upstream: torn: {rows} {last} {total}"
        if known.source:
            known.within("up", last)
