CREATE TABLE a (id int PRIMARY KEY, t text, n numeric, f float8, d date, ts timestamp, tz timestamptz, i interval, b bool, j jsonb, arr int[], u uuid, by bytea, v varchar(5), c char(3), s smallint, big bigint, r real, tm time)
INSERT INTO a VALUES (1, 'x', 1.50, 1.5, '2024-02-29', '2024-02-29 12:00', '2024-02-29 12:00+02', '1 day 02:00', true, '{"a": [1, 2, {"b": null}]}', '{1,2,3}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x01ff', 'abc', 'a', 5, 5000000000, 1.25, '12:34:56.789')
INSERT INTO a (id) VALUES (2)
INSERT INTO a SELECT 3, t || 'y', n * 2, f / 3, d + 1, ts + i, tz - i, -i, NOT b, j || '{"z": true}', arr || 4, u, by || '\x00', 'abcde', 'abc', -s, -big, r * 2, tm + interval '1 hour' FROM a WHERE id = 1
SELECT * FROM a ORDER BY id
SELECT id, t::varchar(1), n::int, f::numeric(10,3), d::timestamp, ts::date, tz::date, i::text, b::int, arr::text, c || '|', s::text, big::float8, r::float8, tm::interval FROM a ORDER BY id
SELECT count(*), count(t), count(DISTINCT b), sum(n), avg(n), sum(f), avg(f), min(d), max(ts), min(tz), max(i), sum(s), avg(s), sum(big), avg(big), sum(r), avg(i), max(u::text), min(v), max(c) FROM a
SELECT id FROM a WHERE n > 1 AND f < 10 AND d BETWEEN '2024-01-01' AND '2024-12-31' ORDER BY id
SELECT id FROM a WHERE j @> '{"a": [1]}' ORDER BY id
SELECT j -> 'a' -> 2 ->> 'b', j #>> '{a,1}', j ? 'z', jsonb_array_length(j -> 'a') FROM a ORDER BY id
SELECT arr[1], arr[2:3], array_length(arr, 1), 2 = ANY(arr), arr @> ARRAY[1], array_to_string(arr, '-') FROM a ORDER BY id
SELECT encode(by, 'hex'), length(by), get_byte(by, 0) FROM a WHERE by IS NOT NULL ORDER BY id
SELECT upper(t), lower(v), length(c), c = 'a', v LIKE 'ab%' FROM a ORDER BY id
SELECT extract(year FROM d), extract(epoch FROM tz), date_trunc('hour', ts), to_char(tm, 'HH24:MI'), age(ts, '2024-01-01'), ts AT TIME ZONE 'UTC', tz AT TIME ZONE 'America/New_York' FROM a ORDER BY id
SELECT to_char(i, 'DD HH24:MI:SS'), justify_hours(i), i * 2, i / 3, extract(hour from i), i > '1 day' FROM a ORDER BY id
SELECT GREATEST(n, f, s), COALESCE(t, 'none'), NULLIF(s, 5), CASE WHEN b THEN 'yes' WHEN NOT b THEN 'no' ELSE 'null' END FROM a ORDER BY id
SELECT round(n, 1), round(f), trunc(n), ceil(f), floor(-f), abs(s), mod(big, 7), power(f, 2), sqrt(f), ln(n), exp(f), n / 3, f / 7, s / 2, s % 2, big / 7 FROM a ORDER BY id
SELECT t, row_number() OVER (ORDER BY n DESC NULLS LAST, id) FROM a ORDER BY 2
UPDATE a SET t = upper(t), n = n + 0.005, arr = array_append(arr, 9), j = jsonb_set(j, '{a,0}', '99') WHERE id IN (1, 3) RETURNING id, t, n, arr, j
UPDATE a SET (t, n) = ('both', 7) WHERE id = 2 RETURNING t, n
UPDATE a SET v = 'too long' WHERE id = 1
UPDATE a SET v = 'abc   ' WHERE id = 1 RETURNING v, length(v)
UPDATE a SET c = 'ab' WHERE id = 1 RETURNING c, length(c), octet_length(c)
UPDATE a SET s = 40000 WHERE id = 1
UPDATE a SET s = s * 10000 WHERE id = 1
UPDATE a SET d = 'tomorrow-ish' WHERE id = 1
UPDATE a SET id = id + 1 WHERE id < 3
DELETE FROM a WHERE n > 1000 RETURNING *
DELETE FROM a WHERE id = 3 RETURNING id, t
SELECT count(*) FROM a
CREATE TABLE k (a int, b text, c int DEFAULT 7, PRIMARY KEY (a, b))
INSERT INTO k VALUES (1, 'x'), (1, 'y', 8), (2, 'x', DEFAULT) RETURNING *
INSERT INTO k (b, a) VALUES ('z', 3) RETURNING a, b, c
INSERT INTO k VALUES (1, 'x', 100) ON CONFLICT (a, b) DO UPDATE SET c = k.c + excluded.c WHERE k.c < 50 RETURNING *
INSERT INTO k VALUES (1, 'x', 100) ON CONFLICT (b, a) DO UPDATE SET c = 0 WHERE k.c < 50 RETURNING *
INSERT INTO k VALUES (5, NULL)
INSERT INTO k VALUES (1, 'x'), (9, 'n') ON CONFLICT DO NOTHING RETURNING *
INSERT INTO k (a) VALUES (1)
SELECT * FROM k ORDER BY a, b
SELECT * FROM k WHERE a = 1 AND b > 'x' ORDER BY b DESC
SELECT * FROM k WHERE (a, b) > (1, 'x') ORDER BY a, b LIMIT 2
SELECT a, array_agg(b ORDER BY b) FROM k GROUP BY a HAVING count(*) > 1
SELECT k1.b, k2.c FROM k k1 JOIN k k2 ON k1.a = k2.a AND k1.b <> k2.b ORDER BY 1, 2
CREATE VIEW kv AS SELECT a, count(*) AS n, sum(c) AS s FROM k GROUP BY a
SELECT * FROM kv ORDER BY a
CREATE VIEW kv2 (x, y) AS SELECT a, n FROM kv WHERE n > 1
SELECT * FROM kv2
CREATE OR REPLACE VIEW kv2 AS SELECT a AS x, n AS y FROM kv
UPDATE kv SET n = 1
DELETE FROM kv
DROP VIEW kv
DROP VIEW kv CASCADE
SELECT * FROM kv2
CREATE TABLE ctas AS SELECT a, b || '!' AS bang, c * 1.5 AS m FROM k
SELECT * FROM ctas ORDER BY 1, 2
SELECT x FROM generate_series(1, 3) x EXCEPT SELECT 2 ORDER BY x
SELECT * FROM (SELECT 1 AS a UNION ALL SELECT 2) t, LATERAL (SELECT t.a * 10 AS b) s ORDER BY a
SELECT a, (SELECT max(c) FROM k k2 WHERE k2.a = k.a) FROM k ORDER BY a, b
SELECT string_agg(b, ',' ORDER BY a DESC, b) FROM k
SELECT string_agg(DISTINCT b, ',') FROM k
SELECT count(*) FILTER (WHERE c > 7), bool_and(c > 5), bool_or(c > 100) FROM k
SELECT 'abc' || 1 || true || NULL IS NULL, 1 || 'a', 'a' || ARRAY['b'], ARRAY[1] || 2
SELECT 1 = 1.0, 1 = 1::float8, 1::smallint = 1::bigint, '1' = 1, 'a' = 'a'::text, date '2024-01-01' = timestamp '2024-01-01', 1.0 = 1.00
SELECT 5 / 2, 5 / 2.0, -5 / 2, 5 % -3, 5.5 % 2, 2 ^ 10, 2 ^ 0.5, 10 / 3.0, 1 / 3::float8, 7::numeric / 3
SELECT 1e10, 1.5e-5, 123456789012345678901234567890, 0.1 + 0.2, 1e100::float8, 1e-10::float8, 3.0, 3., .5
SELECT true AND NULL, false OR NULL, NOT NULL, NULL = NULL, NULL IS NOT DISTINCT FROM NULL, (NULL, 1) IS NULL
SELECT 'a' < 'b', 'a' < 'B', 'Z' < 'a', '10' < '9', 'é' > 'z'
SELECT date '2024-01-31' + interval '1 month', date '2024-02-29' + interval '1 year', timestamp '2024-03-10 02:30' + interval '1 day', date '2024-03-01' - date '2024-02-01', timestamp '2024-03-01' - timestamp '2024-02-01 12:00'
SELECT interval '1 year 2 months 3 days 04:05:06.789', interval '-1 day', interval '36 hours', interval '1.5 days', interval 'P1Y2M3DT4H5M6S', interval '1-2', interval '3 4:05:06'
SELECT '2024-01-01'::date, 'Jan 5 2024'::date, '5/1/2024'::date, '20240105'::date, 'today'::date = current_date, '2024-01-01 10:00 PST'::timestamptz, '10:30 PM'::time
SELECT to_char(1234567.891, 'FM999,999,999.00'), to_char(-5, '999'), to_char(0.5, 'FM90.0'), to_char(now(), 'YYYY') = extract(year from now())::text
SELECT regexp_replace('hello world', '(\w+) (\w+)', '\2 \1'), regexp_match('foo123bar', '[0-9]+'), 'abc' ~ '^[a-c]+$', substring('foo123' from '\d+'), regexp_split_to_array('a1b2c', '\d')
SELECT split_part('a,b,c', ',', 2), position('b' in 'abc'), strpos('abc', 'z'), lpad('7', 3, '0'), rpad('a', 3), trim(' a '), btrim('xxaxx', 'x'), replace('aaa', 'a', 'bb'), translate('abc', 'ab', 'x'), repeat('ab', 2), reverse('abc'), initcap('foo bar'), left('abc', 2), right('abc', 2), md5('a'), concat_ws('-', 1, NULL, 'x'), format('%s-%s', 1, 'a'), quote_literal('it''s')
SELECT jsonb_build_object('a', 1, 'b', ARRAY[1,2], 'c', NULL), to_jsonb(1.50), jsonb_agg(x) FROM generate_series(1,2) x
SELECT * FROM jsonb_each('{"b": 1, "a": [1]}') ORDER BY key
SELECT '{"a": 1.0, "b": "x\u00e9\n", "a": 2}'::jsonb, '[1, 2.50, true, null, "s"]'::jsonb, '"x"'::jsonb, ' {"k" :  [ ] } '::json
SELECT '1 day'::interval = '24 hours'::interval, '30 days'::interval = '1 month'::interval, 'NaN'::float8 = 'NaN'::float8, 'infinity'::float8 > 1e308, '-0'::float8, -0.0
SELECT bit_count('\xff'::bytea), sha256('a'), decode('YQ==', 'base64'), '\x61'::bytea = 'a'::bytea
SELECT a.*, 1 AS one FROM ctas a WHERE a.m > 10 ORDER BY a.a, bang
SELECT count(*) c, a % 2 AS odd FROM k GROUP BY odd ORDER BY odd
SELECT a FROM k GROUP BY a ORDER BY count(*) DESC, a
SELECT a AS b, b AS a FROM k ORDER BY a, b LIMIT 1
SELECT DISTINCT a FROM k ORDER BY a DESC LIMIT 1 OFFSET 1
SELECT max(a) + min(a) AS s FROM k HAVING count(*) > 100
TRUNCATE k
SELECT count(*) FROM k
INSERT INTO k SELECT g, 'g' || g, g * 2 FROM generate_series(1, 1000) g
SELECT count(*), sum(c), min(b), max(b) FROM k
UPDATE k SET c = c + 1 WHERE a % 2 = 0
DELETE FROM k WHERE a > 500
SELECT count(*), sum(c) FROM k
SELECT a, c FROM k WHERE a BETWEEN 10 AND 12 OR a = 400 ORDER BY a
BEGIN
INSERT INTO k VALUES (2000, 'tx', 1)
ROLLBACK
SELECT count(*) FROM k WHERE a = 2000
DROP TABLE k, ctas
DROP TABLE a
SELECT to_jsonb('0001-01-01 00:00+00 BC'::timestamptz), to_jsonb('0001-01-01 00:00:00.25 BC'::timestamp), to_jsonb('0001-01-01 BC'::date), to_json('0001-01-01 00:00+00 BC'::timestamptz)
SELECT json_agg('0001-01-01 00:00+00 BC'::timestamptz)::text, jsonb_build_array('2001-01-01 00:00:00.5+00'::timestamptz, 'infinity'::timestamptz)
