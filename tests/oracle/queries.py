"""Random schemas, changes and queries, in the SQL that Quickwater and PostgreSQL share.

Values come from small domains, so that keys meet, groups collapse and NULLs are common. Nothing
here depends on the order of rows: ordered aggregates and top-k order by all they could tell apart,
and floats are multiples of 1/4, whose sums are exact.
"""

from dataclasses import dataclass

DOMAINS = {
    "int": ["0", "1", "2", "3", "-1", "NULL"],
    "bigint": ["0", "1", "-2", "5000000000", "NULL"],
    "text": ["''", "'a'", "'b'", "'ab'", "'B'", "'a '", "'\u00e9'",
             "'a longer text than fits'", "NULL"],
    "numeric(10,2)": ["0", "1.50", "-2.25", "10", "0.01", "NULL"],
    "bool": ["false", "true", "NULL"],
    "date": ["'2024-01-01'", "'2024-02-29'", "'1999-12-31'", "NULL"],
    "timestamp": ["'2024-01-01 00:00:00'", "'2024-01-01 10:30:00.5'", "'1999-12-31 23:59:59'",
                  "NULL"],
    "float8": ["0", "0.25", "-1.5", "1024", "NULL"],
}
TYPES = list(DOMAINS)
ORDERED = [name for name in TYPES if name != "bool"]


@dataclass
class Column:
    name: str  # as an expression refers to it
    type: str


@dataclass
class Table:
    name: str
    columns: list  # of Column
    keyed: bool    # the first column is the primary key


@dataclass
class Query:
    sql: str
    columns: list


def literal(choose, type_):
    text = choose.pick(DOMAINS[type_])
    return text if text == "NULL" or type_ in ("int", "text", "bool") else f"{text}::{type_}"


def typed_literal(choose, type_):
    text = choose.pick(DOMAINS[type_])
    return f"{text}::{type_}"


def make_table(choose, name):
    keyed = not choose.chance(3)
    columns = [Column("k", "int")]
    for i in range(1 + choose.below(4)):
        columns.append(Column(f"{'abcde'[i]}", choose.pick(TYPES)))
    return Table(name, columns, keyed)


def create_table(table):
    columns = [f"{column.name} {column.type}" for column in table.columns]
    if table.keyed:
        columns[0] += " PRIMARY KEY"
    return f"CREATE TABLE {table.name} ({', '.join(columns)})"


def key_literal(choose, table):
    return str(choose.below(8)) if table.keyed else literal(choose, "int")


def change(choose, table):
    """One statement that changes the table."""
    return choose.weighted([(6, insert), (3, update), (3, delete), (1, insert_many)])(choose, table)


def insert(choose, table):
    rows, keys = [], set()
    for _ in range(1 + choose.below(4)):
        key = key_literal(choose, table)
        if table.keyed and key in keys:
            continue
        keys.add(key)
        values = [key] + [literal(choose, column.type) for column in table.columns[1:]]
        rows.append(f"({', '.join(values)})")
    conflict = ""
    if table.keyed:
        sets = ", ".join(f"{c.name} = excluded.{c.name}" for c in table.columns[1:])
        conflict = choose.weighted([(4, f" ON CONFLICT (k) DO UPDATE SET {sets}"),
                                    (2, " ON CONFLICT DO NOTHING"), (1, "")])
    return f"INSERT INTO {table.name} VALUES {', '.join(rows)}{conflict}"


def insert_many(choose, table):
    """Enough rows for several batches; values repeat."""
    first = 100 + 1000 * choose.below(3)
    count = choose.weighted([(8, 10), (8, 40), (3, 100), (1, 5000)])
    values = []
    for column in table.columns[1:]:
        values.append({
            "int": "g % 701", "bigint": "g % 1103", "text": "'n' || g % 1301", "bool": "g % 3 = 0",
            "numeric(10,2)": "g % 5 + 0.25", "float8": "(g % 9) / 4.0::float8",
            "date": "date '2024-01-01' + g % 10",
            "timestamp": "timestamp '2024-01-01' + g % 6 * interval '1 hour'"}[column.type])
    conflict = " ON CONFLICT DO NOTHING" if table.keyed else ""
    return (f"INSERT INTO {table.name} SELECT {', '.join(['g', *values])} "
            f"FROM generate_series({first}, {first + count}) g{conflict}")


