"""The README's example, with only the ports replaced, on a real Kafka and a real PostgreSQL."""

import json
from decimal import Decimal

import confluent_kafka
import psycopg

import harness
import peers

REVENUE = ("SELECT c.region, count(*) AS orders, sum(o.amount) AS amount, max(o.placed_at) AS last "
           "FROM orders o JOIN customers c ON c.id = o.customer_id GROUP BY c.region")


def produce(address, topic, records):
    producer = confluent_kafka.Producer({"bootstrap.servers": address,
                                         "enable.idempotence": True})
    for key, value in records:
        producer.produce(topic, key=key, value=value)
    assert producer.flush(30) == 0


def started(world):
    """A server that has run the example up to its SELECTs, and what psql said."""
    if not hasattr(world, "example"):
        peers.make_shop(world.kafka, world.postgres)
        text = peers.example_sql(world.kafka, world.postgres)
        setup, _, _ = text.partition("SELECT * FROM revenue")
        server = world.server(data="example")
        world.example = (server, server.psql(setup))
    return world.example


def test_every_statement_of_the_setup_is_taken(world):
    server, said = started(world)
    assert "ERROR" not in said, said
    for tag in ["CREATE SECRET", "CREATE CONNECTION", "CREATE SOURCE", "CREATE MATERIALIZED VIEW"]:
        assert tag in said, said


def test_the_view_equals_the_same_query_upstream(world):
    server, _ = started(world)
    upstream = world.postgres.sql(f"SELECT * FROM ({REVENUE}) r ORDER BY region", "shop")
    assert server.sql("SELECT * FROM revenue ORDER BY region") == upstream
    assert server.sql("SELECT * FROM revenue WHERE region = 'EU'") == upstream[:1]


def test_changes_in_both_worlds_show(world):
    server, _ = started(world)
    with psycopg.connect(world.postgres.dsn("shop")) as shop:
        shop.execute("INSERT INTO orders VALUES (100, 2, 0.50, '2026-02-01 00:00:00+00')")
        shop.execute("UPDATE customers SET region = 'APAC' WHERE id = 4")
        shop.execute("DELETE FROM orders WHERE id = 3")
    upstream = world.postgres.sql(f"SELECT * FROM ({REVENUE}) r ORDER BY region", "shop")
    server.wait_for("SELECT * FROM revenue ORDER BY region", upstream)

    clicks = [{"user_id": 1, "url": "/a", "at": "2026-02-01T00:00:00Z", "price": 1.25},
              {"user_id": 3, "url": "/b", "at": "2026-02-01T00:00:01Z", "price": 2},
              {"user_id": 2, "url": None}]
    produce(world.kafka.address, "clicks", [(None, json.dumps(click)) for click in clicks])
    server.wait_for("SELECT * FROM hot ORDER BY region", [("EU", 2), ("US", 0)])
    server.wait_for("SELECT user_id, price FROM clicks ORDER BY user_id",
                    [(1, Decimal("1.25")), (2, None), (3, Decimal("2.00"))])
    got = server.sql('SELECT partition, kafka_offset, "timestamp" IS NOT NULL FROM clicks')
    assert all(partition in (0, 1) and offset >= 0 and timed for partition, offset, timed in got)


def test_upsert_source_follows_its_keys(world):
    server, _ = started(world)
    records = [('{"id": 1}', '{"name": "Ada"}'), ("2", '{"name": "Grace"}'), ('{"id": 1}', None),
               ("2", '{"name": "Grace H."}')]
    produce(world.kafka.address, "users", records)
    server.wait_for("SELECT * FROM users ORDER BY id", [(2, "Grace H.")])


def test_show_and_drop(world):
    server, _ = started(world)
    said = server.psql("SHOW SOURCES; SHOW MATERIALIZED VIEWS; SELECT * FROM qw.source_status;")
    for name in ["shop", "clicks", "users", "revenue", "hot"]:
        assert name in said, said
    assert "ERROR" not in said and "repl-secret" not in said, said
    said = server.psql("\\set VERBOSITY verbose\nDROP SOURCE clicks;")
    assert "2BP01" in said and "hot" in said, said
    said = server.psql("DROP SOURCE clicks CASCADE;")
    assert "DROP SOURCE" in said and "ERROR" not in said, said
    assert "hot" not in server.psql("SHOW MATERIALIZED VIEWS")


def test_it_is_all_there_after_a_kill(world):
    server, _ = started(world)
    server.kill9()
    world.postgres.sql("INSERT INTO orders VALUES (101, 1, 7, '2026-03-01 00:00:00+00')", "shop")
    server.start()
    upstream = world.postgres.sql(f"SELECT * FROM ({REVENUE}) r ORDER BY region", "shop")
    server.wait_for("SELECT * FROM revenue ORDER BY region", upstream)
    server.wait_for("SELECT * FROM users", [(2, "Grace H.")])


def test_dropping_the_source_drops_its_slot(world):
    server, _ = started(world)
    query = "SELECT count(*) FROM pg_replication_slots"
    assert world.postgres.sql(query) == [(1,)]
    server.sql("DROP SOURCE shop CASCADE")
    assert world.postgres.sql(query) == [(0,)]
    server.stop()


if __name__ == "__main__":
    harness.main(globals())
