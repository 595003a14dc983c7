"""A source's own columns become canonical ones, by SQL expressions from the configuration.

`map_rows` writes one SELECT that types every column, hashes the identity keys, and lists for each row every
reason it breaks the contract. Nothing a source holds can fail the statement: what does not parse is a bad row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import sqlglot
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from sqlglot import exp

from models.schemas import EVENT_KINDS, PERSON_TABLES, Column, list_columns, row_rules

KeyKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
NO_KEY = "customer_id: no identity key"
_CONDITIONAL = (exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.TryCast)
_DERIVED = {
    "events": ("source", "customer_id"),
    "customers": ("customer_id",),
    "assignments": ("customer_id",),
}
# An address or a long run of digits with separators, wherever it stands in a rejected row.
_EMAIL = r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9.\-]+\.[A-Za-z]{2,}"
_PHONE = r"\+\d[\d ()/\-]{6,}\d"


class Source(BaseModel):
    """One `[[sources]]` section: where rows come from and what they mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    table: Literal["events", "customers", "campaigns", "assignments", "costs"] = "events"
    path: str = Field(min_length=1)
    where: str | None = None
    timezone: str = "UTC"
    max_bad_share: float = Field(default=0.05, ge=0, le=1)
    # Prefect looks into the models it is given, and takes whatever has `keys` for a dictionary.
    identity_keys: dict[KeyKind, str] = Field(default={}, alias="keys")
    columns: dict[str, str] = {}

    @field_validator("where")
    @classmethod
    def _one_condition(cls, where: str | None) -> str | None:
        if where is not None:
            parse_expression(where)
        return where

    @field_validator("identity_keys", "columns")
    @classmethod
    def _one_expression_each(cls, expressions: dict[str, str]) -> dict[str, str]:
        for name, expression in expressions.items():
            try:
                parse_expression(expression)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return expressions

    @model_validator(mode="after")
    def _known_columns(self) -> Source:
        derived = _DERIVED.get(self.table, ())
        allowed = [c.name for c in list_columns(self.table) if c.name not in derived]
        for name in self.columns:
            if name not in allowed:
                raise ValueError(
                    f"column '{name}' is not one of table '{self.table}'; it has: {', '.join(allowed)}"
                )
        if self.table in PERSON_TABLES and not self.identity_keys:
            raise ValueError(f"[sources.keys] is missing: rows of '{self.table}' are about people")
        return self


