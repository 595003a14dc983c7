"""Frequency: how often a customer orders, visits and shows up at all."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import CUSTOMER_INITIATED, Factor, Family, in_last, select_window, sum_if

if TYPE_CHECKING:
    from models.rollups import Rollups

ORDER_WINDOWS = (30, 90, 180)
VISIT_WINDOWS = (7, 30, 90, 180)


def compute_frequency(rollups: Rollups, as_of: date) -> ibis.Table:
    """Counts of orders, sessions and active days of each customer, by window."""
    orders = rollups.orders.select("customer_id", "day", orders=1.0, visits=0.0, active_days=0.0)
    visits = rollups.sessions.select("customer_id", "day", orders=0.0, visits=1.0, active_days=0.0)
    active = rollups.activity.filter(CUSTOMER_INITIATED > 0)
    active_days = active.select("customer_id", "day", orders=0.0, visits=0.0, active_days=1.0)
    return (
        select_window(ibis.union(orders, visits, active_days), as_of, "orders", "visits", "active_days")
        .group_by("customer_id")
        .aggregate(
            **{f"orders_{days}d": sum_if(in_last(days, as_of), _.orders) for days in ORDER_WINDOWS},
            orders_lifetime=_.orders.sum(),
            active_days_90d=sum_if(in_last(90, as_of), _.active_days),
            **{f"visits_{days}d": sum_if(in_last(days, as_of), _.visits) for days in VISIT_WINDOWS},
        )
    )


FAMILY = Family(
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
    compute=compute_frequency,
)
