"""Crash loop: SIGKILL at random moments under writes and DDL, reopen, compare with a model.

Writers commit numbered transactions; each adds rows that carry its number and moves money between
accounts. After a kill the state must be, per writer, exactly its first n transactions with n at
least what was acknowledged (and at most one more, the one in flight), every one whole; the money
must add up; every view must equal its query; and what DDL was doing is done or undone.
"""

import random
import threading

import psycopg

import harness

ROUNDS = 1000 if harness.LONG else 100
WRITERS = 3
ROWS_PER_TRANSACTION = 4
ACCOUNTS = 20
SETUP = f"""
CREATE TABLE journal (writer int, number int, row int, payload text,
  PRIMARY KEY (writer, number, row));
CREATE TABLE account (id int PRIMARY KEY, balance numeric(12,2) NOT NULL);
INSERT INTO account SELECT i, 100 FROM generate_series(1, {ACCOUNTS}) i;
CREATE MATERIALIZED VIEW per_writer AS
  SELECT writer, count(*) AS n, max(number) AS last FROM journal GROUP BY writer;
CREATE MATERIALIZED VIEW wealth AS SELECT count(*) AS n, sum(balance) AS total FROM account;
"""


class Writer(threading.Thread):
    def __init__(self, server, number, first, seed):
        super().__init__(daemon=True)
        self.server, self.writer, self.random = server, number, random.Random(seed)
        self.acknowledged = first  # the number of the last transaction that returned
        self.error = None

    def run(self):
        try:
            with self.server.connect(autocommit=False) as connection:
                while True:
                    self.transaction(connection, self.acknowledged + 1)
                    self.acknowledged += 1
        except psycopg.errors.SerializationFailure:
            self.run()  # lost against another writer: the same number again
        except psycopg.OperationalError:
            pass  # the kill
        except Exception as error:
            self.error = error

    def transaction(self, connection, number):
        values = ", ".join(f"({self.writer}, {number}, {row}, '{'x' * self.random.randrange(200)}')"
                           for row in range(ROWS_PER_TRANSACTION))
        connection.execute(f"INSERT INTO journal VALUES {values}")
        # Writers own disjoint accounts, so that few transactions conflict.
        mine = [i for i in range(1, ACCOUNTS + 1) if i % WRITERS == self.writer]
        giver, taker = self.random.sample(mine, 2)
        connection.execute(f"UPDATE account SET balance = balance - {number} WHERE id = {giver}")
        connection.execute(f"UPDATE account SET balance = balance + {number} WHERE id = {taker}")
        connection.commit()


class Ddl(threading.Thread):
    """Makes and drops views and tables; `sure` is what has been acknowledged as there."""

    def __init__(self, server, round_):
        super().__init__(daemon=True)
        self.server, self.round, self.sure, self.gone, self.error = server, round_, {}, set(), None

    def run(self):
        try:
            with self.server.connect() as connection:
                for i in range(10_000):
                    name = f"v_{self.round}_{i}"
                    query = f"SELECT row, count(*) AS n FROM journal WHERE number % 7 = {i % 7} " \
                            "GROUP BY row"
                    connection.execute(f"CREATE MATERIALIZED VIEW {name} AS {query}")
                    self.sure[name] = query
                    if i % 2:
                        old = f"v_{self.round}_{i - 1}"
                        del self.sure[old]
                        connection.execute(f"DROP MATERIALIZED VIEW {old}")
                        self.gone.add(old)
        except psycopg.OperationalError:
            pass
        except Exception as error:
            self.error = error


