"""A source's own columns become canonical ones, by SQL expressions from the configuration.

`map_rows` writes one SELECT that types every column and lists for each row every reason it breaks the contract.
Nothing a source holds can fail the statement: what does not parse is a bad row.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from sqlglot import exp

from models.masking import SHORTEST_KEY, mask_name, mask_patterns, mask_value, mask_whole
from models.schemas import (
    EVENT_KINDS,
    MONEY_COLUMNS,
    PERSON_TABLES,
    Column,
    RowRule,
    list_source_columns,
    row_rules,
)
from models.sql_rules import check_expression, parse_expression
from models.timezones import Timezone

KeyKind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
LONGEST_NAME = 100
MOST_SHOWN, LONGEST_SHOWN = 30, 60
# Of one line: it stands in every message about the source.
SourceName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$")]
RowExpression = Annotated[str, AfterValidator(check_expression)]
NO_KEY = "customer_id: no identity key"
_NUMBERS = ("DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
            "UINTEGER", "UBIGINT")  # fmt: skip
_CONDITIONAL = (exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.TryCast)
RATES = "daily_rates"
_ROW = "_source_row"


class Source(BaseModel):
    """One `[[sources]]` section: where rows come from and what they mean."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: SourceName
    table: Literal["events", "customers", "consents", "campaigns", "assignments", "costs", "rates"] = "events"
    path: str | None = Field(default=None, min_length=1)
    connection: SecretStr | None = None
    query: str | None = None
    watermark: str | None = None
    where: RowExpression | None = None
    timezone: Timezone = "UTC"
    max_bad_share: float = Field(default=0.05, ge=0, le=1)
    # Prefect looks into the models it is given, and takes whatever has `keys` for a dictionary.
    identity_keys: dict[KeyKind, RowExpression] = Field(default={}, alias="keys")
    columns: dict[str, RowExpression] = {}

    @model_validator(mode="after")
    def _one_place(self) -> Source:
        if (self.path is None) == (self.connection is None):
            raise ValueError(
                "a source has either a path (files) or a connection with a query (a database); give one of the two"
            )
        if (self.connection is None) != (self.query is None):
            raise ValueError("connection and query belong together; give both or neither")
        if self.watermark is not None and self.query is None:
            raise ValueError("watermark names a column of a query; files need none")
        return self

    @model_validator(mode="after")
    def _known_columns(self) -> Source:
        allowed = [column.name for column in list_source_columns(self.table)]
        for name in self.columns:
            if name not in allowed:
                raise ValueError(
                    f"column '{name}' is not one of table '{self.table}'; it has: {', '.join(allowed)}"
                )
        if self.table in PERSON_TABLES and not self.identity_keys:
            raise ValueError(f"[sources.keys] is missing: rows of '{self.table}' are about people")
        return self


def expression_sql(expression: str) -> str:
    """The expression as DuckDB runs it: what cannot be read is null."""
    return _write(parse_expression(expression))


@dataclass(frozen=True, slots=True)
class MappedColumn:
    """A canonical column of a source: the SQL that reads it, and the SQL that is true where it cannot be read."""

    column: Column
    value: str
    unreadable: str | None


def map_column(column: Column, expression: str, *, timezone: str, given: str = "") -> MappedColumn:
    """Read one canonical column from an expression, which is of the type `given` as far as is known.

    A cast that fails gives null and marks the row unreadable.
    """
    tree = parse_expression(expression)
    fallible = [
        node for node in tree.find_all(exp.Cast, exp.StrToTime)
        if type(node) is not exp.TryCast and not node.find_ancestor(*_CONDITIONAL)
    ]  # fmt: skip
    failing = [f"({_write(node.this)}) IS NOT NULL AND {_write(node)} IS NULL" for node in fallible]
    raw = _write(tree)
    if direct := _convert(raw, given, column.type, timezone=timezone):
        return MappedColumn(column, direct, " OR ".join(f"({f})" for f in failing) or None)
    value = _typed(raw, column.type, timezone=timezone)
    if column.type != "VARCHAR":
        failing.append(f"nullif(trim(({raw})::VARCHAR), '') IS NOT NULL AND {value} IS NULL")
    return MappedColumn(column, value, " OR ".join(f"({f})" for f in failing) or None)


