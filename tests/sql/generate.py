"""Writes queries/*.slt and scripts/*.slt: the lists below, with the answers of PostgreSQL 15.

    ~/.cache/quickwater/venv/bin/python tests/sql/generate.py

Every query is asked three times: as it is, through a materialized view made before the data and
changed along with it, and through one made afterwards. Scripts are run statement by statement, errors
with their SQLSTATE. Run this after adding to a list and read the diff; expectations are never written
by hand and never taken from our own answers. (tidy: table)
"""

import pathlib
import re
import sys
import tempfile

import psycopg

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent.parent / "tools")]
import nexmark  # noqa: E402
import peers  # noqa: E402

TABLES = [
    "CREATE TABLE dept (id int PRIMARY KEY, name text NOT NULL, budget numeric(12,2))",
    "CREATE TABLE emp (id int PRIMARY KEY, dept_id int, name text, salary numeric(10,2), born date, "
    "score float8, active bool)",
    "CREATE TABLE sale (emp_id int, at timestamp, amount int, note text)",
]
CHANGES = [
    "INSERT INTO dept VALUES (1, 'Research', 100000), (2, 'Sales', 50000.50), (3, 'Empty', NULL), "
    "(4, 'Gone', 1)",
    "INSERT INTO emp VALUES (1, 1, 'Ada', 120.50, '1815-12-10', 9.5, true), "
    "(2, 1, 'Grace', 120.50, '1906-12-09', 8.25, true), (3, 2, 'Linus', 80, '1969-12-28', NULL, "
    "false), (4, 2, 'Barbara', 99.99, '1939-11-07', 0.5, NULL), (5, NULL, 'Nobody', NULL, NULL, "
    "-1.5, true), (6, 9, 'Lost', 10, '2000-02-29', 2, false)",
    "INSERT INTO sale VALUES (1, '2024-01-01 10:00', 5, 'a'), (1, '2024-01-01 11:00', 7, NULL), "
    "(3, '2024-01-02 09:30', 0, 'b'), (3, '2024-02-01 00:00', -3, 'a'), (4, NULL, NULL, ''), "
    "(4, '2024-01-01 10:00', 5, 'a'), (7, '2024-03-01 12:00', 11, 'x')",
    "UPDATE emp SET salary = salary * 2, dept_id = 2 WHERE name = 'Grace'",
    "DELETE FROM dept WHERE id = 4",
    "UPDATE sale SET amount = amount + 1 WHERE note = 'a'",
    "DELETE FROM sale WHERE amount = 11",
    "INSERT INTO emp VALUES (7, 3, 'ada', 120.50, '1990-01-01', 9.5, true)",
    "UPDATE emp SET name = 'Nadie' WHERE id = 5",
    "INSERT INTO sale SELECT 2, timestamp '2024-01-05' + g * interval '6 hours', g, 's' || g % 3 "
    "FROM generate_series(1, 8) g",
]
QUERIES = {
    "filter": """
        SELECT * FROM dept
        SELECT id, name FROM emp WHERE salary > 100
        SELECT id FROM emp WHERE salary > 100 AND active
        SELECT id FROM emp WHERE dept_id IS NULL OR born < '1900-01-01'
        SELECT id FROM emp WHERE NOT active
        SELECT id FROM emp WHERE active IS NOT TRUE
        SELECT id FROM emp WHERE dept_id IN (1, 3)
        SELECT id FROM emp WHERE dept_id NOT IN (1, 3)
        SELECT id FROM emp WHERE salary BETWEEN 80 AND 121
        SELECT id FROM emp WHERE name LIKE '%a%'
        SELECT id FROM emp WHERE name ILIKE 'a%'
        SELECT id FROM emp WHERE name ~ '^[A-G]'
        SELECT id FROM emp WHERE score IS DISTINCT FROM 9.5
        SELECT * FROM sale WHERE note = ''
    """,
    "scalar": """
        SELECT id, coalesce(salary, 0) * 2 AS twice FROM emp
        SELECT id, CASE WHEN salary > 100 THEN 'high' WHEN salary > 50 THEN 'low' END AS band FROM emp
        SELECT id, upper(name) || '/' || length(name) AS label FROM emp
        SELECT id, substr(name, 2, 3) AS part, replace(name, 'a', '*') AS stars FROM emp
        SELECT id, extract(year FROM born) AS year, born + 7 AS later FROM emp
        SELECT emp_id, date_trunc('day', at) AS day, amount / 2 AS half, amount % 2 AS rest FROM sale
        SELECT id, nullif(name, 'Ada') AS other, greatest(salary, 100) AS most FROM emp
        SELECT id, round(salary / 3, 3) AS third, salary::int AS whole, salary::text AS text FROM emp
        SELECT id, score * 2 AS s, abs(score) AS a, -score AS n FROM emp
        SELECT emp_id, at + interval '1 month' AS next, at - timestamp '2024-01-01' AS since FROM sale
        SELECT id, born - date '1900-01-01' AS days, active::text AS t FROM emp
        SELECT id, trim(name) AS t, left(name, 2) AS l, right(name, 2) AS r, lpad(name, 8, '.') AS p FROM emp
    """,
    "join": """
        SELECT e.name, d.name AS dept FROM emp e JOIN dept d ON d.id = e.dept_id
        SELECT e.name, d.name AS dept FROM emp e LEFT JOIN dept d ON d.id = e.dept_id
        SELECT e.name, d.name AS dept FROM emp e RIGHT JOIN dept d ON d.id = e.dept_id
        SELECT e.name, d.name AS dept FROM emp e FULL JOIN dept d ON d.id = e.dept_id
        SELECT e.name, d.name AS dept FROM emp e LEFT JOIN dept d ON d.id = e.dept_id AND e.salary > 100
        SELECT e.id, d.id AS d FROM emp e CROSS JOIN dept d WHERE e.id < 3
        SELECT a.name, b.name AS same FROM emp a JOIN emp b ON a.salary = b.salary AND a.id < b.id
        SELECT e.name, s.amount FROM emp e JOIN sale s ON s.emp_id = e.id JOIN dept d ON d.id = e.dept_id
        SELECT e.name, s.amount FROM emp e LEFT JOIN sale s ON s.emp_id = e.id AND s.note = 'a'
        SELECT id, e.name, x.name AS other FROM emp e JOIN emp x USING (id)
        SELECT * FROM (SELECT id AS dept_id, name AS dept FROM dept) d NATURAL JOIN (SELECT id, dept_id FROM emp) e
        SELECT e.name, t.n FROM emp e JOIN (SELECT emp_id, count(*) AS n FROM sale GROUP BY emp_id) t ON t.emp_id = e.id
    """,
    "aggregate": """
        SELECT count(*) AS n, sum(amount) AS total, avg(amount) AS mean, min(at) AS first, max(at) AS last FROM sale
        SELECT dept_id, count(*) AS n, sum(salary) AS total FROM emp GROUP BY dept_id
        SELECT dept_id, avg(salary) AS mean, min(name) AS first, max(born) AS youngest FROM emp GROUP BY dept_id
        SELECT d.name, count(e.id) AS n, sum(e.salary) AS total FROM dept d LEFT JOIN emp e ON e.dept_id = d.id GROUP BY d.name
        SELECT dept_id, count(*) AS n FROM emp GROUP BY dept_id HAVING count(*) > 1
        SELECT emp_id, count(DISTINCT note) AS notes, sum(DISTINCT amount) AS total FROM sale GROUP BY emp_id
        SELECT emp_id, count(*) FILTER (WHERE amount > 3) AS big, sum(amount) FILTER (WHERE note = 'a') AS a FROM sale GROUP BY emp_id
        SELECT emp_id, string_agg(note, ',' ORDER BY note) AS notes, array_agg(amount ORDER BY amount) AS amounts FROM sale GROUP BY emp_id
        SELECT active, bool_and(score > 0) AS every, bool_or(score > 9) AS any FROM emp GROUP BY active
        SELECT date_trunc('day', at) AS day, sum(amount) AS total FROM sale GROUP BY 1
        SELECT sum(score) AS s, avg(score) AS a, min(score) AS lo, max(score) AS hi FROM emp
        SELECT count(*) AS n, sum(amount) AS total FROM sale WHERE amount > 1000
        SELECT emp_id, count(*) AS n FROM sale WHERE amount > 1000 GROUP BY emp_id
        SELECT extract(year FROM born)::int / 100 AS century, count(*) AS n FROM emp GROUP BY 1
    """,
    "distinct": """
        SELECT DISTINCT dept_id FROM emp
        SELECT DISTINCT salary, active FROM emp
        SELECT DISTINCT ON (emp_id) emp_id, amount, note FROM sale ORDER BY emp_id, amount DESC, note, at
        SELECT emp_id, amount FROM (SELECT emp_id, amount, row_number() OVER (PARTITION BY emp_id ORDER BY amount DESC, note, at) AS rn FROM sale) r WHERE rn <= 2
        SELECT name, salary FROM (SELECT name, salary, row_number() OVER (ORDER BY salary DESC, name) AS rn FROM emp) r WHERE rn <= 3
    """,
    "set_operation": """
        SELECT id FROM emp UNION SELECT emp_id FROM sale
        SELECT id FROM emp UNION ALL SELECT emp_id FROM sale
        SELECT id FROM emp EXCEPT SELECT emp_id FROM sale
        SELECT emp_id FROM sale EXCEPT ALL SELECT id FROM emp
        SELECT id FROM emp INTERSECT SELECT emp_id FROM sale
        SELECT emp_id FROM sale INTERSECT ALL SELECT emp_id FROM sale WHERE amount > 3
        SELECT name, salary FROM emp UNION SELECT name, budget FROM dept
    """,
    "subquery": """
        WITH rich AS (SELECT * FROM emp WHERE salary > 100) SELECT a.name, b.name AS other FROM rich a JOIN rich b ON a.dept_id = b.dept_id
        SELECT name FROM emp WHERE id IN (SELECT emp_id FROM sale)
        SELECT name FROM emp WHERE id NOT IN (SELECT emp_id FROM sale WHERE emp_id IS NOT NULL)
        SELECT name FROM emp e WHERE EXISTS (SELECT 1 FROM sale s WHERE s.emp_id = e.id AND s.amount > 4)
        SELECT name FROM emp e WHERE NOT EXISTS (SELECT 1 FROM sale s WHERE s.emp_id = e.id)
        SELECT name FROM emp WHERE salary > (SELECT avg(salary) FROM emp)
        SELECT name, (SELECT count(*) FROM sale s WHERE s.emp_id = e.id) AS n FROM emp e
        SELECT region, total FROM (SELECT d.name AS region, sum(e.salary) AS total FROM emp e JOIN dept d ON d.id = e.dept_id GROUP BY d.name) t WHERE total > 150
    """,
}
SCRIPTS = {
    "dml": """
        CREATE TABLE t (id int PRIMARY KEY, a text DEFAULT 'none', n numeric(6,2) NOT NULL DEFAULT 1.5)
        INSERT INTO t (id) VALUES (1), (2)
        INSERT INTO t VALUES (3, 'x', 2) RETURNING id, a, n
        INSERT INTO t (id, n) SELECT g, g * 10 FROM generate_series(4, 6) g
        INSERT INTO t VALUES (1, 'again', 0)
        INSERT INTO t VALUES (7, 'y', NULL)
        INSERT INTO t VALUES (8, 'y', 123456)
        INSERT INTO t VALUES (1, 'kept', 9), (9, 'new', 9) ON CONFLICT (id) DO NOTHING
        INSERT INTO t VALUES (1, 'up', 7) ON CONFLICT (id) DO UPDATE SET a = excluded.a, n = t.n + excluded.n RETURNING *
        SELECT * FROM t ORDER BY id
        UPDATE t SET n = n + 1, a = DEFAULT WHERE id > 4 RETURNING id, n
        UPDATE t SET id = id + 100 WHERE id = 9
        UPDATE t SET id = 1 WHERE id = 2
        UPDATE t SET nosuch = 1
        DELETE FROM t WHERE n > 30 RETURNING id
        DELETE FROM t WHERE id IN (SELECT id FROM t WHERE a = 'none')
        SELECT * FROM t ORDER BY id DESC
        INSERT INTO t (id, id) VALUES (1, 2)
        INSERT INTO t VALUES (1, 2, 3, 4)
        INSERT INTO nosuch VALUES (1)
        TRUNCATE t
        SELECT count(*) FROM t
        DROP TABLE t
        SELECT * FROM t
        DROP TABLE t
        DROP TABLE IF EXISTS t
    """,
    "transaction": """
        CREATE TABLE t (id int PRIMARY KEY, v int)
        BEGIN
        INSERT INTO t VALUES (1, 1), (2, 2)
        SELECT sum(v) FROM t
        UPDATE t SET v = v * 10
        SELECT * FROM t ORDER BY id
        COMMIT
        SELECT * FROM t ORDER BY id
        BEGIN
        DELETE FROM t
        SELECT count(*) FROM t
        ROLLBACK
        SELECT count(*) FROM t
        BEGIN
        INSERT INTO t VALUES (3, 3)
        INSERT INTO t VALUES (1, 1)
        SELECT 1
        COMMIT
        SELECT count(*) FROM t
        ROLLBACK
    """,
    "savepoint": """
        CREATE TABLE t (id int PRIMARY KEY, v int)
        CREATE TABLE bag (v int)
        SAVEPOINT outside
        BEGIN
        INSERT INTO t VALUES (1, 1)
        SAVEPOINT a
        INSERT INTO t VALUES (2, 2)
        INSERT INTO bag VALUES (1), (1)
        SAVEPOINT b
        UPDATE t SET v = v + 10
        DELETE FROM bag
        SELECT * FROM t ORDER BY id
        ROLLBACK TO b
        SELECT * FROM t ORDER BY id
        SELECT count(*) FROM bag
        INSERT INTO t VALUES (1, 0)
        SELECT 1
        ROLLBACK TO SAVEPOINT a
        SELECT * FROM t ORDER BY id
        SELECT count(*) FROM bag
        INSERT INTO t VALUES (3, 3)
        RELEASE a
        ROLLBACK TO a
        ROLLBACK
        BEGIN
        SAVEPOINT same
        INSERT INTO t VALUES (4, 4)
        SAVEPOINT same
        INSERT INTO t VALUES (5, 5)
        ROLLBACK TO same
        RELEASE same
        INSERT INTO t VALUES (6, 6)
        COMMIT
        SELECT * FROM t ORDER BY id
    """,
    "unique_index": """
        CREATE TABLE t (id int PRIMARY KEY, a int, b text, c numeric, UNIQUE (b))
        CREATE TABLE bag (a int, b text)
        INSERT INTO t VALUES (1, 10, 'x', 1.0), (2, 20, 'y', 2.0), (3, 30, NULL, 3), (4, 40, NULL, 4)
        INSERT INTO t VALUES (5, 50, 'x', 5)
        INSERT INTO t VALUES (5, 50, 'z', 5), (6, 60, 'z', 5)
        SELECT count(*) FROM t
        UPDATE t SET b = 'y' WHERE id = 1
        UPDATE t SET b = 'w' WHERE id = 1
        INSERT INTO t VALUES (5, 50, 'x', 5)
        SELECT id FROM t WHERE b = 'x'
        SELECT id FROM t WHERE b = 'w'
        SELECT id FROM t WHERE b > 'w' ORDER BY 1
        DELETE FROM t WHERE b = 'x'
        INSERT INTO t VALUES (7, 70, 'x', 7)
        CREATE UNIQUE INDEX t_c ON t (c)
        INSERT INTO t VALUES (8, 80, 'q', 7.00)
        SELECT id FROM t WHERE c = 7.000
        BEGIN
        INSERT INTO t VALUES (9, 90, 'r', 9)
        SELECT id FROM t WHERE b = 'r'
        INSERT INTO t VALUES (10, 90, 'r', 10)
        ROLLBACK
        SELECT count(*) FROM t WHERE b = 'r'
        INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, 'y')
        CREATE UNIQUE INDEX bag_a ON bag (a)
        DELETE FROM bag
        INSERT INTO bag VALUES (1, 'x'), (2, 'y'), (NULL, 'n'), (NULL, 'n')
        CREATE UNIQUE INDEX bag_a ON bag (a)
        INSERT INTO bag VALUES (1, 'x')
        INSERT INTO bag VALUES (NULL, 'n')
        UPDATE bag SET a = 1 WHERE a = 2
        UPDATE bag SET a = 3 WHERE a = 2
        SELECT * FROM bag WHERE a = 3
        DROP INDEX t_b_key
        DROP INDEX t_pkey
        DROP INDEX t
        DROP INDEX nosuch
        DROP INDEX bag_a
        INSERT INTO bag VALUES (1, 'x')
        SELECT count(*) FROM bag WHERE a = 1
        DROP TABLE t
        CREATE TABLE t (id int)
        INSERT INTO t VALUES (1), (1)
        ALTER TABLE t ADD PRIMARY KEY (id)
        DELETE FROM t
        INSERT INTO t VALUES (NULL)
        ALTER TABLE t ADD PRIMARY KEY (id)
        DELETE FROM t
        INSERT INTO t VALUES (1), (2)
        ALTER TABLE t ADD PRIMARY KEY (nosuch)
        ALTER TABLE t ADD PRIMARY KEY (id)
        ALTER TABLE t ADD PRIMARY KEY (id)
        SELECT * FROM t ORDER BY id
        INSERT INTO t VALUES (1)
        INSERT INTO t VALUES (NULL)
        ALTER TABLE t ADD UNIQUE (id)
        ALTER TABLE nosuch ADD PRIMARY KEY (id)
    """,
    "index": """
        CREATE TABLE t (id int PRIMARY KEY, a int, b text, at timestamptz)
        INSERT INTO t SELECT g, g % 7, 'b' || g % 3, NULL FROM generate_series(1, 50) g
        INSERT INTO t VALUES (51, NULL, 'b1', NULL)
        CREATE INDEX t_ab ON t (a, b DESC)
        CREATE INDEX ON t (b)
        CREATE INDEX t_ab ON t (a)
        CREATE INDEX IF NOT EXISTS t_ab ON t (a)
        CREATE INDEX ON t (nosuch)
        SELECT count(*), sum(id) FROM t WHERE a = 3
        SELECT count(*), sum(id) FROM t WHERE a = 3 AND b = 'b1'
        SELECT count(*), sum(id) FROM t WHERE a = 3 AND b > 'b0'
        SELECT count(*), sum(id) FROM t WHERE a > 4
        SELECT count(*), sum(id) FROM t WHERE a < 2
        SELECT count(*), sum(id) FROM t WHERE a >= 2 AND a <= 4 AND id > 10
        SELECT count(*) FROM t WHERE a IS NULL
        SELECT count(*), sum(id) FROM t WHERE a IN (3, 5, 3, NULL)
        SELECT count(*), sum(id) FROM t WHERE a IN (3, 5) AND b = 'b1'
        SELECT count(*), sum(id) FROM t WHERE a = 3 AND b IN ('b2', 'nosuch', 'b0')
        SELECT id, b FROM t WHERE id IN (40, 7, 1000, 40, -1, 8) ORDER BY id
        SELECT id FROM t WHERE id IN (40, 7.5, 8) ORDER BY id
        SELECT id FROM t WHERE id NOT IN (40, 7) AND id IN (7, 8, 9) ORDER BY id
        SELECT id FROM t WHERE id IN (NULL, NULL)
        SELECT x, (SELECT count(*) FROM t WHERE t.a = x AND t.b IN ('b0', 'b1')) FROM generate_series(1, 3) x ORDER BY x
        SELECT id, b FROM t WHERE id = ANY (ARRAY[40, 7, 1000, NULL, 40, -1, 8]) ORDER BY id
        SELECT id FROM t WHERE id = ANY ('{7,40}'::smallint[]) OR id = 8 ORDER BY id
        SELECT id FROM t WHERE id = ANY ('{7,40}'::bigint[]) ORDER BY id
        SELECT id FROM t WHERE id = ANY ('{7,40.0,8.5}'::numeric[]) ORDER BY id
        SELECT id FROM t WHERE id = ANY (NULL::int[]) OR id = ANY ('{}'::int[])
        SELECT id FROM t WHERE id = ANY ('{}'::int[])
        SELECT id FROM t WHERE id = ANY (NULL::int[])
        SELECT id FROM t WHERE id = ALL ('{7,7}'::int[])
        SELECT id FROM t WHERE id = ANY ('{{7,40},{8,7}}'::int[]) ORDER BY id
        SELECT id FROM t WHERE id = 40 OR 7 = id OR id = 40 ORDER BY id
        SELECT id FROM t WHERE (id = 40 OR id = NULL) AND b = 'b1'
        SELECT count(*), sum(id) FROM t WHERE a = ANY ('{3,5,3,NULL}'::int[])
        SELECT count(*), sum(id) FROM t WHERE a = ANY ('{0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6,0,1,2,3,4,5,6}'::int[])
        SELECT count(*), sum(id) FROM t WHERE a = 3 AND b = ANY ('{b2,nosuch,b0}')
        SELECT count(*), sum(id) FROM t WHERE a = 3 AND (b = 'b2' OR b = 'b0')
        SELECT x, (SELECT count(*) FROM t WHERE t.id = ANY (ARRAY[x, x + 1])), (SELECT sum(id) FROM t WHERE t.id = x OR t.id = y) FROM (VALUES (1, 7), (39, NULL), (40, 40), (NULL, 3)) v (x, y) ORDER BY x
        SELECT v.n, (SELECT count(*) FROM t WHERE t.id = ANY (v.l)) FROM (VALUES (1, ARRAY[1, 2]), (2, NULL), (3, ARRAY[3, 900])) v (n, l) ORDER BY 1
        UPDATE t SET a = 100 WHERE a = 3
        SELECT count(*) FROM t WHERE a = 3
        SELECT count(*), sum(id) FROM t WHERE a = 100
        UPDATE t SET id = id + 1000 WHERE a = 100
        SELECT count(*), sum(id) FROM t WHERE a = 100
        DELETE FROM t WHERE b = 'b2'
        SELECT count(*), sum(id) FROM t WHERE b = 'b2'
        SELECT count(*), sum(id) FROM t WHERE b = 'b1'
        BEGIN
        INSERT INTO t VALUES (5000, 4, 'b1', NULL)
        UPDATE t SET a = 77 WHERE a = 5
        DELETE FROM t WHERE a = 6
        SELECT count(*), sum(id) FROM t WHERE a = 4
        SELECT count(*), sum(id) FROM t WHERE a = 77
        SELECT count(*) FROM t WHERE a = 5
        SELECT count(*) FROM t WHERE a = 6
        SELECT count(*), sum(id) FROM t WHERE a IN (4, 77, 5, 6)
        SELECT count(*), sum(id) FROM t WHERE a = ANY ('{4,77,5,6}'::int[])
        SELECT id, a FROM t WHERE id = ANY ('{5000,5,6}'::int[]) ORDER BY id
        SELECT id, a FROM t WHERE id IN (5000, 5, 6) ORDER BY id
        ROLLBACK
        SELECT count(*), sum(id) FROM t WHERE a = 4
        SELECT count(*), sum(id) FROM t WHERE a = 5
        CREATE TABLE bag (a int, b text)
        INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, 'y'), (NULL, 'z')
        CREATE INDEX bag_a ON bag (a)
        SELECT * FROM bag WHERE a = 1
        INSERT INTO bag VALUES (1, 'x'), (1, 'y')
        SELECT b, count(*) FROM bag WHERE a = 1 GROUP BY b ORDER BY b
        BEGIN
        INSERT INTO bag VALUES (1, 'x'), (3, 'w')
        SELECT b, count(*) FROM bag WHERE a = 1 GROUP BY b ORDER BY b
        SELECT * FROM bag WHERE a > 2
        DELETE FROM bag WHERE a = 1
        SELECT count(*) FROM bag WHERE a = 1
        ROLLBACK
        SELECT count(*) FROM bag WHERE a = 1
        DROP INDEX t_ab
        SELECT count(*), sum(id) FROM t WHERE a = 4
        CREATE VIEW v AS SELECT * FROM t
        CREATE INDEX ON v (a)
        DROP TABLE bag
        DROP INDEX bag_a
    """,
    "error": """
        SELECT 1/0
        SELECT 1.5/0
        SELECT 1::float8/0
        SELECT 2147483647 + 1
        SELECT 9223372036854775807 + 1
        SELECT (-32768)::int2 - 1::int2
        SELECT 'x'::int
        SELECT '99999999999'::int
        SELECT 'maybe'::bool
        SELECT '2024-02-30'::date
        SELECT '25:00'::time
        SELECT 'not-a-uuid'::uuid
        SELECT '{"a":'::jsonb
        SELECT 1e400::float8
        SELECT 123456::numeric(5,2)
        SELECT 'abcdef'::varchar(3)
        SELECT nosuch
        SELECT nosuch(1)
        SELECT 1 + 'a'
        SELECT 1 + true
        SELECT length(1)
        SELECT * FROM nosuch
        SELECT nosuch.a FROM (SELECT 1 AS a) t
        SELECT a FROM (SELECT 1 AS a) t, (SELECT 2 AS a) u
        SELECT a, count(*) FROM (SELECT 1 AS a, 2 AS b) t GROUP BY b
        SELECT count(*) FROM (SELECT 1 AS a) t WHERE count(*) > 1
        SELECT (SELECT 1 UNION ALL SELECT 2)
        SELECT 1 UNION SELECT 'a'
        SELECT 1, 2 UNION SELECT 1
        SELECT sqrt(-1)
        SELECT ln(0)
        SELECT substr('abc', 1, -1)
        SELECT 1 LIMIT -1
        SELEC 1
        SELECT 1 FROM
        SELECT 'open
    """,
    "value": """
        SELECT 1, 1.0, 1.10, 1e3, 'a', true, NULL
        SELECT 7 / 2, -7 / 2, 7 % 3, -7 % 3, 7.0 / 2, 2 ^ 10
        SELECT 0.1 + 0.2, 0.1::float8 + 0.2::float8, 1.0 / 3, 2.0 / 3, 100.0 / 3
        SELECT 1e20::float8, 1e-7::float8, 123456789.125::float8, 1.5::float4, 1e15::float8, 1e16::float8
        SELECT 12345678901234567890 * 10, round(2.5), round(-2.5), round(2.5::float8), round(1.2345, 2)
        SELECT trunc(1.99), ceil(1.01), floor(-1.01), sign(-3), abs(-2.50), mod(7, 3), power(2, 0.5)
        SELECT sqrt(2), ln(2), exp(1), sqrt(2::numeric), 10 % 3.3
        SELECT date '2024-02-28' + 2, date '2024-03-01' - date '2024-02-01', date '2024-01-31' + interval '1 month'
        SELECT timestamp '2024-01-01' - timestamp '2023-12-31 23:00', timestamp '2024-01-01 12:34:56.789' + interval '1 day 2 hours'
        SELECT interval '1 year 13 months', interval '-1 day 25 hours', interval '90 minutes', interval '1.5 hours' * 2
        SELECT extract(dow FROM date '2024-02-29'), extract(epoch FROM interval '1 day'), extract(quarter FROM timestamp '2024-05-05'), date_part('week', date '2024-01-01')
        SELECT date_trunc('week', timestamp '2024-02-29 10:00'), date_trunc('quarter', timestamp '2024-05-05')
        SELECT to_char(timestamp '2024-02-29 13:04:05', 'YYYY-MM-DD HH24:MI:SS'), to_char(1234.5, 'FM9,999.00')
        SELECT 'a' || 1, 'a' || NULL, concat('a', NULL, 1), concat_ws('-', 'a', NULL, 'b')
        SELECT upper('a\u00e9'), lower('ABC'), initcap('hello world'), length('\u00e9'), octet_length('\u00e9'), reverse('abc')
        SELECT position('b' IN 'abc'), strpos('abc', 'c'), split_part('a,b,c', ',', 2), repeat('ab', 3), ltrim('xxa', 'x')
        SELECT 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'a%c' LIKE 'a\%c', 'ABC' ILIKE 'abc', 'abc' ~ 'b+', 'abc' !~* 'B'
        SELECT regexp_replace('abcabc', 'b', 'x'), regexp_replace('abcabc', 'b', 'x', 'g'), substring('abc123' FROM '[0-9]+')
        SELECT 'a' < 'B', 'a' < 'b', 'Z' < 'a', '' < 'a', 'a ' = 'a', 'a '::char(3) = 'a'::char(2)
        SELECT NULL = NULL, NULL IS NULL, NULL AND false, NULL OR true, NOT NULL::bool, 1 IN (2, NULL), 1 NOT IN (2, NULL)
        SELECT CASE 1 WHEN 1 THEN 'one' ELSE 'other' END, coalesce(NULL, 2), nullif(1, 1), greatest(1, NULL, 3), least('b', 'a')
        SELECT ARRAY[1, 2, NULL], ARRAY['a b', 'c,d', '"'], '{}'::int[], (ARRAY[1, 2, 3])[2], array_length(ARRAY[1, 2], 1), 2 = ANY (ARRAY[1, 2])
        SELECT '{"b": 1, "a": [1, 2.50, null]}'::jsonb, '{"a": {"b": "x"}}'::jsonb -> 'a' ->> 'b', '[1, 2]'::jsonb -> 1, '{"a": 1}'::jsonb ? 'a'
        SELECT '\\x0aff'::bytea, 'abc'::bytea, encode('abc'::bytea, 'hex'), md5('abc')
        SELECT 'a'::char(3) || 'b', 'abc'::varchar(2), 1::bool, 't'::bool, 'yes'::bool, true::text, true::int
        SELECT '1'::int + 1, 1.7::int, 2.5::int, -1.5::int, 1.5::float8::int, 2.5::float8::int, '1e2'::numeric
        SELECT 'NaN'::numeric > 1, 'NaN'::float8 = 'NaN'::float8, 'Infinity'::float8 - 1, -0.0::float8, 'Infinity'::numeric
        SELECT date 'epoch', timestamp 'infinity', date '0044-03-15 BC', timestamp '10000-01-01'
        SELECT pg_typeof(1), pg_typeof(1.5), pg_typeof('a'), pg_typeof(NULL), pg_typeof(1 + 1::bigint), pg_typeof(sum(1))
        SELECT * FROM generate_series(1, 3) AS g
        SELECT * FROM generate_series(5, 1, -2) AS g
        SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS v (n, t) ORDER BY n
        SELECT n FROM (VALUES (3), (1), (NULL), (2)) v (n) ORDER BY n DESC NULLS LAST LIMIT 2 OFFSET 1
        SELECT n FROM (VALUES (3), (1), (NULL), (2)) v (n) ORDER BY n
    """,
    "schema": """
        CREATE SCHEMA s
        CREATE SCHEMA s
        CREATE SCHEMA IF NOT EXISTS s
        CREATE TABLE s.t (a int PRIMARY KEY, b text)
        INSERT INTO s.t VALUES (1, 'x')
        CREATE VIEW v AS SELECT a, b FROM s.t
        CREATE VIEW v AS SELECT 1
        SELECT * FROM v
        CREATE VIEW w AS SELECT count(*) AS n FROM v
        SELECT * FROM w
        DROP TABLE s.t
        DROP VIEW v
        DROP VIEW w
        DROP VIEW v
        DROP SCHEMA s
        DROP SCHEMA s CASCADE
        SELECT * FROM s.t
        CREATE TABLE IF NOT EXISTS u (a int)
        CREATE TABLE IF NOT EXISTS u (a int)
        CREATE TABLE u (a int)
        CREATE TABLE bad (a nosuchtype)
        CREATE TABLE bad (a int, a int)
        CREATE INDEX ON u (a)
        CREATE INDEX i ON u (nosuch)
        INSERT INTO u VALUES (1), (2), (NULL)
        SELECT * FROM u WHERE a = 2
    """,
}


