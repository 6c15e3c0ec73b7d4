SELECT id, to_char(salary, 'FM9,990.00') AS a, to_char(score, '0.9EEEE') AS b, to_char(id, '009') AS c FROM emp
SELECT id, format('%s: %L', name, active) AS f, concat_ws('-', id, name, NULL) AS c, quote_ident(name) AS q FROM emp
SELECT id, regexp_replace(name, '[aeiou]', '*', 'g') AS r, substring(name FROM '(.)$') AS s, name ~* '^a' AS m FROM emp
SELECT id, md5(name) AS m, encode(name::bytea, 'hex') AS h, initcap(lower(name)) AS i, reverse(name) AS r FROM emp
SELECT id, split_part(name, 'a', 1) AS a, strpos(name, 'a') AS p, translate(name, 'abc', 'xyz') AS t, overlay(name PLACING '##' FROM 2 FOR 1) AS o FROM emp
SELECT id, name LIKE '%a' AS l, name SIMILAR TO '(A|G)%' AS s, starts_with(name, 'A') AS w, ascii(name) AS c FROM emp
SELECT id, regexp_split_to_array(name, 'a') AS a, regexp_match(name, '(.)a') AS m FROM emp
SELECT id, w FROM emp, regexp_split_to_table(name, 'a') AS w
SELECT id, width_bucket(salary, 0, 200, 4) AS b, round(salary, -1) AS r, trunc(score) AS t, power(score, 2) AS p, sign(score) AS g FROM emp