def _write(tree: exp.Expression) -> str:
    """The expression as DuckDB runs it: a cast, or the reading of a time, that fails gives null."""
    return tree.copy().transform(_tolerate).sql(dialect="duckdb", comments=False)


def _tolerate(node: exp.Expression) -> exp.Expression:
    # What takes a node's place is not looked into again, so what it holds is seen to first.
    if type(node) is exp.Cast:
        return exp.TryCast(this=node.this.transform(_tolerate), to=node.args["to"])
    if isinstance(node, exp.StrToTime):
        read = (node.this.transform(_tolerate), node.args["format"])
        return exp.Anonymous(this="try_strptime", expressions=list(read))
    return node


def _convert(raw: str, given: str, wanted: str, *, timezone: str) -> str | None:
    """SQL of a value whose type needs no parsing and cannot fail; None where it is to be read as text."""
    given = given.upper()
    if wanted == "DOUBLE" and (given in _NUMBERS or given.startswith("DECIMAL")):
        return f"({raw})::DOUBLE"
    if wanted == given and wanted in ("BIGINT", "BOOLEAN", "DATE"):
        return f"({raw})"
    if wanted == "TIMESTAMPTZ" and given == "TIMESTAMP WITH TIME ZONE":
        return _whole_seconds(f"({raw})")
    if wanted == "TIMESTAMPTZ" and given == "TIMESTAMP":
        local = f"({raw})" if timezone == "UTC" else f"({raw}) AT TIME ZONE '{timezone}'"
        return _whole_seconds(local)
    return None


def _whole_seconds(moment: str) -> str:
    """Cheaper than `date_trunc`, which looks every moment up in a calendar; beyond time there are no seconds."""
    whole = f"make_timestamptz(epoch_us({moment}) // 1000000 * 1000000)"
    return (
        f"CASE WHEN isfinite({moment}) THEN {whole} WHEN {moment} IS NOT NULL THEN TIMESTAMPTZ 'infinity' END"
    )


def plain_text(value: str) -> str:
    """SQL of a value as text. An id stays the same in a file that types it as 17.0, as a gap makes some do."""
    text = f"({value})::VARCHAR"
    return f"CASE WHEN typeof({value}) IN ('DOUBLE', 'FLOAT') THEN regexp_replace({text}, '\\.0$', '') ELSE {text} END"


def _typed(raw: str, kind: str, *, timezone: str) -> str:
    if kind == "VARCHAR":
        return f"nullif({plain_text(raw)}, '')"
    if kind == "TIMESTAMPTZ":
        return _timestamp(raw, timezone=timezone)
    return f"TRY_CAST(nullif(trim(({raw})::VARCHAR), '') AS {kind})"


def _timestamp(raw: str, *, timezone: str) -> str:
    """Whole seconds in UTC; text or a timestamp that names no zone is read in the source's own."""
    text = f"nullif(trim(({raw})::VARCHAR), '')"
    # The engine reads neither the words UTC and GMT nor a blank before the zone.
    text = f"regexp_replace({text}, ' ?(UTC|GMT|z)$', 'Z')"
    text = f"regexp_replace({text}, ' ([+-]\\d{{2}}(:?\\d{{2}})?)$', '\\1')"
    zoned = f"regexp_matches({text}, '\\d{{2}}:\\d{{2}}.*(Z|[+-]\\d{{2}}(:?\\d{{2}})?)$')"
    local = f"TRY_CAST({text} AS TIMESTAMP) AT TIME ZONE '{timezone}'"
    return f"date_trunc('second', CASE WHEN {zoned} THEN TRY_CAST({text} AS TIMESTAMPTZ) ELSE {local} END)"


