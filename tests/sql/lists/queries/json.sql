SELECT id, jsonb_build_object('name', name, 'salary', salary, 'tags', jsonb_build_array(active, born)) AS j FROM emp
SELECT dept_id, jsonb_agg(name ORDER BY id) AS names FROM emp GROUP BY dept_id
SELECT jsonb_object_agg(name, salary) AS by_name FROM emp
SELECT emp_id, jsonb_agg(jsonb_build_object('amount', amount, 'note', note) ORDER BY amount, note) FILTER (WHERE amount > 0) AS sales FROM sale GROUP BY emp_id
SELECT id, to_jsonb(name) AS a, to_jsonb(salary) AS b, to_jsonb(born) AS c FROM emp
SELECT id, (jsonb_build_object('k', salary) ->> 'k')::numeric + 1 AS n FROM emp
SELECT d.id, k, v FROM dept d, jsonb_each_text(jsonb_build_object('name', d.name, 'budget', d.budget)) AS t(k, v)
SELECT e.id, x FROM emp e, jsonb_array_elements(jsonb_build_array(e.id, e.name)) AS t(x)
SELECT id FROM emp WHERE jsonb_build_object('active', active) @> '{"active": true}'
SELECT id, to_jsonb(emp) AS whole FROM emp
SELECT e.id, to_jsonb(d) AS dept, to_jsonb(ROW(e.id, e.name)) AS parts FROM emp e LEFT JOIN dept d ON d.id = e.dept_id
SELECT dept_id, jsonb_agg(emp ORDER BY id) AS staff FROM emp GROUP BY dept_id
