SELECT id, age(date '2024-01-01', born) AS a, born + interval '1 year' AS b, extract(doy FROM born) AS c FROM emp
SELECT emp_id, date_trunc('month', at) AS m, date_bin('15 minutes', at, timestamp '2024-01-01') AS b, to_char(at, 'Dy DD Mon YYYY HH24:MI') AS t FROM sale
SELECT emp_id, at::date AS d, at::time AS t, at AT TIME ZONE 'Europe/Berlin' AS z, extract(epoch FROM at) AS e FROM sale
SELECT to_char(born, 'IYYY-IW') AS week, count(*) AS n FROM emp GROUP BY 1
SELECT date_trunc('month', at) AS m, sum(amount) AS s FROM sale GROUP BY m HAVING sum(amount) > 0
SELECT id, to_date(to_char(born, 'YYYYMMDD'), 'YYYYMMDD') AS d, to_timestamp(to_char(born, 'DD Mon YYYY'), 'DD Mon YYYY') AT TIME ZONE 'UTC' AS t FROM emp
SELECT id, make_date(extract(year FROM born)::int, 1, 1) AS d, make_interval(days => id) AS i FROM emp
SELECT emp_id, (at, at + interval '2 hours') OVERLAPS (timestamp '2024-01-01 11:30', timestamp '2024-01-02') AS o FROM sale
