CREATE TABLE dept (id int PRIMARY KEY, name text NOT NULL, budget numeric(12,2))
CREATE TABLE emp (id int PRIMARY KEY, dept_id int, name text, salary numeric(10,2), born date, score float8, active bool)
CREATE TABLE sale (emp_id int, at timestamp, amount int, note text)
INSERT INTO dept VALUES (1, 'Research', 100000), (2, 'Sales', 50000.50), (3, 'Empty', NULL)
INSERT INTO emp VALUES (1, 1, 'Ada', 120.50, '1815-12-10', 9.5, true), (2, 1, 'Grace', 120.50, '1906-12-09', 8.25, true), (3, 2, 'Linus', 80, '1969-12-28', NULL, false), (4, 2, 'Barbara', 99.99, '1939-11-07', 0.5, NULL), (5, NULL, 'Nobody', NULL, NULL, -1.5, true), (6, 9, 'Lost', 10, '2000-02-29', 2, false)
INSERT INTO sale VALUES (1, '2024-01-01 10:00', 5, 'a'), (1, '2024-01-01 11:00', 7, NULL), (3, '2024-01-02 09:30', 0, 'b'), (3, '2024-02-01 00:00', -3, 'a'), (4, NULL, NULL, ''), (4, '2024-01-01 10:00', 5, 'a'), (7, '2024-03-01 12:00', 11, 'x')
SELECT name, row_number() OVER (ORDER BY id) FROM emp
SELECT name, rank() OVER (PARTITION BY dept_id ORDER BY salary DESC), dense_rank() OVER (ORDER BY salary), percent_rank() OVER (ORDER BY id), cume_dist() OVER (ORDER BY id), ntile(3) OVER (ORDER BY id) FROM emp
SELECT id, lag(name) OVER w, lead(name, 2, 'none') OVER w, first_value(name) OVER w, last_value(name) OVER w, nth_value(name, 2) OVER w FROM emp WINDOW w AS (ORDER BY id)
SELECT id, sum(salary) OVER (PARTITION BY dept_id), sum(salary) OVER (ORDER BY id), avg(salary) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING), count(*) OVER () FROM emp
SELECT dept_id, sum(sum(salary)) OVER (ORDER BY dept_id) FROM emp GROUP BY dept_id
SELECT * FROM (SELECT id, rank() OVER (ORDER BY salary DESC NULLS LAST) r FROM emp) t WHERE r <= 2
SELECT dept_id, count(*) FROM emp GROUP BY ROLLUP (dept_id)
SELECT dept_id, active, count(*), grouping(dept_id, active) FROM emp GROUP BY CUBE (dept_id, active)
SELECT dept_id, active, sum(salary) FROM emp GROUP BY GROUPING SETS ((dept_id), (active), ())
SELECT dept_id, active, sum(salary) FROM emp GROUP BY dept_id, ROLLUP (active) HAVING count(*) > 1
SELECT dept_id AS d, count(*) FROM emp GROUP BY d ORDER BY d NULLS FIRST
SELECT count(*), dept_id FROM emp GROUP BY 2 ORDER BY 1 DESC, 2
SELECT DISTINCT ON (dept_id) dept_id, name FROM emp ORDER BY dept_id, salary DESC, name
SELECT emp.*, dept.name AS dname FROM emp LEFT JOIN dept ON dept.id = dept_id ORDER BY emp.id LIMIT 3 OFFSET 1
SELECT * FROM emp NATURAL JOIN (SELECT id, budget FROM dept) d
SELECT * FROM emp e FULL JOIN dept d ON e.dept_id = d.id AND e.salary > 100 ORDER BY e.id, d.id
SELECT * FROM emp e CROSS JOIN LATERAL (SELECT count(*) AS n FROM sale s WHERE s.emp_id = e.id) x ORDER BY e.id
SELECT e.id, s.* FROM emp e LEFT JOIN LATERAL (SELECT amount, note FROM sale s WHERE s.emp_id = e.id ORDER BY amount DESC LIMIT 1) s ON true ORDER BY e.id
SELECT name FROM emp e WHERE salary = (SELECT max(salary) FROM emp x WHERE x.dept_id = e.dept_id)
SELECT name FROM emp WHERE (dept_id, active) IN (SELECT id, true FROM dept)
SELECT name FROM emp WHERE dept_id = ANY (SELECT id FROM dept WHERE budget > 60000)
SELECT name FROM emp WHERE salary > ALL (SELECT 10 * amount FROM sale WHERE amount IS NOT NULL)
SELECT name, EXISTS (SELECT 1 FROM sale s WHERE s.emp_id = e.id) FROM emp e
SELECT name, (SELECT string_agg(note, ',' ORDER BY note) FROM sale s WHERE s.emp_id = e.id) FROM emp e
SELECT name, ARRAY(SELECT amount FROM sale s WHERE s.emp_id = e.id ORDER BY amount) FROM emp e
WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t
WITH a AS (SELECT 1 AS x), b AS (SELECT x + 1 AS y FROM a) SELECT * FROM a, b
(SELECT id FROM emp ORDER BY id LIMIT 2) UNION ALL (SELECT id FROM dept ORDER BY id DESC LIMIT 1)
SELECT id FROM emp EXCEPT SELECT id FROM dept ORDER BY id
SELECT id FROM emp INTERSECT SELECT id FROM dept ORDER BY 1 DESC
VALUES (1,'a'),(2,'b') ORDER BY 1 DESC
TABLE dept
SELECT * FROM (VALUES (1,'a'),(2,'b')) v(x,y) JOIN dept ON dept.id = v.x
SELECT bit_and(id), bit_or(id), bit_xor(id), bool_and(active), bool_or(active), every(active) FROM emp
SELECT count(DISTINCT dept_id), sum(DISTINCT salary), avg(DISTINCT salary), array_agg(DISTINCT dept_id), string_agg(DISTINCT note, ',') FROM emp LEFT JOIN sale ON emp_id = id
SELECT max(ARRAY[id]), min(born), max(born), min(at), max(active::text), sum(score), sum(interval '1 hour'), avg(interval '1 hour') FROM emp, sale WHERE emp_id = emp.id
SELECT count(*) FILTER (WHERE salary > 100), count(salary), count(DISTINCT (dept_id, active)) FROM emp
SELECT id, generate_series(1, id) AS g FROM dept ORDER BY 1, 2
SELECT * FROM generate_series(1, 10, 3) WITH ORDINALITY AS t(v, n)
SELECT * FROM generate_series(timestamp '2024-01-01', '2024-01-03', interval '12 hours')
SELECT * FROM generate_series(1.0, 2.0, 0.5)
SELECT * FROM generate_series(timestamptz '2024-03-30', '2024-04-01', '1 day')
SELECT * FROM ROWS FROM (generate_series(1,3), generate_series(5,6)) AS t(a,b)
SELECT d.id, x FROM dept d, unnest(ARRAY[d.id, d.id*10]) x ORDER BY 1, 2
INSERT INTO sale (emp_id) VALUES (100) RETURNING *
INSERT INTO sale DEFAULT VALUES RETURNING *
UPDATE emp SET salary = salary + d.budget / 1000 FROM dept d WHERE d.id = emp.dept_id RETURNING emp.id, emp.salary, d.name
UPDATE emp SET (salary, score) = (1, 2) WHERE id = 1 RETURNING *
UPDATE emp e SET salary = (SELECT count(*) FROM sale s WHERE s.emp_id = e.id) RETURNING id, salary
DELETE FROM sale USING emp WHERE sale.emp_id = emp.id AND emp.name = 'Linus' RETURNING sale.*, emp.name
INSERT INTO dept VALUES (1, 'dup', 0) ON CONFLICT DO NOTHING
INSERT INTO dept AS d VALUES (1, 'dup', 0), (8, 'new', 1) ON CONFLICT (id) DO UPDATE SET name = excluded.name || d.name WHERE d.id < 5 RETURNING *
INSERT INTO dept VALUES (8, 'x', 0) ON CONFLICT ON CONSTRAINT dept_pkey DO UPDATE SET budget = 77 RETURNING *
INSERT INTO dept SELECT id + 100, name, salary FROM emp WHERE name IS NOT NULL RETURNING id
SELECT * FROM dept ORDER BY id FETCH FIRST 2 ROWS ONLY
SELECT id, salary FROM emp ORDER BY salary DESC NULLS LAST, id FETCH FIRST 2 ROWS WITH TIES
SELECT id FROM emp ORDER BY salary USING >, id
SELECT name COLLATE "C" FROM emp ORDER BY name COLLATE "C"
SELECT e FROM dept e ORDER BY id LIMIT 1
SELECT (e).name FROM dept e ORDER BY id LIMIT 1
SELECT (e).* FROM dept e ORDER BY (e).id LIMIT 1
SELECT e.id, e.* FROM dept e WHERE e.name IS NOT NULL ORDER BY e.id LIMIT 1
SELECT count(e) FROM dept e
SELECT id, name FROM emp WHERE name SIMILAR TO '(A|G)%' ORDER BY id
SELECT id, CASE WHEN salary > 2 THEN 'hi' ELSE 'lo' END AS b, count(*) OVER (PARTITION BY CASE WHEN salary > 2 THEN 'hi' ELSE 'lo' END) FROM emp ORDER BY id
SELECT sum(amount) FROM sale GROUP BY date_trunc('month', at) ORDER BY date_trunc('month', at)
SELECT date_trunc('month', at) AS m, sum(amount) FROM sale GROUP BY m HAVING sum(amount) > 0 ORDER BY m
SELECT id, name FROM emp WHERE id = 1 OR name LIKE 'G%' ORDER BY name DESC
SELECT GREATEST(salary, 100), LEAST(score, 1) FROM emp ORDER BY id
SELECT a.id FROM emp a JOIN emp b ON a.id = b.id + 1 LEFT JOIN dept c ON c.id = b.dept_id RIGHT JOIN sale s ON s.emp_id = a.id ORDER BY 1
SELECT * FROM emp e JOIN dept d USING (id) ORDER BY id
SELECT * FROM dept d1, dept d2 WHERE d1.id < d2.id ORDER BY 1, 4
SELECT sum(x) FROM (SELECT 1 AS x WHERE false) t
SELECT max(x) OVER (), x FROM (VALUES (1),(2)) t(x) WHERE x > 1
SELECT x, count(*) FROM (VALUES (1.0),(1.00),(2)) t(x) GROUP BY x
SELECT DISTINCT x FROM (VALUES ('a'),('b'),('a')) t(x) ORDER BY x
SELECT 1 WHERE NULL
SELECT NULL, 'x', 1.50, true, date '2024-01-01'
SELECT 1 AS "A b", 2 b, 3 AS c, 4 AS "select"
SELECT count(*) FROM emp WHERE id IN (SELECT emp_id FROM sale) AND id NOT IN (SELECT id FROM dept)
SELECT stddev(salary), variance(salary), stddev_pop(score), var_pop(salary), stddev_samp(score) FROM emp
SELECT stddev_pop(x), stddev_samp(x) FROM (VALUES (1::bigint), (5000000000), (NULL)) AS t(x)
SELECT 'dept'::regclass::text, 'dept'::regclass::oid > 0, to_regclass('nosuch')::oid, 'int4'::regtype, 'int4'::regtype::oid
SELECT id, nth_value(id, dept_id - 9) OVER (ORDER BY id ROWS BETWEEN 20 FOLLOWING AND 30 FOLLOWING) AS n FROM emp
