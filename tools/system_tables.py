#!/usr/bin/env python3
# tidy: table (of questions to PostgreSQL)
"""Writes sql/system/shapes.inc and rows.inc from a PostgreSQL 15: tools/system_tables.py "host=... port=...".

shapes.inc: every relation of pg_catalog and information_schema with its columns, "!" = not null. A
domain stands as its base type, as in PostgreSQL's row descriptions; a type that we lack stands as text.
rows.inc: rows that are the same in every database, as COPY writes them: what drivers look up.
"""
import pathlib
import subprocess
import sys

LACKING = "inet anyarray pg_ndistinct pg_dependencies pg_mcv_list _pg_statistic".split()

# Types that are neither rows of relations nor arrays of such.
TYPES = """pg_type t where t.oid < 16384 and t.typtype <> 'c' and not exists
  (select from pg_type e where e.oid = t.typelem and e.typtype = 'c' and t.typcategory = 'A')
  and t.typnamespace = 11"""
# Functions that other rows name: input and output of types, handlers of access methods.
NAMED = f"""oid in (select unnest(array[t.typinput, t.typoutput, t.typreceive, t.typsend, t.typmodin,
  t.typmodout, t.typanalyze, t.typsubscript]::oid[]) from {TYPES}) or oid in (select amhandler from pg_am)"""
STATIC = {
    "pg_type": f"from {TYPES}",
    "pg_am": "from pg_am t",
    "pg_language": "from pg_language t where lanname in ('internal', 'sql')",
    "pg_collation": "from pg_collation t where collname in ('default', 'C', 'POSIX', 'ucs_basic')",
    "pg_tablespace": "from pg_tablespace t",
    "pg_opclass": "from pg_opclass t where opcmethod in (403, 405)",
    "pg_opfamily": "from pg_opfamily t where opfmethod in (403, 405)",
    "pg_range": "from pg_range t",
    "pg_proc": f"from pg_proc t where {NAMED}",
}


def ask(connection, sql):
    return subprocess.run(["psql", connection, "-AtX", "-c", sql], check=True, capture_output=True,
                          text=True).stdout.splitlines()


def shapes(connection):
    lacking = ",".join(f"'{name}'" for name in LACKING)
    return ask(connection, f"""
      select format('{{%s, "%s", "%s", ''%s'',' || chr(10) || ' "%s"}},', c.oid, n.nspname, c.relname, c.relkind,
        string_agg(a.attname || ':' || case when b.typname in ({lacking}) then 'text' else b.typname end ||
          case when t.typtypmod >= 0 then '(' || t.typtypmod || ')' else '' end ||
          case when a.attnotnull then '!' else '' end, ' ' order by a.attnum))
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
        join pg_type t on t.oid = a.atttypid
        join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
      where n.nspname in ('pg_catalog', 'information_schema') and c.relkind in ('r', 'v') and a.attnum > 0
      group by c.oid, n.nspname, c.relname, c.relkind order by c.oid""")


def rows(connection):
    for table, source in STATIC.items():
        columns = ask(connection, f"""
          select format(case when atttypid = 'regproc'::regtype then 't.%I::oid' else 't.%I' end, attname)
          from pg_attribute where attrelid = '{table}'::regclass and attnum > 0 order by attnum""")
        # Whom a table belongs to and what may be done with it are this database's business.
        columns = ["NULL" if c.endswith("acl") or c == "t.proargdefaults" else c for c in columns]
        yield f'{{"{table}",'
        yield ' R"('
        yield from ask(connection, f"copy (select {', '.join(columns)} {source} order by t.{first(table)}) "
                       "to stdout (delimiter '|')")
        yield ')"},'


def first(table):
    return "rngtypid" if table == "pg_range" else "oid"


def main():
    connection = sys.argv[1]
    folder = pathlib.Path(__file__).parent.parent / "sql" / "system"
    for name, lines in [("shapes.inc", shapes(connection)), ("rows.inc", rows(connection))]:
        text = "// tidy: table. Written by tools/system_tables.py from PostgreSQL 15.\n"
        text += "".join(line + "\n" for line in lines)
        (folder / name).write_text(text)


main()
