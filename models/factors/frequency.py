"""Frequency: how often a customer orders, visits and shows up at all."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import count_if
from models.factor_sums import SummedFamily, Sums
from models.factors import CUSTOMER_INITIATED, Factor, in_last

ORDER_WINDOWS = (30, 90, 180)
VISIT_WINDOWS = (7, 30, 90, 180)


def sum_active_days(as_of: date) -> Sums:
    """On how many days customers showed up."""
    return Sums({"active_days_90d": count_if((CUSTOMER_INITIATED > 0) & in_last(90, as_of))})


def sum_orders(as_of: date) -> Sums:
    """Counts of orders, by window."""
    counts = {f"orders_{days}d": count_if(in_last(days, as_of)) for days in ORDER_WINDOWS}
    return Sums(counts | {"orders_lifetime": _.count().cast("float64")})


def sum_visits(as_of: date) -> Sums:
    """Counts of sessions, by window."""
    return Sums({f"visits_{days}d": count_if(in_last(days, as_of)) for days in VISIT_WINDOWS})


FAMILY = SummedFamily(
    name="frequency",
    factors=(
        *(
            Factor(
                name=f"orders_{days}d",
                meaning="how often the customer orders",
                unit="orders",
                formula="number of orders",
                window=days,
                missing=0.0,
            )
            for days in ORDER_WINDOWS
        ),
        Factor(
            name="orders_lifetime",
            meaning="how often the customer has ordered in all",
            unit="orders",
            formula="number of orders",
            missing=0.0,
        ),
        Factor(
            name="active_days_90d",
            meaning="on how many days the customer showed up",
            unit="days",
            formula="number of days with any event but e-mails sent and ads seen",
            window=90,
            missing=0.0,
        ),
        *(
            Factor(
                name=f"visits_{days}d",
                meaning="how often the customer visits",
                unit="sessions",
                formula="number of sessions",
                window=days,
                missing=0.0,
            )
            for days in VISIT_WINDOWS
        ),
    ),
    activity=sum_active_days,
    orders=sum_orders,
    sessions=sum_visits,
)
