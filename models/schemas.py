"""The contract of every table that is delivered: its columns, their types and what a good row is.

The pandera models are the one source. From them come the column types a source is cast to, the row rules that run
in the engine (`row_rules`) and, with those of `models/derived_schemas.py`, the check of every batch that is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Annotated, Any, ClassVar

import pandas as pd
import pandera.pandas as pa
from pandera.extensions import register_check_method

from models.masking import identifier_sql, looks_like_identifier

Timestamp = Annotated[pd.DatetimeTZDtype, "us", "UTC"]
EARLIEST = pd.Timestamp("1990-01-01", tz="UTC")
# A campaign may be planned ahead, but not for another century.
LATEST = pd.Timestamp("2100-01-01", tz="UTC")

EVENT_KINDS = (
    "session", "page_view", "product_view", "search", "add_to_cart", "checkout", "purchase", "refund",
    "email_sent", "email_open", "email_click", "email_unsubscribe", "push_open", "ad_impression", "ad_click",
    "review", "like", "share", "comment", "support_ticket", "complaint", "store_visit", "registration",
    "form_submit", "subscription", "survey",
)  # fmt: skip


@register_check_method(statistics=["what"])
def free_of(values: pd.Series, *, what: str) -> pd.Series:  # noqa: ARG001
    """No identifier of a person, an e-mail address or a phone number, stands in the column."""
    return ~looks_like_identifier(values)


@register_check_method(statistics=["expected"])
def one_line(values: pd.Series, *, expected: bool) -> pd.Series:  # noqa: ARG001
    """A text does not go on in another line: behind a stray quote that would be other people's rows."""
    return ~values.str.contains("\n", regex=False, na=False).astype(bool)


@register_check_method(statistics=["first", "last"])
def in_order(rows: pd.DataFrame, *, first: str, last: str) -> pd.Series:
    """What ends does so no earlier than it began."""
    return rows[first] <= rows[last]


class Table(pa.DataFrameModel):
    """Columns exactly as declared, nothing coerced."""

    class Config:
        strict = True
        ordered = True


class Events(Table):
    """What a customer did, or what was sent to them. `value` is money, or the 0–10 answer of a `survey`.

    `link_id` numbers the set of identity keys the row came with: who the customer is follows from it.
    """

    source: str
    event_id: str = pa.Field(free_of="identifiers", one_line=True)
    customer_id: str
    occurred_at: Timestamp = pa.Field(ge=EARLIEST)
    kind: str
    value: float = pa.Field(ge=0, nullable=True)
    margin: float = pa.Field(nullable=True)
    order_id: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    quantity: float = pa.Field(ge=0, nullable=True)
    discount: float = pa.Field(ge=0, nullable=True)
    category: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    session_id: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    duration_s: float = pa.Field(ge=0, nullable=True)
    device: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    channel: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    campaign_id: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    link_id: pd.Int64Dtype = pa.Field(nullable=True)


class Customers(Table):
    """Who they are, as far as the shop knows. Consent is true, false, or never asked (null): the latest word."""

    customer_id: str
    first_seen: Timestamp = pa.Field(ge=EARLIEST, nullable=True)
    acquisition_channel: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    acquisition_cost: float = pa.Field(ge=0, nullable=True)
    country: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    consent_profiling: pd.BooleanDtype = pa.Field(nullable=True)
    consent_marketing: pd.BooleanDtype = pa.Field(nullable=True)
    attributes: str = pa.Field(nullable=True, free_of="identifiers")


class Consents(Table):
    """Evidence of consent: who allowed or refused what, when, and where they said so."""

    source: str
    customer_id: str
    purpose: str = pa.Field(isin=["marketing", "profiling"])
    granted: pd.BooleanDtype
    told_at: Timestamp = pa.Field(ge=EARLIEST)
    link_id: pd.Int64Dtype = pa.Field(nullable=True)


