#!/usr/bin/env python3
# tidy: table (of questions to PostgreSQL)
"""Asks PostgreSQL 15 for the golden values of the types module.

Run with PGHOST, PGPORT and PGUSER of a scratch server; writes text.tsv and operators.tsv beside
itself. A row of text.tsv: type, typmod, settings, input, text output, binary output in hex; or, for
an error, "!SQLSTATE", message, DETAIL, HINT behind the input. Fields escape \\ \\t \\n.
"""
import json
import pathlib
import random
import subprocess

HERE = pathlib.Path(__file__).parent

SETUP = r"""
set timezone = 'UTC'; set client_min_messages = error;
create function pg_temp.io(kind regtype, typmod int, input text) returns jsonb language plpgsql as $$
declare f record; value_text text; value_hex text; code text; message text; detail text; hint text;
begin
  select typinput, typsend, case when typelem <> 0 and typcategory = 'A' then typelem else oid end as io
    into f from pg_type where oid = kind;
  begin
    execute format('select %s, encode(%s(v), ''hex'') from (select %s as v) t',
      'v::text', f.typsend::regproc,
      case when (select pronargs from pg_proc where oid = f.typinput) = 3
        then format('%s(%L::cstring, %s, %s)', f.typinput::regproc, input, f.io, typmod)
        else format('%s(%L::cstring)', f.typinput::regproc, input) end)
      into value_text, value_hex;
    return jsonb_build_array(value_text, value_hex);
  exception when others then
    get stacked diagnostics code = returned_sqlstate, message = message_text,
      detail = pg_exception_detail, hint = pg_exception_hint;
    return jsonb_build_array('!' || code, message, detail, hint);
  end;
end $$;
create function pg_temp.ask(query text) returns jsonb language plpgsql as $$
declare value text; code text; message text;
begin
  execute 'select (' || query || ')::text' into value;
  return jsonb_build_array(value);
exception when others then
  get stacked diagnostics code = returned_sqlstate, message = message_text;
  return jsonb_build_array('!' || code, message);
end $$;
"""


