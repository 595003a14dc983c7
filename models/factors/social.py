"""Social: how much a customer speaks about the shop."""

from __future__ import annotations

from datetime import date

from ibis import _

from models.aggregates import sum_if
from models.factor_sums import SummedFamily, Sums
from models.factors import Factor, in_last

WINDOW = 90


def sum_social(as_of: date) -> Sums:
    """Number of reviews, likes, shares and comments."""
    return Sums({"social_actions_90d": sum_if(in_last(WINDOW, as_of), _.social_actions)})


FAMILY = SummedFamily(
    name="social",
    factors=(
        Factor(
            name="social_actions_90d",
            meaning="how much the customer speaks about the shop",
            unit="actions",
            formula="number of reviews, likes, shares and comments",
            window=WINDOW,
            missing=0.0,
        ),
    ),
    activity=sum_social,
)
