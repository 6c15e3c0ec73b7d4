"""Random queries over tables and views, in the SQL that Quickwater and PostgreSQL share.

Nothing here depends on the order of rows: ordered aggregates, windows and top-k order by all they
could tell apart. What PostgreSQL spells differently (TUMBLE, HOP) stands as `ours|theirs` between
marks that `ours()` and `theirs()` resolve.
"""

import re
from dataclasses import dataclass, field

from expressions import Column, condition, expression, of_type, risky
from values import DOMAINS, EXTREMES, FAMILIES, SQL, TYPES

OPEN, BETWEEN, CLOSE = "\x01", "\x02", "\x03"
PLAIN = f"([^{OPEN}{BETWEEN}{CLOSE}]*)"
DIALECT = re.compile(f"{OPEN}{PLAIN}{BETWEEN}{PLAIN}{CLOSE}")


def resolve(sql, side):
    while OPEN in sql:
        sql = DIALECT.sub(lambda match: match.group(side), sql)
    return sql


def ours(sql):
    return resolve(sql, 1)


def theirs(sql):
    return resolve(sql, 2)


@dataclass
class Query:
    sql: str
    columns: list
    fails: bool = False  # may fail for some rows


@dataclass
class Relation:
    name: str
    columns: list = field(default_factory=list)


def comparable(one, other):
    return one == other or any(one in family and other in family for family in FAMILIES)


def select_list(items, columns):
    return ", ".join(f"{item} AS {column.name}" for item, column in zip(items, columns))


