"""The contract of every table that is delivered: its columns, their types and what a good row is.

The pandera models are the one source. From them come the column types a source is cast to, the row rules that run
in the engine (`row_rules`) and, with those of `models/derived_schemas.py`, the check of every batch that is written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa

Timestamp = Annotated[pd.DatetimeTZDtype, "us", "UTC"]
EARLIEST = pd.Timestamp("1990-01-01", tz="UTC")

EVENT_KINDS = (
    "session", "page_view", "product_view", "search", "add_to_cart", "checkout", "purchase", "refund",
    "email_sent", "email_open", "email_click", "email_unsubscribe", "push_open", "ad_impression", "ad_click",
    "review", "like", "share", "comment", "support_ticket", "complaint", "store_visit", "registration",
    "form_submit", "subscription", "survey",
)  # fmt: skip


class Table(pa.DataFrameModel):
    """Columns exactly as declared, nothing coerced."""

    class Config:
        strict = True
        ordered = True


class Events(Table):
    """What a customer did, or what was sent to them. `value` is money, or the 0–10 answer of a `survey`."""

    source: str
    event_id: str
    customer_id: str
    occurred_at: Timestamp = pa.Field(ge=EARLIEST)
    kind: str
    value: float = pa.Field(ge=0, nullable=True)
    margin: float = pa.Field(nullable=True)
    order_id: str = pa.Field(nullable=True)
    quantity: float = pa.Field(ge=0, nullable=True)
    discount: float = pa.Field(ge=0, nullable=True)
    category: str = pa.Field(nullable=True)
    session_id: str = pa.Field(nullable=True)
    duration_s: float = pa.Field(ge=0, nullable=True)
    device: str = pa.Field(nullable=True)
    channel: str = pa.Field(nullable=True)
    campaign_id: str = pa.Field(nullable=True)


class Customers(Table):
    """Who they are, as far as the shop knows. Consent is true, false, or never asked (null)."""

    customer_id: str
    first_seen: Timestamp = pa.Field(ge=EARLIEST, nullable=True)
    acquisition_channel: str = pa.Field(nullable=True)
    acquisition_cost: float = pa.Field(ge=0, nullable=True)
    country: str = pa.Field(nullable=True)
    consent_profiling: pd.BooleanDtype = pa.Field(nullable=True)
    consent_marketing: pd.BooleanDtype = pa.Field(nullable=True)
    attributes: str = pa.Field(nullable=True)


class Identities(Table):
    """Which hashed key belongs to which customer."""

    key_kind: str
    key_hash: str
    customer_id: str


class Campaigns(Table):
    """What was sent, when, and what it was meant to move."""

    campaign_id: str
    name: str
    channel: str = pa.Field(nullable=True)
    starts_at: Timestamp = pa.Field(ge=EARLIEST)
    ends_at: Timestamp = pa.Field(ge=EARLIEST)
    primary_metric: str = pa.Field(nullable=True)
    control_share: float = pa.Field(ge=0, le=1, nullable=True)


class Assignments(Table):
    """Who was in which arm of a campaign, in the segment they had when they were assigned."""

    campaign_id: str
    customer_id: str
    arm: str
    assigned_at: Timestamp = pa.Field(ge=EARLIEST)
    segment_id: pd.Int64Dtype = pa.Field(nullable=True)
    model_version: str = pa.Field(nullable=True)


class Costs(Table):
    """What a campaign cost on a day, in the shop's currency."""

    campaign_id: str
    arm: str
    day: pa.Date
    amount: float = pa.Field(ge=0)


SCHEMAS: dict[str, type[Table]] = {
    "events": Events,
    "customers": Customers,
    "identities": Identities,
    "campaigns": Campaigns,
    "assignments": Assignments,
    "costs": Costs,
}
PERSON_TABLES = ("events", "customers", "assignments")
UPSERT_KEYS = {
    "events": ("source", "event_id"),
    "customers": ("customer_id",),
    "campaigns": ("campaign_id",),
    "assignments": ("campaign_id", "customer_id", "arm"),
    "costs": ("campaign_id", "arm", "day"),
}


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


@dataclass(frozen=True, slots=True)
class RowRule:
    """A SQL condition that is true for a bad row, and the reason to give."""

    column: str
    broken: str
    reason: str


def row_rules(table: str, *, kinds: Iterable[str] = EVENT_KINDS) -> tuple[RowRule, ...]:
    """The contract of a table as SQL over its typed columns and a parameter `$latest`, the latest believable time.

    A column that must not be empty, a number that is not finite, a value out of range, a time in the future and
    an event kind nobody declared each give one rule. The rules are read off the pandera model.
    """
    schema = SCHEMAS[table].to_schema()
    rules: list[RowRule] = []
    for column in list_columns(table):
        if not column.nullable and column.name != "customer_id":
            rules.append(RowRule(column.name, f'"{column.name}" IS NULL', f"{column.name}: missing"))
        if column.type == "DOUBLE":
            rules.append(
                RowRule(column.name, f'NOT isfinite("{column.name}")', f"{column.name}: not a finite number")
            )
        if column.type == "TIMESTAMPTZ" and column.name not in ("starts_at", "ends_at"):
            rules.append(
                RowRule(column.name, f'"{column.name}" > $latest', f"{column.name}: lies in the future")
            )
        rules += [_range_rule(column.name, check) for check in schema.columns[column.name].checks]
    if table == "events":
        known = ", ".join(f"'{kind}'" for kind in sorted(kinds))
        rules.append(RowRule("kind", f'"kind" NOT IN ({known})', "kind: unknown"))
    return tuple(rules)


def _range_rule(column: str, check: Any) -> RowRule:
    if check.name == "greater_than_or_equal_to":
        bound, sign, word = check.statistics["min_value"], "<", "below"
    elif check.name == "less_than_or_equal_to":
        bound, sign, word = check.statistics["max_value"], ">", "above"
    else:
        raise ValueError(f"{column}: the check '{check.name}' has no SQL form; add one to _range_rule")
    if isinstance(bound, pd.Timestamp):
        return RowRule(
            column, f"\"{column}\" {sign} TIMESTAMPTZ '{bound}'", f"{column}: {word} {bound:%Y-%m-%d}"
        )
    return RowRule(column, f'"{column}" {sign} {bound}', f"{column}: {word} {bound:g}")
