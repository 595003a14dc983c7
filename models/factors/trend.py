"""Trend: whether a customer is warming up or cooling down."""

from __future__ import annotations

from datetime import date

import ibis
from ibis import _

from models.aggregates import count_if, sum_if
from models.factor_sums import SummedFamily, Sums
from models.factors import CUSTOMER_INITIATED, Factor, in_last

RECENT = 30
BEFORE = 90
WINDOW = RECENT + BEFORE


def sum_trend(as_of: date) -> Sums:
    """Change of daily revenue and of active days, the last 30 days against the 90 before: from −1 to 1."""
    seen, recent = in_last(WINDOW, as_of), in_last(RECENT, as_of)
    before, active = seen & ~recent, CUSTOMER_INITIATED > 0
    return Sums(
        by_customer={
            "revenue_recent": sum_if(recent, _.revenue) / float(RECENT),
            "revenue_before": sum_if(before, _.revenue) / float(BEFORE),
            "activity_recent": count_if(recent & active) / float(RECENT),
            "activity_before": count_if(before & active) / float(BEFORE),
            "days_seen": count_if(seen),
        },
        everyone={
            "revenue_prior": (_.revenue_recent + _.revenue_before).mean(where=_.days_seen > 0),
            "activity_prior": (_.activity_recent + _.activity_before).mean(where=_.days_seen > 0),
        },
        values={
            "trend_revenue": _damped_change(_.revenue_recent, _.revenue_before, prior=_.revenue_prior),
            "trend_activity": _damped_change(_.activity_recent, _.activity_before, prior=_.activity_prior),
        },
    )


def _damped_change(recent: ibis.Deferred, before: ibis.Deferred, *, prior: ibis.Deferred) -> ibis.Deferred:
    return ((recent - before) / (recent + before + prior).nullif(0.0)).coalesce(0.0)


_FORMULA = (
    "(r − b) ÷ (r + b + prior) with the daily means r of the last 30 days and b of the 90 days before; the "
    "prior, the mean of r + b over all customers seen in that time, keeps a few events from reading as a boom"
)

FAMILY = SummedFamily(
    name="trend",
    factors=(
        Factor(
            name="trend_revenue",
            meaning="whether spending grows (towards 1) or fades (towards −1)",
            unit="change between −1 and 1",
            formula=f"{_FORMULA}; of revenue",
            window=WINDOW,
            missing=0.0,
        ),
        Factor(
            name="trend_activity",
            meaning="whether the customer shows up more (towards 1) or less (towards −1)",
            unit="change between −1 and 1",
            formula=f"{_FORMULA}; of days with any event but e-mails sent and ads seen",
            window=WINDOW,
            missing=0.0,
        ),
    ),
    activity=sum_trend,
)
