"""Rhythm: how long a customer waits between orders, and how regularly."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, select_window

if TYPE_CHECKING:
    from models.rollups import Rollups


def compute_rhythm(rollups: Rollups, as_of: date) -> ibis.Table:
    """Mean and relative spread of the gaps between a customer's order days.

    Order days are distinct, so that their order, and with it each gap, is the same on every engine.
    """
    days = select_window(rollups.orders, as_of).select("customer_id", "day").distinct()
    previous = days.day.lag().over(group_by=days.customer_id, order_by=days.day)
    gaps = days.mutate(previous=previous)
    gaps = gaps.mutate(gap=gaps.day.delta(gaps.previous, unit="day").cast("float64"))
    rhythm = gaps.group_by("customer_id").aggregate(
        gap_mean_days=_.gap.mean(), spread=_.gap.std(how="sample"), gaps=_.gap.count()
    )
    regularity = rhythm.spread / rhythm.gap_mean_days.nullif(0.0)
    return rhythm.mutate(gap_cv=(rhythm.gaps >= 2).ifelse(regularity, ibis.null("float64")))


FAMILY = Family(
    name="rhythm",
    factors=(
        Factor(
            name="gap_mean_days",
            meaning="how long the customer waits between orders",
            unit="days",
            formula="mean of the gaps between days with an order; unknown below 2 such days",
        ),
        Factor(
            name="gap_cv",
            meaning="how irregular the orders come: 0 like clockwork, about 1 at random",
            unit="ratio",
            formula="standard deviation ÷ mean of those gaps; unknown below 3 days with an order",
        ),
    ),
    compute=compute_rhythm,
)
