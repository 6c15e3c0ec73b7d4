"""PostgreSQL sources: random transactions on five tables, compared with the upstream by query.

The comparison follows a marker row: upstream transactions arrive whole and in commit order, so once
the marker is here everything before it is. It is made in steady state, after a kill of our server,
after a restart and after a kill of PostgreSQL, always with a writer at work.
"""

import random
import string
import threading

import psycopg

import harness

SCHEMA = """
CREATE TABLE customer (id bigint PRIMARY KEY, name text NOT NULL, region varchar(8), since date);
CREATE TABLE purchase (id bigint PRIMARY KEY, customer_id bigint, amount numeric(12,2), note text,
  at timestamptz NOT NULL);
CREATE TABLE line (purchase_id bigint, number int, sku text, quantity int, price float8,
  PRIMARY KEY (purchase_id, number));
CREATE TABLE document (id uuid PRIMARY KEY, body text, attributes jsonb, tags text[], hash bytea);
ALTER TABLE document ALTER body SET STORAGE EXTERNAL;
CREATE TABLE event (kind text, value int, flag bool);
ALTER TABLE event REPLICA IDENTITY FULL;
CREATE TABLE marker (id int PRIMARY KEY, value bigint NOT NULL);
INSERT INTO marker VALUES (1, 0);
CREATE ROLE repl LOGIN REPLICATION PASSWORD 'repl-secret';
GRANT SELECT ON ALL TABLES IN SCHEMA public TO repl;
CREATE PUBLICATION quickwater FOR ALL TABLES;
"""
TABLES = ["customer", "purchase", "line", "document", "event"]
VIEWS = {
    "spent": "SELECT c.region, count(*) AS n, sum(p.amount) AS total, max(p.at) AS last "
             "FROM purchase p JOIN customer c ON c.id = p.customer_id GROUP BY c.region",
    "kinds": "SELECT kind, count(*) AS n, sum(value) AS total, count(DISTINCT value) AS values "
             "FROM event GROUP BY kind",
    "unbought": "SELECT c.id, c.name FROM customer c LEFT JOIN purchase p ON p.customer_id = c.id "
                "WHERE p.id IS NULL",
    "baskets": "SELECT p.id, count(l.number) AS lines, sum(l.quantity) AS quantity "
               "FROM purchase p LEFT JOIN line l ON l.purchase_id = p.id GROUP BY p.id",
}
LONG_TEXT_BYTES = 9000  # beyond what PostgreSQL keeps in the row: TOAST


