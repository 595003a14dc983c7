"""Social: how much a customer speaks about the shop."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, select_window

if TYPE_CHECKING:
    from models.rollups import Rollups

WINDOW = 90


def compute_social(rollups: Rollups, as_of: date) -> ibis.Table:
    """Number of reviews, likes, shares and comments."""
    return (
        select_window(rollups.activity, as_of, "social_actions", days=WINDOW)
        .group_by("customer_id")
        .aggregate(social_actions_90d=_.social_actions.sum())
    )


FAMILY = Family(
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
    compute=compute_social,
)
