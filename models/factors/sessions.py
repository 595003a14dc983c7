"""Sessions: how long a customer stays and how far they look around."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import ibis
from ibis import _

from models.factors import Factor, Family, count_if, select_window, shrink_rates

if TYPE_CHECKING:
    from models.rollups import Rollups

WINDOW = 180


def compute_sessions(rollups: Rollups, as_of: date) -> ibis.Table:
    """Mean length and depth of a customer's sessions, and the share that ended where they began."""
    counts = (
        select_window(
            rollups.sessions, as_of, "duration_s", "page_views", "product_views", "bounced", days=WINDOW
        )
        .group_by("customer_id")
        .aggregate(
            session_duration_mean=_.duration_s.mean(),
            pages=(_.page_views + _.product_views).sum(),
            bounces=count_if(_.bounced),
            visits=_.count().cast("float64"),
        )
    )
    return shrink_rates(counts, bounce_rate=("bounces", "visits")).mutate(
        pages_per_session=_.pages / _.visits.nullif(0.0)
    )


FAMILY = Family(
    name="sessions",
    factors=(
        Factor(
            name="session_duration_mean",
            meaning="how long a visit lasts",
            unit="seconds",
            formula="mean duration of the sessions whose duration is known",
            window=WINDOW,
        ),
        Factor(
            name="pages_per_session",
            meaning="how much is looked at in a visit",
            unit="pages a session",
            formula="page and product views ÷ sessions",
            window=WINDOW,
        ),
        Factor(
            name="bounce_rate",
            meaning="how often a visit ends where it began",
            unit="share",
            formula="sessions of a single event ÷ sessions, shrunk towards all customers' rate",
            window=WINDOW,
        ),
    ),
    compute=compute_sessions,
)