class Writer(threading.Thread):
    """Commits random transactions until told to stop; waits through an upstream that is down."""

    def __init__(self, dsn, seed):
        super().__init__(daemon=True)
        self.dsn, self.random, self.stopping, self.error = dsn, random.Random(seed), False, None
        self.commits = 0

    def run(self):
        while not self.stopping:
            try:
                with psycopg.connect(self.dsn, connect_timeout=5) as connection:
                    while not self.stopping:
                        self.transaction(connection)
                        self.commits += 1
            except psycopg.OperationalError:
                harness.time.sleep(0.05)  # PostgreSQL is being restarted
            except Exception as error:
                self.error = error
                return

    def stop(self):
        self.stopping = True
        self.join(60)
        assert not self.is_alive(), "the writer hangs"
        if self.error:
            raise self.error

    def transaction(self, connection):
        chance = self.random
        for _ in range(chance.choice([1, 1, 2, 5, 40])):
            self.change(connection)
        if chance.random() < 0.1:
            connection.execute("SAVEPOINT s")
            self.change(connection)
            connection.execute("ROLLBACK TO s")
        if chance.random() < 0.1:
            connection.rollback()
        else:
            connection.commit()

    def change(self, connection):
        chance = self.random
        kind = chance.choices([self.customer, self.purchase, self.line, self.document, self.event,
                               self.truncate], [4, 8, 8, 3, 6, 0.02])[0]
        kind(connection, chance)

    def word(self):
        letters = string.ascii_letters + " '\\\t\u00e9\u4e16"
        return "".join(self.random.choices(letters, k=self.random.randrange(12)))

    def customer(self, connection, chance):
        key = chance.randrange(200)
        region = chance.choice(["EU", "US", "APAC", None])
        connection.execute(
            chance.choice([
                "INSERT INTO customer VALUES (%(k)s, %(w)s, %(r)s, date '2020-01-01' + %(k)s::int) "
                "ON CONFLICT (id) DO UPDATE SET region = excluded.region",
                "UPDATE customer SET name = %(w)s WHERE id = %(k)s",
                "UPDATE customer SET id = id + 1000 WHERE id = %(k)s "
                "AND NOT EXISTS (SELECT FROM customer WHERE id = %(k)s + 1000)",
                "DELETE FROM customer WHERE id IN (%(k)s, %(k)s + 1000)"]),
            {"k": key, "w": self.word(), "r": region})

    def purchase(self, connection, chance):
        connection.execute(
            chance.choice([
                "INSERT INTO purchase VALUES (%(k)s, %(c)s, %(a)s, %(w)s, now()) "
                "ON CONFLICT (id) DO UPDATE SET amount = excluded.amount, note = excluded.note",
                "UPDATE purchase SET amount = amount + 1.01, customer_id = %(c)s "
                "WHERE id = %(k)s",
                "DELETE FROM purchase WHERE id = %(k)s"]),
            {"k": chance.randrange(2000), "c": chance.randrange(200), "w": self.word(),
             "a": chance.choice([None, chance.randrange(10**9) / 100])})

    def line(self, connection, chance):
        connection.execute(
            chance.choice([
                "INSERT INTO line SELECT %(k)s, n, 'sku' || n, n * 2, n / 3.0::float8 "
                "FROM generate_series(1, %(n)s) n ON CONFLICT DO NOTHING",
                "UPDATE line SET quantity = quantity + 1, price = -price "
                "WHERE purchase_id = %(k)s",
                "UPDATE line SET number = number + 100 WHERE purchase_id = %(k)s AND number = 1 "
                "AND NOT EXISTS (SELECT FROM line WHERE purchase_id = %(k)s AND number = 101)",
                "DELETE FROM line WHERE purchase_id = %(k)s AND number > %(n)s"]),
            {"k": chance.randrange(2000), "n": chance.randrange(6)})

    def document(self, connection, chance):
        key = f"00000000-0000-0000-0000-{chance.randrange(50):012d}"
        connection.execute(
            chance.choice([
                "INSERT INTO document VALUES (%(k)s, repeat(%(w)s, %(n)s), %(j)s, %(t)s, %(h)s) "
                "ON CONFLICT (id) DO UPDATE SET attributes = excluded.attributes",
                "UPDATE document SET tags = tags || ARRAY[%(w)s], hash = NULL WHERE id = %(k)s",
                "UPDATE document SET body = NULL WHERE id = %(k)s",
                "DELETE FROM document WHERE id = %(k)s"]),
            {"k": key, "w": self.word() + "x", "n": chance.choice([1, LONG_TEXT_BYTES]),
             "j": psycopg.types.json.Jsonb({"n": chance.random(), "w": [None, self.word()]}),
             "t": ["a", self.word()], "h": chance.randbytes(20)})

    def event(self, connection, chance):
        connection.execute(
            chance.choice([
                "INSERT INTO event SELECT %(w)s, %(n)s, %(f)s FROM generate_series(1, %(m)s)",
                "UPDATE event SET value = %(n)s WHERE value = %(m)s AND flag",
                "DELETE FROM event WHERE value = %(n)s"]),
            {"w": chance.choice("abcd"), "n": chance.randrange(20), "m": chance.randrange(1, 4),
             "f": chance.choice([True, False, None])})

    def truncate(self, connection, chance):
        connection.execute(chance.choice(["TRUNCATE line", "TRUNCATE event, document"]))


