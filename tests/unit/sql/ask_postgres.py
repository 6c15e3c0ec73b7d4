#!/usr/bin/env python3
"""Writes bind.cases: for every statement of bind.sql what PostgreSQL's Describe says.

    ask_postgres.py "host=... port=... dbname=..."

Runs schema.sql in a scratch schema first. A statement's answer is "> name type, ..." (with
"$ type, ..." before it for parameters) or "! SQLSTATE message @position", and "? hint".
Statements after "-- ours" stay as they are: they have answers of their own.
"""
import ctypes
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
pq = ctypes.CDLL("libpq.so.5")
for name in ("PQconnectdb", "PQexec", "PQprepare", "PQdescribePrepared"):
    getattr(pq, name).restype = ctypes.c_void_p
for name in ("PQresultErrorField", "PQfname", "PQgetvalue", "PQerrorMessage"):
    getattr(pq, name).restype = ctypes.c_char_p


def ptr(value):
    return ctypes.c_void_p(value)


class Session:
    def __init__(self, conninfo):
        self.conn = ptr(pq.PQconnectdb(conninfo.encode()))
        if pq.PQstatus(self.conn) != 0:
            sys.exit(pq.PQerrorMessage(self.conn).decode())

    def run(self, sql):
        result = ptr(pq.PQexec(self.conn, sql.encode()))
        if pq.PQresultStatus(result) not in (1, 2):
            sys.exit(f"{sql}: {self.error(result)}")
        return result

    @staticmethod
    def error(result):
        def field(code):
            value = pq.PQresultErrorField(result, ord(code))
            return value.decode() if value else ""
        text = f"! {field('C')} {field('M')}"
        if field("P"):
            text += f" @{field('P')}"
        if field("H"):
            text += f"\n? {field('H')}"
        return text

    def type_name(self, oid, typmod):
        result = self.run(f"SELECT pg_catalog.format_type({oid}, {typmod})")
        return pq.PQgetvalue(result, 0, 0).decode()

    def describe(self, sql):
        result = ptr(pq.PQprepare(self.conn, b"q", sql.encode(), 0, None))
        if pq.PQresultStatus(result) != 1:
            return self.error(result)
        result = ptr(pq.PQdescribePrepared(self.conn, b"q"))
        lines = []
        count = pq.PQnparams(result)
        if count:
            types = [self.type_name(pq.PQparamtype(result, i), -1) for i in range(count)]
            lines.append("$ " + ", ".join(types))
        columns = []
        for i in range(pq.PQnfields(result)):
            name = pq.PQfname(result, i).decode()
            columns.append(f"{name} {self.type_name(pq.PQftype(result, i), pq.PQfmod(result, i))}")
        lines.append("> " + ", ".join(columns))
        self.run("DEALLOCATE q")
        return "\n".join(lines)


def main():
    session = Session(sys.argv[1])
    session.run("DROP SCHEMA IF EXISTS bind CASCADE")
    session.run("CREATE SCHEMA bind")
    session.run("SET search_path = bind")
    session.run((HERE / "schema.sql").read_text())
    out = []
    for line in (HERE / "bind.sql").read_text().splitlines():
        if not line or line.startswith("--"):
            continue
        out.append(f"{line}\n{session.describe(line)}\n")
    (HERE / "bind.cases").write_text("\n".join(out))


main()
