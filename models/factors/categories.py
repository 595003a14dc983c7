"""Categories: how widely a customer's interest spreads, and whether it moves."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.aggregates import count_if, sum_if
from models.factors import Factor, Family, in_last, select_window
from models.shrinkage import shrink_rates

if TYPE_CHECKING:
    from models.rollups import Rollups

BREADTH_WINDOW = 180
NOVELTY_WINDOW = 90


def compute_categories(rollups: Rollups, as_of: date) -> ibis.Table:
    """Number of categories a customer has met, the favourite's share, and the share of today's that are new."""
    met = (
        select_window(rollups.categories, as_of, "category", "interactions")
        .group_by("customer_id", "category")
        .aggregate(
            first=_.day.min(),
            last=_.day.max(),
            interest=sum_if(in_last(BREADTH_WINDOW, as_of), _.interactions),
        )
    )
    counts = met.group_by("customer_id").aggregate(
        category_breadth=count_if(in_last(BREADTH_WINDOW, as_of, day=_.last)),
        favourite=_.interest.max(),
        interest=_.interest.sum(),
        current=count_if(in_last(NOVELTY_WINDOW, as_of, day=_.last)),
        novel=count_if(in_last(NOVELTY_WINDOW, as_of, day=_.first)),
    )
    return shrink_rates(counts, category_focus=("favourite", "interest"), novelty_share=("novel", "current"))


FAMILY = Family(
    name="categories",
    factors=(
        Factor(
            name="category_breadth",
            meaning="how widely the customer's interest spreads",
            unit="categories",
            formula="number of categories looked at or bought",
            window=BREADTH_WINDOW,
            missing=0.0,
        ),
        Factor(
            name="category_focus",
            meaning="how much of the customer's interest goes to one category",
            unit="share",
            formula=(
                "events of the customer's favourite category ÷ events of any category, shrunk towards all "
                "customers' rate"
            ),
            window=BREADTH_WINDOW,
        ),
        Factor(
            name="novelty_share",
            meaning="how much of the customer's interest is new",
            unit="share",
            formula=(
                "categories first met in the window ÷ categories met in it, shrunk towards all customers' rate; "
                "unknown where there is none"
            ),
            window=NOVELTY_WINDOW,
        ),
    ),
    compute=compute_categories,
)
