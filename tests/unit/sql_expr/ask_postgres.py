#!/usr/bin/env python3
# tidy: table (of questions to PostgreSQL)
"""Makes cases/*.tsv: random calls of every declared function with PostgreSQL's answers.

    ask_postgres.py "host=... port=..." [--seed N] [--count N] [--out DIR] [FAMILY...]

A family is a source file of sql/expr; its declarations are read from there. A line is
oid, result type, arguments as type:text (\\N = NULL), then "=" answer or "!" SQLSTATE and message.
"""
import argparse
import pathlib
import random
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE.parent.parent.parent / "sql" / "expr"

POOLS = {
    "bool": ["t", "f"],
    "char": ["a", "z", "\\200"],
    "int2": ["0", "1", "-1", "2", "7", "-32768", "32767", "100", "-13", "3"],
    "int4": ["0", "1", "-1", "2", "3", "5", "10", "-2147483648", "2147483647", "12345", "-7", "64"],
    "int8": ["0", "1", "-1", "2", "6", "9223372036854775807", "-9223372036854775808", "4294967296", "-99", "1000000007"],
    "oid": ["0", "1", "4294967295", "16384", "25"],
    "xid": ["0", "1", "4294967295"],
    "cid": ["0", "1", "4294967295"],
    "float4": ["0", "1", "-1", "1.5", "2.5", "-0.5", "3.4e38", "1e-38", "NaN", "Infinity", "-Infinity", "123.456", "-0"],
    "float8": ["0", "1", "-1", "0.5", "1.5", "2.5", "-2.5", "1e308", "1e-308", "NaN", "Infinity", "-Infinity",
               "3.14159", "-0", "100", "1e10", "12345.678"],
    "numeric": ["0", "1", "-1", "0.5", "1.50", "2.5", "-2.5", "NaN", "Infinity", "-Infinity", "123.4567",
                "1e30", "-12345678901234567890.123", "0.000001", "10", "100", "3", "99999.99", "7.00"],
    "text": ["", "a", "abc", "Hello World", "  pad  ", "\u00e4\u00f6\u00fc\u20acx", "10", "%b_", "a.b.c", "a,b,,c", "It's \"q\"",
             "back\\slash", "AbC def", "xyxxy", "aaa", "l", "1.5", "yes"],
    "varchar": ["", "abc", "Hello"],
    "bpchar": ["", "abc", "abc  ", "Z "],
    "name": ["abc", "pg_class", "Hello"],
    "bytea": ["\\x", "\\x00", "\\x616263", "\\xdeadbeef00ff", "\\x5c", "\\x6162"],
    "date": ["2000-01-01", "2024-02-29", "1999-12-31", "infinity", "-infinity", "0044-03-15 BC", "2023-07-04", "5874897-12-31"],
    "time": ["00:00:00", "12:34:56.789", "23:59:59.999999", "24:00:00", "06:30:00"],
    "timetz": ["00:00:00+00", "12:34:56.789+02", "23:59:59-08"],
    "timestamp": ["2000-01-01 00:00:00", "2024-02-29 12:34:56.789012", "1999-12-31 23:59:59.999999", "infinity",
                  "-infinity", "0044-03-15 10:00:00 BC", "2023-07-04 05:06:07", "1970-01-01 00:00:00"],
    "timestamptz": ["2000-01-01 00:00:00+00", "2024-02-29 12:34:56.789012+00", "1999-12-31 23:59:59.999999+00",
                    "infinity", "-infinity", "2023-07-04 05:06:07+02", "1970-01-01 00:00:00+00"],
    "interval": ["0", "1 day", "1 month", "-1 month 3 days", "25:00:00", "1 year 2 mons 3 days 04:05:06.789",
                 "-5 days", "30 days", "-00:00:01", "1 mon -1 day"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
    "json": ["null", "{\"a\": 1}", "[1, 2]", "\"x\""],
    "jsonb": ["null", "{}", "[]", "{\"a\": 1, \"b\": {\"c\": [1, 2.50, null]}}", "[1, \"a\", null, {\"a\": 2}]", "\"abc\"",
              "12.30", "true", "{\"a\": null, \"d\": [], \"abc\": \"xyz\"}", "[[1, 2], [3]]", "{\"a\": 1}", "[\"a\", \"b\"]"],
    "_int4": ["{}", "{1,2,3}", "{NULL,1}", "{5}", "{{1,2},{3,4}}", "[2:4]={7,8,9}", "{3,2,1,3}"],
    "_int2": ["{}", "{1,2,3}", "{NULL,1}"],
    "_int8": ["{}", "{1,2,3}", "{NULL,1}", "{5,5}"],
    "_float8": ["{}", "{1,2.5,3}", "{NaN,1}"],
    "_numeric": ["{}", "{1,2.50,3}", "{NULL,1}"],
    "_text": ["{}", "{a,b,c}", "{NULL,a}", "{\"x y\",\"q\\\"\"}", "{a}", "{b,c}", "{abc,\"\",a}", "{a,0}", "{0}"],
    "_bool": ["{t,f}", "{}"],
    "record": [],
}
# Arguments by meaning: (function name, position) -> pool.
NAMED = {}
for name in ("date_part", "date_trunc", "extract"):
    NAMED[(name, 0)] = ["year", "month", "day", "hour", "minute", "second", "epoch", "dow", "doy", "week", "quarter",
                        "century", "millennium", "decade", "isodow", "isoyear", "julian", "milliseconds", "microseconds", "bogus", "timezone"]
NAMED[("date_trunc", 2)] = ["UTC", "Europe/Berlin", "America/New_York", "nowhere"]
NAMED[("timezone", 0)] = ["UTC", "Europe/Berlin", "America/New_York", "+03", "nowhere"]
NAMED[("make_timestamptz", 6)] = ["UTC", "Europe/Berlin"]
FORMATS = ["YYYY-MM-DD HH24:MI:SS", "Day, DD Month YYYY", "FMDay FMDD FMMonth", "IYYY-IW-ID", "HH12:MI AM", "J DDD D Q CC", "MS US SSSS",
           "Mon dy yy", "\"text\" YYYYth", "RM", "y,yyy TZ", "HH:MI:SS.US a.m."]
NUMBERS = ["999", "9,999.99", "000.00", "S999.9", "999PR", "FM999.999", "$99.99", "RN", "9.99EEEE", "L999", "999MI", "V99", "99V99", "9TH", "999th", "XYZ",
           "9999", "FM9999", "09999", "9999S", "MI9999", "9999MI", "SG9999", "999PL", "FM9990.00", "990.99", "FM90.99", "B9999", "9G999D99", "FM9G999G999",
           "FM999PR", "999.9PR", "\"n: \"999", "rn", "FMRN", "999TH", "FM999th", "9.9EEEE", "$9,999.99", "00.00", "9.9", "FM9.9", ".99", "0.9", "999SG",
           "FM0.00", "9,999,999", "FM9,999", "S9,999.99", "9,999S", "PL999", "SG99.9", "99.9MI", "FM99.9MI", "SS9", "9PR9", "9.9.9", "EEEE", "9V.9", "SMI9"]
for t in ("timestamp", "timestamptz", "interval"):
    NAMED[("to_char:" + t, 1)] = FORMATS
for t in ("int4", "int8", "float4", "float8", "numeric"):
    NAMED[("to_char:" + t, 1)] = NUMBERS
NAMED[("to_number", 0)] = ["123", "1,234.5", "-12.3", "12-", "$5.00", "<12>", "abc", "+7", " 42", "0.5", "12,454.8-", "-34,338,492", "1 2", "12.345", "", "9" * 12]
NAMED[("to_number", 1)] = ["999", "9,999.9", "S99.9", "99MI", "$9.99", "99PR", "99G999D9S", "99G999G999", "9.99", "FM999", "L9.99", "SG99", "99SG", "PL99", "99V9", "99th", "RN"]
DATES = {"2024-02-29": "YYYY-MM-DD", "2024-060": "YYYY-DDD", "2024-W05-3": "IYYY-\"W\"IW-ID", "24-3-1": "YY-MM-DD", "124-03-01": "YYY-MM-DD", "4-03-01": "Y-MM-DD",
         "12024-03-01": "YYYY-MM-DD", "2024-02-30": "YYYY-MM-DD", "2024-13-01": "YYYY-MM-DD", "10:11:12 PM": "HH12:MI:SS AM", "13:00": "HH:MI",
         "2000-01-01 23:59:59.5": "YYYY-MM-DD HH24:MI:SS.MS", "2000-01-01 23:59:59.123456": "YYYY-MM-DD HH24:MI:SS.US", "2000-01-01 12345": "YYYY-MM-DD SSSSS",
         "44 BC": "YYYY BC", "20 24": "CC YY", "21": "CC", "2451545": "J", "1,999 05": "Y,YYY MM", "VIII 2020": "RM YYYY", "Tue 2020": "Dy YYYY", "foo 2020": "Mon YYYY",
         "2020-01-01 10:00 +02": "YYYY-MM-DD HH24:MI TZH", "2020-01-01 10:00 -05:30": "YYYY-MM-DD HH24:MI TZH:TZM", "2020 x": "YYYY MM", "2020": "YYYY-MM-DD",
         "  2020   03": "YYYY MM", "2020/03.04": "YYYY-MM-DD", "20200304": "YYYYMMDD", "202003": "YYYYMMDD", "2020034": "YYYYMMDD", "2020-1-2": "FMYYYY-FMMM-FMDD",
         "2020-1": "FXYYYY-MM", "3rd March 2020": "DDth Month YYYY", "2020 Q3": "YYYY \"Q\"Q", "2020 10": "YYYY WW", "2020 2 3": "YYYY MM W", "2020-01-01T10:00:00": "YYYY-MM-DD\"T\"HH24:MI:SS",
         "2020 IW": "YYYY IW", "2020-01 2020-02": "YYYY-MM YYYY-MM", "10:61": "HH24:MI", "25": "HH24", "2020-01-01 UTC": "YYYY-MM-DD TZ", "1e5": "YYYY", "-44-02-01": "YYYY-MM-DD",
         "05Dec2000": "DDMonYYYY", "dec 5 2000": "MON DD YYYY", "2000-december-05": "YYYY-MONTH-DD", "12 a.m. 2000": "HH12 A.M. YYYY", "05 Dec 2000": "DD Mon YYYY", "20240229": "YYYYMMDD", "12/31/1999": "MM/DD/YYYY",
         "2024 13": "YYYY MM", "March 5, 2021": "Month DD, YYYY", "2021-365": "YYYY-DDD", "2004-10-19 10:23:54": "YYYY-MM-DD HH24:MI:SS",
         "01:02 PM 2020": "HH12:MI AM YYYY", "99-1-1": "YY-MM-DD"}
NAMED[("encode", 1)] = ["hex", "base64", "escape", "bogus"]
NAMED[("decode", 1)] = ["hex", "base64", "escape", "bogus"]
NAMED[("decode", 0)] = ["", "616263", "YWJj", "abc", "zz", "\\\\000a", "YW Jj\n", "6162 63"]
PATTERNS = ["b", "^a", "[a-c]+", "(a)(b)?", "o$", "x|y", "\\d+", "\\.", "a*", ".", "l+", "[[:alpha:]]+", "(", "(a)\\1", "a(?=b)", "\\mH", "^$", "B", ",", "x{2}", "\\s+"]
for name in ("regexp_replace", "regexp_match", "regexp_matches", "regexp_split_to_array", "regexp_split_to_table", "regexp_like",
             "regexp_count", "regexp_instr", "regexp_substr", "textregexeq", "textregexne", "texticregexeq", "texticregexne",
             "nameregexeq", "nameregexne", "nameicregexeq", "nameicregexne", "bpcharregexeq", "bpcharregexne", "bpcharicregexeq", "bpcharicregexne"):
    NAMED[(name, 1)] = PATTERNS
NAMED[("regexp_replace", 2)] = ["X", "", "<\\&>", "[\\1]", "\\\\"]
FLAGS = ["", "g", "i", "gi", "n", "x", "q"]
NAMED[("regexp_replace:text", 3)] = FLAGS
for name in ("regexp_match", "regexp_matches", "regexp_split_to_array", "regexp_split_to_table", "regexp_like"):
    NAMED[(name, 2)] = FLAGS
LIKES = ["%", "a%", "%b%", "_", "a_c", "abc", "%o", "H%d", "\\%b\\_", "%\\", "", "a__", "%l%o%", "\u00e4\u00f6%"]
for name in ("like", "notlike", "textlike", "textnlike", "texticlike", "texticnlike", "bpcharlike", "bpcharnlike", "bpchariclike",
             "bpcharicnlike", "namelike", "namenlike", "nameiclike", "nameicnlike"):
    NAMED[(name, 1)] = LIKES
NAMED[("similar_to_escape", 0)] = ["a%", "(a|b)+", "_b_", "[a-c]*", "a\\%", "x\"y\"z"]
NAMED[("similar_to_escape", 1)] = ["\\", "#", ""]
NAMED[("format", 0)] = ["%s", "%I %L", "%1$s %1$s", "%10s|%-10s|", "%%", "%s %s", "%x", "%", "no"]
SMALL = ["0", "1", "2", "3", "-1", "5", "-2", "10"]
for name in ("repeat", "lpad", "rpad", "left", "right", "substr", "substring", "split_part", "overlay", "set_byte", "get_byte", "get_bit",
             "set_bit", "round", "trunc", "array_fill", "make_date", "make_time", "make_timestamp", "make_timestamptz", "regexp_instr",
             "regexp_substr", "regexp_count", "factorial", "width_bucket", "trim_array", "power", "numeric_power", "pow", "array_length",
             "array_upper", "array_lower", "subscript", "generate_series", "generate_subscripts", "numeric_shl"):
    NAMED[("int:" + name, None)] = SMALL
NAMED[("make_date", 0)] = ["2000", "2024", "-44", "0", "1999"]
NAMED[("make_timestamp", 0)] = NAMED[("make_timestamptz", 0)] = NAMED[("make_date", 0)]
for name in ("exp", "dexp", "numeric_exp", "power", "pow", "dpow", "numeric_power"):
    NAMED[("numeric:" + name, None)] = ["0", "1", "-1", "0.5", "2", "3.5", "-2.25", "10", "NaN", "Infinity"]
NAMED[("chr", 0)] = ["65", "0", "228", "8364", "-1", "1114112", "128512"]
NAMED[("jsonb_extract_path", 1)] = ["{a}", "{b,c}", "{b,c,1}", "{0}", "{}"]
NAMED[("unistr", 0)] = ["abc", "\\0441", "d\\u0061t", "\\+01F600", "bad\\", "\\zz"]
NAMED[("pg_size_bytes", 0)] = ["1kB", "2 MB", "1.5GB", "12", "x", "3 TB"]
SKIP = {"now", "random", "setseed", "statement_timestamp", "transaction_timestamp", "clock_timestamp", "timeofday", "gen_random_uuid", "pg_sleep",
        "current_date", "generate_series"}
# Answers that are not the function's alone: today's date, a cast of a byte that is no character, a typmod no type has.
SKIP_OIDS = {860, 1200, 1386, 2059}
POLYMORPHIC = {"anyelement", "anyarray", "anynonarray", "anycompatible", "anycompatiblearray", "any"}
DECLARATION = re.compile(r'd\.add\((\d+),\s*"([^("]+)\(([^)]*)\) (\w+)([^"]*)"')


def declarations(path):
    for oid, name, args, result, flags in DECLARATION.findall(re.sub(r'"\s*\n\s*"', "", path.read_text())):
        if oid == "0" or int(oid) in SKIP_OIDS or name in SKIP or name.startswith("#"):
            continue
        kinds = [a.strip() for a in args.split(",") if a.strip()]
        yield int(oid), name, kinds, result


def concrete(kinds, rng):
    element = rng.choice(["int4", "text", "numeric"])
    out = []
    for kind in kinds:
        variadic = kind.startswith("variadic ")
        kind = kind.replace("variadic ", "").partition("=")[0].split()[-1]
        if kind in ("anyarray", "anycompatiblearray"):
            kind = "_" + element
        elif kind in ("anyelement", "anynonarray", "anycompatible"):
            kind = element
        if kind == "any":
            out += [rng.choice(["int4", "text", "bool", "numeric", "jsonb"]) for _ in range(rng.randint(1, 3))] if variadic else ["int4"]
        else:
            out.append(kind)
    return out


def value(name, kinds, position, rng):
    kind = kinds[position]
    if rng.random() < 0.04:
        return None
    for key in ((name, position), (f"{name}:{kinds[0]}", position), (f"{name}:{kind}", position)):
        if key in NAMED:
            return rng.choice(NAMED[key])
    if kind.startswith("int") and kind != "interval" and ("int:" + name, None) in NAMED:
        return rng.choice(NAMED[("int:" + name, None)])
    if kind in ("float8", "numeric") and ("numeric:" + name, None) in NAMED:
        return rng.choice(NAMED[("numeric:" + name, None)])
    return rng.choice(POOLS[kind])


def quote(text):
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"


def type_sql(kind):
    if kind == "char":
        return 'pg_catalog."char"'
    return f"pg_catalog.{kind[1:]}[]" if kind.startswith("_") else f"pg_catalog.{kind}"


def escape(text):
    return "\\N" if text is None else text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


SETUP = """set client_min_messages = error; set timezone = 'UTC'; set datestyle = 'ISO, MDY'; set lc_numeric = 'C';
create or replace function pg_temp.ask(q text) returns text language plpgsql as $$
declare t text; r text;
begin
  execute 'select pg_typeof(x)::oid::text, x::text from (select ' || q || ' as x) s' into t, r;
  return coalesce((select typname from pg_type where oid = t::oid), '?') || E'\\t=' || coalesce(replace(replace(replace(r, E'\\\\', E'\\\\\\\\'), E'\\t', E'\\\\t'), E'\\n', E'\\\\n'), '\\N');
exception when others then
  return E'?\\t!' || sqlstate || ' ' || replace(sqlerrm, E'\\n', E'\\\\n');
end $$;
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("connection")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--out", default=str(HERE / "cases"))
    parser.add_argument("families", nargs="*")
    options = parser.parse_intermixed_args()
    families = options.families or sorted(p.stem for p in SOURCES.glob("*.cc"))
    for family in families:
        rng = random.Random(f"{options.seed} {family}")
        cases, script = [], [SETUP]
        for oid, name, kinds, result in declarations(SOURCES / f"{family}.cc"):
            seen = set()
            for _ in range(options.count):
                types = concrete(kinds, rng)
                if any(t not in POOLS or not POOLS[t] for t in types):
                    continue
                values = [value(name, types, i, rng) for i in range(len(types))]
                if name in ("to_date", "to_timestamp") and len(types) == 2:
                    values = list(rng.choice(list(DATES.items())))
                if name == "width_bucket" and "1e308" in values:
                    continue  # overflows inside; the answer is the least integer
                if (tuple(types), tuple(values)) in seen:
                    continue
                seen.add((tuple(types), tuple(values)))
                variadic = bool(kinds) and kinds[-1].startswith("variadic ") and "any" not in kinds[-1].split()[1:]
                items = [f"{quote(v)}::{type_sql(t)}" for t, v in zip(types, values)]
                if variadic:
                    items[-1] = "variadic " + items[-1]
                call = f'pg_catalog."{name}"({", ".join(items)})'
                script.append(f"select pg_temp.ask({quote(call)});")
                cases.append((oid, result, types, values))
        if not cases:
            continue
        done = subprocess.run(["psql", options.connection, "-AtXq"], input="\n".join(script), capture_output=True, text=True)
        answers = [l for l in done.stdout.splitlines() if l]
        if len(answers) != len(cases):
            raise SystemExit(f"{family}: {len(answers)} answers to {len(cases)} questions\n{done.stderr[:2000]}")
        lines = []
        for (oid, result, types, values), answer in zip(cases, answers):
            kind, text = answer.split("\t", 1)
            if kind == "?":
                kind = result
                if result in POLYMORPHIC:  # an error: as the argument of that kind would make it
                    element = next((t for t in types if t[0] == "_"), "_" + types[0])
                    kind = element if result.endswith("array") else element[1:]
            cells = [str(oid), kind] + [f"{t}:{escape(v)}" for t, v in zip(types, values)] + [text]
            lines.append("\t".join(cells))
        out = pathlib.Path(options.out)
        out.mkdir(exist_ok=True)
        (out / f"{family}.tsv").write_text("\n".join(lines) + "\n")
        print(f"{family}: {len(lines)} cases")


main()