def map_rows(
    source: Source,
    *,
    relation: str,
    columns: Iterable[str],
    types: Mapping[str, str] | None = None,
    kinds: Iterable[str] = EVENT_KINDS,
    currency: str | None = None,
) -> str:
    """The SELECT that turns a source's raw rows into canonical ones.

    Args:
        source: the mapping.
        relation: name of a table or view with the raw rows and `_link` (number of the row's identity keys, see
            `models/keys.py`) and `_row`.
        columns: the raw columns it has.
        types: what DuckDB makes of each canonical column's expression, where that is known: a value that has the
            right type already does not go through text.
        kinds: event kinds that are known.
        currency: the shop's own, for sources that name one; then a table `daily_rates` (currency, day, rate) is
            there.

    Returns:
        SQL with a parameter `$latest` (no time may lie after it). It yields the canonical columns, `_content` (the
        name of an event whose source has none: a hash of what it says, before money is converted), `_link`,
        `_filtered` (set aside by `where`), `_reasons` (list of text, empty for a good row), `_bad`, `_raw` (the raw
        row of a bad one as JSON, keys and addresses masked) and `_row`.

    Raises:
        ValueError: an expression names a column that the source does not have.
    """
    raw_columns = tuple(columns)
    check_columns(source, raw_columns)
    types = types or {}
    mapped = [
        _mapped(column, source, types.get(column.name, "")) for column in list_source_columns(source.table)
    ]
    values = ",\n    ".join(f'{m.value} AS "{m.column.name}"' for m in mapped)
    unreadable = [m for m in mapped if m.unreadable]
    tests = "".join(f"coalesce({m.unreadable}, false) AS {_unread(m.column.name)},\n    " for m in unreadable)
    # A condition that is neither true nor false keeps no row, as in SQL.
    kept = f"coalesce({expression_sql(source.where)}, false)" if source.where else "true"
    money = _convert_money(source, currency=currency)
    faults = ", ".join(
        [
            *(
                f"CASE WHEN {_unread(m.column.name)} THEN '{m.column.name}: not {m.column.reads_as}' END"
                for m in unreadable
            ),
            *_broken_rules(source, {m.column.name for m in unreadable}, kinds=kinds),
            *money.faults,
        ]
    )
    # Rows that refer to others may turn out bad later.
    shown = "true" if source.table in ("assignments", "costs") else "len(_reasons) > 0"
    passing = ", ".join([_ROW, *(_unread(m.column.name) for m in unreadable)])
    # Nearly every row is good, so a list of reasons is only made where there is one.
    return f"""
WITH mapped AS (
  SELECT
    {values},
    {tests}{_pack(read_columns(source))} AS {_ROW},
    NOT {kept} AS _filtered,
    _link, _row
  FROM {relation}
), judged AS (
  SELECT mapped.*{money.values}, {_content(source)} AS _content,
    CASE WHEN _filtered OR coalesce({faults}, NULL) IS NULL THEN []::VARCHAR[] ELSE
      list_filter([{faults}]::VARCHAR[], lambda r: r IS NOT NULL) END AS _reasons
  FROM mapped {money.join}
)
SELECT * EXCLUDE ({passing}), len(_reasons) > 0 AS _bad, CASE WHEN {shown} THEN {_raw_row(source)} END AS _raw
FROM judged"""


def _content(source: Source) -> str:
    """A hash of the mapped row, for events of a source that has no ids of its own; else null."""
    if source.table != "events" or "event_id" in source.columns:
        return "NULL::VARCHAR"
    names = [column.name for column in list_source_columns("events") if column.name in source.columns]
    values = ", ".join(f'mapped."{name}"' for name in names)
    return f"CASE WHEN NOT _filtered THEN sha256(json_array({values}, _link)::VARCHAR) END"


def names_currency(source: Source) -> bool:
    """Whether the source's money may be in another currency than the shop's."""
    return source.table in MONEY_COLUMNS and "currency" in source.columns


@dataclass(frozen=True, slots=True)
class _Money:
    """How the money columns become the shop's own currency: what to join, the values that change, the faults."""

    join: str = ""
    values: str = ""
    faults: tuple[str, ...] = ()


