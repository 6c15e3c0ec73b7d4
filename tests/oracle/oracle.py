"""IVM oracle: random views over random changes, held against PostgreSQL after every epoch.

    oracle.py [--cases N] [--seed N] [--case I] [--against DSN] [--state-memory SIZE]
    oracle.py --long --from N --count N [--memory-limit SIZE]

A case makes tables, then runs steps; a step is one transaction of random changes. Views are made
before, between and after the steps, some on top of others. After each step every view must equal
its own query asked of us, and of a PostgreSQL 15 with the same tables, row for row as text; a query
that fails there must fail here with the same SQLSTATE, unless it is planning that fails. Variants:
the server is killed and restarted between two steps; a step's statements are committed one by one.

A failing case is shrunk and printed as SQL, with the seed and the case number that repeat it. A
view that we refuse with 0A000 is counted, and too many of them fail the run. --against tests the
oracle itself, with another PostgreSQL in our place. --long is for ranges (seed 1 unless named):
transactions of up to 100,000 rows, every other thousand of cases with --state-memory 1 (the states
of views leave memory as soon as they can), and one JSON line at the end.
"""

import argparse
import collections
import dataclasses
import json
import os
import pathlib
import random
import re
import select
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tools")]

import psycopg  # noqa: E402
from psycopg.pq import TransactionStatus  # noqa: E402

import harness  # noqa: E402
import peers  # noqa: E402
import changes  # noqa: E402
from changes import change, create_table, make_table  # noqa: E402
from choices import Choices, shrink  # noqa: E402
from queries import Generator, Query, Relation, ours, theirs  # noqa: E402

CASES_PER_LINE = 100
SHRINK_SECONDS_MAX = 60
PAIRS = re.compile(r"CROSS|ON r[\w.]+ <|ALL \(S|ANY \(S|EXISTS|NOT IN|> r[0-9]")
ANSWER_SECONDS_MAX = 120
SETTINGS = "SET timezone = 'UTC'; SET client_min_messages = 'error'"
PEER_SETTINGS = "; SET jit = off; SET statement_timeout = '5s'"
PEER_TOO_SLOW = "57014"
TOO_MANY_ROWS = ("no answer", "22003", "53200", "54000")  # of ours, said of rows without end
UNSUPPORTED_SHARE_MAX = 0.25
CONTRADICTED_SHARE_MAX = 0.001
SLOW_SHARE_MAX = 0.001
LONG_SEED = 1
LONG_ROWS = 100_000
LONG_SPILL_EVERY = 1000  # cases with states in memory, then as many with states out of it


class Mismatch(Exception):
    pass


class NoAnswer(Mismatch):
    pass


class TooSlow(Exception):
    """PostgreSQL needs so long for a query that the case is not worth its time."""


class Side:
    """One of the two databases: statements in the simple protocol, answers as the wire's text."""

    def __init__(self, dsn, settings):
        self.dsn, self.settings = dsn, settings
        self.connect()

    def connect(self):
        self.connection = psycopg.connect(self.dsn(), autocommit=True)
        self.run(self.settings)

    def run(self, sql):
        self.send(sql)
        return self.answer()

    def settle(self):
        """Makes the connection usable again after whatever went wrong while it was asked."""
        if self.connection.pgconn.transaction_status in (TransactionStatus.ACTIVE,
                                                         TransactionStatus.UNKNOWN):
            self.connection.close()
            self.connect()

    def send(self, sql):
        self.sent = sql
        self.connection.pgconn.send_query(sql.encode())

    def answer(self):
        """(SQLSTATE, answer) to what was sent: '00000' and the rows, or the error's text."""
        connection, last = self.connection.pgconn, None
        end = time.monotonic() + ANSWER_SECONDS_MAX
        while True:
            while connection.is_busy():
                if not select.select([connection.socket], [], [], end - time.monotonic())[0]:
                    raise NoAnswer(f"no answer after {ANSWER_SECONDS_MAX} s: {self.sent}")
                connection.consume_input()
            result = connection.get_result()
            if result is None:
                break
            last = result
        if last.status not in (1, 2):  # neither rows nor a finished command
            state = last.error_field(ord("C"))
            if state is None:
                said = last.error_message.decode()
                raise Mismatch(f"the connection is gone: {said}\n{self.sent}")
            return state.decode(), last.error_message.decode().strip()
        columns = range(last.nfields)
        return "00000", [tuple(last.get_value(row, column) for column in columns)
                         for row in range(last.ntuples)]


