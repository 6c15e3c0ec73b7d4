SELECT name FROM emp e WHERE salary = (SELECT max(salary) FROM emp x WHERE x.dept_id = e.dept_id)
SELECT name FROM emp WHERE (dept_id, active) IN (SELECT id, true FROM dept)
SELECT name FROM emp WHERE dept_id = ANY (SELECT id FROM dept WHERE budget > 60000)
SELECT name FROM emp WHERE salary > ALL (SELECT 10 * amount FROM sale WHERE amount IS NOT NULL)
SELECT name, EXISTS (SELECT 1 FROM sale s WHERE s.emp_id = e.id) AS sells FROM emp e
SELECT name, (SELECT string_agg(note, ',' ORDER BY note) FROM sale s WHERE s.emp_id = e.id) AS notes FROM emp e
SELECT e.id, s.amount, s.note FROM emp e LEFT JOIN LATERAL (SELECT amount, note FROM sale s WHERE s.emp_id = e.id ORDER BY amount DESC, note LIMIT 1) s ON true
SELECT e.id, x.n FROM emp e CROSS JOIN LATERAL (SELECT count(*) AS n FROM sale s WHERE s.emp_id = e.id AND s.amount > e.dept_id) x
SELECT d.name FROM dept d WHERE NOT EXISTS (SELECT 1 FROM emp e WHERE e.dept_id = d.id AND e.salary > 100)
SELECT d.name, (SELECT count(*) FROM emp e WHERE e.dept_id = d.id AND e.id IN (SELECT emp_id FROM sale)) AS n FROM dept d
SELECT id FROM emp WHERE id IN (SELECT emp_id FROM sale) AND id NOT IN (SELECT id FROM dept)
SELECT d.id FROM dept d WHERE d.id::bigint IN (SELECT dept_id FROM emp)
SELECT s.amount FROM sale s WHERE EXISTS (SELECT 1 FROM dept d WHERE d.id::bigint = s.emp_id)
WITH t AS (SELECT dept_id, sum(salary) AS s FROM emp GROUP BY dept_id) SELECT a.dept_id FROM t a WHERE a.s >= (SELECT avg(s) FROM t)
