"""Returns: how much of what a customer bought goes back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, count_if, select_window, shrink_rates

if TYPE_CHECKING:
    from models.rollups import Rollups


def compute_returns(rollups: Rollups, as_of: date) -> ibis.Table:
    """Share of the revenue that was refunded, at most 1.

    Refunds are taken from the day they fell on, not from their order: that may be older than `as_of` and the
    refund younger. Trials are the days with a purchase, successes the refunded share of them.
    """
    totals = (
        select_window(rollups.activity, as_of, "revenue", "refund_value")
        .group_by("customer_id")
        .aggregate(
            revenue=_.revenue.sum(),
            refunded=_.refund_value.sum(),
            purchase_days=count_if(_.revenue > 0),
        )
    )
    returned = totals.mutate(
        returned_days=(_.purchase_days * _.refunded / _.revenue.nullif(0.0)).coalesce(0.0)
    )
    return shrink_rates(returned, return_rate=("returned_days", "purchase_days"))


FAMILY = Family(
    name="returns",
    factors=(
        Factor(
            name="return_rate",
            meaning="how much of what was bought goes back",
            unit="share",
            formula=(
                "refund value ÷ revenue, at most 1, shrunk towards all customers' rate with the days with a "
                "purchase as trials"
            ),
        ),
    ),
    compute=compute_returns,
)
