SELECT dept_id, sum(salary * 1e40) AS s, avg(salary * 1e40) AS a, count(salary) AS n FROM emp GROUP BY dept_id
SELECT dept_id, stddev(salary * 92345678901234567) AS d, var_pop(salary * 1e-40) AS v, stddev_pop(id::numeric * 1e60) AS p, var_samp(salary * 1e60 + id * 1e-20) AS w FROM emp GROUP BY dept_id
SELECT sum(salary * salary * salary * 1e20) AS s, sum(DISTINCT salary * 1e40) AS d, stddev(DISTINCT round(salary, -3) * 1e40) AS p FROM emp
SELECT sum(CASE WHEN id % 2 = 0 THEN salary * 1e50 ELSE salary * 1.00000 END) AS s, sum(CASE id WHEN 3 THEN 'NaN' WHEN 4 THEN '-Infinity' ELSE salary * 1e40 END) FILTER (WHERE active) AS n FROM emp
SELECT id, sum(salary * 1e40) OVER (PARTITION BY dept_id ORDER BY id ROWS 1 PRECEDING) AS s, stddev(salary * 1e40) OVER (ORDER BY id) AS d FROM emp
