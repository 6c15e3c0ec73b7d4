SELECT dept_id, count(*) AS n FROM emp GROUP BY ROLLUP (dept_id)
SELECT dept_id, active, count(*) AS n, grouping(dept_id, active) AS g FROM emp GROUP BY CUBE (dept_id, active)
SELECT dept_id, active, sum(salary) AS s FROM emp GROUP BY GROUPING SETS ((dept_id), (active), ())
SELECT dept_id, active, sum(salary) AS s FROM emp GROUP BY dept_id, ROLLUP (active) HAVING count(*) > 1
SELECT dept_id, active, max(score) AS s FROM emp GROUP BY ROLLUP ((dept_id, active))
SELECT coalesce(d.name, 'all') AS dept, count(e.id) AS n FROM dept d LEFT JOIN emp e ON e.dept_id = d.id GROUP BY ROLLUP (d.name)
SELECT dept_id AS d, count(*) AS n FROM emp GROUP BY d
SELECT d.id, d.name, d.budget, count(e.id) AS n FROM dept d LEFT JOIN emp e ON e.dept_id = d.id GROUP BY d.id
SELECT length(name) % 3 AS k, count(*) AS n, sum(salary) AS s FROM emp GROUP BY length(name) % 3
SELECT count(*) AS n FROM emp GROUP BY ()
SELECT grouping(dept_id) AS g, dept_id FROM emp GROUP BY dept_id
SELECT dept_id FROM emp GROUP BY dept_id, active HAVING bool_or(active)
