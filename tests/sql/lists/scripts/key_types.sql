CREATE TABLE k (id int PRIMARY KEY, x int)
INSERT INTO k VALUES (1, 1), (2, 2), (-1, 3), (7, 4)
CREATE INDEX ON k (x)
SELECT * FROM k WHERE id = 1::oid
SELECT * FROM k WHERE 1::oid = id
SELECT * FROM k WHERE id = 4294967295::oid
SELECT * FROM k WHERE id > 1::oid ORDER BY id
SELECT * FROM k WHERE id < 2::oid ORDER BY id
SELECT * FROM k WHERE id >= 2::oid AND id <= 7::oid ORDER BY id
SELECT * FROM k WHERE id IN (1::oid, 2::oid) ORDER BY id
SELECT * FROM k WHERE id = ANY (ARRAY[1, 2]::oid[]) ORDER BY id
SELECT * FROM k WHERE id = ANY ((SELECT ARRAY[1, 2])::oid[]) ORDER BY id
SELECT * FROM k WHERE id = 1::oid OR id = 2::oid ORDER BY id
SELECT * FROM k WHERE id = 1::oid OR id = 2 ORDER BY id
SELECT * FROM k WHERE id = 16::regtype::oid OR id = 1::regtype::oid
SELECT * FROM k WHERE id::oid = 1
SELECT * FROM k WHERE id = 2::oid AND id = 2
SELECT * FROM k WHERE x = 3::oid
SELECT * FROM k WHERE x > 2::oid ORDER BY id
SELECT * FROM k WHERE x IN (1::oid, 4::oid) ORDER BY id
PREPARE one (oid) AS SELECT * FROM k WHERE id = $1
EXECUTE one(1)
EXECUTE one(4294967295)
PREPARE above (oid) AS SELECT * FROM k WHERE id > $1 ORDER BY id
EXECUTE above(1)
PREPARE listed (oid, oid) AS SELECT * FROM k WHERE id IN ($1, $2) ORDER BY id
EXECUTE listed(1, 2)
PREPARE either (oid, oid) AS SELECT * FROM k WHERE id = $1 OR id = $2 ORDER BY id
EXECUTE either(1, 7)
PREPARE elements (oid[]) AS SELECT * FROM k WHERE id = ANY ($1) ORDER BY id
EXECUTE elements('{1,2,4294967295}')
CREATE TABLE o (o oid PRIMARY KEY)
INSERT INTO o VALUES (1), (7), (4294967295)
SELECT * FROM o WHERE o = 1
SELECT * FROM o WHERE o = -1
SELECT * FROM o WHERE o > 1 ORDER BY o
SELECT * FROM o WHERE o IN (1, -1, 8) ORDER BY o
SELECT * FROM o WHERE o = ANY ('{1,7}'::int[]) ORDER BY o
SELECT * FROM o WHERE o::int < 2 ORDER BY o
SELECT * FROM o WHERE o = 7::regclass
SELECT id, o FROM k JOIN o ON id = o ORDER BY id
SELECT id, (SELECT count(*) FROM o WHERE o = id) FROM k ORDER BY id
SELECT o, (SELECT x FROM k WHERE id = o) FROM o ORDER BY o
SELECT o, (SELECT count(*) FROM k WHERE id = ANY (ARRAY[o, 2])) FROM o ORDER BY o
CREATE TABLE v (t varchar PRIMARY KEY, c char(3))
CREATE INDEX ON v (c)
INSERT INTO v VALUES ('a', 'a'), ('a ', 'b'), ('a  ', 'a'), ('b', NULL)
SELECT t || '|' FROM v WHERE t = 'a'::bpchar ORDER BY t
SELECT t || '|' FROM v WHERE 'a '::char(2) = t ORDER BY t
SELECT t || '|' FROM v WHERE t > 'a'::bpchar ORDER BY t
SELECT t || '|' FROM v WHERE t <= 'a'::bpchar ORDER BY t
SELECT t || '|' FROM v WHERE t IN ('a'::bpchar, 'c'::bpchar) ORDER BY t
SELECT t || '|' FROM v WHERE t = ANY (ARRAY['a', 'c']::bpchar[]) ORDER BY t
SELECT t || '|' FROM v WHERE t = 'a'::bpchar OR t = 'c'::bpchar ORDER BY t
SELECT t || '|' FROM v WHERE t = 'a'::text OR t = 'b'::varchar ORDER BY t
SELECT t || '|' FROM v WHERE t IN ('a '::text, 'b'::text) ORDER BY t
SELECT t || '|' FROM v WHERE c = 'a'::varchar ORDER BY t
SELECT t || '|' FROM v WHERE c = 'a '::text ORDER BY t
SELECT a.t || '|', b.t || '|' FROM v a JOIN v b ON a.t = b.c ORDER BY a.t, b.t
SELECT t || '|', (SELECT count(*) FROM v b WHERE b.t = a.c) FROM v a ORDER BY t
SELECT * FROM (SELECT id::oid AS o, x FROM k) s WHERE o > 1 ORDER BY o
SELECT o, x FROM o JOIN (SELECT id AS o, x FROM k) s USING (o) WHERE o > 1 ORDER BY o
DELETE FROM k WHERE id > 7::oid
UPDATE k SET x = 0 WHERE id = ANY (ARRAY[1, 7]::oid[])
SELECT * FROM k ORDER BY id
SELECT o, x FROM o JOIN k ON id = o ORDER BY id::oid
SELECT a::oid, x FROM (SELECT id AS a, x FROM k) s WHERE a::oid > 1 ORDER BY a::oid
SELECT t || '|' FROM (SELECT t FROM v OFFSET 0) s WHERE t = 'a'::bpchar ORDER BY t
CREATE TABLE signed (i int)
INSERT INTO signed VALUES (-1), (1), (5)
SELECT i, rank() OVER (ORDER BY i::oid) FROM signed ORDER BY 2
CREATE TABLE few (k int, e int[])
INSERT INTO few VALUES (1, '{}'), (2, '{2}')
SELECT v.x, f.k FROM (VALUES (1), (7)) v (x) LEFT JOIN few f ON f.k = v.x WHERE NOT (f.k = ANY ('{}'::int[])) ORDER BY 1
SELECT v.x, f.k FROM (VALUES (1), (7)) v (x) LEFT JOIN few f ON f.k = v.x WHERE f.k <> ALL ('{}'::int[]) ORDER BY 1
SELECT v.x, f.k FROM (VALUES (1), (7)) v (x) LEFT JOIN few f ON f.k = v.x WHERE f.k <> ALL ('{5}'::int[]) ORDER BY 1
SELECT v.x, f.k FROM (VALUES (1), (7)) v (x) LEFT JOIN few f ON f.k = v.x WHERE f.k <> ALL ((SELECT e FROM few WHERE k = 1)::int[]) ORDER BY 1
SELECT v.x, f.k FROM (VALUES (1), (7)) v (x) LEFT JOIN few f ON f.k = v.x WHERE NOT (f.k = ANY (ARRAY[v.x + 1])) ORDER BY 1
SELECT v.x, f.k FROM (VALUES (1), (7)) v (x) LEFT JOIN few f ON f.k = v.x WHERE f.k = ANY ('{1,7}'::int[]) ORDER BY 1
CREATE TABLE jd (d date)
CREATE TABLE jt (ts timestamp)
CREATE INDEX jt_ts ON jt (ts)
INSERT INTO jd VALUES ('5874897-12-31'), ('2024-01-01'), ('infinity'), ('-infinity'), ('4713-01-01 BC'), ('294276-12-31'), ('294277-01-01'), (NULL)
INSERT INTO jt VALUES ('2024-01-01'), ('infinity'), ('-infinity'), ('4713-01-01 BC'), ('294276-12-31'), ('294276-12-31 23:59:59.999999'), (NULL)
SELECT d, ts FROM jd JOIN jt ON d = ts ORDER BY ts
SELECT d, ts FROM jt JOIN jd ON ts = d ORDER BY ts
SELECT d, ts FROM jd LEFT JOIN jt ON d = ts ORDER BY d, ts
SELECT d, ts FROM jd RIGHT JOIN jt ON d = ts ORDER BY d, ts
SELECT d, ts FROM jd FULL JOIN jt ON d = ts ORDER BY d, ts
SELECT d, ts FROM jd JOIN jt ON d IS NOT DISTINCT FROM ts ORDER BY ts
SELECT d FROM jd WHERE d IN (SELECT ts FROM jt) ORDER BY d
SELECT ts FROM jt WHERE ts IN (SELECT d FROM jd) ORDER BY ts
SELECT d FROM jd WHERE d NOT IN (SELECT ts FROM jt WHERE ts IS NOT NULL) ORDER BY d
SELECT d FROM jd WHERE d NOT IN (SELECT ts FROM jt) ORDER BY d
SELECT ts FROM jt WHERE ts NOT IN (SELECT d FROM jd WHERE d IS NOT NULL) ORDER BY ts
SELECT ts, (SELECT count(*) FROM jd WHERE d = ts) FROM jt ORDER BY ts
SELECT d, (SELECT max(ts) FROM jt WHERE d = ts) FROM jd ORDER BY d
SELECT d, EXISTS (SELECT 1 FROM jt WHERE d = ts), NOT EXISTS (SELECT 1 FROM jt WHERE ts = d) FROM jd ORDER BY d
SELECT ts FROM jt WHERE ts = ANY (ARRAY[date '5874897-12-31', date '2024-01-01'])
SELECT ts FROM jt WHERE ts = date '5874897-12-31'
SELECT ts FROM jt WHERE ts <> ALL (ARRAY[date '5874897-12-31', date '2024-01-01']) ORDER BY ts
SELECT ts FROM jt WHERE ts IN (SELECT d FROM jd WHERE d > '294276-12-31')
CREATE MATERIALIZED VIEW mv1 AS SELECT d, ts FROM jd JOIN jt ON d = ts
CREATE MATERIALIZED VIEW mv2 AS SELECT d, ts FROM jd FULL JOIN jt ON d = ts
CREATE MATERIALIZED VIEW mv3 AS SELECT d FROM jd WHERE d NOT IN (SELECT ts FROM jt WHERE ts IS NOT NULL)
CREATE MATERIALIZED VIEW mv4 AS SELECT d FROM jd WHERE d IN (SELECT ts FROM jt)
SELECT * FROM mv1 ORDER BY ts
SELECT * FROM mv2 ORDER BY d, ts
SELECT * FROM mv3 ORDER BY d
SELECT * FROM mv4 ORDER BY d
