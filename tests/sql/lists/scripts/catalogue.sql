CREATE TABLE t (id int PRIMARY KEY, a int, b text)
CREATE INDEX t_ab ON t (b, a)
SELECT unnest(indkey), unnest(indclass), generate_subscripts(indkey, 1) FROM pg_index WHERE indexrelid = 't_ab'::regclass
SELECT array_agg(k ORDER BY k DESC) FROM (SELECT unnest(indkey) k FROM pg_index WHERE indrelid = 't'::regclass AND NOT indisprimary) x
SELECT k, n FROM pg_index x, unnest(x.indkey) WITH ORDINALITY AS u(k, n) WHERE indexrelid = 't_ab'::regclass
SELECT a.attname FROM pg_index x, unnest(x.indkey) WITH ORDINALITY AS u(k, n), pg_attribute a WHERE x.indexrelid = 't_ab'::regclass AND a.attrelid = x.indrelid AND a.attnum = u.k ORDER BY n
SELECT unnest(proargtypes)::regtype FROM pg_proc WHERE oid = 'substr(text,int4,int4)'::regprocedure
SELECT indkey[0], indkey[1], 2 = ANY (indkey), array_length(indkey, 1), array_position(indkey, 2::int2) FROM pg_index WHERE indexrelid = 't_ab'::regclass
BEGIN
INSERT INTO t VALUES (10, 1, 'a'), (20, 2, 'b'), (30, 3, 'c')
SELECT id FROM t WHERE id BETWEEN 25 AND 12
SELECT id FROM t WHERE id > 20 AND id < 20
SELECT id FROM t WHERE b BETWEEN 'c' AND 'a'
SELECT id FROM t WHERE id BETWEEN 12 AND 25
UPDATE t SET a = 0 WHERE id BETWEEN 25 AND 12
DELETE FROM t WHERE id BETWEEN 25 AND 12
COMMIT
SELECT id, a FROM t ORDER BY id
SELECT ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[ARRAY[1]]]]]]]
SELECT ARRAY['{{{{{{1}}}}}}'::int[]]
SELECT array_ndims(ARRAY['{{{{{1}}}}}'::int[]])
SELECT length(repeat('xx', 536870911))
CREATE MATERIALIZED VIEW t_mv AS SELECT id, a FROM t
CREATE VIEW t_v AS SELECT id, a FROM t
SELECT attrelid::regclass::text, attname, attnotnull FROM pg_attribute WHERE attrelid IN ('t'::regclass, 't_mv'::regclass, 't_v'::regclass) AND attnum > 0 ORDER BY attrelid::regclass::text, attnum
SELECT table_name, column_name, is_nullable FROM information_schema.columns WHERE table_name IN ('t', 't_v') ORDER BY 1, ordinal_position
SELECT DISTINCT tableoid::regclass::text FROM t
SELECT id, tableoid = 't'::regclass FROM t WHERE t.tableoid = 't'::regclass ORDER BY id
SELECT g, t.tableoid::regclass::text FROM generate_series(10, 11) g LEFT JOIN t ON t.id = g ORDER BY g
SELECT DISTINCT c.tableoid::regclass::text, n.tableoid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
SELECT tableoid FROM t a, t b
SELECT tableoid FROM t_v
SELECT tableoid FROM (SELECT 1 AS x) s
SELECT tableoid FROM nosuch
SELECT id, (SELECT min(x.tableoid::regclass::text) FROM t x WHERE x.id = t.id) FROM t ORDER BY id
SELECT to_jsonb(t) FROM t ORDER BY id
SELECT jsonb_agg(t ORDER BY id) FROM t
SELECT to_jsonb(ROW(1, 'x', NULL)), jsonb_build_object('row', ROW(1.5, true))
SELECT g, to_jsonb(t) FROM generate_series(10, 11) g LEFT JOIN t ON t.id = g ORDER BY g
UPDATE t SET q.a = 1
UPDATE t SET a = a + 1 WHERE id = 10 RETURNING t.tableoid::regclass::text
SELECT convert_from('\xc3a9'::bytea, 'UTF8'), convert_from('\xff41'::bytea, 'UTF8')
SELECT convert_from('\xc341'::bytea, 'UTF8')