class Campaigns(Table):
    """What was sent, when, and what it was meant to move."""

    campaign_id: str = pa.Field(free_of="identifiers", one_line=True)
    name: str = pa.Field(free_of="identifiers", one_line=True)
    channel: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    starts_at: Timestamp = pa.Field(ge=EARLIEST, lt=LATEST)
    ends_at: Timestamp = pa.Field(ge=EARLIEST, lt=LATEST)
    primary_metric: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)
    control_share: float = pa.Field(ge=0, le=1, nullable=True)

    class Config:
        in_order: ClassVar = {"first": "starts_at", "last": "ends_at"}  # a check of the whole row


class Assignments(Table):
    """Who was in which arm of a campaign, in the segment they had when they were assigned."""

    campaign_id: str = pa.Field(free_of="identifiers", one_line=True)
    customer_id: str
    arm: str = pa.Field(free_of="identifiers", one_line=True)
    assigned_at: Timestamp = pa.Field(ge=EARLIEST)
    segment_id: pd.Int64Dtype = pa.Field(nullable=True)
    model_version: str = pa.Field(nullable=True, free_of="identifiers", one_line=True)


class Costs(Table):
    """What a campaign cost on a day, in the shop's currency."""

    campaign_id: str = pa.Field(free_of="identifiers", one_line=True)
    arm: str = pa.Field(free_of="identifiers", one_line=True)
    day: pa.Date = pa.Field(ge=EARLIEST.date(), lt=LATEST.date())
    amount: float = pa.Field(ge=0)


class Rates(Table):
    """What one unit of a currency is worth in the shop's own, from a day on."""

    currency: str = pa.Field(free_of="identifiers", one_line=True)
    day: pa.Date = pa.Field(ge=EARLIEST.date(), lt=LATEST.date())
    rate: float = pa.Field(gt=0)


SCHEMAS: dict[str, type[Table]] = {
    "events": Events,
    "customers": Customers,
    "consents": Consents,
    "campaigns": Campaigns,
    "assignments": Assignments,
    "costs": Costs,
    "rates": Rates,
}
PERSON_TABLES = ("events", "customers", "consents", "assignments")
KEYS = {
    "events": ("source", "event_id"),
    "customers": ("customer_id",),
    "consents": ("customer_id", "purpose", "told_at", "source"),
    "campaigns": ("campaign_id",),
    "assignments": ("campaign_id", "customer_id", "arm"),
    "costs": ("campaign_id", "arm", "day"),
    "rates": ("currency", "day"),
}
# Filled in by ingestion, whatever a source holds.
DERIVED_COLUMNS = ("source", "customer_id", "link_id")
# What a source may say beside the table's own columns: how its money or its consent is to be read.
SOURCE_COLUMNS: dict[str, dict[str, str]] = {
    "events": {"currency": "VARCHAR"},
    "costs": {"currency": "VARCHAR"},
    "customers": {"consented_at": "TIMESTAMPTZ"},
}
MONEY_COLUMNS = {"events": ("value", "margin", "discount"), "costs": ("amount",)}


@dataclass(frozen=True, slots=True)
class Column:
    """A canonical column: its name, its type in DuckDB, and whether it may be empty."""

    name: str
    type: str
    nullable: bool

    @property
    def reads_as(self) -> str:
        """The type in the words of an error message."""
        return {
            "DOUBLE": "a number",
            "BIGINT": "a whole number",
            "BOOLEAN": "yes or no",
            "DATE": "a date",
            "TIMESTAMPTZ": "a time",
        }.get(self.type, "text")


def _duckdb_type(dtype: object) -> str:
    name = str(dtype)
    if name.startswith("datetime64"):
        return "TIMESTAMPTZ"
    return {"float64": "DOUBLE", "Int64": "BIGINT", "boolean": "BOOLEAN", "date": "DATE"}.get(name, "VARCHAR")


@cache
def list_columns(table: str) -> tuple[Column, ...]:
    """The columns of a canonical table, in order."""
    schema = SCHEMAS[table].to_schema()
    return tuple(Column(n, _duckdb_type(c.dtype), bool(c.nullable)) for n, c in schema.columns.items())


