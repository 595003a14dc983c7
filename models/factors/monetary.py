"""Monetary: what a customer spends, in all and on an order."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import sum_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last

REVENUE_WINDOWS = (30, 90, 180)


def sum_monetary(as_of: date) -> Sums:
    """Revenue of each customer by window, before refunds, and the size of an order in money and in pieces."""
    orders = _.orders_paid.nullif(0.0)
    return Sums(
        by_customer={
            **{f"revenue_{days}d": sum_if(in_last(days, as_of), _.revenue) for days in REVENUE_WINDOWS},
            "revenue_lifetime": _.revenue.sum(),
            "orders_paid": _.count().cast("float64"),
            "pieces": _.quantity.sum(),
        },
        values={
            "aov": _.revenue_lifetime / orders,
            # A source that tells no quantities rolls up to 0 pieces: unknown, not an empty basket.
            "basket_size": _.pieces.nullif(0.0) / orders,
        },
    )


FAMILY = SummedFamily(
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
    orders=sum_monetary,
)
