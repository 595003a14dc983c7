"""Two stationary years of a simulated shop, week by week: factors, what happened, and what each source delivered."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from models.rollups import Rollups

LAST_DAY = date(2026, 11, 15)
TIMEZONE = "Europe/Berlin"
CUSTOMERS, YEARS = 5000, 2
FILLING, CAMPAIGNS = 26, 27  # weeks until windows of 180 days are full; weeks from the first campaign on
WATCHED = 52 * YEARS


@dataclass(frozen=True, slots=True)
class ShopWeek:
    """What a shop knows at the end of a week.

    Attributes:
        as_of: the last day of the week.
        factors: one row a customer.
        sums: what key figures are computed from (`monitoring.week_profiles.ACTIVITY_SUMS`).
        has_newsletter: whether e-mails were sent in the week.
        feeds: one row a source: source, rows, mean_value.
    """

    as_of: date
    factors: pd.DataFrame
    sums: dict[str, float]
    has_newsletter: bool
    feeds: pd.DataFrame


def watch_shop(*, seed: int, customers: int = CUSTOMERS) -> Iterator[ShopWeek]:
    """The weeks of a shop in which nothing changes but the season."""
    import ibis

    from models.rollups import roll_up
    from models.simulation.shop import simulate_shop
    from tasks.weeks import read_sums, sum_activity

    weeks = FILLING + WATCHED + CAMPAIGNS
    shop = simulate_shop(customers=customers, weeks=weeks, last_day=LAST_DAY, seed=seed)
    engine = ibis.duckdb.connect()
    events = engine.create_table("events", _name_customers(shop.events))
    events = events.mutate(
        **{name: events[name].cast("string") for name in ("event_id", "order_id", "session_id")}
    )
    days = {"since": shop.first_day - timedelta(days=1), "until": shop.last_day + timedelta(days=1)}
    rolled = roll_up(events, timezone=TIMEZONE, **days)
    tables = {name: engine.create_table(name, getattr(rolled, name)) for name in rolled.__slots__}
    rollups = type(rolled)(**tables)
    first = shop.first_day + timedelta(days=7 * FILLING - 1)
    compute = _prepare_factors(engine, rollups, first)
    for week in range(1, WATCHED + 1):
        as_of = first + timedelta(weeks=week)
        sums = read_sums(sum_activity(rollups.activity, as_of=as_of))
        sent = rollups.activity.filter(rollups.activity.day > ibis.literal(as_of - timedelta(weeks=1)))
        has_newsletter = bool(sent.filter(sent.day <= ibis.literal(as_of)).emails_sent.sum().execute())
        yield ShopWeek(as_of, compute(as_of), sums, has_newsletter, _count_feeds(events, as_of))


def _name_customers(events: pd.DataFrame) -> pd.DataFrame:
    named = events.assign(customer_id=[f"c{person:06d}" for person in events["person"]])
    return named.drop(columns=[c for c in named if c.startswith("key_")] + ["person", "delivered_on"])


def _prepare_factors(engine: Any, rollups: Rollups, day: date) -> Any:
    """A function of the day: the expression is compiled once, and every date in its text moves with the day."""
    import ibis

    from models.factors import compute_factors

    seen = rollups.activity.filter(rollups.activity.day <= ibis.literal(day)).select("customer_id").distinct()
    sql = str(ibis.to_sql(compute_factors(rollups, as_of=day, customers=seen), dialect="duckdb"))
    dates = re.compile(r"MAKE_DATE\((\d+), (\d+), (\d+)\)")

    def compute(as_of: date) -> pd.DataFrame:
        def move(found: re.Match[str]) -> str:
            moved = date(*(int(part) for part in found.groups())) + (as_of - day)
            return f"MAKE_DATE({moved.year}, {moved.month}, {moved.day})"

        return engine.con.sql(dates.sub(move, sql)).df().set_index("customer_id").sort_index()

    return compute


def _count_feeds(events: Any, as_of: date) -> pd.DataFrame:
    import ibis
    from ibis import _

    from models.rollups import end_of_day

    until = end_of_day(as_of, timezone=TIMEZONE)
    week = events.filter(
        (_.occurred_at < ibis.literal(until)) & (_.occurred_at >= ibis.literal(until - timedelta(weeks=1)))
    )
    return week.group_by("source").aggregate(rows=_.count(), mean_value=_.value.mean()).to_pandas()
