SELECT 'a'||1, ascii('x'), btrim('  x '), bit_length('abc'), char_length('äb'), chr(65), concat(1,'a',true), initcap('hi THERE')
SELECT format('%s %I %L %%', 'a', 'b c', 'd''e'), format('%2$s %1$s', 'a', 'b'), format('%10s|%-10s|', 'x', 'y'), format('%s', NULL)
SELECT left('abcde', -2), right('abcde', -2), lpad('x', 5, 'ab'), rpad('x', 5, 'ab'), ltrim('xxyx','x'), rtrim('xyxx','x')
SELECT md5('abc'), sha256('abc'::bytea), sha224('abc'::bytea), sha384('abc'::bytea), sha512('abc'::bytea)
SELECT encode('abc'::bytea,'base64'), decode('YWJj','base64'), encode('\x00ff'::bytea,'escape'), decode('616263','hex')
SELECT regexp_match('abc123','([a-z]+)(\d+)'), regexp_matches('abc123def456','([a-z]+)(\d+)','g')
SELECT regexp_split_to_array('a,b,,c',','), regexp_split_to_table('a b c',' ')
SELECT regexp_count('abcabc','b'), regexp_instr('abcabc','c',1,2), regexp_like('Abc','a','i'), regexp_substr('abc123','\d+')
SELECT repeat('ab',3), replace('abcabc','b','X'), reverse('abc'), split_part('a-b-c','-',-1), starts_with('abc','ab'), strpos('abc','c')
SELECT string_to_array('a,b,c',','), string_to_array('abc',NULL), string_to_array('a,b,NULL',',','NULL'), array_to_string(ARRAY[1,NULL,3],',','*')
SELECT unnest(string_to_array('a,b,c',','))
SELECT string_to_table('a,b,c',',')
SELECT substr('abcdef',2,3), substring('abcdef' from 2 for 3), substring('abc123' from '[0-9]+'), substring('abcdef' from 3), substring('abcdef' for 2)
SELECT 'abc' SIMILAR TO '%(b|d)%', 'abc' NOT SIMILAR TO 'a'
SELECT trim(both 'x' from 'xxaxx'), trim(leading from '  a'), trim(trailing 'b' from 'abb'), overlay('abcdef' placing 'XX' from 2 for 3), position('c' in 'abc')
SELECT 'abc' ~ '^a', 'abc' ~* 'B', 'abc' !~ 'x', 'abc' !~* 'A', 'abc' ^@ 'ab'
SELECT abs(-5), abs(-5.5), cbrt(27), ceil(1.2), ceiling(1.2::float8), degrees(pi()), div(9,4), exp(1.0), factorial(5)
SELECT floor(-1.5), gcd(12,18), lcm(4,6), ln(10.0), log(100), log(2,64), log10(1000), min_scale(1.500), mod(10,3), pi()
SELECT power(2,3), power(2.0,3), radians(180), round(1.555,2), round(-1.5), scale(1.50), sign(-2.5), sqrt(16), trim_scale(1.500), trunc(1.567,2), trunc(-1.5)
SELECT width_bucket(5.35, 0.024, 10.06, 5), width_bucket(5, 0, 10, 5), width_bucket(now(), array['yesterday','today','tomorrow']::timestamptz[]) IS NOT NULL, width_bucket(3.0::float8, ARRAY[1.0,2.0,4.0]::float8[])
SELECT acos(1), asin(1), atan(1), atan2(1,2), cos(0), cot(1), sin(1), tan(1), acosd(0.5), asind(0.5), atand(1), cosd(60), sind(30), tand(45), cotd(45), atan2d(1,2)
SELECT sinh(1), cosh(1), tanh(1), asinh(1), acosh(2), atanh(0.5)
SELECT @ -5, |/ 25, ||/ 27, 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 4, 256 >> 2, 2 ^ 3, 5 % 3
SELECT age(timestamp '2024-03-01', timestamp '2020-02-29'), age(timestamptz '2024-03-01 12:00', timestamptz '2020-02-29')
SELECT date_part('year', timestamp '2024-02-29'), extract(century from date '2024-02-29'), extract(epoch from timestamp '2024-02-29 12:00'), extract(isodow from date '2024-02-29')
SELECT date_trunc('hour', timestamp '2024-02-29 12:34:56'), date_trunc('month', date '2024-02-29'), date_trunc('day', timestamptz '2024-02-29 12:34:56+02', 'Europe/Berlin'), date_trunc('hour', interval '3 days 02:47:33')
SELECT date_bin('15 minutes', timestamp '2020-02-11 15:44:17', timestamp '2001-01-01')
SELECT isfinite(date '2024-01-01'), isfinite(timestamp 'infinity'), isfinite(interval '1 day')
SELECT justify_days(interval '35 days'), justify_hours(interval '27 hours'), justify_interval(interval '1 mon -1 hour')
SELECT make_date(2024,2,29), make_interval(1,2,3,4,5,6,7.5), make_interval(days => 10), make_time(8,15,23.5), make_timestamp(2024,2,29,8,15,23.5), make_timestamptz(2024,2,29,8,15,23.5), make_timestamptz(2024,2,29,8,15,23.5,'Europe/Berlin')
SELECT to_timestamp(1284352323), to_timestamp('05 Dec 2000','DD Mon YYYY'), to_date('05 Dec 2000','DD Mon YYYY'), to_timestamp('2024-02-29 13:04:05','YYYY-MM-DD HH24:MI:SS')
SELECT to_char(timestamp '2024-02-29 13:04:05.678','YYYY-MM-DD HH24:MI:SS.MS'), to_char(timestamp '2024-02-29 13:04:05','Day, DD Month YYYY HH12:MI AM'), to_char(interval '15h 2m 12s','HH24:MI:SS')
SELECT to_char(125,'999'), to_char(125.8::real,'999D9'), to_char(-125.8,'999D99S'), to_char(1234567.891,'9,999,999.99'), to_char(0.1,'0.9'), to_char(12,'FM0009'), to_char(485,'RN'), to_char(1e5::float8,'9.99EEEE')
SELECT to_number('12,454.8-','99G999D9S'), to_number('$1,234.50','L9,999.99'), to_number('-12','S99')
SELECT timestamp '2024-02-29 12:00' AT TIME ZONE 'America/New_York', timestamptz '2024-02-29 12:00+00' AT TIME ZONE 'Asia/Tokyo', time '12:00' AT TIME ZONE 'UTC' IS NOT NULL, timestamptz '2024-02-29 12:00+00' AT TIME ZONE interval '02:00'
SELECT (date '2024-01-01', date '2024-02-01') OVERLAPS (date '2024-01-15', date '2024-03-01'), (timestamp '2024-01-01', interval '1 day') OVERLAPS (timestamp '2024-01-02', interval '1 day')
SELECT interval '1 day' + interval '2 hours', interval '1 day' - interval '1 hour', interval '1 day' * 1.5, interval '1 day' / 3, -interval '1 day', interval '1 day' > interval '23 hours', 2 * interval '3 hours'
SELECT date '2024-01-01' + interval '1 day', date '2024-01-01' + time '03:00', date '2024-01-01' - 7, time '05:00' - interval '2 hours', time '05:00' - time '03:00', timestamp '2024-01-01' + interval '1 month', 5 + date '2024-01-01', interval '1 day' + date '2024-01-01', time '01:00' + interval '3 hours', time '03:00' + date '2024-01-01'
SELECT extract(year from interval '2 years 3 months'), extract(month from interval '2 years 3 months'), extract(second from time '12:34:56.5'), extract(timezone from timestamptz '2024-01-01 00:00+02'), extract(julian from date '2024-01-01'), extract(week from date '2024-12-30'), extract(isoyear from date '2024-12-30')
SELECT pg_typeof(1), pg_typeof('a'::text), pg_typeof(now()), pg_typeof(ARRAY[1]), pg_typeof(NULL)
SELECT array_append(ARRAY[1,2],3), array_prepend(0,ARRAY[1]), array_cat(ARRAY[1],ARRAY[2]), array_length(ARRAY[[1,2],[3,4]],2), array_dims(ARRAY[[1,2],[3,4]]), array_ndims(ARRAY[1]), array_lower(ARRAY[1],1), array_upper(ARRAY[1,2],1)
SELECT array_position(ARRAY['a','b'],'b'), array_positions(ARRAY[1,2,1],1), array_remove(ARRAY[1,2,1],1), array_replace(ARRAY[1,2],1,5), cardinality(ARRAY[[1,2],[3,4]]), array_fill(7,ARRAY[2]), trim_array(ARRAY[1,2,3],1), array_fill(0, ARRAY[2,2])
SELECT ARRAY[1,2] || 3, 0 || ARRAY[1], ARRAY[1] || ARRAY[2,3], ARRAY[1,2] @> ARRAY[1], ARRAY[1] <@ ARRAY[1,2], ARRAY[1,2] && ARRAY[2,3], ARRAY[1,2] = ARRAY[1,2], ARRAY[1,2] < ARRAY[1,3]
SELECT (ARRAY[1,2,3,4])[2:3], (ARRAY[[1,2],[3,4]])[1][2], (ARRAY[1,2,3])[:2], (ARRAY[1,2,3])[5], ('{1,2,3}'::int[])[1]
SELECT 1 = ANY(ARRAY[1,2]), 3 > ALL(ARRAY[1,2]), 1 <> ALL('{2,3}'::int[]), NULL = ANY(ARRAY[1])
SELECT * FROM unnest(ARRAY[1,2],ARRAY['a','b','c'])
SELECT * FROM unnest(ARRAY[1,2],ARRAY['a','b','c']) AS t(n,s)
SELECT * FROM unnest(ARRAY['x','y']) WITH ORDINALITY
SELECT * FROM unnest(ARRAY['x','y']) WITH ORDINALITY AS t(v,i)
SELECT ARRAY(SELECT g FROM generate_series(1,3) g)
SELECT generate_subscripts(ARRAY[1,2,3],1)
SELECT array_agg(g ORDER BY g DESC), string_agg(g::text,'-' ORDER BY g) FROM generate_series(1,3) g
SELECT '{"a":1,"b":[1,2]}'::jsonb -> 'a', '{"a":1,"b":[1,2]}'::jsonb ->> 'b', '{"a":{"b":[1,2]}}'::jsonb #> '{a,b,0}', '{"a":{"b":[1,2]}}'::jsonb #>> '{a,b}', '[1,2,3]'::jsonb -> -1
SELECT '{"a":1}'::jsonb @> '{"a":1}', '{"a":1}'::jsonb <@ '{"a":1,"b":2}', '{"a":1}'::jsonb ? 'a', '{"a":1}'::jsonb ?| ARRAY['a','b'], '{"a":1}'::jsonb ?& ARRAY['a','b'], '{"a":1}'::jsonb || '{"b":2}', '{"a":1,"b":2}'::jsonb - 'a', '["a","b"]'::jsonb - 1, '{"a":{"b":1}}'::jsonb #- '{a,b}', '{"a":1,"b":2}'::jsonb - ARRAY['a','b']
SELECT jsonb_build_object('a',1,'b','x'), jsonb_build_array(1,'a',NULL), to_jsonb(1), to_jsonb('a'::text), to_jsonb(ARRAY[1,2]), jsonb_object('{a,1,b,2}'), jsonb_object(ARRAY['a','b'],ARRAY['1','2'])
SELECT jsonb_array_length('[1,2]'), jsonb_typeof('1'), jsonb_strip_nulls('{"a":null,"b":1}'), jsonb_set('{"a":1}','{b}','2'), jsonb_insert('{"a":[1]}','{a,0}','0'), jsonb_extract_path('{"a":{"b":1}}','a','b'), jsonb_extract_path_text('{"a":{"b":1}}','a','b')
SELECT jsonb_object_keys('{"b":1,"a":2}')
SELECT * FROM jsonb_each('{"a":1,"b":"x"}')
SELECT * FROM jsonb_each_text('{"a":1,"b":"x"}')
SELECT * FROM jsonb_array_elements('[1,"a",null]')
SELECT * FROM jsonb_array_elements_text('[1,"a",null]')
SELECT jsonb_agg(g), jsonb_object_agg(g::text,g*2) FROM generate_series(1,3) g
SELECT ('{"a":5}'::jsonb->>'a')::int + 1, ('{"a":5}'::jsonb->'a')::int, '5'::jsonb::numeric
SELECT (1,2) = (1,2), (1,2) < (1,3), (1,NULL) = (1,2), ROW(1,2) IS NULL, ROW(NULL,NULL) IS NULL, ROW(1,'a'), (1,2) IN ((1,2),(3,4)), ROW(1,2) IS DISTINCT FROM ROW(1,3)
SELECT CASE WHEN 1=1 THEN 'a' ELSE 'b' END, CASE 2 WHEN 1 THEN 'x' WHEN 2 THEN 'y' END, COALESCE(NULL,1), NULLIF(1,2), GREATEST(1,2,3), LEAST(1,NULL,0)
SELECT 1 BETWEEN 0 AND 2, 1 NOT BETWEEN 2 AND 3, 1 BETWEEN SYMMETRIC 2 AND 0, NULL IS UNKNOWN, true IS NOT FALSE, 1 IS DISTINCT FROM NULL, 1 ISNULL, 1 NOTNULL
SELECT greatest('a','b'), 1::text, 1.5::int, '12'::int, 'true'::bool, 1::bool, '2024-01-01'::date, 'abc'::varchar(2), 'abc'::char(5), cast('1' AS numeric(5,2)), int '5', float8 '1.5', '1 day'::interval
SELECT convert_from('abc'::bytea,'UTF8'), convert_to('abc','UTF8'), length('abc'::bytea), substring('abcdef'::bytea from 2 for 2), get_byte('abc'::bytea,0), set_byte('abc'::bytea,0,65), position('b'::bytea in 'abc'::bytea), 'a'::bytea || 'b'::bytea, btrim('xax'::bytea,'x'::bytea), reverse('abc')
SELECT get_bit('abc'::bytea,1), bit_count('abc'::bytea), overlay('abcdef'::bytea placing 'XX'::bytea from 2), md5('abc'::bytea)
SELECT quote_ident('A b'), quote_literal('a''b'), quote_nullable(NULL), to_hex(255), translate('12345','143','ax'), unistr('\0041'), upper('abc'), lower('ABC')
SELECT num_nulls(1,NULL,2), num_nonnulls(1,NULL), random() < 1, gen_random_uuid() IS NOT NULL
SELECT current_user = session_user, current_schema, current_date = now()::date, localtime IS NOT NULL, localtimestamp IS NOT NULL, clock_timestamp() >= now(), transaction_timestamp() = now()
SELECT jsonb_agg(g), jsonb_object_agg(g::text,g*2) FROM generate_series(1,3) g
SELECT make_interval(days => 10, hours => 2), make_interval(weeks => 1), make_interval(1, secs => 2.5), make_date(year => 2024, month => 2, day => 29), jsonb_set('{"a": 1}', '{b}', '2', create_if_missing => false)
SELECT make_interval(foo => 1)
SELECT make_interval(days => 1, days => 2)
SELECT make_interval(days => 1, 2)
SELECT (-2147483648) / 2, pg_typeof(-2147483648), pg_typeof(2147483648), pg_typeof(-9223372036854775808), pg_typeof(9223372036854775808)
SELECT pg_typeof('a'), pg_typeof(concat('a', 1)), pg_typeof(ARRAY['a']), count('x'), concat('a', NULL, 'b', 1.50, true)
SELECT * FROM generate_series(1,2) a, LATERAL unnest(ARRAY[a, a*10], ARRAY['x','y','z']) AS t(n,s) ORDER BY 1, 2, 3
SELECT (ARRAY[[1,2,3],[4,5,6]])[1:2][2:3], (ARRAY[[1,2,3],[4,5,6]])[2:][2], (ARRAY[1,2,3])[NULL:2], (ARRAY[1,2,3])[3:1]
SELECT json_build_object('a', 1, 2, ARRAY[1,2], 'c', NULL, 'd', date '2024-01-01'), json_build_array(1, 'a', NULL, 1.50, true), to_json(ARRAY[[1,2],[3,4]]), to_json('a"b'::text), to_json(1e20::float8), array_to_json(ARRAY['x', NULL])
SELECT json_build_object('a')
SELECT json_build_object(NULL, 1)
SELECT 'today'::date = current_date, 'tomorrow'::date - current_date, 'now'::timestamptz <= clock_timestamp()
SELECT to_char(interval '-1 day -2 hours', 'DD HH24:MI:SS')
SELECT unnest(ARRAY[1,2]), unnest(ARRAY['a','b','c'])
SELECT generate_series(1,3), generate_series(1,2), 7 AS seven
SELECT g, generate_series(1, g), generate_series(g, 3) FROM generate_series(1,2) g ORDER BY 1, 2, 3
SELECT generate_series(1, generate_series(1, 3)), 'x'
SELECT a.x, unnest(ARRAY[a.x, a.x + 1]) AS u, unnest(ARRAY['p']) AS p FROM (VALUES (1),(2)) a(x) ORDER BY 1, 2
SELECT to_char(interval '-1 mon', 'MM'), to_char(interval '-5 days', 'DD'), to_char(interval '-2 hours -3 min', 'HH24:MI')
SELECT jsonb_build_object('{}'::jsonb, 1)
SELECT json_build_object(ARRAY[1], 1)
