"""Kafka sources: refusals at CREATE, formats, where reading starts, lost messages, statuses."""

import time

import confluent_kafka
import confluent_kafka.admin
import psycopg

import harness
from kafka_test import produce, producer, server_with_connection

HOUR_MS = 3_600_000


def shared_server(world):
    if not hasattr(world, "cases"):
        world.cases = server_with_connection(world, "cases")
    return world.cases


def refused(server, statement, code, *words):
    """The statement fails with this SQLSTATE, and its message or detail has the words."""
    began = time.monotonic()
    try:
        server.sql(statement)
    except psycopg.Error as error:
        parts = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint]
        text = " | ".join(part for part in parts if part)
        assert error.sqlstate == code, f"{statement}: {error.sqlstate} {text}"
        for word in words:
            assert word in text, f"{statement}: {text}"
        assert "-secret" not in text, text
        assert time.monotonic() - began < 9, f"{statement} took {time.monotonic() - began} s"
        return
    raise AssertionError(f"{statement} was taken")


def source_on(topic, connection="kafka"):
    return (f"CREATE SOURCE refused (n int) FROM KAFKA CONNECTION {connection} (TOPIC '{topic}') "
            "FORMAT JSON ENVELOPE NONE")


def test_create_refuses_what_cannot_work(world):
    server = shared_server(world)
    world.kafka.create_topic("there")
    refused(server, source_on("not_there"), "42704", 'topic "not_there" does not exist')
    server.sql("CREATE CONNECTION nobody TO KAFKA (BROKER '127.0.0.1:1')")
    refused(server, source_on("there", "nobody"), "08006", "Connection refused")
    refused(server, "VALIDATE CONNECTION nobody", "08006", "Connection refused")
    refused(server, "VALIDATE CONNECTION missing", "42704", "missing")
    refused(server, "CREATE CONNECTION x TO KAFKA (BROKERZ '127.0.0.1:1')", "22023", "BROKERZ")
    refused(server, "CREATE CONNECTION x TO KAFKA (BROKER 'b:1', SASL USERNAME 'u', "
            "SASL PASSWORD 'word')", "22023", "must name a secret")
    refused(server, "CREATE SOURCE x (id int PRIMARY KEY, n int) FROM KAFKA CONNECTION kafka "
            "(TOPIC 'there') FORMAT JSON ENVELOPE UPSERT", "22023", "KEY FORMAT")
    refused(server, "CREATE SOURCE x (n int) FROM KAFKA CONNECTION kafka (TOPIC 'there', "
            "START OFFSET (1, 2)) FORMAT JSON", "22023", "has 1")
    refused(server, "CREATE SOURCE x (n int) FROM LOAD GENERATOR COUNTER", "42601", "column list")
    server.sql("VALIDATE CONNECTION kafka")
    assert server.sql("SELECT count(*) FROM qw.source_status") == [(0,)]


def test_credentials_are_checked(world):
    server = shared_server(world)
    server.script(f"""
        CREATE SECRET right_word AS 'bob-secret';
        CREATE SECRET wrong_word AS 'other-secret';
        CREATE CONNECTION bob TO KAFKA (BROKER '{world.kafka.sasl_address}', SASL USERNAME 'bob',
          SASL PASSWORD SECRET right_word);
        CREATE CONNECTION eve TO KAFKA (BROKER '{world.kafka.sasl_address}', SASL USERNAME 'bob',
          SASL PASSWORD SECRET wrong_word);
        CREATE CONNECTION bare TO KAFKA (BROKER '{world.kafka.sasl_address}');
    """)
    world.kafka.create_topic("guarded")
    server.sql("VALIDATE CONNECTION bob")
    refused(server, "VALIDATE CONNECTION eve", "28P01", "refuses the credentials")
    refused(server, source_on("guarded", "eve"), "28P01", "refuses the credentials")
    refused(server, "VALIDATE CONNECTION bare", "08006")
    server.sql("CREATE SOURCE guarded (n int) FROM KAFKA CONNECTION bob (TOPIC 'guarded') "
               "FORMAT JSON ENVELOPE NONE")
    produce(world, "guarded", [(None, '{"n": 7}')])
    server.wait_for("SELECT n FROM guarded", [(7,)])
    shown = server.psql("SELECT * FROM qw.source_status; SHOW CONNECTIONS; SHOW SECRETS; "
                        "SHOW CREATE CONNECTION bob;")
    assert "bob-secret" not in shown, shown