def update(choose, table):
    column = choose.pick(table.columns[1:])
    value = literal(choose, column.type)
    if choose.chance(2):
        value = expression(choose, table.columns, column.type, 1)
    return f"UPDATE {table.name} SET {column.name} = {value} WHERE {where_key(choose, table)}"


def delete(choose, table):
    return f"DELETE FROM {table.name} WHERE {where_key(choose, table)}"


def where_key(choose, table):
    return choose.weighted([
        (4, f"k = {choose.below(8)}"), (2, f"k > {choose.below(8)}"), (1, "k % 2 = 0"),
        (1, condition(choose, table.columns, 1)), (1, "true")])


# Expressions: `scope` lists the columns in reach, `depth` what may still be nested.

def of_type(scope, type_):
    return [column.name for column in scope if column.type == type_]


def leaf(choose, scope, type_):
    columns = of_type(scope, type_)
    if columns and not choose.chance(4):
        return choose.pick(columns)
    return typed_literal(choose, type_)


def expression(choose, scope, type_, depth):
    if depth <= 0 or not choose.chance(2):
        return leaf(choose, scope, type_)
    def sub(other=type_):
        return expression(choose, scope, other, depth - 1)
    general = [lambda: f"coalesce({sub()}, {sub()})",
               lambda: f"CASE WHEN {condition(choose, scope, depth - 1)} THEN {sub()} "
                       f"ELSE {sub()} END",
               lambda: f"nullif({sub()}, {sub()})"]
    special = {
        "int": [lambda: f"({sub()} + {sub()})", lambda: f"({sub()} - {sub()})",
                lambda: f"({sub()} * {sub()})", lambda: f"abs({sub()})",
                lambda: f"length({sub('text')})", lambda: f"({sub()} % 3)",
                lambda: f"extract(year FROM {sub('date')})::int",
                lambda: f"({sub()} / nullif({sub()}, 0))",
                lambda: f"(10 / {sub()})"],
        "bigint": [lambda: f"({sub()} + {sub('int')})", lambda: f"{sub('int')}::bigint"],
        "text": [lambda: f"({sub()} || {sub()})", lambda: f"upper({sub()})",
                 lambda: f"substr({sub()}, 1, 2)", lambda: f"{sub('int')}::text",
                 lambda: f"trim({sub()})", lambda: f"replace({sub()}, 'a', 'xy')",
                 lambda: f"{sub('numeric(10,2)')}::text", lambda: f"{sub('timestamp')}::text"],
        "numeric(10,2)": [lambda: f"({sub()} + {sub()})::numeric(10,2)",
                          lambda: f"({sub('int')} * 1.25)::numeric(10,2)",
                          lambda: f"round({sub()})::numeric(10,2)"],
        "bool": [lambda: condition(choose, scope, depth - 1)],
        "date": [lambda: f"({sub()} + {sub('int')})", lambda: f"{sub('timestamp')}::date"],
        "timestamp": [lambda: f"date_trunc('hour', {sub()})",
                      lambda: f"({sub()} + interval '1 day')", lambda: f"{sub('date')}::timestamp"],
        "float8": [lambda: f"({sub()} + {sub()})", lambda: f"(- {sub()})",
                   lambda: f"{sub('int')}::float8"],
    }
    return choose.pick(special[type_] + general)()


def condition(choose, scope, depth):
    type_ = choose.pick([column.type for column in scope])
    def sub():
        return expression(choose, scope, type_, depth - 1)
    kinds = [lambda: f"{sub()} {choose.pick(['=', '<', '>', '<>', '<=', '>='])} {sub()}",
             lambda: f"{sub()} IS NOT NULL", lambda: f"{sub()} IS NULL",
             lambda: f"{sub()} IN ({typed_literal(choose, type_)}, {typed_literal(choose, type_)})",
             lambda: f"{sub()} IS DISTINCT FROM {sub()}"]
    if type_ in ORDERED:
        kinds.append(lambda: f"{sub()} BETWEEN {sub()} AND {sub()}")
    if type_ == "text":
        kinds.append(lambda: f"{sub()} LIKE {choose.pick(['%a%', 'a_', '%'])!r}")
    if type_ == "bool":
        kinds.append(sub)
    if depth > 0:
        kinds += [lambda: f"({condition(choose, scope, depth - 1)} AND "
                          f"{condition(choose, scope, depth - 1)})",
                  lambda: f"({condition(choose, scope, depth - 1)} OR "
                          f"{condition(choose, scope, depth - 1)})",
                  lambda: f"NOT ({condition(choose, scope, depth - 1)})"]
    return choose.pick(kinds)()


