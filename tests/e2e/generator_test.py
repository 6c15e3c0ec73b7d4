"""Load generators through SQL: what they make, that it is the same each time, and over a kill."""

import psycopg

import harness


def refused(server, statement, code):
    try:
        server.sql(statement)
    except psycopg.Error as error:
        assert error.sqlstate == code, f"{statement}: {error.sqlstate} {error}"
        return str(error)
    raise AssertionError(f"{statement} was taken")


def shared_server(world):
    if not hasattr(world, "generators"):
        world.generators = world.server()
    return world.generators


def test_counter_counts_and_forgets(world):
    server = shared_server(world)
    server.script("""
        CREATE SCHEMA small;
        CREATE SOURCE all_of_them FROM LOAD GENERATOR COUNTER (UP TO 1000, BATCH SIZE 100,
          TICK INTERVAL '1 ms');
        CREATE SOURCE small.last_ones FROM LOAD GENERATOR COUNTER (UP TO 1000, BATCH SIZE 7,
          TICK INTERVAL '1 ms', MAX CARDINALITY 10);
        CREATE MATERIALIZED VIEW total AS SELECT count(*) AS n, sum(counter) AS s FROM counter;
        CREATE MATERIALIZED VIEW small.total AS SELECT count(*) AS n, min(counter) AS low
          FROM small.counter;
    """)
    server.wait_for("SELECT n, s FROM total", [(1000, 500_500)])
    server.wait_for("SELECT n, low FROM small.total", [(10, 991)])
    assert server.sql("SELECT count(*), max(counter) FROM small.counter") == [(10, 1000)]
    server.wait_for("SELECT schema, source, state, position, rows FROM qw.source_status ORDER BY 1",
                    [("public", "all_of_them", "done", "event 1000", 1000),
                     ("small", "last_ones", "done", "event 1000", 10)])


def test_auction_house_is_consistent(world):
    server = shared_server(world)
    server.sql("CREATE SOURCE house FROM LOAD GENERATOR AUCTION (UP TO 1101, BATCH SIZE 50, "
               "TICK INTERVAL '1 ms') FOR ALL TABLES")
    server.wait_for("SELECT count(*) FROM bids", [(1000,)])
    assert server.sql("SELECT count(*) FROM auctions") == [(100,)]
    assert server.sql("""SELECT count(*) FROM bids b JOIN auctions a ON a.id = b.auction_id
        JOIN users u ON u.id = b.buyer JOIN organizations o ON o.id = u.org_id
        JOIN accounts c ON c.org_id = o.id""") == [(1000,)]


def nexmark_sums(server, schema):
    return server.sql(f"""SELECT (SELECT count(*) FROM {schema}.person),
        (SELECT sum(seller) FROM {schema}.auction), (SELECT sum(price) FROM {schema}.bid),
        (SELECT max(ts) FROM {schema}.bid), (SELECT count(DISTINCT channel) FROM {schema}.bid)""")


def test_nexmark_is_the_same_for_a_seed(world):
    server = shared_server(world)
    for name, options in [("a", "SEED 7"), ("b", "SEED 7, BATCH SIZE 333"), ("c", "SEED 8")]:
        server.sql(f"CREATE SCHEMA {name}")
        server.sql(f"CREATE SOURCE {name}.n FROM LOAD GENERATOR NEXMARK (UP TO 50000, {options}, "
                   "START TIME '2026-01-01', EVENT RATE 10000)")
    for name in "abc":
        server.wait_for(f"SELECT count(*) FROM {name}.bid", [(46_000,)])
        server.wait_for(f"SELECT count(*) FROM {name}.auction", [(3_000,)])
    assert nexmark_sums(server, "a") == nexmark_sums(server, "b")
    assert nexmark_sums(server, "a") != nexmark_sums(server, "c")
    assert server.sql("SELECT max(ts)::text FROM a.bid") == [("2026-01-01 00:00:04.9999",)]


def test_proctime_is_when_a_row_came_and_stays(world):
    server = world.server(data="proctime")
    server.sql("CREATE SOURCE n FROM LOAD GENERATOR NEXMARK (UP TO 50000) INCLUDE PROCTIME AS seen")
    server.wait_for("SELECT count(*) FROM bid", [(46_000,)])
    times = "SELECT min(seen)::text, max(seen)::text FROM bid"
    kept = server.sql(times)
    assert server.sql("SELECT max(seen) <= now() AND min(seen) > now() - interval '1 hour' "
                      "FROM bid") == [(True,)]
    server.restart()
    assert server.sql(times) == kept
    refused(server, "CREATE SOURCE x FROM LOAD GENERATOR COUNTER INCLUDE PARTITION", "42601")
    server.stop()


