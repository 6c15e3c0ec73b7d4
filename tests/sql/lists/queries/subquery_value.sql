SELECT id, dept_id IN (SELECT id FROM dept) AS a, dept_id NOT IN (SELECT id FROM dept) AS b FROM emp
SELECT id, id IN (SELECT dept_id FROM emp) AS a FROM dept
SELECT id, id IN (SELECT dept_id FROM emp WHERE dept_id IS NOT NULL) AS a FROM dept
SELECT id, dept_id IN (SELECT id FROM dept WHERE name = emp.name) AS a FROM emp
SELECT id, name IN (SELECT note FROM sale WHERE emp_id = emp.id) AS a FROM emp
SELECT id FROM emp WHERE dept_id IN (SELECT id FROM dept WHERE budget > 60000) OR active IS NULL
SELECT id, salary IN (SELECT budget FROM dept) AS a, id::bigint IN (SELECT id FROM dept) AS b FROM emp
SELECT id, (SELECT name FROM dept WHERE id = emp.dept_id) AS a FROM emp
SELECT id, (SELECT amount FROM sale WHERE emp_id = emp.id AND note = 'b') AS a FROM emp
SELECT id, (SELECT amount FROM sale WHERE emp_id = emp.id ORDER BY amount DESC LIMIT 1) AS a FROM emp
SELECT id FROM emp WHERE (dept_id, active) NOT IN (SELECT id, true FROM dept WHERE budget IS NOT NULL)
SELECT a.id, b.id AS b, c.id AS c FROM emp a JOIN emp b ON a.dept_id = b.dept_id JOIN emp c ON a.dept_id = c.dept_id
SELECT a.n, b.n AS m FROM (SELECT max(name) FILTER (WHERE id > 100) AS n FROM emp) a FULL JOIN (SELECT max(name) FILTER (WHERE id > 100) AS n FROM emp) b ON a.n = b.n
SELECT id, rn FROM (SELECT id, rank() OVER (ORDER BY salary DESC NULLS LAST) AS rn FROM emp) t WHERE rn = 1
