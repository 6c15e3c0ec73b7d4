"""Nexmark's queries over a small fixed stream, for generate.py. (tidy: table)

TUMBLE and HOP are no functions of PostgreSQL; `for_postgres` writes them as the subqueries they
stand for.
"""

import re

TABLES = [
    "CREATE TABLE person (id bigint PRIMARY KEY, name text, email text, credit_card text, city text, state text, ts timestamp, extra text)",
    "CREATE TABLE auction (id bigint PRIMARY KEY, item_name text, description text, initial_bid bigint, reserve bigint, ts timestamp, "
    "expires timestamp, seller bigint, category bigint, extra text)",
    "CREATE TABLE bid (auction bigint, bidder bigint, price bigint, channel text, url text, ts timestamp, extra text)",
    "CREATE TABLE side (key bigint PRIMARY KEY, value text)",
]
CHANGES = [
    "INSERT INTO person SELECT g, 'p' || g, 'e' || g, 'c', 'city' || g % 3, (ARRAY['OR', 'ID', 'CA', 'WA'])[g % 4 + 1], "
    "timestamp '2024-01-01 07:59:50' + g * interval '3 s', 'x' FROM generate_series(1, 12) g",
    "INSERT INTO auction SELECT g, 'i' || g, 'd', g, g * 2, timestamp '2024-01-01 07:59:50' + g * interval '1 s', "
    "timestamp '2024-01-01 07:59:50' + g * interval '1 s' + interval '20 s', g % 8 + 1, 10 + g % 3, 'x' FROM generate_series(1, 25) g",
    "INSERT INTO bid SELECT g * 7 % 25 + 1, g % 5, g::bigint * 7919 % 3000000 * 31 % 60000000 + g, (ARRAY['Google', 'Apple', 'channel-1', 'channel-2'])[g % 4 + 1], "
    "'https://www.nexmark.com/a/b/item.htm?query=1' || CASE WHEN g % 3 = 0 THEN '&channel_id=' || g ELSE '' END, "
    "timestamp '2024-01-01 07:59:50' + g * interval '0.31 s', 'abcc' || g FROM generate_series(1, 60) g",
    "INSERT INTO side SELECT g, 'v' || g FROM generate_series(0, 20) g",
    "DELETE FROM bid WHERE bidder = 2 AND price % 2 = 0",
    "UPDATE auction SET category = 10 WHERE id % 4 = 0",
    "INSERT INTO bid VALUES (3, 4, 59000000, 'baidu', 'x/y/z/1/2/3', '2024-01-01 08:00:03', 'ccc')",
]
COUNTS = ("count(*) AS n, count(*) FILTER (WHERE price < 10000) AS n1, count(*) FILTER (WHERE price >= 10000 AND price < 1000000) AS n2, "
          "count(*) FILTER (WHERE price >= 1000000) AS n3")
DISTINCT = ", ".join(
    f"count(DISTINCT {x}) AS {x}s, count(DISTINCT {x}) FILTER (WHERE price < 10000) AS {x}s1, "
    f"count(DISTINCT {x}) FILTER (WHERE price >= 10000 AND price < 1000000) AS {x}s2, count(DISTINCT {x}) FILTER (WHERE price >= 1000000) AS {x}s3"
    for x in ("bidder", "auction"))
DAY = "to_char(ts, 'YYYY-MM-DD')"
HOPS = "FROM HOP(bid, ts, INTERVAL '2 s', INTERVAL '10 s') GROUP BY auction, window_start, window_end"
CHANNEL = "substring(url FROM '(?:&|^)channel_id=([^&]*)')"
WINNERS = ("row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.ts) AS rn FROM auction a "
           "JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires")
