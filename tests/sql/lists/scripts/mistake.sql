CREATE TABLE t (id int PRIMARY KEY, a text NOT NULL, n numeric(6,2), d date, ts timestamptz, arr int[], j jsonb, u uuid, b bytea, v varchar(3), c char(4), s smallint)
CREATE TABLE u (id int, x int PRIMARY KEY)
INSERT INTO t (id, a) VALUES (1, 'x'), (2, 'y')
SELECT nosuch FROM t
SELECT t.nosuch FROM t
SELECT idd FROM t
SELECT q.id FROM t
SELECT t.id FROM t x
SELECT id FROM t, t AS t2
SELECT * FROM nosuch
SELECT * FROM nosuch.t
SELECT * FROM nosuch.nosuch.t
SELECT nosuchf(id) FROM t
SELECT upper(id) FROM t
SELECT length(id, 2) FROM t
SELECT 'x'::nosuchtype
SELECT id::nosuchtype FROM t
SELECT CAST(a AS int) FROM t
SELECT a + 1 FROM t
SELECT id + a FROM t
SELECT id || id FROM t
SELECT - a FROM t
SELECT * FROM t WHERE id
SELECT * FROM t WHERE a = 1
SELECT * FROM t WHERE id = 'abc'
SELECT * FROM t WHERE id IN ('1', 'x')
SELECT * FROM t WHERE d = '2024-13-01'
SELECT * FROM t WHERE ts > 'garbage'
SELECT * FROM t WHERE u = 'xyz'
SELECT * FROM t WHERE j = '{bad'
SELECT * FROM t WHERE arr = '{1,x}'
SELECT * FROM t ORDER BY 5000
SELECT * FROM t ORDER BY nosuch
SELECT * FROM t GROUP BY 99
SELECT id, count(*) FROM t
SELECT a, max(id) FROM t GROUP BY n
SELECT id FROM t HAVING id > 1
SELECT count(*) FROM t WHERE count(*) > 1
SELECT sum(count(*)) FROM t
SELECT sum(a) FROM t
SELECT avg(a) FROM t
SELECT max(j) FROM t
SELECT row_number() FROM t
SELECT id FROM t WHERE row_number() OVER () = 1
SELECT rank() OVER w FROM t
SELECT DISTINCT id FROM t ORDER BY a
SELECT DISTINCT ON (a) id FROM t ORDER BY id
SELECT id FROM t LIMIT 'x'
SELECT id FROM t LIMIT -1
SELECT id FROM t OFFSET -1
SELECT id FROM t LIMIT id
SELECT CASE WHEN 1 THEN 2 END
SELECT CASE WHEN true THEN 1 ELSE 'x' END
SELECT COALESCE(1, 'x')
SELECT COALESCE(1, true)
SELECT GREATEST(1, date '2024-01-01')
SELECT ARRAY[1, 'x']
SELECT ARRAY[1, true]
SELECT ARRAY[]
SELECT (SELECT id FROM t)
SELECT (SELECT id, a FROM t)
SELECT id IN (SELECT id, a FROM t) FROM t
SELECT 1 UNION SELECT true
SELECT 1, 2 UNION SELECT 1
SELECT id FROM t UNION SELECT a FROM t
SELECT id FROM t JOIN u ON t.nosuch = u.id
SELECT * FROM t JOIN u USING (nosuch)
SELECT * FROM t JOIN u ON t.id
SELECT id FROM t JOIN u ON true
SELECT * FROM t, (SELECT t.id) x
SELECT * FROM (SELECT 1)
SELECT * FROM (VALUES (1),(2,3)) v
INSERT INTO t VALUES (1, 'dup')
INSERT INTO t VALUES (NULL, 'x')
INSERT INTO t VALUES (5, NULL)
INSERT INTO t (id) VALUES (5)
INSERT INTO t (id, a) VALUES (5)
INSERT INTO t (id, a) VALUES (5, 'x', 3)
INSERT INTO t (id, nosuch) VALUES (5, 'x')
INSERT INTO t (id, id) VALUES (5, 6)
INSERT INTO t (id, a) VALUES ('x', 'y')
INSERT INTO t (id, a) VALUES (true, 'y')
INSERT INTO t (id, a, n) VALUES (6, 'y', 123456)
INSERT INTO t (id, a, v) VALUES (6, 'y', 'toolong')
INSERT INTO t (id, a, c) VALUES (6, 'y', 'toolong')
INSERT INTO t (id, a, s) VALUES (6, 'y', 99999)
INSERT INTO t (id, a, d) VALUES (6, 'y', 5)
INSERT INTO t (id, a, d) VALUES (6, 'y', 'yesterdayish')
INSERT INTO t (id, a) VALUES (99999999999, 'y')
INSERT INTO t SELECT 1
INSERT INTO t SELECT * FROM u
INSERT INTO t VALUES (1,'x') ON CONFLICT (a) DO NOTHING
INSERT INTO t VALUES (1,'x') ON CONFLICT DO UPDATE SET a = 'z'
INSERT INTO t VALUES (1,'x') ON CONFLICT (nosuch) DO NOTHING
INSERT INTO t VALUES (7,'x'),(7,'y') ON CONFLICT (id) DO UPDATE SET a = excluded.a
INSERT INTO t (id, a) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET nosuch = 1
INSERT INTO u VALUES (1, 1), (2, 1)
UPDATE t SET nosuch = 1
UPDATE t SET id = 'x'
UPDATE t SET id = true
UPDATE t SET a = NULL
UPDATE t SET id = 1
UPDATE t SET id = 1, id = 2
UPDATE t SET n = 1e9
UPDATE nosuch SET a = 1
UPDATE t SET a = 'x' FROM nosuch
UPDATE t SET a = u.zzz FROM u
DELETE FROM nosuch
DELETE FROM t WHERE nosuch = 1
DELETE FROM t USING t
CREATE TABLE t (id int)
CREATE TABLE bad (id int, id text)
CREATE TABLE bad (id nosuch)
CREATE TABLE bad (id int PRIMARY KEY, x int PRIMARY KEY)
CREATE TABLE bad (id int, PRIMARY KEY (nosuch))
CREATE TABLE bad (id int DEFAULT 'x')
CREATE TABLE bad (id int DEFAULT nosuch)
CREATE TABLE bad (id varchar(0))
CREATE TABLE bad (id numeric(2000))
CREATE TABLE bad (id numeric(5,6000))
CREATE TABLE nosuch.bad (id int)
CREATE VIEW t AS SELECT 1
CREATE VIEW vv AS SELECT nosuch
CREATE VIEW vv AS SELECT 1 AS a, 2 AS a
CREATE VIEW vv (x, y) AS SELECT 1
CREATE MATERIALIZED VIEW mv AS SELECT nosuch FROM t
DROP TABLE nosuch
DROP TABLE IF EXISTS nosuch
DROP VIEW t
DROP MATERIALIZED VIEW t
DROP SCHEMA nosuch
TRUNCATE nosuch
SELECT 1 +
SELECT FROM WHERE
SELECT * FRM t
SELECT 'unterminated
SELECT "unterminated
SELECT $$unterminated
SELECT 1 /* unterminated
SELECT (1
SELECT 1)
SELECT * FROM t WHERE
INSERT INTO t
UPDATE t
CREATE TABLE
DROP
FOO BAR
SELECT 1; SELECT nosuch
SELECT E'\x'
SELECT U&'\00'
SELECT 1/0
SELECT 1.0/0
SELECT 1 % 0
SELECT 1::float8/0
SELECT 2147483647 + 1
SELECT 9223372036854775807 * 2
SELECT (-2147483648) / -1
SELECT abs((-2147483648)::int)
SELECT 32767::int2 + 1::int2
SELECT 40000::int2
SELECT 1e10::int
SELECT 1e400
SELECT 'NaN'::float8::int
SELECT 1e400::float8
SELECT 1e300::float8 * 1e300
SELECT 1e-300::float8 * 1e-300
SELECT 1e39::float4
SELECT sqrt(-1)
SELECT ln(0)
SELECT ln(-1)
SELECT log(-1.0)
SELECT power(0, -1)
SELECT power(-8, 0.5)
SELECT acos(2)
SELECT factorial(-1)
SELECT factorial(100000)
SELECT exp(10000.0)
SELECT exp(10000::float8)
SELECT 10.0 ^ 100000
SELECT ''::int
SELECT ' 1 '::int, '1.5'::int
SELECT '0x1'::int
SELECT 'abc'::float8
SELECT ''::numeric
SELECT '1e'::numeric
SELECT 'maybe'::bool
SELECT '2024-02-30'::date
SELECT '2024-13-01'::date
SELECT '24:01'::time
SELECT '2024-01-01 25:00'::timestamp
SELECT '300000-01-01'::timestamp
SELECT date '2024-01-01' + 2147483647
SELECT '1 foo'::interval
SELECT '999999999999 years'::interval
SELECT 'x'::uuid
SELECT '{1,2'::int[]
SELECT '[1'::jsonb
SELECT '\xzz'::bytea
SELECT 'ab'::"char"
SELECT make_date(2024,13,1)
SELECT make_time(25,0,0)
SELECT date_trunc('foo', now())
SELECT extract(foo from now())
SELECT extract(hour from date '2024-01-01')
SELECT now() AT TIME ZONE 'Nowhere'
SELECT to_timestamp('x','YYYY')
SELECT substring('abc', 1, -1)
SELECT left('abc', -1), repeat('x', -1), lpad('a', -1)
SELECT repeat('x', 2000000000)
SELECT chr(0)
SELECT chr(-5)
SELECT 'a' LIKE 'a\'
SELECT 'a' ~ '('
SELECT regexp_replace('a', '(', 'b')
SELECT decode('zz','hex')
SELECT encode('a','foo')
SELECT array_fill(1, ARRAY[-1])
SELECT (ARRAY[1,2])['x']
SELECT ARRAY[[1,2],[3]]
SELECT ARRAY[1] || ARRAY['x']
SELECT '{"a":1}'::jsonb -> true
SELECT jsonb_array_length('{}')
SELECT jsonb_set('1', '{a}', '2')
SELECT ('{"a":"x"}'::jsonb->'a')::int
SELECT generate_series(1,10,0)
SELECT width_bucket(5, 0, 10, 0)
SELECT string_agg(1, ',')
SELECT sum(DISTINCT a ORDER BY id) FROM t
SELECT count(DISTINCT *) FROM t
SELECT * FROM generate_series(1)
SELECT id FROM t FOR UPDATE
SELECT a COLLATE "nosuch" FROM t
SELECT id COLLATE "C" FROM t
SELECT ROW(1,2) = ROW(1)
SELECT (1,2) < (1,2,3)
SELECT 1 = ANY (1)
SELECT 1 = ANY (ARRAY['x'])
SELECT 1 WHERE 'x'
SELECT 1 WHERE 1
SELECT NOT 1
SELECT 1 AND true
SELECT 1 IS TRUE
SELECT 'a' BETWEEN 1 AND 2
SELECT nullif(1, 'x')
SELECT json '{}' = json '{}'
SELECT DISTINCT json '{}'
SELECT interval '1 day' < 5
SELECT date '2024-01-01' < 5
SELECT now() + 5
SELECT * FROM t NATURAL JOIN nosuch
WITH x AS (SELECT 1) SELECT * FROM y
WITH x AS (SELECT 1), x AS (SELECT 2) SELECT * FROM x
WITH RECURSIVE x AS (SELECT 1 UNION ALL SELECT * FROM x) SELECT * FROM x, x LIMIT 3
SELECT * FROM x
VALUES (1, 2), (3)
SELECT id AS a, id AS b FROM t ORDER BY a + b
SELECT t.* FROM u
SELECT *
SELECT count(*) FROM t GROUP BY id HAVING a > 'x'
SHOW nosuch
SELECT current_setting('nosuch')
SET timezone = 'Nowhere'
EXPLAIN SELECT nosuch
PREPARE p AS SELECT $1::int
EXECUTE p
EXECUTE p(1)
EXECUTE nosuch(1)
DEALLOCATE nosuch
COMMIT
BEGIN
SELECT nosuch
SELECT 1
ROLLBACK
