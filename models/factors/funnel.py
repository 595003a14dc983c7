"""Funnel: how far a customer goes from looking to buying."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import count_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last
from models.shrinkage import Rate

WINDOW = 180


def sum_funnel(as_of: date) -> Sums:
    """Rates from product view to cart, from cart to checkout, and of carts left behind.

    A purchase event is an order or one of its lines, so carts left behind are counted in days.
    """
    recent = in_last(WINDOW, as_of)
    filled = (_.carts > 0) & recent
    return Sums(
        by_customer={
            "products_seen": _.product_views.sum(where=recent),
            "carts_filled": _.carts.sum(where=recent),
            "checkouts_begun": _.checkouts.sum(where=recent),
            "cart_days": count_if(filled),
            "abandoned_days": count_if(filled & (_.purchases == 0)),
        },
        rates={
            "cart_rate": Rate(_.carts_filled, _.products_seen),
            "checkout_rate": Rate(_.checkouts_begun, _.carts_filled),
            "cart_abandonment": Rate(_.abandoned_days, _.cart_days),
        },
    )


FAMILY = SummedFamily(
    name="funnel",
    factors=(
        Factor(
            name="cart_rate",
            meaning="how readily looking turns into wanting",
            unit="share",
            formula="additions to the cart ÷ product views, shrunk towards all customers' rate",
            window=WINDOW,
        ),
        Factor(
            name="checkout_rate",
            meaning="how readily a cart is taken to the checkout",
            unit="share",
            formula="checkouts ÷ additions to the cart, shrunk towards all customers' rate",
            window=WINDOW,
        ),
        Factor(
            name="cart_abandonment",
            meaning="how often a cart is left behind",
            unit="share",
            formula="days with a cart and no purchase ÷ days with a cart, shrunk towards all customers' rate",
            window=WINDOW,
        ),
    ),
    activity=sum_funnel,
)