def test_formats_keys_and_headers(world):
    server = shared_server(world)
    world.kafka.create_topic("texts")
    headers = [("trace", b"a\"1"), ("trace", b"2"), ("raw", b"\xff"), ("none", None)]
    to = producer(world)
    to.produce("texts", key="k1", value='1;"a ""b"" c";2.50', headers=headers)
    to.produce("texts", value="2;;")
    to.produce("texts", key="k3", value="x;y;1")
    assert to.flush(30) == 0
    server.script("""
        CREATE SOURCE csv_rows (id int, name text, price numeric(10,2))
          FROM KAFKA CONNECTION kafka (TOPIC 'texts', CSV DELIMITER ';') FORMAT CSV
          INCLUDE HEADERS ENVELOPE NONE;
        CREATE SOURCE text_rows FROM KAFKA CONNECTION kafka (TOPIC 'texts')
          KEY FORMAT TEXT VALUE FORMAT TEXT INCLUDE KEY AS k ENVELOPE NONE;
        CREATE SOURCE byte_rows FROM KAFKA CONNECTION kafka (TOPIC 'texts') FORMAT BYTES;
    """)
    server.wait_for("SELECT id, name, price::text FROM csv_rows ORDER BY id",
                    [(1, 'a "b" c', "2.50"), (2, None, None)])
    server.wait_for('SELECT "offset", error FROM csv_rows_errors',
                    [(2, 'value: column "id": invalid input syntax for type integer: "x"')])
    assert server.sql("SELECT headers::text FROM csv_rows ORDER BY id") == [
        ('[{"key": "trace", "value": "a\\"1"}, {"key": "trace", "value": "2"}, '
         '{"key": "raw", "value": "\\\\xff"}, {"key": "none", "value": null}]',), ("[]",)]
    server.wait_for("SELECT k, data FROM text_rows ORDER BY data",
                    [("k1", '1;"a ""b"" c";2.50'), (None, "2;;"), ("k3", "x;y;1")])
    server.wait_for("SELECT data FROM byte_rows ORDER BY 1 LIMIT 1",
                    [(b'1;"a ""b"" c";2.50',)])


def test_where_reading_starts(world):
    server = shared_server(world)
    world.kafka.create_topic("times", 2)
    to = producer(world)
    for hour in range(10):
        to.produce("times", value=f'{{"n": {hour}}}', partition=hour % 2,
                   timestamp=1_700_000_000_000 + hour * HOUR_MS)
    assert to.flush(30) == 0
    make = ("CREATE SOURCE {0} (n int) FROM KAFKA CONNECTION kafka (TOPIC 'times'{1}) "
            "FORMAT JSON ENVELOPE NONE")
    server.sql(make.format("since", f", START TIMESTAMP {1_700_000_000_000 + 6 * HOUR_MS}"))
    server.sql(make.format("news", ", START OFFSET latest"))
    server.sql(make.format("whole", ""))
    server.wait_for("SELECT n FROM since ORDER BY n", [(6,), (7,), (8,), (9,)])
    server.wait_for("SELECT count(*) FROM whole", [(10,)])
    # "Latest" was when the source was made, also after a crash before the first message.
    server.wait_for("SELECT position FROM qw.source_status WHERE source = 'news'", [("0:5, 1:5",)])
    server.kill9()
    produce(world, "times", [(None, '{"n": 10}')])
    server.start()
    server.wait_for("SELECT n FROM news", [(10,)])
    server.wait_for("SELECT count(*) FROM whole", [(11,)])


def test_new_partitions_are_read_whole(world):
    server = shared_server(world)
    world.kafka.create_topic("grows", 1)
    server.sql("CREATE SOURCE grows (n int) FROM KAFKA CONNECTION kafka (TOPIC 'grows', "
               "START OFFSET latest, PARTITION DISCOVERY INTERVAL '200 ms') FORMAT JSON "
               "INCLUDE PARTITION ENVELOPE NONE")
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.kafka.address})
    for done in admin.create_partitions([confluent_kafka.admin.NewPartitions("grows", 3)]).values():
        done.result(30)
    to = producer(world)
    for n in range(6):
        to.produce("grows", value=f'{{"n": {n}}}', partition=n % 3)
    assert to.flush(30) == 0
    server.wait_for("SELECT n, partition FROM grows ORDER BY n", [(n, n % 3) for n in range(6)])
    server.wait_for("SELECT partition, next_offset, end_offset, lag FROM qw.source_partitions "
                    "WHERE source = 'grows' ORDER BY 1", [(n, 2, 2, 0) for n in range(3)])


