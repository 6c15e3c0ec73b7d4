SELECT id, ARRAY[id, dept_id] AS a, (ARRAY[name, 'x'])[1] AS b, array_length(ARRAY[id, 2, 3], 1) AS n FROM emp
SELECT id, (ARRAY[id, 2, 3, 4])[2:3] AS a, (ARRAY[id, 2, 3])[:2] AS b, (ARRAY[id, 2])[5] AS c FROM emp
SELECT id, x FROM emp, unnest(ARRAY[id, dept_id]) AS x
SELECT id, x, n FROM emp, unnest(ARRAY[name, 'z']) WITH ORDINALITY AS t(x, n)
SELECT id, string_to_array(name, 'a') AS parts, array_to_string(ARRAY[name, NULL, 'x'], ',', '*') AS t FROM emp
SELECT dept_id, array_agg(name ORDER BY name DESC) AS names, array_agg(DISTINCT active) AS flags FROM emp GROUP BY dept_id
SELECT id FROM emp WHERE dept_id = ANY (ARRAY[1, 3])
SELECT id FROM emp WHERE id <> ALL (ARRAY[1, 2, NULL])
SELECT e.id, ARRAY(SELECT amount FROM sale s WHERE s.emp_id = e.id ORDER BY amount) AS a FROM emp e
SELECT e.id, ARRAY(SELECT note FROM sale s WHERE s.emp_id = e.id ORDER BY at DESC, amount) AS a FROM emp e
SELECT d.id, g FROM dept d, generate_series(1, d.id) AS g
SELECT id, generate_series(1, dept_id) AS g FROM emp
SELECT id, array_append(ARRAY[id], 7) AS a, ARRAY[id] || 8 AS b, array_position(ARRAY[1, 2, id], id) AS p, ARRAY[1, 2] @> ARRAY[id] AS c FROM emp