class Generator:
    """Queries over `relations`; the names of those used gather in `uses`."""

    def __init__(self, choose, relations, joins_max=3):
        self.choose, self.relations = choose, relations
        self.names = 0
        self.uses = set()
        self.joins_left = joins_max

    def fresh(self):
        self.names += 1
        return f"r{self.names}"

    # ---- FROM ---------------------------------------------------------------------------------

    def relation(self):
        relation = self.choose.pick(self.relations)
        self.uses.add(relation.name)
        return relation

    def source(self, depth):
        """What stands after FROM: (text, scope)."""
        if depth > 0 and self.joins_left > 0 and self.choose.chance(2):
            self.joins_left -= 1
            return self.choose.weighted([(6, self.join), (1, self.lateral)])(depth)
        return self.one(depth)

    def one(self, depth):
        kind = self.choose.weighted([(16, "relation"), (4 if depth > 0 else 0, "query"),
                                     (2 if self.joins_left > 0 else 0, "using"), (1, "window"),
                                     (1, "values"), (1, "series")])
        name = self.fresh()
        if kind == "query":
            inner = self.query(depth - 1)
            return f"({inner.sql}) {name}", self.scope_of(name, inner.columns)
        if kind == "using":
            self.joins_left -= 1
            inner = self.using()
            return f"({inner.sql}) {name}", self.scope_of(name, inner.columns)
        if kind == "values":
            rows = ", ".join(f"({n}, {text})" for n, text in [(0, "'a'"), (1, "'b'"), (1, "NULL")])
            columns = [Column("x", "int"), Column("y", "text")]
            return f"(VALUES {rows}) {name} (x, y)", self.scope_of(name, columns)
        if kind == "series":
            return f"generate_series(0, {1 + self.choose.below(3)}) {name} (x)", [
                Column(f"{name}.x", "int")]
        relation = self.relation()
        if kind == "window":
            times = of_type(relation.columns, "ts")
            if times:
                return self.window(name, relation, self.choose.pick(times))
        return f"{relation.name} {name}", self.scope_of(name, relation.columns)

    def scope_of(self, name, columns):
        return [Column(f"{name}.{column.name}", column.type) for column in columns]

    def window(self, name, relation, time):
        size, slide = self.choose.pick([("1 hour", None), ("1 day", None), ("1 hour", "30 min"),
                                        ("15 min", "5 min")])
        last = f"date_bin('{slide or size}', s.{time}, '1970-01-01')"
        starts = "0" if slide is None else f"interval '{size}' - interval '{slide}'"
        first = last if slide is None else f"{last} - ({starts})"
        mine = (f"TUMBLE({relation.name}, {time}, interval '{size}')" if slide is None else
                f"HOP({relation.name}, {time}, interval '{slide}', interval '{size}')")
        peer = (f"(SELECT s.*, w AS window_start, w + interval '{size}' AS window_end FROM "
                f"{relation.name} s, generate_series({first}, {last}, "
                f"interval '{slide or size}') w)")
        columns = [*relation.columns, Column("window_start", "ts"), Column("window_end", "ts")]
        return f"{OPEN}{mine}{BETWEEN}{peer}{CLOSE} {name}", self.scope_of(name, columns)

    def using(self):
        """A join of two relations by common columns, as a query."""
        left, right = self.relation(), self.relation()
        types = {column.name: column.type for column in left.columns}
        common = [c.name for c in right.columns if types.get(c.name) == c.type]
        clash = [c.name for c in right.columns if c.name in types and types[c.name] != c.type]
        if not common or clash:
            return Query(f"SELECT r.* FROM {left.name} r", left.columns)
        kind = self.choose.pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        if self.choose.chance(2):
            text = f"{left.name} l NATURAL {kind} {right.name} r"
            merged = common
        else:
            merged = common[:1 + self.choose.below(len(common))]
            text = f"{left.name} l {kind} {right.name} r USING ({', '.join(merged)})"
        columns, items = [], []
        for column in left.columns:
            items.append(column.name if column.name in merged else f"l.{column.name}")
            columns.append(column)
        for column in right.columns:
            if column.name not in types:
                items.append(f"r.{column.name}")
                columns.append(column)
        return Query(f"SELECT {select_list(items, columns)} FROM {text}", columns)

    def join(self, depth):
        left, left_scope = self.source(depth - 1)
        right, right_scope = self.one(depth - 1)
        scope = left_scope + right_scope
        loose = self.choose.below(5) == 4
        pairs = [(l, r) for l in left_scope for r in right_scope
                 if l.type == r.type or loose and comparable(l.type, r.type)]
        kind = self.choose.pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "CROSS JOIN"])
        if kind == "FULL JOIN":  # PostgreSQL has no plan for some keys of two types
            pairs = [(l, r) for l, r in pairs if l.type == r.type]
        if kind == "CROSS JOIN" or not pairs:
            return f"{left} CROSS JOIN {right}", scope
        l, r = self.choose.pick(pairs)
        if kind != "FULL JOIN" and self.choose.below(8) == 7:
            operator = self.choose.pick(["<", "<>"])
            return f"{left} {kind} {right} ON {l.name} {operator} {r.name}", scope
        on = f"{l.name} = {r.name}"
        if self.choose.chance(4):
            l, r = self.choose.pick(pairs)
            on += f" AND {l.name} = {r.name}"
        if self.choose.chance(4) and kind != "FULL JOIN":
            l, r = self.choose.pick(pairs)
            on += f" AND {l.name} IS NOT DISTINCT FROM {r.name}"
        if self.choose.chance(3):
            on += f" AND {condition(self.choose, scope, 1)}"
        return f"{left} {kind} {right} ON {on}", scope

    def lateral(self, depth):
        left, left_scope = self.source(depth - 1)
        name = self.fresh()
        inner, inner_scope = self.one(0)
        match, outer = self.match(left_scope, inner_scope)
        of = self.choose.pick(inner_scope)
        body = self.choose.pick([
            f"SELECT count(*) AS x FROM {inner} WHERE {match} = {outer}",
            f"SELECT {of.name} AS x FROM {inner} WHERE {match} = {outer}",
            f"SELECT {of.name} AS x FROM {inner} WHERE {match} = {outer} ORDER BY 1 LIMIT 1"])
        type_ = "bigint" if "count" in body else of.type
        join = self.choose.pick(["CROSS JOIN LATERAL ({}) {}", "LEFT JOIN LATERAL ({}) {} ON true"])
        return f"{left} {join.format(body, name)}", left_scope + [Column(f"{name}.x", type_)]

    def match(self, outer_scope, inner_scope):
        """A column of each side with one type: (inner, outer)."""
        outer = self.choose.pick(outer_scope)
        same = of_type(inner_scope, outer.type)
        if self.choose.below(6) == 5:
            same = [c.name for c in inner_scope if comparable(c.type, outer.type)]
        return (self.choose.pick(same) if same else f"NULL::{SQL[outer.type]}"), outer.name

    def where(self, scope):
        return f" WHERE {condition(self.choose, scope, 1)}" if self.choose.chance(2) else ""

    def outputs(self, scope, count, depth=2):
        columns, items = [], []
        for i in range(count):
            type_ = self.choose.pick([column.type for column in scope])
            items.append(expression(self.choose, scope, type_, depth))
            columns.append(Column(f"c{i}", type_))
        return items, columns

    # ---- queries ------------------------------------------------------------------------------

    def query(self, depth, top=False):
        kinds = [(6, self.plain), (7, self.grouped), (2, self.distinct), (3, self.set_operation),
                 (3, self.top_k), (1, self.distinct_on), (1, self.limited), (2, self.windowed),
                 (3, self.with_subquery), (2, self.scalar_subquery), (1, self.cte),
                 (1, self.own_peaks), (1, self.window_groups)]
        if top:
            kinds += [(1, self.failing), (1, self.failing_window)]
        return self.choose.weighted(kinds)(depth)

    def plain(self, depth, distinct=""):
        text, scope = self.source(depth)
        items, columns = self.outputs(scope, 1 + self.choose.below(3))
        return Query(f"SELECT {distinct}{select_list(items, columns)} FROM {text}"
                     f"{self.where(scope)}", columns)

    def distinct(self, depth):
        return self.plain(depth, "DISTINCT ")

    def failing(self, depth):
        """A query over one relation that fails for some of its rows."""
        del depth
        text, scope = self.one(0)
        item = risky(self.choose, scope)
        if item is None:
            return self.plain(0)
        columns = [Column("c0", "int")]
        sql = f"SELECT {item} AS c0 FROM {text}"
        if self.choose.below(3) == 2:
            inner, inner_scope = self.one(0)
            match, outer = self.match(scope, inner_scope)
            of = self.choose.pick(inner_scope)
            test = self.choose.pick([f" WHERE {match} = {outer}", "", f" WHERE {match} < {outer}"])
            return Query(f"SELECT (SELECT {of.name} FROM {inner}{test}) AS c0 FROM {text}",
                         [Column("c0", of.type)], True)
        if self.choose.chance(2):
            call = self.choose.pick(["sum({})", "count({})", "count(DISTINCT {})", "max({})"])
            kept = ""
            if self.choose.chance(2):
                kept = f" FILTER (WHERE {condition(self.choose, scope, 1)})"
            sql = f"SELECT {call.format(item)}{kept} AS c0 FROM {text}"
        return Query(sql, columns, True)

    def aggregate(self, scope):
        """One aggregate call: (text, type)."""
        choose = self.choose
        type_ = choose.pick([column.type for column in scope])
        argument = expression(choose, scope, type_, 1)
        calls = [("count(*)", "bigint"), (f"count({argument})", "bigint"),
                 (f"count(DISTINCT {argument})", "bigint")]
        if type_ in EXTREMES:
            calls += [(f"min({argument})", type_), (f"max({argument})", type_)]
        sums = {"int": "bigint", "small": "bigint", "bigint": "num", "dec": "num", "num": "num",
                "float": "float"}
        if type_ in sums:
            result = sums[type_]
            form = "trim_scale({})" if result == "num" else "{}"
            calls += [(form.format(f"sum({argument})"), result),
                      (form.format(f"sum(DISTINCT {argument})"), result),
                      (f"sum({argument})::text", "text"), (f"avg({argument})::text", "text"),
                      (f"avg(DISTINCT {argument})::text", "text")]
        if type_ in ("int", "dec", "small", "bigint"):
            calls += [(f"{f}({argument})::text", "text")
                      for f in ("var_pop", "stddev", "var_samp", "stddev_pop")]
        if type_ in ("int", "bigint", "small"):
            calls += [(f"bit_and({argument})", type_), (f"bit_or({argument})", type_)]
        if type_ == "iv":
            calls += [(f"{f}({of}{argument})::text", "text")
                      for f in ("sum", "avg") for of in ("", "DISTINCT ")]
        if type_ == "bool":
            calls += [(f"bool_and({argument})", "bool"), (f"bool_or({argument})", "bool"),
                      (f"every({argument})", "bool")]
        if type_ == "text":
            calls += [(f"string_agg({argument}, ',' ORDER BY {argument})", "text"),
                      (f"string_agg({argument}, {argument} ORDER BY {scope[0].name}, {argument})",
                       "text"),
                      (f"string_agg(DISTINCT {argument}, '-' ORDER BY {argument} DESC)", "text")]
        if type_ in ("int", "text"):
            result = type_ + "s"
            calls += [(f"array_agg({argument} ORDER BY {argument})", result),
                      (f"array_agg(DISTINCT {argument})", result)]
        if type_ == "ints":
            calls += [(f"json_agg({argument} ORDER BY {argument})::text", "text")]
        if type_ == "int":
            other = self.choose.pick(of_type(scope, "int") or ["0"])
            calls += [(f"sum({argument} * {other})", "bigint"),
                      (f"jsonb_object_agg({argument}, {other} ORDER BY {other}) FILTER (WHERE "
                       f"({argument}) IS NOT NULL)::text", "text"),
                      (f"json_agg({argument} ORDER BY {argument}, {other})::text", "text")]
        if type_ not in ("ints", "texts"):
            calls += [(f"array_agg({argument} ORDER BY {argument} DESC NULLS LAST)::text", "text"),
                      (f"jsonb_agg({argument} ORDER BY {argument})::text", "text")]
        text, result = choose.pick(calls)
        if choose.chance(4) and text.endswith(")") and not text.startswith("trim_scale"):
            text += f" FILTER (WHERE {condition(choose, scope, 1)})"
        return text, result

    def grouped(self, depth):
        text, scope = self.source(depth)
        keys, key_columns = self.outputs(scope, self.choose.pick([1, 0, 2]), 1)
        # The same expression twice is one group; a constant as a key is a position.
        aggregates = [self.aggregate(scope) for _ in range(1 + self.choose.below(3))]
        columns = key_columns + [Column(f"a{i}", type_) for i, (_, type_) in enumerate(aggregates)]
        items = keys + [call for call, _ in aggregates]
        sql = f"SELECT {select_list(items, columns)} FROM {text}{self.where(scope)}"
        if keys:
            by = (str(i + 1) for i in range(len(keys))) if self.choose.below(3) < 2 else keys
            sql += " GROUP BY " + ", ".join(by)
        if self.choose.chance(5):
            having = self.choose.pick([f"count(*) > {1 + self.choose.below(2)}",
                                       f"NOT {self.having(scope)}", self.having(scope)])
            sql += f" HAVING {having}"
        return Query(sql, columns)

    def having(self, scope):
        column = self.choose.pick(scope)
        return self.choose.pick([f"count({column.name}) = 1", f"count(DISTINCT {column.name}) < 3",
                                 "count(*) <> 2"])

    def set_operation(self, depth):
        count = 1 + self.choose.below(2)
        columns = [Column(f"c{i}", self.choose.pick(TYPES)) for i in range(count)]
        operators = ["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL", "INTERSECT ALL"]

        def side():
            text, scope = self.source(depth - 1)
            items = [expression(self.choose, scope, c.type, 1) for c in columns]
            if columns[0].type == "bigint" and self.choose.chance(2):
                items[0] = expression(self.choose, scope, "int", 1)
            return f"SELECT {select_list(items, columns)} FROM {text}{self.where(scope)}"
        sql = f"{side()} {self.choose.pick(operators)} {side()}"
        if self.choose.chance(4):
            sql = f"({sql}) {self.choose.pick(operators)} {side()}"
        return Query(sql, columns)

    def inner(self, depth):
        """A query to order by all of its columns."""
        if depth > 0 and self.choose.chance(3):
            return self.grouped(depth - 1)
        return self.plain(max(0, depth - 1))

    def order(self, columns):
        directions = ["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]
        return ", ".join(c.name + self.choose.pick(directions) for c in columns)

    def partition(self, inner):
        return self.choose.pick(["", f"PARTITION BY {inner.columns[0].name} "])

    def top_k(self, depth):
        inner = self.inner(depth)
        k = 1 + self.choose.below(3)
        names = ", ".join(c.name for c in inner.columns)
        number = self.choose.pick(["row_number", "rank", "dense_rank"])
        order = self.order(inner.columns if number == "row_number" else inner.columns[-1:])
        test = self.choose.pick([f"rn <= {k}", f"rn < {k + 1}", "rn = 1"])
        shown, columns = names, inner.columns
        if self.choose.chance(3):
            shown, columns = f"{names}, rn", [*inner.columns, Column("rn", "bigint")]
        return Query(
            f"SELECT {shown} FROM (SELECT *, {number}() OVER ({self.partition(inner)}ORDER BY "
            f"{order}) AS rn FROM ({inner.sql}) i) o WHERE {test}", columns)

    def distinct_on(self, depth):
        inner = self.inner(depth)
        first = inner.columns[0].name
        order = ", ".join(filter(None, [first + self.choose.pick(["", " DESC"]),
                                        self.order(inner.columns[1:])]))
        return Query(f"SELECT DISTINCT ON ({first}) * FROM ({inner.sql}) i ORDER BY {order}",
                     inner.columns)

    def limited(self, depth):
        inner = self.inner(depth)
        limit = f"LIMIT {1 + self.choose.below(4)}" + self.choose.pick(["", " OFFSET 1"])
        order = self.order(inner.columns)
        return Query(f"SELECT * FROM ({inner.sql}) i ORDER BY {order} {limit}", inner.columns)

    FRAMES = ["", " ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
              " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING",
              " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
              " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING",
              " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING"]

    def failing_window(self, depth):
        """A window call that fails for some partitions, in one way: which would come first?"""
        inner = self.inner(depth)
        column = self.choose.pick(inner.columns)
        # Two of them are beyond float8, whatever the order in which they are added.
        calls = [(f"sum(CASE WHEN {column.name} IS NOT NULL THEN 1.7e308::float8 END)", "float")]
        counts = [c.name for c in inner.columns if c.type in ("int", "small")]
        if counts:
            n = self.choose.pick(counts)
            calls += [(f"ntile({n})", "int"), (f"nth_value({column.name}, {n})", column.type)]
        text, type_ = self.choose.pick(calls)
        frame = "" if text.startswith("ntile") else self.choose.pick(self.FRAMES)
        order = self.order(inner.columns)
        return Query(f"SELECT *, {text} OVER ({self.partition(inner)}ORDER BY {order}{frame}) AS w "
                     f"FROM ({inner.sql}) i", [*inner.columns, Column("w", type_)], True)

    def windowed(self, depth):
        inner = self.inner(depth)
        column = self.choose.pick(inner.columns)
        calls = [("row_number()", "bigint"), ("rank()", "bigint"), ("dense_rank()", "bigint"),
                 (f"lag({column.name})", column.type), (f"lead({column.name}, 2)", column.type),
                 (f"first_value({column.name})", column.type), ("count(*)", "bigint"),
                 (f"last_value({column.name})", column.type), ("ntile(2)", "int"),
                 (f"nth_value({column.name}, 2)", column.type), (f"count({column.name})", "bigint"),
                 ("percent_rank()::text", "text"), ("cume_dist()::text", "text")]
        if column.type in EXTREMES:
            calls += [(f"min({column.name})", column.type), (f"max({column.name})", column.type)]
        if column.type == "int":
            calls += [(f"sum({column.name})", "bigint"), (f"array_agg({column.name})", "ints")]
        text, type_ = self.choose.pick(calls)
        frame = ""
        if not text.startswith(("ntile", "percent", "cume", "lag", "lead")):
            frame = self.choose.pick(self.FRAMES)
        call, _, cast = text.partition("::")
        over = f"{call} OVER ({self.partition(inner)}ORDER BY {self.order(inner.columns)}{frame})"
        item = f"({over})::{cast}" if cast else over
        return Query(f"SELECT *, {item} AS w FROM ({inner.sql}) i",
                     [*inner.columns, Column("w", type_)])

    def with_subquery(self, depth):
        text, scope = self.source(max(0, depth - 1))
        items, columns = self.outputs(scope, 1 + self.choose.below(2))
        inner, inner_scope = self.one(0)
        match, outer = self.match(scope, inner_scope)
        other, second = self.match(scope, inner_scope)
        residual = f" AND {condition(self.choose, scope + inner_scope, 1)}" if self.choose.chance(
            3) else ""
        extreme = self.choose.pick(["min", "max"])
        beyond = f"{other} {self.choose.pick(['<', '<=', '>', '>='])} {second}"
        tests = [
            f"{outer} IN (SELECT {match} FROM {inner})",
            f"EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer}{residual})",
            f"NOT EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer}{residual})",
            f"{outer} NOT IN (SELECT {match} FROM {inner})",
            f"(SELECT count(*) FROM {inner}) > {self.choose.below(6)}",
            f"({outer}, {second}) IN (SELECT {match}, {other} FROM {inner})",
            f"({outer}, {second}) NOT IN (SELECT {match}, {other} FROM {inner})",
            f"{outer} NOT IN (SELECT {match} FROM {inner} WHERE {other} = {second})",
            f"{outer} IN (SELECT {match} FROM {inner} WHERE {other} = {second})",
            f"{outer} <> ALL (SELECT {match} FROM {inner})",
            f"{outer} >= ALL (SELECT {match} FROM {inner})",
            f"{outer} < ANY (SELECT {match} FROM {inner})",
            f"EXISTS (SELECT 1 FROM {inner} WHERE {match} > {outer})",
            f"NOT EXISTS (SELECT 1 FROM {inner} WHERE {beyond})",
            f"EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer} AND {beyond})",
            f"NOT EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer} AND {beyond})",
            f"EXISTS (SELECT 1 FROM {inner}) OR {outer} IS NULL",
            f"({outer} IN (SELECT {match} FROM {inner}) OR {condition(self.choose, scope, 1)})",
        ]
        types = {column.name: column.type for column in scope}
        if types.get(outer) in EXTREMES and "::" not in match:
            tests += [f"{outer} = (SELECT {extreme}({match}) FROM {inner})",
                      f"{outer} = (SELECT {extreme}({match}) FROM {inner} "
                      f"WHERE {other} = {second})"]
        return Query(f"SELECT {select_list(items, columns)} FROM {text} "
                     f"WHERE {self.choose.pick(tests)}", columns)

    def scalar_subquery(self, depth):
        """Subqueries in the target list."""
        text, scope = self.source(max(0, depth - 1))
        items, columns = self.outputs(scope, 1 + self.choose.below(2), 1)
        inner, inner_scope = self.one(0)
        match, outer = self.match(scope, inner_scope)
        of = self.choose.pick(inner_scope)
        calls = [(f"(SELECT count(*) FROM {inner} WHERE {match} = {outer})", "bigint"),
                 (f"(SELECT count({of.name}) FROM {inner})", "bigint"),
                 (f"EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer})", "bool"),
                 (f"{outer} IN (SELECT {match} FROM {inner})", "bool"),
                 (f"coalesce((SELECT count(DISTINCT {of.name}) FROM {inner} WHERE {match} = "
                  f"{outer} AND {condition(self.choose, scope + inner_scope, 1)}), -1)", "bigint")]
        if of.type in EXTREMES:
            calls += [(f"(SELECT max({of.name}) FROM {inner} WHERE {match} = {outer})", of.type),
                      (f"(SELECT min({of.name}) FROM {inner})", of.type),
                      (f"(SELECT {of.name} FROM {inner} WHERE {match} = {outer} ORDER BY 1 "
                       f"LIMIT 1)", of.type)]
        call, type_ = self.choose.pick(calls)
        columns = [*columns, Column("s", type_)]
        return Query(f"SELECT {select_list([*items, call], columns)} FROM {text}"
                     f"{self.where(scope)}", columns)

    def cte(self, depth):
        name = self.fresh()
        inner = self.query(max(0, depth - 1))
        first, last = inner.columns[0], inner.columns[-1]
        kind = self.choose.pick(["JOIN", "LEFT JOIN", "FULL JOIN"])
        return Query(f"WITH {name} AS ({inner.sql}) SELECT p.{first.name} AS x, q.{last.name} AS y "
                     f"FROM {name} p {kind} {name} q ON p.{first.name} = q.{first.name}",
                     [Column("x", first.type), Column("y", last.type)])

    def own_peaks(self, depth):
        """A relation, or counts over it, joined with the maximum of its own groups."""
        del depth
        relation = self.relation()
        values = [c for c in relation.columns if c.type in ("int", "bigint", "small", "text", "ts")]
        times = of_type(relation.columns, "ts")
        key = self.choose.pick(relation.columns)
        peak, op = self.choose.pick([("max", "="), ("max", ">="), ("min", "="), ("min", "<=")])
        if times and self.choose.chance(2):
            rows, _ = self.window("s", relation, self.choose.pick(times))
            rows = (f"(SELECT {key.name} AS k, count(*) AS v, window_start AS g FROM {rows} "
                    f"GROUP BY {key.name}, window_start)")
            columns = [Column("k", key.type), Column("v", "bigint"), Column("g", "ts")]
        elif values:
            value = self.choose.pick(values)
            rows = f"(SELECT {key.name} AS g, {value.name} AS v FROM {relation.name})"
            columns = [Column("g", key.type), Column("v", value.type)]
        else:
            return self.grouped(0)
        groups = (f"(SELECT g, {peak}(v) AS top FROM {rows} i GROUP BY g)")
        out = [Column(f"c{i}", column.type) for i, column in enumerate(columns)]
        # Equal groups may be spelled in several ways: show the row's own.
        items = ["m.top" if column.name == "v" else f"x.{column.name}" for column in columns]
        return Query(f"SELECT {select_list(items, out)} FROM {rows} x JOIN {groups} m "
                     f"ON x.g = m.g AND x.v {op} m.top", out)

    def window_groups(self, depth):
        """Groups of windows, or rows joined with the windows near them."""
        relation = self.relation()
        times = of_type(relation.columns, "ts")
        if not times:
            return self.grouped(depth)
        text, scope = self.window(self.fresh(), relation, self.choose.pick(times))
        border = self.choose.pick(["window_start", "window_end", "window_start, window_end"])
        first = border.split(",")[0]
        call, type_ = self.aggregate(scope)
        columns = [Column(first, "ts"), Column("a", type_)]
        groups = f"SELECT {first} AS {first}, {call} AS a FROM {text} GROUP BY {border}"
        if self.choose.chance(2):
            key = self.choose.pick(relation.columns)
            return Query(f"SELECT {first} AS {first}, {call} AS a FROM {text} "
                         f"GROUP BY {key.name}, {border}", columns)
        if self.choose.chance(3):
            return Query(groups, columns)
        facts = self.relation()
        times = of_type(facts.columns, "ts")
        if not times:
            return Query(groups, columns)
        time = f"f.{self.choose.pick(times)}"
        near = self.choose.pick([
            f"{time} BETWEEN w.{first} - interval '1 hour' AND w.{first}",
            f"{time} >= w.{first} AND {time} < w.{first} + interval '15 min'",
            f"w.{first} - interval '30 min' < {time} AND w.{first} + interval '1 day' >= {time}"])
        return Query(f"SELECT {time} AS t, w.a AS a FROM {facts.name} f "
                     f"JOIN ({groups}) w ON {near}", [Column("t", "ts"), Column("a", type_)])

    # ---- reads --------------------------------------------------------------------------------

    def read(self, relation):
        """A query that is only asked, of one relation: bounds, order, limits."""
        self.uses.add(relation.name)
        column = self.choose.pick(relation.columns)
        value = self.choose.pick(DOMAINS[column.type])
        where = self.choose.pick([
            "", f" WHERE {column.name} = {value}::{SQL[column.type]}",
            f" WHERE {column.name} > {value}::{SQL[column.type]}",
            f" WHERE {condition(self.choose, relation.columns, 1)}"])
        limit = self.choose.pick(["", f" LIMIT {self.choose.below(4)}", " LIMIT 2 OFFSET 1"])
        order = self.order(relation.columns)
        return f"SELECT * FROM {relation.name}{where} ORDER BY {order}{limit}"