def parse_expression(sql: str) -> exp.Expression:
    """One SQL expression in DuckDB's dialect.

    Raises:
        ValueError: it is no expression, more than one, a query, or it reaches outside the row (a file function).
    """
    try:
        statements = sqlglot.parse(f"SELECT {sql} AS value", read="duckdb")
    except sqlglot.errors.SqlglotError:
        raise ValueError(f"'{sql}' is not a SQL expression") from None
    tree = statements[0]
    if len(statements) != 1 or not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise ValueError(f"'{sql}' is not one SQL expression")
    if tree.find(exp.Subquery, exp.From, exp.Table, exp.Star) or tree.args.get("where"):
        raise ValueError(f"'{sql}' reaches outside its row; an expression may only use the row's own columns")
    value = tree.expressions[0]
    return value.this if isinstance(value, exp.Alias) else value


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A canonical column of a source: the SQL that reads it, and the SQL that is true where it cannot be read."""

    column: Column
    value: str
    unreadable: str | None


def map_column(column: Column, expression: str, *, timezone: str) -> MappedColumn:
    """Read one canonical column from an expression. A cast that fails gives null and marks the row unreadable."""
    tree = parse_expression(expression)
    casts = [
        cast for cast in tree.find_all(exp.Cast)
        if type(cast) is exp.Cast and not cast.find_ancestor(*_CONDITIONAL)
    ]  # fmt: skip
    failing = [f"({_sql(c.this)}) IS NOT NULL AND {_try_cast(c)} IS NULL" for c in casts]
    tolerant = tree.transform(_tolerate)
    raw = _sql(tolerant)
    value = _typed(raw, column.type, timezone=timezone)
    if column.type != "VARCHAR":
        failing.append(f"nullif(trim(({raw})::VARCHAR), '') IS NOT NULL AND {value} IS NULL")
    return MappedColumn(column, value, " OR ".join(f"({f})" for f in failing) or None)


def _tolerate(node: exp.Expression) -> exp.Expression:
    if type(node) is exp.Cast:
        return exp.TryCast(this=node.this, to=node.args["to"])
    return node


def _try_cast(cast: exp.Cast) -> str:
    return _sql(exp.TryCast(this=cast.this.copy().transform(_tolerate), to=cast.args["to"]))


def _sql(tree: exp.Expression) -> str:
    return tree.sql(dialect="duckdb")


def _typed(raw: str, kind: str, *, timezone: str) -> str:
    if kind == "VARCHAR":
        return f"nullif(({raw})::VARCHAR, '')"
    if kind == "TIMESTAMPTZ":
        return _timestamp(raw, timezone=timezone)
    return f"TRY_CAST(nullif(trim(({raw})::VARCHAR), '') AS {kind})"


def _timestamp(raw: str, *, timezone: str) -> str:
    """Whole seconds in UTC; text or a timestamp that names no zone is read in the source's own."""
    text = f"nullif(trim(({raw})::VARCHAR), '')"
    zoned = f"regexp_matches({text}, '\\d{{2}}:\\d{{2}}.*(Z|[+-]\\d{{2}}(:?\\d{{2}})?)$')"
    local = f"TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE '{timezone}'"
    return f"date_trunc('second', CASE WHEN {zoned} THEN TRY_CAST({text} AS TIMESTAMPTZ) ELSE {local} END)"


def normalise_key(kind: str, expression: str) -> str:
    """SQL of a key as it is hashed: trimmed, e-mail addresses in lower case, phone numbers as + and digits."""
    text = f"trim(({_sql(parse_expression(expression).transform(_tolerate))})::VARCHAR)"
    if kind == "email":
        text = f"lower({text})"
    elif kind == "phone":
        text = f"regexp_replace(regexp_replace({text}, '^00', '+'), '[^0-9+]', '', 'g')"
    return f"nullif({text}, '')"


def hash_sql(kind: str, value: str) -> str:
    """SQL of `models.identity.hash_key`, with the padded keys as parameters `$ipad` and `$opad`."""
    inner = f"unhex(sha256($ipad || encode('{kind}:' || {value})))"
    return f"CASE WHEN {value} IS NOT NULL THEN sha256($opad || {inner}) END"


def map_rows(
    source: Source, *, relation: str, columns: Iterable[str], kinds: Iterable[str] = EVENT_KINDS
) -> str:
    """The SELECT that turns a source's raw rows into canonical ones.

    Args:
        source: the mapping.
        relation: name of a table or view with the raw rows and two columns more, `_file` and `_row`.
        columns: the raw columns it has, for the rejected row's text.
        kinds: event kinds that are known.

    Returns:
        SQL with parameters `$ipad`, `$opad` (see `hash_sql`) and `$latest` (no time may lie after it). It yields
        the canonical columns, `_keys` (list of kind and hash), `_reasons` (list of text, empty for a good row),
        `_raw` (the raw row as JSON, keys hashed and addresses masked), `_file` and `_row`.

    Raises:
        ValueError: an expression names a column that the source does not have.
    """
    raw_columns = tuple(columns)
    check_columns(source, raw_columns)
    mapped = [
        _mapped(column, source) for column in list_columns(source.table) if column.name != "customer_id"
    ]
    values = ",\n    ".join(f'{m.value} AS "{m.column.name}"' for m in mapped)
    unreadable = [
        f"CASE WHEN {m.unreadable} THEN '{m.column.name}: not {m.column.reads_as}' END"
        for m in mapped if m.unreadable
    ]  # fmt: skip
    keys = ", ".join(
        f"{{'kind': '{kind}', 'hash': {hash_sql(kind, normalise_key(kind, expression))}}}"
        for kind, expression in sorted(source.identity_keys.items())
    )
    broken = _broken_rules(source, [m.column.name for m in mapped if m.unreadable], kinds=kinds)
    where = f"WHERE {_sql(parse_expression(source.where).transform(_tolerate))}" if source.where else ""
    return f"""
WITH mapped AS (
  SELECT
    {values},
    {f"list_filter([{keys}], lambda k: k.hash IS NOT NULL)" if keys else "[]::STRUCT(kind VARCHAR, hash VARCHAR)[]"} AS _keys,
    [{", ".join(unreadable)}]::VARCHAR[] AS _unreadable,
    {_source_row(source, raw_columns)} AS _source_row,
    _file, _row
  FROM {relation} {where}
)
SELECT * EXCLUDE (_unreadable, _source_row),
  list_filter(_unreadable || [{", ".join(broken)}]::VARCHAR[], lambda r: r IS NOT NULL) AS _reasons,
  CASE WHEN len(_reasons) > 0 THEN {_masked("_source_row::JSON::VARCHAR")} END AS _raw
FROM mapped"""  # noqa: E501


