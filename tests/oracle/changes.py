"""Random tables and the statements that change them."""

from dataclasses import dataclass, field

from expressions import Column, condition, expression
from values import DOMAINS, SERIES, SQL, TYPES, literal

MANY_ROWS = [300, 5000]  # of a big insert; oracle.py --long adds more
FAMILIAR = TYPES[:8]  # half of all columns are of these, so that tables share types


@dataclass
class Table:
    name: str
    columns: list                            # of Column
    key: list = field(default_factory=list)  # names of the primary key's columns
    not_null: list = field(default_factory=list)


def column_name(type_, columns):
    """One name for one type in every table: USING and NATURAL find common columns."""
    taken = {column.name for column in columns}
    return next(f"{type_[0]}_{type_}{n}" for n in range(1, 9)
                if f"{type_[0]}_{type_}{n}" not in taken)


def make_table(choose, name):
    columns = [Column("k", "int")]
    for _ in range(1 + choose.below(4)):
        type_ = choose.pick(TYPES if choose.chance(2) else FAMILIAR)
        columns.append(Column(column_name(type_, columns), type_))
    key = choose.weighted([(3, ["k"]), (2, []), (1, ["k", columns[1].name])])
    not_null = [c.name for c in columns if c.name in key or choose.below(6) == 5]
    return Table(name, columns, key, not_null)


def create_table(table):
    parts = [f"{c.name} {SQL[c.type]}{' NOT NULL' if c.name in table.not_null else ''}"
             for c in table.columns]
    if table.key:
        parts.append(f"PRIMARY KEY ({', '.join(table.key)})")
    return f"CREATE TABLE {table.name} ({', '.join(parts)})"


def value(choose, table, column):
    if column.name == "k" and table.key:
        return str(choose.below(8))
    text = literal(choose, column.type)
    if text == "NULL" and column.name in table.not_null and not choose.chance(4):
        text = DOMAINS[column.type][0]
    return text


def change(choose, table, big):
    """One statement that changes the table."""
    return choose.weighted([(8, insert), (4, update), (1, update_key), (4, delete),
                            (1, insert_selected), (1, insert_many if big else insert_some),
                            ])(choose, table)


def on_conflict(choose, table):
    if not table.key:
        return ""
    others = [c.name for c in table.columns if c.name not in table.key]
    key = ", ".join(table.key)
    sets = ", ".join(f"{name} = excluded.{name}" for name in others) or "k = excluded.k"
    return choose.weighted([(4, f" ON CONFLICT ({key}) DO UPDATE SET {sets}"),
                            (2, " ON CONFLICT DO NOTHING"), (1, "")])


def insert(choose, table):
    rows, keys = [], set()
    for _ in range(1 + choose.below(4)):
        values = {c.name: value(choose, table, c) for c in table.columns}
        key = tuple(values[name] for name in table.key)
        if table.key and key in keys:
            continue
        keys.add(key)
        rows.append(f"({', '.join(values.values())})")
    return f"INSERT INTO {table.name} VALUES {', '.join(rows)}{on_conflict(choose, table)}"


def series(table, first, count):
    values = ", ".join(["g", *(SERIES[column.type] for column in table.columns[1:])])
    conflict = " ON CONFLICT DO NOTHING" if table.key else ""
    return (f"INSERT INTO {table.name} SELECT {values} "
            f"FROM generate_series({first}, {first + count}) g{conflict}")


def insert_some(choose, table):
    return series(table, 100 + 10 * choose.below(5), choose.pick([10, 40]))


def insert_many(choose, table):
    """Enough rows for several batches."""
    return series(table, 100 + 1000 * choose.below(3), choose.pick(MANY_ROWS))


def insert_selected(choose, table):
    """The table's own rows again, under other keys."""
    columns = ", ".join(["k + 20", *(c.name for c in table.columns[1:])])
    conflict = " ON CONFLICT DO NOTHING" if table.key else ""
    return (f"INSERT INTO {table.name} SELECT {columns} FROM {table.name} "
            f"WHERE k < {choose.below(8)}{conflict}")


def update(choose, table):
    column = choose.pick([c for c in table.columns if c.name not in table.key] or table.columns)
    changed = value(choose, table, column)
    if choose.chance(2) and column.type not in ("vc", "ch", "small") and column.name != "k":
        changed = expression(choose, table.columns, column.type, 1)
    return f"UPDATE {table.name} SET {column.name} = {changed} WHERE {where(choose, table)}"


def update_key(choose, table):
    return (f"UPDATE {table.name} SET k = {choose.below(8)} "
            f"WHERE k = {choose.below(8)}")


def delete(choose, table):
    return f"DELETE FROM {table.name} WHERE {where(choose, table)}"


def where(choose, table):
    return choose.weighted([
        (4, f"k = {choose.below(8)}"), (2, f"k > {choose.below(8)}"), (1, "k % 2 = 0"),
        (1, condition(choose, table.columns, 1)), (1, "true")])
