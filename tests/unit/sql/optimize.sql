SELECT name FROM person WHERE id = 5
SELECT name FROM person WHERE id = 5 AND city = 'x'
SELECT * FROM acc WHERE aid = $1
SELECT bal FROM acc WHERE bid = 3 AND bal > 10
SELECT bal FROM acc WHERE aid >= 10 AND aid < 20 ORDER BY aid LIMIT 5
SELECT name FROM person WHERE id IN (7, 3, 7, NULL)
SELECT bal FROM acc WHERE bid IN (3, 4) AND bal > 10
SELECT bal FROM acc WHERE aid IN (3, 4) AND bid = 5
SELECT bal FROM acc WHERE aid NOT IN (3, 4)
SELECT name FROM person WHERE id = ANY ($1)
SELECT name FROM person WHERE id = ANY ($1::smallint[]) AND city = 'x'
SELECT name FROM person WHERE id IN ($1, $2, 5)
SELECT name FROM person WHERE id = 1 OR city = 'x'
SELECT name FROM person WHERE id = ALL ($1)
SELECT bal FROM acc WHERE bid = ANY (ARRAY[3, 4])
SELECT bal FROM acc WHERE aid = ANY ($1::bigint[])
SELECT bal FROM acc WHERE aid BETWEEN 10 AND 20 AND bid = ANY ($1)
SELECT bal FROM acc WHERE aid BETWEEN 10 AND 20 AND bid IN (3, 4)
SELECT bal FROM acc WHERE bid BETWEEN 10 AND 20 AND aid = ANY ($1)
SELECT bal FROM acc WHERE aid BETWEEN 10 AND 20 AND aid = ANY ($1)
SELECT bal FROM acc WHERE bid > 10 AND bid = ANY ($1)
SELECT 1 + 1 AS two, NULL::int IS NULL
SELECT a.aid FROM acc a, acc b WHERE a.aid = b.bid AND b.bal > 5
VIEW SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')
VIEW PROPERTIES SELECT category, avg(final) FROM (SELECT max(b.price) AS final, a.category FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires GROUP BY a.id, a.category) q GROUP BY category
VIEW SELECT id, item, price FROM (SELECT a.*, b.price, row_number() OVER (PARTITION BY a.id ORDER BY b.price DESC, b.ts) AS rn FROM auction a JOIN bid b ON a.id = b.auction AND b.ts BETWEEN a.ts AND a.expires) x WHERE rn <= 1
VIEW PROPERTIES SELECT auction, price FROM (SELECT *, row_number() OVER (PARTITION BY bidder, auction ORDER BY ts DESC) AS rn FROM bid) q WHERE rn <= 1
VIEW SELECT b.auction, b.price FROM bid b JOIN (SELECT max(price) AS maxprice, window_end FROM tumble(bid, ts, interval '10 s') GROUP BY window_start, window_end) m ON b.price = m.maxprice WHERE b.ts BETWEEN m.window_end - interval '10 s' AND m.window_end
VIEW SELECT DISTINCT ON (auction) auction, price FROM bid ORDER BY auction, price DESC
VIEW SELECT auction, price FROM bid ORDER BY price DESC LIMIT 10
VIEW SELECT p.name FROM person p LEFT JOIN auction a ON a.seller = p.id WHERE a.category = 1
VIEW SELECT p.name, a.item FROM person p LEFT JOIN auction a ON a.seller = p.id AND a.category = 1 WHERE p.city = 'x'
VIEW SELECT p.name, a.item FROM person p FULL JOIN auction a ON a.seller = p.id WHERE p.city = 'x'
VIEW SELECT p.name, a.item FROM person p RIGHT JOIN auction a ON a.seller = p.id
VIEW SELECT name FROM person p WHERE EXISTS (SELECT 1 FROM auction a WHERE a.seller = p.id AND a.category = 2)
VIEW SELECT name FROM person p WHERE EXISTS (SELECT 1 FROM auction a WHERE a.seller = p.id AND a.category > p.id AND a.id > 5)
VIEW SELECT aid FROM acc a WHERE NOT EXISTS (SELECT 1 FROM acc b WHERE b.bid = a.bid AND a.bal < b.bal)
SELECT aid FROM acc a WHERE EXISTS (SELECT 1 FROM acc b WHERE a.bal >= b.bal)
VIEW SELECT name FROM person WHERE id NOT IN (SELECT seller FROM auction)
VIEW SELECT name FROM person WHERE id IN (SELECT seller FROM auction WHERE category = 1)
VIEW SELECT name, (SELECT count(*) FROM auction a WHERE a.seller = p.id) AS n FROM person p
VIEW SELECT name, (SELECT max(price) + 1 FROM bid b WHERE b.bidder = p.id) AS m FROM person p
VIEW SELECT item, (SELECT name FROM person p WHERE p.id = a.seller) AS seller FROM auction a
VIEW SELECT item FROM auction a WHERE category > (SELECT avg(category) FROM auction)
VIEW SELECT p.name, top.price FROM person p, LATERAL (SELECT price FROM bid b WHERE b.bidder = p.id ORDER BY price DESC LIMIT 2) AS top
VIEW SELECT p.name, (SELECT count(*) FROM bid b WHERE b.price > p.id) AS n FROM person p
VIEW SELECT (SELECT price FROM bid b WHERE b.bidder = p.id) FROM person p
SELECT (SELECT price FROM bid b WHERE b.bidder = p.id) AS p FROM person p
VIEW SELECT a.auction, b.auction FROM bid a, person p, bid b WHERE a.bidder = p.id AND p.id = b.bidder
VIEW WITH q AS (SELECT auction, count(*) AS n FROM bid GROUP BY auction) SELECT x.auction FROM q x JOIN q y ON x.n = y.n WHERE x.auction > 5
VIEW SELECT state, count(*) FROM person GROUP BY state HAVING state <> 'OR' AND count(*) > 1
VIEW SELECT auction FROM bid UNION ALL SELECT id FROM auction
VIEW SELECT * FROM (SELECT auction AS k FROM bid UNION SELECT id FROM auction) q WHERE k = 1
VIEW SELECT DISTINCT id, name FROM person
VIEW PROPERTIES SELECT window_start, count(*) FROM tumble(bid, ts, interval '10 s') GROUP BY window_start, window_end
VIEW SELECT now(), name FROM person
VIEW SELECT count(*) FROM bid
VIEW SELECT id FROM person WHERE false
SELECT g, name FROM person, generate_series(1, id) AS g
SELECT * FROM acc, bid WHERE acc.aid = bid.auction AND acc.bal = 5
VIEW SELECT bidder FROM bid WHERE bidder IN (SELECT aid FROM acc)
VIEW SELECT * FROM acc a JOIN acc b ON a.aid + 1 = b.aid
VIEW SELECT auction FROM bid WHERE EXISTS (SELECT 1 FROM acc WHERE acc.aid = bid.bidder)
VIEW SELECT auction FROM bid WHERE price > (SELECT avg(bal) FROM acc WHERE acc.aid = bid.bidder)
VIEW SELECT x FROM (SELECT auction AS x, price FROM bid UNION ALL SELECT aid, bal FROM acc) q WHERE x > 5
VIEW SELECT auction, rn FROM (SELECT *, row_number() OVER (PARTITION BY auction ORDER BY price DESC) AS rn FROM bid) q WHERE rn <= 10
VIEW SELECT auction FROM (SELECT *, row_number() OVER (ORDER BY price) AS rn FROM bid) q WHERE 3 >= rn AND price > 7
VIEW SELECT auction FROM (SELECT *, rank() OVER (PARTITION BY auction ORDER BY price) AS r FROM bid) q WHERE r = 1
VIEW SELECT auction, r FROM (SELECT *, rank() OVER (PARTITION BY auction ORDER BY price) AS r FROM bid) q WHERE r < 4
VIEW SELECT auction, r FROM (SELECT *, dense_rank() OVER (PARTITION BY auction ORDER BY price) AS r FROM bid) q WHERE r < 2
VIEW SELECT auction, r FROM (SELECT *, dense_rank() OVER (PARTITION BY auction ORDER BY price) AS r FROM bid) q WHERE r < 3
VIEW SELECT state, city, count(*) FROM person GROUP BY ROLLUP (state, city)
VIEW SELECT p.id, ARRAY(SELECT price FROM bid b WHERE b.bidder = p.id ORDER BY ts) AS prices FROM person p
VIEW SELECT jsonb_agg(name ORDER BY id) FROM person
SELECT a, b FROM unnest(ARRAY[1, 2], ARRAY['x']) AS t(a, b)
VIEW PROPERTIES SELECT a.id, p.name FROM auction a JOIN person p ON p.id = a.seller
VIEW PROPERTIES SELECT DISTINCT auction FROM bid
VIEW SELECT p.name, a.item FROM person p LEFT JOIN auction a ON a.seller = p.id WHERE a.category > 3 OR a.item = 'x'
VIEW SELECT p.name FROM person p WHERE p.city IS NULL AND 1 = 1
VIEW SELECT name FROM person p WHERE EXISTS (SELECT 1 FROM auction a JOIN bid b ON b.auction = a.id WHERE a.seller = p.id)
VIEW SELECT id FROM person EXCEPT SELECT seller FROM auction
VIEW PROPERTIES SELECT b.auction, b.price FROM bid b JOIN (SELECT max(price) AS maxprice, window_end FROM tumble(bid, ts, interval '10 s') GROUP BY window_start, window_end) m ON b.price = m.maxprice WHERE b.ts BETWEEN m.window_end - interval '10 s' AND m.window_end
VIEW SELECT c.auction, c.num FROM (SELECT auction, count(*) AS num, window_start, window_end FROM hop(bid, ts, interval '2 s', interval '10 s') GROUP BY auction, window_start, window_end) c JOIN (SELECT max(num) AS maxn, window_start, window_end FROM (SELECT count(*) AS num, window_start, window_end FROM hop(bid, ts, interval '2 s', interval '10 s') GROUP BY auction, window_start, window_end) n GROUP BY window_start, window_end) m ON c.window_start = m.window_start AND c.window_end = m.window_end AND c.num >= m.maxn
VIEW SELECT b.bidder, m.low FROM bid b JOIN (SELECT auction, min(price) AS low FROM bid GROUP BY auction) m ON b.auction = m.auction AND m.low = b.price
VIEW PROPERTIES SELECT a.item, m.low FROM auction a JOIN (SELECT auction, min(price) AS low FROM bid GROUP BY auction) m ON a.id = m.auction AND a.category <= m.low
VIEW SELECT a.aid, m.top FROM acc a JOIN (SELECT bid, max(bal) AS top FROM acc GROUP BY bid) m ON a.bid = m.bid AND a.bal > m.top
VIEW SELECT auction, count(price), window_end FROM hop(bid, ts, interval '5 s', interval '10 s') GROUP BY auction, window_end
VIEW SELECT max(window_end), auction FROM hop(bid, ts, interval '5 s', interval '10 s') GROUP BY auction, window_start
VIEW SELECT a.id, w.n FROM auction a JOIN (SELECT window_start, window_end, count(*) AS n FROM tumble(bid, ts, interval '1 minute') GROUP BY window_start, window_end) w ON a.ts >= w.window_start AND a.ts < w.window_end
VIEW PROPERTIES SELECT auction, n FROM (SELECT auction, n, row_number() OVER (ORDER BY n DESC) AS r FROM (SELECT auction, count(*) AS n, max(price) FROM bid GROUP BY auction) c) q WHERE r <= 3
VIEW PROPERTIES SELECT bidder, n FROM (SELECT bidder, n, row_number() OVER (ORDER BY n DESC) AS r FROM (SELECT bidder, count(*) AS n, sum(price) AS s FROM bid GROUP BY bidder) c WHERE s > 0) q WHERE r <= 3
