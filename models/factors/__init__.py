"""Reaction factors: how a customer behaves and responds, one row a customer, as of one day.

A family is one file of this folder that exports `FAMILY`. It is computed from the rollups alone (demographics: from
the customers' master data), with nothing later than `as_of`, as Ibis expressions that mean the same on every engine:
`nullif` before a division, no implicit float to int, no aggregate that depends on the order of rows, dates instead of
timestamps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Literal

import ibis
from ibis import _

from models.factor_sums import SummedFamily, compute_from_sums

if TYPE_CHECKING:
    from models.rollups import Rollups

CUSTOMER_INITIATED = _.events - _.emails_sent - _.ads_seen
"""What customers did themselves on a day of `activity`: all but e-mails sent to them and ads they saw."""

CUSTOMER_COLUMNS = {
    "first_seen": "timestamp('UTC')",
    "acquisition_channel": "string",
    "acquisition_cost": "float64",
    "country": "string",
    "attributes": "string",
}
"""Master data that factors may be computed from, with their types; a table of customers need not have them."""

ASKED_FOR = {
    "visits": "`visits_7d`, `visits_30d`, `visits_90d`, `visits_180d`",
    "session_time": "`session_duration_mean`",
    "device": "`mobile_share`",
    "six_month_purchases": "`orders_180d`",
    "last_contact": "`days_since_last_activity`",
    "customer_id": "the key of every row of `features`, beside `as_of`",
}
"""Fields that shops ask for by these names, and the factors that hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One column of `features`, in words.

    Attributes:
        name: the column.
        meaning: what it tells about a customer.
        unit: days, orders, money (the shop's currency), share (0–1), …
        formula: how it is computed, in words.
        window: the days before and including `as_of` that count, or None for the whole lifetime.
        missing: what a customer without any such behaviour has; None leaves it unknown (null).
    """

    name: str
    meaning: str
    unit: str
    formula: str
    window: int | None = None
    missing: float | None = None

    def describe(self) -> str:
        """Meaning, unit and formula in one line."""
        return f"{self.meaning} ({self.unit}): {self.formula}"


@dataclass(frozen=True, slots=True)
class Family:
    """Factors that are computed together, in a pass of their own; those that need none are a `SummedFamily`.

    `compute(rollups, as_of)` returns one row a customer_id with the family's columns; customers it knows
    nothing of may be left out. A family that `reads` customers is given their master data in place of the rollups,
    one row each with `CUSTOMER_COLUMNS`, all null where nothing was on record by `as_of`.
    """

    name: str
    factors: tuple[Factor, ...]
    compute: Callable[[Any, date], ibis.Table]
    reads: Literal["rollups", "customers"] = "rollups"


AnyFamily = Family | SummedFamily


def load_families() -> dict[str, AnyFamily]:
    """Every family of this folder by name, in the order of their files.

    Raises:
        ValueError: two families declare the same factor.
    """
    modules = (import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__))
    families = {module.FAMILY.name: module.FAMILY for module in modules}
    owners: dict[str, str] = {}
    for family in families.values():
        for factor in family.factors:
            owner = owners.setdefault(factor.name, family.name)
            if owner != family.name:
                both = f"'{owner}' and '{family.name}'"
                raise ValueError(f"factor '{factor.name}' is declared by the families {both}: rename one")
    return families


def list_factors() -> tuple[Factor, ...]:
    """Every factor, in the order of the columns of `compute_factors`."""
    return tuple(factor for family in load_families().values() for factor in family.factors)


def compute_factors(
    rollups: Rollups,
    *,
    as_of: date,
    customers: ibis.Table,
    own: Sequence[Family] = (),
    keep: Callable[[ibis.Table], ibis.Table] = lambda part: part,
) -> ibis.Table:
    """The reaction factors of `customers` at the end of `as_of`.

    Args:
        rollups: rows later than `as_of` are not looked at.
        as_of: the last whole day taken into account.
        customers: a table with `customer_id`, each once, and any of `CUSTOMER_COLUMNS`.
        own: families beside those of this folder, such as a configuration's.
        keep: computes a part of the whole, one row a customer, before the next: an engine asked for all at once needs
            the memory of all at once. As it is, nothing is computed here.

    Returns:
        One row for each row of `customers`: customer_id and every factor as float64. Customers without the
        behaviour have the factor's `missing`.
    """
    families = (*load_families().values(), *own)
    readable = {"rollups": rollups, "customers": _select_known(customers, as_of)}
    summed = [family for family in families if isinstance(family, SummedFamily)]
    tables = list(compute_from_sums(summed, rollups, as_of=as_of))
    for family in families:
        if isinstance(family, Family):
            columns = family.compute(readable[family.reads], as_of)
            tables.append(columns.select("customer_id", *(factor.name for factor in family.factors)))
    features = customers.select("customer_id")
    for place, columns in enumerate(tables):
        features = features.left_join(keep(columns), "customer_id", rname=f"{{name}}_{place}")
    factors = [factor for family in families for factor in family.factors]
    return features.select("customer_id", **{factor.name: _fill_missing(factor) for factor in factors})


def describe_factors() -> str:
    """Every factor as markdown, one table a family: meaning, unit, formula, window, value without data."""
    sections = ["# Reaction factors\n", "| asked for as | stands in |", "|---|---|"]
    sections += [f"| `{field}` | {factors} |" for field, factors in ASKED_FOR.items()]
    sections.append("")
    for family in load_families().values():
        sections.append(f"## {family.name.capitalize()}\n")
        sections.append("| factor | meaning | unit | formula | window | without data |")
        sections.append("|---|---|---|---|---|---|")
        sections.extend(_describe_factor(factor) for factor in family.factors)
        sections.append("")
    return "\n".join(sections)


def _select_known(customers: ibis.Table, as_of: date) -> ibis.Table:
    """Their master data as it could be known at `as_of`: nothing of those first seen later (days are UTC's)."""
    given = {
        name: customers[name] if name in customers.columns else ibis.null(kind)
        for name, kind in CUSTOMER_COLUMNS.items()
    }
    complete = customers.select("customer_id", **given)
    on_record = (complete.first_seen.date() <= ibis.date(as_of)).fill_null(True)
    return complete.select(
        "customer_id",
        **{
            name: on_record.ifelse(complete[name], ibis.null(kind)) for name, kind in CUSTOMER_COLUMNS.items()
        },
    )


def select_window(table: ibis.Table, as_of: date, *columns: str, days: int | None = None) -> ibis.Table:
    """Rows of a rollup up to and including `as_of`, at most `days` old: customer_id, day and `columns`."""
    # Families that name their columns share no subquery, which an engine would keep whole in memory.
    known = table.filter(_.day <= as_of).select("customer_id", "day", *columns)
    return known if days is None else known.filter(in_last(days, as_of))


def in_last(days: int, as_of: date, *, day: ibis.Deferred = _.day) -> ibis.Deferred:
    """Whether `day` is one of the last `days` days, `as_of` included."""
    return day > as_of - timedelta(days=days)


def _fill_missing(factor: Factor) -> ibis.Deferred:
    value = _[factor.name].cast("float64")
    return value if factor.missing is None else value.coalesce(factor.missing)


def _describe_factor(factor: Factor) -> str:
    window = "lifetime" if factor.window is None else f"{factor.window} days"
    missing = "unknown" if factor.missing is None else f"{factor.missing:g}"
    return f"| `{factor.name}` | {factor.meaning} | {factor.unit} | {factor.formula} | {window} | {missing} |"
