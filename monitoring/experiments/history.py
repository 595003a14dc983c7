"""What customers did before a campaign, as far as its power depends on it: one Ibis expression, a row a segment."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import ibis
from ibis import _

from monitoring.experiments import Campaign, MeasurementSettings
from monitoring.experiments.outcomes import PASSIVE_KINDS

SHARES = ("conversion", "churn")
AMOUNTS = ("revenue", "margin", "ltv")


@dataclass(frozen=True, slots=True)
class History:
    """A metric over some customers in the past.

    Attributes:
        customers: how many they are.
        mean: of the metric over all of them, whether they did anything or not; a share for conversion and churn.
        variance: of one customer's value.
        unknown: purchases and refunds whose margin nobody knows, where the metric needs it.
    """

    customers: int
    mean: float
    variance: float
    unknown: int = 0

    @property
    def deviation(self) -> float:
        """The standard deviation of one customer's value."""
        return math.sqrt(self.variance)


def measure_history(
    events: ibis.Table,
    people: ibis.Table,
    *,
    campaign: Campaign,
    until: datetime,
    settings: MeasurementSettings,
) -> ibis.Table:
    """The campaign's primary metric over the last days before `until`, as many as it will be counted over.

    Args:
        events: canonical events.
        people: columns customer_id (each once) and segment_id.
        campaign: its primary metric must be one of `SHARES` or `AMOUNTS`.
        until: end of what is known, exclusive, with timezone.
        settings: the days that make a churned customer, and the margin where events carry none.

    Returns:
        segment_id, customers, total and squares (sums of the metric and of its square, as decimals of four and
        eight places, so that they do not depend on the order of the rows), unknown; see `read_history`.
    """
    since = until - timedelta(days=count_days(campaign, settings=settings))
    recent = events.filter((_.occurred_at >= ibis.literal(since)) & (_.occurred_at < ibis.literal(until)))
    rows = _value_events(recent, campaign, settings=settings)
    did = _.value.max() if campaign.primary_metric in SHARES else _.value.sum()
    sums = rows.group_by("customer_id").aggregate(value=did, unknown=_.unknown.ifelse(1, 0).sum())
    found = people.left_join(sums, "customer_id")
    value = found.value.coalesce(0.0)
    if campaign.primary_metric == "churn":
        value = 1.0 - value
    # A ten-thousandth of the shop's currency is exact enough, and adds up to the same in whatever order.
    values = found.select("segment_id", "unknown", value=value.cast("decimal(18, 4)"))
    return values.group_by("segment_id").aggregate(
        customers=_.count(),
        total=_.value.sum().cast("decimal(38, 4)"),
        squares=(_.value * _.value).sum().cast("decimal(38, 8)"),
        unknown=_.unknown.sum().coalesce(0),
    )


def read_history(*, customers: int, total: Decimal, squares: Decimal, unknown: int) -> History:
    """One row of `measure_history`: its mean, and its variance over all, without rounding on the way."""
    mean, square = Fraction(total) / customers, Fraction(squares) / customers
    return History(customers, float(mean), float(square - mean**2), int(unknown))


def count_days(campaign: Campaign, *, settings: MeasurementSettings) -> int:
    """Days the primary metric is counted over: the campaign's own, or those that make a churned customer."""
    if campaign.primary_metric == "churn":
        return settings.churn_days
    return max((campaign.ends_at - campaign.starts_at).days, 1)


def combine_histories(histories: Iterable[History]) -> History:
    """Several groups of customers as one: the law of total variance.

    Raises:
        ValueError: there is no group.
    """
    parts = tuple(histories)
    customers = sum(part.customers for part in parts)
    if not customers:
        raise ValueError("there is nobody whose history could be combined")
    mean = math.fsum(part.customers * part.mean for part in parts) / customers
    spread = math.fsum(part.customers * (part.variance + (part.mean - mean) ** 2) for part in parts)
    return History(customers, mean, spread / customers, sum(part.unknown for part in parts))


def _value_events(recent: ibis.Table, campaign: Campaign, *, settings: MeasurementSettings) -> ibis.Table:
    """What each event adds to its customer's value, and whether it lacks the margin that is needed."""
    metric, known = campaign.primary_metric, ibis.literal(False)
    if metric == "conversion":
        happened = recent.kind == campaign.conversion_kind
        return recent.select("customer_id", value=happened.ifelse(1.0, 0.0), unknown=known)
    if metric == "churn":
        lives = recent.kind.notin(PASSIVE_KINDS)
        return recent.select("customer_id", value=lives.ifelse(1.0, 0.0), unknown=known)
    money = recent.filter(_.kind.isin(["purchase", "refund"]))
    amount = money.value if metric == "revenue" else _read_margin(money, rate=settings.margin_rate)
    # A refund takes back, whichever sign its source writes a margin with.
    signed = (money.kind == "refund").ifelse(-amount.abs(), amount)
    missing = known if metric == "revenue" else amount.isnull()
    return money.select("customer_id", value=signed.coalesce(0.0), unknown=missing)


def _read_margin(money: ibis.Table, *, rate: float | None) -> ibis.expr.types.FloatingColumn:
    return money.margin if rate is None else money.margin.coalesce(money.value * ibis.literal(rate))