class Generator:
    """Queries over `relations` (tables and views: anything with a name and columns)."""

    def __init__(self, choose, relations):
        self.choose, self.relations = choose, relations
        self.names = 0

    def fresh(self):
        self.names += 1
        return f"r{self.names}"

    def query(self, depth):
        kinds = [(4, self.plain), (5, self.grouped), (2, self.distinct), (3, self.set_operation),
                 (2, self.top_k), (1, self.distinct_on), (2, self.with_subquery), (1, self.cte)]
        return self.choose.weighted(kinds)(depth)

    def source(self, depth):
        """What stands after FROM: (text, scope)."""
        if depth > 0 and self.choose.chance(2):
            return self.join(depth)
        return self.one(depth)

    def one(self, depth):
        name = self.fresh()
        if depth > 0 and self.choose.chance(5):
            inner = self.query(depth - 1)
            scope = [Column(f"{name}.{c.name}", c.type) for c in inner.columns]
            return f"({inner.sql}) {name}", scope
        relation = self.choose.pick(self.relations)
        return (f"{relation.name} {name}",
                [Column(f"{name}.{c.name}", c.type) for c in relation.columns])

    def join(self, depth):
        left, left_scope = self.source(depth - 1)
        right, right_scope = self.one(depth - 1)
        pairs = [(l, r) for l in left_scope for r in right_scope if l.type == r.type]
        if not pairs:
            return left, left_scope
        kind = self.choose.pick(["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        l, r = self.choose.pick(pairs)
        on = f"{l.name} = {r.name}"
        scope = left_scope + right_scope
        if self.choose.chance(4):
            l, r = self.choose.pick(pairs)
            on += f" AND {l.name} = {r.name}"
        if self.choose.chance(4) and kind != "FULL JOIN":
            on += f" AND {condition(self.choose, scope, 1)}"
        return f"{left} {kind} {right} ON {on}", scope

    def where(self, scope):
        return f" WHERE {condition(self.choose, scope, 1)}" if self.choose.chance(2) else ""

    def outputs(self, scope, count):
        columns, items = [], []
        for i in range(count):
            type_ = self.choose.pick([column.type for column in scope])
            items.append(expression(self.choose, scope, type_, 2))
            columns.append(Column(f"c{i}", type_))
        return items, columns

    def plain(self, depth, distinct=""):
        text, scope = self.source(depth)
        items, columns = self.outputs(scope, 1 + self.choose.below(3))
        named = ", ".join(f"{item} AS {column.name}" for item, column in zip(items, columns))
        return Query(f"SELECT {distinct}{named} FROM {text}{self.where(scope)}", columns)

    def distinct(self, depth):
        return self.plain(depth, "DISTINCT ")

    def aggregate(self, scope):
        """One aggregate call: (text, type)."""
        choose = self.choose
        type_ = choose.pick([column.type for column in scope])
        argument = expression(choose, scope, type_, 1)
        calls = [("count(*)", "bigint"), (f"count({argument})", "bigint"),
                 (f"count(DISTINCT {argument})", "bigint")]
        if type_ in ORDERED:
            calls += [(f"min({argument})", type_), (f"max({argument})", type_)]
        if type_ == "int":
            calls += [(f"sum({argument})", "bigint"), (f"sum(DISTINCT {argument})", "bigint"),
                      (f"avg({argument})::text", "text")]
        if type_ in ("bigint", "numeric(10,2)"):
            calls += [(f"sum({argument})::text", "text"), (f"avg({argument})::text", "text")]
        if type_ == "float8":
            calls += [(f"sum({argument})", "float8")]
        if type_ == "bool":
            calls += [(f"bool_and({argument})", "bool"), (f"bool_or({argument})", "bool")]
        if type_ == "text":
            calls += [(f"string_agg({argument}, ',' ORDER BY {argument})", "text")]
        if type_ in ("int", "text", "date"):
            calls += [(f"array_agg({argument} ORDER BY {argument})::text", "text")]
        text, result = choose.pick(calls)
        if choose.chance(4) and "::text" not in text:
            text += f" FILTER (WHERE {condition(choose, scope, 1)})"
        return text, result

    def grouped(self, depth):
        text, scope = self.source(depth)
        keys, key_columns = self.outputs(scope, self.choose.pick([1, 0, 2]))
        aggregates = [self.aggregate(scope) for _ in range(1 + self.choose.below(3))]
        columns = key_columns + [Column(f"a{i}", type_) for i, (_, type_) in enumerate(aggregates)]
        items = keys + [call for call, _ in aggregates]
        named = ", ".join(f"{item} AS {column.name}" for item, column in zip(items, columns))
        sql = f"SELECT {named} FROM {text}{self.where(scope)}"
        if keys:
            sql += " GROUP BY " + ", ".join(str(i + 1) for i in range(len(keys)))
            if self.choose.chance(5):
                sql += f" HAVING count(*) > {1 + self.choose.below(2)}"
        return Query(sql, columns)

    def set_operation(self, depth):
        types = [self.choose.pick(TYPES) for _ in range(1 + self.choose.below(2))]
        columns = [Column(f"c{i}", type_) for i, type_ in enumerate(types)]
        operator = self.choose.pick(["UNION ALL", "UNION", "EXCEPT", "INTERSECT", "EXCEPT ALL",
                                     "INTERSECT ALL"])
        sides = []
        for _ in range(2):
            text, scope = self.source(depth - 1)
            items = ", ".join(f"{expression(self.choose, scope, c.type, 1)} AS {c.name}"
                              for c in columns)
            sides.append(f"SELECT {items} FROM {text}{self.where(scope)}")
        return Query(f"{sides[0]} {operator} {sides[1]}", columns)

    def top_k(self, depth):
        inner = self.plain(max(0, depth - 1))
        partition = self.choose.pick(["", f"PARTITION BY {inner.columns[0].name} "])
        order = ", ".join(f"{c.name}{self.choose.pick(['', ' DESC'])}" for c in inner.columns)
        k = 1 + self.choose.below(3)
        names = ", ".join(c.name for c in inner.columns)
        return Query(
            f"SELECT {names} FROM (SELECT *, row_number() OVER ({partition}ORDER BY {order}) AS rn "
            f"FROM ({inner.sql}) i) o WHERE rn <= {k}", inner.columns)

    def distinct_on(self, depth):
        inner = self.plain(max(0, depth - 1))
        order = ", ".join([inner.columns[0].name] + [f"{c.name} DESC" for c in inner.columns[1:]])
        return Query(f"SELECT DISTINCT ON ({inner.columns[0].name}) * FROM ({inner.sql}) i "
                     f"ORDER BY {order}", inner.columns)

    def with_subquery(self, depth):
        text, scope = self.source(max(0, depth - 1))
        items, columns = self.outputs(scope, 1 + self.choose.below(2))
        named = ", ".join(f"{item} AS {column.name}" for item, column in zip(items, columns))
        outer = self.choose.pick(scope)
        inner, inner_scope = self.one(0)
        same = of_type(inner_scope, outer.type)
        match = same[0] if same else f"NULL::{outer.type}"
        test = self.choose.pick([
            f"{outer.name} IN (SELECT {match} FROM {inner})",
            f"EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer.name})",
            f"NOT EXISTS (SELECT 1 FROM {inner} WHERE {match} = {outer.name})",
            f"{outer.name} NOT IN (SELECT {match} FROM {inner})",
            f"(SELECT count(*) FROM {inner}) > {self.choose.below(6)}"])
        return Query(f"SELECT {named} FROM {text} WHERE {test}", columns)

    def cte(self, depth):
        name = self.fresh()
        inner = self.query(max(0, depth - 1))
        first, last = inner.columns[0], inner.columns[-1]
        return Query(f"WITH {name} AS ({inner.sql}) SELECT p.{first.name} AS x, q.{last.name} AS y "
                     f"FROM {name} p JOIN {name} q ON p.{first.name} = q.{first.name}",
                     [Column("x", first.type), Column("y", last.type)])
