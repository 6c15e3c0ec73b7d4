CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(10,2), d timestamptz, e bigint, f float8);
CREATE TABLE u (a int NOT NULL, x varchar(5), y date, z int[], PRIMARY KEY (a, y));
CREATE TABLE s (id bigint PRIMARY KEY, name text DEFAULT 'n', n smallint NOT NULL DEFAULT 1, ok boolean);
CREATE TABLE m (k int, v text);
CREATE VIEW v AS SELECT a, upper(b) AS ub FROM t WHERE c > 1;
