"""Kafka sources: every message counted once, whatever is killed; nothing skipped in silence."""

import json
import threading
from decimal import Decimal

import confluent_kafka

import harness

MESSAGES = 1_000_000
PARTITIONS = 4


def producer(world, **config):
    options = {key.replace("_", "."): value for key, value in config.items()}
    options |= {"bootstrap.servers": world.kafka.address, "log_level": 0,
                "enable.idempotence": True,
                "queue.buffering.max.messages": 1_000_000}
    return confluent_kafka.Producer(options)


def produce(world, topic, records, **where):
    to = producer(world)
    for key, value in records:
        to.produce(topic, key=key, value=value, **where)
    assert to.flush(60) == 0


def server_with_connection(world, data):
    server = world.server(data=data)
    server.sql(f"CREATE CONNECTION kafka TO KAFKA (BROKER '{world.kafka.address}')")
    return server


def shared_server(world):
    if not hasattr(world, "shared"):
        world.shared = server_with_connection(world, "shared")
    return world.shared


def message(i):
    return b'{"id": %d, "who": "user%d", "price": %d.%02d, "extra": [1, {"x": null}]}' % (
        i, i % 97, i % 50, i % 100)


def produce_many(world, topic, first, count):
    to = producer(world, linger_ms=20, compression_type="lz4")
    for i in range(first, first + count):
        while True:
            try:
                to.produce(topic, value=message(i), partition=i % PARTITIONS)
                break
            except BufferError:
                to.poll(0.1)
        if i % 1000 == 0:
            to.poll(0)
    assert to.flush(120) == 0


