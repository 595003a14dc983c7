"""Recency: how long ago a customer was last seen, and first."""

from __future__ import annotations

from datetime import date

import ibis
from ibis import _

from models.factor_sums import SummedFamily, Sums
from models.factors import CUSTOMER_INITIATED, Factor


def sum_recency(as_of: date) -> Sums:
    """Days from a customer's first and last activity, and from the last purchase, to `as_of`."""
    active, today = CUSTOMER_INITIATED > 0, ibis.date(as_of)
    return Sums(
        by_customer={
            "first_active": _.day.min(where=active),
            "last_active": _.day.max(where=active),
            "last_purchase": _.day.max(where=_.purchases > 0),
        },
        values={
            "days_since_last_activity": -_.last_active.delta(today, unit="day"),
            "days_since_last_purchase": -_.last_purchase.delta(today, unit="day"),
            "tenure_days": -_.first_active.delta(today, unit="day"),
        },
    )


FAMILY = SummedFamily(
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
    activity=sum_recency,
)
