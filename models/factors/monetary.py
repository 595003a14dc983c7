"""Monetary: what a customer spends, in all and on an order."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, in_last, select_window, sum_if

if TYPE_CHECKING:
    from models.rollups import Rollups

REVENUE_WINDOWS = (30, 90, 180)


def compute_monetary(rollups: Rollups, as_of: date) -> ibis.Table:
    """Revenue of each customer by window, before refunds, and the size of an order in money and in pieces."""
    spent = (
        select_window(rollups.orders, as_of, "revenue", "quantity")
        .group_by("customer_id")
        .aggregate(
            **{f"revenue_{days}d": sum_if(in_last(days, as_of), _.revenue) for days in REVENUE_WINDOWS},
            revenue_lifetime=_.revenue.sum(),
            orders=_.count().cast("float64"),
            quantity=_.quantity.sum(),
        )
    )
    return spent.mutate(
        aov=spent.revenue_lifetime / spent.orders.nullif(0.0),
        # A source that tells no quantities rolls up to 0 pieces: unknown, not an empty basket.
        basket_size=spent.quantity.nullif(0.0) / spent.orders.nullif(0.0),
    )


FAMILY = Family(
    name="monetary",
    factors=(
        *(
            Factor(
                name=f"revenue_{days}d",
                meaning="what the customer spends",
                unit="money",
                formula="sum of what was paid for orders, before refunds",
                window=days,
                missing=0.0,
            )
            for days in REVENUE_WINDOWS
        ),
        Factor(
            name="revenue_lifetime",
            meaning="what the customer has spent in all",
            unit="money",
            formula="sum of what was paid for orders, before refunds",
            missing=0.0,
        ),
        Factor(
            name="aov",
            meaning="average order value",
            unit="money an order",
            formula="revenue ÷ orders",
        ),
        Factor(
            name="basket_size",
            meaning="how much goes into one order",
            unit="pieces an order",
            formula="quantity ÷ orders; unknown where no order has a quantity",
        ),
    ),
    compute=compute_monetary,
)
