"""Recency: how long ago a customer was last seen, and first."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import CUSTOMER_INITIATED, Factor, Family, select_window

if TYPE_CHECKING:
    from models.rollups import Rollups


def compute_recency(rollups: Rollups, as_of: date) -> ibis.Table:
    """Days from a customer's first and last activity, and from the last purchase, to `as_of`."""
    active_day = (CUSTOMER_INITIATED > 0).ifelse(_.day, ibis.null("date"))
    purchase_day = (_.purchases > 0).ifelse(_.day, ibis.null("date"))
    days = (
        select_window(rollups.activity, as_of, "events", "emails_sent", "ads_seen", "purchases")
        .group_by("customer_id")
        .aggregate(
            first_active=active_day.min(), last_active=active_day.max(), last_purchase=purchase_day.max()
        )
    )
    today = ibis.date(as_of)
    return days.select(
        "customer_id",
        days_since_last_activity=today.delta(days.last_active, unit="day"),
        days_since_last_purchase=today.delta(days.last_purchase, unit="day"),
        tenure_days=today.delta(days.first_active, unit="day"),
    )


FAMILY = Family(
    name="recency",
    factors=(
        Factor(
            name="days_since_last_activity",
            meaning="how long the customer has been silent",
            unit="days",
            formula="as_of − last day with any event but e-mails sent and ads seen",
        ),
        Factor(
            name="days_since_last_purchase",
            meaning="how long ago the customer last bought",
            unit="days",
            formula="as_of − last day with a purchase",
        ),
        Factor(
            name="tenure_days",
            meaning="how long the customer has been known",
            unit="days",
            formula="as_of − first day with any event but e-mails sent and ads seen",
        ),
    ),
    compute=compute_recency,
)
