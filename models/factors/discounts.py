"""Discounts: how much of a customer's buying waits for a price cut."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, count_if, select_window, shrink_rates

if TYPE_CHECKING:
    from models.rollups import Rollups


def compute_discounts(rollups: Rollups, as_of: date) -> ibis.Table:
    """Share of the list price taken off, and share of orders with a discount.

    Of the first, trials are the orders and successes the share taken off each, were it the same for all.
    """
    counts = (
        select_window(rollups.orders, as_of, "revenue", "discount")
        .group_by("customer_id")
        .aggregate(
            revenue=_.revenue.sum(),
            discount=_.discount.sum(),
            discounted=count_if(_.discount > 0),
            orders=_.count().cast("float64"),
        )
    )
    counts = counts.mutate(
        priced=((_.revenue + _.discount) > 0).ifelse(_.orders, 0.0),
        taken_off=(_.orders * _.discount / (_.revenue + _.discount).nullif(0.0)).coalesce(0.0),
    )
    return shrink_rates(
        counts, discount_share=("taken_off", "priced"), discount_order_rate=("discounted", "orders")
    )


FAMILY = Family(
    name="discounts",
    factors=(
        Factor(
            name="discount_share",
            meaning="how much of the price was taken off",
            unit="share",
            formula="discount ÷ (revenue + discount), shrunk towards all customers' rate with the orders as trials",
        ),
        Factor(
            name="discount_order_rate",
            meaning="how often the customer buys at a discount",
            unit="share",
            formula="orders with a discount ÷ orders, shrunk towards all customers' rate",
        ),
    ),
    compute=compute_discounts,
)
