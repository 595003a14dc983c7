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

if TYPE_CHECKING:
    from models.rollups import Rollups

CUSTOMER_INITIATED = _.events - _.emails_sent - _.ads_seen
"""What customers did themselves on a day of `activity`: all but e-mails sent to them and ads they saw."""

PRIOR_TRIALS = 10.0
"""How many trials the population's rate counts for where the data cannot tell."""

PRIOR_TRIALS_RANGE = (2.0, 200.0)
"""How few and how many it may count for."""


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
    """Factors that are computed together.

    `compute(rollups, as_of)` returns one row a customer_id with the family's columns; customers it knows
    nothing of may be left out. A family that `reads` customers is given their master data in place of the rollups,
    one row each with `CUSTOMER_COLUMNS`, all null where nothing was on record by `as_of`.
    """

    name: str
    factors: tuple[Factor, ...]
    compute: Callable[[Any, date], ibis.Table]
    reads: Literal["rollups", "customers"] = "rollups"


def load_families() -> dict[str, Family]:
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
    rollups: Rollups, *, as_of: date, customers: ibis.Table, own: Sequence[Family] = ()
) -> ibis.Table:
    """The reaction factors of `customers` at the end of `as_of`.

    Args:
        rollups: rows later than `as_of` are not looked at.
        as_of: the last whole day taken into account.
        customers: a table with `customer_id`, each once, and any of `CUSTOMER_COLUMNS`.
        own: families beside those of this folder, such as a configuration's.

    Returns:
        One row for each row of `customers`: customer_id and every factor as float64. Customers without the
        behaviour have the factor's `missing`.
    """
    families = (*load_families().values(), *own)
    readable = {"rollups": rollups, "customers": _select_known(customers, as_of)}
    features = customers.select("customer_id")
    for family in families:
        columns = family.compute(readable[family.reads], as_of)
        columns = columns.select("customer_id", *(factor.name for factor in family.factors))
        features = features.left_join(columns, "customer_id", rname=f"{{name}}_{family.name}")
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


def count_if(condition: ibis.Deferred) -> ibis.Deferred:
    """How many rows hold `condition`, as float64."""
    # Whole numbers made floats: to some engines a literal 1.0 is a decimal, whose quotients are cut short.
    return condition.ifelse(1, 0).cast("float64").sum()


def sum_if(condition: ibis.Deferred, value: ibis.Deferred) -> ibis.Deferred:
    """The sum of `value` over the rows that hold `condition`; 0 where none does."""
    return condition.ifelse(value, 0.0).sum()


def shrink_rates(counts: ibis.Table, **rates: tuple[str, str]) -> ibis.Table:
    """Add each customer's rates, successes ÷ trials, drawn towards the population's rate p.

    A customer's own rate counts for as much as their trials, the population's for m trials:
    (successes + m·p) ÷ (trials + m), so that one success in one trial does not read as 100 %.

    Args:
        counts: one row a customer, the whole population.
        rates: new column = (successes, trials), columns of `counts` ≥ 0. Successes beyond the trials are not
            counted.

    Returns:
        `counts` with the new columns; null for customers without a trial.
    """
    shrunk = counts
    for name, (successes, trials) in rates.items():
        hits = ibis.least(_[successes], _[trials])
        rate = (hits + _.prior_trials * _.prior_rate) / (_[trials].nullif(0.0) + _.prior_trials)
        prior = _estimate_prior(counts, hits=hits, trials=_[trials])
        shrunk = shrunk.cross_join(prior).select(*shrunk.columns, rate.name(name))
    return shrunk


def _estimate_prior(counts: ibis.Table, *, hits: ibis.Deferred, trials: ibis.Deferred) -> ibis.Table:
    """One row with p as `prior_rate` and m as `prior_trials`, float64.

    The more customers really differ, the smaller m: m = 1/ρ − 1, with the intraclass correlation ρ of the
    beta-binomial model by moments (Kleinman 1973, "Proportions with extraneous variance", JASA 68; weights
    proportional to trials), kept within `PRIOR_TRIALS_RANGE`; `PRIOR_TRIALS` where nobody has a second trial
    to tell ρ from. Rounded to whole trials, so that the order in which an engine adds floats cannot show.
    """
    sums = counts.aggregate(
        hits=hits.sum(),
        trials=trials.sum(),
        squares=(trials * trials).sum(),
        spread=(hits * hits / trials.nullif(0.0)).sum(),
        customers=count_if(trials > 0),
    )
    rate = _.hits / _.trials.nullif(0.0)
    # Squared distances from p, weighted by trials, in units of p(1 − p): as seen, by chance, added by ρ = 1.
    seen = (_.spread - _.hits * rate) / (rate * (1.0 - rate)).nullif(0.0)
    by_chance = _.customers - 1.0
    room = _.trials - _.squares / _.trials.nullif(0.0) - by_chance
    # Each term stands once: engines repeat what a name stands for, and plan it again each time.
    correlation = ((seen - by_chance) / room.nullif(0.0)).coalesce(1.0 / (1.0 + PRIOR_TRIALS))
    low, high = PRIOR_TRIALS_RANGE
    strength = 1.0 / ibis.greatest(correlation, 1.0 / (1.0 + high)) - 1.0
    return sums.select(prior_rate=rate, prior_trials=ibis.greatest(strength, low).round().cast("float64"))


def _fill_missing(factor: Factor) -> ibis.Deferred:
    value = _[factor.name].cast("float64")
    return value if factor.missing is None else value.coalesce(factor.missing)


def _describe_factor(factor: Factor) -> str:
    window = "lifetime" if factor.window is None else f"{factor.window} days"
    missing = "unknown" if factor.missing is None else f"{factor.missing:g}"
    return f"| `{factor.name}` | {factor.meaning} | {factor.unit} | {factor.formula} | {window} | {missing} |"
