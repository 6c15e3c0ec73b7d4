"""Random scalar expressions and conditions over a scope of typed columns.

An expression of a type is a leaf or a template whose {type} holes are expressions in turn. All
templates are total: they fail for no value of the domains. `RISKY` ones are not; they stand only
where PostgreSQL evaluates them for exactly the rows of the answer.
"""

import re
from dataclasses import dataclass

from values import DOMAINS, SQL, typed_literal


@dataclass
class Column:
    name: str  # as an expression refers to it
    type: str


TEMPLATES = {
    "int": ["({int} + {int})", "({int} - {int})", "({int} * 2)", "abs({int})", "length({text})",
            "({int} % 3)", "({int} / 2)", "extract(year FROM {date})::int", "cardinality({ints})",
            "({ints})[1]", "greatest({int}, {int})", "least({int}, {int})",
            "position('a' in {text})", "({date} - {date})", "({json} ->> 'a')::int", "(- {int})",
            "mod({int}, 4)", "{small}::int", "{bool}::int"],
    "text": ["({text} || {text})", "upper({text})", "lower({text})", "substr({text}, 1, 2)",
             "{int}::text", "trim({text})", "replace({text}, 'a', 'xy')", "{dec}::text",
             "{ts}::text", "{bool}::text", "{uuid}::text", "{json}::text", "({json} ->> 'a')",
             "{date}::text", "{iv}::text", "{float}::text", "{num}::text", "left({text}, 1)",
             "concat({text}, {int}, {text})", "repeat({text}, 2)", "md5({text})",
             "split_part({text}, 'a', 1)", "to_char({date}, 'YYYY-MM')", "{vc}::text",
             "{ch}::text", "array_to_string({ints}, ',')", "reverse({text})", "({texts})[1]",
             "lpad({text}, 4, '*')", "({ch} || {vc})", "{tstz}::text", "{real}::text",
             "{ints}::text", "{time}::text", "encode({bytes}, 'hex')"],
    "bigint": ["({bigint} + {int})", "{int}::bigint", "(- {bigint})", "({bigint} / 3)",
               "extract(epoch FROM {ts})::bigint"],
    "dec": ["({dec} + {dec})::numeric(10,2)", "({int} * 1.25)::numeric(10,2)",
            "round({dec})::numeric(10,2)", "abs({dec})"],
    "bool": [],
    "date": ["({date} + {int})", "{ts}::date", "date_trunc('month', {date})::date"],
    "ts": ["date_trunc('hour', {ts})", "({ts} + interval '1 day')", "{date}::timestamp",
           "({ts} + {iv})", "({ts} - {iv})", "({date} + {time})", "{tstz}::timestamp"],
    "float": ["({float} + {float})", "(0 - {float})", "{int}::float8", "({float} * 2)",
              "{real}::float8", "abs({float})", "floor({float})"],
    "num": ["trim_scale({num} + {dec})", "trim_scale({num} * 2)", "{int}::numeric", "round({num})",
            "trim_scale({bigint}::numeric / 4)", "abs({num})", "floor({num})"],
    "small": ["({int} % 5)::smallint", "(- {small})"],
    "real": ["({real} * 2)", "{int}::real", "(0 - {real})"],
    "vc": ["{text}::varchar(5)"],
    "ch": ["{text}::char(3)"],
    "tstz": ["date_trunc('day', {tstz})", "({tstz} + {iv})", "{ts}::timestamptz"],
    "iv": ["(- {iv})", "({iv} * 2)"],
    "uuid": [],
    "json": ["({json} -> 'a')", "jsonb_build_object('a', {int})", "to_jsonb({int})",
             "to_jsonb({text})", "({json} -> 0)"],
    "ints": ["({ints} || {int})", "array[{int}, {int}]", "array_remove({ints}, 1)"],
    "texts": ["string_to_array({text}, 'a')", "array[{text}]", "({texts} || {text})"],
    "bytes": ["({bytes} || {bytes})"],
    "time": ["{ts}::time"],
}
RISKY = {"int": ["(10 / {column})", "(10 % {column})"]}

