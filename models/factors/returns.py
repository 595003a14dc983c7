"""Returns: how much of what a customer bought goes back."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import count_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor
from models.shrinkage import Rate


def sum_returns(as_of: date) -> Sums:
    """Share of the revenue that was refunded, at most 1.

    Refunds are taken from the day they fell on, not from their order: that may be older than `as_of` and the
    refund younger. Trials are the days with a purchase, successes the refunded share of them.
    """
    del as_of  # of the whole lifetime
    refunded_days = (_.purchase_days * _.refunded / _.received.nullif(0.0)).coalesce(0.0)
    return Sums(
        by_customer={
            "received": _.revenue.sum(),
            "refunded": _.refund_value.sum(),
            "purchase_days": count_if(_.revenue > 0),
        },
        rates={"return_rate": Rate(refunded_days, _.purchase_days)},
    )


FAMILY = SummedFamily(
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
    activity=sum_returns,
)