def verify(server, writers, views):
    with server.connect() as connection:
        def ask(query):
            return connection.execute(query).fetchall()
        for writer in writers:
            rows = ask(f"SELECT number, count(*) FROM journal WHERE writer = {writer.writer} "
                       "GROUP BY number ORDER BY number")
            last = rows[-1][0] if rows else 0
            assert rows == [(n, ROWS_PER_TRANSACTION) for n in range(1, last + 1)], \
                f"writer {writer.writer}: torn or missing transactions"
            assert writer.acknowledged <= last <= writer.acknowledged + 1, \
                f"writer {writer.writer}: acknowledged {writer.acknowledged}, found {last}"
            writer.acknowledged = last
        assert ask("SELECT * FROM wealth") == ask("SELECT count(*), sum(balance) FROM account")
        assert ask("SELECT total FROM wealth") == [(100 * ACCOUNTS,)]
        assert ask("SELECT * FROM per_writer ORDER BY writer") == ask(
            "SELECT writer, count(*), max(number) FROM journal GROUP BY writer ORDER BY writer")
        for name, query in views.items():
            assert ask(f"SELECT * FROM {name} ORDER BY row") == ask(f"{query} ORDER BY row"), name


def test_kill_at_random_moments(world):
    chance = random.Random(world.seed)
    server = world.server(data="crash")
    server.script(SETUP)
    numbers = [0] * WRITERS
    total = 0
    for round_ in range(ROUNDS):
        writers = [Writer(server, i, numbers[i], chance.random()) for i in range(WRITERS)]
        ddl = Ddl(server, round_)
        for thread in [*writers, ddl]:
            thread.start()
        # Sometimes in the middle of the connections' start, mostly under load.
        harness.time.sleep(chance.choice([chance.random() * 0.02, chance.random() * 0.4]))
        server.kill9()
        for thread in [*writers, ddl]:
            thread.join(30)
            assert not thread.is_alive(), f"round {round_}: a client hangs after the kill"
            if thread.error:
                raise thread.error
        server.start()
        verify(server, writers, ddl.sure)
        for name in ddl.gone:
            try:
                server.sql(f"SELECT FROM {name}")
                assert False, f"round {round_}: dropped view {name} is back"
            except psycopg.errors.UndefinedTable:
                pass
        leftovers = [row[0] for row in server.sql(
            "SELECT relname FROM pg_class WHERE relname LIKE 'v\\_%'")]
        for name in leftovers:
            server.sql(f"DROP MATERIALIZED VIEW {name}")
        total += sum(writer.acknowledged - n for writer, n in zip(writers, numbers))
        numbers = [writer.acknowledged for writer in writers]
    print(f"     {ROUNDS} kills, {total} transactions")
    assert total > ROUNDS, "the writers hardly wrote"
    server.stop()


def test_a_primary_key_is_added_while_others_write(world):
    server = world.server(data="key")
    server.script("CREATE TABLE big (id bigint NOT NULL, note text); INSERT INTO big "
                  "SELECT g, 'note ' || g FROM generate_series(1, 200000) g")
    begun, done = threading.Event(), threading.Event()

    def insert(number, acknowledged):
        with server.connect() as connection:
            while not done.is_set():
                key = 1_000_000 * number + len(acknowledged)
                connection.execute(f"INSERT INTO big VALUES ({key}, 'more')")
                acknowledged.append(key)
                if len(acknowledged) == 20:
                    begun.set()

    lists = [[] for _ in range(4)]
    threads = [threading.Thread(target=insert, args=(number + 1, list_))
               for number, list_ in enumerate(lists)]
    for thread in threads:
        thread.start()
    try:
        assert begun.wait(60)
        server.sql("ALTER TABLE big ADD PRIMARY KEY (id)")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    expected = sorted(sum(lists, []))
    assert [row[0] for row in server.sql("SELECT id FROM big WHERE id >= 1000000 ORDER BY id")] == \
        expected
    assert server.sql("SELECT count(*) FROM big") == [(200_000 + len(expected),)]
    server.kill9()


def test_check_finds_nothing_afterwards(world):
    done = harness.subprocess.run([harness.BINARY, "check", "--data", world.scratch / "crash"],
                                  capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


if __name__ == "__main__":
    harness.main(globals())