def expected_totals(count):
    cents = sum(100 * (i % 50) + i % 100 for i in range(count))
    return [(count, count * (count - 1) // 2, Decimal(cents) / 100)]


COUNTED = """
    CREATE SOURCE {topic} (id bigint, who text, price numeric(10,2))
      FROM KAFKA CONNECTION kafka (TOPIC '{topic}') FORMAT JSON ENVELOPE NONE;
    CREATE MATERIALIZED VIEW {topic}_total AS
      SELECT count(*) AS n, sum(id) AS ids, sum(price) AS price FROM {topic};
    CREATE MATERIALIZED VIEW {topic}_who AS SELECT who, count(*) AS n FROM {topic} GROUP BY who;
"""


def test_a_million_messages_are_counted_exactly(world):
    server = shared_server(world)
    world.kafka.create_topic("million", PARTITIONS)
    produce_many(world, "million", 0, MESSAGES // 2)
    server.script(COUNTED.format(topic="million"))  # half is there before, half comes after
    produce_many(world, "million", MESSAGES // 2, MESSAGES // 2)
    server.wait_for("SELECT * FROM million_total", expected_totals(MESSAGES), seconds=180)
    assert server.sql("SELECT count(*), sum(n), min(n) FROM million_who") == [
        (97, MESSAGES, MESSAGES // 97)]


def test_killed_while_reading_nothing_is_lost_or_doubled(world):
    world.kafka.create_topic("killed", PARTITIONS)
    server = server_with_connection(world, "killed")
    server.script(COUNTED.format(topic="killed"))
    count = 300_000
    writing = threading.Thread(target=produce_many, args=(world, "killed", 0, count))
    writing.start()
    for _ in range(8):
        harness.time.sleep(0.3)
        server.kill9()
        server.start()
    writing.join()
    server.wait_for("SELECT * FROM killed_total", expected_totals(count), seconds=120)
    assert server.sql("SELECT count(*), count(DISTINCT id) FROM killed") == [(count, count)]
    server.stop()


def test_broker_killed_and_restarted(world):
    world.kafka.create_topic("broken", PARTITIONS)
    server = server_with_connection(world, "broken")
    server.script(COUNTED.format(topic="broken"))
    produce_many(world, "broken", 0, 10_000)
    server.wait_for("SELECT * FROM broken_total", expected_totals(10_000))
    world.kafka.kill9()
    try:
        assert server.sql("SELECT n FROM broken_total") == [(10_000,)]  # reads go on
    finally:
        world.kafka.start()
    produce_many(world, "broken", 10_000, 10_000)
    server.wait_for("SELECT * FROM broken_total", expected_totals(20_000), seconds=120)
    world.kafka.stop()
    world.kafka.start()
    produce_many(world, "broken", 20_000, 10_000)
    server.wait_for("SELECT * FROM broken_total", expected_totals(30_000), seconds=120)
    server.stop()


def test_undecodable_messages_are_quarantined(world):
    server = shared_server(world)
    world.kafka.create_topic("dirty")
    server.sql("CREATE SOURCE dirty (id bigint, at timestamptz) "
               "FROM KAFKA CONNECTION kafka (TOPIC 'dirty') FORMAT JSON ENVELOPE NONE")
    values = [b'{"id": 1, "at": "2026-01-01T00:00:00Z"}', b"not json", b'{"id": "x"}', b"\xff\xfe",
              b'{"id": 99999999999999999999}', b'{"id": 2, "at": "yesterday-ish"}', b'{"id": 3}']
    produce(world, "dirty", [(None, value) for value in values])
    server.wait_for("SELECT id FROM dirty ORDER BY id", [(1,), (3,)])
    server.wait_for('SELECT "offset" FROM dirty_errors ORDER BY 1', [(i,) for i in range(1, 6)])
    rows = server.sql(
        'SELECT topic, partition, value, error FROM dirty_errors WHERE "offset" = 1')
    topic, partition, value, error = rows[0]
    assert (topic, partition) == ("dirty", 0) and value in (b"not json", "not json") and error, rows


def test_upsert_keeps_the_last_good_row(world):
    server = shared_server(world)
    world.kafka.create_topic("state")
    server.sql("CREATE SOURCE state (id bigint PRIMARY KEY, name text, n int) "
               "FROM KAFKA CONNECTION kafka (TOPIC 'state') "
               "KEY FORMAT JSON VALUE FORMAT JSON ENVELOPE UPSERT")
    produce(world, "state", [
        ('{"id": 1}', '{"name": "a", "n": 1}'), ("2", '{"name": "b", "n": 2}'),
        ("3", '{"name": "c", "n": 3}'), ("1", '{"name": "a2", "n": 10}'), ("2", None),
        ("3", "broken value"), (None, '{"name": "no key"}'), ("not a key", '{"name": "x"}'),
        ("4", None)])
    server.wait_for("SELECT * FROM state ORDER BY id", [(1, "a2", 10), (3, "c", 3)])
    server.wait_for('SELECT "offset" FROM state_errors ORDER BY 1', [(5,), (6,), (7,)])


def test_metadata_columns_and_start_offset(world):
    server = shared_server(world)
    world.kafka.create_topic("meta", 2)
    to = producer(world)
    for i in range(10):
        to.produce("meta", key=f"k{i}", value=json.dumps({"i": i}), partition=i % 2,
                   timestamp=1_700_000_000_000 + i)
    assert to.flush(30) == 0
    server.sql("CREATE SOURCE meta (i int) FROM KAFKA CONNECTION kafka (TOPIC 'meta', "
               "START OFFSET (2, 3)) FORMAT JSON INCLUDE PARTITION AS p, OFFSET, TIMESTAMP AS t "
               "ENVELOPE NONE")
    expected = [(i, i % 2, i // 2, f"{i:03d}") for i in range(10) if i // 2 >= 2 + i % 2]
    server.wait_for('SELECT i, p, "offset", to_char(t, \'MS\') FROM meta ORDER BY i', expected)


def test_aborted_transactions_are_invisible(world):
    server = shared_server(world)
    world.kafka.create_topic("transactional")
    server.sql("CREATE SOURCE transactional (id bigint) FROM KAFKA CONNECTION kafka "
               "(TOPIC 'transactional') FORMAT JSON ENVELOPE NONE")
    to = producer(world, transactional_id="t1")
    to.init_transactions(30)
    for i, end in enumerate([to.commit_transaction, to.abort_transaction, to.commit_transaction]):
        to.begin_transaction()
        for j in range(3):
            to.produce("transactional", value=json.dumps({"id": 10 * i + j}))
        end(30)
    server.wait_for("SELECT id FROM transactional ORDER BY id",
                    [(i,) for i in (0, 1, 2, 20, 21, 22)])


if __name__ == "__main__":
    harness.main(globals())
