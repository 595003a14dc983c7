"""SQL of a configuration as Ibis values, so that it means on every engine what it means on DuckDB.

Only what `ALLOWED` lists is understood: it keeps to the whitelist of docs/engines.md, reaches no file and no other
table, and cannot fail on a row. A division by zero, a logarithm of nothing and a text that is no number are null.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import ibis
import sqlglot
from ibis.common.annotations import ValidationError
from ibis.common.exceptions import IbisError
from sqlglot import exp

from models.sql_rules import PARSER_ERRORS, goes_on

ALLOWED = (
    "columns, numbers, 'texts', + - * /, = <> < <= > >=, and, or, not, in (…), between, is null, case, coalesce, "
    "nullif, abs, ln, sqrt, least, greatest, isodow(day), try_cast(… as double), attributes ->> 'name', "
    "and the aggregates sum, avg, min, max, count(*), count(distinct …), count_if"
)

Value = Any  # what Ibis calls a value is dozens of classes without a common type for operators


def _divide(left: Value, right: Value) -> Value:
    return left / right.nullif(ibis.literal(0.0, "float64"))


def _only_if(condition: Value, value: Value) -> Value:
    return condition.ifelse(value, ibis.null(value.type()))


_BINARY: dict[type[exp.Expression], Callable[[Value, Value], Value]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: _divide,
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.And: operator.and_,
    exp.Or: operator.or_,
    exp.Nullif: lambda left, right: left.nullif(right),
}
_UNARY: dict[type[exp.Expression], Callable[[Value], Value]] = {
    exp.Paren: lambda value: value,
    exp.Neg: operator.neg,
    exp.Not: operator.invert,
    exp.Abs: lambda value: value.abs(),
    exp.Ln: lambda value: _only_if(value > 0.0, value).ln(),
    exp.Sqrt: lambda value: _only_if(value >= 0.0, value).sqrt(),
    exp.DayOfWeekIso: lambda day: (day.day_of_week.index() + 1).cast("float64"),
    exp.Sum: lambda value: value.sum(),
    exp.Avg: lambda value: value.mean(),
    exp.Min: lambda value: value.min(),
    exp.Max: lambda value: value.max(),
    # Whole numbers first: a literal 1.0 is a decimal to some engines.
    exp.CountIf: lambda condition: condition.ifelse(1, 0).sum().cast("float64"),
}
_VARIADIC: dict[type[exp.Expression], Callable[..., Value]] = {
    exp.Coalesce: ibis.coalesce,
    exp.Least: ibis.least,
    exp.Greatest: ibis.greatest,
}


def translate_expression(sql: str, table: ibis.Table) -> Value:
    """A SQL expression over the columns of `table`, as an Ibis value of it.

    Raises:
        ValueError: it is not one expression, names a column the table has not, or uses something else than `ALLOWED`.
    """
    try:
        query, *more = sqlglot.parse(f"SELECT {sql}", read="duckdb")
    except PARSER_ERRORS:
        raise ValueError(f"not one SQL expression; allowed are {ALLOWED}") from None
    if more or not isinstance(query, exp.Select) or len(query.expressions) != 1 or goes_on(query):
        raise ValueError(f"not one SQL expression; allowed are {ALLOWED}")
    try:
        return _translate(query.expressions[0], table)
    except (IbisError, ValidationError, TypeError, AttributeError):
        raise ValueError("texts, numbers, conditions and aggregates do not go together like this") from None


def _translate(node: exp.Expression, table: ibis.Table) -> Value:
    kind = type(node)
    if kind in _BINARY:
        return _BINARY[kind](_translate(node.this, table), _translate(node.expression, table))
    if kind in _UNARY:
        return _UNARY[kind](_translate(node.this, table))
    if kind in _VARIADIC:
        return _VARIADIC[kind](*(_translate(part, table) for part in (node.this, *node.expressions)))
    if kind in _OTHER:
        return _OTHER[kind](node, table)
    raise ValueError(f"'{node.sql(dialect='duckdb')}' is not understood; allowed are {ALLOWED}")


def _column(node: exp.Column, table: ibis.Table) -> Value:
    if node.name not in table.columns or node.table:
        raise ValueError(f"there is no column '{node.sql()}'; there are: {', '.join(table.columns)}")
    return table[node.name]


def _literal(node: exp.Literal, _table: ibis.Table) -> Value:
    return ibis.literal(node.this) if node.is_string else ibis.literal(float(node.this), "float64")


def _count(node: exp.Count, table: ibis.Table) -> Value:
    if isinstance(node.this, exp.Star):
        return table.count().cast("float64")
    if isinstance(node.this, exp.Distinct) and len(node.this.expressions) == 1:
        return _translate(node.this.expressions[0], table).nunique().cast("float64")
    return _translate(node.this, table).count().cast("float64")


def _case(node: exp.Case | exp.If, table: ibis.Table) -> Value:
    branches = [node] if isinstance(node, exp.If) else node.args["ifs"]
    subject = node.this if isinstance(node, exp.Case) else None
    pairs = []
    for branch in branches:
        condition = _translate(branch.this, table)
        if subject is not None:
            condition = _translate(subject, table) == condition
        pairs.append((condition, _translate(branch.args["true"], table)))
    default = node.args.get("default") or node.args.get("false")
    return ibis.cases(*pairs, else_=_translate(default, table) if default is not None else None)


def _is_null(node: exp.Is, table: ibis.Table) -> Value:
    if not isinstance(node.expression, exp.Null):
        raise ValueError(f"'{node.sql(dialect='duckdb')}' is not understood; allowed are {ALLOWED}")
    return _translate(node.this, table).isnull()


def _is_in(node: exp.In, table: ibis.Table) -> Value:
    return _translate(node.this, table).isin([_translate(one, table) for one in node.expressions])


def _between(node: exp.Between, table: ibis.Table) -> Value:
    low, high = (_translate(node.args[end], table) for end in ("low", "high"))
    return _translate(node.this, table).between(low, high)


def _number(node: exp.Cast, table: ibis.Table) -> Value:
    if not node.to.is_type(exp.DataType.Type.DOUBLE):
        raise ValueError(f"'{node.sql(dialect='duckdb')}' is not understood; allowed are {ALLOWED}")
    return _translate(node.this, table).try_cast("float64")


def _attribute(node: exp.JSONExtractScalar, table: ibis.Table) -> Value:
    """A text, number or truth value of a flat JSON object, as text."""
    path = node.expression
    name = (
        path.expressions[-1].this if isinstance(path, exp.JSONPath) and len(path.expressions) == 2 else None
    )
    if not isinstance(name, str) or not name.replace("_", "").isalnum():
        raise ValueError(f"'{node.sql(dialect='duckdb')}' is not understood; allowed are {ALLOWED}")
    # Engines disagree on what a number in JSON is as text; a pattern reads the same everywhere.
    pattern = rf'"{name}"\s*:\s*"?([^",}}]*)'
    return _translate(node.this, table).re_extract(pattern, 1).strip().nullif("").nullif("null")


_OTHER: dict[type[exp.Expression], Callable[[Any, ibis.Table], Value]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: lambda node, _table: ibis.literal(bool(node.this)),
    exp.Count: _count,
    exp.Case: _case,
    exp.If: _case,
    exp.Is: _is_null,
    exp.In: _is_in,
    exp.Between: _between,
    exp.Cast: _number,
    exp.TryCast: _number,
    exp.JSONExtractScalar: _attribute,
}