def check_columns(source: Source, columns: Iterable[str]) -> None:
    """Raise a one-line ValueError when an expression names a column that the source does not have."""
    have = {name.lower(): name for name in columns}
    expressions = {**source.columns, **{f"keys.{kind}": e for kind, e in source.identity_keys.items()}}
    if source.where:
        expressions["where"] = source.where
    for target, expression in expressions.items():
        for used in _columns_used(expression):
            if used.lower() not in have:
                raise ValueError(
                    f"sources.{source.name}: column '{used}' (for {target}) not found; "
                    f"the source has: {', '.join(have.values())}"
                )


def _columns_used(expression: str) -> set[str]:
    lambdas = {
        name.name for scope in parse_expression(expression).find_all(exp.Lambda) for name in scope.expressions
    }
    found = parse_expression(expression).find_all(exp.Column)
    return {column.parts[0].name for column in found} - lambdas


def _mapped(column: Column, source: Source) -> MappedColumn:
    if column.name == "source":
        quoted = source.name.replace("'", "''")
        return MappedColumn(column, f"'{quoted}'", None)
    if column.name == "event_id" and "event_id" not in source.columns:
        return MappedColumn(column, "NULL::VARCHAR", None)
    expression = source.columns.get(column.name)
    if expression is None:
        return MappedColumn(column, f"NULL::{column.type}", None)
    return map_column(column, expression, timezone=source.timezone)


def _broken_rules(source: Source, unreadable: list[str], *, kinds: Iterable[str]) -> list[str]:
    """One CASE a rule; a value that could not be read is not reported as missing as well."""
    cases = []
    for rule in row_rules(source.table, kinds=kinds):
        if rule.column == "event_id" and "event_id" not in source.columns:
            continue
        parsed = f" AND NOT list_contains(_unreadable, '{rule.column}: not {_reads_as(source.table, rule.column)}')"
        guard = parsed if rule.column in unreadable and rule.reason.endswith("missing") else ""
        cases.append(f"CASE WHEN {rule.broken}{guard} THEN '{rule.reason}' END")
    if source.table in PERSON_TABLES:
        cases.append(f"CASE WHEN len(_keys) = 0 THEN '{NO_KEY}' END")
    return cases


def _reads_as(table: str, name: str) -> str:
    return next(column.reads_as for column in list_columns(table) if column.name == name)


def _source_row(source: Source, columns: tuple[str, ...]) -> str:
    """The raw row as a struct, without the columns that identity keys come from."""
    private = {
        name.lower() for expression in source.identity_keys.values() for name in _columns_used(expression)
    }
    shown = [f'"{name}" := "{name}"' for name in columns if name.lower() not in private]
    return f"struct_pack({', '.join([*shown, 'keys := _keys'])})"


def _masked(text: str) -> str:
    for pattern, mask in ((_EMAIL, "<e-mail>"), (_PHONE, "<phone>")):
        text = f"regexp_replace({text}, '{pattern}', '{mask}', 'g')"
    return text
