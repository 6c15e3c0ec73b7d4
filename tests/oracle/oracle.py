"""IVM oracle: random views over random changes, held against PostgreSQL after every epoch.

    oracle.py [--cases N] [--seed N] [--case I] [--against DSN]

A case makes tables, then runs steps; a step is one transaction of random changes. Views are made
before, between and after the steps, some on top of others. After each step every view must equal
its own query asked of us, and of a PostgreSQL 15 with the same tables, row for row as text; a query
that fails there must fail here with the same SQLSTATE. Variants: the server is killed and restarted
between two steps; a step's statements are committed one by one.

A failing case is shrunk and printed as SQL, with the seed and the case number that repeat it. A
view that we refuse with 0A000 is counted, and too many of them fail the run. --against tests the
oracle itself, with another PostgreSQL in our place.
"""

import argparse
import os
import pathlib
import random
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools")]

import psycopg  # noqa: E402

import harness  # noqa: E402
import peers  # noqa: E402
from choices import Choices, shrink  # noqa: E402
from queries import Generator, Table, change, create_table, make_table  # noqa: E402

CASES_PER_LINE = 100
SHRINK_SECONDS_MAX = 60
UNSUPPORTED_SHARE_MAX = 0.25


class Mismatch(Exception):
    pass


class Side:
    """One of the two databases: statements in the simple protocol, answers as the wire's text."""

    def __init__(self, dsn):
        self.dsn = dsn
        self.connect()

    def connect(self):
        self.connection = psycopg.connect(self.dsn(), autocommit=True)
        self.run("SET timezone = 'UTC'; SET client_min_messages = 'error'")
        self.connection.pgconn.exec_(b"SET jit = off")  # ours need not know it

    def run(self, sql):
        """(SQLSTATE, answer): '00000' and a sorted list of rows, or an error's state and text."""
        result = self.connection.pgconn.exec_(sql.encode())
        if result.status not in (1, 2):  # neither rows nor a finished command
            state = result.error_field(ord("C"))
            if state is None:
                raise Mismatch(f"the connection is gone: {result.error_message.decode()}\n{sql}")
            return state.decode(), result.error_message.decode().strip()
        columns = range(result.nfields)
        rows = [tuple(result.get_value(row, column) for column in columns)
                for row in range(result.ntuples)]
        return "00000", sorted(rows, key=lambda row: [(value is None, value) for value in row])


class Case:
    """Drawn from choices; run() raises Mismatch when we are wrong."""

    def __init__(self, choose, name):
        self.tables = [make_table(choose, f"{name}_t{i}") for i in range(1 + choose.below(3))]
        self.views = []  # (name, query, step before which it is made)
        steps = choose.pick([2, 1, 3, 5])
        relations = list(self.tables)
        for i in range(1 + choose.below(3)):
            query = Generator(choose, relations).query(2)
            when = choose.below(steps + 1)
            # A view on a view cannot be made before it.
            when = max([when, *(w for n, _, w in self.views if f"{n} " in query.sql)])
            view = f"{name}_v{i}"
            self.views.append((view, query, when))
            relations.append(Table(view, query.columns, False))
        self.views.sort(key=lambda view: view[2])
        self.steps = []
        for _ in range(steps):
            self.steps.append([change(choose, choose.pick(self.tables))
                               for _ in range(1 + choose.below(4))])
        self.split = choose.chance(3)
        self.restart_before = choose.below(steps + 1) if choose.chance(12) else None

    def script(self):
        lines = [f"{create_table(table)};" for table in self.tables]
        for i in range(len(self.steps) + 1):
            lines += [f"CREATE MATERIALIZED VIEW {name} AS\n  {query.sql};"
                      for name, query, when in self.views if when == i]
            if self.restart_before == i:
                lines.append("-- kill -9 and restart")
            if i < len(self.steps):
                body = ";\n  ".join(self.steps[i])
                lines.append(f"{body};" if self.split else f"BEGIN;\n  {body};\nCOMMIT;")
        return "\n".join(lines)

    def run(self, world):
        made = []
        try:
            for table in self.tables:
                self.both(world, create_table(table))
            for i in range(len(self.steps) + 1):
                for name, query, when in self.views:
                    if when == i and self.make_view(world, name, query):
                        made.append((name, query))
                if self.restart_before == i:
                    world.restart()
                if i < len(self.steps):
                    self.step(world, self.steps[i])
                for name, query in made:
                    self.compare(world, name, query)
        finally:
            self.clean(world, [name for name, _ in made])

    def both(self, world, sql):
        ours, theirs = world.ours.run(sql), world.theirs.run(sql)
        if ours[0] != theirs[0]:
            raise Mismatch(f"{sql}\n  ours   {ours}\n  theirs {theirs}")
        return ours[0]

    def make_view(self, world, name, query):
        state, said = world.theirs.run(f"CREATE VIEW {name} AS {query.sql}")
        if state != "00000":
            world.invalid += 1
            world.invalid_example = f"{said}\n{query.sql}"
            return False
        kind = "VIEW" if world.against else "MATERIALIZED VIEW"
        state, said = world.ours.run(f"CREATE {kind} {name} AS {query.sql}")
        world.views += 1
        if state == "00000":
            return True
        world.theirs.run(f"DROP VIEW {name} CASCADE")
        if state != "0A000":
            raise Mismatch(f"CREATE {kind} {name} AS {query.sql}\n  {state} {said}")
        world.unsupported[said.splitlines()[0]] = world.unsupported.get(said.splitlines()[0], 0) + 1
        return False

    def step(self, world, statements):
        if not self.split:
            statements = [f"BEGIN; {'; '.join(statements)}; COMMIT"]
        for statement in statements:
            if self.both(world, statement) != "00000" and not self.split:
                self.both(world, "ROLLBACK")

    def compare(self, world, name, query):
        expected = world.theirs.run(f"SELECT * FROM {name}")
        for what, sql in [("the view", f"SELECT * FROM {name}"), ("the query", query.sql)]:
            got = world.ours.run(sql)
            world.comparisons += 1
            if got[0] != expected[0]:
                raise Mismatch(f"{what} {name}: {query.sql}\n  ours   {got}\n  theirs {expected}")
            if got[0] == "00000" and got[1] != expected[1]:
                ours, theirs = list(got[1]), list(expected[1])
                for row in expected[1]:
                    if row in ours:
                        ours.remove(row)
                        theirs.remove(row)
                raise Mismatch(f"{what} {name}: {query.sql}\n  {len(got[1])} rows, PostgreSQL "
                               f"{len(expected[1])}\n  only ours   {ours[:5]}\n  only theirs "
                               f"{theirs[:5]}")

    def clean(self, world, made):
        for side in (world.ours, world.theirs):
            try:
                side.run("ROLLBACK")
                for table in self.tables:
                    side.run(f"DROP TABLE {table.name} CASCADE")
            except Mismatch:
                pass  # the failure that brought us here has been reported