CONDITIONS = {
    "text": ["{text} LIKE '%a%'", "{text} LIKE 'a_'", "{text} NOT LIKE '%b'", "{text} ILIKE 'A%'",
             "{text} ~ '^a'", "{text} IN ('a', 'b', '')"],
    "int": ["{int} IN (0, 2, 3)", "{int} NOT IN (1, 2)", "{int} = ANY ({ints})"],
    "bool": ["{bool}", "{bool} IS TRUE", "{bool} IS NOT FALSE", "{bool} IS UNKNOWN"],
    "json": ["{json} @> '{{\"a\": 1}}'", "{json} ? 'a'", "jsonb_typeof({json}) = 'object'"],
    "ints": ["{ints} @> array[1]", "cardinality({ints}) > 1", "{ints} && array[2, 3]"],
    "texts": ["'a' = ANY ({texts})"],
    "ts": ["{ts} >= '2024-01-01'", "extract(hour FROM {ts}) < 11"],
}


def of_type(scope, type_):
    return [column.name for column in scope if column.type == type_]


def leaf(choose, scope, type_):
    columns = of_type(scope, type_)
    if columns and not choose.chance(5):
        return choose.pick(columns)
    return typed_literal(choose, type_)


def fill(choose, scope, template, depth):
    def hole(match):
        return expression(choose, scope, match.group(1), depth)
    text = re.sub(r"\{(\w+)\}", hole, template)
    return text.replace("{{", "{").replace("}}", "}")


def expression(choose, scope, type_, depth):
    if depth <= 0 or choose.below(5) < 2:
        return leaf(choose, scope, type_)
    if type_ == "bool":
        return f"({condition(choose, scope, depth - 1)})"
    kind = choose.weighted([(6, "template"), (2, "coalesce"), (2, "case"), (1, "nullif"),
                            (1, "simple case")])
    if kind == "template" and TEMPLATES[type_]:
        return fill(choose, scope, choose.pick(TEMPLATES[type_]), depth - 1)

    def sub():
        return expression(choose, scope, type_, depth - 1)
    if kind == "case":
        return f"CASE WHEN {condition(choose, scope, depth - 1)} THEN {sub()} ELSE {sub()} END"
    if kind == "nullif":
        return f"nullif({sub()}, {sub()})"
    if kind == "simple case":
        key = expression(choose, scope, "int", depth - 1)
        return f"CASE {key} WHEN 0 THEN {sub()} WHEN 2 THEN {sub()} END"
    return f"coalesce({sub()}, {sub()})"


def risky(choose, scope):
    """An expression that fails for some rows, or None."""
    columns = of_type(scope, "int")
    if not columns:
        return None
    return choose.pick(RISKY["int"]).replace("{column}", choose.pick(columns))


def condition(choose, scope, depth):
    if depth > 0 and choose.chance(3):
        one, other = condition(choose, scope, depth - 1), condition(choose, scope, depth - 1)
        return choose.pick([f"({one} AND {other})", f"({one} OR {other})", f"NOT ({one})"])
    type_ = choose.pick([column.type for column in scope])

    def sub():
        return expression(choose, scope, type_, depth)
    kinds = ["compare", "not null", "null", "in", "distinct", "between", *CONDITIONS.get(type_, [])]
    kind = choose.pick(kinds)
    if kind == "compare":
        return f"{sub()} {choose.pick(['=', '<', '>', '<>', '<=', '>='])} {sub()}"
    if kind in ("not null", "null"):
        return f"{sub()} IS {kind.upper()}"
    if kind == "in":
        values = ", ".join(f"{v}::{SQL[type_]}" for v in DOMAINS[type_][:2])
        return f"{sub()} {choose.pick(['IN', 'NOT IN'])} ({values})"
    if kind == "distinct":
        return f"{sub()} IS {choose.pick(['', 'NOT '])}DISTINCT FROM {sub()}"
    if kind == "between":
        return f"{sub()} BETWEEN {sub()} AND {sub()}"
    return fill(choose, scope, kind, depth)