def delete_before(world, topic, offset):
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.kafka.address})
    where = confluent_kafka.TopicPartition(topic, 0, offset)
    for done in admin.delete_records([where]).values():
        done.result(30)


def test_lost_messages_stop_the_source_or_not(world):
    server = server_with_connection(world, "lost")
    world.kafka.create_topic("lost")
    produce(world, "lost", [(None, f'{{"n": {n}}}') for n in range(3)])
    make = ("CREATE SOURCE {0} (n int) FROM KAFKA CONNECTION kafka (TOPIC 'lost') FORMAT JSON "
            "ENVELOPE NONE{1}")
    server.sql(make.format("strict", ""))
    server.sql(make.format("lenient", " WITH (ON DATA LOSS = 'continue')"))
    for source in ("strict", "lenient"):
        server.wait_for(f"SELECT count(*) FROM {source}", [(3,)])
    server.stop()
    produce(world, "lost", [(None, f'{{"n": {n}}}') for n in range(3, 8)])
    delete_before(world, "lost", 6)
    server.start()
    server.wait_for("SELECT n FROM lenient ORDER BY n", [(n,) for n in (0, 1, 2, 6, 7)])
    server.wait_for("SELECT state, message LIKE 'messages 3 to 5 of topic \"lost\" partition 0 are "
                    "gone%', hint <> '', last_error LIKE 'messages 3 to 5%', "
                    "last_error_at IS NOT NULL FROM qw.source_status WHERE source = 'strict'",
                    [("failed", True, True, True, True)])
    assert server.sql("SELECT count(*) FROM strict") == [(3,)]  # reads go on
    server.sql("DROP SOURCE strict")
    server.stop()


def test_a_deleted_topic_is_noticed(world):
    server = shared_server(world)
    world.kafka.create_topic("gone")
    server.sql("CREATE SOURCE gone (n int) FROM KAFKA CONNECTION kafka (TOPIC 'gone') FORMAT JSON")
    produce(world, "gone", [(None, '{"n": 1}')])
    server.wait_for("SELECT n FROM gone", [(1,)])
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.kafka.address})
    for done in admin.delete_topics(["gone"]).values():
        done.result(30)
    server.wait_for("SELECT state, message LIKE 'topic \"gone\" does not exist%' "
                    "FROM qw.source_status WHERE source = 'gone'", [("failed", True)])
    assert server.sql("SELECT n FROM gone") == [(1,)]
    server.sql("DROP SOURCE gone")


def recreate(world, topic, values):
    admin = confluent_kafka.admin.AdminClient({"bootstrap.servers": world.kafka.address})
    for done in admin.delete_topics([topic]).values():
        done.result(30)

    def made():
        try:
            world.kafka.create_topic(topic)
            return True
        except Exception:  # the old one is still on its way out
            return False

    harness.peers.wait_until(made, f"topic {topic} anew", 30)
    produce(world, topic, [(None, f'{{"n": {n}}}') for n in values])


