"""Funnel: how far a customer goes from looking to buying."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, count_if, select_window, shrink_rates

if TYPE_CHECKING:
    from models.rollups import Rollups

WINDOW = 180


def compute_funnel(rollups: Rollups, as_of: date) -> ibis.Table:
    """Rates from product view to cart, from cart to checkout, and of carts left behind.

    A purchase event is an order or one of its lines, so carts left behind are counted in days.
    """
    counts = (
        select_window(
            rollups.activity, as_of, "product_views", "carts", "checkouts", "purchases", days=WINDOW
        )
        .group_by("customer_id")
        .aggregate(
            views=_.product_views.sum(),
            carts=_.carts.sum(),
            checkouts=_.checkouts.sum(),
            cart_days=count_if(_.carts > 0),
            abandoned_days=count_if((_.carts > 0) & (_.purchases == 0)),
        )
    )
    return shrink_rates(
        counts,
        cart_rate=("carts", "views"),
        checkout_rate=("checkouts", "carts"),
        cart_abandonment=("abandoned_days", "cart_days"),
    )


FAMILY = Family(
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
    compute=compute_funnel,
)
