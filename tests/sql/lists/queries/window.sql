SELECT id, row_number() OVER (ORDER BY id) AS n FROM emp
SELECT id, rank() OVER (PARTITION BY dept_id ORDER BY salary DESC) AS r, dense_rank() OVER (ORDER BY salary) AS d FROM emp
SELECT id, percent_rank() OVER (ORDER BY id) AS p, cume_dist() OVER (ORDER BY id) AS c, ntile(3) OVER (ORDER BY id) AS t FROM emp
SELECT id, lag(name) OVER w AS a, lead(name, 2, 'none') OVER w AS b, first_value(name) OVER w AS c, last_value(name) OVER w AS d, nth_value(name, 2) OVER w AS e FROM emp WINDOW w AS (ORDER BY id)
SELECT id, sum(salary) OVER (PARTITION BY dept_id) AS a, sum(salary) OVER (ORDER BY id) AS b, count(*) OVER () AS c FROM emp
SELECT id, avg(salary) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS a FROM emp
SELECT id, count(*) OVER (ORDER BY salary GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM emp
SELECT id, max(name) OVER (PARTITION BY active) AS m, count(*) FILTER (WHERE active) OVER (ORDER BY id) AS n FROM emp
SELECT dept_id, sum(sum(salary)) OVER (ORDER BY dept_id) AS s FROM emp GROUP BY dept_id
SELECT * FROM (SELECT id, rank() OVER (ORDER BY salary DESC NULLS LAST) AS r FROM emp) t WHERE r <= 2
SELECT id, name FROM (SELECT *, row_number() OVER (PARTITION BY dept_id ORDER BY salary DESC NULLS LAST, id) AS rn FROM emp) t WHERE rn = 1
SELECT id FROM (SELECT *, row_number() OVER (PARTITION BY dept_id ORDER BY salary, id) AS rn FROM emp) t WHERE rn > 1
SELECT id, rn FROM (SELECT *, row_number() OVER (ORDER BY id DESC) AS rn FROM emp) t WHERE rn BETWEEN 2 AND 4
SELECT id, amount, amount - lag(amount) OVER (PARTITION BY emp_id ORDER BY at, amount, note) AS step FROM sale JOIN emp ON id = emp_id
SELECT * FROM (SELECT id, dept_id, rank() OVER (PARTITION BY dept_id ORDER BY salary DESC NULLS LAST) AS r FROM emp) t WHERE r < 3
SELECT * FROM (SELECT id, dept_id, rank() OVER (PARTITION BY dept_id ORDER BY salary / 1000) AS r FROM emp) t WHERE r <= 2 AND r <> 1
SELECT id FROM (SELECT id, dense_rank() OVER (PARTITION BY dept_id ORDER BY salary) AS r FROM emp) t WHERE r = 1
SELECT id, ntile(dept_id) OVER (ORDER BY dept_id DESC NULLS FIRST, id) AS t, ntile(dept_id) OVER (PARTITION BY active ORDER BY id DESC) AS u FROM emp
