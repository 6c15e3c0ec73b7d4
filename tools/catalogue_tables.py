#!/usr/bin/env python3
# tidy: table (of questions to PostgreSQL)
"""Writes sql/expr/operators.inc and casts.inc from a PostgreSQL 15: tools/catalogue_tables.py "host=... port=...".

Only operators and casts over types that we have; the registry keeps those whose function is declared.
"""
import pathlib
import subprocess
import sys

TYPES = """bool int2 int4 int8 oid float4 float8 numeric text varchar bpchar bytea name char date time timetz
timestamp timestamptz interval uuid json jsonb regclass regtype regproc regprocedure regnamespace regrole
regoper regoperator regcollation xid cid tid pg_lsn int2vector oidvector pg_node_tree aclitem record
anyelement anyarray anynonarray anycompatible anycompatiblearray
anycompatiblenonarray""".split()


def ask(connection, sql):
    out = subprocess.run(["psql", connection, "-AtX", "-F", "|", "-c", sql], check=True,
                         capture_output=True, text=True).stdout
    return [line.split("|") if "||" not in line else line for line in out.splitlines()]


def main():
    connection = sys.argv[1]
    folder = pathlib.Path(__file__).parent.parent / "sql" / "expr"
    names = ",".join(f"'{t}'" for t in TYPES) + "," + ",".join(f"'_{t}'" for t in TYPES)
    rows = ask(connection, f"""
      select format('{{%s, "%s", "%s", "%s", "%s", %s, %s, %s}},', o.oid, o.oprname, coalesce(l.typname, 'void'),
             r.typname, t.typname, o.oprcode::oid, o.oprcom, o.oprnegate)
      from pg_operator o left join pg_type l on l.oid = o.oprleft join pg_type r on r.oid = o.oprright
        join pg_type t on t.oid = o.oprresult
      where o.oprnamespace = 11 and coalesce(l.typname, 'text') in ({names}) and r.typname in ({names})
        and t.typname in ({names}) and not (o.oprname = '~' and r.typname = 'aclitem')
      order by o.oid""")
    write(folder / "operators.inc", "oid, name, left, right, result, function, commutator, negator", rows)
    rows = ask(connection, f"""
      select format('{{"%s", "%s", %s, ''%s''}},', s.typname, t.typname, c.castfunc, c.castcontext)
      from pg_cast c join pg_type s on s.oid = c.castsource join pg_type t on t.oid = c.casttarget
      where s.typname in ({names}) and t.typname in ({names}) and c.castmethod in ('f', 'b') and s.oid <> t.oid
      order by c.castsource, c.casttarget""")
    write(folder / "casts.inc", "from, to, function (0 = same layout), context", rows)


def write(path, columns, rows):
    text = f"// Written by tools/catalogue_tables.py from PostgreSQL 15: {columns}.\n"
    path.write_text(text + "".join((r if isinstance(r, str) else "|".join(r)) + "\n" for r in rows))


main()