def test_a_recreated_topic_is_refused_by_name(world):
    server = server_with_connection(world, "again")
    make = ("CREATE SOURCE {0} (n int) FROM KAFKA CONNECTION kafka (TOPIC '{0}') FORMAT JSON "
            "ENVELOPE NONE{1}")
    topics = ("running_again", "stopped_again", "lenient_again")
    for topic in topics:
        world.kafka.create_topic(topic)
        produce(world, topic, [(None, f'{{"n": {n}}}') for n in range(5)])
        server.sql(make.format(topic, " WITH (ON DATA LOSS = 'continue')" * (topic[0] == "l")))
        server.wait_for(f"SELECT count(*) FROM {topic}", [(5,)])
    recreated = "message LIKE 'topic \"{0}\" was recreated%'"
    # Seen while it is still empty: its end is before what was read.
    empty = "message LIKE 'topic \"{0}\" partition 0 ends at offset 0, before the 5 that was read%'"
    status = "SELECT state, {1} FROM qw.source_status WHERE source = '{0}'"
    either = status.format("running_again", f"{recreated} OR {empty}".format("running_again"))
    # The new topic is longer than what was read, so no offset is missing in it.
    recreate(world, "running_again", range(100, 120))
    server.wait_for(either, [("failed", True)])
    assert server.sql("SELECT count(*), max(n) FROM running_again") == [(5, 4)]
    server.stop()
    recreate(world, "stopped_again", range(100, 120))
    recreate(world, "lenient_again", range(100, 120))
    server.start()
    server.wait_for(status.format("stopped_again", recreated.format("stopped_again")),
                    [("failed", True)])
    assert server.sql("SELECT count(*), max(n) FROM stopped_again") == [(5, 4)]
    server.wait_for("SELECT count(*), min(n), max(n) FROM lenient_again", [(25, 0, 119)])
    # Now it is there whole, and has what the other one had not.
    server.wait_for(status.format("running_again", recreated.format("running_again")),
                    [("failed", True)])
    server.stop()


def test_a_start_beyond_the_end_is_refused(world):
    server = shared_server(world)
    world.kafka.create_topic("short")
    produce(world, "short", [(None, '{"n": 1}')])
    for loss in ("", " WITH (ON DATA LOSS = 'continue')"):
        refused(server, "CREATE SOURCE beyond (n int) FROM KAFKA CONNECTION kafka (TOPIC 'short', "
                f"START OFFSET 2) FORMAT JSON ENVELOPE NONE{loss}", "22023",
                'START OFFSET 2 lies beyond the end of topic "short" partition 0', "offset 1")
    server.sql("CREATE SOURCE beyond (n int) FROM KAFKA CONNECTION kafka (TOPIC 'short', "
               "START OFFSET 1) FORMAT JSON ENVELOPE NONE")
    produce(world, "short", [(None, '{"n": 2}')])
    server.wait_for("SELECT n FROM beyond", [(2,)])
    server.sql("DROP SOURCE beyond")


def test_status_tells_the_truth(world):
    server = shared_server(world)
    world.kafka.create_topic("told", 2)
    server.sql("CREATE SOURCE told (n int) FROM KAFKA CONNECTION kafka (TOPIC 'told') FORMAT JSON "
               "ENVELOPE NONE")
    to = producer(world)
    for n, value in enumerate(['{"n": 1}', "bad", '{"n": 2}', '{"n": 3}']):
        to.produce("told", value=value, partition=n % 2)
    assert to.flush(30) == 0
    status = ("SELECT state, message, position, lag, rows, quarantined, last_commit IS NOT NULL "
              "FROM qw.source_status WHERE source = 'told'")
    server.wait_for(status, [("running", "", "0:2, 1:2", 0, 3, 1, True)])
    open_one = producer(world, transactional_id="held")
    open_one.init_transactions(30)
    open_one.begin_transaction()
    open_one.produce("told", value='{"n": 4}', partition=0)
    open_one.flush(30)
    server.wait_for("SELECT message, lag FROM qw.source_status WHERE source = 'told'",
                    [("partition 0 waits at offset 2 for an open transaction", 1)])
    open_one.commit_transaction(30)
    # The commit's own record counts as an offset, not as a row.
    server.wait_for(status, [("running", "", "0:4, 1:2", 0, 4, 1, True)])
    server.kill9()
    server.start()
    server.wait_for(status.replace(", last_commit IS NOT NULL", ""),
                    [("running", "", "0:4, 1:2", 0, 4, 1)])

    world.kafka.kill9()
    try:
        server.wait_for("SELECT state, message <> '' FROM qw.source_status "
                        "WHERE source = 'told'", [("stalled", True)])
        assert server.sql("SELECT count(*) FROM told") == [(4,)]
    finally:
        world.kafka.start()
    produce(world, "told", [(None, '{"n": 5}')])
    server.wait_for("SELECT count(*) FROM told", [(5,)])
    server.wait_for("SELECT state, message, last_error <> '' FROM qw.source_status "
                    "WHERE source = 'told'", [("running", "", True)])
    server.stop()


if __name__ == "__main__":
    harness.main(globals())