@cache
def list_source_columns(table: str) -> tuple[Column, ...]:
    """The columns a source can fill: the table's own but for what ingestion derives, and how they are to be read."""
    own = tuple(column for column in list_columns(table) if column.name not in DERIVED_COLUMNS)
    return (*own, *(Column(n, kind, nullable=True) for n, kind in SOURCE_COLUMNS.get(table, {}).items()))


@dataclass(frozen=True, slots=True)
class RowRule:
    """A SQL condition that is true for a bad row, and the reason to give."""

    column: str
    broken: str
    reason: str


def row_rules(table: str, *, kinds: Iterable[str] = EVENT_KINDS) -> tuple[RowRule, ...]:
    """The contract of a table as SQL over its typed columns and a parameter `$latest`, the latest believable time.

    A column that must not be empty, a number that is not finite, a value out of range, a time in the future, an
    end before its beginning and an event kind nobody declared each give one rule. They are read off the pandera model.
    """
    schema = SCHEMAS[table].to_schema()
    rules: list[RowRule] = []
    for column in list_source_columns(table):
        if not column.nullable:
            rules.append(RowRule(column.name, f'"{column.name}" IS NULL', f"{column.name}: missing"))
        if column.type == "DOUBLE":
            rules.append(
                RowRule(column.name, f'NOT isfinite("{column.name}")', f"{column.name}: not a finite number")
            )
        if column.type == "TIMESTAMPTZ" and column.name in SOURCE_COLUMNS.get(table, {}):
            rules.append(_bound_rule(column.name, "<", EARLIEST, "below"))
        if column.type == "TIMESTAMPTZ" and column.name not in ("starts_at", "ends_at"):
            rules.append(
                RowRule(column.name, f'"{column.name}" > $latest', f"{column.name}: lies in the future")
            )
        if column.name in schema.columns:
            rules += [_check_rule(column.name, check) for check in schema.columns[column.name].checks]
    rules += [_check_rule("", check) for check in schema.checks]
    if table == "events":
        known = ", ".join(f"'{kind}'" for kind in sorted(kinds))
        rules.append(RowRule("kind", f'"kind" NOT IN ({known})', "kind: unknown"))
    return tuple(rules)


def _check_rule(column: str, check: Any) -> RowRule:
    """The SQL form of a pandera check; one that has none is an error, so that no check is lost."""
    name = f'"{column}"'
    if check.name == "free_of":
        return RowRule(column, identifier_sql(name), f"{column}: holds an e-mail address or a phone number")
    if check.name == "one_line":
        return RowRule(column, f"contains({name}, chr(10))", f"{column}: goes on over several lines")
    if check.name == "in_order":
        first, last = (check.statistics[end] for end in ("first", "last"))
        return RowRule(last, f'"{last}" < "{first}"', f"{last}: lies before {first}")
    if check.name == "isin":
        allowed = sorted(check.statistics["allowed_values"])
        listed = ", ".join(f"'{value}'" for value in allowed)
        return RowRule(column, f"{name} NOT IN ({listed})", f"{column}: not one of {', '.join(allowed)}")
    bound, sign, word = {
        "greater_than_or_equal_to": (check.statistics.get("min_value"), "<", "below"),
        "less_than_or_equal_to": (check.statistics.get("max_value"), ">", "above"),
        "greater_than": (check.statistics.get("min_value"), "<=", "not above"),
        "less_than": (check.statistics.get("max_value"), ">=", "not below"),
    }.get(check.name, (None, "", ""))
    if bound is None:
        raise ValueError(f"{column}: the check '{check.name}' has no SQL form; add one to _check_rule")
    return _bound_rule(column, sign, bound, word)


def _bound_rule(column: str, sign: str, bound: pd.Timestamp | date | float, word: str) -> RowRule:
    if isinstance(bound, date):
        kind = "TIMESTAMPTZ" if isinstance(bound, pd.Timestamp) else "DATE"
        return RowRule(column, f"\"{column}\" {sign} {kind} '{bound}'", f"{column}: {word} {bound:%Y-%m-%d}")
    return RowRule(column, f'"{column}" {sign} {bound}', f"{column}: {word} {bound:g}")