def compare(world, server):
    """Waits for a marker, then asks both sides for all tables and views."""
    world.marker = getattr(world, "marker", 0) + 1
    upstream = world.postgres
    upstream.sql(f"UPDATE marker SET value = {world.marker}", "up")
    server.wait_for("SELECT value FROM marker", [(world.marker,)], seconds=120)
    queries = {table: f"SELECT * FROM {table}" for table in TABLES}
    wrong = []
    for name, query in {**queries, **VIEWS}.items():
        theirs = upstream.sql(query, "up")
        ours = server.sql(f"SELECT * FROM {name}")
        missing, extra = difference(theirs, ours), difference(ours, theirs)
        if missing or extra:
            wrong.append(f"{name}: {len(ours)} rows, upstream {len(theirs)}\n"
                         f"    missing {missing[:3]}\n    extra {extra[:3]}")
    assert not wrong, "\n  ".join(wrong)


def difference(left, right):
    """Rows of the left bag that the right one lacks."""
    counts = {}
    for row in right:
        counts[repr(row)] = counts.get(repr(row), 0) + 1
    rest = []
    for row in left:
        if counts.get(repr(row), 0) > 0:
            counts[repr(row)] -= 1
        else:
            rest.append(row)
    return rest


def started(world):
    if hasattr(world, "cdc"):
        return world.cdc
    postgres = world.postgres
    postgres.sql("CREATE DATABASE up")
    postgres.sql(SCHEMA, "up")
    with psycopg.connect(postgres.dsn("up")) as connection:  # something for the snapshot
        writer = Writer(None, world.seed)
        for _ in range(200):
            writer.transaction(connection)
    server = world.server(data="cdc")
    server.script(f"""
        CREATE SECRET p AS 'repl-secret';
        CREATE CONNECTION up TO POSTGRES (HOST '127.0.0.1', PORT {postgres.port}, DATABASE 'up',
          USER 'repl', PASSWORD SECRET p);
        CREATE SOURCE up FROM POSTGRES CONNECTION up (PUBLICATION 'quickwater') FOR ALL TABLES;
    """)
    for name, query in VIEWS.items():
        server.sql(f"CREATE MATERIALIZED VIEW {name} AS {query}")
    world.cdc = server
    return server


def under_load(world, seconds, disturb):
    """Runs a writer around the disturbance, then compares."""
    server = started(world)
    world.writers = getattr(world, "writers", 0) + 1
    writer = Writer(world.postgres.dsn("up"), world.seed + world.writers)
    writer.start()
    try:
        harness.time.sleep(seconds)
        disturb(server)
        harness.time.sleep(seconds)
    finally:
        writer.stop()
    assert writer.commits > 0
    compare(world, server)


def test_the_snapshot_equals_the_upstream(world):
    compare(world, started(world))


def test_steady_state(world):
    under_load(world, 5 if harness.LONG else 2, lambda server: None)


def test_kill_of_our_server(world):
    def disturb(server):
        for _ in range(10 if harness.LONG else 4):
            server.kill9()
            server.start()
            harness.time.sleep(random.Random(world.seed).random())
    under_load(world, 1, disturb)


def test_restart_of_postgresql(world):
    def disturb(_):
        world.postgres.stop()
        world.postgres.start()
    under_load(world, 1, disturb)


def test_crash_of_postgresql(world):
    def disturb(_):
        world.postgres.kill9()
        world.postgres.start()
    under_load(world, 1, disturb)


def test_reads_go_on_while_postgresql_is_down(world):
    server = started(world)
    before = server.sql("SELECT count(*) FROM purchase")
    world.postgres.stop()
    try:
        assert server.sql("SELECT count(*) FROM purchase") == before
        server.restart()  # also a start without the upstream
        assert server.sql("SELECT count(*) FROM purchase") == before
    finally:
        world.postgres.start()
    compare(world, server)


def test_a_type_change_stops_that_table_alone(world):
    server = started(world)
    world.postgres.sql("ALTER TABLE line ALTER quantity TYPE text; "
                       "INSERT INTO line VALUES (-1, 1, 's', 'many', 1)", "up")
    world.postgres.sql("INSERT INTO customer VALUES (-1, 'after', 'EU', NULL)", "up")
    server.wait_for("SELECT name FROM customer WHERE id = -1", [("after",)])
    said = server.psql("SELECT * FROM qw.source_status")
    assert "quantity" in said, said


if __name__ == "__main__":
    harness.main(globals())