def _convert_money(source: Source, *, currency: str | None) -> _Money:
    if not names_currency(source):
        return _Money()
    if currency is None:
        raise ValueError(
            f"sources.{source.name}: a column 'currency' is mapped, but the shop's own is not known"
        )
    day = '"day"' if source.table == "costs" else '"occurred_at"::DATE'
    foreign = f"upper(mapped.\"currency\") <> '{currency.upper()}'"
    # The answer of a survey is no money.
    money = "kind IS DISTINCT FROM 'survey'" if source.table == "events" else "true"
    changed = ", ".join(
        f'CASE WHEN {foreign} AND {money} THEN mapped."{name}" * rates.rate ELSE mapped."{name}" END AS "{name}"'
        for name in MONEY_COLUMNS[source.table]
    )
    present = " OR ".join(f'mapped."{name}" IS NOT NULL' for name in MONEY_COLUMNS[source.table])
    return _Money(
        join=f'LEFT JOIN {RATES} rates ON rates.currency = upper(mapped."currency") AND rates.day = mapped.{day}',
        values=f" REPLACE ({changed})",
        faults=(
            f"CASE WHEN {foreign} AND {money} AND ({present}) AND rates.rate IS NULL "
            f"THEN 'currency: no rate for ' || upper(mapped.\"currency\") || ' on that day or before' END",
        ),
    )


class MissingColumn(ValueError):  # noqa: N818 - reads as what it is
    """An expression names a column that the source does not have."""


def list_expressions(source: Source) -> dict[str, str]:
    """Every expression of a source by where it stands in its section; columns by their name alone."""
    keys = {f"keys.{kind}": expression for kind, expression in source.identity_keys.items()}
    return {**source.columns, **keys, **({"where": source.where} if source.where else {})}


def check_columns(source: Source, columns: Iterable[str]) -> None:
    """Raise a one-line MissingColumn when an expression names a column that the source does not have."""
    have = {name.lower(): name for name in columns}
    for target, expression in list_expressions(source).items():
        for used in columns_used(expression):
            if used.lower() not in have:
                raise MissingColumn(
                    f"sources.{source.name}: column '{used}' (for {target}) not found; "
                    f"the source has: {_show_names(have.values())}"
                )


def _show_names(names: Collection[str]) -> str:
    """Names of columns for one line of an error, without people: long ones are cut, and of many the first are shown."""
    masked = [mask_name(name) for name in islice(names, MOST_SHOWN)]
    shown = ", ".join(name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}…" for name in masked)
    return shown if len(names) <= MOST_SHOWN else f"{shown} and {len(names) - MOST_SHOWN:,} more"


def check_required(source: Source, columns: Iterable[str]) -> None:
    """Raise a one-line MissingColumn when nothing is left of what an event's time, kind or id is read from.

    For deliveries that may leave columns out: these make each of their rows a bad one, or one without its own id.
    """
    have = {name.lower(): name for name in columns}
    for target in ("occurred_at", "kind", "event_id"):
        used = columns_used(source.columns[target]) if target in source.columns else frozenset()
        if used and not any(name.lower() in have for name in used):
            raise MissingColumn(
                f"sources.{source.name}: column '{min(used)}' (for {target}) not found; "
                f"the source has: {', '.join(mask_name(name) for name in have.values())}"
            )


@lru_cache(maxsize=4096)
def columns_used(expression: str) -> frozenset[str]:
    """The names of the columns that an expression reads."""
    tree = parse_expression(expression)
    lambdas = {name.name for scope in tree.find_all(exp.Lambda) for name in scope.expressions}
    return frozenset(column.parts[0].name for column in tree.find_all(exp.Column)) - lambdas


def _mapped(column: Column, source: Source, given: str) -> MappedColumn:
    expression = source.columns.get(column.name)
    if expression is None:
        return MappedColumn(column, f"NULL::{column.type}", None)
    return map_column(column, expression, timezone=source.timezone, given=given)


def _unread(column: str) -> str:
    """The mark of a row whose column could not be read."""
    return f'"_unread_{column}"'


