"""Types and values: small domains, so that keys meet, groups collapse and NULLs are common.

A type is known by a short key; SQL has its name. No domain holds two spellings of one value (1.0
and 1.00, 1 day and 24 hours): which of them a group shows depends on the order of rows in
PostgreSQL. Floats are multiples of 1/4, whose sums are exact. The simplest value comes first.
"""

SQL = {
    "int": "int", "text": "text", "bool": "bool", "bigint": "bigint", "dec": "numeric(10,2)",
    "date": "date", "ts": "timestamp", "float": "float8", "num": "numeric", "small": "smallint",
    "real": "real", "vc": "varchar(5)", "ch": "char(3)", "tstz": "timestamptz", "iv": "interval",
    "uuid": "uuid", "json": "jsonb", "ints": "int[]", "texts": "text[]", "bytes": "bytea",
    "time": "time",
}
TYPES = list(SQL)

# Types that PostgreSQL compares with each other.
FAMILIES = [{"int", "bigint", "small", "dec", "num", "float", "real"}, {"text", "vc", "ch"},
            {"date", "ts", "tstz"}]

DOMAINS = {
    "int": ["0", "1", "2", "3", "-1"],
    "text": ["'a'", "'b'", "''", "'ab'", "'B'", "'a '", "'\u00e9'", "'a longer text than fits'",
             "repeat('much longer ', 60)"],
    "bool": ["false", "true"],
    "bigint": ["0", "1", "-2", "5000000000"],
    "dec": ["0", "1.50", "-2.25", "10", "0.01"],
    "date": ["'2024-01-01'", "'2024-02-29'", "'1999-12-31'"],
    "ts": ["'2024-01-01 00:00:00'", "'2024-01-01 10:30:00.5'", "'1999-12-31 23:59:59'",
           "'2024-01-01 10:45:00'"],
    "float": ["0", "0.25", "-1.5", "1024", "'NaN'", "'Infinity'"],
    "num": ["0", "1.5", "-2.25", "100", "12345678901234567890123456789012345678.5", "'NaN'"],
    "small": ["0", "1", "-7"],
    "real": ["0", "0.5", "-1.25", "4096"],
    "vc": ["'a'", "''", "'abcde'", "'b '"],
    "ch": ["'a'", "''", "'abc'", "'b'"],
    "tstz": ["'2024-01-01 00:00:00+00'", "'2024-03-31 01:30:00+02'", "'1999-12-31 23:59:59.25+00'"],
    "iv": ["'1 day'", "'02:00:00'", "'1 mon'", "'-3 days'", "'0'"],
    "uuid": ["'00000000-0000-0000-0000-000000000000'", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'"],
    "json": ["'{\"a\": 1}'", "'null'", "'[1, 2]'", "'{}'", "'{\"a\": 2, \"b\": null}'", "'\"x\"'"],
    "ints": ["'{1,2}'", "'{}'", "'{1,NULL}'", "'{3}'"],
    "texts": ["'{a,b}'", "'{}'", "'{a,NULL}'"],
    "bytes": ["'\\x00'", "'\\x'", "'\\xff41'"],
    "time": ["'00:00:00'", "'10:30:00.5'", "'23:59:59'"],
}

# Types that min and max take, and those whose equal values are always equal in sums.
EXTREMES = [t for t in TYPES if t not in ("bool", "uuid", "json", "bytes")]

# Values of row g of a big insert: few rows per value, or NULL, so that joins stay small.
SERIES = {
    "int": "g % 701", "text": "'n' || g % 1301", "bool": "CASE WHEN g % 100 = 0 THEN true END",
    "bigint": "g % 1103", "dec": "g % 905 + 0.25", "date": "date '2024-01-01' + g % 910",
    "ts": "timestamp '2024-01-01' + g % 600 * interval '1 hour'",
    "float": "(g % 900) / 4.0::float8",
    "num": "(g % 800)::numeric", "small": "g % 1001", "real": "g % 777",
    "vc": "'v' || g % 807", "ch": "(g % 999)::text",
    "tstz": "timestamptz '2024-01-01 00:00:00+00' + g % 600 * interval '1 hour'",
    "iv": "g % 600 * interval '1 min'", "uuid": "md5((g % 500)::text)::uuid",
    "json": "to_jsonb(g % 700)", "ints": "array[g % 700]", "texts": "array['t' || g % 700]",
    "bytes": "decode(md5((g % 600)::text), 'hex')",
    "time": "time '00:00' + g % 600 * interval '1 min'",
}


def literal(choose, type_):
    """A value as INSERT takes it, or NULL."""
    return "NULL" if choose.below(6) == 5 else choose.pick(DOMAINS[type_])


def typed_literal(choose, type_):
    return f"{literal(choose, type_)}::{SQL[type_]}"
