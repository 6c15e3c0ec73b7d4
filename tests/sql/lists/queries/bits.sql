SELECT dept_id, bit_and(id) AS a, bit_or(id) AS o, bit_xor(id) AS x FROM emp GROUP BY dept_id
SELECT active, bit_and(id::int8 * 4294967297 - 5) AS a, bit_or(-id::int2) AS o, bit_xor(id - 3) AS x, bit_xor(DISTINCT dept_id) AS d, bit_or(DISTINCT dept_id) AS e FROM emp GROUP BY active
SELECT bit_and(dept_id) FILTER (WHERE active) AS a, bit_or(dept_id) FILTER (WHERE id > 100) AS o, bit_xor(amount) AS x FROM emp LEFT JOIN sale ON emp_id = id
SELECT id, bit_and(id) OVER w AS a, bit_or(dept_id) OVER w AS o, bit_xor(id) FILTER (WHERE active) OVER w AS x FROM emp WINDOW w AS (PARTITION BY dept_id ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING)