def _broken_rules(source: Source, unreadable: Collection[str], *, kinds: Iterable[str]) -> list[str]:
    """One CASE a rule; a value that could not be read is not reported as missing as well."""
    cases = []
    for rule in row_rules(source.table, kinds=kinds):
        if rule.column == "event_id" and "event_id" not in source.columns:
            continue
        missing = rule.column in unreadable and rule.reason.endswith("missing")
        guard = f" AND NOT {_unread(rule.column)}" if missing else ""
        cases.append(f"CASE WHEN {_of_mapped(rule)}{guard} THEN '{rule.reason}' END")
    if source.table in PERSON_TABLES:
        cases.append(f"CASE WHEN _link IS NULL THEN '{NO_KEY}' END")
    return [*cases, *_bare_keys(source)]


def _bare_keys(source: Source) -> list[str]:
    """One CASE for each text column that is read from the same raw columns as an identity key: it must not hold it."""
    cases = []
    for column in list_source_columns(source.table):
        expression = source.columns.get(column.name)
        if expression is None or column.type != "VARCHAR" or column.name in ("kind", "currency"):
            continue
        for kind, key in sorted(source.identity_keys.items()):
            if columns_used(expression) & columns_used(key):
                value = f"({_of_source_row(key)})::VARCHAR"
                cases.append(
                    f'CASE WHEN length({value}) >= {SHORTEST_KEY} AND contains(mapped."{column.name}", {value}) '
                    f"THEN '{column.name}: holds the identity key {kind}; hash it: sha256(…)' END"
                )
    return cases


def _of_mapped(rule: RowRule) -> str:
    """The rule over the value as the source gave it, before money is converted."""
    return "(" + rule.broken.replace(f'"{rule.column}"', f'mapped."{rule.column}"') + ")"


def _raw_row(source: Source) -> str:
    """The raw row as JSON: the columns the mapping reads, but for those that identity keys come from.

    Columns nobody maps may hold anything, a name among it, so they are not kept. Addresses and key values that
    stand in the others are masked.
    """
    text = mask_patterns(_to_json(kept_columns(source)))
    for kind, expression in sorted(source.identity_keys.items()):
        text = mask_value(text, f"({_of_source_row(expression)})::VARCHAR", kind=kind)
    return text


def kept_columns(source: Source) -> tuple[str, ...]:
    """The raw columns of a refused row that are kept, as the mapping spells them."""
    private = {name.lower() for name in _names(source.identity_keys.values())}
    shown = _names((*source.columns.values(), source.where or "true"))
    return tuple(name for name in shown if name.lower() not in private)


def read_columns(source: Source) -> tuple[str, ...]:
    """The raw columns that the mapping reads, as it spells them."""
    return tuple(_names((*source.columns.values(), *source.identity_keys.values(), source.where or "true")))


def _names(expressions: Iterable[str]) -> list[str]:
    """The columns that expressions read, each once whatever its case, in the order they are first read."""
    found: dict[str, str] = {}
    for expression in expressions:
        for name in sorted(columns_used(expression)):
            found.setdefault(name.lower(), name)
    return list(found.values())


def _of_source_row(expression: str) -> str:
    """The expression over the columns of the packed raw row."""
    tree = parse_expression(expression).transform(_tolerate)
    names = columns_used(expression)

    def qualify(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column) and node.parts[0].name in names:
            return exp.Dot.build([exp.to_identifier(_ROW), *(part.copy() for part in node.parts)])
        return node

    return tree.transform(qualify).sql(dialect="duckdb")


def _pack(columns: Iterable[str]) -> str:
    pairs = ", ".join(f"{quote_name(name)} := {quote_name(name)}" for name in columns)
    return f"struct_pack({pairs})" if pairs else "NULL"


def _to_json(columns: Iterable[str]) -> str:
    pairs = ", ".join(f"{_literal(name)}, {mask_whole(f'{_ROW}.{quote_name(name)}')}" for name in columns)
    return f"json_object({pairs})::VARCHAR"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quote_name(name: str) -> str:
    """A SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