QUERIES = [
    "SELECT auction, bidder, price, ts, extra FROM bid",
    "SELECT auction, bidder, 0.908 * price AS price, ts, extra FROM bid",
    "SELECT auction, price FROM bid WHERE mod(auction, 6) = 0",
    "SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')",
    "SELECT category, avg(final) FROM (SELECT max(b.price) AS final, a.category FROM auction a JOIN bid b ON a.id = b.auction "
    "AND b.ts BETWEEN a.ts AND a.expires GROUP BY a.id, a.category) q GROUP BY category",
    f"SELECT c.auction, c.num, c.window_start FROM (SELECT auction, count(*) AS num, window_start, window_end {HOPS}) c "
    f"JOIN (SELECT max(num) AS maxn, window_start, window_end FROM (SELECT count(*) AS num, window_start, window_end {HOPS}) x "
    "GROUP BY window_start, window_end) m ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.maxn",
    "SELECT seller, avg(price) OVER (PARTITION BY seller ORDER BY ts ROWS BETWEEN 10 PRECEDING AND CURRENT ROW) "
    f"FROM (SELECT a.seller, b.price, b.ts, {WINNERS}) x WHERE rn <= 1",
    "SELECT b.auction, b.price, b.bidder, b.ts, b.extra FROM bid b JOIN (SELECT max(price) AS maxprice, window_end "
    "FROM TUMBLE(bid, ts, INTERVAL '10 s') GROUP BY window_start, window_end) m ON b.price = m.maxprice "
    "WHERE b.ts BETWEEN m.window_end - INTERVAL '10 s' AND m.window_end",
    "SELECT p.id, p.name, p.window_start FROM (SELECT DISTINCT id, name, window_start, window_end FROM TUMBLE(person, ts, INTERVAL '10 s')) p "
    "JOIN (SELECT DISTINCT seller, window_start, window_end FROM TUMBLE(auction, ts, INTERVAL '10 s')) a "
    "ON p.id = a.seller AND p.window_start = a.window_start AND p.window_end = a.window_end",
    "SELECT id, item_name, description, initial_bid, reserve, ts, expires, seller, category, extra, auction, bidder, price, bid_ts, bid_extra "
    f"FROM (SELECT a.*, b.auction, b.bidder, b.price, b.ts AS bid_ts, b.extra AS bid_extra, {WINNERS}) x WHERE rn <= 1",
    "SELECT b.auction, b.bidder, b.price, b.ts, s.value FROM bid b JOIN side s ON mod(b.auction, 10000) = s.key",
    "SELECT auction, bidder, 0.908 * price AS price, CASE WHEN extract(hour FROM ts) BETWEEN 8 AND 18 THEN 'dayTime' "
    "WHEN extract(hour FROM ts) <= 6 OR extract(hour FROM ts) >= 20 THEN 'nightTime' ELSE 'otherTime' END AS kind, ts, extra, "
    "length(extra) - length(replace(extra, 'c', '')) AS c FROM bid WHERE 0.908 * price > 1000000 AND 0.908 * price < 50000000",
    f"SELECT {DAY} AS day, {COUNTS}, {DISTINCT} FROM bid GROUP BY {DAY}",
    f"SELECT channel, {DAY} AS day, max(to_char(ts, 'HH24:MI')) AS minute, {COUNTS}, {DISTINCT} FROM bid GROUP BY channel, {DAY}",
    f"SELECT auction, {DAY} AS day, {COUNTS}, min(price) AS lo, max(price) AS hi, avg(price) AS mean, sum(price) AS total FROM bid GROUP BY auction, {DAY}",
    "SELECT auction, bidder, price, channel, url, ts, extra FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY ts DESC) AS rn FROM bid) q WHERE rn <= 1",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) q WHERE rn <= 10",
    "SELECT b.auction, b.bidder, b.price, b.channel, b.url, b.ts AS bid_ts, b.extra AS bid_extra, a.* FROM bid b JOIN auction a ON b.auction = a.id WHERE a.category = 10",
    "SELECT auction, bidder, price, channel, CASE lower(channel) WHEN 'apple' THEN '0' WHEN 'google' THEN '1' WHEN 'facebook' THEN '2' WHEN 'baidu' THEN '3' "
    f"ELSE {CHANNEL} END AS channel_id FROM bid WHERE lower(channel) IN ('apple', 'google', 'facebook', 'baidu') OR {CHANNEL} IS NOT NULL",
    "SELECT auction, bidder, price, channel, split_part(url, '/', 4) AS dir1, split_part(url, '/', 5) AS dir2, split_part(url, '/', 6) AS dir3 FROM bid",
]


def for_postgres(sql):
    sql = re.sub(
        r"TUMBLE\((\w+), ts, (INTERVAL '[^']*')\)",
        r"(SELECT *, date_bin(\2, ts, '2000-01-01') AS window_start, date_bin(\2, ts, '2000-01-01') + \2 AS window_end FROM \1) AS tumbled", sql)
    return re.sub(
        r"HOP\((\w+), ts, (INTERVAL '[^']*'), (INTERVAL '[^']*')\)",
        r"(SELECT r.*, w AS window_start, w + \3 AS window_end FROM \1 r, generate_series(date_bin(\2, ts, '2000-01-01') - \3 + \2, "
        r"date_bin(\2, ts, '2000-01-01'), \2) AS w) AS hopped", sql)