def literal(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace(
        "\t", "\\t") + "'"


def escape(text):
    if text is None:
        return "\\N"
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def run(statements):
    script = SETUP + "\n".join(statements)
    out = subprocess.run(["psql", "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1"], input=script,
                         capture_output=True, text=True, check=False)
    if out.returncode != 0:
        raise SystemExit(out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines() if line]


def numeric_typmod(precision, scale):
    return ((precision << 16) | (scale & 0x7ff)) + 4


def text_cases():
    cases = []

    def add(kind, inputs, typmod=-1, settings=""):
        for text in inputs:
            cases.append((kind, typmod, settings, text))

    add("bool", ["t", "true", "TRUE", " tr ", "yes", "y", "on", "1", "f", "fa", "no", "off", "of", "0",
                 "o", "", "2", "truee", "onn"])
    for kind in ("int2", "int4", "int8"):
        add(kind, ["0", "-1", " 42 ", "+7", "32767", "32768", "-32768", "-32769", "2147483647",
                   "2147483648", "-2147483648", "-2147483649", "9223372036854775807",
                   "9223372036854775808", "-9223372036854775808", "-9223372036854775809", "", " ",
                   "1.5", "abc", "1 2", "-", "+", "- 1", "+-1", "0x10", "1_000", "99999999999999999999x",
                   "007"])
    add("oid", ["0", "4294967295", "4294967296", "-1", "x", ""])
    add("float8", ["0", "-0", "1", "1.5", "-0.1", "1e15", "1e14", "123456789012345", "1234567890123456",
                   "0.0001", "0.00001", "1e-5", "1e300", "1e400", "-1e400", "1e-400", "5e-324", "NaN",
                   "nan", "Infinity", "-infinity", "inf", "-inf", "+Inf", ".5", "5.", ".", "", " 1 ",
                   "1e", "e5", "1e5x", "0.1", "0.30000000000000004", "100000", "123456.789",
                   "1.7976931348623157e308", "2.2250738585072014e-308", "9007199254740993",
                   "99999999999999990", "1e22", "1e21", "123e-7", "abc", "--1", "0x1p3", "infinit"])
    add("float4", ["0", "-0", "1.5", "0.1", "1e6", "999999", "1000000", "1234567", "123456", "1e-4",
                   "1e-5", "3.4028235e38", "1e39", "1e-46", "1e-45", "NaN", "inf", "16777217", "x", ""])
    for digits in (0, -5, -15, 3):
        add("float8", ["0.1", "1e15", "123456.789", "1e-5", "1", "100000", "1e300", "-0",
                       "0.30000000000000004"], settings=f"extra_float_digits={digits}")
        add("float4", ["0.1", "1234567", "1e6", "123456", "0.00001"],
            settings=f"extra_float_digits={digits}")
    add("numeric", ["0", "-0", "0.00", "1.5", "-12345.678", "1e20", "1e-20", "1.10e3", "1.234e2", "1e5",
                    "NaN", "nan", "Infinity", "-Infinity", "inf", "+inf", "-inf", " 1 ", ".5", "5.", ".",
                    "", "abc", "1e", "1.2.3", "--1", "1 2", "12345678901234567890123456789012345678901234567890",
                    "0.000000000000000000000000000000000000000000001", "9999999999999999999999999999999999",
                    "2596148429267413814265248164610047", "2596148429267413814265248164610048",
                    "-2596148429267413814265248164610048", "1e131071", "1e131072", "1e-16383", "1e-16384",
                    "1e1000000000", "1e2147483648", "1e-2147483648", "00001.500", "+3", "1e+3", "10000",
                    "99990000", "0.0001", "0.00010000", "100000000.00000001", "infi", "1000000000000000000"])
    add("numeric", ["123.456", "999.994", "999.995", "-999.995", "1000", "0.001", "NaN", "inf", "0",
                    "99999999999999999999999999999999999999999"], typmod=numeric_typmod(5, 2))
    add("numeric", ["12345", "12355", "99950", "99949", "49", "50"], typmod=numeric_typmod(3, -2))
    add("numeric", ["0.01234", "0.1", "0.0999999", "0.00001"], typmod=numeric_typmod(3, 4))
    add("numeric", ["0.5", "0.999", "0.9999999", "1"], typmod=numeric_typmod(3, 3))
    add("text", ["", "abc", " x ", "\u00fcn\u00efcode", "quote'", "back\\slash", "tab\tnl\n"])
    add("varchar", ["", "abc", "abcde", "abcdef", "abcde   ", "\u00e4\u00f6\u00fc\u00df\u00e9", "\u00e4\u00f6\u00fc\u00df\u00e9x", "a     b"], typmod=9)
    add("bpchar", ["", "abc", "abcde", "abcdef", "abcde   ", "\u00e4\u00f6\u00fc", "\u00e4\u00f6\u00fc\u00df\u00e9x", " a"], typmod=9)
    add("bpchar", ["abc  ", ""])
    add("name", ["abc", "a" * 70, "\u00e4" * 40])
    add("char", ["", "a", "abc", "\\101", "\\377", "\u00e4"])
    add("bytea", ["", "abc", "\\xdeadBEEF", "\\xDE AD", "\\x", "\\xd", "\\xzz", "\\\\", "a\\001b", "\\400",
                  "\\1", "a\\", "\\x0g"])
    add("bytea", ["\\x00015c7f80ff61", "abc"], settings="bytea_output=escape")
    add("uuid", ["123e4567-e89b-12d3-a456-426614174000", "{123E4567-E89B-12D3-A456-426614174000}",
                 "123e4567e89b12d3a456426614174000", "123e-4567-e89b-12d3-a456-4266-1417-4000",
                 "123e4567-e89b-12d3-a456-42661417400", "x", "", "{123e4567e89b12d3a456426614174000",
                 "123e4567-e89b-12d3-a456-4266141740000", "12-3e4567e89b12d3a456426614174000"])
    add("pg_lsn", ["0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF", "1", "g/0", "/", "123456789/0"])
    add("tid", ["(0,1)", "(4294967295,65535)", "(1,65536)", "1,2", "()"])
    add("json", ['{"a":1}', ' [1, 2 ,3] ', "1", '"x"', "null", "nul", "", "{", "[1,]", '{"a"}', '{"a":}',
                 '{"a":1,}', "{1:2}", "[1 2]", '"\\u0000"', '"\\ud800"', '"\\x"', '"abc', "01", "1.", "-",
                 "1e5", "tru", "[}", '{"a":1 "b"}', "1 2", '"a\tb"', '"\\u12g4"', "]", "a", "'x'"])
    add("jsonb", ['{"b":1, "a":2, "aa":3}', '{"a":1,"a":2}', "[1, 2.50, -0, 1e3, 1E-2]", '"\\u00e4\\n\\""',
                  '"\\u0000"', '"\\ud83d\\ude00"', '"\\ud83d"', '"\\ude00"', '"\\ud83dx"', "{}", "[]",
                  "[[],{}]", "true", "false", "null", '{"a":[1,{"b":null}]}', "1e400000", "nan", "",
                  '{"a":', '[1,2', '{"a":1}}', '"\\b\\f\\r\\t\\/"', '"\x7f"', "12345678901234567890.1234567890",
                  '{"":1}', "[true,false]"])
    add("date", ["2024-02-29", "2023-02-29", "1999-01-08", "January 8, 1999", "1/8/1999", "1/18/1999",
                 "18/1/1999", "01/02/03", "1999-Jan-08", "Jan-08-1999", "08-Jan-1999", "99-Jan-08",
                 "08-Jan-99", "Jan-08-99", "19990108", "990108", "1999.008", "J2451187", "January 8, 99 BC",
                 "infinity", "-infinity", "epoch", "0001-01-01", "0001-01-01 BC", "4714-11-24 BC",
                 "4714-11-23 BC", "5874897-12-31", "5874898-01-01", "2024-13-01", "2024-00-01", "2024-01-32",
                 "2024-1-5", "24-1-5", "", "abc", "2024", "2024-01", "2024-01-01 12:00:00", "0000-01-01",
                 "2024-02-30", "Feb 29 2024", "29 Feb 2024", "2024 Feb 29", "20240229", "Thu Feb 29 2024",
                 "2024-366", "2024.366", "2024-060", "10000-01-01", "1999-01-08 BC", "12:00", "now x",
                 "2024-06-15T10:11:12Z", "allballs", "yesterday x", "1 2 3 4", "1999-09-31",
                 "Sept 3 2001", "3 September 2001", "2001/09/03", "2001.09.03", "+2001-01-01"])
    add("date", ["1/2/2003", "18/1/1999", "01-02-03", "1/18/1999", "Feb 1 2003"],
        settings="datestyle=ISO, DMY")
    add("date", ["1/2/2003", "99-01-08", "03 02 01", "1/18/1999"], settings="datestyle=ISO, YMD")
    for style in ("SQL, MDY", "SQL, DMY", "German", "Postgres, MDY", "Postgres, DMY"):
        add("date", ["2024-02-29", "infinity", "0044-03-15 BC", "12024-01-02"], settings=f"datestyle={style}")
        add("timestamp", ["2024-02-29 12:34:56.789", "0044-03-15 01:02:03 BC", "infinity"],
            settings=f"datestyle={style}")
        add("timestamptz", ["2024-02-29 12:34:56.789+00", "2024-07-01 00:00:00+02"],
            settings=f"datestyle={style}; timezone=America/New_York")
    times = ["00:00:00", "24:00:00", "24:00:01", "23:59:59.999999", "23:59:59.9999999", "12:34", "12:34:56.5",
             "1:2:3", "040506", "0405", "04:05:06 PM", "04:05 AM", "12:00 AM", "12:30 PM", "13:00 PM", "25:00",
             "12:60", "12:59:60", "12:59:61", "allballs", "", "abc", "12", "2001-01-01 04:05:06", "04:05:06.789",
             "04:05:06Z", "04:05:06-08:00", "T04:05:06", "infinity", "12:34:56.1234567"]
    add("time", times)
    add("time", ["12:34:56.789", "23:59:59.999"], typmod=2)
    add("timetz", times + ["04:05:06+02", "04:05:06 EST", "040506-08", "04:05:06+15:59:59", "04:05:06+16",
                           "2003-04-12 04:05:06 America/New_York", "04:05:06 UTC"])
    stamps = ["2024-02-29 12:34:56.789012", "2024-02-29T12:34:56", "2024-02-29 12:34", "2024-02-29",
              "2024-02-29 24:00:00", "2024-02-29 25:00:00", "infinity", "-infinity", "epoch",
              "1999-01-08 04:05:06 -8:00", "January 8 04:05:06 1999 PST", "Thu Feb 29 12:34:56 2024",
              "20240229T123456", "20240229 123456.789", "20240229123456", "2024-02-29 12:34:56 BC",
              "294276-12-31 23:59:59.999999", "294277-01-01", "4714-11-24 00:00:00 BC", "4714-11-23 BC",
              "2024-02-29 12:34:56.7890125", "2024-02-29 12:34:56.7890135", "2024-02-29 23:59:59.9999999",
              "", "x", "2024-02-30 00:00", "12:00", "2024-02-29 12:34:56 America/New_York",
              "2024-02-29 12:34:56 Nowhere/Place", "2024-02-29 12:34:56+25", "2024-02-29 12:34:56+0530",
              "2024-02-29 12:34:56+05:30:15", "2024-02-29 12:34:56z", "2024-02-29 12:34:56 zulu",
              "J2451187 04:05:06", "2024-02-29 1:2:3", "2024-02-29 12:34:60", "04:05:06 2024-02-29",
              "2024-02-29 10:11 PM", "2024-02-29 PM", "2024-02-29 EST", "1/2/3 4:5:6", "0001-01-01 00:00:00",
              "2024-02-29 12:34:56 foo", "2024-02-29 12:34:56 MET DST", "2024-02-29, 12:34",
              "2024-02-29 -infinity", "now now"]
    add("timestamp", stamps)
    add("timestamptz", stamps)
    add("timestamp", ["2024-02-29 12:34:56.789", "2024-12-31 23:59:59.999"], typmod=2)
    add("timestamptz", ["2024-02-29 12:34:56.789"], typmod=0)
    add("timestamptz", ["2024-07-01 00:00:00", "2024-01-01 00:00:00", "2024-03-31 02:30:00",
                        "2024-10-27 02:30:00", "2024-10-27 01:30:00", "1900-01-01 00:00:00",
                        "2050-07-01 00:00:00"], settings="timezone=Europe/Berlin")
    add("timestamptz", ["2024-03-10 02:30:00", "2024-11-03 01:30:00", "2024-11-03 02:00:00",
                        "1883-11-18 12:00:00"], settings="timezone=America/New_York")
    add("timestamptz", ["2024-07-01 00:00:00", "2024-07-01 00:00:00+00"], settings="timezone='+02'")
    add("timestamptz", ["2024-07-01 00:00:00+00"], settings="timezone='UTC+3'")
    add("timestamptz", ["2024-07-01 00:00:00+00"], settings="timezone='-3.5'")
    add("timestamptz", ["2024-07-01 00:00:00+00"], settings="timezone=Asia/Kolkata")
    spans = ["1 day", "-1 day", "1 day ago", "1 mon 2 days 03:04:05.6", "1 year 2 mons", "1-2", "-1-2",
             "1 2:03:04", "-1 2:03:04", "-1 +2:03:04", "1.5 days", "1.5 hours", "1.5 months", "1.5 years",
             "0.1 mon", "1 week", "1.5 weeks", "2 decades", "1 century", "1 millennium", "100 us", "5 ms",
             "1.5 ms", "0.0000001 s", "@ 1 minute", "@ 1 min ago", "04:05", "04:05.6", "1:2:3.4", "100:00:00",
             "-00:00:01", "1", "1.5", "-1.5", "P1Y2M3DT4H5M6S", "P1W", "PT0.5S", "P-1Y", "P1.5D",
             "P0001-02-03T04:05:06", "P", "PT", "P1", "P1H", "", "abc", "1 foo", "1 day 2 days", "1 dayx",
             "infinity", "2147483647 months", "2147483648 months", "2147483647 days", "2147483648 days",
             "9223372036854 s", "9223372036855 s", "1 y 1 mon 1 d 1 h 1 m 1 s", "1 year ago", "1:60",
             "0", "-1 mon 1 day", "1 mon -1 day", "1 day -1 hour", "-1 day 1 sec", "0.5 sec", "1 hour 1 hour",
             "3 hrs", "10 mins", "1 mon 00:00:00.000001", "-0.5 s", "1 quarter", "12 mons", "13 mons"]
    add("interval", spans)
    for style in ("postgres_verbose", "sql_standard", "iso_8601"):
        add("interval", ["1 year 2 mons", "1 day 02:03:04.5", "-1 day -02:03:04", "0", "1 year -1 day",
                         "1 mon -2 days 03:00", "-1 year -2 mons", "00:00:01", "-00:00:00.5", "1 sec",
                         "-1-2", "-1 2:03:04", "1 day", "-1 day +1 sec", "25:00:00", "1 min -1 sec"],
            settings=f"intervalstyle={style}")
    for range_bits, name in ((1 << 2, "year"), (1 << 1, "month"), (1 << 3, "day"), (1 << 10, "hour"),
                             (1 << 11, "minute"), (1 << 12, "second"), (6, "ym"), (8 | 1024, "dh"),
                             (2048 | 4096, "ms"), (1024 | 2048 | 4096, "hs")):
        add("interval", ["1", "1-2", "1 2:03:04.567", "2:03", "3 days 04:05:06.789"],
            typmod=(range_bits << 16) | 0xffff)
    add("interval", ["1.2345678 s", "-1.2345678 s"], typmod=(0x7fff << 16) | 2)
    add("int4[]", ["{}", "{1,2,3}", "{1,NULL,null}", "{{1,2},{3,4}}", "[0:1]={5,6}", "[1:2][0:1]={{1,2},{3,4}}",
                   " { 1 , 2 } ", "{1,2", "1,2}", "{1,,2}", "{1,2,}", "{{1},{2,3}}", "{{1},2}", "{1,{2}}",
                   "{x}", "[2:1]={}", "[0:2]={1,2}", "{1}x", "", "{{{{{{{1}}}}}}}", "{{}}", "{{},{}}",
                   "[0:1]{1,2}", '{"1"}', "{\"\"}", "[1:1]={}", "[-2:-1]={7,8}", "{99999999999}"])
    add("text[]", ["{a,b}", '{"a b",c}', '{"a\\"b"}', '{a\\,b}', '{NULL,"NULL",null,"null"}', '{""}', "{ a b , c }",
                   '{"{}"}', "{a}b}", '{"\\\\"}', '{"a"b}', '{a"b"}', "{\u00e4\u00f6}", "{ }", '{" x "}', "{\\ x}", "{a\\ }"])
    add("numeric[]", ["{1.50,NaN,-0.001}", "{123456789012345678901234567890123456789.5}"])
    add("timestamp[]", ["{2024-01-01 00:00:00,infinity}"])
    add("bool[]", ["{t,f,true}"])
    add("jsonb[]", ['{"{\\"a\\": 1}"}'])
    add("interval[]", ['{1 day,"1 mon 2 days"}'])
    add("varchar[]", ["{abc,abcdef}", "{abc}"], typmod=7)
    return cases


def operator_cases():
    rng = random.Random(5)
    numbers = ["0", "1", "-1", "0.5", "1.0", "1.00", "-2.25", "3", "7", "10", "100", "0.001", "99.99",
               "123456789.123456789", "-0.000000001", "1e20", "1e-20", "12345678901234567890123456789012345",
               "98765432109876543210.0123456789", "NaN", "Infinity", "-Infinity", "9999", "10000",
               "0.9", "1.1", "1.05", "0.99999", "2.718281828459045"]
    for _ in range(25):
        digits = rng.choice([3, 8, 15, 20, 34, 50])
        text = str(rng.randrange(10 ** digits))
        scale = rng.randrange(0, 25)
        numbers.append(("-" if rng.random() < 0.4 else "") + text + (
            "." + "".join(rng.choice("0123456789") for _ in range(scale)) if scale else ""))
    cases = []
    for a in numbers:
        for function in ("sqrt", "exp", "ln", "ceil", "floor", "abs", "negate", "sign", "trim_scale",
                         "scale", "int8", "float8"):
            query = {"negate": "-('{a}'::numeric)", "int8": "'{a}'::numeric::int8",
                     "float8": "'{a}'::numeric::float8"}.get(function, function + "('{a}'::numeric)")
            cases.append((function, [a], query.format(a=a)))
        for digits in (-2, 0, 1, 5):
            cases.append(("round", [a, str(digits)], f"round('{a}'::numeric, {digits})"))
            cases.append(("trunc", [a, str(digits)], f"trunc('{a}'::numeric, {digits})"))
    for _ in range(600):
        a, b = rng.choice(numbers), rng.choice(numbers)
        for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/"), ("mod", "%")):
            cases.append((name, [a, b], f"'{a}'::numeric {sign} '{b}'::numeric"))
    for _ in range(150):
        a, b = rng.choice(numbers), rng.choice(numbers)
        cases.append(("log", [a, b], f"log('{a}'::numeric, '{b}'::numeric)"))
        cases.append(("divtrunc", [a, b], f"div('{a}'::numeric, '{b}'::numeric)"))
        cases.append(("gcd", [a, b], f"gcd('{a}'::numeric, '{b}'::numeric)"))
        small = rng.choice(["2", "-3", "0.5", "-0.5", "0", "1", "10", "3.7", "17", "-1", "NaN", "Infinity", "100"])
        cases.append(("power", [a, small], f"power('{a}'::numeric, '{small}'::numeric)"))
    stamps = ["2024-02-29 12:34:56.789012", "2000-01-01 00:00:00", "1999-12-31 23:59:59.999999",
              "0044-03-15 01:02:03 BC", "0001-01-01 00:00:00", "0001-12-31 12:00:00 BC", "2021-01-03 00:00:00",
              "2020-12-31 06:00:00", "1970-01-01 00:00:00", "2100-03-01 00:00:00", "infinity", "-infinity",
              "1900-06-15 08:09:10.5", "0100-01-01 00:00:00 BC", "2001-01-01 00:00:00", "294276-12-31 23:00:00"]
    units = ["microseconds", "milliseconds", "second", "minute", "hour", "day", "week", "month", "quarter",
             "year", "decade", "century", "millennium", "dow", "isodow", "doy", "isoyear", "julian", "epoch",
             "timezone", "nonsense"]
    spans = ["1 mon", "1 day", "-1 mon", "13 mons 15 days 30:00:00", "1 year 1 mon 1 day 01:01:01.001", "-36:00:00",
             "0", "35 days", "1 mon -1 day", "-1 mon -29 days -23:59:59", "90 days 25:00:00", "400 years"]
    for stamp in stamps:
        for unit in units:
            cases.append(("trunc_timestamp", [unit, stamp], f"date_trunc('{unit}', '{stamp}'::timestamp)"))
            cases.append(("extract_timestamp", [unit, stamp],
                          f"extract('{unit}' from '{stamp}'::timestamp)" if False else
                          f"extract(\"{unit}\" from '{stamp}'::timestamp)"))
            if not stamp.startswith("294276"):
                cases.append(("trunc_timestamptz", [unit, stamp],
                              f"date_trunc('{unit}', '{stamp}'::timestamp at time zone 'UTC', 'Europe/Berlin')"))
        for span in spans:
            cases.append(("timestamp_add", [stamp, span], f"'{stamp}'::timestamp + '{span}'::interval"))
        for other in stamps:
            cases.append(("age", [stamp, other], f"age('{stamp}'::timestamp, '{other}'::timestamp)"))
            cases.append(("difference", [stamp, other], f"'{stamp}'::timestamp - '{other}'::timestamp"))
        for stride in ("15 minutes", "1 day 01:00:00", "7 days", "1 mon", "0", "-1 day"):
            cases.append(("bin", [stride, stamp], f"date_bin('{stride}', '{stamp}'::timestamp, timestamp '2001-01-01')"))
    for date in ("2024-02-29", "0044-03-15 BC", "infinity", "2021-01-03", "1999-12-31"):
        for unit in units + ["hour"]:
            cases.append(("extract_date", [unit, date], f"extract(\"{unit}\" from '{date}'::date)"))
    for span in spans:
        for unit in units:
            cases.append(("trunc_interval", [unit, span], f"date_trunc('{unit}', '{span}'::interval)"))
            cases.append(("extract_interval", [unit, span], f"extract(\"{unit}\" from '{span}'::interval)"))
        for function in ("justify_hours", "justify_days", "justify_interval"):
            cases.append((function, [span], f"{function}('{span}'::interval)"))
        for factor in ("2", "0.5", "1.1", "-3.7", "0", "1e10"):
            cases.append(("interval_mul", [span, factor], f"'{span}'::interval * '{factor}'::float8"))
            cases.append(("interval_div", [span, factor], f"'{span}'::interval / '{factor}'::float8"))
    jsons = ["1", "2", "1.0", '"a"', '"b"', '""', "null", "true", "false", "[]", "{}", "[1]", "[1,2]", "[[]]",
             '[1,"a"]', '{"a":1}', '{"a":2}', '{"b":1}', '{"a":1,"b":2}', '{"aa":1}', '[null]', '{"a":[1,2,{"b":3}]}',
             '["a","b"]', '"abc"', "[true]", "[{}]"]
    for a in jsons:
        for b in jsons:
            cases.append(("jsonb_lt", [a, b], f"'{a}'::jsonb < '{b}'::jsonb"))
            cases.append(("jsonb_contains", [a, b], f"'{a}'::jsonb @> '{b}'::jsonb"))
            cases.append(("jsonb_concat", [a, b], f"'{a}'::jsonb || '{b}'::jsonb"))
        for key in ("a", "b", "0"):
            cases.append(("jsonb_get", [a, key], f"'{a}'::jsonb -> '{key}'"))
            cases.append(("jsonb_text", [a, key], f"'{a}'::jsonb ->> '{key}'"))
            cases.append(("jsonb_exists", [a, key], f"'{a}'::jsonb ? '{key}'"))
            cases.append(("jsonb_remove", [a, key], f"'{a}'::jsonb - '{key}'"))
        for index in (0, 1, -1, 5):
            cases.append(("jsonb_at", [a, str(index)], f"'{a}'::jsonb -> {index}"))
            cases.append(("jsonb_remove_at", [a, str(index)], f"'{a}'::jsonb - {index}"))
        for path in ("a", "a,0", "0", "-1", "5", "a,2,b", "x,y"):
            cases.append(("jsonb_path", [a, path], f"'{a}'::jsonb #> '{{{path}}}'"))
            cases.append(("jsonb_set", [a, path], f"jsonb_set('{a}'::jsonb, '{{{path}}}', '\"new\"')"))
            cases.append(("jsonb_insert", [a, path], f"jsonb_insert('{a}'::jsonb, '{{{path}}}', '\"new\"')"))
            cases.append(("jsonb_delete_path", [a, path], f"'{a}'::jsonb #- '{{{path}}}'"))
        cases.append(("jsonb_strip", [a], f"jsonb_strip_nulls('{a}'::jsonb)"))
        cases.append(("jsonb_pretty", [a], f"jsonb_pretty('{a}'::jsonb)"))
    arrays = ["{}", "{1}", "{1,2}", "{2,1}", "{NULL}", "{1,NULL}", "[0:1]={1,2}", "{{1,2},{3,4}}", "{{1},{2}}", "{1,2,3}"]
    for a in arrays:
        for b in arrays:
            cases.append(("array_lt", [a, b], f"'{a}'::int4[] < '{b}'::int4[]"))
            cases.append(("array_eq", [a, b], f"'{a}'::int4[] = '{b}'::int4[]"))
            cases.append(("array_concat", [a, b], f"'{a}'::int4[] || '{b}'::int4[]"))
            cases.append(("array_contains", [a, b], f"'{a}'::int4[] @> '{b}'::int4[]"))
            cases.append(("array_overlaps", [a, b], f"'{a}'::int4[] && '{b}'::int4[]"))
        cases.append(("array_append", [a, "9"], f"array_append('{a}'::int4[], 9)"))
        cases.append(("array_prepend", ["9", a], f"array_prepend(9, '{a}'::int4[])"))
        cases.append(("array_slice", [a], f"('{a}'::int4[])[1:1]"))
    return cases


def main():
    rows = text_cases()
    statements = []
    for kind, typmod, settings, text in rows:
        name = '"char"' if kind == "char" else kind
        sets = "".join(f"set {one.split('=', 1)[0].strip()} = {quote(one.split('=', 1)[1])};"
                       for one in settings.split(";") if one.strip())
        statements.append(f"{sets} select pg_temp.io('{name}', {typmod}, {literal(text)});"
                          + ("reset datestyle; set timezone='UTC'; reset intervalstyle;"
                             " reset extra_float_digits; reset bytea_output;" if sets else ""))
    answers = run(statements)
    assert len(answers) == len(rows), (len(answers), len(rows))
    with open(HERE / "text.tsv", "w", encoding="utf-8") as out:
        for (kind, typmod, settings, text), answer in zip(rows, answers):
            fields = [kind, str(typmod), settings, text] + answer
            out.write("\t".join(escape(field) for field in fields) + "\n")
    cases = operator_cases()
    answers = run([f"select pg_temp.ask($q${query}$q$);" for _, _, query in cases])
    assert len(answers) == len(cases)
    with open(HERE / "operators.tsv", "w", encoding="utf-8") as out:
        for (name, arguments, _), answer in zip(cases, answers):
            out.write("\t".join(escape(field) for field in [name] + answer + ["="] + arguments) + "\n")


def quote(value):
    value = value.strip().strip("'")
    return "'" + value + "'" if not value.lstrip("-").isdigit() else value


if __name__ == "__main__":
    main()