def record(kind, sql, answer=None):
    lines = [kind, sql] + (["----", *answer] if answer is not None else [])
    return "\n".join(lines)


def texts(result):
    lines = []
    for row in range(result.ntuples):
        fields = [result.get_value(row, column) for column in range(result.nfields)]
        lines.append(" ".join("NULL" if f is None else f.decode() or "(empty)" for f in fields))
    return lines


def rows(connection, sql):
    result = connection.pgconn.exec_(sql.encode())
    assert result.status == 2, result.error_message.decode() + sql
    return sorted(texts(result), key=str.encode)


def write(connection, topic, queries, tables=TABLES, changes=CHANGES, for_postgres=str):
    blocks = [f"# Written by generate.py: {topic}. Answers are PostgreSQL's."]
    blocks += [record("statement ok", sql) for sql in tables]
    for i, query in enumerate(queries):
        blocks.append(record("statement ok", f"CREATE MATERIALIZED VIEW before_{i} AS {query}"))
    blocks += [record("statement ok", sql) for sql in changes]
    for i, query in enumerate(queries):
        answer = rows(connection, for_postgres(query))
        blocks.append(record("query rowsort", query, answer))
        blocks.append(record("query rowsort", f"SELECT * FROM before_{i}", answer))
        blocks.append(record("statement ok", f"CREATE MATERIALIZED VIEW after_{i} AS {query}"))
        blocks.append(record("query rowsort", f"SELECT * FROM after_{i}", answer))
    (HERE / "queries").mkdir(exist_ok=True)
    (HERE / "queries" / f"{topic}.slt").write_text("\n\n".join(blocks) + "\n")