def test_mistakes_are_named(world):
    server = shared_server(world)
    refused(server, "CREATE SOURCE x FROM LOAD GENERATOR TIDE", "0A000")
    said = refused(server, "CREATE SOURCE x FROM LOAD GENERATOR COUNTER (RATES 5)", "22023")
    assert "RATES" in said and "RATE" in said, said
    refused(server, "CREATE SOURCE x FROM LOAD GENERATOR NEXMARK (HOT CHANNEL RATIO 2)", "22023")
    refused(server, "CREATE SOURCE x FROM LOAD GENERATOR COUNTER FORMAT JSON", "42601")
    refused(server, "CREATE SOURCE all_of_them FROM LOAD GENERATOR COUNTER", "42710")
    said = refused(server, "CREATE SOURCE other FROM LOAD GENERATOR COUNTER", "42P07")
    assert "counter" in said, said
    refused(server, "INSERT INTO counter VALUES (1)", "42809")
    said = refused(server, "DROP SOURCE all_of_them", "2BP01")
    server.sql("DROP SOURCE all_of_them CASCADE")
    refused(server, "SELECT * FROM counter", "42P01")


def test_killed_and_started_it_goes_on_where_it_was(world):
    server = world.server(data="generator")
    server.script("""
        CREATE SOURCE s FROM LOAD GENERATOR NEXMARK (RATE 200000, UP TO 200000, SEED 1);
        CREATE MATERIALIZED VIEW v AS SELECT channel, count(*) AS n, sum(price) AS price
          FROM bid GROUP BY channel;
    """)
    for _ in range(5):
        harness.time.sleep(0.1)
        server.kill9()
        server.start()
    server.wait_for("SELECT state FROM qw.source_status", [("done",)])
    server.wait_for("SELECT sum(n) FROM v", [(184_000,)])
    assert server.sql("SELECT count(*), count(DISTINCT (auction, bidder, price, ts)) "
                      "FROM bid")[0][0] == 184_000
    assert server.sql("SELECT count(*) FROM (SELECT channel, count(*) AS n, sum(price) AS price "
                      "FROM bid GROUP BY channel EXCEPT SELECT * FROM v) d") == [(0,)]
    server.stop()


def test_killed_first_rows_come_back_from_the_view(world):
    """A state that is its view's output has no log of its own."""
    server = world.server(data="first")
    views = {
        "best": "SELECT ts, price, extra, auction, rn FROM (SELECT *, row_number() OVER "
                "(PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) x WHERE rn <= 3",
        "latest": "SELECT * FROM (SELECT DISTINCT ON (bidder, auction) bidder, auction, ts, price, "
                  "channel, url, extra FROM bid ORDER BY bidder, auction, ts DESC) x",
        "winner": "SELECT id, item_name, price FROM (SELECT a.id, a.item_name, b.price, "
                  "row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.ts) AS rn FROM "
                  "auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires) x "
                  "WHERE rn <= 1",
        "priciest": "SELECT price FROM bid ORDER BY price DESC LIMIT 20",
    }
    server.script("CREATE SOURCE s FROM LOAD GENERATOR NEXMARK (RATE 200000, UP TO 200000, SEED 1);"
                  + "".join(f"CREATE MATERIALIZED VIEW {name} AS {query};"
                            for name, query in views.items()))
    for _ in range(5):
        harness.time.sleep(0.1)
        server.kill9()
        server.start()
    server.wait_for("SELECT state FROM qw.source_status", [("done",)])
    server.wait_for("SELECT count(*) FROM bid", [(184_000,)])
    for name, query in views.items():
        assert server.sql(f"SELECT count(*) > 0 FROM {name}") == [(True,)], name
        for one, other in ((query, f"TABLE {name}"), (f"TABLE {name}", query)):
            assert server.sql(f"SELECT count(*) FROM (({one}) EXCEPT ALL ({other})) d") == [(0,)], (
                name)
    server.stop()


def test_the_demo_runs_and_survives_a_restart(world):
    server = world.server("--demo", data="demo")
    views = ["bids_per_channel", "auctions_by_category", "sellers_by_state"]
    for view in views:
        server.wait_for(f"SELECT count(*) > 0 FROM demo.{view}", [(True,)])
    before = server.sql("SELECT count(*) FROM demo.bid")[0][0]
    server.restart()
    assert sorted(row[1] for row in server.sql("SHOW MATERIALIZED VIEWS")) == sorted(views)
    server.wait_for(f"SELECT count(*) > {before} FROM demo.bid", [(True,)])
    server.stop()


if __name__ == "__main__":
    harness.main(globals())
