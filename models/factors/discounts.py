"""Discounts: how much of a customer's buying waits for a price cut."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import count_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor
from models.shrinkage import Rate


def sum_discounts(as_of: date) -> Sums:
    """Share of the list price taken off, and share of orders with a discount.

    Of the first, trials are the orders and successes the share taken off each, were it the same for all.
    """
    del as_of  # of the whole lifetime
    listed = _.list_price.nullif(0.0)
    return Sums(
        by_customer={
            "list_price": (_.revenue + _.discount).sum(),
            "taken_off": _.discount.sum(),
            "discounted_orders": count_if(_.discount > 0),
            "orders_in_all": _.count().cast("float64"),
        },
        rates={
            "discount_share": Rate(
                successes=(_.orders_in_all * _.taken_off / listed).coalesce(0.0),
                trials=(_.list_price > 0).ifelse(_.orders_in_all, 0.0),
            ),
            "discount_order_rate": Rate(_.discounted_orders, _.orders_in_all),
        },
    )


FAMILY = SummedFamily(
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
    orders=sum_discounts,
)