def as_bag(rows):
    return sorted(rows, key=lambda row: [(value is None, value) for value in row])


@dataclasses.dataclass
class View:
    name: str
    query: Query
    uses: set
    made: int          # step before which it is made
    dropped: int = -1  # step before which it goes; -1 = at the end


class Case:
    """Drawn from choices; run() raises Mismatch when we are wrong."""

    def __init__(self, choose, name):
        self.tables = [make_table(choose, f"{name}_t{i}") for i in range(1 + choose.below(3))]
        self.views = []
        count = choose.pick([2, 1, 3, 5])
        big = choose.chance(40)
        relations = [Relation(table.name, table.columns) for table in self.tables]
        for i in range(1 + choose.below(3)):
            generator = Generator(choose, relations, 1 if big else 3)
            query = generator.query(2, top=True)
            if self.views and choose.chance(5):  # the same again, over indexes that are there
                query, generator.uses = self.views[-1].query, self.views[-1].uses
            # A view on a view cannot be made before it.
            below = [view.made for view in self.views if view.name in generator.uses]
            made = max([choose.below(count + 1), *below])
            view = View(f"{name}_v{i}", query, generator.uses, made)
            self.views.append(view)
            if not query.fails:
                relations.append(Relation(view.name, query.columns))
        self.views.sort(key=lambda view: view.made)
        used = set().union(*(view.uses for view in self.views))
        for view in self.views:
            if view.name not in used and choose.chance(8):
                view.dropped = view.made + 1 + choose.below(2)
        # Thousands of rows are for joins by a key: all pairs of them would take minutes.
        big = big and not any(PAIRS.search(view.query.sql) for view in self.views)
        self.steps = []
        for _ in range(count):
            self.steps.append([change(choose, choose.pick(self.tables), big)
                               for _ in range(1 + choose.below(4))])
        self.split = choose.chance(3)
        self.undone = choose.below(count) if choose.chance(10) else None
        self.restart_before = choose.below(count + 1) if choose.chance(12) else None
        self.reads = []
        for _ in range(count + 1):
            relation = choose.pick(relations)
            self.reads.append((relation.name, Generator(choose, relations).read(relation)))

    def step_sql(self, i):
        """The statements of step i, as they are sent."""
        if self.undone == i:
            return [f"BEGIN; {'; '.join(self.steps[i])}; ROLLBACK"]
        if self.split:
            return self.steps[i]
        return [f"BEGIN; {'; '.join(self.steps[i])}; COMMIT"]

    def script(self, side=ours):
        """The case as SQL; views are materialized ones, or plain ones for PostgreSQL."""
        kind = "MATERIALIZED VIEW" if side is ours else "VIEW"
        lines = [f"{create_table(table)};" for table in self.tables]
        for i in range(len(self.steps) + 1):
            lines += [f"DROP {kind} {view.name};" for view in self.views if view.dropped == i]
            lines += [f"CREATE {kind} {view.name} AS\n  {side(view.query.sql)};"
                      for view in self.views if view.made == i]
            if self.restart_before == i:
                lines.append("-- kill -9 and restart")
            if i < len(self.steps):
                lines += [f"{statement};" for statement in self.step_sql(i)]
        return "\n".join(lines)

    def run(self, world):
        live = {}
        try:
            for table in self.tables:
                self.both(world, create_table(table))
            for i in range(len(self.steps) + 1):
                for view in self.views:
                    if view.dropped == i and live.pop(view.name, None):
                        kind = "VIEW" if world.against else "MATERIALIZED VIEW"
                        self.both(world, f"DROP {kind} {view.name}", f"DROP VIEW {view.name}")
                for view in self.views:
                    if view.made == i and self.make_view(world, view):
                        live[view.name] = view
                if self.restart_before == i:
                    world.restart()
                if i < len(self.steps):
                    self.step(world, i, live)
                for view in live.values():
                    self.compare_view(world, view)
                name, read = self.reads[i]
                if name in live or any(table.name == name for table in self.tables):
                    self.compare(world, "the read", read, read, False)
        finally:
            self.clean(world)

    def both(self, world, sql, peer_sql=None):
        world.theirs.send(peer_sql or sql)
        try:
            mine = world.ours.run(sql)
        finally:
            other = world.theirs.answer()
        # When two rows violate two constraints, which of them is named is not our matter here.
        if mine[0] != other[0] and not (mine[0][:2] == other[0][:2] == "23"):
            raise Mismatch(f"{sql}\n  ours   {mine}\n  theirs {other}")
        return mine[0]

    def make_view(self, world, view):
        sql, peer_sql = ours(view.query.sql), theirs(view.query.sql)
        if world.against:
            sql = peer_sql
        state, said = world.theirs.run(f"CREATE VIEW {view.name} AS {peer_sql}")
        if state != "00000":
            if state != "42P01":  # it stands on a view that was refused
                world.invalid += 1
                world.invalid_example = f"{said}\n{peer_sql}"
            return False
        kind = "VIEW" if world.against else "MATERIALIZED VIEW"
        create = f"CREATE {kind} {view.name} AS {sql}"
        try:
            state, said = world.ours.run(create)
        except NoAnswer as error:
            state, said = "no answer", str(error)
        world.views += 1
        if state == "00000":
            return True
        if (state in TOO_MANY_ROWS
                and world.theirs.run(f"SELECT * FROM {view.name}")[0] == PEER_TOO_SLOW):
            raise TooSlow
        world.theirs.run(f"DROP VIEW {view.name}")
        if state != "0A000":
            raise Mismatch(f"{create}\n  {state} {said}")
        reason = said.splitlines()[0]
        world.unsupported[reason] = world.unsupported.get(reason, 0) + 1
        return False

    def step(self, world, i, live):
        for statement in self.step_sql(i):
            try:
                state = self.both(world, statement)
            except NoAnswer:
                slow = any(world.theirs.run(f"SELECT * FROM {name}")[0] == PEER_TOO_SLOW
                           for name in live)
                # Its epoch may go on for hours, and to drop the case's tables would wait for it.
                world.restart()
                if slow:
                    raise TooSlow from None
                raise
            if state != "00000" and statement.startswith("BEGIN"):
                self.both(world, "ROLLBACK")

    def compare_view(self, world, view):
        name, sql = view.name, f"SELECT * FROM {view.name}"
        expected = self.compare(world, f"the view {name}", sql, sql, True, view.query)
        if not world.against:
            self.compare(world, f"the query of {name}", ours(view.query.sql), sql, True, view.query,
                         expected)

    def compare(self, world, what, sql, peer_sql, as_sets, query=None, expected=None):
        """What the peer answered: it is asked unless the answer is `expected`."""
        if expected is None:
            world.theirs.send(peer_sql)
            world.ours.send(sql)
            expected = world.theirs.answer()
            if expected[0] == PEER_TOO_SLOW:
                raise TooSlow
            got = world.ours.answer()
        else:
            got = world.ours.run(sql)
        world.comparisons += 1
        text = f"{what}: {ours(query.sql) if query else sql}"
        if got[0] != expected[0]:
            # Of a plain view's columns PostgreSQL folds the constant ones: 10 / 0 fails without
            # rows as well.
            if got[0] == "00000" and world.theirs.run(f"EXPLAIN {peer_sql}")[0] == expected[0]:
                world.folded += 1
                return expected
            raise Mismatch(f"{text}\n  ours   {got}\n  theirs {expected}")
        if got[0] != "00000":
            return expected
        mine, other = (as_bag(got[1]), as_bag(expected[1])) if as_sets else (got[1], expected[1])
        if mine == other:
            return expected
        fenced = world.theirs.run(self.fenced(theirs(query.sql) if query else peer_sql))
        if fenced[0] == "00000" and mine == (as_bag(fenced[1]) if as_sets else fenced[1]):
            world.contradicted.add(world.names)
            return got
        only_mine = list((collections.Counter(mine) - collections.Counter(other)).elements())
        only_other = list((collections.Counter(other) - collections.Counter(mine)).elements())
        raise Mismatch(f"{text}\n  {len(mine)} rows, PostgreSQL {len(other)}\n  only ours   "
                       f"{only_mine[:5]}\n  only theirs {only_other[:5]}")

    def fenced(self, sql):
        """The query over views that PostgreSQL's planner cannot look into: it gets some wrong when
        it does (an expression that is not NULL for NULL, on the far side of an outer join)."""
        made = [f"{view.name} AS MATERIALIZED ({theirs(view.query.sql)})" for view in self.views]
        return f"WITH {', '.join(made)} {sql}"

    def clean(self, world):
        for side in (world.ours, world.theirs):
            try:
                side.settle()
                side.run("ROLLBACK")
                for table in self.tables:
                    side.run(f"DROP TABLE {table.name} CASCADE")
            except (Mismatch, psycopg.Error, OSError):
                pass  # the failure that brought us here has been reported


