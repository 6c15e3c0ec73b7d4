SELECT dept_id, json_agg(name ORDER BY id) AS a, jsonb_agg(salary ORDER BY id) AS b FROM emp GROUP BY dept_id
SELECT json_agg(born ORDER BY id) AS a, jsonb_agg(score ORDER BY id) AS b, json_agg(active ORDER BY id) AS c FROM emp
SELECT json_agg(at ORDER BY at, emp_id, amount, note) AS a FROM sale
SELECT jsonb_object_agg(id, name ORDER BY id) AS a, json_object_agg(id, budget ORDER BY id) AS b FROM dept
SELECT replace(json_agg(array[id, dept_id] ORDER BY id)::text, E'\n', '') AS a, jsonb_agg(array[id, dept_id] ORDER BY id) AS b FROM emp
SELECT dept_id, json_agg(name) FILTER (WHERE id > 100) AS a FROM emp GROUP BY dept_id
SELECT array_agg(array[id, dept_id] ORDER BY id) AS a FROM emp
SELECT jsonb_agg(DISTINCT dept_id) AS a, json_agg(DISTINCT dept_id) AS b FROM emp
SELECT id, array_agg(name) OVER (ORDER BY id ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS a FROM emp
SELECT id, string_agg(name, '-') OVER (PARTITION BY dept_id ORDER BY id DESC) AS a FROM emp
SELECT id, jsonb_agg(salary) OVER (ORDER BY id ROWS UNBOUNDED PRECEDING) AS a FROM emp
SELECT id, array_agg(dept_id) FILTER (WHERE active) OVER (ORDER BY id) AS a, bit_or(id) OVER (ORDER BY id) AS b FROM emp
SELECT count(DISTINCT dept_id) AS a, count(DISTINCT dept_id) AS b, sum(DISTINCT dept_id) AS c, count(DISTINCT dept_id) FILTER (WHERE active) AS d FROM emp
SELECT count(10 / nullif(id, 3)) AS a, sum(10 / (id - 3)) FILTER (WHERE id <> 3) AS b FROM emp