def is_ordered(sql):
    """Has an ORDER BY that is not inside parentheses."""
    while (inner := re.sub(r"\([^()]*\)", "", sql)) != sql:
        sql = inner
    return "ORDER BY" in sql


def write_script(connection, topic, statements):
    blocks = [f"# Written by generate.py: {topic}. Answers are PostgreSQL's."]
    for sql in statements:
        result = connection.pgconn.exec_(sql.encode())
        state = result.error_field(ord("C"))
        if state:
            message = result.error_field(ord("M")).decode().splitlines()[0]
            blocks.append(record(f"statement error {state.decode()} {message}", sql))
        elif result.status == 2:
            ordered = is_ordered(sql)
            answer = texts(result) if ordered else sorted(texts(result), key=str.encode)
            blocks.append(record("query" if ordered else "query rowsort", sql, answer))
        else:
            blocks.append(record("statement ok", sql))
    (HERE / "scripts").mkdir(exist_ok=True)
    (HERE / "scripts" / f"{topic}.slt").write_text("\n\n".join(blocks) + "\n")


def lines_of(text):
    return [line.strip() for line in text.strip().splitlines()]


def listed(kind):
    """The longer lists: one statement per line."""
    for path in sorted((HERE / "lists" / kind).glob("*.sql")):
        yield path.stem, path.read_text()


def main():
    with tempfile.TemporaryDirectory() as scratch:
        postgres = peers.Postgres(pathlib.Path(scratch) / "pg").start()
        try:
            with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
                for sql in TABLES + CHANGES:
                    connection.execute(sql)
                for topic, text in [*QUERIES.items(), *listed("queries")]:
                    write(connection, topic, lines_of(text))
            postgres.sql("CREATE DATABASE nexmark")
            with psycopg.connect(postgres.dsn("nexmark"), autocommit=True) as connection:
                for sql in nexmark.TABLES + nexmark.CHANGES:
                    connection.execute(sql)
                write(connection, "nexmark", nexmark.QUERIES, nexmark.TABLES, nexmark.CHANGES,
                      nexmark.for_postgres)
            for topic, text in [*SCRIPTS.items(), *listed("scripts")]:
                postgres.sql(f"CREATE DATABASE {topic}")
                with psycopg.connect(postgres.dsn(topic), autocommit=True) as connection:
                    connection.execute("SET client_min_messages = error")
                    write_script(connection, topic, lines_of(text))
        finally:
            postgres.kill9()


if __name__ == "__main__":
    main()
