CREATE TABLE f (f float8, n numeric)
INSERT INTO f VALUES (1e200, 1e100000)
SELECT var_pop(f), var_samp(f), stddev_pop(f), stddev_samp(f) FROM f
SELECT var_pop(n), var_samp(n), stddev_pop(n), stddev_samp(n) FROM f
INSERT INTO f VALUES (2e200, 1)
SELECT var_pop(f) FROM f
SELECT stddev_samp(f) FROM f
SELECT var_pop(n) FROM f
SELECT var_samp(n) FROM f
SELECT var_pop(DISTINCT f) FROM f
SELECT var_pop(DISTINCT n) FROM f
INSERT INTO f VALUES ('NaN', 'NaN')
SELECT var_pop(f), stddev_samp(f), var_pop(n), stddev_samp(n) FROM f WHERE f = 'NaN' OR f = 1e200
DELETE FROM f
INSERT INTO f VALUES (1e200, 1e100000), ('Infinity', '-Infinity')
SELECT var_pop(f), stddev_samp(f), var_pop(n), stddev_samp(n) FROM f
SELECT var_pop(x), var_samp(x) FROM (VALUES (1e154::float8), (1e154), (1e154)) t (x)
SELECT var_pop(x), stddev_samp(x) FROM (VALUES (-1e153::float8), (2e153), (3e153), (4e153)) t (x)
SELECT var_pop(x), var_samp(x) FROM (VALUES (1e100000::numeric), (1e100000), (1e100000)) t (x)
SELECT var_pop(x), var_samp(x) FROM (VALUES (1e100000::numeric), (1e100000), (1e100000 + 0.00)) t (x)
SELECT var_pop(x) FROM (VALUES (1e65535::numeric), (1e65535), (1e65535)) t (x)
SELECT var_pop(DISTINCT x), var_pop(x) FROM (VALUES (1e100000::numeric), (1e100000), (1e100000 + 0.00)) t (x)
SELECT var_pop(x), var_samp(x), stddev_pop(x), stddev_samp(x) FROM (VALUES (1e100000::numeric), (1e100000 + 1)) t (x)
SELECT stddev_samp(x) / 1e100000 FROM (VALUES (3e100000::numeric), (5e100000)) t (x)
SELECT var_samp(x) FROM (VALUES (3e100000::numeric), (5e100000)) t (x)
SELECT scale(var_pop(x)), scale(stddev_samp(x)) FROM (VALUES (1e-12000::numeric), (3e-12000)) t (x)
SELECT var_pop(DISTINCT x), stddev_samp(DISTINCT x) FROM (VALUES (1e100000::numeric), (1e100000 + 1), (1e100000 + 1)) t (x)
SELECT var_samp(x), stddev_samp(x), sum(x), avg(x) FROM (VALUES (92345678901234567::numeric), (92345678901234568.25), (-9e40), (1e-20)) t (x)