class World:
    """Both databases, and what is counted over all cases."""

    def __init__(self, against, server_options=()):
        self.against, self.server_options = against, server_options
        # In memory where there is such a folder: a case is mostly small commits, and what kill -9
        # leaves behind is the same.
        memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="quickwater-oracle-", dir=memory))
        self.scratch.chmod(0o755)
        self.postgres = peers.Postgres(self.scratch / "pg").start()
        self.theirs = Side(self.postgres.dsn, SETTINGS + PEER_SETTINGS)
        self.server = None
        if not against:
            self.server = harness.Server(self.scratch / "data", server_options,
                                         self.scratch / "log").start()
        self.ours = Side((lambda: against) if against else self.server.dsn, SETTINGS)
        self.views = self.comparisons = self.invalid = self.names = self.slow = self.folded = 0
        self.contradicted = set()  # cases where PostgreSQL gives another answer in another way
        self.invalid_example = ""
        self.unsupported = {}

    def restart(self):
        if self.server:
            self.server.kill9()
            self.server.start()
            self.ours.connect()

    def serve_with(self, options):
        """Goes on with a server that has these options, too."""
        options = [*self.server_options, *options]
        if self.server and self.server.options != options:
            self.server.options = options
            self.restart()

    def run(self, choices):
        """What went wrong with a case, or None."""
        self.names += 1
        case = Case(choices, f"c{self.names}")
        try:
            case.run(self)
            return None
        except TooSlow:
            self.slow += 1
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
    long = " --long" if LONG_ROWS in changes.MANY_ROWS else ""
    print(f"    tools/oracle --seed {seed} --case {number}{long}")
    text = again or f"(did not fail again)\n{failure}"
    print("    " + text.replace("\n", "\n    "), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", "--count", type=int, default=None)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--memory-limit", default=None)
    parser.add_argument("--state-memory", default=None)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--case", type=int, default=None)
    parser.add_argument("--against", default=None)
    parser.add_argument("--failures", type=int, default=5, help="stop after so many")
    options = parser.parse_args()
    if options.long:
        changes.MANY_ROWS.append(LONG_ROWS)
        options.failures = sys.maxsize  # a range is tried to its end
    if options.seed is None:
        options.seed = LONG_SEED if options.long else random.randrange(1 << 31)
    limit = ("--memory-limit", options.memory_limit) if options.memory_limit else ()
    if options.state_memory:
        limit += ("--state-memory", options.state_memory)
    print(f"     seed {options.seed}", flush=True)
    world = World(options.against, limit)
    failures = 0
    began = time.monotonic()
    try:
        number = options.first if options.case is None else options.case
        end = number + 1
        if options.case is None:
            end = None if options.cases is None else number + options.cases
        failed_before = 0
        while (end is None or number < end) and failures < options.failures:
            if options.long:
                spills = number // LONG_SPILL_EVERY % 2
                world.serve_with(("--state-memory", "1") if spills else ())
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
        print(f"     up to {number}: {world.views} views, {world.comparisons} comparisons, "
              f"{refused} views refused, {world.invalid} invalid, {world.slow} slow, "
              f"{world.folded} folded, {len(world.contradicted)} where PostgreSQL contradicts "
              f"itself, {time.monotonic() - began:.0f} s")
        for said, count in sorted(world.unsupported.items(), key=lambda item: -item[1])[:15]:
            print(f"     {count} x {said}")
        if world.views and refused > UNSUPPORTED_SHARE_MAX * world.views:
            failures += 1
            print(f"FAIL oracle: {refused} of {world.views} views are not supported")
        if len(world.contradicted) > 1 + CONTRADICTED_SHARE_MAX * world.names:
            failures += 1
            print(f"FAIL oracle: PostgreSQL contradicts itself in {len(world.contradicted)} cases")
        if world.slow > 1 + SLOW_SHARE_MAX * world.names:
            failures += 1
            print(f"FAIL oracle: {world.slow} cases were too slow in PostgreSQL")
        if world.invalid > 0.05 * (world.views + 1):
            failures += 1
            print(f"FAIL oracle: PostgreSQL refused {world.invalid}: {world.invalid_example}")
        if options.long:
            print(json.dumps({"test": "oracle", "from": options.first, "count": options.cases,
                              "views": world.views, "comparisons": world.comparisons,
                              "slow": world.slow, "failures": failures}), flush=True)
    finally:
        world.close()
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
