-- Names
SELECT a, b FROM t
SELECT * FROM t
SELECT t.*, u.x FROM t, u
SELECT t.a AS one, u.a two FROM t JOIN u ON t.a = u.a
SELECT nosuch FROM t
SELECT bb FROM t
SELECT t.nosuch FROM t
SELECT q.a FROM t
SELECT t.a FROM t AS r
SELECT a FROM t, u
SELECT a FROM nosuch
SELECT a FROM nosuch.t
SELECT * FROM t, t
SELECT * FROM t JOIN u USING (a)
SELECT * FROM t NATURAL JOIN u
SELECT a FROM t JOIN u USING (a)
SELECT t.a, u.a, a FROM t FULL JOIN u USING (a)
SELECT * FROM t JOIN u USING (nosuch)
SELECT j.a FROM (t JOIN u USING (a)) AS j
SELECT t.a FROM (t JOIN u USING (a)) AS j
SELECT x.p FROM (SELECT a AS p FROM t) AS x
SELECT p FROM (SELECT a, b FROM t) AS x (p, q)
SELECT p FROM (SELECT a FROM t) AS x (p, q)
SELECT ub FROM v
SELECT * FROM v WHERE a = 1
SELECT (SELECT t.b) FROM t
SELECT (SELECT u.x FROM u WHERE u.a = t.a) FROM t
SELECT * FROM t, (SELECT t.a) AS q
SELECT * FROM t, LATERAL (SELECT t.a AS la) AS q
SELECT *
-- Output names
SELECT 1, 'a', 1.5, true, NULL
SELECT a + 1, -a, a::text, upper(b), a IS NULL FROM t
SELECT CASE WHEN a = 1 THEN 2 END, CASE a WHEN 1 THEN b ELSE b END FROM t
SELECT coalesce(a, 1), nullif(a, 1), greatest(a, 2), least(a, 2) FROM t
SELECT EXISTS (SELECT 1), ARRAY[1, 2], ARRAY(SELECT a FROM t), (SELECT max(a) FROM t)
SELECT current_date, current_timestamp, current_user
SELECT count(*), sum(a), avg(a), min(b), max(c), sum(e), sum(f), avg(f), sum(c) FROM t
SELECT '1'::int, 'x'::varchar(3), 1::numeric(5,1), CAST(a AS bigint) FROM t
-- Types
SELECT 1 + 1.5, 1 + 2::bigint, 1::smallint + 1::smallint, 1.5 * 2, 7 / 2, 7 % 2
SELECT 2147483648, 9223372036854775808, 1e10
SELECT a || 'x', 'x' || 'y', b || b FROM t
SELECT a = '5', '5' = a, c > 1, e = a FROM t
SELECT a = 'x' FROM t
SELECT b + 1 FROM t
SELECT b = 1 FROM t
SELECT a + b FROM t
SELECT a FROM t WHERE a
SELECT a FROM t WHERE b
SELECT a FROM t WHERE 'true'
SELECT -b FROM t
SELECT nosuch(a) FROM t
SELECT upper(a) FROM t
SELECT substr(b, 'x') FROM t
SELECT a IN (1, 2, 3), a IN (1, 2.5), b IN ('x', NULL), a NOT IN (1) FROM t
SELECT a IN ('x') FROM t
SELECT a BETWEEN 1 AND 2.5 FROM t
SELECT b LIKE 'x%', b ILIKE 'x', b ~ 'x' FROM t
SELECT a = ANY (ARRAY[1, 2]), a = ANY ('{1,2}'), a < ALL (ARRAY[1]) FROM t
SELECT a = ANY (1) FROM t
SELECT (a, b) = (1, 'x'), (a, c) < (1, 2) FROM t
SELECT (a, b) = (1) FROM t
SELECT CASE WHEN a = 1 THEN 1 ELSE 2.5 END, CASE WHEN true THEN 'x' ELSE b END FROM t
SELECT CASE WHEN a = 1 THEN 1 ELSE b END FROM t
SELECT coalesce(a, 'x') FROM t
SELECT coalesce(a, b) FROM t
SELECT CASE a WHEN 'x' THEN 1 END FROM t
SELECT ARRAY[1, 2.5], ARRAY['a', 'b'], ARRAY[]::int[]
SELECT ARRAY[]
SELECT ARRAY[1, b] FROM t
SELECT a::nosuch FROM t
SELECT a::numeric(0) FROM t
SELECT a::boolean, c::int, f::numeric FROM t
SELECT d::int FROM t
SELECT 'abc'::int
SELECT '12x'::int + 1
SELECT x, x || 'y' FROM u
SELECT z, z[1] FROM u
SELECT a[1] FROM t
SELECT a IS DISTINCT FROM 1, a IS NOT DISTINCT FROM NULL, a = 1 IS TRUE FROM t
SELECT a IS TRUE FROM t
SELECT NOT a FROM t
SELECT b COLLATE "C" FROM t
SELECT a COLLATE "C" FROM t
-- Grouping
SELECT a, count(*) FROM t GROUP BY a
SELECT b, count(*) FROM t GROUP BY 1
SELECT b AS g, count(*) FROM t GROUP BY g
SELECT a, b FROM t GROUP BY a
SELECT b, a FROM t GROUP BY b
SELECT b, count(*) FROM t
SELECT a + 1, sum(e) FROM t GROUP BY a + 1
SELECT a + 2 FROM m, t GROUP BY m.k
SELECT count(*) FROM t HAVING sum(a) > 1
SELECT a FROM t HAVING a > 1
SELECT count(*) FROM t GROUP BY 3
SELECT count(*) FROM t GROUP BY 'x'
SELECT count(*) FROM t GROUP BY count(*)
SELECT count(*) AS n FROM t GROUP BY n
SELECT a FROM t WHERE count(*) > 1
SELECT a FROM t JOIN u ON sum(t.a) > 1
SELECT sum(sum(a)) FROM t
SELECT sum(b) FROM t
SELECT count(DISTINCT a), sum(DISTINCT c) FILTER (WHERE b = 'x') FROM t
SELECT string_agg(b, ',' ORDER BY a), array_agg(a) FROM t
SELECT string_agg(DISTINCT b, ',' ORDER BY a) FROM t
SELECT lower(DISTINCT b) FROM t
SELECT count() FROM t
SELECT b, (SELECT max(u.a) FROM u WHERE u.a = t.e) FROM t GROUP BY b
SELECT b, (SELECT max(u.x) FROM u WHERE u.x = t.b) FROM t GROUP BY b
-- Order, distinct, limit
SELECT a FROM t ORDER BY b
SELECT a AS b FROM t ORDER BY b
SELECT a FROM t ORDER BY 2
SELECT a FROM t ORDER BY 'x'
SELECT a, b AS a FROM t ORDER BY a
SELECT DISTINCT a FROM t ORDER BY b
SELECT DISTINCT a FROM t ORDER BY a
SELECT DISTINCT ON (b) a, b FROM t ORDER BY b, c
SELECT DISTINCT ON (b) a, b FROM t ORDER BY a
SELECT a FROM t LIMIT 10 OFFSET 5
SELECT a FROM t LIMIT 'x'
SELECT a FROM t LIMIT a
SELECT a FROM t LIMIT true
-- Set operations, VALUES, WITH
SELECT a FROM t UNION SELECT e FROM t
SELECT a, b FROM t UNION ALL SELECT 1, 'x'
SELECT 1 UNION SELECT 'x'
SELECT NULL UNION SELECT 1
SELECT a FROM t UNION SELECT b FROM t
SELECT a FROM t UNION SELECT a, b FROM t
SELECT a FROM t EXCEPT SELECT a FROM u ORDER BY a
SELECT a FROM t UNION SELECT a FROM u ORDER BY a + 1
SELECT a FROM t INTERSECT SELECT a FROM u LIMIT 1
VALUES (1, 'a'), (2, NULL)
VALUES (1), (2, 3)
VALUES (1), ('x')
SELECT * FROM (VALUES (1, 'a')) AS q (n, s)
WITH q AS (SELECT a FROM t) SELECT * FROM q, q r
WITH q (z) AS (SELECT a FROM t) SELECT z FROM q
WITH q AS (SELECT a FROM t), q AS (SELECT 1) SELECT * FROM q
WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r
TABLE m
-- Subqueries
SELECT a FROM t WHERE a IN (SELECT a FROM u)
SELECT a FROM t WHERE a IN (SELECT a, y FROM u)
SELECT a FROM t WHERE (a, d) IN (SELECT a FROM u)
SELECT a FROM t WHERE a > ALL (SELECT a FROM u)
SELECT (SELECT a, b FROM t)
SELECT a FROM t WHERE EXISTS (SELECT * FROM u WHERE u.a = t.a)
-- Windows
SELECT a, row_number() OVER (PARTITION BY b ORDER BY a) FROM t
SELECT sum(a) OVER (ORDER BY a), rank() OVER w FROM t WINDOW w AS (ORDER BY b)
SELECT lag(a) OVER (ORDER BY a), first_value(b) OVER (ORDER BY a) FROM t
SELECT a FROM t WHERE row_number() OVER () = 1
SELECT row_number() FROM t
SELECT rank() OVER nosuch FROM t
SELECT sum(count(*)) OVER () FROM t
SELECT upper(b) OVER () FROM t
-- Parameters
SELECT $1
SELECT $1 + 1
SELECT a FROM t WHERE a = $1
SELECT a FROM t WHERE a IN ($1) LIMIT $2
SELECT coalesce($1, 1.5)
SELECT d - $1 FROM t
SELECT b = ANY ($1) FROM t
SELECT $1 = ANY ($2)
SELECT $2::int
SELECT $1::int, $1
SELECT $1::int, $1::text
SELECT a FROM t WHERE $1
SELECT CASE WHEN $1 THEN $2 ELSE 1 END
SELECT a FROM t WHERE b LIKE $1 AND c BETWEEN $2 AND $3
INSERT INTO s (id, name) VALUES ($1, $2)
UPDATE s SET name = $1 WHERE id = $2
DELETE FROM s WHERE id = $1 RETURNING name, id + 1
-- INSERT, UPDATE, DELETE
INSERT INTO s VALUES (1, 'x', 2, true)
INSERT INTO s VALUES (1)
INSERT INTO s (id, nosuch) VALUES (1, 2)
INSERT INTO s (id, id) VALUES (1, 2)
INSERT INTO s (id, name) VALUES (1)
INSERT INTO s (id) VALUES (1, 2)
INSERT INTO s VALUES (1, 2, 3, 4, 5)
INSERT INTO s (id, ok) VALUES (1, 5)
INSERT INTO s (id, n) VALUES (1, 'x')
INSERT INTO s SELECT a, b FROM t RETURNING *
INSERT INTO s (id, name) VALUES (1, DEFAULT) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING name
INSERT INTO s (id) VALUES (1) ON CONFLICT DO NOTHING
INSERT INTO nosuch VALUES (1)
UPDATE s SET nosuch = 1
UPDATE s SET name = 1 WHERE id = 1
UPDATE s SET ok = 1
UPDATE s SET n = n + 1, n = 2
UPDATE s SET name = t.b FROM t WHERE t.a = s.id RETURNING s.id, t.b
DELETE FROM s USING t WHERE s.id = t.a RETURNING *