class World:
    """Both databases, and what is counted over all cases."""

    def __init__(self, against):
        self.against = against
        # In memory where there is such a folder: a case is mostly small commits, and what kill -9
        # leaves behind is the same.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="quickwater-oracle-", dir=memory))
        self.scratch.chmod(0o755)
        self.postgres = peers.Postgres(self.scratch / "pg").start()
        self.theirs = Side(self.postgres.dsn)
        self.server = None
        if not against:
            self.server = harness.Server(self.scratch / "data", log=self.scratch / "log").start()
        self.ours = Side((lambda: against) if against else self.server.dsn)
        self.views = self.comparisons = self.invalid = self.names = 0
        self.invalid_example = ""
        self.unsupported = {}

    def restart(self):
        if self.server:
            self.server.kill9()
            self.server.start()
            self.ours.connect()

    def run(self, choices):
        """What went wrong with a case, or None."""
        self.names += 1
        case = Case(choices, f"c{self.names}")
        try:
            case.run(self)
            return None
        except (Mismatch, psycopg.Error, OSError) as error:
            if self.server and not self.server.alive:
                error = Mismatch(f"the server died\n{error}\n{self.server.log_tail()}")
                self.server.start()
                self.ours.connect()
            return f"{error}\n{case.script()}"

    def close(self):
        if self.server:
            self.server.kill9()
        if self.postgres.running:
            self.postgres.kill9()
        harness.shutil.rmtree(self.scratch, ignore_errors=True)


def report(world, seed, number, failure):
    """Shrinks a failing case and prints it."""
    first = Choices(f"{seed}/{number}")
    Case(first, "c")

    def fails(sequence):
        choices = Choices(replay=sequence)
        return choices.drawn if world.run(choices) else None

    smallest = shrink(first.drawn, fails, SHRINK_SECONDS_MAX)
    again = world.run(Choices(replay=smallest))
    print("FAIL oracle: views equal PostgreSQL")
    print(f"    tools/oracle --seed {seed} --case {number}")
    text = again or f"(did not fail again)\n{failure}"
    print("    " + text.replace("\n", "\n    "), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=None)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    parser.add_argument("--case", type=int, default=None)
    parser.add_argument("--against", default=None)
    parser.add_argument("--failures", type=int, default=5, help="stop after so many")
    options = parser.parse_args()
    print(f"     seed {options.seed}", flush=True)
    world = World(options.against)
    failures = 0
    began = time.monotonic()
    try:
        number = options.case or 0
        end = number + 1 if options.case is not None else options.cases
        failed_before = 0
        while (end is None or number < end) and failures < options.failures:
            failure = world.run(Choices(f"{options.seed}/{number}"))
            if failure:
                failures += 1
                report(world, options.seed, number, failure)
            number += 1
            if number % CASES_PER_LINE == 0 or number == end:
                if failures == failed_before:
                    print(f"PASS oracle: cases up to {number}", flush=True)
                failed_before = failures
        refused = sum(world.unsupported.values())
        print(f"     {number} cases, {world.views} views, {world.comparisons} comparisons, "
              f"{refused} views refused, {world.invalid} invalid, "
              f"{time.monotonic() - began:.0f} s")
        for said, count in sorted(world.unsupported.items(), key=lambda item: -item[1])[:15]:
            print(f"     {count} x {said}")
        if world.views and refused > UNSUPPORTED_SHARE_MAX * world.views:
            failures += 1
            print(f"FAIL oracle: {refused} of {world.views} views are not supported")
        if world.invalid > 0.05 * (world.views + 1):
            failures += 1
            print(f"FAIL oracle: PostgreSQL refused {world.invalid}: {world.invalid_example}")
    finally:
        world.close()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
