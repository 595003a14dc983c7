"""Trend: whether a customer is warming up or cooling down."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import CUSTOMER_INITIATED, Factor, Family, count_if, in_last, select_window, sum_if

if TYPE_CHECKING:
    from models.rollups import Rollups

RECENT = 30
BEFORE = 90
WINDOW = RECENT + BEFORE


def compute_trend(rollups: Rollups, as_of: date) -> ibis.Table:
    """Change of daily revenue and of active days, the last 30 days against the 90 before: from −1 to 1."""
    recent = in_last(RECENT, as_of)
    before = ~recent
    active = CUSTOMER_INITIATED > 0
    means = (
        select_window(rollups.activity, as_of, "events", "emails_sent", "ads_seen", "revenue", days=WINDOW)
        .group_by("customer_id")
        .aggregate(
            revenue_recent=sum_if(recent, _.revenue) / float(RECENT),
            revenue_before=sum_if(before, _.revenue) / float(BEFORE),
            activity_recent=count_if(recent & active) / float(RECENT),
            activity_before=count_if(before & active) / float(BEFORE),
        )
    )
    priors = means.aggregate(
        revenue_prior=(_.revenue_recent + _.revenue_before).mean(),
        activity_prior=(_.activity_recent + _.activity_before).mean(),
    )
    return means.cross_join(priors).select(
        "customer_id",
        trend_revenue=_damped_change(_.revenue_recent, _.revenue_before, prior=_.revenue_prior),
        trend_activity=_damped_change(_.activity_recent, _.activity_before, prior=_.activity_prior),
    )


def _damped_change(recent: ibis.Deferred, before: ibis.Deferred, *, prior: ibis.Deferred) -> ibis.Deferred:
    return ((recent - before) / (recent + before + prior).nullif(0.0)).coalesce(0.0)


_FORMULA = (
    "(r − b) ÷ (r + b + prior) with the daily means r of the last 30 days and b of the 90 days before; the "
    "prior, the mean of r + b over all customers seen in that time, keeps a few events from reading as a boom"
)

FAMILY = Family(
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
    compute=compute_trend,
)
